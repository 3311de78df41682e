# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154 # variables come from other files
#
# Where answers come from. source_fetch copies them, as far as an answers file may be long, to
# $work/source; volumes are mounted read-only and only for that moment. No network.

# Print the device of the volume with label $1. A USB stick may come late.
source_volume()
{
	for second in 1 2 3 4 5 6 7 8 9 10; do
		found=$(findfs "LABEL=$1" 2>/dev/null) && [ -b "$found" ] && echo "$found" && return
		sleep 1
	done
	echo "there is no volume with the label $1 after $second s"
	return 1
}

# Mounts device $1 at $2, with the file systems a volume may have. No journal is replayed.
source_mount()
{
	for type in iso9660 vfat ext4; do
		options=ro,nosuid,nodev,noexec
		[ $type != ext4 ] || options=$options,noload
		mount -t $type -o $options "$1" "$2" 2>/dev/null && return
	done
	echo "$1 has no ISO 9660, FAT or ext4 that can be read"
	return 1
}

# Copies file $1 to $work/source.
source_copy()
{
	if [ ! -f "$1" ] || ! head -c $((ANSWERS_MAX + 1)) "$1" >"$work/source" 2>/dev/null; then
		echo "there is no such file"
		return 1
	fi
}

# A file of a labelled volume.
source_from_volume()
{
	device=$(source_volume "$1") || { echo "$device"; return 1; }
	mkdir -p "$work/volume"
	source_mount "$device" "$work/volume" || return 1
	source_copy "$work/volume/$2"
	copied=$?
	umount "$work/volume"
	return $copied
}

# source_fetch SOURCE: says what is wrong.
source_fetch()
{
	case $1 in
	*..*) echo "no .. is wanted in it"; return 1 ;;
	cd:/*) source_from_volume XENO_CD "${1#cd:/}" ;;
	label:*[!A-Za-z0-9._/-]*) echo "a label has letters, digits, - . and _"; return 1 ;;
	label:?*/?*)
		place=${1#label:}
		source_from_volume "${place%%/*}" "${place#*/}"
		;;
	fw_cfg:?*) source_copy "/sys/firmware/qemu_fw_cfg/by_name/${1#fw_cfg:}/raw" ;;
	cd:* | label:* | fw_cfg:*) echo "cd:/PATH, label:LABEL/PATH or fw_cfg:NAME is wanted"; return 1 ;;
	*) source_copy "$1" ;;
	esac
}

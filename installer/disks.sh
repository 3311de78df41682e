# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # variables come from and go to other files
#
# Disks: which there are, what is on them, who uses them. Only reads; what a disk says about itself
# is made printable before it is shown. A disk here is a drive of the hypervisor that domain 0 sees,
# by its name: xvda.

# The GPT type of a XenoDisk.
XENODISK_TYPE=3DED92A1-CD26-468F-856B-32E68233E8D9

# Where the note about a XenoDisk that is to be kept lies: a sector that no table uses.
NOTE_SECTOR=1024
NOTE_MARK='xeno-install keeps'

# Makes the list $disks: NAME SECTORS BLOCK STATE USER MODEL SERIAL, with tabs between; STATE is ok, cd,
# read-only or dead, USER a guest or -.
disks_find()
{
	disks=$1
	xenctl disk list --json | awk '
		function text(key,  at, rest) {
			at = index($0, "\"" key "\": \"")
			if (!at)
				return "-"
			rest = substr($0, at + length(key) + 5)
			at = match(rest, /^([^"\\]|\\.)*/)
			rest = substr(rest, 1, RLENGTH)
			gsub(/[^ -~]/, "?", rest)
			return rest == "" ? "-" : rest
		}
		function number(key,  at, rest) {
			at = index($0, "\"" key "\": ")
			rest = substr($0, at + length(key) + 4)
			sub(/[^0-9].*/, "", rest)
			return at ? rest : 0
		}
		function is(flag) { return index($0, "\"" flag "\": true") }
		function show() {
			if (name != "" && name != "-")
				print name "\t" rest_of "\t" user "\t" about
		}
		/"drive":/ {
			show()
			name = text("name")
			state = is("cdrom") ? "cd" : is("read_only") ? "read-only" : is("dead") ? "dead" : "ok"
			rest_of = number("sectors") "\t" number("block_size") "\t" state
			about = text("model") "\t" text("serial")
			user = "-"
		}
		/"domain":/ { user = text("domain") }
		END { show() }' >"$disks"
}

# Print field $2 (sectors block state user model serial) of disk $1. Fails if there is none.
disk_fact()
{
	awk -F "$TAB" -v name="$1" -v fact="$2" '
		BEGIN { split("name sectors block state user model serial", field, " ")
			for (n in field) column[field[n]] = n }
		$1 == name { print $column[fact]; found = 1 }
		END { exit !found }' "$disks"
}

disk_mib()
{
	echo $(($(disk_fact "$1" sectors) / 2048))
}

# Print a number of MiB as people write it.
mib_text()
{
	if [ "$1" -ge 1024 ]; then
		echo "$(($1 / 1024)).$(($1 % 1024 * 10 / 1024)) GiB"
	else
		echo "$1 MiB"
	fi
}

disk_text()
{
	echo "/dev/$1, $(mib_text "$(disk_mib "$1")"), $(disk_fact "$1" model), $(disk_fact "$1" serial)"
}

# Print the partitions of disk $1 that the kernel sees: NUMBER START SECTORS.
disk_partitions()
{
	for part in /sys/block/"$1"/"$1"*; do
		[ -r "$part/partition" ] || continue
		echo "$(cat "$part/partition") $(cat "$part/start") $(cat "$part/size")"
	done | sort -n
}

# Print bytes in hex. The offset is small, or a multiple of 512.
read_hex()
{
	if [ $(($2 % 512)) -eq 0 ]; then
		dd if="$1" bs=512 skip=$(($2 / 512)) count=$((($3 + 511) / 512)) 2>/dev/null
	else
		head -c $(($2 + $3)) "$1" 2>/dev/null | tail -c "+$(($2 + 1))"
	fi | head -c "$3" | od -An -v -tx1 | tr -d ' \n'
}

# Does a XenoDisk begin at sector $2 of device $1? Its first 4 KiB are zeros, at 64 KiB is its magic.
xenodisk_at()
{
	[ "$(read_hex "$1" $((($2 + 128) * 512)) 8)" = 58656e6f4469736b ] &&
		[ -z "$(read_hex "$1" $(($2 * 512)) 4096 | tr -d 0)" ]
}

# Is there a Xeno CD on disk $1? Its label is in the volume descriptor.
holds_cd()
{
	[ "$(read_hex "/dev/$1" 32768 6)" = 014344303031 ] &&
		[ "$(read_hex "/dev/$1" 32808 7)" = 58454e4f5f4344 ]
}

# Print a label, in quotes.
quoted()
{
	[ -z "$1" ] || printf ' "%s"' "$1"
}

# Print the names of the virtual disks on a XenoDisk: the first column of a table with a heading, and
# below it a line about the whole.
virtual_disks()
{
	names=$(xenctl vd list --on "$1" 2>/dev/null | awk 'NR > 1 && $1 !~ /:$/ { printf " %s", $1 }')
	[ -z "$names" ] || printf ', virtual disks:%.60s' "$names"
}

# Print what a device has on it, as far as we know it.
contents()
{
	if [ "$(read_hex "$1" 1080 2)" = 53ef ]; then
		echo "ext2, ext3 or ext4$(quoted "$(head -c 1160 "$1" | tail -c 16 | tr -cd '!-~')")"
	elif xenodisk_at "$1" 0; then
		echo "XenoDisk$(virtual_disks "$1")"
	elif [ "$(read_hex "$1" 4086 10)" = 53574150535041434532 ]; then
		echo "swap"
	elif [ "$(read_hex "$1" 82 3)" = 464154 ] || [ "$(read_hex "$1" 54 3)" = 464154 ]; then
		echo "FAT"
	elif [ "$(read_hex "$1" 3 4)" = 4e544653 ]; then
		echo "NTFS"
	elif [ "$(read_hex "$1" 0 4)" = 58465342 ]; then
		echo "XFS"
	elif [ "$(read_hex "$1" 0 6)" = 4c554b53babe ]; then
		echo "LUKS"
	elif [ "$(read_hex "$1" 32768 6)" = 014344303031 ]; then
		echo "ISO 9660"
	elif [ -z "$(read_hex "$1" 0 65536 | tr -d 0)" ]; then
		echo "nothing in its first 64 KiB"
	else
		echo "something unknown"
	fi
}

# Print a line for each part of disk $1.
disk_contents()
{
	disk_partitions "$1" >"$work/partitions"
	if [ ! -s "$work/partitions" ]; then
		echo "no partitions; $(contents "/dev/$1")"
		return
	fi
	while read -r nr _ sectors; do
		echo "/dev/$1$nr  $(mib_text $((sectors / 2048)))  $(contents "/dev/$1$nr")"
	done <"$work/partitions"
}

# Says why disk $1 cannot be used; silent if it can.
disk_refused()
{
	[ "$(disk_fact "$1" block)" = 512 ] || [ "$(disk_fact "$1" state)" = cd ] ||
		{ echo "its sectors have $(disk_fact "$1" block) bytes, 512 are wanted"; return; }
	case $(disk_fact "$1" state) in
	cd) echo "it is a CD drive"; return ;;
	read-only) echo "it is read-only"; return ;;
	dead) echo "it does not answer"; return ;;
	esac
	user=$(disk_fact "$1" user)
	[ "$user" = - ] || { echo "it is in use by guest $user"; return; }
	used=$(grep -hoE "^/dev/$1[0-9]* +[^ ]+" /proc/mounts /proc/swaps | head -n 1)
	case $used in
	'') ;;
	*' partition') echo "it is in use: ${used%% *} is swap"; return ;;
	*) echo "it is in use: ${used%% *} is mounted on ${used##* }"; return ;;
	esac
	for holder in "/sys/block/$1/holders"/* "/sys/block/$1/$1"*/holders/*; do
		[ ! -e "$holder" ] || { echo "it is in use by ${holder##*/} of domain 0"; return; }
	done
	! holds_cd "$1" || echo "there is a Xeno CD on it, it may be the one that runs"
}

# Print the names of the disks that can be used, the smallest first when asked so.
disks_usable()
{
	order='cat'
	[ "$1" != smallest ] || order='sort -n -s -k 2'
	cut -f 1,2 "$disks" | $order | while IFS=$TAB read -r name _; do
		[ -n "$(disk_refused "$name")" ] || echo "$name"
	done
}

# Print the names of the disks that an answer means, or a line with a reason.
disk_choose()
{
	case $1 in
	/dev/*) found=$(cut -f 1 "$disks" | grep -xF -- "${1#/dev/}") ;;
	serial:*) found=$(awk -F "$TAB" -v t="${1#serial:}" '$7 == t { print $1 }' "$disks") ;;
	model:*) found=$(awk -F "$TAB" -v t="${1#model:}" '$6 == t { print $1 }' "$disks") ;;
	*) found=$(disks_usable "$1" | head -n 1) ;;
	esac
	case $found in
	'') echo "there is no such disk"; return 1 ;;
	*[!a-z0-9]*) echo "more than one disk is meant: $(echo "$found" | tr '\n' ' ' | sed 's/ $//')"; return 1 ;;
	esac
	why=$(disk_refused "$found")
	[ -z "$why" ] || { echo "$why"; return 1; }
	echo "$found"
}

# --- a XenoDisk that is to be kept

# Print START SECTORS UUID of the XenoDisk on disk $1: by the table, or where the table has none at all,
# by the note of an installation that was cut off. Says what is wrong when there is not exactly one.
xenodisk_find()
{
	disk_partitions "$1" >"$work/partitions"
	found='' count=0
	while read -r nr start sectors; do
		xenodisk_at "/dev/$1" "$start" || continue
		found="$start $sectors $(partition_uuid "$1" "$nr")" count=$((count + 1))
	done <"$work/partitions"
	if [ $count -gt 1 ]; then
		echo "there are $count XenoDisks on /dev/$1"
		return 1
	fi
	[ $count -eq 1 ] || [ -s "$work/partitions" ] || found=$(note_read "$1")
	[ -n "$found" ] || { echo "there is no XenoDisk in a partition of /dev/$1"; return 1; }
	echo "$found"
}

partition_uuid()
{
	sfdisk --part-uuid "/dev/$1" "$2" 2>/dev/null | grep -E '^[0-9A-Fa-f-]{36}$' ||
		cat /proc/sys/kernel/random/uuid
}

# Writes the note about the XenoDisk at $2, with $3 sectors and UUID $4, and makes sure it is there.
note_write()
{
	printf '%s %s %s %s\n' "$NOTE_MARK" "$2" "$3" "$4" | dd of="/dev/$1" bs=512 conv=sync,notrunc,fsync status=none \
		seek=$NOTE_SECTOR
}

note_erase()
{
	dd if=/dev/zero of="/dev/$1" bs=512 count=1 seek=$NOTE_SECTOR conv=notrunc,fsync status=none
}

# Print START SECTORS UUID of a note that is true. It is text from a disk: nothing is believed.
note_read()
{
	note=$(dd if="/dev/$1" bs=512 skip=$NOTE_SECTOR count=1 2>/dev/null | tr -cd ' -~')
	echo "$note" | grep -Eq "^$NOTE_MARK [1-9][0-9]{0,14} [1-9][0-9]{0,14} [0-9A-Fa-f-]{36}$" || return
	note=${note#"$NOTE_MARK "}
	sectors=${note#* } sectors=${sectors%% *}
	[ $((${note%% *} + sectors)) -lt "$(disk_fact "$1" sectors)" ] || return
	! xenodisk_at "/dev/$1" "${note%% *}" || echo "$note"
}

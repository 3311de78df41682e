# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154 # variables come from other files
#
# Apply: carries a plan out, step after step, each with a name and a log. The first step that fails
# ends it; the disk can then be installed again. The order is what makes that true for a power cut,
# too: nothing on the disk boots until the last step, and a XenoDisk that stays is in the table or in
# the note beside it at any moment.

new=/run/xeno/newroot

# STEP FUNCTION PERCENT: what is done when it begins.
APPLY_STEPS='
partition	apply_partition	2
file-systems	apply_file_systems	8
root	apply_root	20
settings	apply_settings	65
boot	apply_boot	70
xenodisk	apply_xenodisk	85
grub	apply_grub	90'

# Print the device of partition $1 of the plan.
device_of()
{
	nr=$(awk -v name="$1" '$1 == name { print NR }' "$layout")
	[ -n "$nr" ] && echo "/dev/$disk$nr"
}

# For sfdisk: type and name of a partition.
partition_type()
{
	case $1 in
	bios) echo '21686148-6449-6E6F-744E-656564454649, name="xeno-bios"' ;;
	esp) echo 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="xeno-esp"' ;;
	boot) echo '0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="xeno-boot"' ;;
	root) echo '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name="xeno-root"' ;;
	swap) echo '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, name="xeno-swap"' ;;
	xeno) echo "$XENODISK_TYPE, name=\"xeno-disk\"" ;;
	esac
}

new_uuid()
{
	cat /proc/sys/kernel/random/uuid
}

# Print the table as sfdisk wants it.
partition_table()
{
	echo "label: gpt"
	while read -r name start size; do
		uuid=$(new_uuid)
		[ "$name" != root ] || uuid=$root_part_uuid
		echo "start=$((start * 2048)), size=$((size * 2048)), uuid=$uuid, type=$(partition_type "$name")"
	done <"$layout"
	[ -z "$kept" ] || echo "$kept" | {
		read -r start sectors uuid
		echo "start=$start, size=$sectors, uuid=$uuid, type=$(partition_type xeno)"
	}
}

# zero DEVICE MIB_FROM COUNT
zero()
{
	dd if=/dev/zero of="$1" bs=1M seek="$2" count="$3" conv=notrunc,fsync status=none
}

# The devices come a moment after the table.
wait_for_partitions()
{
	last=$(awk 'END { print NR }' "$layout")
	for tenth in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		[ ! -b "/dev/$disk$last" ] || return 0
		sleep 0.1
	done
	echo "no /dev/$disk$last after $((tenth / 10)) s"
	return 1
}

# What began the disk may not begin the new partitions; nothing of the kept XenoDisk is touched.
apply_partition()
{
	if [ -n "$kept" ]; then
		# shellcheck disable=SC2086 # three words
		note_write "$disk" $kept || return 1
		dd if=/dev/zero of="/dev/$disk" bs=440 count=1 conv=notrunc,fsync status=none || return 1
	else
		zero "/dev/$disk" 0 1 && zero "/dev/$disk" $(($(disk_mib "$disk") - 1)) 1 || return 1
	fi
	partition_table >"$work/table" && cat "$work/table"
	sfdisk --wipe never --wipe-partitions never "/dev/$disk" <"$work/table" || return 1
	sync
	[ -z "$kept" ] || note_erase "$disk" || return 1
	wait_for_partitions || return 1
	while read -r name _; do
		zero "$(device_of "$name")" 0 1 || return 1
	done <"$layout"
}

apply_file_systems()
{
	mkdosfs -n XENO_ESP "$(device_of esp)" &&
		mkfs.ext4 -q -F -L xeno-boot -U "$boot_uuid" "$(device_of boot)" &&
		mkfs.ext4 -q -F -L xeno-root -U "$root_uuid" "$(device_of root)" || return 1
	if swap=$(device_of swap); then
		mkswap -L xeno-swap "$swap" || return 1
	fi
	mkdir -p $new && mount -t ext4 "$(device_of root)" $new && mkdir -p $new/boot $new/run/esp &&
		mount -t ext4 "$(device_of boot)" $new/boot
}

# Hypervisor and kernel; the kernel is the one that guests are started with, too.
apply_boot()
{
	mkdir -p $new/boot/grub &&
		cp /usr/lib/xeno/xeno.gz $new/boot/xeno.gz &&
		cp /usr/lib/xeno/xenolinux $new/boot/xenolinux &&
		grub_menu "$(answer dom0_mem)" "$root_part_uuid" >$new/boot/grub/grub.cfg && sync
}

apply_xenodisk()
{
	device=$(device_of xeno) || { echo "none is made"; return 0; }
	zero "$device" 0 5 && xenctl disk init --force "$device"
}

# All is there: now the disk may boot. The ESP is complete before the BIOS's turn comes.
apply_grub()
{
	esp=$new/run/esp
	mount -t vfat "$(device_of esp)" $esp && mkdir -p $esp/EFI/BOOT &&
		xzcat /usr/lib/xeno/grub/BOOTX64.EFI.xz >$esp/EFI/BOOT/BOOTX64.EFI &&
		grub_esp_menu "$boot_uuid" >$esp/EFI/BOOT/grub.cfg &&
		umount $esp && rmdir $esp && grub_for_bios
}

# Unmounts all that is mounted below the new root; also when only some of it is.
apply_unmount()
{
	for dir in $new/run/esp $new/boot $new; do
		! grep -q " $dir " /proc/mounts || umount "$dir" || return 1
	done
}

# apply_failed STEP: the reason is the last line of the log.
apply_failed()
{
	why=$(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-200)
	apply_unmount >>"$log" 2>&1
	echo "xeno-install: failed: $1: $why" | tee -a "$log" >&2
}

# Carries the plan out. $1 is told of each step: NAME PERCENT.
apply_plan()
{
	root_part_uuid=$(new_uuid) root_uuid=$(new_uuid) boot_uuid=$(new_uuid)
	steps=$(echo "$APPLY_STEPS" | grep .)
	while IFS=$TAB read -r step function percent; do
		"$1" "$step" "$percent"
		echo "== $step" >>"$log"
		"$function" >>"$log" 2>&1 </dev/null || { apply_failed "$step"; return 1; }
	done <<-END
	$steps
	END
	"$1" finish 98
	cp "$log" $new/var/log/xeno-install.log
	sync
	apply_unmount >>"$log" 2>&1 || { apply_failed finish; return 1; }
	sync
	"$1" "done" 100
}

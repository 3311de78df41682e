#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# mkgrub.sh FOLDER: makes, on the build machine, the GRUB images that installed disks get:
#   boot.img, core.img	for a BIOS; core.img lies at the start of partition 1, at 1 MiB, so that the
#			sector numbers that grub-bios-setup would write are known here
#   BOOTX64.EFI.xz	for UEFI
# All modules they need are inside: there is no module folder on the disk.
set -eu

modules='all_video configfile echo ext2 gzio halt linux multiboot2 normal part_gpt reboot search
	search_fs_uuid serial sleep terminal test'
lib=/usr/lib/grub/i386-pc

# put FILE OFFSET BYTES: BYTES as \ooo.
put()
{
	# shellcheck disable=SC2059 # that is what it is for
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# number FILE OFFSET BYTES
number()
{
	od -An -v -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '
}

die()
{
	echo "xeno: $*" >&2
	exit 1
}

# boot.img reads the sector whose number is at 92, here 2048, from the drive that the BIOS names at 100 when that is
# not 255. The jump at 102 would believe any drive number; without it a wrong one becomes 0x80.
make_boot()
{
	cp $lib/boot.img "$out/boot.img"
	[ "$(number "$out/boot.img" 92 8)" = 1 ] || die "$lib/boot.img: no sector number at 92"
	put "$out/boot.img" 92 '\000\010\000\000\000\000\000\000'
	put "$out/boot.img" 102 '\220\220'
}

# The first sector of core.img reads the others: its list, at the end, has first sector (8 bytes),
# number (2) and segment (2).
make_core()
{
	# shellcheck disable=SC2086 # a list of words
	grub-mkimage -O i386-pc -p '(,gpt3)/grub' -o "$out/core.img" biosdisk vga $modules
	sectors=$((($(stat -c %s "$out/core.img") + 511) / 512))
	[ $sectors -le 2048 ] || die "core.img does not fit into 1 MiB"
	list="$(number "$out/core.img" 500 8) $(number "$out/core.img" 508 2) $(number "$out/core.img" 510 2)"
	[ "$list" = "2 $((sectors - 1)) 2080" ] || die "core.img: at 500 there is no list of sectors: $list"
	put "$out/core.img" 500 '\001\010\000\000\000\000\000\000'
}

make_efi()
{
	# shellcheck disable=SC2086 # a list of words
	grub-mkimage -O x86_64-efi -p /EFI/BOOT -o "$out/BOOTX64.EFI" efi_gop fat $modules
	xz -9e -f --check=crc32 "$out/BOOTX64.EFI"
}

[ $# -eq 1 ] || die "usage: mkgrub.sh FOLDER"
out=$1.work
rm -rf "$out" "$1"
mkdir -p "$out"
make_boot
make_core
make_efi
mv "$out" "$1"

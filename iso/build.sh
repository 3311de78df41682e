#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Assembles the CD: a hybrid image (CD and USB stick) that boots on a BIOS through
# isolinux and on UEFI through GRUB. No root and no loop mounts; every date comes
# from SOURCE_DATE_EPOCH, so the same inputs give the same bytes.
#
# With -g the BIOS side is GRUB too. That image exists only for the tests.
set -eu

usage()
{
	echo "usage: iso/build.sh [-g] -o IMAGE XENO_GZ XENOLINUX_BZ DOM0_IMG README"
}

modules='configfile echo gzio halt iso9660 linux ls multiboot multiboot2 normal part_gpt
	part_msdos reboot search search_label serial sleep terminal test all_video fat'

stage_files()
{
	mkdir -p "$stage/boot/grub" "$stage/isolinux"
	cp "$1" "$stage/boot/xeno.gz"
	cp "$2" "$stage/boot/xenolinux"
	cp "$3" "$stage/boot/dom0.img"
	cp "$4" "$stage/README.CD"
	cp "$here/grub.cfg" "$stage/boot/grub/grub.cfg"
}

stage_isolinux()
{
	cp "$here/isolinux.cfg" /usr/lib/ISOLINUX/isolinux.bin "$stage/isolinux/"
	for module in ldlinux libcom32 libutil mboot menu; do
		cp "/usr/lib/syslinux/modules/bios/$module.c32" "$stage/isolinux/"
	done
}

# The BIOS GRUB of the test image.
stage_grub_bios()
{
	# shellcheck disable=SC2086 # a list of words
	grub-mkimage -O i386-pc-eltorito -p /boot/grub -c "$here/grub-early.cfg" \
		-o "$stage/isolinux/isolinux.bin" biosdisk vga $modules
}

# GRUB for UEFI: a file on the CD, and a FAT image that holds the same file.
stage_grub_efi()
{
	mkdir -p "$stage/EFI/BOOT"
	# shellcheck disable=SC2086 # a list of words
	grub-mkimage -O x86_64-efi -p /boot/grub -c "$here/grub-early.cfg" \
		-o "$stage/EFI/BOOT/BOOTX64.EFI" efi_gop efi_uga $modules
	size=$(stat -c %s "$stage/EFI/BOOT/BOOTX64.EFI")
	touch -d "@$SOURCE_DATE_EPOCH" "$stage/EFI/BOOT/BOOTX64.EFI"
	fat=$stage/boot/efi.img
	truncate -s $(((size / 65536 + 4) * 65536)) "$fat"
	mformat -i "$fat" -N 58454e4f -v XENO_EFI -T $((($(stat -c %s "$fat")) / 512)) -h 1 -s 1 ::
	mmd -i "$fat" ::/EFI ::/EFI/BOOT
	mcopy -m -i "$fat" "$stage/EFI/BOOT/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
}

write_image()
{
	find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	# shellcheck disable=SC2086 # $hybrid is a list of words
	xorriso -report_about WARNING -as mkisofs -quiet -o "$image.work.iso" \
		-V XENO_CD -A XENO -publisher XENO -preparer XENO -r -J \
		--modification-date="$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S00)" \
		--set_all_file_dates set_to_mtime \
		$hybrid -c isolinux/boot.cat -b isolinux/isolinux.bin -no-emul-boot \
		-boot-load-size 4 -boot-info-table \
		-eltorito-alt-boot -e boot/efi.img -no-emul-boot -isohybrid-gpt-basdat \
		"$stage" 2>"$image.log" || {
		cat "$image.log" >&2
		exit 1
	}
	rm "$image.log"
	mv "$image.work.iso" "$image"
}

image='' grub=''
while getopts go:h option; do
	case $option in
	g) grub=y ;;
	o) image=$OPTARG ;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
if [ -z "$image" ] || [ $# -ne 4 ]; then
	usage >&2
	exit 2
fi
: "${SOURCE_DATE_EPOCH:=0}"
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
export MTOOLS_SKIP_CHECK=1

here=$(cd "$(dirname "$0")" && pwd)
stage=$image.work
rm -rf "$stage"
mkdir -p "$stage"
trap 'rm -rf "$stage" "$image.work.iso"' EXIT

stage_files "$@"
stage_grub_efi
if [ -n "$grub" ]; then
	stage_grub_bios
	hybrid=''
else
	stage_isolinux
	hybrid='-isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin'
fi
write_image

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154 # variables come from other files
#
# GRUB on the disk. Its images are made when the CD is (mkgrub.sh), for the places where layout.sh puts
# them: the BIOS reads boot.img from the first sector, that reads core.img from partition 1, and that
# reads the menu from partition 3. UEFI starts BOOTX64.EFI, which looks for partition 3 by its UUID.

# Boot code leaves the rest of the first sector, the protective partition table, as it is.
grub_for_bios()
{
	dd if=/usr/lib/xeno/grub/core.img of="$(device_of bios)" bs=64k conv=notrunc,fsync status=none &&
		dd if=/usr/lib/xeno/grub/boot.img of="/dev/$disk" bs=440 count=1 conv=notrunc,fsync status=none
}

# Beside BOOTX64.EFI: where the menu is.
grub_esp_menu()
{
	cat <<-END
	search --no-floppy --fs-uuid --set=root $1
	set prefix=(\$root)/grub
	configfile /grub/grub.cfg
	END
}

# grub_entry TITLE ID XENO_WORDS LINUX_WORDS
grub_entry()
{
	cat <<-END

	menuentry "$1" --id $2 {
		multiboot2 /xeno.gz $3
		module2 /xenolinux root=PARTUUID=$part rootwait ro init=/init $4
	}
	END
}

# grub_menu DOM0_MEM ROOT_PART_UUID: print the disk's menu.
grub_menu()
{
	words="com1=115200,8n1 nic${1:+ dom0_mem=$1}" part=$2
	cat <<-END
	# The boot menu of this disk, written by xeno-install. Screen and serial line both work.
	if serial --unit=0 --speed=115200; then
		terminal_input console serial
		terminal_output console serial
	fi
	insmod all_video
	set gfxpayload=keep
	set timeout=3
	set default=xeno
	END
	grub_entry "Xeno" xeno "console=com1,vga $words" "console=tty0 console=hvc0 swiotlb=4096 quiet"
	grub_entry "Xeno, serial line only" serial "console=com1 $words" "console=hvc0 swiotlb=4096"
	grub_entry "Xeno, safe: no ACPI, one processor" safe "console=com1,vga $words noacpi maxcpus=1" \
		"console=tty0 console=hvc0 swiotlb=4096 acpi=off"
	cat <<-END

	menuentry "XenoLinux without the hypervisor" --id plain {
		linux /xenolinux root=PARTUUID=$part rootwait ro init=/init console=tty0 console=ttyS0,115200
	}
	END
}

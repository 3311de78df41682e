#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetches Debian's stock kernel for the tests that boot it, without installing it:
#   build/stock/vmlinuz   as the package has it
#   build/stock/vmlinux   the ELF image inside
#   build/stock/modules   an archive to put before a guest's root: its modules
#   build/stock.img       an archive to put before dom0.img: the modules that domain 0
#                         needs and vmlinuz as /usr/lib/xeno/stock
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
stock=$top/build/stock
modules='xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc xen-blkfront xen-netfront
	ext4 jbd2 mbcache crc16 crc32c_generic crc32c-intel libcrc32c'
. "$top/mk/lib.sh"

# Fetch and unpack what linux-image-amd64 stands for today.
fetch()
{
	package=$(apt-cache depends linux-image-amd64 |
		sed -n 's/ *Depends: \(linux-image-[0-9].*\)/\1/p')
	[ -n "$package" ] || die "linux-image-amd64 is not known: run apt-get update"
	say STOCK "fetching $package"
	rm -rf "$stock.work"
	mkdir -p "$stock.work/tree"
	(cd "$stock.work" && apt-get -qq download "$package" 2>"$stock.work/log") ||
		die "$package could not be fetched: $(tail -1 "$stock.work/log")"
	dpkg-deb -x "$stock.work/$package"_*.deb "$stock.work/tree"
}

# A number of the boot header: offset, bytes.
header()
{
	od -An -v -j "$1" -N "$2" -t "u$2" "$stock.work/vmlinuz" | tr -d ' '
}

# The compressed ELF image lies behind the real-mode part.
extract_elf()
{
	mv "$stock.work/tree/boot/"vmlinuz-* "$stock.work/vmlinuz"
	sectors=$(header 497 1)
	start=$(((sectors + 1) * 512 + $(header 584 4)))
	tail -c +$((start + 1)) "$stock.work/vmlinuz" | head -c "$(header 588 4)" |
		xz -dc --single-stream >"$stock.work/vmlinux" ||
		die "the stock kernel is not packed with xz"
}

# FILE PATH, for each module.
list_modules()
{
	find "$1/root/lib" -type f | LC_ALL=C sort | while read -r file; do
		echo "$file ${file#"$1/root"}"
	done
}

pack_modules()
{
	release=$(basename "$stock.work/tree/lib/modules/"*)
	target=$stock.work/root/lib/modules/$release
	mkdir -p "$target"
	for module in $modules; do
		find "$stock.work/tree/lib/modules" -name "$module.ko*" -exec cp {} "$target/" \;
	done
	busybox depmod -b "$stock.work/root" "$release"
	list_modules "$stock.work" | write_archive "$stock.work/modules"
	(echo "$stock.work/vmlinuz /usr/lib/xeno/stock" && list_modules "$stock.work") |
		write_archive "$top/build/stock.img.work"
}

# An archive of FILE PATH lines: one entry per directory on the way, then the files.
write_archive()
{
	awk '{
		path = ""
		count = split($2, part, "/")
		for (i = 2; i < count; i++) {
			path = path "/" part[i]
			if (!seen[path]++)
				print "dir " path " 755 0 0"
		}
		print "file " $2 " " $1 " 644 0 0"
	}' >"$stock.work/list"
	"$top/build/linux/obj/usr/gen_init_cpio" -t 0 "$stock.work/list" >"$1"
}

fetch
extract_elf
pack_modules
rm -rf "$stock" "$stock.work/tree" "$stock.work/root" "$stock.work/"*.deb
mv "$stock.work" "$stock"
mv "$top/build/stock.img.work" "$top/build/stock.img"

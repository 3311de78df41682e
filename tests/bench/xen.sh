#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What domain 0 of real Xen needs to run a guest, as an archive to put before a root:
# Debian's tools with their libraries, fetched and not installed, the stock kernel's modules
# for drives, cards and back ends, and the files under xen/. stock.sh must have run.
# O: the build folder.
# usage: xen.sh IMAGE
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
image=$1
build=${O:-$top/build}
work=$image.work
# shellcheck source=mk/lib.sh
. "$top/mk/lib.sh"

packages='xen-utils-4.17 xenstore-utils libxenmisc4.17 libxencall1 libxendevicemodel1
	libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4
	libxentoolcore1 libxentoollog1 libyajl2'
programs='xl xenstored xenconsoled xenconsole xen-init-dom0 xenstore'
links='xenstore-read xenstore-write'
modules='xenfs xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xen-blkback xen-blkfront
	xen-netfront brd virtio_pci virtio_blk ahci sd_mod nvme xen-netback bridge virtio_net'

fetch()
{
	release=$(sed -n 's,^dir /lib/modules/\([^ /]*\) .*,\1,p' "$build/stock/list")
	say XEN "fetching the tools, and the modules of $release"
	# shellcheck disable=SC2086 # a list of words
	(cd "$work" && apt-get -qq download $packages "linux-image-$release" 2>log) ||
		die "real Xen's tools could not be fetched: $(tail -1 "$work/log")"
	for package in "$work"/*.deb; do
		dpkg-deb -x "$package" "$work/tree"
	done
}

# FILE PATH MODE, for programs, for what they are linked with and for their links.
list_programs()
{
	libraries=$work/tree/usr/lib/x86_64-linux-gnu:$work/tree/lib/x86_64-linux-gnu
	for name in $programs; do
		file=$(find "$work/tree/usr" -type f -name "$name" -perm -100)
		echo "$file ${file#"$work/tree"} 755"
		LD_LIBRARY_PATH=$libraries ldd "$file" | grep -o '/[^ ]*' |
			awk -v tree="$work/tree" '{
				path = $1
				if (index(path, tree) == 1)
					path = substr(path, length(tree) + 1)
				print $1, path, 755
			}'
	done
	# Opened by name at the end of a thread.
	echo "/lib/x86_64-linux-gnu/libgcc_s.so.1 /lib/x86_64-linux-gnu/libgcc_s.so.1 755"
	for name in $links; do
		echo "$work/tree/usr/bin/xenstore /usr/bin/$name 755"
	done
}

# Modules and all they stand on, in one folder.
list_modules()
{
	target=$work/root/lib/modules/$release
	mkdir -p "$target"
	busybox depmod -b "$work/tree" "$release"
	for name in $modules; do
		sed -n "s,^\([^:]*/$name\.ko\):,\1,p" "$work/tree/lib/modules/$release/modules.dep"
	done | tr ' ' '\n' | sed "/./s,^,$work/tree/lib/modules/$release/," | sort -u |
		xargs cp -t "$target"
	busybox depmod -b "$work/root" "$release"
	for file in "$target"/*; do
		echo "$file ${file#"$work/root"} 644"
	done
}

list_overlay()
{
	(cd "$here/xen" && find . -type f) | while read -r file; do
		echo "$here/xen/$file ${file#.} 755"
	done
}

# An archive of FILE PATH MODE lines, with the directories on the way.
write_archive()
{
	LC_ALL=C sort -u -k 2,2 | awk '{
		path = ""
		count = split($2, part, "/")
		for (i = 2; i < count; i++) {
			path = path "/" part[i]
			if (!seen[path]++)
				print "dir " path " 755 0 0"
		}
		print "file " $2 " " $1 " " $3 " 0 0"
	}' >"$work/list"
	"$build/linux/obj/usr/gen_init_cpio" -t 0 "$work/list" >"$work/image"
}

rm -rf "$work"
mkdir -p "$work/tree"
fetch
{
	list_programs
	list_modules
	list_overlay
} | write_archive
mv "$work/image" "$image"
rm -rf "$work"

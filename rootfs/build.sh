#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds an initial root from BusyBox and overlay trees, without root: the archive
# is written by the kernel's own gen_init_cpio from a sorted list, so the same
# inputs give the same bytes.
#
# The image is two archives in a row. Files that are compressed already (a guest
# kernel, a guest root) come first and uncompressed, the rest is packed with lz4:
# unpacking at boot then costs little more than a copy.
set -eu

usage()
{
	cat <<-END
	usage: rootfs/build.sh -o IMAGE -c GEN_INIT_CPIO [OPTION]... TREE...
	  -o IMAGE          the image to write
	  -c GEN_INIT_CPIO  the kernel's archive writer
	  -p PROGRAM=PATH   put an executable at PATH, and the libraries that it needs
	  -l TARGET=PATH    make a symbolic link at PATH
	  -f FILE=PATH      put a file at PATH
	  -r FILE=PATH      put a file at PATH as it is, outside the packed part
	  TREE...           overlay trees, copied to / in this order
	END
}

# Print the list entries of all parent directories of the paths on stdin.
list_parents()
{
	awk -F/ '{
		path = ""
		for (i = 2; i < NF; i++) {
			path = path "/" $i
			if (!seen[path]++)
				print "dir " path " 755 0 0"
		}
	}'
}

# The directories and nodes every root has.
list_skeleton()
{
	for dir in bin dev etc lib mnt proc root run sbin sys tmp usr var var/log; do
		echo "dir /$dir 755 0 0"
	done
	echo "nod /dev/console 600 0 0 c 5 1"
	echo "nod /dev/null 666 0 0 c 1 3"
}

# BusyBox and one link per applet.
list_busybox()
{
	busybox=$(command -v busybox)
	"$busybox" --list-full | sed 's,^,/,' | LC_ALL=C sort >"$work/applets"
	list_parents <"$work/applets"
	echo "file /bin/busybox $busybox 755 0 0"
	awk '$1 != "/bin/busybox" { print "slink " $1 " /bin/busybox 777 0 0" }' "$work/applets"
}

# One overlay tree.
list_tree()
{
	(cd "$1" && find . -type f | sed 's,^\.,,' | LC_ALL=C sort) >"$work/files"
	list_parents <"$work/files"
	while read -r file; do
		mode=644
		[ ! -x "$1$file" ] || mode=755
		[ "$file" != /etc/shadow ] || mode=600
		echo "file $file $1$file $mode 0 0"
	done <"$work/files"
}

# FILE=PATH pairs with the mode they get.
list_pairs()
{
	mode=$1
	shift
	for pair; do
		echo "${pair#*=}" | list_parents
		echo "file ${pair#*=} ${pair%%=*} $mode 0 0"
	done
}

# The libraries of programs, where their loader looks for them.
list_libraries()
{
	for pair; do
		ldd "${pair%%=*}" 2>/dev/null || true
	done | grep -o '/[^ ]*' | LC_ALL=C sort -u >"$work/libraries"
	list_parents <"$work/libraries"
	awk '{ print "file " $1 " " $1 " 755 0 0" }' "$work/libraries"
}

list_links()
{
	for pair; do
		echo "${pair#*=}" | list_parents
		echo "slink ${pair#*=} ${pair%%=*} 777 0 0"
	done
}

# Keep the first of equal entries; sizes fixed by the inputs, dates by us.
write_archive()
{
	awk '!seen[$2]++' "$1" >"$1.unique"
	"$cpio" -t "$SOURCE_DATE_EPOCH" "$1.unique" >"$2"
}

build()
{
	{
		list_skeleton
		# shellcheck disable=SC2086 # lists of words
		list_pairs 755 $programs
		# shellcheck disable=SC2086
		list_libraries $programs
		# shellcheck disable=SC2086
		list_pairs 644 $files
		# shellcheck disable=SC2086
		list_links $links
		list_busybox
		for tree; do
			list_tree "$tree"
		done
	} >"$work/packed.list"
	write_archive "$work/packed.list" "$work/packed.cpio"
	: >"$work/image"
	if [ -n "$raws" ]; then
		# shellcheck disable=SC2086 # lists of words
		list_pairs 644 $raws >"$work/raw.list"
		write_archive "$work/raw.list" "$work/image"
	fi
	lz4 -q -l -9 -c "$work/packed.cpio" >>"$work/image"
	mv "$work/image" "$image"
}

image='' cpio='' programs='' files='' raws='' links=''
while getopts o:c:p:f:l:r:h option; do
	case $option in
	o) image=$OPTARG ;;
	c) cpio=$OPTARG ;;
	p) programs="$programs $OPTARG" ;;
	f) files="$files $OPTARG" ;;
	l) links="$links $OPTARG" ;;
	r) raws="$raws $OPTARG" ;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
if [ -z "$image" ] || [ -z "$cpio" ] || [ $# -eq 0 ]; then
	usage >&2
	exit 2
fi
: "${SOURCE_DATE_EPOCH:=0}"

work=$image.work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
build "$@"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds XenoLinux: unpacks Debian's kernel source, applies xenolinux-patches/series,
# configures from the fragment, builds out of tree. Every step starts from what the
# last run left, so one more patch costs a rebuild of the files it touches.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
tree=$build/linux
objects=$tree/obj
applied=$build/linux-patches
patches=$top/xenolinux-patches
source=/usr/src/linux-source-6.12.tar.xz
log=$build/kernel.log
. "$top/mk/lib.sh"

# A fresh tree: never left half unpacked.
unpack()
{
	[ -r "$source" ] || die "$source is missing: run 'make deps'"
	stamp=$(stat -c '%s %Y' "$source")
	[ "$(cat "$build/linux.stamp" 2>/dev/null)" != "$stamp" ] || return 0
	need_disk 6 "the kernel"
	say KERNEL "unpacking $source"
	rm -rf "$tree" "$tree.work" "$applied"
	mkdir -p "$tree.work"
	tar -C "$tree.work" --strip-components=1 -xJf "$source"
	mv "$tree.work" "$tree"
	echo "$stamp" >"$build/linux.stamp"
}

series()
{
	sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$patches/series"
}

# Files named by the patches given as arguments.
touched_files()
{
	cat "$@" /dev/null | sed -n 's,^+++ b/\([^[:space:]]*\).*,\1,p' | sort -u
}

# How many patches at the head of the series are applied already, unchanged.
count_kept()
{
	kept=0
	for name in $(series); do
		cmp -s "$patches/$name" "$applied/$((kept + 1)).patch" || break
		kept=$((kept + 1))
	done
	echo "$kept"
}

# Remember the touched files with their dates, so that a file which ends up as it
# was keeps its date and is not compiled again.
save_dates()
{
	rm -rf "$build/linux-dates"
	mkdir -p "$build/linux-dates"
	for file in $1; do
		[ -f "$tree/$file" ] || continue
		mkdir -p "$build/linux-dates/$(dirname "$file")"
		cp -p "$tree/$file" "$build/linux-dates/$file"
	done
}

restore_dates()
{
	for file in $1; do
		if cmp -s "$tree/$file" "$build/linux-dates/$file"; then
			touch -r "$build/linux-dates/$file" "$tree/$file"
		fi
	done
	rm -rf "$build/linux-dates"
}

# Take off the patches after the first $1, last one first.
reverse_after()
{
	count=$(find "$applied" -name '*.patch' | wc -l)
	while [ "$count" -gt "$1" ]; do
		patch -d "$tree" -p1 -R -F0 -s -E <"$applied/$count.patch" >/dev/null ||
			die "the kernel tree was edited by hand: remove build/linux.stamp and build again"
		rm "$applied/$count.patch"
		count=$((count - 1))
	done
}

apply_series()
{
	mkdir -p "$applied"
	kept=$(count_kept)
	wanted=$(series | wc -l)
	[ "$kept" -ne "$wanted" ] || [ -f "$applied/$((kept + 1)).patch" ] || return 0
	# shellcheck disable=SC2046 # a list of words
	files=$(cd "$patches" && touched_files "$applied"/*.patch $(series) 2>/dev/null)
	save_dates "$files"
	reverse_after "$kept"
	number=0
	for name in $(series); do
		number=$((number + 1))
		[ "$number" -gt "$kept" ] || continue
		apply_patch "$name" "$number"
	done
	restore_dates "$files"
}

# Tried dry first: a patch that does not apply leaves the tree as it was.
apply_patch()
{
	[ -r "$patches/$1" ] || die "xenolinux-patches/series names $1, which does not exist"
	if ! patch -d "$tree" -p1 -F0 -s --dry-run <"$patches/$1" >"$build/patch.log" 2>&1; then
		die "patch $1 does not apply to $(kernel_version): see build/patch.log"
	fi
	say PATCH "$1"
	patch -d "$tree" -p1 -F0 -s -E --no-backup-if-mismatch <"$patches/$1"
	cp "$patches/$1" "$applied/$2.patch"
}

kernel_version()
{
	awk '$1 == "VERSION" { v = $3 } $1 == "PATCHLEVEL" { p = $3 } $1 == "SUBLEVEL" { s = $3 }
	     END { print "linux-" v "." p "." s }' "$tree/Makefile"
}

kernel_make()
{
	make -C "$tree" O="$objects" ARCH=x86_64 CC="$compiler" HOSTCC="$compiler" "$@"
}

# Every line of the fragment must have survived Kconfig.
check_config()
{
	sed -n -e '/^CONFIG_/p' "$patches/config" | grep -vxFf "$objects/.config" >"$build/config.lost" ||
		return 0
	die "the kernel has no such option any more: $(tr '\n' ' ' <"$build/config.lost")"
}

configure()
{
	mkdir -p "$objects"
	kernel_make -s KCONFIG_ALLCONFIG="$patches/config" KCONFIG_CONFIG="$objects/.config.new" \
		allnoconfig >"$log" 2>&1 || die "the kernel configuration failed: see build/kernel.log"
	cmp -s "$objects/.config.new" "$objects/.config" ||
		cp "$objects/.config.new" "$objects/.config"
	check_config
}

# A line per tenth of the files there are; a rebuild of a few shows nothing.
show_progress()
{
	count=0
	while read -r verb _; do
		case $verb in
		CC|AS|AR) count=$((count + 1)) ;;
		*) continue ;;
		esac
		[ $((count % 260)) -ne 0 ] || say KERNEL "about $((count / 26))%"
	done
}

compile()
{
	say KERNEL "building $(kernel_version) (5 to 10 minutes on two cores the first time)"
	if [ -n "${V:-}" ]; then
		kernel_make -j"$jobs" V=1 bzImage
		return
	fi
	rm -f "$build/kernel.failed"
	{
		kernel_make -j"$jobs" bzImage 2>&1 || : >"$build/kernel.failed"
	} | tee "$log" | show_progress
	if [ -e "$build/kernel.failed" ]; then
		grep -E 'error|Error|No space' "$log" | head -5 >&2
		die "the kernel build failed: see build/kernel.log"
	fi
}

# The ELF image keeps its notes and loses its symbol table. It is written last: the
# Makefile knows that it comes with the other one.
install_results()
{
	strip -s -o "$build/xenolinux.work" "$objects/vmlinux"
	cp "$objects/arch/x86/boot/bzImage" "$build/xenolinux.bz.work"
	mv "$build/xenolinux.bz.work" "$build/xenolinux.bz"
	touch "$build/xenolinux.work"
	mv "$build/xenolinux.work" "$build/xenolinux"
}

jobs=${JOBS:-$(nproc)}
compiler=gcc
if command -v ccache >/dev/null; then
	compiler='ccache gcc'
	export CCACHE_DIR="${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/xeno-ccache}"
	export CCACHE_NOHASHDIR=1
fi
unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C KBUILD_BUILD_USER=xeno KBUILD_BUILD_HOST=xeno KBUILD_BUILD_VERSION=1

mkdir -p "$build"
unpack
# The date of the release itself: the kernel's bytes depend on its source alone.
KBUILD_BUILD_TIMESTAMP=$(LC_ALL=C date -u -d "@$(stat -c %Y "$tree/COPYING")")
export KBUILD_BUILD_TIMESTAMP
apply_series
configure
compile
install_results

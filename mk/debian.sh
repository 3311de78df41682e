#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes a Debian system of this machine's release, for the tests that boot it as a guest:
# build/debian.tar.zst, its root with Debian's own kernel and initial ramdisk in /boot, and
# build/debian.raw, an ext4 file system with it. Nobody has a password; the console asks for a name.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
image=$top/build/debian.raw
work=$image.work
. "$top/mk/lib.sh"

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
need_disk 4 "a Debian system"
say DEBIAN "$suite, with its kernel (a few minutes)"
rm -rf "$work"
mkdir -p "$work"
# No documentation, no translations, and of the modules only those a guest has a use for.
# shellcheck disable=SC2016 # $1 is the hook's
mmdebstrap --quiet --mode="$([ "$(id -u)" -eq 0 ] && echo root || echo unshare)" \
	--variant=minbase --include=systemd-sysv,udev,linux-image-amd64,e2fsprogs \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/*' \
	--dpkgopt='path-include=/lib/modules/*/kernel/drivers/block/*' \
	--dpkgopt='path-include=/lib/modules/*/kernel/drivers/xen/*' \
	--dpkgopt='path-include=/lib/modules/*/kernel/drivers/net/xen*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/sound/*' \
	--customize-hook='echo xeno-debian >"$1/etc/hostname"' \
	--customize-hook='echo "/dev/xvda / ext4 defaults 0 1" >"$1/etc/fstab"' \
	--customize-hook='chroot "$1" passwd -d root' \
	"$suite" "$work/root.tar" >"$work/log" 2>&1 ||
	die "the Debian system was not made: $(grep -m1 '^E:' "$work/log" || tail -1 "$work/log")"
mkdir "$work/root"
tar -xpf "$work/root.tar" -C "$work/root" --exclude='./dev/*'
truncate -s 1G "$work/image"
mke2fs -q -t ext4 -L xeno-debian -d "$work/root" "$work/image"
zstd -q -T0 "$work/root.tar" -o "$work/root.tar.zst"
mv "$work/root.tar.zst" "${image%.raw}.tar.zst"
mv "$work/image" "$image"
rm -rf "$work"

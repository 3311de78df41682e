# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154,SC2086 # variables come from other files; $new has no blanks
#
# The root of the installed system: a copy of the live one without what is only live, and its
# settings. Values from answers go into files as text, past no shell.

# What the installed system has no use for, or must not share with the CD's session: its own
# keys, its log, who it let in.
LIVE_ONLY='etc/dropbear etc/inittab etc/resolv.conf root sbin/xeno-install usr/sbin/xeno-install
	usr/lib/xeno/installer usr/lib/xeno/grub usr/lib/xeno/xeno.gz usr/bin/dialog'

apply_root()
{
	for entry in /*; do
		case $entry in
		/proc | /sys | /dev | /run | /tmp | /mnt | /var | /newroot | /boot | /lost+found) ;;
		*) cp -a "$entry" $new/ || return 1 ;;
		esac
	done
	for entry in $LIVE_ONLY; do
		rm -rf "${new:?}/$entry" || return 1
	done
	mkdir -p $new/proc $new/sys $new/dev $new/run $new/tmp $new/mnt $new/boot $new/var/log $new/root &&
		chmod 1777 $new/tmp && chmod 700 $new/root && sync
}

# Root's password, as a hash. The plain one is seen by mkpasswd's standard input only.
password_hash()
{
	if ! answered password; then
		echo '*'
		return
	fi
	case $(answer password) in
	'$'*) answer password ;;
	*) answer password | mkpasswd -m sha512 -P 0 ;;
	esac
}

# The hash into /etc/shadow, where everybody of /etc/passwd has a line.
set_password()
{
	hash=$(password_hash) && [ -n "$hash" ] || return 1
	[ -e $new/etc/shadow ] || sed 's/^\([^:]*\):.*/\1:*:0:0:99999:7:::/' $new/etc/passwd >$new/etc/shadow
	umask 077
	HASH=$hash awk 'BEGIN { FS = OFS = ":" } $1 == "root" { $2 = ENVIRON["HASH"] } { print }' \
		$new/etc/shadow >$new/etc/shadow.new
	umask 022
	sed -i 's/^root:[^:]*:/root:x:/' $new/etc/passwd &&
		grep -q '^root:' $new/etc/shadow.new && mv $new/etc/shadow.new $new/etc/shadow
}

set_ssh_key()
{
	answered ssh_key || return 0
	mkdir -p $new/root/.ssh && chmod 700 $new/root/.ssh &&
		answer ssh_key >$new/root/.ssh/authorized_keys && chmod 600 $new/root/.ssh/authorized_keys
}

# Print the UUID that mkswap gave: bytes 1036 to 1051 of the partition.
swap_uuid()
{
	read_hex "$1" 1036 16 | sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/'
}

set_fstab()
{
	{
		echo "UUID=$root_uuid / ext4 defaults 0 1"
		echo "UUID=$boot_uuid /boot ext4 defaults 0 2"
		! device=$(device_of swap) || echo "UUID=$(swap_uuid "$device") none swap defaults 0 0"
	} >$new/etc/fstab
}

set_setting()
{
	! answered "$1" || XENO_ETC=$new/etc/xeno system_set "$2" "$(answer "$1")"
}

version_text()
{
	xenctl info --json | sed -n 's/.*"version": "\([^"]*\)".*/\1/p' | head -n 1
}

apply_settings()
{
	set_setting hostname hostname && set_setting timezone timezone && set_setting network uplink &&
		set_setting ntp ntp && set_password && set_ssh_key && set_fstab &&
		echo "Xeno $(version_text)" >$new/etc/xeno/installed && sync
}

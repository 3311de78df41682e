# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What /init and the start-up script know about the boot: sourced, never run.

# Print dom0, guest or native.
find_role()
{
	if [ "$(cat /sys/hypervisor/type 2>/dev/null)" != xen ]; then
		echo native
	elif grep -q control_d /proc/xen/capabilities 2>/dev/null; then
		echo dom0
	else
		echo guest
	fi
}

# True if a screen stands behind the virtual terminals.
screen_exists()
{
	cat /sys/class/vtconsole/*/name 2>/dev/null | grep -qv dummy
}

# Print the terminals that get a shell: each kernel console, and two virtual
# terminals where there is a screen.
shell_ttys()
{
	tr ' ' '\n' </sys/class/tty/console/active | grep -v '^tty0$'
	screen_exists && echo tty1 && echo tty2
	return 0
}

# Print the terminals that boot messages go to.
message_ttys()
{
	cat /sys/class/tty/console/active
	screen_exists && ! grep -q tty0 /sys/class/tty/console/active && echo tty0
	return 0
}

# Print the value of a word of the kernel command line: name=value or
# name="several words". Fails if it is not there.
boot_value()
{
	awk -v name="$1" '{
		line = " " $0
		at = index(line, " " name "=")
		if (!at)
			exit 1
		rest = substr(line, at + length(name) + 2)
		if (sub(/^"/, "", rest))
			sub(/".*/, "", rest)
		else
			sub(/ .*/, "", rest)
		print rest
	}' /proc/cmdline
}

# True if the bare word is on the kernel command line.
boot_flag()
{
	grep -qw -- "$1" /proc/cmdline
}

# True if the kernel has mounted / from a disk, which nobody has made writable yet.
root_is_read_only()
{
	awk '$2 == "/" { type = $3; options = $4 }
		END { exit !(type != "rootfs" && options ~ /^ro(,|$)/) }' /proc/mounts
}

# Print the device that / is on: /proc/mounts knows it as /dev/root.
root_device()
{
	number=0x$(stat -c %D /)
	major=$((number >> 8 & 0xfff)) minor=$((number & 0xff | number >> 12 & 0xfff00))
	node=$(readlink "/sys/dev/block/$major:$minor") && echo "/dev/${node##*/}"
}

# A message on all consoles.
say()
{
	for tty in $(message_ttys); do
		echo "xeno: $*" >"/dev/$tty"
	done
}

# True if root can log in with a password.
root_has_password()
{
	grep -q '^root:[^:*!]' /etc/shadow 2>/dev/null
}

# Print the name of the machine when the boot line has none: domain 0's is a setting.
own_name()
{
	name=''
	if [ -r /etc/xeno/system.sh ]; then
		. /etc/xeno/system.sh
		name=$(system_get hostname)
	fi
	echo "${name:-xeno}"
}

# Print init's table. xeno.cmd="..." runs a command once everything is up and
# powers off afterwards; with xeno.stay the shells follow instead.
boot_inittab()
{
	echo "::sysinit:/etc/init.d/rcS"
	echo "::ctrlaltdel:/sbin/reboot"
	echo "::shutdown:/etc/init.d/rcK"
	if boot_value xeno.cmd >/dev/null; then
		echo "::wait:/etc/init.d/boot-command"
		boot_flag xeno.stay || return 0
	fi
	shell=/etc/init.d/terminal
	if boot_value xeno.install >/dev/null; then
		echo "::wait:/usr/lib/xeno/installer/unattended"
	elif boot_flag xeno.install; then
		shell=/usr/lib/xeno/installer/console
	fi
	for tty in $(shell_ttys); do
		echo "$tty::respawn:-$shell $tty"
	done
}

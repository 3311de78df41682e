# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154,SC2015 # variables come from and go to other files; A && B || C is meant
#
# Ask: the dialogs, one function per screen, for a terminal of 80x24. Each puts its answers into the
# list of answers.sh, which checks them like those of a file; what is wrong is shown and asked again.
# A screen fails when it is left with Cancel or Escape.

# dialog, with what was said in $work/said. It draws on standard output.
ask()
{
	dialog --backtitle "Xeno: install onto a disk" "$@" 2>"$work/said"
}

said()
{
	cat "$work/said"
}

# Shows what is wrong, without the place in a file that the answers have not.
ask_wrong()
{
	ask --title "Not so" --msgbox "$(echo "$1" | sed "s/^$answers_name:\(0:\)* //")" 12 72
}

# Takes line $2 of what was said for the answer $1. Says what is wrong with it.
ask_take()
{
	value=$(said | sed -n "$2p")
	answers_put "$1" "$value"
	[ -n "$value" ] || return 0
	wrong=$(check_value "$1" "$value") || { ask_wrong "$1: $wrong"; return 1; }
}

ask_disk()
{
	cut -f 1 "$disks" >"$work/names"
	set --
	while read -r name; do
		why=$(disk_refused "$name")
		[ -z "$why" ] || continue
		set -- "$@" "/dev/$name" "$(disk_text "$name" | cut -d , -f 2- | cut -c 2-60)"
	done <"$work/names"
	if [ $# -eq 0 ]; then
		ask --title "No disk" --msgbox "There is no disk that Xeno could be installed onto:

$(while read -r name; do echo "/dev/$name: $(disk_refused "$name")"; done <"$work/names")" 14 72
		return 1
	fi
	ask --title "Disk" --menu "Which disk is Xeno to be installed onto? Nothing is written \
before all is asked and confirmed." 18 72 8 "$@" || return 1
	answers_put disk "$(said)"
	disk=$(said) disk=${disk#/dev/}
}

ask_keep()
{
	answers_put keep_xenodisk ''
	found=$(xenodisk_find "$disk") || return 0
	ask --title "XenoDisk" --yesno "There is a XenoDisk on /dev/$disk, with \
$(mib_text $(($(echo "$found" | cut -d ' ' -f 2) / 2048))) for virtual disks. Keep it, with all \
virtual disks on it?" 9 72
	case $? in
	0) answers_put keep_xenodisk yes && answers_put xenodisk '' ;;
	1) answers_put keep_xenodisk no ;;
	*) return 1 ;;
	esac
}

# Print the MiB that there are for the four.
ask_room()
{
	end=$(layout_room "$(disk_mib "$disk")")
	[ "$(answer keep_xenodisk)" != yes ] || end=$(($(xenodisk_find "$disk" | cut -d ' ' -f 1) / 2048))
	echo $((end - FIRST_MIB))
}

# Print what the form begins with.
ask_size()
{
	size=$(layout_default "$1" "$(disk_mib "$disk")")
	case $size in
	0 | rest) ;;
	*) size=${size}M ;;
	esac
	answer "$(layout_name "$1")" "$size"
}

ask_sizes()
{
	set -- "/boot" 1 1 "$(ask_size boot)" 1 24 10 10 "/ (the system)" 2 1 "$(ask_size root)" 2 24 10 10 \
		"swap" 3 1 "$(ask_size swap)" 3 24 10 10
	[ "$(answer keep_xenodisk)" = yes ] ||
		set -- "$@" "XenoDisk (for guests)" 4 1 "$(ask_size xeno)" 4 24 10 10
	while :; do
		ask --title "Sizes" --form "There are $(ask_room) MiB. A size is like 512M or 2G; 0 \
for none; one can be rest." 14 72 4 "$@" || return 1
		ask_take boot 1 && ask_take root 2 && ask_take swap 3 || continue
		[ "$(answer keep_xenodisk)" = yes ] || ask_take xenodisk 4 || continue
		wrong=$(plan_disk && plan_kept && plan_layout && plan_root) && return
		ask_wrong "$wrong"
	done
}

ask_system()
{
	while :; do
		ask --title "System" --form "The network is dhcp, none, or ADDRESS/LEN GATEWAY DNS. \
Domain 0's memory: empty means as on the CD." 15 72 5 \
			"Name" 1 1 "$(answer hostname xeno)" 1 20 45 63 \
			"Network" 2 1 "$(answer network dhcp)" 2 20 45 100 \
			"Time zone" 3 1 "$(answer timezone UTC)" 3 20 45 60 \
			"Time servers" 4 1 "$(answer ntp pool.ntp.org)" 4 20 45 100 \
			"Domain 0's memory" 5 1 "$(answer dom0_mem)" 5 20 10 10 || return 1
		ask_take hostname 1 && ask_take network 2 && ask_take timezone 3 && ask_take ntp 4 &&
			ask_take dom0_mem 5 || continue
		wrong=$(plan_memory) && return
		ask_wrong "$wrong"
	done
}

ask_password()
{
	while :; do
		ask --title "Password" --insecure --passwordform "Root's password, twice. Without one \
whoever is at a console is root." 11 72 2 "Password" 1 1 "" 1 14 40 100 "Again" 2 1 "" 2 14 40 100 || return 1
		if [ "$(said | sed -n 1p)" != "$(said | sed -n 2p)" ]; then
			ask_wrong "password: the two are not the same"
			continue
		fi
		ask_take password 1 && break
	done
	: >"$work/said"
}

ask_ssh_key()
{
	while :; do
		ask --title "SSH" --inputbox "A public key that may log in as root by SSH, the line of a \
.pub file. Empty for none." 10 72 "$(answer ssh_key)" || return 1
		ask_take ssh_key 1 && return
	done
}

# All the screens, in their order.
ask_all()
{
	ask_disk && ask_keep && ask_sizes && ask_system && ask_password && ask_ssh_key
}

# The one confirmation.
ask_confirm()
{
	ask --infobox "Looking at what is on /dev/$disk ..." 5 72
	ask --title "Destroy and install?" --no-collapse --defaultno --yes-label Install --no-label Back \
		--yesno "$(plan_show)" 22 76
}

# A gauge for the steps: functions of the progress it shows.
ask_progress()
{
	echo "XXX
$2
$1
XXX"
}

ask_finish()
{
	ask --title "Xeno is installed" --nocancel --menu "Take the CD out, then:" 12 72 3 \
		reboot "start from the disk" poweroff "switch the machine off" \
		shell "go on with the live system" || return 0
	finish=$(said)
}

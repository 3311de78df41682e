# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154,SC2086 # variables come from other files; numbers
#
# The plan: answers and disks put together. plan_make decides and changes nothing; what cannot be
# done it says in lines as answers.sh does. Its results:
#	$disk		xvda
#	$layout		a file of NAME START SIZE lines, in MiB (layout.sh)
#	$kept		START SECTORS UUID of the XenoDisk that stays, or nothing

# Print the MiB for partition $1, by answer or by default; or rest.
plan_size()
{
	key=$(layout_name "$1")
	if answered "$key"; then
		size_mib "$(answer "$key")"
	elif [ "$1" = xeno ] && rest_is_taken; then
		echo 0
	else
		layout_default "$1" "$(disk_mib "$disk")"
	fi
}

# Does another partition take the rest, so that there is none for a XenoDisk nobody asked for?
rest_is_taken()
{
	for key in boot root swap; do
		[ "$(answer $key)" != rest ] || return 0
	done
	return 1
}

plan_disk()
{
	answered disk || { echo "$answers_name: there is no line disk = ..."; return 1; }
	disk=$(disk_choose "$(answer disk)") || { answer_wrong disk "$disk"; return 1; }
	mib=$(disk_mib "$disk")
	[ "$mib" -ge $DISK_MIN ] || {
		answer_wrong disk "/dev/$disk has $mib MiB, at least $DISK_MIN are needed"
		return 1
	}
}

plan_kept()
{
	kept=''
	[ "$(answer keep_xenodisk no)" = yes ] || return 0
	kept=$(xenodisk_find "$disk") || { answer_wrong keep_xenodisk "$kept"; return 1; }
	! answered xenodisk || {
		answer_wrong xenodisk "with keep_xenodisk = yes it has its size already"
		return 1
	}
}

# Print the key of the largest size that was asked for, or disk.
plan_largest()
{
	largest=0 found=disk
	for key in boot root swap xenodisk; do
		size=$(size_mib "$(answer $key)") || continue
		case $size in
		rest) ;;
		*) [ "$size" -le $largest ] || { largest=$size; found=$key; } ;;
		esac
	done
	echo $found
}

# A line KEY TEXT of layout.sh as a problem with that answer, or with the disk when nobody gave one.
plan_layout_wrong()
{
	key=${1%% *} text=${1#* }
	if [ "$key" = layout ]; then
		key=$(plan_largest)
	fi
	[ -z "$kept" ] || text="$text before the XenoDisk"
	answered "$key" || { text="$key: $text"; key=disk; }
	answer_wrong "$key" "$text"
}

plan_layout()
{
	start=''
	[ -z "$kept" ] || start=$((${kept%% *} / 2048))
	xeno=0
	[ -n "$kept" ] || xeno=$(plan_size xeno)
	# shellcheck disable=SC2046,SC2086 # start: none or one
	layout_make "$(layout_room "$(disk_mib "$disk")" $start)" "$(plan_size boot)" \
		"$(plan_size root)" "$(plan_size swap)" "$xeno" >"$layout" && return 0
	plan_layout_wrong "$(cat "$layout")"
}

# Print what du says of what goes into the root, in MiB, and a half more for what comes later.
root_needs()
{
	echo $(($(du -smx /bin /etc /lib /lib64 /sbin /srv /usr | awk '{ sum += $1 } END { print sum }') * 3 / 2 + 32))
}

plan_root()
{
	has=$(awk '$1 == "root" { print $3 }' "$layout")
	[ "$has" -ge "$(root_needs)" ] && return
	plan_layout_wrong "root it gets ${has}M, at least $(root_needs)M are needed"
}

# Memory of the machine in MiB, as the hypervisor counts it.
machine_mib()
{
	xenctl info --json | sed -n 's/.*"memory_kib": \([0-9]*\).*/\1/p' | awk '{ print int($1 / 1024); exit }'
}

plan_memory()
{
	answered dom0_mem || return 0
	all=$(machine_mib)
	[ -z "$all" ] || [ "$(size_mib "$(answer dom0_mem)")" -le "$all" ] && return
	answer_wrong dom0_mem "this machine has ${all}M"
}

plan_make()
{
	layout=$work/layout
	answers_check && plan_disk && plan_kept && plan_layout && plan_root && plan_memory
}

# --- what the user sees of it

plan_partition_text()
{
	case $1 in
	bios) echo "GRUB for a BIOS" ;;
	esp) echo "GRUB for UEFI (ESP, FAT)" ;;
	boot) echo "/boot: hypervisor and kernel (ext4)" ;;
	root) echo "/: the system (ext4)" ;;
	swap) echo "swap" ;;
	xeno) echo "XenoDisk: space for virtual disks" ;;
	esac
}

plan_show_disk()
{
	echo "Disk: $(disk_text "$disk")"
	if [ -n "$kept" ]; then
		echo "DESTROYED is all that is on it except the XenoDisk:"
	else
		echo "DESTROYED is all that is on it:"
	fi
	disk_contents "$disk" | sed 's/^/    /'
	echo "Then it has:"
	nr=0
	while read -r name _ size; do
		nr=$((nr + 1))
		printf '    /dev/%-7s %10s  %s\n' "$disk$nr" "$(mib_text "$size")" "$(plan_partition_text "$name")"
	done <"$layout"
	[ -z "$kept" ] || printf '    /dev/%-7s %10s  %s\n' "$disk$((nr + 1))" \
		"$(mib_text $(($(echo "$kept" | cut -d ' ' -f 2) / 2048)))" "XenoDisk: stays as it is"
}

plan_show_settings()
{
	echo "Name:         $(answer hostname xeno)"
	echo "Network:      $(answer network dhcp)"
	if answered password; then
		echo "Root:         has a password"
	elif answered ssh_key; then
		echo "Root:         no password on the consoles: whoever is there is root"
	else
		echo "Root:         no password: whoever is at a console is root; no SSH"
	fi
	! answered ssh_key || echo "SSH key:      $(answer ssh_key | cut -d ' ' -f 1,3- | cut -c 1-60)"
	echo "Time:         $(answer timezone UTC), servers $(answer ntp pool.ntp.org)"
	echo "Domain 0 has: $(answer dom0_mem 'as much memory as on the CD')"
}

plan_show()
{
	plan_show_disk
	plan_show_settings
}

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034 # variables are used by other files
#
# Layout: where the partitions lie. Pure: numbers in, lines out, all in MiB.
#
#	0	partition table; between it and 1 MiB a note while one is being replaced (disks.sh)
#	1	bios	1	GRUB for a BIOS
#	2	esp	64	GRUB for UEFI
#	66	boot, root, swap (may be none), xeno (may be none, or one that is kept where it is)
#	end	1 MiB for the second copy of the table
#
# A partition's number is its place in this order; without swap XenoDisk is the fifth.

ESP_MIB=64
FIRST_MIB=$((2 + ESP_MIB))
MIN_BOOT=64 MIN_ROOT=256 MIN_SWAP=16 MIN_XENO=128
DISK_MIN=$((FIRST_MIB + MIN_BOOT + MIN_ROOT + 1))

# Print what a partition gets on a disk with $2 MiB when nobody says anything.
layout_default()
{
	case $1 in
	boot) [ "$2" -ge 2048 ] && echo 256 || echo $MIN_BOOT ;;
	root)
		if [ "$2" -ge 8192 ]; then echo 2048
		elif [ "$2" -ge 2048 ]; then echo 1024
		else echo $MIN_ROOT
		fi
		;;
	swap) [ "$2" -ge 8192 ] && echo 512 || echo 0 ;;
	xeno) [ "$2" -ge 2048 ] && echo rest || echo 0 ;;
	esac
}

layout_minimum()
{
	case $1 in
	boot) echo $MIN_BOOT ;;
	root) echo $MIN_ROOT ;;
	swap) echo $MIN_SWAP ;;
	xeno) echo $MIN_XENO ;;
	esac
}

# Print the name for people of a partition.
layout_name()
{
	case $1 in
	xeno) echo xenodisk ;;
	*) echo "$1" ;;
	esac
}

# layout_room DISK_MIB [KEPT_START]: print where the partitions have to end.
layout_room()
{
	echo "${2:-$(($1 - 1))}"
}

# One size: fits the kind, or a line KEY: what is wrong.
layout_check_size()
{
	[ "$2" != rest ] || return 0
	case $1/$2 in
	swap/0 | xeno/0) return 0 ;;
	esac
	[ "$2" -lt "$(layout_minimum "$1")" ] || return 0
	echo "$(layout_name "$1") at least $(layout_minimum "$1")M is needed"
	return 1
}

# layout_make END BOOT ROOT SWAP XENO: print NAME START SIZE lines for partitions that end at END
# at the latest. A size is a number or rest; XENO 0 also when one is kept behind END. What
# cannot be is said in a line KEY TEXT, where KEY names the answer at fault.
layout_make()
{
	end=$1 rests='' sum=$FIRST_MIB wish=''
	for part in boot=$2 root=$3 swap=$4 xeno=$5; do
		name=${part%%=*} size=${part#*=}
		layout_check_size "$name" "$size" || return 1
		if [ "$size" = rest ]; then
			[ -z "$rests" ] || {
				echo "$(layout_name "$name") $(layout_name "$rests") takes the rest already"
				return 1
			}
			rests=$name
			size=$(layout_minimum "$name")
		fi
		sum=$((sum + size))
		wish="$wish + $(layout_name "$name") ${size}M"
	done
	if [ $sum -gt "$end" ]; then
		echo "layout GRUB ${FIRST_MIB}M$wish${rests:+ at least} make ${sum}M, there are ${end}M"
		return 1
	fi
	echo "bios 1 1"
	echo "esp 2 $ESP_MIB"
	at=$FIRST_MIB
	for part in boot=$2 root=$3 swap=$4 xeno=$5; do
		name=${part%%=*} size=${part#*=}
		[ "$size" != rest ] || size=$(($(layout_minimum "$name") + end - sum))
		[ "$size" -ne 0 ] || continue
		echo "$name $at $size"
		at=$((at + size))
	done
}

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034 # variables are used by other files
#
# Answers: what the user wants, from a file or from the dialogs, as text that is only ever read.
# answers_load turns a file into a list in $answers, one answer a line: LINE KEY VALUE with tabs
# between. Everything here is pure: it looks at no disk and changes nothing. Whether a disk is there
# and what fits on it is decided in disks.sh and layout.sh.
#
# A problem is one line, WHERE: KEY = VALUE: what is wrong; WHERE is FILE:LINE.

ANSWER_KEYS='disk boot root swap xenodisk keep_xenodisk hostname network password ssh_key timezone
	dom0_mem ntp finish destroy'
ANSWERS_MAX=65536
TAB=$(printf '\t')

# Reads file $1, shown as $2, into the list $answers. Says what is wrong with its lines, all of it.
answers_load()
{
	answers_name=$2
	answers=$3
	: >"$answers"
	if [ "$(head -c $((ANSWERS_MAX + 1)) "$1" | wc -c)" -gt $ANSWERS_MAX ]; then
		echo "$2: larger than 64 KiB, this is no answers file"
		return 1
	fi
	if [ "$(wc -c <"$1")" -ne "$(tr -d '\000' <"$1" | wc -c)" ]; then
		echo "$2: zero bytes in it, this is no text file"
		return 1
	fi
	# awk ends with 1 after a problem; only then there are lines of another form.
	awk -v name="$2" -v keys="$ANSWER_KEYS" -v list="$answers" '
		BEGIN {
			count = split(keys, part, /[ \t\n]+/)
			for (i = 1; i <= count; i++)
				known[part[i]] = 1
		}
		function wrong(what) { print name ":" NR ": " what; bad = 1 }
		{
			sub(/\r$/, "")
			gsub(/^[ \t]+|[ \t]+$/, "")
		}
		/^#/ || $0 == "" { next }
		{
			at = index($0, "=")
			key = substr($0, 1, at - 1)
			value = substr($0, at + 1)
			gsub(/[ \t]+$/, "", key)
			gsub(/^[ \t]+/, "", value)
			if (length(value) > 1 && value ~ /^".*"$/)
				value = substr(value, 2, length(value) - 2)
		}
		/[\001-\037\177]/ { wrong("a control character or a tab inside the line"); next }
		length($0) > 2000 { wrong("longer than 2000 characters"); next }
		!at || key == "" { wrong("\"key = value\" is wanted here"); next }
		!(key in known) { wrong("there is no key \"" substr(key, 1, 40) "\""); next }
		key in seen { wrong(key " is in line " seen[key] " already"); next }
		{
			seen[key] = NR
			print NR "\t" key "\t" value >list
		}
		END { exit bad }' "$1"
}

# Puts an answer of a dialog into the list, in place of an earlier one. An empty one is none.
answers_put()
{
	grep -v "^[0-9]*$TAB$1$TAB" "$answers" >"$answers.new"
	[ -z "$2" ] || printf '0\t%s\t%s\n' "$1" "$2" >>"$answers.new"
	mv "$answers.new" "$answers"
}

# Print the answer for key $1, or $2 when there is none.
answer()
{
	while IFS=$TAB read -r answer_line answer_key answer_value; do
		[ "$answer_key" = "$1" ] || continue
		printf '%s\n' "$answer_value"
		return 0
	done <"$answers"
	printf '%s\n' "${2:-}"
}

# True if there is an answer for key $1.
answered()
{
	grep -q "^[0-9]*$TAB$1$TAB" "$answers"
}

# Print where the answer for key $1 stands: FILE:LINE, or FILE when it is not in there.
answer_where()
{
	line=$(sed -n "s/^\([0-9]*\)$TAB$1$TAB.*/\1/p" "$answers")
	echo "$answers_name${line:+:$line}"
}

# Says that the answer for key $1 is wrong.
answer_wrong()
{
	case $1 in
	password) echo "$(answer_where "$1"): $1: $2" ;;
	*) echo "$(answer_where "$1"): $1 = $(answer "$1"): $2" ;;
	esac
	return 1
}

# --- what each key may have. Each prints what is wrong with $1 and fails, or succeeds.

# Print the MiB of a size: 256M, 2G, 0, none; or rest.
size_mib()
{
	number=${1%[MGT]}
	case $1 in
	rest) echo rest ;;
	0 | none) echo 0 ;;
	[1-9]*[MGT])
		case $number in
		*[!0-9]* | ????????*) return 1 ;;
		esac
		case $1 in
		*M) echo "$number" ;;
		*G) echo $((number * 1024)) ;;
		*T) echo $((number * 1048576)) ;;
		esac
		;;
	*) return 1 ;;
	esac
}

check_size()
{
	size_mib "$1" >/dev/null && return
	echo "a size is a number with M, G or T, like 512M, or 0, or rest"
	return 1
}

check_disk()
{
	case $1 in
	smallest | first | serial:?* | model:?*) return 0 ;;
	/dev/*[!a-z0-9]*) ;;
	/dev/?*) return 0 ;;
	esac
	echo "a disk is /dev/xvda, serial:TEXT, model:TEXT, smallest or first"
	return 1
}

check_yes_no()
{
	case $1 in
	yes | no) return 0 ;;
	esac
	echo "yes or no is wanted"
	return 1
}

check_hostname()
{
	case $1 in
	'' | [!a-zA-Z0-9]* | *[!a-zA-Z0-9.-]* | *[.-] | *..* | ????????????????????????????????????????????????????????????????*)
		echo "a name has letters, digits, - and dots, 63 at most, and no - or dot at its ends"
		return 1
		;;
	esac
}

# Print an IPv4 address as a number.
ip_number()
{
	case $1 in
	*[!0-9.]* | .* | *. | *..*) return 1 ;;
	esac
	number=0 parts=0 rest=$1.
	while [ -n "$rest" ]; do
		part=${rest%%.*} rest=${rest#*.}
		case $part in
		???* | 0?*) [ ${#part} -eq 3 ] && [ "${part#0}" = "$part" ] || return 1 ;;
		esac
		[ "$part" -le 255 ] || return 1
		number=$((number * 256 + part)) parts=$((parts + 1))
	done
	[ $parts -eq 4 ] && echo "$number"
}

# A fixed place in the network: ADDRESS/LEN GATEWAY [DNS...].
check_address()
{
	len=${1#*/}
	case $1/$len in
	*/*/[1-9] | */*/[12][0-9] | */*/30) ;;
	*) echo "$1 is not ADDRESS/LEN with LEN from 1 to 30"; return 1 ;;
	esac
	address=$(ip_number "${1%/*}") || { echo "${1%/*} is no IPv4 address"; return 1; }
	gateway=$(ip_number "$2") || { echo "$2 is no IPv4 address"; return 1; }
	host=$((0xffffffff >> len))
	if [ $((address & host)) -eq 0 ] || [ $((address & host)) -eq $host ]; then
		echo "${1%/*} is the network's own address, not a machine's"
		return 1
	fi
	if [ $((address & ~host)) -ne $((gateway & ~host)) ] || [ "$address" -eq "$gateway" ]; then
		echo "the gateway $2 is no other machine of $1"
		return 1
	fi
}

check_network()
{
	case $1 in
	dhcp | none) return 0 ;;
	*[!0-9./\ ]* | *[!\ ]\ *\ *\ *\ *\ *) ;;
	*/*\ *)
		# shellcheck disable=SC2086 # digits, dots and blanks only: words
		set -- $1
		check_address "$1" "$2" || return 1
		shift 2
		for dns; do
			ip_number "$dns" >/dev/null && continue
			echo "$dns is no IPv4 address"
			return 1
		done
		return 0
		;;
	esac
	echo "dhcp, none or ADDRESS/LEN GATEWAY [DNS...], three DNS at most, is wanted"
	return 1
}

# A $ in front means: as mkpasswd prints it. SHA-256 and SHA-512, which busybox and glibc know.
check_password()
{
	case $1 in
	'') echo "it is empty; leave the line out for none"; return 1 ;;
	'$'*)
		# shellcheck disable=SC2016 # no variables: that is what it looks like
		printf '%s\n' "$1" |
			grep -Eq '^\$(5|6)\$(rounds=[0-9]{4,9}\$)?[./A-Za-z0-9]{1,16}\$([./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})$' &&
			return 0
		echo "it begins with a \$, but is no \$6\$ or \$5\$ form as mkpasswd prints it"
		return 1
		;;
	esac
}

check_ssh_key()
{
	printf '%s\n' "$1" |
		grep -Eq '^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) AAAA[A-Za-z0-9+/]{40,}={0,2}( .*)?$' &&
		return 0
	echo "this is no line of a .pub file: TYPE AAAA... NAME"
	return 1
}

# The list of zones is the root's, when it has one.
check_timezone()
{
	zones=${ZONES:-/usr/lib/xeno/timezones}
	case $1 in
	'' | *[!A-Za-z0-9_+/-]* | /* | */ | *//*) echo "a time zone is Area/City, like Europe/Paris"; return 1 ;;
	esac
	[ -r "$zones" ] && [ "$1" != UTC ] || return 0
	cut -f 1 "$zones" | cut -d ' ' -f 1 | grep -qxF -- "$1" && return 0
	echo "no such time zone in $zones"
	return 1
}

check_dom0_mem()
{
	mib=$(size_mib "$1") && [ "$mib" != rest ] && [ "$mib" -ge 96 ] && return 0
	echo "a size of 96M or more is wanted"
	return 1
}

check_ntp()
{
	[ "$1" != none ] || return 0
	case $1 in
	*[!A-Za-z0-9.:\ -]* | '' | -* | *\ -*) ;;
	*\ *\ *\ *\ *) ;;
	*) return 0 ;;
	esac
	echo "none or names of one to four servers are wanted"
	return 1
}

check_finish()
{
	case $1 in
	reboot | poweroff | shell) return 0 ;;
	esac
	echo "reboot, poweroff or shell is wanted"
	return 1
}

# What is wrong with value $2 for key $1, by itself?
check_value()
{
	case $1 in
	boot | root | swap | xenodisk) check_size "$2" ;;
	keep_xenodisk | destroy) check_yes_no "$2" ;;
	*) "check_$1" "$2" ;;
	esac
}

# All answers, each by itself. Says what is wrong, and goes on with the next.
answers_check()
{
	sound=0
	for key in $ANSWER_KEYS; do
		answered "$key" || continue
		wrong=$(check_value "$key" "$(answer "$key")") && continue
		answer_wrong "$key" "$wrong" || sound=1
	done
	return $sound
}

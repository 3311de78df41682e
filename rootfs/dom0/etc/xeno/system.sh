# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Reads and writes the settings of domain 0, lines of `key = "value"`: sourced, never run. The file
# is only ever read, and a line of another form is not there for it. XENO_ETC names
# another /etc/xeno, as the new root's when installing.
#
# A value is one line without double quotes and backslashes.

system_file()
{
	echo "${XENO_ETC:-/etc/xeno}/system.conf"
}

# Print the value of key $1: the last one counts. Nothing when it is not set.
system_get()
{
	[ -r "$(system_file)" ] || return 0
	sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"\([^\"]*\)\"[[:space:]]*\(#.*\)\{0,1\}\$/\1/p" \
		"$(system_file)" | tail -n 1
}

# Can $2 be the value of $1? Says what is wrong.
system_check()
{
	case $1 in
	'' | *[!a-z0-9_]*)
		echo "xeno: '$1' cannot be the name of a setting" >&2
		return 1
		;;
	esac
	case $2 in
	*[\"\\[:cntrl:]]*)
		echo "xeno: the value of $1 has a quote, a backslash or a control character in it" >&2
		return 1
		;;
	esac
}

# Makes $2 the value of key $1: its line is replaced, or a new one goes to the end. Readers find the
# old file or the new one.
system_set()
{
	system_check "$1" "$2" || return 1
	file=$(system_file)
	[ ! -e "$file" ] || cp -p "$file" "$file.new" || return 1
	{ [ ! -e "$file" ] || cat "$file"; } | awk -v key="$1" -v value="$2" '
		$0 ~ "^[[:space:]]*" key "[[:space:]]*=" {
			if (!done++)
				print key " = \"" value "\""
			next
		}
		{ print }
		END { if (!done) print key " = \"" value "\"" }' >"$file.new" &&
		sync "$file.new" && mv "$file.new" "$file"
}

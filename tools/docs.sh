#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# docs.sh man|bash XENCTL: writes the manual page of xenctl, or its completion for bash. Names,
# usages and help come from the program itself (xenctl help --table); what stands here is the frame.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# Text as it has to stand in a page; names of what is put in are slanted.
page_commands()
{
	"$1" help --table | awk -F '\t' '
	function plain(s) {
		gsub(/\\/, "\\e", s)
		gsub(/-/, "\\-", s)
		return s
	}
	function usage(s) {
		s = plain(s)
		gsub(/[A-Z][A-Z]+/, "\\fI&\\fR", s)
		return s
	}
	{
		part = index($1, " ") > 0
		if (part != inside)
			print part ? ".RS\n.PD 0" : ".RE\n.PD"
		inside = part
		print ".TP\n\\fBxenctl " plain($1) "\\fR " usage($2)
		if (!part)
			print plain($3) "."
	}
	END { if (inside) print ".RE\n.PD" }'
}

man_page()
{
	cat <<-END
	.\\" Made by tools/docs.sh from xenctl's own table.
	.TH XENCTL 8 "$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%d)" Xeno "Xeno"
	.SH NAME
	xenctl \\- look after the domains, disks and network of Xeno
	.SH SYNOPSIS
	.B xenctl
	.I COMMAND
	.RI [ ARGUMENT ]...
	.SH DESCRIPTION
	xenctl is the tool of domain 0. It speaks to the hypervisor through
	.I /dev/xen/privcmd
	and keeps nothing running.
	A
	.I DOMAIN
	is a name or a number.
	Where a table is shown,
	.B \\-\\-json
	shows the same as JSON.
	.SH COMMANDS
	END
	page_commands "$1"
	cat <<-'END'
	.SH FILES
	.TP
	.I /etc/xeno/NAME.cfg
	configurations of domains, with the keys of
	.BR xl.cfg (5)
	that Xeno knows
	.TP
	.I /etc/xeno/net.conf
	the network of the guests: its range, the router's address, domain 0's
	.TP
	.I /etc/xeno/net.rules
	what may pass; the file explains itself
	.SH EXIT STATUS
	0 when all was done.
	Otherwise one line on standard error says what was not, and why.
	.SH SEE ALSO
	README.CD on the CD
	END
}

# Options, and what stands behind them, place by place.
bash_table()
{
	"$1" help --table | awk -F '\t' '
	function options(u,    out, word, i) {
		while (match(u, /(^|[[| ])--?[a-z][a-z-]*/)) {
			word = substr(u, RSTART, RLENGTH)
			sub(/^[^-]/, "", word)
			u = substr(u, RSTART + RLENGTH)
			if (word ~ /^--/)
				out = out " " word
			else
				for (i = 2; i <= length(word); i++)
					out = out " -" substr(word, i, 1)
		}
		return substr(out, 2)
	}
	function places(u) {
		gsub(/\[-[^]]*\]/, "", u)
		gsub(/--[a-z]+ [A-Z][^ ]*|--[a-z]+|\[[.:-][^]]*\]|\.\.\./, "", u)
		gsub(/[][]/, "", u)
		if (u ~ / \| /) {
			gsub(/[ |]+/, "|", u)
			u = "* " u
		}
		gsub(/ +/, " ", u)
		sub(/^ /, "", u)
		return u
	}
	{
		printf "_xenctl_options[\"%s\"]=\"%s\"\n", $1, options($2)
		printf "_xenctl_places[\"%s\"]=\"%s\"\n", $1, places($2)
	}'
}

case ${1:-} in
man) man_page "$2" ;;
bash) bash_table "$2" | sed -e '/^#TABLE#/ {' -e 'r /dev/stdin' -e 'd' -e '}' "$here/completion.bash" ;;
*) echo "usage: docs.sh man|bash XENCTL" >&2; exit 2 ;;
esac

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# mk/timezones.sh FILE: writes the table of time zones, lines of `Area/City TZ`, from Debian's
# tzdata. TZ is what the zone does from now on (the last line of its file), in the form of
# POSIX, so that domain 0 needs no database of the past.
set -eu

zones=/usr/share/zoneinfo
{
	echo "UTC UTC0"
	sed -n 's/^[^#	]*	[^	]*	\([^	]*\).*/\1/p' $zones/zone.tab |
		while read -r name; do
			rule=$(tail -n 1 "$zones/$name")
			case $rule in
			*[![:print:]]* | '') echo "mk/timezones.sh: $name has no rule" >&2 && exit 1 ;;
			esac
			echo "$name $rule"
		done | LC_ALL=C sort
} >"$1.work"
mv "$1.work" "$1"

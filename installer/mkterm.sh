#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# mkterm.sh FILE: makes, on the build machine, the description of XenoLinux's own screen: Debian's of
# linux, but lines are drawn with the font's characters (CP437, as pcansi has them), for our
# kernel translates none (CONFIG_CONSOLE_TRANSLATIONS).
set -eu

[ $# -eq 1 ] || { echo "xeno: usage: mkterm.sh FILE" >&2; exit 1; }
work=$1.work
rm -rf "$work"
mkdir -p "$work"
{
	infocmp -1 linux | sed '/^[[:space:]]\(acsc\|smacs\|rmacs\|enacs\|sgr0\|sgr\)=/d'
	infocmp -1 pcansi | grep '^[[:space:]]acsc='
	printf '\tsmacs=\\E[11m,\n\trmacs=\\E[10m,\n\tsgr0=\\E[0;10m,\n'
} >"$work/source"
tic -o "$work" "$work/source"
mv "$work/l/linux" "$1"
rm -r "$work"

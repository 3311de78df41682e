# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Words shared by the build scripts: sourced, never run.

# One progress line.
say()
{
	printf '  %-7s %s\n' "$1" "$2"
}

# End with one clear line.
die()
{
	echo "xeno: $*" >&2
	exit 1
}

# need_disk GIGABYTES WHAT: refuse early rather than fail half way.
need_disk()
{
	free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$free" -ge "$1" ] || die "$2 needs $1 GB of free disk, there are only $free GB"
}

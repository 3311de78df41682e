#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Installs the packages named in mk/packages that are not there yet.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/mk/lib.sh"

wanted()
{
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$top/mk/packages"
}

# Print the wanted packages that dpkg does not know as installed.
missing()
{
	# shellcheck disable=SC2046 # a list of words
	dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $(wanted) 2>/dev/null |
		awk '$1 == "ii" { print $2 }' | sort >"$1"
	wanted | sort | comm -23 - "$1"
}

# apt-get, as root one way or the other.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	elif command -v sudo >/dev/null; then
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	else
		die "these packages are missing and there is no sudo: $(echo "$names" | tr '\n' ' ')"
	fi
}

install_missing()
{
	need_disk 2 "the packages"
	say DEPS "installing $(echo "$names" | wc -l) packages: $(echo "$names" | tr '\n' ' ')"
	as_root apt-get -qq update || die "apt-get update failed: is a Debian mirror in reach?"
	# shellcheck disable=SC2086 # a list of words
	as_root apt-get -qq install -y --no-install-recommends $names >"$log" 2>&1 || {
		tail -3 "$log" >&2
		die "the packages did not install: $(grep -m1 '^E:' "$log" || echo "see $log")"
	}
}

command -v dpkg-query >/dev/null || die "this needs Debian 12: there is no dpkg here"
mkdir -p "$top/build"
log=$top/build/deps.log
have=$top/build/deps.have
names=$(missing "$have")
[ -z "$names" ] || install_missing
rm -f "$have"

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Words shared by the scripts of domain 0's network: sourced, never run.

# Print the value of a key of net.conf: key = "value".
net_conf()
{
	sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" \
		/etc/xeno/net.conf | tail -n 1
}

# Print the name of this domain's virtual interface number $1. Fails when Linux has none yet.
find_vif()
{
	for net in /sys/class/net/*; do
		[ "$(cat "$net/device/nodename" 2>/dev/null)" = "device/vif/$1" ] || continue
		echo "${net##*/}"
		return 0
	done
	return 1
}

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The page of a guest that was started with xeno.web: about itself, made anew for each visitor.

# Print "N d N h N min N s" of seconds.
duration()
{
	awk -v s="$1" 'BEGIN {
		if (s >= 86400) printf "%d d ", s / 86400
		if (s >= 3600) printf "%d h ", s % 86400 / 3600
		if (s >= 60) printf "%d min ", s % 3600 / 60
		printf "%d s", s % 60
	}'
}

# Print the value of a line of /proc/meminfo, in KiB.
meminfo()
{
	awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

counter()
{
	cat "/sys/class/net/eth0/statistics/$1" 2>/dev/null || echo 0
}

row()
{
	echo "<tr><th>$1</th><td>$2</td></tr>"
}

style()
{
	cat <<-'END_OF_STYLE'
	:root { color-scheme: light dark; --ink: #1d2430; --dim: #68727f;
		--card: #fff; --back: #eceff3; --mark: #0a7d6c }
	@media (prefers-color-scheme: dark) {
		:root { --ink: #e4e8ee; --dim: #8d98a7; --card: #1b212b; --back: #11151b;
			--mark: #3ecfb6 }
	}
	body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back);
		color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
	main { width: min(34rem, 90vw); background: var(--card); border-radius: 14px; padding: 2rem 2.4rem;
		border-top: 5px solid var(--mark); box-shadow: 0 8px 30px rgba(0, 0, 0, .12) }
	h1 { margin: 0; font-size: 1.9rem }
	p { margin: .2rem 0 1.4rem; color: var(--dim) }
	table { width: 100%; border-collapse: collapse }
	th { text-align: left; font-weight: 500; color: var(--dim); width: 9rem }
	th, td { padding: .5rem 0; border-top: 1px solid rgba(128, 140, 155, .25); vertical-align: top }
	td { font-variant-numeric: tabular-nums }
	meter { width: 100%; height: .8rem }
	footer { margin-top: 1.4rem; font-size: .85rem; color: var(--dim) }
	END_OF_STYLE
}

rows()
{
	total=$(meminfo MemTotal)
	used=$((total - $(meminfo MemAvailable)))
	row Up "$(duration "$(cut -d. -f1 /proc/uptime)")"
	row Memory "$((used / 1024)) of $((total / 1024)) MiB in use<br>
		<meter min=0 max=$total value=$used>$used of $total KiB</meter>"
	row Processors "$(grep -c '^processor' /proc/cpuinfo), load $(cut -d' ' -f1 /proc/loadavg)"
	row Address "$(ip -4 addr show dev eth0 2>/dev/null | awk '$1 == "inet" { print $2 }')"
	row Received "$(counter rx_packets) packets, $(($(counter rx_bytes) / 1024)) KiB"
	row Sent "$(counter tx_packets) packets, $(($(counter tx_bytes) / 1024)) KiB"
	row Kernel "$(uname -sr)"
	row Visitor "$(echo "${REMOTE_ADDR:-unknown}" | sed "s,^\[::ffff:\(.*\)\]$,\1,")"
}

printf 'Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\r\n'
cat <<END_OF_PAGE
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>$(hostname)</title>
<style>
$(style)
</style></head>
<body><main>
<h1>$(hostname)</h1>
<p>A guest of Xeno, through its router and one forwarded port.</p>
<table>
$(rows)
</table>
<footer>Made at $(date -u '+%Y-%m-%d %H:%M:%S') UTC, and again every five seconds.</footer>
</main></body></html>
END_OF_PAGE

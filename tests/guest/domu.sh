#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In domain 0: runs the test kernels named in /tests/names, each as a domain of its
# own, by xenctl. Between `@@ begin NAME` and `@@ end NAME STATE` comes what
# the test printed; `@@ free KIB` before and after all of them shows what leaked.
set -u

limit=90

free_kib()
{
	xenctl info | sed -n 's/^free KiB *//p'
}

state()
{
	xenctl list "$1" 2>/dev/null | sed -n '2p'
}

# Until the domain has stopped, or long enough.
wait_stopped()
{
	waited=0
	while [ "$waited" -lt "$limit" ]; do
		case $(state "$1") in
		*poweroff* | *crash* | *dying* | '') return ;;
		esac
		sleep 1
		waited=$((waited + 1))
	done
}

one()
{
	name=$1
	echo "@@ begin $name"
	if xenctl create "/tests/$name.cfg"; then
		wait_stopped "$name"
		xenctl console -l "$name" </dev/null
		echo "@@ end $name $(state "$name")"
		xenctl destroy "$name"
	else
		echo "@@ end $name not created"
	fi
}

echo "@@ free $(free_kib)"
while read -r name <&3; do
	one "$name"
done 3</tests/names
sleep 1
echo "@@ free $(free_kib)"

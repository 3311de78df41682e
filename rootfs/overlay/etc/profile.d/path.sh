# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin
export HOME=/root
export PAGER=more
# Sessions of a login begin without it.
[ ! -r /run/xeno/timezone ] || . /run/xeno/timezone

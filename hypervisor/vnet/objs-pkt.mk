# SPDX-License-Identifier: GPL-2.0-only
objs-y += vnet/arp.o vnet/csum.o vnet/ct.o vnet/guard.o vnet/icmp.o vnet/parse.o vnet/rules.o

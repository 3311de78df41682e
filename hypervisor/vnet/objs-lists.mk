# SPDX-License-Identifier: GPL-2.0-only
objs-y += vnet/lists.o vnet/log.o vnet/route.o

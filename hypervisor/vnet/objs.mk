# SPDX-License-Identifier: GPL-2.0-only
objs-y += vnet/vif.o vnet/ring.o vnet/router.o vnet/port.o vnet/card.o

# SPDX-License-Identifier: GPL-2.0-only
objs-y += xenstore/tree.o xenstore/wire.o xenstore/ring.o xenstore/device.o

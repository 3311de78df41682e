# SPDX-License-Identifier: GPL-2.0-only
objs-y += event/evtchn.o event/evtchn_ops.o event/pirq.o event/msi.o event/physdev.o event/platform.o

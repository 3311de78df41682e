# SPDX-License-Identifier: GPL-2.0-only
objs-y += event/evtchn.o event/evtchn_ops.o event/pirq_stub.o

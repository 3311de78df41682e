# SPDX-License-Identifier: GPL-2.0-only
objs-y += time/heap.o time/timer.o time/scale.o time/clock.o time/calibrate.o time/rtc.o

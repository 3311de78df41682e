# SPDX-License-Identifier: GPL-2.0-only
objs-y += x86/segment.o x86/callbacks.o x86/vcpu.o
objs-y += x86/tramp.o x86/entry.o x86/cpu_area.o x86/context.o x86/bounce.o x86/traps.o

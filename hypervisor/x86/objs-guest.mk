# SPDX-License-Identifier: GPL-2.0-only
objs-y += x86/uaccess.o x86/fpu.o x86/debugreg.o x86/cpuid.o x86/emulate.o

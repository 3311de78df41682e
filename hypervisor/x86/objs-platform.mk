# SPDX-License-Identifier: GPL-2.0-only
objs-y += x86/console.o x86/serial.o x86/vga.o x86/fb.o x86/font.o
objs-y += x86/spinlock.o x86/panic.o x86/symbols.o x86/power.o
objs-y += x86/acpi.o x86/mptable.o x86/apic.o x86/ioapic.o x86/irq.o
objs-y += x86/smp.o x86/smpboot.o x86/mailbox.o

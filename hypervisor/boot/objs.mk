# SPDX-License-Identifier: GPL-2.0-only
objs-y += boot/head.o boot/main.o boot/multiboot.o boot/memmap.o boot/cmdline.o

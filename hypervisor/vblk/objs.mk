# SPDX-License-Identifier: GPL-2.0-only
objs-y += vblk/extent.o vblk/request.o vblk/io.o vblk/vbd.o

# SPDX-License-Identifier: GPL-2.0-only
objs-y += call/dispatch.o call/multicall.o call/version.o call/nmi.o

# SPDX-License-Identifier: GPL-2.0-only
objs-y += lib/string.o lib/printf.o lib/number.o lib/sort.o

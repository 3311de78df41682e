# SPDX-License-Identifier: GPL-2.0-only
objs-y += grant/entry.o grant/table.o grant/ops.o

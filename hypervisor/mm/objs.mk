# SPDX-License-Identifier: GPL-2.0-only
objs-y += mm/buddy.o mm/decode.o mm/frame.o mm/frame_state.o mm/heap.o mm/init.o mm/memory_op.o mm/pt_emulate.o mm/pt_table.o mm/pt_update.o

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands for hyp/layout.h where the hypervisor's memory is simulated in a process: the same
 * names at addresses of user space. Included first (FLAGS: -include host_layout.h).
 */
#ifndef HYP_LAYOUT_H
#define HYP_LAYOUT_H

#define HYP_SLOT_FIRST 256
#define HYP_SLOT_LAST 271
#define HYP_VIRT_START 0xffff800000000000ul
#define HYP_VIRT_END 0xffff880000000000ul
#define DIRECT_MAP_VIRT 0x200000000000ul
#define FRAME_TABLE_VIRT 0x210000000000ul
#define RW_M2P_VIRT 0x220000000000ul
#define GDT_GUEST_PAGES 14
#define STACK_SHIFT 20
#define STACK_SIZE (1 << STACK_SHIFT)

#endif

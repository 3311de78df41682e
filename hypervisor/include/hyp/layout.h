/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's part of every address space: top-level slots 256..271,
 * which the PV ABI reserves (DESIGN section 3). Usable from assembly.
 *
 *   slot 256   machine-to-physical table, read-only; in guest roots too
 *   slot 257   CPU areas, 2 MiB each; a guest root has its own CPU's only
 *   slot 258   machine-to-physical table, writable alias
 *   slot 259   frame table
 *   slot 260   hypervisor image (first 1 GiB), then dynamic MMIO mappings
 *   slot 262.. direct map of all RAM (10 slots, 5 TiB)
 *
 * The full root has all of it; a guest root has slots 256 and 257 only.
 */
#ifndef HYP_LAYOUT_H
#define HYP_LAYOUT_H

#ifdef __ASSEMBLY__
#define LAYOUT_UL(x) x
#else
#define LAYOUT_UL(x) x##ul
#endif

#define HYP_SLOT_FIRST 256
#define HYP_SLOT_LAST 271
#define HYP_VIRT_START LAYOUT_UL(0xffff800000000000)
#define HYP_VIRT_END LAYOUT_UL(0xffff880000000000) /* exclusive */

#define RO_M2P_VIRT LAYOUT_UL(0xffff800000000000)
#define CPU_AREA_VIRT LAYOUT_UL(0xffff808000000000)
#define RW_M2P_VIRT LAYOUT_UL(0xffff810000000000)
#define FRAME_TABLE_VIRT LAYOUT_UL(0xffff818000000000)
#define HYP_IMAGE_VIRT LAYOUT_UL(0xffff820000000000) /* + physical load address 2 MiB */
#define MMIO_VIRT LAYOUT_UL(0xffff820040000000)
#define MMIO_VIRT_END LAYOUT_UL(0xffff828000000000)
#define DIRECT_MAP_VIRT LAYOUT_UL(0xffff830000000000)

/* Per-CPU area: page numbers inside the 2 MiB (see x86/tramp.S). */
#define CPU_AREA_SIZE 0x200000
#define CA_CODE 0 /* trampoline code, 4 pages, shared by all CPUs, r-x */
#define CA_CODE_PAGES 4
#define CA_RO 4	     /* struct tramp_ro, read-only to guests and to us here */
#define CA_IDT 5     /* read-only */
#define CA_TSS 6     /* read-only */
#define CA_SCRATCH 9 /* entry stack and scratch, writable by ring 1: never trusted */
#define CA_IST 10    /* 4 one-page stacks: NMI, #MC, #DF, #DB */
#define CA_VINFO 14  /* the current vcpu's vcpu_info page */
#define CA_GDT 16    /* 16 pages: 14 of the guest, 1 of ours, 1 unused */
#define CA_LDT 32    /* 16 pages */
#define CA_PAGES 48

/* Our own page of every GDT: page 14, selectors 0xe000.. (ABI). */
#define GDT_GUEST_PAGES 14
#define SEL_HYP_CS 0xe008
#define SEL_HYP_DS 0xe010
#define SEL_USER_CS32 0xe023
#define SEL_USER_DS 0xe02b
#define SEL_USER_CS 0xe033
#define SEL_KERNEL_CS 0xe031 /* the same descriptor: conforming, so valid in rings 1 and 3 */
#define SEL_KERNEL_DS 0xe039
#define SEL_TSS 0xe040
#define SEL_LDT 0xe050
#define GDT_BYTES ((GDT_GUEST_PAGES + 1) * 4096)

/*
 * One stack block per CPU, aligned to its size; this_cpu() is found from any
 * stack pointer inside. Top: struct stack_top (guest registers, cpu pointer).
 */
#define STACK_SHIFT 15
#define STACK_SIZE (1 << STACK_SHIFT)
/* The low 12 KiB are the second stages of the NMI, #MC/#DF and #DB stacks. */
#define STACK_NMI_TOP 0x1000
#define STACK_MC_TOP 0x2000
#define STACK_DB_TOP 0x3000

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trampoline's data: what the few instructions that run on a guest root
 * need to know (x86/tramp.S). C writes struct tramp_ro through its alias in
 * the direct map; guests and the trampoline itself see it read-only.
 */
#ifndef HYP_TRAMP_H
#define HYP_TRAMP_H

#include <hyp/layout.h>
#ifndef __ASSEMBLY__
#include <hyp/types.h>

struct tramp_ro {
	uint64_t full_cr3;    /* loaded on entry to the hypervisor */
	uint64_t kernel_cr3;  /* the guest root of ring 1 (and of ring 3 unless split) */
	uint64_t user_cr3;    /* the guest root of ring 3 */
	uint64_t exit_cr3;    /* the one of the two that the slow exit loads */
	uint64_t idle_cr3;    /* always valid: for NMI, #MC, #DF, #DB out of ring 0 */
	uint64_t hyp_rsp;     /* end of stack_top.regs */
	uint64_t ist_rsp[4];  /* second-stage stacks: NMI, #MC, #DF, #DB */
	uint64_t syscall_rip; /* 0: the fast path is off */
	uint64_t syscall_mask;
	uint64_t pf_rip; /* 0: the fast path is off */
	uint64_t pf_mask;
	uint64_t kernel_sp; /* 16-byte aligned, checked to lie outside our slots */
	uint64_t vinfo;	    /* the current vcpu_info, in the CA_VINFO page */
	uint64_t split;	    /* user_cr3 differs from kernel_cr3 */
	uint64_t in_nmi;    /* the guest handles an NMI: its next iret ends that, in C */
};
#endif

/* The scratch page. Ring 1 can write it: nothing here is ever trusted. */
#define SC_MODE 0x00 /* 1: ring 1 runs, 0: ring 3 */
#define SC_RSP 0x08  /* the guest's stack pointer during SYSCALL */
#define SC_RCX 0x10  /* the return address of the iret hypercall */
#define SC_CR2 0x18
#define SC_TMP 0x20

/* Vectors of our own making in cpu_regs.vector, beyond hardware's 0..255. */
#define TRAP_IRET_FAULT 0x103 /* the final IRETQ faulted: the guest's return frame is bad */

/* Index of the IST stacks in the CPU area (CA_IST + index), TSS slot + 1. */
#define IST_NMI 0
#define IST_MC 1
#define IST_DF 2
#define IST_DB 3

#ifndef __ASSEMBLY__
/* Addresses inside the trampoline's link-time copy; CPU n runs it at its own alias. */
extern const char tramp_start[], tramp_end[];
extern const char tramp_syscall[], tramp_syscall32[], tramp_exit[], tramp_vectors[];
#define TRAMP_VECTOR_SIZE 16 /* bytes per stub in tramp_vectors */

static inline uint64_t cpu_area(unsigned int cpu)
{
	return CPU_AREA_VIRT + (uint64_t)cpu * CPU_AREA_SIZE;
}

static inline uint64_t tramp_alias(unsigned int cpu, const void *sym)
{
	return cpu_area(cpu) + (uint64_t)((const char *)sym - tramp_start);
}
#endif

#endif

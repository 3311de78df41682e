/* SPDX-License-Identifier: GPL-2.0-only */
/* Xeno's trampoline as a guest sees it: the layout, and the CPU area we run on. */
#ifndef GUEST_TRAMP_H
#define GUEST_TRAMP_H

#define __ASSEMBLY__ 1
#include <hyp/layout.h>
#include <hyp/tramp.h>
#undef __ASSEMBLY__
#include "guest.h"

#define TEST_CPUS 64

static inline uint64_t ca_page(unsigned int cpu, unsigned int page)
{
	return CPU_AREA_VIRT + (uint64_t)cpu * CPU_AREA_SIZE + page * PAGE_SIZE;
}

/* The CPU whose area is visible now; fails when there is none. We may be moved any time. */
static inline unsigned int my_cpu(void)
{
	for (int round = 0; round < 100; round++)
		for (unsigned int cpu = 0; cpu < TEST_CPUS; cpu++)
			if (probe_read(ca_page(cpu, CA_SCRATCH)) == -1)
				return cpu;
	fail("no CPU area is visible");
}

static inline void ca_set_kernel_mode(uint64_t cpu)
{
	*(volatile uint64_t *)(ca_page((unsigned int)cpu, CA_SCRATCH) + SC_MODE) = 1;
}

/* SYSCALL is a hypercall again. A CPU we have left needs no help. */
static inline void kernel_mode(void)
{
	long v = catch (ca_set_kernel_mode, my_cpu());

	CHECK(v == -1 || v == X86_PF, "trap %ld in the scratch page", v);
}

#endif

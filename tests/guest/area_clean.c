/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stacks of the CPU areas, which ring 1 can read, hold no registers of other domains. As
 * the only domain there is nothing to find; as one of several, domain 0's addresses would be.
 */
#include "lib/tramp.h"

static volatile unsigned int looked;

/* An address of Linux's direct map, vmalloc area, or of one of its programs. None of ours. */
static bool foreign(uint64_t v)
{
	return (v >= 0xffff888000000000 && v < 0xffffffff80000000) ||
	       (v >= 0x0000550000000000 && v < 0x0000800000000000);
}

static void look(uint64_t page)
{
	volatile uint64_t *p = (uint64_t *)page;

	for (unsigned int i = 0; i < PAGE_SIZE / 8; i++) {
		uint64_t v = p[i];

		CHECK(!foreign(v), "page %lx: %lx at %x", (page & (CPU_AREA_SIZE - 1)) / PAGE_SIZE,
		      v, i * 8);
	}
	looked++;
}

void test(void)
{
	if (!xeno)
		skip("Xeno's trampoline");
	for (unsigned int round = 0; round < 100; round++) {
		unsigned int cpu = my_cpu();

		/* Moved to another CPU meanwhile, it is a page fault. */
		for (unsigned int page = CA_SCRATCH; page < CA_IST + 4; page++)
			catch (look, ca_page(cpu, page));
		sleep_ns(10000000);
	}
	CHECK(looked > 100, "only %u pages seen", looked);
}

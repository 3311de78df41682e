/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two VCPUs on roots of their own: what one maps privately the other does not see,
 * and changes of a shared table reach both.
 */
#include "lib/guest.h"

#define PRIVATE 0x10000000000ul /* slot 2 */
#define SHARED 0x5000001000ul

static volatile uint32_t ready, go, done, stop;
static volatile long seen;
static volatile uint64_t probe_va;
static uint64_t *l4;
static uint8_t *page[2];

static void switch_root(uint64_t unused)
{
	EXPECT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
}

static void second(void)
{
	switch_root(0);
	ready = 1;
	while (!stop) {
		while (go == done && !stop)
			__asm__ volatile("pause" ::: "memory");
		if (stop)
			break;
		seen = probe_read(probe_va);
		if (seen == -1)
			seen = 1000 + *(volatile uint8_t *)probe_va;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		done = go;
	}
	hc(vcpu_op, VCPUOP_down, 1, 0);
	for (;;)
		;
}

static long other_sees(uint64_t va)
{
	probe_va = va;
	go = go + 1;
	for (uint64_t end = now() + 3000000000ul; done != go;)
		CHECK(now() < end, "VCPU 1 does not answer");
	return seen;
}

/* A private third-level table in our root only. */
static void private_mapping(void)
{
	uint64_t *t[4];

	for (int level = 1; level <= 3; level++) {
		t[level] = page_alloc();
		t[level][0] = mfn_of(level == 1 ? (void *)page[0] : (void *)t[level - 1]) << 12 |
			      (level == 1 ? PTE_KERNEL : PTE_TABLE);
		make_ro(t[level]);
	}
	for (int i = 0; i < 50; i++) {
		EXPECT(mmu_write(root << 12 | 2 * 8, mfn_of(t[3]) << 12 | PTE_TABLE), 0);
		EXPECT(*(volatile uint8_t *)PRIVATE, 0x11);
		EXPECT(other_sees(PRIVATE), X86_PF);
		/* Now in the other's root, and not in ours. */
		EXPECT(mmu_write(root << 12 | 2 * 8, 0), 0);
		EXPECT(mmu_write(mfn_of(l4) << 12 | 2 * 8, mfn_of(t[3]) << 12 | PTE_TABLE), 0);
		EXPECT(mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
		EXPECT(probe_read(PRIVATE), X86_PF);
		EXPECT(other_sees(PRIVATE), 1000 + 0x11);
		EXPECT(mmu_write(mfn_of(l4) << 12 | 2 * 8, 0), 0);
		EXPECT(mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
		EXPECT(other_sees(PRIVATE), X86_PF);
	}
	/* Nothing keeps them: they become ordinary pages. */
	for (int level = 3; level >= 1; level--)
		make_rw(t[level]);
}

/* One table in both roots: update_va_mapping here is seen there, and so is its removal. */
static void shared_mapping(void)
{
	for (int i = 0; i < 200; i++) {
		uint64_t mfn = mfn_of(page[i & 1]);

		EXPECT(hc(update_va_mapping, SHARED, mfn << 12 | PTE_KERNEL,
			  UVMF_INVLPG | UVMF_ALL),
		       0);
		EXPECT(other_sees(SHARED), 1000 + 0x11 * ((i & 1) + 1));
	}
	EXPECT(hc(update_va_mapping, SHARED, 0, UVMF_INVLPG | UVMF_ALL), 0);
	EXPECT(other_sees(SHARED), X86_PF);
}

void test(void)
{
	volatile uint64_t *old = pte_of(0, 4);

	if (hc(vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		skip("one VCPU only");
	for (int i = 0; i < 2; i++) {
		page[i] = page_alloc();
		memset(page[i], 0x11 * (i + 1), PAGE_SIZE);
	}
	map_far(SHARED, mfn_of(page[0]), PTE_KERNEL);
	l4 = page_alloc();
	for (unsigned int i = 0; i < 512; i++)
		l4[i] = i < 256 || i > 271 ? old[i] : 0;
	make_ro(l4);
	EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l4), 0), 0);
	EXPECT(vcpu_boot(1, second), 0);
	CHECK(wait_for(&ready, 1, 3000), "VCPU 1 does not start");
	EXPECT(other_sees(A(si)) >= 1000, 1);
	private_mapping();
	shared_mapping();
	stop = 1;
	for (int i = 0; hc(vcpu_op, VCPUOP_is_up, 1, 0) && i < 2000; i++)
		sleep_ns(1000000);
}

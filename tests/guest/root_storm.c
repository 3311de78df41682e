/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An entry of top-level tables comes and goes while other VCPUs load these tables, run on them
 * and read through the entry. The tables behind it become ordinary memory at once, full of
 * entries nobody checked: what is read is the one page ever mapped, or a page fault. LIMIT: 90
 */
#include "lib/guest.h"

#define SECONDS 4
#define SLOT 2ul
#define PRIVATE (SLOT << 39)
#define GOOD 0x600d600d600d600dul

static volatile uint32_t stopped, reads[MAX_TEST_VCPUS], faults[MAX_TEST_VCPUS];
static volatile bool over;
static volatile uint64_t wrong;
static uint64_t *l4, *t[4], *page, *secret;
static unsigned int vcpus;

static void read_it(uint64_t unused)
{
	uint64_t v = *(volatile uint64_t *)PRIVATE;

	reads[this_vcpu()->id]++;
	if (v != GOOD)
		wrong = v;
}

static void other(void)
{
	unsigned int me = this_vcpu()->id;

	while (!over) {
		mmuext(MMUEXT_NEW_BASEPTR, rnd() & 1 ? mfn_of(l4) : root, 0);
		for (unsigned int i = rnd() % 20; i; i--)
			if (catch (read_it, 0) == X86_PF)
				faults[me]++;
		if (rnd() % 16 == 0)
			sleep_ns(20000);
	}
	mmuext(MMUEXT_NEW_BASEPTR, root, 0);
	__atomic_add_fetch(&stopped, 1, __ATOMIC_SEQ_CST);
	for (;;)
		sleep_ns(1000000000);
}

static uint64_t slot_of(unsigned int n)
{
	return (n ? mfn_of(l4) : root) << 12 | SLOT * 8;
}

static void once(void)
{
	unsigned int which = rnd() % 2;

	for (int level = 1; level <= 3; level++) {
		t[level][0] = mfn_of(level == 1 ? page : t[level - 1]) << 12 |
			      (level == 1 ? PTE_KERNEL : PTE_TABLE);
		make_ro(t[level]);
	}
	EXPECT(mmu_write(slot_of(which), mfn_of(t[3]) << 12 | PTE_TABLE), 0);
	for (uint64_t end = now() + rnd() % 50000; now() < end;)
		;
	EXPECT(mmu_write(slot_of(which), 0), 0);
	/* No flush: that other CPUs do not use them any more is not ours to see to. */
	for (int level = 1 + (int)(rnd() % 3); level >= 1; level--) {
		make_rw(t[level]);
		t[level][0] = mfn_of(secret) << 12 | PTE_KERNEL;
	}
	for (int level = 3; level >= 1; level--)
		make_rw(t[level]);
}

void test(void)
{
	volatile uint64_t *old = pte_of(0, 4);
	uint64_t end;
	uint32_t rounds = 0;

	while (vcpus < MAX_TEST_VCPUS && hc(vcpu_op, VCPUOP_is_up, vcpus, 0) >= 0)
		vcpus++;
	if (vcpus < 2)
		skip("one VCPU only");
	for (int i = 1; i < 4; i++)
		t[i] = page_alloc();
	page = page_alloc();
	secret = page_alloc();
	for (unsigned int i = 0; i < PAGE_SIZE / 8; i++) {
		page[i] = GOOD;
		secret[i] = mfn_of(secret) << 12 | PTE_KERNEL;
	}
	l4 = page_alloc();
	for (unsigned int i = 0; i < 512; i++)
		l4[i] = i < 256 || i > 271 ? old[i] : 0;
	make_ro(l4);
	EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l4), 0), 0);
	for (unsigned int i = 1; i < vcpus; i++)
		EXPECT(vcpu_boot(i, other), 0);
	for (end = now() + SECONDS * 1000000000ul; now() < end; rounds++) {
		once();
		CHECK(!wrong, "%lx was read", wrong);
	}
	over = true;
	CHECK(wait_for(&stopped, vcpus - 1, 5000), "only %u of the others stopped", stopped);
	CHECK(!wrong, "%lx was read", wrong);
	print("note: %u rounds, read %u %u %u, faults %u %u %u", rounds, reads[1], reads[2],
	      reads[3], faults[1], faults[2], faults[3]);
}

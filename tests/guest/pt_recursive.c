/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables that name themselves or their parents: refused, or read-only and harmless. */
#include "lib/guest.h"

#define SELF 5ul

static uint64_t *fill(int level, uint64_t flags)
{
	uint64_t *t = page_alloc();

	(void)level;
	t[SELF] = mfn_of(t) << 12 | flags;
	make_ro(t);
	return t;
}

static void self_at(uint32_t level, uint64_t flags)
{
	uint64_t *t = fill((int)level, flags);
	long ret = mmuext(MMUEXT_PIN_L1_TABLE + level, mfn_of(t), 0);

	if (ret < 0) {
		make_rw(t);
		return;
	}
	CHECK(!(flags & PTE_RW), "level %u maps itself writable", level + 1);
	REFUSED(map_page(t, mfn_of(t), PTE_KERNEL));
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(t), 0), 0);
	make_rw(t);
}

/* The live root as its own L3, L2, L1: the classic linear page table. */
static void linear(uint64_t flags)
{
	uint64_t va = SELF << 39 | SELF << 30 | SELF << 21 | SELF << 12;
	long ret = mmu_write(root << 12 | SELF * 8, root << 12 | flags);

	if (ret < 0)
		return;
	CHECK(!(flags & PTE_RW), "the root maps itself writable");
	if (probe_read(va) == -1)
		EXPECT(probe_write(va), X86_PF);
	EXPECT(mmu_write(root << 12 | SELF * 8, 0), 0);
	EXPECT(probe_read(va), X86_PF);
}

static void parent(void)
{
	uint64_t *l2 = page_alloc(), *l3 = page_alloc();

	l3[0] = mfn_of(l2) << 12 | PTE_TABLE;
	l2[0] = mfn_of(l3) << 12 | PTE_TABLE;
	make_ro(l2);
	make_ro(l3);
	for (uint32_t level = 1; level < 4; level++) {
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, mfn_of(l2), 0));
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, mfn_of(l3), 0));
	}
	make_rw(l2);
	make_rw(l3);
}

void test(void)
{
	for (int round = 0; round < 20; round++) {
		for (uint32_t level = 0; level < 4; level++) {
			self_at(level, PTE_TABLE);
			self_at(level, PTE_P | PTE_US | PTE_A);
		}
		linear(PTE_TABLE);
		linear(PTE_P | PTE_US | PTE_A);
		linear(PTE_P | PTE_A);
	}
	parent();
}

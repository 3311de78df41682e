/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that must not become page tables: mapped writable, or with bad entries. */
#include "lib/guest.h"

static uint8_t *other, *l1, *rw;

/* Fills a page with one bad entry, offers it as a table, takes it back. */
static void offer(int level, unsigned int slot, uint64_t entry, const char *what)
{
	uint64_t *t = page_alloc();
	long ret;

	for (int round = 0; round < 100; round++) {
		memset(t, 0, PAGE_SIZE);
		t[slot] = entry;
		/* A good entry before it: it must be undone. */
		if (slot > 1)
			t[1] = level == 1 ? mfn_of(other) << 12 | PTE_KERNEL :
			       level == 2 ? mfn_of(l1) << 12 | PTE_TABLE :
					    0;
		make_ro(t);
		ret = mmuext(MMUEXT_PIN_L1_TABLE + (uint32_t)level - 1, mfn_of(t), 0);
		CHECK(ret < 0, "level %d table accepted: %s", level, what);
		make_rw(t);
	}
	/* Nothing is left behind on what the good entry named. */
	make_ro(other);
	make_rw(other);
}

void test(void)
{
	uint64_t self_l1;

	other = page_alloc();
	rw = page_alloc();
	l1 = table_alloc();
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0), 0);
	for (uint32_t level = 0; level < 4; level++) {
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, mfn_of(rw), 0));
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, LARGE_MFN, 0));
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, ~0ul, 0));
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, si->shared_info >> 12, 0));
	}
	REFUSED(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(rw), 0));
	REFUSED(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(rw), 0));
	offer(1, 7, LARGE_MFN << 12 | PTE_KERNEL, "a frame that is not there");
	offer(1, 511, mfn_of(l1) << 12 | PTE_KERNEL, "a table mapped writable");
	offer(1, 7, root << 12 | PTE_KERNEL, "the root mapped writable");
	offer(2, 7, mfn_of(rw) << 12 | PTE_TABLE, "a writable page as L1");
	offer(2, 7, mfn_of(l1) << 12 | PTE_TABLE | PTE_PS, "a large page");
	offer(2, 511, LARGE_MFN << 12 | PTE_TABLE, "a frame that is not there");
	offer(3, 7, mfn_of(l1) << 12 | PTE_TABLE, "an L1 as L2");
	offer(3, 7, mfn_of(rw) << 12 | PTE_TABLE | PTE_PS, "a 1 GiB page");
	offer(4, 7, mfn_of(l1) << 12 | PTE_TABLE, "an L1 as L3");
	offer(4, 7, mfn_of(rw) << 12 | PTE_TABLE, "a writable page as L3");
	offer(4, 300, mfn_of(l1) << 12 | PTE_TABLE, "an L1 as L3 in the kernel half");
	/* A live table cannot change its level. */
	self_l1 = pte_maddr(A(rw), 1) >> 12;
	for (uint32_t level = 1; level < 4; level++)
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, self_l1, 0));
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	make_rw(l1);
}

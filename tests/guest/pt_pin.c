/* SPDX-License-Identifier: GPL-2.0-only */
/* Pinning, unpinning and loading of page tables of all levels. */
#include "lib/guest.h"

static void pin_level(uint32_t level)
{
	uint64_t *t = page_alloc();
	uint64_t mfn = mfn_of(t);

	for (int round = 0; round < 3; round++) {
		make_ro(t);
		EXPECT(mmuext(MMUEXT_PIN_L1_TABLE + level, mfn, 0), 0);
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + level, mfn, 0));
		for (uint32_t l = 0; l < 4; l++)
			if (l != level)
				REFUSED(mmuext(MMUEXT_PIN_L1_TABLE + l, mfn, 0));
		REFUSED(map_page(t, mfn, PTE_KERNEL));
		EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
		REFUSED(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0));
		make_rw(t);
		t[0] = 0;
	}
}

/* A second root with the same kernel: switch there and back. */
static void second_root(void)
{
	uint64_t *l4 = page_alloc();
	volatile uint64_t *old = pte_of(0, 4);
	uint64_t mfn = mfn_of(l4);

	for (unsigned int i = 0; i < 512; i++)
		l4[i] = i < 256 || i > 271 ? old[i] : 0;
	make_ro(l4);
	EXPECT(mmuext(MMUEXT_NEW_BASEPTR, mfn, 0), 0);
	CHECK(m2p(root) < si->nr_pages, "M2P is not there on the new root");
	EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, mfn, 0), 0);
	REFUSED(map_page(l4, mfn, PTE_KERNEL));
	EXPECT(mmuext(MMUEXT_NEW_BASEPTR, root, 0), 0);
	EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn, 0), 0);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	/* Still the user root. */
	REFUSED(map_page(l4, mfn, PTE_KERNEL));
	EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	make_rw(l4);
	for (int i = 0; i < 100; i++) {
		make_ro(l4);
		EXPECT(mmuext(MMUEXT_NEW_BASEPTR, mfn, 0), 0);
		EXPECT(mmuext(MMUEXT_NEW_BASEPTR, root, 0), 0);
		make_rw(l4);
	}
}

/* A whole tree pinned at its top keeps its parts. */
static void tree(void)
{
	uint64_t *t[5];

	for (int level = 1; level <= 4; level++) {
		t[level] = page_alloc();
		t[level][3] = level == 1 ? mfn_of(page_alloc()) << 12 | PTE_KERNEL :
					   mfn_of(t[level - 1]) << 12 | PTE_TABLE;
		make_ro(t[level]);
	}
	EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(t[4]), 0), 0);
	for (int level = 1; level <= 4; level++)
		REFUSED(map_page(t[level], mfn_of(t[level]), PTE_KERNEL));
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(t[4]), 0), 0);
	for (int level = 1; level <= 4; level++)
		make_rw(t[level]);
}

void test(void)
{
	for (uint32_t level = 0; level < 4; level++)
		pin_level(level);
	REFUSED(mmuext(MMUEXT_UNPIN_TABLE, LARGE_MFN, 0));
	REFUSED(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(page_alloc()), 0));
	REFUSED(mmuext(MMUEXT_NEW_BASEPTR, LARGE_MFN, 0));
	REFUSED(mmuext(MMUEXT_NEW_BASEPTR, ~0ul, 0));
	REFUSED(mmuext(MMUEXT_NEW_BASEPTR, 0, 0));
	second_root();
	tree();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The rest of mmuext_op: flushes, page clearing and copying. */
#include "lib/guest.h"

static void flushes(void)
{
	static uint64_t mask = ~0ul;
	static const uint64_t va[] = { 0, 0x1000, BAD_NONCANON, BAD_HYP, VIRT_BASE, ~0ul };

	EXPECT(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	EXPECT(mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
	EXPECT(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, A(&mask)), 0);
	for (unsigned int i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
		mmuext(MMUEXT_INVLPG_LOCAL, va[i], 0);
		mmuext(MMUEXT_INVLPG_ALL, va[i], 0);
		mmuext(MMUEXT_INVLPG_MULTI, va[i], A(&mask));
		mmuext(MMUEXT_INVLPG_MULTI, va[i], va[i]);
		mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, va[i]);
	}
	mmuext(MMUEXT_FLUSH_CACHE, 0, 0);
	mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0);
}

static void pages(void)
{
	uint8_t *a = page_alloc(), *b = page_alloc();
	uint64_t *table = table_alloc();

	memset(a, 0xaa, PAGE_SIZE);
	memset(b, 0xbb, PAGE_SIZE);
	EXPECT(mmuext(MMUEXT_COPY_PAGE, mfn_of(a), mfn_of(b)), 0);
	CHECK(!memcmp(a, b, PAGE_SIZE), "copied wrong");
	EXPECT(mmuext(MMUEXT_CLEAR_PAGE, mfn_of(a), 0), 0);
	CHECK(a[0] == 0 && a[PAGE_SIZE - 1] == 0, "not cleared");
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(table), 0), 0);
	REFUSED(mmuext(MMUEXT_COPY_PAGE, mfn_of(table), mfn_of(b)));
	REFUSED(mmuext(MMUEXT_CLEAR_PAGE, mfn_of(table), 0));
	REFUSED(mmuext(MMUEXT_CLEAR_PAGE, root, 0));
	REFUSED(mmuext(MMUEXT_CLEAR_PAGE, LARGE_MFN, 0));
	REFUSED(mmuext(MMUEXT_COPY_PAGE, mfn_of(a), LARGE_MFN));
	REFUSED(mmuext(MMUEXT_COPY_PAGE, LARGE_MFN, mfn_of(a)));
	EXPECT(table[0], 0);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(table), 0), 0);
}

void test(void)
{
	struct mmuext_op ops[3] = {
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL },
		{ .cmd = 99 },
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL },
	};
	uint32_t done = 77;

	flushes();
	pages();
	REFUSED(hc(mmuext_op, ops, 3, &done, DOMID_SELF));
	EXPECT(done, 1);
	REFUSED(hc(mmuext_op, ops, 1, &done, 0x1234));
	EXPECT(mmuext(MMUEXT_INVLPG_LOCAL, VIRT_BASE, 0), 0);
}

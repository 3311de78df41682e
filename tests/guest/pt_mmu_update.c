/* SPDX-License-Identifier: GPL-2.0-only */
/* mmu_update: commands, batches, done counts, foreign and bad arguments. */
#include "lib/guest.h"

#define FAR 0x5000001000ul

static uint8_t *page[2];
static uint64_t at; /* machine address of the entry of FAR */

static uint64_t pte(int i)
{
	return mfn_of(page[i]) << 12;
}

static void accessed_dirty(void)
{
	volatile uint64_t *e = pte_of(FAR, 1);

	EXPECT(mmu_write(at, pte(0) | PTE_KERNEL), 0);
	EXPECT(mmu_write(at | MMU_PT_UPDATE_PRESERVE_AD, pte(0) | PTE_P), 0);
	CHECK((*e & (PTE_A | PTE_D | PTE_RW)) == (PTE_A | PTE_D), "entry %lx", *e);
	EXPECT(mmu_write(at, pte(0) | PTE_P | PTE_RW), 0);
	CHECK(!(*e & PTE_D), "entry %lx", *e);
	EXPECT(mmu_write(at | MMU_PT_UPDATE_PRESERVE_AD, pte(1) | PTE_P), 0);
	CHECK(!(*e & PTE_D), "entry %lx", *e);
	EXPECT(mmu_write(at, pte(0) | PTE_P | PTE_RW), 0);
	mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	*(volatile uint8_t *)FAR = 1;
	CHECK((*e & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "no bits after a write: %lx", *e);
}

static void machphys(void)
{
	uint64_t mfn = mfn_of(page[0]), pfn = m2p(mfn), other = mfn_of(page[1]);

	EXPECT(mmu_write(mfn << 12 | MMU_MACHPHYS_UPDATE, 0x12345), 0);
	EXPECT(m2p(mfn), 0x12345);
	EXPECT(mmu_write(mfn << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
	EXPECT(m2p(mfn), pfn);
	CHECK(m2p(other) < si->nr_pages, "another frame's entry changed");
	REFUSED(mmu_write(LARGE_MFN << 12 | MMU_MACHPHYS_UPDATE, pfn));
	REFUSED(mmu_write((1ul << 51) | MMU_MACHPHYS_UPDATE, pfn));
}

static void batch(void)
{
	struct mmu_update u[4];
	uint32_t done = 77;

	for (int i = 0; i < 4; i++) {
		u[i].ptr = at + 8 * (uint64_t)i;
		u[i].val = pte(i & 1) | PTE_KERNEL;
	}
	EXPECT(hc(mmu_update, u, 4, &done, DOMID_SELF), 0);
	EXPECT(done, 4);
	u[2].val = LARGE_MFN << 12 | PTE_KERNEL;
	u[3].val = 0;
	REFUSED(hc(mmu_update, u, 4, &done, DOMID_SELF));
	EXPECT(done, 2);
	EXPECT(*pte_of(FAR + 3 * PAGE_SIZE, 1) & PTE_P, 1);
	EXPECT(hc(mmu_update, u, 0, &done, DOMID_SELF), 0);
	EXPECT(done, 0);
	for (int i = 0; i < 4; i++)
		u[i].val = 0;
	EXPECT(hc(mmu_update, u, 4, 0, DOMID_SELF), 0);
}

static void big_batch(void)
{
	static struct mmu_update u[4096];
	uint32_t done = 0;

	for (int i = 0; i < 4096; i++) {
		u[i].ptr = at + 8 * (uint64_t)(i & 255);
		u[i].val = i & 1 ? 0 : pte(i & 1) | PTE_KERNEL;
	}
	events_on();
	EXPECT(hc(mmu_update, u, 4096, &done, DOMID_SELF), 0);
	EXPECT(done, 4096);
	events_off();
	/* The high bits of the count are the hypervisor's when it resumes. */
	hc(mmu_update, u, 0x80000001, &done, DOMID_SELF);
	hc(mmu_update, u, 0xc0000000, &done, DOMID_SELF);
	hc(mmuext_op, u, 0x80000001, &done, DOMID_SELF);
	for (int i = 0; i < 256; i++)
		EXPECT(mmu_write(at + 8 * (uint64_t)i, 0), 0);
}

static void wrong(void)
{
	struct mmu_update u = { .ptr = at, .val = pte(0) | PTE_KERNEL };
	volatile uint64_t *e = pte_of(FAR, 1);
	uint64_t before;

	EXPECT(mmu_write(at, pte(0) | PTE_KERNEL), 0);
	before = *e;
	REFUSED(mmu_write(LARGE_MFN << 12, pte(0) | PTE_KERNEL));
	REFUSED(mmu_write(~7ul, pte(0) | PTE_KERNEL));
	REFUSED(hc(mmu_update, &u, 1, 0, 0x1234));
	REFUSED(hc(mmu_update, &u, 1, 0, 0x1235ul << 16 | DOMID_SELF));
	REFUSED(hc(mmu_update, &u, 1, 0, DOMID_INVALID));
	REFUSED(hc(mmu_update, &u, 1, 0, 0x7ffe));
	REFUSED(mmu_write(at, LARGE_MFN << 12 | PTE_KERNEL));
	REFUSED(mmu_write(at, 1ul << 51 | PTE_KERNEL));
	EXPECT(*e, before);
	/* An entry across two: refused, or done as if aligned. */
	for (int off = 4; off < 8; off += 4)
		if (mmu_write(at + (uint64_t)off, 0) == 0)
			CHECK(!*e || *e == before, "half an entry: %lx", *e);
	EXPECT(mmu_write(at, 0), 0);
	EXPECT(mmuext(MMUEXT_INVLPG_ALL, FAR, 0), 0);
	EXPECT(probe_read(FAR), X86_PF);
}

void test(void)
{
	page[0] = page_alloc();
	page[1] = page_alloc();
	map_far(FAR, mfn_of(page[0]), PTE_KERNEL);
	at = pte_maddr(FAR, 1);
	accessed_dirty();
	machphys();
	batch();
	big_batch();
	wrong();
	/* A frame used by 20,000 entries over time is free again. */
	for (int i = 0; i < 20000; i++)
		EXPECT(mmu_write(at, i & 1 ? 0 : pte(0) | PTE_KERNEL), 0);
	memset(page[0], 0, PAGE_SIZE);
	make_ro(page[0]);
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page[0]), 0), 0);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(page[0]), 0), 0);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* No writable mapping of a page table of any level, by any way of making one. */
#include "lib/guest.h"

static uint8_t *spare;

static void one_table(void *table, int level)
{
	uint64_t mfn = mfn_of(table);
	uint64_t slot = pte_maddr(A(spare), 1);

	REFUSED(map_page(spare, mfn, PTE_KERNEL));
	REFUSED(map_page(spare, mfn, PTE_KERNEL | PTE_US));
	REFUSED(map_page(table, mfn, PTE_KERNEL));
	REFUSED(mmu_write(slot | MMU_NORMAL_PT_UPDATE, mfn << 12 | PTE_KERNEL));
	REFUSED(mmu_write(slot | MMU_PT_UPDATE_PRESERVE_AD, mfn << 12 | PTE_KERNEL));
	REFUSED(mmu_write(slot | MMU_PT_UPDATE_NO_TRANSLATE, mfn << 12 | PTE_KERNEL));
	CHECK((*pte_of(A(spare), 1) & PTE_ADDR) >> 12 == mfn_of(spare), "level %d: mapped", level);
	/* Reading is allowed; the alias must not be writable. Writes to an L1 are emulated. */
	EXPECT(map_page(spare, mfn, PTE_KERNEL_RO), 0);
	EXPECT(probe_read(A(spare)), -1);
	if (level > 1)
		EXPECT(probe_write(A(spare)), X86_PF);
	REFUSED(map_page(spare, mfn, PTE_KERNEL));
	make_rw(spare);
}

/* A direct write of a writable entry, through the emulation or not. */
static void sneak(uint64_t pte)
{
	*(volatile uint64_t *)pte_of(A(spare), 1) = pte;
}

void test(void)
{
	spare = page_alloc();
	for (int level = 1; level <= 4; level++)
		one_table((void *)(A(pte_of(A(spare), level)) & ~(PAGE_SIZE - 1)), level);
	for (int level = 1; level <= 4; level++) {
		void *t = table_alloc();

		EXPECT(mmuext(MMUEXT_PIN_L1_TABLE + (uint32_t)level - 1, mfn_of(t), 0), 0);
		one_table(t, level);
		CHECK(catch (sneak, mfn_of(t) << 12 | PTE_KERNEL) == X86_PF ||
			      !(*pte_of(A(spare), 1) & PTE_P) ||
			      (*pte_of(A(spare), 1) & PTE_ADDR) >> 12 != mfn_of(t),
		      "direct write made a level %d table writable", level);
		make_rw(spare);
		EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(t), 0), 0);
		make_rw(t);
		EXPECT(probe_write(A(t)), -1);
	}
}

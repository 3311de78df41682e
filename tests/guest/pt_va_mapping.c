/* SPDX-License-Identifier: GPL-2.0-only */
/* update_va_mapping: each flush flag takes effect; bad addresses and domains. */
#include "lib/guest.h"

#define FAR 0x5000001000ul

static uint8_t *page[2];

static uint64_t pte(int i)
{
	return mfn_of(page[i]) << 12 | PTE_KERNEL;
}

static void flush(uint64_t flags, uint64_t *mask)
{
	for (int i = 0; i < 20; i++) {
		EXPECT(hc(update_va_mapping, FAR, pte(i & 1), flags | A(mask)), 0);
		EXPECT(*(volatile uint8_t *)FAR, 0x11 * ((i & 1) + 1));
	}
}

static void no_mapping(void)
{
	EXPECT(hc(update_va_mapping, FAR, 0, UVMF_INVLPG), 0);
	EXPECT(probe_read(FAR), X86_PF);
	EXPECT(this_vcpu()->cr2, FAR);
	/* No L1, no L2, no L3 there. */
	REFUSED(hc(update_va_mapping, 0x5000400000ul, pte(0), UVMF_INVLPG));
	REFUSED(hc(update_va_mapping, 0x5040000000ul, pte(0), UVMF_INVLPG));
	REFUSED(hc(update_va_mapping, 0x3000000000ul, pte(0), UVMF_INVLPG));
	REFUSED(hc(update_va_mapping, BAD_NONCANON, pte(0), UVMF_INVLPG));
	REFUSED(hc(update_va_mapping, 0x0000800000000000ul, pte(0), UVMF_INVLPG));
	for (uint64_t va = HYPERVISOR_VIRT_START; va < HYPERVISOR_VIRT_END; va += 1ul << 38)
		REFUSED(hc(update_va_mapping, va, pte(0), UVMF_INVLPG));
}

void test(void)
{
	static uint64_t mask __attribute__((aligned(8))) = 3;

	for (int i = 0; i < 2; i++) {
		page[i] = page_alloc();
		memset(page[i], 0x11 * (i + 1), PAGE_SIZE);
	}
	map_far(FAR, mfn_of(page[0]), PTE_KERNEL);
	flush(UVMF_INVLPG | UVMF_LOCAL, 0);
	flush(UVMF_INVLPG | UVMF_ALL, 0);
	flush(UVMF_TLB_FLUSH | UVMF_LOCAL, 0);
	flush(UVMF_TLB_FLUSH | UVMF_ALL, 0);
	flush(UVMF_INVLPG, &mask);
	flush(UVMF_TLB_FLUSH, &mask);
	no_mapping();
	/* A mask that cannot be read: an error or no effect, no more. */
	hc(update_va_mapping, FAR, pte(0), UVMF_INVLPG | BAD_UNMAPPED);
	hc(update_va_mapping, FAR, pte(0), UVMF_INVLPG | BAD_HYP);
	hc(update_va_mapping, FAR, pte(0), UVMF_TLB_FLUSH | BAD_NONCANON);
	REFUSED(hc(update_va_mapping, FAR, LARGE_MFN << 12 | PTE_KERNEL, UVMF_INVLPG));
	REFUSED(hc(update_va_mapping, FAR, root << 12 | PTE_KERNEL, UVMF_INVLPG));
	REFUSED(hc(update_va_mapping_otherdomain, FAR, pte(0), UVMF_INVLPG, 0x1234));
	REFUSED(hc(update_va_mapping_otherdomain, FAR, pte(0), UVMF_INVLPG, DOMID_IDLE));
	EXPECT(hc(update_va_mapping, FAR, pte(1), UVMF_INVLPG), 0);
	EXPECT(*(volatile uint8_t *)FAR, 0x22);
}

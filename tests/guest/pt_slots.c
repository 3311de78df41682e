/* SPDX-License-Identifier: GPL-2.0-only */
/* The top-level slots 256 to 271 belong to the hypervisor. */
#include "lib/guest.h"

static uint64_t slot_va(unsigned int slot)
{
	return (uint64_t)((int64_t)((uint64_t)slot << 55) >> 16) | 0xffff000000000000ul;
}

static void write_slots(uint64_t l4)
{
	uint64_t l3 = *pte_of(VIRT_BASE, 4);

	for (unsigned int s = 256; s <= 271; s++) {
		uint64_t at = l4 << 12 | s * 8;

		REFUSED(mmu_write(at, l3 | 1));
		REFUSED(mmu_write(at | MMU_PT_UPDATE_PRESERVE_AD, l3 | 1));
		REFUSED(mmu_write(at, l4 << 12 | PTE_P | PTE_US));
	}
}

/* What is behind them: the M2P table to read, nothing else (257: see tramp_map). */
static void probe_slots(void)
{
	static const uint64_t offset[] = { 0, 0x1000, 0x200000, 0x40000000, 0x100000000 };

	for (unsigned int s = 256; s <= 271; s++) {
		for (unsigned int i = 0; i < 5; i++) {
			uint64_t va = slot_va(s) + offset[i];

			if (s >= 258)
				EXPECT(probe_read(va), X86_PF);
			if (s != 257) {
				EXPECT(probe_write(va), X86_PF);
				EXPECT(probe_exec(va), X86_PF);
			}
			REFUSED(hc(update_va_mapping, va, 0, UVMF_INVLPG));
			REFUSED(hc(update_va_mapping, va, root << 12 | 1, UVMF_INVLPG));
		}
	}
	EXPECT(probe_read(MACH2PHYS_VIRT_START + root * 8), -1);
	EXPECT(probe_write(MACH2PHYS_VIRT_START + root * 8), X86_PF);
}

/* A new root with our own ideas about those slots. */
static void forged_root(void)
{
	uint64_t *l4 = page_alloc();
	volatile uint64_t *old = pte_of(0, 4);

	for (unsigned int i = 0; i < 512; i++)
		l4[i] = old[i];
	for (unsigned int i = 256; i <= 271; i++)
		l4[i] = old[511];
	make_ro(l4);
	if (mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l4), 0) < 0) {
		print("note: forged slots are refused");
		return;
	}
	EXPECT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
	CHECK(mfn_to_virt(root) == (void *)old, "the M2P table is another one");
	probe_slots();
	write_slots(mfn_of(l4));
	for (unsigned int i = 258; i <= 271; i++)
		CHECK(l4[i] != old[511], "slot %u kept our entry", i);
	EXPECT(mmuext(MMUEXT_NEW_BASEPTR, root, 0), 0);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(l4), 0), 0);
	make_rw(l4);
}

static void direct(uint64_t slot)
{
	pte_of(0, 4)[slot] = 0;
}

void test(void)
{
	uint64_t before[16], l3 = *pte_of(VIRT_BASE, 4);

	for (unsigned int i = 0; i < 16; i++)
		before[i] = pte_of(0, 4)[256 + i];
	write_slots(root);
	for (unsigned int i = 256; i <= 271; i++)
		catch (direct, i);
	for (unsigned int i = 0; i < 16; i++)
		CHECK(pte_of(0, 4)[256 + i] == before[i], "slot %u changed", 256 + i);
	probe_slots();
	forged_root();
	/* The neighbours are the guest's. */
	EXPECT(mmu_write(root << 12 | 255 * 8, l3), 0);
	EXPECT(mmu_write(root << 12 | 255 * 8, 0), 0);
	EXPECT(mmu_write(root << 12 | 272 * 8, l3), 0);
	EXPECT(probe_read(slot_va(272) + (VIRT_BASE & 0x7fffffffff) + 0x100000), -1);
	EXPECT(mmu_write(root << 12 | 272 * 8, 0), 0);
	EXPECT(probe_read(slot_va(272) + (VIRT_BASE & 0x7fffffffff) + 0x100000), X86_PF);
}

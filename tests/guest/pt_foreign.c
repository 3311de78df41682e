/* SPDX-License-Identifier: GPL-2.0-only */
/* Every frame of the machine's RAM that is not ours: no mapping, no use as a table. LIMIT: 120 */
#include "lib/guest.h"

static struct xen_memory_map_entry e820[64];
static unsigned int nr_e820;
static uint64_t grant[64]; /* the pages of the grant table are the guest's to map */
static unsigned int nr_grant;
static uint8_t *spare;

/* Domain 0 may map what is not RAM; the first MiB is special. */
static bool foreign_ram(uint64_t mfn)
{
	uint64_t a = mfn << 12;
	uint64_t pfn = m2p(mfn);

	if (pfn < si->nr_pages && p2m[pfn] == mfn)
		return false;
	for (unsigned int i = 0; i < nr_grant; i++)
		if (mfn == grant[i])
			return false;
	if (a == si->shared_info || mfn == si->store_mfn)
		return false;
	if (!is_dom0)
		return mfn != si->console.domU.mfn;
	for (unsigned int i = 0; i < nr_e820; i++)
		if (e820[i].type == 1 && a >= 0x100000 && a >= e820[i].addr &&
		    a + PAGE_SIZE <= e820[i].addr + e820[i].size)
			return true;
	return false;
}

static void one_frame(uint64_t mfn)
{
	CHECK(hc(update_va_mapping, spare, mfn << 12 | PTE_KERNEL, UVMF_NONE) < 0,
	      "frame %lx can be mapped writable", mfn);
	CHECK(hc(update_va_mapping, spare, mfn << 12 | PTE_KERNEL_RO, UVMF_NONE) < 0,
	      "frame %lx can be mapped", mfn);
}

static void one_frame_more(uint64_t mfn)
{
	uint64_t before = m2p(mfn);

	for (uint32_t level = 0; level < 4; level++)
		CHECK(mmuext(MMUEXT_PIN_L1_TABLE + level, mfn, 0) < 0, "frame %lx pinned", mfn);
	CHECK(mmuext(MMUEXT_NEW_BASEPTR, mfn, 0) < 0, "frame %lx loaded", mfn);
	CHECK(mmuext(MMUEXT_CLEAR_PAGE, mfn, 0) < 0, "frame %lx cleared", mfn);
	CHECK(mmuext(MMUEXT_COPY_PAGE, mfn_of(spare), mfn) < 0, "frame %lx read", mfn);
	CHECK(mmuext(MMUEXT_COPY_PAGE, mfn, mfn_of(spare)) < 0, "frame %lx written", mfn);
	CHECK(mmu_write(mfn << 12 | MMU_MACHPHYS_UPDATE, 5) < 0, "M2P of frame %lx set", mfn);
	CHECK(mmu_write(mfn << 12, 0) < 0, "frame %lx updated as a table", mfn);
	CHECK(hc(update_descriptor, mfn << 12, 0) < 0, "frame %lx has a descriptor", mfn);
	CHECK(hc(set_gdt, &mfn, 16) < 0, "frame %lx is a GDT", mfn);
	CHECK(m2p(mfn) == before, "M2P of frame %lx changed", mfn);
}

void test(void)
{
	struct xen_memory_map map = { .nr_entries = 64, .buffer = A(e820) };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .frame_list = A(grant) };
	long max = hc(memory_op, XENMEM_maximum_ram_page, 0);
	unsigned int tried = 0;

	CHECK(max > 1024, "maximum_ram_page %ld", max);
	EXPECT(hc(grant_table_op, GNTTABOP_query_size, &q, 1), 0);
	setup.nr_frames = nr_grant = q.nr_frames < 64 ? q.nr_frames : 64;
	EXPECT(hc(grant_table_op, GNTTABOP_setup_table, &setup, 1), 0);
	if (is_dom0) {
		EXPECT(hc(memory_op, XENMEM_machine_memory_map, &map), 0);
		nr_e820 = map.nr_entries;
	}
	spare = page_alloc();
	for (uint64_t mfn = 0; mfn <= (uint64_t)max; mfn++) {
		if (!foreign_ram(mfn))
			continue;
		one_frame(mfn);
		if (tried++ % 16 == 0)
			one_frame_more(mfn);
	}
	CHECK(tried > 1000, "only %u frames tried", tried);
	if (is_dom0) {
		/* The interrupt controllers belong to the hypervisor. */
		CHECK(map_page(spare, 0xfee00, PTE_KERNEL) < 0 || !(*pte_of(A(spare), 1) & PTE_RW),
		      "the local APIC is mapped writable");
		CHECK(map_page(spare, 0xfec00, PTE_KERNEL) < 0 || !(*pte_of(A(spare), 1) & PTE_RW),
		      "the I/O APIC is mapped writable");
	} else {
		REFUSED(map_page(spare, 0xb8, PTE_KERNEL));
		REFUSED(map_page(spare, 0xfee00, PTE_KERNEL));
	}
	for (int shift = 0; shift < 12; shift++)
		REFUSED(map_page(spare, LARGE_MFN >> shift, PTE_KERNEL));
	make_rw(spare);
	print("note: %u frames tried", tried);
}

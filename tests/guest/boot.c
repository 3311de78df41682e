/* SPDX-License-Identifier: GPL-2.0-only */
/* Start of day: start_info, the p2m and M2P lists, the initial page tables. */
#include "lib/guest.h"

static void check_tables(void)
{
	uint64_t seen = 0;

	for (uint64_t pfn = 0; pfn < si->nr_pages; pfn++)
		CHECK(m2p(p2m[pfn]) == pfn, "M2P of frame %lx is %lx, not %lx", p2m[pfn],
		      m2p(p2m[pfn]), pfn);
	for (uint64_t va = VIRT_BASE + 0x100000; va < A(si); va += PAGE_SIZE) {
		volatile uint64_t *e = pte_of(va, 1);

		CHECK(e && (*e & PTE_P), "the image is not mapped at %lx", va);
		seen += (*e & PTE_ADDR) >> 12 == mfn_of((void *)va);
	}
	/* All but the library's mapping of shared_info are where they were. */
	EXPECT(seen, (A(si) - VIRT_BASE - 0x100000) / PAGE_SIZE - 1);
}

static void check_cr3(void)
{
	struct regs r = { .rax = 0 };

	EXPECT(EXEC("\x0f\x20\xd8", &r), -1); /* mov %cr3, %rax */
	CHECK(xen_cr3_to_pfn(r.rax) == root, "CR3 reads %lx, the root is frame %lx", r.rax, root);
}

static long page_version(void)
{
	long ret;

	__asm__ volatile("call *%1"
			 : "=a"(ret)
			 : "r"(hypercall_page + 32 * __HYPERVISOR_xen_version), "D"(XENVER_version),
			   "S"(0)
			 : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
	return ret;
}

void test(void)
{
	CHECK(!memcmp(si->magic, "xen-3.0-x86_64", 14), "magic %s", si->magic);
	CHECK(si->nr_pages > 1024 && si->nr_pages < 1ul << 32, "%lu pages", si->nr_pages);
	CHECK(!(si->shared_info & 4095) && si->shared_info, "shared_info at %lx", si->shared_info);
	CHECK(!(si->pt_base & 4095) && si->nr_pt_frames >= 4, "%lu tables", si->nr_pt_frames);
	CHECK(strlen((char *)si->cmd_line) < MAX_GUEST_CMDLINE, "endless command line");
	CHECK(is_dom0 == !!(si->flags & SIF_PRIVILEGED), "flags %x", si->flags);
	if (!is_dom0 || xeno) {
		CHECK(mfn_to_virt(si->store_mfn), "no xenstore page");
		CHECK(si->store_evtchn, "no xenstore port");
	}
	if (!is_dom0) {
		CHECK(mfn_to_virt(si->console.domU.mfn), "no console page");
		CHECK(si->console.domU.evtchn, "no console port");
	}
	check_tables();
	check_cr3();
	EXPECT(page_version(), hc(xen_version, XENVER_version, 0));
	/* Tables are read-only from the first instruction on. */
	EXPECT(probe_write(A(pte_of(A(si), 4))), X86_PF);
	CHECK(this_vcpu()->last.error == (PF_P | PF_W), "error code %lx", this_vcpu()->last.error);
}

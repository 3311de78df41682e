/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving memory back and getting it again; exchange; what must be refused. */
#include "lib/guest.h"

#define N 64

static uint8_t *pages[N];

static long reservation(int cmd, void *list, uint64_t n, uint32_t order)
{
	struct xen_memory_reservation r = { .extent_start = A(list),
					    .nr_extents = n,
					    .extent_order = order,
					    .domid = DOMID_SELF };

	return hc(memory_op, cmd, &r);
}

static long current_pages(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	return hc(memory_op, XENMEM_current_reservation, &d);
}

static void give_and_take(void)
{
	uint64_t mfn[N], pfn[N];
	long before = current_pages();

	for (int i = 0; i < N; i++) {
		mfn[i] = mfn_of(pages[i]);
		pfn[i] = (A(pages[i]) - VIRT_BASE) / PAGE_SIZE;
		memset(pages[i], 0xee, PAGE_SIZE);
		EXPECT(set_pte(pages[i], 0), 0);
	}
	EXPECT(reservation(XENMEM_decrease_reservation, mfn, N, 0), N);
	EXPECT(current_pages(), before - N);
	for (int i = 0; i < N; i++)
		REFUSED(map_page(pages[i], mfn[i], PTE_KERNEL));
	CHECK(reservation(XENMEM_decrease_reservation, mfn, N, 0) <= 0, "given back twice");
	EXPECT(current_pages(), before - N);
	EXPECT(reservation(XENMEM_populate_physmap, pfn, N, 0), N);
	EXPECT(current_pages(), before);
	for (int i = 0; i < N; i++) {
		uint64_t n = (A(pages[i]) - VIRT_BASE) / PAGE_SIZE;

		p2m[n] = pfn[i]; /* out: machine frames */
		EXPECT(m2p(p2m[n]), n);
		EXPECT(map_page(pages[i], p2m[n], PTE_KERNEL), 0);
		if (xeno)
			for (unsigned int b = 0; b < PAGE_SIZE; b++)
				CHECK(!pages[i][b], "a new page has old content");
		memset(pages[i], 0x11, PAGE_SIZE);
	}
}

/* A page given back while mapped or used as a table stays what it is for us. */
static void still_used(void)
{
	uint64_t mfn = mfn_of(pages[0]), pfn = m2p(mfn);
	uint64_t *table = table_alloc();
	uint64_t tmfn = mfn_of(table);
	long before = current_pages(), n;

	n = reservation(XENMEM_decrease_reservation, &mfn, 1, 0);
	if (n == 1) {
		*(volatile uint8_t *)pages[0] = 1;
		EXPECT(set_pte(pages[0], 0), 0);
		REFUSED(map_page(pages[0], mfn, PTE_KERNEL));
		EXPECT(reservation(XENMEM_populate_physmap, &pfn, 1, 0), 1);
		p2m[(A(pages[0]) - VIRT_BASE) / PAGE_SIZE] = pfn;
		make_rw(pages[0]);
	}
	EXPECT(current_pages(), before);
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, tmfn, 0), 0);
	n = reservation(XENMEM_decrease_reservation, &tmfn, 1, 0);
	if (n == 1) {
		/* Nobody else may have it while it is pinned: the entry is still a table. */
		REFUSED(map_page(pages[1], tmfn, PTE_KERNEL));
		mmuext(MMUEXT_UNPIN_TABLE, tmfn, 0);
		set_pte(table, 0);
	}
	make_rw(pages[1]);
}

static void refused(void)
{
	uint64_t list[4] = { LARGE_MFN, root, ~0ul, 0 };
	struct xen_memory_reservation r = { .extent_start = A(list),
					    .nr_extents = 1,
					    .domid = 0x1234 };
	struct xen_memory_domain d = { .domid = 0x1234 };
	long before = current_pages();

	CHECK(reservation(XENMEM_decrease_reservation, list, 1, 0) <= 0, "a frame not ours");
	CHECK(reservation(XENMEM_decrease_reservation, list + 2, 1, 0) <= 0, "a frame not ours");
	CHECK(reservation(XENMEM_decrease_reservation, list, 1, 63) <= 0, "order 63");
	CHECK(reservation(XENMEM_decrease_reservation, list, 1, 0xffffffff) <= 0, "wild order");
	CHECK(reservation(XENMEM_decrease_reservation, list, ~0ul, 0) <= 0, "wild count");
	CHECK(reservation(XENMEM_populate_physmap, list, 1, 30) <= 0, "populate of order 30");
	CHECK(reservation(XENMEM_populate_physmap, list, 1ul << 60, 0) <= 0, "populate wild count");
	CHECK(reservation(XENMEM_increase_reservation, list, 1, 40) <= 0, "increase of order 40");
	CHECK(hc(memory_op, XENMEM_decrease_reservation, &r) <= 0, "another domain's memory");
	REFUSED(hc(memory_op, XENMEM_current_reservation, &d));
	REFUSED(hc(memory_op, 63, &d));
	/* Commands carry a start extent in their upper bits. */
	for (int start = 1; start < 64; start *= 2)
		hc(memory_op, XENMEM_decrease_reservation | start << 6, &r);
	EXPECT(current_pages(), before);
}

static void exchange(void)
{
	uint64_t in[16], out[16];
	struct xen_memory_exchange x;
	long before = current_pages(), ret;

	for (int i = 0; i < 16; i++) {
		in[i] = mfn_of(pages[i]);
		out[i] = m2p(in[i]);
		EXPECT(set_pte(pages[i], 0), 0);
	}
	x = (struct xen_memory_exchange){
		.in = { .extent_start = A(in), .nr_extents = 16, .domid = DOMID_SELF },
		.out = { .extent_start = A(out),
			 .nr_extents = 1,
			 .extent_order = 4,
			 .mem_flags = XENMEMF_address_bits(32),
			 .domid = DOMID_SELF },
	};
	ret = hc(memory_op, XENMEM_exchange, &x);
	EXPECT(current_pages(), before);
	if (ret == 0) {
		EXPECT(x.nr_exchanged, 16);
		for (unsigned int i = 0; i < 16; i++) {
			p2m[(A(pages[0]) - VIRT_BASE) / PAGE_SIZE + i] = out[0] + i;
			EXPECT(m2p(out[0] + i), (A(pages[0]) - VIRT_BASE) / PAGE_SIZE + i);
		}
	} else {
		CHECK(!is_dom0 && xeno, "exchange: %ld", ret);
	}
	for (int i = 0; i < 16; i++) {
		make_rw(pages[i]);
		*(volatile uint8_t *)pages[i] = 2;
	}
	/* Sizes that differ, orders and progress out of range. */
	x.out.nr_extents = 2;
	x.nr_exchanged = 0;
	REFUSED(hc(memory_op, XENMEM_exchange, &x));
	x.out.nr_extents = 1;
	x.nr_exchanged = 1ul << 60;
	REFUSED(hc(memory_op, XENMEM_exchange, &x));
	x.nr_exchanged = 0;
	x.out.extent_order = 64;
	REFUSED(hc(memory_op, XENMEM_exchange, &x));
	x.out.extent_order = x.in.extent_order = 0xffffffff;
	REFUSED(hc(memory_op, XENMEM_exchange, &x));
	x.in.extent_order = 0;
	x.in.nr_extents = 1ul << 63;
	x.out.extent_order = 4;
	x.out.nr_extents = 1ul << 59;
	REFUSED(hc(memory_op, XENMEM_exchange, &x));
	EXPECT(current_pages(), before);
}

void test(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	for (int i = 0; i < N; i++)
		pages[i] = page_alloc();
	/* The pages of the two rings are the hypervisor's on Xeno. */
	CHECK(current_pages() + (xeno ? 2 : 0) >= (long)si->nr_pages, "%ld pages", current_pages());
	CHECK(hc(memory_op, XENMEM_maximum_reservation, &d) >= current_pages(), "maximum");
	for (int i = 0; i < 20; i++)
		give_and_take();
	still_used();
	refused();
	exchange();
}

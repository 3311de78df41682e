/* SPDX-License-Identifier: GPL-2.0-only */
/* Large trees: validation and teardown are preempted and resumed, with events coming in. */
#include "lib/guest.h"

#define TABLES 128

static uint64_t *l1[TABLES], *l2, *l3, *l4;
static uint8_t *page;
static unsigned int timer;

static void build(void)
{
	l2 = page_alloc();
	l3 = page_alloc();
	l4 = page_alloc();
	for (unsigned int i = 0; i < TABLES; i++) {
		l1[i] = page_alloc();
		for (unsigned int n = 0; n < 512; n++)
			l1[i][n] = mfn_of(page) << 12 | PTE_KERNEL;
		make_ro(l1[i]);
		l2[i] = mfn_of(l1[i]) << 12 | PTE_TABLE;
	}
	l3[0] = mfn_of(l2) << 12 | PTE_TABLE;
	l4[0] = mfn_of(l3) << 12 | PTE_TABLE;
	make_ro(l2);
	make_ro(l3);
	make_ro(l4);
}

/* One entry at the very end makes all of it bad. */
static void bad_at_the_end(void)
{
	uint64_t saved;

	make_rw(l1[TABLES - 1]);
	saved = l1[TABLES - 1][511];
	l1[TABLES - 1][511] = root << 12 | PTE_KERNEL;
	make_ro(l1[TABLES - 1]);
	for (int i = 0; i < 5; i++) {
		long ret = mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l4), 0);

		CHECK(ret < 0, "a bad tree was pinned: %ld", ret);
	}
	for (unsigned int i = 0; i < TABLES; i++)
		make_rw(l1[i]);
	l1[TABLES - 1][511] = saved;
	for (unsigned int i = 0; i < TABLES; i++)
		make_ro(l1[i]);
}

void test(void)
{
	page = page_alloc();
	build();
	timer = bind_virq(VIRQ_TIMER);
	port_unmask(timer);
	EXPECT(hc(vcpu_op, VCPUOP_set_periodic_timer, 0,
		  &(struct vcpu_set_periodic_timer){ .period_ns = 1000000 }),
	       0);
	events_on();
	for (int i = 0; i < 10; i++) {
		uint64_t t = now();

		EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l4), 0), 0);
		REFUSED(map_page(l1[TABLES - 1], mfn_of(l1[TABLES - 1]), PTE_KERNEL));
		EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(l4), 0), 0);
		if (i == 0)
			print("note: %lu us for %u tables", (now() - t) / 1000, TABLES);
		make_rw(l1[0]);
		make_ro(l1[0]);
	}
	bad_at_the_end();
	events_off();
	CHECK(events[timer], "no event in all that time");
	hc(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
	/* 65536 references to the page are gone again. */
	memset(page, 0, PAGE_SIZE);
	make_ro(page);
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0), 0);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(page), 0), 0);
}

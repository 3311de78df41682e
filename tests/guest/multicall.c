/* SPDX-License-Identifier: GPL-2.0-only */
/* Multicalls: order, results, errors inside, long ones, bad lists, nesting. */
#include "lib/guest.h"

#define N 512

static struct multicall_entry m[N];

static struct multicall_entry call(uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
	return (struct multicall_entry){ .op = op, .result = 0x5555, .args = { a, b, c } };
}

static void mixed(void)
{
	struct xen_feature_info f = { .submap_idx = 0 };

	m[0] = call(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
	m[1] = call(60, 0, 0, 0);
	m[2] = call(~0ul, 0, 0, 0);
	m[3] = call(__HYPERVISOR_xen_version, XENVER_get_features, A(&f), 0);
	m[4] = call(__HYPERVISOR_xen_version, XENVER_get_features, BAD_HYP, 0);
	m[5] = call(__HYPERVISOR_update_va_mapping, BAD_UNMAPPED, 0, 0);
	m[6] = call(__HYPERVISOR_xen_version, XENVER_version, 0, 0);
	EXPECT(hc(multicall, m, 7), 0);
	EXPECT(m[0].result, 4096);
	EXPECT(m[1].result, -ENOSYS);
	EXPECT(m[2].result, -ENOSYS);
	EXPECT(m[3].result, 0);
	EXPECT(m[4].result, -EFAULT);
	EXPECT(m[5].result, -EINVAL);
	EXPECT(m[6].result, hc(xen_version, XENVER_version, 0));
	EXPECT(hc(multicall, m, 0), 0);
}

static void nested(void)
{
	static struct multicall_entry inner[2];

	inner[0] = call(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
	m[0] = call(__HYPERVISOR_multicall, A(inner), 1, 0);
	m[1] = call(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
	/* Itself: without an end, if it were allowed. */
	m[2] = call(__HYPERVISOR_multicall, A(m), 3, 0);
	hc(multicall, m, 2);
	EXPECT(m[1].result, 4096);
	CHECK((long)m[0].result < 0 || inner[0].result == 4096, "nested: %ld", (long)m[0].result);
	hc(multicall, m, 3);
}

static void bad_lists(void)
{
	uint8_t *page = page_alloc();
	struct multicall_entry *e = (void *)page;

	REFUSED(hc(multicall, BAD_UNMAPPED, 1));
	REFUSED(hc(multicall, BAD_HYP, 1));
	/* Results cannot be stored. */
	e[0] = call(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
	make_ro(page);
	REFUSED(hc(multicall, page, 1));
	make_rw(page);
	EXPECT(e[0].result, 0x5555);
	/* The list unmaps itself. */
	e[0] = call(__HYPERVISOR_update_va_mapping, A(page), 0, UVMF_INVLPG);
	e[1] = call(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
	hc(multicall, page, 2);
	make_rw(page);
	/* The list's entries point into the list. */
	e[0] = call(__HYPERVISOR_xen_version, XENVER_guest_handle, A(&e[1]), 0);
	e[1] = call(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0);
	hc(multicall, page, 2);
}

/* Page-table updates by the hundred, with events coming in. */
static void long_list(void)
{
	uint8_t *page = page_alloc();
	unsigned int timer = bind_virq(VIRQ_TIMER);

	port_unmask(timer);
	events_on();
	for (int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < N; i++)
			m[i] = call(__HYPERVISOR_update_va_mapping, A(page),
				    mfn_of(page) << 12 | (i & 1 ? PTE_KERNEL : PTE_KERNEL_RO),
				    UVMF_INVLPG | UVMF_ALL);
		hc(set_timer_op, now() + 100000);
		EXPECT(hc(multicall, m, N), 0);
		for (unsigned int i = 0; i < N; i++)
			EXPECT(m[i].result, 0);
	}
	CHECK(wait_for(&events[timer], 1, 1000), "no timer event");
	events_off();
	*(volatile uint8_t *)page = 1;
}

void test(void)
{
	mixed();
	nested();
	bad_lists();
	long_list();
}

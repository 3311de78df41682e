/* SPDX-License-Identifier: GPL-2.0-only */
/* Unknown hypercalls, and bad addresses as every argument that is one. */
#include <public/callback.h>
#include <public/nmi.h>
#include <public/physdev.h>
#include <public/platform.h>
#include "lib/guest.h"

/* P marks the argument under test. */
#define P 0xdeadul

static const struct call {
	unsigned int nr;
	uint64_t arg[4];
	bool dom0;
} calls[] = {
	{ __HYPERVISOR_set_trap_table, { P } },
	{ __HYPERVISOR_mmu_update, { P, 1, 0, DOMID_SELF } },
	{ __HYPERVISOR_mmuext_op, { P, 1, 0, DOMID_SELF } },
	{ __HYPERVISOR_set_gdt, { P, 8 } },
	{ __HYPERVISOR_multicall, { P, 1 } },
	{ __HYPERVISOR_platform_op, { P }, true },
	{ __HYPERVISOR_xen_version, { XENVER_extraversion, P } },
	{ __HYPERVISOR_xen_version, { XENVER_compile_info, P } },
	{ __HYPERVISOR_xen_version, { XENVER_capabilities, P } },
	{ __HYPERVISOR_xen_version, { XENVER_changeset, P } },
	{ __HYPERVISOR_xen_version, { XENVER_platform_parameters, P } },
	{ __HYPERVISOR_xen_version, { XENVER_get_features, P } },
	{ __HYPERVISOR_xen_version, { XENVER_guest_handle, P } },
	{ __HYPERVISOR_xen_version, { XENVER_commandline, P }, true },
	{ __HYPERVISOR_console_io, { CONSOLEIO_write, 8, P }, true },
	{ __HYPERVISOR_memory_op, { XENMEM_increase_reservation, P } },
	{ __HYPERVISOR_memory_op, { XENMEM_decrease_reservation, P } },
	{ __HYPERVISOR_memory_op, { XENMEM_populate_physmap, P } },
	{ __HYPERVISOR_memory_op, { XENMEM_exchange, P }, true },
	{ __HYPERVISOR_memory_op, { XENMEM_current_reservation, P } },
	{ __HYPERVISOR_memory_op, { XENMEM_maximum_reservation, P } },
	{ __HYPERVISOR_memory_op, { XENMEM_memory_map, P } },
	{ __HYPERVISOR_memory_op, { XENMEM_machine_memory_map, P }, true },
	{ __HYPERVISOR_memory_op, { XENMEM_machphys_mapping, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_bind_interdomain, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_bind_virq, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_close, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_send, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_status, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_alloc_unbound, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_bind_ipi, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_bind_vcpu, P } },
	{ __HYPERVISOR_event_channel_op, { EVTCHNOP_unmask, P } },
	{ __HYPERVISOR_sched_op, { SCHEDOP_shutdown, P } },
	{ __HYPERVISOR_sched_op, { SCHEDOP_poll, P } },
	{ __HYPERVISOR_grant_table_op, { GNTTABOP_map_grant_ref, P, 1 } },
	{ __HYPERVISOR_grant_table_op, { GNTTABOP_unmap_grant_ref, P, 1 } },
	{ __HYPERVISOR_grant_table_op, { GNTTABOP_setup_table, P, 1 } },
	{ __HYPERVISOR_grant_table_op, { GNTTABOP_copy, P, 1 } },
	{ __HYPERVISOR_grant_table_op, { GNTTABOP_query_size, P, 1 } },
	{ __HYPERVISOR_vcpu_op, { VCPUOP_get_runstate_info, 0, P } },
	{ __HYPERVISOR_vcpu_op, { VCPUOP_set_periodic_timer, 0, P } },
	{ __HYPERVISOR_vcpu_op, { VCPUOP_set_singleshot_timer, 0, P } },
	{ __HYPERVISOR_vcpu_op, { VCPUOP_register_vcpu_info, 0, P } },
	{ __HYPERVISOR_physdev_op, { PHYSDEVOP_set_iopl, P } },
	{ __HYPERVISOR_physdev_op, { PHYSDEVOP_eoi, P } },
	{ __HYPERVISOR_callback_op, { CALLBACKOP_register, P } },
	{ __HYPERVISOR_nmi_op, { XENNMI_register_callback, P } },
};

static uint8_t *edge; /* a mapped page, nothing behind it */
#define EDGE 0x6000000000ul

static void bad_pointers(void)
{
	const uint64_t bad[] = { BAD_UNMAPPED,
				 BAD_NONCANON,
				 BAD_HYP,
				 BAD_TOP,
				 0xffff808000009000,
				 0xffff820000200000,
				 0xffff87fffffffffe,
				 0x00007ffffffffffe,
				 EDGE + PAGE_SIZE - 1 };

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *c = &calls[i];

		if (c->dom0 && !is_dom0)
			continue;
		for (unsigned int b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
			uint64_t a[4];
			long ret;

			for (int n = 0; n < 4; n++)
				a[n] = c->arg[n] == P ? bad[b] : c->arg[n];
			ret = hcall5(c->nr, a[0], a[1], a[2], a[3], 0);
			/* These may also say that no extent was done. */
			if (c->nr == __HYPERVISOR_memory_op && ret == 0 &&
			    (c->arg[0] <= 1 || c->arg[0] == XENMEM_populate_physmap))
				continue;
			CHECK(ret == -EFAULT, "call %u(%lx, ...) with address %lx: %ld", c->nr,
			      c->arg[0], bad[b], ret);
		}
	}
}

static void read_only_results(void)
{
	uint8_t *page = page_alloc();

	make_ro(page);
	EXPECT(hc(xen_version, XENVER_capabilities, page), -EFAULT);
	EXPECT(hc(vcpu_op, VCPUOP_get_runstate_info, 0, page), -EFAULT);
	/* The M2P table is readable for the guest, never a destination. */
	EXPECT(hc(xen_version, XENVER_guest_handle, MACH2PHYS_VIRT_START), -EFAULT);
	make_rw(page);
}

static void inner_pointers(uint64_t bad)
{
	struct sched_poll poll = { .ports = bad, .nr_ports = 1, .timeout = 1 };
	struct xen_memory_reservation r = { .extent_start = bad,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct xen_memory_map map = { .nr_entries = 4, .buffer = bad };
	struct xen_machphys_mfn_list list = { .max_extents = 1, .extent_start = bad };
	struct xen_memory_exchange x = { .in = r, .out = r };
	uint32_t *done = (uint32_t *)bad;

	EXPECT(hc(sched_op, SCHEDOP_poll, &poll), -EFAULT);
	REFUSED(hc(memory_op, XENMEM_exchange, &x) ?: -EFAULT);
	CHECK(hc(memory_op, XENMEM_decrease_reservation, &r) <= 0, "frames from nowhere");
	CHECK(hc(memory_op, XENMEM_populate_physmap, &r) <= 0, "frames to nowhere");
	REFUSED(hc(memory_op, XENMEM_memory_map, &map));
	REFUSED(hc(memory_op, XENMEM_machphys_mfn_list, &list));
	hc(mmu_update, page_alloc(), 0, done, DOMID_SELF);
}

static void unknown_numbers(void)
{
	static const uint64_t nr[] = { 11, 56, 60, 63, 64, 100, 1000, 0x7fffffff, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(nr) / sizeof(nr[0]); i++)
		EXPECT(hcnr(nr[i], 0, 0, 0), -ENOSYS);
	EXPECT(hc(memory_op, 63, 0), -ENOSYS);
	EXPECT(hc(sched_op, 99, 0), -ENOSYS);
	EXPECT(hc(vcpu_op, 99, 0, 0), -ENOSYS);
	EXPECT(hc(event_channel_op, 99, 0), -ENOSYS);
	EXPECT(hc(xen_version, 99, 0), -ENOSYS);
	EXPECT(hc(physdev_op, 99, 0), -ENOSYS);
}

/* Counts far larger than what the address can hold. */
static void wild_counts(void)
{
	struct mmu_update *u = (void *)(EDGE + PAGE_SIZE - sizeof(*u));
	struct multicall_entry *m = (void *)(EDGE + PAGE_SIZE - sizeof(*m));

	memset(edge, 0, PAGE_SIZE);
	REFUSED(hc(mmu_update, u, 0x7fffffff, 0, DOMID_SELF));
	REFUSED(hc(mmuext_op, EDGE + PAGE_SIZE - 24, 0x7fffffff, 0, DOMID_SELF));
	m->op = 60;
	REFUSED(hc(multicall, m, 0x7fffffff));
	REFUSED(hc(multicall, m, 0xffffffff));
	REFUSED(hc(set_gdt, EDGE + PAGE_SIZE - 8, 1024));
	hc(grant_table_op, GNTTABOP_query_size, EDGE + PAGE_SIZE - 16, 0xffffffff);
	hc(grant_table_op, GNTTABOP_query_size, EDGE + PAGE_SIZE - 16, 0x7fffffff);
}

void test(void)
{
	edge = page_alloc();
	map_far(EDGE, mfn_of(edge), PTE_KERNEL);
	unknown_numbers();
	bad_pointers();
	read_only_results();
	inner_pointers(BAD_UNMAPPED);
	inner_pointers(BAD_HYP);
	inner_pointers(BAD_NONCANON);
	wild_counts();
	traps_install();
}

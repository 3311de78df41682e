/* SPDX-License-Identifier: GPL-2.0-only */
/* vcpu_info in a place of the guest's choice, runstate and time areas; bad places. */
#include "lib/guest.h"

static long place(unsigned int vcpu, uint64_t mfn, uint32_t offset)
{
	struct vcpu_register_vcpu_info r = { .mfn = mfn, .offset = offset };

	return hc(vcpu_op, VCPUOP_register_vcpu_info, vcpu, &r);
}

static void bad_places(uint64_t mfn)
{
	static const uint32_t offset[] = { 4096 - 63,  4090,	   4096,      8192,
					   0x7fffffff, 0xffffffff, 0xffffffc0 };

	for (unsigned int i = 0; i < sizeof(offset) / sizeof(offset[0]); i++)
		REFUSED(place(0, mfn, offset[i]));
	REFUSED(place(0, LARGE_MFN, 0));
	REFUSED(place(0, ~0ul, 0));
	REFUSED(place(0, root, 0)); /* a page table */
	/* Not a move, and it would hold the page for ever. */
	for (uint32_t i = 0; i < 64; i += 8)
		REFUSED(place(0, si->shared_info >> 12, i * 8));
	REFUSED(place(77, mfn, 0));
}

static void moved_info(uint8_t *page)
{
	struct vcpu_info *v = (struct vcpu_info *)(page + 64);
	unsigned int port = bind_ipi(0);
	struct evtchn_send s = { .port = port };
	uint32_t version;

	port_unmask(port);
	v->evtchn_upcall_mask = 0;
	EXPECT(place(0, mfn_of(page), 64), 0);
	CHECK(v->evtchn_upcall_mask == 1, "the mask did not come along");
	version = v->time.version;
	CHECK(v->time.tsc_to_system_mul, "no time in the new place");
	sleep_ns(1000000);
	CHECK(!(version & 1), "time version %u", version);
	EXPECT(evtchn(EVTCHNOP_send, &s), 0);
	CHECK(*(volatile uint8_t *)&v->evtchn_upcall_pending, "no event in the new place");
	/* Page faults report their address there. */
	probe_read(BAD_UNMAPPED);
	EXPECT(v->arch.cr2, BAD_UNMAPPED);
	REFUSED(place(0, mfn_of(page), 128));
	/* In use: it must not become a table. */
	make_ro(page);
	REFUSED(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0));
	make_rw(page);
	/* Garbage in it is our problem only. */
	for (int i = 0; i < 200; i++) {
		/* All but the upcall mask: the library's handler looks elsewhere. */
		for (unsigned int b = 0; b < 64; b++)
			if (b != 1)
				((volatile uint8_t *)v)[b] = (uint8_t)rnd();
		EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
		EXPECT(evtchn(EVTCHNOP_send, &s), 0);
		hc(sched_op, SCHEDOP_yield, 0);
	}
}

static void runstate(void)
{
	static struct vcpu_runstate_info area, info;
	struct vcpu_register_runstate_memory_area r = { .addr.h = A(&area) };
	uint64_t booked;

	EXPECT(hc(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r), 0);
	/* Times are booked when the VCPU stops running; not every sleep is one. */
	for (int i = 0; i < 50 && !area.time[RUNSTATE_running]; i++)
		sleep_ns(2000000);
	EXPECT(area.state, RUNSTATE_running);
	CHECK(area.time[RUNSTATE_running] > 0 && area.state_entry_time > 0, "no times");
	CHECK(area.time[RUNSTATE_blocked] + area.time[RUNSTATE_runnable] > 0, "never waited");
	booked = *(volatile uint64_t *)&area.time[RUNSTATE_running];
	EXPECT(hc(vcpu_op, VCPUOP_get_runstate_info, 0, &info), 0);
	EXPECT(info.state, RUNSTATE_running);
	CHECK(info.time[RUNSTATE_running] >= booked, "time runs back");
	/* Areas that cannot be written are skipped or refused. */
	static const uint64_t bad[] = { BAD_UNMAPPED,	    BAD_HYP,
					BAD_NONCANON,	    0xffff808000009000,
					0xffff800000000000, 0 };
	for (unsigned int i = 0; i < 6; i++) {
		r.addr.h = bad[i];
		hc(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r);
		for (int n = 0; n < 5; n++)
			sleep_ns(100000);
	}
	r.addr.h = (A(pte_of(VIRT_BASE, 1)) & ~0xffful) + 0x100;
	hc(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r);
	sleep_ns(1000000);
	r.addr.h = A(&area);
	EXPECT(hc(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r), 0);
}

static void time_area(void)
{
	static struct vcpu_time_info area;
	struct vcpu_register_time_memory_area r = { .addr.h = A(&area) };
	long ret = hc(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &r);

	if (ret == -ENOSYS)
		return;
	EXPECT(ret, 0);
	sleep_ns(1000000);
	CHECK(area.tsc_to_system_mul == vcpu_info()->time.tsc_to_system_mul, "scale %x",
	      area.tsc_to_system_mul);
	for (int i = 0; i < 3; i++) {
		r.addr.h = i == 0 ? BAD_HYP : i == 1 ? BAD_UNMAPPED : 0xffff808000009000;
		hc(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &r);
		sleep_ns(1000000);
	}
	r.addr.h = A(&area);
	hc(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &r);
}

void test(void)
{
	uint8_t *page = page_alloc();

	runstate();
	time_area();
	bad_places(mfn_of(page));
	moved_info(page);
	print("verdict: ok " TEST_NAME);
	/* The library's view of vcpu_info is stale now: no pass(). */
	struct sched_shutdown s = { .reason = SHUTDOWN_poweroff };

	hc(sched_op, SCHEDOP_shutdown, &s);
}

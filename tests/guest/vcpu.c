/* SPDX-License-Identifier: GPL-2.0-only */
/* A second VCPU: refused contexts, start, stop, events between the two, parallel updates. */
#include "lib/guest.h"

static volatile uint32_t started, rounds, stop;
static unsigned int ipi[2];

static long with(struct vcpu_guest_context *c)
{
	return hc(vcpu_op, VCPUOP_initialise, 1, c);
}

/* Contexts that would start a VCPU in a state no guest may have. */
static void refused(void)
{
	struct vcpu_guest_context *c = vcpu_context(1);

	c->ctrlreg[3] = xen_pfn_to_cr3(LARGE_MFN);
	REFUSED(with(c));
	c = vcpu_context(1);
	c->ctrlreg[3] = xen_pfn_to_cr3(mfn_of(page_alloc()));
	REFUSED(with(c));
	c = vcpu_context(1);
	c->gdt_ents = 0x100000;
	REFUSED(with(c));
	c = vcpu_context(1);
	c->gdt_ents = 512;
	c->gdt_frames[0] = root;
	REFUSED(with(c));
	c = vcpu_context(1);
	c->gdt_ents = 512;
	c->gdt_frames[0] = LARGE_MFN;
	REFUSED(with(c));
	if (!xeno)
		return;
	c = vcpu_context(1);
	c->kernel_sp = 0xffff808000009800;
	REFUSED(with(c));
	c = vcpu_context(1);
	c->event_callback_eip = 0xffff820000200000;
	REFUSED(with(c));
	c = vcpu_context(1);
	c->trap_ctxt[0].address = 0x8000000000000000;
	REFUSED(with(c));
}

static void second(void)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	events_on();
	while (!stop) {
		hc(sched_op, SCHEDOP_block, 0);
		rounds++;
	}
	events_off();
	hc(vcpu_op, VCPUOP_down, 1, 0);
	/* Up again: it goes on here. */
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	for (;;)
		hc(sched_op, SCHEDOP_yield, 0);
}

static void bad_numbers(void)
{
	struct vcpu_runstate_info r;

	for (unsigned int cmd = 0; cmd < 14; cmd++) {
		REFUSED(hc(vcpu_op, cmd, 77, &r));
		REFUSED(hc(vcpu_op, cmd, ~0ul, &r));
		REFUSED(hc(vcpu_op, cmd, 1ul << 31, &r));
	}
	EXPECT(hc(vcpu_op, VCPUOP_is_up, 0, 0), 1);
	EXPECT(hc(vcpu_op, VCPUOP_is_up, 1, 0), 0);
	REFUSED(hc(vcpu_op, VCPUOP_up, 1, 0)); /* not initialised */
}

static void notify(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	EXPECT(evtchn(EVTCHNOP_send, &s), 0);
}

/* It sees events of its own; we see ours. */
static void ping(void)
{
	for (unsigned int i = 0; i < 200; i++) {
		uint32_t before = events[ipi[1]];

		notify(ipi[1]);
		CHECK(wait_for(&events[ipi[1]], before + 1, 2000), "ping %u is lost", i);
	}
}

void test(void)
{
	struct vcpu_runstate_info r;

	if (hc(vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		skip("one VCPU only");
	bad_numbers();
	refused();
	EXPECT(vcpu_boot(1, second), 0);
	CHECK(wait_for(&started, 1, 3000), "VCPU 1 does not start");
	EXPECT(hc(vcpu_op, VCPUOP_is_up, 1, 0), 1);
	EXPECT(hc(vcpu_op, VCPUOP_initialise, 1, vcpu_context(1)), -EEXIST);
	ipi[1] = bind_ipi(1);
	port_unmask(ipi[1]);
	ping();
	CHECK(rounds > 0, "VCPU 1 never woke");
	EXPECT(hc(vcpu_op, VCPUOP_get_runstate_info, 1, &r), 0);
	CHECK(r.time[RUNSTATE_running] > 0, "VCPU 1 ran for no time");
	stop = 1;
	notify(ipi[1]);
	for (int i = 0; hc(vcpu_op, VCPUOP_is_up, 1, 0) && i < 2000; i++)
		sleep_ns(1000000);
	EXPECT(hc(vcpu_op, VCPUOP_is_up, 1, 0), 0);
	EXPECT(hc(vcpu_op, VCPUOP_up, 1, 0), 0);
	CHECK(wait_for(&started, 2, 3000), "VCPU 1 does not come up again");
	EXPECT(hc(vcpu_op, VCPUOP_down, 1, 0), 0);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* System time and the timers of a VCPU. */
#include "lib/guest.h"

#define MS 1000000ul

static unsigned int port;

static long singleshot(uint64_t at, uint32_t flags)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = at, .flags = flags };

	return hc(vcpu_op, VCPUOP_set_singleshot_timer, 0, &t);
}

static long periodic(uint64_t ns)
{
	struct vcpu_set_periodic_timer t = { .period_ns = ns };

	return hc(vcpu_op, VCPUOP_set_periodic_timer, 0, &t);
}

static void monotonic(void)
{
	uint64_t t = now(), start = t, last_wc;

	for (int i = 0; i < 300000; i++) {
		uint64_t n = now();

		CHECK(n >= t, "time went back from %lu to %lu", t, n);
		t = n;
		if (i % 4096 == 0)
			hc(sched_op, SCHEDOP_yield, 0);
	}
	CHECK(t > start, "time stands still");
	last_wc = shared->wc_sec;
	CHECK(!(shared->wc_version & 1), "wall clock being written");
	CHECK(last_wc > 1000000000, "wall clock %lu", last_wc);
}

static void arrives(uint64_t at, const char *what)
{
	CHECK(wait_for(&events[port], 1, 2000), "%s: nothing within 2 s", what);
	CHECK(now() + MS / 10 >= at, "%s: %lu ns too early", what, at - now());
	events[port] = 0;
}

static void one_shot(void)
{
	uint64_t at = now() + 20 * MS;

	events[port] = 0;
	EXPECT(hc(set_timer_op, at), 0);
	arrives(at, "set_timer_op");
	at = now() + 30 * MS;
	EXPECT(singleshot(at, 0), 0);
	arrives(at, "singleshot");
	/* Far enough ahead for the emulator to be held up on the way. */
	at = now() + 500 * MS;
	EXPECT(singleshot(at, VCPU_SSHOTTMR_future), 0);
	arrives(at, "future singleshot");
	/* The past: at once, or an error when asked. */
	EXPECT(singleshot(1, 0), 0);
	arrives(0, "past singleshot");
	if (xeno)
		EXPECT(singleshot(1, VCPU_SSHOTTMR_future), -ETIME);
	EXPECT(hc(set_timer_op, 1), 0);
	arrives(0, "past set_timer_op");
	EXPECT(singleshot(now() + 2000 * MS, 0), 0);
	EXPECT(hc(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
	sleep_ns(60 * MS);
	EXPECT(events[port], 0);
	EXPECT(hc(set_timer_op, now() + 2000 * MS), 0);
	EXPECT(hc(set_timer_op, 0), 0);
	sleep_ns(60 * MS);
	EXPECT(events[port], 0);
	/* Far in the future, and the largest numbers. */
	singleshot(~0ul, 0);
	singleshot(~0ul >> 1, 0);
	hc(set_timer_op, ~0ul);
	hc(set_timer_op, 1ul << 63);
	hc(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0);
	hc(set_timer_op, 0);
	sleep_ns(MS);
	events[port] = 0;
}

static void repeated(void)
{
	REFUSED(periodic(0));
	REFUSED(periodic(1));
	REFUSED(periodic(999999));
	REFUSED(periodic(~0ul));
	EXPECT(periodic(10 * MS), 0);
	CHECK(wait_for(&events[port], 5, 3000), "%u ticks in 3 s", events[port]);
	EXPECT(hc(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0), 0);
	sleep_ns(20 * MS);
	events[port] = 0;
	sleep_ns(50 * MS);
	EXPECT(events[port], 0);
	/* Another VCPU's timers are not ours. */
	struct vcpu_set_periodic_timer t = { .period_ns = 10 * MS };
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = now() };

	REFUSED(hc(vcpu_op, VCPUOP_set_periodic_timer, 99, &t));
	REFUSED(hc(vcpu_op, VCPUOP_set_singleshot_timer, 99, &s));
	REFUSED(hc(vcpu_op, VCPUOP_set_singleshot_timer, 1, &s));
}

static void blocking(void)
{
	for (int i = 0; i < 20; i++) {
		uint64_t t = now();

		EXPECT(singleshot(t + 2 * MS, 0), 0);
		EXPECT(hc(sched_op, SCHEDOP_block, 0), 0);
		CHECK(now() + MS / 10 >= t + 2 * MS, "woke after %lu ns", now() - t);
		EXPECT(events[port], 1);
		events[port] = 0;
	}
	/* Poll: time-out in the past, and a pending port. */
	uint64_t t = now();
	uint32_t ports[2] = { port, port };
	struct sched_poll p = { .ports = A(ports), .nr_ports = 1, .timeout = 1 };

	EXPECT(hc(sched_op, SCHEDOP_poll, &p), 0);
	CHECK(now() < t + 1000 * MS, "a past time-out took %lu ns", now() - t);
	ports[0] = 5000;
	REFUSED(hc(sched_op, SCHEDOP_poll, &p));
	p.nr_ports = 129;
	REFUSED(hc(sched_op, SCHEDOP_poll, &p));
	p.nr_ports = ~0u;
	REFUSED(hc(sched_op, SCHEDOP_poll, &p));
}

/* A busy guest is interrupted, in kernel and in user mode. */
static void interrupts_loops(void)
{
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };
	uint64_t end = now() + 2000 * MS;

	EXPECT(singleshot(now() + 10 * MS, 0), 0);
	while (!events[port])
		CHECK(now() < end, "a loop is not interrupted");
	events[port] = 0;
	user_code("\x83\x3f\x00\x74\xfb\x0f\x05", 7); /* 1: cmpl $0, (%rdi); je 1b; syscall */
	f.rdi = USER_DATA;
	EXPECT(singleshot(now() + 10 * MS, 0), 0);
	user_run(&f, 0);
}

static void tell_user(unsigned int p)
{
	if (p == port && user_data)
		*(volatile uint32_t *)user_data = 1;
}

void test(void)
{
	monotonic();
	port = bind_virq(VIRQ_TIMER);
	/* The reference starts domains with a 100 Hz tick. */
	hc(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
	port_unmask(port);
	events_on();
	one_shot();
	repeated();
	blocking();
	event_hook = tell_user;
	interrupts_loops();
	EXPECT(events[port], 1);
}

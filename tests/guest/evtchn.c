/* SPDX-License-Identifier: GPL-2.0-only */
/* Event channels: binding, sending, closing, errors, exhaustion, upcalls and their masks. */
#include "lib/guest.h"

static long send(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	return evtchn(EVTCHNOP_send, &s);
}

static long close(unsigned int port)
{
	struct evtchn_close c = { .port = port };

	return evtchn(EVTCHNOP_close, &c);
}

static unsigned int status(unsigned int port, unsigned int *remote)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	EXPECT(evtchn(EVTCHNOP_status, &s), 0);
	*remote = s.u.interdomain.port;
	return s.status;
}

static unsigned int unbound(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

	EXPECT(evtchn(EVTCHNOP_alloc_unbound, &a), 0);
	return a.port;
}

/* A channel to oneself has two different ends. */
static void interdomain(void)
{
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	unsigned int p, q, r;

	p = unbound();
	CHECK(p && p < 4096, "port %u", p);
	EXPECT(status(p, &r), EVTCHNSTAT_unbound);
	b.remote_port = p;
	EXPECT(evtchn(EVTCHNOP_bind_interdomain, &b), 0);
	q = b.local_port;
	CHECK(q && q != p, "both ends are port %u", p);
	EXPECT(status(p, &r), EVTCHNSTAT_interdomain);
	EXPECT(r, q);
	EXPECT(status(q, &r), EVTCHNSTAT_interdomain);
	EXPECT(r, p);
	REFUSED(evtchn(EVTCHNOP_bind_interdomain, &b));
	port_unmask(p);
	port_unmask(q);
	events_on();
	/* Binding may have set the new port pending. */
	events[p] = events[q] = 0;
	EXPECT(send(p), 0);
	EXPECT(events[q], 1);
	EXPECT(events[p], 0);
	EXPECT(send(q), 0);
	EXPECT(events[p], 1);
	EXPECT(close(p), 0);
	EXPECT(status(q, &r), EVTCHNSTAT_unbound);
	CHECK(send(q) == -EINVAL || send(q) == 0, "send to a closed end");
	EXPECT(close(q), 0);
	EXPECT(close(q), -EINVAL);
	events_off();
}

static void bad_arguments(void)
{
	static const uint32_t bad[] = { 0, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0xffffffff };
	struct evtchn_bind_virq v = { .virq = 99 };
	struct evtchn_bind_ipi i = { .vcpu = 77 };
	struct evtchn_alloc_unbound a = { .dom = 0x1234, .remote_dom = DOMID_SELF };

	for (unsigned int n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF,
						     .remote_port = bad[n] };
		struct evtchn_bind_vcpu bv = { .port = bad[n] };
		struct evtchn_unmask u = { .port = bad[n] };
		struct evtchn_status s = { .dom = DOMID_SELF, .port = bad[n] };

		REFUSED(send(bad[n]));
		REFUSED(close(bad[n]));
		REFUSED(evtchn(EVTCHNOP_bind_interdomain, &b));
		REFUSED(evtchn(EVTCHNOP_bind_vcpu, &bv));
		if (bad[n] >= 4096)
			REFUSED(evtchn(EVTCHNOP_unmask, &u));
		if (bad[n] && bad[n] < 4096)
			CHECK(evtchn(EVTCHNOP_status, &s) == -EINVAL || !s.status, "status");
	}
	REFUSED(evtchn(EVTCHNOP_bind_virq, &v));
	v.virq = ~0u;
	REFUSED(evtchn(EVTCHNOP_bind_virq, &v));
	v = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = 77 };
	REFUSED(evtchn(EVTCHNOP_bind_virq, &v));
	REFUSED(evtchn(EVTCHNOP_bind_ipi, &i));
	i.vcpu = ~0u;
	REFUSED(evtchn(EVTCHNOP_bind_ipi, &i));
	REFUSED(evtchn(EVTCHNOP_alloc_unbound, &a));
	a = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = 0x1234 };
	if (evtchn(EVTCHNOP_alloc_unbound, &a) == 0)
		EXPECT(close(a.port), 0);
}

static void virq_and_ipi(void)
{
	struct evtchn_bind_virq again = { .virq = VIRQ_DEBUG };
	struct evtchn_bind_vcpu bv;
	unsigned int p = bind_virq(VIRQ_DEBUG), q = bind_ipi(0), r;

	EXPECT(evtchn(EVTCHNOP_bind_virq, &again), -EEXIST);
	EXPECT(status(p, &r), EVTCHNSTAT_virq);
	EXPECT(status(q, &r), EVTCHNSTAT_ipi);
	bv = (struct evtchn_bind_vcpu){ .port = q, .vcpu = 1 };
	REFUSED(evtchn(EVTCHNOP_bind_vcpu, &bv));
	REFUSED(send(p));
	port_unmask(q);
	events_on();
	events[q] = 0;
	EXPECT(send(q), 0);
	EXPECT(events[q], 1);
	events_off();
	EXPECT(close(p), 0);
	EXPECT(close(q), 0);
	EXPECT(evtchn(EVTCHNOP_bind_virq, &again), 0);
	EXPECT(close(again.port), 0);
}

/* Upcall mask, port mask, pending bits. */
static void masks(void)
{
	unsigned int q = bind_ipi(0);

	port_unmask(q);
	events_off();
	events[q] = 0;
	EXPECT(send(q), 0);
	EXPECT(send(q), 0);
	EXPECT(events[q], 0);
	CHECK(vcpu_info()->evtchn_upcall_pending, "nothing is pending");
	CHECK(shared->evtchn_pending[q / 64] >> (q % 64) & 1, "port is not pending");
	events_on();
	EXPECT(events[q], 1);
	CHECK(!vcpu_info()->evtchn_upcall_mask, "still masked after the upcall");
	/* Masked port: the edge waits for unmask. */
	__atomic_or_fetch(&shared->evtchn_mask[q / 64], 1ul << q % 64, __ATOMIC_SEQ_CST);
	EXPECT(send(q), 0);
	EXPECT(events[q], 1);
	port_unmask(q);
	EXPECT(events[q], 2);
	for (int i = 0; i < 2000; i++)
		EXPECT(send(q), 0);
	EXPECT(events[q], 2002);
	/* Block returns at once when something is pending, and unmasks. */
	events_off();
	EXPECT(send(q), 0);
	EXPECT(hc(sched_op, SCHEDOP_block, 0), 0);
	EXPECT(events[q], 2003);
	CHECK(!vcpu_info()->evtchn_upcall_mask, "masked after block");
	events_off();
	EXPECT(close(q), 0);
}

/* An event finds user mode. */
static void in_user_mode(void)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .rcx = 0x1234,
			   .r11 = 0x5678,
			   .rdi = USER_DATA };
	unsigned int q = bind_ipi(0);

	user_code("\xff\x07\x0f\x05", 4); /* incl (%rdi); syscall */
	port_unmask(q);
	events_off();
	for (unsigned int i = 1; i <= 100; i++) {
		events[q] = 0;
		EXPECT(send(q), 0);
		EXPECT(events[q], 0);
		/* iret unmasks, so the event comes before the first user instruction. */
		f.rip = USER_TEXT;
		EXPECT(user_run(&f, 0), VEC_SYSCALL);
		EXPECT(events[q], 1);
		EXPECT(*(volatile uint32_t *)user_data, i);
		EXPECT(f.rdi, USER_DATA);
		events_off();
	}
	EXPECT(close(q), 0);
}

/* Every port there is, twice. */
static void exhaustion(void)
{
	unsigned int n[2] = { 0, 0 }, first = 0;

	for (int round = 0; round < 2; round++) {
		struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
		static bool mine[4096];
		long ret;

		memset(mine, 0, sizeof(mine));
		while ((ret = evtchn(EVTCHNOP_alloc_unbound, &a)) == 0) {
			CHECK(a.port && a.port < 4096 && !mine[a.port], "port %u again", a.port);
			mine[a.port] = true;
			first = first ?: a.port;
			n[round]++;
		}
		EXPECT(ret, -ENOSPC);
		for (unsigned int p = 1; p < 4096; p++)
			if (mine[p])
				EXPECT(close(p), 0);
	}
	EXPECT(n[0], n[1]);
	CHECK(n[0] > 100, "only %u ports", n[0]);
	print("note: %u ports", n[0]);
}

void test(void)
{
	interdomain();
	bad_arguments();
	virq_and_ipi();
	masks();
	in_user_mode();
	if (is_dom0)
		exhaustion();
	else
		print("note: the console needs its port: no exhaustion");
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All VCPUs bind, close, send, unmask, reset and re-bind the same few ports at once; domain 0 with
 * the ports of a second domain, too, which comes and goes. Afterwards each channel has two
 * ends that know each other, and nothing is left when all is closed. LIMIT: 90
 */
#include <public/control.h>
#include "lib/guest.h"

#define SECONDS 5
#define PORTS 24

static volatile uint32_t stopped, rounds[MAX_TEST_VCPUS];
static volatile bool over;
static volatile domid_t second;
static unsigned int vcpus;

static unsigned int some_port(void)
{
	return (unsigned int)(rnd() % PORTS);
}

static domid_t some_domain(void)
{
	return second && rnd() % 2 ? second : DOMID_SELF;
}

static void make(void)
{
	struct evtchn_alloc_unbound a = { .dom = some_domain(), .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain i = { .remote_dom = some_domain(),
					     .remote_port = some_port() };
	struct evtchn_bind_ipi p = { .vcpu = (uint32_t)(rnd() % vcpus) };
	struct evtchn_bind_virq v = { .virq = (uint32_t)(rnd() % 10),
				      .vcpu = (uint32_t)(rnd() % vcpus) };

	switch (rnd() % 6) {
	case 0:
	case 1:
		if (evtchn(EVTCHNOP_alloc_unbound, &a))
			return;
		i.remote_dom = a.dom;
		i.remote_port = a.port;
		if (rnd() % 2)
			return;
		/* fall through */
	case 2:
	case 3:
		evtchn(EVTCHNOP_bind_interdomain, &i);
		break;
	case 4:
		evtchn(EVTCHNOP_bind_ipi, &p);
		break;
	default:
		evtchn(EVTCHNOP_bind_virq, &v);
	}
}

static void use(void)
{
	struct evtchn_send s = { .port = some_port() };
	struct evtchn_unmask u = { .port = some_port() };
	struct evtchn_bind_vcpu b = { .port = some_port(), .vcpu = (uint32_t)(rnd() % vcpus) };
	struct evtchn_status st = { .dom = some_domain(), .port = some_port() };

	evtchn(EVTCHNOP_send, &s);
	evtchn(EVTCHNOP_unmask, &u);
	evtchn(EVTCHNOP_bind_vcpu, &b);
	evtchn(EVTCHNOP_status, &st);
	evtchn(EVTCHNOP_send, &s);
	/* No event but those of a port nobody waits for: wakes up all the same. */
	if (rnd() % 64 == 0)
		sleep_ns(50000);
}

static void once(void)
{
	struct evtchn_close c = { .port = some_port() };
	struct evtchn_reset r = { .dom = some_domain() };
	uint64_t dice = rnd() % 256;

	rounds[this_vcpu()->id]++;
	if (dice < 90)
		make();
	else if (dice < 180)
		evtchn(EVTCHNOP_close, &c);
	else if (dice == 255)
		evtchn(EVTCHNOP_reset, &r);
	else
		use();
}

static void other(void)
{
	while (!over)
		once();
	__atomic_add_fetch(&stopped, 1, __ATOMIC_SEQ_CST);
	for (;;)
		sleep_ns(1000000000);
}

/* --- the second domain */

static struct xeno_control c;

static long control(uint32_t op, domid_t id)
{
	c.version = XENO_CONTROL_VERSION;
	c.op = op;
	c.domid = id;
	return hc(xeno_control, &c);
}

static void come(void)
{
	memset(&c, 0, sizeof(c));
	c.u.create.max_vcpus = 2;
	c.u.create.max_pages = 16;
	memcpy(c.u.create.name, "storm", 6);
	EXPECT(control(XENO_CTL_DOMAIN_CREATE, 0), 0);
	second = c.domid;
}

static void go(void)
{
	domid_t id = second;
	long ret;

	memset(&c, 0, sizeof(c));
	while ((ret = control(XENO_CTL_DOMAIN_DESTROY, id)) == -EAGAIN)
		;
	EXPECT(ret, 0);
}

/* --- afterwards */

static void check_port(unsigned int port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port }, t = s;

	EXPECT(evtchn(EVTCHNOP_status, &s), 0);
	if (s.status != EVTCHNSTAT_interdomain || s.u.interdomain.dom == 0x7ffe)
		return;
	t.dom = s.u.interdomain.dom;
	t.port = s.u.interdomain.port;
	EXPECT(evtchn(EVTCHNOP_status, &t), 0);
	CHECK(t.status == EVTCHNSTAT_interdomain && t.u.interdomain.port == port,
	      "port %u names %u of %u, which has state %u and names %u", port, s.u.interdomain.port,
	      s.u.interdomain.dom, t.status, t.u.interdomain.port);
}

static void still_works(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	struct evtchn_status s = { .dom = DOMID_SELF };
	unsigned int port;

	EXPECT(evtchn(EVTCHNOP_reset, &r), 0);
	for (s.port = 1; s.port < 200; s.port++) {
		EXPECT(evtchn(EVTCHNOP_status, &s), 0);
		CHECK(s.status == EVTCHNSTAT_closed || s.u.interdomain.dom == 0x7ffe,
		      "port %u is left in state %u", s.port, s.status);
	}
	port = bind_ipi(0);
	memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
	port_unmask(port);
	events_on();
	events[port] = 0;
	EXPECT(evtchn(EVTCHNOP_send, &(struct evtchn_send){ .port = port }), 0);
	CHECK(wait_for(&events[port], 1, 2000), "no event comes any more");
	events_off();
}

void test(void)
{
	uint64_t end;

	while (vcpus < MAX_TEST_VCPUS && hc(vcpu_op, VCPUOP_is_up, vcpus, 0) >= 0)
		vcpus++;
	if (vcpus < 2)
		skip("one VCPU only");
	for (unsigned int i = 1; i < vcpus; i++)
		EXPECT(vcpu_boot(i, other), 0);
	end = now() + SECONDS * 1000000000ul;
	while (now() < end) {
		if (xeno && is_dom0)
			come();
		for (int i = 0; i < 300 && now() < end; i++)
			once();
		if (second)
			go();
	}
	over = true;
	CHECK(wait_for(&stopped, vcpus - 1, 3000), "only %u of the others stopped", stopped);
	for (unsigned int port = 1; port < 2 * PORTS; port++)
		check_port(port);
	still_works();
	print("note: %u %u %u %u rounds", rounds[0], rounds[1], rounds[2], rounds[3]);
}

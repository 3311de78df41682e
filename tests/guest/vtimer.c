/* SPDX-License-Identifier: GPL-2.0-only */
/* Domain virtual time, Xeno's own (report 3.2.2): runs while we run, and its alarm. */
#include <public/xeno.h>
#include "lib/guest.h"

#define MS 1000000ul

void test(void)
{
	unsigned int port;
	uint64_t t, v, slept;

	if (!xeno)
		skip("Xeno's own");
	port = bind_virq(VIRQ_XENO_VTIMER);
	port_unmask(port);
	events_on();
	CHECK(sched_vtime() > 0, "virtual time %ld", sched_vtime());
	REFUSED(hc(xeno_vtimer, 7, 0));
	REFUSED(sched_vtimer(1ul << 63));
	t = now();
	v = (uint64_t)sched_vtime();
	sleep_ns(100 * MS);
	slept = (uint64_t)sched_vtime() - v;
	CHECK(slept < now() - t, "virtual time ran %lu ns of %lu slept", slept, now() - t);
	v = (uint64_t)sched_vtime();
	EXPECT(sched_vtimer(v + 20 * MS), 0);
	while (!events[port])
		CHECK(now() < t + 5000 * MS, "no alarm");
	CHECK((uint64_t)sched_vtime() >= v + 20 * MS, "too early");
	events[port] = 0;
	EXPECT(sched_vtimer(1), 0);
	CHECK(wait_for(&events[port], 1, 1000), "no alarm for the past");
	events[port] = 0;
	EXPECT(sched_vtimer((uint64_t)sched_vtime() + 50 * MS), 0);
	EXPECT(sched_vtimer(0), 0);
	for (t = now(); now() < t + 200 * MS;)
		;
	EXPECT(events[port], 0);
}

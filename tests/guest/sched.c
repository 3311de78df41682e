/* SPDX-License-Identifier: GPL-2.0-only */
/* sched_op: yield, watchdog, shutdown codes, what is refused. */
#include "lib/guest.h"

void test(void)
{
	struct sched_remote_shutdown r = { .domain_id = 0x1234, .reason = SHUTDOWN_crash };
	struct sched_watchdog w = { .id = 0, .timeout = 30 };
	struct sched_shutdown s = { .reason = 77 };
	long id;

	for (int i = 0; i < 1000; i++)
		EXPECT(hc(sched_op, SCHEDOP_yield, 0), 0);
	REFUSED(hc(sched_op, SCHEDOP_remote_shutdown, &r));
	r.domain_id = DOMID_SELF;
	if (!is_dom0)
		REFUSED(hc(sched_op, SCHEDOP_remote_shutdown, &r));
	if (xeno)
		REFUSED(hc(sched_op, SCHEDOP_shutdown, &s));
	id = hc(sched_op, SCHEDOP_watchdog, &w);
	if (id != -ENOSYS) {
		CHECK(id > 0, "watchdog: %ld", id);
		w.id = (uint32_t)id;
		EXPECT(hc(sched_op, SCHEDOP_watchdog, &w), 0);
		w.timeout = 0;
		EXPECT(hc(sched_op, SCHEDOP_watchdog, &w), 0);
		w.id = 99;
		REFUSED(hc(sched_op, SCHEDOP_watchdog, &w));
	}
	REFUSED(hc(sched_op, 99, 0));
}

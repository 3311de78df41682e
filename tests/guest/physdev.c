/* SPDX-License-Identifier: GPL-2.0-only */
/* physdev_op and platform_op: domain 0 only, bad interrupts, bad versions. */
#include <public/physdev.h>
#include <public/platform.h>
#include "lib/guest.h"

static void interrupts(void)
{
	static const int32_t wild[] = { -1,   -2,   24,	   255,	       256,
					1000, 4096, 65535, 0x7fffffff, (int32_t)0x80000000 };

	for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		struct physdev_map_pirq m = { .domid = DOMID_SELF,
					      .type = MAP_PIRQ_TYPE_GSI,
					      .index = wild[i],
					      .pirq = wild[i] };
		struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = wild[i] };
		struct physdev_eoi e = { .irq = (uint32_t)wild[i] };
		struct evtchn_bind_pirq b = { .pirq = (uint32_t)wild[i] };

		if (wild[i] < 0 || wild[i] > 255) {
			REFUSED(hc(physdev_op, PHYSDEVOP_map_pirq, &m));
			REFUSED(hc(physdev_op, PHYSDEVOP_unmap_pirq, &u));
			REFUSED(hc(physdev_op, PHYSDEVOP_eoi, &e));
		}
		REFUSED(evtchn(EVTCHNOP_bind_pirq, &b));
		m.type = (int32_t)(i + 5);
		REFUSED(hc(physdev_op, PHYSDEVOP_map_pirq, &m));
	}
}

/* The keyboard's interrupt: map, bind, unbind, unmap, many times. */
static void keyboard(void)
{
	/* The reference takes the right to an interrupt away with the mapping. */
	for (int i = 0; i < (xeno ? 20 : 1); i++) {
		struct physdev_map_pirq m = { .domid = DOMID_SELF,
					      .type = MAP_PIRQ_TYPE_GSI,
					      .index = 1,
					      .pirq = 1 };
		struct physdev_setup_gsi s = { .gsi = 1 };
		struct evtchn_bind_pirq b;
		struct evtchn_close c;
		struct physdev_unmap_pirq u = { .domid = DOMID_SELF };
		struct physdev_eoi e;

		hc(physdev_op, PHYSDEVOP_setup_gsi, &s);
		EXPECT(hc(physdev_op, PHYSDEVOP_map_pirq, &m), 0);
		b = (struct evtchn_bind_pirq){ .pirq = (uint32_t)m.pirq };
		EXPECT(evtchn(EVTCHNOP_bind_pirq, &b), 0);
		REFUSED(evtchn(EVTCHNOP_bind_pirq, &b));
		e.irq = (uint32_t)m.pirq;
		EXPECT(hc(physdev_op, PHYSDEVOP_eoi, &e), 0);
		c.port = b.port;
		EXPECT(evtchn(EVTCHNOP_close, &c), 0);
		u.pirq = m.pirq;
		EXPECT(hc(physdev_op, PHYSDEVOP_unmap_pirq, &u), 0);
	}
}

void test(void)
{
	static struct xen_platform_op op;
	uint8_t *page = page_alloc();

	for (uint64_t cmd = 0; cmd < 40; cmd++)
		if (!is_dom0 && cmd != PHYSDEVOP_eoi && cmd != PHYSDEVOP_irq_status_query &&
		    cmd != PHYSDEVOP_set_iopl && cmd != PHYSDEVOP_set_iobitmap)
			REFUSED(hc(physdev_op, cmd, page));
	op.cmd = XENPF_get_cpuinfo;
	op.interface_version = XENPF_INTERFACE_VERSION;
	if (!is_dom0) {
		REFUSED(hc(platform_op, &op));
		return;
	}
	EXPECT(hc(platform_op, &op), 0);
	op.interface_version = 1;
	REFUSED(hc(platform_op, &op));
	op.interface_version = XENPF_INTERFACE_VERSION;
	op.cmd = 999;
	EXPECT(hc(platform_op, &op), -ENOSYS);
	interrupts();
	keyboard();
}

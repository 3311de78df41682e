/* SPDX-License-Identifier: GPL-2.0-only */
/* Rings served by the hypervisor, with indexes, lengths and bytes of all kinds. */
#include <public/io/console.h>
#include <public/io/xs_wire.h>
#include "lib/guest.h"

static const uint32_t wild[] = { 0,    1,	   15,	       16,	   1023,
				 1024, 1025,	   2047,       2048,	   2049,
				 4096, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };
#define NWILD (sizeof(wild) / sizeof(wild[0]))

static void kick(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	EXPECT(hc(event_channel_op, EVTCHNOP_send, &s), 0);
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
}

static void store(void)
{
	volatile struct xenstore_domain_interface *r = mfn_to_virt(si->store_mfn);

	for (unsigned int a = 0; a < NWILD; a++)
		for (unsigned int b = 0; b < NWILD; b++) {
			r->req_prod = wild[a];
			r->rsp_cons = wild[b];
			kick(si->store_evtchn);
			r->req_cons = wild[b];
			r->rsp_prod = wild[a];
			kick(si->store_evtchn);
		}
	/* Headers with every kind of length, half of them cut. */
	for (int i = 0; i < 3000; i++) {
		struct xsd_sockmsg m = { .type = (uint32_t)(rnd() % 25),
					 .req_id = (uint32_t)i,
					 .tx_id = (uint32_t)rnd() & 3,
					 .len = rnd() & 1 ? wild[rnd() % NWILD] : rnd() % 64 };
		const char *p = (const char *)&m;
		uint32_t prod = r->req_cons;

		for (unsigned int n = 0; n < sizeof(m); n++)
			r->req[MASK_XENSTORE_IDX(prod++)] = p[n];
		for (unsigned int n = 0; n < rnd() % 200; n++)
			r->req[MASK_XENSTORE_IDX(prod++)] = rnd() & 1 ? (char)rnd() :
									"/a0"[rnd() % 4];
		r->rsp_cons = r->rsp_prod;
		r->req_prod = prod;
		kick(si->store_evtchn);
		r->connection = rnd() & 1;
	}
	for (int i = 0; i < 2000; i++) {
		for (unsigned int n = 0; n < PAGE_SIZE; n += 8)
			((volatile uint64_t *)r)[n / 8] = rnd();
		kick(si->store_evtchn);
	}
}

static void console(struct xencons_interface *ring)
{
	volatile struct xencons_interface *r = ring;
	static struct xencons_interface saved;

	memcpy(&saved, ring, sizeof(saved));
	for (unsigned int a = 0; a < NWILD; a++)
		for (unsigned int b = 0; b < NWILD; b++) {
			r->out_prod = wild[a];
			r->out_cons = wild[b];
			r->in_prod = wild[b];
			r->in_cons = wild[a];
			kick(si->console.domU.evtchn);
		}
	for (int i = 0; i < 500; i++) {
		for (unsigned int n = 0; n < 2048; n++)
			r->out[n] = (char)rnd();
		r->out_prod = r->out_cons + 2048;
		kick(si->console.domU.evtchn);
	}
	memset(ring, 0, sizeof(*ring));
	memcpy(ring, &saved, sizeof(saved));
	r->out_prod = r->out_cons;
}

void test(void)
{
	if (is_dom0 && !xeno)
		skip("no rings for domain 0");
	if (!is_dom0)
		console(mfn_to_virt(si->console.domU.mfn));
	store();
}

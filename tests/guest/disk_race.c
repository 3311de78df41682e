/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DISKS: Two VCPUs at one device: one opens and closes it with requests in flight, the other kicks,
 * changes the ring and the grants, and in domain 0 takes the device away and makes it again.
 * ms=N, default 5000. LIMIT: 60
 */
#include <public/control.h>
#include "lib/blk.h"

#define DEV 51856 /* domain 0's for this test */
#define PAGES 16
#define MS 1000000ul

static struct blk blk;
static uint8_t *page[PAGES];
static uint32_t refs[PAGES];
static struct xeno_control c;
static volatile uint32_t racing;
static volatile uint64_t counts[6];
enum { OPENED, CONNECTED, ASKED, ANSWERED, TAKEN, KICKED };

/* --- the device */

static long call(uint32_t op)
{
	c.version = XENO_CONTROL_VERSION;
	c.op = op;
	c.domid = 0;
	return hc(xeno_control, &c);
}

static long set(uint32_t flags, uint64_t iops)
{
	static struct xeno_vblk_extent x[2] = { { .drive = 1, .first = 8, .sectors = 600 },
						{ .drive = 1, .first = 999, .sectors = 7777 } };

	memset(&c, 0, sizeof(c));
	c.u.vblk_set = (struct xeno_ctl_vblk_set){ .dev = DEV,
						   .flags = flags,
						   .nr_extents = flags & XENO_VBLKF_UPDATE ? 0 : 2,
						   .iops_limit = iops,
						   .weight = 1 + (uint32_t)(rnd() % 1000),
						   .extents = A(x) };
	return call(XENO_CTL_VBLK_SET);
}

static long take_away(uint32_t force)
{
	memset(&c, 0, sizeof(c));
	c.u.vblk_remove = (struct xeno_ctl_vblk_remove){ .dev = DEV, .force = force };
	return call(XENO_CTL_VBLK_REMOVE);
}

static void control(void)
{
	long err;

	memset(&c, 0, sizeof(c));
	c.u.vblk_info.dev = DEV;
	err = call(XENO_CTL_VBLK_INFO);
	CHECK(!err || err == -ENOENT, "info: %ld", err);
	err = set(XENO_VBLKF_UPDATE, rnd() % 3 ? 0 : 1 + rnd() % 5000);
	CHECK(!err || err == -ENOENT, "update: %ld", err);
	if (rnd() % 16)
		return;
	err = take_away(rnd() & 1);
	CHECK(!err || err == -ENOENT || err == -EAGAIN, "remove: %ld", err);
	counts[TAKEN] += !err;
	if (rnd() % 4 == 0)
		sleep_ns(rnd() % MS);
	err = set(0, 0);
	CHECK(!err || err == -EEXIST, "set: %ld", err);
}

/* --- the other VCPU */

static void disturb(void)
{
	struct evtchn_send s = { .port = blk.port };
	unsigned int ring = (unsigned int)(rnd() % 4), i = (unsigned int)(rnd() % PAGES);

	switch (rnd() % 8) {
	case 0:
		if (blk.ring[ring])
			((volatile uint8_t *)blk.ring[ring])[64 + rnd() % 4032] = (uint8_t)rnd();
		break;
	case 1:
		grant_table[refs[i]].flags = rnd() & 1 ? 0 : GTF_permit_access;
		break;
	case 2:
		grant_table[refs[i]].flags = GTF_permit_access;
		break;
	case 3:
		if (blk.head && rnd() % 64 == 0)
			blk.head->req_prod = (uint32_t)rnd();
		break;
	default:
		evtchn(EVTCHNOP_send, &s);
		counts[KICKED]++;
	}
}

static void racer(void)
{
	race_loop(&racing, disturb, control);
}

/* --- the front end */

static void put_random(void)
{
	union blk_slot r = { .rw = { .operation = (uint8_t)(rnd() % 6),
				     .nr_segments = (uint8_t)(rnd() % 12),
				     .sector_number = rnd() % 1000 } };

	for (unsigned int i = 0; i < 11; i++)
		r.rw.seg[i] = (struct blkif_request_segment){ refs[rnd() % PAGES], 0, 7 };
	if (r.rw.operation == BLKIF_OP_DISCARD)
		r.discard.nr_sectors = rnd() % 5000;
	blk_put(&blk, &r);
}

static void some_requests(void)
{
	struct evtchn_send s = { .port = blk.port };
	uint32_t had = blk.head->rsp_prod, room = blk.slots - (blk.req_prod - had);
	uint32_t n = room <= blk.slots && room ? (uint32_t)(rnd() % room) + 1 : 0;

	counts[ASKED] += n;
	for (uint32_t i = 0; i < n; i++)
		put_random();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	blk.head->req_prod = blk.req_prod;
	evtchn(EVTCHNOP_send, &s);
	if (rnd() % 3 == 0)
		sleep_ns(rnd() % MS);
	counts[ANSWERED] += blk.head->rsp_prod - had;
}

static void ring_is_free(void)
{
	struct evtchn_close close = { .port = blk.port };
	uint64_t end = now() + 3000 * MS;

	for (unsigned int i = 0; i < blk.pages; i++)
		while (!grant_end(blk.ref[i])) {
			CHECK(now() < end, "page %u of the ring stays in use", i);
			sleep_ns(100000);
		}
	evtchn(EVTCHNOP_close, &close);
}

static void once(void)
{
	uint64_t n = 0, end = now() + 20 * MS;

	store_write_number(blk_node(&blk, false, "state"), XenbusStateInitialising);
	while (!(store_read(blk_node(&blk, true, "state"), &n) && n == XenbusStateInitWait) &&
	       now() < end)
		;
	blk_offer(&blk, (unsigned int)(rnd() % 3));
	counts[OPENED]++;
	for (unsigned int i = (unsigned int)(rnd() % 4); i; i--)
		store_read(blk_node(&blk, true, "state"), &n);
	counts[CONNECTED] += n == XenbusStateConnected;
	for (unsigned int i = (unsigned int)(rnd() % 30); i; i--)
		some_requests();
	store_leave("device/vbd", blk_node(&blk, false, "state"));
	ring_is_free();
}

static void pages_are_free(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		grant_table[refs[i]].flags = 0;
		check_page_free(page[i]);
	}
}

static void last_device(void)
{
	uint64_t end = now() + 3000 * MS;
	long err;

	if (!is_dom0)
		return;
	while ((err = take_away(1)) == -EAGAIN)
		CHECK(now() < end, "its requests do not end");
	CHECK(!err || err == -ENOENT, "remove: %ld", err);
	EXPECT(set(0, 0), 0);
}

void test(void)
{
	uint64_t end;

	if (!xeno)
		skip("no block devices without a back end");
	store_open();
	grants_init();
	for (unsigned int i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		refs[i] = grant_page(page[i], false);
	}
	if (is_dom0)
		EXPECT(set(0, 0), 0);
	CHECK(blk_find(&blk, is_dom0 ? DEV : BLK_FIRST), "no device");
	racing = 1;
	if (vcpu_boot(1, racer))
		skip("one VCPU only");
	for (end = now() + option("ms", 5000) * MS; now() < end;)
		once();
	racing = 0;
	CHECK(wait_for(&racing, 2, 3000), "the other VCPU does not end");
	print("note: %lu times opened, %lu connected, %lu requests, %lu answers, %lu taken away, "
	      "%lu kicks",
	      counts[OPENED], counts[CONNECTED], counts[ASKED], counts[ANSWERED], counts[TAKEN],
	      counts[KICKED]);
	last_device();
	pages_are_free();
	store_write_number(blk_node(&blk, false, "state"), XenbusStateInitialising);
	blk_open(&blk, 0);
	EXPECT(blk_pages(&blk, BLKIF_OP_READ, 0, (void **)page, 8), 0);
	blk_close(&blk);
}

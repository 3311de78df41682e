/* SPDX-License-Identifier: GPL-2.0-only */
/* DISKS: Limits changed, devices asked about and taken away, while requests wait for their turn. */
#include <public/control.h>
#include "lib/blk.h"

#define DEV 51856 /* made here, of the second drive */
#define SECTORS 4096
#define REQUESTS 20

static struct xeno_control c;
static struct blk blk;
static uint32_t ref;
static void *page;

static long call(uint32_t op)
{
	c.version = XENO_CONTROL_VERSION;
	c.op = op;
	c.domid = 0;
	return hc(xeno_control, &c);
}

static long set(uint32_t flags, uint64_t iops, uint64_t bytes)
{
	static struct xeno_vblk_extent x = { .drive = 1, .first = 8, .sectors = SECTORS };

	memset(&c, 0, sizeof(c));
	c.u.vblk_set = (struct xeno_ctl_vblk_set){ .dev = DEV,
						   .flags = flags,
						   .nr_extents = flags & XENO_VBLKF_UPDATE ? 0 : 1,
						   .iops_limit = iops,
						   .bytes_limit = bytes,
						   .extents = A(&x) };
	return call(XENO_CTL_VBLK_SET);
}

static long info(void)
{
	memset(&c, 0, sizeof(c));
	c.u.vblk_info.dev = DEV;
	return call(XENO_CTL_VBLK_INFO);
}

static long take_away(void)
{
	memset(&c, 0, sizeof(c));
	c.u.vblk_remove = (struct xeno_ctl_vblk_remove){ .dev = DEV, .force = 1 };
	return call(XENO_CTL_VBLK_REMOVE);
}

static void ask(unsigned int n, unsigned int op)
{
	for (unsigned int i = 0; i < n; i++) {
		union blk_slot r = { .rw = { .operation = (uint8_t)op,
					     .nr_segments = 1,
					     .id = i,
					     .sector_number = 8 * i } };

		r.rw.seg[0] = (struct blkif_request_segment){ ref, 0, 7 };
		if (op == BLKIF_OP_DISCARD)
			r.discard.nr_sectors = SECTORS - 8 * i;
		blk_put(&blk, &r);
	}
	blk_kick(&blk);
}

static void answers(unsigned int n)
{
	struct blkif_response rsp;

	while (n--) {
		CHECK(blk_get(&blk, &rsp), "%u answers are missing", n + 1);
		EXPECT(rsp.status, 0);
	}
}

static void appear(uint64_t iops, uint64_t bytes)
{
	EXPECT(set(0, iops, bytes), 0);
	CHECK(blk_find(&blk, DEV), "no device");
	blk_open(&blk, 0);
}

/* By force, within a second, whatever waits; nothing of us is in use afterwards. */
static void disappear(void)
{
	struct evtchn_close close = { .port = blk.port };
	uint64_t end = now() + 1000000000ul;
	long err;

	while ((err = take_away()) == -EAGAIN) {
		CHECK(now() < end, "its requests do not end");
		sleep_ns(1000000);
	}
	EXPECT(err, 0);
	CHECK(info() == -ENOENT || c.u.vblk_info.dev != DEV, "still there");
	EXPECT(evtchn(EVTCHNOP_close, &close), 0);
	CHECK(grant_end(blk.ref[0]), "the ring is still in use");
	CHECK(grant_end(ref), "a page is still in use");
	ref = grant_page(page, false);
}

/* What the limit held back goes at once when there is none any more. */
static void limit_lifted(void)
{
	appear(2, 0);
	for (unsigned int i = 0; i < 10; i++) {
		EXPECT(set(XENO_VBLKF_UPDATE, 2, 0), 0);
		ask(REQUESTS, BLKIF_OP_READ);
		EXPECT(info(), 0);
		CHECK(c.u.vblk_info.in_flight > REQUESTS / 2, "%u in flight",
		      c.u.vblk_info.in_flight);
		EXPECT(set(XENO_VBLKF_UPDATE, 0, 0), 0);
		answers(REQUESTS);
	}
	disappear();
}

/* Limits end while somebody looks. */
static void looked_at(void)
{
	uint64_t end = now() + 1000000000ul;

	appear(100, 0);
	ask(REQUESTS, BLKIF_OP_READ);
	while (now() < end)
		EXPECT(info(), 0);
	answers(REQUESTS);
	disappear();
}

/* One byte per second would keep the device for days. */
static void gone_in_time(void)
{
	appear(0, 1);
	ask(REQUESTS, BLKIF_OP_WRITE);
	disappear();
	appear(1, 0);
	ask(REQUESTS, BLKIF_OP_DISCARD);
	disappear();
	appear(1, 0);
	ask(3, BLKIF_OP_READ);
	ask(5, BLKIF_OP_WRITE_BARRIER);
	ask(3, BLKIF_OP_READ);
	disappear();
	appear(0, 0);
	ask(REQUESTS, BLKIF_OP_WRITE_BARRIER);
	answers(REQUESTS);
	disappear();
}

void test(void)
{
	if (!xeno || !is_dom0)
		skip("domain 0 only");
	store_open();
	grants_init();
	page = page_alloc();
	ref = grant_page(page, false);
	limit_lifted();
	looked_at();
	gone_in_time();
}

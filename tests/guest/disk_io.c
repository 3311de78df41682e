/* SPDX-License-Identifier: GPL-2.0-only */
/* DISKS: Virtual block devices: what is written is read, in all ways the protocol has. */
#include "lib/blk.h"

#define PAGES 16
#define SECTOR 512

static struct blk blk;
static uint8_t *page[PAGES];

static void fill(unsigned int n, uint8_t seed)
{
	for (unsigned int p = 0; p < n; p++)
		for (unsigned int i = 0; i < PAGE_SIZE; i++)
			page[p][i] = (uint8_t)(seed + p * 7 + i + i / SECTOR * 13);
}

static void verify(unsigned int n, uint8_t seed, const char *what)
{
	for (unsigned int p = 0; p < n; p++)
		for (unsigned int i = 0; i < PAGE_SIZE; i++)
			CHECK(page[p][i] == (uint8_t)(seed + p * 7 + i + i / SECTOR * 13),
			      "%s: page %u differs at %u", what, p, i);
}

static void wipe(void)
{
	for (unsigned int p = 0; p < PAGES; p++)
		memset(page[p], 0xee, PAGE_SIZE);
}

static void whole_pages(void)
{
	for (unsigned int n = 1; n <= 11; n++) {
		fill(n, (uint8_t)n);
		EXPECT(blk_pages(&blk, BLKIF_OP_WRITE, n * 3, (void **)page, n), 0);
		wipe();
		EXPECT(blk_pages(&blk, BLKIF_OP_READ, n * 3, (void **)page, n), 0);
		verify(n, (uint8_t)n, "read back");
	}
}

/* Sectors of a page one by one, and memory around them untouched. */
static void parts_of_pages(void)
{
	uint32_t ref;

	fill(1, 99);
	EXPECT(blk_pages(&blk, BLKIF_OP_WRITE, 100, (void **)page, 1), 0);
	wipe();
	ref = grant_page(page[0], false);
	for (uint8_t s = 0; s < 8; s++) {
		union blk_slot r = { .rw = { .operation = BLKIF_OP_READ,
					     .nr_segments = 1,
					     .id = s,
					     .sector_number = 100u + s } };

		r.rw.seg[0] = (struct blkif_request_segment){ ref, s, s };
		EXPECT(blk_do(&blk, &r), 0);
		for (unsigned int i = 0; i < PAGE_SIZE; i++)
			if (i / SECTOR > s)
				CHECK(page[0][i] == 0xee, "sector %u wrote at %u", s, i);
	}
	CHECK(grant_end(ref), "still in use");
	verify(1, 99, "sector by sector");
}

/* n segments by way of a page of descriptors. */
static int indirect(unsigned int op, uint64_t sector, unsigned int n)
{
	struct blkif_request_segment *segs = page_alloc();
	union blk_slot r = { .indirect = { .operation = BLKIF_OP_INDIRECT,
					   .indirect_op = (uint8_t)op,
					   .nr_segments = (uint16_t)n,
					   .id = 77,
					   .sector_number = sector } };
	struct blkif_response rsp;

	for (unsigned int i = 0; i < n; i++)
		segs[i] = (struct blkif_request_segment){ .gref = grant_page(page[i],
									     op != BLKIF_OP_READ),
							  .last_sect = 7 };
	r.indirect.indirect_grefs[0] = grant_page(segs, true);
	blk_put(&blk, &r);
	blk_kick(&blk);
	CHECK(blk_get(&blk, &rsp), "no answer to an indirect request");
	CHECK(rsp.id == 77, "id %lx", rsp.id);
	for (unsigned int i = 0; i < n; i++)
		CHECK(grant_end(segs[i].gref), "still in use");
	CHECK(grant_end(r.indirect.indirect_grefs[0]), "descriptors still in use");
	return rsp.status;
}

static void other_operations(void)
{
	union blk_slot flush = { .rw = { .operation = BLKIF_OP_FLUSH_DISKCACHE, .id = 5 } };
	union blk_slot discard = { .discard = { .operation = BLKIF_OP_DISCARD,
						.id = 6,
						.sector_number = 40,
						.nr_sectors = 8 } };
	uint64_t can;

	fill(PAGES, 31);
	EXPECT(indirect(BLKIF_OP_WRITE, 200, PAGES), 0);
	wipe();
	EXPECT(indirect(BLKIF_OP_READ, 200, PAGES), 0);
	verify(PAGES, 31, "indirect");
	EXPECT(blk_do(&blk, &flush), 0);
	flush.rw.operation = BLKIF_OP_WRITE_BARRIER;
	EXPECT(blk_do(&blk, &flush), 0);
	fill(2, 8);
	EXPECT(blk_pages(&blk, BLKIF_OP_WRITE_BARRIER, 300, (void **)page, 2), 0);
	EXPECT(blk_pages(&blk, BLKIF_OP_FLUSH_DISKCACHE, 316, (void **)page, 2), 0);
	for (unsigned int at = 300; at <= 316; at += 16) {
		wipe();
		EXPECT(blk_pages(&blk, BLKIF_OP_READ, at, (void **)page, 2), 0);
		verify(2, 8, "barrier, flush with data");
	}
	CHECK(store_read(blk_node(&blk, true, "feature-discard"), &can), "feature-discard");
	EXPECT(blk_do(&blk, &discard), can ? 0 : BLKIF_RSP_EOPNOTSUPP);
}

/* The ring full of requests at once, barriers among them; each is answered once. */
static void full_ring(void)
{
	static uint8_t seen[256];
	uint32_t ref = grant_page(page[0], false);
	struct blkif_response rsp;

	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < blk.slots; i++) {
		union blk_slot r = { .rw = { .operation = BLKIF_OP_READ,
					     .nr_segments = 1,
					     .id = i,
					     .sector_number = i } };

		r.rw.seg[0] = (struct blkif_request_segment){ ref, 0, 0 };
		if (i % 7 == 3)
			r.rw.operation = BLKIF_OP_WRITE_BARRIER;
		blk_put(&blk, &r);
	}
	blk_kick(&blk);
	for (unsigned int i = 0; i < blk.slots; i++) {
		CHECK(blk_get(&blk, &rsp), "%u of %u answers", i, blk.slots);
		CHECK(rsp.id < blk.slots && !seen[rsp.id]++, "answer to %lu", rsp.id);
		CHECK(!rsp.status, "request %lu: %d", rsp.id, rsp.status);
	}
	CHECK(grant_end(ref), "still in use");
}

/* Closed with requests in flight, and opened again: no answer is owed, no page in use. */
static void close_in_flight(void)
{
	uint32_t ref = grant_page(page[0], false);

	for (unsigned int i = 0; i < blk.slots; i++) {
		union blk_slot r = { .rw = { .operation = BLKIF_OP_READ, .nr_segments = 1 } };

		r.rw.seg[0] = (struct blkif_request_segment){ ref, 0, 7 };
		blk_put(&blk, &r);
	}
	blk_kick(&blk);
	blk_close(&blk);
	CHECK(grant_end(ref), "still in use");
}

static void read_only(void)
{
	struct blk ro;

	if (is_dom0)
		return;
	CHECK(blk_find(&ro, BLK_SECOND), "no second device");
	blk_open(&ro, 0);
	CHECK(ro.info & VDISK_READONLY, "info %lu", ro.info);
	EXPECT(blk_pages(&ro, BLKIF_OP_READ, 0, (void **)page, 1), 0);
	EXPECT(blk_pages(&ro, BLKIF_OP_WRITE, 0, (void **)page, 1), BLKIF_RSP_ERROR);
	EXPECT(blk_pages(&ro, BLKIF_OP_WRITE_BARRIER, 0, (void **)page, 1), BLKIF_RSP_ERROR);
	EXPECT(blk_pages(&ro, BLKIF_OP_FLUSH_DISKCACHE, 0, (void **)page, 1), BLKIF_RSP_ERROR);
	EXPECT(blk_pages(&ro, BLKIF_OP_READ, 0, (void **)page, 1), 0);
	blk_close(&ro);
}

void test(void)
{
	if (!xeno)
		skip("no block devices without a back end");
	store_open();
	grants_init();
	for (unsigned int i = 0; i < PAGES; i++)
		page[i] = page_alloc();
	CHECK(blk_find(&blk, BLK_FIRST), "no device");
	for (unsigned int order = 0; order <= 2; order++) {
		blk_open(&blk, order);
		CHECK(blk.sector_size == SECTOR && blk.sectors >= 4096, "%lu sectors of %lu",
		      blk.sectors, blk.sector_size);
		whole_pages();
		parts_of_pages();
		other_operations();
		full_ring();
		close_in_flight();
	}
	read_only();
}

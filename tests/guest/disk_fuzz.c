/* SPDX-License-Identifier: GPL-2.0-only */
/* DISKS: Virtual block devices and random requests, many at once; n=COUNT, default 4000. */
/* LIMIT: 120 */
#include "lib/blk.h"

#define PAGES 24

static struct blk blk;
static uint8_t *page[PAGES], *guard;
static uint32_t refs[PAGES];

static uint64_t wild(void)
{
	static const uint64_t values[] = {
		0, 1, 7, 8, 255, 0x7fffffff, 0xffffffff, ~0ul, 1ul << 55
	};

	return rnd_wild(values, sizeof(values) / sizeof(values[0]));
}

static uint32_t wild_ref(void)
{
	return rnd() % 8 ? refs[rnd() % PAGES] : (uint32_t)wild();
}

static void make_segs(struct blkif_request_segment *s, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		s[i].gref = wild_ref();
		s[i].first_sect = rnd() % 16 ? 0 : (uint8_t)wild();
		s[i].last_sect = rnd() % 16 ? 7 : (uint8_t)wild();
	}
}

static union blk_slot make(void)
{
	union blk_slot r;

	for (unsigned int i = 0; i < sizeof(r); i++)
		r.bytes[i] = (uint8_t)rnd();
	if (rnd() % 8 == 0)
		return r;
	r.rw.operation = (uint8_t)(rnd() % 7);
	r.rw.nr_segments = (uint8_t)(rnd() % 14);
	r.rw.sector_number = wild();
	make_segs(r.rw.seg, 11);
	if (r.rw.operation == BLKIF_OP_DISCARD)
		r.discard.nr_sectors = wild();
	if (r.rw.operation == BLKIF_OP_INDIRECT) {
		r.indirect.indirect_op = rnd() % 8 ? rnd() % 2 : (uint8_t)wild();
		r.indirect.nr_segments = (uint16_t)(rnd() % 70);
		r.indirect.indirect_grefs[0] = wild_ref();
		make_segs((void *)page[rnd() % PAGES], 64);
	}
	return r;
}

/* Everything that was asked is answered, or the device has closed itself. */
static void drain(unsigned int n)
{
	struct blkif_response rsp;

	while (n--)
		CHECK(blk_get(&blk, &rsp), "%u answers are missing", n + 1);
}

void test(void)
{
	uint64_t count = option("n", 4000);

	if (!xeno)
		skip("no block devices without a back end");
	store_open();
	grants_init();
	guard = page_alloc();
	for (unsigned int i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		refs[i] = grant_page(page[i], i % 5 == 4);
	}
	CHECK(blk_find(&blk, BLK_FIRST), "no device");
	blk_open(&blk, 2);
	for (uint64_t done = 0; done < count;) {
		unsigned int n = (unsigned int)(rnd() % blk.slots) + 1;

		for (unsigned int i = 0; i < n; i++) {
			union blk_slot r = make();

			blk_put(&blk, &r);
		}
		blk_kick(&blk);
		drain(n);
		done += n;
	}
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		CHECK(!guard[i], "a page that was never granted has changed");
	EXPECT(blk_pages(&blk, BLKIF_OP_READ, 0, (void *[]){ guard }, 1), 0);
	blk_close(&blk);
	for (unsigned int i = 0; i < PAGES; i++)
		CHECK(grant_end(refs[i]), "page %u is still in use", i);
}

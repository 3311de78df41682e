/* SPDX-License-Identifier: GPL-2.0-only */
/* DISKS: Virtual block devices and a front end that lies: errors, and nothing else. */
#include "lib/blk.h"

static struct blk blk;
static uint8_t *page, *guard;
static uint32_t good; /* a reference to page, for reading and writing */

static union blk_slot request(unsigned int op, unsigned int nr, uint64_t sector)
{
	union blk_slot r = { .rw = { .operation = (uint8_t)op,
				     .nr_segments = (uint8_t)nr,
				     .id = rnd(),
				     .sector_number = sector } };

	for (unsigned int i = 0; i < 11; i++)
		r.rw.seg[i] = (struct blkif_request_segment){ good, 0, 7 };
	return r;
}

static void alive(void)
{
	union blk_slot r = request(BLKIF_OP_READ, 1, 0);

	EXPECT(blk_do(&blk, &r), 0);
}

static void refused(union blk_slot r, const char *what, unsigned long detail)
{
	int status = blk_do(&blk, &r);

	CHECK(status == BLKIF_RSP_ERROR || status == BLKIF_RSP_EOPNOTSUPP, "%s %lx: status %d",
	      what, detail, status);
}

static void operations(void)
{
	for (unsigned int op = 4; op < 256; op++)
		if (op != BLKIF_OP_DISCARD && op != BLKIF_OP_INDIRECT)
			refused(request(op, 1, 0), "operation", op);
	for (unsigned int nr = 12; nr < 256; nr++)
		refused(request(BLKIF_OP_WRITE, nr, 0), "segments", nr);
	refused(request(BLKIF_OP_READ, 0, 0), "segments", 0);
	alive();
}

static void sectors(void)
{
	const uint64_t end = blk.sectors;
	const uint64_t wild[] = { end,	     end - 7,	end + 1,
				  1ul << 32, 1ul << 55, (1ul << 55) - 1,
				  1ul << 63, ~0ul - 7,	~0ul };
	static const uint8_t bad[][2] = { { 1, 0 }, { 7, 0 },	{ 0, 8 },     { 8, 8 },
					  { 8, 7 }, { 0, 255 }, { 255, 255 }, { 255, 0 } };
	union blk_slot d = { .discard = { .operation = BLKIF_OP_DISCARD } };

	for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		refused(request(BLKIF_OP_READ, 1, wild[i]), "reading sector", wild[i]);
		refused(request(BLKIF_OP_WRITE, 11, wild[i]), "writing sector", wild[i]);
		d.discard.sector_number = wild[i];
		d.discard.nr_sectors = 8;
		refused(d, "discarding sector", wild[i]);
		d.discard.sector_number = 8;
		d.discard.nr_sectors = wild[i];
		refused(d, "discarding sectors", wild[i]);
	}
	d.discard.nr_sectors = 0;
	refused(d, "discarding sectors", 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		union blk_slot r = request(BLKIF_OP_READ, 3, 0);

		r.rw.seg[2].first_sect = bad[i][0];
		r.rw.seg[2].last_sect = bad[i][1];
		refused(r, "sectors of a segment", bad[i][0] * 256ul + bad[i][1]);
	}
	alive();
}

/* A request that would use the reference for reading and for writing memory. */
static void refused_ref(uint32_t ref, bool read_ok, const char *what)
{
	union blk_slot r = request(BLKIF_OP_READ, 2, 0);

	r.rw.seg[1].gref = ref;
	refused(r, what, ref);
	r.rw.operation = BLKIF_OP_WRITE;
	if (read_ok)
		EXPECT(blk_do(&blk, &r), 0);
	else
		refused(r, what, ref);
}

static void grants(void)
{
	static const uint32_t wild[] = { 7, 511, 512, 32767, 32768, 0x7fffffff, ~0u };
	uint64_t *table = table_alloc();
	uint32_t ref;

	for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
		refused_ref(wild[i], false, "reference");
	ref = grant_page(page, true);
	refused_ref(ref, true, "read-only reference");
	CHECK(grant_end(ref), "in use after an error");
	ref = grant_mfn(LARGE_MFN & 0xffffffff, false);
	refused_ref(ref, false, "no such frame");
	grant_end(ref);
	ref = grant_mfn(root, false);
	refused_ref(ref, true, "the root");
	CHECK(grant_end(ref), "in use after an error");
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(table), 0), 0);
	ref = grant_page(table, false);
	refused_ref(ref, true, "a page table");
	CHECK(grant_end(ref), "in use after an error");
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(table), 0), 0);
	ref = grant_page(page, false);
	grant_table[ref].domid = 5;
	refused_ref(ref, false, "another domain's");
	grant_table[ref].domid = DOMID_BACK;
	grant_table[ref].flags = GTF_accept_transfer;
	refused_ref(ref, false, "a transfer");
	alive();
}

static void indirect(void)
{
	struct blkif_request_segment *segs = page_alloc();
	uint32_t ref = grant_page(segs, true);
	union blk_slot r = { .indirect = { .operation = BLKIF_OP_INDIRECT,
					   .indirect_op = BLKIF_OP_WRITE,
					   .nr_segments = 64,
					   .indirect_grefs = { ref } } };
	static const uint16_t wrong[] = { 0, 65, 255, 512, 513, 4096, 65535 };

	for (unsigned int i = 0; i < 512; i++)
		segs[i] = (struct blkif_request_segment){ good, 0, 7 };
	EXPECT(blk_do(&blk, &(union blk_slot){ .rw = request(BLKIF_OP_READ, 11, 0).rw }), 0);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		r.indirect.nr_segments = wrong[i];
		refused(r, "indirect segments", wrong[i]);
	}
	r.indirect.nr_segments = 64;
	for (unsigned int op = 0; op < 256; op++) {
		r.indirect.indirect_op = (uint8_t)op;
		if (op > BLKIF_OP_WRITE)
			refused(r, "indirect operation", op);
	}
	r.indirect.indirect_op = BLKIF_OP_READ;
	segs[63].gref = 500;
	refused(r, "the last segment's reference", 500);
	segs[63] = (struct blkif_request_segment){ good, 5, 4 };
	refused(r, "the last segment's sectors", 5);
	r.indirect.indirect_grefs[0] = 501;
	refused(r, "reference of the segments", 501);
	CHECK(grant_end(ref), "in use after an error");
	alive();
}

/* --- the ring itself */

static void reopen(void)
{
	struct evtchn_close c = { .port = blk.port };

	store_write_number(blk_node(&blk, false, "state"), XenbusStateClosed);
	CHECK(blk_wait_state(&blk, XenbusStateClosed), "not closed");
	evtchn(EVTCHNOP_close, &c);
	for (unsigned int i = 0; i < blk.pages; i++)
		CHECK(grant_end(blk.ref[i]), "page %u of the ring is still in use", i);
	store_write_number(blk_node(&blk, false, "state"), XenbusStateInitialising);
	blk_open(&blk, 0);
	alive();
}

static void indices(void)
{
	static const uint32_t jump[] = { 33, 64, 1000, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(jump) / sizeof(jump[0]); i++) {
		blk.req_prod = blk.rsp_cons + jump[i];
		blk_kick(&blk);
		CHECK(blk_wait_state(&blk, XenbusStateClosed), "index +%x is taken", jump[i]);
		reopen();
	}
	/* What the back end writes, it does not read. */
	blk.head->rsp_prod = 0x12345678;
	alive();
	reopen();
}

/* The pages of the ring stay what they are, whatever we do with their grants. */
static void ring_pages(void)
{
	grant_table[blk.ref[0]].flags = 0;
	alive();
	make_ro(blk.ring[0]);
	REFUSED(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(blk.ring[0]), 0));
	make_rw(blk.ring[0]);
	grant_table[blk.ref[0]].flags = GTF_permit_access;
	alive();
	reopen();
}

static void offers(void)
{
	static const struct {
		const char *node, *value;
	} bad[] = { { "ring-ref", "" },
		    { "ring-ref", "511" },
		    { "ring-ref", "4294967295" },
		    { "ring-ref", "99999999999999999999" },
		    { "ring-ref", "abc" },
		    { "event-channel", "0" },
		    { "event-channel", "4095" },
		    { "event-channel", "-1" },
		    { "event-channel", "1" },
		    { "ring-page-order", "3" },
		    { "ring-page-order", "40" },
		    { "protocol", "x86_32-abi" },
		    { "protocol", "x86_64-abi-too-long-to-be-one" } };

	store_write_number(blk_node(&blk, false, "state"), XenbusStateClosed);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t order;

		CHECK(blk_wait_state(&blk, XenbusStateClosed), "%s: not closed", bad[i].node);
		store_write_number(blk_node(&blk, false, "state"), XenbusStateInitialising);
		CHECK(blk_wait_state(&blk, XenbusStateInitWait), "does not wait");
		blk_offer(&blk, 0);
		/* Too late, or in time: it must be one or the other. */
		store_write(blk_node(&blk, false, bad[i].node), bad[i].value);
		store_read(blk_node(&blk, true, "state"), &order);
		store_write_number(blk_node(&blk, false, "state"), XenbusStateClosed);
		CHECK(blk_wait_state(&blk, XenbusStateClosed), "%s: not closed", bad[i].node);
		store_write_number(blk_node(&blk, false, "state"), XenbusStateInitialising);
		CHECK(blk_wait_state(&blk, XenbusStateInitWait), "does not wait");
		store_write_number(blk_node(&blk, false, "state"), XenbusStateInitialised);
		CHECK(blk_wait_state(&blk, XenbusStateClosed), "%s %s is taken", bad[i].node,
		      bad[i].value);
	}
	for (unsigned int s = 0; s < 300; s++)
		store_write_number(blk_node(&blk, false, "state"), rnd() % 9);
	EXPECT(STORE_ASK(XS_RM, "device/vbd"), XS_RM);
	reopen();
}

/* Another VCPU changes the request while this one offers it. */
static volatile uint32_t racing;
static union blk_slot *victim;

static void racer(void)
{
	while (racing) {
		static const uint8_t values[] = { 0, 7, 255, 1, 12, 3, 128 };
		volatile uint8_t *p = victim->bytes;

		p[rnd() % 112] = values[rnd() % 7];
		p[1] = values[rnd() % 7];
	}
	racing = 2;
	for (;;)
		sleep_ns(1000000000ul);
}

static void changed_while_read(void)
{
	struct blkif_response rsp;

	racing = 1;
	victim = (union blk_slot *)((char *)blk.ring[0] + 64);
	if (vcpu_boot(1, racer)) {
		print("note: one VCPU only");
		return;
	}
	for (unsigned int i = 0; i < 3000; i++) {
		union blk_slot r = request(BLKIF_OP_READ, 11, i % 64);

		blk_put(&blk, &r);
		blk_kick(&blk);
		CHECK(blk_get(&blk, &rsp), "no answer to request %u", i);
	}
	racing = 0;
	CHECK(wait_for(&racing, 2, 3000), "the other VCPU does not end");
	reopen();
}

void test(void)
{
	union blk_slot r;

	if (!xeno)
		skip("no block devices without a back end");
	store_open();
	grants_init();
	guard = page_alloc();
	page = page_alloc();
	memset(guard, 0xa5, PAGE_SIZE);
	CHECK(blk_find(&blk, BLK_FIRST), "no device");
	blk_open(&blk, 0);
	good = grant_page(page, false);
	r = request(BLKIF_OP_WRITE, 1, 0);
	EXPECT(blk_do(&blk, &r), 0);
	operations();
	sectors();
	grants();
	indirect();
	indices();
	ring_pages();
	offers();
	changed_while_read();
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		CHECK(guard[i] == 0xa5, "a page that was never granted has changed");
	blk_close(&blk);
	CHECK(grant_end(good), "the page is still in use");
}

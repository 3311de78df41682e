/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vblk/request.c hypervisor/vblk/extent.c */
/*
 * Requests of guests and extents of drives: tables of what is right and wrong; and random ones
 * against a reference that looks at one sector after the other.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/lib.h>
#include <hyp/vblk.h>
#include "test.h"

#define OKAY BLKIF_RSP_OKAY
#define ERROR BLKIF_RSP_ERROR
#define NOTSUPP BLKIF_RSP_EOPNOTSUPP

static uint64_t seed = 1181783497276652981u;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

static bool chance(unsigned int one_in)
{
	return !rnd(one_in);
}

/* --- what a slot of the ring says */

static const struct vblk_shape plain = { .sectors = 1000, .block = 1, .can_discard = true };
static const struct vblk_shape locked = { .sectors = 1000,
					  .block = 1,
					  .read_only = true,
					  .can_discard = true };

static int16_t parse_rw(const struct vblk_shape *s, unsigned int op, unsigned int nr,
			struct vblk_io *io)
{
	union vblk_raw raw;

	memset(&raw, 0xee, sizeof(raw));
	raw.rw.operation = (uint8_t)op;
	raw.rw.nr_segments = (uint8_t)nr;
	raw.rw.id = 0x1122334455667788;
	raw.rw.sector_number = 77;
	return vblk_parse(&raw, s, io);
}

static void direct(void)
{
	static const struct {
		unsigned int op, nr;
		int16_t plain, locked;
		enum vblk_kind kind;
	} cases[] = {
		{ BLKIF_OP_READ, 1, OKAY, OKAY, VBLK_READ },
		{ BLKIF_OP_READ, 11, OKAY, OKAY, VBLK_READ },
		{ BLKIF_OP_READ, 12, ERROR, ERROR, VBLK_READ },
		{ BLKIF_OP_READ, 255, ERROR, ERROR, VBLK_READ },
		{ BLKIF_OP_READ, 0, ERROR, ERROR, VBLK_READ },
		{ BLKIF_OP_WRITE, 1, OKAY, ERROR, VBLK_WRITE },
		{ BLKIF_OP_WRITE, 11, OKAY, ERROR, VBLK_WRITE },
		{ BLKIF_OP_WRITE, 12, ERROR, ERROR, VBLK_WRITE },
		{ BLKIF_OP_WRITE, 0, ERROR, ERROR, VBLK_WRITE },
		{ BLKIF_OP_WRITE_BARRIER, 3, OKAY, ERROR, VBLK_BARRIER },
		{ BLKIF_OP_WRITE_BARRIER, 0, OKAY, OKAY, VBLK_BARRIER },
		{ BLKIF_OP_WRITE_BARRIER, 12, ERROR, ERROR, VBLK_BARRIER },
		{ BLKIF_OP_FLUSH_DISKCACHE, 0, OKAY, OKAY, VBLK_FLUSH },
		{ BLKIF_OP_FLUSH_DISKCACHE, 1, OKAY, ERROR, VBLK_FLUSH },
		{ BLKIF_OP_FLUSH_DISKCACHE, 12, ERROR, ERROR, VBLK_FLUSH },
		{ 4, 1, NOTSUPP, NOTSUPP, 0 },
		{ 7, 1, NOTSUPP, NOTSUPP, 0 },
		{ 255, 1, NOTSUPP, NOTSUPP, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vblk_io io;

		memset(&io, 0xaa, sizeof(io));
		CHECK(parse_rw(&locked, cases[i].op, cases[i].nr, &io) == cases[i].locked);
		memset(&io, 0xaa, sizeof(io));
		CHECK(parse_rw(&plain, cases[i].op, cases[i].nr, &io) == cases[i].plain);
		CHECK(io.id == 0x1122334455667788 && io.op == cases[i].op);
		if (cases[i].plain == OKAY)
			CHECK(io.kind == cases[i].kind && io.nr_segs == cases[i].nr &&
			      io.sector == 77 && !io.sectors && !io.indirect);
	}
}

static void indirect(void)
{
	static const struct {
		unsigned int op, nr;
		int16_t plain, locked;
	} cases[] = {
		{ BLKIF_OP_READ, 1, OKAY, OKAY },
		{ BLKIF_OP_READ, DISK_MAX_SEGS, OKAY, OKAY },
		{ BLKIF_OP_READ, DISK_MAX_SEGS + 1, ERROR, ERROR },
		{ BLKIF_OP_READ, 65535, ERROR, ERROR },
		{ BLKIF_OP_READ, 0, ERROR, ERROR },
		{ BLKIF_OP_WRITE, 12, OKAY, ERROR },
		{ BLKIF_OP_WRITE_BARRIER, 1, NOTSUPP, NOTSUPP },
		{ BLKIF_OP_FLUSH_DISKCACHE, 0, NOTSUPP, NOTSUPP },
		{ BLKIF_OP_DISCARD, 0, NOTSUPP, NOTSUPP },
		{ BLKIF_OP_INDIRECT, 1, NOTSUPP, NOTSUPP },
		{ 99, 1, NOTSUPP, NOTSUPP },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		union vblk_raw raw;
		struct vblk_io io;

		memset(&raw, 0xee, sizeof(raw));
		raw.indirect.operation = BLKIF_OP_INDIRECT;
		raw.indirect.indirect_op = (uint8_t)cases[i].op;
		raw.indirect.nr_segments = (uint16_t)cases[i].nr;
		raw.indirect.id = 5;
		raw.indirect.sector_number = 6;
		raw.indirect.indirect_grefs[0] = 7;
		CHECK(vblk_parse(&raw, &locked, &io) == cases[i].locked);
		CHECK(vblk_parse(&raw, &plain, &io) == cases[i].plain);
		CHECK(io.id == 5 && io.op == cases[i].op && io.indirect);
		if (cases[i].plain == OKAY)
			CHECK(io.nr_segs == cases[i].nr && io.sector == 6 && io.indirect_gref == 7);
	}
}

static void discards(void)
{
	static const struct {
		uint64_t sector, n;
		uint32_t block;
		uint8_t flag;
		int16_t status;
	} cases[] = {
		{ 0, 1, 1, 0, OKAY },
		{ 0, 1000, 1, 0, OKAY },
		{ 999, 1, 1, 0, OKAY },
		{ 0, 1001, 1, 0, ERROR },
		{ 1000, 1, 1, 0, ERROR },
		{ 1, ~0ull, 1, 0, ERROR },
		{ ~0ull, 1, 1, 0, ERROR },
		{ ~0ull, 2, 1, 0, ERROR },
		{ 0, 0, 1, 0, ERROR },
		{ 1000, 0, 1, 0, ERROR },
		{ 8, 992, 8, 0, OKAY },
		{ 4, 8, 8, 0, ERROR },
		{ 8, 4, 8, 0, ERROR },
		{ 4, 4, 4, 0, OKAY },
		{ 0, 1ull << 32, 1, 0, ERROR },
		/* Those who ask that nobody can read it again are not told that it is so. */
		{ 0, 8, 1, BLKIF_DISCARD_SECURE, NOTSUPP },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vblk_shape s = plain;
		union vblk_raw raw;
		struct vblk_io io;

		s.block = cases[i].block;
		memset(&raw, 0xee, sizeof(raw));
		raw.discard.operation = BLKIF_OP_DISCARD;
		raw.discard.flag = cases[i].flag;
		raw.discard.id = 9;
		raw.discard.sector_number = cases[i].sector;
		raw.discard.nr_sectors = cases[i].n;
		CHECK(vblk_parse(&raw, &s, &io) == cases[i].status);
		CHECK(io.id == 9 && io.op == BLKIF_OP_DISCARD);
		if (cases[i].status == OKAY)
			CHECK(io.kind == VBLK_DISCARD && !io.nr_segs && !io.indirect &&
			      io.sector == cases[i].sector && io.sectors == cases[i].n);
		s.can_discard = false;
		CHECK(vblk_parse(&raw, &s, &io) == NOTSUPP);
		s.can_discard = s.read_only = true;
		CHECK(vblk_parse(&raw, &s, &io) != OKAY);
	}
}

static void segments(void)
{
	static const struct {
		uint8_t first, last;
		uint32_t block;
		int16_t status;
	} cases[] = {
		{ 0, 7, 1, OKAY },    { 0, 0, 1, OKAY },      { 7, 7, 1, OKAY },
		{ 3, 4, 1, OKAY },    { 4, 3, 1, ERROR },     { 0, 8, 1, ERROR },
		{ 8, 8, 1, ERROR },   { 255, 255, 1, ERROR }, { 1, 0, 1, ERROR },
		{ 255, 0, 1, ERROR }, { 0, 255, 1, ERROR },   { 0, 7, 8, OKAY },
		{ 0, 3, 8, ERROR },   { 4, 7, 4, OKAY },      { 0, 3, 4, OKAY },
		{ 1, 4, 4, OKAY }, /* the place in memory is of sectors */
		{ 2, 5, 4, OKAY },    { 0, 6, 4, ERROR },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blkif_request_segment s[2] = {
			{ .gref = ~0u, .first_sect = 0, .last_sect = 7 },
			{ .gref = 0, .first_sect = cases[i].first, .last_sect = cases[i].last }
		};
		struct vblk_io io = { .kind = VBLK_READ, .nr_segs = 2, .sectors = 99 };
		struct vblk_shape shape = plain;

		shape.block = cases[i].block;
		CHECK(vblk_check_segs(&io, &shape, s) == cases[i].status);
		if (cases[i].status == OKAY)
			CHECK(io.sectors == 9u + cases[i].last - cases[i].first);
	}
}

/* Halves of a block are not a block. */
static void halves(void)
{
	struct blkif_request_segment s[2] = { { .last_sect = 3 },
					      { .first_sect = 4, .last_sect = 7 } };
	struct vblk_io io = { .kind = VBLK_READ, .nr_segs = 2 };
	struct vblk_shape shape = plain;

	shape.block = 8;
	CHECK(vblk_check_segs(&io, &shape, s) == ERROR);
}

static void where_segments_go(void)
{
	static const struct {
		uint64_t sector;
		uint32_t block;
		int16_t status;
	} cases[] = {
		{ 0, 8, OKAY },		 { 992, 8, OKAY },    { 993, 1, ERROR },
		{ 992, 1, OKAY },	 { 1000, 1, ERROR },  { 4, 8, ERROR },
		{ 4, 4, OKAY },		 { ~0ull, 1, ERROR }, { ~0ull - 6, 1, ERROR },
		{ ~0ull - 7, 8, ERROR },
	};
	struct blkif_request_segment s = { .last_sect = 7 };

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vblk_io io = { .nr_segs = 1, .sector = cases[i].sector };
		struct vblk_shape shape = plain;

		shape.block = cases[i].block;
		CHECK(vblk_check_segs(&io, &shape, &s) == cases[i].status);
	}
}

/* Random slots: what is let through is right by another reckoning. */
static void random_slots(void)
{
	static const uint32_t blocks[] = { 1, 4, 8 };
	unsigned int good = 0;

	for (unsigned int n = 0; n < 1000000; n++) {
		struct vblk_shape s = { .block = blocks[rnd(3)],
					.read_only = chance(4),
					.can_discard = chance(2) };
		union vblk_raw raw;
		struct vblk_io io;
		unsigned int op;
		int16_t status;

		s.sectors = s.block * rnd(200);
		for (unsigned int i = 0; i < sizeof(raw); i++)
			((uint8_t *)&raw)[i] = (uint8_t)rnd(256);
		raw.operation = (uint8_t)rnd(9);
		if (chance(2))
			raw.rw.nr_segments = (uint8_t)rnd(14);
		if (chance(2))
			raw.indirect.nr_segments = (uint16_t)rnd(80);
		if (chance(2))
			raw.discard.sector_number = rnd(220);
		if (chance(2))
			raw.discard.nr_sectors = rnd(220);
		status = vblk_parse(&raw, &s, &io);
		op = raw.operation == BLKIF_OP_INDIRECT ? raw.indirect.indirect_op : raw.operation;
		CHECK(io.id == raw.rw.id && io.op == op);
		if (status != OKAY)
			continue;
		good++;
		CHECK(op <= BLKIF_OP_FLUSH_DISKCACHE || op == BLKIF_OP_DISCARD);
		CHECK(io.nr_segs <= (io.indirect ? DISK_MAX_SEGS : 11));
		CHECK(!s.read_only || op == BLKIF_OP_READ ||
		      (op != BLKIF_OP_DISCARD && !io.nr_segs));
		CHECK(io.sector == raw.rw.sector_number);
		if (op == BLKIF_OP_DISCARD)
			CHECK(s.can_discard && io.sectors && io.sector < s.sectors &&
			      io.sectors <= s.sectors && io.sector + io.sectors <= s.sectors &&
			      !(io.sector % s.block) && !(io.sectors % s.block));
	}
	CHECK(good > 10000);
}

/* --- cutting, against one sector after the other */

#define MAX_X 6
#define MAX_CLIENTS 3
#define MAX_SECTORS (DISK_MAX_SEGS * 8)

struct setup {
	struct vblk_extent x[MAX_X];
	unsigned int n;
	uint64_t total;
	struct vblk_limits limits[MAX_CLIENTS];
	uint32_t block;
	struct disk_seg segs[DISK_MAX_SEGS], orig[DISK_MAX_SEGS];
	unsigned int nr_segs;
	uint64_t sector, sectors;
};

static void random_extents(struct setup *t)
{
	static const uint32_t blocks[] = { 1, 4, 8 };

	t->block = blocks[rnd(3)];
	t->n = 1 + (unsigned int)rnd(MAX_X);
	for (unsigned int i = 0; i < t->n; i++) {
		uint32_t c = (uint32_t)rnd(MAX_CLIENTS);

		/* Those of a drive lie apart, in any order; some far up. */
		t->x[i] = (struct vblk_extent){
			.drive = 10 + c,
			.client = c,
			.first = (rnd(MAX_X) * MAX_X + i) * 10000 * t->block +
				 (chance(4) ? 1ull << 55 : 0),
			.sectors = t->block * (1 + rnd(chance(2) ? 5 : 200)),
		};
	}
	for (unsigned int c = 0; c < MAX_CLIENTS; c++) {
		t->limits[c].max_sectors = t->block * (1 + (uint32_t)rnd(chance(2) ? 4 : 100)) +
					   (uint32_t)rnd(t->block);
		t->limits[c].max_segs = (uint16_t)(1 + rnd(chance(2) ? 3 : DISK_MAX_SEGS));
	}
}

/* A request within the device. */
static bool random_request(struct setup *t)
{
	uint64_t blocks = t->total / t->block, left;

	t->sector = rnd(blocks) * t->block;
	left = t->total - t->sector;
	t->sectors = 0;
	for (t->nr_segs = 0; t->nr_segs < 1 + rnd(DISK_MAX_SEGS); t->nr_segs++) {
		struct disk_seg *s = &t->segs[t->nr_segs];
		uint32_t first = (uint32_t)rnd(8 - t->block + 1);
		uint32_t len = 1 + (uint32_t)rnd((8 - first) / t->block);

		if (t->sectors + len * t->block > left)
			break;
		s->addr = MADDR(rnd(1000) * PAGE_SIZE + first * SECTOR_SIZE);
		s->len = len * t->block * SECTOR_SIZE;
		t->sectors += len * t->block;
	}
	memcpy(t->orig, t->segs, sizeof(t->segs));
	return t->nr_segs != 0;
}

/* Where the k-th sector of the request is on the drives, and in memory. */
static void where(const struct setup *t, uint64_t k, uint32_t *client, uint64_t *sector,
		  uint64_t *addr)
{
	uint64_t s = t->sector + k;
	unsigned int i = 0;

	while (s >= t->x[i].sectors)
		s -= t->x[i++].sectors;
	*client = t->x[i].client;
	*sector = t->x[i].first + s;
	if (!t->nr_segs)
		return;
	for (i = 0; k >= t->orig[i].len / SECTOR_SIZE; i++)
		k -= t->orig[i].len / SECTOR_SIZE;
	*addr = t->orig[i].addr.a + k * SECTOR_SIZE;
}

/* One piece: each of its sectors goes where it should, and the drive can do it. */
static void check_piece(const struct setup *t, const struct vblk_piece *p, uint64_t *k)
{
	uint64_t sectors = 0, sector, addr;
	uint32_t client;

	CHECK(p->client < MAX_CLIENTS && p->sectors && p->sectors % t->block == 0);
	CHECK(p->sectors <= max(t->limits[p->client].max_sectors, t->block));
	CHECK(p->sector % t->block == 0);
	CHECK(p->nr_segs <= t->limits[p->client].max_segs && p->seg + p->nr_segs <= t->nr_segs);
	CHECK(!p->nr_segs == !t->nr_segs);
	for (unsigned int i = 0; i < p->nr_segs && !test_why; i++) {
		const struct disk_seg *s = &t->segs[p->seg + i];

		CHECK(s->len && s->len % (t->block * SECTOR_SIZE) == 0);
		CHECK(s->addr.a / PAGE_SIZE == (s->addr.a + s->len - 1) / PAGE_SIZE);
		for (uint32_t o = 0; o < s->len; o += SECTOR_SIZE, sectors++) {
			where(t, *k + sectors, &client, &sector, &addr);
			CHECK(s->addr.a + o == addr);
		}
	}
	CHECK(!t->nr_segs || sectors == p->sectors);
	for (sectors = 0; sectors < p->sectors && *k + sectors < t->sectors; sectors++) {
		where(t, *k + sectors, &client, &sector, &addr);
		CHECK(client == p->client && sector == p->sector + sectors);
	}
	*k += p->sectors;
}

static void cut(struct setup *t)
{
	struct vblk_cursor c = { .sector = t->sector, .left = t->sectors };
	struct vblk_piece p;
	uint64_t k = 0;

	while (!test_why && k <= t->sectors &&
	       vblk_next_piece(&c, t->x, t->n, t->limits, t->block, t->segs, t->nr_segs, &p))
		check_piece(t, &p, &k);
	CHECK(k == t->sectors && !c.left);
	CHECK(!vblk_next_piece(&c, t->x, t->n, t->limits, t->block, t->segs, t->nr_segs, &p));
}

static void pieces(void)
{
	static struct setup t;
	unsigned int done = 0;

	for (unsigned int n = 0; n < 100000 && !test_why; n++) {
		random_extents(&t);
		if (vblk_extents_place(t.x, t.n, &t.total))
			continue;
		if (random_request(&t)) {
			cut(&t);
			done++;
		}
		/* A discard: no segments. */
		t.nr_segs = 0;
		t.sectors = (1 + rnd((t.total - t.sector) / t.block)) * t.block;
		cut(&t);
	}
	CHECK(done > 50000);
}

/* A discard of more sectors than 32 bits count. */
static void big_pieces(void)
{
	struct vblk_extent x = { .first = 8, .sectors = 1ull << 40 };
	struct vblk_limits limits = { .max_sectors = ~0u, .max_segs = 1 };
	struct vblk_cursor c = { .left = 1ull << 40 };
	uint64_t sum = 0, total;
	struct vblk_piece p;

	CHECK(!vblk_extents_place(&x, 1, &total) && total == 1ull << 40);
	while (vblk_next_piece(&c, &x, 1, &limits, 8, NULL, 0, &p)) {
		CHECK(p.sectors % 8 == 0 && p.sector == 8 + sum);
		sum += p.sectors;
	}
	CHECK(sum == 1ull << 40);
	limits.max_sectors = limits.max_segs =
		0; /* a driver's mistake: one block after the other */
	c = (struct vblk_cursor){ .left = 16 };
	for (sum = 0; vblk_next_piece(&c, &x, 1, &limits, 8, NULL, 0, &p); sum++)
		CHECK(p.sectors == 8);
	CHECK(sum == 2);
	/* Beyond the end: nothing. */
	c = (struct vblk_cursor){ .sector = 1ull << 40, .left = 8 };
	CHECK(!vblk_next_piece(&c, &x, 1, &limits, 8, NULL, 0, &p));
}

/* --- extents */

static void extents(void)
{
	static const struct {
		uint64_t first, sectors;
		uint32_t block;
		int err;
	} cases[] = {
		{ 0, 1000, 1, 0 },	  { 0, 1001, 1, -ERANGE },	{ 999, 1, 1, 0 },
		{ 1000, 1, 1, -ERANGE },  { 0, 0, 1, -EINVAL },		{ ~0ull, 1, 1, -ERANGE },
		{ 1, ~0ull, 1, -ERANGE }, { ~0ull, ~0ull, 1, -ERANGE }, { 8, 8, 8, 0 },
		{ 4, 8, 8, -EINVAL },	  { 8, 4, 8, -EINVAL },		{ 4, 4, 4, 0 },
		{ ~7ull, 8, 8, -ERANGE },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vblk_extent x = { .first = cases[i].first, .sectors = cases[i].sectors };

		CHECK(vblk_extent_check(&x, 1000, cases[i].block) == cases[i].err);
	}
}

static void placing(void)
{
	static struct vblk_extent x[XENO_VBLK_MAX_EXTENTS + 1];
	uint64_t total;

	CHECK(vblk_extents_place(x, 0, &total) == -EINVAL);
	for (unsigned int i = 0; i < XENO_VBLK_MAX_EXTENTS + 1; i++)
		x[i] = (struct vblk_extent){ .first = 10 * (1000 - i), .sectors = 10 };
	CHECK(!vblk_extents_place(x, XENO_VBLK_MAX_EXTENTS, &total));
	CHECK(total == 10 * XENO_VBLK_MAX_EXTENTS && !x[0].start && x[255].start == 2550);
	CHECK(vblk_extents_place(x, XENO_VBLK_MAX_EXTENTS + 1, &total) == -EINVAL);
	x[7].sectors = 11;
	CHECK(vblk_extents_place(x, 10, &total) == -EINVAL);
	x[7].drive = 1;
	CHECK(!vblk_extents_place(x, 10, &total) && total == 101 && x[8].start == 81);
	x[9] = (struct vblk_extent){ .drive = 2, .sectors = ~0ull };
	CHECK(vblk_extents_place(x, 10, &total) == -EINVAL);
}

static void conflicts(void)
{
	static const struct vblk_extent low = { .drive = 1, .first = 0, .sectors = 10 },
					middle = { .drive = 1, .first = 9, .sectors = 2 },
					next = { .drive = 1, .first = 10, .sectors = 10 },
					other = { .drive = 2, .first = 0, .sectors = 10 };
	static const struct {
		const struct vblk_extent *a, *b;
		bool overlap;
	} places[] = { { &low, &low, true },   { &low, &middle, true }, { &middle, &next, true },
		       { &low, &next, false }, { &next, &low, false },	{ &low, &other, false } };

	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++)
		for (unsigned int bits = 0; bits < 64; bits++) {
			struct vblk_extent ax[2] = { other, *places[i].a };
			struct vblk_use a = { .x = &ax[1],
					      .n = 1,
					      .writes = bits & 1,
					      .shared = bits & 2,
					      .boot = bits & 4 };
			struct vblk_use b = { .x = places[i].b,
					      .n = 1,
					      .writes = bits & 8,
					      .shared = bits & 16,
					      .boot = bits & 32 };
			bool expect = places[i].overlap && (a.writes || b.writes) && !a.shared &&
				      !a.boot && !b.boot;

			CHECK(vblk_conflict(&a, &b) == expect);
			/* The same among several. */
			ax[0].first = 500;
			a.x = ax;
			a.n = 2;
			CHECK(vblk_conflict(&a, &b) == expect);
			a.n = 0;
			CHECK(!vblk_conflict(&a, &b));
		}
}

int main(void)
{
	static const struct test t[] = {
		TEST(direct),	  TEST(indirect),	   TEST(discards),     TEST(segments),
		TEST(halves),	  TEST(where_segments_go), TEST(random_slots), TEST(pieces),
		TEST(big_pieces), TEST(extents),	   TEST(placing),      TEST(conflicts),
	};

	return TEST_RUN(t);
}

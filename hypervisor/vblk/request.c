/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests of guests: what a copy of a ring's slot asks for, whether it may, and how it is
 * cut into what the drives can do. Pure; every field may have any value.
 *
 * A flush or barrier may carry data, and is a write then too. Indirect requests read and
 * write only. Each segment is a multiple of the device's block, so that every cut at
 * a segment, an extent or a drive's limit is one as well.
 */
#include <hyp/lib.h>
#include <hyp/vblk.h>

static const struct {
	bool known, empty_ok, indirect_ok;
	enum vblk_kind kind;
} ops[] = {
	[BLKIF_OP_READ] = { true, false, true, VBLK_READ },
	[BLKIF_OP_WRITE] = { true, false, true, VBLK_WRITE },
	[BLKIF_OP_WRITE_BARRIER] = { true, true, false, VBLK_BARRIER },
	[BLKIF_OP_FLUSH_DISKCACHE] = { true, true, false, VBLK_FLUSH },
	[BLKIF_OP_DISCARD] = { true, false, false, VBLK_DISCARD },
};

static bool range_ok(const struct vblk_io *io, const struct vblk_shape *shape)
{
	return io->sectors && io->sector % shape->block == 0 && io->sectors % shape->block == 0 &&
	       io->sector <= shape->sectors && io->sectors <= shape->sectors - io->sector;
}

static int16_t parse_discard(const struct blkif_request_discard *d, const struct vblk_shape *shape,
			     struct vblk_io *io)
{
	/* Secure: that nobody can read it again, which no drive of ours promises. */
	if (!shape->can_discard || d->flag & BLKIF_DISCARD_SECURE)
		return BLKIF_RSP_EOPNOTSUPP;
	io->sectors = d->nr_sectors;
	return range_ok(io, shape) && !shape->read_only ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

int16_t vblk_parse(const union vblk_raw *raw, const struct vblk_shape *shape, struct vblk_io *io)
{
	unsigned int max = BLKIF_MAX_SEGMENTS_PER_REQUEST, op = raw->operation;

	*io = (struct vblk_io){ .id = raw->rw.id,
				.op = raw->operation,
				.sector = raw->rw.sector_number,
				.nr_segs = raw->rw.nr_segments };
	if (op == BLKIF_OP_INDIRECT) {
		max = DISK_MAX_SEGS;
		op = io->op = raw->indirect.indirect_op;
		io->indirect = true;
		io->nr_segs = raw->indirect.nr_segments;
		io->indirect_gref = raw->indirect.indirect_grefs[0];
	}
	if (op >= ARRAY_SIZE(ops) || !ops[op].known || (io->indirect && !ops[op].indirect_ok))
		return BLKIF_RSP_EOPNOTSUPP;
	io->kind = ops[op].kind;
	if (io->kind == VBLK_DISCARD) {
		io->nr_segs = 0;
		return parse_discard(&raw->discard, shape, io);
	}
	if (io->nr_segs > max || (!io->nr_segs && !ops[op].empty_ok))
		return BLKIF_RSP_ERROR;
	if (io->nr_segs && io->kind != VBLK_READ && shape->read_only)
		return BLKIF_RSP_ERROR;
	return BLKIF_RSP_OKAY;
}

int16_t vblk_check_segs(struct vblk_io *io, const struct vblk_shape *shape,
			const struct blkif_request_segment *segs)
{
	io->sectors = 0;
	if (!io->nr_segs)
		return BLKIF_RSP_OKAY;
	for (unsigned int i = 0; i < io->nr_segs; i++) {
		unsigned int n = segs[i].last_sect - segs[i].first_sect + 1u;

		if (segs[i].first_sect > segs[i].last_sect || segs[i].last_sect > 7 ||
		    n % shape->block)
			return BLKIF_RSP_ERROR;
		io->sectors += n;
	}
	return range_ok(io, shape) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

/* --- cutting */

/* The extent of a sector. They follow one another: vblk_extents_place(). */
static const struct vblk_extent *find(const struct vblk_extent *x, unsigned int n, uint64_t sector)
{
	while (n > 1) {
		unsigned int half = n / 2;

		if (sector < x[half].start) {
			n = half;
		} else {
			x += half;
			n -= half;
		}
	}
	return n && sector >= x->start && sector - x->start < x->sectors ? x : NULL;
}

/* Fills the piece with segments, at most max of them; sets its sectors to what they hold. */
static void take_segs(struct vblk_cursor *c, struct disk_seg *segs, unsigned int nr_segs,
		      unsigned int max, struct vblk_piece *p)
{
	uint32_t want = p->sectors;

	p->seg = c->seg;
	p->nr_segs = 0;
	if (c->rest.len)
		segs[c->seg] = c->rest;
	c->rest.len = 0;
	while (want && p->nr_segs < max && c->seg < nr_segs) {
		struct disk_seg *s = &segs[c->seg];
		uint32_t have = s->len >> SECTOR_SHIFT;

		p->nr_segs++;
		if (have > want) {
			c->rest.addr = MADDR(s->addr.a + ((uint64_t)want << SECTOR_SHIFT));
			c->rest.len = s->len - (want << SECTOR_SHIFT);
			s->len = want << SECTOR_SHIFT;
			want = 0;
			return;
		}
		want -= have;
		c->seg++;
	}
	p->sectors -= want;
}

bool vblk_next_piece(struct vblk_cursor *c, const struct vblk_extent *x, unsigned int n,
		     const struct vblk_limits *limits, uint32_t block, struct disk_seg *segs,
		     unsigned int nr_segs, struct vblk_piece *p)
{
	const struct vblk_extent *e = c->left ? find(x, n, c->sector) : NULL;
	uint64_t off, most;

	if (!e)
		return false;
	off = c->sector - e->start;
	most = max(limits[e->client].max_sectors / block * block, block);
	most = min(most, c->left);
	most = min(most, e->sectors - off);
	*p = (struct vblk_piece){ .client = e->client,
				  .sector = e->first + off,
				  .sectors = (uint32_t)most };
	if (nr_segs)
		take_segs(c, segs, nr_segs, max(limits[e->client].max_segs, (uint16_t)1), p);
	c->sector += p->sectors;
	c->left -= p->sectors;
	return p->sectors != 0;
}

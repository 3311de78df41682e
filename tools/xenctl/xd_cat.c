// SPDX-License-Identifier: GPL-2.0-only
/*
 * XenoDisk's catalogue on a device (xd_format.h, xd.h). What is read is a stranger's: each copy
 * is read once into memory, its checksums and every field are checked, and only then becomes a
 * struct xd. A copy with right checksums and wrong contents counts as damaged, like any other.
 *
 * Not handled: a device that grew keeps the chunks it had.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xd.h"

#define BLOCK_SECTORS (XD_BLOCK / XD_SECTOR)
#define MAX_BODY (XD_COPY_BYTES - sizeof(struct xd_header))
#define MAX_TIME 253402300799ull /* the end of the year 9999 */

int xd_fail(char err[XD_ERR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, XD_ERR, fmt, ap);
	va_end(ap);
	return -1;
}

uint32_t xd_crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	static uint32_t table[256];
	uint32_t crc = ~0u;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
		table[i] = c;
	}
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

/* --- where things are */

static uint64_t copy_place(uint64_t sectors, unsigned int copy)
{
	return copy ? sectors - XD_COPY_BYTES / XD_SECTOR : XD_FIRST_COPY / XD_SECTOR;
}

static uint64_t room_for_chunks(uint64_t sectors)
{
	return copy_place(sectors, 1) - XD_FIRST_CHUNK / XD_SECTOR;
}

static bool large_enough(uint64_t sectors)
{
	return sectors >= (XD_FIRST_CHUNK + XD_COPY_BYTES) / XD_SECTOR;
}

static size_t marks_len(uint32_t nr_chunks)
{
	return ((nr_chunks + 7ul) / 8 + 7) & ~7ul;
}

static size_t padded(uint32_t len)
{
	return (len + 7ul) & ~7ul;
}

static uint32_t header_crc(const struct xd_header *h)
{
	struct xd_header copy = *h;

	copy.header_crc = 0;
	return xd_crc32c(&copy, sizeof(copy));
}

/* --- checking a record */

static const char *text_wrong(const char *s, bool may_be_empty)
{
	size_t len = strnlen(s, XD_NAME_MAX);

	if (len == XD_NAME_MAX)
		return "does not end";
	for (size_t i = len; i < XD_NAME_MAX; i++)
		if (s[i])
			return "has something behind its end";
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return "is not plain text";
	return len || may_be_empty ? NULL : "is empty";
}

static const char *record_wrong(const struct xd *x, const struct xd_record *r)
{
	if (text_wrong(r->owner, true))
		return "the owner is not plain text";
	if (r->state < XD_LIVE || r->state > XD_ZEROING)
		return "there is no such state";
	if (r->flags & ~XD_KEYED)
		return "it has unknown flags";
	if (r->sectors % BLOCK_SECTORS || (r->state == XD_ZEROING) != !r->sectors ||
	    r->sectors > (uint64_t)x->nr_chunks * x->chunk_sectors)
		return "its size is impossible";
	if (r->created > MAX_TIME || r->used > MAX_TIME || r->deleted > MAX_TIME ||
	    r->expires > MAX_TIME)
		return "a date is impossible";
	if (r->nr_runs > XD_MAX_RUNS)
		return "it has too many runs";
	return r->config_len > XD_MAX_CONFIG ? "its configuration is too long" : NULL;
}

/* taken: for each chunk 1 + the number of its disk. */
static int take_runs(const struct xd *x, const struct xd_disk *d, uint32_t nr, uint16_t *taken,
		     char *err)
{
	uint64_t chunks = 0;

	for (uint32_t i = 0; i < d->r.nr_runs; chunks += d->runs[i++].count) {
		const struct xd_run_rec *run = &d->runs[i];

		if (!run->count || run->first >= x->nr_chunks ||
		    run->count > x->nr_chunks - run->first)
			return xd_fail(err,
				       "disk '%s': run %u (%u chunks at %u) leaves the %u chunks",
				       d->r.name, i, run->count, run->first, x->nr_chunks);
		for (uint32_t c = run->first; c < run->first + run->count; c++) {
			if (taken[c])
				return xd_fail(err, "disk '%s': run %u: chunk %u is of '%s', too",
					       d->r.name, i, c, x->disks[taken[c] - 1]->r.name);
			taken[c] = (uint16_t)(nr + 1);
			if (d->r.sectors &&
			    chunks + (c - run->first) < xd_chunks_for(x, d->r.sectors))
				x->dirty[c / 8] |= (uint8_t)(1u << c % 8);
		}
	}
	if (chunks < xd_chunks_for(x, d->r.sectors))
		return xd_fail(err, "disk '%s': its runs are shorter than its size", d->r.name);
	return 0;
}

static int check_unique(const struct xd *x, const struct xd_disk *d, char *err)
{
	for (uint32_t i = 0; i < x->nr_disks && x->disks[i] != d; i++) {
		const struct xd_record *o = &x->disks[i]->r;

		if (!memcmp(o->uuid, d->r.uuid, sizeof(o->uuid)))
			return xd_fail(err, "disks '%s' and '%s' have one uuid", o->name,
				       d->r.name);
		if (o->state != XD_DELETED && d->r.state != XD_DELETED &&
		    !strcmp(o->name, d->r.name))
			return xd_fail(err, "there are two disks '%s'", o->name);
	}
	return 0;
}

/* --- from the body to x */

struct cursor {
	const uint8_t *p;
	size_t left;
};

static const void *cut(struct cursor *c, size_t len)
{
	const void *p = c->p;

	if (len > c->left)
		return NULL;
	c->p += len;
	c->left -= len;
	return p;
}

/* The disk is in x->disks before it is right, so that xd_close() finds it. */
static int read_disk(struct xd *x, struct cursor *c, uint16_t *taken, char *err)
{
	const struct xd_record *r = cut(c, sizeof(*r));
	uint32_t nr = x->nr_disks;
	const void *runs, *config;
	struct xd_disk *d;
	const char *why;

	if (!r)
		return xd_fail(err, "disk %u: the body ends before it", nr);
	why = text_wrong(r->name, false);
	if (why || !xd_name_ok(r->name))
		return xd_fail(err, "disk %u: its name %s", nr, why ? why : "is not a disk's");
	why = record_wrong(x, r);
	if (why)
		return xd_fail(err, "disk '%s': %s", r->name, why);
	runs = cut(c, r->nr_runs * sizeof(struct xd_run_rec));
	config = runs ? cut(c, padded(r->config_len)) : NULL;
	if (!config)
		return xd_fail(err, "disk '%s': the body ends within it", r->name);
	if (memchr(config, 0, r->config_len))
		return xd_fail(err, "disk '%s': its configuration is not text", r->name);
	d = calloc(1, sizeof(*d));
	if (!d)
		return xd_fail(err, "out of memory");
	d->r = *r;
	memcpy(d->runs, runs, r->nr_runs * sizeof(struct xd_run_rec));
	x->disks[x->nr_disks++] = d;
	d->config = r->config_len ? strndup(config, r->config_len) : NULL;
	if (r->config_len && !d->config)
		return xd_fail(err, "out of memory");
	return take_runs(x, d, nr, taken, err) || check_unique(x, d, err) ? -1 : 0;
}

static int read_body(struct xd *x, const struct xd_header *h, const void *body, char *err)
{
	struct cursor c = { body, h->body_len };
	const void *marks = cut(&c, marks_len(x->nr_chunks));
	uint16_t *taken = calloc(x->nr_chunks, sizeof(*taken));
	int ret = 0;

	x->dirty = calloc(1, marks_len(x->nr_chunks));
	x->disks = calloc(h->nr_disks + 1ul, sizeof(*x->disks));
	if (!taken || !x->dirty || !x->disks)
		ret = xd_fail(err, "out of memory");
	else if (!marks)
		ret = xd_fail(err, "the body ends within the marks");
	else
		memcpy(x->dirty, marks, (x->nr_chunks + 7ul) / 8);
	while (!ret && x->nr_disks < h->nr_disks)
		ret = read_disk(x, &c, taken, err);
	if (!ret && c.left)
		ret = xd_fail(err, "something follows the last disk");
	free(taken);
	return ret;
}

/* --- reading a copy */

enum { COPY_OK, COPY_NONE, COPY_BAD, COPY_NEWER };

static int header_wrong(const struct xd_header *h, uint64_t place, uint64_t sectors, char *err)
{
	if (h->sectors % BLOCK_SECTORS || !large_enough(h->sectors))
		return xd_fail(err, "its size is impossible");
	if (h->sectors > sectors)
		return xd_fail(err, "it was made for %llu sectors, and here are %llu",
			       (unsigned long long)h->sectors, (unsigned long long)sectors);
	if (place != copy_place(h->sectors, 0) && place != copy_place(h->sectors, 1))
		return xd_fail(err, "it is not where its size says");
	if (h->chunk_sectors % BLOCK_SECTORS || h->chunk_sectors < XD_CHUNK_MIN / XD_SECTOR ||
	    h->chunk_sectors > XD_CHUNK_MAX / XD_SECTOR)
		return xd_fail(err, "its chunks have an impossible size");
	if (!h->nr_chunks || h->nr_chunks > XD_MAX_CHUNKS ||
	    h->nr_chunks > room_for_chunks(h->sectors) / h->chunk_sectors)
		return xd_fail(err, "it has %u chunks, which is impossible", h->nr_chunks);
	if (h->nr_disks > XD_MAX_DISKS || h->body_len > MAX_BODY)
		return xd_fail(err, "it says to be longer than there is room");
	return h->created > MAX_TIME ? xd_fail(err, "a date is impossible") : 0;
}

static void *block_alloc(size_t len)
{
	return aligned_alloc(XD_BLOCK, len);
}

static size_t copy_len(uint32_t body_len)
{
	return (sizeof(struct xd_header) + body_len + XD_BLOCK - 1) & ~(XD_BLOCK - 1ul);
}

/* Reads the header alone; h is the copy that is used from here on. */
static int read_header(struct xd_dev *dev, uint64_t place, struct xd_header *h, char *err)
{
	void *block = block_alloc(XD_BLOCK);
	int ret = block ? dev->read(dev, place, block, BLOCK_SECTORS) : -1;

	if (!ret)
		memcpy(h, block, sizeof(*h));
	free(block);
	if (ret)
		return xd_fail(err, "it cannot be read"), COPY_BAD;
	if (memcmp(h->magic, XD_MAGIC, sizeof(h->magic)))
		return xd_fail(err, "it does not begin like one"), COPY_NONE;
	if (header_crc(h) != h->header_crc)
		return xd_fail(err, "its header's checksum is wrong"), COPY_BAD;
	if (h->place != place)
		return xd_fail(err, "it was written for another place"), COPY_NONE;
	if (h->version != XD_VERSION)
		return xd_fail(err, "it is of version %u, and this xenctl knows version %u",
			       h->version, XD_VERSION),
		       h->version > XD_VERSION ? COPY_NEWER : COPY_BAD;
	return header_wrong(h, place, dev->sectors, err) ? COPY_BAD : COPY_OK;
}

static int read_copy(struct xd *x, struct xd_dev *dev, uint64_t place, char *err)
{
	struct xd_header h;
	int ret = read_header(dev, place, &h, err);
	size_t len;
	uint8_t *buf;

	memset(x, 0, sizeof(*x));
	if (ret != COPY_OK)
		return ret;
	len = copy_len(h.body_len);
	buf = block_alloc(len);
	if (!buf || dev->read(dev, place, buf, (uint32_t)(len / XD_SECTOR)))
		ret = xd_fail(err, "it cannot be read");
	else if (xd_crc32c(buf + sizeof(h), h.body_len) != h.body_crc)
		ret = xd_fail(err, "its checksum is wrong");
	x->dev = dev;
	x->seq = h.seq;
	x->sectors = h.sectors;
	x->created = h.created;
	x->chunk_sectors = h.chunk_sectors;
	x->nr_chunks = h.nr_chunks;
	memcpy(x->uuid, h.uuid, sizeof(x->uuid));
	if (!ret)
		ret = read_body(x, &h, buf + sizeof(h), err);
	free(buf);
	if (!ret)
		return COPY_OK;
	xd_close(x);
	return COPY_BAD;
}

/* --- the catalogue of two copies */

static bool has_magic(struct xd_dev *dev, uint64_t place)
{
	char err[XD_ERR];
	struct xd_header h;
	int ret = read_header(dev, place, &h, err);

	/* the end of a drive may be the end of a XenoDisk in its last partition */
	return ret == COPY_OK || ret == COPY_NEWER ||
	       (ret == COPY_BAD && !memcmp(h.magic, XD_MAGIC, sizeof(h.magic)) && h.place == place);
}

static uint64_t whole_blocks(uint64_t sectors)
{
	return sectors & ~(BLOCK_SECTORS - 1ull);
}

bool xd_probe(struct xd_dev *dev)
{
	uint64_t sectors = whole_blocks(dev->sectors);

	return large_enough(sectors) &&
	       (has_magic(dev, copy_place(sectors, 0)) || has_magic(dev, copy_place(sectors, 1)));
}

static void say_damage(struct xd *x, const int state[2], const uint64_t seqs[2],
		       char why[2][XD_ERR])
{
	static const char *const names[2] = { "first", "second" };

	for (int i = 0; i < 2; i++) {
		x->valid[i] = state[i] == COPY_OK;
		x->seqs[i] = seqs[i];
		if (!x->valid[i])
			snprintf(x->damage, sizeof(x->damage),
				 "the %s copy of the catalogue is damaged: %.180s", names[i],
				 why[i]);
	}
}

/* A file system or a partition table was made here since: its owner does not know about us. */
static bool begins_otherwise(struct xd_dev *dev)
{
	uint8_t *block = block_alloc(XD_BLOCK);
	bool other = !block || dev->read(dev, 0, block, BLOCK_SECTORS) || block[0] ||
		     memcmp(block, block + 1, XD_BLOCK - 1);

	free(block);
	return other;
}

int xd_open(struct xd *x, struct xd_dev *dev, char err[XD_ERR])
{
	char why[2][XD_ERR] = { "", "" };
	uint64_t sectors = whole_blocks(dev->sectors), seqs[2];
	int state[2], best;
	struct xd copy[2];

	memset(x, 0, sizeof(*x));
	if (!large_enough(sectors))
		return xd_fail(err, "no XenoDisk: too small");
	if (begins_otherwise(dev))
		return xd_fail(err, "no XenoDisk, or one no more: its first %u bytes are not zeros",
			       XD_BLOCK);
	state[0] = read_copy(&copy[0], dev, copy_place(sectors, 0), why[0]);
	if (state[0] == COPY_OK)
		sectors = copy[0].sectors;
	state[1] = read_copy(&copy[1], dev, copy_place(sectors, 1), why[1]);
	seqs[0] = copy[0].seq;
	seqs[1] = copy[1].seq;
	best = state[1] == COPY_OK && (state[0] != COPY_OK || seqs[1] > seqs[0]);
	if (state[0] != COPY_NEWER && state[1] != COPY_NEWER && state[best] == COPY_OK) {
		*x = copy[best];
		say_damage(x, state, seqs, why);
		xd_close(&copy[!best]);
		return 0;
	}
	xd_close(&copy[0]);
	xd_close(&copy[1]);
	if (state[0] == COPY_NEWER || state[1] == COPY_NEWER)
		return xd_fail(err, "a newer XenoDisk: %.200s", why[state[0] != COPY_NEWER]);
	if (state[0] == COPY_NONE && state[1] == COPY_NONE)
		return xd_fail(err, "no XenoDisk");
	return xd_fail(err, "both copies of the catalogue are damaged: first: %.80s; second: %.80s",
		       why[0], why[1]);
}

void xd_close(struct xd *x)
{
	for (uint32_t i = 0; i < x->nr_disks; i++) {
		free(x->disks[i]->config);
		free(x->disks[i]);
	}
	free(x->disks);
	free(x->dirty);
	memset(x, 0, sizeof(*x));
}

/* --- writing */

static void put(uint8_t **p, const void *data, size_t len, size_t room)
{
	if (len)
		memcpy(*p, data, len);
	*p += room;
}

static size_t body_len(const struct xd *x)
{
	size_t len = marks_len(x->nr_chunks);

	for (uint32_t i = 0; i < x->nr_disks; i++) {
		const struct xd_record *r = &x->disks[i]->r;

		len += sizeof(*r) + r->nr_runs * sizeof(struct xd_run_rec) + padded(r->config_len);
	}
	return len;
}

/* The copy for `place` 0; buf is zeroed. */
static void write_body(const struct xd *x, uint8_t *buf, size_t len)
{
	struct xd_header *h = (struct xd_header *)buf;
	uint8_t *p = buf + sizeof(*h);

	put(&p, x->dirty, (x->nr_chunks + 7ul) / 8, marks_len(x->nr_chunks));
	for (uint32_t i = 0; i < x->nr_disks; i++) {
		const struct xd_disk *d = x->disks[i];

		put(&p, &d->r, sizeof(d->r), sizeof(d->r));
		put(&p, d->runs, d->r.nr_runs * sizeof(d->runs[0]),
		    d->r.nr_runs * sizeof(d->runs[0]));
		put(&p, d->config, d->r.config_len, padded(d->r.config_len));
	}
	*h = (struct xd_header){ .version = XD_VERSION,
				 .seq = x->seq,
				 .sectors = x->sectors,
				 .chunk_sectors = x->chunk_sectors,
				 .nr_chunks = x->nr_chunks,
				 .nr_disks = x->nr_disks,
				 .body_len = (uint32_t)len,
				 .body_crc = xd_crc32c(buf + sizeof(*h), len),
				 .created = x->created };
	memcpy(h->magic, XD_MAGIC, sizeof(h->magic));
	memcpy(h->uuid, x->uuid, sizeof(h->uuid));
}

static int write_copy(struct xd *x, uint8_t *buf, unsigned int copy, uint32_t len)
{
	struct xd_header *h = (struct xd_header *)buf;

	h->place = copy_place(x->sectors, copy);
	h->header_crc = header_crc(h);
	x->valid[copy] = false;
	if (x->dev->write(x->dev, h->place, buf, len / XD_SECTOR) || x->dev->flush(x->dev))
		return -1;
	x->valid[copy] = true;
	x->seqs[copy] = x->seq;
	return 0;
}

/* Never the better copy first: it stays until the other one is whole. */
int xd_commit(struct xd *x, char err[XD_ERR])
{
	bool first = x->valid[0] && (!x->valid[1] || x->seqs[1] < x->seqs[0]);
	size_t len = body_len(x);
	uint8_t *buf;
	int ret = 0;

	if (len > MAX_BODY)
		return xd_fail(err, "the catalogue is full: %zu bytes, and there is room for %zu",
			       len, MAX_BODY);
	buf = block_alloc(copy_len((uint32_t)len));
	if (!buf)
		return xd_fail(err, "out of memory");
	memset(buf, 0, copy_len((uint32_t)len));
	x->seq++;
	x->damage[0] = 0;
	write_body(x, buf, len);
	if (write_copy(x, buf, first, (uint32_t)copy_len((uint32_t)len)))
		ret = xd_fail(err, "the catalogue cannot be written");
	else if (write_copy(x, buf, !first, (uint32_t)copy_len((uint32_t)len)))
		xd_fail(x->damage, "the %s copy of the catalogue cannot be written",
			first ? "first" : "second");
	free(buf);
	return ret;
}

/* Zeros from sector first to end. */
static int wipe(struct xd_dev *dev, uint64_t first, uint64_t end)
{
	uint32_t room = XD_FIRST_COPY / XD_SECTOR, n;
	void *zeros = block_alloc(XD_FIRST_COPY);
	int ret = zeros ? 0 : -1;

	if (zeros)
		memset(zeros, 0, XD_FIRST_COPY);
	for (; !ret && first < end; first += n) {
		n = end - first < room ? (uint32_t)(end - first) : room;
		ret = dev->write(dev, first, zeros, n);
	}
	free(zeros);
	return ret;
}

/* The room of the second copy may hold the other end of a partition table. */
static int wipe_behind(struct xd *x, uint32_t keep)
{
	return wipe(x->dev, copy_place(x->sectors, 1) + keep, x->sectors) || x->dev->flush(x->dev);
}

int xd_init(struct xd_dev *dev, uint64_t chunk, const uint8_t uuid[16], uint64_t now,
	    char err[XD_ERR])
{
	struct xd x = { .dev = dev, .sectors = whole_blocks(dev->sectors), .created = now };
	char why[XD_ERR];
	struct xd old;
	uint64_t n;
	int ret;

	if (chunk < XD_CHUNK_MIN || chunk > XD_CHUNK_MAX || chunk % XD_BLOCK)
		return xd_fail(err, "a chunk has 1 MiB to 64 GiB, in whole blocks of 4096 bytes");
	n = large_enough(x.sectors) ? room_for_chunks(x.sectors) / (chunk / XD_SECTOR) : 0;
	if (!n)
		return xd_fail(err, "too small: a chunk needs %llu bytes, the catalogue %u",
			       (unsigned long long)chunk, XD_FIRST_CHUNK + XD_COPY_BYTES);
	if (n > XD_MAX_CHUNKS)
		return xd_fail(err, "too many chunks; they must be larger");
	x.nr_chunks = (uint32_t)n;
	x.chunk_sectors = (uint32_t)(chunk / XD_SECTOR);
	memcpy(x.uuid, uuid, sizeof(x.uuid));
	if (!xd_open(&old, dev, why) && old.sectors == x.sectors) {
		x.seq = old.seq;
		memcpy(x.valid, old.valid, sizeof(x.valid));
		memcpy(x.seqs, old.seqs, sizeof(x.seqs));
	}
	xd_close(&old);
	x.dirty = calloc(1, marks_len(x.nr_chunks));
	if (!x.dirty)
		return xd_fail(err, "out of memory");
	for (uint32_t c = 0; c < x.nr_chunks; c++)
		x.dirty[c / 8] |= (uint8_t)(1u << c % 8);
	if (wipe(dev, 0, XD_FIRST_COPY / XD_SECTOR) || dev->flush(dev))
		ret = xd_fail(err, "it cannot be written");
	else
		ret = xd_commit(&x, err);
	if (!ret && (x.damage[0] ||
		     wipe_behind(&x, (uint32_t)(copy_len((uint32_t)body_len(&x)) / XD_SECTOR))))
		ret = xd_fail(err, "it cannot be written");
	xd_close(&x);
	return ret;
}

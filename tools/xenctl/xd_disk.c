// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual disks in XenoDisk's catalogue (xd.h): finding them, who may use them, and where their
 * chunks come from. Nothing here writes the catalogue; the order of commits and zeroing is
 *
 *	xd_reserve, xd_commit, xd_zero, xd_finish, xd_commit
 *
 * so that a power cut at any time leaves chunks that are still marked, and belong to nobody
 * who could read them. Chunks come from the smallest hole that is large enough; when there is
 * none, from the largest ones.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "xd.h"

#define BLOCK_SECTORS (XD_BLOCK / XD_SECTOR)
#define ZERO_BYTES (1u << 20)

/* --- names and keys */

static bool hex128(const char *s, uint8_t out[16])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < 32; i++) {
		const char *at = s[i] ? strchr(digits, tolower((unsigned char)s[i])) : NULL;

		if (!at)
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
	}
	return !s[32];
}

/* 32 hexadecimal digits are a key or a uuid, never a name. */
bool xd_name_ok(const char *name)
{
	uint8_t id[16];
	size_t len = strlen(name);

	if (!len || len >= XD_NAME_MAX || hex128(name, id) || !isalnum((unsigned char)*name))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+") ==
	       len;
}

/* Takes the same time whatever differs. */
static bool same_key(const uint8_t *a, const uint8_t *b)
{
	uint8_t diff = 0;

	for (unsigned int i = 0; i < XD_KEY_BYTES; i++)
		diff |= a[i] ^ b[i];
	return !diff;
}

struct xd_disk *xd_find(const struct xd *x, const char *name)
{
	uint8_t id[16];
	bool is_id = hex128(name, id);

	for (uint32_t i = 0; i < x->nr_disks; i++) {
		const struct xd_record *r = &x->disks[i]->r;

		if (r->state != XD_DELETED &&
		    (is_id ? same_key(r->uuid, id) || same_key(r->rw_key, id) ||
				     same_key(r->ro_key, id) :
			     !strcmp(r->name, name)))
			return x->disks[i];
	}
	return NULL;
}

struct xd_disk *xd_find_deleted(const struct xd *x, const char *name)
{
	struct xd_disk *found = NULL;
	uint8_t id[16];
	bool is_id = hex128(name, id);

	for (uint32_t i = 0; i < x->nr_disks; i++) {
		struct xd_disk *d = x->disks[i];

		if (d->r.state == XD_DELETED &&
		    (is_id ? same_key(d->r.uuid, id) : !strcmp(d->r.name, name)) &&
		    (!found || d->r.deleted >= found->r.deleted))
			found = d;
	}
	return found;
}

const char *xd_state_name(const struct xd_disk *d, uint64_t now)
{
	static const char *const names[] = {
		[XD_LIVE] = "live",
		[XD_DELETED] = "deleted",
		[XD_ZEROING] = "being zeroed",
	};

	return xd_expired(d, now) ? "expired" : names[d->r.state];
}

const char *xd_key_of(const struct xd_disk *d, const char *name, const char *key)
{
	uint8_t id[16];

	if (key && *key)
		return key;
	return hex128(name, id) && (same_key(id, d->r.rw_key) || same_key(id, d->r.ro_key)) ? name :
											      NULL;
}

int xd_may(const struct xd_disk *d, const char *key, bool writable, bool expired_too, uint64_t now,
	   char err[XD_ERR])
{
	uint8_t k[XD_KEY_BYTES];

	if (d->r.state != XD_LIVE)
		return xd_fail(err, "%s: it is %s", d->r.name, xd_state_name(d, now));
	if (xd_expired(d, now) && !expired_too)
		return xd_fail(err, "%s: it is expired; see xenctl vd renew", d->r.name);
	if (!key || !*key)
		return d->r.flags & XD_KEYED ? xd_fail(err, "%s: it needs a key", d->r.name) : 0;
	if (!hex128(key, k))
		return xd_fail(err, "%s: a key has 32 hexadecimal digits", d->r.name);
	if (same_key(k, d->r.rw_key))
		return 0;
	if (!same_key(k, d->r.ro_key))
		return xd_fail(err, "%s: this is not one of its keys", d->r.name);
	return writable ? xd_fail(err, "%s: this is its read-only key", d->r.name) : 0;
}

/* --- sizes */

uint64_t xd_round(uint64_t bytes)
{
	return bytes > UINT64_MAX - XD_BLOCK ? 0 : (bytes + XD_BLOCK - 1) & ~(XD_BLOCK - 1ull);
}

uint64_t xd_chunks_for(const struct xd *x, uint64_t sectors)
{
	return sectors / x->chunk_sectors + (sectors % x->chunk_sectors != 0);
}

static uint64_t chunks_of(const struct xd_disk *d)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < d->r.nr_runs; i++)
		n += d->runs[i].count;
	return n;
}

static uint64_t chunk_place(const struct xd *x, uint64_t chunk)
{
	return XD_FIRST_CHUNK / XD_SECTOR + chunk * x->chunk_sectors;
}

struct xd_extent xd_extent(const struct xd *x, const struct xd_disk *d, unsigned int i)
{
	struct xd_extent e = { chunk_place(x, d->runs[i].first), 0 };
	uint64_t start = 0, len = (uint64_t)d->runs[i].count * x->chunk_sectors;

	while (i--)
		start += (uint64_t)d->runs[i].count * x->chunk_sectors;
	if (start < d->r.sectors)
		e.sectors = d->r.sectors - start < len ? d->r.sectors - start : len;
	return e;
}

void xd_space(const struct xd *x, uint64_t now, struct xd_space *s)
{
	*s = (struct xd_space){ .free = x->nr_chunks };
	for (uint32_t i = 0; i < x->nr_disks; i++) {
		const struct xd_disk *d = x->disks[i];
		uint32_t n = (uint32_t)chunks_of(d);

		s->free -= n;
		*(xd_expired(d, now)	   ? &s->expired :
		  d->r.state == XD_LIVE	   ? &s->live :
		  d->r.state == XD_DELETED ? &s->deleted :
					     &s->zeroing) += n;
	}
}

static bool is_dirty(const struct xd *x, uint64_t c)
{
	return x->dirty[c / 8] & 1u << c % 8;
}

/* --- chunks come and go */

/* Those beyond the first `keep`. Their marks stay. */
static void trim(struct xd_disk *d, uint64_t keep)
{
	uint32_t i = 0;

	for (; i < d->r.nr_runs && keep; keep -= d->runs[i++].count)
		if (d->runs[i].count > keep)
			d->runs[i].count = (uint32_t)keep;
	d->r.nr_runs = i;
}

static void remove_disk(struct xd *x, uint32_t i)
{
	free(x->disks[i]->config);
	free(x->disks[i]);
	x->disks[i] = x->disks[--x->nr_disks];
}

static void sweep_but(struct xd *x, const struct xd_disk *but, const struct xd_users *users)
{
	for (uint32_t i = x->nr_disks; i-- > 0;) {
		struct xd_disk *d = x->disks[i];

		bool whole = chunks_of(d) == xd_chunks_for(x, d->r.sectors);

		if (d == but || (whole && d->r.state != XD_ZEROING) || users->used(d, users->priv))
			continue;
		trim(d, xd_chunks_for(x, d->r.sectors));
		if (d->r.state == XD_ZEROING)
			remove_disk(x, i);
	}
}

void xd_sweep(struct xd *x, const struct xd_users *users)
{
	sweep_but(x, NULL, users);
}

/* Deleted before expired, then the older. -1: none is left. */
static int next_victim(const struct xd *x, const struct xd_disk *but, const struct xd_users *users,
		       uint64_t now)
{
	int best = -1;

	for (uint32_t i = 0; i < x->nr_disks; i++) {
		const struct xd_record *r = &x->disks[i]->r;
		const struct xd_record *b = best < 0 ? NULL : &x->disks[best]->r;
		bool gone = r->state == XD_DELETED, older;

		if (x->disks[i] == but || (!gone && !xd_expired(x->disks[i], now)))
			continue;
		if (b && (b->state == XD_DELETED) != gone)
			older = gone;
		else
			older = !b || (gone ? r->deleted < b->deleted : r->used < b->used);
		if (older && !users->used(x->disks[i], users->priv))
			best = (int)i;
	}
	return best;
}

struct hole {
	uint64_t first, count;
};

/* taken: a byte a chunk. */
static struct hole find_hole(const uint8_t *taken, uint32_t nr, uint64_t want)
{
	struct hole best = { 0, 0 };

	for (uint64_t c = 0, n; c < nr; c += n + 1) {
		for (n = 0; c + n < nr && !taken[c + n];)
			n++;
		if (n && (best.count < want ? n > best.count : n >= want && n < best.count))
			best = (struct hole){ c, n };
	}
	if (best.count > want)
		best.count = want;
	return best;
}

/* Right behind what d has. */
static struct hole hole_behind(const struct xd *x, const struct xd_disk *d, const uint8_t *taken,
			       uint64_t want)
{
	const struct xd_run_rec *last = d->r.nr_runs ? &d->runs[d->r.nr_runs - 1] : NULL;
	struct hole h = { last ? last->first + last->count : 0, 0 };

	while (last && h.count < want && h.first + h.count < x->nr_chunks &&
	       !taken[h.first + h.count])
		h.count++;
	return h;
}

static int give_chunks(const struct xd *x, struct xd_disk *d, uint8_t *taken, uint64_t want,
		       char *err)
{
	struct hole h = hole_behind(x, d, taken, want);

	if (h.count)
		d->runs[d->r.nr_runs - 1].count += (uint32_t)h.count;
	for (;;) {
		memset(taken + h.first, 1, h.count);
		want -= h.count;
		if (!want)
			return 0;
		h = find_hole(taken, x->nr_chunks, want);
		if (d->r.nr_runs == XD_MAX_RUNS || !h.count)
			return xd_fail(err, "%s: the free space is in too many pieces", d->r.name);
		d->runs[d->r.nr_runs++] =
			(struct xd_run_rec){ (uint32_t)h.first, (uint32_t)h.count };
	}
}

static int no_room(const struct xd *x, const struct xd_disk *d, uint64_t want, uint64_t have,
		   char *err)
{
	return xd_fail(err, "%s: no room: it takes %llu chunks of %llu bytes, and %llu can be had",
		       d->r.name, (unsigned long long)want,
		       (unsigned long long)x->chunk_sectors * XD_SECTOR, (unsigned long long)have);
}

static void mark_taken(const struct xd *x, uint8_t *taken)
{
	for (uint32_t i = 0; i < x->nr_disks; i++)
		for (uint32_t j = 0; j < x->disks[i]->r.nr_runs; j++)
			memset(taken + x->disks[i]->runs[j].first, 1, x->disks[i]->runs[j].count);
}

/* Makes `want` chunks free; those of others are in taken. */
static int make_room(struct xd *x, const struct xd_disk *d, uint64_t want,
		     const struct xd_users *users, uint64_t now, uint8_t *taken, char *err)
{
	struct xd_space s;
	int victim;

	sweep_but(x, d, users);
	for (;;) {
		xd_space(x, now, &s);
		if (s.free >= want)
			break;
		victim = next_victim(x, d, users, now);
		if (victim < 0)
			return no_room(x, d, want, s.free, err);
		remove_disk(x, (uint32_t)victim);
	}
	mark_taken(x, taken);
	return 0;
}

int xd_reserve(struct xd *x, struct xd_disk *d, uint64_t sectors, const struct xd_users *users,
	       uint64_t now, char err[XD_ERR])
{
	uint64_t need = xd_chunks_for(x, sectors), have;
	uint8_t *taken;
	int ret;

	trim(d, xd_chunks_for(x, d->r.sectors));
	have = chunks_of(d);
	if (!sectors || sectors % BLOCK_SECTORS)
		return xd_fail(err, "%s: a size in whole blocks of %u bytes is needed", d->r.name,
			       XD_BLOCK);
	if (need <= have)
		return 0;
	taken = calloc(1, x->nr_chunks);
	if (!taken)
		return xd_fail(err, "out of memory");
	ret = make_room(x, d, need - have, users, now, taken, err);
	if (!ret)
		ret = give_chunks(x, d, taken, need - have, err);
	free(taken);
	return ret;
}

/* --- zeroing */

/* The n-th chunk of d. */
static uint64_t nth_chunk(const struct xd_disk *d, uint64_t n)
{
	uint32_t i = 0;

	while (n >= d->runs[i].count)
		n -= d->runs[i++].count;
	return d->runs[i].first + n;
}

static int zero_chunk(const struct xd *x, uint64_t chunk, const void *zeros)
{
	const uint32_t step = ZERO_BYTES / XD_SECTOR;
	uint32_t n;

	for (uint32_t at = 0; at < x->chunk_sectors; at += n) {
		n = x->chunk_sectors - at < step ? x->chunk_sectors - at : step;
		if (x->dev->write(x->dev, chunk_place(x, chunk) + at, zeros, n))
			return -1;
	}
	return 0;
}

int xd_zero(const struct xd *x, const struct xd_disk *d,
	    void (*progress)(uint64_t done, uint64_t of), char err[XD_ERR])
{
	uint64_t first = xd_chunks_for(x, d->r.sectors), end = chunks_of(d);
	void *zeros = aligned_alloc(XD_BLOCK, ZERO_BYTES);
	int ret = zeros ? 0 : xd_fail(err, "out of memory");

	if (zeros)
		memset(zeros, 0, ZERO_BYTES);
	for (uint64_t n = first; n < end && !ret; n++) {
		uint64_t chunk = nth_chunk(d, n);

		if (progress)
			progress(n - first, end - first);
		if (is_dirty(x, chunk) && zero_chunk(x, chunk, zeros))
			ret = xd_fail(err, "%s: chunk %llu cannot be zeroed", d->r.name,
				      (unsigned long long)chunk);
	}
	free(zeros);
	if (!ret && x->dev->flush(x->dev))
		ret = xd_fail(err, "%s: the zeros cannot be flushed", d->r.name);
	return ret;
}

long xd_scrub(struct xd *x, uint32_t max, char err[XD_ERR])
{
	uint8_t *taken = calloc(1, x->nr_chunks), *done = calloc(1, x->nr_chunks);
	void *zeros = aligned_alloc(XD_BLOCK, ZERO_BYTES);
	long n = taken && done && zeros ? 0 : xd_fail(err, "out of memory");

	if (!n) {
		mark_taken(x, taken);
		memset(zeros, 0, ZERO_BYTES);
	}
	for (uint32_t c = 0; n >= 0 && n < max && c < x->nr_chunks; c++) {
		if (taken[c] || !is_dirty(x, c))
			continue;
		done[c] = 1;
		n = zero_chunk(x, c, zeros) ? xd_fail(err, "chunk %u cannot be zeroed", c) : n + 1;
	}
	if (n > 0 && x->dev->flush(x->dev))
		n = xd_fail(err, "the zeros cannot be flushed");
	for (uint32_t c = 0; n > 0 && c < x->nr_chunks; c++)
		if (done[c])
			x->dirty[c / 8] &= (uint8_t) ~(1u << c % 8);
	free(taken);
	free(done);
	free(zeros);
	return n;
}

int xd_finish(struct xd *x, struct xd_disk *d, uint64_t sectors, char err[XD_ERR])
{
	if (d->r.state == XD_DELETED || chunks_of(d) < xd_chunks_for(x, sectors) ||
	    sectors < d->r.sectors)
		return xd_fail(err, "%s: somebody else has changed it meanwhile", d->r.name);
	d->r.sectors = sectors;
	d->r.state = XD_LIVE;
	for (uint32_t i = 0; i < d->r.nr_runs; i++)
		for (uint32_t c = d->runs[i].first; c < d->runs[i].first + d->runs[i].count; c++)
			x->dirty[c / 8] |= (uint8_t)(1u << c % 8);
	return 0;
}

/* --- the rest of a disk's life */

struct xd_disk *xd_create(struct xd *x, const struct xd_new *n, uint64_t now, char err[XD_ERR])
{
	struct xd_disk **disks, *d;

	if (!xd_name_ok(n->name))
		return xd_fail(err,
			       "'%.70s' is no name: 1 to %d letters, digits, . - _ +, and not 32 "
			       "hexadecimal digits",
			       n->name, XD_NAME_MAX - 1),
		       NULL;
	if (strlen(n->owner) >= XD_NAME_MAX)
		return xd_fail(err, "the owner has more than %d characters", XD_NAME_MAX - 1), NULL;
	for (const char *c = n->owner; *c; c++)
		if (*c < ' ' || *c > '~')
			return xd_fail(err, "the owner is not plain text"), NULL;
	if (xd_find(x, n->name))
		return xd_fail(err, "%s: there is such a disk", n->name), NULL;
	if (x->nr_disks == XD_MAX_DISKS)
		return xd_fail(err, "there are %u disks already", XD_MAX_DISKS), NULL;
	disks = realloc(x->disks, (x->nr_disks + 1ul) * sizeof(*disks));
	if (disks)
		x->disks = disks;
	d = disks ? calloc(1, sizeof(*d)) : NULL;
	if (!d)
		return xd_fail(err, "out of memory"), NULL;
	x->disks[x->nr_disks++] = d;
	strcpy(d->r.name, n->name);
	strcpy(d->r.owner, n->owner);
	memcpy(d->r.uuid, n->uuid, 16);
	memcpy(d->r.rw_key, n->rw_key, XD_KEY_BYTES);
	memcpy(d->r.ro_key, n->ro_key, XD_KEY_BYTES);
	d->r.created = d->r.used = now;
	d->r.expires = n->expires;
	d->r.state = XD_ZEROING;
	d->r.flags = n->keyed ? XD_KEYED : 0;
	return d;
}

void xd_shrink(struct xd *x, struct xd_disk *d, uint64_t sectors)
{
	d->r.sectors = sectors;
	trim(d, xd_chunks_for(x, sectors));
}

void xd_delete(struct xd *x, struct xd_disk *d, uint64_t now)
{
	trim(d, xd_chunks_for(x, d->r.sectors));
	if (d->r.state == XD_LIVE) {
		d->r.state = XD_DELETED;
		d->r.deleted = now;
		return;
	}
	for (uint32_t i = 0; i < x->nr_disks; i++)
		if (x->disks[i] == d)
			remove_disk(x, i);
}

int xd_undelete(struct xd *x, struct xd_disk *d, char err[XD_ERR])
{
	if (xd_find(x, d->r.name))
		return xd_fail(err, "%s: there is another disk of that name now", d->r.name);
	d->r.state = XD_LIVE;
	d->r.deleted = 0;
	return 0;
}

int xd_set_config(struct xd_disk *d, const char *text, size_t len, char err[XD_ERR])
{
	char *copy;

	if (len > XD_MAX_CONFIG)
		return xd_fail(err, "%s: a configuration has at most %u bytes", d->r.name,
			       XD_MAX_CONFIG);
	if (memchr(text, 0, len))
		return xd_fail(err, "%s: the configuration is not text", d->r.name);
	copy = len ? strndup(text, len) : NULL;
	if (len && !copy)
		return xd_fail(err, "out of memory");
	free(d->config);
	d->config = copy;
	d->r.config_len = (uint32_t)len;
	return 0;
}

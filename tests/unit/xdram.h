/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device in memory for XenoDisk's tests. Writes lie in a cache until they are flushed; when the
 * power fails, each sector of 512 bytes in it is lost or not, by chance. The device can go back
 * to how it was at ram_mark().
 */
#ifndef XDRAM_H
#define XDRAM_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/xenctl/xd.h"

struct ram {
	struct xd_dev dev;
	uint8_t *stable, *cache, *marked; /* marked: stable at ram_mark() */
	uint8_t *dirty, *changed;	  /* a byte a sector */
	uint32_t *dirty_list, *changed_list;
	uint32_t nr_dirty, nr_changed;
	long writes_left; /* the one after them meets the power cut; -1: never */
	bool dead;
	unsigned long writes;
};

static inline uint32_t chance(void)
{
	static uint64_t s = 88172645463325252ull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (uint32_t)(s >> 16);
}

static inline int ram_read(struct xd_dev *d, uint64_t sector, void *buf, uint32_t n)
{
	struct ram *r = d->priv;

	if (r->dead || sector > d->sectors || n > d->sectors - sector || sector % 8 || n % 8)
		return -EIO;
	memcpy(buf, r->cache + sector * 512, n * 512ul);
	return 0;
}

static inline int ram_write(struct xd_dev *d, uint64_t sector, const void *buf, uint32_t n)
{
	struct ram *r = d->priv;

	if (r->dead || sector > d->sectors || n > d->sectors - sector || sector % 8 || n % 8 ||
	    (uintptr_t)buf % XD_BLOCK)
		return -EIO;
	r->writes++;
	memcpy(r->cache + sector * 512, buf, n * 512ul);
	for (uint64_t s = sector; s < sector + n; s++)
		if (!r->dirty[s]) {
			r->dirty[s] = 1;
			r->dirty_list[r->nr_dirty++] = (uint32_t)s;
		}
	if (r->writes_left >= 0 && !r->writes_left--)
		r->dead = true;
	return r->dead ? -EIO : 0;
}

/*
 * Of the sectors before a random one, in the order of writing, all, half or none are lost;
 * behind it, too.
 */
static inline void ram_settle(struct ram *r, bool lose)
{
	uint32_t pivot = r->nr_dirty ? chance() % (r->nr_dirty + 1) : 0;
	uint32_t odds[2] = { chance() % 3, chance() % 3 };

	for (uint32_t i = 0; i < r->nr_dirty; i++) {
		size_t s = r->dirty_list[i];

		r->dirty[s] = 0;
		if (lose && chance() % 2 + 1 <= odds[i >= pivot]) {
			memcpy(r->cache + s * 512, r->stable + s * 512, 512);
			continue;
		}
		memcpy(r->stable + s * 512, r->cache + s * 512, 512);
		if (!r->changed[s]) {
			r->changed[s] = 1;
			r->changed_list[r->nr_changed++] = (uint32_t)s;
		}
	}
	r->nr_dirty = 0;
}

static inline int ram_flush(struct xd_dev *d)
{
	struct ram *r = d->priv;

	if (r->dead)
		return -EIO;
	ram_settle(r, false);
	return 0;
}

/* The power is back. */
static inline void ram_restart(struct ram *r)
{
	ram_settle(r, true);
	r->dead = false;
	r->writes_left = -1;
}

static inline void ram_mark(struct ram *r)
{
	memcpy(r->marked, r->stable, r->dev.sectors * 512);
	memset(r->changed, 0, r->dev.sectors);
	r->nr_changed = 0;
}

static inline void ram_back(struct ram *r)
{
	ram_settle(r, false);
	for (uint32_t i = 0; i < r->nr_changed; i++) {
		size_t s = r->changed_list[i];

		memcpy(r->stable + s * 512, r->marked + s * 512, 512);
		memcpy(r->cache + s * 512, r->marked + s * 512, 512);
		r->changed[s] = 0;
	}
	r->nr_changed = 0;
	r->dead = false;
	r->writes_left = -1;
}

static inline struct ram *ram_new(uint64_t sectors)
{
	struct ram *r = calloc(1, sizeof(*r));

	r->dev = (struct xd_dev){ ram_read, ram_write, ram_flush, sectors, r };
	r->stable = malloc(sectors * 512);
	r->cache = malloc(sectors * 512);
	r->marked = malloc(sectors * 512);
	memset(r->stable, 0xe5, sectors * 512); /* somebody else's */
	memset(r->cache, 0xe5, sectors * 512);
	r->dirty = calloc(1, sectors);
	r->changed = calloc(1, sectors);
	r->dirty_list = calloc(sectors, 4);
	r->changed_list = calloc(sectors, 4);
	r->writes_left = -1;
	return r;
}

static inline void ram_free(struct ram *r)
{
	free(r->stable);
	free(r->cache);
	free(r->marked);
	free(r->dirty);
	free(r->changed);
	free(r->dirty_list);
	free(r->changed_list);
	free(r);
}

/* --- XenoDisks on it */

#define MIB 2048ull /* sectors */
#define CHUNK (1u << 20)

static inline bool nobody(const struct xd_disk *d, void *priv)
{
	return false;
}

/* priv: a name. */
static inline bool that_one(const struct xd_disk *d, void *priv)
{
	return !strcmp(d->r.name, priv);
}

static inline struct xd_disk *new_disk(struct xd *x, const char *name, uint64_t now,
				       uint64_t expires, char *err)
{
	uint32_t seed = xd_crc32c(name, strlen(name)) + (uint32_t)now;
	uint8_t id[3][16];
	struct xd_new n = { name, "me", id[0], id[1], id[2], expires, false };

	for (unsigned int i = 0; i < sizeof(id); i++) {
		seed = seed * 1664525 + 1013904223;
		((uint8_t *)id)[i] = (uint8_t)(seed >> 24);
	}
	return xd_create(x, &n, now, err);
}

/* All steps of giving a disk its size. */
static inline int give_size(struct xd *x, struct xd_disk *d, uint64_t sectors, uint64_t now,
			    int (*commit)(struct xd *, char *), char *err)
{
	static const struct xd_users users = { nobody, NULL };

	return xd_reserve(x, d, sectors, &users, now, err) || commit(x, err) ||
	       xd_zero(x, d, NULL, err) || xd_finish(x, d, sectors, err) || commit(x, err);
}

#endif

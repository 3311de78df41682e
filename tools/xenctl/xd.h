/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XenoDisk's catalogue over an abstract device: reading and checking it, changing it in memory,
 * writing it so that a power cut leaves the old one or the new one. Pure; no clock, no chance.
 *
 * Functions that return int: 0, or -1 and err is one line that says what is wrong. Changes are
 * made in memory; xd_commit() makes them last. After a failure only xd_close() is of use.
 */
#ifndef XENCTL_XD_H
#define XENCTL_XD_H

#include <stdbool.h>
#include <stddef.h>

#include "xd_format.h"

#define XD_ERR 256

/* Calls return 0 or -Exxx; sectors and counts are multiples of 8, buffers aligned to XD_BLOCK. */
struct xd_dev {
	int (*read)(struct xd_dev *d, uint64_t sector, void *buf, uint32_t sectors);
	int (*write)(struct xd_dev *d, uint64_t sector, const void *buf, uint32_t sectors);
	int (*flush)(struct xd_dev *d);
	uint64_t sectors;
	void *priv;
};

struct xd_disk {
	struct xd_record r; /* always within the bounds of xd_format.h */
	struct xd_run_rec runs[XD_MAX_RUNS];
	char *config; /* r.config_len bytes and a NUL; NULL: none */
};

struct xd {
	struct xd_dev *dev;
	uint64_t seq, sectors, created;
	uint8_t uuid[16];
	uint32_t chunk_sectors, nr_chunks;
	uint8_t *dirty;		/* the marks */
	struct xd_disk **disks; /* deleted ones, too */
	uint32_t nr_disks;
	bool valid[2]; /* the copies on the device */
	uint64_t seqs[2];
	char damage[XD_ERR]; /* what is wrong with one copy of two; "": nothing */
};

/* Fills err; always -1. */
int xd_fail(char err[XD_ERR], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint32_t xd_crc32c(const void *data, size_t len);

/* --- the catalogue (xd_cat.c) */
/* Does the device claim to be a XenoDisk? What it claims may be damaged. */
bool xd_probe(struct xd_dev *dev);
int xd_open(struct xd *x, struct xd_dev *dev, char err[XD_ERR]);
void xd_close(struct xd *x);
/*
 * Makes the device an empty XenoDisk; until it returns, a XenoDisk that was there may be there
 * still. chunk: bytes. uuid: chosen by the caller, here and below.
 */
int xd_init(struct xd_dev *dev, uint64_t chunk, const uint8_t uuid[16], uint64_t now,
	    char err[XD_ERR]);
/* The other copy could not be written: 0, and x->damage says so. */
int xd_commit(struct xd *x, char err[XD_ERR]);

/* --- virtual disks (xd_disk.c) */
/* Somebody uses the disk, zeroes it or copies it: its chunks stay its own. */
struct xd_users {
	bool (*used)(const struct xd_disk *d, void *priv);
	void *priv;
};
struct xd_new {
	const char *name, *owner;
	const uint8_t *uuid, *rw_key, *ro_key; /* 16 bytes each */
	uint64_t expires;
	bool keyed;
};

bool xd_name_ok(const char *name);
/* By name, uuid, or one of its keys, the last three as 32 hexadecimal digits. Not deleted ones. */
struct xd_disk *xd_find(const struct xd *x, const char *name);
/* The one deleted last of that name, or by its uuid. */
struct xd_disk *xd_find_deleted(const struct xd *x, const char *name);
/* The key that was shown: key, or else name when that is what found d; or NULL. */
const char *xd_key_of(const struct xd_disk *d, const char *name, const char *key);
/* May the holder of key (NULL: none given) do it? Live disks only; expired_too: for renewing. */
int xd_may(const struct xd_disk *d, const char *key, bool writable, bool expired_too, uint64_t now,
	   char err[XD_ERR]);
static inline bool xd_expired(const struct xd_disk *d, uint64_t now)
{
	return d->r.state == XD_LIVE && d->r.expires && d->r.expires <= now;
}
/* "live", "deleted", "being zeroed", "expired" */
const char *xd_state_name(const struct xd_disk *d, uint64_t now);

/* Frees what somebody began and did not finish, and does not work at any more. */
void xd_sweep(struct xd *x, const struct xd_users *users);
/* A new one, without space, being zeroed. NULL: err. */
struct xd_disk *xd_create(struct xd *x, const struct xd_new *n, uint64_t now, char err[XD_ERR]);
/*
 * Sets chunks aside for d to have that many sectors. What others left half made is swept; when
 * that is not enough, deleted disks go, the oldest first, then expired ones, the least recently
 * used first. xd_commit() comes before xd_zero().
 */
int xd_reserve(struct xd *x, struct xd_disk *d, uint64_t sectors, const struct xd_users *users,
	       uint64_t now, char err[XD_ERR]);
/* Zeroes what was set aside, flushed. Of x, reads only; may be called without the lock. */
int xd_zero(const struct xd *x, const struct xd_disk *d,
	    void (*progress)(uint64_t done, uint64_t of), char err[XD_ERR]);
/* What was set aside and zeroed is d's now. */
int xd_finish(struct xd *x, struct xd_disk *d, uint64_t sectors, char err[XD_ERR]);
/*
 * Zeroes up to max free chunks ahead of their use and clears their marks; xd_commit() is next.
 * How many it were, or -1.
 */
long xd_scrub(struct xd *x, uint32_t max, char err[XD_ERR]);
void xd_shrink(struct xd *x, struct xd_disk *d, uint64_t sectors);
void xd_delete(struct xd *x, struct xd_disk *d, uint64_t now);
int xd_undelete(struct xd *x, struct xd_disk *d, char err[XD_ERR]);
/* text "": none */
int xd_set_config(struct xd_disk *d, const char *text, size_t len, char err[XD_ERR]);

/* Rounds up to whole blocks; 0: too large. */
uint64_t xd_round(uint64_t bytes);
uint64_t xd_chunks_for(const struct xd *x, uint64_t sectors);
/* Run i's place on the device, as far as d->r.sectors reaches; sectors 0: not at all. */
struct xd_extent {
	uint64_t first, sectors;
};
struct xd_extent xd_extent(const struct xd *x, const struct xd_disk *d, unsigned int i);

struct xd_space { /* in chunks; they add up to nr_chunks */
	uint32_t free, live, deleted, expired, zeroing;
};
void xd_space(const struct xd *x, uint64_t now, struct xd_space *s);

#endif

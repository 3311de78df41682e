/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual block devices: lists of extents of drives, offered to domains by the blkif
 * protocol (public/io/blkif.h). Report section 3.5.1. vblk/vbd.c: their life and the
 * directory; vblk/io.c: rings and requests; vblk/extent.c, vblk/request.c: what is
 * right and what goes where, pure. hyp/vbd.h: between the first two.
 */
#ifndef HYP_VBLK_H
#define HYP_VBLK_H

#include <hyp/disk.h>
#include <hyp/types.h>
#include <public/control.h>
#include <public/io/blkif.h>

struct domain;

/* Boot, after dom0_build(): domain 0 gets every drive whole, as xvda, xvdb ... */
void vblk_boot(void);
int vblk_domain_init(struct domain *d);
/* Bounded, d not running: ends d's devices. True when nothing of them is left or in flight. */
bool vblk_relinquish(struct domain *d);
void vblk_domain_destroy(struct domain *d);
/* The guest changed its directory at or below device/. Any locks held. */
void vblk_directory_changed(struct domain *d);

/* --- control operations (public/control.h); d->ctl_lock held */
/* x: the extents, u->nr_extents of them, copied in. */
int vblk_set(struct domain *d, const struct xeno_ctl_vblk_set *u, const struct xeno_vblk_extent *x);
int vblk_remove(struct domain *d, const struct xeno_ctl_vblk_remove *u);
/* x: room for XENO_VBLK_MAX_EXTENTS, of which u->nr_extents are filled. */
int vblk_info(struct domain *d, struct xeno_ctl_vblk_info *u, struct xeno_vblk_extent *x);
int vblk_disk_info(struct xeno_ctl_disk_info *u);

/* --- pure: extents (vblk/extent.c). Sectors are of 512 bytes everywhere. */
struct vblk_extent {
	uint32_t drive;
	uint32_t client; /* index of the drive among those of the device */
	uint64_t first, sectors;
	uint64_t start; /* where it begins within the device */
};

struct vblk_use {
	const struct vblk_extent *x;
	unsigned int n;
	bool writes;
	bool shared; /* its maker knows about the others */
	bool boot;   /* domain 0's view of a whole drive: in nobody's way */
};

/* One extent of a drive of that size; block: sectors in the unit of requests. 0, -EINVAL, -ERANGE. */
int vblk_extent_check(const struct vblk_extent *x, uint64_t drive_sectors, uint32_t block);
/* Sets where each starts, and the sum. -EINVAL: they overlap each other, or are too many. */
int vblk_extents_place(struct vblk_extent *x, unsigned int n, uint64_t *total);
/* May a device with uses a be made while b exists? */
bool vblk_conflict(const struct vblk_use *a, const struct vblk_use *b);

/* --- pure: requests (vblk/request.c) */
struct vblk_shape {
	uint64_t sectors;
	uint32_t block; /* sectors in its unit of requests: 1, 4 or 8 */
	bool read_only, can_discard;
};

union vblk_raw { /* a request as it was in the ring */
	uint8_t operation;
	struct blkif_request rw;
	struct blkif_request_discard discard;
	struct blkif_request_indirect indirect;
};

enum vblk_kind { VBLK_READ, VBLK_WRITE, VBLK_BARRIER, VBLK_FLUSH, VBLK_DISCARD };

struct vblk_io {
	enum vblk_kind kind;
	uint8_t op; /* for the response */
	bool indirect;
	uint16_t nr_segs;
	uint32_t indirect_gref;
	uint64_t id; /* the guest's, any value */
	uint64_t sector, sectors;
};

/* Checks all but the segments. BLKIF_RSP_*; io->id and io->op are set in any case. */
int16_t vblk_parse(const union vblk_raw *raw, const struct vblk_shape *shape, struct vblk_io *io);
/* Checks io->nr_segs segments, read once, and where they go; sets io->sectors. BLKIF_RSP_* */
int16_t vblk_check_segs(struct vblk_io *io, const struct vblk_shape *shape,
			const struct blkif_request_segment *segs);

struct vblk_limits { /* of a drive */
	uint32_t max_sectors;
	uint16_t max_segs;
};

/* How far a request has been handed out. Start: sector, left, the rest zero. */
struct vblk_cursor {
	uint64_t sector, left;
	unsigned int seg;     /* first segment with sectors left */
	struct disk_seg rest; /* what is left of it; len 0: all */
};

struct vblk_piece { /* what one drive can do at once */
	uint32_t client;
	uint32_t sectors;
	uint64_t sector; /* of the drive */
	unsigned int seg, nr_segs;
};

/*
 * The next piece, or false: all is done. limits: by client. Segments are changed in place: those
 * of the piece are right until the next call, and stay within their pages.
 */
bool vblk_next_piece(struct vblk_cursor *c, const struct vblk_extent *x, unsigned int n,
		     const struct vblk_limits *limits, uint32_t block, struct disk_seg *segs,
		     unsigned int nr_segs, struct vblk_piece *p);

#endif

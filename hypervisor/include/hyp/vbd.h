/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual block device, between its two files: vblk/vbd.c, its life and its directory,
 * and vblk/io.c, its ring. Everything of it is protected by the lock of its domain's devices
 * (struct vblk_domain, RANK_VBLK), but for what says so.
 *
 * The device is freed when it has no request left; until then it keeps its domain from
 * going away, too.
 */
#ifndef HYP_VBD_H
#define HYP_VBD_H

#include <hyp/device.h>
#include <hyp/grant.h>
#include <hyp/vblk.h>

#define VBD_RING_ORDER 2 /* of pages, at most */
#define VBD_RING_PAGES (1 << VBD_RING_ORDER)
#define VBD_RING_SLOTS 128 /* in so many pages */

struct vbd;

enum vbd_stage { VBD_FLUSH, VBD_DATA }; /* what a request is at */

/* A request of the guest while it is worked on. */
struct vbd_req {
	struct disk_req dr; /* the piece that is at a drive */
	struct vbd *v;
	struct vbd_req *next; /* free ones */
	struct vblk_io io;
	enum vbd_stage stage;
	bool failed;
	uint16_t pinned;      /* segments whose grants are in use */
	unsigned int flushed; /* drives */
	struct vblk_cursor cursor;
	struct disk_seg segs[DISK_MAX_SEGS];
	grant_ref_t refs[DISK_MAX_SEGS];
};

/* A page of the ring: the guest's, pinned by its grant. */
struct vbd_ring_page {
	grant_ref_t ref;
	mfn_t mfn;
};

struct vbd {
	struct vblk_domain *b;
	unsigned int slot; /* in b->slot */
	struct list link;  /* of all devices; lock of that list */
	uint32_t dev, flags;
	char label[XENO_NAME_MAX];

	/* Changed under the lock of the list of all devices as well: readers need one of them. */
	struct vblk_extent *x;
	unsigned int n;

	struct disk_client *clients; /* one per drive */
	struct vblk_limits *limits;  /* by client: of transfers, then of discards */
	unsigned int nr_clients;
	struct vblk_shape shape;

	unsigned int state; /* enum xenbus_state, as the directory shows it */
	bool removing;	    /* gone as soon as the guest agrees */
	bool closing;	    /* no new requests; the ring goes when the old ones are done */

	/* the ring; nr_pages 0: not connected */
	unsigned int nr_pages, nr_slots;
	struct vbd_ring_page page[VBD_RING_PAGES];
	uint32_t port;
	uint32_t req_cons, rsp_prod;
	struct vbd_req *free;
	struct vbd_req *held; /* a barrier that waits for those before it */
	bool barrier;	      /* one is waiting or at work: nothing is taken from the ring */
	unsigned int in_flight;
};

struct vblk_domain {
	struct domain *d;
	struct spinlock lock;
	struct slot_work work; /* looks at what the task shall look at */
	uint64_t used;	       /* slots; changed under both locks, as they are */
	struct vbd *slot[XENO_VBLK_MAX_DEVICES];
};
_Static_assert(XENO_VBLK_MAX_DEVICES == 64, "slots in a word");

/* --- vblk/io.c; lock held unless said otherwise */
/* Refs of the ring's pages and the guest's port. 0, or a reason for people. */
const char *vbd_connect(struct vbd *v, const grant_ref_t *refs, unsigned int nr_pages,
			uint32_t port);
/* The ring goes, unless requests are in flight: true when it is gone. */
bool vbd_disconnect(struct vbd *v);
/* Takes requests from the ring. No locks held; d alive. */
void vbd_run(struct vblk_domain *b, unsigned int slot);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The block channel: a ring (io/ring.h) of requests and responses, over 1 to 16 pages that
 * the guest grants to the domain named by backend-id. The 64-bit layout ("x86_64-abi") only.
 *
 * In the device directory, below device/vbd/<number>: the guest writes ring-ref (one page) or
 * ring-page-order and ring-ref0 ..., event-channel, protocol, state. Below the path that its
 * node `backend` names, the guest finds state, sectors (of 512 bytes), sector-size,
 * physical-sector-size, info (VDISK_*), mode ("r", "w") and what is supported:
 * max-ring-page-order, feature-max-indirect-segments, feature-flush-cache, feature-barrier,
 * feature-discard (discard-granularity, discard-alignment), feature-persistent.
 * States are those of enum xenbus_state.
 *
 * All sector numbers and lengths are in units of 512 bytes, and multiples of sector-size.
 */
#ifndef XENO_PUBLIC_IO_BLKIF_H
#define XENO_PUBLIC_IO_BLKIF_H

#include <stdint.h>
#include "xenbus.h"

typedef uint16_t blkif_vdev_t;
typedef uint64_t blkif_sector_t;

/* Requests. */
#define BLKIF_OP_READ 0
#define BLKIF_OP_WRITE 1
#define BLKIF_OP_WRITE_BARRIER 2   /* all before it on stable storage, then it, then all after */
#define BLKIF_OP_FLUSH_DISKCACHE 3 /* all completed before it on stable storage */
#define BLKIF_OP_DISCARD 5	   /* the sectors' content does not matter any more */
#define BLKIF_OP_INDIRECT 6	   /* a READ or WRITE whose segments are in granted pages */

/* Responses. */
#define BLKIF_RSP_OKAY 0
#define BLKIF_RSP_ERROR -1
#define BLKIF_RSP_EOPNOTSUPP -2

#define BLKIF_MAX_SEGMENTS_PER_REQUEST 11
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8
#define BLKIF_SEGS_PER_INDIRECT_FRAME 512

/* Sectors first_sect to last_sect, both 0 to 7, of a granted page. */
struct blkif_request_segment {
	uint32_t gref;
	uint8_t first_sect, last_sect;
};
_Static_assert(sizeof(struct blkif_request_segment) == 8, "blkif_request_segment");

struct blkif_request {
	uint8_t operation; /* BLKIF_OP_* */
	uint8_t nr_segments;
	blkif_vdev_t handle;
	uint64_t id; /* comes back in the response */
	blkif_sector_t sector_number;
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
_Static_assert(sizeof(struct blkif_request) == 112, "blkif_request");

#define BLKIF_DISCARD_SECURE 1
struct blkif_request_discard {
	uint8_t operation;
	uint8_t flag; /* BLKIF_DISCARD_* */
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	uint64_t nr_sectors;
};

struct blkif_request_indirect {
	uint8_t operation;
	uint8_t indirect_op; /* BLKIF_OP_READ, BLKIF_OP_WRITE; in the response too */
	uint16_t nr_segments;
	uint64_t id;
	blkif_sector_t sector_number;
	blkif_vdev_t handle;
	uint16_t pad;
	uint32_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
};
_Static_assert(__builtin_offsetof(struct blkif_request_indirect, indirect_grefs) == 28, "blkif");

struct blkif_response {
	uint64_t id;
	uint8_t operation;
	int16_t status; /* BLKIF_RSP_* */
};
_Static_assert(sizeof(struct blkif_response) == 16, "blkif_response");

/* The node `info`. */
#define VDISK_CDROM 0x1
#define VDISK_REMOVABLE 0x2
#define VDISK_READONLY 0x4

#endif

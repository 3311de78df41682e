/* SPDX-License-Identifier: MIT */
/*
 * The shared descriptor ring of block and network channels: a page that starts with
 * struct ring_header, then a power of two of slots, each holding a request or its
 * response. Indexes run freely; slot = index & (slots - 1). Everything in it may change
 * at any time: copy a slot to a local, then check the copy.
 */
#ifndef XENO_PUBLIC_IO_RING_H
#define XENO_PUBLIC_IO_RING_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t RING_IDX;

struct ring_header {
	RING_IDX req_prod, req_event; /* event: notify when prod passes it */
	RING_IDX rsp_prod, rsp_event;
	uint8_t pad[48];
};
_Static_assert(sizeof(struct ring_header) == 64, "ring_header");

/* Slots of slot_size bytes in a ring of ring_bytes: rounded down to a power of two. */
static inline uint32_t ring_slots(uint32_t ring_bytes, uint32_t slot_size)
{
	uint32_t n = (ring_bytes - (uint32_t)sizeof(struct ring_header)) / slot_size;

	return n ? 1u << (31 - __builtin_clz(n)) : 0;
}

static inline void *ring_slot(struct ring_header *r, uint32_t slots, uint32_t slot_size, RING_IDX i)
{
	return (uint8_t *)(r + 1) + (uint64_t)(i & (slots - 1)) * slot_size;
}

/* After *prod went from old to new: must the other side be notified? */
static inline bool ring_must_notify(RING_IDX old, RING_IDX new, RING_IDX event)
{
	return (RING_IDX)(new - event) < (RING_IDX)(new - old);
}

#endif

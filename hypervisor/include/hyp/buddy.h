/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page allocator's core: free blocks of 2^order frames, aligned to their size, kept by
 * zone; a zone is a power of two of machine addresses, so that "below n bits" is a set of
 * zones. Pure but for the frame array it works on; the caller locks. mm/buddy.c
 */
#ifndef HYP_BUDDY_H
#define HYP_BUDDY_H

#include <hyp/frame.h>
#include <hyp/mm.h>

#define BUDDY_ORDERS (MAX_ALLOC_ORDER + 1)
#define BUDDY_ZONES 21 /* zone 0: the first 16 MiB; zone n: 16 MiB << (n - 1) up to twice that */

struct buddy {
	struct frame *frames;
	uint64_t nr_frames;
	uint64_t nr_free;
	uint32_t list[BUDDY_ZONES][BUDDY_ORDERS];
};

void buddy_init(struct buddy *b, struct frame *frames, uint64_t nr_frames);
/* The first frame of 2^order frames below 2^bits bytes (0 = anywhere), highest zones first. */
uint32_t buddy_alloc(struct buddy *b, unsigned int order, unsigned int bits);
void buddy_free(struct buddy *b, uint32_t mfn, unsigned int order);

#endif

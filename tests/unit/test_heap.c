/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/mm/buddy.c */
/*
 * The page allocator: random work against a map of owners; alignment, address limits,
 * coalescing, holes in memory.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/buddy.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>
#include "test.h"

#define NR 40000 /* 156 MiB: zones 0 to 4 */
#define HOLE_START 9000
#define HOLE_END 9777

static struct frame frames[NR];
static uint8_t used[NR];
static struct buddy b;

void panic(const char *fmt, ...)
{
	printf("FAIL panic: %s\n", fmt);
	abort();
}

static uint64_t fill(void)
{
	uint64_t n = 0;

	memset(frames, 0, sizeof(frames));
	memset(used, 0, sizeof(used));
	buddy_init(&b, frames, NR);
	for (uint32_t i = 256; i < NR; i++) {
		if (i >= HOLE_START && i < HOLE_END)
			continue;
		frames[i].state = FS_RAM;
		buddy_free(&b, i, 0);
		n++;
	}
	return n;
}

/* Marks a block used; false when part of it was, or is no RAM. */
static bool claim(uint32_t mfn, unsigned int order)
{
	for (uint32_t i = mfn; i < mfn + (1u << order); i++) {
		if (i >= NR || used[i] || frames[i].state != FS_RAM)
			return false;
		used[i] = 1;
	}
	return !(mfn & ((1u << order) - 1));
}

static void release(uint32_t mfn, unsigned int order)
{
	memset(used + mfn, 0, 1u << order);
	buddy_free(&b, mfn, order);
}

static void random_work(void)
{
	static struct {
		uint32_t mfn;
		unsigned int order;
	} held[3000];
	unsigned int n = 0;
	uint64_t total = fill(), out = 0;

	srand(1);
	for (unsigned int step = 0; step < 200000; step++) {
		if (n < 3000 && rand() % 2) {
			unsigned int order = (unsigned int)rand() % 100 ? (unsigned int)rand() % 5 :
									  (unsigned int)rand() % 13;
			uint32_t mfn = buddy_alloc(&b, order, 0);

			if (mfn == FRAME_INDEX_NONE)
				continue;
			CHECK(claim(mfn, order));
			held[n].mfn = mfn;
			held[n++].order = order;
			out += 1ul << order;
		} else if (n) {
			unsigned int i = (unsigned int)rand() % n;

			release(held[i].mfn, held[i].order);
			out -= 1ul << held[i].order;
			held[i] = held[--n];
		}
		CHECK(b.nr_free == total - out);
	}
	while (n--)
		release(held[n].mfn, held[n].order);
	CHECK(b.nr_free == total);
}

/* Everything freed page by page in any order: the blocks are as large as they were. */
static void coalesces(void)
{
	uint32_t mfn, *order = malloc(NR * sizeof(*order)), n = 0, big = 0;
	uint64_t total = fill();

	while ((mfn = buddy_alloc(&b, MAX_ALLOC_ORDER, 0)) != FRAME_INDEX_NONE) {
		big++;
		buddy_free(&b, mfn, MAX_ALLOC_ORDER);
		if (big > 3)
			break;
	}
	while ((mfn = buddy_alloc(&b, 0, 0)) != FRAME_INDEX_NONE)
		order[n++] = mfn;
	CHECK(n == total && !b.nr_free);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = (uint32_t)rand() % n, t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < n; i++)
		buddy_free(&b, order[i], 0);
	CHECK(b.nr_free == total);
	for (n = 0; (mfn = buddy_alloc(&b, MAX_ALLOC_ORDER, 0)) != FRAME_INDEX_NONE; n++)
		CHECK(claim(mfn, MAX_ALLOC_ORDER));
	CHECK(n ==
	      7); /* ten of 4096 fit; the first, the one with the hole and the last are not whole */
	free(order);
}

static void address_limits(void)
{
	uint32_t mfn;
	uint64_t n = 0;

	fill();
	CHECK(buddy_alloc(&b, 0, 23) == FRAME_INDEX_NONE);
	mfn = buddy_alloc(&b, 3, 0);
	CHECK(mfn >= 32768); /* high memory first */
	buddy_free(&b, mfn, 3);
	for (unsigned int bits = 24; bits < 30; bits++) {
		mfn = buddy_alloc(&b, 4, bits);
		CHECK(mfn != FRAME_INDEX_NONE && (uint64_t)mfn + 16 <= 1ul << (bits - PAGE_SHIFT));
		buddy_free(&b, mfn, 4);
	}
	while (buddy_alloc(&b, 0, 24) != FRAME_INDEX_NONE)
		n++;
	CHECK(n == 4096 - 256);
	CHECK(buddy_alloc(&b, 0, 25) >= 4096);
	CHECK(buddy_alloc(&b, 0, 99) != FRAME_INDEX_NONE);
}

static void too_large(void)
{
	fill();
	CHECK(buddy_alloc(&b, MAX_ALLOC_ORDER + 1, 0) == FRAME_INDEX_NONE);
	CHECK(buddy_alloc(&b, 63, 0) == FRAME_INDEX_NONE);
}

int main(void)
{
	static const struct test t[] = { TEST(random_work), TEST(coalesces), TEST(address_limits),
					 TEST(too_large) };

	return TEST_RUN(t);
}

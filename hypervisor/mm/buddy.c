/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buddy allocator. A free block is known by its first frame: FS_FREE in the state, the order
 * in aux, next and prev linking it into the list of its zone and order. Two free buddies
 * never exist side by side: they are one block of the next order, up to the largest.
 *
 * Since the largest block is as big and as aligned as zone 0, no block crosses zones.
 * Not here: locking, zeroing, and any limit on who may take how much.
 */
#include <hyp/buddy.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>

static unsigned int zone_of(uint64_t mfn)
{
	unsigned int z = mfn >> MAX_ALLOC_ORDER ?
				 64 - (unsigned int)__builtin_clzl(mfn >> MAX_ALLOC_ORDER) :
				 0;

	return min(z, (unsigned int)BUDDY_ZONES - 1);
}

static void push(struct buddy *b, uint32_t mfn, unsigned int order)
{
	uint32_t *head = &b->list[zone_of(mfn)][order];
	struct frame *f = &b->frames[mfn];

	ASSERT(f->state == FS_RAM);
	f->state = FS_RAM | FS_FREE;
	f->owner = FRAME_OWNER_NONE;
	f->aux = (uint16_t)order;
	f->prev = FRAME_INDEX_NONE;
	f->next = *head;
	if (*head != FRAME_INDEX_NONE)
		b->frames[*head].prev = mfn;
	*head = mfn;
}

static void take(struct buddy *b, uint32_t mfn, unsigned int order)
{
	struct frame *f = &b->frames[mfn];

	ASSERT(f->state == (FS_RAM | FS_FREE) && f->aux == order);
	if (f->prev != FRAME_INDEX_NONE)
		b->frames[f->prev].next = f->next;
	else
		b->list[zone_of(mfn)][order] = f->next;
	if (f->next != FRAME_INDEX_NONE)
		b->frames[f->next].prev = f->prev;
	f->state = FS_RAM;
}

void buddy_init(struct buddy *b, struct frame *frames, uint64_t nr_frames)
{
	*b = (struct buddy){ .frames = frames, .nr_frames = nr_frames };
	for (unsigned int z = 0; z < BUDDY_ZONES; z++)
		for (unsigned int o = 0; o < BUDDY_ORDERS; o++)
			b->list[z][o] = FRAME_INDEX_NONE;
}

/* Number of zones that lie below 2^bits bytes altogether. */
static unsigned int zones_below(unsigned int bits)
{
	if (!bits || bits >= 64)
		return BUDDY_ZONES;
	if (bits < PAGE_SHIFT + MAX_ALLOC_ORDER)
		return 0;
	return min(bits - (PAGE_SHIFT + MAX_ALLOC_ORDER) + 1, (unsigned int)BUDDY_ZONES);
}

uint32_t buddy_alloc(struct buddy *b, unsigned int order, unsigned int bits)
{
	for (unsigned int z = zones_below(bits); z-- > 0;) {
		unsigned int o = order;
		uint32_t mfn;

		while (o < BUDDY_ORDERS && b->list[z][o] == FRAME_INDEX_NONE)
			o++;
		if (o >= BUDDY_ORDERS)
			continue;
		mfn = b->list[z][o];
		take(b, mfn, o);
		while (o-- > order)
			push(b, mfn + (1u << o), o);
		b->nr_free -= 1ul << order;
		return mfn;
	}
	return FRAME_INDEX_NONE;
}

void buddy_free(struct buddy *b, uint32_t mfn, unsigned int order)
{
	ASSERT(order < BUDDY_ORDERS && !(mfn & ((1u << order) - 1)));
	ASSERT(mfn + (1ul << order) <= b->nr_frames);
	b->nr_free += 1ul << order;
	for (; order < MAX_ALLOC_ORDER; order++) {
		uint32_t buddy = mfn ^ (1u << order);

		if (buddy >= b->nr_frames || b->frames[buddy].state != (FS_RAM | FS_FREE) ||
		    b->frames[buddy].aux != order)
			break;
		take(b, buddy, order);
		mfn &= ~(1u << order);
	}
	push(b, mfn, order);
}

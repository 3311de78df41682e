/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's free memory: a buddy allocator of frames (mm/buddy.c) under one lock, and on
 * top a small allocator for control structures.
 *
 * Whoever takes frames for a guest or for structures gets them zeroed; freed memory is not
 * cleaned before it is needed again, since nobody can look at it. Debug builds fill it with
 * junk at once.
 *
 * The small allocator cuts pages into blocks of a power of two from 64 bytes to half a page,
 * aligned to their size; larger requests are whole pages. A page with free blocks is on the
 * list of its class, and goes back to the heap when its last block is freed, so that memory
 * comes back completely. Of its frame, aux is the class, link the number of blocks in use
 * and the offset of the first free one. Whole pages have aux = PAGES + order.
 *
 * Not here: any promise. Callers must live with NULL.
 */
#include <hyp/buddy.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/spinlock.h>

#define MIN_SHIFT 6
#define NR_CLASSES (PAGE_SHIFT - MIN_SHIFT)
#define PAGES 0x100
#define NO_BLOCK 0xffffu
#define POISON 0xdb

/* protected by heap_lock: */
static struct spinlock heap_lock = SPINLOCK_INIT(RANK_HEAP, "heap");
static struct buddy heap;
static uint32_t partial[NR_CLASSES];
static uint64_t total_pages;

void heap_init(void)
{
	buddy_init(&heap, frame_table, max_mfn);
	for (unsigned int c = 0; c < NR_CLASSES; c++)
		partial[c] = FRAME_INDEX_NONE;
}

void heap_add(uint64_t start, uint64_t end)
{
	spin_lock(&heap_lock);
	while (start < end) {
		unsigned int order = min((unsigned int)__builtin_ctzl(start | 1ul << 63),
					 (unsigned int)MAX_ALLOC_ORDER);

		while (1ul << order > end - start)
			order--;
		buddy_free(&heap, (uint32_t)start, order);
		start += 1ul << order;
	}
	spin_unlock(&heap_lock);
}

void heap_count(uint64_t pages)
{
	total_pages += pages;
}

uint64_t mm_free_pages(void)
{
	return READ_ONCE(heap.nr_free);
}

uint64_t mm_total_pages(void)
{
	return total_pages;
}

static void poison(mfn_t mfn, unsigned int order)
{
#ifdef DEBUG
	memset(mfn_to_virt(mfn), POISON, PAGE_SIZE << order);
#endif
}

/* --- frames */

static mfn_t alloc_locked(unsigned int order, unsigned int address_bits)
{
	uint32_t mfn = FRAME_INDEX_NONE;

	if (order <= MAX_ALLOC_ORDER)
		mfn = buddy_alloc(&heap, order, address_bits);
	return mfn == FRAME_INDEX_NONE ? INVALID_MFN : MFN(mfn);
}

mfn_t heap_alloc(unsigned int order, unsigned int address_bits)
{
	mfn_t mfn;

	spin_lock(&heap_lock);
	mfn = alloc_locked(order, address_bits);
	spin_unlock(&heap_lock);
	return mfn;
}

void heap_free(mfn_t mfn, unsigned int order)
{
	poison(mfn, order);
	spin_lock(&heap_lock);
	buddy_free(&heap, (uint32_t)mfn.n, order);
	spin_unlock(&heap_lock);
}

void *hyp_page_alloc(unsigned int order)
{
	mfn_t mfn = heap_alloc(order, 0);

	if (mfn_eq(mfn, INVALID_MFN))
		return NULL;
	return memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order);
}

void hyp_page_free(void *p, unsigned int order)
{
	ASSERT(!((uint64_t)p & (PAGE_SIZE - 1)));
	if (p)
		heap_free(virt_to_mfn(p), order);
}

/* --- blocks */

static void class_push(unsigned int class, uint32_t mfn)
{
	struct frame *f = &frame_table[mfn];

	f->prev = FRAME_INDEX_NONE;
	f->next = partial[class];
	if (f->next != FRAME_INDEX_NONE)
		frame_table[f->next].prev = mfn;
	partial[class] = mfn;
}

static void class_remove(unsigned int class, uint32_t mfn)
{
	struct frame *f = &frame_table[mfn];

	if (f->prev != FRAME_INDEX_NONE)
		frame_table[f->prev].next = f->next;
	else
		partial[class] = f->next;
	if (f->next != FRAME_INDEX_NONE)
		frame_table[f->next].prev = f->prev;
}

/* A new page for the class: all its blocks are chained. */
static bool class_grow(unsigned int class)
{
	mfn_t mfn = alloc_locked(0, 0);
	unsigned int size = 1u << (class + MIN_SHIFT);
	char *page;

	if (mfn_eq(mfn, INVALID_MFN))
		return false;
	page = mfn_to_virt(mfn);
	for (unsigned int off = 0; off < PAGE_SIZE; off += size)
		*(uint16_t *)(page + off) =
			(uint16_t)(off + size < PAGE_SIZE ? off + size : NO_BLOCK);
	frame_table[mfn.n].aux = (uint16_t) class;
	frame_table[mfn.n].link = 0;
	class_push(class, (uint32_t)mfn.n);
	return true;
}

static void *block_alloc(unsigned int class)
{
	struct frame *f;
	uint16_t next;
	char *p;

	if (partial[class] == FRAME_INDEX_NONE && !class_grow(class))
		return NULL;
	f = &frame_table[partial[class]];
	p = (char *)mfn_to_virt(MFN(partial[class])) + (f->link & 0xffff);
	next = *(uint16_t *)p;
	f->link = ((f->link >> 16) + 1) << 16 | next;
	if (next == NO_BLOCK)
		class_remove(class, partial[class]);
	return p;
}

/* True when the page is to go back to the heap. */
static bool block_free(struct frame *f, uint32_t mfn, char *p)
{
	unsigned int class = f->aux;
	uint16_t first = (uint16_t)f->link;
	uint32_t used = (f->link >> 16) - 1;

	*(uint16_t *)p = first;
	f->link = used << 16 | ((uint64_t)p & (PAGE_SIZE - 1));
	if (first == NO_BLOCK)
		class_push(class, mfn);
	if (!used)
		class_remove(class, mfn);
	return !used;
}

static void *pages_alloc(size_t size)
{
	unsigned int order = 0;
	void *p;

	while ((PAGE_SIZE << order) < size)
		order++;
	p = hyp_page_alloc(order);
	if (p)
		frame_table[virt_to_mfn(p).n].aux = (uint16_t)(PAGES + order);
	return p;
}

void *hyp_alloc(size_t size)
{
	unsigned int class = 0;
	void *p;

	if (size > PAGE_SIZE / 2)
		return pages_alloc(size);
	while ((1ul << (class + MIN_SHIFT)) < size)
		class ++;
	spin_lock(&heap_lock);
	p = block_alloc(class);
	spin_unlock(&heap_lock);
	return p ? memset(p, 0, 1ul << (class + MIN_SHIFT)) : NULL;
}

void hyp_free(void *p)
{
	mfn_t mfn = p ? virt_to_mfn(p) : INVALID_MFN;
	struct frame *f = &frame_table[p ? mfn.n : 0];
	bool empty;

	if (!p)
		return;
	ASSERT(f->state == FS_RAM);
	if (f->aux >= PAGES) {
		hyp_page_free(p, f->aux - PAGES);
		return;
	}
#ifdef DEBUG
	memset(p, POISON, 1ul << (f->aux + MIN_SHIFT));
#endif
	spin_lock(&heap_lock);
	empty = block_free(f, (uint32_t)mfn.n, p);
	spin_unlock(&heap_lock);
	if (empty)
		heap_free(mfn, 0);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of a new domain (bootplan.h). A table of level l is named by its prefix, the
 * bits of the virtual page number above its own index: vpage >> 9 * l. The tables of a
 * region are those of its first to its last prefix, level by level, one after the other;
 * the second region has only those the first has not. Entries carry no user bit: guest
 * kernels run in ring 1. Pages that hold tables are mapped read-only.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bootplan.h"

#define PTE_PRESENT 0x1ull
#define PTE_WRITE 0x2ull
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY 0x40ull
#define PTE_FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)
#define VPAGE_MASK ((1ull << 36) - 1)
#define REGION_ALIGN 1024ull  /* pages: 4 MiB */
#define REGION_PADDING 128ull /* pages: 512 KiB */

static int __attribute__((format(printf, 2, 3))) fail(char *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, KERN_ERR, fmt, ap);
	va_end(ap);
	return -1;
}

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

static uint64_t first_prefix(const struct boot_region *r, unsigned int level)
{
	return r->vpage >> 9 * level;
}

static uint64_t last_prefix(const struct boot_region *r, unsigned int level)
{
	return (r->vpage + r->pages - 1) >> 9 * level;
}

static bool has_table(const struct boot_region *r, unsigned int level, uint64_t prefix)
{
	return r->pages && prefix >= first_prefix(r, level) && prefix <= last_prefix(r, level);
}

/* Prefixes from first up to below prefix that r has tables for, too. */
static uint64_t shared_before(const struct boot_region *r, unsigned int level, uint64_t first,
			      uint64_t prefix)
{
	uint64_t lo = first_prefix(r, level), hi = last_prefix(r, level) + 1;

	if (!r->pages)
		return 0;
	lo = lo > first ? lo : first;
	hi = hi < prefix ? hi : prefix;
	return hi > lo ? hi - lo : 0;
}

/* Tables of r at a level, without those other has. */
static uint64_t count_tables(const struct boot_region *r, const struct boot_region *other,
			     unsigned int level)
{
	uint64_t first = first_prefix(r, level), end = last_prefix(r, level) + 1;

	return r->pages ? end - first - shared_before(other, level, first, end) : 0;
}

static const struct boot_region no_region;

static uint64_t count_all(const struct boot_region *r, const struct boot_region *other)
{
	uint64_t n = 0;

	for (unsigned int level = 1; level <= 4; level++)
		n += count_tables(r, other, level);
	return n;
}

/* Gives the tables of r their frames, L4 first. */
static void place_tables(struct boot_region *r, const struct boot_region *other, uint64_t frame)
{
	for (unsigned int level = 4; level >= 1; level--) {
		r->tables[level] = frame;
		frame += count_tables(r, other, level);
	}
}

/* The mapped region's size depends on its page tables and the other way round. */
static void size_region(struct boot_plan *p, uint64_t before_tables)
{
	uint64_t tables = 0, end;

	do {
		p->tables.count = tables;
		end = before_tables + tables + 1 + REGION_PADDING;
		end = (end + REGION_ALIGN - 1) / REGION_ALIGN * REGION_ALIGN;
		p->low.pages = end;
		tables = count_all(&p->low, &no_region);
	} while (tables != p->tables.count);
}

static struct frames take(uint64_t *next, uint64_t count)
{
	struct frames f = { *next, count };

	*next += count;
	return f;
}

static int check_region(const struct boot_region *r, char *err)
{
	/* From the lower half into the gap, or across the hypervisor's slots 256 to 271. */
	if (r->vpage + r->pages > 1ull << 36 ||
	    (r->vpage >> 27 < 272 && (r->vpage + r->pages - 1) >> 27 >= 256))
		return fail(err, "no room for its memory at virtual address %#llx",
			    (unsigned long long)r->vpage << 12);
	return 0;
}

static void lay_mapped(struct boot_plan *p, const struct kern_image *k)
{
	uint64_t next = pages_of(k->end - k->virt_base);

	p->ramdisk_mapped = p->ramdisk_len && !k->mod_start_pfn;
	p->p2m_mapped = k->init_p2m == KERN_NONE;
	if (p->ramdisk_mapped)
		p->ramdisk = take(&next, pages_of(p->ramdisk_len));
	if (p->p2m_mapped)
		p->p2m = take(&next, pages_of(p->nr_pages * 8));
	p->start_info = next++;
	p->xenstore = next++;
	p->console = next++;
	size_region(p, next);
	p->tables = take(&next, p->tables.count);
	p->stack = next;
	place_tables(&p->low, &no_region, p->tables.first);
}

/* Behind the mapped region. Returns the number of frames it all takes. */
static uint64_t lay_unmapped(struct boot_plan *p, const struct kern_image *k)
{
	uint64_t next = p->low.pages;

	if (p->ramdisk_len && !p->ramdisk_mapped)
		p->ramdisk = take(&next, pages_of(p->ramdisk_len));
	if (p->p2m_mapped) {
		p->p2m_vaddr = boot_vaddr(p, p->p2m.first);
		return next;
	}
	p->p2m_vaddr = k->init_p2m;
	p->list.vpage = k->init_p2m >> 12 & VPAGE_MASK;
	p->list.pages = pages_of(p->nr_pages * 8);
	p->p2m_tables = take(&next, count_all(&p->list, &p->low));
	place_tables(&p->list, &p->low, p->p2m_tables.first);
	p->p2m = take(&next, p->list.pages);
	p->list.frame = p->p2m.first;
	return next;
}

int boot_plan(struct boot_plan *p, const struct kern_image *k, uint64_t nr_pages,
	      uint64_t ramdisk_len, char err[KERN_ERR])
{
	uint64_t needed;

	memset(p, 0, sizeof(*p));
	if (ramdisk_len > KERN_MAX_BYTES)
		return fail(err, "the ramdisk has %llu MiB; at most %llu are possible",
			    (unsigned long long)(ramdisk_len >> 20), KERN_MAX_BYTES >> 20);
	p->nr_pages = nr_pages;
	p->virt_base = k->virt_base;
	p->ramdisk_len = ramdisk_len;
	p->low.vpage = k->virt_base >> 12 & VPAGE_MASK;
	lay_mapped(p, k);
	needed = lay_unmapped(p, k);
	if (check_region(&p->low, err) || (p->list.pages && check_region(&p->list, err)))
		return -1;
	if (p->list.pages && p->list.vpage < p->low.vpage + p->low.pages &&
	    p->low.vpage < p->list.vpage + p->list.pages)
		return fail(err, "it wants the frame list at %#llx, where its memory is",
			    (unsigned long long)k->init_p2m);
	if (needed > nr_pages)
		return fail(err,
			    "too little memory: kernel and ramdisk need %llu MiB to start, "
			    "the guest has %llu MiB",
			    (unsigned long long)(needed * PAGE_BYTES + (1 << 20) - 1) >> 20,
			    (unsigned long long)(nr_pages * PAGE_BYTES) >> 20);
	return 0;
}

/* Frame of the table with this prefix, or KERN_NONE. */
static uint64_t find_table(const struct boot_plan *p, unsigned int level, uint64_t prefix)
{
	uint64_t first = first_prefix(&p->list, level);

	if (has_table(&p->low, level, prefix))
		return p->low.tables[level] + prefix - first_prefix(&p->low, level);
	if (has_table(&p->list, level, prefix))
		return p->list.tables[level] + prefix - first -
		       shared_before(&p->low, level, first, prefix);
	return KERN_NONE;
}

static bool is_table(const struct boot_plan *p, uint64_t frame)
{
	return frame - p->tables.first < p->tables.count ||
	       frame - p->p2m_tables.first < p->p2m_tables.count;
}

/* Level-1 entry of a virtual page. */
static uint64_t page_entry(const struct boot_plan *p, uint64_t vpage, const uint64_t *p2m)
{
	const struct boot_region *r = &p->low;
	uint64_t frame;

	if (vpage - r->vpage >= r->pages)
		r = &p->list;
	if (vpage - r->vpage >= r->pages)
		return 0;
	frame = r->frame + vpage - r->vpage;
	return p2m[frame] << 12 | PTE_FLAGS | (is_table(p, frame) ? 0 : PTE_WRITE);
}

uint64_t boot_plan_tables(const struct boot_plan *p)
{
	return p->tables.count + p->p2m_tables.count;
}

/* Which level and prefix the n-th table has. */
static void name_table(const struct boot_plan *p, uint64_t n, unsigned int *level, uint64_t *prefix)
{
	const struct boot_region *r = n < p->tables.count ? &p->low : &p->list;
	const struct boot_region *other = r == &p->low ? &no_region : &p->low;
	uint64_t count;

	n -= r == &p->low ? 0 : p->tables.count;
	for (*level = 4; n >= (count = count_tables(r, other, *level)); (*level)--)
		n -= count;
	for (*prefix = first_prefix(r, *level); n || has_table(other, *level, *prefix); (*prefix)++)
		n -= !has_table(other, *level, *prefix);
}

uint64_t boot_plan_table(const struct boot_plan *p, uint64_t n, const uint64_t *p2m,
			 uint64_t entries[512])
{
	unsigned int level;
	uint64_t prefix;

	name_table(p, n, &level, &prefix);
	for (unsigned int i = 0; i < 512; i++) {
		uint64_t child = prefix << 9 | i;
		uint64_t frame = level > 1 ? find_table(p, level - 1, child) : 0;

		if (level == 1)
			entries[i] = page_entry(p, child, p2m);
		else
			entries[i] = frame == KERN_NONE ? 0 :
							  p2m[frame] << 12 | PTE_FLAGS | PTE_WRITE;
	}
	return find_table(p, level, prefix);
}

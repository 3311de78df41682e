/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where everything of a new domain lies: the start-of-day layout of public/xen.h (struct
 * start_info) in pseudo-physical frames, and the contents of its first page tables. Pure.
 *
 *	mapped from virt_base:	kernel, [ramdisk], [p2m list], start_info, xenstore, console,
 *				page tables, boot stack, padding to 4 MiB
 *	not mapped:		[ramdisk], [p2m list's tables, p2m list]
 */
#ifndef XENCTL_BOOTPLAN_H
#define XENCTL_BOOTPLAN_H

#include "kernimage.h"

#define PAGE_BYTES 4096ull

struct frames {
	uint64_t first, count; /* pseudo-physical frame numbers */
};

/* A range of virtual pages mapped to consecutive frames, and where its tables lie. */
struct boot_region {
	uint64_t vpage, pages; /* first virtual page number (48-bit address >> 12) */
	uint64_t frame;	       /* its frame */
	uint64_t tables[5];    /* by level 1..4: frame of the first table */
};

struct boot_plan {
	uint64_t nr_pages;
	uint64_t virt_base;
	uint64_t ramdisk_len;
	struct frames ramdisk, p2m, p2m_tables, tables;
	uint64_t start_info, xenstore, console, stack; /* frames */
	bool ramdisk_mapped, p2m_mapped;	       /* within the mapped region */
	uint64_t p2m_vaddr;
	struct boot_region low, list; /* list: the p2m list, when it is not within low */
};

/*
 * Lays out a domain of nr_pages frames. -1: err says how much memory it would need, or
 * what is wrong with the kernel's wishes.
 */
int boot_plan(struct boot_plan *p, const struct kern_image *k, uint64_t nr_pages,
	      uint64_t ramdisk_len, char err[KERN_ERR]);

/* Page-table frames of the plan: n-th of boot_plan_tables() in all. */
uint64_t boot_plan_tables(const struct boot_plan *p);
/*
 * The n-th table: its frame is returned, and its 512 entries. p2m[f] is the machine frame
 * of pseudo-physical frame f.
 */
uint64_t boot_plan_table(const struct boot_plan *p, uint64_t n, const uint64_t *p2m,
			 uint64_t entries[512]);

/* Virtual address of a frame of the mapped region. */
static inline uint64_t boot_vaddr(const struct boot_plan *p, uint64_t frame)
{
	return p->virt_base + frame * PAGE_BYTES;
}

#endif

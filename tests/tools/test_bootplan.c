// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/bootplan.c */
/*
 * Start-of-day layouts: nothing overlaps, and a walk of the page tables finds every page
 * where the ABI says, tables read-only, nothing else.
 */
#include <stdlib.h>

#include "../../tools/xenctl/bootplan.h"
#include "check.h"

#define MFN_OF(frame) ((frame)*3 + 1000) /* any one-to-one map */
#define FRAME_OF(mfn) (((mfn)-1000) / 3)

static uint64_t *p2m;
static uint64_t (*memory)[512]; /* contents of table frames, by pseudo-physical frame */
static uint8_t *used;

static void use(struct frames f, uint64_t nr_pages)
{
	for (uint64_t i = f.first; i < f.first + f.count; i++) {
		check(i < nr_pages, "frame %llu of %llu", (unsigned long long)i,
		      (unsigned long long)nr_pages);
		if (i < nr_pages) {
			check(!used[i], "frame %llu is used twice", (unsigned long long)i);
			used[i] = 1;
		}
	}
}

/* The entry for va, or 0. */
static uint64_t walk(const struct boot_plan *p, uint64_t va)
{
	uint64_t frame = p->tables.first;

	for (unsigned int shift = 39;; shift -= 9) {
		uint64_t e = memory[frame][va >> shift & 511];

		if (!(e & 1) || shift == 12)
			return e;
		frame = FRAME_OF(e >> 12 & 0xffffffffff);
	}
}

static void check_pages(const struct boot_plan *p, uint64_t va, uint64_t pages, uint64_t frame)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t e = walk(p, va + i * PAGE_BYTES);
		bool table = frame + i - p->tables.first < p->tables.count ||
			     frame + i - p->p2m_tables.first < p->p2m_tables.count;

		check(e >> 12 == MFN_OF(frame + i), "page %#llx is %#llx",
		      (unsigned long long)(va + i * PAGE_BYTES), (unsigned long long)e);
		check((e & 0xfff) == (table ? 0x61 : 0x63), "flags %#llx", (unsigned long long)e);
	}
	check(!(walk(p, va + pages * PAGE_BYTES) & 1), "a page too many");
}

static void check_plan(const struct boot_plan *p, const struct kern_image *k)
{
	uint64_t mapped = p->low.pages;

	memset(used, 0, p->nr_pages);
	use((struct frames){ 0, (k->end - k->virt_base + 4095) / 4096 }, p->nr_pages);
	use(p->ramdisk, p->nr_pages);
	use(p->p2m, p->nr_pages);
	use(p->p2m_tables, p->nr_pages);
	use(p->tables, p->nr_pages);
	use((struct frames){ p->start_info, 1 }, p->nr_pages);
	use((struct frames){ p->xenstore, 1 }, p->nr_pages);
	use((struct frames){ p->console, 1 }, p->nr_pages);
	use((struct frames){ p->stack, 1 }, p->nr_pages);
	check(p->start_info < p->xenstore && p->console == p->xenstore + 1 &&
		      p->console < p->tables.first && p->stack == p->tables.first + p->tables.count,
	      "order");
	check(mapped % 1024 == 0 && mapped >= p->stack + 1 + 128, "padding");
	for (uint64_t n = 0; n < boot_plan_tables(p); n++) {
		uint64_t entries[512];
		uint64_t frame = boot_plan_table(p, n, p2m, entries);

		check(frame == (n < p->tables.count ? p->tables.first + n :
						      p->p2m_tables.first + n - p->tables.count),
		      "table %llu at %llu", (unsigned long long)n, (unsigned long long)frame);
		if (frame < p->nr_pages)
			memcpy(memory[frame], entries, sizeof(entries));
	}
	if (check_failed_in_test)
		return;
	check_pages(p, k->virt_base, mapped, 0);
	if (!p->p2m_mapped)
		check_pages(p, k->init_p2m, p->p2m.count, p->p2m.first);
	else
		check(p->p2m_vaddr == boot_vaddr(p, p->p2m.first), "p2m address");
}

static void test_layouts(void)
{
	static const uint64_t bases[] = { 0,	      0x400000,	    0xffffffff80000000,
					  0x7fe00000, 0x8000000000, 0xffff880000000000 };
	static const uint64_t lists[] = { KERN_NONE,   0x8000000000,	   0xffffffffa0000000,
					  0x3fe00000,  0xffff888000000000, 0x40000000,
					  0x7fc0000000 };

	for (unsigned int i = 0; i < 6 * 7 * 2 * 2; i++) {
		struct kern_image k = { .virt_base = bases[i % 6],
					.init_p2m = lists[i / 6 % 7],
					.mod_start_pfn = i / 42 % 2 };
		uint64_t pages = i / 84 ? 12 * 256 : 48 * 256 + 3;
		char err[KERN_ERR] = "";
		struct boot_plan p;

		if (k.init_p2m == k.virt_base)
			continue;
		k.end = k.virt_base + 0x300123;
		check(!boot_plan(&p, &k, pages, i % 5 ? 100001 : 0, err), "case %u: %s", i, err);
		check_plan(&p, &k);
	}
	verdict("bootplan-layouts");
}

static void test_too_little(void)
{
	struct kern_image k = { .virt_base = 0xffffffff80000000,
				.init_p2m = 1ull << 39,
				.mod_start_pfn = true };
	char err[KERN_ERR];
	struct boot_plan p;
	uint64_t pages;

	k.end = k.virt_base + (20 << 20);
	for (pages = 1; boot_plan(&p, &k, pages, 4 << 20, err); pages++)
		check(strstr(err, "too little memory"), "%s", err);
	check(pages > 24 * 256 && pages < 30 * 256, "%llu pages", (unsigned long long)pages);
	check_plan(&p, &k);
	verdict("bootplan-too-little-memory");
}

static void expect(struct kern_image k, uint64_t pages, const char *part)
{
	char err[KERN_ERR] = "";
	struct boot_plan p;

	check(boot_plan(&p, &k, pages, 0, err) && strstr(err, part), "'%s' not '%s'", err, part);
}

static void test_refusals(void)
{
	struct kern_image k = { .virt_base = 0xffffffffffe00000, .init_p2m = KERN_NONE };

	k.end = k.virt_base + 4096;
	expect(k, 4096, "no room for its memory");
	k.virt_base = 0x7fffffe00000; /* would reach the hypervisor */
	k.end = k.virt_base + 4096;
	expect(k, 4096, "no room for its memory");
	k = (struct kern_image){ .virt_base = 0x400000, .end = 0x500000, .init_p2m = 0x600000 };
	expect(k, 4096, "where its memory is");
	verdict("bootplan-refusals");
}

int main(void)
{
	const uint64_t max = 64 * 256;

	p2m = malloc(max * 8);
	memory = calloc(max, sizeof(*memory));
	used = malloc(max);
	for (uint64_t i = 0; i < max; i++)
		p2m[i] = MFN_OF(i);
	test_layouts();
	test_too_little();
	test_refusals();
	free(p2m);
	free(memory);
	free(used);
	return check_failed;
}

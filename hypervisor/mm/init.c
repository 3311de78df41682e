/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own address space, for good: direct map, image with its rights, frame
 * table, machine-to-physical table (M2P), windows for CPU areas and devices. layout.h has
 * the map.
 *
 * The 16 third-level tables are made first and never replaced, so every top-level table in
 * the machine can hold the same 16 entries: what is mapped later shows up in all of them.
 *
 * The boot tables map the first 4 GiB only. So: tables for the direct map come from below
 * that, they are loaded, and everything large is then taken from the end of memory, which
 * leaves low memory to those who need it.
 *
 * Frame table and M2P cover frames up to max_mfn. Where there is no RAM they are backed by
 * one shared page - all zeroes ("not RAM"), all M2P_INVALID - so that looking up any number
 * below max_mfn is safe. The first MiB counts as no RAM: firmware and domain 0 use it.
 *
 * Not here: RAM beyond the direct map (5 TiB) is ignored, with a message. Hot-plugged memory.
 */
#include <hyp/boot.h>
#include <hyp/cpu.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt_check.h>
#include <hyp/spinlock.h>

#define SIZE_2M (1ul << 21)
#define SIZE_1G (1ul << 30)
#define BOOT_MAP_LIMIT (1ul << 32)
#define DIRECT_MAP_SIZE (HYP_VIRT_END - DIRECT_MAP_VIRT)
#define LOW_MEMORY 0x100000ul
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)
#define DATA_FLAGS (TABLE_FLAGS | PTE_NX)
#define MAX_TAKEN 64
#define MAX_DENIED 128

uint64_t *hyp_l4;
uint64_t max_mfn;
uint64_t pt_reserved_bits;
static bool have_1g;

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* RAM that the frame table covers, of range i; false when none of it. */
static bool usable_ram(unsigned int i, uint64_t *start, uint64_t *end)
{
	*start = max(mem_map[i].start, LOW_MEMORY);
	*end = min(mem_map[i].end, DIRECT_MAP_SIZE);
	return mem_map[i].type == MEM_RAM && *start < *end;
}

/* --- early memory: from the top down, beside what is reserved or was taken before */

static struct mem_range taken[MAX_TAKEN];
static unsigned int nr_taken;
static uint64_t early_limit = BOOT_MAP_LIMIT;
static bool heap_ready;

/* Moves *start below a range that [*start, *start + size) runs into; true when it does. */
static bool step_over(const struct mem_range *r, unsigned int n, uint64_t *start, uint64_t size)
{
	for (unsigned int i = 0; i < n; i++)
		if (r[i].start < *start + size && *start < r[i].end) {
			*start = r[i].start - size;
			return true;
		}
	return false;
}

static void note_taken(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < nr_taken; i++)
		if (taken[i].start == end) {
			taken[i].start = start;
			return;
		}
	if (nr_taken == MAX_TAKEN)
		panic("mm: memory is too fragmented to start");
	taken[nr_taken++] = (struct mem_range){ .start = start, .end = end };
}

static void *early_alloc(uint64_t size)
{
	uint64_t low, end, start;

	for (unsigned int i = nr_mem_ranges; i-- > 0;) {
		if (!usable_ram(i, &low, &end) || min(end, early_limit) < low + size)
			continue;
		start = (min(end, early_limit) - size) & ~(size - 1);
		while (step_over(boot_reserved, nr_boot_reserved, &start, size) ||
		       step_over(taken, nr_taken, &start, size)) {
			if (start > end) /* wrapped below zero */
				start = 0;
			start &= ~(size - 1);
			if (start < low)
				break;
		}
		if (start < low || start > end)
			continue;
		note_taken(start, start + size);
		return memset(maddr_to_virt(MADDR(start)), 0, size);
	}
	panic("mm: not enough memory to start");
}

/* --- mappings */

static uint64_t *table_alloc(void)
{
	uint64_t *t = heap_ready ? hyp_page_alloc(0) : early_alloc(PAGE_SIZE);

	return t;
}

/* The entry of va in the table of a level (4 = top), making tables on the way when asked. */
static uint64_t *entry_of(uint64_t va, unsigned int level, bool make)
{
	uint64_t *t = hyp_l4, *e = &t[va >> 39 & 511];

	for (unsigned int l = 4; l > level; l--) {
		if (!(*e & PTE_P)) {
			t = make ? table_alloc() : NULL;
			if (!t)
				return NULL;
			WRITE_ONCE(*e, virt_to_maddr(t).a | TABLE_FLAGS);
		}
		ASSERT(!(*e & PTE_PS));
		t = maddr_to_virt(MADDR(*e & PTE_ADDR));
		e = &t[va >> (12 + 9 * (l - 2)) & 511];
	}
	return e;
}

/* Page-aligned; with the largest pages that fit. False without memory for tables. */
static bool map_range(uint64_t va, uint64_t pa, uint64_t len, uint64_t flags)
{
	while (len) {
		unsigned int level = 1;
		uint64_t size = PAGE_SIZE, *e;

		if (!((va | pa) & (SIZE_1G - 1)) && len >= SIZE_1G && have_1g) {
			level = 3;
			size = SIZE_1G;
		} else if (!((va | pa) & (SIZE_2M - 1)) && len >= SIZE_2M) {
			level = 2;
			size = SIZE_2M;
		}
		e = entry_of(va, level, true);
		if (!e)
			return false;
		WRITE_ONCE(*e, pa | flags | (level > 1 ? PTE_PS : 0));
		va += size;
		pa += size;
		len -= size;
	}
	return true;
}

void hyp_map_page(uint64_t va, mfn_t mfn, uint64_t flags)
{
	uint64_t *e = entry_of(va, 1, true);

	if (!e)
		panic("mm: no memory to map %lx", va);
	WRITE_ONCE(*e, mfn_to_maddr(mfn).a | flags);
	invlpg(va);
}

uint64_t *hyp_pte(uint64_t va)
{
	return entry_of(va, 1, false);
}

static struct spinlock mmio_lock = SPINLOCK_INIT(RANK_MMIO, "mmio");
static uint64_t mmio_next = MMIO_VIRT;

void *mmio_map(maddr_t a, size_t len)
{
	uint64_t off = a.a & (PAGE_SIZE - 1), size = round_up(off + len, PAGE_SIZE), va;
	bool done = false;

	spin_lock(&mmio_lock);
	va = mmio_next;
	if (len && size >= len && MMIO_VIRT_END - va > size) {
		mmio_next += size;
		done = map_range(va, a.a - off, size, DATA_FLAGS | PTE_PCD | PTE_PWT);
	}
	spin_unlock(&mmio_lock);
	return done ? (void *)(va + off) : NULL;
}

maddr_t virt_to_maddr(const void *p)
{
	uint64_t va = (uint64_t)p;

	if (va >= DIRECT_MAP_VIRT)
		return MADDR(va - DIRECT_MAP_VIRT);
	ASSERT(va >= HYP_IMAGE_VIRT && va < MMIO_VIRT);
	return MADDR(va - HYP_IMAGE_VIRT);
}

/* --- what dom0 may not touch */

static struct mem_range denied[MAX_DENIED];
static unsigned int nr_denied;

void mmio_deny(uint64_t addr, uint64_t len)
{
	BUG_ON(nr_denied == MAX_DENIED);
	denied[nr_denied++] = (struct mem_range){ .start = addr, .end = addr + len };
}

bool mmio_denied(mfn_t mfn)
{
	uint64_t a = mfn.n << PAGE_SHIFT;

	for (unsigned int i = 0; i < nr_denied; i++)
		if (a < denied[i].end && denied[i].start < a + PAGE_SIZE)
			return true;
	return false;
}

/* --- the parts */

static void map_image(void)
{
	static const struct {
		const char *start, *end;
		uint64_t flags;
	} parts[] = {
		{ image_start, image_text_end, PTE_P | PTE_A },
		{ image_text_end, image_rodata_end, PTE_P | PTE_A | PTE_NX },
		{ image_rodata_end, image_end, DATA_FLAGS },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		map_range((uint64_t)parts[i].start, virt_to_maddr(parts[i].start).a,
			  (uint64_t)(parts[i].end - parts[i].start), parts[i].flags);
}

/* All RAM, the first MiB included; sets max_mfn. */
static void map_ram(void)
{
	for (unsigned int i = 0; i < nr_mem_ranges; i++) {
		const struct mem_range *r = &mem_map[i];
		uint64_t end = min(r->end, DIRECT_MAP_SIZE);

		if (r->type != MEM_RAM)
			continue;
		if (r->end > DIRECT_MAP_SIZE)
			printk(LOG_WARN "memory above %lu TiB is not used\n",
			       DIRECT_MAP_SIZE >> 40);
		if (r->start >= end)
			continue;
		map_range(DIRECT_MAP_VIRT + r->start, r->start, end - r->start, DATA_FLAGS);
		max_mfn = max(max_mfn, end >> PAGE_SHIFT);
	}
}

/* How many of the frames [start, end) are RAM. */
static uint64_t ram_frames(uint64_t start, uint64_t end)
{
	uint64_t s, e, n = 0;

	for (unsigned int i = 0; i < nr_mem_ranges; i++)
		if (usable_ram(i, &s, &e)) {
			s = max(s >> PAGE_SHIFT, start);
			e = min(e >> PAGE_SHIFT, end);
			n += s < e ? e - s : 0;
		}
	return n;
}

/* 2 MiB of frame table: a large page, or page by page, or a shared table of the zero page. */
static void map_frame_table(uint64_t va, uint64_t size, uint64_t zero, uint64_t zero_l1)
{
	uint64_t off = va - FRAME_TABLE_VIRT, entry = sizeof(struct frame);
	uint64_t first = off / entry, end = (off + size - 1) / entry + 1;
	uint64_t n = ram_frames(first, end);

	if (size == SIZE_2M && (!n || n == end - first)) {
		*entry_of(va, 2, true) = !n ? zero_l1 | TABLE_FLAGS :
					      virt_to_maddr(early_alloc(size)).a | DATA_FLAGS |
							 PTE_PS;
		return;
	}
	for (; size; size -= PAGE_SIZE, off += PAGE_SIZE, va += PAGE_SIZE) {
		uint64_t *e = entry_of(va, 1, true);

		if (ram_frames(off / entry, (off + PAGE_SIZE - 1) / entry + 1))
			*e = virt_to_maddr(early_alloc(PAGE_SIZE)).a | DATA_FLAGS;
		else
			*e = zero | PTE_P | PTE_A | PTE_NX;
	}
}

static void make_frame_table(void)
{
	uint64_t size = round_up(max_mfn * sizeof(struct frame), PAGE_SIZE);
	uint64_t zero = virt_to_maddr(early_alloc(PAGE_SIZE)).a;
	uint64_t *l1 = early_alloc(PAGE_SIZE);

	for (unsigned int i = 0; i < 512; i++)
		l1[i] = zero | PTE_P | PTE_A | PTE_NX;
	for (uint64_t done = 0; done < size; done += SIZE_2M)
		map_frame_table(FRAME_TABLE_VIRT + done, min(size - done, SIZE_2M), zero,
				virt_to_maddr(l1).a);
	for (unsigned int i = 0; i < nr_mem_ranges; i++) {
		uint64_t start, end;

		if (!usable_ram(i, &start, &end))
			continue;
		for (uint64_t n = start >> PAGE_SHIFT; n < end >> PAGE_SHIFT; n++)
			frame_table[n] =
				(struct frame){ .state = FS_RAM, .owner = FRAME_OWNER_NONE };
		heap_count((end - start) >> PAGE_SHIFT);
	}
}

/* In units of 2 MiB, 1 GiB of memory each. Guests' alias: read-only, not for user mode. */
static void make_m2p(void)
{
	const uint64_t per_page = SIZE_2M / sizeof(uint64_t);
	uint64_t *invalid = early_alloc(PAGE_SIZE), *l1 = early_alloc(PAGE_SIZE);

	for (unsigned int i = 0; i < 512; i++) {
		invalid[i] = M2P_INVALID;
		l1[i] = virt_to_maddr(invalid).a | PTE_P | PTE_A | PTE_NX;
	}
	for (uint64_t n = 0; n < max_mfn; n += per_page) {
		uint64_t off = n * sizeof(uint64_t), *page;

		if (!ram_frames(n, n + per_page)) {
			*entry_of(RO_M2P_VIRT + off, 2, true) = virt_to_maddr(l1).a | TABLE_FLAGS;
			continue;
		}
		page = early_alloc(SIZE_2M);
		for (uint64_t i = 0; i < per_page; i++)
			page[i] = M2P_INVALID;
		map_range(RW_M2P_VIRT + off, virt_to_maddr(page).a, SIZE_2M, DATA_FLAGS);
		map_range(RO_M2P_VIRT + off, virt_to_maddr(page).a, SIZE_2M,
			  PTE_P | PTE_A | PTE_NX);
	}
}

/* Frees [start, end) without what lies in the ranges of r, then of the taken ones. */
static void free_beside(const struct mem_range *r, unsigned int n, uint64_t start, uint64_t end)
{
	for (; n; r++, n--) {
		if (r->start >= end || r->end <= start)
			continue;
		if (r->start > start)
			free_beside(r + 1, n - 1, start, r->start & PAGE_MASK);
		start = round_up(r->end, PAGE_SIZE);
		if (start >= end)
			return;
	}
	if (start < end && r == boot_reserved + nr_boot_reserved)
		free_beside(taken, nr_taken, start, end);
	else if (start < end)
		heap_add(start >> PAGE_SHIFT, end >> PAGE_SHIFT);
}

static void fill_heap(void)
{
	uint64_t start, end;

	heap_init();
	for (unsigned int i = 0; i < nr_mem_ranges; i++)
		if (usable_ram(i, &start, &end))
			free_beside(boot_reserved, nr_boot_reserved, start, end);
	heap_ready = true;
}

void mm_free_boot_range(maddr_t start, maddr_t end)
{
	uint64_t s = round_up(start.a, PAGE_SIZE) >> PAGE_SHIFT;
	uint64_t e = round_up(end.a, PAGE_SIZE) >> PAGE_SHIFT;

	for (; s < e; s++)
		if (mfn_valid(MFN(s)) && frame_table[s].state == FS_RAM)
			heap_free(MFN(s), 0);
}

static void read_cpu(void)
{
	uint32_t r[4];
	unsigned int bits = 36;

	cpuid(0x80000000, 0, r);
	if (r[0] >= 0x80000008) {
		cpuid(0x80000008, 0, r);
		bits = min(r[0] & 0xff, 52u);
	}
	cpuid(0x80000001, 0, r);
	have_1g = r[3] >> 26 & 1;
	pt_reserved_bits = PTE_ADDR & ~((1ul << bits) - 1);
}

void mm_init(void)
{
	read_cpu();
	hyp_l4 = early_alloc(PAGE_SIZE);
	for (unsigned int slot = HYP_SLOT_FIRST; slot <= HYP_SLOT_LAST; slot++)
		hyp_l4[slot] = virt_to_maddr(early_alloc(PAGE_SIZE)).a | TABLE_FLAGS;
	map_image();
	map_ram();
	write_cr3(virt_to_maddr(hyp_l4).a);
	early_limit = ~0ul;
	make_frame_table();
	make_m2p();
	fill_heap();
	mmio_deny(0xfee00000, 0x100000); /* interrupt messages; x86/ denies what the tables name */
	printk("memory: %lu MiB free, frames up to %lx, %s pages\n", mm_free_pages() >> 8, max_mfn,
	       have_1g ? "1 GiB" : "2 MiB");
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine memory: direct map, page allocator, small allocator, and the
 * hypervisor's own mappings. Guest-owned frames are hyp/frame.h.
 */
#ifndef HYP_MM_H
#define HYP_MM_H

#include <hyp/layout.h>
#include <hyp/types.h>

static inline void *maddr_to_virt(maddr_t a)
{
	return (void *)(a.a + DIRECT_MAP_VIRT);
}

static inline void *mfn_to_virt(mfn_t m)
{
	return maddr_to_virt(mfn_to_maddr(m));
}

/* p is in the direct map, or in the image (both are handled). */
maddr_t virt_to_maddr(const void *p);

static inline mfn_t virt_to_mfn(const void *p)
{
	return maddr_to_mfn(virt_to_maddr(p));
}

/* One range of the machine's memory map, page-aligned for RAM. */
struct mem_range {
	uint64_t start, end; /* machine addresses, end exclusive */
	uint32_t type;	     /* E820 numbering: 1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 bad */
};
#define MEM_RAM 1
#define MAX_MEM_RANGES 128

/* Sorted, non-overlapping; filled by boot/ before mm_init. Includes the reserved ranges dom0 must see. */
extern struct mem_range mem_map[MAX_MEM_RANGES];
extern unsigned int nr_mem_ranges;
/* Ranges that hold the image, the boot modules and the boot information: kept out of the free list. */
extern struct mem_range boot_reserved[];
extern unsigned int nr_boot_reserved;

/* First frame number above all RAM: size of the frame and M2P tables. */
extern uint64_t max_mfn;

/*
 * Builds the final page tables of the hypervisor (direct map with large pages,
 * frame table, M2P both aliases), loads them, fills the free list. Boot CPU, once.
 */
void mm_init(void);
/* Gives back a boot-time reservation (modules once dom0 is built). */
void mm_free_boot_range(maddr_t start, maddr_t end);
/* The L4 that has only the hypervisor's slots; copied into every guest L4. */
extern uint64_t *hyp_l4;

/* --- page allocator. Pages are zeroed (debug builds poison freed ones). NULL when none are left. */
void *hyp_page_alloc(unsigned int order);
void hyp_page_free(void *p, unsigned int order);
/* Of size bytes. */
static inline unsigned int order_of(size_t size)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}
/* Free machine pages, including those promised to nobody. */
uint64_t mm_free_pages(void);
uint64_t mm_total_pages(void);

/* Whole frames by number, content as it was left; address_bits 0 = anywhere. For mm/ itself. */
#define MAX_ALLOC_ORDER 12
mfn_t heap_alloc(unsigned int order, unsigned int address_bits);
void heap_free(mfn_t mfn, unsigned int order);
/* Boot: the frame table is there; frames [start, end) become free; RAM there is altogether. */
void heap_init(void);
void heap_add(uint64_t start, uint64_t end);
void heap_count(uint64_t pages);

/* --- small allocator for control structures; zeroed; size up to 64 KiB. */
void *hyp_alloc(size_t size);
void hyp_free(void *p); /* NULL is ignored */

/* --- hypervisor mappings; never undone. */
/* Maps machine range [a, a+len) uncached; any alignment; NULL when the window is full. */
void *mmio_map(maddr_t a, size_t len);
/*
 * Maps one frame at a fixed hypervisor address (CPU areas); flags are PTE_* bits, exactly.
 * Panics without memory for tables: only called while CPUs come up.
 */
void hyp_map_page(uint64_t va, mfn_t mfn, uint64_t flags);
/* The entry of the last level for va, NULL when there is no table; no large pages there. */
uint64_t *hyp_pte(uint64_t va);

/* Machine addresses dom0 may not map: interrupt controllers, our own devices. Boot only. */
void mmio_deny(uint64_t addr, uint64_t len);
bool mmio_denied(mfn_t mfn);

#endif

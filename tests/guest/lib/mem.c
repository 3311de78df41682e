/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages, page tables and user space of a test kernel. */
#include "guest.h"

#define HEAP_PAGES 320

extern char _image[], _end[];
static uint8_t heap[HEAP_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned int heap_used;
uint64_t root, user_root;
uint8_t *user_text, *user_data;
static uint64_t *user_l4;

void *page_alloc(void)
{
	if (heap_used == HEAP_PAGES)
		fail("the test's heap is too small");
	return heap[heap_used++];
}

uint64_t mfn_of(const void *page)
{
	uint64_t pfn = (A(page) - VIRT_BASE) / PAGE_SIZE;

	if (A(page) < VIRT_BASE || pfn >= si->nr_pages)
		fail("no frame behind %lx", A(page));
	return p2m[pfn];
}

uint64_t m2p(uint64_t mfn)
{
	return ((volatile uint64_t *)MACH2PHYS_VIRT_START)[mfn];
}

void *mfn_to_virt(uint64_t mfn)
{
	uint64_t pfn = m2p(mfn);

	if (pfn >= si->nr_pages || p2m[pfn] != mfn)
		return NULL;
	return (void *)(VIRT_BASE + pfn * PAGE_SIZE);
}

static volatile uint64_t *walk(volatile uint64_t *table, uint64_t va, int level)
{
	for (int l = 4;; l--) {
		volatile uint64_t *e = table + (va >> (12 + 9 * (l - 1)) & 511);

		if (l == level)
			return e;
		if (!(*e & PTE_P) || (*e & PTE_PS))
			return NULL;
		table = mfn_to_virt((*e & PTE_ADDR) >> 12);
		if (!table)
			return NULL;
	}
}

volatile uint64_t *pte_of(uint64_t va, int level)
{
	return walk(mfn_to_virt(root), va, level);
}

uint64_t pte_maddr(uint64_t va, int level)
{
	uint64_t e = A(pte_of(va, level));

	if (!e)
		fail("no level %d entry for %lx", level, va);
	return mfn_of((void *)(e & ~(PAGE_SIZE - 1))) << 12 | (e & (PAGE_SIZE - 1));
}

long set_pte(const void *va, uint64_t pte)
{
	return hc(update_va_mapping, va, pte, UVMF_INVLPG | UVMF_ALL);
}

long map_page(const void *va, uint64_t mfn, uint64_t flags)
{
	return set_pte(va, mfn << 12 | flags);
}

long mmu_write(uint64_t maddr_cmd, uint64_t val)
{
	struct mmu_update u = { .ptr = maddr_cmd, .val = val };

	return hc(mmu_update, &u, 1, 0, DOMID_SELF);
}

long mmuext(uint32_t cmd, uint64_t arg1, uint64_t arg2)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

	return hc(mmuext_op, &op, 1, 0, DOMID_SELF);
}

void make_ro(void *page)
{
	EXPECT(map_page(page, mfn_of(page), PTE_KERNEL_RO), 0);
}

void make_rw(void *page)
{
	EXPECT(map_page(page, mfn_of(page), PTE_KERNEL), 0);
}

void check_page_free(void *page)
{
	memset(page, 0, PAGE_SIZE);
	make_ro(page);
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0), 0);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(page), 0), 0);
	make_rw(page);
}

void *table_alloc(void)
{
	void *t = page_alloc();

	make_ro(t);
	return t;
}

/* Top-level entries are shown to user mode's root too, as kernels do for user space. */
static void set_entry(uint64_t va, int level, uint64_t val)
{
	EXPECT(mmu_write(pte_maddr(va, level), val), 0);
	if (level == 4 && user_root)
		EXPECT(mmu_write(user_root << 12 | (va >> 39 & 511) * 8, val), 0);
}

void map_far(uint64_t va, uint64_t mfn, uint64_t flags)
{
	for (int level = 4; level > 1; level--)
		if (!(*pte_of(va, level) & PTE_P))
			set_entry(va, level, mfn_of(table_alloc()) << 12 | PTE_TABLE);
	EXPECT(mmu_write(pte_maddr(va, 1), mfn << 12 | flags), 0);
	mmuext(MMUEXT_INVLPG_ALL, va, 0);
}

/*
 * The kernel's L4 shows user space, and a second L4 with user space only is
 * the user root, for hypervisors that switch roots between the two.
 */
void user_init(void)
{
	if (user_l4)
		return;
	user_l4 = table_alloc();
	EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(user_l4), 0), 0);
	user_root = mfn_of(user_l4);
	for (unsigned int i = 0; i < 256; i++)
		if (*pte_of((uint64_t)i << 39, 4) & PTE_P)
			EXPECT(mmu_write(user_root << 12 | i * 8, *pte_of((uint64_t)i << 39, 4)),
			       0);
	user_text = page_alloc();
	user_data = page_alloc();
	map_far(USER_TEXT, mfn_of(user_text), PTE_P | PTE_US | PTE_A | PTE_D);
	map_far(USER_DATA, mfn_of(user_data), PTE_USER);
	map_far(USER_STACK, mfn_of(page_alloc()), PTE_USER);
	EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, user_root, 0), 0);
}

void user_code(const void *bytes, size_t len)
{
	user_init();
	memset(user_text, 0xcc, PAGE_SIZE);
	memcpy(user_text, bytes, len);
}

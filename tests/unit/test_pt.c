/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/mm/pt_table.c hypervisor/mm/pt_update.c hypervisor/mm/frame.c hypervisor/mm/frame_state.c hypervisor/mm/heap.c hypervisor/mm/buddy.c hypervisor/mm/memory_op.c */
/* FLAGS: -include host_layout.h */
/*
 * Page tables of two domains, in simulated memory, under random and hostile hypercalls that
 * are preempted at random and sometimes never resumed. After each: every reference and type
 * reference is counted again from the tables themselves, and a simulated processor, which
 * keeps every translation until it is told to flush, must not be able to reach a frame that
 * has become something else.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame_state.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/pt_table.h>
#include <hyp/smp.h>
#include <public/memory.h>
#include "test.h"

#define FIRST 256u
#define LAST 1024u
#define NR_DOMS 2
#define PAGES 120
#define SPAN 12 /* entries of a table in use */
#define NR_TLB 400
#define STEPS 60000

/* --- the world around mm/ */

uint64_t max_mfn = LAST, pt_reserved_bits = PTE_ADDR & ~((1ul << 40) - 1);
uint64_t *hyp_l4;
struct mem_range mem_map[MAX_MEM_RANGES];
unsigned int nr_mem_ranges, nr_cpus = 4;
struct domain *dom0, *idle_domain;
static struct domain doms[NR_DOMS + 1];
static struct vcpu vcpus[NR_DOMS][2];
static struct cpu cpu0;
static unsigned int preempt_rate, cached[5], converted, granted;
static const char *what = "";

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("FAIL panic (%s): ", what);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	abort();
}

void spin_lock(struct spinlock *l)
{
	BUG_ON(l->owner);
	l->owner = 1;
}

void spin_unlock(struct spinlock *l)
{
	BUG_ON(!l->owner);
	l->owner = 0;
}

bool spin_held(const struct spinlock *l)
{
	return l->owner;
}

bool hc_preempt_due(unsigned int done)
{
	return done &&
	       (done % 64 == 0 || (preempt_rate && (unsigned int)rand() % preempt_rate == 0));
}

bool domain_get(struct domain *d)
{
	d->refs++;
	return true;
}

void domain_put(struct domain *d)
{
	BUG_ON(!d->refs);
	d->refs--;
}

struct domain *domain_find(domid_t id)
{
	if (id >= NR_DOMS)
		return NULL;
	doms[id].refs++;
	return &doms[id];
}

struct domain *domain_find_self(domid_t id)
{
	return domain_find(id == DOMID_SELF ? current->domain->id : id);
}

maddr_t virt_to_maddr(const void *p)
{
	return MADDR((uint64_t)p - DIRECT_MAP_VIRT);
}

bool mmio_denied(mfn_t mfn)
{
	return mfn.n % 7 == 0;
}

int desc_page_validate(void *page)
{
	return *(uint64_t *)page & 1 ? -EINVAL : 0;
}

int vcpu_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
	return -EINVAL;
}

bool guest_range_ok(uint64_t gva, uint64_t len)
{
	return gva != 1;
}

bool guest_read(void *dst, uint64_t gva, size_t len)
{
	if (gva < 4096)
		return false;
	memcpy(dst, (void *)gva, len);
	return true;
}

bool guest_write(uint64_t gva, const void *src, size_t len)
{
	if (gva < 4096)
		return false;
	memcpy((void *)gva, src, len);
	return true;
}

/* --- the other processor of each domain: runs vcpu 1 and forgets nothing by itself */

static struct tlb {
	bool used, write;
	unsigned int level;
	uint32_t mfn;
	domid_t owner;
} tlb[NR_DOMS][NR_TLB];

void tlb_flush_mask(const cpumask_t *mask)
{
	for (unsigned int i = 0; i < NR_DOMS; i++)
		if (cpumask_test(mask, i + 1))
			memset(tlb[i], 0, sizeof(tlb[i]));
}

void context_l4_changed(struct domain *d, mfn_t l4, unsigned int slot, uint64_t entry)
{
	BUG_ON(!spin_held(&d->pt_lock));
}

void context_reload_roots(void)
{
}

static uint64_t *page(uint32_t mfn)
{
	return mfn_to_virt(MFN(mfn));
}

static void cache(unsigned int dom, unsigned int level, uint64_t e, bool write)
{
	struct tlb *t = &tlb[dom][(unsigned int)rand() % NR_TLB];
	mfn_t mfn = MFN((e & PTE_ADDR) >> PAGE_SHIFT);

	if (!mfn_valid(mfn) || t->used)
		return;
	*t = (struct tlb){ true, write, level, (uint32_t)mfn.n, frame_owner(mfn) };
	cached[level]++;
}

/*
 * A random walk through the tables of vcpu 1, caching what it meets. Returns the L1 it came
 * to, when writing through it is possible; 0 none.
 */
static uint32_t walk(unsigned int dom)
{
	mfn_t root = rand() % 2 ? vcpus[dom][1].x86.root : vcpus[dom][1].x86.user_root;
	uint64_t *t, *e;
	bool write = true;
	uint32_t l1 = 0;

	if (mfn_eq(root, INVALID_MFN))
		return 0;
	t = mfn_to_virt(root);
	for (unsigned int level = 4; level; level--) {
		unsigned int n = (unsigned int)rand() % SPAN, k = 0;

		while (k < PT_ENTRIES && (!(t[n] & PTE_P) || !pt_slot_is_guest(level, n))) {
			n = (n + 1) % PT_ENTRIES;
			k++;
		}
		if (level == 1 && write)
			l1 = (uint32_t)virt_to_mfn(t).n;
		if (k == PT_ENTRIES)
			break;
		e = &t[n];
		if (level < 4)
			*e |= PTE_A;
		write = write && (*e & PTE_RW);
		if (level == 1 && write)
			*e |= PTE_D;
		cache(dom, level, *e, write);
		t = maddr_to_virt(MADDR(*e & PTE_ADDR));
	}
	return l1;
}

static void check_tlb(void)
{
	for (unsigned int dom = 0; dom < NR_DOMS; dom++)
		for (unsigned int i = 0; i < NR_TLB; i++) {
			const struct tlb *t = &tlb[dom][i];
			const struct frame *f = &frame_table[t->mfn];

			if (!t->used)
				continue;
			BUG_ON(!fs_refs(f->state) || f->owner != t->owner);
			if (t->level > 1)
				BUG_ON(fs_type(f->state) != FT_L1 + t->level - 2);
			else if (t->write)
				BUG_ON(fs_type(f->state) != FT_WRITABLE &&
				       fs_type(f->state) != FT_SHARED);
		}
}

/* --- everything counted again */

static unsigned int refs[LAST], types[LAST];

static void count_table(uint32_t mfn, unsigned int level, unsigned int entries)
{
	domid_t owner = frame_table[mfn].owner;

	for (unsigned int i = 0; i < entries; i++) {
		uint64_t e = page(mfn)[i], n = (e & PTE_ADDR) >> PAGE_SHIFT;

		if (!(e & PTE_P) || !pt_slot_is_guest(level, i))
			continue;
		if (n >= LAST || !frame_table[n].state) {
			BUG_ON(level > 1 || owner != 0 || n % 7 == 0);
			continue;
		}
		refs[n]++;
		if (level > 1) {
			types[n]++;
			BUG_ON(!fs_is_table(frame_table[n].state) || frame_table[n].owner != owner);
			BUG_ON(fs_type(frame_table[n].state) != FT_L1 + level - 2);
		} else if (e & PTE_RW) {
			types[n]++;
			BUG_ON(fs_type(frame_table[n].state) != FT_WRITABLE &&
			       fs_type(frame_table[n].state) != FT_SHARED);
		}
		if (e & PTE_G)
			BUG_ON("global");
	}
}

static void count_root(mfn_t root)
{
	if (mfn_eq(root, INVALID_MFN))
		return;
	refs[root.n]++;
	types[root.n]++;
	BUG_ON(!fs_is_table(frame_table[root.n].state));
	BUG_ON(memcmp(&page((uint32_t)root.n)[256], &hyp_l4[256], 128));
}

static unsigned int shared_refs[LAST], held[LAST]; /* our own */

static void check_all(void)
{
	memset(refs, 0, sizeof(refs));
	memset(types, 0, sizeof(types));
	for (uint32_t n = FIRST; n < LAST; n++) {
		uint64_t s = frame_table[n].state;

		BUG_ON(!fs_sane(s));
		refs[n] += !!(s & FS_ALLOC) + !!(s & FS_PINNED) + !!(s & FS_PARTIAL) +
			   shared_refs[n] + held[n];
		types[n] += held[n] + !!(s & FS_PINNED) + !!(s & FS_PARTIAL);
		if (fs_is_table(s))
			count_table(n, fs_type(s) - FT_L1 + 1, PT_ENTRIES);
		else if (s & FS_PARTIAL)
			count_table(n, fs_type(s) - FT_L1 + 1, frame_table[n].aux);
	}
	for (unsigned int d = 0; d < NR_DOMS; d++)
		for (unsigned int v = 0; v < 2; v++) {
			count_root(vcpus[d][v].x86.root);
			count_root(vcpus[d][v].x86.user_root);
		}
	for (uint32_t n = FIRST; n < LAST; n++) {
		uint64_t s = frame_table[n].state;

		if (s & FS_FREE)
			continue;
		BUG_ON(fs_refs(s) != refs[n]);
		BUG_ON(fs_types(s) != types[n]);
	}
	for (unsigned int d = 0; d < NR_DOMS; d++)
		BUG_ON(doms[d].pt_lock.owner || doms[d].mem_lock.owner);
	check_tlb();
}

/* While we hold a reference and a type reference. */
static void check_held(mfn_t mfn)
{
	held[mfn.n]++;
	check_all();
	held[mfn.n]--;
}

/* --- guests */

static uint32_t frames[NR_DOMS][PAGES]; /* what each believes to own; the index tells its use */
static uint32_t shared[NR_DOMS];

/* 4: root, 3, 2, 1: tables, 0: data. */
static unsigned int use_of(unsigned int i)
{
	static const uint8_t use[10] = { 4, 3, 2, 2, 1, 1, 1, 0, 0, 0 };

	return use[i % 10];
}

static uint64_t random_mfn(unsigned int dom, unsigned int want)
{
	unsigned int r = (unsigned int)rand() % 100, i;

	if (r == 0)
		return (unsigned int)rand() % (LAST + 300);
	if (r == 1)
		return shared[rand() % NR_DOMS];
	if (r == 2)
		dom = (dom + 1) % NR_DOMS;
	do {
		i = (unsigned int)rand() % PAGES;
	} while (r > 5 && use_of(i) != want);
	return frames[dom][i];
}

/* An entry for a table of a level, mostly one that makes sense. */
static uint64_t random_entry(unsigned int dom, unsigned int level)
{
	uint64_t e = random_mfn(dom, level > 1	? level - 1 :
				     rand() % 4 ? 0 :
						  (unsigned int)rand() % 5)
		     << PAGE_SHIFT;

	if (rand() % 5 == 0)
		return 0;
	e |= PTE_P | PTE_US | (rand() % 2 ? PTE_A | PTE_D : 0) | (rand() % 2 ? PTE_G : 0);
	if (level > 1 || rand() % 2)
		e |= PTE_RW;
	if (rand() % 200 == 0)
		e |= 1ul << rand() % 64;
	return e;
}

/* Only what no type protects can be written by the guest itself. */
static bool guest_may_write(uint32_t mfn, unsigned int dom)
{
	const struct frame *f = &frame_table[mfn];

	return f->owner == dom && fs_refs(f->state) &&
	       (fs_type(f->state) == FT_WRITABLE || fs_type(f->state) == FT_NONE ||
		!fs_types(f->state));
}

static void op_prepare_table(unsigned int dom)
{
	unsigned int i = (unsigned int)rand() % PAGES, level = use_of(i);
	uint32_t mfn = frames[dom][i];

	if (!level || !guest_may_write(mfn, dom))
		return;
	/* The hypervisor's slots may hold our old entries or anything. */
	memset(page(mfn), 0, PAGE_SIZE);
	for (int n = rand() % (2 * SPAN); n > 0; n--)
		page(mfn)[rand() % 30 ? rand() % SPAN : rand() % PT_ENTRIES] =
			random_entry(dom, level);
}

/* Repeats a preempted call, or not. */
static long finish(long (*fn)(struct hc_args *), struct hc_args *a)
{
	long r;

	while ((r = fn(a)) == HC_RESTART) {
		check_all();
		if (rand() % 50 == 0)
			break; /* abandoned */
	}
	return r;
}

static void op_ext(unsigned int dom)
{
	static const uint8_t cmds[] = { 0, 1, 2, 3, 3, 3, 4, 4, 4, 4, 5, 15, 16, 17, 6, 8, 10, 5 };
	uint32_t cmd = cmds[rand() % sizeof(cmds)], done = 0;
	struct mmuext_op op = { .cmd = cmd };
	struct hc_args a = { { (uint64_t)&op, 1, rand() % 2 ? (uint64_t)&done : 0, DOMID_SELF } };
	unsigned int want = cmd < 4   ? cmd + 1 :
			    cmd == 4  ? 1 + (unsigned int)rand() % 4 :
			    cmd >= 16 ? 0 :
					4;

	op.arg1.mfn = cmd == 15 && rand() % 4 == 0 ? 0 : random_mfn(dom, want);
	if (cmd == 17)
		op.arg2.src_mfn = random_mfn(dom, 0);
	else
		op.arg2.vcpumask = (uint64_t)&op;
	if (dom == 0 && cmd < 5 && rand() % 4 == 0)
		a.arg[3] = 1;
	finish(hc_mmuext_op, &a);
}

static void op_mmu_update(unsigned int dom)
{
	struct mmu_update u[24];
	uint64_t n = 1 + (unsigned int)rand() % 24, tables = dom;
	struct hc_args a = { { (uint64_t)u, n, 0, DOMID_SELF } };

	if (dom == 0 && rand() % 4 == 0) {
		a.arg[3] = 1;
		if (rand() % 2) {
			tables = 1;
			a.arg[3] = 2ul << 16 | (rand() % 2 ? 1 : DOMID_SELF);
		}
	}
	if (rand() % 50 == 0)
		a.arg[3] = rand() % 2 ? DOMID_IO : (uint64_t)rand() & 0xffffffff;
	for (uint64_t i = 0; i < n; i++) {
		unsigned int level = 1 + (rand() % 3 ? 0 : (unsigned int)rand() % 4);
		uint64_t e =
			random_entry((unsigned int)(a.arg[3] & 1 ? 1 : dom), level & 3 ? level : 4);

		u[i].ptr = random_mfn((unsigned int)tables, level & 3 ? level : 4) << PAGE_SHIFT |
			   ((unsigned int)rand() % (rand() % 30 ? SPAN : 512)) << 3 |
			   (rand() % 8 ? rand() % 4 ? 0 : 2 : 3);
		u[i].val = e;
		if (rand() % 100 == 0)
			u[i].ptr |= (uint64_t)rand() << (rand() % 40);
	}
	finish(hc_mmu_update, &a);
}

static void op_va(unsigned int dom)
{
	uint64_t va = ((uint64_t)rand() << 30 ^ (uint64_t)rand()) & 0xffffffffffful;
	struct hc_args a = { { va, random_entry(dom, 1), (uint64_t)(rand() % 8), 0 } };

	finish(hc_update_va_mapping, &a);
}

/* vcpu 1 gets a root; it is not running meanwhile and flushes when it goes on. */
static void op_root(unsigned int dom)
{
	bool user = rand() % 2;
	mfn_t mfn = user && rand() % 4 == 0 ? MFN(0) : MFN(random_mfn(dom, 4));

	if (!vcpu_set_root(&vcpus[dom][1], mfn, user))
		memset(tlb[dom], 0, sizeof(tlb[dom]));
}

static void op_balloon(unsigned int dom)
{
	unsigned int i = (unsigned int)rand() % PAGES;
	uint64_t mfn = frames[dom][i], pfn = i;
	struct xen_memory_reservation r = { .extent_start = (uint64_t)&mfn,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct hc_args a = { { XENMEM_decrease_reservation, (uint64_t)&r } };

	if (finish(hc_memory_op, &a) != 1)
		return;
	r.extent_start = (uint64_t)&pfn;
	a = (struct hc_args){ { XENMEM_populate_physmap, (uint64_t)&r } };
	if (finish(hc_memory_op, &a) == 1) {
		for (unsigned int k = 0; k < PT_ENTRIES; k++)
			BUG_ON(page((uint32_t)pfn)[k]); /* nobody's old data */
		frames[dom][i] = (uint32_t)pfn;
	}
}

static void set_entry(unsigned int tables, uint32_t table, unsigned int i, uint64_t val)
{
	struct mmu_update u = { .ptr = (uint64_t)table << PAGE_SHIFT | i << 3, .val = val };
	struct hc_args a = { { (uint64_t)&u, 1, 0, (uint64_t)(tables + 1) << 16 | DOMID_SELF } };

	while (hc_mmu_update(&a) == HC_RESTART)
		;
}

/* Takes write access from all mappings of a page, or the mappings, as if to make it a table. */
static void unmap_everywhere(unsigned int dom, uint32_t mfn, bool all)
{
	for (uint32_t n = FIRST; n < LAST; n++) {
		if (frame_table[n].owner != dom || fs_type(frame_table[n].state) != FT_L1 ||
		    !fs_is_table(frame_table[n].state))
			continue;
		for (unsigned int i = 0; i < PT_ENTRIES; i++) {
			uint64_t e = page(n)[i];

			if (!(e & PTE_P) || (e & PTE_ADDR) >> PAGE_SHIFT != mfn)
				continue;
			if (rand() % 3 == 0)
				set_entry(dom, n, i, e & ~PTE_A);
			e &= page(n)[i];
			set_entry(dom, n, i, all ? 0 : e & ~PTE_RW);
		}
	}
}

static void op_exchange(unsigned int dom)
{
	unsigned int order = (unsigned int)rand() % 4, i = (unsigned int)rand() % (PAGES - 8);
	uint64_t in[8], out[1] = { i }, before;
	struct xen_memory_exchange x = {
		.in = { .extent_start = (uint64_t)in,
			.nr_extents = 1ul << order,
			.domid = DOMID_SELF },
		.out = { .extent_start = (uint64_t)out,
			 .nr_extents = 1,
			 .extent_order = order,
			 .domid = DOMID_SELF },
	};
	struct hc_args a = { { XENMEM_exchange, (uint64_t)&x } };

	for (int k = 30; k; k--)
		walk(dom);
	for (unsigned int k = 0; k < 1u << order; k++) {
		in[k] = frames[dom][i + k];
		unmap_everywhere(dom, (uint32_t)in[k], true);
	}
	before = doms[dom].tot_pages;
	if (finish(hc_memory_op, &a) == 0)
		for (unsigned int k = 0; k < 1u << order; k++)
			frames[dom][i + k] = (uint32_t)out[0] + k;
	BUG_ON(doms[dom].tot_pages != before);
}

/* Page to table, or to descriptor page, and back, while the other processor looks on. */
static void convert(unsigned int dom, mfn_t mfn)
{
	unsigned int kind = (unsigned int)rand() % 3;

	current = &vcpus[dom][0];
	for (int k = 20; k; k--)
		walk(dom);
	unmap_everywhere(dom, (uint32_t)mfn.n, rand() % 2);
	if (kind == 0 && guest_may_write((uint32_t)mfn.n, dom)) {
		page((uint32_t)mfn.n)[0] = 0;
		if (frame_get_and_type(mfn, &doms[dom], FT_DESC))
			return;
		check_held(mfn);
		frame_put_and_type(mfn);
	} else if (kind == 1 && guest_may_write((uint32_t)mfn.n, dom)) {
		struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn.n };
		struct hc_args a = { { (uint64_t)&op, 1, 0, DOMID_SELF } };

		memset(page((uint32_t)mfn.n), 0, PAGE_SIZE);
		if (finish(hc_mmuext_op, &a))
			return;
		check_all();
		op.cmd = MMUEXT_UNPIN_TABLE;
		a = (struct hc_args){ { (uint64_t)&op, 1, 0, DOMID_SELF } };
		finish(hc_mmuext_op, &a);
	}
	converted++;
	if (!frame_get_and_type(mfn, &doms[dom], FT_WRITABLE)) {
		check_held(mfn);
		frame_put_and_type(mfn);
	}
}

static void op_convert(unsigned int dom)
{
	convert(dom, MFN(frames[dom][rand() % PAGES]));
}

/* A table in use is taken out of its parents, and then written as a plain page. */
static void op_unlink(unsigned int dom)
{
	unsigned int i = (unsigned int)rand() % PAGES, level = use_of(i);
	mfn_t mfn = MFN(frames[dom][i]);
	struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn.n };
	struct hc_args a = { { (uint64_t)&op, 1, 0, DOMID_SELF } };

	if (!level || level == 4 || !fs_is_table(frame_table[mfn.n].state))
		return;
	for (int k = 20; k; k--)
		walk(dom);
	for (uint32_t n = FIRST; n < LAST; n++)
		if (frame_table[n].owner == dom && fs_is_table(frame_table[n].state) &&
		    fs_type(frame_table[n].state) == FT_L1 + level)
			for (unsigned int k = 0; k < PT_ENTRIES; k++)
				if ((page(n)[k] & PTE_P) && pt_slot_is_guest(level + 1, k) &&
				    (page(n)[k] & PTE_ADDR) >> PAGE_SHIFT == mfn.n)
					set_entry(dom, n, k, 0);
	finish(hc_mmuext_op, &a);
	if (!frame_get_and_type(mfn, &doms[dom], FT_WRITABLE)) {
		converted++;
		check_held(mfn);
		frame_put_and_type(mfn);
	}
}

/*
 * Somebody else's frame by way of a grant, which holds the granter's frame meanwhile. The
 * guest may change the entry itself; afterwards the frame is its owner's alone.
 */
static void op_grant(unsigned int dom)
{
	unsigned int index = (unsigned int)rand() % SPAN;
	mfn_t mfn = MFN(frames[1 - dom][rand() % PAGES]);
	uint32_t table = 0;
	uint64_t at, *e;

	for (int k = 20; k && !table; k--)
		table = walk(dom);
	if (!table || !frame_get(mfn, &doms[1 - dom]))
		return;
	at = (uint64_t)table << PAGE_SHIFT | index << 3;
	e = &page(table)[index];
	if (!pt_map_foreign(&doms[dom], at, mfn, PTE_P | PTE_A | (rand() % 2 ? PTE_RW : 0))) {
		cache(dom, 1, *e, *e & PTE_RW);
		granted++;
		if (rand() % 3 == 0)
			set_entry(dom, table, index, *e & ~PTE_RW);
		else if (rand() % 2)
			set_entry(dom, table, index, 0);
		else
			pt_unmap_foreign(&doms[dom], at, mfn);
		BUG_ON((*e & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW));
		if (*e & PTE_P) { /* not writable without a right */
			set_entry(dom, table, index, *e | PTE_RW);
			BUG_ON(*e & PTE_RW);
		}
	}
	frame_put(mfn);
	check_all();
	convert(1 - dom, mfn);
}

static void op_desc(unsigned int dom)
{
	mfn_t mfn = MFN(random_mfn(dom, 0));

	if (frame_get_and_type(mfn, &doms[dom], FT_DESC))
		return;
	BUG_ON(frame_get_and_type(mfn, &doms[dom], FT_WRITABLE) != -EBUSY);
	frame_put_and_type(mfn);
}

static void (*const ops[])(unsigned int) = {
	op_prepare_table,
	op_prepare_table,
	op_ext,
	op_ext,
	op_ext,
	op_mmu_update,
	op_mmu_update,
	op_va,
	op_va,
	op_root,
	op_balloon,
	op_exchange,
	op_grant,
	op_desc,
	op_convert,
	op_convert,
	op_unlink,
	op_prepare_table,
};

/* --- set-up, and the end */

static void new_domain(unsigned int id)
{
	struct domain *d = &doms[id];

	memset(d, 0, sizeof(*d));
	*d = (struct domain){ .id = (domid_t)id,
			      .is_dom0 = !id,
			      .state = DS_RUNNING,
			      .max_vcpus = 2,
			      .max_pages = PAGES + 20,
			      .page_list = FRAME_INDEX_NONE };
	cpumask_set(&d->dirty_cpus, id + 1); /* vcpu 1's processor */
	for (unsigned int v = 0; v < 2; v++) {
		d->vcpu[v] = &vcpus[id][v];
		vcpus[id][v] = (struct vcpu){ .domain = d, .id = v, .cpu = v ? id + 1 : 0 };
		vcpus[id][v].x86.root = vcpus[id][v].x86.user_root = INVALID_MFN;
	}
	for (unsigned int i = 0; i < PAGES; i++) {
		frames[id][i] = (uint32_t)domain_page_alloc(d).n;
		m2p_set(MFN(frames[id][i]), i);
	}
	shared[id] = (uint32_t)virt_to_mfn(hyp_page_alloc(0)).n;
	frame_share(d, page(shared[id]), true);
	shared_refs[shared[id]] = 1;
}

static void end_domains(void)
{
	unsigned int tries = 0;
	bool done;

	current = NULL;
	for (unsigned int d = 0; d < NR_DOMS; d++) {
		doms[d].state = DS_DYING;
		vcpu_put_roots(&vcpus[d][0]);
		vcpu_put_roots(&vcpus[d][1]);
		memset(tlb[d], 0, sizeof(tlb[d]));
	}
	do {
		done = true;
		for (unsigned int d = 0; d < NR_DOMS; d++)
			done &= domain_memory_relinquish(&doms[d]);
		check_all();
		BUG_ON(++tries > 10000);
	} while (!done);
	for (unsigned int d = 0; d < NR_DOMS; d++) {
		BUG_ON(doms[d].tot_pages || doms[d].pt_dying || doms[d].refs);
		BUG_ON(!frame_unshare(page(shared[d])));
		shared_refs[shared[d]] = 0;
		hyp_page_free(page(shared[d]), 0);
	}
}

static void histories(void)
{
	uint64_t before = mm_free_pages();

	for (unsigned int round = 0; round < 12; round++) {
		srand(round + 1);
		preempt_rate = round % 4 ? 1u << round % 4 * 2 : 0;
		for (unsigned int d = 0; d < NR_DOMS; d++)
			new_domain(d);
		dom0 = &doms[0];
		for (unsigned int i = 0; i < STEPS / 12; i++) {
			unsigned int d = (unsigned int)rand() % NR_DOMS;

			current = &vcpus[d][0];
			ops[(unsigned int)rand() % ARRAY_SIZE(ops)](d);
			check_all();
			for (int k = rand() % 4; k; k--)
				walk((unsigned int)rand() % NR_DOMS);
			check_all();
		}
		end_domains();
		CHECK(mm_free_pages() == before);
	}
	/* It was worth the time: translations of all levels were cached, types changed. */
	for (unsigned int level = 1; level <= 4; level++)
		CHECK(cached[level] > 1000);
	CHECK(converted > 500 && granted > 500);
	if (getenv("V"))
		printf("cached %u %u %u %u, converted %u, granted %u\n", cached[1], cached[2],
		       cached[3], cached[4], converted, granted);
}

/* A whole process tree pinned and dropped within slices; everything comes back. */
static void big_tree(void)
{
	struct hc_args a;
	struct mmuext_op op;
	uint32_t *f = frames[1], l1s = 70;
	unsigned int restarts = 0;
	long r;

	preempt_rate = 0;
	new_domain(1);
	new_domain(0);
	current = &vcpus[1][0];
	page(f[0])[0] = (uint64_t)f[1] << 12 | PTE_P | PTE_RW;
	page(f[1])[7] = (uint64_t)f[2] << 12 | PTE_P | PTE_RW;
	for (unsigned int i = 0; i < l1s; i++) {
		page(f[2])[i * 5] = (uint64_t)f[3 + i] << 12 | PTE_P | PTE_RW;
		for (unsigned int k = 0; k < PT_ENTRIES; k++)
			page(f[3 + i])[k] = (uint64_t)f[3 + l1s + k % 40] << 12 | PTE_P | PTE_RW;
	}
	for (uint32_t cmd = MMUEXT_PIN_L4_TABLE; cmd <= MMUEXT_UNPIN_TABLE; cmd++) {
		op = (struct mmuext_op){ .cmd = cmd, .arg1.mfn = f[0] };
		a = (struct hc_args){ { (uint64_t)&op, 1, 0, DOMID_SELF } };
		while ((r = hc_mmuext_op(&a)) == HC_RESTART) {
			restarts++;
			check_all();
		}
		CHECK(r == 0);
		check_all();
		CHECK(fs_types(frame_table[f[3 + l1s]].state) ==
		      (cmd == MMUEXT_PIN_L4_TABLE ? l1s * 13 : 0));
	}
	CHECK(restarts >= 2 * l1s * PT_ENTRIES / 1100 && restarts < 200);
	end_domains();
}

static void simulate_memory(void)
{
	static const struct {
		uint64_t at, size;
	} maps[] = {
		{ DIRECT_MAP_VIRT, LAST * PAGE_SIZE },
		{ FRAME_TABLE_VIRT, LAST * sizeof(struct frame) },
		{ RW_M2P_VIRT, LAST * 8 },
	};

	for (unsigned int i = 0; i < 3; i++)
		if (mmap((void *)maps[i].at, maps[i].size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0) != (void *)maps[i].at)
			abort();
	for (uint32_t n = FIRST; n < LAST; n++)
		frame_table[n] = (struct frame){ .state = FS_RAM, .owner = FRAME_OWNER_NONE };
	heap_init();
	heap_add(FIRST, LAST);
	hyp_l4 = hyp_page_alloc(0);
	for (unsigned int i = HYP_SLOT_FIRST; i <= HYP_SLOT_LAST; i++)
		hyp_l4[i] = 0xabc000 + i * 4096 + 3;
}

static void small_allocator(void)
{
	static struct {
		uint8_t *p;
		size_t size;
	} held[500];
	uint64_t before = mm_free_pages();

	for (unsigned int step = 0; step < 50000; step++) {
		unsigned int i = (unsigned int)rand() % 500;
		size_t size = 1 + (size_t)rand() % (rand() % 10 ? 3000 : 20000);

		if (held[i].p) {
			for (size_t k = 0; k < held[i].size; k++)
				CHECK(held[i].p[k] == (uint8_t)i);
			hyp_free(held[i].p);
			held[i].p = NULL;
			continue;
		}
		held[i].p = hyp_alloc(size);
		held[i].size = size;
		for (size_t k = 0; held[i].p && k < size; k++)
			CHECK(!held[i].p[k]);
		if (held[i].p)
			memset(held[i].p, (int)i, size);
	}
	for (unsigned int i = 0; i < 500; i++)
		hyp_free(held[i].p);
	CHECK(mm_free_pages() == before);
	CHECK(!hyp_alloc(1ul << 40));
}

static int result;
static ucontext_t main_context, test_context;

/* On a stack of its own, since the hypervisor finds its CPU through the stack pointer. */
static void run_all(void)
{
	static const struct test t[] = { TEST(small_allocator), TEST(big_tree), TEST(histories) };

	stack_top()->cpu = &cpu0;
	result = TEST_RUN(t);
}

int main(void)
{
	char *stack = aligned_alloc(STACK_SIZE, STACK_SIZE);

	setvbuf(stdout, NULL, _IOLBF, 0);
	simulate_memory();
	idle_domain = &doms[NR_DOMS];
	idle_domain->id = DOMID_NOBODY;
	getcontext(&test_context);
	test_context.uc_stack.ss_sp = stack;
	test_context.uc_stack.ss_size = STACK_SIZE - sizeof(struct stack_top) - 64;
	test_context.uc_link = &main_context;
	makecontext(&test_context, run_all, 0);
	swapcontext(&main_context, &test_context);
	free(stack);
	return result;
}

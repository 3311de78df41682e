/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame table, and why a guest cannot write its own page tables.
 *
 * A guest may write any memory of its own, except what the processor interprets with the
 * hypervisor's trust: page tables and descriptor tables. Whoever could write an entry of a
 * live page table could map anything. So every frame has a *type* and a *type count*:
 *
 *	A frame has one type at a time. Each use of the type holds a type reference, and the
 *	type changes only when there are none.
 *
 * Uses of FT_WRITABLE are the writable mappings in page tables, and the hypervisor's own
 * writing on a guest's behalf. Uses of FT_L1 .. FT_L4 are entries of the next higher table,
 * roots of vcpus, and pins. So while a frame is a page table it has no writable mapping, and
 * while it has one it is no page table; reading is free. A frame becomes a table by having all
 * its 512 entries checked, each present one taking a reference (and a type reference) to
 * what it names: that is "validation", and it is recursive. Afterwards entries change only
 * through the hypervisor (pt_update.c), which keeps those references right. When the last
 * use ends, the entries' references are dropped ("teardown").
 *
 * The second count, plain *references*, keeps a frame from being freed: the owner's
 * allocation, each mapping by whomever, each pin, each table entry, and the hypervisor's
 * transient uses hold one. Every type reference comes with a plain one, so the type count
 * never exceeds the reference count. The owner changes only when there are no references,
 * hence whoever holds one may rely on it; taking one is "count, then look at the owner".
 *
 * All of it lives in one word, changed by compare-and-exchange (frame_state.c has the
 * transitions), so it needs no lock. But the *content* of tables does: all validation,
 * teardown and changes of entries of a domain's tables happen under its pt_lock.
 *
 * Validation and teardown may be long, so they stop and resume. A table on the way in either
 * direction is "partial": entries [0, aux) hold references, the others do not. It owns one
 * reference of each kind itself, so nobody is responsible for it in between, and it is of
 * no use to anybody: not valid. Who wants it as the table it was becoming resumes the
 * validation and inherits those references. Teardown is no recursion but a list per
 * domain: a table that loses its last use is put on it, its entries are dropped one by
 * one, which may put others on it. Every operation on page tables begins by finishing what
 * is on the list (pt_table.c).
 *
 * TLBs: a processor may use a translation that is no longer in any table. That is the
 * guest's business - until the frame gets another type or owner. So each domain counts the
 * translations taken away (tlb_dirty, under pt_lock) and how many of these are known to be
 * in no TLB (tlb_clean); tlb_sync() brings them together. It runs before a frame is freed
 * and when its type changes: FS_VALID of a writable frame says that it was done. A mapping
 * of another domain's frame is synced before its reference goes, since the frame's owner
 * cannot know about it.
 *
 * Frames of hypervisor pages that guests may see (shared_info, rings, grant tables) are
 * FT_SHARED: mapped like the owner's, never freed by references, never anything else.
 *
 * Not here: which entries are acceptable (pt_check.h); promises of memory to domains beyond
 * their maximum; sharing of equal pages.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt_table.h>
#include <hyp/smp.h>

void m2p_set(mfn_t mfn, uint64_t pfn)
{
	if (mfn_valid(mfn))
		WRITE_ONCE(m2p_table[mfn.n], pfn);
}

/* --- owners: their structure is needed in the cold cases only */

/* The owner of a frame, with a reference; NULL: nobody, or it is not known to others yet. */
static struct domain *owner_get(mfn_t mfn)
{
	domid_t id = frame_owner(mfn);
	struct vcpu *v = current;

	if (id == FRAME_OWNER_NONE)
		return NULL;
	if (v && v->domain->id == id)
		return domain_get(v->domain) ? v->domain : NULL;
	return domain_find(id);
}

void tlb_sync(struct domain *d)
{
	uint64_t dirty = READ_ONCE(d->tlb_dirty);
	cpumask_t mask;

	if (likely(dirty == READ_ONCE(d->tlb_clean)))
		return;
	/* Behind the read: a CPU that joins later loads tables that are clean already. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mask = d->dirty_cpus;
	cpumask_set(&mask, smp_id());
	tlb_flush_mask(&mask);
	WRITE_ONCE(d->tlb_clean, dirty);
}

void tlb_sync_owner(mfn_t mfn)
{
	struct domain *d = owner_get(mfn);

	if (!d)
		return;
	tlb_sync(d);
	domain_put(d);
}

/* --- references */

/* Applies a transition that may be refused. */
static enum fs_result apply(mfn_t mfn, enum fs_result (*fn)(uint64_t s, uint64_t *n))
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state), n;
	enum fs_result r;

	do {
		r = fn(s, &n);
		if (r == FS_REFUSED)
			break;
	} while (!frame_state_move(f, &s, n));
	return r;
}

bool frame_get_any(mfn_t mfn)
{
	return mfn_valid(mfn) && apply(mfn, fs_get) == FS_OK;
}

bool frame_get(mfn_t mfn, const struct domain *d)
{
	if (!mfn_valid(mfn) || frame_owner(mfn) != d->id || apply(mfn, fs_get) != FS_OK)
		return false;
	if (likely(frame_owner(mfn) == d->id))
		return true;
	frame_put(mfn);
	return false;
}

static void list_add_page(struct domain *d, uint32_t mfn)
{
	struct frame *f = &frame_table[mfn], *head;

	if (d->page_list == FRAME_INDEX_NONE) {
		f->next = f->prev = d->page_list = mfn;
		return;
	}
	head = &frame_table[d->page_list];
	f->next = d->page_list;
	f->prev = head->prev;
	frame_table[head->prev].next = mfn;
	head->prev = mfn;
}

static void list_del_page(struct domain *d, uint32_t mfn)
{
	struct frame *f = &frame_table[mfn];

	if (f->next == mfn) {
		d->page_list = FRAME_INDEX_NONE;
		return;
	}
	frame_table[f->prev].next = f->next;
	frame_table[f->next].prev = f->prev;
	if (d->page_list == mfn)
		d->page_list = f->next;
}

/* The last reference is gone; nobody can take a new one. */
static void frame_free(mfn_t mfn)
{
	struct domain *d = owner_get(mfn);

	BUG_ON(!d); /* a domain outlives its pages */
	spin_lock(&d->mem_lock);
	list_del_page(d, (uint32_t)mfn.n);
	d->tot_pages--;
	spin_unlock(&d->mem_lock);
	tlb_sync(d);
	domain_put(d);
	m2p_set(mfn, M2P_INVALID);
	frame_table[mfn.n].owner = FRAME_OWNER_NONE;
	heap_free(mfn, 0);
}

void frame_put(mfn_t mfn)
{
	if (unlikely(apply(mfn, fs_put) == FS_LAST))
		frame_free(mfn);
}

/* --- types */

static enum fs_result get_type(mfn_t mfn, enum frame_type t)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state), n;
	enum fs_result r;

	do {
		r = fs_get_type(s, t, &n);
		if (r == FS_REFUSED)
			break;
	} while (!frame_state_move(f, &s, n));
	return r;
}

void frame_set_valid(mfn_t mfn)
{
	__atomic_fetch_or(&frame_table[mfn.n].state, FS_VALID, __ATOMIC_SEQ_CST);
}

bool frame_get_writable(mfn_t mfn)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state);
	enum fs_result r;

	if (likely(frame_plain(s) && frame_state_move(f, &s, s + FS_TYPES_ONE)))
		return true;
	r = get_type(mfn, FT_WRITABLE);
	if (unlikely(r == FS_NEW)) {
		tlb_sync_owner(mfn);
		frame_set_valid(mfn);
	}
	return r != FS_REFUSED;
}

int frame_begin_type(mfn_t mfn, enum frame_type t, unsigned int *start)
{
	switch (get_type(mfn, t)) {
	case FS_OK:
		return 0;
	case FS_NEW:
		*start = 0;
		return 1;
	case FS_RESUME:
		*start = frame_table[mfn.n].aux;
		return 1;
	default:
		return -EBUSY;
	}
}

void frame_make_partial(mfn_t mfn, unsigned int entries)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state);

	f->aux = (uint16_t)entries;
	while (!frame_state_move(f, &s, fs_make_partial(s)))
		;
}

void frame_torn_down(mfn_t mfn)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state);

	while (!frame_state_move(f, &s, fs_torn_down(s)))
		;
	frame_put(mfn);
}

bool frame_drop_type(mfn_t mfn)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state);

	if (likely(frame_plain(s) && frame_state_move(f, &s, s - FS_TYPES_ONE)))
		return false;
	/* Before it can be seen as partial; harmless for what is no table. */
	if (fs_is_table(READ_ONCE(f->state)))
		f->aux = PT_ENTRIES;
	return apply(mfn, fs_put_type) == FS_TEARDOWN;
}

int frame_get_mapping_slow(mfn_t mfn, const struct domain *d, bool rw)
{
	if (d ? !frame_get(mfn, d) : !frame_get_any(mfn))
		return -EINVAL;
	if (!rw || frame_get_writable(mfn))
		return 0;
	frame_put(mfn);
	return -EBUSY;
}

void frame_put_mapping_slow(mfn_t mfn, bool rw)
{
	if (rw)
		frame_drop_type(mfn);
	frame_put(mfn);
}

bool frame_pin(mfn_t mfn)
{
	return apply(mfn, fs_pin) == FS_OK;
}

bool frame_unpin(mfn_t mfn)
{
	return apply(mfn, fs_unpin) == FS_OK;
}

int frame_get_type(mfn_t mfn, struct domain *d, enum frame_type t)
{
	struct pt_ctx c;
	int err;

	if (t == FT_WRITABLE)
		return frame_get_writable(mfn) ? 0 : -EBUSY;
	if (t == FT_DESC)
		pt_enter(&c, d); /* never a table: need not wait for teardowns */
	else if (!pt_begin(&c, d))
		return -EAGAIN;
	err = pt_get_type(&c, mfn, t);
	pt_end(&c);
	return err;
}

int frame_get_and_type(mfn_t mfn, struct domain *d, enum frame_type t)
{
	int err;

	if (!frame_get(mfn, d))
		return -EINVAL;
	err = frame_get_type(mfn, d, t);
	if (err)
		frame_put(mfn);
	return err;
}

void frame_put_type(mfn_t mfn)
{
	ASSERT(!fs_is_table(frame_table[mfn.n].state));
	frame_drop_type(mfn);
}

void frame_put_and_type(mfn_t mfn)
{
	frame_put_type(mfn);
	frame_put(mfn);
}

/* --- allocation to domains */

static bool charge(struct domain *d, uint64_t pages)
{
	bool ok;

	spin_lock(&d->mem_lock);
	ok = !domain_is_dying(d) && d->tot_pages + pages <= d->max_pages;
	if (ok)
		d->tot_pages += pages;
	spin_unlock(&d->mem_lock);
	return ok;
}

static void assign_locked(struct domain *d, mfn_t mfn)
{
	struct frame *f = &frame_table[mfn.n];

	ASSERT(f->state == FS_RAM);
	f->owner = d->id;
	f->aux = 0;
	f->link = 0;
	list_add_page(d, (uint32_t)mfn.n);
	__atomic_store_n(&f->state, fs_allocated(), __ATOMIC_SEQ_CST);
}

mfn_t domain_pages_alloc(struct domain *d, unsigned int order, unsigned int address_bits)
{
	mfn_t mfn = domain_pages_alloc_raw(d, order, address_bits);

	if (!mfn_eq(mfn, INVALID_MFN))
		memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order);
	return mfn;
}

mfn_t domain_pages_alloc_raw(struct domain *d, unsigned int order, unsigned int address_bits)
{
	mfn_t mfn = INVALID_MFN;

	if (order > MAX_ALLOC_ORDER || !charge(d, 1ul << order))
		return INVALID_MFN;
	mfn = heap_alloc(order, address_bits);
	spin_lock(&d->mem_lock);
	if (mfn_eq(mfn, INVALID_MFN))
		d->tot_pages -= 1ul << order;
	else
		for (uint64_t i = 0; i < 1ul << order; i++)
			assign_locked(d, MFN(mfn.n + i));
	spin_unlock(&d->mem_lock);
	return mfn;
}

mfn_t domain_page_alloc(struct domain *d)
{
	return domain_pages_alloc(d, 0, 0);
}

int domain_page_release(struct domain *d, mfn_t mfn)
{
	bool was;

	if (!frame_get(mfn, d))
		return -EINVAL;
	was = apply(mfn, fs_release) == FS_OK;
	if (was)
		frame_put(mfn);
	frame_put(mfn);
	return was ? 0 : -EINVAL;
}

int frame_steal(struct domain *d, mfn_t mfn)
{
	if (!frame_get(mfn, d))
		return -EINVAL;
	if (apply(mfn, fs_steal) != FS_OK) {
		frame_put(mfn);
		return -EBUSY;
	}
	spin_lock(&d->mem_lock);
	list_del_page(d, (uint32_t)mfn.n);
	spin_unlock(&d->mem_lock);
	tlb_sync(d); /* its type is forgotten, so whatever it becomes must be safe */
	return 0;
}

void frame_assign(struct domain *d, mfn_t mfn)
{
	spin_lock(&d->mem_lock);
	assign_locked(d, mfn);
	spin_unlock(&d->mem_lock);
}

void frame_discard(mfn_t mfn)
{
	m2p_set(mfn, M2P_INVALID);
	frame_table[mfn.n].owner = FRAME_OWNER_NONE;
	heap_free(mfn, 0);
}

void frame_share(struct domain *d, void *page, bool w)
{
	struct frame *f = &frame_table[virt_to_mfn(page).n];

	ASSERT(f->state == FS_RAM && f->owner == FRAME_OWNER_NONE);
	f->owner = d->id;
	__atomic_store_n(&f->state, fs_shared(w), __ATOMIC_SEQ_CST);
}

bool frame_unshare(void *page)
{
	mfn_t mfn = virt_to_mfn(page);

	if (apply(mfn, fs_unshare) != FS_OK)
		return false;
	tlb_sync_owner(mfn);
	m2p_set(mfn, M2P_INVALID);
	frame_table[mfn.n].owner = FRAME_OWNER_NONE;
	return true;
}

/* --- teardown */

#define RELINQUISH_SLICE 256

/* A page of d with a reference, each call another one; false: none is left to be had. */
static bool next_page(struct domain *d, mfn_t *mfn)
{
	bool got = false;

	spin_lock(&d->mem_lock);
	if (d->page_list != FRAME_INDEX_NONE) {
		*mfn = MFN(d->page_list);
		d->page_list = frame_table[d->page_list].next;
		got = apply(*mfn, fs_get) == FS_OK; /* else it is being freed right now */
	}
	spin_unlock(&d->mem_lock);
	return got;
}

static void relinquish_page(struct pt_ctx *c, mfn_t mfn)
{
	uint64_t s = READ_ONCE(frame_table[mfn.n].state);

	if (frame_unpin(mfn))
		pt_put(c, mfn);
	else if ((s & FS_PARTIAL) && !pt_is_dying(c->d, mfn))
		pt_add_dying(c->d, mfn);
	if (apply(mfn, fs_release) == FS_OK)
		frame_put(mfn);
	frame_put(mfn);
}

bool domain_memory_relinquish(struct domain *d)
{
	struct pt_ctx c;
	mfn_t mfn;

	if (!pt_begin(&c, d))
		return false;
	for (unsigned int i = 0; i < RELINQUISH_SLICE && next_page(d, &mfn); i++) {
		relinquish_page(&c, mfn);
		if (!pt_drain(&c))
			break;
	}
	pt_end(&c);
	return READ_ONCE(d->page_list) == FRAME_INDEX_NONE;
}

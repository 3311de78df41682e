/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables as frames: what their entries hold, how they become valid, change, and are
 * taken apart. Everything here runs under the pt_lock of the domain that owns the tables;
 * the rules are in the essay of mm/frame.c.
 *
 * An L1 entry holds a reference to the frame it names, and a writable reference when it is
 * writable; nothing for what is not RAM (domain 0's devices). An entry of a higher level holds
 * a reference and a type reference to a table of the next lower one, of the same domain. So a
 * table can only name itself as data, read-only: linear page tables are refused.
 *
 * A mapping of a frame that belongs to another domain is dropped late: collected, then
 * the TLBs are synced once, then the references go.
 *
 * Bounded: pt_preempt() is asked before each entry that does work.
 */
#include <hyp/call.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt_table.h>

static inline mfn_t entry_mfn(uint64_t e)
{
	return MFN((e & PTE_ADDR) >> PAGE_SHIFT);
}

/* RAM of the tables' own domain; the caller's entry or reference keeps it so. */
static inline bool own_frame(const struct pt_ctx *c, mfn_t mfn)
{
	return mfn_valid(mfn) && frame_owner(mfn) == c->d->id;
}

/* --- what L1 entries hold */

/* The references of a new entry, checked already. */
static inline int l1_get(const struct pt_ctx *c, uint64_t e)
{
	mfn_t mfn = entry_mfn(e);

	if (unlikely(!mfn_valid(mfn)))
		return c->io && !mmio_denied(mfn) ? 0 : -EINVAL;
	return frame_get_mapping(mfn, c->from, (e & PTE_RW) != 0);
}

static inline void l1_drop(uint64_t e)
{
	frame_put_mapping(entry_mfn(e), (e & PTE_RW) != 0);
}

static void drop_late(struct pt_ctx *c)
{
	if (!c->nr_late)
		return;
	tlb_sync(c->d);
	for (unsigned int i = 0; i < c->nr_late; i++)
		l1_drop(c->late[i]);
	c->nr_late = 0;
}

static void l1_put_late(struct pt_ctx *c, uint64_t e)
{
	if (c->nr_late == PT_LATE)
		drop_late(c);
	c->late[c->nr_late++] = e;
}

/* The entry is in no table any more. */
static inline void l1_put(struct pt_ctx *c, uint64_t e)
{
	mfn_t mfn = entry_mfn(e);

	if (unlikely(!mfn_valid(mfn)))
		return;
	if (likely(frame_owner(mfn) == c->d->id))
		l1_drop(e);
	else
		l1_put_late(c, e);
}

/* --- teardown */

bool pt_is_dying(const struct domain *d, mfn_t mfn)
{
	return frame_table[mfn.n].link != 0;
}

void pt_add_dying(struct domain *d, mfn_t mfn)
{
	struct frame *f = &frame_table[mfn.n];

	ASSERT(spin_held(&d->pt_lock) && !f->link && (f->state & FS_PARTIAL));
	f->link = d->pt_dying ? d->pt_dying : FRAME_INDEX_NONE;
	d->pt_dying = (uint32_t)mfn.n;
}

void pt_put(struct pt_ctx *c, mfn_t mfn)
{
	if (frame_drop_type(mfn))
		pt_add_dying(c->d, mfn);
	frame_put(mfn);
}

/* Eight entries, none of them present: most tables are nearly empty. */
static inline bool none_present(const uint64_t *t)
{
	return !((t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]) & PTE_P);
}

/* Of the n entries; how many are left when time is up, or another table comes first. */
static __always_inline unsigned int put_entries(struct pt_ctx *c, const uint64_t *t,
						unsigned int level, unsigned int n, mfn_t mfn)
{
	while (n && (level == 1 || c->d->pt_dying == mfn.n)) {
		uint64_t e = t[n - 1];

		if (!(e & PTE_P) || !pt_slot_is_guest(level, n - 1)) {
			n -= !(n % 8) && none_present(&t[n - 8]) ? 8 : 1;
			continue;
		}
		if (unlikely(pt_preempt(c)))
			break;
		if (level == 1)
			l1_put(c, e);
		else
			pt_put(c, entry_mfn(e));
		n--;
	}
	return n;
}

/*
 * Drops entries of the first table on the list until none is left, or another table comes
 * before it on the list. False: time is up.
 */
static bool take_apart(struct pt_ctx *c, mfn_t mfn)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t *t = mfn_to_virt(mfn);
	unsigned int level = fs_type(f->state) - FT_L1 + 1, n = f->aux;

	n = level == 1 ? put_entries(c, t, 1, n, mfn) : put_entries(c, t, level, n, mfn);
	f->aux = (uint16_t)n;
	if (c->d->pt_dying != mfn.n)
		return true;
	if (n)
		return false;
	c->d->pt_dying = f->link == FRAME_INDEX_NONE ? 0 : f->link;
	f->link = 0;
	frame_torn_down(mfn);
	return true;
}

bool pt_drain_some(struct pt_ctx *c)
{
	ASSERT(spin_held(&c->d->pt_lock));
	while (c->d->pt_dying)
		if (!take_apart(c, MFN(c->d->pt_dying)))
			return false;
	return true;
}

/* --- validation */

int pt_get(struct pt_ctx *c, mfn_t mfn, enum frame_type t)
{
	int err;

	if (!frame_get(mfn, c->d))
		return -EINVAL;
	err = pt_get_type(c, mfn, t);
	if (err)
		frame_put(mfn);
	return err;
}

static inline int entry_get(struct pt_ctx *c, uint64_t *e, unsigned int level)
{
	if (!pt_check_entry(e, level, pt_reserved_bits))
		return -EINVAL;
	if (level == 1)
		return l1_get(c, *e);
	return pt_get(c, entry_mfn(*e), FT_L1 + level - 2);
}

/* Entries from i on take their references; where it ended. Compiled once for level 1. */
static __always_inline unsigned int get_entries(struct pt_ctx *c, uint64_t *t, unsigned int level,
						unsigned int i, int *err)
{
	for (; i < PT_ENTRIES; i++) {
		uint64_t e = t[i];

		if (!(e & PTE_P) || !pt_slot_is_guest(level, i)) {
			if (!(i % 8) && none_present(&t[i]))
				i += 7;
			continue;
		}
		*err = unlikely(pt_preempt(c)) ? -EAGAIN : entry_get(c, &e, level);
		if (*err)
			break;
		if (t[i] & ~e)
			t[i] = e;
	}
	return i;
}

/*
 * Nobody else can write the page: its type is a table's already. What fails is torn down
 * again.
 */
static int validate(struct pt_ctx *c, mfn_t mfn, unsigned int level, unsigned int i)
{
	struct domain *from = c->from;
	uint64_t *t = mfn_to_virt(mfn);
	int err = 0;

	c->from = c->d;
	if (level == 4)
		memcpy(&t[HYP_SLOT_FIRST], &hyp_l4[HYP_SLOT_FIRST],
		       (HYP_SLOT_LAST - HYP_SLOT_FIRST + 1) * sizeof(*t));
	i = level == 1 ? get_entries(c, t, 1, i, &err) : get_entries(c, t, level, i, &err);
	c->from = from;
	if (!err) {
		frame_set_valid(mfn);
		return 0;
	}
	frame_make_partial(mfn, i);
	if (err == -EAGAIN)
		return err;
	pt_add_dying(c->d, mfn);
	return -EINVAL;
}

int pt_get_type(struct pt_ctx *c, mfn_t mfn, enum frame_type t)
{
	unsigned int start;
	int r;

	ASSERT(spin_held(&c->d->pt_lock) && frame_owner(mfn) == c->d->id);
	r = frame_begin_type(mfn, t, &start);
	if (r <= 0)
		return r;
	ASSERT(!pt_is_dying(c->d, mfn)); /* pt_begin() was called */
	tlb_sync(c->d);
	if (fs_type_is_table(t))
		return validate(c, mfn, t - FT_L1 + 1, start);
	if (!desc_page_validate(mfn_to_virt(mfn))) {
		frame_set_valid(mfn);
		return 0;
	}
	frame_drop_type(mfn);
	return -EINVAL;
}

/* --- changes */

/*
 * Stores, and notes that TLBs may hold what is gone. The processor changes accessed and dirty
 * bits behind our back: *old is what was really replaced. False: it was not *old.
 */
static inline bool store(struct pt_ctx *c, uint64_t *p, unsigned int level, uint64_t new,
			 enum pt_mode mode, uint64_t *old)
{
	uint64_t cur = READ_ONCE(*p), n;

	if (mode == PT_STORE) {
		cur = __atomic_exchange_n(p, new, __ATOMIC_SEQ_CST);
	} else {
		do {
			n = new | (mode == PT_KEEP_AD ? cur & (PTE_A | PTE_D) : 0);
			if (mode == PT_COMPARE && cur != *old)
				break;
		} while (!__atomic_compare_exchange_n(p, &cur, n, false, __ATOMIC_SEQ_CST,
						      __ATOMIC_SEQ_CST));
		if (mode == PT_COMPARE && cur != *old) {
			*old = cur;
			return false;
		}
		new = n;
	}
	*old = cur;
	if (pt_needs_flush(cur, new, level))
		WRITE_ONCE(c->d->tlb_dirty, c->d->tlb_dirty + 1);
	return true;
}

/* The same frame as before: at most the writable reference comes or goes. */
static int change_flags(struct pt_ctx *c, uint64_t *p, uint64_t new, enum pt_mode mode,
			uint64_t *old)
{
	uint64_t rw = (*p ^ new) & PTE_RW;
	mfn_t mfn = entry_mfn(new);
	bool ram = rw && mfn_valid(mfn), gain = ram && (new &PTE_RW);

	if (gain && !frame_get_writable(mfn))
		return -EBUSY;
	if (!store(c, p, 1, new, mode, old)) {
		if (gain)
			frame_drop_type(mfn);
		return -EAGAIN;
	}
	if (ram && !gain) {
		if (frame_owner(mfn) != c->d->id)
			tlb_sync(c->d);
		frame_drop_type(mfn);
	}
	return 0;
}

static int change_l1(struct pt_ctx *c, uint64_t *p, uint64_t new, enum pt_mode mode, uint64_t *old)
{
	uint64_t cur = READ_ONCE(*p);
	bool gain = (new & ~cur &PTE_RW) != 0;
	int err;

	/* Becoming writable takes a right on the frame, which the mapping alone is not. */
	if (pt_same_frame(cur, new) && (!gain || (c->from == c->d && own_frame(c, entry_mfn(new)))))
		return change_flags(c, p, new, mode, old);
	if (new &PTE_P) {
		err = l1_get(c, new);
		if (err)
			return err;
	}
	if (!store(c, p, 1, new, mode, old)) {
		if (new &PTE_P)
			l1_put(c, new);
		return -EAGAIN;
	}
	if (*old & PTE_P)
		l1_put(c, *old);
	return 0;
}

static int change_table(struct pt_ctx *c, mfn_t mfn, unsigned int level, unsigned int index,
			uint64_t new, enum pt_mode mode, uint64_t *old)
{
	uint64_t *p = (uint64_t *)mfn_to_virt(mfn) + index;
	bool same = pt_same_frame(*p, new);
	int err;

	if (mode == PT_COMPARE || !pt_slot_is_guest(level, index))
		return -EINVAL;
	if ((new &PTE_P) && !same) {
		err = pt_get(c, entry_mfn(new), FT_L1 + level - 2);
		if (err)
			return err;
	}
	store(c, p, level, new, mode, old);
	if (level == 4)
		context_l4_changed(c->d, mfn, index, *p);
	if ((*old & PTE_P) && !same)
		pt_put(c, entry_mfn(*old));
	return 0;
}

int pt_change(struct pt_ctx *c, mfn_t mfn, unsigned int index, uint64_t new, enum pt_mode mode,
	      uint64_t *old)
{
	unsigned int level = fs_type(frame_table[mfn.n].state) - FT_L1 + 1;

	ASSERT(spin_held(&c->d->pt_lock) && level == pt_level(c, mfn) && level);
	ASSERT(index < PT_ENTRIES);
	if (!pt_check_entry(&new, level, pt_reserved_bits))
		return -EINVAL;
	if (likely(level == 1))
		return change_l1(c, (uint64_t *)mfn_to_virt(mfn) + index, new, mode, old);
	return change_table(c, mfn, level, index, new, mode, old);
}

/* --- operations */

void pt_enter(struct pt_ctx *c, struct domain *d)
{
	c->d = c->from = d;
	c->io = is_dom0(d);
	c->work = c->nr_late = 0;
	spin_lock(&d->pt_lock);
}

bool pt_begin(struct pt_ctx *c, struct domain *d)
{
	pt_enter(c, d);
	if (likely(pt_drain(c)))
		return true;
	pt_end(c);
	return false;
}

void pt_end(struct pt_ctx *c)
{
	drop_late(c);
	spin_unlock(&c->d->pt_lock);
}

bool pt_find(mfn_t root, uint64_t va, mfn_t *l1, unsigned int *index)
{
	mfn_t mfn = root;

	if (!mfn_valid(root) || !is_canonical(va) || !pt_slot_is_guest(4, va >> 39 & 511))
		return false;
	for (unsigned int shift = 39; shift > 12; shift -= 9) {
		uint64_t e = ((uint64_t *)mfn_to_virt(mfn))[va >> shift & 511];

		if (!(e & PTE_P))
			return false;
		mfn = entry_mfn(e);
	}
	*l1 = mfn;
	*index = va >> 12 & 511;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside mm/: tables as frames (mm/pt_table.c), and the transitions of frames that only
 * they make (mm/frame.c). Everything with a struct pt_ctx: its pt_lock held.
 */
#ifndef HYP_PT_TABLE_H
#define HYP_PT_TABLE_H

#include <hyp/call.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/frame_state.h>
#include <hyp/pt_check.h>

#define PT_LATE 32

/* One operation on the tables of d. */
struct pt_ctx {
	struct domain *d;
	struct domain *from;  /* owner of the frames that L1 entries may name; NULL: anybody */
	bool io;	      /* entries may name what is not RAM */
	unsigned int work;    /* entries looked at, for preemption */
	unsigned int nr_late; /* mappings of others' frames, put after the TLBs are clean */
	uint64_t late[PT_LATE];
};

/* Takes the lock. from is d, io as d may. */
void pt_enter(struct pt_ctx *c, struct domain *d);
/*
 * And finishes pending teardowns. False (and no lock) when there was too
 * much of it: try again later.
 */
bool pt_begin(struct pt_ctx *c, struct domain *d);
void pt_end(struct pt_ctx *c);
/* Goes on with pending teardowns; true when there are none left. */
bool pt_drain_some(struct pt_ctx *c);
static inline bool pt_drain(struct pt_ctx *c)
{
	return likely(!c->d->pt_dying) || pt_drain_some(c);
}

/* Time to stop for a while. Never before PT_WORK_UNIT entries: each attempt gets on. */
#define PT_WORK_UNIT 16
static inline bool pt_preempt(struct pt_ctx *c)
{
	return !(++c->work % PT_WORK_UNIT) && hc_preempt_due(c->work / PT_WORK_UNIT);
}

/* A type reference on a frame of c->d for a reference held. 0, -EINVAL, -EBUSY, -EAGAIN. */
int pt_get_type(struct pt_ctx *c, mfn_t mfn, enum frame_type t);
/* With the reference. */
int pt_get(struct pt_ctx *c, mfn_t mfn, enum frame_type t);
/* Drops both; a table may be torn down by the next pt_drain(). */
void pt_put(struct pt_ctx *c, mfn_t mfn);
bool pt_is_dying(const struct domain *d, mfn_t mfn);
void pt_add_dying(struct domain *d, mfn_t mfn);

/* How an entry is stored. */
enum pt_mode {
	PT_STORE,   /* unconditionally */
	PT_KEEP_AD, /* accessed and dirty bits stay */
	PT_COMPARE, /* only when it is still *old, bit by bit */
};
/*
 * Changes entry index of the valid table mfn of c->d. *old: IN for PT_COMPARE, OUT: the
 * entry as it was. 0, -EINVAL (refused), -EBUSY, -EAGAIN (preempted; also: PT_COMPARE failed,
 * which *old shows).
 */
int pt_change(struct pt_ctx *c, mfn_t mfn, unsigned int index, uint64_t new, enum pt_mode mode,
	      uint64_t *old);
/* The frame is a valid table of c->d: its level, else 0. */
static inline unsigned int pt_level(const struct pt_ctx *c, mfn_t mfn)
{
	uint64_t s;

	if (!mfn_valid(mfn) || frame_owner(mfn) != c->d->id)
		return 0;
	s = READ_ONCE(frame_table[mfn.n].state);
	return fs_is_table(s) ? fs_type(s) - FT_L1 + 1 : 0;
}
/* The L1 table for va below a root and the entry's index; false: there is none. */
bool pt_find(mfn_t root, uint64_t va, mfn_t *l1, unsigned int *index);

/* --- mm/frame.c */
bool frame_get_writable(mfn_t mfn); /* a FT_WRITABLE reference for a reference held */
/* 1: content has to be made valid from entry *start on; 0, -EBUSY. */
int frame_begin_type(mfn_t mfn, enum frame_type t, unsigned int *start);
void frame_set_valid(mfn_t mfn);
void frame_make_partial(mfn_t mfn, unsigned int entries);
bool frame_drop_type(mfn_t mfn); /* true: it was a table and has become partial */
void frame_torn_down(mfn_t mfn);
bool frame_pin(mfn_t mfn);
bool frame_unpin(mfn_t mfn);

/*
 * Data that is in use and stays so, for which the rules come to plain counting; the counts
 * are far from their limits. Everything else goes through frame_state.c.
 */
static inline bool frame_plain(uint64_t s)
{
	return fs_refs(s) - 1 < FS_REFS_MASK / 4 &&
	       (s & (FS_TYPE_MASK | FS_VALID)) ==
		       ((uint64_t)FT_WRITABLE << FS_TYPE_SHIFT | FS_VALID);
}

static inline bool frame_state_move(struct frame *f, uint64_t *old, uint64_t new)
{
	ASSERT(fs_sane(*old) && fs_sane(new));
	return __atomic_compare_exchange_n(&f->state, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/*
 * What an entry of an L1 table holds of RAM: a reference, with rw a FT_WRITABLE one, too.
 * d: it must own the frame, NULL: anybody. 0, -EINVAL, -EBUSY (it may not be writable).
 */
int frame_get_mapping_slow(mfn_t mfn, const struct domain *d, bool rw);
void frame_put_mapping_slow(mfn_t mfn, bool rw);

static inline void frame_put_mapping(mfn_t mfn, bool rw)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state), n = s - 1 - (rw ? FS_TYPES_ONE : 0);

	if (unlikely(!frame_plain(s) || fs_refs(s) == 1 || !frame_state_move(f, &s, n)))
		frame_put_mapping_slow(mfn, rw);
}

static inline int frame_get_mapping(mfn_t mfn, const struct domain *d, bool rw)
{
	struct frame *f = &frame_table[mfn.n];
	uint64_t s = READ_ONCE(f->state), n = s + 1 + (rw ? FS_TYPES_ONE : 0);

	if (unlikely(!frame_plain(s) || (d && frame_owner(mfn) != d->id) ||
		     !frame_state_move(f, &s, n)))
		return frame_get_mapping_slow(mfn, d, rw);
	/* Now that it cannot change any more. */
	if (likely(!d || frame_owner(mfn) == d->id))
		return 0;
	frame_put_mapping(mfn, rw);
	return -EINVAL;
}

#endif

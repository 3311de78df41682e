/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside mm/: tables as frames (mm/pt_table.c), and the transitions of frames that only
 * they make (mm/frame.c). Everything with a struct pt_ctx: its pt_lock held.
 */
#ifndef HYP_PT_TABLE_H
#define HYP_PT_TABLE_H

#include <hyp/frame.h>
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
bool pt_drain(struct pt_ctx *c);
/* Time to stop for a while. */
bool pt_preempt(struct pt_ctx *c);

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
unsigned int pt_level(const struct pt_ctx *c, mfn_t mfn);
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

#endif

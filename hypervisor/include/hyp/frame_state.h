/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state word of a frame and its transitions, as pure functions of a word: each says
 * whether it is allowed and what the word becomes. mm/frame.c applies them atomically and
 * has the essay on why they are what they are. Unit-tested on the host.
 *
 *   63 ram  62 free  61 alloc  60 pinned  59 valid  58 partial
 *   57..55 type (enum frame_type)  54..28 type count  27..0 reference count
 */
#ifndef HYP_FRAME_STATE_H
#define HYP_FRAME_STATE_H

#include <hyp/frame.h>

#define FS_RAM (1ul << 63)     /* the frame exists */
#define FS_FREE (1ul << 62)    /* first frame of a free block */
#define FS_ALLOC (1ul << 61)   /* the owner's allocation holds a reference */
#define FS_PINNED (1ul << 60)  /* a pin holds a reference and a type reference */
#define FS_VALID (1ul << 59)   /* the content fits the type; FT_SHARED: guests may write */
#define FS_PARTIAL (1ul << 58) /* entries [0, aux) hold references; owns one ref. of each kind */
#define FS_TYPE_SHIFT 55
#define FS_TYPE_MASK (7ul << FS_TYPE_SHIFT)
#define FS_TYPES_SHIFT 28
#define FS_TYPES_ONE (1ul << FS_TYPES_SHIFT)
#define FS_TYPES_MASK (((1ul << 27) - 1) << FS_TYPES_SHIFT)
#define FS_REFS_MASK ((1ul << 28) - 1)

static inline enum frame_type fs_type(uint64_t s)
{
	return (enum frame_type)((s & FS_TYPE_MASK) >> FS_TYPE_SHIFT);
}

static inline uint64_t fs_types(uint64_t s)
{
	return (s & FS_TYPES_MASK) >> FS_TYPES_SHIFT;
}

static inline uint64_t fs_refs(uint64_t s)
{
	return s & FS_REFS_MASK;
}

static inline bool fs_type_is_table(enum frame_type t)
{
	return t >= FT_L1 && t <= FT_L4;
}

/* A table whose entries may be relied on, and changed. */
static inline bool fs_is_table(uint64_t s)
{
	return fs_type_is_table(fs_type(s)) && (s & FS_VALID) != 0;
}

enum fs_result {
	FS_OK,
	FS_REFUSED,  /* not allowed in this state; nothing changes */
	FS_NEW,	     /* get_type: the caller makes the content valid, then sets FS_VALID */
	FS_RESUME,   /* get_type: the same, and goes on at aux */
	FS_LAST,     /* put: no reference is left, the frame is the caller's to free */
	FS_TEARDOWN, /* put_type: the last one of a table; it has become partial */
};

/* Consistent with the rules of the essay; for assertions. */
bool fs_sane(uint64_t s);

/* A frame taken from the heap becomes a domain's; or the hypervisor's, shown to a domain. */
uint64_t fs_allocated(void);
uint64_t fs_shared(bool writable);

enum fs_result fs_get(uint64_t s, uint64_t *n); /* OK, REFUSED */
enum fs_result fs_put(uint64_t s, uint64_t *n); /* OK, LAST */
/* The caller holds a reference. OK, REFUSED, NEW, RESUME (then one reference fewer). */
enum fs_result fs_get_type(uint64_t s, enum frame_type t, uint64_t *n);
enum fs_result fs_put_type(uint64_t s, uint64_t *n); /* OK, TEARDOWN */
/* A type reference not yet valid becomes FS_PARTIAL's own, and so does a new reference. */
uint64_t fs_make_partial(uint64_t s);
/* No entry holds anything any more: gives up FS_PARTIAL's type reference, not the other. */
uint64_t fs_torn_down(uint64_t s);

enum fs_result fs_pin(uint64_t s,
		      uint64_t *n); /* OK, REFUSED; takes over the caller's references */
enum fs_result fs_unpin(uint64_t s, uint64_t *n); /* OK, REFUSED; the caller drops them */
enum fs_result fs_release(uint64_t s,
			  uint64_t *n); /* OK, REFUSED; the caller drops the reference */
/* Only the allocation and the caller hold references: both end. OK, REFUSED */
enum fs_result fs_steal(uint64_t s, uint64_t *n);
/* A shared page that only the hypervisor still refers to. OK, REFUSED */
enum fs_result fs_unshare(uint64_t s, uint64_t *n);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame table: owner, references and type of every machine frame, in one
 * atomically updated word (mm/frame.c has the essay on the invariant).
 */
#ifndef HYP_FRAME_H
#define HYP_FRAME_H

#include <hyp/layout.h>
#include <hyp/types.h>

struct domain;

enum frame_type {
	FT_NONE,     /* no typed use now */
	FT_WRITABLE, /* mapped writable by guests */
	FT_L1,
	FT_L2,
	FT_L3,
	FT_L4,
	FT_DESC,   /* GDT/LDT page */
	FT_SHARED, /* the hypervisor's page shown to a guest; never changes type */
};

/*
 * All zeroes: not RAM. Otherwise the links belong to the list the frame is on (its owner's
 * pages, the free list, a size class); owner changes only while there are no references.
 */
struct frame {
	uint64_t state;	     /* hyp/frame_state.h */
	uint32_t next, prev; /* frame numbers */
	uint32_t link;	     /* tables: next one to take apart; hypervisor pages: mm/heap.c */
	uint16_t aux;	     /* tables not valid: entries [0, aux) hold references; else order */
	domid_t owner;
};

#define frame_table ((struct frame *)FRAME_TABLE_VIRT)
#define m2p_table ((uint64_t *)RW_M2P_VIRT)
#define M2P_INVALID (~0ul >> 1)
#define FRAME_INDEX_NONE 0xffffffffu
#define FRAME_OWNER_NONE 0x7fff /* DOMID_NOBODY */

extern uint64_t max_mfn; /* hyp/mm.h */

/* RAM that has a frame-table entry. */
static inline bool mfn_valid(mfn_t mfn)
{
	return mfn.n < max_mfn && frame_table[mfn.n].state;
}

/* The owner's domid; DOMID_NOBODY when free or the hypervisor's. Racy without a reference. */
static inline domid_t frame_owner(mfn_t mfn)
{
	return READ_ONCE(frame_table[mfn.n].owner);
}

/*
 * References. get checks then counts; put never fails and frees the frame to
 * the heap with the last reference.
 */
bool frame_get(mfn_t mfn,
	       const struct domain *d); /* false: not RAM, not d's, or count at its limit */
void frame_put(mfn_t mfn);
/*
 * As above + a type reference: FT_WRITABLE, FT_DESC or FT_L4; validates what needs it.
 * 0, -EINVAL (bad content), -EBUSY (other type in use), -EAGAIN (preempted: try again).
 * All but FT_WRITABLE take d->pt_lock: hold nothing of its rank or above.
 */
int frame_get_and_type(mfn_t mfn, struct domain *d, enum frame_type t);
/* Not for tables: pt.h drops those. */
void frame_put_and_type(mfn_t mfn);
/* A type reference on a frame the caller already holds a reference to. */
int frame_get_type(mfn_t mfn, struct domain *d, enum frame_type t);
void frame_put_type(mfn_t mfn);
/* Another reference to a frame of any owner, which the caller keeps from going away. */
bool frame_get_any(mfn_t mfn);

/*
 * Translations of d that were taken away are in no TLB any more, on any CPU. To be called
 * before such a translation's target is used for something else; cheap when none were.
 */
void tlb_sync(struct domain *d);
void tlb_sync_owner(mfn_t mfn);

/* --- allocation to domains. d->mem_lock inside. */
/* A zeroed frame owned by d, counted in d->tot_pages (fails beyond d->max_pages). INVALID_MFN on failure. */
mfn_t domain_page_alloc(struct domain *d);
/* 2^order machine-contiguous frames below address_bits (0 = anywhere); for dom0's DMA. */
mfn_t domain_pages_alloc(struct domain *d, unsigned int order, unsigned int address_bits);
/* The same with the content as it was left: boot, for domain 0, or before others can see it. */
mfn_t domain_pages_alloc_raw(struct domain *d, unsigned int order, unsigned int address_bits);
/* Drops the allocation reference once; the frame is freed when other references end. -EINVAL: not allocated to d. */
int domain_page_release(struct domain *d, mfn_t mfn);
/*
 * For memory exchange: takes a frame nobody refers to out of d, which stays charged for it;
 * -EINVAL, -EBUSY. It then goes to the heap (frame_discard), or back (frame_assign).
 */
int frame_steal(struct domain *d, mfn_t mfn);
void frame_assign(struct domain *d, mfn_t mfn);
void frame_discard(mfn_t mfn);
/* Makes a page of hyp_page_alloc(0) mappable by d (writable when w); not counted. And the reverse, before freeing it. */
void frame_share(struct domain *d, void *page, bool w);
/* False while somebody still maps it: the caller tries again later. */
bool frame_unshare(void *page);

/*
 * Teardown: unpins and releases all frames of a dying domain, bounded per call.
 * True when nothing is left. d must not be running; its roots are no longer loaded.
 */
bool domain_memory_relinquish(struct domain *d);

/* The M2P entry of a frame. */
void m2p_set(mfn_t mfn, uint64_t pfn);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Grant tables, version 1 (public/grant_table.h): a domain lets others use its pages. */
#ifndef HYP_GRANT_H
#define HYP_GRANT_H

#include <hyp/types.h>
#include <public/grant_table.h>

struct domain;
struct hc_args;

int grant_domain_init(struct domain *d);
/* Bounded slices, d not running. Before d's memory goes: drops the mappings d holds. */
bool grant_mappings_relinquish(struct domain *d);
/* After it: gives up the table's frames; false while others map them. */
bool grant_table_relinquish(struct domain *d);
void grant_domain_destroy(struct domain *d);
long hc_grant_table_op(struct hc_args *a);

/* --- a use of a granted page, by a mapping or for a copy (grant/table.c) */
/*
 * d lets `who` use the page of its entry ref: marks it in use and takes a reference to the
 * frame, and a writable one unless ro. GNTST_*.
 */
int16_t grant_pin(struct domain *d, grant_ref_t ref, domid_t who, bool ro, mfn_t *mfn);
/* The end of a use. The granter may be dying, its table gone. */
void grant_unpin(struct domain *d, grant_ref_t ref, bool ro, mfn_t mfn);

/* --- the frames of a table (grant/table.c) */
#define GRANT_MAX_FRAMES 64
unsigned int grant_nr_frames(const struct domain *d);
/* Makes it n frames at least. -EINVAL, -ENOMEM. */
int grant_grow(struct domain *d, unsigned int n);
/* Frame i of the table; it stays until d dies. */
mfn_t grant_frame(const struct domain *d, unsigned int i);

/* --- mappings, by handle: of the domain that mapped (grant/table.c) */
#define GM_HOST 1 /* a page-table entry */
#define GM_DEV 2  /* for DMA */
#define GM_RO 4
#define GM_BUSY 8 /* some CPU is at it: owns the structure */

struct grant_mapping {
	struct domain *granter; /* with a reference */
	uint64_t host_addr;	/* as the guest gave it */
	uint64_t pte;		/* machine address of the entry */
	mfn_t mfn;		/* pinned */
	grant_ref_t ref;	/* free: the next free handle */
	uint16_t state;		/* GM_*, 0 = free */
};

/* A new one, busy; NULL: no more for d, or no memory. */
struct grant_mapping *grant_mapping_new(struct domain *d, grant_handle_t *handle);
/* Makes an existing one busy; NULL: there is none, or it is busy. */
struct grant_mapping *grant_mapping_claim(struct domain *d, grant_handle_t handle);
/* No longer busy; free when neither GM_HOST nor GM_DEV are left. */
void grant_mapping_done(struct domain *d, grant_handle_t handle);
/*
 * Takes parts (GM_HOST, GM_DEV) away from a busy mapping, and with the last one its use of
 * the page. 0, -EAGAIN: nothing done, call again.
 */
int grant_unmap(struct domain *d, struct grant_mapping *m, unsigned int parts);

/* --- pure (grant/entry.c) */
/* Uses of an entry. */
struct grant_pins {
	uint32_t all, write;
};

/* May `who` use the entry? If so, *e is what it becomes. GNTST_*. */
int16_t grant_entry_use(struct grant_entry_v1 *e, domid_t who, bool ro);
void grant_pins_add(struct grant_pins *p, bool ro);
/* The GTF_* to be taken from the entry. */
uint16_t grant_pins_drop(struct grant_pins *p, bool ro);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables: what a domain grants, and what it has mapped of others.
 *
 * The entries are in pages shared with the granter, who may write them at any time. An entry
 * is read once, as one word, and only acted upon when it can be exchanged for the same
 * with the use marked: so what was checked is what was granted at that moment. Later
 * changes by the granter matter to nobody: a use remembers the frame it has references to.
 * These references, not the entry, keep the frame what it is. They may outlive the granter's
 * interest, even its running: its memory, and so the domain, is gone when the last use ends.
 * They are given back before the marks are taken away, so that a granter who sees none may at
 * once use the page for something else.
 *
 * A mapping belongs to the domain that mapped. It is worked on by one CPU at a time, without
 * any lock held, since page tables come before grant tables in the order of locks: GM_BUSY
 * says so, and makes others see no such handle. The entry of the page table has references of
 * its own; a guest may overwrite it as it likes, which ends no use.
 *
 * Only pages of the domain's memory can be granted, not the hypervisor's that it is shown.
 *
 * Not here: version 2, transfers; a promise of hypervisor memory for tables and mappings.
 */
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/frame_state.h>
#include <hyp/grant.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>

#define ENTRIES (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define UNSTABLE 4 /* tries before we give up on an entry that keeps changing */

#define PER_PAGE (PAGE_SIZE / sizeof(struct grant_mapping))
#define MAP_PAGES_DOM0 640
#define MAP_PAGES_DOMU 48 /* devices are the hypervisor's: few have anything to map */
#define NO_HANDLE 0xffffffffu
#define RELINQUISH_SLICE 64

_Static_assert(sizeof(struct grant_pins) == sizeof(struct grant_entry_v1), "a page of each");

/* All protected by the domain's grant_lock; not mappings that are busy. */
struct grant_table {
	unsigned int nr_frames;
	struct grant_entry_v1 *entries[GRANT_MAX_FRAMES];
	struct grant_pins *pins[GRANT_MAX_FRAMES];

	uint32_t nr_handles, free; /* free: NO_HANDLE = none */
	uint32_t max_map_pages;
	struct grant_mapping *map[];
};

/* --- uses */

static int16_t frame_pin_for(struct domain *d, mfn_t mfn, bool ro)
{
	if (!frame_get(mfn, d))
		return GNTST_bad_page;
	if (fs_type(READ_ONCE(frame_table[mfn.n].state)) != FT_SHARED &&
	    (ro || !frame_get_type(mfn, d, FT_WRITABLE)))
		return GNTST_okay;
	frame_put(mfn);
	return GNTST_bad_page;
}

static void frame_unpin_for(mfn_t mfn, bool ro)
{
	if (!ro)
		frame_put_type(mfn);
	frame_put(mfn);
}

static int16_t pin_entry(struct domain *d, struct grant_entry_v1 *entry, domid_t who, bool ro,
			 mfn_t *mfn)
{
	union {
		struct grant_entry_v1 e;
		uint64_t word;
	} old, new;
	int16_t status;

	for (unsigned int i = 0; i < UNSTABLE; i++) {
		old.word = READ_ONCE(*(uint64_t *)entry);
		new = old;
		*mfn = MFN(old.e.frame);
		status = grant_entry_use(&new.e, who, ro);
		if (!status)
			status = frame_pin_for(d, *mfn, ro);
		if (status)
			return status;
		if (__atomic_compare_exchange_n((uint64_t *)entry, &old.word, new.word, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return GNTST_okay;
		frame_unpin_for(*mfn, ro);
	}
	return GNTST_general_error;
}

int16_t grant_pin(struct domain *d, grant_ref_t ref, domid_t who, bool ro, mfn_t *mfn)
{
	struct grant_table *t = d->grant;
	int16_t status = GNTST_bad_gntref;

	spin_lock(&d->grant_lock);
	if (ref / ENTRIES < t->nr_frames)
		status = pin_entry(d, &t->entries[ref / ENTRIES][ref % ENTRIES], who, ro, mfn);
	if (!status)
		grant_pins_add(&t->pins[ref / ENTRIES][ref % ENTRIES], ro);
	spin_unlock(&d->grant_lock);
	return status;
}

void grant_unpin(struct domain *d, grant_ref_t ref, bool ro, mfn_t mfn)
{
	unsigned int page = ref / ENTRIES, i = ref % ENTRIES;
	struct grant_table *t = d->grant;
	uint16_t flags;

	frame_unpin_for(mfn, ro);
	spin_lock(&d->grant_lock);
	if (page < t->nr_frames) {
		flags = grant_pins_drop(&t->pins[page][i], ro);
		__atomic_fetch_and(&t->entries[page][i].flags, (uint16_t)~flags, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&d->grant_lock);
}

/* --- the table's frames */

unsigned int grant_nr_frames(const struct domain *d)
{
	return READ_ONCE(d->grant->nr_frames);
}

mfn_t grant_frame(const struct domain *d, unsigned int i)
{
	return virt_to_mfn(d->grant->entries[i]);
}

static int grow_locked(struct domain *d, unsigned int n)
{
	struct grant_table *t = d->grant;

	if (n > GRANT_MAX_FRAMES || domain_is_dying(d))
		return -EINVAL;
	for (unsigned int i = t->nr_frames; i < n; i++) {
		void *entries = hyp_page_alloc(0), *pins = hyp_page_alloc(0);

		if (!entries || !pins) {
			hyp_page_free(entries, 0);
			hyp_page_free(pins, 0);
			return -ENOMEM;
		}
		frame_share(d, entries, true);
		t->entries[i] = entries;
		t->pins[i] = pins;
		WRITE_ONCE(t->nr_frames, i + 1);
	}
	return 0;
}

int grant_grow(struct domain *d, unsigned int n)
{
	int err;

	spin_lock(&d->grant_lock);
	err = grow_locked(d, n);
	spin_unlock(&d->grant_lock);
	return err;
}

/* --- mappings */

static struct grant_mapping *mapping_at(const struct grant_table *t, grant_handle_t handle)
{
	return &t->map[handle / PER_PAGE][handle % PER_PAGE];
}

/* Another page of free mappings. */
static bool map_grow(struct grant_table *t)
{
	uint32_t page = t->nr_handles / PER_PAGE;

	if (page == t->max_map_pages)
		return false;
	t->map[page] = hyp_page_alloc(0);
	if (!t->map[page])
		return false;
	t->free = t->nr_handles;
	t->nr_handles += PER_PAGE;
	for (uint32_t i = 0; i < PER_PAGE; i++)
		t->map[page][i].ref = i + 1 < PER_PAGE ? t->free + i + 1 : NO_HANDLE;
	return true;
}

struct grant_mapping *grant_mapping_new(struct domain *d, grant_handle_t *handle)
{
	struct grant_table *t = d->grant;
	struct grant_mapping *m = NULL;

	spin_lock(&d->grant_lock);
	if (t->free != NO_HANDLE || map_grow(t)) {
		*handle = t->free;
		m = mapping_at(t, *handle);
		t->free = m->ref;
		m->state = GM_BUSY;
	}
	spin_unlock(&d->grant_lock);
	return m;
}

struct grant_mapping *grant_mapping_claim(struct domain *d, grant_handle_t handle)
{
	struct grant_mapping *m = NULL;

	spin_lock(&d->grant_lock);
	if (handle < d->grant->nr_handles)
		m = mapping_at(d->grant, handle);
	if (m && m->state && !(m->state & GM_BUSY))
		m->state |= GM_BUSY;
	else
		m = NULL;
	spin_unlock(&d->grant_lock);
	return m;
}

void grant_mapping_done(struct domain *d, grant_handle_t handle)
{
	struct grant_mapping *m = mapping_at(d->grant, handle);

	spin_lock(&d->grant_lock);
	ASSERT(m->state & GM_BUSY);
	m->state &= ~GM_BUSY;
	if (!(m->state & (GM_HOST | GM_DEV))) {
		m->state = 0;
		m->ref = d->grant->free;
		d->grant->free = handle;
	}
	spin_unlock(&d->grant_lock);
}

int grant_unmap(struct domain *d, struct grant_mapping *m, unsigned int parts)
{
	/* -ENOENT: the guest has changed the entry itself. */
	if ((m->state & parts & GM_HOST) && pt_unmap_foreign(d, m->pte, m->mfn) == -EAGAIN)
		return -EAGAIN;
	m->state &= (uint16_t)~parts;
	if (!(m->state & (GM_HOST | GM_DEV))) {
		grant_unpin(m->granter, m->ref, m->state & GM_RO, m->mfn);
		domain_put(m->granter);
	}
	return 0;
}

/* --- domains */

int grant_domain_init(struct domain *d)
{
	uint32_t pages = is_dom0(d) ? MAP_PAGES_DOM0 : MAP_PAGES_DOMU;

	d->grant = hyp_alloc(sizeof(*d->grant) + pages * sizeof(d->grant->map[0]));
	if (!d->grant)
		return -ENOMEM;
	d->grant->max_map_pages = pages;
	d->grant->free = NO_HANDLE;
	return 0;
}

/* From the last handle down. Nobody but d's vcpus uses them, and they do not run. */
bool grant_mappings_relinquish(struct domain *d)
{
	struct grant_table *t = d->grant;

	t->free = NO_HANDLE;
	for (unsigned int i = 0; t->nr_handles; i++) {
		struct grant_mapping *m = mapping_at(t, t->nr_handles - 1);

		if (i == RELINQUISH_SLICE || (m->state && grant_unmap(d, m, GM_HOST | GM_DEV)))
			return false;
		if (--t->nr_handles % PER_PAGE == 0)
			hyp_page_free(t->map[t->nr_handles / PER_PAGE], 0);
	}
	return true;
}

bool grant_table_relinquish(struct domain *d)
{
	struct grant_table *t = d->grant;
	bool done = true;

	spin_lock(&d->grant_lock);
	while (done && t->nr_frames) {
		unsigned int i = t->nr_frames - 1;

		done = frame_unshare(t->entries[i]);
		if (done) {
			hyp_page_free(t->entries[i], 0);
			hyp_page_free(t->pins[i], 0);
			WRITE_ONCE(t->nr_frames, i);
		}
	}
	spin_unlock(&d->grant_lock);
	return done;
}

void grant_domain_destroy(struct domain *d)
{
	hyp_free(d->grant);
	d->grant = NULL;
}

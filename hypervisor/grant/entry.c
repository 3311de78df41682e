/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of grant tables: who may use one, and what the granter sees of it. Pure.
 *
 * GTF_reading is set while there are uses, GTF_writing while there are writing ones: with
 * either, the granter may not change the entry. Each use adds its flags anew; the last of
 * its kind takes them away.
 *
 * Not here: GTF_PWT, GTF_PCD, GTF_PAT (RAM is mapped write-back), entries for transfers.
 */
#include <hyp/grant.h>
#include <hyp/lib.h>

int16_t grant_entry_use(struct grant_entry_v1 *e, domid_t who, bool ro)
{
	if ((e->flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access)
		return GNTST_bad_gntref;
	if (e->domid != who || (!ro && (e->flags & GTF_readonly)))
		return GNTST_permission_denied;
	e->flags |= ro ? GTF_reading : GTF_reading | GTF_writing;
	return GNTST_okay;
}

void grant_pins_add(struct grant_pins *p, bool ro)
{
	p->all++;
	p->write += !ro;
}

uint16_t grant_pins_drop(struct grant_pins *p, bool ro)
{
	ASSERT(p->all && (ro || p->write));
	p->all--;
	p->write -= !ro;
	return (p->all ? 0 : GTF_reading) | (p->write ? 0 : GTF_writing);
}

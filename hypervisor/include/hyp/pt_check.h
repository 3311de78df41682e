/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an entry of a guest's page table may contain, bit by bit. Pure; applied by
 * mm/pt_table.c. Levels are 1 to 4; table types of frames are FT_L1 + level - 1.
 *
 * Present entries: no address bits the processor lacks (they would fault as reserved), no
 * large pages (guests see the feature as absent), no global bit (a global translation
 * would survive the change of roots that separates guests from us). The user bit stays as
 * the guest set it: its kernel runs in ring 1, where supervisor pages are reachable. The
 * bits ignored by the processor are the guest's, and so is the memory type of its pages.
 */
#ifndef HYP_PT_CHECK_H
#define HYP_PT_CHECK_H

#include <hyp/layout.h>
#include <hyp/types.h>
#include <hyp/x86.h>

#define PT_ENTRIES 512

/* Address bits the processor does not have. Set once at boot. */
extern uint64_t pt_reserved_bits;

/*
 * Checks an entry for a table of a level and brings it into the form it may be stored in.
 * Entries that are not present may hold anything. False: refused.
 */
static inline bool pt_check_entry(uint64_t *entry, unsigned int level, uint64_t reserved_bits)
{
	if (!(*entry & PTE_P))
		return true;
	if (*entry & reserved_bits)
		return false;
	if (level > 1 && (*entry & PTE_PS))
		return false;
	*entry &= ~PTE_G;
	return true;
}

/* The guest may set this entry: not one of the hypervisor's slots. */
static inline bool pt_slot_is_guest(unsigned int level, unsigned int index)
{
	return level < 4 || index < HYP_SLOT_FIRST || index > HYP_SLOT_LAST;
}

/* Both present and naming the same frame. */
static inline bool pt_same_frame(uint64_t a, uint64_t b)
{
	return (a & b & PTE_P) && !((a ^ b) & PTE_ADDR);
}

/*
 * After old became new, some TLB may still allow what new does not. A processor keeps only
 * translations whose accessed bit it has set - so taking that bit away counts, too. But
 * top-level entries are used through copies, where it may be set instead.
 */
static inline bool pt_needs_flush(uint64_t old, uint64_t new, unsigned int level)
{
	if (!(old & PTE_P) || (level < 4 && !(old & PTE_A)))
		return false;
	if (!pt_same_frame(old, new))
		return true;
	return (old & ~new &(PTE_RW | PTE_US | PTE_A)) || (new & ~old &PTE_NX) ||
	       ((old ^ new) & (PTE_PWT | PTE_PCD | PTE_PAT));
}

#endif

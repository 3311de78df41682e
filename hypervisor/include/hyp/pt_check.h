/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an entry of a guest's page table may contain. Pure; applied by mm/pt_table.c.
 * Levels are 1 to 4; table types of frames are FT_L1 + level - 1.
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
bool pt_check_entry(uint64_t *entry, unsigned int level, uint64_t reserved_bits);

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

/* After old became new, some TLB may still allow what new does not. */
bool pt_needs_flush(uint64_t old, uint64_t new, unsigned int level);

#endif

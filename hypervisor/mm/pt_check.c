/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of guest page tables, bit by bit. Pure.
 *
 * Present entries: no address bits the processor lacks (they would fault as reserved), no
 * large pages (guests see the feature as absent), no global bit (a global translation
 * would survive the change of roots that separates guests from us). The user bit stays as
 * the guest set it: its kernel runs in ring 1, where supervisor pages are reachable. The
 * bits ignored by the processor are the guest's, and so is the memory type of its pages.
 */
#include <hyp/pt_check.h>

bool pt_check_entry(uint64_t *entry, unsigned int level, uint64_t reserved_bits)
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

/*
 * A processor keeps only translations whose accessed bit it has set - so taking that bit
 * away counts, too. But top-level entries are used through copies, where it may be set instead.
 */
bool pt_needs_flush(uint64_t old, uint64_t new, unsigned int level)
{
	if (!(old & PTE_P) || (level < 4 && !(old & PTE_A)))
		return false;
	if (!pt_same_frame(old, new))
		return true;
	return (old & ~new &(PTE_RW | PTE_US | PTE_A)) || (new & ~old &PTE_NX) ||
	       ((old ^ new) & (PTE_PWT | PTE_PCD | PTE_PAT));
}

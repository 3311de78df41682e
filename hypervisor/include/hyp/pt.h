/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest page tables: the page-table hypercalls and the emulation of plain writes
 * to tables, on top of mm/pt_table.c. Report section 3.3.2.
 *
 * Everything here takes the pt_lock of the domain that owns the tables: the caller holds no
 * lock of RANK_PT or above. context_reload_roots() and context_l4_changed() are called with it.
 */
#ifndef HYP_PT_H
#define HYP_PT_H

#include <hyp/call.h>
#include <hyp/frame.h>
#include <hyp/types.h>

struct vcpu;
struct domain;

/* Hypercalls (public/xen.h). */
long hc_mmu_update(struct hc_args *a);
long hc_update_va_mapping(struct hc_args *a);
long hc_update_va_mapping_otherdomain(struct hc_args *a);
long hc_mmuext_op(struct hc_args *a);
long hc_memory_op(struct hc_args *a);
long hc_vm_assist(struct hc_args *a);

/*
 * A page fault of ring 1 at va, error code ec. True when it was a write to a
 * page table of the current domain and has been emulated (regs advanced), or is to
 * be tried again. Called from the page-fault handler with the guest's full root loaded.
 */
bool pt_emulate_write(struct cpu_regs *regs, uint64_t va, uint32_t ec);

/*
 * Makes l4 the kernel root (user = false) or the user root of v, taking a
 * reference and L4 type and dropping the old one's. Frame 0 or INVALID_MFN as user root: none.
 * 0 or -Exxx; -EAGAIN: validation was preempted, call again. When v is current the loaded
 * roots are switched as well.
 */
int vcpu_set_root(struct vcpu *v, mfn_t l4, bool user);
/* Drops both roots (vcpu destroyed; not running). */
void vcpu_put_roots(struct vcpu *v);

/*
 * Walks the kernel root of v for va; hypervisor slots are never walked. Returns the L1
 * entry, 0 when not present. *mfn_of_table (may be NULL) receives the L1's frame.
 */
uint64_t pt_walk(const struct vcpu *v, uint64_t va, mfn_t *mfn_of_table);

/*
 * Mappings made by the hypervisor for a guest (grants). where: the machine address of an L1
 * entry of d. The frame may be anybody's; the caller keeps it from going away, and the entry takes
 * references of its own. flags: PTE_*. 0, -EINVAL, -EBUSY, -EAGAIN.
 */
int pt_map_foreign(struct domain *d, uint64_t where, mfn_t mfn, uint64_t flags);
/*
 * Empties the entry if it maps mfn; -ENOENT: it does not, the guest has changed it itself.
 * On return no TLB holds the mapping.
 */
int pt_unmap_foreign(struct domain *d, uint64_t where, mfn_t mfn);

#endif

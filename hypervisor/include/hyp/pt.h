/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest page tables: pure checks (pt_check.c) and their application
 * (pt_update.c), the page-table hypercalls, and the emulation of plain writes
 * to tables (pt_emulate.c). Report section 3.3.2.
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
 * page table of the current domain and has been emulated (regs advanced).
 * Called from the page-fault handler with the guest's full root loaded.
 */
bool pt_emulate_write(struct cpu_regs *regs, uint64_t va, uint32_t ec);

/*
 * Makes l4 the kernel root (user = false) or the user root of v, taking a
 * reference and L4 type and dropping the old one's. Zero user root is allowed.
 * 0 or -Exxx. When v is current the loaded roots are switched as well.
 */
int vcpu_set_root(struct vcpu *v, mfn_t l4, bool user);
/* Drops both roots (vcpu destroyed; not running). */
void vcpu_put_roots(struct vcpu *v);

/*
 * Walks the kernel root of v for va; hypervisor slots are never walked.
 * Returns the L1 (or 2 MiB) entry, 0 when not present. *mfn_of_table receives the L1's frame.
 */
uint64_t pt_walk(const struct vcpu *v, uint64_t va, mfn_t *mfn_of_table);

#endif

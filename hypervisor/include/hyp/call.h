/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercall dispatch: one const table { handler, nargs, flags, name }.
 * Handlers run with interrupts off, on the CPU's only stack, with the caller's
 * full root loaded; they must not block.
 */
#ifndef HYP_CALL_H
#define HYP_CALL_H

#include <hyp/cpu.h>
#include <hyp/guest.h>
#include <hyp/lib.h>

struct hc_args {
	uint64_t arg[6];
};

typedef long hypercall_fn(struct hc_args *a);

/*
 * A handler that has done a bounded slice changes a->arg[] to describe the rest
 * and returns HC_RESTART: the guest re-executes the call (also inside a
 * multicall), with interrupts served in between. Test between slices:
 */
#define HC_RESTART (-0x10001)
bool hc_preempt_due(unsigned int done); /* true every 64 units or so, or with work pending */

/* From the entry code, for TRAP_SYSCALL. */
void hypercall_dispatch(struct cpu_regs *regs);
/* One entry of a multicall: as a hypercall, but without those that act on the caller's frame. */
long hypercall_from_multicall(uint64_t nr, struct hc_args *a);
/* Debug builds: how often each was called, to the log. */
void hypercall_show(void);
/* Fills a hypercall page (public/xen.h): 32-byte stubs. */
void hypercall_page_fill(void *page);

long hc_multicall(struct hc_args *a);
long hc_xen_version(struct hc_args *a);
long hc_console_io(struct hc_args *a);
long hc_nmi_op(struct hc_args *a);
/* The control operations of domain 0, public/control.h. */
long hc_control(struct hc_args *a);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor state of a virtual CPU from its beginning to its end, and its
 * exchange with struct vcpu_guest_context, the ABI's picture of it.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/trap.h>

#define FLAT_CS 0xe033
#define FLAT_SS 0xe02b
#define DR_COUNT 8

int vcpu_x86_init(struct vcpu *v)
{
	struct vcpu_x86 *x = &v->x86;

	x->root = x->user_root = INVALID_MFN;
	for (unsigned int i = 0; i < ARRAY_SIZE(x->gdt); i++)
		x->gdt[i] = INVALID_MFN;
	for (unsigned int i = 0; i < ARRAY_SIZE(x->ldt); i++)
		x->ldt[i] = INVALID_MFN;
	debugreg_set(v, 6, 0);
	debugreg_set(v, 7, 0);
	if (v->is_idle)
		return 0;
	x->traps = hyp_alloc(NR_TRAPS * sizeof(*x->traps));
	x->fpu = hyp_page_alloc(fpu_order);
	if (!x->traps || !x->fpu) {
		vcpu_x86_free(v);
		return -ENOMEM;
	}
	fpu_vcpu_reset(v);
	return 0;
}

void vcpu_x86_free(struct vcpu *v)
{
	struct vcpu_x86 *x = &v->x86;

	vcpu_put_gdt_ldt(v);
	vcpu_put_roots(v);
	hyp_free(x->traps);
	if (x->fpu)
		hyp_page_free(x->fpu, fpu_order);
	x->traps = NULL;
	x->fpu = NULL;
}

/* --- struct vcpu_guest_context: check first, then install */

static bool context_ok(const struct vcpu_guest_context *c)
{
	if (!entry_address_ok(c->event_callback_eip) ||
	    !entry_address_ok(c->failsafe_callback_eip) ||
	    !entry_address_ok(c->syscall_callback_eip) || !guest_range_ok(c->user_regs.rip, 1))
		return false;
	if (!is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) ||
	    !is_canonical(c->gs_base_user))
		return false;
	if (c->kernel_sp && !guest_range_ok((c->kernel_sp & ~15ul) - PAGE_SIZE, PAGE_SIZE))
		return false;
	if (c->gdt_ents > GDT_GUEST_PAGES * PAGE_SIZE / 8 || c->ldt_ents > 8192)
		return false;
	for (unsigned int i = 0; i < NR_TRAPS; i++)
		if (!entry_address_ok(c->trap_ctxt[i].address))
			return false;
	return true;
}

static void set_regs(struct vcpu_x86 *x, const struct vcpu_guest_context *c)
{
	const struct cpu_user_regs *u = &c->user_regs;
	bool user = !(c->flags & VGCF_in_kernel) && (u->cs & 3) == 3;

	memcpy(&x->regs, u, offsetof(struct cpu_user_regs, error_code));
	x->regs.rip = u->rip;
	x->regs.rflags = u->rflags;
	x->regs.rsp = u->rsp;
	x->regs.cs = user ? u->cs : SEL_KERNEL_CS;
	x->regs.ss = user ? u->ss : SEL_KERNEL_DS;
	x->user_mode = user;
	x->ds = selector_ok(u->ds) ? u->ds : 0;
	x->es = selector_ok(u->es) ? u->es : 0;
	x->fs = selector_ok(u->fs) ? u->fs : 0;
	x->gs = selector_ok(u->gs) ? u->gs : 0;
	x->fs_base = c->fs_base;
	x->gs_base_kernel = c->gs_base_kernel;
	x->gs_base_user = c->gs_base_user;
}

static void set_entries(struct vcpu_x86 *x, const struct vcpu_guest_context *c)
{
	memset(x->traps, 0, NR_TRAPS * sizeof(*x->traps));
	for (unsigned int i = 0; i < NR_TRAPS; i++) {
		const struct trap_info *t = &c->trap_ctxt[i];

		if (t->address)
			x->traps[t->vector] = (struct trap_entry){ .rip = t->address,
								   .cs = t->cs,
								   .flags = t->flags & 7,
								   .valid = true };
	}
	x->nmi_rip = x->traps[X86_NMI].rip;
	x->event_rip = c->event_callback_eip;
	x->failsafe_rip = c->failsafe_callback_eip;
	x->failsafe_mask = c->flags & VGCF_failsafe_disables_events;
	x->syscall_rip = c->syscall_callback_eip;
	x->syscall_mask = c->flags & VGCF_syscall_disables_events;
	x->kernel_ss = c->kernel_ss;
	x->kernel_sp = c->kernel_sp & ~15ul;
	x->cr0_ts = c->ctrlreg[0] & CR0_TS;
}

static int set_debug_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
	for (unsigned int i = 0; i < DR_COUNT; i++)
		if (i != 4 && i != 5 && debugreg_set(v, i, c->debugreg[i]))
			return -EINVAL;
	return 0;
}

/* What can fail. A second call after -EAGAIN starts again, which does no harm. */
static int set_frames(struct vcpu *v, const struct vcpu_guest_context *c)
{
	uint64_t user = xen_cr3_to_pfn(c->ctrlreg[1]);
	int err;

	err = vcpu_set_gdt(v, c->gdt_frames, (unsigned int)c->gdt_ents);
	if (!err)
		err = vcpu_set_root(v, MFN(xen_cr3_to_pfn(c->ctrlreg[3])), false);
	if (!err)
		err = vcpu_set_root(v, user ? MFN(user) : INVALID_MFN, true);
	if (!err)
		err = vcpu_set_ldt(v, c->ldt_base, (unsigned int)c->ldt_ents);
	return err;
}

/* Refused, it leaves v without roots: callers start only what was accepted last. */
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int err = -EINVAL;

	ASSERT(v != current);
	if (!context_ok(c))
		return -EINVAL;
	if ((c->flags & VGCF_i387_valid) && fpu_set_legacy(v, c->fpu_ctxt.x))
		return -EINVAL;
	if (!set_debug_registers(v, c))
		err = set_frames(v, c);
	if (err == -EAGAIN)
		return err;
	if (err) {
		vcpu_put_gdt_ldt(v);
		vcpu_put_roots(v);
		return err;
	}
	set_regs(&v->x86, c);
	set_entries(&v->x86, c);
	return 0;
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct vcpu_x86 *x = &v->x86;
	struct cpu_user_regs *u = &c->user_regs;

	memset(c, 0, sizeof(*c));
	if (!x->traps)
		return; /* torn down */
	c->flags = VGCF_i387_valid | (x->user_mode ? 0 : VGCF_in_kernel) |
		   (v->pause_flags & VPF_DOWN ? 0 : VGCF_online) |
		   (x->failsafe_mask ? VGCF_failsafe_disables_events : 0) |
		   (x->syscall_mask ? VGCF_syscall_disables_events : 0);
	fpu_get_legacy(v, c->fpu_ctxt.x);
	memcpy(u, &x->regs, offsetof(struct cpu_user_regs, error_code));
	u->rip = x->regs.rip;
	u->rflags = x->regs.rflags;
	u->rsp = x->regs.rsp;
	u->cs = x->user_mode ? (uint16_t)x->regs.cs : FLAT_CS;
	u->ss = x->user_mode ? (uint16_t)x->regs.ss : FLAT_SS;
	u->ds = x->ds;
	u->es = x->es;
	u->fs = x->fs;
	u->gs = x->gs;
	u->saved_upcall_mask = v->info->evtchn_upcall_mask;
	for (unsigned int i = 0; i < NR_TRAPS; i++)
		c->trap_ctxt[i] = (struct trap_info){ .vector = (uint8_t)i,
						      .flags = x->traps[i].flags,
						      .cs = x->traps[i].cs,
						      .address = x->traps[i].rip };
	for (unsigned int i = 0; i < GDT_GUEST_PAGES; i++)
		c->gdt_frames[i] = mfn_eq(x->gdt[i], INVALID_MFN) ? 0 : x->gdt[i].n;
	c->gdt_ents = x->gdt_entries;
	c->ldt_base = x->ldt_base;
	c->ldt_ents = x->ldt_entries;
	c->kernel_ss = x->kernel_ss;
	c->kernel_sp = x->kernel_sp;
	c->ctrlreg[0] = CR0_PG | CR0_PE | x->cr0_ts;
	c->ctrlreg[1] = mfn_eq(x->user_root, INVALID_MFN) ? 0 : xen_pfn_to_cr3(x->user_root.n);
	c->ctrlreg[3] = mfn_eq(x->root, INVALID_MFN) ? 0 : xen_pfn_to_cr3(x->root.n);
	for (unsigned int i = 0; i < DR_COUNT; i++)
		c->debugreg[i] = debugreg_get(v, i);
	c->event_callback_eip = x->event_rip;
	c->failsafe_callback_eip = x->failsafe_rip;
	c->syscall_callback_eip = x->syscall_rip;
	c->vm_assist = v->domain->vm_assist;
	c->fs_base = x->fs_base;
	c->gs_base_kernel = x->gs_base_kernel;
	c->gs_base_user = x->gs_base_user;
}

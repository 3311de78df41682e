/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a guest kernel is entered: traps, callbacks, its stack. Code selectors that
 * guests name are not used: ring 1 is always entered with our own flat ones. Addresses
 * are checked when they are registered, so that an entry cannot fault in ring 0.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/trap.h>
#include <public/callback.h>

#define TRAP_FLAGS 7   /* DPL, mask events */
#define FRAME_ROOM 128 /* more than any frame the trampoline pushes */

bool entry_address_ok(uint64_t va)
{
	return !va || guest_range_ok(va, 1);
}

static void set_trap(struct vcpu *v, const struct trap_info *t)
{
	v->x86.traps[t->vector] = (struct trap_entry){ .rip = t->address,
						       .cs = t->cs,
						       .flags = t->flags & TRAP_FLAGS,
						       .valid = true };
	if (t->vector == X86_NMI) /* no callback, but the only way stock Linux asks for NMIs */
		v->x86.nmi_rip = t->address;
}

/* (guest address of struct trap_info, the last with address 0; null clears all) */
long hc_set_trap_table(struct hc_args *a)
{
	struct vcpu *v = current;
	struct trap_info t;
	long ret = 0;

	if (!a->arg[0]) {
		memset(v->x86.traps, 0, NR_TRAPS * sizeof(*v->x86.traps));
		v->x86.nmi_rip = 0;
	}
	/* Each vector once, and the end: whoever has more repeats himself. */
	for (unsigned int i = 0; a->arg[0] && i <= NR_TRAPS; i++) {
		if (!guest_read(&t, a->arg[0] + i * sizeof(t), sizeof(t))) {
			ret = -EFAULT;
			break;
		}
		if (!t.address)
			break;
		if (!entry_address_ok(t.address) || i == NR_TRAPS) {
			ret = -EINVAL;
			break;
		}
		set_trap(v, &t);
	}
	context_refresh_tramp(v);
	return ret;
}

/* (event, failsafe, system call) */
long hc_set_callbacks(struct hc_args *a)
{
	struct vcpu_x86 *x = &current->x86;

	for (unsigned int i = 0; i < 3; i++)
		if (!entry_address_ok(a->arg[i]))
			return -EINVAL;
	x->event_rip = a->arg[0];
	x->failsafe_rip = a->arg[1];
	x->syscall_rip = a->arg[2];
	context_refresh_tramp(current);
	return 0;
}

static long set_callback(struct vcpu *v, unsigned int type, uint64_t rip, bool mask)
{
	struct vcpu_x86 *x = &v->x86;

	if (!entry_address_ok(rip))
		return -EINVAL;
	switch (type) {
	case CALLBACKTYPE_event:
		x->event_rip = rip;
		break;
	case CALLBACKTYPE_failsafe:
		x->failsafe_rip = rip;
		x->failsafe_mask = mask;
		break;
	case CALLBACKTYPE_syscall:
		x->syscall_rip = rip;
		x->syscall_mask = mask;
		break;
	case CALLBACKTYPE_syscall32:
		x->syscall32_rip = rip;
		x->syscall32_mask = mask;
		break;
	case CALLBACKTYPE_nmi:
		x->nmi_rip = rip;
		break;
	default: /* SYSENTER too: guests are not shown it */
		return -ENOSYS;
	}
	context_refresh_tramp(v);
	return 0;
}

/* (CALLBACKOP_*, guest address of its structure) */
long hc_callback_op(struct hc_args *a)
{
	struct callback_unregister u;
	struct callback_register r;

	switch (a->arg[0]) {
	case CALLBACKOP_register:
		if (!guest_read(&r, a->arg[1], sizeof(r)))
			return -EFAULT;
		return set_callback(current, r.type, r.address, r.flags & CALLBACKF_mask_events);
	case CALLBACKOP_unregister:
		if (!guest_read(&u, a->arg[1], sizeof(u)))
			return -EFAULT;
		return set_callback(current, u.type, 0, false);
	default:
		return -ENOSYS;
	}
}

/* (stack segment, which is ours whatever it says; stack pointer for entries from ring 3) */
long hc_stack_switch(struct hc_args *a)
{
	struct vcpu *v = current;
	uint64_t sp = a->arg[1] & ~15ul;

	if (sp && (sp < FRAME_ROOM || !guest_range_ok(sp - FRAME_ROOM, FRAME_ROOM)))
		return -EINVAL;
	v->x86.kernel_ss = a->arg[0];
	v->x86.kernel_sp = sp;
	context_refresh_tramp(v);
	return 0;
}

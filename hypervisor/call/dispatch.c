/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls: the table of everything a guest kernel can ask for, and the way
 * from its registers to a handler and back. A number without an entry answers
 * -ENOSYS. Who may call what, beyond DOM0_ONLY, the handlers decide.
 *
 * Restart: a handler that returns HC_RESTART has changed the arguments to describe
 * the rest; they go back to the registers and RIP back to the SYSCALL instruction,
 * so the guest calls again by itself, after interrupts and other vcpus had a turn.
 */
#include <hyp/call.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/grant.h>
#include <hyp/pt.h>
#include <hyp/sched.h>

#define F_SETS_REGS 1 /* the handler writes all registers itself */
#define F_NOT_MULTI 2 /* refused inside a multicall */
#define F_DOM0 4

#define SYSCALL_BYTES 2
#define STUB_BYTES 32
#define PREEMPT_UNITS 64

static const struct {
	hypercall_fn *fn;
	uint8_t nargs, flags;
	const char *name;
} table[NR_HYPERCALLS] = {
#define CALL(n, args, fl) [__HYPERVISOR_##n] = { hc_##n, args, fl, #n }
	CALL(set_trap_table, 1, 0),
	CALL(mmu_update, 4, 0),
	CALL(set_gdt, 2, 0),
	CALL(stack_switch, 2, 0),
	CALL(set_callbacks, 3, 0),
	CALL(fpu_taskswitch, 1, 0),
	CALL(sched_op_compat, 2, F_NOT_MULTI),
	CALL(platform_op, 1, F_DOM0),
	CALL(set_debugreg, 2, 0),
	CALL(get_debugreg, 1, 0),
	CALL(update_descriptor, 2, 0),
	CALL(memory_op, 2, 0),
	CALL(multicall, 2, F_NOT_MULTI),
	CALL(update_va_mapping, 3, 0),
	CALL(set_timer_op, 1, 0),
	CALL(event_channel_op_compat, 1, 0),
	CALL(xen_version, 2, 0),
	CALL(console_io, 3, 0),
	CALL(grant_table_op, 3, 0),
	CALL(vm_assist, 2, 0),
	CALL(update_va_mapping_otherdomain, 4, 0),
	CALL(iret, 0, F_SETS_REGS | F_NOT_MULTI),
	CALL(vcpu_op, 3, 0),
	CALL(set_segment_base, 2, 0),
	CALL(mmuext_op, 4, 0),
	CALL(nmi_op, 2, 0),
	CALL(sched_op, 2, 0),
	CALL(callback_op, 2, 0),
	CALL(event_channel_op, 2, 0),
	CALL(physdev_op, 2, 0),
#undef CALL
	[__HYPERVISOR_xeno_vtimer] = { hc_vtimer_op, 2, 0, "xeno_vtimer" },
	[__HYPERVISOR_xeno_control] = { hc_control, 1, F_DOM0, "xeno_control" },
};

#ifdef DEBUG
static uint64_t counts[NR_HYPERCALLS];
#endif

bool hc_preempt_due(unsigned int done)
{
	return done && (done % PREEMPT_UNITS == 0 || softirq_pending());
}

/* Calls the handler when there is one and the caller may use it. */
static long call(uint64_t nr, struct hc_args *a, unsigned int refused)
{
	if (nr >= NR_HYPERCALLS || !table[nr].fn)
		return -ENOSYS;
#ifdef DEBUG
	__atomic_fetch_add(&counts[nr], 1, __ATOMIC_RELAXED);
#endif
	if ((table[nr].flags & F_DOM0) && !is_dom0(current->domain))
		return -EPERM;
	if (table[nr].flags & refused)
		return -EINVAL;
	return table[nr].fn(a);
}

long hypercall_from_multicall(uint64_t nr, struct hc_args *a)
{
	return call(nr, a, F_NOT_MULTI);
}

static void args_load(struct hc_args *a, const struct cpu_regs *r)
{
	a->arg[0] = r->rdi;
	a->arg[1] = r->rsi;
	a->arg[2] = r->rdx;
	a->arg[3] = r->r10;
	a->arg[4] = r->r8;
	a->arg[5] = r->r9;
}

static void args_store(const struct hc_args *a, struct cpu_regs *r)
{
	r->rdi = a->arg[0];
	r->rsi = a->arg[1];
	r->rdx = a->arg[2];
	r->r10 = a->arg[3];
	r->r8 = a->arg[4];
	r->r9 = a->arg[5];
}

void hypercall_dispatch(struct cpu_regs *regs)
{
	uint64_t nr = regs->rax;
	struct hc_args a;
	long ret;

	args_load(&a, regs);
	ret = call(nr, &a, 0);
	if (ret == HC_RESTART) {
		args_store(&a, regs);
		regs->rip -= SYSCALL_BYTES;
	} else if (nr >= NR_HYPERCALLS || !(table[nr].flags & F_SETS_REGS) || ret < 0) {
		regs->rax = (uint64_t)ret;
	}
}

void hypercall_show(void)
{
#ifdef DEBUG
	for (unsigned int i = 0; i < NR_HYPERCALLS; i++)
		if (counts[i])
			printk("  %s(%u): %llu\n", table[i].name ? table[i].name : "?", i,
			       (unsigned long long)counts[i]);
#else
	printk("  calls are counted in debug builds only\n");
#endif
}

/*
 * One stub of 32 bytes per number: push rcx; push r11; mov $nr, eax; syscall;
 * pop r11; pop rcx; ret. That of iret, whose frame starts with rax, r11 and rcx,
 * pushes them and never returns.
 */
void hypercall_page_fill(void *page)
{
	static const uint8_t plain[] = { 0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
					 0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05 };
	uint8_t *p = page;

	memset(page, 0xcc, PAGE_SIZE);
	for (uint32_t nr = 0; nr < PAGE_SIZE / STUB_BYTES; nr++, p += STUB_BYTES) {
		bool is_iret = nr == __HYPERVISOR_iret;

		memcpy(p, is_iret ? iret : plain, is_iret ? sizeof(iret) : sizeof(plain));
		memcpy(p + (is_iret ? 5 : 4), &nr, sizeof(nr));
	}
}

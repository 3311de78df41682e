/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens when a guest enters the hypervisor, by exception, interrupt or
 * system call, and the exit path that all entries end in. Exceptions are the guest's,
 * unless a row of the table below knows better. Faults of the hypervisor itself are
 * repaired where .ex_table says how, and are a panic elsewhere.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/tramp.h>
#include <hyp/trap.h>

#define FLAGS_GUEST 0x250dd5ul /* CF PF AF ZF SF TF DF OF RF AC ID */
#define FLAGS_ALWAYS (RFLAGS_IF | RFLAGS_FIXED)
#define DR6_IDLE 0xffff0ff0ul
#define GP_IDT 0x2u /* error code: the fault came from an IDT gate, its number above */
#define INT_BYTES 2
#define FIRST_IRQ 0x20
#define FRAME_ROOM 64 /* words, see replace_frame() */
#define VSYSCALL_PAGE 0xffffffffff600000ul
#define NMI_REASON_PORT 0x61
#define NMI_REASONS 0xc0

void traps_init(void)
{
	_Static_assert(sizeof(struct cpu_regs) == 21 * 8, "pushed by x86/entry.S");
	BUG_ON((uint64_t)tramp_start & ~PAGE_MASK);
}

/* --- exceptions of guests */

static void trap_debug(struct cpu_regs *regs)
{
	uint64_t dr6;

	if (unlikely(READ_ONCE(this_cpu()->frame_lost))) {
		WRITE_ONCE(this_cpu()->frame_lost, false);
		domain_kill(current->domain,
			    "INT1 behind MOV SS, with a breakpoint on its operand");
		return;
	}

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" ::"r"(DR6_IDLE));
	current->x86.dr6 = dr6;
	guest_trap(regs, X86_DB, 0);
}

static void report_nmi(void)
{
	struct vcpu *v = dom0 ? dom0->vcpu[0] : NULL;
	uint8_t reason = inb(NMI_REASON_PORT);

	printk(LOG_WARN "NMI, reason %x%s\n", reason, reason & NMI_REASONS ? " (hardware)" : "");
	if (v && v->x86.nmi_rip) {
		v->x86.nmi_pending = true;
		vcpu_kick(v);
	}
}

static void trap_nmi(struct cpu_regs *regs)
{
	smp_nmi_stop();
	report_nmi();
}

static void trap_fatal(struct cpu_regs *regs)
{
	panic_regs(regs, "%s while a guest ran",
		   regs->vector == X86_MC ? "machine check" : "double fault");
}

static void trap_invalid_opcode(struct cpu_regs *regs)
{
	if (!emulate_forced_cpuid(regs))
		guest_trap(regs, X86_UD, 0);
}

/* The guest set CR0.TS to be told of its next use of the FPU: this is it. */
static void trap_no_fpu(struct cpu_regs *regs)
{
	fpu_set_ts(current, false);
	guest_trap(regs, X86_NM, 0);
}

static bool soft_allowed(const struct cpu_regs *regs, const struct trap_entry *t)
{
	return t->valid && (t->flags & 3) >= (regs_user(regs) ? 3 : 1);
}

/*
 * INT n through a gate of ours that a guest may not use. The number is taken from
 * the instruction: processors agree on that more than on the error code.
 */
static bool soft_interrupt(struct cpu_regs *regs)
{
	const struct trap_entry *t;
	uint8_t insn[INT_BYTES];

	if (!(regs->error_code & GP_IDT) || guest_fetch(regs, insn, INT_BYTES) != INT_BYTES ||
	    insn[0] != 0xcd)
		return false;
	t = &current->x86.traps[insn[1]];
	if (!soft_allowed(regs, t)) {
		guest_trap(regs, X86_GP, insn[1] * 8u + GP_IDT);
		return true;
	}
	regs->rip += INT_BYTES;
	guest_soft_trap(regs, insn[1]);
	return true;
}

static void trap_protection(struct cpu_regs *regs)
{
	if (!soft_interrupt(regs) && !emulate_privileged(regs))
		guest_trap(regs, X86_GP, regs->error_code);
}

/*
 * SMEP takes ring 1 for the supervisor that it is. A kernel written for ring 3 has its own pages
 * user-accessible, as NetBSD has, and gets nowhere: at the first instruction it is denied
 * there, SMEP goes off while its domain runs, and its user mode, which could read such pages,
 * gets a root of its own. Every VCPU comes by here before it can enter user mode. In
 * the lower half, and in the one page of the upper half that kernels like Linux show to
 * user mode, SMEP does what it is for.
 */
static bool user_kernel(const struct cpu_regs *regs, uint64_t va)
{
	uint64_t e;

	if (regs_user(regs) ||
	    (regs->error_code & (PF_P | PF_W | PF_U | PF_RSVD | PF_I)) != (PF_P | PF_I) ||
	    !(va >> 63) || (va & PAGE_MASK) == VSYSCALL_PAGE)
		return false;
	e = pt_walk(current, va, NULL);
	return (e & PTE_US) && !(e & PTE_NX) && context_smep_off();
}

static void trap_page_fault(struct cpu_regs *regs)
{
	uint64_t va = read_cr2();

	if (user_kernel(regs, va))
		return;
	if (!regs_user(regs) && pt_emulate_write(regs, va, regs->error_code))
		return;
	guest_page_fault(regs, va, regs->error_code);
}

static void trap_forward(struct cpu_regs *regs)
{
	guest_trap(regs, regs->vector, regs->error_code);
}

static void (*const exceptions[FIRST_IRQ])(struct cpu_regs *) = {
	[X86_DB] = trap_debug,	    [X86_NMI] = trap_nmi,  [X86_UD] = trap_invalid_opcode,
	[X86_NM] = trap_no_fpu,	    [X86_DF] = trap_fatal, [X86_GP] = trap_protection,
	[X86_PF] = trap_page_fault, [X86_MC] = trap_fatal,
};

/* Vector 0x80 is open to INT 0x80 alone; when the guest has no use for it, it never was. */
static void int80(struct cpu_regs *regs)
{
	const struct trap_entry *t = &current->x86.traps[VEC_INT80];

	if (soft_allowed(regs, t)) {
		guest_soft_trap(regs, VEC_INT80);
		return;
	}
	regs->rip -= INT_BYTES;
	guest_trap(regs, X86_GP, VEC_INT80 * 8 + GP_IDT);
}

/* SYSCALL the trampoline could not deliver. */
static void system_call(struct cpu_regs *regs)
{
	if (regs_user(regs) && guest_syscall(regs, regs->vector == TRAP_SYSCALL32))
		return;
	regs->rip -= INT_BYTES; /* SYSCALL is as long */
	guest_trap(regs, X86_UD, 0);
}

static void bad_return(struct cpu_regs *regs)
{
	if (regs_user(regs))
		guest_failsafe(regs);
	else
		domain_kill(current->domain, "return to ring 1 at %llx, stack %llx is impossible",
			    (unsigned long long)regs->rip, (unsigned long long)regs->rsp);
}

/* See tramp_from_ring0. In which ring it was, its own word for it will do. */
static void leave_vm86(struct cpu_regs *regs)
{
	uint64_t scratch = cpu_area(smp_id()) + CA_SCRATCH * PAGE_SIZE;
	bool kernel = *(volatile uint8_t *)(scratch + SC_MODE);

	regs->rflags &= ~RFLAGS_VM;
	regs->cs = kernel ? SEL_KERNEL_CS : SEL_USER_CS32;
	regs->ss = kernel ? SEL_KERNEL_DS : SEL_USER_DS;
}

void trap_dispatch(struct cpu_regs *regs)
{
	uint32_t vector = regs->vector;

	if (unlikely(regs->rflags & RFLAGS_VM) && vector < TRAP_SYSCALL)
		leave_vm86(regs);
	current->x86.user_mode = regs_user(regs);
	if (vector == TRAP_SYSCALL)
		hypercall_dispatch(regs);
	else if (vector == VEC_INT80)
		int80(regs);
	else if (vector == TRAP_USYSCALL || vector == TRAP_SYSCALL32)
		system_call(regs);
	else if (vector == TRAP_IRET_FAULT)
		bad_return(regs);
	else if (vector >= FIRST_IRQ)
		irq_dispatch(vector);
	else
		(exceptions[vector] ? exceptions[vector] : trap_forward)(regs);
}

/* --- faults of the hypervisor */

struct ex_entry {
	int32_t from, to; /* relative to their own places */
};
extern const struct ex_entry ex_table_start[], ex_table_end[];

static bool repair(struct cpu_regs *regs)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++) {
		if ((uint64_t)&e->from + (uint64_t)(int64_t)e->from != regs->rip)
			continue;
		regs->rip = (uint64_t)&e->to + (uint64_t)(int64_t)e->to;
		return true;
	}
	return false;
}

void hyp_fault(struct cpu_regs *regs)
{
	if (regs->vector >= FIRST_IRQ && this_cpu()->in_idle)
		irq_dispatch(regs->vector);
	else if (regs->vector >= FIRST_IRQ || !repair(regs))
		panic_regs(regs, "exception %u, error code %x, cr2 %llx", regs->vector,
			   regs->error_code, (unsigned long long)read_cr2());
}

/*
 * A #DB on the first instruction of #DB: of a breakpoint that MOV SS held back, behind INT1, on
 * processors that do not make one of the two. It overwrote the guest's frame. The first one goes
 * on with another, which says so.
 */
static void replace_frame(struct cpu_regs *regs)
{
	uint64_t *f = (uint64_t *)regs->rsp - FRAME_ROOM;

	f[0] = 0;
	f[1] = SEL_KERNEL_CS;
	f[2] = FLAGS_ALWAYS;
	f[3] = 0;
	f[4] = SEL_KERNEL_DS;
	regs->rsp = (uint64_t)f;
	WRITE_ONCE(this_cpu()->frame_lost, true);
}

static void ist_debug(struct cpu_regs *regs)
{
	const char *first = tramp_vectors + X86_DB * TRAMP_VECTOR_SIZE;

	__asm__ volatile("mov %0, %%dr6" ::"r"(DR6_IDLE));
	if (unlikely(regs->rip == tramp_alias(smp_id(), first)))
		replace_frame(regs);
}

void hyp_ist_fault(struct cpu_regs *regs)
{
	if (regs->vector == X86_NMI) {
		smp_nmi_stop();
		WRITE_ONCE(this_cpu()->nmi_seen, true);
	} else if (regs->vector == X86_DB) { /* a guest's breakpoint on data we touched for it */
		ist_debug(regs);
	} else {
		panic_regs(regs, "%s, error code %x",
			   regs->vector == X86_MC ? "machine check" : "double fault",
			   regs->error_code);
	}
}

/* --- the exit path */

/* One interrupt window; waits in it when there is nothing to do. */
static void idle_window(struct cpu *c)
{
	c->in_idle = true;
	if (softirq_pending())
		__asm__ volatile("sti; nop; cli" ::: "memory");
	else
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	c->in_idle = false;
}

/* Something that the guest is to see before it goes on. */
static void deliver_events(struct vcpu *v, struct cpu_regs *regs)
{
	struct vcpu_x86 *x = &v->x86;

	if (unlikely(x->nmi_pending && !x->nmi_masked && x->nmi_rip))
		guest_nmi(regs);
	else if (READ_ONCE(v->info->evtchn_upcall_pending) &&
		 !READ_ONCE(v->info->evtchn_upcall_mask))
		guest_event_upcall(regs);
}

static void sanitise(struct cpu_regs *regs)
{
	regs->rflags = (regs->rflags & FLAGS_GUEST) | FLAGS_ALWAYS;
	if (regs_user(regs)) {
		regs->cs &= 0xffff;
		regs->ss = (regs->ss & 0xffff) | 3;
	} else {
		regs->cs = SEL_KERNEL_CS;
		regs->ss = SEL_KERNEL_DS;
	}
}

struct exit_path exit_work(void)
{
	struct cpu_regs *regs = guest_regs();
	struct cpu *c = this_cpu();
	uint64_t area = cpu_area(c->id);
	bool user;

	for (;;) {
		if (softirq_pending())
			softirq_run();
		if (unlikely(READ_ONCE(c->nmi_seen))) {
			WRITE_ONCE(c->nmi_seen, false);
			report_nmi();
		}
		if (current->is_idle) {
			idle_window(c);
			continue;
		}
		if (!READ_ONCE(current->pause_flags))
			deliver_events(current, regs);
		if (likely(!READ_ONCE(current->pause_flags)))
			break;
		softirq_raise(c->id, SOFTIRQ_SCHED);
	}
	sanitise(regs);
	user = regs_user(regs);
	ASSERT(user == current->x86.user_mode);
	c->ro->exit_cr3 = user ? c->ro->user_cr3 : c->ro->kernel_cr3;
	*(volatile uint8_t *)(area + CA_SCRATCH * PAGE_SIZE + SC_MODE) = !user;
	return (struct exit_path){ tramp_alias(c->id, tramp_exit),
				   area + (CA_SCRATCH + 1) * PAGE_SIZE };
}

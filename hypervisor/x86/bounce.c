/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delivering exceptions, events and system calls to guest kernels, and their return,
 * the iret hypercall. The trampoline has shorter ways for the common cases; this
 * is the complete one, and the only one for entries from ring 1.
 *
 * The frame goes onto the guest's kernel stack, from low to high:
 *   rcx r11 [error code] rip cs rflags rsp ss         (public/arch-x86)
 * The upper half of the cs word is the upcall mask at the time, and IF in rflags its
 * opposite. Ring 1 is shown as ring 0: selectors with RPL 0. A frame that cannot be
 * pushed leaves the guest without any way on: its domain ends.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/tramp.h>
#include <hyp/trap.h>

#define CS_SHOWN 0xe030 /* kernel code and data as the guest sees them */
#define SS_SHOWN 0xe02b
/* As the trampoline's: kernels rely on SYSCALL clearing DF, and need no other of a program's. */
#define FLAGS_ON_ENTRY (RFLAGS_IF | RFLAGS_FIXED)
#define FRAME_MAX 11

struct entry {
	uint64_t rip;
	bool mask;
	const char *what; /* for the log */
	unsigned int n;	  /* words between r11 and rip */
	uint64_t words[4];
};

void guest_set_mode(struct vcpu *v, bool user)
{
	if (v->x86.user_mode == user)
		return;
	__asm__ volatile("swapgs" ::: "memory");
	v->x86.user_mode = user;
}

static void enter(struct cpu_regs *regs, const struct entry *e)
{
	struct vcpu *v = current;
	bool user = regs_user(regs);
	uint64_t mask = READ_ONCE(v->info->evtchn_upcall_mask) != 0;
	uint64_t frame[FRAME_MAX], *p = frame, sp;

	*p++ = regs->rcx;
	*p++ = regs->r11;
	for (unsigned int i = 0; i < e->n; i++)
		*p++ = e->words[i];
	*p++ = regs->rip;
	*p++ = (user ? regs->cs & 0xffff : CS_SHOWN) | mask << 32;
	*p++ = (regs->rflags & ~RFLAGS_IF & ~RFLAGS_IOPL) | (mask ? 0 : RFLAGS_IF);
	*p++ = regs->rsp;
	*p++ = user ? regs->ss & 0xffff : SS_SHOWN;
	sp = ((user ? v->x86.kernel_sp : regs->rsp) & ~15ul) - (uint64_t)(p - frame) * 8;
	if (!e->rip || !guest_write(sp, frame, (uint64_t)(p - frame) * 8)) {
		domain_kill(v->domain, "%s at %llx: %s (stack %llx)", e->what,
			    (unsigned long long)regs->rip,
			    e->rip ? "no usable kernel stack" : "no handler",
			    (unsigned long long)sp);
		return;
	}
	guest_set_mode(v, false);
	if (e->mask)
		WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
	regs->rip = e->rip;
	regs->cs = SEL_KERNEL_CS;
	regs->rflags = FLAGS_ON_ENTRY;
	regs->rsp = sp;
	regs->ss = SEL_KERNEL_DS;
}

static bool has_error_code(unsigned int vector)
{
	return 0x60227d00u >> vector & 1 && vector < 32;
}

static const char *exception_name(unsigned int vector)
{
	static const char *const names[] = {
		[X86_DE] = "division by zero", [X86_DB] = "debug exception",
		[X86_BP] = "breakpoint",       [X86_UD] = "invalid opcode",
		[X86_NM] = "no FPU",	       [X86_TS] = "invalid TSS",
		[X86_NP] = "segment missing",  [X86_SS] = "stack fault",
		[X86_GP] = "protection fault", [X86_PF] = "page fault",
		[X86_MF] = "FPU error",	       [X86_AC] = "alignment check",
		[X86_XM] = "SIMD error",
	};

	return vector < ARRAY_SIZE(names) && names[vector] ? names[vector] : "exception";
}

static void trap(struct cpu_regs *regs, unsigned int vector, unsigned int n, uint64_t error_code)
{
	const struct trap_entry *t = &current->x86.traps[vector];

	enter(regs, &(struct entry){ .rip = t->valid ? t->rip : 0,
				     .mask = t->flags & 4,
				     .what = exception_name(vector),
				     .n = n,
				     .words = { error_code } });
}

void guest_trap(struct cpu_regs *regs, unsigned int vector, uint32_t error_code)
{
	trap(regs, vector, has_error_code(vector), error_code);
}

void guest_soft_trap(struct cpu_regs *regs, unsigned int vector)
{
	trap(regs, vector, 0, 0);
}

void guest_page_fault(struct cpu_regs *regs, uint64_t cr2, uint32_t error_code)
{
	current->info->arch.cr2 = cr2;
	guest_trap(regs, X86_PF, error_code);
}

bool guest_event_upcall(struct cpu_regs *regs)
{
	const struct vcpu_x86 *x = &current->x86;

	if (!x->event_rip)
		return false;
	enter(regs, &(struct entry){ .rip = x->event_rip, .mask = true, .what = "event" });
	return true;
}

void guest_nmi(struct cpu_regs *regs)
{
	struct vcpu_x86 *x = &current->x86;

	x->nmi_pending = false;
	x->nmi_masked = true;
	this_cpu()->ro->in_nmi = true;
	enter(regs, &(struct entry){ .rip = x->nmi_rip, .mask = true, .what = "NMI" });
}

bool guest_syscall(struct cpu_regs *regs, bool compat)
{
	const struct vcpu_x86 *x = &current->x86;
	struct entry e = { .rip = compat ? x->syscall32_rip : x->syscall_rip,
			   .mask = compat ? x->syscall32_mask : x->syscall_mask,
			   .what = "system call" };

	if (e.rip)
		enter(regs, &e);
	return e.rip;
}

void guest_failsafe(struct cpu_regs *regs)
{
	const struct vcpu_x86 *x = &current->x86;
	struct entry e = { .rip = x->failsafe_rip,
			   .mask = x->failsafe_mask,
			   .what = "bad return frame",
			   .n = 4 };
	uint16_t s[4];

	__asm__ volatile("mov %%ds, %0" : "=r"(s[0]));
	__asm__ volatile("mov %%es, %0" : "=r"(s[1]));
	__asm__ volatile("mov %%fs, %0" : "=r"(s[2]));
	__asm__ volatile("mov %%gs, %0" : "=r"(s[3]));
	for (unsigned int i = 0; i < 4; i++)
		e.words[i] = s[i];
	enter(regs, &e);
}

/* The frame is completed by the exit path, whatever it says here. */
long hc_iret(struct hc_args *a)
{
	struct cpu_regs *regs = guest_regs();
	struct vcpu *v = current;
	struct iret_context f;

	if (!guest_read(&f, regs->rsp, sizeof(f))) {
		domain_kill(v->domain, "iret: no frame at %llx", (unsigned long long)regs->rsp);
		return -EFAULT;
	}
	regs->rax = f.rax;
	regs->rip = f.rip;
	regs->cs = f.cs & 0xffff;
	regs->rflags = f.rflags;
	regs->rsp = f.rsp;
	regs->ss = f.ss & 0xffff;
	if (!(f.flags & VGCF_in_syscall)) {
		regs->r11 = f.r11;
		regs->rcx = f.rcx;
	} else {
		regs->r11 = f.rflags;
		regs->rcx = f.rip;
	}
	v->x86.nmi_masked = false;
	this_cpu()->ro->in_nmi = false;
	WRITE_ONCE(v->info->evtchn_upcall_mask, !(f.rflags & RFLAGS_IF));
	guest_set_mode(v, regs_user(regs));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One struct cpu per processor, found through the stack pointer. GS belongs to
 * the guest and is never used by the hypervisor (DESIGN section 4).
 */
#ifndef HYP_CPU_H
#define HYP_CPU_H

#include <hyp/bits.h>
#include <hyp/layout.h>
#include <hyp/types.h>
#include <hyp/x86.h>

struct vcpu;
struct tramp_ro;

#define MAX_HELD_LOCKS 16

struct cpu {
	unsigned int id; /* 0..nr_cpus-1, dense */
	uint32_t apic_id;
	struct vcpu *curr; /* the vcpu whose registers are at the top of the stack */
	struct vcpu *idle;
	struct vcpu *fpu_owner; /* whose FPU state is in the registers; NULL = nobody's */
	uint64_t softirq;	/* pending SOFTIRQ_* bits, set with atomics by anybody */
	uint64_t idle_cr3;	/* a root with the hypervisor's slots only */
	uint64_t *root;		/* guest root (L4), kernel; see x86/context.c */
	uint64_t *user_root;	/* guest root of user mode in split mode */
	mfn_t kernel_l4,
		user_l4;     /* what they are copies of; INVALID_MFN = nothing (x86/context.c) */
	struct tramp_ro *ro; /* writable alias of the CA_RO page */
	uint64_t *area_l1;   /* writable alias of the L1 table of this CPU's area */
	uint64_t *area_l3;   /* the L3 table this CPU's guest roots have in slot 257 */
	uint8_t *tss;	     /* writable alias of the TSS */
	uint64_t *gdt;	     /* writable alias of our GDT page */
	void *stack;	     /* base of the stack block */
	/* debug builds: locks held, in order taken */
	unsigned int nr_locks;
	const void *locks[MAX_HELD_LOCKS];
	bool smep;	     /* it has SMEP; off while domains run that need that (x86/context.c) */
	bool in_idle;	     /* interrupts may come in: in the idle wait */
	bool nmi_seen;	     /* one came while the hypervisor ran: to be reported */
	bool frame_lost;     /* of a #DB: see x86/traps.c */
	domid_t area_domid;  /* whose registers the area's stacks may hold */
	void *sched_priv;    /* run queue, owned by sched/ */
	void *timer_priv;    /* timer heap, owned by time/ */
	uint64_t flush_seen; /* mailbox, owned by x86/smp.c */
};

/* At the very top of the stack block; the entry code relies on the order. */
struct stack_top {
	struct cpu_regs regs; /* the guest's registers while the hypervisor runs for it */
	struct cpu *cpu;
	uint64_t pad;
};

static inline struct stack_top *stack_top(void)
{
	uint64_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct stack_top *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

static inline struct cpu *this_cpu(void)
{
	return stack_top()->cpu;
}

static inline unsigned int smp_id(void)
{
	return this_cpu()->id;
}

#define current (this_cpu()->curr)

/* The registers of the guest that entered the hypervisor on this CPU. */
static inline struct cpu_regs *guest_regs(void)
{
	return &stack_top()->regs;
}

extern struct cpu *cpus[MAX_CPUS]; /* by id, NULL beyond nr_cpus */
extern unsigned int nr_cpus;	   /* CPUs that are up, set once at boot */
extern struct cpu boot_cpu;

/*
 * The Meltdown bug: ring 3 can read what the user bit forbids it, by speculation. All of Intel's
 * processors have it but those that deny it (RDCL_NO; SDM volume 4, table 2-2). x86/cpuid.c
 */
bool cpu_has_meltdown(void);

#endif

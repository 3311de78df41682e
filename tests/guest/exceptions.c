/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions of kernel and user mode: vector, error code, frame, single steps. */
#include "lib/guest.h"

struct fault {
	const char *name, *bytes;
	size_t len;
	long vector;
	uint64_t error, rip; /* offset of the saved rip */
	bool kernel_only;
};
#define F(name, bytes, vector, error, rip, ...)                                                    \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, vector, error, rip, ##__VA_ARGS__                  \
	}

/* rdi: non-canonical, rsi: selector beyond the GDT */
static const struct fault faults[] = {
	F("div", "\x31\xc9\x31\xd2\xf7\xf1", X86_DE, 0, 4),
	F("int3", "\xcc", X86_BP, 0, 1),
	F("int 3", "\xcd\x03", X86_BP, 0, 2),
	F("into", "\xce", X86_UD, 0, 0),
	F("ud2", "\x0f\x0b", X86_UD, 0, 0),
	F("bound", "\x62\x07", X86_UD, 0, 0),
	F("load of a non-canonical address", "\x48\x8b\x07", X86_GP, 0, 0),
	F("bad selector", "\x8e\xe6", X86_GP, 0x7f58, 0),
	F("cs load", "\x8e\xce", X86_UD, 0, 0),
};

static void check(const struct fault *t, long v, const struct frame *f, uint64_t base, bool user)
{
	CHECK(v == t->vector, "%s (%s): trap %ld", t->name, user ? "user" : "kernel", v);
	CHECK(f->error == t->error, "%s: error %lx", t->name, f->error);
	CHECK(f->rip == base + t->rip, "%s: rip +%lx", t->name, f->rip - base);
	EXPECT(f->cs & 0xffff, user ? USER_CS : KERNEL_CS);
	EXPECT(f->cs >> 40, 0);
	CHECK(!(f->rflags & (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM)), "rflags %lx", f->rflags);
}

static void all(void)
{
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *t = &faults[i];
		struct regs r = { .rdi = BAD_NONCANON, .rsi = 0x7f58 };
		struct frame f = { .rip = USER_TEXT,
				   .rsp = USER_STACK_TOP,
				   .rflags = RFLAGS_IF,
				   .rdi = BAD_NONCANON,
				   .rsi = 0x7f58 };
		long v = exec(t->bytes, t->len, &r);

		check(t, v, &this_vcpu()->last, this_vcpu()->last.rip - t->rip, false);
		EXPECT((this_vcpu()->last.rip - t->rip) & 4095, 0);
		user_code(t->bytes, t->len);
		v = user_run(&f, 0);
		check(t, v, &f, USER_TEXT, true);
		CHECK(f.rflags & RFLAGS_IF, "user rflags %lx", f.rflags);
		EXPECT(f.rsp, USER_STACK_TOP);
	}
}

static unsigned int steps;
static uint64_t step_rip[16];

static bool on_step(struct frame *f)
{
	if (f->vector != X86_DB)
		return false;
	if (steps < 16)
		step_rip[steps] = f->rip;
	steps++;
	/* Six steps, then on without. */
	if (steps == 6)
		f->rflags &= ~RFLAGS_TF;
	return true;
}

static void do_steps(uint64_t unused)
{
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf\n"
			 "nop; nop; nop; nop; nop; nop; nop; nop\n"
			 "pushf; andl $~0x100, (%%rsp); popf" ::
				 : "memory", "cc");
}

static void single_step(void)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF | RFLAGS_TF };

	trap_hook = on_step;
	steps = 0;
	EXPECT(catch (do_steps, 0), -1);
	CHECK(steps == 6, "%u steps in the kernel", steps);
	for (int i = 1; i < 6; i++)
		CHECK(step_rip[i] - step_rip[i - 1] == 1, "step %d from %lx to %lx", i,
		      step_rip[i - 1], step_rip[i]);
	steps = 0;
	user_code("\x90\x90\x90\x90\x90\x90\x90\x90\x0f\x05", 10);
	EXPECT(user_run(&f, 0), VEC_SYSCALL);
	CHECK(steps == 6, "%u steps in user mode", steps);
	EXPECT(step_rip[0], USER_TEXT + 1);
	steps = 0;
	f = (struct frame){ .rip = USER_TEXT,
			    .rsp = USER_STACK_TOP,
			    .rflags = RFLAGS_IF | RFLAGS_TF };
	EXPECT(user_run(&f, VGCF_in_syscall), VEC_SYSCALL);
	CHECK(steps == 6, "%u steps after a fast return", steps);
	/* Stepping over a system call and a hypercall must not step the hypervisor. */
	steps = 0;
	user_code("\x0f\x05", 2);
	f = (struct frame){ .rip = USER_TEXT,
			    .rsp = USER_STACK_TOP,
			    .rflags = RFLAGS_IF | RFLAGS_TF };
	user_run(&f, 0);
	trap_hook = NULL;
}

static void step_hypercall(void)
{
	struct regs r = { .rax = __HYPERVISOR_xen_version, .rdi = XENVER_pagesize };

	trap_hook = on_step;
	steps = 0;
	/* pushf; orl $0x100, (%rsp); popf; syscall; pushf; andl; popf */
	EXPECT(EXEC("\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d\x0f\x05"
		    "\x9c\x81\x24\x24\xff\xfe\xff\xff\x9d",
		    &r),
	       -1);
	trap_hook = NULL;
	EXPECT(r.rax, 4096);
	for (unsigned int i = 0; i < steps && i < 16; i++)
		CHECK(step_rip[i] < HYPERVISOR_VIRT_START || step_rip[i] >= HYPERVISOR_VIRT_END,
		      "a step in the hypervisor: %lx", step_rip[i]);
}

/* #BP returns behind the instruction: iret resumes there. */
static bool on_bp(struct frame *f)
{
	steps += f->vector == X86_BP;
	return f->vector == X86_BP;
}

void test(void)
{
	user_init();
	all();
	trap_hook = on_bp;
	steps = 0;
	for (int i = 0; i < 1000; i++)
		EXPECT(EXEC("\xcc\x90", NULL), -1);
	EXPECT(steps, 1000);
	trap_hook = NULL;
	single_step();
	step_hypercall();
	EXPECT(probe_read(BAD_UNMAPPED), X86_PF);
	EXPECT(this_vcpu()->last.error, 0);
	EXPECT(this_vcpu()->cr2, BAD_UNMAPPED);
	EXPECT(probe_write(BAD_UNMAPPED + 5), X86_PF);
	EXPECT(this_vcpu()->last.error & ~(uint64_t)PF_U, PF_W);
}

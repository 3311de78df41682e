/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest kernels are entered with clean flags, whatever a program had: they rely on SYSCALL having
 * cleared DF. With events masked by the return to user mode, and not.
 */
#include <public/callback.h>
#include "lib/guest.h"

#define RFLAGS_ID 0x200000ul
#define UNWANTED (RFLAGS_TF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT)

extern uint8_t flags_syscall[], flags_syscall32[], flags_trap[];
uint64_t entry_flags;

#define ENTRY(name, next)                                                                          \
	__asm__(".balign 16\n" name ": pushfq; popq entry_flags(%rip); cld; jmp " next "\n")
ENTRY("flags_syscall", "entry_syscall");
ENTRY("flags_syscall32", "entry_syscall32");
ENTRY("flags_trap", "trap_stubs + 32 * 14");

static uint64_t iflag; /* IF, or not: then the trampoline leaves it to the hypervisor */

static void run(const char *what, long vector, uint64_t rip, bool compat, uint64_t iret)
{
	struct frame f = { .rip = rip,
			   .rsp = USER_STACK_TOP,
			   .rflags = iflag | RFLAGS_DF | RFLAGS_AC | RFLAGS_ID | 0x8d5,
			   .cs = compat ? FLAT_USER_CS32 : 0,
			   .ss = compat ? FLAT_USER_SS32 : 0 };
	long v;

	entry_flags = ~0ul;
	v = user_run(&f, iret);
	if (compat && v == X86_UD)
		return;
	EXPECT(v, vector);
	CHECK(!(entry_flags & UNWANTED), "%s: entered with flags %lx", what, entry_flags);
	CHECK((f.rflags & (RFLAGS_DF | RFLAGS_AC | RFLAGS_ID)) ==
		      (RFLAGS_DF | RFLAGS_AC | RFLAGS_ID),
	      "%s: frame with flags %lx", what, f.rflags);
}

static void all(void)
{
	for (uint64_t iret = 0; iret <= VGCF_in_syscall; iret += VGCF_in_syscall) {
		run("system call", VEC_SYSCALL, USER_TEXT, false, iret);
		run("page fault", X86_PF, USER_TEXT + 16, false, iret);
	}
	run("32-bit system call", VEC_SYSCALL32, USER_TEXT, true, 0);
}

void test(void)
{
	static const uint8_t code[48] = { 0x0f, 0x05, [16] = 0x8a, 0x04, 0x25, 0, 0, 0, 0x70 };
	struct callback_register syscall32 = { .type = CALLBACKTYPE_syscall32,
					       .address = A(flags_syscall32) };
	struct trap_info table[2] = {
		{ .vector = X86_PF, .cs = FLAT_KERNEL_CS64, .address = A(flags_trap) }
	};

	user_init();
	user_code(code, sizeof(code));
	EXPECT(hc(set_callbacks, entry_event, entry_failsafe, flags_syscall), 0);
	EXPECT(hc(callback_op, CALLBACKOP_register, &syscall32), 0);
	EXPECT(hc(set_trap_table, table), 0);
	all();
	iflag = RFLAGS_IF;
	all();
}

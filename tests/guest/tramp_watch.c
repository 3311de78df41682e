/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data breakpoints on the kernel stack and on the return frame, which the trampoline writes and
 * reads in ring 0: system calls, faults and returns stay as they are.
 */
#include "lib/guest.h"

/* syscall; at 16: mov $BAD_UNMAPPED, %rax; mov (%rax), %al; at 32: int $0x80, not allowed */
static const uint8_t code[48] = { 0x0f, 0x05, [16] = 0x48, 0xb8, 0,    0,    0,		  0,
				  0x70, 0,    0,	   0,	 0x8a, 0x00, [32] = 0xcd, 0x80 };

static struct frame enter(uint64_t rip)
{
	return (struct frame){ .rip = rip,
			       .rsp = USER_STACK_TOP - 8,
			       .rflags = RFLAGS_IF | 0x45,
			       .rax = 0x1111,
			       .rbx = 0x2222,
			       .rdx = 0x3333,
			       .rsi = 0x4444,
			       .rdi = 0x5555,
			       .r8 = 0x6666,
			       .r15 = 0x7777 };
}

static void same(const struct frame *f, const struct frame *was, const char *what)
{
	CHECK(f->rbx == was->rbx && f->rdx == was->rdx && f->rsi == was->rsi &&
		      f->rdi == was->rdi && f->r8 == was->r8 && f->r15 == was->r15 &&
		      f->rsp == was->rsp && f->cs == USER_CS && f->ss == USER_SS,
	      "%s: registers are spoiled", what);
	CHECK((f->rflags & 0x245) == 0x245, "%s: flags %lx", what, f->rflags);
}

static void round(uint64_t flags)
{
	struct frame f = enter(USER_TEXT), was = f;

	EXPECT(user_run(&f, flags), VEC_SYSCALL);
	same(&f, &was, "system call");
	CHECK(f.rip == USER_TEXT + 2 && f.rax == 0x1111, "system call: rip %lx rax %lx", f.rip,
	      f.rax);
	f = was = enter(USER_TEXT + 16);
	EXPECT(user_run(&f, flags), X86_PF);
	same(&f, &was, "page fault");
	CHECK(f.rip == USER_TEXT + 26 && this_vcpu()->cr2 == BAD_UNMAPPED, "fault: rip %lx cr2 %lx",
	      f.rip, this_vcpu()->cr2);
	f = was = enter(USER_TEXT + 32);
	EXPECT(user_run(&f, flags), X86_GP);
	same(&f, &was, "int 0x80");
}

void test(void)
{
	uint64_t top = entry_stack(0);

	user_init();
	user_code(code, sizeof(code));
	trap_hook = count_debug;
	/* Every word of the frames the trampoline pushes, four at a time, read or written. */
	for (int kind = 1; kind < 4; kind += 2)
		for (uint64_t at = 8; at <= 64; at += 8) {
			uint64_t dr7 = 0x455 | kind * 0x1111ul << 16 | 0x8888ul << 16;

			for (unsigned int n = 0; n < 4; n++) {
				uint64_t va = top - (at + 8 * n) % 72;

				EXPECT(hc(set_debugreg, n, va), 0);
			}
			EXPECT(hc(set_debugreg, 7, dr7), 0);
			for (int i = 0; i < 50; i++)
				round(i & 1 ? VGCF_in_syscall : 0);
		}
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
	print("note: %u of our own", debug_hits);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Page faults of user mode: error code, address, frame; what user mode must not see. */
#include "lib/guest.h"

static struct frame f;

static long run(const void *code, size_t len, uint64_t rdi)
{
	user_code(code, len);
	f = (struct frame){ .rip = USER_TEXT,
			    .rsp = USER_STACK_TOP - 64,
			    .rflags = RFLAGS_IF,
			    .rdi = rdi,
			    .rax = 0xaa,
			    .rcx = 0xcc,
			    .r11 = 0x11 };
	return user_run(&f, 0);
}
#define READ "\x8a\x07\x0f\x05"	 /* mov (%rdi), %al; syscall */
#define WRITE "\x88\x07\x0f\x05" /* mov %al, (%rdi); syscall */
#define JUMP "\xff\xe7"		 /* jmp *%rdi */

static void fault(const char *code, size_t len, uint64_t va, uint64_t error, uint64_t any)
{
	EXPECT(run(code, len, va), X86_PF);
	CHECK((f.error & ~any) == (error & ~any), "fault at %lx: error %lx, not %lx", va, f.error,
	      error);
	EXPECT(this_vcpu()->cr2, va);
	EXPECT(f.rip, code[0] == '\xff' ? va : USER_TEXT);
	EXPECT(f.rsp, USER_STACK_TOP - 64);
	EXPECT(f.rdi, va);
	EXPECT(f.rcx, 0xcc);
	EXPECT(f.r11, 0x11);
	CHECK((f.cs & 0xffff) == USER_CS && (f.ss & 0xffff) == USER_SS, "cs %lx ss %lx", f.cs,
	      f.ss);
	CHECK(f.rflags & RFLAGS_IF, "rflags %lx", f.rflags);
}
#define FAULT(code, va, error, any) fault(code, sizeof(code) - 1, va, error, any)

static void hidden(uint64_t va)
{
	FAULT(READ, va, PF_U, PF_P);
	FAULT(WRITE, va, PF_U | PF_W, PF_P);
	FAULT(JUMP, va, PF_U | PF_I, PF_P | PF_I);
}

void test(void)
{
	static const uint64_t offset[] = { 0,	   0x4000,  0x5000,  0x6000,  0x9000,  0xa000,
					   0xe000, 0x10000, 0x1e000, 0x20000, 0x200000 };

	EXPECT(run(READ, 4, USER_DATA), VEC_SYSCALL);
	EXPECT(run(WRITE, 4, USER_DATA), VEC_SYSCALL);
	EXPECT(user_data[0], 0xaa);
	for (int i = 0; i < 100; i++) {
		FAULT(READ, BAD_UNMAPPED + (uint64_t)i, PF_U, 0);
		FAULT(WRITE, BAD_UNMAPPED + (uint64_t)i, PF_U | PF_W, 0);
		FAULT(JUMP, BAD_UNMAPPED + (uint64_t)i, PF_U | PF_I, PF_I);
		FAULT(WRITE, USER_TEXT + 8, PF_U | PF_W | PF_P, 0);
	}
	/* No execution where NX says so. */
	map_far(USER_DATA, mfn_of(user_data), PTE_USER | PTE_NX);
	mmuext(MMUEXT_INVLPG_ALL, USER_DATA, 0);
	FAULT(JUMP, USER_DATA, PF_U | PF_P | PF_I, 0);
	EXPECT(run(READ, 4, BAD_NONCANON), X86_GP);
	EXPECT(run(JUMP, 2, BAD_NONCANON) == X86_GP, 1);
	/* The kernel and the hypervisor are hidden. */
	hidden(VIRT_BASE + 0x100000);
	hidden(A(si));
	hidden(A(user_data));
	hidden(MACH2PHYS_VIRT_START);
	hidden(0xffff810000000000);
	hidden(0xffff820000200000);
	hidden(0xffff830000000000);
	for (unsigned int i = 0; i < sizeof(offset) / sizeof(offset[0]); i++)
		hidden(0xffff808000000000 + offset[i]);
}

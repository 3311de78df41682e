/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel whose own pages are user-accessible runs: without SMEP from then on, and split. */
#include "lib/guest.h"

#define FAR 0xffffc00000000000ul
#define RET 0xc3

static long user_read(uint64_t va, struct frame *f)
{
	user_code("\x8a\x07\x0f\x05", 4); /* mov (%rdi), %al; syscall */
	*f = (struct frame){ .rip = USER_TEXT,
			     .rsp = USER_STACK_TOP - 64,
			     .rflags = RFLAGS_IF,
			     .rdi = va };
	return user_run(f, 0);
}

static void denied(uint64_t va)
{
	EXPECT(probe_exec(va), X86_PF);
	EXPECT(this_vcpu()->last.error, PF_P | PF_I);
}

void test(void)
{
	uint8_t *code = page_alloc();
	struct frame f;

	if (!xeno)
		skip("kernels run in ring 3 here");
	memset(code, RET, PAGE_SIZE);
	map_far(FAR, mfn_of(code), PTE_P | PTE_US | PTE_A | PTE_D);
	map_far(FAR + PAGE_SIZE, mfn_of(page_alloc()), PTE_USER | PTE_NX);
	user_init(); /* its root shows the lower half only */
	memset(user_text, RET, PAGE_SIZE);
	if (probe_exec(USER_TEXT) == -1)
		skip("a processor without SMEP");
	/* SMEP stays for what is not the kernel's, and NX is not SMEP. */
	denied(USER_TEXT);
	denied(FAR + PAGE_SIZE);
	denied(USER_TEXT);
	EXPECT(probe_exec(FAR), -1);
	EXPECT(probe_exec(USER_TEXT), -1);
	denied(FAR + PAGE_SIZE);
	/* User mode runs, on a root of its own. */
	EXPECT(user_read(USER_DATA, &f), VEC_SYSCALL);
	EXPECT(user_read(FAR, &f), X86_PF);
	EXPECT(f.error, PF_U);
	EXPECT(probe_exec(FAR), -1);
}

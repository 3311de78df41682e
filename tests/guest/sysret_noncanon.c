/* SPDX-License-Identifier: GPL-2.0-only */
/* Return addresses that SYSRET must not see (CVE-2012-0217), and SYSCALL at the last address. */
#include "lib/guest.h"

#define LAST 0x00007ffffffff000ul

static void to(uint64_t rip, uint64_t iret_flags)
{
	struct frame f = { .rip = rip,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .rcx = rip,
			   .r11 = ~0ul };
	long v;

	user_init();
	v = user_run(&f, iret_flags);
	CHECK(v == X86_GP || v == X86_PF || v == VEC_FAILSAFE || v == X86_SS || v == X86_TS,
	      "return to %lx: trap %ld", rip, v);
	CHECK((f.cs & 3) == 3 || v == VEC_FAILSAFE || v == X86_GP, "return to %lx: cs %lx", rip,
	      f.cs);
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
}

/* The next instruction of this SYSCALL would be the first non-canonical address. */
static void last_address(void)
{
	uint8_t *page = page_alloc();
	struct frame f = { .rip = LAST + PAGE_SIZE - 2,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF };
	long v;

	page[PAGE_SIZE - 2] = 0x0f;
	page[PAGE_SIZE - 1] = 0x05;
	make_ro(page);
	map_far(LAST, mfn_of(page), PTE_P | PTE_US);
	for (int i = 0; i < 20; i++) {
		f.rip = LAST + PAGE_SIZE - 2;
		v = user_run(&f, i & 1 ? VGCF_in_syscall : 0);
		CHECK(v == VEC_SYSCALL || v == X86_GP, "syscall at the end: %ld", v);
		if (v != VEC_SYSCALL)
			continue;
		EXPECT(f.rip, LAST + PAGE_SIZE);
		v = user_run(&f, VGCF_in_syscall);
		CHECK(v != VEC_SYSCALL && v != X86_UD, "return from there: %ld", v);
	}
}

void test(void)
{
	static const uint64_t rip[] = {
		0x0000800000000000, 0x0000800000000001, 0x8000000000000000,   0xffff7fffffffffff,
		0xfffe000000000000, 0x7fffffffffffffff, 0xffff808000000000,   0xffff820000200000,
		0xffff800000000000, 0xffff87fffffffff0, VIRT_BASE + 0x100000,
	};

	for (int round = 0; round < 5; round++)
		for (unsigned int i = 0; i < sizeof(rip) / sizeof(rip[0]); i++) {
			to(rip[i], VGCF_in_syscall);
			to(rip[i], 0);
		}
	last_address();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A data breakpoint on the operand of MOV SS or POP SS is held back by one instruction,
 * so #DB arrives on the first instruction of the hypervisor (CVE-2018-8897).
 */
#include "lib/guest.h"

static volatile uint64_t ss_value __attribute__((aligned(16)));

/* rdi: operand. What follows enters the hypervisor in every possible way. */
static const struct {
	const char *name, *bytes;
	size_t len;
} code[] = {
#define C(name, bytes)                                                                             \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1                                                     \
	}
	C("syscall", "\x8e\x17\x0f\x05"),
	C("int3", "\x8e\x17\xcc"),
	C("int 0x80", "\x8e\x17\xcd\x80"),
	C("int 0x2", "\x8e\x17\xcd\x02"),
	C("int1", "\x8e\x17\xf1"),
	C("ud2", "\x8e\x17\x0f\x0b"),
	C("hlt", "\x8e\x17\xf4"),
	C("fault", "\x8e\x17\x48\x8b\x04\x25\x10\x00\x00\x00"),
	C("sysenter", "\x8e\x17\x0f\x34"),
	C("pop syscall", "\x48\x87\xe7\x17\x0f\x05"),
	C("two", "\x8e\x17\x8e\x17\x0f\x05"),
};

static void kernel(unsigned int i)
{
	uint8_t bytes[32];
	struct regs r = { .rax = __HYPERVISOR_xen_version, .rdi = A(&ss_value) };
	long v;

	/* xchg %rsp, %rdi is for user mode, where the stack may be anything. */
	if (code[i].bytes[0] == '\x48')
		return;
	memcpy(bytes, code[i].bytes, code[i].len);
	v = exec(bytes, code[i].len, &r);
	CHECK(v == -1 || v == X86_BP || v == X86_GP || v == X86_OF || v == X86_DB || v == X86_UD ||
		      v == X86_PF,
	      "%s: trap %ld", code[i].name, v);
}

static void user(unsigned int i)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .rdi = USER_DATA };
	long v;

	user_code(code[i].bytes, code[i].len);
	*(volatile uint64_t *)user_data = USER_SS;
	v = user_run(&f, 0);
	CHECK(v == VEC_SYSCALL || v == X86_BP || v == X86_GP || v == X86_OF || v == X86_DB ||
		      v == X86_UD || v == X86_PF,
	      "%s: trap %ld", code[i].name, v);
}

void test(void)
{
	uint16_t ss;

	__asm__("mov %%ss, %0" : "=r"(ss));
	ss_value = ss;
	user_init();
	trap_hook = count_debug;
	for (int tf = 0; tf < 2; tf++) {
		EXPECT(hc(set_debugreg, 0, &ss_value), 0);
		EXPECT(hc(set_debugreg, 1, USER_DATA), 0);
		/* Both: read or write, 2 bytes. */
		EXPECT(hc(set_debugreg, 7, 0x770405), 0);
		for (int round = 0; round < 100; round++)
			for (unsigned int i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
				kernel(i);
				user(i);
				EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
			}
	}
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
	print("note: %u breakpoints hit", debug_hits);
	CHECK(debug_hits > 0, "no breakpoint hit at all");
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls of user mode arrive at the syscall callback with the right frame. */
#include "lib/guest.h"

static void compare(const struct frame *in, const struct frame *out, bool fast)
{
	const uint64_t *a = &in->r15, *b = &out->r15;

	EXPECT(out->rip, in->rip + 2);
	EXPECT(out->rsp, in->rsp);
	EXPECT(out->rcx, out->rip);
	CHECK((out->cs & 0xffff) == USER_CS, "cs %lx", out->cs);
	CHECK((out->ss & 0xffff) == USER_SS, "ss %lx", out->ss);
	CHECK((out->rflags & ~RFLAGS_IF) == (in->rflags & ~RFLAGS_IF) || fast,
	      "rflags %lx, not %lx", out->rflags, in->rflags);
	CHECK((out->r11 & 0xcd5) == (in->rflags & 0xcd5), "r11 %lx, not %lx", out->r11, in->rflags);
	/* r15 .. rdi, but for r11 (6) and rcx (11) */
	for (int i = 0; i < 15; i++)
		if (i != 6 && i != 11)
			CHECK(a[i] == b[i], "register %d is %lx, not %lx", i, b[i], a[i]);
}

static void many(uint64_t iret_flags)
{
	for (int i = 0; i < 1000; i++) {
		struct frame in, out;
		uint64_t *w = &in.r15;

		for (unsigned int n = 0; n < 15; n++)
			w[n] = rnd();
		in.rip = USER_TEXT + (rnd() & 0xff0);
		in.rsp = rnd() & 1 ? USER_STACK_TOP - 64 : rnd();
		/* CF PF AF ZF SF DF OF */
		in.rflags = (rnd() & 0xcd5) | RFLAGS_IF | 2;
		in.cs = in.ss = 0;
		out = in;
		EXPECT(user_run(&out, iret_flags), VEC_SYSCALL);
		compare(&in, &out, iret_flags);
	}
}

/* User mode sees what iret gave it: rcx and r11 too without VGCF_in_syscall. */
static void given(void)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .rcx = 0x1111,
			   .r11 = 0x2222,
			   .rax = 0x3333 };

	/* mov %rcx, %rbx; mov %r11, %rdx; pushf; pop %rdi; mov %cs, %esi; syscall */
	user_code("\x48\x89\xcb\x4c\x89\xda\x9c\x5f\x8c\xce\x0f\x05", 12);
	EXPECT(user_run(&f, 0), VEC_SYSCALL);
	EXPECT(f.rbx, 0x1111);
	EXPECT(f.rdx, 0x2222);
	EXPECT(f.rax, 0x3333);
	EXPECT(f.rsi & 3, 3);
	CHECK(f.rdi & RFLAGS_IF, "user mode with interrupts off: %lx", f.rdi);
	CHECK(!(f.rdi & RFLAGS_IOPL), "user mode with IOPL: %lx", f.rdi);
	f = (struct frame){ .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = ~0x100ul };
	if (user_run(&f, 0) == VEC_SYSCALL)
		CHECK((f.rdi & RFLAGS_IF) && !(f.rdi & RFLAGS_IOPL), "flags %lx", f.rdi);
}

/* SYSCALL in compatibility mode, where the processor has it. */
static void compat(void)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .cs = FLAT_USER_CS32,
			   .ss = FLAT_USER_SS32,
			   .rax = 0x77 };
	long v;

	user_code("\x0f\x05\x0f\x0b", 4);
	v = user_run(&f, 0);
	CHECK(v == VEC_SYSCALL32 || v == X86_UD, "32-bit syscall: %ld", v);
	if (v == VEC_SYSCALL32) {
		EXPECT(f.rip, USER_TEXT + 2);
		EXPECT(f.rax, 0x77);
	}
	print("note: 32-bit syscall: %s", v == VEC_SYSCALL32 ? "callback" : "#UD");
	/* 32-bit code and its faults in general */
	user_code("\x0f\x0b", 2);
	f.rip = USER_TEXT;
	EXPECT(user_run(&f, 0), X86_UD);
	EXPECT(f.cs & 0xffff, FLAT_USER_CS32);
}

void test(void)
{
	static const uint8_t syscalls[16] = { 0x0f, 0x05, 0xcc, 0xcc };

	user_init();
	for (int i = 0; i < 256; i++)
		memcpy(user_text + 16 * i, syscalls, 16);
	many(0);
	many(VGCF_in_syscall);
	events_on();
	many(0);
	many(VGCF_in_syscall);
	events_off();
	given();
	compat();
}

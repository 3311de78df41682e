/* SPDX-License-Identifier: GPL-2.0-only */
/* set_segment_base, and that kernel and user keep their own GS. */
#include "lib/guest.h"

static uint64_t gs_word(void)
{
	uint64_t v;

	__asm__ volatile("mov %%gs:8, %0" : "=r"(v));
	return v;
}

static uint64_t fs_word(void)
{
	uint64_t v;

	__asm__ volatile("mov %%fs:8, %0" : "=r"(v));
	return v;
}

void test(void)
{
	static const uint64_t bad[] = { 0x0000800000000000, 0x8000000000000000,
					0xffff7fffffffffff };
	static const uint64_t sel[] = { 0xe008, 0xe00b, 0xe010,		0xe013, 0xe040,
					0xe043, 0xe050, 0xfff8,		0xffff, 7,
					~0ul,	0,	FLAT_USER_DS32, 0 };
	static uint64_t kernel[2] = { 0, 0x1111 }, other[2] = { 0, 0x3333 };
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };

	for (uint64_t which = 0; which < 3; which++)
		for (unsigned int i = 0; i < 3; i++)
			REFUSED(hc(set_segment_base, which, bad[i]));
	REFUSED(hc(set_segment_base, 4, 0));
	REFUSED(hc(set_segment_base, ~0ul, 0));
	EXPECT(hc(set_segment_base, SEGBASE_FS, other), 0);
	EXPECT(fs_word(), 0x3333);
	EXPECT(hc(set_segment_base, SEGBASE_GS_KERNEL, kernel), 0);
	EXPECT(gs_word(), 0x1111);
	user_code("\x65\x48\x8b\x04\x25\x08\x00\x00\x00\x0f\x05",
		  11); /* mov %gs:8, %rax; syscall */
	*(uint64_t *)(user_data + 8) = 0x2222;
	EXPECT(hc(set_segment_base, SEGBASE_GS_USER, USER_DATA), 0);
	events_on();
	for (int i = 0; i < 100; i++) {
		EXPECT(gs_word(), 0x1111);
		f = (struct frame){ .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };
		EXPECT(user_run(&f, i & 1 ? VGCF_in_syscall : 0), VEC_SYSCALL);
		EXPECT(f.rax, 0x2222);
		EXPECT(gs_word(), 0x1111);
		hc(sched_op, SCHEDOP_yield, 0);
	}
	events_off();
	/* A base in the hypervisor's range may be set; it shows nothing. */
	if (hc(set_segment_base, SEGBASE_FS, 0xffff830000000000) == 0)
		EXPECT(EXEC("\x64\x48\x8b\x04\x25\x08\x00\x00\x00", NULL), X86_PF);
	EXPECT(hc(set_segment_base, SEGBASE_FS, 0), 0);
	/* Selectors that must not be loaded become null or an error. */
	for (unsigned int i = 0; i < sizeof(sel) / sizeof(sel[0]); i++) {
		hc(set_segment_base, SEGBASE_GS_USER_SEL, sel[i]);
		user_code("\x8c\xe8\x0f\x05", 4); /* mov %gs, %eax; syscall */
		f = (struct frame){ .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };
		EXPECT(user_run(&f, 0), VEC_SYSCALL);
		CHECK((f.rax & 0xfff8) == 0 || (f.rax & 0xfffc) == (FLAT_USER_DS32 & 0xfffc),
		      "user %%gs is %lx", f.rax);
		EXPECT(gs_word(), 0x1111);
	}
}

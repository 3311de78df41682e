/* SPDX-License-Identifier: GPL-2.0-only */
/* RDMSR and WRMSR of the guest kernel: emulated or #GP; nothing reaches the processor. */
#include "lib/guest.h"

static long rd(uint32_t msr, uint64_t *v)
{
	struct regs r = { .rcx = msr };
	long t = EXEC("\x0f\x32", &r);

	*v = (uint32_t)r.rax | r.rdx << 32;
	return t;
}

static long wr(uint32_t msr, uint64_t v)
{
	struct regs r = { .rcx = msr, .rax = (uint32_t)v, .rdx = v >> 32 };

	return EXEC("\x0f\x30", &r);
}

static void alive(uint32_t msr)
{
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };

	CHECK(hc(xen_version, XENVER_pagesize, 0) == 4096, "after MSR %x", msr);
	EXPECT(user_run(&f, 0), VEC_SYSCALL);
	EXPECT(f.rip, USER_TEXT + 2);
}

static void critical(void)
{
	static const uint32_t msr[] = {
		0x10,	    0x1b,	0x3a,	    0x174,	0x175,	    0x176,	0x1a0,
		0x1d9,	    0x200,	0x201,	    0x250,	0x277,	    0x2ff,	0x38f,
		0x48,	    0x49,	0x79,	    0x8b,	0x6e0,	    0x800,	0x808,
		0x80b,	    0x830,	0xda0,	    0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
		0xc0000084, 0xc0000103, 0xc0010010, 0xc0010015, 0xc0010114, 0xc0010117, 0xc0011020
	};
	static const uint64_t value[] = { 0, ~0ul, 0xdeadbeef000, 0xffff800000000000, 1 };
	uint64_t old;

	for (unsigned int i = 0; i < sizeof(msr) / sizeof(msr[0]); i++) {
		long t = rd(msr[i], &old);

		CHECK(t == -1 || t == X86_GP, "rdmsr %x: trap %ld", msr[i], t);
		for (unsigned int n = 0; n < sizeof(value) / sizeof(value[0]); n++) {
			t = wr(msr[i], value[n]);
			CHECK(t == -1 || t == X86_GP, "wrmsr %x: trap %ld", msr[i], t);
			alive(msr[i]);
		}
	}
}

static void bases(void)
{
	static uint64_t word[2] = { 0x1111, 0x2222 };
	static const uint64_t bad[] = { 0x0000800000000000, 0x8000000000000000,
					0xffff7fffffffffff };
	struct regs r = { 0 };
	uint64_t v;

	if (wr(0xc0000100, A(word)) == -1) {
		EXPECT(EXEC("\x64\x48\x8b\x04\x25\x08\x00\x00\x00", &r), -1); /* mov %fs:8, %rax */
		EXPECT(r.rax, 0x2222);
		EXPECT(rd(0xc0000100, &v), -1);
		EXPECT(v, A(word));
	}
	for (int m = 0; m < 3; m++)
		for (unsigned int i = 0; i < 3; i++)
			EXPECT(wr(0xc0000100 + (uint32_t)m, bad[i]), X86_GP);
	EXPECT(wr(0xc0000100, 0), -1);
}

void test(void)
{
	uint64_t v;

	user_code("\x0f\x05", 2);
	EXPECT(rd(0xc0000080, &v), -1);
	CHECK((v & 0x500) == 0x500, "EFER reads %lx", v);
	EXPECT(rd(0x4fffffff, &v), X86_GP);
	EXPECT(rd(0xdeadbeef, &v), X86_GP);
	critical();
	bases();
	for (int i = 0; i < 20000; i++) {
		uint32_t msr = (uint32_t)rnd() & (rnd() & 1 ? 0xc0000fff : 0xfff);
		long t = rd(msr, &v);

		CHECK(t == -1 || t == X86_GP, "rdmsr %x: trap %ld", msr, t);
		/* Not the bases and the time stamp, which are ours to ruin. */
		if ((msr & ~3u) == 0xc0000100 || msr == 0x10)
			continue;
		t = wr(msr, rnd());
		CHECK(t == -1 || t == X86_GP, "wrmsr %x: trap %ld", msr, t);
		if (i % 64 == 0)
			alive(msr);
	}
}

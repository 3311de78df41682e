/* SPDX-License-Identifier: GPL-2.0-only */
/* fpu_taskswitch, #NM, #XM and #MF, and registers that survive everything else. */
#include "lib/guest.h"

static void fill(uint64_t v)
{
	__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm7; movq %0, %%xmm15" ::"r"(v));
}

static void check(uint64_t v, const char *when)
{
	uint64_t a, b, c;

	__asm__ volatile("movq %%xmm0, %0; movq %%xmm7, %1; movq %%xmm15, %2"
			 : "=r"(a), "=r"(b), "=r"(c));
	CHECK(a == v && b == v && c == v, "%s: %lx %lx %lx, not %lx", when, a, b, c, v);
}

static void touch(uint64_t v)
{
	fill(v);
}

static void divide(uint64_t unused)
{
	static const double zero, one = 1;
	static uint32_t csr = 0x1d80; /* divide by zero unmasked */

	__asm__ volatile("ldmxcsr %2; movsd %1, %%xmm1; divsd %0, %%xmm1" ::"m"(zero), "m"(one),
			 "m"(csr));
}

static void divide87(uint64_t unused)
{
	static uint16_t cw = 0x37b;

	__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(cw));
}

void test(void)
{
	uint32_t csr = 0x1f80;
	long v;
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };

	EXPECT(hc(fpu_taskswitch, 0), 0);
	fill(0x1234567890abcdef);
	for (int i = 0; i < 100; i++) {
		hc(xen_version, XENVER_version, 0);
		hc(sched_op, SCHEDOP_yield, 0);
		sleep_ns(100000);
	}
	check(0x1234567890abcdef, "after sleeping");
	user_code("\x66\x0f\xef\xc0\x0f\x05", 6); /* pxor %xmm0, %xmm0; syscall */
	EXPECT(user_run(&f, 0), VEC_SYSCALL);
	fill(7);
	EXPECT(hc(fpu_taskswitch, 1), 0);
	EXPECT(catch (touch, 8), X86_NM);
	EXPECT(hc(fpu_taskswitch, 1), 0);
	f.rip = USER_TEXT;
	EXPECT(user_run(&f, 0), X86_NM);
	EXPECT(hc(fpu_taskswitch, 1), 0);
	EXPECT(EXEC("\x0f\x06", NULL), -1); /* clts */
	check(7, "after clts");
	EXPECT(hc(fpu_taskswitch, 1), 0);
	EXPECT(hc(fpu_taskswitch, 0), 0);
	check(7, "after fpu_taskswitch(0)");
	/* The emulator of the tests does not raise these. */
	v = catch (divide, 0);
	CHECK(v == X86_XM || v == -1, "division by zero: trap %ld", v);
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
	v = catch (divide87, 0);
	CHECK(v == X86_MF || v == -1, "x87 division by zero: trap %ld", v);
	__asm__ volatile("fninit");
}

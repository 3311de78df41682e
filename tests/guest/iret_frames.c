/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile frames for the iret hypercall: each ends in a trap of ours, the failsafe
 * callback, or a landing with sanitised state. Never in ring 0, never in silence.
 */
#include "lib/guest.h"

#define LANDED 1000

uint64_t landing_flags, landing_cs, landing_stack;
void landing(void);
void landed(void);

/* Takes its own stack: the frame's may be anything. */
__asm__(".pushsection .text\n"
	"landing:\n"
	"	mov landing_stack, %rsp\n"
	"	pushf\n"
	"	pop landing_flags\n"
	"	mov %cs, landing_cs\n"
	"	call landed\n"
	"	ud2\n"
	".popsection");

void landed(void)
{
	catch_abort(LANDED);
}

static struct frame base, hostile;
static uint64_t flags;

static void go(uint64_t arg)
{
	hostile = *(struct frame *)arg;
	iret_frame(&hostile, flags);
}

static struct frame good(void)
{
	return (struct frame){ .rip = A(landing),
			       .cs = KERNEL_CS,
			       .rsp = landing_stack,
			       .ss = KERNEL_SS };
}

static void attempt(const char *what, uint64_t value)
{
	struct frame f = base;
	long v;

	landing_flags = landing_cs = 0;
	v = catch (go, A(&f));
	if (v == LANDED) {
		CHECK(landing_cs & 3, "%s %lx: landed in ring 0", what, value);
		CHECK(!(landing_flags & (RFLAGS_IOPL | RFLAGS_VM)), "%s %lx: landed with flags %lx",
		      what, value, landing_flags);
		CHECK(landing_flags & RFLAGS_IF, "%s %lx: landed with interrupts off", what, value);
	} else {
		CHECK(v == X86_GP || v == X86_PF || v == X86_SS || v == X86_NP || v == X86_TS ||
			      v == X86_DB || v == X86_UD || v == X86_AC || v == VEC_FAILSAFE,
		      "%s %lx: trap %ld", what, value, v);
	}
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	EXPECT(EXEC("\x0f\x0b", NULL), X86_UD);
	flags = 0;
	base = good();
}

static void each(const char *what, uint64_t *field, const uint64_t *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		*field = v[i];
		attempt(what, v[i]);
		/* Once more as a return to user mode. */
		if (field != &base.cs) {
			*field = v[i];
			base.cs = USER_CS;
			base.rip = field == &base.rip ? v[i] : USER_TEXT;
			attempt(what, v[i]);
			*field = v[i];
			base.cs = USER_CS;
			flags = VGCF_in_syscall;
			base.rip = field == &base.rip ? v[i] : USER_TEXT;
			attempt(what, v[i]);
		}
	}
}

#define EACH(field, ...)                                                                           \
	do {                                                                                       \
		static const uint64_t v[] = { __VA_ARGS__ };                                       \
		each(#field, &base.field, v, sizeof(v) / sizeof(v[0]));                            \
	} while (0)

void test(void)
{
	user_code("\x0f\x0b", 2); /* ud2 */
	landing_stack = spare_stack();
	base = good();
	attempt("plain", 0);
	CHECK(landing_cs, "an ordinary frame does not land");
	/* Selectors: ring 0, hypervisor data, TSS, LDT, null, compatibility mode, beyond. */
	EACH(cs, 0xe008, 0xe009, 0xe00a, 0xe00b, 0xe010, 0xe013, 0xe040, 0xe043, 0xe050, 0, 3, 4, 7,
	     0xe023, 0xe02b, 0xe030, 0xe031, 0xe032, 0xfff8, 0xffff, ~0ul, 0xffff00000000e030,
	     0x1e008, 8, 0x10);
	EACH(ss, 0, 3, 0xe008, 0xe00b, 0xe010, 0xe011, 0xe013, 0xe040, 0xe050, 0xe02b, 0xe028,
	     0xe033, 0xfff8, 0xffff, 4, ~0ul, 0x1e010);
	EACH(rip, 0, 0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000, 0xffff800000000000,
	     0xffff808000005000, 0xffff820000200000, 0xffff830000000000, 0xffff87ffffffffff,
	     0x00007fffffffffff, ~0ul); /* into the trampoline's code: see tramp_jump */
	EACH(rflags, RFLAGS_IOPL, RFLAGS_IOPL | RFLAGS_IF, RFLAGS_VM, RFLAGS_NT, RFLAGS_TF,
	     RFLAGS_TF | RFLAGS_IF, 0x10000, RFLAGS_AC, 0x80000, 0x100000, 0x180000, 0x200000,
	     RFLAGS_DF, 0xfffffffful, ~0ul, 0xffffffff00000000,
	     RFLAGS_VM | RFLAGS_NT | RFLAGS_IOPL);
	EACH(rsp, 0, 8, 0x0000800000000000, 0x8000000000000000, 0xffff800000001000,
	     0xffff80800000a000, 0xffff820000200000, 0xffff830000001000, ~0ul, ~7ul);
	for (unsigned int bit = 0; bit < 64; bit++) {
		flags = 1ul << bit;
		attempt("flags", flags);
	}
	flags = VGCF_in_syscall;
	base.rip = 0x0000800000000000;
	attempt("in_syscall rip", base.rip);
	flags = ~0ul;
	base.cs = 0xe008;
	attempt("all flags, ring 0", flags);
	/* Everything random. */
	for (int i = 0; i < 3000; i++) {
		uint64_t *w = &base.rip;

		for (int n = 0; n < 5; n++)
			if (rnd() & 1)
				w[n] = rnd() >> (rnd() & 63);
		if (rnd() & 1)
			base.cs = 0xe000 | (rnd() & 0x7f);
		/* A kernel frame that faults on a bad stack kills the domain: see iret_die. */
		if ((base.cs & 0xfffc) == 0xe020)
			base.cs = USER_CS; /* compatibility mode cuts off the stack pointer */
		if ((base.cs & 3) != 3)
			base.rsp = landing_stack;
		flags = rnd() & 1 ? rnd() : 0;
		attempt("random", (uint64_t)i);
	}
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUID with the ABI's emulation prefix, and malformed prefixes. */
#include "lib/guest.h"

#define PREFIX "\x0f\x0b\x78\x65\x6e"
#define EDGE 0x6000000000ul

static struct regs forced(uint32_t leaf)
{
	struct regs r = { .rax = leaf };

	EXPECT(EXEC(PREFIX "\x0f\xa2", &r), -1);
	return r;
}

static void leaves(void)
{
	struct regs r = forced(0x40000000);
	uint32_t sign[3] = { (uint32_t)r.rbx, (uint32_t)r.rcx, (uint32_t)r.rdx };

	CHECK(!memcmp(sign, "XenVMMXenVMM", 12), "signature %x %x %x", sign[0], sign[1], sign[2]);
	CHECK((uint32_t)r.rax >= 0x40000002, "last leaf %lx", r.rax);
	r = forced(0x40000001);
	EXPECT(r.rax, hc(xen_version, XENVER_version, 0));
	if (xeno) {
		r = forced(0x40000003);
		EXPECT(r.rbx, 2); /* the TSC is never emulated */
		CHECK(r.rcx > 1000, "TSC of %lu kHz", r.rcx);
	}
	r = forced(1);
	CHECK(!(r.rcx >> 5 & 1), "VMX is offered");
	CHECK(!(r.rcx >> 3 & 1), "MONITOR is offered");
	CHECK(r.rdx & 1, "no FPU");
	r = forced(0x80000001);
	CHECK(!(r.rcx >> 2 & 1), "SVM is offered");
	CHECK(r.rdx >> 29 & 1, "no long mode");
	CHECK(!(r.rdx >> 26 & 1), "1 GiB pages are offered");
	r = forced(7);
	CHECK(!(r.rbx >> 20 & 1), "SMAP is offered");
	/* Leaves that do not exist */
	forced(0x40ffffff);
	forced(0x8fffffff);
	forced(0xffffffff);
	for (uint32_t sub = 0; sub < 70; sub++) {
		struct regs x = { .rax = 0xd, .rcx = sub };

		EXPECT(EXEC(PREFIX "\x0f\xa2", &x), -1);
	}
}

static void malformed(void)
{
	uint8_t *page = page_alloc();

	EXPECT(EXEC("\x0f\x0b\x78\x65\x6f\x0f\xa2", NULL), X86_UD);
	EXPECT(EXEC("\x0f\x0b\x00\x00\x00\x0f\xa2", NULL), X86_UD);
	EXPECT(EXEC(PREFIX "\x0f\x0b", NULL), X86_UD);
	EXPECT(EXEC(PREFIX "\x0f\x01\xd8", NULL) == -1, 0);
	EXPECT(EXEC(PREFIX "\x0f\x30", NULL) == -1, 0);
	EXPECT(EXEC(PREFIX "\xf4", NULL) == -1, 0);
	EXPECT(EXEC(PREFIX PREFIX "\x0f\xa2", NULL) == -1, 0);
	/* The page ends within. */
	map_far(EDGE, mfn_of(page), PTE_KERNEL);
	for (unsigned int n = 2; n < 7; n++) {
		long v;

		memcpy(page + PAGE_SIZE - n, PREFIX "\x0f\xa2", n);
		v = probe_exec(EDGE + PAGE_SIZE - n);
		CHECK(v == X86_UD || v == X86_PF, "%u bytes: trap %ld", n, v);
	}
}

void test(void)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .rax = 0x40000000 };
	struct regs r = { .rax = 0 };

	leaves();
	malformed();
	EXPECT(EXEC("\x0f\xa2", &r), -1);
	CHECK((uint32_t)r.rax >= 1, "CPUID 0: %lx", r.rax);
	user_code(PREFIX "\x0f\xa2\x0f\x05", 9);
	long v = user_run(&f, 0);
	CHECK(v == VEC_SYSCALL, "trap %ld at %lx, cr2 %lx", v, f.rip, this_vcpu()->cr2);
	CHECK((uint32_t)f.rbx == 0x566e6558, "user signature %lx", f.rbx);
	EXPECT(f.rip, USER_TEXT + 9);
}

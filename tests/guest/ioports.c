/* SPDX-License-Identifier: GPL-2.0-only */
/* I/O ports: none for ordinary domains and for user mode, a bitmap for domain 0. */
#include <public/physdev.h>
#include "lib/guest.h"

static const uint16_t ports[] = { 0x20,	 0x21,	0x40,  0x43,   0x60,  0x61,  0x64,  0x70,
				  0x71,	 0x80,	0x92,  0xa1,   0xb2,  0x1f0, 0x2f8, 0x3f8,
				  0x3fd, 0x4d0, 0x604, 0xb004, 0xcf8, 0xcf9, 0xcfc, 0xffff };

/* dx: port. In, out with what was read or 0, string forms, all widths. */
static const char *const forms[] = { "\xec", "\x66\xed", "\xed", "\xee", "\x66\xef", "\xef",
				     "\x6c", "\x6d",	 "\x6e", "\x6f", "\xf3\x6c", "\xf3\x6e" };

/*
 * Reads give ones and writes go nowhere: kernels probe without being asked. The counters of
 * the PIT stand still at zero.
 */
static void nothing_in_kernel(uint16_t port)
{
	uint8_t expected = port >= 0x40 && port <= 0x42 ? 0 : 0xff;

	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t buffer[4] = { 0 };
		struct regs r = { .rdx = port, .rsi = A(buffer), .rdi = A(buffer), .rcx = 1 };
		long v = exec(forms[i], strlen(forms[i]), &r);

		CHECK(v == -1, "port %x, form %u: trap %ld", port, i, v);
		CHECK(i || (r.rax & 0xff) == expected, "port %x reads %lx", port, r.rax);
	}
}

static void refused_in_user(uint16_t port)
{
	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct frame f = { .rip = USER_TEXT,
				   .rsp = USER_STACK_TOP,
				   .rflags = RFLAGS_IF | RFLAGS_IOPL,
				   .rdx = port,
				   .rdi = USER_DATA,
				   .rsi = USER_DATA,
				   .rcx = 1 };

		user_code(forms[i], strlen(forms[i]));
		EXPECT(user_run(&f, 0), X86_GP);
		EXPECT(f.rip, USER_TEXT);
	}
}

static void domain0(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	struct regs r = { .rdx = 0x61 };

	EXPECT(hc(physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
	EXPECT(EXEC("\xec", &r), -1);
	/* RTC: index and data. */
	r = (struct regs){ .rdx = 0x70, .rax = 0x0d };
	EXPECT(EXEC("\xee", &r), -1);
	r = (struct regs){ .rdx = 0x71 };
	EXPECT(EXEC("\xec", &r), -1);
	/* PCI configuration: some address, its register. */
	r = (struct regs){ .rdx = 0xcf8, .rax = 0x80000000 };
	EXPECT(EXEC("\xef", &r), -1);
	r = (struct regs){ .rdx = 0xcfc };
	EXPECT(EXEC("\xed", &r), -1);
	CHECK((uint32_t)r.rax != ~0u && (uint32_t)r.rax, "no host bridge: %lx", r.rax);
	/* The hypervisor's interrupt controllers and console are not its own. */
	static const uint16_t own[] = { 0x20, 0xa0, 0x3f8 };

	for (unsigned int i = 0; i < 3; i++) {
		r = (struct regs){ .rdx = own[i], .rax = 0xff };
		long v = EXEC("\xee", &r);

		CHECK(v == -1 || v == X86_GP, "port %x: trap %ld", own[i], v);
	}
}

void test(void)
{
	struct physdev_set_iopl iopl = { .iopl = 3 };

	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (!is_dom0)
			nothing_in_kernel(ports[i]);
		refused_in_user(ports[i]);
	}
	if (is_dom0)
		domain0();
	iopl.iopl = 4;
	REFUSED(hc(physdev_op, PHYSDEVOP_set_iopl, &iopl));
	/* What other domains are told about IOPL must not give them ports. */
	iopl.iopl = 3;
	hc(physdev_op, PHYSDEVOP_set_iopl, &iopl);
	if (!is_dom0) {
		nothing_in_kernel(0x80);
		refused_in_user(0x80);
	}
	iopl.iopl = 0;
	hc(physdev_op, PHYSDEVOP_set_iopl, &iopl);
}

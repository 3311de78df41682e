/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypervisor selectors, far transfers and software interrupts from the guest kernel. */
#include "lib/guest.h"

/* Code, data, TSS and LDT of the hypervisor's GDT page, with every RPL below. */
static const uint16_t forbidden[] = { 0xe008, 0xe010, 0xe040, 0xe050 };

static long run_sel(const char *bytes, size_t len, uint64_t sel)
{
	struct regs r = { .rax = sel, .rcx = A(pass) };

	return exec(bytes, len, &r);
}
#define RUN(bytes, sel) run_sel(bytes, sizeof(bytes) - 1, sel)

static void loads(uint16_t sel)
{
	EXPECT(RUN("\x8e\xd8", sel) == -1, 0); /* ds */
	EXPECT(RUN("\x8e\xc0", sel) == -1, 0); /* es */
	EXPECT(RUN("\x8e\xe0", sel) == -1, 0); /* fs */
	EXPECT(RUN("\x8e\xe8", sel) == -1, 0); /* gs */
	EXPECT(RUN("\x8e\xd0", sel) == -1, 0); /* ss */
}

/* rax: selector, rcx: where to. A transfer that works never comes back. */
static void far_transfers(uint16_t sel)
{
	/* push rax; push rcx; lretq */
	EXPECT(RUN("\x50\x51\x48\xcb", sel) == -1, 0);
	/* push rax; push rcx; ljmp *(rsp); and lcall */
	EXPECT(RUN("\x50\x51\x48\xff\x2c\x24", sel) == -1, 0);
	EXPECT(RUN("\x50\x51\x48\xff\x1c\x24", sel) == -1, 0);
	/* iretq: ss rsp flags cs rip */
	EXPECT(RUN("\x48\x89\xe2\x6a\x00\x52\x9c\x50\x51\x48\xcf", sel) == -1, 0);
	/* iretq with our own cs and this ss */
	EXPECT(RUN("\x48\x89\xe2\x50\x52\x9c\x8c\xcb\x53\x51\x48\xcf", sel) == -1, 0);
}

/* QEMU 7.2 gives n * 16 + 2 as error code of INT n, so the hypervisor cannot know n by it. */
static bool emulator;

static void software_interrupts(void)
{
	for (unsigned int i = 1; i <= 256; i++) {
		unsigned int n = i & 255; /* 1 first: see emulator */
		uint8_t code[2] = { 0xcd, (uint8_t)n };
		long v = exec(code, 2, NULL);

		if (n == X86_BP || n == X86_OF) {
			EXPECT(v, n);
			continue;
		}
		if (emulator && v == (long)(2 * n & 255))
			continue;
		CHECK(v == X86_GP, "int %u: %ld", n, v);
		if (n == 1 && this_vcpu()->last.error == 18)
			emulator = true;
		CHECK(this_vcpu()->last.error == n * 8 + 2 ||
			      (emulator && this_vcpu()->last.error == n * 16 + 2),
		      "int %u: error %lx", n, this_vcpu()->last.error);
		CHECK(*(uint8_t *)this_vcpu()->last.rip == 0xcd, "int %u: rip", n);
	}
	EXPECT(EXEC("\xcc", NULL), X86_BP);
	EXPECT(EXEC("\xf1", NULL) == -1, 0);
}

static void own_gates(void)
{
	static struct trap_info t[6];

	for (unsigned int i = 0; i < 4; i++) {
		t[i].vector = (uint8_t)(0x70 + i);
		t[i].flags = (uint8_t)i;
		t[i].cs = FLAT_KERNEL_CS64;
		t[i].address = A(trap_stubs + 32 * (0x70 + i));
	}
	/* A code selector of the hypervisor in the table is made the guest's or refused. */
	t[4] = (struct trap_info){ .vector = 0x74,
				   .flags = 3,
				   .cs = 0xe008,
				   .address = A(trap_stubs + 32 * 0x74) };
	if (hc(set_trap_table, t) < 0) {
		t[4].address = 0;
		EXPECT(hc(set_trap_table, t), 0);
	} else {
		long v = EXEC("\xcd\x74", NULL);

		CHECK(v != -1 && (this_vcpu()->last.cs & 3) != 3, "int 0x74: %ld", v);
	}
	EXPECT(EXEC("\xcd\x70", NULL), X86_GP);
	if (emulator && EXEC("\xcd\x71", NULL) == X86_GP) {
		print("note: the emulator's error codes hide software interrupts");
		return;
	}
	EXPECT(EXEC("\xcd\x71", NULL), 0x71);
	EXPECT(EXEC("\xcd\x73", NULL), 0x73);
	user_code("\xcd\x73\x0f\x05", 4);
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };

	EXPECT(user_run(&f, 0), 0x73);
	EXPECT(f.rip, USER_TEXT + 2);
	user_code("\xcd\x71\x0f\x05", 4);
	f.rip = USER_TEXT;
	EXPECT(user_run(&f, 0), X86_GP);
	EXPECT(f.error, 0x71 * 8 + 2);
}

void test(void)
{
	uint16_t cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	CHECK(cs & 3, "the guest kernel runs in ring 0");
	if (xeno)
		EXPECT(cs & 3, 1);
	for (unsigned int i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		for (uint16_t rpl = 0; rpl < 4; rpl++) {
			loads(forbidden[i] | rpl);
			far_transfers(forbidden[i] | rpl);
		}
	for (uint32_t sel = 0xe000; sel < 0x10000; sel += 8)
		if (sel > 0xe060)
			far_transfers((uint16_t)sel);
	software_interrupts();
	own_gates();
}

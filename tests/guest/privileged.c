/* SPDX-License-Identifier: GPL-2.0-only */
/* Privileged instructions: a fault or an emulation, never the instruction itself. */
#include "lib/guest.h"

#define GP (1u << X86_GP)
#define UD (1u << X86_UD)
#define PF (1u << X86_PF)
#define NM (1u << X86_NM)
#define NONE (1u << 31)

struct insn {
	const char *name, *bytes;
	size_t len;
	unsigned int ok; /* accepted outcomes */
};
#define I(name, bytes, ok)                                                                         \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, ok                                                 \
	}

/* rax: page of zeros or a value, rcx: 0, rdx: 0, rdi: page of zeros */
static const struct insn kernel[] = {
	I("lgdt", "\x0f\x01\x17", GP),
	I("lidt", "\x0f\x01\x1f", GP),
	I("lldt", "\x0f\x00\xd0", GP),
	I("ltr", "\x0f\x00\xd8", GP),
	I("lmsw", "\x0f\x01\xf0", GP | NONE),
	I("hlt", "\xf4", GP),
	I("cli", "\xfa", GP | NONE),
	I("sti", "\xfb", GP | NONE),
	I("mov cr0", "\x0f\x22\xc0", GP | NONE),
	I("mov cr2", "\x0f\x22\xd0", GP | NONE),
	I("mov cr3", "\x0f\x22\xd8", GP),
	I("mov cr4", "\x0f\x22\xe0", GP | NONE),
	I("mov cr8", "\x44\x0f\x22\xc0", GP | UD | NONE),
	I("mov from cr0", "\x0f\x20\xc1", GP | NONE),
	I("mov from cr4", "\x0f\x20\xe1", GP | NONE),
	I("mov from cr8", "\x44\x0f\x20\xc1", GP | UD | NONE),
	I("invd", "\x0f\x08", GP | NONE),
	I("wbinvd", "\x0f\x09", GP | NONE),
	I("invlpg", "\x0f\x01\x3f", GP | NONE),
	I("invpcid", "\x66\x0f\x38\x82\x0f", GP | UD),
	I("swapgs", "\x0f\x01\xf8", GP | UD),
	I("sysretl", "\x0f\x07", GP | UD),
	I("sysretq", "\x48\x0f\x07", GP | UD),
	I("sysenter", "\x0f\x34", GP | UD),
	I("sysexit", "\x0f\x35", GP | UD),
	I("wrmsr", "\x0f\x30", GP | NONE),
	I("rdpmc", "\x0f\x33", GP | UD | NONE),
	I("xsetbv", "\x0f\x01\xd1", GP | UD),
	I("vmrun", "\x0f\x01\xd8", GP | UD),
	I("vmsave", "\x0f\x01\xdb", GP | UD),
	I("vmload", "\x0f\x01\xda", GP | UD),
	I("stgi", "\x0f\x01\xdc", GP | UD),
	I("clgi", "\x0f\x01\xdd", GP | UD),
	I("skinit", "\x0f\x01\xde", GP | UD),
	I("vmcall", "\x0f\x01\xc1", GP | UD),
	I("vmmcall", "\x0f\x01\xd9", GP | UD),
	I("vmxoff", "\x0f\x01\xc4", GP | UD),
	I("rsm", "\x0f\xaa", GP | UD),
	I("getsec", "\x0f\x37", GP | UD),
	I("clac", "\x0f\x01\xca", GP | UD),
	I("stac", "\x0f\x01\xcb", GP | UD),
	I("mov dr7", "\x0f\x23\xf9", GP | NONE),
	I("sgdt", "\x0f\x01\x07", GP | NONE),
	I("sidt", "\x0f\x01\x0f", GP | NONE),
	I("sldt", "\x0f\x00\xc1", GP | NONE),
	I("str", "\x0f\x00\xc9", GP | NONE),
	I("smsw", "\x0f\x01\xe1", GP | NONE),
	I("monitor", "\x0f\x01\xc8", GP | UD | NONE),
	I("xsaves", "\x0f\xc7\x2f", GP | UD),
	I("xrstors", "\x0f\xc7\x1f", GP | UD),
	I("rdpkru", "\x0f\x01\xee", GP | UD | NONE),
};

/* The same for user mode, which must see faults only. */
static const struct insn user[] = {
	I("lgdt", "\x0f\x01\x17", GP | PF),
	I("lidt", "\x0f\x01\x1f", GP | PF),
	I("lldt", "\x0f\x00\xd0", GP),
	I("ltr", "\x0f\x00\xd8", GP),
	I("lmsw", "\x0f\x01\xf0", GP),
	I("hlt", "\xf4", GP),
	I("cli", "\xfa", GP),
	I("sti", "\xfb", GP),
	I("mov cr0", "\x0f\x22\xc0", GP),
	I("mov cr3", "\x0f\x22\xd8", GP),
	I("mov from cr0", "\x0f\x20\xc1", GP),
	I("mov from cr3", "\x0f\x20\xd9", GP),
	I("clts", "\x0f\x06", GP),
	I("invd", "\x0f\x08", GP),
	I("wbinvd", "\x0f\x09", GP),
	I("invlpg", "\x0f\x01\x3f", GP),
	I("swapgs", "\x0f\x01\xf8", GP),
	I("sysretq", "\x48\x0f\x07", GP),
	I("wrmsr", "\x0f\x30", GP),
	I("rdmsr", "\x0f\x32", GP),
	I("mov dr7", "\x0f\x23\xf8", GP),
	I("mov from dr7", "\x0f\x21\xf9", GP),
	I("in", "\xe4\x60", GP),
	I("out", "\xe6\x80", GP),
	I("in dx", "\xec", GP),
	I("vmrun", "\x0f\x01\xd8", GP | UD),
	I("iret to 0", "\x6a\x00\x54\x9c\x68\x08\xe0\x00\x00\x57\x48\xcf", GP),
};

static bool accepted(long vector, unsigned int ok)
{
	return vector == -1 ? ok & NONE : vector < 31 && (ok & 1u << vector);
}

static uint64_t value(const char *name)
{
	if (str_has(name, "lldt") || str_has(name, "ltr"))
		return 0xe040;
	if (str_has(name, "cr3"))
		return LARGE_MFN << 12;
	return 0;
}

void test(void)
{
	void *zeros = page_alloc();
	uint64_t cr0, cr4;
	struct regs r = { 0 };

	EXPECT(EXEC("\x0f\x20\xc0", &r), -1);
	cr0 = r.rax;
	EXPECT(EXEC("\x0f\x20\xe0", &r), -1);
	cr4 = r.rax;
	CHECK((cr0 & 0x80010001) == 0x80010001, "CR0 %lx", cr0);
	CHECK(cr4 & 0x20, "CR4 %lx", cr4);
	for (unsigned int i = 0; i < sizeof(kernel) / sizeof(kernel[0]); i++) {
		const struct insn *n = &kernel[i];
		struct regs in = { .rax = value(n->name), .rdi = A(zeros), .rsi = A(zeros) };
		long v = exec(n->bytes, n->len, &in);

		CHECK(accepted(v, n->ok), "%s in the kernel: %ld", n->name, v);
		EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	}
	EXPECT(EXEC("\x0f\x06", NULL), -1); /* clts */
	EXPECT(EXEC("\x0f\x20\xc0", &r), -1);
	EXPECT(r.rax & ~8ul, cr0 & ~8ul);
	EXPECT(EXEC("\x0f\x20\xe0", &r), -1);
	EXPECT(r.rax, cr4);
	for (unsigned int i = 0; i < sizeof(user) / sizeof(user[0]); i++) {
		const struct insn *n = &user[i];
		struct frame f = { .rip = USER_TEXT,
				   .rsp = USER_STACK_TOP,
				   .rflags = RFLAGS_IF,
				   .rax = value(n->name),
				   .rdi = USER_DATA,
				   .rdx = 0x80 };
		long v;

		user_code(n->bytes, n->len);
		v = user_run(&f, 0);
		CHECK(accepted(v, n->ok), "%s in user mode: %ld", n->name, v);
	}
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments of the guest's own that lead to ring 2 and to 32-bit code of rings 1 and 2:
 * traps and calls from there come back to ring 1, as from any kernel.
 */
#include "lib/guest.h"

#define STACK 0x10000000ul /* low: 32-bit code cuts RSP off */
#define CODE 0x30000000ul
#define FRAME 128 /* bytes from the stack's end that the code starts at */
#define LANDED 1000

enum { DATA1 = 1, DATA2, CODE64_2, CODE32_1, CODE32_2, CODE64_1, CODE64_0, CODE_CONF };

static uint64_t *gdt;
static uint8_t *code, *stack[KSTACK_SIZE / PAGE_SIZE];

void native_iret(uint64_t cs, uint64_t rip, uint64_t ss, uint64_t rsp);
void ring_landing(void);
void landed(uint64_t cs);
__asm__(".pushsection .text\n"
	"native_iret:\n"
	"	push %rdx; push %rcx; pushf; push %rdi; push %rsi\n"
	"	iretq\n"
	"ring_landing:\n"
	"	mov %cs, %edi\n"
	"	and $-16, %rsp\n"
	"	call landed\n"
	"	ud2\n"
	".popsection");

static uint64_t landed_cs;

void landed(uint64_t cs)
{
	landed_cs = cs;
	catch_abort(LANDED);
}

static uint64_t go_cs, go_ss;

static void go(uint64_t rip)
{
	native_iret(go_cs, rip, go_ss, STACK + KSTACK_SIZE - FRAME);
}

static unsigned int cpl(void)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return cs & 3;
}

/* Runs bytes with these selectors; what ended it. Afterwards we are in ring 1 again. */
static long run(unsigned int cs, unsigned int ring, unsigned int ss, const char *bytes, size_t len)
{
	struct iret_context *frame;
	long v;

	memset(code, 0xcc, PAGE_SIZE);
	memcpy(code, bytes, len);
	/* At 0x100, for 64-bit code: jmp *ring_landing. */
	memcpy(code + 0x100, "\x48\xb8", 2);
	*(uint64_t *)(code + 0x102) = A(ring_landing);
	memcpy(code + 0x10a, "\xff\xe0", 2);
	*(struct percpu **)stack[0] = this_vcpu();
	/* Should the code call iret(), it lands too. */
	frame = (struct iret_context *)(stack[KSTACK_SIZE / PAGE_SIZE - 1] + PAGE_SIZE - FRAME);
	*frame = (struct iret_context){ .rip = A(ring_landing),
					.cs = FLAT_KERNEL_CS,
					.rsp = STACK + KSTACK_SIZE - 2 * FRAME,
					.ss = FLAT_KERNEL_SS };
	go_cs = cs * 8 | ring;
	go_ss = ss * 8 | ring;
	landed_cs = 0;
	v = catch (go, CODE);
	/* Who left ring 1 by himself stays there until he calls. */
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	CHECK(cpl() == 1, "in ring %u after selector %x", cpl(), cs * 8 | ring);
	return v;
}
#define RUN(cs, ring, ss, bytes) run(cs, ring, ss, bytes, sizeof(bytes) - 1)

/*
 * The same, for code that must end with want. An interrupt returns to the kernel's own code
 * segment: what it hits goes on as 64-bit code of ring 1. That is rare, and tried again.
 */
#define EXPECT_RUN(cs, ring, ss, bytes, want)                                                      \
	do {                                                                                       \
		long got = RUN(cs, ring, ss, bytes);                                               \
		for (int try = 0; try < 3 && got != (want); try++)                                 \
			got = RUN(cs, ring, ss, bytes);                                            \
		EXPECT(got, want);                                                                 \
	} while (0)

static void fill_gdt(void)
{
	gdt[DATA1] = 0x00cfb3000000ffff;
	gdt[DATA2] = 0x00cfd3000000ffff;
	gdt[CODE64_2] = 0x00afdb000000ffff;
	gdt[CODE32_1] = 0x00cfbb000000ffff;
	gdt[CODE32_2] = 0x00cfdb000000ffff;
	gdt[CODE64_1] = 0x00afbb000000ffff;
	gdt[CODE64_0] = 0x00af9b000000ffff;
	gdt[CODE_CONF] = 0x00af9f000000ffff; /* conforming, DPL 0 */
}

static void sixty_four(unsigned int cs, unsigned int ring, unsigned int ss)
{
	long v;

	/* jmp to 0x100: arrives in that ring. */
	v = RUN(cs, ring, ss, "\xe9\xfb\x00\x00\x00");
	EXPECT(v, LANDED);
	CHECK((landed_cs & 3) == 1 || (landed_cs & 3) == ring, "landed in ring %lu", landed_cs & 3);
	EXPECT(RUN(cs, ring, ss, "\x0f\x0b"), X86_UD);
	EXPECT(RUN(cs, ring, ss, "\xf4"), X86_GP);
	EXPECT(RUN(cs, ring, ss, "\xcc"), X86_BP);
	EXPECT(RUN(cs, ring, ss, "\x8a\x04\x25\x10\x00\x00\x00"), X86_PF);
	/* xen_version(pagesize), then land: the hypercall returned somewhere legal. */
	v = RUN(cs, ring, ss,
		"\xb8\x11\x00\x00\x00\xbf\x07\x00\x00\x00\x31\xf6\x0f\x05\xe9\xed\x00\x00\x00");
	CHECK(v == LANDED, "hypercall from ring %u: %ld", ring, v);
	CHECK((landed_cs & 3) == 1 || (landed_cs & 3) == ring, "returned to ring %lu",
	      landed_cs & 3);
	RUN(cs, ring, ss, "\x0f\x34");
	RUN(cs, ring, ss, "\xcd\x80");
	/* sti; cli; wrmsr; mov to cr3; sysretq; swapgs */
	EXPECT(RUN(cs, ring, ss, "\x48\x0f\x07") == LANDED, 0);
	EXPECT(RUN(cs, ring, ss, "\x0f\x01\xf8") == LANDED, 0);
	EXPECT(RUN(cs, ring, ss, "\x0f\x22\xd8") == LANDED, 0);
}

static void thirty_two(unsigned int cs, unsigned int ring, unsigned int ss)
{
	EXPECT_RUN(cs, ring, ss, "\x0f\x0b", X86_UD);
	EXPECT_RUN(cs, ring, ss, "\xf4", X86_GP);
	EXPECT_RUN(cs, ring, ss, "\xa0\x10\x00\x00\x00", X86_PF);
	/* syscall, int 0x80, sysenter; then ud2 for those that come back */
	RUN(cs, ring, ss, "\x0f\x05\x0f\x0b");
	RUN(cs, ring, ss, "\xcd\x80\x0f\x0b");
	RUN(cs, ring, ss, "\x0f\x34\x0f\x0b");
	RUN(cs, ring, ss, "\xb8\x17\x00\x00\x00\x0f\x05\x0f\x0b"); /* iret's number */
	/* sgdt, call far to the hypervisor's code */
	EXPECT_RUN(cs, ring, ss, "\x9a\x00\x00\x00\x00\x08\xe0", X86_GP);
}

/*
 * Ring 3 entered behind the hypervisor's back, which then takes user mode for the
 * kernel. It must stand that; what we lose is ours.
 */
static void native_user(const char *bytes, size_t len)
{
	long v;

	user_code(bytes, len);
	*(struct percpu **)stack[0] = this_vcpu();
	go_cs = USER_CS;
	go_ss = USER_SS;
	v = catch (go, USER_TEXT);
	CHECK(v != -1 && cpl() == 1, "trap %ld in ring %u", v, cpl());
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	EXPECT(probe_read(BAD_UNMAPPED), X86_PF);
}

void test(void)
{
	uint64_t mfn;

	if (!xeno)
		skip("kernels run in ring 3 here");
	code = page_alloc();
	gdt = page_alloc();
	mfn = mfn_of(gdt);
	for (unsigned int i = 0; i < KSTACK_SIZE / PAGE_SIZE; i++) {
		stack[i] = page_alloc();
		map_far(STACK + i * PAGE_SIZE, mfn_of(stack[i]), PTE_KERNEL);
	}
	map_far(CODE, mfn_of(code), PTE_KERNEL);
	fill_gdt();
	make_ro(gdt);
	EXPECT(hc(set_gdt, &mfn, 512), 0);
	for (unsigned int i = 1; i <= CODE_CONF; i++)
		CHECK(gdt[i] >> 45 & 3, "descriptor %u has DPL 0", i);
	for (int round = 0; round < 20; round++) {
		sixty_four(CODE64_1, 1, DATA1);
		sixty_four(CODE64_2, 2, DATA2);
		sixty_four(CODE_CONF, 1, DATA1);
		sixty_four(CODE_CONF, 2, DATA2);
		sixty_four(CODE64_0, 1, DATA1);
		thirty_two(CODE32_1, 1, DATA1);
		thirty_two(CODE32_2, 2, DATA2);
	}
	for (int i = 0; i < 20; i++) {
		native_user("\x0f\x0b", 2);
		native_user("\x8a\x04\x25\x10\x00\x00\x00", 7);
		native_user("\xcc", 1);
		native_user("\xf4", 1);
		native_user("\xb8\x11\x00\x00\x00\xbf\x07\x00\x00\x00\x0f\x05\x0f\x0b", 14);
	}
	/* The hypervisor's conforming code segment in ring 2. */
	EXPECT(RUN(FLAT_RING3_CS64 >> 3, 2, DATA2, "\x0f\x0b"), X86_UD);
	EXPECT(RUN(CODE64_1, 0, DATA1, "\x0f\x0b"), X86_GP);
	EXPECT(RUN(CODE_CONF, 0, DATA1, "\x0f\x0b"), X86_GP);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Garbage in the scratch page and the entry stacks while system calls, faults,
 * hypercalls and interrupts go through them. Only this domain may suffer. LIMIT: 120
 */
#include "lib/tramp.h"

static uint64_t patterns[] = {
	0,
	~0ul,
	1,
	0x8000000000000000,
	0x0000800000000000,
	0xffff800000000000,
	CPU_AREA_VIRT,
	0xffff820000200000,
	0xffff830000000000,
	0xe008,
	0xe040,
	VIRT_BASE + 0x100000,
	0x3202,
};
#define NPAT (sizeof(patterns) / sizeof(patterns[0]))

static unsigned int timer;
static volatile uint64_t pattern; /* ~1: random */
static bool keep_mode;
static unsigned int filled; /* times that fill() was not moved at once */

static void fill_page(uint64_t va)
{
	volatile uint64_t *p = (uint64_t *)va;

	for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
		p[i] = pattern == ~1ul ? rnd() : pattern;
	/* Whether SYSCALL is a hypercall or a system call: ours to ruin, here kept right. */
	if (keep_mode && va % CPU_AREA_SIZE == CA_SCRATCH * PAGE_SIZE)
		*(volatile uint64_t *)(va + SC_MODE) = 1;
}

/* All pages ring 1 can write, but for vcpu_info, unless we are moved to another CPU. */
static void fill(void)
{
	unsigned int cpu = my_cpu(), pages = 0;

	for (unsigned int page = CA_SCRATCH; page < CA_IST + 4; page++) {
		long v = catch (fill_page, ca_page(cpu, page));

		CHECK(v == -1 || v == X86_PF, "trap %ld in page %u", v, page);
		pages += v == -1;
	}
	filled += pages > 0;
}

static void everything(void)
{
	struct frame u = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };
	long v;

	fill();
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	fill();
	v = user_run(&u, VGCF_in_syscall);
	CHECK(v == VEC_SYSCALL, "system call: trap %ld", v);
	fill();
	u.rip = USER_TEXT + 16;
	v = user_run(&u, 0);
	CHECK(v == X86_PF, "user fault: trap %ld", v);
	EXPECT(this_vcpu()->cr2, BAD_UNMAPPED);
	fill();
	EXPECT(probe_read(BAD_UNMAPPED + 8), X86_PF);
	fill();
	EXPECT(EXEC("\x0f\x0b", NULL), X86_UD);
	fill();
	EXPECT(EXEC("\xf4", NULL), X86_GP);
	fill();
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
}

static void one_call(uint64_t unused)
{
	hc(xen_version, XENVER_pagesize, 0);
}

/* The mode flag too: then a hypercall may come back as a system call of our own. */
static void wrong_mode(void)
{
	keep_mode = false;
	for (unsigned int i = 0; i < NPAT * 4; i++) {
		struct frame u = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };
		long v;

		pattern = i < NPAT ? patterns[i] : ~1ul;
		fill();
		v = catch (one_call, 0);
		CHECK(v == -1 || v == VEC_SYSCALL, "hypercall in the wrong mode: trap %ld", v);
		kernel_mode();
		EXPECT(user_run(&u, 0), VEC_SYSCALL);
	}
	keep_mode = true;
}

void test(void)
{
	static const uint8_t code[32] = { 0x0f, 0x05, [16] = 0x48, 0xb8, 0, 0,	  0,
					  0,	0x70, 0,	   0,	 0, 0x8a, 0x00 };

	if (!xeno)
		skip("Xeno's trampoline");
	user_code(code,
		  sizeof(code)); /* syscall; at 16: mov $BAD_UNMAPPED, %rax; mov (%rax), %al */
	keep_mode = true;
	for (unsigned int i = 0; i < NPAT * 20; i++) {
		pattern = i < NPAT * 10 ? patterns[i % NPAT] : ~1ul;
		everything();
	}
	timer = bind_virq(VIRQ_TIMER);
	port_unmask(timer);
	hc(vcpu_op, VCPUOP_set_periodic_timer, 0,
	   &(struct vcpu_set_periodic_timer){ .period_ns = 1000000 });
	events_on();
	for (unsigned int i = 0; i < NPAT * 20; i++) {
		pattern = i & 1 ? patterns[i % NPAT] : ~1ul;
		everything();
	}
	events_off();
	CHECK(events[timer], "no timer event in all that time");
	CHECK(filled > NPAT * 200, "only %u times filled", filled);
	wrong_mode();
	pattern = 0;
	fill();
}

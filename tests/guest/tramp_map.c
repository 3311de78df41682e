/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU area: one CPU's only, and nothing of it writable but scratch, stacks and vcpu_info. */
#include "lib/tramp.h"

static bool may_write(unsigned int page)
{
	return page == CA_SCRATCH || page == CA_VINFO || (page >= CA_IST && page < CA_IST + 4);
}

static void one_page(unsigned int cpu, unsigned int page, unsigned int *visible)
{
	uint64_t va = ca_page(cpu, page);
	long r = probe_read(va + 0x800), w;
	uint64_t error;

	CHECK(r == -1 || r == X86_PF, "cpu %u page %u: read trap %ld", cpu, page, r);
	*visible += r == -1;
	if (r == -1 && page >= CA_PAGES)
		fail("page %u of cpu %u is visible", page, cpu);
	if (page == CA_VINFO)
		return;
	w = probe_write(va + 0x800);
	CHECK(w == X86_PF || (w == -1 && may_write(page)), "cpu %u page %u: write trap %ld", cpu,
	      page, w);
	error = this_vcpu()->last.error;
	/* Still there: we have not been moved to another CPU. */
	if (r == -1 && w == X86_PF && probe_read(va + 0x800) == -1)
		EXPECT(error, PF_P | PF_W);
	if (page >= CA_CODE_PAGES && r == -1)
		EXPECT(probe_exec(va + 0x800) == -1, 0);
}

/* Every byte of what must be read-only, by other kinds of write. */
static void insist(unsigned int cpu)
{
	for (unsigned int page = 0; page < CA_PAGES; page++) {
		if (may_write(page))
			continue;
		for (unsigned int off = 0; off < PAGE_SIZE; off += 256) {
			struct regs r = { .rdi = ca_page(cpu, page) + off, .rax = 0, .rcx = 1 };

			EXPECT(EXEC("\xf0\x48\x0f\xb1\x0f", &r), X86_PF); /* lock cmpxchg */
			EXPECT(EXEC("\x48\xab", &r), X86_PF);		  /* stosq */
			EXPECT(EXEC("\xf0\x0f\xba\x2f\x01", &r), X86_PF); /* lock bts */
		}
	}
}

static void user_sees_nothing(unsigned int cpu)
{
	struct frame f;

	for (unsigned int page = 0; page < CA_PAGES + 2; page++)
		for (int i = 0; i < 3; i++) {
			static const char *const code[] = { "\x8a\x07", "\x88\x07", "\xff\xe7" };

			user_code(code[i], 2);
			f = (struct frame){ .rip = USER_TEXT,
					    .rsp = USER_STACK_TOP,
					    .rflags = RFLAGS_IF,
					    .rdi = ca_page(cpu, page) + 0x10 };
			EXPECT(user_run(&f, 0), X86_PF);
			EXPECT(f.error & PF_U, PF_U);
		}
}

void test(void)
{
	unsigned int visible = 0, total = 0, areas = 0;

	if (!xeno)
		skip("Xeno's trampoline");
	/* Our CPU's own. None or two are possible when we are moved meanwhile: then again. */
	for (int round = 0; round < 20 && areas != 1; round++) {
		areas = total = 0;
		for (unsigned int cpu = 0; cpu < TEST_CPUS; cpu++) {
			visible = 0;
			for (unsigned int page = 0; page < 512; page++)
				one_page(cpu, page, &visible);
			areas += visible != 0;
			total += visible;
		}
	}
	CHECK(areas == 1, "%u areas visible", areas);
	print("note: %u pages visible", total);
	insist(my_cpu());
	user_sees_nothing(my_cpu());
	for (uint64_t va = CPU_AREA_VIRT + TEST_CPUS * (uint64_t)CPU_AREA_SIZE; va < RW_M2P_VIRT;
	     va += 1ul << 30)
		EXPECT(probe_read(va), X86_PF);
}

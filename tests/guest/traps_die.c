/* SPDX-License-Identifier: GPL-2.0-only */
/* Traps without a handler, and handlers where nothing can run: the domain dies. VARIANTS: none noncanon hyp unmapped stack */
#include "lib/guest.h"

static struct trap_info t[2] = { { .vector = X86_UD, .cs = FLAT_KERNEL_CS64 } };

/* Runs ud2 on a stack that no frame can be pushed to. */
static void trap_on(uint64_t sp)
{
	__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; ud2; mov %%rbx, %%rsp" ::"r"(sp)
			 : "rbx");
}

static uint64_t own_stack(void)
{
	return A(__builtin_frame_address(0)) - 4096;
}

void test(void)
{
	uint64_t sp = own_stack();

	may_die("a trap without a handler");
#if defined(VARIANT_noncanon)
	t[0].address = 0x8000000000001000;
#elif defined(VARIANT_hyp)
	t[0].address = 0xffff820000200000;
#elif defined(VARIANT_unmapped)
	t[0].address = BAD_UNMAPPED;
#elif defined(VARIANT_stack)
	t[0].address = A(trap_stubs + 32 * X86_UD);
	sp = 0xffff820000280000;
#endif
	/* A null table clears everything. */
	if (hc(set_trap_table, t[0].address ? t : NULL) < 0)
		return;
#if defined(VARIANT_unmapped) || defined(VARIANT_hyp)
	/* The fetch at the handler faults in turn, and that has a handler. */
	EXPECT(EXEC("\x0f\x0b", NULL), X86_PF);
	return;
#endif
	trap_on(sp);
	fail("a trap was lost");
}

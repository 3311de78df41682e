/* SPDX-License-Identifier: GPL-2.0-only */
/* stack_switch to a stack that cannot be: refused, or the domain dies at the next trap. VARIANTS: hyp direct tramp idt noncanon unmapped readonly table edge zero low */
#include "lib/guest.h"

static uint64_t stack(void)
{
#if defined(VARIANT_hyp)
	return 0xffff820000280000;
#elif defined(VARIANT_direct)
	return 0xffff830000100000;
#elif defined(VARIANT_tramp)
	return 0xffff808000009800;
#elif defined(VARIANT_idt)
	return 0xffff808000006000;
#elif defined(VARIANT_noncanon)
	return 0x8000000000001000;
#elif defined(VARIANT_unmapped)
	return BAD_UNMAPPED;
#elif defined(VARIANT_readonly)
	void *page = page_alloc();

	make_ro(page);
	return A(page) + PAGE_SIZE;
#elif defined(VARIANT_edge)
	return 0xffff880000000010; /* the frame begins below, in the last reserved slot */
#elif defined(VARIANT_zero)
	return 16;
#elif defined(VARIANT_low)
	return 0x0000800000000000; /* the end of the lower half, and nothing mapped there */
#else
	return (A(pte_of(VIRT_BASE, 2)) & ~(PAGE_SIZE - 1)) + 0x800;
#endif
}

void test(void)
{
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };
	long ret;

	user_code("\x0f\x0b", 2);
	ret = hc(stack_switch, FLAT_KERNEL_SS64, stack());
	if (ret < 0) {
		print("note: refused with %ld", ret);
		EXPECT(user_run(&f, 0), X86_UD);
		return;
	}
	may_die("the kernel stack is no stack");
	user_run(&f, 0);
	fail("a trap arrived on a stack that cannot be");
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Loading a root that does not map the running kernel: only the domain dies. VARIANTS: kernel user */
#include "lib/guest.h"

void test(void)
{
	uint64_t *l4 = table_alloc();
	struct frame f = { .rip = USER_TEXT, .rsp = USER_STACK_TOP, .rflags = RFLAGS_IF };

	may_die("its root maps nothing");
#ifdef VARIANT_kernel
	(void)f;
	EXPECT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
	fail("running on an empty root");
#else
	/* The user root alone is empty: user mode faults, or runs on the kernel's root. */
	user_code("\x0f\x05", 2);
	EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4), 0), 0);
	EXPECT(user_run(&f, 0) == X86_PF || f.vector == VEC_SYSCALL, 1);
#endif
}

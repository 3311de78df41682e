/* SPDX-License-Identifier: GPL-2.0-only */
/* The iret hypercall with a stack pointer that holds no frame. VARIANTS: unmapped noncanon hyp tramp edge */
#include "lib/guest.h"

#if defined(VARIANT_unmapped)
#define SP BAD_UNMAPPED
#elif defined(VARIANT_noncanon)
#define SP BAD_NONCANON
#elif defined(VARIANT_hyp)
#define SP 0xffff830000001000
#elif defined(VARIANT_tramp)
#define SP 0xffff808000009100
#else
#define SP 0x00007fffffffffe8
#endif

static void go(uint64_t sp)
{
	uint64_t nr = __HYPERVISOR_iret, saved;

	__asm__ volatile("mov %%rsp, %1; mov %2, %%rsp; syscall; mov %1, %%rsp"
			 : "+a"(nr), "=&b"(saved)
			 : "r"(sp)
			 : "rcx", "r11", "memory");
	catch_abort((long)nr);
}

void test(void)
{
	long ret;

	user_init();
	may_die("iret without a frame");
	ret = catch (go, SP);
	/* An error or a trap is as good. */
	CHECK(ret != 0, "iret without a frame: %ld", ret);
	print("note: iret returned or trapped: %ld", ret);
}

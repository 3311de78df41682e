/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug registers: no breakpoints in the hypervisor, working ones in the guest. */
#include "lib/guest.h"

static volatile uint64_t watched[2] __attribute__((aligned(16)));
static volatile unsigned int hits;
static uint64_t hit_rip;

static bool on_db(struct frame *f)
{
	if (f->vector != X86_DB)
		return false;
	hits++;
	hit_rip = f->rip;
	CHECK(f->rip < HYPERVISOR_VIRT_START || f->rip >= HYPERVISOR_VIRT_END,
	      "#DB inside the hypervisor at %lx", f->rip);
	f->rflags |= 0x10000; /* RF: an instruction breakpoint must not hit again */
	return true;
}

static void refused(void)
{
	static const uint64_t bad[] = { 0xffff800000000000, 0xffff808000000000, 0xffff820000200000,
					0xffff830000000000, 0xffff87ffffffffff, 0x0000800000000000,
					0x8000000000000000 };

	for (unsigned int n = 0; n < 4; n++)
		for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct regs r = { .rax = bad[i] };
			uint8_t mov[3] = { 0x0f, 0x23, (uint8_t)(0xc0 | n << 3) };

			REFUSED(hc(set_debugreg, n, bad[i]));
			EXPECT(hc(get_debugreg, n), 0);
			EXPECT(exec(mov, 3, &r), X86_GP);
		}
	EXPECT(hc(set_debugreg, 4, 0) < 0 || hc(get_debugreg, 6) >= 0, 1);
	REFUSED(hc(set_debugreg, 8, 0));
	REFUSED(hc(set_debugreg, ~0ul, 0));
	REFUSED(hc(get_debugreg, 8));
	REFUSED(hc(get_debugreg, ~0ul));
	/* General detect would make the hypervisor's own accesses trap. */
	if (hc(set_debugreg, 7, 0x2400) == 0)
		CHECK(!(hc(get_debugreg, 7) & 0x2000), "DR7.GD is set");
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
}

static void watch_data(void)
{
	EXPECT(hc(set_debugreg, 0, watched), 0);
	EXPECT(hc(get_debugreg, 0), A(watched));
	EXPECT(hc(set_debugreg, 7, 0xd0401 | 0x400), 0); /* write, 4 bytes, local */
	hits = 0;
	watched[0] = 1;
	EXPECT(hits, 1);
	watched[1] = 1;
	EXPECT(hits, 1);
	EXPECT(hc(get_debugreg, 6) & 1, 1);
	/* The hypervisor reads and writes it for us: no #DB of its own. */
	for (int i = 0; i < 100; i++) {
		hc(memory_op, XENMEM_current_reservation, watched);
		hc(xen_version, XENVER_guest_handle, watched);
	}
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
	EXPECT(hc(set_debugreg, 6, 0), 0);
}

static void watch_code(void)
{
	hits = 0;
	EXPECT(hc(set_debugreg, 1, A(hypercall_page) + 32 * __HYPERVISOR_sched_op), 0);
	EXPECT(hc(set_debugreg, 7, 0x404), 0);
	__asm__ volatile("call *%0" ::"r"(hypercall_page + 32 * __HYPERVISOR_sched_op),
			 "D"(SCHEDOP_yield)
			 : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory");
	EXPECT(hits, 1);
	EXPECT(hit_rip, A(hypercall_page) + 32 * __HYPERVISOR_sched_op);
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
}

static void in_user_mode(void)
{
	struct frame f = { .rip = USER_TEXT,
			   .rsp = USER_STACK_TOP,
			   .rflags = RFLAGS_IF,
			   .rdi = USER_DATA + 8 };

	user_code("\x88\x07\x90\x0f\x05", 5);
	EXPECT(hc(set_debugreg, 2, USER_DATA + 8), 0);
	EXPECT(hc(set_debugreg, 7, 0x1000410), 0);
	hits = 0;
	EXPECT(user_run(&f, 0), VEC_SYSCALL);
	EXPECT(hits, 1);
	EXPECT(hit_rip, USER_TEXT + 2);
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
}

/* The words of the kernel stack that a system call or a fault writes. */
static void watch_stack(void)
{
	struct frame f;

	user_code("\x0f\x05\x8a\x04\x25\x10\x00\x00\x00", 9);
	for (uint64_t off = 8; off <= 72; off += 8) {
		EXPECT(hc(set_debugreg, 0, entry_stack(0) - off), 0);
		EXPECT(hc(set_debugreg, 1, entry_stack(0) - off + 4), 0);
		EXPECT(hc(set_debugreg, 7, 0xff0405), 0); /* both: read or write, 4 bytes */
		for (int i = 0; i < 20; i++) {
			f = (struct frame){ .rip = USER_TEXT,
					    .rsp = USER_STACK_TOP,
					    .rflags = RFLAGS_IF };
			EXPECT(user_run(&f, i & 1 ? VGCF_in_syscall : 0), VEC_SYSCALL);
			EXPECT(f.rip, USER_TEXT + 2);
			EXPECT(user_run(&f, i & 1 ? VGCF_in_syscall : 0), X86_PF);
			EXPECT(f.rip, USER_TEXT + 2);
		}
	}
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
}

void test(void)
{
	struct regs r = { 0 };

	trap_hook = on_db;
	refused();
	watch_data();
	watch_code();
	in_user_mode();
	watch_stack();
	EXPECT(hc(set_debugreg, 3, 0x1234), 0);
	EXPECT(EXEC("\x0f\x21\xd8", &r), -1); /* mov %dr3, %rax */
	EXPECT(r.rax, 0x1234);
	EXPECT(hc(set_debugreg, 3, 0), 0);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* iret as an element of a multicall: refused, or it ends the batch. */
#include "lib/guest.h"

static struct multicall_entry m[4];
static uint64_t frame[9];
static uint8_t *page;

static void go(uint64_t unused)
{
	uint64_t nr = __HYPERVISOR_multicall, saved;

	__asm__ volatile("mov %%rsp, %1; mov %2, %%rsp; syscall; mov %1, %%rsp"
			 : "+a"(nr), "=&b"(saved)
			 : "r"(frame), "D"(m), "S"(3)
			 : "rcx", "r11", "rdx", "r8", "r9", "r10", "memory");
	catch_abort((long)nr);
}

/* Frame order: rax r11 rcx flags rip cs rflags rsp ss. The third call shows if the batch went on. */
static void batch(uint64_t cs, uint64_t rip, uint64_t flags)
{
	long v;

	memset(m, 0, sizeof(m));
	m[0].op = __HYPERVISOR_xen_version;
	m[0].args[0] = XENVER_pagesize;
	m[1].op = __HYPERVISOR_iret;
	m[2].op = __HYPERVISOR_update_va_mapping;
	m[2].args[0] = A(page);
	m[2].args[1] = mfn_of(page) << 12 | PTE_KERNEL_RO;
	m[2].args[2] = UVMF_INVLPG;
	m[1].result = m[2].result = 0x5555;
	memset(frame, 0, sizeof(frame));
	frame[3] = flags;
	frame[4] = rip;
	frame[5] = cs;
	frame[6] = RFLAGS_IF;
	frame[7] = (cs & 3) == 3 ? USER_STACK_TOP : spare_stack();
	frame[8] = USER_SS;
	vcpu_info()->evtchn_upcall_mask = 1;
	v = catch (go, 0);
	events_off();
	if (v == 0) {
		CHECK((long)m[1].result < 0, "iret in a multicall gave %ld", (long)m[1].result);
	} else {
		/* Gone to user mode: then nothing of the batch may follow. */
		CHECK(v == VEC_SYSCALL || v == X86_UD || v == X86_GP || v == X86_PF, "trap %ld", v);
		CHECK(m[2].result == 0x5555, "the batch went on after iret");
		CHECK(*pte_of(A(page), 1) & PTE_RW, "the batch went on after iret");
	}
	make_rw(page);
}

void test(void)
{
	page = page_alloc();
	user_code("\x0f\x05", 2);
	for (int i = 0; i < 50; i++) {
		batch(USER_CS, USER_TEXT, 0);
		batch(USER_CS, USER_TEXT, VGCF_in_syscall);
		batch(0xe008, USER_TEXT, 0);
	}
	print("note: iret in a multicall: %s", m[1].result == 0x5555 ? "taken" : "refused");
}

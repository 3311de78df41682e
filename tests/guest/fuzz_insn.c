/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random bytes as instructions, one at a time with TF, in user mode and then in the
 * guest kernel. LIMIT: 240
 *
 * All registers point into a low area that is mapped in both modes, code lies at the
 * end of a page with nothing behind it, and only what left the stack pointer inside the
 * area in user mode is tried in ring 1, where traps come on the current stack.
 */
#include "lib/guest.h"

#define AREA 0x10000000ul
#define AREA_SIZE 0x10000ul
#define MIDDLE (AREA + 0xa000)
#define UCODE 0x20000000ul
#define KCODE 0x30000000ul

static uint8_t *code, *area[16];
static struct percpu *me;

/* Traps come on the area: it must tell who we are, whatever was written there. */
static void restore(void)
{
	for (unsigned int i = 0; i < 16; i += KSTACK_SIZE / PAGE_SIZE)
		*(struct percpu *volatile *)area[i] = me;
}

static bool on_trap(struct frame *f)
{
	/* A breakpoint some MOV DR has set, in our own code. */
	if (f->vector == X86_DB && f->rip >= VIRT_BASE) {
		hc(set_debugreg, 7, 0x400);
		return true;
	}
	return false;
}

/* Something that cleared TF and loops. */
static void on_timer(unsigned int port)
{
	catch_abort(1001);
}

static void enter(uint64_t arg)
{
	iret_frame((struct frame *)arg, 0);
}

static struct frame start(uint64_t rip)
{
	struct frame f = { .rip = rip, .rsp = MIDDLE, .rflags = RFLAGS_TF | RFLAGS_IF };
	uint64_t *w = &f.r15;

	for (int i = 0; i < 15; i++)
		w[i] = MIDDLE;
	return f;
}

static void random_bytes(uint8_t *at, unsigned int n)
{
	static const uint8_t first[] = { 0x0f, 0x0f, 0x0f, 0x66, 0xf0, 0xf2, 0xf3, 0x48, 0x2e,
					 0x64, 0xc4, 0xc5, 0x62, 0xcd, 0x8e, 0x9d, 0xcf, 0xca };

	for (unsigned int i = 0; i < n; i++)
		at[i] = (uint8_t)rnd();
	if (rnd() & 1)
		at[0] = first[rnd() % sizeof(first)];
	if (at[0] == 0x0f && (rnd() & 3) == 0)
		at[1] = (uint8_t)(rnd() & 1 ? rnd() % 12 : 0x20 + rnd() % 4);
}

/* The length in bytes the instruction is cut to: most have room. */
static unsigned int tries[2], traps[32 + 1];

/* MOV from a control or debug register to RSP works in the kernel only. */
static bool moves_to_rsp(const uint8_t *b, unsigned int n)
{
	for (unsigned int i = 0; i + 2 < n; i++)
		if (b[i] == 0x0f && (b[i + 1] == 0x20 || b[i + 1] == 0x21) && (b[i + 2] & 7) == 4)
			return true;
	return false;
}

static void one(void)
{
	unsigned int n = rnd() & 7 ? 15 : 1 + (unsigned int)(rnd() % 8);
	uint64_t at = PAGE_SIZE - n;
	struct frame f = start(UCODE + at);
	uint64_t next;
	long v;

	random_bytes(code + at, n);
	restore();
	v = user_run(&f, 0);
	tries[0]++;
	traps[v >= 0 && v < 32 ? v : 32]++;
	if (v == 1001 || moves_to_rsp(code + at, n) || f.rsp < AREA + 0x3000 ||
	    f.rsp > AREA + AREA_SIZE - 64)
		return;
	next = f.rip - UCODE;
	if (v == X86_DB && next > at && next < PAGE_SIZE)
		memset(code + next, 0xcc, PAGE_SIZE - next);
	f = start(KCODE + at);
	f.cs = KERNEL_CS;
	f.ss = KERNEL_SS;
	restore();
	v = catch (enter, A(&f));
	tries[1]++;
	CHECK(v != -1, "an instruction came back by itself");
}

void test(void)
{
	uint64_t n = option("n", 30000);

	user_init();
	me = this_vcpu();
	code = page_alloc();
	for (unsigned int i = 0; i < 16; i++) {
		area[i] = page_alloc();
		map_far(AREA + i * PAGE_SIZE, mfn_of(area[i]), PTE_USER);
	}
	map_far(UCODE, mfn_of(code), PTE_P | PTE_US | PTE_A);
	map_far(KCODE, mfn_of(code), PTE_P | PTE_A);
	mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0);
	port_unmask(bind_virq(VIRQ_TIMER));
	event_hook = on_timer;
	EXPECT(hc(vcpu_op, VCPUOP_set_periodic_timer, 0,
		  &(struct vcpu_set_periodic_timer){ .period_ns = 5000000 }),
	       0);
	trap_hook = on_trap;
	trap_early = restore;
	for (uint64_t i = 0; i < n; i++) {
		one();
		if (i % 2048 == 0)
			print("note: %lu", i);
		if (i % 256 == 0) {
			EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
			hc(fpu_taskswitch, 0);
		}
	}
	trap_early = NULL;
	events_off();
	hc(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
	print("note: %u in user mode, %u in the kernel; #UD %u #GP %u #PF %u #DB %u", tries[0],
	      tries[1], traps[X86_UD], traps[X86_GP], traps[X86_PF], traps[X86_DB]);
}

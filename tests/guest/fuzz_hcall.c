/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random hypercalls with half-sensible arguments, by one VCPU or by all of them on the same
 * frames and tables. The hypervisor survives, and a second round leaks no memory. LIMIT: 240
 */
/* VARIANTS: one smp */
#include <public/control.h>
#include "lib/guest.h"

#define JUNK 0x10000000ul
#define NJUNK 16

#ifdef VARIANT_smp
#define SMP true
#else
#define SMP false
#endif

static uint8_t *pages[MAX_TEST_VCPUS], *junk[NJUNK];
static volatile uint32_t go, idle;
#define page (pages[this_vcpu()->id])
static uint64_t pool[64];
static unsigned int npool;

/* Calls that end the test, print what may look like a verdict, or start anything. */
static bool excluded(uint64_t nr)
{
	switch (nr) {
	case __HYPERVISOR_iret:
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
	case __HYPERVISOR_console_io:
	case __HYPERVISOR_multicall:
	case __HYPERVISOR_kexec_op:
	case __HYPERVISOR_xeno_control:
		return true;
	case __HYPERVISOR_event_channel_op:
	case __HYPERVISOR_event_channel_op_compat:
		return !is_dom0; /* the console's port */
	}
	return false;
}

static void fill_pool(void)
{
	const uint64_t fixed[] = { 0,
				   1,
				   2,
				   3,
				   4,
				   7,
				   8,
				   16,
				   64,
				   511,
				   512,
				   4095,
				   4096,
				   65535,
				   0x7fffffff,
				   0x80000000,
				   0xffffffff,
				   1ul << 32,
				   1ul << 63,
				   ~0ul,
				   ~7ul,
				   DOMID_SELF,
				   DOMID_IO,
				   DOMID_XEN,
				   DOMID_INVALID,
				   DOMID_IDLE,
				   0x1234,
				   BAD_UNMAPPED,
				   BAD_NONCANON,
				   BAD_HYP,
				   BAD_TOP,
				   0xffff808000009000,
				   0xffff800000000000,
				   LARGE_MFN,
				   LARGE_MFN << 12 };

	for (unsigned int i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		pool[npool++] = fixed[i];
	for (unsigned int i = 0; i < 4; i++) {
		pool[npool++] = JUNK + i * PAGE_SIZE;
		pool[npool++] = mfn_of(junk[i]);
		pool[npool++] = mfn_of(junk[i]) << 12 | PTE_KERNEL;
		pool[npool++] = pte_maddr(JUNK + i * PAGE_SIZE, 1);
	}
	pool[npool++] = root;
	pool[npool++] = root << 12;
	pool[npool++] = pte_maddr(JUNK, 1) >> 12;
}

static uint64_t value(void)
{
	uint64_t v = pool[rnd() % npool];

	switch (rnd() & 15) {
	case 0:
		return rnd();
	case 1:
		return rnd() & 0xff;
	case 2:
		return v + (rnd() & 63) - 32;
	}
	return v;
}

static void restore(void)
{
	traps_install();
	hc(vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	hc(set_debugreg, 7, 0x400);
	hc(fpu_taskswitch, 0);
	events_off();
}

/* These pages must keep their frames; commands that would take this VCPU down are changed. */
static void one(void)
{
	uint64_t nr = rnd() & 15 ? rnd() % 56 : value(), a[5];
	uint64_t *p = (uint64_t *)page;

	if (excluded(nr) || excluded((uint32_t)nr))
		return;
	for (int i = 0; i < 64; i++)
		p[i] = value();
	for (int i = 0; i < 5; i++)
		a[i] = rnd() & 3 ? value() : A(page) + (rnd() & 0x18);
	/* Most calls: a small command, then a pointer. */
	if (rnd() & 1) {
		a[0] = rnd() % 40;
		a[1] = rnd() & 3 ? A(page) : value();
		a[2] = rnd() & 3 ? 1 + rnd() % 4 : value();
	}
	if (nr == __HYPERVISOR_update_va_mapping ||
	    nr == __HYPERVISOR_update_va_mapping_otherdomain)
		a[0] = rnd() & 1 ? JUNK + rnd() % (NJUNK * PAGE_SIZE) : pool[27 + rnd() % 6];
	if (nr == __HYPERVISOR_vcpu_op) {
		a[2] = A(page);
		if (a[0] == VCPUOP_down || a[0] == VCPUOP_register_vcpu_info ||
		    a[0] == VCPUOP_send_nmi || a[0] == VCPUOP_initialise || a[0] == VCPUOP_up)
			a[1] = 50 + rnd() % 50;
	}
	if (nr == __HYPERVISOR_mmuext_op)
		p[0] = rnd() % 24;
	if (nr == __HYPERVISOR_mmu_update || nr == __HYPERVISOR_mmuext_op)
		a[0] = A(page);
	long ret = hcall5(nr, a[0], a[1], a[2], a[3], a[4]);

	/* No other range of negative results, but a debug register may hold anything. */
	CHECK(ret >= -4095 || ret < -0x20000 || nr == __HYPERVISOR_get_debugreg,
	      "call %lu(%lx, %lx, %lx, %lx) = %ld", nr, a[0], a[1], a[2], a[3], ret);
	restore();
}

static bool on_trap(struct frame *f)
{
	/* Breakpoints of the fuzzer's own making. */
	if (f->vector != X86_DB)
		return false;
	f->rflags |= 0x10000;
	return true;
}

/* Frames nobody has, or 0 where that cannot be asked. */
static uint64_t free_frames(void)
{
	struct xeno_control *c = (struct xeno_control *)page;

	if (!xeno || !is_dom0)
		return 0;
	memset(page, 0, PAGE_SIZE);
	c->version = XENO_CONTROL_VERSION;
	c->op = XENO_CTL_PHYS_INFO;
	EXPECT(hc(xeno_control, c), 0);
	return c->u.phys.free_pages;
}

static uint64_t all_frames(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	return free_frames() + (uint64_t)hc(memory_op, XENMEM_current_reservation, &d);
}

/* Back to full size: the fuzzer gives frames away. */
static void refill(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };
	struct xen_memory_reservation r = { .domid = DOMID_SELF,
					    .nr_extents = 1,
					    .extent_start = A(page) };

	for (int i = 0; i < 100; i++) {
		if (hc(memory_op, XENMEM_current_reservation, &d) >= (long)si->nr_pages)
			break;
		*(uint64_t *)page = si->nr_pages + (uint64_t)i;
		hc(memory_op, XENMEM_populate_physmap, &r);
	}
}

static void other(void)
{
	traps_install();
	for (;;) {
		while (go)
			one();
		__atomic_add_fetch(&idle, 1, __ATOMIC_SEQ_CST);
		while (!go)
			sleep_ns(1000000);
	}
}

static unsigned int start_others(void)
{
	unsigned int n = 1;

	for (; SMP && n < MAX_TEST_VCPUS && hc(vcpu_op, VCPUOP_is_up, n, 0) >= 0; n++)
		EXPECT(vcpu_boot(n, other), 0);
	return n - 1;
}

static void calls(uint64_t n, unsigned int others)
{
	idle = 0;
	go = 1;
	for (uint64_t i = 0; i < n; i++)
		one();
	go = 0;
	CHECK(wait_for(&idle, others, 10000), "only %u of the others come back", idle);
}

void test(void)
{
	uint64_t n = option("n", SMP ? 15000 : 40000), before;
	unsigned int others;

	for (unsigned int i = 0; i < MAX_TEST_VCPUS; i++)
		pages[i] = page_alloc();
	user_init();
	for (unsigned int i = 0; i < NJUNK; i++) {
		junk[i] = page_alloc();
		map_far(JUNK + i * PAGE_SIZE, mfn_of(junk[i]), PTE_KERNEL);
	}
	fill_pool();
	trap_hook = on_trap;
	before = all_frames();
	others = start_others();
	CHECK(wait_for(&idle, others, 5000), "only %u of the others start", idle);
	for (int round = 0; round < 2; round++) {
		calls(n, others);
		refill();
		print("note: round %d: %lu frames, %lu before", round, all_frames(), before);
		if (round == 0)
			before = all_frames();
	}
	/* What the first round made grow (tables of ports and grants) stays; no more. */
	CHECK(all_frames() + 16 >= before, "%lu frames before, %lu now", before, all_frames());
}

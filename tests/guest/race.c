/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two VCPUs against each other: arguments that change while the hypervisor reads them,
 * and the same frame wanted as a table here and writable there. LIMIT: 120
 */
#include "lib/guest.h"

#define FAR 0x5000001000ul
#define ROUNDS 20000

static volatile uint32_t ready, job, stopped;
static struct mmu_update update;
static struct multicall_entry calls[2];
static struct mmuext_op pin;
static uint8_t *page, *contested, *other_view;
static uint64_t good, bad;

/* What VCPU 1 does while job says so. */
static void flip_update(void)
{
	*(volatile uint64_t *)&update.val = bad;
	*(volatile uint64_t *)&update.val = good;
	*(volatile uint64_t *)&update.ptr = pte_maddr(FAR, 1);
	*(volatile uint64_t *)&update.ptr = root << 12 | 256 * 8;
}

static void flip_call(void)
{
	*(volatile uint64_t *)&calls[0].args[1] = bad;
	*(volatile uint64_t *)&calls[0].args[1] = good;
	*(volatile uint64_t *)&calls[0].op = __HYPERVISOR_update_va_mapping;
	*(volatile uint64_t *)&calls[0].op = 99;
}

static void flip_pin(void)
{
	*(volatile uint64_t *)&pin.arg1.mfn = mfn_of(page);
	*(volatile uint64_t *)&pin.arg1.mfn = mfn_of(contested);
	*(volatile uint32_t *)&pin.cmd = MMUEXT_PIN_L2_TABLE;
	*(volatile uint32_t *)&pin.cmd = MMUEXT_PIN_L1_TABLE;
}

/* Maps the contested page writable and unmaps it, at a second place. */
static void flip_mapping(void)
{
	hc(update_va_mapping, other_view, mfn_of(contested) << 12 | PTE_KERNEL,
	   UVMF_INVLPG | UVMF_ALL);
	hc(update_va_mapping, other_view, 0, UVMF_INVLPG | UVMF_ALL);
}

static void second(void)
{
	static void (*const jobs[])(void) = { NULL, flip_update, flip_call, flip_pin,
					      flip_mapping };

	ready = 1;
	for (;;) {
		uint32_t now_job = job;

		stopped = !now_job;
		if (now_job)
			jobs[now_job]();
		else
			__asm__ volatile("pause");
	}
}

static void start(uint32_t n)
{
	stopped = 0;
	job = n;
}

static void stop(void)
{
	job = 0;
	for (uint64_t end = now() + 5000000000ul; !stopped;)
		CHECK(now() < end, "VCPU 1 is stuck");
}

/* The root must not be writable at FAR, whatever was accepted. */
static void check_entry(void)
{
	uint64_t e = *pte_of(FAR, 1);

	CHECK(!(e & PTE_P) || (e & PTE_ADDR) != (bad & PTE_ADDR), "a bad entry got in: %lx", e);
}

static void changing_arguments(void)
{
	start(1);
	for (int i = 0; i < ROUNDS; i++) {
		hc(mmu_update, &update, 1, 0, DOMID_SELF);
		check_entry();
	}
	stop();
	CHECK(m2p(root) < si->nr_pages, "the M2P table is gone");
	calls[0] = (struct multicall_entry){ .args = { FAR, good, UVMF_INVLPG } };
	start(2);
	for (int i = 0; i < ROUNDS; i++) {
		hc(multicall, calls, 1);
		check_entry();
	}
	stop();
	EXPECT(mmu_write(pte_maddr(FAR, 1), 0), 0);
}

/* page is writable and must never be pinned; contested may be. */
static void changing_pins(void)
{
	make_ro(contested);
	start(3);
	for (int i = 0; i < ROUNDS; i++) {
		hc(mmuext_op, &pin, 1, 0, DOMID_SELF);
		mmuext(MMUEXT_UNPIN_TABLE, mfn_of(contested), 0);
		if (i % 16 == 0)
			REFUSED(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(page), 0));
	}
	stop();
	mmuext(MMUEXT_UNPIN_TABLE, mfn_of(contested), 0);
	make_rw(contested);
}

static void wanted_twice(void)
{
	unsigned int pinned = 0;
	uint64_t e;

	make_ro(contested);
	start(4);
	for (int i = 0; i < ROUNDS; i++) {
		if (mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(contested), 0))
			continue;
		pinned++;
		/* A table now: the other view cannot be writable. */
		e = *pte_of(A(other_view), 1);
		CHECK((e & (PTE_P | PTE_RW)) != (PTE_P | PTE_RW) ||
			      (e & PTE_ADDR) >> 12 != mfn_of(contested),
		      "a table is mapped writable");
		EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(contested), 0), 0);
	}
	stop();
	make_rw(contested);
	print("note: pinned %u times of %u", pinned, ROUNDS);
}

void test(void)
{
	if (hc(vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		skip("one VCPU only");
	page = page_alloc();
	contested = page_alloc();
	other_view = page_alloc();
	map_far(FAR, mfn_of(page), PTE_KERNEL);
	good = mfn_of(page) << 12 | PTE_KERNEL;
	bad = root << 12 | PTE_KERNEL;
	EXPECT(vcpu_boot(1, second), 0);
	CHECK(wait_for(&ready, 1, 3000), "VCPU 1 does not start");
	changing_arguments();
	changing_pins();
	wanted_twice();
	EXPECT(hc(vcpu_op, VCPUOP_down, 1, 0) && 0, 0);
}

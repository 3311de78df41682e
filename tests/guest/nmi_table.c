/* SPDX-License-Identifier: GPL-2.0-only */
/* NMIs of who only has an entry for vector 2 in the trap table: both VCPUs, no registration. */
#include "lib/guest.h"

static volatile uint32_t seen[2], started, stop;

static bool on_nmi(struct frame *f)
{
	if (f->vector != 2)
		return false;
	seen[this_vcpu()->id]++;
	return true;
}

static void second(void)
{
	started = 1;
	while (!stop)
		__asm__ volatile("pause" ::: "memory");
	hc(vcpu_op, VCPUOP_down, 1, 0);
	fail("VCPU 1 goes on");
}

void test(void)
{
	long ret;

	trap_hook = on_nmi;
	ret = hc(vcpu_op, VCPUOP_send_nmi, 0, 0);
	if (ret == -ENOSYS)
		skip("no VCPUOP_send_nmi");
	EXPECT(ret, 0);
	hc(xen_version, XENVER_version, 0);
	EXPECT(seen[0], 1);
	if (hc(vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		return;
	EXPECT(vcpu_boot(1, second), 0);
	CHECK(wait_for(&started, 1, 3000), "VCPU 1 does not start");
	for (uint32_t i = 1; i <= 20; i++) {
		EXPECT(hc(vcpu_op, VCPUOP_send_nmi, 1, 0), 0);
		CHECK(wait_for(&seen[1], i, 2000), "NMI %u of VCPU 1 is lost", i);
	}
	EXPECT(seen[0], 1);
	stop = 1;
	for (int i = 0; hc(vcpu_op, VCPUOP_is_up, 1, 0) && i < 2000; i++)
		sleep_ns(1000000);
}

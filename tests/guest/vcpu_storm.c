/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All VCPUs start, stop, initialise and re-place each other at once, while they sleep, yield and
 * arm timers. Whatever the order: afterwards all of them can be started, and run. LIMIT: 90
 */
#include "lib/guest.h"

#define SECONDS 4

static struct vcpu_guest_context contexts[MAX_TEST_VCPUS];
static struct vcpu_runstate_info runstates[MAX_TEST_VCPUS];
static struct vcpu_time_info times[MAX_TEST_VCPUS];
static uint8_t *info_page;
static volatile uint32_t progress[MAX_TEST_VCPUS];
static volatile bool over;
static unsigned int vcpus;

static bool on_nmi(struct frame *f)
{
	return f->vector == 2;
}

static void start_stop(unsigned int target, unsigned int what)
{
	struct vcpu_runstate_info r;

	if (what == 0)
		hc(vcpu_op, VCPUOP_initialise, target, &contexts[target]);
	else if (what < 4)
		hc(vcpu_op, VCPUOP_up, target, 0);
	else if (what < 6 && target && !over)
		hc(vcpu_op, VCPUOP_down, target, 0);
	else if (what == 6)
		hc(vcpu_op, VCPUOP_send_nmi, target, 0);
	else
		CHECK(!hc(vcpu_op, VCPUOP_get_runstate_info, target, &r) && r.state < 4,
		      "runstate %u", r.state);
}

static void areas(unsigned int target, unsigned int what)
{
	struct vcpu_register_runstate_memory_area r = { .addr.h = A(&runstates[target]) };
	struct vcpu_register_time_memory_area t = { .addr.h = A(&times[target]) };
	/* Of VCPUs this test does not have: the library looks for them where they are. */
	struct vcpu_register_vcpu_info i = { .mfn = mfn_of(info_page), .offset = 64 * target };

	if (what & 1)
		r.addr.h = t.addr.h = 0;
	hc(vcpu_op, VCPUOP_register_runstate_memory_area, target, &r);
	hc(vcpu_op, VCPUOP_register_vcpu_time_memory_area, target, &t);
	if (target + MAX_TEST_VCPUS < XEN_LEGACY_MAX_VCPUS)
		hc(vcpu_op, VCPUOP_register_vcpu_info, target + MAX_TEST_VCPUS, &i);
}

static void own(unsigned int what)
{
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = now() + what * 10000ul };
	struct vcpu_set_periodic_timer p = { .period_ns = 1000000 };
	unsigned int me = this_vcpu()->id;

	hc(vcpu_op, VCPUOP_set_singleshot_timer, me, &s);
	if (what & 1)
		hc(vcpu_op, VCPUOP_set_periodic_timer, me, &p);
	else
		hc(vcpu_op, VCPUOP_stop_periodic_timer, me, 0);
	hcnr(__HYPERVISOR_xeno_vtimer, 1, what * 1000ul);
	sleep_ns(what * 3000ul);
}

static void once(void)
{
	unsigned int target = rnd() % vcpus, what = rnd() % 8;

	progress[this_vcpu()->id]++;
	switch (rnd() % 4) {
	case 0:
		areas(target, what);
		break;
	case 1:
		own(what);
		break;
	default:
		start_stop(target, what);
	}
}

static void other(void)
{
	for (;;)
		once();
}

/* Down by anybody, up by us, until it runs. */
static void must_run(unsigned int id)
{
	uint64_t end = now() + 3000000000ul;
	uint32_t before = progress[id];

	while (progress[id] < before + 3) {
		hc(vcpu_op, VCPUOP_up, id, 0);
		sleep_ns(1000000);
		CHECK(now() < end, "VCPU %u does not run: up %ld", id,
		      hc(vcpu_op, VCPUOP_is_up, id, 0));
	}
}

void test(void)
{
	extern struct percpu percpu[];
	uint64_t end;

	while (vcpus < MAX_TEST_VCPUS && hc(vcpu_op, VCPUOP_is_up, vcpus, 0) >= 0)
		vcpus++;
	if (vcpus < 2)
		skip("one VCPU only");
	info_page = page_alloc();
	trap_hook = on_nmi;
	for (unsigned int i = 1; i < vcpus; i++) {
		contexts[i] = *vcpu_context(i);
		percpu[i].main = other;
	}
	end = now() + SECONDS * 1000000000ul;
	while (now() < end)
		once();
	over = true;
	for (unsigned int i = 1; i < vcpus; i++)
		must_run(i);
	print("note: %u %u %u %u rounds", progress[0], progress[1], progress[2], progress[3]);
}

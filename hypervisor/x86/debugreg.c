/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug registers of guests. DR6 is kept by software: the #DB handler stores what the
 * processor said. The others are in hardware only while current has a breakpoint
 * enabled. No breakpoint lies in the hypervisor's slots; one on guest memory that the
 * hypervisor itself touches is ignored (hyp_ist_fault()).
 *
 * Not here: breakpoints on I/O ports (ports are emulated) and DR7.GD.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/trap.h>

#define DR6_FIXED 0xffff0ff0ul
#define DR6_KEPT 0xe00ful
#define DR7_FIXED 0x400ul
#define DR7_KEPT 0xffff03fful
#define DR7_ENABLES 0xfful
#define BREAKPOINT_MAX 8 /* bytes */

static void load_dr7(uint64_t v)
{
	__asm__ volatile("mov %0, %%dr7" ::"r"(v));
}

static void load(const struct vcpu_x86 *x)
{
	__asm__ volatile(
		"mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3" ::"r"(x->dr[0]),
		"r"(x->dr[1]), "r"(x->dr[2]), "r"(x->dr[3]));
	load_dr7(x->dr7);
}

static bool active(const struct vcpu *v)
{
	return v->x86.dr7 & DR7_ENABLES;
}

void debugreg_switch(const struct vcpu *prev, const struct vcpu *next)
{
	if (active(next))
		load(&next->x86);
	else if (active(prev))
		load_dr7(DR7_FIXED);
}

/* Each of the four 2-bit kinds: execute, write, I/O (2), access. */
static bool breaks_on_io(uint64_t dr7)
{
	uint64_t kinds = dr7 >> 16;

	return kinds >> 1 & ~kinds & 0x1111;
}

int debugreg_set(struct vcpu *v, unsigned int n, uint64_t val)
{
	struct vcpu_x86 *x = &v->x86;

	if (n < 4) {
		if (!guest_range_ok(val, BREAKPOINT_MAX))
			return -EPERM;
		x->dr[n] = val;
	} else if (n == 6) {
		x->dr6 = (val & DR6_KEPT) | DR6_FIXED;
	} else if (n == 7) {
		if (val >> 32 || breaks_on_io(val))
			return -EPERM;
		x->dr7 = (val & DR7_KEPT) | DR7_FIXED;
	} else {
		return -EINVAL;
	}
	if (v != current || n == 6)
		return 0;
	if (active(v))
		load(x);
	else
		load_dr7(DR7_FIXED);
	return 0;
}

uint64_t debugreg_get(const struct vcpu *v, unsigned int n)
{
	return n < 4  ? v->x86.dr[n] :
	       n == 6 ? v->x86.dr6 | DR6_FIXED :
	       n == 7 ? v->x86.dr7 | DR7_FIXED :
			0;
}

long hc_set_debugreg(struct hc_args *a)
{
	return a->arg[0] < 8 ? debugreg_set(current, a->arg[0], a->arg[1]) : -EINVAL;
}

long hc_get_debugreg(struct hc_args *a)
{
	uint64_t n = a->arg[0];

	return n < 8 && n != 4 && n != 5 ? (long)debugreg_get(current, n) : -EINVAL;
}

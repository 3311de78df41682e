/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers and clocks; report sections 3.2.1 and 3.2.2. A timer belongs to the CPU that armed it. */
#ifndef HYP_TIMER_H
#define HYP_TIMER_H

#include <hyp/types.h>

typedef void timer_fn(void *data);

struct timer {
	s_time_t expires; /* 0 = not armed */
	timer_fn *fn;	  /* runs in softirq context on the CPU, interrupts off */
	void *data;
	unsigned int cpu;
	unsigned int slot; /* place in the heap */
};

void timer_init(struct timer *t, timer_fn *fn, void *data);
void timer_set(struct timer *t, s_time_t expires); /* (re)arms on this CPU */
void timer_stop(struct timer *t);		   /* from any CPU; fn does not run afterwards */
void timer_cpu_init(void);			   /* on each CPU */
void timer_softirq(void);

/* System time: ns since boot, monotonic on all CPUs. */
s_time_t now(void);
/* Calibrates the TSC against HPET, PM timer or PIT; boot CPU. */
void time_init(void);
void time_cpu_init(void); /* each CPU */
extern uint64_t tsc_khz;
/* Fills v's vcpu_time_info (and its registered copy) with the current scale; version protocol. */
struct vcpu;
void time_update_vcpu(struct vcpu *v);
/* Wall clock: from the CMOS RTC at boot, platform_op settime later; rewrites every shared_info. */
void wallclock_init(void);
int wallclock_set(uint64_t secs, uint32_t nsecs, s_time_t system_time);
struct domain;
void wallclock_update_domain(struct domain *d);
void udelay(unsigned int us);

/* Programs the CPU's local timer: interrupt at (or soon after) deadline; 0 = none. x86/apic.c */
void apic_timer_set(s_time_t deadline);

#endif

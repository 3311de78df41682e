/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers and clocks; report sections 3.2.1 and 3.2.2.
 *
 * System time is nanoseconds since boot: the TSC, scaled. All CPUs share one
 * scale while their TSCs agree, which is checked for as long as the machine runs;
 * guests then compute the time themselves (XEN_PVCLOCK_TSC_STABLE_BIT).
 */
#ifndef HYP_TIMER_H
#define HYP_TIMER_H

#include <hyp/types.h>

#define MICROSECS(n) ((s_time_t)(n)*1000)
#define MILLISECS(n) ((s_time_t)(n)*1000000)
#define SECONDS(n) ((s_time_t)(n)*1000000000)

/* --- timers (time/timer.c) */
typedef void timer_fn(void *data);

struct timer {
	timer_fn *fn; /* runs in softirq context on the CPU that armed it, without locks */
	void *data;

	/* protected by the lock of the heap of CPU `cpu` (RANK_TIMER) */
	s_time_t expires;
	unsigned int cpu;
	uint32_t rank; /* 0 = not armed; else leftist heap rank (time/heap.c) */
	struct timer *left, *right, *parent;
};

void timer_init(struct timer *t, timer_fn *fn, void *data);
/* (Re)arms on this CPU; a time in the past fires on the way out. Any CPU, also from fn. */
void timer_set(struct timer *t, s_time_t expires);
/*
 * From any CPU. Afterwards fn neither runs nor will: waits for a run on another
 * CPU, so the caller holds no lock that fn takes. From fn itself it only disarms.
 */
void timer_stop(struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
	return READ_ONCE(t->rank) != 0;
}
void timer_cpu_init(void); /* on each CPU */
void timer_softirq(void);  /* SOFTIRQ_TIMER: runs what is due, a bounded number */

/* The heap, pure (time/heap.c): a leftist tree, so that arming cannot run out of memory. */
struct timer_heap {
	struct timer *top; /* earliest; NULL = empty */
};
void timer_heap_insert(struct timer_heap *h, struct timer *t); /* t->expires set, not armed */
void timer_heap_remove(struct timer_heap *h, struct timer *t); /* t armed in h */

/* --- clock arithmetic, pure (time/scale.c) */
struct time_scale {
	uint64_t tsc;  /* at this TSC */
	s_time_t time; /* it was this time */
	uint32_t mul;  /* ns = (dtsc << shift) * mul >> 32, as struct vcpu_time_info */
	int8_t shift;
};
/* Sets mul and shift. 1 MHz <= hz < 2^40. */
void time_scale_init(struct time_scale *s, uint64_t hz);

static inline uint64_t time_scale_delta(const struct time_scale *s, uint64_t delta)
{
	delta = s->shift < 0 ? delta >> -s->shift : delta << s->shift;
	return (delta >> 32) * s->mul + ((delta & 0xffffffff) * s->mul >> 32);
}

static inline s_time_t time_scale_at(const struct time_scale *s, uint64_t tsc)
{
	int64_t d = (int64_t)(tsc - s->tsc);

	return d >= 0 ? s->time + (s_time_t)time_scale_delta(s, (uint64_t)d) :
			s->time - (s_time_t)time_scale_delta(s, (uint64_t)-d);
}

/* --- system time (time/clock.c) */
s_time_t now(void); /* monotonic over all CPUs */
/* Calibrates the TSC against HPET, PM timer or PIT; boot CPU, after acpi_init. */
void time_init(void);
void time_cpu_init(void); /* each other CPU, on itself */
extern uint64_t tsc_khz;
bool time_tsc_stable(void); /* the TSCs of all CPUs agree */
struct vcpu;
/* Brings the time in v->info up to date for this CPU. True when it had to be written. v is current. */
bool time_update_vcpu(struct vcpu *v);
/* Writes the time to the address the guest registered (v->time_gva). v is current. */
bool time_write_copy(struct vcpu *v);
void udelay(unsigned int us);
uint64_t tsc_calibrate(void); /* time/calibrate.c: Hz */

/* --- wall clock: from the CMOS RTC at boot, platform_op settime later (time/clock.c) */
void wallclock_init(void);
/* It was secs.nsecs (Unix time) at system_time. Rewrites every shared_info. -EINVAL. Domain 0's. */
int wallclock_set(uint64_t secs, uint32_t nsecs, s_time_t system_time);
struct domain;
void wallclock_update_domain(struct domain *d);

/* The CMOS clock (time/rtc.c). */
struct rtc_date {
	unsigned int year, month, day, hour, minute, second; /* year in full, month from 1 */
};
int64_t rtc_unix_time(const struct rtc_date *d); /* seconds since 1970, UTC. Pure */
int64_t rtc_read(void);				 /* 0 when the chip's date makes no sense */

/* Programs the CPU's local timer: interrupt at (or soon after) deadline; 0 = none. x86/apic.c */
void apic_timer_set(s_time_t deadline);

#endif

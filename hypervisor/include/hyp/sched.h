/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU scheduling: per-CPU run queues (sched/core.c) behind struct sched_ops
 * (hyp/sched_policy.h); softirqs and tasks; the scheduling hypercalls. Report section 3.2.4.
 */
#ifndef HYP_SCHED_H
#define HYP_SCHED_H

#include <hyp/call.h>
#include <hyp/sched_policy.h>
#include <hyp/timer.h>
#include <hyp/types.h>

struct vcpu;
struct domain;

/* --- softirqs: work of the exit path, interrupts off, before returning to a guest or idling */
enum { SOFTIRQ_TIMER, SOFTIRQ_SCHED, SOFTIRQ_TASK, NR_SOFTIRQS };
/* Any context. Kicks cpu when it is another one. */
void softirq_raise(unsigned int cpu, unsigned int nr);
bool softirq_pending(void);
/*
 * Runs what is pending, in a bounded number of passes. current may be another
 * vcpu afterwards. When work remains, a kick of this CPU is on its way: let
 * interrupts in (enter the guest, or open them in the idle loop) and come back.
 */
void softirq_run(void);

/*
 * Deferred work outside any hypercall, one bounded slice per call; true = call
 * again. Runs on the CPU that queued it. A task queued again while fn runs may
 * run on two CPUs at once: fn locks what it touches. The task is not looked at
 * after fn returned false, so fn may free it.
 */
typedef bool task_fn(void *data);
struct task {
	task_fn *fn;
	void *data;
	struct task *next;
	bool queued;
};
void task_queue(struct task *t); /* any context, any locks held; no effect when queued already */
void task_softirq(void);

/* --- run queues */
#define VCPU_NEW 0	   /* no context yet */
#define VCPU_BEING_MADE 1  /* a VCPUOP_initialise is at work */
#define VCPU_INITIALISED 2 /* VCPUOP_up may start it */
#define SCHED_WATCHDOGS 2  /* per domain */

/* The scheduler's part of a vcpu: v->sched_priv. Idle vcpus have none. */
struct sched_vcpu {
	struct sched_ent ent; /* protected by the run-queue lock of v->cpu */
	uint32_t init_state;  /* VCPU_*, atomics */
	struct timer poll;    /* time-out of SCHEDOP_poll */
	bool time_stale;      /* the copy at v->time_gva was never written; v itself */
	/* of the domain, kept with its vcpu 0 */
	struct timer watchdog[SCHED_WATCHDOGS];
	uint64_t watchdogs; /* slots in use, atomics */
};

static inline struct sched_vcpu *sched_vcpu(void *sched_priv)
{
	return sched_priv;
}

void sched_init(
	const char *name); /* boot; an unknown name is a panic naming the choices; "" = bvt */
void sched_cpu_init(struct cpu *c);  /* on c itself: makes its idle vcpu and makes that current */
int sched_vcpu_init(struct vcpu *v); /* allocates and places; -ENOMEM */
void sched_vcpu_destroy(struct vcpu *v); /* v is down for good and runs nowhere */

/*
 * v->pause_flags changed: puts v on the run queue or takes it off. No spin lock of
 * rank RANK_SCHED or above held; wake is safe from any context otherwise.
 */
void vcpu_wake(struct vcpu *v);
void vcpu_sleep(struct vcpu *v);      /* takes effect soon */
void vcpu_sleep_sync(struct vcpu *v); /* returns when v runs nowhere; v != current */
void vcpu_unblock(struct vcpu *v);    /* clears VPF_BLOCKED and VPF_POLL, and wakes */
void vcpu_block(void);		      /* current: until an event is pending; unmasks upcalls */
void vcpu_yield(void);
void schedule(void); /* the SOFTIRQ_SCHED handler: picks, accounts, context_switch() */

/*
 * For the tail of context_switch(), when v has become current and its address
 * space is loaded: the time, and the copies of runstate and time it registered.
 */
void vcpu_update_guest_areas(struct vcpu *v);
/* v's runstate up to this moment. */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r);

long hc_sched_op(struct hc_args *a);
long hc_sched_op_compat(struct hc_args *a);
long hc_set_timer_op(struct hc_args *a);
long hc_vcpu_op(struct hc_args *a);
/* Virtual-time alarm (report 3.2.2), our operation: see public/xeno.h. */
long hc_vtimer_op(struct hc_args *a);
/* A running vcpu's virtual time, and its alarm's consequences; current only. */
void vcpu_timers_init(struct vcpu *v);
void vcpu_timers_stop(struct vcpu *v); /* all of v's timers, for good */

#endif

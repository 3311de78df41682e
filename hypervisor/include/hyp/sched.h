/* SPDX-License-Identifier: GPL-2.0-only */
/* CPU scheduling: per-CPU run queues behind struct sched_ops; report section 3.2.4. */
#ifndef HYP_SCHED_H
#define HYP_SCHED_H

#include <hyp/call.h>
#include <hyp/types.h>

struct vcpu;
struct domain;

/* Softirqs: work of the exit path, run with interrupts off, before returning to a guest or idling. */
enum { SOFTIRQ_TIMER, SOFTIRQ_SCHED, SOFTIRQ_TASK, NR_SOFTIRQS };
void softirq_raise(unsigned int cpu, unsigned int nr); /* sends an IPI when cpu is another one */
bool softirq_pending(void);
void softirq_run(void);

/* Deferred work outside any hypercall, one bounded slice per call; true = call again. Any CPU. */
typedef bool task_fn(void *data);
struct task {
	task_fn *fn;
	void *data;
	struct task *next;
	bool queued;
};
void task_queue(struct task *t);

void sched_init(const char *name);   /* boot; an unknown name is a panic naming the choices */
void sched_cpu_init(struct cpu *c);  /* makes the idle vcpu current */
int sched_vcpu_init(struct vcpu *v); /* allocates; vcpu starts with VPF_DOWN */
void sched_vcpu_destroy(struct vcpu *v);
/* pause_flags changed: put on or take off the run queue. */
void vcpu_wake(struct vcpu *v);
void vcpu_sleep(struct vcpu *v);      /* takes effect soon */
void vcpu_sleep_sync(struct vcpu *v); /* returns when v runs nowhere; v != current */
void vcpu_block(void);	/* current: until an event is pending */
void vcpu_yield(void);
void schedule(void); /* the SOFTIRQ_SCHED handler: picks, accounts, context_switch() */

/* Called by x86/ on the way out when the idle vcpu is current. */
long hc_sched_op(struct hc_args *a);
long hc_sched_op_compat(struct hc_args *a);
long hc_set_timer_op(struct hc_args *a);
long hc_vcpu_op(struct hc_args *a);
/* Virtual-time alarm (report 3.2.2), our operation: see public/xeno.h. */
long hc_vtimer_op(struct hc_args *a);

#endif

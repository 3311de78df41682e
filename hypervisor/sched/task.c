/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks: deferred work in bounded slices. Each CPU has its own queue, touched by
 * that CPU alone with interrupts off, so there is no lock and a task may be queued
 * with any lock held. task->queued is what keeps one task out of two queues.
 */
#include <hyp/cpu.h>
#include <hyp/sched.h>

#define SLICES_PER_PASS 4

static struct task *head[MAX_CPUS], *tail[MAX_CPUS];

void task_queue(struct task *t)
{
	unsigned int cpu = smp_id();

	if (__atomic_exchange_n(&t->queued, true, __ATOMIC_SEQ_CST))
		return;
	t->next = NULL;
	if (head[cpu])
		tail[cpu]->next = t;
	else
		head[cpu] = t;
	tail[cpu] = t;
	softirq_raise(cpu, SOFTIRQ_TASK);
}

void task_softirq(void)
{
	unsigned int cpu = smp_id();

	for (unsigned int n = 0; n < SLICES_PER_PASS && head[cpu]; n++) {
		struct task *t = head[cpu];

		head[cpu] = t->next;
		/* Before the call: what is queued from now on is not covered by it. */
		__atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST);
		if (t->fn(t->data))
			task_queue(t);
	}
	if (head[cpu])
		softirq_raise(cpu, SOFTIRQ_TASK);
}

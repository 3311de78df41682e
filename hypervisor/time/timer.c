/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers: a heap per CPU, the earliest programmed into the CPU's local timer,
 * whose interrupt raises SOFTIRQ_TIMER.
 *
 * A timer's fields belong to the lock of the heap of t->cpu, and t->cpu changes
 * under that lock only; a timer that moves is first disarmed, then handed over, so
 * two CPUs arming it at once leave it in one heap.
 *
 * A guest that arms timers in the past gets them served at the end of each of its
 * entries, DUE_PER_PASS at a time: it cannot hold the CPU in here.
 */
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/spinlock.h>
#include <hyp/timer.h>

#define DUE_PER_PASS 32

static struct timer_cpu {
	struct spinlock lock;
	/* protected by lock: */
	struct timer_heap heap;
	struct timer *running; /* its fn is being called */
} timer_cpus[MAX_CPUS];

void timer_cpu_init(void)
{
	struct cpu *c = this_cpu();

	spin_init(&timer_cpus[c->id].lock, RANK_TIMER, "timer");
	c->timer_priv = &timer_cpus[c->id];
}

void timer_init(struct timer *t, timer_fn *fn, void *data)
{
	*t = (struct timer){ .fn = fn, .data = data, .cpu = smp_id() };
}

/* Locks the heap t belongs to. */
static struct timer_cpu *timer_lock(const struct timer *t)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(t->cpu);
		struct timer_cpu *tc = &timer_cpus[cpu];

		spin_lock(&tc->lock);
		if (cpu == t->cpu)
			return tc;
		spin_unlock(&tc->lock);
	}
}

/* Makes the local timer, or the softirq, serve a deadline of this CPU. */
static void program(s_time_t deadline)
{
	if (deadline <= now())
		softirq_raise(smp_id(), SOFTIRQ_TIMER);
	else
		apic_timer_set(deadline);
}

void timer_set(struct timer *t, s_time_t expires)
{
	unsigned int cpu = smp_id();
	bool first = false, done = false;

	while (!done) {
		struct timer_cpu *tc = timer_lock(t);

		if (t->rank)
			timer_heap_remove(&tc->heap, t);
		done = t->cpu == cpu;
		if (done) {
			t->expires = expires;
			timer_heap_insert(&tc->heap, t);
			first = tc->heap.top == t;
		}
		t->cpu = cpu;
		spin_unlock(&tc->lock);
	}
	if (first)
		program(expires);
}

/* Waits while a CPU other than this one is in t's fn. It may have been armed anew since. */
static void wait_for_run(const struct timer *t)
{
	for (unsigned int i = 0; i < nr_cpus; i++) {
		while (i != smp_id() && READ_ONCE(timer_cpus[i].running) == t) {
			smp_mailbox_poll();
			cpu_relax();
		}
	}
}

void timer_stop(struct timer *t)
{
	do {
		struct timer_cpu *tc = timer_lock(t);

		if (t->rank)
			timer_heap_remove(&tc->heap, t);
		spin_unlock(&tc->lock);
		wait_for_run(t);
	} while (timer_armed(t)); /* fn armed it again */
}

/* Calls the earliest timer if it is due, with the lock dropped meanwhile. */
static bool run_one(struct timer_cpu *tc)
{
	struct timer *t = tc->heap.top;

	if (!t || t->expires > now())
		return false;
	timer_heap_remove(&tc->heap, t);
	WRITE_ONCE(tc->running, t);
	spin_unlock(&tc->lock);
	t->fn(t->data);
	spin_lock(&tc->lock);
	WRITE_ONCE(tc->running, NULL);
	return true;
}

void timer_softirq(void)
{
	struct timer_cpu *tc = &timer_cpus[smp_id()];
	s_time_t next;
	unsigned int n = 0;

	spin_lock(&tc->lock);
	while (n < DUE_PER_PASS && run_one(tc))
		n++;
	next = tc->heap.top ? tc->heap.top->expires : 0;
	spin_unlock(&tc->lock);
	if (next)
		program(next);
	else
		apic_timer_set(0);
}

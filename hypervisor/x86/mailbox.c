/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls between CPUs. A CPU has at most one call of its own under way, since it
 * waits; so there is one call slot per caller, and per callee a word with a bit for
 * each caller that wants it. The callee runs the function, then clears its own bit
 * in the call: that is the answer.
 *
 * Interrupts are off in the hypervisor, so a CPU answers in one of four places: the
 * VEC_MAILBOX interrupt (from a guest or the idle wait), spin_lock(), the wait for
 * its own call - two CPUs that call each other serve each other - and, for work
 * that goes on for long, nowhere else: hence the bounded slices.
 */
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/smp.h>

static struct call {
	void (*fn)(void *);
	void *arg;
	cpumask_t waiting_for;
} calls[MAX_CPUS];

static uint64_t inbox[MAX_CPUS]; /* bit n: CPU n calls */

void smp_send_kick(unsigned int cpu)
{
	apic_send(cpus[cpu]->apic_id, ICR_ASSERT | VEC_KICK);
}

void smp_mailbox_poll(void)
{
	unsigned int me = smp_id();
	uint64_t from;

	if (likely(!READ_ONCE(inbox[me])))
		return;
	from = __atomic_exchange_n(&inbox[me], 0, __ATOMIC_SEQ_CST);
	for (; from; from &= from - 1) {
		struct call *c = &calls[find_first_set(from)];

		c->fn(c->arg);
		cpumask_clear(&c->waiting_for, me);
	}
}

void smp_call(const cpumask_t *mask, void (*fn)(void *), void *arg)
{
	unsigned int me = smp_id();
	struct call *c = &calls[me];
	cpumask_t todo = { { 0 } };

	for (unsigned int i = 0; i < nr_cpus; i++)
		if (i != me && cpumask_test(mask, i))
			cpumask_set(&todo, i);
	if (cpumask_empty(&todo))
		return;
	ASSERT(cpumask_empty(&c->waiting_for)); /* fn does not call others */
	c->fn = fn;
	c->arg = arg;
	c->waiting_for = todo;
	for (unsigned int i = 0; i < nr_cpus; i++) {
		if (!cpumask_test(&todo, i))
			continue;
		test_and_set_atomic(&inbox[i], me);
		apic_send(cpus[i]->apic_id, ICR_ASSERT | VEC_MAILBOX);
	}
	while (!cpumask_empty(&c->waiting_for)) {
		smp_mailbox_poll();
		cpu_relax();
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Hypervisor mappings are global to all roots and never flushed: a reload drops guests' entries. */
static void flush_local(void *unused)
{
	write_cr3(read_cr3());
}

void tlb_flush_mask(const cpumask_t *mask)
{
	if (cpumask_test(mask, smp_id()))
		flush_local(NULL);
	smp_call(mask, flush_local, NULL);
}

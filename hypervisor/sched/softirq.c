/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Softirqs: a word of pending bits per CPU, set by anybody, served by the CPU
 * itself on its way out of the hypervisor.
 *
 * Interrupts are off while they run, so a pass is bounded and there are few
 * passes: handlers that raise themselves again (tasks, a flood of timers) go on
 * after interrupts have been let in, which a kick of ourselves forces.
 */
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/timer.h>

#define MAX_PASSES 4

static void (*const handlers[NR_SOFTIRQS])(void) = {
	[SOFTIRQ_TIMER] = timer_softirq,
	[SOFTIRQ_SCHED] = schedule,
	[SOFTIRQ_TASK] = task_softirq,
};

void softirq_raise(unsigned int cpu, unsigned int nr)
{
	struct cpu *me = this_cpu(), *c = cpu == me->id ? me : cpus[cpu];

	/* A bit already set was followed by a kick then, or is seen on the CPU's way out. */
	if (!test_and_set_atomic(&c->softirq, nr) && c != me)
		smp_send_kick(cpu);
}

bool softirq_pending(void)
{
	return READ_ONCE(this_cpu()->softirq) != 0;
}

void softirq_run(void)
{
	struct cpu *c = this_cpu();

	for (unsigned int pass = 0; READ_ONCE(c->softirq); pass++) {
		uint64_t todo;

		if (pass == MAX_PASSES) {
			smp_send_kick(c->id);
			return;
		}
		todo = __atomic_exchange_n(&c->softirq, 0, __ATOMIC_SEQ_CST);
		for (unsigned int nr = 0; nr < NR_SOFTIRQS; nr++)
			if (todo & BIT(nr))
				handlers[nr]();
	}
}

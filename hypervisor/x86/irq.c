/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt vectors: ours for calls and timers, a pool for devices. A device vector
 * has a handler of ours or, without one, belongs to domain 0 (event/pirq.c).
 * Interrupts come only from guests and from the idle wait, so handlers run with no
 * lock held and may take any.
 */
#include <hyp/cpu.h>
#include <hyp/event.h>
#include <hyp/lib.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/spinlock.h>

#define NR_DEV (VEC_LAST_DEV - VEC_FIRST_DEV + 1)

static struct spinlock lock = SPINLOCK_INIT(RANK_IRQCHIP, "vectors");
static uint64_t used[(NR_DEV + 63) / 64]; /* protected by lock */

/* fn is written last and read first. */
static struct {
	irq_fn *fn;
	void *data;
} handlers[NR_DEV];

/* The priority class of a vector is its high digit: devices are spread over all. */
int irq_vector_alloc(void)
{
	int vector = -ENOSPC;

	spin_lock(&lock);
	for (unsigned int i = 0; i < NR_DEV && vector < 0; i++) {
		unsigned int n = i % (NR_DEV / 16) * 16 + i / (NR_DEV / 16);

		if (!test_bit(used, n) && n != VEC_INT80 - VEC_FIRST_DEV) {
			set_bit(used, n);
			vector = VEC_FIRST_DEV + (int)n;
		}
	}
	spin_unlock(&lock);
	return vector;
}

void irq_vector_free(unsigned int vector)
{
	unsigned int n = vector - VEC_FIRST_DEV;

	BUG_ON(n >= NR_DEV);
	spin_lock(&lock);
	__atomic_store_n(&handlers[n].fn, NULL, __ATOMIC_SEQ_CST);
	clear_bit(used, n);
	spin_unlock(&lock);
}

int irq_set_handler(unsigned int vector, irq_fn *fn, void *data)
{
	unsigned int n = vector - VEC_FIRST_DEV;

	if (n >= NR_DEV || !test_bit(used, n))
		return -EINVAL;
	if (handlers[n].fn)
		return -EBUSY;
	handlers[n].data = data;
	__atomic_store_n(&handlers[n].fn, fn, __ATOMIC_RELEASE);
	return 0;
}

static void dispatch_device(unsigned int vector)
{
	irq_fn *fn = __atomic_load_n(&handlers[vector - VEC_FIRST_DEV].fn, __ATOMIC_ACQUIRE);

	if (fn)
		fn(handlers[vector - VEC_FIRST_DEV].data);
	else if (!pirq_interrupt(vector))
		printk(LOG_DEBUG "irq: vector %x has no owner\n", vector);
}

/* Vectors below are the PICs', masked: at most a spurious one, which is not acknowledged. */
void irq_dispatch(unsigned int vector)
{
	if (vector == VEC_SPURIOUS || vector < VEC_FIRST_DEV)
		return;
	if (vector <= VEC_LAST_DEV)
		dispatch_device(vector);
	else if (vector == VEC_TIMER)
		softirq_raise(smp_id(), SOFTIRQ_TIMER);
	else if (vector == VEC_MAILBOX)
		smp_mailbox_poll();
	apic_eoi();
}

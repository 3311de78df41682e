/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spin locks. The hypervisor runs with interrupts off everywhere except in the
 * idle wait, which holds no lock, so there are no irq-saving variants.
 * A CPU waiting for a lock keeps answering the mailbox of hyp/smp.h, so that
 * the lock's holder may wait for a TLB flush of this CPU.
 * Debug builds check owner and rising rank; ranks are listed in LOCKING.
 */
#ifndef HYP_SPINLOCK_H
#define HYP_SPINLOCK_H

#include <hyp/types.h>

/* A lock may be taken only while all locks held have a lower rank. */
enum lock_rank {
	RANK_DOMLIST = 10, /* the list of domains, creation and destruction */
	RANK_CONTROL = 15, /* one control operation at a time, per target domain */
	RANK_PT = 20,	   /* d->pt_lock: page tables of a domain */
	RANK_VBLK_ALL = 24,
	RANK_VBLK = 26,	   /* virtual block devices of a domain */
	RANK_VNET = 27,	   /* virtual interfaces of a domain */
	RANK_VNET_TX = 28, /* what one of them sends */
	RANK_ROUTER = 29,  /* the router's tables */
	RANK_VNET_RX = 30, /* what an interface gets */
	RANK_GRANT = 32,   /* d->grant_lock */
	RANK_XENSTORE = 40,
	RANK_CONSRING = 45,
	RANK_EVENT = 50, /* d->evt_lock; two domains: lower domid first */
	RANK_PIRQ = 55,
	RANK_MEM = 60,	 /* d->mem_lock: page list and counters of a domain */
	RANK_DISK = 65,	 /* a drive: queues and driver */
	RANK_NIC = 67,	 /* a network card: queues and driver */
	RANK_SCHED = 70, /* run queue of a CPU; two: lower CPU first */
	RANK_TIMER = 75,
	RANK_MMIO = 78, /* takes pages for its tables */
	RANK_HEAP = 80,
	RANK_IRQCHIP = 90,
	RANK_CONSOLE = 95,
	RANK_LEAF = 100,
};

struct spinlock {
	uint16_t next, serving;
	uint16_t rank;
	uint16_t owner; /* cpu + 1 of the holder, 0 = free */
	const char *name;
};

#define SPINLOCK_INIT(r, n)                                                                        \
	{                                                                                          \
		.rank = (r), .name = (n)                                                           \
	}

static inline void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT((uint16_t)rank, name);
}

void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* For the second of two locks of equal rank, taken in the documented order. */
void spin_lock_nested(struct spinlock *l);
/* True when this CPU holds l. For assertions. */
bool spin_held(const struct spinlock *l);

#endif

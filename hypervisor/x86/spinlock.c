/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticket locks: first come, first served. `next` is the ticket handed out next,
 * `serving` the one that holds the lock. The owner is kept in every build, for
 * spin_held(); ranks are checked in debug builds, against all locks this CPU holds.
 */
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/smp.h>
#include <hyp/spinlock.h>

#ifdef DEBUG
static void check_rank(const struct spinlock *l, bool nested)
{
	const struct cpu *c = this_cpu();

	for (unsigned int i = 0; i < c->nr_locks; i++) {
		const struct spinlock *held = c->locks[i];

		if (held == l)
			panic("lock %s taken twice", l->name);
		if (held->rank > l->rank || (held->rank == l->rank && !nested))
			panic("lock %s (rank %u) taken inside %s (rank %u)", l->name, l->rank,
			      held->name, held->rank);
	}
}

static void note_locked(const struct spinlock *l)
{
	struct cpu *c = this_cpu();

	if (c->nr_locks == MAX_HELD_LOCKS)
		panic("lock %s: too many locks held", l->name);
	c->locks[c->nr_locks++] = l;
}

static void note_unlocked(const struct spinlock *l)
{
	struct cpu *c = this_cpu();
	unsigned int i = c->nr_locks;

	while (i && c->locks[i - 1] != l)
		i--;
	if (!i || l->owner != c->id + 1)
		panic("lock %s released by CPU %u, held by CPU %d", l->name, c->id, l->owner - 1);
	for (c->nr_locks--; i <= c->nr_locks; i++)
		c->locks[i - 1] = c->locks[i];
}
#else
static void check_rank(const struct spinlock *l, bool nested)
{
}

static void note_locked(const struct spinlock *l)
{
}

static void note_unlocked(const struct spinlock *l)
{
}
#endif

static void taken(struct spinlock *l)
{
	WRITE_ONCE(l->owner, (uint16_t)(smp_id() + 1));
	note_locked(l);
}

static void take(struct spinlock *l)
{
	uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket) {
		smp_mailbox_poll();
		cpu_relax();
	}
	taken(l);
}

void spin_lock(struct spinlock *l)
{
	check_rank(l, false);
	take(l);
}

void spin_lock_nested(struct spinlock *l)
{
	check_rank(l, true);
	take(l);
}

/* Cannot deadlock, so any rank will do. */
bool spin_trylock(struct spinlock *l)
{
	uint16_t serving = __atomic_load_n(&l->serving, __ATOMIC_ACQUIRE);
	uint16_t expected = serving;

	if (!__atomic_compare_exchange_n(&l->next, &expected, (uint16_t)(serving + 1), false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	taken(l);
	return true;
}

void spin_unlock(struct spinlock *l)
{
	note_unlocked(l);
	WRITE_ONCE(l->owner, 0);
	__atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->owner) == smp_id() + 1;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's acting half: run queues, one per CPU, each with its lock
 * (RANK_SCHED); what a policy (hyp/sched_policy.h) decides is carried out here.
 *
 * Where a vcpu is:
 *  - v->cpu names its queue and changes under that queue's lock only, while the
 *    vcpu is neither waiting nor running. vcpu_lock() finds and locks it. No two
 *    queues are ever locked together: a vcpu moves by leaving one, with v->cpu
 *    set, and entering the other later.
 *  - On a queue it waits, or is q.curr, or neither (asleep, or on the move).
 *    Whoever finds it runnable and in neither place puts it on its queue.
 *  - v->running is true from before the switch to it until context_switch() has
 *    saved its state. It may be waiting by then. Only its own CPU can pick it
 *    while running is true, and that CPU is still busy saving it: so nobody picks a
 *    vcpu whose state is not saved. Placement and stealing leave such a vcpu alone.
 *
 * pause_flags are changed by anybody with atomics, *then* vcpu_wake() or
 * vcpu_sleep() is called; both look again under the lock, so calls may cross.
 *
 * Idle CPUs take waiting vcpus from others. Shares are kept per CPU: no
 * attempt is made to balance CPUs that are all busy.
 */
#include <hyp/boot.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/spinlock.h>
#include <public/vcpu.h>

#define MIN_SLICE MICROSECS(50)

static struct sched_cpu {
	struct spinlock lock;
	unsigned int id;
	/* protected by lock: */
	struct sched_queue q;
	s_time_t charged;    /* q.curr has paid up to here */
	s_time_t slice_end;  /* 0 = none */
	struct vcpu *parked; /* left this CPU for good, to be placed elsewhere once saved */
	/* this CPU's own */
	struct timer slice;
	/* atomics: vcpus with v->cpu == id, a hint for placement */
	unsigned int placed;
} sched_cpus[MAX_CPUS];

static const struct sched_ops *const policies[] = { &sched_bvt, &sched_atropos, &sched_rr };
static const struct sched_ops *ops = &sched_bvt;
static cpumask_t idle_cpus; /* run their idle vcpu; a hint */

const char *sched_name(void)
{
	return ops->name;
}

static struct sched_ent *ent(const struct vcpu *v)
{
	return &sched_vcpu(v->sched_priv)->ent;
}

static bool vcpu_runnable(const struct vcpu *v)
{
	return !__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST);
}

static struct sched_cpu *vcpu_lock(const struct vcpu *v)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(v->cpu);

		spin_lock(&sched_cpus[cpu].lock);
		if (cpu == v->cpu)
			return &sched_cpus[cpu];
		spin_unlock(&sched_cpus[cpu].lock);
	}
}

/* --- accounts */

static int vcpu_state(const struct vcpu *v, const struct sched_cpu *sc)
{
	uint64_t flags = READ_ONCE(v->pause_flags);

	if (sc->q.curr == ent(v))
		return RUNSTATE_running;
	if (!flags)
		return RUNSTATE_runnable;
	return flags & (VPF_DOWN | VPF_DOM_PAUSED) ? RUNSTATE_offline : RUNSTATE_blocked;
}

/* sc, v's queue, is locked. */
static void runstate_update(struct vcpu *v, const struct sched_cpu *sc, s_time_t t)
{
	struct vcpu_runstate_info *r = &v->runstate;
	int state = vcpu_state(v, sc);

	if (state == r->state)
		return;
	r->time[r->state] += (uint64_t)t - r->state_entry_time;
	r->state_entry_time = (uint64_t)t;
	r->state = state;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r)
{
	struct sched_cpu *sc = vcpu_lock(v);
	uint64_t t = (uint64_t)now();

	*r = v->runstate;
	r->time[r->state] += t - r->state_entry_time;
	spin_unlock(&sc->lock);
}

static void charge(struct sched_cpu *sc, s_time_t t)
{
	if (sc->q.curr && t > sc->charged)
		ops->charge(&sc->q, sc->q.curr, t - sc->charged, t);
	sc->charged = t;
}

/* --- placement */

static bool cpu_usable(unsigned int cpu)
{
	return cpu < MAX_CPUS && cpus[cpu] && cpus[cpu]->idle;
}

static bool misplaced(const struct vcpu *v)
{
	return !cpumask_test(&v->affinity, v->cpu);
}

static void placed_add(struct sched_cpu *sc, int n)
{
	__atomic_fetch_add(&sc->placed, (unsigned int)n, __ATOMIC_RELAXED);
}

/* The usable CPU of v's affinity with the fewest vcpus; v->cpu when there is none. */
static unsigned int least_loaded(const struct vcpu *v)
{
	unsigned int best = v->cpu, n = ~0u;

	for (unsigned int cpu = 0; cpu < MAX_CPUS; cpu++) {
		const struct sched_cpu *sc = &sched_cpus[cpu];

		if (cpu_usable(cpu) && cpumask_test(&v->affinity, cpu) &&
		    READ_ONCE(sc->placed) < n && (!ops->fits || ops->fits(&sc->q, ent(v)))) {
			n = READ_ONCE(sc->placed);
			best = cpu;
		}
	}
	return best;
}

static bool must_leave(const struct vcpu *v)
{
	return misplaced(v) && least_loaded(v) != v->cpu;
}

/* Where v, about to wait on sc's queue, had better go. */
static unsigned int choose_cpu(const struct vcpu *v, const struct sched_cpu *sc)
{
	uint64_t idle;

	if (misplaced(v))
		return least_loaded(v);
	if (!sc->q.curr || READ_ONCE(v->running) || !sched_ent_may_move(ops, ent(v)))
		return sc->id;
	idle = READ_ONCE(idle_cpus.bits[0]) & READ_ONCE(v->affinity.bits[0]);
	return idle ? find_first_set(idle) : sc->id;
}

/* v leaves sc's queue, which is locked, for cpu's. */
static void move(struct vcpu *v, struct sched_cpu *sc, unsigned int cpu)
{
	struct sched_ent *e = ent(v);

	if (!e->detached)
		ops->detach(&sc->q, e);
	e->detached = true;
	placed_add(sc, -1);
	placed_add(&sched_cpus[cpu], 1);
	WRITE_ONCE(v->cpu, cpu);
}

static void enqueue(struct sched_cpu *sc, struct vcpu *v, s_time_t t)
{
	struct sched_ent *e = ent(v);

	if (e->detached)
		ops->attach(&sc->q, e);
	e->detached = false;
	charge(sc, t);
	ops->wake(&sc->q, e, t);
	sched_queue_add(&sc->q, e);
	if (!sc->q.curr || !sc->slice_end || (ops->preempts && ops->preempts(&sc->q, e)))
		softirq_raise(sc->id, SOFTIRQ_SCHED);
}

/* One attempt to bring v, runnable and nowhere, onto a queue. False: it has moved, try there. */
static bool place(struct sched_cpu *sc, struct vcpu *v, bool stay)
{
	unsigned int cpu = stay ? sc->id : choose_cpu(v, sc);

	if (cpu != sc->id && READ_ONCE(v->running)) {
		/* Still being saved here: the next schedule() moves it. */
		sc->parked = v;
		softirq_raise(sc->id, SOFTIRQ_SCHED);
		return true;
	}
	if (cpu != sc->id) {
		move(v, sc, cpu);
		return false;
	}
	enqueue(sc, v, now());
	return true;
}

static bool vcpu_nowhere(const struct vcpu *v, const struct sched_cpu *sc)
{
	const struct sched_ent *e = ent(v);

	return !sched_ent_waits(e) && sc->q.curr != e && sc->parked != v;
}

void vcpu_wake(struct vcpu *v)
{
	bool done, moved = false;

	do {
		struct sched_cpu *sc = vcpu_lock(v);

		done = !vcpu_runnable(v) || !vcpu_nowhere(v, sc) || place(sc, v, moved);
		if (done)
			runstate_update(v, sc, now());
		spin_unlock(&sc->lock);
		moved = true; /* once chosen, the new queue is it */
	} while (!done);
}

void vcpu_sleep(struct vcpu *v)
{
	struct sched_cpu *sc = vcpu_lock(v);

	if (!vcpu_runnable(v)) {
		if (sched_ent_waits(ent(v)))
			sched_queue_del(&sc->q, ent(v));
		else if (sc->q.curr == ent(v))
			softirq_raise(sc->id, SOFTIRQ_SCHED);
		runstate_update(v, sc, now());
	}
	spin_unlock(&sc->lock);
}

void vcpu_sleep_sync(struct vcpu *v)
{
	ASSERT(v != current);
	vcpu_sleep(v);
	while (__atomic_load_n(&v->running, __ATOMIC_SEQ_CST)) {
		smp_mailbox_poll();
		cpu_relax();
	}
}

void vcpu_unblock(struct vcpu *v)
{
	uint64_t why = VPF_BLOCKED | VPF_POLL;

	if (__atomic_fetch_and(&v->pause_flags, ~why, __ATOMIC_SEQ_CST) & why)
		vcpu_wake(v);
}

void vcpu_yield(void)
{
	struct sched_cpu *sc = vcpu_lock(current);

	ent(current)->yielded = true;
	spin_unlock(&sc->lock);
	softirq_raise(smp_id(), SOFTIRQ_SCHED);
}

/* --- the switch */

/* Wakes v, which left o for another queue (NULL: nothing to do); o is locked, and unlocked here. */
static void finish_move(struct vcpu *v, struct sched_cpu *o)
{
	/* Once unlocked, nothing else would keep v from being paused and freed. */
	bool held = v && domain_get(v->domain);

	spin_unlock(&o->lock);
	if (held) {
		vcpu_wake(v);
		domain_put(v->domain);
	}
}

/* Takes one waiting vcpu from another CPU's queue to this one's. */
static bool steal_from(struct sched_cpu *o, struct sched_cpu *sc)
{
	struct sched_ent *e;
	bool busy = false;

	spin_lock(&o->lock);
	e = sched_queue_victim(ops, &o->q, sc->id, &busy);
	if (e) {
		sched_queue_del(&o->q, e);
		move(e->vcpu, o, sc->id);
	} else if (busy) { /* for some microseconds yet */
		softirq_raise(sc->id, SOFTIRQ_SCHED);
	}
	finish_move(e ? e->vcpu : NULL, o);
	return e;
}

static void steal(struct sched_cpu *sc)
{
	for (unsigned int i = 1; i < nr_cpus; i++) {
		struct sched_cpu *o = &sched_cpus[(sc->id + i) % nr_cpus];

		if (READ_ONCE(o->q.nr) && steal_from(o, sc))
			return;
	}
}

/* Tells an idle CPU of something that waits here and that it could run. */
static void offer(const struct sched_cpu *sc)
{
	uint64_t idle = READ_ONCE(idle_cpus.bits[0]) & ~BIT(sc->id), could;
	struct list *p;

	if (!idle)
		return;
	list_for_each(p, &sc->q.waiting) {
		const struct sched_ent *e = list_entry(p, struct sched_ent, link);

		could = idle & READ_ONCE(e->affinity->bits[0]);
		if (could && sched_ent_may_move(ops, e)) {
			softirq_raise(find_first_set(could), SOFTIRQ_SCHED);
			return;
		}
	}
}

/* curr cannot stay: it sleeps, or is to run elsewhere. */
static void drop_curr(struct sched_cpu *sc)
{
	struct vcpu *v = sc->q.curr ? sc->q.curr->vcpu : NULL;

	if (!v || (vcpu_runnable(v) && !must_leave(v)))
		return;
	sc->q.curr->yielded = false;
	sc->q.curr = NULL;
	if (vcpu_runnable(v)) {
		sc->parked = v;
		softirq_raise(sc->id, SOFTIRQ_SCHED);
	}
}

/* Picks and does everything that needs the lock. prev may be idle, as may the result. */
static struct vcpu *choose(struct sched_cpu *sc, struct vcpu *prev, s_time_t t)
{
	struct vcpu *next;
	struct sched_ent *e;
	s_time_t until;

	charge(sc, t);
	drop_curr(sc);
	e = sched_queue_switch(ops, &sc->q, t, &until);
	next = e ? e->vcpu : cpus[sc->id]->idle;
	if (until && until < t + MIN_SLICE)
		until = t + MIN_SLICE;
	sc->slice_end = until;
	if (!prev->is_idle)
		runstate_update(prev, sc, t);
	if (!next->is_idle)
		runstate_update(next, sc, t);
	if (e)
		cpumask_clear(&idle_cpus, sc->id);
	else
		cpumask_set(&idle_cpus, sc->id);
	offer(sc);
	__atomic_store_n(&next->running, true, __ATOMIC_SEQ_CST);
	return next;
}

/* Domain virtual time stands still from here on. */
static void virtual_time_stop(struct vcpu *v, s_time_t t)
{
	v->virtual_time += t - v->run_start;
	if (v->vtimer_deadline)
		timer_stop(&v->vtimer);
}

static void virtual_time_go(struct vcpu *v, s_time_t t)
{
	v->run_start = t;
	if (v->vtimer_deadline)
		timer_set(&v->vtimer, t + max(v->vtimer_deadline - v->virtual_time, (s_time_t)0));
}

/* What was misplaced when it last ran here is saved by now. */
static void place_parked(struct sched_cpu *sc)
{
	struct vcpu *v;

	spin_lock(&sc->lock);
	v = sc->parked;
	sc->parked = NULL;
	finish_move(v, sc);
}

void schedule(void)
{
	struct sched_cpu *sc = &sched_cpus[smp_id()];
	struct vcpu *prev = current, *next;
	s_time_t t;

	if (READ_ONCE(sc->parked))
		place_parked(sc);
	if (!READ_ONCE(sc->q.nr) && (prev->is_idle || !vcpu_runnable(prev)))
		steal(sc);
	spin_lock(&sc->lock);
	t = now();
	next = choose(sc, prev, t);
	spin_unlock(&sc->lock);

	if (sc->slice_end)
		timer_set(&sc->slice, sc->slice_end);
	else if (timer_armed(&sc->slice))
		timer_stop(&sc->slice);
	if (next == prev) {
		if (!time_tsc_stable() && !prev->is_idle)
			vcpu_update_guest_areas(prev);
		return;
	}
	if (!prev->is_idle)
		virtual_time_stop(prev, t);
	if (!next->is_idle)
		virtual_time_go(next, t);
	context_switch(prev, next);
}

static void slice_over(void *data)
{
	softirq_raise(smp_id(), SOFTIRQ_SCHED);
}

/* --- set-up */

void sched_init(const char *name)
{
	char choices[64] = "";

	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		sched_cpus[i].id = i;
		spin_init(&sched_cpus[i].lock, RANK_SCHED, "runqueue");
		sched_queue_init(&sched_cpus[i].q);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(policies); i++) {
		size_t len = strlen(choices);

		if (!*name || !strcmp(name, policies[i]->name)) {
			ops = policies[i];
			printk("sched: %s\n", ops->name);
			return;
		}
		snprintf(choices + len, sizeof(choices) - len, " %s", policies[i]->name);
	}
	panic("sched=%s: there is no such scheduler; choose one of:%s", name, choices);
}

void sched_cpu_init(struct cpu *c)
{
	struct sched_cpu *sc = &sched_cpus[c->id];
	struct vcpu *v = vcpu_alloc(idle_domain, c->id);

	if (!v)
		panic("no memory for CPU %u's idle vcpu", c->id);
	timer_init(&sc->slice, slice_over, NULL);
	v->cpu = c->id;
	v->running = true;
	v->runstate.state_entry_time = (uint64_t)now();
	c->sched_priv = sc;
	current = v;
	cpumask_set(&idle_cpus, c->id);
	__atomic_store_n(&c->idle, v, __ATOMIC_SEQ_CST); /* usable from here on */
}

int sched_vcpu_init(struct vcpu *v)
{
	struct sched_vcpu *sv = hyp_alloc(sizeof(*sv));
	struct xeno_ctl_sched p = { 0 };
	struct sched_cpu *sc;

	if (!sv)
		return -ENOMEM;
	v->sched_priv = sv;
	list_init(&sv->ent.link);
	sv->ent.vcpu = v;
	sv->ent.affinity = &v->affinity;
	sv->ent.running = &v->running;
	sv->ent.detached = true;
	ops->defaults(&p, v->domain->is_dom0);
	(void)ops->set(NULL, &sv->ent, &p);
	v->runstate.state_entry_time = (uint64_t)now();
	vcpu_timers_init(v);
	v->cpu = least_loaded(v);
	sc = vcpu_lock(v);
	ops->attach(&sc->q, &sv->ent);
	sv->ent.detached = false;
	placed_add(sc, 1);
	spin_unlock(&sc->lock);
	return 0;
}

void sched_vcpu_destroy(struct vcpu *v)
{
	struct sched_cpu *sc;

	if (!v->sched_priv)
		return;
	vcpu_timers_stop(v);
	sc = vcpu_lock(v);
	BUG_ON(sched_ent_waits(ent(v)) || sc->q.curr == ent(v));
	if (sc->parked == v)
		sc->parked = NULL;
	if (!ent(v)->detached)
		ops->detach(&sc->q, ent(v));
	placed_add(sc, -1);
	spin_unlock(&sc->lock);
	hyp_free(v->sched_priv);
	v->sched_priv = NULL;
}

/* --- control operations */

/* -EINVAL: no CPU of the mask can keep what v was promised. */
int sched_set_affinity(struct vcpu *v, const cpumask_t *mask)
{
	struct sched_cpu *sc = vcpu_lock(v);
	cpumask_t old = v->affinity;
	int err = 0;

	v->affinity = *mask;
	if (must_leave(v)) {
		if (sched_ent_waits(ent(v)))
			sched_queue_del(&sc->q, ent(v));
		else if (sc->q.curr == ent(v))
			softirq_raise(sc->id, SOFTIRQ_SCHED);
	} else if (misplaced(v)) {
		v->affinity = old;
		err = -EINVAL;
	}
	spin_unlock(&sc->lock);
	vcpu_wake(v);
	return err;
}

int sched_get_params(struct domain *d, struct xeno_ctl_sched *p)
{
	struct vcpu *v = d->vcpu[0];
	struct sched_cpu *sc = vcpu_lock(v);

	strlcpy(p->name, ops->name, sizeof(p->name));
	ops->get(ent(v), p);
	spin_unlock(&sc->lock);
	return 0;
}

static int vcpu_set_params(struct vcpu *v, const struct xeno_ctl_sched *p)
{
	struct sched_cpu *sc = vcpu_lock(v);
	int err;

	charge(sc, now());
	err = ops->set(&sc->q, ent(v), p);
	if (!err)
		softirq_raise(sc->id, SOFTIRQ_SCHED);
	spin_unlock(&sc->lock);
	return err;
}

/* All vcpus of d, or none. */
int sched_set_params(struct domain *d, const struct xeno_ctl_sched *p)
{
	struct xeno_ctl_sched old = { .name = "" };
	unsigned int i;
	int err;

	if (strcmp(p->name, ops->name))
		return -ENOENT;
	err = ops->check(p);
	sched_get_params(d, &old);
	for (i = 0; !err && i < d->max_vcpus; i++)
		err = vcpu_set_params(d->vcpu[i], p);
	if (err && i)
		for (i--; i-- > 0;)
			(void)vcpu_set_params(d->vcpu[i], &old);
	return err;
}

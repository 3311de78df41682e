/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/sched/bvt.c hypervisor/sched/atropos.c hypervisor/sched/rr.c */
/*
 * The three policies in a simulated machine: deterministic, in steps of time that end where
 * something happens. An actor runs when picked and follows its habit: it computes, or it
 * works for `work` ns and then sleeps until its next period.
 */
#include <stdio.h>
#include <string.h>
#include <hyp/lib.h>
#include <hyp/sched_policy.h>
#include <hyp/timer.h>

#define MAX_ACTORS 16
#define SIM_CPUS 2

struct actor {
	struct sched_ent e;
	cpumask_t affinity;
	bool running, runnable;
	unsigned int cpu;
	s_time_t work, period; /* work 0: computes for ever */
	s_time_t todo, wakes_at;
	s_time_t ran;
	s_time_t ready_at, worst_wait; /* from waking to running */
	bool was_ready;
};

static struct sim {
	const struct sched_ops *ops;
	struct sched_queue q[SIM_CPUS];
	s_time_t again[SIM_CPUS];
	struct actor a[MAX_ACTORS];
	unsigned int nr, cpus;
	s_time_t t;
	unsigned int switches;
} sim;

static int failures;

static void verdict(const char *name, const char *why)
{
	if (why)
		printf("FAIL %s: %s\n", name, why);
	else
		printf("ok %s\n", name);
	failures += why != NULL;
}

static void sim_begin(const struct sched_ops *ops, unsigned int nr_sim_cpus)
{
	memset(&sim, 0, sizeof(sim));
	sim.ops = ops;
	sim.cpus = nr_sim_cpus;
	sim.t = 1;
	for (unsigned int i = 0; i < SIM_CPUS; i++)
		sched_queue_init(&sim.q[i]);
}

/* As vcpu_wake(): account for who runs, then join. */
static void charge_curr(unsigned int cpu, s_time_t ran)
{
	struct sched_ent *c = sim.q[cpu].curr;

	if (c && ran)
		sim.ops->charge(&sim.q[cpu], c, ran, sim.t);
}

static void pick(unsigned int cpu);

static void wake(struct actor *a)
{
	struct sched_queue *q = &sim.q[a->cpu];

	a->runnable = true;
	a->ready_at = sim.t;
	a->was_ready = true;
	sim.ops->wake(q, &a->e, sim.t);
	sched_queue_add(q, &a->e);
	if (!q->curr || !sim.again[a->cpu] || (sim.ops->preempts && sim.ops->preempts(q, &a->e)))
		sim.again[a->cpu] = sim.t;
}

static struct actor *add(struct xeno_ctl_sched p, s_time_t work, s_time_t period)
{
	struct actor *a = &sim.a[sim.nr++];
	static bool never;

	list_init(&a->e.link);
	a->e.vcpu = a;
	a->affinity.bits[0] = ~0ull;
	a->e.affinity = &a->affinity;
	a->e.running = &never;
	a->e.detached = true;
	a->work = work;
	a->period = period;
	a->todo = work;
	if (sim.ops->check(&p) || sim.ops->set(&sim.q[0], &a->e, &p))
		printf("FAIL add: parameters refused\n");
	sim.ops->attach(&sim.q[0], &a->e);
	a->e.detached = false;
	wake(a);
	return a;
}

static void steal(unsigned int cpu)
{
	for (unsigned int o = 0; o < sim.cpus && list_empty(&sim.q[cpu].waiting); o++) {
		bool busy = false;
		struct sched_ent *e = o == cpu ? NULL :
						 sched_queue_victim(sim.ops, &sim.q[o], cpu, &busy);

		if (!e)
			continue;
		sched_queue_del(&sim.q[o], e);
		sim.ops->detach(&sim.q[o], e);
		sim.ops->attach(&sim.q[cpu], e);
		((struct actor *)e->vcpu)->cpu = cpu;
		sim.ops->wake(&sim.q[cpu], e, sim.t);
		sched_queue_add(&sim.q[cpu], e);
	}
}

static void pick(unsigned int cpu)
{
	struct sched_queue *q = &sim.q[cpu];
	struct sched_ent *prev = q->curr, *e;
	struct actor *a;

	if (q->curr && !((struct actor *)q->curr->vcpu)->runnable)
		q->curr = NULL;
	if (!q->curr && list_empty(&q->waiting))
		steal(cpu);
	e = sched_queue_switch(sim.ops, q, sim.t, &sim.again[cpu]);
	sim.switches += e != prev;
	if (sim.again[cpu] && sim.again[cpu] < sim.t + 50000)
		sim.again[cpu] = sim.t + 50000;
	a = e ? e->vcpu : NULL;
	if (a && a->was_ready) {
		a->worst_wait = max(a->worst_wait, sim.t - a->ready_at);
		a->was_ready = false;
	}
}

/* The next moment at which anything happens. */
static s_time_t next_event(s_time_t end)
{
	s_time_t next = end;

	for (unsigned int c = 0; c < sim.cpus; c++) {
		struct actor *a = sim.q[c].curr ? sim.q[c].curr->vcpu : NULL;

		if (sim.again[c])
			next = min(next, sim.again[c]);
		if (a && a->work)
			next = min(next, sim.t + a->todo);
	}
	for (unsigned int i = 0; i < sim.nr; i++)
		if (!sim.a[i].runnable)
			next = min(next, sim.a[i].wakes_at);
	return max(next, sim.t);
}

static void let_run(unsigned int cpu, s_time_t ran)
{
	struct actor *a = sim.q[cpu].curr ? sim.q[cpu].curr->vcpu : NULL;

	if (!a)
		return;
	charge_curr(cpu, ran);
	a->ran += ran;
	if (!a->work)
		return;
	a->todo -= ran;
	if (a->todo > 0)
		return;
	a->runnable = false;
	a->todo = a->work;
	a->wakes_at += a->period;
	if (a->wakes_at <= sim.t)
		a->wakes_at = sim.t + 1;
	sim.again[cpu] = sim.t;
}

static void run_for(s_time_t time)
{
	s_time_t end = sim.t + time;

	for (unsigned long step = 0; sim.t < end; step++) {
		s_time_t next, ran;

		for (unsigned int c = 0; c < sim.cpus; c++)
			if (!sim.q[c].curr || (sim.again[c] && sim.again[c] <= sim.t))
				pick(c);
		next = next_event(end);
		ran = next - sim.t;
		sim.t = next;
		for (unsigned int c = 0; c < sim.cpus; c++)
			let_run(c, ran);
		for (unsigned int i = 0; i < sim.nr; i++)
			if (!sim.a[i].runnable && sim.a[i].wakes_at <= sim.t)
				wake(&sim.a[i]);
		if (step > 100000000) {
			printf("FAIL simulation: makes no progress\n");
			failures++;
			return;
		}
	}
}

static bool near(s_time_t got, s_time_t want, unsigned int percent)
{
	s_time_t d = got > want ? got - want : want - got;

	return d * 100 <= want * percent;
}

static struct xeno_ctl_sched weight(uint32_t w)
{
	return (struct xeno_ctl_sched){ .weight = w };
}

static struct xeno_ctl_sched share(s_time_t slice, s_time_t period, s_time_t latency, bool extra)
{
	return (struct xeno_ctl_sched){ .slice_ns = (uint64_t)slice,
					.period_ns = (uint64_t)period,
					.latency_ns = (uint64_t)latency,
					.extra = extra };
}

/* --- borrowed virtual time */

static const char *bvt_weights(void)
{
	struct actor *a, *b, *c;

	sim_begin(&sched_bvt, 1);
	a = add(weight(256), 0, 0);
	b = add(weight(512), 0, 0);
	c = add(weight(1024), 0, 0);
	run_for(SECONDS(70));
	if (!near(a->ran, SECONDS(10), 3) || !near(b->ran, SECONDS(20), 3) ||
	    !near(c->ran, SECONDS(40), 3))
		return "shares differ from the weights";
	if (sim.switches > 70 * 250)
		return "switches more often than the allowance permits";
	return NULL;
}

static const char *bvt_extreme_weights(void)
{
	struct actor *a, *b;

	sim_begin(&sched_bvt, 1);
	a = add(weight(1), 0, 0);
	b = add(weight(65535), 0, 0);
	run_for(SECONDS(20000));
	if (!a->ran)
		return "the least weight starves";
	return b->ran > a->ran * 30000 ? NULL : "the heaviest gets too little";
}

/* Years of virtual time: no wrap, no stale fix-up. */
static const char *bvt_long_run(void)
{
	struct actor *a, *b;
	s_time_t before;

	sim_begin(&sched_bvt, 1);
	a = add(weight(1), 0, 0);
	a->e.bvt.vt = sim.q[0].bvt_svt = 1ll << 60;
	b = add(weight(1), 0, 0);
	run_for(SECONDS(10));
	before = a->ran;
	if (!near(a->ran, b->ran, 3))
		return "unequal at large virtual times";
	run_for(SECONDS(10));
	return near(a->ran, before * 2, 3) ? NULL : "uneven over time";
}

static const char *bvt_sleeper_gets_no_credit(void)
{
	struct actor *hog, *late;
	s_time_t before;

	sim_begin(&sched_bvt, 1);
	hog = add(weight(256), 0, 0);
	late = add(weight(256), 1000, SECONDS(10));
	run_for(SECONDS(9));
	late->work = 0; /* wakes after ten seconds and computes from then on */
	run_for(SECONDS(2));
	before = hog->ran;
	run_for(SECONDS(4));
	return near(hog->ran - before, SECONDS(2), 5) ? NULL : "the sleeper took its past share";
}

/* A sleeper that is behind is served at once; one that has used its share waits. */
static const char *bvt_wakes_promptly(void)
{
	struct actor *io;

	sim_begin(&sched_bvt, 1);
	add(weight(256), 0, 0);
	io = add(weight(256), MICROSECS(200), MILLISECS(10));
	run_for(MILLISECS(100)); /* they began at the same moment */
	io->ran = io->worst_wait = 0;
	run_for(SECONDS(10));
	if (!near(io->ran, SECONDS(10) / 50, 3))
		return "does not get what little it asks for";
	return io->worst_wait <= MICROSECS(100) ? NULL : "waits too long";
}

static const char *bvt_many_no_starvation(void)
{
	sim_begin(&sched_bvt, 1);
	for (int i = 0; i < 8; i++)
		add(weight(256), 0, 0);
	for (int i = 0; i < 8; i++) /* light sleepers that preempt all the time */
		add(weight(256), MICROSECS(300), MILLISECS(5));
	run_for(SECONDS(32));
	for (int i = 0; i < 8; i++)
		if (sim.a[i].ran < SECONDS(1))
			return "a computing one starves";
	return NULL;
}

/* A warped one is served first, within its limit; in the long run its share is what its weight says. */
static const char *bvt_warp(void)
{
	struct xeno_ctl_sched p = weight(256);
	struct actor *io, *hog, *plain;

	p.warp_ns = (uint64_t)MILLISECS(50);
	p.warp_limit_ns = (uint64_t)MILLISECS(10);
	p.unwarp_ns = (uint64_t)MILLISECS(20);
	sim_begin(&sched_bvt, 1);
	add(weight(256), 0, 0);
	add(weight(256), 0, 0);
	io = add(p, MILLISECS(3), MILLISECS(12)); /* 25%: nearly its whole share */
	plain = add(weight(256), MILLISECS(3), MILLISECS(12));
	run_for(SECONDS(20));
	if (io->worst_wait > MILLISECS(25))
		return "the warped one waits";
	if (io->ran < plain->ran)
		return "warping did not help";
	sim_begin(&sched_bvt, 1);
	hog = add(p, 0, 0);
	plain = add(weight(256), 0, 0);
	run_for(SECONDS(40));
	return near(hog->ran, plain->ran, 3) ? NULL : "a warped hog got more than its share";
}

static const char *bvt_warp_limit(void)
{
	struct xeno_ctl_sched p = weight(256);
	struct actor *hog, *other;

	p.warp_ns = (uint64_t)SECONDS(5); /* without a limit it would run for 5 s */
	p.warp_limit_ns = (uint64_t)MILLISECS(10);
	p.unwarp_ns = (uint64_t)MILLISECS(100);
	sim_begin(&sched_bvt, 1);
	other = add(weight(256), 0, 0);
	run_for(SECONDS(1));
	hog = add(p, 0, 0);
	run_for(SECONDS(1));
	if (hog->ran > MILLISECS(650))
		return "warped beyond its limit";
	return other->ran > MILLISECS(1350) ? NULL : "the other starves";
}

static const char *bvt_yield(void)
{
	struct actor *a, *b;
	s_time_t until;

	sim_begin(&sched_bvt, 1);
	a = add(weight(256), 0, 0);
	b = add(weight(256), 0, 0);
	pick(0);
	if (sim.q[0].curr != &a->e && sim.q[0].curr != &b->e)
		return "nobody runs";
	for (int i = 0; i < 4; i++) {
		struct sched_ent *was = sim.q[0].curr;

		was->yielded = true;
		if (sched_queue_switch(sim.ops, &sim.q[0], sim.t, &until) == was)
			return "who yielded was picked again";
	}
	return NULL;
}

/* --- atropos */

static const char *atropos_guarantees(void)
{
	struct actor *a, *b, *c, *x;

	sim_begin(&sched_atropos, 1);
	a = add(share(MILLISECS(3), MILLISECS(10), 0, false), 0, 0);
	b = add(share(MILLISECS(20), MILLISECS(100), 0, false), 0, 0);
	c = add(share(MILLISECS(1), MILLISECS(4), 0, false), 0, 0);
	x = add(share(0, 0, 0, true), 0, 0);
	run_for(SECONDS(40));
	if (!near(a->ran, SECONDS(12), 2) || !near(b->ran, SECONDS(8), 2) ||
	    !near(c->ran, SECONDS(10), 2))
		return "a guarantee was not met, or exceeded";
	return near(x->ran, SECONDS(10), 3) ? NULL : "the rest did not go to extra time";
}

static const char *atropos_full_load(void)
{
	struct actor *a, *b;

	sim_begin(&sched_atropos, 1);
	a = add(share(MILLISECS(5), MILLISECS(10), 0, false), 0, 0);
	b = add(share(MILLISECS(15), MILLISECS(30), 0, false), 0, 0);
	run_for(SECONDS(30));
	return near(a->ran, SECONDS(15), 2) && near(b->ran, SECONDS(15), 2) ?
		       NULL :
		       "earliest deadline first fills the whole CPU, this did not";
}

/* Sleeping through part of a period must not buy two slices in a row. */
static const char *atropos_sleeper_cannot_cheat(void)
{
	struct actor *sleeper, *steady;

	sim_begin(&sched_atropos, 1);
	steady = add(share(MILLISECS(5), MILLISECS(10), 0, false), 0, 0);
	sleeper = add(share(MILLISECS(50), MILLISECS(100), 0, false), MILLISECS(37), MILLISECS(61));
	run_for(SECONDS(30));
	if (!near(steady->ran, SECONDS(15), 2))
		return "a sleeper took from a guarantee";
	return sleeper->ran <= SECONDS(30) * 51 / 100 ? NULL : "more than its share";
}

static const char *atropos_latency(void)
{
	struct actor *io;

	sim_begin(&sched_atropos, 1);
	add(share(MILLISECS(50), MILLISECS(100), 0, true), 0, 0);
	add(share(0, 0, 0, true), 0, 0);
	io = add(share(MILLISECS(10), MILLISECS(100), MILLISECS(2), false), MICROSECS(100),
		 MILLISECS(20));
	run_for(SECONDS(20));
	if (!near(io->ran, SECONDS(20) / 200, 3))
		return "does not get what little it asks for";
	return io->worst_wait <= MILLISECS(2) ? NULL : "not within its latency";
}

static const char *atropos_extra_in_turn(void)
{
	struct actor *a, *b, *c;

	sim_begin(&sched_atropos, 1);
	a = add(share(0, 0, 0, true), 0, 0);
	b = add(share(0, 0, 0, true), 0, 0);
	c = add(share(0, 0, 0, true), 0, 0);
	run_for(SECONDS(30));
	return near(a->ran, SECONDS(10), 3) && near(b->ran, SECONDS(10), 3) &&
			       near(c->ran, SECONDS(10), 3) ?
		       NULL :
		       "uneven";
}

static const char *atropos_admission(void)
{
	struct xeno_ctl_sched p = share(MILLISECS(6), MILLISECS(10), 0, false);
	struct actor *b;

	sim_begin(&sched_atropos, 1);
	add(p, 0, 0);
	b = add(share(MILLISECS(4), MILLISECS(10), 0, false), 0, 0);
	if (!sim.ops->set(&sim.q[0], &b->e, &p))
		return "120% were promised";
	if (sim.q[0].atropos_reserved != 1000000)
		return "a refusal changed the books";
	p = share(MILLISECS(1), MILLISECS(10), 0, false);
	if (sim.ops->set(&sim.q[0], &b->e, &p) || sim.q[0].atropos_reserved != 700000)
		return "a smaller share is refused or miscounted";
	sim.ops->detach(&sim.q[0], &b->e);
	return sim.q[0].atropos_reserved == 600000 ? NULL : "leaving is miscounted";
}

/* --- round robin, stealing, parameters */

static const char *rr_turns(void)
{
	struct actor *a, *b;

	sim_begin(&sched_rr, 1);
	a = add(weight(256), 0, 0);
	b = add(weight(512), 0, 0);
	run_for(SECONDS(30));
	return near(a->ran, SECONDS(10), 2) && near(b->ran, SECONDS(20), 2) ? NULL : "uneven";
}

static const char *idle_steals(void)
{
	static const struct sched_ops *const all[] = { &sched_bvt, &sched_atropos, &sched_rr };

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		struct xeno_ctl_sched p = { 0 };

		sim_begin(all[i], 2);
		all[i]->defaults(&p, false);
		add(p, 0, 0);
		add(p, 0, 0); /* both on CPU 0 */
		run_for(SECONDS(1));
		if (!near(sim.a[0].ran + sim.a[1].ran, SECONDS(2), 2))
			return all[i]->name;
	}
	return NULL;
}

static const char *steal_respects(void)
{
	struct actor *pinned, *saved;
	static bool yes = true;
	bool busy = false;

	sim_begin(&sched_bvt, 2);
	pinned = add(weight(256), 0, 0);
	pinned->affinity.bits[0] = 1;
	saved = add(weight(256), 0, 0);
	saved->e.running = &yes;
	if (sched_queue_victim(sim.ops, &sim.q[0], 1, &busy))
		return "took one that is pinned, or not saved yet";
	if (!busy)
		return "does not say that one will be ready";
	sim_begin(&sched_atropos, 2);
	add(share(MILLISECS(1), MILLISECS(10), 0, true), 0, 0);
	return sched_queue_victim(sim.ops, &sim.q[0], 1, &busy) ? "took a guaranteed one" : NULL;
}

/* A long stay elsewhere gives neither credit nor debt beyond what it had. */
static const char *bvt_moves_fairly(void)
{
	struct actor *a;

	sim_begin(&sched_bvt, 2);
	a = add(weight(256), 0, 0);
	sim.q[0].bvt_svt = 1000000;
	a->e.bvt.vt = 1005000;
	sim.q[1].bvt_svt = 77;
	sim.ops->detach(&sim.q[0], &a->e);
	sim.ops->attach(&sim.q[1], &a->e);
	return a->e.bvt.vt == 5077 ? NULL : "virtual time was not carried over";
}

static const char *parameters(void)
{
	struct xeno_ctl_sched p = weight(0);

	if (!sched_bvt.check(&p) || !sched_rr.check(&p))
		return "weight 0";
	p = weight(65536);
	if (!sched_bvt.check(&p))
		return "weight 65536";
	p = weight(256);
	p.slice_ns = 1;
	if (!sched_bvt.check(&p) || !sched_rr.check(&p))
		return "another scheduler's parameter";
	p = share(MILLISECS(11), MILLISECS(10), 0, false);
	if (!sched_atropos.check(&p))
		return "a slice longer than the period";
	p = share(0, 0, 0, false);
	if (!sched_atropos.check(&p))
		return "neither guarantee nor extra time";
	p = share(MILLISECS(1), ~0ll >> 1, 0, false);
	if (!sched_atropos.check(&p))
		return "a period of centuries";
	for (int dom0 = 0; dom0 < 2; dom0++) {
		static const struct sched_ops *const all[] = { &sched_bvt, &sched_atropos,
							       &sched_rr };

		for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
			memset(&p, 0, sizeof(p));
			all[i]->defaults(&p, dom0);
			if (all[i]->check(&p))
				return "a default is refused";
		}
	}
	return NULL;
}

static const struct {
	const char *name;
	const char *(*fn)(void);
} tests[] = {
	{ "bvt-weights", bvt_weights },
	{ "bvt-extreme-weights", bvt_extreme_weights },
	{ "bvt-long-run", bvt_long_run },
	{ "bvt-sleeper-gets-no-credit", bvt_sleeper_gets_no_credit },
	{ "bvt-wakes-promptly", bvt_wakes_promptly },
	{ "bvt-no-starvation", bvt_many_no_starvation },
	{ "bvt-warp", bvt_warp },
	{ "bvt-warp-limit", bvt_warp_limit },
	{ "bvt-yield", bvt_yield },
	{ "bvt-moves-fairly", bvt_moves_fairly },
	{ "atropos-guarantees", atropos_guarantees },
	{ "atropos-full-load", atropos_full_load },
	{ "atropos-sleeper-cannot-cheat", atropos_sleeper_cannot_cheat },
	{ "atropos-latency", atropos_latency },
	{ "atropos-extra-in-turn", atropos_extra_in_turn },
	{ "atropos-admission", atropos_admission },
	{ "rr-turns", rr_turns },
	{ "idle-steals", idle_steals },
	{ "steal-respects", steal_respects },
	{ "parameters", parameters },
};

int main(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++)
		verdict(tests[i].name, tests[i].fn());
	return failures != 0;
}

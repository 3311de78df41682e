/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Atropos: absolute shares. A vcpu with a guarantee gets `slice` in every
 * `period`, by earliest deadline first; what is left goes to those marked `extra`, in
 * turn. A vcpu with slice 0 lives on extra time alone, which is everybody's default
 * but domain 0's.
 *
 * - A slice is what a period holds: used up, the vcpu waits for its deadline (or runs
 *   on extra time). An overrun is owed from the next slice.
 * - Waking: what was left of the slice is kept if using it by the deadline is within the
 *   share. Else a new period begins at once, first as short as `latency`, doubling
 *   until it has its length. So a vcpu that slept through part of its period cannot
 *   take two slices back to back from the others (the rule of constant-bandwidth
 *   servers), and yet is served within `latency` of an event.
 * - The promises on one CPU never exceed the whole (q->atropos_reserved), so that
 *   all deadlines can be met; guaranteed vcpus are not moved by idle CPUs.
 */
#include <hyp/lib.h>
#include <hyp/sched_policy.h>
#include <hyp/timer.h>

#define MIN_PERIOD MILLISECS(1)
#define MAX_PERIOD SECONDS(3) /* products of two fit in 64 bits */
#define MIN_SLICE MICROSECS(50)
#define EXTRA_TURN MILLISECS(5)
#define WHOLE 1000000u

static void atropos_defaults(struct xeno_ctl_sched *p, bool dom0)
{
	p->extra = 1;
	if (dom0) {
		p->period_ns = (uint64_t)MILLISECS(20);
		p->slice_ns = (uint64_t)MILLISECS(5);
		p->latency_ns = (uint64_t)MILLISECS(2);
	}
}

static int atropos_check(const struct xeno_ctl_sched *p)
{
	if (p->weight || p->warp_ns || p->warp_limit_ns || p->unwarp_ns || p->extra > 1)
		return -EINVAL;
	if (!p->slice_ns)
		return p->extra && !p->period_ns && !p->latency_ns ? 0 : -EINVAL;
	if (p->period_ns < MIN_PERIOD || p->period_ns > MAX_PERIOD || p->slice_ns < MIN_SLICE ||
	    p->slice_ns > p->period_ns)
		return -EINVAL;
	if (p->latency_ns && (p->latency_ns < MIN_PERIOD || p->latency_ns > p->period_ns))
		return -EINVAL;
	return 0;
}

static uint32_t share(const struct atropos_ent *a)
{
	return a->slice ? (uint32_t)(a->slice * WHOLE / a->period) : 0;
}

/* An overrun, a negative rest, is owed from the next slice. */
static s_time_t owed(const struct atropos_ent *a)
{
	return min(a->remain, (s_time_t)0);
}

static void period_begin(struct atropos_ent *a, s_time_t length)
{
	a->cur_period = length;
	a->cur_slice =
		a->period ?
			(s_time_t)((uint64_t)a->slice * (uint64_t)length / (uint64_t)a->period) :
			0;
}

static int atropos_set(struct sched_queue *q, struct sched_ent *e, const struct xeno_ctl_sched *p)
{
	struct atropos_ent n = { .period = (s_time_t)p->period_ns,
				 .slice = (s_time_t)p->slice_ns,
				 .latency = (s_time_t)p->latency_ns,
				 .extra = p->extra };
	uint32_t old = e->detached ? 0 : share(&e->atropos);

	if (!e->detached) {
		if (share(&n) > old && q->atropos_reserved - old + share(&n) > WHOLE)
			return -EINVAL;
		q->atropos_reserved += share(&n) - old;
	}
	period_begin(&n, n.period);
	e->atropos = n; /* deadline 0: a new period begins with the next look */
	return 0;
}

static void atropos_get(const struct sched_ent *e, struct xeno_ctl_sched *p)
{
	p->extra = e->atropos.extra;
	p->period_ns = (uint64_t)e->atropos.period;
	p->slice_ns = (uint64_t)e->atropos.slice;
	p->latency_ns = (uint64_t)e->atropos.latency;
}

static bool atropos_fits(const struct sched_queue *q, const struct sched_ent *e)
{
	return q->atropos_reserved + share(&e->atropos) <= WHOLE;
}

static void atropos_attach(struct sched_queue *q, struct sched_ent *e)
{
	q->atropos_reserved += share(&e->atropos);
}

static void atropos_detach(struct sched_queue *q, struct sched_ent *e)
{
	q->atropos_reserved -= share(&e->atropos);
}

static void atropos_wake(struct sched_queue *q, struct sched_ent *e, s_time_t t)
{
	struct atropos_ent *a = &e->atropos;

	if (!a->slice)
		return;
	if (t < a->deadline &&
	    (a->remain <= 0 || (uint64_t)a->remain * (uint64_t)a->period <=
				       (uint64_t)(a->deadline - t) * (uint64_t)a->slice))
		return;
	period_begin(a, a->latency ? a->latency : a->period);
	a->deadline = t + a->cur_period;
	a->remain = a->cur_slice + owed(a);
}

static void atropos_charge(struct sched_queue *q, struct sched_ent *e, s_time_t ran, s_time_t t)
{
	if (e->atropos.on_extra)
		e->atropos.extra_used += ran;
	else
		e->atropos.remain -= ran;
}

/* A period that is over gives way to the next. */
static void refresh(struct atropos_ent *a, s_time_t t)
{
	if (!a->slice || t < a->deadline)
		return;
	period_begin(a, min(2 * a->cur_period, a->period));
	a->deadline += a->cur_period;
	if (a->deadline <= t)
		a->deadline = t + a->cur_period;
	a->remain = max(a->cur_slice + owed(a), -a->cur_slice);
}

/* The better of two, each possibly NULL, among those with something left of a guarantee. */
static struct sched_ent *earlier(struct sched_ent *best, struct sched_ent *e, s_time_t *event)
{
	struct atropos_ent *a = &e->atropos;

	if (!a->slice)
		return best;
	if (a->remain <= 0) { /* waits for its deadline: that is when to ask again */
		if (!*event || a->deadline < *event)
			*event = a->deadline;
		return best;
	}
	return !best || a->deadline < best->atropos.deadline ? e : best;
}

/* Whose turn on extra time it is; NULL: nobody wants it. */
static struct sched_ent *extra_turn(struct sched_queue *q)
{
	struct sched_ent *curr = q->curr;
	bool mine = curr && curr->atropos.extra && !curr->yielded;
	struct list *p;

	if (mine && curr->atropos.on_extra && curr->atropos.extra_used < EXTRA_TURN)
		return curr;
	list_for_each(p, &q->waiting) {
		struct sched_ent *e = list_entry(p, struct sched_ent, link);

		if (e->atropos.extra) {
			e->atropos.extra_used = 0;
			return e;
		}
	}
	if (!curr || !curr->atropos.extra)
		return NULL;
	curr->atropos.extra_used = 0;
	return curr;
}

static struct sched_ent *atropos_pick(struct sched_queue *q, s_time_t t, s_time_t *until)
{
	struct sched_ent *best = NULL, *curr = q->curr;
	s_time_t event = 0, run;
	struct list *p;

	if (curr)
		refresh(&curr->atropos, t);
	if (curr && !curr->yielded)
		best = earlier(best, curr, &event);
	list_for_each(p, &q->waiting) {
		struct sched_ent *e = list_entry(p, struct sched_ent, link);

		refresh(&e->atropos, t);
		best = earlier(best, e, &event);
	}
	if (best) {
		best->atropos.on_extra = false;
		run = best->atropos.remain;
	} else {
		best = extra_turn(q);
		if (best)
			best->atropos.on_extra = true;
		run = EXTRA_TURN - (best ? best->atropos.extra_used : 0);
	}
	/* Who yielded with time left is asked again soon. */
	if (curr && curr->yielded && best != curr)
		run = min(run, MILLISECS(1));
	*until = best ? t + max(run, MIN_SLICE) : 0;
	if (event && (!*until || event < *until))
		*until = event;
	return best;
}

static bool atropos_preempts(const struct sched_queue *q, const struct sched_ent *e)
{
	const struct atropos_ent *a = &e->atropos, *c = &q->curr->atropos;

	if (!a->slice || a->remain <= 0)
		return false;
	return c->on_extra || c->remain <= 0 || a->deadline < c->deadline;
}

static bool atropos_stealable(const struct sched_ent *e)
{
	return !e->atropos.slice;
}

const struct sched_ops sched_atropos = {
	.name = "atropos",
	.defaults = atropos_defaults,
	.check = atropos_check,
	.set = atropos_set,
	.get = atropos_get,
	.fits = atropos_fits,
	.attach = atropos_attach,
	.detach = atropos_detach,
	.wake = atropos_wake,
	.charge = atropos_charge,
	.pick = atropos_pick,
	.preempts = atropos_preempts,
	.stealable = atropos_stealable,
};

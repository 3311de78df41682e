/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Borrowed virtual time (Duda and Cheriton, 1999), the default: shares by
 * weight, with low latency for those allowed to warp.
 *
 * Running costs virtual time, the more the smaller the weight. Who is furthest
 * behind runs: the least *effective* virtual time, which is the actual one less the
 * warp. A sleeper does not save up: it wakes no further behind than the last of
 * the runnable. curr is kept until it is ahead by the context-switch allowance, except
 * against somebody who just woke and is not ahead of it.
 *
 * Virtual time counts in 1/16 ns at weight 1 and is 64 bits wide: it does not wrap
 * within 18 years of running at the least weight. A warp is borrowed, never given: the
 * actual virtual time goes on, so the share stays what the weight says. A vcpu may
 * run warped for warp_limit, then not for unwarp.
 *
 * Not here: fairness between CPUs (shares hold among those placed on one CPU), and
 * shares of domains as opposed to vcpus.
 */
#include <hyp/lib.h>
#include <hyp/sched_policy.h>
#include <hyp/timer.h>

#define ALLOWANCE MILLISECS(5)
#define SCALE 16
#define DEFAULT_WEIGHT 256
#define MAX_RUN MILLISECS(100)
#define MAX_WARP SECONDS(10)

static int64_t units(s_time_t ns, uint32_t weight)
{
	return ns * SCALE / weight;
}

static int64_t effective(const struct sched_ent *e)
{
	return e->bvt.vt - (e->bvt.warped ? units(e->bvt.warp, DEFAULT_WEIGHT) : 0);
}

static void bvt_defaults(struct xeno_ctl_sched *p, bool dom0)
{
	p->weight = DEFAULT_WEIGHT;
	if (dom0) { /* it serves people and the others' tools */
		p->warp_ns = (uint64_t)MILLISECS(10);
		p->warp_limit_ns = (uint64_t)MILLISECS(10);
		p->unwarp_ns = (uint64_t)MILLISECS(20);
	}
}

static int bvt_check(const struct xeno_ctl_sched *p)
{
	if (!p->weight || p->weight > 65535 || p->extra || p->period_ns || p->slice_ns ||
	    p->latency_ns)
		return -EINVAL;
	if (p->warp_ns > MAX_WARP || p->warp_limit_ns > MAX_WARP || p->unwarp_ns > MAX_WARP)
		return -EINVAL;
	return 0;
}

static int bvt_set(struct sched_queue *q, struct sched_ent *e, const struct xeno_ctl_sched *p)
{
	struct bvt_ent *b = &e->bvt;

	b->weight = p->weight;
	b->warp = (s_time_t)p->warp_ns;
	b->warp_limit = (s_time_t)p->warp_limit_ns;
	b->unwarp = (s_time_t)p->unwarp_ns;
	b->rem = 0;
	b->warped = false;
	b->warp_used = 0;
	return 0;
}

static void bvt_get(const struct sched_ent *e, struct xeno_ctl_sched *p)
{
	p->weight = e->bvt.weight;
	p->warp_ns = (uint64_t)e->bvt.warp;
	p->warp_limit_ns = (uint64_t)e->bvt.warp_limit;
	p->unwarp_ns = (uint64_t)e->bvt.unwarp;
}

/* Between queues, vt is the lead over the queue's time: queues advance at their own paces. */
static void bvt_detach(struct sched_queue *q, struct sched_ent *e)
{
	e->bvt.vt = max(e->bvt.vt - q->bvt_svt, (int64_t)0);
}

static void bvt_attach(struct sched_queue *q, struct sched_ent *e)
{
	e->bvt.vt += q->bvt_svt;
}

/* Begins or ends warping; t is now. */
static void warp_update(struct bvt_ent *b, s_time_t t)
{
	if (!b->warp) {
		b->warped = false;
	} else if (b->warped && b->warp_limit && b->warp_used >= b->warp_limit) {
		b->warped = false;
		b->unwarp_until = t + b->unwarp;
	} else if (!b->warped && t >= b->unwarp_until) {
		b->warped = true;
		b->warp_used = 0;
	}
}

/* The account of a warp is closed by sleeping for as long as it would be forbidden. */
static void bvt_wake(struct sched_queue *q, struct sched_ent *e, s_time_t t)
{
	struct bvt_ent *b = &e->bvt;

	b->vt = max(b->vt, q->bvt_svt);
	b->fresh = true;
	if (t - b->since >= b->unwarp)
		b->warp_used = 0;
	warp_update(b, t);
}

static void svt_update(struct sched_queue *q)
{
	int64_t least = q->curr ? q->curr->bvt.vt : INT64_MAX;
	struct list *p;

	list_for_each(p, &q->waiting)
		least = min(least, list_entry(p, struct sched_ent, link)->bvt.vt);
	if (least != INT64_MAX)
		q->bvt_svt = max(q->bvt_svt, least);
}

static void bvt_charge(struct sched_queue *q, struct sched_ent *e, s_time_t ran, s_time_t t)
{
	struct bvt_ent *b = &e->bvt;
	uint64_t cost = (uint64_t)ran * SCALE + b->rem;

	b->vt += (int64_t)(cost / b->weight);
	b->rem = cost % b->weight;
	b->since = t;
	if (b->warped)
		b->warp_used += ran;
	warp_update(b, t);
	svt_update(q);
}

/* How long an entity that much behind the next one may run. */
static s_time_t bvt_run_time(const struct bvt_ent *b, int64_t behind)
{
	s_time_t run = MAX_RUN;

	behind = max(behind, (int64_t)0);
	if (behind < units(MAX_RUN, b->weight))
		run = behind * (s_time_t)b->weight / SCALE + ALLOWANCE;
	if (b->warped && b->warp_limit && run > b->warp_limit - b->warp_used)
		run = b->warp_limit - b->warp_used;
	if (run > MAX_RUN)
		run = MAX_RUN;
	return max(run, MICROSECS(100));
}

static struct sched_ent *bvt_pick(struct sched_queue *q, s_time_t t, s_time_t *until)
{
	struct sched_ent *curr = q->curr, *best = NULL, *chosen;
	struct list *p;

	list_for_each(p, &q->waiting) {
		struct sched_ent *e = list_entry(p, struct sched_ent, link);

		warp_update(&e->bvt, t);
		if (!best || effective(e) < effective(best))
			best = e;
	}
	*until = 0;
	if (!best)
		return curr;
	chosen = best;
	if (curr && !curr->yielded) {
		int64_t lead = effective(curr) - effective(best);

		if (lead < (best->bvt.fresh ? 0 : units(ALLOWANCE, curr->bvt.weight)))
			chosen = curr;
	}
	/* Against the next one; after a switch that may be anybody, so ask again soon. */
	*until = t +
		 bvt_run_time(&chosen->bvt, chosen == curr ? effective(best) - effective(curr) : 0);
	chosen->bvt.fresh = false;
	return chosen;
}

static bool bvt_preempts(const struct sched_queue *q, const struct sched_ent *e)
{
	return effective(e) <= effective(q->curr);
}

const struct sched_ops sched_bvt = {
	.name = "bvt",
	.defaults = bvt_defaults,
	.check = bvt_check,
	.set = bvt_set,
	.get = bvt_get,
	.attach = bvt_attach,
	.detach = bvt_detach,
	.wake = bvt_wake,
	.charge = bvt_charge,
	.pick = bvt_pick,
	.preempts = bvt_preempts,
};

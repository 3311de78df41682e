/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Round robin: everybody in turn, for 10 ms at weight 256. Simple and fair among
 * those that compute; who wakes waits for its turn. For comparison and for
 * debugging the others.
 */
#include <hyp/lib.h>
#include <hyp/sched_policy.h>
#include <hyp/timer.h>

#define DEFAULT_WEIGHT 256
#define MIN_WEIGHT 16
#define MAX_WEIGHT 4096

static s_time_t slice(const struct sched_ent *e)
{
	return MILLISECS(10) * e->rr.weight / DEFAULT_WEIGHT;
}

static void rr_defaults(struct xeno_ctl_sched *p, bool dom0)
{
	p->weight = DEFAULT_WEIGHT;
}

static int rr_check(const struct xeno_ctl_sched *p)
{
	if (p->weight < MIN_WEIGHT || p->weight > MAX_WEIGHT)
		return -EINVAL;
	if (p->extra || p->warp_ns || p->warp_limit_ns || p->unwarp_ns || p->period_ns ||
	    p->slice_ns || p->latency_ns)
		return -EINVAL;
	return 0;
}

static int rr_set(struct sched_queue *q, struct sched_ent *e, const struct xeno_ctl_sched *p)
{
	e->rr.weight = p->weight;
	return 0;
}

static void rr_get(const struct sched_ent *e, struct xeno_ctl_sched *p)
{
	p->weight = e->rr.weight;
}

static void rr_place(struct sched_queue *q, struct sched_ent *e)
{
}

static void rr_wake(struct sched_queue *q, struct sched_ent *e, s_time_t t)
{
	e->rr.left = slice(e);
}

static void rr_charge(struct sched_queue *q, struct sched_ent *e, s_time_t ran, s_time_t t)
{
	e->rr.left -= ran;
}

static struct sched_ent *rr_pick(struct sched_queue *q, s_time_t t, s_time_t *until)
{
	struct sched_ent *e = q->curr;

	*until = 0;
	if (list_empty(&q->waiting)) {
		if (e && e->rr.left <= 0)
			e->rr.left = slice(e);
		return e;
	}
	if (!e || e->yielded || e->rr.left <= 0) {
		e = list_entry(q->waiting.next, struct sched_ent, link);
		e->rr.left = slice(e);
	}
	*until = t + e->rr.left;
	return e;
}

const struct sched_ops sched_rr = {
	.name = "rr",
	.defaults = rr_defaults,
	.check = rr_check,
	.set = rr_set,
	.get = rr_get,
	.attach = rr_place,
	.detach = rr_place,
	.wake = rr_wake,
	.charge = rr_charge,
	.pick = rr_pick,
};

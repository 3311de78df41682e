/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a scheduling policy decides, pure: given a CPU's queue of runnable
 * entities and the time, who runs, and until when. sched/bvt.c, atropos.c and rr.c
 * implement it; they touch nothing but the structures below, and run in the
 * host's unit tests. sched/core.c does the rest.
 *
 * An entity is waiting (in q->waiting), running (q->curr) or asleep (neither).
 * Every call happens with the queue's lock held.
 */
#ifndef HYP_SCHED_POLICY_H
#define HYP_SCHED_POLICY_H

#include <hyp/bits.h>
#include <hyp/list.h>
#include <hyp/types.h>
#include <public/control.h>

struct bvt_ent {
	int64_t vt;   /* actual virtual time */
	uint64_t rem; /* what the last division by the weight left */
	uint32_t weight;
	s_time_t warp, warp_limit, unwarp; /* parameters, ns */
	bool warped, fresh;
	s_time_t warp_used;    /* run while warped, since warping began */
	s_time_t unwarp_until; /* system time from which it may warp again */
	s_time_t since;	       /* asleep since, for the warp's account */
};

struct atropos_ent {
	s_time_t period, slice, latency; /* parameters; slice 0 = no guarantee */
	bool extra, on_extra;
	s_time_t cur_period, cur_slice; /* shorter at first after a wake-up with a latency */
	s_time_t deadline, remain, extra_used;
};

struct rr_ent {
	uint32_t weight;
	s_time_t left;
};

struct sched_ent {
	struct list link; /* in q->waiting */
	void *vcpu;
	const cpumask_t *affinity;
	const bool *running; /* its state is on a CPU, possibly still being saved */
	bool yielded;	     /* the next pick passes it over, once */
	bool detached;	     /* between two queues */
	union {
		struct bvt_ent bvt;
		struct atropos_ent atropos;
		struct rr_ent rr;
	};
};

struct sched_queue {
	struct list waiting; /* in order of arrival */
	unsigned int nr;     /* entities waiting; read without the lock as a hint */
	struct sched_ent *curr;
	int64_t bvt_svt;	   /* least virtual time of the runnable, never falls */
	uint32_t atropos_reserved; /* parts per million promised to entities placed here */
};

struct sched_ops {
	const char *name;
	void (*defaults)(struct xeno_ctl_sched *p, bool dom0);
	int (*check)(const struct xeno_ctl_sched *p);
	/* Checked parameters. -EINVAL: not with what else is placed here. New entities: as detached. */
	int (*set)(struct sched_queue *q, struct sched_ent *e, const struct xeno_ctl_sched *p);
	void (*get)(const struct sched_ent *e, struct xeno_ctl_sched *p);
	/* It could be placed here as well. NULL: always. */
	bool (*fits)(const struct sched_queue *q, const struct sched_ent *e);
	void (*attach)(struct sched_queue *q, struct sched_ent *e); /* placed on this CPU */
	void (*detach)(struct sched_queue *q, struct sched_ent *e);
	void (*wake)(struct sched_queue *q, struct sched_ent *e, s_time_t t); /* about to wait */
	void (*charge)(struct sched_queue *q, struct sched_ent *e, s_time_t ran, s_time_t t);
	/* Who runs now, of waiting and curr; NULL: nobody. *until: when to ask again, 0 = at the next change. */
	struct sched_ent *(*pick)(struct sched_queue *q, s_time_t t, s_time_t *until);
	/* e, waiting, should run at once in place of q->curr, which has been charged. NULL: never. */
	bool (*preempts)(const struct sched_queue *q, const struct sched_ent *e);
	/* Idle CPUs may take it. NULL: always. */
	bool (*stealable)(const struct sched_ent *e);
};

extern const struct sched_ops sched_bvt, sched_atropos, sched_rr;

static inline void sched_queue_init(struct sched_queue *q)
{
	list_init(&q->waiting);
	q->nr = 0;
	q->curr = NULL;
	q->bvt_svt = 0;
	q->atropos_reserved = 0;
}

static inline void sched_queue_add(struct sched_queue *q, struct sched_ent *e)
{
	list_add_tail(&q->waiting, &e->link);
	q->nr++;
}

static inline void sched_queue_del(struct sched_queue *q, struct sched_ent *e)
{
	list_del(&e->link);
	q->nr--;
}

static inline bool sched_ent_waits(const struct sched_ent *e)
{
	return !list_empty(&e->link);
}

/* The choice and its consequences for the queue: curr waits again, the chosen runs. */
static inline struct sched_ent *
sched_queue_switch(const struct sched_ops *ops, struct sched_queue *q, s_time_t t, s_time_t *until)
{
	struct sched_ent *prev = q->curr, *next = ops->pick(q, t, until);

	if (prev)
		prev->yielded = false;
	if (next == prev)
		return next;
	if (prev)
		sched_queue_add(q, prev);
	if (next)
		sched_queue_del(q, next);
	q->curr = next;
	return next;
}

static inline bool sched_ent_may_move(const struct sched_ops *ops, const struct sched_ent *e)
{
	return !ops->stealable || ops->stealable(e);
}

/* An entity an idle CPU may take from this queue, or NULL. *busy: one is not saved yet, else would do. */
static inline struct sched_ent *sched_queue_victim(const struct sched_ops *ops,
						   const struct sched_queue *q, unsigned int cpu,
						   bool *busy)
{
	struct list *p;

	list_for_each(p, &q->waiting) {
		struct sched_ent *e = list_entry(p, struct sched_ent, link);

		if (!cpumask_test(e->affinity, cpu) || !sched_ent_may_move(ops, e))
			continue;
		if (!READ_ONCE(*e->running))
			return e;
		*busy = true;
	}
	return NULL;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hypervisor's back ends have in common: a device's nodes in the directory
 * (xenstore/device.c), and work that their events cause (sched/slot_work.c).
 *
 * The front end's nodes are device/<type>/<nr> of the domain's tree, which it may change; the back
 * end's are hyp/<type>/<nr> of the same tree, where the guest reads only.
 */
#ifndef HYP_DEVICE_H
#define HYP_DEVICE_H

#include <hyp/sched.h>
#include <hyp/timer.h>
#include <hyp/types.h>
#include <public/io/xenbus.h>

struct domain;

/* --- nodes. Below RANK_XENSTORE. */
struct device {
	struct domain *d;
	const char *type; /* "vbd", "vif" */
	uint32_t nr;
};

struct device_number {
	const char *name;
	uint64_t n;
};

#define DEVICE_TEXT 24 /* room for a value that device_front_text() reads */

/* Into the back end's nodes. 0, -ENOSPC, -ENOMEM ... */
int device_put(const struct device *v, const char *name, const char *val);
int device_put_number(const struct device *v, const char *name, uint64_t n);
int device_put_numbers(const struct device *v, const struct device_number *n, size_t nr);
/* Into the front end's. */
int device_put_front(const struct device *v, const char *name, const char *val);
/* Where the back end is, and the state that makes the front end's driver start: last of all. */
int device_offer(const struct device *v);
/* Both sides' nodes go. */
void device_remove_nodes(const struct device *v);
/* What the guest wrote: its length, cut to DEVICE_TEXT - 1; or -ENOENT. */
int device_front_text(const struct device *v, const char *name, char val[DEVICE_TEXT]);
/* The same as a number; false: there is none. */
bool device_front_number(const struct device *v, const char *name, uint32_t *n);
bool device_front_flag(const struct device *v, const char *name);
unsigned int device_front_state(const struct device *v); /* XenbusStateUnknown: no nodes */

/*
 * --- work by slots: a set of up to 64 things of a domain that a task shall look at, in
 * turns. It rests between its runs: a guest that causes work all the time has no more
 * than a part of the CPU that serves it, whose time is others'. Each time the task is due it holds a
 * reference to the domain.
 */
struct slot_work {
	struct domain *d;
	/* No locks held. The thing may be gone, or another one, by now. */
	void (*look)(struct slot_work *w, unsigned int slot);
	struct task task;
	struct timer timer;
	bool due;	 /* atomic */
	s_time_t rested; /* not again before */
	uint64_t todo;	 /* slots, atomic */
	unsigned int at; /* the one it begins with */
};

void slot_work_init(struct slot_work *w, struct domain *d,
		    void (*look)(struct slot_work *w, unsigned int slot));
/* Below RANK_TIMER, d alive. */
void slot_work_later(struct slot_work *w, uint64_t slots);

#endif

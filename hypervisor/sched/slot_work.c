/* SPDX-License-Identifier: GPL-2.0-only */
/* Work by slots: see hyp/device.h. */
#include <hyp/bits.h>
#include <hyp/device.h>
#include <hyp/domain.h>
#include <hyp/lib.h>

#define LOOKS 4 /* at slots in one go, none of them after: */
#define LONG MICROSECS(500)
#define REST 3 /* times as long as that took, at most: */
#define MAX_REST MILLISECS(1)

/* Takes the next slot in turn from what is to do. False: there is none. */
static bool take_slot(struct slot_work *w, unsigned int *slot)
{
	unsigned int at = READ_ONCE(w->at) % 64;
	uint64_t todo = __atomic_load_n(&w->todo, __ATOMIC_SEQ_CST);

	if (!todo)
		return false;
	*slot = find_first_set(todo >> at ? todo >> at << at : todo);
	WRITE_ONCE(w->at, *slot + 1);
	test_and_clear_atomic(&w->todo, *slot);
	return true;
}

static bool look_at_some(void *data)
{
	struct slot_work *w = data;
	struct domain *d = w->d;
	s_time_t began = now(), ended = began;
	unsigned int slot;

	__atomic_store_n(&w->due, false, __ATOMIC_SEQ_CST);
	for (unsigned int n = 0; n < LOOKS && ended - began < LONG && take_slot(w, &slot); n++) {
		w->look(w, slot);
		ended = now();
	}
	WRITE_ONCE(w->rested, ended + min(REST * (ended - began), MAX_REST));
	if (__atomic_load_n(&w->todo, __ATOMIC_SEQ_CST))
		slot_work_later(w, 0);
	domain_put(d);
	return false;
}

static void rested(void *data)
{
	struct slot_work *w = data;

	task_queue(&w->task);
}

void slot_work_later(struct slot_work *w, uint64_t slots)
{
	__atomic_fetch_or(&w->todo, slots, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&w->due, true, __ATOMIC_SEQ_CST))
		return;
	if (!domain_get(w->d))
		return;
	if (READ_ONCE(w->rested) > now())
		timer_set(&w->timer, READ_ONCE(w->rested));
	else
		task_queue(&w->task);
}

void slot_work_init(struct slot_work *w, struct domain *d,
		    void (*look)(struct slot_work *w, unsigned int slot))
{
	w->d = d;
	w->look = look;
	w->task = (struct task){ .fn = look_at_some, .data = w };
	timer_init(&w->timer, rested, w);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network cards: the queues between vnet/ and the drivers.
 *
 * A frame to send is at one place at a time: in nic->waiting, in nic->started (the driver has
 * it), in nic->finished, or with its owner again. Only nic_unlock() moves frames on, in order; who
 * is in there goes on with what others bring meanwhile (`busy`), a bounded number of times, then
 * a task does. Nothing is repeated: what a reset finds in the ring, what comes while too many wait, the
 * link is down or the card dead, is dropped, and counted.
 *
 * Frames that come are taken by one CPU at a time (`receiving`), in batches, without the lock
 * while they are handed on. After RX_BUDGET of them the card rests for half the time they
 * took: so a flood from outside leaves time for everything else, and is lost in the card.
 * There is no reset while a receiver looks at the driver's buffers.
 *
 * Not here: what is in a frame; classes and rates (vnet/ has them).
 */
#include <hyp/lib.h>
#include <hyp/nic.h>

#define TIMEOUT SECONDS(5)
#define RETRY_TIME MILLISECS(10)
#define MOST_WAITING 4 /* times the depth of the ring */
#define ROUNDS 4
#define RX_BATCH 16
#define RX_BUDGET 64
#define MOST_REST MILLISECS(1)
#define MESSAGES 32 /* of a card about its link and its resets */
#define ETH_HEADER 14
#define VLAN_TAG 4

void (*nic_receiver)(struct nic *n, const void *frame, unsigned int len, bool sum_ok);

static struct nic *nics[NIC_MAX];
static unsigned int nr_nics;

static struct nic_tx *first_frame(const struct list *l)
{
	return list_empty(l) ? NULL : list_entry(l->next, struct nic_tx, link);
}

static bool works(const struct nic *n)
{
	return !n->resetting && !n->dead;
}

static void arm(struct nic *n, s_time_t at)
{
	if (!timer_armed(&n->timer) || n->timer.expires > at)
		timer_set(&n->timer, at);
}

/* --- ends */

/* t is in no list. */
static void finish(struct nic *n, struct nic_tx *t, bool ok)
{
	t->failed = !ok;
	if (ok) {
		n->tx_frames++;
		n->tx_bytes += t->len;
	} else {
		n->tx_dropped++;
	}
	list_add_tail(&n->finished, &t->link);
}

void nic_sent(struct nic *n, struct nic_tx *t, bool ok)
{
	ASSERT(spin_held(&n->lock));
	list_del(&t->link);
	n->in_flight--;
	finish(n, t, ok);
}

static void drop_waiting(struct nic *n)
{
	struct nic_tx *t;

	while ((t = first_frame(&n->waiting))) {
		list_del(&t->link);
		finish(n, t, false);
	}
	n->nr_waiting = 0;
}

static void call_sent(struct nic *n)
{
	struct list batch = n->finished, *p, *next;

	batch.next->prev = batch.prev->next = &batch;
	list_init(&n->finished);
	spin_unlock(&n->lock);
	list_for_each_safe(p, next, &batch) {
		struct nic_tx *t = list_entry(p, struct nic_tx, link);

		t->sent(t, !t->failed);
	}
	spin_lock(&n->lock);
}

/* --- link and resets */

void nic_link(struct nic *n, bool up)
{
	ASSERT(spin_held(&n->lock));
	if (up == n->link)
		return;
	n->link = up;
	if (n->messages++ < MESSAGES)
		printk("nic %u: link %s\n", n->nr, up ? "up" : "down");
	if (!up)
		drop_waiting(n);
}

void nic_fault(struct nic *n, const char *what)
{
	ASSERT(spin_held(&n->lock));
	if (!works(n))
		return;
	if (n->messages++ < MESSAGES)
		printk(LOG_WARN "nic %u: %s, %u frames in its ring: reset\n", n->nr, what,
		       n->in_flight);
	n->resetting = true;
	n->reset_at = 0;
}

static void reset(struct nic *n)
{
	int err = n->ops->reset(n);
	struct nic_tx *t;

	if (err == -EAGAIN) {
		n->reset_at = now() + RETRY_TIME;
		return;
	}
	n->resetting = false;
	n->resets++;
	while ((t = first_frame(&n->started)))
		nic_sent(n, t, false);
	if (err) {
		printk(LOG_ERR "nic %u: cannot be reset, given up\n", n->nr);
		n->dead = true;
		nic_link(n, false);
	}
}

/* --- sending */

/* -EAGAIN: the driver has no room. */
static int start(struct nic *n, struct nic_tx *t)
{
	int err;

	list_del(&t->link);
	list_add_tail(&n->started, &t->link);
	t->deadline = now() + TIMEOUT;
	n->nr_waiting--;
	n->in_flight++;
	err = n->ops->send(n, t);
	if (!err)
		return 0;
	list_del(&t->link);
	n->in_flight--;
	if (err == -EAGAIN) {
		list_add(&n->waiting, &t->link);
		n->nr_waiting++;
	} else {
		finish(n, t, false);
	}
	return err;
}

static void dispatch(struct nic *n)
{
	unsigned int started = 0;
	struct nic_tx *t;
	int err = 0;

	while (err != -EAGAIN && n->in_flight < n->depth && (t = first_frame(&n->waiting))) {
		err = start(n, t);
		started += !err;
	}
	if (started && n->ops->kick)
		n->ops->kick(n);
	if (n->in_flight)
		arm(n, first_frame(&n->started)->deadline);
	else if (n->nr_waiting)
		arm(n, now() + RETRY_TIME);
}

static void run(struct nic *n)
{
	/* With a receiver at work, it is the end of nic_interrupt() that comes by here again. */
	if (n->resetting && !n->receiving && n->reset_at <= now())
		reset(n);
	if (works(n))
		dispatch(n);
	if (n->resetting && !n->receiving)
		arm(n, n->reset_at);
}

void nic_lock(struct nic *n)
{
	spin_lock(&n->lock);
}

void nic_unlock(struct nic *n)
{
	if (n->busy) {
		spin_unlock(&n->lock);
		return;
	}
	n->busy = true;
	for (unsigned int i = 0; run(n), !list_empty(&n->finished); i++) {
		if (i == ROUNDS) {
			task_queue(&n->later);
			break;
		}
		call_sent(n);
	}
	n->busy = false;
	spin_unlock(&n->lock);
}

static bool later(void *data)
{
	struct nic *n = data;

	nic_lock(n);
	nic_unlock(n);
	return false;
}

static bool acceptable(const struct nic *n, const struct nic_tx *t)
{
	unsigned int sum_end = t->csum_start + t->csum_offset + 2u;
	bool can = !t->csum || (n->can_csum && t->csum_start >= ETH_HEADER && sum_end <= t->len);

	if (t->gso_size)
		can = can && t->csum && sum_end <= t->head_len && t->head_len < t->len &&
		      (t->gso_v6 ? n->can_tso6 : n->can_tso4);
	else if (t->len > NIC_FRAME)
		return false;
	return can && n->link && !n->dead && n->nr_waiting < MOST_WAITING * n->depth &&
	       t->nr_segs && t->nr_segs <= n->max_segs && t->len >= ETH_HEADER;
}

/* t is in no list. */
static void enqueue(struct nic *n, struct nic_tx *t)
{
	t->tag = 0;
	if (acceptable(n, t)) {
		list_add_tail(&n->waiting, &t->link);
		n->nr_waiting++;
	} else {
		finish(n, t, false);
	}
}

void nic_send(struct nic *n, struct nic_tx *t)
{
	nic_lock(n);
	enqueue(n, t);
	nic_unlock(n);
}

void nic_send_list(struct nic *n, struct list *frames)
{
	struct list *p, *next;

	nic_lock(n);
	list_for_each_safe(p, next, frames) {
		list_del(p);
		enqueue(n, list_entry(p, struct nic_tx, link));
	}
	nic_unlock(n);
}

/* --- receiving */

static bool is_tagged(const uint8_t *frame)
{
	return frame[12] == 0x81 && !frame[13];
}

void nic_received(struct nic *n, const void *frame, unsigned int len, bool sum_ok)
{
	if (len < ETH_HEADER || len > NIC_FRAME + (is_tagged(frame) ? VLAN_TAG : 0)) {
		n->rx_errors++;
		return;
	}
	n->rx_frames++;
	n->rx_bytes += len;
	if (nic_receiver)
		nic_receiver(n, frame, len, sum_ok);
	else
		n->rx_dropped++;
}

/* One batch; returns how many frames. lock held, but for the time that they are handed on. */
static unsigned int receive(struct nic *n, unsigned int most)
{
	struct nic_rx rx[RX_BATCH];
	unsigned int nr = works(n) ? n->ops->poll(n, rx, min(most, (unsigned int)RX_BATCH)) : 0;

	nic_unlock(n);
	for (unsigned int i = 0; i < nr; i++)
		nic_received(n, rx[i].frame, rx[i].len, rx[i].sum_ok);
	nic_lock(n);
	return nr;
}

void nic_interrupt(struct nic *n)
{
	const s_time_t begin = now();
	unsigned int nr, left = RX_BUDGET;
	bool rests = false;

	nic_lock(n);
	n->again = true;
	if (n->receiving) {
		spin_unlock(&n->lock);
		return;
	}
	n->receiving = true;
	while (n->again && left) {
		n->again = false;
		rests = now() < n->rest_until;
		nr = receive(n, rests ? 0 : left);
		n->again |= nr != 0;
		left -= nr;
	}
	n->receiving = false;
	if (!left)
		n->rest_until = now() + min((now() - begin) / 2, MOST_REST);
	if (!left || rests)
		arm(n, n->rest_until);
	nic_unlock(n);
}

/* Also looks for what an interrupt may have failed to tell. */
static void timer_fired(void *data)
{
	struct nic *n = data;
	const struct nic_tx *oldest;

	nic_interrupt(n);
	nic_lock(n);
	oldest = first_frame(&n->started);
	if (oldest && works(n) && oldest->deadline <= now()) {
		n->timeouts++;
		nic_fault(n, "no answer");
	}
	nic_unlock(n);
}

/* --- the list of cards */

unsigned int nic_count(void)
{
	return nr_nics;
}

struct nic *nic_get(unsigned int nr)
{
	return nr < nr_nics ? nics[nr] : NULL;
}

int nic_add(struct nic *n)
{
	const uint8_t *m = n->mac;

	if (nr_nics == NIC_MAX) {
		printk(LOG_WARN "nic: %s %s is one too many\n", n->driver, n->where);
		return -ENOSPC;
	}
	spin_init(&n->lock, RANK_NIC, "nic");
	list_init(&n->waiting);
	list_init(&n->started);
	list_init(&n->finished);
	timer_init(&n->timer, timer_fired, n);
	n->later = (struct task){ .fn = later, .data = n };
	n->max_segs = min(n->max_segs, (uint16_t)NIC_MAX_SEGS);
	n->nr = nr_nics;
	nics[nr_nics++] = n;
	printk("nic %u: %s %s, %02x:%02x:%02x:%02x:%02x:%02x,%s%s%s %u frames\n", n->nr, n->driver,
	       n->where, m[0], m[1], m[2], m[3], m[4], m[5], n->can_csum ? " csum" : "",
	       n->can_tso4 ? " tso4" : "", n->can_tso6 ? " tso6" : "", n->depth);
	return 0;
}

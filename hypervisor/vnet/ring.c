/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings of virtual interfaces (public/io/netif.h): frames that a guest sends are taken from
 * one, frames for it are copied into the buffers that it offers in the other. Nothing is
 * allocated once they are connected.
 *
 * A frame that is taken keeps its pages pinned by their grants until it is answered: copied to its
 * receiver, sent by a card, or refused. Most are answered at once. One that waits, for a
 * receiver's buffers or in a card's ring, holds one of VIF_FRAMES; without a free one the
 * interface waits, and nobody else. Receivers get no more than half of them, and frames that are
 * not of a ring do not wait here. A receiver that lets frames wait for BACKLOG_TIME gets none in
 * future until it offers buffers again: so a dead one costs its senders next to nothing.
 *
 * The first VNET_HEAD bytes of a frame are copied before they are looked at, and the copy is what
 * goes on. The rest is copied or sent as it is by then.
 *
 * An impossible index, or a chain that is not all there, ends the service: the interface
 * is closed.
 */
#include <hyp/bits.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/evtchn.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/vif.h>
#include <public/io/ring.h>

#define VISIT 1024    /* work of one go: slots, pieces that a frame is cut into, and: */
#define FRAME_WORK 16 /* for each frame */
#define BACKLOG_TIME MILLISECS(500)
#define EXTRAS 4
#define ETH_HEADER 14
#define GSO_LEAST 48		 /* payload of a cut frame */
#define LIMIT_PAUSE MILLISECS(1) /* at least so long a held frame waits */
#define MOST_WAITS 20		 /* such pauses, for what a frame may be cut into */

static struct ring_header *head(const struct vif_ring *r)
{
	return r->page;
}

static void *tx_slot(const struct vif *v, uint32_t i)
{
	return ring_slot(v->tx.page, NETIF_TX_SLOTS, sizeof(struct netif_tx_request), i);
}

static void *rx_slot(const struct vif *v, uint32_t i)
{
	return ring_slot(v->rx.page, NETIF_RX_SLOTS, sizeof(struct netif_rx_response), i);
}

/* --- giving frames to a guest. rx_lock held. */

/* A place in a frame's pieces. */
struct reader {
	const struct nic_seg *seg, *end;
	uint32_t off;
};

static void read_frame(struct reader *r, uint8_t *to, uint32_t len)
{
	while (len && r->seg < r->end) {
		uint32_t n = min(len, r->seg->len - r->off);

		memcpy(to, (const uint8_t *)maddr_to_virt(r->seg->addr) + r->off, n);
		to += n;
		len -= n;
		r->off += n;
		if (r->off == r->seg->len) {
			r->seg++;
			r->off = 0;
		}
	}
}

static void rx_respond(struct vif *v, uint16_t id, uint16_t flags, int16_t status)
{
	const struct netif_rx_response rsp = { .id = id, .flags = flags, .status = status };

	memcpy(rx_slot(v, v->rx.rsp_prod++), &rsp, sizeof(rsp));
}

/* The next n bytes of the frame into the next buffer. */
static void fill_buffer(struct vif *v, struct reader *r, uint32_t n, uint16_t flags)
{
	struct netif_rx_request req;
	int16_t status = NETIF_ERROR;
	mfn_t mfn;

	memcpy(&req, rx_slot(v, v->rx.req_cons++), sizeof(req));
	barrier(); /* read once */
	if (!grant_pin(v->d, req.gref, DOMID_HYP, false, &mfn)) {
		read_frame(r, mfn_to_virt(mfn), n);
		grant_unpin(v->d, req.gref, false, mfn);
		status = (int16_t)n;
	}
	rx_respond(v, req.id, flags, status);
}

static uint16_t first_flags(const struct vnet_frame *f)
{
	return (f->p.partial ? NETRXF_CSUM_BLANK | NETRXF_DATA_VALIDATED : 0) |
	       (f->sum_ok ? NETRXF_DATA_VALIDATED : 0) | (f->tx.gso_size ? NETRXF_EXTRA_INFO : 0);
}

static void put_gso(struct vif *v, uint16_t size)
{
	const struct netif_extra_info x = { .type = NETIF_EXTRA_GSO,
					    .gso_size = size,
					    .gso_type = NETIF_GSO_TCPV4 };

	v->rx.req_cons++;
	memcpy(rx_slot(v, v->rx.rsp_prod++), &x, sizeof(x));
}

static unsigned int buffers_for(const struct vnet_frame *f)
{
	return (f->tx.len + PAGE_SIZE - 1) / PAGE_SIZE + !!f->tx.gso_size;
}

/* Are there buffers for f? If not, the guest is to say when it offers some. */
static bool has_buffers(struct vif *v, const struct vnet_frame *f)
{
	unsigned int need = buffers_for(f);
	uint32_t prod = __atomic_load_n(&head(&v->rx)->req_prod, __ATOMIC_ACQUIRE);

	if (prod - v->rx.req_cons < need) {
		WRITE_ONCE(head(&v->rx)->req_event, prod + 1);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		prod = __atomic_load_n(&head(&v->rx)->req_prod, __ATOMIC_ACQUIRE);
	}
	return prod - v->rx.req_cons >= need && prod - v->rx.rsp_prod <= NETIF_RX_SLOTS;
}

static void copy_to_guest(struct vif *v, struct vnet_frame *f)
{
	struct reader r = { .seg = f->tx.segs, .end = f->tx.segs + f->tx.nr_segs };
	uint16_t flags = first_flags(f);

	for (uint32_t left = f->tx.len; left;) {
		uint32_t n = min(left, (uint32_t)PAGE_SIZE);

		left -= n;
		fill_buffer(v, &r, n, flags | (left ? NETRXF_MORE_DATA : 0));
		if (flags & NETRXF_EXTRA_INFO)
			put_gso(v, f->tx.gso_size);
		flags = 0;
	}
	v->untold++;
	v->port->stats.recv_packets++;
	v->port->stats.recv_bytes += f->tx.len;
	__atomic_store_n(&head(&v->rx)->rsp_prod, v->rx.rsp_prod, __ATOMIC_SEQ_CST);
}

/* The guest hears of what has arrived, if it wants to, and not before the hold-off's end. */
static void tell(struct vif *v, bool now_at_last)
{
	uint32_t event;

	if (!v->rx.page)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = READ_ONCE(head(&v->rx)->rsp_event);
	if (ring_must_notify(v->told_prod, v->rx.rsp_prod, event)) {
		if (v->untold < v->hold_packets && !now_at_last) {
			if (!timer_armed(&v->hold_timer))
				timer_set(&v->hold_timer, now() + v->hold_ns);
			return;
		}
		evtchn_notify(v->d, v->rx.port);
	}
	v->told_prod = v->rx.rsp_prod;
	v->untold = 0;
}

static void hold_over(void *data)
{
	struct vif *v = data;

	spin_lock(&v->rx_lock);
	tell(v, true);
	spin_unlock(&v->rx_lock);
}

static void tell_later(struct vif *v, struct vnet_batch *b)
{
	for (unsigned int i = 0; i < b->nr_told; i++)
		if (b->told[i] == v)
			return;
	if (b->nr_told == VNET_TOLD) {
		tell(v, false);
		return;
	}
	b->told[b->nr_told++] = vif_get(v);
}

static enum vif_taken lose(struct vif *v)
{
	v->port->stats.lost++;
	return VIF_TAKEN;
}

static bool may_wait(const struct vif *v, const struct vnet_frame *f)
{
	return f->from && !f->lent && !v->stuck && v->nr_backlog < VIF_BACKLOG &&
	       __atomic_load_n(&f->from->waiting, __ATOMIC_SEQ_CST) < VIF_WAITING;
}

static enum vif_taken wait_for_buffers(struct vif *v, struct vnet_frame *f)
{
	if (!may_wait(v, f))
		return lose(v);
	__atomic_fetch_add(&f->from->waiting, 1, __ATOMIC_SEQ_CST);
	f->since = now();
	list_add_tail(&v->backlog, &f->wait);
	if (!v->nr_backlog++)
		timer_set(&v->backlog_timer, f->since + BACKLOG_TIME);
	return VIF_KEPT;
}

enum vif_taken vif_give(struct vif *v, struct vnet_frame *f, struct vnet_batch *b)
{
	enum vif_taken taken = VIF_TAKEN;

	spin_lock(&v->rx_lock);
	if (!v->rx.page) {
		taken = lose(v);
	} else if (v->nr_backlog || !has_buffers(v, f)) {
		taken = wait_for_buffers(v, f);
	} else {
		v->stuck = false;
		copy_to_guest(v, f);
		tell_later(v, b);
	}
	spin_unlock(&v->rx_lock);
	return taken;
}

static struct vnet_frame *first_waiting(const struct vif *v)
{
	return list_empty(&v->backlog) ? NULL :
					 list_entry(v->backlog.next, struct vnet_frame, wait);
}

static void take_from_backlog(struct vif *v, struct vnet_frame *f, struct list *done)
{
	list_del(&f->wait);
	v->nr_backlog--;
	__atomic_fetch_sub(&f->from->waiting, 1, __ATOMIC_SEQ_CST);
	list_add_tail(done, &f->wait);
}

static void done_all(struct list *done)
{
	struct list *p, *next;

	list_for_each_safe(p, next, done)
		vnet_frame_done(list_entry(p, struct vnet_frame, wait));
}

/* What waits, as far as there are buffers now. No locks held. */
static void drain(struct vif *v)
{
	struct list done = LIST_INIT(done);
	struct vnet_frame *f;

	spin_lock(&v->rx_lock);
	if (v->rx.page && v->nr_backlog) {
		while ((f = first_waiting(v)) && has_buffers(v, f)) {
			copy_to_guest(v, f);
			take_from_backlog(v, f, &done);
		}
		tell(v, false);
	}
	spin_unlock(&v->rx_lock);
	done_all(&done);
}

/* Drops what has waited since before `since`. */
static void drop_backlog(struct vif *v, s_time_t since)
{
	struct list done = LIST_INIT(done);
	struct vnet_frame *f;

	spin_lock(&v->rx_lock);
	while ((f = first_waiting(v)) && f->since <= since) {
		v->stuck = true;
		lose(v);
		take_from_backlog(v, f, &done);
	}
	if (f && v->rx.page)
		timer_set(&v->backlog_timer, f->since + BACKLOG_TIME);
	spin_unlock(&v->rx_lock);
	done_all(&done);
}

static void backlog_over(void *data)
{
	drop_backlog(data, now() - BACKLOG_TIME);
}

/* --- answering. tx_lock held. */

static void tx_respond(struct vif *v, uint16_t id, int16_t status)
{
	const struct netif_tx_response rsp = { .id = id, .status = status };

	memcpy(tx_slot(v, v->tx.rsp_prod++), &rsp, sizeof(rsp));
}

static void push_responses(struct vif *v, uint32_t old)
{
	struct ring_header *h = head(&v->tx);

	if (old == v->tx.rsp_prod)
		return;
	__atomic_store_n(&h->rsp_prod, v->tx.rsp_prod, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_must_notify(old, v->tx.rsp_prod, READ_ONCE(h->rsp_event)))
		evtchn_notify(v->d, v->tx.port);
}

static void unpin(struct vif *v, struct vif_frame *q)
{
	while (q->pinned) {
		q->pinned--;
		grant_unpin(v->d, q->refs[q->pinned], true, q->mfn[q->pinned]);
	}
}

/* Its slots get their answers; it is free again. They are pushed by the caller. */
static void answer(struct vif *v, struct vif_frame *q)
{
	unpin(v, q);
	for (unsigned int i = 0; i < q->nr_ids; i++) {
		tx_respond(v, q->ids[i], q->bad ? NETIF_ERROR : NETIF_OKAY);
		for (; !i && q->nr_extra; q->nr_extra--)
			tx_respond(v, 0, NETIF_NULL);
	}
	q->next = v->free;
	v->free = q;
	v->in_flight--;
}

void vnet_frame_done(struct vnet_frame *f)
{
	struct vif_frame *q = container_of(f, struct vif_frame, f);
	struct vif *v = f->from;
	uint32_t old;

	if (!v) {
		vnet_own_put(f);
		return;
	}
	spin_lock(&v->tx_lock);
	old = v->tx.rsp_prod;
	answer(v, q);
	push_responses(v, old);
	if (v->closing && !v->in_flight) {
		slot_work_later(&v->b->work, VIF_LOOK(v->slot));
	} else if (v->starved) {
		v->starved = false;
		slot_work_later(&v->b->work, VIF_RUN(v->slot));
	}
	spin_unlock(&v->tx_lock);
}

static void frame_sent(struct nic_tx *t, bool ok)
{
	vnet_frame_done(container_of(t, struct vnet_frame, tx));
}

/* --- taking. tx_lock held. */

static void broken(struct vif *v, const char *why)
{
	gprintk(v->d, LOG_WARN "vif %u: %s; it is closed\n", v->handle, why);
	v->broken = v->closing = true;
	slot_work_later(&v->b->work, VIF_LOOK(v->slot));
}

static bool next_slot(struct vif *v, uint32_t prod, void *slot)
{
	if (v->tx.req_cons == prod) {
		broken(v, "a frame whose end is missing");
		return false;
	}
	memcpy(slot, tx_slot(v, v->tx.req_cons++), sizeof(struct netif_tx_request));
	barrier(); /* read once */
	return true;
}

/* Extra infos behind the first slot. False: the ring is broken. */
static bool take_extras(struct vif *v, struct vif_frame *q, uint32_t prod)
{
	union {
		struct netif_extra_info x;
		struct netif_tx_request slot;
	} u;

	do {
		if (q->nr_extra == EXTRAS) {
			broken(v, "too many extra infos");
			return false;
		}
		if (!next_slot(v, prod, &u))
			return false;
		q->nr_extra++;
		if (u.x.type == NETIF_EXTRA_GSO && u.x.gso_type == NETIF_GSO_TCPV4 &&
		    u.x.gso_size >= GSO_LEAST)
			q->f.tx.gso_size = u.x.gso_size;
		else
			q->bad = true;
	} while (u.x.flags & NETIF_EXTRA_MORE);
	return true;
}

static void add_piece(struct vif *v, struct vif_frame *q, const struct netif_tx_request *r,
		      uint32_t len)
{
	struct nic_tx *t = &q->f.tx;
	mfn_t mfn;

	if (q->bad || !len || r->offset + len > PAGE_SIZE ||
	    grant_pin(v->d, r->gref, DOMID_HYP, true, &mfn)) {
		q->bad = true;
		return;
	}
	q->refs[q->pinned] = r->gref;
	q->mfn[q->pinned++] = mfn;
	t->segs[t->nr_segs++] =
		(struct nic_seg){ .addr = MADDR(mfn_to_maddr(mfn).a + r->offset), .len = len };
}

/*
 * The slots of a frame, from the first on. The first's own piece is what the others leave of the
 * whole: known, and pinned, when all have been seen. False: the ring is broken.
 */
static bool take_slots(struct vif *v, struct vif_frame *q, uint32_t prod)
{
	struct netif_tx_request first, r;
	uint32_t rest = 0;

	if (!next_slot(v, prod, &first))
		return false;
	q->ids[q->nr_ids++] = first.id;
	if (first.flags & NETTXF_EXTRA_INFO && !take_extras(v, q, prod))
		return false;
	q->f.tx.nr_segs = 2; /* the head, the first's */
	q->f.tx.csum = first.flags & NETTXF_CSUM_BLANK;
	q->f.sum_ok = false;
	for (r = first; r.flags & NETTXF_MORE_DATA;) {
		if (q->nr_ids == NETIF_MAX_SLOTS) {
			broken(v, "a frame of too many pieces");
			return false;
		}
		if (!next_slot(v, prod, &r))
			return false;
		q->ids[q->nr_ids++] = r.id;
		rest += r.size;
		add_piece(v, q, &r, r.size);
	}
	q->f.tx.len = first.size;
	if (first.size < ETH_HEADER || rest >= first.size)
		q->bad = true;
	else if (!q->bad) {
		unsigned int nr = q->f.tx.nr_segs;

		add_piece(v, q, &first, first.size - rest);
		q->f.tx.segs[1] = q->f.tx.segs[nr];
		q->f.tx.nr_segs = (uint16_t)nr;
	}
	return true;
}

/* The first bytes into h, and out of the pieces. */
static void copy_head(struct vnet_frame *f)
{
	struct nic_tx *t = &f->tx;
	uint32_t want = min(t->len, (uint32_t)VNET_HEAD), got = 0;
	unsigned int i = 1;

	while (got < want) {
		struct nic_seg *s = &t->segs[i];
		uint32_t n = min(want - got, s->len);

		memcpy(f->h + got, maddr_to_virt(s->addr), n);
		got += n;
		s->addr.a += n;
		s->len -= n;
		i += !s->len;
	}
	memmove(&t->segs[1], &t->segs[i], (t->nr_segs - i) * sizeof(t->segs[0]));
	t->nr_segs = (uint16_t)(t->nr_segs - i + 1);
	t->segs[0] = (struct nic_seg){ .addr = virt_to_maddr(f->h), .len = want };
}

static void restart(struct vif_frame *q)
{
	q->nr_ids = q->nr_extra = q->pinned = 0;
	q->bad = q->paid = false;
	q->waits = 0;
	q->f.tx.gso_size = 0;
}

/* The limits allow it. If not, the timer is set. */
static bool within_limits(struct vif *v, struct vif_frame *q)
{
	s_time_t t = now(), wait;

	if (!q->paid)
		q->paid = vnet_bucket_take(&v->bytes, q->f.tx.len, t);
	if (q->paid && vnet_bucket_take(&v->packets, 1, t))
		return true;
	wait = q->paid ? vnet_bucket_wait(&v->packets, 1) :
			 vnet_bucket_wait(&v->bytes, q->f.tx.len);
	timer_set(&v->held_timer, t + max(wait, LIMIT_PAUSE));
	return false;
}

/*
 * There are frames that q can be cut into. Where it goes is not known yet: so this is
 * asked of all large frames, and not for long, or a card that hangs would hold up what is
 * between guests.
 */
static bool has_room(struct vif *v, struct vif_frame *q)
{
	const struct nic_tx *t = &q->f.tx;

	if (!t->gso_size || vnet_own_room(t->len / t->gso_size + 1) || q->waits == MOST_WAITS)
		return true;
	q->waits++;
	timer_set(&v->held_timer, now() + LIMIT_PAUSE);
	return false;
}

static void held_over(void *data)
{
	struct vif *v = data;

	slot_work_later(&v->b->work, VIF_RUN(v->slot));
}

/* New frames to take? When not, the guest is to say when there are. */
static bool has_frames(struct vif *v, uint32_t *prod)
{
	struct ring_header *h = head(&v->tx);

	*prod = __atomic_load_n(&h->req_prod, __ATOMIC_ACQUIRE);
	if (*prod == v->tx.req_cons) {
		WRITE_ONCE(h->req_event, *prod + 1);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*prod = __atomic_load_n(&h->req_prod, __ATOMIC_ACQUIRE);
	}
	if (*prod - v->tx.rsp_prod > NETIF_TX_SLOTS) {
		broken(v, "impossible request index");
		return false;
	}
	return *prod != v->tx.req_cons;
}

/* The next frame, whole; NULL: none, or it has to wait. */
static struct vif_frame *next_frame(struct vif *v)
{
	struct vif_frame *q = v->held;
	bool again = q;
	uint32_t prod;

	if (!q) {
		if (v->closing || !has_frames(v, &prod))
			return NULL;
		q = v->free;
		if (!q) {
			v->starved = true;
			return NULL;
		}
		v->free = q->next;
		restart(q);
		v->in_flight++;
		if (!take_slots(v, q, prod)) {
			/* Its answers would reach beyond what the guest has asked for. */
			q->nr_ids = q->nr_extra = 0;
			answer(v, q);
			return NULL;
		}
	}
	v->held = NULL;
	if (q->bad || (has_room(v, q) && within_limits(v, q)))
		return q;
	v->held = q;
	v->port->stats.held += !again;
	return NULL;
}

static void send(struct vif *v, struct vif_frame *q, struct vnet_batch *b)
{
	v->port->stats.sent_packets++;
	v->port->stats.sent_bytes += q->f.tx.len;
	if (!q->bad) {
		copy_head(&q->f);
		if (vnet_route_sent(v, &q->f, b))
			return;
	} else {
		v->port->refused[VNET_OFFLOAD]++;
		v->port->stats.refused++;
	}
	answer(v, q);
}

static int work_of(const struct vif_frame *q)
{
	const struct nic_tx *t = &q->f.tx;

	return FRAME_WORK + q->nr_ids + (t->gso_size ? (int)(t->len / t->gso_size) : 0);
}

/* False: there may be more. */
static bool take_frames(struct vif *v, struct vnet_batch *b)
{
	for (int left = VISIT; left > 0;) {
		struct vif_frame *q = next_frame(v);

		if (!q)
			return true;
		left -= work_of(q);
		send(v, q, b);
	}
	return false;
}

void vif_run(struct vif *v)
{
	struct vnet_batch b;
	uint32_t old;

	vnet_batch_init(&b);
	drain(v);
	spin_lock(&v->tx_lock);
	if (v->tx.page && !v->closing) {
		old = v->tx.rsp_prod;
		if (!take_frames(v, &b))
			slot_work_later(&v->b->work, VIF_RUN(v->slot));
		push_responses(v, old);
	}
	spin_unlock(&v->tx_lock);
	vnet_batch_run(&b);
}

/* The guest has sent an event. data: the slot; the interface may be another one by now. */
static void notified(struct domain *d, uint32_t port, void *data)
{
	struct vnet_domain *b = d->vnet;
	struct vif *v;

	spin_lock(&b->lock);
	v = b->slot[(uintptr_t)data];
	if (v)
		vif_get(v);
	spin_unlock(&b->lock);
	if (!v)
		return;
	vif_run(v);
	vif_put(v);
}

/* --- batches */

void vnet_batch_init(struct vnet_batch *b)
{
	b->nics = 0;
	b->nr_told = 0;
	list_init(&b->done);
}

static void tell_all(struct vnet_batch *b)
{
	while (b->nr_told) {
		struct vif *v = b->told[--b->nr_told];

		spin_lock(&v->rx_lock);
		tell(v, false);
		spin_unlock(&v->rx_lock);
		vif_put(v);
	}
}

void vnet_batch_run(struct vnet_batch *b)
{
	tell_all(b);
	while (b->nics) {
		unsigned int nr = find_first_set(b->nics);

		b->nics &= b->nics - 1;
		nic_send_list(nic_get(nr), &b->nic[nr]);
	}
	done_all(&b->done);
}

/* --- connecting. b->lock held. */

static void free_frames(struct vif *v)
{
	struct vif_frame *q;

	while ((q = v->free)) {
		v->free = q->next;
		hyp_free(q);
	}
}

static bool alloc_frames(struct vif *v)
{
	for (unsigned int i = 0; i < VIF_FRAMES; i++) {
		struct vif_frame *q = hyp_alloc(sizeof(*q));

		if (!q) {
			free_frames(v);
			return false;
		}
		q->f.from = v;
		q->f.tx.sent = frame_sent;
		q->next = v->free;
		v->free = q;
	}
	return true;
}

static bool pin_ring(struct vif *v, struct vif_ring *r, grant_ref_t ref)
{
	if (grant_pin(v->d, ref, DOMID_HYP, false, &r->mfn))
		return false;
	r->ref = ref;
	r->page = mfn_to_virt(r->mfn);
	/* Where a front end that was here before had got to does not matter: all is answered. */
	r->req_cons = r->rsp_prod = READ_ONCE(head(r)->rsp_prod);
	return true;
}

static void unpin_ring(struct vif *v, struct vif_ring *r)
{
	if (r->page)
		grant_unpin(v->d, r->ref, false, r->mfn);
	r->page = NULL;
}

static bool bind(struct vif *v, const struct vif_front *front)
{
	void *slot = (void *)(uintptr_t)v->slot;

	if (evtchn_bind_hyp(v->d, front->tx_port, notified, slot))
		return false;
	if (front->rx_port != front->tx_port &&
	    evtchn_bind_hyp(v->d, front->rx_port, notified, slot))
		return false;
	v->tx.port = front->tx_port;
	v->rx.port = front->rx_port;
	return true;
}

const char *vif_connect(struct vif *v, const struct vif_front *front)
{
	struct vif_ring tx = { 0 }, rx = { 0 };
	const char *why = NULL;

	if (!alloc_frames(v))
		return "no memory for its frames";
	if (!pin_ring(v, &tx, front->tx_ref) || !pin_ring(v, &rx, front->rx_ref))
		why = "a ring is not granted to the back end";
	spin_lock(&v->tx_lock);
	spin_lock(&v->rx_lock);
	v->tx = tx;
	v->rx = rx;
	if (!why && !bind(v, front))
		why = "an event channel is not one for the back end";
	if (why) {
		unpin_ring(v, &v->tx);
		unpin_ring(v, &v->rx);
		free_frames(v);
	}
	v->closing = v->broken = v->starved = v->stuck = false;
	v->takes_sg = front->sg;
	v->takes_gso = front->gso && front->sg && !front->no_csum;
	v->wants_csum = front->no_csum;
	v->told_prod = v->rx.rsp_prod;
	v->untold = 0;
	spin_unlock(&v->rx_lock);
	spin_unlock(&v->tx_lock);
	return why;
}

bool vif_disconnect(struct vif *v)
{
	bool idle;

	spin_lock(&v->tx_lock);
	v->closing = true;
	if (v->held) {
		answer(v, v->held);
		v->held = NULL;
	}
	idle = !v->in_flight;
	if (idle) {
		unpin_ring(v, &v->tx);
		free_frames(v);
	}
	spin_lock(&v->rx_lock);
	unpin_ring(v, &v->rx);
	spin_unlock(&v->rx_lock);
	spin_unlock(&v->tx_lock);
	drop_backlog(v, INT64_MAX);
	return idle;
}

/* What may be sent at once: of a fiftieth of a second, at least one large frame. */
static void set_bucket(struct vnet_bucket *b, uint64_t rate, uint32_t least)
{
	uint64_t burst = max(rate / 50, (uint64_t)least);

	vnet_bucket_init(b, rate, (uint32_t)min(burst, (uint64_t)1 << 30), now());
}

void vif_set_limits(struct vif *v, uint64_t bytes, uint64_t packets)
{
	spin_lock(&v->tx_lock);
	set_bucket(&v->bytes, bytes, VNET_FRAME_MAX);
	set_bucket(&v->packets, packets, 8);
	if (v->held)
		timer_set(&v->held_timer, now());
	spin_unlock(&v->tx_lock);
}

void vif_set_hold(struct vif *v, uint32_t packets, uint32_t ns)
{
	spin_lock(&v->rx_lock);
	v->hold_packets = packets;
	v->hold_ns = ns;
	tell(v, !packets);
	spin_unlock(&v->rx_lock);
}

void vif_timers_init(struct vif *v)
{
	timer_init(&v->held_timer, held_over, v);
	timer_init(&v->backlog_timer, backlog_over, v);
	timer_init(&v->hold_timer, hold_over, v);
}

void vif_timers_stop(struct vif *v)
{
	timer_stop(&v->held_timer);
	timer_stop(&v->backlog_timer);
	timer_stop(&v->hold_timer);
}

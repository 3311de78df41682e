/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way out of the router: to cards and guests that can take a frame as it is, and to those
 * that cannot. For these, large TCP frames are cut, checksums completed, and what may not
 * be kept is copied, into frames of the router's own. There is a fixed number of them, of which
 * some are left to its answers; without a free one a frame is lost. They wait for cards, not for
 * guests, who could keep them from others. While a card that cannot cut holds most of them,
 * guests' rings wait with their large frames (vnet_own_room()).
 *
 * Frames for a neighbour whose MAC is asked for wait here, not many and not long.
 */
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/vif.h>

#define OWN_FRAMES 64 /* and for each card: */
#define OWN_PER_CARD 128
#define OWN_PER_CUT_CARD 448 /* one that cannot cut frames of TCP */
#define OWN_ANSWERS 16	     /* not for copies and parts */
#define PAYLOAD 1536	     /* of an own frame */
#define MOST_CUT 128	     /* frames that one is cut into */
#define MOST_WAITING 32	     /* for neighbours of a card */
#define MOST_OF_ONE 8	     /* of them from one sender */
#define WAIT_TIME SECONDS(2)
#define TCP_FIN_PSH 0x09
#define TCP_CWR 0x80

struct own_frame {
	struct vnet_frame f;
	struct own_frame *next;
	uint8_t payload[PAYLOAD]; /* behind h */
};

static struct spinlock own_lock = SPINLOCK_INIT(RANK_LEAF, "frames");
static struct own_frame *own_free;
static unsigned int own_nr_free;
static bool own_cut; /* there is such a card */

/* Of each card, from boot on: its port, and what it lends us while it hands on a frame. */
static struct {
	struct vnet_port *port;
	struct vnet_frame *frame;
} cards[NIC_MAX];

/* --- frames of the router's own */

static void own_sent(struct nic_tx *t, bool ok)
{
	vnet_own_put(container_of(t, struct vnet_frame, tx));
}

/* NULL: there are no more than are to be left. */
static struct own_frame *own_get(unsigned int leave)
{
	struct own_frame *o = NULL;

	spin_lock(&own_lock);
	if (own_nr_free > leave) {
		o = own_free;
		own_free = o->next;
		own_nr_free--;
	}
	spin_unlock(&own_lock);
	if (o) {
		memset(&o->f.tx, 0, sizeof(o->f.tx));
		o->f.tx.sent = own_sent;
		o->f.from = NULL;
		o->f.lent = o->f.sum_ok = false;
	}
	return o;
}

void vnet_own_put(struct vnet_frame *f)
{
	struct own_frame *o = container_of(f, struct own_frame, f);

	spin_lock(&own_lock);
	o->next = own_free;
	own_free = o;
	own_nr_free++;
	spin_unlock(&own_lock);
}

bool vnet_own_room(unsigned int parts)
{
	return !own_cut || READ_ONCE(own_nr_free) >= parts + OWN_ANSWERS;
}

/* Its pieces: head bytes in h, the rest in payload. */
static void set_pieces(struct own_frame *o, unsigned int head, unsigned int payload)
{
	struct nic_tx *t = &o->f.tx;

	t->segs[0] = (struct nic_seg){ .addr = virt_to_maddr(o->f.h), .len = head };
	t->nr_segs = 1;
	if (payload)
		t->segs[t->nr_segs++] =
			(struct nic_seg){ .addr = virt_to_maddr(o->payload), .len = payload };
	t->len = head + payload;
}

struct vnet_frame *vnet_own_get(const uint8_t *data, unsigned int len)
{
	struct own_frame *o = own_get(0);

	if (!o)
		return NULL;
	memcpy(o->f.h, data, len);
	o->f.p = (struct vnet_pkt){ .len = len, .head = (uint16_t)len };
	set_pieces(o, len, 0);
	return &o->f;
}

/* --- reading what is in a frame */

/* Copies len bytes that begin at `off`; as many as there are. */
static void frame_read(const struct vnet_frame *f, uint32_t off, uint8_t *to, uint32_t len)
{
	for (unsigned int i = 0; i < f->tx.nr_segs && len; i++) {
		const struct nic_seg *s = &f->tx.segs[i];
		uint32_t n;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = min(len, s->len - off);
		memcpy(to, (const uint8_t *)maddr_to_virt(s->addr) + off, n);
		to += n;
		len -= n;
		off = 0;
	}
}

/* The sum of the packet from its header of TCP or UDP on. */
static uint64_t frame_sum(const struct vnet_frame *f)
{
	uint32_t at = 0, from = f->p.l4, to = f->p.l3 + f->p.total + 0u;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < f->tx.nr_segs && at < to; i++) {
		const struct nic_seg *s = &f->tx.segs[i];
		uint32_t begin = max(from, at), end = min(to, at + s->len);

		if (begin < end)
			sum = vnet_csum_add(sum,
					    (const uint8_t *)maddr_to_virt(s->addr) + (begin - at),
					    end - begin, (begin - from) & 1);
		at += s->len;
	}
	return sum;
}

static void complete(struct vnet_frame *f)
{
	if (f->p.partial)
		vnet_csum_finish(f->h, &f->p, frame_sum(f));
	f->tx.csum = false;
}

/* --- copying and cutting */

/* Headers of the piece that begins `off` bytes into f's payload. */
static void cut_headers(struct vnet_frame *to, const struct vnet_frame *f, uint32_t off,
			uint32_t payload, unsigned int nth)
{
	struct vnet_pkt *p = &to->p;
	uint8_t *ip = to->h + p->l3, *tcp = to->h + p->l4;

	p->len = p->data + payload;
	p->total = (uint16_t)(p->len - p->l3);
	put16(ip + 2, p->total);
	put16(ip + 4, (uint16_t)(p->frag_id + nth));
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~vnet_csum_fold(vnet_csum_add(0, ip, p->l4 - p->l3 + 0u, false)));
	p->seq += off;
	put32(tcp + 4, p->seq);
	if (p->data + off + payload < f->p.len)
		tcp[13] &= (uint8_t)~TCP_FIN_PSH;
	if (nth)
		tcp[13] &= (uint8_t)~TCP_CWR;
	vnet_csum_partial(to->h, p);
}

/* The frame with headers like f's and the given part of its payload. NULL: none free. */
static struct vnet_frame *copy_part(const struct vnet_frame *f, uint32_t off, uint32_t payload,
				    unsigned int nth)
{
	unsigned int head = f->tx.gso_size ? f->p.data : min(f->tx.len, f->p.head + 0u);
	struct own_frame *o = payload <= PAYLOAD ? own_get(OWN_ANSWERS) : NULL;

	if (!o)
		return NULL;
	memcpy(o->f.h, f->h, head);
	o->f.p = f->p;
	o->f.p.head = (uint16_t)head;
	o->f.sum_ok = f->sum_ok;
	frame_read(f, head + off, o->payload, payload);
	set_pieces(o, head, payload);
	if (f->tx.gso_size)
		cut_headers(&o->f, f, off, payload, nth);
	return &o->f;
}

/* Calls fn with each of the frames that f is cut into; fn gives them back. False: not all. */
static bool each_part(const struct vnet_frame *f,
		      void (*fn)(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b),
		      struct vnet_port *p, struct vnet_batch *b)
{
	bool cut = f->tx.gso_size;
	uint32_t head = cut ? f->p.data : min(f->tx.len, f->p.head + 0u), left = f->tx.len - head;
	uint32_t most = cut ? f->tx.gso_size : left, off = 0;

	if (cut && left / most >= MOST_CUT)
		return false;
	for (unsigned int nth = 0; !nth || off < left; nth++) {
		uint32_t n = min(most, left - off);
		struct vnet_frame *part = copy_part(f, off, n, nth);

		if (!part)
			return false;
		fn(p, part, b);
		off += n;
	}
	return true;
}

/* --- to cards */

static void to_card(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b)
{
	unsigned int nr = p->nic->nr;

	if (f->p.partial && !p->nic->can_csum)
		complete(f);
	f->tx.csum = f->p.partial;
	f->tx.csum_start = f->p.l4;
	f->tx.csum_offset = (uint16_t)vnet_csum_offset(f->p.t.proto);
	f->tx.head_len = f->p.data;
	if (!(b->nics & 1u << nr))
		list_init(&b->nic[nr]);
	b->nics |= 1u << nr;
	list_add_tail(&b->nic[nr], &f->tx.link);
	p->stats.recv_packets++;
	p->stats.recv_bytes += f->tx.len;
}

/* The card can read f where it is, as it is. */
static bool takes_as_it_is(const struct nic *n, const struct vnet_frame *f)
{
	return !f->lent && f->tx.nr_segs <= n->max_segs && (!f->p.partial || n->can_csum) &&
	       (!f->tx.gso_size || n->can_tso4);
}

bool vnet_card_send(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b)
{
	if (vnet_capturing)
		vnet_captured(p->id, XENO_VNET_OUT, f, VNET_OK);
	if (!READ_ONCE(p->nic->link)) {
		p->stats.lost++;
		return false;
	}
	if (takes_as_it_is(p->nic, f)) {
		to_card(p, f, b);
		return true;
	}
	if (!each_part(f, to_card, p, b))
		p->stats.lost++;
	return false;
}

/* --- to guests */

static void part_to_guest(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b)
{
	if (!vnet_guest_send(p, f, b))
		vnet_own_put(f);
}

/* What is lent stays as it is: it may go elsewhere, too. */
static bool needs_parts(const struct vif *v, const struct vnet_frame *f)
{
	return f->tx.gso_size ? !v->takes_gso : f->lent && f->p.partial && v->wants_csum;
}

bool vnet_guest_send(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b)
{
	struct vif *v = p->vif;

	if (needs_parts(v, f)) {
		if (!each_part(f, part_to_guest, p, b))
			p->stats.lost++;
		return false;
	}
	if (vnet_capturing)
		vnet_captured(p->id, XENO_VNET_OUT, f, VNET_OK);
	if (f->tx.len > PAGE_SIZE && !v->takes_sg) {
		p->stats.lost++;
		return false;
	}
	if (v->wants_csum)
		complete(f);
	return vif_give(v, f, b) == VIF_KEPT;
}

/* --- waiting for neighbours. Router locked. */

bool vnet_card_wait(struct vnet_port *p, struct vnet_frame *f)
{
	unsigned int of_one = 0;
	struct list *l;

	list_for_each(l, &p->waiting)
		of_one += list_entry(l, struct vnet_frame, wait)->from == f->from;
	if (f->lent || p->nr_waiting >= MOST_WAITING || of_one >= MOST_OF_ONE) {
		p->stats.lost++;
		return false;
	}
	f->since = now();
	list_add_tail(&p->waiting, &f->wait);
	p->nr_waiting++;
	return true;
}

static void stop_waiting(struct vnet_port *p, struct vnet_frame *f)
{
	list_del(&f->wait);
	p->nr_waiting--;
}

void vnet_card_release(struct vnet_port *p, uint32_t addr, uint64_t mac, struct list *ready)
{
	struct list *l, *next;

	list_for_each_safe(l, next, &p->waiting) {
		struct vnet_frame *f = list_entry(l, struct vnet_frame, wait);

		if (f->next_hop != addr)
			continue;
		stop_waiting(p, f);
		put48(f->h, mac);
		list_add_tail(ready, &f->wait);
	}
}

void vnet_card_send_ready(struct vnet_port *p, struct list *ready, struct vnet_batch *b)
{
	struct list *l, *next;

	list_for_each_safe(l, next, ready) {
		struct vnet_frame *f = list_entry(l, struct vnet_frame, wait);

		list_del(l);
		if (!vnet_card_send(p, f, b))
			list_add_tail(&b->done, &f->wait);
	}
}

void vnet_card_expire(struct vnet_port *p, struct vnet_batch *b)
{
	struct list *l, *next;

	list_for_each_safe(l, next, &p->waiting) {
		struct vnet_frame *f = list_entry(l, struct vnet_frame, wait);

		if (now() - f->since < WAIT_TIME)
			continue;
		stop_waiting(p, f);
		p->stats.lost++;
		list_add_tail(&b->done, &f->wait);
	}
}

void vnet_card_ask(struct vnet_port *p, uint32_t addr, struct vnet_batch *b)
{
	uint8_t out[VNET_ARP_LEN];
	struct vnet_frame *f;

	vnet_arp_build(out, 1, p->who.mac, p->addr, VNET_MAC_BROADCAST, addr);
	f = vnet_own_get(out, sizeof(out));
	if (f && !vnet_card_send(p, f, b))
		vnet_own_put(f);
}

/* --- what arrives */

/* For a card, one after the other. */
static void receive(struct nic *n, const void *frame, unsigned int len, bool sum_ok)
{
	struct vnet_port *p = cards[n->nr].port;
	struct vnet_frame *f = cards[n->nr].frame;
	unsigned int head = min(len, (unsigned int)VNET_HEAD);
	struct vnet_batch b;

	if (!p || !f)
		return;
	memcpy(f->h, frame, head);
	f->tx.len = len;
	f->tx.segs[0] = (struct nic_seg){ .addr = virt_to_maddr(f->h), .len = head };
	f->tx.segs[1] = (struct nic_seg){ .addr = virt_to_maddr((const uint8_t *)frame + head),
					  .len = len - head };
	f->tx.nr_segs = 1 + (len > head);
	f->sum_ok = sum_ok;
	p->stats.sent_packets++;
	p->stats.sent_bytes += len;
	vnet_batch_init(&b);
	vnet_route_arrived(p, f, &b);
	vnet_batch_run(&b);
}

void vnet_cards_init(void)
{
	unsigned int nr = OWN_FRAMES;

	for (unsigned int i = 0; i < nic_count(); i++) {
		own_cut |= !nic_get(i)->can_tso4;
		nr += nic_get(i)->can_tso4 ? OWN_PER_CARD : OWN_PER_CUT_CARD;
	}
	for (unsigned int i = 0; i < nr; i++) {
		struct own_frame *o = hyp_alloc(sizeof(*o));

		if (!o)
			break;
		vnet_own_put(&o->f);
	}
	for (unsigned int i = 0; i < nic_count(); i++) {
		router_lock();
		cards[i].port = vnet_port_find(XENO_VNET_NIC(i));
		router_unlock();
		cards[i].frame = hyp_alloc(sizeof(*cards[i].frame));
		if (cards[i].frame)
			cards[i].frame->lent = true;
	}
	nic_receiver = receive;
}

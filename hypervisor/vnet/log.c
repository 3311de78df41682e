/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What domain 0 is told about packets: a ring of events, and a ring of captured frames. Both are
 * bounded, and what finds no room is counted as lost: packets never wait for a reader.
 *
 * Writers hold log_lock, a leaf, as they may hold any lock of the router. Readers hold read_lock,
 * and log_lock only to look at head and to move tail: what lies between does not change
 * meanwhile, and goes to the caller from where it is.
 */
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/timer.h>
#include <hyp/vnet_router.h>

#define EVENTS 1024	 /* in the ring */
#define EVENTS_CALL 85	 /* that a call takes */
#define REFUSED_RATE 200 /* events of kind REFUSED in a second */
#define RING_ORDER 6	 /* of captures: 256 KiB */
#define RING_SIZE (uint32_t)(PAGE_SIZE << RING_ORDER)
#define RECORD_ALIGN 8

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LEAF, "vnet log");
static struct spinlock read_lock = SPINLOCK_INIT(RANK_CONTROL, "vnet log reader");

/* Protected by log_lock; tail moves with read_lock held, too. */
static struct {
	struct xeno_vnet_event e[EVENTS];
	uint32_t head, tail; /* count on, beyond EVENTS */
	uint64_t lost;
	bool told;	      /* domain 0 knows, and has not looked yet */
	s_time_t second;      /* the current one's begin */
	unsigned int refused; /* in it */
} events;

/* As above. ring, iface and snap change with both locks held. */
static struct {
	uint8_t *ring; /* NULL: there is no capture */
	uint32_t iface, snap;
	uint32_t head, tail; /* bytes; count on */
	uint64_t lost;
} capture;

bool vnet_capturing;

/* len bytes of a ring from offset pos on, to the caller of a hypercall. */
static bool write_out(uint64_t gva, const void *ring, size_t size, size_t pos, size_t len)
{
	size_t n = min(len, size - pos);

	return guest_write(gva, (const uint8_t *)ring + pos, n) &&
	       (n == len || guest_write(gva + n, ring, len - n));
}

/* --- events */

/* What packets cause easily must leave room for the rest. */
static bool event_fits(const struct xeno_vnet_event *e)
{
	static const uint16_t room[] = { [XENO_VNET_EV_LOG] = EVENTS * 3 / 4,
					 [XENO_VNET_EV_TRIGGER] = EVENTS,
					 [XENO_VNET_EV_SYMMETRY] = EVENTS,
					 [XENO_VNET_EV_REFUSED] = EVENTS / 2 };
	s_time_t t = (s_time_t)e->time_ns;

	if (events.head - events.tail >= room[e->kind])
		return false;
	if (e->kind != XENO_VNET_EV_REFUSED)
		return true;
	if (t - events.second >= SECONDS(1)) {
		events.second = t;
		events.refused = 0;
	}
	return events.refused++ < REFUSED_RATE;
}

static void event_fill(struct xeno_vnet_event *e, const struct vnet_pkt *p)
{
	bool icmp = p->has_l4 && p->t.proto == VNET_IP_ICMP;

	e->time_ns = (uint64_t)now();
	e->len = p->len;
	e->src = p->t.src;
	e->dst = p->t.dst;
	e->sport = icmp ? 0 : p->t.sport;
	e->dport = icmp ? (uint16_t)(p->icmp_type << 8 | p->icmp_code) : p->t.dport;
	e->proto = (uint8_t)p->t.proto;
	e->tcp_flags = p->tcp_flags;
}

void vnet_event(unsigned int kind, uint32_t rule, uint32_t in, uint32_t out,
		const struct vnet_pkt *p, unsigned int action, unsigned int state)
{
	struct xeno_vnet_event e = { .rule = rule,
				     .in = in,
				     .out = out,
				     .kind = (uint8_t)kind,
				     .action = (uint8_t)action,
				     .state = (uint8_t)state };
	bool tell = false;

	event_fill(&e, p);
	spin_lock(&log_lock);
	if (event_fits(&e)) {
		events.e[events.head++ % EVENTS] = e;
		tell = !events.told;
		events.told = true;
	} else {
		events.lost++;
	}
	spin_unlock(&log_lock);
	if (tell)
		virq_send_global(dom0, VIRQ_XENO_NET);
}

int vnet_events(struct xeno_ctl_vnet_events *u)
{
	uint32_t n = min(u->nr, (uint32_t)EVENTS_CALL), at;
	bool ok;

	if (u->pad)
		return -EINVAL;
	spin_lock(&read_lock);
	spin_lock(&log_lock);
	at = events.tail % EVENTS;
	n = min(n, events.head - events.tail);
	events.told = false;
	spin_unlock(&log_lock);
	ok = !n || write_out(u->addr, events.e, sizeof(events.e), at * sizeof(events.e[0]),
			     n * sizeof(events.e[0]));
	if (ok) {
		spin_lock(&log_lock);
		events.tail += n;
		u->nr = n;
		u->lost = events.lost;
		events.lost = 0;
		spin_unlock(&log_lock);
	}
	spin_unlock(&read_lock);
	return ok ? 0 : -EFAULT;
}

/* --- captures: records are struct xeno_vnet_captured, the frame, and bytes up to a multiple of 8 */

static uint32_t record_size(uint32_t kept)
{
	return (uint32_t)sizeof(struct xeno_vnet_captured) +
	       ((kept + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1u));
}

static void ring_put(uint32_t pos, const void *data, uint32_t len)
{
	uint32_t at = pos % RING_SIZE, n = min(len, RING_SIZE - at);

	memcpy(capture.ring + at, data, n);
	memcpy(capture.ring, (const uint8_t *)data + n, len - n);
}

static struct xeno_vnet_captured record_at(uint32_t pos)
{
	struct xeno_vnet_captured r;
	uint32_t at = pos % RING_SIZE, n = min((uint32_t)sizeof(r), RING_SIZE - at);

	memcpy(&r, capture.ring + at, n);
	memcpy((uint8_t *)&r + n, capture.ring, sizeof(r) - n);
	return r;
}

static uint32_t bytes_of(const struct vnet_frame *f)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < f->tx.nr_segs; i++)
		n += f->tx.segs[i].len;
	return n;
}

/* capture.ring is there; log_lock held. */
static void record_put(struct xeno_vnet_captured *r, const struct vnet_frame *f)
{
	uint32_t left = min(bytes_of(f), capture.snap), size = record_size(left);
	uint32_t pos = capture.head;

	if (RING_SIZE - (capture.head - capture.tail) < size) {
		capture.lost++;
		return;
	}
	r->kept = (uint16_t)left;
	ring_put(pos, r, sizeof(*r));
	pos += (uint32_t)sizeof(*r);
	for (unsigned int i = 0; left; i++) {
		const struct nic_seg *s = &f->tx.segs[i];
		uint32_t n = min(s->len, left);

		ring_put(pos, maddr_to_virt(s->addr), n);
		pos += n;
		left -= n;
	}
	capture.head += size;
}

void vnet_captured(uint32_t id, unsigned int dir, const struct vnet_frame *f, enum vnet_why why)
{
	struct xeno_vnet_captured r = { .time_ns = (uint64_t)now(),
					.iface = id,
					.len = f->tx.len,
					.dir = (uint8_t)dir,
					.why = (uint8_t)why };

	spin_lock(&log_lock);
	if (capture.ring && (capture.iface == XENO_VNET_ANY || capture.iface == id))
		record_put(&r, f);
	spin_unlock(&log_lock);
}

static void capture_set(uint8_t *ring, uint32_t iface, uint32_t snap)
{
	spin_lock(&log_lock);
	memset(&capture, 0, sizeof(capture));
	capture.ring = ring;
	capture.iface = iface;
	capture.snap = snap;
	WRITE_ONCE(vnet_capturing, ring != NULL);
	spin_unlock(&log_lock);
}

static int capture_start(struct xeno_ctl_vnet_capture *u)
{
	uint8_t *ring;

	if (u->snap < 16 || u->snap > 65535)
		return -EINVAL;
	if (capture.ring)
		return -EBUSY;
	ring = hyp_page_alloc(RING_ORDER);
	if (!ring)
		return -ENOMEM;
	capture_set(ring, u->iface, u->snap);
	return 0;
}

static int capture_stop(struct xeno_ctl_vnet_capture *u)
{
	uint8_t *ring = capture.ring;

	if (!ring)
		return -ENOENT;
	capture_set(NULL, 0, 0);
	hyp_page_free(ring, RING_ORDER);
	return 0;
}

/* Bytes of whole records up to head, at most room. */
static uint32_t whole_records(uint32_t head, uint32_t room)
{
	uint32_t n = 0;

	while (capture.tail + n != head) {
		uint32_t size = record_size(record_at(capture.tail + n).kept);

		if (n + size > room)
			break;
		n += size;
	}
	return n;
}

static bool write_ring(uint64_t gva, uint32_t pos, uint32_t len)
{
	return write_out(gva, capture.ring, RING_SIZE, pos % RING_SIZE, len);
}

/* A record that is larger than the reader's buffer is cut. Returns what was stored, 0: -EFAULT. */
static uint32_t write_cut(const struct xeno_ctl_vnet_capture *u)
{
	struct xeno_vnet_captured r = record_at(capture.tail);
	uint32_t n = (u->len - (uint32_t)sizeof(r)) & ~(RECORD_ALIGN - 1u);

	r.kept = (uint16_t)n;
	if (!guest_write(u->addr, &r, sizeof(r)) ||
	    !write_ring(u->addr + sizeof(r), capture.tail + (uint32_t)sizeof(r), n))
		return 0;
	return (uint32_t)sizeof(r) + n;
}

static int capture_read(struct xeno_ctl_vnet_capture *u)
{
	uint32_t head, n, stored;
	bool ok;

	if (!capture.ring)
		return -ENOENT;
	if (u->len < 2048 || u->len > XENO_VNET_LIST_PIECE)
		return -EINVAL;
	spin_lock(&log_lock);
	head = capture.head;
	spin_unlock(&log_lock);
	n = stored = whole_records(head, u->len);
	if (n || capture.tail == head) {
		ok = !n || write_ring(u->addr, capture.tail, n);
	} else {
		n = record_size(record_at(capture.tail).kept);
		stored = write_cut(u);
		ok = stored != 0;
	}
	if (!ok)
		return -EFAULT;
	spin_lock(&log_lock);
	capture.tail += n;
	u->lost = capture.lost;
	capture.lost = 0;
	spin_unlock(&log_lock);
	u->len = stored;
	return 0;
}

int vnet_capture(struct xeno_ctl_vnet_capture *u)
{
	static int (*const cmds[])(struct xeno_ctl_vnet_capture *) = {
		[XENO_VNET_CAPTURE_START] = capture_start,
		[XENO_VNET_CAPTURE_STOP] = capture_stop,
		[XENO_VNET_CAPTURE_READ] = capture_read,
	};
	int err;

	if (u->cmd >= ARRAY_SIZE(cmds))
		return -EINVAL;
	spin_lock(&read_lock);
	err = cmds[u->cmd](u);
	spin_unlock(&read_lock);
	return err;
}

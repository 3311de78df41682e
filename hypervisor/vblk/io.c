/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings of virtual block devices (public/io/blkif.h): from a guest's request to the drives' and
 * back. No memory is allocated after the ring was connected: there is a struct vbd_req for each
 * slot of the ring, and a guest cannot have more requests out than the ring has slots.
 *
 * A slot is copied before it is looked at, as are the pages of indirect segments. The pages of
 * a transfer are pinned by their grants until the drive is done with them, whatever
 * becomes of the guest: they stay what they are, and their domain's.
 *
 * A request goes to the drives one piece after the other (vblk/request.c); requests
 * go side by side. A flush asks every drive of the device, unless that is read-only and has
 * nothing to flush. A barrier waits for all requests before it, flushes, writes with FUA, and
 * nothing behind it is taken from the ring until it is done.
 *
 * Nobody waits for an answer of a device that is being closed: its requests end as soon as no
 * drive works on them.
 *
 * An impossible index ends the service of the ring: the device is closed, its requests in
 * flight end without an answer, and the domain goes on without that device.
 */
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/evtchn.h>
#include <hyp/grant.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/vbd.h>

#define VISIT VBD_RING_SLOTS /* requests taken from the ring in one go */
#define RING_HEAD 64

struct ring_head { /* at the start of the first page */
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

#define SLOT_SIZE sizeof(union vblk_raw)
_Static_assert(SLOT_SIZE == 112, "size of a slot");
_Static_assert((VBD_RING_PAGES * PAGE_SIZE - RING_HEAD) / SLOT_SIZE >= VBD_RING_SLOTS &&
		       (VBD_RING_PAGES * PAGE_SIZE - RING_HEAD) / SLOT_SIZE < 2 * VBD_RING_SLOTS,
	       "slots");

/* --- the ring's memory */

static struct ring_head *head(const struct vbd *v)
{
	return mfn_to_virt(v->page[0].mfn);
}

/* A slot may lie across two pages. */
static void slot_copy(const struct vbd *v, uint32_t index, void *buf, size_t len, bool to_ring)
{
	size_t off = RING_HEAD + (index & (v->nr_slots - 1)) * SLOT_SIZE, n;
	char *p = buf;

	for (; len; len -= n, p += n, off += n) {
		char *at = (char *)mfn_to_virt(v->page[off / PAGE_SIZE].mfn) + off % PAGE_SIZE;

		n = min(len, PAGE_SIZE - off % PAGE_SIZE);
		memcpy(to_ring ? at : p, to_ring ? p : at, n);
	}
}

static void respond(struct vbd *v, const struct vblk_io *io, int16_t status)
{
	struct blkif_response rsp;
	uint32_t old = v->rsp_prod;

	memset(&rsp, 0, sizeof(rsp));
	rsp.id = io->id;
	rsp.operation = io->op;
	rsp.status = status;
	slot_copy(v, old, &rsp, sizeof(rsp), true);
	v->rsp_prod = old + 1;
	__atomic_store_n(&head(v)->rsp_prod, v->rsp_prod, __ATOMIC_SEQ_CST);
	if (READ_ONCE(head(v)->rsp_event) == v->rsp_prod)
		evtchn_notify(v->b->d, v->port);
}

/* --- requests */

static struct vbd_req *req_get(struct vbd *v)
{
	struct vbd_req *q = v->free;

	if (q) {
		v->free = q->next;
		v->in_flight++;
	}
	return q;
}

static void unpin(struct vbd_req *q)
{
	bool ro = q->io.kind != VBLK_READ;

	while (q->pinned) {
		q->pinned--;
		grant_unpin(q->v->b->d, q->refs[q->pinned], ro,
			    maddr_to_mfn(q->segs[q->pinned].addr));
	}
}

static void req_put(struct vbd_req *q)
{
	struct vbd *v = q->v;

	unpin(q);
	q->next = v->free;
	v->free = q;
	v->in_flight--;
}

/* The segments of a request, from the slot or from the page it names. */
static bool get_segs(struct vbd *v, const union vblk_raw *raw, const struct vblk_io *io,
		     struct blkif_request_segment *segs)
{
	size_t size = io->nr_segs * sizeof(*segs);
	struct domain *d = v->b->d;
	mfn_t mfn;

	if (!io->indirect) {
		memcpy(segs, raw->rw.seg, size);
		return true;
	}
	if (grant_pin(d, io->indirect_gref, DOMID_HYP, true, &mfn))
		return false;
	memcpy(segs, mfn_to_virt(mfn), size);
	grant_unpin(d, io->indirect_gref, true, mfn);
	return true;
}

static bool pin(struct vbd_req *q, const struct blkif_request_segment *segs)
{
	bool ro = q->io.kind != VBLK_READ;

	for (; q->pinned < q->io.nr_segs; q->pinned++) {
		const struct blkif_request_segment *s = &segs[q->pinned];
		mfn_t mfn;

		if (grant_pin(q->v->b->d, s->gref, DOMID_HYP, ro, &mfn))
			return false;
		q->refs[q->pinned] = s->gref;
		q->segs[q->pinned].addr =
			MADDR(mfn_to_maddr(mfn).a + ((uint64_t)s->first_sect << SECTOR_SHIFT));
		q->segs[q->pinned].len = (uint32_t)(s->last_sect - s->first_sect + 1)
					 << SECTOR_SHIFT;
	}
	return true;
}

/* Checks, and pins. BLKIF_RSP_* */
static int16_t prepare(struct vbd_req *q, const union vblk_raw *raw)
{
	struct blkif_request_segment segs[DISK_MAX_SEGS];
	struct vbd *v = q->v;
	int16_t status = vblk_parse(raw, &v->shape, &q->io);

	q->pinned = 0;
	q->failed = false;
	q->flushed = 0;
	if (status || !q->io.nr_segs)
		goto out;
	if (!get_segs(v, raw, &q->io, segs))
		return BLKIF_RSP_ERROR;
	status = vblk_check_segs(&q->io, &v->shape, segs);
	if (!status && !pin(q, segs))
		status = BLKIF_RSP_ERROR;
out:
	q->cursor = (struct vblk_cursor){ .sector = q->io.sector, .left = q->io.sectors };
	q->stage = q->io.kind == VBLK_BARRIER || q->io.kind == VBLK_FLUSH ? VBD_FLUSH : VBD_DATA;
	return status;
}

static const enum disk_op disk_ops[] = { [VBLK_READ] = DISK_READ,
					 [VBLK_WRITE] = DISK_WRITE,
					 [VBLK_BARRIER] = DISK_WRITE,
					 [VBLK_FLUSH] = DISK_WRITE,
					 [VBLK_DISCARD] = DISK_DISCARD };

/* Makes q->dr the next thing to do. False: there is nothing left. */
static bool advance(struct vbd_req *q)
{
	struct vbd *v = q->v;
	const struct vblk_limits *limits = q->io.kind == VBLK_DISCARD ? v->limits + v->nr_clients :
									v->limits;
	struct vblk_piece p;

	if (q->stage == VBD_FLUSH && !v->shape.read_only && q->flushed < v->nr_clients) {
		q->dr.op = DISK_FLUSH;
		q->dr.client = &v->clients[q->flushed++];
		q->dr.nr_segs = 0;
		q->dr.sector = q->dr.sectors = 0;
		return true;
	}
	q->stage = VBD_DATA;
	if (!vblk_next_piece(&q->cursor, v->x, v->n, limits, v->shape.block, q->segs, q->io.nr_segs,
			     &p))
		return false;
	q->dr.op = disk_ops[q->io.kind];
	q->dr.fua = q->io.kind == VBLK_BARRIER;
	q->dr.client = &v->clients[p.client];
	q->dr.sector = p.sector;
	q->dr.sectors = p.sectors;
	q->dr.segs = &q->segs[p.seg];
	q->dr.nr_segs = (uint16_t)p.nr_segs;
	return true;
}

static void finish(struct vbd_req *q)
{
	struct vbd *v = q->v;
	struct vblk_io io = q->io;
	bool failed = q->failed;

	req_put(q);
	if (io.kind == VBLK_BARRIER)
		v->barrier = false;
	if (!v->closing)
		respond(v, &io, failed ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY);
	/* Somebody waits for it: a barrier, what is behind a barrier, or the end. */
	if (io.kind == VBLK_BARRIER || (!v->in_flight && v->closing) ||
	    (v->held && v->in_flight == 1))
		slot_work_later(&v->b->work, BIT(v->slot));
}

static void piece_done(struct disk_req *r, int error)
{
	struct vbd_req *q = container_of(r, struct vbd_req, dr);
	struct vblk_domain *b = q->v->b;
	bool more;

	spin_lock(&b->lock);
	if (error || q->v->closing)
		q->failed = true;
	more = !q->failed && advance(q);
	if (!more)
		finish(q);
	spin_unlock(&b->lock);
	if (more)
		disk_submit(&q->dr);
}

/* --- taking requests */

static void broken(struct vbd *v, const char *why)
{
	gprintk(v->b->d, LOG_WARN "vbd %u: %s; it is closed\n", v->dev, why);
	v->closing = true;
	slot_work_later(&v->b->work, BIT(v->slot));
}

/* There is work for a drive: into the batch. Else it has ended already. */
static void launch(struct vbd_req *q, struct list *batch)
{
	if (advance(q))
		list_add_tail(batch, &q->dr.link);
	else
		finish(q);
}

static void take(struct vbd *v, const union vblk_raw *raw, struct list *batch)
{
	struct vbd_req *q = req_get(v);
	int16_t status;

	if (!q) {
		broken(v, "more requests than the ring has slots");
		return;
	}
	status = prepare(q, raw);
	if (status) {
		struct vblk_io io = q->io;

		req_put(q);
		respond(v, &io, status);
		return;
	}
	if (q->io.kind == VBLK_BARRIER) {
		v->barrier = true;
		if (v->in_flight > 1) {
			v->held = q;
			return;
		}
	}
	launch(q, batch);
}

/* New requests, up to VISIT; true: there may be more. */
static bool take_new(struct vbd *v, struct list *batch)
{
	union vblk_raw raw;

	for (unsigned int n = 0; n < VISIT; n++) {
		uint32_t prod = __atomic_load_n(&head(v)->req_prod, __ATOMIC_ACQUIRE);

		if (v->closing || v->barrier)
			return false;
		if (prod - v->rsp_prod > v->nr_slots) {
			broken(v, "impossible request index");
			return false;
		}
		if (prod == v->req_cons) {
			WRITE_ONCE(head(v)->req_event, prod + 1);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (READ_ONCE(head(v)->req_prod) == prod)
				return false;
			continue;
		}
		slot_copy(v, v->req_cons++, &raw, sizeof(raw), false);
		take(v, &raw, batch);
	}
	return true;
}

/* Requests of one drive after the other reach it together. */
static void submit(struct list *batch)
{
	while (!list_empty(batch)) {
		struct disk *disk = list_entry(batch->next, struct disk_req, link)->client->disk;
		struct list some = LIST_INIT(some), *p, *n;

		list_for_each_safe(p, n, batch) {
			if (list_entry(p, struct disk_req, link)->client->disk != disk)
				break;
			list_del(p);
			list_add_tail(&some, p);
		}
		disk_submit_list(&some, disk);
	}
}

void vbd_run(struct vblk_domain *b, unsigned int slot)
{
	struct list batch = LIST_INIT(batch);
	struct vbd *v;

	spin_lock(&b->lock);
	v = b->slot[slot];
	if (v && v->nr_pages && !v->closing) {
		if (v->held && v->in_flight == 1) {
			launch(v->held, &batch);
			v->held = NULL;
		}
		if (take_new(v, &batch))
			slot_work_later(&b->work, BIT(slot));
	}
	spin_unlock(&b->lock);
	submit(&batch);
}

/* The guest has sent an event. data: its slot; the device may be another one by now, or none. */
static void notified(struct domain *d, uint32_t port, void *data)
{
	vbd_run(d->vblk, (unsigned int)(uintptr_t)data);
}

/* --- connecting */

static void free_reqs(struct vbd *v)
{
	struct vbd_req *q;

	while ((q = v->free)) {
		v->free = q->next;
		hyp_free(q);
	}
}

static bool alloc_reqs(struct vbd *v)
{
	for (unsigned int i = 0; i < v->nr_slots; i++) {
		struct vbd_req *q = hyp_alloc(sizeof(*q));

		if (!q) {
			free_reqs(v);
			return false;
		}
		q->v = v;
		q->dr.done = piece_done;
		list_init(&q->dr.link);
		q->next = v->free;
		v->free = q;
	}
	return true;
}

static void unpin_ring(struct vbd *v)
{
	while (v->nr_pages) {
		struct vbd_ring_page *p = &v->page[--v->nr_pages];

		grant_unpin(v->b->d, p->ref, false, p->mfn);
	}
}

static bool pin_ring(struct vbd *v, const grant_ref_t *refs, unsigned int n)
{
	for (v->nr_pages = 0; v->nr_pages < n; v->nr_pages++) {
		struct vbd_ring_page *p = &v->page[v->nr_pages];

		p->ref = refs[v->nr_pages];
		if (grant_pin(v->b->d, p->ref, DOMID_HYP, false, &p->mfn)) {
			unpin_ring(v);
			return false;
		}
	}
	return true;
}

static void stop_clients(struct vbd *v, bool stop)
{
	for (unsigned int i = 0; i < v->nr_clients; i++)
		if (v->clients[i].stopped != stop)
			disk_client_stop(&v->clients[i], stop);
}

const char *vbd_connect(struct vbd *v, const grant_ref_t *refs, unsigned int nr_pages,
			uint32_t port)
{
	if (!pin_ring(v, refs, nr_pages))
		return "a page of the ring is not granted to the back end";
	for (v->nr_slots = 1; v->nr_slots * 2 * SLOT_SIZE <= nr_pages * PAGE_SIZE - RING_HEAD;)
		v->nr_slots *= 2;
	if (!alloc_reqs(v)) {
		unpin_ring(v);
		return "no memory for its requests";
	}
	if (evtchn_bind_hyp(v->b->d, port, notified, (void *)(uintptr_t)v->slot)) {
		unpin_ring(v);
		free_reqs(v);
		return "the event channel is not one for the back end";
	}
	v->port = port;
	stop_clients(v, false);
	/* Where a front end that was here before had got to does not matter: all is answered. */
	v->req_cons = v->rsp_prod = READ_ONCE(head(v)->rsp_prod);
	v->closing = v->barrier = false;
	v->held = NULL;
	return NULL;
}

bool vbd_disconnect(struct vbd *v)
{
	v->closing = true;
	if (v->held) {
		req_put(v->held);
		v->held = NULL;
	}
	stop_clients(v, true);
	if (v->in_flight)
		return false;
	unpin_ring(v);
	free_reqs(v);
	v->port = 0;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The xenstore rings: bytes between a domain's shared page and its connection,
 * the standard entries of a new domain, and the tools' access.
 *
 * One request is taken at a time and only when its predecessor's answer has left,
 * so a connection buffers one message each way whatever the guest does. Indices
 * are read once per transfer; impossible ones end the service of that ring (the
 * page's error field says so), nothing else. One notification serves a bounded
 * number of messages; the rest is left to a task.
 */
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/frame.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/vblk.h>
#include <hyp/vnet.h>
#include <hyp/xenstore.h>

#define SLICE 32 /* messages per connection and visit */

static struct spinlock xs_lock = SPINLOCK_INIT(RANK_XENSTORE, "xenstore");
static void tree_changed(struct xs_conn *c, const char *path, size_t len);
static struct xs_store store = { .changed = tree_changed };
static bool task_run(void *data);
static struct task xs_task = { .fn = task_run };

static void ring_broken(struct xs_conn *c, uint32_t code, const char *why)
{
	struct xenstore_domain_interface *r = c->page;

	c->broken = true;
	WRITE_ONCE(r->error, code);
	gprintk(c->domain, LOG_WARN "xenstore: %s; its connection is closed\n", why);
}

/* Bytes that can be moved at once from index; *pos their place in the buffer. */
static uint32_t chunk(uint32_t index, uint32_t avail, uint32_t *pos)
{
	*pos = MASK_XENSTORE_IDX(index);
	return min(avail, XENSTORE_RING_SIZE - *pos);
}

/* Moves the answer into the ring. True when all of it has left. */
static bool push_out(struct xs_conn *c, bool *moved)
{
	struct xenstore_domain_interface *r = c->page;
	uint32_t prod = READ_ONCE(r->rsp_prod), cons = READ_ONCE(r->rsp_cons), pos, n;

	if (prod - cons > XENSTORE_RING_SIZE) {
		ring_broken(c, XENSTORE_ERROR_RINGIDX, "impossible response index");
		return false;
	}
	while (c->out_pos < c->out_len) {
		n = chunk(prod, XENSTORE_RING_SIZE - (prod - cons), &pos);
		n = min(n, c->out_len - c->out_pos);
		if (!n)
			return false;
		memcpy(r->rsp + pos, c->out + c->out_pos, n);
		c->out_pos += n;
		prod += n;
		__atomic_store_n(&r->rsp_prod, prod, __ATOMIC_SEQ_CST);
		*moved = true;
	}
	c->out_pos = c->out_len = 0;
	return true;
}

/* Takes bytes of the next request. True when it is complete. */
static bool pull_in(struct xs_conn *c, bool *moved)
{
	struct xenstore_domain_interface *r = c->page;
	uint32_t cons = READ_ONCE(r->req_cons), pos, n;
	uint32_t prod = __atomic_load_n(&r->req_prod, __ATOMIC_ACQUIRE);
	int missing;

	if (prod - cons > XENSTORE_RING_SIZE) {
		ring_broken(c, XENSTORE_ERROR_RINGIDX, "impossible request index");
		return false;
	}
	while ((missing = xs_in_missing(c)) > 0) {
		n = chunk(cons, prod - cons, &pos);
		n = min(n, (uint32_t)missing);
		if (!n)
			return false;
		memcpy(c->in + c->in_have, r->req + pos, n);
		c->in_have += n;
		cons += n;
		__atomic_store_n(&r->req_cons, cons, __ATOMIC_SEQ_CST);
		*moved = true;
	}
	if (missing < 0)
		ring_broken(c, XENSTORE_ERROR_PROTO, "message too long");
	return missing == 0;
}

/* Serves one connection; c->more when its slice was too short. xs_lock held. */
static void serve(struct xs_conn *c)
{
	bool moved = false;
	unsigned int i;

	c->more = false;
	for (i = 0; i < SLICE && !c->broken; i++) {
		if (!push_out(c, &moved))
			break;
		if (xs_next_event(c))
			continue;
		if (!pull_in(c, &moved))
			break;
		xs_process(&store, c);
	}
	c->more = i == SLICE && !c->broken;
	if (moved)
		evtchn_notify(c->domain, c->port);
}

/* Delivers what a change has caused elsewhere, and asks for another round if need be. */
static void serve_others(struct xs_conn *except)
{
	bool more = except && except->more;

	for (struct xs_conn *c = store.conns; c; c = c->next) {
		if (c != except && !c->broken && (c->events || c->owed || c->out_len || c->more))
			serve(c);
		more |= c->more;
	}
	if (more)
		task_queue(&xs_task);
}

static bool task_run(void *data)
{
	bool more = false;

	spin_lock(&xs_lock);
	for (struct xs_conn *c = store.conns; c; c = c->next) {
		if (c->more)
			serve(c);
		more |= c->more;
	}
	spin_unlock(&xs_lock);
	return more;
}

static void xs_notified(struct domain *d, uint32_t port, void *data)
{
	struct xs_conn *c = data;

	spin_lock(&xs_lock);
	serve(c);
	serve_others(c);
	spin_unlock(&xs_lock);
}

/*
 * Delivers what the hypervisor's or the tools' own change has caused, and no more: the caller
 * may hold locks. Requests of guests, which may be many, are the task's.
 */
static void deliver(void)
{
	bool any = false;

	for (struct xs_conn *c = store.conns; c; c = c->next) {
		bool moved = false;

		if (c->broken || !(c->events || c->owed || c->out_len))
			continue;
		for (unsigned int i = 0; i < SLICE && push_out(c, &moved); i++)
			if (!xs_next_event(c))
				break;
		if (moved)
			evtchn_notify(c->domain, c->port);
		c->more |= moved;
		any |= moved;
	}
	if (any)
		task_queue(&xs_task);
}

/* Devices follow what the guest writes below device/, or removes at or above it. */
static void tree_changed(struct xs_conn *c, const char *path, size_t len)
{
	if (xs_path_below(path, len, "device", 6) || xs_path_below("device", 6, path, len)) {
		vblk_directory_changed(c->domain);
		vnet_directory_changed(c->domain);
	}
}

/* --- a domain's life */

static void set_fmt(struct xs_conn *c, const char *path, const char *fmt, ...) __printf(3, 4);
static void set_fmt(struct xs_conn *c, const char *path, const char *fmt, ...)
{
	char val[80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(val, sizeof(val), fmt, ap);
	va_end(ap);
	if (xs_set(&store, c, path, val, strlen(val)))
		printk(LOG_WARN "xenstore: no room for %s of d%d\n", path, c->id);
}

/* Directories the guest may change, and the entries stock kernels look for. */
static void standard_entries(struct domain *d, struct xs_conn *c)
{
	static const char *const writable[] = { "data",	 "device",  "control", "attr",
						"error", "drivers", "feature" };
	char path[32];

	for (size_t i = 0; i < ARRAY_SIZE(writable); i++) {
		set_fmt(c, writable[i], "%s", "");
		xs_find(&c->nodes, writable[i], strlen(writable[i]))->flags |= XSN_GUEST_RW;
	}
	set_fmt(c, "domid", "%d", d->id);
	set_fmt(c, "name", "%s", d->name);
	set_fmt(c, "memory/static-max", "%llu", (unsigned long long)d->max_pages * 4);
	set_fmt(c, "memory/target", "%llu", (unsigned long long)d->max_pages * 4);
	set_fmt(c, "control/shutdown", "%s", "");
	set_fmt(c, "store/port", "%u", d->xenstore_port);
	set_fmt(c, "store/ring-ref", "%llu", (unsigned long long)d->xenstore_mfn.n);
	if (d->console_port) {
		set_fmt(c, "console/port", "%u", d->console_port);
		set_fmt(c, "console/ring-ref", "%llu", (unsigned long long)d->console_mfn.n);
		set_fmt(c, "console/limit", "%u", 1048576);
		set_fmt(c, "console/type", "xeno");
	}
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		snprintf(path, sizeof(path), "cpu/%u/availability", i);
		set_fmt(c, path, "online");
	}
}

bool xenstore_domain_relinquish(struct domain *d)
{
	struct xs_conn *c = d->xs;

	if (!c || !c->page)
		return true;
	spin_lock(&xs_lock);
	c->broken = true; /* nobody touches the page any more */
	spin_unlock(&xs_lock);
	if (!frame_unshare(c->page))
		return false;
	hyp_page_free(c->page, 0);
	c->page = NULL;
	return true;
}

/* The port is closed or about to be closed with all others; d is unreachable for senders. */
void xenstore_domain_destroy(struct domain *d)
{
	struct xs_conn *c = d->xs;

	if (!c)
		return;
	spin_lock(&xs_lock);
	if (c->watches.next)
		xs_conn_free(&store, c);
	serve_others(NULL);
	spin_unlock(&xs_lock);
	d->xs = NULL;
	hyp_free(c);
}

int xenstore_domain_init(struct domain *d)
{
	struct xs_conn *c = hyp_alloc(sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	d->xs = c;
	c->domain = d;
	c->page = hyp_page_alloc(0);
	if (!c->page)
		goto out_destroy;
	((struct xenstore_domain_interface *)c->page)->server_features =
		XENSTORE_SERVER_FEATURE_ERROR;
	frame_share(d, c->page, true);
	d->xenstore_mfn = virt_to_mfn(c->page);
	err = evtchn_alloc_hyp(d, xs_notified, c, &d->xenstore_port);
	if (err)
		goto out_destroy;
	c->port = d->xenstore_port;
	spin_lock(&xs_lock);
	err = xs_conn_init(&store, c, d->id, is_dom0(d));
	if (!err) {
		standard_entries(d, c);
		serve_others(NULL);
	}
	spin_unlock(&xs_lock);
	if (!err)
		return 0;
out_destroy:
	xenstore_domain_relinquish(d);
	xenstore_domain_destroy(d);
	return err;
}

/* --- the tools' access: path as the tools give it, "/" for the root */

static const char *tools_path(const char *path)
{
	return path[0] == '/' ? path + 1 : NULL;
}

int xenstore_ctl_read(struct domain *d, const char *path, char *buf, size_t len)
{
	const char *p = tools_path(path);
	const struct xs_rec *n;
	int ret = -ENOENT;

	if (!p || !xs_path_ok(p, strlen(p)))
		return -EINVAL;
	spin_lock(&xs_lock);
	n = xs_find(&d->xs->nodes, p, strlen(p));
	if (n) {
		memcpy(buf, xs_rec_value(n), min(len, (size_t)n->val_len));
		ret = n->val_len;
	}
	spin_unlock(&xs_lock);
	return ret;
}

int xenstore_ctl_list(struct domain *d, const char *path, char *buf, size_t len)
{
	const char *p = tools_path(path);
	int ret = -ENOENT;

	if (!p || !xs_path_ok(p, strlen(p)))
		return -EINVAL;
	spin_lock(&xs_lock);
	if (xs_find(&d->xs->nodes, p, strlen(p)))
		ret = (int)xs_list(&d->xs->nodes, p, strlen(p), 0, buf, len);
	spin_unlock(&xs_lock);
	return ret;
}

int xenstore_ctl_write(struct domain *d, const char *path, const char *val, size_t len)
{
	const char *p = tools_path(path);
	int err;

	if (!p)
		return -EINVAL;
	spin_lock(&xs_lock);
	err = xs_set(&store, d->xs, p, val, len);
	deliver();
	spin_unlock(&xs_lock);
	return err;
}

int xenstore_ctl_rm(struct domain *d, const char *path)
{
	const char *p = tools_path(path);
	int err;

	if (!p)
		return -EINVAL;
	spin_lock(&xs_lock);
	err = xs_rm(&store, d->xs, p);
	deliver();
	spin_unlock(&xs_lock);
	return err;
}

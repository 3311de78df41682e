/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual interfaces: made and ended by control operations, connected and disconnected as the
 * guest's front end wishes, which it says in its directory (hyp/device.h). As with virtual
 * block devices, each goes where its front end's state and its own lead it (look()), so nothing
 * depends on the order of events.
 *
 * An interface that is ended lives on without rings until the router has forgotten its
 * connections and nobody refers to it any more.
 */
#include <hyp/bits.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/vif.h>

#define MAX_HANDLE 256u
#define MAX_LIMIT (1ull << 40)
#define DEFAULT_CONNS 1024u /* or a SHARE of all, if that is less */
#define SHARE 32
#define LEAST_CONNS 64u

/* --- references */

struct vif *vif_get(struct vif *v)
{
	__atomic_fetch_add(&v->refs, 1, __ATOMIC_SEQ_CST);
	return v;
}

static bool bury(void *data)
{
	struct vif *v = data;
	struct domain *d = v->d;

	vif_timers_stop(v);
	hyp_free(v);
	domain_put(d);
	return false;
}

/* A task frees it, since the last reference may be dropped with any lock held. */
void vif_put(struct vif *v)
{
	if (!__atomic_sub_fetch(&v->refs, 1, __ATOMIC_SEQ_CST))
		task_queue(&v->bury);
}

/* --- the directory */

static struct device node(const struct vif *v)
{
	return (struct device){ .d = v->d, .type = "vif", .nr = v->handle };
}

static void set_state(struct vif *v, unsigned int state)
{
	const struct device dev = node(v);

	if (v->state == state)
		return;
	v->state = state;
	device_put_number(&dev, "state", state);
}

static void forget_nodes(const struct vif *v)
{
	const struct device dev = node(v);

	device_remove_nodes(&dev);
}

static int put_back(const struct vif *v)
{
	const struct device dev = node(v);
	const struct device_number nodes[] = {
		{ "frontend-id", v->d->id },
		{ "handle", v->handle },
		{ "feature-sg", 1 },
		{ "feature-gso-tcpv4", 1 },
		{ "feature-gso-tcpv6", 0 },
		{ "feature-rx-copy", 1 },
		{ "feature-rx-flip", 0 },
		{ "feature-split-event-channels", 1 },
		{ "multi-queue-max-queues", 1 },
		{ "feature-hold", 1 },
		{ "online", 1 },
		{ "state", XenbusStateInitWait },
	};

	return device_put_numbers(&dev, nodes, ARRAY_SIZE(nodes));
}

static const char *mac_text(uint64_t mac, char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned int)(mac >> 40) & 255,
		 (unsigned int)(mac >> 32) & 255, (unsigned int)(mac >> 24) & 255,
		 (unsigned int)(mac >> 16) & 255, (unsigned int)(mac >> 8) & 255,
		 (unsigned int)mac & 255);
	return text;
}

/* The front end's nodes; its driver starts when it sees the last. */
static int put_front(const struct vif *v)
{
	const struct device dev = node(v);
	char text[DEVICE_TEXT];
	int err;

	err = device_put_front(&dev, "mac", mac_text(v->mac, text));
	snprintf(text, sizeof(text), "%u", v->handle);
	if (!err)
		err = device_put_front(&dev, "handle", text);
	return err ? err : device_offer(&dev);
}

/* --- following the front end */

static const char *read_front(const struct device *dev, struct vif_front *front)
{
	uint32_t queues;

	if (device_front_number(dev, "multi-queue-num-queues", &queues) && queues != 1)
		return "multi-queue-num-queues is more than was offered";
	if (!device_front_flag(dev, "request-rx-copy"))
		return "request-rx-copy is missing: pages are not exchanged";
	if (!device_front_number(dev, "tx-ring-ref", &front->tx_ref) ||
	    !device_front_number(dev, "rx-ring-ref", &front->rx_ref))
		return "a ring-ref is no number";
	if (device_front_number(dev, "event-channel", &front->tx_port))
		front->rx_port = front->tx_port;
	else if (!device_front_number(dev, "event-channel-tx", &front->tx_port) ||
		 !device_front_number(dev, "event-channel-rx", &front->rx_port))
		return "event-channel is no number";
	front->sg = device_front_flag(dev, "feature-sg");
	front->gso = device_front_flag(dev, "feature-gso-tcpv4");
	front->no_csum = device_front_flag(dev, "feature-no-csum-offload");
	return NULL;
}

static void connect(struct vif *v)
{
	const struct device dev = node(v);
	struct vif_front front = { 0 };
	const char *why = read_front(&dev, &front);

	if (!why)
		why = vif_connect(v, &front);
	if (!why) {
		set_state(v, XenbusStateConnected);
		return;
	}
	gprintk(v->d, LOG_WARN "vif %u: %s\n", v->handle, why);
	device_put(&dev, "error", why);
	set_state(v, XenbusStateClosed);
}

/* The guest may wish another hold-off. It is obeyed once: the tools may have the last word. */
static void read_hold(struct vif *v)
{
	const struct device dev = node(v);
	uint32_t packets, ns;

	if (!device_front_number(&dev, "hold-packets", &packets) ||
	    !device_front_number(&dev, "hold-ns", &ns) || ns >= SECONDS(1) ||
	    (packets == v->wished_packets && ns == v->wished_ns))
		return;
	v->wished_packets = packets;
	v->wished_ns = ns;
	vif_set_hold(v, packets, ns);
}

/* The router forgets it in slices, then so do we. False: call again. */
static bool end(struct vif *v)
{
	struct vnet_domain *b = v->b;

	if (!vnet_port_remove(v->port))
		return false;
	v->port = NULL;
	b->slot[v->slot] = NULL;
	b->used &= ~VIF_LOOK(v->slot);
	vif_put(v);
	return true;
}

/* Whatever its guest wishes. False: call again. b->lock held. */
static bool end_by_force(struct vif *v)
{
	v->removing = true;
	vnet_port_stop(v->port);
	if (v->tx.page && !vif_disconnect(v))
		return false;
	forget_nodes(v);
	return end(v);
}

/* The same, and it is our work to call again. */
static void end_later(struct vif *v)
{
	struct vnet_domain *b = v->b;
	unsigned int slot = v->slot;

	if (!end_by_force(v))
		slot_work_later(&b->work, VIF_LOOK(slot));
}

/* b->lock held. */
static void look(struct vif *v)
{
	const struct device dev = node(v);
	unsigned int front = device_front_state(&dev);
	bool none = front == XenbusStateUnknown || front == XenbusStateClosed ||
		    front == XenbusStateInitialising;

	if (v->tx.page && (none || v->closing) && !vif_disconnect(v))
		return; /* the last frame brings us back */
	if (v->forced)
		return;
	if (v->removing && none) {
		end_later(v);
		return;
	}
	if (v->removing || front == XenbusStateClosing) {
		set_state(v, XenbusStateClosing);
	} else if (front == XenbusStateInitialising) {
		set_state(v, XenbusStateInitWait);
	} else if (none || (v->state == XenbusStateConnected && !v->tx.page)) {
		set_state(v, XenbusStateClosed);
	} else if (v->state == XenbusStateInitWait) {
		connect(v);
	}
	if (v->tx.page)
		read_hold(v);
}

static void look_at(struct slot_work *w, unsigned int i)
{
	struct vnet_domain *b = container_of(w, struct vnet_domain, work);
	struct vif *v;

	spin_lock(&b->lock);
	v = b->slot[i % XENO_VNET_MAX_VIFS];
	if (v && !domain_is_dying(b->d)) {
		vif_get(v);
		if (i >= XENO_VNET_MAX_VIFS)
			look(v);
	} else {
		v = NULL;
	}
	spin_unlock(&b->lock);
	if (!v)
		return;
	vif_run(v);
	vif_put(v);
}

/* Nothing to do before there are interfaces: the domain may still come to nothing then. */
void vnet_directory_changed(struct domain *d)
{
	struct vnet_domain *b = d->vnet;
	uint64_t used = READ_ONCE(b->used);

	if (used)
		slot_work_later(&b->work, used);
}

/* --- making and changing */

static int check(const struct domain *d, const struct xeno_ctl_vnet_set *u)
{
	if (u->handle >= MAX_HANDLE || u->flags & ~XENO_VNETF_ALL || u->pad ||
	    u->nr_addrs > XENO_VNET_MAX_ADDRS || u->bytes_limit > MAX_LIMIT ||
	    u->packets_limit > MAX_LIMIT || u->hold_ns >= SECONDS(1) || u->conns > VNET_CT_MAX ||
	    strnlen(u->label, sizeof(u->label)) == sizeof(u->label) ||
	    (u->flags & (XENO_VNETF_UPLINK | XENO_VNETF_SERVER) && !is_dom0(d)) ||
	    (u->nic && !(u->flags & XENO_VNETF_UPLINK)))
		return -EINVAL;
	for (unsigned int i = 0; i < u->nr_addrs; i++) {
		const struct xeno_vnet_prefix *a = &u->addr[i];

		if (!a->len || a->len > 32 || a->addr & ~ip4_mask(a->len) || !a->addr ||
		    a->pad[0] || a->pad[1] || a->pad[2])
			return -EINVAL;
	}
	return vnet_symmetry_check(&u->symmetry);
}

static struct vif *find(const struct vnet_domain *b, uint32_t handle)
{
	for (unsigned int i = 0; i < XENO_VNET_MAX_VIFS; i++)
		if (b->slot[i] && b->slot[i]->handle == handle)
			return b->slot[i];
	return NULL;
}

static void set_values(struct vif *v, const struct xeno_ctl_vnet_set *u)
{
	v->bytes_limit = u->bytes_limit;
	v->packets_limit = u->packets_limit;
	vif_set_limits(v, u->bytes_limit, u->packets_limit);
	vif_set_hold(v, u->hold_packets, u->hold_ns);
	memcpy(v->label, u->label, sizeof(v->label));
}

static struct vif *vif_new(struct domain *d, const struct xeno_ctl_vnet_set *u)
{
	struct vif *v = hyp_alloc(sizeof(*v));

	if (!v)
		return NULL;
	if (!domain_get(d)) {
		hyp_free(v);
		return NULL;
	}
	v->refs = 1;
	v->d = d;
	v->b = d->vnet;
	v->handle = u->handle;
	v->state = XenbusStateInitWait;
	spin_init(&v->tx_lock, RANK_VNET_TX, "vif tx");
	spin_init(&v->rx_lock, RANK_VNET_RX, "vif rx");
	list_init(&v->backlog);
	v->bury = (struct task){ .fn = bury, .data = v };
	vif_timers_init(v);
	set_values(v, u);
	return v;
}

/* A port with as many connections as can be promised, when the caller leaves that to us. */
static int add_port(struct vif *v, const struct xeno_ctl_vnet_set *u)
{
	struct xeno_ctl_vnet_set some = *u;
	int err;

	if (u->conns)
		return vnet_port_add(v, u);
	for (some.conns = min(DEFAULT_CONNS, router.conns / SHARE);; some.conns /= 2) {
		err = vnet_port_add(v, &some);
		if (err != -ENOSPC || some.conns <= LEAST_CONNS)
			return err;
	}
}

/* The slot keeps a reference to v from the moment when others may send to it. b->lock held. */
static int insert(struct vnet_domain *b, struct vif *v, const struct xeno_ctl_vnet_set *u)
{
	int err;

	if (find(b, v->handle))
		return -EEXIST;
	while (v->slot < XENO_VNET_MAX_VIFS && b->slot[v->slot])
		v->slot++;
	if (v->slot == XENO_VNET_MAX_VIFS)
		return -ENOSPC;
	err = add_port(v, u);
	if (err)
		return err;
	b->slot[v->slot] = vif_get(v);
	b->used |= VIF_LOOK(v->slot);
	err = put_back(v);
	if (!err)
		err = put_front(v);
	if (err)
		end_later(v);
	return err;
}

static int update(struct vnet_domain *b, const struct xeno_ctl_vnet_set *u)
{
	struct vif *v = find(b, u->handle);
	int err;

	if (!v || v->removing)
		return -ENOENT;
	err = vnet_port_change(v, u);
	if (!err)
		set_values(v, u);
	return err;
}

int vnet_set(struct domain *d, const struct xeno_ctl_vnet_set *u)
{
	struct vnet_domain *b = d->vnet;
	bool new = !(u->flags & XENO_VNETF_UPDATE);
	struct vif *v = NULL;
	int err = check(d, u);

	if (err)
		return err;
	if (new) {
		v = vif_new(d, u);
		if (!v)
			return -ENOMEM;
	}
	spin_lock(&b->lock);
	err = new ? insert(b, v, u) : update(b, u);
	spin_unlock(&b->lock);
	if (new)
		vif_put(v);
	return err;
}

int vnet_remove(struct domain *d, const struct xeno_ctl_vnet_remove *u)
{
	struct vnet_domain *b = d->vnet;
	struct vif *v;
	int err = 0;

	if (u->force > 1)
		return -EINVAL;
	spin_lock(&b->lock);
	v = find(b, u->handle);
	if (!v) {
		err = -ENOENT;
	} else if (u->force) {
		v->forced = true;
		err = end_by_force(v) ? 0 : -EAGAIN;
	} else {
		v->removing = true;
		slot_work_later(&b->work, VIF_LOOK(v->slot));
	}
	spin_unlock(&b->lock);
	return err;
}

/* --- telling */

static void tell(const struct vif *v, struct xeno_ctl_vnet_info *u)
{
	u->handle = v->handle;
	put48(u->mac, v->mac);
	u->bytes_limit = v->bytes_limit;
	u->packets_limit = v->packets_limit;
	u->hold_packets = v->hold_packets;
	u->hold_ns = v->hold_ns;
	u->state = v->state;
	u->in_flight = v->in_flight;
	memcpy(u->label, v->label, sizeof(u->label));
	if (v->port)
		vnet_port_tell(v->port, u);
}

int vnet_info(struct domain *d, struct xeno_ctl_vnet_info *u)
{
	struct vnet_domain *b = d->vnet;
	const struct vif *best = NULL;
	uint32_t from = u->handle;

	*u = (struct xeno_ctl_vnet_info){ 0 };
	spin_lock(&b->lock);
	for (unsigned int i = 0; i < XENO_VNET_MAX_VIFS; i++) {
		const struct vif *v = b->slot[i];

		if (v && v->handle >= from && (!best || v->handle < best->handle))
			best = v;
	}
	if (best)
		tell(best, u);
	spin_unlock(&b->lock);
	return best ? 0 : -ENOENT;
}

/* --- domains */

int vnet_domain_init(struct domain *d)
{
	struct vnet_domain *b = hyp_alloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->d = d;
	slot_work_init(&b->work, d, look_at);
	spin_init(&b->lock, RANK_VNET, "vifs");
	d->vnet = b;
	return 0;
}

bool vnet_relinquish(struct domain *d)
{
	struct vnet_domain *b = d->vnet;
	bool done = true;

	spin_lock(&b->lock);
	for (unsigned int i = 0; i < XENO_VNET_MAX_VIFS; i++) {
		struct vif *v = b->slot[i];

		if (!v)
			continue;
		vnet_port_stop(v->port);
		if ((v->tx.page && !vif_disconnect(v)) || !end(v))
			done = false;
	}
	spin_unlock(&b->lock);
	return done;
}

void vnet_domain_destroy(struct domain *d)
{
	hyp_free(d->vnet);
	d->vnet = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio network cards (virtio 1.1, section 5.1): one queue each way. The core (nic.c) has the
 * lock that protects all of this.
 *
 * A buffer for receiving has a page's half, and takes the header and one frame. Those that poll()
 * handed out go back into the ring with its next call.
 *
 * Not here: several pairs of queues, the control queue (without it devices let frames for all
 * addresses through: the receiver looks at them anyway), mergeable buffers, offloads of
 * what is received (GUEST_CSUM, GUEST_TSO4 ...), so no frame comes with its checksum verified.
 */
#include <hyp/boot.h>
#include <hyp/drivers.h>
#include <hyp/nic.h>
#include "virtio.h"

#define DEVICE_TRANSITIONAL 0x1000
#define DEVICE_MODERN 0x1041

/* Configuration */
#define D_MAC 0
#define D_STATUS 6
#define D_END 8
#define LINK_UP 1u

#define F_CSUM BIT(0)
#define F_MAC BIT(5)
#define F_HOST_TSO4 BIT(11)
#define F_HOST_TSO6 BIT(12)
#define F_STATUS BIT(16)
#define WANTED (F_CSUM | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_STATUS)

enum { RX, TX };
#define BUFFER 2048u
#define MOST_HELD 64   /* of a poll */
#define DIRECT_RUN 32u /* descriptors of a frame without tables */

struct header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
#define NEEDS_CSUM 1
enum { GSO_NONE = 0, GSO_TCP4 = 1, GSO_TCP6 = 4 };

struct virtio_net {
	struct nic nic;
	bool ready, config_changed;
	struct virtio virtio;
	struct virtqueue *rx, *tx;
	uint8_t *buffers; /* QUEUE_MAX of them */
	uint8_t *held[MOST_HELD];
	unsigned int nr_held;
	struct header headers[QUEUE_MAX]; /* of frames to send, by slot */
};

static struct virtio_net *net_of(struct nic *n)
{
	return n->priv;
}

/* --- sending */

static void fill_header(struct header *h, const struct nic_tx *t)
{
	*h = (struct header){ .gso_type = GSO_NONE };
	if (t->csum) {
		h->flags = NEEDS_CSUM;
		h->csum_start = t->csum_start;
		h->csum_offset = t->csum_offset;
	}
	if (t->gso_size) {
		h->gso_type = t->gso_v6 ? GSO_TCP6 : GSO_TCP4;
		h->gso_size = t->gso_size;
		h->hdr_len = t->head_len;
	}
}

static int net_send(struct nic *n, struct nic_tx *t)
{
	struct virtio_net *v = net_of(n);
	int slot = vq_get(v->tx, t);
	struct desc *d;

	if (slot < 0)
		return slot;
	d = vq_table(v->tx, (unsigned int)slot);
	fill_header(&v->headers[slot], t);
	vq_set(d, virt_to_maddr(&v->headers[slot]), sizeof(struct header), false);
	for (unsigned int i = 0; i < t->nr_segs; i++)
		vq_set(d + i + 1, t->segs[i].addr, t->segs[i].len, false);
	vq_post(v->tx, (unsigned int)slot, t->nr_segs + 1u);
	return 0;
}

static void net_kick(struct nic *n)
{
	vq_kick(net_of(n)->tx);
}

static void take_sent(struct virtio_net *v)
{
	uint32_t len;
	void *t;
	int slot;

	do {
		while ((slot = vq_take(v->tx, &t, &len)) >= 0)
			nic_sent(&v->nic, t, true);
	} while (slot == -EAGAIN && vq_ask_for_interrupt(v->tx));
	if (slot == -EIO)
		nic_fault(&v->nic, "it sent what it had not been given");
}

/* --- receiving */

static void give_buffer(struct virtio_net *v, uint8_t *buffer)
{
	int slot = vq_get(v->rx, buffer);

	if (slot < 0)
		return; /* cannot be: there are no more buffers than slots */
	vq_set(vq_table(v->rx, (unsigned int)slot), virt_to_maddr(buffer), BUFFER, true);
	vq_post(v->rx, (unsigned int)slot, 1);
}

/* What poll() handed out last time. */
static void give_back(struct virtio_net *v)
{
	if (!v->nr_held)
		return;
	while (v->nr_held)
		give_buffer(v, v->held[--v->nr_held]);
	vq_kick(v->rx);
}

static unsigned int take_frames(struct virtio_net *v, struct nic_rx *r, unsigned int max)
{
	unsigned int nr = 0;
	uint32_t len;
	void *buffer;
	int slot = 0;

	while (nr < max && v->nr_held < MOST_HELD && (slot = vq_take(v->rx, &buffer, &len)) >= 0) {
		v->held[v->nr_held++] = buffer;
		/* Length 0: the core counts it as an error. */
		if (len < sizeof(struct header) || len > BUFFER)
			len = sizeof(struct header);
		r[nr++] = (struct nic_rx){ .frame = (uint8_t *)buffer + sizeof(struct header),
					   .len = len - (unsigned int)sizeof(struct header) };
	}
	if (slot == -EIO)
		nic_fault(&v->nic, "it returned a buffer it had not been given");
	return nr;
}

static void look_at_config(struct virtio_net *v)
{
	v->config_changed = false;
	if (virtio_needs_reset(&v->virtio))
		nic_fault(&v->nic, "it asks for a reset");
	else
		nic_link(&v->nic, !(v->virtio.features & F_STATUS) ||
					  virtio_config(&v->virtio, D_STATUS - 2) >> 16 & LINK_UP);
}

static unsigned int net_poll(struct nic *n, struct nic_rx *r, unsigned int max)
{
	struct virtio_net *v = net_of(n);
	unsigned int nr;

	if (READ_ONCE(v->config_changed))
		look_at_config(v);
	take_sent(v);
	if (!max)
		return 0;
	do {
		give_back(v);
		nr = take_frames(v, r, max);
	} while (!nr && !n->resetting && vq_ask_for_interrupt(v->rx));
	return n->resetting ? 0 : nr;
}

/* --- interrupts, resets */

static void net_irq(void *data)
{
	struct virtio_net *v = data;

	if (!__atomic_load_n(&v->ready, __ATOMIC_ACQUIRE))
		return;
	/* Without an interrupt for it, one is as good as another. */
	if (!v->virtio.config_entry)
		WRITE_ONCE(v->config_changed, true);
	nic_interrupt(&v->nic);
}

static void config_irq(void *data)
{
	struct virtio_net *v = data;

	WRITE_ONCE(v->config_changed, true);
	net_irq(v);
}

static void start(struct virtio_net *v)
{
	v->nr_held = 0;
	for (unsigned int i = 0; i < v->rx->nr_slots; i++)
		give_buffer(v, v->buffers + i * BUFFER);
	vq_kick(v->rx);
	look_at_config(v);
}

static int net_reset(struct nic *n)
{
	struct virtio_net *v = net_of(n);
	int err = virtio_reset(&v->virtio);

	if (!err)
		start(v);
	return err;
}

static const struct nic_ops net_ops = { .send = net_send,
					.kick = net_kick,
					.poll = net_poll,
					.reset = net_reset };

/* --- probe */

static int describe(struct virtio_net *v)
{
	uint64_t features = v->virtio.features;
	struct nic *n = &v->nic;

	if (!(features & F_MAC))
		return -ENODEV;
	for (unsigned int i = 0; i < 6; i++)
		n->mac[i] = (uint8_t)(virtio_config(&v->virtio, D_MAC + (i & 4)) >> 8 * (i & 3));
	n->ops = &net_ops;
	n->priv = v;
	n->driver = "virtio-net";
	pci_where(v->virtio.pci.bdf, n->where, sizeof(n->where));
	n->can_csum = features & F_CSUM;
	n->can_tso4 = n->can_csum && features & F_HOST_TSO4;
	n->can_tso6 = n->can_csum && features & F_HOST_TSO6;
	n->depth = (uint16_t)v->tx->nr_slots;
	/* No chain is longer than the queue, tables included (2.6.5.3.1). */
	n->max_segs = (uint16_t)(min(v->tx->size, v->tx->run > 1 ? DIRECT_RUN : QUEUE_MAX) - 1);
	return n->max_segs < 2 ? -ENODEV : 0;
}

static int set_up(struct virtio_net *v)
{
	int err;

	v->rx = &v->virtio.q[RX];
	v->tx = &v->virtio.q[TX];
	v->tx->table = NIC_MAX_SEGS + 1;
	v->tx->direct = DIRECT_RUN;
	v->virtio.nr_queues = 2;
	v->virtio.wanted = WANTED;
	v->buffers = hyp_page_alloc(order_of(QUEUE_MAX * BUFFER));
	if (!v->buffers)
		return -ENOMEM;
	err = virtio_start(&v->virtio, net_irq, config_irq, v);
	if (!err)
		err = describe(v);
	return err ? err : nic_add(&v->nic);
}

/*
 * A device that fails stays reset, and v with its memory is not given back: the interrupt knows it.
 */
static int probe(const struct pci_func *f)
{
	struct virtio_net *v = hyp_alloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	err = virtio_find(&v->virtio, f, D_END);
	if (err) {
		hyp_free(v);
		return err;
	}
	err = set_up(v);
	if (err) {
		virtio_stop(&v->virtio);
		return err;
	}
	__atomic_store_n(&v->ready, true, __ATOMIC_RELEASE);
	nic_lock(&v->nic);
	start(v);
	nic_unlock(&v->nic);
	nic_interrupt(&v->nic);
	return 0;
}

static bool match(const struct pci_func *f)
{
	return opt.nics && f->vendor == VIRTIO_VENDOR &&
	       (f->device == DEVICE_MODERN || f->device == DEVICE_TRANSITIONAL);
}

const struct pci_driver virtio_net_driver = { .name = "virtio-net",
					      .match = match,
					      .probe = probe };

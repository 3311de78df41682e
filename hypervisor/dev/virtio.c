/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio on PCI: finding the interface, features, queues (virtio.h).
 *
 * The device is not trusted to be right: indices and ids are bounded, and what makes no sense
 * is a fault, which the driver's core answers with a reset. It can write to all memory by DMA:
 * without an IOMMU nothing can be done about that.
 *
 * Not here: packed rings, the legacy interface.
 */
#include <hyp/timer.h>
#include "virtio.h"

/* Capabilities: where the parts of the interface lie */
#define CAP_VENDOR 0x09
#define CAP_MSIX 0x11

/* PART_COMMON */
enum {
	C_DEVICE_FEATURE_SELECT = 0,
	C_DEVICE_FEATURE = 4,
	C_DRIVER_FEATURE_SELECT = 8,
	C_DRIVER_FEATURE = 12,
	C_MSIX_CONFIG = 16,
	C_STATUS = 20,
	C_GENERATION = 21,
	C_QUEUE_SELECT = 22,
	C_QUEUE_SIZE = 24,
	C_QUEUE_MSIX = 26,
	C_QUEUE_ENABLE = 28,
	C_QUEUE_NOTIFY_OFF = 30,
	C_QUEUE_DESC = 32,
	C_QUEUE_DRIVER = 40,
	C_QUEUE_DEVICE = 48,
	C_END = 56,
};
#define S_ACKNOWLEDGE 1
#define S_DRIVER 2
#define S_DRIVER_OK 4
#define S_FEATURES_OK 8
#define S_NEEDS_RESET 64
#define S_FAILED 128

#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33) /* addresses are the platform's: as we use them */
#define F_ORDER_PLATFORM BIT(36)  /* so is the order of accesses: x86's is strong enough */
#define COMMON_FEATURES                                                                            \
	(VIRTIO_INDIRECT | VIRTIO_EVENT_IDX | F_VERSION_1 | F_ACCESS_PLATFORM | F_ORDER_PLATFORM)

#define DESC_NEXT 1
#define DESC_INDIRECT 4
#define USED_NO_NOTIFY 1
#define RESET_POLL_US 1000
#define RESET_ATTEMPTS 500 /* 10 ms apart */

/* The rings are followed by a word, at the place that the queue's real size says. */
struct rings {
	struct desc desc[QUEUE_MAX];
	struct {
		uint16_t flags, idx, ring[QUEUE_MAX + 1];
	} avail;
	struct __aligned(4)
	{
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[QUEUE_MAX + 1];
	}
	used;
};

/* --- registers */

static volatile uint8_t *common(const struct virtio *v, unsigned int reg)
{
	return v->part[PART_COMMON] + reg;
}

static void put8(const struct virtio *v, unsigned int reg, unsigned int val)
{
	*common(v, reg) = (uint8_t)val;
}

static void put16(const struct virtio *v, unsigned int reg, unsigned int val)
{
	*(volatile uint16_t *)common(v, reg) = (uint16_t)val;
}

static unsigned int get16(const struct virtio *v, unsigned int reg)
{
	return *(volatile uint16_t *)common(v, reg);
}

static void put32(const struct virtio *v, unsigned int reg, uint32_t val)
{
	*(volatile uint32_t *)common(v, reg) = val;
}

static uint32_t get32(const struct virtio *v, unsigned int reg)
{
	return *(volatile uint32_t *)common(v, reg);
}

static void put_address(const struct virtio *v, unsigned int reg, const volatile void *p)
{
	uint64_t a = virt_to_maddr((const void *)p).a;

	put32(v, reg, (uint32_t)a);
	put32(v, reg + 4, (uint32_t)(a >> 32));
}

static uint8_t get_status(const struct virtio *v)
{
	return *common(v, C_STATUS);
}

bool virtio_needs_reset(const struct virtio *v)
{
	return get_status(v) & S_NEEDS_RESET;
}

unsigned int virtio_generation(const struct virtio *v)
{
	return *common(v, C_GENERATION);
}

uint32_t virtio_config(const struct virtio *v, unsigned int reg)
{
	return reg + 4 > v->part_len[PART_DEVICE] ?
		       0 :
		       *(volatile uint32_t *)(v->part[PART_DEVICE] + reg);
}

/* --- starting the device, for the first time or after a reset */

static int negotiate(struct virtio *v)
{
	uint64_t offered = 0;

	put8(v, C_STATUS, S_ACKNOWLEDGE);
	put8(v, C_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	for (unsigned int i = 0; i < 2; i++) {
		put32(v, C_DEVICE_FEATURE_SELECT, i);
		offered |= (uint64_t)get32(v, C_DEVICE_FEATURE) << 32 * i;
	}
	v->features = offered & (v->wanted | COMMON_FEATURES);
	if (!(v->features & F_VERSION_1))
		return -ENODEV;
	for (unsigned int i = 0; i < 2; i++) {
		put32(v, C_DRIVER_FEATURE_SELECT, i);
		put32(v, C_DRIVER_FEATURE, (uint32_t)(v->features >> 32 * i));
	}
	put8(v, C_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return get_status(v) & S_FEATURES_OK ? 0 : -ENODEV;
}

/* Sized as the device can; all slots free, both rings empty. */
static void clear_queue(struct virtio *v, struct virtqueue *q)
{
	unsigned int most = get16(v, C_QUEUE_SIZE);

	for (q->size = QUEUE_MAX; q->size > most; q->size /= 2)
		;
	q->indirect = q->table && v->features & VIRTIO_INDIRECT;
	q->event_idx = v->features & VIRTIO_EVENT_IDX;
	q->run = q->indirect || !q->table ? 1 : q->direct;
	q->nr_slots = q->nr_free = q->size / q->run;
	memset(q->rings, 0, sizeof(*q->rings));
	memset(q->owner, 0, sizeof(q->owner));
	q->avail = q->kicked = q->used = 0;
	for (unsigned int i = 0; i < q->nr_slots; i++)
		q->free[i] = (uint16_t)(q->nr_slots - 1 - i);
}

static int start_queue(struct virtio *v, struct virtqueue *q)
{
	uint64_t off;

	put16(v, C_QUEUE_SELECT, q->nr);
	clear_queue(v, q);
	off = (uint64_t)get16(v, C_QUEUE_NOTIFY_OFF) * v->notify_multiplier;
	if (!q->nr_slots || off & 1 || off + 2 > v->part_len[PART_NOTIFY])
		return -ENODEV;
	q->doorbell = (volatile uint16_t *)(v->part[PART_NOTIFY] + off);
	put16(v, C_QUEUE_SIZE, q->size);
	put_address(v, C_QUEUE_DESC, q->rings->desc);
	put_address(v, C_QUEUE_DRIVER, &q->rings->avail);
	put_address(v, C_QUEUE_DEVICE, &q->rings->used);
	if (v->msix) {
		put16(v, C_QUEUE_MSIX, 0);
		if (get16(v, C_QUEUE_MSIX))
			return -ENOSPC;
	}
	put16(v, C_QUEUE_ENABLE, 1);
	return 0;
}

static int bring_up(struct virtio *v)
{
	int err = negotiate(v);

	if (!err && v->msix) {
		put16(v, C_MSIX_CONFIG, v->config_entry);
		if (get16(v, C_MSIX_CONFIG) != v->config_entry)
			err = -ENOSPC;
	}
	for (unsigned int i = 0; !err && i < v->nr_queues; i++)
		err = start_queue(v, &v->q[i]);
	put8(v, C_STATUS, err ? S_FAILED : S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
	return err;
}

/* The device has forgotten all when its status reads as 0. */
static int quiet(struct virtio *v)
{
	put8(v, C_STATUS, 0);
	for (unsigned int us = 0; us < RESET_POLL_US; us += 50) {
		if (!get_status(v))
			return 0;
		udelay(50);
	}
	return -EAGAIN;
}

void virtio_stop(struct virtio *v)
{
	quiet(v);
}

/* What the cores know about a device depends on both. */
static bool as_before(const struct virtio *v, uint64_t features, const unsigned int *slots)
{
	for (unsigned int i = 0; i < v->nr_queues; i++)
		if (v->q[i].nr_slots != slots[i])
			return false;
	return v->features == features;
}

/* A device that does not become quiet is cut off from memory. */
int virtio_reset(struct virtio *v)
{
	uint64_t features = v->features;
	unsigned int slots[VIRTIO_QUEUES];
	int err = quiet(v);

	if (err == -EAGAIN && v->resets_tried++ < RESET_ATTEMPTS)
		return err;
	v->resets_tried = 0;
	for (unsigned int i = 0; i < v->nr_queues; i++)
		slots[i] = v->q[i].nr_slots;
	if (!err)
		err = bring_up(v);
	if (!err && as_before(v, features, slots))
		return 0;
	pci_cut_off(v->pci.bdf);
	return -EIO;
}

/* --- queues */

int vq_get(struct virtqueue *q, void *owner)
{
	unsigned int n;

	if (!q->nr_free)
		return -EAGAIN;
	n = q->free[--q->nr_free];
	q->owner[n] = owner;
	return (int)n;
}

struct desc *vq_table(struct virtqueue *q, unsigned int n)
{
	return q->indirect ? &q->tables[n * q->table] : &q->rings->desc[n * q->run];
}

void vq_post(struct virtqueue *q, unsigned int n, unsigned int nr)
{
	struct desc *t = vq_table(q, n);
	unsigned int head = n * q->run, first = q->indirect ? 0 : head;

	for (unsigned int i = 0; i + 1 < nr; i++) {
		t[i].flags |= DESC_NEXT;
		t[i].next = (uint16_t)(first + i + 1);
	}
	if (q->indirect) {
		vq_set(&q->rings->desc[n], virt_to_maddr(t), nr * sizeof(*t), false);
		q->rings->desc[n].flags = DESC_INDIRECT;
	}
	q->rings->avail.ring[q->avail++ & (q->size - 1)] = (uint16_t)head;
}

void vq_kick(struct virtqueue *q)
{
	uint16_t *event = (uint16_t *)&q->rings->used.ring[q->size], from = q->kicked;
	bool wanted;

	__atomic_store_n(&q->rings->avail.idx, q->avail, __ATOMIC_RELEASE);
	q->kicked = q->avail;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)
		wanted = (uint16_t)(q->avail - READ_ONCE(*event) - 1) < (uint16_t)(q->avail - from);
	else
		wanted = !(READ_ONCE(q->rings->used.flags) & USED_NO_NOTIFY);
	if (wanted)
		*q->doorbell = (uint16_t)q->nr;
}

/* Each entry ends a slot that is in use: loops over this are bounded. */
int vq_take(struct virtqueue *q, void **owner, uint32_t *len)
{
	unsigned int at = q->used & (q->size - 1);
	uint32_t id, n;

	if (__atomic_load_n(&q->rings->used.idx, __ATOMIC_ACQUIRE) == q->used)
		return -EAGAIN;
	id = READ_ONCE(q->rings->used.ring[at].id);
	n = id / q->run;
	*len = READ_ONCE(q->rings->used.ring[at].len);
	*owner = n < q->nr_slots && id % q->run == 0 ? q->owner[n] : NULL;
	if (!*owner)
		return -EIO;
	q->used++;
	q->owner[n] = NULL;
	q->free[q->nr_free++] = (uint16_t)n;
	return (int)n;
}

bool vq_ask_for_interrupt(struct virtqueue *q)
{
	WRITE_ONCE(q->rings->avail.ring[q->size], q->used); /* no meaning without EVENT_IDX */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return READ_ONCE(q->rings->used.idx) != q->used;
}

/* --- probe */

/* The part of the interface that a capability describes; the first of a kind counts. */
static void find_part(struct virtio *v, unsigned int cap, uint8_t *bars[6])
{
	unsigned int type = pci_read(v->pci.bdf, cap) >> 24, bar;
	uint32_t offset = pci_read(v->pci.bdf, cap + 8), len = pci_read(v->pci.bdf, cap + 12);

	bar = pci_read(v->pci.bdf, cap + 4) & 0xff;
	if (type < PART_COMMON || type >= NR_PARTS || v->part[type] || bar > 5)
		return;
	if (!bars[bar])
		bars[bar] = pci_map_bar(&v->pci, bar);
	/* pci_map_bar() maps the first MiB. */
	if (!len || !bars[bar] ||
	    (uint64_t)offset + len > min(v->pci.bar[bar].len, (uint64_t)1 << 20) || offset & 3)
		return;
	v->part[type] = bars[bar] + offset;
	v->part_len[type] = len;
	if (type == PART_NOTIFY)
		v->notify_multiplier = pci_read(v->pci.bdf, cap + 16);
}

int virtio_find(struct virtio *v, const struct pci_func *f, unsigned int config)
{
	uint8_t *bars[6] = { NULL };
	unsigned int cap = 0;

	v->pci = *f;
	for (unsigned int i = 0; i < 16; i++) {
		cap = pci_capability(v->pci.bdf, CAP_VENDOR, cap);
		if (!cap)
			break;
		find_part(v, cap, bars);
	}
	return v->part_len[PART_COMMON] >= C_END && v->part[PART_NOTIFY] &&
			       v->part_len[PART_DEVICE] >= config ?
		       0 :
		       -ENODEV;
}

static int alloc_queue(struct virtqueue *q)
{
	q->rings = hyp_page_alloc(order_of(sizeof(*q->rings)));
	if (q->table)
		q->tables = hyp_page_alloc(order_of(QUEUE_MAX * q->table * sizeof(struct desc)));
	return q->rings && (q->tables || !q->table) ? 0 : -ENOMEM;
}

int virtio_start(struct virtio *v, void (*fn)(void *data), void (*config_fn)(void *data),
		 void *data)
{
	unsigned int cap = pci_capability(v->pci.bdf, CAP_MSIX, 0);
	int err;

	pci_enable(&v->pci);
	for (unsigned int i = 0; (err = quiet(v)) == -EAGAIN && i < RESET_ATTEMPTS; i++)
		;
	if (!err)
		err = pci_irq(&v->pci, 0, fn, data);
	v->msix = cap && pci_read(v->pci.bdf, cap) >> 31;
	if (!err && config_fn && !pci_irq(&v->pci, 1, config_fn, data))
		v->config_entry = 1;
	for (unsigned int i = 0; !err && i < v->nr_queues; i++) {
		v->q[i].nr = i;
		err = alloc_queue(&v->q[i]);
	}
	return err ? err : bring_up(v);
}

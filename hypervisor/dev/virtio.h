/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What virtio devices on PCI have in common (virtio 1.1, sections 2 and 4.1): the modern interface
 * only, which transitional devices have, too; queues of the split format.
 *
 * What is put into a queue has a slot there: a descriptor that points to a table of the slot's
 * own (indirect descriptors), or, when the device cannot or the queue has no tables, a run of
 * descriptors. So there is nothing to allocate, and the id that the device returns is
 * checked by looking whether that slot is in use.
 *
 * Locking is the driver's business.
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include <hyp/bits.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pci.h>

#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_INDIRECT BIT(28)
#define VIRTIO_EVENT_IDX BIT(29)
#define QUEUE_MAX 256 /* power of two */
#define VIRTIO_QUEUES 2

enum part { PART_COMMON = 1, PART_NOTIFY, PART_ISR, PART_DEVICE, NR_PARTS };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct rings;

struct virtqueue {
	/* the driver's, before virtio_start() */
	unsigned int table;  /* descriptors of a slot's table; 0: one descriptor, no tables */
	unsigned int direct; /* the same without tables: a power of two */

	unsigned int nr, size, run, nr_slots, nr_free; /* run: descriptors of the queue per slot */
	struct rings *rings;
	struct desc *tables;
	bool indirect, event_idx;
	volatile uint16_t *doorbell;
	uint16_t avail, kicked, used; /* indices, ours */
	uint16_t free[QUEUE_MAX];
	void *owner[QUEUE_MAX]; /* by slot, NULL: not in use */
};

struct virtio {
	/* the driver's, before virtio_start() */
	uint64_t wanted; /* features */
	unsigned int nr_queues;
	struct virtqueue q[VIRTIO_QUEUES];

	struct pci_func pci;
	uint64_t features;
	volatile uint8_t *part[NR_PARTS];
	uint32_t part_len[NR_PARTS], notify_multiplier;
	unsigned int config_entry; /* of MSI-X: tells changes of the configuration */
	bool msix;
	unsigned int resets_tried;
};

/* Finds the interface; at least config bytes of PART_DEVICE. -ENODEV. */
int virtio_find(struct virtio *v, const struct pci_func *f, unsigned int config);
/*
 * Allocates the queues and starts the device; fn(data) is its interrupt. config_fn: for changes of
 * the configuration, if the device has an interrupt for them alone: else, and with NULL, fn.
 */
int virtio_start(struct virtio *v, void (*fn)(void *data), void (*config_fn)(void *data),
		 void *data);
/* As struct nic_ops says. With 0 the queues are empty, the features as before. */
int virtio_reset(struct virtio *v);
void virtio_stop(struct virtio *v); /* after a probe that failed */
bool virtio_needs_reset(const struct virtio *v);
uint32_t virtio_config(const struct virtio *v, unsigned int reg); /* 32 bits; 0: not there */
unsigned int virtio_generation(const struct virtio *v);

/* A free slot, now of owner, not NULL. -EAGAIN */
int vq_get(struct virtqueue *q, void *owner);
/* Where its descriptors are; vq_set() fills one. */
struct desc *vq_table(struct virtqueue *q, unsigned int slot);
static inline void vq_set(struct desc *d, maddr_t a, uint32_t len, bool device_writes)
{
	*d = (struct desc){ .addr = a.a, .len = len, .flags = device_writes ? 2 : 0 };
}
/* Puts the slot into the queue, with the nr descriptors that are there. */
void vq_post(struct virtqueue *q, unsigned int slot, unsigned int nr);
/* The device sees what was put there, and is told if it wants to be. */
void vq_kick(struct virtqueue *q);
/* A slot that has ended; it is free now. -EAGAIN: none; -EIO: the device makes no sense. */
int vq_take(struct virtqueue *q, void **owner, uint32_t *len);
/* An interrupt for the next one, and a look whether it is there already. */
bool vq_ask_for_interrupt(struct virtqueue *q);

#endif

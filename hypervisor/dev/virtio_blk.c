/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio block devices (virtio 1.1, section 5.2). One queue; each slot of it has a struct slot
 * for what the device reads and writes beside the data.
 *
 * Not here: several queues, changes of the capacity.
 */
#include <hyp/disk.h>
#include <hyp/drivers.h>
#include "virtio.h"

#define DEVICE_TRANSITIONAL 0x1001
#define DEVICE_MODERN 0x1042

/* PART_DEVICE */
enum {
	D_CAPACITY = 0,
	D_SIZE_MAX = 8,
	D_SEG_MAX = 12,
	D_BLK_SIZE = 20,
	D_MAX_DISCARD = 36,
	D_END = 60,
};

#define F_SIZE_MAX BIT(1)
#define F_SEG_MAX BIT(2)
#define F_RO BIT(5)
#define F_BLK_SIZE BIT(6)
#define F_FLUSH BIT(9)
#define F_DISCARD BIT(13)
#define WANTED (F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_DISCARD)

/* Requests */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11 };
#define ID_SIZE 20
#define STATUS_OK 0
#define STATUS_NONE 0xff

#define TABLE_SIZE (DISK_MAX_SEGS + 2)
#define DIRECT_RUN 16 /* descriptors of a request without tables */
#define ID_TIMEOUT SECONDS(2)

/* What the device reads and writes of a request, beside the data. */
struct __aligned(64) slot
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} discard;
	char id[ID_SIZE];
	uint8_t status;
};

struct virtio_blk {
	struct disk disk;
	bool ready;
	struct virtio virtio; /* with its queue protected by disk.lock */
	struct virtqueue *q;
	struct slot slots[QUEUE_MAX];
};

/* --- requests */

/* Makes the chain: head, nr descriptors that are there at [1], status. Puts it into the ring. */
static void post(struct virtio_blk *v, unsigned int n, uint32_t type, uint64_t sector,
		 unsigned int nr)
{
	struct slot *s = &v->slots[n];
	struct desc *t = vq_table(v->q, n);

	s->head.type = type;
	s->head.reserved = 0;
	s->head.sector = sector;
	s->status = STATUS_NONE;
	vq_set(&t[0], virt_to_maddr(&s->head), sizeof(s->head), false);
	vq_set(&t[nr + 1], virt_to_maddr(&s->status), 1, true);
	vq_post(v->q, n, nr + 2);
}

static unsigned int fill_data(struct virtio_blk *v, unsigned int n, const struct disk_req *r)
{
	struct slot *s = &v->slots[n];
	struct desc *t = vq_table(v->q, n);

	if (r->op == DISK_DISCARD) {
		s->discard.sector = r->sector;
		s->discard.sectors = r->sectors;
		s->discard.flags = 0;
		vq_set(&t[1], virt_to_maddr(&s->discard), sizeof(s->discard), false);
		return 1;
	}
	for (unsigned int i = 0; i < r->nr_segs; i++)
		vq_set(&t[i + 1], r->segs[i].addr, r->segs[i].len, r->op == DISK_READ);
	return r->nr_segs;
}

static int blk_start(struct disk *disk, struct disk_req *r)
{
	static const uint32_t types[] = { [DISK_READ] = T_IN,
					  [DISK_WRITE] = T_OUT,
					  [DISK_FLUSH] = T_FLUSH,
					  [DISK_DISCARD] = T_DISCARD };
	struct virtio_blk *v = disk->priv;
	bool transfer = r->op == DISK_READ || r->op == DISK_WRITE;
	int n = vq_get(v->q, r);

	if (n < 0)
		return n;
	post(v, (unsigned int)n, types[r->op], transfer ? r->sector : 0,
	     fill_data(v, (unsigned int)n, r));
	return 0;
}

static void blk_kick(struct disk *disk)
{
	struct virtio_blk *v = disk->priv;

	vq_kick(v->q);
}

/* Takes what has ended. */
static bool take_all(struct virtio_blk *v)
{
	bool any = false;
	uint32_t len;
	void *r;
	int n;

	for (; (n = vq_take(v->q, &r, &len)) >= 0; any = true)
		disk_complete(&v->disk, r, READ_ONCE(v->slots[n].status) == STATUS_OK ? 0 : -EIO);
	if (n == -EIO)
		disk_fault(&v->disk, "it returned what it had not been given");
	return any;
}

/* Nothing in the ring: the configuration has changed, or the device is in trouble. */
static void blk_irq(void *data)
{
	struct virtio_blk *v = data;
	bool any = false;

	if (!__atomic_load_n(&v->ready, __ATOMIC_ACQUIRE))
		return;
	disk_lock(&v->disk);
	if (!v->disk.resetting && !v->disk.dead) {
		do {
			any |= take_all(v);
		} while (!v->disk.resetting && vq_ask_for_interrupt(v->q));
		if (!any && virtio_needs_reset(&v->virtio))
			disk_fault(&v->disk, "it asks for a reset");
	}
	disk_unlock(&v->disk);
}

static int blk_reset(struct disk *disk)
{
	struct virtio_blk *v = disk->priv;

	return virtio_reset(&v->virtio);
}

static const struct disk_ops blk_ops = { .start = blk_start, .kick = blk_kick, .reset = blk_reset };

/* --- probe */

/* By polling, while nobody else uses the device. */
static int read_serial(struct virtio_blk *v)
{
	s_time_t end = now() + ID_TIMEOUT;
	char *out = v->disk.serial;
	int n = vq_get(v->q, v), err;
	uint32_t len;
	void *owner;

	/* The first slot is 0. */
	vq_set(&vq_table(v->q, 0)[1], virt_to_maddr(v->slots[0].id), ID_SIZE, true);
	post(v, 0, T_GET_ID, 0, 1);
	vq_kick(v->q);
	while ((err = vq_take(v->q, &owner, &len)) == -EAGAIN) {
		if (now() > end)
			return -EIO;
		udelay(5);
	}
	if (err != n)
		return -EIO;
	vq_ask_for_interrupt(v->q);
	for (unsigned int i = 0; v->slots[0].status == STATUS_OK && i < ID_SIZE; i++) {
		char c = v->slots[0].id[i];

		if (!c)
			break;
		out[i] = c > ' ' && c < 0x7f ? c : '_';
	}
	return 0;
}

static int read_config(struct virtio_blk *v)
{
	struct disk *d = &v->disk;
	uint64_t features = v->virtio.features;
	uint32_t segs = v->q->run > 1 ? DIRECT_RUN - 2 : DISK_MAX_SEGS;

	if (features & F_SIZE_MAX && virtio_config(&v->virtio, D_SIZE_MAX) < PAGE_SIZE)
		return -ENODEV;
	/* No chain is longer than the queue, tables included (2.6.5.3.1). */
	segs = min(segs, v->q->size > 2 ? v->q->size - 2 : 0);
	if (features & F_SEG_MAX)
		segs = min(segs, virtio_config(&v->virtio, D_SEG_MAX));
	d->ops = &blk_ops;
	d->priv = v;
	d->driver = "virtio-blk";
	pci_where(v->virtio.pci.bdf, d->where, sizeof(d->where));
	strlcpy(d->model, "virtio disk", sizeof(d->model));
	d->sectors = virtio_config(&v->virtio, D_CAPACITY) |
		     (uint64_t)virtio_config(&v->virtio, D_CAPACITY + 4) << 32;
	d->block_size = features & F_BLK_SIZE ? virtio_config(&v->virtio, D_BLK_SIZE) : SECTOR_SIZE;
	if (!segs || d->block_size < SECTOR_SIZE || d->block_size > PAGE_SIZE ||
	    d->block_size & (d->block_size - 1))
		return -ENODEV;
	d->sectors -= d->sectors % (d->block_size / SECTOR_SIZE);
	d->read_only = features & F_RO;
	d->can_flush = features & F_FLUSH;
	d->max_discard = features & F_DISCARD ? virtio_config(&v->virtio, D_MAX_DISCARD) : 0;
	d->can_discard = d->max_discard != 0 && !d->read_only;
	d->depth = (uint16_t)v->q->nr_slots;
	d->max_segs = (uint16_t)segs;
	d->max_sectors = segs * (PAGE_SIZE / SECTOR_SIZE);
	return 0;
}

/* All of it is of one moment, unless the device changes it all the time (2.4.1). */
static int describe(struct virtio_blk *v)
{
	unsigned int generation, tries = 8;
	int err;

	do {
		generation = virtio_generation(&v->virtio);
		err = read_config(v);
	} while (virtio_generation(&v->virtio) != generation && --tries);
	return err;
}

static int set_up(struct virtio_blk *v)
{
	int err;

	v->q = &v->virtio.q[0];
	v->q->table = TABLE_SIZE;
	v->q->direct = DIRECT_RUN;
	v->virtio.nr_queues = 1;
	v->virtio.wanted = WANTED;
	err = virtio_start(&v->virtio, blk_irq, NULL, v);
	if (!err)
		err = read_serial(v);
	if (!err)
		err = describe(v);
	return err ? err : disk_add(&v->disk);
}

/*
 * A device that fails stays reset, and v with its memory is not given back: the interrupt knows it.
 */
static int probe(const struct pci_func *f)
{
	struct virtio_blk *v = hyp_alloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	err = virtio_find(&v->virtio, f, 8);
	if (err) {
		hyp_free(v);
		return err;
	}
	err = set_up(v);
	if (err)
		virtio_stop(&v->virtio);
	else
		__atomic_store_n(&v->ready, true, __ATOMIC_RELEASE);
	return err;
}

static bool match(const struct pci_func *f)
{
	return f->vendor == VIRTIO_VENDOR &&
	       (f->device == DEVICE_MODERN || f->device == DEVICE_TRANSITIONAL);
}

const struct pci_driver virtio_blk_driver = { .name = "virtio-blk",
					      .match = match,
					      .probe = probe };

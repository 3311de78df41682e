/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio block devices on PCI (virtio 1.1, sections 2.6, 4.1 and 5.2): the modern interface only,
 * which transitional devices have, too. One queue of the split format.
 *
 * Each request has a slot for good: a descriptor of the queue that points to a table of the
 * slot's own (indirect descriptors), or, when the device cannot, a run of the queue's descriptors.
 * So there is nothing to allocate, and the id the device returns is checked by looking
 * whether that slot is in use.
 *
 * The device is not trusted to be right: indices and ids are bounded, and what makes no sense
 * is a fault, which the core answers with a reset. It can write to all memory by DMA: without
 * an IOMMU nothing can be done about that.
 *
 * Not here: several queues, packed rings, changes of the capacity, the legacy interface.
 */
#include <hyp/disk.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include <hyp/mm.h>

#define VENDOR 0x1af4
#define DEVICE_TRANSITIONAL 0x1001
#define DEVICE_MODERN 0x1042

/* Capabilities: where the parts of the interface lie */
#define CAP_VENDOR 0x09
#define CAP_MSIX 0x11
enum part { PART_COMMON = 1, PART_NOTIFY, PART_ISR, PART_DEVICE, NR_PARTS };

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
#define F_INDIRECT BIT(28)
#define F_EVENT_IDX BIT(29)
#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33) /* addresses are the platform's: as we use them */
#define F_ORDER_PLATFORM BIT(36)  /* so is the order of accesses: x86's is strong enough */
#define WANTED                                                                                     \
	(F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_INDIRECT |           \
	 F_EVENT_IDX | F_VERSION_1 | F_ACCESS_PLATFORM | F_ORDER_PLATFORM)

/* Requests */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11 };
#define ID_SIZE 20
#define STATUS_OK 0
#define STATUS_NONE 0xff

#define QUEUE_MAX 256 /* power of two */
#define TABLE_SIZE (DISK_MAX_SEGS + 2)
#define DIRECT_RUN 16 /* descriptors of a request without tables */
#define DESC_NEXT 1
#define DESC_WRITE 2 /* the device writes */
#define DESC_INDIRECT 4
#define USED_NO_NOTIFY 1
#define RESET_POLL_US 1000
#define RESET_ATTEMPTS 500 /* 10 ms apart */
#define ID_TIMEOUT SECONDS(2)

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* The queue: the rings are followed by a word, at the place that the queue's real size says. */
struct queue {
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

/* What the device reads and writes of a request, beside the data. */
struct __aligned(64) slot
{
	struct desc table[TABLE_SIZE];
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
	struct pci_func pci;
	volatile uint8_t *part[NR_PARTS];
	uint32_t part_len[NR_PARTS], notify_multiplier;
	volatile uint16_t *doorbell;
	uint64_t features;
	bool msix, ready;
	unsigned int resets_tried;
	/* protected by disk.lock: */
	struct queue *q;
	struct slot *slots;
	unsigned int size, run, nr_slots, nr_free; /* run: descriptors of the queue per slot */
	uint16_t avail, kicked, used;		   /* indices, ours */
	uint16_t free[QUEUE_MAX];
	struct disk_req *reqs[QUEUE_MAX]; /* by slot, NULL: not in use */
};

/* --- registers */

static volatile uint8_t *common(const struct virtio_blk *v, unsigned int reg)
{
	return v->part[PART_COMMON] + reg;
}

static void put8(const struct virtio_blk *v, unsigned int reg, unsigned int val)
{
	*common(v, reg) = (uint8_t)val;
}

static void put16(const struct virtio_blk *v, unsigned int reg, unsigned int val)
{
	*(volatile uint16_t *)common(v, reg) = (uint16_t)val;
}

static unsigned int get16(const struct virtio_blk *v, unsigned int reg)
{
	return *(volatile uint16_t *)common(v, reg);
}

static void put32(const struct virtio_blk *v, unsigned int reg, uint32_t val)
{
	*(volatile uint32_t *)common(v, reg) = val;
}

static uint32_t get32(const struct virtio_blk *v, unsigned int reg)
{
	return *(volatile uint32_t *)common(v, reg);
}

static void put_address(const struct virtio_blk *v, unsigned int reg, const volatile void *p)
{
	uint64_t a = virt_to_maddr((const void *)p).a;

	put32(v, reg, (uint32_t)a);
	put32(v, reg + 4, (uint32_t)(a >> 32));
}

static uint8_t get_status(const struct virtio_blk *v)
{
	return *common(v, C_STATUS);
}

static uint32_t config32(const struct virtio_blk *v, unsigned int reg)
{
	return reg + 4 > v->part_len[PART_DEVICE] ?
		       0 :
		       *(volatile uint32_t *)(v->part[PART_DEVICE] + reg);
}

/* --- starting the device, for the first time or after a reset */

static int negotiate(struct virtio_blk *v)
{
	uint64_t offered = 0;

	put8(v, C_STATUS, S_ACKNOWLEDGE);
	put8(v, C_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	for (unsigned int i = 0; i < 2; i++) {
		put32(v, C_DEVICE_FEATURE_SELECT, i);
		offered |= (uint64_t)get32(v, C_DEVICE_FEATURE) << 32 * i;
	}
	v->features = offered & WANTED;
	if (!(v->features & F_VERSION_1))
		return -ENODEV;
	for (unsigned int i = 0; i < 2; i++) {
		put32(v, C_DRIVER_FEATURE_SELECT, i);
		put32(v, C_DRIVER_FEATURE, (uint32_t)(v->features >> 32 * i));
	}
	put8(v, C_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return get_status(v) & S_FEATURES_OK ? 0 : -ENODEV;
}

/* All slots free, both rings empty. */
static void clear_queue(struct virtio_blk *v)
{
	memset(v->q, 0, sizeof(*v->q));
	memset(v->reqs, 0, sizeof(v->reqs));
	v->avail = v->kicked = v->used = 0;
	v->nr_free = v->nr_slots;
	for (unsigned int i = 0; i < v->nr_slots; i++)
		v->free[i] = (uint16_t)(v->nr_slots - 1 - i);
}

static void size_queue(struct virtio_blk *v)
{
	unsigned int most = get16(v, C_QUEUE_SIZE);

	for (v->size = QUEUE_MAX; v->size > most; v->size /= 2)
		;
	v->run = v->features & F_INDIRECT ? 1 : DIRECT_RUN;
	v->nr_slots = v->size / v->run;
}

static int start_queue(struct virtio_blk *v)
{
	uint64_t off;

	put16(v, C_QUEUE_SELECT, 0);
	size_queue(v);
	off = (uint64_t)get16(v, C_QUEUE_NOTIFY_OFF) * v->notify_multiplier;
	if (!v->nr_slots || off + 2 > v->part_len[PART_NOTIFY])
		return -ENODEV;
	v->doorbell = (volatile uint16_t *)(v->part[PART_NOTIFY] + off);
	clear_queue(v);
	put16(v, C_QUEUE_SIZE, v->size);
	put_address(v, C_QUEUE_DESC, v->q->desc);
	put_address(v, C_QUEUE_DRIVER, &v->q->avail);
	put_address(v, C_QUEUE_DEVICE, &v->q->used);
	if (v->msix) {
		put16(v, C_MSIX_CONFIG, 0);
		put16(v, C_QUEUE_MSIX, 0);
		if (get16(v, C_QUEUE_MSIX))
			return -ENOSPC;
	}
	put16(v, C_QUEUE_ENABLE, 1);
	return 0;
}

static int bring_up(struct virtio_blk *v)
{
	int err = negotiate(v);

	if (!err)
		err = start_queue(v);
	put8(v, C_STATUS, err ? S_FAILED : S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
	return err;
}

/* The device has forgotten all when its status reads as 0. */
static int quiet(struct virtio_blk *v)
{
	put8(v, C_STATUS, 0);
	for (unsigned int us = 0; us < RESET_POLL_US; us += 50) {
		if (!get_status(v))
			return 0;
		udelay(50);
	}
	return -EAGAIN;
}

/* --- requests */

static void set_desc(struct desc *d, const void *p, uint32_t len, bool device_writes)
{
	d->addr = virt_to_maddr(p).a;
	d->len = len;
	d->flags = DESC_NEXT | (device_writes ? DESC_WRITE : 0);
}

/* The slot's table, and the number its first entry has in `next`. */
static struct desc *table_of(struct virtio_blk *v, unsigned int n, uint16_t *first)
{
	*first = (uint16_t)(v->run > 1 ? n * v->run : 0);
	return v->run > 1 ? &v->q->desc[n * v->run] : v->slots[n].table;
}

/* Makes the chain: head, nr descriptors that are there at [1], status. Puts it into the ring. */
static void post(struct virtio_blk *v, unsigned int n, uint32_t type, uint64_t sector,
		 unsigned int nr)
{
	struct slot *s = &v->slots[n];
	uint16_t first, head = (uint16_t)(n * v->run);
	struct desc *t = table_of(v, n, &first);

	s->head.type = type;
	s->head.reserved = 0;
	s->head.sector = sector;
	s->status = STATUS_NONE;
	set_desc(&t[0], &s->head, sizeof(s->head), false);
	set_desc(&t[nr + 1], &s->status, 1, true);
	t[nr + 1].flags = DESC_WRITE;
	for (unsigned int i = 0; i <= nr; i++)
		t[i].next = (uint16_t)(first + i + 1);
	if (v->run == 1) {
		set_desc(&v->q->desc[n], t, (nr + 2) * sizeof(*t), false);
		v->q->desc[n].flags = DESC_INDIRECT;
	}
	v->q->avail.ring[v->avail++ & (v->size - 1)] = head;
}

/* The device sees new entries of the ring, and is told if it wants to be. */
static void kick(struct virtio_blk *v)
{
	uint16_t *event = (uint16_t *)&v->q->used.ring[v->size], from = v->kicked;
	bool wanted;

	__atomic_store_n(&v->q->avail.idx, v->avail, __ATOMIC_RELEASE);
	v->kicked = v->avail;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (v->features & F_EVENT_IDX)
		wanted = (uint16_t)(v->avail - READ_ONCE(*event) - 1) < (uint16_t)(v->avail - from);
	else
		wanted = !(READ_ONCE(v->q->used.flags) & USED_NO_NOTIFY);
	if (wanted)
		*v->doorbell = 0;
}

static unsigned int fill_data(struct virtio_blk *v, unsigned int n, const struct disk_req *r)
{
	struct slot *s = &v->slots[n];
	uint16_t first;
	struct desc *t = table_of(v, n, &first);

	if (r->op == DISK_DISCARD) {
		s->discard.sector = r->sector;
		s->discard.sectors = r->sectors;
		s->discard.flags = 0;
		set_desc(&t[1], &s->discard, sizeof(s->discard), false);
		return 1;
	}
	for (unsigned int i = 0; i < r->nr_segs; i++) {
		t[i + 1].addr = r->segs[i].addr.a;
		t[i + 1].len = r->segs[i].len;
		t[i + 1].flags = DESC_NEXT | (r->op == DISK_READ ? DESC_WRITE : 0);
	}
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
	unsigned int n;

	if (!v->nr_free)
		return -EAGAIN;
	n = v->free[--v->nr_free];
	v->reqs[n] = r;
	post(v, n, types[r->op], transfer ? r->sector : 0, fill_data(v, n, r));
	return 0;
}

static void blk_kick(struct disk *disk)
{
	kick(disk->priv);
}

/* One entry of the used ring. False: it makes no sense. */
static bool take_used(struct virtio_blk *v, uint32_t id)
{
	unsigned int n = id / v->run;
	struct disk_req *r = n < v->nr_slots && id % v->run == 0 ? v->reqs[n] : NULL;

	if (!r)
		return false;
	v->reqs[n] = NULL;
	v->free[v->nr_free++] = (uint16_t)n;
	disk_complete(&v->disk, r, READ_ONCE(v->slots[n].status) == STATUS_OK ? 0 : -EIO);
	return true;
}

/* Takes what has ended. Each entry ends a request that was started: this is bounded. */
static bool take_all(struct virtio_blk *v)
{
	uint16_t idx = __atomic_load_n(&v->q->used.idx, __ATOMIC_ACQUIRE);
	bool any = idx != v->used;

	for (; idx != v->used; v->used++)
		if (!take_used(v, READ_ONCE(v->q->used.ring[v->used & (v->size - 1)].id))) {
			disk_fault(&v->disk, "it returned what it had not been given");
			return false;
		}
	return any;
}

/* An interrupt for the next entry, and a look whether it is there already. */
static bool ask_for_interrupt(struct virtio_blk *v)
{
	WRITE_ONCE(v->q->avail.ring[v->size], v->used); /* no meaning without F_EVENT_IDX */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return READ_ONCE(v->q->used.idx) != v->used;
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
		} while (!v->disk.resetting && ask_for_interrupt(v));
		if (!any && get_status(v) & S_NEEDS_RESET)
			disk_fault(&v->disk, "it asks for a reset");
	}
	disk_unlock(&v->disk);
}

/* A device that does not become quiet is cut off from memory. */
static int blk_reset(struct disk *disk)
{
	struct virtio_blk *v = disk->priv;
	uint64_t features = v->features;
	int err = quiet(v);

	if (err == -EAGAIN && v->resets_tried++ < RESET_ATTEMPTS)
		return err;
	v->resets_tried = 0;
	if (!err)
		err = bring_up(v);
	/* What the core knows about it depends on both. */
	if (!err && v->features == features && v->nr_slots == disk->depth)
		return 0;
	pci_cut_off(v->pci.bdf);
	return -EIO;
}

static const struct disk_ops blk_ops = { .start = blk_start, .kick = blk_kick, .reset = blk_reset };

/* --- probe */

/* The part of the interface that a capability describes; the first of a kind counts. */
static void find_part(struct virtio_blk *v, unsigned int cap, uint8_t *bars[6])
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

static int find_parts(struct virtio_blk *v)
{
	uint8_t *bars[6] = { NULL };
	unsigned int cap = 0;

	for (unsigned int i = 0; i < 16; i++) {
		cap = pci_capability(v->pci.bdf, CAP_VENDOR, cap);
		if (!cap)
			break;
		find_part(v, cap, bars);
	}
	return v->part_len[PART_COMMON] >= C_END && v->part[PART_NOTIFY] &&
			       v->part_len[PART_DEVICE] >= 8 ?
		       0 :
		       -ENODEV;
}

static unsigned int order_of(size_t size)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

/* By polling, while nobody else uses the device. */
static int read_serial(struct virtio_blk *v)
{
	s_time_t end = now() + ID_TIMEOUT;
	char *out = v->disk.serial;
	uint16_t first;
	struct desc *t = table_of(v, 0, &first);

	set_desc(&t[1], v->slots[0].id, ID_SIZE, true);
	post(v, 0, T_GET_ID, 0, 1);
	kick(v);
	while (__atomic_load_n(&v->q->used.idx, __ATOMIC_ACQUIRE) == v->used) {
		if (now() > end)
			return -EIO;
		udelay(5);
	}
	v->used++;
	ask_for_interrupt(v);
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
	uint32_t segs = v->run > 1 ? DIRECT_RUN - 2 : DISK_MAX_SEGS;

	if (v->features & F_SIZE_MAX && config32(v, D_SIZE_MAX) < PAGE_SIZE)
		return -ENODEV;
	/* No chain is longer than the queue, tables included (2.6.5.3.1). */
	segs = min(segs, v->size > 2 ? v->size - 2 : 0);
	if (v->features & F_SEG_MAX)
		segs = min(segs, config32(v, D_SEG_MAX));
	d->ops = &blk_ops;
	d->priv = v;
	d->driver = "virtio-blk";
	pci_where(v->pci.bdf, d->where, sizeof(d->where));
	strlcpy(d->model, "virtio disk", sizeof(d->model));
	d->sectors = config32(v, D_CAPACITY) | (uint64_t)config32(v, D_CAPACITY + 4) << 32;
	d->block_size = v->features & F_BLK_SIZE ? config32(v, D_BLK_SIZE) : SECTOR_SIZE;
	if (!segs || d->block_size < SECTOR_SIZE || d->block_size > PAGE_SIZE ||
	    d->block_size & (d->block_size - 1))
		return -ENODEV;
	d->sectors -= d->sectors % (d->block_size / SECTOR_SIZE);
	d->read_only = v->features & F_RO;
	d->can_flush = v->features & F_FLUSH;
	d->max_discard = v->features & F_DISCARD ? config32(v, D_MAX_DISCARD) : 0;
	d->can_discard = d->max_discard != 0 && !d->read_only;
	d->depth = (uint16_t)v->nr_slots;
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
		generation = *common(v, C_GENERATION);
		err = read_config(v);
	} while (*common(v, C_GENERATION) != generation && --tries);
	return err;
}

static int set_up(struct virtio_blk *v)
{
	unsigned int cap = pci_capability(v->pci.bdf, CAP_MSIX, 0);
	int err;

	pci_enable(&v->pci);
	for (unsigned int i = 0; (err = quiet(v)) == -EAGAIN && i < RESET_ATTEMPTS; i++)
		;
	if (!err)
		err = pci_irq(&v->pci, 0, blk_irq, v);
	if (err)
		return err;
	v->msix = cap && pci_read(v->pci.bdf, cap) >> 31;
	v->q = hyp_page_alloc(order_of(sizeof(*v->q)));
	v->slots = hyp_page_alloc(order_of(QUEUE_MAX * sizeof(*v->slots)));
	if (!v->q || !v->slots)
		return -ENOMEM;
	err = bring_up(v);
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
	v->pci = *f;
	err = find_parts(v);
	if (err) {
		hyp_free(v);
		return err;
	}
	err = set_up(v);
	if (err)
		quiet(v);
	else
		__atomic_store_n(&v->ready, true, __ATOMIC_RELEASE);
	return err;
}

static bool match(const struct pci_func *f)
{
	return f->vendor == VENDOR &&
	       (f->device == DEVICE_MODERN || f->device == DEVICE_TRANSITIONAL);
}

const struct pci_driver virtio_blk_driver = { .name = "virtio-blk",
					      .match = match,
					      .probe = probe };

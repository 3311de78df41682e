/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NVMe drives (NVM Express 1.4): each active namespace is a drive.
 *
 * A namespace has a queue pair of its own, so its drive's lock protects all it needs; the
 * interrupt, one for the controller, looks at each. A request may be several commands
 * (dev/nvme_cmd.c); r->tag counts those under way, and remembers that one failed. A command's
 * number is its place in reqs[]; less commands are under way than a queue has places, so
 * neither queue can run over.
 *
 * The controller (registers, admin queue) is c->lock's, taken inside a drive's lock. Resetting one
 * drive resets the controller, and all its namespaces with it: c->epoch counts these.
 * A namespace of an older epoch has lost its queues and what was in them; its own reset(), which
 * the timer that watches over it causes, makes new ones. The same steps bring the controller
 * up at boot.
 *
 * Not here: metadata, namespaces that come and go, several queues for several CPUs, telling
 * the controller of a power-off (what must last is flushed before).
 */
#include <hyp/bits.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pci.h>
#include <hyp/x86.h>

#include "nvme.h"

#define CLASS_NVME 0x010802

enum { CAP = 0x00, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
#define CAP_ENTRIES(cap) (((cap)&0xffff) + 1)
#define CAP_TIMEOUT(cap) ((cap) >> 24 & 0xff) /* in units of 500 ms */
#define CAP_STRIDE(cap) (4u << ((cap) >> 32 & 15))
#define CAP_NVM(cap) ((cap) >> 37 & 1)
#define CAP_PAGE_MIN(cap) (PAGE_SIZE << ((cap) >> 48 & 15))
#define CC_ENABLE 0x460001u /* with entries of 64 and 16 bytes, pages of 4 KiB */
#define CSTS_READY 1u
#define CSTS_FATAL 2u
#define GONE 0xffffffffu

#define MAPPED (1ul << 20) /* of a BAR, by pci_map_bar() */
#define ADMIN_ENTRIES 16
#define MAX_ENTRIES 128
#define MIN_ENTRIES 2
#define MAX_NAMESPACES 16
#define MAX_DISCARD (1u << 22) /* sectors of one command: it is to end in time */
#define ADMIN_TIME SECONDS(5)
#define SPIN_TIME MILLISECS(2)
#define WATCH_TIME SECONDS(1)
#define STATUS_PHASE 1u
#define QUEUE_CONTIGUOUS 1u
#define QUEUE_INTERRUPTS 2u

#define TAG_FAILED 0x10000u /* r->tag: one of its commands; below: commands under way */

struct queue {
	struct nvme_cmd *sq;
	volatile struct nvme_cqe *cq;
	volatile uint32_t *sq_bell, *cq_bell;
	uint16_t size, tail, head;
	uint16_t phase; /* of what is new */
};

enum { MAKE_CQ, MAKE_SQ, MADE };

struct namespace
{
	struct disk disk;
	struct nvme *ctrl;
	uint32_t nsid;
	uint16_t qid; /* 1 and up */

	/* protected by disk.lock, from disk_add() on */
	struct queue queue;
	struct nvme_list *lists; /* by command */
	uint16_t told;		 /* the tail that the controller knows */
	uint16_t nr_free, free[MAX_ENTRIES];
	struct disk_req *reqs[MAX_ENTRIES];
	unsigned int epoch;  /* of the queues that are in use */
	unsigned int making; /* of those being made, which have come so far: */
	unsigned int made;
	struct timer watch;
};

struct nvme {
	volatile uint32_t *regs;
	uint16_t bdf;
	uint64_t cap;
	uint16_t entries;
	uint32_t bells; /* I/O queue pairs its doorbells are enough for */
	struct nvme_ctrl_info info;
	unsigned int nr_namespaces; /* those after the boot do not change */
	struct namespace *namespaces[MAX_NAMESPACES];

	struct spinlock lock; /* RANK_DISK + 1; protects: */
	struct queue admin;
	const void *admin_user; /* whose command is under way */
	s_time_t admin_deadline, deadline;
	unsigned int epoch, step;
	bool dead;
	uint16_t queues; /* I/O queue pairs it gave us */
};

static uint32_t reg_read(const struct nvme *c, unsigned int reg)
{
	return c->regs[reg / 4];
}

static void reg_write(const struct nvme *c, unsigned int reg, uint32_t v)
{
	c->regs[reg / 4] = v;
}

static void reg_write64(const struct nvme *c, unsigned int reg, uint64_t v)
{
	reg_write(c, reg, (uint32_t)v);
	reg_write(c, reg + 4, (uint32_t)(v >> 32));
}

/* --- queues */

static void queue_clear(struct queue *q)
{
	memset((void *)q->cq, 0, q->size * sizeof(*q->cq));
	q->tail = q->head = 0;
	q->phase = STATUS_PHASE;
}

static void queue_free(struct queue *q)
{
	if (q->sq)
		hyp_page_free(q->sq, 1);
	if (q->cq)
		hyp_page_free((void *)q->cq, 0);
	*q = (struct queue){ 0 };
}

static bool queue_init(const struct nvme *c, struct queue *q, unsigned int id, uint16_t size)
{
	unsigned int stride = CAP_STRIDE(c->cap);

	_Static_assert(MAX_ENTRIES * sizeof(struct nvme_cmd) <= 2 * PAGE_SIZE, "order 1");
	_Static_assert(MAX_ENTRIES * sizeof(struct nvme_cqe) <= PAGE_SIZE, "order 0");
	q->size = size;
	q->sq = hyp_page_alloc(1);
	q->cq = hyp_page_alloc(0);
	if (!q->sq || !q->cq) {
		queue_free(q);
		return false;
	}
	q->sq_bell = c->regs + (DOORBELLS + 2 * id * stride) / 4;
	q->cq_bell = c->regs + (DOORBELLS + (2 * id + 1) * stride) / 4;
	queue_clear(q);
	return true;
}

/* The doorbell is left to the caller. */
static void queue_put(struct queue *q, const struct nvme_cmd *cmd)
{
	q->sq[q->tail] = *cmd;
	q->tail = (uint16_t)(q->tail + 1 == q->size ? 0 : q->tail + 1);
}

/* The next answer; the doorbell, which gives its place back, is left to the caller. */
static bool queue_get(struct queue *q, struct nvme_cqe *answer)
{
	const volatile struct nvme_cqe *e = &q->cq[q->head];
	uint16_t status = e->status;

	if ((status & STATUS_PHASE) != q->phase)
		return false;
	barrier();
	*answer = (struct nvme_cqe){ .result = e->result, .id = e->id, .status = status };
	if (++q->head == q->size) {
		q->head = 0;
		q->phase ^= STATUS_PHASE;
	}
	return true;
}

/* --- the controller; c->lock held */

/* It shall not touch memory any more. */
static void kill_controller(struct nvme *c)
{
	char where[16];

	pci_where(c->bdf, where, sizeof(where));
	if (!c->dead)
		printk(LOG_ERR "nvme: %s: does not work, switched off\n", where);
	c->dead = true;
	reg_write(c, CC, 0);
	pci_cut_off(c->bdf);
}

/*
 * Gives the controller a command, or, called again after -EAGAIN, looks for the answer: 0 or -EIO.
 * There is one at a time: -EAGAIN, too, while another user's is under way.
 */
static int admin(struct nvme *c, const void *user, struct nvme_cmd *cmd, uint32_t *result)
{
	s_time_t end = now() + SPIN_TIME;
	struct nvme_cqe e;

	if (c->admin_user && c->admin_user != user)
		return now() > c->admin_deadline ? -EIO : -EAGAIN;
	if (!c->admin_user) {
		c->admin_user = user;
		c->admin_deadline = now() + ADMIN_TIME;
		queue_put(&c->admin, cmd);
		*c->admin.sq_bell = c->admin.tail;
	}
	while (!queue_get(&c->admin, &e)) {
		if (now() > c->admin_deadline)
			return -EIO;
		if (now() > end)
			return -EAGAIN;
		cpu_relax();
	}
	*c->admin.cq_bell = c->admin.head;
	c->admin_user = NULL;
	if (result)
		*result = e.result;
	return e.status >> 1 ? -EIO : 0;
}

static s_time_t ready_time(const struct nvme *c)
{
	return MILLISECS(500) * (s_time_t)(CAP_TIMEOUT(c->cap) + 1);
}

static int step_disable(struct nvme *c)
{
	if (reg_read(c, CSTS) & CSTS_READY)
		return -EAGAIN;
	queue_clear(&c->admin);
	c->admin_user = NULL;
	reg_write(c, AQA, (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
	reg_write64(c, ASQ, virt_to_maddr(c->admin.sq).a);
	reg_write64(c, ACQ, virt_to_maddr((void *)c->admin.cq).a);
	reg_write(c, CC, CC_ENABLE);
	c->deadline = now() + ready_time(c);
	return 0;
}

static int step_enable(struct nvme *c)
{
	uint32_t status = reg_read(c, CSTS);

	if (status & CSTS_FATAL)
		return -EIO;
	if (!(status & CSTS_READY))
		return -EAGAIN;
	c->deadline = now() + ADMIN_TIME;
	return 0;
}

static int step_queues(struct nvme *c)
{
	struct nvme_cmd cmd = {
		.opcode = NVME_SET_FEATURES,
		.cdw10 = NVME_FEATURE_QUEUES,
		.cdw11 = (MAX_NAMESPACES - 1) << 16 | (MAX_NAMESPACES - 1),
	};
	uint32_t given = 0;
	int err = admin(c, c, &cmd, &given);

	given = min(given & 0xffff, given >> 16) + 1;
	if (!err)
		c->queues = (uint16_t)min(given, c->bells);
	return err;
}

static void start_over(struct nvme *c)
{
	WRITE_ONCE(c->epoch, c->epoch + 1);
	c->step = 0;
	c->deadline = now() + ready_time(c);
	reg_write(c, CC, reg_read(c, CC) & ~1u);
}

/* After start_over(), as often as it says -EAGAIN. 0: the controller works. */
static int bring_up(struct nvme *c)
{
	static int (*const steps[])(struct nvme * ctrl) = { step_disable, step_enable,
							    step_queues };
	int err = 0;

	if (c->dead || reg_read(c, CSTS) == GONE)
		return -EIO;
	for (; c->step < ARRAY_SIZE(steps); c->step++) {
		err = steps[c->step](c);
		if (err == -EAGAIN && now() > c->deadline)
			err = -EIO;
		if (err)
			return err;
	}
	return 0;
}

/* --- a namespace */

static void forget_all(struct namespace *ns)
{
	queue_clear(&ns->queue);
	ns->told = 0;
	ns->nr_free = (uint16_t)(ns->queue.size - 1);
	for (uint16_t i = 0; i < ns->nr_free; i++) {
		ns->free[i] = i;
		ns->reqs[i] = NULL;
	}
}

/* In a controller that works; -EAGAIN as admin(). */
static int make_queues(struct namespace *ns)
{
	struct nvme *c = ns->ctrl;

	if (ns->making != c->epoch) {
		ns->making = c->epoch;
		ns->made = MAKE_CQ;
		forget_all(ns);
	}
	for (; ns->made != MADE; ns->made++) {
		bool sq = ns->made == MAKE_SQ;
		struct nvme_cmd cmd = {
			.opcode = sq ? NVME_CREATE_SQ : NVME_CREATE_CQ,
			.prp1 = virt_to_maddr(sq ? (void *)ns->queue.sq : (void *)ns->queue.cq).a,
			.cdw10 = (uint32_t)(ns->queue.size - 1) << 16 | ns->qid,
			.cdw11 = sq ? (uint32_t)ns->qid << 16 | QUEUE_CONTIGUOUS :
				      QUEUE_INTERRUPTS | QUEUE_CONTIGUOUS, /* of vector 0 */
		};
		int err = admin(c, ns, &cmd, NULL);

		if (err)
			return err;
	}
	WRITE_ONCE(ns->epoch, c->epoch);
	return 0;
}

static int nvme_reset(struct disk *disk)
{
	struct namespace *ns = disk->priv;
	struct nvme *c = ns->ctrl;
	int err;

	spin_lock(&c->lock);
	if (ns->epoch == c->epoch && !c->dead)
		start_over(c);
	err = bring_up(c);
	if (!err)
		err = make_queues(ns);
	if (err == -EIO)
		kill_controller(c);
	spin_unlock(&c->lock);
	return err;
}

static bool lost(const struct namespace *ns)
{
	return ns->epoch != READ_ONCE(ns->ctrl->epoch);
}

/* A controller that fails says so nowhere but in a register, and one that was reset not at all. */
static void watch(void *data)
{
	struct namespace *ns = data;
	uint32_t status;

	disk_lock(&ns->disk);
	status = reg_read(ns->ctrl, CSTS);
	if (ns->disk.resetting || ns->disk.dead)
		; /* taken care of */
	else if (lost(ns))
		disk_fault(&ns->disk, "the controller was reset");
	else if (status == GONE || (status & CSTS_FATAL))
		disk_fault(&ns->disk, "the controller failed");
	if (ns->disk.in_flight && !ns->disk.dead)
		timer_set(&ns->watch, now() + WATCH_TIME);
	disk_unlock(&ns->disk);
}

static int nvme_start(struct disk *disk, struct disk_req *r)
{
	struct namespace *ns = disk->priv;
	unsigned int pieces = nvme_pieces(r), first = 0;
	uint32_t sectors = 0;

	if (lost(ns)) {
		timer_set(&ns->watch, now());
		return -EAGAIN;
	}
	if (pieces > ns->nr_free)
		return -EAGAIN;
	r->tag = pieces;
	while (pieces--) {
		uint16_t id = ns->free[--ns->nr_free];
		struct nvme_list *list = &ns->lists[id];
		struct nvme_cmd cmd;

		nvme_command(r, disk->block_size, &first, &sectors, list, virt_to_maddr(list).a,
			     &cmd);
		cmd.id = id;
		cmd.nsid = ns->nsid;
		ns->reqs[id] = r;
		queue_put(&ns->queue, &cmd);
	}
	if (!timer_armed(&ns->watch))
		timer_set(&ns->watch, now() + WATCH_TIME);
	return 0;
}

static void nvme_kick(struct disk *disk)
{
	struct namespace *ns = disk->priv;

	if (ns->told == ns->queue.tail)
		return;
	barrier();
	ns->told = ns->queue.tail;
	*ns->queue.sq_bell = ns->told;
}

/* False: nobody sent that command. */
static bool end_command(struct namespace *ns, const struct nvme_cqe *e)
{
	struct disk_req *r = e->id < ns->queue.size - 1 ? ns->reqs[e->id] : NULL;

	if (!r)
		return false;
	ns->reqs[e->id] = NULL;
	ns->free[ns->nr_free++] = e->id;
	if (e->status >> 1)
		r->tag |= TAG_FAILED;
	if (!(--r->tag & ~TAG_FAILED))
		disk_complete(&ns->disk, r, r->tag & TAG_FAILED ? -EIO : 0);
	return true;
}

static void take_answers(struct namespace *ns)
{
	bool any = false, sane = true;
	struct nvme_cqe e;

	while (sane && queue_get(&ns->queue, &e)) {
		sane = end_command(ns, &e);
		any = true;
	}
	if (any)
		*ns->queue.cq_bell = ns->queue.head;
	if (!sane)
		disk_fault(&ns->disk, "answer to a command never sent");
}

static void nvme_interrupt(void *data)
{
	const struct nvme *c = data;

	for (unsigned int i = 0; i < c->nr_namespaces; i++) {
		struct namespace *ns = c->namespaces[i];

		disk_lock(&ns->disk);
		if (!ns->disk.resetting && !ns->disk.dead && !lost(ns))
			take_answers(ns);
		disk_unlock(&ns->disk);
	}
}

/* --- boot */

static const struct disk_ops nvme_ops = {
	.start = nvme_start,
	.kick = nvme_kick,
	.reset = nvme_reset,
};

/* Into a page. At boot one may wait. */
static int identify(struct nvme *c, unsigned int what, uint32_t nsid, uint8_t *page)
{
	struct nvme_cmd cmd = {
		.opcode = NVME_IDENTIFY,
		.nsid = nsid,
		.prp1 = virt_to_maddr(page).a,
		.cdw10 = what,
	};
	int err;

	while ((err = admin(c, c, &cmd, NULL)) == -EAGAIN)
		;
	return err;
}

static void free_namespace(struct namespace *ns)
{
	queue_free(&ns->queue);
	if (ns->lists)
		hyp_page_free(ns->lists, 4);
	hyp_free(ns);
}

/* Without queues in the controller yet. NULL: no memory. */
static struct namespace *alloc_namespace(struct nvme *c, uint32_t nsid)
{
	struct namespace *ns = hyp_alloc(sizeof(*ns));

	_Static_assert(MAX_ENTRIES * sizeof(struct nvme_list) == PAGE_SIZE << 4, "order 4");
	if (!ns)
		return NULL;
	ns->ctrl = c;
	ns->nsid = nsid;
	ns->qid = (uint16_t)(c->nr_namespaces + 1);
	ns->lists = hyp_page_alloc(4);
	if (!ns->lists || !queue_init(c, &ns->queue, ns->qid, c->entries)) {
		free_namespace(ns);
		return NULL;
	}
	timer_init(&ns->watch, watch, ns);
	return ns;
}

static void describe(struct namespace *ns, const struct nvme_ns_info *info)
{
	const struct nvme_ctrl_info *ci = &ns->ctrl->info;
	char where[16];
	struct disk *d = &ns->disk;

	d->ops = &nvme_ops;
	d->priv = ns;
	d->driver = "nvme";
	pci_where(ns->ctrl->bdf, where, sizeof(where));
	snprintf(d->where, sizeof(d->where), "%s ns %u", where, ns->nsid);
	memcpy(d->model, ci->model, sizeof(d->model));
	memcpy(d->serial, ci->serial, sizeof(d->serial));
	d->sectors = info->sectors;
	d->block_size = info->block_size;
	d->read_only = info->read_only;
	d->can_flush = ci->cache;
	d->can_fua = true;
	d->can_discard = ci->dataset;
	d->depth = (uint16_t)(ns->queue.size - 1);
	d->max_segs = min(d->depth, (uint16_t)DISK_MAX_SEGS); /* each may be a command */
	d->max_sectors = DISK_MAX_SEGS * (PAGE_SIZE / SECTOR_SIZE);
	if (ci->max_sectors)
		d->max_sectors = min(d->max_sectors, ci->max_sectors);
	d->max_discard = MAX_DISCARD;
}

static void add_namespace(struct nvme *c, uint32_t nsid, uint8_t *page)
{
	struct nvme_ns_info info;
	struct namespace *ns;
	int err;

	if (c->nr_namespaces == min((uint16_t)MAX_NAMESPACES, c->queues) ||
	    identify(c, NVME_ID_NAMESPACE, nsid, page) || nvme_parse_namespace(page, &info)) {
		printk(LOG_WARN "nvme: namespace %u is not used\n", nsid);
		return;
	}
	ns = alloc_namespace(c, nsid);
	if (!ns)
		return;
	describe(ns, &info);
	while ((err = make_queues(ns)) == -EAGAIN)
		;
	if (!err)
		err = disk_add(&ns->disk);
	if (err)
		return; /* its memory may be in use */
	c->namespaces[c->nr_namespaces] = ns;
	WRITE_ONCE(c->nr_namespaces, c->nr_namespaces + 1);
}

/* The list of active ones; controllers of NVMe 1.0 do not have it. */
static void find_namespaces(struct nvme *c, uint8_t *page)
{
	uint32_t list[MAX_NAMESPACES], n = 0;

	if (!identify(c, NVME_ID_ACTIVE, 0, page)) {
		memcpy(list, page, sizeof(list));
		while (n < MAX_NAMESPACES && list[n])
			n++;
	} else {
		for (; n < MAX_NAMESPACES && n < c->info.namespaces; n++)
			list[n] = n + 1;
	}
	for (uint32_t i = 0; i < n; i++)
		add_namespace(c, list[i], page);
}

static int attach(struct nvme *c, const struct pci_func *f, uint8_t *page)
{
	int err;

	start_over(c);
	while ((err = bring_up(c)) == -EAGAIN)
		cpu_relax();
	if (!err)
		err = identify(c, NVME_ID_CONTROLLER, 0, page);
	if (err)
		return err;
	nvme_parse_controller(page, (uint32_t)CAP_PAGE_MIN(c->cap), &c->info);
	err = pci_irq(f, 0, nvme_interrupt, c);
	if (err < 0)
		return err;
	find_namespaces(c, page);
	return 0;
}

static bool usable(struct nvme *c, const struct pci_func *f)
{
	uint64_t len = min(f->bar[0].len, MAPPED) - DOORBELLS;

	c->cap = (uint64_t)reg_read(c, CAP + 4) << 32 | reg_read(c, CAP);
	c->entries = (uint16_t)min(CAP_ENTRIES(c->cap), (uint64_t)MAX_ENTRIES);
	c->bells = (uint32_t)min(len / (2 * CAP_STRIDE(c->cap)), (uint64_t)MAX_NAMESPACES + 1);
	if (c->bells)
		c->bells--; /* the admin queue's */
	return reg_read(c, CSTS) != GONE && CAP_NVM(c->cap) && CAP_PAGE_MIN(c->cap) == PAGE_SIZE &&
	       c->entries >= MIN_ENTRIES && c->bells;
}

static int nvme_probe(const struct pci_func *f)
{
	struct nvme *c = hyp_alloc(sizeof(*c));
	uint8_t *page = hyp_page_alloc(0);
	int err = -ENOMEM;

	if (!c || !page)
		goto out;
	c->bdf = f->bdf;
	spin_init(&c->lock, RANK_DISK + 1, "nvme");
	err = -ENODEV;
	if (f->bar[0].len < 2 * DOORBELLS) /* the registers, the doorbells of all queues */
		goto out;
	c->regs = pci_map_bar(f, 0);
	if (!c->regs)
		goto out;
	pci_enable(f);
	err = -EOPNOTSUPP;
	if (usable(c, f) && queue_init(c, &c->admin, 0, ADMIN_ENTRIES))
		err = attach(c, f, page);
	if (!err) {
		hyp_page_free(page, 0);
		return 0;
	}
	reg_write(c, CC, 0);
	return err; /* its memory is lost: the controller may be slow to let go of it */
out:
	if (page)
		hyp_page_free(page, 0);
	hyp_free(c);
	return err;
}

static bool nvme_match(const struct pci_func *f)
{
	return f->class == CLASS_NVME;
}

const struct pci_driver nvme_driver = {
	.name = "nvme",
	.match = nvme_match,
	.probe = nvme_probe,
};

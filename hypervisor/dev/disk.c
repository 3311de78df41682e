/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drives: the queues between those who want something (vblk/) and the drivers. Clients
 * take turns by weight; what goes wrong is repeated, and given up in the end.
 *
 * A request is at one place at a time: in its client's queue, in disk->started (the driver
 * has it), in disk->finished, or with its owner again. Only disk_unlock() moves requests
 * on, so drivers and callers just change lists under the lock.
 *
 * Turns: surplus round robin. Starting a request costs its client credit; who has none left
 * goes to the end of the list, and when nobody has any all get some, by weight. While
 * clients compete, each may have its share of the drive's places and no more: so weights divide the
 * work of a drive with one place, and the requests of one with many, whatever their sizes. A limit
 * (IOPS, bytes/s) is a time before which the client's next request does not start.
 *
 * Failures: every attempt that ends in an error, a time-out or a fault of the device counts,
 * MAX_TRIES of them are the request's end. After a time-out only those that were late have
 * failed, after a fault all that were in flight. A request that failed twice runs alone
 * from then on, so that it takes nobody else with it.
 *
 * disk_unlock() calls done functions, and these submit: `busy` makes that a loop of the
 * CPU that is already in there, not a recursion. The loop is bounded; a task goes on.
 *
 * Not here: sorting and merging by sector (devices and guests do that), requests that overlap
 * (their order is not defined, as on any drive).
 */
#include <hyp/boot.h>
#include <hyp/disk.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>

#define DEFAULT_TIMEOUT SECONDS(30)
#define MAX_TRIES 4
#define ALONE_AFTER 2 /* failed attempts */
#define RETRY_TIME MILLISECS(10)
#define BURST MILLISECS(10) /* of limits: what was not used is good for so long */
#define REQUEST_COST 8	    /* in sectors, for fairness */
#define FLUSH_COST 128	    /* the others wait for it, too */
#define WORK_SECTORS 8192   /* started in one go, as a RAM drive copies them then and there */
#define ROUNDS 4
#define MESSAGES 16 /* of a drive about its resets */
#define DEFAULT_WEIGHT 100
#define MAX_WEIGHT 1000

static struct disk *disks[DISK_MAX_DRIVES];
static unsigned int nr_disks;

static struct disk_req *first_req(const struct list *l)
{
	return list_empty(l) ? NULL : list_entry(l->next, struct disk_req, link);
}

/* --- ends */

static void count(struct disk_client *c, const struct disk_req *r)
{
	if (r->op == DISK_READ) {
		c->reads++;
		c->read_sectors += r->sectors;
	} else if (r->op == DISK_WRITE) {
		c->writes++;
		c->written_sectors += r->sectors;
	}
	c->errors += r->error != 0;
}

static void finish(struct disk *disk, struct disk_req *r, int error)
{
	if (r->held_segs) {
		r->op = DISK_WRITE;
		r->nr_segs = r->held_segs;
		r->held_segs = 0;
	}
	r->error = error;
	count(r->client, r);
	list_add_tail(&disk->finished, &r->link);
}

static void unstart(struct disk *disk, struct disk_req *r)
{
	list_del(&r->link);
	disk->in_flight--;
	r->client->in_flight--;
}

static void requeue(struct disk_req *r)
{
	list_add(&r->client->queue, &r->link);
	r->client->waiting++;
}

/* It was started and did not succeed: once more, or the end. */
static void repeat(struct disk *disk, struct disk_req *r, bool failed)
{
	unstart(disk, r);
	r->tries += failed;
	if (r->tries >= MAX_TRIES || disk->dead || r->client->stopped) {
		finish(disk, r, -EIO);
		return;
	}
	disk->retries++;
	requeue(r);
}

/* A write that must be stable, on a drive that can only flush: it goes on as a flush. */
static void flush_it(struct disk_req *r)
{
	r->held_segs = r->nr_segs;
	r->op = DISK_FLUSH;
	r->nr_segs = 0;
	requeue(r);
}

static bool needs_flush(const struct disk *disk, const struct disk_req *r)
{
	return r->op == DISK_WRITE && r->fua && disk->can_flush && !disk->can_fua;
}

void disk_complete(struct disk *disk, struct disk_req *r, int error)
{
	ASSERT(spin_held(&disk->lock));
	if (error) {
		disk->errors++;
		repeat(disk, r, true);
		return;
	}
	unstart(disk, r);
	if (!needs_flush(disk, r))
		finish(disk, r, 0);
	else if (r->client->stopped)
		finish(disk, r, -EIO);
	else
		flush_it(r);
}

/* --- resets */

static void fail_queue(struct disk_client *c)
{
	struct disk_req *r;

	while ((r = first_req(&c->queue))) {
		list_del(&r->link);
		finish(c->disk, r, -EIO);
	}
	c->waiting = 0;
}

static void fail_queued(struct disk *disk)
{
	struct list *p;

	list_for_each(p, &disk->clients)
		fail_queue(list_entry(p, struct disk_client, link));
}

/* Backwards, so that the queues keep the order. Those without a deadline have failed. */
static void repeat_started(struct disk *disk)
{
	while (!list_empty(&disk->started)) {
		struct disk_req *r = list_entry(disk->started.prev, struct disk_req, link);

		repeat(disk, r, !r->deadline);
	}
}

static void reset(struct disk *disk)
{
	int err = disk->ops->reset ? disk->ops->reset(disk) : -EIO;

	if (err == -EAGAIN) {
		disk->reset_at = now() + RETRY_TIME;
		return;
	}
	disk->resetting = false;
	disk->resets++;
	disk->dead = err != 0;
	repeat_started(disk);
	if (disk->dead) {
		printk(LOG_ERR "disk %u: cannot be reset, given up\n", disk->nr);
		fail_queued(disk);
	}
}

static void start_reset(struct disk *disk, const char *what)
{
	if (disk->resetting || disk->dead)
		return;
	if (disk->resets < MESSAGES)
		printk(LOG_WARN "disk %u: %s, %u requests in flight: reset\n", disk->nr, what,
		       disk->in_flight);
	disk->resetting = true;
	disk->reset_at = 0;
}

/* What is late at t has failed. A reset may take long: nobody else is late because of it. */
static void blame(struct disk *disk, s_time_t t)
{
	struct list *p;

	list_for_each(p, &disk->started) {
		struct disk_req *r = list_entry(p, struct disk_req, link);

		if (r->deadline <= t)
			r->deadline = 0;
	}
}

void disk_fault(struct disk *disk, const char *what)
{
	ASSERT(spin_held(&disk->lock));
	blame(disk, INT64_MAX);
	disk->errors++;
	start_reset(disk, what);
}

/* --- whose turn it is */

/* Has something that may start now; *wake: when the limits let the next one go. */
static bool eligible(const struct disk_client *c, s_time_t t, unsigned int weights, s_time_t *wake)
{
	if (!c->waiting)
		return false;
	if (c->not_before > t) {
		*wake = min(*wake, c->not_before);
		return false;
	}
	return !c->in_flight ||
	       (uint64_t)c->in_flight * weights < (uint64_t)c->disk->depth * c->weight;
}

/* Of those who compete: whom a limit holds back keeps no places free. */
static unsigned int active_weights(const struct disk *disk, s_time_t t)
{
	unsigned int sum = 0;
	struct list *p;

	list_for_each(p, &disk->clients) {
		const struct disk_client *c = list_entry(p, struct disk_client, link);

		if (c->in_flight || (c->waiting && c->not_before <= t))
			sum += c->weight;
	}
	return sum;
}

/* Rounds until c may go: 0 = now. */
static int rounds_to_go(const struct disk_client *c)
{
	return c->credit > 0 ? 0 : -c->credit / (int)c->weight + 1;
}

static struct disk_client *pick(struct disk *disk, s_time_t t, s_time_t *wake)
{
	unsigned int weights = active_weights(disk, t);
	struct disk_client *best = NULL;
	struct list *p;
	int rounds = 0;

	list_for_each(p, &disk->clients) {
		struct disk_client *c = list_entry(p, struct disk_client, link);

		if (!eligible(c, t, weights, wake))
			continue;
		if (!best || rounds_to_go(c) < rounds) {
			best = c;
			rounds = rounds_to_go(c);
		}
		if (!rounds)
			return best;
	}
	list_for_each(p, &disk->clients) {
		struct disk_client *c = list_entry(p, struct disk_client, link);

		if (best && eligible(c, t, weights, wake))
			c->credit += rounds * (int)c->weight;
	}
	return best;
}

/* In sectors. A discard is work too: a RAM drive has to clear them. */
static unsigned int work_of(const struct disk_req *r)
{
	return r->op == DISK_FLUSH ? FLUSH_COST :
				     REQUEST_COST + min(r->sectors, (uint32_t)WORK_SECTORS);
}

/* What the request costs its client: credit, and time if there are limits. */
static void charge(struct disk_client *c, const struct disk_req *r, s_time_t t)
{
	uint32_t sectors = r->op == DISK_READ || r->op == DISK_WRITE ? r->sectors : 0;
	uint64_t cost = 0;

	c->credit -= (int)work_of(r);
	if (c->credit <= 0) {
		list_del(&c->link);
		list_add_tail(&c->disk->clients, &c->link);
	}
	if (!c->waiting)
		c->credit = min(c->credit, 0);
	if (c->iops_limit)
		cost = (uint64_t)SECONDS(1) / c->iops_limit;
	if (c->bytes_limit)
		cost = max(cost,
			   (uint64_t)sectors * SECTOR_SIZE * (uint64_t)SECONDS(1) / c->bytes_limit);
	if (cost)
		c->not_before = max(c->not_before, t - BURST) + (s_time_t)cost;
}

/* --- starting */

/* -EAGAIN: the driver has no room. */
static int start(struct disk *disk, struct disk_req *r, s_time_t t)
{
	struct disk_client *c = r->client;
	int err;

	list_del(&r->link);
	list_add_tail(&disk->started, &r->link);
	r->deadline = t + disk->timeout;
	c->waiting--;
	c->in_flight++;
	disk->in_flight++;
	err = disk->ops->start(disk, r);
	if (err) {
		unstart(disk, r);
		if (err == -EAGAIN)
			requeue(r);
		else
			finish(disk, r, -EIO);
		return err;
	}
	charge(c, r, t);
	return 0;
}

/* Someone runs alone, or has to and others are running. */
static bool must_wait(const struct disk *disk, const struct disk_client *c)
{
	const struct disk_req *running = first_req(&disk->started);

	return running &&
	       (running->tries >= ALONE_AFTER || first_req(&c->queue)->tries >= ALONE_AFTER);
}

static void arm(struct disk *disk, s_time_t at)
{
	if (!timer_armed(&disk->timer) || disk->timer.expires > at)
		timer_set(&disk->timer, at);
}

/* work: done so far in this disk_unlock() */
static void dispatch(struct disk *disk, unsigned int *work)
{
	const s_time_t never = INT64_MAX, t = now();
	struct disk_client *c;
	s_time_t wake = never;
	unsigned int started = 0;

	/*
	 * What was too much is the task's, also for who comes by before it: done functions of one
	 * drive submit to others, and would do the work of all of them here and now.
	 */
	if (READ_ONCE(disk->later.queued))
		return;
	/* A driver may find out in start() that it needs a reset. */
	while (!disk->resetting && disk->in_flight < disk->depth && (c = pick(disk, t, &wake)) &&
	       !must_wait(disk, c)) {
		struct disk_req *r = first_req(&c->queue);

		if (*work > WORK_SECTORS) {
			task_queue(&disk->later);
			break;
		}
		*work += work_of(r);
		if (start(disk, r, t) == -EAGAIN) {
			if (!disk->in_flight)
				wake = t + RETRY_TIME;
			break;
		}
		started++;
	}
	if (started && disk->ops->kick)
		disk->ops->kick(disk);
	if (disk->in_flight)
		wake = min(wake, first_req(&disk->started)->deadline);
	if (wake != never)
		arm(disk, wake);
}

/* Everything that can be done now: a reset, or what waits. */
static void run(struct disk *disk, unsigned int *work)
{
	if (disk->resetting && disk->reset_at <= now())
		reset(disk);
	if (!disk->resetting && !disk->dead)
		dispatch(disk, work);
	if (disk->resetting)
		arm(disk, disk->reset_at);
}

static void call_done(struct disk *disk)
{
	struct list batch, *p, *n;

	batch = disk->finished;
	batch.next->prev = batch.prev->next = &batch;
	list_init(&disk->finished);
	spin_unlock(&disk->lock);
	list_for_each_safe(p, n, &batch) {
		struct disk_req *r = list_entry(p, struct disk_req, link);

		r->done(r, r->error);
	}
	spin_lock(&disk->lock);
}

void disk_lock(struct disk *disk)
{
	spin_lock(&disk->lock);
}

void disk_unlock(struct disk *disk)
{
	unsigned int work = 0;

	if (disk->busy) {
		spin_unlock(&disk->lock);
		return;
	}
	disk->busy = true;
	for (unsigned int i = 0; run(disk, &work), !list_empty(&disk->finished); i++) {
		if (i == ROUNDS) {
			task_queue(&disk->later);
			break;
		}
		call_done(disk);
	}
	disk->busy = false;
	spin_unlock(&disk->lock);
}

void disk_unlock_later(struct disk *disk)
{
	task_queue(&disk->later);
	spin_unlock(&disk->lock);
}

static bool later(void *data)
{
	struct disk *disk = data;

	disk_lock(disk);
	disk_unlock(disk);
	return false;
}

static void timer_fired(void *data)
{
	struct disk *disk = data;
	const struct disk_req *oldest;

	disk_lock(disk);
	oldest = first_req(&disk->started);
	if (oldest && !disk->resetting && oldest->deadline <= now()) {
		disk->timeouts++;
		blame(disk, now());
		start_reset(disk, "no answer");
	}
	disk_unlock(disk);
}

/* --- for vblk/ */

static uint32_t most_sectors(const struct disk *disk, enum disk_op op)
{
	return op == DISK_DISCARD && disk->max_discard ? disk->max_discard : disk->max_sectors;
}

/* What no driver needs to look at. False: it has an end already. */
static bool acceptable(struct disk *disk, struct disk_req *r)
{
	bool transfer = r->op != DISK_DISCARD, bad = disk->dead || r->client->stopped;

	if (r->op == DISK_FLUSH) {
		if (disk->can_flush && !bad)
			return true;
		finish(disk, r, bad ? -EIO : 0);
		return false;
	}
	bad = bad || r->sector > disk->sectors || r->sectors > disk->sectors - r->sector ||
	      !r->sectors || r->sectors > most_sectors(disk, r->op) ||
	      (r->op != DISK_READ && disk->read_only) ||
	      (r->op == DISK_DISCARD && !disk->can_discard) ||
	      (transfer && (!r->nr_segs || r->nr_segs > disk->max_segs));
	if (bad)
		finish(disk, r, -EIO);
	return !bad;
}

static void enqueue(struct disk *disk, struct disk_req *r)
{
	r->tries = 0;
	r->tag = 0;
	r->held_segs = 0;
	list_init(&r->link);
	if (!acceptable(disk, r))
		return;
	list_add_tail(&r->client->queue, &r->link);
	r->client->waiting++;
}

void disk_submit(struct disk_req *r)
{
	struct disk *disk = r->client->disk;

	disk_lock(disk);
	enqueue(disk, r);
	disk_unlock(disk);
}

void disk_submit_list(struct list *reqs, struct disk *disk)
{
	struct disk_req *r;

	disk_lock(disk);
	while ((r = first_req(reqs))) {
		list_del(&r->link);
		enqueue(disk, r);
	}
	disk_unlock(disk);
}

void disk_client_init(struct disk_client *c, struct disk *disk)
{
	*c = (struct disk_client){ .disk = disk, .weight = DEFAULT_WEIGHT };
	list_init(&c->link);
	list_init(&c->queue);
}

void disk_client_add(struct disk_client *c)
{
	c->weight = max(c->weight, 1u);
	c->weight = min(c->weight, (unsigned int)MAX_WEIGHT);
	spin_lock(&c->disk->lock);
	list_add_tail(&c->disk->clients, &c->link);
	spin_unlock(&c->disk->lock);
}

void disk_client_remove(struct disk_client *c)
{
	spin_lock(&c->disk->lock);
	ASSERT(!c->waiting && !c->in_flight);
	list_del(&c->link);
	spin_unlock(&c->disk->lock);
}

void disk_client_stop(struct disk_client *c, bool stop)
{
	spin_lock(&c->disk->lock);
	c->stopped = stop;
	if (stop)
		fail_queue(c);
	disk_unlock_later(c->disk);
}

unsigned int disk_count(void)
{
	return nr_disks;
}

struct disk *disk_get(unsigned int nr)
{
	return nr < nr_disks ? disks[nr] : NULL;
}

/* --- for drivers */

static void announce(const struct disk *disk)
{
	printk("disk %u: %s%s%s, %llu MiB, %s%s%s\n", disk->nr, disk->driver,
	       disk->where[0] ? " " : "", disk->where, (unsigned long long)disk->sectors >> 11,
	       disk->model[0] ? disk->model : "no model", disk->serial[0] ? " " : "", disk->serial);
}

int disk_add(struct disk *disk)
{
	if (nr_disks == DISK_MAX_DRIVES) {
		printk(LOG_WARN "disk: %s %s is one too many\n", disk->driver, disk->where);
		return -ENOSPC;
	}
	spin_init(&disk->lock, RANK_DISK, "disk");
	list_init(&disk->clients);
	list_init(&disk->started);
	list_init(&disk->finished);
	timer_init(&disk->timer, timer_fired, disk);
	disk->later = (struct task){ .fn = later, .data = disk };
	disk->max_segs = min(disk->max_segs, (uint16_t)DISK_MAX_SEGS);
	if (!disk->timeout)
		disk->timeout = DEFAULT_TIMEOUT;
	if (opt.disk_timeout)
		disk->timeout = SECONDS((s_time_t)opt.disk_timeout);
	disk->nr = nr_disks;
	disks[nr_disks++] = disk;
	announce(disk);
	return 0;
}

void disk_init(void)
{
	pci_probe_all();
	ramdrive_init();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/dev/disk.c hypervisor/time/heap.c */
/*
 * The queues of drives on a simulated drive with simulated time. The drive serves one request
 * after the other, or all side by side; what it does wrong is said by `faults` (a
 * script of the test) or by chance (the campaign). After each step all lists are walked: every
 * request is in one place, the counters say what there is, and no owner sees an end twice.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <hyp/boot.h>
#include <hyp/disk.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include "test.h"

#define MAX_TRIES 4
#define BURST MILLISECS(10)
#define PLACES 64 /* most that the drive can hold */

/* --- the world around */

struct options opt;
static s_time_t clock_now;
static struct timer_heap heap;
static struct task *task;
static bool locked;
static unsigned int depth_of_done, deepest_done, tasks_queued;

s_time_t now(void)
{
	return clock_now;
}

void printk(const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	abort();
}

void spin_lock(struct spinlock *l)
{
	if (locked)
		panic("lock taken twice");
	locked = true;
}

void spin_unlock(struct spinlock *l)
{
	if (!locked)
		panic("unlocked twice");
	locked = false;
}

bool spin_held(const struct spinlock *l)
{
	return locked;
}

void timer_init(struct timer *t, timer_fn *fn, void *data)
{
	*t = (struct timer){ .fn = fn, .data = data };
}

void timer_set(struct timer *t, s_time_t expires)
{
	if (t->rank)
		timer_heap_remove(&heap, t);
	t->expires = expires;
	timer_heap_insert(&heap, t);
}

void task_queue(struct task *t)
{
	if (task && task != t)
		panic("two tasks");
	task = t;
	t->queued = true;
	tasks_queued++;
}

void pci_probe_all(void)
{
}

void ramdrive_init(void)
{
}

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* --- requests and who makes them */

enum where { OWNED, ASKED, DONE };

struct user;
struct item {
	struct disk_req r;
	struct user *user;
	enum where where;
	bool again;		       /* done submits it again */
	unsigned int nr;	       /* order of submission */
	unsigned int attempts, failed; /* as the drive has seen them */
	unsigned int writes, flushes;  /* that the drive did for it, without an error */
	bool refused, fua_seen, blamed;
	s_time_t began, end; /* in the drive; INT64_MAX: it never answers */
	int error;
};

struct user {
	struct disk_client c;
	unsigned int nr, ends, errors;
	uint64_t cost, started; /* sum of sectors + 8; requests */
	uint64_t sectors;
};

static struct disk_seg segments[DISK_MAX_SEGS];

/* --- the drive */

enum fault { GOOD, BAD, SILENT };

static struct disk disk;
static struct item *holds[PLACES]; /* in the order they came */
static unsigned int nr_holds, kicked;
static unsigned int started, kicks, resets, most_held;
static bool in_reset; /* it was asked for, and takes longer */
static bool serial;   /* one after the other; else all at once */
static s_time_t per_request, per_sector, drive_free_at;
static enum fault (*faults)(struct item *i);
static int (*start_result)(struct item *i), (*reset_result)(void);
static void (*on_start)(struct item *i);

static struct item *item_of(struct disk_req *r)
{
	return container_of(r, struct item, r);
}

static int sim_start(struct disk *d, struct disk_req *r)
{
	struct item *i = item_of(r);
	s_time_t cost = per_request + per_sector * (r->op == DISK_FLUSH ? 0 : r->sectors);
	int err = start_result ? start_result(i) : 0;

	CHECK(locked && !d->resetting && !d->dead && r->tries == i->failed && nr_holds < d->depth);
	i->refused |= err == -EIO;
	if (err)
		return err;
	i->attempts++;
	i->user->started++;
	i->blamed = false;
	i->began = clock_now;
	i->end = (serial && drive_free_at > clock_now ? drive_free_at : clock_now) + cost;
	if (serial)
		drive_free_at = i->end;
	if (faults && faults(i) == SILENT)
		i->end = INT64_MAX;
	holds[nr_holds++] = i;
	most_held = max(most_held, nr_holds);
	started++;
	if (on_start)
		on_start(i);
	return 0;
}

static void sim_kick(struct disk *d)
{
	CHECK(locked);
	kicked = nr_holds;
	kicks++;
}

/* Whose time is up has failed, or who was in a fault; the others have not. */
static int sim_reset(struct disk *d)
{
	int err = reset_result ? reset_result() : 0;

	CHECK(locked && d->resetting);
	for (unsigned int n = 0; !in_reset && n < nr_holds; n++)
		holds[n]->blamed |= holds[n]->began + d->timeout <= clock_now;
	in_reset = err == -EAGAIN;
	if (in_reset)
		return err;
	for (unsigned int n = 0; n < nr_holds; n++)
		holds[n]->failed += holds[n]->blamed;
	resets++;
	nr_holds = kicked = 0;
	drive_free_at = clock_now;
	return err;
}

static const struct disk_ops ops = { .start = sim_start, .kick = sim_kick, .reset = sim_reset };

static void drop(unsigned int n)
{
	nr_holds--;
	kicked--;
	memmove(&holds[n], &holds[n + 1], (nr_holds - n) * sizeof(holds[0]));
}

/* The drive ends the request it holds at place n. Lock held. */
static void answer(unsigned int n, int error)
{
	struct item *i = holds[n];

	drop(n);
	if (error) {
		i->failed++;
	} else if (i->r.op == DISK_FLUSH) {
		i->flushes++;
	} else if (i->r.op == DISK_WRITE) {
		i->writes++;
		i->fua_seen |= i->r.fua && disk.can_fua;
	}
	disk_complete(&disk, &i->r, error);
}

/* An interrupt: all that is due now. */
static void answer_due(void)
{
	disk_lock(&disk);
	for (unsigned int n = 0; n < kicked;)
		if (holds[n]->end <= clock_now && !disk.resetting)
			answer(n, faults && faults(holds[n]) == BAD ? -EIO : 0);
		else
			n++;
	disk_unlock(&disk);
}

static s_time_t next_answer(void)
{
	s_time_t t = INT64_MAX;

	for (unsigned int n = 0; n < kicked && !disk.resetting; n++)
		t = min(t, holds[n]->end);
	return t;
}

static void run_task(void)
{
	struct task *t = task;

	task = NULL;
	t->queued = false;
	if (t->fn(t->data))
		panic("a task that does not end");
}

static void run_timer(void)
{
	struct timer *t = heap.top;

	timer_heap_remove(&heap, t);
	t->fn(t->data);
}

/* One event; false: nothing will ever happen again, or not before `end`. */
static bool step(s_time_t end)
{
	s_time_t t = next_answer(), at = heap.top ? heap.top->expires : INT64_MAX;

	if (task) {
		run_task();
		return true;
	}
	if (min(t, at) == INT64_MAX || min(t, at) > end)
		return false;
	clock_now = max(clock_now, min(t, at));
	if (at <= clock_now)
		run_timer();
	else
		answer_due();
	return true;
}

static void run_until(s_time_t end)
{
	while (step(end))
		;
	clock_now = max(clock_now, end);
}

static void run_all(void)
{
	unsigned int n = 0;

	while ((disk.in_flight || nr_holds || disk.resetting || task || heap.top) &&
	       step(INT64_MAX))
		if (++n == 10000000)
			panic("it does not come to rest");
}

/* A new drive in the place of the first, as drives never go away. */
static struct timer first;
static struct task first_task;

static void new_drive(unsigned int depth)
{
	while (heap.top)
		timer_heap_remove(&heap, heap.top);
	task = NULL;
	nr_holds = kicked = started = kicks = resets = most_held = tasks_queued = 0;
	depth_of_done = deepest_done = 0;
	serial = true;
	per_request = MICROSECS(100);
	per_sector = MICROSECS(1);
	drive_free_at = clock_now = SECONDS(10);
	faults = NULL;
	start_result = NULL;
	reset_result = NULL;
	on_start = NULL;
	in_reset = locked = false;
	disk = (struct disk){ .ops = &ops,
			      .driver = "simulated",
			      .sectors = 1 << 20,
			      .block_size = 512,
			      .can_flush = true,
			      .can_discard = true,
			      .depth = (uint16_t)depth,
			      .max_segs = DISK_MAX_SEGS,
			      .max_sectors = 512 };
	if (!first.fn && disk_add(&disk))
		panic("disk_add");
	if (!first.fn) {
		first = disk.timer;
		first_task = disk.later;
	}
	list_init(&disk.clients);
	list_init(&disk.started);
	list_init(&disk.finished);
	disk.timer = first;
	disk.later = first_task;
	disk.timeout = SECONDS(30);
}

static void submit_again(struct item *i);
static bool campaign;

/* It ends with success when the drive did it, and with an error for one of five reasons. */
static void check_end(const struct item *i)
{
	const struct disk_req *r = &i->r;
	bool stable = r->op == DISK_WRITE && r->fua;

	CHECK(!r->held_segs && (r->op != DISK_WRITE || !r->sectors == !r->nr_segs || i->error));
	if (i->error) {
		CHECK(i->failed == MAX_TRIES || i->refused || disk.dead || !i->attempts ||
		      r->client->stopped);
		return;
	}
	CHECK(i->failed < MAX_TRIES && !i->refused);
	if (disk.ops != &ops)
		return;
	if (r->op == DISK_WRITE)
		CHECK(i->writes == 1);
	if (stable && disk.can_flush)
		CHECK(disk.can_fua ? i->fua_seen : i->flushes == 1);
	if (r->op == DISK_FLUSH)
		CHECK(i->flushes == disk.can_flush);
}

static void done(struct disk_req *r, int error)
{
	struct item *i = item_of(r);

	if (locked || i->where != ASKED || (error && error != -EIO))
		panic("done: locked %d, where %d, error %d", locked, i->where, error);
	if (++depth_of_done > deepest_done)
		deepest_done = depth_of_done;
	i->where = DONE;
	i->error = error;
	check_end(i);
	i->user->ends++;
	i->user->errors += error != 0;
	if (!error && r->op != DISK_DISCARD && r->op != DISK_FLUSH) {
		i->user->cost += r->sectors + 8;
		i->user->sectors += r->sectors;
	}
	if (i->again && campaign)
		i->again = rnd(2);
	if (i->again)
		submit_again(i);
	depth_of_done--;
}

static void prepare(struct item *i, struct user *u, enum disk_op op, uint64_t sector, uint32_t n)
{
	unsigned int segs = (n + 7) / 8;

	i->user = u;
	i->where = OWNED;
	i->attempts = i->failed = i->writes = i->flushes = 0;
	i->refused = i->fua_seen = i->blamed = false;
	i->r = (struct disk_req){ .op = op,
				  .sector = sector,
				  .sectors = n,
				  .segs = segments,
				  .nr_segs = op == DISK_READ || op == DISK_WRITE ? (uint16_t)segs :
										   0,
				  .client = &u->c,
				  .done = done };
}

static void submit(struct item *i)
{
	i->where = ASKED;
	i->nr = i->user->nr++;
	disk_submit(&i->r);
}

static void submit_again(struct item *i)
{
	prepare(i, i->user, i->r.op, i->r.sector, i->r.sectors);
	submit(i);
}

static void ask(struct item *i, struct user *u, enum disk_op op, uint32_t n)
{
	prepare(i, u, op, 64, n);
	submit(i);
}

static void new_user(struct user *u, unsigned int weight, uint32_t iops, uint64_t bytes)
{
	*u = (struct user){ 0 };
	disk_client_init(&u->c, &disk);
	CHECK(u->c.weight == 100);
	u->c.weight = weight;
	u->c.iops_limit = iops;
	u->c.bytes_limit = bytes;
	disk_client_add(&u->c);
}

/* --- the basics */

static void one_by_one(void)
{
	struct item i = { 0 }, more[3] = { 0 };
	struct user u;
	struct list batch = LIST_INIT(batch);

	new_drive(8);
	new_user(&u, 0, 0, 0);
	CHECK(u.c.weight == 1 && disk_count() > 0 && disk_get(DISK_MAX_DRIVES) == NULL);
	ask(&i, &u, DISK_READ, 8);
	CHECK(i.where == ASKED && disk.in_flight == 1 && u.c.in_flight == 1 && kicks == 1);
	run_all();
	CHECK(i.where == DONE && !i.error && i.attempts == 1 && !disk.in_flight);
	CHECK(u.c.reads == 1 && u.c.read_sectors == 8 && !u.c.errors);
	for (unsigned int n = 0; n < 3; n++) {
		prepare(&more[n], &u, DISK_WRITE, 0, 1);
		more[n].where = ASKED;
		list_add_tail(&batch, &more[n].r.link);
	}
	disk_submit_list(&batch, &disk);
	CHECK(kicks == 2 && disk.in_flight == 3 && list_empty(&batch));
	run_all();
	CHECK(u.ends == 4 && u.c.writes == 3 && u.c.written_sectors == 3);
	disk_client_remove(&u.c);
	CHECK(list_empty(&disk.clients));
}

static void what_is_refused(void)
{
	static const struct {
		enum disk_op op;
		uint64_t sector;
		uint32_t sectors;
		uint16_t segs;
	} bad[] = {
		{ DISK_READ, 1 << 20, 1, 1 },
		{ DISK_READ, ~0ull, 1, 1 },
		{ DISK_READ, (1 << 20) - 1, 2, 1 },
		{ DISK_READ, 0, 0, 1 },
		{ DISK_READ, 0, 513, 64 },
		{ DISK_READ, 0, 1, 0 },
		{ DISK_READ, 0, 1, 65 },
		{ DISK_DISCARD, 0, 1025, 0 },
		{ DISK_DISCARD, 0, 0, 0 },
		{ DISK_WRITE, 2, ~0u, 1 },
	};
	struct item i = { 0 };
	struct user u;

	new_drive(8);
	disk.max_discard = 1024;
	new_user(&u, 100, 0, 0);
	for (unsigned int n = 0; n < ARRAY_SIZE(bad); n++) {
		prepare(&i, &u, bad[n].op, bad[n].sector, bad[n].sectors);
		i.r.nr_segs = bad[n].segs;
		submit(&i);
		CHECK(i.where == DONE && i.error == -EIO && !started);
	}
	CHECK(u.c.errors == ARRAY_SIZE(bad));
	ask(&i, &u, DISK_DISCARD, 1024);
	run_all();
	CHECK(!i.error && started == 1);
	disk.can_discard = false;
	ask(&i, &u, DISK_DISCARD, 1);
	CHECK(i.where == DONE && i.error);
	disk.read_only = true;
	ask(&i, &u, DISK_WRITE, 1);
	CHECK(i.where == DONE && i.error);
	disk.can_flush = false;
	ask(&i, &u, DISK_FLUSH, 0);
	CHECK(i.where == DONE && !i.error && started == 1);
}

/* --- turns */

/* So that each client always has `deep` requests; for so many in all. Shares of cost in permille. */
static void compete(struct user *u, unsigned int n, unsigned int deep, const uint32_t *size,
		    unsigned int ends, unsigned int *share)
{
	struct item *items = calloc(n * deep, sizeof(*items));
	uint64_t sum = 0, all = 0, was[8];

	for (unsigned int k = 0; k < n * deep; k++) {
		unsigned int who = k % n;

		items[k].again = true;
		ask(&items[k], &u[who], DISK_READ, size[who] ? size[who] : 1 + (k / n) % 64);
	}
	for (unsigned int k = 0; k < n; k++)
		was[k] = u[k].cost;
	while (all < ends && step(INT64_MAX))
		for (unsigned int k = (unsigned int)(all = 0); k < n; k++)
			all += u[k].ends;
	for (unsigned int k = 0; k < n; k++)
		sum += u[k].cost - was[k];
	for (unsigned int k = 0; k < n; k++)
		share[k] = (unsigned int)((u[k].cost - was[k]) * 1000 / sum);
	for (unsigned int k = 0; k < n * deep; k++)
		items[k].again = false;
	run_all();
	for (unsigned int k = 0; k < n; k++) {
		CHECK(!u[k].c.waiting && !u[k].c.in_flight);
		disk_client_remove(&u[k].c);
	}
	free(items);
}

static bool near(unsigned int a, unsigned int b, unsigned int by)
{
	return a + by >= b && b + by >= a;
}

static void turns_by_weight(void)
{
	static const struct {
		unsigned int depth, n, weight[3];
		bool parallel;
		uint32_t size[3]; /* 0: mixed */
	} cases[] = {
		{ 1, 2, { 100, 100 }, false, { 8, 8 } },
		{ 1, 2, { 100, 300 }, false, { 8, 8 } },
		{ 1, 2, { 1000, 1 }, false, { 8, 8 } },
		{ 1, 3, { 100, 200, 500 }, false, { 0, 0, 0 } },
		{ 1, 3, { 100, 200, 500 }, false, { 8, 64, 512 } },
		{ 1, 3, { 100, 200, 500 }, false, { 512, 64, 8 } },
		{ 1, 3, { 1, 2, 5 }, false, { 512, 64, 8 } },
		{ 8, 2, { 100, 300 }, false, { 8, 8 } },
		{ 32, 2, { 100, 300 }, false, { 64, 64 } },
		{ 32, 3, { 100, 200, 500 }, false, { 0, 0, 0 } },
		{ 32, 3, { 100, 200, 500 }, true, { 0, 0, 0 } },
		{ 32, 3, { 100, 100, 100 }, true, { 16, 16, 16 } },
		{ 2, 3, { 100, 200, 500 }, true, { 16, 16, 16 } },
	};

	for (unsigned int c = 0; c < ARRAY_SIZE(cases); c++) {
		unsigned int sum = 0, share[3];
		struct user u[3];

		new_drive(cases[c].depth);
		serial = !cases[c].parallel;
		if (cases[c].parallel)
			per_sector = 0;
		for (unsigned int n = 0; n < cases[c].n; n++) {
			new_user(&u[n], cases[c].weight[n], 0, 0);
			sum += cases[c].weight[n];
		}
		compete(u, cases[c].n, 48, cases[c].size, 20000, share);
		for (unsigned int n = 0; n < cases[c].n; n++)
			if (!near(share[n], cases[c].weight[n] * 1000 / sum, 30)) {
				printf("case %u, user %u: %u permille\n", c, n, share[n]);
				CHECK(!"a share by weight");
			}
	}
}

/* A drive with many places: weights divide the requests, however different in size. */
static void requests_by_weight(void)
{
	static const uint32_t sizes[][2] = { { 8, 256 }, { 256, 8 }, { 64, 64 } };

	for (unsigned int parallel = 0; parallel < 2; parallel++)
		for (unsigned int n = 0; n < ARRAY_SIZE(sizes); n++) {
			unsigned int share[2];
			struct user u[2];

			new_drive(32);
			serial = !parallel;
			new_user(&u[0], 100, 0, 0);
			new_user(&u[1], 300, 0, 0);
			if (parallel)
				per_sector = 0;
			compete(u, 2, 48, sizes[n], 20000, share);
			CHECK(near(u[1].ends * 1000 / (u[0].ends + u[1].ends), 750, 30));
		}
}

/* Who has nothing to do does not save credit, and the drive is never idle because of it. */
static void nobody_waits_for_idle_ones(void)
{
	static const uint32_t size[] = { 8, 8 };
	struct user u[2], idle;
	unsigned int share[2];
	struct item i = { 0 };
	s_time_t began;

	new_drive(1);
	new_user(&idle, 1000, 0, 0);
	new_user(&u[0], 100, 0, 0);
	new_user(&u[1], 100, 0, 0);
	began = clock_now;
	compete(u, 2, 4, size, 1000, share);
	CHECK(near(share[0], 500, 10));
	CHECK(drive_free_at - began <= 1010 * (per_request + 8 * per_sector));
	ask(&i, &idle, DISK_READ, 8);
	run_all();
	CHECK(idle.ends == 1 && idle.c.credit <= 0);
}

/* A single client may fill the drive. */
static void whole_depth(void)
{
	struct item items[40] = { 0 };
	struct user u;

	new_drive(32);
	new_user(&u, 1, 0, 0);
	for (unsigned int n = 0; n < 40; n++)
		ask(&items[n], &u, DISK_READ, 8);
	CHECK(nr_holds == 32);
	run_all();
	CHECK(u.ends == 40);
}

/* Who competes has his places of the drive and no more, however much he asks for. */
static void places_by_weight(void)
{
	struct item items[2][64] = { 0 };
	unsigned int held[2] = { 0 };
	struct user u[2];

	new_drive(32);
	new_user(&u[0], 100, 0, 0);
	new_user(&u[1], 300, 0, 0);
	for (unsigned int n = 0; n < 64; n++)
		ask(&items[0][n], &u[0], DISK_READ, 8);
	CHECK(nr_holds == 32);
	for (unsigned int n = 0; n < 64; n++)
		ask(&items[1][n], &u[1], DISK_READ, 8);
	/* As it ends what it has, the places go to the other one, up to 24. */
	while (u[0].ends < 32 && u[1].c.in_flight < 24 && step(INT64_MAX))
		;
	for (unsigned int n = 0; n < nr_holds; n++)
		held[holds[n]->user == &u[1]]++;
	CHECK(held[0] == 8 && held[1] == 24);
	run_all();
	CHECK(u[0].ends == 64 && u[1].ends == 64);
}

/* --- limits */

static s_time_t *starts;
static unsigned int nr_starts;
static const struct user *watched;

static void note_start(struct item *i)
{
	if (i->user == watched)
		starts[nr_starts++] = clock_now;
}

static void limits_hold(void)
{
	static const struct {
		uint32_t iops;
		uint64_t bytes;
		uint32_t sectors;
		unsigned int per_second; /* requests */
	} cases[] = {
		{ 1000, 0, 8, 1000 },	      { 10, 0, 8, 10 },		 { 0, 1 << 20, 8, 256 },
		{ 0, 10 << 20, 512, 40 },     { 1000, 1 << 20, 8, 256 }, { 100, 1 << 20, 8, 100 },
		{ 2000, 100 << 20, 8, 2000 },
	};

	starts = calloc(100000, sizeof(*starts));
	for (unsigned int c = 0; c < ARRAY_SIZE(cases); c++) {
		s_time_t cost = SECONDS(1) / cases[c].per_second, began;
		unsigned int burst = (unsigned int)(BURST / cost) + 1;
		struct item items[16] = { 0 }, others[16] = { 0 };
		struct user u, other;

		new_drive(16);
		serial = false;
		per_sector = 0;
		new_user(&u, 500, cases[c].iops, cases[c].bytes);
		new_user(&other, 100, 0, 0);
		watched = &u;
		nr_starts = 0;
		on_start = note_start;
		began = clock_now;
		for (unsigned int n = 0; n < 16; n++) {
			items[n].again = others[n].again = true;
			ask(&items[n], &u, DISK_WRITE, cases[c].sectors);
			ask(&others[n], &other, DISK_WRITE, 8);
		}
		run_until(began + SECONDS(2));
		CHECK(nr_starts <= 2 * cases[c].per_second + burst);
		CHECK(nr_starts + 2 >= 2 * cases[c].per_second * 97 / 100);
		/* In no window more than its time allows and a burst. */
		for (unsigned int a = 0; a < nr_starts; a++)
			for (unsigned int b = a; b < nr_starts && b < a + 300; b++)
				CHECK(b - a + 1 <= (starts[b] - starts[a]) / cost + burst + 1);
		/* The other one has the rest of the drive: 16 places, 0.1 ms each. */
		CHECK(other.ends > 2 * 160000 / 10 * 7);
		for (unsigned int n = 0; n < 16; n++)
			items[n].again = others[n].again = false;
		run_all();
		CHECK(u.ends == nr_starts);
	}
	free(starts);
}

/* What was not used is not saved for more than BURST. */
static void bursts_are_bounded(void)
{
	struct item items[64] = { 0 };
	struct user u;

	new_drive(64);
	serial = false;
	new_user(&u, 100, 1000, 0);
	run_until(clock_now + SECONDS(100));
	for (unsigned int n = 0; n < 64; n++)
		ask(&items[n], &u, DISK_READ, 8);
	CHECK(nr_holds <= 11 && nr_holds >= 10);
	run_all();
	CHECK(u.ends == 64);
}

/* --- failures */

static unsigned int fail_first;

static enum fault fail_some(struct item *i)
{
	return i->failed < fail_first ? BAD : GOOD;
}

static void errors_are_retried(void)
{
	for (fail_first = 0; fail_first <= MAX_TRIES + 1; fail_first++) {
		struct item i = { 0 };
		struct user u;

		new_drive(8);
		new_user(&u, 100, 0, 0);
		faults = fail_some;
		ask(&i, &u, DISK_WRITE, 8);
		run_all();
		CHECK(i.where == DONE && u.ends == 1);
		CHECK(i.attempts == min(fail_first + 1, MAX_TRIES + 0u));
		CHECK(i.error == (fail_first >= MAX_TRIES ? -EIO : 0));
		CHECK(disk.errors == min(fail_first, MAX_TRIES + 0u) && !resets);
		CHECK(u.c.errors == (fail_first >= MAX_TRIES));
	}
}

static struct item *silent[4];

static enum fault some_silent(struct item *i)
{
	for (unsigned int n = 0; n < 4; n++)
		if (silent[n] == i)
			return SILENT;
	return GOOD;
}

static void late_ones_only(void)
{
	struct item items[4] = { 0 };
	struct user u;

	new_drive(4);
	new_user(&u, 100, 0, 0);
	disk.timeout = SECONDS(1);
	faults = some_silent;
	memset(silent, 0, sizeof(silent));
	silent[0] = &items[0];
	ask(&items[0], &u, DISK_READ, 8);
	run_until(clock_now + MILLISECS(900));
	per_request = MILLISECS(500); /* it would be in time */
	ask(&items[1], &u, DISK_READ, 8);
	silent[0] = NULL; /* the next time it answers */
	per_request = MICROSECS(100);
	run_all();
	CHECK(resets == 1 && disk.timeouts == 1 && disk.retries == 2);
	CHECK(!items[0].error && items[0].attempts == 2 && items[0].r.tries == 1);
	CHECK(!items[1].error && items[1].attempts == 2 && !items[1].r.tries);
	/* It never answers: MAX_TRIES times, and the neighbour does not suffer. */
	silent[0] = &items[2];
	ask(&items[2], &u, DISK_READ, 8);
	for (unsigned int n = 0; n < MAX_TRIES; n++) {
		run_until(clock_now + MILLISECS(500));
		if (items[3].where != ASKED)
			ask(&items[3], &u, DISK_READ, 8);
		run_until(items[2].began + disk.timeout);
		CHECK(items[2].failed == n + 1 && items[3].r.tries == 0);
	}
	run_all();
	CHECK(items[2].where == DONE && items[2].error == -EIO && items[2].attempts == MAX_TRIES);
	CHECK(items[3].where == DONE && !items[3].error);
}

/* A reset that takes long makes nobody else late. */
static int again_left;

static int reset_again(void)
{
	return again_left-- > 0 ? -EAGAIN : 0;
}

static void slow_reset(void)
{
	struct item items[2] = { 0 };
	struct user u;

	new_drive(4);
	new_user(&u, 100, 0, 0);
	disk.timeout = SECONDS(1);
	faults = some_silent;
	reset_result = reset_again;
	again_left = 200; /* 2 s */
	memset(silent, 0, sizeof(silent));
	silent[0] = &items[0];
	silent[1] = &items[1];
	ask(&items[0], &u, DISK_READ, 8);
	run_until(clock_now + MILLISECS(500));
	ask(&items[1], &u, DISK_READ, 8);
	silent[0] = silent[1] = NULL;
	run_until(clock_now + MILLISECS(1500));
	CHECK(disk.resetting && !resets && nr_holds == 2);
	run_until(clock_now + SECONDS(2));
	CHECK(resets == 1 && again_left < 0);
	CHECK(items[0].where == DONE && items[0].r.tries == 1 && !items[0].error);
	CHECK(items[1].where == DONE && items[1].r.tries == 0 && !items[1].error);
	CHECK(disk.timeouts == 1);
}

static void fault_now(void)
{
	disk_lock(&disk);
	for (unsigned int n = 0; n < nr_holds; n++)
		holds[n]->blamed = true;
	disk_fault(&disk, "test");
	disk_unlock(&disk);
}

static struct item *order[64];
static unsigned int nr_order;

static void note_order(struct item *i)
{
	order[nr_order++ % 64] = i;
}

static void order_after_a_reset(void)
{
	struct item items[2][12] = { 0 };
	unsigned int last[2] = { 0 };
	struct user u[2];

	new_drive(8);
	new_user(&u[0], 100, 0, 0);
	new_user(&u[1], 300, 0, 0);
	for (unsigned int n = 0; n < 24; n++)
		ask(&items[n & 1][n / 2], &u[n & 1], DISK_WRITE, 8);
	CHECK(nr_holds == 8);
	nr_order = 0;
	on_start = note_order;
	fault_now();
	CHECK(resets == 1 && nr_holds == 8 && disk.retries == 8);
	run_all();
	CHECK(nr_order == 24);
	for (unsigned int n = 0; n < nr_order; n++) {
		unsigned int who = order[n]->user == &u[1];

		CHECK(order[n]->nr == last[who]);
		last[who]++;
	}
	CHECK(u[0].ends == 12 && u[1].ends == 12 && !u[0].errors && !u[1].errors);
}

/* Each of two clients with one bad request: these run alone once they have failed twice. */
static struct item *poison[2];
static bool company;

static void look_for_company(struct item *i)
{
	for (unsigned int n = 0; n < nr_holds; n++)
		if (holds[n]->r.tries >= 2 && nr_holds > 1)
			company = true;
}

static void bad_ones_run_alone(void)
{
	struct item items[2][16] = { 0 };
	struct user u[2];

	new_drive(8);
	new_user(&u[0], 100, 0, 0);
	new_user(&u[1], 100, 0, 0);
	on_start = look_for_company;
	company = false;
	poison[0] = &items[0][5];
	poison[1] = &items[1][9];
	for (unsigned int n = 0; n < 32; n++)
		ask(&items[n & 1][n / 2], &u[n & 1], DISK_WRITE, 8);
	for (unsigned int n = 0; n < 1000 && u[0].ends + u[1].ends < 32; n++) {
		bool bad = false;

		for (unsigned int k = 0; k < nr_holds; k++)
			bad |= holds[k] == poison[0] || holds[k] == poison[1];
		if (bad)
			fault_now();
		else if (!step(INT64_MAX))
			break;
	}
	CHECK(!company && u[0].ends == 16 && u[1].ends == 16);
	CHECK(u[0].errors == 1 && u[1].errors == 1);
	CHECK(poison[0]->error == -EIO && poison[1]->error == -EIO && poison[0]->attempts == 4);
}

static int times_eagain;

static int start_eagain(struct item *i)
{
	return times_eagain-- > 0 ? -EAGAIN : 0;
}

static int start_eio(struct item *i)
{
	return i->r.sectors == 3 ? -EIO : 0;
}

static void start_says_no(void)
{
	struct item items[4] = { 0 };
	struct user u;
	s_time_t began;

	new_drive(4);
	new_user(&u, 100, 0, 0);
	began = clock_now;
	start_result = start_eagain;
	times_eagain = 3;
	ask(&items[0], &u, DISK_READ, 8);
	CHECK(u.c.waiting == 1 && !u.c.in_flight && !kicks);
	run_all();
	CHECK(items[0].where == DONE && !items[0].error && !items[0].r.tries);
	CHECK(clock_now >= began + MILLISECS(30) && clock_now < began + SECONDS(31));
	start_result = start_eio;
	for (unsigned int n = 0; n < 4; n++)
		ask(&items[n], &u, DISK_READ, n + 1);
	CHECK(items[2].where == DONE && items[2].error == -EIO && nr_holds == 3);
	run_all();
	CHECK(u.ends == 5 && u.errors == 1);
}

static int reset_fails(void)
{
	return -EIO;
}

static void a_dead_drive(void)
{
	struct item items[20] = { 0 };
	struct user u[2];

	new_drive(4);
	new_user(&u[0], 100, 0, 0);
	new_user(&u[1], 100, 1, 0);
	for (unsigned int n = 0; n < 20; n++)
		ask(&items[n], &u[n & 1], DISK_WRITE, 8);
	reset_result = reset_fails;
	fault_now();
	CHECK(disk.dead && !disk.resetting);
	CHECK(u[0].ends + u[1].ends == 20 && u[0].errors + u[1].errors == 20);
	for (unsigned int op = DISK_READ; op <= DISK_DISCARD; op++) {
		ask(&items[0], &u[0], (enum disk_op)op, 8);
		CHECK(items[0].where == DONE && items[0].error == -EIO);
	}
	run_all();
	CHECK(resets == 1);
	disk_client_remove(&u[0].c);
	disk_client_remove(&u[1].c);
}

static enum fault bad_if_stopped(struct item *i)
{
	return i->user->c.stopped ? BAD : GOOD;
}

static enum fault all_silent(struct item *i)
{
	return SILENT;
}

/* What the drive has ends as it does, all else fails, and nobody else notices. */
static void a_stopped_client(void)
{
	struct item items[20] = { 0 };
	struct user u[2];

	new_drive(4);
	new_user(&u[0], 100, 0, 1);
	new_user(&u[1], 100, 0, 0);
	for (unsigned int n = 0; n < 20; n++)
		ask(&items[n], &u[n / 10], DISK_WRITE, 8);
	CHECK(u[0].c.in_flight == 1 && u[0].c.waiting == 9);
	faults = bad_if_stopped;
	disk_client_stop(&u[0].c, true);
	CHECK(!u[0].ends && task);
	run_task();
	CHECK(u[0].ends == 9 && u[0].errors == 9 && items[0].where == ASKED);
	for (unsigned int op = DISK_READ; op <= DISK_DISCARD; op++) {
		ask(&items[1], &u[0], (enum disk_op)op, 8);
		CHECK(items[1].where == DONE && items[1].error == -EIO);
	}
	run_all();
	CHECK(items[0].attempts == 1 && items[0].error == -EIO && u[0].errors == 14);
	CHECK(u[1].ends == 10 && !u[1].errors);
	CHECK(!u[0].c.waiting && !u[0].c.in_flight);
	faults = NULL;
	disk_client_stop(&u[0].c, false);
	u[0].c.not_before = 0;
	ask(&items[1], &u[0], DISK_READ, 8);
	run_all();
	CHECK(items[1].where == DONE && !items[1].error);
	/* In the hands of a drive that never answers: until the reset, no longer. */
	new_drive(4);
	new_user(&u[0], 100, 0, 0);
	faults = all_silent;
	for (unsigned int n = 0; n < 6; n++)
		ask(&items[n], &u[0], DISK_WRITE, 8);
	disk_client_stop(&u[0].c, true);
	run_all();
	CHECK(u[0].ends == 6 && u[0].errors == 6 && resets == 1);
	/* A write that has only to be flushed. */
	new_drive(4);
	new_user(&u[0], 100, 0, 0);
	prepare(&items[0], &u[0], DISK_WRITE, 0, 8);
	items[0].r.fua = true;
	submit(&items[0]);
	disk_client_stop(&u[0].c, true);
	run_all();
	CHECK(items[0].where == DONE && items[0].error && !items[0].flushes);
	disk_client_remove(&u[0].c);
}

/* --- FUA */

static void fua(void)
{
	struct item i = { 0 };
	struct user u;

	for (unsigned int can = 0; can < 4; can++) {
		new_drive(4);
		disk.can_flush = can & 1;
		disk.can_fua = can & 2;
		new_user(&u, 100, 0, 0);
		prepare(&i, &u, DISK_WRITE, 0, 8);
		i.r.fua = true;
		submit(&i);
		run_all();
		CHECK(i.where == DONE && !i.error && i.writes == 1);
		CHECK(i.flushes == (can == 1) && i.fua_seen == (can >= 2));
		CHECK(i.r.op == DISK_WRITE && i.r.nr_segs == 1 && !i.r.held_segs);
		CHECK(u.c.writes == 1 && u.c.written_sectors == 8 && u.ends == 1);
	}
	/* A reset while it is flushed. The write was done, but not stable: is it flushed again? */
	new_drive(4);
	new_user(&u, 100, 0, 0);
	prepare(&i, &u, DISK_WRITE, 0, 8);
	i.r.fua = true;
	submit(&i);
	run_until(holds[0]->end);
	CHECK(nr_holds == 1 && i.r.op == DISK_FLUSH && i.r.held_segs == 1);
	fault_now();
	run_all();
	CHECK(i.where == DONE && !i.error && i.r.op == DISK_WRITE && i.flushes == 1);
	/* It fails for good. */
	new_drive(4);
	new_user(&u, 100, 0, 0);
	prepare(&i, &u, DISK_WRITE, 0, 8);
	i.r.fua = true;
	submit(&i);
	run_until(holds[0]->end);
	faults = fail_some;
	fail_first = 9;
	run_all();
	CHECK(i.where == DONE && i.error == -EIO && i.r.op == DISK_WRITE && i.r.nr_segs == 1);
	CHECK(i.failed == MAX_TRIES && u.c.errors == 1);
}

/* --- done functions that submit */

static int complete_at_once(struct disk *d, struct disk_req *r)
{
	item_of(r)->attempts++;
	started++;
	disk_complete(d, r, 0);
	return 0;
}

static const struct disk_ops instant = { .start = complete_at_once };

static void no_recursion(void)
{
	struct item items[8] = { 0 };
	unsigned int before, worst = 0;
	struct user u;

	new_drive(4);
	disk.ops = &instant;
	new_user(&u, 100, 0, 0);
	for (unsigned int n = 0; n < 8; n++) {
		items[n].again = true;
		before = started;
		ask(&items[n], &u, DISK_READ, 8);
		worst = max(worst, started - before);
	}
	for (unsigned int n = 0; n < 1000; n++) {
		before = started;
		CHECK(task != NULL);
		if (task)
			run_task();
		worst = max(worst, started - before);
	}
	CHECK(deepest_done == 1 && worst <= 8 * 6 && started > 4000);
	for (unsigned int n = 0; n < 8; n++)
		items[n].again = false;
	run_all();
	CHECK(!task && u.ends == started);
	for (unsigned int n = 0; n < 8; n++)
		CHECK(items[n].where == DONE);
}

/* What an instant drive does in one go is bounded in sectors, too; discards are work. */
static void bounded_work(void)
{
	static struct item items[2000];
	uint64_t before, worst = 0;
	struct user u;

	for (unsigned int op = DISK_READ; op <= DISK_DISCARD; op += DISK_DISCARD) {
		struct list batch = LIST_INIT(batch);

		new_drive(64);
		disk.ops = &instant;
		disk.max_discard = 8192;
		new_user(&u, 100, 0, 0);
		for (unsigned int n = 0; n < 2000; n++) {
			prepare(&items[n], &u, (enum disk_op)op, 0, op == DISK_READ ? 512 : 8192);
			items[n].where = ASKED;
			list_add_tail(&batch, &items[n].r.link);
		}
		disk_submit_list(&batch, &disk);
		for (before = 0;; run_task()) {
			worst = max(worst, (started - before) * items[0].r.sectors);
			before = started;
			if (!task)
				break;
			/* Who comes by does none of the work that the task is for. */
			disk_lock(&disk);
			disk_unlock(&disk);
			CHECK(started == before);
		}
		CHECK(u.ends == 2000);
	}
	/* One after the other is no less work. */
	new_drive(64);
	disk.ops = &instant;
	disk.max_discard = 8192;
	new_user(&u, 100, 0, 0);
	items[0].again = true;
	ask(&items[0], &u, DISK_DISCARD, 8192);
	for (before = 0; before < 20; run_task()) {
		worst = max(worst, (started - before) * 8192);
		before = started;
	}
	items[0].again = false;
	CHECK(worst <= 8192 + 8192 + 512);
}

/* Another CPU's interrupt comes while this one is in a done function. */
static bool intrude;

static void done_and_interrupt(struct disk_req *r, int error)
{
	done(r, error);
	if (intrude)
		answer_due();
}

static void two_cpus(void)
{
	struct item items[32] = { 0 };
	struct user u;

	new_drive(8);
	serial = false;
	new_user(&u, 100, 0, 0);
	intrude = true;
	for (unsigned int n = 0; n < 32; n++) {
		prepare(&items[n], &u, DISK_WRITE, 0, 1 + n % 3);
		items[n].r.done = done_and_interrupt;
		submit(&items[n]);
	}
	run_all();
	CHECK(u.ends == 32 && !disk.busy && !disk.in_flight);
}

/* A driver that finds out while it starts something, or is kicked, that it needs a reset. */
static bool fault_in_start;

static void start_and_fault(struct item *i)
{
	if (!fault_in_start)
		return;
	fault_in_start = false;
	for (unsigned int n = 0; n < nr_holds; n++)
		holds[n]->blamed = true;
	disk_fault(&disk, "while starting");
}

static void fault_while_starting(void)
{
	struct item items[8] = { 0 };
	struct user u;

	new_drive(4);
	new_user(&u, 100, 0, 0);
	disk_lock(&disk);
	locked = false;
	disk.busy = true; /* they gather */
	for (unsigned int n = 0; n < 8; n++)
		ask(&items[n], &u, DISK_WRITE, 8);
	disk.busy = false;
	fault_in_start = true;
	on_start = start_and_fault;
	disk_lock(&disk);
	disk_unlock(&disk);
	run_until(clock_now + SECONDS(1));
	CHECK(u.ends == 8 && !u.errors && resets == 1);
	run_all();
}

/* --- the campaign */

#define USERS 5
#define ITEMS 96
#define STEPS 1000000

static struct user users[USERS];
static struct item *pool[ITEMS];

static bool list_sound(const struct list *l, unsigned int *n)
{
	const struct list *p = l;

	*n = 0;
	do {
		if (p->next->prev != p || p->prev->next != p)
			return false;
		p = p->next;
	} while (p != l && ++*n < 10000);
	return p == l;
}

/* Every request that is asked for is in one place; the counters are right. */
static const char *sound(void)
{
	unsigned int n, waiting = 0, in_flight = 0, asked = 0, clients;
	struct list *p;

	if (!list_sound(&disk.clients, &clients) || clients != USERS)
		return "clients";
	for (unsigned int k = 0; k < USERS; k++) {
		const struct disk_client *c = &users[k].c;

		if (!list_sound(&c->queue, &n) || n != c->waiting)
			return "a queue";
		waiting += n;
		in_flight += c->in_flight;
		if (c->credit > (int)c->weight)
			return "too much credit";
	}
	if (!list_sound(&disk.started, &n) || n != disk.in_flight || n != in_flight)
		return "started";
	if (n != nr_holds || n > disk.depth)
		return "what the drive has";
	list_for_each(p, &disk.started)
		if (list_entry(p, struct disk_req, link)->held_segs > DISK_MAX_SEGS)
			return "a request";
	if (!list_sound(&disk.finished, &n) || (n && !task && !disk.busy))
		return "finished";
	for (unsigned int k = 0; k < ITEMS; k++)
		asked += pool[k] && pool[k]->where == ASKED;
	return asked != waiting + in_flight + n ? "one is lost" : NULL;
}

static bool chance(unsigned int one_in)
{
	return !rnd(one_in);
}

static int random_start(struct item *i)
{
	return chance(50) ? -EAGAIN : chance(400) ? -EIO : 0;
}

static bool may_die;

static int random_reset(void)
{
	return chance(3) ? -EAGAIN : may_die && chance(40) ? -EIO : 0;
}

static void random_submit(unsigned int k)
{
	struct item *i = pool[k];

	/* A new one each time: the address sanitizer sees a use after the end. */
	free(i);
	i = pool[k] = calloc(1, sizeof(*i));
	prepare(i, &users[rnd(USERS)], (enum disk_op)rnd(4), rnd(1000), 1 + (uint32_t)rnd(64));
	i->r.fua = i->r.op == DISK_WRITE && chance(3);
	i->again = chance(4);
	submit(i);
}

static void random_action(void)
{
	unsigned int k = (unsigned int)rnd(ITEMS);

	switch (rnd(16)) {
	case 0 ... 4:
		if (!pool[k] || pool[k]->where != ASKED)
			random_submit(k);
		break;
	case 5:
		if (chance(200) && !disk.resetting && !disk.dead)
			fault_now();
		break;
	case 6:
		disk_lock(&disk);
		if (kicked && !disk.resetting)
			answer((unsigned int)rnd(kicked), chance(4) ? -EIO : 0);
		disk_unlock(&disk);
		break;
	case 7:
		if (nr_holds && chance(20))
			holds[rnd(nr_holds)]->end = INT64_MAX;
		break;
	case 8:
		clock_now += (s_time_t)rnd(MILLISECS(2));
		break;
	default:
		step(INT64_MAX);
	}
}

static void new_campaign(void)
{
	new_drive(1 + (unsigned int)rnd(32));
	serial = chance(2);
	disk.timeout = MILLISECS(1 + rnd(100));
	disk.can_flush = !chance(4);
	disk.can_fua = disk.can_flush && chance(3);
	start_result = random_start;
	reset_result = random_reset;
	may_die = chance(2);
	for (unsigned int n = 0; n < USERS; n++)
		new_user(&users[n], 1 + (unsigned int)rnd(1000),
			 chance(3) ? 500 + (uint32_t)rnd(5000) : 0, chance(3) ? 1 << 24 : 0);
}

/* All end, and the drive's clients can go. */
static void end_campaign(void)
{
	campaign = false;
	for (unsigned int n = 0; n < ITEMS; n++)
		if (pool[n])
			pool[n]->again = false;
	run_all();
	for (unsigned int n = 0; n < ITEMS; n++) {
		CHECK(!pool[n] || pool[n]->where == DONE);
		free(pool[n]);
		pool[n] = NULL;
	}
	for (unsigned int n = 0; n < USERS; n++) {
		CHECK(users[n].ends == users[n].nr && users[n].c.errors == users[n].errors);
		CHECK(!users[n].c.waiting && !users[n].c.in_flight);
		disk_client_remove(&users[n].c);
	}
	CHECK(list_empty(&disk.clients) && list_empty(&disk.finished) && !disk.in_flight);
}

static void random_campaign(void)
{
	unsigned int deaths = 0, all_resets = 0;
	uint64_t ends = 0, timeouts = 0;

	for (unsigned int round = 0; round < 50; round++) {
		const char *wrong = NULL;

		new_campaign();
		campaign = true;
		for (unsigned int n = 0; n < STEPS / 50 && !wrong; n++) {
			random_action();
			wrong = sound();
		}
		if (wrong) {
			printf("round %u: %s\n", round, wrong);
			CHECK(!"lists and counters agree");
			return;
		}
		deaths += disk.dead;
		all_resets += resets;
		timeouts += disk.timeouts;
		end_campaign();
		for (unsigned int n = 0; n < USERS; n++)
			ends += users[n].ends;
	}
	/* It did what it is for. */
	CHECK(deaths > 2 && all_resets > 200 && timeouts > 50 && ends > 50000);
}

static void too_many_drives(void)
{
	static struct disk more[DISK_MAX_DRIVES];
	unsigned int n = disk_count(), k;

	for (k = 0; k < DISK_MAX_DRIVES && !disk_add(&more[k]); k++) {
		CHECK(disk_get(n + k) == &more[k] && more[k].nr == n + k);
		CHECK(more[k].timeout == (opt.disk_timeout ? SECONDS(7) : SECONDS(30)));
		opt.disk_timeout = 7;
	}
	CHECK(n + k == DISK_MAX_DRIVES && disk_count() == DISK_MAX_DRIVES);
}

int main(void)
{
	static const struct test t[] = {
		TEST(one_by_one),
		TEST(what_is_refused),
		TEST(turns_by_weight),
		TEST(requests_by_weight),
		TEST(nobody_waits_for_idle_ones),
		TEST(whole_depth),
		TEST(places_by_weight),
		TEST(limits_hold),
		TEST(bursts_are_bounded),
		TEST(errors_are_retried),
		TEST(late_ones_only),
		TEST(slow_reset),
		TEST(order_after_a_reset),
		TEST(bad_ones_run_alone),
		TEST(start_says_no),
		TEST(a_dead_drive),
		TEST(a_stopped_client),
		TEST(fua),
		TEST(no_recursion),
		TEST(bounded_work),
		TEST(two_cpus),
		TEST(fault_while_starting),
		TEST(random_campaign),
		TEST(too_many_drives),
	};

	return TEST_RUN(t);
}

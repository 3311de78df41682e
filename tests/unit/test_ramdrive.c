/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/dev/ramdrive.c hypervisor/dev/disk.c */
/* FLAGS: -include host_layout.h */
/*
 * Drives of memory behind the queues of drives, against a plain array: copies across chunks, in
 * segments of all sizes, at both ends, discards; and what becomes of memory that is not there.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <hyp/boot.h>
#include <hyp/disk.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include "test.h"

#define MEMORY (64ul << 12) /* of the guest, at machine address 0 */
#define DRIVE_PAGES 1100ul  /* three chunks, the last one not all used */
#define SIZE (DRIVE_PAGES * PAGE_SIZE)
#define SECTORS (SIZE / SECTOR_SIZE)

/* --- the world around */

struct options opt;
static bool locked;
static unsigned int pages_left, pages_out, objects_out;
static struct task *task;

s_time_t now(void)
{
	return 0;
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
	abort();
}

void spin_lock(struct spinlock *l)
{
	locked = true;
}

void spin_unlock(struct spinlock *l)
{
	locked = false;
}

bool spin_held(const struct spinlock *l)
{
	return locked;
}

void timer_init(struct timer *t, timer_fn *fn, void *data)
{
}

void timer_set(struct timer *t, s_time_t expires)
{
}

void task_queue(struct task *t)
{
	task = t;
	t->queued = true;
}

void pci_probe_all(void)
{
}

void *hyp_page_alloc(unsigned int order)
{
	if (pages_left < 1u << order)
		return NULL;
	pages_left -= 1u << order;
	pages_out += 1u << order;
	return calloc(1u << order, PAGE_SIZE);
}

void hyp_page_free(void *p, unsigned int order)
{
	pages_out -= 1u << order;
	pages_left += 1u << order;
	free(p);
}

void *hyp_alloc(size_t size)
{
	objects_out++;
	return size <= 65536 ? calloc(1, size) : NULL;
}

void hyp_free(void *p)
{
	objects_out--;
	free(p);
}

static uint64_t seed = 4101842887655102017u;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* --- requests */

static struct disk_client client;
static uint8_t *memory, *model;
static int ended;

static void done(struct disk_req *r, int error)
{
	ended = error;
}

/* 0 or -EIO; 1: no end. */
static int request(enum disk_op op, uint64_t sector, uint32_t sectors, const struct disk_seg *segs,
		   unsigned int n)
{
	struct disk_req r = { .op = op,
			      .sector = sector,
			      .sectors = sectors,
			      .segs = segs,
			      .nr_segs = (uint16_t)n,
			      .client = &client,
			      .done = done };

	ended = 1;
	disk_submit(&r);
	while (task) {
		struct task *t = task;

		task = NULL;
		t->queued = false;
		t->fn(t->data);
	}
	return ended;
}

/* Segments anywhere in memory, each within a page, that do not overlap. */
static uint32_t random_segs(struct disk_seg *segs, unsigned int n)
{
	uint32_t sectors = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t first = (uint32_t)rnd(8), len = 1 + (uint32_t)rnd(8 - first);

		segs[i].addr = MADDR((n - 1 - i) * PAGE_SIZE + first * SECTOR_SIZE);
		segs[i].len = len * SECTOR_SIZE;
		sectors += len;
	}
	return sectors;
}

static void fill_memory(void)
{
	for (size_t i = 0; i < MEMORY; i += 8)
		*(uint64_t *)(memory + i) = rnd(~0ull);
}

static void model_transfer(bool write, uint64_t pos, const struct disk_seg *segs, unsigned int n,
			   uint8_t *mem)
{
	for (unsigned int i = 0; i < n; pos += segs[i++].len)
		if (write)
			memcpy(model + pos, mem + segs[i].addr.a, segs[i].len);
		else
			memcpy(mem + segs[i].addr.a, model + pos, segs[i].len);
}

/* One request of each kind; the whole of memory is what it should be afterwards. */
static void random_request(uint8_t *expect)
{
	unsigned int n = 1 + (unsigned int)rnd(64);
	struct disk_seg segs[DISK_MAX_SEGS];
	uint32_t sectors = random_segs(segs, n);
	uint64_t sector = rnd(4) ? rnd(SECTORS - sectors + 1) :
			  rnd(2) ? SECTORS - sectors :
				   4096 * (1 + rnd(2)) - rnd(sectors + 1);

	switch (rnd(5)) {
	case 0:
		sectors = 1 + (uint32_t)rnd(8192);
		sector = rnd(SECTORS - sectors + 1);
		CHECK(!request(DISK_DISCARD, sector, sectors, NULL, 0));
		memset(model + sector * SECTOR_SIZE, 0, sectors * SECTOR_SIZE);
		break;
	case 1 ... 2:
		fill_memory();
		CHECK(!request(DISK_WRITE, sector, sectors, segs, n));
		model_transfer(true, sector * SECTOR_SIZE, segs, n, memory);
		break;
	default:
		memcpy(expect, memory, MEMORY);
		CHECK(!request(DISK_READ, sector, sectors, segs, n));
		model_transfer(false, sector * SECTOR_SIZE, segs, n, expect);
		CHECK(!memcmp(expect, memory, MEMORY));
	}
}

static void whole_content(void)
{
	struct disk_seg segs[DISK_MAX_SEGS];

	for (uint64_t page = 0; page < DRIVE_PAGES; page++) {
		segs[0] = (struct disk_seg){ .addr = MADDR(0), .len = PAGE_SIZE };
		CHECK(!request(DISK_READ, page * 8, 8, segs, 1));
		CHECK(!memcmp(memory, model + page * PAGE_SIZE, PAGE_SIZE));
	}
}

static void is_there(void)
{
	const struct disk *d;

	memory = mmap((void *)DIRECT_MAP_VIRT, MEMORY, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	model = calloc(1, SIZE);
	pages_left = 3 << 9;
	opt.ramdrive_pages[0] = DRIVE_PAGES;
	disk_init();
	CHECK(disk_count() == 1 && !pages_left && memory != MAP_FAILED);
	d = disk_get(0);
	CHECK(d->sectors == SECTORS && d->block_size == 512 && d->can_discard && !d->can_flush);
	CHECK(!d->read_only && d->max_segs == DISK_MAX_SEGS && d->max_sectors == 512);
	disk_client_init(&client, disk_get(0));
	disk_client_add(&client);
	whole_content();
}

static void copies(void)
{
	uint8_t *expect = malloc(MEMORY);

	for (unsigned int i = 0; i < 20000; i++)
		random_request(expect);
	whole_content();
	free(expect);
}

static void ends(void)
{
	struct disk_seg s = { .addr = MADDR(0), .len = SECTOR_SIZE };

	CHECK(!request(DISK_WRITE, SECTORS - 1, 1, &s, 1));
	CHECK(request(DISK_WRITE, SECTORS, 1, &s, 1) == -EIO);
	CHECK(request(DISK_READ, ~0ull, 1, &s, 1) == -EIO);
	CHECK(request(DISK_READ, ~0ull >> 9, 1, &s, 1) == -EIO);
	CHECK(request(DISK_DISCARD, SECTORS - 7, 8, NULL, 0) == -EIO);
	CHECK(request(DISK_DISCARD, 0, 8193, NULL, 0) == -EIO);
	CHECK(!request(DISK_DISCARD, SECTORS - 8192, 8192, NULL, 0));
	memset(model + SIZE - 8192 * SECTOR_SIZE, 0, 8192 * SECTOR_SIZE);
	CHECK(!request(DISK_FLUSH, 0, 0, NULL, 0));
	whole_content();
	CHECK(!request(DISK_DISCARD, 0, 8192, NULL, 0));
	CHECK(!request(DISK_DISCARD, SECTORS - 8192, 8192, NULL, 0));
	memset(model, 0, SIZE);
	whole_content();
	free(model);
}

/* Each drive that does not fit is left out, with nothing lost; those behind it are made. */
static void no_memory(void)
{
	unsigned int objects = objects_out, pages = pages_out;

	memset(opt.ramdrive_pages, 0, sizeof(opt.ramdrive_pages));
	opt.ramdrive_pages[0] = 2000;
	opt.ramdrive_pages[1] = 8193ul << 9; /* more chunks than a table holds */
	opt.ramdrive_pages[2] = ~0ul >> 12;
	opt.ramdrive_pages[3] = ~0ul;
	opt.ramdrive_pages[4] = 512;
	pages_left = 1600;
	ramdrive_init();
	CHECK(disk_count() == 2 && disk_get(1)->sectors == 512 * 8);
	CHECK(pages_out == pages + 512 && objects_out == objects + 2);
}

int main(void)
{
	static const struct test t[] = { TEST(is_there), TEST(copies), TEST(ends),
					 TEST(no_memory) };

	return TEST_RUN(t);
}

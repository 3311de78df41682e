/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Throughput and latency of a block device past the page cache (O_DIRECT), from one thread.
 * Depth 1 is pread() and pwrite(), the latency a program sees; deeper queues are kept full
 * with Linux's native asynchronous calls, refilled with what just ended in one submission.
 * Each row runs for a fixed time: once to warm up, then five times, and the best is printed
 * (other work on the host only ever slows one down):
 * `row disk-NAME-{seq,rand}-{read,write}-{4k,128k}-d{1,8,32} VALUE`, operations/s for 4k and
 * MB/s (10^6) for 128k. With -i the rows are `disk-NAME-4k-{read,write}`: random, depth 1,
 * nanoseconds per request of a fixed number, which are instructions where the virtual clock
 * counts them. Positions repeat from run to run. The device's CONTENTS ARE LOST.
 * usage: dbench [-i] [-t MILLISECONDS] NAME DEVICE [PATTERN...]: shell patterns of rows
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "rows.h"

#define KIB 1024u
#define MAX_DEPTH 32u
#define MAX_BLOCK (128 * KIB)
#define REPETITIONS 5
#define COUNTED 2000 /* requests of a row with -i */

struct load {
	int random, write;
	uint32_t block, depth;
};

struct run {
	struct load load;
	uint64_t blocks; /* of the device */
	uint64_t next, seed;
	aio_context_t context;
	struct iocb iocb[MAX_DEPTH];
};

static int device;
static char *buffers; /* MAX_DEPTH of MAX_BLOCK */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t position(struct run *r)
{
	uint64_t block = r->next++;

	if (r->load.random) {
		r->seed ^= r->seed << 13;
		r->seed ^= r->seed >> 7;
		r->seed ^= r->seed << 17;
		block = r->seed;
	}
	return block % r->blocks * r->load.block;
}

static void one(struct run *r)
{
	off_t at = (off_t)position(r);
	ssize_t done = r->load.write ? pwrite(device, buffers, r->load.block, at) :
				       pread(device, buffers, r->load.block, at);

	if (done != (ssize_t)r->load.block)
		err(1, "%s of %u at %ld", r->load.write ? "write" : "read", r->load.block, at);
}

static void prepare(struct run *r, struct iocb *io, uint32_t slot)
{
	*io = (struct iocb){ .aio_data = slot,
			     .aio_lio_opcode = r->load.write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			     .aio_fildes = (uint32_t)device,
			     .aio_buf = (uintptr_t)(buffers + (size_t)slot * MAX_BLOCK),
			     .aio_nbytes = r->load.block,
			     .aio_offset = (int64_t)position(r) };
}

static void submit(struct run *r, struct iocb **list, long n)
{
	while (n) {
		long taken = syscall(SYS_io_submit, r->context, n, list);

		if (taken <= 0 && errno != EAGAIN)
			err(1, "io_submit");
		if (taken > 0) {
			list += taken;
			n -= taken;
		}
	}
}

/* Wait for at least one request, and check all that ended. */
static long reap(struct run *r, struct io_event *event)
{
	long n = syscall(SYS_io_getevents, r->context, 1L, (long)MAX_DEPTH, event, NULL);

	if (n < 1)
		err(1, "io_getevents");
	for (long i = 0; i < n; i++) {
		if (event[i].res != (int64_t)r->load.block)
			errx(1, "a request ended with %lld", (long long)event[i].res);
	}
	return n;
}

/* Nanoseconds per request: for `ns` at the load's depth. */
static double timed(struct run *r, uint64_t ns)
{
	struct io_event event[MAX_DEPTH];
	struct iocb *list[MAX_DEPTH];
	uint64_t start = now(), end = start, done = 0;
	long n = r->load.depth, flying = 0;

	if (r->load.depth == 1) {
		for (; end - start < ns; end = now(), done++)
			one(r);
		return (double)(end - start) / (double)done;
	}
	for (long i = 0; i < n; i++) {
		list[i] = &r->iocb[i];
		prepare(r, list[i], (uint32_t)i);
	}
	while (end - start < ns) {
		submit(r, list, n);
		flying += n;
		n = reap(r, event);
		flying -= n;
		done += (uint64_t)n;
		end = now();
		for (long i = 0; i < n; i++) {
			list[i] = &r->iocb[event[i].data];
			prepare(r, list[i], (uint32_t)event[i].data);
		}
	}
	while (flying)
		flying -= reap(r, event);
	return (double)(end - start) / (double)done;
}

static double counted(struct run *r, uint64_t n)
{
	uint64_t start = now();

	for (uint64_t i = 0; i < n; i++)
		one(r);
	return (double)(now() - start) / (double)n;
}

/* Nanoseconds per request, the least of several measurements by fn. */
static double best(struct load load, uint64_t size, double (*fn)(struct run *, uint64_t),
		   uint64_t amount)
{
	struct run r = { .load = load, .blocks = size / load.block, .seed = 88172645463325252 };
	double least = 0;

	if (syscall(SYS_io_setup, MAX_DEPTH, &r.context))
		err(1, "io_setup");
	fn(&r, amount / 4);
	for (int i = 0; i < REPETITIONS; i++) {
		double t = fn(&r, amount);

		if (!i || t < least)
			least = t;
	}
	syscall(SYS_io_destroy, r.context);
	return least;
}

static void count_rows(const char *name, uint64_t size, char **patterns)
{
	struct run fill = { .load = { 0, 1, MAX_BLOCK, 1 }, .blocks = size / MAX_BLOCK };
	char row[64];

	/* A RAM disk may find a page at its first write. */
	counted(&fill, fill.blocks);
	for (int write = 0; write < 2; write++) {
		struct load load = { 1, write, 4 * KIB, 1 };

		snprintf(row, sizeof(row), "disk-%s-4k-%s", name, write ? "write" : "read");
		if (wanted(row, patterns))
			printf("row %s %.1f\n", row, best(load, size, counted, COUNTED));
	}
}

static void time_row(const char *name, uint64_t size, uint64_t ns, struct load load,
		     char **patterns)
{
	char row[64];
	double each;

	snprintf(row, sizeof(row), "disk-%s-%s-%s-%uk-d%u", name, load.random ? "rand" : "seq",
		 load.write ? "write" : "read", load.block / KIB, load.depth);
	if (!wanted(row, patterns))
		return;
	each = best(load, size, timed, ns);
	printf("row %s %.1f\n", row,
	       load.block == 4 * KIB ? 1e9 / each : (double)load.block * 1e3 / each);
	fflush(stdout);
}

static void time_rows(const char *name, uint64_t size, uint64_t ns, char **patterns)
{
	static const uint32_t blocks[] = { 4 * KIB, 128 * KIB }, depths[] = { 1, 8, 32 };

	for (int b = 0; b < 2; b++) {
		for (int kind = 0; kind < 4; kind++) {
			for (int d = 0; d < 3; d++) {
				time_row(name, size, ns,
					 (struct load){ kind & 2, kind & 1, blocks[b], depths[d] },
					 patterns);
			}
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t size, ns = 150000000;
	int count = 0;
	int c;

	while ((c = getopt(argc, argv, "it:")) > 0) {
		if (c == 'i')
			count = 1;
		else if (c == 't')
			ns = strtoull(optarg, NULL, 0) * 1000000;
		else
			return 2;
	}
	if (argc - optind < 2)
		errx(2, "usage: dbench [-i] [-t MILLISECONDS] NAME DEVICE [PATTERN...]");
	device = open(argv[optind + 1], O_RDWR | O_DIRECT);
	if (device < 0 || ioctl(device, BLKGETSIZE64, &size) || size < MAX_BLOCK)
		err(1, "%s", argv[optind + 1]);
	buffers = mmap(NULL, (size_t)MAX_DEPTH * MAX_BLOCK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED)
		err(1, "mmap");
	/* Large pages are not what programs' buffers mostly lie in, and no PV guest has them. */
	madvise(buffers, (size_t)MAX_DEPTH * MAX_BLOCK, MADV_NOHUGEPAGE);
	memset(buffers, 0x5a, (size_t)MAX_DEPTH * MAX_BLOCK);
	if (count)
		count_rows(argv[optind], size, argv + optind + 2);
	else
		time_rows(argv[optind], size, ns, argv + optind + 2);
	return 0;
}

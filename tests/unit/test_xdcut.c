// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/xd_cat.c tools/xenctl/xd_disk.c */
/* FLAGS: -D_GNU_SOURCE */
/*
 * XenoDisk and power cuts: every operation is cut at each of its writes, several times, with a
 * random part of what was not flushed lost. What opens then must be the catalogue before or after
 * the commit that was cut, must go on working, and no disk may show anybody else's data.
 */
#include "test.h"
#include "xdram.h"

#define CHUNKS 12
#define TRIES 12 /* of each cut */
#define MAX_COMMITS 8

static struct ram *ram;
static char err[XD_ERR];
static uint64_t now;
static unsigned long cuts;

/* --- states as text */

static char *dump(const struct xd *x)
{
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	fwrite(x->dirty, 1, (x->nr_chunks + 7) / 8, f);
	fprintf(f, "%u %u", x->nr_chunks, x->chunk_sectors);
	for (uint32_t i = 0; i < x->nr_disks; i++) {
		const struct xd_disk *d = x->disks[i];

		fprintf(f, "\n%s %s %lu %lu %lu %u", d->r.name, d->config ? d->config : "-",
			d->r.sectors, d->r.expires, d->r.deleted, d->r.state);
		for (unsigned int b = 0; b < 16; b++)
			fprintf(f, "%02x%02x%02x", d->r.uuid[b], d->r.rw_key[b], d->r.ro_key[b]);
		for (uint32_t r = 0; r < d->r.nr_runs; r++)
			fprintf(f, " %u+%u", d->runs[r].first, d->runs[r].count);
	}
	fclose(f);
	return text;
}

static char *states[MAX_COMMITS];
static unsigned int nr_states, nr_commits;
static bool learning;

static int commit(struct xd *x, char *e)
{
	if (xd_commit(x, e))
		return -1;
	nr_commits++;
	if (learning)
		states[nr_states++] = dump(x);
	return 0;
}

/* --- data: a disk's blocks begin with the first byte of its uuid, which is not zero nor 0xe5 */

static void each_block(const struct xd *x, const struct xd_disk *d, bool fill)
{
	for (uint32_t i = 0; i < d->r.nr_runs; i++) {
		struct xd_extent e = xd_extent(x, d, i);

		for (uint64_t s = e.first; s < e.first + e.sectors; s += 8) {
			uint8_t *c = ram->cache + s * 512;

			if (fill)
				memset(c, d->r.uuid[0], 16),
					memset(ram->stable + s * 512, d->r.uuid[0], 16);
			else if (d->r.state == XD_DELETED)
				CHECK(c[0] == d->r.uuid[0]); /* it can be undeleted */
			else
				CHECK(c[0] == d->r.uuid[0] || c[0] == 0);
		}
	}
}

static void fill(const struct xd *x, const char *name)
{
	each_block(x, xd_find(x, name), true);
}

/* --- operations */

typedef int op_fn(struct xd *x);

static int make(struct xd *x, const char *name, uint64_t mib, uint64_t expires)
{
	static const struct xd_users users = { nobody, NULL };
	struct xd_disk *d;

	xd_sweep(x, &users);
	d = new_disk(x, name, now, expires, err);
	if (d)
		d->r.uuid[0] = (uint8_t)name[0];
	return d ? give_size(x, d, mib * MIB, now, commit, err) : -1;
}

static int op_init(struct xd *x)
{
	static const uint8_t uuid[16] = { 1 };

	xd_close(x);
	ram->dev.priv = ram;
	if (xd_init(&ram->dev, CHUNK, uuid, now, err))
		return -1;
	nr_commits++;
	if (xd_open(x, &ram->dev, err))
		return -1;
	if (learning)
		states[nr_states++] = dump(x);
	return 0;
}

static int op_a(struct xd *x)
{
	return make(x, "a", 3, 0);
}

static int op_b(struct xd *x)
{
	return make(x, "b", 4, 50); /* expired */
}

static int op_delete_a(struct xd *x)
{
	xd_delete(x, xd_find(x, "a"), now);
	return commit(x, err);
}

static int op_undelete_a(struct xd *x)
{
	return xd_undelete(x, xd_find_deleted(x, "a"), err) || commit(x, err);
}

static int op_c(struct xd *x)
{
	return make(x, "c", 7, 0); /* takes what was a's, which is deleted */
}

static int op_grow_c(struct xd *x)
{
	return give_size(x, xd_find(x, "c"), 9 * MIB + 8, now, commit, err); /* takes b's */
}

static int op_config_c(struct xd *x)
{
	static char text[5000];

	memset(text, 'x', sizeof(text));
	return xd_set_config(xd_find(x, "c"), text, sizeof(text), err) || commit(x, err);
}

static int op_shrink_c(struct xd *x)
{
	xd_shrink(x, xd_find(x, "c"), MIB + 8);
	return commit(x, err);
}

static int op_scrub(struct xd *x)
{
	return xd_scrub(x, 5, err) < 0 || commit(x, err);
}

static int op_d(struct xd *x)
{
	return make(x, "d", 6, 0);
}

static const struct {
	op_fn *fn;
	const char *fill;
} ops[] = {
	{ op_a, "a" },	    { op_delete_a, NULL }, { op_undelete_a, NULL },
	{ op_b, "b" },	    { op_delete_a, NULL }, { op_c, "c" },
	{ op_grow_c, "c" }, { op_config_c, NULL }, { op_shrink_c, NULL },
	{ op_scrub, NULL }, { op_d, "d" },	   { op_init, NULL },
	{ op_a, "a" },	    { op_delete_a, NULL },
};
#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

static void check_data(const struct xd *x)
{
	for (uint32_t i = 0; i < x->nr_disks; i++)
		each_block(x, x->disks[i], false);
}

/* A disk of all that is free; its first commit is cut, too, one time out of two. */
static void go_on(void)
{
	struct xd_space space;
	struct xd x;

	now += 10;
	for (int again = chance() & 1; again >= 0 && !test_why; again--) {
		CHECK(!xd_open(&x, &ram->dev, err));
		if (test_why)
			return;
		ram->writes_left = again ? (long)(chance() % 3) : -1;
		xd_space(&x, now, &space);
		space.free += space.zeroing;
		CHECK(!make(&x, "z", space.free + !space.free, 0) || again);
		xd_close(&x);
		ram_restart(ram);
	}
	now -= 10;
	CHECK(!xd_open(&x, &ram->dev, err) && xd_find(&x, "z") && !x.damage[0]);
	check_data(&x);
	xd_close(&x);
}

/* After a cut: old or new, no strangers' data, and the next operations succeed. */
static void check_after(void)
{
	struct xd x;
	char *got;

	CHECK(!xd_open(&x, &ram->dev, err));
	if (test_why) {
		printf("after a cut: %s\n", err);
		return;
	}
	got = dump(&x);
	CHECK(!strcmp(got, states[nr_commits]) ||
	      (nr_commits + 1 < nr_states && !strcmp(got, states[nr_commits + 1])));
	free(got);
	check_data(&x);
	xd_close(&x);
	go_on();
}

/* cut: number of the write, -1: none. True: it was cut. */
static bool run_op(op_fn *fn, long cut)
{
	struct xd x;
	bool failed;

	nr_commits = 0;
	CHECK(!xd_open(&x, &ram->dev, err));
	if (learning)
		states[nr_states++] = dump(&x);
	ram->writes_left = cut;
	failed = fn(&x);
	xd_close(&x);
	if (cut < 0 && failed)
		printf("operation: %s\n", err);
	CHECK(cut >= 0 || !failed);
	return ram->dead;
}

/* Learns the states of an undisturbed run, cuts, goes back, and at last does it for good. */
static void cut_everywhere(unsigned int i)
{
	struct xd x;

	learning = true;
	nr_states = 0;
	run_op(ops[i].fn, -1);
	learning = false;
	ram_back(ram);
	for (long cut = 0, again = 1; again && !test_why; cut++)
		for (int try = 0; try < TRIES && again && !test_why; try++) {
			again = run_op(ops[i].fn, cut);
			if (again) {
				cuts++;
				ram_restart(ram);
				check_after();
			}
			if (test_why)
				printf("operation %u, cut at write %ld: %s\n", i, cut, err);
			ram_back(ram);
		}
	run_op(ops[i].fn, -1);
	if (ops[i].fill && !xd_open(&x, &ram->dev, err)) {
		fill(&x, ops[i].fill);
		xd_close(&x);
	}
	while (nr_states)
		free(states[--nr_states]);
}

static void xd_cuts(void)
{
	static const uint8_t uuid[16] = { 7 };

	ram = ram_new((8 + CHUNKS) * MIB);
	now = 100;
	CHECK(!xd_init(&ram->dev, CHUNK, uuid, now, err));
	for (unsigned int i = 0; i < NR_OPS && !test_why; i++, now++) {
		ram_mark(ram);
		cut_everywhere(i);
	}
	printf("%lu cuts\n", cuts);
	ram_free(ram);
}

int main(void)
{
	static const struct test t[] = { TEST(xd_cuts) };

	return TEST_RUN(t);
}

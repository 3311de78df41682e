// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/xd_cat.c tools/xenctl/xd_disk.c */
/* FLAGS: -D_GNU_SOURCE */
/*
 * XenoDisk's catalogue: what its operations do and refuse, every kind of damage named, and
 * catalogues made by chance and malice. Power cuts: test_xdcut.c.
 */
#include <stddef.h>

#include "test.h"
#include "xdram.h"

#define CHUNKS 20
#define SECTORS ((8 + CHUNKS) * MIB)

static struct ram *ram;
static struct xd x;
static char err[XD_ERR];
static const struct xd_users none = { nobody, NULL };

static void start(void)
{
	static const uint8_t uuid[16] = { 9 };

	ram = ram_new(SECTORS);
	CHECK(!xd_init(&ram->dev, CHUNK, uuid, 5, err));
	CHECK(!xd_open(&x, &ram->dev, err) && x.nr_chunks == CHUNKS && !x.damage[0]);
}

static void end(void)
{
	xd_close(&x);
	ram_free(ram);
}

static int again(void)
{
	xd_close(&x);
	return xd_open(&x, &ram->dev, err);
}

static struct xd_disk *make(const char *name, uint64_t mib, uint64_t now, uint64_t expires)
{
	struct xd_disk *d = new_disk(&x, name, now, expires, err);

	return d && !give_size(&x, d, mib * MIB, now, xd_commit, err) ? d : NULL;
}

static bool says(const char *why)
{
	if (strstr(err, why))
		return true;
	printf("said: %s\n", err);
	return false;
}

/* --- operations */

static void xd_life(void)
{
	struct xd_disk *d;
	struct xd_space s;

	start();
	CHECK(make("web", 3, 10, 0) && make("db", 2, 11, 0));
	CHECK(!make("web", 1, 12, 0) && says("web: there is such a disk"));
	CHECK(!again() && x.nr_disks == 2);
	d = xd_find(&x, "web");
	CHECK(d && d->r.sectors == 3 * MIB && d->r.state == XD_LIVE && d->r.created == 10);
	CHECK(xd_extent(&x, d, 0).first == 4 * MIB && xd_extent(&x, d, 0).sectors == 3 * MIB);
	CHECK(!give_size(&x, d, 5 * MIB + 8, 13, xd_commit, err) && d->r.nr_runs == 2);
	CHECK(xd_extent(&x, d, 1).first == 9 * MIB && xd_extent(&x, d, 1).sectors == 2 * MIB + 8);
	xd_shrink(&x, d, 2 * MIB);
	CHECK(!xd_commit(&x, err) && d->r.nr_runs == 1);
	xd_delete(&x, d, 20);
	CHECK(!xd_find(&x, "web") && xd_find_deleted(&x, "web") == d);
	CHECK(make("web", 1, 21, 0) && xd_undelete(&x, d, err) &&
	      says("another disk of that name"));
	xd_delete(&x, xd_find(&x, "web"), 22);
	CHECK(xd_find_deleted(&x, "web")->r.sectors == MIB); /* the last one first */
	CHECK(!xd_undelete(&x, d, err) && !xd_commit(&x, err) && !again());
	xd_space(&x, 30, &s);
	CHECK(s.live == 4 && s.deleted == 1 && s.free == CHUNKS - 5 && !s.expired && !s.zeroing);
	d = xd_find(&x, "db");
	CHECK(!xd_set_config(d, "name = 'db'\n", 12, err) && xd_set_config(d, "a\0b", 3, err));
	CHECK(!xd_commit(&x, err) && !again() &&
	      !strcmp(xd_find(&x, "db")->config, "name = 'db'\n"));
	end();
}

static void xd_names(void)
{
	static const char *const bad[] = {
		"", "-a", "a:b", "a b", "a/b", "\xc3\xa4", ".", "0123456789abcdef0123456789ABCDEF"
	};
	char name[80] = "";

	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!new_disk(&x, bad[i], 1, 0, err) && says("is no name"));
	memset(name, 'n', XD_NAME_MAX);
	CHECK(!new_disk(&x, name, 1, 0, err));
	name[XD_NAME_MAX - 1] = 0;
	CHECK(make(name, 1, 1, 0) && make("0123456789abcdef0123456789abcdef0", 1, 2, 0) &&
	      !again());
	CHECK(xd_find(&x, name));
	end();
}

static void xd_keys(void)
{
	char rw[33], ro[33], id[33];
	struct xd_disk *d;

	start();
	d = make("web", 1, 10, 100);
	for (unsigned int i = 0; i < 16; i++) {
		sprintf(rw + 2 * i, "%02x", d->r.rw_key[i]);
		sprintf(ro + 2 * i, "%02X", d->r.ro_key[i]);
		sprintf(id + 2 * i, "%02x", d->r.uuid[i]);
	}
	CHECK(xd_find(&x, rw) == d && xd_find(&x, ro) == d && xd_find(&x, id) == d);
	CHECK(!xd_may(d, NULL, true, false, 50, err) && !xd_may(d, "", true, false, 50, err));
	CHECK(!xd_may(d, rw, true, false, 50, err) && !xd_may(d, ro, false, false, 50, err));
	CHECK(xd_may(d, ro, true, false, 50, err) && says("read-only key"));
	CHECK(xd_may(d, id, false, false, 50, err) && says("not one of its keys"));
	CHECK(xd_may(d, "12", false, false, 50, err) && says("32 hexadecimal digits"));
	CHECK(xd_may(d, rw, true, false, 100, err) && says("expired"));
	CHECK(!xd_may(d, rw, true, true, 100, err));
	d->r.flags = XD_KEYED;
	CHECK(xd_may(d, NULL, false, false, 50, err) && says("needs a key"));
	CHECK(xd_key_of(d, ro, NULL) == ro && xd_key_of(d, ro, rw) == rw && !xd_key_of(d, id, ""));
	xd_delete(&x, d, 60);
	CHECK(xd_may(d, rw, true, true, 70, err) && says("web: it is deleted") && !xd_find(&x, rw));
	end();
}

/* Who goes first: deleted ones by age, then expired ones by use; never one in use. */
static void xd_reclaim(void)
{
	const struct xd_users busy = { that_one, "old" };
	struct xd_disk *d;

	start();
	CHECK(make("late", 4, 10, 50) && make("old", 4, 11, 50) && make("keep", 4, 12, 500));
	CHECK(make("del2", 4, 13, 0) && make("del1", 4, 14, 0));
	xd_find(&x, "late")->r.used = 30;
	xd_delete(&x, xd_find(&x, "del1"), 40);
	xd_delete(&x, xd_find(&x, "del2"), 41);
	CHECK(make("a", 4, 60, 0) && !xd_find_deleted(&x, "del1") && xd_find_deleted(&x, "del2"));
	CHECK(make("b", 4, 60, 0) && !xd_find_deleted(&x, "del2") && xd_find(&x, "old"));
	d = new_disk(&x, "c", 60, 0, err);
	CHECK(!xd_reserve(&x, d, 3 * MIB, &busy, 60, err)); /* old is in use: late goes */
	CHECK(xd_find(&x, "old") && !xd_find(&x, "late"));
	CHECK(xd_reserve(&x, d, 6 * MIB, &busy, 60, err) && says("no room"));
	CHECK(!xd_reserve(&x, d, 6 * MIB, &none, 60, err) && !xd_find(&x, "old"));
	CHECK(xd_reserve(&x, d, 9 * MIB, &none, 60, err) && says("no room") && xd_find(&x, "keep"));
	CHECK(xd_reserve(&x, d, 12, &none, 60, err) && says("whole blocks"));
	CHECK(xd_reserve(&x, d, UINT64_MAX & ~7ull, &none, 60, err) && says("no room"));
	end();
}

static bool zeros_in(struct xd_disk *d)
{
	for (uint32_t i = 0; i < d->r.nr_runs; i++) {
		struct xd_extent e = xd_extent(&x, d, i);

		for (uint64_t b = e.first * 512; b < (e.first + e.sectors) * 512; b++)
			if (ram->stable[b])
				return false;
	}
	return true;
}

static void xd_zeroing(void)
{
	struct xd_disk *d;
	unsigned long before;

	start();
	d = make("a", 4, 10, 0); /* the device was full of 0xe5 */
	CHECK(d && zeros_in(d));
	memset(ram->cache + xd_extent(&x, d, 0).first * 512, 0x77, 4 << 20);
	memset(ram->stable + xd_extent(&x, d, 0).first * 512, 0x77, 4 << 20);
	xd_delete(&x, d, 11);
	d = make("b", CHUNKS - 1, 12, 0);
	CHECK(d && zeros_in(d));
	xd_delete(&x, d, 13);
	d = make("c", 2, 14, 0);
	CHECK(d && xd_scrub(&x, 1000, err) == CHUNKS - 2 && !xd_commit(&x, err) && !again());
	before = ram->writes;
	CHECK(xd_scrub(&x, 1000, err) == 0 && ram->writes == before);
	d = make("d", CHUNKS - 2, 15, 0); /* clean: no more than the two commits */
	CHECK(d && ram->writes == before + 4 && zeros_in(d));
	xd_delete(&x, d, 16);
	CHECK(make("e", 1, 17, 0) && ram->writes > before + 8); /* they are not clean any more */
	end();
}

static void xd_abandoned(void)
{
	struct xd_disk *d;
	const struct xd_users busy = { that_one, "a" };

	start();
	d = new_disk(&x, "a", 10, 0, err);
	CHECK(!xd_reserve(&x, d, 4 * MIB, &none, 10, err) && !xd_commit(&x, err) && !again());
	d = xd_find(&x, "a");
	CHECK(d && d->r.state == XD_ZEROING && xd_may(d, NULL, false, false, 10, err));
	CHECK(xd_finish(&x, d, 5 * MIB, err) && says("meanwhile"));
	xd_sweep(&x, &busy);
	CHECK(xd_find(&x, "a") == d);
	xd_sweep(&x, &none);
	CHECK(!xd_find(&x, "a") && !x.nr_disks);
	d = make("b", 2, 11, 0);
	CHECK(d && !xd_reserve(&x, d, 9 * MIB, &none, 12, err) && d->runs[0].count == 9);
	xd_sweep(&x, &none);
	CHECK(d->runs[0].count == 2 && d->r.nr_runs == 1);
	end();
}

static void xd_pieces(void)
{
	char name[8] = "a";
	struct xd_disk *d;

	start();
	for (; name[0] < 'a' + CHUNKS; name[0]++)
		CHECK(make(name, 1, 10, 0));
	for (name[0] = 'a'; name[0] < 'a' + CHUNKS; name[0] += 2)
		xd_delete(&x, xd_find(&x, name), 11);
	d = make("pieces", CHUNKS / 2, 12, 0);
	CHECK(d && d->r.nr_runs == CHUNKS / 2 && !again());
	d = xd_find(&x, "pieces");
	CHECK(d && xd_extent(&x, d, 3).sectors == MIB);
	end();
}

static void xd_inits(void)
{
	static const uint8_t uuid[16] = { 3 };

	start();
	CHECK(xd_init(&ram->dev, 4096, uuid, 1, err) && says("1 MiB to 64 GiB"));
	CHECK(xd_init(&ram->dev, CHUNK + 512, uuid, 1, err));
	CHECK(xd_init(&ram->dev, 1ull << 36, uuid, 1, err) && says("too small"));
	CHECK(!xd_init(&ram->dev, 3 * CHUNK, uuid, 1, err) && !again());
	CHECK(x.nr_chunks == CHUNKS / 3 && x.uuid[0] == 3 && x.seq > 1);
	ram->dev.sectors = 100;
	CHECK(again() && says("too small") && xd_init(&ram->dev, CHUNK, uuid, 1, err));
	CHECK(!xd_probe(&ram->dev));
	ram->dev.sectors = SECTORS;
	CHECK(xd_probe(&ram->dev));
	end();
}

/* --- damage; `copy` 0 or 1 */

static uint8_t *copy_at(unsigned int copy)
{
	return ram->cache + (copy ? SECTORS * 512 - XD_COPY_BYTES : XD_FIRST_COPY);
}

/* After a change: the checksums are right again. */
static void fix_up(unsigned int copy)
{
	struct xd_header *h = (struct xd_header *)copy_at(copy);

	if (h->body_len <= XD_COPY_BYTES - sizeof(*h))
		h->body_crc = xd_crc32c(h + 1, h->body_len);
	h->header_crc = 0;
	h->header_crc = xd_crc32c(h, sizeof(*h));
}

static void xd_copies(void)
{
	for (unsigned int copy = 0; copy < 2; copy++) {
		start();
		CHECK(make("web", 2, 10, 0));
		copy_at(copy)[600] ^= 1;
		CHECK(!again() && xd_find(&x, "web") && strstr(x.damage, "checksum is wrong"));
		CHECK(strstr(x.damage, copy ? "second" : "first") && !x.valid[copy] &&
		      x.valid[!copy]);
		CHECK(!xd_commit(&x, err) && !again() && !x.damage[0]);
		copy_at(0)[0] ^= 1;
		copy_at(1)[20] ^= 1;
		CHECK(again() && says("both copies") && xd_probe(&ram->dev));
		end();
	}
}

static void xd_versions(void)
{
	for (unsigned int copy = 0; copy < 2; copy++) {
		start();
		((struct xd_header *)copy_at(copy))->version = 2;
		fix_up(copy);
		CHECK(again() && says("a newer XenoDisk: it is of version 2"));
		end();
	}
}

/* The last partition of a drive ends where the drive ends. */
static void xd_partition_at_the_end(void)
{
	struct xd_dev part;

	start();
	part = ram->dev;
	ram->dev.sectors += 2 * MIB; /* "drive" */
	ram->cache = realloc(ram->cache, ram->dev.sectors * 512);
	memmove(ram->cache + 2 * MIB * 512, ram->cache, SECTORS * 512);
	memset(ram->cache, 0, 2 * MIB * 512);
	CHECK(again() && says("no XenoDisk") && !xd_probe(&ram->dev));
	ram->dev = part;
	end();
}

#define H(field, value, why)                                                                       \
	{                                                                                          \
		offsetof(struct xd_header, field), sizeof(((struct xd_header *)0)->field), false,  \
			value, why                                                                 \
	}
#define R(field, value, why)                                                                       \
	{                                                                                          \
		offsetof(struct xd_record, field), sizeof(((struct xd_record *)0)->field), true,   \
			value, why                                                                 \
	}
#define RUN(n, field, value, why)                                                                  \
	{                                                                                          \
		sizeof(struct xd_record) + (n)*8 + offsetof(struct xd_run_rec, field), 4, true,    \
			value, why                                                                 \
	}

/* One wrong field of a catalogue with right checksums; record: of the first disk. */
static const struct wrong {
	size_t at, len;
	bool record;
	uint64_t value;
	const char *why;
} wrongs[] = {
	H(place, 8, "no XenoDisk"),
	H(sectors, SECTORS + 8, "it was made for"),
	H(sectors, SECTORS - 1, "size is impossible"),
	H(sectors, 0, "size is impossible"),
	H(chunk_sectors, 0, "chunks have an impossible size"),
	H(chunk_sectors, 2049, "chunks have an impossible size"),
	H(chunk_sectors, 1 << 28, "chunks have an impossible size"),
	H(nr_chunks, 0, "it has 0 chunks"),
	H(nr_chunks, CHUNKS + 1, "it has 21 chunks"),
	H(nr_chunks, UINT32_MAX, "which is impossible"),
	H(nr_disks, XD_MAX_DISKS + 1, "longer than there is room"),
	H(nr_disks, 3, "disk 2: the body ends before it"),
	H(nr_disks, 1, "something follows the last disk"),
	H(body_len, UINT32_MAX, "longer than there is room"),
	H(body_len, 4, "the body ends within the marks"),
	H(body_len, 300, "the body ends before it"),
	H(created, UINT64_MAX, "a date is impossible"),
	H(version, 0, "it is of version 0"),
	R(name, 'b', "there are two disks 'b'"),
	R(name, 0, "its name is empty"),
	R(name, 0x41003a, "its name has something behind its end"),
	R(name, ':', "its name is not a disk's"),
	R(name, 0x1b, "its name is not plain text"),
	R(owner, 0xff, "the owner is not plain text"),
	R(sectors, 0, "disk 'a': its size is impossible"),
	R(sectors, 4, "its size is impossible"),
	R(sectors, CHUNKS *MIB + 8, "its size is impossible"),
	R(sectors, 3 * MIB, "its runs are shorter than its size"),
	R(created, 1ull << 60, "a date is impossible"),
	R(used, 1ull << 60, "a date is impossible"),
	R(deleted, 1ull << 60, "a date is impossible"),
	R(expires, UINT64_MAX, "a date is impossible"),
	R(state, 0, "there is no such state"),
	R(state, 4, "there is no such state"),
	R(state, XD_ZEROING, "its size is impossible"),
	R(flags, 2, "unknown flags"),
	R(nr_runs, 0, "its runs are shorter"),
	R(nr_runs, 257, "too many runs"),
	R(nr_runs, 200, "the body ends within it"),
	R(config_len, XD_MAX_CONFIG + 1, "configuration is too long"),
	R(config_len, 9000, "the body ends within it"),
	RUN(0, count, 0, "run 0 (0 chunks at 0) leaves the 20 chunks"),
	RUN(0, first, CHUNKS, "leaves the 20 chunks"),
	RUN(0, count, CHUNKS + 1, "leaves the 20 chunks"),
	RUN(0, count, UINT32_MAX, "leaves the 20 chunks"),
	RUN(0, count, 3, "disk 'b': run 0: chunk 2 is of 'a', too"),
};

static void xd_every_field(void)
{
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]) && !test_why; i++) {
		const struct wrong *w = &wrongs[i];

		start();
		CHECK(make("a", 2, 10, 0) && make("b", 2, 10, 0));
		for (unsigned int copy = 0; copy < 2; copy++) {
			memset(copy_at(copy) + w->at + (w->record ? 520 : 0), 0, w->len);
			memcpy(copy_at(copy) + w->at + (w->record ? 520 : 0), &w->value,
			       w->len < 8 ? w->len : 8);
			fix_up(copy);
		}
		CHECK(again() && says(w->why));
		end();
	}
}

/* --- chance */

/* What opens can be worked with, and what is written then opens again. */
static void work(void)
{
	struct xd_disk *d;

	for (uint32_t i = 0; i < x.nr_disks; i++)
		for (uint32_t r = 0; r < x.disks[i]->r.nr_runs; r++) {
			struct xd_extent e = xd_extent(&x, x.disks[i], r);

			CHECK(e.first >= 4 * MIB && e.first + e.sectors <= SECTORS - 4 * MIB + 128);
		}
	if (x.nr_disks && chance() & 1)
		xd_delete(&x, x.disks[chance() % x.nr_disks], 1000);
	xd_sweep(&x, &none);
	d = new_disk(&x, "work", 1000, 0, err);
	if (!d || xd_reserve(&x, d, (chance() % 4 + 1) * MIB, &none, 1000, err))
		return;
	CHECK(!xd_commit(&x, err) && !xd_finish(&x, d, MIB, err) && !xd_commit(&x, err));
	CHECK(!again() && xd_find(&x, "work"));
}

static void xd_fuzz(void)
{
	unsigned long opened = 0;

	start();
	CHECK(make("a", 2, 10, 0) && make("b", 3, 10, 50) && make("c", 1, 10, 0));
	CHECK(!give_size(&x, xd_find(&x, "a"), 4 * MIB, 11, xd_commit, err));
	CHECK(!xd_set_config(xd_find(&x, "b"), "memory = 64\n", 12, err));
	xd_delete(&x, xd_find(&x, "c"), 12);
	CHECK(!xd_commit(&x, err));
	ram_mark(ram);
	for (int i = 0; i < 20000 && !test_why; i++) {
		for (unsigned int copy = 0; copy < 2; copy++) {
			uint8_t *c = copy_at(copy);
			unsigned int room = chance() % 4 ? 1500 : 96;

			for (unsigned int n = chance() % 4 + !copy; n; n--) {
				unsigned int at = chance() % room;

				c[at] = chance() & 1 ? (uint8_t)chance() :
					chance() & 1 ? c[at] ^ (uint8_t)(1u << chance() % 8) :
						       (uint8_t)(c[at] + (chance() & 1 ? 1 : -1));
			}
			if (chance() % 8)
				fix_up(copy);
		}
		if (!again()) {
			opened++;
			work();
		}
		xd_probe(&ram->dev);
		for (unsigned int copy = 0; copy < 2; copy++) {
			size_t off = (size_t)(copy_at(copy) - ram->cache);

			memcpy(ram->cache + off, ram->marked + off, 8192);
		}
		ram_back(ram);
	}
	printf("%lu of 20000 opened\n", opened);
	CHECK(opened > 100);
	end();
}

int main(void)
{
	static const struct test t[] = {
		TEST(xd_life),
		TEST(xd_names),
		TEST(xd_keys),
		TEST(xd_reclaim),
		TEST(xd_zeroing),
		TEST(xd_abandoned),
		TEST(xd_pieces),
		TEST(xd_inits),
		TEST(xd_copies),
		TEST(xd_versions),
		TEST(xd_partition_at_the_end),
		TEST(xd_every_field),
		TEST(xd_fuzz),
	};

	return TEST_RUN(t);
}

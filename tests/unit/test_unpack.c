/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/lib/unpack/unpack.c hypervisor/lib/unpack/lz4.c */
/* FLAGS: -include host_layout.h -I$(top)/hypervisor/lib/unpack */
/*
 * Kernel files: LZ4 by the program Linux's build uses, whole, cut off at every byte, damaged at
 * random, in less memory than it needs; bzImages. Packed bytes and memory are blocks of exactly
 * their size, for the sanitizers. The other formats, which the kernel's own code unpacks, are
 * only told apart here. argv[1]: how many damaged files.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <hyp/boot.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/unpack.h>
#include "test.h"

#define MIB (1ul << 20)

struct bytes {
	uint8_t *p;
	size_t len;
};

static unsigned long rounds = 30000;
static char folder[] = "/tmp/xeno-unpack.XXXXXX";

/* --- the world around */

struct mem_range mem_map[MAX_MEM_RANGES], boot_reserved[1];
unsigned int nr_mem_ranges, nr_boot_reserved;
static unsigned long blocks_out;
static uint64_t room_start, room_end;
static bool no_memory;

void printk(const char *fmt, ...)
{
}

void *hyp_page_alloc(unsigned int order)
{
	blocks_out += !no_memory;
	return no_memory ? NULL : malloc(PAGE_SIZE << order);
}

void hyp_page_free(void *p, unsigned int order)
{
	blocks_out--;
	free(p);
}

uint64_t memmap_find(const struct mem_range *map, unsigned int n, const struct mem_range *busy,
		     unsigned int nr_busy, uint64_t size)
{
	return no_memory ? 0 : (uint64_t)malloc(size) - DIRECT_MAP_VIRT;
}

void boot_reserve(uint64_t start, uint64_t end)
{
	room_start = start;
	room_end = end;
}

void mm_free_boot_range(maddr_t start, maddr_t end)
{
	if (start.a == room_start && end.a == room_end)
		free((void *)(start.a + DIRECT_MAP_VIRT));
	room_start = room_end = 0;
}

static const char *asked;

#define OTHER(name)                                                                                \
	long unpack_##name(const uint8_t *src, size_t len, uint8_t *dst, size_t dst_len, void *w)  \
	{                                                                                          \
		asked = #name;                                                                     \
		return -ENOEXEC;                                                                   \
	}
OTHER(gzip)
OTHER(xz)
OTHER(zstd)

/* --- packing */

static uint32_t rnd(uint32_t below)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16) % below;
}

static struct bytes read_all(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct bytes b = { 0 };

	fseek(f, 0, SEEK_END);
	b.len = (size_t)ftell(f);
	rewind(f);
	b.p = malloc(b.len + 4);
	b.len = fread(b.p, 1, b.len, f);
	fclose(f);
	return b;
}

/* As Linux's build does it: with the size behind. */
static struct bytes pack(const uint8_t *data, size_t len)
{
	char in[64], out[64], command[256];
	uint32_t size = (uint32_t)len;
	struct bytes b = { 0 };
	FILE *file;

	snprintf(in, sizeof(in), "%s/in", folder);
	snprintf(out, sizeof(out), "%s/out", folder);
	snprintf(command, sizeof(command), "lz4 -l -9 -c <%s >%s 2>/dev/null", in, out);
	file = fopen(in, "wb");
	fwrite(data, 1, len, file);
	fclose(file);
	if (system(command))
		return b;
	b = read_all(out);
	memcpy(b.p + b.len, &size, 4);
	b.len += 4;
	return b;
}

/* Runs of few bytes, text that repeats itself, noise and zeros, in turn. */
static uint8_t *make_data(size_t len)
{
	uint8_t *p = malloc(len);

	for (size_t i = 0, n; i < len; i += n) {
		unsigned int kind = rnd(4), period = 1 + rnd(20), back = 1 + rnd(70000);

		n = 1 + rnd(kind == 3 ? 5000 : 300);
		n = min(n, len - i);
		for (size_t k = i; k < i + n; k++)
			p[k] = kind == 0 && k >= period ? p[k - period] :
			       kind == 1 && k >= back	? p[k - back] :
			       kind == 2		? (uint8_t)rnd(256) :
							  0;
	}
	return p;
}

/* unpack() between blocks of exactly these sizes. */
static int try(const uint8_t *src, size_t len, size_t room, const uint8_t *want, size_t want_len)
{
	uint8_t *in = malloc(len), *out = malloc(room ? room : 1);
	size_t n;
	int err;

	memcpy(in, src, len);
	err = unpack(in, len, out, room, &n);
	CHECK(err <= 0 && (!err || !n) && n <= room && !blocks_out);
	if (!err && (n != want_len || memcmp(out, want, n)))
		err = 1; /* unpacked, to something else */
	free(in);
	free(out);
	return err;
}

/* --- tests */

static void whole(void)
{
	static const size_t sizes[] = { 4,	   5,	    13,	     64,	  4096,
					65536 + 7, 3 * MIB, 8 * MIB, 8 * MIB + 1, 17 * MIB + 5 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i];
		uint8_t *data = make_data(len);
		struct bytes b = pack(data, len);

		CHECK(try(b.p, b.len, len, data, len) == 0);
		CHECK(try(b.p, b.len, len + 100, data, len) == 0);
		CHECK(try(b.p, b.len, len - 1, data, len) == -ENOSPC);
		free(b.p);
		free(data);
	}
}

/* Matches that overlap their copy, to the end of the block. */
static void runs(void)
{
	for (unsigned int period = 1; period < 12; period++)
		for (unsigned int tail = 0; tail < 9; tail++) {
			uint8_t data[1100];
			struct bytes b;

			for (size_t i = 0; i < sizeof(data); i++)
				data[i] = i < period ? (uint8_t)(i + 1) : data[i - period];
			b = pack(data, sizeof(data) - tail);
			CHECK(try(b.p, b.len, sizeof(data) - tail, data, sizeof(data) - tail) == 0);
			free(b.p);
		}
}

/* With the size still behind, as a damaged file would have it, and without. */
static void cut_off(void)
{
	size_t len = 6000;
	uint8_t *data = make_data(len);
	struct bytes b = pack(data, len);

	for (size_t n = 0; n < b.len; n++) {
		uint8_t *cut = malloc(n + 4);

		memcpy(cut, b.p, n);
		CHECK(try(cut, n, len, data, len) < 0);
		memcpy(cut + n, b.p + b.len - 4, 4);
		CHECK(n == b.len - 4 || try(cut, n + 4, len, data, len) < 0);
		free(cut);
	}
	free(b.p);
	free(data);
}

/* Archives in a row are one, as for Linux. */
static void in_a_row(void)
{
	size_t len = 5000;
	uint8_t *data = make_data(2 * len), *row;
	struct bytes a = pack(data, len), b = pack(data + len, len);
	uint32_t size = (uint32_t)(2 * len);

	row = malloc(a.len + b.len);
	memcpy(row, a.p, a.len - 4);
	memcpy(row + a.len - 4, b.p, b.len - 4);
	memcpy(row + a.len + b.len - 8, &size, 4);
	CHECK(try(row, a.len + b.len - 4, 2 * len, data, 2 * len) == 0);
	free(row);
	free(a.p);
	free(b.p);
	free(data);
}

static void damage(uint8_t *p, size_t len)
{
	static const uint8_t edges[] = { 0, 1, 0x0f, 0x7f, 0x80, 0xf0, 0xff };

	for (unsigned int n = 1 + rnd(4); n; n--) {
		size_t at = rnd(2) ? rnd((uint32_t)len) : rnd(min(64u, (uint32_t)len));

		if (rnd(2))
			p[at] = edges[rnd(ARRAY_SIZE(edges))];
		else
			p[at] ^= (uint8_t)(1u << rnd(8));
	}
}

/* LZ4 has no checksum in this framing: what is damaged may unpack, to as many bytes. */
static void damaged(void)
{
	unsigned long other = 0, refused = 0;
	size_t len = 20000;
	uint8_t *data = make_data(len), *bad;
	struct bytes b = pack(data, len);

	bad = malloc(b.len);
	for (unsigned long i = 0; i < rounds; i++) {
		int err;

		memcpy(bad, b.p, b.len);
		damage(bad, b.len);
		err = try(bad, b.len, len, data, len);
		other += err > 0;
		refused += err < 0;
	}
	CHECK(refused > rounds / 4 && other > rounds / 100);
	free(bad);
	free(b.p);
	free(data);
}

/* Blocks written down by hand, each wrong in one way. */
static void forged(void)
{
	static const struct {
		uint8_t b[12];
		uint8_t len, size;
		int err;
	} t[] = {
		{ { 0x80, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, 8, 0 },
		{ { 0x80, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, 9, -ENOEXEC }, /* not all of it */
		{ { 0x80, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, 7, -ENOEXEC }, /* more than said */
		{ { 0x90, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, 9, -ENOEXEC }, /* literals beyond the end */
		{ { 0x11, 'a', 1, 0, 0x10, 'b' }, 6, 7, 0 },
		{ { 0x11, 'a', 0, 0, 0x10, 'b' }, 6, 7, -ENOEXEC },  /* distance 0 */
		{ { 0x11, 'a', 2, 0, 0x10, 'b' }, 6, 7, -ENOEXEC },  /* from before the start */
		{ { 0x11, 'a', 1, 0, 0x10, 'b' }, 3, 7, -ENOEXEC },  /* half a distance */
		{ { 0x1f, 'a', 1, 0, 255, 255 }, 6, 255, -ENOEXEC }, /* a length without end */
		{ { 0xf0, 255, 255, 255 }, 4, 255, -ENOEXEC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint8_t f[32] = { 2, 0x21, 0x4c, 0x18, t[i].len }, want[256];
		size_t n;

		memcpy(f + 8, t[i].b, t[i].len);
		f[8 + t[i].len] = t[i].size;
		if (8u + t[i].len + 4 <= 16) { /* unpack() asks for more than 16 bytes */
			memmove(f + 8, f + 4, 8u + t[i].len);
			memcpy(f + 4, f, 4);
			n = 12u + t[i].len + 4;
		} else {
			n = 8u + t[i].len + 4;
		}
		memset(want, 'a', sizeof(want));
		want[6] = 'b';
		if (t[i].b[0] == 0x80)
			memcpy(want, t[i].b + 1, 8);
		CHECK(try(f, n, t[i].size, want, t[i].size) == t[i].err);
	}
}

static void told_apart(void)
{
	static const struct {
		uint8_t magic[6];
		const char *name;
	} t[] = {
		{ { 0x1f, 0x8b }, "gzip" },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, "xz" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, "zstd" },
		{ { 'x', 'y' }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint8_t some[20] = { 0 };
		int err;

		memcpy(some, t[i].magic, sizeof(t[i].magic));
		asked = NULL;
		err = try(some, sizeof(some), 10, NULL, 0);
		CHECK(t[i].name ? asked && !strcmp(asked, t[i].name) && err == -ENOEXEC :
				  !asked && err == -EINVAL);
	}
}

static void no_room(void)
{
	uint8_t data[100] = { 1, 2, 3 };
	struct bytes b = pack(data, sizeof(data));

	no_memory = true;
	CHECK(try(b.p, b.len, sizeof(data), data, sizeof(data)) == -ENOMEM);
	no_memory = false;
	free(b.p);
}

/* --- bzImages: one setup sector, the payload 32 bytes behind */

#define PAYLOAD 32

static struct bytes bzimage(struct bytes payload)
{
	struct bytes b = { calloc(1, 1024 + PAYLOAD + payload.len), 1024 + PAYLOAD + payload.len };
	uint32_t at = PAYLOAD, len = (uint32_t)payload.len;

	b.p[0x1f1] = 1;
	memcpy(b.p + 0x202, "HdrS\x0f\x02", 6);
	memcpy(b.p + 0x248, &at, 4);
	memcpy(b.p + 0x24c, &len, 4);
	memcpy(b.p + 1024 + PAYLOAD, payload.p, payload.len);
	return b;
}

/* What the boot does with a file; *why is NULL when there is an image in it. */
static const char *take(struct bytes b, const uint8_t *want, size_t want_len)
{
	const char *why = NULL;
	const void *image;
	size_t size;

	unpack_reserve(b.p, b.len);
	image = unpack_kernel(b.p, b.len, &size, &why);
	CHECK(image || why);
	if (image) {
		CHECK(size == want_len && !memcmp(image, want, want_len));
		unpack_free(image, b.p, b.len, size);
		CHECK(!room_end);
		return NULL;
	}
	if (room_end) {
		unpack_free(NULL, b.p, b.len, 0);
		CHECK(!room_end);
	}
	return why;
}

static void kernels(void)
{
	size_t len = 50000;
	uint8_t *elf = make_data(len);
	struct bytes file, payload = { elf, len };

	memcpy(elf, "\177ELF", 4);
	CHECK(!take(payload, elf, len));
	file = bzimage(payload);
	CHECK(!take(file, elf, len));
	free(file.p);
	payload = pack(elf, len);
	file = bzimage(payload);
	CHECK(!take(file, elf, len));
	no_memory = true;
	CHECK(strstr(take(file, elf, len), "not enough memory"));
	no_memory = false;
	file.p[1024 + PAYLOAD + 4] ^= 0x55; /* the first block's size */
	CHECK(strstr(take(file, elf, len), "damaged"));
	free(file.p);
	free(payload.p);
	elf[0] = 0;
	payload = pack(elf, len);
	file = bzimage(payload);
	CHECK(strstr(take(file, elf, len), "not an ELF image"));
	free(file.p);
	free(payload.p);
	free(elf);
}

static void strangers(void)
{
	static const struct {
		uint8_t magic[4];
		const char *named;
	} t[] = {
		{ "BZh9", "packed with bzip2, not gzip, xz, zstd or LZ4: start its vmlinux" },
		{ { 0x5d, 0, 0, 0 }, "packed with LZMA" },
		{ { 0x89, 'L', 'Z', 'O' }, "packed with LZO" },
		{ "abcd", "packed in an unknown format" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint8_t some[100] = { 0 };
		struct bytes file;

		memcpy(some, t[i].magic, 4);
		some[97] = 16; /* the size */
		file = bzimage((struct bytes){ some, sizeof(some) });
		CHECK(strstr(take(file, NULL, 0), t[i].named));
		free(file.p);
	}
}

/* Headers that lead out of the file, cut files. */
static void headers(void)
{
	uint8_t data[500] = { 0177, 'E', 'L', 'F', 1 };
	struct bytes payload = pack(data, sizeof(data)), file = bzimage(payload);
	static const uint32_t bad[] = { 0x7fffffff, 0xffffffff, 0x80000000, 0 };

	for (size_t n = 0; n < file.len; n++) {
		struct bytes cut = { malloc(n + 1), n };

		memcpy(cut.p, file.p, n);
		cut.p = realloc(cut.p, n ? n : 1);
		CHECK(take(cut, data, sizeof(data)));
		free(cut.p);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (unsigned int at = 0x248; at <= 0x24c; at += 4) {
			uint32_t old;

			memcpy(&old, file.p + at, 4);
			memcpy(file.p + at, &bad[i], 4);
			CHECK(take(file, data, sizeof(data)));
			memcpy(file.p + at, &old, 4);
		}
	file.p[0x206] = 7; /* boot protocol 2.07 has no payload */
	CHECK(strstr(take(file, data, sizeof(data)), "neither an ELF image nor a bzImage"));
	free(file.p);
	free(payload.p);
}

int main(int argc, char **argv)
{
	static const struct test t[] = { TEST(whole),	   TEST(runs),	  TEST(cut_off),
					 TEST(in_a_row),   TEST(damaged), TEST(forged),
					 TEST(told_apart), TEST(no_room), TEST(kernels),
					 TEST(strangers),  TEST(headers) };
	char command[64];
	int status;

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	if (!mkdtemp(folder))
		return 1;
	status = TEST_RUN(t);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) || status;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/boot/multiboot.c hypervisor/boot/memmap.c hypervisor/lib/sort.c */
/*
 * Boot information of both Multiboot versions in a megabyte of pretended memory, well
 * formed and not; memory maps made disjoint.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/boot.h>
#include <hyp/lib.h>
#include "test.h"

#define SIZE 0x100000
static char *mem; /* exactly SIZE long, so that ASan sees a step outside */
static uint32_t at;

static void reset(void)
{
	free(mem);
	mem = calloc(1, SIZE);
	nr_boot_modules = nr_mem_ranges = nr_boot_reserved = boot_rsdp_size = 0;
	boot_efi_systab = 0;
	memset(&boot_video, 0, sizeof(boot_video));
	hyp_cmdline[0] = boot_loader[0] = '\0';
}

static void put32(uint32_t pos, uint32_t v)
{
	memcpy(mem + pos, &v, 4);
}

static void put64(uint32_t pos, uint64_t v)
{
	memcpy(mem + pos, &v, 8);
}

static const char *parse1(void)
{
	return multiboot_parse(0x2badb002, 0x1000, mem, SIZE);
}

static const char *parse2(void)
{
	put32(0x1000, at + 8 - 0x1000);
	put32(at, 0);
	put32(at + 4, 8);
	return multiboot_parse(0x36d76289, 0x1000, mem, SIZE);
}

/* Opens a tag; its content starts at the returned place. */
static uint32_t tag(uint32_t type, uint32_t size)
{
	uint32_t p = at;

	put32(p, type);
	put32(p + 4, size);
	at += (size + 7) & ~7u;
	return p + 8;
}

static void start2(void)
{
	reset();
	at = 0x1008;
}

static void mmap2(void)
{
	uint32_t p = tag(6, 16 + 24);

	put32(p, 24);
	put64(p + 8, 0x100000);
	put64(p + 16, 0x700000);
	put32(p + 24, 1);
}

/* A Multiboot 1 block as QEMU gives it. */
static void make1(void)
{
	reset();
	put32(0x1000, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	put32(0x1000 + 16, 0x2000);
	strcpy(mem + 0x2000, "xeno.mb console=com1");
	put32(0x1000 + 20, 2);
	put32(0x1000 + 24, 0x3000);
	put32(0x3000, 0x10000);
	put32(0x3004, 0x20000);
	put32(0x3008, 0x3100);
	strcpy(mem + 0x3100, "vmlinuz console=hvc0  quiet");
	put32(0x3010, 0x20000);
	put32(0x3014, 0x30001);
	put32(0x1000 + 44, 48);
	put32(0x1000 + 48, 0x4000);
	put32(0x4000, 20);
	put64(0x4004, 0);
	put64(0x400c, 0x9fc00);
	put32(0x4014, 1);
	put32(0x4018, 20);
	put64(0x401c, 0x100000);
	put64(0x4024, 0x700000);
	put32(0x402c, 1);
	put32(0x1000 + 64, 0x5000);
	strcpy(mem + 0x5000, "qemu");
}

static void version1(void)
{
	make1();
	CHECK(!parse1());
	CHECK(!strcmp(hyp_cmdline, " console=com1") && !strcmp(boot_loader, "qemu"));
	CHECK(nr_boot_modules == 2 && boot_modules[0].start.a == 0x10000);
	CHECK(boot_modules[0].size == 0x10000 && boot_modules[1].size == 0x10001);
	CHECK(!strcmp(boot_modules[0].cmdline, "console=hvc0  quiet"));
	CHECK(!strcmp(boot_modules[1].cmdline, ""));
	CHECK(nr_mem_ranges == 2 && mem_map[0].end == 0x9f000 && mem_map[1].end == 0x800000);
	CHECK(nr_boot_reserved == 2 && boot_reserved[1].end == 0x31000);
	CHECK(boot_video.type == 1);
}

static void version1_by_grub(void)
{
	make1();
	strcpy(mem + 0x5000, "GRUB 2.06");
	CHECK(!parse1());
	CHECK(!strcmp(hyp_cmdline, "xeno.mb console=com1"));
	CHECK(!strcmp(boot_modules[0].cmdline, "vmlinuz console=hvc0  quiet"));
}

static void version1_damaged(void)
{
	make1();
	put32(0x3004, 0x10000); /* an empty module */
	CHECK(parse1());
	make1();
	put32(0x3004, SIZE + 1);
	CHECK(parse1());
	make1();
	put32(0x1000 + 24, SIZE - 16); /* the list, cut */
	CHECK(parse1());
	make1();
	put32(0x1000 + 20, 0xffffffff);
	CHECK(parse1());
	make1();
	put32(0x1000 + 48, SIZE - 10);
	CHECK(parse1());
	make1();
	put32(0x4000, 0xfffffff0); /* an entry's size */
	CHECK(parse1());
	make1();
	put32(0x1000 + 16, SIZE - 3); /* a string up to the end of memory */
	memset(mem + SIZE - 3, 'x', 3);
	CHECK(!parse1());
	CHECK(multiboot_parse(0x2badb002, SIZE - 8, mem, SIZE));
	CHECK(multiboot_parse(0x1234, 0x1000, mem, SIZE));
}

static void version1_without_map(void)
{
	make1();
	put32(0x1000, 1);
	put32(0x1008, 0x7c00);
	CHECK(!parse1() && nr_mem_ranges == 1 && mem_map[0].end == 0x2000000);
	make1();
	put32(0x1000, 0);
	CHECK(parse1());
}

static void version2(void)
{
	uint32_t p;

	start2();
	strcpy(mem + tag(1, 8 + 7), "noacpi");
	strcpy(mem + tag(2, 8 + 5), "GRUB");
	p = tag(3, 16 + 6);
	put32(p, 0x10000);
	put32(p + 4, 0x20000);
	strcpy(mem + p + 8, "quiet");
	mmap2();
	p = tag(8, 38);
	put64(p, 0x80000000);
	put32(p + 8, 4096);
	put32(p + 12, 1024);
	put32(p + 16, 768);
	mem[p + 20] = 32;
	mem[p + 21] = 1;
	memcpy(mem + p + 24, "\x10\x08\x08\x08\x00\x08", 6);
	put64(tag(12, 16), 0x12345678);
	memcpy(mem + tag(14, 28), "RSD PTR one", 11);
	memcpy(mem + tag(15, 44), "RSD PTR two", 11);
	tag(99, 9);
	CHECK(!parse2());
	CHECK(!strcmp(hyp_cmdline, "noacpi") && nr_boot_modules == 1);
	CHECK(!strcmp(boot_modules[0].cmdline, "quiet") && nr_mem_ranges == 1);
	CHECK(boot_video.type == 2 && boot_video.width == 1024 && boot_video.red_pos == 16);
	CHECK(boot_efi_systab == 0x12345678 && boot_rsdp_size == 36 && boot_rsdp[8] == 't');
}

static void version2_efi_map(void)
{
	static const uint32_t types[] = { 7, 4, 6, 9, 10, 0, 14 };
	uint32_t p;

	start2();
	p = tag(17, 16 + 7 * 48);
	put32(p, 48);
	for (uint32_t i = 0; i < 7; i++) {
		put32(p + 8 + i * 48, types[i]);
		put64(p + 8 + i * 48 + 8, 0x100000 * (i + 1));
		put64(p + 8 + i * 48 + 24, 256);
	}
	put64(p + 8 + 6 * 48 + 24, ~0ull); /* too many pages */
	CHECK(!parse2());
	CHECK(nr_mem_ranges == 5 && mem_map[0].type == 1 && mem_map[0].end == 0x300000);
	CHECK(mem_map[1].type == 2 && mem_map[2].type == 3 && mem_map[3].type == 4);
	CHECK(mem_map[4].type == 2 && mem_map[4].end == 0x700000);
	start2();
	p = tag(17, 16);
	mmap2();
	CHECK(!parse2() && nr_mem_ranges == 1);
}

static void version2_damaged(void)
{
	static const uint32_t sizes[] = { 0, 7, 0xfffffff0, SIZE };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		start2();
		mmap2();
		put32(tag(1, 16) - 4, sizes[i]);
		CHECK(parse2());
	}
	start2();
	put32(tag(6, 40), 0); /* entries of no size */
	CHECK(parse2());
	start2();
	CHECK(parse2()); /* no map */
	put32(0x1000, SIZE);
	CHECK(multiboot_parse(0x36d76289, 0x1000, mem, SIZE));
	put32(0x1000, 4);
	CHECK(multiboot_parse(0x36d76289, 0x1000, mem, SIZE));
}

static void too_many_modules(void)
{
	start2();
	mmap2();
	for (unsigned int i = 0; i <= MAX_MODULES; i++) {
		uint32_t p = tag(3, 17);

		put32(p, 0x10000);
		put32(p + 4, 0x20000);
	}
	CHECK(parse2() && nr_boot_modules == MAX_MODULES);
}

/* Random bytes behind a good start: nothing outside is touched. */
static void random_information(void)
{
	uint64_t seed = 88172645463325252ull;

	for (unsigned int n = 0; n < 3000; n++) {
		if (n & 1) {
			make1();
		} else {
			start2();
			mmap2();
			tag(1 + n / 2 % 18, 48);
			tag(1 + n / 36 % 18, 40);
		}
		for (unsigned int i = 0; i < 12; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			mem[(n & 1 ? 0x1000 : 0x1010) + seed % 160] = (char)(seed >> 32);
		}
		if (n & 1)
			parse1();
		else
			parse2();
		CHECK(nr_mem_ranges <= MAX_MEM_RANGES && nr_boot_modules <= MAX_MODULES);
	}
}

static struct mem_range out[8];
static bool lost;

static unsigned int normalise(const struct mem_range *in, unsigned int n)
{
	uint64_t edges[64];

	return memmap_normalise(in, n, edges, out, ARRAY_SIZE(out), &lost);
}

static bool is(unsigned int i, uint64_t start, uint64_t end, uint32_t type)
{
	return out[i].start == start && out[i].end == end && out[i].type == type;
}

static void map_overlaps(void)
{
	static const struct mem_range in[] = {
		{ 0x100000, 0x900000, 1 }, { 0x0, 0x9fc00, 1 },	    { 0x300000, 0x400000, 2 },
		{ 0x380000, 0x500000, 4 }, { 0x9fc00, 0xa0000, 2 },
	};

	CHECK(normalise(in, 5) == 6 && !lost);
	CHECK(is(0, 0, 0x9f000, 1) && is(1, 0x9fc00, 0xa0000, 2) && is(2, 0x100000, 0x300000, 1));
	CHECK(is(3, 0x300000, 0x380000, 2) && is(4, 0x380000, 0x500000, 4));
	CHECK(is(5, 0x500000, 0x900000, 1));
}

static void map_joins_and_drops(void)
{
	static const struct mem_range in[] = {
		{ 0x2000, 0x3000, 1 }, { 0x1000, 0x2000, 1 }, { 0x1800, 0x2800, 1 },
		{ 0x5100, 0x5f00, 1 }, { 0x7000, 0x7000, 2 }, { 0x9000, 0x8000, 2 },
	};

	CHECK(normalise(in, 6) == 1 && is(0, 0x1000, 0x3000, 1));
	CHECK(normalise(in, 0) == 0);
}

static void map_has_no_room(void)
{
	struct mem_range in[20];

	for (unsigned int i = 0; i < 20; i++)
		in[i] = (struct mem_range){ i * 0x2000, i * 0x2000 + 0x1000, 1 };
	CHECK(normalise(in, 20) == 8 && lost);
}

static void finding_room(void)
{
	static const struct mem_range map[] = { { 0x1000, 0x9000, 1 },
						{ 0x9000, 0xa000, 2 },
						{ 0x10000, 0x20000, 1 } };
	static const struct mem_range busy[] = { { 0x12000, 0x13000, 1 },
						 { 0x1e000, 0x20000, 1 },
						 { 0x1c000, 0x1e800, 1 },
						 { 0x0, 0x3000, 1 } };

	CHECK(memmap_find(map, 3, busy, 0, 1) == 0x1f000);
	CHECK(memmap_find(map, 3, busy, 4, 0x1000) == 0x1b000);
	CHECK(memmap_find(map, 3, busy, 4, 0x9000) == 0x13000);
	CHECK(memmap_find(map, 3, busy, 3, 0x9001) == 0);
	CHECK(memmap_find(map, 3, busy, 4, 0x6000) == 0x16000);
	CHECK(memmap_find(map, 1, busy, 4, 0x6000) == 0x3000);
	CHECK(memmap_find(map, 1, busy, 4, 0x6001) == 0);
	CHECK(memmap_find(map, 1, busy, 0, 0x8000) == 0x1000);
	CHECK(memmap_find(map, 0, busy, 0, 0x1000) == 0);
}

int main(void)
{
	static const struct test t[] = {
		TEST(version1),
		TEST(version1_by_grub),
		TEST(version1_damaged),
		TEST(version1_without_map),
		TEST(version2),
		TEST(version2_efi_map),
		TEST(version2_damaged),
		TEST(too_many_modules),
		TEST(random_information),
		TEST(map_overlaps),
		TEST(map_joins_and_drops),
		TEST(map_has_no_room),
		TEST(finding_room),
	};

	return TEST_RUN(t);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot 1 and 2 boot information. A boot loader is trusted not to be hostile,
 * not to be free of mistakes: every address and length is checked against the memory
 * that is mapped at this time (the first 4 GiB, where loaders have to put it all).
 * Everything is copied, so the loader's memory is free afterwards, modules aside.
 *
 * Not handled: Multiboot 2 entered with EFI boot services still on, drives, APM, VBE.
 */
#include <hyp/bits.h>
#include <hyp/boot.h>
#include <hyp/lib.h>

#define MB1_BOOT_MAGIC 0x2badb002
#define MB2_BOOT_MAGIC 0x36d76289
#define MAX_RAW 512

/* Multiboot 1 information: flags, and byte offsets of the fields. */
#define MB1_MEMORY BIT(0)
#define MB1_CMDLINE BIT(2)
#define MB1_MODULES BIT(3)
#define MB1_MMAP BIT(6)
#define MB1_LOADER BIT(9)
#define MB1_FRAMEBUFFER BIT(12)
enum { I_UPPER = 8, I_CMDLINE = 16, I_MODS = 20, I_MMAP = 44, I_LOADER = 64, I_FB = 88 };

/* Multiboot 2 tags. */
enum {
	T_END,
	T_CMDLINE,
	T_LOADER,
	T_MODULE,
	T_MMAP = 6,
	T_FB = 8,
	T_EFI64 = 12,
	T_ACPI1 = 14,
	T_ACPI2,
	T_EFI_MMAP = 17
};

struct boot_module boot_modules[MAX_MODULES];
unsigned int nr_boot_modules;
char hyp_cmdline[2048];
char boot_loader[64];
struct boot_video boot_video;
uint64_t boot_efi_systab;
uint8_t boot_rsdp[36];
unsigned int boot_rsdp_size;
struct mem_range mem_map[MAX_MEM_RANGES];
unsigned int nr_mem_ranges;
struct mem_range boot_reserved[MAX_MODULES + 8];
unsigned int nr_boot_reserved;

static struct mem_range raw[MAX_RAW];
static unsigned int nr_raw;
static uint64_t edges[2 * MAX_RAW];
static char strings[4096]; /* the modules' command lines */
static size_t strings_used;

static struct {
	const char *base;
	uint64_t limit;
} mem;

/* Memory of the loader's, or NULL. */
static const char *at(uint64_t addr, uint64_t len)
{
	if (!addr || addr > mem.limit || len > mem.limit - addr)
		return NULL;
	return mem.base + addr;
}

static uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* At most size - 1 bytes of a string that may end at most bytes further on. */
static void copy_string(char *dst, size_t size, const char *src, uint64_t most)
{
	size_t n = src ? strnlen(src, min((uint64_t)size - 1, most)) : 0;

	memcpy(dst, src ? src : "", n);
	dst[n] = '\0';
}

static void copy_string_at(char *dst, size_t size, uint64_t addr)
{
	copy_string(dst, size, at(addr, 1), mem.limit - min(addr, mem.limit));
}

void boot_reserve(uint64_t start, uint64_t end)
{
	if (nr_boot_reserved < ARRAY_SIZE(boot_reserved))
		boot_reserved[nr_boot_reserved++] =
			(struct mem_range){ start & PAGE_MASK, (end + PAGE_SIZE - 1) & PAGE_MASK,
					    MEM_RAM };
}

static void add_range(uint64_t start, uint64_t len, uint32_t type)
{
	if (nr_raw == MAX_RAW || !len || start + len < start)
		return;
	raw[nr_raw++] = (struct mem_range){ start, start + len, type >= 1 && type <= 5 ? type : 2 };
}

/* name: the string starts with the file's name, which is skipped. */
static const char *add_module(uint64_t start, uint64_t end, const char *string, uint64_t most,
			      bool name)
{
	struct boot_module *m = &boot_modules[nr_boot_modules];
	char *copy = strings + strings_used, *p = copy;

	if (nr_boot_modules == MAX_MODULES)
		return "too many modules";
	if (start >= end || !at(start, end - start))
		return "a module lies outside of memory";
	copy_string(copy, sizeof(strings) - strings_used, string, most);
	strings_used = min(strings_used + strlen(copy) + 1, sizeof(strings) - 1);
	while (name && *p && *p != ' ')
		p++;
	while (*p == ' ')
		p++;
	*m = (struct boot_module){ MADDR(start), end - start, p };
	nr_boot_modules++;
	boot_reserve(start, end);
	return NULL;
}

/* The description both versions share: from the address on. The colours are at c. */
static void set_video(uint64_t base, const char *p, uint8_t bpp, uint8_t type, const char *c)
{
	struct boot_video *v = &boot_video;

	*v = (struct boot_video){ .pitch = get32(p),
				  .width = get32(p + 4),
				  .height = get32(p + 8),
				  .bpp = bpp,
				  .fb_base = base };
	if (type == 1 && v->width && v->height && v->width < 8192 && v->height < 8192 &&
	    v->pitch >= v->width * bpp / 8 && v->pitch < 65536) {
		v->type = 2;
		v->red_pos = (uint8_t)c[0];
		v->red_size = (uint8_t)c[1];
		v->green_pos = (uint8_t)c[2];
		v->green_size = (uint8_t)c[3];
		v->blue_pos = (uint8_t)c[4];
		v->blue_size = (uint8_t)c[5];
	} else if (type == 2) {
		*v = (struct boot_video){ .type = 1, .cols = 80, .rows = 25 };
	} else {
		*v = (struct boot_video){ 0 };
	}
}

/* --- version 1 */

static const char *mb1_mmap(uint64_t addr, uint32_t len)
{
	const char *p = at(addr, len);

	if (!p)
		return "the memory map lies outside of memory";
	for (uint32_t pos = 0; len - pos >= 24;) {
		uint32_t size = get32(p + pos);

		if (size < 20 || size > 1024)
			break;
		add_range(get64(p + pos + 4), get64(p + pos + 12), get32(p + pos + 20));
		if (size + 4 > len - pos)
			break;
		pos += size + 4;
	}
	return NULL;
}

/* GRUB leaves the file's name out of the strings; others put it first. */
static const char *mb1_modules(uint32_t count, uint32_t addr)
{
	bool name = strncmp(boot_loader, "GRUB", 4) != 0;
	const char *p = at(addr, 16ull * min(count, MAX_MODULES + 1u)), *why = NULL;

	if (count && !p)
		return "the list of modules lies outside of memory";
	for (uint32_t i = 0; i < count && !why; i++, p += 16) {
		uint64_t string = get32(p + 8);

		why = add_module(get32(p), get32(p + 4), at(string, 1),
				 mem.limit - min(string, mem.limit), name);
	}
	return why;
}

static void strip_name(void)
{
	char *p = hyp_cmdline;

	while (*p && *p != ' ')
		p++;
	memmove(hyp_cmdline, p, strlen(p) + 1);
}

static const char *mb1_parse(uint64_t info)
{
	const char *p = at(info, I_FB + 28), *why = NULL;
	uint32_t flags;

	if (!p)
		return "the boot information lies outside of memory";
	flags = get32(p);
	if (flags & MB1_LOADER)
		copy_string_at(boot_loader, sizeof(boot_loader), get32(p + I_LOADER));
	if (flags & MB1_CMDLINE)
		copy_string_at(hyp_cmdline, sizeof(hyp_cmdline), get32(p + I_CMDLINE));
	if (strncmp(boot_loader, "GRUB", 4))
		strip_name();
	if (flags & MB1_MMAP)
		why = mb1_mmap(get32(p + I_MMAP + 4), get32(p + I_MMAP));
	else if (flags & MB1_MEMORY)
		add_range(0x100000, get32(p + I_UPPER) * 1024ull, MEM_RAM);
	boot_video = (struct boot_video){ .type = 1, .cols = 80, .rows = 25 };
	if (flags & MB1_FRAMEBUFFER)
		set_video(get64(p + I_FB), p + I_FB + 8, (uint8_t)p[I_FB + 20],
			  (uint8_t)p[I_FB + 21], p + I_FB + 22);
	if (!why && flags & MB1_MODULES)
		why = mb1_modules(get32(p + I_MODS), get32(p + I_MODS + 4));
	return why;
}

/* --- version 2: each handler gets a tag that is whole, of at least its minimal size */

static const char *tag_cmdline(const char *p, uint32_t size)
{
	copy_string(hyp_cmdline, sizeof(hyp_cmdline), p + 8, size - 8);
	return NULL;
}

static const char *tag_loader(const char *p, uint32_t size)
{
	copy_string(boot_loader, sizeof(boot_loader), p + 8, size - 8);
	return NULL;
}

static const char *tag_module(const char *p, uint32_t size)
{
	return add_module(get32(p + 8), get32(p + 12), p + 16, size - 16, false);
}

static const char *tag_mmap(const char *p, uint32_t size)
{
	uint32_t step = get32(p + 8);

	if (step < 20 || step > 1024)
		return "the memory map has entries of an odd size";
	nr_raw = 0; /* better than the EFI map: it says what is ACPI's and what is bad */
	for (uint32_t pos = 16; pos + step <= size; pos += step)
		add_range(get64(p + pos), get64(p + pos + 8), get32(p + pos + 16));
	return NULL;
}

static const char *tag_fb(const char *p, uint32_t size)
{
	set_video(get64(p + 8), p + 16, (uint8_t)p[28], (uint8_t)p[29], p + 32);
	return NULL;
}

static const char *tag_efi64(const char *p, uint32_t size)
{
	boot_efi_systab = get64(p + 8);
	return NULL;
}

static const char *tag_acpi(const char *p, uint32_t size)
{
	unsigned int len = min(size - 8, 36u);

	if (len > boot_rsdp_size) {
		memcpy(boot_rsdp, p + 8, len);
		boot_rsdp_size = len;
	}
	return NULL;
}

/* UEFI 7.2.3: used when there is no other map. Boot services have ended. */
static const char *tag_efi_mmap(const char *p, uint32_t size)
{
	static const uint8_t types[] = {
		[1] = 1, [2] = 1, [3] = 1, [4] = 1, [7] = 1, [8] = 5, [9] = 3, [10] = 4
	};
	uint32_t step = get32(p + 8);

	if (nr_raw || step < 40 || step > 1024)
		return NULL;
	for (uint32_t pos = 16; pos + step <= size; pos += step) {
		uint32_t type = get32(p + pos);
		uint64_t start = get64(p + pos + 8), n = get64(p + pos + 24);

		type = type < sizeof(types) && types[type] ? types[type] : 2;
		add_range(start, n > ~0ull >> PAGE_SHIFT ? 0 : n << PAGE_SHIFT, type);
	}
	return NULL;
}

static const struct {
	uint32_t min_size;
	const char *(*fn)(const char *p, uint32_t size);
} tags[] = {
	[T_CMDLINE] = { 8, tag_cmdline },
	[T_LOADER] = { 8, tag_loader },
	[T_MODULE] = { 16, tag_module },
	[T_MMAP] = { 16, tag_mmap },
	[T_FB] = { 38, tag_fb },
	[T_EFI64] = { 16, tag_efi64 },
	[T_ACPI1] = { 28, tag_acpi },
	[T_ACPI2] = { 28, tag_acpi },
	[T_EFI_MMAP] = { 16, tag_efi_mmap },
};

static const char *mb2_parse(uint64_t info)
{
	const char *p = at(info, 8), *why = NULL;
	uint32_t total = p ? get32(p) : 0;

	if (total < 8 || total > (16u << 20) || !at(info, total))
		return "the boot information lies outside of memory";
	for (uint32_t pos = 8; total - pos >= 8 && !why;) {
		uint32_t type = get32(p + pos), size = get32(p + pos + 4);

		if (type == T_END)
			break;
		if (size < 8 || size > total - pos)
			return "the boot information is malformed";
		if (type < ARRAY_SIZE(tags) && tags[type].fn && size >= tags[type].min_size)
			why = tags[type].fn(p + pos, size);
		pos += min((size + 7) & ~7u, total - pos);
	}
	return why;
}

const char *multiboot_parse(uint32_t magic, uint64_t info, const char *base, uint64_t limit)
{
	const char *why;
	bool lost;

	mem.base = base;
	mem.limit = limit;
	nr_raw = 0;
	strings_used = 0;
	if (magic == MB1_BOOT_MAGIC)
		why = mb1_parse(info);
	else if (magic == MB2_BOOT_MAGIC)
		why = mb2_parse(info);
	else
		why = "not started by a Multiboot loader";
	if (why)
		return why;
	nr_mem_ranges = memmap_normalise(raw, nr_raw, edges, mem_map, MAX_MEM_RANGES, &lost);
	return nr_mem_ranges ? NULL : "the boot loader gave no memory map";
}

// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/kernimage.c tools/xenctl/unpack.c */
/* LIBS: -lz -llzma -lzstd -llz4 */
/* Kernel files: made here in every packing, then damaged in every way. */
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <public/elfnote.h>

#include "../../tools/xenctl/kernimage.h"
#include "check.h"

#define BASE 0xffffffff80000000ull
#define TEXT_PADDR 0x200000ull
#define NOTES_AT 0x200
#define TEXT_AT 0x1000
#define ELF_BYTES 0x5000

static uint8_t elf[ELF_BYTES];

static Elf64_Ehdr *header(void)
{
	return (Elf64_Ehdr *)elf;
}

static Elf64_Phdr *phdr(unsigned int i)
{
	return (Elf64_Phdr *)(elf + 64) + i;
}

static size_t note(size_t at, uint32_t type, const void *desc, uint32_t len)
{
	uint32_t head[3] = { 4, len, type };

	memcpy(elf + at, head, 12);
	memcpy(elf + at + 12, "Xen", 4);
	memcpy(elf + at + 16, desc, len);
	return at + 16 + ((len + 3) & ~3u);
}

/* A kernel of one segment at 2 MiB, with the notes Linux has. */
static void make_elf(void)
{
	uint64_t base = BASE, entry = BASE + TEXT_PADDR + 0x10, p2m = 1ull << 39, zero = 0;
	uint32_t one = 1;
	size_t at = NOTES_AT;

	memset(elf, 0, sizeof(elf));
	for (size_t i = TEXT_AT; i < ELF_BYTES; i++)
		elf[i] = (uint8_t)(i * 7 / 64);
	memcpy(elf, ELFMAG, SELFMAG);
	elf[EI_CLASS] = ELFCLASS64;
	elf[EI_DATA] = ELFDATA2LSB;
	*header() = (Elf64_Ehdr){ .e_type = ET_EXEC,
				  .e_machine = EM_X86_64,
				  .e_phoff = 64,
				  .e_phentsize = sizeof(Elf64_Phdr),
				  .e_phnum = 2,
				  .e_entry = TEXT_PADDR };
	memcpy(elf, ELFMAG "\2\1\1", 7);
	at = note(at, XEN_ELFNOTE_GUEST_OS, "linux", 6);
	at = note(at, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	at = note(at, XEN_ELFNOTE_VIRT_BASE, &base, 8);
	at = note(at, XEN_ELFNOTE_INIT_P2M, &p2m, 8);
	at = note(at, XEN_ELFNOTE_ENTRY, &entry, 8);
	at = note(at, XEN_ELFNOTE_MOD_START_PFN, &one, 4);
	at = note(at, XEN_ELFNOTE_PADDR_OFFSET, &zero, 8);
	at = note(at, XEN_ELFNOTE_LOADER, "generic", 8);
	*phdr(0) = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_offset = TEXT_AT,
				 .p_vaddr = 0,
				 .p_paddr = TEXT_PADDR,
				 .p_filesz = 0x4000,
				 .p_memsz = 0x6000 };
	*phdr(1) =
		(Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = at - NOTES_AT };
}

static int parse(struct kern_image *k, size_t len, char *err)
{
	uint8_t *copy = malloc(len ? len : 1); /* exact, for ASan */
	int ret;

	memcpy(copy, elf, len);
	ret = kern_parse(k, copy, len, err);
	free(copy);
	return ret;
}

static void test_elf(void)
{
	char err[KERN_ERR] = "";
	struct kern_image k;

	make_elf();
	check(!parse(&k, ELF_BYTES, err), "%s", err);
	check(k.virt_base == BASE && k.init_p2m == 1ull << 39 && k.mod_start_pfn, "notes");
	check(k.entry == BASE + TEXT_PADDR + 0x10, "entry");
	check(k.start == BASE + TEXT_PADDR && k.end == k.start + 0x6000, "range");
	check(k.nr_segments == 1 && k.segments[0].file_size == 0x4000, "segment");
	check(k.hypercall_page == KERN_NONE, "hypercall page");
	verdict("kernel-elf");
}

static void test_xen_guest(void)
{
	static const char names[] = "\0.shstrtab\0__xen_guest";
	static const char text[] =
		"GUEST_OS=x,XEN_VER=xen-3.0,VIRT_BASE=0xc0000000,"
		"ELF_PADDR_OFFSET=0xc0000000,HYPERCALL_PAGE=0xc0002,LOADER=generic";
	char err[KERN_ERR] = "";
	struct kern_image k;
	Elf64_Shdr *s;

	make_elf();
	header()->e_phnum = 1;
	header()->e_entry = 0xc0000000;
	header()->e_shoff = 0x400;
	header()->e_shentsize = sizeof(*s);
	header()->e_shnum = 3;
	header()->e_shstrndx = 1;
	phdr(0)->p_paddr = 0xc0000000;
	s = (Elf64_Shdr *)(elf + 0x400);
	s[1] = (Elf64_Shdr){ .sh_name = 1,
			     .sh_type = SHT_STRTAB,
			     .sh_offset = 0x600,
			     .sh_size = sizeof(names) };
	s[2] = (Elf64_Shdr){ .sh_name = 11,
			     .sh_type = SHT_PROGBITS,
			     .sh_offset = 0x700,
			     .sh_size = sizeof(text) };
	memcpy(elf + 0x600, names, sizeof(names));
	memcpy(elf + 0x700, text, sizeof(text));
	check(!parse(&k, ELF_BYTES, err), "%s", err);
	check(k.virt_base == 0xc0000000 && k.start == 0xc0000000, "base");
	check(k.hypercall_page == 0xc0002000 && k.init_p2m == KERN_NONE, "page");
	verdict("kernel-xen-guest-section");
}

/* Changes one thing of the good kernel and expects part of a message. */
static void expect(const char *part, void (*change)(void))
{
	char err[KERN_ERR] = "";
	struct kern_image k;
	int ret;

	make_elf();
	change();
	ret = parse(&k, ELF_BYTES, err);
	check(ret == -1 && strstr(err, part), "expected '%s': %d '%s'", part, ret, err);
}

static void c_32bit(void)
{
	elf[EI_CLASS] = ELFCLASS32;
}
static void c_arm(void)
{
	header()->e_machine = EM_AARCH64;
}
static void c_reloc(void)
{
	header()->e_type = ET_REL;
}
static void c_magic(void)
{
	elf[1] = 'F';
}
static void c_nonotes(void)
{
	header()->e_phnum = 1;
}
static void c_version(void)
{
	memcpy(strstr((char *)elf + NOTES_AT + 40, "xen-3.0"), "xen-2", 6);
}
static void c_outside(void)
{
	phdr(0)->p_filesz = 0x4001, phdr(0)->p_offset = TEXT_AT;
}
static void c_overflow(void)
{
	phdr(0)->p_offset = ~0ull - 4;
}
static void c_filesz(void)
{
	phdr(0)->p_filesz = 0x7000;
}
static void c_huge(void)
{
	phdr(0)->p_memsz = 1ull << 40;
}
static void c_wrap(void)
{
	phdr(0)->p_paddr = 0x7ffff000;
}
static void c_below(void)
{
	phdr(0)->p_paddr = (uint64_t)-0x200000;
}
static void c_far(void)
{
	phdr(0)->p_paddr = 0x30000000;
}
static void c_empty(void)
{
	phdr(0)->p_type = PT_NULL;
}
static void c_entry(void)
{
	phdr(0)->p_paddr = 0x400000;
}
static void c_phoff(void)
{
	header()->e_phoff = ELF_BYTES - 60;
}
static void c_phnum(void)
{
	header()->e_phnum = 0;
}
static void c_base(void)
{
	phdr(1)->p_filesz += note(NOTES_AT + phdr(1)->p_filesz, XEN_ELFNOTE_VIRT_BASE,
				  &(uint64_t){ 0xffff810000000000 }, 8) -
			     NOTES_AT - phdr(1)->p_filesz;
}
static void c_hcpage(void)
{
	phdr(1)->p_filesz += note(NOTES_AT + phdr(1)->p_filesz, XEN_ELFNOTE_HYPERCALL_PAGE,
				  &(uint64_t){ BASE }, 8) -
			     NOTES_AT - phdr(1)->p_filesz;
}

static void test_refusals(void)
{
	expect("32-bit kernel", c_32bit);
	expect("another processor", c_arm);
	expect("not a program", c_reloc);
	expect("not an ELF", c_magic);
	expect("no Xen notes", c_nonotes);
	expect("made for interface", c_version);
	expect("outside its", c_outside);
	expect("outside its", c_overflow);
	expect("outside its", c_filesz);
	expect("a segment of", c_huge);
	expect("it wants memory up to", c_far);
	expect("below the start", c_below);
	expect("below the start", c_wrap);
	expect("nothing to load", c_empty);
	expect("its entry point", c_entry);
	expect("no program headers", c_phoff);
	expect("no program headers", c_phnum);
	expect("unusable address", c_base);
	expect("hypercall page", c_hcpage);
	verdict("kernel-refusals");
}

/* --- packing */

static size_t pack_gzip(uint8_t *out, size_t room)
{
	z_stream z = { .next_in = elf,
		       .avail_in = ELF_BYTES,
		       .next_out = out,
		       .avail_out = (unsigned int)room };

	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return z.total_out;
}

/* Linux appends the unpacked size to all formats but gzip, which has it. */
static size_t add_size(uint8_t *out, size_t len)
{
	memcpy(out + len, &(uint32_t){ ELF_BYTES }, 4);
	return len + 4;
}

static size_t pack_xz(uint8_t *out, size_t room)
{
	size_t len = 0;

	check(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, elf, ELF_BYTES, out, &len, room) ==
		      LZMA_OK,
	      "xz");
	return add_size(out, len);
}

static size_t pack_zstd(uint8_t *out, size_t room)
{
	return add_size(out, ZSTD_compress(out, room, elf, ELF_BYTES, 3));
}

static size_t pack_lz4(uint8_t *out, size_t room)
{
	int n = LZ4_compress_default((char *)elf, (char *)out + 8, ELF_BYTES, (int)room - 8);

	memcpy(out, "\x02\x21\x4c\x18", 4);
	memcpy(out + 4, &(uint32_t){ (uint32_t)n }, 4);
	return add_size(out, (size_t)n + 8);
}

#define SETUP 1024

static const struct {
	const char *name;
	size_t (*pack)(uint8_t *out, size_t room);
} packings[] = {
	{ "gzip", pack_gzip },
	{ "xz", pack_xz },
	{ "zstd", pack_zstd },
	{ "lz4", pack_lz4 },
};

/* A bzImage with one setup sector, its payload 16 bytes behind. */
static size_t make_bzimage(uint8_t *b, size_t room, unsigned int packing)
{
	size_t len;

	make_elf();
	memset(b, 0, room);
	b[0x1f1] = 1;
	b[0x1fe] = 0x55;
	b[0x1ff] = 0xaa;
	memcpy(b + 0x202, "HdrS\x0f\x02", 6);
	len = packings[packing].pack(b + SETUP + 16, room - SETUP - 16);
	memcpy(b + 0x248, &(uint32_t){ 16 }, 4);
	memcpy(b + 0x24c, &(uint32_t){ (uint32_t)len }, 4);
	return SETUP + 16 + len;
}

static int unpack_copy(const uint8_t *b, size_t len, uint8_t **out, size_t *out_len, char *err)
{
	uint8_t *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, b, len);
	ret = kern_unpack(copy, len, out, out_len, err);
	free(copy);
	return ret;
}

static void test_packing(unsigned int packing)
{
	static uint8_t b[ELF_BYTES * 2];
	char err[KERN_ERR] = "", name[40];
	size_t len = make_bzimage(b, sizeof(b), packing), out_len;
	uint8_t *out;

	check(!unpack_copy(b, len, &out, &out_len, err), "%s", err);
	check(out && out_len == ELF_BYTES && !memcmp(out, elf, ELF_BYTES), "other bytes");
	free(out);
	check(!unpack_copy(b + SETUP + 16, len - SETUP - 16, &out, &out_len, err), "bare: %s", err);
	free(out);
	check(unpack_copy(b, len - 1, &out, &out_len, err) == -1 && !out, "cut off");
	for (unsigned int round = 0; round < 400; round++) {
		size_t at = SETUP + 16 + rnd() % (len - SETUP - 16), cut = rnd() % len;
		uint8_t old = b[at];
		struct kern_image k;

		b[at] ^= (uint8_t)(1 + rnd() % 255);
		if (!unpack_copy(b, len, &out, &out_len, err))
			kern_parse(&k, out ? out : b, out_len, err);
		free(out);
		b[at] = old;
		check(unpack_copy(b, cut, &out, &out_len, err) == -1 && !out && err[0], "cut");
	}
	snprintf(name, sizeof(name), "kernel-bzimage-%s", packings[packing].name);
	verdict(name);
}

static void test_bzimage_refusals(void)
{
	static uint8_t b[ELF_BYTES * 2];
	char err[KERN_ERR];
	size_t len = make_bzimage(b, sizeof(b), 0), out_len;
	uint8_t *out;

	memcpy(b + len - 4, "\xff\xff\xff\xff", 4);
	check(unpack_copy(b, len, &out, &out_len, err) == -1 && strstr(err, "damaged: says"), "%s",
	      err);
	memcpy(b + len - 4, "\x10\0\0\0", 4);
	check(unpack_copy(b, len, &out, &out_len, err) == -1, "too small a size");
	memcpy(b + SETUP + 16, "BZh9", 4);
	check(unpack_copy(b, len, &out, &out_len, err) == -1 && strstr(err, "bzip2"), "%s", err);
	memcpy(b + SETUP + 16, "????", 4);
	check(unpack_copy(b, len, &out, &out_len, err) == -1 && strstr(err, "unknown way"), "%s",
	      err);
	b[0x206] = 7;
	check(unpack_copy(b, len, &out, &out_len, err) == -1 && strstr(err, "2.6.26"), "%s", err);
	check(unpack_copy((uint8_t *)"#!/bin/sh", 9, &out, &out_len, err) == -1 &&
		      strstr(err, "not a kernel"),
	      "%s", err);
	check(unpack_copy(b, 0, &out, &out_len, err) == -1, "empty");
	verdict("kernel-bzimage-refusals");
}

static void test_hostile(void)
{
	for (unsigned int round = 0; round < 40000; round++) {
		char err[KERN_ERR] = "";
		struct kern_image k;
		int ret;

		make_elf();
		for (unsigned int i = 0; i < 1 + round % 6; i++)
			elf[rnd() % (round % 2 ? 0x300 : 0xc0)] = (uint8_t)(rnd() >> 16);
		ret = parse(&k, round % 3 ? ELF_BYTES : rnd() % ELF_BYTES, err);
		check(!ret || err[0], "no message");
		for (unsigned int i = 0; !ret && i < k.nr_segments; i++)
			check(k.segments[i].file_offset + k.segments[i].file_size <= ELF_BYTES &&
				      k.segments[i].vaddr >= k.virt_base &&
				      k.segments[i].file_size <= k.segments[i].mem_size,
			      "segment %u", i);
	}
	verdict("kernel-hostile");
}

int main(void)
{
	test_elf();
	test_xen_guest();
	test_refusals();
	for (unsigned int i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
		test_packing(i);
	test_bzimage_refusals();
	test_hostile();
	return check_failed;
}

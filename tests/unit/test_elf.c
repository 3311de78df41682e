/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/domain/elf.c */
/*
 * Kernel images: a good one as Linux makes it, then every field out of range, cut
 * files, and random damage. The sanitizers watch for reads outside the file, which
 * is kept in a block of exactly its size.
 */
#include <hyp/elf.h>
#include <hyp/lib.h>
#include <public/elfnote.h>

int printf(const char *fmt, ...);
void *malloc(size_t size);
void free(void *p);

#define BASE 0xffffffff80000000ull

struct ehdr {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static struct file {
	struct ehdr e;
	struct phdr load[2], note;
	uint8_t notes[512];
	uint8_t data[256];
} f;
static size_t notes_len;

static void note(uint32_t type, const void *desc, uint32_t size)
{
	uint32_t head[3] = { 4, size, type };

	memcpy(f.notes + notes_len, head, sizeof(head));
	memcpy(f.notes + notes_len + 12, "Xen", 4);
	memcpy(f.notes + notes_len + 16, desc, size);
	notes_len += 16 + ((size + 3) & ~3u);
}

static void note_u64(uint32_t type, uint64_t v)
{
	note(type, &v, sizeof(v));
}

static void good_file(void)
{
	uint32_t one = 1, features = 0x801;

	f = (struct file){ 0 };
	notes_len = 0;
	memcpy(f.e.ident, "\177ELF\2\1\1", 7);
	f.e.type = 2;
	f.e.machine = 62;
	f.e.entry = 0x1000123;
	f.e.phoff = offsetof(struct file, load);
	f.e.phentsize = sizeof(struct phdr);
	f.e.phnum = 3;
	f.load[0] = (struct phdr){ .type = 1,
				   .offset = offsetof(struct file, data),
				   .filesz = 200,
				   .memsz = 0x300000,
				   .paddr = 0x1000000,
				   .vaddr = BASE + 0x1000000 };
	f.load[1] = (struct phdr){ .type = 1,
				   .offset = offsetof(struct file, data) + 200,
				   .filesz = 56,
				   .memsz = 0x1000,
				   .paddr = 0x1400000,
				   .vaddr = BASE + 0x1400000 };
	note(XEN_ELFNOTE_GUEST_OS, "linux", 6);
	note(XEN_ELFNOTE_GUEST_VERSION, "2.6", 4);
	note_u64(XEN_ELFNOTE_VIRT_BASE, BASE);
	note_u64(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	note_u64(XEN_ELFNOTE_ENTRY, BASE + 0x1200000);
	note(XEN_ELFNOTE_MOD_START_PFN, &one, 4);
	note_u64(XEN_ELFNOTE_PADDR_OFFSET, 0);
	note(XEN_ELFNOTE_SUPPORTED_FEATURES, &features, 4);
	note(XEN_ELFNOTE_LOADER, "generic", 8);
	f.note = (struct phdr){ .type = 4,
				.offset = offsetof(struct file, notes),
				.filesz = notes_len,
				.memsz = notes_len,
				.align = 4 };
}

static struct elf_image img;
static const char *why;

static int parse(size_t size)
{
	void *copy = malloc(size ? size : 1);
	int ret;

	memcpy(copy, &f, size);
	ret = elf_parse(copy, size, &img, &why);
	free(copy);
	return ret;
}

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			printf("FAIL %s: %s (line %d, %s)\n", test, #c, __LINE__,                  \
			       why ? why : "no reason");                                           \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static bool test_good(const char *test)
{
	good_file();
	CHECK(parse(sizeof(f)) == 0 && !why);
	CHECK(img.nr_segments == 2 && img.end == 0x1401000 && img.seg[1].addr == 0x1400000);
	CHECK(img.virt_base == BASE && img.entry == BASE + 0x1200000);
	CHECK(img.has_init_p2m && img.init_p2m == 0x8000000000 && img.mod_start_pfn);
	CHECK(img.supported_features == 0x801 && !strcmp(img.guest_os, "linux"));
	CHECK(!strcmp(img.loader, "generic") && !img.hypercall_page);
	note_u64(XEN_ELFNOTE_PADDR_OFFSET, 0x1000000);
	note_u64(XEN_ELFNOTE_ENTRY, BASE + 0x100000);
	f.note.filesz = notes_len;
	CHECK(parse(sizeof(f)) == 0 && img.end == 0x401000);
	return true;
}

#define BAD(change, code)                                                                          \
	do {                                                                                       \
		good_file();                                                                       \
		change;                                                                            \
		CHECK(parse(sizeof(f)) == (code) && why);                                          \
	} while (0)

static bool test_bad(const char *test)
{
	BAD(f.e.ident[0] = 0, -ENOEXEC);
	BAD(f.e.ident[4] = 1, -ENOEXEC);
	BAD(f.e.machine = 3, -ENOEXEC);
	BAD(f.e.phentsize = 32, -ENOEXEC);
	BAD(f.e.phnum = 0, -ENOEXEC);
	BAD(f.e.phnum = 65535, -ENOEXEC);
	BAD(f.e.phoff = ~0ull - 8, -ENOEXEC);
	BAD(f.e.phoff = sizeof(f) - 8, -ENOEXEC);
	BAD(f.load[0].offset = ~0ull, -EINVAL);
	BAD(f.load[0].filesz = sizeof(f), -EINVAL);
	BAD(f.load[0].filesz = f.load[0].memsz + 1, -EINVAL);
	BAD(f.load[0].memsz = ~0ull, -EINVAL);
	BAD(f.load[0].paddr = ~0ull - 4096, -EINVAL);
	BAD(f.load[0].paddr = 1ull << 47, -EINVAL);
	BAD((f.load[0].type = 0, f.load[1].type = 0), -EINVAL);
	BAD(f.note.type = 0, -EINVAL);
	BAD(f.note.offset = sizeof(f), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_ENTRY, 0x1000), f.note.filesz = notes_len), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_ENTRY, BASE + 0x1401000), f.note.filesz = notes_len), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_VIRT_BASE, 0x800000000000), f.note.filesz = notes_len), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_VIRT_BASE, BASE + 1), f.note.filesz = notes_len), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_VIRT_BASE, ~0xfffull), f.note.filesz = notes_len), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1401000), f.note.filesz = notes_len),
	    -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_HYPERCALL_PAGE, ~0xfffull), f.note.filesz = notes_len), -EINVAL);
	BAD((note_u64(XEN_ELFNOTE_INIT_P2M, 0x800000000000), f.note.filesz = notes_len), -EINVAL);
	BAD((note(XEN_ELFNOTE_LOADER, "special", 8), f.note.filesz = notes_len), -EINVAL);
	return true;
}

static bool test_cut(const char *test)
{
	good_file();
	for (size_t len = 0; len < sizeof(f); len++)
		CHECK(parse(len) < 0);
	return true;
}

/* Whatever is accepted must lie within the file. */
static bool test_damage(const char *test)
{
	uint64_t seed = 12345;

	for (unsigned int i = 0; i < 200000; i++) {
		good_file();
		for (unsigned int n = i % 4; n < 4; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			((uint8_t *)&f)[(seed >> 33) % (offsetof(struct file, notes) + notes_len)] =
				(uint8_t)(seed >> 20);
		}
		if (parse(sizeof(f)))
			continue;
		for (unsigned int s = 0; s < img.nr_segments; s++)
			CHECK(img.seg[s].offset + img.seg[s].file_size <= sizeof(f) &&
			      img.seg[s].addr + img.seg[s].mem_size <= img.end);
		CHECK(img.entry - img.virt_base < img.end);
	}
	return true;
}

int main(void)
{
	static const struct {
		const char *name;
		bool (*fn)(const char *test);
	} tests[] = { { "elf-good", test_good },
		      { "elf-bad", test_bad },
		      { "elf-cut", test_cut },
		      { "elf-damage", test_damage } };
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (tests[i].fn(tests[i].name))
			printf("ok %s\n", tests[i].name);
		else
			ret = 1;
	}
	return ret;
}

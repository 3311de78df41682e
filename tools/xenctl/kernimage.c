// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest kernel files (kernimage.h). bzImage: Linux Documentation/arch/x86/boot.rst. ELF: the
 * gABI. Notes: public/elfnote.h; very old kernels have a section __xen_guest with the same
 * facts as text, and older defaults. Segments are placed by physical address, as the ABI
 * says: virtual address = physical - PADDR_OFFSET + VIRT_BASE.
 * Does not handle 32-bit kernels, relocation, and symbol tables for BSD kernels.
 */
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/elfnote.h>
#include <public/xen.h>

#include "kernimage.h"

static int __attribute__((format(printf, 2, 3))) fail(char *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, KERN_ERR, fmt, ap);
	va_end(ap);
	return -1;
}

static uint64_t read_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static bool is_elf(const uint8_t *b, size_t len)
{
	return len >= SELFMAG && !memcmp(b, ELFMAG, SELFMAG);
}

/* --- bzImage */

#define BZ_SETUP_SECTS 0x1f1
#define BZ_BOOT_FLAG 0x1fe
#define BZ_MAGIC 0x202
#define BZ_VERSION 0x206
#define BZ_PAYLOAD_OFFSET 0x248
#define BZ_PAYLOAD_LENGTH 0x24c
#define BZ_HEADER_END 0x250

static bool is_bzimage(const uint8_t *b, size_t len)
{
	return len >= BZ_HEADER_END && read_le(b + BZ_BOOT_FLAG, 2) == 0xaa55 &&
	       !memcmp(b + BZ_MAGIC, "HdrS", 4);
}

/* The last four bytes of a payload are the unpacked size, whatever packed it. */
static int unpack_payload(const uint8_t *b, size_t len, uint8_t **out, size_t *out_len, char *err)
{
	if (is_elf(b, len)) {
		*out = malloc(len);
		if (!*out)
			return fail(err, "out of memory");
		memcpy(*out, b, len);
		*out_len = len;
		return 0;
	}
	if (len < 16)
		return fail(err, "damaged: the packed kernel is too short");
	return unpack(b, len, read_le(b + len - 4, 4), out, out_len, err);
}

static int unpack_bzimage(const uint8_t *b, size_t len, uint8_t **out, size_t *out_len, char *err)
{
	uint64_t sects = b[BZ_SETUP_SECTS] ? b[BZ_SETUP_SECTS] : 4;
	uint64_t offset = (sects + 1) * 512 + read_le(b + BZ_PAYLOAD_OFFSET, 4);
	uint64_t length = read_le(b + BZ_PAYLOAD_LENGTH, 4);

	if (read_le(b + BZ_VERSION, 2) < 0x208)
		return fail(err, "a bzImage of before Linux 2.6.26, without a payload field");
	if (offset > len || length > len - offset)
		return fail(err, "damaged: cut off after %zu bytes", len);
	return unpack_payload(b + offset, (size_t)length, out, out_len, err);
}

int kern_unpack(const uint8_t *file, size_t len, uint8_t **out, size_t *out_len, char err[KERN_ERR])
{
	*out = NULL;
	if (is_elf(file, len)) {
		*out_len = len;
		return 0;
	}
	if (is_bzimage(file, len)) {
		if (unpack_bzimage(file, len, out, out_len, err))
			return -1;
	} else if (unpack_name(file, len)) {
		uint64_t hint = KERN_MAX_BYTES / 4;

		if (!strcmp(unpack_name(file, len), "gzip"))
			hint = read_le(file + len - 4, 4);
		if (unpack(file, len, hint, out, out_len, err))
			return -1;
	} else {
		return fail(err, "not a kernel (neither ELF nor bzImage)");
	}
	if (is_elf(*out, *out_len))
		return 0;
	free(*out);
	*out = NULL;
	return fail(err, "not a kernel: what it holds is not an ELF image");
}

/* --- notes */

struct notes {
	uint64_t num[XEN_ELFNOTE_MAX + 1]; /* KERN_NONE: absent or not a number */
	char xen_version[16], loader[16];
	bool found, legacy;
};

static void copy_string(char *dst, size_t size, const uint8_t *src, size_t len)
{
	size_t n = strnlen((const char *)src, len);

	n = n < size - 1 ? n : size - 1;
	memcpy(dst, src, n);
	dst[n] = 0;
}

static void take_note(struct notes *n, uint32_t type, const uint8_t *desc, size_t len)
{
	n->found = true;
	if (type > XEN_ELFNOTE_MAX)
		return;
	if (type == XEN_ELFNOTE_XEN_VERSION)
		copy_string(n->xen_version, sizeof(n->xen_version), desc, len);
	else if (type == XEN_ELFNOTE_LOADER)
		copy_string(n->loader, sizeof(n->loader), desc, len);
	else if (len == 4 || len == 8)
		n->num[type] = read_le(desc, (unsigned int)len);
}

/* Notes of a segment or section: name size, descriptor size, type, then both padded to 4. */
static void read_notes(struct notes *n, const uint8_t *b, size_t len)
{
	while (len >= 12) {
		uint64_t name = (read_le(b, 4) + 3) & ~3ull, desc = read_le(b + 4, 4);
		uint32_t type = (uint32_t)read_le(b + 8, 4);
		uint64_t next = 12 + name + ((desc + 3) & ~3ull);

		if (12 + name + desc > len)
			return;
		if (read_le(b, 4) == 4 && !memcmp(b + 12, "Xen", 4))
			take_note(n, type, b + 12 + name, (size_t)desc);
		if (next >= len)
			return;
		b += next;
		len -= (size_t)next;
	}
}

/* The old section: "KEY=value,KEY=value,..." */
static void read_xen_guest(struct notes *n, const uint8_t *b, size_t len)
{
	static const struct {
		const char *key;
		unsigned int note;
	} words[] = {
		{ "VIRT_BASE=", XEN_ELFNOTE_VIRT_BASE },
		{ "ELF_PADDR_OFFSET=", XEN_ELFNOTE_PADDR_OFFSET },
		{ "VIRT_ENTRY=", XEN_ELFNOTE_ENTRY },
		{ "HYPERCALL_PAGE=", XEN_ELFNOTE_HYPERCALL_PAGE },
	};
	char text[1024];

	copy_string(text, sizeof(text), b, len);
	n->found = n->legacy = true;
	for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (!strncmp(w, words[i].key, strlen(words[i].key)))
				n->num[words[i].note] = strtoull(w + strlen(words[i].key), NULL, 0);
		if (!strncmp(w, "XEN_VER=", 8))
			copy_string(n->xen_version, sizeof(n->xen_version), (uint8_t *)w + 8, 15);
	}
	/* There it is a page number. */
	if (n->num[XEN_ELFNOTE_HYPERCALL_PAGE] != KERN_NONE)
		n->num[XEN_ELFNOTE_HYPERCALL_PAGE] <<= 12;
}

/* --- ELF */

struct elf {
	const uint8_t *b;
	size_t len;
	Elf64_Ehdr h;
};

static bool in_file(const struct elf *e, uint64_t offset, uint64_t size)
{
	return offset <= e->len && size <= e->len - offset;
}

static int read_header(struct elf *e, char *err)
{
	if (!is_elf(e->b, e->len) || e->len < EI_NIDENT)
		return fail(err, "not an ELF image");
	if (e->b[EI_CLASS] == ELFCLASS32)
		return fail(err, "a 32-bit kernel; only 64-bit kernels run here");
	if (e->len < sizeof(e->h))
		return fail(err, "damaged: cut off after %zu bytes", e->len);
	memcpy(&e->h, e->b, sizeof(e->h));
	if (e->h.e_machine != EM_X86_64 || e->b[EI_DATA] != ELFDATA2LSB)
		return fail(err, "a kernel for another processor (ELF machine %u), not x86-64",
			    e->h.e_machine);
	if (e->h.e_type != ET_EXEC && e->h.e_type != ET_DYN)
		return fail(err, "an ELF file, but not a program (type %u)", e->h.e_type);
	if (!e->h.e_phnum || e->h.e_phentsize != sizeof(Elf64_Phdr) ||
	    !in_file(e, e->h.e_phoff, (uint64_t)e->h.e_phnum * sizeof(Elf64_Phdr)))
		return fail(err, "damaged: no program headers in its %zu bytes", e->len);
	return 0;
}

static Elf64_Phdr segment(const struct elf *e, unsigned int i)
{
	Elf64_Phdr p;

	memcpy(&p, e->b + e->h.e_phoff + i * sizeof(p), sizeof(p));
	return p;
}

/* False: no such section, or outside the file. */
static bool section(const struct elf *e, unsigned int i, Elf64_Shdr *s)
{
	if (e->h.e_shentsize != sizeof(*s) || i >= e->h.e_shnum ||
	    !in_file(e, e->h.e_shoff, (uint64_t)e->h.e_shnum * sizeof(*s)))
		return false;
	memcpy(s, e->b + e->h.e_shoff + i * sizeof(*s), sizeof(*s));
	return s->sh_type == SHT_NOBITS || in_file(e, s->sh_offset, s->sh_size);
}

static bool section_is(const struct elf *e, const Elf64_Shdr *s, const char *name)
{
	Elf64_Shdr str;

	return section(e, e->h.e_shstrndx, &str) && str.sh_type == SHT_STRTAB &&
	       s->sh_name < str.sh_size && str.sh_size - s->sh_name > strlen(name) &&
	       !memcmp(e->b + str.sh_offset + s->sh_name, name, strlen(name) + 1);
}

/* Note segments first, then note sections, then the old section. */
static void find_notes(const struct elf *e, struct notes *n)
{
	Elf64_Shdr s;

	for (unsigned int i = 0; i < e->h.e_phnum; i++) {
		Elf64_Phdr p = segment(e, i);

		if (p.p_type == PT_NOTE && in_file(e, p.p_offset, p.p_filesz))
			read_notes(n, e->b + p.p_offset, p.p_filesz);
	}
	for (unsigned int i = 0; !n->found && i < e->h.e_shnum; i++)
		if (section(e, i, &s) && s.sh_type == SHT_NOTE)
			read_notes(n, e->b + s.sh_offset, s.sh_size);
	for (unsigned int i = 0; !n->found && i < e->h.e_shnum; i++)
		if (section(e, i, &s) && s.sh_type == SHT_PROGBITS &&
		    section_is(e, &s, "__xen_guest"))
			read_xen_guest(n, e->b + s.sh_offset, s.sh_size);
}

static int add_segment(struct kern_image *k, const struct elf *e, const Elf64_Phdr *p,
		       uint64_t phys_to_virt, char *err)
{
	struct kern_segment *s = &k->segments[k->nr_segments];

	if (k->nr_segments == KERN_MAX_SEGMENTS)
		return fail(err, "it has more than %u segments", KERN_MAX_SEGMENTS);
	if (p->p_filesz > p->p_memsz || !in_file(e, p->p_offset, p->p_filesz))
		return fail(err, "damaged: segment %u lies outside its %zu bytes", k->nr_segments,
			    e->len);
	if (p->p_memsz > KERN_MAX_BYTES)
		return fail(err, "a segment of %llu MiB", (unsigned long long)(p->p_memsz >> 20));
	*s = (struct kern_segment){ p->p_paddr + phys_to_virt, p->p_offset, p->p_filesz,
				    p->p_memsz };
	if (s->vaddr + s->mem_size < s->vaddr || s->vaddr < k->virt_base)
		return fail(err, "a segment at %#llx, below the start of its memory at %#llx",
			    (unsigned long long)s->vaddr, (unsigned long long)k->virt_base);
	k->start = s->vaddr < k->start ? s->vaddr : k->start;
	k->end = s->vaddr + s->mem_size > k->end ? s->vaddr + s->mem_size : k->end;
	k->nr_segments++;
	return 0;
}

static int load_segments(struct kern_image *k, const struct elf *e, uint64_t phys_to_virt,
			 char *err)
{
	k->start = KERN_NONE;
	for (unsigned int i = 0; i < e->h.e_phnum; i++) {
		Elf64_Phdr p = segment(e, i);

		if (p.p_type == PT_LOAD && p.p_memsz && add_segment(k, e, &p, phys_to_virt, err))
			return -1;
	}
	if (!k->nr_segments)
		return fail(err, "damaged: nothing to load in it");
	if (k->end - k->virt_base > KERN_MAX_BYTES)
		return fail(err, "it wants memory up to %#llx, %llu MiB above the start",
			    (unsigned long long)k->end,
			    (unsigned long long)((k->end - k->virt_base) >> 20));
	if (k->entry < k->start || k->entry >= k->end)
		return fail(err, "its entry point %#llx is outside of it",
			    (unsigned long long)k->entry);
	if (k->hypercall_page != KERN_NONE &&
	    (k->hypercall_page % 4096 || k->hypercall_page < k->start ||
	     k->hypercall_page >= k->end))
		return fail(err, "its hypercall page %#llx is outside of it",
			    (unsigned long long)k->hypercall_page);
	return 0;
}

static bool address_ok(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va &&
	       (va < HYPERVISOR_VIRT_START || va >= HYPERVISOR_VIRT_END);
}

static int check_notes(const struct notes *n, char *err)
{
	if (!n->found)
		return fail(err, "no Xen notes: this kernel cannot run as a paravirtual guest");
	if (n->xen_version[0] && strcmp(n->xen_version, "xen-3.0"))
		return fail(err, "made for interface \"%s\", not xen-3.0", n->xen_version);
	if (n->loader[0] && strcmp(n->loader, "generic"))
		return fail(err, "wants the loader \"%s\", not generic", n->loader);
	return 0;
}

int kern_parse(struct kern_image *k, const uint8_t *elf, size_t len, char err[KERN_ERR])
{
	struct elf e = { .b = elf, .len = len };
	struct notes n = { .found = false };
	uint64_t paddr_offset;

	memset(n.num, 0xff, sizeof(n.num));
	memset(k, 0, sizeof(*k));
	if (read_header(&e, err))
		return -1;
	find_notes(&e, &n);
	if (check_notes(&n, err))
		return -1;
	k->virt_base = n.num[XEN_ELFNOTE_VIRT_BASE];
	if (k->virt_base == KERN_NONE)
		k->virt_base = 0;
	paddr_offset = n.num[XEN_ELFNOTE_PADDR_OFFSET];
	if (paddr_offset == KERN_NONE)
		paddr_offset = n.legacy ? k->virt_base : 0;
	k->entry = n.num[XEN_ELFNOTE_ENTRY] == KERN_NONE ? e.h.e_entry : n.num[XEN_ELFNOTE_ENTRY];
	k->init_p2m = n.num[XEN_ELFNOTE_INIT_P2M];
	k->hypercall_page = n.num[XEN_ELFNOTE_HYPERCALL_PAGE];
	k->mod_start_pfn = n.num[XEN_ELFNOTE_MOD_START_PFN] != KERN_NONE &&
			   n.num[XEN_ELFNOTE_MOD_START_PFN] != 0;
	if (k->virt_base % 4096 || !address_ok(k->virt_base))
		return fail(err, "its memory starts at the unusable address %#llx",
			    (unsigned long long)k->virt_base);
	if (k->init_p2m != KERN_NONE && (k->init_p2m % (1 << 21) || !address_ok(k->init_p2m)))
		return fail(err, "it wants the frame list at the unusable address %#llx",
			    (unsigned long long)k->init_p2m);
	return load_segments(k, &e, k->virt_base - paddr_offset, err);
}

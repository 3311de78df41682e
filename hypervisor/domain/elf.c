/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a kernel's ELF headers and notes. Pure, and as careful as if the file
 * came from an enemy: every range is checked against the file before use, sizes
 * cannot wrap, notes are walked by their own lengths.
 *
 * Not here: section headers and symbols (the boot needs none), 32-bit kernels,
 * the pre-note "__xen_guest" section.
 */
#include <hyp/elf.h>
#include <hyp/lib.h>
#include <public/elfnote.h>

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

struct nhdr {
	uint32_t namesz, descsz, type;
};

#define PT_LOAD 1
#define PT_NOTE 4
#define EM_X86_64 62
#define MAX_PHDRS 64
#define ADDR_LIMIT (1ull << 46) /* beyond any machine: keeps sums from wrapping */

struct parse {
	const uint8_t *file;
	uint64_t size;
	struct elf_image *out;
	uint64_t paddr_offset;
};

static bool in_file(const struct parse *p, uint64_t off, uint64_t len)
{
	return off <= p->size && len <= p->size - off;
}

static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, desc, size >= 8 ? 8 : size >= 4 ? 4 : 0);
	return v;
}

static void note_string(char *dst, size_t room, const uint8_t *desc, uint32_t size)
{
	size_t n = strnlen((const char *)desc, min((size_t)size, room - 1));

	memcpy(dst, desc, n);
	dst[n] = 0;
}

static void note_take(struct parse *p, uint32_t type, const uint8_t *desc, uint32_t size)
{
	struct elf_image *o = p->out;
	uint64_t v = note_number(desc, size);

	o->has_notes = true;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		o->entry = v;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		o->virt_base = v;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		p->paddr_offset = v;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		o->hypercall_page = v;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		o->init_p2m = v;
		o->has_init_p2m = true;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		o->mod_start_pfn = v != 0;
		break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		o->supported_features = (uint32_t)v;
		break;
	case XEN_ELFNOTE_GUEST_OS:
		note_string(o->guest_os, sizeof(o->guest_os), desc, size);
		break;
	case XEN_ELFNOTE_GUEST_VERSION:
		note_string(o->guest_version, sizeof(o->guest_version), desc, size);
		break;
	case XEN_ELFNOTE_LOADER:
		note_string(o->loader, sizeof(o->loader), desc, size);
		break;
	}
}

/* One segment of notes, within the file. A malformed note ends the walk. */
static void notes_walk(struct parse *p, uint64_t off, uint64_t len, uint64_t align)
{
	struct nhdr n;

	while (len >= sizeof(n)) {
		uint64_t name, desc;

		memcpy(&n, p->file + off, sizeof(n));
		name = (sizeof(n) + (uint64_t)n.namesz + align - 1) & ~(align - 1);
		desc = (name + n.descsz + align - 1) & ~(align - 1);
		if (name > len || n.descsz > len - name)
			return;
		if (n.namesz == 4 && !memcmp(p->file + off + sizeof(n), "Xen", 4))
			note_take(p, n.type, p->file + off + name, n.descsz);
		if (desc >= len)
			return;
		off += desc;
		len -= desc;
	}
}

static const char *header_check(const struct parse *p, struct ehdr *e)
{
	if (p->size < sizeof(*e))
		return "too short for an ELF file";
	memcpy(e, p->file, sizeof(*e));
	if (memcmp(e->ident, "\177ELF", 4))
		return "not an ELF file";
	if (e->ident[4] != 2 || e->ident[5] != 1 || e->machine != EM_X86_64)
		return "not a kernel for 64-bit x86";
	if (e->phentsize != sizeof(struct phdr) || e->phnum == 0 || e->phnum > MAX_PHDRS ||
	    !in_file(p, e->phoff, (uint64_t)e->phnum * sizeof(struct phdr)))
		return "bad program headers";
	return NULL;
}

static const char *segment_take(struct parse *p, const struct phdr *ph)
{
	struct elf_image *o = p->out;
	uint64_t addr = ph->paddr - p->paddr_offset;

	if (!ph->memsz)
		return NULL;
	if (o->nr_segments == ELF_MAX_SEGMENTS)
		return "too many segments";
	if (ph->filesz > ph->memsz || !in_file(p, ph->offset, ph->filesz))
		return "a segment lies outside the file";
	if (addr >= ADDR_LIMIT || ph->memsz >= ADDR_LIMIT)
		return "a segment's address makes no sense";
	o->seg[o->nr_segments++] = (struct elf_segment){ .offset = ph->offset,
							 .file_size = ph->filesz,
							 .mem_size = ph->memsz,
							 .addr = addr };
	o->end = max(o->end, addr + ph->memsz);
	return NULL;
}

static bool canonical_range(uint64_t va, uint64_t len)
{
	return (int64_t)(va << 16) >> 16 == (int64_t)va && va + len - 1 >= va &&
	       (int64_t)((va + len - 1) << 16) >> 16 == (int64_t)(va + len - 1) &&
	       va >> 47 == (va + len - 1) >> 47;
}

static const char *image_check(const struct parse *p)
{
	const struct elf_image *o = p->out;

	if (!o->nr_segments)
		return "nothing to load";
	if (!o->has_notes)
		return "no notes of a paravirtual kernel";
	if (o->loader[0] && strcmp(o->loader, "generic"))
		return "needs a loader of its own";
	if (o->virt_base & (PAGE_SIZE - 1) || !canonical_range(o->virt_base, o->end))
		return "its virtual base makes no sense";
	if (o->entry < o->virt_base || o->entry - o->virt_base >= o->end)
		return "its entry point lies outside";
	if (o->has_init_p2m && (o->init_p2m & (PAGE_SIZE - 1) || !canonical_range(o->init_p2m, 1)))
		return "its p2m address makes no sense";
	if (o->hypercall_page &&
	    (o->hypercall_page & (PAGE_SIZE - 1) || o->hypercall_page < o->virt_base ||
	     o->hypercall_page - o->virt_base + PAGE_SIZE > o->end))
		return "its hypercall page lies outside";
	return NULL;
}

/* Calls what for every program header of the type. */
static const char *each_phdr(struct parse *p, const struct ehdr *e, uint32_t type)
{
	const char *bad = NULL;
	struct phdr ph;

	for (unsigned int i = 0; i < e->phnum && !bad; i++) {
		memcpy(&ph, p->file + e->phoff + i * sizeof(ph), sizeof(ph));
		if (ph.type != type)
			continue;
		if (type == PT_LOAD)
			bad = segment_take(p, &ph);
		else if (in_file(p, ph.offset, ph.filesz))
			notes_walk(p, ph.offset, ph.filesz, ph.align == 8 ? 8 : 4);
	}
	return bad;
}

int elf_parse(const void *file, uint64_t size, struct elf_image *out, const char **why)
{
	struct parse p = { .file = file, .size = size, .out = out };
	struct ehdr e;

	memset(out, 0, sizeof(*out));
	*why = header_check(&p, &e);
	if (*why)
		return -ENOEXEC;
	out->entry = e.entry;
	each_phdr(&p, &e, PT_NOTE); /* first: they say what the addresses mean */
	*why = each_phdr(&p, &e, PT_LOAD);
	if (!*why)
		*why = image_check(&p);
	return *why ? -EINVAL : 0;
}

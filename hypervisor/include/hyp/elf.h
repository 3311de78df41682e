/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel images: 64-bit ELF files and the notes a PV kernel describes itself with. Pure (domain/elf.c). */
#ifndef HYP_ELF_H
#define HYP_ELF_H

#include <hyp/types.h>

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
	uint64_t offset; /* in the file */
	uint64_t file_size, mem_size;
	uint64_t addr; /* pseudo-physical: bytes from pfn 0 */
};

struct elf_image {
	unsigned int nr_segments;
	struct elf_segment seg[ELF_MAX_SEGMENTS];
	uint64_t end;	    /* highest addr used, exclusive */
	uint64_t virt_base; /* address of pfn 0 */
	uint64_t entry;
	uint64_t hypercall_page; /* 0 = none */
	uint64_t init_p2m;	 /* valid when has_init_p2m */
	uint32_t supported_features;
	bool has_init_p2m, mod_start_pfn, has_notes;
	char guest_os[32], guest_version[32], loader[16];
};

/*
 * Checks the file and fills *out. On failure -ENOEXEC or -EINVAL and *why, one
 * line for people. Every offset and size in *out lies within the file.
 */
int elf_parse(const void *file, uint64_t size, struct elf_image *out, const char **why);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest kernels as files: bzImage and ELF, and what the Xen notes of an ELF kernel ask for.
 * Pure: works on bytes in memory, trusts none of them.
 */
#ifndef XENCTL_KERNIMAGE_H
#define XENCTL_KERNIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERN_ERR 256
#define KERN_MAX_SEGMENTS 16
#define KERN_MAX_BYTES (512ull << 20) /* of the unpacked file, and of the loaded image */

/*
 * Unpacks a file into the ELF image it holds: a bzImage (gzip, xz, zstd, lz4 payload), an
 * ELF file packed with one of these, or an ELF file as it is. *out is malloc'ed, or NULL
 * when the file itself is the image. -1: err says why not.
 */
int kern_unpack(const uint8_t *file, size_t len, uint8_t **out, size_t *out_len,
		char err[KERN_ERR]);
/* Is b packed in a way we know? Then unpacks it; size_hint is the unpacked size. (unpack.c) */
const char *unpack_name(const uint8_t *b, size_t len);
int unpack(const uint8_t *b, size_t len, uint64_t size_hint, uint8_t **out, size_t *out_len,
	   char err[KERN_ERR]);

#define KERN_NONE (~0ull) /* a note that is not there */

struct kern_segment {
	uint64_t vaddr;			 /* where it goes, by its physical address */
	uint64_t file_offset, file_size; /* bytes from the image; zeros behind */
	uint64_t mem_size;
};

struct kern_image {
	uint64_t entry;		 /* virtual address */
	uint64_t virt_base;	 /* virtual address of pseudo-physical 0 */
	uint64_t init_p2m;	 /* KERN_NONE: the list goes behind the ramdisk */
	uint64_t hypercall_page; /* KERN_NONE: not wanted */
	bool mod_start_pfn;	 /* the ramdisk may be left unmapped */
	uint64_t start, end;	 /* virtual addresses of all segments; end is exclusive */
	unsigned int nr_segments;
	struct kern_segment segments[KERN_MAX_SEGMENTS];
};

/* Reads the headers and notes of an ELF image. -1: err says why it cannot be a guest kernel. */
int kern_parse(struct kern_image *k, const uint8_t *elf, size_t len, char err[KERN_ERR]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels as distributions ship them: bzImages around a packed ELF image. The
 * decompressors are those of Debian's kernel sources (lib/unpack/).
 */
#ifndef HYP_UNPACK_H
#define HYP_UNPACK_H

#include <hyp/types.h>

/*
 * gzip, xz, zstd or LZ4 (Linux's framing), told apart by their first bytes. 0 and
 * *out_len; -EINVAL: none of them, -ENOEXEC: damaged, -ENOSPC: more than dst_len, -ENOMEM.
 */
int unpack(const void *src, size_t len, void *dst, size_t dst_len, size_t *out_len);

/*
 * Before mm_init(): sets memory aside to unpack the kernel in this file, if it has to
 * be. Large blocks are not to be had later.
 */
void unpack_reserve(const void *file, size_t len);
/*
 * The ELF image in a kernel file: the file itself, or unpacked from a bzImage into the
 * memory set aside. NULL and *why when there is none.
 */
const void *unpack_kernel(const void *file, size_t len, size_t *size, const char **why);
/* Gives back the memory set aside; the image is of no more use. */
void unpack_free(const void *image, const void *file, size_t len, size_t size);

#endif

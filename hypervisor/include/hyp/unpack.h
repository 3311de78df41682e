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
 * The ELF image in a kernel file: the file itself, or unpacked from a bzImage into
 * memory of its own (unpack_free). NULL and *why when there is none.
 */
const void *unpack_kernel(const void *file, size_t len, size_t *size, const char **why);
/* Gives back what unpack_kernel() returned; nothing to do when that was the file. */
void unpack_free(const void *image, const void *file, size_t len, size_t size);

#endif

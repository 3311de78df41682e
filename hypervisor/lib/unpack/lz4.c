/* SPDX-License-Identifier: GPL-2.0-only */
/* LZ4, by the kernel's code, whose output is bounded by the length it is given. */
#include "shim.h"
#include "decompress_unlz4.c"

long unpack_lz4(const uint8_t *src, size_t len, uint8_t *dst, size_t dst_len, void *work)
{
	uint32_t size = get_unaligned_le32(src + len - 4);
	long used;

	if (size > dst_len)
		return -ENOSPC;
	shim_memory(work, WORK_SIZE);
	malloc_ptr = 0;
	if (__decompress((uint8_t *)(uintptr_t)src, (long)len, NULL, NULL, dst, size, &used,
			 shim_error))
		return -ENOEXEC;
	return size;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XZ, with the filter for x86 code. The kernel's own wrapper does not bound its
 * output, so the decoder below it is called.
 */
#include "shim.h"
#define memmove memmove /* or else it defines its own */
#include "decompress_unxz.c"

long unpack_xz(const uint8_t *src, size_t len, uint8_t *dst, size_t dst_len, void *work)
{
	struct xz_buf b = { .in = src, .in_size = len, .out = dst, .out_size = dst_len };
	struct xz_dec *s;
	enum xz_ret ret;

	shim_memory(work, WORK_SIZE);
	malloc_ptr = 0;
	xz_crc32_init();
	s = xz_dec_init(XZ_SINGLE, 0);
	if (!s)
		return -ENOMEM;
	ret = xz_dec_run(s, &b);
	if (ret == XZ_STREAM_END)
		return (long)b.out_pos;
	return ret == XZ_BUF_ERROR && b.out_pos == dst_len ? -ENOSPC : -ENOEXEC;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unpacking kernels: one const table of formats, each a call of its library that fills a
 * buffer of known size. The size comes from the file and is bounded by KERN_MAX_BYTES, so
 * a hostile file costs at most that; a stream that wants more room is refused.
 */
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "kernimage.h"

/* Each returns the bytes written to out, or -1. Bytes behind the stream are ignored. */
typedef long unpack_fn(const uint8_t *b, size_t len, uint8_t *out, size_t room);

static long unpack_gzip(const uint8_t *b, size_t len, uint8_t *out, size_t room)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)b,
		       .avail_in = (unsigned int)len,
		       .next_out = out,
		       .avail_out = (unsigned int)room };
	int ret;

	if (inflateInit2(&z, 15 + 16) != Z_OK) /* gzip header */
		return -1;
	ret = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return ret == Z_STREAM_END ? (long)z.total_out : -1;
}

static long unpack_xz(const uint8_t *b, size_t len, uint8_t *out, size_t room)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret ret;

	if (lzma_stream_decoder(&s, 256 << 20, 0) != LZMA_OK)
		return -1;
	s.next_in = b;
	s.avail_in = len;
	s.next_out = out;
	s.avail_out = room;
	do
		ret = lzma_code(&s, LZMA_RUN);
	while (ret == LZMA_OK);
	lzma_end(&s);
	return ret == LZMA_STREAM_END ? (long)s.total_out : -1;
}

static long unpack_zstd(const uint8_t *b, size_t len, uint8_t *out, size_t room)
{
	size_t packed = ZSTD_findFrameCompressedSize(b, len);
	size_t n;

	if (ZSTD_isError(packed))
		return -1;
	n = ZSTD_decompress(out, room, b, packed);
	return ZSTD_isError(n) ? -1 : (long)n;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#define LZ4_MAGIC 0x184c2102
#define LZ4_BLOCK (8 << 20)

/* The legacy frame: magic, then blocks of { size, data }; the unpacked size may follow. */
static long unpack_lz4(const uint8_t *b, size_t len, uint8_t *out, size_t room)
{
	size_t at = 4, done = 0;

	while (len - at >= 4) {
		uint32_t size = le32(b + at);
		size_t left = room - done;
		int n;

		at += 4;
		if (size == LZ4_MAGIC)
			continue;
		if (at == len) /* not a block: the size */
			break;
		if (!size || size > len - at)
			return -1;
		n = LZ4_decompress_safe((const char *)b + at, (char *)out + done, (int)size,
					(int)(left < LZ4_BLOCK ? left : LZ4_BLOCK));
		if (n < 0)
			return -1;
		done += (size_t)n;
		at += size;
	}
	return (long)done;
}

static const struct format {
	const char *name;
	uint8_t magic[6];
	size_t magic_len;
	unpack_fn *fn; /* NULL: known but not supported */
} formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzma", { 0x5d, 0, 0 }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
};

static const struct format *find_format(const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (len >= formats[i].magic_len + 4 &&
		    !memcmp(b, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

const char *unpack_name(const uint8_t *b, size_t len)
{
	const struct format *f = find_format(b, len);

	return f ? f->name : NULL;
}

int unpack(const uint8_t *b, size_t len, uint64_t size_hint, uint8_t **out, size_t *out_len,
	   char err[KERN_ERR])
{
	const struct format *f = find_format(b, len);
	uint8_t *buf;
	long n;

	if (!f || !f->fn) {
		snprintf(err, KERN_ERR,
			 f ? "packed with %s; gzip, xz, zstd and lz4 are supported" :
			     "its kernel is packed in an unknown way%s",
			 f ? f->name : "");
		return -1;
	}
	if (!size_hint || size_hint > KERN_MAX_BYTES || len > KERN_MAX_BYTES) {
		snprintf(err, KERN_ERR, "damaged: says it unpacks to %llu bytes",
			 (unsigned long long)size_hint);
		return -1;
	}
	buf = malloc((size_t)size_hint);
	if (!buf) {
		snprintf(err, KERN_ERR, "out of memory (%llu MiB to unpack it)",
			 (unsigned long long)(size_hint >> 20));
		return -1;
	}
	n = f->fn(b, len, buf, (size_t)size_hint);
	if (n <= 0) {
		free(buf);
		snprintf(err, KERN_ERR, "damaged: its %s data cannot be unpacked", f->name);
		return -1;
	}
	*out = buf;
	*out_len = (size_t)n;
	return 0;
}

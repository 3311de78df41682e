/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LZ4 in the framing Linux's build uses (`lz4 -l`): a magic number, then blocks, each
 * behind its packed size, each at most 8 MiB unpacked and independent of the others.
 * The kernel's own decoder trusts its input before a kernel runs; this one reads
 * nothing outside it and writes nothing outside dst, whatever the input is.
 */
#include "shim.h"

#define MAGIC 0x184c2102u
#define BLOCK_MAX (8ul << 20)
#define MIN_MATCH 4
#define MORE 15 /* a length of the token that goes on in bytes of its own */
#define STEP 8	/* bytes copied at once where there is room behind */

/* Kept in registers: everything that takes one is inline. */
struct cursor {
	const uint8_t *in, *in_end;
	uint8_t *out, *out_end;
};

static inline void copy_step(uint8_t *dst, const uint8_t *src)
{
	put_unaligned_le64(get_unaligned_le64(src), dst);
}

/* The rest of a length: bytes to add, up to and with the first that is not 255. */
static __always_inline bool read_more(struct cursor *c, size_t *len)
{
	uint8_t byte;

	do {
		if (c->in == c->in_end)
			return false;
		byte = *c->in++;
		*len += byte;
	} while (byte == 255);
	return true;
}

static __always_inline bool copy_literals(struct cursor *c, size_t len)
{
	if (len > (size_t)(c->out_end - c->out) || len > (size_t)(c->in_end - c->in))
		return false;
	memcpy(c->out, c->in, len);
	c->out += len;
	c->in += len;
	return true;
}

/*
 * What is copied may overlap its copy, and then repeats: of such a pattern the first bytes are
 * copied one by one, until there are enough of them behind for whole steps.
 */
static __always_inline bool copy_match(struct cursor *c, const uint8_t *start, size_t distance,
				       size_t len)
{
	const uint8_t *from = c->out - distance;
	uint8_t *end = c->out + len;

	if (!distance || distance > (size_t)(c->out - start) || len > (size_t)(c->out_end - c->out))
		return false;
	while (c->out < end && c->out - from < STEP)
		for (long i = 0, n = min(c->out - from, end - c->out); i < n; i++)
			*c->out++ = from[i];
	for (; end - c->out >= STEP; c->out += STEP, from += STEP)
		copy_step(c->out, from);
	while (c->out < end)
		*c->out++ = *from++;
	return true;
}

/*
 * Most tokens: both lengths in the token, and room for whole steps of the longest ones. False
 * for any other, with nothing done that is not done again.
 */
static __always_inline bool copy_short(struct cursor *c, const uint8_t *start)
{
	size_t literals, match, distance;
	const uint8_t *from;
	uint8_t *out = c->out;

	if (c->in_end - c->in < 1 + 2 * STEP + 2 || c->out_end - out < 5 * STEP)
		return false;
	literals = *c->in >> 4;
	match = *c->in & 15;
	if (literals == MORE || match == MORE)
		return false;
	copy_step(out, c->in + 1);
	copy_step(out + STEP, c->in + 1 + STEP);
	out += literals;
	distance = get_unaligned_le16(c->in + 1 + literals);
	if (distance < STEP || distance > (size_t)(out - start))
		return false;
	from = out - distance;
	for (size_t i = 0; i < 3 * STEP; i += STEP)
		copy_step(out + i, from + i);
	c->in += 1 + literals + 2;
	c->out = out + match + MIN_MATCH;
	return true;
}

/* Any token. The last one of a block has literals only. */
static __always_inline bool copy_long(struct cursor *c, const uint8_t *start)
{
	uint8_t token = *c->in++;
	size_t literals = token >> 4, match = token & 15, distance;

	if (literals == MORE && !read_more(c, &literals))
		return false;
	if (!copy_literals(c, literals))
		return false;
	if (c->in == c->in_end)
		return true;
	if (c->in_end - c->in < 2)
		return false;
	distance = get_unaligned_le16(c->in);
	c->in += 2;
	if (match == MORE && !read_more(c, &match))
		return false;
	return copy_match(c, start, distance, match + MIN_MATCH);
}

/* A block ends where its bytes do; whether it was whole shows in the sum of all. */
static __always_inline bool unpack_block(struct cursor *c)
{
	const uint8_t *start = c->out;

	while (c->in < c->in_end)
		if (!copy_short(c, start) && !copy_long(c, start))
			return false;
	return true;
}

long unpack_lz4(const uint8_t *src, size_t len, uint8_t *dst, size_t dst_len, void *work)
{
	const uint8_t *p = src, *end = src + len - 4;
	size_t size = get_unaligned_le32(end), done = 0;

	if (size > dst_len)
		return -ENOSPC;
	while (end - p >= 4) {
		size_t packed = get_unaligned_le32(p), most = min(size - done, BLOCK_MAX);
		struct cursor c = { .out = dst + done, .out_end = dst + done + most };

		p += 4;
		if (packed == MAGIC)
			continue;
		if (packed > (size_t)(end - p))
			return -ENOEXEC;
		c.in = p;
		c.in_end = p += packed;
		if (!unpack_block(&c))
			return -ENOEXEC;
		done = (size_t)(c.out - dst);
	}
	return p == end && done == size ? (long)size : -ENOEXEC;
}

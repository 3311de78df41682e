/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain's directory as one flat buffer of records in preorder: a node is
 * followed by everything below it. So a snapshot is a memcpy, removing a subtree
 * a memmove, the quota the size of the buffer, and nothing needs a recursion.
 * Look-ups scan the buffer; 64 KiB at most.
 *
 * Invariants: the first record is the root (path ""); every node's parent exists;
 * used <= size <= XS_TREE_BYTES. Records move: pointers to them end with the next
 * change. Pure code; who may do what is decided in wire.c.
 */
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/xenstore.h>

#define FIRST_SIZE 1024

static struct xs_rec *rec_at(const struct xs_nodes *n, uint32_t off)
{
	return (struct xs_rec *)(n->buf + off);
}

static uint32_t rec_off(const struct xs_nodes *n, const struct xs_rec *r)
{
	return (uint32_t)((const uint8_t *)r - n->buf);
}

static uint32_t rec_size(size_t path_len, size_t val_len)
{
	return (uint32_t)(sizeof(struct xs_rec) + path_len + 1 + val_len + 7) & ~7u;
}

static void rec_write(struct xs_rec *r, const char *path, size_t len, size_t val_len, uint8_t flags)
{
	*r = (struct xs_rec){ .size = (uint16_t)rec_size(len, val_len),
			      .path_len = (uint16_t)len,
			      .val_len = (uint16_t)val_len,
			      .flags = flags };
	memcpy(r + 1, path, len);
	((char *)(r + 1))[len] = 0;
}

int xs_nodes_init(struct xs_nodes *n)
{
	n->buf = hyp_alloc(FIRST_SIZE);
	if (!n->buf)
		return -ENOMEM;
	n->size = FIRST_SIZE;
	rec_write(rec_at(n, 0), "", 0, 0, 0);
	n->used = rec_at(n, 0)->size;
	return 0;
}

void xs_nodes_free(struct xs_nodes *n)
{
	hyp_free(n->buf);
	*n = (struct xs_nodes){ 0 };
}

int xs_nodes_copy(struct xs_nodes *dst, const struct xs_nodes *src)
{
	*dst = *src;
	dst->buf = hyp_alloc(src->size);
	if (!dst->buf)
		return -ENOMEM;
	memcpy(dst->buf, src->buf, src->used);
	return 0;
}

static bool path_char_ok(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '@' || c == '.' || c == ':' || c == '+';
}

bool xs_path_ok(const char *path, size_t len)
{
	unsigned int depth = 1;

	if (len == 0)
		return true;
	if (len > XENSTORE_REL_PATH_MAX || path[0] == '/' || path[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (path[i] == '/') {
			if (path[i + 1] == '/' || ++depth > XS_MAX_DEPTH)
				return false;
		} else if (!path_char_ok(path[i])) {
			return false;
		}
	}
	return true;
}

bool xs_path_below(const char *path, size_t len, const char *prefix, size_t prefix_len)
{
	if (prefix_len == 0)
		return true;
	if (len < prefix_len || memcmp(path, prefix, prefix_len))
		return false;
	return len == prefix_len || path[prefix_len] == '/';
}

struct xs_rec *xs_find(const struct xs_nodes *n, const char *path, size_t len)
{
	for (uint32_t off = 0; off < n->used; off += rec_at(n, off)->size) {
		struct xs_rec *r = rec_at(n, off);

		if (r->path_len == len && !memcmp(xs_rec_path(r), path, len))
			return r;
	}
	return NULL;
}

static size_t parent_len(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len ? len - 1 : 0;
}

struct xs_rec *xs_find_nearest(const struct xs_nodes *n, const char *path, size_t len)
{
	struct xs_rec *r;

	while (!(r = xs_find(n, path, len)))
		len = parent_len(path, len);
	return r;
}

/* Offset behind r and everything below it. */
static uint32_t subtree_end(const struct xs_nodes *n, const struct xs_rec *r)
{
	uint32_t off = rec_off(n, r) + r->size;

	while (off < n->used && xs_path_below(xs_rec_path(rec_at(n, off)), rec_at(n, off)->path_len,
					      xs_rec_path(r), r->path_len))
		off += rec_at(n, off)->size;
	return off;
}

/* Opens a gap at off, growing the buffer; pointers to records become stale. */
static int make_room(struct xs_nodes *n, uint32_t off, uint32_t bytes)
{
	uint32_t size = n->size;
	uint8_t *buf;

	if (n->used + bytes > XS_TREE_BYTES)
		return -ENOSPC;
	while (size < n->used + bytes)
		size *= 2;
	if (size != n->size) {
		buf = hyp_alloc(size);
		if (!buf)
			return -ENOMEM;
		memcpy(buf, n->buf, n->used);
		hyp_free(n->buf);
		n->buf = buf;
		n->size = size;
	}
	memmove(n->buf + off + bytes, n->buf + off, n->used - off);
	n->used += bytes;
	return 0;
}

static void close_gap(struct xs_nodes *n, uint32_t off, uint32_t bytes)
{
	memmove(n->buf + off, n->buf + off + bytes, n->used - off - bytes);
	n->used -= bytes;
}

static int set_value(struct xs_nodes *n, struct xs_rec *r, const char *val, size_t val_len)
{
	uint32_t off = rec_off(n, r), old = r->size, size = rec_size(r->path_len, val_len);
	int err;

	if (size > old) {
		err = make_room(n, off + old, size - old);
		if (err)
			return err;
	} else {
		close_gap(n, off + size, old - size);
	}
	r = rec_at(n, off);
	r->size = (uint16_t)size;
	r->val_len = (uint16_t)val_len;
	memcpy((char *)(r + 1) + r->path_len + 1, val, val_len);
	return 0;
}

/* Length of the path's prefix that is one component longer than have. */
static size_t next_component(const char *path, size_t len, size_t have)
{
	size_t l = have ? have + 1 : 0;

	while (l < len && path[l] != '/')
		l++;
	return l;
}

int xs_put(struct xs_nodes *n, const char *path, size_t len, const char *val, size_t val_len)
{
	struct xs_rec *near = xs_find_nearest(n, path, len);
	size_t have = near->path_len;
	uint8_t flags = near->flags;
	uint32_t bytes = 0, off;
	int err;

	if (have == len)
		return val ? set_value(n, near, val, val_len) : 0;
	for (size_t l = have; l < len;) {
		l = next_component(path, len, l);
		bytes += rec_size(l, l == len ? val_len : 0);
	}
	off = subtree_end(n, near);
	err = make_room(n, off, bytes);
	if (err)
		return err;
	while (have < len) {
		have = next_component(path, len, have);
		rec_write(rec_at(n, off), path, have, have == len ? val_len : 0, flags);
		if (have == len && val_len)
			memcpy((char *)(rec_at(n, off) + 1) + len + 1, val, val_len);
		off += rec_at(n, off)->size;
	}
	return 0;
}

int xs_remove(struct xs_nodes *n, const char *path, size_t len, bool keep)
{
	struct xs_rec *r = len ? xs_find(n, path, len) : NULL;
	uint32_t off;

	if (!r)
		return -ENOENT;
	off = rec_off(n, r) + (keep ? r->size : 0);
	close_gap(n, off, subtree_end(n, r) - off);
	return 0;
}

size_t xs_list(const struct xs_nodes *n, const char *path, size_t len, size_t off, char *buf,
	       size_t size)
{
	const struct xs_rec *top = xs_find(n, path, len);
	size_t pos = 0, skip = len ? len + 1 : 0;
	uint32_t o, end;

	if (!top)
		return 0;
	end = subtree_end(n, top);
	for (o = rec_off(n, top) + top->size; o < end; o += rec_at(n, o)->size) {
		const struct xs_rec *r = rec_at(n, o);
		const char *name = xs_rec_path(r) + skip;

		if (strchr(name, '/'))
			continue;
		for (size_t i = 0; i <= r->path_len - skip; i++, pos++)
			if (pos >= off && pos - off < size)
				buf[pos - off] = name[i];
	}
	return pos;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device directory (DESIGN section 5): one small tree per domain, spoken to
 * with the xenstore wire protocol. tree.c (the tree), wire.c (messages, watches,
 * transactions) are pure and run in the host's unit tests; ring.c connects them
 * to the domains' rings.
 *
 * Locking: everything here is protected by one lock of ring.c (RANK_XENSTORE).
 */
#ifndef HYP_XENSTORE_H
#define HYP_XENSTORE_H

#include <hyp/list.h>
#include <hyp/types.h>
#include <public/xen.h>
#include <public/io/xs_wire.h>

#define XS_TREE_BYTES 65536 /* quota of a tree: names, values and record heads */
#define XS_MAX_DEPTH 16
#define XS_MAX_WATCHES 128
#define XS_MAX_TXNS 4
#define XS_MAX_EVENTS 32 /* queued per connection; beyond, events are merged per watch */

/* --- the tree: paths without leading slash, "" is the root. Lengths exclude terminators. */
#define XSN_GUEST_RW 1 /* the tree's own domain may change it; inherited by new children */

struct xs_nodes {
	uint8_t *buf;
	uint32_t used, size;
	uint64_t gen; /* of the last change */
};

struct xs_rec { /* followed by path, NUL, value; padded to 8 bytes */
	uint16_t size, path_len, val_len;
	uint8_t flags, pad;
};

static inline const char *xs_rec_path(const struct xs_rec *r)
{
	return (const char *)(r + 1);
}

static inline const char *xs_rec_value(const struct xs_rec *r)
{
	return xs_rec_path(r) + r->path_len + 1;
}

int xs_nodes_init(struct xs_nodes *n); /* an empty root */
void xs_nodes_free(struct xs_nodes *n);
int xs_nodes_copy(struct xs_nodes *dst, const struct xs_nodes *src);
/* True when the path has only allowed characters, no empty component, and is not too deep. */
bool xs_path_ok(const char *path, size_t len);
/* True when path is prefix, or lies below it. */
bool xs_path_below(const char *path, size_t len, const char *prefix, size_t prefix_len);
struct xs_rec *xs_find(const struct xs_nodes *n, const char *path, size_t len);
/* The record of the path or of its nearest existing ancestor. */
struct xs_rec *xs_find_nearest(const struct xs_nodes *n, const char *path, size_t len);
/* Sets the value, making the node and its parents; val NULL: only makes them. 0, -ENOSPC, -ENOMEM. */
int xs_put(struct xs_nodes *n, const char *path, size_t len, const char *val, size_t val_len);
/* Removes all below the node (not the root) and, unless keep, the node itself. -ENOENT */
int xs_remove(struct xs_nodes *n, const char *path, size_t len, bool keep);
/* Names of the children, each with its NUL: copies what fits from byte off on; returns the full size. */
size_t xs_list(const struct xs_nodes *n, const char *path, size_t len, size_t off, char *buf,
	       size_t size);

/* --- connections: one per domain, with its tree. */
struct xs_watch {
	struct list link;
	int32_t dom; /* whose tree */
	bool relative;
	bool lost; /* one event with its own path is owed: new, or one could not be queued */
	uint16_t given_len, path_len, token_len;
	const char *path; /* within the tree; points into text */
	char text[];	  /* path as given, NUL, token, NUL */
};

struct xs_event {
	struct xs_event *next;
	uint32_t len;
	char data[]; /* path, NUL, token, NUL */
};

struct xs_txn {
	struct xs_txn *next;
	uint32_t id;
	int32_t dom; /* the tree it covers, that of its first access; -1 none yet */
	bool wrote, removed;
	uint16_t changed_len; /* of the deepest node above all changes */
	struct xs_nodes snap;
	char changed[256];
};

#define XS_MSG_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

struct xs_conn {
	struct xs_conn *next; /* in the store, by rising id */
	domid_t id;
	bool privileged; /* may use every tree */
	struct xs_nodes nodes;
	struct list watches;
	uint32_t nr_watches, nr_txns, last_txn;
	struct xs_txn *txns;
	struct xs_event *events, **events_end;
	uint32_t nr_events;
	bool owed;				 /* some watch may be lost */
	uint32_t in_have, out_pos, out_len;	 /* bytes of the messages below */
	uint8_t in[XS_MSG_MAX + 1] __aligned(8); /* room for a terminator */
	uint8_t out[XS_MSG_MAX] __aligned(8);

	/* ring.c */
	struct domain *domain;
	void *page; /* struct xenstore_domain_interface */
	uint32_t port;
	bool broken, more;
};

struct xs_store {
	struct xs_conn *conns;
	uint64_t gen;
	/* Called after each change of a tree, at or below path; NULL: nobody cares. */
	void (*changed)(struct xs_conn *owner, const char *path, size_t len);
};

int xs_conn_init(struct xs_store *s, struct xs_conn *c, domid_t id, bool privileged);
void xs_conn_free(struct xs_store *s, struct xs_conn *c);
/* Bytes still missing in c->in: 0 = a whole message, -EINVAL = no such message exists. */
int xs_in_missing(const struct xs_conn *c);
/* Executes the message in c->in and leaves the answer in c->out, which must be empty. */
void xs_process(struct xs_store *s, struct xs_conn *c);
/* Moves one owed watch event to c->out, which must be empty. False: none. */
bool xs_next_event(struct xs_conn *c);

/* The hypervisor's and the tools' own access to a tree; path as above. */
int xs_set(struct xs_store *s, struct xs_conn *c, const char *path, const char *val, size_t len);
int xs_rm(struct xs_store *s, struct xs_conn *c, const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The xenstore wire protocol: one message in, one answer out, and watch events.
 *
 * Who may do what: a domain uses its own tree, by relative paths or below
 * /local/domain/<its id>; it changes only nodes marked XSN_GUEST_RW. Privileged
 * connections (domain 0) use every tree. Everything else is EACCES, also the
 * question whether another domain exists. Access is this rule and not stored
 * permissions: GET_PERMS reports the owner, SET_PERMS accepts only that.
 *
 * There is nothing above the trees: /, /local and /local/domain answer ENOENT.
 *
 * Transactions are snapshots of one tree, that of their first access (EINVAL for
 * another one); a commit fails with EAGAIN when the tree has changed since, and
 * fires watches once, for the deepest node above all that it changed.
 *
 * Events that do not fit a connection's queue are merged: their watch fires once,
 * with its own path, when there is room. A reader has to look anyway.
 *
 * Pure code: no locks, no rings, no domains; messages are complete when they
 * arrive here. Nothing loops over more than one tree, the watches of two
 * connections and the list of connections.
 */
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/xenstore.h>

#define TOKEN_MAX 1024
#define HDR sizeof(struct xsd_sockmsg)

static const char base[] = "/local/domain/";
#define BASE_LEN (sizeof(base) - 1)

struct xs_loc {
	int32_t dom;
	const char *path;
	size_t len;
};

struct xs_req {
	struct xs_store *s;
	struct xs_conn *c;
	struct xsd_sockmsg h;
	char *arg[2];
	size_t len[2];
	struct xs_loc loc;
	struct xs_conn *owner; /* of the tree loc is in */
	struct xs_txn *txn;
	struct xs_nodes *nodes; /* the tree, or the transaction's snapshot of it */
};

static const struct {
	int err;
	const char *name;
} errors[] = {
	{ EINVAL, "EINVAL" },	    { EACCES, "EACCES" }, { EEXIST, "EEXIST" },
	{ ENOENT, "ENOENT" },	    { ENOMEM, "ENOMEM" }, { ENOSPC, "ENOSPC" },
	{ ENOSYS, "ENOSYS" },	    { EBUSY, "EBUSY" },	  { EAGAIN, "EAGAIN" },
	{ ENOTEMPTY, "ENOTEMPTY" }, { E2BIG, "E2BIG" },	  { EPERM, "EPERM" },
};

static struct xs_conn *conn_find(const struct xs_store *s, int32_t dom)
{
	struct xs_conn *c = s->conns;

	while (c && c->id != dom)
		c = c->next;
	return c;
}

/* --- answers */

static char *out_payload(struct xs_conn *c)
{
	return (char *)c->out + HDR;
}

static void send(struct xs_conn *c, uint32_t type, uint32_t req, uint32_t tx, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = req, .tx_id = tx, .len = (uint32_t)len };

	memcpy(c->out, &h, HDR);
	c->out_pos = 0;
	c->out_len = (uint32_t)(HDR + len);
}

static int reply_len(struct xs_req *r, size_t len)
{
	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	send(r->c, r->h.type, r->h.req_id, r->h.tx_id, len);
	return 0;
}

static int reply(struct xs_req *r, const char *data, size_t len)
{
	memcpy(out_payload(r->c), data, len);
	return reply_len(r, len);
}

static int reply_ok(struct xs_req *r)
{
	return reply(r, "OK", 3);
}

static void reply_error(struct xs_req *r, int err)
{
	const char *name = errors[0].name;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == -err)
			name = errors[i].name;
	r->h.type = XS_ERROR;
	reply(r, name, strlen(name) + 1);
}

/* --- watches and events */

static bool event_known(const struct xs_conn *c, const char *data, uint32_t len)
{
	for (const struct xs_event *e = c->events; e; e = e->next)
		if (e->len == len && !memcmp(e->data, data, len))
			return true;
	return false;
}

/* w fires once, with the path it was given. */
static void watch_owe(struct xs_conn *c, struct xs_watch *w)
{
	w->lost = true;
	c->owed = true;
}

/* Queues an event of w for the path (without prefix), or marks it as owed. */
static void event_queue(struct xs_conn *c, struct xs_watch *w, domid_t dom, const char *path,
			size_t len)
{
	char prefix[BASE_LEN + 8] = "";
	const char *token = w->text + w->given_len + 1;
	size_t plen = 0, pos;
	struct xs_event *e;

	if (!w->relative)
		plen = (size_t)snprintf(prefix, sizeof(prefix), "%s%u%s", base, dom,
					len ? "/" : "");
	e = c->nr_events < XS_MAX_EVENTS ? hyp_alloc(sizeof(*e) + plen + len + w->token_len + 2) :
					   NULL;
	if (!e) {
		watch_owe(c, w);
		return;
	}
	memcpy(e->data, prefix, plen);
	memcpy(e->data + plen, path, len);
	pos = plen + len;
	e->data[pos++] = 0;
	memcpy(e->data + pos, token, w->token_len + 1u);
	e->len = (uint32_t)(pos + w->token_len + 1);
	e->next = NULL;
	if (event_known(c, e->data, e->len)) {
		hyp_free(e);
		return;
	}
	*c->events_end = e;
	c->events_end = &e->next;
	c->nr_events++;
}

/* The node at path of owner's tree changed, or was removed with all below. */
static void fire(struct xs_store *s, struct xs_conn *owner, const char *path, size_t len,
		 bool removed)
{
	if (s->changed)
		s->changed(owner, path, len);
	for (struct xs_conn *c = s->conns; c; c = c->next) {
		struct list *p;

		if (c != owner && !c->privileged)
			continue;
		list_for_each(p, &c->watches) {
			struct xs_watch *w = list_entry(p, struct xs_watch, link);

			if (w->dom != owner->id)
				continue;
			if (xs_path_below(path, len, w->path, w->path_len))
				event_queue(c, w, owner->id, path, len);
			else if (removed && xs_path_below(w->path, w->path_len, path, len))
				watch_owe(c, w);
		}
	}
}

bool xs_next_event(struct xs_conn *c)
{
	struct xs_event *e = c->events;
	struct list *p;

	if (e) {
		memcpy(out_payload(c), e->data, e->len);
		send(c, XS_WATCH_EVENT, 0, 0, e->len);
		c->events = e->next;
		if (!c->events)
			c->events_end = &c->events;
		c->nr_events--;
		hyp_free(e);
		return true;
	}
	list_for_each(p, &c->watches) {
		struct xs_watch *w = list_entry(p, struct xs_watch, link);

		if (!w->lost)
			continue;
		w->lost = false;
		memcpy(out_payload(c), w->text, w->given_len + w->token_len + 2u);
		send(c, XS_WATCH_EVENT, 0, 0, w->given_len + w->token_len + 2u);
		return true;
	}
	c->owed = false;
	return false;
}

static void watch_free(struct xs_conn *c, struct xs_watch *w)
{
	list_del(&w->link);
	c->nr_watches--;
	hyp_free(w);
}

/* --- paths */

static bool path_is(const char *p, size_t len, const char *what)
{
	return len == strlen(what) && !memcmp(p, what, len);
}

/* Whose tree, and where in it. No look-up of the domain. */
static int path_parse(const struct xs_conn *c, const char *p, size_t len, struct xs_loc *l)
{
	size_t pos = BASE_LEN;
	int32_t dom = 0;

	*l = (struct xs_loc){ .dom = c->id, .path = p, .len = len };
	if (len == 0 || len > XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	if (p[0] != '/')
		return xs_path_ok(p, len) ? 0 : -EINVAL;
	if (!xs_path_ok(p + 1, len - 1))
		return -EINVAL;
	if (len <= BASE_LEN || memcmp(p, base, BASE_LEN))
		return c->privileged ? -ENOENT : -EACCES;
	for (; pos < len && p[pos] >= '0' && p[pos] <= '9' && dom < DOMID_MASK; pos++)
		dom = dom * 10 + p[pos] - '0';
	if ((pos < len && p[pos] != '/') || pos == BASE_LEN)
		return c->privileged ? -ENOENT : -EACCES;
	*l = (struct xs_loc){ .dom = dom, .path = p + pos, .len = len - pos };
	if (l->len) {
		l->path++;
		l->len--;
	}
	return dom == c->id || c->privileged ? 0 : -EACCES;
}

/* --- transactions */

static void txn_free(struct xs_conn *c, struct xs_txn *t)
{
	struct xs_txn **p = &c->txns;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	c->nr_txns--;
	xs_nodes_free(&t->snap);
	hyp_free(t);
}

static struct xs_txn *txn_find(const struct xs_conn *c, uint32_t id)
{
	struct xs_txn *t = c->txns;

	while (t && t->id != id)
		t = t->next;
	return t;
}

/* Chooses the tree the request works on. */
static int txn_enter(struct xs_req *r)
{
	struct xs_txn *t;
	int err;

	r->nodes = &r->owner->nodes;
	if (!r->h.tx_id)
		return 0;
	r->txn = t = txn_find(r->c, r->h.tx_id);
	if (!t)
		return -ENOENT;
	if (t->dom < 0) {
		err = xs_nodes_copy(&t->snap, &r->owner->nodes);
		if (err)
			return err;
		t->dom = r->owner->id;
	}
	r->nodes = &t->snap;
	return t->dom == r->owner->id ? 0 : -EINVAL;
}

/* Keeps the longest path that all changes are at or below. The root is as good as any other. */
static void txn_note(struct xs_txn *t, const char *path, size_t len, bool removed)
{
	size_t n = 0;

	if (!t->wrote && len <= sizeof(t->changed)) {
		t->wrote = true;
		t->removed = removed;
		t->changed_len = (uint16_t)len;
		memcpy(t->changed, path, len);
		return;
	}
	t->wrote = true;
	if (t->changed_len == len && !memcmp(t->changed, path, len))
		return;
	while (n < t->changed_len && n < len && t->changed[n] == path[n])
		n++;
	while (n && !(xs_path_below(path, len, path, n) &&
		      xs_path_below(t->changed, t->changed_len, path, n)))
		n--;
	t->changed_len = (uint16_t)n;
	t->removed = true; /* watches below may be concerned */
}

static void changed(struct xs_req *r, bool removed)
{
	if (r->txn) {
		txn_note(r->txn, r->loc.path, r->loc.len, removed);
		return;
	}
	r->nodes->gen = ++r->s->gen;
	fire(r->s, r->owner, r->loc.path, r->loc.len, removed);
}

static int txn_commit(struct xs_store *s, struct xs_txn *t)
{
	struct xs_conn *owner = conn_find(s, t->dom);

	if (!t->wrote)
		return 0;
	if (!owner || owner->nodes.gen != t->snap.gen)
		return -EAGAIN;
	xs_nodes_free(&owner->nodes);
	owner->nodes = t->snap;
	t->snap = (struct xs_nodes){ 0 };
	owner->nodes.gen = ++s->gen;
	fire(s, owner, t->changed, t->changed_len, t->removed);
	return 0;
}

static int do_txn_start(struct xs_req *r)
{
	struct xs_txn *t;
	char id[16];

	if (r->h.tx_id)
		return -EBUSY;
	if (r->c->nr_txns >= XS_MAX_TXNS)
		return -ENOSPC;
	t = hyp_alloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	do {
		t->id = ++r->c->last_txn;
	} while (!t->id || txn_find(r->c, t->id));
	t->dom = -1;
	t->next = r->c->txns;
	r->c->txns = t;
	r->c->nr_txns++;
	snprintf(id, sizeof(id), "%u", t->id);
	return reply(r, id, strlen(id) + 1);
}

static int do_txn_end(struct xs_req *r)
{
	struct xs_txn *t = txn_find(r->c, r->h.tx_id);
	bool commit = path_is(r->arg[0], r->len[0], "T");
	int err = 0;

	if (!commit && !path_is(r->arg[0], r->len[0], "F"))
		return -EINVAL;
	if (!t)
		return -ENOENT;
	if (commit)
		err = txn_commit(r->s, t);
	txn_free(r->c, t);
	return err ? err : reply_ok(r);
}

/* --- reading */

static int do_directory(struct xs_req *r)
{
	char *buf = out_payload(r->c);

	if (!xs_find(r->nodes, r->loc.path, r->loc.len))
		return -ENOENT;
	return reply_len(r,
			 xs_list(r->nodes, r->loc.path, r->loc.len, 0, buf, XENSTORE_PAYLOAD_MAX));
}

/* As above from a byte offset on, behind the tree's generation; one more NUL marks the end. */
static int do_directory_part(struct xs_req *r)
{
	char *buf = out_payload(r->c), *end;
	uint64_t off = strtoull(r->arg[1], &end, 10);
	size_t pos, total, room;

	if (*end || !r->len[1])
		return -EINVAL;
	if (!xs_find(r->nodes, r->loc.path, r->loc.len))
		return -ENOENT;
	pos = (size_t)snprintf(buf, 32, "%llu", (unsigned long long)r->nodes->gen) + 1;
	room = XENSTORE_PAYLOAD_MAX - pos - 1;
	total = xs_list(r->nodes, r->loc.path, r->loc.len, off, buf + pos, room);
	if (off >= total) {
		buf[pos] = 0;
		return reply_len(r, pos + 1);
	}
	total -= off;
	if (total <= room) {
		buf[pos + total] = 0;
		return reply_len(r, pos + total + 1);
	}
	while (room && buf[pos + room - 1])
		room--;
	return reply_len(r, pos + room);
}

static int do_read(struct xs_req *r)
{
	const struct xs_rec *n = xs_find(r->nodes, r->loc.path, r->loc.len);

	return n ? reply(r, xs_rec_value(n), n->val_len) : -ENOENT;
}

static int do_get_perms(struct xs_req *r)
{
	char perm[16];

	if (!xs_find(r->nodes, r->loc.path, r->loc.len))
		return -ENOENT;
	snprintf(perm, sizeof(perm), "n%u", r->owner->id);
	return reply(r, perm, strlen(perm) + 1);
}

/* The argument as a domain's number, or -EINVAL. */
static int arg_domid(const struct xs_req *r)
{
	char *end;
	unsigned long long id = strtoull(r->arg[0], &end, 10);

	return *end || !r->len[0] || id > DOMID_MASK ? -EINVAL : (int)id;
}

static int do_domain_path(struct xs_req *r)
{
	char path[BASE_LEN + 8];
	int id = arg_domid(r);

	if (id < 0)
		return id;
	snprintf(path, sizeof(path), "%s%u", base, (unsigned int)id & DOMID_MASK);
	return reply(r, path, strlen(path) + 1);
}

static int do_is_introduced(struct xs_req *r)
{
	int id = arg_domid(r);

	if (id < 0)
		return id;
	if (!r->c->privileged && id != r->c->id)
		return -EACCES;
	return reply(r, conn_find(r->s, id) ? "T" : "F", 2);
}

/* --- writing */

/* The node or, when it does not exist, where it would be made, may be changed. */
static bool may_write(const struct xs_req *r)
{
	return r->c->privileged ||
	       (xs_find_nearest(r->nodes, r->loc.path, r->loc.len)->flags & XSN_GUEST_RW);
}

static int put(struct xs_req *r, const char *val, size_t len)
{
	int err;

	if (!may_write(r))
		return -EACCES;
	err = xs_put(r->nodes, r->loc.path, r->loc.len, val, len);
	if (err)
		return err;
	changed(r, false);
	return reply_ok(r);
}

static int do_write(struct xs_req *r)
{
	return put(r, r->arg[1], r->len[1]);
}

static int do_mkdir(struct xs_req *r)
{
	if (xs_find(r->nodes, r->loc.path, r->loc.len))
		return may_write(r) ? reply_ok(r) : -EACCES;
	return put(r, NULL, 0);
}

/* A guest that removes one of its top-level directories empties it: it could not make it again. */
static int do_rm(struct xs_req *r)
{
	const struct xs_rec *parent;
	size_t plen = r->loc.len;
	bool keep;

	if (!plen)
		return -EACCES;
	while (plen && r->loc.path[plen - 1] != '/')
		plen--;
	plen -= plen > 0;
	parent = xs_find(r->nodes, r->loc.path, plen);
	if (!parent)
		return -ENOENT;
	keep = !r->c->privileged && !(parent->flags & XSN_GUEST_RW);
	if (keep && !may_write(r))
		return -EACCES;
	if (!xs_remove(r->nodes, r->loc.path, r->loc.len, keep))
		changed(r, true);
	return reply_ok(r);
}

static int do_set_perms(struct xs_req *r)
{
	char perm[16];

	if (!xs_find(r->nodes, r->loc.path, r->loc.len))
		return -ENOENT;
	snprintf(perm, sizeof(perm), "n%u", r->owner->id);
	if (r->len[1] != strlen(perm) + 1 || memcmp(r->arg[1], perm, r->len[1]))
		return -EPERM;
	return reply_ok(r);
}

/* --- watches */

static struct xs_watch *watch_find(struct xs_req *r)
{
	struct list *p;

	list_for_each(p, &r->c->watches) {
		struct xs_watch *w = list_entry(p, struct xs_watch, link);

		if (w->given_len == r->len[0] && w->token_len == r->len[1] &&
		    !memcmp(w->text, r->arg[0], r->len[0]) &&
		    !memcmp(w->text + r->len[0] + 1, r->arg[1], r->len[1]))
			return w;
	}
	return NULL;
}

static int do_watch(struct xs_req *r)
{
	struct xs_watch *w;
	struct xs_loc l;
	int err = path_parse(r->c, r->arg[0], r->len[0], &l);

	if (err)
		return err;
	if (r->len[1] > TOKEN_MAX)
		return -EINVAL;
	if (watch_find(r))
		return -EEXIST;
	if (r->c->nr_watches >= XS_MAX_WATCHES)
		return -ENOSPC;
	w = hyp_alloc(sizeof(*w) + r->len[0] + r->len[1] + 2);
	if (!w)
		return -ENOMEM;
	memcpy(w->text, r->arg[0], r->len[0] + 1);
	memcpy(w->text + r->len[0] + 1, r->arg[1], r->len[1] + 1);
	w->given_len = (uint16_t)r->len[0];
	w->token_len = (uint16_t)r->len[1];
	w->dom = l.dom;
	w->path_len = (uint16_t)l.len;
	w->path = w->text + r->len[0] - l.len;
	w->relative = r->arg[0][0] != '/';
	watch_owe(r->c, w); /* a new watch fires at once */
	list_add_tail(&r->c->watches, &w->link);
	r->c->nr_watches++;
	return reply_ok(r);
}

static int do_unwatch(struct xs_req *r)
{
	struct xs_watch *w = watch_find(r);

	if (!w)
		return -ENOENT;
	watch_free(r->c, w);
	return reply_ok(r);
}

static void conn_reset(struct xs_conn *c)
{
	struct xs_event *e;

	while (!list_empty(&c->watches))
		watch_free(c, list_entry(c->watches.next, struct xs_watch, link));
	while (c->txns)
		txn_free(c, c->txns);
	while ((e = c->events)) {
		c->events = e->next;
		hyp_free(e);
	}
	c->events_end = &c->events;
	c->nr_events = 0;
}

static int do_reset(struct xs_req *r)
{
	conn_reset(r->c);
	return reply_ok(r);
}

/* --- dispatch */

#define XSF_PATH 1	 /* arg[0] is a path in a tree */
#define XSF_RAW 2	 /* the last argument is the rest of the message, not a string */
#define XSF_PRIVILEGED 4 /* EACCES for all but domain 0, for which it does not exist (ENOSYS) */

static const struct {
	int (*fn)(struct xs_req *r);
	uint8_t nargs, flags;
} ops[XS_TYPE_COUNT] = {
	[XS_CONTROL] = { NULL, 0, XSF_PRIVILEGED },
	[XS_DIRECTORY] = { do_directory, 1, XSF_PATH },
	[XS_READ] = { do_read, 1, XSF_PATH },
	[XS_GET_PERMS] = { do_get_perms, 1, XSF_PATH },
	[XS_WATCH] = { do_watch, 2, 0 },
	[XS_UNWATCH] = { do_unwatch, 2, 0 },
	[XS_TRANSACTION_START] = { do_txn_start, 0, 0 },
	[XS_TRANSACTION_END] = { do_txn_end, 1, 0 },
	[XS_INTRODUCE] = { NULL, 0, XSF_PRIVILEGED },
	[XS_RELEASE] = { NULL, 0, XSF_PRIVILEGED },
	[XS_GET_DOMAIN_PATH] = { do_domain_path, 1, 0 },
	[XS_WRITE] = { do_write, 2, XSF_PATH | XSF_RAW },
	[XS_MKDIR] = { do_mkdir, 1, XSF_PATH },
	[XS_RM] = { do_rm, 1, XSF_PATH },
	[XS_SET_PERMS] = { do_set_perms, 2, XSF_PATH | XSF_RAW },
	[XS_IS_DOMAIN_INTRODUCED] = { do_is_introduced, 1, 0 },
	[XS_RESUME] = { NULL, 0, XSF_PRIVILEGED },
	[XS_SET_TARGET] = { NULL, 0, XSF_PRIVILEGED },
	[XS_RESET_WATCHES] = { do_reset, 0, 0 },
	[XS_DIRECTORY_PART] = { do_directory_part, 2, XSF_PATH },
};

/* Splits the payload; it has a byte of room for a terminator. */
static int split_args(struct xs_req *r, char *p, unsigned int nargs, bool raw)
{
	char *end = p + r->h.len;

	*end = 0;
	for (unsigned int i = 0; i < nargs; i++) {
		r->arg[i] = p;
		if (raw && i == nargs - 1) {
			r->len[i] = (size_t)(end - p);
			return 0;
		}
		r->len[i] = strlen(p);
		p += r->len[i] + 1;
		if (p > end)
			return -EINVAL; /* the last string had no terminator */
	}
	return 0;
}

static int locate(struct xs_req *r)
{
	int err = path_parse(r->c, r->arg[0], r->len[0], &r->loc);

	if (err)
		return err;
	r->owner = conn_find(r->s, r->loc.dom);
	if (!r->owner)
		return -ENOENT;
	return txn_enter(r);
}

static int execute(struct xs_req *r)
{
	unsigned int flags;
	int err;

	if (r->h.type >= XS_TYPE_COUNT || (!ops[r->h.type].fn && !ops[r->h.type].flags))
		return -ENOSYS;
	flags = ops[r->h.type].flags;
	if (flags & XSF_PRIVILEGED)
		return r->c->privileged ? -ENOSYS : -EACCES;
	err = split_args(r, (char *)r->c->in + HDR, ops[r->h.type].nargs, flags & XSF_RAW);
	if (!err && (flags & XSF_PATH))
		err = locate(r);
	return err ? err : ops[r->h.type].fn(r);
}

int xs_in_missing(const struct xs_conn *c)
{
	struct xsd_sockmsg h;

	if (c->in_have < HDR)
		return (int)(HDR - c->in_have);
	memcpy(&h, c->in, HDR);
	if (h.len > XENSTORE_PAYLOAD_MAX)
		return -EINVAL;
	return (int)(HDR + h.len - c->in_have);
}

void xs_process(struct xs_store *s, struct xs_conn *c)
{
	struct xs_req r = { .s = s, .c = c };
	int err;

	memcpy(&r.h, c->in, HDR);
	err = execute(&r);
	if (err)
		reply_error(&r, err);
	c->in_have = 0;
}

/* --- connections, and the hypervisor's own access */

int xs_conn_init(struct xs_store *s, struct xs_conn *c, domid_t id, bool privileged)
{
	struct xs_conn **p = &s->conns;
	int err;

	list_init(&c->watches);
	c->events_end = &c->events;
	err = xs_nodes_init(&c->nodes);
	if (err)
		return err;
	c->id = id;
	c->privileged = privileged;
	c->nodes.gen = ++s->gen;
	while (*p && (*p)->id < id)
		p = &(*p)->next;
	c->next = *p;
	*p = c;
	return 0;
}

void xs_conn_free(struct xs_store *s, struct xs_conn *c)
{
	struct xs_conn **p = &s->conns;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	conn_reset(c);
	xs_nodes_free(&c->nodes);
}

int xs_set(struct xs_store *s, struct xs_conn *c, const char *path, const char *val, size_t len)
{
	size_t plen = strnlen(path, XENSTORE_REL_PATH_MAX + 1);
	int err;

	if (!xs_path_ok(path, plen))
		return -EINVAL;
	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	err = xs_put(&c->nodes, path, plen, val, len);
	if (err)
		return err;
	c->nodes.gen = ++s->gen;
	fire(s, c, path, plen, false);
	return 0;
}

int xs_rm(struct xs_store *s, struct xs_conn *c, const char *path)
{
	size_t plen = strnlen(path, XENSTORE_REL_PATH_MAX + 1);
	int err;

	if (!xs_path_ok(path, plen))
		return -EINVAL;
	if (!plen)
		return -EACCES;
	err = xs_remove(&c->nodes, path, plen, false);
	if (err)
		return err;
	c->nodes.gen = ++s->gen;
	fire(s, c, path, plen, true);
	return 0;
}

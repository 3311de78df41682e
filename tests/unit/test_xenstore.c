/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/xenstore/tree.c hypervisor/xenstore/wire.c */
/*
 * The device directory: tree, protocol, rights, watches, transactions; then a
 * fuzz loop that throws random messages at two connections and checks the tree's
 * invariants after each.
 */
#include <stdarg.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/xenstore.h>

int printf(const char *fmt, ...);
void *calloc(size_t n, size_t size);
void free(void *p);

static int failed;
static long allocated, fail_after = -1;

void *hyp_alloc(size_t size)
{
	if (size > 65536 || fail_after == 0)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	allocated++;
	return calloc(1, size);
}

void hyp_free(void *p)
{
	allocated -= p != NULL;
	free(p);
}

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			printf("FAIL %s: %s (line %d)\n", test, #c, __LINE__);                     \
			failed = 1;                                                                \
			return;                                                                    \
		}                                                                                  \
	} while (0)

static struct xs_store store;
static struct xs_conn *guest, *priv, *other;

static struct xs_conn *conn_new(domid_t id, bool privileged)
{
	struct xs_conn *c = calloc(1, sizeof(*c));

	if (xs_conn_init(&store, c, id, privileged))
		printf("FAIL setup\n");
	return c;
}

static void setup(void)
{
	store = (struct xs_store){ 0 };
	priv = conn_new(0, true);
	guest = conn_new(5, false);
	other = conn_new(6, false);
	xs_set(&store, guest, "device", "", 0);
	xs_find(&guest->nodes, "device", 6)->flags |= XSN_GUEST_RW;
	xs_set(&store, guest, "name", "g5", 2);
	xs_set(&store, other, "name", "g6", 2);
}

static void teardown(void)
{
	struct xs_conn *all[] = { priv, guest, other };

	for (int i = 0; i < 3; i++) {
		xs_conn_free(&store, all[i]);
		free(all[i]);
	}
	if (allocated || store.conns) {
		printf("FAIL teardown: %ld blocks left\n", allocated);
		failed = 1;
		allocated = 0;
	}
}

static uint32_t out_type, out_len;
static char out[XENSTORE_PAYLOAD_MAX + 1];

static void take_out(struct xs_conn *c)
{
	struct xsd_sockmsg h;

	memcpy(&h, c->out, sizeof(h));
	out_type = h.type;
	out_len = h.len;
	memset(out, 0, sizeof(out));
	memcpy(out, c->out + sizeof(h), h.len);
	c->out_len = c->out_pos = 0;
}

static bool is(const char *s, size_t len)
{
	return out_len == len && !memcmp(out, s, len);
}

static void send_raw(struct xs_conn *c, uint32_t type, uint32_t tx, const void *p, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = 7, .tx_id = tx, .len = (uint32_t)len };

	memcpy(c->in, &h, sizeof(h));
	memcpy(c->in + sizeof(h), p, len);
	c->in_have = (uint32_t)(sizeof(h) + len);
	xs_process(&store, c);
	take_out(c);
}

#define SEND(c, type, tx, lit) send_raw(c, type, tx, lit, sizeof(lit) - 1)
#define IS(lit) is(lit, sizeof(lit) - 1)
#define ERR(name) (out_type == XS_ERROR && !strcmp(out, name))

static unsigned int events(struct xs_conn *c)
{
	unsigned int n = 0;

	while (xs_next_event(c)) {
		take_out(c);
		n++;
	}
	return n;
}

static void test_basic(const char *test)
{
	SEND(guest, XS_READ, 0, "name\0");
	CHECK(out_type == XS_READ && IS("g5"));
	SEND(guest, XS_READ, 0, "/local/domain/5/name\0");
	CHECK(IS("g5"));
	SEND(guest, XS_READ, 0, "name");
	CHECK(ERR("EINVAL"));
	SEND(guest, XS_READ, 0, "nothing\0");
	CHECK(ERR("ENOENT"));
	SEND(guest, XS_WRITE, 0, "device/vbd/0/state\0001");
	CHECK(out_type == XS_WRITE && IS("OK\0"));
	SEND(guest, XS_DIRECTORY, 0, "device\0");
	CHECK(IS("vbd\0"));
	SEND(guest, XS_DIRECTORY, 0, "device/vbd/0\0");
	CHECK(IS("state\0"));
	SEND(guest, XS_WRITE, 0, "device/vbd/0/state\00022");
	SEND(guest, XS_READ, 0, "device/vbd/0/state\0");
	CHECK(IS("22"));
	SEND(guest, XS_WRITE, 0, "device/vbd/0/state\0");
	SEND(guest, XS_READ, 0, "device/vbd/0/state\0");
	CHECK(out_type == XS_READ && IS(""));
	SEND(guest, XS_MKDIR, 0, "device/vif\0");
	SEND(guest, XS_DIRECTORY, 0, "device\0");
	CHECK(IS("vbd\0vif\0"));
	SEND(guest, XS_RM, 0, "device/vbd\0");
	CHECK(IS("OK\0"));
	SEND(guest, XS_DIRECTORY, 0, "device\0");
	CHECK(IS("vif\0"));
	SEND(guest, XS_RM, 0, "device/vbd\0");
	CHECK(IS("OK\0"));
	SEND(guest, XS_RM, 0, "device/a/b\0");
	CHECK(ERR("ENOENT"));
	SEND(guest, 99, 0, "");
	CHECK(ERR("ENOSYS"));
	SEND(guest, XS_GET_PERMS, 0, "name\0");
	CHECK(IS("n5\0"));
	SEND(guest, XS_SET_PERMS, 0, "device\0n5\0");
	CHECK(IS("OK\0"));
	SEND(guest, XS_SET_PERMS, 0, "device\0b0\0");
	CHECK(ERR("EPERM"));
	SEND(guest, XS_GET_DOMAIN_PATH, 0, "6\0");
	CHECK(IS("/local/domain/6\0"));
}

static void test_rights(const char *test)
{
	SEND(guest, XS_READ, 0, "/local/domain/6/name\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_READ, 0, "/local/domain/77/name\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_READ, 0, "/vm/1\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_DIRECTORY, 0, "/\0");
	CHECK(ERR("EACCES"));
	SEND(priv, XS_DIRECTORY, 0, "/\0");
	CHECK(ERR("ENOENT"));
	SEND(guest, XS_WRITE, 0, "name\0evil");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_WRITE, 0, "fresh\0x");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_RM, 0, "name\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_WRITE, 0, "device/1/2\0x");
	SEND(guest, XS_RM, 0, "device\0");
	CHECK(IS("OK\0") && xs_find(&guest->nodes, "device", 6));
	SEND(guest, XS_DIRECTORY, 0, "device\0");
	CHECK(IS("") && out_type == XS_DIRECTORY);
	SEND(guest, XS_WATCH, 0, "/local/domain/6\0t\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_INTRODUCE, 0, "1\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_IS_DOMAIN_INTRODUCED, 0, "6\0");
	CHECK(ERR("EACCES"));
	SEND(priv, XS_INTRODUCE, 0, "1\0");
	CHECK(ERR("ENOSYS"));
	SEND(priv, XS_READ, 0, "/local/domain/6/name\0");
	CHECK(IS("g6"));
	SEND(priv, XS_WRITE, 0, "/local/domain/6/name\0new");
	CHECK(IS("OK\0"));
	SEND(priv, XS_DIRECTORY, 0, "/local/domain\0");
	CHECK(ERR("ENOENT"));
	SEND(priv, XS_IS_DOMAIN_INTRODUCED, 0, "6\0");
	CHECK(IS("T\0"));
	SEND(priv, XS_IS_DOMAIN_INTRODUCED, 0, "7\0");
	CHECK(IS("F\0"));
	SEND(priv, XS_READ, 0, "/local/domain/9/name\0");
	CHECK(ERR("ENOENT"));
}

static void test_paths(const char *test)
{
	SEND(guest, XS_READ, 0, "\0");
	CHECK(ERR("EINVAL"));
	SEND(guest, XS_READ, 0, "device//x\0");
	CHECK(ERR("EINVAL"));
	SEND(guest, XS_READ, 0, "device/\0");
	CHECK(ERR("EINVAL"));
	SEND(guest, XS_READ, 0, "de vice\0");
	CHECK(ERR("EINVAL"));
	SEND(guest, XS_READ, 0, "/local/domain/5x/name\0");
	CHECK(ERR("EACCES"));
	SEND(guest, XS_READ, 0, "/local/domain//name\0");
	CHECK(ERR("EINVAL"));
	SEND(guest, XS_MKDIR, 0, "device/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g\0");
	CHECK(ERR("EINVAL"));
	CHECK(xs_path_below("a/b", 3, "a", 1) && !xs_path_below("ab", 2, "a", 1));
	CHECK(xs_path_below("a", 1, "", 0) && xs_path_below("a", 1, "a", 1));
}

static void test_watch(const char *test)
{
	SEND(guest, XS_WATCH, 0, "device\0tok\0");
	CHECK(IS("OK\0"));
	SEND(guest, XS_WATCH, 0, "device\0tok\0");
	CHECK(ERR("EEXIST"));
	CHECK(xs_next_event(guest));
	take_out(guest);
	CHECK(out_type == XS_WATCH_EVENT && IS("device\0tok\0"));
	CHECK(!xs_next_event(guest));
	SEND(guest, XS_WRITE, 0, "device/x\0001");
	CHECK(xs_next_event(guest));
	take_out(guest);
	CHECK(IS("device/x\0tok\0") && !xs_next_event(guest));
	SEND(priv, XS_WATCH, 0, "/local/domain/5/device\0p\0");
	CHECK(events(priv) == 1);
	SEND(guest, XS_WRITE, 0, "device/x\0002");
	CHECK(events(guest) == 1 && xs_next_event(priv));
	take_out(priv);
	CHECK(IS("/local/domain/5/device/x\0p\0"));
	/* removing what is above a watch fires it with its own path */
	SEND(guest, XS_WATCH, 0, "device/x\0deep\0");
	events(guest);
	SEND(priv, XS_RM, 0, "/local/domain/5/device\0");
	CHECK(xs_next_event(guest));
	take_out(guest);
	CHECK(IS("device\0tok\0") && xs_next_event(guest));
	take_out(guest);
	CHECK(IS("device/x\0deep\0") && !xs_next_event(guest));
	SEND(guest, XS_UNWATCH, 0, "device\0tok\0");
	CHECK(IS("OK\0"));
	SEND(guest, XS_UNWATCH, 0, "device\0tok\0");
	CHECK(ERR("ENOENT"));
	SEND(guest, XS_RESET_WATCHES, 0, "");
	CHECK(guest->nr_watches == 0);
}

static void test_watch_limits(const char *test)
{
	char msg[64];
	unsigned int n;

	SEND(guest, XS_WATCH, 0, "device\0tok\0");
	CHECK(events(guest) == 1);
	for (unsigned int i = 0; i < 100; i++) {
		size_t len = (size_t)snprintf(msg, sizeof(msg), "device/n%u", i) + 1;

		send_raw(guest, XS_WRITE, 0, msg, len);
		CHECK(out_type == XS_WRITE);
	}
	CHECK(guest->nr_events == XS_MAX_EVENTS);
	n = events(guest);
	CHECK(n == XS_MAX_EVENTS + 1 && is("device\0tok\0", 11));
	for (unsigned int i = 1; i < XS_MAX_WATCHES; i++) {
		size_t len = (size_t)snprintf(msg, sizeof(msg), "device%ct%u", 0, i) + 1;

		send_raw(guest, XS_WATCH, 0, msg, len);
		CHECK(out_type == XS_WATCH);
	}
	SEND(guest, XS_WATCH, 0, "device\0one too many\0");
	CHECK(ERR("ENOSPC"));
	/* the same change twice is one event */
	SEND(guest, XS_RESET_WATCHES, 0, "");
	SEND(guest, XS_WATCH, 0, "device\0a\0");
	events(guest);
	SEND(guest, XS_WRITE, 0, "device/n1\000x");
	SEND(guest, XS_WRITE, 0, "device/n1\000y");
	CHECK(events(guest) == 1);
}

static uint32_t tx_start(struct xs_conn *c)
{
	SEND(c, XS_TRANSACTION_START, 0, "\0");
	return out_type == XS_TRANSACTION_START ? (uint32_t)strtoull(out, NULL, 10) : 0;
}

static void test_transactions(const char *test)
{
	uint32_t t = tx_start(guest), u;

	CHECK(t);
	SEND(guest, XS_WATCH, 0, "device\0w\0");
	events(guest);
	SEND(guest, XS_WRITE, t, "device/a\0001");
	CHECK(IS("OK\0"));
	SEND(guest, XS_READ, t, "device/a\0");
	CHECK(IS("1"));
	SEND(guest, XS_READ, 0, "device/a\0");
	CHECK(ERR("ENOENT"));
	CHECK(events(guest) == 0);
	SEND(guest, XS_TRANSACTION_END, t, "T\0");
	CHECK(IS("OK\0") && events(guest) == 1);
	SEND(guest, XS_READ, 0, "device/a\0");
	CHECK(IS("1"));
	SEND(guest, XS_TRANSACTION_END, t, "T\0");
	CHECK(ERR("ENOENT"));
	SEND(guest, XS_READ, t, "device/a\0");
	CHECK(ERR("ENOENT"));
	/* several changes are one event, for the node above them */
	t = tx_start(guest);
	SEND(guest, XS_WRITE, t, "device/n/b1\0001");
	SEND(guest, XS_WRITE, t, "device/n/b2/c\0001");
	SEND(guest, XS_TRANSACTION_END, t, "T\0");
	CHECK(xs_next_event(guest));
	take_out(guest);
	CHECK(IS("device/n\0w\0") && events(guest) == 0);
	/* conflict */
	t = tx_start(guest);
	SEND(guest, XS_WRITE, t, "device/a\0002");
	SEND(guest, XS_WRITE, 0, "device/b\0002");
	SEND(guest, XS_TRANSACTION_END, t, "T\0");
	CHECK(ERR("EAGAIN"));
	SEND(guest, XS_READ, 0, "device/a\0");
	CHECK(IS("1"));
	/* abort, and readers never conflict */
	t = tx_start(guest);
	u = tx_start(guest);
	SEND(guest, XS_RM, t, "device/a\0");
	SEND(guest, XS_READ, u, "device/a\0");
	CHECK(IS("1"));
	SEND(guest, XS_TRANSACTION_END, t, "F\0");
	SEND(guest, XS_WRITE, 0, "device/c\0002");
	SEND(guest, XS_TRANSACTION_END, u, "T\0");
	CHECK(IS("OK\0"));
	for (int i = 0; i < XS_MAX_TXNS; i++)
		CHECK(tx_start(guest));
	CHECK(!tx_start(guest) && ERR("ENOSPC"));
	/* one tree per transaction; its owner may go */
	t = tx_start(priv);
	SEND(priv, XS_WRITE, t, "/local/domain/6/x\000y");
	SEND(priv, XS_WRITE, t, "/local/domain/5/x\000y");
	CHECK(ERR("EINVAL"));
	xs_conn_free(&store, other);
	xs_conn_init(&store, other, 6, false);
	SEND(priv, XS_TRANSACTION_END, t, "T\0");
	CHECK(ERR("EAGAIN"));
}

static void test_quota(const char *test)
{
	static char msg[16 + 3000];
	unsigned int i;
	size_t len;

	memset(msg, 'v', sizeof(msg));
	for (i = 0; i < 100; i++) {
		len = (size_t)snprintf(msg, sizeof(msg), "device/%u", i) + 1;
		msg[len] = 'v';
		send_raw(guest, XS_WRITE, 0, msg, sizeof(msg));
		if (out_type == XS_ERROR)
			break;
	}
	CHECK(ERR("ENOSPC") && i > 10 && i < 25);
	CHECK(guest->nodes.used <= XS_TREE_BYTES);
	SEND(guest, XS_RM, 0, "device/3\0");
	len = (size_t)snprintf(msg, sizeof(msg), "device/again") + 1;
	send_raw(guest, XS_WRITE, 0, msg, sizeof(msg));
	CHECK(IS("OK\0"));
	/* a list that does not fit a message */
	for (i = 0; i < 1000; i++) {
		len = (size_t)snprintf(msg, sizeof(msg), "/local/domain/6/l/long-name-%u", i) + 1;
		send_raw(priv, XS_MKDIR, 0, msg, len);
		CHECK(out_type == XS_MKDIR);
	}
	SEND(priv, XS_DIRECTORY, 0, "/local/domain/6/l\0");
	CHECK(ERR("E2BIG"));
}

/* Reads the long list of test_quota() in parts. */
static void test_directory_part(const char *test)
{
	char msg[64];
	size_t off = 0, total = 0;

	for (int i = 0; i < 500; i++) {
		size_t len = (size_t)snprintf(msg, sizeof(msg), "/local/domain/6/l/name-%d", i) + 1;

		send_raw(priv, XS_MKDIR, 0, msg, len);
	}
	for (int part = 0; part < 10; part++) {
		size_t len =
			(size_t)snprintf(msg, sizeof(msg), "/local/domain/6/l%c%zu", 0, off) + 1;
		size_t skip;

		send_raw(priv, XS_DIRECTORY_PART, 0, msg, len);
		CHECK(out_type == XS_DIRECTORY_PART && out_len);
		skip = strlen(out) + 1;
		for (size_t i = skip; i < out_len && out[i]; i += strlen(out + i) + 1) {
			total++;
			off += strlen(out + i) + 1;
		}
		if (!out[out_len - 1] && (out_len == skip + 1 || !out[out_len - 2]))
			break;
	}
	CHECK(total == 500);
}

static void test_message_limits(const char *test)
{
	struct xsd_sockmsg h = { .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX };
	static char big[XENSTORE_PAYLOAD_MAX];

	guest->in_have = 0;
	CHECK(xs_in_missing(guest) == sizeof(h));
	memcpy(guest->in, &h, sizeof(h));
	guest->in_have = sizeof(h);
	CHECK(xs_in_missing(guest) == XENSTORE_PAYLOAD_MAX);
	h.len++;
	memcpy(guest->in, &h, sizeof(h));
	CHECK(xs_in_missing(guest) == -EINVAL);
	guest->in_have = 0;
	memset(big, 'a', sizeof(big));
	send_raw(guest, XS_READ, 0, big, sizeof(big));
	CHECK(ERR("EINVAL"));
	big[0] = 0;
	send_raw(guest, XS_WATCH, 0, big, sizeof(big));
	CHECK(ERR("EINVAL"));
}

static void test_no_memory(const char *test)
{
	for (long n = 0; n < 6; n++) {
		fail_after = n;
		SEND(guest, XS_WATCH, 0, "device\0t\0");
		SEND(guest, XS_TRANSACTION_START, 0, "\0");
		SEND(guest, XS_WRITE, 0, "device/x/y/z\000value");
		SEND(guest, XS_WRITE, 1, "device/x/y/z\000value");
		fail_after = -1;
		events(guest);
		SEND(guest, XS_RESET_WATCHES, 0, "");
		CHECK(out_type == XS_RESET_WATCHES);
	}
	xs_conn_free(&store, other);
	fail_after = 0;
	memset(other, 0, sizeof(*other));
	CHECK(xs_conn_init(&store, other, 6, false) == -ENOMEM);
	fail_after = -1;
	CHECK(!xs_conn_init(&store, other, 6, false));
}

static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

/* Records are well formed, in preorder, and every parent exists. */
static bool tree_ok(const struct xs_nodes *n)
{
	uint32_t off = 0;

	while (off < n->used) {
		const struct xs_rec *r = (const void *)(n->buf + off);
		const char *p = xs_rec_path(r);
		size_t plen = r->path_len;

		if (r->size < sizeof(*r) || off + r->size > n->used || p[plen])
			return false;
		while (plen && p[plen - 1] != '/')
			plen--;
		if (r->path_len && !xs_find(n, p, plen ? plen - 1 : 0))
			return false;
		if (xs_find(n, p, r->path_len) != r)
			return false;
		off += r->size;
	}
	return off == n->used;
}

static size_t random_payload(char *p, size_t room)
{
	static const char *const words[] = { "device",
					     "name",
					     "a",
					     "b",
					     "/local/domain/5",
					     "c",
					     "/local/domain/6",
					     "/local",
					     "/",
					     "@releaseDomain",
					     "T",
					     "F",
					     "n5",
					     "0",
					     "6" };
	size_t len = 0;

	for (uint32_t i = rnd(7); i && len + 24 < room; i--) {
		const char *w = words[rnd(ARRAY_SIZE(words))];

		memcpy(p + len, w, strlen(w));
		len += strlen(w);
		switch (rnd(8)) {
		case 0:
		case 1:
			p[len++] = 0;
			break;
		case 2:
			p[len++] = (char)rnd(256);
			break;
		case 3:
			memset(p + len, 'v', room / 2 < 200 ? 1 : rnd(200));
			len += room - len > 400 ? rnd(200) : 0;
			break;
		default:
			p[len++] = '/';
		}
	}
	if (len && rnd(4))
		p[len++] = 0;
	return len;
}

/* Well formed, so that it gets past the parser: path, NUL, value or token. */
static size_t sane_payload(char *p, size_t room)
{
	static const char *const prefixes[] = { "", "/local/domain/5/", "/local/domain/6/" };
	size_t len = (size_t)snprintf(p, room, "%sdevice/n%u", prefixes[rnd(3)], rnd(30));

	if (rnd(2))
		len += (size_t)snprintf(p + len, room - len, "/m%u", rnd(5));
	p[len++] = 0;
	memset(p + len, 'v', 2000);
	len += rnd(4) ? rnd(20) : rnd(2000);
	if (rnd(2))
		p[len++] = 0;
	return len;
}

static uint32_t random_type(void)
{
	uint32_t t = rnd(25);

	return t == XS_RESET_WATCHES && rnd(200) ? XS_WRITE : t;
}

static uint32_t random_tx(const struct xs_conn *c)
{
	return rnd(3) ? 0 : c->txns && rnd(10) ? c->txns->id : rnd(6);
}

static void test_fuzz(const char *test)
{
	static char msg[XENSTORE_PAYLOAD_MAX];
	uint32_t type;

	memset(msg, 'x', sizeof(msg));
	for (unsigned int i = 0; i < 300000; i++) {
		struct xs_conn *c = rnd(3) ? guest : rnd(2) ? priv : other;
		size_t len = rnd(3) ? sane_payload(msg, sizeof(msg)) :
				      random_payload(msg, sizeof(msg));

		if (!rnd(500))
			len = sizeof(msg);
		if (!rnd(200))
			fail_after = rnd(3);
		type = random_type();
		if (type == XS_TRANSACTION_END && rnd(4)) {
			memcpy(msg, "T", 2);
			len = 2;
		}
		send_raw(c, type, random_tx(c), msg, len);
		fail_after = -1;
		if (!xs_find(&guest->nodes, "device", 6)) {
			xs_set(&store, guest, "device", "", 0);
			xs_find(&guest->nodes, "device", 6)->flags |= XSN_GUEST_RW;
		}
		CHECK(out_len <= XENSTORE_PAYLOAD_MAX);
		if (!rnd(20))
			while (rnd(50) && xs_next_event(c))
				take_out(c);
		if (i % 64 == 0)
			CHECK(tree_ok(&guest->nodes) && tree_ok(&other->nodes) &&
			      tree_ok(&priv->nodes));
		CHECK(c->nr_events <= XS_MAX_EVENTS && c->nr_watches <= XS_MAX_WATCHES);
	}
}

static const struct {
	const char *name;
	void (*fn)(const char *test);
} tests[] = {
	{ "xenstore-basic", test_basic },
	{ "xenstore-rights", test_rights },
	{ "xenstore-paths", test_paths },
	{ "xenstore-watch", test_watch },
	{ "xenstore-watch-limits", test_watch_limits },
	{ "xenstore-transactions", test_transactions },
	{ "xenstore-quota", test_quota },
	{ "xenstore-directory-part", test_directory_part },
	{ "xenstore-message-limits", test_message_limits },
	{ "xenstore-no-memory", test_no_memory },
	{ "xenstore-fuzz", test_fuzz },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		int before = failed;

		failed = 0;
		setup();
		tests[i].fn(tests[i].name);
		teardown();
		if (!failed)
			printf("ok %s\n", tests[i].name);
		failed |= before;
	}
	return failed;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* A front end of virtual network interfaces, for tests: everything is done by hand and in order. */
#include "net.h"

#define SEC 1000000000ul
#define TX_SLOT(n, i) ((union net_tx_slot *)((n)->tx + 4) + ((i) & (NET_SLOTS - 1)))
#define RX_SLOT(n, i) ((union net_rx_slot *)((n)->rx + 4) + ((i) & (NET_SLOTS - 1)))
_Static_assert(sizeof(struct net_head) * 4 == 64, "head of a ring");
_Static_assert(sizeof(union net_tx_slot) == 12 && sizeof(union net_rx_slot) == 8, "slots");

/* --- the directory */

static char *add(char *p, const char *s)
{
	memcpy(p, s, strlen(s) + 1);
	return p + strlen(s);
}

const char *net_node(const struct net *n, bool back, const char *name)
{
	static char path[128];
	char *p = add(path, back ? "hyp/vif/" : "device/vif/");

	if (n->handle >= 100)
		*p++ = (char)('0' + n->handle / 100);
	if (n->handle >= 10)
		*p++ = (char)('0' + n->handle / 10 % 10);
	*p++ = (char)('0' + n->handle % 10);
	*p = 0;
	if (*name)
		add(add(p, "/"), name);
	return path;
}

/* "00:16:3e:01:02:03" */
static bool read_mac(struct net *n)
{
	const char *path = net_node(n, false, "mac");
	uint64_t mac = 0;

	if (store_ask(XS_READ, path, (uint32_t)strlen(path) + 1) != XS_READ || store_len < 17)
		return false;
	for (unsigned int i = 0; i < 17; i++) {
		char c = store_reply[i];

		if (i % 3 == 2)
			continue;
		mac = mac << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	n->mac = mac;
	return true;
}

bool net_find(struct net *n, unsigned int handle)
{
	uint64_t back;

	n->handle = handle;
	n->addr = (uint32_t)option("own", NET_ADDR(0)) + handle;
	return store_read(net_node(n, false, "backend-id"), &back) && back == DOMID_BACK &&
	       read_mac(n);
}

uint64_t net_state(const struct net *n)
{
	uint64_t state = 0;

	return store_read(net_node(n, true, "state"), &state) ? state : 0;
}

bool net_wait_state(const struct net *n, unsigned int state)
{
	uint64_t end = now() + 5 * SEC, is;

	while ((is = net_state(n)) != state) {
		if (now() > end) {
			print("note: the back end is in state %lu, not %u", is, state);
			return false;
		}
		sleep_ns(1000000);
	}
	return true;
}

static void make_rings(struct net *n)
{
	if (!n->tx) {
		n->tx = page_alloc();
		n->rx = page_alloc();
		n->out = page_alloc();
		for (unsigned int i = 1; i < NET_TX_PAGES; i++)
			page_alloc();
	}
	memset(n->tx, 0, PAGE_SIZE);
	memset(n->rx, 0, PAGE_SIZE);
	n->tx->req_event = n->tx->rsp_event = n->rx->req_event = n->rx->rsp_event = 1;
	n->tx_prod = n->tx_cons = n->rx_prod = n->rx_cons = 0;
	n->tx_ref = grant_page(n->tx, false);
	n->rx_ref = grant_page(n->rx, false);
	for (unsigned int i = 0; i < NET_TX_PAGES; i++)
		n->out_ref[i] = grant_page(n->out + i * PAGE_SIZE, true);
	for (unsigned int i = 0; i < n->buffers; i++) {
		n->in[i] = n->in[i] ? n->in[i] : page_alloc();
		n->in_ref[i] = grant_page(n->in[i], false);
	}
}

void net_offer(struct net *n, unsigned int buffers)
{
	struct evtchn_alloc_unbound u = { .dom = DOMID_SELF, .remote_dom = DOMID_BACK };

	n->buffers = buffers;
	make_rings(n);
	net_refill(n);
	EXPECT(evtchn(EVTCHNOP_alloc_unbound, &u), 0);
	n->port = u.port;
	store_write_number(net_node(n, false, "tx-ring-ref"), n->tx_ref);
	store_write_number(net_node(n, false, "rx-ring-ref"), n->rx_ref);
	store_write_number(net_node(n, false, "event-channel"), n->port);
	store_write_number(net_node(n, false, "request-rx-copy"), 1);
	store_write_number(net_node(n, false, "feature-rx-notify"), 1);
	store_write_number(net_node(n, false, "feature-sg"), !n->plain);
	store_write_number(net_node(n, false, "feature-gso-tcpv4"), !n->plain);
	store_write_number(net_node(n, false, "feature-no-csum-offload"), n->plain);
	store_write_number(net_node(n, false, "state"), XenbusStateConnected);
}

void net_open(struct net *n, unsigned int buffers)
{
	CHECK(net_wait_state(n, XenbusStateInitWait), "vif %u: the back end does not wait",
	      n->handle);
	net_offer(n, buffers);
	CHECK(net_wait_state(n, XenbusStateConnected), "vif %u: not connected", n->handle);
}

static void pages_are_back(struct net *n)
{
	struct evtchn_close c = { .port = n->port };

	evtchn(EVTCHNOP_close, &c);
	CHECK(grant_end(n->tx_ref) && grant_end(n->rx_ref), "a ring is still in use");
	for (unsigned int i = 0; i < NET_TX_PAGES; i++)
		CHECK(grant_end(n->out_ref[i]), "page %u of the sender is still in use", i);
	for (unsigned int i = 0; i < n->buffers; i++)
		CHECK(grant_end(n->in_ref[i]), "buffer %u is still in use", i);
	store_write_number(net_node(n, false, "state"), XenbusStateInitialising);
}

void net_close(struct net *n)
{
	store_write_number(net_node(n, false, "state"), XenbusStateClosing);
	CHECK(net_wait_state(n, XenbusStateClosing), "not closing");
	store_write_number(net_node(n, false, "state"), XenbusStateClosed);
	CHECK(net_wait_state(n, XenbusStateClosed), "not closed");
	pages_are_back(n);
}

void net_leave(struct net *n)
{
	store_write_number(net_node(n, false, "state"), XenbusStateClosed);
	CHECK(net_wait_state(n, XenbusStateClosed), "not closed");
	pages_are_back(n);
}

/* --- sending */

void net_put(struct net *n, const union net_tx_slot *slot)
{
	*TX_SLOT(n, n->tx_prod) = *slot;
	n->tx_prod++;
}

void net_kick(struct net *n)
{
	struct evtchn_send s = { .port = n->port };

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	n->tx->req_prod = n->tx_prod;
	n->rx->req_prod = n->rx_prod;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	EXPECT(evtchn(EVTCHNOP_send, &s), 0);
}

bool net_answer(struct net *n, union net_tx_slot *rsp)
{
	uint64_t end = now() + 5 * SEC;

	while (n->tx->rsp_prod == n->tx_cons) {
		if (now() > end)
			return false;
		sleep_ns(100000);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*rsp = *TX_SLOT(n, n->tx_cons);
	n->tx_cons++;
	n->tx->rsp_event = n->tx_cons + 1;
	return true;
}

/* Puts the slots of a frame; their number. */
static unsigned int put_frame(struct net *n, unsigned int len, const struct net_how *how)
{
	unsigned int slots = 0, at = how->at, end = at + len;

	while (at < end) {
		unsigned int room = PAGE_SIZE - at % PAGE_SIZE;
		unsigned int size = how->piece && how->piece < room ? how->piece : room;
		union net_tx_slot s = { .req = { .gref = n->out_ref[at / PAGE_SIZE],
						 .offset = at % PAGE_SIZE,
						 .id = (uint16_t)slots } };

		size = size < end - at ? size : end - at;
		s.req.size = (uint16_t)(slots ? size : len);
		s.req.flags = (slots ? 0 : how->flags) | (at + size < end ? NETTXF_MORE_DATA : 0) |
			      (!slots && how->gso ? NETTXF_EXTRA_INFO : 0);
		net_put(n, &s);
		if (!slots++ && how->gso) {
			s = (union net_tx_slot){ .extra = { .type = NETIF_EXTRA_GSO,
							    .gso_size = how->gso,
							    .gso_type = NETIF_GSO_TCPV4 } };
			net_put(n, &s);
			slots++;
		}
		at += size;
	}
	return slots;
}

int net_send_at(struct net *n, unsigned int len, struct net_how how)
{
	unsigned int slots = put_frame(n, len, &how);
	union net_tx_slot r;
	int status = -100;

	net_kick(n);
	for (unsigned int i = 0; i < slots; i++) {
		if (!net_answer(n, &r))
			return -100;
		if (!i) {
			CHECK(!r.rsp.id, "answer to slot %u, not 0", r.rsp.id);
			status = r.rsp.status;
		}
	}
	return status;
}

int net_send(struct net *n, const void *frame, unsigned int len)
{
	memcpy(n->out, frame, len);
	return net_send_at(n, len, (struct net_how){ 0 });
}

/* --- receiving. The buffer of a slot is the one of its number, modulo buffers. */

void net_refill(struct net *n)
{
	while (n->rx_prod - n->rx_cons < n->buffers) {
		union net_rx_slot s = { .req = { .id = (uint16_t)(n->rx_prod & (NET_SLOTS - 1)),
						 .gref = n->in_ref[n->rx_prod % n->buffers] } };

		*RX_SLOT(n, n->rx_prod) = s;
		n->rx_prod++;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	n->rx->req_prod = n->rx_prod;
}

static bool next_slot(struct net *n, union net_rx_slot *s, uint64_t end)
{
	while (n->rx->rsp_prod == n->rx_cons) {
		if (now() > end)
			return false;
		sleep_ns(100000);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*s = *RX_SLOT(n, n->rx_cons);
	return true;
}

/* What the slot says is checked as a careful guest would. */
static void take_piece(struct net *n, const union net_rx_slot *s, struct net_got *g)
{
	unsigned int size = (unsigned int)s->rsp.status;

	CHECK(s->rsp.id == (n->rx_cons & (NET_SLOTS - 1)), "receive slot %u answers %u",
	      n->rx_cons & (NET_SLOTS - 1), s->rsp.id);
	if (s->rsp.status < 0) {
		g->error = s->rsp.status;
		return;
	}
	CHECK(s->rsp.offset + size <= PAGE_SIZE, "%u bytes at %u of a page", size, s->rsp.offset);
	CHECK(g->len + size <= NET_FRAME_MAX, "a frame of %u bytes", g->len + size);
	memcpy(g->data + g->len, n->in[n->rx_cons % n->buffers] + s->rsp.offset, size);
	g->len += size;
}

static bool take_extras(struct net *n, struct net_got *g, uint64_t end)
{
	union net_rx_slot s;

	do {
		n->rx_cons++;
		g->slots++;
		if (!next_slot(n, &s, end))
			return false;
		CHECK(s.extra.type == NETIF_EXTRA_GSO && s.extra.gso_type == NETIF_GSO_TCPV4,
		      "extra of type %u, %u", s.extra.type, s.extra.gso_type);
		g->gso = s.extra.gso_size;
	} while (s.extra.flags & NETIF_EXTRA_MORE);
	return true;
}

bool net_recv(struct net *n, struct net_got *g, unsigned int ms)
{
	struct evtchn_send kick = { .port = n->port };
	uint64_t end = now() + ms * 1000000ul;
	union net_rx_slot s;
	uint16_t flags;

	g->len = g->slots = g->flags = g->gso = 0;
	g->error = 0;
	do {
		if (!next_slot(n, &s, end))
			return false;
		flags = s.rsp.flags;
		g->flags |= flags;
		take_piece(n, &s, g);
		if (!g->slots++ && flags & NETRXF_EXTRA_INFO)
			CHECK(take_extras(n, g, end), "the extra slot does not come");
		n->rx_cons++;
	} while (flags & NETRXF_MORE_DATA);
	n->rx->rsp_event = n->rx_cons + 1;
	if (n->rx_prod - n->rx_cons < n->buffers) {
		net_refill(n);
		evtchn(EVTCHNOP_send, &kick);
	}
	return true;
}

bool net_recv_udp(struct net *n, struct net_got *g, unsigned int port, unsigned int ms)
{
	uint64_t end = now() + ms * 1000000ul, t;

	while ((t = now()) < end) {
		if (!net_recv(n, g, (unsigned int)((end - t) / 1000000) + 1))
			return false;
		if (g->len >= 42 && get16(g->data + 12) == 0x800 && g->data[23] == 17 &&
		    get16(g->data + 36) == port)
			return true;
	}
	return false;
}

void net_drain(struct net *n)
{
	static struct net_got g;

	while (net_recv(n, &g, 20))
		;
}

void net_both(struct net *a, struct net *b, unsigned int buffers)
{
	struct net *const both[] = { a, b };

	if (!xeno)
		skip("no network without a back end");
	store_open();
	grants_init();
	for (unsigned int i = NET_A; i <= NET_B; i++) {
		if (is_dom0)
			net_plug(i);
		CHECK(net_find(both[i], i), "no interface %u", i);
		net_open(both[i], buffers);
	}
	if (is_dom0)
		net_accept_all();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual interfaces that come and go while they are used: no page, no event port stays behind. */
#include "lib/net.h"

#define ROUNDS 40

static struct net a, b;

static bool shown(const struct net *n)
{
	uint64_t id;

	return store_read(net_node(n, false, "backend-id"), &id);
}

static long remove(unsigned int handle, unsigned int force)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_remove.handle = handle;
	net_ctl.u.vnet_remove.force = force;
	return net_call(XENO_CTL_VNET_REMOVE, 0);
}

static bool exists(unsigned int handle)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_info.handle = handle;
	return !net_call(XENO_CTL_VNET_INFO, 0) && net_ctl.u.vnet_info.handle == handle;
}

static void gone(const struct net *n)
{
	uint64_t end = now() + 5000000000ul;

	while (exists(n->handle)) {
		CHECK(now() < end, "vif %u is still there", n->handle);
		sleep_ns(1000000);
	}
	CHECK(!shown(n), "the directory still shows vif %u", n->handle);
}

static void busy(struct net *n)
{
	unsigned int len = net_udp(n->out, n, b.addr, 1, 2, 1400);
	union net_tx_slot s = { .req = { .gref = n->out_ref[0], .size = (uint16_t)len } };

	for (unsigned int i = 0; i < 200; i++)
		net_put(n, &s);
	net_kick(n);
}

/* Asked politely: the front end closes, and then it goes. */
static void polite(bool with_frames)
{
	net_plug(NET_A);
	CHECK(net_find(&a, NET_A), "not plugged in");
	net_open(&a, 32);
	CHECK(net_ping(&a), "the gateway does not answer");
	if (with_frames)
		busy(&a);
	EXPECT(remove(NET_A, 0), 0);
	CHECK(net_wait_state(&a, XenbusStateClosing), "not asked to close");
	CHECK(exists(NET_A), "gone before its front end let go");
	store_write_number(net_node(&a, false, "state"), XenbusStateClosed);
	gone(&a);
}

static void forced(bool with_frames)
{
	net_plug(NET_A);
	CHECK(net_find(&a, NET_A), "not plugged in");
	net_open(&a, 32);
	if (with_frames)
		busy(&a);
	net_unplug(NET_A);
	gone(&a);
}

static void pages_free(struct net *n)
{
	struct evtchn_close c = { .port = n->port };

	EXPECT(evtchn(EVTCHNOP_close, &c), 0);
	CHECK(grant_end(n->tx_ref) && grant_end(n->rx_ref), "a ring is in use");
	for (unsigned int i = 0; i < NET_TX_PAGES; i++)
		CHECK(grant_end(n->out_ref[i]), "page %u is in use", i);
	for (unsigned int i = 0; i < n->buffers; i++)
		CHECK(grant_end(n->in_ref[i]), "buffer %u is in use", i);
}

/* Never connected, and offered only. */
static void halfway(void)
{
	net_plug(NET_A);
	CHECK(net_find(&a, NET_A), "not plugged in");
	EXPECT(remove(NET_A, 0), 0);
	gone(&a);
	net_plug(NET_A);
	net_offer(&a, 32);
	net_unplug(NET_A);
	gone(&a);
	pages_free(&a);
	net_plug(NET_A);
	store_write_number(net_node(&a, false, "tx-ring-ref"), 500);
	store_write_number(net_node(&a, false, "rx-ring-ref"), 501);
	store_write_number(net_node(&a, false, "event-channel"), 3000);
	store_write_number(net_node(&a, false, "state"), XenbusStateConnected);
	sleep_ns(10000000);
	CHECK(net_state(&a) != XenbusStateConnected, "rings that are not there are taken");
	net_unplug(NET_A);
	gone(&a);
}

/* What B sends to A finds it, then not, then again. */
static void from_the_other(void)
{
	static uint8_t frame[200];
	static struct net_got got;

	for (unsigned int i = 0; i < 3; i++) {
		unsigned int len = net_udp(frame, &b, NET_ADDR(NET_A), 5, 7000, 100);

		net_plug(NET_A);
		net_open(&a, 32);
		CHECK(net_send(&b, frame, len) != -100, "not taken");
		CHECK(net_recv_udp(&a, &got, 7000, 3000), "the frame does not come");
		net_unplug(NET_A);
		pages_free(&a);
		CHECK(net_send(&b, frame, len) != -100, "not taken");
		CHECK(net_ping(&b), "the other has no gateway");
	}
}

void test(void)
{
	uint64_t before, end;

	if (!xeno || !is_dom0)
		skip("domain 0 of Xeno only");
	net_both(&a, &b, 32);
	net_leave(&a);
	net_unplug(NET_A);
	gone(&a);
	CHECK(net_ping(&b), "the other has no gateway");
	before = net_free_pages();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (i & 1)
			polite(i & 2);
		else
			forced(i & 2);
		pages_free(&a);
	}
	halfway();
	from_the_other();
	for (end = now() + 3000000000ul; net_free_pages() != before;)
		CHECK(now() < end, "%ld pages lost", (long)(before - net_free_pages()));
	net_close(&b);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an interface may take of what is everybody's: rates, connections, and the symmetry guard. Who
 * reaches a limit harms nobody else. LIMIT: 90
 */
#include "lib/net.h"

#define PORT 7000
#define BUFFERS 128
#define SECOND 1000000000ul

static struct net a, b;
static struct net_got got;
static uint8_t frame[2048];

static void update(unsigned int handle, uint64_t bytes, uint64_t packets, uint32_t conns)
{
	net_set(handle, XENO_VNETF_UPDATE);
	net_ctl.u.vnet_set.bytes_limit = bytes;
	net_ctl.u.vnet_set.packets_limit = packets;
	net_ctl.u.vnet_set.conns = conns;
	EXPECT(net_call(XENO_CTL_VNET_SET, 0), 0);
}

static unsigned int count_arrived(void)
{
	unsigned int n = 0;

	while (net_recv(&b, &got, 0))
		n += got.len >= 42 && got.data[23] == 17;
	return n;
}

/* Sends count frames as fast as that goes; how long it takes. */
static uint64_t send_all(unsigned int count, unsigned int size, unsigned int *arrived)
{
	unsigned int len = net_udp(a.out, &a, b.addr, 1, PORT, size), sent = 0, answered = 0;
	union net_tx_slot s = { .req = { .gref = a.out_ref[0], .size = (uint16_t)len } }, r;
	uint64_t start = now();

	*arrived = 0;
	while (answered < count) {
		for (; sent < count && sent - answered < 32; sent++)
			net_put(&a, &s);
		net_kick(&a);
		CHECK(net_answer(&a, &r), "frame %u of %u is not answered", answered, count);
		answered++;
		*arrived += count_arrived();
	}
	while (net_recv(&b, &got, 20))
		++*arrived;
	return now() - start;
}

/* Nothing is lost, it takes its time: what may go at once does not count. */
static void rate(uint64_t bytes, uint64_t packets, unsigned int count, unsigned int size,
		 uint64_t least_ms)
{
	unsigned int arrived;
	uint64_t took;

	update(NET_A, bytes, packets, 0);
	took = send_all(count, size, &arrived) / 1000000;
	print("note: %lu bytes/s, %lu packets/s: %u frames in %lu ms", bytes, packets, count, took);
	CHECK(arrived == count, "%u of %u frames came", arrived, count);
	CHECK(took >= least_ms, "%u frames in %lu ms, not %lu", count, took, least_ms);
	CHECK(took < least_ms * 4 + 2000, "%u frames take %lu ms", count, took);
	CHECK(net_stats(NET_A).held, "it was not held up");
}

static void rates(void)
{
	unsigned int arrived;

	/* 300 * 1042 bytes, less 64 KiB at once */
	rate(200000, 0, 300, 1000, 1200);
	rate(0, 200, 300, 18, 1400);
	rate(100000, 1000, 300, 500, 900);
	update(NET_A, 0, 0, 0);
	CHECK(send_all(300, 1000, &arrived) < 2 * SECOND, "the limits stay");
}

/* A limit of one does not hold up the other. */
static void others_go_on(void)
{
	unsigned int len;
	uint64_t start;

	update(NET_A, 1000, 0, 0);
	len = net_udp(a.out, &a, b.addr, 1, PORT, 1400);
	for (unsigned int i = 0; i < 100; i++)
		net_put(&a, &(union net_tx_slot){
				    .req = { .gref = a.out_ref[0], .size = (uint16_t)len } });
	net_kick(&a);
	start = now();
	for (unsigned int i = 0; i < 20; i++)
		CHECK(net_ping(&b), "the other has no gateway");
	CHECK(now() - start < 5 * SECOND, "the other waits");
	net_leave(&a);
	update(NET_A, 0, 0, 0);
	net_open(&a, BUFFERS);
}

static void new_flow(struct net *n, const struct net *to, unsigned int port)
{
	CHECK(net_send(n, frame, net_udp(frame, n, to->addr, port, PORT, 10)) != -100, "no answer");
}

/* One who has too many connections begins no more, and keeps what answers; others do. */
static void connections(void)
{
	struct xeno_vnet_rule r[3] = { net_rule(XENO_VNET_IN, XENO_VNET_ACCEPT),
				       net_rule(XENO_VNET_OUT, XENO_VNET_ACCEPT) };

	r[0].flags = XENO_VNETRF_KEEP;
	EXPECT(net_rules(r, 2), -1);
	update(NET_A, 0, 0, 16);
	/* Four that are answered. */
	for (unsigned int port = 1; port <= 4; port++) {
		new_flow(&a, &b, port);
		CHECK(net_recv_udp(&b, &got, PORT, 3000), "connection %u does not begin", port);
		CHECK(net_send(&b, frame, net_udp(frame, &b, a.addr, PORT, port, 10)) != -100,
		      "no answer");
		CHECK(net_recv_udp(&a, &got, port, 3000), "connection %u has no answer", port);
	}
	for (unsigned int port = 100; port < 400; port++)
		new_flow(&a, &b, port);
	net_drain(&b);
	memset(&net_ctl, 0, sizeof(net_ctl));
	EXPECT(net_call(XENO_CTL_VNET_INFO, 0), 0);
	/* Those that nobody has answered are given up for newer ones, or newer ones are refused. */
	EXPECT(net_ctl.u.vnet_info.conns_now, 16);
	new_flow(&b, &a, 5000);
	CHECK(net_recv_udp(&a, &got, PORT, 3000), "the other begins no connection");
	new_flow(&a, &b, 1);
	CHECK(net_recv_udp(&b, &got, PORT, 3000), "one that was answered is gone");
	update(NET_A, 0, 0, 1024);
	net_accept_all();
}

/* A rule's limit: what is above is dropped and counted. */
static void rule_limit(void)
{
	struct xeno_vnet_rule r[2] = { net_rule(XENO_VNET_IN, XENO_VNET_ACCEPT),
				       net_rule(XENO_VNET_OUT, XENO_VNET_ACCEPT) };
	static struct xeno_vnet_rule_stat stat[2];
	unsigned int arrived;

	r[0].packets_limit = 1;
	r[0].packets_burst = 50;
	EXPECT(net_rules(r, 2), -1);
	send_all(200, 100, &arrived);
	CHECK(arrived >= 50 && arrived < 70, "%u of 200 frames came, 50 may", arrived);
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_list = (struct xeno_ctl_vnet_list){ .list = XENO_VNET_LIST_STATS,
							   .nr = 2,
							   .addr = A(stat) };
	EXPECT(net_call(XENO_CTL_VNET_LIST_GET, 0), 0);
	EXPECT(stat[0].packets, 200);
	EXPECT(stat[0].bytes, 200 * 142);
	EXPECT(stat[0].over, 200 - arrived);
	EXPECT(stat[1].packets, arrived);
	net_accept_all();
}

/* Sends far more than it gets: told, and dropped as long as that holds. */
static void symmetry(void)
{
	static struct xeno_vnet_event event[85];
	unsigned int arrived, told = 0;

	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_events.addr = A(event);
	do {
		net_ctl.u.vnet_events.nr = 85;
		EXPECT(net_call(XENO_CTL_VNET_EVENTS, 0), 0);
	} while (net_ctl.u.vnet_events.nr);
	net_set(NET_A, XENO_VNETF_UPDATE);
	net_ctl.u.vnet_set.symmetry = (struct xeno_vnet_symmetry){ .ratio = 4,
								   .min_packets = 40,
								   .window_ms = 60000,
								   .flags = 1 };
	EXPECT(net_call(XENO_CTL_VNET_SET, 0), 0);
	send_all(100, 100, &arrived);
	EXPECT(arrived, 40);
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_events.addr = A(event);
	net_ctl.u.vnet_events.nr = 85;
	EXPECT(net_call(XENO_CTL_VNET_EVENTS, 0), 0);
	for (unsigned int i = 0; i < net_ctl.u.vnet_events.nr; i++)
		told += event[i].kind == XENO_VNET_EV_SYMMETRY &&
			event[i].in == XENO_VNET_VIF(0, NET_A);
	EXPECT(told, 1);
	EXPECT(net_refused(NET_A, "more than it receives"), 60);
	update(NET_A, 0, 0, 0);
	send_all(100, 100, &arrived);
	EXPECT(arrived, 100);
}

void test(void)
{
	if (!xeno || !is_dom0)
		skip("domain 0 of Xeno only");
	net_both(&a, &b, BUFFERS);
	rates();
	others_go_on();
	connections();
	rule_limit();
	symmetry();
	net_close(&a);
	net_close(&b);
}

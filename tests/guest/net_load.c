/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sender or a receiver of UDP, for tests/boot/test_netattack.py. kind=1: sends to dst= (a number)
 * as fast as it can; kind=2: the same with another's address as source; kind=3: receives. size=
 * bytes of data, ms= how long. Receivers print what came in each quarter of a second, senders when
 * they begin, in the time that all domains share.
 */
#include "lib/net.h"

#define PORT 7000
#define BUFFERS 200
#define BATCH 64
#define QUARTER 250000000ul

static struct net n;
static struct net_got got;

static void take_answers(unsigned int room)
{
	union net_tx_slot r;

	while (n.tx_prod - n.tx->rsp_prod > NET_SLOTS - room)
		sleep_ns(200000);
	while (n.tx_cons != n.tx->rsp_prod && net_answer(&n, &r))
		;
}

static void send(uint32_t dst, unsigned int size, bool forged, uint64_t end)
{
	unsigned int len = net_udp(n.out, &n, dst, PORT, PORT, size);
	union net_tx_slot s = { .req = { .gref = n.out_ref[0], .size = (uint16_t)len } };
	uint64_t sent = 0;

	if (forged) {
		put32(n.out + 26, n.addr ^ 0x80);
		net_fix_ip(n.out);
		net_fix_l4(n.out);
	}
	print("load: begins at %lu", now());
	for (; now() < end; sent += BATCH) {
		take_answers(BATCH);
		for (unsigned int i = 0; i < BATCH; i++)
			net_put(&n, &s);
		net_kick(&n);
	}
	print("load: %lu frames sent by %lu", sent, now());
}

static void receive(uint64_t end)
{
	uint64_t frames = 0, bytes = 0, next = now() + QUARTER;

	while (now() < end) {
		while (net_recv(&n, &got, 0)) {
			frames++;
			bytes += got.len;
		}
		if (now() >= next) {
			print("load: at %lu frames %lu bytes %lu", now(), frames, bytes);
			next += QUARTER;
		}
		sleep_ns(500000);
	}
}

void test(void)
{
	uint64_t kind = option("kind", 0), end = now() + option("ms", 1000) * 1000000ul;

	if (!kind)
		skip("a part of a test of the network");
	store_open();
	grants_init();
	CHECK(net_find(&n, 0), "no interface");
	net_open(&n, BUFFERS);
	if (kind == 3)
		receive(end);
	else
		send((uint32_t)option("dst", NET_GATEWAY), (unsigned int)option("size", 18),
		     kind == 2, end);
	net_leave(&n);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VIFS: Virtual interfaces: the router answers ARP and pings; in domain 0 frames go from one to the
 * other as they were, in all ways the protocol has. LIMIT: 120
 */
#include "lib/net.h"

#define PORT 7000
#define BUFFERS 64

static struct net a, b;
static struct net_got got;
static uint8_t frame[2048];

/* --- the router */

static bool arp_answered(uint32_t sip, uint32_t tip)
{
	uint64_t end = now() + 300000000ul;
	unsigned int len = net_arp(frame, &a, 1, sip, tip);

	CHECK(net_send(&a, frame, len) != -100, "an ARP request is not taken");
	while (now() < end && net_recv(&a, &got, 300)) {
		const uint8_t *f = got.data;

		if (got.len < 42 || get16(f + 12) != 0x806 || get16(f + 20) != 2)
			continue;
		CHECK(get32(f + 28) == tip && get32(f + 38) == sip, "an answer about %x for %x",
		      get32(f + 28), get32(f + 38));
		CHECK(get16(f + 22) == 0xfeff && get32(f + 24) == 0xffffffff, "not the router's");
		CHECK(!memcmp(f, frame + 6, 6), "not to us");
		return true;
	}
	return false;
}

static void arp(void)
{
	CHECK(arp_answered(a.addr, NET_GATEWAY), "nobody has the gateway's address");
	CHECK(arp_answered(a.addr, 0x0a000063), "no answer for a neighbour's address");
	CHECK(arp_answered(a.addr, 0xc0000201), "no answer for a stranger's address");
	CHECK(!arp_answered(a.addr, a.addr), "our own address is somebody's");
	CHECK(!arp_answered(0, a.addr), "our own address is somebody's, to who asks first");
}

static void pings(void)
{
	static const uint16_t sizes[] = { 0, 1, 2, 56, 199, 200, 257, 1000, 1471, 1472 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned int len = net_echo(a.out + 4000, &a, NET_GATEWAY, 77, sizes[i]);

		memcpy(frame, a.out + 4000, len);
		EXPECT(net_send_at(&a, len, (struct net_how){ .at = 4000 }), 0);
		CHECK(net_recv(&a, &got, 3000), "no answer to a ping of %u", sizes[i]);
		CHECK(got.len == len && !got.data[34], "%u bytes, ICMP type %u", got.len,
		      got.data[34]);
		CHECK(net_sums_ok(got.data), "its checksum is wrong, %u bytes", sizes[i]);
		CHECK(!memcmp(got.data + 38, frame + 38, len - 38), "its data, %u bytes", sizes[i]);
		CHECK(get32(got.data + 26) == NET_GATEWAY, "from %x", get32(got.data + 26));
	}
}

/* --- from A to B */

static void as_sent(const uint8_t *sent, unsigned int len, const char *what, unsigned int detail)
{
	const uint8_t *f = got.data;
	unsigned int at = sent[23] == 17 ? 42 : 54; /* behind the header, which has the checksum */

	CHECK(got.len == len, "%s %u: %u bytes, not %u", what, detail, got.len, len);
	CHECK(get16(f + 6) == 0xfeff && get32(f + 8) == 0xffffffff, "%s: sender's MAC", what);
	CHECK(get16(f) == 0x0016 && f[5] == (uint8_t)b.mac, "%s: receiver's MAC", what);
	CHECK(f[22] < 64, "%s: no router was on the way", what);
	CHECK(!memcmp(f + 14, sent + 14, 8) && f[23] == sent[23] &&
		      !memcmp(f + 26, sent + 26, 12) && !memcmp(f + at, sent + at, len - at),
	      "%s %u: another content", what, detail);
	CHECK(got.flags & NETRXF_CSUM_BLANK || net_sums_ok(f), "%s %u: checksum", what, detail);
}

static void one_way(unsigned int size, unsigned int at, unsigned int piece)
{
	unsigned int len = net_udp(a.out + at, &a, b.addr, 1234, PORT, size);

	memcpy(frame, a.out + at, len);
	EXPECT(net_send_at(&a, len, (struct net_how){ .at = at, .piece = piece }), 0);
	CHECK(net_recv_udp(&b, &got, PORT, 3000), "%u bytes at %u, by %u: not there", size, at,
	      piece);
	as_sent(frame, len, "UDP", size);
}

static void sizes(void)
{
	static const uint16_t size[] = { 0, 1, 2, 17, 18, 213, 214, 215, 1000, 1471, 1472 };
	static const uint16_t at[] = { 0, 1, 2, 3970, 4000, 4083, 4095 };

	for (unsigned int i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		for (unsigned int j = 0; j < sizeof(at) / sizeof(at[0]); j++)
			one_way(size[i], at[j], 0);
	for (unsigned int piece = 90; piece < 1000; piece += 83)
		one_way(1400, 4050, piece);
	one_way(100, 0, 14);
	one_way(100, 0, 34);
	one_way(100, 4090, 33);
}

/* The checksum is left to the router, with the pseudo header's sum in place, as Linux does. */
static void blank(bool tcp)
{
	unsigned int len = tcp ? net_tcp(a.out, &a, b.addr, 1234, PORT, 0x10, 777) :
				 net_udp(a.out, &a, b.addr, 1234, PORT, 777);
	unsigned int field = tcp ? 50 : 40;

	memcpy(frame, a.out, len);
	put16(a.out + field, 0x1234);
	EXPECT(net_send_at(&a, len,
			   (struct net_how){ .flags = NETTXF_CSUM_BLANK | NETTXF_DATA_VALIDATED }),
	       0);
	CHECK(net_recv(&b, &got, 3000), "not there");
	CHECK(!(b.plain && got.flags & NETRXF_CSUM_BLANK), "a blank checksum for one who cannot");
	if (!(got.flags & NETRXF_CSUM_BLANK))
		CHECK(got.data[field] == frame[field] && got.data[field + 1] == frame[field + 1],
		      "the checksum is %x", get16(got.data + field));
	as_sent(frame, len, "blank", tcp);
}

/* A large segment arrives as it is, or cut, and nothing is missing. */
static void large(unsigned int size, unsigned int mss)
{
	unsigned int len = net_tcp(a.out, &a, b.addr, 1234, PORT, 0x18, size), have = 0;
	struct net_how how = { .flags = NETTXF_CSUM_BLANK | NETTXF_DATA_VALIDATED,
			       .gso = (uint16_t)mss };

	EXPECT(net_send_at(&a, len, how), 0);
	while (have < size) {
		const uint8_t *f = got.data;

		CHECK(net_recv(&b, &got, 3000), "%u of %u bytes, segments of %u", have, size, mss);
		if (got.len < 54 || f[23] != 6)
			continue;
		CHECK(!(b.plain && (got.gso || got.len > 1514)), "not cut for one who cannot");
		CHECK(got.gso || got.len <= 54 + mss, "%u bytes in a segment", got.len - 54);
		CHECK(!got.gso || got.gso == mss, "segments of %u, not %u", got.gso, mss);
		CHECK(got.flags & NETRXF_CSUM_BLANK || net_sums_ok(f), "checksum");
		CHECK(get16(f + 16) + 14u == got.len, "IP length");
		EXPECT(get32(f + 38), 1000 + have);
		for (unsigned int i = 54; i < got.len; i++, have++)
			CHECK(f[i] == (uint8_t)(have * 7 + have / 251), "byte %u", have);
	}
	EXPECT(have, size);
}

static void offloads(void)
{
	blank(false);
	blank(true);
	large(1449, 1448);
	large(10000, 1448);
	large(9999, 536);
	large(65000, 1448);
}

/* --- many at once, and a receiver that does not */

static void send_many(unsigned int n)
{
	unsigned int len = net_udp(a.out, &a, b.addr, 1, PORT, 64);
	union net_tx_slot s = { .req = { .gref = a.out_ref[0], .size = (uint16_t)len } }, r;
	uint8_t seen[NET_SLOTS] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		s.req.id = (uint16_t)i;
		net_put(&a, &s);
	}
	net_kick(&a);
	for (unsigned int i = 0; i < n; i++) {
		CHECK(net_answer(&a, &r), "%u of %u answers", i, n);
		CHECK(r.rsp.id < n && !seen[r.rsp.id]++, "answer to %u", r.rsp.id);
		EXPECT(r.rsp.status, 0);
	}
}

static void burst(void)
{
	struct xeno_vnet_stats from = net_stats(NET_A), to = net_stats(NET_B), now;
	unsigned int n = 0;

	send_many(NET_SLOTS);
	while (net_recv(&b, &got, 200))
		n++;
	CHECK(n >= BUFFERS, "%u of %u frames have come, room was for %u", n, NET_SLOTS, BUFFERS);
	now = net_stats(NET_A);
	EXPECT(now.sent_packets - from.sent_packets, NET_SLOTS);
	EXPECT(now.refused, from.refused);
	now = net_stats(NET_B);
	EXPECT(now.recv_packets - to.recv_packets, n);
	EXPECT(now.lost - to.lost, NET_SLOTS - n);
}

/* B takes nothing any more: it loses, and A does not wait. */
static void dead_receiver(void)
{
	struct xeno_vnet_stats was;
	uint64_t start;

	for (unsigned int i = 0; i < 4; i++)
		send_many(NET_SLOTS);
	was = net_stats(NET_B);
	start = now();
	send_many(200);
	CHECK(now() - start < 3000000000ul, "A waits for B");
	CHECK(net_ping(&a), "the gateway no longer answers A");
	EXPECT(net_stats(NET_B).recv_packets, was.recv_packets);
	CHECK(net_stats(NET_B).lost >= was.lost, "lost frames come back");
	net_drain(&b);
	one_way(500, 0, 0);
}

static void close_in_flight(void)
{
	unsigned int len = net_udp(a.out, &a, b.addr, 1, PORT, 1000);
	union net_tx_slot s = { .req = { .gref = a.out_ref[0], .size = (uint16_t)len } };

	for (unsigned int i = 0; i < NET_SLOTS; i++)
		net_put(&a, &s);
	net_kick(&a);
	net_close(&a);
	net_open(&a, BUFFERS);
	CHECK(net_ping(&a), "no answer after opening again");
	net_leave(&b);
	EXPECT(net_send(&a, frame, net_udp(frame, &a, b.addr, 1, PORT, 9)), 0);
	b.plain = true;
	net_open(&b, BUFFERS);
	one_way(1400, 4000, 0);
}

void test(void)
{
	net_both(&a, &b, BUFFERS);
	arp();
	pings();
	CHECK(net_ping(&b), "the gateway does not answer the second interface");
	if (is_dom0) {
		sizes();
		offloads();
		burst();
		dead_receiver();
		close_in_flight();
		offloads();
	}
	net_close(&a);
	net_close(&b);
}

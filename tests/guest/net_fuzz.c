/* SPDX-License-Identifier: GPL-2.0-only */
/* VIFS: Virtual interfaces: random slots, random frames. n=COUNT of frames, default 6000. LIMIT: 120 */
#include "lib/net.h"

#define BUFFERS 32

static struct net a, b;
static struct net_got got;
static uint8_t *guard;
static uint64_t come, answered;

static uint64_t wild(void)
{
	static const uint64_t values[] = { 0,	 1,	13,	14,	    4095, 4096,
					   4097, 65535, 0x8000, 0x7fffffff, ~0ul, 1500 };

	return rnd_wild(values, sizeof(values) / sizeof(values[0]));
}

/* An honest frame at n->out, most of the time with some bytes changed. */
static unsigned int make_frame(void)
{
	uint32_t dst = rnd() & 1 ? b.addr : NET_GATEWAY;
	unsigned int len, size = (unsigned int)(rnd() % 1400);

	switch (rnd() % 5) {
	case 0:
		len = net_udp(a.out, &a, dst, (unsigned int)rnd(), (unsigned int)rnd(), size);
		break;
	case 1:
		len = net_tcp(a.out, &a, dst, (unsigned int)rnd(), (unsigned int)rnd(),
			      (unsigned int)rnd() & 255, size);
		break;
	case 2:
		len = net_echo(a.out, &a, dst, 1, size);
		break;
	case 3:
		len = net_arp(a.out, &a, 1 + rnd() % 2, a.addr, (uint32_t)rnd());
		break;
	default:
		len = net_ip(a.out, &a, (unsigned int)rnd() & 255, dst, size);
	}
	for (unsigned int n = (unsigned int)(rnd() % 6); n; n--)
		a.out[rnd() % (rnd() & 1 ? 60 : len)] = (uint8_t)wild();
	if (rnd() & 1 && (a.out[14] & 15) >= 5)
		net_fix_ip(a.out);
	return rnd() % 16 ? len : (unsigned int)(rnd() % 2000) + 1;
}

static unsigned int random_slots(void)
{
	unsigned int n = (unsigned int)(rnd() % 20) + 1;

	for (unsigned int i = 0; i < n; i++) {
		union net_tx_slot s = { .req = { .gref = rnd() % 8 ?
								 a.out_ref[rnd() % NET_TX_PAGES] :
								 (uint32_t)wild(),
						 .offset = (uint16_t)(rnd() % 4 ? 0 : wild()),
						 .flags = (uint16_t)(rnd() % 16),
						 .size = (uint16_t)wild() } };

		if (rnd() % 4 == 0)
			s = (union net_tx_slot){ .words = { (uint32_t)rnd(), (uint32_t)rnd(),
							    (uint32_t)rnd() } };
		if (rnd() % 4 == 0)
			s.extra = (struct netif_extra_info){ .type = NETIF_EXTRA_GSO,
							     .flags = rnd() % 2,
							     .gso_size = (uint16_t)wild(),
							     .gso_type = NETIF_GSO_TCPV4 };
		net_put(&a, &s);
	}
	/* An end, and a few more for a chain that takes this for an extra info. */
	for (unsigned int i = 0; i < 3; i++)
		net_put(&a, &(union net_tx_slot){ .req = { .gref = a.out_ref[0], .size = 60 } });
	net_kick(&a);
	return n + 3;
}

/* Who gets it sees a frame of the router's, whatever it is. */
static void receivers(void)
{
	while (net_recv(&b, &got, 0)) {
		CHECK(got.error || (get16(got.data + 6) == 0xfeff && got.len >= 34), "%u bytes",
		      got.len);
		CHECK(got.error || get16(got.data + 12) != 0x800 ||
			      get32(got.data + 26) == a.addr || get32(got.data + 26) == NET_GATEWAY,
		      "B gets a frame from %x", get32(got.data + 26));
		come++;
	}
	while (net_recv(&a, &got, 0))
		come++;
}

static void settle(unsigned int n)
{
	union net_tx_slot r;

	for (unsigned int i = 0; i < n && a.tx->rsp_prod != a.tx_cons && net_answer(&a, &r); i++)
		answered++;
	receivers();
	if (net_state(&a) == XenbusStateConnected && a.tx->rsp_prod == a.tx_prod)
		return;
	net_leave(&a);
	net_open(&a, BUFFERS);
}

void test(void)
{
	uint64_t count = option("n", 6000), sent = 0;

	net_both(&a, &b, BUFFERS);
	guard = page_alloc();
	for (uint64_t i = 0; i < count; i++) {
		struct net_how how = { .flags = rnd() % 4 ? 0 : rnd() % 4,
				       .piece = rnd() % 2 ? 0 : 100 + rnd() % 100,
				       .gso = rnd() % 8 ? 0 : (uint16_t)wild() };

		if (rnd() % 8 == 0) {
			settle(random_slots());
			continue;
		}
		sent++;
		if (net_send_at(&a, make_frame(), how) == -100)
			CHECK(net_state(&a) != XenbusStateConnected, "frame %lu is not answered",
			      i);
		settle(0);
	}
	print("note: %lu frames sent, %lu answers to others, %lu came", sent, answered, come);
	net_drain(&a);
	net_drain(&b);
	CHECK(net_ping(&a) && net_ping(&b), "the gateway no longer answers");
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		CHECK(!guard[i], "a page that was never granted has changed");
	net_close(&a);
	net_close(&b);
}

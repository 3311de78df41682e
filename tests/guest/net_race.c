/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame that another VCPU changes while it is being sent passes no rule that it should
 * not: what the receiver sees is what was checked. n=N frames of each kind, default 600. LIMIT: 120
 */
#include "lib/net.h"

#define PORT 7000
#define BUFFERS 64

static struct net a, b;
static struct net_got got;
static volatile uint32_t racing, kind;

/*
 * Bytes of the frame that alternate. Where the IP header's sum would change, the identification
 * goes the other way: each state by itself is a whole header.
 */
static const struct change {
	const char *what;
	uint8_t at, size;
	uint32_t good, evil;
	int id; /* added to the identification */
} changes[] = {
	{ "port", 36, 2, PORT, PORT + 1, 0 },
	{ "source port", 34, 2, 1234, 53, 0 },
	{ "source", 28, 2, 21, 22, -1 },
	{ "destination", 32, 2, 22, 99, -77 },
	{ "protocol", 22, 2, 64 << 8 | 17, 64 << 8 | 6, 11 },
	{ "fragment", 20, 2, 0, 4, -4 },
	{ "total length", 16, 2, 528, 48, 480 },
	{ "header length", 14, 2, 0x4500, 0x4600, -0x100 },
	{ "MAC", 10, 2, 0x0010, 0x0011, 0 },
	{ "type", 12, 2, 0x0800, 0x8100, 0 },
	{ "UDP length", 38, 2, 508, 20, 0 },
};
#define NR_CHANGES (sizeof(changes) / sizeof(changes[0]))

static void put(const struct change *c, uint8_t *f, bool evil)
{
	if (c->id)
		put16(f + 18, (uint16_t)(5000 + (evil ? c->id : 0)));
	put16(f + c->at, (uint16_t)(evil ? c->evil : c->good));
}

static void pause(void)
{
	for (unsigned int n = (unsigned int)(rnd() % 32); n; n--)
		__asm__ volatile("pause" ::: "memory");
}

static void racer(void)
{
	while (racing) {
		put(changes + kind, a.out, true);
		pause();
		put(changes + kind, a.out, false);
		pause();
	}
	racing = 2;
	for (;;)
		sleep_ns(1000000000ul);
}

static void make_frame(void)
{
	static uint8_t f[1000];
	unsigned int len = net_udp(f, &a, b.addr, 1234, PORT, 500);

	put16(f + 18, 5000);
	put16(f + 40, 0); /* UDP without a checksum */
	net_fix_ip(f);
	memcpy(a.out, f, len);
	EXPECT(len, 542);
}

/* What B gets is what the one rule lets through, in every byte of the headers. */
static bool passed(const char *what)
{
	const uint8_t *f = got.data;

	if (got.len < 34 || get16(f + 12) != 0x800)
		fail("%s: %u bytes of type %x", what, got.len, get16(f + 12));
	if (f[23] == 1) /* the router's word on another frame */
		return false;
	CHECK(f[14] == 0x45 && get16(f + 16) == 528 && got.len == 542, "%s: %x, %u of %u bytes",
	      what, f[14], get16(f + 16), got.len);
	CHECK(get32(f + 26) == a.addr, "%s: from %x", what, get32(f + 26));
	CHECK(get32(f + 30) == b.addr, "%s: to %x", what, get32(f + 30));
	CHECK(!(get16(f + 20) & 0x3fff), "%s: a fragment", what);
	CHECK(f[23] == 17 && get16(f + 36) == PORT && get16(f + 34) == 1234,
	      "%s: protocol %u, port %u to %u", what, f[23], get16(f + 34), get16(f + 36));
	CHECK(get16(f + 38) == 508, "%s: UDP length %u", what, get16(f + 38));
	return true;
}

static void only_one_kind(void)
{
	struct xeno_vnet_rule r[2] = { net_rule(XENO_VNET_IN, XENO_VNET_ACCEPT),
				       net_rule(XENO_VNET_OUT, XENO_VNET_ACCEPT) };

	for (unsigned int i = 0; i < 2; i++) {
		r[i].proto = 17;
		r[i].sport_lo = r[i].sport_hi = 1234;
		r[i].dport_lo = r[i].dport_hi = PORT;
		r[i].src = a.addr;
		r[i].src_len = 32;
		r[i].dst = b.addr;
		r[i].dst_len = 32;
	}
	EXPECT(net_rules(r, 2), -1);
}

/* In slots of so many bytes, so that the header may lie in two. */
static void race(unsigned int k, unsigned int piece, uint64_t frames)
{
	unsigned int come = 0;

	kind = k;
	make_frame();
	for (uint64_t i = 0; i < frames; i++) {
		CHECK(net_send_at(&a, 542, (struct net_how){ .piece = piece }) != -100,
		      "%s: no answer", changes[k].what);
		while (net_recv(&b, &got, 0))
			come += passed(changes[k].what);
	}
	while (net_recv(&b, &got, 5))
		come += passed(changes[k].what);
	print("note: %s, by %u: %u of %lu came", changes[k].what, piece, come, frames);
	while (net_recv(&a, &got, 0))
		;
}

void test(void)
{
	uint64_t frames = option("n", 600);

	if (!xeno || !is_dom0)
		skip("domain 0 of Xeno only");
	net_both(&a, &b, BUFFERS);
	only_one_kind();
	racing = 1;
	if (vcpu_boot(1, racer))
		skip("one VCPU only");
	for (unsigned int k = 0; k < NR_CHANGES; k++) {
		race(k, 0, frames);
		race(k, 35, frames / 4);
	}
	racing = 0;
	CHECK(wait_for(&racing, 2, 3000), "the other VCPU does not end");
	make_frame();
	EXPECT(net_send_at(&a, 542, (struct net_how){ 0 }), 0);
	CHECK(net_recv_udp(&b, &got, PORT, 3000), "an honest frame does not come");
	net_close(&a);
	net_close(&b);
}

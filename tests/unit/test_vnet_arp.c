/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/arp.c hypervisor/vnet/icmp.c hypervisor/vnet/guard.c hypervisor/vnet/parse.c hypervisor/vnet/csum.c */
/*
 * The gateway's ARP and ICMP: what is answered and how, neighbours and who cannot disturb them,
 * and random frames against all of it. argv[1]: frames to fuzz.
 */
#include <hyp/lib.h>
#include "test.h"
#include "vnet_frames.h"

#define A IP(10, 0, 0, 5)
#define B IP(192, 0, 2, 7)
#define GW IP(10, 0, 0, 1)
#define SEC 1000000000ll

static unsigned long rounds = 200000;
static const struct vnet_identity id = { .mac = MAC_A, .nr = 1, .addr = { { A, ~0u } } };
static struct vnet_neighs *n;
static bool ask;

static void answers(void)
{
	static const struct {
		unsigned int op;
		uint32_t from, to;
		bool plain, proxy;
	} cases[] = {
		{ 1, A, GW, true, true },   { 1, A, IP(10, 0, 0, 9), false, true },
		{ 1, A, A, false, false },  { 1, 0, A, false, false },
		{ 1, 0, GW, true, true },   { 1, 0, IP(10, 0, 0, 9), false, false },
		{ 2, A, GW, false, false },
	};
	struct frame f, r;
	struct vnet_pkt p, q;

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		bool proxy = i & 1, want = proxy ? cases[i / 2].proxy : cases[i / 2].plain;

		make_arp(&f, cases[i / 2].op, MAC_A, cases[i / 2].from, MAC_B, cases[i / 2].to);
		CHECK(parse(&f, &p) == VNET_OK);
		CHECK(vnet_arp_answer(&id, &p, GW, proxy, MAC_GW, r.b) == want);
		if (!want)
			continue;
		r.len = VNET_ARP_LEN;
		CHECK(parse(&r, &q) == VNET_OK && q.arp_op == 2 && q.dmac == MAC_A);
		CHECK(q.sha == MAC_GW && q.smac == MAC_GW && q.t.src == cases[i / 2].to);
		CHECK(get48(r.b + 32) == MAC_A && q.t.dst == cases[i / 2].from);
	}
	r.len = vnet_arp_build(r.b, 1, MAC_GW, GW, VNET_MAC_BROADCAST, A);
	make_arp(&f, 1, MAC_GW, GW, 0, A);
	CHECK(r.len == f.len && !memcmp(r.b, f.b, r.len));
}

static bool reply(uint32_t addr, uint64_t mac, unsigned int op, s_time_t now)
{
	struct frame f;
	struct vnet_pkt p;

	make_arp(&f, op, mac, addr, MAC_GW, GW);
	return parse(&f, &p) == VNET_OK && vnet_neigh_learn(n, &p, now, &ask);
}

static void neighbours(void)
{
	uint32_t again[VNET_NEIGHS];
	uint64_t mac = 0;
	s_time_t t = SEC;

	n = calloc(1, sizeof(*n));
	n->key = 0x9e3779b97f4a7c15;
	CHECK(!reply(B, MAC_B, 2, t)); /* nobody asked */
	CHECK(vnet_neigh_find(n, B, 1, t, &mac) == VNET_NEIGH_WAIT_ASK);
	CHECK(vnet_neigh_find(n, B, 2, t, &mac) == VNET_NEIGH_WAIT);
	CHECK(!reply(B, MAC_B, 1, t)); /* a question is no answer */
	CHECK(vnet_neigh_tick(n, t + SEC, again, VNET_NEIGHS) == 1 && again[0] == B);
	CHECK(reply(B, MAC_B, 2, t + SEC) && n->pending[1] == 0);
	CHECK(vnet_neigh_find(n, B, 1, t + SEC, &mac) == VNET_NEIGH_SEND && mac == MAC_B);
	/* Somebody claims the address: we ask, and go on until there is an answer. */
	CHECK(!reply(B, MAC_A, 2, t + 2 * SEC) && ask);
	CHECK(vnet_neigh_find(n, B, 1, t + 2 * SEC, &mac) == VNET_NEIGH_SEND && mac == MAC_B);
	CHECK(!reply(B, MAC_B, 2, t + 2 * SEC) && !ask);
	CHECK(vnet_neigh_find(n, B, 1, t + 3 * SEC, &mac) == VNET_NEIGH_SEND && mac == MAC_B);
	t += 70 * SEC; /* it is asked again, and does not answer */
	CHECK(vnet_neigh_find(n, B, 1, t, &mac) == VNET_NEIGH_SEND_ASK && mac == MAC_B);
	CHECK(vnet_neigh_tick(n, t += SEC, again, VNET_NEIGHS) == 1 &&
	      vnet_neigh_tick(n, t += SEC, again, VNET_NEIGHS) == 1);
	CHECK(vnet_neigh_tick(n, t += SEC, again, VNET_NEIGHS) == 0);
	CHECK(vnet_neigh_find(n, B, 1, t, &mac) == VNET_NEIGH_FAIL && !reply(B, MAC_B, 2, t));
	t += 6 * SEC;
	CHECK(vnet_neigh_find(n, B, 3, t, &mac) == VNET_NEIGH_WAIT_ASK && n->pending[3] == 1);
	CHECK(reply(B, MAC_B, 2, t) && n->pending[3] == 0);
	/* A scan of owner 7: few at once, and B stays while it is used. */
	for (unsigned int i = 0; i < 100000; i++) {
		vnet_neigh_find(n, IP(192, 0, 0, 0) + i, 7, t, &mac);
		CHECK(n->pending[7] <= VNET_NEIGH_PENDING);
		if (i % 500)
			continue;
		t += SEC;
		vnet_neigh_tick(n, t, again, VNET_NEIGHS);
		if (vnet_neigh_find(n, B, 1, t, &mac) == VNET_NEIGH_SEND_ASK)
			CHECK(!reply(B, MAC_B, 2, t));
		CHECK(vnet_neigh_find(n, B, 1, t, &mac) == VNET_NEIGH_SEND && mac == MAC_B);
	}
	CHECK(vnet_neigh_find(n, IP(192, 0, 2, 8), 1, t, &mac) != VNET_NEIGH_FAIL);
	/* More neighbours that answer than there is room for: B stays. */
	for (unsigned int i = 0; i < 5000; i++) {
		if (vnet_neigh_find(n, IP(192, 1, 0, 0) + i, 8, t, &mac) == VNET_NEIGH_WAIT_ASK)
			CHECK(reply(IP(192, 1, 0, 0) + i, MAC_A, 2, t));
		CHECK(vnet_neigh_find(n, B, 1, t, &mac) == VNET_NEIGH_SEND && mac == MAC_B);
	}
	free(n);
}

static void echo(void)
{
	struct frame f, was;
	struct vnet_pkt p;

	make_icmp(&f, A, GW, 8, 0, 77, 56);
	was = f;
	parse(&f, &p);
	CHECK(vnet_icmp_echo(f.b, &p) && parse(&f, &p) == VNET_OK && l4_sum(f.b + 14) == 0xffff);
	CHECK(p.t.src == GW && p.t.dst == A && p.icmp_type == 0 && p.t.dport == 77 && p.ttl == 64);
	CHECK(p.smac == MAC_GW && p.dmac == MAC_A && !memcmp(f.b + 38, was.b + 38, 60));
	CHECK(!vnet_icmp_echo(f.b, &p));
	make_icmp(&f, A, GW, 8, 0, 77, 56);
	put48(f.b, VNET_MAC_BROADCAST);
	parse(&f, &p);
	CHECK(!vnet_icmp_echo(f.b, &p));
	make_icmp(&f, A, GW, 8, 0, 77, 56);
	put16(f.b + 20, 0x2000);
	fix_ip(f.b + 14);
	parse(&f, &p);
	CHECK(!vnet_icmp_echo(f.b, &p));
}

static unsigned int error_about(const struct frame *f, struct frame *out)
{
	struct vnet_bucket b;
	struct vnet_pkt p;

	vnet_bucket_init(&b, 10, 2, 0);
	CHECK(parse(f, &p) == VNET_OK);
	out->len = vnet_icmp_error(f->b, &p, 3, 4, 1400, GW, &b, 0, out->b);
	return out->len;
}

static void errors(void)
{
	struct frame f, r, about;
	struct vnet_bucket b;
	struct vnet_pkt p;

	for (unsigned int len = 0; len < 400; len++) {
		make_ports(&f, 17, A, 1000, B, 53, 0, len);
		CHECK(error_about(&f, &r) == min(42 + 28 + len, 256u));
		CHECK(parse(&r, &p) == VNET_OK && l4_sum(r.b + 14) == 0xffff);
		CHECK(p.t.src == GW && p.t.dst == A && p.dmac == MAC_A && p.icmp_error);
		CHECK(p.it.sport == 1000 && p.it.dport == 53 && get16(r.b + 40) == 1400);
		CHECK(!memcmp(r.b + 42, f.b + 14, r.len - 42));
	}
	make_ports(&about, 17, B, 1, A, 2, 0, 30);
	make_error(&f, A, &about, 3, 1, 28);
	CHECK(!error_about(&f, &r)); /* about an error */
	make_icmp(&f, A, B, 5, 0, 0, 28);
	CHECK(!error_about(&f, &r)); /* a redirect */
	make_icmp(&f, A, B, 8, 0, 0, 28);
	CHECK(error_about(&f, &r));
	put48(f.b, VNET_MAC_BROADCAST);
	CHECK(!error_about(&f, &r));
	make_ports(&f, 17, A, 1, IP(224, 0, 0, 5), 2, 0, 30);
	CHECK(!error_about(&f, &r));
	make_ports(&f, 17, 0, 68, ~0u, 67, 0, 30);
	CHECK(!error_about(&f, &r));
	make_ip(&f, A, B, 17, 0, 64);
	put16(f.b + 20, 8);
	fix_ip(f.b + 14);
	CHECK(!error_about(&f, &r));
	make_ports(&f, 17, A, 1, B, 2, 0, 30);
	parse(&f, &p);
	vnet_bucket_init(&b, 10, 2, 0);
	CHECK(vnet_icmp_error(f.b, &p, 11, 0, 0, GW, &b, 0, r.b));
	CHECK(vnet_icmp_error(f.b, &p, 11, 0, 0, GW, &b, 0, r.b));
	CHECK(!vnet_icmp_error(f.b, &p, 11, 0, 0, GW, &b, 0, r.b));
	CHECK(vnet_icmp_error(f.b, &p, 11, 0, 0, GW, &b, SEC, r.b));
}

static void fuzz(void)
{
	struct vnet_bucket b;
	uint32_t again[VNET_NEIGHS];
	s_time_t t = SEC;
	uint64_t mac;

	n = calloc(1, sizeof(*n));
	n->key = 0x9e3779b97f4a7c15;
	vnet_bucket_init(&b, 0, 0, 0);
	for (unsigned long i = 0; i < rounds; i++) {
		uint8_t *exact, out[VNET_HEAD];
		struct vnet_pkt p, q;
		unsigned int len;
		struct frame f;

		make_any(&f);
		mutate(&f);
		t += (s_time_t)rnd(SEC / 4);
		vnet_neigh_find(n, IP(10, 0, 0, 1) + (uint32_t)rnd(rnd(9) ? 4 : 999),
				(unsigned int)rnd(4), t, &mac);
		if (!rnd(10))
			vnet_neigh_tick(n, t, again, VNET_NEIGHS);
		len = min(f.len, 256u);
		exact = malloc(len ? len : 1);
		memcpy(exact, f.b, len);
		if (vnet_parse(exact, f.len, true, &p))
			goto next;
		vnet_arp_answer(&id, &p, GW, rnd(2), MAC_GW, out);
		vnet_guard_sent(&id, &p);
		if (p.kind == VNET_KIND_ARP)
			vnet_neigh_learn(n, &p, t, &ask);
		else if ((len = vnet_icmp_error(exact, &p, 3, 0, 0, GW, &b, t, out)))
			CHECK(vnet_parse(out, len, false, &q) == VNET_OK || p.t.src == GW ||
			      !p.dmac || vnet_parse(out, len, false, &q) == VNET_INNER);
		vnet_icmp_echo(exact, &p);
next:
		free(exact);
	}
	for (unsigned int i = 0; i < 4; i++) { /* what is pending is counted right */
		unsigned int pending = 0;

		for (unsigned int k = 0; k < VNET_NEIGHS; k++)
			pending += n->e[k].state == VNET_NEIGH_ASKED && n->e[k].owner == i;
		CHECK(pending == n->pending[i]);
	}
	free(n);
}

int main(int argc, char **argv)
{
	static const struct test t[] = { TEST(answers), TEST(neighbours), TEST(echo), TEST(errors),
					 TEST(fuzz) };

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	return TEST_RUN(t);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/ct.c hypervisor/vnet/parse.c hypervisor/vnet/csum.c */
/*
 * Connections: what belongs to what, translation both ways with every checksum checked by
 * another's sum, limits, time-outs; and random frames, after which the whole table is looked
 * at. argv[1]: frames to fuzz.
 */
#include <hyp/lib.h>
#include <hyp/timer.h>
#include <hyp/vnet_ct.h>
#include "test.h"
#include "vnet_frames.h"

#define A IP(10, 0, 0, 5) /* a domain */
#define A2 IP(10, 0, 0, 6)
#define B IP(192, 0, 2, 7)    /* far away */
#define G IP(198, 51, 100, 1) /* our address there */
#define IN_A XENO_VNET_VIF(1, 0)
#define IN_A2 XENO_VNET_VIF(2, 0)
#define WIRE XENO_VNET_NIC(0)

static unsigned long rounds = 200000;
static bool verbose;
static const uint64_t seeds[VNET_CT_SEEDS] = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9,
					       0x94d049bb133111eb, 0xd6e8feb86659fd93,
					       0xa0761d6478bd642f };
static const struct vnet_nat none;
static const struct vnet_nat masq = { .from = G, .port_lo = 40000, .port_hi = 40003 };
static const struct vnet_nat forward = { .to = A, .to_port = 80 };

static struct vnet_ct *ct;
static s_time_t moment;
static enum vnet_why why; /* of the last frame */
static unsigned int state;
static struct vnet_pkt p;

static void make_table(unsigned int nr, unsigned int limit)
{
	size_t size = (vnet_ct_size(nr, 4) + 63) & ~63ul;
	void *mem = aligned_alloc(64, size);

	memset(mem, 0xee, size);
	moment = SECONDS(1000);
	ct = vnet_ct_init(mem, nr, 4, seeds);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(vnet_ct_limit(ct, i, limit) == 0);
}

/* A frame through the table as the router does it; NEW ones begin a connection. */
static bool pass(struct frame *f, uint32_t in, unsigned int by, uint32_t out, unsigned int owner,
		 const struct vnet_nat *nat, bool partial)
{
	struct vnet_ct_hit hit;

	why = parse(f, &p);
	CHECK(why == VNET_OK);
	if (partial)
		vnet_csum_partial(f->b, &p);
	why = vnet_ct_find(ct, &p, in, by, moment, &hit);
	state = hit.state;
	if (state == XENO_VNET_NEW)
		why = vnet_ct_create(ct, &p, in, out, owner, 1, nat, moment, &hit);
	if (why || !hit.e)
		return false;
	vnet_ct_commit(ct, &hit, &p, by, moment);
	vnet_ct_rewrite(&hit, f->b, &p);
	if (p.partial)
		vnet_csum_finish(f->b, &p, vnet_csum_add(0, f->b + p.l4, f->len - p.l4, false));
	return true;
}

static bool sent(struct frame *f, const struct vnet_nat *nat)
{
	return pass(f, IN_A, 1, WIRE, 1, nat, false);
}

static bool arrived(struct frame *f, const struct vnet_nat *nat)
{
	return pass(f, WIRE, 0, IN_A, 1, nat, false);
}

static bool sums_ok(const struct frame *f)
{
	struct vnet_pkt q;

	return parse(f, &q) == VNET_OK &&
	       (q.fragment || !q.has_l4 || l4_sum(f->b + 14) == 0xffff) && q.t.src == p.t.src &&
	       q.t.dst == p.t.dst && q.t.sport == p.t.sport && q.t.dport == p.t.dport;
}

static bool is(const struct frame *f, uint32_t src, unsigned int sport, uint32_t dst,
	       unsigned int dport)
{
	return sums_ok(f) && p.t.src == src && p.t.dst == dst && p.t.sport == sport &&
	       p.t.dport == dport;
}

static void tcp_life(void)
{
	struct frame f;

	make_table(16, 4);
	make_ports(&f, 6, A, 1000, B, 80, VNET_TCP_ACK, 0);
	CHECK(!sent(&f, &none) && state == XENO_VNET_INVALID);
	make_ports(&f, 6, A, 1000, B, 80, VNET_TCP_SYN, 0);
	CHECK(sent(&f, &none) && state == XENO_VNET_NEW && is(&f, A, 1000, B, 80));
	make_ports(&f, 6, B, 80, A, 1000, VNET_TCP_SYN | VNET_TCP_ACK, 0);
	CHECK(!pass(&f, IN_A2, 2, IN_A, 1, &none, false) && state == XENO_VNET_INVALID);
	CHECK(arrived(&f, &none) && state == XENO_VNET_ESTABLISHED);
	make_ports(&f, 6, A, 1000, B, 80, VNET_TCP_ACK, 100);
	CHECK(sent(&f, &none) && state == XENO_VNET_ESTABLISHED);
	moment += SECONDS(7000);
	CHECK(sent(&f, &none) && state == XENO_VNET_ESTABLISHED);
	/* A reset from somewhere else, with any sequence number, ends nothing. */
	make_ports(&f, 6, B, 80, A, 1000, VNET_TCP_RST, 0);
	put32(f.b + 38, 0x77777777);
	fix_l4(f.b + 14);
	CHECK(arrived(&f, &none));
	moment += SECONDS(100);
	make_ports(&f, 6, B, 80, A, 1000, VNET_TCP_ACK, 10);
	CHECK(arrived(&f, &none) && state == XENO_VNET_ESTABLISHED);
	make_ports(&f, 6, A, 1000, B, 80, VNET_TCP_ACK | VNET_TCP_FIN, 0);
	CHECK(sent(&f, &none));
	make_ports(&f, 6, B, 80, A, 1000, VNET_TCP_ACK | VNET_TCP_FIN, 0);
	CHECK(arrived(&f, &none) && vnet_ct_count(ct, 1) == 1);
	make_ports(&f, 6, A, 1000, B, 80, VNET_TCP_SYN, 0); /* and again */
	CHECK(sent(&f, &none) && state == XENO_VNET_NEW && vnet_ct_count(ct, 1) == 1);
	make_ports(&f, 6, B, 80, A, 1000, VNET_TCP_RST | VNET_TCP_ACK, 0);
	CHECK(arrived(&f, &none));
	moment += SECONDS(11);
	make_ports(&f, 6, B, 80, A, 1000, VNET_TCP_ACK, 0);
	CHECK(!arrived(&f, &none) && state == XENO_VNET_INVALID && vnet_ct_count(ct, 1) == 0);
	free(ct);
}

static void masquerade(void)
{
	struct frame f;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int proto = i & 1 ? 6 : 17;
		bool partial = i & 2;

		make_table(16, 4);
		make_ports(&f, proto, A, 40001, B, 53, VNET_TCP_SYN, 33);
		CHECK(pass(&f, IN_A, 1, WIRE, 1, &masq, partial) && is(&f, G, 40001, B, 53));
		/* Another domain, the same port; and one out of the range. */
		make_ports(&f, proto, A2, 40001, B, 53, VNET_TCP_SYN, 33);
		CHECK(pass(&f, IN_A2, 2, WIRE, 2, &masq, partial) && sums_ok(&f));
		CHECK(p.t.src == G && p.t.sport != 40001 && p.t.sport >= 40000 &&
		      p.t.sport <= 40003);
		make_ports(&f, proto, B, 53, G, p.t.sport, VNET_TCP_SYN | VNET_TCP_ACK, 50);
		CHECK(pass(&f, WIRE, 0, IN_A2, 2, &none, partial) && is(&f, B, 53, A2, 40001));
		make_ports(&f, proto, B, 53, G, 40001, VNET_TCP_SYN | VNET_TCP_ACK, 51);
		CHECK(pass(&f, WIRE, 0, IN_A, 1, &none, partial) && is(&f, B, 53, A, 40001));
		make_ports(&f, proto, A, 9, B, 53, VNET_TCP_SYN, 0);
		CHECK(pass(&f, IN_A, 1, WIRE, 1, &masq, false) && p.t.sport >= 40000);
		make_ports(&f, proto, A, 10, B, 53, VNET_TCP_SYN, 0);
		CHECK(pass(&f, IN_A, 1, WIRE, 1, &masq, false) && sums_ok(&f));
		make_ports(&f, proto, A2, 11, B, 53, VNET_TCP_SYN, 0);
		CHECK(!pass(&f, IN_A2, 2, WIRE, 2, &masq, false) && why == VNET_CT_PORTS);
		make_ports(&f, proto, A2, 11, B, 54, VNET_TCP_SYN, 0); /* other end, other ports */
		CHECK(pass(&f, IN_A2, 2, WIRE, 2, &masq, false));
		free(ct);
	}
	make_table(16, 4); /* a UDP packet without a checksum stays one */
	make_ports(&f, 17, A, 1, B, 53, 0, 9);
	put16(f.b + 40, 0);
	CHECK(sent(&f, &masq) && p.t.src == G && !get16(f.b + 40));
	free(ct);
}

static void forwarding(void)
{
	struct xeno_vnet_nat list[] = {
		{ .iface = WIRE,
		  .kind = XENO_VNET_FORWARD,
		  .proto = 6,
		  .port_lo = 8080,
		  .port_hi = 8089,
		  .to = A,
		  .to_port = 80 },
		{ .iface = WIRE,
		  .kind = XENO_VNET_MASQUERADE,
		  .src = IP(10, 0, 0, 0),
		  .src_len = 8,
		  .port_lo = 40000,
		  .port_hi = 40003 },
	};
	struct vnet_ct_hit hit = { 0 };
	struct vnet_nat nat = { 0 };
	struct frame f;
	uint32_t dst;
	uint16_t dport;

	CHECK(vnet_nat_check(&list[0]) == 0 && vnet_nat_check(&list[1]) == 0);
	make_table(16, 4);
	make_ports(&f, 6, B, 5000, G, 8083, VNET_TCP_SYN, 0);
	parse(&f, &p);
	CHECK(!vnet_nat_find(list, 2, XENO_VNET_FORWARD, IN_A, G, &p, &nat));
	CHECK(!vnet_nat_find(list, 2, XENO_VNET_FORWARD, WIRE, G + 1, &p, &nat));
	CHECK(!vnet_nat_find(list, 2, XENO_VNET_MASQUERADE, WIRE, G, &p, &nat));
	CHECK(vnet_nat_find(list, 2, XENO_VNET_FORWARD, WIRE, G, &p, &nat));
	vnet_ct_dest(&hit, &nat, &p, &dst, &dport);
	CHECK(dst == A && dport == 83 && nat.to_port == 83);
	CHECK(arrived(&f, &nat) && is(&f, B, 5000, A, 83));
	make_ports(&f, 6, A, 83, B, 5000, VNET_TCP_SYN | VNET_TCP_ACK, 0);
	parse(&f, &p);
	vnet_ct_find(ct, &p, IN_A, 1, moment, &hit);
	vnet_ct_dest(&hit, NULL, &p, &dst, &dport);
	CHECK(hit.dir == 1 && dst == B && dport == 5000);
	CHECK(sent(&f, &none) && is(&f, G, 8083, B, 5000));
	make_ports(&f, 6, A, 5, B, 5000, VNET_TCP_SYN, 0);
	parse(&f, &p);
	nat = none;
	CHECK(vnet_nat_find(list, 2, XENO_VNET_MASQUERADE, WIRE, 0, &p, &nat) && !nat.from);
	CHECK(vnet_nat_find(list, 2, XENO_VNET_MASQUERADE, WIRE, G, &p, &nat) && nat.from == G);
	list[0].to_port = 65530;
	CHECK(vnet_nat_check(&list[0]) == -EINVAL);
	list[1].src_len = 200;
	CHECK(vnet_nat_check(&list[1]) == -EINVAL);
	free(ct);
}

static void pings(void)
{
	struct frame f;

	make_table(16, 4);
	make_icmp(&f, A, B, 8, 0, 77, 56);
	CHECK(sent(&f, &masq) && is(&f, G, p.t.sport, B, 0) && p.t.sport >= 40000);
	make_icmp(&f, B, G, 8, 0, p.t.sport, 56); /* a ping in is not the answer */
	CHECK(!pass(&f, WIRE, 0, IN_A, 3, &forward, false) || state == XENO_VNET_NEW);
	make_icmp(&f, A, B, 8, 0, 77, 56);
	CHECK(sent(&f, &masq));
	make_icmp(&f, B, G, 0, 0, p.t.sport, 56);
	CHECK(arrived(&f, &none) && is(&f, B, 0, A, 77));
	make_icmp(&f, B, G, 0, 0, 1234, 56);
	CHECK(!arrived(&f, &none) && state == XENO_VNET_INVALID);
	make_icmp(&f, B, G, 5, 0, 0, 56);
	CHECK(!arrived(&f, &none) && state == XENO_VNET_INVALID);
	free(ct);
}

/* The packet in f's error, as far as it is there, is the one that was sent. */
static bool quotes(const struct frame *f, const struct frame *was, unsigned int len)
{
	return plain_sum(f->b + 42, 20, 0) == 0xffff && !memcmp(f->b + 54, was->b + 26, 8) &&
	       !memcmp(f->b + 62, was->b + 34, len);
}

static void errors(void)
{
	static const uint8_t protos[] = { 6, 17, 1 };
	struct frame f, was, out;

	for (unsigned int i = 0; i < 12; i++) {
		unsigned int proto = protos[i % 3], quote = i < 6 ? 28 : 60;
		uint32_t from = i & 1 ? B : IP(203, 0, 113, 9); /* the end, or a router */

		make_table(16, 4);
		if (proto == 1)
			make_icmp(&was, A, B, 8, 0, 5, 60);
		else
			make_ports(&was, proto, A, 1000, B, 53, VNET_TCP_SYN, 60);
		out = was;
		CHECK(sent(&out, &masq) && p.t.src == G);
		make_error(&f, from, &out, 3, 3, quote);
		CHECK(arrived(&f, &none) && state == XENO_VNET_RELATED);
		CHECK(p.t.src == from && p.t.dst == A && sums_ok(&f));
		CHECK(quotes(&f, &was, quote - 20));
		make_error(&f, from, &out, 3, 3, quote); /* to somebody else */
		put32(f.b + 30, A2);
		fix_ip(f.b + 14);
		CHECK(!arrived(&f, &none) && state == XENO_VNET_INVALID);
		make_error(&f, from, &was, 3, 3, quote); /* about what was never sent like that */
		put32(f.b + 30, G);
		fix_ip(f.b + 14);
		CHECK(!arrived(&f, &none) && state == XENO_VNET_INVALID);
		free(ct);
	}
	make_table(16, 4); /* of a domain behind a forwarded port */
	make_ports(&was, 17, B, 5000, G, 8080, 0, 60);
	out = was;
	CHECK(arrived(&out, &forward) && is(&out, B, 5000, A, 80));
	make_error(&f, A, &out, 3, 3, 28);
	CHECK(sent(&f, &none) && state == XENO_VNET_RELATED && p.t.src == G && p.t.dst == B);
	CHECK(sums_ok(&f) && quotes(&f, &was, 8));
	free(ct);
}

static void fragments(void)
{
	struct frame f;

	make_table(16, 4);
	make_ports(&f, 17, A, 1000, B, 53, 0, 64);
	put16(f.b + 38, 200); /* of 200 bytes, the first 72 */
	put16(f.b + 20, 0x2000);
	fix_ip(f.b + 14);
	CHECK(sent(&f, &masq) && p.t.src == G && p.t.sport >= 40000 && p.fragment);
	make_ip(&f, A, B, 17, 0, 128);
	put16(f.b + 20, 9);
	fix_ip(f.b + 14);
	CHECK(sent(&f, &masq) && is(&f, G, 0, B, 0) && state == XENO_VNET_ESTABLISHED);
	make_ip(&f, A, B, 17, 0, 128);
	put16(f.b + 20, 9);
	put16(f.b + 18, 0x999);
	fix_ip(f.b + 14);
	CHECK(!sent(&f, &masq) && why == VNET_CT_FRAGMENT);
	make_ip(&f, A, B, 17, 0, 128); /* right, but from another's interface */
	put16(f.b + 20, 9);
	fix_ip(f.b + 14);
	CHECK(!pass(&f, IN_A2, 2, WIRE, 2, &masq, false) && why == VNET_CT_FRAGMENT);
	moment += SECONDS(31);
	CHECK(!sent(&f, &masq) && why == VNET_CT_FRAGMENT);
	free(ct);
}

static void establish(unsigned int port)
{
	struct frame f;

	make_ports(&f, 6, A, port, B, 80, VNET_TCP_SYN, 0);
	CHECK(sent(&f, &none));
	make_ports(&f, 6, B, 80, A, port, VNET_TCP_SYN | VNET_TCP_ACK, 0);
	CHECK(arrived(&f, &none));
	make_ports(&f, 6, A, port, B, 80, VNET_TCP_ACK, 0);
	CHECK(sent(&f, &none));
}

static bool alive(unsigned int port)
{
	struct frame f;

	make_ports(&f, 6, B, 80, A, port, VNET_TCP_ACK, 0);
	return arrived(&f, &none) && state == XENO_VNET_ESTABLISHED;
}

static void quotas(void)
{
	unsigned int pos = 0;
	struct frame f;

	make_table(64, 16);
	CHECK(vnet_ct_limit(ct, 3, 17) == -ENOSPC && vnet_ct_limit(ct, 3, 8) == 0);
	CHECK(vnet_ct_limit(ct, 2, 24) == 0 && vnet_ct_limit(ct, 0, 17) == -ENOSPC);
	for (unsigned int i = 0; i < 10; i++)
		establish(100 + i);
	for (unsigned int i = 0; i < 5000; i++) { /* strangers flood A's port; A2 floods */
		make_ports(&f, 6, IP(20, 0, 0, 0) + i, 1, G, 8080, VNET_TCP_SYN, 0);
		CHECK(arrived(&f, &forward));
		make_ports(&f, 17, A2, i, B, 53, 0, 0);
		CHECK(pass(&f, IN_A2, 2, WIRE, 2, &none, false));
	}
	CHECK(vnet_ct_count(ct, 1) == 16 && vnet_ct_count(ct, 2) == 24);
	for (unsigned int i = 0; i < 10; i++)
		CHECK(alive(100 + i));
	for (unsigned int i = 10; i < 16; i++) /* and there is room for A's own */
		establish(100 + i);
	make_ports(&f, 6, A, 200, B, 80, VNET_TCP_SYN, 0);
	CHECK(!sent(&f, &none) && why == VNET_CT_LIMIT);
	moment += SECONDS(7201);
	CHECK(sent(&f, &none));
	/* A lower limit: nothing new until there is less. */
	CHECK(vnet_ct_limit(ct, 2, 4) == 0 && vnet_ct_limit(ct, 0, 32) == -ENOSPC);
	make_ports(&f, 17, A2, 9, B, 54, 0, 0);
	CHECK(!pass(&f, IN_A2, 2, WIRE, 2, &none, false) && why == VNET_CT_LIMIT);
	CHECK(!vnet_ct_forget(ct, IN_A2, &pos, 5) && vnet_ct_forget(ct, IN_A2, &pos, 100));
	CHECK(vnet_ct_count(ct, 2) == 0);
	CHECK(vnet_ct_limit(ct, 0, 32) == 0 && vnet_ct_limit(ct, 0, 37) == -ENOSPC);
	moment += SECONDS(9000);
	vnet_ct_expire(ct, moment, 64);
	CHECK(vnet_ct_count(ct, 1) == 0);
	free(ct);
}

/* The lists of connections, by way of vnet_ct_next(), and of owners agree; tuples are unique. */
static bool table_ok(unsigned int nr_owners)
{
	const struct vnet_ct_entry *e, *list[64];
	unsigned int at = 0, nr = 0, count[4] = { 0 };

	while ((e = vnet_ct_next(ct, &at))) {
		for (unsigned int i = 0; i < 2 * nr; i++)
			for (unsigned int d = 0; d < 2; d++)
				if (!memcmp(&e->t[d], &list[i / 2]->t[i & 1], sizeof(e->t[d])))
					return false;
		list[nr++] = e;
		count[e->owner]++;
	}
	for (unsigned int i = 0; i < nr_owners; i++)
		if (count[i] != vnet_ct_count(ct, i) || count[i] > 16)
			return false;
	return true;
}

static void forget(uint32_t iface, unsigned int from)
{
	while (!vnet_ct_forget(ct, iface, &from, 7))
		;
}

/* Others' connections to an interface that goes, are forgotten with it. */
static void forgetting(void)
{
	struct frame f;

	make_table(64, 16);
	make_ports(&f, 17, B, 100, G, 53, 0, 0);
	CHECK(pass(&f, WIRE, 0, IN_A, 0, &forward, false));
	make_ports(&f, 17, A2, 100, A, 53, 0, 0);
	CHECK(pass(&f, IN_A2, 2, IN_A, 2, &none, false));
	make_ports(&f, 17, A2, 101, B, 53, 0, 0);
	CHECK(pass(&f, IN_A2, 2, WIRE, 2, &none, false));
	forget(IN_A, 0);
	CHECK(vnet_ct_count(ct, 0) == 0 && vnet_ct_count(ct, 2) == 1);
	make_ports(&f, 17, A2, 100, A, 53, 0, 0);
	CHECK(pass(&f, IN_A2, 2, IN_A, 2, &none, false) && state == XENO_VNET_NEW);
	CHECK(table_ok(4));
	free(ct);
}

static void fuzz(void)
{
	unsigned long seen[9] = { 0 };

	make_table(64, 16);
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned int by = (unsigned int)rnd(4), owner = (unsigned int)rnd(4);
		uint32_t in = rnd(20) == 0;
		struct vnet_nat nat = { 0 };
		struct vnet_ct_hit hit;
		struct frame f;
		uint8_t *exact;

		make_any(&f);
		if (rnd(2))
			mutate(&f);
		if (rnd(4) == 0)
			nat = (struct vnet_nat){ .from = IP(10, 0, 0, 1) + (uint32_t)rnd(6),
						 .port_lo = 1,
						 .port_hi = 1 + (uint16_t)rnd(5) };
		if (!rnd(6)) {
			nat.to = IP(10, 0, 0, 1) + (uint32_t)rnd(6);
			nat.to_port = 1 + (uint16_t)rnd(3);
		}
		moment += (s_time_t)rnd(rnd(500) ? MILLISECS(10) : SECONDS(100));
		exact = malloc(VNET_HEAD);
		memcpy(exact, f.b, VNET_HEAD);
		if (vnet_parse(exact, f.len, false, &p) || p.kind != VNET_KIND_IP4)
			goto next;
		why = vnet_ct_find(ct, &p, in, by, moment, &hit);
		seen[hit.state]++;
		if (hit.state == XENO_VNET_NEW)
			why = vnet_ct_create(ct, &p, in, rnd(20) == 0, owner, 1, &nat, moment,
					     &hit);
		if (hit.e && !why) {
			bool good = p.has_l4 && !p.fragment && l4_sum(f.b + 14) == 0xffff &&
				    f.len <= VNET_HEAD &&
				    !(p.t.proto == 17 && !get16(exact + p.l4 + 6));

			vnet_ct_commit(ct, &hit, &p, by, moment);
			vnet_ct_rewrite(&hit, exact, &p);
			CHECK(plain_sum(exact + 14, (exact[14] & 15u) * 4, 0) == 0xffff);
			CHECK(!good || l4_sum(exact + 14) == 0xffff);
		}
		if (i % 16 == 0)
			CHECK(table_ok(4));
		if (!rnd(5000))
			forget(in, (unsigned int)rnd(64));
next:
		free(exact);
	}
	if (verbose)
		printf("new %lu, established %lu, related %lu, invalid %lu\n", seen[1], seen[2],
		       seen[4], seen[8]);
	CHECK(seen[1] > rounds / 50 && seen[2] > rounds / 50 && seen[4] && seen[8]);
	forget(0, 0);
	forget(1, 0);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(vnet_ct_count(ct, i) == 0);
	CHECK(table_ok(4));
	free(ct);
}

int main(int argc, char **argv)
{
	static const struct test t[] = { TEST(tcp_life), TEST(masquerade), TEST(forwarding),
					 TEST(pings),	 TEST(errors),	   TEST(fragments),
					 TEST(quotas),	 TEST(forgetting), TEST(fuzz) };

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	verbose = argc > 2;
	return TEST_RUN(t);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/rules.c hypervisor/vnet/guard.c hypervisor/vnet/parse.c hypervisor/vnet/csum.c hypervisor/lib/sort.c */
/*
 * The classifier: against a plain walk through the list, with random rules and packets; how
 * long searches get with large lists; limits. argv[1]: packets of the comparison.
 */
#include <time.h>
#include <hyp/lib.h>
#include <hyp/timer.h>
#include <hyp/vnet_rules.h>
#include "test.h"
#include "vnet_frames.h"

static unsigned long rounds = 200000;

static const struct xeno_vnet_rule any = {
	.iface = XENO_VNET_ANY,
	.peer = XENO_VNET_ANY,
	.action = XENO_VNET_ACCEPT,
	.sport_hi = 65535,
	.dport_hi = 65535,
	.icmp_type = XENO_VNET_ICMP_ANY,
	.icmp_code = XENO_VNET_ICMP_ANY,
};

static struct vnet_rules *compile(const struct xeno_vnet_rule *rules, unsigned int nr,
				  unsigned int budget)
{
	size_t size = vnet_rules_size(nr);
	void *mem = aligned_alloc(64, (size + 63) & ~63ul);
	struct vnet_rules *s;
	unsigned int slices = 0;

	memset(mem, 0xee, size);
	s = vnet_rules_begin(mem, rules, nr, 0);
	while (vnet_rules_build(s, budget) == -EAGAIN)
		slices++;
	CHECK(slices < 100 * nr + 10);
	return s;
}

/* --- the list, as its description says */

static bool in_prefix(uint32_t a, uint32_t net, unsigned int len)
{
	return !len || (a ^ net) >> (32 - len) == 0;
}

static bool plain_match(const struct xeno_vnet_rule *r, const struct vnet_pkt *p, uint32_t dst,
			unsigned int dport, uint32_t peer, unsigned int state)
{
	bool ports = p->has_l4 && p->t.proto != 1, icmp = p->has_l4 && p->t.proto == 1;

	if (!in_prefix(p->t.src, r->src, r->src_len) || !in_prefix(dst, r->dst, r->dst_len))
		return false;
	if ((r->proto && r->proto != p->t.proto) || (r->peer != XENO_VNET_ANY && r->peer != peer))
		return false;
	if ((r->sport_lo || r->sport_hi != 65535) &&
	    (!ports || p->t.sport < r->sport_lo || p->t.sport > r->sport_hi))
		return false;
	if ((r->dport_lo || r->dport_hi != 65535) &&
	    (!ports || dport < r->dport_lo || dport > r->dport_hi))
		return false;
	if (r->icmp_type != XENO_VNET_ICMP_ANY && (!icmp || p->icmp_type != r->icmp_type))
		return false;
	if (r->icmp_code != XENO_VNET_ICMP_ANY && (!icmp || p->icmp_code != r->icmp_code))
		return false;
	if (r->tcp_mask &&
	    (!ports || p->t.proto != 6 || (p->tcp_flags & r->tcp_mask) != r->tcp_value))
		return false;
	return !r->states || r->states & state;
}

static unsigned int plain_find(const struct xeno_vnet_rule *rules, unsigned int nr,
			       const struct vnet_pkt *p, uint32_t dst, unsigned int dport,
			       uint32_t iface, uint32_t peer, unsigned int dir, unsigned int state)
{
	for (unsigned int i = 0; i < nr; i++)
		if ((rules[i].iface == iface || rules[i].iface == XENO_VNET_ANY) &&
		    rules[i].dir == dir && plain_match(&rules[i], p, dst, dport, peer, state))
			return i;
	return VNET_NO_RULE;
}

/* --- random rules and packets that have something to do with them */

static uint32_t random_addr(unsigned int spread)
{
	static const uint32_t some[] = { IP(10, 0, 0, 1),  IP(10, 0, 255, 255),	  0, ~0u,
					 IP(128, 0, 0, 0), IP(127, 255, 255, 255) };

	if (!rnd(4))
		return some[rnd(6)] + (uint32_t)rnd(3) - 1;
	return IP(10, 0, 0, 0) + (uint32_t)rnd(1ull << rnd(spread));
}

static void random_range(uint16_t *lo, uint16_t *hi)
{
	unsigned int kind = (unsigned int)rnd(4);

	*lo = (uint16_t)rnd(kind == 3 ? 65536 : 40);
	*hi = kind == 1 ? *lo : (uint16_t)min(65535, *lo + (int)rnd(kind == 3 ? 65536 : 30));
	if (!kind) {
		*lo = 0;
		*hi = (uint16_t)(65535 - !rnd(8));
	}
}

static uint32_t random_iface(void)
{
	return rnd(8) ? XENO_VNET_VIF(rnd(3), 0) : XENO_VNET_NIC(0);
}

static void random_rule(struct xeno_vnet_rule *r, unsigned int spread)
{
	static const uint8_t protos[] = { 0, 0, 6, 6, 17, 1, 47 };

	*r = any;
	r->id = (uint32_t)rnd(1000);
	r->iface = rnd(5) ? random_iface() : XENO_VNET_ANY;
	r->peer = rnd(4) ? XENO_VNET_ANY : random_iface();
	r->dir = (uint8_t)rnd(2);
	r->src_len = (uint8_t)(rnd(3) ? rnd(2) ? 32 : rnd(33) : 0);
	r->dst_len = (uint8_t)(rnd(3) ? rnd(2) ? 32 : rnd(33) : 0);
	r->src = random_addr(spread) & ip4_mask(r->src_len);
	r->dst = random_addr(spread) & ip4_mask(r->dst_len);
	r->proto = protos[rnd(7)];
	r->states = rnd(3) ? 0 : (uint8_t)rnd(16);
	if (r->proto == 6 || r->proto == 17) {
		random_range(&r->sport_lo, &r->sport_hi);
		random_range(&r->dport_lo, &r->dport_hi);
	}
	if (r->proto == 6 && !rnd(3)) {
		r->tcp_mask = (uint8_t)rnd(64);
		r->tcp_value = r->tcp_mask & (uint8_t)rnd(64);
	}
	if (r->proto == 1 && rnd(2)) {
		r->icmp_type = (uint16_t)(rnd(3) * 4);
		r->icmp_code = rnd(2) ? XENO_VNET_ICMP_ANY : (uint16_t)rnd(4);
	}
	r->action = (uint8_t)rnd(3);
}

static void random_pkt(struct vnet_pkt *p, const struct xeno_vnet_rule *near, unsigned int spread)
{
	static const uint8_t protos[] = { 6, 6, 17, 17, 1, 47 };

	*p = (struct vnet_pkt){ .t = { .src = random_addr(spread),
				       .dst = random_addr(spread),
				       .proto = protos[rnd(6)] } };
	if (rnd(3)) {
		if (near->src_len)
			p->t.src = near->src | ((uint32_t)rnd(~0ull) & ~ip4_mask(near->src_len));
		if (near->dst_len)
			p->t.dst = near->dst | ((uint32_t)rnd(~0ull) & ~ip4_mask(near->dst_len));
		if (near->proto)
			p->t.proto = near->proto;
	}
	p->has_l4 = p->t.proto != 47 && rnd(10);
	if (p->has_l4 && p->t.proto != 1) {
		p->t.sport = (uint16_t)(rnd(2) ? near->sport_lo + rnd(3) - 1 : rnd(70));
		p->t.dport = (uint16_t)(rnd(2) ? near->dport_hi + rnd(3) - 1 : rnd(70));
	}
	p->tcp_flags = (uint8_t)rnd(64);
	p->icmp_type = (uint8_t)(rnd(4) * 4);
	p->icmp_code = (uint8_t)rnd(4);
}

static unsigned long hits;

static void compare(const struct vnet_rules *s, const struct xeno_vnet_rule *rules, unsigned int nr,
		    unsigned int spread)
{
	uint32_t iface = random_iface(), peer = random_iface(), dst;
	unsigned int dir = (unsigned int)rnd(2), state = 1u << rnd(4), got;
	struct vnet_key key;
	struct vnet_pkt p;

	random_pkt(&p, nr ? &rules[rnd(nr)] : &any, spread);
	dst = rnd(4) ? p.t.dst : random_addr(spread);
	vnet_rules_key(&key, &p, dst, p.t.dport, state);
	key.v[VNET_D_PEER] = peer;
	got = vnet_rules_find(s, &key, iface, dir);
	CHECK(got == plain_find(rules, nr, &p, dst, p.t.dport, iface, peer, dir, state));
	hits += got != VNET_NO_RULE;
}

static void differential(void)
{
	struct xeno_vnet_rule rules[600];

	hits = 0;
	for (unsigned long done = 0; done < rounds;) {
		unsigned int nr = (unsigned int)rnd(rnd(4) ? 60 : 600);
		unsigned int spread = 1 + (unsigned int)rnd(32);
		struct vnet_rules *s;

		for (unsigned int i = 0; i < nr; i++) {
			random_rule(&rules[i], spread);
			CHECK(vnet_rule_check(&rules[i]) == 0);
		}
		s = compile(rules, nr, rnd(2) ? ~0u : 1 + (unsigned int)rnd(3000));
		for (unsigned int i = 0; i < 200 + nr; i++, done++)
			compare(s, rules, nr, spread);
		free(s);
	}
	CHECK(hits > rounds / 4);
}

/* --- large lists: kind of list, and the longest leaf it may have */

static void large_rule(struct xeno_vnet_rule *r, unsigned int kind, unsigned int i)
{
	*r = any;
	r->iface = XENO_VNET_VIF(1, 0);
	switch (kind) {
	case 0: /* hosts */
		r->src = IP(10, 0, 0, 0) + i;
		r->src_len = 32;
		break;
	case 1: /* a host's ports */
		r->proto = 6;
		r->dport_lo = r->dport_hi = (uint16_t)(i + 1);
		break;
	case 2: /* half sources, half destinations: a grid */
		*(i & 1 ? &r->src : &r->dst) = IP(10, 0, 0, 0) + i * 256;
		*(i & 1 ? &r->src_len : &r->dst_len) = 24;
		break;
	case 3: /* ranges within each other */
		r->proto = 17;
		r->dport_lo = (uint16_t)i;
		r->dport_hi = (uint16_t)(60000 - i);
		break;
	case 4: /* services of hosts */
		r->dst = IP(172, 16, 0, 0) + i / 4;
		r->dst_len = 32;
		r->proto = 6;
		r->dport_lo = r->dport_hi = (uint16_t)(i % 4 * 100 + 22);
		break;
	case 5: /* an interface each */
		r->iface = XENO_VNET_VIF(i, 0);
		break;
	default: /* overlapping ranges of everything */
		r->proto = 6;
		r->src_len = (uint8_t)(8 + rnd(25));
		r->src = (uint32_t)rnd(~0ull) & ip4_mask(r->src_len);
		r->dst_len = (uint8_t)(8 + rnd(25));
		r->dst = (uint32_t)rnd(~0ull) & ip4_mask(r->dst_len);
		r->dport_lo = (uint16_t)rnd(60000);
		r->dport_hi = (uint16_t)(r->dport_lo + rnd(5000));
	}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const struct vnet_rules *s, const struct xeno_vnet_rule *rules, unsigned int nr,
		    unsigned int kind, double built)
{
	static struct vnet_key keys[4096];
	static struct vnet_pkt pkts[4096];
	double start;

	for (unsigned int i = 0; i < 4096; i++) {
		random_pkt(&pkts[i], &rules[rnd(nr)], 32);
		vnet_rules_key(&keys[i], &pkts[i], pkts[i].t.dst, pkts[i].t.dport, XENO_VNET_NEW);
	}
	start = seconds();
	for (unsigned int i = 0; i < 4096; i++)
		vnet_rules_find(s, &keys[i], XENO_VNET_VIF(1, 0), XENO_VNET_IN);
	printf("%u rules of kind %u: %zu KiB, built in %.1f ms, %.0f ns a search, leaf %u\n", nr,
	       kind, vnet_rules_size(nr) >> 10, built * 1e3, (seconds() - start) / 4096 * 1e9,
	       vnet_rules_longest(s));
}

static bool verbose;

static void large(void)
{
	static const unsigned int longest[] = { 6, 6, 6, 6, 6, 6, 40 };
	static struct xeno_vnet_rule rules[XENO_VNET_RULES_MAX];

	for (unsigned int kind = 0; kind < 7; kind++) {
		for (unsigned int nr = 1; nr <= XENO_VNET_RULES_MAX; nr *= verbose ? 10 : 100) {
			struct vnet_rules *s;
			double start;

			for (unsigned int i = 0; i < nr; i++)
				large_rule(&rules[i], kind, i);
			start = seconds();
			s = compile(rules, nr, ~0u);
			if (verbose)
				measure(s, rules, nr, kind, seconds() - start);
			CHECK(vnet_rules_longest(s) <= longest[kind]);
			for (unsigned int i = 0; i < 50; i++)
				compare(s, rules, nr, 32);
			free(s);
		}
	}
}

/* Rules that no cut can tell apart, and that cut each other as much as they can: bounded. */
static void hostile(void)
{
	static struct xeno_vnet_rule rules[3000];
	struct vnet_rules *s;

	for (unsigned int kind = 0; kind < 3; kind++) {
		for (unsigned int i = 0; i < 3000; i++) {
			rules[i] = any;
			rules[i].proto = 6;
			rules[i].iface = kind == 1 ? i : 1;
			if (kind == 0 || kind == 1) { /* the same but for flags */
				rules[i].tcp_mask = 63;
				rules[i].tcp_value = (uint8_t)(i & 63);
				continue;
			}
			rules[i].sport_lo = (uint16_t)(i * 3);
			rules[i].sport_hi = (uint16_t)(i * 3 + 20000);
			rules[i].dport_lo = (uint16_t)(30000 - i * 7);
			rules[i].dport_hi = (uint16_t)(60000 - i * 7);
			rules[i].src_len = (uint8_t)(i % 31 + 2);
			rules[i].src = (uint32_t)(i * 2654435761u) & ip4_mask(rules[i].src_len);
		}
		s = compile(rules, 3000, 100000);
		for (unsigned int i = 0; i < 2000; i++)
			compare(s, rules, 3000, 32);
		free(s);
	}
}

static void wrong(void)
{
	static const struct {
		size_t at;
		unsigned int size, value;
	} cases[] = {
#define FIELD(f, v) { offsetof(struct xeno_vnet_rule, f), sizeof(any.f), v }
		FIELD(src, 1),	       FIELD(dst, 1),	      FIELD(src_len, 33),
		FIELD(dst_len, 33),    FIELD(dir, 2),	      FIELD(action, 3),
		FIELD(flags, 0x10),    FIELD(states, 0x10),   FIELD(pad, 1),
		FIELD(copy_to, 1),     FIELD(tcp_value, 1),   FIELD(tcp_mask, 1),
		FIELD(sport_lo, 1),    FIELD(dport_hi, 9),    FIELD(icmp_type, 8),
		FIELD(icmp_code, 0),   FIELD(icmp_type, 257), FIELD(packets_burst, 1),
		FIELD(bytes_burst, 1),
	};
	struct xeno_vnet_rule r = any;

	CHECK(vnet_rule_check(&r) == 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		r = any;
		memcpy((char *)&r + cases[i].at, &cases[i].value, cases[i].size);
		CHECK(vnet_rule_check(&r) == -EINVAL);
	}
	r = any;
	r.packets_limit = (1ull << 40) + 1;
	CHECK(vnet_rule_check(&r) == -EINVAL);
	r = any;
	r.action = XENO_VNET_DROP;
	r.flags = XENO_VNETRF_KEEP;
	CHECK(vnet_rule_check(&r) == -EINVAL);
	r = any;
	r.proto = 6;
	r.sport_lo = 5;
	r.sport_hi = 4;
	CHECK(vnet_rule_check(&r) == -EINVAL);
}

static void counters(void)
{
	struct xeno_vnet_rule rules[2] = { any, any };
	struct xeno_vnet_rule_stat st;
	struct vnet_rules *s, *next;
	unsigned int passed = 0;

	rules[0].id = 7;
	rules[0].packets_limit = 100;
	rules[0].packets_burst = 5;
	rules[1].id = 9;
	s = compile(rules, 2, ~0u);
	for (unsigned int i = 0; i < 1000; i++) /* for 1 s */
		passed += vnet_rules_take(s, 0, 60, i * MILLISECS(1));
	CHECK(passed >= 100 && passed <= 105);
	vnet_rules_stat(s, 0, &st);
	CHECK(st.packets == 1000 && st.bytes == 60000 && st.over == 1000 - passed);
	CHECK(vnet_rules_take(s, 1, ~0u, 0) && vnet_rules_count(s) == 2);
	CHECK(vnet_rules_get(s, 1)->id == 9 && !vnet_rules_get(s, 2));

	rules[1].id = 7; /* now the second, the first is new */
	rules[1].packets_limit = 100;
	rules[1].packets_burst = 5;
	rules[0].id = 8;
	next = compile(rules, 2, ~0u);
	vnet_rules_inherit(next, s);
	vnet_rules_stat(next, 1, &st);
	CHECK(st.packets == 1000);
	CHECK(!vnet_rules_take(next, 1, 60, MILLISECS(999))); /* the bucket is as empty */
	vnet_rules_stat(next, 0, &st);
	CHECK(st.packets == 0 && vnet_rules_take(next, 0, 60, MILLISECS(999)));
	free(s);
	free(next);
}

int main(int argc, char **argv)
{
	static const struct test t[] = { TEST(wrong), TEST(differential), TEST(large),
					 TEST(hostile), TEST(counters) };

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	verbose = argc > 2;
	return TEST_RUN(t);
}

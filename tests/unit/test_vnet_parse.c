/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/parse.c hypervisor/vnet/csum.c hypervisor/vnet/guard.c */
/*
 * Fields of frames: a table of what is wrong; random and mutated frames in memory of exactly
 * their size. Checksums against a plain one. Guards and buckets. argv[1]: frames to fuzz.
 */
#include <hyp/lib.h>
#include <hyp/nic.h>
#include <hyp/timer.h>
#include "test.h"
#include "vnet_frames.h"

#define A IP(10, 0, 0, 5)
#define B IP(192, 0, 2, 7)

static unsigned long rounds = 200000;

static void good(void)
{
	struct frame f;
	struct vnet_pkt p;

	_Static_assert(VNET_HEAD == NIC_HEAD, "NIC_HEAD");
	make_ports(&f, 6, A, 1234, B, 80, VNET_TCP_SYN, 10);
	CHECK(parse(&f, &p) == VNET_OK);
	CHECK(p.kind == VNET_KIND_IP4 && p.t.src == A && p.t.dst == B && p.t.proto == 6);
	CHECK(p.t.sport == 1234 && p.t.dport == 80 && p.has_l4 && p.tcp_flags == VNET_TCP_SYN);
	CHECK(p.smac == MAC_A && p.dmac == MAC_GW && p.l3 == 14 && p.l4 == 34 && p.data == 54);
	CHECK(p.total == 50 && p.ttl == 64 && p.seq == 1000 && !p.fragment && !p.options);
	f.len += 6; /* padding of short frames */
	CHECK(parse(&f, &p) == VNET_OK && p.total == 50);

	make_arp(&f, 1, MAC_A, A, 0, B);
	CHECK(parse(&f, &p) == VNET_OK && p.kind == VNET_KIND_ARP && p.arp_op == 1);
	CHECK(p.sha == MAC_A && p.t.src == A && p.t.dst == B);

	make_icmp(&f, A, B, 8, 0, 77, 4);
	CHECK(parse(&f, &p) == VNET_OK && p.t.sport == 77 && !p.t.dport && !p.untracked);
	make_icmp(&f, A, B, 0, 0, 77, 4);
	CHECK(parse(&f, &p) == VNET_OK && !p.t.sport && p.t.dport == 77);
	make_icmp(&f, A, B, 5, 0, 0, 28);
	CHECK(parse(&f, &p) == VNET_OK && p.untracked && !p.icmp_error);
	make_ip(&f, A, B, 47, 40, 100);
	CHECK(parse(&f, &p) == VNET_OK && !p.has_l4 && p.l4 == 74 && p.options == 40);
}

static void tags(void)
{
	struct frame f;
	struct vnet_pkt p;

	make_ports(&f, 17, A, 1, B, 2, 0, 10);
	memmove(f.b + 16, f.b + 12, f.len - 12);
	put32(f.b + 12, 0x81000123);
	f.len += 4;
	CHECK(parse(&f, &p) == VNET_VLAN);
	CHECK(vnet_parse(f.b, f.len, true, &p) == VNET_OK);
	CHECK(p.vlan == 0x123 && p.l3 == 18 && p.t.dport == 2);
	memmove(f.b + 16, f.b + 12, f.len - 12);
	f.len += 4;
	CHECK(vnet_parse(f.b, f.len, true, &p) == VNET_VLAN);
}

static void inner(void)
{
	struct frame about, f;
	struct vnet_pkt p;

	make_ports(&about, 17, A, 53, B, 99, 0, 40);
	make_error(&f, IP(1, 2, 3, 4), &about, 3, 3, 28);
	CHECK(parse(&f, &p) == VNET_OK && p.icmp_error && p.inner == 42 && p.inner_l4 == 62);
	CHECK(p.it.src == A && p.it.dst == B && p.it.sport == 53 && p.it.dport == 99);
	CHECK(p.inner_len == 28 && p.it.proto == 17);
	make_error(&f, IP(1, 2, 3, 4), &about, 3, 3, 27);
	CHECK(parse(&f, &p) == VNET_INNER);
	put16(about.b + 14 + 6, 3); /* a later fragment has no ports */
	make_error(&f, IP(1, 2, 3, 4), &about, 11, 0, 28);
	CHECK(parse(&f, &p) == VNET_INNER);
}

/* What to change in a good frame: 16 bits at an offset; then the IP checksum is made right. */
static const struct {
	enum vnet_why why;
	uint16_t proto, at, to, len;
	bool keep_sum;
} bad_cases[] = {
	{ VNET_SHORT, 6, 0, 0x0e00, 13, 1 },
	{ VNET_SHORT, 6, 0, 0x0e00, 33, 1 },
	{ VNET_MAC, 6, 6, 0x0322, 0, 1 },
	{ VNET_MAC, 6, 6, 0xffff, 0, 1 },
	{ VNET_LLC, 6, 12, 0x0040, 0, 1 },
	{ VNET_IPV6, 6, 12, 0x86dd, 0, 1 },
	{ VNET_VLAN, 6, 12, 0x88a8, 0, 1 },
	{ VNET_ETHERTYPE, 6, 12, 0x8863, 0, 1 },
	{ VNET_IP_VERSION, 6, 14, 0x6500, 0, 1 },
	{ VNET_IP_HEADER, 6, 14, 0x4400, 0, 1 },
	{ VNET_IP_HEADER, 6, 14, 0x4f00, 60, 1 },
	{ VNET_IP_LENGTH, 6, 16, 19, 0, 1 },
	{ VNET_IP_LENGTH, 6, 16, 2000, 0, 1 },
	{ VNET_IP_CSUM, 6, 24, 0x1111, 0, 1 },
	{ VNET_IP_FLAGS, 6, 20, 0x8000, 0, 0 },
	{ VNET_SOURCE, 6, 26, 0x7f00, 0, 0 },
	{ VNET_SOURCE, 6, 26, 0xe000, 0, 0 },
	{ VNET_SOURCE, 6, 26, 0xffff, 0, 0 },
	{ VNET_SOURCE, 6, 26, 0x0001, 0, 0 },
	{ VNET_DEST, 6, 30, 0x7f00, 0, 0 },
	{ VNET_DEST, 6, 30, 0x0000, 0, 0 },
	{ VNET_DEST, 6, 30, 0xf000, 0, 0 },
	{ VNET_OK, 6, 30, 0xe000, 0, 0 }, /* multicast */
	{ VNET_FRAG_RANGE, 47, 20, 0x3fff, 0, 0 },
	{ VNET_FRAG_RANGE, 47, 20, 0x1fff, 0, 0 },
	{ VNET_FRAG_RANGE, 47, 20, 0x2000, 0, 0 }, /* 60 bytes, and more follow */
	{ VNET_FRAG_TINY, 6, 20, 0x0001, 0, 0 },
	{ VNET_FRAG_TINY, 6, 20, 0x0002, 0, 0 },
	{ VNET_OK, 6, 20, 0x0003, 0, 0 },
	{ VNET_OK, 17, 20, 0x0001, 0, 0 },
	{ VNET_TCP, 6, 46, 0x4000, 0, 0 },
	{ VNET_TCP, 6, 46, 0xf000, 0, 0 }, /* header of 60 bytes in 60: good, see below */
	{ VNET_UDP, 17, 38, 7, 0, 0 },
	{ VNET_UDP, 17, 38, 67, 0, 0 },
	{ VNET_UDP, 17, 38, 69, 0, 0 },
	{ VNET_INNER, 1, 34, 0x0300, 0, 0 },
	{ VNET_SOURCE_ROUTE, 0, 34, 0x8307, 0, 0 },
	{ VNET_SOURCE_ROUTE, 0, 34, 0x8907, 0, 0 },
	{ VNET_IP_OPTION, 0, 34, 0x4401, 0, 0 },
	{ VNET_IP_OPTION, 0, 34, 0x4409, 0, 0 },
	{ VNET_OK, 0, 34, 0x4408, 0, 0 },
	{ VNET_OK, 0, 34, 0x0001, 0, 0 },
};

static void bad(void)
{
	struct frame f;
	struct vnet_pkt p;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad_cases); i++) {
		enum vnet_why why;
		unsigned int proto = bad_cases[i].proto;

		if (proto == 6 || proto == 17)
			make_ports(&f, proto, A, 1000, B, 80, 0, proto == 6 ? 40 : 60);
		else if (proto == 1)
			make_icmp(&f, A, B, 8, 0, 1, 10);
		else
			make_ip(&f, A, B, proto ? proto : 47, proto ? 0 : 8, 60);
		put16(f.b + bad_cases[i].at, bad_cases[i].to);
		if (!bad_cases[i].keep_sum)
			fix_ip(f.b + 14);
		if (bad_cases[i].len)
			f.len = bad_cases[i].len;
		why = parse(&f, &p);
		if (bad_cases[i].to == 0xf000 && bad_cases[i].at == 46)
			why = why == VNET_OK ? VNET_TCP : VNET_OK;
		if (why != bad_cases[i].why)
			printf("case %u: %s, not %s\n", i, vnet_why_name(why),
			       vnet_why_name(bad_cases[i].why));
		CHECK(why == bad_cases[i].why);
	}
	make_ip(&f, A, A, 47, 0, 20);
	CHECK(parse(&f, &p) == VNET_SOURCE);
	make_ports(&f, 17, 0, 68, ~0u, 67, 0, 20);
	CHECK(parse(&f, &p) == VNET_OK);
	make_ports(&f, 17, 0, 68, B, 67, 0, 20);
	CHECK(parse(&f, &p) == VNET_SOURCE);
	make_arp(&f, 3, MAC_A, A, 0, B);
	CHECK(parse(&f, &p) == VNET_ARP);
	make_arp(&f, 1, MAC_A, A, 0, B);
	f.b[18] = 8;
	CHECK(parse(&f, &p) == VNET_ARP);
	f.len = 41;
	CHECK(parse(&f, &p) == VNET_SHORT);
	CHECK(vnet_parse(f.b, VNET_FRAME_MAX + 1, false, &p) == VNET_LONG);
	make_ip(&f, A, B, 6, 0, 16);
	put16(f.b + 20, 0x2000);
	fix_ip(f.b + 14);
	CHECK(parse(&f, &p) == VNET_FRAG_TINY);
}

/* All that a reader of p relies on. */
static bool consistent(const struct vnet_pkt *p)
{
	if (p->head != min(p->len, 256u) || p->smac & VNET_MAC_GROUP)
		return false;
	if (p->kind == VNET_KIND_ARP)
		return p->l3 + 28 <= p->head;
	return p->l3 + p->total <= (int)p->len && p->l4 <= p->head && p->l4 <= p->l3 + p->total &&
	       (!p->has_l4 || (p->data <= p->head && p->data <= p->l3 + p->total)) &&
	       (!p->icmp_error || (p->inner + p->inner_len <= p->head && p->inner_len >= 28 &&
				   p->inner_l4 + 8 <= p->inner + p->inner_len));
}

static void fuzz(void)
{
	unsigned long seen[VNET_NR_WHYS] = { 0 };
	unsigned int kinds = 0;

	for (unsigned long i = 0; i < rounds; i++) {
		struct frame f;
		struct vnet_pkt p;
		uint8_t *exact;
		uint32_t head;
		enum vnet_why why;

		make_any(&f);
		mutate(&f);
		if (!rnd(50))
			for (unsigned int k = 0; k < sizeof(f.b); k++)
				f.b[k] = (uint8_t)rnd(256);
		head = min(f.len, 256u);
		exact = malloc(head ? head : 1);
		memcpy(exact, f.b, head);
		why = vnet_parse(exact, f.len, rnd(2), &p);
		seen[why]++;
		if (why == VNET_OK) {
			CHECK(consistent(&p));
			if (p.kind == VNET_KIND_IP4 && !vnet_csum_partial(exact, &p))
				vnet_csum_finish(exact, &p, rnd(~0ull));
			if (p.kind == VNET_KIND_IP4)
				vnet_ttl_dec(exact, &p);
		}
		free(exact);
	}
	for (unsigned int i = 0; i < VNET_FORGED_MAC; i++)
		kinds += seen[i] > 0;
	CHECK(kinds >= 20 && seen[VNET_OK] > rounds / 10);
}

static void sums(void)
{
	uint8_t b[600];

	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int len = (unsigned int)rnd(500), cut = (unsigned int)rnd(len + 1);
		unsigned int off = (unsigned int)rnd(9);
		uint64_t s;

		for (unsigned int i = 0; i < len + off; i++)
			b[i] = rnd(3) ? (uint8_t)rnd(256) : 0xff;
		s = vnet_csum_add(0, b + off, cut, false);
		s = vnet_csum_add(s, b + off + cut, len - cut, cut & 1);
		CHECK(vnet_csum_fold(s) == plain_sum(b + off, len, 0));
	}
	for (unsigned int round = 0; round < 20000; round++) {
		uint16_t to = rnd(4) ? (uint16_t)rnd(65536) : (uint16_t)-rnd(2);
		unsigned int at = 2 * (unsigned int)rnd(9);

		for (unsigned int i = 0; i < 20; i++)
			b[i] = rnd(2) ? (uint8_t)rnd(256) : (uint8_t)-rnd(2);
		b[0] |= 1; /* never all zero, as a header */
		if (!at)
			to |= 0x100;
		put16(b + 18, 0);
		put16(b + 18, (uint16_t)~plain_sum(b, 20, 0));
		vnet_csum_change16(b + 18, get16(b + at), to);
		put16(b + at, to);
		at = get16(b + 18);
		put16(b + 18, 0);
		CHECK(at == (uint16_t)~plain_sum(b, 20, 0));
	}
}

static void offload(void)
{
	for (unsigned int i = 0; i < 400; i++) {
		unsigned int proto = i & 1 ? 6 : 17;
		struct frame f;
		struct vnet_pkt p;
		uint64_t sum;

		make_ports(&f, proto, A, 1 + (unsigned int)rnd(9), B, 2, 0, i);
		CHECK(parse(&f, &p) == VNET_OK);
		sum = vnet_csum_add(0, f.b + p.l4, f.len - p.l4, false);
		CHECK(vnet_csum_ok(f.b, &p, sum));
		f.b[f.len - 1] ^= 1;
		sum = vnet_csum_add(0, f.b + p.l4, f.len - p.l4, false);
		CHECK(!vnet_csum_ok(f.b, &p, sum));
		/* What was there does not matter. */
		put16(f.b + p.l4 + sum_at(proto), (uint16_t)rnd(65536));
		CHECK(vnet_csum_partial(f.b, &p) == VNET_OK && p.partial);
		CHECK(get16(f.b + p.l4 + sum_at(proto)) ==
		      (uint16_t)plain_pseudo(f.b + 14, f.len - 34));
		sum = vnet_csum_add(0, f.b + p.l4, f.len - p.l4, false);
		vnet_csum_finish(f.b, &p, sum);
		CHECK(!p.partial && l4_sum(f.b + 14) == 0xffff);
		put16(f.b + p.l4 + sum_at(proto), 0);
		CHECK(vnet_csum_ok(f.b, &p, 12345) == (proto == 17));
		for (unsigned int ttl = 64; ttl > 1; ttl--)
			CHECK(vnet_ttl_dec(f.b, &p) == VNET_OK &&
			      plain_sum(f.b + 14, 20, 0) == 0xffff);
		CHECK(vnet_ttl_dec(f.b, &p) == VNET_TTL && f.b[22] == 1);
	}
}

static void guards(void)
{
	struct vnet_identity id = { .mac = MAC_A,
				    .nr = 2,
				    .addr = { { A, ~0u }, { IP(10, 9, 0, 0), ip4_mask(16) } } };
	static const struct {
		enum vnet_why why;
		unsigned int op;
		uint64_t mac, sha;
		uint32_t src;
	} cases[] = {
		{ VNET_OK, 1, MAC_A, MAC_A, A },
		{ VNET_OK, 2, MAC_A, MAC_A, IP(10, 9, 3, 4) },
		{ VNET_OK, 1, MAC_A, MAC_A, 0 },
		{ VNET_FORGED_ARP, 2, MAC_A, MAC_A, 0 },
		{ VNET_FORGED_ARP, 1, MAC_A, MAC_B, A },
		{ VNET_FORGED_ARP, 2, MAC_A, MAC_A, A + 1 },
		{ VNET_FORGED_MAC, 1, MAC_B, MAC_B, A },
		{ VNET_OK, 0, MAC_A, 0, A },
		{ VNET_OK, 0, MAC_A, 0, IP(10, 9, 255, 255) },
		{ VNET_FORGED_IP, 0, MAC_A, 0, IP(10, 10, 0, 0) },
		{ VNET_FORGED_IP, 0, MAC_A, 0, A + 1 },
		{ VNET_FORGED_MAC, 0, MAC_B, 0, A },
	};
	struct frame f;
	struct vnet_pkt p;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].op) {
			make_arp(&f, cases[i].op, cases[i].mac, cases[i].src, MAC_GW, B);
			put48(f.b + 22, cases[i].sha);
		} else {
			make_ports(&f, 17, cases[i].src, 1, B, 2, 0, 16);
			put48(f.b + 6, cases[i].mac);
			if (i & 1) /* fragments are no way round */
				put16(f.b + 20, 100);
			fix_ip(f.b + 14);
		}
		CHECK(parse(&f, &p) == VNET_OK);
		CHECK(vnet_guard_sent(&id, &p) == cases[i].why);
	}
	make_ports(&f, 17, 0, 68, ~0u, 67, 0, 20);
	parse(&f, &p);
	CHECK(vnet_guard_sent(&id, &p) == VNET_FORGED_IP);
	id.dhcp = true;
	CHECK(vnet_guard_sent(&id, &p) == VNET_OK);
	p.t.dport = 53;
	CHECK(vnet_guard_sent(&id, &p) == VNET_FORGED_IP);
	id.mac = MAC_GW;
	make_ports(&f, 17, B, 1, A, 2, 0, 20);
	parse(&f, &p);
	CHECK(vnet_guard_arrived(&id, &p) == VNET_OK);
	p.dmac = MAC_B;
	CHECK(vnet_guard_arrived(&id, &p) == VNET_NOT_FOR_US);
	p.dmac = VNET_MAC_BROADCAST;
	p.t.src = A;
	CHECK(vnet_guard_arrived(&id, &p) == VNET_FORGED_IP);
	p.smac = MAC_GW;
	CHECK(vnet_guard_arrived(&id, &p) == VNET_FORGED_MAC);
}

static void buckets(void)
{
	static const uint64_t rates[] = { 1, 3, 100, 1000, 99999, 1250000000, 1ull << 40 };
	struct vnet_bucket b;

	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t passed = 0, rate = rates[i], bound;
		uint32_t burst = rate > 10 ? (uint32_t)min(rate / 10, 0xfffffffful) : 1;
		uint32_t unit = (uint32_t)(burst / 7 + 1);
		s_time_t now = 12345;

		vnet_bucket_init(&b, rate, burst, now);
		for (unsigned int k = 0; k < 20000; k++) {
			now += (s_time_t)rnd(1000000);
			if (vnet_bucket_take(&b, unit, now)) {
				passed += unit;
			} else if (!rnd(10)) {
				now += vnet_bucket_wait(&b, unit);
				CHECK(vnet_bucket_take(&b, unit, now));
				passed += unit;
			}
			CHECK(b.level <= b.full);
		}
		now -= 12345;
		bound = burst + (uint64_t)(now / 1000) * rate / 1000000;
		CHECK(passed <= bound + unit);
		CHECK(passed + 2 * unit + burst >= bound - bound / 20 || passed >= 19900ull * unit);
	}
	vnet_bucket_init(&b, 1000, 10, 0);
	CHECK(vnet_bucket_take(&b, 100, 0) && !vnet_bucket_take(&b, 1, 0));
	CHECK(!vnet_bucket_take(&b, 1, -SECONDS(5)) && vnet_bucket_take(&b, 1, MILLISECS(2)));
	CHECK(vnet_bucket_take(&b, 10, INT64_MAX) && !vnet_bucket_take(&b, 1, INT64_MAX));
	vnet_bucket_init(&b, 0, 0, 0);
	CHECK(vnet_bucket_take(&b, ~0u, 0) && vnet_bucket_take(&b, ~0u, 0));
	CHECK(vnet_bucket_wait(&b, ~0u) == 0);
}

static void symmetry(void)
{
	struct vnet_symmetry s = { .set = { .ratio = 4, .min_packets = 100, .window_ms = 1000 } };
	struct xeno_vnet_symmetry wrong = { .ratio = 1, .window_ms = 99 };
	unsigned int events = 0;
	bool event;

	CHECK(vnet_symmetry_check(&s.set) == 0 && vnet_symmetry_check(&wrong) == -EINVAL);
	for (unsigned int i = 0; i < 400; i++) { /* balanced */
		if (i % 4 == 0)
			vnet_symmetry_received(&s, 1);
		CHECK(!vnet_symmetry_sent(&s, 1, &event) && !event);
	}
	for (unsigned int i = 0; i < 400; i++) {
		CHECK(!vnet_symmetry_sent(&s, 2, &event));
		events += event;
	}
	CHECK(events == 1);
	s.set.flags = XENO_VNET_SYMMETRY_DROP;
	CHECK(vnet_symmetry_sent(&s, SECONDS(1) + 2, &event) && event);
	CHECK(vnet_symmetry_sent(&s, SECONDS(1) + 3, &event) && !event);
	CHECK(!vnet_symmetry_sent(&s, SECONDS(90), &event) && s.sent == 1);
	s.set.ratio = 0;
	CHECK(!vnet_symmetry_sent(&s, SECONDS(90), &event));
}

int main(int argc, char **argv)
{
	static const struct test t[] = { TEST(good),	TEST(tags),    TEST(inner),   TEST(bad),
					 TEST(fuzz),	TEST(sums),    TEST(offload), TEST(guards),
					 TEST(buckets), TEST(symmetry) };

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	return TEST_RUN(t);
}

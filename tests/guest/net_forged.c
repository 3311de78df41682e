/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames that no honest guest sends: each is refused, counted for its reason, and seen by nobody. */
#include "lib/net.h"

#define BUFFERS 32
#define PORT 7000
#define IP 14
#define L4 34

static struct net a, b;
static struct net_got got;
static uint8_t f[2048]; /* a good UDP packet from A to B, until it is spoilt */
static unsigned int len;

struct forgery {
	const char *what, *reason; /* reason: part of its name */
	void (*spoil)(void);
};

/* --- the wire */

static void their_mac(void)
{
	put48(f + 6, NET_MAC(NET_B));
}

static void router_mac(void)
{
	put48(f + 6, NET_ROUTER);
}

static void group_mac(void)
{
	f[6] |= 1;
}

static void zero_mac(void)
{
	put48(f + 6, 0);
}

static void type(unsigned int value)
{
	put16(f + 12, (uint16_t)value);
}

static void tag(unsigned int tpid)
{
	for (unsigned int i = len; i > 12; i--)
		f[i + 3] = f[i - 1];
	put16(f + 12, (uint16_t)tpid);
	put16(f + 14, 5);
	len += 4;
}

static void vlan(void)
{
	tag(0x8100);
}

static void service_vlan(void)
{
	tag(0x88a8);
}

static void two_tags(void)
{
	tag(0x8100);
	tag(0x8100);
}

static void priority_tag(void)
{
	tag(0x8100);
	put16(f + 14, 0xe000);
}

static void ipv6(void)
{
	type(0x86dd);
}

static void llc(void)
{
	type(len - 14);
}

static void pppoe(void)
{
	type(0x8864);
}

static void mpls(void)
{
	type(0x8847);
}

static void header_only(void)
{
	len = 14;
}

static void half_an_ip_header(void)
{
	len = 33;
}

static void tail_missing(void)
{
	len--;
}

/* --- ARP */

static void arp_their_address(void)
{
	len = net_arp(f, &a, 1, b.addr, NET_GATEWAY);
}

static void arp_gateway(void)
{
	len = net_arp(f, &a, 2, NET_GATEWAY, b.addr);
}

static void arp_their_mac(void)
{
	len = net_arp(f, &a, 2, a.addr, b.addr);
	put48(f + 22, NET_MAC(NET_B));
}

static void arp_announcement(void)
{
	len = net_arp(f, &a, 1, b.addr, b.addr);
}

static void arp_zero_reply(void)
{
	len = net_arp(f, &a, 2, 0, b.addr);
}

static void arp_op(void)
{
	len = net_arp(f, &a, 3, a.addr, b.addr);
}

static void arp_high_op(void)
{
	len = net_arp(f, &a, 0x101, a.addr, b.addr);
}

static void arp_sizes(void)
{
	len = net_arp(f, &a, 1, a.addr, b.addr);
	f[18] = 8;
}

static void arp_short(void)
{
	len = net_arp(f, &a, 1, a.addr, b.addr) - 1;
}

/* --- IP */

static void fixed(void)
{
	net_fix_ip(f);
}

static void source(uint32_t addr)
{
	put32(f + IP + 12, addr);
	fixed();
}

static void dest(uint32_t addr)
{
	put32(f + IP + 16, addr);
	fixed();
}

#define TO(name, how, addr)                                                                        \
	static void name(void)                                                                     \
	{                                                                                          \
		how(addr);                                                                         \
	}
TO(gateways_address, source, NET_GATEWAY)
TO(neighbours_address, source, NET_ADDR(NET_A) ^ 1 << 8)
TO(from_nowhere, source, 0)
TO(from_loopback, source, 0x7f000001)
TO(from_a_group, source, 0xe0000001)
TO(from_everybody, source, 0xffffffff)
TO(to_loopback, dest, 0x7f000001)
TO(to_nowhere, dest, 0x00000001)
TO(to_class_e, dest, 0xf0000001)
TO(to_itself, dest, NET_ADDR(NET_A))

static void their_address(void)
{
	source(NET_ADDR(NET_B));
	dest(0x0a000063);
}

static void version(void)
{
	f[IP] = 0x55;
	fixed();
}

static void no_header(void)
{
	f[IP] = 0x44;
}

static void long_header(void)
{
	f[IP] = 0x4f;
	len = 60;
}

static void total_too_long(void)
{
	put16(f + IP + 2, (uint16_t)(len - IP + 1));
	fixed();
}

static void total_too_short(void)
{
	put16(f + IP + 2, 19);
	fixed();
}

static void checksum(void)
{
	f[IP + 10] ^= 1;
}

static void evil_bit(void)
{
	f[IP + 6] = 0x80;
	fixed();
}

static void ttl_0(void)
{
	f[IP + 8] = 0;
	fixed();
}

static void ttl_1(void)
{
	f[IP + 8] = 1;
	fixed();
}

/* Puts four bytes of options into the header. */
static void ip_option(uint32_t word)
{
	for (unsigned int i = len; i > L4; i--)
		f[i + 3] = f[i - 1];
	len += 4;
	f[IP] = 0x46;
	put32(f + L4, word);
	put16(f + IP + 2, (uint16_t)(len - IP));
	fixed();
}

TO(loose_route, ip_option, 0x83030400)
TO(strict_route, ip_option, 0x89030400)
TO(long_option, ip_option, 0x07090400)
TO(empty_option, ip_option, 0x07000000)
TO(cut_option, ip_option, 0x01010107)

/* --- fragments */

static void fragment(unsigned int bits)
{
	put16(f + IP + 6, (uint16_t)bits);
	fixed();
}

static void behind_the_end(void)
{
	fragment(0x1fff);
}

static void odd_piece(void)
{
	put16(f + IP + 2, (uint16_t)(len - IP - 1));
	len--;
	fragment(0x2000);
}

static void empty_piece(void)
{
	len = net_ip(f, &a, 17, b.addr, 0);
	fragment(0x2000);
}

static void tiny_tcp(void)
{
	len = net_tcp(f, &a, b.addr, 1, PORT, 2, 100);
	len = L4 + 16;
	put16(f + IP + 2, 36);
	fragment(0x2000);
}

static void tiny_udp(void)
{
	len = L4 + 8;
	put16(f + IP + 2, 28);
	put16(f + L4 + 4, 8);
	fragment(0x2000);
}

static void over_the_header(void)
{
	len = net_tcp(f, &a, b.addr, 1, PORT, 2, 100);
	fragment(1);
}

static void over_the_flags(void)
{
	len = net_tcp(f, &a, b.addr, 1, PORT, 2, 100);
	fragment(2);
}

/* --- TCP, UDP, ICMP */

static void tcp_cut(void)
{
	len = net_ip(f, &a, 6, b.addr, 12);
}

static void tcp_small_offset(void)
{
	len = net_tcp(f, &a, b.addr, 1, PORT, 2, 10);
	f[L4 + 12] = 0x40;
}

static void tcp_big_offset(void)
{
	len = net_tcp(f, &a, b.addr, 1, PORT, 2, 10);
	f[L4 + 12] = 0xf0;
}

static void udp_cut(void)
{
	len = net_ip(f, &a, 17, b.addr, 7);
}

static void udp_long(void)
{
	put16(f + L4 + 4, 2000);
}

static void udp_short(void)
{
	put16(f + L4 + 4, 7);
}

static void udp_less(void)
{
	put16(f + L4 + 4, 50);
}

static void icmp_cut(void)
{
	len = net_ip(f, &a, 1, b.addr, 7);
}

/* An error about nothing, and about a fragment behind the first. */
static void icmp_error(unsigned int inner, unsigned int bits)
{
	len = net_ip(f, &a, 1, b.addr, 8 + inner);
	memset(f + L4, 0, 8 + inner);
	f[L4] = 3;
	if (inner >= 28) {
		f[L4 + 8] = 0x45;
		put16(f + L4 + 10, 28);
		put16(f + L4 + 14, (uint16_t)bits);
		f[L4 + 17] = 17;
		put32(f + L4 + 20, b.addr);
		put32(f + L4 + 24, a.addr);
	}
	net_fix_l4(f);
}

static void error_about_nothing(void)
{
	icmp_error(0, 0);
}

static void error_cut(void)
{
	icmp_error(27, 0);
}

static void error_about_a_piece(void)
{
	icmp_error(28, 5);
}

#define DO(name, reason)                                                                           \
	{                                                                                          \
#name, reason, name                                                                \
	}
static const struct forgery forgeries[] = {
	DO(their_mac, "forged MAC"),
	DO(router_mac, "forged MAC"),
	DO(group_mac, "bad source MAC"),
	DO(zero_mac, "bad source MAC"),
	DO(vlan, "VLAN"),
	DO(service_vlan, "VLAN"),
	DO(two_tags, "VLAN"),
	DO(priority_tag, "VLAN"),
	DO(ipv6, "IPv6"),
	DO(llc, "802.3"),
	DO(pppoe, "EtherType"),
	DO(mpls, "EtherType"),
	DO(header_only, "short"),
	DO(half_an_ip_header, "short"),
	DO(tail_missing, "total length"),
	DO(arp_their_address, "forged ARP"),
	DO(arp_gateway, "forged ARP"),
	DO(arp_their_mac, "forged ARP"),
	DO(arp_announcement, "forged ARP"),
	DO(arp_zero_reply, "forged ARP"),
	DO(arp_op, "bad ARP"),
	DO(arp_high_op, "bad ARP"),
	DO(arp_sizes, "bad ARP"),
	DO(arp_short, "short"),
	DO(their_address, "forged IP"),
	DO(gateways_address, "forged IP"),
	DO(neighbours_address, "forged IP"),
	DO(from_nowhere, "source address"),
	DO(from_loopback, "source address"),
	DO(from_a_group, "source address"),
	DO(from_everybody, "source address"),
	DO(to_loopback, "destination address"),
	DO(to_nowhere, "destination address"),
	DO(to_class_e, "destination address"),
	DO(to_itself, "source address"),
	DO(version, "IP version"),
	DO(no_header, "header length"),
	DO(long_header, "header length"),
	DO(total_too_long, "total length"),
	DO(total_too_short, "total length"),
	DO(checksum, "IP checksum"),
	DO(evil_bit, "IP flag"),
	DO(ttl_0, "TTL"),
	DO(ttl_1, "TTL"),
	DO(loose_route, "source route"),
	DO(strict_route, "source route"),
	DO(long_option, "IP option"),
	DO(empty_option, "IP option"),
	DO(cut_option, "IP option"),
	DO(behind_the_end, "out of range"),
	DO(odd_piece, "out of range"),
	DO(empty_piece, "out of range"),
	DO(tiny_tcp, "tiny"),
	DO(tiny_udp, "UDP"),
	DO(over_the_header, "tiny"),
	DO(over_the_flags, "tiny"),
	DO(tcp_cut, "TCP"),
	DO(tcp_small_offset, "TCP"),
	DO(tcp_big_offset, "TCP"),
	DO(udp_cut, "UDP"),
	DO(udp_long, "UDP"),
	DO(udp_short, "UDP"),
	DO(udp_less, "UDP"),
	DO(icmp_cut, "ICMP"),
	DO(error_about_nothing, "ICMP error"),
	DO(error_cut, "ICMP error"),
	DO(error_about_a_piece, "ICMP error"),
};

static void nobody_sees(const char *what)
{
	while (net_recv(&b, &got, 3))
		fail("%s: B gets %u bytes", what, got.len);
	/* The router may tell the sender, by ICMP. */
	while (net_recv(&a, &got, 3))
		CHECK(got.len < 42 || get16(got.data + 12) != 0x800 || got.data[23] == 1,
		      "%s: A gets protocol %u", what, got.data[23]);
}

static void one(const struct forgery *g, unsigned int piece)
{
	uint64_t of_that, of_all, refused;

	memset(f, 0, sizeof(f));
	len = net_udp(f, &a, b.addr, 1234, PORT, 100);
	g->spoil();
	of_that = net_refused(NET_A, g->reason);
	of_all = net_refused(NET_A, "");
	refused = net_stats(NET_A).refused;
	memcpy(a.out, f, len);
	CHECK(net_send_at(&a, len, (struct net_how){ .piece = piece }) != -100, "%s: no answer",
	      g->what);
	nobody_sees(g->what);
	CHECK(net_refused(NET_A, g->reason) == of_that + 1, "%s: not counted as '%s'", g->what,
	      g->reason);
	EXPECT(net_refused(NET_A, ""), of_all + 1);
	EXPECT(net_stats(NET_A).refused, refused + 1);
}

/* What was left to us to complete is what nobody could complete. */
static void offloads(void)
{
	uint64_t n = net_refused(NET_A, "checksum or segmentation");

	len = net_echo(a.out, &a, b.addr, 1, 10);
	net_send_at(&a, len, (struct net_how){ .flags = NETTXF_CSUM_BLANK });
	nobody_sees("a ping without its checksum");
	len = net_udp(a.out, &a, b.addr, 1, PORT, 96);
	put16(a.out + 20, 0x2000);
	put16(a.out + 38, 300);
	net_fix_ip(a.out);
	net_send_at(&a, len, (struct net_how){ .flags = NETTXF_CSUM_BLANK });
	nobody_sees("a fragment without its checksum");
	len = net_ip(a.out, &a, 50, b.addr, 100);
	net_send_at(&a, len, (struct net_how){ .flags = NETTXF_CSUM_BLANK });
	nobody_sees("an unknown protocol without its checksum");
	len = net_udp(a.out, &a, b.addr, 1, PORT, 3000);
	net_send_at(&a, len, (struct net_how){ .flags = NETTXF_CSUM_BLANK, .gso = 1000 });
	nobody_sees("UDP to be cut as TCP");
	EXPECT(net_refused(NET_A, "checksum or segmentation"), n + 4);
}

/* Without rules nothing goes, and what may only be a first fragment is no other. */
static void rules(void)
{
	struct xeno_vnet_rule r[3] = { net_rule(XENO_VNET_IN, XENO_VNET_ACCEPT),
				       net_rule(XENO_VNET_OUT, XENO_VNET_ACCEPT) };
	struct forgery none = { "no rule", "no rule", fixed };

	EXPECT(net_rules(NULL, 0), -1);
	one(&none, 0);
	CHECK(net_ping(&a), "the gateway answers without rules, too");
	EXPECT(net_rules(r, 1), -1);
	one(&none, 0);
	r[0].proto = 17;
	r[0].dport_lo = r[0].dport_hi = PORT + 1;
	EXPECT(net_rules(r, 2), -1);
	one(&none, 0);
	r[0].dport_lo = r[0].dport_hi = PORT;
	r[0].src = NET_ADDR(NET_A);
	r[0].src_len = 32;
	EXPECT(net_rules(r, 2), -1);
	len = net_udp(f, &a, b.addr, 1234, PORT, 100);
	EXPECT(net_send(&a, f, len), 0);
	CHECK(net_recv_udp(&b, &got, PORT, 3000), "what a rule accepts does not come");
	len = net_udp(f, &a, b.addr, 1234, PORT, 100);
	put16(f + 20, 64);
	net_fix_ip(f);
	CHECK(net_send(&a, f, len) != -100, "no answer");
	nobody_sees("a fragment without ports");
	r[0].action = XENO_VNET_DROP;
	EXPECT(net_rules(r, 2), -1);
	one(&(struct forgery){ "a rule drops", "dropped by rule", fixed }, 0);
	net_accept_all();
}

void test(void)
{
	if (!xeno || !is_dom0)
		skip("domain 0 of Xeno only");
	net_both(&a, &b, BUFFERS);
	for (unsigned int i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		one(forgeries + i, 0);
		one(forgeries + i, 20);
	}
	offloads();
	rules();
	len = net_udp(f, &a, b.addr, 1234, PORT, 100);
	EXPECT(net_send(&a, f, len), 0);
	CHECK(net_recv_udp(&b, &got, PORT, 3000), "an honest frame does not come");
	net_close(&a);
	net_close(&b);
}

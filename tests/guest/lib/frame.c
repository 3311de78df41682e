/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames, for tests: what a guest's network would send, by its own arithmetic. */
#include "net.h"

#define ETH 14
#define L4 34 /* behind an IP header without options */

uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

void put48(uint8_t *p, uint64_t v)
{
	put16(p, (uint16_t)(v >> 32));
	put32(p + 2, (uint32_t)v);
}

static uint64_t sum(const uint8_t *p, unsigned int len)
{
	uint64_t s = 0;

	for (unsigned int i = 0; i + 1 < len; i += 2)
		s += get16(p + i);
	return len & 1 ? s + (uint64_t)p[len - 1] * 256 : s;
}

static uint16_t fold(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static unsigned int header_of(const uint8_t *f)
{
	return (f[ETH] & 15u) * 4;
}

/* Of TCP, UDP or ICMP, the checksum as it is among it. */
static uint16_t l4_sum(const uint8_t *f)
{
	unsigned int len = get16(f + ETH + 2) - header_of(f);
	uint64_t s = sum(f + ETH + header_of(f), len);

	if (f[ETH + 9] != 1)
		s += sum(f + ETH + 12, 8) + f[ETH + 9] + len;
	return fold(s);
}

static uint8_t *l4_field(uint8_t *f)
{
	static const uint8_t at[] = { [1] = 2, [6] = 16, [17] = 6 };

	return f + ETH + header_of(f) + at[f[ETH + 9]];
}

void net_fix_ip(uint8_t *f)
{
	put16(f + ETH + 10, 0);
	put16(f + ETH + 10, (uint16_t)~fold(sum(f + ETH, header_of(f))));
}

void net_fix_l4(uint8_t *f)
{
	put16(l4_field(f), 0);
	put16(l4_field(f), (uint16_t)~l4_sum(f));
}

bool net_sums_ok(const uint8_t *f)
{
	return fold(sum(f + ETH, header_of(f))) == 0xffff && l4_sum(f) == 0xffff;
}

unsigned int net_ip(uint8_t *f, const struct net *n, unsigned int proto, uint32_t dst,
		    unsigned int len)
{
	static uint16_t id;

	put48(f, NET_ROUTER);
	put48(f + 6, n->mac);
	put16(f + 12, 0x800);
	memset(f + ETH, 0, 20);
	f[ETH] = 0x45;
	put16(f + ETH + 2, (uint16_t)(20 + len));
	put16(f + ETH + 4, ++id);
	f[ETH + 8] = 64;
	f[ETH + 9] = (uint8_t)proto;
	put32(f + ETH + 12, n->addr);
	put32(f + ETH + 16, dst);
	net_fix_ip(f);
	return L4 + len;
}

static void fill(uint8_t *p, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
}

unsigned int net_udp(uint8_t *f, const struct net *n, uint32_t dst, unsigned int sport,
		     unsigned int dport, unsigned int len)
{
	unsigned int size = net_ip(f, n, 17, dst, 8 + len);

	put16(f + L4, (uint16_t)sport);
	put16(f + L4 + 2, (uint16_t)dport);
	put16(f + L4 + 4, (uint16_t)(8 + len));
	fill(f + L4 + 8, len);
	net_fix_l4(f);
	return size;
}

unsigned int net_tcp(uint8_t *f, const struct net *n, uint32_t dst, unsigned int sport,
		     unsigned int dport, unsigned int flags, unsigned int len)
{
	unsigned int size = net_ip(f, n, 6, dst, 20 + len);

	memset(f + L4, 0, 20);
	put16(f + L4, (uint16_t)sport);
	put16(f + L4 + 2, (uint16_t)dport);
	put32(f + L4 + 4, 1000);
	f[L4 + 12] = 0x50;
	f[L4 + 13] = (uint8_t)flags;
	put16(f + L4 + 14, 8192);
	fill(f + L4 + 20, len);
	net_fix_l4(f);
	return size;
}

unsigned int net_echo(uint8_t *f, const struct net *n, uint32_t dst, unsigned int id,
		      unsigned int len)
{
	unsigned int size = net_ip(f, n, 1, dst, 8 + len);

	memset(f + L4, 0, 8);
	f[L4] = 8;
	put16(f + L4 + 4, (uint16_t)id);
	fill(f + L4 + 8, len);
	net_fix_l4(f);
	return size;
}

unsigned int net_arp(uint8_t *f, const struct net *n, unsigned int op, uint32_t sip, uint32_t tip)
{
	put48(f, 0xffffffffffff);
	put48(f + 6, n->mac);
	put16(f + 12, 0x806);
	put32(f + 14, 0x10800);
	put16(f + 18, 0x604);
	put16(f + 20, (uint16_t)op);
	put48(f + 22, n->mac);
	put32(f + 28, sip);
	put48(f + 32, 0);
	put32(f + 38, tip);
	return 42;
}

bool net_ping(struct net *n)
{
	static struct net_got g;
	static uint8_t f[128];
	static uint16_t id = 7;
	unsigned int len = net_echo(f, n, NET_GATEWAY, ++id, 56);
	uint64_t end = now() + 3000000000ul;

	while (net_recv(n, &g, 0)) /* what fills the ring would take the answer's place */
		;
	if (net_send(n, f, len) == -100)
		return false;
	while (now() < end && net_recv(n, &g, 1000))
		if (g.len == len && g.data[ETH + 9] == 1 && !g.data[L4] &&
		    get16(g.data + L4 + 4) == id && net_sums_ok(g.data))
			return true;
	return false;
}

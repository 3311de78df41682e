/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames for the tests of vnet/: built and checked with a checksum of their own. */
#ifndef UNIT_VNET_FRAMES_H
#define UNIT_VNET_FRAMES_H

#include <stdlib.h>
#include <string.h>
#include <hyp/vnet_pkt.h>

#define MAC_A 0x021122334401ull
#define MAC_B 0x021122334402ull
#define MAC_GW 0x0e0000000001ull
#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static uint64_t seed = 88172645463325252u;

static inline uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

struct frame {
	uint8_t b[2048];
	uint32_t len;
};

/* Two bytes after the other, as RFC 1071 says it. */
static inline uint16_t plain_sum(const uint8_t *b, unsigned int len, uint32_t sum)
{
	for (unsigned int i = 0; i < len; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline uint32_t plain_pseudo(const uint8_t *ip, unsigned int len)
{
	return plain_sum(ip + 12, 8, ip[9] + len);
}

static inline void fix_ip(uint8_t *ip)
{
	unsigned int header = (ip[0] & 15u) * 4;

	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~plain_sum(ip, header, 0));
}

static inline unsigned int sum_at(unsigned int proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* The sum over an IPv4 packet without fragments: 0xffff when its checksum is right. */
static inline uint16_t l4_sum(const uint8_t *ip)
{
	unsigned int header = (ip[0] & 15u) * 4, len = get16(ip + 2) - header;

	return plain_sum(ip + header, len, ip[9] == 1 ? 0 : plain_pseudo(ip, len));
}

static inline void fix_l4(uint8_t *ip)
{
	uint8_t *at = ip + (ip[0] & 15u) * 4 + sum_at(ip[9]);
	uint16_t v;

	put16(at, 0);
	v = (uint16_t)~l4_sum(ip);
	put16(at, !v && ip[9] == 17 ? 0xffff : v);
}

static inline void make_ip(struct frame *f, uint32_t src, uint32_t dst, unsigned int proto,
			   unsigned int options, unsigned int len)
{
	uint8_t *ip = f->b + 14;

	memset(f->b, 0, sizeof(f->b));
	put48(f->b, MAC_GW);
	put48(f->b + 6, MAC_A);
	put16(f->b + 12, 0x800);
	ip[0] = (uint8_t)(0x45 + options / 4);
	memset(ip + 20, 1, options);
	put16(ip + 2, (uint16_t)(20 + options + len));
	put16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = (uint8_t)proto;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	fix_ip(ip);
	f->len = 34 + options + len;
}

/* TCP or UDP, with the payload 0, 1, 2 .. */
static inline void make_ports(struct frame *f, unsigned int proto, uint32_t src, unsigned int sport,
			      uint32_t dst, unsigned int dport, unsigned int flags,
			      unsigned int payload)
{
	unsigned int header = proto == 6 ? 20 : 8;
	uint8_t *l = f->b + 34;

	make_ip(f, src, dst, proto, 0, header + payload);
	put16(l, (uint16_t)sport);
	put16(l + 2, (uint16_t)dport);
	if (proto == 6) {
		put32(l + 4, 1000);
		put32(l + 8, flags & VNET_TCP_ACK ? 2000 : 0);
		l[12] = 0x50;
		l[13] = (uint8_t)flags;
		put16(l + 14, 65535);
	} else {
		put16(l + 4, (uint16_t)(8 + payload));
	}
	for (unsigned int i = 0; i < payload; i++)
		l[header + i] = (uint8_t)i;
	fix_l4(f->b + 14);
}

static inline void make_icmp(struct frame *f, uint32_t src, uint32_t dst, unsigned int type,
			     unsigned int code, unsigned int id, unsigned int payload)
{
	make_ip(f, src, dst, 1, 0, 8 + payload);
	put16(f->b + 34, (uint16_t)(type << 8 | code));
	put16(f->b + 38, (uint16_t)id);
	put16(f->b + 40, 1);
	fix_l4(f->b + 14);
}

/* The error of type, code that `from` would send about packet f. */
static inline void make_error(struct frame *f, uint32_t from, const struct frame *about,
			      unsigned int type, unsigned int code, unsigned int quote)
{
	make_ip(f, from, get32(about->b + 26), 1, 0, 8 + quote);
	put16(f->b + 34, (uint16_t)(type << 8 | code));
	memcpy(f->b + 42, about->b + 14, quote);
	fix_l4(f->b + 14);
}

static inline void make_arp(struct frame *f, unsigned int op, uint64_t smac, uint32_t sip,
			    uint64_t dmac, uint32_t tip)
{
	memset(f->b, 0, sizeof(f->b));
	put48(f->b, op == 1 ? VNET_MAC_BROADCAST : dmac);
	put48(f->b + 6, smac);
	put16(f->b + 12, 0x806);
	put32(f->b + 14, 0x10800);
	put16(f->b + 18, 0x604);
	put16(f->b + 20, (uint16_t)op);
	put48(f->b + 22, smac);
	put32(f->b + 28, sip);
	put48(f->b + 32, op == 1 ? 0 : dmac);
	put32(f->b + 38, tip);
	f->len = 42;
}

static inline enum vnet_why parse(const struct frame *f, struct vnet_pkt *p)
{
	return vnet_parse(f->b, f->len, false, p);
}

/* Any frame that the router could see, mostly sensible. */
static inline void make_any(struct frame *f)
{
	static const uint8_t types[] = { 8, 0, 3, 11, 5, 13 };
	uint32_t a = IP(10, 0, 0, 1) + (uint32_t)rnd(4), b = IP(10, 0, 0, 1) + (uint32_t)rnd(4);
	struct frame about;

	switch (rnd(6)) {
	case 0:
		make_arp(f, 1 + (unsigned int)rnd(2), MAC_A, a, MAC_B, b);
		break;
	case 1:
		make_icmp(f, a, b, types[rnd(6)], 0, (unsigned int)rnd(3), (unsigned int)rnd(80));
		break;
	case 2:
		make_ports(&about, rnd(2) ? 6 : 17, b, 1 + (unsigned int)rnd(3), a,
			   1 + (unsigned int)rnd(3), 0, 30);
		make_error(f, a, &about, 3, (unsigned int)rnd(5), 28 + (unsigned int)rnd(24));
		break;
	case 3:
		make_ip(f, a, b, (unsigned int)rnd(256), 4 * (unsigned int)rnd(11),
			(unsigned int)rnd(500));
		break;
	default:
		make_ports(f, rnd(2) ? 6 : 17, a, 1 + (unsigned int)rnd(3), b,
			   1 + (unsigned int)rnd(3), (unsigned int)rnd(64), (unsigned int)rnd(300));
	}
}

static inline void mutate(struct frame *f)
{
	for (unsigned int n = (unsigned int)rnd(6); n; n--)
		f->b[rnd(rnd(2) ? 60 : 200)] = rnd(3) ? (uint8_t)rnd(256) : (uint8_t)-rnd(2);
	if (!rnd(4))
		f->len = (uint32_t)rnd(f->len + 8);
	if (!rnd(4) && f->len >= 14 + 60) /* most would end at the checksum */
		fix_ip(f->b + 14);
	f->len = f->len > sizeof(f->b) ? sizeof(f->b) : f->len;
}

#endif

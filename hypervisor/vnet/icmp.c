/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP of the gateway: answers to echo, and errors, by the rules of RFC 792, 1122 3.2.2 and
 * 1812 4.3.2.7: none about errors, fragments but the first, packets to or from many, and not
 * more than a bucket gives. Pure.
 */
#include <hyp/lib.h>
#include <hyp/vnet_pkt.h>

#define ETH_LEN 14
#define IP_LEN 20
#define ICMP_LEN 8
#define QUOTE                                                                                      \
	(VNET_HEAD - ETH_LEN - IP_LEN -                                                            \
	 ICMP_LEN) /* bytes of the packet that we have and send back */

static bool to_one(const struct vnet_pkt *p)
{
	return p->kind == VNET_KIND_IP4 && p->t.src && !ip4_is_multicast(p->t.dst) &&
	       p->t.dst != ~0u && !(p->dmac & VNET_MAC_GROUP);
}

static void set_ttl(uint8_t *h, struct vnet_pkt *p, uint8_t ttl)
{
	uint16_t before = get16(h + p->l3 + 8);

	h[p->l3 + 8] = p->ttl = ttl;
	vnet_csum_change16(h + p->l3 + 10, before, get16(h + p->l3 + 8));
}

/* Addresses change places, which no sum notices. */
bool vnet_icmp_echo(uint8_t *h, struct vnet_pkt *p)
{
	if (!to_one(p) || !p->has_l4 || p->fragment || p->options || p->t.proto != VNET_IP_ICMP ||
	    p->icmp_type != 8 || p->icmp_code)
		return false;
	put48(h, p->smac);
	put48(h + 6, p->dmac);
	put32(h + p->l3 + 12, p->t.dst);
	put32(h + p->l3 + 16, p->t.src);
	put16(h + p->l4, 0);
	vnet_csum_change16(h + p->l4 + 2, 0x800, 0);
	set_ttl(h, p, 64);
	p->t = (struct vnet_tuple){ p->t.dst, p->t.src, 0, p->t.sport, VNET_IP_ICMP };
	p->icmp_type = 0;
	p->smac = get48(h + 6);
	p->dmac = get48(h);
	return true;
}

unsigned int vnet_icmp_error(const uint8_t *h, const struct vnet_pkt *p, unsigned int type,
			     unsigned int code, unsigned int mtu, uint32_t from,
			     struct vnet_bucket *limit, s_time_t now, uint8_t out[VNET_HEAD])
{
	uint8_t *ip = out + ETH_LEN, *icmp = ip + IP_LEN;
	unsigned int have = p->head - p->l3, quote = min(p->total + 0u, QUOTE + 0u);

	if (!to_one(p) || p->frag_off || p->icmp_error ||
	    (p->t.proto == VNET_IP_ICMP && (!p->has_l4 || p->icmp_type == 5)) ||
	    !vnet_bucket_take(limit, 1, now))
		return 0;
	quote = min(quote, have);
	memset(out, 0, VNET_HEAD);
	put48(out, p->smac);
	put48(out + 6, p->dmac);
	put16(out + 12, 0x800);
	put16(ip, 0x45c0); /* internetwork control */
	put16(ip + 2, (uint16_t)(IP_LEN + ICMP_LEN + quote));
	put16(ip + 8, 64 << 8 | VNET_IP_ICMP);
	put32(ip + 12, from);
	put32(ip + 16, p->t.src);
	put16(ip + 10, (uint16_t)~vnet_csum_fold(vnet_csum_add(0, ip, IP_LEN, false)));
	put16(icmp, (uint16_t)(type << 8 | code));
	put16(icmp + 6, (uint16_t)mtu);
	memcpy(icmp + ICMP_LEN, h + p->l3, quote);
	put16(icmp + 2, (uint16_t)~vnet_csum_fold(vnet_csum_add(0, icmp, ICMP_LEN + quote, false)));
	return ETH_LEN + IP_LEN + ICMP_LEN + quote;
}

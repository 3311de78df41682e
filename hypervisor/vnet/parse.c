/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame's first bytes, to fields. Pure: h is a copy, and may hold anything.
 *
 * With VNET_OK every length agrees with every other: IP's total length with the frame's, each
 * header with what it lies in, and all headers are within h, so that nobody behind has
 * to look again. Fragments that could hide or overwrite a header are refused (RFC 1858,
 * 3128), as are source routes, addresses no sender can have, and headers that disagree.
 *
 * Not here: reassembly, IPv6, checksums of TCP, UDP and ICMP (most of the packet is not in h).
 */
#include <hyp/vnet_pkt.h>

#define ETH_LEN 14
#define TAG_LEN 4
#define IP_LEN 20

const char *vnet_why_name(enum vnet_why why)
{
	static const char *const names[] = {
#define VNET_WHY(name, text) [VNET_##name] = text,
		VNET_WHYS(VNET_WHY)
#undef VNET_WHY
	};

	return why < VNET_NR_WHYS ? names[why] : "?";
}

static enum vnet_why parse_arp(const uint8_t *h, struct vnet_pkt *p)
{
	const uint8_t *a = h + p->l3;

	if (p->head < p->l3 + 28u)
		return VNET_SHORT;
	p->kind = VNET_KIND_ARP;
	p->arp_op = a[7];
	p->sha = get48(a + 8);
	p->t.src = get32(a + 14);
	p->t.dst = get32(a + 24);
	/* Ethernet, IPv4, their sizes, and the upper half of the operation */
	if (get32(a) != 0x10800 || get16(a + 4) != 0x604 || a[6] || p->arp_op < 1 || p->arp_op > 2)
		return VNET_ARP;
	return VNET_OK;
}

static enum vnet_why check_options(const uint8_t *o, unsigned int left)
{
	while (left && *o) {
		unsigned int n = *o == 1 ? 1 : left >= 2 ? o[1] : 0;

		if (*o == 131 || *o == 137)
			return VNET_SOURCE_ROUTE;
		if (n > left || (n < 2 && *o != 1))
			return VNET_IP_OPTION;
		o += n;
		left -= n;
	}
	return VNET_OK;
}

static bool source_ok(const struct vnet_pkt *p)
{
	uint32_t top = p->t.src >> 24;

	if (!p->t.src) /* somebody without an address asks for one */
		return p->t.proto == VNET_IP_UDP && !p->fragment && p->t.dst == ~0u;
	return top && top != 127 && top < 224 && p->t.src != p->t.dst;
}

static bool dest_ok(const struct vnet_pkt *p)
{
	uint32_t top = p->t.dst >> 24;

	return top && top != 127 && (top < 240 || p->t.dst == ~0u);
}

/* left: bytes of the packet from l on, at least 8 of them in h. */
static void tuple_ports(const uint8_t *l, struct vnet_tuple *t)
{
	if (t->proto != VNET_IP_ICMP) {
		t->sport = get16(l);
		t->dport = get16(l + 2);
	} else if (l[0] == 8) { /* echo */
		t->sport = get16(l + 4);
	} else if (l[0] == 0) {
		t->dport = get16(l + 4);
	}
}

static enum vnet_why parse_tcp(const uint8_t *l, unsigned int left, struct vnet_pkt *p)
{
	unsigned int size = left < 20 ? 0 : l[12] >> 4 << 2;

	if (size < 20 || size > left)
		return p->fragment ? VNET_FRAG_TINY : VNET_TCP;
	p->data = (uint16_t)(p->l4 + size);
	p->seq = get32(l + 4);
	p->ack = get32(l + 8);
	p->tcp_flags = l[13];
	return VNET_OK;
}

static enum vnet_why parse_udp(const uint8_t *l, unsigned int left, struct vnet_pkt *p)
{
	unsigned int size = get16(l + 4);

	p->data = (uint16_t)(p->l4 + 8);
	/* Of a first fragment, the rest is in the others. */
	if (size < 8 || (p->fragment ? size <= left : size != left))
		return VNET_UDP;
	return VNET_OK;
}

/* The packet an error is about: of which at least the header and 8 bytes are there. */
static enum vnet_why parse_inner(const uint8_t *h, unsigned int left, struct vnet_pkt *p)
{
	const uint8_t *i = h + p->data;
	unsigned int header = left < IP_LEN + 8 ? 0 : (i[0] & 15u) * 4;

	p->icmp_error = true;
	if (header < IP_LEN || i[0] >> 4 != 4 || left < header + 8 || get16(i + 2) < header + 8 ||
	    get16(i + 6) & 0x1fff)
		return VNET_INNER;
	p->inner = p->data;
	p->inner_l4 = (uint16_t)(p->data + header);
	left = min(left, get16(i + 2) + 0u);
	p->inner_len = (uint16_t)min(left, p->head - p->data + 0u);
	p->it = (struct vnet_tuple){ .src = get32(i + 12), .dst = get32(i + 16), .proto = i[9] };
	if (i[9] == VNET_IP_TCP || i[9] == VNET_IP_UDP || i[9] == VNET_IP_ICMP)
		tuple_ports(h + p->inner_l4, &p->it);
	p->untracked = i[9] == VNET_IP_ICMP && h[p->inner_l4] & ~8;
	return VNET_OK;
}

static enum vnet_why parse_icmp(const uint8_t *h, unsigned int left, struct vnet_pkt *p)
{
	const uint8_t *l = h + p->l4;

	p->data = (uint16_t)(p->l4 + 8);
	p->icmp_type = l[0];
	p->icmp_code = l[1];
	if (p->icmp_type == 3 || p->icmp_type == 4 || p->icmp_type == 11 || p->icmp_type == 12)
		return p->fragment ? VNET_INNER : parse_inner(h, left - 8, p);
	p->untracked = p->icmp_type & ~8; /* but echo and its answer */
	return VNET_OK;
}

static enum vnet_why parse_l4(const uint8_t *h, struct vnet_pkt *p)
{
	unsigned int left = p->l3 + p->total - p->l4;

	if (p->t.proto != VNET_IP_TCP && p->t.proto != VNET_IP_UDP && p->t.proto != VNET_IP_ICMP)
		return VNET_OK;
	if (p->frag_off) /* behind the header, and not into it again */
		return p->t.proto == VNET_IP_TCP && p->frag_off < 24 ? VNET_FRAG_TINY : VNET_OK;
	if (left < 8)
		return p->fragment		 ? VNET_FRAG_TINY :
		       p->t.proto == VNET_IP_TCP ? VNET_TCP :
		       p->t.proto == VNET_IP_UDP ? VNET_UDP :
						   VNET_ICMP;
	p->has_l4 = true;
	tuple_ports(h + p->l4, &p->t);
	if (p->t.proto == VNET_IP_TCP)
		return parse_tcp(h + p->l4, left, p);
	return p->t.proto == VNET_IP_UDP ? parse_udp(h + p->l4, left, p) : parse_icmp(h, left, p);
}

static enum vnet_why parse_fragment(unsigned int bits, unsigned int left, struct vnet_pkt *p)
{
	bool more = bits & 0x2000;

	p->frag_off = (uint16_t)((bits & 0x1fff) * 8);
	p->fragment = more || p->frag_off;
	if (bits & 0x8000)
		return VNET_IP_FLAGS;
	if ((p->fragment && !left) || (more && left % 8) || IP_LEN + p->frag_off + left > 65535)
		return VNET_FRAG_RANGE;
	return VNET_OK;
}

static enum vnet_why parse_ip4(const uint8_t *h, struct vnet_pkt *p)
{
	const uint8_t *i = h + p->l3;
	unsigned int header;
	enum vnet_why why;

	if (p->head < p->l3 + IP_LEN)
		return VNET_SHORT;
	header = (i[0] & 15u) * 4;
	if (i[0] >> 4 != 4)
		return VNET_IP_VERSION;
	p->kind = VNET_KIND_IP4;
	p->total = get16(i + 2);
	if (header < IP_LEN || p->head < p->l3 + header)
		return VNET_IP_HEADER;
	if (p->total < header || p->l3 + p->total > p->len)
		return VNET_IP_LENGTH;
	if (vnet_csum_fold(vnet_csum_add(0, i, header, false)) != 0xffff)
		return VNET_IP_CSUM;
	p->options = (uint16_t)(header - IP_LEN);
	p->l4 = p->data = (uint16_t)(p->l3 + header);
	p->frag_id = get16(i + 4);
	p->ttl = i[8];
	p->t = (struct vnet_tuple){ .src = get32(i + 12), .dst = get32(i + 16), .proto = i[9] };
	why = check_options(i + IP_LEN, p->options);
	if (!why)
		why = parse_fragment(get16(i + 6), p->total - header, p);
	if (why)
		return why;
	if (!dest_ok(p))
		return VNET_DEST;
	return source_ok(p) ? parse_l4(h, p) : VNET_SOURCE;
}

enum vnet_why vnet_parse(const uint8_t *h, uint32_t len, bool tag_ok, struct vnet_pkt *p)
{
	unsigned int type;

	*p = (struct vnet_pkt){ .len = len,
				.head = (uint16_t)min(len, VNET_HEAD + 0u),
				.l3 = ETH_LEN };
	if (len < ETH_LEN)
		return VNET_SHORT;
	if (len > VNET_FRAME_MAX)
		return VNET_LONG;
	p->dmac = get48(h);
	p->smac = get48(h + 6);
	if (!p->smac || p->smac & VNET_MAC_GROUP)
		return VNET_MAC;
	type = get16(h + 12);
	if (type == 0x8100 || type == 0x88a8) {
		if (!tag_ok || type == 0x88a8)
			return VNET_VLAN;
		if (len < ETH_LEN + TAG_LEN)
			return VNET_SHORT;
		p->vlan = get16(h + ETH_LEN);
		p->l3 += TAG_LEN;
		type = get16(h + ETH_LEN + 2);
	}
	switch (type) {
	case 0x0800:
		return parse_ip4(h, p);
	case 0x0806:
		return parse_arp(h, p);
	case 0x86dd:
		return VNET_IPV6;
	case 0x8100: /* a second one */
	case 0x88a8:
		return VNET_VLAN;
	default:
		return type < 0x600 ? VNET_LLC : VNET_ETHERTYPE;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One's complement sums (RFC 1071, 1141, 1624). Pure.
 *
 * Sums are of 16-bit words as they lie in memory; the order of the bytes in a word does not
 * matter as long as it is the same everywhere (RFC 1071 2.B), so only vnet_csum_fold()
 * turns them. A UDP checksum of 0 means that there is none, and is kept.
 */
#include <hyp/vnet_pkt.h>

struct un64 {
	uint64_t v;
} __packed __attribute__((may_alias));

static uint64_t add64(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* 16 bits as they lie in memory, not complemented. */
static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

uint64_t vnet_csum_add(uint64_t sum, const void *data, size_t len, bool odd)
{
	const uint8_t *p = data;
	uint64_t part = 0, last = 0;

	for (; len >= 8; len -= 8, p += 8)
		part = add64(part, ((const struct un64 *)p)->v);
	for (unsigned int i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	part = add64(part, last);
	if (odd)
		part = __builtin_bswap16(fold(part));
	return add64(sum, part);
}

uint16_t vnet_csum_fold(uint64_t sum)
{
	return __builtin_bswap16(fold(sum));
}

uint64_t vnet_csum_pseudo(uint32_t src, uint32_t dst, unsigned int proto, uint32_t len)
{
	uint64_t sum = (uint64_t)src + dst + proto + len;

	return __builtin_bswap16(fold(sum));
}

void vnet_csum_change16(uint8_t *sum, uint16_t from, uint16_t to)
{
	/* HC' = ~(~HC + ~m + m') */
	uint32_t s = (uint16_t)~get16(sum) + (uint32_t)(uint16_t)~from + to;

	put16(sum, (uint16_t)~fold(s));
}

void vnet_csum_change32(uint8_t *sum, uint32_t from, uint32_t to)
{
	vnet_csum_change16(sum, (uint16_t)(from >> 16), (uint16_t)(to >> 16));
	vnet_csum_change16(sum, (uint16_t)from, (uint16_t)to);
}

unsigned int vnet_csum_offset(unsigned int proto)
{
	return proto == VNET_IP_TCP ? 16 : proto == VNET_IP_UDP ? 6 : proto == VNET_IP_ICMP ? 2 : 0;
}

static uint64_t pseudo_of(const struct vnet_pkt *p)
{
	return p->t.proto == VNET_IP_ICMP ? 0 :
					    vnet_csum_pseudo(p->t.src, p->t.dst, p->t.proto,
							     p->l3 + p->total - p->l4 + 0u);
}

enum vnet_why vnet_csum_partial(uint8_t *h, struct vnet_pkt *p)
{
	if (!p->has_l4 || p->fragment || p->t.proto == VNET_IP_ICMP)
		return VNET_OFFLOAD;
	put16(h + p->l4 + vnet_csum_offset(p->t.proto), vnet_csum_fold(pseudo_of(p)));
	p->partial = true;
	return VNET_OK;
}

void vnet_csum_finish(uint8_t *h, struct vnet_pkt *p, uint64_t sum)
{
	uint16_t v = (uint16_t)~vnet_csum_fold(sum);

	if (!v && p->t.proto == VNET_IP_UDP)
		v = 0xffff;
	put16(h + p->l4 + vnet_csum_offset(p->t.proto), v);
	p->partial = false;
}

bool vnet_csum_ok(const uint8_t *h, const struct vnet_pkt *p, uint64_t sum)
{
	if (p->t.proto == VNET_IP_UDP && !get16(h + p->l4 + 6))
		return true;
	return vnet_csum_fold(add64(sum, pseudo_of(p))) == 0xffff;
}

enum vnet_why vnet_ttl_dec(uint8_t *h, struct vnet_pkt *p)
{
	uint8_t *i = h + p->l3;
	uint16_t old = get16(i + 8);

	if (p->ttl <= 1)
		return VNET_TTL;
	p->ttl = --i[8];
	vnet_csum_change16(i + 10, old, get16(i + 8));
	return VNET_OK;
}

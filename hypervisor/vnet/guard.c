/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may send: a domain speaks with its own MAC and addresses only, on the wire nobody
 * with the domains'; the symmetry guard of report section 3.4.1; and token buckets.
 * Pure; the caller locks.
 *
 * Frames have been through vnet_parse(), which refuses tags; a fragment has the same
 * addresses as the rest and needs nothing of its own here.
 */
#include <hyp/lib.h>
#include <hyp/vnet_pkt.h>

#define SECOND 1000000000ull

void vnet_bucket_init(struct vnet_bucket *b, uint64_t rate, uint32_t burst, s_time_t now)
{
	uint64_t full = max(burst, 1u) * SECOND;

	*b = (struct vnet_bucket){ .rate = rate, .full = full, .level = full, .last = now };
	if (rate)
		b->fill = (s_time_t)(full / rate) + 1;
}

/* More than the bucket ever holds may pass when it is full, else never would. */
static uint64_t need_of(const struct vnet_bucket *b, uint32_t n)
{
	return min(n * SECOND, b->full);
}

bool vnet_bucket_take(struct vnet_bucket *b, uint32_t n, s_time_t now)
{
	uint64_t level = b->level, need = need_of(b, n);
	s_time_t passed = now - b->last;

	if (!b->rate)
		return true;
	if (passed >= b->fill)
		level = b->full;
	else if (passed > 0) /* passed * rate <= full + rate */
		level = min(b->full, level + (uint64_t)passed * b->rate);
	if (passed > 0)
		b->last = now;
	b->level = level >= need ? level - need : level;
	return level >= need;
}

s_time_t vnet_bucket_wait(const struct vnet_bucket *b, uint32_t n)
{
	uint64_t need = need_of(b, n);

	return b->rate && need > b->level ? (s_time_t)((need - b->level - 1) / b->rate) + 1 : 0;
}

bool vnet_is_own(const struct vnet_identity *id, uint32_t addr)
{
	for (unsigned int i = 0; i < id->nr; i++)
		if ((addr & id->addr[i].mask) == id->addr[i].addr)
			return true;
	return false;
}

enum vnet_why vnet_guard_sent(const struct vnet_identity *id, const struct vnet_pkt *p)
{
	if (p->smac != id->mac)
		return VNET_FORGED_MAC;
	if (p->kind == VNET_KIND_ARP) {
		/* Without an address: asks whether somebody has the one it will take (RFC 5227). */
		bool probe = !p->t.src && p->arp_op == 1;

		return p->sha == id->mac && (probe || vnet_is_own(id, p->t.src)) ? VNET_OK :
										   VNET_FORGED_ARP;
	}
	if (!p->t.src && id->dhcp && p->t.sport == 68 && p->t.dport == 67)
		return VNET_OK;
	return p->t.src && vnet_is_own(id, p->t.src) ? VNET_OK : VNET_FORGED_IP;
}

enum vnet_why vnet_guard_arrived(const struct vnet_identity *own, const struct vnet_pkt *p)
{
	if (p->smac == own->mac)
		return VNET_FORGED_MAC;
	if (p->dmac != own->mac && !(p->dmac & VNET_MAC_GROUP))
		return VNET_NOT_FOR_US;
	if (p->kind == VNET_KIND_ARP && p->sha != p->smac)
		return VNET_FORGED_ARP;
	if (!vnet_is_own(own, p->t.src))
		return VNET_OK;
	return p->kind == VNET_KIND_ARP ? VNET_FORGED_ARP : VNET_FORGED_IP;
}

int vnet_symmetry_check(const struct xeno_vnet_symmetry *set)
{
	bool ok = !(set->flags & ~XENO_VNET_SYMMETRY_DROP) &&
		  (!set->ratio || (set->window_ms >= 100 && set->window_ms <= 3600000));

	return ok ? 0 : -EINVAL;
}

static void symmetry_age(struct vnet_symmetry *s, s_time_t now)
{
	s_time_t length = (s_time_t)s->set.window_ms * 1000000;
	unsigned int windows;

	if (now < s->window)
		return;
	windows = now - s->window >= 32 * length ? 63 :
						   (unsigned int)((now - s->window) / length) + 1;
	s->sent >>= windows;
	s->received >>= windows;
	s->window = now + length;
	s->told = false;
}

void vnet_symmetry_received(struct vnet_symmetry *s, s_time_t now)
{
	if (!s->set.ratio)
		return;
	symmetry_age(s, now);
	s->received++;
}

bool vnet_symmetry_sent(struct vnet_symmetry *s, s_time_t now, bool *event)
{
	bool violated;

	*event = false;
	if (!s->set.ratio)
		return false;
	symmetry_age(s, now);
	s->sent++;
	violated = s->sent > s->set.min_packets && s->sent > s->received * s->set.ratio;
	*event = violated && !s->told;
	s->told |= violated;
	return violated && s->set.flags & XENO_VNET_SYMMETRY_DROP;
}

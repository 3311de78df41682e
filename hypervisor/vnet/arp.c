/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ARP: the gateway's answers to domains, and the neighbours on a card's wire. Pure; the caller
 * locks, sends, and keeps frames that wait.
 *
 * Neighbours are in a table of fixed size, by address in one of 32 sets of 8. Only an answer to
 * a question of ours makes or changes an entry, so that nobody fills the table or moves an
 * address by talking; one who claims a known address makes us ask again. An owner asks
 * for few addresses at once, and takes the place only of his own questions, failures, and
 * neighbours that nobody has used for a while.
 */
#include <hyp/lib.h>
#include <hyp/vnet_pkt.h>

#define SEC 1000000000ll
#define WAYS 8
#define TRIES 3
#define ASK_AGAIN (1 * SEC)
#define FRESH (60 * SEC) /* known for so long without asking again */
#define IDLE (30 * SEC)	 /* not used for so long: may be replaced */
#define FAILED_FOR (5 * SEC)

unsigned int vnet_arp_build(uint8_t out[VNET_ARP_LEN], unsigned int op, uint64_t smac, uint32_t sip,
			    uint64_t dmac, uint32_t tip)
{
	put48(out, dmac);
	put48(out + 6, smac);
	put16(out + 12, 0x0806);
	put32(out + 14, 0x10800);
	put16(out + 18, 0x604);
	put16(out + 20, (uint16_t)op);
	put48(out + 22, smac);
	put32(out + 28, sip);
	put48(out + 32, op == 1 ? 0 : dmac);
	put32(out + 38, tip);
	return VNET_ARP_LEN;
}

bool vnet_arp_answer(const struct vnet_identity *id, const struct vnet_pkt *p, uint32_t gateway,
		     bool proxy, uint64_t mac, uint8_t out[VNET_ARP_LEN])
{
	/* Who has no address yet asks whether one is used: told of the gateway's only. */
	bool others = proxy && p->t.src && !vnet_is_own(id, p->t.dst) && p->t.dst != p->t.src;

	if (p->kind != VNET_KIND_ARP || p->arp_op != 1 || (p->t.dst != gateway && !others))
		return false;
	vnet_arp_build(out, 2, mac, p->t.dst, p->sha, p->t.src);
	return true;
}

static struct vnet_neigh *set_of(struct vnet_neighs *n, uint32_t addr)
{
	return n->e + (addr * n->key >> 40) % (VNET_NEIGHS / WAYS) * WAYS;
}

static struct vnet_neigh *find(struct vnet_neighs *n, uint32_t addr)
{
	struct vnet_neigh *e = set_of(n, addr);

	for (unsigned int i = 0; i < WAYS; i++, e++)
		if (e->state && e->addr == addr)
			return e;
	return NULL;
}

static void leave(struct vnet_neighs *n, struct vnet_neigh *e, enum vnet_neigh_state state)
{
	if (e->state == VNET_NEIGH_ASKED)
		n->pending[e->owner]--;
	e->state = (uint8_t)state;
}

/* 0: not to be replaced by owner; the higher the better. */
static unsigned int worthless(const struct vnet_neigh *e, unsigned int owner, s_time_t now)
{
	switch (e->state) {
	case VNET_NEIGH_FREE:
		return 4;
	case VNET_NEIGH_FAILED:
		return 3;
	case VNET_NEIGH_ASKED:
		return e->owner == owner ? 1 : 0;
	default:
		return now - e->used > IDLE ? 2 : 0;
	}
}

static struct vnet_neigh *replace(struct vnet_neighs *n, uint32_t addr, unsigned int owner,
				  s_time_t now)
{
	struct vnet_neigh *set = set_of(n, addr), *best = NULL;
	unsigned int most = 0;

	for (struct vnet_neigh *e = set; e < set + WAYS; e++)
		if (worthless(e, owner, now) > most) {
			most = worthless(e, owner, now);
			best = e;
		}
	if (best)
		leave(n, best, VNET_NEIGH_FREE);
	return best;
}

static enum vnet_neigh_do ask_first(struct vnet_neighs *n, struct vnet_neigh *e, uint32_t addr,
				    unsigned int owner, s_time_t now)
{
	if (n->pending[owner] >= VNET_NEIGH_PENDING)
		return VNET_NEIGH_FAIL;
	if (!e)
		e = replace(n, addr, owner, now);
	if (!e)
		return VNET_NEIGH_FAIL;
	*e = (struct vnet_neigh){ .addr = addr,
				  .owner = (uint16_t)owner,
				  .state = VNET_NEIGH_ASKED,
				  .tries = 1,
				  .when = now,
				  .used = now };
	n->pending[owner]++;
	return VNET_NEIGH_WAIT_ASK;
}

static void probe(struct vnet_neigh *e, s_time_t now)
{
	e->state = VNET_NEIGH_PROBED;
	e->tries = 1;
	e->when = now;
}

enum vnet_neigh_do vnet_neigh_find(struct vnet_neighs *n, uint32_t addr, unsigned int owner,
				   s_time_t now, uint64_t *mac)
{
	struct vnet_neigh *e = find(n, addr);

	if (!e)
		return ask_first(n, NULL, addr, owner, now);
	e->used = now;
	*mac = e->mac;
	switch (e->state) {
	case VNET_NEIGH_ASKED:
		return VNET_NEIGH_WAIT;
	case VNET_NEIGH_FAILED:
		if (now - e->when < FAILED_FOR)
			return VNET_NEIGH_FAIL;
		return ask_first(n, e, addr, owner, now);
	case VNET_NEIGH_KNOWN:
		if (now - e->when < FRESH)
			return VNET_NEIGH_SEND;
		probe(e, now);
		return VNET_NEIGH_SEND_ASK;
	default:
		return VNET_NEIGH_SEND;
	}
}

bool vnet_neigh_learn(struct vnet_neighs *n, const struct vnet_pkt *p, s_time_t now, bool *ask)
{
	struct vnet_neigh *e = find(n, p->t.src);
	bool waiting;

	*ask = false;
	if (!e || !p->sha || p->sha & VNET_MAC_GROUP)
		return false;
	waiting = e->state == VNET_NEIGH_ASKED;
	if (p->arp_op == 2 && (waiting || e->state == VNET_NEIGH_PROBED)) {
		leave(n, e, VNET_NEIGH_KNOWN);
		e->mac = p->sha;
		e->when = now;
	} else if (e->state == VNET_NEIGH_KNOWN && e->mac != p->sha) {
		probe(e, now);
		*ask = true;
	}
	return waiting && e->state == VNET_NEIGH_KNOWN;
}

unsigned int vnet_neigh_tick(struct vnet_neighs *n, s_time_t now, uint32_t *ask, unsigned int most)
{
	unsigned int nr = 0;

	for (struct vnet_neigh *e = n->e; e < n->e + VNET_NEIGHS && nr < most; e++) {
		if ((e->state != VNET_NEIGH_ASKED && e->state != VNET_NEIGH_PROBED) ||
		    now - e->when < ASK_AGAIN)
			continue;
		e->when = now;
		if (e->tries++ < TRIES)
			ask[nr++] = e->addr;
		else
			leave(n, e, VNET_NEIGH_FAILED);
	}
	return nr;
}

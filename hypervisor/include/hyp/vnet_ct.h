/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections: tracking, address translation. Pure; the caller's lock protects a table.
 *
 * Everybody behind an interface is an owner, a number below the table's nr_owners, with a
 * limit of connections. The limits together are at most the table's size: nobody's
 * connections are ever given up for another's.
 */
#ifndef HYP_VNET_CT_H
#define HYP_VNET_CT_H

#include <hyp/vnet_pkt.h>

#define VNET_CT_MAX (1u << 20)
#define VNET_CT_FRAGS 16 /* packets in fragments that an owner may send at once */
#define VNET_CT_SEEDS 5

enum vnet_ct_phase {
	VNET_CT_UDP_NEW,
	VNET_CT_UDP,
	VNET_CT_ICMP,
	VNET_CT_OTHER,
	VNET_CT_SYN_SENT,
	VNET_CT_SYN_RECEIVED,
	VNET_CT_TCP,
	VNET_CT_FIN,	/* one side has ended */
	VNET_CT_CLOSED, /* both have, or one has reset */
	VNET_CT_NR_PHASES,
};

/*
 * dir 0: packets of the side that began, as they come to us; dir 1: the answers, as they
 * come. Where no address is translated, one is the other turned round.
 */
struct vnet_ct_entry {
	struct vnet_tuple t[2];
	uint32_t iface[2];     /* where packets of a direction come from */
	uint32_t hash_next[2]; /* links are index * 2 + dir + 1, 0 = end */
	uint32_t prev, next;   /* of the owner's list; index + 1 */
	s_time_t expires;
	uint64_t packets[2], bytes[2];
	uint32_t ack[2]; /* TCP: the last one sent */
	uint32_t rule;	 /* the id of the rule that began it */
	uint32_t serial; /* of the entry's use, != 0 */
	uint16_t owner;
	uint8_t phase;
	bool used, assured; /* assured: both sides have agreed: not given up for newer ones */
	uint8_t fins;	    /* bit dir: it has ended */
};

struct vnet_ct;

/* What is known of a packet. Valid until the table is changed by another packet. */
struct vnet_ct_hit {
	struct vnet_ct_entry *e; /* NULL: none */
	uint8_t dir;
	uint8_t state; /* one of XENO_VNET_NEW .. */
};

/* What becomes of a new connection: zeros: nothing is translated. */
struct vnet_nat {
	uint32_t to; /* new destination */
	uint16_t to_port;
	uint32_t from;		   /* new source */
	uint16_t port_lo, port_hi; /* a port of these */
};

/*
 * Bytes of a table of nr connections (a power of two, 16..VNET_CT_MAX) and owners; into mem of
 * that size, aligned to 64. seeds are random and secret.
 */
size_t vnet_ct_size(unsigned int nr, unsigned int nr_owners);
struct vnet_ct *vnet_ct_init(void *mem, unsigned int nr, unsigned int nr_owners,
			     const uint64_t seeds[VNET_CT_SEEDS]);
/* Sets owner's limit. -ENOSPC: the table cannot promise that. Connections above stay. */
int vnet_ct_limit(struct vnet_ct *ct, unsigned int owner, unsigned int limit);
unsigned int vnet_ct_count(const struct vnet_ct *ct, unsigned int owner);
/* The next connection with index >= *nr, which becomes its index + 1; NULL: end. For lists. */
const struct vnet_ct_entry *vnet_ct_next(const struct vnet_ct *ct, unsigned int *nr);

/*
 * What p, an IPv4 packet that came from interface `in` of owner `by`, belongs to. The way
 * back of a connection must be the way it went. Changes nothing but expired entries.
 * hit->e is set for ESTABLISHED and RELATED. VNET_CT_FRAGMENT: a fragment but the first,
 * and the first was of no connection; INVALID, rules may still let it go as it is.
 */
enum vnet_why vnet_ct_find(struct vnet_ct *ct, const struct vnet_pkt *p, uint32_t in,
			   unsigned int by, s_time_t now, struct vnet_ct_hit *hit);
/* Where p goes, behind translation of the destination: for the route and for vnet_rules_key(). */
void vnet_ct_dest(const struct vnet_ct_hit *hit, const struct vnet_nat *nat,
		  const struct vnet_pkt *p, uint32_t *dst, uint16_t *dport);
/* Begins a connection with p, whose hit is NEW, to interface `out`: ESTABLISHED. VNET_CT_*. */
enum vnet_why vnet_ct_create(struct vnet_ct *ct, const struct vnet_pkt *p, uint32_t in,
			     uint32_t out, unsigned int owner, uint32_t rule,
			     const struct vnet_nat *nat, s_time_t now, struct vnet_ct_hit *hit);
/* p goes on: counts, and moves the connection's state. Before vnet_ct_rewrite(). */
void vnet_ct_commit(struct vnet_ct *ct, const struct vnet_ct_hit *hit, const struct vnet_pkt *p,
		    unsigned int by, s_time_t now);
/* Puts the translated addresses and ports into h and p, with their checksums. */
void vnet_ct_rewrite(const struct vnet_ct_hit *hit, uint8_t *h, struct vnet_pkt *p);
/* Looks at `budget` entries, in turns, and frees what has expired. */
void vnet_ct_expire(struct vnet_ct *ct, s_time_t now, unsigned int budget);
/*
 * An interface goes: gives up the connections that come from it or lead to it. Looks at `budget`
 * entries from *pos on, which moves, and begins with 0. True: there are no more.
 */
bool vnet_ct_forget(struct vnet_ct *ct, uint32_t iface, unsigned int *pos, unsigned int budget);

/* -EINVAL: breaks what public/vnet.h says. */
int vnet_nat_check(const struct xeno_vnet_nat *n);
/*
 * What the list says of a new connection. iface_addr: the address of iface. FORWARD with
 * the interface p comes from, which is asked before there is a route; MASQUERADE with
 * the one it leaves through. True: one fits; it is added to *nat, but that has no new source
 * when the interface has no address: nothing may leave then.
 */
bool vnet_nat_find(const struct xeno_vnet_nat *list, unsigned int nr, enum xeno_vnet_nat_kind kind,
		   uint32_t iface, uint32_t iface_addr, const struct vnet_pkt *p,
		   struct vnet_nat *nat);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Within vnet/: the router's state, frames on their way, and what its files ask of each other.
 *
 * Locks, in the order in which they are taken: those of interfaces that send (hyp/vif.h), the
 * router's, those of interfaces that receive. What says "router locked" needs the second,
 * which nobody holds while a frame is copied or a card is spoken to.
 */
#ifndef HYP_VNET_ROUTER_H
#define HYP_VNET_ROUTER_H

#include <hyp/nic.h>
#include <hyp/vnet.h>
#include <hyp/vnet_ct.h>
#include <hyp/vnet_pkt.h>
#include <hyp/vnet_route.h>
#include <hyp/vnet_rules.h>

#define VNET_PORTS 512	    /* interfaces, of domains and cards; <= VNET_NEIGH_OWNERS */
#define VNET_NOWHERE 0xffff /* where a route leads whose interface is not there */

struct vif;

/* A frame on its way. What is behind p.head in it is not ours, and may change at any time. */
struct vnet_frame {
	struct nic_tx tx; /* its pieces: segs[0] is h, the rest what follows p.head */
	struct vnet_pkt p;
	uint8_t h[VNET_HEAD]; /* the first p.head bytes */
	bool sum_ok;	      /* somebody has found the checksums right */
	bool lent;	      /* the memory is somebody else's: not to be kept */
	s_time_t since;	      /* when it began to wait */
	struct list wait;     /* for a receiver, or for a neighbour's address */
	uint32_t next_hop;    /* who that is */
	struct vif *from;     /* whose ring it is in; NULL: it is the router's own, or lent */
};

/* An interface as the router sees it. Fields: router locked, unless said otherwise. */
struct vnet_port {
	uint32_t id;	    /* XENO_VNET_VIF, XENO_VNET_NIC; constant */
	unsigned int owner; /* its place in router.port; constant */
	struct vif *vif;    /* one of the two; constant */
	struct nic *nic;
	uint32_t flags; /* XENO_VNETF_* */
	struct vnet_identity who;
	uint32_t addr; /* the router's: of a card its own address, else the gateway's. 0: none */
	struct vnet_port *uplink; /* of a card: whose place it is; and the other way round */
	struct vnet_symmetry symmetry;
	struct vnet_bucket icmp;    /* errors that the router sends to it */
	struct vnet_bucket dhcp;    /* messages of it for domain 0 */
	struct vnet_neighs *neighs; /* of a card */
	struct list waiting;	    /* frames for neighbours whose address is asked for */
	unsigned int nr_waiting;
	bool going;	/* no new packets; its connections are being forgotten */
	uint32_t users; /* frames on their way to it; atomic */
	uint32_t conns;
	unsigned int forgotten; /* `going`: connections of the table that have been looked at */
	/* Not locked: counters of which a few may be lost when CPUs race. */
	struct xeno_vnet_stats stats;
	uint64_t refused[VNET_NR_WHYS];
};

struct vnet_router {
	struct spinlock lock;
	struct vnet_port *port[VNET_PORTS];
	struct vnet_port *server; /* of DHCP */
	struct vnet_rules *rules; /* never NULL */
	struct xeno_vnet_nat nat[XENO_VNET_NATS_MAX];
	unsigned int nr_nat;
	struct xeno_vnet_route route[XENO_VNET_ROUTES_MAX]; /* as set */
	unsigned int nr_route;
	struct vnet_routes *routes; /* compiled: those, and interfaces' addresses */
	struct vnet_ct *ct;
	unsigned int conns;	     /* that ct has room for */
	uint64_t gone[VNET_NR_WHYS]; /* refused frames of interfaces that are gone */
};
extern struct vnet_router router;

static inline void router_lock(void)
{
	spin_lock(&router.lock);
}

static inline void router_unlock(void)
{
	spin_unlock(&router.lock);
}

/* Interface by id, NULL: there is none. Router locked. */
struct vnet_port *vnet_port_find(uint32_t id);
/* Routes have changed: compiles them again. -ENOMEM, -E2BIG: the old ones stay. Router locked. */
int vnet_routes_update(void);

/* --- vnet/lists.c. Boot: rules are an empty set, the other lists empty, too. */
void vnet_lists_init(void);

/* --- vnet/log.c: events for domain 0, captures. Any locks below RANK_EVENT held. */
/*
 * in, out: interfaces or XENO_VNET_ANY; kind: enum xeno_vnet_event_kind. Of REFUSED, at most some
 * hundred a second are kept; the rest is counted as lost.
 */
void vnet_event(unsigned int kind, uint32_t rule, uint32_t in, uint32_t out,
		const struct vnet_pkt *p, unsigned int action, unsigned int state);
extern bool vnet_capturing; /* read without a lock: is vnet_captured() worth a call? */
/* A frame enters or leaves (dir) at interface id; its pieces: f->tx.segs. */
void vnet_captured(uint32_t id, unsigned int dir, const struct vnet_frame *f, enum vnet_why why);

#endif

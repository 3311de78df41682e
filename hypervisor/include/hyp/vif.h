/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual interface, between vnet/vif.c (its life and its directory), vnet/ring.c (its rings)
 * and the router.
 *
 * Its two sides have locks of their own: `tx` (RANK_VNET_TX) what the guest sends, `rx`
 * (RANK_VNET_RX) what it gets. One CPU holds at most one of each kind.
 * Whoever holds a reference may ask it to take a frame: it may have been closed meanwhile, then the
 * frame is lost. A reference also keeps the domain's structure.
 */
#ifndef HYP_VIF_H
#define HYP_VIF_H

#include <hyp/device.h>
#include <hyp/grant.h>
#include <hyp/sched.h>
#include <hyp/vnet_router.h>
#include <public/io/netif.h>

#define NETIF_TX_SLOTS 256
#define NETIF_RX_SLOTS 256
#define VIF_FRAMES 128 /* of an interface on their way at once */
#define VIF_WAITING 64 /* of these, for receivers' buffers */
#define VIF_BACKLOG 32 /* frames that may wait for buffers of one */

struct vif;

/* A frame in a ring: its pages stay pinned until it is answered. */
struct vif_frame {
	struct vnet_frame f;
	struct vif_frame *next; /* free ones */
	uint8_t nr_ids, nr_extra, pinned;
	bool bad;      /* to be answered as an error */
	bool paid;     /* the limit of bytes allows it */
	uint8_t waits; /* how often it has, for frames to be cut into */
	uint16_t ids[NETIF_MAX_SLOTS];
	grant_ref_t refs[NETIF_MAX_SLOTS];
	mfn_t mfn[NETIF_MAX_SLOTS];
};

struct vif_ring {   /* a page of the guest's, pinned by its grant; its lock is the side's */
	void *page; /* NULL: not connected */
	grant_ref_t ref;
	mfn_t mfn;
	uint32_t port;
	uint32_t req_cons, rsp_prod;
};

struct vif {
	uint32_t refs; /* atomic */
	struct task bury;
	struct domain *d;
	struct vnet_domain *b;
	unsigned int slot; /* in b->slot */
	uint32_t handle;
	uint64_t mac;
	struct vnet_port *port;
	char label[XENO_VNET_LABEL_MAX];

	/* b->lock */
	unsigned int state; /* enum xenbus_state, as the directory shows it */
	bool removing;	    /* gone as soon as the guest agrees */
	bool forced;	    /* or sooner: who wants that calls again until it is gone */
	uint64_t bytes_limit, packets_limit;
	uint32_t wished_packets, wished_ns; /* the guest's last wish for its hold-off */

	/* tx_lock; what is sent */
	struct spinlock tx_lock;
	struct vif_ring tx;
	bool closing, broken;
	struct vif_frame *free;
	unsigned int in_flight; /* frames not answered */
	uint32_t waiting;	/* of these, in backlogs; atomic */
	bool starved;		/* stopped for want of a free frame */
	struct vif_frame *held; /* waits for the limits */
	struct vnet_bucket bytes, packets;
	struct timer held_timer;

	/* rx_lock; what arrives */
	struct spinlock rx_lock;
	struct vif_ring rx;
	bool takes_sg, takes_gso, wants_csum; /* what its front end can do */
	struct list backlog;		      /* of struct vnet_frame: no buffers for them */
	unsigned int nr_backlog;
	bool stuck; /* has let a frame wait too long: none waits until it offers buffers */
	struct timer backlog_timer;
	uint32_t hold_packets, hold_ns;
	unsigned int untold; /* frames that the guest has not been told about */
	uint32_t told_prod;  /* responses that it has */
	struct timer hold_timer;
};

/* What the task does for the interface in a slot: looks at its rings; at its directory, too. */
#define VIF_RUN(slot) BIT(slot)
#define VIF_LOOK(slot) BIT((slot) + XENO_VNET_MAX_VIFS)

struct vnet_domain {
	struct domain *d;
	struct spinlock lock;
	struct slot_work work;
	uint64_t used; /* VIF_LOOK of slots */
	struct vif *slot[XENO_VNET_MAX_VIFS];
};

/*
 * What is left to do when locks have been given back: cards to send to, guests to tell,
 * frames to answer. Bounded by the work of one visit.
 */
#define VNET_TOLD 4
struct vnet_batch {
	struct list nic[NIC_MAX]; /* of struct nic_tx */
	uint32_t nics;		  /* bit: that list is not empty */
	struct list done;	  /* of struct vnet_frame, by wait: not needed any more */
	struct vif *told[VNET_TOLD];
	unsigned int nr_told;
};
void vnet_batch_init(struct vnet_batch *b);
/* No locks held. */
void vnet_batch_run(struct vnet_batch *b);

/* --- references */
struct vif *vif_get(struct vif *v);
void vif_put(struct vif *v); /* any context */

/* --- vnet/ring.c */
enum vif_taken {
	VIF_TAKEN, /* copied, or lost: the frame is the caller's again */
	VIF_KEPT,  /* waits; its end comes by vnet_frame_done() */
};
/* Gives f to the guest, or loses it. Below RANK_VNET_RX. */
enum vif_taken vif_give(struct vif *v, struct vnet_frame *f, struct vnet_batch *b);
/* f, a frame of a ring or of the router, is not needed any more. Below RANK_VNET_TX. */
void vnet_frame_done(struct vnet_frame *f);
/* Takes frames from the ring and routes them; gives what waits. No locks held, v referenced. */
void vif_run(struct vif *v);

struct vif_front { /* what the front end wrote */
	grant_ref_t tx_ref, rx_ref;
	uint32_t tx_port, rx_port; /* may be the same */
	bool sg, gso, no_csum;
};
/* 0, or a reason for people. b->lock held. */
const char *vif_connect(struct vif *v, const struct vif_front *front);
/* The rings go, unless frames are in flight: true when they are gone. b->lock held. */
bool vif_disconnect(struct vif *v);
void vif_set_limits(struct vif *v, uint64_t bytes, uint64_t packets);
void vif_set_hold(struct vif *v, uint32_t packets, uint32_t ns);
void vif_timers_init(struct vif *v);
void vif_timers_stop(struct vif *v); /* no locks of the sides held */

/* --- vnet/router.c */
/* A frame that v's guest sends, all but h in f->tx. True: f is kept, its end comes. tx_lock held. */
bool vnet_route_sent(struct vif *v, struct vnet_frame *f, struct vnet_batch *b);
/* A frame that card n has received; it is lent. No locks held. */
void vnet_route_arrived(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b);

/* --- vnet/port.c */
/* A port for an interface; -EEXIST, -EBUSY, -ENOSPC, -ENOMEM, -ENODEV, -EINVAL. v->b->lock held. */
int vnet_port_add(struct vif *v, const struct xeno_ctl_vnet_set *u);
int vnet_port_change(struct vif *v, const struct xeno_ctl_vnet_set *u);
/* No new packets for it or from it, from now on. */
void vnet_port_stop(struct vnet_port *p);
/* A slice of forgetting it. True: it is gone, and p freed. */
bool vnet_port_remove(struct vnet_port *p);
void vnet_port_tell(const struct vnet_port *p, struct xeno_ctl_vnet_info *u);

/* --- vnet/card.c: sending to cards, and frames of the router's own. Locks as vif_give() */
/* f leaves by card p->nic. True: f is kept. */
bool vnet_card_send(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b);
/*
 * f goes to guest p->vif, in pieces or with its checksum completed when that cannot take it as it
 * is. True: f is kept.
 */
bool vnet_guest_send(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b);
/* A frame of the router's own: len bytes at data, at most VNET_HEAD. NULL: there is none free. */
struct vnet_frame *vnet_own_get(const uint8_t *data, unsigned int len);
void vnet_own_put(struct vnet_frame *f);
/* False: a frame that some card needs cut into so many should wait a little. Any context. */
bool vnet_own_room(unsigned int parts);
/* Frames that wait for the neighbour with that address get its MAC, and go to ready. Router locked. */
void vnet_card_release(struct vnet_port *p, uint32_t addr, uint64_t mac, struct list *ready);
/* They are sent: as vnet_card_send(), but that no caller has them. */
void vnet_card_send_ready(struct vnet_port *p, struct list *ready, struct vnet_batch *b);
/* Those that have waited long enough are lost. Router locked. */
void vnet_card_expire(struct vnet_port *p, struct vnet_batch *b);
/* f waits for neighbour f->next_hop. False: it cannot. Router locked. */
bool vnet_card_wait(struct vnet_port *p, struct vnet_frame *f);
/* Asks for addr on p's wire. Any locks below RANK_LEAF. */
void vnet_card_ask(struct vnet_port *p, uint32_t addr, struct vnet_batch *b);
/* The cards become ports. Boot. */
void vnet_cards_init(void);

#endif

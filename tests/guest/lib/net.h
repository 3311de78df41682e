/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A front end of virtual network interfaces (netif), for tests: rings by hand, frames, and what
 * domain 0 asks of the router.
 *
 * Tests have two interfaces, NET_A and NET_B: those of the configuration in an ordinary domain,
 * and in domain 0 what net_plug() makes.
 */
#ifndef NET_H
#define NET_H

#include <public/control.h>
#include <public/io/netif.h>
#include "blk.h" /* for the grants */

#define NET_SLOTS 256
#define NET_TX_PAGES 18
#define NET_FRAME_MAX 65553u
#define NET_ROUTER XENO_VNET_ROUTER_MAC
#define NET_GATEWAY 0x0a000001u /* 10.0.0.1 */
#define NET_A 0			/* handles; addresses 10.0.0.21, 10.0.0.22 */
#define NET_B 1
#define NET_ADDR(handle) (0x0a000015u + (handle))
#define NET_MAC(handle) (0x00163e000010ul + (handle))

/* --- lib/net.c: the rings */
struct net_head {
	volatile uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

union net_tx_slot {
	struct netif_tx_request req;
	struct netif_extra_info extra;
	struct netif_tx_response rsp;
	uint32_t words[3];
};

union net_rx_slot {
	struct netif_rx_request req;
	struct netif_extra_info extra;
	struct netif_rx_response rsp;
	uint64_t word;
};

struct net {
	unsigned int handle;
	uint32_t addr;
	uint64_t mac;
	unsigned int port;
	bool plain; /* asks for neither fragments nor GSO */
	struct net_head *tx, *rx;
	uint32_t tx_ref, rx_ref;
	uint32_t tx_prod, tx_cons, rx_prod, rx_cons;
	uint8_t *out; /* NET_TX_PAGES, granted read-only */
	uint32_t out_ref[NET_TX_PAGES];
	unsigned int buffers; /* of the receive ring, behind each other in slots */
	uint8_t *in[NET_SLOTS];
	uint32_t in_ref[NET_SLOTS];
};

/* A node of the front end, or of the back end. */
const char *net_node(const struct net *n, bool back, const char *name);
/*
 * n is zeroed, or was this interface before. False: the directory shows no such one. own=N: the
 * address of the first, the others follow.
 */
bool net_find(struct net *n, unsigned int handle);
/* Waits for a state of the back end; false = time-out. */
bool net_wait_state(const struct net *n, unsigned int state);
uint64_t net_state(const struct net *n);
/* Makes the rings and offers them, with so many buffers to receive into. */
void net_offer(struct net *n, unsigned int buffers);
void net_open(struct net *n, unsigned int buffers);
void net_close(struct net *n);
/* Lets go whatever state the back end is in; pages must be free afterwards. */
void net_leave(struct net *n);

void net_put(struct net *n, const union net_tx_slot *slot);
void net_kick(struct net *n);
/* The next response's slot; false: none within 5 s. */
bool net_answer(struct net *n, union net_tx_slot *rsp);
/*
 * Sends a frame that lies at n->out + at, in slots that end where pages do, or are `piece` bytes long.
 * gso: 0, or the payload of a segment. Status of the first slot; -100: not all are answered.
 */
struct net_how {
	uint16_t flags, gso;
	unsigned int at, piece;
};
int net_send_at(struct net *n, unsigned int len, struct net_how how);
int net_send(struct net *n, const void *frame, unsigned int len);

/* Gives buffers to the ring until it has as many as were asked for. */
void net_refill(struct net *n);
struct net_got {
	unsigned int len, slots;
	uint16_t flags, gso;
	int error; /* the status, when it is one */
	uint8_t data[NET_FRAME_MAX + 7];
};
/* The next frame, within so many ms. */
bool net_recv(struct net *n, struct net_got *g, unsigned int ms);
/* The next UDP packet to that port; others are dropped. */
bool net_recv_udp(struct net *n, struct net_got *g, unsigned int port, unsigned int ms);
void net_drain(struct net *n);

/* --- lib/frame.c: frames, of n to the router; all checksums right. Length of the frame. */
uint16_t get16(const uint8_t *p);
uint32_t get32(const uint8_t *p);
void put16(uint8_t *p, uint16_t v);
void put32(uint8_t *p, uint32_t v);
void put48(uint8_t *p, uint64_t v);
unsigned int net_ip(uint8_t *f, const struct net *n, unsigned int proto, uint32_t dst,
		    unsigned int len);
unsigned int net_udp(uint8_t *f, const struct net *n, uint32_t dst, unsigned int sport,
		     unsigned int dport, unsigned int len);
unsigned int net_tcp(uint8_t *f, const struct net *n, uint32_t dst, unsigned int sport,
		     unsigned int dport, unsigned int flags, unsigned int len);
unsigned int net_echo(uint8_t *f, const struct net *n, uint32_t dst, unsigned int id,
		      unsigned int len);
unsigned int net_arp(uint8_t *f, const struct net *n, unsigned int op, uint32_t sip, uint32_t tip);
/* After a change: the IP header's checksum, that of TCP, UDP or ICMP. */
void net_fix_ip(uint8_t *f);
void net_fix_l4(uint8_t *f);
bool net_sums_ok(const uint8_t *f);
/* The gateway answers a ping, within 3 s; others' frames are dropped. */
bool net_ping(struct net *n);

/* --- lib/router.c: the router, in domain 0 */
extern struct xeno_control net_ctl;
long net_call(uint32_t op, uint16_t domid);
/* net_ctl.u.vnet_set for one of our two interfaces, to be changed before net_call(). */
void net_set(unsigned int handle, uint32_t flags);
void net_plug(unsigned int handle);
/* Its front end does not answer or does not exist. */
void net_unplug(unsigned int handle);
/* The index of the bad one, or -1: the list is in place, or an error below -1. */
long net_list(unsigned int list, const void *array, unsigned int nr, unsigned int size);
struct xeno_vnet_rule net_rule(unsigned int dir, unsigned int action);
long net_rules(const struct xeno_vnet_rule *rules, unsigned int nr);
void net_accept_all(void);
struct xeno_vnet_stats net_stats(unsigned int handle);
/* Frames refused there for a reason whose name has that text in it; "": for all. */
uint64_t net_refused(unsigned int handle, const char *reason);
uint64_t net_free_pages(void);
/* NET_A and NET_B, connected; in domain 0 plugged, with rules that accept everything. */
void net_both(struct net *a, struct net *b, unsigned int buffers);

#endif

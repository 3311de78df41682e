/* SPDX-License-Identifier: MIT */
/*
 * The network part of the control ABI of Xeno: rules, address translation, guards and what
 * domain 0 is told about packets. Report sections 3.4.1 and 3.4.3. Used by operations of
 * control.h; conventions are those of its head. Self-contained.
 *
 * Numbers are in the machine's byte order, IPv4 addresses too: 10.0.0.1 is 0x0a000001.
 * Padding is zero (-EINVAL).
 */
#ifndef XENO_PUBLIC_VNET_H
#define XENO_PUBLIC_VNET_H

#include <stdint.h>

/* Interfaces of the router: of a domain (handle: the number of its vif, < 256), or a card. */
#define XENO_VNET_VIF(domid, handle) ((uint32_t)(domid) << 8 | (handle))
#define XENO_VNET_NIC(nr) (0x80000000u | (nr))
#define XENO_VNET_ANY 0xffffffffu

/*
 * Rules. A rule belongs to an interface and a direction. A packet is asked about twice: as it
 * enters the router, of the interface it comes from, and as it leaves, of the one it goes to.
 * Each time the first rule in the list that matches decides, of those of that interface and
 * those of any interface; without one the packet is dropped. It passes when both accept.
 *
 * Matching sees a packet's addresses as sender and final receiver know them: after port
 * forwarding and the return from masquerading, before masquerading. All given criteria must
 * hold. Ports: packets without them, as fragments but the first, only match the full range.
 *
 * A list is put in place as a whole. -EINVAL a rule is wrong: its index is returned; -E2BIG
 * more than XENO_VNET_RULES_MAX; -ENOMEM.
 */
#define XENO_VNET_RULES_MAX 10000

enum xeno_vnet_dir {
	XENO_VNET_IN,  /* enters the router: sent by the domain, received by the card */
	XENO_VNET_OUT, /* leaves the router */
	XENO_VNET_NR_DIRS,
};

enum xeno_vnet_action {
	XENO_VNET_DROP,
	XENO_VNET_ACCEPT,
	XENO_VNET_REJECT, /* dropped, and the sender gets an ICMP error: port unreachable */
	XENO_VNET_NR_ACTIONS,
};

/* What connection tracking says of a packet; a rule has a set of them, 0: any. */
#define XENO_VNET_NEW 0x1	  /* could begin a connection */
#define XENO_VNET_ESTABLISHED 0x2 /* of a known connection, either way */
#define XENO_VNET_RELATED 0x4	  /* an ICMP error about a known connection */
#define XENO_VNET_INVALID 0x8	  /* none of them, as TCP without a connection */
#define XENO_VNET_STATES 0xf

#define XENO_VNETRF_KEEP 0x01	 /* ACCEPT: a NEW packet begins a tracked connection */
#define XENO_VNETRF_LOG 0x02	 /* an event of kind LOG */
#define XENO_VNETRF_COPY 0x04	 /* the packet is copied to domain copy_to (sniffing) */
#define XENO_VNETRF_TRIGGER 0x08 /* an event of kind TRIGGER */
#define XENO_VNETRF_ALL 0x0f

#define XENO_VNET_ICMP_ANY 0x100

struct xeno_vnet_rule {
	uint32_t id;	/* the caller's; a new list inherits counters and buckets by it */
	uint32_t iface; /* XENO_VNET_VIF, _NIC or _ANY */
	uint32_t peer;	/* XENO_VNET_ANY, or the other interface: where it goes to, comes from */
	uint32_t flags; /* XENO_VNETRF_* */
	uint32_t src, dst;
	uint8_t src_len, dst_len; /* of the prefixes, 0..32; 0: any. Bits behind it are 0 */
	uint8_t dir;		  /* enum xeno_vnet_dir */
	uint8_t action;		  /* enum xeno_vnet_action */
	uint8_t proto;		  /* IPPROTO_*, 0 = any */
	uint8_t states;		  /* set of XENO_VNET_NEW .. */
	/* TCP: (flags & tcp_mask) == tcp_value. 0, 0: any */
	uint8_t tcp_mask, tcp_value;
	/* Ranges, ends included; 0, 65535: any. Others need proto TCP or UDP. */
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
	/* XENO_VNET_ICMP_ANY, or 0..255, with proto ICMP; a code needs a type. */
	uint16_t icmp_type, icmp_code;
	uint16_t copy_to; /* with COPY, else 0 */
	uint16_t pad;
	/*
	 * Limits per second, 0 = none, at most 1 << 40: a packet above is dropped, whatever the
	 * action, and counted in over. Bursts in packets and bytes; 0: of a tenth of a second,
	 * at least 16 packets, 65536 bytes.
	 */
	uint64_t packets_limit, bytes_limit;
	uint32_t packets_burst, bytes_burst;
};

struct xeno_vnet_rule_stat {
	uint64_t packets, bytes, over; /* over: packets above a limit; in the others as well */
};

/*
 * Address translation; decided for the first packet of a tracked connection.
 * MASQUERADE: connections that leave through iface from src/src_len get the address addr and a
 * port of port_lo..port_hi, their own if it is in the range and free. FORWARD: connections
 * that enter through iface to addr, proto TCP or UDP, and port port_lo..port_hi go to to,
 * port to_port + (port - port_lo). addr 0: the address of iface. The first in the list that
 * fits is taken. -EINVAL, -E2BIG as for rules.
 */
#define XENO_VNET_NATS_MAX 256
enum xeno_vnet_nat_kind {
	XENO_VNET_MASQUERADE,
	XENO_VNET_FORWARD,
	XENO_VNET_NR_NAT_KINDS,
};

struct xeno_vnet_nat {
	uint32_t iface;
	uint8_t kind;	 /* enum xeno_vnet_nat_kind */
	uint8_t proto;	 /* FORWARD; MASQUERADE: 0 */
	uint8_t src_len; /* who may use it: 0: all */
	uint8_t pad;
	uint32_t src;
	uint32_t addr;
	uint32_t to; /* FORWARD, else 0 */
	uint16_t port_lo, port_hi;
	uint16_t to_port; /* FORWARD, else 0 */
	uint16_t pad2;
};

/*
 * Symmetry guard of an interface (report section 3.4.1): an event of kind SYMMETRY when it has
 * sent more than min_packets and more than ratio times what it received, at most one
 * per window. Counts halve with each window of window_ms (100..3600000).
 */
#define XENO_VNET_SYMMETRY_DROP 0x1 /* and what it sends is dropped while that holds */
struct xeno_vnet_symmetry {
	uint32_t ratio; /* 0: off */
	uint32_t min_packets;
	uint32_t window_ms;
	uint32_t flags;
};

/* Summary of a packet, in the ring of events for domain 0. */
enum xeno_vnet_event_kind {
	XENO_VNET_EV_LOG,
	XENO_VNET_EV_TRIGGER,
	XENO_VNET_EV_SYMMETRY,
	XENO_VNET_EV_REFUSED, /* malformed or forged: rule holds the reason */
};

struct xeno_vnet_event {
	uint64_t time_ns; /* since boot */
	uint32_t rule;	  /* its id */
	uint32_t in, out; /* interfaces; XENO_VNET_ANY: not known */
	uint32_t len;	  /* of the frame */
	uint32_t src, dst;
	uint16_t sport, dport; /* ICMP: dport is type << 8 | code; 0: has none */
	uint8_t proto;
	uint8_t tcp_flags;
	uint8_t kind;	/* enum xeno_vnet_event_kind */
	uint8_t action; /* enum xeno_vnet_action: what became of it */
	uint8_t state;	/* XENO_VNET_NEW .. */
	uint8_t pad[7];
};

_Static_assert(sizeof(struct xeno_vnet_rule) == 72, "xeno_vnet_rule");
_Static_assert(sizeof(struct xeno_vnet_nat) == 28, "xeno_vnet_nat");
_Static_assert(sizeof(struct xeno_vnet_event) == 48, "xeno_vnet_event");

#endif

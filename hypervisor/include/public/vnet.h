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

/*
 * --- Operations of control.h. T: of a domain.
 *
 * The router, in short. Each virtual interface is a wire of its own between a domain and the
 * router, which has the MAC XENO_VNET_ROUTER_MAC on all of them, answers ARP for every
 * address but the domain's own, and answers pings to the interface's gateway address. A
 * domain sends with the MAC and the addresses of its interface only. A packet goes to the
 * interface that has its destination among its addresses, else where the longest prefix of
 * the list of routes says. On a card everything leaves with the card's MAC.
 */
#define XENO_VNET_ROUTER_MAC 0xfeffffffffffull
#define XENO_VNET_MAX_VIFS 16 /* of a domain */
#define XENO_VNET_MAX_ADDRS 16
#define XENO_VNET_LABEL_MAX 64

struct xeno_vnet_prefix {
	uint32_t addr; /* bits behind the prefix are 0 */
	uint8_t len;   /* 1..32 */
	uint8_t pad[3];
};

/*
 * VNET_SET (T): gives the domain the virtual interface `handle` (< 256), in reach of the device
 * directory as device/vif/<handle>; in a running domain it is plugged in. With UPDATE, it
 * changes everything but mac, nic, UPLINK.
 * -EEXIST handle is there, or another interface has the MAC or one of the addresses (or an
 * address within one of its prefixes); with UPDATE: -ENOENT it is not. -EINVAL a value is out of
 * range, mac is a group's or the router's, unknown flags. -EBUSY another has UPLINK for that
 * card, or SERVER. -ENODEV no such card. -ENOSPC too many interfaces, no room in the directory, or
 * too many connections promised; -ENOMEM.
 */
#define XENO_VNETF_UPDATE 0x1
#define XENO_VNETF_DHCP                                                                            \
	0x2 /* may ask for an address by DHCP: of UPLINK on the card, else of SERVER */
#define XENO_VNETF_SERVER 0x4 /* domain 0: DHCP requests of others come here, answers go to them */
/*
 * Domain 0's place on card nic: it has that card's MAC (mac is 0 or that), and what arrives
 * there for no other interface's address or connection.
 */
#define XENO_VNETF_UPLINK 0x8
#define XENO_VNETF_ALL 0xf
struct xeno_ctl_vnet_set { /* all IN */
	uint32_t handle;
	uint32_t flags; /* XENO_VNETF_* */
	uint8_t mac[6];
	uint16_t nic;	  /* with UPLINK, else 0 */
	uint32_t gateway; /* the router's address on this wire, 0: none */
	uint32_t nr_addrs;
	struct xeno_vnet_prefix addr[XENO_VNET_MAX_ADDRS]; /* the domain's own */
	/* What the domain may send, per second; 0 = no limit, at most 1 << 40. It waits, nothing is lost. */
	uint64_t bytes_limit, packets_limit;
	/*
	 * Hold-off (report 3.2.3): the guest is told about arrived frames after so many, or so long
	 * after the first, in ns (< 1 s). 0 packets: at once. ethtool -C of the guest changes it, too.
	 */
	uint32_t hold_packets, hold_ns;
	uint32_t conns; /* connections it may have tracked; 0: up to 1024, as there are */
	uint32_t pad;
	struct xeno_vnet_symmetry symmetry;
	char label[XENO_VNET_LABEL_MAX]; /* for people; terminated */
};

/* VNET_REMOVE (T): as VBLK_REMOVE. */
struct xeno_ctl_vnet_remove {
	uint32_t handle, force; /* IN */
};

/* Of an interface, from the side of the one behind it. */
struct xeno_vnet_stats {
	uint64_t sent_packets, sent_bytes; /* taken from it, refused ones as well */
	uint64_t recv_packets, recv_bytes; /* given to it */
	uint64_t refused;		   /* of the sent: by reason in VNET_REFUSALS */
	uint64_t lost; /* for it, but it did not take them, or the card did not */
	uint64_t held; /* times it waited for its limits */
};

/* VNET_INFO (T): the interface of the domain with the lowest number >= handle. -ENOENT: none. */
struct xeno_ctl_vnet_info {
	uint32_t handle; /* IN OUT; the rest is OUT, as set */
	uint32_t flags;
	uint8_t mac[6];
	uint16_t nic;
	uint32_t gateway;
	uint32_t nr_addrs;
	struct xeno_vnet_prefix addr[XENO_VNET_MAX_ADDRS];
	uint64_t bytes_limit, packets_limit;
	uint32_t hold_packets, hold_ns;
	uint32_t conns;	    /* limit */
	uint32_t conns_now; /* that there are */
	struct xeno_vnet_symmetry symmetry;
	uint32_t state;	    /* of its back end: enum xenbus_state */
	uint32_t in_flight; /* frames of it that wait or are being sent */
	struct xeno_vnet_stats stats;
	char label[XENO_VNET_LABEL_MAX];
};

/*
 * VNET_NIC_INFO: the card with the lowest number >= nic. -ENOENT: none. Cards are numbered from 0
 * and never go away. VNET_NIC_SET: addr is the card's own address (0: none): what MASQUERADE and
 * FORWARD mean by the address of the interface, and who asks by ARP. -ENODEV.
 */
#define XENO_VNET_NICF_LINK 0x1
#define XENO_VNET_NICF_DEAD 0x2
#define XENO_VNET_NICF_CSUM 0x4
#define XENO_VNET_NICF_TSO 0x8
struct xeno_ctl_vnet_nic {
	uint32_t nic;  /* IN OUT */
	uint32_t addr; /* IN for SET; OUT for INFO, as is the rest */
	uint32_t flags;
	uint8_t mac[6];
	uint16_t pad;
	char driver[16], where[24];
	struct xeno_vnet_stats stats; /* recv: given to the card; sent: come from it */
	uint64_t errors, timeouts, resets;
};

/* VNET_REFUSALS: frames refused on an interface (XENO_VNET_ANY: on all), by reason. -ENOENT: no such reason. */
struct xeno_ctl_vnet_refusals {
	uint32_t iface;	 /* IN */
	uint32_t reason; /* IN: from 1 on */
	uint64_t frames; /* OUT */
	char name[48];	 /* OUT: the reason for people */
};

/* A route: packets to addr/len leave through iface, there to gateway (0: to the destination itself). */
struct xeno_vnet_route {
	uint32_t addr;
	uint8_t len; /* 0..32 */
	uint8_t pad[3];
	uint32_t iface;	  /* XENO_VNET_NIC or _VIF; it need not exist yet */
	uint32_t gateway; /* cards only */
};
#define XENO_VNET_ROUTES_MAX 256

/*
 * VNET_LIST_GET, VNET_LIST_SET: lists that are put in place as a whole. Rules are brought in pieces,
 * one call after the other, from first = 0 on; with the piece that makes it total elements, the
 * new list is made: -EAGAIN until it is in place, call again with the same arguments. The other lists
 * come in one piece. 0 with bad != XENO_VNET_GOOD: element bad breaks the rules of this header,
 * nothing was changed. -E2BIG too many; -EINVAL; -ENOMEM; -EBUSY pieces do not follow each other.
 * GET: elements from first on, at most nr; nr OUT: those stored, total OUT: those there are.
 */
enum xeno_vnet_list {
	XENO_VNET_LIST_RULES,  /* struct xeno_vnet_rule */
	XENO_VNET_LIST_NATS,   /* struct xeno_vnet_nat */
	XENO_VNET_LIST_ROUTES, /* struct xeno_vnet_route */
	XENO_VNET_LIST_STATS, /* struct xeno_vnet_rule_stat; GET only: of the rules, in their order */
	XENO_VNET_LIST_CONNS, /* struct xeno_vnet_conn; GET only: first: where to go on, OUT; 0: the end */
	XENO_VNET_NR_LISTS,
};
#define XENO_VNET_LIST_PIECE 36864 /* bytes: most that one call moves */
#define XENO_VNET_GOOD 0xffffffffu
struct xeno_ctl_vnet_list {
	uint32_t list;	/* IN */
	uint32_t first; /* IN */
	uint32_t nr;	/* IN, GET: OUT */
	uint32_t total; /* SET: IN; GET: OUT */
	uint32_t bad;	/* SET: OUT */
	uint32_t pad;
	uint64_t addr; /* IN: of the array */
};

struct xeno_vnet_conn {
	uint32_t src, dst, reply_src, reply_dst; /* of the first packet; of the answers */
	uint16_t sport, dport, reply_sport, reply_dport;
	uint32_t iface, reply_iface; /* where both come from */
	uint32_t rule;		     /* that began it */
	uint32_t expires_ms;
	uint64_t packets[2], bytes[2]; /* each way */
	uint8_t proto;
	uint8_t assured; /* both sides have spoken */
	uint8_t pad[2];
	char phase[20]; /* for people */
};

/*
 * VNET_EVENTS: takes events from the ring, oldest first. lost: events since the last call for which
 * there was no room. Domain 0 is told by VIRQ_XENO_NET when there are new ones.
 */
#define VIRQ_XENO_NET 18 /* VIRQ_ARCH_2 */
struct xeno_ctl_vnet_events {
	uint64_t addr; /* IN: of struct xeno_vnet_event[nr] */
	uint32_t nr;   /* IN OUT: how many at most (85 are taken); stored */
	uint32_t pad;
	uint64_t lost; /* OUT */
};

/*
 * VNET_CAPTURE: one at a time. START: frames of iface (XENO_VNET_ANY: of all), each cut to snap bytes
 * (16..65535), are kept in a ring of the hypervisor (-EBUSY there is a capture; -ENOMEM). READ:
 * takes whole records, oldest first. STOP. -ENOENT: there is no capture. A frame is seen as it
 * enters, and as it leaves, after translation; refused ones too.
 */
enum xeno_vnet_capture_cmd {
	XENO_VNET_CAPTURE_START,
	XENO_VNET_CAPTURE_STOP,
	XENO_VNET_CAPTURE_READ
};
struct xeno_ctl_vnet_capture {
	uint32_t cmd;	/* IN: enum xeno_vnet_capture_cmd */
	uint32_t iface; /* IN, START */
	uint32_t snap;	/* IN, START */
	uint32_t len; /* READ: IN size of the buffer (2048..XENO_VNET_LIST_PIECE), OUT bytes stored */
	uint64_t addr; /* IN, READ */
	uint64_t lost; /* OUT, READ: frames for which there was no room since the last one */
};
struct xeno_vnet_captured { /* followed by kept bytes of the frame, padded to 8 */
	uint64_t time_ns;   /* since boot */
	uint32_t iface;
	uint32_t len;  /* of the frame */
	uint16_t kept; /* bytes */
	uint8_t dir;   /* enum xeno_vnet_dir */
	uint8_t why;   /* reason of refusal, 0: none, or not known yet */
	uint32_t pad;
};

/* VNET_EXPLAIN: what would become of a packet. Nothing is counted, no connection begins. */
struct xeno_ctl_vnet_explain {
	uint32_t iface; /* IN: where it comes from. -ENODEV */
	uint32_t src, dst;
	uint16_t sport, dport; /* ICMP: dport is type << 8 | code */
	uint8_t proto;
	uint8_t tcp_flags; /* 0 with TCP: a SYN */
	uint8_t pad[2];
	/* OUT */
	uint32_t out;		       /* interface it goes to, XENO_VNET_ANY: none */
	uint32_t next_hop;	       /* on a card */
	uint32_t new_src, new_dst;     /* behind translation */
	uint16_t new_sport, new_dport; /* new_sport 0 with a new source: one that is free */
	uint32_t rule_in, rule_out;    /* ids; XENO_VNET_ANY: no rule, or not asked */
	uint32_t nth_in, nth_out;      /* their places in the list, from 0 */
	uint8_t state;		       /* XENO_VNET_NEW .. */
	uint8_t action;		       /* enum xeno_vnet_action */
	uint8_t pad2[2];
	char why[48]; /* reason of a refusal for people, "ok" else */
};

_Static_assert(sizeof(struct xeno_vnet_rule) == 72, "xeno_vnet_rule");
_Static_assert(sizeof(struct xeno_vnet_nat) == 28, "xeno_vnet_nat");
_Static_assert(sizeof(struct xeno_vnet_event) == 48, "xeno_vnet_event");
_Static_assert(sizeof(struct xeno_vnet_route) == 16, "xeno_vnet_route");
_Static_assert(sizeof(struct xeno_vnet_conn) == 96, "xeno_vnet_conn");
_Static_assert(sizeof(struct xeno_vnet_captured) == 24, "xeno_vnet_captured");

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames in the router: fields, checksums, guards, ARP and ICMP. All of it is pure: it works on
 * a copy of a frame's first bytes (`h` below) that nobody else can change, and on tables
 * that the caller locks. Report section 3.4.1.
 *
 * The way of a frame: its first min(len, NIC_HEAD) bytes are copied; vnet_parse(); of a domain
 * vnet_guard_sent(), of a card vnet_guard_arrived(); ARP and ICMP echo for the gateway are
 * answered; vnet_ct_find() (hyp/vnet_ct.h), for a new connection vnet_nat_find(); the route;
 * vnet_rules_find() for IN and for OUT (hyp/vnet_rules.h); vnet_ct_create() when a rule keeps
 * the connection, vnet_ct_commit(); vnet_ttl_dec(), vnet_ct_rewrite(); the copied bytes are
 * sent, and the rest of the frame behind them.
 *
 * Addresses and ports are in the machine's byte order, MAC addresses numbers of 48 bits.
 */
#ifndef HYP_VNET_PKT_H
#define HYP_VNET_PKT_H

#include <hyp/types.h>
#include <public/vnet.h>

#define VNET_HEAD 256	      /* = NIC_HEAD */
#define VNET_FRAME_MAX 65553u /* a tag, and an IP packet of 65535 bytes */

/* Why a frame is refused, and counted. Names: vnet_why_name(). */
#define VNET_WHYS(W)                                                                               \
	W(OK, "ok")                                                                                \
	W(SHORT, "frame too short")                                                                \
	W(LONG, "frame too long")                                                                  \
	W(MAC, "bad source MAC")                                                                   \
	W(VLAN, "VLAN tag")                                                                        \
	W(LLC, "802.3 length")                                                                     \
	W(ETHERTYPE, "unknown EtherType")                                                          \
	W(IPV6, "IPv6")                                                                            \
	W(ARP, "bad ARP")                                                                          \
	W(IP_VERSION, "IP version")                                                                \
	W(IP_HEADER, "IP header length")                                                           \
	W(IP_LENGTH, "IP total length")                                                            \
	W(IP_CSUM, "IP checksum")                                                                  \
	W(IP_FLAGS, "reserved IP flag")                                                            \
	W(IP_OPTION, "bad IP option")                                                              \
	W(SOURCE_ROUTE, "source route")                                                            \
	W(SOURCE, "impossible source address")                                                     \
	W(DEST, "impossible destination address")                                                  \
	W(FRAG_RANGE, "fragment out of range")                                                     \
	W(FRAG_TINY, "tiny fragment")                                                              \
	W(TCP, "bad TCP header")                                                                   \
	W(UDP, "bad UDP header")                                                                   \
	W(ICMP, "bad ICMP message")                                                                \
	W(INNER, "bad packet in ICMP error")                                                       \
	W(OFFLOAD, "bad checksum or segmentation request")                                         \
	W(FORGED_MAC, "forged MAC")                                                                \
	W(FORGED_IP, "forged IP address")                                                          \
	W(FORGED_ARP, "forged ARP")                                                                \
	W(NOT_FOR_US, "not for this MAC")                                                          \
	W(TTL, "TTL exceeded")                                                                     \
	W(NO_ROUTE, "no route")                                                                    \
	W(NO_NEIGHBOUR, "neighbour does not answer")                                               \
	W(RULE, "dropped by rule")                                                                 \
	W(NO_RULE_ACCEPTS, "no rule accepts")                                                      \
	W(NO_CONNECTION, "of no connection, and to be translated")                                 \
	W(LIMIT, "above a limit")                                                                  \
	W(SYMMETRY, "sends more than it receives")                                                 \
	W(CT_LIMIT, "too many connections")                                                        \
	W(CT_PORTS, "no port free for translation")                                                \
	W(CT_FRAGMENT, "fragment of no known packet")                                              \
	W(CT_MOVED, "its connection led elsewhere")                                                \
	W(NO_ADDRESS, "no address to hide its own behind")

enum vnet_why {
#define VNET_WHY(name, text) VNET_##name,
	VNET_WHYS(VNET_WHY)
#undef VNET_WHY
		VNET_NR_WHYS,
};

enum vnet_kind { VNET_KIND_ARP, VNET_KIND_IP4 };

#define VNET_IP_ICMP 1
#define VNET_IP_TCP 6
#define VNET_IP_UDP 17

#define VNET_TCP_FIN 0x01
#define VNET_TCP_SYN 0x02
#define VNET_TCP_RST 0x04
#define VNET_TCP_ACK 0x10

/* ICMP echo has its identifier as port of the side that asks. */
struct vnet_tuple {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint32_t proto;
};

/* What a frame says. Offsets are from the frame's begin, and within h. */
struct vnet_pkt {
	uint32_t len; /* of the frame */
	uint64_t dmac, smac;
	uint16_t head;	     /* bytes in h */
	uint16_t vlan;	     /* tag, 0 = none */
	uint8_t kind;	     /* enum vnet_kind; for ARP only the next line is set */
	uint8_t arp_op;	     /* 1 request, 2 reply: t.src asks for, tells t.dst */
	uint64_t sha;	     /* ARP: the sender's MAC */
	struct vnet_tuple t; /* ports are 0 without has_l4 */
	uint16_t l3, l4;
	uint16_t total;	  /* IP total length; l3 + total <= len */
	uint16_t data;	  /* behind the header of TCP, UDP, ICMP */
	uint16_t options; /* bytes of IP options */
	bool has_l4;	  /* t.proto's header is there, and is TCP's, UDP's or ICMP's */
	bool fragment;	  /* any of several */
	bool untracked;	  /* ICMP, and neither echo nor an error about what can be tracked */
	bool partial;	  /* the caller's: the checksum is a pseudo header's sum (struct nic_tx) */
	uint16_t frag_id, frag_off; /* frag_off in bytes */
	uint8_t ttl, tcp_flags, icmp_type, icmp_code;
	uint32_t seq, ack; /* TCP */
	/* An ICMP error's (icmp_error) packet; ports as in t */
	bool icmp_error;
	uint16_t inner, inner_l4, inner_len; /* inner_len: bytes from inner on, in h */
	struct vnet_tuple it;
};

struct vnet_un16 {
	uint16_t v;
} __packed __attribute__((may_alias));
struct vnet_un32 {
	uint32_t v;
} __packed __attribute__((may_alias));

static inline uint16_t get16(const uint8_t *p)
{
	return __builtin_bswap16(((const struct vnet_un16 *)p)->v);
}

static inline uint32_t get32(const uint8_t *p)
{
	return __builtin_bswap32(((const struct vnet_un32 *)p)->v);
}

static inline uint64_t get48(const uint8_t *p)
{
	return (uint64_t)get16(p) << 32 | get32(p + 2);
}

static inline void put16(uint8_t *p, uint16_t v)
{
	((struct vnet_un16 *)p)->v = __builtin_bswap16(v);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	((struct vnet_un32 *)p)->v = __builtin_bswap32(v);
}

static inline void put48(uint8_t *p, uint64_t v)
{
	put16(p, (uint16_t)(v >> 32));
	put32(p + 2, (uint32_t)v);
}

#define VNET_MAC_BROADCAST 0xffffffffffffull
#define VNET_MAC_GROUP 0x010000000000ull

static inline bool ip4_is_multicast(uint32_t a)
{
	return a >> 28 == 14;
}

static inline uint32_t ip4_mask(unsigned int len) /* len <= 32 */
{
	return len ? ~0u << (32 - len) : 0;
}

static inline unsigned int ip4_mask_len(uint32_t mask)
{
	return mask ? 32 - (unsigned int)__builtin_ctz(mask) : 0;
}

/* --- vnet/parse.c */
/*
 * Fields of a frame of len bytes, of which min(len, VNET_HEAD) are at h. A tag is refused
 * unless tag_ok; what is behind it is looked at then. *p is complete only with VNET_OK. Checksums of
 * TCP, UDP and ICMP are not looked at.
 */
enum vnet_why vnet_parse(const uint8_t *h, uint32_t len, bool tag_ok, struct vnet_pkt *p);
const char *vnet_why_name(enum vnet_why why);

/* --- vnet/csum.c */
/* Adds len bytes that begin at an even (odd) offset of what is summed. Sums begin with 0. */
uint64_t vnet_csum_add(uint64_t sum, const void *data, size_t len, bool odd);
/* In network byte order, 16 bits, not complemented. */
uint16_t vnet_csum_fold(uint64_t sum);
/* Sum of the pseudo header; len: of the packet behind the IP header. */
uint64_t vnet_csum_pseudo(uint32_t src, uint32_t dst, unsigned int proto, uint32_t len);
/* RFC 1624: the checksum at sum, after 16 (32) bits covered by it change. */
void vnet_csum_change16(uint8_t *sum, uint16_t from, uint16_t to);
void vnet_csum_change32(uint8_t *sum, uint32_t from, uint32_t to);
/* Offset of the checksum of TCP, UDP or ICMP from its header; 0: no such protocol. */
unsigned int vnet_csum_offset(unsigned int proto);
/*
 * A frame whose sender left the checksum to us: puts the right pseudo header's sum there,
 * whatever was there, and sets p->partial. VNET_OFFLOAD: not TCP or UDP, or a fragment.
 */
enum vnet_why vnet_csum_partial(uint8_t *h, struct vnet_pkt *p);
/*
 * Completes a partial checksum in h: sum is that of all bytes from p->l4 to the end of the
 * packet, the checksum's included as it is.
 */
void vnet_csum_finish(uint8_t *h, struct vnet_pkt *p, uint64_t sum);
/* sum as above: is the checksum right, or a UDP packet without one? Not partial. */
bool vnet_csum_ok(const uint8_t *h, const struct vnet_pkt *p, uint64_t sum);
/* One router less. VNET_TTL: it must not go on. */
enum vnet_why vnet_ttl_dec(uint8_t *h, struct vnet_pkt *p);

/* --- vnet/guard.c */
/* Token bucket. rate: units per second, <= 1 << 40; burst: units, < 1 << 32. rate 0: no limit. */
struct vnet_bucket {
	uint64_t rate, full; /* full, level: units times 10^9 */
	uint64_t level;
	s_time_t last, fill; /* fill: time from empty to full */
};
void vnet_bucket_init(struct vnet_bucket *b, uint64_t rate, uint32_t burst, s_time_t now);
/* n units can be had: taken. CPUs may race: then a few more may pass. */
bool vnet_bucket_take(struct vnet_bucket *b, uint32_t n, s_time_t now);
/* How long after the last try n units can be had. */
s_time_t vnet_bucket_wait(const struct vnet_bucket *b, uint32_t n);

/* Who an interface is. */
#define VNET_ADDRS 16
struct vnet_prefix {
	uint32_t addr, mask; /* addr & ~mask == 0 */
};
struct vnet_identity {
	uint64_t mac;
	unsigned int nr;
	struct vnet_prefix addr[VNET_ADDRS]; /* the domain's own */
	bool dhcp;			     /* may ask for an address without having one */
};
bool vnet_is_own(const struct vnet_identity *id, uint32_t addr);
/* Frames of a domain: is it who it says? VNET_FORGED_*. */
enum vnet_why vnet_guard_sent(const struct vnet_identity *id, const struct vnet_pkt *p);
/*
 * Frames of a card with address mac: VNET_NOT_FOR_US, or VNET_FORGED_* when the sender claims an
 * address of own, which are the domains'.
 */
enum vnet_why vnet_guard_arrived(const struct vnet_identity *own, const struct vnet_pkt *p);

struct vnet_symmetry {
	struct xeno_vnet_symmetry set;
	uint64_t sent, received;
	s_time_t window; /* its end */
	bool told;
};
int vnet_symmetry_check(const struct xeno_vnet_symmetry *set); /* -EINVAL */
void vnet_symmetry_received(struct vnet_symmetry *s, s_time_t now);
/* Counts a packet sent. *event: domain 0 is to be told. True: it is to be dropped. */
bool vnet_symmetry_sent(struct vnet_symmetry *s, s_time_t now, bool *event);

/* --- vnet/arp.c */
#define VNET_ARP_LEN 42
/* An ARP frame to dmac. op 1: who has tip, tell sip; 2: sip is at smac, for tip at dmac. */
unsigned int vnet_arp_build(uint8_t out[VNET_ARP_LEN], unsigned int op, uint64_t smac, uint32_t sip,
			    uint64_t dmac, uint32_t tip);
/*
 * A domain's request that the gateway, at address gateway, answers: for itself, and with proxy
 * for every address that is not the domain's own. Sends from mac: out as above.
 */
bool vnet_arp_answer(const struct vnet_identity *id, const struct vnet_pkt *p, uint32_t gateway,
		     bool proxy, uint64_t mac, uint8_t out[VNET_ARP_LEN]);

/* Neighbours on the wire of a card. */
#define VNET_NEIGHS 256
#define VNET_NEIGH_OWNERS 1024
#define VNET_NEIGH_PENDING 8 /* addresses an owner may ask for at once */
enum vnet_neigh_state {
	VNET_NEIGH_FREE,
	VNET_NEIGH_ASKED, /* nothing is known yet */
	VNET_NEIGH_FAILED,
	VNET_NEIGH_KNOWN,
	VNET_NEIGH_PROBED, /* known, and asked whether that is still so */
};
struct vnet_neigh {
	uint32_t addr;
	uint16_t owner;
	uint8_t state, tries;
	uint64_t mac;
	s_time_t when; /* of the last answer, request or failure */
	s_time_t used;
};
struct vnet_neighs {
	uint64_t key; /* secret */
	struct vnet_neigh e[VNET_NEIGHS];
	uint8_t pending[VNET_NEIGH_OWNERS];
};
enum vnet_neigh_do {
	VNET_NEIGH_SEND,     /* *mac is its address */
	VNET_NEIGH_SEND_ASK, /* the same, and a request is to be sent */
	VNET_NEIGH_WAIT,     /* the frame waits or is dropped */
	VNET_NEIGH_WAIT_ASK,
	VNET_NEIGH_FAIL, /* does not answer, or owner asks for too many */
};
/* Where frames of owner (< VNET_NEIGH_OWNERS) for addr go. */
enum vnet_neigh_do vnet_neigh_find(struct vnet_neighs *n, uint32_t addr, unsigned int owner,
				   s_time_t now, uint64_t *mac);
/*
 * An ARP frame has come over the wire. Only answers to our questions are believed. True: frames
 * waiting for p->t.src can go. *ask: that address is to be asked for.
 */
bool vnet_neigh_learn(struct vnet_neighs *n, const struct vnet_pkt *p, s_time_t now, bool *ask);
/* About once a second: addresses to ask for again, at most `most`, into ask. Their number. */
unsigned int vnet_neigh_tick(struct vnet_neighs *n, s_time_t now, uint32_t *ask, unsigned int most);

/* --- vnet/icmp.c */
/* An echo request for us (the caller knows): h becomes its answer. False: not one to answer. */
bool vnet_icmp_echo(uint8_t *h, struct vnet_pkt *p);

#define VNET_ICMP_UNREACHABLE 3 /* codes: 0 net, 1 host, 3 port, 4 too big, 13 prohibited */
#define VNET_ICMP_TIME 11
/*
 * An error about p, from address from and MAC p->dmac, into out. mtu: with code 4, else 0. Its
 * length, 0: none may be sent. Not for packets whose addresses were rewritten.
 */
unsigned int vnet_icmp_error(const uint8_t *h, const struct vnet_pkt *p, unsigned int type,
			     unsigned int code, unsigned int mtu, uint32_t from,
			     struct vnet_bucket *limit, s_time_t now, uint8_t out[VNET_HEAD]);

#endif

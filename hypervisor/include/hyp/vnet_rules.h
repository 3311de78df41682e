/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classifier: a list of rules (public/vnet.h) compiled into trees, and what a rule does to
 * a packet. Pure; how it works is told in vnet/rules.c.
 *
 * A compiled set never changes, but for counters and buckets; it is one piece of memory. A new
 * list becomes a new set beside the old one, and then the pointer to it is swapped.
 */
#ifndef HYP_VNET_RULES_H
#define HYP_VNET_RULES_H

#include <hyp/vnet_pkt.h>

enum vnet_dim { VNET_D_SRC, VNET_D_DST, VNET_D_PEER, VNET_D_SPORT, VNET_D_DPORT, VNET_D_PROTO };
#define VNET_DIMS 6
#define VNET_NO_PORT 0x10000u /* in the port dimensions: there is none */
#define VNET_NO_RULE XENO_VNET_RULES_MAX

/* What rules look at. */
struct vnet_key {
	uint32_t v[VNET_DIMS]; /* by enum vnet_dim; ICMP: DPORT is type << 8 | code */
	uint16_t tcp_flags;    /* 0x100: are known */
	uint8_t state;	       /* one of XENO_VNET_NEW .. */
};

struct vnet_rules;

/* -EINVAL: the rule breaks what public/vnet.h says. */
int vnet_rule_check(const struct xeno_vnet_rule *r);

/* Bytes that a set of nr rules takes, nr <= XENO_VNET_RULES_MAX. */
size_t vnet_rules_size(unsigned int nr);
/*
 * Begins to compile into mem, vnet_rules_size(nr) bytes, aligned to 64, of any content. rules is
 * read here only; the caller has checked each. 10,000 rules take about 2 ms.
 */
struct vnet_rules *vnet_rules_begin(void *mem, const struct xeno_vnet_rule *rules, unsigned int nr,
				    s_time_t now);
/*
 * Goes on, for about `budget` looks at a rule, or at one node: 10000 take 0.1 to 0.2 ms; 10,000
 * rules need up to 200 calls with that. -EAGAIN: call again; 0: it is ready.
 */
int vnet_rules_build(struct vnet_rules *set, unsigned int budget);
/*
 * Takes over counters and, with the same limits, buckets of
 * the rules with the same ids (of several new ones, the first). Both are ready.
 */
void vnet_rules_inherit(struct vnet_rules *set, const struct vnet_rules *old);

/*
 * The key of p, whose final receiver is dst, dport: behind translation of the destination. peer:
 * of a packet that enters, the interface it will leave through, and the other way round.
 */
void vnet_rules_key(struct vnet_key *key, const struct vnet_pkt *p, uint32_t dst, uint16_t dport,
		    unsigned int state);
/* The first rule of the interface and direction that matches, VNET_NO_RULE: none. */
unsigned int vnet_rules_find(const struct vnet_rules *set, const struct vnet_key *key,
			     uint32_t iface, enum xeno_vnet_dir dir);
const struct xeno_vnet_rule *vnet_rules_get(const struct vnet_rules *set, unsigned int nr);
unsigned int vnet_rules_count(const struct vnet_rules *set);
/* A packet of len bytes matched rule nr: counts it. False: it is above a limit. */
bool vnet_rules_take(struct vnet_rules *set, unsigned int nr, uint32_t len, s_time_t now);
void vnet_rules_stat(const struct vnet_rules *set, unsigned int nr, struct xeno_vnet_rule_stat *s);

/* For tests and statistics: the most rules that a search compares one after the other in a tree. */
unsigned int vnet_rules_longest(const struct vnet_rules *set);

#endif

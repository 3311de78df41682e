/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text of network rules, and the lists of public/vnet.h that it becomes. Pure.
 *
 * One rule per line; # begins a comment, \ at the end of a line goes on with the next.
 *
 *	accept|drop|reject in|out on IFACE [peer IFACE] [proto tcp|udp|icmp|NUMBER]
 *		[from PREFIX] [sport N[-N]] [to PREFIX] [dport N[-N]] [icmp TYPE[/CODE]]
 *		[flags SYN[,..]/SYN,ACK,..] [state new,established,related,invalid] [keep] [log]
 *		[trigger] [copy DOMAIN] [limit N packets/s|kb/s|Mb/s|kB/s|MB/s [burst N]] [id N]
 *	nat masquerade on IFACE [from PREFIX] [to ADDR] [ports N-N]
 *	nat forward tcp|udp on IFACE [addr ADDR] port N[-N] to ADDR[:PORT]
 *	route PREFIX on IFACE [via ADDR]
 *	symmetry IFACE ratio N [min N] [window N ms|s] [drop]
 *
 * IFACE: nic0; demo1 is vif 0 of the domain demo1, demo1.1 its vif 1; dom0 is domain 0; any.
 * limit may be given once for packets and once for bytes.
 *
 * A rule without an id gets one from a hash of its words, so that it keeps its counters while
 * others come and go.
 */
#ifndef XENCTL_NETRULES_H
#define XENCTL_NETRULES_H

#include <public/control.h>

#include "netspec.h"

#define NETRULES_TEXT_MAX (4u << 20) /* bytes of a file */
#define NET_NAME_MAX (XENO_NAME_MAX + 4)

struct net_iface {		    /* as it is written */
	char domain[XENO_NAME_MAX]; /* empty: nr is a card's or XENO_VNET_ANY */
	uint32_t nr;		    /* else: the handle */
};

enum netline_kind { NETLINE_RULE, NETLINE_NAT, NETLINE_ROUTE, NETLINE_SYMMETRY, NETLINE_KINDS };

struct netline {
	enum netline_kind kind;
	unsigned int line; /* of the text, from 1 */
	size_t off, len;   /* in the text, with the line ends and what goes on */
	struct net_iface iface, peer;
	char copy[XENO_NAME_MAX]; /* empty: none */
	union {			  /* all but interfaces and domains */
		struct xeno_vnet_rule rule;
		struct xeno_vnet_nat nat;
		struct xeno_vnet_route route;
		struct xeno_vnet_symmetry symmetry;
	} u;
};

struct netrules {
	const char *text; /* the caller's */
	size_t len;
	struct netline *lines;
	size_t nr;
};

/* Fills r; text stays in use. -1: err holds "LINE:COLUMN: what", and r is to be freed, too. */
int netrules_parse(struct netrules *r, const char *text, size_t len, char err[SPEC_ERR]);
void netrules_free(struct netrules *r);

/* The words of a line with single blanks, without comments, cut to size; buf is returned. */
const char *netline_words(const struct netrules *r, const struct netline *l, char *buf,
			  size_t size);
/* The line of this kind with these words; NULL: there is none. */
const struct netline *netrules_find(const struct netrules *r, const char *words);
/* The rule with this id; NULL: there is none. */
const struct netline *netrules_by_id(const struct netrules *r, uint32_t id);
/* Where a rule belongs that is to decide before those at the end that drop everything. */
size_t netrules_place(const struct netrules *r);

/* Takes "nic0", "demo1.1", "any". -1: err says what is wrong. */
int net_iface_parse(struct net_iface *i, const char *word, char err[SPEC_ERR]);
/* The other way, for the interface nr of a domain, NULL: not of a domain. */
const char *net_iface_text(const char *domain, uint32_t nr, char buf[NET_NAME_MAX]);

/* The number of the domain called name that runs, or -1. */
typedef int net_find_fn(const char *name, void *data);
/* The number of i for the hypervisor; -1: its domain does not run. */
int net_iface_number(const struct net_iface *i, net_find_fn *find, void *data, uint32_t *nr);

/* Lists for the hypervisor; *_line: the index in lines of each element. */
struct netlists {
	struct xeno_vnet_rule *rules;
	unsigned int nr_rules, nr_nats, nr_routes;
	size_t *rule_line;
	struct xeno_vnet_nat nats[XENO_VNET_NATS_MAX];
	size_t nat_line[XENO_VNET_NATS_MAX];
	struct xeno_vnet_route routes[XENO_VNET_ROUTES_MAX];
	size_t route_line[XENO_VNET_ROUTES_MAX];
};

/* Lines about domains that do not run are left out. -1: no memory. */
int netrules_compile(const struct netrules *r, net_find_fn *find, void *data, struct netlists *l);
void netlists_free(struct netlists *l);
/* What the text says about interface nr of a domain; ratio 0: nothing. The last line decides. */
struct xeno_vnet_symmetry netrules_symmetry(const struct netrules *r, const char *domain,
					    uint32_t nr);

#endif

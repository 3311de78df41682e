// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of rules (netrules.h): words, then lines by tables of options, then what options
 * demand of each other, so that a line that was taken cannot be refused by the hypervisor. The
 * first mistake ends it, with line and column. What the words mean to packets is told in
 * public/vnet.h; reading files and giving lists to the hypervisor is nets.c's business.
 */
#include <ctype.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "netrules.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define WORD_MAX 128
#define MAX_OPTIONS 20
#define ID_FIRST 1000000u /* of hashes; what people give is mostly below */
#define ID_RANGE 99000000u
#define PORTS_FIRST 1024 /* of masquerading */
#define SYMMETRY_MIN 1000
#define SYMMETRY_WINDOW 10000

struct word {
	char s[WORD_MAX]; /* empty: the line ends here */
	unsigned int line;
	size_t column;
};

struct parser {
	const char *text, *end, *p;
	unsigned int line;
	const char *line_start;
	struct word w;		     /* the word last taken */
	struct word at[MAX_OPTIONS]; /* of the options that were given: by place in their table */
	uint32_t given;
	bool id, packets, bytes; /* were given */
	struct netline *l;
	char *err;
};

/* --- words */

static int __attribute__((format(printf, 3, 4)))
fail(struct parser *ps, const struct word *w, const char *fmt, ...)
{
	int n = snprintf(ps->err, SPEC_ERR, "%u:%zu: ", w->line, w->column);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ps->err + n, SPEC_ERR - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

static bool at_end(const struct parser *ps)
{
	return ps->p == ps->end || *ps->p == '\n';
}

static void begin_line(struct parser *ps)
{
	ps->p++;
	ps->line++;
	ps->line_start = ps->p;
}

/* A \ that only blanks part from the end of the line. */
static bool goes_on(const struct parser *ps)
{
	const char *p = ps->p;

	if (*p++ != '\\')
		return false;
	while (p < ps->end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p < ps->end && *p == '\n';
}

static void skip_blanks(struct parser *ps)
{
	for (;;) {
		if (at_end(ps))
			return;
		if (goes_on(ps)) {
			ps->p = memchr(ps->p, '\n', (size_t)(ps->end - ps->p));
			begin_line(ps);
		} else if (*ps->p == '#') {
			while (!at_end(ps))
				ps->p++;
		} else if (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\r') {
			ps->p++;
		} else {
			return;
		}
	}
}

/* The next word of the line into ps->w. */
static int take(struct parser *ps)
{
	size_t len = 0;

	skip_blanks(ps);
	ps->w.line = ps->line;
	ps->w.column = (size_t)(ps->p - ps->line_start) + 1;
	while (!at_end(ps) && !strchr(" \t\r#", *ps->p) && !goes_on(ps)) {
		unsigned char c = (unsigned char)*ps->p++;

		if (iscntrl(c) || c >= 0x80)
			return fail(ps, &ps->w, "a character that is not plain text");
		if (len == WORD_MAX - 1)
			return fail(ps, &ps->w, "a word of more than %d characters", WORD_MAX - 1);
		ps->w.s[len++] = (char)c;
	}
	ps->w.s[len] = 0;
	return 0;
}

/* The next word, which must be there; what: for the message. */
static int need(struct parser *ps, const char *what)
{
	if (take(ps))
		return -1;
	return ps->w.s[0] ? 0 : fail(ps, &ps->w, "%s is missing", what);
}

static int need_this(struct parser *ps, const char *word)
{
	char what[16];

	snprintf(what, sizeof(what), "'%s'", word);
	if (need(ps, what))
		return -1;
	return strcmp(ps->w.s, word) ?
		       fail(ps, &ps->w, "expected '%s', found '%.40s'", word, ps->w.s) :
		       0;
}

/* Which of names the next word is, or -1; choices: for the message. */
static int need_one(struct parser *ps, const char *const names[], size_t n, const char *choices)
{
	if (need(ps, choices))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], ps->w.s))
			return (int)i;
	return fail(ps, &ps->w, "expected %s, found '%.40s'", choices, ps->w.s);
}

static int need_number(struct parser *ps, const char *what, uint64_t min, uint64_t max, uint64_t *n)
{
	if (need(ps, what))
		return -1;
	if (spec_number(ps->w.s, max, n) || *n < min)
		return fail(ps, &ps->w, "%s must be %llu to %llu, not '%.40s'", what,
			    (unsigned long long)min, (unsigned long long)max, ps->w.s);
	return 0;
}

static int need_addr(struct parser *ps, uint32_t *addr)
{
	if (need(ps, "an address"))
		return -1;
	return net_parse_addr(ps->w.s, addr) || !*addr ?
		       fail(ps, &ps->w, "'%.40s' is not an address", ps->w.s) :
		       0;
}

static int need_prefix(struct parser *ps, uint32_t *addr, uint8_t *len)
{
	char good[NET_ADDR_MAX];

	if (need(ps, "a prefix"))
		return -1;
	if (net_parse_prefix(ps->w.s, addr, len))
		return fail(ps, &ps->w, "'%.40s' is not a prefix like 10.0.0.0/24", ps->w.s);
	if (*addr & ~net_mask(*len))
		return fail(ps, &ps->w, "'%.40s' has bits behind the prefix; is %s meant?", ps->w.s,
			    net_prefix_text(*addr & net_mask(*len), *len, good));
	return 0;
}

/* N or N-N */
static int parse_ports(struct parser *ps, char *s, uint16_t *lo, uint16_t *hi)
{
	char word[WORD_MAX], *dash;
	uint64_t a, b;

	strcpy(word, s);
	dash = strchr(word, '-');
	if (dash)
		*dash++ = 0;
	if (spec_number(word, 65535, &a) || spec_number(dash ? dash : word, 65535, &b))
		return fail(ps, &ps->w, "'%.40s' is not a port or a range of ports (80, 80-90)", s);
	if (!a || a > b)
		return fail(ps, &ps->w, "'%.40s' is an empty range of ports", s);
	*lo = (uint16_t)a;
	*hi = (uint16_t)b;
	return 0;
}

/* --- interfaces */

static bool name_ok(const char *s)
{
	size_t len = strlen(s);

	if (!len || len >= XENO_NAME_MAX || strspn(s, "0123456789") == len)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.+-", *s))
			return false;
	return true;
}

/* N of "nicN", or -1. */
static int card_number(const char *s)
{
	uint64_t n;

	return strncmp(s, "nic", 3) || spec_number(s + 3, 255, &n) ? -1 : (int)n;
}

int net_iface_parse(struct net_iface *i, const char *word, char err[SPEC_ERR])
{
	const char *dot = strrchr(word, '.');
	size_t len = strlen(word);
	uint64_t handle = 0;

	memset(i, 0, sizeof(*i));
	i->nr = XENO_VNET_ANY;
	if (!strcmp(word, "any"))
		return 0;
	if (card_number(word) >= 0) {
		i->nr = XENO_VNET_NIC((uint32_t)card_number(word));
		return 0;
	}
	if (dot && isdigit((unsigned char)dot[1]) && !spec_number(dot + 1, UINT32_MAX, &handle))
		len = (size_t)(dot - word);
	if (len < sizeof(i->domain))
		memcpy(i->domain, word, len);
	if (!strcmp(i->domain, "Domain-0")) /* the hypervisor's name of it */
		strcpy(i->domain, "dom0");
	i->nr = (uint32_t)handle;
	if (handle > 255)
		return spec_fail(err, "'%.80s': interfaces of domains are numbered 0 to 255", word);
	if (!name_ok(i->domain))
		return spec_fail(err, "'%.80s' is not an interface (nic0, demo1, demo1.1, any)",
				 word);
	return 0;
}

const char *net_iface_text(const char *domain, uint32_t nr, char buf[NET_NAME_MAX])
{
	struct net_iface i;
	char err[SPEC_ERR];

	if (!domain && nr == XENO_VNET_ANY)
		strcpy(buf, "any");
	else if (!domain)
		snprintf(buf, NET_NAME_MAX, "nic%u", (nr & ~XENO_VNET_NIC(0)) % 1000);
	else if (nr || net_iface_parse(&i, domain, err) || strcmp(i.domain, domain))
		snprintf(buf, NET_NAME_MAX, "%.63s.%u", domain, nr & 255);
	else
		snprintf(buf, NET_NAME_MAX, "%.63s", domain);
	return buf;
}

static int need_iface(struct parser *ps, struct net_iface *i)
{
	char why[SPEC_ERR];

	if (need(ps, "an interface"))
		return -1;
	return net_iface_parse(i, ps->w.s, why) ? fail(ps, &ps->w, "%.200s", why) : 0;
}

static int need_on(struct parser *ps, bool any)
{
	if (need_this(ps, "on") || need_iface(ps, &ps->l->iface))
		return -1;
	if (!any && !ps->l->iface.domain[0] && ps->l->iface.nr == XENO_VNET_ANY)
		return fail(ps, &ps->w, "one interface must be named here, not 'any'");
	return 0;
}

/* --- options of rules */

static const char *const protos[] = { "icmp", "tcp", "udp" };
static const uint8_t proto_numbers[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP };

static int opt_peer(struct parser *ps)
{
	return need_iface(ps, &ps->l->peer);
}

static int opt_proto(struct parser *ps)
{
	uint64_t n;

	if (need(ps, "a protocol"))
		return -1;
	for (size_t i = 0; i < ARRAY(protos); i++)
		if (!strcmp(ps->w.s, protos[i])) {
			ps->l->u.rule.proto = proto_numbers[i];
			return 0;
		}
	if (spec_number(ps->w.s, 255, &n) || !n)
		return fail(ps, &ps->w, "'%.40s' is not a protocol: tcp, udp, icmp or 1 to 255",
			    ps->w.s);
	ps->l->u.rule.proto = (uint8_t)n;
	return 0;
}

static int opt_from(struct parser *ps)
{
	return need_prefix(ps, &ps->l->u.rule.src, &ps->l->u.rule.src_len);
}

static int opt_to(struct parser *ps)
{
	return need_prefix(ps, &ps->l->u.rule.dst, &ps->l->u.rule.dst_len);
}

static int opt_sport(struct parser *ps)
{
	struct xeno_vnet_rule *r = &ps->l->u.rule;

	return need(ps, "a port") ? -1 : parse_ports(ps, ps->w.s, &r->sport_lo, &r->sport_hi);
}

static int opt_dport(struct parser *ps)
{
	struct xeno_vnet_rule *r = &ps->l->u.rule;

	return need(ps, "a port") ? -1 : parse_ports(ps, ps->w.s, &r->dport_lo, &r->dport_hi);
}

static int icmp_type(const char *s, uint64_t *type)
{
	static const struct {
		const char *name;
		uint8_t type;
	} names[] = {
		{ "echo-reply", 0 },
		{ "unreachable", 3 },
		{ "echo-request", 8 },
		{ "time-exceeded", 11 },
	};

	for (size_t i = 0; i < ARRAY(names); i++)
		if (!strcmp(names[i].name, s)) {
			*type = names[i].type;
			return 0;
		}
	return spec_number(s, 255, type);
}

static int opt_icmp(struct parser *ps)
{
	struct xeno_vnet_rule *r = &ps->l->u.rule;
	uint64_t type, code = XENO_VNET_ICMP_ANY;
	char word[WORD_MAX], *slash;

	if (need(ps, "an ICMP type"))
		return -1;
	strcpy(word, ps->w.s);
	slash = strchr(word, '/');
	if (slash)
		*slash++ = 0;
	if (icmp_type(word, &type) || (slash && spec_number(slash, 255, &code)))
		return fail(ps, &ps->w, "'%.40s' is not an ICMP type (8, 3/4, echo-request)",
			    ps->w.s);
	r->icmp_type = (uint16_t)type;
	r->icmp_code = (uint16_t)code;
	return 0;
}

/* A set of names with commas between them; bit i of *set: names[i]. */
static int parse_set(char *s, const char *const names[], size_t n, uint8_t *set)
{
	char *name;

	*set = 0;
	while ((name = strsep(&s, ","))) {
		size_t i = 0;

		while (i < n && strcasecmp(names[i], name))
			i++;
		if (i == n)
			return -1;
		*set |= (uint8_t)(1u << i);
	}
	return 0;
}

static int opt_flags(struct parser *ps)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	struct xeno_vnet_rule *r = &ps->l->u.rule;
	char word[WORD_MAX], *mask;

	if (need(ps, "flags"))
		return -1;
	strcpy(word, ps->w.s);
	mask = strchr(word, '/');
	if (!mask)
		return fail(ps, &ps->w, "flags are written SET/LOOKED-AT (SYN/SYN,ACK)");
	*mask++ = 0;
	if (parse_set(mask, names, ARRAY(names), &r->tcp_mask) ||
	    (strcasecmp(word, "none") && parse_set(word, names, ARRAY(names), &r->tcp_value)))
		return fail(
			ps, &ps->w,
			"'%.40s': flags are FIN, SYN, RST, PSH, ACK, URG, ECE, CWR (SYN/SYN,ACK)",
			ps->w.s);
	if (r->tcp_value & ~r->tcp_mask)
		return fail(ps, &ps->w, "'%.40s': a flag before the / is not behind it", ps->w.s);
	return 0;
}

static int opt_state(struct parser *ps)
{
	static const char *const names[] = { "new", "established", "related", "invalid" };
	char word[WORD_MAX];

	if (need(ps, "a state"))
		return -1;
	strcpy(word, ps->w.s);
	if (parse_set(word, names, ARRAY(names), &ps->l->u.rule.states))
		return fail(ps, &ps->w, "'%.40s': states are new, established, related, invalid",
			    ps->w.s);
	return 0;
}

static int opt_keep(struct parser *ps)
{
	ps->l->u.rule.flags |= XENO_VNETRF_KEEP;
	return 0;
}

static int opt_log(struct parser *ps)
{
	ps->l->u.rule.flags |= XENO_VNETRF_LOG;
	return 0;
}

static int opt_trigger(struct parser *ps)
{
	ps->l->u.rule.flags |= XENO_VNETRF_TRIGGER;
	return 0;
}

static int opt_copy(struct parser *ps)
{
	if (need(ps, "a domain"))
		return -1;
	if (!name_ok(ps->w.s))
		return fail(ps, &ps->w, "'%.40s' is not the name of a domain", ps->w.s);
	strcpy(ps->l->copy, ps->w.s);
	return 0;
}

/* "10Mb/s" or "10 Mb/s" */
static int need_rate(struct parser *ps, uint64_t *n, bool *packets)
{
	struct word first;
	char both[2 * WORD_MAX];

	if (need(ps, "a limit"))
		return -1;
	first = ps->w;
	strcpy(both, first.s);
	if (strspn(both, "0123456789") == strlen(both)) {
		if (need(ps, "a unit (packets/s, kb/s, Mb/s, kB/s, MB/s)"))
			return -1;
		strcat(both, ps->w.s);
	}
	return net_parse_rate(both, n, packets) ?
		       fail(ps, &first,
			    "'%.40s' is not a limit: N packets/s, kb/s, Mb/s, kB/s, MB/s", both) :
		       0;
}

/* Whether the next word is this one; it is taken only then. */
static bool next_is(struct parser *ps, const char *word)
{
	struct parser before = *ps;

	if (!take(ps) && !strcmp(ps->w.s, word))
		return true;
	*ps = before;
	return false;
}

static int opt_limit(struct parser *ps)
{
	struct xeno_vnet_rule *r = &ps->l->u.rule;
	struct word start = ps->w;
	uint64_t n, burst = 0;
	bool packets;

	if (need_rate(ps, &n, &packets))
		return -1;
	if (packets ? ps->packets : ps->bytes)
		return fail(ps, &start, "a limit of %s is given twice",
			    packets ? "packets" : "bytes");
	if (next_is(ps, "burst") && need_number(ps, "burst", 1, UINT32_MAX, &burst))
		return -1;
	*(packets ? &ps->packets : &ps->bytes) = true;
	*(packets ? &r->packets_limit : &r->bytes_limit) = n;
	*(packets ? &r->packets_burst : &r->bytes_burst) = (uint32_t)burst;
	return 0;
}

static int opt_id(struct parser *ps)
{
	uint64_t n;

	if (need_number(ps, "id", 1, XENO_VNET_ANY - 1, &n))
		return -1;
	ps->l->u.rule.id = (uint32_t)n;
	ps->id = true;
	return 0;
}

/* --- options of the others */

static int opt_nat_from(struct parser *ps)
{
	return need_prefix(ps, &ps->l->u.nat.src, &ps->l->u.nat.src_len);
}

static int opt_nat_addr(struct parser *ps)
{
	return need_addr(ps, &ps->l->u.nat.addr);
}

static int opt_nat_ports(struct parser *ps)
{
	struct xeno_vnet_nat *n = &ps->l->u.nat;

	return need(ps, "a port") ? -1 : parse_ports(ps, ps->w.s, &n->port_lo, &n->port_hi);
}

/* ADDR[:PORT] */
static int opt_nat_to(struct parser *ps)
{
	struct xeno_vnet_nat *n = &ps->l->u.nat;
	char word[WORD_MAX], *colon;
	uint64_t port = 0;

	if (need(ps, "an address"))
		return -1;
	strcpy(word, ps->w.s);
	colon = strchr(word, ':');
	if (colon)
		*colon++ = 0;
	if (net_parse_addr(word, &n->to) || !n->to ||
	    (colon && (spec_number(colon, 65535, &port) || !port)))
		return fail(ps, &ps->w, "'%.40s' is not an address or ADDRESS:PORT", ps->w.s);
	n->to_port = (uint16_t)port;
	return 0;
}

static int opt_via(struct parser *ps)
{
	return need_addr(ps, &ps->l->u.route.gateway);
}

static int opt_ratio(struct parser *ps)
{
	uint64_t n;

	if (need_number(ps, "ratio", 1, 1000000, &n))
		return -1;
	ps->l->u.symmetry.ratio = (uint32_t)n;
	return 0;
}

static int opt_min(struct parser *ps)
{
	uint64_t n;

	if (need_number(ps, "min", 0, UINT32_MAX, &n))
		return -1;
	ps->l->u.symmetry.min_packets = (uint32_t)n;
	return 0;
}

/* "10s", "10 s", "500ms" */
static int opt_window(struct parser *ps)
{
	char both[2 * WORD_MAX];
	struct word first;
	uint64_t n;
	size_t len;

	if (need(ps, "a time"))
		return -1;
	first = ps->w;
	strcpy(both, first.s);
	if (strspn(both, "0123456789") == strlen(both)) {
		if (need(ps, "a unit (ms, s)"))
			return -1;
		strcat(both, ps->w.s);
	}
	len = strspn(both, "0123456789");
	if (strcmp(both + len, "s") && strcmp(both + len, "ms"))
		return fail(ps, &first, "'%.40s' is not a time like 10 s or 500 ms", both);
	if (both[len] == 's')
		strcpy(both + len, "000");
	else
		both[len] = 0;
	if (spec_number(both, 3600000, &n) || n < 100)
		return fail(ps, &first, "window must be 100 ms to 3600 s");
	ps->l->u.symmetry.window_ms = (uint32_t)n;
	return 0;
}

static int opt_drop(struct parser *ps)
{
	ps->l->u.symmetry.flags = XENO_VNET_SYMMETRY_DROP;
	return 0;
}

/* --- lines */

struct option {
	const char *name;
	int (*parse)(struct parser *ps); /* what follows it */
	bool again;			 /* may be given more than once */
};

enum { O_PEER, O_PROTO, O_FROM, O_SPORT, O_TO, O_DPORT, O_ICMP, O_FLAGS, O_STATE, O_KEEP };

static const struct option rule_options[] = {
	[O_PEER] = { "peer", opt_peer, false },
	[O_PROTO] = { "proto", opt_proto, false },
	[O_FROM] = { "from", opt_from, false },
	[O_SPORT] = { "sport", opt_sport, false },
	[O_TO] = { "to", opt_to, false },
	[O_DPORT] = { "dport", opt_dport, false },
	[O_ICMP] = { "icmp", opt_icmp, false },
	[O_FLAGS] = { "flags", opt_flags, false },
	[O_STATE] = { "state", opt_state, false },
	[O_KEEP] = { "keep", opt_keep, false },
	{ "log", opt_log, false },
	{ "trigger", opt_trigger, false },
	{ "copy", opt_copy, false },
	{ "limit", opt_limit, true },
	{ "id", opt_id, false },
};

static const struct option masquerade_options[] = {
	{ "from", opt_nat_from, false },
	{ "to", opt_nat_addr, false },
	{ "ports", opt_nat_ports, false },
};

enum { O_ADDR, O_PORT, O_NAT_TO };

static const struct option forward_options[] = {
	[O_ADDR] = { "addr", opt_nat_addr, false },
	[O_PORT] = { "port", opt_nat_ports, false },
	[O_NAT_TO] = { "to", opt_nat_to, false },
};

static const struct option route_options[] = {
	{ "via", opt_via, false },
};

static const struct option symmetry_options[] = {
	{ "ratio", opt_ratio, false },
	{ "min", opt_min, false },
	{ "window", opt_window, false },
	{ "drop", opt_drop, false },
};

static int unknown_option(struct parser *ps, const struct option *o, size_t n)
{
	char names[160] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
					o[i].name);
	return fail(ps, &ps->w, "unknown word '%.40s'; what may follow is %s", ps->w.s, names);
}

/* The rest of the line. */
static int take_options(struct parser *ps, const struct option *o, size_t n)
{
	ps->given = 0;
	for (;;) {
		size_t i = 0;

		if (take(ps))
			return -1;
		if (!ps->w.s[0])
			return 0;
		while (i < n && strcmp(o[i].name, ps->w.s))
			i++;
		if (i == n)
			return unknown_option(ps, o, n);
		if (ps->given & 1u << i && !o[i].again)
			return fail(ps, &ps->w, "%s is given twice", o[i].name);
		ps->given |= 1u << i;
		ps->at[i] = ps->w;
		if (o[i].parse(ps))
			return -1;
	}
}

/* What options of a rule demand of each other. */
static int check_rule(struct parser *ps)
{
	const struct xeno_vnet_rule *r = &ps->l->u.rule;
	const struct {
		unsigned int option;
		bool good;
		const char *what;
	} demands[] = {
		{ O_SPORT, r->proto == IPPROTO_TCP || r->proto == IPPROTO_UDP,
		  "sport needs proto tcp or udp" },
		{ O_DPORT, r->proto == IPPROTO_TCP || r->proto == IPPROTO_UDP,
		  "dport needs proto tcp or udp" },
		{ O_ICMP, r->proto == IPPROTO_ICMP, "icmp needs proto icmp" },
		{ O_FLAGS, r->proto == IPPROTO_TCP, "flags need proto tcp" },
		{ O_KEEP, r->action == XENO_VNET_ACCEPT, "keep needs accept" },
	};

	for (size_t i = 0; i < ARRAY(demands); i++)
		if (ps->given & 1u << demands[i].option && !demands[i].good)
			return fail(ps, &ps->at[demands[i].option], "%s", demands[i].what);
	return 0;
}

static int parse_rule(struct parser *ps, enum xeno_vnet_action action)
{
	static const char *const dirs[] = { "in", "out" };
	struct xeno_vnet_rule *r = &ps->l->u.rule;
	int dir;

	*r = (struct xeno_vnet_rule){ .action = (uint8_t)action,
				      .sport_hi = 65535,
				      .dport_hi = 65535,
				      .icmp_type = XENO_VNET_ICMP_ANY,
				      .icmp_code = XENO_VNET_ICMP_ANY };
	ps->l->peer.nr = XENO_VNET_ANY;
	ps->id = ps->packets = ps->bytes = false;
	dir = need_one(ps, dirs, ARRAY(dirs), "in or out");
	if (dir < 0 || need_on(ps, true) || take_options(ps, rule_options, ARRAY(rule_options)))
		return -1;
	r->dir = (uint8_t)dir;
	return check_rule(ps);
}

static int parse_drop(struct parser *ps)
{
	return parse_rule(ps, XENO_VNET_DROP);
}

static int parse_accept(struct parser *ps)
{
	return parse_rule(ps, XENO_VNET_ACCEPT);
}

static int parse_reject(struct parser *ps)
{
	return parse_rule(ps, XENO_VNET_REJECT);
}

static int parse_masquerade(struct parser *ps)
{
	ps->l->u.nat = (struct xeno_vnet_nat){ .kind = XENO_VNET_MASQUERADE,
					       .port_lo = PORTS_FIRST,
					       .port_hi = 65535 };
	if (need_on(ps, false))
		return -1;
	return take_options(ps, masquerade_options, ARRAY(masquerade_options));
}

static int parse_forward(struct parser *ps)
{
	struct xeno_vnet_nat *n = &ps->l->u.nat;
	int proto = need_one(ps, protos + 1, 2, "tcp or udp");

	if (proto < 0)
		return -1;
	*n = (struct xeno_vnet_nat){ .kind = XENO_VNET_FORWARD, .proto = proto_numbers[1 + proto] };
	if (need_on(ps, false) || take_options(ps, forward_options, ARRAY(forward_options)))
		return -1;
	if (!n->port_lo || !n->to)
		return fail(ps, &ps->w, "%s is missing", n->port_lo ? "to ADDRESS" : "port");
	if (!n->to_port)
		n->to_port = n->port_lo;
	if (n->to_port + (n->port_hi - n->port_lo) > 65535)
		return fail(ps, &ps->at[O_NAT_TO], "the range of ports there ends above 65535");
	return 0;
}

static int parse_nat(struct parser *ps)
{
	static const char *const kinds[] = { "masquerade", "forward" };
	int kind = need_one(ps, kinds, ARRAY(kinds), "masquerade or forward");

	if (kind < 0)
		return -1;
	return kind ? parse_forward(ps) : parse_masquerade(ps);
}

static int parse_route(struct parser *ps)
{
	struct xeno_vnet_route *r = &ps->l->u.route;

	*r = (struct xeno_vnet_route){ 0 };
	if (need_prefix(ps, &r->addr, &r->len) || need_on(ps, false) ||
	    take_options(ps, route_options, ARRAY(route_options)))
		return -1;
	if (r->gateway && ps->l->iface.domain[0])
		return fail(ps, &ps->at[0], "via is for cards: a domain is reached directly");
	return 0;
}

static int parse_symmetry(struct parser *ps)
{
	struct net_iface *i = &ps->l->iface;

	ps->l->u.symmetry = (struct xeno_vnet_symmetry){ .min_packets = SYMMETRY_MIN,
							 .window_ms = SYMMETRY_WINDOW };
	if (need_iface(ps, i))
		return -1;
	if (!i->domain[0] && i->nr != XENO_VNET_ANY)
		return fail(ps, &ps->w, "a card has no symmetry guard, only interfaces of domains");
	if (take_options(ps, symmetry_options, ARRAY(symmetry_options)))
		return -1;
	return ps->l->u.symmetry.ratio ? 0 : fail(ps, &ps->w, "ratio is missing");
}

static const struct {
	const char *name;
	enum netline_kind kind;
	int (*parse)(struct parser *ps);
} kinds[] = {
	{ "accept", NETLINE_RULE, parse_accept }, { "drop", NETLINE_RULE, parse_drop },
	{ "reject", NETLINE_RULE, parse_reject }, { "nat", NETLINE_NAT, parse_nat },
	{ "route", NETLINE_ROUTE, parse_route },  { "symmetry", NETLINE_SYMMETRY, parse_symmetry },
};

/* A line whose first word is in ps->w. */
static int parse_line(struct parser *ps)
{
	for (size_t i = 0; i < ARRAY(kinds); i++) {
		if (strcmp(kinds[i].name, ps->w.s))
			continue;
		ps->l->kind = kinds[i].kind;
		ps->l->line = ps->w.line;
		return kinds[i].parse(ps);
	}
	return fail(ps, &ps->w,
		    "'%.40s' begins no rule; accept, drop, reject, nat, route and symmetry do",
		    ps->w.s);
}

/* --- the whole text */

static const struct {
	size_t max;
	const char *name;
} most[NETLINE_KINDS] = {
	[NETLINE_RULE] = { XENO_VNET_RULES_MAX, "rules" },
	[NETLINE_NAT] = { XENO_VNET_NATS_MAX, "nat lines" },
	[NETLINE_ROUTE] = { XENO_VNET_ROUTES_MAX, "routes" },
	[NETLINE_SYMMETRY] = { XENO_VNET_RULES_MAX, "symmetry lines" },
};

static int add_line(struct netrules *r, struct parser *ps, size_t *room)
{
	if (r->nr == *room) {
		size_t more = *room ? 2 * *room : 64;
		struct netline *lines = reallocarray(r->lines, more, sizeof(*lines));

		if (!lines)
			return fail(ps, &ps->w, "out of memory");
		r->lines = lines;
		*room = more;
	}
	ps->l = &r->lines[r->nr++];
	memset(ps->l, 0, sizeof(*ps->l));
	return 0;
}

/* Ids that were given: table[slot] is 1 + the index of the line with it; nr_slots: power of two. */
struct ids {
	uint32_t *slots, mask;
};

static uint32_t *id_slot(const struct netrules *r, const struct ids *ids, uint32_t id)
{
	uint32_t at = id * 2654435761u & ids->mask;

	while (ids->slots[at] && r->lines[ids->slots[at] - 1].u.rule.id != id)
		at = (at + 1) & ids->mask;
	return &ids->slots[at];
}

static uint32_t hash_words(const struct netrules *r, const struct netline *l)
{
	char words[1024];
	uint32_t h = 2166136261u;

	netline_words(r, l, words, sizeof(words));
	for (const char *s = words; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h % ID_RANGE;
}

static int given_id(struct netrules *r, const struct ids *ids, size_t i, struct parser *ps)
{
	const struct netline *l = &r->lines[i];
	uint32_t *slot = id_slot(r, ids, l->u.rule.id);
	struct word w = { .line = l->line, .column = 1 };

	if (*slot)
		return fail(ps, &w, "id %u is that of line %u already", l->u.rule.id,
			    r->lines[*slot - 1].line);
	*slot = (uint32_t)i + 1;
	return 0;
}

static void hashed_id(struct netrules *r, const struct ids *ids, size_t i)
{
	uint32_t h = hash_words(r, &r->lines[i]);
	uint32_t *slot;

	while (*(slot = id_slot(r, ids, ID_FIRST + h)))
		h = (h + 1) % ID_RANGE;
	r->lines[i].u.rule.id = ID_FIRST + h;
	*slot = (uint32_t)i + 1;
}

static int give_ids(struct netrules *r, struct parser *ps)
{
	struct ids ids = { .mask = 63 };
	int ret = 0;

	while (ids.mask < 2 * r->nr)
		ids.mask = 2 * ids.mask + 1;
	ids.slots = calloc(ids.mask + 1, sizeof(*ids.slots));
	if (!ids.slots)
		return fail(ps, &ps->w, "out of memory");
	for (size_t i = 0; i < r->nr && !ret; i++)
		if (r->lines[i].kind == NETLINE_RULE && r->lines[i].u.rule.id)
			ret = given_id(r, &ids, i, ps);
	for (size_t i = 0; i < r->nr && !ret; i++)
		if (r->lines[i].kind == NETLINE_RULE && !r->lines[i].u.rule.id)
			hashed_id(r, &ids, i);
	free(ids.slots);
	return ret;
}

int netrules_parse(struct netrules *r, const char *text, size_t len, char err[SPEC_ERR])
{
	struct parser ps = { text, text + len, text, 1, text, .err = err };
	size_t count[NETLINE_KINDS] = { 0 }, room = 0;

	*r = (struct netrules){ .text = text, .len = len };
	for (;;) {
		const char *start = ps.p;

		if (take(&ps))
			return -1;
		if (ps.w.s[0]) {
			if (add_line(r, &ps, &room) || parse_line(&ps))
				return -1;
			ps.l->off = (size_t)(start - text);
			if (++count[ps.l->kind] > most[ps.l->kind].max) {
				ps.w.line = ps.l->line;
				ps.w.column = 1;
				return fail(&ps, &ps.w, "more than %zu %s", most[ps.l->kind].max,
					    most[ps.l->kind].name);
			}
		}
		if (ps.p == ps.end)
			break;
		begin_line(&ps);
		if (r->nr && r->lines[r->nr - 1].off == (size_t)(start - text))
			r->lines[r->nr - 1].len = (size_t)(ps.p - start);
	}
	if (r->nr && !r->lines[r->nr - 1].len)
		r->lines[r->nr - 1].len = len - r->lines[r->nr - 1].off;
	return give_ids(r, &ps);
}

void netrules_free(struct netrules *r)
{
	free(r->lines);
	*r = (struct netrules){ 0 };
}

const char *netline_words(const struct netrules *r, const struct netline *l, char *buf, size_t size)
{
	char err[SPEC_ERR];
	const char *at = r->text + l->off;
	struct parser ps = { at, at + l->len, at, 1, at, .err = err };
	size_t len = 0;

	buf[0] = 0;
	while (!take(&ps) && ps.w.s[0] && len < size)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? " " : "", ps.w.s);
	return buf;
}

const struct netline *netrules_find(const struct netrules *r, const char *words)
{
	char buf[1024];

	for (size_t i = 0; i < r->nr; i++)
		if (!strcmp(netline_words(r, &r->lines[i], buf, sizeof(buf)), words))
			return &r->lines[i];
	return NULL;
}

const struct netline *netrules_by_id(const struct netrules *r, uint32_t id)
{
	for (size_t i = 0; i < r->nr; i++)
		if (r->lines[i].kind == NETLINE_RULE && r->lines[i].u.rule.id == id)
			return &r->lines[i];
	return NULL;
}

/* Takes every packet of its direction, and does not accept it. */
static bool refuses_all(const struct netline *l)
{
	const struct xeno_vnet_rule *r = &l->u.rule;

	return l->kind == NETLINE_RULE && r->action != XENO_VNET_ACCEPT && !l->iface.domain[0] &&
	       l->iface.nr == XENO_VNET_ANY && !l->peer.domain[0] && l->peer.nr == XENO_VNET_ANY &&
	       !r->src_len && !r->dst_len && !r->proto && !r->states;
}

size_t netrules_place(const struct netrules *r)
{
	size_t at = r->len;

	for (size_t i = r->nr; i-- && refuses_all(&r->lines[i]);)
		at = r->lines[i].off;
	return at;
}

/* --- lists */

int net_iface_number(const struct net_iface *i, net_find_fn *find, void *data, uint32_t *nr)
{
	int domid;

	*nr = i->nr;
	if (!i->domain[0])
		return 0;
	domid = find(i->domain, data);
	if (domid >= 0)
		*nr = XENO_VNET_VIF(domid, i->nr);
	return domid < 0 ? -1 : 0;
}

static void compile_rule(const struct netrules *r, size_t i, uint32_t iface, uint32_t peer,
			 int copy_to, struct netlists *l)
{
	struct xeno_vnet_rule *to = &l->rules[l->nr_rules];

	*to = r->lines[i].u.rule;
	to->iface = iface;
	to->peer = peer;
	if (r->lines[i].copy[0] && copy_to >= 0) {
		to->flags |= XENO_VNETRF_COPY;
		to->copy_to = (uint16_t)copy_to;
	}
	l->rule_line[l->nr_rules++] = i;
}

static void compile_line(const struct netrules *r, size_t i, net_find_fn *find, void *data,
			 struct netlists *l)
{
	const struct netline *line = &r->lines[i];
	uint32_t iface, peer;

	if (net_iface_number(&line->iface, find, data, &iface))
		return;
	if (line->kind == NETLINE_NAT) {
		l->nats[l->nr_nats] = line->u.nat;
		l->nats[l->nr_nats].iface = iface;
		l->nat_line[l->nr_nats++] = i;
	} else if (line->kind == NETLINE_ROUTE) {
		l->routes[l->nr_routes] = line->u.route;
		l->routes[l->nr_routes].iface = iface;
		l->route_line[l->nr_routes++] = i;
	} else if (line->kind == NETLINE_RULE &&
		   !net_iface_number(&line->peer, find, data, &peer)) {
		compile_rule(r, i, iface, peer, line->copy[0] ? find(line->copy, data) : -1, l);
	}
}

int netrules_compile(const struct netrules *r, net_find_fn *find, void *data, struct netlists *l)
{
	*l = (struct netlists){ 0 };
	l->rules = calloc(r->nr + 1, sizeof(*l->rules));
	l->rule_line = calloc(r->nr + 1, sizeof(*l->rule_line));
	if (!l->rules || !l->rule_line) {
		netlists_free(l);
		return -1;
	}
	for (size_t i = 0; i < r->nr; i++)
		compile_line(r, i, find, data, l);
	return 0;
}

void netlists_free(struct netlists *l)
{
	free(l->rules);
	free(l->rule_line);
	l->rules = NULL;
	l->rule_line = NULL;
}

struct xeno_vnet_symmetry netrules_symmetry(const struct netrules *r, const char *domain,
					    uint32_t nr)
{
	struct xeno_vnet_symmetry s = { 0 };
	bool dom0 = !strcmp(domain, "dom0");

	for (size_t i = 0; i < r->nr; i++) {
		const struct net_iface *of = &r->lines[i].iface;

		if (r->lines[i].kind == NETLINE_SYMMETRY &&
		    (of->domain[0] ? !strcmp(of->domain, domain) && of->nr == nr : !dom0))
			s = r->lines[i].u.symmetry;
	}
	return s;
}

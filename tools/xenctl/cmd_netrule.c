// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl net rule, nat, forward, save: edits of the running text (nets.h). Each is a cut or an
 * insertion of whole lines; comments and other lines stay as they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_net.h"
#include "hyp.h"

/* --- counters */

int rule_stats_get(struct rule_stats *s)
{
	uint32_t nr_stats;
	void *p;
	int err;

	*s = (struct rule_stats){ 0 };
	err = hyp_vnet_list_get(XENO_VNET_LIST_RULES, sizeof(*s->rules), &p, &s->nr);
	if (err)
		return err;
	s->rules = p;
	err = hyp_vnet_list_get(XENO_VNET_LIST_STATS, sizeof(*s->stats), &p, &nr_stats);
	if (!err)
		s->stats = p;
	if (err || nr_stats < s->nr)
		s->nr = err ? 0 : nr_stats;
	if (err)
		rule_stats_free(s);
	return err;
}

const struct xeno_vnet_rule_stat *rule_stats_find(const struct rule_stats *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->nr; i++)
		if (s->rules[i].id == id)
			return &s->stats[i];
	return NULL;
}

void rule_stats_free(struct rule_stats *s)
{
	free(s->rules);
	free(s->stats);
	*s = (struct rule_stats){ 0 };
}

/* --- listing */

static void rule_json(const struct netline *l, const char *words,
		      const struct xeno_vnet_rule_stat *s)
{
	printf("{\"line\": %u, ", l->line);
	if (l->kind == NETLINE_RULE)
		printf("\"id\": %u, \"in_force\": %s, ", l->u.rule.id, s ? "true" : "false");
	if (l->kind == NETLINE_RULE && s)
		printf("\"packets\": %llu, \"bytes\": %llu, \"over\": %llu, ",
		       (unsigned long long)s->packets, (unsigned long long)s->bytes,
		       (unsigned long long)s->over);
	printf("\"text\": ");
	json_string(words);
	printf("}");
}

static void rule_text(const struct netline *l, const char *words,
		      const struct xeno_vnet_rule_stat *s)
{
	if (l->kind != NETLINE_RULE)
		printf("%5u %10s %10s %13s  %s\n", l->line, "", "", "", words);
	else if (s)
		printf("%5u %10u %10llu %13llu  %s\n", l->line, l->u.rule.id,
		       (unsigned long long)s->packets, (unsigned long long)s->bytes, words);
	else
		printf("%5u %10u %10s %13s  %s\n", l->line, l->u.rule.id, "-", "-", words);
}

/* Lines of the running text; nat: only translations. */
static int list_lines(bool json, bool nat)
{
	struct rule_stats stats;
	char words[NET_LINE_MAX];
	const char *sep = "";
	struct net_text t;
	int err;

	err = rule_stats_get(&stats);
	if (err)
		return net_error("list", "the rules", err);
	if (net_text_read(&t, NET_RULES, true))
		return EXIT_FAILURE;
	if (json)
		printf("[");
	else
		printf("%5s %10s %10s %13s  %s\n", "Line", "ID", "Packets", "Bytes", "Rule");
	for (size_t i = 0; i < t.rules.nr; i++) {
		const struct netline *l = &t.rules.lines[i];
		const struct xeno_vnet_rule_stat *s = NULL;

		if (nat && l->kind != NETLINE_NAT)
			continue;
		netline_words(&t.rules, l, words, sizeof(words));
		if (l->kind == NETLINE_RULE)
			s = rule_stats_find(&stats, l->u.rule.id);
		if (json)
			printf("%s\n  ", sep), rule_json(l, words, s);
		else
			rule_text(l, words, s);
		sep = ",";
	}
	if (json)
		printf("\n]\n");
	net_text_free(&t);
	rule_stats_free(&stats);
	return EXIT_SUCCESS;
}

/* --- edits */

struct edit {
	int lock;
	struct net_text t;
	char *text; /* the new one */
	size_t len;
};

static int edit_begin(struct edit *e, size_t more)
{
	e->lock = net_lock();
	if (e->lock < 0)
		return -1;
	if (net_text_read(&e->t, NET_RULES, true)) {
		net_unlock(e->lock);
		return -1;
	}
	e->len = e->t.rules.len;
	e->text = malloc(e->len + more + 2);
	if (!e->text)
		die("out of memory");
	memcpy(e->text, e->t.rules.text, e->len);
	return 0;
}

/* Puts the new text in place, or drops it. */
static int edit_end(struct edit *e, bool drop)
{
	int ret = drop ? -1 : net_replace(e->text, e->len, NET_RULES);

	free(e->text);
	net_text_free(&e->t);
	net_unlock(e->lock);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A line goes in at `at`, for which room was asked; returns where it is. */
static size_t insert_line(struct edit *e, size_t at, const char *line)
{
	size_t len = strlen(line);

	if (at == e->len && at && e->text[at - 1] != '\n') {
		e->text[at++] = '\n';
		e->len++;
	}
	memmove(e->text + at + len + 1, e->text + at, e->len - at);
	memcpy(e->text + at, line, len);
	e->text[at + len] = '\n';
	e->len += len + 1;
	return at;
}

/* Places in the text hold for the old one: cut from its end on. */
static void cut_line(struct edit *e, const struct netline *l)
{
	memmove(e->text + l->off, e->text + l->off + l->len, e->len - l->off - l->len);
	e->len -= l->len;
}

/* A line from the command line, alone. Dies when it is wrong. */
static void check_line(const char *line)
{
	char why[SPEC_ERR];
	struct netrules r;

	if (netrules_parse(&r, line, strlen(line), why))
		die("%s: column %s", line, why + 2); /* behind the "1:" */
	if (!r.nr)
		die("the rule is missing");
	netrules_free(&r);
}

static const struct netline *line_by_id(const struct netrules *r, const char *word)
{
	const struct netline *l = NULL;
	uint64_t id;

	if (spec_number(word, UINT32_MAX, &id))
		die("'%s' is not the id of a rule; see xenctl net rule list", word);
	l = netrules_by_id(r, (uint32_t)id);
	if (!l)
		die("no rule has the id %s; see xenctl net rule list", word);
	return l;
}

/* The id that the line at `at` of the new text has got; 0: it is no rule, or the text is wrong. */
static uint32_t id_at(const struct edit *e, size_t at)
{
	char why[SPEC_ERR];
	struct netrules r;
	uint32_t id = 0;

	if (!netrules_parse(&r, e->text, e->len, why))
		for (size_t i = 0; i < r.nr; i++)
			if (r.lines[i].kind == NETLINE_RULE && r.lines[i].off == at)
				id = r.lines[i].u.rule.id;
	netrules_free(&r);
	return id;
}

static int add_line_at(const char *line, const char *before, bool first)
{
	struct edit e;
	uint32_t id;
	size_t at;
	int ret;

	check_line(line);
	if (edit_begin(&e, strlen(line)))
		return EXIT_FAILURE;
	at = e.len;
	if (before)
		at = line_by_id(&e.t.rules, before)->off;
	else if (first)
		at = e.t.rules.nr ? e.t.rules.lines[0].off : 0;
	at = insert_line(&e, at, line);
	id = id_at(&e, at);
	ret = edit_end(&e, false);
	if (!ret && id)
		printf("rule %u\n", id);
	return ret;
}

static int del_line(const char *words)
{
	const struct netline *l;
	struct edit e;

	if (edit_begin(&e, 0))
		return EXIT_FAILURE;
	l = strchr(words, ' ') ? netrules_find(&e.t.rules, words) : line_by_id(&e.t.rules, words);
	if (l)
		cut_line(&e, l);
	else
		report("there is no rule '%s'; see xenctl net rule list", words);
	return edit_end(&e, !l);
}

/* --- rule */

static int rule_list(int argc, char **argv)
{
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	return argc == 1 ? list_lines(opts & OPT_JSON, false) : EXIT_USAGE;
}

static int rule_add(int argc, char **argv)
{
	bool first = argc > 1 && !strcmp(argv[1], "first");
	bool before = argc > 2 && !strcmp(argv[1], "before");
	char line[NET_LINE_MAX];

	if (argc < 3 + first + before)
		return EXIT_USAGE;
	net_join(line, argv + 1 + first + 2 * before);
	return add_line_at(line, before ? argv[2] : NULL, first);
}

static int rule_del(int argc, char **argv)
{
	char words[NET_LINE_MAX];

	if (argc < 2)
		return EXIT_USAGE;
	net_join(words, argv + 1);
	return del_line(words);
}

static int rule_load(int argc, char **argv)
{
	unsigned int check;
	struct net_text t;
	int lock, ret;

	argc = take_options(argc, argv, "n", &check);
	if (argc != 2)
		return EXIT_USAGE;
	if (net_text_read(&t, argv[1], false))
		return EXIT_FAILURE;
	if (check) {
		printf("%s: fine: %zu lines of rules\n", argv[1], t.rules.nr);
		net_text_free(&t);
		return EXIT_SUCCESS;
	}
	lock = net_lock();
	ret = lock < 0 ? -1 : net_replace(t.rules.text, t.rules.len, argv[1]);
	if (lock >= 0)
		net_unlock(lock);
	net_text_free(&t);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int net_rule(int argc, char **argv)
{
	static const struct {
		const char *name;
		command_fn *fn;
	} parts[] = {
		{ "list", rule_list },
		{ "add", rule_add },
		{ "del", rule_del },
		{ "load", rule_load },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && argc > 1; i++)
		if (!strcmp(argv[1], parts[i].name))
			return parts[i].fn(argc - 1, argv + 1);
	return EXIT_USAGE;
}

int net_save(int argc, char **argv __attribute__((unused)))
{
	struct net_text t;
	int lock, ret;

	if (argc != 1)
		return EXIT_USAGE;
	lock = net_lock();
	if (lock < 0)
		return EXIT_FAILURE;
	ret = net_text_read(&t, NET_RULES, false);
	if (!ret) {
		ret = net_write_file(NET_SAVED_RULES, t.rules.text, t.rules.len);
		net_text_free(&t);
	}
	net_unlock(lock);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- nat and forward */

int net_nat(int argc, char **argv)
{
	char line[NET_LINE_MAX];
	unsigned int opts;
	bool add;

	argc = take_options(argc, argv, "j", &opts);
	if (argc == 1)
		return list_lines(opts & OPT_JSON, true);
	if (argc < 3 || opts)
		return EXIT_USAGE;
	add = !strcmp(argv[1], "add");
	if (!add && strcmp(argv[1], "del"))
		return EXIT_USAGE;
	argv[1] = (char *)"nat";
	net_join(line, argv + 1);
	return add ? add_line_at(line, NULL, false) : del_line(line);
}

struct forward {
	const char *proto, *iface;
	uint16_t lo, hi, to_port;
	uint32_t to;
};

enum { F_NAT, F_IN, F_OUT, F_LINES };

/* The lines that one forward is made of. */
static void forward_lines(const struct forward *f, char line[F_LINES][NET_LINE_MAX])
{
	unsigned int last = f->to_port + (unsigned int)(f->hi - f->lo);
	char to[NET_ADDR_MAX], from[16], dport[16];

	net_addr_text(f->to, to);
	snprintf(from, sizeof(from), f->lo == f->hi ? "%u" : "%u-%u", f->lo, f->hi);
	snprintf(dport, sizeof(dport), f->lo == f->hi ? "%u" : "%u-%u", f->to_port, last);
	snprintf(line[F_NAT], NET_LINE_MAX, "nat forward %s on %s port %s to %s:%u", f->proto,
		 f->iface, from, to, f->to_port);
	snprintf(line[F_IN], NET_LINE_MAX, "accept in on %s proto %s to %s dport %s keep", f->iface,
		 f->proto, to, dport);
	snprintf(line[F_OUT], NET_LINE_MAX, "accept out on any peer %s proto %s to %s dport %s",
		 f->iface, f->proto, to, dport);
}

static void parse_range(const char *word, struct forward *f)
{
	uint64_t lo = 0, hi = 0;
	char copy[16], *dash;

	snprintf(copy, sizeof(copy), "%s", word);
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = 0;
	if (strlen(word) >= sizeof(copy) || spec_number(copy, 65535, &lo) || !lo ||
	    spec_number(dash ? dash : copy, 65535, &hi) || hi < lo)
		die("'%s' is not a port or a range of ports (8080, 8080-8090)", word);
	f->lo = (uint16_t)lo;
	f->hi = (uint16_t)hi;
}

/* ADDR or DOMAIN[.N], then [:PORT]. */
static void parse_target(const char *word, struct forward *f)
{
	char name[NET_NAME_MAX], *colon;
	struct xeno_ctl_vnet_info v;
	uint64_t port = f->lo;

	snprintf(name, sizeof(name), "%s", word);
	colon = strchr(name, ':');
	if (colon)
		*colon++ = 0;
	if (colon && (spec_number(colon, 65535, &port) || !port))
		die("'%s' is not a port", colon);
	f->to_port = (uint16_t)port;
	if (f->to_port + (f->hi - f->lo) > 65535)
		die("the range of ports of %s ends above 65535", name);
	if (!net_parse_addr(name, &f->to) && f->to)
		return;
	net_find_vif(name, &v);
	for (uint32_t i = 0; i < v.nr_addrs && !f->to; i++)
		f->to = v.addr[i].len == 32 ? v.addr[i].addr : 0;
	if (!f->to)
		die("%s has no address", name);
}

/* A line of the text that forwards one of the ports; NULL: there is none. */
static const struct netline *find_forward(const struct netrules *r, const struct forward *f)
{
	char iface[NET_NAME_MAX];

	for (size_t i = 0; i < r->nr; i++) {
		const struct netline *l = &r->lines[i];
		const struct xeno_vnet_nat *n = &l->u.nat;

		if (l->kind == NETLINE_NAT && n->kind == XENO_VNET_FORWARD && !n->addr &&
		    n->proto == net_proto_number(f->proto) && n->port_lo <= f->hi &&
		    f->lo <= n->port_hi &&
		    !strcmp(net_iface_text(l->iface.domain[0] ? l->iface.domain : NULL, l->iface.nr,
					   iface),
			    f->iface))
			return l;
	}
	return NULL;
}

static int forward_add(const struct forward *f)
{
	char line[F_LINES][NET_LINE_MAX];
	const struct netline *old;
	struct edit e;

	forward_lines(f, line);
	for (unsigned int i = 0; i < F_LINES; i++)
		check_line(line[i]);
	if (edit_begin(&e, sizeof(line)))
		return EXIT_FAILURE;
	old = find_forward(&e.t.rules, f);
	if (old) {
		report("%s port %u%s is forwarded by line %u already", f->proto, f->lo,
		       f->lo == f->hi ? "" : " or one behind it", old->line);
		return edit_end(&e, true);
	}
	for (unsigned int i = F_LINES; i--;)
		insert_line(&e, netrules_place(&e.t.rules), line[i]);
	return edit_end(&e, false);
}

static int forward_del(struct forward *f)
{
	char line[F_LINES][NET_LINE_MAX];
	const struct netline *l;
	struct edit e;

	if (edit_begin(&e, 0))
		return EXIT_FAILURE;
	l = find_forward(&e.t.rules, f);
	if (!l) {
		report("%s port %u is not forwarded on %s; see xenctl net forward", f->proto, f->lo,
		       f->iface);
		return edit_end(&e, true);
	}
	f->lo = l->u.nat.port_lo;
	f->hi = l->u.nat.port_hi;
	f->to = l->u.nat.to;
	f->to_port = l->u.nat.to_port;
	forward_lines(f, line);
	for (size_t i = e.t.rules.nr; i--;) {
		const struct netline *at = &e.t.rules.lines[i];
		char words[NET_LINE_MAX];

		netline_words(&e.t.rules, at, words, sizeof(words));
		if (at == l || !strcmp(words, line[F_IN]) || !strcmp(words, line[F_OUT]))
			cut_line(&e, at);
	}
	return edit_end(&e, false);
}

/* "on nic0", "port 8080-8089", "to demo1:80", in any order. False: something else. */
static bool parse_forward(char **words, struct forward *f, const char **to)
{
	const char *port = NULL;

	for (; *words; words += 2) {
		if (!words[1])
			return false;
		if (!strcmp(words[0], "on"))
			f->iface = words[1];
		else if (!strcmp(words[0], "port"))
			port = words[1];
		else if (!strcmp(words[0], "to"))
			*to = words[1];
		else
			return false;
	}
	if (port)
		parse_range(port, f);
	return port;
}

int net_forward(int argc, char **argv)
{
	struct forward f = { .iface = "nic0" };
	bool del = argc > 1 && !strcmp(argv[1], "del");
	const char *to = NULL;
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	if (argc == 1)
		return list_lines(opts & OPT_JSON, true);
	argv += del;
	argc -= del;
	if (opts || argc < 2)
		return EXIT_USAGE;
	f.proto = argv[1];
	if (strcmp(f.proto, "tcp") && strcmp(f.proto, "udp"))
		die("'%s' is neither tcp nor udp", f.proto);
	if (!parse_forward(argv + 2, &f, &to) || del == !!to)
		return EXIT_USAGE;
	if (del)
		return forward_del(&f);
	parse_target(to, &f);
	return forward_add(&f);
}

// SPDX-License-Identifier: GPL-2.0-only
/* xenctl net explain: what would become of a packet, in words, and which lines of the rules say so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_net.h"
#include "hyp.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define ECHO_REQUEST 8

/* ADDR[:PORT]; true: with a port. */
static bool parse_end(const char *word, uint32_t *addr, uint16_t *port)
{
	char copy[32], *colon;
	uint64_t n = 0;

	snprintf(copy, sizeof(copy), "%s", word);
	colon = strchr(copy, ':');
	if (colon)
		*colon++ = 0;
	if (strlen(word) >= sizeof(copy) || net_parse_addr(copy, addr) ||
	    (colon && spec_number(colon, 65535, &n)))
		die("'%s' is not ADDRESS or ADDRESS:PORT", word);
	*port = (uint16_t)n;
	return colon;
}

static bool has_ports(const struct xeno_ctl_vnet_explain *e)
{
	return e->proto == PROTO_TCP || e->proto == PROTO_UDP;
}

static void print_end(const struct xeno_ctl_vnet_explain *e, uint32_t addr, uint16_t port)
{
	char text[NET_ADDR_MAX];

	printf("%s", net_addr_text(addr, text));
	if (has_ports(e))
		printf(":%u", port);
}

static const char *state_text(uint8_t state)
{
	return state & XENO_VNET_NEW	     ? "could begin a connection" :
	       state & XENO_VNET_ESTABLISHED ? "belongs to a connection" :
	       state & XENO_VNET_RELATED     ? "is an error about a connection" :
					       "belongs to no connection";
}

/* The words of the rule with this id, "?" when the text has changed meanwhile. */
static const char *rule_words(const struct netrules *r, uint32_t id, unsigned int *line,
			      char words[NET_LINE_MAX])
{
	const struct netline *l = netrules_by_id(r, id);

	strcpy(words, "?");
	*line = l ? l->line : 0;
	return l ? netline_words(r, l, words, NET_LINE_MAX) : words;
}

static void show_rule(const struct netrules *r, const char *dir, uint32_t iface, uint32_t id)
{
	static const char *const verbs[] = { "drops", "accepts", "rejects" };
	const struct netline *l = netrules_by_id(r, id);
	char words[NET_LINE_MAX], name[NET_NAME_MAX];
	unsigned int line;

	printf("%s %s: ", dir, net_iface_name(iface, name));
	if (id == XENO_VNET_ANY) {
		printf("no rule is for it, so it is dropped\n");
		return;
	}
	rule_words(r, id, &line, words);
	printf("rule %u (line %u) %s it: %s\n", id, line, l ? verbs[l->u.rule.action] : "takes",
	       words);
}

static void show_translation(const struct xeno_ctl_vnet_explain *e)
{
	char addr[NET_ADDR_MAX];

	if (e->new_dst && (e->new_dst != e->dst || (has_ports(e) && e->new_dport != e->dport))) {
		printf("Translation: the receiver becomes ");
		print_end(e, e->new_dst, e->new_dport);
		printf("\n");
	}
	if (e->new_src && e->new_src != e->src)
		printf("Translation: the sender becomes %s%s\n", net_addr_text(e->new_src, addr),
		       has_ports(e) && !e->new_sport ? ", with a port that is free" : "");
}

static void show_route(const struct xeno_ctl_vnet_explain *e)
{
	char name[NET_NAME_MAX], addr[NET_ADDR_MAX];

	if (e->out == XENO_VNET_ANY) {
		printf("Route: none\n");
		return;
	}
	printf("Route: through %s", net_iface_name(e->out, name));
	if (e->out & XENO_VNET_NIC(0) && e->next_hop)
		printf(" to %s", net_addr_text(e->next_hop, addr));
	printf("\n");
}

static void show_text(const struct xeno_ctl_vnet_explain *e, const struct netrules *r)
{
	static const char *const ends[] = { "It is dropped", "It passes", "It is rejected" };
	char proto[8], name[NET_NAME_MAX];
	bool asked_out = e->out != XENO_VNET_ANY && e->rule_in != XENO_VNET_ANY;

	printf("%s packet from %s, ", net_proto_text(e->proto, proto),
	       net_iface_name(e->iface, name));
	print_end(e, e->src, e->sport);
	printf(" to ");
	print_end(e, e->dst, e->dport);
	printf(", %s\n", state_text(e->state));
	show_translation(e);
	show_route(e);
	if (e->out != XENO_VNET_ANY || e->rule_in != XENO_VNET_ANY)
		show_rule(r, "In from", e->iface, e->rule_in);
	if (asked_out && (e->action == XENO_VNET_ACCEPT || e->rule_out != XENO_VNET_ANY ||
			  netrules_by_id(r, e->rule_in)))
		show_rule(r, "Out through", e->out, e->rule_out);
	printf("%s", e->action < XENO_VNET_NR_ACTIONS ? ends[e->action] : "?");
	printf(strcmp(e->why, "ok") ? ": %.48s\n" : "\n", e->why);
}

static void json_rule(const struct netrules *r, const char *name, uint32_t id)
{
	char words[NET_LINE_MAX];
	unsigned int line;

	printf(", \"%s\": ", name);
	if (id == XENO_VNET_ANY) {
		printf("null");
		return;
	}
	rule_words(r, id, &line, words);
	printf("{\"id\": %u, \"line\": %u, \"text\": ", id, line);
	json_string(words);
	printf("}");
}

static void show_json(const struct xeno_ctl_vnet_explain *e, const struct netrules *r)
{
	static const char *const actions[] = { "drop", "accept", "reject" };
	char name[NET_NAME_MAX], addr[NET_ADDR_MAX];

	printf("{\"action\": \"%s\", \"why\": ",
	       e->action < XENO_VNET_NR_ACTIONS ? actions[e->action] : "?");
	json_string(e->why);
	printf(", \"out\": ");
	if (e->out == XENO_VNET_ANY)
		printf("null");
	else
		json_string(net_iface_name(e->out, name));
	printf(", \"state\": %u, \"next_hop\": \"%s\"", e->state, net_addr_text(e->next_hop, addr));
	printf(", \"new_src\": \"%s\", \"new_sport\": %u", net_addr_text(e->new_src, addr),
	       e->new_sport);
	printf(", \"new_dst\": \"%s\", \"new_dport\": %u", net_addr_text(e->new_dst, addr),
	       e->new_dport);
	json_rule(r, "rule_in", e->rule_in);
	json_rule(r, "rule_out", e->rule_out);
	printf("}\n");
}

int net_explain(int argc, char **argv)
{
	struct xeno_ctl_vnet_explain e = { 0 };
	bool ports, dports;
	struct net_text t;
	unsigned int opts;
	int proto, err;

	argc = take_options(argc, argv, "j", &opts);
	if (argc < 4 || argc > 5)
		return EXIT_USAGE;
	ports = parse_end(argv[2], &e.src, &e.sport);
	dports = parse_end(argv[3], &e.dst, &e.dport);
	ports |= dports;
	proto = argc == 5 ? net_proto_number(argv[4]) : ports ? PROTO_TCP : PROTO_ICMP;
	if (proto < 0)
		die("'%s' is not a protocol: tcp, udp, icmp or 1 to 255", argv[4]);
	e.proto = (uint8_t)proto;
	if (ports && !has_ports(&e))
		die("%s has no ports", argv[4]);
	if (proto == PROTO_ICMP)
		e.dport = ECHO_REQUEST << 8;
	e.iface = net_iface_named(argv[1]);
	err = hyp_vnet_explain(&e);
	if (err == -ENODEV)
		die("there is no interface %s; see xenctl net list", argv[1]);
	if (err)
		return net_error("explain", "that", err);
	if (net_text_read(&t, NET_RULES, true))
		return EXIT_FAILURE;
	(opts & OPT_JSON ? show_json : show_text)(&e, &t.rules);
	net_text_free(&t);
	return EXIT_SUCCESS;
}

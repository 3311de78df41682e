// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl net log, stats, connections, refusals, capture: what the hypervisor counts, keeps and
 * tells. The log takes events out of the hypervisor's ring: each is shown to one reader.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd_net.h"
#include "hyp.h"

#define POLL_US 100000

/* --- words for packets */

#define END_MAX 32 /* "10.0.0.5:65535" */

static const char *end_text(uint32_t addr, uint16_t port, uint8_t proto, char buf[END_MAX])
{
	bool ports = proto == 6 || proto == 17;

	net_addr_text(addr, buf);
	if (ports)
		snprintf(buf + strlen(buf), END_MAX - strlen(buf), ":%u", port);
	return buf;
}

static const char *tcp_flags_text(uint8_t flags, char buf[40])
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	size_t len = 0;

	buf[0] = 0;
	for (unsigned int i = 0; i < 8; i++)
		if (flags & 1u << i)
			len += (size_t)snprintf(buf + len, 40 - len, "%s%s", len ? "," : "",
						names[i]);
	return buf;
}

static const char *state_text(uint8_t state)
{
	static const struct {
		uint8_t state;
		const char *name;
	} names[] = {
		{ XENO_VNET_NEW, "new" },
		{ XENO_VNET_ESTABLISHED, "established" },
		{ XENO_VNET_RELATED, "related" },
		{ XENO_VNET_INVALID, "invalid" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].state == state)
			return names[i].name;
	return "-";
}

static const char *action_text(uint8_t action)
{
	static const char *const names[] = { "dropped", "accepted", "rejected" };

	return action < XENO_VNET_NR_ACTIONS ? names[action] : "?";
}

/* --- log */

static const char *const event_kinds[] = { "log", "trigger", "symmetry", "refused" };

static const char *event_kind(const struct xeno_vnet_event *e)
{
	return e->kind < sizeof(event_kinds) / sizeof(event_kinds[0]) ? event_kinds[e->kind] : "?";
}

/* The reason of a refusal, as the hypervisor names it. */
static const char *reason_text(uint32_t reason, char buf[64])
{
	struct xeno_ctl_vnet_refusals r;

	if (hyp_vnet_refusals(XENO_VNET_ANY, reason, &r))
		snprintf(buf, 64, "reason %u", reason);
	else
		snprintf(buf, 64, "%.48s", r.name);
	return buf;
}

static void log_text(const struct xeno_vnet_event *e)
{
	char in[NET_NAME_MAX], out[NET_NAME_MAX], src[END_MAX], dst[END_MAX], proto[8], flags[40];
	char reason[64];

	printf("[%5llu.%06llu] %s: %s -> %s, %s %s -> %s",
	       (unsigned long long)e->time_ns / 1000000000,
	       (unsigned long long)e->time_ns % 1000000000 / 1000, event_kind(e),
	       net_iface_name(e->in, in),
	       e->out == XENO_VNET_ANY ? "?" : net_iface_name(e->out, out),
	       net_proto_text(e->proto, proto), end_text(e->src, e->sport, e->proto, src),
	       end_text(e->dst, e->dport, e->proto, dst));
	if (e->proto == 1)
		printf(" type %u code %u", e->dport >> 8, e->dport & 255);
	if (e->proto == 6)
		printf(" [%s]", tcp_flags_text(e->tcp_flags, flags));
	printf(", %u bytes, ", e->len);
	if (e->kind == XENO_VNET_EV_REFUSED)
		printf("%s\n", reason_text(e->rule, reason));
	else if (e->kind == XENO_VNET_EV_SYMMETRY)
		printf("%s\n", action_text(e->action));
	else
		printf("%s, %s by rule %u\n", state_text(e->state), action_text(e->action),
		       e->rule);
}

static void log_json(const struct xeno_vnet_event *e)
{
	char in[NET_NAME_MAX], out[NET_NAME_MAX], src[NET_ADDR_MAX], dst[NET_ADDR_MAX], proto[8];
	char reason[64];

	printf("{\"time_ns\": %llu, \"kind\": \"%s\", \"in\": \"%s\", \"out\": ",
	       (unsigned long long)e->time_ns, event_kind(e), net_iface_name(e->in, in));
	if (e->out == XENO_VNET_ANY)
		printf("null");
	else
		json_string(net_iface_name(e->out, out));
	printf(", \"proto\": \"%s\", \"src\": \"%s\", \"dst\": \"%s\", \"sport\": %u, "
	       "\"dport\": %u, \"tcp_flags\": %u, \"len\": %u, \"state\": \"%s\", "
	       "\"action\": \"%s\", ",
	       net_proto_text(e->proto, proto), net_addr_text(e->src, src),
	       net_addr_text(e->dst, dst), e->sport, e->dport, e->tcp_flags, e->len,
	       state_text(e->state), action_text(e->action));
	if (e->kind == XENO_VNET_EV_REFUSED) {
		printf("\"reason\": ");
		json_string(reason_text(e->rule, reason));
		printf("}\n");
	} else {
		printf("\"rule\": %u}\n", e->rule);
	}
}

/* What there is now. Events shown, or -Exxx. */
static int log_events(bool json)
{
	struct xeno_vnet_event events[HYP_VNET_EVENTS];
	int shown = 0;

	for (;;) {
		uint32_t nr = HYP_VNET_EVENTS;
		uint64_t lost;
		int err = hyp_vnet_events(events, &nr, &lost);

		if (err)
			return err;
		if (lost)
			report("%llu events are lost: there was no room for them",
			       (unsigned long long)lost);
		for (uint32_t i = 0; i < nr; i++)
			json ? log_json(&events[i]) : log_text(&events[i]);
		shown += (int)nr;
		if (nr < HYP_VNET_EVENTS)
			return shown;
	}
}

int net_log(int argc, char **argv)
{
	unsigned int opts;
	int ret;

	argc = take_options(argc, argv, "fj", &opts);
	if (argc != 1)
		return EXIT_USAGE;
	while ((ret = log_events(opts & OPT_JSON)) >= 0 && opts & 1) {
		if (fflush(stdout))
			return EXIT_FAILURE;
		usleep(POLL_US);
	}
	return ret < 0 ? net_error("read", "the events", ret) : EXIT_SUCCESS;
}

/* --- stats */

struct stats_out {
	bool json;
	const char *sep;
};

static void stats_row(const struct net_row *r, void *data)
{
	const struct xeno_vnet_stats *s = r->stats;
	struct stats_out *o = data;
	const char *form = o->json ? "%s\n    {\"interface\": \"%s\", \"sent_packets\": %llu, "
				     "\"sent_bytes\": %llu, \"recv_packets\": %llu, "
				     "\"recv_bytes\": %llu, \"refused\": %llu, \"lost\": %llu, "
				     "\"held\": %llu}" :
				     "%s%-14s %10llu %13llu %10llu %13llu %9llu %9llu %9llu\n";

	printf(form, o->json ? o->sep : "", r->name, (unsigned long long)s->sent_packets,
	       (unsigned long long)s->sent_bytes, (unsigned long long)s->recv_packets,
	       (unsigned long long)s->recv_bytes, (unsigned long long)s->refused,
	       (unsigned long long)s->lost, (unsigned long long)s->held);
	o->sep = ",";
}

static void stats_rules(const struct rule_stats *s, const struct net_text *t, bool json)
{
	for (uint32_t i = 0; i < s->nr; i++) {
		const struct netline *l = netrules_by_id(&t->rules, s->rules[i].id);
		const struct xeno_vnet_rule_stat *c = &s->stats[i];
		char words[NET_LINE_MAX] = "?";

		if (l)
			netline_words(&t->rules, l, words, sizeof(words));
		printf(json ? "%s\n    {\"id\": %u, \"packets\": %llu, \"bytes\": %llu, "
			      "\"over\": %llu, \"text\": " :
			      "%s%10u %10llu %13llu %9llu  ",
		       json && i ? "," : "", s->rules[i].id, (unsigned long long)c->packets,
		       (unsigned long long)c->bytes, (unsigned long long)c->over);
		if (json)
			json_string(words), printf("}");
		else
			printf("%s\n", words);
	}
}

int net_stats(int argc, char **argv)
{
	struct stats_out o = { .sep = "" };
	struct rule_stats s;
	struct net_text t;
	unsigned int opts;
	int err;

	argc = take_options(argc, argv, "j", &opts);
	if (argc != 1)
		return EXIT_USAGE;
	o.json = opts & OPT_JSON;
	err = rule_stats_get(&s);
	if (err)
		return net_error("read", "the counters", err);
	if (net_text_read(&t, NET_RULES, true))
		return EXIT_FAILURE;
	if (o.json)
		printf("{\"interfaces\": [");
	else
		printf("%-14s %10s %13s %10s %13s %9s %9s %9s\n", "Interface", "Sent", "Bytes",
		       "Received", "Bytes", "Refused", "Lost", "Held");
	net_each_row(stats_row, &o);
	printf(o.json ? "\n  ],\n  \"rules\": [" : "\n%10s %10s %13s %9s  %s\n", "Rule", "Packets",
	       "Bytes", "Over", "");
	stats_rules(&s, &t, o.json);
	printf(o.json ? "\n  ]\n}\n" : "\n   Refused  Why\n");
	if (!o.json)
		net_refusals_text(XENO_VNET_ANY, "", false);
	net_text_free(&t);
	rule_stats_free(&s);
	return EXIT_SUCCESS;
}

/* --- connections */

static void conn_text(const struct xeno_vnet_conn *c)
{
	char proto[8], a[END_MAX], b[END_MAX], ra[END_MAX], rb[END_MAX];

	printf("%-5s %-21s %-21s %-21s %-21s %-12.20s %7.1f %10llu %10llu%s\n",
	       net_proto_text(c->proto, proto), end_text(c->src, c->sport, c->proto, a),
	       end_text(c->dst, c->dport, c->proto, b),
	       end_text(c->reply_src, c->reply_sport, c->proto, ra),
	       end_text(c->reply_dst, c->reply_dport, c->proto, rb), c->phase,
	       c->expires_ms / 1000.0, (unsigned long long)c->bytes[0],
	       (unsigned long long)c->bytes[1], c->assured ? "" : "  unanswered");
}

static void conn_json(const struct xeno_vnet_conn *c)
{
	char proto[8], a[END_MAX], b[END_MAX], ra[END_MAX], rb[END_MAX], in[NET_NAME_MAX],
		out[NET_NAME_MAX];

	printf("{\"proto\": \"%s\", \"src\": \"%s\", \"dst\": \"%s\", \"sport\": %u, \"dport\": %u, "
	       "\"reply_src\": \"%s\", \"reply_dst\": \"%s\", \"reply_sport\": %u, "
	       "\"reply_dport\": %u, ",
	       net_proto_text(c->proto, proto), net_addr_text(c->src, a), net_addr_text(c->dst, b),
	       c->sport, c->dport, net_addr_text(c->reply_src, ra), net_addr_text(c->reply_dst, rb),
	       c->reply_sport, c->reply_dport);
	printf("\"interface\": \"%s\", \"reply_interface\": \"%s\", \"rule\": %u, "
	       "\"expires_ms\": %u, \"packets\": [%llu, %llu], \"bytes\": [%llu, %llu], "
	       "\"assured\": %s, \"phase\": \"%.20s\"}",
	       net_iface_name(c->iface, in), net_iface_name(c->reply_iface, out), c->rule,
	       c->expires_ms, (unsigned long long)c->packets[0], (unsigned long long)c->packets[1],
	       (unsigned long long)c->bytes[0], (unsigned long long)c->bytes[1],
	       c->assured ? "true" : "false", c->phase);
}

int net_connections(int argc, char **argv)
{
	struct xeno_vnet_conn *c;
	unsigned int opts;
	uint32_t nr;
	void *p;
	int err;

	argc = take_options(argc, argv, "j", &opts);
	if (argc != 1)
		return EXIT_USAGE;
	err = hyp_vnet_list_get(XENO_VNET_LIST_CONNS, sizeof(*c), &p, &nr);
	if (err)
		return net_error("list", "the connections", err);
	c = p;
	if (opts & OPT_JSON)
		printf("[");
	else
		printf("%-5s %-21s %-21s %-21s %-21s %-12s %7s %10s %10s\n", "Proto", "From", "To",
		       "Answers from", "Answers to", "Phase", "Expires", "Sent", "Answered");
	for (uint32_t i = 0; i < nr; i++) {
		if (opts & OPT_JSON)
			printf("%s\n  ", i ? "," : ""), conn_json(&c[i]);
		else
			conn_text(&c[i]);
	}
	if (opts & OPT_JSON)
		printf("\n]\n");
	free(p);
	return EXIT_SUCCESS;
}

/* --- refusals */

int net_refusals_text(uint32_t iface, const char *indent, bool all)
{
	struct xeno_ctl_vnet_refusals r;
	int err;

	for (uint32_t reason = 1; !(err = hyp_vnet_refusals(iface, reason, &r)); reason++)
		if (r.frames || all)
			printf("%s%10llu  %.48s\n", indent, (unsigned long long)r.frames, r.name);
	return err == -ENOENT ? 0 : err;
}

static int refusals_json(uint32_t iface)
{
	struct xeno_ctl_vnet_refusals r;
	int err;

	printf("[");
	for (uint32_t reason = 1; !(err = hyp_vnet_refusals(iface, reason, &r)); reason++) {
		printf("%s\n  {\"reason\": ", reason > 1 ? "," : "");
		json_string(r.name);
		printf(", \"frames\": %llu}", (unsigned long long)r.frames);
	}
	printf("\n]\n");
	return err == -ENOENT ? 0 : err;
}

int net_refusals(int argc, char **argv)
{
	uint32_t iface = XENO_VNET_ANY;
	unsigned int opts;
	int err;

	argc = take_options(argc, argv, "aj", &opts);
	if (argc > 2 || argc < 1)
		return EXIT_USAGE;
	if (argc == 2)
		iface = net_iface_named(argv[1]);
	err = opts & OPT_JSON ? refusals_json(iface) : net_refusals_text(iface, "", opts & 1);
	return err ? net_error("read", "the refusals", err) : EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl net: the table of its parts, and net list, net show; network-attach, network-detach,
 * network-list with xl's arguments.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <public/io/blkif.h>

#include "cmd_net.h"
#include "hyp.h"

/* --- shared */

const char *net_vif_state(const struct xeno_ctl_vnet_info *v)
{
	static const char *const names[] = {
		[XenbusStateInitialising] = "starting", [XenbusStateInitWait] = "waiting",
		[XenbusStateInitialised] = "starting",	[XenbusStateConnected] = "connected",
		[XenbusStateClosing] = "closing",	[XenbusStateClosed] = "closed",
	};

	return v->state < sizeof(names) / sizeof(names[0]) && names[v->state] ? names[v->state] :
										"unknown";
}

struct walk {
	void (*fn)(const struct net_row *r, void *data);
	void *data;
};

static void walk_domain(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	struct xeno_ctl_vnet_info v;
	struct walk *w = data;

	for (uint32_t h = 0; !hyp_vnet_info(domid, h, &v); h = v.handle + 1) {
		struct net_row r = { .iface = XENO_VNET_VIF(domid, v.handle),
				     .vif = &v,
				     .stats = &v.stats };

		net_iface_text(net_domain_name(domid, info), v.handle, r.name);
		w->fn(&r, w->data);
	}
}

void net_each_row(void (*fn)(const struct net_row *, void *), void *data)
{
	struct walk w = { fn, data };
	struct xeno_ctl_vnet_nic nic;
	int err;

	for (uint32_t nr = 0; !(err = hyp_vnet_nic_info(nr, &nic)); nr = nic.nic + 1) {
		struct net_row r = { .iface = XENO_VNET_NIC(nic.nic),
				     .nic = &nic,
				     .stats = &nic.stats };

		net_iface_text(NULL, r.iface, r.name);
		fn(&r, data);
	}
	if (err != -ENOENT)
		exit(net_error("list", "the interfaces", err));
	each_domain(walk_domain, &w);
}

const char *net_addrs_text(const struct net_row *r, char buf[NET_ADDRS_MAX])
{
	char addr[NET_ADDR_MAX];
	size_t len = 0;

	strcpy(buf, "-");
	if (r->nic && r->nic->addr)
		return net_addr_text(r->nic->addr, buf);
	for (uint32_t i = 0; r->vif && i < r->vif->nr_addrs; i++) {
		const struct xeno_vnet_prefix *p = &r->vif->addr[i];

		len += (size_t)snprintf(buf + len, NET_ADDRS_MAX - len, "%s%s", len ? " " : "",
					net_prefix_text(p->addr, p->len, addr));
	}
	return buf;
}

void net_join(char line[NET_LINE_MAX], char **words)
{
	size_t len = 0;

	line[0] = 0;
	for (; *words; words++) {
		len += (size_t)snprintf(line + len, NET_LINE_MAX - len, "%s%s", len ? " " : "",
					*words);
		if (len >= NET_LINE_MAX)
			die("the rule is longer than %d characters", NET_LINE_MAX - 1);
	}
	if (strpbrk(line, "\n\\#"))
		die("a rule on the command line is one line without # and \\");
}

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = { { "icmp", 1 }, { "tcp", 6 }, { "udp", 17 } };

const char *net_proto_text(uint8_t proto, char buf[8])
{
	snprintf(buf, 8, "%u", proto);
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (protos[i].proto == proto)
			strcpy(buf, protos[i].name);
	return buf;
}

int net_proto_number(const char *word)
{
	uint64_t n;

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (!strcmp(protos[i].name, word))
			return protos[i].proto;
	return spec_number(word, 255, &n) || !n ? -1 : (int)n;
}

/* --- list */

static const char *row_state(const struct net_row *r)
{
	if (r->vif)
		return net_vif_state(r->vif);
	if (r->nic->flags & XENO_VNET_NICF_DEAD)
		return "dead";
	return r->nic->flags & XENO_VNET_NICF_LINK ? "up" : "no link";
}

static const uint8_t *row_mac(const struct net_row *r)
{
	return r->vif ? r->vif->mac : r->nic->mac;
}

static void list_heading(void)
{
	printf("%-14s %-17s %-9s %-10s %10s %13s %10s %13s  %s\n", "Interface", "MAC", "State",
	       "Limit", "Sent", "Bytes", "Received", "Bytes", "Addresses");
}

static void list_line(const struct net_row *r, void *data __attribute__((unused)))
{
	char mac[NET_MAC_MAX], rate[24], addrs[NET_ADDRS_MAX];
	const struct xeno_vnet_stats *s = r->stats;

	printf("%-14s %-17s %-9s %-10s %10llu %13llu %10llu %13llu  %s\n", r->name,
	       net_mac_text(row_mac(r), mac), row_state(r),
	       net_rate_text(r->vif ? r->vif->bytes_limit : 0, rate),
	       (unsigned long long)s->sent_packets, (unsigned long long)s->sent_bytes,
	       (unsigned long long)s->recv_packets, (unsigned long long)s->recv_bytes,
	       net_addrs_text(r, addrs));
}

struct number {
	const char *name;
	uint64_t n;
};

static void json_numbers(const struct number *n, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		printf(", \"%s\": %llu", n[i].name, (unsigned long long)n[i].n);
}

static void json_stats(const struct xeno_vnet_stats *s)
{
	const struct number numbers[] = {
		{ "sent_packets", s->sent_packets },
		{ "sent_bytes", s->sent_bytes },
		{ "recv_packets", s->recv_packets },
		{ "recv_bytes", s->recv_bytes },
		{ "refused", s->refused },
		{ "lost", s->lost },
		{ "held", s->held },
	};

	json_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static void json_flags(const struct number *f, size_t nr, uint32_t flags)
{
	for (size_t i = 0; i < nr; i++)
		printf(", \"%s\": %s", f[i].name, flags & f[i].n ? "true" : "false");
}

static void json_vif(const struct xeno_ctl_vnet_info *v, uint32_t iface)
{
	const struct number numbers[] = {
		{ "domain", iface >> 8 },
		{ "handle", v->handle },
		{ "rate", v->bytes_limit },
		{ "packets_limit", v->packets_limit },
		{ "hold_packets", v->hold_packets },
		{ "hold_ns", v->hold_ns },
		{ "connections", v->conns_now },
		{ "connections_limit", v->conns },
		{ "symmetry_ratio", v->symmetry.ratio },
		{ "in_flight", v->in_flight },
	};
	static const struct number flags[] = {
		{ "dhcp", XENO_VNETF_DHCP },
		{ "server", XENO_VNETF_SERVER },
		{ "uplink", XENO_VNETF_UPLINK },
	};
	char addr[NET_ADDR_MAX];

	printf(", \"gateway\": \"%s\", \"label\": ", net_addr_text(v->gateway, addr));
	json_string(v->label);
	json_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]));
	json_flags(flags, sizeof(flags) / sizeof(flags[0]), v->flags);
}

static void json_nic(const struct xeno_ctl_vnet_nic *n)
{
	const struct number numbers[] = {
		{ "nic", n->nic },
		{ "errors", n->errors },
		{ "timeouts", n->timeouts },
		{ "resets", n->resets },
	};
	static const struct number flags[] = {
		{ "link", XENO_VNET_NICF_LINK },
		{ "dead", XENO_VNET_NICF_DEAD },
		{ "csum", XENO_VNET_NICF_CSUM },
		{ "tso", XENO_VNET_NICF_TSO },
	};

	printf(", \"driver\": ");
	json_string(n->driver);
	printf(", \"where\": ");
	json_string(n->where);
	json_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]));
	json_flags(flags, sizeof(flags) / sizeof(flags[0]), n->flags);
}

static void json_addrs(const struct net_row *r)
{
	char addr[NET_ADDR_MAX];

	printf("[");
	if (r->nic && r->nic->addr)
		printf("\"%s\"", net_addr_text(r->nic->addr, addr));
	for (uint32_t i = 0; r->vif && i < r->vif->nr_addrs; i++)
		printf("%s\"%s\"", i ? ", " : "",
		       net_prefix_text(r->vif->addr[i].addr, r->vif->addr[i].len, addr));
	printf("]");
}

static void list_json(const struct net_row *r, void *data)
{
	const char **sep = data;
	char mac[NET_MAC_MAX];

	printf("%s\n  {\"interface\": \"%s\", \"mac\": \"%s\", \"state\": \"%s\", \"addresses\": ",
	       *sep, r->name, net_mac_text(row_mac(r), mac), row_state(r));
	*sep = ",";
	json_addrs(r);
	if (r->vif)
		json_vif(r->vif, r->iface);
	else
		json_nic(r->nic);
	json_stats(r->stats);
	printf("}");
}

struct only { /* one domain's rows */
	uint32_t domid;
	void (*fn)(const struct net_row *r, void *data);
	void *data;
};

static void only_domain(const struct net_row *r, void *data)
{
	struct only *o = data;

	if (r->vif && r->iface >> 8 == o->domid)
		o->fn(r, o->data);
}

/* domain NULL: all. */
static int list(const char *domain, bool json)
{
	struct only o = { .fn = json ? list_json : list_line };
	struct xeno_ctl_vnet_nic nic;
	struct xeno_ctl_info info;
	const char *sep = "";
	int err;

	o.data = &sep;
	if (domain)
		o.domid = find_domain(domain, &info);
	err = hyp_vnet_nic_info(0, &nic);
	if (err && err != -ENOENT) /* no heading without a network */
		return net_error("list", "the interfaces", err);
	if (json)
		printf("[");
	else
		list_heading();
	net_each_row(domain ? only_domain : o.fn, domain ? (void *)&o : o.data);
	if (json)
		printf("\n]\n");
	return EXIT_SUCCESS;
}

int net_list(int argc, char **argv)
{
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	return argc == 1 ? list(NULL, opts & OPT_JSON) : EXIT_USAGE;
}

int cmd_network_list(int argc, char **argv)
{
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	return argc == 2 ? list(argv[1], opts & OPT_JSON) : EXIT_USAGE;
}

/* --- show */

struct shown {
	uint32_t iface;
	bool json, found;
};

static void show_vif(const struct xeno_ctl_vnet_info *v)
{
	static const struct number flags[] = {
		{ "may ask for its address by DHCP", XENO_VNETF_DHCP },
		{ "serves DHCP", XENO_VNETF_SERVER },
		{ "uplink of domain 0", XENO_VNETF_UPLINK },
	};
	char addr[NET_ADDR_MAX];

	printf("  gateway       %s\n", v->gateway ? net_addr_text(v->gateway, addr) : "-");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (v->flags & flags[i].n)
			printf("  %s\n", flags[i].name);
	if (v->packets_limit)
		printf("  limit         %llu packets/s\n", (unsigned long long)v->packets_limit);
	if (v->hold_packets)
		printf("  hold-off      %u packets or %u ns\n", v->hold_packets, v->hold_ns);
	printf("  connections   %u of %u\n", v->conns_now, v->conns);
	if (v->symmetry.ratio)
		printf("  symmetry      1 to %u above %u packets in %u ms%s\n", v->symmetry.ratio,
		       v->symmetry.min_packets, v->symmetry.window_ms,
		       v->symmetry.flags & XENO_VNET_SYMMETRY_DROP ? ", drops" : "");
}

static void show_text(const struct net_row *r)
{
	const struct xeno_vnet_stats *s = r->stats;
	char mac[NET_MAC_MAX], addrs[NET_ADDRS_MAX], rate[24];

	printf("%s\n  MAC           %s\n  addresses     %s\n  state         %s\n", r->name,
	       net_mac_text(row_mac(r), mac), net_addrs_text(r, addrs), row_state(r));
	if (r->vif) {
		printf("  limit         %s\n", net_rate_text(r->vif->bytes_limit, rate));
		show_vif(r->vif);
	} else {
		printf("  driver        %s at %s\n", r->nic->driver, r->nic->where);
		printf("  trouble       %llu errors, %llu time-outs, %llu resets\n",
		       (unsigned long long)r->nic->errors, (unsigned long long)r->nic->timeouts,
		       (unsigned long long)r->nic->resets);
	}
	printf("  sent          %llu packets, %llu bytes, %llu refused, waited %llu times\n",
	       (unsigned long long)s->sent_packets, (unsigned long long)s->sent_bytes,
	       (unsigned long long)s->refused, (unsigned long long)s->held);
	printf("  received      %llu packets, %llu bytes, %llu lost\n",
	       (unsigned long long)s->recv_packets, (unsigned long long)s->recv_bytes,
	       (unsigned long long)s->lost);
}

/* The lines of the text that name it. */
static void show_rules(uint32_t iface)
{
	char words[NET_LINE_MAX];
	struct net_text t;
	uint32_t nr;

	if (net_text_read(&t, NET_RULES, true))
		return;
	printf("  rules\n");
	for (size_t i = 0; i < t.rules.nr; i++) {
		const struct netline *l = &t.rules.lines[i];

		if (!net_iface_number(&l->iface, net_find_domain, NULL, &nr) &&
		    (nr == iface || nr == XENO_VNET_ANY))
			printf("    %s\n", netline_words(&t.rules, l, words, sizeof(words)));
	}
	net_text_free(&t);
}

static void show_row(const struct net_row *r, void *data)
{
	struct shown *s = data;
	const char *sep = "";

	if (r->iface != s->iface)
		return;
	s->found = true;
	if (s->json) {
		list_json(r, &sep);
		return;
	}
	show_text(r);
	net_refusals_text(r->iface, "    ", false);
	show_rules(r->iface);
}

static void show_route(const struct xeno_vnet_route *r, bool json, bool first)
{
	char to[NET_ADDR_MAX], via[NET_ADDR_MAX], iface[NET_NAME_MAX];

	net_prefix_text(r->addr, r->len, to);
	net_iface_name(r->iface, iface);
	net_addr_text(r->gateway, via);
	if (json)
		printf("%s\n  {\"to\": \"%s\", \"interface\": \"%s\", \"via\": \"%s\"}",
		       first ? "" : ",", to, iface, via);
	else
		printf("route %s on %s%s%s\n", to, iface, r->gateway ? " via " : "",
		       r->gateway ? via : "");
}

/* The network of net.conf, and the routes. */
static int show_network(bool json)
{
	char addr[4][NET_ADDR_MAX];
	const struct xeno_vnet_route *r;
	struct net_conf n;
	uint32_t nr;
	void *p;
	int err;

	if (net_conf_read(&n))
		return EXIT_FAILURE;
	err = hyp_vnet_list_get(XENO_VNET_LIST_ROUTES, sizeof(*r), &p, &nr);
	if (err)
		return net_error("list", "the routes", err);
	r = p;
	printf(json ? "{\"network\": \"%s\", \"gateway\": \"%s\", \"pool\": \"%s-%s\", "
		      "\"routes\": [" :
		      "network %s, gateway %s, pool %s-%s\n",
	       net_prefix_text(n.network, n.network_len, addr[0]),
	       net_addr_text(n.gateway, addr[1]), net_addr_text(n.pool_first, addr[2]),
	       net_addr_text(n.pool_last, addr[3]));
	for (uint32_t i = 0; i < nr; i++)
		show_route(&r[i], json, !i);
	if (json)
		printf("\n]}\n");
	free(p);
	return EXIT_SUCCESS;
}

int net_show(int argc, char **argv)
{
	struct shown s = { 0 };
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	if (argc == 1)
		return show_network(opts & OPT_JSON);
	if (argc != 2)
		return EXIT_USAGE;
	s.json = opts & OPT_JSON;
	s.iface = net_iface_named(argv[1]);
	net_each_row(show_row, &s);
	if (!s.found)
		die("there is no interface %s; see xenctl net list", argv[1]);
	if (s.json)
		printf("\n");
	return EXIT_SUCCESS;
}

/* --- attach and detach */

static uint32_t free_handle(uint16_t domid, const char *domain)
{
	struct xeno_ctl_vnet_info v;
	uint32_t h = 0;
	int err;

	while (!(err = hyp_vnet_info(domid, h, &v)) && v.handle == h)
		h++;
	if (err && err != -ENOENT)
		exit(net_error("list the interfaces of", domain, err));
	return h;
}

/* The words of one interface may come as several arguments; they are joined with commas. */
static void join_vif(char text[SPEC_TEXT_MAX], char **words)
{
	size_t len = 0;

	text[0] = 0;
	for (; *words; words++) {
		len += (size_t)snprintf(text + len, SPEC_TEXT_MAX - len, "%s%s", len ? "," : "",
					*words);
		if (len >= SPEC_TEXT_MAX)
			die("vif: it is longer than %d characters", SPEC_TEXT_MAX - 1);
	}
}

int cmd_network_attach(int argc, char **argv)
{
	char text[SPEC_TEXT_MAX], why[SPEC_ERR], name[NET_NAME_MAX];
	struct xeno_ctl_info dom;
	struct vif_spec s;
	unsigned int opts;
	uint32_t handle;
	uint16_t domid;
	int lock, err;

	argc = take_options(argc, argv, "", &opts);
	if (argc < 2)
		return EXIT_USAGE;
	join_vif(text, argv + 2);
	if (vifspec_parse(&s, text, why))
		die("vif: %s", why);
	if (s.ignored[0])
		report("vif: means nothing here: %s", s.ignored);
	domid = find_domain(argv[1], &dom);
	lock = net_lock();
	if (lock < 0)
		return EXIT_FAILURE;
	handle = free_handle(domid, dom.name);
	err = net_put_again();
	if (!err && net_attach(domid, net_domain_name(domid, &dom), handle, &s, why))
		die("%s: %s", dom.name, why);
	err = err ? err : net_put_again();
	net_unlock(lock);
	if (err)
		return EXIT_FAILURE;
	net_changed();
	printf("%s\n", net_iface_text(net_domain_name(domid, &dom), handle, name));
	return EXIT_SUCCESS;
}

/* The interface of a domain by its number or MAC. */
static void find_handle(uint16_t domid, const char *domain, const char *word,
			struct xeno_ctl_vnet_info *v)
{
	uint8_t mac[6];
	bool by_mac = !net_parse_mac(word, mac);
	uint64_t n = 0;
	int err;

	if (!by_mac && spec_number(word, 255, &n))
		die("'%s' is neither the number of an interface nor a MAC", word);
	for (uint32_t h = (uint32_t)n; !(err = hyp_vnet_info(domid, h, v)); h = v->handle + 1)
		if (by_mac ? !memcmp(mac, v->mac, 6) : v->handle == n)
			return;
	if (err != -ENOENT)
		exit(net_error("list the interfaces of", domain, err));
	die("%s has no interface %s; see xenctl network-list %s", domain, word, domain);
}

int cmd_network_detach(int argc, char **argv)
{
	struct xeno_ctl_vnet_info v;
	struct xeno_ctl_info dom;
	unsigned int force;
	uint16_t domid;
	int err;

	argc = take_options(argc, argv, "f", &force);
	if (argc != 3)
		return EXIT_USAGE;
	domid = find_domain(argv[1], &dom);
	find_handle(domid, dom.name, argv[2], &v);
	err = hyp_detach(&hyp_vifs, domid, v.handle, force);
	if (err == -EBUSY && !force)
		die("%s has not let go of interface %u in %u s (paused?); --force takes it",
		    dom.name, v.handle, HYP_WAIT_S);
	if (err)
		return net_error("take the interface from", dom.name, err);
	nets_gone();
	return EXIT_SUCCESS;
}

/* --- the table */

static const struct {
	const char *name, *usage;
	command_fn *fn;
} parts[] = {
	{ "list", "[--json]", net_list },
	{ "show", "[--json] [IFACE]", net_show },
	{ "rule", "list [--json] | add [first|before ID] RULE... | del ID|RULE... | load [-n] FILE",
	  net_rule },
	{ "nat", "[--json] | add|del masquerade|forward ...", net_nat },
	{ "forward",
	  "[--json] | tcp|udp [on IFACE] port N[-N] to DOMAIN|ADDR[:PORT] | "
	  "del tcp|udp [on IFACE] port N",
	  net_forward },
	{ "limit", "DOMAIN[.N] RATE|none", net_limit },
	{ "hold", "DOMAIN[.N] PACKETS NS", net_hold },
	{ "log", "[-f] [--json]", net_log },
	{ "stats", "[--json]", net_stats },
	{ "capture", "[-c COUNT] [-s BYTES] IFACE|any [FILE|-] | stop", net_capture },
	{ "explain", "[--json] IFACE SRC[:PORT] DST[:PORT] [PROTO]", net_explain },
	{ "connections", "[--json]", net_connections },
	{ "refusals", "[-a] [--json] [IFACE]", net_refusals },
	{ "save", "", net_save },
	{ "setup", "", net_setup },
	{ "uplink", "NIC ADDR/LEN [GATEWAY] | NIC none", net_uplink },
	{ "dhcp-hosts", "", net_dhcp_hosts },
};
#define NR_PARTS (sizeof(parts) / sizeof(parts[0]))

static void usage(size_t i)
{
	fprintf(stderr, "usage: xenctl net %s %s\n", parts[i].name, parts[i].usage);
}

const char *net_part(size_t i, const char **usage)
{
	if (i >= NR_PARTS)
		return NULL;
	*usage = parts[i].usage;
	return parts[i].name;
}

int cmd_net(int argc, char **argv)
{
	for (size_t i = 0; i < NR_PARTS && argc > 1; i++) {
		int ret;

		if (strcmp(argv[1], parts[i].name))
			continue;
		ret = parts[i].fn(argc - 1, argv + 1);
		if (ret != EXIT_USAGE)
			return ret;
		usage(i);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < NR_PARTS; i++)
		usage(i);
	return EXIT_FAILURE;
}

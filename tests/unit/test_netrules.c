/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: tools/xenctl/netrules.c tools/xenctl/netspec.c tools/xenctl/spec.c tools/xenctl/xlcfg.c hypervisor/vnet/rules.c hypervisor/vnet/ct.c hypervisor/vnet/parse.c hypervisor/vnet/csum.c hypervisor/vnet/guard.c hypervisor/lib/sort.c */
/*
 * The text of rules: what each line becomes, every mistake with line and column, ids, places; a
 * fuzzer, in which whatever the text parser takes the hypervisor's own checks take too.
 */
#include <stdlib.h>
#include <string.h>

#include <hyp/vnet_ct.h>
#include <hyp/vnet_rules.h>

#include "../../tools/xenctl/netrules.h"
#include "test.h"

static struct netrules r;
static struct netlists l;
static char err[SPEC_ERR], *text;

/* demo1 is 3, demo2 is 7. */
static int find(const char *name, void *data __attribute__((unused)))
{
	if (!strcmp(name, "dom0"))
		return 0;
	if (!strncmp(name, "demo", 4) && (name[4] == '1' || name[4] == '2') && !name[5])
		return name[4] == '1' ? 3 : 7;
	return -1;
}

static void drop(void)
{
	netlists_free(&l);
	netrules_free(&r);
	free(text);
	text = NULL;
}

/* From an exact copy without a NUL, so that ASan sees a read behind the end. */
static int parse_bytes(const char *s, size_t len)
{
	drop();
	text = malloc(len + !len);
	memcpy(text, s, len);
	err[0] = 0;
	memset(&l, 0, sizeof(l));
	return netrules_parse(&r, text, len, err) ? -1 : netrules_compile(&r, find, NULL, &l);
}

static int parse(const char *s)
{
	return parse_bytes(s, strlen(s));
}

static const struct xeno_vnet_rule *one(const char *s)
{
	static struct xeno_vnet_rule none;

	if (!parse(s) && l.nr_rules == 1 && !vnet_rule_check(&l.rules[0]))
		return &l.rules[0];
	printf("'%s': %s\n", s, err);
	return &none;
}

static void netrules_rule(void)
{
	const struct xeno_vnet_rule *x = one("accept in on demo1");

	CHECK(x->iface == XENO_VNET_VIF(3, 0) && x->peer == XENO_VNET_ANY && !x->flags);
	CHECK(x->action == XENO_VNET_ACCEPT && x->dir == XENO_VNET_IN && !x->proto && !x->states);
	CHECK(!x->sport_lo && x->sport_hi == 65535 && !x->dport_lo && x->dport_hi == 65535);
	CHECK(x->icmp_type == XENO_VNET_ICMP_ANY && x->icmp_code == XENO_VNET_ICMP_ANY);
	CHECK(!x->packets_limit && !x->bytes_limit && x->id >= 1000000);
	x = one("drop out on nic0 peer demo2.3 proto tcp from 10.0.0.0/8 sport 1024-65535 "
		"to 1.2.3.4 dport 80 flags SYN/SYN,ACK state new,invalid log trigger copy demo1 "
		"limit 100 packets/s burst 7 limit 10Mb/s id 42 # and so on");
	CHECK(x->iface == XENO_VNET_NIC(0) && x->peer == XENO_VNET_VIF(7, 3) && x->id == 42);
	CHECK(x->src == 0x0a000000 && x->src_len == 8 && x->dst == 0x01020304 && x->dst_len == 32);
	CHECK(x->sport_lo == 1024 && x->sport_hi == 65535 && x->dport_lo == 80 &&
	      x->dport_hi == 80);
	CHECK(x->proto == 6 && x->tcp_mask == 0x12 && x->tcp_value == 2);
	CHECK(x->states == (XENO_VNET_NEW | XENO_VNET_INVALID) && x->copy_to == 3);
	CHECK(x->flags == (XENO_VNETRF_LOG | XENO_VNETRF_TRIGGER | XENO_VNETRF_COPY));
	CHECK(x->packets_limit == 100 && x->packets_burst == 7);
	CHECK(x->bytes_limit == 1250000 && !x->bytes_burst);
	x = one("reject in on any proto icmp icmp 3/4");
	CHECK(x->iface == XENO_VNET_ANY && x->icmp_type == 3 && x->icmp_code == 4);
	x = one("accept in on dom0.15 proto icmp icmp echo-request keep");
	CHECK(x->iface == XENO_VNET_VIF(0, 15) && x->icmp_type == 8 &&
	      x->icmp_code == XENO_VNET_ICMP_ANY && x->flags == XENO_VNETRF_KEEP);
	x = one("accept in on Domain-0 proto 47 from any \\\n\tto default \\ \r\n limit 5 kB/s");
	CHECK(!x->iface && x->proto == 47 && !x->src_len && x->bytes_limit == 5000);
}

static void netrules_others(void)
{
	CHECK(!parse("nat masquerade on nic0 from 10.0.0.0/24 to 1.2.3.4 ports 2000-3000\n"
		     "nat masquerade on nic1\n"
		     "nat forward tcp on nic0 port 8080-8089 to 10.0.0.5:80\n"
		     "nat forward udp on nic0 addr 1.2.3.4 port 53 to 10.0.0.6\n"));
	CHECK(l.nr_nats == 4 && !l.nr_rules);
	for (unsigned int i = 0; i < l.nr_nats; i++)
		CHECK(!vnet_nat_check(&l.nats[i]) && l.nat_line[i] == i);
	CHECK(l.nats[0].addr == 0x01020304 && l.nats[0].src_len == 24 &&
	      l.nats[0].port_lo == 2000 && l.nats[0].port_hi == 3000);
	CHECK(l.nats[1].iface == XENO_VNET_NIC(1) && l.nats[1].port_lo == 1024 &&
	      l.nats[1].port_hi == 65535 && !l.nats[1].addr);
	CHECK(l.nats[2].to_port == 80 && l.nats[2].port_hi == 8089 && l.nats[2].proto == 6);
	CHECK(l.nats[3].to_port == 53 && l.nats[3].proto == 17 && l.nats[3].addr == 0x01020304);
	CHECK(!parse("route default on nic0 via 10.0.2.2\nroute 192.168.0.0/16 on demo2.1"));
	CHECK(l.nr_routes == 2 && !l.routes[0].len && l.routes[0].gateway == 0x0a000202);
	CHECK(l.routes[1].iface == XENO_VNET_VIF(7, 1) && l.routes[1].len == 16);
	CHECK(!parse("symmetry any ratio 8\nsymmetry demo1.2 ratio 3 min 50 window 2 s drop"));
	CHECK(netrules_symmetry(&r, "demo2", 0).ratio == 8);
	CHECK(netrules_symmetry(&r, "demo1", 2).ratio == 3);
	CHECK(netrules_symmetry(&r, "demo1", 2).window_ms == 2000);
	CHECK(netrules_symmetry(&r, "demo1", 2).flags == XENO_VNET_SYMMETRY_DROP);
	CHECK(!netrules_symmetry(&r, "dom0", 15).ratio);
}

static void netrules_absent(void)
{
	CHECK(!parse("accept in on web\naccept in on demo1 peer web\nnat masquerade on web\n"
		     "route 1.0.0.0/8 on web\ndrop in on demo1 copy web\naccept out on demo1\n"));
	CHECK(r.nr == 6 && l.nr_rules == 2 && !l.nr_nats && !l.nr_routes);
	CHECK(l.rule_line[0] == 4 && l.rule_line[1] == 5 && r.lines[4].line == 5);
	CHECK(!(l.rules[0].flags & XENO_VNETRF_COPY) && !l.rules[0].copy_to);
}

static void netrules_mistakes(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "pass in on any", "1:1: 'pass' begins no rule; accept, drop, reject, nat, route "
				    "and symmetry do" },
		{ "\n# x\n  accept", "3:9: in or out is missing" },
		{ "accept to on any", "1:8: expected in or out, found 'to'" },
		{ "accept in at any", "1:11: expected 'on', found 'at'" },
		{ "accept in on", "1:13: an interface is missing" },
		{ "accept in on 5", "1:14: '5' is not an interface (nic0, demo1, demo1.1, any)" },
		{ "accept in on demo1.256",
		  "1:14: 'demo1.256': interfaces of domains are numbered 0 to 255" },
		{ "drop in on any keep", "1:16: keep needs accept" },
		{ "accept in on any dport 80", "1:18: dport needs proto tcp or udp" },
		{ "accept in on any \\\n dport 80", "2:2: dport needs proto tcp or udp" },
		{ "accept in on any proto tcp icmp 8", "1:28: icmp needs proto icmp" },
		{ "accept in on any flags SYN/SYN", "1:18: flags need proto tcp" },
		{ "accept in on any proto tcp flags SYN",
		  "1:34: flags are written SET/LOOKED-AT (SYN/SYN,ACK)" },
		{ "accept in on any proto tcp flags SYN/ACK",
		  "1:34: 'SYN/ACK': a flag before the / is not behind it" },
		{ "accept in on any proto tcp dport 90-80",
		  "1:34: '90-80' is an empty range of ports" },
		{ "accept in on any proto tcp dport 0", "1:34: '0' is an empty range of ports" },
		{ "accept in on any proto ip", "1:24: 'ip' is not a protocol: tcp, udp, icmp or 1 "
					       "to 255" },
		{ "accept in on any from 10.0.0.5/24",
		  "1:23: '10.0.0.5/24' has bits behind the prefix; is 10.0.0.0/24 meant?" },
		{ "accept in on any from demo1", "1:23: 'demo1' is not a prefix like 10.0.0.0/24" },
		{ "accept in on any log log", "1:22: log is given twice" },
		{ "accept in on any limit 10 Mb/s limit 1 kB/s",
		  "1:32: a limit of bytes is given twice" },
		{ "accept in on any limit 10",
		  "1:26: a unit (packets/s, kb/s, Mb/s, kB/s, MB/s) is "
		  "missing" },
		{ "accept in on any limit fast", "1:24: 'fast' is not a limit: N packets/s, kb/s, "
						 "Mb/s, kB/s, MB/s" },
		{ "accept in on any id 0", "1:21: id must be 1 to 4294967294, not '0'" },
		{ "accept in on any id 7\naccept out on any id 7",
		  "2:1: id 7 is that of line 1 already" },
		{ "accept in on any state old",
		  "1:24: 'old': states are new, established, related, "
		  "invalid" },
		{ "accept in on any nonsense",
		  "1:18: unknown word 'nonsense'; what may follow is peer, proto, from, sport, to, "
		  "dport, icmp, flags, state, keep, log, trigger, copy, limit, id" },
		{ "nat masquerade on any", "1:19: one interface must be named here, not 'any'" },
		{ "nat forward tcp on nic0 to 10.0.0.5", "1:36: port is missing" },
		{ "nat forward tcp on nic0 port 80", "1:32: to ADDRESS is missing" },
		{ "nat forward tcp on nic0 port 80-90 to 10.0.0.5:65530",
		  "1:36: the range of ports there ends above 65535" },
		{ "route 10.0.0.0/8 on demo1 via 10.0.0.1",
		  "1:27: via is for cards: a domain is reached directly" },
		{ "symmetry nic0 ratio 3",
		  "1:10: a card has no symmetry guard, only interfaces of domains" },
		{ "symmetry demo1 min 3", "1:21: ratio is missing" },
		{ "symmetry demo1 ratio 3 window 3 h", "1:31: '3h' is not a time like 10 s or 500 "
						       "ms" },
		{ "symmetry demo1 ratio 3 window 5ms", "1:31: window must be 100 ms to 3600 s" },
		{ "accept in on any \x01", "1:18: a character that is not plain text" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = parse(cases[i].text) == -1 && !strcmp(err, cases[i].why);

		if (!good)
			printf("'%s': '%s'\n", cases[i].text, err);
		CHECK(good);
	}
}

static uint32_t id_of(const char *words)
{
	const struct netline *line = netrules_find(&r, words);

	return line ? line->u.rule.id : 0;
}

static void netrules_ids(void)
{
	uint32_t a, b;

	CHECK(!parse("accept in on demo1\naccept  out on  demo2 # x\naccept in on demo1"));
	a = id_of("accept in on demo1");
	b = id_of("accept out on demo2");
	CHECK(a && b && a != b && r.lines[2].u.rule.id != a && r.lines[2].u.rule.id != b);
	CHECK(netrules_by_id(&r, b) == &r.lines[1] && !netrules_by_id(&r, 5));
	CHECK(!parse("drop in on web\naccept out on demo2\naccept in on demo1 \\\n"));
	CHECK(id_of("accept in on demo1") == a && id_of("accept out on demo2") == b);
}

static void netrules_places(void)
{
	static const char body[] = "# head\naccept in on any \\\n  keep\n\n# mid\n"
				   "drop in on any log\nreject out on any";
	const char *at;

	CHECK(!parse(body) && r.nr == 3);
	CHECK(r.lines[0].off == 7 && r.lines[0].len == strlen("accept in on any \\\n  keep\n"));
	at = strstr(body, "drop");
	CHECK(r.lines[1].off == (size_t)(at - body) && r.lines[1].len == 19);
	CHECK(r.lines[2].off + r.lines[2].len == sizeof(body) - 1);
	CHECK(netrules_place(&r) == r.lines[1].off);
	CHECK(!parse("drop in on any\naccept in on any\n") && netrules_place(&r) == r.len);
	CHECK(!parse("") && !r.nr && netrules_place(&r) == 0);
	CHECK(!parse("accept in on any") && r.lines[0].len == 16);
}

static void netrules_names(void)
{
	char buf[NET_NAME_MAX], why[SPEC_ERR];
	struct net_iface i;

	CHECK(!strcmp(net_iface_text("demo1", 0, buf), "demo1"));
	CHECK(!strcmp(net_iface_text("demo1", 2, buf), "demo1.2"));
	CHECK(!strcmp(net_iface_text("web.5", 0, buf), "web.5.0"));
	CHECK(!strcmp(net_iface_text("nic0", 0, buf), "nic0.0"));
	CHECK(!strcmp(net_iface_text(NULL, XENO_VNET_NIC(3), buf), "nic3"));
	CHECK(!strcmp(net_iface_text(NULL, XENO_VNET_ANY, buf), "any"));
	CHECK(!net_iface_parse(&i, "web.5.0", why) && !strcmp(i.domain, "web.5") && !i.nr);
	CHECK(!net_iface_parse(&i, "nic0.0", why) && !strcmp(i.domain, "nic0"));
	CHECK(!net_iface_parse(&i, "nicole", why) && !strcmp(i.domain, "nicole"));
	CHECK(net_iface_parse(&i, "a/b", why) && net_iface_parse(&i, "", why));
}

/* 10,000 rules, and one more. */
static void netrules_many(void)
{
	const size_t room = 64 * (XENO_VNET_RULES_MAX + 2);
	char *big = malloc(room);
	size_t len = 0;

	for (unsigned int i = 0; i < XENO_VNET_RULES_MAX; i++)
		len += (size_t)snprintf(big + len, room - len,
					"accept in on demo%u proto tcp dport %u keep\n", 1 + i % 2,
					i % 5000 + 1);
	CHECK(!parse_bytes(big, len) && l.nr_rules == XENO_VNET_RULES_MAX);
	for (unsigned int i = 1; i < l.nr_rules; i++)
		CHECK(l.rules[i].id != l.rules[i - 1].id);
	len += (size_t)snprintf(big + len, room - len, "drop in on any\n");
	CHECK(parse_bytes(big, len) == -1 && !strcmp(err, "10001:1: more than 10000 rules"));
	free(big);
}

/* What is taken passes the hypervisor's checks, and its words say the same again. */
static void check_taken(void)
{
	char words[512];

	for (unsigned int i = 0; i < l.nr_rules; i++)
		CHECK(!vnet_rule_check(&l.rules[i]));
	for (unsigned int i = 0; i < l.nr_nats; i++)
		CHECK(!vnet_nat_check(&l.nats[i]));
	for (size_t i = 0; i < r.nr; i++) {
		struct netrules again;
		char why[SPEC_ERR];

		netline_words(&r, &r.lines[i], words, sizeof(words));
		CHECK(!netrules_parse(&again, words, strlen(words), why) && again.nr == 1);
		CHECK(again.nr == 1 &&
		      !memcmp(&again.lines[0].iface, &r.lines[i].iface, sizeof(r.lines[i].iface)));
		netrules_free(&again);
	}
}

static const char *const vocabulary[] = {
	"accept",   "drop",	  "reject",    "in",
	"out",	    "on",	  "any",       "nic0",
	"demo1",    "demo2.1",	  "peer",      "proto",
	"tcp",	    "udp",	  "icmp",      "47",
	"from",	    "10.0.0.0/8", "1.2.3.4",   "sport",
	"to",	    "dport",	  "80",	       "80-90",
	"8",	    "3/4",	  "flags",     "SYN/SYN,ACK",
	"NONE/ALL", "state",	  "new",       "new,established",
	"keep",	    "log",	  "trigger",   "copy",
	"limit",    "10",	  "packets/s", "10Mb/s",
	"burst",    "id",	  "nat",       "masquerade",
	"forward",  "port",	  "addr",      "10.0.0.5:80",
	"ports",    "route",	  "via",       "symmetry",
	"ratio",    "min",	  "window",    "2s",
	"ms",	    "\\\n",	  "\n",	       "#",
	"\\",
};

static const char *const starts[] = {
	"accept in on demo1 proto tcp ", "drop out on any ",
	"nat masquerade on nic0 ",	 "nat forward tcp on nic0 port 80 to 10.0.0.5 ",
	"route 10.0.0.0/8 on nic0 ",	 "symmetry demo1 ratio 3 ",
	"accept in on nic0 proto icmp ", "",
};

static void netrules_hostile(void)
{
	uint64_t x = 88172645463325252ull;
	unsigned int taken = 0;

	for (unsigned int round = 0; round < 200000; round++) {
		char line[512];
		size_t len;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		len = (size_t)snprintf(line, sizeof(line), "%s", starts[(x >> 40) % 8]);
		for (unsigned int i = 0; i < (x >> 33) % 8; i++) {
			uint64_t y = x * (i + 3) ^ x >> 17;

			y *= 6364136223846793005ull;
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s ",
						vocabulary[(y >> 35) % (sizeof(vocabulary) /
									sizeof(vocabulary[0]))]);
		}
		if (round % 4 == 3 && len)
			line[(x >> 20) % len] = (char)(x >> 12);
		if (parse_bytes(line, len)) {
			CHECK(strchr(err, ':') && strlen(err) > 5);
			continue;
		}
		taken++;
		check_taken();
	}
	CHECK(taken > 10000);
	drop();
}

int main(void)
{
	static const struct test t[] = {
		TEST(netrules_rule),	 TEST(netrules_others), TEST(netrules_absent),
		TEST(netrules_mistakes), TEST(netrules_ids),	TEST(netrules_places),
		TEST(netrules_names),	 TEST(netrules_many),	TEST(netrules_hostile),
	};

	return TEST_RUN(t);
}

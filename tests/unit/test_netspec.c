/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: tools/xenctl/netspec.c tools/xenctl/spec.c tools/xenctl/xlcfg.c */
/* Interfaces as they are written, words of the network, net.conf; every mistake named, hostile text. */
#include <stdlib.h>
#include <string.h>

#include "../../tools/xenctl/netspec.h"
#include "hostile.h"
#include "test.h"

static struct vif_spec s;
static char err[SPEC_ERR];

/* From an exact copy, so that ASan sees a read behind the end. */
static int parse(const char *text)
{
	char *copy = strdup(text);
	int ret;

	err[0] = 0;
	ret = vifspec_parse(&s, copy, err);
	free(copy);
	return ret;
}

static int refused(const char *text, const char *why)
{
	if (parse(text) == -1 && !strcmp(err, why))
		return 1;
	printf("'%s': '%s'\n", text, err);
	return 0;
}

static void netspec_vifs(void)
{
	static const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 0x01, 0xab, 0xCD };

	CHECK(!parse("") && !s.nr_addrs && !s.bytes_limit && !s.ignored[0] && !s.text[0]);
	CHECK(!parse("ip=10.0.0.5, mac=00:16:3e:01:ab:CD, rate=10Mb/s"));
	CHECK(s.nr_addrs == 1 && s.addr[0].addr == 0x0a000005 && s.addr[0].len == 32);
	CHECK(!memcmp(s.mac, mac, 6) && s.bytes_limit == 1250000);
	CHECK(!strcmp(s.text, "ip=10.0.0.5, mac=00:16:3e:01:ab:CD, rate=10Mb/s"));
	CHECK(!parse(" ip = 10.0.0.5 10.1.0.0/16 ,,pps=200,conns=9,gateway=10.0.0.254"));
	CHECK(s.nr_addrs == 2 && s.addr[1].addr == 0x0a010000 && s.addr[1].len == 16);
	CHECK(s.packets_limit == 200 && s.conns == 9 && s.gateway == 0x0a0000fe);
	CHECK(!parse("bridge=xenbr0,script=vif-nat,type=vif,model=e1000,rate=1MB/s@20ms"));
	CHECK(!strcmp(s.ignored, "bridge, script, model, rate's interval"));
	CHECK(s.bytes_limit == 1000000);
}

static void netspec_mistakes(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "ip", "'ip' is not key=value" },
		{ "ip=", "ip= is empty" },
		{ "ip=10.0.0", "ip '10.0.0' is not an address (10.0.0.5)" },
		{ "ip=any", "ip 'any' is not an address (10.0.0.5)" },
		{ "ip=10.0.0.256", "ip '10.0.0.256' is not an address (10.0.0.5)" },
		{ "ip=10.0.0.5/24", "ip '10.0.0.5/24' is not a prefix: bits behind it are set (an "
				    "address stands alone, without its network)" },
		{ "ip=10.0.0.5,ip=10.0.0.6", "ip is given twice" },
		{ "mac=00:16:3e:01:02", "mac '00:16:3e:01:02' is not like 00:16:3e:01:02:03" },
		{ "mac=01:16:3e:01:02:03",
		  "mac '01:16:3e:01:02:03' is not one of a single machine" },
		{ "rate=10", "rate '10' is not like 10Mb/s or 500kB/s" },
		{ "rate=0Mb/s", "rate '0Mb/s' is not like 10Mb/s or 500kB/s" },
		{ "rate=20000Gb/s", "rate '20000Gb/s' is not like 10Mb/s or 500kB/s" },
		{ "rate=99999999999999999999Gb/s",
		  "rate '99999999999999999999' is not like 10Mb/s or 500kB/s" },
		{ "rate=5packets/s", "rate '5packets/s' is not like 10Mb/s or 500kB/s" },
		{ "pps=x", "pps 'x' is not a number of packets per second" },
		{ "conns=0", "conns '0' is not a number of connections" },
		{ "gateway=10.0.0.1/8", "gateway '10.0.0.1/8' is not an address" },
		{ "type=ioemu", "type 'ioemu': only vif exists here" },
		{ "color=red", "unknown key 'color'" },
		{ "ip=10.0.0.5\n", "it holds a control character" },
	};
	char text[2 * SPEC_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strncmp(cases[i].text, "rate=9999", 9))
			CHECK(refused(cases[i].text, cases[i].why));
		else
			CHECK(parse(cases[i].text) == -1);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	CHECK(refused(text, "it is longer than 255 characters"));
}

static void netspec_words(void)
{
	char a[NET_ADDR_MAX], m[NET_MAC_MAX], r[24];
	uint8_t mac[6], other[6], len;
	uint32_t addr;
	bool packets;
	uint64_t n;

	CHECK(!net_parse_prefix("10.0.0.0/8", &addr, &len) && addr == 0x0a000000 && len == 8);
	CHECK(!net_parse_prefix("any", &addr, &len) && !addr && !len);
	CHECK(net_parse_prefix("10.0.0.0/33", &addr, &len) && net_parse_prefix("", &addr, &len));
	CHECK(net_parse_addr("1.2.3.4 ", &addr) && net_parse_addr("0001.2.3.4", &addr));
	CHECK(!net_parse_rate("8kb/s", &n, &packets) && n == 1000 && !packets);
	CHECK(!net_parse_rate("7packets/s", &n, &packets) && n == 7 && packets);
	CHECK(net_parse_rate("7b/s", &n, &packets) && net_parse_rate("-1B/s", &n, &packets));
	CHECK(!strcmp(net_prefix_text(0x0a000000, 8, a), "10.0.0.0/8"));
	CHECK(!strcmp(net_prefix_text(0xffffffff, 32, a), "255.255.255.255"));
	CHECK(!strcmp(net_rate_text(1250000, r), "10 Mb/s") && !strcmp(net_rate_text(0, r), "-"));
	CHECK(net_mask(0) == 0 && net_mask(32) == ~0u && net_mask(8) == 0xff000000);
	vif_default_mac("demo1", 0, mac);
	CHECK(!strncmp(net_mac_text(mac, m), "00:16:3e:", 9) && !net_parse_mac(m, other) &&
	      !memcmp(mac, other, 6));
	vif_default_mac("demo1", 1, other);
	CHECK(memcmp(mac, other, 6));
	vif_default_mac("demo2", 0, other);
	CHECK(memcmp(mac, other, 6));
}

static int conf(struct net_conf *n, const char *text)
{
	struct xlcfg c = { 0 };
	int ret = xlcfg_parse(&c, text, strlen(text), err);

	ret = ret ? ret : netconf_from(n, &c, err);
	xlcfg_free(&c);
	return ret;
}

static void netspec_conf(void)
{
	struct net_conf n;

	CHECK(!conf(&n, "") && n.network == 0x0a000000 && n.dom0 == 0x0a000002);
	CHECK(n.pool_first == 0x0a000064 && n.pool_last == 0x0a0000fa && n.network_len == 24);
	CHECK(!conf(&n, "network='192.168.4.0/22'\ngateway='192.168.4.1'\ndom0='192.168.4.2'\n"
			"pool = '192.168.5.0-192.168.6.255'"));
	CHECK(n.gateway == 0xc0a80401 && n.network_len == 22 && n.pool_last == 0xc0a806ff);
	CHECK(conf(&n, "gateway = '10.0.1.1'") && !strcmp(err, "gateway is not within network"));
	CHECK(conf(&n, "dom0 = '10.0.0.1'") &&
	      !strcmp(err, "gateway and dom0 are the same address"));
	CHECK(conf(&n, "\npool = '10.0.0.9-10.0.0.8'") &&
	      !strcmp(err, "line 2: pool: '10.0.0.9-10.0.0.8' is not a range like "
			   "10.0.0.100-10.0.0.250"));
	CHECK(conf(&n, "network = 5") && !strcmp(err, "line 1: network must be a string"));
	CHECK(conf(&n, "network = '10.0.0.0/31'") && conf(&n, "network = '10.0.0.1/24'"));
	CHECK(conf(&n, "mask = '1'") && !strcmp(err, "line 1: unknown key 'mask'"));
}

/* Any bytes end in success or one message; ASan watches. */
static void netspec_hostile(void)
{
	static const char seed[] = "ip=10.0.0.5 10.1.0.0/16,mac=00:16:3e:01:02:03,rate=1Mb/s@5ms";
	uint64_t r = 88172645463325252ull;

	for (unsigned int round = 0; round < 100000; round++) {
		char text[sizeof(seed)];

		hostile_text(text, seed, sizeof(seed), round % 6, ",=:./ \t!0iMb\0\xff@9", &r);
		if (parse(text))
			CHECK(err[0]);
	}
}

int main(void)
{
	static const struct test t[] = {
		TEST(netspec_vifs), TEST(netspec_mistakes), TEST(netspec_words),
		TEST(netspec_conf), TEST(netspec_hostile),
	};

	return TEST_RUN(t);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Network things as they are written (netspec.h): one parser per kind of word, two tables of keys. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netspec.h"

/* --- words */

/* Four numbers with dots; what follows is left to the caller. */
static const char *scan_addr(const char *s, uint32_t *addr)
{
	*addr = 0;
	for (unsigned int part = 0; part < 4; part++) {
		unsigned int n = 0, digits = 0;

		if (part && *s++ != '.')
			return NULL;
		for (; isdigit((unsigned char)*s) && digits < 3; digits++)
			n = n * 10 + (unsigned int)(*s++ - '0');
		if (!digits || n > 255)
			return NULL;
		*addr = *addr << 8 | n;
	}
	return s;
}

int net_parse_addr(const char *s, uint32_t *addr)
{
	s = scan_addr(s, addr);
	return s && !*s ? 0 : -1;
}

int net_parse_prefix(const char *s, uint32_t *addr, uint8_t *len)
{
	uint64_t n = 32;

	if (!strcmp(s, "any") || !strcmp(s, "default")) {
		*addr = 0;
		*len = 0;
		return 0;
	}
	s = scan_addr(s, addr);
	if (!s || (*s && (*s != '/' || spec_number(s + 1, 32, &n))))
		return -1;
	*len = (uint8_t)n;
	return 0;
}

uint32_t net_mask(unsigned int len)
{
	return len ? ~0u << (32 - len) : 0;
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

int net_parse_mac(const char *s, uint8_t mac[6])
{
	for (unsigned int i = 0; i < 6; i++, s += 3) {
		int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0 || s[2] != (i < 5 ? ':' : 0))
			return -1;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int net_parse_rate(const char *s, uint64_t *n, bool *packets)
{
	static const struct {
		const char *name;
		uint64_t bits; /* 0: packets */
	} units[] = {
		{ "packets/s", 0 },
		{ "pps", 0 },
		{ "b/s", 1 },
		{ "kb/s", 1000 },
		{ "Kb/s", 1000 },
		{ "Mb/s", 1000000 },
		{ "Gb/s", 1000000000 },
		{ "B/s", 8 },
		{ "kB/s", 8000 },
		{ "KB/s", 8000 },
		{ "MB/s", 8 * 1000000 },
		{ "GB/s", 8 * 1000000000ull },
	};
	char *end;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	*n = strtoull(s, &end, 10);
	for (size_t i = 0; !errno && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		*packets = !units[i].bits;
		if (units[i].bits && __builtin_mul_overflow(*n, units[i].bits, n))
			return -1;
		*n = units[i].bits ? *n / 8 : *n;
		return *n && *n <= NET_LIMIT_MAX ? 0 : -1;
	}
	return -1;
}

const char *net_addr_text(uint32_t addr, char buf[NET_ADDR_MAX])
{
	snprintf(buf, NET_ADDR_MAX, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
		 addr & 255);
	return buf;
}

const char *net_prefix_text(uint32_t addr, unsigned int len, char buf[NET_ADDR_MAX])
{
	net_addr_text(addr, buf);
	if (len < 32)
		snprintf(buf + strlen(buf), NET_ADDR_MAX - strlen(buf), "/%u", len & 31);
	return buf;
}

const char *net_mac_text(const uint8_t mac[6], char buf[NET_MAC_MAX])
{
	snprintf(buf, NET_MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return buf;
}

const char *net_rate_text(uint64_t bytes, char buf[24])
{
	static const char *const units[] = { "b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s" };
	double n = (double)bytes * 8;
	unsigned int i = 0;

	for (; n >= 1000 && i < 4; i++)
		n /= 1000;
	snprintf(buf, 24, bytes ? "%.4g %s" : "-", n, units[i]);
	return buf;
}

/* --- interfaces of guests */

struct parse {
	struct vif_spec *s;
	char *err;
};

static void ignore(struct vif_spec *s, const char *key)
{
	size_t len = strlen(s->ignored);

	snprintf(s->ignored + len, sizeof(s->ignored) - len, "%s%s", len ? ", " : "", key);
}

static int set_mac(struct parse *p, char *v)
{
	static const uint8_t none[6];
	uint8_t *mac = p->s->mac;

	if (net_parse_mac(v, mac))
		return spec_fail(p->err, "mac '%.24s' is not like 00:16:3e:01:02:03", v);
	if (mac[0] & 1 || !memcmp(mac, none, 6))
		return spec_fail(p->err, "mac '%.24s' is not one of a single machine", v);
	return 0;
}

static int add_addr(struct parse *p, const char *word)
{
	struct vif_spec *s = p->s;
	struct xeno_vnet_prefix x = { 0 };

	if (net_parse_prefix(word, &x.addr, &x.len) || !x.len)
		return spec_fail(p->err, "ip '%.24s' is not an address (10.0.0.5)", word);
	if (x.addr & ~net_mask(x.len))
		return spec_fail(p->err,
				 "ip '%.24s' is not a prefix: bits behind it are set (an address "
				 "stands alone, without its network)",
				 word);
	if (s->nr_addrs == XENO_VNET_MAX_ADDRS)
		return spec_fail(p->err, "ip= holds more than %u addresses", XENO_VNET_MAX_ADDRS);
	s->addr[s->nr_addrs++] = x;
	return 0;
}

static int set_ip(struct parse *p, char *v)
{
	char *word, *rest = v;

	while ((word = strsep(&rest, " \t")))
		if (*word && add_addr(p, word))
			return -1;
	return p->s->nr_addrs ? 0 : spec_fail(p->err, "ip= is empty");
}

/* xl's RATE[@INTERVAL]; ours has no interval. */
static int set_rate(struct parse *p, char *v)
{
	size_t len = strcspn(v, "@");
	bool packets;

	if (v[len])
		ignore(p->s, "rate's interval");
	v[len] = 0;
	if (net_parse_rate(v, &p->s->bytes_limit, &packets) || packets)
		return spec_fail(p->err, "rate '%.20s' is not like 10Mb/s or 500kB/s", v);
	return 0;
}

static int set_pps(struct parse *p, char *v)
{
	return spec_number(v, NET_LIMIT_MAX, &p->s->packets_limit) || !p->s->packets_limit ?
		       spec_fail(p->err, "pps '%.20s' is not a number of packets per second", v) :
		       0;
}

static int set_gateway(struct parse *p, char *v)
{
	return net_parse_addr(v, &p->s->gateway) || !p->s->gateway ?
		       spec_fail(p->err, "gateway '%.24s' is not an address", v) :
		       0;
}

static int set_conns(struct parse *p, char *v)
{
	uint64_t n;

	if (spec_number(v, UINT32_MAX, &n) || !n)
		return spec_fail(p->err, "conns '%.20s' is not a number of connections", v);
	p->s->conns = (uint32_t)n;
	return 0;
}

static int set_type(struct parse *p, char *v)
{
	return strcmp(v, "netfront") && strcmp(v, "vif") ?
		       spec_fail(p->err, "type '%.20s': only vif exists here", v) :
		       0;
}

static const struct {
	const char *name;
	int (*set)(struct parse *p, char *v); /* NULL: xl's, of no meaning here */
} vif_keys[] = {
	{ "mac", set_mac },	      { "ip", set_ip },	      { "rate", set_rate },
	{ "pps", set_pps },	      { "conns", set_conns }, { "gateway", set_gateway },
	{ "type", set_type },	      { "bridge", NULL },     { "script", NULL },
	{ "vifname", NULL },	      { "model", NULL },      { "backend", NULL },
	{ "gatewaydev", NULL },	      { "netdev", NULL },     { "devid", NULL },
	{ "trusted", NULL },	      { "accel", NULL },      { "mtu", NULL },
	{ "coloft_forwarder", NULL },
};
#define NR_VIF_KEYS (sizeof(vif_keys) / sizeof(vif_keys[0]))

static int set_key(struct parse *p, char *part, uint32_t *given)
{
	char *value = strchr(part, '=');
	size_t i = 0;

	if (!*part)
		return 0;
	if (!value && strcmp(part, "accel"))
		return spec_fail(p->err, "'%.40s' is not key=value", part);
	if (value)
		*value++ = 0;
	part = spec_trim(part);
	while (i < NR_VIF_KEYS && strcmp(vif_keys[i].name, part))
		i++;
	if (i == NR_VIF_KEYS)
		return spec_fail(p->err, "unknown key '%.40s'", part);
	if (*given & 1u << i)
		return spec_fail(p->err, "%s is given twice", part);
	*given |= 1u << i;
	if (vif_keys[i].set)
		return vif_keys[i].set(p, spec_trim(value));
	ignore(p->s, part);
	return 0;
}

int vifspec_parse(struct vif_spec *s, const char *text, char err[SPEC_ERR])
{
	struct parse p = { s, err };
	char copy[SPEC_TEXT_MAX], *part, *rest = copy;
	uint32_t given = 0;

	memset(s, 0, sizeof(*s));
	if (spec_copy(s->text, copy, text, err))
		return -1;
	while ((part = strsep(&rest, ",")))
		if (set_key(&p, spec_trim(part), &given))
			return -1;
	return 0;
}

void vif_default_mac(const char *domain, uint32_t handle, uint8_t mac[6])
{
	uint32_t h = 2166136261u;

	for (; *domain; domain++)
		h = (h ^ (unsigned char)*domain) * 16777619u;
	h = (h ^ (handle + 256)) * 16777619u;
	h ^= h >> 24;
	mac[0] = 0x00;
	mac[1] = 0x16;
	mac[2] = 0x3e;
	mac[3] = (uint8_t)(h >> 16);
	mac[4] = (uint8_t)(h >> 8);
	mac[5] = (uint8_t)h;
}

/* --- net.conf */

static int conf_network(struct net_conf *n, const char *v, char *err)
{
	if (net_parse_prefix(v, &n->network, &n->network_len) || !n->network_len ||
	    n->network_len > 30 || n->network & ~net_mask(n->network_len))
		return spec_fail(err, "'%.40s' is not a network like 10.0.0.0/24", v);
	return 0;
}

static int conf_addr(uint32_t *addr, const char *v, char *err)
{
	return net_parse_addr(v, addr) || !*addr ?
		       spec_fail(err, "'%.40s' is not an address like 10.0.0.1", v) :
		       0;
}

static int conf_gateway(struct net_conf *n, const char *v, char *err)
{
	return conf_addr(&n->gateway, v, err);
}

static int conf_dom0(struct net_conf *n, const char *v, char *err)
{
	return conf_addr(&n->dom0, v, err);
}

static int conf_pool(struct net_conf *n, const char *v, char *err)
{
	const char *rest = scan_addr(v, &n->pool_first);

	if (!rest || *rest != '-' || net_parse_addr(rest + 1, &n->pool_last) ||
	    n->pool_first > n->pool_last)
		return spec_fail(err, "'%.40s' is not a range like 10.0.0.100-10.0.0.250", v);
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct net_conf *n, const char *v, char *err);
} conf_keys[] = {
	{ "network", conf_network },
	{ "gateway", conf_gateway },
	{ "dom0", conf_dom0 },
	{ "pool", conf_pool },
};
#define NR_CONF_KEYS (sizeof(conf_keys) / sizeof(conf_keys[0]))

static int conf_entry(struct net_conf *n, const struct xlcfg_entry *e, char *err)
{
	char why[SPEC_ERR];

	for (size_t i = 0; i < NR_CONF_KEYS; i++) {
		if (strcmp(conf_keys[i].name, e->key))
			continue;
		if (e->value.type != XLCFG_STRING)
			return spec_fail(err, "line %u: %s must be a string", e->line, e->key);
		return conf_keys[i].set(n, e->value.str, why) ?
			       spec_fail(err, "line %u: %s: %.150s", e->line, e->key, why) :
			       0;
	}
	return spec_fail(err, "line %u: unknown key '%.60s'", e->line, e->key);
}

static int conf_check(const struct net_conf *n, char *err)
{
	const struct {
		const char *name;
		uint32_t addr;
	} inside[] = {
		{ "gateway", n->gateway },
		{ "dom0", n->dom0 },
		{ "pool", n->pool_first },
		{ "pool", n->pool_last },
	};

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if ((inside[i].addr & net_mask(n->network_len)) != n->network)
			return spec_fail(err, "%s is not within network", inside[i].name);
	if (n->gateway == n->dom0)
		return spec_fail(err, "gateway and dom0 are the same address");
	return 0;
}

int netconf_from(struct net_conf *n, const struct xlcfg *c, char err[SPEC_ERR])
{
	*n = (struct net_conf){ .network = 0x0a000000,
				.network_len = 24,
				.gateway = 0x0a000001,
				.dom0 = 0x0a000002,
				.pool_first = 0x0a000064,
				.pool_last = 0x0a0000fa };
	for (size_t i = 0; i < c->nr; i++)
		if (conf_entry(n, &c->entries[i], err))
			return -1;
	return conf_check(n, err);
}

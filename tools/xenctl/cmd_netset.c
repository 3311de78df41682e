// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl net setup, uplink, limit, hold, dhcp-hosts: what domain 0's start scripts and its
 * administrator set on interfaces. setup may run again: what is there stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_net.h"
#include "hyp.h"

/* --- setup */

static int give_dom0(const struct xeno_ctl_vnet_set *u)
{
	int err = hyp_vnet_set(0, u);
	struct xeno_ctl_vnet_info v;

	if (err == -EEXIST && !hyp_vnet_info(0, u->handle, &v) && v.handle == u->handle)
		return 0;
	if (err)
		net_error("make", u->label, err);
	return err ? -1 : 0;
}

static int make_uplinks(void)
{
	struct xeno_ctl_vnet_nic nic;
	int err, ret = 0;

	for (uint32_t nr = 0; !(err = hyp_vnet_nic_info(nr, &nic)); nr = nic.nic + 1) {
		struct xeno_ctl_vnet_set u = { .handle = nic.nic,
					       .flags = XENO_VNETF_UPLINK | XENO_VNETF_DHCP,
					       .nic = (uint16_t)nic.nic };

		if (nic.nic >= NET_UPLINKS) {
			report("nic%u: only %u cards can have an uplink", nic.nic, NET_UPLINKS);
			break;
		}
		memcpy(u.mac, nic.mac, sizeof(u.mac));
		snprintf(u.label, sizeof(u.label), "dom0.%u", nic.nic);
		if (give_dom0(&u))
			ret = -1;
	}
	if (err && err != -ENOENT) {
		net_error("list", "the cards", err);
		return err;
	}
	return ret;
}

static int make_inner(const struct net_conf *conf)
{
	struct xeno_ctl_vnet_set u = { .handle = NET_INNER,
				       .flags = XENO_VNETF_SERVER,
				       .gateway = conf->gateway,
				       .nr_addrs = 1,
				       .addr[0] = { .addr = conf->dom0, .len = 32 } };

	vif_default_mac("dom0", NET_INNER, u.mac);
	snprintf(u.label, sizeof(u.label), "dom0.%u", NET_INNER);
	return give_dom0(&u);
}

/* The running text: that of /etc, unless there is one already. */
static int load_rules(void)
{
	struct net_text t;
	int ret;

	if (!access(NET_RULES, F_OK))
		return net_put_again();
	if (net_text_read(&t, NET_SAVED_RULES, true))
		return -1;
	ret = net_replace(t.rules.text, t.rules.len, NET_SAVED_RULES);
	net_text_free(&t);
	return ret;
}

int net_setup(int argc, char **argv __attribute__((unused)))
{
	struct net_conf conf;
	int lock, ret;

	if (argc != 1)
		return EXIT_USAGE;
	if (net_conf_read(&conf))
		return EXIT_FAILURE;
	lock = net_lock();
	if (lock < 0)
		return EXIT_FAILURE;
	ret = make_uplinks();
	if (ret != -ENOSYS)
		ret = make_inner(&conf) || load_rules() ? -1 : ret;
	net_unlock(lock);
	if (!ret)
		net_changed();
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- uplink */

struct uplink {
	uint32_t nic, addr, gateway;
	uint8_t len; /* addr 0: none */
};

/* Domain 0's interface there gets the address; -ENOENT: it has none. */
static int set_vif(const struct uplink *up)
{
	struct xeno_ctl_vnet_info v;
	struct xeno_ctl_vnet_set u;
	int err = hyp_vnet_info(0, up->nic, &v);

	if (err || v.handle != up->nic || !(v.flags & XENO_VNETF_UPLINK))
		return err ? err : -ENOENT;
	net_update_from(&u, &v);
	u.nr_addrs = up->addr ? 1 : 0;
	memset(u.addr, 0, sizeof(u.addr));
	if (up->addr)
		u.addr[0] = (struct xeno_vnet_prefix){ .addr = up->addr, .len = 32 };
	return hyp_vnet_set(0, &u);
}

/* The routes, as text. */
static int write_routes(const struct uplink *up)
{
	char text[256], net[NET_ADDR_MAX], gate[NET_ADDR_MAX];
	const char *path = net_uplink_path(up->nic);
	int len;

	if (!up->addr)
		return unlink(path) && errno != ENOENT ? -1 : 0;
	len = snprintf(text, sizeof(text), "route %s on nic%u\n",
		       net_prefix_text(up->addr & net_mask(up->len), up->len, net), up->nic);
	if (up->gateway)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"route 0.0.0.0/0 on nic%u via %s\n", up->nic,
				net_addr_text(up->gateway, gate));
	return net_write_file(path, text, (size_t)len);
}

static int set_uplink(const struct uplink *up)
{
	char name[NET_NAME_MAX], addr[NET_ADDR_MAX];
	struct net_conf conf;
	int err;

	if (net_conf_read(&conf))
		return EXIT_FAILURE;
	net_iface_text(NULL, XENO_VNET_NIC(up->nic), name);
	if (up->addr && net_overlaps(&conf, up->addr & net_mask(up->len), up->len))
		report("%s: its network holds addresses of the guests' network; network in %s "
		       "gives them another than %s",
		       name, NET_CONF, net_prefix_text(conf.network, conf.network_len, addr));
	err = hyp_vnet_nic_set(up->nic, up->addr);
	if (err == -ENODEV)
		die("there is no %s; see xenctl net list", name);
	if (!err)
		err = set_vif(up);
	if (err == -EEXIST)
		die("%s: the address is another interface's", name);
	if (err == -ENOENT)
		die("domain 0 has no uplink for %s; xenctl net setup makes it", name);
	if (err)
		return net_error("set the uplink of", name, err);
	return write_routes(up) || net_put_again() ? EXIT_FAILURE : EXIT_SUCCESS;
}

int net_uplink(int argc, char **argv)
{
	struct uplink up = { 0 };
	uint64_t nic;
	int lock, ret;

	if (argc < 3 || argc > 4)
		return EXIT_USAGE;
	if (spec_number(argv[1], NET_UPLINKS - 1, &nic))
		die("'%s' is not the number of a card", argv[1]);
	up.nic = (uint32_t)nic;
	if (strcmp(argv[2], "none") &&
	    (!strchr(argv[2], '/') || net_parse_prefix(argv[2], &up.addr, &up.len) || !up.addr ||
	     !up.len))
		die("'%s' is not ADDRESS/LENGTH (192.168.1.5/24)", argv[2]);
	if (argc == 4 && (!up.addr || net_parse_addr(argv[3], &up.gateway) || !up.gateway))
		die("'%s' is not the address of a gateway", argv[3]);
	lock = net_lock();
	if (lock < 0)
		return EXIT_FAILURE;
	ret = set_uplink(&up);
	net_unlock(lock);
	return ret;
}

/* --- limits */

static int update(const char *word, const struct xeno_ctl_vnet_set *u, uint16_t domid)
{
	int err = hyp_vnet_set(domid, u);

	return err ? net_error("change", word, err) : EXIT_SUCCESS;
}

int net_limit(int argc, char **argv)
{
	struct xeno_ctl_vnet_info v;
	struct xeno_ctl_vnet_set u;
	bool packets = false, none;
	char rate[NET_LINE_MAX];
	uint64_t n = 0;
	uint16_t domid;

	if (argc < 3)
		return EXIT_USAGE;
	net_join(rate, argv + 2);
	none = !strcmp(rate, "none");
	for (char *c = rate; *c; c++) /* "10 Mb/s" */
		if (*c == ' ')
			memmove(c, c + 1, strlen(c));
	if (!none && net_parse_rate(rate, &n, &packets))
		die("'%s' is not a limit like 10Mb/s, 500kB/s or 1000packets/s, nor none", rate);
	domid = net_find_vif(argv[1], &v);
	net_update_from(&u, &v);
	if (none || packets)
		u.packets_limit = n;
	if (none || !packets)
		u.bytes_limit = n;
	return update(argv[1], &u, domid);
}

int net_hold(int argc, char **argv)
{
	struct xeno_ctl_vnet_info v;
	struct xeno_ctl_vnet_set u;
	uint64_t packets, ns;
	uint16_t domid;

	if (argc != 4)
		return EXIT_USAGE;
	if (spec_number(argv[2], UINT32_MAX, &packets))
		die("'%s' is not a number of packets (0: at once)", argv[2]);
	if (spec_number(argv[3], 999999999, &ns))
		die("'%s' is not a time in ns below one second", argv[3]);
	domid = net_find_vif(argv[1], &v);
	net_update_from(&u, &v);
	u.hold_packets = (uint32_t)packets;
	u.hold_ns = (uint32_t)ns;
	return update(argv[1], &u, domid);
}

/* --- dhcp-hosts */

static void host_line(const struct net_row *r, void *data __attribute__((unused)))
{
	const struct xeno_ctl_vnet_info *v = r->vif;
	char mac[NET_MAC_MAX], addr[NET_ADDR_MAX], name[NET_NAME_MAX], *dot;

	if (!v || !(v->flags & XENO_VNETF_DHCP) || v->flags & XENO_VNETF_UPLINK)
		return;
	strcpy(name, r->name);
	dot = v->handle ? strrchr(name, '.') : NULL;
	if (dot)
		*dot = '-'; /* one name, not one in a domain of names */
	for (uint32_t i = 0; i < v->nr_addrs; i++)
		if (v->addr[i].len == 32) {
			printf("%s %s %s\n", net_mac_text(v->mac, mac),
			       net_addr_text(v->addr[i].addr, addr), name);
			return;
		}
}

int net_dhcp_hosts(int argc, char **argv __attribute__((unused)))
{
	if (argc != 1)
		return EXIT_USAGE;
	net_each_row(host_line, NULL);
	return EXIT_SUCCESS;
}

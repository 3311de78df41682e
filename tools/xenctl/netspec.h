/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How network things are written: addresses, rates, the interfaces of guests (xl's syntax with
 * keys of our own) and /etc/xeno/net.conf. Pure. Addresses are numbers as in public/vnet.h.
 *
 *	ip=10.0.0.5, mac=00:16:3e:01:02:03, rate=10Mb/s
 *
 * ip= may hold several addresses and prefixes with blanks between them. Of ours: gateway=ADDR,
 * pps=PACKETS per second, conns=N tracked connections. Keys of xl that mean nothing here are
 * taken, and named in ignored.
 */
#ifndef XENCTL_NETSPEC_H
#define XENCTL_NETSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <public/vnet.h>

#include "spec.h"
#include "xlcfg.h"

#define NET_LIMIT_MAX (1ull << 40) /* of rates */

/* --- words. -1: it is not one */
int net_parse_addr(const char *s, uint32_t *addr);
/* "10.0.0.0/24", "10.0.0.5", "any", "default". The bits behind the prefix are not looked at. */
int net_parse_prefix(const char *s, uint32_t *addr, uint8_t *len);
int net_parse_mac(const char *s, uint8_t mac[6]);
/* "10Mb/s", "500kB/s": bytes per second, of 1000s as xl counts. "200packets/s", "200pps". */
int net_parse_rate(const char *s, uint64_t *n, bool *packets);
uint32_t net_mask(unsigned int len);

#define NET_ADDR_MAX 20 /* "255.255.255.255/32" */
#define NET_MAC_MAX 18
const char *net_addr_text(uint32_t addr, char buf[NET_ADDR_MAX]);
/* Without /32. */
const char *net_prefix_text(uint32_t addr, unsigned int len, char buf[NET_ADDR_MAX]);
const char *net_mac_text(const uint8_t mac[6], char buf[NET_MAC_MAX]);
/* "10.0 Mb/s"; 0: "-" */
const char *net_rate_text(uint64_t bytes, char buf[24]);

/* --- interfaces of guests */

struct vif_spec {
	char text[SPEC_TEXT_MAX]; /* as it was given */
	uint8_t mac[6];		  /* all 0: not given */
	uint32_t gateway;	  /* 0: not given */
	uint32_t nr_addrs;
	struct xeno_vnet_prefix addr[XENO_VNET_MAX_ADDRS];
	uint64_t bytes_limit, packets_limit;
	uint32_t conns;
	uint32_t chosen; /* the address that was found for it the last time; 0: none */
	char ignored[64];
};

/* -1: err says what is wrong. */
int vifspec_parse(struct vif_spec *s, const char *text, char err[SPEC_ERR]);
/* 00:16:3e and a hash of the domain's name and the interface's number. */
void vif_default_mac(const char *domain, uint32_t handle, uint8_t mac[6]);

/* --- net.conf */

struct net_conf {
	uint32_t network, gateway, dom0;
	uint8_t network_len;
	uint32_t pool_first, pool_last;
};

/* What c says, with defaults for what it does not. -1: err says what is wrong. */
int netconf_from(struct net_conf *n, const struct xlcfg *c, char err[SPEC_ERR]);

#endif

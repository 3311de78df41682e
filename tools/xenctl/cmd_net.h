/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of `xenctl net`, and what they share. argv[0] is the part's name. */
#ifndef XENCTL_CMD_NET_H
#define XENCTL_CMD_NET_H

#include "nets.h"
#include "xenctl.h"

command_fn net_list, net_show;
command_fn net_rule, net_nat, net_forward, net_save;
command_fn net_setup, net_uplink, net_limit, net_hold, net_dhcp_hosts;
command_fn net_log, net_stats, net_connections, net_refusals;
command_fn net_capture, net_explain;

/* An interface, of a domain or a card: one of vif and nic is set. */
struct net_row {
	uint32_t iface;
	char name[NET_NAME_MAX];
	const struct xeno_ctl_vnet_info *vif;
	const struct xeno_ctl_vnet_nic *nic;
	const struct xeno_vnet_stats *stats;
};

/* Calls fn for all cards, then for the interfaces of all domains. Dies. */
void net_each_row(void (*fn)(const struct net_row *r, void *data), void *data);
const char *net_vif_state(const struct xeno_ctl_vnet_info *v);
/* "10.0.0.5 10.0.1.0/24", or "-" */
#define NET_ADDRS_MAX (XENO_VNET_MAX_ADDRS * NET_ADDR_MAX + 2)
const char *net_addrs_text(const struct net_row *r, char buf[NET_ADDRS_MAX]);
/* Reasons and numbers of frames refused on an interface; all: those of none, too. 0 or -Exxx. */
int net_refusals_text(uint32_t iface, const char *indent, bool all);
/* The words of arguments with single blanks. Dies when they are too long for a line. */
#define NET_LINE_MAX 1024
void net_join(char line[NET_LINE_MAX], char **words);
/* "tcp", "udp", "icmp" or a number; and back, -1: neither. */
const char *net_proto_text(uint8_t proto, char buf[8]);
int net_proto_number(const char *word);

/* Counters of the rules that the hypervisor has. */
struct rule_stats {
	struct xeno_vnet_rule *rules;
	struct xeno_vnet_rule_stat *stats;
	uint32_t nr;
};
int rule_stats_get(struct rule_stats *s); /* 0 or -Exxx */
/* NULL: the rule is not in force. */
const struct xeno_vnet_rule_stat *rule_stats_find(const struct rule_stats *s, uint32_t id);
void rule_stats_free(struct rule_stats *s);

#endif

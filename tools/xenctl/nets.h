/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The network as it runs: the text of the rules and what the hypervisor has of it, the interfaces
 * of domains, and their names. Who changes something holds the lock.
 */
#ifndef XENCTL_NETS_H
#define XENCTL_NETS_H

#include "guestcfg.h"
#include "netrules.h"

#define NET_RUN_DIR "/run/xeno"
#define NET_RULES NET_RUN_DIR "/net.rules"    /* the text in force */
#define NET_SAVED_RULES "/etc/xeno/net.rules" /* that of the next start */
#define NET_CONF "/etc/xeno/net.conf"
#define NET_CHANGED "/etc/xeno/net-changed" /* runs after a change of interfaces */

#define NET_INNER 15 /* domain 0's interface towards the other domains */

/* As report_error(), with words for a hypervisor that has no network. Always EXIT_FAILURE. */
int net_error(const char *what, const char *name, int err);

/* -1: a message was printed. */
int net_lock(void);
void net_unlock(int lock);

/* --- the text */

struct net_text {
	char *text;
	struct netrules rules;
};

/* A file that is not there is empty with `absent`. -1: a message was printed. */
int net_text_read(struct net_text *t, const char *path, bool absent);
void net_text_free(struct net_text *t);
/* Writes a file whole or not at all. -1: a message was printed. */
int net_write_file(const char *path, const char *text, size_t len);

/*
 * Locked: the hypervisor gets what t says, of the domains there are; path is for messages.
 * -1: a message was printed, and nothing has changed; -2: some lists have.
 */
int net_put(const struct net_text *t, const char *path);
/* Locked: net_put() of the running text. */
int net_put_again(void);
/*
 * Locked: this text, called name in messages, becomes the running one; or a message is
 * printed, and nothing changes.
 */
int net_replace(const char *text, size_t len, const char *name);
/* Where the routes of a card's uplink are kept, as lines of rules. */
const char *net_uplink_path(uint32_t nic);
#define NET_UPLINKS NET_INNER

/* --- names */

/* "dom0" or the name of a domain that runs: its number, else -1. Of the domains at the first call. */
int net_find_domain(const char *name, void *unused);
/* The name of a domain as rules have it. */
const char *net_domain_name(uint16_t domid, const struct xeno_ctl_info *info);
const char *net_iface_name(uint32_t iface, char buf[NET_NAME_MAX]);
/* The interface called word, which need not be there. Dies when its domain does not run. */
uint32_t net_iface_named(const char *word);
/* An interface of a domain that is there: "demo1", "3.1". Dies when not. */
uint16_t net_find_vif(const char *word, struct xeno_ctl_vnet_info *v);

/* --- interfaces of domains */

int net_conf_read(struct net_conf *n); /* -1: a message was printed */
/* The guests' network has addresses of addr/len. */
bool net_overlaps(const struct net_conf *n, uint32_t addr, unsigned int len);
/* What keeps an interface as it is, with UPDATE. */
void net_update_from(struct xeno_ctl_vnet_set *u, const struct xeno_ctl_vnet_info *v);
/* The domain gets an interface; s->chosen is set. Locked. -1: err says why not. */
int net_attach(uint16_t domid, const char *domain, uint32_t handle, struct vif_spec *s,
	       char err[SPEC_ERR]);
bool net_has_vifs(uint16_t domid);
/* Interfaces have come or gone: NET_CHANGED runs. Not locked. */
void net_changed(void);

/* All interfaces of a configuration. -1: a message was printed. */
int nets_check(const struct guest_cfg *g);
int nets_attach(uint16_t domid, struct guest_cfg *g);
/* A domain that had interfaces is gone. */
void nets_gone(void);

#endif

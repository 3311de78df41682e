/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The router as the rest of the hypervisor sees it. Report section 3.4.
 *
 * vnet/vif.c: interfaces of domains, their life and directory; vnet/ring.c: their rings;
 * vnet/router.c: what becomes of a frame; vnet/port.c: interfaces as the router sees
 * them, cards, what waits; vnet/lists.c: rules and other lists; vnet/log.c: events and captures.
 * The rest of vnet/ is pure and told in hyp/vnet_pkt.h, vnet_rules.h, vnet_ct.h.
 */
#ifndef HYP_VNET_H
#define HYP_VNET_H

#include <public/control.h>

struct domain;

/* Boot, when the cards are known and before domain 0 runs. */
void vnet_init(void);
int vnet_domain_init(struct domain *d);
/* Bounded, d not running: ends d's interfaces. True when nothing of them is left or in flight. */
bool vnet_relinquish(struct domain *d);
void vnet_domain_destroy(struct domain *d);
/* The guest changed its directory at or below device/. Any locks held. */
void vnet_directory_changed(struct domain *d);

/* --- control operations (public/vnet.h). Those of a domain with its ctl_lock held. */
int vnet_set(struct domain *d, const struct xeno_ctl_vnet_set *u);
int vnet_remove(struct domain *d, const struct xeno_ctl_vnet_remove *u);
int vnet_info(struct domain *d, struct xeno_ctl_vnet_info *u);
int vnet_nic_info(struct xeno_ctl_vnet_nic *u);
int vnet_nic_set(const struct xeno_ctl_vnet_nic *u);
int vnet_refusals(struct xeno_ctl_vnet_refusals *u);
int vnet_explain(struct xeno_ctl_vnet_explain *u);
/* These read and write the caller's memory themselves. -EFAULT. */
int vnet_list_get(struct xeno_ctl_vnet_list *u);
int vnet_list_set(struct xeno_ctl_vnet_list *u);
int vnet_events(struct xeno_ctl_vnet_events *u);
int vnet_capture(struct xeno_ctl_vnet_capture *u);

#endif

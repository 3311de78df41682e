/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports, as the files of event/ see them. All but the lock functions: d->evt_lock held. */
#ifndef HYP_EVTCHN_H
#define HYP_EVTCHN_H

#include <hyp/event.h>
#include <public/event_channel.h>

/* A state of ours, shown to guests as interdomain; they may close it if remote is DOMID_HYP. */
#define EVTCHN_HYP 16

struct evtchn_port {
	uint8_t state;	/* EVTCHNSTAT_* or EVTCHN_HYP */
	uint8_t vcpu;	/* that is told */
	domid_t remote; /* unbound: who may bind it; interdomain: whose the peer is */
	uint32_t n;	/* the peer's port, the VIRQ, the physical interrupt */
	evtchn_hyp_fn *fn;
	void *data;
};

/* NULL: no such port, or closed. */
struct evtchn_port *evtchn_port(struct domain *d, uint32_t port);
/* The first port from the given one on that is not closed; 0: none. Takes the lock itself. */
uint32_t evtchn_next(struct domain *d, uint32_t port);
/* A free port, now in that state; 0, -ENOSPC, -ENOMEM, -ESRCH: d is dying. */
int evtchn_new(struct domain *d, unsigned int state, uint32_t *port, struct evtchn_port **p);
void evtchn_free(struct domain *d, uint32_t port);
void evtchn_set_pending(struct domain *d, uint32_t port);
void evtchn_lock_two(struct domain *a, struct domain *b);
void evtchn_unlock_two(struct domain *a, struct domain *b);
/* Takes the locks itself. own: the hypervisor's ports too, which guests may not close. */
int evtchn_close(struct domain *d, uint32_t port, bool own);

#endif

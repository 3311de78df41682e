/* SPDX-License-Identifier: GPL-2.0-only */
/* Event channels, 2-level ABI (public/event_channel.h); report section 3.2.3. */
#ifndef HYP_EVENT_H
#define HYP_EVENT_H

#include <hyp/call.h>
#include <hyp/types.h>

struct domain;
struct vcpu;

int evtchn_domain_init(struct domain *d);
void evtchn_domain_destroy(struct domain *d); /* closes all ports */

/* Virtual interrupts; a no-op when unbound. Any context. */
void virq_send(struct vcpu *v, unsigned int virq);
void virq_send_global(struct domain *d, unsigned int virq);

/*
 * Hypervisor-bound ports: the hypervisor is the remote end of a guest's port.
 * fn is called when the guest sends on it, in the sender's hypercall, without locks held.
 */
typedef void evtchn_hyp_fn(struct domain *d, uint32_t port, void *data);
int evtchn_alloc_hyp(struct domain *d, evtchn_hyp_fn *fn, void *data, uint32_t *port);
/*
 * Makes the hypervisor the remote end of a port that the guest has left unbound for
 * DOMID_HYP. The guest may close it. -EINVAL: there is no such port.
 */
int evtchn_bind_hyp(struct domain *d, uint32_t port, evtchn_hyp_fn *fn, void *data);
/* Signals the guest at the port. */
void evtchn_notify(struct domain *d, uint32_t port);
/* For the tools: an unbound port of d that remote may bind. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);

/* Makes v look at its pending events: unblocks it, interrupts its CPU when it runs elsewhere. */
void vcpu_kick(struct vcpu *v);
/* v has an unmasked pending upcall. */
bool vcpu_event_pending(const struct vcpu *v);

/* Physical interrupts of dom0 (event/pirq.c). Vector handler, interrupt context; true = was a guest's. */
bool pirq_interrupt(unsigned int vector);

long hc_event_channel_op(struct hc_args *a);
long hc_event_channel_op_compat(struct hc_args *a);
long hc_physdev_op(struct hc_args *a);
long hc_platform_op(struct hc_args *a);

#endif

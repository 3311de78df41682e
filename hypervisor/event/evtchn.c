/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels, 2-level ABI (public/event_channel.h): ports, their states, and
 * making an event pending. Report section 3.2.3.
 *
 * A port of d is protected by d->evt_lock. An interdomain port and its peer name each
 * other, both or neither; so binding and closing one takes both locks, lower domain
 * first, while sending needs the peer's only. A port bound to the hypervisor has a function in place of
 * the peer, which is called without locks and may thus outlive the port for a moment.
 *
 * An event is: the port's pending bit; if that was clear and the port is not
 * masked, its word's bit in the vcpu's selector; if that was clear, the vcpu's
 * upcall flag and a kick. The guest takes them back in the opposite order.
 */
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/evtchn.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <public/event_channel.h>

#define PORTS_PER_BUCKET 128
#define NR_BUCKETS (EVTCHN_2L_NR_CHANNELS / PORTS_PER_BUCKET)

struct evtchn_domain {
	struct evtchn_port *bucket[NR_BUCKETS];
};

/* --- telling a vcpu */

void vcpu_kick(struct vcpu *v)
{
	if (READ_ONCE(v->pause_flags) & (VPF_BLOCKED | VPF_POLL))
		vcpu_unblock(v);
	else if (READ_ONCE(v->running) && READ_ONCE(v->cpu) != smp_id())
		smp_send_kick(READ_ONCE(v->cpu));
}

bool vcpu_event_pending(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) && !READ_ONCE(v->info->evtchn_upcall_mask);
}

static void upcall(struct vcpu *v, uint32_t port)
{
	if (test_and_set_atomic(&v->info->evtchn_pending_sel, port / 64))
		return;
	if (!__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
		vcpu_kick(v);
}

static void wake_pollers(struct domain *d, uint32_t port)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v && (READ_ONCE(v->pause_flags) & VPF_POLL) &&
		    (!v->poll_port || v->poll_port == port))
			vcpu_unblock(v);
	}
}

void evtchn_set_pending(struct domain *d, uint32_t port)
{
	const struct evtchn_port *p = evtchn_port(d, port);

	ASSERT(spin_held(&d->evt_lock));
	if (test_and_set_atomic(d->shared->evtchn_pending, port))
		return;
	if (!test_bit(d->shared->evtchn_mask, port))
		upcall(d->vcpu[p->vcpu], port);
	wake_pollers(d, port);
}

/* --- ports */

struct evtchn_port *evtchn_port(struct domain *d, uint32_t port)
{
	struct evtchn_port *b;

	if (!port || port >= EVTCHN_2L_NR_CHANNELS || !d->evt)
		return NULL;
	b = d->evt->bucket[port / PORTS_PER_BUCKET];
	if (!b || b[port % PORTS_PER_BUCKET].state == EVTCHNSTAT_closed)
		return NULL;
	return &b[port % PORTS_PER_BUCKET];
}

/* Closing all ports is not to fight for the lock 4095 times. */
uint32_t evtchn_next(struct domain *d, uint32_t port)
{
	spin_lock(&d->evt_lock);
	while (port < EVTCHN_2L_NR_CHANNELS && !evtchn_port(d, port))
		port++;
	spin_unlock(&d->evt_lock);
	return port < EVTCHN_2L_NR_CHANNELS ? port : 0;
}

int evtchn_new(struct domain *d, unsigned int state, uint32_t *port, struct evtchn_port **p)
{
	ASSERT(spin_held(&d->evt_lock));
	if (!d->evt || domain_is_dying(d))
		return -ESRCH;
	for (uint32_t i = 1; i < EVTCHN_2L_NR_CHANNELS; i++) {
		struct evtchn_port **b = &d->evt->bucket[i / PORTS_PER_BUCKET];

		if (!*b)
			*b = hyp_alloc(PORTS_PER_BUCKET * sizeof(**b));
		if (!*b)
			return -ENOMEM;
		if ((*b)[i % PORTS_PER_BUCKET].state != EVTCHNSTAT_closed)
			continue;
		*p = &(*b)[i % PORTS_PER_BUCKET];
		(*p)->state = (uint8_t)state;
		*port = i;
		return 0;
	}
	return -ENOSPC;
}

void evtchn_free(struct domain *d, uint32_t port)
{
	test_and_clear_atomic(d->shared->evtchn_pending, port);
	*evtchn_port(d, port) = (struct evtchn_port){ .state = EVTCHNSTAT_closed };
}

void evtchn_lock_two(struct domain *a, struct domain *b)
{
	spin_lock(a->id <= b->id ? &a->evt_lock : &b->evt_lock);
	if (a != b)
		spin_lock_nested(a->id <= b->id ? &b->evt_lock : &a->evt_lock);
}

void evtchn_unlock_two(struct domain *a, struct domain *b)
{
	spin_unlock(&a->evt_lock);
	if (a != b)
		spin_unlock(&b->evt_lock);
}

int evtchn_domain_init(struct domain *d)
{
	spin_init(&d->evt_lock, RANK_EVENT, "events");
	d->evt = hyp_alloc(sizeof(*d->evt));
	return d->evt ? 0 : -ENOMEM;
}

/* Whoever still has a reference to d finds no port any more. */
void evtchn_domain_destroy(struct domain *d)
{
	struct evtchn_domain *e = d->evt;

	if (!e)
		return;
	for (uint32_t port = 0; (port = evtchn_next(d, port + 1));)
		evtchn_close(d, port, true);
	spin_lock(&d->evt_lock);
	d->evt = NULL;
	spin_unlock(&d->evt_lock);
	for (unsigned int i = 0; i < NR_BUCKETS; i++)
		hyp_free(e->bucket[i]);
	hyp_free(e);
}

/* --- for the hypervisor's own use */

int evtchn_alloc_hyp(struct domain *d, evtchn_hyp_fn *fn, void *data, uint32_t *port)
{
	struct evtchn_port *p;
	int err;

	spin_lock(&d->evt_lock);
	err = evtchn_new(d, EVTCHN_HYP, port, &p);
	if (!err) {
		p->fn = fn;
		p->data = data;
	}
	spin_unlock(&d->evt_lock);
	return err;
}

int evtchn_bind_hyp(struct domain *d, uint32_t port, evtchn_hyp_fn *fn, void *data)
{
	struct evtchn_port *p;
	int err = -EINVAL;

	spin_lock(&d->evt_lock);
	p = evtchn_port(d, port);
	if (p && p->state == EVTCHNSTAT_unbound && p->remote == DOMID_HYP) {
		p->state = EVTCHN_HYP;
		p->fn = fn;
		p->data = data;
		err = 0;
	}
	spin_unlock(&d->evt_lock);
	return err;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
	struct evtchn_port *p;
	int err;

	spin_lock(&d->evt_lock);
	err = evtchn_new(d, EVTCHNSTAT_unbound, port, &p);
	if (!err)
		p->remote = remote;
	spin_unlock(&d->evt_lock);
	return err;
}

void evtchn_notify(struct domain *d, uint32_t port)
{
	spin_lock(&d->evt_lock);
	if (evtchn_port(d, port))
		evtchn_set_pending(d, port);
	spin_unlock(&d->evt_lock);
}

void virq_send(struct vcpu *v, unsigned int virq)
{
	struct domain *d = v->domain;

	spin_lock(&d->evt_lock);
	if (evtchn_port(d, v->virq_port[virq]))
		evtchn_set_pending(d, v->virq_port[virq]);
	spin_unlock(&d->evt_lock);
}

void virq_send_global(struct domain *d, unsigned int virq)
{
	if (d && d->vcpu[0])
		virq_send(d->vcpu[0], virq);
}

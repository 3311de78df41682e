/* SPDX-License-Identifier: GPL-2.0-only */
/* event_channel_op: the operations of guests on their ports (event/evtchn.c). */
#include <hyp/call.h>
#include <hyp/domain.h>
#include <hyp/evtchn.h>
#include <hyp/lib.h>
#include <hyp/pirq.h>

union op {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
};

static bool virq_is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENO_VTIMER;
}

/* A domain whose ports the caller may handle: itself, or any for domain 0. */
static int get_domain(domid_t id, struct domain **d)
{
	*d = domain_find_self(id);
	if (!*d)
		return -ESRCH;
	if (*d == current->domain || is_dom0(current->domain))
		return 0;
	domain_put(*d);
	return -EPERM;
}

static long op_alloc_unbound(union op *o)
{
	struct evtchn_alloc_unbound *u = &o->alloc_unbound;
	struct domain *d;
	int err = get_domain(u->dom, &d);

	if (err)
		return err;
	err = evtchn_alloc_unbound(
		d, u->remote_dom == DOMID_SELF ? current->domain->id : u->remote_dom, &u->port);
	domain_put(d);
	return err;
}

static int bind_two(struct domain *d, struct domain *r, struct evtchn_bind_interdomain *b)
{
	struct evtchn_port *theirs = evtchn_port(r, b->remote_port), *ours;
	int err;

	if (!theirs || theirs->state != EVTCHNSTAT_unbound || theirs->remote != d->id)
		return -EINVAL;
	err = evtchn_new(d, EVTCHNSTAT_interdomain, &b->local_port, &ours);
	if (err)
		return err;
	ours->remote = r->id;
	ours->n = b->remote_port;
	theirs->state = EVTCHNSTAT_interdomain;
	theirs->n = b->local_port;
	/* What the peer sent before, nobody heard. */
	evtchn_set_pending(d, b->local_port);
	return 0;
}

static long op_bind_interdomain(union op *o)
{
	struct domain *d = current->domain, *r = domain_find_self(o->bind_interdomain.remote_dom);
	int err;

	if (!r)
		return -ESRCH;
	evtchn_lock_two(d, r);
	err = bind_two(d, r, &o->bind_interdomain);
	evtchn_unlock_two(d, r);
	domain_put(r);
	return err;
}

static long op_bind_virq(union op *o)
{
	struct evtchn_bind_virq *b = &o->bind_virq;
	struct domain *d = current->domain;
	struct evtchn_port *p;
	struct vcpu *v;
	int err = -EEXIST;

	if (b->virq >= NR_VIRQS || (virq_is_global(b->virq) && b->vcpu))
		return -EINVAL;
	if (b->vcpu >= d->max_vcpus)
		return -ENOENT;
	v = d->vcpu[b->vcpu];
	spin_lock(&d->evt_lock);
	if (!v->virq_port[b->virq])
		err = evtchn_new(d, EVTCHNSTAT_virq, &b->port, &p);
	if (!err) {
		p->vcpu = (uint8_t)b->vcpu;
		p->n = b->virq;
		v->virq_port[b->virq] = b->port;
	}
	spin_unlock(&d->evt_lock);
	return err;
}

static long op_bind_ipi(union op *o)
{
	struct domain *d = current->domain;
	struct evtchn_port *p;
	int err;

	if (o->bind_ipi.vcpu >= d->max_vcpus)
		return -ENOENT;
	spin_lock(&d->evt_lock);
	err = evtchn_new(d, EVTCHNSTAT_ipi, &o->bind_ipi.port, &p);
	if (!err)
		p->vcpu = (uint8_t)o->bind_ipi.vcpu;
	spin_unlock(&d->evt_lock);
	return err;
}

static long op_bind_pirq(union op *o)
{
	return pirq_bind(current->domain, o->bind_pirq.pirq,
			 o->bind_pirq.flags & BIND_PIRQ__WILL_SHARE, &o->bind_pirq.port);
}

/* --- closing */

/* The end of an interdomain channel: the peer becomes unbound, waiting for d again. */
static void close_two(struct domain *d, uint32_t port, domid_t remote)
{
	struct domain *r = domain_find(remote);
	struct evtchn_port *p, *peer;

	if (!r)
		return;
	evtchn_lock_two(d, r);
	p = evtchn_port(d, port);
	if (p && p->state == EVTCHNSTAT_interdomain && p->remote == remote) {
		peer = evtchn_port(r, p->n);
		peer->state = EVTCHNSTAT_unbound;
		peer->remote = d->id;
		evtchn_free(d, port);
	}
	evtchn_unlock_two(d, r);
	domain_put(r);
}

/* The hypervisor's own, which guests may not close. */
static bool is_ours(const struct evtchn_port *p)
{
	return p->state == EVTCHN_HYP && p->remote != DOMID_HYP;
}

int evtchn_close(struct domain *d, uint32_t port, bool own)
{
	struct evtchn_port *p, was = { .state = EVTCHNSTAT_closed };

	spin_lock(&d->evt_lock);
	p = evtchn_port(d, port);
	if (p)
		was = *p;
	if (was.state == EVTCHNSTAT_virq)
		d->vcpu[virq_is_global(was.n) ? 0 : was.vcpu]->virq_port[was.n] = 0;
	if (p && was.state != EVTCHNSTAT_interdomain && (own || !is_ours(&was)))
		evtchn_free(d, port);
	spin_unlock(&d->evt_lock);
	if (was.state == EVTCHNSTAT_closed || (is_ours(&was) && !own))
		return -EINVAL;
	if (was.state == EVTCHNSTAT_interdomain)
		close_two(d, port, was.remote);
	else if (was.state == EVTCHNSTAT_pirq)
		pirq_unbind(was.n);
	return 0;
}

static long op_close(union op *o)
{
	return evtchn_close(current->domain, o->close.port, false);
}

static long op_reset(union op *o)
{
	unsigned int done = 0;
	struct domain *d;
	int err = get_domain(o->reset.dom, &d);

	if (err)
		return err;
	for (uint32_t port = 0; !err && (port = evtchn_next(d, port + 1));)
		if (!evtchn_close(d, port, false) && hc_preempt_due(++done))
			err = HC_RESTART;
	domain_put(d);
	return err;
}

/* --- sending */

/* Only the peer's lock is needed: it names us, or the channel is closed by now. */
static void send_remote(struct domain *d, uint32_t port, const struct evtchn_port *p)
{
	struct domain *r = domain_find(p->remote);
	struct evtchn_port *peer;

	if (!r)
		return;
	spin_lock(&r->evt_lock);
	peer = evtchn_port(r, p->n);
	if (peer && peer->state == EVTCHNSTAT_interdomain && peer->remote == d->id &&
	    peer->n == port)
		evtchn_set_pending(r, p->n);
	spin_unlock(&r->evt_lock);
	domain_put(r);
}

static long op_send(union op *o)
{
	struct domain *d = current->domain;
	uint32_t port = o->send.port;
	struct evtchn_port *found, p = { .state = EVTCHNSTAT_closed };

	spin_lock(&d->evt_lock);
	found = evtchn_port(d, port);
	if (found)
		p = *found;
	if (p.state == EVTCHNSTAT_ipi)
		evtchn_set_pending(d, port);
	spin_unlock(&d->evt_lock);
	switch (p.state) {
	case EVTCHNSTAT_interdomain:
		send_remote(d, port, &p);
		return 0;
	case EVTCHN_HYP:
		p.fn(d, port, p.data);
		return 0;
	case EVTCHNSTAT_ipi:
	case EVTCHNSTAT_unbound: /* nobody listens yet */
		return 0;
	default:
		return -EINVAL;
	}
}

static long op_unmask(union op *o)
{
	struct domain *d = current->domain;
	uint32_t port = o->unmask.port;
	long ret = -EINVAL;

	spin_lock(&d->evt_lock);
	if (evtchn_port(d, port)) {
		ret = 0;
		/* Taken and set again, it is delivered as a new one. */
		if (test_and_clear_atomic(d->shared->evtchn_mask, port) &&
		    test_and_clear_atomic(d->shared->evtchn_pending, port))
			evtchn_set_pending(d, port);
	}
	spin_unlock(&d->evt_lock);
	return ret;
}

/* --- the rest */

static long op_bind_vcpu(union op *o)
{
	struct domain *d = current->domain;
	struct evtchn_port *p;
	long ret = -EINVAL;

	if (o->bind_vcpu.vcpu >= d->max_vcpus)
		return -ENOENT;
	spin_lock(&d->evt_lock);
	p = evtchn_port(d, o->bind_vcpu.port);
	if (p && p->state != EVTCHNSTAT_ipi &&
	    (p->state != EVTCHNSTAT_virq || virq_is_global(p->n))) {
		p->vcpu = (uint8_t)o->bind_vcpu.vcpu;
		ret = 0;
	}
	spin_unlock(&d->evt_lock);
	return ret;
}

static void show(const struct evtchn_port *p, struct evtchn_status *s)
{
	s->status = p->state;
	s->vcpu = p->vcpu;
	switch (p->state) {
	case EVTCHNSTAT_unbound:
		s->u.unbound.dom = p->remote;
		break;
	case EVTCHNSTAT_interdomain:
		s->u.interdomain.dom = p->remote;
		s->u.interdomain.port = p->n;
		break;
	case EVTCHN_HYP:
		s->status = EVTCHNSTAT_interdomain;
		s->u.interdomain.dom = DOMID_HYP;
		s->u.interdomain.port = 0;
		break;
	case EVTCHNSTAT_pirq:
		s->u.pirq = p->n;
		break;
	case EVTCHNSTAT_virq:
		s->u.virq = p->n;
		break;
	}
}

static long op_status(union op *o)
{
	struct evtchn_status *s = &o->status;
	struct evtchn_port *p;
	struct domain *d;
	int err = get_domain(s->dom, &d);

	if (err)
		return err;
	if (!s->port || s->port >= EVTCHN_2L_NR_CHANNELS)
		err = -EINVAL;
	s->status = EVTCHNSTAT_closed;
	spin_lock(&d->evt_lock);
	p = evtchn_port(d, s->port);
	if (p)
		show(p, s);
	spin_unlock(&d->evt_lock);
	domain_put(d);
	return err;
}

static const struct {
	long (*fn)(union op *o);
	uint8_t size;
	bool out;
} ops[] = {
#define OP(name, out) [EVTCHNOP_##name] = { op_##name, sizeof(struct evtchn_##name), out }
	OP(bind_interdomain, true), OP(bind_virq, true), OP(bind_pirq, true),
	OP(close, false),	    OP(send, false),	 OP(status, true),
	OP(alloc_unbound, true),    OP(bind_ipi, true),	 OP(bind_vcpu, false),
	OP(unmask, false),	    OP(reset, false),
#undef OP
};

/* A result that cannot be written is a port the caller does not know of: it is closed again. */
static void undo(unsigned int cmd, const union op *o)
{
	static const uint8_t at[] = {
		[EVTCHNOP_bind_interdomain] = offsetof(struct evtchn_bind_interdomain, local_port),
		[EVTCHNOP_bind_virq] = offsetof(struct evtchn_bind_virq, port),
		[EVTCHNOP_bind_pirq] = offsetof(struct evtchn_bind_pirq, port),
		[EVTCHNOP_alloc_unbound] = offsetof(struct evtchn_alloc_unbound, port),
		[EVTCHNOP_bind_ipi] = offsetof(struct evtchn_bind_ipi, port),
	};
	struct domain *d;
	uint32_t port;

	if (cmd >= ARRAY_SIZE(at) || (!at[cmd] && cmd != EVTCHNOP_alloc_unbound))
		return;
	d = domain_find_self(cmd == EVTCHNOP_alloc_unbound ? o->alloc_unbound.dom : DOMID_SELF);
	if (!d)
		return;
	memcpy(&port, (const char *)o + at[cmd], sizeof(port));
	evtchn_close(d, port, false);
	domain_put(d);
}

static long event_op(uint64_t cmd, uint64_t gva)
{
	union op o;
	long ret;

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -ENOSYS;
	if (!guest_read(&o, gva, ops[cmd].size))
		return -EFAULT;
	ret = ops[cmd].fn(&o);
	if (ret || !ops[cmd].out || guest_write(gva, &o, ops[cmd].size))
		return ret;
	undo((unsigned int)cmd, &o);
	return -EFAULT;
}

/* (EVTCHNOP_*, guest address of its structure) */
long hc_event_channel_op(struct hc_args *a)
{
	return event_op(a->arg[0], a->arg[1]);
}

/* (guest address of struct evtchn_op) */
long hc_event_channel_op_compat(struct hc_args *a)
{
	uint32_t cmd;

	if (!guest_read(&cmd, a->arg[0], sizeof(cmd)))
		return -EFAULT;
	return event_op(cmd, a->arg[0] + offsetof(struct evtchn_op, u));
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of devices that domain 0 drives. Mapping gives one a number, binding
 * a port and a vector. All come to CPU 0: event channels carry them on to the vcpu
 * domain 0 chose.
 *
 * A level-triggered GSI is masked when it comes and unmasked by PHYSDEVOP_eoi, so
 * that an interrupt domain 0 does not serve stays one interrupt. Edges and messages are
 * acknowledged at once; while domain 0 is busy, more of them are one event.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/evtchn.h>
#include <hyp/lib.h>
#include <hyp/pirq.h>
#include <hyp/smp.h>

#define NR_PIRQS 512
#define ISA_IRQS 16
#define IRQ_CPU 0

enum pirq_kind { PIRQ_NONE, PIRQ_GSI, PIRQ_MSI };

static struct pirq {
	uint8_t kind;
	uint8_t vector;	      /* 0: not bound */
	bool level, low, set; /* GSI: how it is triggered; as setup_gsi said */
	bool kept;	      /* GSI: the hypervisor's */
	bool in_service;      /* masked until the guest's eoi */
	uint32_t port;
	struct msi msi;
} pirqs[NR_PIRQS]; /* protected by lock */

static uint16_t by_vector[256]; /* pirq + 1; protected by lock */
static struct spinlock lock = SPINLOCK_INIT(RANK_PIRQ, "pirq");

static bool is_gsi(uint32_t n)
{
	return n < ioapic_nr_gsis() && n < NR_PIRQS;
}

static struct pirq *mapped(uint32_t n)
{
	return n < NR_PIRQS && pirqs[n].kind != PIRQ_NONE ? &pirqs[n] : NULL;
}

/* ISA interrupts are edges, others levels, if nobody said otherwise. */
static void default_trigger(uint32_t gsi)
{
	struct pirq *p = &pirqs[gsi];
	bool level, low;

	if (p->set)
		return;
	p->level = p->low = true;
	for (unsigned int irq = 0; irq < ISA_IRQS; irq++)
		if (isa_irq_to_gsi(irq, &level, &low) == gsi) {
			p->level = level;
			p->low = low;
		}
}

void pirq_keep_gsi(unsigned int gsi)
{
	if (gsi < NR_PIRQS)
		pirqs[gsi].kept = true;
}

int pirq_setup_gsi(uint32_t gsi, bool level, bool low)
{
	struct pirq *p = &pirqs[gsi];
	int err = 0;

	if (!is_gsi(gsi))
		return -EINVAL;
	spin_lock(&lock);
	if (p->vector && (p->level != level || p->low != low)) {
		err = -EBUSY;
	} else {
		p->level = level;
		p->low = low;
		p->set = true;
	}
	spin_unlock(&lock);
	return err;
}

/* --- mapping */

static int map_gsi(struct physdev_map_pirq *m)
{
	uint32_t gsi = (uint32_t)m->index;

	if (!is_gsi(gsi) || (m->pirq >= 0 && m->pirq != m->index))
		return -EINVAL;
	spin_lock(&lock);
	if (pirqs[gsi].kind == PIRQ_NONE) {
		default_trigger(gsi);
		pirqs[gsi].kind = PIRQ_GSI;
	}
	spin_unlock(&lock);
	m->pirq = m->index;
	return 0;
}

static int find_free(void)
{
	for (uint32_t n = NR_PIRQS; n-- > ioapic_nr_gsis();)
		if (pirqs[n].kind == PIRQ_NONE)
			return (int)n;
	return -ENOSPC;
}

static int map_msi(struct physdev_map_pirq *m)
{
	struct msi msi = { .bdf = (uint16_t)((m->bus & 0xff) << 8 | (m->devfn & 0xff)),
			   .x = m->table_base != 0,
			   .entry = (uint16_t)m->entry_nr };
	int n = -EEXIST, err;

	if (m->bus < 0 || m->bus > 0xff || m->devfn < 0 || m->devfn > 0xff || m->entry_nr < 0 ||
	    m->entry_nr > 0x7ff || (m->pirq >= 0 && is_gsi((uint32_t)m->pirq)))
		return -EINVAL;
	err = msi_check(&msi);
	if (err)
		return err;
	spin_lock(&lock);
	for (uint32_t i = 0; i < NR_PIRQS && err == 0; i++)
		if (pirqs[i].kind == PIRQ_MSI && pirqs[i].msi.bdf == msi.bdf &&
		    pirqs[i].msi.x == msi.x && pirqs[i].msi.entry == msi.entry)
			err = -EEXIST;
	if (!err)
		n = m->pirq < 0 ? find_free() : mapped((uint32_t)m->pirq) ? -EEXIST : m->pirq;
	if (n >= NR_PIRQS)
		n = -EINVAL;
	if (n >= 0)
		pirqs[n] = (struct pirq){ .kind = PIRQ_MSI, .msi = msi };
	spin_unlock(&lock);
	if (n < 0)
		return n;
	m->pirq = n;
	return 0;
}

int pirq_map(struct physdev_map_pirq *m)
{
	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI:
		return map_gsi(m);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG: /* segment 0 only: others have bits above the bus */
		return map_msi(m);
	case MAP_PIRQ_TYPE_MULTI_MSI:
		return -ENOSYS;
	default:
		return -EINVAL;
	}
}

int pirq_unmap(uint32_t n)
{
	struct pirq *p;
	int err = -EINVAL;

	spin_lock(&lock);
	p = mapped(n);
	if (p && p->vector)
		err = -EBUSY;
	else if (p)
		err = 0;
	if (!err && p->kind == PIRQ_GSI)
		p->kind = PIRQ_NONE; /* how it is triggered stays known */
	else if (!err)
		*p = (struct pirq){ .kind = PIRQ_NONE };
	spin_unlock(&lock);
	return err;
}

int pirq_get_free(uint32_t *pirq)
{
	int n;

	spin_lock(&lock);
	n = find_free();
	spin_unlock(&lock);
	if (n < 0)
		return n;
	*pirq = (uint32_t)n;
	return 0;
}

/* --- binding */

static int start(uint32_t n, struct pirq *p)
{
	int vector = irq_vector_alloc(), err = 0;

	if (vector < 0)
		return vector;
	by_vector[vector] = (uint16_t)(n + 1);
	p->vector = (uint8_t)vector;
	if (p->kind == PIRQ_GSI)
		err = ioapic_route(n, (unsigned int)vector, IRQ_CPU, p->level, p->low);
	else
		msi_write(&p->msi, (unsigned int)vector, IRQ_CPU);
	if (!err && p->kind == PIRQ_GSI)
		ioapic_mask(n, false);
	if (err) {
		p->vector = 0;
		by_vector[vector] = 0;
		irq_vector_free((unsigned int)vector);
	}
	return err;
}

int pirq_bind(struct domain *d, uint32_t n, bool shared, uint32_t *port)
{
	struct evtchn_port *e;
	struct pirq *p;
	int err = -EINVAL;

	if (!is_dom0(d))
		return -EPERM;
	spin_lock(&d->evt_lock);
	spin_lock(&lock);
	p = mapped(n);
	if (p)
		err = p->vector || p->kept ? -EBUSY : 0;
	if (!err)
		err = evtchn_new(d, EVTCHNSTAT_pirq, port, &e);
	if (!err) {
		e->n = n;
		p->port = *port;
		p->in_service = false;
		err = start(n, p);
		if (err)
			evtchn_free(d, *port);
	}
	spin_unlock(&lock);
	spin_unlock(&d->evt_lock);
	return err;
}

void pirq_unbind(uint32_t n)
{
	struct pirq *p;

	spin_lock(&lock);
	p = mapped(n);
	if (p && p->vector) {
		if (p->kind == PIRQ_GSI)
			ioapic_mask(n, true);
		else
			msi_mask(&p->msi);
		by_vector[p->vector] = 0;
		irq_vector_free(p->vector);
		p->vector = 0;
		p->port = 0;
	}
	spin_unlock(&lock);
}

int pirq_restore_msi(uint16_t bdf)
{
	int err = -ENODEV;

	spin_lock(&lock);
	for (uint32_t n = 0; n < NR_PIRQS; n++)
		if (pirqs[n].kind == PIRQ_MSI && pirqs[n].msi.bdf == bdf && pirqs[n].vector) {
			msi_write(&pirqs[n].msi, pirqs[n].vector, IRQ_CPU);
			err = 0;
		}
	spin_unlock(&lock);
	return err;
}

/* --- interrupts */

bool pirq_interrupt(unsigned int vector)
{
	const struct evtchn_port *e;
	uint32_t n, port;
	struct pirq *p;

	spin_lock(&lock);
	n = by_vector[vector];
	if (!n--) {
		spin_unlock(&lock);
		return false;
	}
	p = &pirqs[n];
	port = p->port;
	if (p->kind == PIRQ_GSI && p->level) {
		p->in_service = true;
		ioapic_mask(n, true);
	}
	spin_unlock(&lock);
	spin_lock(&dom0->evt_lock);
	e = evtchn_port(dom0, port); /* another by now? */
	if (e && e->state == EVTCHNSTAT_pirq && e->n == n)
		evtchn_set_pending(dom0, port);
	spin_unlock(&dom0->evt_lock);
	return true;
}

int pirq_eoi(uint32_t n)
{
	struct pirq *p;

	spin_lock(&lock);
	p = mapped(n);
	if (p && p->in_service) {
		p->in_service = false;
		if (p->vector)
			ioapic_mask(n, false);
	}
	spin_unlock(&lock);
	return p ? 0 : -EINVAL;
}

int pirq_status(uint32_t n, uint32_t *flags)
{
	const struct pirq *p;

	spin_lock(&lock);
	p = mapped(n);
	if (p)
		*flags = p->kind == PIRQ_GSI && p->level ?
				 XENIRQSTAT_needs_eoi | XENIRQSTAT_shared :
				 0;
	spin_unlock(&lock);
	return p ? 0 : -EINVAL;
}

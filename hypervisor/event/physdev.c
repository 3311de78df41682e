/* SPDX-License-Identifier: GPL-2.0-only */
/* physdev_op: interrupts, ports and PCI devices of domain 0 (public/physdev.h). */
#include <hyp/call.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/lib.h>
#include <hyp/pirq.h>
#include <hyp/smp.h>

#define ALL_PORTS 65536

union op {
	struct physdev_eoi eoi;
	struct physdev_irq_status_query irq_status_query;
	struct physdev_set_iopl set_iopl;
	struct physdev_set_iobitmap set_iobitmap;
	struct physdev_irq irq;
	struct physdev_map_pirq map_pirq;
	struct physdev_unmap_pirq unmap_pirq;
	struct physdev_manage_pci manage_pci;
	struct physdev_setup_gsi setup_gsi;
	struct physdev_get_free_pirq get_free_pirq;
	struct physdev_pci_device_add pci_device_add;
	struct physdev_pci_device pci_device;
};

static bool is_self(domid_t id)
{
	return id == DOMID_SELF || id == current->domain->id;
}

static long op_eoi(union op *o)
{
	return pirq_eoi(o->eoi.irq);
}

static long op_irq_status_query(union op *o)
{
	return pirq_status(o->irq_status_query.irq, &o->irq_status_query.flags);
}

static long op_set_iopl(union op *o)
{
	if (o->set_iopl.iopl > 3)
		return -EINVAL;
	current->x86.iopl = o->set_iopl.iopl;
	return 0;
}

static long op_set_iobitmap(union op *o)
{
	const struct physdev_set_iobitmap *b = &o->set_iobitmap;

	if (b->nr_ports > ALL_PORTS ||
	    (b->bitmap && !guest_range_ok(b->bitmap, (b->nr_ports + 7) / 8)))
		return -EINVAL;
	current->x86.user_ports = b->bitmap;
	current->x86.nr_user_ports = b->nr_ports;
	return 0;
}

/* The vector is chosen when the interrupt is bound. */
static long op_alloc_irq_vector(union op *o)
{
	o->irq.vector = 0;
	return o->irq.irq < ioapic_nr_gsis() ? 0 : -EINVAL;
}

static long op_map_pirq(union op *o)
{
	return is_self(o->map_pirq.domid) ? pirq_map(&o->map_pirq) : -EINVAL;
}

static long op_unmap_pirq(union op *o)
{
	return is_self(o->unmap_pirq.domid) ? pirq_unmap((uint32_t)o->unmap_pirq.pirq) : -EINVAL;
}

static long op_setup_gsi(union op *o)
{
	const struct physdev_setup_gsi *s = &o->setup_gsi;

	return pirq_setup_gsi((uint32_t)s->gsi, s->triggering, s->polarity);
}

static long op_get_free_pirq(union op *o)
{
	return pirq_get_free(&o->get_free_pirq.pirq);
}

/* Nothing is kept about devices; that they are there is looked up. */
static long device_exists(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	if (seg)
		return -EOPNOTSUPP;
	return pci_read((uint16_t)(bus << 8 | devfn), 0) == ~0u ? -ENODEV : 0;
}

static long op_pci_device_add(union op *o)
{
	return device_exists(o->pci_device_add.seg, o->pci_device_add.bus, o->pci_device_add.devfn);
}

static long op_pci_device_remove(union op *o)
{
	return o->pci_device.seg ? -EOPNOTSUPP : 0;
}

static long op_manage_pci_add(union op *o)
{
	return device_exists(0, o->manage_pci.bus, o->manage_pci.devfn);
}

static long op_restore_msi(union op *o)
{
	return pirq_restore_msi((uint16_t)(o->manage_pci.bus << 8 | o->manage_pci.devfn));
}

static long op_restore_msi_ext(union op *o)
{
	if (o->pci_device.seg)
		return -EOPNOTSUPP;
	return pirq_restore_msi((uint16_t)(o->pci_device.bus << 8 | o->pci_device.devfn));
}

#define ANYBODY 1 /* else domain 0 only */
#define OUT 2	  /* the structure is written back */

static const struct {
	long (*fn)(union op *o);
	uint8_t size, flags;
} ops[] = {
#define OP(name, type, flags)                                                                      \
	[PHYSDEVOP_##name] = { op_##name, sizeof(struct physdev_##type), flags }
	OP(eoi, eoi, ANYBODY),
	OP(irq_status_query, irq_status_query, ANYBODY | OUT),
	OP(set_iopl, set_iopl, ANYBODY),
	OP(set_iobitmap, set_iobitmap, ANYBODY),
	OP(alloc_irq_vector, irq, OUT),
	OP(map_pirq, map_pirq, OUT),
	OP(unmap_pirq, unmap_pirq, 0),
	OP(setup_gsi, setup_gsi, 0),
	OP(get_free_pirq, get_free_pirq, OUT),
	OP(pci_device_add, pci_device_add, 0),
	OP(pci_device_remove, pci_device, 0),
	OP(manage_pci_add, manage_pci, 0),
	OP(restore_msi, manage_pci, 0),
	OP(restore_msi_ext, pci_device, 0),
#undef OP
};

/* (PHYSDEVOP_*, guest address of its structure) */
long hc_physdev_op(struct hc_args *a)
{
	uint64_t cmd = a->arg[0];
	union op o;
	long ret;

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -ENOSYS;
	if (!(ops[cmd].flags & ANYBODY) && !is_dom0(current->domain))
		return -EPERM;
	if (!guest_read(&o, a->arg[1], ops[cmd].size))
		return -EFAULT;
	/* Nobody but domain 0 has interrupts. */
	if (!is_dom0(current->domain) && cmd != PHYSDEVOP_set_iopl && cmd != PHYSDEVOP_set_iobitmap)
		return -EINVAL;
	ret = ops[cmd].fn(&o);
	if (!ret && (ops[cmd].flags & OUT) && !guest_write(a->arg[1], &o, ops[cmd].size)) {
		if (cmd == PHYSDEVOP_map_pirq)
			pirq_unmap((uint32_t)o.map_pirq.pirq);
		ret = -EFAULT;
	}
	return ret;
}

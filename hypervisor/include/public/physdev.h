/* SPDX-License-Identifier: MIT */
/*
 * Physical devices: physdev_op(cmd, struct *). Domain 0 only, but for eoi,
 * irq_status_query, set_iopl and set_iobitmap. -EINVAL a bad number, -ENOSPC no pirq is free.
 */
#ifndef XENO_PUBLIC_PHYSDEV_H
#define XENO_PUBLIC_PHYSDEV_H

#include "xen.h"

#define PHYSDEVOP_irq_status_query 5 /* struct physdev_irq_status_query */
#define PHYSDEVOP_set_iopl 6	     /* struct physdev_set_iopl */
#define PHYSDEVOP_set_iobitmap 7     /* struct physdev_set_iobitmap */
#define PHYSDEVOP_apic_read 8	     /* struct physdev_apic */
#define PHYSDEVOP_apic_write 9
#define PHYSDEVOP_alloc_irq_vector 10 /* struct physdev_irq */
#define PHYSDEVOP_free_irq_vector 11
#define PHYSDEVOP_eoi 12	    /* struct physdev_eoi */
#define PHYSDEVOP_map_pirq 13	    /* struct physdev_map_pirq */
#define PHYSDEVOP_unmap_pirq 14	    /* struct physdev_unmap_pirq */
#define PHYSDEVOP_manage_pci_add 15 /* struct physdev_manage_pci */
#define PHYSDEVOP_manage_pci_remove 16
#define PHYSDEVOP_pirq_eoi_gmfn_v1 17
#define PHYSDEVOP_restore_msi 19 /* struct physdev_manage_pci */
#define PHYSDEVOP_manage_pci_add_ext 20
#define PHYSDEVOP_setup_gsi 21		/* struct physdev_setup_gsi */
#define PHYSDEVOP_get_free_pirq 23	/* struct physdev_get_free_pirq */
#define PHYSDEVOP_pci_mmcfg_reserved 24 /* struct physdev_pci_mmcfg_reserved */
#define PHYSDEVOP_pci_device_add 25	/* struct physdev_pci_device_add */
#define PHYSDEVOP_pci_device_remove 26	/* struct physdev_pci_device */
#define PHYSDEVOP_restore_msi_ext 27
#define PHYSDEVOP_pirq_eoi_gmfn_v2 28
#define PHYSDEVOP_dbgp_op 29
#define PHYSDEVOP_prepare_msix 30
#define PHYSDEVOP_release_msix 31

#define XENIRQSTAT_needs_eoi (1 << 0)
#define XENIRQSTAT_shared (1 << 1)

#define MAP_PIRQ_TYPE_MSI 0
#define MAP_PIRQ_TYPE_GSI 1
#define MAP_PIRQ_TYPE_UNKNOWN 2
#define MAP_PIRQ_TYPE_MSI_SEG 3
#define MAP_PIRQ_TYPE_MULTI_MSI 4

#define XEN_PCI_MMCFG_RESERVED 1
#define XEN_PCI_DEV_EXTFN 1
#define XEN_PCI_DEV_VIRTFN 2
#define XEN_PCI_DEV_PXM 4

#ifndef __ASSEMBLER__

/* The guest has handled a level-triggered interrupt. */
struct physdev_eoi {
	uint32_t irq;
};

struct physdev_irq_status_query {
	uint32_t irq;	/* IN */
	uint32_t flags; /* OUT: XENIRQSTAT_* */
};

struct physdev_set_iopl {
	uint32_t iopl; /* 0..3 */
};

/* Ports the calling VCPU's user mode may use: a clear bit allows, as in the TSS. */
struct physdev_set_iobitmap {
	uint64_t bitmap;   /* guest address; 0 = none */
	uint32_t nr_ports; /* at most 65536 */
	uint32_t pad;
};

struct physdev_apic {
	uint64_t apic_physbase;
	uint32_t reg;
	uint32_t value;
};

struct physdev_irq {
	uint32_t irq;	 /* IN: GSI */
	uint32_t vector; /* OUT */
};

/* Makes a pirq of a GSI or of MSIs. */
struct physdev_map_pirq {
	domid_t domid;
	uint16_t pad;
	int32_t type;	  /* IN: MAP_PIRQ_TYPE_* */
	int32_t index;	  /* IN: GSI; MSI: -1 */
	int32_t pirq;	  /* IN: wanted, or -1; OUT */
	int32_t bus;	  /* IN: MSI; upper half: PCI segment with MSI_SEG */
	int32_t devfn;	  /* IN: MSI */
	int32_t entry_nr; /* IN: MSI-X entry; MULTI_MSI: count, IN OUT */
	uint32_t pad2;
	uint64_t table_base; /* IN: MSI-X table's machine address; 0 = MSI */
};
_Static_assert(sizeof(struct physdev_map_pirq) == 40, "physdev_map_pirq");

struct physdev_unmap_pirq {
	domid_t domid;
	uint16_t pad;
	int32_t pirq;
};

struct physdev_manage_pci {
	uint8_t bus, devfn;
};

struct physdev_setup_gsi {
	int32_t gsi;
	uint8_t triggering; /* 0 edge, 1 level */
	uint8_t polarity;   /* 0 high, 1 low */
	uint16_t pad;
};

struct physdev_get_free_pirq {
	int32_t type;  /* IN: MAP_PIRQ_TYPE_* */
	uint32_t pirq; /* OUT */
};

struct physdev_pci_mmcfg_reserved {
	uint64_t address;
	uint16_t segment;
	uint8_t start_bus, end_bus;
	uint32_t flags; /* XEN_PCI_MMCFG_RESERVED */
};

struct physdev_pci_device_add {
	uint16_t seg;
	uint8_t bus, devfn;
	uint32_t flags; /* XEN_PCI_DEV_*; PXM: optarr[0] */
	struct {
		uint8_t bus, devfn;
	} physfn;
	uint16_t pad;
	uint32_t optarr[];
};
_Static_assert(__builtin_offsetof(struct physdev_pci_device_add, optarr) == 12, "pci_device_add");

struct physdev_pci_device {
	uint16_t seg;
	uint8_t bus, devfn;
};

/* Argument of the older call physdev_op_compat(struct physdev_op *). */
struct physdev_op {
	uint32_t cmd;
	uint32_t pad;
	union {
		struct physdev_irq_status_query irq_status_query;
		struct physdev_set_iopl set_iopl;
		struct physdev_set_iobitmap set_iobitmap;
		struct physdev_apic apic_op;
		struct physdev_irq irq_op;
	} u;
};

#endif /* __ASSEMBLER__ */
#endif

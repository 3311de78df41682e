/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions that the hypervisor drives itself (PCI 3.0; PCIe for nothing more). Found at
 * boot, before domain 0 is built, through configuration mechanism #1 (hyp/pirq.h:
 * pci_read(), pci_write()), and hidden from domain 0: its configuration space reads as
 * absent, its BARs cannot be mapped, its ports and its interrupt are not given away.
 */
#ifndef HYP_PCI_H
#define HYP_PCI_H

#include <hyp/pirq.h>
#include <hyp/types.h>

struct pci_func {
	uint16_t bdf;
	uint16_t vendor, device;
	uint32_t class; /* base class, sub-class, interface as 8, 8, 8 bits */
	struct {
		uint64_t addr, len; /* len 0: not there */
		bool io;
	} bar[6];
	bool no_msix; /* a probe wants pci_irq() to do without */
};

/* A driver: probe claims the function (true) or leaves it alone, untouched but for reads. */
struct pci_driver {
	const char *name;
	bool (*match)(const struct pci_func *f);
	/* 0: claimed; else -Exxx: the device is left as found and stays domain 0's. */
	int (*probe)(const struct pci_func *f);
};

/* Boot: offers every function to the drivers of dev/pci.c's table; hides what they claim. */
void pci_probe_all(void);
/* Hidden from domain 0? For its accesses to ports 0xcf8 to 0xcff (x86/emulate.c). */
bool pci_hidden(uint16_t bdf);
/* A register of a bridge on the way to a hidden function: domain 0's writes to it go nowhere. */
bool pci_kept(uint16_t bdf, unsigned int reg);

/* --- for probes */
unsigned int pci_capability(uint16_t bdf, unsigned int id, unsigned int after); /* 0: no (more) */
void pci_enable(const struct pci_func *f); /* memory, I/O, bus mastering on; INTx off */
void pci_cut_off(uint16_t bdf);		   /* no DMA from now on */
void pci_where(uint16_t bdf, char *where, size_t size);	       /* "pci 00:04.0" */
void *pci_map_bar(const struct pci_func *f, unsigned int bar); /* uncached; NULL */
/*
 * Interrupt of the device: MSI-X entry n, or MSI (n = 0), on a vector of our own, handled by
 * fn(data) in interrupt context; or else fn(data) is called by a timer, every millisecond: it may
 * find nothing to do. INTx stays off. -ENODEV, -ENOSPC.
 */
int pci_irq(const struct pci_func *f, unsigned int n, void (*fn)(void *data), void *data);
/* For a line of the ISA bus, which is edge-triggered. */
int isa_irq_own(unsigned int irq, void (*fn)(void *data), void *data);
/* Ports that domain 0 may not use; before dom0_build(). */
void ioport_deny(unsigned int first, unsigned int count);
const void *ioports_denied(void); /* 8 KiB, a bit set for each */

#endif

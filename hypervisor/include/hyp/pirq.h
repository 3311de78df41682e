/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of the machine's devices for domain 0, and the bits of PCI that message-signalled
 * ones need. A pirq is the number domain 0 knows an interrupt by: for a GSI the GSI
 * itself, above them what was free.
 */
#ifndef HYP_PIRQ_H
#define HYP_PIRQ_H

#include <hyp/types.h>
#include <public/physdev.h>

struct domain;

/* --- event/pirq.c. All take locks of rank EVENT and above. 0 or -Exxx. */
int pirq_map(struct physdev_map_pirq *m);
int pirq_unmap(uint32_t pirq);
int pirq_setup_gsi(uint32_t gsi, bool level, bool low);
int pirq_eoi(uint32_t pirq);
int pirq_status(uint32_t pirq, uint32_t *flags); /* XENIRQSTAT_* */
int pirq_get_free(uint32_t *pirq);
int pirq_restore_msi(uint16_t bdf); /* writes what the device's MSIs were set to again */
/* Binds to a new port of d; the interrupt comes from now on. */
int pirq_bind(struct domain *d, uint32_t pirq, bool shared, uint32_t *port);
void pirq_unbind(uint32_t pirq); /* its port is closed */
/* Boot: a GSI the hypervisor keeps. */
void pirq_keep_gsi(unsigned int gsi);

/*
 * --- event/msi.c: PCI configuration mechanism #1 (PCI 3.0, 3.2.2.3.2), segment 0. bdf: bus,
 * device, function as 8, 5, 3 bits. reg: a multiple of 4.
 */
uint32_t pci_read(uint16_t bdf, unsigned int reg);
void pci_write(uint16_t bdf, unsigned int reg, uint32_t v);
/* Around a domain's own accesses to ports 0xcf8 to 0xcff. */
#define PCI_PORT_FIRST 0xcf8
#define PCI_PORT_DATA 0xcfc
#define PCI_PORT_LAST 0xcff
void pci_ports_lock(void);
void pci_ports_unlock(void);

/* A message-signalled interrupt: the only MSI of a device, or an entry of its MSI-X table. */
struct msi {
	uint16_t bdf;
	bool x;
	uint16_t entry;
};
int msi_check(const struct msi *m); /* the device has it: 0, -ENODEV, -EINVAL */
void msi_write(const struct msi *m, unsigned int vector, unsigned int cpu);
void msi_mask(
	const struct msi *m); /* MSI-X entries only; others are the device's driver's business */

#endif

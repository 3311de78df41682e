/* SPDX-License-Identifier: GPL-2.0-only */
/* What dev/disk.c and the table of dev/pci.c know the drivers by. */
#ifndef HYP_DRIVERS_H
#define HYP_DRIVERS_H

#include <hyp/pci.h>

extern const struct pci_driver virtio_blk_driver;
extern const struct pci_driver ahci_driver, ide_driver, nvme_driver;
/* Of network cards: they find nothing without the option nic */
extern const struct pci_driver virtio_net_driver, e1000_driver;
/* Drives of memory, one for each size of ramdrive= */
void ramdrive_init(void);

#endif

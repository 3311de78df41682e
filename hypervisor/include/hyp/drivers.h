/* SPDX-License-Identifier: GPL-2.0-only */
/* The drivers of drives: what dev/disk.c and the table of dev/pci.c know them by. */
#ifndef HYP_DRIVERS_H
#define HYP_DRIVERS_H

#include <hyp/pci.h>

extern const struct pci_driver virtio_blk_driver;
extern const struct pci_driver ahci_driver, ide_driver, nvme_driver;
/* Drives of memory, one for each size of ramdrive= */
void ramdrive_init(void);

#endif

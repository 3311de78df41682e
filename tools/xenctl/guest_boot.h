/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel and initial ramdisk that a guest keeps on its own disk, found and copied by diskkernel
 * (tools/diskkernel), a confined process: the file system is never mounted in domain 0.
 */
#ifndef XENCTL_GUEST_BOOT_H
#define XENCTL_GUEST_BOOT_H

#include "diskspec.h"

#define GUEST_BOOT_PATH 160

struct guest_boot {
	int kernel, ramdisk; /* descriptors of files in memory; -1: not copied */
	char kernel_path[GUEST_BOOT_PATH], ramdisk_path[GUEST_BOOT_PATH]; /* empty: none */
	unsigned int partition, root; /* of the kernel, of the root; 0: the disk has no table */
	bool has_root;		      /* a root was found */
	bool unclean;		      /* not unmounted: the newest changes may be missing */
};

/* Looks at the disk; copy: takes the files, too. 0; 1: it has no kernel; -1: err says why. */
int guest_boot_read(const struct disk_spec *s, bool copy, struct guest_boot *b, char err[SPEC_ERR]);
void guest_boot_free(struct guest_boot *b);

#endif

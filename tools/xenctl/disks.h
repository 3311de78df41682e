/* SPDX-License-Identifier: GPL-2.0-only */
/* From what is written about a disk to a device of a domain: drives, partitions, who is in the way. */
#ifndef XENCTL_DISKS_H
#define XENCTL_DISKS_H

#include "diskspec.h"
#include "guestcfg.h"

struct disk_map { /* where the sectors of a disk are */
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	unsigned int n;
};

/*
 * What s stands for in domain 0; refuses what is mounted there or belongs to another domain,
 * unless s says `!`. -1: err says why not.
 */
int disk_resolve(const struct disk_spec *s, struct disk_map *m, char err[SPEC_ERR]);
/* Resolves it and gives it to a domain. -1: err says why not, and nothing has changed. */
int disk_attach(uint16_t domid, const struct disk_spec *s, char err[SPEC_ERR]);

/* All disks of a configuration. -1: a message was printed. */
int disks_check(const struct guest_cfg *g);
int disks_attach(uint16_t domid, const struct guest_cfg *g);

#endif

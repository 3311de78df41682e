/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual disks as domain 0 finds and uses them: which drives and partitions are XenoDisks, where
 * the sectors of a virtual disk lie, who uses them. The catalogue itself is xd.h's.
 */
#ifndef XENCTL_VD_H
#define XENCTL_VD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <public/control.h>

struct vd_map { /* where the sectors of a virtual disk are, one extent after the other */
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	unsigned int n;
	uint64_t sectors;
};

/*
 * Finds a virtual disk on any XenoDisk of the machine by its name, its uuid or one of its keys, and checks
 * that it may be used: key (NULL or "": none) must be its read-write key, or for a reader one of its
 * keys; without one, only disks that are not keyed. It must be live and not expired. Who else
 * uses it is for the caller to find out. Changes nothing. -1: err says why not.
 */
int vd_resolve(const char *name, const char *key, bool writable, struct vd_map *out, char *err,
	       size_t errlen);
/* The disk has been attached or detached just now: that is what expired ones are reused by. */
void vd_touch(const char *name);

#endif

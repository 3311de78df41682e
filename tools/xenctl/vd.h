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

#include "xd.h"

struct vd_map { /* where the sectors of a virtual disk are, one extent after the other */
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	unsigned int n;
	uint64_t sectors;
};

/*
 * Finds a virtual disk on any XenoDisk of the machine by its name, its uuid or one of its keys,
 * and checks that it may be used: key (NULL or "": none) must be its read-write key, or for a
 * reader one of its keys; without one, only disks that are not keyed. It must be live and not
 * expired. Who else uses it is for the caller to find out. Changes nothing. -1: err says why not.
 */
int vd_resolve(const char *name, const char *key, bool writable, struct vd_map *out, char *err,
	       size_t errlen);
/*
 * To be called when it has been attached: notes the time, by which expired disks are reused.
 * -1: err; it has been deleted or moved since vd_resolve(), so it must be taken away again.
 */
int vd_confirm(const char *name, const struct vd_map *m, char *err, size_t errlen);

/* --- for cmd_vd.c and cmd_diskinit.c */

#define VD_PATH_MAX 256

/* A XenoDisk that is open, and locked: alone for writing, with other readers for reading. */
struct vd_store {
	char path[VD_PATH_MAX];
	int fd;
	bool is_file; /* an image of a drive: no domain can use it */
	struct xd_dev dev;
	struct xd x;
	struct xeno_vblk_extent base[XENO_VBLK_MAX_EXTENTS]; /* where the device itself is */
	unsigned int nr_base;
};

/* A domain's device made of a virtual disk's sectors. */
struct vd_use {
	uint16_t domid;
	char domain[XENO_NAME_MAX];
	struct xeno_ctl_vblk_info v;
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
};

/* The device without its catalogue, not locked: for making a XenoDisk. */
int vd_open_device(struct vd_store *s, const char *path, bool write, char err[XD_ERR]);
int vd_open(struct vd_store *s, const char *path, bool write, char err[XD_ERR]);
void vd_close(struct vd_store *s);
int vd_lock(struct vd_store *s, bool write, char err[XD_ERR]);
/* Linux looks at the partitions again. */
void vd_reread(struct vd_store *s);
/* Lets others at the catalogue; then waits for it and reads it again. */
void vd_unlock(struct vd_store *s);
int vd_relock(struct vd_store *s, char err[XD_ERR]);

/*
 * The next XenoDisk of the machine behind *pos (0 at first), opened; false: there are no more.
 * Those that cannot be opened are reported and left out. on: this path only.
 */
bool vd_next(struct vd_store *s, const char *on, unsigned int *pos, bool write);
/* Opens the one that has such a disk; -1: none has, or several. */
int vd_find(struct vd_store *s, const char *on, const char *name, bool write, bool deleted,
	    struct xd_disk **d, char err[XD_ERR]);

int vd_map(const struct vd_store *s, const struct xd_disk *d, struct vd_map *m, char err[XD_ERR]);
/* The first use behind *pos (0 at first) of d, or of the whole device (NULL); NULL: no more. */
const struct vd_use *vd_next_use(const struct vd_store *s, const struct xd_disk *d,
				 unsigned int *pos);
/*
 * Work at a disk's sectors without the lock (zeroing, copying): marks d until vd_close(). -1:
 * somebody else works at it.
 */
int vd_work_begin(struct vd_store *s, const struct xd_disk *d, char err[XD_ERR]);
int vd_check_idle(const struct vd_store *s, const struct xd_disk *d, char err[XD_ERR]);
/* Neither attached nor worked at. */
bool vd_used(const struct xd_disk *d, void *store);

/*
 * "10G", "512MiB": powers of 1024, "100MB": of 1000; in sectors, rounded up to whole blocks.
 * Dies.
 */
uint64_t vd_parse_size(const char *s);
/* Contents of d from or to a descriptor, d being worked at. -1: err. */
int vd_import(struct vd_store *s, const struct xd_disk *d, int from, char err[XD_ERR]);
int vd_export(struct vd_store *s, const struct xd_disk *d, int to, char err[XD_ERR]);
/* One line on a terminal, about each tenth of a second; done == of ends it. */
void vd_progress(const char *what, uint64_t done, uint64_t of);

#endif

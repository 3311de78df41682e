/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a disk of a guest is written: xl's syntax, with keys of our own. Pure.
 *
 *	phy:/dev/xvdb3,xvda,w			target, name in the guest, access
 *	/dev/xvdb3,raw,xvda,rw			target, format, name, access
 *	format=raw, vdev=xvda, access=rw, target=/dev/xvdb3
 *
 * Words and key=value may follow each other; target= comes last, as it may hold commas. A `!`
 * behind the access says that others use the sectors, too. Of ours: weight=1..1000, iops=N,
 * rate=BYTES (KiB, MiB, GiB) per second, persistent.
 */
#ifndef XENCTL_DISKSPEC_H
#define XENCTL_DISKSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <public/control.h>

#include "spec.h"

#define DISK_NAME_MAX 16 /* "xvda1", or a number */

struct disk_limits {
	uint32_t weight; /* 0: not given */
	uint64_t iops, rate;
};

struct disk_spec {
	char text[SPEC_TEXT_MAX];   /* as it was given */
	char target[SPEC_TEXT_MAX]; /* "/dev/xvdb3" or "vd:NAME[:KEY]" */
	uint32_t dev;
	uint32_t flags; /* XENO_VBLKF_* */
	struct disk_limits limits;
};

/* -1: err says what is wrong. */
int diskspec_parse(struct disk_spec *s, const char *text, char err[SPEC_ERR]);
/* Takes "weight=N", "iops=N" or "rate=BYTES". */
int disk_limit_parse(struct disk_limits *l, const char *text, char err[SPEC_ERR]);

/* The number of xvda, xvdc2, or of digits alone. -1: err says what is wrong. */
int vdev_number(const char *name, uint32_t *dev, char err[SPEC_ERR]);
/* The other way; buf is returned. */
const char *vdev_name(uint32_t dev, char buf[DISK_NAME_MAX]);

/* "64.0 MiB"; buf is returned. */
const char *size_text(uint64_t bytes, char buf[16]);

/*
 * Sectors first..first+sectors-1 of a device made of x, n extents one after the other. Returns
 * how many extents those are in out, which has room for n; 0: they reach beyond the end.
 */
unsigned int extents_cut(const struct xeno_vblk_extent *x, unsigned int n, uint64_t first,
			 uint64_t sectors, struct xeno_vblk_extent *out);
bool extents_overlap(const struct xeno_vblk_extent *a, unsigned int na,
		     const struct xeno_vblk_extent *b, unsigned int nb);

#endif

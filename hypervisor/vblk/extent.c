/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extents of drives: which make a device, and which devices may exist together. Pure.
 *
 * The rule of exclusive use: a sector that one device may write is in no other device,
 * unless who makes the later one says that it is meant to be shared. Domain 0's own view
 * of the whole drives, made at boot, does not count.
 */
#include <hyp/lib.h>
#include <hyp/vblk.h>

int vblk_extent_check(const struct vblk_extent *x, uint64_t drive_sectors, uint32_t block)
{
	if (!x->sectors || x->first % block || x->sectors % block)
		return -EINVAL;
	if (x->first > drive_sectors || x->sectors > drive_sectors - x->first)
		return -ERANGE;
	return 0;
}

static bool overlap(const struct vblk_extent *a, const struct vblk_extent *b)
{
	return a->drive == b->drive && a->first < b->first + b->sectors &&
	       b->first < a->first + a->sectors;
}

int vblk_extents_place(struct vblk_extent *x, unsigned int n, uint64_t *total)
{
	*total = 0;
	if (!n || n > XENO_VBLK_MAX_EXTENTS)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int j = 0; j < i; j++)
			if (overlap(&x[i], &x[j]))
				return -EINVAL;
		x[i].start = *total;
		if (__builtin_add_overflow(*total, x[i].sectors, total))
			return -EINVAL;
	}
	return 0;
}

bool vblk_conflict(const struct vblk_use *a, const struct vblk_use *b)
{
	if (a->shared || a->boot || b->boot || (!a->writes && !b->writes))
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		for (unsigned int j = 0; j < b->n; j++)
			if (overlap(&a->x[i], &b->x[j]))
				return true;
	return false;
}

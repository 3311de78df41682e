/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a distribution's root lacks to start as a guest: its mounts, a login on hvc0, a name, an
 * address, who may come in. Works on files below a descriptor; no program of the root is run.
 */
#ifndef XENCTL_GUEST_FIX_H
#define XENCTL_GUEST_FIX_H

#define FIX_ERR 256

struct fix_wish {
	const char *name;     /* the guest's: its host name when it has none */
	const char *hostname; /* these: NULL = as it is */
	const char *hash;     /* of root's password */
	const char *ssh_key;
	const char *device; /* of the root: "/dev/xvda" */
};

/* say() gets a line for each change. -1: err says which file could not be changed. */
int fix_root(int root, const struct fix_wish *w, void (*say)(const char *line), char err[FIX_ERR]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A system's root, from an archive or by debootstrap, onto a disk of domain 0: what reads the archive
 * can see nothing but the new file system. Steps, for job_run().
 */
#ifndef XENCTL_GUEST_ROOT_H
#define XENCTL_GUEST_ROOT_H

#include "guest_fix.h"
#include "guest_tar.h"

struct root_job {
	int archive;		    /* a descriptor; -1: there is none */
	const char *suite, *mirror; /* of Debian */
	const char *device;	    /* "/dev/xvdz", with a file system */
	const struct fix_wish *fix;
	struct tar_sum *sum; /* shared */
};

int root_count(void *job);
int root_unpack(void *job);
/* Is the suite there? */
int root_mirror(void *job);
/* As root_unpack(), from a mirror: programs of the new root run, in name spaces of their own. */
int root_debootstrap(void *job);

#endif

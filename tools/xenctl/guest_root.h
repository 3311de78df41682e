/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A system's root, from an archive onto a disk of domain 0: what reads the archive can see nothing
 * but the new file system. Steps, for job_run().
 */
#ifndef XENCTL_GUEST_ROOT_H
#define XENCTL_GUEST_ROOT_H

#include "guest_fix.h"
#include "guest_tar.h"

struct root_job {
	int archive;	    /* a descriptor */
	const char *device; /* "/dev/xvdz", with a file system */
	const struct fix_wish *fix;
	struct tar_sum *sum; /* shared */
};

int root_count(void *job);
int root_unpack(void *job);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of xenctl guest share. */
#ifndef XENCTL_CMD_GUEST_H
#define XENCTL_CMD_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "builder.h"
#include "guest_boot.h"

#define XENOLINUX "/usr/lib/xeno/xenolinux"

struct guest_new { /* what guest new was asked for; NULL and 0: not */
	const char *name;
	const char *root, *image, *debian, *mirror;
	const char *size, *memory, *vcpus, *ip, *vif, *on;
	const char *password, *ssh_key, *hostname, *kernel, *ramdisk;
	bool start;
};

int guest_new(const struct guest_new *n);

/* Is the kernel that b has copied one for a guest? -1: err says why not. */
int guest_boot_check(const struct guest_boot *b, char err[KERN_ERR]);
/* Is a domain called so? */
bool guest_runs(const char *name);

#endif

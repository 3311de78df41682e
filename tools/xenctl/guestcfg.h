/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest's configuration says: the keys of xl.cfg that Xeno knows. Pure. */
#ifndef XENCTL_GUESTCFG_H
#define XENCTL_GUESTCFG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "diskspec.h"
#include "netspec.h"
#include "xlcfg.h"

#define GUEST_NAME_MAX 64
#define GUEST_PATH_MAX 1024
#define GUEST_CMDLINE_MAX 1024 /* with the NUL: start_info.cmd_line */
#define GUEST_DISKS 32
#define GUEST_VIFS XENO_VNET_MAX_VIFS

enum guest_action { ACTION_DESTROY, ACTION_RESTART, ACTION_PRESERVE };

struct guest_cfg {
	char name[GUEST_NAME_MAX];
	char kernel[GUEST_PATH_MAX];
	char ramdisk[GUEST_PATH_MAX]; /* empty = none */
	char bootloader[16];	      /* "disk": the kernel on disk[0] first; empty = none */
	uint64_t memory, maxmem;      /* MiB; maxmem defaults to memory */
	uint64_t vcpus;
	char extra[GUEST_CMDLINE_MAX], root[GUEST_CMDLINE_MAX];
	char cmdline[GUEST_CMDLINE_MAX];	   /* after guestcfg_from(): the whole line */
	uint64_t on_poweroff, on_reboot, on_crash; /* enum guest_action */
	uint8_t uuid[16];
	bool has_uuid;
	uint64_t split;
	char type[8];
	struct disk_spec disks[GUEST_DISKS];
	unsigned int nr_disks;
	struct vif_spec vifs[GUEST_VIFS]; /* vif[n] is interface n */
	unsigned int nr_vifs;
};

/*
 * Checks c and fills g, with defaults for what is absent. default_name is used when no
 * name is given (NULL = a name is required). -1: err says what is wrong and where.
 */
int guestcfg_from(struct guest_cfg *g, const struct xlcfg *c, const char *default_name,
		  char err[XLCFG_ERR]);
/* Writes g as a configuration file that reads back the same; returns its length as snprintf(). */
int guestcfg_print(const struct guest_cfg *g, char *buf, size_t size);
bool guest_name_ok(const char *name);
const char *guest_action_name(uint64_t action);

#endif

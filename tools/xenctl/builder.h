/* SPDX-License-Identifier: GPL-2.0-only */
/* The domain builder: from a checked configuration to a paused domain, ready to run. */
#ifndef XENCTL_BUILDER_H
#define XENCTL_BUILDER_H

#include "bootplan.h"
#include "guestcfg.h"

#define CONFIG_DIR "/etc/xeno"

/*
 * Reads a configuration: a path, or the name of one in CONFIG_DIR; KEY=VALUE... override it. -1: a
 * message was printed. (cmd_create.c)
 */
int config_read(const char *arg, char **overrides, struct guest_cfg *g);

struct guest_files {
	uint8_t *file;	    /* the kernel as read, or NULL when only elf is kept */
	const uint8_t *elf; /* within file, or the unpacked copy */
	uint8_t *unpacked;
	size_t elf_len;
	struct kern_image kernel;
	int ramdisk; /* descriptor, -1 = none */
	uint64_t ramdisk_len;
	struct boot_plan plan;
	char kernel_name[GUEST_PATH_MAX + 16]; /* for messages */
};

/* Reads and checks kernel and ramdisk, lays the domain out. -1: a message was printed. */
int guest_load(struct guest_files *f, const struct guest_cfg *g);
void guest_unload(struct guest_files *f);
/*
 * Makes the domain; it is paused. Chooses g's uuid when it has none. -1: a message was
 * printed and nothing is left behind.
 */
int guest_build(const struct guest_files *f, struct guest_cfg *g, uint16_t *domid);

/*
 * Does what on_poweroff, on_reboot and on_crash say when the domain stops, in a process of
 * its own that ends with the domain (monitor.c). -1: it could not be started, message printed.
 */
int monitor_start(uint16_t domid, struct guest_cfg *g);

/* Shows the console and passes input on, until Ctrl-] or the domain stops (cmd_console.c). */
int console_run(uint16_t domid, const char *name);

#endif

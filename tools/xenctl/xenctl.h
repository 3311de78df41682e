/* SPDX-License-Identifier: GPL-2.0-only */
/* What the subcommands share: messages, finding a domain, files, JSON. */
#ifndef XENCTL_H
#define XENCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <public/control.h>

/* A subcommand: argv[0] is its name. Returns the exit status; 2 makes main print the usage. */
typedef int command_fn(int argc, char **argv);
#define EXIT_USAGE 2
/* The commands of a command like net: name of number i and its usage; NULL: there are no more. */
typedef const char *part_fn(size_t i, const char **usage);
part_fn disk_part, vd_part, guest_part, net_part, demo_part;

command_fn cmd_create, cmd_destroy, cmd_shutdown, cmd_reboot, cmd_pause, cmd_unpause, cmd_list,
	cmd_console, cmd_info, cmd_dmesg, cmd_disk, cmd_block_attach, cmd_block_detach,
	cmd_block_list, cmd_block_set, cmd_guest, cmd_disk_init, cmd_vd, cmd_net,
	cmd_network_attach, cmd_network_detach, cmd_network_list, cmd_demo, cmd_support, cmd_help;

/* One line on standard error, "xenctl: ..." in front. */
void report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* A prefix for both from now on, instead of "xenctl". */
void report_prefix(const char *prefix);

/* The domain called arg, a name or a number. Dies when there is none. */
uint16_t find_domain(const char *arg, struct xeno_ctl_info *info);
/* Calls fn for each domain. */
void each_domain(void (*fn)(uint16_t domid, const struct xeno_ctl_info *info, void *data),
		 void *data);
/* "running", "blocked", "paused", "poweroff", "crashed" ... one word. */
const char *state_name(const struct xeno_ctl_info *info);
/* Says what a failed control operation on a domain means; always returns EXIT_FAILURE. */
int report_error(const char *what, const char *domain, int err);

/* Whole file, terminated by a NUL that *len does not count; malloc'ed. NULL: *err = -Exxx. */
uint8_t *read_file(const char *path, size_t max, size_t *len, int *err);

/* Writes s as a JSON string, quotes included. */
void json_string(const char *s);
/*
 * Takes "--json" and the letters of `flags` out of argv ("-c"; "--force" is "-f"); bits of
 * *set in order of flags, JSON as the highest. The count left, or -1 for an unknown option.
 */
#define OPT_JSON 0x80000000u
int take_options(int argc, char **argv, const char *flags, unsigned int *set);

#endif

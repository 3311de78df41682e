/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of xenctl demo: cmd_demo.c lists, starts and stops, cmd_demolimit.c measures. */
#ifndef XENCTL_CMD_DEMO_H
#define XENCTL_CMD_DEMO_H

#include "demos.h"
#include "xenctl.h"

/* A domain of that name; false: there is none. */
bool demo_domain(const char *name, uint16_t *domid, struct xeno_ctl_info *info);
/* Runs a command of xenctl in a process of its own, prints as it does; quiet: errors only. */
int demo_run(const char *what, command_fn *fn, bool quiet, const char *const argv[]);

/*
 * The load of a demo's guests, measured without the demo's limits and then with them, as a table
 * or JSON. EXIT_FAILURE: a line was printed; a limit does not hold, or nothing was to be measured.
 */
int demo_measure(const struct demo *d, bool json);

#endif

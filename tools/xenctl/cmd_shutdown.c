// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl shutdown and reboot: a polite request through the directory node the guest
 * watches; -w waits until it has stopped, and is gone unless it is to be preserved.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hyp.h"
#include "xenctl.h"

/* Each second has five looks. */
#define LOOKS 5
#define WAIT_SECONDS 120
#define HANDLED_SECONDS 3 /* its monitor takes it away by then, or it is to be preserved */
#define GONE_SECONDS 60

static unsigned int stopped(const struct xeno_ctl_info *info)
{
	return info->flags & (XENO_DOMF_SHUTDOWN | XENO_DOMF_DYING);
}

/* It has stopped: its name and its disks are free when it is gone, too. */
static void wait_gone(uint16_t domid, struct xeno_ctl_info *info)
{
	unsigned int looks = HANDLED_SECONDS * LOOKS;

	for (bool dying = false; looks; looks--) {
		if (!dying && info->flags & XENO_DOMF_DYING) {
			dying = true;
			looks = GONE_SECONDS * LOOKS;
		}
		usleep(1000000 / LOOKS);
		if (hyp_info(domid, info) || !stopped(info))
			return;
	}
}

static int wait_stopped(uint16_t domid, const char *name)
{
	struct xeno_ctl_info info;

	for (unsigned int i = 0; i < WAIT_SECONDS * LOOKS; i++) {
		int err = hyp_info(domid, &info);

		if (err == -ESRCH)
			return EXIT_SUCCESS;
		if (err)
			return report_error("watch", name, err);
		if (stopped(&info)) {
			wait_gone(domid, &info);
			return EXIT_SUCCESS;
		}
		usleep(1000000 / LOOKS);
	}
	report("%s has not stopped in %u s; xenctl destroy ends it", name, WAIT_SECONDS);
	return EXIT_FAILURE;
}

static int request(int argc, char **argv, const char *how)
{
	struct xeno_ctl_info info;
	unsigned int opts;
	uint16_t domid;
	long ret;

	argc = take_options(argc, argv, "w", &opts);
	if (argc != 2)
		return EXIT_USAGE;
	domid = find_domain(argv[1], &info);
	if (info.flags & XENO_DOMF_DOM0)
		die("%s is domain 0; use poweroff or reboot", info.name);
	if (stopped(&info))
		die("%s has stopped already (%s)", info.name, state_name(&info));
	if (info.flags & (XENO_DOMF_PAUSED | XENO_DOMF_BUILDING))
		die("%s is paused; unpause it first", info.name);
	ret = hyp_xs(XENO_CTL_XS_WRITE, domid, "/control/shutdown", (void *)(uintptr_t)how,
		     strlen(how));
	if (ret < 0)
		return report_error("ask for the shutdown of", info.name, (int)ret);
	return opts ? wait_stopped(domid, info.name) : EXIT_SUCCESS;
}

int cmd_shutdown(int argc, char **argv)
{
	return request(argc, argv, "poweroff");
}

int cmd_reboot(int argc, char **argv)
{
	return request(argc, argv, "reboot");
}

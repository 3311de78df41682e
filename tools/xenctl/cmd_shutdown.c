// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl shutdown and reboot: a polite request through the directory node the guest
 * watches; -w waits until it has stopped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hyp.h"
#include "xenctl.h"

#define WAIT_SECONDS 120

static int wait_stopped(uint16_t domid, const char *name)
{
	struct xeno_ctl_info info;

	for (unsigned int i = 0; i < WAIT_SECONDS * 5; i++) {
		int err = hyp_info(domid, &info);

		if (err == -ESRCH || (!err && info.flags & (XENO_DOMF_SHUTDOWN | XENO_DOMF_DYING)))
			return EXIT_SUCCESS;
		if (err)
			return report_error("watch", name, err);
		usleep(200000);
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
	if (info.flags & (XENO_DOMF_SHUTDOWN | XENO_DOMF_DYING))
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

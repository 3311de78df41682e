// SPDX-License-Identifier: GPL-2.0-only
/* xenctl pause and unpause. */
#include <errno.h>
#include <stdlib.h>

#include "hyp.h"
#include "xenctl.h"

static int change(int argc, char **argv, enum xeno_control_op op)
{
	struct xeno_control c = { 0 };
	struct xeno_ctl_info info;
	uint16_t domid;
	int err;

	if (argc != 2 || argv[1][0] == '-')
		return EXIT_USAGE;
	domid = find_domain(argv[1], &info);
	err = hyp_control(&c, op, domid);
	if (err == -EALREADY)
		die("%s is %s", info.name,
		    op == XENO_CTL_DOMAIN_PAUSE ? "paused already" : "not paused");
	return err ? report_error(argv[0], info.name, err) : EXIT_SUCCESS;
}

int cmd_pause(int argc, char **argv)
{
	return change(argc, argv, XENO_CTL_DOMAIN_PAUSE);
}

int cmd_unpause(int argc, char **argv)
{
	return change(argc, argv, XENO_CTL_DOMAIN_UNPAUSE);
}

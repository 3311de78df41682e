// SPDX-License-Identifier: GPL-2.0-only
/* xenctl destroy: ends a domain at once and gives back all it had. */
#include <errno.h>
#include <stdlib.h>

#include "hyp.h"
#include "nets.h"
#include "xenctl.h"

int cmd_destroy(int argc, char **argv)
{
	struct xeno_ctl_info info;
	uint16_t domid;
	bool vifs;
	int err;

	if (argc != 2 || argv[1][0] == '-')
		return EXIT_USAGE;
	domid = find_domain(argv[1], &info);
	if (info.flags & XENO_DOMF_DOM0)
		die("%s is domain 0; use poweroff or reboot", info.name);
	vifs = net_has_vifs(domid);
	err = hyp_destroy(domid);
	if (vifs && (!err || err == -ESRCH))
		nets_gone();
	if (err == -EAGAIN) {
		report("%s is not yet gone: another domain still uses its memory", info.name);
		return EXIT_FAILURE;
	}
	/* Its watcher may have been faster. */
	return err && err != -ESRCH ? report_error("destroy", info.name, err) : EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-only
/* xenctl dmesg: the hypervisor's log, as far as it is kept. */
#include <stdlib.h>

#include "hyp.h"
#include "xenctl.h"

int cmd_dmesg(int argc, char **argv)
{
	char buf[XENO_BUF_SLICE];
	uint64_t pos = 0;
	unsigned int opts;
	long n;

	argc = take_options(argc, argv, "", &opts);
	if (argc != 1)
		return EXIT_USAGE;
	while ((n = hyp_stream(XENO_CTL_LOG_READ, 0, &pos, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return n < 0 ? report_error("read", "the hypervisor's log", (int)n) : EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-only
/* xenctl dmesg: the hypervisor's log, as far as it is kept; or a file that goes on with it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hyp.h"
#include "logfile.h"
#include "xenctl.h"

#define POLL_SECONDS 2

/* Does not return while the hypervisor answers. */
static int keep_in(const char *path)
{
	struct logfile l;
	uint64_t pos = 0;
	int err;

	logfile_init(&l, path, LOGFILE_LIMIT);
	err = logfile_write(&l, "", 0);
	if (err) {
		report("%s: %s", path, strerror(-err));
		return EXIT_FAILURE;
	}
	while (!(err = logfile_follow(&l, XENO_CTL_LOG_READ, 0, &pos)))
		sleep(POLL_SECONDS);
	logfile_close(&l);
	return report_error("read", "the hypervisor's log", err);
}

static int show(void)
{
	char buf[XENO_BUF_SLICE];
	uint64_t pos = 0;
	long n;

	while ((n = hyp_stream(XENO_CTL_LOG_READ, 0, &pos, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return n < 0 ? report_error("read", "the hypervisor's log", (int)n) : EXIT_SUCCESS;
}

int cmd_dmesg(int argc, char **argv)
{
	enum { OPT_KEEP = 1 };
	unsigned int opts;

	argc = take_options(argc, argv, "o", &opts);
	if (argc == 2 && opts & OPT_KEEP)
		return keep_in(argv[1]);
	return argc == 1 && !opts ? show() : EXIT_USAGE;
}

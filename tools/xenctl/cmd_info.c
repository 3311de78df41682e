// SPDX-License-Identifier: GPL-2.0-only
/* xenctl info: the machine and the hypervisor. One table of fields for both forms. */
#include <stdlib.h>
#include <string.h>

#include "hyp.h"
#include "xenctl.h"

struct field {
	const char *label, *json;
	const char *text; /* NULL: number */
	uint64_t number;
};

int cmd_info(int argc, char **argv)
{
	struct xeno_control c = { 0 };
	const struct xeno_ctl_phys *p = &c.u.phys;
	unsigned int opts;
	int err;

	argc = take_options(argc, argv, "j", &opts);
	if (argc != 1)
		return EXIT_USAGE;
	err = hyp_control(&c, XENO_CTL_PHYS_INFO, 0);
	if (err)
		return report_error("ask", "the hypervisor", err);

	const struct field fields[] = {
		{ "version", "version", p->version, 0 },
		{ "command line", "cmdline", p->cmdline, 0 },
		{ "scheduler", "scheduler", p->scheduler, 0 },
		{ "processors", "cpus", NULL, p->nr_cpus },
		{ "TSC kHz", "tsc_khz", NULL, p->tsc_khz },
		{ "memory KiB", "memory_kib", NULL, p->total_pages * 4 },
		{ "free KiB", "free_kib", NULL, p->free_pages * 4 },
		{ "domains", "domains", NULL, p->nr_domains },
		{ "uptime s", "uptime_s", NULL, p->uptime_ns / 1000000000 },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];

		if (!(opts & OPT_JSON))
			printf("%-13s: ", f->label);
		else
			printf("%s\"%s\": ", i ? ",\n  " : "{\n  ", f->json);
		if (!f->text)
			printf("%llu", (unsigned long long)f->number);
		else if (opts & OPT_JSON)
			json_string(f->text);
		else
			printf("%s", f->text);
		if (!(opts & OPT_JSON))
			printf("\n");
	}
	if (opts & OPT_JSON)
		printf("\n}\n");
	return EXIT_SUCCESS;
}

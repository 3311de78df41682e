// SPDX-License-Identifier: GPL-2.0-only
/* xenctl list: one line per domain, with the reason when it crashed. */
#include <stdlib.h>

#include "hyp.h"
#include "xenctl.h"

static void print_uuid(const uint8_t uuid[16])
{
	for (unsigned int i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static void list_line(uint16_t domid, const struct xeno_ctl_info *i,
		      void *data __attribute__((unused)))
{
	printf("%-20s %5u %7llu %5u  %-9s %9.1f%s%s\n", i->name, domid,
	       (unsigned long long)i->tot_pages / 256, i->online_vcpus, state_name(i),
	       (double)i->cpu_time_ns / 1e9, i->death[0] ? "  " : "", i->death);
}

static void list_json(uint16_t domid, const struct xeno_ctl_info *i, void *data)
{
	const char **sep = data;

	printf("%s\n  {\"id\": %u, \"name\": ", *sep, domid);
	*sep = ",";
	json_string(i->name);
	printf(", \"uuid\": \"");
	print_uuid(i->uuid);
	printf("\", \"state\": \"%s\", \"memory_kib\": %llu, \"max_memory_kib\": %llu, "
	       "\"vcpus\": %u, \"max_vcpus\": %u, \"cpu_time_ns\": %llu, \"shutdown_code\": ",
	       state_name(i), (unsigned long long)i->tot_pages * 4,
	       (unsigned long long)i->max_pages * 4, i->online_vcpus, i->max_vcpus,
	       (unsigned long long)i->cpu_time_ns);
	if (i->flags & XENO_DOMF_SHUTDOWN)
		printf("%u", i->shutdown_code);
	else
		printf("null");
	printf(", \"reason\": ");
	json_string(i->death);
	printf("}");
}

int cmd_list(int argc, char **argv)
{
	struct xeno_ctl_info info;
	const char *sep = "";
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	if (argc < 1 || argc > 2)
		return EXIT_USAGE;
	if (opts & OPT_JSON) {
		printf("[");
		if (argc == 2)
			list_json(find_domain(argv[1], &info), &info, &sep);
		else
			each_domain(list_json, &sep);
		printf("\n]\n");
		return EXIT_SUCCESS;
	}
	hyp_data(); /* no heading without a hypervisor */
	printf("%-20s %5s %7s %5s  %-9s %9s\n", "Name", "ID", "MiB", "VCPUs", "State", "Time(s)");
	if (argc == 2)
		list_line(find_domain(argv[1], &info), &info, NULL);
	else
		each_domain(list_line, NULL);
	return EXIT_SUCCESS;
}

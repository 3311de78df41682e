// SPDX-License-Identifier: GPL-2.0-only
/* xenctl block-attach, block-detach, block-list, block-set: the disks of domains while they run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <public/io/blkif.h>

#include "disks.h"
#include "hyp.h"
#include "xenctl.h"

/* The words of one disk may come as several arguments; they are joined with commas, as xl does. */
static void join(char *text, size_t size, char **words)
{
	size_t len = 0;

	text[0] = 0;
	for (; *words; words++) {
		len += (size_t)snprintf(text + len, size - len, "%s%s", len ? "," : "", *words);
		if (len >= size)
			die("disk: it is longer than %zu characters", size - 1);
	}
}

int cmd_block_attach(int argc, char **argv)
{
	char text[SPEC_TEXT_MAX], why[SPEC_ERR], name[DISK_NAME_MAX];
	struct xeno_ctl_info dom;
	struct disk_spec s;
	unsigned int opts;
	uint16_t domid;

	argc = take_options(argc, argv, "", &opts);
	if (argc < 3)
		return EXIT_USAGE;
	join(text, sizeof(text), argv + 2);
	if (diskspec_parse(&s, text, why))
		die("disk: %s", why);
	domid = find_domain(argv[1], &dom);
	if (disk_attach(domid, &s, why))
		die("%s: %s", dom.name, why);
	printf("%s: %s is %s\n", dom.name, vdev_name(s.dev, name), s.target);
	return EXIT_SUCCESS;
}

/* The device of a domain by its name. */
static void find_vdev(uint16_t domid, const char *domain, const char *name,
		      struct xeno_ctl_vblk_info *v)
{
	char why[SPEC_ERR];
	uint32_t dev;
	int err;

	if (vdev_number(name, &dev, why))
		die("%s", why);
	err = hyp_vblk_info(domid, dev, v, NULL);
	if (err && err != -ENOENT)
		die("cannot ask for the disks of %s: %s", domain, strerror(-err));
	if (err || v->dev != dev)
		die("%s has no disk %s; see xenctl block-list %s", domain, name, domain);
}

int cmd_block_detach(int argc, char **argv)
{
	struct xeno_ctl_vblk_info v;
	struct xeno_ctl_info dom;
	unsigned int force;
	uint16_t domid;
	int err;

	argc = take_options(argc, argv, "f", &force);
	if (argc != 3)
		return EXIT_USAGE;
	domid = find_domain(argv[1], &dom);
	find_vdev(domid, dom.name, argv[2], &v);
	if (v.flags & XENO_VBLKF_WHOLE)
		die("%s is domain 0's view of a drive; it stays", argv[2]);
	err = hyp_detach(&hyp_disks, domid, v.dev, force);
	if (err == -EBUSY && force)
		die("%s: %s still has requests in flight after %u s", dom.name, argv[2],
		    HYP_WAIT_S);
	if (err == -EBUSY)
		die("%s has not let go of %s in %u s (paused, or does it use it?); --force takes it",
		    dom.name, argv[2], HYP_WAIT_S);
	return err ? report_error("take the disk from", dom.name, err) : EXIT_SUCCESS;
}

/* --- telling */

static const char *vblk_state(const struct xeno_ctl_vblk_info *v)
{
	static const char *const names[] = {
		[XenbusStateInitialising] = "starting", [XenbusStateInitWait] = "waiting",
		[XenbusStateInitialised] = "starting",	[XenbusStateConnected] = "connected",
		[XenbusStateClosing] = "closing",	[XenbusStateClosed] = "closed",
	};

	return v->state < sizeof(names) / sizeof(names[0]) && names[v->state] ? names[v->state] :
										"unknown";
}

static void list_line(const struct xeno_ctl_vblk_info *v)
{
	char name[DISK_NAME_MAX], size[16], rate[16];

	printf("%-8s %10s %-3s %-9s %6u %8llu %10s %10llu %10llu %6llu  %s%s\n",
	       vdev_name(v->dev, name), size_text(v->sectors * 512, size),
	       v->flags & XENO_VBLKF_READ_ONLY ? "ro" : "rw", vblk_state(v), v->weight,
	       (unsigned long long)v->iops_limit,
	       v->bytes_limit ? size_text(v->bytes_limit, rate) : "0", (unsigned long long)v->reads,
	       (unsigned long long)v->writes, (unsigned long long)v->errors, v->label,
	       v->flags & XENO_VBLKF_SHARED ? " (shared)" : "");
}

static void list_json(const struct xeno_ctl_vblk_info *v, const struct xeno_vblk_extent *x,
		      bool first)
{
	const struct {
		const char *name;
		uint64_t n;
	} numbers[] = {
		{ "number", v->dev },
		{ "sectors", v->sectors },
		{ "weight", v->weight },
		{ "iops", v->iops_limit },
		{ "rate", v->bytes_limit },
		{ "reads", v->reads },
		{ "writes", v->writes },
		{ "read_sectors", v->read_sectors },
		{ "written_sectors", v->written_sectors },
		{ "errors", v->errors },
		{ "in_flight", v->in_flight },
	};
	const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {
		{ "read_only", XENO_VBLKF_READ_ONLY }, { "shared", XENO_VBLKF_SHARED },
		{ "cdrom", XENO_VBLKF_CDROM },	       { "persistent", XENO_VBLKF_PERSISTENT },
		{ "whole_drive", XENO_VBLKF_WHOLE },
	};
	char name[DISK_NAME_MAX];

	printf("%s\n  {\"device\": \"%s\", \"state\": \"%s\", \"label\": ", first ? "" : ",",
	       vdev_name(v->dev, name), vblk_state(v));
	json_string(v->label);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		printf(", \"%s\": %llu", numbers[i].name, (unsigned long long)numbers[i].n);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		printf(", \"%s\": %s", flags[i].name, v->flags & flags[i].flag ? "true" : "false");
	printf(",\n   \"extents\": [");
	for (unsigned int i = 0; i < v->nr_extents; i++)
		printf("%s{\"drive\": %u, \"first\": %llu, \"sectors\": %llu}", i ? ", " : "",
		       x[i].drive, (unsigned long long)x[i].first,
		       (unsigned long long)x[i].sectors);
	printf("]}");
}

int cmd_block_list(int argc, char **argv)
{
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	struct xeno_ctl_vblk_info v;
	struct xeno_ctl_info dom;
	unsigned int opts;
	uint16_t domid;
	bool json;
	int err;

	argc = take_options(argc, argv, "j", &opts);
	if (argc != 2)
		return EXIT_USAGE;
	json = opts & OPT_JSON;
	domid = find_domain(argv[1], &dom);
	if (json)
		printf("[");
	else
		printf("%-8s %10s %-3s %-9s %6s %8s %10s %10s %10s %6s  %s\n", "Vdev", "Size", "",
		       "State", "Weight", "IOPS", "Rate", "Reads", "Writes", "Errors", "Disk");
	for (uint32_t dev = 0; !(err = hyp_vblk_info(domid, dev, &v, x)); dev = v.dev + 1) {
		if (json)
			list_json(&v, x, !dev);
		else
			list_line(&v);
	}
	if (json)
		printf("\n]\n");
	return err == -ENOENT ? EXIT_SUCCESS : report_error("list the disks of", dom.name, err);
}

/* --- changing */

int cmd_block_set(int argc, char **argv)
{
	struct xeno_ctl_vblk_set u = { .flags = XENO_VBLKF_UPDATE };
	struct xeno_ctl_vblk_info v;
	struct xeno_ctl_info dom;
	struct disk_limits l;
	char why[SPEC_ERR];
	uint16_t domid;
	int err;

	if (argc < 4 || argv[1][0] == '-')
		return EXIT_USAGE;
	for (int i = 3; i < argc; i++)
		if (disk_limit_parse(&l, argv[i], why))
			die("%s", why);
	domid = find_domain(argv[1], &dom);
	find_vdev(domid, dom.name, argv[2], &v);
	l = (struct disk_limits){ v.weight, v.iops_limit, v.bytes_limit };
	for (int i = 3; i < argc; i++)
		disk_limit_parse(&l, argv[i], why);
	u.dev = v.dev;
	u.weight = l.weight;
	u.iops_limit = l.iops;
	u.bytes_limit = l.rate;
	err = hyp_vblk_set(domid, &u, NULL, 0);
	return err ? report_error("change a disk of", dom.name, err) : EXIT_SUCCESS;
}

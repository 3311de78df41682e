// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl disk: the drives of the machine, and which domains use what of them. Domain 0's view of
 * each drive whole is its name, and not listed among the users.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diskspec.h"
#include "hyp.h"
#include "xenctl.h"

struct drive {
	struct xeno_ctl_disk_info d;
	char name[DISK_NAME_MAX], health[80];
	bool json;
	const char *sep;
};

/* A use of the drive by a device: all of its extents there. */
static void show_use(struct drive *dr, const char *domain, uint16_t domid,
		     const struct xeno_ctl_vblk_info *v, uint64_t sectors)
{
	bool ro = v->flags & XENO_VBLKF_READ_ONLY, shared = v->flags & XENO_VBLKF_SHARED;
	char name[DISK_NAME_MAX], size[16];

	vdev_name(v->dev, name);
	if (!dr->json) {
		printf("      %s: %s %s%s, %s (%llu sectors), %s\n", domain, name, ro ? "ro" : "rw",
		       shared ? " shared" : "", size_text(sectors * 512, size),
		       (unsigned long long)sectors, v->label);
		return;
	}
	printf("%s\n    {\"domain\": ", dr->sep);
	dr->sep = ",";
	json_string(domain);
	printf(", \"id\": %u, \"device\": \"%s\", \"label\": ", domid, name);
	json_string(v->label);
	printf(", \"sectors\": %llu, \"read_only\": %s, \"shared\": %s}",
	       (unsigned long long)sectors, ro ? "true" : "false", shared ? "true" : "false");
}

static void show_uses(uint16_t domid, const struct xeno_ctl_info *dom, void *data)
{
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	struct xeno_ctl_vblk_info v;
	struct drive *dr = data;

	for (uint32_t dev = 0; !hyp_vblk_info(domid, dev, &v, x); dev = v.dev + 1) {
		uint64_t sectors = 0;

		for (unsigned int i = 0; i < v.nr_extents; i++)
			sectors += x[i].drive == dr->d.drive ? x[i].sectors : 0;
		if (sectors && !(v.flags & XENO_VBLKF_WHOLE))
			show_use(dr, dom->name, domid, &v, sectors);
	}
}

/* Its name in domain 0, or "-". */
static void find_name(struct drive *dr)
{
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	struct xeno_ctl_vblk_info v;

	strcpy(dr->name, "-");
	for (uint32_t dev = 0; !hyp_vblk_info(0, dev, &v, x); dev = v.dev + 1)
		if (v.flags & XENO_VBLKF_WHOLE && v.nr_extents && x[0].drive == dr->d.drive)
			vdev_name(v.dev, dr->name);
}

static void find_health(struct drive *dr)
{
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {
		{ dr->d.errors, "error" },
		{ dr->d.timeouts, "time-out" },
		{ dr->d.resets, "reset" },
	};
	char *h = dr->health;
	size_t len, room = sizeof(dr->health);

	len = (size_t)snprintf(h, room, "%s", dr->d.flags & XENO_DISKF_DEAD ? "dead" : "");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].n && len < room)
			len += (size_t)snprintf(h + len, room - len, "%s%llu %s%s", len ? ", " : "",
						(unsigned long long)counts[i].n, counts[i].what,
						counts[i].n == 1 ? "" : "s");
	if (!len)
		strcpy(h, "ok");
}

static void show_text(struct drive *dr)
{
	const struct xeno_ctl_disk_info *d = &dr->d;
	char size[16];

	printf("%5u %-6s %-10s %-19s %10s  %-6s  %s%s%s%s\n", d->drive, dr->name, d->driver,
	       d->where[0] ? d->where : "-", size_text(d->sectors * 512, size), dr->health,
	       d->model, d->serial[0] ? ", " : "", d->serial,
	       d->flags & XENO_DISKF_CDROM     ? " (CD)" :
	       d->flags & XENO_DISKF_READ_ONLY ? " (read-only)" :
						 "");
}

static void show_json(const struct drive *dr)
{
	const struct xeno_ctl_disk_info *d = &dr->d;
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "name", dr->name },  { "driver", d->driver }, { "where", d->where },
		{ "model", d->model }, { "serial", d->serial }, { "health", dr->health },
	};
	const struct {
		const char *name;
		uint64_t n;
	} numbers[] = {
		{ "sectors", d->sectors },
		{ "block_size", d->block_size },
		{ "depth", d->depth },
		{ "reads", d->reads },
		{ "writes", d->writes },
		{ "read_sectors", d->read_sectors },
		{ "written_sectors", d->written_sectors },
		{ "errors", d->errors },
		{ "timeouts", d->timeouts },
		{ "resets", d->resets },
		{ "retries", d->retries },
	};
	const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {
		{ "read_only", XENO_DISKF_READ_ONLY },	 { "cdrom", XENO_DISKF_CDROM },
		{ "rotational", XENO_DISKF_ROTATIONAL }, { "flush", XENO_DISKF_FLUSH },
		{ "discard", XENO_DISKF_DISCARD },	 { "dead", XENO_DISKF_DEAD },
	};

	printf("  {\"drive\": %u", d->drive);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		printf(", \"%s\": ", texts[i].name);
		json_string(texts[i].text);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		printf(", \"%s\": %llu", numbers[i].name, (unsigned long long)numbers[i].n);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		printf(", \"%s\": %s", flags[i].name, d->flags & flags[i].flag ? "true" : "false");
	printf(",\n   \"users\": [");
}

static int disk_list(int argc, char **argv)
{
	struct drive dr = { 0 };
	unsigned int opts;
	int err;

	argc = take_options(argc, argv, "j", &opts);
	if (argc != 1)
		return EXIT_USAGE;
	dr.json = opts & OPT_JSON;
	hyp_data(); /* no heading without a hypervisor */
	if (dr.json)
		printf("[");
	else
		printf("%5s %-6s %-10s %-19s %10s  %-6s  %s\n", "Drive", "Name", "Driver", "Where",
		       "Size", "Health", "Model, serial number");
	for (uint32_t nr = 0; !(err = hyp_disk_info(nr, &dr.d)); nr = dr.d.drive + 1) {
		find_name(&dr);
		find_health(&dr);
		if (dr.json) {
			printf(nr ? ",\n" : "\n");
			show_json(&dr);
		} else {
			show_text(&dr);
		}
		dr.sep = "";
		each_domain(show_uses, &dr);
		if (dr.json)
			printf("]}");
	}
	if (dr.json)
		printf("\n]\n");
	return err == -ENOENT ? EXIT_SUCCESS : report_error("list", "the drives", err);
}

static const struct {
	const char *name, *usage;
	command_fn *fn;
} parts[] = {
	{ "list", "[--json]", disk_list },
	{ "init", "[--chunk SIZE] [--force] DEVICE", cmd_disk_init },
};
#define NR_PARTS (sizeof(parts) / sizeof(parts[0]))

const char *disk_part(size_t i, const char **usage)
{
	if (i >= NR_PARTS)
		return NULL;
	*usage = parts[i].usage;
	return parts[i].name;
}

int cmd_disk(int argc, char **argv)
{
	for (size_t i = 0; i < NR_PARTS && argc > 1; i++)
		if (!strcmp(argv[1], parts[i].name))
			return parts[i].fn(argc - 1, argv + 1);
	return EXIT_USAGE;
}

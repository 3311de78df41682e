// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks of domains (disks.h). A drive or partition is named as domain 0 sees it: sysfs tells
 * which virtual device of domain 0 it is, and which sectors of that; the hypervisor tells
 * which extents of drives the device is made of.
 *
 * Two look after the sectors: the hypervisor refuses what other domains' devices use; it gives
 * every drive whole to domain 0, so what domain 0 does with it is for us to find out: mounted
 * file systems and swap by name, and everything else that holds a device (a volume group,
 * another tool) by opening it exclusively.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disks.h"
#include "hyp.h"
#include "vd.h"
#include "xenctl.h"

#define SYS_PATH 4096

/* What the disk is, for messages and labels: a virtual disk's key is nobody's business. */
static const char *shown(const struct disk_spec *s)
{
	static char text[SPEC_TEXT_MAX];
	size_t len = strlen(s->target);

	if (s->target[0] != '/' && len > 3)
		len = 3 + strcspn(s->target + 3, ":");
	memcpy(text, s->target, len);
	text[len] = 0;
	return text;
}

/* --- from a device of domain 0 to extents */

struct place {
	uint32_t dev; /* of domain 0 */
	uint64_t first, sectors;
};

static int sys_number(const char *dir, const char *name, uint64_t *n)
{
	char path[SYS_PATH + 16];
	FILE *f;
	int got;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	got = fscanf(f, "%lu", n);
	fclose(f);
	return got == 1 ? 0 : -1;
}

/* False: not on a virtual block device. */
static bool find_place(dev_t rdev, struct place *p)
{
	char path[64], dir[SYS_PATH], link[SYS_PATH + 16], to[SYS_PATH];
	uint64_t part;
	const char *base;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(rdev), minor(rdev));
	if (!realpath(path, dir) || sys_number(dir, "size", &p->sectors))
		return false;
	p->first = 0;
	if (!sys_number(dir, "partition", &part)) {
		if (sys_number(dir, "start", &p->first))
			return false;
		*strrchr(dir, '/') = 0;
	}
	snprintf(link, sizeof(link), "%s/device", dir);
	len = readlink(link, to, sizeof(to) - 1);
	if (len <= 0)
		return false;
	to[len] = 0;
	base = strrchr(to, '/');
	return sscanf(base ? base + 1 : to, "vbd-%u", &p->dev) == 1;
}

/* The extents of a block device of domain 0; false: it is not of drives of the hypervisor. */
static bool map_device(dev_t rdev, struct disk_map *m)
{
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	struct xeno_ctl_vblk_info info;
	struct place p;

	if (!find_place(rdev, &p) || hyp_vblk_info(0, p.dev, &info, x) || info.dev != p.dev)
		return false;
	m->n = extents_cut(x, info.nr_extents, p.first, p.sectors, m->x);
	return m->n > 0;
}

/* --- what domain 0 does with it */

static bool device_overlaps(dev_t rdev, const struct disk_map *m)
{
	struct disk_map other;

	return map_device(rdev, &other) && extents_overlap(m->x, m->n, other.x, other.n);
}

/* A reader is only in the way of file systems mounted for writing. */
static int check_mounts(const struct disk_spec *s, const struct disk_map *m, char *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], where[256];
	int ret = 0;

	while (f && !ret && fgets(line, sizeof(line), f)) {
		const char *rest = strstr(line, " - ");
		unsigned int maj, min;
		char super[4] = "";

		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &maj, &min, where) != 3 || !maj)
			continue;
		if (rest)
			sscanf(rest, " - %*s %*s %3[^,\n]", super);
		if (s->flags & XENO_VBLKF_READ_ONLY && !strcmp(super, "ro"))
			continue;
		if (device_overlaps(makedev(maj, min), m))
			ret = spec_fail(err, "%s: domain 0 has mounted it (%.100s)", shown(s),
					where);
	}
	if (f)
		fclose(f);
	return ret;
}

static int check_swaps(const struct disk_spec *s, const struct disk_map *m, char *err)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[1024], name[256];
	struct stat st;
	int ret = 0;

	while (f && !ret && fgets(line, sizeof(line), f))
		if (sscanf(line, "%255s", name) == 1 && !stat(name, &st) && S_ISBLK(st.st_mode) &&
		    device_overlaps(st.st_rdev, m))
			ret = spec_fail(err, "%s: domain 0 swaps to it (%.100s)", shown(s), name);
	if (f)
		fclose(f);
	return ret;
}

static int check_domain0(const struct disk_spec *s, const struct disk_map *m, char *err)
{
	int fd;

	if (check_mounts(s, m, err) || check_swaps(s, m, err))
		return -1;
	if (s->flags & XENO_VBLKF_READ_ONLY || s->target[0] != '/')
		return 0;
	fd = open(s->target, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		return spec_fail(err, "%s: domain 0 uses it", shown(s));
	if (fd >= 0)
		close(fd);
	return 0;
}

/* --- what other domains and drives say */

struct rival {
	const struct disk_spec *s;
	const struct disk_map *m;
	char *err;
	bool found;
};

static void find_rival(uint16_t domid, const struct xeno_ctl_info *dom, void *data)
{
	struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS];
	struct xeno_ctl_vblk_info v;
	struct rival *r = data;
	char name[DISK_NAME_MAX];

	for (uint32_t dev = 0; !r->found && !hyp_vblk_info(domid, dev, &v, x); dev = v.dev + 1) {
		if (v.flags & XENO_VBLKF_WHOLE || v.flags & r->s->flags & XENO_VBLKF_READ_ONLY ||
		    !extents_overlap(r->m->x, r->m->n, x, v.nr_extents))
			continue;
		r->found = true;
		spec_fail(r->err, "%s: %s uses it (%s, %s); `!` behind the access shares it",
			  shown(r->s), dom->name, vdev_name(v.dev, name),
			  v.flags & XENO_VBLKF_READ_ONLY ? "ro" : "rw");
	}
}

static int check_drives(const struct disk_spec *s, const struct disk_map *m, char *err)
{
	struct xeno_ctl_disk_info d;

	for (unsigned int i = 0; i < m->n; i++) {
		if (hyp_disk_info(m->x[i].drive, &d))
			continue;
		if (d.flags & XENO_DISKF_READ_ONLY && !(s->flags & XENO_VBLKF_READ_ONLY))
			return spec_fail(err, "%s: the drive is read-only, so access must be r",
					 shown(s));
		if (d.flags & XENO_DISKF_DEAD)
			return spec_fail(err, "%s: the drive is dead (xenctl disk list)", shown(s));
	}
	return 0;
}

static int check_use(const struct disk_spec *s, const struct disk_map *m, char *err)
{
	struct rival r = { s, m, err, false };

	if (check_drives(s, m, err))
		return -1;
	if (s->flags & XENO_VBLKF_SHARED)
		return 0;
	each_domain(find_rival, &r);
	return r.found ? -1 : check_domain0(s, m, err);
}

/* --- all of it */

/* "vd:NAME[:KEY]", cut in two. */
struct virtual
{
	char name[SPEC_TEXT_MAX];
	const char *key; /* NULL: none */
};

static void cut_virtual(const struct disk_spec *s, struct virtual *v)
{
	char *colon;

	strcpy(v->name, s->target + 3);
	colon = strchr(v->name, ':');
	if (colon)
		*colon++ = 0;
	v->key = colon;
}

static int resolve_virtual(const struct disk_spec *s, struct disk_map *m, char *err)
{
	bool writable = !(s->flags & XENO_VBLKF_READ_ONLY);
	struct virtual v;
	struct vd_map map;

	cut_virtual(s, &v);
	if (vd_resolve(v.name, v.key, writable, &map, err, SPEC_ERR))
		return -1;
	m->n = map.n;
	memcpy(m->x, map.x, map.n * sizeof(map.x[0]));
	return 0;
}

int disk_resolve(const struct disk_spec *s, struct disk_map *m, char err[SPEC_ERR])
{
	struct stat st;

	if (s->target[0] != '/')
		return resolve_virtual(s, m, err) ? -1 : check_use(s, m, err);
	if (stat(s->target, &st))
		return spec_fail(err, "%s: %s", shown(s), strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return spec_fail(err, "%s: not a block device", shown(s));
	if (!map_device(st.st_rdev, m))
		return spec_fail(err, "%s: not on a drive of the hypervisor (xenctl disk list)",
				 shown(s));
	return check_use(s, m, err);
}

/* When it is another's by now, the domain must not keep it. */
static int confirm_virtual(uint16_t domid, const struct disk_spec *s, const struct virtual *v,
			   const struct disk_map *m, char *err)
{
	struct vd_map map = { .n = m->n };

	memcpy(map.x, m->x, m->n * sizeof(map.x[0]));
	if (!vd_confirm(v->name, &map, err, SPEC_ERR))
		return 0;
	hyp_vblk_remove(domid, s->dev, true);
	return -1;
}

static int attach_failed(const struct disk_spec *s, int error, char *err)
{
	static const struct {
		int error;
		const char *what;
	} known[] = {
		{ -EEXIST, "the domain has a disk of this name" },
		{ -EBUSY, "another device uses the sectors" },
		{ -EROFS, "the drive is read-only, so access must be r" },
		{ -ENOSPC, "the domain has too many devices" },
		{ -ESRCH, "the domain is gone" },
		{ -EINVAL, "not in whole blocks of the drive" },
	};
	char name[DISK_NAME_MAX];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].error == error)
			return spec_fail(err, "%s as %s: %s", shown(s), vdev_name(s->dev, name),
					 known[i].what);
	return spec_fail(err, "%s as %s: %s", shown(s), vdev_name(s->dev, name), strerror(-error));
}

int disk_attach(uint16_t domid, const struct disk_spec *s, char err[SPEC_ERR])
{
	struct xeno_ctl_vblk_set u = { .dev = s->dev,
				       .flags = s->flags,
				       .weight = s->limits.weight,
				       .iops_limit = s->limits.iops,
				       .bytes_limit = s->limits.rate };
	struct virtual v;
	struct disk_map m;
	int error;

	if (disk_resolve(s, &m, err))
		return -1;
	snprintf(u.label, sizeof(u.label), "%.63s", shown(s));
	if (s->target[0] != '/')
		cut_virtual(s, &v);
	error = hyp_vblk_set(domid, &u, m.x, m.n);
	if (error)
		return attach_failed(s, error, err);
	return s->target[0] == '/' ? 0 : confirm_virtual(domid, s, &v, &m, err);
}

/* What no later check sees: two disks of one configuration that do not exist yet. */
static int check_among(const struct guest_cfg *g, const struct disk_map *maps, unsigned int i,
		       char *err)
{
	for (unsigned int j = 0; j < i; j++) {
		uint32_t flags = g->disks[i].flags;

		if (!(flags & XENO_VBLKF_SHARED) &&
		    !(flags & g->disks[j].flags & XENO_VBLKF_READ_ONLY) &&
		    extents_overlap(maps[i].x, maps[i].n, maps[j].x, maps[j].n))
			return spec_fail(err, "%s: disk[%u] has the same sectors",
					 shown(&g->disks[i]), j);
	}
	return 0;
}

int disks_check(const struct guest_cfg *g)
{
	struct disk_map *maps = calloc(g->nr_disks + 1, sizeof(*maps));
	char why[SPEC_ERR];
	int err = 0;

	if (!maps)
		die("%s: out of memory", g->name);
	for (unsigned int i = 0; i < g->nr_disks && !err; i++) {
		err = disk_resolve(&g->disks[i], &maps[i], why);
		if (!err)
			err = check_among(g, maps, i, why);
		if (err)
			report("%s: disk[%u]: %s", g->name, i, why);
	}
	free(maps);
	return err;
}

int disks_attach(uint16_t domid, const struct guest_cfg *g)
{
	char why[SPEC_ERR];

	for (unsigned int i = 0; i < g->nr_disks; i++) {
		if (!disk_attach(domid, &g->disks[i], why))
			continue;
		report("%s: disk[%u]: %s", g->name, i, why);
		return -1;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks as they are written (diskspec.h). A text is cut at its commas; each part is a word of
 * the four that have a place, a word of its own, or key=value: one table for all. What
 * stands behind a target, and whether it may be used, is disks.c's business.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diskspec.h"

/* --- names of devices: block major 202 with 16 numbers a disk, then the extended ones */

#define XVD_FIRST (202u << 8)
#define XVD_NR 16u
#define XVD_PARTS 16u
#define XVD_EXT (1u << 28)
#define XVD_EXT_PARTS 256u
#define XVD_MAX 702u /* xvda to xvdzz */

/* hda and sda are names of other kinds of disks; xl maps them silently, we do not. */
static int bad_vdev(const char *name, char *err)
{
	bool other = (name[0] == 'h' || name[0] == 's') && name[1] == 'd' &&
		     islower((unsigned char)name[2]);

	if (other)
		return spec_fail(err, "vdev '%.16s': disks of guests are called xvd%.10s", name,
				 name + 2);
	return spec_fail(err, "vdev '%.16s' is not a name like xvda or xvda1", name);
}

int vdev_number(const char *name, uint32_t *dev, char err[SPEC_ERR])
{
	uint64_t n = 0, part = 0;
	const char *p = name + 3;
	bool ext;

	if (!spec_number(name, (1u << 31) - 1, &n)) {
		*dev = (uint32_t)n;
		return 0;
	}
	if (strncmp(name, "xvd", 3))
		return bad_vdev(name, err);
	for (; islower((unsigned char)*p) && p < name + 5; p++)
		n = n * 26 + (uint64_t)(*p - 'a') + 1;
	if (!n || *p == '0' || (*p && spec_number(p, XVD_EXT_PARTS - 1, &part)))
		return bad_vdev(name, err);
	ext = --n >= XVD_NR;
	if (!ext && part >= XVD_PARTS)
		return spec_fail(err, "vdev '%.16s': xvda to xvdp have partitions 1 to 15", name);
	*dev = (uint32_t)(ext ? XVD_EXT + XVD_EXT_PARTS * n : XVD_FIRST + XVD_PARTS * n) +
	       (uint32_t)part;
	return 0;
}

const char *vdev_name(uint32_t dev, char buf[DISK_NAME_MAX])
{
	bool ext = dev >= XVD_EXT;
	uint32_t parts = ext ? XVD_EXT_PARTS : XVD_PARTS;
	uint32_t n = dev - (ext ? XVD_EXT : XVD_FIRST), part = n % parts;
	char high[2] = "";

	n /= parts;
	if (dev < XVD_FIRST || n >= (ext ? XVD_MAX : XVD_NR) || (ext && n < XVD_NR)) {
		snprintf(buf, DISK_NAME_MAX, "%u", dev);
		return buf;
	}
	if (n >= 26)
		high[0] = (char)('a' + n / 26 - 1);
	snprintf(buf, DISK_NAME_MAX, "xvd%s%c", high, 'a' + n % 26);
	if (part)
		snprintf(buf + strlen(buf), DISK_NAME_MAX - strlen(buf), "%u", part);
	return buf;
}

/* --- amounts */

const char *size_text(uint64_t bytes, char buf[16])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	unsigned int i = 0;
	double n = (double)bytes / 1024;

	for (; n >= 1024 && i < 4; i++)
		n /= 1024;
	snprintf(buf, 16, "%.1f %s", n, units[i]);
	return buf;
}

/* "4096", "512K", "10MiB" */
static int amount(const char *s, uint64_t *n)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	*n = strtoull(s, &end, 10);
	if (errno)
		return -1;
	if (!*end)
		return 0;
	unit = strchr(units, *end);
	if (!unit || (strcmp(end + 1, "") && strcmp(end + 1, "iB")))
		return -1;
	for (; unit >= units; unit--)
		if (__builtin_mul_overflow(*n, 1024, n))
			return -1;
	return 0;
}

/* --- keys */

struct parse {
	struct disk_spec *s;
	char *err;
	unsigned int given; /* by index in keys[] */
	bool access_w;
};

enum { KEY_TARGET, KEY_FORMAT, KEY_VDEV, KEY_ACCESS, NR_PLACES };

static int set_target(struct parse *p, const char *v)
{
	char *to = p->s->target;
	bool phy = !strncmp(v, "phy:", 4);

	if (!strncmp(v, "file:", 5) || !strncmp(v, "tap:", 4))
		return spec_fail(p->err, "target '%.60s': a file cannot be a disk", v);
	if (phy || !strncmp(v, "raw:", 4) || !strncmp(v, "vd:", 3))
		p->given |= 1u << KEY_FORMAT;
	if (phy || !strncmp(v, "raw:", 4))
		v += 4;
	if (phy && *v && *v != '/')
		to += snprintf(to, SPEC_TEXT_MAX, "/dev/");
	else if (*v != '/' && (strncmp(v, "vd:", 3) || !v[3] || v[3] == ':'))
		return spec_fail(p->err,
				 "target '%.60s' is neither a path (/dev/xvdb3) nor vd:NAME", v);
	if (strlen(v) >= (size_t)(p->s->target + SPEC_TEXT_MAX - to))
		return spec_fail(p->err, "target '%.60s...' is too long", v);
	strcpy(to, v);
	return 0;
}

static int set_format(struct parse *p, const char *v)
{
	if (!strcmp(v, "raw"))
		return 0;
	if (!strncmp(v, "xvd", 3))
		return spec_fail(p->err, "'%.16s' stands where the format is: TARGET,raw,%.16s", v,
				 v);
	return spec_fail(p->err, "format '%.20s': only raw disks exist here", v);
}

static int set_devtype(struct parse *p, const char *v)
{
	if (!strcmp(v, "cdrom"))
		p->s->flags |= XENO_VBLKF_CDROM | XENO_VBLKF_READ_ONLY;
	else if (strcmp(v, "disk"))
		return spec_fail(p->err, "devtype '%.20s' is neither disk nor cdrom", v);
	return 0;
}

static int set_vdev(struct parse *p, const char *v)
{
	size_t len = strcspn(v, ":");
	char name[DISK_NAME_MAX];

	if (v[len] && set_devtype(p, v + len + 1))
		return -1;
	if (len >= sizeof(name))
		return bad_vdev(v, p->err);
	memcpy(name, v, len);
	name[len] = 0;
	return vdev_number(name, &p->s->dev, p->err);
}

static int set_access(struct parse *p, const char *v)
{
	size_t len = strcspn(v, "!");
	bool w = len && v[len - 1] == 'w';

	if (strncmp(v, w ? "rw" : "ro", len) && strncmp(v, w ? "w" : "r", len))
		len = 0;
	if (!len || len > 2 || (v[len] && v[len + 1]))
		return spec_fail(p->err,
				 "access '%.20s' is none of r, ro, w, rw (! behind: shared)", v);
	p->access_w = w;
	if (!w)
		p->s->flags |= XENO_VBLKF_READ_ONLY;
	if (v[len])
		p->s->flags |= XENO_VBLKF_SHARED;
	return 0;
}

static int set_backendtype(struct parse *p, const char *v)
{
	return strcmp(v, "phy") ?
		       spec_fail(p->err, "backendtype '%.20s': only phy exists here", v) :
		       0;
}

static int set_weight(struct disk_limits *l, const char *v, char *err)
{
	uint64_t n;

	if (spec_number(v, 1000, &n) || !n)
		return spec_fail(err, "weight '%.20s' is not 1 to 1000", v);
	l->weight = (uint32_t)n;
	return 0;
}

static int set_iops(struct disk_limits *l, const char *v, char *err)
{
	return spec_number(v, UINT32_MAX, &l->iops) ?
		       spec_fail(err, "iops '%.20s' is not a number below 2^32", v) :
		       0;
}

static int set_rate(struct disk_limits *l, const char *v, char *err)
{
	return amount(v, &l->rate) ?
		       spec_fail(err, "rate '%.20s' is not a number of bytes (20MiB)", v) :
		       0;
}

static int set_cdrom(struct parse *p, const char *v __attribute__((unused)))
{
	return set_devtype(p, "cdrom");
}

static int set_persistent(struct parse *p, const char *v __attribute__((unused)))
{
	p->s->flags |= XENO_VBLKF_PERSISTENT;
	return 0;
}

/* What is so in any case. */
static int set_nothing(struct parse *p __attribute__((unused)),
		       const char *v __attribute__((unused)))
{
	return 0;
}

static const struct key {
	const char *name;
	int (*set)(struct parse *p, const char *v); /* both NULL: a key of xl that nobody serves */
	int (*set_limit)(struct disk_limits *l, const char *v, char *err);
	bool word; /* stands without a value */
} keys[] = {
	[KEY_TARGET] = { "target", set_target, NULL, false },
	[KEY_FORMAT] = { "format", set_format, NULL, false },
	[KEY_VDEV] = { "vdev", set_vdev, NULL, false },
	[KEY_ACCESS] = { "access", set_access, NULL, false },
	{ "devtype", set_devtype, NULL, false },
	{ "backendtype", set_backendtype, NULL, false },
	{ "weight", NULL, set_weight, false },
	{ "iops", NULL, set_iops, false },
	{ "rate", NULL, set_rate, false },
	{ "cdrom", set_cdrom, NULL, true },
	{ "persistent", set_persistent, NULL, true },
	{ "discard", set_nothing, NULL, true },
	{ "direct-io-safe", set_nothing, NULL, true },
	{ "no-discard", NULL, NULL, true },
	{ "backend", NULL, NULL, false },
	{ "script", NULL, NULL, false },
};
#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

/* The key that begins text with len characters, or NR_KEYS. */
static size_t find_key(const char *text, size_t len, bool word)
{
	size_t i = 0;

	while (i < NR_KEYS && (keys[i].word != word || strlen(keys[i].name) != len ||
			       strncmp(keys[i].name, text, len)))
		i++;
	return i;
}

static int set_key(struct parse *p, size_t i, const char *v)
{
	const struct key *k = &keys[i];

	if (p->given & 1u << i && i != KEY_FORMAT)
		return spec_fail(p->err, "%s is given twice", k->name);
	p->given |= 1u << i;
	if (k->set)
		return k->set(p, v);
	return k->set_limit ? k->set_limit(&p->s->limits, v, p->err) :
			      spec_fail(p->err, "%s is not supported here", k->name);
}

/* One part between commas; *place: where a word without a key belongs. */
static int set_part(struct parse *p, const char *part, unsigned int *place)
{
	size_t len = strcspn(part, "=");
	size_t i = find_key(part, len, !part[len]);

	if (i < NR_KEYS)
		return set_key(p, i, part[len] ? part + len + 1 : part);
	if (part[len])
		return spec_fail(p->err, "unknown key '%.*s'", (int)(len < 40 ? len : 40), part);
	while (*place < NR_PLACES && p->given & 1u << *place)
		++*place;
	if (!*part) /* left out */
		return ++*place, 0;
	if (*place >= NR_PLACES)
		return spec_fail(p->err, "'%.40s' is one word too many", part);
	return set_key(p, (*place)++, part);
}

static int check_whole(struct parse *p)
{
	if (!p->s->target[0])
		return spec_fail(p->err, "the target is missing (phy:/dev/xvdb3,xvda,w)");
	if (!(p->given & 1u << KEY_VDEV))
		return spec_fail(p->err, "vdev is missing (the name in the guest: xvda)");
	if (p->s->flags & XENO_VBLKF_CDROM && p->access_w)
		return spec_fail(p->err, "a CD is read-only: access must be r");
	return 0;
}

int diskspec_parse(struct disk_spec *s, const char *text, char err[SPEC_ERR])
{
	struct parse p = { .s = s, .err = err };
	char copy[SPEC_TEXT_MAX], *rest = copy;
	unsigned int place = 0;

	memset(s, 0, sizeof(*s));
	if (spec_copy(s->text, copy, text, err))
		return -1;
	while (rest) {
		char *part = rest + strspn(rest, " \t");

		rest = strncmp(part, "target=", 7) ? strchr(part, ',') : NULL;
		if (rest)
			*rest++ = 0;
		if (set_part(&p, spec_trim(part), &place))
			return -1;
	}
	return check_whole(&p);
}

int disk_limit_parse(struct disk_limits *l, const char *text, char err[SPEC_ERR])
{
	size_t len = strcspn(text, "=");
	size_t i = text[len] ? find_key(text, len, false) : NR_KEYS;

	if (i == NR_KEYS || !keys[i].set_limit)
		return spec_fail(err, "'%.40s' is none of weight=, iops=, rate=", text);
	return keys[i].set_limit(l, text + len + 1, err);
}

/* --- extents */

unsigned int extents_cut(const struct xeno_vblk_extent *x, unsigned int n, uint64_t first,
			 uint64_t sectors, struct xeno_vblk_extent *out)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < n && sectors; i++) {
		uint64_t left = x[i].sectors;

		if (first >= left) {
			first -= left;
			continue;
		}
		left = left - first < sectors ? left - first : sectors;
		out[nr++] = (struct xeno_vblk_extent){ .drive = x[i].drive,
						       .first = x[i].first + first,
						       .sectors = left };
		sectors -= left;
		first = 0;
	}
	return sectors ? 0 : nr;
}

bool extents_overlap(const struct xeno_vblk_extent *a, unsigned int na,
		     const struct xeno_vblk_extent *b, unsigned int nb)
{
	for (unsigned int i = 0; i < na; i++)
		for (unsigned int j = 0; j < nb; j++)
			if (a[i].drive == b[j].drive && a[i].first < b[j].first + b[j].sectors &&
			    b[j].first < a[i].first + a[i].sectors)
				return true;
	return false;
}

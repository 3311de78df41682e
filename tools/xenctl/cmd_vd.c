// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl vd: virtual disks. Each subcommand opens the XenoDisk, locked, looks, changes the
 * catalogue in memory, commits. What takes long (zeroing, copying) runs without the lock, the
 * disk being marked as worked at.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "disks.h"
#include "hyp.h"
#include "vd.h"
#include "xenctl.h"

struct args {
	const char *word[4]; /* what is not an option */
	int n;
	const char *on, *owner, *expires, *key;
	bool json, keys, force, ro, keyed, now;
};

static struct vd_store store;
static char err[XD_ERR];

static uint64_t now(void)
{
	return (uint64_t)time(NULL);
}

static struct xd_disk *must_find(const struct args *a, bool write, bool deleted)
{
	struct xd_disk *d;

	if (vd_find(&store, a->on, a->word[0], write, deleted, &d, err))
		die("%s", err);
	return d;
}

static int commit(void)
{
	if (xd_commit(&store.x, err))
		die("%s: %s", store.path, err);
	if (store.x.damage[0])
		report("%s: %s", store.path, store.x.damage);
	return EXIT_SUCCESS;
}

static void must(int failed)
{
	if (failed)
		die("%s", err);
}

static void random_bytes(void *to, size_t len)
{
	if (getrandom(to, len, 0) != (ssize_t)len)
		die("no random numbers: %s", strerror(errno));
}

/* --- what people write */

uint64_t vd_parse_size(const char *s)
{
	static const char units[] = "KMGTP";
	char *end;
	uint64_t n, base = 1024;
	const char *unit;

	errno = 0;
	n = isdigit((unsigned char)*s) ? strtoull(s, &end, 10) : 0;
	if (!n || errno)
		die("'%s' is not a size like 10G, 512M or 100MB", s);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit && !strcmp(end + 1, "B"))
		base = 1000;
	else if (*end && (!unit || (end[1] && strcmp(end + 1, "iB"))))
		die("'%s' is not a size like 10G, 512M or 100MB", s);
	for (; unit && unit >= units; unit--)
		if (__builtin_mul_overflow(n, base, &n))
			die("'%s' is too large", s);
	n = xd_round(n);
	if (!n)
		die("'%s' is too large", s);
	return n / XD_SECTOR;
}

/* "+30d", "+12h", "+4w", "2027-01-31", "2027-01-31 18:00" (UTC), "never". */
static uint64_t parse_expiry(const char *s)
{
	struct tm tm = { 0 };
	const char *end;
	char unit, more;
	unsigned int n;
	time_t t;

	if (!strcmp(s, "never"))
		return 0;
	if (sscanf(s, "+%5u%c%c", &n, &unit, &more) == 2 && n && strchr("hdw", unit))
		return now() + n * (unit == 'h' ? 3600ull : unit == 'd' ? 86400 : 604800);
	end = strptime(s, "%Y-%m-%d", &tm);
	if (end && *end)
		end = strptime(end, " %H:%M", &tm);
	t = end && !*end && tm.tm_year < 8000 ? timegm(&tm) : -1;
	if (t < 0)
		die("'%s' is not a date like 2027-01-31, +30d or never", s);
	if ((uint64_t)t <= now())
		die("'%s' is in the past", s);
	return (uint64_t)t;
}

static const char *date_text(uint64_t t, char buf[32])
{
	time_t when = (time_t)t;
	struct tm tm;

	if (!t || !gmtime_r(&when, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M", &tm))
		return "-";
	return buf;
}

static const char *hex_text(const uint8_t *id, char buf[33])
{
	for (unsigned int i = 0; i < 16; i++)
		snprintf(buf + 2 * i, 3, "%02x", id[i]);
	return buf;
}

/* --- making and changing */

static void zero_progress(uint64_t done, uint64_t of)
{
	vd_progress("zeroing", done, of);
}

/* Chunks for d, zeroed; the catalogue is free for others meanwhile. */
static void give_size(struct xd_disk *d, uint64_t sectors)
{
	const struct xd_users users = { vd_used, &store };
	char id[33];

	must(xd_reserve(&store.x, d, sectors, &users, now(), err));
	commit();
	must(vd_work_begin(&store, d, err));
	vd_unlock(&store);
	must(xd_zero(&store.x, d, zero_progress, err));
	vd_progress("zeroing", 1, 1);
	hex_text(d->r.uuid, id);
	must(vd_relock(&store, err));
	d = xd_find(&store.x, id);
	if (!d)
		die("the disk has been removed meanwhile");
	must(xd_finish(&store.x, d, sectors, err));
	commit();
}

/* The one named, or the one with the most free space. */
static void choose_store(const struct args *a)
{
	struct xd_space best = { 0 }, s;
	char path[VD_PATH_MAX] = "";
	unsigned int pos = 0;

	while (vd_next(&store, a->on, &pos, false)) {
		const struct xd_disk *d = xd_find(&store.x, a->word[0]);

		if (d && d->r.state != XD_ZEROING) /* that may be abandoned; see xd_sweep() */
			die("%s: there is such a disk on %s", a->word[0], store.path);
		xd_space(&store.x, now(), &s);
		if (!*path || s.free > best.free) {
			best = s;
			strcpy(path, store.path);
		}
		vd_close(&store);
	}
	if (!*path)
		die("there is no XenoDisk; see xenctl help disk");
	must(vd_open(&store, path, true, err));
}

static int vd_create(const struct args *a)
{
	const struct xd_users users = { vd_used, &store };
	uint64_t sectors = vd_parse_size(a->word[1]);
	uint8_t id[3][16];
	struct xd_new n = { .name = a->word[0],
			    .owner = a->owner ? a->owner : "",
			    .uuid = id[0],
			    .rw_key = id[1],
			    .ro_key = id[2],
			    .expires = a->expires ? parse_expiry(a->expires) : 0,
			    .keyed = a->keyed };
	struct xd_disk *d;
	char key[33];

	random_bytes(id, sizeof(id));
	choose_store(a);
	xd_sweep(&store.x, &users);
	d = xd_create(&store.x, &n, now(), err);
	must(!d);
	give_size(d, sectors);
	printf("%s: %llu sectors on %s\n", n.name, (unsigned long long)sectors, store.path);
	printf("read-write key: %s\n", hex_text(id[1], key));
	printf("read-only key:  %s\n", hex_text(id[2], key));
	return EXIT_SUCCESS;
}

static struct vd_map old_map; /* before it grew */

/* Tells the domains that have it how large it is now. */
static void grow_uses(const struct xd_disk *d)
{
	const struct vd_use *u;
	unsigned int pos = 0;
	struct vd_map m;
	int ret;

	if (store.is_file)
		return;
	must(vd_map(&store, d, &m, err));
	while ((u = vd_next_use(&store, d, &pos))) {
		struct xeno_ctl_vblk_set set = { .dev = u->v.dev,
						 .flags = XENO_VBLKF_UPDATE,
						 .weight = u->v.weight,
						 .iops_limit = u->v.iops_limit,
						 .bytes_limit = u->v.bytes_limit };

		if (u->v.sectors != old_map.sectors || u->x[0].first != old_map.x[0].first)
			continue;
		ret = hyp_vblk_set(u->domid, &set, m.x, m.n);
		if (ret)
			report("%s is larger, but %s sees that when it is attached anew: %s",
			       d->r.name, u->domain, strerror(-ret));
	}
}

static void must_be_unused(const struct xd_disk *d, const char *why)
{
	unsigned int pos = 0;
	const struct vd_use *u = vd_next_use(&store, d, &pos);
	char name[DISK_NAME_MAX];

	if (u)
		die("%s: %s uses it (%s); %s", d->r.name, u->domain, vdev_name(u->v.dev, name),
		    why);
	must(vd_check_idle(&store, d, err));
}

static int vd_resize(const struct args *a)
{
	uint64_t sectors = vd_parse_size(a->word[1]);
	struct xd_disk *d = must_find(a, true, false);

	if (d->r.state != XD_LIVE)
		die("%s: it is %s", d->r.name, xd_state_name(d, now()));
	must(vd_check_idle(&store, d, err));
	if (sectors < d->r.sectors) {
		if (!a->force)
			die("%s: it has %llu sectors; --force makes it smaller, and what is beyond "
			    "is lost",
			    d->r.name, (unsigned long long)d->r.sectors);
		must_be_unused(d, "it cannot be made smaller");
		xd_shrink(&store.x, d, sectors);
		return commit();
	}
	if (!store.is_file)
		must(vd_map(&store, d, &old_map, err));
	give_size(d, sectors);
	grow_uses(xd_find(&store.x, a->word[0]));
	return EXIT_SUCCESS;
}

static int vd_delete(const struct args *a)
{
	struct xd_disk *d = must_find(a, true, false);

	must_be_unused(d, "detach it first");
	if (a->now) /* as one that was never finished: nothing to bring back */
		d->r.state = XD_ZEROING;
	xd_delete(&store.x, d, now());
	return commit();
}

static int vd_undelete(const struct args *a)
{
	struct xd_disk *d = must_find(a, true, true);

	must(xd_undelete(&store.x, d, err));
	return commit();
}

static int vd_renew(const struct args *a)
{
	uint64_t expires;
	struct xd_disk *d;

	if (!a->expires)
		die("vd renew needs --expires DATE");
	expires = parse_expiry(a->expires);
	d = must_find(a, true, false);
	must(xd_may(d, xd_key_of(d, a->word[0], a->key), true, true, now(), err));
	d->r.expires = expires;
	d->r.used = now();
	return commit();
}

static int vd_config(const struct args *a)
{
	struct xd_disk *d = must_find(a, a->n > 1, false);
	uint8_t *text;
	size_t len;
	int e;

	if (a->n == 1) {
		fwrite(d->config ? d->config : "", 1, d->r.config_len, stdout);
		return EXIT_SUCCESS;
	}
	text = read_file(a->word[1], XD_MAX_CONFIG, &len, &e);
	if (!text)
		die("%s: %s", a->word[1], strerror(-e));
	must(xd_set_config(d, (char *)text, len, err));
	free(text);
	return commit();
}

static int vd_scrub(const struct args *a)
{
	unsigned int pos = 0;
	long n;

	while (vd_next(&store, a->on, &pos, true)) {
		do { /* a few at a time: others want the catalogue */
			n = xd_scrub(&store.x, 4, err);
			must(n < 0);
			if (n)
				commit();
			vd_unlock(&store);
			must(vd_relock(&store, err));
		} while (n);
		vd_close(&store);
	}
	return EXIT_SUCCESS;
}

/* --- contents */

static int vd_import_cmd(const struct args *a)
{
	bool in = !strcmp(a->word[1], "-");
	int fd = in ? STDIN_FILENO : open(a->word[1], O_RDONLY | O_CLOEXEC);
	struct xd_disk *d;

	if (fd < 0)
		die("%s: %s", a->word[1], strerror(errno));
	d = must_find(a, true, false);
	must(xd_may(d, xd_key_of(d, a->word[0], a->key), true, false, now(), err));
	must_be_unused(d, "detach it first");
	must(vd_work_begin(&store, d, err));
	d->r.used = now();
	commit();
	vd_unlock(&store);
	must(vd_import(&store, d, fd, err));
	return EXIT_SUCCESS;
}

static int vd_export_cmd(const struct args *a)
{
	bool out = !strcmp(a->word[1], "-");
	struct xd_disk *d = must_find(a, true, false);
	const struct vd_use *u;
	unsigned int pos = 0;
	int fd;

	must(xd_may(d, xd_key_of(d, a->word[0], a->key), false, true, now(), err));
	while ((u = vd_next_use(&store, d, &pos)))
		if (!(u->v.flags & XENO_VBLKF_READ_ONLY))
			die("%s: %s writes to it; detach it first", d->r.name, u->domain);
	must(vd_work_begin(&store, d, err));
	vd_unlock(&store);
	fd = out ? STDOUT_FILENO : open(a->word[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %s", a->word[1], strerror(errno));
	must(vd_export(&store, d, fd, err));
	if (!out && (fsync(fd) || close(fd)))
		die("%s: %s", a->word[1], strerror(errno));
	return EXIT_SUCCESS;
}

/* --- domains */

static int vd_attach(const struct args *a)
{
	struct xeno_ctl_vblk_set u = { .flags = a->ro ? XENO_VBLKF_READ_ONLY : 0 };
	char why[SPEC_ERR], name[DISK_NAME_MAX];
	struct xeno_ctl_info dom;
	struct xd_disk *d;
	struct vd_map m;
	uint16_t domid;
	int ret;

	if (vdev_number(a->word[2], &u.dev, why))
		die("%s", why);
	domid = find_domain(a->word[1], &dom);
	d = must_find(a, true, false);
	must(xd_may(d, xd_key_of(d, a->word[0], a->key), !a->ro, false, now(), err));
	must(vd_check_idle(&store, d, err) || vd_map(&store, d, &m, err));
	snprintf(u.label, sizeof(u.label), "vd:%.*s", (int)sizeof(u.label) - 4, d->r.name);
	ret = hyp_vblk_set(domid, &u, m.x, m.n);
	if (ret == -EBUSY)
		must_be_unused(d, "only readers may share a disk");
	if (ret)
		die("%s cannot be %s of %s: %s", d->r.name, vdev_name(u.dev, name), dom.name,
		    ret == -EEXIST ? "it has a disk of this name" : strerror(-ret));
	d->r.used = now();
	commit();
	printf("%s: %s is %s\n", dom.name, vdev_name(u.dev, name), d->r.name);
	return EXIT_SUCCESS;
}

static int vd_detach(const struct args *a)
{
	char name[DISK_NAME_MAX], domain[16];
	const struct vd_use *u;
	struct xeno_ctl_info dom;
	unsigned int pos = 0;
	struct xd_disk *d;
	uint16_t domid = find_domain(a->word[1], &dom);
	char *argv[] = { "block-detach", domain, name, a->force ? "-f" : NULL, NULL };
	int ret;

	d = must_find(a, false, false);
	do
		u = vd_next_use(&store, d, &pos);
	while (u && u->domid != domid);
	if (!u)
		die("%s does not have %s; see xenctl vd show %s", dom.name, d->r.name, d->r.name);
	vdev_name(u->v.dev, name);
	snprintf(domain, sizeof(domain), "%u", domid);
	vd_close(&store);
	ret = cmd_block_detach(a->force ? 4 : 3, argv);
	if (!ret && !vd_find(&store, a->on, a->word[0], true, false, &d, err)) {
		d->r.used = now();
		commit();
	}
	return ret;
}

/* --- showing */

/* What is told of a disk, as text or as JSON. */
struct field {
	const char *name;
	const char *text; /* NULL: the number */
	uint64_t n;
};

static size_t disk_fields(const struct xd_disk *d, bool keys, struct field f[20])
{
	static char id[3][33], dates[4][32];
	const struct xd_record *r = &d->r;
	size_t n = 0;

	f[n++] = (struct field){ "name", r->name, 0 };
	f[n++] = (struct field){ "uuid", hex_text(r->uuid, id[0]), 0 };
	f[n++] = (struct field){ "xenodisk", store.path, 0 };
	f[n++] = (struct field){ "state", xd_state_name(d, now()), 0 };
	f[n++] = (struct field){ "owner", r->owner, 0 };
	f[n++] = (struct field){ "keyed", r->flags & XD_KEYED ? "yes" : "no", 0 };
	f[n++] = (struct field){ "sectors", NULL, r->sectors };
	f[n++] = (struct field){ "pieces", NULL, r->nr_runs };
	f[n++] = (struct field){ "config_bytes", NULL, r->config_len };
	f[n++] = (struct field){ "created", date_text(r->created, dates[0]), 0 };
	f[n++] = (struct field){ "used", date_text(r->used, dates[1]), 0 };
	f[n++] = (struct field){ "expires", date_text(r->expires, dates[2]), 0 };
	f[n++] = (struct field){ "deleted", date_text(r->deleted, dates[3]), 0 };
	if (keys) {
		f[n++] = (struct field){ "rw_key", hex_text(r->rw_key, id[1]), 0 };
		f[n++] = (struct field){ "ro_key", hex_text(r->ro_key, id[2]), 0 };
	}
	return n;
}

static void json_fields(const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("%s\"%s\": ", i ? ", " : "", f[i].name);
		if (f[i].text)
			json_string(f[i].text);
		else
			printf("%llu", (unsigned long long)f[i].n);
	}
}

static void json_disk(const struct xd_disk *d, bool keys)
{
	const struct vd_use *u;
	char name[DISK_NAME_MAX];
	struct field f[20];
	unsigned int pos = 0;
	const char *sep = "";

	printf("{");
	json_fields(f, disk_fields(d, keys, f));
	printf(", \"users\": [");
	while ((u = vd_next_use(&store, d, &pos))) {
		printf("%s{\"domain\": ", sep);
		json_string(u->domain);
		printf(", \"device\": \"%s\", \"read_only\": %s}", vdev_name(u->v.dev, name),
		       u->v.flags & XENO_VBLKF_READ_ONLY ? "true" : "false");
		sep = ", ";
	}
	printf("]}");
}

static void print_users(const struct xd_disk *d)
{
	char name[DISK_NAME_MAX];
	const struct vd_use *u;
	unsigned int pos = 0;

	while ((u = vd_next_use(&store, d, &pos)))
		printf(" %s:%s%s", u->domain, vdev_name(u->v.dev, name),
		       u->v.flags & XENO_VBLKF_READ_ONLY ? "(ro)" : "");
}

static int vd_show(const struct args *a)
{
	struct xd_disk *d = must_find(a, false, false);
	struct field f[20];
	size_t n = disk_fields(d, a->keys, f);

	if (a->json) {
		json_disk(d, a->keys);
		printf("\n");
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < n; i++) {
		printf("%-13s ", f[i].name);
		if (f[i].text)
			printf("%s\n", *f[i].text ? f[i].text : "-");
		else
			printf("%llu\n", (unsigned long long)f[i].n);
	}
	printf("%-13s", "users");
	print_users(d);
	printf("\n");
	return EXIT_SUCCESS;
}

static void list_store(void)
{
	char size[16], when[32];

	for (uint32_t i = 0; i < store.x.nr_disks; i++) {
		const struct xd_disk *d = store.x.disks[i];

		printf("%-20s %10s %-12s %-12s %-16s %-14s", d->r.name,
		       size_text(d->r.sectors * XD_SECTOR, size), xd_state_name(d, now()),
		       *d->r.owner ? d->r.owner : "-", date_text(d->r.expires, when), store.path);
		print_users(d);
		printf("\n");
	}
}

/* "/dev/xvdb3: 12.0 GiB in chunks of ...: 3.0 GiB free, ..." */
static void space_line(void)
{
	uint64_t chunk = (uint64_t)store.x.chunk_sectors * XD_SECTOR;
	struct xd_space s;
	char a[16], b[16], c[16], d[16];

	xd_space(&store.x, now(), &s);
	printf("%s: %u chunks of %s, %s free, %s deleted, %s expired\n", store.path,
	       store.x.nr_chunks, size_text(chunk, a), size_text(s.free * chunk, b),
	       size_text(s.deleted * chunk, c), size_text(s.expired * chunk, d));
}

static void space_json(const char *sep)
{
	struct xd_space s;
	char id[33];

	xd_space(&store.x, now(), &s);
	{
		const struct field f[] = {
			{ "path", store.path, 0 },
			{ "uuid", hex_text(store.x.uuid, id), 0 },
			{ "chunk_bytes", NULL, (uint64_t)store.x.chunk_sectors * XD_SECTOR },
			{ "chunks", NULL, store.x.nr_chunks },
			{ "free", NULL, s.free },
			{ "live", NULL, s.live },
			{ "deleted", NULL, s.deleted },
			{ "expired", NULL, s.expired },
			{ "zeroing", NULL, s.zeroing },
			{ "damage", store.x.damage, 0 },
		};

		printf("%s\n  {", sep);
		json_fields(f, sizeof(f) / sizeof(f[0]));
	}
	printf(",\n   \"disks\": [");
	for (uint32_t i = 0; i < store.x.nr_disks; i++) {
		printf("%s\n    ", i ? "," : "");
		json_disk(store.x.disks[i], false);
	}
	printf("]}");
}

static int vd_list(const struct args *a)
{
	unsigned int pos = 0, n;

	if (a->json) {
		printf("[");
		for (n = 0; vd_next(&store, a->on, &pos, false); n++, vd_close(&store))
			space_json(n ? "," : "");
		printf("\n]\n");
		return EXIT_SUCCESS;
	}
	printf("%-20s %10s %-12s %-12s %-16s %-14s %s\n", "Name", "Size", "State", "Owner",
	       "Expires (UTC)", "XenoDisk", "Users");
	for (; vd_next(&store, a->on, &pos, false); vd_close(&store))
		list_store();
	for (pos = 0; vd_next(&store, a->on, &pos, false); vd_close(&store))
		space_line();
	return EXIT_SUCCESS;
}

/* --- which one */

static const struct sub {
	const char *name, *usage;
	int least, most; /* words */
	int (*fn)(const struct args *);
} subs[] = {
	{ "create", "NAME SIZE [--on DEVICE] [--owner O] [--expires DATE|+30d] [--keyed]", 2, 2,
	  vd_create },
	{ "list", "[--on DEVICE] [--json]", 0, 0, vd_list },
	{ "show", "NAME [--keys] [--json]", 1, 1, vd_show },
	{ "resize", "NAME SIZE [--force]", 2, 2, vd_resize },
	{ "delete", "NAME [--now]", 1, 1, vd_delete },
	{ "undelete", "NAME", 1, 1, vd_undelete },
	{ "renew", "NAME --expires DATE|+30d|never [--key K]", 1, 1, vd_renew },
	{ "config", "NAME [FILE]", 1, 2, vd_config },
	{ "import", "NAME FILE|- [--key K]", 2, 2, vd_import_cmd },
	{ "export", "NAME FILE|- [--key K]", 2, 2, vd_export_cmd },
	{ "attach", "NAME DOMAIN VDEV [--key K] [--ro]", 3, 3, vd_attach },
	{ "detach", "NAME DOMAIN [--force]", 2, 2, vd_detach },
	{ "scrub", "[--on DEVICE]", 0, 0, vd_scrub },
};

/* False: an option that nobody knows, or without its value, or too many words. */
static bool read_args(struct args *a, char **argv)
{
	const struct {
		const char *name;
		const char **text;
		bool *flag;
	} options[] = {
		{ "--on", &a->on, NULL },	    { "--owner", &a->owner, NULL },
		{ "--expires", &a->expires, NULL }, { "--key", &a->key, NULL },
		{ "--json", NULL, &a->json },	    { "--keys", NULL, &a->keys },
		{ "--force", NULL, &a->force },	    { "--ro", NULL, &a->ro },
		{ "--keyed", NULL, &a->keyed },	    { "--now", NULL, &a->now },
	};
	const size_t nr = sizeof(options) / sizeof(options[0]);
	size_t i;

	for (; *argv; argv++) {
		if (argv[0][0] != '-' || !argv[0][1]) {
			if (a->n == 4)
				return false;
			a->word[a->n++] = *argv;
			continue;
		}
		for (i = 0; i < nr && strcmp(options[i].name, *argv); i++)
			;
		if (i == nr || (options[i].text && !*++argv))
			return false;
		if (options[i].text)
			*options[i].text = *argv;
		else
			*options[i].flag = true;
	}
	return true;
}

const char *vd_part(size_t i, const char **usage)
{
	if (i >= sizeof(subs) / sizeof(subs[0]))
		return NULL;
	*usage = subs[i].usage;
	return subs[i].name;
}

int cmd_vd(int argc, char **argv)
{
	struct args a = { 0 };

	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]) && argc > 1; i++) {
		if (strcmp(argv[1], subs[i].name))
			continue;
		if (read_args(&a, argv + 2) && a.n >= subs[i].least && a.n <= subs[i].most)
			return subs[i].fn(&a);
		fprintf(stderr, "usage: xenctl vd %s %s\n", subs[i].name, subs[i].usage);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++)
		fprintf(stderr, "usage: xenctl vd %s %s\n", subs[i].name, subs[i].usage);
	return EXIT_FAILURE;
}

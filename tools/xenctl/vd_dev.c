// SPDX-License-Identifier: GPL-2.0-only
/*
 * XenoDisks as domain 0 sees them (vd.h): /dev/xvd*, opened for direct transfers, so that what is
 * read is what is there. Two kinds of locks on the device keep runs of xenctl apart:
 *
 *	flock			the catalogue; held for moments
 *	a lock of one byte,	a disk that is being zeroed or copied, at its first chunk; ends
 *	of the open file	with the process, so nothing stays locked
 *
 * Who has attached a disk is the hypervisor's knowledge, asked for when a XenoDisk is opened. A
 * regular file can stand for a drive.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "disks.h"
#include "hyp.h"
#include "vd.h"
#include "xenctl.h"

/* --- the device */

static int transfer(struct xd_dev *d, bool write, uint64_t sector, void *buf, uint32_t sectors)
{
	int fd = ((struct vd_store *)d->priv)->fd;
	size_t left = (size_t)sectors * XD_SECTOR;
	off_t at = (off_t)(sector * XD_SECTOR);
	uint8_t *p = buf;

	while (left) {
		ssize_t n = write ? pwrite(fd, p, left, at) : pread(fd, p, left, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

static int dev_read(struct xd_dev *d, uint64_t sector, void *buf, uint32_t sectors)
{
	return transfer(d, false, sector, buf, sectors);
}

static int dev_write(struct xd_dev *d, uint64_t sector, const void *buf, uint32_t sectors)
{
	return transfer(d, true, sector, (void *)(uintptr_t)buf, sectors);
}

static int dev_flush(struct xd_dev *d)
{
	return fsync(((struct vd_store *)d->priv)->fd) ? -errno : 0;
}

static int open_direct(const char *path, bool write)
{
	int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	int fd = open(path, flags | O_DIRECT);

	return fd < 0 && errno == EINVAL ? open(path, flags) : fd;
}

static int find_base(struct vd_store *s, char *err)
{
	struct disk_spec spec = { .flags = XENO_VBLKF_SHARED | XENO_VBLKF_READ_ONLY };
	struct disk_map m;

	memcpy(spec.target, s->path, strlen(s->path) + 1);
	if (disk_resolve(&spec, &m, err))
		return -1;
	memcpy(s->base, m.x, m.n * sizeof(m.x[0]));
	s->nr_base = m.n;
	return 0;
}

int vd_open_device(struct vd_store *s, const char *path, bool write, char err[XD_ERR])
{
	struct stat st;
	uint64_t size;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	if (strlen(path) >= sizeof(s->path))
		return xd_fail(err, "%.100s: the path is too long", path);
	strcpy(s->path, path);
	s->fd = open_direct(path, write);
	if (s->fd < 0 || fstat(s->fd, &st))
		return xd_fail(err, "%s: %s", path, strerror(errno));
	size = (uint64_t)st.st_size;
	s->is_file = S_ISREG(st.st_mode);
	if (!s->is_file && !S_ISBLK(st.st_mode))
		return xd_fail(err, "%s: neither a drive nor a partition", path);
	if (!s->is_file && ioctl(s->fd, BLKGETSIZE64, &size))
		return xd_fail(err, "%s: its size: %s", path, strerror(errno));
	s->dev = (struct xd_dev){ dev_read, dev_write, dev_flush, size / XD_SECTOR, s };
	return s->is_file ? 0 : find_base(s, err);
}

/* --- who uses what of it */

static struct uses {
	struct vd_use *use;
	unsigned int n;
} uses;

static void add_uses(uint16_t domid, const struct xeno_ctl_info *dom, void *data)
{
	struct vd_use u = { .domid = domid };
	struct uses *all = data;

	memcpy(u.domain, dom->name, sizeof(u.domain));
	for (uint32_t dev = 0; !hyp_vblk_info(domid, dev, &u.v, u.x); dev = u.v.dev + 1) {
		if (u.v.flags & XENO_VBLKF_WHOLE)
			continue;
		all->use = realloc(all->use, (all->n + 1) * sizeof(u));
		if (!all->use)
			die("out of memory");
		all->use[all->n++] = u;
	}
}

static void load_uses(void)
{
	uses.n = 0;
	each_domain(add_uses, &uses);
}

const struct vd_use *vd_next_use(const struct vd_store *s, const struct xd_disk *d,
				 unsigned int *pos)
{
	const struct xeno_vblk_extent *x = s->base;
	unsigned int n = s->nr_base;
	char err[XD_ERR];
	struct vd_map m;

	if (s->is_file || (d && vd_map(s, d, &m, err)))
		return NULL;
	if (d) {
		x = m.x;
		n = m.n;
	}
	while (*pos < uses.n) {
		const struct vd_use *u = &uses.use[(*pos)++];

		if (extents_overlap(x, n, u->x, u->v.nr_extents))
			return u;
	}
	return NULL;
}

int vd_map(const struct vd_store *s, const struct xd_disk *d, struct vd_map *m, char err[XD_ERR])
{
	struct xeno_vblk_extent piece[XENO_VBLK_MAX_EXTENTS];

	m->n = 0;
	m->sectors = d->r.sectors;
	if (s->is_file)
		return xd_fail(err, "%s: %s is a file, not a drive", d->r.name, s->path);
	for (unsigned int i = 0; i < d->r.nr_runs; i++) {
		struct xd_extent e = xd_extent(&s->x, d, i);
		unsigned int n = 0;

		if (e.sectors)
			n = extents_cut(s->base, s->nr_base, e.first, e.sectors, piece);
		if (e.sectors && (!n || n > XENO_VBLK_MAX_EXTENTS - m->n))
			return xd_fail(err, "%s: it does not lie on %s", d->r.name, s->path);
		memcpy(m->x + m->n, piece, n * sizeof(piece[0]));
		m->n += n;
	}
	return 0;
}

/* The lock of one byte that says: somebody works at it. False: d has no place yet. */
static bool work_lock(const struct vd_store *s, const struct xd_disk *d, struct flock *l)
{
	*l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	if (!d->r.nr_runs)
		return false;
	l->l_start = (off_t)(xd_extent(&s->x, d, 0).first * XD_SECTOR);
	return true;
}

int vd_check_idle(const struct vd_store *s, const struct xd_disk *d, char err[XD_ERR])
{
	struct flock l;

	if (work_lock(s, d, &l) && !fcntl(s->fd, F_OFD_GETLK, &l) && l.l_type != F_UNLCK)
		return xd_fail(err, "%s: another xenctl zeroes or copies it", d->r.name);
	return 0;
}

int vd_work_begin(struct vd_store *s, const struct xd_disk *d, char err[XD_ERR])
{
	struct flock l;

	if (vd_check_idle(s, d, err))
		return -1;
	if (work_lock(s, d, &l) && fcntl(s->fd, F_OFD_SETLK, &l))
		return xd_fail(err, "%s: it cannot be locked: %s", d->r.name, strerror(errno));
	return 0;
}

bool vd_used(const struct xd_disk *d, void *store)
{
	unsigned int pos = 0;
	char err[XD_ERR];

	return vd_check_idle(store, d, err) || vd_next_use(store, d, &pos);
}

/* --- the catalogue */

int vd_lock(struct vd_store *s, bool write, char err[XD_ERR])
{
	int how = write ? LOCK_EX : LOCK_SH, ret;

	for (int tries = 0; (ret = flock(s->fd, how | LOCK_NB)) && tries < 50; tries++)
		usleep(20000);
	if (ret && errno == EWOULDBLOCK) {
		report("%s: waiting for another xenctl", s->path);
		ret = flock(s->fd, how);
	}
	return ret ? xd_fail(err, "%s: it cannot be locked: %s", s->path, strerror(errno)) : 0;
}

static int read_catalogue(struct vd_store *s, char *err)
{
	static char told[VD_PATH_MAX]; /* once is enough */
	char why[XD_ERR];

	if (xd_open(&s->x, &s->dev, why))
		return xd_fail(err, "%s: %.190s", s->path, why);
	if (s->x.damage[0] && strcmp(told, s->path))
		report("%s: %s; the next change repairs it", s->path, s->x.damage);
	if (s->x.damage[0])
		strcpy(told, s->path);
	if (!s->is_file)
		load_uses();
	return 0;
}

int vd_open(struct vd_store *s, const char *path, bool write, char err[XD_ERR])
{
	if (!vd_open_device(s, path, write, err) && !vd_lock(s, write, err) &&
	    !read_catalogue(s, err))
		return 0;
	vd_close(s);
	return -1;
}

void vd_reread(struct vd_store *s)
{
	ioctl(s->fd, BLKRRPART);
}

void vd_close(struct vd_store *s)
{
	xd_close(&s->x);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void vd_unlock(struct vd_store *s)
{
	flock(s->fd, LOCK_UN);
}

int vd_relock(struct vd_store *s, char err[XD_ERR])
{
	xd_close(&s->x);
	return vd_lock(s, true, err) || read_catalogue(s, err) ? -1 : 0;
}

/* --- finding them */

static int wanted(const struct dirent *e)
{
	return !strncmp(e->d_name, "xvd", 3);
}

static bool is_xenodisk(const char *path)
{
	struct vd_store s;
	char err[XD_ERR];
	bool is = !vd_open_device(&s, path, false, err) && xd_probe(&s.dev);

	vd_close(&s);
	return is;
}

bool vd_next(struct vd_store *s, const char *on, unsigned int *pos, bool write)
{
	static struct dirent **names;
	static int n;
	char path[VD_PATH_MAX], err[XD_ERR];

	if (on) {
		if ((*pos)++)
			return false;
		if (vd_open(s, on, write, err))
			die("%s", err);
		return true;
	}
	if (!names)
		n = scandir("/sys/class/block", &names, wanted, versionsort);
	while ((int)*pos < n) {
		snprintf(path, sizeof(path), "/dev/%.200s", names[(*pos)++]->d_name);
		if (!is_xenodisk(path))
			continue;
		if (!vd_open(s, path, write, err))
			return true;
		report("%s", err);
	}
	return false;
}

/* Reads all of them; the path is taken and opened again, as it may be for writing. */
int vd_find(struct vd_store *s, const char *on, const char *name, bool write, bool deleted,
	    struct xd_disk **d, char err[XD_ERR])
{
	struct xd_disk *(*find)(const struct xd *, const char *) = deleted ? xd_find_deleted :
									     xd_find;
	const char *which = deleted ? "deleted " : "";
	char path[VD_PATH_MAX] = "";
	unsigned int pos = 0, nr = 0;
	bool twice = false;

	for (; vd_next(s, on, &pos, false); nr++) {
		if (find(&s->x, name)) {
			twice |= *path;
			strcpy(path, s->path);
		}
		vd_close(s);
	}
	if (!nr)
		return xd_fail(err, "there is no XenoDisk; see xenctl help disk");
	if (!*path)
		return xd_fail(err, "there is no %svirtual disk '%.70s'; see xenctl vd list", which,
			       name);
	if (twice)
		return xd_fail(
			err, "several XenoDisks have a %svirtual disk '%.70s'; use --on or a uuid",
			which, name);
	if (vd_open(s, path, write, err))
		return -1;
	*d = find(&s->x, name);
	if (*d)
		return 0;
	vd_close(s);
	return xd_fail(err, "the %svirtual disk '%.70s' has gone just now", which, name);
}

/* --- for other commands */

int vd_resolve(const char *name, const char *key, bool writable, struct vd_map *out, char *err,
	       size_t errlen)
{
	char why[XD_ERR] = "";
	struct vd_store s;
	struct xd_disk *d;
	int ret = vd_find(&s, NULL, name, false, false, &d, why);

	if (!ret) {
		ret = xd_may(d, xd_key_of(d, name, key), writable, false, (uint64_t)time(NULL),
			     why) || vd_check_idle(&s, d, why) ||
				      vd_map(&s, d, out, why) ?
			      -1 :
			      0;
		vd_close(&s);
	}
	snprintf(err, errlen, "%s", why);
	return ret;
}

static bool same_map(const struct vd_map *a, const struct vd_map *b)
{
	return a->n == b->n && !memcmp(a->x, b->x, a->n * sizeof(a->x[0]));
}

int vd_confirm(const char *name, const struct vd_map *m, char *err, size_t errlen)
{
	char why[XD_ERR] = "";
	struct vd_store s;
	struct xd_disk *d;
	struct vd_map is;
	int ret = vd_find(&s, NULL, name, true, false, &d, why);

	if (!ret) {
		ret = vd_map(&s, d, &is, why);
		if (!ret && (d->r.state != XD_LIVE || !same_map(m, &is)))
			ret = xd_fail(why, "%s: somebody else has changed it meanwhile", d->r.name);
		d->r.used = (uint64_t)time(NULL);
		if (!ret)
			ret = xd_commit(&s.x, why);
		vd_close(&s);
	}
	snprintf(err, errlen, "%s", why);
	return ret;
}

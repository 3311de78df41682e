// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contents of virtual disks, from and to files and pipes: large aligned pieces straight
 * to the device, in the order of the disk's sectors.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vd.h"
#include "xenctl.h"

#define PIECE (4u << 20)

void vd_progress(const char *what, uint64_t done, uint64_t of)
{
	static bool shown;
	static struct timespec last;
	struct timespec now;
	long ms;

	if (!isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000;
	if (done < of && ms < 100)
		return;
	last = now;
	if (done < of)
		fprintf(stderr, "\r%s: %3u%% ", what,
			(unsigned int)(100.0 * (double)done / (double)of));
	else if (shown)
		fprintf(stderr, "\r%*s\r", (int)strlen(what) + 7, "");
	shown = done < of;
}

/* Calls go for each piece of d, of at most PIECE bytes, in order. go: 1 = enough. */
struct copy {
	struct vd_store *s;
	int fd;
	const char *what; /* the disk's name */
	uint8_t *buf;
	uint64_t done, of; /* bytes */
	bool end;	   /* of the file */
	char *err;
};
typedef int piece_fn(struct copy *c, uint64_t sector, size_t len);

static int each_piece(struct copy *c, const struct xd_disk *d, piece_fn *go)
{
	int ret = 0;

	c->of = d->r.sectors * XD_SECTOR;
	c->what = d->r.name;
	c->buf = aligned_alloc(XD_BLOCK, PIECE);
	if (!c->buf)
		return xd_fail(c->err, "out of memory");
	for (unsigned int i = 0; i < d->r.nr_runs && !ret && !c->end; i++) {
		struct xd_extent e = xd_extent(&c->s->x, d, i);

		for (uint64_t at = 0, n; at < e.sectors && !ret && !c->end; at += n) {
			n = e.sectors - at < PIECE / XD_SECTOR ? e.sectors - at : PIECE / XD_SECTOR;
			ret = go(c, e.first + at, n * XD_SECTOR);
			c->done += n * XD_SECTOR;
			vd_progress(c->what, c->done, c->of);
		}
	}
	vd_progress(c->what, c->of, c->of);
	free(c->buf);
	return ret;
}

/* As much as there is, up to len; -1: err. */
static ssize_t read_full(struct copy *c, uint8_t *buf, size_t len)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < len && n) {
		n = read(c->fd, buf + done, len - done);
		if (n < 0 && errno != EINTR)
			return xd_fail(c->err, "%s: reading the file: %s", c->what,
				       strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}

static int import_piece(struct copy *c, uint64_t sector, size_t len)
{
	ssize_t got = read_full(c, c->buf, len);
	size_t n;

	if (got <= 0) {
		c->end = true;
		return got ? -1 : 0;
	}
	n = ((size_t)got + XD_BLOCK - 1) & ~(XD_BLOCK - 1ul);
	memset(c->buf + got, 0, n - (size_t)got);
	if (c->s->dev.write(&c->s->dev, sector, c->buf, (uint32_t)(n / XD_SECTOR)))
		return xd_fail(c->err, "%s: sector %llu of %s cannot be written", c->what,
			       (unsigned long long)sector, c->s->path);
	c->end = (size_t)got < len;
	return 0;
}

int vd_import(struct vd_store *s, const struct xd_disk *d, int from, char err[XD_ERR])
{
	struct copy c = { .s = s, .fd = from, .err = err };
	uint8_t more;

	if (each_piece(&c, d, import_piece))
		return -1;
	if (!c.end && read_full(&c, &more, 1) > 0)
		return xd_fail(err,
			       "%s: the file is larger than the disk's %llu bytes; what fits "
			       "has been written",
			       d->r.name, (unsigned long long)c.of);
	return s->dev.flush(&s->dev) ? xd_fail(err, "%s: it cannot be flushed", s->path) : 0;
}

static int export_piece(struct copy *c, uint64_t sector, size_t len)
{
	size_t done = 0;

	if (c->s->dev.read(&c->s->dev, sector, c->buf, (uint32_t)(len / XD_SECTOR)))
		return xd_fail(c->err, "%s: sector %llu of %s cannot be read", c->what,
			       (unsigned long long)sector, c->s->path);
	while (done < len) {
		ssize_t n = write(c->fd, c->buf + done, len - done);

		if (n < 0 && errno != EINTR)
			return xd_fail(c->err, "%s: writing the file: %s", c->what,
				       strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int vd_export(struct vd_store *s, const struct xd_disk *d, int to, char err[XD_ERR])
{
	struct copy c = { .s = s, .fd = to, .err = err };

	return each_piece(&c, d, export_piece);
}

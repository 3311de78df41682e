// SPDX-License-Identifier: GPL-2.0-only
/* Logs with a limit (logfile.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hyp.h"
#include "logfile.h"

void logfile_init(struct logfile *l, const char *path, size_t limit)
{
	snprintf(l->path, sizeof(l->path), "%s", path);
	l->fd = -1;
	l->size = 0;
	l->limit = limit;
}

void logfile_close(struct logfile *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int open_file(struct logfile *l)
{
	struct stat st;

	if (l->fd >= 0)
		return 0;
	l->fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (l->fd < 0)
		return -errno;
	l->size = fstat(l->fd, &st) ? 0 : (size_t)st.st_size;
	return 0;
}

static void turn_over(struct logfile *l)
{
	char old[PATH_MAX + 2];

	logfile_close(l);
	snprintf(old, sizeof(old), "%s.0", l->path);
	if (rename(l->path, old))
		unlink(l->path); /* the limit counts more than what is in it */
}

int logfile_write(struct logfile *l, const char *data, size_t len)
{
	int err = open_file(l);

	if (!err && l->size && l->size + len > l->limit) {
		turn_over(l);
		err = open_file(l);
	}
	while (!err && len) {
		ssize_t n = write(l->fd, data, len);

		if (n < 0 && errno != EINTR)
			err = -errno;
		else if (n > 0)
			data += n, len -= (size_t)n, l->size += (size_t)n;
	}
	if (err)
		logfile_close(l);
	return err;
}

int logfile_follow(struct logfile *l, enum xeno_control_op op, uint16_t domid, uint64_t *pos)
{
	char buf[XENO_BUF_SLICE];
	long n;

	while ((n = hyp_stream(op, domid, pos, buf, sizeof(buf))) > 0)
		logfile_write(l, buf, (size_t)n);
	return (int)n;
}

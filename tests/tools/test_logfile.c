// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/logfile.c */
/* Logs keep within their limit and lose nothing of the latest. */
#include "../../tools/xenctl/logfile.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/xenctl/hyp.h"
#include "check.h"

/* What a domain prints: `left` bytes, each with its place in the last digits. */
static long left;

long hyp_stream(enum xeno_control_op op, uint16_t domid, uint64_t *pos, void *buf, size_t len)
{
	(void)op, (void)domid;
	if (left < 0)
		return left;
	len = len < (size_t)left ? len : (size_t)left;
	for (size_t i = 0; i < len; i++)
		((char *)buf)[i] = (char)('0' + (*pos)++ % 10);
	left -= (long)len;
	return (long)len;
}

static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}

int main(void)
{
	char dir[] = "/tmp/logfileXXXXXX", path[64], old[64];
	struct logfile l;
	uint64_t pos = 0;

	check(mkdtemp(dir), "no directory");
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.0", dir);
	logfile_init(&l, path, 10);
	check(!logfile_write(&l, "12345678", 8) && size_of(path) == 8, "the first");
	check(!logfile_write(&l, "12", 2) && size_of(path) == 10, "up to the limit");
	check(size_of(old) == -1, "turned over too early");
	check(!logfile_write(&l, "x", 1) && size_of(path) == 1 && size_of(old) == 10, "the next");
	check(!logfile_write(&l, "0123456789abcdef", 16) && size_of(path) == 16, "a long piece");
	logfile_close(&l);
	logfile_init(&l, path, 20);
	check(!logfile_write(&l, "1234", 4) && size_of(path) == 20, "goes on with a file");
	check(!logfile_write(&l, "1", 1) && size_of(path) == 1 && size_of(old) == 20, "its size");
	left = 100000;
	l.limit = 8192;
	check(!logfile_follow(&l, XENO_CTL_LOG_READ, 0, &pos) && pos == 100000, "a stream");
	check(size_of(path) <= 8192 && size_of(old) <= 8192, "%ld and %ld bytes", size_of(path),
	      size_of(old));
	left = -3;
	check(logfile_follow(&l, XENO_CTL_LOG_READ, 0, &pos) == -3, "an error of the stream");
	logfile_close(&l);
	unlink(path);
	unlink(old);
	check(!symlink("/etc/passwd", path), "no link");
	logfile_init(&l, path, 10);
	check(logfile_write(&l, "x", 1), "a link was followed");
	unlink(path);
	rmdir(dir);
	verdict("logfile");
	return check_failed;
}

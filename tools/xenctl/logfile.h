/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log that is appended to and never grows beyond a limit: a full FILE becomes FILE.0, in the
 * place of the one before. What cannot be written is lost; the file is tried again
 * with the next piece.
 */
#ifndef XENCTL_LOGFILE_H
#define XENCTL_LOGFILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include <public/control.h>

#define LOGFILE_LIMIT (256 << 10)

struct logfile {
	char path[PATH_MAX];
	int fd; /* -1: not open */
	size_t size;
	size_t limit;
};

/* The file is opened when there is something to write. */
void logfile_init(struct logfile *l, const char *path, size_t limit);
/* 0 or -Exxx. */
int logfile_write(struct logfile *l, const char *data, size_t len);
void logfile_close(struct logfile *l);
/*
 * Appends what a stream of the hypervisor (LOG_READ, CONSOLE_READ) has behind *pos, and moves
 * that on. 0, or -Exxx of the stream.
 */
int logfile_follow(struct logfile *l, enum xeno_control_op op, uint16_t domid, uint64_t *pos);

#endif

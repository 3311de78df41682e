/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What diskkernel may still do once it looks at a disk: it is nobody, with bounds of memory, time
 * and files, and a list of system calls that has no open().
 */
#ifndef DISKKERNEL_CONFINE_H
#define DISKKERNEL_CONFINE_H

#define FILE_BYTES (256ull << 20) /* of a kernel or a ramdisk */

void confine(void);
/* One line on standard error, status 1. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif

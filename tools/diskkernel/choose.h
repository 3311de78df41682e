/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of the files in /boot is the kernel to start, and which its initial ramdisk. Pure. */
#ifndef DISKKERNEL_CHOOSE_H
#define DISKKERNEL_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>

#define CHOOSE_NAME 128
#define CHOOSE_NAMES 256

struct choice {
	char kernel[CHOOSE_NAME], ramdisk[CHOOSE_NAME]; /* empty: there is none */
};

/* Could the name be that of a kernel or a ramdisk? Such names hold nothing but plain letters. */
bool choose_wanted(const char *name, size_t len);
/*
 * The kernel with the highest version of those that have a ramdisk, or else of all. False: there
 * is no kernel among the n names.
 */
bool choose_kernel(char (*names)[CHOOSE_NAME], size_t n, struct choice *c);

#endif

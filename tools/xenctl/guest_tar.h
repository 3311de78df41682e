/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A root as a tar archive, plain or packed with gzip, xz, zstd or lz4, read by libarchive. What the
 * archive says is hostile: call this in a process that may be lost, and unpack where no name leads
 * out of (chroot).
 */
#ifndef XENCTL_GUEST_TAR_H
#define XENCTL_GUEST_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_ERR 256

struct tar_sum {
	uint64_t entries;
	uint64_t bytes;	  /* of a file system's blocks, for all of them */
	uint64_t dropped; /* extended attributes and such that could not be kept */
	bool root;	  /* there is something to start in it */
};

/* Called now and then; of: the bytes of the file. */
typedef void tar_progress_fn(uint64_t done, uint64_t of);

/* "gzip", "tar" ... by its first bytes; NULL: nothing we know of. *ours: can it be unpacked? */
const char *tar_kind(const uint8_t *head, size_t len, bool *ours);

/*
 * Reads all of it from fd, into the current directory, or (count) only to know how much it is. -1:
 * err says what is wrong and at which entry.
 */
int tar_read(int fd, bool count, struct tar_sum *sum, tar_progress_fn *progress, char err[TAR_ERR]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The partitions of a disk: GPT, or the older table with its chain of logical ones. Pure, and
 * bounded: what the disk says is checked against its size, and at most PARTS_MAX are looked at.
 */
#ifndef DISKKERNEL_PARTS_H
#define DISKKERNEL_PARTS_H

#include <stddef.h>
#include <stdint.h>

#define PARTS_MAX 128
#define PARTS_ERR 128

struct part {
	unsigned int number;	 /* as Linux counts: xvda1 is 1 */
	uint64_t first, sectors; /* of 512 bytes */
};

/* Reads len bytes at sector of the disk. 0, or -1. */
typedef int parts_read_fn(void *priv, uint64_t sector, void *buf, size_t len);

/*
 * Fills out, returns how many there are; 0: the disk has no table. -1: err says why it cannot be
 * read.
 */
int parts_find(parts_read_fn *get, void *priv, uint64_t disk_sectors, struct part out[PARTS_MAX],
	       char err[PARTS_ERR]);

#endif

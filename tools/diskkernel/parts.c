// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partition tables (parts.h). A GPT counts only when its sums are right; the copy at the end of
 * the disk is not looked at. Disks with sectors larger than 512 bytes are not known here: virtual
 * ones do not have them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

#define SECTOR 512
#define MAX_LOGICAL 60
#define GPT_ENTRY 128

struct disk {
	parts_read_fn *get;
	void *priv;
	uint64_t sectors;
	struct part *out;
	int n;
	char *err;
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* The CRC of gzip and GPT. */
static uint32_t crc32(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;

	for (; len; len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static int fail(struct disk *d, const char *why)
{
	snprintf(d->err, PARTS_ERR, "%s", why);
	return -1;
}

/* Takes a partition that lies on the disk; others are left out. */
static void add(struct disk *d, unsigned int number, uint64_t first, uint64_t sectors)
{
	if (d->n < PARTS_MAX && first && sectors && first < d->sectors &&
	    sectors <= d->sectors - first)
		d->out[d->n++] = (struct part){ number, first, sectors };
}

/* --- GPT */

static bool gpt_header_ok(uint8_t h[SECTOR])
{
	uint32_t size = le32(h + 12), sum = le32(h + 16);
	bool ok = !memcmp(h, "EFI PART", 8) && size >= 92 && size <= SECTOR;

	memset(h + 16, 0, 4);
	return ok && crc32(h, size) == sum;
}

static int find_gpt(struct disk *d)
{
	uint8_t h[SECTOR], table[PARTS_MAX * GPT_ENTRY];
	static const uint8_t unused[16];
	uint64_t at;
	uint32_t nr;

	if (d->get(d->priv, 1, h, sizeof(h)))
		return fail(d, "its partition table cannot be read");
	if (!gpt_header_ok(h))
		return fail(d, "its GPT is damaged");
	at = le64(h + 72);
	nr = le32(h + 80);
	if (le32(h + 84) != GPT_ENTRY || !nr || nr > PARTS_MAX || at < 2 || at >= d->sectors)
		return fail(d, "its GPT has an unusual form");
	if (d->get(d->priv, at, table, sizeof(table)))
		return fail(d, "its partition table cannot be read");
	if (crc32(table, (size_t)nr * GPT_ENTRY) != le32(h + 88))
		return fail(d, "its GPT is damaged");
	for (uint32_t i = 0; i < nr; i++) {
		const uint8_t *e = table + (size_t)i * GPT_ENTRY;

		if (memcmp(e, unused, 16) && le64(e + 40) >= le64(e + 32))
			add(d, i + 1, le64(e + 32), le64(e + 40) - le64(e + 32) + 1);
	}
	return d->n;
}

/* --- the older one */

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* Each link has a partition, relative to it, and the next link, relative to the whole. */
static int find_logical(struct disk *d, uint32_t base)
{
	uint64_t link = base;
	uint8_t b[SECTOR];

	for (unsigned int i = 0; i < MAX_LOGICAL; i++) {
		const uint8_t *one = b + 446, *next = b + 462;

		if (link >= d->sectors)
			break;
		if (d->get(d->priv, link, b, sizeof(b)))
			return fail(d, "its logical partitions cannot be read");
		if (b[510] != 0x55 || b[511] != 0xaa)
			break;
		add(d, 5 + i, link + le32(one + 8), le32(one + 12));
		if (!is_extended(next[4]) || !le32(next + 8))
			break;
		link = (uint64_t)base + le32(next + 8);
	}
	return d->n;
}

static int find_mbr(struct disk *d, const uint8_t b[SECTOR])
{
	for (unsigned int i = 0; i < 4; i++) {
		const uint8_t *e = b + 446 + i * 16;

		if (e[0] & 0x7f) /* not a table: the boot sector of a file system */
			return 0;
	}
	for (unsigned int i = 0; i < 4; i++) {
		const uint8_t *e = b + 446 + i * 16;

		if (e[4] == 0xee)
			return find_gpt(d);
		if (e[4] && !is_extended(e[4]))
			add(d, i + 1, le32(e + 8), le32(e + 12));
	}
	for (unsigned int i = 0; i < 4; i++) {
		const uint8_t *e = b + 446 + i * 16;

		if (is_extended(e[4]) && le32(e + 8))
			return find_logical(d, le32(e + 8));
	}
	return d->n;
}

int parts_find(parts_read_fn *get, void *priv, uint64_t disk_sectors, struct part out[PARTS_MAX],
	       char err[PARTS_ERR])
{
	struct disk d = { get, priv, disk_sectors, out, 0, err };
	uint8_t b[SECTOR];

	if (disk_sectors < 64)
		return 0;
	if (get(priv, 0, b, sizeof(b)))
		return fail(&d, "its first sector cannot be read");
	return b[510] == 0x55 && b[511] == 0xaa ? find_mbr(&d, b) : 0;
}

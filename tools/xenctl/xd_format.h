/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XenoDisk: how space for virtual disks lies on a partition or a drive. Version 1.
 *
 * All numbers are little-endian, all sectors have 512 bytes, all times are seconds since 1970
 * (UTC). The device is cut so (S = its size, rounded down to 4096 bytes):
 *
 *	0			64 KiB of zeros; when the first 4 KiB are not, it is none any more
 *	64 KiB			the catalogue, first copy
 *	4 MiB			chunk 0, chunk 1 ... all of one size, a multiple of 4096 bytes
 *	S - (4 MiB - 64 KiB)	the catalogue, second copy
 *
 * A copy is a header of 512 bytes (struct xd_header), followed at once by the body; written
 * whole, padded with zeros to 4096 bytes. Each has its own CRC32C (Castagnoli; initial value and
 * final xor ~0). A change is written to the older or damaged copy, flushed, then to the other and
 * flushed: whatever a power cut leaves of a write, the other copy is whole. The valid copy with
 * the higher sequence number is the catalogue. Magic, version, header CRC and place stay where
 * they are in all later versions; a valid header of a later version means: hands off.
 *
 * The body:
 *	dirty marks	(nr_chunks + 7) / 8 bytes, padded with zeros to 8: bit c % 8 of byte c / 8 is
 *			set when chunk c may hold something else than zeros
 *	nr_disks times	struct xd_record, nr_runs times struct xd_run_rec, config_len bytes of
 *			configuration padded with zeros to 8
 *
 * Chunks that no record lists are free. A record's runs hold its sectors in their order. Runs
 * beyond what `sectors` needs are being zeroed: nobody reads them yet, and they are free again
 * when nobody is at it. Free chunks are zeroed, flushed, and only then become part of
 * `sectors`. A deleted disk keeps its runs until others need them; its record goes, and
 * that is flushed, before its chunks are touched.
 */
#ifndef XENCTL_XD_FORMAT_H
#define XENCTL_XD_FORMAT_H

#include <stdint.h>

#define XD_MAGIC "XenoDisk" /* without a NUL */
#define XD_VERSION 1u
/* What partition tables call it. */
#define XD_GPT_TYPE "3DED92A1-CD26-468F-856B-32E68233E8D9"
#define XD_MBR_TYPE "89"

#define XD_SECTOR 512u
#define XD_BLOCK 4096u
#define XD_FIRST_COPY (64u << 10)		       /* bytes */
#define XD_FIRST_CHUNK (4u << 20)		       /* bytes */
#define XD_COPY_BYTES (XD_FIRST_CHUNK - XD_FIRST_COPY) /* at most, of a copy */
#define XD_CHUNK_DEFAULT 104857600u		       /* bytes: 100 MiB */
#define XD_CHUNK_MIN (1u << 20)
#define XD_CHUNK_MAX (1ull << 36)

#define XD_MAX_CHUNKS (1u << 24)
#define XD_MAX_DISKS 4096u
#define XD_MAX_RUNS 256u /* of a disk: as many extents as a virtual block device has */
#define XD_MAX_CONFIG 16384u
#define XD_NAME_MAX 64 /* with the NUL */
#define XD_KEY_BYTES 16

struct xd_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t header_crc; /* of these 512 bytes, this field being 0 */
	uint64_t seq;
	uint64_t place;	  /* sector of this copy */
	uint64_t sectors; /* of the device when it became a XenoDisk, a multiple of 8 */
	uint32_t chunk_sectors;
	uint32_t nr_chunks;
	uint32_t nr_disks;
	uint32_t body_len; /* bytes */
	uint32_t body_crc;
	uint32_t flags; /* 0 */
	uint8_t uuid[16];
	uint64_t created;
	uint8_t zero[512 - 88];
};

enum xd_state { XD_LIVE = 1, XD_DELETED = 2, XD_ZEROING = 3 };
#define XD_KEYED 0x1u /* nobody attaches it without a key */

struct xd_record {
	char name[XD_NAME_MAX], owner[XD_NAME_MAX]; /* padded with zeros, at least one */
	uint8_t uuid[16], rw_key[XD_KEY_BYTES], ro_key[XD_KEY_BYTES];
	uint64_t sectors; /* a multiple of 8; 0 in XD_ZEROING only */
	uint64_t created, used, deleted;
	uint64_t expires; /* 0: never; expired: state XD_LIVE and this is in the past */
	uint32_t state, flags;
	uint32_t nr_runs, config_len;
};

struct xd_run_rec {
	uint32_t first, count; /* chunks */
};

_Static_assert(sizeof(struct xd_header) == 512, "xd_header");
_Static_assert(sizeof(struct xd_record) == 232, "xd_record");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structures are used as they are");

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formats told apart by their first bytes; the way from a kernel file to the ELF
 * image in it (Linux's Documentation/arch/x86/boot.rst: payload_offset). The file
 * comes from the boot loader: it is not hostile, but may be damaged or another file.
 */
#include <hyp/boot.h>
#include <hyp/mm.h>
#include <hyp/unpack.h>
#include "shim.h"

#define MAX_IMAGE (1ul << 30)

static const struct {
	uint8_t magic[6];
	uint8_t len;
	unpack_fn *fn;
} formats[] = {
	{ { 0x1f, 0x8b }, 2, unpack_gzip },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
};

/* What else Linux's build offers. */
static const struct {
	uint8_t magic[4];
	uint8_t len;
	const char *why;
} strangers[] = {
#define STRANGER(name)                                                                             \
	"it is packed with " name ", not gzip, xz, zstd or LZ4: start its vmlinux instead"
	{ { 'B', 'Z', 'h' }, 3, STRANGER("bzip2") },
	{ { 0x5d, 0, 0 }, 3, STRANGER("LZMA") },
	{ { 0x89, 'L', 'Z', 'O' }, 4, STRANGER("LZO") },
};

/* Memory set aside; machine addresses. */
static struct mem_range room;

int unpack(const void *src, size_t len, void *dst, size_t dst_len, size_t *out_len)
{
	long n = -EINVAL;
	void *work;

	*out_len = 0;
	for (size_t i = 0; i < ARRAY_SIZE(formats) && len > 16; i++) {
		if (memcmp(src, formats[i].magic, formats[i].len))
			continue;
		work = hyp_page_alloc(WORK_ORDER);
		if (!work)
			return -ENOMEM;
		n = formats[i].fn(src, len, dst, dst_len, work);
		hyp_page_free(work, WORK_ORDER);
		break;
	}
	if (n < 0)
		return (int)n;
	*out_len = (size_t)n;
	return 0;
}

/* What to say when an image does not unpack. */
static const char *explain(int err, const uint8_t *payload)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		if (!memcmp(payload, strangers[i].magic, strangers[i].len))
			return strangers[i].why;
	if (err == -EINVAL)
		return "it is packed in an unknown format, not gzip, xz, zstd or LZ4";
	return err == -ENOMEM ? "not enough memory to unpack it" : "its packed image is damaged";
}

static bool is_elf(const uint8_t *p, size_t len)
{
	return len > 64 && !memcmp(p, "\177ELF", 4);
}

/* The packed part of a bzImage, of boot protocol 2.08 or later. */
static const uint8_t *find_payload(const uint8_t *p, size_t len, size_t *size)
{
	size_t start;

	if (len < 0x260 || memcmp(p + 0x202, "HdrS", 4) || get_unaligned_le16(p + 0x206) < 0x208)
		return NULL;
	start = ((p[0x1f1] ? p[0x1f1] : 4ul) + 1) * 512 + get_unaligned_le32(p + 0x248);
	*size = get_unaligned_le32(p + 0x24c);
	if (start > len || *size > len - start || *size < 64)
		return NULL;
	return p + start;
}

/* Its size unpacked, by what is packed in a bzImage. 0: it makes no sense. */
static size_t full_size(const uint8_t *payload, size_t packed)
{
	size_t size = get_unaligned_le32(payload + packed - 4);

	return size >= 64 && size <= MAX_IMAGE ? size : 0;
}

void unpack_reserve(const void *file, size_t len)
{
	size_t packed, size;
	const uint8_t *payload = is_elf(file, len) ? NULL : find_payload(file, len, &packed);

	if (!payload || is_elf(payload, packed))
		return;
	size = full_size(payload, packed);
	if (!size)
		return;
	room.start = memmap_find(mem_map, nr_mem_ranges, boot_reserved, nr_boot_reserved, size);
	room.end = room.start ? room.start + size : 0;
	if (room.end)
		boot_reserve(room.start, room.end);
}

const void *unpack_kernel(const void *file, size_t len, size_t *size, const char **why)
{
	const uint8_t *payload;
	size_t packed, full;
	void *image;
	int err;

	*size = len;
	if (is_elf(file, len))
		return file;
	*why = "neither an ELF image nor a bzImage";
	payload = find_payload(file, len, &packed);
	if (!payload)
		return NULL;
	*size = packed;
	if (is_elf(payload, packed))
		return payload;
	*why = "its packed image has no sensible size";
	full = full_size(payload, packed);
	if (!full)
		return NULL;
	*why = "not enough memory to unpack it";
	if (full > room.end - room.start)
		return NULL;
	image = maddr_to_virt(MADDR(room.start));
	err = unpack(payload, packed, image, full, size);
	if (!err && is_elf(image, *size))
		return image;
	*why = err ? explain(err, payload) : "what is packed in it is not an ELF image";
	return NULL;
}

void unpack_free(const void *image, const void *file, size_t len, size_t size)
{
	if (image == file || !room.end)
		return;
	mm_free_boot_range(MADDR(room.start), MADDR(room.end));
	room.end = room.start = 0;
}

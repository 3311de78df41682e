// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unpacking a root (guest_tar.h). Names with ".." are refused, a slash in front is dropped; links
 * are what the archive says, as they are in a system's root (bin -> usr/bin), which is why this
 * runs within a chroot. Owners are numbers. ACLs, extended attributes (file capabilities), times
 * and holes are kept.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "guest_tar.h"

#define BLOCK 4096
#define READ_BYTES (256 << 10)
#define NAME_SHOWN 120

struct job {
	struct archive *in, *disk; /* disk NULL: only count */
	struct tar_sum *sum;
	tar_progress_fn *progress;
	uint64_t size; /* of the file */
	char *err;
};

const char *tar_kind(const uint8_t *head, size_t len, bool *ours)
{
	static const struct {
		const char *name;
		uint8_t at, len;
		bool ours;
		uint8_t magic[6];
	} kinds[] = {
		{ "gzip", 0, 2, true, { 0x1f, 0x8b } },
		{ "xz", 0, 6, true, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
		{ "zstd", 0, 4, true, { 0x28, 0xb5, 0x2f, 0xfd } },
		{ "lz4", 0, 4, true, { 0x04, 0x22, 0x4d, 0x18 } },
		{ "lz4", 0, 4, true, { 0x02, 0x21, 0x4c, 0x18 } },
		{ "bzip2", 0, 3, false, { 'B', 'Z', 'h' } },
		{ "zip", 0, 4, false, { 'P', 'K', 3, 4 } },
		{ "7z", 0, 6, false, { '7', 'z', 0xbc, 0xaf, 0x27, 0x1c } },
		{ "qcow2", 0, 4, false, { 'Q', 'F', 'I', 0xfb } },
		{ "vmdk", 0, 4, false, { 'K', 'D', 'M', 'V' } },
		{ "vhdx", 0, 4, false, { 'v', 'h', 'd', 'x' } },
		{ "cpio", 0, 5, false, { '0', '7', '0', '7', '0' } },
		{ "squashfs", 0, 4, false, { 'h', 's', 'q', 's' } },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (len < kinds[i].len || memcmp(head, kinds[i].magic, kinds[i].len))
			continue;
		*ours = kinds[i].ours;
		return kinds[i].name;
	}
	*ours = len >= 263 && !memcmp(head + 257, "ustar", 5);
	return *ours ? "tar" : NULL;
}

static int __attribute__((format(printf, 2, 3))) fail(struct job *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->err, TAR_ERR, fmt, ap);
	va_end(ap);
	for (char *c = j->err; *c; c++) /* names are the archive's */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -1;
}

static int fail_archive(struct job *j, struct archive *a, const char *name)
{
	const char *why = archive_error_string(a);

	return fail(j, "%.*s%s%s", NAME_SHOWN, name, *name ? ": " : "",
		    archive_errno(a) == ENOSPC ? "the disk is full" :
		    why			       ? why :
						 "damaged");
}

/* What is left of a name without slashes and dots in front; NULL: it climbs. */
static const char *clean_name(const char *name)
{
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || !part[2]))
			return NULL;
	}
	while (*name == '/' || (*name == '.' && (name[1] == '/' || !name[1])))
		name++;
	return name;
}

/* As far as it can be told from a name. */
static bool starts_system(const char *name)
{
	static const char *const known[] = { "sbin/init",    "bin/sh",	 "usr/sbin/init",
					     "usr/bin/sh",   "init",	 "bin/busybox",
					     "usr/bin/bash", "bin/bash", "usr/lib/systemd/systemd" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i]))
			return true;
	return false;
}

static int check_entry(struct job *j, struct archive_entry *e, const char **shown)
{
	const char *given = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
	const char *name = given ? clean_name(given) : NULL;

	*shown = given ? given : "";
	if (!given)
		return fail(j, "entry %llu has no name", (unsigned long long)j->sum->entries + 1);
	if (!name)
		return fail(j, "%.*s: a name with '..' leads out of the root", NAME_SHOWN, given);
	if (link && !clean_name(link))
		return fail(j, "%.*s: a hard link with '..' leads out of the root", NAME_SHOWN,
			    given);
	if (!link && archive_entry_filetype(e) == AE_IFSOCK)
		return fail(j, "%.*s: a socket", NAME_SHOWN, given);
	j->sum->root |= starts_system(name);
	j->sum->entries++;
	return 0;
}

static void count_entry(struct job *j, struct archive_entry *e)
{
	uint64_t size = archive_entry_size_is_set(e) ? (uint64_t)archive_entry_size(e) : 0;

	if (archive_entry_hardlink(e))
		return;
	if (archive_entry_filetype(e) == AE_IFDIR)
		size = BLOCK;
	j->sum->bytes += (size + BLOCK - 1) / BLOCK * BLOCK + 256; /* the inode */
}

/* Small losses are counted; what a full or failing disk does is the end. */
static int judge_disk(struct job *j, int ret, const char *name)
{
	int error = archive_errno(j->disk);

	if (ret == ARCHIVE_OK)
		return 0;
	if (ret != ARCHIVE_WARN || error == ENOSPC || error == EIO || error == EROFS ||
	    error == EFBIG || error == EDQUOT)
		return fail_archive(j, j->disk, name);
	j->sum->dropped++;
	return 0;
}

static int copy_data(struct job *j, const char *name)
{
	const void *data;
	size_t len;
	int64_t at;
	int ret;

	while ((ret = archive_read_data_block(j->in, &data, &len, &at)) == ARCHIVE_OK) {
		if (archive_write_data_block(j->disk, data, len, at) < ARCHIVE_OK)
			return fail_archive(j, j->disk, name);
		j->progress((uint64_t)archive_filter_bytes(j->in, -1), j->size);
	}
	return ret == ARCHIVE_EOF ? 0 : fail_archive(j, j->in, name);
}

static int unpack_entry(struct job *j, struct archive_entry *e, const char *name)
{
	char path[4096];

	/* The entry's own copy goes when the name is set. */
	if (snprintf(path, sizeof(path), "./%s", clean_name(name)) >= (int)sizeof(path))
		return fail(j, "%.*s...: the name is too long", NAME_SHOWN, name);
	archive_entry_copy_pathname(e, path);
	if (archive_entry_hardlink(e)) {
		snprintf(path, sizeof(path), "./%s", clean_name(archive_entry_hardlink(e)));
		archive_entry_copy_hardlink(e, path);
	}
	if (judge_disk(j, archive_write_header(j->disk, e), path) ||
	    (archive_entry_size(e) > 0 && copy_data(j, path)))
		return -1;
	return judge_disk(j, archive_write_finish_entry(j->disk), path);
}

static int skip_data(struct job *j, const char *name)
{
	int ret = archive_read_data_skip(j->in);

	return ret < ARCHIVE_WARN ? fail_archive(j, j->in, name) : 0;
}

static int each_entry(struct job *j)
{
	struct archive_entry *e;
	const char *name;
	int ret;

	while ((ret = archive_read_next_header(j->in, &e)) != ARCHIVE_EOF) {
		/* A warning: a name is no UTF-8 here, and stays as it is. */
		if (ret < ARCHIVE_WARN)
			return fail_archive(j, j->in, "");
		if (check_entry(j, e, &name))
			return -1;
		count_entry(j, e);
		if (j->disk ? unpack_entry(j, e, name) : skip_data(j, name))
			return -1;
		j->progress((uint64_t)archive_filter_bytes(j->in, -1), j->size);
	}
	if (!j->sum->entries)
		return fail(j, "the archive is empty");
	return 0;
}

static struct archive *open_reader(struct job *j, int fd)
{
	struct archive *a = archive_read_new();
	struct stat st;

	if (!a)
		return NULL;
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	j->size = fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
	if (archive_read_open_fd(a, fd, READ_BYTES) == ARCHIVE_OK)
		return a;
	fail_archive(j, a, "");
	archive_read_free(a);
	return NULL;
}

int tar_read(int fd, bool count, struct tar_sum *sum, tar_progress_fn *progress, char err[TAR_ERR])
{
	struct job j = { .sum = sum, .progress = progress, .err = err };
	int ret;

	memset(sum, 0, sizeof(*sum));
	snprintf(err, TAR_ERR, "out of memory");
	j.in = open_reader(&j, fd);
	j.disk = count ? NULL : archive_write_disk_new();
	if (!j.in || (!count && !j.disk)) {
		archive_write_free(j.disk);
		archive_read_free(j.in);
		return -1;
	}
	if (j.disk)
		archive_write_disk_set_options(
			j.disk, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
					ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
					ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SPARSE);
	ret = each_entry(&j);
	/* Times and modes of directories are set last. */
	if (j.disk && archive_write_close(j.disk) < ARCHIVE_WARN && !ret)
		ret = fail_archive(&j, j.disk, "");
	archive_write_free(j.disk);
	archive_read_free(j.in);
	if (!ret)
		progress(j.size, j.size);
	return ret;
}

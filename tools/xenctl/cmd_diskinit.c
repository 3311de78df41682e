// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl disk init: makes a partition or a drive a XenoDisk. What is on it already is named, and
 * stays unless --force says otherwise; what is in use stays in any case. A partition's type
 * is set with sfdisk, when there is one: it is for people and installers, Xeno looks for the
 * magic.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "disks.h"
#include "vd.h"
#include "xenctl.h"

#define LOOK_BYTES 69632u /* as far as the marks below reach, in whole blocks */

/* What begins like this, where. */
static const struct mark {
	const char *what;
	unsigned int at, len;
	const char *bytes;
} marks[] = {
	{ "a GPT partition table", 512, 8, "EFI PART" },
	{ "a GPT partition table", 4096, 8, "EFI PART" },
	{ "an ext2, ext3 or ext4 file system", 1080, 2, "\x53\xef" },
	{ "an XFS file system", 0, 4, "XFSB" },
	{ "a Btrfs file system", 65600, 8, "_BHRfS_M" },
	{ "an F2FS file system", 1024, 4, "\x10\x20\xf5\xf2" },
	{ "a SquashFS file system", 0, 4, "hsqs" },
	{ "an EROFS file system", 1024, 4, "\xe2\xe1\xf5\xe0" },
	{ "an ISO 9660 file system", 32769, 5, "CD001" },
	{ "a UDF file system", 32769, 5, "BEA01" },
	{ "a FAT file system", 54, 3, "FAT" },
	{ "a FAT file system", 82, 5, "FAT32" },
	{ "an exFAT file system", 3, 8, "EXFAT   " },
	{ "an NTFS file system", 3, 8, "NTFS    " },
	{ "an encrypted (LUKS) volume", 0, 6, "LUKS\xba\xbe" },
	{ "an LVM physical volume", 512, 8, "LABELONE" },
	{ "a part of a RAID", 4096, 4, "\xfc\x4e\x2b\xa9" },
	{ "a part of a RAID", 0, 4, "\xfc\x4e\x2b\xa9" },
	{ "swap space", 4086, 10, "SWAPSPACE2" },
};

/* Partition types at 450, 466, 482, 498: one at least is set. Boot code alone is no table. */
static bool has_mbr(const uint8_t *b)
{
	return b[510] == 0x55 && b[511] == 0xaa && (b[450] | b[466] | b[482] | b[498]);
}

/* NULL: nothing that we know. */
static const char *what_is_there(struct vd_store *s)
{
	uint64_t sectors = LOOK_BYTES / XD_SECTOR;
	const char *what = NULL;
	uint8_t *b;

	if (xd_probe(&s->dev))
		return "a XenoDisk";
	if (s->dev.sectors < sectors)
		return NULL;
	b = aligned_alloc(XD_BLOCK, LOOK_BYTES);
	if (!b || s->dev.read(&s->dev, 0, b, (uint32_t)sectors))
		die("%s: it cannot be read", s->path);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]) && !what; i++)
		if (!memcmp(b + marks[i].at, marks[i].bytes, marks[i].len))
			what = marks[i].what;
	if (!what && has_mbr(b))
		what = "an MBR partition table";
	free(b);
	return what;
}

/* Domain 0 (mounted, swap, a volume group ...) or another domain. */
static void refuse_in_use(struct vd_store *s)
{
	struct disk_spec spec = { 0 };
	char err[XD_ERR];
	struct disk_map m;

	if (s->is_file)
		return;
	strcpy(spec.target, s->path);
	if (!disk_resolve(&spec, &m, err))
		return;
	err[strcspn(err, ";")] = 0; /* advice for guests' disks */
	die("%s", err);
}

/* --- the partition's type */

struct partition {
	char drive[NAME_MAX + 6], nr[16]; /* "/dev/xvdb", "3" */
};

static bool find_partition(const char *path, struct partition *p)
{
	char link[64], dir[PATH_MAX], file[PATH_MAX + 16];
	struct stat st;
	char *slash;
	FILE *f;

	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	if (!realpath(link, dir))
		return false;
	snprintf(file, sizeof(file), "%s/partition", dir);
	f = fopen(file, "re");
	if (!f)
		return false;
	if (fscanf(f, "%15[0-9]", p->nr) != 1)
		p->nr[0] = 0;
	fclose(f);
	slash = strrchr(dir, '/');
	*slash = 0;
	slash = strrchr(dir, '/');
	snprintf(p->drive, sizeof(p->drive), "/dev/%.*s", NAME_MAX, slash + 1);
	return p->nr[0];
}

static bool is_gpt(const char *drive)
{
	struct vd_store s;
	char err[XD_ERR];
	uint8_t *b = aligned_alloc(XD_BLOCK, 2 * XD_BLOCK);
	bool gpt = b && !vd_open_device(&s, drive, false, err) &&
		   !s.dev.read(&s.dev, 0, b, 2 * XD_BLOCK / XD_SECTOR) &&
		   (!memcmp(b + 512, "EFI PART", 8) || !memcmp(b + 4096, "EFI PART", 8));

	vd_close(&s);
	free(b);
	return gpt;
}

static void set_type(const char *path)
{
	struct partition p;
	int status = -1;
	pid_t pid;

	if (!find_partition(path, &p))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execlp("sfdisk", "sfdisk", "-q", "--no-reread", "--no-tell-kernel", "--part-type",
		       p.drive, p.nr, is_gpt(p.drive) ? XD_GPT_TYPE : XD_MBR_TYPE, NULL);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		report("%s: its partition type stays as it is: %s", path,
		       WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "there is no sfdisk" :
									 "sfdisk failed");
}

/* --- */

/* "64M", "100MB", bytes; rounded up to whole blocks. */
static uint64_t chunk_size(const char *s)
{
	uint64_t n = vd_parse_size(s);

	if (n > XD_CHUNK_MAX / XD_SECTOR)
		die("--chunk %s: a chunk has 1 MiB to 64 GiB", s);
	return n * XD_SECTOR;
}

int cmd_disk_init(int argc, char **argv)
{
	const char *path = NULL, *chunk = NULL, *what;
	bool force = false;
	struct vd_store s;
	uint8_t uuid[16];
	char err[XD_ERR];

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--force"))
			force = true;
		else if (!strcmp(argv[i], "--chunk") && i + 1 < argc)
			chunk = argv[++i];
		else if (argv[i][0] == '-' || path)
			return EXIT_USAGE;
		else
			path = argv[i];
	}
	if (!path)
		return EXIT_USAGE;
	if (vd_open_device(&s, path, false, err))
		die("%s", err);
	refuse_in_use(&s);
	what = what_is_there(&s);
	if (what && !force)
		die("%s: there is %s on it; --force destroys it", path, what);
	vd_close(&s);
	if (vd_open_device(&s, path, true, err) || vd_lock(&s, true, err))
		die("%s", err);
	if (getrandom(uuid, sizeof(uuid), 0) != sizeof(uuid))
		die("no random numbers: %s", strerror(errno));
	if (xd_init(&s.dev, chunk ? chunk_size(chunk) : XD_CHUNK_DEFAULT, uuid,
		    (uint64_t)time(NULL), err))
		die("%s: %s", path, err);
	vd_reread(&s); /* a whole drive has no partitions any more */
	vd_close(&s);
	set_type(path);
	return EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * diskkernel: finds the kernel and the initial ramdisk on a guest's disk and copies them out, for
 * xenctl, which starts it for a moment and believes it nothing but names and bytes.
 *
 *	diskkernel DISK-FD KERNEL-FD|- RAMDISK-FD|- FIRST+SECTORS...
 *
 * The disk is what the pieces FIRST+SECTORS of the file are, one after the other. Said on standard
 * output, a line each, what there is of: kernel PATH, ramdisk PATH, partition NUMBER (of the
 * kernel; 0: there are no partitions), root NUMBER, unclean. The file system is read in user space
 * by e2fsprogs' library (ext2, ext3, ext4), never mounted. It is hostile: before any of it is
 * looked at, this process is confined (confine.h). Status: 0; 1, and a line on standard error; 3: there is no kernel.
 *
 * The journal is not replayed: what was written just before a crash of the guest may be missed.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "choose.h"
#include "confine.h"
#include "parts.h"

#define SECTOR 512
#define WINDOW (512u << 10)
#define MAX_PIECES 256
#define STATUS_NO_KERNEL 3

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(EXIT_FAILURE);
}

/* --- the disk */

static struct {
	int fd;
	struct {
		uint64_t first, sectors;
	} piece[MAX_PIECES];
	unsigned int nr;
	uint64_t sectors;
	uint8_t *window; /* what was read last: direct transfers are large and aligned */
	uint64_t at;
	size_t len;
} disk;

/* Fills the window from sector on, at most up to the end of its piece. */
static int fill_window(uint64_t sector)
{
	uint64_t start = 0, n, from;
	unsigned int i = 0;
	ssize_t got;

	while (i < disk.nr && sector - start >= disk.piece[i].sectors)
		start += disk.piece[i++].sectors;
	if (i == disk.nr)
		return -1;
	from = (sector - start) & ~7ull;
	n = disk.piece[i].sectors - from;
	if (n > WINDOW / SECTOR)
		n = WINDOW / SECTOR;
	got = pread(disk.fd, disk.window, n * SECTOR,
		    (off_t)((disk.piece[i].first + from) * SECTOR));
	disk.at = start + from;
	disk.len = got > 0 ? (size_t)got : 0;
	return disk.len > (sector - disk.at) * SECTOR ? 0 : -1;
}

static int read_disk(void *priv, uint64_t sector, void *buf, size_t len)
{
	uint8_t *to = buf;

	(void)priv;
	if (sector >= disk.sectors || len > (disk.sectors - sector) * SECTOR)
		return -1;
	while (len) {
		uint64_t skip, n;

		if ((sector < disk.at || sector >= disk.at + disk.len / SECTOR) &&
		    fill_window(sector))
			return -1;
		skip = (sector - disk.at) * SECTOR;
		n = disk.len - skip < len ? disk.len - skip : len;
		memcpy(to, disk.window + skip, n);
		to += n;
		len -= n;
		sector += n / SECTOR;
	}
	return 0;
}

static void take_piece(const char *word)
{
	uint64_t first, sectors;
	char end;

	if (disk.nr == MAX_PIECES ||
	    sscanf(word, "%" SCNu64 "+%" SCNu64 "%c", &first, &sectors, &end) != 2 || !sectors ||
	    first > INT64_MAX / SECTOR || sectors > INT64_MAX / SECTOR - first)
		die("'%.60s' is no piece of a disk", word);
	disk.piece[disk.nr].first = first;
	disk.piece[disk.nr++].sectors = sectors;
	disk.sectors += sectors;
}

/* --- the library's way to it: a partition is a channel */

static struct part within; /* that is opened next */
static struct struct_io_manager channel;

static errcode_t chan_open(const char *name, int flags, io_channel *out)
{
	io_channel c = calloc(1, sizeof(*c));
	struct part *p = malloc(sizeof(*p));

	(void)name, (void)flags;
	if (!c || !p) {
		free(c);
		free(p);
		return EXT2_ET_NO_MEMORY;
	}
	*p = within;
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->manager = &channel;
	c->block_size = 1024;
	c->refcount = 1;
	c->private_data = p;
	*out = c;
	return 0;
}

static errcode_t chan_close(io_channel c)
{
	if (--c->refcount > 0)
		return 0;
	free(c->private_data);
	free(c);
	return 0;
}

static errcode_t chan_set_blksize(io_channel c, int size)
{
	c->block_size = size;
	return 0;
}

static errcode_t chan_read(io_channel c, unsigned long long block, int count, void *data)
{
	const struct part *p = c->private_data;
	uint64_t at, len = count < 0 ? (uint64_t) - (int64_t)count :
				       (uint64_t)count * (uint64_t)c->block_size;
	uint64_t whole = len & ~(SECTOR - 1ull);
	uint8_t last[SECTOR];

	if (__builtin_mul_overflow(block, (uint64_t)c->block_size, &at) || at % SECTOR ||
	    at / SECTOR > p->sectors || len > (p->sectors - at / SECTOR) * SECTOR)
		return EXT2_ET_SHORT_READ;
	at = p->first + at / SECTOR;
	if (read_disk(NULL, at, data, whole))
		return EXT2_ET_SHORT_READ;
	if (len == whole)
		return 0;
	if (read_disk(NULL, at + whole / SECTOR, last, sizeof(last)))
		return EXT2_ET_SHORT_READ;
	memcpy((uint8_t *)data + whole, last, len - whole);
	return 0;
}

static errcode_t chan_read_old(io_channel c, unsigned long block, int count, void *data)
{
	return chan_read(c, block, count, data);
}

static errcode_t chan_write_old(io_channel c, unsigned long block, int count, const void *data)
{
	(void)c, (void)block, (void)count, (void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t chan_write(io_channel c, unsigned long long block, int count, const void *data)
{
	(void)c, (void)block, (void)count, (void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t chan_flush(io_channel c)
{
	(void)c;
	return 0;
}

static struct struct_io_manager channel = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "disk",
	.open = chan_open,
	.close = chan_close,
	.set_blksize = chan_set_blksize,
	.read_blk = chan_read_old,
	.write_blk = chan_write_old,
	.flush = chan_flush,
	.read_blk64 = chan_read,
	.write_blk64 = chan_write,
};

/* --- what is on a file system */

struct names {
	char (*name)[CHOOSE_NAME];
	size_t n;
};

static int take_name(struct ext2_dir_entry *entry, int offset, int size, char *buf, void *data)
{
	struct names *all = data;
	int len = ext2fs_dirent_name_len(entry);

	(void)offset, (void)size, (void)buf;
	if (all->n == CHOOSE_NAMES)
		return DIRENT_ABORT;
	if (!choose_wanted(entry->name, (size_t)len))
		return 0;
	memcpy(all->name[all->n], entry->name, (size_t)len);
	all->name[all->n++][len] = 0;
	return 0;
}

static bool find_inode(ext2_filsys fs, const char *path, ext2_ino_t *ino)
{
	return !ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);
}

/* The kernel of one directory. */
static bool look_in(ext2_filsys fs, const char *dir, struct choice *c)
{
	static char room[CHOOSE_NAMES][CHOOSE_NAME];
	struct names all = { room, 0 };
	ext2_ino_t ino;

	return find_inode(fs, dir, &ino) && !ext2fs_check_directory(fs, ino) &&
	       !ext2fs_dir_iterate(fs, ino, 0, NULL, take_name, &all) &&
	       choose_kernel(all.name, all.n, c);
}

static bool is_root(ext2_filsys fs)
{
	static const char *const signs[] = { "/sbin/init", "/etc/os-release", "/bin/sh",
					     "/usr/lib/systemd/systemd" };
	ext2_ino_t ino;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (find_inode(fs, signs[i], &ino))
			return true;
	return false;
}

static void write_all(int to, const char *path, const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = write(to, buf, len);

		if (n < 0 && errno != EINTR)
			die("%s: it cannot be copied: %s", path, strerror(errno));
		buf += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

static void copy_out(ext2_filsys fs, const char *path, int to)
{
	static uint8_t buf[64 << 10];
	struct ext2_inode inode;
	ext2_file_t file;
	ext2_ino_t ino;
	unsigned int got;
	uint64_t size, done = 0;
	errcode_t err;

	if (!find_inode(fs, path, &ino) || ext2fs_read_inode(fs, ino, &inode) ||
	    !LINUX_S_ISREG(inode.i_mode))
		die("%s: it is not a file", path);
	size = EXT2_I_SIZE(&inode);
	if (!size || size > FILE_BYTES)
		die("%s: it cannot have %" PRIu64 " bytes", path, size);
	err = ext2fs_file_open(fs, ino, 0, &file);
	while (!err && done < size) {
		err = ext2fs_file_read(file, buf, sizeof(buf), &got);
		if (!err && !got)
			die("%s: it ends early", path);
		if (!err)
			write_all(to, path, buf, got);
		done += got;
	}
	if (err)
		die("%s: it cannot be read: %s", path, error_message(err));
}

/* --- all of it */

static struct {
	int kernel, ramdisk; /* where to; -1: only the names */
	bool found, has_root;
	unsigned int root;
} job;

static void take_kernel(ext2_filsys fs, const struct part *p, const char *dir,
			const struct choice *c)
{
	char path[CHOOSE_NAME + 8];

	job.found = true;
	snprintf(path, sizeof(path), "%s/%s", dir, c->kernel);
	printf("kernel %s\n", path);
	if (job.kernel >= 0)
		copy_out(fs, path, job.kernel);
	printf("partition %u\n", p->number);
	if (ext2fs_has_feature_journal_needs_recovery(fs->super))
		printf("unclean\n");
	if (!c->ramdisk[0])
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, c->ramdisk);
	printf("ramdisk %s\n", path);
	if (job.ramdisk >= 0)
		copy_out(fs, path, job.ramdisk);
}

/* False: err; it is not one of our kinds of file system, or is damaged. */
static bool look_at(const struct part *p, errcode_t *err)
{
	struct choice c;
	ext2_filsys fs;

	within = *p;
	*err = ext2fs_open2("disk", NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0,
			    &channel, &fs);
	if (*err)
		return false;
	if (!job.found && look_in(fs, "/boot", &c))
		take_kernel(fs, p, "/boot", &c);
	else if (!job.found && look_in(fs, "/", &c))
		take_kernel(fs, p, "", &c);
	if (!job.has_root && is_root(fs)) {
		job.has_root = true;
		job.root = p->number;
	}
	return true;
}

static void look_everywhere(void)
{
	struct part parts[PARTS_MAX], whole = { 0, 0, disk.sectors };
	bool any = false;
	errcode_t err;
	char why[PARTS_ERR];
	int n;

	if (look_at(&whole, &err))
		return;
	n = parts_find(read_disk, NULL, disk.sectors, parts, why);
	if (n < 0)
		die("%s", why);
	if (!n)
		die("it has neither partitions nor an ext2, ext3 or ext4 file system that can be "
		    "read: %s",
		    error_message(err));
	for (int i = 0; i < n; i++)
		any |= look_at(&parts[i], &err);
	if (!any)
		die("none of its %d partitions has an ext2, ext3 or ext4 file system", n);
}

static int number(const char *word)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (!strcmp(word, "-"))
		return -1;
	if (!*word || *end || n < 0 || n > 1023)
		die("'%.60s' is no descriptor", word);
	return (int)n;
}

int main(int argc, char **argv)
{
	static char out[4096];

	if (argc < 5)
		die("usage: diskkernel DISK-FD KERNEL-FD|- RAMDISK-FD|- FIRST+SECTORS...");
	disk.fd = number(argv[1]);
	job.kernel = number(argv[2]);
	job.ramdisk = number(argv[3]);
	for (int i = 4; i < argc; i++)
		take_piece(argv[i]);
	disk.window = aligned_alloc(4096, WINDOW);
	if (!disk.window)
		die("out of memory");
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	initialize_ext2_error_table();
	confine();
	look_everywhere();
	if (job.has_root)
		printf("root %u\n", job.root);
	fflush(stdout);
	_exit(job.found ? EXIT_SUCCESS : STATUS_NO_KERNEL);
}

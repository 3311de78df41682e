// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels on guests' disks (guest_boot.h). This side opens the disk, a virtual one by way of its
 * XenoDisk's catalogue, which stays locked meanwhile, starts diskkernel with it and two files in
 * memory, and believes it no more than names of plain letters and small numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest_boot.h"
#include "guest_job.h"
#include "vd.h"
#include "xenctl.h"

#define DISKKERNEL "/usr/lib/xeno/diskkernel"
#define STATUS_NO_KERNEL 3
#define PIECE_TEXT 48
#define SAID_MAX 2048

/* What the reader gets: descriptors and pieces, as words. */
struct reader {
	int disk;
	char pieces[XD_MAX_RUNS][PIECE_TEXT];
	unsigned int nr;
	int out, err; /* files in memory: nobody waits for a reader that says too much */
};

static void add_piece(struct reader *r, uint64_t first, uint64_t sectors)
{
	snprintf(r->pieces[r->nr++], PIECE_TEXT, "%llu+%llu", (unsigned long long)first,
		 (unsigned long long)sectors);
}

static void __attribute__((noreturn))
become_reader(const struct reader *r, const struct guest_boot *b)
{
	const char *argv[5 + XD_MAX_RUNS] = { "diskkernel", "3", b->kernel < 0 ? "-" : "4",
					      b->ramdisk < 0 ? "-" : "5" };
	const int from[] = { r->disk, b->kernel, b->ramdisk, r->out, r->err };
	const int to[] = { 3, 4, 5, 1, 2 };
	int high[5];
	char *const env[] = { NULL };

	for (unsigned int i = 0; i < r->nr; i++)
		argv[4 + i] = r->pieces[i];
	for (unsigned int i = 0; i < 5; i++) /* out of each other's way first */
		high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, 16);
	for (unsigned int i = 0; i < 5; i++)
		if (high[i] >= 0)
			dup2(high[i], to[i]);
	execve(DISKKERNEL, (char *const *)(uintptr_t)argv, env);
	dprintf(2, DISKKERNEL ": %s\n", strerror(errno));
	_exit(EXIT_FAILURE);
}

/* What was said, as text; what is more than fits is dropped. */
static void take_text(int fd, char said[SAID_MAX])
{
	ssize_t n = pread(fd, said, SAID_MAX - 1, 0);

	said[n > 0 ? n : 0] = 0;
	close(fd);
}

/* Letters of a name that a file system gave: what may go to a terminal and into a message. */
static bool plain(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int take_line(struct guest_boot *b, char *line)
{
	char *value = strchr(line, ' ');

	if (!strcmp(line, "unclean")) {
		b->unclean = true;
		return 0;
	}
	if (!value)
		return -1;
	*value++ = 0;
	if (strlen(value) >= GUEST_BOOT_PATH || !plain(value))
		return -1;
	if (!strcmp(line, "kernel"))
		strcpy(b->kernel_path, value);
	else if (!strcmp(line, "ramdisk"))
		strcpy(b->ramdisk_path, value);
	else if (!strcmp(line, "partition"))
		b->partition = (unsigned int)strtoul(value, NULL, 10);
	else if (!strcmp(line, "root"))
		b->root = (unsigned int)strtoul(value, NULL, 10);
	b->has_root |= !strcmp(line, "root");
	return 0;
}

static int take_answer(struct guest_boot *b, char *said, char *err)
{
	char *rest = said, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line && take_line(b, line))
			return spec_fail(err, "the reader of the disk said something else");
	return 0;
}

/* The exit of the reader, and the one line it left. */
static int judge(int status, char *said, char *why, struct guest_boot *b, char *err)
{
	why[strcspn(why, "\n")] = 0;
	if (WIFSIGNALED(status))
		return spec_fail(err,
				 "its file system is damaged: the reader of the disk ended "
				 "with signal %d",
				 WTERMSIG(status));
	if (WEXITSTATUS(status) && WEXITSTATUS(status) != STATUS_NO_KERNEL)
		return spec_fail(err, "%.200s", *why ? why : "the reader of the disk failed");
	if (take_answer(b, said, err))
		return -1;
	return WEXITSTATUS(status) ? 1 : 0;
}

static int run_reader(struct reader *r, struct guest_boot *b, char *err)
{
	char said[SAID_MAX], why[SAID_MAX];
	int status = 0;
	pid_t pid;

	r->out = memfd_create("said", MFD_CLOEXEC);
	r->err = memfd_create("why", MFD_CLOEXEC);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		job_limit_files();
		become_reader(r, b);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	take_text(r->out, said);
	take_text(r->err, why);
	if (pid < 0)
		return spec_fail(err, "no process for the reader of the disk: %s", strerror(errno));
	return judge(status, said, why, b, err);
}

static int read_virtual(const char *target, struct guest_boot *b, char *err)
{
	char name[SPEC_TEXT_MAX], why[XD_ERR];
	struct reader r = { 0 };
	struct vd_store s;
	struct xd_disk *d;
	char *key;
	int ret;

	strcpy(name, target + 3);
	key = strchr(name, ':');
	if (key)
		*key++ = 0;
	if (vd_find(&s, NULL, name, false, false, &d, why))
		return spec_fail(err, "%s", why);
	ret = xd_may(d, xd_key_of(d, name, key), false, false, (uint64_t)time(NULL), why) ||
	      vd_check_idle(&s, d, why);
	for (unsigned int i = 0; !ret && i < d->r.nr_runs; i++) {
		struct xd_extent e = xd_extent(&s.x, d, i);

		if (e.sectors)
			add_piece(&r, e.first, e.sectors);
	}
	r.disk = s.fd;
	ret = ret ? spec_fail(err, "%s", why) : run_reader(&r, b, err);
	vd_close(&s);
	return ret;
}

static int read_device(const char *path, struct guest_boot *b, char *err)
{
	struct reader r = { .disk = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT) };
	uint64_t size;
	int ret;

	if (r.disk < 0)
		return spec_fail(err, "%.150s: %s", path, strerror(errno));
	if (ioctl(r.disk, BLKGETSIZE64, &size)) {
		ret = spec_fail(err, "%.150s: not a drive", path);
	} else {
		add_piece(&r, 0, size / XD_SECTOR);
		ret = run_reader(&r, b, err);
	}
	close(r.disk);
	return ret;
}

int guest_boot_read(const struct disk_spec *s, bool copy, struct guest_boot *b, char err[SPEC_ERR])
{
	int ret;

	*b = (struct guest_boot){ .kernel = -1, .ramdisk = -1 };
	if (copy) {
		b->kernel = memfd_create("kernel", MFD_CLOEXEC);
		b->ramdisk = memfd_create("ramdisk", MFD_CLOEXEC);
		if (b->kernel < 0 || b->ramdisk < 0) {
			ret = spec_fail(err, "no file in memory: %s", strerror(errno));
			guest_boot_free(b);
			return ret;
		}
	}
	ret = s->target[0] == '/' ? read_device(s->target, b, err) :
				    read_virtual(s->target, b, err);
	if (ret)
		guest_boot_free(b);
	return ret;
}

void guest_boot_free(struct guest_boot *b)
{
	if (b->kernel >= 0)
		close(b->kernel);
	if (b->ramdisk >= 0)
		close(b->ramdisk);
	b->kernel = b->ramdisk = -1;
}

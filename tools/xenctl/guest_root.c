// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unpacking a root (guest_root.h). The file system is mounted in a mount name space of its own,
 * without devices, set-user-ID and programs, so nobody else sees it and it goes with the process.
 * The part that reads the archive is a process in a chroot there, without a network, whose rights
 * are those that files of other owners need.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest_job.h"
#include "guest_root.h"
#include "vd.h"
#include "xenctl.h"

#define MOUNT_POINT "/mnt"

static void count_progress(uint64_t done, uint64_t of)
{
	vd_progress("measuring", done, of);
}

static void unpack_progress(uint64_t done, uint64_t of)
{
	vd_progress("unpacking", done, of);
}

int root_count(void *data)
{
	struct root_job *j = data;
	char err[TAR_ERR];

	job_keep_only(&j->archive);
	if (job_become_nobody())
		return EXIT_FAILURE;
	lseek(j->archive, 0, SEEK_SET);
	if (!tar_read(j->archive, true, j->sum, count_progress, err))
		return EXIT_SUCCESS;
	report("%s", err);
	return EXIT_FAILURE;
}

static int drop_rights(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const uint64_t keep = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER |
			      1ull << CAP_FSETID | 1ull << CAP_MKNOD | 1ull << CAP_SETFCAP;
	struct __user_cap_data_struct d[2] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
	};

	return job_limit() || syscall(SYS_capset, &h, d);
}

static void say(const char *line)
{
	printf("  %s\n", line);
}

/* In a chroot in the new file system. */
static int fill(void *data)
{
	struct root_job *j = data;
	char err[TAR_ERR];
	int root;

	umask(0);
	job_keep_only(&j->archive);
	if (chroot(MOUNT_POINT) || chdir("/") || drop_rights()) {
		report("it cannot be confined: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	lseek(j->archive, 0, SEEK_SET);
	if (j->archive >= 0 && tar_read(j->archive, false, j->sum, unpack_progress, err)) {
		vd_progress("unpacking", 1, 1);
		report("%s", err);
		return EXIT_FAILURE;
	}
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0 && !fix_root(root, j->fix, say, err))
		return EXIT_SUCCESS;
	report("%s", root < 0 ? strerror(errno) : err);
	return EXIT_FAILURE;
}

/* Mounts it in name spaces of our own, more of them when asked for. */
static int mount_disk(const struct root_job *j, int spaces, unsigned long flags)
{
	if (!unshare(CLONE_NEWNS | CLONE_NEWIPC | spaces) &&
	    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	    !mount(j->device, MOUNT_POINT, "ext4", flags, NULL))
		return 0;
	report("%s: %s", j->device, strerror(errno));
	return -1;
}

int root_unpack(void *data)
{
	struct root_job *j = data;
	int ret;

	if (mount_disk(j, CLONE_NEWNET, MS_NODEV | MS_NOSUID | MS_NOEXEC))
		return EXIT_FAILURE;
	ret = job_within(fill, j);
	if (!umount2(MOUNT_POINT, 0) || ret)
		return ret;
	report("%s: unmounting it: %s", j->device, strerror(errno));
	return EXIT_FAILURE;
}

/* --- Debian */

#define INCLUDE "linux-image-amd64,systemd-sysv,udev,dbus,iproute2,openssh-server"

int root_mirror(void *data)
{
	const struct root_job *j = data;
	char url[512];
	const char *const argv[] = { "timeout", "30", "wget", "-q", "-O", "/dev/null", url, NULL };

	snprintf(url, sizeof(url), "%s/dists/%s/InRelease", j->mirror, j->suite);
	return job_program(argv) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* "I: Unpacking x...": what it does; "E: ...": why it ends. */
static void take_line(const char *line, char why[TAR_ERR])
{
	static const char blank[] = "                                                  ";

	if (!strncmp(line, "E: ", 3))
		snprintf(why, TAR_ERR, "%s", line + 3);
	else if (!strncmp(line, "I: ", 3) && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%.50s%.*s", line + 3,
			(int)(strlen(line + 3) < 50 ? 50 - strlen(line + 3) : 0), blank);
}

static int run_debootstrap(const struct root_job *j)
{
	char command[1024], line[512], why[TAR_ERR] = "";
	int status;
	FILE *f;

	/* Suite and mirror have been checked: plain letters. BusyBox's ar, as there is no dpkg. */
	snprintf(command, sizeof(command),
		 "exec </dev/null 2>/dev/null debootstrap --arch=amd64 --extractor=ar "
		 "--variant=minbase --include=" INCLUDE " %s " MOUNT_POINT " %s",
		 j->suite, j->mirror);
	f = popen(command, "re");
	if (!f) {
		report("debootstrap: %s", strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		take_line(line, why);
	}
	status = pclose(f);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%50s\r", "");
	if (!status)
		return 0;
	report("debootstrap: %s", *why ? why : "it failed");
	return -1;
}

/* The first process of its name space: with it goes all that a package may have started. */
static int install(void *data)
{
	static const char *const clean[] = { "chroot",	"/mnt",	 "/usr/bin/env",
					     "apt-get", "clean", NULL };
	struct root_job *j = data;

	setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	setenv("LC_ALL", "C", 1);
	if (run_debootstrap(j))
		return EXIT_FAILURE;
	return job_program(clean) ? EXIT_FAILURE : job_within(fill, j);
}

int root_debootstrap(void *data)
{
	struct root_job *j = data;
	int ret;

	if (mount_disk(j, CLONE_NEWPID, 0))
		return EXIT_FAILURE;
	ret = job_within(install, j);
	if (!ret && umount2(MOUNT_POINT, 0)) {
		report("%s: unmounting it: %s", j->device, strerror(errno));
		return EXIT_FAILURE;
	}
	return ret;
}

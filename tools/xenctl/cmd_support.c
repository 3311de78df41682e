// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl support: state and logs of this machine in one archive, for whoever looks for a fault in
 * them. Every piece goes through support_redact(); guests' consoles and disks, and files
 * that hold nothing but secrets, are not looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "hyp.h"
#include "support.h"
#include "xenctl.h"

#define TOP "xeno-support"
#define PIECE_MAX (1 << 20) /* of a longer one the end */
#define NAME_LEN 100

/* A command that may take 20 s, and the name of what it prints. */
static const struct {
	const char *name, *command;
} commands[] = {
	{ "domains.json", "xenctl list --json" },
	{ "machine.json", "xenctl info --json" },
	{ "hypervisor.log", "xenctl dmesg" },
	{ "disks.json", "xenctl disk list --json" },
	{ "virtual-disks.json", "xenctl vd list --json" },
	{ "net.json", "xenctl net list --json" },
	{ "net-rules", "xenctl net rule list" },
	{ "net-refusals", "xenctl net refusals" },
	{ "kernel.log", "dmesg" },
	{ "version", "uname -a; cat /proc/version /etc/xeno/installed" },
	{ "date", "date -u; uptime" },
	{ "processes", "ps" },
	{ "space", "df -k; free" },
	{ "addresses", "ip addr; ip route; ip rule" },
	{ "auto", "ls -l /etc/xeno/auto" },
};

static const char *const files[] = {
	"/proc/cmdline",
	"/proc/cpuinfo",
	"/proc/meminfo",
	"/proc/interrupts",
	"/proc/mounts",
	"/proc/partitions",
	"/proc/swaps",
	"/proc/modules",
	"/proc/bus/pci/devices",
	"/etc/fstab",
	"/etc/resolv.conf",
	"/etc/xeno/*.conf",
	"/etc/xeno/*.cfg",
	"/etc/xeno/*.rules",
	"/boot/grub/grub.cfg",
	"/var/log/messages",
	"/var/log/messages.[0-9]",
	"/var/log/*.log",
	"/var/log/*.log.[0-9]",
};

struct bundle {
	gzFile gz;
	const char *why; /* the first failure */
	time_t now;
	unsigned int pieces, hidden;
};

static void put(struct bundle *b, const void *data, size_t len)
{
	if (len && !b->why && gzwrite(b->gz, data, (unsigned int)len) != (int)len)
		b->why = "it cannot be written";
}

/* One file of the archive, without its secrets. */
static void add(struct bundle *b, const char *name, const char *text, size_t len)
{
	static const char zeros[SUPPORT_TAR_BLOCK];
	char head[SUPPORT_TAR_BLOCK], path[NAME_LEN + sizeof(TOP) + 2];
	size_t clean_len;
	char *clean = support_redact(text, len, &clean_len, &b->hidden);

	if (!clean) {
		b->why = "no memory";
		return;
	}
	snprintf(path, sizeof(path), TOP "/%s", name);
	if (!support_tar_header(head, path, clean_len, b->now)) {
		put(b, head, sizeof(head));
		put(b, clean, clean_len);
		put(b, zeros, -clean_len % SUPPORT_TAR_BLOCK);
		b->pieces++;
	}
	free(clean);
}

/* The first line is not whole, and what is secret of it may not be known by its rest. */
static void drop_line(char *buf, size_t *len)
{
	char *end = memchr(buf, '\n', *len);
	size_t n = end ? (size_t)(end + 1 - buf) : *len;

	*len -= n;
	memmove(buf, buf + n, *len);
}

/* The last PIECE_MAX bytes of f at least, whole lines. */
static char *read_end(FILE *f, size_t *len)
{
	char *buf = malloc(2 * PIECE_MAX);
	bool cut = false;
	size_t n;

	*len = 0;
	while (buf && (n = fread(buf + *len, 1, 2 * PIECE_MAX - *len, f)) > 0) {
		*len += n;
		if (*len == 2 * PIECE_MAX) {
			memmove(buf, buf + PIECE_MAX, PIECE_MAX);
			*len = PIECE_MAX;
			cut = true;
		}
	}
	if (cut)
		drop_line(buf, len);
	return buf;
}

static void add_stream(struct bundle *b, const char *name, FILE *f)
{
	size_t len;
	char *text = read_end(f, &len);

	if (text)
		add(b, name, text, len);
	else
		b->why = "no memory";
	free(text);
}

/* command is one of ours, with no word of anybody else in it. */
static void add_command(struct bundle *b, const char *name, const char *command)
{
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "{ %s; } 2>&1 </dev/null", command);
	f = popen(line, "re");
	if (!f)
		return;
	add_stream(b, name, f);
	pclose(f);
}

/* A file that somebody has put there to have another read is not one of them. */
static void add_file(struct bundle *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *f;

	if (fd < 0)
		return;
	f = fstat(fd, &st) || !S_ISREG(st.st_mode) ? NULL : fdopen(fd, "r");
	if (!f) {
		close(fd);
		return;
	}
	add_stream(b, path + 1, f);
	fclose(f);
}

static void add_domain(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	char name[NAME_LEN], command[64];

	if (info->flags & XENO_DOMF_DOM0)
		return;
	snprintf(name, sizeof(name), "domain-%u-disks.json", domid);
	snprintf(command, sizeof(command), "timeout 20 xenctl block-list --json %u", domid);
	add_command(data, name, command);
	snprintf(name, sizeof(name), "domain-%u-interfaces.json", domid);
	snprintf(command, sizeof(command), "timeout 20 xenctl network-list --json %u", domid);
	add_command(data, name, command);
}

static void add_all(struct bundle *b)
{
	static const char end[2 * SUPPORT_TAR_BLOCK];
	char command[200];
	glob_t found;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(command, sizeof(command), "timeout 20 sh -c '%s'", commands[i].command);
		add_command(b, commands[i].name, command);
	}
	if (!access("/proc/xen/privcmd", F_OK))
		each_domain(add_domain, b);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (glob(files[i], 0, NULL, &found))
			continue;
		for (size_t n = 0; n < found.gl_pathc; n++)
			add_file(b, found.gl_pathv[n]);
		globfree(&found);
	}
	put(b, end, sizeof(end));
}

/* Whole or not at all: under another name until it is complete. */
static int write_bundle(struct bundle *b, const char *path)
{
	char work[PATH_MAX];
	int fd;

	if ((size_t)snprintf(work, sizeof(work), "%s.new", path) >= sizeof(work))
		die("%s: %s", path, strerror(ENAMETOOLONG));
	unlink(work);
	fd = open(work, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	b->gz = gzdopen(fd, "wb9");
	if (!b->gz)
		die("%s: no memory", path);
	add_all(b);
	if (gzclose(b->gz) != Z_OK && !b->why)
		b->why = "it cannot be written";
	if (!b->why && rename(work, path))
		b->why = strerror(errno);
	if (b->why) {
		unlink(work);
		report("%s: %s", path, b->why);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int cmd_support(int argc, char **argv)
{
	struct bundle b = { .now = time(NULL) };
	char path[PATH_MAX];
	unsigned int opts;
	struct tm tm;

	argc = take_options(argc, argv, "", &opts);
	if (argc < 1 || argc > 2)
		return EXIT_USAGE;
	if (argc == 2)
		snprintf(path, sizeof(path), "%s", argv[1]);
	else
		strftime(path, sizeof(path), TOP "-%Y%m%d-%H%M%S.tar.gz", gmtime_r(&b.now, &tm));
	if (write_bundle(&b, path))
		return EXIT_FAILURE;
	printf("%s: %u files; left out: passwords and keys (%u found), guests' consoles and "
	       "disks, network connections\n",
	       path, b.pieces, b.hidden);
	return EXIT_SUCCESS;
}

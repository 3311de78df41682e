// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes to a root on its way to be a guest (guest_fix.h). The root is hostile: names are resolved
 * by openat2() so that no link leads out of it, only regular files are read, up to a bound, and a
 * changed file is a new one that takes the old one's place. Files that are absent stay so unless
 * the guest needs them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest_fix.h"

#define FILE_MAX (1 << 20)
#define TEMPORARY ".xenctl.new"

struct fix {
	int root;
	const struct fix_wish *w;
	void (*say)(const char *line);
	char *err;
};

static int fail(struct fix *f, const char *path)
{
	snprintf(f->err, FIX_ERR, "%s: %s", path, strerror(errno));
	return -1;
}

/* --- files of the root */

static int open_in(const struct fix *f, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, f->root, path, &how, sizeof(how));
}

static bool exists(const struct fix *f, const char *path)
{
	int fd = open_in(f, path, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The text of a file, to be freed; NULL: there is none, or it is none. */
static char *read_text(const struct fix *f, const char *path)
{
	int fd = open_in(f, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size < FILE_MAX)
		text = malloc((size_t)st.st_size + 1);
	if (text)
		n = read(fd, text, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = 0;
	return strlen(text) == (size_t)n ? text : (free(text), NULL);
}

/* The directory of a path, opened, and its last part. */
static int open_parent(const struct fix *f, const char *path, const char **base)
{
	char dir[256];

	*base = strrchr(path, '/') + 1;
	snprintf(dir, sizeof(dir), "%.*s", (int)(*base - path), path);
	return open_in(f, dir, O_RDONLY | O_DIRECTORY);
}

/* A new file in the place of the old one, with its owner and mode, or with mode. */
static int put_text(struct fix *f, const char *path, const char *text, unsigned int mode)
{
	size_t len = strlen(text);
	const char *base;
	int dir = open_parent(f, path, &base), fd = -1;
	struct stat st;
	bool old;

	if (dir < 0)
		return fail(f, path);
	old = !fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
	unlinkat(dir, TEMPORARY, 0);
	fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len ||
	    (old && fchown(fd, st.st_uid, st.st_gid)) ||
	    fchmod(fd, old ? st.st_mode & 07777 : mode) || renameat(dir, TEMPORARY, dir, base)) {
		fail(f, path);
		unlinkat(dir, TEMPORARY, 0);
		base = NULL;
	}
	if (fd >= 0)
		close(fd);
	close(dir);
	return base ? 0 : -1;
}

/* With all directories above it. */
static int put_dir(struct fix *f, const char *path, unsigned int mode)
{
	char part[256];

	for (const char *end = path + 1; end; end = *end ? end + 1 : NULL) {
		const char *base;
		int dir, ret;

		end += strcspn(end, "/");
		snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		dir = open_parent(f, part, &base);
		if (dir < 0)
			return fail(f, path);
		ret = mkdirat(dir, base, *end ? 0755 : mode) && errno != EEXIST;
		close(dir);
		if (ret)
			return fail(f, path);
	}
	return 0;
}

static int put_link(struct fix *f, const char *path, const char *target)
{
	const char *base;
	int dir = open_parent(f, path, &base), ret;

	if (dir < 0)
		return fail(f, path);
	ret = symlinkat(target, dir, base) && errno != EEXIST ? fail(f, path) : 0;
	close(dir);
	return ret;
}

static void __attribute__((format(printf, 2, 3))) said(struct fix *f, const char *fmt, ...)
{
	char line[FIX_ERR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	f->say(line);
}

/* The old text, or none, with a line behind it. */
static int append(struct fix *f, const char *path, const char *more, unsigned int mode)
{
	char *old = read_text(f, path), *text;
	size_t len = old ? strlen(old) : 0;
	int ret;

	ret = asprintf(&text, "%s%s%s", old ? old : "", len && old[len - 1] != '\n' ? "\n" : "",
		       more);
	free(old);
	if (ret < 0)
		return fail(f, path);
	ret = put_text(f, path, text, mode);
	free(text);
	return ret;
}

/* --- mounts */

/* The n-th word of a line of fstab or inittab, cut out; "" in comments. */
static void word(const char *line, unsigned int n, char out[128])
{
	size_t len = 0;

	for (;; line += len) {
		line += strspn(line, " \t");
		len = strcspn(line, " \t\n");
		if (!len || *line == '#' || !n--)
			break;
	}
	snprintf(out, 128, "%.*s", *line == '#' ? 0 : (int)len, line);
}

/* A device of the machine that the root came from: to wait for it would be in vain. */
static bool elsewhere(const char *device)
{
	static const char *const before[] = { "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=",
					      "/dev/" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (!strncmp(device, before[i], strlen(before[i])))
			return strncmp(device, "/dev/xvd", 8) != 0;
	return false;
}

static void fstab_line(struct fix *f, FILE *out, const char *line, int len, bool *root)
{
	char device[128], where[128];

	word(line, 0, device);
	word(line, 1, where);
	if (!strcmp(where, "/") && !strcmp(device, f->w->device))
		*root = true;
	else if (!strcmp(where, "/") || elsewhere(device)) {
		fprintf(out, "# not of this guest: ");
		said(f, "/etc/fstab: the line for %s (%s) is a comment now", where, device);
	}
	fprintf(out, "%.*s\n", len, line);
}

static int fix_fstab(struct fix *f)
{
	char *old = read_text(f, "/etc/fstab"), *text = NULL;
	bool root = false;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int ret;

	if (!out) {
		free(old);
		return fail(f, "/etc/fstab");
	}
	for (const char *line = old; line && *line; line += strcspn(line, "\n") + 1) {
		fstab_line(f, out, line, (int)strcspn(line, "\n"), &root);
		if (!strchr(line, '\n'))
			break;
	}
	if (!root)
		fprintf(out, "%s / ext4 defaults 0 1\n", f->w->device);
	ret = fclose(out) ? fail(f, "/etc/fstab") : 0;
	if (!ret && (!old || strcmp(old, text)))
		ret = put_text(f, "/etc/fstab", text, 0644);
	if (!ret && !root)
		said(f, "/etc/fstab: %s is /", f->w->device);
	free(old);
	free(text);
	return ret;
}

/* --- a login on hvc0 */

static bool has_systemd(const struct fix *f)
{
	return exists(f, "/usr/lib/systemd/systemd") || exists(f, "/lib/systemd/systemd");
}

/* Not in a comment. */
static bool has_word(const char *text, const char *what)
{
	for (const char *at = text; (at = strstr(at, what)); at++) {
		const char *line = at;

		while (line > text && line[-1] != '\n')
			line--;
		line += strspn(line, " \t");
		if (*line != '#')
			return true;
	}
	return false;
}

static bool has_line(const char *text, const char *start)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, start, strlen(start)))
			return true;
	}
	return false;
}

/* BusyBox knows no run levels; a line of its without a terminal is for the console. */
static int fix_inittab(struct fix *f, const char *tab)
{
	bool levels = strstr(tab, "initdefault");
	const char *line = NULL;

	if (has_word(tab, "hvc0") || has_line(tab, "::askfirst:") || has_line(tab, "::respawn:"))
		return 0;
	if (exists(f, "/sbin/getty"))
		line = levels ? "hvc0:2345:respawn:/sbin/getty -L 115200 hvc0 vt100\n" :
				"hvc0::respawn:/sbin/getty -L 115200 hvc0 vt100\n";
	else if (exists(f, "/sbin/agetty"))
		line = levels ? "hvc0:2345:respawn:/sbin/agetty -L 115200 hvc0 vt100\n" :
				"hvc0::respawn:/sbin/agetty -L 115200 hvc0 vt100\n";
	else if (!levels)
		line = "hvc0::respawn:-/bin/sh\n";
	if (!line)
		return 0;
	said(f, "/etc/inittab: a %s on hvc0", strstr(line, "getty") ? "login" : "shell");
	return append(f, "/etc/inittab", line, 0644);
}

/* systemd asks the kernel for its consoles, unless the part that does is missing. */
static int fix_systemd_getty(struct fix *f)
{
	static const char unit[] = "/usr/lib/systemd/system/serial-getty@.service";
	static const char dir[] = "/etc/systemd/system/getty.target.wants";

	if (exists(f, "/usr/lib/systemd/system-generators/systemd-getty-generator") ||
	    exists(f, "/lib/systemd/system-generators/systemd-getty-generator") || !exists(f, unit))
		return 0;
	said(f, "systemd: a login on hvc0");
	return put_dir(f, dir, 0755) ||
	       put_link(f, "/etc/systemd/system/getty.target.wants/serial-getty@hvc0.service",
			unit);
}

static int fix_getty(struct fix *f)
{
	char *text = read_text(f, "/etc/securetty");
	int ret = 0;

	if (text && !has_word(text, "hvc0")) {
		said(f, "/etc/securetty: root may log in on hvc0");
		ret = append(f, "/etc/securetty", "hvc0\n", 0644);
	}
	free(text);
	if (ret || has_systemd(f))
		return ret ? ret : fix_systemd_getty(f);
	text = read_text(f, "/etc/inittab");
	ret = text ? fix_inittab(f, text) : 0;
	free(text);
	return ret;
}

/* --- its name */

static int fix_hostname(struct fix *f)
{
	char *old = read_text(f, "/etc/hostname"), *hosts;
	const char *name = f->w->hostname;
	char line[256];
	int ret;

	if (!name && (!old || !*old || !strncmp(old, "localhost", 9)))
		name = f->w->name;
	free(old);
	if (!name)
		return 0;
	snprintf(line, sizeof(line), "%.200s\n", name);
	said(f, "/etc/hostname: %.200s", name);
	ret = put_text(f, "/etc/hostname", line, 0644);
	hosts = read_text(f, "/etc/hosts");
	if (!ret && hosts && !has_word(hosts, name)) {
		snprintf(line, sizeof(line), "127.0.1.1\t%.200s\n", name);
		ret = append(f, "/etc/hosts", line, 0644);
	}
	free(hosts);
	return ret;
}

/* --- its address */

/* A program that asks for addresses by itself. */
static bool asks_itself(const struct fix *f)
{
	static const char *const programs[] = { "/usr/sbin/NetworkManager", "/usr/bin/cloud-init",
						"/usr/sbin/netplan", "/usr/sbin/connmand",
						"/usr/lib/systemd/system/dhcpcd.service" };

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (exists(f, programs[i]))
			return true;
	return false;
}

static int fix_ifupdown(struct fix *f)
{
	static const char file[] = "/etc/network/interfaces", eth0[] = "auto eth0\n"
								       "iface eth0 inet dhcp\n";
	char *text = read_text(f, file);
	int ret = 0;

	if (text && has_word(text, "eth0")) {
		free(text);
		return 0;
	}
	said(f, "/etc/network/interfaces: eth0 asks for its address by DHCP");
	if (!text || !has_word(text, "iface lo"))
		ret = append(f, file, "auto lo\niface lo inet loopback\n", 0644);
	free(text);
	if (ret || append(f, file, eth0, 0644))
		return -1;
	/* OpenRC starts what is linked in a run level. */
	if (!exists(f, "/etc/runlevels/boot") || !exists(f, "/etc/init.d/networking") ||
	    exists(f, "/etc/runlevels/default/networking") ||
	    exists(f, "/etc/runlevels/boot/networking"))
		return 0;
	said(f, "OpenRC: networking starts at boot");
	return put_link(f, "/etc/runlevels/boot/networking", "/etc/init.d/networking");
}

static int fix_networkd(struct fix *f)
{
	static const char file[] = "/etc/systemd/network/80-dhcp.network";
	static const char wants[] = "/etc/systemd/system/multi-user.target.wants";
	const char *unit = exists(f, "/usr/lib/systemd/system/systemd-networkd.service") ?
				   "/usr/lib/systemd/system/systemd-networkd.service" :
				   "/lib/systemd/system/systemd-networkd.service";

	if (!exists(f, unit))
		return said(f, "network: nothing in it asks for an address: set the one of xenctl "
			       "net list there"),
		       0;
	said(f, "%s: eth0 asks for its address by DHCP", file);
	return put_dir(f, "/etc/systemd/network", 0755) ||
	       put_text(f, file, "[Match]\nName=eth*\n\n[Network]\nDHCP=ipv4\n", 0644) ||
	       put_dir(f, wants, 0755) ||
	       put_link(f, "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
			unit);
}

/* Somebody has written a file for systemd-networkd. */
static bool networkd_is_set(const struct fix *f)
{
	return exists(f, "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service");
}

static int fix_network(struct fix *f)
{
	if (asks_itself(f) || networkd_is_set(f))
		return 0;
	if (exists(f, "/etc/network") && (exists(f, "/sbin/ifup") || exists(f, "/usr/sbin/ifup")))
		return fix_ifupdown(f);
	return fix_networkd(f);
}

/* --- who may come in */

/* root's line of shadow with another hash; the rest as it is. */
static char *new_shadow(const char *old, const char *hash)
{
	const char *line = old, *rest;
	char *text;

	while (line && strncmp(line, "root:", 5)) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (!line) /* days since 1970 do not matter here, but 0 would ask for a new password */
		return asprintf(&text, "root:%s:19000:0:99999:7:::\n%s", hash, old) < 0 ? NULL :
											  text;
	rest = line + 5 + strcspn(line + 5, ":\n");
	return asprintf(&text, "%.*sroot:%s%s", (int)(line - old), old, hash, rest) < 0 ? NULL :
											  text;
}

static int fix_password(struct fix *f)
{
	char *old, *text;
	int ret;

	if (!f->w->hash)
		return 0;
	old = read_text(f, "/etc/shadow");
	text = new_shadow(old ? old : "", f->w->hash);
	free(old);
	if (!text)
		return fail(f, "/etc/shadow");
	ret = put_text(f, "/etc/shadow", text, 0640);
	free(text);
	if (!ret)
		said(f, "/etc/shadow: root's password is set");
	return ret;
}

static int fix_key(struct fix *f)
{
	char *line;
	int ret;

	if (!f->w->ssh_key)
		return 0;
	if (asprintf(&line, "%s\n", f->w->ssh_key) < 0)
		return fail(f, "/root/.ssh");
	ret = put_dir(f, "/root", 0700) || put_dir(f, "/root/.ssh", 0700) ||
	      append(f, "/root/.ssh/authorized_keys", line, 0600);
	free(line);
	if (!ret)
		said(f, "/root/.ssh/authorized_keys: one more key");
	return ret;
}

int fix_root(int root, const struct fix_wish *w, void (*say)(const char *line), char err[FIX_ERR])
{
	struct fix f = { root, w, say, err };

	if (put_dir(&f, "/etc", 0755))
		return -1;
	return fix_fstab(&f) || fix_getty(&f) || fix_hostname(&f) || fix_network(&f) ||
			       fix_password(&f) || fix_key(&f) ?
		       -1 :
		       0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/guest_tar.c tools/xenctl/guest_fix.c */
/* LIBS: -larchive */
/*
 * Archives of roots, honest and hostile, and the changes that make a root a guest's: what is kept,
 * what is refused, and that no link of the root leads a change out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../tools/xenctl/guest_fix.h"
#include "../../tools/xenctl/guest_tar.h"
#include "check.h"

#define ROUNDS 400

static char dir[] = "/dev/shm/xeno-test-XXXXXX", err[TAR_ERR];
static struct tar_sum sum;

static void shell(const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	check(!system(line), "%s", line);
}

static void no_progress(uint64_t done, uint64_t of)
{
	(void)done;
	(void)of;
}

/* Counts an archive below dir, or unpacks it into dir/out. */
static int read_tar(const char *name, bool count)
{
	int fd, ret;

	err[0] = 0;
	check(!chdir(dir), "%s", dir);
	fd = open(name, O_RDONLY);
	check(fd >= 0, "%s", name);
	shell("rm -rf %s/out && mkdir %s/out", dir, dir);
	check(!chdir("out"), "out");
	ret = tar_read(fd, count, &sum, no_progress, err);
	close(fd);
	return ret;
}

/* --- archives */

static void test_kept(void)
{
	static const char cap[20] = { 1, 0, 0, 2, 0, 4 }; /* cap_net_bind_service, effective */
	char path[128], got[32];
	struct stat st;
	bool root = !geteuid();

	shell("cd %s && mkdir -p in/bin in/etc && echo hello >in/bin/busybox && "
	      "ln -s busybox in/bin/sh && ln in/bin/busybox in/bin/ls && chmod 4755 in/bin/busybox "
	      "&& truncate -s 5M in/etc/holes && mkfifo in/etc/fifo && touch -d @86400 in/etc/holes "
	      "&& chmod 1777 in/etc",
	      dir);
	snprintf(path, sizeof(path), "%s/in/bin/busybox", dir);
	if (root)
		check(!setxattr(path, "security.capability", cap, sizeof(cap), 0), "xattr");
	shell("cd %s && tar --xattrs --xattrs-include='*' --sparse -C in -cf a.tar . && gzip -k "
	      "a.tar && xz -k a.tar && zstd -q a.tar && lz4 -q a.tar a.tar.lz4 && lz4 -q -l a.tar a.lz4l",
	      dir);
	for (unsigned int i = 0; i < 6; i++) {
		static const char *const names[] = { "a.tar",	  "a.tar.gz",  "a.tar.xz",
						     "a.tar.zst", "a.tar.lz4", "a.lz4l" };

		check(!read_tar(names[i], true) && sum.entries == 8 && sum.root &&
			      sum.bytes >= 5 << 20,
		      "%s: %s", names[i], err);
		check(!read_tar(names[i], false) && !sum.dropped, "%s: %s", names[i], err);
		shell("cmp %s/in/bin/busybox bin/ls && test -p etc/fifo && test -L bin/sh", dir);
		check(!stat("etc/holes", &st) && st.st_mtime == 86400 && st.st_blocks < 100,
		      "holes, time");
		check(!stat("etc", &st) && (st.st_mode & 07777) == 01777, "a directory's mode");
		check(!stat("bin/ls", &st) && (st.st_mode & 07777) == 04755 && st.st_nlink == 2,
		      "mode");
		if (root)
			check(getxattr("bin/ls", "security.capability", got, sizeof(got)) ==
					      sizeof(cap) &&
				      !memcmp(got, cap, sizeof(cap)),
			      "file capabilities");
	}
	verdict("guest-tar-kept");
}

/* One header of the oldest kind, with a sum; data follow by the caller. */
static void header(FILE *f, const char *name, char type, const char *link, unsigned int size)
{
	char h[512] = { 0 };
	unsigned int total = 8 * ' ';

	snprintf(h, 100, "%s", name);
	memcpy(h + 100, "0000755\0000000000\0000000000", 23);
	snprintf(h + 124, 12, "%011o", size);
	memcpy(h + 136, "00000000000", 11);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link);
	memcpy(h + 257, "ustar\00000", 8);
	for (unsigned int i = 0; i < 512; i++)
		total += i >= 148 && i < 156 ? 0 : (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", total);
	fwrite(h, 1, 512, f);
}

static void test_hostile(void)
{
	static const struct {
		const char *name, *link, *why;
		char type;
	} bad[] = {
		{ "../outside", "", "'..' leads out", '0' },
		{ "a/../../outside", "", "'..' leads out", '0' },
		{ "/..", "", "'..' leads out", '5' },
		{ "hard", "../../etc/passwd", "hard link with '..'", '1' },
		{ "x\033[2J/../y", "", "x?[2J/../y: ", '0' },
	};
	static const char end[1024];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *f;

		check(!chdir(dir), "%s", dir);
		f = fopen("bad.tar", "w");
		header(f, bad[i].name, bad[i].type, bad[i].link, 0);
		fwrite(end, 1, sizeof(end), f);
		fclose(f);
		check(read_tar("bad.tar", true) && strstr(err, bad[i].why), "%s: %s", bad[i].name,
		      err);
		check(read_tar("bad.tar", false) && strstr(err, bad[i].why), "%s: %s", bad[i].name,
		      err);
		shell("test ! -e %s/outside", dir);
	}
	shell("cd %s && head -c 700 a.tar >cut.tar && head -c 300 a.tar.gz >cut.gz && head -c 200 "
	      "a.tar.xz >cut.xz && head -c 150 a.tar.zst >cut.zst && echo no archive >text.tar && "
	      "tail -c +100 a.tar.gz | (printf '\\037\\213'; cat) >lies.gz",
	      dir);
	for (unsigned int i = 0; i < 6; i++) {
		static const char *const cut[] = { "cut.tar", "cut.gz",	  "cut.xz",
						   "cut.zst", "text.tar", "lies.gz" };

		check(read_tar(cut[i], true) && err[0], "%s was taken", cut[i]);
		check(read_tar(cut[i], false) && err[0], "%s was unpacked", cut[i]);
	}
	/* A slash in front goes, and what a link within says is not ours to judge. */
	shell("cd %s && mkdir -p abs/sbin && echo x >abs/sbin/init && cd abs && "
	      "tar -cPf ../abs.tar --transform 's,^,/,' sbin",
	      dir);
	check(!read_tar("abs.tar", false) && !access("sbin/init", F_OK) && sum.root, "%s", err);
	verdict("guest-tar-hostile");
}

static void test_kinds(void)
{
	uint8_t head[512] = { 'Q', 'F', 'I', 0xfb };
	bool ours;

	check(!strcmp(tar_kind(head, sizeof(head), &ours), "qcow2") && !ours, "qcow2");
	memcpy(head, "BZh9", 4);
	check(!strcmp(tar_kind(head, sizeof(head), &ours), "bzip2") && !ours, "bzip2");
	memset(head, 0, sizeof(head));
	check(!tar_kind(head, sizeof(head), &ours) && !ours, "zeros");
	memcpy(head + 257, "ustar", 5);
	check(!strcmp(tar_kind(head, sizeof(head), &ours), "tar") && ours, "tar");
	check(!tar_kind(head, 200, &ours), "a short file");
	verdict("guest-tar-kinds");
}

static void test_fuzz(void)
{
	static const char *const names[] = { "a.tar", "a.tar.gz", "a.tar.zst" };
	static uint8_t good[1 << 20], bad[1 << 20];
	static const int step[] = { 24, 6, 6 };

	for (unsigned int n = 0; n < 3; n++) {
		FILE *f;
		size_t len;

		check(!chdir(dir), "%s", dir);
		f = fopen(names[n], "r");
		len = fread(good, 1, sizeof(good), f);
		fclose(f);
		for (unsigned int round = 0; round < ROUNDS; round++) {
			memcpy(bad, good, len);
			for (int i = 0; i < 1 + (int)(rnd() % (unsigned int)step[n]); i++)
				bad[rnd() % len] = (uint8_t)rnd();
			check(!chdir(dir), "%s", dir);
			f = fopen("fuzz", "w");
			fwrite(bad, 1, len, f);
			fclose(f);
			if (read_tar("fuzz", true))
				check(err[0] && !strchr(err, '\n'), "no reason");
		}
	}
	verdict("guest-tar-fuzz");
}

/* --- changes */

static char lines[4096];

static void say(const char *line)
{
	strncat(lines, line, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "\n");
}

/* A root made by commands, changed. */
static int fix(const char *commands, const struct fix_wish *w)
{
	int fd, ret;

	shell("rm -rf %s/root && mkdir -p %s/root/etc && cd %s/root && %s", dir, dir, dir,
	      commands);
	check(!chdir(dir) && !chdir("root"), "root");
	fd = open(".", O_RDONLY | O_DIRECTORY);
	lines[0] = err[0] = 0;
	ret = fix_root(fd, w, say, err);
	close(fd);
	return ret;
}

static const struct fix_wish plain = { .name = "web", .device = "/dev/xvda" };
static const struct fix_wish all = { .name = "web",
				     .hostname = "host1",
				     .hash = "$6$a$b",
				     .ssh_key = "ssh-ed25519 AAAA me",
				     .device = "/dev/xvda" };

static void test_systemd(void)
{
	check(!fix("mkdir -p usr/lib/systemd/system etc/systemd usr/lib/systemd/system-generators "
		   "root && touch usr/lib/systemd/systemd usr/lib/systemd/system/serial-getty@.service "
		   "usr/lib/systemd/system/systemd-networkd.service && "
		   "echo 'UUID=1 / ext4 defaults 0 1' >etc/fstab && "
		   "printf 'LABEL=b /boot ext4 x 0 2\\n/dev/xvdb /data ext4 x 0 2' >>etc/fstab && "
		   "printf 'bin:*:1:::::\\nroot:!:19000:0:9:7:::\\n' >etc/shadow && "
		   "chmod 600 etc/shadow && echo '127.0.0.1 localhost' >etc/hosts",
		   &all),
	      "%s", err);
	shell("printf '# not of this guest: UUID=1 / ext4 defaults 0 1\\n# not of this guest: "
	      "LABEL=b /boot ext4 x 0 2\\n/dev/xvdb /data ext4 x 0 2\\n/dev/xvda / ext4 defaults "
	      "0 1\\n' | cmp - etc/fstab");
	shell("printf 'bin:*:1:::::\\nroot:$6$a$b:19000:0:9:7:::\\n' | cmp - etc/shadow && "
	      "test $(stat -c %%a etc/shadow) = 600");
	shell("grep -qx host1 etc/hostname && grep -q 'host1' etc/hosts && "
	      "grep -q 'ssh-ed25519 AAAA me' root/.ssh/authorized_keys && "
	      "test $(stat -c %%a root/.ssh) = 700");
	shell("grep -q DHCP=ipv4 etc/systemd/network/80-dhcp.network && test -L "
	      "etc/systemd/system/multi-user.target.wants/systemd-networkd.service && test -L "
	      "etc/systemd/system/getty.target.wants/serial-getty@hvc0.service");
	check(strstr(lines, "the line for /boot (LABEL=b) is a comment now\n"), "%s", lines);
	check(!strstr(lines, "$6$"), "the hash is shown");
	verdict("guest-fix-systemd");
}

static void test_inits(void)
{
	check(!fix("mkdir -p sbin etc/network etc/runlevels/boot etc/init.d && touch sbin/getty "
		   "sbin/ifup etc/init.d/networking && printf 'tty1\\n' >etc/securetty && "
		   "printf '::sysinit:/sbin/openrc sysinit\\ntty1::respawn:/sbin/getty 38400 "
		   "tty1\\n#hvc0::x' >etc/inittab && echo localhost >etc/hostname",
		   &plain),
	      "%s", err);
	shell("grep -qx 'hvc0::respawn:/sbin/getty -L 115200 hvc0 vt100' etc/inittab && "
	      "grep -qx '#hvc0::x' etc/inittab && grep -qx web etc/hostname && grep -qx hvc0 "
	      "etc/securetty && grep -q 'iface eth0 inet dhcp' etc/network/interfaces && "
	      "grep -q 'iface lo' etc/network/interfaces && test -L etc/runlevels/boot/networking "
	      "&& test ! -e etc/shadow");
	check(!fix("mkdir sbin && touch sbin/agetty && printf 'id:2:initdefault:\\n' >etc/inittab "
		   "&& echo mine >etc/hostname && echo '/dev/xvda / ext4 x' >etc/fstab && cp "
		   "etc/fstab before",
		   &plain),
	      "%s", err);
	shell("grep -qx 'hvc0:2345:respawn:/sbin/agetty -L 115200 hvc0 vt100' etc/inittab && "
	      "grep -qx mine etc/hostname && cmp before etc/fstab");
	check(!fix("printf '::askfirst:-/bin/sh\\n' >etc/inittab && cp etc/inittab before", &plain),
	      "%s", err);
	shell("cmp before etc/inittab");
	verdict("guest-fix-inits");
}

/* Whatever the links say, nothing beside the root changes. */
static void test_links(void)
{
	char victim[64], commands[1024];

	snprintf(victim, sizeof(victim), "%s/victim", dir);
	shell("mkdir -p %s && echo keep >%s/file && ln %s/file %s/again", victim, victim, victim,
	      victim);
	snprintf(commands, sizeof(commands),
		 "ln -s %s/file etc/fstab && ln -s ../../victim/file etc/hostname && ln -s %s/file "
		 "etc/shadow && ln -s %s root && ln -s ../../../../../..%s/file etc/inittab && "
		 "ln -s /proc/self/root%s/file etc/securetty && ln %s/file etc/hosts",
		 victim, victim, victim, victim, victim, victim);
	fix(commands, &all);
	shell("cd %s && test \"$(cat file)\" = keep && cmp file again && test $(ls -A | wc -l) = 2",
	      victim);
	snprintf(commands, sizeof(commands), "rmdir etc && ln -s %s etc", victim);
	fix(commands, &all);
	snprintf(commands, sizeof(commands), "rmdir etc && ln -s ../victim etc");
	fix(commands, &all);
	shell("cd %s && test \"$(cat file)\" = keep && test $(ls -A | wc -l) = 2", victim);
	alarm(20); /* nobody waits for the other end of a pipe */
	check(!fix("mkfifo etc/fstab etc/hosts etc/inittab && mkdir etc/securetty", &plain), "%s",
	      err);
	alarm(0);
	shell("test -f etc/fstab");
	check(fix("mkdir etc/fstab", &plain) && strstr(err, "/etc/fstab: "), "%s", err);
	verdict("guest-fix-links");
}

int main(void)
{
	check(mkdtemp(dir) != NULL, "%s", dir);
	umask(022);
	test_kept();
	test_hostile();
	test_kinds();
	test_fuzz();
	test_systemd();
	test_inits();
	test_links();
	shell("rm -rf %s", dir);
	return check_failed;
}

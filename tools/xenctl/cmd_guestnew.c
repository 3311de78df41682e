// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl guest new: a guest of a distribution's root. All that can be checked is checked first. Then
 * step by step: a virtual disk, a file system and the root on it (or an image's bytes), the
 * configuration; each in a process of its own (guest_job.h). When one fails or Ctrl-C comes, what
 * has been made goes again, last first, and nothing is left behind.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd_guest.h"
#include "guest_job.h"
#include "guest_root.h"
#include "vd.h"
#include "xenctl.h"

#define MIB (1ull << 20)
#define SLACK (256 * MIB) /* besides a quarter of what the root has */
#define OWN_KERNEL_MIB 512
#define XENOLINUX_MIB 256
#define SECONDS_TO_APPEAR 10
#define DEBIAN_MIB 2048
#define MIRROR "http://deb.debian.org/debian"

struct make {
	const struct guest_new *n;
	const char *file; /* what it is made of */
	int fd;
	uint64_t bytes;			 /* of the file */
	char size[24];			 /* of the disk, for vd create */
	char device[8], device_path[16]; /* "xvdz", "/dev/xvdz": in domain 0 */
	char hash[256], key[2048];
	struct fix_wish fix;
	struct root_job root;
	char path[GUEST_PATH_MAX]; /* of the configuration */
	char *config;
	char what[160]; /* in front of a step's messages */
};

static struct make m;

/* --- checks */

static void check_free(const char *name)
{
	struct vd_store s;
	unsigned int pos = 0;
	bool any = false;

	if (!guest_name_ok(name) || !xd_name_ok(name))
		die("'%s' cannot be a guest's name: letters, digits and _ . + - only, not digits "
		    "alone",
		    name);
	snprintf(m.path, sizeof(m.path), CONFIG_DIR "/%s.cfg", name);
	if (!access(m.path, F_OK))
		die("%s: there is %s already", name, m.path);
	if (guest_runs(name))
		die("%s: a domain of that name runs", name);
	for (; vd_next(&s, m.n->on, &pos, false); vd_close(&s), any = true)
		if (xd_find(&s.x, name))
			die("%s: there is a virtual disk of that name on %s", name, s.path);
	if (!any)
		die("%s: there is no XenoDisk to make a virtual disk on; see xenctl help disk",
		    name);
}

static void open_source(void)
{
	struct stat st;

	m.file = m.n->root ? m.n->root : m.n->image;
	m.fd = open(m.file, O_RDONLY | O_CLOEXEC);
	if (m.fd < 0 || fstat(m.fd, &st))
		die("%s: %s", m.file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s: not a file", m.file);
	m.bytes = (uint64_t)st.st_size;
}

/* What goes into a command line: plain letters only. */
static void check_debian(const char *suite)
{
	char script[128];

	for (const char *c = suite; *c; c++)
		if (!islower((unsigned char)*c))
			die("--debian '%s': the name of a suite, like bookworm", suite);
	snprintf(script, sizeof(script), "/usr/share/debootstrap/scripts/%.60s", suite);
	m.root.suite = suite;
	m.root.mirror = m.n->mirror ? m.n->mirror : MIRROR;
	if (strncmp(m.root.mirror, "http", 4) || strlen(m.root.mirror) > 300)
		die("--mirror '%.60s': http://HOST/PATH", m.root.mirror);
	for (const char *c = m.root.mirror; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(":/._~-", *c))
			die("--mirror '%.60s': letters, digits and : / . _ ~ - only",
			    m.root.mirror);
	if (access(script, F_OK))
		die("--debian %s: this debootstrap does not know it", suite);
	m.file = suite;
	m.fd = -1;
	m.root.sum->root = true;
}

static void check_kind(void)
{
	uint8_t head[512];
	ssize_t n = pread(m.fd, head, sizeof(head), 0);
	bool tar;
	const char *kind = n > 0 ? tar_kind(head, (size_t)n, &tar) : NULL;

	if (n <= 0)
		die("%s: %s", m.file, n ? strerror(errno) : "the file is empty");
	if (m.n->root && (!kind || !tar))
		die("%s: %s%s; --root takes a tar archive, plain or packed with gzip, xz, zstd or "
		    "lz4",
		    m.file, kind ? "it is " : "not an archive", kind ? kind : "");
	if (m.n->image && kind)
		die("%s: it is %s; --image takes a raw image%s", m.file, kind,
		    tar					? ": unpack it first, or use --root" :
		    strchr(kind, '2') || kind[0] == 'v' ? ": convert it where qemu-img is: "
							  "qemu-img convert -O raw" :
							  "");
}

/* Kernel and ramdisk of its own wish, as whole paths. */
static const char *check_file(const char *path)
{
	char *full = path ? realpath(path, NULL) : NULL;

	if (path && (!full || access(full, R_OK)))
		die("%s: %s", path, strerror(errno));
	if (full && strpbrk(full, "\"\\\n"))
		die("%s: the path has a quote in it", path);
	return full;
}

static void check_hostname(const char *name)
{
	size_t len = name ? strlen(name) : 1;

	if (!len || len > 63)
		die("--hostname: 1 to 63 characters");
	for (const char *c = name; c && *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-.", *c))
			die("--hostname '%s': letters, digits, - and . only", name);
}

/* BusyBox makes the hash; the password is in no list of processes. */
static void hash_password(const char *password)
{
	int in = memfd_create("password", MFD_CLOEXEC), out[2], status = -1;
	ssize_t n = 0;
	pid_t pid;

	if (in < 0 || dprintf(in, "%s\n", password) < 0 || lseek(in, 0, SEEK_SET) ||
	    pipe2(out, O_CLOEXEC))
		die("--password: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		dup2(in, STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("mkpasswd", "mkpasswd", "-m", "sha512", "-P", "0", (char *)NULL);
		_exit(EXIT_FAILURE);
	}
	close(out[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!status)
		n = read(out[0], m.hash, sizeof(m.hash) - 1);
	m.hash[n > 0 ? n : 0] = 0;
	m.hash[strcspn(m.hash, "\n")] = 0;
	close(out[0]);
	close(in);
	if (m.hash[0] != '$')
		die("--password: mkpasswd has failed");
}

/* From the keyboard without echo, or the first line of what is no terminal. */
static const char *read_password(char *line, size_t size)
{
	char *typed = isatty(STDIN_FILENO) ? getpass("Password of root in the guest: ") :
					     fgets(line, (int)size, stdin);

	if (!typed)
		die("--password: no line on standard input");
	typed[strcspn(typed, "\n")] = 0;
	return typed;
}

static void take_password(const char *password)
{
	char line[256];

	if (!password)
		return;
	if (!strcmp(password, "-"))
		password = read_password(line, sizeof(line));
	for (const char *c = password; *c; c++)
		if (iscntrl((unsigned char)*c))
			die("--password: it has control characters");
	if (!*password)
		die("--password: it is empty");
	if (password[0] != '$')
		return hash_password(password);
	if (strlen(password) >= sizeof(m.hash) || strpbrk(password, ": "))
		die("--password: that is no hash ($6$...)");
	strcpy(m.hash, password);
}

static void take_key(const char *key)
{
	size_t len;
	int err;
	char *text = NULL;

	if (!key)
		return;
	if (key[0] == '/' || key[0] == '.') {
		text = (char *)read_file(key, sizeof(m.key) - 1, &len, &err);
		if (!text)
			die("--ssh-key %s: %s", key, strerror(-err));
		text[strcspn(text, "\n")] = 0;
	}
	snprintf(m.key, sizeof(m.key), "%s", text ? text : key);
	for (const char *c = m.key; *c; c++)
		if (iscntrl((unsigned char)*c))
			die("--ssh-key: it has control characters");
	if (strncmp(m.key, "ssh-", 4) && strncmp(m.key, "ecdsa-", 6) && strncmp(m.key, "sk-", 3))
		die("--ssh-key: '%.20s...' is no public key (ssh-ed25519 AAAA...)", m.key);
	free(text);
}

/* --- the configuration */

static void write_boot(FILE *out, const struct guest_boot *b)
{
	char root[24] = "xvda";

	if (b && b->has_root && b->root)
		snprintf(root, sizeof(root), "xvda%u", b->root);
	if (m.n->kernel) {
		fprintf(out, "kernel     = \"%s\"\n", m.n->kernel);
		if (m.n->ramdisk)
			fprintf(out, "ramdisk    = \"%s\"\n", m.n->ramdisk);
	} else if (b && b->kernel_path[0]) {
		fprintf(out,
			"bootloader = \"disk\"\t# its own kernel, now %s; xenctl guest kernel %s\n",
			b->kernel_path, m.n->name);
	} else {
		fprintf(out, "kernel     = \"" XENOLINUX "\"\n");
	}
	fprintf(out, "root       = \"/dev/%s %s\"\n", root,
		b && b->kernel_path[0] && !m.n->kernel ? "ro" : "rw");
	fprintf(out, "extra      = \"console=hvc0%s\"\n", m.n->image ? "" : " net.ifnames=0");
}

/* b: what is on the disk; NULL: not known yet. */
static void make_config(const struct guest_boot *b)
{
	bool own = b && b->kernel_path[0] && !m.n->kernel;
	size_t len;
	FILE *out;

	free(m.config);
	out = open_memstream(&m.config, &len);
	if (!out)
		die("out of memory");
	fprintf(out, "# Made by xenctl guest new of %s.\nname       = \"%s\"\n",
		m.n->image  ? "a disk image" :
		m.n->debian ? m.n->debian :
			      "an archive of a root",
		m.n->name);
	write_boot(out, b);
	if (m.n->memory)
		fprintf(out, "memory     = %s\n", m.n->memory);
	else
		fprintf(out, "memory     = %u\n", own ? OWN_KERNEL_MIB : XENOLINUX_MIB);
	fprintf(out, "vcpus      = %s\n", m.n->vcpus ? m.n->vcpus : "1");
	fprintf(out, "disk       = [ \"vd:%s,xvda,w\" ]\n", m.n->name);
	if (!m.n->vif || strcmp(m.n->vif, "none"))
		fprintf(out, "vif        = [ \"%s%s\" ]\n", m.n->ip ? "ip=" : "",
			m.n->ip	 ? m.n->ip :
			m.n->vif ? m.n->vif :
				   "");
	if (fclose(out))
		die("out of memory");
}

/* What the caller asked for, before anything is made. */
static void check_config(void)
{
	const char *const texts[] = { m.n->memory, m.n->vcpus, m.n->ip, m.n->vif };
	static struct guest_cfg g;
	char why[XLCFG_ERR];
	struct xlcfg c = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] && strpbrk(texts[i], "\"\\\n;#"))
			die("%s: '%s' has a quote or such in it", m.n->name, texts[i]);
	make_config(NULL);
	if (xlcfg_parse(&c, m.config, strlen(m.config), why) || guestcfg_from(&g, &c, NULL, why))
		die("%s: %s", m.n->name, strncmp(why, "line ", 5) ? why : strchr(why, ':') + 2);
	xlcfg_free(&c);
}

/* A new file, or none: never one that somebody else has made meanwhile. */
static int write_config(void *data)
{
	char work[GUEST_PATH_MAX + 8];
	const char *why = NULL;
	size_t len = strlen(m.config);
	int fd;

	(void)data;
	snprintf(work, sizeof(work), "%s.work", m.path);
	fd = open(work, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, m.config, len) != (ssize_t)len || fsync(fd) || close(fd) ||
	    link(work, m.path))
		why = strerror(errno);
	unlink(work);
	if (!why)
		return EXIT_SUCCESS;
	report("%s: %s", m.path, why);
	return EXIT_FAILURE;
}

/* --- steps */

static const char *step_name(const char *step)
{
	snprintf(m.what, sizeof(m.what), "xenctl: %.63s: %s", m.n->name, step);
	return m.what;
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	va_list ap;

	printf("%s: ", m.n->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

/* A subcommand of xenctl vd; data: its words. What it prints is for those who type it. */
static int vd_step(void *data)
{
	char **argv = data;
	int argc = 0;

	if (!freopen("/dev/null", "w", stdout))
		return EXIT_FAILURE;
	while (argv[argc])
		argc++;
	return cmd_vd(argc, argv);
}

static char *word(const char *s)
{
	return (char *)(uintptr_t)s;
}

static int measure(void)
{
	char text[16];
	uint64_t bytes;

	if (m.n->image) {
		bytes = m.bytes;
	} else if (m.n->debian) {
		bytes = DEBIAN_MIB * MIB;
	} else {
		if (job_run(step_name("reading the archive"), root_count, &m.root, false))
			return -1;
		if (!m.root.sum->root) {
			report("%s: %s: not the root of a system: it has no /sbin/init, /bin/sh or "
			       "the like",
			       m.n->name, m.file);
			return -1;
		}
		bytes = m.root.sum->bytes;
		say("%llu files, %s", (unsigned long long)m.root.sum->entries,
		    size_text(bytes, text));
		bytes += bytes / 4 + SLACK;
	}
	snprintf(m.size, sizeof(m.size), "%lluM", (unsigned long long)((bytes + MIB - 1) / MIB));
	return 0;
}

/* With --size the archive need not be read twice. */
static int choose_size(void)
{
	uint64_t sectors;

	if (!m.n->size)
		return measure();
	snprintf(m.size, sizeof(m.size), "%s", m.n->size);
	sectors = vd_parse_size(m.size);
	if (!m.n->image || sectors >= (m.bytes + XD_SECTOR - 1) / XD_SECTOR)
		return 0;
	report("%s: --size %s: the image has %llu bytes", m.n->name, m.n->size,
	       (unsigned long long)m.bytes);
	return -1;
}

static int make_disk(void)
{
	char *argv[] = { word("vd"),
			 word("create"),
			 word(m.n->name),
			 m.size,
			 word("--owner"),
			 word("xenctl guest"),
			 m.n->on ? word("--on") : NULL,
			 word(m.n->on),
			 NULL };

	if (job_run(step_name("making its disk"), vd_step, argv, false))
		return -1;
	say("a virtual disk of %s", m.size);
	return 0;
}

static int import_image(void)
{
	char *argv[] = { word("vd"), word("import"), word(m.n->name), word(m.file), NULL };

	return job_run(step_name("copying the image"), vd_step, argv, false);
}

/* A name that domain 0 does not use. */
static int choose_device(void)
{
	char path[64];

	for (char c = 'z'; c > 'd'; c--) {
		snprintf(m.device, sizeof(m.device), "xvd%c", c);
		snprintf(path, sizeof(path), "/sys/class/block/%s", m.device);
		if (access(path, F_OK)) {
			snprintf(m.device_path, sizeof(m.device_path), "/dev/%s", m.device);
			return 0;
		}
	}
	report("%s: domain 0 has no name left for a disk", m.n->name);
	return -1;
}

static int attach(void)
{
	char *argv[] = { word("vd"), word("attach"), word(m.n->name), word("0"), m.device, NULL };
	const char *path = m.device_path;

	if (choose_device() || job_run(step_name("taking its disk"), vd_step, argv, true))
		return -1;
	for (int i = 0; i < SECONDS_TO_APPEAR * 10 && access(path, F_OK); i++)
		usleep(100000);
	if (!access(path, F_OK))
		return 0;
	report("%s: its disk did not become %s of domain 0", m.n->name, path);
	return -1;
}

static int detach(void)
{
	char *argv[] = { word("vd"), word("detach"), word(m.n->name), word("0"), NULL };

	return job_run(step_name("giving its disk back"), vd_step, argv, true);
}

static int mkfs_step(void *data)
{
	char label[17], inodes[24];
	uint64_t size = vd_parse_size(m.size) * XD_SECTOR, nr = 2 * m.root.sum->entries;
	const char *const argv[] = { "mkfs.ext4",
				     "-q",
				     "-F",
				     "-m",
				     "1",
				     "-L",
				     label,
				     "-N",
				     inodes,
				     "-O",
				     "^orphan_file,^metadata_csum_seed",
				     "-E",
				     "nodiscard",
				     data,
				     NULL };

	/* What kernels of some years ago do not know is left out. */
	snprintf(label, sizeof(label), "%.16s", m.n->name);
	snprintf(inodes, sizeof(inodes), "%llu",
		 (unsigned long long)(nr > size / 16384 ? nr : size / 16384));
	return job_program(argv) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int fill_disk(void)
{
	char *path = m.device_path;
	int ret;

	m.root.device = path; /* from here on there is something to detach */
	if (attach())
		return -1;
	ret = job_run(step_name("making a file system"), mkfs_step, path, false);
	if (!ret)
		ret = m.n->debian ? job_run(step_name("installing Debian"), root_debootstrap,
					    &m.root, false) :
				    job_run(step_name("unpacking"), root_unpack, &m.root, false);
	if (detach())
		return -1;
	m.root.device = NULL;
	if (ret)
		return ret;
	if (!m.root.sum->root) {
		report("%s: %s: not the root of a system: it has no /sbin/init, /bin/sh or the "
		       "like",
		       m.n->name, m.file);
		return -1;
	}
	if (!m.n->debian)
		say("%llu files unpacked", (unsigned long long)m.root.sum->entries);
	if (m.root.sum->dropped)
		say("%llu of them lost an extended attribute that domain 0 cannot write",
		    (unsigned long long)m.root.sum->dropped);
	return 0;
}

/* What will boot: said, and written into the configuration. */
static int choose_kernel(void)
{
	struct disk_spec disk = { 0 };
	struct guest_boot b = { .kernel = -1, .ramdisk = -1 };
	char why[KERN_ERR];
	int ret;

	snprintf(disk.target, sizeof(disk.target), "vd:%s", m.n->name);
	ret = guest_boot_read(&disk, true, &b, why);
	if (ret < 0) {
		report("%s: looking for its kernel: %s", m.n->name, why);
		return -1;
	}
	if (m.n->kernel) {
		say("boots %s, as asked for", m.n->kernel);
	} else if (ret) {
		say("has no kernel of its own: boots XenoLinux");
	} else if (guest_boot_check(&b, why)) {
		say("its kernel %s cannot run here (%s): boots XenoLinux", b.kernel_path, why);
		b.kernel_path[0] = 0;
	} else {
		say("boots its own %s%s%s", b.kernel_path, b.ramdisk_path[0] ? " and " : "",
		    b.ramdisk_path);
	}
	make_config(&b);
	guest_boot_free(&b);
	return 0;
}

static int keep_config(void)
{
	char *argv[] = { word("vd"), word("config"), word(m.n->name), m.path, NULL };

	return job_run(step_name("writing its configuration"), write_config, NULL, true) ||
	       job_run(step_name("keeping its configuration with its disk"), vd_step, argv, true);
}

/* --- and back */

static void undo_disk(void)
{
	char *argv[] = { word("vd"), word("delete"), word(m.n->name), word("--now"), NULL };
	struct vd_store s;
	unsigned int pos = 0;

	if (m.root.device) {
		char *back[] = { word("vd"), word("detach"),  word(m.n->name),
				 word("0"),  word("--force"), NULL };

		job_quietly(vd_step, back);
	}
	job_quietly(vd_step, argv);
	for (; vd_next(&s, m.n->on, &pos, false); vd_close(&s))
		if (xd_find(&s.x, m.n->name))
			report("%s: its disk is left behind on %s; try xenctl vd delete %s --now",
			       m.n->name, s.path, m.n->name);
}

static int make_all(void)
{
	int ret;

	if (choose_size() || (m.n->debian && job_run(step_name("looking for the mirror"),
						     root_mirror, &m.root, false)))
		return -1;
	if (make_disk()) {
		undo_disk();
		return -1;
	}
	ret = (m.n->image ? import_image() : fill_disk()) || choose_kernel() || keep_config() ||
	      job_interrupted();
	if (!ret)
		return 0;
	undo_disk();
	if (!unlink(m.path) || errno == ENOENT)
		report("%s: nothing of it is left behind", m.n->name);
	else
		report("%s: %s", m.path, strerror(errno));
	return -1;
}

static void check_all(const struct guest_new *n)
{
	if (n->image && (n->password || n->ssh_key || n->hostname))
		die("%s: an image is taken as it is; --password, --ssh-key and --hostname go with "
		    "--root",
		    n->name);
	if (n->ip && n->vif)
		die("%s: --ip or --vif, not both", n->name);
	if (n->ramdisk && !n->kernel)
		die("%s: --ramdisk goes with --kernel", n->name);
	if (n->mirror && !n->debian)
		die("%s: --mirror goes with --debian", n->name);
	if (n->debian) {
		check_debian(n->debian);
	} else {
		open_source();
		check_kind();
	}
	check_hostname(n->hostname);
	take_password(n->password);
	take_key(n->ssh_key);
	if (n->size)
		vd_parse_size(n->size);
	check_config();
	check_free(n->name);
}

int guest_new(const struct guest_new *asked)
{
	struct guest_new n = *asked;
	char *create[] = { word("create"), word(n.name), NULL };

	n.kernel = check_file(n.kernel);
	n.ramdisk = check_file(n.ramdisk);
	m.n = &n;
	m.root.sum = job_share(sizeof(*m.root.sum));
	check_all(&n);
	m.fix = (struct fix_wish){ .name = n.name,
				   .hostname = n.debian && !n.hostname ? n.name : n.hostname,
				   .hash = m.hash[0] ? m.hash : NULL,
				   .ssh_key = m.key[0] ? m.key : NULL,
				   .device = "/dev/xvda" };
	m.root.archive = m.fd;
	m.root.fix = &m.fix;
	job_hold(true);
	if (make_all())
		return EXIT_FAILURE;
	job_hold(false);
	if (n.start)
		return cmd_create(2, create);
	say("made; its configuration is %s; start it: xenctl create -c %s", m.path, n.name);
	return EXIT_SUCCESS;
}

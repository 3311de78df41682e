// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/diskkernel/choose.c tools/diskkernel/parts.c */
/* LIBS: -lext2fs -lcom_err */
/*
 * diskkernel on images of disks: which kernel it takes, from which partition, and that no damage of
 * the file system or the partition table makes it do anything but end with a line. Its own files
 * are under ASan here, without their confinement, which boot/guest-* has.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define main diskkernel_main
#include "../../tools/diskkernel/diskkernel.c" /* NOLINT: to be called, not run */
#undef main

#include "check.h"

#define FS_BYTES (4u << 20)
#define MIB (1u << 20)
#define ROUNDS 250
#define FUZZ_SECONDS 30

static char dir[] = "/dev/shm/xeno-test-XXXXXX", image[64], said[2048];
static uint8_t *fs, *disk_bytes;
static size_t disk_len;

void confine(void)
{
}

/* --- images */

static void shell(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	check(!system(line), "%s", line);
}

/* An ext4 file system with what the commands have put into root/. */
static void make_fs(const char *commands, const char *options)
{
	FILE *f;

	shell("cd %s && rm -rf root fs && mkdir -p root/boot root/sbin && cd root && %s", dir,
	      commands);
	shell("cd %s && truncate -s 4M fs && mke2fs -q -t ext4 %s -d root fs 2>/dev/null", dir,
	      options);
	shell("cd %s && mv fs image", dir);
	f = fopen(image, "r");
	fs = realloc(fs, FS_BYTES);
	check(f && fread(fs, 1, FS_BYTES, f) == FS_BYTES, "the image");
	if (f)
		fclose(f);
}

static void put_image(const void *bytes, size_t len)
{
	FILE *f = fopen(image, "w");

	check(f && fwrite(bytes, 1, len, f) == len, "%s", image);
	if (f)
		fclose(f);
}

/* A disk with partitions that sfdisk makes; the file system at one of them. */
static void make_disk(const char *table, unsigned int fs_mib)
{
	FILE *f;

	disk_len = 16 * MIB;
	shell("cd %s && rm -f image && truncate -s 16M image && echo '%s' | "
	      "/sbin/sfdisk -q --no-tell-kernel image >/dev/null",
	      dir, table);
	disk_bytes = realloc(disk_bytes, disk_len);
	f = fopen(image, "r");
	check(f && fread(disk_bytes, 1, disk_len, f) == disk_len, "the image");
	if (f)
		fclose(f);
	memcpy(disk_bytes + (size_t)fs_mib * MIB, fs, FS_BYTES);
	put_image(disk_bytes, disk_len);
}

/* --- running it */

/* Its status, or 1000 and the signal; said: its answer or message. */
static int run(const char *pieces)
{
	char out[80], words[256], *argv[12] = { "diskkernel", "3", "4", "5" };
	int argc = 4, status = 0;
	pid_t pid;
	FILE *f;

	snprintf(out, sizeof(out), "%s/out", dir);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		strcpy(words, pieces);
		for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
			argv[argc++] = w;
		alarm(FUZZ_SECONDS);
		if (!freopen(out, "w", stdout))
			_exit(100);
		dup2(1, 2);
		dup2(open(image, O_RDONLY), 3);
		snprintf(out, sizeof(out), "%s/kernel", dir);
		dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 4);
		snprintf(out, sizeof(out), "%s/ramdisk", dir);
		dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 5);
		_exit(diskkernel_main(argc, argv));
	}
	waitpid(pid, &status, 0);
	memset(said, 0, sizeof(said));
	f = fopen(out, "r");
	if (f) {
		check(fread(said, 1, sizeof(said) - 1, f) < sizeof(said), "said");
		fclose(f);
	}
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect(const char *pieces, int status, const char *wanted)
{
	int got = run(pieces);

	check(got == status && !strcmp(said, wanted), "status %d: %s", got, said);
}

#define WHOLE "0+8192"

static void test_names(void)
{
	static const struct {
		const char *commands, *kernel, *ramdisk;
	} sets[] = {
		{ "touch sbin/init; for v in 6.1.0-9-amd64 6.1.0-10-amd64 5.10.0-30-amd64; do "
		  "echo $v >boot/vmlinuz-$v; echo $v >boot/initrd.img-$v; done; "
		  "echo x >boot/vmlinuz-7.0; ln -s boot/vmlinuz-6.1.0-9-amd64 vmlinuz",
		  "/boot/vmlinuz-6.1.0-10-amd64", "/boot/initrd.img-6.1.0-10-amd64" },
		{ "touch sbin/init; echo x >boot/vmlinuz-linux; echo x >boot/initramfs-linux.img; "
		  "echo x >boot/initramfs-linux-fallback.img",
		  "/boot/vmlinuz-linux", "/boot/initramfs-linux.img" },
		{ "touch sbin/init; echo x >boot/vmlinuz-virt; echo x >boot/initramfs-virt",
		  "/boot/vmlinuz-virt", "/boot/initramfs-virt" },
		{ "touch sbin/init; echo x >boot/vmlinuz-0-rescue-8; echo x >boot/vmlinuz-6.2.old; "
		  "echo x >boot/initramfs-0-rescue-8.img; echo x >boot/vmlinuz-5.3-2.fc38; "
		  "echo x >boot/initramfs-5.3-2.fc38.img",
		  "/boot/vmlinuz-5.3-2.fc38", "/boot/initramfs-5.3-2.fc38.img" },
		{ "touch sbin/init; mkdir real; echo x >real/k; echo x >real/i; "
		  "ln -s /real/k vmlinuz; ln -s real/i initrd.img",
		  "/vmlinuz", "/initrd.img" },
	};
	char wanted[512];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		make_fs(sets[i].commands, "");
		snprintf(wanted, sizeof(wanted), "kernel %s\npartition 0\nramdisk %s\nroot 0\n",
			 sets[i].kernel, sets[i].ramdisk);
		expect(WHOLE, 0, wanted);
	}
	make_fs("touch sbin/init; echo x >boot/vmlinuz-5", "");
	expect(WHOLE, 0, "kernel /boot/vmlinuz-5\npartition 0\nroot 0\n");
	make_fs("touch sbin/init", "");
	expect(WHOLE, STATUS_NO_KERNEL, "root 0\n");
	verdict("guest-disk-names");
}

static void test_contents(void)
{
	make_fs("touch sbin/init; yes kernel | head -c 700000 >boot/vmlinuz-5; "
		"yes ramdisk | head -c 900001 >boot/initrd.img-5",
		"-b 1024");
	/* In three pieces, the last first on the device. */
	shell("cd %s && mv image whole && (tail -c +2097153 whole; head -c 1048576 whole; "
	      "head -c 2097152 whole | tail -c 1048576) >image",
	      dir);
	expect("4096+2048 6144+2048 0+4096", 0,
	       "kernel /boot/vmlinuz-5\npartition 0\nramdisk /boot/initrd.img-5\nroot 0\n");
	shell("cd %s && cmp kernel root/boot/vmlinuz-5 && cmp ramdisk root/boot/initrd.img-5", dir);
	expect("4096+2048 6144+2048 0+4095", 0,
	       "kernel /boot/vmlinuz-5\npartition 0\nramdisk /boot/initrd.img-5\nroot 0\n");
	verdict("guest-disk-contents");
}

static void test_refused(void)
{
	make_fs("echo x >boot/vmlinuz-5; truncate -s 300M boot/initrd.img-5", "");
	expect(WHOLE, 1, "/boot/initrd.img-5: it cannot have 314572800 bytes\n");
	make_fs("mkdir boot/vmlinuz-5", "");
	expect(WHOLE, 1, "/boot/vmlinuz-5: it is not a file\n");
	make_fs("ln -s vmlinuz-5 boot/vmlinuz-5", "");
	expect(WHOLE, 1, "/boot/vmlinuz-5: it is not a file\n");
	make_fs("mknod boot/vmlinuz-5 p", "");
	expect(WHOLE, 1, "/boot/vmlinuz-5: it is not a file\n");
	memset(fs, 0, FS_BYTES);
	put_image(fs, FS_BYTES);
	check(run(WHOLE) == 1 && strstr(said, "neither partitions nor"), "zeros: %s", said);
	check(run("0+8192 x") == 1 && strstr(said, "'x' is no piece"), "piece: %s", said);
	check(run("0+9999999") == 1, "larger than the file: %s", said);
	verdict("guest-disk-refused");
}

static const char kernel_fs[] = "touch sbin/init; echo kernel >boot/vmlinuz-5; "
				"echo ramdisk >boot/initrd.img-5";

/* The file system is in the sixth, at 6 MiB. */
static const char logical_table[] = "label: dos\n"
				    "/dev/x1: start=2048, size=2048, bootable\n"
				    "/dev/x3: start=4096, size=26624, type=5\n"
				    "/dev/x5: start=6144, size=2048\n"
				    "/dev/x6: start=12288, size=10240\n";

static void test_parts(void)
{
	make_fs(kernel_fs, "");
	make_disk("label: gpt\nsize=1MiB\nsize=2MiB\nsize=5MiB\n", 4);
	expect("0+32768", 0,
	       "kernel /boot/vmlinuz-5\npartition 3\nramdisk /boot/initrd.img-5\nroot 3\n");
	disk_bytes[512 + 92]++; /* in the header, beyond what its sum covers */
	put_image(disk_bytes, disk_len);
	check(run("0+32768") == 0, "%s", said);
	disk_bytes[1024 + 128 + 40]++; /* the end of the second partition */
	put_image(disk_bytes, disk_len);
	expect("0+32768", 1, "its GPT is damaged\n");
	make_disk(logical_table, 6);
	expect("0+32768", 0,
	       "kernel /boot/vmlinuz-5\npartition 6\nramdisk /boot/initrd.img-5\nroot 6\n");
	make_disk("label: dos\nsize=1MiB\n", 8);
	expect("0+32768", 1, "none of its 1 partitions has an ext2, ext3 or ext4 file system\n");
	verdict("guest-disk-partitions");
}

/* What the reader may do with damage: answer, or end with a line. */
static void judge(unsigned int round, int status, const char *what)
{
	check(status == 0 || status == 1 || status == STATUS_NO_KERNEL,
	      "round %u of %s: %d: %.300s", round, what, status, said);
	check(status != 1 || strchr(said, '\n') == said + strlen(said) - 1,
	      "round %u of %s: not one line: %.300s", round, what, said);
}

/* Bytes changed near its structures: the start, and wherever chance wants. */
static void fuzz(const char *what, const uint8_t *good, size_t len, size_t from, const char *pieces)
{
	uint8_t *bad = malloc(len);

	for (unsigned int round = 0; round < ROUNDS && !check_failed_in_test; round++) {
		unsigned int changes = 1 + (unsigned int)(rnd() % 24);

		memcpy(bad, good, len);
		for (unsigned int i = 0; i < changes; i++) {
			size_t span = i % 4 ? 64 << 10 : len - from;
			size_t at = from + rnd() % span;

			bad[at] = i % 3 ? (uint8_t)rnd() : (uint8_t)(bad[at] ^ 1 << rnd() % 8);
		}
		put_image(bad, len);
		judge(round, run(pieces), what);
	}
	free(bad);
}

static void test_fuzz(void)
{
	make_fs(kernel_fs, "-b 1024 -O ^metadata_csum");
	fuzz("ext4", fs, FS_BYTES, 1024, WHOLE);
	make_fs(kernel_fs, "-b 1024 -O ^extents,^metadata_csum,^64bit,^has_journal");
	fuzz("ext2", fs, FS_BYTES, 1024, WHOLE);
	make_disk(logical_table, 6);
	for (unsigned int round = 0; round < 200; round++) {
		uint8_t kept = disk_bytes[446 + round % 66];

		disk_bytes[446 + round % 66] = (uint8_t)rnd();
		put_image(disk_bytes, disk_len);
		judge(round, run("0+32768"), "the table");
		disk_bytes[446 + round % 66] = kept;
	}
	verdict("guest-disk-fuzz");
}

int main(void)
{
	check(mkdtemp(dir) != NULL, "%s", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	test_names();
	test_contents();
	test_refused();
	test_parts();
	test_fuzz();
	shell("rm -rf %s", dir);
	free(fs);
	free(disk_bytes);
	return check_failed;
}

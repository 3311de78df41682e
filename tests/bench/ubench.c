/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Micro-operations of a Linux system, as seen by a program. Each row does the same number
 * of operations on every system; it is done once to warm up and then `-r` times, and the
 * median is printed: `row NAME NS`, nanoseconds per operation.
 * usage: ubench [-r REPETITIONS] [-s SCALE] [ROW...]
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MIB (1 << 20)
#define REGION (4 * MIB)
#define MAX_REPETITIONS 32

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(int ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static char *memory(size_t size, int prot)
{
	char *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED, "mmap");
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static void touch(volatile char *p, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE)
		p[i] = 1;
}

static void child_ends(pid_t pid)
{
	must(pid > 0, "fork");
	waitpid(pid, NULL, 0);
}

/* Nanoseconds that n rounds of body take; it may use the counter i. */
#define TIMED(n, body)                                                                             \
	({                                                                                         \
		uint64_t start = now();                                                            \
		for (long i = 0; i < (n); i++) {                                                   \
			body;                                                                      \
		}                                                                                  \
		now() - start;                                                                     \
	})

/* --- system calls and signals */

static uint64_t null_call(long n)
{
	return TIMED(n, syscall(SYS_getppid));
}

static uint64_t write_null(long n)
{
	int fd = open("/dev/null", O_WRONLY);
	uint64_t t = TIMED(n, must(write(fd, "", 1) == 1, "write"));

	close(fd);
	return t;
}

static uint64_t stat_file(long n)
{
	struct stat s;

	return TIMED(n, must(!stat("/proc/self", &s), "stat"));
}

static uint64_t open_close(long n)
{
	return TIMED(n, close(open("/proc/self/exe", O_RDONLY)));
}

static void on_signal(int sig)
{
}

static uint64_t sig_install(long n)
{
	struct sigaction s = { .sa_handler = on_signal };

	return TIMED(n, sigaction(SIGUSR1, &s, NULL));
}

static uint64_t sig_handle(long n)
{
	pid_t self = getpid();

	signal(SIGUSR1, on_signal);
	return TIMED(n, kill(self, SIGUSR1));
}

static char *guarded;

static void open_page(int sig)
{
	mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
}

static uint64_t prot_fault_sig(long n)
{
	uint64_t t;

	guarded = memory(PAGE, PROT_READ);
	signal(SIGSEGV, open_page);
	t = TIMED(n, *(volatile char *)guarded = 1; mprotect(guarded, PAGE, PROT_READ));
	signal(SIGSEGV, SIG_DFL);
	munmap(guarded, PAGE);
	return t;
}

static uint64_t yield(long n)
{
	return TIMED(n, syscall(SYS_sched_yield));
}

/* --- processes */

static pid_t fork_or_exit(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid;
}

static uint64_t fork_exit(long n)
{
	return TIMED(n, child_ends(fork_or_exit()));
}

static uint64_t fork_exit_8m(long n)
{
	char *p = memory(8 * MIB, PROT_READ | PROT_WRITE);
	uint64_t t;

	touch(p, 8 * MIB);
	t = fork_exit(n);
	munmap(p, 8 * MIB);
	return t;
}

static pid_t fork_self(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "ubench", "-x", (char *)NULL);
		_exit(1);
	}
	return pid;
}

static uint64_t fork_exec(long n)
{
	return TIMED(n, child_ends(fork_self()));
}

/* --- memory */

static uint64_t page_fault(long n)
{
	uint64_t t = 0;
	long done;

	for (done = 0; done < n; done += REGION / PAGE) {
		char *p = memory(REGION, PROT_READ | PROT_WRITE);

		t += TIMED(1, touch(p, REGION));
		munmap(p, REGION);
	}
	return t * (uint64_t)n / (uint64_t)done;
}

static uint64_t unmap_page(long n)
{
	uint64_t t = 0;
	long done;

	for (done = 0; done < n; done += REGION / PAGE) {
		char *p = memory(REGION, PROT_READ | PROT_WRITE);

		touch(p, REGION);
		t += TIMED(1, munmap(p, REGION));
	}
	return t * (uint64_t)n / (uint64_t)done;
}

static int mib_file(void)
{
	static char zeros[MIB];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("bench", 0);
		must(fd >= 0 && write(fd, zeros, MIB) == MIB, "file");
	}
	return fd;
}

static void map_file(int pages)
{
	volatile char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, mib_file(), 0);

	for (int i = 0; i < pages; i++)
		(void)p[i * 4 * PAGE];
	munmap((void *)p, MIB);
}

static uint64_t mmap_1m(long n)
{
	mib_file();
	return TIMED(n, map_file(0));
}

static uint64_t mmap_1m_touch(long n)
{
	mib_file();
	return TIMED(n, map_file(64));
}

static uint64_t mprotect_64(long n)
{
	char *p = memory(64 * PAGE, PROT_READ | PROT_WRITE);
	uint64_t t;

	touch(p, 64 * PAGE);
	t = TIMED(n, mprotect(p, 64 * PAGE, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ));
	munmap(p, 64 * PAGE);
	return t;
}

/* --- communication */

static void pass(int to, int from)
{
	char c = 0;

	must(write(to, &c, 1) == 1 && read(from, &c, 1) == 1, "token");
}

static uint64_t pipe_self(long n)
{
	int fd[2];
	uint64_t t;

	must(!pipe(fd), "pipe");
	t = TIMED(n, pass(fd[1], fd[0]));
	close(fd[0]);
	close(fd[1]);
	return t;
}

static long sum(const long *p, size_t bytes)
{
	long s = 0;

	for (size_t i = 0; i < bytes / sizeof(*p); i++)
		s += p[i];
	return s;
}

/* A token goes round; each process adds up its own memory when it comes by. */
static void ring_member(int in, int out, size_t bytes)
{
	long *p = calloc(1, bytes + PAGE);
	char c;

	while (read(in, &c, 1) == 1) {
		*(volatile long *)p = sum(p, bytes);
		must(write(out, &c, 1) == 1, "ring");
	}
	_exit(0);
}

static uint64_t ring(long n, int members, size_t bytes)
{
	int fd[16][2];
	long *p = calloc(1, bytes + PAGE);
	uint64_t t;

	for (int i = 0; i < members; i++)
		must(!pipe(fd[i]), "pipe");
	for (int i = 1; i < members; i++) {
		if (fork())
			continue;
		for (int k = 0; k < members; k++) {
			if (k != i)
				close(fd[k][1]);
			if (k != i - 1)
				close(fd[k][0]);
		}
		ring_member(fd[i - 1][0], fd[i][1], bytes);
	}
	pass(fd[0][1], fd[members - 1][0]);
	t = TIMED(n / members, *(volatile long *)p = sum(p, bytes);
		  pass(fd[0][1], fd[members - 1][0]));
	for (int i = 0; i < members; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
	while (wait(NULL) > 0)
		;
	free(p);
	return t;
}

static uint64_t ctx_2(long n)
{
	return ring(n, 2, 0);
}

static uint64_t ctx_16(long n)
{
	return ring(n, 16, 16384);
}

static uint64_t unix_rr(long n)
{
	int fd[2];
	uint64_t t;
	pid_t pid;
	char c;

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd), "socketpair");
	pid = fork();
	if (!pid) {
		close(fd[0]);
		while (read(fd[1], &c, 1) == 1)
			must(write(fd[1], &c, 1) == 1, "echo");
		_exit(0);
	}
	close(fd[1]);
	t = TIMED(n, pass(fd[0], fd[0]));
	close(fd[0]);
	child_ends(pid);
	return t;
}

static uint64_t creat_unlink(long n)
{
	return TIMED(n, close(open("/tmp/bench", O_CREAT | O_RDWR, 0600)); unlink("/tmp/bench"));
}

/* --- what should cost the same everywhere */

static uint64_t int_loop(long n)
{
	uint64_t x = 1, t = TIMED(n, x ^= x << 13; x ^= x >> 7; x ^= x << 17);

	__asm__ volatile("" ::"r"(x));
	return t;
}

static uint64_t fpu_loop(long n)
{
	double x = 1;
	uint64_t t = TIMED(n, x = x * 1.0000001 + 0.5 / x);

	__asm__ volatile("" ::"x"(x));
	return t;
}

static uint64_t time_of_day(long n)
{
	struct timeval t;

	return TIMED(n, gettimeofday(&t, NULL));
}

static uint64_t clock_call(long n)
{
	struct timespec t;

	return TIMED(n, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t));
}

static const struct {
	const char *name;
	uint64_t (*fn)(long n);
	long n;
} rows[] = {
	{ "null", null_call, 100000 },
	{ "write1_devnull", write_null, 50000 },
	{ "stat", stat_file, 10000 },
	{ "open_close", open_close, 10000 },
	{ "sig_install", sig_install, 50000 },
	{ "sig_handle", sig_handle, 10000 },
	{ "prot_fault_sig", prot_fault_sig, 3000 },
	{ "fork_exit", fork_exit, 150 },
	{ "fork_exit_8M", fork_exit_8m, 40 },
	{ "fork_exec", fork_exec, 80 },
	{ "page_fault_anon", page_fault, 8192 },
	{ "unmap_per_page", unmap_page, 8192 },
	{ "mmap_1M", mmap_1m, 3000 },
	{ "mmap_1M_touch64", mmap_1m_touch, 300 },
	{ "mprotect_64pg", mprotect_64, 1000 },
	{ "pipe_self", pipe_self, 20000 },
	{ "ctx_2p_0K_hop", ctx_2, 10000 },
	{ "ctx_16p_16K_hop", ctx_16, 6400 },
	{ "unix_rr", unix_rr, 4000 },
	{ "yield", yield, 30000 },
	{ "creat_unlink", creat_unlink, 2000 },
	{ "int_loop", int_loop, 5000000 },
	{ "fpu_loop", fpu_loop, 300000 },
	{ "gettimeofday", time_of_day, 100000 },
	{ "clock_gettime_sys", clock_call, 50000 },
};

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void run(size_t row, long n, int repetitions)
{
	uint64_t t[MAX_REPETITIONS];

	rows[row].fn(n / 4 + 1);
	for (int i = 0; i < repetitions; i++)
		t[i] = rows[row].fn(n);
	qsort(t, (size_t)repetitions, sizeof(*t), by_size);
	printf("row %s %.2f\n", rows[row].name, (double)t[repetitions / 2] / (double)n);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int repetitions = 3, c;
	double scale = 1;

	while ((c = getopt(argc, argv, "r:s:x")) != -1) {
		if (c == 'x')
			return 0; /* the program that fork_exec starts */
		if (c == 'r')
			repetitions = atoi(optarg);
		else if (c == 's')
			scale = atof(optarg);
		else
			return 2;
	}
	if (repetitions < 1 || repetitions > MAX_REPETITIONS || scale <= 0)
		errx(2, "usage: ubench [-r 1..%d] [-s SCALE] [ROW...]", MAX_REPETITIONS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int wanted = optind == argc;

		for (int a = optind; a < argc; a++)
			wanted |= !strcmp(argv[a], rows[i].name);
		if (wanted)
			run(i, (long)((double)rows[i].n * scale) ?: 1, repetitions);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Steps in processes of their own (guest_job.h). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest_job.h"
#include "hyp.h"
#include "xenctl.h"

#define POLL_US 20000
#define NOBODY 65534
#define MEMORY_BYTES (512ul << 20) /* what unpacking needs at most */

static volatile sig_atomic_t interrupted;
static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define NR_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static void note(int sig)
{
	(void)sig;
	interrupted = 1;
}

void job_hold(bool hold)
{
	struct sigaction sa = { .sa_handler = hold ? note : SIG_DFL };

	for (size_t i = 0; i < NR_SIGNALS; i++)
		sigaction(signals[i], &sa, NULL);
}

bool job_interrupted(void)
{
	return interrupted;
}

void *job_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("out of memory");
	return p;
}

static void __attribute__((noreturn)) be_step(const char *what, job_fn *fn, void *data, bool whole)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		signal(signals[i], whole ? SIG_IGN : SIG_DFL);
	if (what) {
		report_prefix(what);
	} else {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	/* The hypervisor's device belongs to one process. */
	_exit(hyp_open() || fn(data) || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Waits; a step that may be interrupted is killed when we are. */
static int wait_step(pid_t pid, bool whole)
{
	int status = 0;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (interrupted && !whole)
			kill(pid, SIGKILL);
		usleep(POLL_US);
	}
	return status;
}

int job_run(const char *what, job_fn *fn, void *data, bool whole)
{
	int status;
	pid_t pid;

	if (interrupted && !whole) {
		report("%s: interrupted", what + strlen("xenctl: "));
		return -1;
	}
	fflush(NULL);
	pid = fork();
	if (!pid)
		be_step(what, fn, data, whole);
	if (pid < 0) {
		report("no process: %s", strerror(errno));
		return -1;
	}
	status = wait_step(pid, whole);
	if (WIFEXITED(status) && (!interrupted || whole))
		return WEXITSTATUS(status) ? -1 : 0;
	if (what && interrupted)
		report("%s: interrupted", what + strlen("xenctl: "));
	else if (what)
		report("%s: ended by signal %d", what + strlen("xenctl: "), WTERMSIG(status));
	return -1;
}

int job_quietly(job_fn *fn, void *data)
{
	return job_run(NULL, fn, data, true);
}

int job_within(job_fn *fn, void *data)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(data) || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status))
		return WEXITSTATUS(status);
	report(pid < 0 ? "no process" : "the process that does it has crashed");
	return EXIT_FAILURE;
}

/* The last line of what a program complained about. */
static void report_last(const char *program, int fd)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *line;

	text[n > 0 ? n : 0] = 0;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = 0;
	line = strrchr(text, '\n');
	if (n > 0)
		report("%s", line ? line + 1 : text);
	else
		report("%s: %s", program, strcmp(program, "timeout") ? "it failed" : "no answer");
}

int job_program(const char *const argv[])
{
	int said = memfd_create("said", MFD_CLOEXEC), status = -1;
	pid_t pid = said < 0 ? -1 : fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO);
		dup2(STDIN_FILENO, STDOUT_FILENO);
		dup2(said, STDERR_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		dprintf(STDERR_FILENO, "%s\n", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		report_last(argv[0], said);
	if (said >= 0)
		close(said);
	return status ? -1 : 0;
}

void job_keep_only(int *fd)
{
	if (*fd >= 0)
		*fd = dup2(*fd, 3);
	close_range(*fd < 0 ? 3 : 4, ~0u, 0);
}

void job_limit_files(void)
{
	struct sysinfo i;
	struct rlimit r;

	if (sysinfo(&i))
		_exit(EXIT_FAILURE);
	r.rlim_cur = r.rlim_max = (uint64_t)(i.freeram + i.bufferram) * i.mem_unit / 2;
	setrlimit(RLIMIT_FSIZE, &r);
	signal(SIGXFSZ, SIG_IGN);
}

int job_limit(void)
{
	struct rlimit memory = { MEMORY_BYTES, MEMORY_BYTES };

	return setrlimit(RLIMIT_AS, &memory) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int job_become_nobody(void)
{
	if (!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY) && !job_limit())
		return 0;
	report("it cannot be confined: %s", strerror(errno));
	return -1;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Confinement of diskkernel (confine.h). */
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"

#define NOBODY 65534
#define MEMORY_BYTES (256ull << 20)
#define SECONDS 60

/* What the caller has set stays when it is less. */
static void limit(int what, uint64_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r))
		die("no limits for the reader of the disk: %s", strerror(errno));
	if (r.rlim_max > most)
		r.rlim_max = most;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(what, &r))
		die("no limits for the reader of the disk: %s", strerror(errno));
}

#define ALLOW(call)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1),                                    \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Memory, transfers through descriptors that are open, the end. */
static void confine_calls(void)
{
	static struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(pread64),
		ALLOW(write),
		ALLOW(writev),
		ALLOW(mmap),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(brk),
		ALLOW(newfstatat),
		ALLOW(fstat),
		ALLOW(getrandom),
		ALLOW(gettimeofday),
		ALLOW(time),
		ALLOW(clock_gettime),
		ALLOW(exit),
		ALLOW(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog all = { sizeof(rules) / sizeof(rules[0]), rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &all))
		die("the reader of the disk cannot be confined: %s", strerror(errno));
}

void confine(void)
{
	limit(RLIMIT_AS, MEMORY_BYTES);
	limit(RLIMIT_CPU, SECONDS);
	limit(RLIMIT_FSIZE, FILE_BYTES);
	limit(RLIMIT_CORE, 0);
	if (!geteuid() && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
		die("the reader of the disk cannot become nobody: %s", strerror(errno));
	confine_calls();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watcher of a domain: a process that looks twice a second whether the domain has
 * stopped, and then does what its configuration says. It keeps nothing that matters: when
 * it is killed, the domain runs on and a stopped one waits for xenctl destroy. It ends when
 * the domain is gone. Its messages go to /var/log/xenctl.log, and what the domain prints to
 * /var/log/guests/NAME.log.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <public/sched.h>

#include "builder.h"
#include "hyp.h"
#include "logfile.h"
#include "nets.h"
#include "xenctl.h"

#define LOG_FILE "/var/log/xenctl.log"
#define CONSOLE_DIR "/var/log/guests"
/* While it is there the machine stops: nothing starts again. */
#define STOPPING "/run/xeno/stopping"
#define POLL_US 500000
#define RESTART_SECONDS 5 /* at least between two starts */

struct console_log {
	struct logfile file;
	uint64_t pos;
};

static uint64_t configured_action(const struct guest_cfg *g, const struct xeno_ctl_info *info)
{
	if (info->flags & XENO_DOMF_CRASHED)
		return g->on_crash;
	switch (info->shutdown_code) {
	case SHUTDOWN_poweroff:
		return g->on_poweroff;
	case SHUTDOWN_reboot:
		return g->on_reboot;
	case SHUTDOWN_crash:
	case SHUTDOWN_watchdog:
		return g->on_crash;
	}
	return ACTION_PRESERVE;
}

static uint64_t chosen_action(const struct guest_cfg *g, const struct xeno_ctl_info *info)
{
	uint64_t action = configured_action(g, info);

	return action == ACTION_RESTART && !access(STOPPING, F_OK) ? ACTION_DESTROY : action;
}

/* Waits for the domain to stop. False: it is gone, or another has its number. */
static bool wait_for_stop(uint16_t domid, const struct guest_cfg *g, struct xeno_ctl_info *info,
			  struct console_log *log)
{
	for (;; usleep(POLL_US)) {
		int err = hyp_info(domid, info);

		if (err == -ESRCH)
			return false;
		if (err) {
			report("cannot watch domain %u: %s", domid, strerror(-err));
			return false;
		}
		if (memcmp(info->uuid, g->uuid, sizeof(g->uuid)) || info->flags & XENO_DOMF_DYING)
			return false;
		logfile_follow(&log->file, XENO_CTL_CONSOLE_READ, domid, &log->pos);
		if (info->flags & XENO_DOMF_SHUTDOWN)
			return true;
	}
}

static int start_again(struct guest_cfg *g, uint16_t *domid)
{
	struct xeno_control c = { 0 };
	struct guest_files f;
	int err;

	if (guest_load(&f, g))
		return -1;
	err = guest_build(&f, g, domid);
	guest_unload(&f);
	if (err)
		return -1;
	err = hyp_control(&c, XENO_CTL_DOMAIN_UNPAUSE, *domid);
	if (!err)
		return 0;
	report_error("start", g->name, err);
	hyp_destroy(*domid);
	return -1;
}

static void open_console_log(struct console_log *log, const char *name)
{
	char path[sizeof(CONSOLE_DIR "/.log") + GUEST_NAME_MAX];

	mkdir(CONSOLE_DIR, 0750);
	snprintf(path, sizeof(path), CONSOLE_DIR "/%s.log", name);
	logfile_init(&log->file, path, LOGFILE_LIMIT);
}

static void watch(uint16_t domid, struct guest_cfg *g)
{
	struct xeno_ctl_info info;
	struct console_log log;

	open_console_log(&log, g->name);
	for (;;) {
		time_t started = time(NULL);
		uint64_t action;
		bool vifs;
		int err;

		log.pos = 0;
		if (!wait_for_stop(domid, g, &info, &log))
			return;
		action = chosen_action(g, &info);
		report("domain %u stopped: %s%s%s; %s", domid, state_name(&info),
		       info.death[0] ? ": " : "", info.death, guest_action_name(action));
		if (action == ACTION_PRESERVE)
			return;
		vifs = net_has_vifs(domid);
		err = hyp_destroy(domid);
		if (vifs && (!err || err == -ESRCH))
			nets_gone();
		if (err && err != -ESRCH)
			report_error("destroy", g->name, err);
		if (err || action == ACTION_DESTROY)
			return;
		while (time(NULL) < started + RESTART_SECONDS)
			sleep(1);
		if (start_again(g, &domid))
			return;
	}
}

/* The process of its own: no terminal, no descriptors of the caller. */
static void become_daemon(void)
{
	int log = open(LOG_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	setsid();
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || chdir("/"))
		_exit(EXIT_FAILURE);
	dup2(null, 0);
	dup2(null, 1);
	dup2(log >= 0 ? log : null, 2);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
}

int monitor_start(uint16_t domid, struct guest_cfg *g)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		report("%s: cannot start its watcher: %s", g->name, strerror(errno));
		return -1;
	}
	if (pid)
		return 0;
	become_daemon();
	report_prefix(g->name);
	if (hyp_open())
		_exit(EXIT_FAILURE);
	watch(domid, g);
	_exit(EXIT_SUCCESS);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl console: everything the domain has printed and prints, and what is typed here. The
 * hypervisor keeps the output, so nothing is lost before this starts or after the domain
 * has stopped. Works on pipes as well: at the end of the input it shows what still comes
 * until the domain has been quiet for a second.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "builder.h"
#include "hyp.h"
#include "xenctl.h"

#define ESCAPE 0x1d /* Ctrl-] */
#define BUSY_MS 5
#define IDLE_MS 60
#define QUIET_MS 1000 /* after the end of piped input */
#define CHECK_MS 300  /* between looks at the domain's state */

struct console {
	uint16_t domid;
	const char *name;
	uint64_t pos;  /* of the output shown so far */
	char in[1024]; /* typed, not yet accepted by the domain */
	size_t in_len;
	bool in_end; /* no more input will come */
	bool leave;  /* Ctrl-] was typed */
	bool tty;
	struct termios saved;
};

static struct console *restore_on_exit;

static void tty_restore(void)
{
	if (restore_on_exit && restore_on_exit->tty)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &restore_on_exit->saved);
	restore_on_exit = NULL;
}

static void tty_signal(int sig)
{
	tty_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void tty_raw(struct console *con)
{
	struct termios t;

	con->tty = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &con->saved);
	if (!con->tty)
		return;
	restore_on_exit = con;
	atexit(tty_restore);
	signal(SIGTERM, tty_signal);
	signal(SIGHUP, tty_signal);
	t = con->saved;
	cfmakeraw(&t);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

static void say(const struct console *con, const char *what)
{
	fprintf(stderr, "%sxenctl: %s %s\n", con->tty ? "\r\n" : "", con->name, what);
}

static int write_all(const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n < 0)
			poll(&(struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT }, 1, -1);
		else
			len -= (size_t)n, p += n;
	}
	return 0;
}

/* Shows what is new. Bytes shown, or -Exxx (-ESRCH: the domain is gone). */
static long show_output(struct console *con)
{
	char out[XENO_BUF_SLICE];
	long total = 0;

	for (;;) {
		long n = hyp_stream(XENO_CTL_CONSOLE_READ, con->domid, &con->pos, out, sizeof(out));
		int err;

		if (n <= 0)
			return n < 0 ? n : total;
		err = write_all(out, (size_t)n);
		if (err)
			return err;
		total += n;
	}
}

/* Takes what was typed. */
static void read_input(struct console *con)
{
	char *to = con->in + con->in_len;
	ssize_t n = read(STDIN_FILENO, to, sizeof(con->in) - con->in_len);
	char *escape;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		con->in_end = true;
		return;
	}
	escape = memchr(to, ESCAPE, (size_t)n);
	if (escape) {
		con->leave = true;
		n = escape - to;
	}
	con->in_len += (size_t)n;
}

/* Hands input to the domain as far as its ring has room. */
static long pass_input(struct console *con)
{
	uint64_t pos = 0;
	long n;

	if (!con->in_len)
		return 0;
	n = hyp_stream(XENO_CTL_CONSOLE_WRITE, con->domid, &pos, con->in, con->in_len);
	if (n <= 0)
		return n;
	con->in_len -= (size_t)n;
	memmove(con->in, con->in + n, con->in_len);
	return n;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for typing, at most ms. A full buffer or the end of input leaves only the wait. */
static void wait_input(struct console *con, int ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	if (con->in_end || con->in_len == sizeof(con->in))
		p.fd = -1;
	if (poll(&p, 1, ms) > 0)
		read_input(con);
}

/* False when the domain has stopped or is gone; says so. */
static bool still_runs(struct console *con)
{
	struct xeno_ctl_info info;
	char what[XENO_DEATH_MAX + 64];
	int err = hyp_info(con->domid, &info);

	if (!err && !(info.flags & (XENO_DOMF_SHUTDOWN | XENO_DOMF_DYING)))
		return true;
	show_output(con);
	if (err)
		snprintf(what, sizeof(what), "is gone");
	else
		snprintf(what, sizeof(what), "has stopped (%s)%s%s", state_name(&info),
			 info.death[0] ? ": " : "", info.death);
	say(con, what);
	return false;
}

static int console_loop(struct console *con)
{
	long active = now_ms(), checked = 0;

	while (!con->leave || con->in_len) {
		long now, moved = pass_input(con);
		long shown = show_output(con);

		if (shown == -ESRCH || moved == -ESRCH) {
			say(con, "is gone");
			return EXIT_SUCCESS;
		}
		if (shown < 0)
			return shown == -EPIPE ?
				       EXIT_SUCCESS :
				       report_error("read the console of", con->name, (int)shown);
		now = now_ms();
		if (shown > 0 || moved > 0)
			active = now;
		if (con->in_end && !con->in_len && now - active > QUIET_MS)
			return EXIT_SUCCESS;
		if (now - checked > CHECK_MS) {
			checked = now;
			if (!still_runs(con))
				return EXIT_SUCCESS;
		}
		if (con->leave && moved <= 0)
			break;
		wait_input(con, now - active < 200 ? BUSY_MS : IDLE_MS);
	}
	return EXIT_SUCCESS;
}

int console_run(uint16_t domid, const char *name)
{
	struct console con = { .domid = domid, .name = name };
	int ret;

	tty_raw(&con);
	ret = console_loop(&con);
	tty_restore();
	if (con.leave)
		fprintf(stderr, "\n");
	return ret;
}

int cmd_console(int argc, char **argv)
{
	struct xeno_ctl_info info;
	struct console con = { 0 };
	unsigned int opts;
	long n;

	argc = take_options(argc, argv, "l", &opts);
	if (argc != 2)
		return EXIT_USAGE;
	con.domid = find_domain(argv[1], &info);
	if (info.flags & XENO_DOMF_DOM0)
		die("%s is domain 0; its console is the machine's", info.name);
	if (!opts)
		return console_run(con.domid, info.name);
	n = show_output(&con);
	return n < 0 ? report_error("read the console of", info.name, (int)n) : EXIT_SUCCESS;
}

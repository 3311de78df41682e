// SPDX-License-Identifier: GPL-2.0-only
/* Helpers of the subcommands (xenctl.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <public/sched.h>

#include "hyp.h"
#include "xenctl.h"

static const char *prefix = "xenctl";

void report_prefix(const char *p)
{
	prefix = p;
}

static void vreport(const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", prefix, line);
}

void report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(fmt, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}

void each_domain(void (*fn)(uint16_t, const struct xeno_ctl_info *, void *), void *data)
{
	uint16_t next = 0;

	for (;;) {
		struct xeno_control c = { 0 };
		int ret = hyp_control(&c, XENO_CTL_DOMAIN_INFO, next);

		if (ret == -ESRCH)
			return;
		if (ret)
			die("cannot list the domains: %s", strerror(-ret));
		fn(c.domid, &c.u.info, data);
		if (c.domid < next || c.domid >= DOMID_FIRST_RESERVED - 1)
			return;
		next = (uint16_t)(c.domid + 1);
	}
}

struct search {
	const char *name;
	long id; /* -1: by name */
	bool found;
	uint16_t domid;
	struct xeno_ctl_info *info;
};

static void search_one(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	struct search *s = data;

	if (s->found || (s->id >= 0 ? s->id != domid : strcmp(s->name, info->name)))
		return;
	s->found = true;
	s->domid = domid;
	*s->info = *info;
}

uint16_t find_domain(const char *arg, struct xeno_ctl_info *info)
{
	struct search s = { .name = arg, .id = -1, .info = info };
	char *end;
	long id = strtol(arg, &end, 10);

	if (*arg && !*end && id >= 0)
		s.id = id;
	each_domain(search_one, &s);
	if (!s.found)
		die("no domain is called '%s'; see xenctl list", arg);
	return s.domid;
}

const char *state_name(const struct xeno_ctl_info *info)
{
	static const char *const codes[SHUTDOWN_MAX + 1] = {
		"poweroff", "reboot", "suspend", "crashed", "watchdog", "reset",
	};

	if (info->flags & XENO_DOMF_DYING)
		return "dying";
	if (info->flags & XENO_DOMF_CRASHED)
		return "crashed";
	if (info->flags & XENO_DOMF_SHUTDOWN)
		return info->shutdown_code <= SHUTDOWN_MAX ? codes[info->shutdown_code] :
							     "shutdown";
	if (info->flags & XENO_DOMF_BUILDING)
		return "building";
	if (info->flags & XENO_DOMF_PAUSED)
		return "paused";
	if (info->flags & XENO_DOMF_BLOCKED)
		return "blocked";
	return info->flags & XENO_DOMF_RUNNING ? "running" : "ready";
}

int report_error(const char *what, const char *domain, int err)
{
	if (err == -ESRCH)
		report("cannot %s %s: it is gone", what, domain);
	else
		report("cannot %s %s: %s", what, domain, strerror(-err));
	return EXIT_FAILURE;
}

static uint8_t *read_all(int fd, size_t size, size_t *len, int *err)
{
	uint8_t *data = malloc(size + 1);
	ssize_t n = 1;

	if (!data) {
		*err = -ENOMEM;
		return NULL;
	}
	for (*len = 0; *len < size && n > 0; *len += n > 0 ? (size_t)n : 0)
		n = read(fd, data + *len, size - *len);
	if (n < 0) {
		*err = -errno;
		free(data);
		return NULL;
	}
	data[*len] = 0;
	return data;
}

uint8_t *read_file(const char *path, size_t max, size_t *len, int *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *data = NULL;
	struct stat st;

	*err = -errno;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st))
		*err = -errno;
	else if (S_ISDIR(st.st_mode))
		*err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		*err = -EINVAL;
	else if ((uint64_t)st.st_size > max)
		*err = -EFBIG;
	else
		data = read_all(fd, (size_t)st.st_size, len, err);
	close(fd);
	return data;
}

void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

int take_options(int argc, char **argv, const char *flags, unsigned int *set)
{
	int left = 1;

	*set = 0;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		const char *at;

		if (a[0] != '-' || !a[1]) {
			argv[left++] = argv[i];
		} else if (!strcmp(a, "--json") && strchr(flags, 'j')) {
			*set |= OPT_JSON;
		} else if (!strcmp(a, "--force") && strchr(flags, 'f')) {
			*set |= 1u << (strchr(flags, 'f') - flags);
		} else {
			while (*++a) {
				at = *a == 'j' || *a == '-' ? NULL : strchr(flags, *a);
				if (!at)
					return -1;
				*set |= 1u << (at - flags);
			}
		}
	}
	argv[left] = NULL;
	return left;
}

// SPDX-License-Identifier: GPL-2.0-only
/* xenctl create: configuration file or name, overrides, then the builder. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder.h"
#include "disks.h"
#include "hyp.h"
#include "nets.h"
#include "xenctl.h"

#define CONFIG_BYTES (1 << 20)

enum { OPT_CONSOLE = 1, OPT_CHECK = 2, OPT_PAUSED = 4 };

/* A path as it is, or CONFIG_DIR/NAME.cfg. */
static void find_file(const char *arg, char *path, size_t size)
{
	struct stat st;

	snprintf(path, size, "%s", arg);
	if (!strchr(arg, '/') && stat(arg, &st))
		snprintf(path, size, CONFIG_DIR "/%s%s", arg,
			 strlen(arg) > 4 && !strcmp(arg + strlen(arg) - 4, ".cfg") ? "" : ".cfg");
}

/* "/etc/xeno/web.cfg" makes "web". */
static void name_from_path(const char *path, char name[GUEST_NAME_MAX])
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base ? base + 1 : path;
	len = strlen(base);
	if (len > 4 && !strcmp(base + len - 4, ".cfg"))
		len -= 4;
	snprintf(name, GUEST_NAME_MAX, "%.*s", (int)len, base);
}

int config_read(const char *arg, char **overrides, struct guest_cfg *g)
{
	char why[XLCFG_ERR], name[GUEST_NAME_MAX], path[GUEST_PATH_MAX];
	struct xlcfg c = { 0 };
	char *text;
	size_t len;
	int err;

	find_file(arg, path, sizeof(path));
	text = (char *)read_file(path, CONFIG_BYTES, &len, &err);
	if (!text) {
		report("%s: %s", path, strerror(-err));
		return -1;
	}
	name_from_path(path, name);
	err = xlcfg_parse(&c, text, len, why);
	for (; !err && *overrides; overrides++)
		err = xlcfg_override(&c, *overrides, why);
	if (!err)
		err = guestcfg_from(g, &c, name, why);
	if (err)
		report("%s: %s", path, why);
	free(text);
	xlcfg_free(&c);
	return err;
}

/* The watcher runs elsewhere and loads the files again. */
static void make_absolute(char path[GUEST_PATH_MAX])
{
	char *full = path[0] ? realpath(path, NULL) : NULL;

	if (full && strlen(full) < GUEST_PATH_MAX)
		strcpy(path, full);
	free(full);
}

/* Signals that would end us half-way wait; true when one has come. */
static bool hold_signals(bool hold)
{
	sigset_t ours, pending;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigpending(&pending);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &ours, NULL);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP);
}

static int drop_domain(uint16_t domid)
{
	bool vifs = net_has_vifs(domid);
	int err = hyp_destroy(domid);

	if (vifs && !err)
		nets_gone();
	return err;
}

/* Builds the domain and lets it run; all of it or nothing. */
static int build_and_run(struct guest_files *f, struct guest_cfg *g, bool paused, uint16_t *domid)
{
	struct xeno_control c = { 0 };
	int err;

	if (guest_build(f, g, domid))
		return -1;
	guest_unload(f); /* the watcher is a fork and lives long */
	err = monitor_start(*domid, g);
	if (!err && !paused) {
		err = hyp_control(&c, XENO_CTL_DOMAIN_UNPAUSE, *domid);
		if (err)
			report_error("start", g->name, err);
	}
	if (err && drop_domain(*domid))
		report("%s: domain %u is left behind; try xenctl destroy %u", g->name, *domid,
		       *domid);
	return err;
}

static int start(struct guest_files *f, struct guest_cfg *g, unsigned int opts)
{
	uint16_t domid;
	int err;

	make_absolute(g->kernel);
	make_absolute(g->ramdisk);
	hold_signals(true);
	err = build_and_run(f, g, opts & OPT_PAUSED, &domid);
	if (!err && hold_signals(true)) {
		report("%s: interrupted", g->name);
		err = drop_domain(domid) ? -1 : 1;
	}
	hold_signals(false);
	if (err)
		return EXIT_FAILURE;
	printf("%s: domain %u, %llu MiB, %llu VCPU%s%s\n", g->name, domid,
	       (unsigned long long)g->memory, (unsigned long long)g->vcpus,
	       g->vcpus == 1 ? "" : "s", opts & OPT_PAUSED ? ", paused" : "");
	fflush(stdout);
	return opts & OPT_CONSOLE ? console_run(domid, g->name) : EXIT_SUCCESS;
}

int cmd_create(int argc, char **argv)
{
	unsigned int opts;
	struct guest_files f;
	struct guest_cfg g;
	int ret = EXIT_SUCCESS;

	argc = take_options(argc, argv, "cnp", &opts);
	if (argc < 2)
		return EXIT_USAGE;
	if (config_read(argv[1], argv + 2, &g) || guest_load(&f, &g))
		return EXIT_FAILURE;
	if (disks_check(&g) || nets_check(&g))
		ret = EXIT_FAILURE;
	else if (opts & OPT_CHECK)
		printf("%s: fine: kernel %s, %llu MiB, %u disk%s, %u interface%s\n", g.name,
		       f.kernel_name, (unsigned long long)g.memory, g.nr_disks,
		       g.nr_disks == 1 ? "" : "s", g.nr_vifs, g.nr_vifs == 1 ? "" : "s");
	else
		ret = start(&f, &g, opts);
	guest_unload(&f);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl demo: lists, starts and stops the demos of the table /etc/xeno/demos. What a demo needs is
 * looked for first; then its disk is made and its guests are started, all or none: each step is a
 * command of xenctl in a process of its own (guest_job.h), and what was made before one that
 * fails is removed again. A guest that runs already is left as it is.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder.h"
#include "cmd_demo.h"
#include "guest_job.h"
#include "hyp.h"
#include "vd.h"

#define TABLE CONFIG_DIR "/demos"
#define TABLE_BYTES (1 << 18)
#define STOP_SECONDS 60
#define ASK_SECONDS 5 /* a kernel that boots does not hear the first request */

static struct demos table;

/* --- what there is */

static void bad_line(unsigned int line, const char *why, void *data)
{
	(void)data;
	report(TABLE ":%u: %s", line, why);
}

/* Dies without a table; how many bad lines it has. */
static unsigned int read_table(void)
{
	unsigned int bad;
	size_t len;
	char *text;
	int err;

	text = (char *)read_file(TABLE, TABLE_BYTES, &len, &err);
	if (!text)
		die(TABLE ": %s", strerror(-err));
	bad = demos_parse(&table, text, len, bad_line, NULL);
	free(text);
	return bad;
}

struct named {
	const char *name;
	uint16_t *domid;
	struct xeno_ctl_info *info;
	bool found;
};

static void match(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	struct named *n = data;

	if (strcmp(info->name, n->name))
		return;
	n->found = true;
	*n->domid = domid;
	*n->info = *info;
}

bool demo_domain(const char *name, uint16_t *domid, struct xeno_ctl_info *info)
{
	struct named n = { .name = name, .domid = domid, .info = info };

	each_domain(match, &n);
	return n.found;
}

static bool has_stopped(const struct xeno_ctl_info *info)
{
	return info->flags & (XENO_DOMF_SHUTDOWN | XENO_DOMF_DYING | XENO_DOMF_CRASHED);
}

static unsigned int nr_running(const struct demo *d)
{
	struct xeno_ctl_info info;
	unsigned int n = 0;
	uint16_t domid;

	for (unsigned int i = 0; i < d->nr_guests; i++)
		n += demo_domain(d->guests[i], &domid, &info) && !has_stopped(&info);
	return n;
}

/* The first guest without a configuration; NULL: all have one. */
static const char *no_config(const struct demo *d)
{
	char path[GUEST_PATH_MAX];

	for (unsigned int i = 0; i < d->nr_guests; i++) {
		snprintf(path, sizeof(path), CONFIG_DIR "/%s.cfg", d->guests[i]);
		if (access(path, R_OK))
			return d->guests[i];
	}
	return NULL;
}

static bool has_card(void)
{
	struct xeno_ctl_vnet_nic nic;

	return !hyp_vnet_nic_info(0, &nic);
}

static bool has_xenodisk(void)
{
	struct vd_store s;
	unsigned int pos = 0;
	bool found = vd_next(&s, NULL, &pos, false);

	if (found)
		vd_close(&s);
	return found;
}

static bool has_disk(const char *name)
{
	char err[XD_ERR];
	struct vd_store s;
	struct xd_disk *d;

	if (vd_find(&s, NULL, name, false, false, &d, err))
		return false;
	vd_close(&s);
	return true;
}

/* --- list */

/* "card, XenoDisk", those that are not there in brackets. */
static const char *needs_text(const struct demo *d, char buf[64])
{
	bool disk = d->disk[0] && !d->disk_optional;

	snprintf(buf, 64, "%s%s%s",
		 !d->needs_card ? "" :
		 has_card()	? "card" :
				  "card (none)",
		 d->needs_card && disk ? ", " : "",
		 !disk		? "" :
		 has_xenodisk() ? "XenoDisk" :
				  "XenoDisk (none)");
	return *buf ? buf : "-";
}

static const char *state_text(const struct demo *d, char buf[32])
{
	unsigned int n = nr_running(d);

	if (n && n < d->nr_guests)
		snprintf(buf, 32, "%u of %u run", n, d->nr_guests);
	else
		strcpy(buf, n ? "running" : "-");
	return buf;
}

static void list_line(const struct demo *d)
{
	char needs[64], state[32];

	printf("%-10s %-11s %-15s %s\n", d->name, state_text(d, state), needs_text(d, needs),
	       d->shows);
}

static void list_json(const struct demo *d, const char *sep)
{
	bool disk = d->disk[0] && !d->disk_optional;
	unsigned int running = nr_running(d);

	printf("%s\n  {\"name\": ", sep);
	json_string(d->name);
	printf(", \"shows\": ");
	json_string(d->shows);
	printf(", \"look\": ");
	json_string(d->look);
	printf(",\n   \"guests\": [");
	for (unsigned int i = 0; i < d->nr_guests; i++) {
		printf("%s", i ? ", " : "");
		json_string(d->guests[i]);
	}
	printf("], \"guests_running\": %u, \"running\": %s, \"needs_card\": %s, "
	       "\"needs_xenodisk\": %s, \"ready\": %s}",
	       running, running == d->nr_guests ? "true" : "false",
	       d->needs_card ? "true" : "false", disk ? "true" : "false",
	       (!d->needs_card || has_card()) && (!disk || has_xenodisk()) ? "true" : "false");
}

static int list(bool json)
{
	unsigned int bad = read_table();
	const char *sep = "";

	hyp_data(); /* no heading without a hypervisor */
	if (json)
		printf("[");
	else
		printf("%-10s %-11s %-15s %s\n", "Demo", "State", "Needs", "Shows");
	for (unsigned int i = 0; i < table.nr; i++) {
		if (no_config(&table.demos[i]))
			continue;
		if (json)
			list_json(&table.demos[i], sep);
		else
			list_line(&table.demos[i]);
		sep = ",";
	}
	printf(json ? "\n]\n" : "xenctl demo NAME starts one, xenctl demo stop NAME ends it.\n");
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- start */

struct step {
	command_fn *fn;
	bool quiet;
	int argc;
	char *argv[8];
};

/* A command that makes or ends a domain cleans up after Ctrl-C itself: it is not killed. */
static int run_step(void *data)
{
	struct step *s = data;
	int null = s->quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	job_hold(false);
	return s->fn(s->argc, s->argv);
}

int demo_run(const char *what, command_fn *fn, bool quiet, const char *const argv[])
{
	struct step s = { .fn = fn, .quiet = quiet };

	for (; argv[s.argc]; s.argc++)
		s.argv[s.argc] = (char *)(uintptr_t)argv[s.argc];
	return job_run(what, run_step, &s, true);
}

static void must_have_needs(const struct demo *d)
{
	const char *guest = no_config(d);

	if (guest)
		die("%s: there is no " CONFIG_DIR "/%s.cfg", d->name, guest);
	if (d->needs_card && !has_card())
		die("%s: it needs a network card that the hypervisor drives, and there is none; "
		    "see xenctl net list",
		    d->name);
	if (d->disk[0] && !d->disk_optional && !has_xenodisk())
		die("%s: it needs a XenoDisk, and there is none; xenctl disk init DEVICE makes "
		    "one (xenctl disk list shows the drives)",
		    d->name);
}

/* What one start has made, for taking back. */
struct made {
	bool disk;
	bool guest[DEMO_GUESTS];
};

static int make_disk(const struct demo *d, struct made *m)
{
	const char *const argv[] = { "vd", "create", d->disk, d->disk_size, NULL };

	if (!d->disk[0] || has_disk(d->disk) || (d->disk_optional && !has_xenodisk()))
		return 0;
	if (demo_run("xenctl: vd create", cmd_vd, true, argv))
		return -1;
	m->disk = true;
	printf("%s: a virtual disk of %s\n", d->disk, d->disk_size);
	return 0;
}

static int start_guest(const struct demo *d, unsigned int i, struct made *m)
{
	char disk[DEMO_WORD_MAX + 32];
	const char *argv[] = { "create", d->guests[i], NULL, NULL };
	struct xeno_ctl_info info;
	uint16_t domid;

	if (demo_domain(d->guests[i], &domid, &info)) {
		if (has_stopped(&info)) {
			report("%s: it has stopped (%s); xenctl demo stop %s removes it", info.name,
			       state_name(&info), d->name);
			return -1;
		}
		printf("%s: runs already, domain %u\n", info.name, domid);
		return 0;
	}
	snprintf(disk, sizeof(disk), "disk=vd:%s,xvda,r", d->disk);
	if (d->disk_optional && has_disk(d->disk))
		argv[2] = disk;
	m->guest[i] = true; /* Ctrl-C may come when it runs already */
	return demo_run("xenctl: demo", cmd_create, false, argv);
}

static void take_back(const struct demo *d, const struct made *m)
{
	const char *const delete[] = { "vd", "delete", "--now", d->disk, NULL };

	for (unsigned int i = 0; i < d->nr_guests; i++) {
		const char *const destroy[] = { "destroy", d->guests[i], NULL };
		struct xeno_ctl_info info;
		uint16_t domid;

		if (m->guest[i] && demo_domain(d->guests[i], &domid, &info))
			demo_run("xenctl: demo", cmd_destroy, true, destroy);
	}
	if (m->disk)
		demo_run("xenctl: demo", cmd_vd, true, delete);
}

static const struct demo *find_demo(const char *name)
{
	const struct demo *d;

	read_table();
	d = demos_find(&table, name);
	if (!d)
		die("there is no demo '%s'; see xenctl demo", name);
	return d;
}

static int start(const char *name)
{
	const struct demo *d = find_demo(name);
	struct made m = { 0 };
	int ret;

	must_have_needs(d);
	job_hold(true);
	ret = make_disk(d, &m);
	for (unsigned int i = 0; !ret && i < d->nr_guests; i++)
		ret = start_guest(d, i, &m);
	if (ret || job_interrupted()) {
		if (!ret)
			report("%s: interrupted", name);
		take_back(d, &m);
		return EXIT_FAILURE;
	}
	job_hold(false);
	if (d->nr_limits && demo_measure(d, false))
		return EXIT_FAILURE;
	printf("%s\n", d->look);
	return EXIT_SUCCESS;
}

static int measure(const char *name, bool json)
{
	const struct demo *d = find_demo(name);

	if (!d->nr_limits)
		die("%s: it has no limits to be measured", name);
	if (nr_running(d) < d->nr_guests)
		die("%s: it does not run; see xenctl demo", name);
	return demo_measure(d, json);
}

/* --- stop */

/* Asks, or ends at once what cannot listen. Returns how many of the demo's guests there are. */
static unsigned int ask_all(const struct demo *d, bool last)
{
	static const char how[] = "poweroff";
	unsigned int n = 0;

	for (unsigned int i = 0; i < d->nr_guests; i++) {
		const char *const destroy[] = { "destroy", d->guests[i], NULL };
		struct xeno_ctl_info info;
		uint16_t domid;

		if (!demo_domain(d->guests[i], &domid, &info))
			continue;
		n++;
		if (last)
			report("%s: it has not powered off in %d s and is ended", info.name,
			       STOP_SECONDS);
		if (last || has_stopped(&info) || info.flags & XENO_DOMF_PAUSED)
			demo_run("xenctl: demo", cmd_destroy, true, destroy);
		else
			hyp_xs(XENO_CTL_XS_WRITE, domid, "/control/shutdown",
			       (void *)(uintptr_t)how, strlen(how));
	}
	return n;
}

static unsigned int nr_there(const struct demo *d)
{
	struct xeno_ctl_info info;
	unsigned int n = 0;
	uint16_t domid;

	for (unsigned int i = 0; i < d->nr_guests; i++)
		n += demo_domain(d->guests[i], &domid, &info);
	return n;
}

/* The domains of demos first..last of the table. */
static unsigned int each_there(const struct demo *first, const struct demo *last, bool ask,
			       bool force)
{
	unsigned int n = 0;

	for (const struct demo *d = first; d <= last; d++)
		n += ask ? ask_all(d, force) : nr_there(d);
	return n;
}

static int stop(const char *name)
{
	const struct demo *first, *last;
	unsigned int n;

	if (name) {
		first = last = find_demo(name);
	} else {
		read_table();
		first = table.demos;
		last = first + table.nr - 1;
	}
	n = table.nr ? each_there(first, last, true, false) : 0;
	for (unsigned int i = 1; n && i < STOP_SECONDS * 5; i++) {
		if (!each_there(first, last, i % (ASK_SECONDS * 5) == 0, false))
			break;
		usleep(200000);
	}
	if (n && each_there(first, last, false, false)) {
		each_there(first, last, true, true);
		if (each_there(first, last, false, false))
			return EXIT_FAILURE; /* destroy has said why */
	}
	printf("%u guest%s ended\n", n, n == 1 ? "" : "s");
	return EXIT_SUCCESS;
}

static const struct {
	const char *name, *usage;
} parts[] = {
	{ "list", "[--json]" },
	{ "start", "NAME" },
	{ "measure", "NAME [--json]" },
	{ "stop", "[NAME]" },
};

const char *demo_part(size_t i, const char **usage)
{
	if (i >= sizeof(parts) / sizeof(parts[0]))
		return NULL;
	*usage = parts[i].usage;
	return parts[i].name;
}

int cmd_demo(int argc, char **argv)
{
	const char *word, *name;
	unsigned int opts;

	argc = take_options(argc, argv, "j", &opts);
	if (argc < 1 || argc > 3)
		return EXIT_USAGE;
	word = argc > 1 ? argv[1] : "list";
	name = argc > 2 ? argv[2] : NULL;
	if (!strcmp(word, "list"))
		return name ? EXIT_USAGE : list(opts);
	if (!strcmp(word, "measure"))
		return name ? measure(name, opts) : EXIT_USAGE;
	if (opts)
		return EXIT_USAGE;
	if (!strcmp(word, "stop"))
		return stop(name);
	if (!strcmp(word, "start"))
		return name ? start(name) : EXIT_USAGE;
	return name ? EXIT_USAGE : start(word);
}

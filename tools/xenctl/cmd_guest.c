// SPDX-License-Identifier: GPL-2.0-only
/* xenctl guest: guests with a root of their own on a virtual disk; making them is cmd_guestnew.c. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_guest.h"
#include "vd.h"
#include "xenctl.h"

#define AUTO_DIR CONFIG_DIR "/auto"

struct wanted {
	const char *name;
	const char *state; /* NULL: no such domain */
};

static void look_for(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	struct wanted *w = data;

	(void)domid;
	if (!strcmp(info->name, w->name))
		w->state = state_name(info);
}

static const char *guest_state(const char *name)
{
	struct wanted w = { name, NULL };

	each_domain(look_for, &w);
	return w.state;
}

bool guest_runs(const char *name)
{
	return guest_state(name);
}

/* --- list */

static int is_config(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 4 && !strcmp(e->d_name + len - 4, ".cfg");
}

static const char *kernel_text(const struct guest_cfg *g)
{
	return g->bootloader[0] ? "on its disk" : g->kernel;
}

static void list_json(const struct guest_cfg *g, const char *state, const char *sep)
{
	printf("%s{\"name\": ", sep);
	json_string(g->name);
	printf(", \"state\": ");
	json_string(state);
	printf(", \"memory\": %llu, \"vcpus\": %llu, \"own_kernel\": %s, \"kernel\": ",
	       (unsigned long long)g->memory, (unsigned long long)g->vcpus,
	       g->bootloader[0] ? "true" : "false");
	json_string(g->kernel);
	printf(", \"disks\": [");
	for (unsigned int i = 0; i < g->nr_disks; i++) {
		printf("%s", i ? ", " : "");
		json_string(g->disks[i].target);
	}
	printf("]}");
}

static void list_line(const struct guest_cfg *g, const char *state)
{
	printf("%-20s %-10s %6llu %5llu %-28s", g->name, state, (unsigned long long)g->memory,
	       (unsigned long long)g->vcpus, kernel_text(g));
	for (unsigned int i = 0; i < g->nr_disks; i++)
		printf(" %s", g->disks[i].target);
	printf("\n");
}

static int guest_list(int argc, char **argv)
{
	char path[GUEST_PATH_MAX], *none[] = { NULL };
	struct dirent **files;
	unsigned int opts;
	int n, ret = EXIT_SUCCESS;
	const char *sep = "";

	if (take_options(argc, argv, "j", &opts) != 1)
		return EXIT_USAGE;
	n = scandir(CONFIG_DIR, &files, is_config, versionsort);
	if (n < 0)
		die(CONFIG_DIR ": %s", strerror(errno));
	if (opts & OPT_JSON)
		printf("[");
	else
		printf("%-20s %-10s %6s %5s %-28s %s\n", "Name", "State", "MiB", "VCPUs", "Kernel",
		       "Disks");
	for (int i = 0; i < n; i++) {
		struct guest_cfg g;
		const char *state;

		snprintf(path, sizeof(path), CONFIG_DIR "/%.255s", files[i]->d_name);
		if (config_read(path, none, &g)) {
			ret = EXIT_FAILURE;
			continue;
		}
		state = guest_state(g.name);
		state = state ? state : "-";
		if (opts & OPT_JSON)
			list_json(&g, state, sep);
		else
			list_line(&g, state);
		sep = ",\n ";
	}
	if (opts & OPT_JSON)
		printf("]\n");
	return ret;
}

/* --- kernel */

int guest_boot_check(const struct guest_boot *b, char err[KERN_ERR])
{
	uint8_t *file, *unpacked = NULL;
	struct kern_image k;
	char path[32];
	size_t len, elf_len;
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->kernel);
	file = read_file(path, KERN_MAX_BYTES, &len, &ret);
	if (!file) {
		snprintf(err, KERN_ERR, "%s", strerror(-ret));
		return -1;
	}
	ret = kern_unpack(file, len, &unpacked, &elf_len, err);
	if (!ret)
		ret = kern_parse(&k, unpacked ? unpacked : file, elf_len, err);
	free(unpacked);
	free(file);
	return ret;
}

static void print_file(const char *what, const char *path, int fd)
{
	struct stat st = { 0 };
	char size[16];

	if (!*path)
		return;
	fstat(fd, &st);
	printf("%-9s %s of its disk, %s\n", what, path, size_text((uint64_t)st.st_size, size));
}

static int guest_kernel(int argc, char **argv)
{
	char *none[] = { NULL }, why[KERN_ERR];
	struct guest_boot b;
	struct guest_cfg g;
	int ret = 1;

	if (argc != 2)
		return EXIT_USAGE;
	if (config_read(argv[1], none, &g))
		return EXIT_FAILURE;
	if (g.bootloader[0])
		ret = guest_boot_read(&g.disks[0], true, &b, why);
	if (ret < 0)
		die("%s: disk[0]: %s", g.name, why);
	if (ret && !g.kernel[0])
		die("%s: disk[0]: there is no kernel on it", g.name);
	if (ret) {
		printf("kernel    %s\n", g.kernel);
		if (g.ramdisk[0])
			printf("ramdisk   %s\n", g.ramdisk);
		return EXIT_SUCCESS;
	}
	ret = guest_boot_check(&b, why);
	if (ret)
		die("%s: kernel %s of its disk: %s", g.name, b.kernel_path, why);
	print_file("kernel", b.kernel_path, b.kernel);
	print_file("ramdisk", b.ramdisk_path, b.ramdisk);
	printf("arguments %s\n", g.cmdline);
	if (b.unclean)
		printf("The disk was not unmounted: its newest changes may be missing.\n");
	guest_boot_free(&b);
	return EXIT_SUCCESS;
}

/* --- remove */

/* What starts it at boot: names in AUTO_DIR that lead to its configuration. */
static void remove_auto(const char *config)
{
	DIR *dir = opendir(AUTO_DIR);
	char path[GUEST_PATH_MAX], target[PATH_MAX];
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), AUTO_DIR "/%.255s", e->d_name);
		if (e->d_type == DT_LNK && realpath(path, target) && !strcmp(target, config) &&
		    unlink(path))
			report("%s: %s", path, strerror(errno));
	}
	if (dir)
		closedir(dir);
}

/* The virtual disk of that name is among its disks. */
static bool has_own_disk(const struct guest_cfg *g)
{
	for (unsigned int i = 0; i < g->nr_disks; i++)
		if (!strncmp(g->disks[i].target, "vd:", 3) &&
		    !strcmp(g->disks[i].target + 3, g->name))
			return true;
	return false;
}

static int guest_remove(int argc, char **argv)
{
	char *none[] = { NULL }, path[GUEST_PATH_MAX];
	bool yes = argc == 3 && !strcmp(argv[2], "--yes");
	struct guest_cfg g;

	if (argc != 2 && !yes)
		return EXIT_USAGE;
	if (!guest_name_ok(argv[1]))
		die("'%s' is no guest's name", argv[1]);
	snprintf(path, sizeof(path), CONFIG_DIR "/%s.cfg", argv[1]);
	if (config_read(path, none, &g))
		return EXIT_FAILURE;
	if (guest_runs(g.name))
		die("%s: it is there as a domain (%s); xenctl shutdown -w %s first", g.name,
		    guest_state(g.name), g.name);
	if (!yes)
		die("%s: --yes removes %s%s%s", g.name, path,
		    has_own_disk(&g) ? " and its virtual disk " : "",
		    has_own_disk(&g) ? g.name : "");
	if (has_own_disk(&g)) {
		char *delete[] = { "vd", "delete", g.name, NULL };

		if (cmd_vd(3, delete)) /* or it has said why not */
			return EXIT_FAILURE;
		printf("%s: its disk can be had back: xenctl vd undelete %s\n", g.name, g.name);
	}
	remove_auto(path);
	if (unlink(path))
		die("%s: %s", path, strerror(errno));
	return EXIT_SUCCESS;
}

/* --- which one */

/* Takes "--word VALUE" and "--start". False: something else is there. */
static bool read_new(struct guest_new *n, int argc, char **argv)
{
	const struct {
		const char *name;
		const char **text;
	} options[] = {
		{ "--root", &n->root },		{ "--image", &n->image },
		{ "--debian", &n->debian },	{ "--mirror", &n->mirror },
		{ "--size", &n->size },		{ "--memory", &n->memory },
		{ "--vcpus", &n->vcpus },	{ "--ip", &n->ip },
		{ "--vif", &n->vif },		{ "--on", &n->on },
		{ "--password", &n->password }, { "--ssh-key", &n->ssh_key },
		{ "--hostname", &n->hostname }, { "--kernel", &n->kernel },
		{ "--ramdisk", &n->ramdisk },
	};
	const size_t nr = sizeof(options) / sizeof(options[0]);
	size_t at;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--start")) {
			n->start = true;
			continue;
		}
		if (argv[i][0] != '-' && !n->name) {
			n->name = argv[i];
			continue;
		}
		for (at = 0; at < nr && strcmp(options[at].name, argv[i]); at++)
			;
		if (at == nr || i + 1 == argc || *options[at].text)
			return false;
		*options[at].text = argv[++i];
	}
	return n->name;
}

static int guest_new_cmd(int argc, char **argv)
{
	struct guest_new n = { 0 };

	if (!read_new(&n, argc, argv))
		return EXIT_USAGE;
	if (!n.root + !n.image + !n.debian != 2)
		return EXIT_USAGE;
	return guest_new(&n);
}

static const struct sub {
	const char *name, *usage;
	int (*fn)(int argc, char **argv);
} subs[] = {
	{ "new",
	  "NAME --root FILE.tar[.gz|.xz|.zst|.lz4] | --image FILE |\n"
	  "    --debian SUITE [--mirror URL]\n"
	  "    [--size SIZE] [--on DEVICE] [--memory MIB] [--vcpus N] [--ip ADDRESS | --vif TEXT]\n"
	  "    [--hostname NAME] [--password TEXT|HASH|-] [--ssh-key KEY|FILE]\n"
	  "    [--kernel FILE [--ramdisk FILE]] [--start]",
	  guest_new_cmd },
	{ "list", "[--json]", guest_list },
	{ "kernel", "NAME", guest_kernel },
	{ "remove", "NAME --yes", guest_remove },
};

const char *guest_part(size_t i, const char **usage)
{
	if (i >= sizeof(subs) / sizeof(subs[0]))
		return NULL;
	*usage = subs[i].usage;
	return subs[i].name;
}

int cmd_guest(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]) && argc > 1; i++) {
		int ret;

		if (strcmp(argv[1], subs[i].name))
			continue;
		ret = subs[i].fn(argc - 1, argv + 1);
		if (ret == EXIT_USAGE)
			fprintf(stderr, "usage: xenctl guest %s %s\n", subs[i].name, subs[i].usage);
		return ret == EXIT_USAGE ? EXIT_FAILURE : ret;
	}
	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++)
		fprintf(stderr, "usage: xenctl guest %s %s\n", subs[i].name, subs[i].usage);
	return EXIT_FAILURE;
}

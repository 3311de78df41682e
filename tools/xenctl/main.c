// SPDX-License-Identifier: GPL-2.0-only
/* xenctl: the table of subcommands; usage and help are printed from it. */
#include <stdlib.h>
#include <string.h>

#include "xenctl.h"

static const struct command {
	const char *name, *usage, *help;
	command_fn *fn;
} commands[] = {
	{ "create", "[-cnp] FILE|NAME [KEY=VALUE]...",
	  "start a domain from a configuration file, or /etc/xeno/NAME.cfg;\n"
	  "-c attaches its console, -n only checks, -p leaves it paused",
	  cmd_create },
	{ "destroy", "DOMAIN", "end a domain at once", cmd_destroy },
	{ "shutdown", "[-w] DOMAIN", "ask a domain to power off; -w waits for it", cmd_shutdown },
	{ "reboot", "[-w] DOMAIN", "ask a domain to reboot; -w waits until it has stopped",
	  cmd_reboot },
	{ "pause", "DOMAIN", "stop a domain from running", cmd_pause },
	{ "unpause", "DOMAIN", "let a paused domain run", cmd_unpause },
	{ "list", "[--json] [DOMAIN]", "show the domains and why one crashed", cmd_list },
	{ "console", "[-l] DOMAIN",
	  "show what a domain printed and prints, and type to it; Ctrl-] leaves;\n"
	  "-l only shows what was printed",
	  cmd_console },
	{ "info", "[--json]", "show the machine: processors, memory, scheduler", cmd_info },
	{ "dmesg", "[-o FILE]",
	  "show the hypervisor's log; -o appends it to FILE, and what is added later,\n"
	  "until it is killed; a full FILE becomes FILE.0",
	  cmd_dmesg },
	{ "disk", "list [--json] | init [--chunk SIZE] [--force] DEVICE",
	  "list: show the drives, their health and who uses what of them;\n"
	  "init: make a partition or a drive space for virtual disks (a XenoDisk)",
	  cmd_disk },
	{ "vd", "create|list|show|resize|delete|undelete|renew|config|import|export|attach|...",
	  "virtual disks on XenoDisks; xenctl vd alone shows how each is used", cmd_vd },
	{ "guest", "new|list|kernel|remove ...",
	  "guests of a distribution's root; xenctl guest alone shows how each is used", cmd_guest },
	{ "block-attach", "DOMAIN DISK",
	  "give a running domain a disk, written as in disk = [ ... ] of a\n"
	  "configuration: phy:/dev/xvdb3,xvdb,w",
	  cmd_block_attach },
	{ "block-detach", "[-f|--force] DOMAIN VDEV",
	  "take a disk back when the domain lets go of it; --force: now.\n"
	  "Unmount it there first: kernels other than XenoLinux let go of a\n"
	  "mounted one, too, and lose what was not written",
	  cmd_block_detach },
	{ "block-list", "[--json] DOMAIN", "show the disks of a domain", cmd_block_list },
	{ "block-set", "DOMAIN VDEV weight=1..1000|iops=N|rate=BYTES...",
	  "change a disk's share of its drive and its limits; iops=0 and rate=0: none",
	  cmd_block_set },
	{ "net", "list|show|rule|nat|forward|limit|log|stats|capture|explain|...",
	  "the network: interfaces, rules, translation, what passes and why;\n"
	  "xenctl net alone shows how each is used",
	  cmd_net },
	{ "network-attach", "DOMAIN [VIF]",
	  "give a running domain an interface, written as in vif = [ ... ] of a\n"
	  "configuration: ip=10.0.0.5,mac=00:16:3e:01:02:03,rate=10Mb/s",
	  cmd_network_attach },
	{ "network-detach", "[-f|--force] DOMAIN NUMBER|MAC",
	  "take an interface back when the domain lets go of it; --force: now",
	  cmd_network_detach },
	{ "network-list", "[--json] DOMAIN", "show the interfaces of a domain", cmd_network_list },
	{ "demo", "[list [--json]] | [start] NAME | measure NAME [--json] | stop [NAME]",
	  "list the demos of /etc/xeno/demos, start one, end one or all;\n"
	  "measure: what the guests of one with limits do without them and with them",
	  cmd_demo },
	{ "support", "[FILE]",
	  "pack the state and the logs of this machine for a report of a fault, without\n"
	  "its passwords and keys; FILE: a .tar.gz",
	  cmd_support },
	{ "help", "[COMMAND|--table]",
	  "show this, or how to use one command; --table: all, for programs", cmd_help },
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Those that have commands of their own. */
static const struct {
	const char *name;
	part_fn *part;
} families[] = {
	{ "disk", disk_part }, { "vd", vd_part },     { "guest", guest_part },
	{ "net", net_part },   { "demo", demo_part },
};
#define NR_FAMILIES (sizeof(families) / sizeof(families[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* One line, whatever the text was. */
static void print_flat(const char *text)
{
	for (; *text; text++) {
		if (*text != '\n') {
			putchar(*text);
			continue;
		}
		putchar(' ');
		text += strspn(text, "\n ") - 1;
	}
}

static void print_row(const char *name, const char *part, const char *usage, const char *help)
{
	printf("%s%s%s\t", name, *part ? " " : "", part);
	print_flat(usage);
	putchar('\t');
	print_flat(help);
	putchar('\n');
}

static void each_part(const char *command,
		      void (*show)(const char *command, const char *name, const char *usage))
{
	const char *name, *usage;

	for (size_t i = 0; i < NR_FAMILIES; i++) {
		if (strcmp(families[i].name, command))
			continue;
		for (size_t k = 0; (name = families[i].part(k, &usage)); k++)
			show(command, name, usage);
	}
}

static void print_part_row(const char *command, const char *name, const char *usage)
{
	print_row(command, name, usage, "");
}

static void print_part(const char *command, const char *name, const char *usage)
{
	printf("xenctl %s %s %s\n", command, name, usage);
}

/* For programs (tools/docs.sh): name, usage and help, and those of its parts, between tabs. */
static void print_table(void)
{
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		print_row(commands[i].name, "", commands[i].usage, commands[i].help);
		each_part(commands[i].name, print_part_row);
	}
}

static void print_help(const struct command *c)
{
	const char *line = c->help;

	printf("xenctl %s %s\n", c->name, c->usage);
	while (*line) {
		size_t len = strcspn(line, "\n");

		printf("    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

int cmd_help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? find_command(argv[1]) : NULL;

	if (argc == 2 && !strcmp(argv[1], "--table")) {
		print_table();
		return EXIT_SUCCESS;
	}
	if (argc > 1 && !c)
		die("there is no command '%s'; see xenctl help", argv[1]);
	if (c) {
		print_help(c);
		each_part(c->name, print_part);
		return EXIT_SUCCESS;
	}
	printf("DOMAIN is a name or a number.\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		print_help(&commands[i]);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int ret;

	if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		cmd_help(1, argv);
		return argc < 2 ? EXIT_USAGE : EXIT_SUCCESS;
	}
	c = find_command(argv[1]);
	if (!c)
		die("there is no command '%s'; see xenctl help", argv[1]);
	ret = c->fn(argc - 1, argv + 1);
	if (ret == EXIT_USAGE)
		fprintf(stderr, "usage: xenctl %s %s\n", c->name, c->usage);
	if (fflush(stdout) && ret == EXIT_SUCCESS)
		ret = EXIT_FAILURE;
	return ret;
}

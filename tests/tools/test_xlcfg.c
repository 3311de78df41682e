// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/xlcfg.c tools/xenctl/guestcfg.c tools/xenctl/diskspec.c tools/xenctl/netspec.c tools/xenctl/spec.c */
/* Guest configuration files: syntax, meaning, positions in messages, hostile text. */
#include <stdlib.h>

#include "../../tools/xenctl/guestcfg.h"
#include "check.h"

static int parse(struct xlcfg *c, const char *text, char *err)
{
	/* An exact copy, so that ASan sees a read behind the end. */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int ret;

	memset(c, 0, sizeof(*c));
	memcpy(copy, text, len);
	ret = xlcfg_parse(c, copy, len, err);
	free(copy);
	return ret;
}

static void test_values(void)
{
	char err[XLCFG_ERR] = "";
	struct xlcfg c;
	int ret = parse(&c,
			"# head\na = 'x # y'  # tail\n\tb=0x10; c = \"q\\\"\\n\"\r\n"
			"d = [ 'one', # first\n 2,\n ]\ne=[]\nf = 7",
			err);

	check(!ret, "%s", err);
	check(c.nr == 6, "%zu entries", c.nr);
	if (!ret && c.nr == 6) {
		check(!strcmp(c.entries[0].value.str, "x # y"), "%s", c.entries[0].value.str);
		check(c.entries[0].line == 2, "line %u", c.entries[0].line);
		check(c.entries[1].value.num == 16, "b");
		check(c.entries[1].line == 3, "b's line");
		check(!strcmp(c.entries[2].value.str, "q\"\n"), "escapes");
		check(c.entries[3].value.nr_items == 2, "items");
		check(c.entries[3].value.items[1].num == 2, "second item");
		check(c.entries[4].value.nr_items == 0, "empty list");
		check(c.entries[5].value.num == 7 && c.entries[5].line == 8, "last");
	}
	xlcfg_free(&c);
	verdict("xlcfg-values");
}

static void test_mistakes(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "a = 'x", "line 1, column 5: the string has no closing '" },
		{ "\n  a = \"x\ny\"", "line 2, column 7: the string has no closing \"" },
		{ "a", "line 1, column 2: expected = after 'a'" },
		{ "a =", "line 1, column 4: a value is missing" },
		{ "a = \nb", "line 1, column 5: a value is missing" },
		{ "= 3", "line 1, column 1: expected a key, found '='" },
		{ "a = 3 4", "line 1, column 7: unexpected '4' after the value" },
		{ "a = 12MB", "line 1, column 5: '12MB' is not a number (or too large); "
			      "strings need quotes" },
		{ "a = 99999999999999999999", "line 1, column 5: '99999999999999999999' is not a "
					      "number (or too large); strings need quotes" },
		{ "a = yes", "line 1, column 5: 'yes' is not a number (or too large); "
			     "strings need quotes" },
		{ "a = [ 1, 2\n", "line 1, column 5: the list has no closing ]" },
		{ "a = [ 1 2 ]", "line 1, column 9: expected , or ] in the list" },
		{ "a = [ [1] ]", "line 1, column 7: lists cannot hold lists" },
		{ "a = [ , ]", "line 1, column 7: expected a value, found ','" },
		{ "a = 1\na = 2", "line 2, column 1: 'a' was given already on line 1" },
		{ "a = \"\\q\"", "line 1, column 7: unknown escape in a string" },
		{ "a = \"\\", "line 1, column 7: unknown escape in a string" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char err[XLCFG_ERR] = "";
		struct xlcfg c;
		int ret = parse(&c, cases[i].text, err);

		check(ret == -1 && !strcmp(err, cases[i].message), "'%s': %d '%s'", cases[i].text,
		      ret, err);
		xlcfg_free(&c);
	}
	verdict("xlcfg-mistakes");
}

static void test_overrides(void)
{
	char err[XLCFG_ERR] = "";
	struct xlcfg c;

	parse(&c, "name = 'a'\nmemory = 5", err);
	check(!xlcfg_override(&c, "memory=0x40", err), "%s", err);
	check(!xlcfg_override(&c, "extra=quiet console=hvc0", err), "%s", err);
	check(!xlcfg_override(&c, "kernel='/k'", err), "%s", err);
	check(c.nr == 4 && c.entries[1].value.num == 64, "memory");
	check(!strcmp(c.entries[2].value.str, "quiet console=hvc0"), "extra");
	check(!strcmp(c.entries[3].value.str, "/k"), "kernel");
	check(xlcfg_override(&c, "memory", err) == -1, "no =");
	check(xlcfg_override(&c, "=1", err) == -1, "no key");
	check(xlcfg_override(&c, "extra='a' b", err) == -1, "rubbish behind");
	xlcfg_free(&c);
	verdict("xlcfg-overrides");
}

static int guest(struct guest_cfg *g, const char *text, char *err)
{
	struct xlcfg c;
	int ret = parse(&c, text, err);

	if (!ret)
		ret = guestcfg_from(g, &c, "byfile", err);
	xlcfg_free(&c);
	return ret;
}

#define MINIMAL "kernel='/k'\nmemory=8\n"

static void test_guest(void)
{
	char err[XLCFG_ERR] = "", text[16384];
	struct guest_cfg g, again;

	check(!guest(&g, MINIMAL, err), "%s", err);
	check(!strcmp(g.name, "byfile") && g.vcpus == 1 && g.maxmem == 8, "defaults");
	check(g.on_poweroff == ACTION_DESTROY && g.on_reboot == ACTION_RESTART, "actions");
	check(!guest(&g,
		     MINIMAL "name='n.1'\nroot='/dev/xvda1'\nextra='ro \\\\ \\'q\\' \"d\"'\n"
			     "vcpus=32\nuuid='01234567-89ab-cdef-0123-456789ABCDEF'\n"
			     "on_crash='restart'\nsplit=1\ntype='pv'\ndisk=['phy:/dev/xvdb,xvda,r',"
			     "'vdev=xvdb,rate=1M,target=/dev/\"a,b'\n,]",
		     err),
	      "%s", err);
	check(!strcmp(g.cmdline, "root=/dev/xvda1 ro \\ 'q' \"d\""), "%s", g.cmdline);
	check(g.uuid[0] == 1 && g.uuid[15] == 0xef && g.has_uuid, "uuid");
	check(g.on_crash == ACTION_RESTART && g.split, "crash, split");
	check(g.nr_disks == 2 && g.disks[0].dev == 51712 && g.disks[1].limits.rate == 1 << 20,
	      "disks");
	check(!strcmp(g.disks[1].target, "/dev/\"a,b"), "%s", g.disks[1].target);
	check(guestcfg_print(&g, text, sizeof(text)) < (int)sizeof(text), "print");
	check(!guest(&again, text, err), "%s", err);
	check(!memcmp(&g, &again, sizeof(g)), "does not read back: %s", text);
	check(guestcfg_print(&g, NULL, 0) == (int)strlen(text), "length");
	verdict("guestcfg-values");
}

static void test_guest_mistakes(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "memory=8", "kernel is missing" },
		{ "kernel='/k'", "memory is missing (MiB)" },
		{ MINIMAL "kernal='x'", "line 3: unknown key 'kernal'" },
		{ MINIMAL "disk=[ 'phy:/dev/xvdb,xvda', 'xvdc' ]",
		  "line 3: disk[1]: target 'xvdc' is neither a path (/dev/xvdb3) nor vd:NAME" },
		{ MINIMAL "disk=[ 'phy:/dev/xvdb,xvda',\n'phy:/dev/xvdc,xvda' ]",
		  "line 3: disk[1]: disk[0] has the same vdev" },
		{ MINIMAL "disk=['phy:/dev/xvdb,xvda', 5]", "line 3: disk[1] must be a string" },
		{ MINIMAL "disk='phy:/dev/xvdb,xvda'",
		  "line 3: disk must be a list, not a string" },
		{ MINIMAL "disk=5", "line 3: disk must be a list, not a number" },
		{ MINIMAL "vif=['', 'a']", "line 3: vif[1]: 'a' is not key=value" },
		{ MINIMAL "vif=''", "line 3: vif must be a list, not a string" },
		{ MINIMAL "vif=[5]", "line 3: vif[0] must be a string" },
		{ MINIMAL "vcpus=33", "line 3: vcpus must be 1 to 32, not 33" },
		{ MINIMAL "vcpus='2'", "line 3: vcpus must be a number, not a string" },
		{ MINIMAL "name=5", "line 3: name must be a string, not a number" },
		{ MINIMAL "name='5'", "'5' cannot be a name: letters, digits and _ . + - only, "
				      "not digits alone" },
		{ MINIMAL "maxmem=7", "maxmem (7) is less than memory (8)" },
		{ MINIMAL "extra='a'\ncmdline='b'", "cmdline excludes extra and root" },
		{ MINIMAL "uuid='0'", "line 3: uuid must look like "
				      "01234567-89ab-cdef-0123-456789abcdef" },
		{ MINIMAL "on_crash='die'", "line 3: on_crash must be \"destroy\", \"restart\" or "
					    "\"preserve\", not \"die\"" },
	};
	char err[XLCFG_ERR], text[3000];
	struct guest_cfg g;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ret = guest(&g, cases[i].text, err);

		check(ret == -1 && !strcmp(err, cases[i].message), "'%s': %d '%s'", cases[i].text,
		      ret, err);
	}
	snprintf(text, sizeof(text), MINIMAL "root='%01000d'\nextra='%0100d'", 0, 0);
	check(guest(&g, text, err) == -1, "long command line");
	snprintf(text, sizeof(text), MINIMAL "extra='%01023d'", 0);
	check(!guest(&g, text, err), "longest command line: %s", err);
	snprintf(text, sizeof(text), MINIMAL "extra='%01024d'", 0);
	check(guest(&g, text, err) == -1, "too long an extra");
	verdict("guestcfg-mistakes");
}

/* As many as there may be, and what is too long for the hypervisor to keep. */
static void test_many_disks(void)
{
	char text[40000] = MINIMAL "disk=[", err[XLCFG_ERR], out[XENO_CONFIG_MAX];
	char quotes[1001] = "";
	struct guest_cfg g;
	size_t len;

	for (unsigned int i = 0; i <= GUEST_DISKS; i++) {
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s'phy:/dev/xvdb%u,%u'", i ? "," : "", i,
			 i);
		if (i == GUEST_DISKS - 1) {
			strcat(text, "]");
			check(!guest(&g, text, err) && g.nr_disks == GUEST_DISKS, "%s", err);
			check(guestcfg_print(&g, out, sizeof(out)) < XENO_CONFIG_MAX, "print");
			text[strlen(text) - 1] = 0;
		}
	}
	strcat(text, "]");
	check(guest(&g, text, err) == -1 && !strcmp(err, "line 3: a guest has at most 32 disks"),
	      "%s", err);

	/* A quote takes two characters when it is printed. */
	memset(quotes, '"', sizeof(quotes) - 1);
	len = (size_t)sprintf(text, MINIMAL "extra='%.1000s'\ndisk=[", quotes);
	for (unsigned int i = 0; i < GUEST_DISKS; i++)
		len += (size_t)sprintf(text + len, "'vdev=%u,target=/%.225s',", i, quotes);
	strcpy(text + len, "]");
	check(guest(&g, text, err) == -1 &&
		      !strcmp(err, "all of it is longer than 16319 characters"),
	      "%s", err);
	verdict("guestcfg-many-disks");
}

/* Any bytes end in success or one message; ASan watches. */
static void test_hostile(void)
{
	static const char seed[] = "name = 'x'\nd = [ 'one', # c\n 0x2,\n ]; kernel=\"\\\"k\"\n";
	char text[sizeof(seed)];
	struct guest_cfg g;

	for (unsigned int round = 0; round < 60000; round++) {
		size_t len = rnd() % (sizeof(seed) - 1) + 1;
		char err[XLCFG_ERR] = "";
		struct xlcfg c = { 0 };
		char *copy;
		int ret;

		memcpy(text, seed, sizeof(seed));
		for (unsigned int i = 0; i < round % 8; i++)
			text[rnd() % len] = "\n\0'\"[]=,#\\;a0x \xff"[rnd() % 16];
		copy = malloc(len);
		memcpy(copy, text, len);
		ret = xlcfg_parse(&c, copy, len, err);
		free(copy);
		check(ret == 0 || (ret == -1 && err[0]), "%d without a message", ret);
		if (!ret)
			guestcfg_from(&g, &c, NULL, err);
		xlcfg_free(&c);
	}
	verdict("xlcfg-hostile");
}

int main(void)
{
	test_values();
	test_mistakes();
	test_overrides();
	test_guest();
	test_guest_mistakes();
	test_many_disks();
	test_hostile();
	return check_failed;
}

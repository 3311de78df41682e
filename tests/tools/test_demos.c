// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/demos.c tools/xenctl/guestcfg.c tools/xenctl/xlcfg.c tools/xenctl/diskspec.c tools/xenctl/netspec.c tools/xenctl/spec.c */
/* The table of demos: fields, what is refused and on which line, hostile text. */
#include <stdlib.h>

#include "../../tools/xenctl/demos.h"
#include "check.h"

static struct {
	unsigned int nr, line;
	char why[256];
} bad;

static void note(unsigned int line, const char *why, void *data)
{
	check(data == &bad, "data");
	bad.nr++;
	bad.line = line;
	snprintf(bad.why, sizeof(bad.why), "%s", why);
}

/* An exact copy, so that ASan sees a read behind the end. */
static unsigned int parse(struct demos *t, const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	unsigned int ret;

	memcpy(copy, text, len);
	memset(&bad, 0, sizeof(bad));
	ret = demos_parse(t, copy, len, note, &bad);
	check(ret == bad.nr, "%u bad, %u told", ret, bad.nr);
	free(copy);
	return ret;
}

static void test_fields(void)
{
	static const char text[] =
		"# head\n\n"
		"one|a|-|-|it shows|look\r\n"
		"  two | a  b\tc | card disk=d-1:100M | b:net:10Mb/s c:xvda:rate=1MiB "
		"| a text | more | text\n"
		"three | x | disk?=y:1G | - | s | l";
	const struct demo *d;
	struct demos t;

	check(!parse(&t, text, strlen(text)), "line %u: %s", bad.line, bad.why);
	check(t.nr == 3, "%u demos", t.nr);
	d = demos_find(&t, "two");
	check(d && d->line == 4 && d->nr_guests == 3, "two");
	if (d) {
		check(!strcmp(d->guests[2], "c"), "%s", d->guests[2]);
		check(d->needs_card && !strcmp(d->disk, "d-1"), "%s", d->disk);
		check(!strcmp(d->disk_size, "100M") && !d->disk_optional, "%s", d->disk_size);
		check(d->nr_limits == 2 && d->limits[0].guest == 1, "first limit");
		check(!strcmp(d->limits[1].dev, "xvda"), "%s", d->limits[1].dev);
		check(!strcmp(d->limits[1].value, "rate=1MiB"), "%s", d->limits[1].value);
		check(!strcmp(d->look, "more | text"), "%s", d->look);
	}
	d = demos_find(&t, "three");
	check(d && d->disk_optional && !d->needs_card, "three");
	check(!demos_find(&t, "four"), "four");
	demos_free(&t);
	verdict("demos-fields");
}

static const struct {
	const char *text, *why;
} mistakes[] = {
	{ "a|b|-|-|c", "5 fields, not 6" },
	{ "a", "1 field, not 6" },
	{ "A|b|-|-|c|d", "'A' is no name" },
	{ "|b|-|-|c|d", "'' is no name" },
	{ "stop|b|-|-|c|d", "'stop' is a word of xenctl demo" },
	{ "a|-|-|-|c|d", "no guest" },
	{ "a||-|-|c|d", "no guest" },
	{ "a|../b|-|-|c|d", "'../b' is no guest's name" },
	{ "a|b b|-|-|c|d", "b is there twice" },
	{ "a|1a 2a 3a 4a 5a 6a 7a 8a 9a|-|-|c|d", "more than 8 guests" },
	{ "a|b|cards|-|c|d", "the need 'cards' is none of" },
	{ "a|b|disk=x|-|c|d", ":SIZE is missing" },
	{ "a|b|disk=x/y:1M|-|c|d", "'x/y' is no virtual disk's name" },
	{ "a|b|disk=x:M|-|c|d", "'M' is not a size" },
	{ "a|b|disk=x:1M disk=y:1M|-|c|d", "more than one disk" },
	{ "a|b|-|b:net|c|d", "the limit 'b:net' is not" },
	{ "a|b|-|c:net:1Mb/s|c|d", "a limit for 'c', which is no guest" },
	{ "a|b|-|b:net:fast|c|d", "'fast' is not a limit" },
	{ "a|b|-|b:net:5packets/s|c|d", "'5packets/s' is not a limit" },
	{ "a|b|-|b:disk:rate=1|c|d", "disk" },
	{ "a|b|-|b:xvda:iops=5|c|d", "'iops=5' is not rate=BYTES" },
	{ "a|b|-|-||d", "what it shows is empty" },
	{ "a|b|-|-|c|", "what to look at is empty" },
	{ "a|b|-|-|c\x01|d", "a control character" },
	{ "ok|b|-|-|c|d", "ok is on line 1 already" },
};

static void test_mistakes(void)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct demos t;
		char text[400];

		snprintf(text, sizeof(text), "ok|g|-|-|s|l\n%s\nlast|g|-|-|s|l\n",
			 mistakes[i].text);
		check(parse(&t, text, strlen(text)) == 1, "'%s': %u bad", mistakes[i].text, bad.nr);
		check(bad.line == 2, "'%s': line %u", mistakes[i].text, bad.line);
		check(strstr(bad.why, mistakes[i].why), "'%s': %s", mistakes[i].text, bad.why);
		check(t.nr == 2 && demos_find(&t, "last"), "'%s': %u left", mistakes[i].text, t.nr);
		demos_free(&t);
	}
	verdict("demos-mistakes");
}

static void test_bounds(void)
{
	static char text[70 * 16 + 700];
	struct demos t;
	size_t len = 0;

	for (unsigned int i = 0; i < 66; i++)
		len += (size_t)sprintf(text + len, "d%u|g|-|-|s|l\n", i);
	check(parse(&t, text, len) == 2, "%u bad", bad.nr);
	check(bad.line == 66 && strstr(bad.why, "more than 64"), "%u: %s", bad.line, bad.why);
	demos_free(&t);
	len = (size_t)sprintf(text, "d|g|-|-|s|");
	memset(text + len, 'x', 600);
	check(parse(&t, text, len + 600) == 1 && strstr(bad.why, "longer than 511"), "%s", bad.why);
	demos_free(&t);
	check(parse(&t, text, len + 200) == 1 && strstr(bad.why, "longer than 191"), "%s", bad.why);
	demos_free(&t);
	check(!parse(&t, "", 0) && !t.nr, "empty");
	demos_free(&t);
	verdict("demos-bounds");
}

/* Any text is read to its end; what it stands for is within bounds (ASan). */
static void test_random(void)
{
	static const char *const pieces[] = { "|",    "a",     "-",	 " ",  "\n",	 "net",
					      ":",    "disk=", "disk?=", "1M", "card",	 "rate=1",
					      "xvda", "#",     "\t",	 "\r", "10Mb/s", "\x80" };
	char text[600];

	for (unsigned int round = 0; round < 200000; round++) {
		struct demos t;
		size_t len = 0;

		for (unsigned int n = rnd() % 40; n; n--) {
			const char *p = pieces[rnd() % (sizeof(pieces) / sizeof(pieces[0]))];

			len += (size_t)sprintf(text + len, "%s", p);
		}
		parse(&t, text, len);
		for (unsigned int i = 0; i < t.nr; i++)
			check(t.demos[i].nr_guests && t.demos[i].name[0], "'%.*s'", (int)len, text);
		demos_free(&t);
	}
	verdict("demos-random");
}

int main(void)
{
	test_fields();
	test_mistakes();
	test_bounds();
	test_random();
	return check_failed;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Reading the table of demos (demos.h). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "demos.h"
#include "netspec.h"
#include "spec.h"

#define LINE_BYTES 512

enum { NAME, GUESTS, NEEDS, LIMITS, SHOWS, LOOK, NR_FIELDS };

/* Words that xenctl demo has a meaning for already. */
static const char *const reserved[] = { "list", "start", "measure", "stop" };

static int parse_name(struct demo *d, const char *s, char err[SPEC_ERR])
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!len || s[len] || s[0] == '-' || len >= sizeof(d->name))
		return spec_fail(err, "'%.40s' is no name: a-z, 0-9 and -, at most %zu", s,
				 sizeof(d->name) - 1);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcmp(reserved[i], s))
			return spec_fail(err, "'%s' is a word of xenctl demo", s);
	strcpy(d->name, s);
	return 0;
}

static int guest_index(const struct demo *d, const char *name)
{
	for (unsigned int i = 0; i < d->nr_guests; i++)
		if (!strcmp(d->guests[i], name))
			return (int)i;
	return -1;
}

static int take_guest(struct demo *d, char *word, char err[SPEC_ERR])
{
	if (!guest_name_ok(word))
		return spec_fail(err, "'%.40s' is no guest's name", word);
	if (guest_index(d, word) >= 0)
		return spec_fail(err, "%s is there twice", word);
	if (d->nr_guests == DEMO_GUESTS)
		return spec_fail(err, "more than %d guests", DEMO_GUESTS);
	strcpy(d->guests[d->nr_guests++], word);
	return 0;
}

static int take_disk(struct demo *d, char *spec, char err[SPEC_ERR])
{
	char *size = strchr(spec, ':');

	if (d->disk[0])
		return spec_fail(err, "more than one disk");
	if (!size)
		return spec_fail(err, "disk=%.40s: :SIZE is missing", spec);
	*size++ = 0;
	if (!guest_name_ok(spec) || strlen(spec) >= sizeof(d->disk))
		return spec_fail(err, "'%.40s' is no virtual disk's name", spec);
	if (!isdigit((unsigned char)*size) || strlen(size) >= sizeof(d->disk_size))
		return spec_fail(err, "'%.40s' is not a size like 10G or 512M", size);
	strcpy(d->disk, spec);
	strcpy(d->disk_size, size);
	return 0;
}

static int take_need(struct demo *d, char *word, char err[SPEC_ERR])
{
	if (!strcmp(word, "card")) {
		d->needs_card = true;
		return 0;
	}
	if (!strncmp(word, "disk=", 5))
		return take_disk(d, word + 5, err);
	if (!strncmp(word, "disk?=", 6)) {
		d->disk_optional = true;
		return take_disk(d, word + 6, err);
	}
	return spec_fail(err, "the need '%.40s' is none of card, disk=NAME:SIZE, disk?=NAME:SIZE",
			 word);
}

/* A rate in bytes is what can be measured. */
static int check_limit(const struct demo_limit *l, char err[SPEC_ERR])
{
	struct disk_limits dl = { 0 };
	bool packets = false;
	uint32_t dev;
	uint64_t n;

	if (!strcmp(l->dev, "net")) {
		if (net_parse_rate(l->value, &n, &packets) || packets || !n)
			return spec_fail(err, "'%s' is not a limit like 10Mb/s or 500kB/s",
					 l->value);
		return 0;
	}
	if (vdev_number(l->dev, &dev, err) || disk_limit_parse(&dl, l->value, err))
		return -1;
	return dl.rate ? 0 : spec_fail(err, "'%s' is not rate=BYTES", l->value);
}

static int take_limit(struct demo *d, char *word, char err[SPEC_ERR])
{
	struct demo_limit *l = &d->limits[d->nr_limits];
	char *dev = strchr(word, ':'), *value = dev ? strchr(dev + 1, ':') : NULL;
	int guest;

	if (!value)
		return spec_fail(
			err, "the limit '%.40s' is not GUEST:net:RATE or GUEST:DISK:rate=N", word);
	*dev++ = 0;
	*value++ = 0;
	guest = guest_index(d, word);
	if (guest < 0)
		return spec_fail(err, "a limit for '%.40s', which is no guest of this demo", word);
	if (d->nr_limits == DEMO_LIMITS)
		return spec_fail(err, "more than %d limits", DEMO_LIMITS);
	if (strlen(dev) >= sizeof(l->dev) || strlen(value) >= sizeof(l->value))
		return spec_fail(err, "the limit for %s is too long", word);
	l->guest = (unsigned int)guest;
	strcpy(l->dev, dev);
	strcpy(l->value, value);
	d->nr_limits++;
	return check_limit(l, err);
}

/* A field of words; "-" is none. */
static int parse_words(struct demo *d, char *field,
		       int (*take)(struct demo *d, char *word, char err[SPEC_ERR]),
		       char err[SPEC_ERR])
{
	char *save = NULL;

	if (!strcmp(field, "-"))
		return 0;
	for (char *w = strtok_r(field, " \t", &save); w; w = strtok_r(NULL, " \t", &save))
		if (take(d, w, err))
			return -1;
	return 0;
}

static int parse_text(char to[DEMO_TEXT_MAX], const char *what, const char *s, char err[SPEC_ERR])
{
	if (!*s)
		return spec_fail(err, "%s is empty", what);
	if (strlen(s) >= DEMO_TEXT_MAX)
		return spec_fail(err, "%s is longer than %d characters", what, DEMO_TEXT_MAX - 1);
	strcpy(to, s);
	return 0;
}

/* The last field may hold any character, | too. */
static int split(char *line, char *field[NR_FIELDS], char err[SPEC_ERR])
{
	unsigned int n = 0;
	char *end = line;

	while (end) {
		field[n] = line;
		end = n + 1 < NR_FIELDS ? strchr(line, '|') : NULL;
		if (end) {
			*end = 0;
			line = end + 1;
		}
		field[n] = spec_trim(field[n]);
		n++;
	}
	if (n < NR_FIELDS)
		return spec_fail(err,
				 "%u field%s, not %d: NAME | GUESTS | NEEDS | LIMITS | SHOWS | "
				 "LOOK",
				 n, n == 1 ? "" : "s", NR_FIELDS);
	return 0;
}

static int parse_line(struct demo *d, char *line, char err[SPEC_ERR])
{
	char *field[NR_FIELDS];

	if (split(line, field, err) || parse_name(d, field[NAME], err) ||
	    parse_words(d, field[GUESTS], take_guest, err) ||
	    parse_words(d, field[NEEDS], take_need, err) ||
	    parse_words(d, field[LIMITS], take_limit, err) ||
	    parse_text(d->shows, "what it shows", field[SHOWS], err) ||
	    parse_text(d->look, "what to look at", field[LOOK], err))
		return -1;
	return d->nr_guests ? 0 : spec_fail(err, "no guest");
}

/* Copies a line, without its comment when it is nothing else; 1: nothing is on it. */
static int copy_line(char to[LINE_BYTES], const char *line, size_t len, char err[SPEC_ERR])
{
	if (len && line[len - 1] == '\r')
		len--;
	if (len >= LINE_BYTES)
		return spec_fail(err, "longer than %d characters", LINE_BYTES - 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return spec_fail(err, "a control character");
	memcpy(to, line, len);
	to[len] = 0;
	to += strspn(to, " \t");
	return !*to || *to == '#';
}

static int add_line(struct demos *t, struct demo *d, const char *line, size_t len,
		    char err[SPEC_ERR])
{
	const struct demo *other;
	char buf[LINE_BYTES];
	int ret = copy_line(buf, line, len, err);

	if (ret)
		return ret < 0 ? -1 : 0;
	if (parse_line(d, buf, err))
		return -1;
	other = demos_find(t, d->name);
	if (other)
		return spec_fail(err, "%s is on line %u already", d->name, other->line);
	if (t->nr == DEMOS_MAX)
		return spec_fail(err, "more than %d demos", DEMOS_MAX);
	t->demos[t->nr++] = *d;
	return 0;
}

unsigned int demos_parse(struct demos *t, const char *text, size_t len,
			 void (*bad)(unsigned int, const char *, void *), void *data)
{
	unsigned int line = 0, nr_bad = 0;
	char err[SPEC_ERR];

	t->nr = 0;
	t->demos = calloc(DEMOS_MAX, sizeof(*t->demos));
	if (!t->demos) {
		bad(0, "out of memory", data);
		return 1;
	}
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		struct demo d = { .line = ++line };

		if (add_line(t, &d, text, n, err)) {
			bad(line, err, data);
			nr_bad++;
		}
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	return nr_bad;
}

void demos_free(struct demos *t)
{
	free(t->demos);
	t->demos = NULL;
	t->nr = 0;
}

const struct demo *demos_find(const struct demos *t, const char *name)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (!strcmp(t->demos[i].name, name))
			return &t->demos[i];
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: words apart by blanks, `name` or `name=value`, from one table.
 * Pure: what is wrong is handed to a callback, and changes nothing.
 */
#include <hyp/boot.h>
#include <hyp/lib.h>

enum kind { STRING, NUMBER, FLAG, MEMORY, RAMDRIVES };

#define OPT(n, k, field)                                                                           \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct options, field),               \
		.size = sizeof(((struct options *)0)->field)                                       \
	}

static const struct option {
	const char *name;
	enum kind kind;
	size_t offset, size;
} options[] = {
	OPT("console", STRING, console),
	OPT("com1", STRING, com1),
	OPT("dom0_mem", MEMORY, dom0_mem_pages),
	OPT("dom0_max_vcpus", NUMBER, dom0_max_vcpus),
	OPT("maxcpus", NUMBER, maxcpus),
	OPT("ramdrive", RAMDRIVES, ramdrive_pages),
	OPT("disk_timeout", NUMBER, disk_timeout),
	OPT("sched", STRING, sched),
	OPT("loglvl", NUMBER, loglvl),
	OPT("noreboot", FLAG, noreboot),
	OPT("noacpi", FLAG, noacpi),
	OPT("ignorebiostables", FLAG, ignorebiostables),
	OPT("split", FLAG, split),
	OPT("nosplit", FLAG, nosplit),
};

static int shift_of(char suffix)
{
	switch (suffix | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	}
	return -1;
}

/* A size with a suffix K, M, G or T (none: KiB, as the ABI counts memory), in pages. */
bool parse_size(const char *s, const char **end, uint64_t *pages)
{
	char *p;
	uint64_t v = strtoull(s, &p, 10);
	int shift = shift_of(*p);

	if (p == s)
		return false;
	if (shift >= 0)
		p++;
	else
		shift = 10;
	if (v >> (63 - shift))
		return false;
	*end = p;
	*pages = v << shift >> PAGE_SHIFT;
	return true;
}

/* dom0_mem=SIZE, dom0_mem=SIZE,max:SIZE or dom0_mem=max:SIZE. */
static bool parse_memory(const char *s, struct options *o)
{
	uint64_t size = 0, most = 0;
	bool limit = !strncmp(s, "max:", 4);

	if (!limit) {
		if (!parse_size(s, &s, &size))
			return false;
		limit = *s == ',';
		s += limit;
	}
	if (limit && (strncmp(s, "max:", 4) || !parse_size(s + 4, &s, &most)))
		return false;
	if (*s || !(size || most))
		return false;
	o->dom0_mem_pages = size;
	o->dom0_max_pages = most;
	return true;
}

/* ramdrive=SIZE[,SIZE]... */
static bool parse_ramdrives(const char *s, struct options *o)
{
	uint64_t pages[MAX_RAMDRIVES] = { 0 };

	for (size_t i = 0; i < MAX_RAMDRIVES; i++) {
		if (!parse_size(s, &s, &pages[i]) || !pages[i])
			return false;
		if (!*s) {
			memcpy(o->ramdrive_pages, pages, sizeof(pages));
			return true;
		}
		if (*s++ != ',')
			return false;
	}
	return false;
}

static bool parse_number(const char *s, unsigned int *v)
{
	char *end;
	unsigned long long n = strtoull(s, &end, 0);

	if (end == s || *end || n > 0xffffffff)
		return false;
	*v = (unsigned int)n;
	return true;
}

/* value: NULL when the word has no '='. */
static bool set_option(const struct option *t, const char *value, struct options *o)
{
	char *field = (char *)o + t->offset;

	if ((t->kind == FLAG) != !value)
		return false;
	switch (t->kind) {
	case FLAG:
		*(bool *)field = true;
		return true;
	case NUMBER:
		return parse_number(value, (unsigned int *)(void *)field);
	case MEMORY:
		return parse_memory(value, o);
	case RAMDRIVES:
		return parse_ramdrives(value, o);
	case STRING:
		if (!*value || strlen(value) >= t->size)
			return false;
		strlcpy(field, value, t->size);
	}
	return true;
}

static void parse_word(char *word, struct options *o,
		       void (*wrong)(const char *word, const char *why))
{
	char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *t = &options[i];

		if (strlen(t->name) != len || strncmp(t->name, word, len))
			continue;
		if (!set_option(t, eq ? eq + 1 : NULL, o))
			wrong(word, "this value makes no sense");
		return;
	}
	wrong(word, "unknown option");
}

void cmdline_parse(const char *line, struct options *o,
		   void (*wrong)(const char *word, const char *why))
{
	char word[128];

	*o = (struct options){ .console = "com1,vga", .com1 = "115200,8n1", .loglvl = 2 };
	while (*line) {
		size_t n = 0;

		for (; *line && *line != ' ' && *line != '\t'; line++, n++)
			if (n < sizeof(word) - 1)
				word[n] = *line;
		word[min(n, sizeof(word) - 1)] = '\0';
		if (n >= sizeof(word))
			wrong(word, "too long");
		else if (n)
			parse_word(word, o, wrong);
		if (*line)
			line++;
	}
}

/* True when the comma-separated list has the word. */
bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list) {
		if (!strncmp(list, word, len) && (!list[len] || list[len] == ','))
			return true;
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return false;
}

/* com1=SPEED[,8n1[,PORT[,IRQ]]]; only 8n1 is served. False when it is malformed. */
bool parse_com1(const char *s, struct com_options *c)
{
	char *p;

	*c = (struct com_options){ .port = 0x3f8, .irq = 4 };
	c->baud = (uint32_t)strtoull(s, &p, 10);
	if (!c->baud || c->baud > 115200 || 115200 % c->baud)
		return false;
	if (!*p)
		return true;
	if (strncmp(p, ",8n1", 4))
		return false;
	p += 4;
	if (*p == ',')
		c->port = (uint16_t)strtoull(p + 1, &p, 0);
	if (*p == ',')
		c->irq = (uint8_t)strtoull(p + 1, &p, 0);
	return !*p && c->port && c->irq < 16;
}

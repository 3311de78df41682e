// SPDX-License-Identifier: GPL-2.0-only
/*
 * The meaning of guest configuration files: a const table of keys, each with its type,
 * place in struct guest_cfg and limits. A key that is not in the table is a mistake.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "guestcfg.h"

#define UUID_ROOM 64 /* for one that is chosen later */

enum key_kind { KEY_TEXT, KEY_NUMBER, KEY_ACTION, KEY_UUID, KEY_DISKS, KEY_VIFS };

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;	   /* in struct guest_cfg */
	uint64_t min, max; /* NUMBER: the range; TEXT: max is the room */
};

#define TEXT(field)                                                                                \
	{                                                                                          \
#field, KEY_TEXT, offsetof(struct guest_cfg, field), 0,                            \
			sizeof(((struct guest_cfg *)0)->field)                                     \
	}
#define NUMBER(field, lo, hi)                                                                      \
	{                                                                                          \
#field, KEY_NUMBER, offsetof(struct guest_cfg, field), lo, hi                      \
	}
#define ACTION(field)                                                                              \
	{                                                                                          \
#field, KEY_ACTION, offsetof(struct guest_cfg, field), 0, 0                        \
	}

static const struct key keys[] = {
	TEXT(name),
	TEXT(kernel),
	TEXT(ramdisk),
	TEXT(bootloader),
	NUMBER(memory, 1, 1 << 20),
	NUMBER(maxmem, 1, 1 << 20),
	NUMBER(vcpus, 1, 32),
	TEXT(extra),
	TEXT(cmdline),
	TEXT(root),
	ACTION(on_poweroff),
	ACTION(on_reboot),
	ACTION(on_crash),
	{ "uuid", KEY_UUID, 0, 0, 0 },
	NUMBER(split, 0, 1),
	TEXT(type),
	{ "disk", KEY_DISKS, 0, 0, 0 },
	{ "vif", KEY_VIFS, 0, 0, 0 },
};
#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

static const char *const action_names[] = { "destroy", "restart", "preserve" };

const char *guest_action_name(uint64_t action)
{
	return action_names[action];
}

bool guest_name_ok(const char *name)
{
	bool digits_only = true;
	size_t n;

	for (n = 0; name[n]; n++) {
		if (!isalnum((unsigned char)name[n]) && !strchr("_.+-", name[n]))
			return false;
		digits_only &= isdigit((unsigned char)name[n]) != 0;
	}
	return n > 0 && n < GUEST_NAME_MAX && !digits_only && name[0] != '-';
}

static int __attribute__((format(printf, 3, 4)))
fail(char *err, const struct xlcfg_entry *e, const char *fmt, ...)
{
	int n = 0;
	va_list ap;

	if (e && e->line)
		n = snprintf(err, XLCFG_ERR, "line %u: ", e->line);
	va_start(ap, fmt);
	vsnprintf(err + n, XLCFG_ERR - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

static int parse_uuid(const char *s, uint8_t uuid[16])
{
	unsigned int nibbles = 0;

	for (size_t i = 0; s[i]; i++) {
		char c = s[i];

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return -1;
			continue;
		}
		if (!isxdigit((unsigned char)c) || nibbles == 32)
			return -1;
		c = (char)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
		uuid[nibbles / 2] = (uint8_t)(uuid[nibbles / 2] << 4 | c);
		nibbles++;
	}
	return nibbles == 32 ? 0 : -1;
}

static int set_text(void *field, const struct key *k, const struct xlcfg_entry *e, char *err)
{
	size_t len = strlen(e->value.str);

	if (len >= k->max)
		return fail(err, e, "%s is longer than %zu characters", k->name,
			    (size_t)k->max - 1);
	if (strchr(e->value.str, '\n'))
		return fail(err, e, "%s cannot hold a line end", k->name);
	memcpy(field, e->value.str, len + 1);
	return 0;
}

static int set_number(void *field, const struct key *k, const struct xlcfg_entry *e, char *err)
{
	if (e->value.num < k->min || e->value.num > k->max)
		return fail(err, e, "%s must be %llu to %llu, not %llu", k->name,
			    (unsigned long long)k->min, (unsigned long long)k->max,
			    (unsigned long long)e->value.num);
	memcpy(field, &e->value.num, sizeof(e->value.num));
	return 0;
}

static int set_action(void *field, const struct key *k, const struct xlcfg_entry *e, char *err)
{
	for (uint64_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++) {
		if (!strcmp(e->value.str, action_names[i])) {
			memcpy(field, &i, sizeof(i));
			return 0;
		}
	}
	return fail(err, e, "%s must be \"destroy\", \"restart\" or \"preserve\", not \"%.40s\"",
		    k->name, e->value.str);
}

static int add_disk(struct guest_cfg *g, const char *text, const struct xlcfg_entry *e, char *err)
{
	struct disk_spec *s = &g->disks[g->nr_disks];
	char why[SPEC_ERR];

	if (g->nr_disks == GUEST_DISKS)
		return fail(err, e, "a guest has at most %u disks", GUEST_DISKS);
	if (diskspec_parse(s, text, why))
		return fail(err, e, "disk[%u]: %s", g->nr_disks, why);
	for (unsigned int i = 0; i < g->nr_disks; i++)
		if (g->disks[i].dev == s->dev)
			return fail(err, e, "disk[%u]: disk[%u] has the same vdev", g->nr_disks, i);
	g->nr_disks++;
	return 0;
}

static int add_vif(struct guest_cfg *g, const char *text, const struct xlcfg_entry *e, char *err)
{
	char why[SPEC_ERR];

	if (g->nr_vifs == GUEST_VIFS)
		return fail(err, e, "a guest has at most %u interfaces", GUEST_VIFS);
	if (vifspec_parse(&g->vifs[g->nr_vifs], text, why))
		return fail(err, e, "vif[%u]: %s", g->nr_vifs, why);
	g->nr_vifs++;
	return 0;
}

static int set_devices(struct guest_cfg *g, const struct key *k, const struct xlcfg_entry *e,
		       char *err)
{
	int (*add_one)(struct guest_cfg *, const char *, const struct xlcfg_entry *, char *) =
		k->kind == KEY_DISKS ? add_disk : add_vif;
	const struct xlcfg_value *v = &e->value;

	if (v->type == XLCFG_STRING && !e->line)
		return add_one(g, v->str, e, err);
	if (v->type != XLCFG_LIST)
		return fail(err, e, "%s must be a list, not a %s", k->name,
			    xlcfg_type_name(v->type));
	for (size_t i = 0; i < v->nr_items; i++) {
		if (v->items[i].type != XLCFG_STRING)
			return fail(err, e, "%s[%zu] must be a string", k->name, i);
		if (add_one(g, v->items[i].str, e, err))
			return -1;
	}
	return 0;
}

static int set_key(struct guest_cfg *g, const struct key *k, const struct xlcfg_entry *e, char *err)
{
	void *field = (char *)g + k->offset;
	enum xlcfg_type want = k->kind == KEY_NUMBER ? XLCFG_NUMBER : XLCFG_STRING;
	enum xlcfg_type got = e->value.type;

	if (k->kind == KEY_DISKS || k->kind == KEY_VIFS)
		return set_devices(g, k, e, err);
	/* An override has no quotes: vcpus=2 and name=2 look alike. */
	if (got != want && !(want == XLCFG_STRING && got == XLCFG_NUMBER && !e->line))
		return fail(err, e, "%s must be a %s, not a %s", k->name, xlcfg_type_name(want),
			    xlcfg_type_name(got));
	switch (k->kind) {
	case KEY_TEXT:
		return set_text(field, k, e, err);
	case KEY_NUMBER:
		return set_number(field, k, e, err);
	case KEY_ACTION:
		return set_action(field, k, e, err);
	default:
		g->has_uuid = true;
		return parse_uuid(e->value.str, g->uuid) ?
			       fail(err, e,
				    "uuid must look like "
				    "01234567-89ab-cdef-0123-456789abcdef") :
			       0;
	}
}

static int apply_entry(struct guest_cfg *g, const struct xlcfg_entry *e, char *err)
{
	for (size_t i = 0; i < NR_KEYS; i++)
		if (!strcmp(keys[i].name, e->key))
			return set_key(g, &keys[i], e, err);
	return fail(err, e, "unknown key '%.60s'", e->key);
}

/* cmdline as given, or made of root and extra as xl does. */
static int make_cmdline(struct guest_cfg *g, char *err)
{
	char line[2 * GUEST_CMDLINE_MAX + 8];

	if (g->cmdline[0]) {
		if (g->extra[0] || g->root[0])
			return fail(err, NULL, "cmdline excludes extra and root");
		return 0;
	}
	snprintf(line, sizeof(line), "%s%s%s%s", g->root[0] ? "root=" : "", g->root,
		 g->root[0] && g->extra[0] ? " " : "", g->extra);
	if (strlen(line) >= sizeof(g->cmdline))
		return fail(err, NULL, "root and extra together are longer than %zu characters",
			    sizeof(g->cmdline) - 1);
	memcpy(g->cmdline, line, strlen(line) + 1);
	memset(g->extra, 0, sizeof(g->extra));
	memset(g->root, 0, sizeof(g->root));
	return 0;
}

int guestcfg_from(struct guest_cfg *g, const struct xlcfg *c, const char *default_name,
		  char err[XLCFG_ERR])
{
	*g = (struct guest_cfg){ .vcpus = 1, .on_reboot = ACTION_RESTART };
	for (size_t i = 0; i < c->nr; i++)
		if (apply_entry(g, &c->entries[i], err))
			return -1;
	if (!g->name[0] && default_name)
		snprintf(g->name, sizeof(g->name), "%s", default_name);
	if (!g->name[0])
		return fail(err, NULL, "name is missing");
	if (!guest_name_ok(g->name))
		return fail(err, NULL,
			    "'%s' cannot be a name: letters, digits and _ . + - only, "
			    "not digits alone",
			    g->name);
	if (g->bootloader[0] && strcmp(g->bootloader, "disk"))
		return fail(err, NULL, "bootloader \"%s\": only \"disk\" is known", g->bootloader);
	if (g->bootloader[0] && !g->nr_disks)
		return fail(err, NULL, "bootloader \"disk\": there is no disk");
	if (!g->kernel[0] && !g->bootloader[0])
		return fail(err, NULL, "kernel is missing");
	if (!g->memory)
		return fail(err, NULL, "memory is missing (MiB)");
	if (!g->maxmem)
		g->maxmem = g->memory;
	if (g->maxmem < g->memory)
		return fail(err, NULL, "maxmem (%llu) is less than memory (%llu)",
			    (unsigned long long)g->maxmem, (unsigned long long)g->memory);
	if (g->type[0] && strcmp(g->type, "pv"))
		return fail(err, NULL, "type \"%s\": only \"pv\" guests run here", g->type);
	if (make_cmdline(g, err))
		return -1;
	if (guestcfg_print(g, NULL, 0) >= XENO_CONFIG_MAX - UUID_ROOM)
		return fail(err, NULL, "all of it is longer than %u characters",
			    XENO_CONFIG_MAX - UUID_ROOM - 1);
	return 0;
}

struct out {
	char *buf;
	size_t size;
	int len;
};

static void __attribute__((format(printf, 2, 3))) add(struct out *o, const char *fmt, ...)
{
	size_t at = (size_t)o->len < o->size ? (size_t)o->len : o->size;
	va_list ap;

	va_start(ap, fmt);
	o->len += vsnprintf(o->buf + at, o->size - at, fmt, ap);
	va_end(ap);
}

static void add_quoted(struct out *o, const char *before, const char *s, const char *after)
{
	add(o, "%s\"", before);
	for (; *s; s++)
		add(o, *s == '"' || *s == '\\' ? "\\%c" : *s == '\t' ? "\\t" : "%c", *s);
	add(o, "\"%s", after);
}

static void add_key(struct out *o, const struct key *k, const struct guest_cfg *g)
{
	const char *field = (const char *)g + k->offset;
	uint64_t num = 0;

	if (k->kind == KEY_TEXT && *field) {
		add(o, "%s = ", k->name);
		add_quoted(o, "", field, "\n");
	}
	for (unsigned int i = 0; k->kind == KEY_DISKS && i < g->nr_disks; i++)
		add_quoted(o, i ? ", " : "disk = [ ", g->disks[i].text,
			   i + 1 < g->nr_disks ? "" : " ]\n");
	for (unsigned int i = 0; k->kind == KEY_VIFS && i < g->nr_vifs; i++)
		add_quoted(o, i ? ", " : "vif = [ ", g->vifs[i].text,
			   i + 1 < g->nr_vifs ? "" : " ]\n");
	if (k->kind == KEY_NUMBER || k->kind == KEY_ACTION)
		memcpy(&num, field, sizeof(num));
	if (k->kind == KEY_NUMBER)
		add(o, "%s = %llu\n", k->name, (unsigned long long)num);
	if (k->kind == KEY_ACTION)
		add(o, "%s = \"%s\"\n", k->name, action_names[num]);
	if (k->kind == KEY_UUID && g->has_uuid) {
		add(o, "uuid = \"");
		for (unsigned int i = 0; i < 16; i++)
			add(o, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			    g->uuid[i]);
		add(o, "\"\n");
	}
}

int guestcfg_print(const struct guest_cfg *g, char *buf, size_t size)
{
	struct out o = { buf, size, 0 };

	for (size_t i = 0; i < NR_KEYS; i++)
		add_key(&o, &keys[i], g);
	return o.len;
}

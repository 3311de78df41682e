// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parser of guest configuration files (xlcfg.h): recursive descent over a text in memory,
 * one function per thing of the grammar. The first mistake ends it, with line and column.
 * Which keys exist and what they mean is guestcfg.c's business.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xlcfg.h"

struct parser {
	const char *text, *end, *p;
	unsigned int line;
	const char *line_start;
	char *err;
};

static int __attribute__((format(printf, 2, 3))) fail(struct parser *ps, const char *fmt, ...)
{
	int n = snprintf(ps->err, XLCFG_ERR, "line %u, column %zu: ", ps->line,
			 (size_t)(ps->p - ps->line_start) + 1);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ps->err + n, XLCFG_ERR - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* The next character, or 0 at the end. A NUL byte in the text is refused by xlcfg_parse(). */
static char peek(const struct parser *ps)
{
	return ps->p < ps->end ? *ps->p : 0;
}

static void skip_char(struct parser *ps)
{
	if (*ps->p++ == '\n') {
		ps->line++;
		ps->line_start = ps->p;
	}
}

/* Skips blanks and comments, and line ends when newlines is set. */
static void skip_blanks(struct parser *ps, int newlines)
{
	for (;;) {
		char c = peek(ps);

		if (c == '#') {
			while (peek(ps) && peek(ps) != '\n')
				skip_char(ps);
		} else if (c == ' ' || c == '\t' || c == '\r' || (newlines && c == '\n')) {
			skip_char(ps);
		} else {
			return;
		}
	}
}

static char *copy_text(const char *s, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = 0;
	return copy;
}

static int out_of_memory(struct parser *ps)
{
	return fail(ps, "out of memory");
}

/* What a backslash and c stand for; 0 = nothing. */
static char unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '\\':
	case '\'':
	case '"':
		return c;
	}
	return 0;
}

static int parse_string(struct parser *ps, struct xlcfg_value *v)
{
	struct parser start = *ps;
	char quote = *ps->p;
	size_t len = 0;
	char *out = malloc((size_t)(ps->end - ps->p));

	if (!out)
		return out_of_memory(ps);
	v->type = XLCFG_STRING;
	v->str = out;
	for (skip_char(ps); peek(ps) != quote; skip_char(ps)) {
		char c = peek(ps);

		if (!c || c == '\n')
			return fail(&start, "the string has no closing %c", quote);
		if (c == '\\') {
			skip_char(ps);
			c = unescape(peek(ps));
			if (!c)
				return fail(ps, "unknown escape in a string");
		}
		out[len++] = c;
	}
	skip_char(ps);
	out[len] = 0;
	return 0;
}

static int number_from_text(const char *s, uint64_t *num)
{
	int base = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
	char *end;

	if (!isdigit((unsigned char)s[0]))
		return -1;
	errno = 0;
	*num = strtoull(s, &end, base);
	return *end || errno ? -1 : 0;
}

static int is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static int parse_number(struct parser *ps, struct xlcfg_value *v)
{
	struct parser start = *ps;

	while (is_word(peek(ps)))
		skip_char(ps);
	v->type = XLCFG_NUMBER;
	v->str = copy_text(start.p, (size_t)(ps->p - start.p));
	if (!v->str)
		return out_of_memory(ps);
	if (number_from_text(v->str, &v->num))
		return fail(&start, "'%.40s' is not a number (or too large); strings need quotes",
			    v->str);
	return 0;
}

static int parse_scalar(struct parser *ps, struct xlcfg_value *v)
{
	char c = peek(ps);

	if (c == '\'' || c == '"')
		return parse_string(ps, v);
	if (is_word(c))
		return parse_number(ps, v);
	if (!c || c == '\n')
		return fail(ps, "a value is missing");
	return fail(ps, "expected a value, found '%c'", c);
}

static int add_item(struct parser *ps, struct xlcfg_value *list)
{
	struct xlcfg_value *items;

	items = realloc(list->items, (list->nr_items + 1) * sizeof(*items));
	if (!items)
		return out_of_memory(ps);
	list->items = items;
	memset(&items[list->nr_items], 0, sizeof(*items));
	return parse_scalar(ps, &items[list->nr_items++]);
}

static int parse_list(struct parser *ps, struct xlcfg_value *v)
{
	struct parser start = *ps;

	v->type = XLCFG_LIST;
	skip_char(ps);
	for (skip_blanks(ps, 1); peek(ps) != ']'; skip_blanks(ps, 1)) {
		if (!peek(ps))
			return fail(&start, "the list has no closing ]");
		if (peek(ps) == '[')
			return fail(ps, "lists cannot hold lists");
		if (add_item(ps, v))
			return -1;
		skip_blanks(ps, 1);
		if (peek(ps) == ',')
			skip_char(ps);
		else if (peek(ps) != ']')
			return peek(ps) ? fail(ps, "expected , or ] in the list") :
					  fail(&start, "the list has no closing ]");
	}
	skip_char(ps);
	return 0;
}

static int parse_value(struct parser *ps, struct xlcfg_value *v)
{
	return peek(ps) == '[' ? parse_list(ps, v) : parse_scalar(ps, v);
}

static struct xlcfg_entry *find_entry(struct xlcfg *c, const char *key)
{
	for (size_t i = 0; i < c->nr; i++)
		if (!strcmp(c->entries[i].key, key))
			return &c->entries[i];
	return NULL;
}

/* A new entry for key; takes key over. NULL: out of memory. */
static struct xlcfg_entry *add_entry(struct xlcfg *c, char *key)
{
	struct xlcfg_entry *entries = realloc(c->entries, (c->nr + 1) * sizeof(*entries));

	if (!entries) {
		free(key);
		return NULL;
	}
	c->entries = entries;
	entries[c->nr] = (struct xlcfg_entry){ .key = key };
	return &entries[c->nr++];
}

static int parse_statement(struct parser *ps, struct xlcfg *c)
{
	struct parser start = *ps;
	struct xlcfg_entry *e;
	char *key;

	while (isalnum((unsigned char)peek(ps)) || peek(ps) == '_')
		skip_char(ps);
	if (ps->p == start.p)
		return fail(ps, "expected a key, found '%c'", peek(ps));
	key = copy_text(start.p, (size_t)(ps->p - start.p));
	if (!key)
		return out_of_memory(ps);
	e = find_entry(c, key);
	if (e) {
		fail(&start, "'%.60s' was given already on line %u", key, e->line);
		free(key);
		return -1;
	}
	e = add_entry(c, key);
	if (!e)
		return out_of_memory(ps);
	e->line = start.line;
	skip_blanks(ps, 0);
	if (peek(ps) != '=')
		return fail(ps, "expected = after '%.60s'", key);
	skip_char(ps);
	skip_blanks(ps, 0);
	if (parse_value(ps, &e->value))
		return -1;
	skip_blanks(ps, 0);
	if (peek(ps) && peek(ps) != '\n' && peek(ps) != ';')
		return fail(ps, "unexpected '%c' after the value", peek(ps));
	return 0;
}

int xlcfg_parse(struct xlcfg *c, const char *text, size_t len, char err[XLCFG_ERR])
{
	struct parser ps = { text, text + len, text, 1, text, err };
	const char *nul = len ? memchr(text, 0, len) : NULL;

	if (nul) {
		snprintf(err, XLCFG_ERR, "not a text file (NUL byte at offset %zu)",
			 (size_t)(nul - text));
		return -1;
	}
	for (;;) {
		skip_blanks(&ps, 1);
		if (peek(&ps) == ';')
			skip_char(&ps);
		else if (!peek(&ps))
			return 0;
		else if (parse_statement(&ps, c))
			return -1;
	}
}

static void free_value(struct xlcfg_value *v)
{
	for (size_t i = 0; i < v->nr_items; i++)
		free(v->items[i].str);
	free(v->items);
	free(v->str);
	memset(v, 0, sizeof(*v));
}

static int override_value(struct xlcfg_value *v, const char *text, char *err)
{
	struct parser ps = { text, text + strlen(text), text, 1, text, err };

	if (*text != '\'' && *text != '"' && *text != '[') {
		v->str = copy_text(text, strlen(text));
		v->type = number_from_text(text, &v->num) ? XLCFG_STRING : XLCFG_NUMBER;
		return v->str ? 0 : out_of_memory(&ps);
	}
	if (parse_value(&ps, v))
		return -1;
	skip_blanks(&ps, 0);
	return peek(&ps) ? fail(&ps, "unexpected '%c' after the value", peek(&ps)) : 0;
}

int xlcfg_override(struct xlcfg *c, const char *arg, char err[XLCFG_ERR])
{
	struct xlcfg_value v = { 0 };
	struct xlcfg_entry *e;
	size_t len = strcspn(arg, "=");
	char *key;

	if (!len || arg[len] != '=') {
		snprintf(err, XLCFG_ERR, "'%.60s' is not key=value", arg);
		return -1;
	}
	if (override_value(&v, arg + len + 1, err)) {
		free_value(&v);
		return -1;
	}
	key = copy_text(arg, len);
	e = key ? find_entry(c, key) : NULL;
	if (e) {
		free(key);
		free_value(&e->value);
	} else {
		e = key ? add_entry(c, key) : NULL;
	}
	if (!e) {
		free_value(&v);
		snprintf(err, XLCFG_ERR, "out of memory");
		return -1;
	}
	e->line = 0;
	e->value = v;
	return 0;
}

void xlcfg_free(struct xlcfg *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		free(c->entries[i].key);
		free_value(&c->entries[i].value);
	}
	free(c->entries);
	memset(c, 0, sizeof(*c));
}

const char *xlcfg_type_name(enum xlcfg_type type)
{
	static const char *const names[] = { "string", "number", "list" };

	return names[type];
}

// SPDX-License-Identifier: GPL-2.0-only
/* Secrets of a text, and heads of an archive (support.h). */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support.h"

#define WORD_MAX 64
#define HASH_MIN 8  /* of a hash of a password, behind its `$id$` */
#define BLOB_MIN 24 /* of an SSH key, which begins with AAAA */

/* A text that is read from `at` on, and its copy. */
struct redaction {
	const char *at, *start, *end;
	char *out;
	size_t len;
	unsigned int found;
};

static const char *const secret_words[] = {
	"password", "passwd",	   "passphrase", "secret", "ssh_key",
	"sshkey",   "private_key", "psk",	 "token",  "hash",
};

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool in_base64(char c)
{
	return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '=';
}

static bool ends_value(char c)
{
	return isspace((unsigned char)c) || c == ',' || c == '"' || c == '\'' || c == ']';
}

/* Longer than what it replaces at most so many times; see support_redact(). */
static void hide(struct redaction *r, const char *to)
{
	memcpy(r->out + r->len, SUPPORT_HIDDEN, sizeof(SUPPORT_HIDDEN) - 1);
	r->len += sizeof(SUPPORT_HIDDEN) - 1;
	r->at = to;
	r->found++;
}

static void copy(struct redaction *r, const char *to)
{
	for (; r->at < to; r->at++)
		r->out[r->len++] = *r->at ? *r->at : '?';
}

static bool starts_with(const struct redaction *r, const char *s)
{
	size_t len = strlen(s);

	return (size_t)(r->end - r->at) >= len && !memcmp(r->at, s, len);
}

static const char *line_end(const struct redaction *r, const char *p)
{
	const char *end = memchr(p, '\n', (size_t)(r->end - p));

	return end ? end : r->end;
}

/* vd:NAME:KEY */
static bool disk_key(struct redaction *r)
{
	const char *p = r->at + 3, *key;

	if (!starts_with(r, "vd:") || (r->at > r->start && isalnum((unsigned char)r->at[-1])))
		return false;
	while (p < r->end && !ends_value(*p) && *p != ':')
		p++;
	if (p == r->end || *p != ':')
		return false;
	for (key = ++p; p < r->end && !ends_value(*p);)
		p++;
	if (p == key)
		return false;
	copy(r, key);
	hide(r, p);
	return true;
}

/* -----BEGIN ... PRIVATE KEY----- up to its END, or to the end of the text. */
static bool private_key(struct redaction *r)
{
	const char *end = line_end(r, r->at), *p;
	bool is_private;

	if (!starts_with(r, "-----BEGIN "))
		return false;
	is_private = memmem(r->at, (size_t)(end - r->at), "PRIVATE", 7) != NULL;
	if (!is_private)
		return false;
	p = memmem(end, (size_t)(r->end - end), "-----END ", 9);
	hide(r, p ? line_end(r, p) : r->end);
	return true;
}

/* $6$salt$hash */
static bool password_hash(struct redaction *r)
{
	const char *p = r->at + 1, *rest;

	if (*r->at != '$')
		return false;
	while (p < r->end && isalnum((unsigned char)*p) && p - r->at <= 3)
		p++;
	if (p == r->at + 1 || p == r->end || *p != '$')
		return false;
	for (rest = p; p < r->end && !ends_value(*p) && *p != ':';)
		p++;
	if (p - rest < HASH_MIN)
		return false;
	hide(r, p);
	return true;
}

static bool ssh_blob(struct redaction *r)
{
	const char *p = r->at;

	if (!starts_with(r, "AAAA") || (r->at > r->start && in_base64(r->at[-1])))
		return false;
	while (p < r->end && in_base64(*p))
		p++;
	if (p - r->at < BLOB_MIN)
		return false;
	hide(r, p);
	return true;
}

static bool is_secret_word(const char *s, size_t len)
{
	char word[WORD_MAX];

	if (len >= sizeof(word))
		return true; /* nobody calls anything so */
	for (size_t i = 0; i < len; i++)
		word[i] = s[i] == '-' ? '_' : (char)tolower((unsigned char)s[i]);
	word[len] = 0;
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++)
		if (strstr(word, secret_words[i]))
			return true;
	return false;
}

/* The end of a text between quotes that has begun before p. */
static const char *quoted_end(const struct redaction *r, const char *p, char quote)
{
	const char *end = line_end(r, p);

	for (; p < end && *p != quote; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p;
}

static const char *skip_blanks(const struct redaction *r, const char *p)
{
	while (p < r->end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/*
 * Where the value of the word from r->at to p begins and ends: word=value, word="some words",
 * word = some words, "word": "value", "word=some words". False: it has none.
 */
static bool find_value(const struct redaction *r, const char *p, const char **from, const char **to)
{
	char before = r->at > r->start ? r->at[-1] : 0;
	bool blanks, quoted = before == '"' || before == '\'';

	if (p < r->end && quoted && *p == before) { /* of JSON */
		p++;
		quoted = false;
	}
	*from = skip_blanks(r, p);
	if (*from == r->end || (**from != '=' && **from != ':'))
		return false;
	p = *from + 1;
	*from = skip_blanks(r, p);
	blanks = *from > p;
	if (*from == r->end || **from == '\n')
		return false;
	if (**from == '"' || **from == '\'') {
		*to = quoted_end(r, *from + 1, **from);
		++*from;
	} else if (quoted) {
		*to = quoted_end(r, *from, before);
	} else if (blanks) {
		*to = line_end(r, *from);
	} else {
		for (p = *from; p < r->end && !isspace((unsigned char)*p);)
			p++;
		*to = p;
	}
	return *to > *from;
}

/* A word, with its value if that is secret. */
static bool word(struct redaction *r)
{
	const char *p = r->at, *from, *to;

	if (!isalpha((unsigned char)*p) || (p > r->start && in_word(p[-1])))
		return false;
	while (p < r->end && in_word(*p))
		p++;
	if (!is_secret_word(r->at, (size_t)(p - r->at)) || !find_value(r, p, &from, &to))
		return false;
	copy(r, from);
	hide(r, to);
	return true;
}

char *support_redact(const char *text, size_t len, size_t *out_len, unsigned int *found)
{
	struct redaction r = { .at = text, .start = text, .end = text + len };

	/* At worst each two bytes have a secret in them. */
	r.out = malloc(len * sizeof(SUPPORT_HIDDEN) + 1);
	if (!r.out)
		return NULL;
	while (r.at < r.end)
		if (!disk_key(&r) && !private_key(&r) && !password_hash(&r) && !ssh_blob(&r) &&
		    !word(&r))
			copy(&r, r.at + 1);
	r.out[r.len] = 0;
	*out_len = r.len;
	*found += r.found;
	return r.out;
}

int support_tar_header(char block[SUPPORT_TAR_BLOCK], const char *name, size_t len, long long mtime)
{
	unsigned int sum = 0;

	if (strlen(name) > 100 || len > 077777777777)
		return -1;
	memset(block, 0, SUPPORT_TAR_BLOCK);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000600", 7);
	memcpy(block + 108, "0000000", 7);
	memcpy(block + 116, "0000000", 7);
	snprintf(block + 124, 12, "%011llo", (unsigned long long)len & 077777777777ull);
	snprintf(block + 136, 12, "%011llo", (unsigned long long)mtime & 077777777777ull);
	memset(block + 148, ' ', 8);
	block[156] = '0';
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < SUPPORT_TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum & 0777777);
	block[155] = ' ';
	return 0;
}

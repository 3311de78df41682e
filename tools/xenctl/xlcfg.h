/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The syntax of guest configuration files: lines of `key = value`, where a value is a
 * string ('x' or "x"), a number (decimal or 0x) or a list of those in brackets. `#` starts
 * a comment, `;` separates statements like a line end. Pure: no files, no globals.
 */
#ifndef XENCTL_XLCFG_H
#define XENCTL_XLCFG_H

#include <stddef.h>
#include <stdint.h>

#define XLCFG_ERR 256 /* room for a message */

enum xlcfg_type { XLCFG_STRING, XLCFG_NUMBER, XLCFG_LIST };

struct xlcfg_value {
	enum xlcfg_type type;
	char *str; /* STRING, and the text of a NUMBER */
	uint64_t num;
	struct xlcfg_value *items; /* LIST: strings and numbers */
	size_t nr_items;
};

struct xlcfg_entry {
	char *key;
	struct xlcfg_value value;
	unsigned int line; /* 0: an override from the command line */
};

struct xlcfg {
	struct xlcfg_entry *entries;
	size_t nr;
};

/* Fills c. -1: err holds "line N, column N: what"; c holds what came before. */
int xlcfg_parse(struct xlcfg *c, const char *text, size_t len, char err[XLCFG_ERR]);
/*
 * Applies "key=value" to c, replacing an entry of that key. A value that does not start
 * with a quote or a bracket is taken as it is, spaces and all; a number when it is one.
 */
int xlcfg_override(struct xlcfg *c, const char *arg, char err[XLCFG_ERR]);
void xlcfg_free(struct xlcfg *c);
/* "string", "number" or "list". */
const char *xlcfg_type_name(enum xlcfg_type type);

#endif

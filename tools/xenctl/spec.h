/* SPDX-License-Identifier: GPL-2.0-only */
/* What descriptions of a guest's devices have in common: lists of words and key=value. Pure. */
#ifndef XENCTL_SPEC_H
#define XENCTL_SPEC_H

#include <stdint.h>

#define SPEC_ERR 256 /* room for a message */
#define SPEC_TEXT_MAX 256

/* Fills err; always -1. */
int spec_fail(char err[SPEC_ERR], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Digits, and nothing else. -1: they are not, or are more than max. */
int spec_number(const char *s, uint64_t max, uint64_t *n);
/* Copies text, once to be kept and once to be cut. -1: too long, or with control characters. */
int spec_copy(char kept[SPEC_TEXT_MAX], char cut[SPEC_TEXT_MAX], const char *text,
	      char err[SPEC_ERR]);
/* In place: without the blanks around it. */
char *spec_trim(char *s);

#endif

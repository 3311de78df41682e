/* SPDX-License-Identifier: GPL-2.0-only */
/* Verdicts of the tests here: check() notes a failure, verdict() prints the line. */
#ifndef CHECK_H
#define CHECK_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check_failed_in_test, check_failed;
static char check_reason[300];

/* Keeps the first reason, on one line. */
static void __attribute__((format(printf, 3, 4)))
check_fail(const char *cond, int line, const char *fmt, ...)
{
	char why[200];
	va_list ap;

	if (check_failed_in_test)
		return;
	check_failed_in_test = 1;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(check_reason, sizeof(check_reason), "line %d: %.80s: %s", line, cond, why);
	for (char *p = check_reason; (p = strchr(p, '\n'));)
		*p = ' ';
}

#define check(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			check_fail(#cond, __LINE__, __VA_ARGS__);                                  \
	} while (0)

static inline void verdict(const char *name)
{
	if (check_failed_in_test)
		printf("FAIL %s: %s\n", name, check_reason);
	else
		printf("ok %s\n", name);
	check_failed |= check_failed_in_test;
	check_failed_in_test = 0;
	fflush(stdout);
}

/* Repeatable random numbers (xorshift). */
static inline uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For unit tests: TEST(name) { ... CHECK(condition); ... } defines a test; main() is
 * test_main()'s list. Prints "ok NAME" or "FAIL NAME: why"; exit status 1 on failure.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <stdio.h>

struct test {
	const char *name;
	void (*fn)(void);
};

static const char *test_why;
static int test_line;

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c) && !test_why) {                                                           \
			test_why = #c;                                                             \
			test_line = __LINE__;                                                      \
		}                                                                                  \
	} while (0)

static inline int test_run(const struct test *t, unsigned int n)
{
	int failed = 0;

	for (; n--; t++) {
		test_why = NULL;
		t->fn();
		if (test_why)
			printf("FAIL %s: line %d: %s\n", t->name, test_line, test_why);
		else
			printf("ok %s\n", t->name);
		failed |= test_why != NULL;
	}
	return failed;
}

/* int main(void) { static const struct test t[] = { TEST(a), TEST(b) }; return TEST_RUN(t); } */
#define TEST(f)                                                                                    \
	{                                                                                          \
#f, f                                                                              \
	}
#define TEST_RUN(t) test_run(t, sizeof(t) / sizeof((t)[0]))

#endif

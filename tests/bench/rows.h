/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rows a benchmark was asked for. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <fnmatch.h>

/* patterns ends with NULL; without any, every row is wanted. */
static inline int wanted(const char *row, char **patterns)
{
	if (!*patterns)
		return 1;
	for (; *patterns; patterns++) {
		if (!fnmatch(*patterns, row, 0))
			return 1;
	}
	return 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/* Words of descriptions of devices: see spec.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec.h"

int spec_fail(char err[SPEC_ERR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, SPEC_ERR, fmt, ap);
	va_end(ap);
	return -1;
}

int spec_number(const char *s, uint64_t max, uint64_t *n)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	*n = strtoull(s, &end, 10);
	return *end || errno || *n > max ? -1 : 0;
}

int spec_copy(char kept[SPEC_TEXT_MAX], char cut[SPEC_TEXT_MAX], const char *text,
	      char err[SPEC_ERR])
{
	if (strlen(text) >= SPEC_TEXT_MAX)
		return spec_fail(err, "it is longer than %d characters", SPEC_TEXT_MAX - 1);
	for (const char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c) && *c != '\t')
			return spec_fail(err, "it holds a control character");
	strcpy(kept, text);
	strcpy(cut, text);
	return 0;
}

char *spec_trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers from text, and the one string function the C library of test hosts may lack. */
#include <hyp/lib.h>

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size) {
		size_t n = min(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 99;
}

unsigned long long strtoull(const char *s, char **end, int base)
{
	const char *p = s;
	unsigned long long v = 0;
	bool over = false;

	if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 0x20) == 'x' && digit(p[2]) < 16) {
		base = 16;
		p += 2;
	} else if (base == 0) {
		base = *p == '0' ? 8 : 10;
	}
	for (; digit(*p) < base; p++) {
		unsigned int d = (unsigned int)digit(*p);

		over |= v > (~0ull - d) / (unsigned int)base;
		v = v * (unsigned int)base + d;
	}
	if (end)
		*end = (char *)(uintptr_t)p;
	return over ? ~0ull : v;
}

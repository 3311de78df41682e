/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/lib/number.c hypervisor/lib/sort.c */
/* Formatting compared with the C library's, numbers, sorting. */
#include <stdlib.h>
#include <hyp/lib.h>

#define vsnprintf hyp_vsnprintf
#define snprintf hyp_snprintf
int hyp_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int hyp_snprintf(char *buf, size_t size, const char *fmt, ...);
#include "../../hypervisor/lib/printf.c"
#undef vsnprintf
#undef snprintf

#include "test.h"

/* Formats both ways; the compiler's check of formats would refuse some. */
static bool __attribute__((noinline)) same(const char *fmt, ...)
{
	char a[128], b[128];
	va_list ap;
	int n, m;

	va_start(ap, fmt);
	n = hyp_vsnprintf(a, sizeof(a), fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	m = vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	if (n != m || strcmp(a, b))
		printf("# '%s': '%s' instead of '%s'\n", fmt, a, b);
	return n == m && !strcmp(a, b);
}

static void formats(void)
{
	CHECK(same("plain"));
	CHECK(same("%d %i %u %x %X %o", -5, 7, 5u, 0xabcu, 0xabcu, 8u));
	CHECK(same("%5d|%-5d|%05d|%.3d|%8.3d|%-8.3d|", 42, 42, -42, 4, -4, 4));
	CHECK(same("%ld %lu %lx %lld %llu %llx %zu", -1l, ~0ul, 1ul << 63, -1ll, ~0ull, 5ull,
		   (size_t)9));
	CHECK(same("%s|%10s|%-10s|%.2s|%*s|%-*s|", "abc", "abc", "abc", "abc", 6, "x", 6, "y"));
	CHECK(same("%c%c%%", 'a', 'b'));
	CHECK(same("%#x %#lx %p", 255u, 255ul, (void *)0x1234));
	CHECK(same("%012llx %016lx", 0x123ull, 0ul));
	CHECK(same("%.4s %.0d", "RSDTxx", 0));
	CHECK(same("%d", (int)0x80000000));
	CHECK(same("%lld", (long long)(1ull << 63)));
}

static void ends(void)
{
	char buf[8];

	CHECK(hyp_snprintf(buf, 4, "%d", 123456) == 6 && !strcmp(buf, "123"));
	CHECK(hyp_snprintf(NULL, 0, "abc") == 3);
	CHECK(hyp_snprintf(buf, 1, "abc") == 3 && !*buf);
	CHECK(hyp_snprintf(buf, sizeof(buf), "a%qb") == 4 && !strcmp(buf, "a%qb"));
	CHECK(hyp_snprintf(buf, sizeof(buf), "a%") == 2 && !strcmp(buf, "a%"));
	CHECK(hyp_snprintf(buf, sizeof(buf), "%s", (char *)NULL) == 6 && !strcmp(buf, "(null)"));
}

static void numbers(void)
{
	char *end;

	CHECK(strtoull("0x1fG", &end, 0) == 31 && *end == 'G');
	CHECK(strtoull("017", &end, 0) == 15 && !*end);
	CHECK(strtoull("x", &end, 0) == 0 && *end == 'x');
	CHECK(strtoull("0x", &end, 0) == 0 && *end == 'x');
	CHECK(strtoull("18446744073709551615", &end, 10) == ~0ull);
	CHECK(strtoull("99999999999999999999", &end, 10) == ~0ull && !*end);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void sorting(void)
{
	int v[100], seed = 1;

	for (size_t n = 0; n <= ARRAY_SIZE(v); n++) {
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245u % 65521;
			v[i] = seed % 40;
		}
		sort(v, n, sizeof(*v), by_value);
		for (size_t i = 1; i < n; i++)
			CHECK(v[i - 1] <= v[i]);
	}
}

int main(void)
{
	static const struct test t[] = { TEST(formats), TEST(ends), TEST(numbers), TEST(sorting) };

	return TEST_RUN(t);
}

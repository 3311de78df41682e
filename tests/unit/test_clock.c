/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/time/scale.c hypervisor/time/rtc.c */
/* The 64-by-32-bit arithmetic of the clock against 128-bit integers; the calendar against libc. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <hyp/timer.h>

static int failures;

static void verdict(const char *name, const char *why)
{
	if (why)
		printf("FAIL %s: %s\n", name, why);
	else
		printf("ok %s\n", name);
	failures += why != NULL;
}

static const uint64_t rates[] = {
	1000000,    66666666,	999999999,  1000000000, 1000000001, 1999999999,
	2000000000, 2000000001, 2399998765, 3579545000, 5000000000, 33333333333,
};

static const char *same_as_128_bits(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		struct time_scale s = { 0 };

		time_scale_init(&s, rates[i]);
		for (uint64_t d = 1; d < 1ull << 56; d = d * 5 / 3 + 1) {
			unsigned __int128 x = s.shift < 0 ? d >> -s.shift :
							    (unsigned __int128)d << s.shift;

			if (x >> 64)
				break;
			if (time_scale_delta(&s, d) != (uint64_t)(x * s.mul >> 32))
				return "differs";
		}
	}
	return NULL;
}

/* A day later the clock is where the rate says, within 2 ppb and the rounding of the rate. */
static const char *accurate(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		struct time_scale s = { 0 };
		int64_t ns, want = 86400ll * 1000000000, err;

		time_scale_init(&s, rates[i]);
		ns = (int64_t)time_scale_delta(&s, rates[i] * 86400);
		err = ns > want ? ns - want : want - ns;
		if (err > want / 500000000)
			return "drifts";
	}
	return NULL;
}

static const char *monotonic(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		struct time_scale s = { .tsc = 123456789, .time = 1 };
		s_time_t last = -1000000000;

		time_scale_init(&s, rates[i]);
		for (uint64_t tsc = s.tsc - 100; tsc < s.tsc + 100000; tsc++) {
			s_time_t t = time_scale_at(&s, tsc);

			if (t < last)
				return "goes back";
			last = t;
		}
	}
	return NULL;
}

static const char *before_the_base(void)
{
	struct time_scale s = { .tsc = 1000, .time = 5000 };

	time_scale_init(&s, 1000000000);
	if (time_scale_at(&s, 1000) != 5000)
		return "not at the base";
	if (time_scale_at(&s, 400) > 4400 || time_scale_at(&s, 400) < 4399)
		return "wrong before the base";
	return NULL;
}

static const char *calendar(void)
{
	for (time_t t = 0; t < 4102444800; t += 86399 * 7 + 12345) {
		struct tm tm;
		struct rtc_date d;

		gmtime_r(&t, &tm);
		d = (struct rtc_date){ (unsigned int)tm.tm_year + 1900, (unsigned int)tm.tm_mon + 1,
				       (unsigned int)tm.tm_mday,	(unsigned int)tm.tm_hour,
				       (unsigned int)tm.tm_min,		(unsigned int)tm.tm_sec };
		if (rtc_unix_time(&d) != t)
			return "differs from gmtime";
	}
	return NULL;
}

int main(void)
{
	verdict("clock-128-bit-reference", same_as_128_bits());
	verdict("clock-accurate", accurate());
	verdict("clock-monotonic", monotonic());
	verdict("clock-before-base", before_the_base());
	verdict("clock-calendar", calendar());
	return failures != 0;
}

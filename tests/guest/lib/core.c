/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of day, output, verdicts. Domain 0 prints by console_io, others on their
 * console ring; a ring that is never drained loses text rather than hanging the test.
 */
#include <stdarg.h>
#include <public/io/console.h>
#include "guest.h"

struct start_info *si;
struct shared_info *shared;
bool xeno, is_dom0;
uint64_t *p2m;
static bool dying; /* guards against failing while failing */

extern struct percpu percpu[];
void lib_start(void);
void test(void);
_Noreturn void start_c(void);

void *memset(void *d, int c, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return d;
}

void *memcpy(void *d, const void *s, size_t n)
{
	void *to = d;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(s), "+c"(n)::"memory");
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool str_has(const char *s, const char *part)
{
	size_t n = strlen(part);

	for (; *s; s++)
		if (!memcmp(s, part, n))
			return true;
	return false;
}

uint64_t rnd(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ul;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dul;
}

uint64_t rnd_wild(const uint64_t *values, unsigned int n)
{
	switch (rnd() % 4) {
	case 0:
		return values[rnd() % n];
	case 1:
		return rnd();
	default:
		return rnd() % 200;
	}
}

uint64_t option(const char *key, uint64_t otherwise)
{
	const char *p = (const char *)si->cmd_line;
	size_t n = strlen(key);
	uint64_t v = 0;

	for (; *p; p++)
		if (!memcmp(p, key, n) && p[n] == '=')
			break;
	if (!*p)
		return otherwise;
	for (p += n + 1; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

static void ring_put(const char *s, size_t len)
{
	struct xencons_interface *ring = mfn_to_virt(si->console.domU.mfn);
	struct evtchn_send send = { .port = si->console.domU.evtchn };

	for (size_t i = 0; i < len && ring; i++) {
		unsigned int tries = 0;

		while (*(volatile uint32_t *)&ring->out_prod -
			       *(volatile uint32_t *)&ring->out_cons >=
		       sizeof(ring->out)) {
			hc(event_channel_op, EVTCHNOP_send, &send);
			if (++tries > 100000)
				return;
			hc(sched_op, SCHEDOP_yield, 0);
		}
		ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = s[i];
		__asm__ volatile("" ::: "memory");
		ring->out_prod++;
	}
	hc(event_channel_op, EVTCHNOP_send, &send);
}

struct out {
	char text[400];
	size_t len;
};

static void out_c(struct out *o, char c)
{
	if (o->len < sizeof(o->text))
		o->text[o->len++] = c;
}

static void out_num(struct out *o, uint64_t v, unsigned int base, int width, bool zero)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while ((v /= base));
	for (; width > n; width--)
		out_c(o, zero ? '0' : ' ');
	while (n)
		out_c(o, digits[--n]);
}

static const char *out_one(struct out *o, const char *f, va_list ap)
{
	bool zero = *f == '0', wide = false;
	int width = 0;
	uint64_t v;

	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + *f - '0';
	for (; *f == 'l' || *f == 'z'; f++)
		wide = true;
	if (*f == 's') {
		for (const char *s = va_arg(ap, const char *); *s; s++)
			out_c(o, *s);
		return f + 1;
	}
	if (*f == '%') {
		out_c(o, '%');
		return f + 1;
	}
	v = wide ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int);
	if (*f == 'd' && !wide)
		v = (uint64_t)(int)v;
	if (*f == 'd' && (int64_t)v < 0) {
		out_c(o, '-');
		v = -v;
	}
	if (*f == 'c')
		out_c(o, (char)v);
	else
		out_num(o, v, *f == 'x' ? 16 : 10, width, zero);
	return f + 1;
}

static void vprint(const char *prefix, const char *fmt, va_list ap)
{
	struct out o = { .len = 0 };

	for (; *prefix; prefix++)
		out_c(&o, *prefix);
	while (*fmt) {
		if (*fmt == '%')
			fmt = out_one(&o, fmt + 1, ap);
		else
			out_c(&o, *fmt++);
	}
	out_c(&o, '\n');
	o.text[o.len - 1] = '\n';
	if (is_dom0)
		hc(console_io, CONSOLEIO_write, o.len, o.text);
	else
		ring_put(o.text, o.len);
}

void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint("", fmt, ap);
	va_end(ap);
}

static _Noreturn void power_off(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_poweroff };

	for (;;)
		hc(sched_op, SCHEDOP_shutdown, &s);
}

_Noreturn void fail(const char *fmt, ...)
{
	va_list ap;

	if (dying)
		power_off();
	dying = true;
	va_start(ap, fmt);
	vprint("verdict: FAIL " TEST_NAME ": ", fmt, ap);
	va_end(ap);
	power_off();
}

_Noreturn void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint("verdict: skip " TEST_NAME ": ", fmt, ap);
	va_end(ap);
	power_off();
}

/* The hypervisor must still answer, and time must run, before a test counts as passed. */
_Noreturn void pass(void)
{
	uint64_t t = now();

	CHECK(hc(xen_version, XENVER_version, 0) > 0, "the hypervisor no longer answers");
	sleep_ns(1000000);
	CHECK(now() > t, "time stands still");
	print("verdict: ok " TEST_NAME);
	power_off();
}

void may_die(const char *how)
{
	print("note: " TEST_NAME " may be killed: %s", how);
}

/* A whole page: older hypervisors ask for more than the string. */
static char version_buf[4096] __attribute__((aligned(4096)));

_Noreturn void start_c(void)
{
	is_dom0 = si->flags & SIF_INITDOMAIN;
	p2m = (uint64_t *)si->mfn_list;
	lib_start();
	if (hc(xen_version, XENVER_extraversion, version_buf) >= 0)
		xeno = str_has(version_buf, "xeno") || str_has(version_buf, "Xeno");
	print("note: " TEST_NAME " starts, %s, %lu pages", is_dom0 ? "domain 0" : "domain U",
	      si->nr_pages);
	test();
	pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages: into the log ring always, to the serial line and the screen when their
 * level allows it. Each line starts with "(Xeno)" and, once there is a clock, the time.
 *
 * Raw output of domain 0 takes the same way but the ring. Once domain 0 runs, the
 * screen is its own, and ours again for a panic only.
 */
#include <stdarg.h>
#include <hyp/boot.h>
#include <hyp/console.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/spinlock.h>
#include <hyp/timer.h>

#define LOG_SIZE (128 * 1024u)
#define VGA_TEXT 0xb8000
#define BURST 20	   /* guest-caused messages at once, */
#define REFILL 200000000ll /* and one more every 200 ms */

static struct spinlock lock = SPINLOCK_INIT(RANK_CONSOLE, "console");
/* protected by lock: */
static char log[LOG_SIZE];
static uint64_t log_end; /* bytes ever written */
static char line[512];
static bool mid_line;
static unsigned int level; /* of the line being printed */

static bool use_serial = true, use_screen, in_panic;
static bool have_screen;       /* it is there and mapped */
static uint64_t not_on_screen; /* from this log position on */

/* False: this CPU has it already (a fault or NMI while printing). */
static bool console_lock(void)
{
	if (READ_ONCE(in_panic) || spin_held(&lock))
		return false;
	spin_lock(&lock);
	return true;
}

static void console_unlock(bool locked)
{
	if (locked && spin_held(&lock))
		spin_unlock(&lock);
}

static void log_put(const char *s, size_t n)
{
	for (; n; n--)
		log[log_end++ % LOG_SIZE] = *s++;
}

/* Serial lines want a carriage return. */
static void show(const char *s, size_t n)
{
	if (use_screen)
		screen_write(s, n);
	while (use_serial && n) {
		const char *end = s;

		while (n && *end != '\n') {
			end++;
			n--;
		}
		serial_write(s, (size_t)(end - s));
		s = end;
		if (n) {
			serial_write("\r\n", 2);
			s++;
			n--;
		}
	}
}

static void emit(const char *s, size_t n)
{
	log_put(s, n);
	if (level <= opt.loglvl || in_panic)
		show(s, n);
}

static void emit_prefix(void)
{
	uint64_t us = tsc_khz ? (uint64_t)now() / 1000 : 0;
	char head[40];

	emit(head,
	     (size_t)snprintf(head, sizeof(head), "(Xeno) [%4llu.%06llu] ",
			      (unsigned long long)us / 1000000, (unsigned long long)us % 1000000));
}

/* Level marks may stand at the start of each line. */
static void emit_text(const char *s)
{
	while (*s) {
		const char *end = strchr(s, '\n');

		if (!mid_line) {
			level = 2;
			if (s[0] == '<' && s[1] >= '0' && s[1] <= '3' && s[2] == '>') {
				level = (unsigned int)(s[1] - '0');
				s += 3;
			}
			emit_prefix();
		}
		mid_line = !end;
		end = end ? end + 1 : s + strlen(s);
		emit(s, (size_t)(end - s));
		s = end;
	}
}

void vprintk(const char *fmt, va_list ap)
{
	bool locked = console_lock();

	vsnprintf(line, sizeof(line), fmt, ap);
	emit_text(line);
	console_unlock(locked);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

/* One purse for all guests: tokens come with time; what finds none is counted. */
static bool ratelimit(unsigned int *missed)
{
	static s_time_t last;
	static unsigned int tokens = BURST, lost;
	s_time_t t = now();
	bool ok;

	if (t - last >= REFILL) {
		tokens = (unsigned int)min((s_time_t)BURST, tokens + (t - last) / REFILL);
		last = t;
	}
	ok = tokens > 0;
	*missed = 0;
	if (ok) {
		tokens--;
		*missed = lost;
		lost = 0;
	} else {
		lost++;
	}
	return ok;
}

void gprintk(const struct domain *d, const char *fmt, ...)
{
	bool locked = console_lock();
	unsigned int missed;
	size_t n = 0;
	va_list ap;

	if (ratelimit(&missed)) {
		if (missed)
			n = (size_t)snprintf(line, sizeof(line), LOG_WARN "%u messages left out\n",
					     missed);
		if (fmt[0] == '<' && fmt[1] && fmt[2] == '>') {
			n += (size_t)snprintf(line + n, sizeof(line) - n, "<%c>", fmt[1]);
			fmt += 3;
		}
		n += (size_t)snprintf(line + n, sizeof(line) - n, "d%u: ", d->id);
		va_start(ap, fmt);
		vsnprintf(line + n, sizeof(line) - n, fmt, ap);
		va_end(ap);
		emit_text(line);
	}
	console_unlock(locked);
}

void console_write(const char *s, size_t len)
{
	bool locked = console_lock();

	if (use_serial)
		serial_write(s, len);
	if (use_screen)
		screen_write(s, len);
	console_unlock(locked);
}

size_t log_read(uint64_t *pos, char *buf, size_t len)
{
	bool locked = console_lock();
	size_t n = 0;

	if (log_end > LOG_SIZE)
		*pos = max(*pos, log_end - LOG_SIZE);
	*pos = min(*pos, log_end);
	while (n < len && *pos < log_end)
		buf[n++] = log[(*pos)++ % LOG_SIZE];
	console_unlock(locked);
	return n;
}

/* --- coming up */

void console_early_init(void)
{
	serial_init(&(struct com_options){ .baud = 115200, .port = 0x3f8, .irq = 4 });
}

void console_init(void)
{
	struct com_options c;

	use_serial = list_has(opt.console, "com1");
	if (!parse_com1(opt.com1, &c)) {
		parse_com1("115200,8n1", &c);
		printk(LOG_WARN "com1=%s makes no sense: 115200,8n1 is used\n", opt.com1);
	}
	if (use_serial)
		serial_init(&c);
	if (list_has(opt.console, "vga") && boot_video.type == 1) {
		vga_start((volatile uint16_t *)(DIRECT_MAP_VIRT + VGA_TEXT));
		have_screen = use_screen = true;
	}
}

void console_unmap_screen(void)
{
	not_on_screen = have_screen ? log_end : 0;
	have_screen = use_screen = false;
}

void console_map_screen(void)
{
	volatile uint16_t *text;

	if (!list_has(opt.console, "vga"))
		return;
	if (boot_video.type == 1) {
		text = mmio_map(MADDR(VGA_TEXT), 80 * 25 * 2);
		if (text)
			vga_start(text);
		have_screen = text != NULL;
	} else {
		have_screen = fb_start();
	}
	use_screen = have_screen;
	for (uint64_t pos = not_on_screen; have_screen && pos < log_end; pos++)
		screen_write(&log[pos % LOG_SIZE], 1);
}

void console_irq_init(void)
{
	if (use_serial)
		serial_irq_init();
}

void console_give_screen(void)
{
	if (use_screen)
		printk("the screen is domain 0's now\n");
	use_screen = false;
}

void console_panic(void)
{
	WRITE_ONCE(in_panic, true);
	use_screen = have_screen;
	mid_line = false;
}

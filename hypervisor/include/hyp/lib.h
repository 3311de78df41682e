/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Freestanding helpers: strings, formatted printing, panics, sorting.
 * Everything under lib/ also compiles on the host for the unit tests.
 */
#ifndef HYP_LIB_H
#define HYP_LIB_H

#include <stdarg.h>
#include <hyp/types.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
/* Copies at most size-1 bytes and terminates; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);
/* Base 0 accepts 0x and 0 prefixes. *end as in the C library. */
unsigned long long strtoull(const char *s, char **end, int base);
/* In place, not stable; cmp as in the C library. */
void sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));

/* %d %i %u %x %X %o %c %s %p %% with l ll z, width, 0 and - flags, precision. Returns the full length. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* Log levels: a message starts with one of these; without it, LOG_INFO. */
#define LOG_ERR "<0>"
#define LOG_WARN "<1>"
#define LOG_INFO "<2>"
#define LOG_DEBUG "<3>"

/* To the log ring, and to the consoles when the level is at most loglvl=. Any context. */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list ap);
/* Messages a guest can cause: at most a few per second are printed, the rest counted. Prefixes "dN: ". */
struct domain;
void gprintk(const struct domain *d, const char *fmt, ...) __printf(2, 3);

/* Prints, stops all CPUs, shows registers and a symbolised backtrace, reboots unless noreboot. */
void panic(const char *fmt, ...) __printf(1, 2) __attribute__((noreturn, cold));
struct cpu_regs;
/* The same for an exception of the hypervisor itself: shows its registers and where it was. */
void panic_regs(const struct cpu_regs *r, const char *fmt, ...) __printf(2, 3)
	__attribute__((noreturn, cold));
/* "name+0x12" of a text address into buf, or the number when there is no such function. */
const char *symbol_name(uint64_t addr, char *buf, size_t size);

#define BUG_ON(c)                                                                                  \
	do {                                                                                       \
		if (unlikely(c))                                                                   \
			panic("BUG: %s at %s:%d", #c, __FILE__, __LINE__);                         \
	} while (0)
#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#ifdef DEBUG
#define ASSERT(c) BUG_ON(!(c))
#else
#define ASSERT(c)                                                                                  \
	do {                                                                                       \
		if (0)                                                                             \
			(void)(c);                                                                 \
	} while (0)
#endif

/* Error numbers of the ABI (Linux's values). Returned negative. */
#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define E2BIG 7
#define ENOEXEC 8
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define EISDIR 21
#define EINVAL 22
#define ENOSPC 28
#define EROFS 30
#define ERANGE 34
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ENOTEMPTY 39
#define EOVERFLOW 75
#define EILSEQ 84
#define EOPNOTSUPP 95
#define EISCONN 106
#define ETIME 62
#define EALREADY 114
#define EDQUOT 122

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scalar types. Frame numbers of different address spaces are different C
 * types, so that mixing them does not compile.
 */
#ifndef HYP_TYPES_H
#define HYP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t domid_t;
typedef int64_t s_time_t; /* nanoseconds since boot */

typedef struct {
	uint64_t n;
} mfn_t; /* machine frame number */

typedef struct {
	uint64_t n;
} pfn_t; /* pseudo-physical frame number of one domain */

typedef struct {
	uint64_t a;
} maddr_t; /* machine address */

#define MFN(x) ((mfn_t){ (x) })
#define PFN(x) ((pfn_t){ (x) })
#define MADDR(x) ((maddr_t){ (x) })
#define INVALID_MFN MFN(~0ull)

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
	return a.n == b.n;
}

#define MAX_CPUS 64
#define MAX_VCPUS 32 /* per domain; the legacy shared_info slots */

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define PAGE_MASK (~(PAGE_SIZE - 1))

static inline maddr_t mfn_to_maddr(mfn_t m)
{
	return MADDR(m.n << PAGE_SHIFT);
}

static inline mfn_t maddr_to_mfn(maddr_t a)
{
	return MFN(a.a >> PAGE_SHIFT);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define min(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) _a = (a);                                                            \
		__typeof__(b) _b = (b);                                                            \
		_a < _b ? _a : _b;                                                                 \
	})
#define max(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) _a = (a);                                                            \
		__typeof__(b) _b = (b);                                                            \
		_a > _b ? _a : _b;                                                                 \
	})
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier() __asm__ volatile("" ::: "memory")
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __init __attribute__((section(".init.text"), cold))
#define __printf(a, b) __attribute__((format(printf, a, b)))

#endif

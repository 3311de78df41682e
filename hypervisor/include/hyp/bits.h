/* SPDX-License-Identifier: GPL-2.0-only */
/* Bit operations; the *_atomic ones are full barriers, and work on memory shared with guests. */
#ifndef HYP_BITS_H
#define HYP_BITS_H

#include <hyp/types.h>

#define BIT(n) (1ul << (n))

static inline bool test_bit(const void *p, unsigned int n)
{
	return READ_ONCE(((const uint64_t *)p)[n / 64]) >> (n % 64) & 1;
}

static inline void set_bit(void *p, unsigned int n)
{
	((uint64_t *)p)[n / 64] |= BIT(n % 64);
}

static inline void clear_bit(void *p, unsigned int n)
{
	((uint64_t *)p)[n / 64] &= ~BIT(n % 64);
}

/* Each returns the old value of the bit. */
static inline bool test_and_set_atomic(void *p, unsigned int n)
{
	return __atomic_fetch_or((uint64_t *)p + n / 64, BIT(n % 64), __ATOMIC_SEQ_CST) >>
		       (n % 64) &
	       1;
}

static inline bool test_and_clear_atomic(void *p, unsigned int n)
{
	return __atomic_fetch_and((uint64_t *)p + n / 64, ~BIT(n % 64), __ATOMIC_SEQ_CST) >>
		       (n % 64) &
	       1;
}

static inline unsigned int find_first_set(uint64_t v) /* v != 0 */
{
	return (unsigned int)__builtin_ctzll(v);
}

typedef struct {
	uint64_t bits[(MAX_CPUS + 63) / 64];
} cpumask_t;

static inline bool cpumask_test(const cpumask_t *m, unsigned int cpu)
{
	return test_bit(m->bits, cpu);
}

static inline void cpumask_set(cpumask_t *m, unsigned int cpu)
{
	test_and_set_atomic(m->bits, cpu);
}

static inline void cpumask_clear(cpumask_t *m, unsigned int cpu)
{
	test_and_clear_atomic(m->bits, cpu);
}

static inline bool cpumask_empty(const cpumask_t *m)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++)
		if (READ_ONCE(m->bits[i]))
			return false;
	return true;
}

#endif

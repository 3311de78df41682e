/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From cycles to nanoseconds with 64 by 32 bit multiplications, as guests do it with
 * struct vcpu_time_info. Pure.
 */
#include <hyp/timer.h>

/* Brings hz into (1e9, 2e9] by shifts; the multiplier then has 32 significant bits. */
void time_scale_init(struct time_scale *s, uint64_t hz)
{
	s->shift = 0;
	for (; hz > 2000000000; hz >>= 1)
		s->shift--;
	for (; hz <= 1000000000; hz <<= 1)
		s->shift++;
	s->mul = (uint32_t)((1000000000ull << 32) / hz);
}

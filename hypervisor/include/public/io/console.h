/* SPDX-License-Identifier: MIT */
/*
 * The console page: two byte rings. The guest produces out and consumes in; indexes run
 * freely and are masked. After a change the event channel of the console is sent on.
 */
#ifndef XENO_PUBLIC_IO_CONSOLE_H
#define XENO_PUBLIC_IO_CONSOLE_H

#include <stdint.h>

typedef uint32_t XENCONS_RING_IDX;

#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1))

struct xencons_interface {
	char in[1024];
	char out[2048];
	XENCONS_RING_IDX in_cons, in_prod;
	XENCONS_RING_IDX out_cons, out_prod;
};
_Static_assert(__builtin_offsetof(struct xencons_interface, in_cons) == 3072, "xencons");
_Static_assert(sizeof(struct xencons_interface) == 3088, "xencons_interface");

#endif

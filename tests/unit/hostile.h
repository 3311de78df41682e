/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that is almost right: a good one with some bytes changed to others that mean something. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>
#include <string.h>

/* len: of seed, with its end, which stays. bytes: 16 of them. *r goes on from text to text. */
static inline void hostile_text(char *text, const char *seed, size_t len, unsigned int changes,
				const char *bytes, uint64_t *r)
{
	memcpy(text, seed, len);
	while (changes--) {
		*r = *r * 6364136223846793005ull + 1442695040888963407ull;
		text[(*r >> 33) % (len - 1)] = bytes[(*r >> 20) % 16];
	}
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that is 64-bit and 32-bit at once (L and D) is refused; the same bits of data are not. */
#include "lib/guest.h"

#define CODE64 0x00affb000000fffful
#define DATA 0x00aff3000000fffful
#define BIG (1ul << 54)
#define PRESENT (1ul << 47)

void test(void)
{
	uint64_t *gdt = page_alloc(), mfn = mfn_of(gdt);

	if (!xeno)
		skip("the reference leaves this to the processor");
	for (unsigned int conforming = 0; conforming < 2; conforming++) {
		gdt[5] = CODE64 | BIG | (uint64_t)conforming << 42;
		make_ro(gdt);
		REFUSED(hc(set_gdt, &mfn, 512));
		REFUSED(hc(update_descriptor, mfn << 12 | 6 * 8, gdt[5]));
		make_rw(gdt);
	}
	gdt[5] = (CODE64 | BIG) & ~PRESENT;
	gdt[6] = DATA | BIG;
	gdt[7] = CODE64;
	make_ro(gdt);
	EXPECT(hc(set_gdt, &mfn, 512), 0);
	EXPECT(hc(update_descriptor, mfn << 12 | 8 * 8, CODE64), 0);
	REFUSED(hc(update_descriptor, mfn << 12 | 8 * 8, CODE64 | BIG));
	EXPECT(gdt[8] & BIG, 0);
	EXPECT(hc(set_gdt, 0, 0), 0);
	make_rw(gdt);
}

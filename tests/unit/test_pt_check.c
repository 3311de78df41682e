/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: */
/* Which entries a guest's tables may hold, and when a change leaves something in a TLB. */
#include <hyp/pt_check.h>
#include "test.h"

#define RESERVED (PTE_ADDR & ~((1ul << 40) - 1)) /* a processor with 40 bits */
#define FRAME 0x123456000ul

static bool ok(uint64_t e, unsigned int level)
{
	return pt_check_entry(&e, level, RESERVED);
}

static void not_present(void)
{
	for (unsigned int level = 1; level <= 4; level++)
		for (unsigned int bit = 1; bit < 64; bit++) {
			uint64_t e = 1ul << bit;

			CHECK(pt_check_entry(&e, level, RESERVED) && e == 1ul << bit);
		}
}

/* Each bit alone, on each level. */
static void every_bit(void)
{
	for (unsigned int level = 1; level <= 4; level++)
		for (unsigned int bit = 1; bit < 64; bit++) {
			bool bad = (bit >= 40 && bit < 52) || (bit == 7 && level > 1);
			uint64_t e = 1ul << bit | PTE_P, want = bit == 8 ? PTE_P : e;

			CHECK(ok(e, level) == !bad);
			if (!bad)
				CHECK(pt_check_entry(&e, level, RESERVED) && e == want);
		}
}

static void user_bit_is_the_guests(void)
{
	uint64_t e = FRAME | PTE_P | PTE_RW;

	CHECK(pt_check_entry(&e, 1, RESERVED) && !(e & PTE_US));
	e |= PTE_US;
	CHECK(pt_check_entry(&e, 4, RESERVED) && (e & PTE_US));
}

static void slots(void)
{
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		CHECK(pt_slot_is_guest(4, i) == (i < 256 || i > 271));
		CHECK(pt_slot_is_guest(3, i) && pt_slot_is_guest(1, i));
	}
}

static void flushes(void)
{
	const uint64_t e = FRAME | PTE_P | PTE_RW | PTE_US | PTE_A;

	CHECK(!pt_needs_flush(0, e, 1));
	CHECK(!pt_needs_flush(e & ~PTE_P, 0, 1));
	CHECK(!pt_needs_flush(e & ~PTE_A, 0, 1)); /* never used */
	CHECK(pt_needs_flush(e & ~PTE_A, 0, 4));  /* used through a copy */
	CHECK(pt_needs_flush(e, 0, 1));
	CHECK(pt_needs_flush(e, e + PAGE_SIZE, 1));
	CHECK(pt_needs_flush(e, e & ~PTE_RW, 1));
	CHECK(pt_needs_flush(e, e & ~PTE_US, 1));
	CHECK(pt_needs_flush(e, e & ~PTE_A, 1));
	CHECK(pt_needs_flush(e, e | PTE_NX, 1));
	CHECK(pt_needs_flush(e, e | PTE_PCD, 1));
	CHECK(!pt_needs_flush(e, e, 1));
	CHECK(!pt_needs_flush(e, e | PTE_D, 1));
	CHECK(!pt_needs_flush(e & ~PTE_RW, e, 1));
	CHECK(!pt_needs_flush(e | PTE_NX, e, 1));
}

static void same_frame(void)
{
	CHECK(pt_same_frame(FRAME | PTE_P, FRAME | PTE_P | PTE_RW | PTE_NX));
	CHECK(!pt_same_frame(FRAME, FRAME | PTE_P));
	CHECK(!pt_same_frame(FRAME | PTE_P, (FRAME + PAGE_SIZE) | PTE_P));
}

int main(void)
{
	static const struct test t[] = {
		TEST(not_present), TEST(every_bit), TEST(user_bit_is_the_guests),
		TEST(slots),	   TEST(flushes),   TEST(same_frame),
	};

	return TEST_RUN(t);
}

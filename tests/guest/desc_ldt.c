/* SPDX-License-Identifier: GPL-2.0-only */
/* The LDT: bad bases and counts, gates in it, writable pages under it. */
#include "lib/guest.h"

#define DATA 0x00cff3000000fffful
#define GATE 0x0000ec0000080000ul
#define FAR 0x5000001000ul
#define SEL(n) ((uint64_t)(n)*8 | 7)

static uint64_t *good, *gates;

static long load_fs(uint64_t sel)
{
	struct regs r = { .rax = sel };
	long v = EXEC("\x8e\xe0", &r);

	r.rax = 0;
	EXPECT(EXEC("\x8e\xe0", &r), -1);
	return v;
}

static void bad_arguments(void)
{
	static const uint64_t va[] = { BAD_NONCANON, BAD_HYP, 0xffff808000010000,
				       0xffff87fffffff000, 0x00007ffffffff000 };

	REFUSED(mmuext(MMUEXT_SET_LDT, A(good) + 8, 512));
	REFUSED(mmuext(MMUEXT_SET_LDT, A(good), 8193));
	REFUSED(mmuext(MMUEXT_SET_LDT, A(good), 0xffffffff));
	/* Bases that are no use: refused at once or when a selector is loaded. */
	for (unsigned int i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
		mmuext(MMUEXT_SET_LDT, va[i], 8192);
		EXPECT(load_fs(SEL(1)) == -1, 0);
		EXPECT(load_fs(SEL(8191)) == -1, 0);
	}
	mmuext(MMUEXT_SET_LDT, BAD_UNMAPPED, 512);
	EXPECT(load_fs(SEL(1)) == -1, 0);
}

static void working(void)
{
	EXPECT(mmuext(MMUEXT_SET_LDT, A(good), 512), 0);
	EXPECT(load_fs(SEL(1)), -1);
	EXPECT(load_fs(SEL(2)) == -1, 0);
	EXPECT(load_fs(SEL(512)) == -1, 0);
	REFUSED(map_page(good, mfn_of(good), PTE_KERNEL));
	EXPECT(hc(update_descriptor, mfn_of(good) << 12 | 16, DATA), 0);
	EXPECT(load_fs(SEL(2)), -1);
	CHECK(hc(update_descriptor, mfn_of(good) << 12 | 16, GATE) < 0 || !xeno, "a gate");
	EXPECT(mmuext(MMUEXT_SET_LDT, 0, 0), 0);
	EXPECT(load_fs(SEL(1)) == -1, 0);
}

/* Second page with a call gate, third page mapped writable. */
static void mixed(void)
{
	uint64_t *rw = page_alloc();

	rw[1] = DATA;
	map_far(FAR, mfn_of(good), PTE_KERNEL_RO);
	map_far(FAR + PAGE_SIZE, mfn_of(gates), PTE_KERNEL_RO);
	map_far(FAR + 2 * PAGE_SIZE, mfn_of(rw), PTE_KERNEL);
	if (mmuext(MMUEXT_SET_LDT, FAR, 3 * 512) < 0) {
		print("note: the whole table is checked at once");
		return;
	}
	EXPECT(load_fs(SEL(1)), -1);
	EXPECT(load_fs(SEL(512 + 1)) == -1, 0);
	CHECK(load_fs(SEL(512 + 2)) != -1 || !xeno, "a page with a gate is in use");
	if (load_fs(SEL(1024 + 1)) == -1)
		EXPECT(probe_write(A(rw)) == -1, 0);
	EXPECT(mmuext(MMUEXT_SET_LDT, 0, 0), 0);
}

void test(void)
{
	good = page_alloc();
	gates = page_alloc();
	good[1] = DATA;
	gates[1] = GATE;
	gates[2] = DATA;
	make_ro(good);
	make_ro(gates);
	bad_arguments();
	working();
	mixed();
	for (int i = 0; i < 100; i++) {
		EXPECT(mmuext(MMUEXT_SET_LDT, A(good), 512), 0);
		EXPECT(load_fs(SEL(1)), -1);
		EXPECT(mmuext(MMUEXT_SET_LDT, 0, 0), 0);
		hc(update_va_mapping, FAR, 0, UVMF_INVLPG);
		make_rw(good);
		make_ro(good);
	}
}

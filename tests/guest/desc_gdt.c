/* SPDX-License-Identifier: GPL-2.0-only */
/* The GDT: no gates and system segments, no DPL 0, no writable mapping, no wild counts. */
#include "lib/guest.h"

#define CODE64 0x00affb000000fffful /* DPL 3 */
#define DATA 0x00cff3000000fffful
#define DPL(d, l) (((d) & ~(3ul << 45)) | (uint64_t)(l) << 45)
#define SYSTEM(type, dpl) (0x0000800000000067ul | (uint64_t)(type) << 40 | (uint64_t)(dpl) << 45)

static uint64_t *gdt, mfn;

static void bad_descriptor(uint64_t d, unsigned int slot)
{
	gdt[slot] = d;
	gdt[slot + 1] = 0;
	make_ro(gdt);
	if (hc(set_gdt, &mfn, 512) == 0) {
		/* The reference knows safe gates; Xeno has none. */
		CHECK(!xeno, "descriptor %lx accepted", d);
		print("note: descriptor %lx is stored as %lx", d, gdt[slot]);
		EXPECT(hc(set_gdt, 0, 0), 0);
	}
	make_rw(gdt);
	gdt[slot] = 0;
}

static void bad_descriptors(void)
{
	/* All system types, present, of every DPL: TSS, LDT, call, interrupt and trap gates. */
	for (unsigned int type = 0; type < 16; type++)
		for (unsigned int dpl = 0; dpl < 4; dpl++)
			bad_descriptor(SYSTEM(type, dpl), 2);
	bad_descriptor(SYSTEM(0xc, 3), 0);
	bad_descriptor(SYSTEM(0xc, 3), 510);
	bad_descriptor(SYSTEM(0x9, 0), 8);
	/* A call gate to the trampoline with a hypervisor selector. */
	bad_descriptor(0xffff8000e008ul << 16 | 0xec00ul << 32, 4);
}

static void privileged(void)
{
	for (unsigned int dpl = 0; dpl < 4; dpl++) {
		gdt[4 + dpl] = DPL(DATA, dpl);
		gdt[8 + dpl] = DPL(CODE64, dpl);
		gdt[12 + dpl] = DPL(CODE64 | 1ul << 42, dpl); /* conforming */
	}
	make_ro(gdt);
	if (hc(set_gdt, &mfn, 512) < 0) {
		print("note: DPL 0 is refused");
		make_rw(gdt);
		memset(gdt, 0, PAGE_SIZE);
		return;
	}
	for (unsigned int i = 4; i < 16; i++)
		CHECK(!(gdt[i] >> 47 & 1) || (gdt[i] >> 45 & 3), "descriptor %u: %lx", i, gdt[i]);
	EXPECT(hc(set_gdt, 0, 0), 0);
	make_rw(gdt);
	memset(gdt, 0, PAGE_SIZE);
}

static long load_fs(uint64_t sel)
{
	struct regs r = { .rax = sel };

	return EXEC("\x8e\xe0", &r);
}

static void in_use(void)
{
	uint64_t at = mfn << 12;

	gdt[1] = DATA;
	gdt[2] = CODE64;
	make_ro(gdt);
	EXPECT(hc(set_gdt, &mfn, 512), 0);
	EXPECT(load_fs(1 * 8 | 3), -1);
	EXPECT(load_fs(0), -1);
	EXPECT(load_fs(3 * 8 | 3), X86_GP);
	EXPECT(load_fs(600 * 8 | 3), X86_GP);
	EXPECT(load_fs(7000 * 8 | 3), X86_GP);
	REFUSED(map_page(gdt, mfn, PTE_KERNEL));
	REFUSED(mmuext(MMUEXT_PIN_L1_TABLE, mfn, 0));
	REFUSED(mmuext(MMUEXT_CLEAR_PAGE, mfn, 0));
	EXPECT(probe_write(A(gdt)), X86_PF);
	EXPECT(hc(update_descriptor, at + 3 * 8, DATA), 0);
	EXPECT(load_fs(3 * 8 | 3), -1);
	EXPECT(load_fs(0), -1);
	EXPECT(hc(update_descriptor, at + 3 * 8, 0), 0);
	EXPECT(load_fs(3 * 8 | 3), X86_GP);
	for (unsigned int type = 1; type < 16; type++)
		CHECK(hc(update_descriptor, at + 4 * 8, SYSTEM(type, 3)) < 0 || !xeno,
		      "descriptor of type %u accepted", type);
	if (hc(update_descriptor, at + 4 * 8, DPL(CODE64, 0)) == 0)
		CHECK(gdt[4] >> 45 & 3, "DPL 0: %lx", gdt[4]);
	hc(update_descriptor, at + 4 * 8 + 3, DATA); /* unaligned: the entry itself, or refused */
	EXPECT(gdt[5], 0);
	REFUSED(hc(update_descriptor, LARGE_MFN << 12, DATA));
	REFUSED(hc(update_descriptor, root << 12, DATA));
	REFUSED(hc(update_descriptor, ~0ul, DATA));
	/* The selectors of the hypervisor's page go on working. */
	EXPECT(load_fs(FLAT_RING3_DS32), -1);
	EXPECT(load_fs(0), -1);
	EXPECT(hc(set_gdt, 0, 0), 0);
	make_rw(gdt);
}

static void wild_counts(void)
{
	static uint64_t frames[16];
	static const uint64_t bad[] = { 14 * 512 + 1, 15 * 512,	  8192,	     8193,	65536,
					0x7fffffff,   0xffffffff, 1ul << 32, 1ul << 63, ~0ul };

	memset(gdt, 0, PAGE_SIZE);
	make_ro(gdt);
	for (int i = 0; i < 16; i++)
		frames[i] = mfn;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		long ret = hc(set_gdt, frames, bad[i]);

		/* 32 bits are used of the count: 2^32 and 2^63 may be 0. */
		CHECK(ret < 0 || !(uint32_t)bad[i], "set_gdt of %lx entries: %ld", bad[i], ret);
	}
	EXPECT(hc(set_gdt, frames, 14 * 512), 0);
	EXPECT(hc(set_gdt, frames, 1), 0);
	frames[13] = LARGE_MFN;
	REFUSED(hc(set_gdt, frames, 14 * 512));
	EXPECT(hc(set_gdt, frames, 13 * 512), 0);
	frames[3] = root;
	REFUSED(hc(set_gdt, frames, 14 * 512));
	frames[0] = mfn_of(page_alloc());
	REFUSED(hc(set_gdt, frames, 512)); /* mapped writable */
	EXPECT(hc(set_gdt, 0, 0), 0);
	make_rw(gdt);
}

void test(void)
{
	gdt = page_alloc();
	mfn = mfn_of(gdt);
	bad_descriptors();
	privileged();
	in_use();
	wild_counts();
	for (int i = 0; i < 200; i++) {
		make_ro(gdt);
		EXPECT(hc(set_gdt, &mfn, 512), 0);
		EXPECT(hc(set_gdt, 0, 0), 0);
		make_rw(gdt);
	}
}

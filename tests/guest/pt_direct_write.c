/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plain writes to read-only tables: what stock kernels do is emulated, the rest
 * faults; a bad entry never gets in.
 */
#include "lib/guest.h"

#define FAR 0x5000001000ul /* second entry of its table */

static volatile uint64_t *pt; /* the L1 entry of FAR, in a table we see read-only */
static uint8_t *page[2];
static uint64_t pte[2], result;

static void op_mov(uint64_t v)
{
	*pt = v;
}

static void op_xchg(uint64_t v)
{
	result = __atomic_exchange_n(pt, v, __ATOMIC_SEQ_CST);
}

static void op_cmpxchg(uint64_t v)
{
	uint64_t old = pte[0];

	result =
		__atomic_compare_exchange_n(pt, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void op_cmpxchg_fail(uint64_t v)
{
	uint64_t old = 0x1234;

	result =
		__atomic_compare_exchange_n(pt, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	CHECK(old == pte[0], "cmpxchg saw %lx, not %lx", old, pte[0]);
}

static void op_btr(uint64_t bit)
{
	uint8_t c;

	__asm__ volatile("lock btrq %2, %0; setc %1" : "+m"(*pt), "=q"(c) : "r"(bit) : "cc");
	result = c;
}

static void op_and(uint64_t v)
{
	__asm__ volatile("lock andq %1, %0" : "+m"(*pt) : "r"(v) : "cc");
}

static void op_mov32(uint64_t v)
{
	*(volatile uint32_t *)pt = (uint32_t)v;
}

static void op_mov_high(uint64_t v)
{
	((volatile uint32_t *)pt)[1] = (uint32_t)v;
}

static void op_byte(uint64_t v)
{
	*(volatile uint8_t *)pt = (uint8_t)v;
}

static void op_unaligned(uint64_t v)
{
	*(volatile uint64_t *)((uint64_t)pt + 4) = v;
}

static void op_stos(uint64_t v)
{
	void *d = (void *)pt;
	uint64_t n = 3;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(n) : "a"(v) : "memory");
}

static void reset(void)
{
	EXPECT(mmu_write(pte_maddr(FAR, 1), pte[0]), 0);
	mmuext(MMUEXT_INVLPG_ALL, FAR, 0);
}

static uint64_t plain(void)
{
	return *pt & (PTE_ADDR | PTE_RW | PTE_P);
}

/* Must be emulated: Linux relies on it. */
static void required(void)
{
	uint64_t want = pte[1] & (PTE_ADDR | PTE_RW | PTE_P);

	EXPECT(catch (op_mov, pte[1]), -1);
	EXPECT(plain(), want);
	EXPECT(mmuext(MMUEXT_INVLPG_ALL, FAR, 0), 0);
	EXPECT(*(volatile uint8_t *)FAR, 0x22);
	reset();
	EXPECT(catch (op_xchg, pte[1]), -1);
	EXPECT(plain(), want);
	CHECK((result & PTE_ADDR) == (pte[0] & PTE_ADDR), "xchg gave %lx", result);
	reset();
	pte[0] = *pt; /* with the bits the hypervisor adds */
	EXPECT(catch (op_cmpxchg_fail, pte[1]), -1);
	EXPECT(result, 0);
	EXPECT(*pt, pte[0]);
	EXPECT(catch (op_cmpxchg, pte[1]), -1);
	EXPECT(result, 1);
	EXPECT(plain(), want);
	reset();
	EXPECT(catch (op_btr, 1), -1);
	EXPECT(result, 1);
	CHECK(!(*pt & PTE_RW) && (*pt & PTE_P), "after btr: %lx", *pt);
	EXPECT(catch (op_btr, 1), -1);
	EXPECT(result, 0);
	EXPECT(mmuext(MMUEXT_INVLPG_ALL, FAR, 0), 0);
	EXPECT(probe_write(FAR), X86_PF);
	reset();
	EXPECT(catch (op_mov, 0), -1);
	EXPECT(*pt, 0);
	reset();
}

/* Emulated or refused, with the right result either way. */
static void optional(void (*op)(uint64_t), uint64_t v, const char *what)
{
	long vector;

	for (int round = 0; round < 50; round++) {
		vector = catch (op, v);
		CHECK(vector == -1 || vector == X86_PF || vector == X86_GP, "%s: trap %ld", what,
		      vector);
		CHECK((pt[-1] & PTE_P) == 0, "%s: the entry before changed", what);
		if (*pt & PTE_P)
			CHECK((*pt & PTE_ADDR) == (pte[0] & PTE_ADDR) ||
				      (*pt & PTE_ADDR) == (pte[1] & PTE_ADDR),
			      "%s: the entry is %lx", what, *pt);
		EXPECT(mmu_write(pte_maddr(FAR, 1) + 8, 0), 0);
		EXPECT(mmu_write(pte_maddr(FAR, 1) + 16, 0), 0);
		reset();
	}
	print("note: %s: %s", what, vector == -1 ? "done" : "fault");
}

/* Entries that mmu_update would refuse. */
static void bad_entry(uint64_t v)
{
	static void (*const op[])(uint64_t) = { op_mov, op_xchg, op_cmpxchg };

	for (unsigned int i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
		long vector = catch (op[i], v);

		CHECK(vector == X86_PF || vector == X86_GP || plain() != (v & (PTE_ADDR | 3)),
		      "write %u of %lx went through", i, v);
		reset();
	}
}

static void upper_level(int level)
{
	uint64_t before;

	pt = pte_of(FAR, level);
	before = *pt;
	CHECK(catch (op_mov, LARGE_MFN << 12 | PTE_TABLE) != -1 || *pt == before,
	      "a bad level %d entry went through", level);
	CHECK(catch (op_mov, mfn_of(page[1]) << 12 | PTE_TABLE) != -1 || *pt == before,
	      "a writable page became a level %d table", level - 1);
	if (catch (op_mov, before) == -1)
		EXPECT(*pt, before);
	EXPECT(probe_read(FAR), -1);
	pt = pte_of(FAR, 1);
}

void test(void)
{
	for (int i = 0; i < 2; i++) {
		page[i] = page_alloc();
		memset(page[i], 0x11 * (i + 1), PAGE_SIZE);
		pte[i] = mfn_of(page[i]) << 12 | PTE_KERNEL;
	}
	map_far(FAR, mfn_of(page[0]), PTE_KERNEL);
	pt = pte_of(FAR, 1);
	EXPECT(*(volatile uint8_t *)FAR, 0x11);
	required();
	optional(op_and, ~PTE_RW, "and");
	optional(op_mov32, (uint32_t)pte[1], "32-bit mov");
	optional(op_mov_high, 0, "upper half");
	optional(op_byte, 0, "byte");
	optional(op_unaligned, 0, "unaligned");
	optional(op_stos, pte[1], "rep stos");
	bad_entry(LARGE_MFN << 12 | PTE_KERNEL);
	bad_entry(pte_maddr(FAR, 1) / PAGE_SIZE * PAGE_SIZE | PTE_KERNEL);
	bad_entry(root << 12 | PTE_KERNEL);
	for (int level = 2; level <= 4; level++)
		upper_level(level);
	/* A read-only page that is no table is just read-only. */
	make_ro(page[1]);
	EXPECT(probe_write(A(page[1])), X86_PF);
	CHECK(this_vcpu()->last.error == (PF_P | PF_W), "error %lx", this_vcpu()->last.error);
	EXPECT(this_vcpu()->cr2, A(page[1]));
}

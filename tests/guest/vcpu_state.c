/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every VCPU has registers of its own: SSE, AVX, x87 control, XCR0, segment bases, the LDT and
 * breakpoints keep their values while VCPUs come and go on the CPUs. Most telling with more
 * VCPUs than CPUs (dom0_max_vcpus=4).
 */
#include "lib/guest.h"

#define SECONDS 3
#define LDT_SEL 0x7
#define BASE(tag) (0x100000ul * (tag))

struct fp {
	uint64_t low[16][2], high[16][2]; /* XMM and the upper halves of YMM */
	uint16_t fcw;
	uint32_t mxcsr;
};

static volatile uint32_t stopped, rounds[MAX_TEST_VCPUS], hits[MAX_TEST_VCPUS];
static volatile bool over;
static volatile uint64_t watched[MAX_TEST_VCPUS];
static unsigned int vcpus;
static bool avx;

static bool on_db(struct frame *f)
{
	if (f->vector != X86_DB)
		return false;
	hits[this_vcpu()->id]++;
	return true;
}

static void cpuid(uint32_t leaf, uint32_t *ecx)
{
	uint32_t a = leaf, b, d;

	*ecx = 0;
	__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
			 : "+a"(a), "=b"(b), "+c"(*ecx), "=d"(d));
}

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (uint64_t)hi << 32;
}

static void xsetbv(uint64_t v)
{
	__asm__ volatile("xsetbv" ::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(0));
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

#define ALL(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define LOAD(n) "movdqu 16*" #n "(%0), %%xmm" #n "\n"
#define STORE(n) "movdqu %%xmm" #n ", 16*" #n "(%0)\n"
#define LOAD_HIGH(n) "vinsertf128 $1, 16*" #n "(%0), %%ymm" #n ", %%ymm" #n "\n"
#define STORE_HIGH(n) "vextractf128 $1, %%ymm" #n ", 16*" #n "(%0)\n"

static void fp_load(const struct fp *f, bool wide)
{
	__asm__ volatile(ALL(LOAD)::"r"(f->low) : "memory");
	if (wide)
		__asm__ volatile(ALL(LOAD_HIGH)::"r"(f->high) : "memory");
	__asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(f->fcw), "m"(f->mxcsr));
}

static void fp_store(struct fp *f, bool wide)
{
	__asm__ volatile(ALL(STORE)::"r"(f->low) : "memory");
	if (wide)
		__asm__ volatile(ALL(STORE_HIGH)::"r"(f->high) : "memory");
	__asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(f->fcw), "=m"(f->mxcsr));
}

/* Time for others on this CPU. */
static void pass_by(void)
{
	uint64_t end = now() + rnd() % 300000;

	switch (rnd() % 3) {
	case 0:
		hc(sched_op, SCHEDOP_yield, 0);
		break;
	case 1:
		sleep_ns(rnd() % 100000);
		break;
	default:
		while (now() < end)
			;
	}
}

static void fill(struct fp *f, uint64_t tag)
{
	memset(f, 0, sizeof(*f));
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int n = 0; n < 2; n++) {
			f->low[i][n] = tag << 56 | rnd() >> 8;
			f->high[i][n] = tag << 56 | rnd() >> 8;
		}
	f->fcw = (uint16_t)(0x37f | (tag & 3) << 10);
	f->mxcsr = 0x1f80 | (uint32_t)(tag & 3) << 13;
}

static void bases(unsigned int me, uint64_t tag)
{
	EXPECT(hc(set_segment_base, SEGBASE_FS, BASE(tag)), 0);
	EXPECT(hc(set_segment_base, SEGBASE_GS_KERNEL, BASE(tag) + 1), 0);
	EXPECT(hc(set_segment_base, SEGBASE_GS_USER, BASE(tag) + 2), 0);
	pass_by();
	CHECK(rdmsr(0xc0000100) == BASE(tag) && rdmsr(0xc0000101) == BASE(tag) + 1 &&
		      rdmsr(0xc0000102) == BASE(tag) + 2,
	      "VCPU %u: bases %lx %lx %lx", me, rdmsr(0xc0000100), rdmsr(0xc0000101),
	      rdmsr(0xc0000102));
	/* From this VCPU's own LDT. */
	__asm__ volatile("mov %0, %%fs; mov %0, %%es" ::"r"(LDT_SEL));
	EXPECT(rdmsr(0xc0000100), BASE(me + 1));
	pass_by();
	__asm__ volatile("mov %0, %%fs" ::"r"(0));
	__asm__ volatile("mov %0, %%fs" ::"r"(LDT_SEL));
	EXPECT(rdmsr(0xc0000100), BASE(me + 1));
	__asm__ volatile("mov %0, %%fs; mov %0, %%es" ::"r"(0));
}

static void breakpoints(unsigned int me)
{
	hits[me] = 0;
	for (unsigned int i = 0; i < vcpus; i++)
		watched[i] = me;
	CHECK(hits[me] == 1, "VCPU %u: %u breakpoints", me, hits[me]);
}

static void once(unsigned int me, bool wide)
{
	uint64_t tag = rounds[me] % 8 * MAX_TEST_VCPUS + me + 1;
	struct fp want, got;

	fill(&want, tag);
	memset(&got, 0, sizeof(got));
	if (!wide)
		memset(want.high, 0, sizeof(want.high));
	fp_load(&want, wide);
	pass_by();
	fp_store(&got, wide);
	for (unsigned int i = 0; i < sizeof(want) / 8; i++)
		CHECK(((uint64_t *)&got)[i] == ((uint64_t *)&want)[i],
		      "VCPU %u: word %u of the FPU is %lx, not %lx", me, i, ((uint64_t *)&got)[i],
		      ((uint64_t *)&want)[i]);
	bases(me, tag);
	breakpoints(me);
	if (avx)
		EXPECT(xgetbv(), wide ? 7 : me % 2 ? 1 : 3);
	rounds[me]++;
}

static void set_up(unsigned int me, bool wide)
{
	uint64_t *ldt = page_alloc(), base = BASE(me + 1);

	if (avx)
		xsetbv(wide ? 7 : me % 2 ? 1 : 3);
	ldt[0] = 0x00cff3000000ffff | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	make_ro(ldt);
	EXPECT(mmuext(MMUEXT_SET_LDT, A(ldt), 1), 0);
	EXPECT(hc(set_debugreg, 0, &watched[me]), 0);
	EXPECT(hc(set_debugreg, 7, 0x90401 | 0x400), 0);
}

static volatile bool lock;

static void run(void)
{
	unsigned int me = this_vcpu()->id;
	bool wide = avx && me / 2 % 2 == 0;

	while (__atomic_exchange_n(&lock, true, __ATOMIC_SEQ_CST))
		hc(sched_op, SCHEDOP_yield, 0);
	set_up(me, wide);
	lock = false;
	while (!over)
		once(me, wide);
	hc(set_debugreg, 7, 0x400);
	__atomic_add_fetch(&stopped, 1, __ATOMIC_SEQ_CST);
}

static void other(void)
{
	run();
	for (;;)
		sleep_ns(1000000000);
}

void test(void)
{
	uint32_t features;
	uint64_t start = now();

	while (vcpus < MAX_TEST_VCPUS && hc(vcpu_op, VCPUOP_is_up, vcpus, 0) >= 0)
		vcpus++;
	cpuid(1, &features);
	avx = features >> 26 & 1 && features >> 28 & 1;
	trap_hook = on_db;
	for (unsigned int i = 1; i < vcpus; i++)
		EXPECT(vcpu_boot(i, other), 0);
	while (__atomic_exchange_n(&lock, true, __ATOMIC_SEQ_CST))
		hc(sched_op, SCHEDOP_yield, 0);
	set_up(0, avx);
	lock = false;
	while (now() < start + SECONDS * 1000000000ul)
		once(0, avx);
	over = true;
	CHECK(wait_for(&stopped, vcpus - 1, 3000), "only %u of the others stopped", stopped);
	EXPECT(hc(set_debugreg, 7, 0x400), 0);
	print("note: AVX %u; %u %u %u %u rounds", avx, rounds[0], rounds[1], rounds[2], rounds[3]);
}

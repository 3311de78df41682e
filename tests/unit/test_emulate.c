/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/x86/emulate.c hypervisor/x86/cpuid.c hypervisor/x86/uaccess.c */
/* FLAGS: -include host_x86.h */
/*
 * Emulation of privileged instructions on a simulated processor: what is decoded, which
 * ports and MSRs are reached, string I/O and its faults, random bytes; and what CPUID hides
 * of a processor that can do everything.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/call.h>
#include <hyp/domain.h>
#include <hyp/pci.h>
#include <hyp/pt.h>
#include <hyp/sched.h>
#include <hyp/timer.h>
#include <hyp/trap.h>
#include "test.h"

#define MEMORY 0x10000ul /* guest addresses of two pages, nothing around them */
#define MEMORY_SIZE 0x2000ul
#define CODE 0x100
#define DATA 0x1000
#define HIDDEN_BDF 0x0020
#define KEPT_BDF 0x0028

/* --- the world around */

static uint8_t memory[MEMORY_SIZE], io_bitmap[8192] __attribute__((aligned(8)));
static struct vcpu_info info;
static struct domain dom;
static struct vcpu vcpu = { .domain = &dom, .info = &info, .id = 3 };
struct vcpu *test_current = &vcpu;

/* Configuration mechanism #1: written as a whole it is an address, else it is ports. */
static uint32_t pci_address, pci_data, data_in, data_out;
static bool pci_locked, unlocked_access;

void pci_ports_lock(void)
{
	unlocked_access |= pci_locked;
	pci_locked = true;
}

void pci_ports_unlock(void)
{
	unlocked_access |= !pci_locked;
	pci_locked = false;
}

bool pci_hidden(uint16_t bdf)
{
	return bdf == HIDDEN_BDF;
}

bool pci_kept(uint16_t bdf, unsigned int reg)
{
	return bdf == KEPT_BDF && reg != 0x10;
}

static struct cpu_regs regs;
static int trapped; /* vector, or -1 */
static uint64_t cr2, fault_va, msr_written, ts, new_root, xcr0;
static uint32_t fault_ec, msr_number, ports_in, ports_out, last_out, leaf_max;
static unsigned int last_size;
static int root_err;

static bool is_guest(const void *p)
{
	return (uint64_t)p - MEMORY < MEMORY_SIZE + 0x1000;
}

size_t copy_checked(void *dst, const void *src, size_t n)
{
	const uint8_t *s = src;
	uint8_t *d = dst;

	for (; n; n--, d++, s++) {
		cr2 = is_guest(dst) ? (uint64_t)d : (uint64_t)s;
		if (cr2 - MEMORY >= MEMORY_SIZE)
			return n;
		if (is_guest(dst))
			memory[cr2 - MEMORY] = *s;
		else
			*d = memory[cr2 - MEMORY];
	}
	return 0;
}

int cmpxchg_checked(uint64_t *p, uint64_t *old, uint64_t val)
{
	return 1;
}

int rdmsr_checked(uint32_t msr, uint64_t *v)
{
	*v = 0x1111222233334444;
	return msr == 0x17;
}

int wrmsr_checked(uint32_t msr, uint64_t v)
{
	return 1;
}

uint64_t test_rdmsr(uint32_t msr)
{
	return msr == MSR_GS_BASE ? 0x800 : 0;
}

void test_wrmsr(uint32_t msr, uint64_t v)
{
	msr_number = msr;
	msr_written = v;
}

uint64_t test_read_cr2(void)
{
	return cr2;
}

uint64_t test_read_cr4(void)
{
	return ~0ul;
}

static bool is_pci(unsigned int port, unsigned int size)
{
	return port + size > 0xcf8 && port < 0xd00;
}

uint32_t test_in(uint16_t port, unsigned int size)
{
	if (is_pci(port, size)) {
		unlocked_access |= !pci_locked;
		if (port == 0xcf8 && size == 4)
			return pci_address;
		data_in += port + size > 0xcfc;
		return pci_data;
	}
	ports_in++;
	last_size = size;
	return 0x80000000u | (uint32_t)port << 8 | (ports_in & 0xff);
}

void test_out(uint16_t port, unsigned int size, uint32_t v)
{
	if (is_pci(port, size)) {
		unlocked_access |= !pci_locked;
		if (port == 0xcf8 && size == 4)
			pci_address = v;
		data_out += port + size > 0xcfc;
	}
	ports_out++;
	last_size = size;
	last_out = v;
}

/* Has every bit set, but for the numbers of leaves and the shape of the XSAVE area. */
void test_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	memset(r, 0xff, 16);
	if (!(leaf & 0x7fffffff))
		r[0] = leaf | leaf_max;
	if (leaf == 0xd && sub > 1) {
		r[0] = 64;
		r[1] = 512 + 64 * sub;
	}
	if (leaf == 0x80000008)
		r[0] = 0x3934;
}

void guest_trap(struct cpu_regs *r, unsigned int vector, uint32_t ec)
{
	trapped = (int)vector;
}

void guest_page_fault(struct cpu_regs *r, uint64_t va, uint32_t ec)
{
	trapped = X86_PF;
	fault_va = va;
	fault_ec = ec;
}

uint64_t pt_walk(const struct vcpu *v, uint64_t va, mfn_t *table)
{
	return va - MEMORY < MEMORY_SIZE ? PTE_P : 0;
}

int vcpu_set_root(struct vcpu *v, mfn_t l4, bool user)
{
	new_root = l4.n;
	return root_err;
}

int fpu_set_ts(struct vcpu *v, bool set)
{
	ts = set;
	return 0;
}

uint64_t guest_xcr0_allowed(void)
{
	return 0xe7;
}

int xsetbv_checked(uint64_t v)
{
	xcr0 = v;
	return !(v & 1);
}

int debugreg_set(struct vcpu *v, unsigned int n, uint64_t val)
{
	v->x86.dr[0] = val;
	return n == 4 || n > 7 ? -EINVAL : 0;
}

uint64_t debugreg_get(const struct vcpu *v, unsigned int n)
{
	return 0xd0 + n;
}

uint64_t tsc_khz = 2600000;

bool time_tsc_stable(void)
{
	return false;
}

long hc_xen_version(struct hc_args *a)
{
	return 0x40011;
}

/* --- instructions */

/* True: emulated. Code at CODE, or, when at the memory's end, cut off there. */
static bool run(const void *code, unsigned int n, bool user)
{
	regs.rip = MEMORY + CODE;
	regs.cs = user ? SEL_USER_CS : SEL_KERNEL_CS;
	memset(memory + CODE, 0, 16);
	memcpy(memory + CODE, code, n);
	trapped = -1;
	return emulate_privileged(&regs);
}

#define RUN(s, user) run(s, sizeof(s) - 1, user)
#define PASSED (regs.rip - MEMORY - CODE)

static void decodes(void)
{
	static const struct {
		const char *code;
		unsigned int n;
	} good[] = {
#define GOOD(s) { s, sizeof(s) - 1 }
		GOOD("\x0f\x20\xc0"),
		GOOD("\x41\x0f\x20\xc7"),
		GOOD("\x0f\x20\x00"), /* mode is not looked at */
		GOOD("\x0f\x22\xc0"),
		GOOD("\x0f\x21\xf8"),
		GOOD("\x0f\x23\xf8"),
		GOOD("\x0f\x06"),
		GOOD("\x0f\x09"),
		GOOD("\x0f\x01\x38"),
		GOOD("\x41\x0f\x01\x7f\x10"),
		GOOD("\x0f\x01\x3d\1\2\3\4"),
		GOOD("\x0f\x01\x3c\x25\1\2\3\4"),
		GOOD("\x0f\x01\xbc\x24\1\2\3\4"),
		GOOD("\xfa"),
		GOOD("\x66\x48\xfb"),
	};
	static const struct {
		const char *code;
		unsigned int n;
	} bad[] = {
		GOOD("\xf4"),		  /* hlt */
		GOOD("\xf0\x0f\x20\xc0"), /* lock: cr8, on AMD */
		GOOD("\x44\x0f\x20\xc0"), /* cr8 */
		GOOD("\x0f\x20\xc8"),	  /* cr1 */
		GOOD("\x0f\x08"),	  /* invd */
		GOOD("\x0f\x01\x10"),	  /* lgdt */
		GOOD("\x0f\x01\xf8"),	  /* swapgs */
		GOOD("\x0f\x07"),	  /* sysret */
		GOOD("\x0f\x33"),	  /* rdpmc */
		GOOD("\x0f\x21\xe0"),	  /* dr4 */
		GOOD("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"),
	};

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&regs, 0, sizeof(regs));
		CHECK(run(good[i].code, good[i].n, false));
		CHECK(PASSED == good[i].n);
		memset(&regs, 0, sizeof(regs));
		CHECK(!run(good[i].code, good[i].n, true));
		/* Cut off by the end of memory. */
		for (unsigned int n = 1; n < good[i].n; n++) {
			memcpy(memory + MEMORY_SIZE - n, good[i].code, n);
			regs.rip = MEMORY + MEMORY_SIZE - n;
			regs.cs = SEL_KERNEL_CS;
			CHECK(!emulate_privileged(&regs));
		}
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(!run(bad[i].code, bad[i].n, false));
		CHECK(!PASSED);
	}
}

static void control_registers(void)
{
	regs = (struct cpu_regs){ .rax = CR0_TS };
	CHECK(RUN("\x0f\x22\xc0", false) && ts);
	CHECK(RUN("\x0f\x06", false) && !ts);
	vcpu.x86.cr0_ts = CR0_TS;
	CHECK(RUN("\x41\x0f\x20\xc7", false) && regs.r15 == 0x8005003b);
	vcpu.x86.root = MFN(0x123);
	CHECK(RUN("\x0f\x20\xdc", false) && regs.rsp == 0x123000);
	regs.rax = 0x456000;
	CHECK(RUN("\x0f\x22\xd8", false) && new_root == 0x456);
	root_err = -EAGAIN;
	CHECK(RUN("\x0f\x22\xd8", false) && !PASSED && trapped == -1);
	root_err = -EINVAL;
	CHECK(!RUN("\x0f\x22\xd8", false));
	regs.rax = 1ul << 20; /* SMEP */
	CHECK(!RUN("\x0f\x22\xe0", false));
	CHECK(RUN("\x0f\x20\xe0", false) && !(regs.rax & CR4_SMEP) && regs.rax & CR4_PAE);
	RUN("\xfa", false);
	CHECK(info.evtchn_upcall_mask == 1);
	RUN("\xfb", false);
	CHECK(info.evtchn_upcall_mask == 0);
	regs = (struct cpu_regs){ .rax = 7 };
	CHECK(RUN("\x0f\x01\xd1", false) && vcpu.x86.xcr0 == 7);
	regs.rax = 0x207; /* PKRU */
	CHECK(!RUN("\x0f\x01\xd1", false) && vcpu.x86.xcr0 == 7);
	regs = (struct cpu_regs){ .rax = 7, .rcx = 1 };
	CHECK(!RUN("\x0f\x01\xd1", false));
	regs = (struct cpu_regs){ .rflags = RFLAGS_TF | RFLAGS_RF };
	CHECK(RUN("\x0f\x06", false) && trapped == X86_DB && PASSED == 2);
	CHECK(regs.rflags == RFLAGS_TF);
}

static bool wr(uint32_t msr, uint64_t v)
{
	regs = (struct cpu_regs){ .rcx = msr, .rax = (uint32_t)v, .rdx = v >> 32 };
	msr_number = 0;
	return RUN("\x0f\x30", false);
}

static bool rd(uint32_t msr)
{
	regs = (struct cpu_regs){ .rcx = msr };
	return RUN("\x0f\x32", false);
}

static void msrs(void)
{
	CHECK(wr(MSR_GS_BASE, 0xffff888000000000) && msr_number == MSR_GS_BASE);
	CHECK(msr_written == 0xffff888000000000);
	CHECK(!wr(MSR_KERNEL_GS_BASE, 0x800000000000) && !msr_number);
	CHECK(rd(MSR_PAT) && regs.rax == 0x00070406 && regs.rdx == 0x00000501);
	CHECK(rd(MSR_LSTAR) && !regs.rax && !regs.rdx);
	CHECK(wr(MSR_LSTAR, 1) && !msr_number);
	CHECK(wr(MSR_EFER, ~0ul) && !msr_number);
	CHECK(!wr(0x10, 1));
	CHECK(rd(0x10) && regs.rax == 0x33334444 && regs.rdx == 0x11112222);
	CHECK(!rd(0x17)); /* not there */
	CHECK(!rd(0x3a) && !wr(0x3a, 0) && !rd(0x1fc) && !wr(0xc0010117, 0));
}

/* --- ports */

static void single_ports(void)
{
	dom.io_bitmap = io_bitmap;
	memset(io_bitmap, 0, sizeof(io_bitmap));
	io_bitmap[0x20 / 8] = 3;
	regs = (struct cpu_regs){ .rdx = 0xffff0070, .rax = ~0ul };
	CHECK(RUN("\xec", false) && regs.rax == (0xffffffffffffff00 | ports_in));
	CHECK(RUN("\x66\xed", false) && last_size == 2 && regs.rax >> 16 == 0xffffffffffff);
	CHECK(RUN("\xed", false) && regs.rax == (0x80007000u | ports_in));
	CHECK(RUN("\xe4\x61", false) && PASSED == 2 && last_size == 1);
	regs.rax = 0x12345678;
	CHECK(RUN("\xe6\x80", false) && last_out == 0x78);
	CHECK(RUN("\x66\xef", false) && last_out == 0x5678);
	ports_in = ports_out = 0;
	/* Kept back, or partly so, or beyond the last. */
	regs.rdx = 0x1e;
	CHECK(RUN("\xed", false) && regs.rax == 0xffffffff);
	CHECK(RUN("\xef", false));
	CHECK(RUN("\xe4\x21", false) && regs.rax == 0xffffffff);
	regs.rdx = 0xfffe;
	CHECK(RUN("\xed", false) && RUN("\xef", false));
	CHECK(!ports_in && !ports_out);
	/* Ring 3: nothing; what the guest says; all. */
	regs.rdx = 0x378;
	CHECK(!RUN("\xec", true) && !RUN("\xee", true));
	memset(memory + DATA, 0xff, 0x100);
	memory[DATA + 0x378 / 8] = 0xfe;
	vcpu.x86.user_ports = MEMORY + DATA;
	vcpu.x86.nr_user_ports = 0x378;
	CHECK(!RUN("\xec", true));
	vcpu.x86.nr_user_ports = 65536;
	CHECK(RUN("\xec", true) && ports_in == 1);
	CHECK(!RUN("\x66\xed", true));
	regs.rdx = 0xff00; /* its bitmap ends in the middle of nowhere */
	CHECK(!RUN("\xec", true));
	vcpu.x86.iopl = 3;
	CHECK(RUN("\xec", true) && ports_in == 2);
	regs.rdx = 0x20;
	CHECK(RUN("\xec", true) && ports_in == 2);
	CHECK(!RUN("\x6c", true) && !RUN("\xfa", true));
	dom.io_bitmap = NULL;
	regs.rdx = 0x80;
	/* Ring 1 without ports may be told so, or see ones; nothing reaches the machine. */
	CHECK(!RUN("\xec", true));
	RUN("\xec", false);
	RUN("\xee", false);
	RUN("\x6d", false);
	CHECK(ports_in == 2 && !ports_out);
	vcpu.x86.iopl = 0;
	vcpu.x86.user_ports = 0;
	dom.io_bitmap = io_bitmap;
}

static void strings(void)
{
	regs = (struct cpu_regs){ .rdx = 0x1f0, .rdi = MEMORY + DATA, .rcx = 300 };
	ports_in = ports_out = 0;
	CHECK(RUN("\xf3\x66\x6d", false) && !PASSED);
	CHECK(regs.rcx == 300 - ports_in && ports_in == 256);
	CHECK(emulate_privileged(&regs) && PASSED == 3 && ports_in == 300 && !regs.rcx);
	CHECK(regs.rdi == MEMORY + DATA + 600 && memory[DATA + 1] == 0xf0);
	CHECK(RUN("\xf3\x66\x6d", false) && PASSED == 3 && ports_in == 300);
	/* Downwards, one, 32-bit addresses. */
	regs = (struct cpu_regs){ .rdx = 0x1f0,
				  .rsi = MEMORY + DATA + 0x500000000,
				  .rflags = RFLAGS_DF };
	memcpy(memory + DATA, "\1\2\3\4", 4);
	CHECK(RUN("\x67\x6f", false) && last_out == 0x04030201);
	CHECK(regs.rsi == MEMORY + DATA - 4);
	/* With a segment base. */
	regs.rsi = MEMORY + DATA - 0x800;
	CHECK(RUN("\x65\x6e", false) && last_out == 1 && PASSED == 2);
	/* A fault in the middle: nothing is read for it. */
	regs = (struct cpu_regs){ .rdx = 0x1f0, .rdi = MEMORY + MEMORY_SIZE - 6, .rcx = 4 };
	ports_in = 0;
	CHECK(RUN("\xf3\x6d", false) && trapped == X86_PF && !PASSED && ports_in == 1);
	CHECK(regs.rcx == 3 && fault_va == MEMORY + MEMORY_SIZE && fault_ec == PF_W);
	regs = (struct cpu_regs){ .rdx = 0x1f0, .rsi = HYP_VIRT_START, .rcx = 4 };
	ports_out = 0;
	CHECK(RUN("\xf3\x6f", false) && trapped == X86_PF && fault_va == HYP_VIRT_START);
	CHECK(!ports_out && !fault_ec);
}

/* --- PCI functions of the hypervisor's own */

static const char *const in_code[] = { [1] = "\xec", [2] = "\x66\xed", [4] = "\xed" };
static const char *const out_code[] = { [1] = "\xee", [2] = "\x66\xef", [4] = "\xef" };

static uint64_t do_in(unsigned int port, unsigned int size)
{
	regs = (struct cpu_regs){ .rdx = port };
	CHECK(run(in_code[size], (unsigned int)strlen(in_code[size]), false));
	return regs.rax;
}

static void do_out(unsigned int port, unsigned int size, uint64_t v)
{
	regs = (struct cpu_regs){ .rdx = port, .rax = v };
	CHECK(run(out_code[size], (unsigned int)strlen(out_code[size]), false));
}

/* All accesses that touch the data ports, with the address register as it is. */
static void all_accesses(bool there)
{
	for (unsigned int size = 1; size <= 4; size *= 2) {
		uint64_t ones = (1ul << size * 8) - 1;

		for (unsigned int port = 0xcfc - size + 1; port <= 0xcff; port++) {
			data_in = data_out = 0;
			CHECK(do_in(port, size) == (there ? pci_data & ones : ones));
			do_out(port, size, 0x12345678);
			CHECK(data_in == there && data_out == there);
		}
	}
}

static void hidden_functions(void)
{
	static const struct {
		uint32_t address;
		bool there;
	} cases[] = {
		{ 0x80002000, false }, { 0x800020fc, false }, { 0x80002003, false },
		{ 0x8f002004, false }, /* the reserved bits may count, as on AMD */
		{ 0x80002100, true },  { 0x80001f00, true },  { 0x80012000, true },
		{ 0x80000000, true },  { 0, true },
	};

	dom.io_bitmap = io_bitmap;
	memset(io_bitmap, 0, sizeof(io_bitmap));
	pci_data = 0x01020304;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		do_out(0xcf8, 4, cases[i].address);
		CHECK(pci_address == cases[i].address && do_in(0xcf8, 4) == cases[i].address);
		all_accesses(cases[i].there);
	}
	/* A bridge: it can be read. */
	do_out(0xcf8, 4, 0x80002840);
	data_out = 0;
	CHECK(do_in(0xcfc, 4) == pci_data && do_in(0xcff, 1) == (pci_data & 0xff));
	do_out(0xcfc, 4, 3);
	do_out(0xcfd, 1, 3);
	do_out(0xcfb, 2, 3);
	CHECK(!data_out);
	do_out(0xcf8, 4, 0x80002810);
	do_out(0xcfe, 1, 3);
	CHECK(data_out == 1);
	/* By strings, too. */
	do_out(0xcf8, 4, 0x80002000);
	data_in = data_out = 0;
	memset(memory + DATA, 0, 16);
	regs = (struct cpu_regs){ .rdx = 0xcfc, .rdi = MEMORY + DATA, .rcx = 2 };
	CHECK(RUN("\xf3\x6d", false) &&
	      !memcmp(memory + DATA, "\xff\xff\xff\xff\xff\xff\xff\xff\0", 9));
	regs = (struct cpu_regs){ .rdx = 0xcfc, .rsi = MEMORY + DATA, .rcx = 2 };
	CHECK(RUN("\xf3\x6f", false) && !data_in && !data_out && pci_address == 0x80002000);
	/* Bytes of the address port are other ports (0xcf9 resets), and change no address. */
	do_out(0xcf9, 1, 0);
	do_out(0xcfa, 2, 0);
	CHECK(pci_address == 0x80002000 && !data_out);
	CHECK(!pci_locked && !unlocked_access);
	/* Who does not have the ports does not get to the lock. */
	set_bit(io_bitmap, 0xcff);
	do_out(0xcf8, 4, 0x80000000);
	data_in = data_out = 0;
	CHECK(do_in(0xcfc, 4) == 0xffffffff && do_in(0xcfe, 2) == 0xffff);
	do_out(0xcfc, 4, 0);
	CHECK(!data_in && !data_out && do_in(0xcfc, 2) == (pci_data & 0xffff));
	clear_bit(io_bitmap, 0xcff);
}

static void random_code(void)
{
	uint8_t code[15];

	srand(1);
	for (unsigned int n = 0; n < 500000; n++) {
		for (unsigned int i = 0; i < sizeof(code); i++)
			code[i] = (uint8_t)rand();
		if (n & 1)
			code[0] = 0x0f;
		for (uint64_t *r = &regs.r15; r <= &regs.rdi; r++)
			*r = (uint64_t)rand() << (rand() & 63);
		regs.rflags = 0;
		if (run(code, 1 + n % 15, n & 2) && PASSED > 15)
			CHECK(!"a long instruction");
	}
}

/* --- CPUID */

static void cpuids(void)
{
	static const struct {
		uint32_t leaf, sub, out, bit;
	} hidden[] = {
		{ 1, 0, 2, 3 },		 { 1, 0, 2, 5 },	   { 1, 0, 2, 17 },
		{ 1, 0, 2, 21 },	 { 1, 0, 2, 24 },	   { 1, 0, 3, 3 },
		{ 1, 0, 3, 7 },		 { 1, 0, 3, 11 },	   { 1, 0, 3, 12 },
		{ 1, 0, 3, 13 },	 { 1, 0, 3, 14 },	   { 1, 0, 3, 17 },
		{ 1, 0, 3, 28 },	 { 7, 0, 1, 0 },	   { 7, 0, 1, 7 },
		{ 7, 0, 1, 10 },	 { 7, 0, 1, 20 },	   { 7, 0, 2, 2 },
		{ 7, 0, 2, 3 },		 { 7, 0, 2, 7 },	   { 7, 0, 2, 16 },
		{ 7, 0, 2, 22 },	 { 7, 0, 3, 26 },	   { 7, 0, 3, 29 },
		{ 7, 0, 3, 22 },	 { 0xd, 1, 0, 3 },	   { 0xd, 0, 0, 9 },
		{ 0x80000001, 0, 2, 2 }, { 0x80000001, 0, 3, 26 }, { 0x80000001, 0, 3, 27 },
		{ 0x80000007, 0, 3, 8 },
	};
	uint32_t r[4];

	leaf_max = 0x30;
	for (unsigned int i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		guest_cpuid(&vcpu, hidden[i].leaf, hidden[i].sub, r);
		CHECK(!(r[hidden[i].out] >> hidden[i].bit & 1));
	}
	guest_cpuid(&vcpu, 0, 0, r);
	CHECK(r[0] == 0xd);
	guest_cpuid(&vcpu, 1, 0, r);
	CHECK(r[1] == 0x0301ffff && r[2] >> 31 && r[2] >> 27 & 1 && r[3] >> 16 & 1);
	guest_cpuid(&vcpu, 7, 0, r);
	CHECK(r[0] == 1);
	guest_cpuid(&vcpu, 4, 2, r);
	CHECK(r[0] == 0x3ff);
	guest_cpuid(&vcpu, 0xd, 0, r);
	CHECK(r[0] == 0xe7 && r[2] == 512 + 64 * 8 && !r[3]);
	guest_cpuid(&vcpu, 0xd, 5, r);
	CHECK(r[0] == 64);
	guest_cpuid(&vcpu, 0xd, 9, r);
	CHECK(!r[0] && !r[1]);
	guest_cpuid(&vcpu, 0xb, 0, r);
	CHECK(!r[0] && !r[1] && !r[2] && !r[3]);
	guest_cpuid(&vcpu, 0x80000000, 0, r);
	CHECK(r[0] == 0x80000021);
	guest_cpuid(&vcpu, 0x80000008, 0, r);
	CHECK(r[0] == 0x3034 && !r[2]);
	leaf_max = 6;
	guest_cpuid(&vcpu, 7, 0, r);
	CHECK(!r[1]);
	guest_cpuid(&vcpu, 0x40000000, 0, r);
	CHECK(!memcmp(r + 1, "XenVMMXenVMM", 12));
	regs = (struct cpu_regs){ .rax = 0x40000001, .rip = MEMORY + CODE };
	memcpy(memory + CODE, "\x0f\x0bxen\x0f\xa2", 7);
	CHECK(emulate_forced_cpuid(&regs) && regs.rax == 0x40011 && PASSED == 7);
	regs.rip = MEMORY + CODE + 1;
	CHECK(!emulate_forced_cpuid(&regs));
}

int main(void)
{
	static const struct test t[] = { TEST(decodes),	    TEST(control_registers),
					 TEST(msrs),	    TEST(single_ports),
					 TEST(strings),	    TEST(hidden_functions),
					 TEST(random_code), TEST(cpuids) };

	return TEST_RUN(t);
}

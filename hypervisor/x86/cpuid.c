/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests are told by the CPUID instruction, where they ask us: the prefixed form,
 * for the instruction itself does not trap in rings 1 and 3.
 *
 * The table lists what may be seen of the processor's own answer: whatever works for ring 1
 * without our help. A leaf that is not listed reads as zeros. So are hidden, among others:
 * large pages and PGE, PCID, FSGSBASE, SMEP, SMAP, UMIP, PKU, CET, LA57, XSAVES, AMX, VMX, SVM,
 * SYSENTER, RDTSCP and RDPID (TSC_AUX is not the guest's), MTRR, machine checks, x2APIC, TSX,
 * performance counters, MWAIT, power management, and all speculation controls that are MSRs.
 * Every VCPU is a package of its own: the numbers of cores and threads are not shown.
 */
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/timer.h>
#include <hyp/trap.h>
#include <public/version.h>

#define LEAF_HYP 0x40000000u
#define LEAF_HYP_LAST (LEAF_HYP + 3)
#define LEAF_EXT 0x80000000u
#define LEAF_XSAVE 0xdu
#define SUB_ANY ~0u
#define LEAF_TSC (LEAF_EXT + 7)
#define TSC_INVARIANT (1u << 8) /* edx */
#define TSC_RELIABLE 2u		/* LEAF_HYP + 3, eax */
#define TSC_NEVER_EMULATED 2u	/* ebx */
#define LEAF_WIDTHS (LEAF_EXT + 8)
#define HAS_ARCH_CAPABILITIES (1u << 29) /* leaf 7, edx */
#define RDCL_NO 1u
#define HYPERVISOR_PRESENT (1u << 31) /* leaf 1, ecx */
#define XSAVE_EXTRAS 7u		      /* XSAVEOPT, XSAVEC, XGETBV with ecx 1 */
#define XSAVEC 2u		      /* ebx is the size of its format */
#define LINEAR_BITS_MAX 48u

#define B(n) (1u << (n))
#define RANGE(a, b) (~0u >> (31 - (b)) & ~0u << (a))
#define ALL ~0u
#define WHOLE                                                                                      \
	{                                                                                          \
		ALL, ALL, ALL, ALL                                                                 \
	}

/* Leaf 1: SSE3 PCLMUL, SSSE3, FMA CX16, SSE4, MOVBE POPCNT, AES XSAVE OSXSAVE AVX F16C RDRAND */
#define F1_ECX (RANGE(0, 1) | B(9) | RANGE(12, 13) | RANGE(19, 20) | RANGE(22, 23) | RANGE(25, 30))
/* FPU DE, TSC MSR PAE, CX8 APIC, CMOV PAT, MMX FXSR: AMD repeats them in 0x80000001 */
#define FX_EDX (B(0) | B(2) | RANGE(4, 6) | RANGE(8, 9) | RANGE(15, 16) | RANGE(23, 24))
/* and CLFLUSH, SSE SSE2 SS */
#define F1_EDX (FX_EDX | B(19) | RANGE(25, 27))
/* Leaf 7: BMI1, AVX2 FDP, BMI2 ERMS, FCS, AVX-512 F DQ, RDSEED ADX, IFMA, */
#define F7_EBX_LOW (B(3) | RANGE(5, 6) | RANGE(8, 9) | B(13) | RANGE(16, 19) | B(21))
/* CLFLUSHOPT CLWB, AVX-512 PF ER CD, SHA, AVX-512 BW VL */
#define F7_EBX (F7_EBX_LOW | RANGE(23, 24) | RANGE(26, 31))
/* PREFETCHWT1 VBMI, VBMI2, GFNI VAES VPCLMUL VNNI BITALG, VPOPCNT, CLDEMOTE, MOVDIRI MOVDIR64B */
#define F7_ECX (RANGE(0, 1) | B(6) | RANGE(8, 12) | B(14) | B(25) | RANGE(27, 28))
/* 4VNNIW 4FMAPS FSRM, VP2INTERSECT, MD_CLEAR, SERIALIZE, AVX-512 FP16 */
#define F7_EDX (RANGE(2, 4) | B(8) | B(10) | B(14) | B(23))
/* Leaf 7, 1: SHA512 SM3 SM4, AVX-VNNI BF16, fast strings, IFMA; VNNI-INT8 NE-CONVERT and so on */
#define F71_EAX (RANGE(0, 2) | RANGE(4, 5) | RANGE(10, 12) | B(23))
#define F71_EDX (RANGE(4, 5) | B(10) | B(14))
/* 0x80000001: LAHF, LZCNT SSE4A MISALIGNSSE PREFETCHW, XOP, FMA4, TBM */
#define FX_ECX (B(0) | RANGE(5, 8) | B(11) | B(16) | B(21))
/* SYSCALL, NX, MMXEXT, LM 3DNOWEXT 3DNOW */
#define FX_EDX_AMD (FX_EDX | B(11) | B(20) | B(22) | RANGE(29, 31))

static const struct rule {
	uint32_t leaf, sub;
	uint32_t mask[4]; /* eax, ebx, ecx, edx */
	uint32_t top;	  /* eax counts, to this at most; 0 = it does not */
} rules[] = {
	{ 0, SUB_ANY, WHOLE, LEAF_XSAVE },
	{ 1, SUB_ANY, { ALL, RANGE(0, 15), F1_ECX, F1_EDX }, 0 },
	{ 2, SUB_ANY, WHOLE, 0 },			   /* caches and TLBs */
	{ 4, SUB_ANY, { RANGE(0, 9), ALL, ALL, ALL }, 0 }, /* caches, but not who shares them */
	{ 7, 0, { ALL, F7_EBX, F7_ECX, F7_EDX }, 1 },
	{ 7, 1, { F71_EAX, 0, 0, F71_EDX }, 0 },
	{ LEAF_XSAVE, SUB_ANY, WHOLE, 0 }, /* xsave_leaf() */
	{ LEAF_EXT, SUB_ANY, WHOLE, LEAF_EXT + 0x21 },
	{ LEAF_EXT + 1, SUB_ANY, { ALL, ALL, FX_ECX, FX_EDX_AMD }, 0 },
	{ LEAF_EXT + 2, SUB_ANY, WHOLE, 0 }, /* name */
	{ LEAF_EXT + 3, SUB_ANY, WHOLE, 0 },
	{ LEAF_EXT + 4, SUB_ANY, WHOLE, 0 },
	{ LEAF_EXT + 5, SUB_ANY, WHOLE, 0 }, /* caches and TLBs */
	{ LEAF_EXT + 6, SUB_ANY, WHOLE, 0 },
	{ LEAF_TSC, SUB_ANY, { 0, 0, 0, TSC_INVARIANT }, 0 },
	{ LEAF_WIDTHS, SUB_ANY, { RANGE(0, 15), B(0) | B(2), 0, 0 }, 0 }, /* CLZERO XSAVEERPTR */
	{ LEAF_EXT + 0x1a, SUB_ANY, { ALL, 0, 0, 0 }, 0 },		  /* width of the FPU */
	/* LFENCE serialises, null selectors clear bases, fast strings */
	{ LEAF_EXT + 0x21, SUB_ANY, { B(2) | B(6) | RANGE(10, 11), 0, 0, 0 }, 0 },
};

/* Components as hardware has them. That of the enabled ones' size needs v to be current. */
static void xsave_leaf(uint32_t sub, uint32_t out[4])
{
	uint64_t allowed = guest_xcr0_allowed();
	uint32_t r[4];

	if (sub > 1 && (sub >= 64 || !(allowed >> sub & 1)))
		allowed = 0;
	if (!allowed) {
		memset(out, 0, 4 * sizeof(*out));
	} else if (sub == 0) {
		out[0] = (uint32_t)allowed;
		out[3] = allowed >> 32;
		out[2] = 576; /* the legacy image and the header */
		for (unsigned int i = 2; i < 63; i++) {
			if (!(allowed >> i & 1))
				continue;
			cpuid(LEAF_XSAVE, i, r);
			out[2] = max(out[2], r[0] + r[1]);
		}
	} else if (sub == 1) {
		out[0] &= XSAVE_EXTRAS;
		out[1] &= out[0] & XSAVEC ? ALL : 0;
		out[2] = out[3] = 0;
	}
}

/*
 * The leaves of public arch-x86/cpuid.h. The third offers no hypercall page by MSR: the ELF
 * note is there for that. The fourth tells Linux that it may use the TSC as it is.
 */
static void hyp_leaf(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	static const char signature[] = "XenVMMXenVMM";

	if (leaf == LEAF_HYP) {
		out[0] = LEAF_HYP_LAST;
		memcpy(out + 1, signature, 3 * sizeof(*out));
	} else if (leaf == LEAF_HYP + 1) {
		out[0] = (uint32_t)hc_xen_version(&(struct hc_args){ { XENVER_version } });
	} else if (leaf == LEAF_HYP + 3 && sub == 0) {
		out[0] = time_tsc_stable() ? TSC_RELIABLE : 0;
		out[1] = TSC_NEVER_EMULATED;
		out[2] = (uint32_t)tsc_khz;
	} else if (leaf == LEAF_HYP + 3 && sub == 2) {
		out[0] = (uint32_t)tsc_khz;
	}
}

bool cpu_has_meltdown(void)
{
	uint32_t r[4], last;
	uint64_t v;

	cpuid(0, 0, r);
	last = r[0];
	if (memcmp(&r[1], "Genu", 4) || memcmp(&r[3], "ineI", 4) || memcmp(&r[2], "ntel", 4))
		return false;
	if (last < 7)
		return true;
	cpuid(7, 0, r);
	return !(r[3] & HAS_ARCH_CAPABILITIES) || !safe_rdmsr(MSR_ARCH_CAPABILITIES, &v) ||
	       !(v & RDCL_NO);
}

static const struct rule *find(uint32_t leaf, uint32_t sub)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].leaf == leaf && (rules[i].sub == SUB_ANY || rules[i].sub == sub))
			return &rules[i];
	return NULL;
}

void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	const struct rule *r = find(leaf, sub);

	memset(out, 0, 4 * sizeof(*out));
	if (leaf >> 24 == LEAF_HYP >> 24) {
		hyp_leaf(leaf, sub, out);
		return;
	}
	cpuid(leaf & LEAF_EXT, 0, out);
	if (!r || leaf > out[0]) {
		memset(out, 0, 4 * sizeof(*out));
		return;
	}
	cpuid(leaf, sub, out);
	for (unsigned int i = 0; i < 4; i++)
		out[i] &= r->mask[i];
	if (r->top)
		out[0] = min(out[0], r->top);
	if (leaf == 1) {
		out[1] |= v->id << 24 | 1 << 16; /* APIC identifier, one processor */
		out[2] |= HYPERVISOR_PRESENT;
	} else if (leaf == LEAF_XSAVE) {
		xsave_leaf(sub, out);
	} else if (leaf == LEAF_TSC) {
		/* Whatever the machine says: system time runs by it, and it is watched. */
		out[3] = time_tsc_stable() ? TSC_INVARIANT : 0;
	} else if (leaf == LEAF_WIDTHS) {
		out[0] = (out[0] & 0xff) | min(out[0] >> 8, LINEAR_BITS_MAX) << 8;
	}
}

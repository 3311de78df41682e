/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The FPU state of VCPUs. It is stored at every switch from a vcpu, and loaded at the
 * switch to one unless this CPU's registers still hold it: c->fpu_owner and
 * v->x86.fpu_cpu then name each other. CR0.TS in hardware is always the current guest's.
 *
 * A guest's XCR0 may hide registers that keep somebody else's values. So state is stored and
 * loaded with all components enabled, and the guest's XCR0 is put in place afterwards.
 * Without XSAVE there is FXSAVE's state only, and XCR0 does not exist.
 *
 * Not here: components a PV guest has no use for (PKRU, CET, AMX); see guest_xcr0_allowed().
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/trap.h>

#define XCR0_X87 0x1ul
#define XCR0_SSE 0x2ul
#define XCR0_KNOWN 0xe7ul /* x87, SSE, AVX, and the three of AVX-512 */
#define LEGACY_BYTES 512
#define MXCSR_DEFAULT 0x1f80
#define MXCSR_MASK_DEFAULT 0xffbf
#define FCW_DEFAULT 0x37f
#define CPUID1_XSAVE (1u << 26)

/* The area, as far as it is looked into: FXSAVE's image and the header of XSAVE. */
struct fpu_area {
	uint16_t fcw, fsw;
	uint8_t ftw, pad;
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[128], xmm[256], unused[96];
	uint64_t xstate_bv, header[7];
};
_Static_assert(offsetof(struct fpu_area, xstate_bv) == LEGACY_BYTES, "XSAVE header");

unsigned int fpu_order;
static uint64_t xcr0_all; /* 0: no XSAVE */
static uint32_t mxcsr_mask = MXCSR_MASK_DEFAULT;

uint64_t guest_xcr0_allowed(void)
{
	return xcr0_all;
}

static void set_ts(uint64_t ts)
{
	uint64_t cr0 = read_cr0();

	if ((cr0 & CR0_TS) != ts)
		write_cr0((cr0 & ~CR0_TS) | ts);
}

static void set_xcr0(uint64_t v)
{
	if (xsetbv_checked(v))
		panic("XCR0 %llx is refused", (unsigned long long)v);
}

/* Once per machine, with all components enabled. */
static void learn_sizes(void)
{
	struct fpu_area area __aligned(16) = { 0 };
	uint32_t r[4] = { 0 };

	__asm__ volatile("fxsave64 %0" : "=m"(area));
	if (area.mxcsr_mask)
		mxcsr_mask = area.mxcsr_mask;
	if (xcr0_all)
		cpuid(0xd, 0, r);
	while (PAGE_SIZE << fpu_order < r[1])
		fpu_order++;
}

void fpu_init(bool first)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT |
		  (r[2] & CPUID1_XSAVE ? CR4_OSXSAVE : 0));
	if (r[2] & CPUID1_XSAVE) {
		cpuid(0xd, 0, r);
		if (first)
			xcr0_all = r[0] & XCR0_KNOWN;
		set_xcr0(xcr0_all);
	} else if (xcr0_all) {
		panic("CPU %u has no XSAVE, but the others have", smp_id());
	}
	if (first)
		learn_sizes();
}

void fpu_save(struct vcpu *v)
{
	struct vcpu_x86 *x = &v->x86;

	set_ts(0);
	if (!xcr0_all) {
		__asm__ volatile("fxsave64 (%0)" ::"r"(x->fpu) : "memory");
		return;
	}
	if (x->xcr0 != xcr0_all)
		set_xcr0(xcr0_all);
	__asm__ volatile("xsave64 (%0)" ::"r"(x->fpu), "a"(~0u), "d"(~0u) : "memory");
	if (x->xcr0 != xcr0_all)
		set_xcr0(x->xcr0);
}

/* It cannot fault: what a guest gave us has passed fpu_set_legacy(). */
static void restore(const struct vcpu_x86 *x)
{
	/* The restoring instructions of AMD may leave somebody else's last FPU addresses. */
	__asm__ volatile("fninit");
	BUG_ON(xcr0_all ? xrstor_checked(x->fpu, ~0ul) : fxrstor_checked(x->fpu));
}

void fpu_load(struct vcpu *v)
{
	struct vcpu_x86 *x = &v->x86;
	struct cpu *c = this_cpu();

	if (c->fpu_owner != v || x->fpu_cpu != c) {
		set_ts(0);
		if (xcr0_all)
			set_xcr0(xcr0_all);
		restore(x);
		c->fpu_owner = v;
		x->fpu_cpu = c;
		if (xcr0_all && x->xcr0 != xcr0_all)
			set_xcr0(x->xcr0);
	}
	set_ts(x->cr0_ts);
}

static void init_x87(struct fpu_area *a)
{
	memset(a, 0, offsetof(struct fpu_area, mxcsr));
	memset(a->st, 0, sizeof(a->st));
	a->fcw = FCW_DEFAULT;
}

void fpu_vcpu_reset(struct vcpu *v)
{
	struct fpu_area *a = v->x86.fpu;

	memset(a, 0, PAGE_SIZE << fpu_order);
	init_x87(a);
	a->mxcsr = MXCSR_DEFAULT;
	v->x86.xcr0 = XCR0_X87;
	v->x86.cr0_ts = 0;
	v->x86.fpu_cpu = NULL;
}

int fpu_set_legacy(struct vcpu *v, const void *fxsave)
{
	struct fpu_area *a = v->x86.fpu;
	uint32_t mxcsr;

	memcpy(&mxcsr, (const char *)fxsave + offsetof(struct fpu_area, mxcsr), sizeof(mxcsr));
	if (mxcsr & ~mxcsr_mask)
		return -EINVAL;
	memset(a, 0, PAGE_SIZE << fpu_order);
	memcpy(a, fxsave, offsetof(struct fpu_area, unused));
	if (xcr0_all)
		a->xstate_bv = XCR0_X87 | XCR0_SSE;
	v->x86.fpu_cpu = NULL;
	return 0;
}

/* XSAVE does not write what is in its initial state. */
void fpu_get_legacy(struct vcpu *v, void *fxsave)
{
	const struct fpu_area *a = v->x86.fpu;
	struct fpu_area *out = fxsave;

	memcpy(out, a, LEGACY_BYTES);
	if (!xcr0_all || v->x86.fpu_cpu == NULL)
		return;
	if (!(a->xstate_bv & XCR0_X87))
		init_x87(out);
	if (!(a->xstate_bv & XCR0_SSE))
		memset(out->xmm, 0, sizeof(out->xmm));
}

int fpu_set_ts(struct vcpu *v, bool set)
{
	v->x86.cr0_ts = set ? CR0_TS : 0;
	set_ts(v->x86.cr0_ts);
	return 0;
}

long hc_fpu_taskswitch(struct hc_args *a)
{
	return fpu_set_ts(current, a->arg[0]);
}

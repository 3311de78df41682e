/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments of guests: descriptor tables, single descriptors, segment bases.
 *
 * Frames in a guest's GDT and LDT are of type FT_DESC: the guest cannot write to them, and
 * every descriptor in them has passed check() below. Only code and data segments do, of
 * rings 1 to 3 (ring 2 can do what ring 1 can), and with the accessed bit set, for the
 * processor must not write to them either. An LDT is taken as it is mapped when it is set:
 * pages that are absent then read as empty until it is set again.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/trap.h>

#define DESC_ACCESSED (1ul << 40)
#define DESC_CODE (1ul << 43)
#define DESC_CODE_OR_DATA (1ul << 44)
#define DESC_DPL_SHIFT 45
#define DESC_PRESENT (1ul << 47)
#define DESC_BOTH_SIZES (3ul << 53) /* L and D: reserved for code */
#define PER_PAGE (PAGE_SIZE / 8)
#define LDT_MAX 8192

/* --- descriptors */

static bool check(uint64_t d)
{
	return !(d & DESC_PRESENT) ||
	       ((d & DESC_CODE_OR_DATA) && !((d & DESC_CODE) && !(~d & DESC_BOTH_SIZES)));
}

static uint64_t adjust(uint64_t d)
{
	if (!(d & DESC_PRESENT))
		return d;
	if (!(d >> DESC_DPL_SHIFT & 3))
		d |= 1ul << DESC_DPL_SHIFT;
	return d | DESC_ACCESSED;
}

int desc_page_validate(void *page)
{
	uint64_t *d = page;

	for (unsigned int i = 0; i < PER_PAGE; i++)
		if (!check(d[i]))
			return -EINVAL;
	for (unsigned int i = 0; i < PER_PAGE; i++)
		if (d[i] != adjust(d[i]))
			d[i] = adjust(d[i]);
	return 0;
}

/* (machine address of the descriptor, its value) */
long hc_update_descriptor(struct hc_args *a)
{
	mfn_t mfn = maddr_to_mfn(MADDR(a->arg[0]));
	struct domain *d = current->domain;
	uint64_t *p;

	if (a->arg[0] & 7 || !check(a->arg[1]))
		return -EINVAL;
	/* In use already, or a page the guest can write to anyhow. */
	if (frame_get_and_type(mfn, d, FT_DESC) && frame_get_and_type(mfn, d, FT_WRITABLE))
		return -EINVAL;
	p = (uint64_t *)((char *)mfn_to_virt(mfn) + (a->arg[0] & ~PAGE_MASK));
	WRITE_ONCE(*p, adjust(a->arg[1]));
	frame_put_and_type(mfn);
	return 0;
}

/* --- tables */

static void put_frames(const mfn_t *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (!mfn_eq(frames[i], INVALID_MFN))
			frame_put_and_type(frames[i]);
}

static void forget_frames(mfn_t *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		frames[i] = INVALID_MFN;
}

int vcpu_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned int entries)
{
	unsigned int n = (entries + PER_PAGE - 1) / PER_PAGE;
	mfn_t now[GDT_GUEST_PAGES], old[GDT_GUEST_PAGES];

	if (entries > GDT_GUEST_PAGES * PER_PAGE)
		return -EINVAL;
	forget_frames(now, GDT_GUEST_PAGES);
	for (unsigned int i = 0; i < n; i++) {
		if (frame_get_and_type(MFN(mfns[i]), v->domain, FT_DESC)) {
			put_frames(now, n);
			return -EINVAL;
		}
		now[i] = MFN(mfns[i]);
	}
	memcpy(old, v->x86.gdt, sizeof(old));
	memcpy(v->x86.gdt, now, sizeof(now));
	v->x86.gdt_entries = entries;
	if (v == current)
		context_load_gdt(v);
	put_frames(old, GDT_GUEST_PAGES);
	return 0;
}

/* (guest address of frame numbers, descriptors) */
long hc_set_gdt(struct hc_args *a)
{
	unsigned int entries = (uint32_t)a->arg[1];
	uint64_t mfns[GDT_GUEST_PAGES];

	if (entries > GDT_GUEST_PAGES * PER_PAGE)
		return -EINVAL;
	if (!guest_read(mfns, a->arg[0], (entries + PER_PAGE - 1) / PER_PAGE * sizeof(*mfns)))
		return -EFAULT;
	return vcpu_set_gdt(current, mfns, entries);
}

int vcpu_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
	mfn_t now[ARRAY_SIZE(v->x86.ldt)], old[ARRAY_SIZE(v->x86.ldt)];

	if (entries > LDT_MAX ||
	    (entries && (base & ~PAGE_MASK || !guest_range_ok(base, entries * 8ul))))
		return -EINVAL;
	forget_frames(now, ARRAY_SIZE(now));
	for (unsigned int i = 0; i * PER_PAGE < entries; i++) {
		uint64_t e = pt_walk(v, base + i * PAGE_SIZE, NULL);
		mfn_t mfn = MFN((e & PTE_ADDR) >> PAGE_SHIFT);

		if (!(e & PTE_P))
			continue;
		if (frame_get_and_type(mfn, v->domain, FT_DESC)) {
			put_frames(now, ARRAY_SIZE(now));
			return -EINVAL;
		}
		now[i] = mfn;
	}
	memcpy(old, v->x86.ldt, sizeof(old));
	memcpy(v->x86.ldt, now, sizeof(now));
	v->x86.ldt_base = entries ? base : 0;
	v->x86.ldt_entries = entries;
	if (v == current)
		context_load_ldt(v);
	put_frames(old, ARRAY_SIZE(old));
	return 0;
}

void vcpu_put_gdt_ldt(struct vcpu *v)
{
	struct vcpu_x86 *x = &v->x86;

	ASSERT(v != current);
	put_frames(x->gdt, ARRAY_SIZE(x->gdt));
	put_frames(x->ldt, ARRAY_SIZE(x->ldt));
	forget_frames(x->gdt, ARRAY_SIZE(x->gdt));
	forget_frames(x->ldt, ARRAY_SIZE(x->ldt));
	x->gdt_entries = x->ldt_entries = 0;
}

/* --- selectors and bases */

bool selector_ok(uint16_t sel)
{
	uint16_t n = sel & 0xfff8;

	if (sel & 4 || n < GDT_GUEST_PAGES * PAGE_SIZE)
		return true;
	return n == (SEL_USER_CS32 & 0xfff8) || n == (SEL_USER_DS & 0xfff8) ||
	       n == (SEL_USER_CS & 0xfff8) || n == (SEL_KERNEL_DS & 0xfff8);
}

/* The guest kernel called: its own GS is the active one, the user's is put aside. */
static void load_user_gs(uint16_t sel)
{
	__asm__ volatile("swapgs" ::: "memory");
	if (!selector_ok(sel) || load_gs_checked(sel))
		load_gs_checked(0);
	__asm__ volatile("swapgs" ::: "memory");
}

/* (SEGBASE_*, base or selector) */
long hc_set_segment_base(struct hc_args *a)
{
	static const uint32_t msr[] = { [SEGBASE_FS] = MSR_FS_BASE,
					[SEGBASE_GS_USER] = MSR_KERNEL_GS_BASE,
					[SEGBASE_GS_KERNEL] = MSR_GS_BASE };

	if (a->arg[0] == SEGBASE_GS_USER_SEL) {
		load_user_gs((uint16_t)a->arg[1]);
		return 0;
	}
	if (a->arg[0] >= ARRAY_SIZE(msr) || !is_canonical(a->arg[1]))
		return -EINVAL;
	wrmsr(msr[a->arg[0]], a->arg[1]);
	return 0;
}

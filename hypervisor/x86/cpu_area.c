/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU areas: what stays mapped while a guest runs (hyp/layout.h, x86/tramp.S),
 * and the processor state that points into them: GDT, IDT, TSS, system-call MSRs.
 *
 * An area is one table of the last level. It is in the hypervisor's own tables,
 * so in every full root, and through a private L3 and L2 in the guest roots of its
 * CPU alone. Nothing in it is executable but the trampoline, and nothing is
 * writable there but the scratch page, the IST stacks and the vcpu_info page.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>
#include <hyp/tramp.h>
#include <hyp/trap.h>

#define MAP_RX (PTE_P | PTE_A | PTE_D)
#define MAP_RO (MAP_RX | PTE_NX)
#define MAP_RW (MAP_RO | PTE_RW)
#define TABLE (PTE_P | PTE_RW | PTE_A | PTE_D)

#define TSS_BYTES 104
#define TSS_RSP0 4
#define TSS_IST1 36
#define TSS_IOMAP 102
#define PAT_VALUE 0x0000050100070406ul /* WB WT UC- UC WC WP: as the PV ABI has it */
#define FMASK_VALUE 0xfffffffdul       /* SYSCALL clears all flags */

static void build_gdt(struct cpu *c)
{
	uint64_t tss = cpu_area(c->id) + CA_TSS * PAGE_SIZE;
	uint64_t *g = c->gdt;

#define DESC(sel) g[((sel)&0xff8) / 8]
	DESC(SEL_HYP_CS) = 0x00af9b000000ffff;
	DESC(SEL_HYP_DS) = 0x00cf93000000ffff;
	DESC(SEL_USER_CS32) = 0x00cffb000000ffff;
	DESC(SEL_USER_DS) = 0x00cff3000000ffff;
	DESC(SEL_USER_CS) = 0x00afbf000000ffff; /* conforming, DPL 1: for rings 1 to 3 */
	DESC(SEL_KERNEL_DS) = 0x00cfb3000000ffff;
	DESC(SEL_TSS) = (TSS_BYTES - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 |
			(tss >> 24 & 0xff) << 56;
	DESC(SEL_TSS + 8) = tss >> 32;
#undef DESC
}

static void build_idt(unsigned int cpu, uint64_t *idt)
{
	static const uint8_t ist[] = { [X86_DB] = IST_DB + 1,
				       [X86_NMI] = IST_NMI + 1,
				       [X86_DF] = IST_DF + 1,
				       [X86_MC] = IST_MC + 1 };

	for (unsigned int i = 0; i < 256; i++) {
		uint64_t fn = tramp_alias(cpu, tramp_vectors) + i * TRAMP_VECTOR_SIZE;
		uint64_t dpl = i == X86_BP || i == X86_OF || i == VEC_INT80 ? 3 : 0;

		idt[2 * i] = (fn & 0xffff) | (uint64_t)SEL_HYP_CS << 16 |
			     (i < ARRAY_SIZE(ist) ? (uint64_t)ist[i] << 32 : 0) | 0x8eul << 40 |
			     dpl << 45 | (fn >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = fn >> 32;
	}
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void build_tss(struct cpu *c)
{
	uint64_t area = cpu_area(c->id);

	put64(c->tss + TSS_RSP0, area + (CA_SCRATCH + 1) * PAGE_SIZE);
	for (unsigned int i = 0; i < 4; i++)
		put64(c->tss + TSS_IST1 + 8 * i, area + (CA_IST + i + 1) * PAGE_SIZE);
	c->tss[TSS_IOMAP] = TSS_BYTES; /* beyond the limit: no ports */
}

static void build_ro(struct cpu *c)
{
	uint64_t stack = (uint64_t)c->stack;
	struct tramp_ro *ro = c->ro;

	ro->idle_cr3 = c->idle_cr3;
	ro->full_cr3 = ro->kernel_cr3 = ro->user_cr3 = ro->exit_cr3 = c->idle_cr3;
	ro->hyp_rsp = stack + STACK_SIZE - sizeof(struct stack_top) + sizeof(struct cpu_regs);
	ro->ist_rsp[IST_NMI] = stack + STACK_NMI_TOP;
	ro->ist_rsp[IST_MC] = stack + STACK_MC_TOP;
	ro->ist_rsp[IST_DF] = stack + STACK_MC_TOP;
	ro->ist_rsp[IST_DB] = stack + STACK_DB_TOP;
}

/* A page of the area; its alias in the direct map, or NULL. */
static void *area_page(struct cpu *c, unsigned int page, uint64_t flags)
{
	void *p = hyp_page_alloc(0);

	if (p)
		hyp_map_page(cpu_area(c->id) + page * PAGE_SIZE, virt_to_mfn(p), flags);
	return p;
}

/* The way from a guest root to this area: an L3 and an L2 with one entry each. */
static bool build_private_tables(struct cpu *c)
{
	uint64_t va = cpu_area(c->id);
	uint64_t *l2 = hyp_page_alloc(0);

	c->area_l1 = (uint64_t *)((uint64_t)hyp_pte(va) & PAGE_MASK);
	c->area_l3 = hyp_page_alloc(0);
	c->root = hyp_page_alloc(0);
	c->user_root = hyp_page_alloc(0);
	if (!l2 || !c->area_l3 || !c->root || !c->user_root)
		return false;
	l2[va >> 21 & 511] = virt_to_maddr(c->area_l1).a | TABLE;
	c->area_l3[va >> 30 & 511] = virt_to_maddr(l2).a | TABLE;
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t *root = i ? c->user_root : c->root;

		root[HYP_SLOT_FIRST] = hyp_l4[HYP_SLOT_FIRST];
		root[HYP_SLOT_FIRST + 1] = virt_to_maddr(c->area_l3).a | TABLE;
	}
	return true;
}

/* Only while CPUs come up: what a failure leaves allocated is lost with a CPU that is not used. */
int cpu_area_alloc(struct cpu *c)
{
	uint64_t *idle = hyp_page_alloc(0), *idt;

	for (unsigned int i = 0; i < CA_CODE_PAGES && tramp_start + i * PAGE_SIZE < tramp_end; i++)
		hyp_map_page(cpu_area(c->id) + (CA_CODE + i) * PAGE_SIZE,
			     virt_to_mfn(tramp_start + i * PAGE_SIZE), MAP_RX);
	c->ro = area_page(c, CA_RO, MAP_RO);
	idt = area_page(c, CA_IDT, MAP_RO);
	c->tss = area_page(c, CA_TSS, MAP_RO);
	c->gdt = area_page(c, CA_GDT + GDT_GUEST_PAGES, MAP_RO);
	if (!idle || !c->ro || !idt || !c->tss || !c->gdt || !area_page(c, CA_SCRATCH, MAP_RW))
		return -ENOMEM;
	for (unsigned int i = 0; i < 4; i++)
		if (!area_page(c, CA_IST + i, MAP_RW))
			return -ENOMEM;
	if (!build_private_tables(c))
		return -ENOMEM;
	memcpy(idle + HYP_SLOT_FIRST, hyp_l4 + HYP_SLOT_FIRST,
	       (HYP_SLOT_LAST - HYP_SLOT_FIRST + 1) * sizeof(*idle));
	c->idle_cr3 = virt_to_maddr(idle).a;
	c->kernel_l4 = c->user_l4 = INVALID_MFN;
	build_gdt(c);
	build_idt(c->id, idt);
	build_tss(c);
	build_ro(c);
	return 0;
}

static void load_tables(const struct cpu *c)
{
	uint64_t cs = SEL_HYP_CS;
	struct __packed {
		uint16_t limit;
		uint64_t base;
	} gdtr = { GDT_BYTES - 1, cpu_area(c->id) + CA_GDT * PAGE_SIZE },
	  idtr = { 256 * 16 - 1, cpu_area(c->id) + CA_IDT * PAGE_SIZE };

	__asm__ volatile("lgdt %0" ::"m"(gdtr));
	__asm__ volatile("lidt %0" ::"m"(idtr));
	__asm__ volatile("push %0; lea 1f(%%rip), %0; push %0; lretq; 1:" : "+r"(cs)::"memory");
	__asm__ volatile("mov %0, %%ss" ::"r"(SEL_HYP_DS));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" ::"r"(0));
	__asm__ volatile("lldt %w0" ::"r"(0));
	/* The processor marks the descriptor busy, on a page that is read-only here. */
	write_cr0(read_cr0() & ~CR0_WP);
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
	write_cr0(read_cr0() | CR0_WP | CR0_AM | CR0_NE | CR0_MP);
}

void cpu_area_load(struct cpu *c)
{
	uint32_t r[4];

	load_tables(c);
	cpuid(0, 0, r);
	if (r[0] >= 7)
		cpuid(7, 0, r);
	else
		r[1] = 0;
	c->smep = r[1] & 1 << 7;
	write_cr4((read_cr4() & ~(CR4_PGE | CR4_FSGSBASE)) | CR4_DE | CR4_MCE |
		  (c->smep ? CR4_SMEP : 0));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	wrmsr(MSR_STAR, (SEL_USER_CS32 * 1ul) << 48 | (SEL_HYP_CS * 1ul) << 32);
	wrmsr(MSR_LSTAR, tramp_alias(c->id, tramp_syscall));
	wrmsr(MSR_CSTAR, tramp_alias(c->id, tramp_syscall32));
	wrmsr(MSR_FMASK, FMASK_VALUE);
	safe_wrmsr(MSR_SYSENTER_CS, 0); /* #GP: the guests see no SYSENTER */
	wrmsr(MSR_PAT, PAT_VALUE);
	write_cr3(c->idle_cr3);
}

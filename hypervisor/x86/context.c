/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Switching between virtual CPUs, and keeping what is loaded on a CPU in step
 * with struct vcpu_x86.
 *
 * A guest root is this CPU's copy of the guest's L4, but for the hypervisor's
 * slots. c->kernel_l4 and c->user_l4 say what it is a copy of, and are changed
 * under the pt_lock of the domain whose tables those are. Every change of an
 * L4 happens under the same lock and goes to all copies (context_l4_changed()). So
 * copies are never behind, and a copy is never written for a domain that has
 * left: c->kernel_l4 is given up under the old domain's lock before the new
 * domain's entries are copied.
 *
 * d->dirty_cpus has this CPU's bit from before a root of d is loaded until after
 * another one is.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/tramp.h>
#include <hyp/trap.h>

#define WINDOW_RO (PTE_P | PTE_A | PTE_D | PTE_NX)
#define WINDOW_RW (WINDOW_RO | PTE_RW)
#define L4_ENTRIES 512
#define STACK_USED 256 /* more than any passage leaves on one of the area's stacks */
#define SCRATCH_USED 64

static const uint8_t zero_page[PAGE_SIZE] __aligned(4096);

/* --- guest roots */

static uint64_t *copy_l4(uint64_t *root, mfn_t l4)
{
	const uint64_t *src = mfn_to_virt(l4);

	memcpy(root, src, HYP_SLOT_FIRST * sizeof(*src));
	memcpy(root + HYP_SLOT_LAST + 1, src + HYP_SLOT_LAST + 1,
	       (L4_ENTRIES - HYP_SLOT_LAST - 1) * sizeof(*src));
	return root;
}

/* The roots of v, which is current; its domain's pt_lock held. */
static void load_roots(struct cpu *c, const struct vcpu *v)
{
	const struct vcpu_x86 *x = &v->x86;
	struct tramp_ro *ro = c->ro;
	mfn_t user = v->domain->split ? x->user_root : INVALID_MFN;

	c->kernel_l4 = x->root;
	ro->full_cr3 = mfn_to_maddr(x->root).a;
	ro->kernel_cr3 = virt_to_maddr(copy_l4(c->root, x->root)).a;
	ro->user_cr3 = ro->kernel_cr3;
	c->user_l4 = user;
	/* As long as the guest has set no user root, its ring 3 runs on the other one. */
	if (!mfn_eq(user, INVALID_MFN))
		ro->user_cr3 = virt_to_maddr(copy_l4(c->user_root, user)).a;
	ro->split = v->domain->split;
	write_cr3(ro->full_cr3);
}

void context_reload_roots(void)
{
	load_roots(this_cpu(), current);
}

void context_l4_changed(struct domain *d, mfn_t l4, unsigned int slot, uint64_t entry)
{
	ASSERT(spin_held(&d->pt_lock));
	if (slot >= HYP_SLOT_FIRST && slot <= HYP_SLOT_LAST)
		return;
	for (unsigned int i = 0; i < nr_cpus; i++) {
		if (mfn_eq(cpus[i]->kernel_l4, l4))
			WRITE_ONCE(cpus[i]->root[slot], entry);
		if (mfn_eq(cpus[i]->user_l4, l4))
			WRITE_ONCE(cpus[i]->user_root[slot], entry);
	}
}

static void switch_roots(struct cpu *c, struct vcpu *prev, struct vcpu *next)
{
	struct domain *from = prev->domain, *to = next->domain;

	if (!prev->is_idle) {
		spin_lock(&from->pt_lock);
		c->kernel_l4 = c->user_l4 = INVALID_MFN;
		spin_unlock(&from->pt_lock);
	}
	if (next->is_idle) {
		write_cr3(c->idle_cr3);
		c->ro->full_cr3 = c->idle_cr3;
	} else {
		cpumask_set(&to->dirty_cpus, c->id);
		spin_lock(&to->pt_lock);
		load_roots(c, next);
		spin_unlock(&to->pt_lock);
	}
	if (!prev->is_idle && from != to)
		cpumask_clear(&from->dirty_cpus, c->id);
}

/* On for every domain but those that cannot run with it. */
static void load_smep(const struct cpu *c, const struct domain *d)
{
	uint64_t old = read_cr4(), cr4 = old & ~CR4_SMEP;

	if (c->smep && !READ_ONCE(d->no_smep))
		cr4 |= CR4_SMEP;
	if (cr4 != old)
		write_cr4(cr4);
}

bool context_smep_off(void)
{
	struct domain *d = current->domain;

	if (!(read_cr4() & CR4_SMEP))
		return false;
	spin_lock(&d->pt_lock);
	d->no_smep = true;
	d->split = true;
	load_roots(this_cpu(), current);
	spin_unlock(&d->pt_lock);
	load_smep(this_cpu(), d);
	return true;
}

/* --- windows in the CPU's area. Their translations are dropped by the next load of CR3. */

static void window(struct cpu *c, unsigned int page, mfn_t mfn, uint64_t flags)
{
	WRITE_ONCE(c->area_l1[page], mfn_to_maddr(mfn).a | flags);
}

static void table_windows(struct cpu *c, unsigned int first, const mfn_t *frames, unsigned int n)
{
	mfn_t none = virt_to_mfn(zero_page);

	for (unsigned int i = 0; i < n; i++)
		window(c, first + i, mfn_eq(frames[i], INVALID_MFN) ? none : frames[i], WINDOW_RO);
}

static void set_ldt_descriptor(struct cpu *c, unsigned int entries)
{
	uint64_t base = cpu_area(c->id) + CA_LDT * PAGE_SIZE, limit = entries * 8ul - 1;
	uint64_t *desc = &c->gdt[(SEL_LDT & 0xff8) / 8];

	desc[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x82ul << 40 |
		  (base >> 24 & 0xff) << 56;
	desc[1] = base >> 32;
}

static void load_ldt(struct cpu *c, const struct vcpu *v)
{
	table_windows(c, CA_LDT, v->x86.ldt, ARRAY_SIZE(v->x86.ldt));
	if (v->x86.ldt_entries)
		set_ldt_descriptor(c, v->x86.ldt_entries);
}

static void lldt(const struct vcpu *v)
{
	__asm__ volatile("lldt %w0" ::"r"(v->x86.ldt_entries ? SEL_LDT : 0));
}

void context_load_gdt(struct vcpu *v)
{
	table_windows(this_cpu(), CA_GDT, v->x86.gdt, GDT_GUEST_PAGES);
	write_cr3(read_cr3());
}

void context_load_ldt(struct vcpu *v)
{
	load_ldt(this_cpu(), v);
	write_cr3(read_cr3());
	lldt(v);
}

static void load_vinfo(struct cpu *c, const struct vcpu *v)
{
	window(c, CA_VINFO, v->info_mfn, WINDOW_RW);
	c->ro->vinfo = cpu_area(c->id) + CA_VINFO * PAGE_SIZE + v->info_offset;
}

void context_refresh_vinfo(struct vcpu *v)
{
	if (v == current)
		load_vinfo(this_cpu(), v);
}

void context_refresh_tramp(struct vcpu *v)
{
	const struct trap_entry *pf = &v->x86.traps[X86_PF];
	const struct vcpu_x86 *x = &v->x86;
	struct tramp_ro *ro = this_cpu()->ro;

	ro->in_nmi = x->nmi_masked;
	ro->kernel_sp = x->kernel_sp;
	ro->syscall_rip = x->kernel_sp ? x->syscall_rip : 0;
	ro->syscall_mask = x->syscall_mask;
	ro->pf_rip = x->kernel_sp && pf->valid ? pf->rip : 0;
	ro->pf_mask = (pf->flags & 4) != 0;
}

/* --- registers */

static void save_segments(struct vcpu_x86 *x)
{
	uint64_t active = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

	__asm__ volatile("mov %%ds, %0" : "=r"(x->ds));
	__asm__ volatile("mov %%es, %0" : "=r"(x->es));
	__asm__ volatile("mov %%fs, %0" : "=r"(x->fs));
	__asm__ volatile("mov %%gs, %0" : "=r"(x->gs));
	x->fs_base = rdmsr(MSR_FS_BASE);
	x->gs_base_user = x->user_mode ? active : other;
	x->gs_base_kernel = x->user_mode ? other : active;
}

/* A selector the guest spoiled meanwhile (its LDT changed) becomes null. */
static void load_selector(uint16_t sel, int (*load)(uint32_t sel))
{
	if (load(sel))
		load(0);
}

/* Selectors first: loading them changes bases. */
static void load_segments(const struct vcpu_x86 *x)
{
	load_selector(x->ds, load_ds_checked);
	load_selector(x->es, load_es_checked);
	load_selector(x->fs, load_fs_checked);
	load_selector(x->gs, load_gs_checked);
	wrmsr(MSR_FS_BASE, x->fs_base);
	wrmsr(MSR_GS_BASE, x->user_mode ? x->gs_base_user : x->gs_base_kernel);
	wrmsr(MSR_KERNEL_GS_BASE, x->user_mode ? x->gs_base_kernel : x->gs_base_user);
}

/* Ring 1 can read the stacks of entries: no domain is to find another one's registers there. */
static void forget_registers(struct cpu *c, domid_t next)
{
	uint64_t area = cpu_area(c->id);

	if (c->area_domid == next)
		return;
	c->area_domid = next;
	memset((void *)(area + CA_SCRATCH * PAGE_SIZE), 0, SCRATCH_USED);
	for (unsigned int page = CA_SCRATCH; page < CA_IST + 4; page++)
		memset((void *)(area + (page + 1) * PAGE_SIZE - STACK_USED), 0, STACK_USED);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	struct cpu *c = this_cpu();

	if (!prev->is_idle) {
		prev->x86.regs = *guest_regs();
		save_segments(&prev->x86);
		fpu_save(prev);
	}
	debugreg_switch(prev, next);
	c->curr = next;
	if (!next->is_idle) {
		table_windows(c, CA_GDT, next->x86.gdt, GDT_GUEST_PAGES);
		load_ldt(c, next);
		load_vinfo(c, next);
	}
	load_smep(c, next->domain);
	switch_roots(c, prev, next);
	if (!next->is_idle) {
		forget_registers(c, next->domain->id);
		*guest_regs() = next->x86.regs;
		lldt(next);
		load_segments(&next->x86);
		fpu_load(next);
		context_refresh_tramp(next);
	}
	vcpu_update_guest_areas(next);
	__atomic_store_n(&prev->running, false, __ATOMIC_SEQ_CST);
}

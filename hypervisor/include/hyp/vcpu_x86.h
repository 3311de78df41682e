/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor state of a virtual CPU, and what x86/ offers the rest.
 * Included by hyp/domain.h; not self-standing by itself.
 */
#ifndef HYP_VCPU_X86_H
#define HYP_VCPU_X86_H

#include <hyp/cpu.h>
#include <hyp/layout.h>

struct trap_entry {
	uint64_t rip;
	uint16_t cs;
	uint8_t flags; /* low two bits: DPL; bit 2: mask events on entry */
	bool valid;
};

struct vcpu_x86 {
	struct cpu_regs regs;	  /* while not current; else at the top of the CPU's stack */
	bool user_mode;		  /* ring 3: GS base registers are exchanged */
	mfn_t root;		  /* kernel L4; reference and type held */
	mfn_t user_root;	  /* user L4 or INVALID_MFN */
	struct trap_entry *traps; /* NR_TRAPS entries */
	/* callbacks: public/callback.h; 0 = none */
	uint64_t event_rip, failsafe_rip, syscall_rip, syscall32_rip, nmi_rip;
	bool syscall_mask, failsafe_mask, syscall32_mask;
	uint64_t kernel_sp; /* stack_switch; checked to lie outside our slots */
	uint64_t kernel_ss;
	uint64_t fs_base, gs_base_kernel, gs_base_user;
	uint16_t ds, es, fs, gs;
	uint64_t cr0_ts;
	uint64_t dr[4], dr6, dr7;
	mfn_t gdt[GDT_GUEST_PAGES]; /* FT_DESC references held; INVALID_MFN = none */
	unsigned int gdt_entries;
	uint64_t ldt_base; /* guest address, for saving */
	mfn_t ldt[16];
	unsigned int ldt_entries;
	uint32_t iopl;	     /* PHYSDEVOP_set_iopl: 3 gives ring 3 the domain's ports */
	uint64_t user_ports; /* PHYSDEVOP_set_iobitmap: guest address, ring 3's ports; 0 = none */
	uint32_t nr_user_ports;
	uint64_t xcr0;
	void *fpu;	     /* XSAVE or FXSAVE area, fpu_order pages */
	struct cpu *fpu_cpu; /* whose registers it was loaded into last; NULL = the area is newer */
	bool nmi_pending, nmi_masked;
};

struct vcpu_guest_context;

/* --- x86/vcpu.c */
int vcpu_x86_init(struct vcpu *v);  /* allocates; v->domain set. 0 or -ENOMEM */
void vcpu_x86_free(struct vcpu *v); /* drops all references; not running */
/* Checks, then installs a context (VCPUOP_initialise, domain builder). v is down. 0 or -EINVAL/-EBUSY. */
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c); /* v paused */

/* --- x86/context.c. Switches this CPU from prev to next: registers, roots, descriptor windows, FPU. */
void context_switch(struct vcpu *prev, struct vcpu *next);
/* Reload after the roots of current changed. */
void context_reload_roots(void);
/*
 * The kernel of current needs to run without SMEP: for good, and split. False: it is off already,
 * or the processor has none.
 */
bool context_smep_off(void);
/* An L4 entry of the frame l4 of d was written: copies it into the guest roots that have it loaded, on all CPUs. d->pt_lock held. */
void context_l4_changed(struct domain *d, mfn_t l4, unsigned int slot, uint64_t entry);
/* vcpu_info moved, GDT/LDT changed: refresh the windows of current. */
void context_refresh_vinfo(struct vcpu *v);

/* --- x86/bounce.c. Queue a trap for the current guest: pushes the frame at once. */
void guest_trap(struct cpu_regs *regs, unsigned int vector, uint32_t error_code);
void guest_page_fault(struct cpu_regs *regs, uint64_t cr2, uint32_t error_code);

/* --- x86/cpu_area.c: builds the CPU's area, loads GDT, IDT, TSS, syscall MSRs. On the CPU itself. */
int cpu_area_alloc(struct cpu *c);
void cpu_area_load(struct cpu *c);
void traps_init(void); /* once, before the first cpu_area_load */
void fpu_init(bool boot_cpu);

long hc_set_trap_table(struct hc_args *a);
long hc_set_gdt(struct hc_args *a);
long hc_stack_switch(struct hc_args *a);
long hc_set_callbacks(struct hc_args *a);
long hc_callback_op(struct hc_args *a);
long hc_fpu_taskswitch(struct hc_args *a);
long hc_set_debugreg(struct hc_args *a);
long hc_get_debugreg(struct hc_args *a);
long hc_update_descriptor(struct hc_args *a);
long hc_set_segment_base(struct hc_args *a);
long hc_iret(struct hc_args *a);
/* mmuext_op MMUEXT_SET_LDT; called by mm/. */
int vcpu_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries);
/* A frame becomes FT_DESC: check and adjust all its descriptors (DPL 0 to 1, no gates). 0 or -EINVAL. */
int desc_page_validate(void *page);

#endif

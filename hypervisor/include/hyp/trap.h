/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of x86/ offer each other about traps, guest state and emulation. */
#ifndef HYP_TRAP_H
#define HYP_TRAP_H

#include <hyp/call.h>
#include <hyp/domain.h>

/* --- x86/traps.c: from x86/entry.S */
void trap_dispatch(struct cpu_regs *regs);
void hyp_fault(struct cpu_regs *regs);
void hyp_ist_fault(struct cpu_regs *regs);
struct exit_path {
	uint64_t code, stack; /* this CPU's alias of tramp_exit; the end of its entry stack */
};
struct exit_path exit_work(void);

/*
 * --- x86/bounce.c. Each makes current enter ring 1 at the handler, or ends its domain when
 * there is none or no stack. guest_event_upcall() and guest_syscall(): false = none registered.
 */
bool guest_event_upcall(struct cpu_regs *regs);
bool guest_syscall(struct cpu_regs *regs, bool compat);
/* An INT instruction of the guest, rip behind it: never with an error code. */
void guest_soft_trap(struct cpu_regs *regs, unsigned int vector);
void guest_nmi(struct cpu_regs *regs);
void guest_failsafe(struct cpu_regs *regs);
/* Ring 3 or ring 1 from now: exchanges the GS bases when that changes. current only. */
void guest_set_mode(struct vcpu *v, bool user);

/* --- x86/entry.S: 0, or 1 (bytes left, for copy) when the access faulted */
size_t copy_checked(void *dst, const void *src, size_t n);
int cmpxchg_checked(uint64_t *p, uint64_t *old, uint64_t val);
int rdmsr_checked(uint32_t msr, uint64_t *v);
int wrmsr_checked(uint32_t msr, uint64_t v);
int xsetbv_checked(uint64_t v);
int load_ds_checked(uint32_t sel);
int load_es_checked(uint32_t sel);
int load_fs_checked(uint32_t sel);
int load_gs_checked(uint32_t sel);
int xrstor_checked(const void *area, uint64_t mask);
int fxrstor_checked(const void *area);

/* --- x86/cpuid.c: what a guest of v's domain sees, and the same for XCR0 (bits it may set). */
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4]);
uint64_t guest_xcr0_allowed(void);

/* --- x86/emulate.c */
/*
 * A #GP at regs->rip of a guest: emulates one privileged instruction of ring 1 (or of ring 3
 * with I/O privilege for the port instructions), advances rip. False: not one of ours, deliver the #GP.
 * It may have delivered an exception of its own (guest_trap()) and then returns true.
 */
bool emulate_privileged(struct cpu_regs *regs);
/* #UD: the forced-emulation CPUID prefix (0f 0b 'x' 'e' 'n' then 0f a2), ring 1 and ring 3. */
bool emulate_forced_cpuid(struct cpu_regs *regs);
/* Reads up to n bytes (1..15) of instruction at regs->rip into buf, as the guest itself could; returns how many. */
unsigned int guest_fetch(const struct cpu_regs *regs, uint8_t *buf, unsigned int n);

/* --- x86/fpu.c. CR0.TS as the guest sees it is v->x86.cr0_ts (0 or CR0_TS). */
void fpu_save(struct vcpu *v); /* switch-out: stores the registers if v's are in them */
void fpu_load(struct vcpu *v); /* switch-in: XCR0 and registers of v, CR0.TS as the guest has it */
void fpu_vcpu_reset(struct vcpu *v); /* the state after INIT */
/* The legacy 512-byte image, to and from a vcpu_guest_context. set: 0 or -EINVAL. v not running. */
int fpu_set_legacy(struct vcpu *v, const void *fxsave);
void fpu_get_legacy(struct vcpu *v, void *fxsave);
extern unsigned int fpu_order;		  /* pages of a vcpu's area, as an order */
int fpu_set_ts(struct vcpu *v, bool set); /* current: the guest's CR0.TS; hardware follows */

/* --- x86/debugreg.c */
int debugreg_set(struct vcpu *v, unsigned int n,
		 uint64_t val); /* 0 or -EINVAL/-EPERM; loads it when v is current */
uint64_t debugreg_get(const struct vcpu *v, unsigned int n);
void debugreg_switch(const struct vcpu *prev,
		     const struct vcpu *next); /* hardware from prev's to next's */

/* --- x86/segment.c */
/* Replaces v's GDT frames, taking FT_DESC references: all, or nothing. v down or current. 0 or -Exxx. */
int vcpu_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned int entries);
void vcpu_put_gdt_ldt(struct vcpu *v); /* drops the frames; v runs nowhere */
/* True when a selector names a descriptor the guest may load (RPL 1 or 3, not our ring-0 ones). Null is fine. */
bool selector_ok(uint16_t sel);

/* --- x86/callbacks.c */
/* An entry address for ring 1: canonical and outside the hypervisor's slots, or 0. */
bool entry_address_ok(uint64_t va);

/* --- x86/context.c: windows of current on this CPU, from struct vcpu_x86. */
void context_load_gdt(struct vcpu *v);
void context_load_ldt(struct vcpu *v);
/* Rewrites struct tramp_ro (callbacks, stack, roots) of this CPU from v, which is current. */
void context_refresh_tramp(struct vcpu *v);

#endif

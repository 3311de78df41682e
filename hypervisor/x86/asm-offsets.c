/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structure offsets for assembly. Compiled to assembly only; the Makefile turns
 * the marked lines into generated/asm-offsets.h.
 */
#include <hyp/cpu.h>
#include <hyp/tramp.h>
#include <public/xen.h>

void asm_offsets(void);

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"-> " #name " %c0\"" : : "i"(value))
#define REGS(field) DEFINE(REGS_##field, offsetof(struct cpu_regs, field))
#define TRO(field) DEFINE(TRO_##field, offsetof(struct tramp_ro, field))

void asm_offsets(void)
{
	REGS(r15);
	REGS(rax);
	REGS(rdi);
	REGS(vector);
	REGS(rip);
	REGS(cs);
	REGS(rflags);
	REGS(rsp);
	REGS(ss);
	DEFINE(REGS_error, offsetof(struct cpu_regs, error_code));
	DEFINE(REGS_size, sizeof(struct cpu_regs));
	DEFINE(STACK_TOP_size, sizeof(struct stack_top));
	DEFINE(STACK_TOP_error, offsetof(struct stack_top, regs.error_code));
	DEFINE(STACK_TOP_cpu, offsetof(struct stack_top, cpu));
	DEFINE(STACK_TOP_pad, offsetof(struct stack_top, pad));

	DEFINE(TRAP_SYSCALL, TRAP_SYSCALL);
	DEFINE(TRAP_USYSCALL, TRAP_USYSCALL);
	DEFINE(TRAP_SYSCALL32, TRAP_SYSCALL32);

	TRO(full_cr3);
	TRO(kernel_cr3);
	TRO(user_cr3);
	TRO(exit_cr3);
	TRO(idle_cr3);
	TRO(hyp_rsp);
	TRO(ist_rsp);
	TRO(syscall_rip);
	TRO(syscall_mask);
	TRO(pf_rip);
	TRO(pf_mask);
	TRO(kernel_sp);
	TRO(vinfo);
	TRO(split);
	TRO(in_nmi);

	DEFINE(VINFO_pending, offsetof(struct vcpu_info, evtchn_upcall_pending));
	DEFINE(VINFO_mask, offsetof(struct vcpu_info, evtchn_upcall_mask));
	DEFINE(VINFO_cr2, offsetof(struct vcpu_info, arch.cr2));
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry to and exit from the hypervisor proper, on a full root and the CPU's
 * stack block. The guest's registers are struct stack_top.regs at its top:
 *
 *   top -  8  pad            top -  16  struct cpu *
 *   top - 24  ss .. rip      top -  64  error code, vector
 *   top - 72  rdi .. r15     top - 184  (lowest)
 */
#include <hyp/layout.h>
#include <hyp/tramp.h>
#include <generated/asm-offsets.h>

	.text
	.balign 16
	.globl hyp_entry, exit_to_guest, hyp_fault_entry

/* From the trampoline: all registers saved, rsp = &stack_top.regs. */
hyp_entry:
	cld
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	sub	$8, %rsp		/* keep calls 16-byte aligned */
	call	trap_dispatch

/*
 * The exit path; also where a CPU begins its life. exit_work() runs what is
 * pending, idles, switches VCPUs, and returns when current may run.
 */
exit_to_guest:
	mov	%rsp, %rax
	or	$(STACK_SIZE - 1), %rax
	lea	(1 - STACK_TOP_size)(%rax), %rsp
	sub	$8, %rsp
	call	exit_work
	add	$8, %rsp

	/* rax = where to go on: this CPU's alias of tramp_exit; rdx = its entry stack's end. */
	mov	%rax, STACK_TOP_pad(%rsp)
	lea	-48(%rdx), %rdx
	mov	%rdx, STACK_TOP_error(%rsp)	/* its value is of no more use */
	mov	REGS_rax(%rsp), %rax
	mov	%rax, (%rdx)
	mov	REGS_rip(%rsp), %rax
	mov	%rax, 8(%rdx)
	mov	REGS_cs(%rsp), %rax
	mov	%rax, 16(%rdx)
	mov	REGS_rflags(%rsp), %rax
	mov	%rax, 24(%rdx)
	mov	REGS_rsp(%rsp), %rax
	mov	%rax, 32(%rdx)
	mov	REGS_ss(%rsp), %rax
	mov	%rax, 40(%rdx)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	add	$8, %rsp
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	mov	(STACK_TOP_pad - REGS_error)(%rsp), %rax
	mov	(%rsp), %rsp
	jmp	*%rax

/*
 * A fault or interrupt of ring 0, on whatever stack it hit; the interrupted
 * rax is on the stack, then error code/vector and the processor's frame.
 */
hyp_fault_entry:
	mov	(%rsp), %rax
	mov	%rdi, (%rsp)
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	hyp_fault
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	add	$8, %rsp
	iretq

/*
 * The accessor of memory that may fault. Copies rdx bytes from rsi to rdi;
 * returns the number of bytes not copied. System V calling convention.
 */
	.globl copy_checked
copy_checked:
	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
.Lcopy_q:
	rep movsq
	mov	%edx, %ecx
.Lcopy_b:
	rep movsb
	mov	%rcx, %rax
	ret
.Lcopy_q_fix:
	lea	(%rdx, %rcx, 8), %rax
	ret

/* Compare-and-exchange of 8 bytes at rdi: *rsi old (updated), rdx new. 0, or 1 on a fault. */
	.globl cmpxchg_checked
cmpxchg_checked:
	mov	(%rsi), %rax
.Lcmpxchg:
	lock cmpxchg %rdx, (%rdi)
	mov	%rax, (%rsi)
	xor	%eax, %eax
	ret

/* rdmsr of edi into *rsi; wrmsr of rsi into edi; xsetbv of rdi to XCR0; segment loads. 0, or 1 on a fault. */
	.globl rdmsr_checked, wrmsr_checked, xsetbv_checked
rdmsr_checked:
	mov	%edi, %ecx
.Lrdmsr:
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, (%rsi)
	xor	%eax, %eax
	ret
wrmsr_checked:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
.Lwrmsr:
	wrmsr
	xor	%eax, %eax
	ret
xsetbv_checked:
	mov	%edi, %eax
	mov	%rdi, %rdx
	shr	$32, %rdx
	xor	%ecx, %ecx
.Lxsetbv:
	xsetbv
	xor	%eax, %eax
	ret

.macro seg_load seg
	.globl load_\seg\()_checked
load_\seg\()_checked:
.Lseg_\seg:
	mov	%edi, %\seg
	xor	%eax, %eax
	ret
	.pushsection .ex_table, "a"
	.long	.Lseg_\seg - ., .Lchecked_fault - .
	.popsection
.endm
	seg_load ds
	seg_load es
	seg_load fs
	seg_load gs

/* Restore of an FPU image that a guest may have spoiled: rdi = area, rsi = mask. 0, or 1 on a fault. */
	.globl xrstor_checked, fxrstor_checked
xrstor_checked:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
.Lxrstor:
	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
fxrstor_checked:
.Lfxrstor:
	fxrstor64 (%rdi)
	xor	%eax, %eax
	ret

.Lchecked_fault:
	mov	$1, %eax
	ret
.Lcopy_b_fix:
	mov	%rcx, %rax
	ret

	.section .ex_table, "a"
	.long	.Lcopy_q - ., .Lcopy_q_fix - .
	.long	.Lcopy_b - ., .Lcopy_b_fix - .
	.long	.Lcmpxchg - ., .Lchecked_fault - .
	.long	.Lrdmsr - ., .Lchecked_fault - .
	.long	.Lwrmsr - ., .Lchecked_fault - .
	.long	.Lxsetbv - ., .Lchecked_fault - .
	.long	.Lxrstor - ., .Lchecked_fault - .
	.long	.Lfxrstor - ., .Lchecked_fault - .

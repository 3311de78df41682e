/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trampoline: all of the hypervisor that is mapped while a guest runs.
 *
 * Every CPU has these pages at its own address (its CPU area, hyp/layout.h),
 * next to its own data pages, so RIP-relative addresses find the CPU's own
 * data: no register and no segment base is needed to find the CPU. The area is
 * in the guest roots of its CPU and, at the same address, in all full roots.
 *
 *   CA_RO       struct tramp_ro: read-only here (CR0.WP), written by C through
 *               another alias. Trusted.
 *   CA_SCRATCH  the entry stack (TSS.rsp0 is its end) and five scratch words.
 *               Ring 1 can write this page, so nothing in it is trusted across
 *               a stay in the guest. What the processor and this code put
 *               there during one passage is safe, because ring 1 of this CPU
 *               is not running and no other CPU has the page mapped.
 *
 * The safety argument, to be checked line by line:
 *  1. RSP never points into guest memory, except between SYSCALL and the first
 *     instruction, and between the last load of RSP and SYSRET. Neither can
 *     fault, and NMI, #MC, #DB and #DF have stacks of their own (IST).
 *     A stack frame of ring 0 is thus never where another VCPU could write it.
 *  2. Guest memory is written with ring 0's rights in a guest root, which are
 *     exactly ring 1's rights: it holds what ring 1 may touch anyway. The one
 *     exception is our own scratch page, so the only address written, the
 *     kernel stack, was checked to lie outside our slots when it was set.
 *  3. A return frame is completed after the last write to guest memory, from
 *     constants, checked registers and CA_RO.
 *  4. Each guest word is read once, into a register, then checked.
 *  5. Only ring 3 with RPL 3 selectors, or ring 1 with our own flat selectors,
 *     can be returned to; flags get IF set and IOPL, NT, VM, VIF, VIP clear.
 *  6. A fault on a guest access or an IRETQ is found by its address in
 *     tramp_fixups; the fast path is undone and the hypervisor proper decides.
 *
 * The mode word (SC_MODE) says whether SYSCALL came from ring 1 (a hypercall)
 * or ring 3. A guest kernel that forges it only misleads itself.
 */
#include <hyp/layout.h>
#include <hyp/tramp.h>
#include <generated/asm-offsets.h>

#define RO(field) (tramp_start + CA_RO * 4096 + TRO_##field)(%rip)
#define SC(word) (tramp_start + CA_SCRATCH * 4096 + SC_##word)(%rip)
#define ENTRY_TOP (tramp_start + (CA_SCRATCH + 1) * 4096)

#define F_USER 0x250dd5 /* flags a guest may set: CF PF AF ZF SF TF DF OF RF AC ID */
#define F_VM 0x20000
#define F_FIXED 0x202	/* IF and the bit that is always one */
#define VGCF_IN_SYSCALL 0x100
#define HC_IRET 23

	.section .tramp, "ax", @progbits
	.balign 4096
	.globl tramp_start, tramp_end
tramp_start:

/*
 * SYSCALL, 64-bit. rcx = return address, r11 = flags, rsp = the guest's.
 * From ring 3: build the guest kernel's frame below kernel_sp:
 *   -56 rcx  -48 r11  -40 rip  -32 cs  -24 rflags  -16 rsp  -8 ss
 * and enter ring 1. With events masked in user mode (unusual) C does it.
 */
	.globl tramp_syscall
tramp_syscall:
	mov	%rsp, SC(RSP)
	lea	ENTRY_TOP(%rip), %rsp
	cmpb	$0, SC(MODE)
	jne	.Lhypercall
	push	%rax
	push	%rdx
	mov	RO(vinfo), %rdx
	mov	RO(kernel_sp), %rax
	cmpb	$0, VINFO_mask(%rdx)
	jne	.Lsyscall_slow
	cmpq	$0, RO(syscall_rip)
	je	.Lsyscall_slow
	cmpb	$0, RO(split)
	jne	.Lsyscall_split
.Lsyscall_go:
	mov	SC(RSP), %rdx
.Lsys_g0:
	movq	$SEL_USER_DS, -8(%rax)
	mov	%rdx, -16(%rax)
	mov	%r11, -24(%rax)
	movq	$SEL_USER_CS, -32(%rax)
	mov	%rcx, -40(%rax)
	mov	%r11, -48(%rax)
	mov	%rcx, -56(%rax)
.Lsys_g1:
	mov	RO(vinfo), %rdx
	cmpb	$0, RO(syscall_mask)
	je	1f
	movb	$1, VINFO_mask(%rdx)
1:	movb	$1, SC(MODE)
	swapgs
	lea	-56(%rax), %rax
	mov	(%rsp), %rdx
	push	$SEL_KERNEL_DS
	push	%rax
	push	$F_FIXED
	push	$SEL_KERNEL_CS
	push	RO(syscall_rip)
	mov	48(%rsp), %rax
	iretq

.Lsyscall_split:
	mov	RO(kernel_cr3), %rdx
	mov	%rdx, %cr3
	jmp	.Lsyscall_go

	/* The guest's kernel stack faulted: as if the fast path did not exist. */
.Lsys_fix:
	lea	(ENTRY_TOP - 16)(%rip), %rsp
.Lsyscall_slow:
	pop	%rdx
	pop	%rax
	push	$SEL_USER_DS
	push	SC(RSP)
	push	%r11
	push	$SEL_USER_CS
	push	%rcx
	push	$0
	movl	$TRAP_USYSCALL, 4(%rsp)
	jmp	tramp_enter

/* SYSCALL from compatibility mode (AMD). C delivers it, or #UD. */
	.globl tramp_syscall32
tramp_syscall32:
	mov	%rsp, SC(RSP)
	lea	ENTRY_TOP(%rip), %rsp
	cmpb	$0, SC(MODE)
	jne	1f
	push	$SEL_USER_DS
	push	SC(RSP)
	push	%r11
	push	$SEL_USER_CS32
	jmp	2f
1:	push	$SEL_KERNEL_DS
	push	SC(RSP)
	push	%r11
	push	$SEL_KERNEL_CS
2:	push	%rcx
	push	$0
	movl	$TRAP_SYSCALL32, 4(%rsp)
	jmp	tramp_enter

/*
 * SYSCALL from ring 1: a hypercall. All but iret go to the hypervisor.
 * iret (public/xen.h struct iret_context at the guest's rsp):
 *   0 rax  8 r11  16 rcx  24 flags  32 rip  40 cs  48 rflags  56 rsp  64 ss
 * To ring 3 with events enabled and none pending it is done here, and to ring 1
 * when none is pending that would be enabled; rax, rcx and r11 are dead and serve as
 * scratch, rdx is saved.
 */
.Lhypercall:
	cmp	$HC_IRET, %eax
	jne	.Lhypercall_enter
	mov	%rcx, SC(RCX)
	push	%rdx
	mov	SC(RSP), %rcx
.Liret_g0:
	mov	40(%rcx), %r11
	mov	%r11d, %eax
	and	$3, %eax
	cmp	$3, %eax
	jne	.Liret_kernel
	mov	48(%rcx), %rax
	test	$0x200, %eax
	jz	.Liret_slow
	cmpb	$0, RO(in_nmi)
	jne	.Liret_slow
	and	$F_USER, %eax
	or	$F_FIXED, %eax
	mov	RO(vinfo), %rdx
	movb	$0, VINFO_mask(%rdx)	/* unmask first, then look: no event is lost */
	cmpb	$0, VINFO_pending(%rdx)
	jne	.Liret_slow
	testl	$VGCF_IN_SYSCALL, 24(%rcx)
	jz	.Liret_full
	mov	32(%rcx), %rdx
	mov	%eax, %r11d
	mov	%rdx, %rax
	shr	$47, %rax
	jnz	.Liret_slow		/* SYSRET to there could fault in ring 0 */
	mov	0(%rcx), %rax
	mov	56(%rcx), %rcx
	xchg	%rcx, %rdx		/* rcx = rip, rdx = the user's rsp */
.Liret_g1:
	mov	%rdx, SC(RSP)
	pop	%rdx
	movb	$0, SC(MODE)
	swapgs
	cmpb	$0, RO(split)
	jne	.Lsysret_split
.Lsysret:
	mov	SC(RSP), %rsp
	sysretq
.Lsysret_split:
	push	%rax
	mov	RO(user_cr3), %rax
	mov	%rax, %cr3
	pop	%rax
	jmp	.Lsysret

.Liret_full:
.Liret_g2:
	push	64(%rcx)
	push	56(%rcx)
	push	%rax
	mov	%r11d, %r11d		/* the selector; the upper half is the ABI's mask */
	push	%r11
	push	32(%rcx)
	mov	0(%rcx), %rax
	mov	8(%rcx), %r11
	mov	16(%rcx), %rcx
.Liret_g3:
	mov	40(%rsp), %rdx
	movb	$0, SC(MODE)
	swapgs
	cmpb	$0, RO(split)
	jne	1f
.Liretq_user:
	iretq
1:	push	%rax
	mov	RO(user_cr3), %rax
	mov	%rax, %cr3
	pop	%rax
	jmp	.Liretq_user

	/* Within the kernel: mode, GS and root stay. Selectors are ours, whatever the frame says. */
.Liret_kernel:
.Liret_g4:
	cmpb	$0, RO(in_nmi)
	jne	.Liret_slow
	testl	$VGCF_IN_SYSCALL, 24(%rcx)
	jnz	.Liret_slow
	mov	32(%rcx), %r11
	mov	%r11, %rax
	sar	$47, %rax
	inc	%rax
	cmp	$1, %rax
	ja	.Liret_slow		/* not canonical */
	mov	48(%rcx), %rdx
	mov	RO(vinfo), %rax
	test	$0x200, %edx
	jz	1f
	movb	$0, VINFO_mask(%rax)	/* unmask first, then look */
	cmpb	$0, VINFO_pending(%rax)
	jne	.Liret_slow
	jmp	2f
1:	movb	$1, VINFO_mask(%rax)
2:	push	$SEL_KERNEL_DS
	push	56(%rcx)
	and	$F_USER, %edx
	or	$F_FIXED, %edx
	push	%rdx
	push	$SEL_KERNEL_CS
	push	%r11
	mov	0(%rcx), %rax
	mov	8(%rcx), %r11
	mov	16(%rcx), %rcx
.Liret_g5:
	mov	40(%rsp), %rdx
.Liretq_kernel:
	iretq

	/* A fault reading the frame, or a case for C. */
.Liret_fix:
.Liret_slow:
	lea	(ENTRY_TOP - 8)(%rip), %rsp
	pop	%rdx
	mov	SC(RCX), %rcx
	mov	$F_FIXED, %r11d
	mov	$HC_IRET, %eax
.Lhypercall_enter:
	push	$SEL_KERNEL_DS
	push	SC(RSP)
	push	%r11
	push	$SEL_KERNEL_CS
	push	%rcx
	push	$0
	movl	$TRAP_SYSCALL, 4(%rsp)
	jmp	tramp_enter

/*
 * Page fault. On the entry stack: 0 error/vector 8 rip 16 cs 24 rflags 32 rsp
 * 40 ss. From ring 3 the guest kernel gets it at once, frame below kernel_sp:
 *   -64 rcx -56 r11 -48 error -40 rip -32 cs -24 rflags -16 rsp -8 ss
 */
.Lpage_fault:
	testb	$3, 16(%rsp)
	jz	tramp_from_ring0
	testb	$2, 16(%rsp)
	jz	tramp_enter
	testb	$1, 16(%rsp)
	jz	tramp_enter		/* ring 2: a guest may go there, it counts as kernel */
	cmpq	$0, RO(pf_rip)
	je	tramp_enter
	push	%rax
	push	%rcx
	push	%rdx
	mov	RO(vinfo), %rdx
	cmpb	$0, VINFO_mask(%rdx)
	jne	.Lpf_slow
	mov	%cr2, %rax
	mov	%rax, SC(CR2)
	mov	%rax, VINFO_cr2(%rdx)
	cmpb	$0, RO(split)
	jne	.Lpf_split
.Lpf_go:
	mov	RO(kernel_sp), %rax
	mov	64(%rsp), %rcx
.Lpf_g0:
	mov	%rcx, -8(%rax)
	mov	56(%rsp), %rcx
	mov	%rcx, -16(%rax)
	mov	48(%rsp), %rcx
	mov	%rcx, -24(%rax)
	mov	40(%rsp), %rcx
	mov	%rcx, -32(%rax)
	mov	32(%rsp), %rcx
	mov	%rcx, -40(%rax)
	mov	24(%rsp), %ecx
	mov	%rcx, -48(%rax)
	mov	%r11, -56(%rax)
	mov	8(%rsp), %rcx
	mov	%rcx, -64(%rax)
.Lpf_g1:
	cmpb	$0, RO(pf_mask)
	je	1f
	movb	$1, VINFO_mask(%rdx)
1:	movb	$1, SC(MODE)
	swapgs
	lea	-64(%rax), %rax
	movq	$SEL_KERNEL_DS, 64(%rsp)
	mov	%rax, 56(%rsp)
	movq	$F_FIXED, 48(%rsp)
	movq	$SEL_KERNEL_CS, 40(%rsp)
	mov	RO(pf_rip), %rax
	mov	%rax, 32(%rsp)
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$8, %rsp
	iretq
.Lpf_split:
	mov	RO(kernel_cr3), %rax
	mov	%rax, %cr3
	jmp	.Lpf_go
.Lpf_fix:
	lea	(ENTRY_TOP - 72)(%rip), %rsp
	mov	SC(CR2), %rax
	mov	%rax, %cr2
.Lpf_slow:
	pop	%rdx
	pop	%rcx
	pop	%rax
	jmp	tramp_enter

/*
 * Everything else: onto the hypervisor's full root and stack, completing
 * struct cpu_regs there. From here on guest memory and registers are data.
 */
tramp_common:
	testb	$3, 16(%rsp)
	jz	tramp_from_ring0
tramp_enter:
	push	%rax
	mov	RO(full_cr3), %rax
	mov	%rax, %cr3
	mov	%rsp, %rax
	mov	RO(hyp_rsp), %rsp
	push	48(%rax)		/* ss */
	push	40(%rax)
	push	32(%rax)
	push	24(%rax)
	push	16(%rax)		/* rip */
	push	8(%rax)			/* error code, vector */
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	(%rax)			/* rax */
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
	movabs	$hyp_entry, %rax
	jmp	*%rax

/*
 * An exception or interrupt of ring 0: in the hypervisor proper (any stack of
 * its own, a full root), or in the trampoline at one of the known places. Selectors
 * say ring 0 in virtual-8086 mode too. Long mode has none, but QEMU's interpreter enters it by
 * an IRET of any ring with VM set; trap_dispatch() gets the guest out of it.
 */
tramp_from_ring0:
	testl	$F_VM, 24(%rsp)
	jnz	tramp_enter
	push	%rax
	push	%rcx
	push	%rdx
	mov	32(%rsp), %rax		/* rip */
	lea	tramp_start(%rip), %rcx
	sub	%rcx, %rax
	cmp	$(CA_CODE_PAGES * 4096), %rax
	jb	.Lfixup
	pop	%rdx
	pop	%rcx			/* the interrupted rax stays on the stack */
	movabs	$hyp_fault_entry, %rax
	jmp	*%rax

.Lfixup:
	lea	tramp_fixups(%rip), %rdx
1:	movzwl	(%rdx), %ecx
	cmp	%rcx, %rax
	jb	2f
	movzwl	2(%rdx), %ecx
	cmp	%rcx, %rax
	jb	.Lfixup_found
2:	add	$8, %rdx
	cmpw	$0, 2(%rdx)
	jne	1b
	/* Not one of them: our own bug. Show it from a safe root. */
	pop	%rdx
	pop	%rcx
	mov	RO(idle_cr3), %rax
	mov	%rax, %cr3
	mov	RO(hyp_rsp), %rax
	xchg	%rax, %rsp
	push	48(%rax)
	push	40(%rax)
	push	32(%rax)
	push	24(%rax)
	push	16(%rax)
	push	8(%rax)
	push	(%rax)
	movabs	$hyp_fault_entry, %rax
	jmp	*%rax

.Lfixup_found:
	movzwl	4(%rdx), %ecx
	lea	tramp_start(%rip), %rax
	add	%rcx, %rax
	mov	%rax, SC(TMP)
	pop	%rdx
	pop	%rcx
	pop	%rax
	jmp	*SC(TMP)

/*
 * IRETQ to the guest faulted: bad selectors or address. The processor's frame
 * (0 error/vector 8 rip 16 cs 24 rflags 32 rsp 40 ss) names the frame it was
 * loading, whose place above stays; all other registers are the guest's.
 */
.Liretq_fix:
	push	%rax
	mov	40(%rsp), %rax
	mov	%rax, SC(TMP)
	pop	%rax
	mov	SC(TMP), %rsp
	push	$0
	movl	$TRAP_IRET_FAULT, 4(%rsp)
	jmp	tramp_enter

/*
 * NMI, #MC, #DF, #DB: their own one-page stacks. From a guest they continue on
 * the entry stack like the others; from ring 0 they run to their end on a
 * second-stage stack, on the idle root, and everything is as before.
 */
.macro ist_entry vec, ist, err
	.if \err == 0
	push	$0
	.endif
	movl	$\vec, 4(%rsp)
	testb	$3, 16(%rsp)
	jnz	tramp_ist_guest
	testl	$F_VM, 24(%rsp)
	jnz	tramp_ist_guest
	push	%rdi
	push	%rsi
	push	%rdx
	mov	(tramp_start + CA_RO * 4096 + TRO_ist_rsp + 8 * \ist)(%rip), %rdx
	jmp	tramp_ist_ring0
.endm

.Lnmi:
	ist_entry 2, IST_NMI, 0
.Lmachine_check:
	ist_entry 18, IST_MC, 0
.Ldouble_fault:
	ist_entry 8, IST_DF, 1
.Ldebug:
	ist_entry 1, IST_DB, 0

tramp_ist_guest:
	push	%rax
	push	%rcx
	lea	(ENTRY_TOP - 48)(%rip), %rax
	mov	16(%rsp), %rcx
	mov	%rcx, (%rax)
	mov	24(%rsp), %rcx
	mov	%rcx, 8(%rax)
	mov	32(%rsp), %rcx
	mov	%rcx, 16(%rax)
	mov	40(%rsp), %rcx
	mov	%rcx, 24(%rax)
	mov	48(%rsp), %rcx
	mov	%rcx, 32(%rax)
	mov	56(%rsp), %rcx
	mov	%rcx, 40(%rax)
	pop	%rcx
	pop	%rax
	lea	(ENTRY_TOP - 48)(%rip), %rsp
	jmp	tramp_enter

tramp_ist_ring0:
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
	mov	%cr3, %rbx
	mov	RO(idle_cr3), %rax
	mov	%rax, %cr3
	mov	%rdx, %rsp
	movabs	$hyp_ist_fault, %rax
	call	*%rax			/* (struct cpu_regs *): returns for NMI and #DB */
	mov	%rbp, %rsp
	mov	%rbx, %cr3
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

/* One 16-byte stub per vector: error code slot, vector number, jump. */
	.balign 16
	.globl tramp_vectors
tramp_vectors:
	v = 0
	.rept 256
	.balign 16
	.if v == 2
	jmp	.Lnmi
	.elseif v == 18
	jmp	.Lmachine_check
	.elseif v == 8
	jmp	.Ldouble_fault
	.elseif v == 1
	jmp	.Ldebug
	.elseif v == 14
	movl	$14, 4(%rsp)
	jmp	.Lpage_fault
	.elseif v == 10 || v == 11 || v == 12 || v == 13 || v == 17 || v == 21 || v == 29 || v == 30
	movl	$v, 4(%rsp)
	jmp	tramp_common
	.else
	push	$0
	movl	$v, 4(%rsp)
	jmp	tramp_common
	.endif
	v = v + 1
	.endr

/*
 * The way out of the hypervisor, on the entry stack (this CPU's alias):
 * 0 rax  8 rip  16 cs  24 rflags  32 rsp  40 ss.
 */
	.globl tramp_exit
tramp_exit:
	mov	RO(exit_cr3), %rax
	mov	%rax, %cr3
	pop	%rax
.Liretq_exit:
	iretq
.Liretq_end:

/* Where the trampoline may fault: from, to (exclusive), what to do. */
	.balign 8
.macro fixup from, to, handler
	.word	\from - tramp_start, \to - tramp_start, \handler - tramp_start, 0
.endm
tramp_fixups:
	fixup .Lsys_g0, .Lsys_g1, .Lsys_fix
	fixup .Liret_g0, .Liret_g1, .Liret_fix
	fixup .Liret_g2, .Liret_g3, .Liret_fix
	fixup .Liret_g4, .Liret_g5, .Liret_fix
	fixup .Liretq_user, .Liretq_user + 2, .Liretq_fix
	fixup .Liretq_kernel, .Liretq_kernel + 2, .Liretq_fix
	fixup .Lpf_g0, .Lpf_g1, .Lpf_fix
	fixup .Liretq_exit, .Liretq_end, .Liretq_fix
	.word	0, 0, 0, 0

tramp_end:
	.balign 4096

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry points of a test kernel: start of day, ELF notes, trap and callback
 * stubs, system calls, and the switches between test code, trap handler and user mode.
 *
 * A stub turns what the hypervisor pushed into a struct frame (guest.h):
 *	rsp -> r15 .. rdi (15 words), vector, error code, rip, cs, rflags, rsp, ss
 * and hands it to trap_entry(). Going back is always by the iret hypercall.
 *
 * Stacks are KSTACK_SIZE blocks aligned to their size with a struct percpu at the bottom.
 */
#include <public/xen.h>
#include "layout.h"

#define NOTE(type, desc...)				\
	.pushsection .note.Xen, "a", @note;		\
	.balign 4; .long 4, 2f - 1f, type;		\
	.asciz "Xen"; .balign 4;			\
1:	desc;						\
2:	.balign 4; .popsection

	NOTE(6, .asciz "XenoTest")		/* GUEST_OS */
	NOTE(7, .asciz "1")			/* GUEST_VERSION */
	NOTE(5, .asciz "xen-3.0")		/* XEN_VERSION */
	NOTE(8, .asciz "generic")		/* LOADER */
	NOTE(3, .quad VIRT_BASE)		/* VIRT_BASE */
	NOTE(4, .quad 0)			/* PADDR_OFFSET */
	NOTE(1, .quad _start)			/* ENTRY */
	NOTE(2, .quad hypercall_page)		/* HYPERCALL_PAGE */
	NOTE(12, .quad HYPERVISOR_VIRT_START)	/* HV_START_LOW */
	NOTE(9, .asciz "yes")			/* PAE_MODE */
	NOTE(17, .long 0x801)			/* SUPPORTED_FEATURES: writable tables, dom0 */

	.section .text.head, "ax"
	.code64
	.globl _start
_start:
	cld
	lea stacks + KSTACK_SIZE(%rip), %rsp
	mov %rsi, si(%rip)
	xor %ebp, %ebp
	call start_c
	ud2

	.balign 4096
	.globl hypercall_page
hypercall_page:
	.fill 4096, 1, 0xcc

/* Second VCPUs: the stack is set by the context. */
	.globl vcpu_start
vcpu_start:
	cld
	xor %ebp, %ebp
	call vcpu_main
	ud2

/*
 * Stubs, 32 bytes each. The hypervisor leaves RCX and R11 on top of the exception
 * frame. Vectors with an error code: 8, 10 to 14, 17, 21, 29, 30.
 */
	.balign 32
	.globl trap_stubs
trap_stubs:
	vec = 0
	.rept 256
	.balign 32
	pop %rcx
	pop %r11
	.if !((vec == 8) || (vec >= 10 && vec <= 14) || (vec == 17) || (vec == 21) || (vec == 29) || (vec == 30))
	push $0
	.endif
	push $vec
	jmp trap_common
	vec = vec + 1
	.endr

.macro CALLBACK name, vector, skip=0
	.balign 32
	.globl \name
\name:
	pop %rcx
	pop %r11
	.if \skip
	add $\skip, %rsp
	.endif
	push $0
	push $\vector
	jmp trap_common
.endm
	CALLBACK entry_event, VEC_EVENT
	CALLBACK entry_event2, VEC_EVENT2
	CALLBACK entry_failsafe, VEC_FAILSAFE, 32	/* ds, es, fs, gs */
	CALLBACK entry_syscall, VEC_SYSCALL
	CALLBACK entry_syscall32, VEC_SYSCALL32
	CALLBACK entry_nmi, VEC_NMI

trap_common:
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	call trap_entry
	mov %rbx, %rsp
/* rsp -> struct frame */
frame_return:
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp
iret_plain:
	push $0
iret_flags:
	push %rcx
	push %r11
	push %rax
	mov $__HYPERVISOR_iret, %eax
	syscall
	ud2

/*
 * long catch(long (*fn)(void *), void *arg, struct jump *j)
 * Calls fn(arg); jump_back(j, value) from anywhere makes it return value instead.
 */
	.globl catch_asm
catch_asm:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdx
	mov %rsp, (%rdx)
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
catch_out:
	pop %rdx
	movq $0, (%rdx)
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* void jump_back(struct jump *j, long value) */
	.globl jump_back
jump_back:
	mov (%rdi), %rsp
	mov %rsi, %rax
	push $2
	popf
	jmp catch_out

/* void iret_frame(struct frame *f, u64 flags): the iret hypercall with all of f and these flags. */
	.globl iret_frame
iret_frame:
	mov %rdi, %rsp
	mov %rsi, 16 * 8(%rsp)	/* the error code's place, right below rip */
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $8, %rsp
	jmp iret_flags

	.section .bss
	.balign KSTACK_SIZE
	.globl stacks
stacks:
	.skip KSTACK_SIZE * 2 * MAX_TEST_VCPUS

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an application processor begins: real mode, CS = page number << 8. The
 * code between ap_start and ap_end is copied to a page below 1 MiB (x86/smp.c)
 * and knows only its own segment. One processor at a time comes through here;
 * it takes its stack from ap_stack and goes on in ap_main().
 */
#include <hyp/layout.h>
#include <generated/asm-offsets.h>

#define PHYS(sym) (sym - HYP_IMAGE_VIRT)
#define BOOT_CS32 0x10
#define BOOT_DS 0x18

	.section .rodata
	.balign	16
	.code16
	.globl	ap_start, ap_end
ap_start:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	ap_gdt_ptr - ap_start
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$BOOT_CS32, $PHYS(ap_32)
	.balign	4
ap_gdt_ptr:
	.short	31
	.long	PHYS(boot_gdt)
ap_end:

	.section .head.text, "ax", @progbits
	.code32
ap_32:
	mov	$BOOT_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$PHYS(ap_first_stack_end), %esp
	mov	$PHYS(ap_64), %ebp
	jmp	enter_long_mode

	.code64
ap_64:
	movabs	$ap_high, %rax
	jmp	*%rax

	.text
ap_high:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	lea	boot_gdt_ptr_high(%rip), %rax
	lgdt	(%rax)
	mov	ap_cr3(%rip), %rax	/* the final tables: the stack may be anywhere */
	mov	%rax, %cr3
	mov	ap_stack(%rip), %rsp
	sub	$8, %rsp
	xor	%ebp, %ebp
	call	ap_main

	/* Below 4 GiB, as a CPU's own stack need not be; for two words. */
	.bss
	.balign	8
	.skip	16
ap_first_stack_end:

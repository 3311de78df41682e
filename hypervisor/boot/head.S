/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the boot loader to C: Multiboot 1 and 2 headers, the checks without which
 * nothing works, long mode on temporary page tables, the boot CPU's stack.
 *
 * The loader enters in 32-bit protected mode without paging, eax = magic, ebx =
 * boot information, interrupts off, everything else undefined. On UEFI, GRUB has
 * left the boot services already, since we do not ask it to keep them.
 *
 * The temporary tables map physical 0..4 GiB three times, with one set of lower
 * tables: at 0, at the image's addresses and in the direct map. Application
 * processors start on them too (x86/smpboot.S), so they stay as they are.
 */
#include <hyp/layout.h>
#include <generated/asm-offsets.h>

#define PHYS(sym) (sym - HYP_IMAGE_VIRT)
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, load addresses below */
#define MB2_MAGIC 0xe85250d6
#define BOOT_CS 0x08
#define BOOT_CS32 0x10
#define BOOT_DS 0x18

	.section .head.text, "ax", @progbits
	.code32
	.balign 8
mb1_header:
	.long	MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long	PHYS(mb1_header), PHYS(image_start), PHYS(image_load_end), PHYS(image_end)
	.long	PHYS(start32)

	.balign 8
mb2_header:
	.long	MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))
	.short	2, 0			/* load addresses */
	.long	24, PHYS(mb2_header), PHYS(image_start), PHYS(image_load_end), PHYS(image_end)
	.short	3, 0			/* entry */
	.long	12, PHYS(start32)
	.balign	8
	.short	5, 1			/* a framebuffer, any mode, if there is one */
	.long	20, 0, 0, 0
	.balign	8
	.short	0, 0
	.long	8
mb2_end:

	.globl	start32
start32:
	cld
	cli
	mov	%eax, %edi		/* kept for hyp_main */
	mov	%ebx, %esi
	lgdt	PHYS(boot_gdt_ptr)
	mov	$BOOT_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$PHYS(boot_stack + STACK_SIZE), %esp

	mov	$PHYS(no_long_mode), %ebp
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	boot_fail
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	boot_fail
	mov	$PHYS(no_nx), %ebp
	bt	$20, %edx
	jnc	boot_fail

	/* 4 x 512 large pages, their four tables, and the three places they show up. */
	mov	$PHYS(boot_l2), %ebx
	mov	$0x83, %eax		/* present, writable, large */
	xor	%ecx, %ecx
1:	mov	%eax, (%ebx, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$2048, %ecx
	jb	1b
	mov	$PHYS(boot_l2 + 3), %eax
	xor	%ecx, %ecx
1:	mov	%eax, PHYS(boot_l3)(, %ecx, 8)
	add	$4096, %eax
	inc	%ecx
	cmp	$4, %ecx
	jb	1b
	movl	$PHYS(boot_l3 + 3), %eax
	mov	%eax, PHYS(boot_l4)
	mov	%eax, PHYS(boot_l4) + 8 * ((HYP_IMAGE_VIRT >> 39) & 511)
	mov	%eax, PHYS(boot_l4) + 8 * ((DIRECT_MAP_VIRT >> 39) & 511)

	.globl	enter_long_mode
	/* Also of application processors: edi, esi kept; goes on at the address in ebp. */
	mov	$PHYS(boot_64), %ebp
enter_long_mode:
	mov	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$PHYS(boot_l4), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x900, %eax		/* LME, NXE */
	wrmsr
	mov	$0x80010031, %eax	/* PG WP NE ET PE */
	mov	%eax, %cr0
	push	$BOOT_CS
	push	%ebp
	lret

/* Prints the message at ebp, on the first serial port and the text screen; the end. */
boot_fail:
	mov	$0xb8000, %edi
	mov	$0x0f, %ah
1:	mov	(%ebp), %al
	inc	%ebp
	test	%al, %al
	jz	3f
	mov	%ax, (%edi)
	add	$2, %edi
	mov	%eax, %ebx
	mov	$100000, %ecx
	mov	$0x3fd, %edx
2:	in	%dx, %al
	test	$0x20, %al
	loopz	2b
	mov	%ebx, %eax
	mov	$0x3f8, %edx
	out	%al, %dx
	jmp	1b
3:	hlt
	jmp	3b

no_long_mode:
	.asciz	"Xeno: this processor has no 64-bit mode\r\n"
no_nx:
	.asciz	"Xeno: this processor has no NX bit, or the firmware hides it\r\n"

	.code64
boot_64:
	movabs	$boot_high, %rax
	jmp	*%rax

	.text
boot_high:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	lea	boot_gdt_ptr_high(%rip), %rax
	lgdt	(%rax)
	mov	$BOOT_DS, %eax
	mov	%eax, %ss
	lea	boot_stack + STACK_SIZE - STACK_TOP_size(%rip), %rsp
	lea	boot_cpu(%rip), %rax
	mov	%rax, STACK_TOP_cpu(%rsp)
	sub	$8, %rsp		/* aligned to 16 before the call */
	xor	%ebp, %ebp
	mov	%edi, %edi
	mov	%esi, %esi
	call	hyp_main
1:	hlt
	jmp	1b

/*
 * Exceptions until traps_init() are our own bugs: shown, and the end. 16 bytes
 * per stub, no return. The frame becomes a struct cpu_regs.
 */
	.balign	16
	.globl	early_vectors
early_vectors:
	.set	vec, 0
	.rept	32
	.balign	16
	.if !((1 << vec) & 0x60227d00)	/* those with an error code */
	push	$0
	.endif
	movl	$vec, 4(%rsp)
	jmp	early_trap
	.set	vec, vec + 1
	.endr
early_trap:
	push	%rdi
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
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	early_fault

	.section .rodata
	.balign	8
	.globl	boot_gdt, boot_gdt_ptr_high
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf9b000000ffff	/* 32-bit code */
	.quad	0x00cf93000000ffff	/* data */
boot_gdt_ptr:
	.short	. - boot_gdt - 1
	.long	PHYS(boot_gdt)
boot_gdt_ptr_high:
	.short	boot_gdt_ptr - boot_gdt - 1
	.quad	boot_gdt

	.section .bss.stack, "aw", @nobits
	.balign	STACK_SIZE
boot_stack:
	.skip	STACK_SIZE
	.balign	4096
	.globl	boot_l4
boot_l4:
	.skip	4096
boot_l3:
	.skip	4096
boot_l2:
	.skip	4 * 4096

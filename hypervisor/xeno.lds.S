/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The image: linked at HYP_IMAGE_VIRT + 2 MiB, loaded at physical 2 MiB, so that
 * physical = virtual - HYP_IMAGE_VIRT everywhere. Sections start on pages, for
 * mm_init() gives them their rights: text r-x, rodata r--, data and bss rw-.
 * Text comes first: the symbol table in rodata is made from a first link.
 */
#include <hyp/layout.h>

OUTPUT_FORMAT("elf64-x86-64")
ENTRY(start_physical)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = HYP_IMAGE_VIRT + 0x200000;
	image_start = .;
	start_physical = start32 - HYP_IMAGE_VIRT;
	.text : AT(ADDR(.text) - HYP_IMAGE_VIRT) {
		KEEP(*(.head.text))
		*(.text .text.*)
		*(.init.text)
		. = ALIGN(4096);
		KEEP(*(.tramp))
		. = ALIGN(4096);
	} :text
	image_text_end = .;
	.rodata : AT(ADDR(.rodata) - HYP_IMAGE_VIRT) {
		*(.rodata .rodata.*)
		. = ALIGN(8);
		ex_table_start = .;
		KEEP(*(.ex_table))
		ex_table_end = .;
		. = ALIGN(8);
		KEEP(*(.symbols))
		. = ALIGN(4096);
	} :rodata
	image_rodata_end = .;
	.data : AT(ADDR(.data) - HYP_IMAGE_VIRT) {
		*(.data .data.*)
		. = ALIGN(4096);
	} :data
	image_load_end = .;
	.bss : AT(ADDR(.bss) - HYP_IMAGE_VIRT) {
		*(.bss.stack)
		*(.bss .bss.*)
		. = ALIGN(4096);
	} :data
	image_end = .;

	/* The compiler was told not to need these. */
	.got : { *(.got .got.* .igot.plt .iplt .plt) }
	.rela.dyn : { *(.rela*) }
	ASSERT(SIZEOF(.got) == 0 && SIZEOF(.rela.dyn) == 0, "addresses left for a dynamic linker")

	ASSERT(tramp_end - tramp_start <= CA_CODE_PAGES * 4096, "the trampoline outgrew its pages")

	/DISCARD/ : {
		*(.note .note.* .comment .eh_frame .interp .dynamic .dynsym .dynstr .gnu.hash)
	}
}

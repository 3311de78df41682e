/* SPDX-License-Identifier: MIT */
/*
 * ELF notes of a guest kernel (name "Xen"). N: a number of 4 or 8 bytes, S: a string.
 * A kernel needs ENTRY or an ELF entry point, and XEN_VERSION "xen-3.0" or none.
 */
#ifndef XENO_PUBLIC_ELFNOTE_H
#define XENO_PUBLIC_ELFNOTE_H

#define XEN_ELFNOTE_INFO 0
#define XEN_ELFNOTE_ENTRY 1		  /* N: virtual address of the first instruction */
#define XEN_ELFNOTE_HYPERCALL_PAGE 2	  /* N: virtual address of a page to fill with call stubs */
#define XEN_ELFNOTE_VIRT_BASE 3		  /* N: virtual address of pseudo-physical 0 */
#define XEN_ELFNOTE_PADDR_OFFSET 4	  /* N: ELF physical address of pseudo-physical 0 */
#define XEN_ELFNOTE_XEN_VERSION 5	  /* S */
#define XEN_ELFNOTE_GUEST_OS 6		  /* S */
#define XEN_ELFNOTE_GUEST_VERSION 7	  /* S */
#define XEN_ELFNOTE_LOADER 8		  /* S: "generic" */
#define XEN_ELFNOTE_PAE_MODE 9		  /* S: 32-bit only */
#define XEN_ELFNOTE_FEATURES 10		  /* S: XENFEAT names; '!' = required */
#define XEN_ELFNOTE_BSD_SYMTAB 11	  /* S */
#define XEN_ELFNOTE_HV_START_LOW 12	  /* N */
#define XEN_ELFNOTE_L1_MFN_VALID 13	  /* pairs of N: mask and value of a present L1 entry */
#define XEN_ELFNOTE_SUSPEND_CANCEL 14	  /* N */
#define XEN_ELFNOTE_INIT_P2M 15		  /* N: virtual address where the p2m list is mapped */
#define XEN_ELFNOTE_MOD_START_PFN 16	  /* N: not 0: SIF_MOD_START_PFN is understood */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* N: bit n: XENFEAT n */
#define XEN_ELFNOTE_PHYS32_ENTRY 18	  /* N: not for paravirtual guests */
#define XEN_ELFNOTE_MAX XEN_ELFNOTE_PHYS32_ENTRY

#endif

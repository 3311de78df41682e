/* SPDX-License-Identifier: MIT */
/*
 * The guest ABI of Xeno: the public Xen PV interface for 64-bit x86 guests, as
 * far as such a guest can use it. Numbers and layouts are those of the ABI;
 * guest handles (pointers inside structures) are plain uint64_t addresses in the
 * caller's kernel address space. Constants may be used from assembly.
 *
 * Errors are Linux's, negated. Any call: -ENOSYS what is not offered, -EFAULT an
 * argument that cannot be read or written, -EPERM for domain 0 only.
 */
#ifndef XENO_PUBLIC_XEN_H
#define XENO_PUBLIC_XEN_H

#ifndef __ASSEMBLER__
#include <stdint.h>

typedef uint16_t domid_t;
typedef uint64_t xen_pfn_t;
typedef uint64_t xen_ulong_t;
typedef uint8_t xen_domain_handle_t[16];
#endif

#include "arch-x86.h"

/* Hypercall numbers. */
#define __HYPERVISOR_set_trap_table 0
#define __HYPERVISOR_mmu_update 1
#define __HYPERVISOR_set_gdt 2
#define __HYPERVISOR_stack_switch 3
#define __HYPERVISOR_set_callbacks 4
#define __HYPERVISOR_fpu_taskswitch 5
#define __HYPERVISOR_sched_op_compat 6
#define __HYPERVISOR_platform_op 7
#define __HYPERVISOR_set_debugreg 8
#define __HYPERVISOR_get_debugreg 9
#define __HYPERVISOR_update_descriptor 10
#define __HYPERVISOR_memory_op 12
#define __HYPERVISOR_multicall 13
#define __HYPERVISOR_update_va_mapping 14
#define __HYPERVISOR_set_timer_op 15
#define __HYPERVISOR_event_channel_op_compat 16
#define __HYPERVISOR_xen_version 17
#define __HYPERVISOR_console_io 18
#define __HYPERVISOR_physdev_op_compat 19
#define __HYPERVISOR_grant_table_op 20
#define __HYPERVISOR_vm_assist 21
#define __HYPERVISOR_update_va_mapping_otherdomain 22
#define __HYPERVISOR_iret 23
#define __HYPERVISOR_vcpu_op 24
#define __HYPERVISOR_set_segment_base 25
#define __HYPERVISOR_mmuext_op 26
#define __HYPERVISOR_xsm_op 27
#define __HYPERVISOR_nmi_op 28
#define __HYPERVISOR_sched_op 29
#define __HYPERVISOR_callback_op 30
#define __HYPERVISOR_xenoprof_op 31
#define __HYPERVISOR_event_channel_op 32
#define __HYPERVISOR_physdev_op 33
#define __HYPERVISOR_hvm_op 34
#define __HYPERVISOR_sysctl 35
#define __HYPERVISOR_domctl 36
#define __HYPERVISOR_kexec_op 37
#define __HYPERVISOR_tmem_op 38
#define __HYPERVISOR_argo_op 39
#define __HYPERVISOR_xenpmu_op 40
#define __HYPERVISOR_dm_op 41
#define __HYPERVISOR_hypfs_op 42
#define __HYPERVISOR_arch_0 48 /* machine check; not offered */
#define __HYPERVISOR_arch_1 49 /* paging extension; not offered */
/* Ours, in the range the ABI leaves to the architecture. */
#define __HYPERVISOR_xeno_vtimer 54  /* xeno.h */
#define __HYPERVISOR_xeno_control 55 /* control.h; domain 0 only */
#define NR_HYPERCALLS 64

/*
 * Calls without a header of their own:
 *   set_gdt(frames, entries)	frames: guest address of up to 14 machine frames (uint64_t);
 *				entries <= 14 * 512, not reaching the reserved page
 *   stack_switch(ss, sp)	the kernel stack for traps and system calls from user mode
 *   set_callbacks(event, failsafe, syscall)	entry points; 0 leaves none
 *   fpu_taskswitch(set)	sets or clears CR0.TS
 *   set_debugreg(n, value), get_debugreg(n)	n 0 to 7
 *   update_descriptor(maddr, desc)	maddr: machine address of a GDT or LDT entry
 *   set_timer_op(t)		one-shot VIRQ_TIMER at system time t, ns; 0 stops it
 *   vm_assist(VMASST_CMD_*, VMASST_TYPE_*)
 *   console_io(CONSOLEIO_*, count, buffer)	domain 0: the machine's console, returns bytes;
 *				others: write goes to the hypervisor's log, debug builds only
 */
#define CONSOLEIO_write 0
#define CONSOLEIO_read 1

#define VMASST_CMD_enable 0
#define VMASST_CMD_disable 1
#define VMASST_TYPE_4gb_segments 0
#define VMASST_TYPE_4gb_segments_notify 1
#define VMASST_TYPE_writable_pagetables 2
#define VMASST_TYPE_pae_extended_cr3 3
#define VMASST_TYPE_architectural_iopl 4
#define VMASST_TYPE_runstate_update_flag 5
#define VMASST_TYPE_m2p_strict 32

/* Virtual interrupts: V per VCPU, bound once each; G global, first bound to VCPU 0. */
#define VIRQ_TIMER 0   /* V: set_timer_op, VCPUOP_set_*_timer */
#define VIRQ_DEBUG 1   /* V: please dump your state (hypervisor key) */
#define VIRQ_CONSOLE 2 /* G: domain 0: input for CONSOLEIO_read */
#define VIRQ_DOM_EXC 3 /* G: domain 0: a domain was shut down, crashed or ended */
#define VIRQ_TBUF 4
#define VIRQ_DEBUGGER 6
#define VIRQ_XENOPROF 7
#define VIRQ_CON_RING 8
#define VIRQ_PCPU_STATE 9
#define VIRQ_MEM_EVENT 10
#define VIRQ_ARGO 11
#define VIRQ_ENOMEM 12
#define VIRQ_XENPMU 13
#define VIRQ_ARCH_0 16
#define VIRQ_XENO_VTIMER 17 /* V: alarm in domain virtual time (xeno.h) */
/* VIRQ_XENO_NET, G: domain 0: there are events of the router (vnet.h) */
#define NR_VIRQS 24

/*
 * mmu_update(reqs, count, done, foreigndom): a batch of struct mmu_update.
 * done, if not zero, receives the number completed. foreigndom[15:0]: owner of the frames that
 * L1 entries map, or of the frames of MACHPHYS updates; foreigndom[31:16]: owner
 * of the tables + 1, 0 = the caller. Domains other than the caller: domain 0 only.
 * The low two bits of ptr are the command, the rest a machine address.
 */
#define MMU_NORMAL_PT_UPDATE 0	     /* checked store of val */
#define MMU_MACHPHYS_UPDATE 1	     /* the frame's pseudo-physical number becomes val */
#define MMU_PT_UPDATE_PRESERVE_AD 2  /* store, keeping accessed and dirty */
#define MMU_PT_UPDATE_NO_TRANSLATE 3 /* as 0 */

/* update_va_mapping(va, val, flags): the L1 entry of va; flags: */
#define UVMF_NONE 0
#define UVMF_TLB_FLUSH 1
#define UVMF_INVLPG 2
#define UVMF_FLUSHTYPE_MASK 3
#define UVMF_LOCAL 0
#define UVMF_MULTI 0 /* the flags are or'ed with the address of a VCPU bitmap */
#define UVMF_ALL 4

/* mmuext_op(ops, count, done, foreigndom): a batch of struct mmuext_op. */
#define MMUEXT_PIN_L1_TABLE 0 /* mfn: validate and keep as a table of this level */
#define MMUEXT_PIN_L2_TABLE 1
#define MMUEXT_PIN_L3_TABLE 2
#define MMUEXT_PIN_L4_TABLE 3
#define MMUEXT_UNPIN_TABLE 4 /* mfn */
#define MMUEXT_NEW_BASEPTR 5 /* mfn: kernel root */
#define MMUEXT_TLB_FLUSH_LOCAL 6
#define MMUEXT_INVLPG_LOCAL 7	 /* linear_addr */
#define MMUEXT_TLB_FLUSH_MULTI 8 /* vcpumask */
#define MMUEXT_INVLPG_MULTI 9	 /* linear_addr, vcpumask */
#define MMUEXT_TLB_FLUSH_ALL 10
#define MMUEXT_INVLPG_ALL 11 /* linear_addr */
#define MMUEXT_FLUSH_CACHE 12
#define MMUEXT_SET_LDT 13	   /* linear_addr, nr_ents */
#define MMUEXT_NEW_USER_BASEPTR 15 /* mfn: user root; 0 = none */
#define MMUEXT_CLEAR_PAGE 16	   /* mfn */
#define MMUEXT_COPY_PAGE 17	   /* mfn, src_mfn */
#define MMUEXT_FLUSH_CACHE_GLOBAL 18
#define MMUEXT_MARK_SUPER 19
#define MMUEXT_UNMARK_SUPER 20

/* Reserved domain numbers. */
#define DOMID_FIRST_RESERVED 0x7ff0
#define DOMID_SELF 0x7ff0 /* the caller */
#define DOMID_IO 0x7ff1	  /* owner of machine addresses that are not RAM */
#define DOMID_XEN 0x7ff2  /* owner of pages the hypervisor shares */
#define DOMID_COW 0x7ff3
#define DOMID_INVALID 0x7ff4
#define DOMID_IDLE 0x7fff
#define DOMID_MASK 0x7fff

/* flags of struct start_info */
#define SIF_PRIVILEGED (1 << 0)
#define SIF_INITDOMAIN (1 << 1)
#define SIF_MULTIBOOT_MOD (1 << 2)
#define SIF_MOD_START_PFN (1 << 3) /* mod_start is a pseudo-physical frame number */
#define SIF_VIRT_P2M_4TOOLS (1 << 4)

#define XEN_PVCLOCK_TSC_STABLE_BIT (1 << 0)
#define XEN_PVCLOCK_GUEST_STOPPED (1 << 1)

#define MAX_GUEST_CMDLINE 1024

#ifndef __ASSEMBLER__

struct mmu_update {
	uint64_t ptr; /* machine address | MMU_* */
	uint64_t val;
};

struct mmuext_op {
	uint32_t cmd; /* MMUEXT_* */
	uint32_t pad;
	union {
		uint64_t mfn;
		uint64_t linear_addr;
	} arg1;
	union {
		uint32_t nr_ents;
		uint64_t vcpumask; /* guest address of the bitmap */
		uint64_t src_mfn;
	} arg2;
};
_Static_assert(sizeof(struct mmuext_op) == 24, "mmuext_op");

/* multicall(entries, count): runs them in order; each result is stored, an error does not stop. */
struct multicall_entry {
	uint64_t op, result;
	uint64_t args[6];
};
_Static_assert(sizeof(struct multicall_entry) == 64, "multicall_entry");

/*
 * System time = system_time + ((tsc - tsc_timestamp) scaled), where scaled is
 * (d << tsc_shift) * tsc_to_system_mul >> 32 (a right shift when negative). Read
 * between two equal, even values of version.
 */
struct vcpu_time_info {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time; /* ns since the hypervisor's boot */
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags; /* XEN_PVCLOCK_* */
	uint8_t pad1[2];
};
_Static_assert(sizeof(struct vcpu_time_info) == 32, "vcpu_time_info");

struct vcpu_info {
	uint8_t evtchn_upcall_pending; /* set by the hypervisor, cleared by the guest */
	uint8_t evtchn_upcall_mask;    /* no upcall while not zero */
	uint8_t pad[6];
	uint64_t evtchn_pending_sel; /* bit n: look at evtchn_pending[n] */
	struct arch_vcpu_info arch;
	struct vcpu_time_info time;
};
_Static_assert(sizeof(struct vcpu_info) == 64, "vcpu_info");

/* One page per domain, at the machine address start_info.shared_info. */
struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	uint64_t evtchn_pending[64];
	uint64_t evtchn_mask[64]; /* written by the guest */
	uint32_t wc_version;	  /* as vcpu_time_info.version */
	uint32_t wc_sec, wc_nsec; /* Unix time at system time 0, low 32 bits */
	uint32_t wc_sec_hi;
	struct arch_shared_info arch;
};
_Static_assert(__builtin_offsetof(struct shared_info, evtchn_pending) == 2048, "evtchn_pending");
_Static_assert(__builtin_offsetof(struct shared_info, evtchn_mask) == 2560, "evtchn_mask");
_Static_assert(__builtin_offsetof(struct shared_info, wc_version) == 3072, "wc_version");
_Static_assert(__builtin_offsetof(struct shared_info, arch) == 3088, "arch_shared_info");
_Static_assert(sizeof(struct shared_info) <= 4096, "shared_info");

/*
 * Start of day. RSI holds the virtual address of this page, RSP the end of the
 * boot stack. From the kernel's base on, each page-aligned, all mapped writable
 * except the tables: kernel image, ramdisk, p2m list, start_info, xenstore page
 * and console page (not in domain 0), page tables, one page of stack; then at
 * least 512 KiB more, up to a multiple of 4 MiB. The list lies elsewhere with
 * XEN_ELFNOTE_INIT_P2M, the ramdisk is unmapped with SIF_MOD_START_PFN. This region
 * is the start of the pseudo-physical memory, in order.
 */
struct start_info {
	char magic[32]; /* "xen-3.0-x86_64" */
	uint64_t nr_pages;
	uint64_t shared_info; /* machine address */
	uint32_t flags;	      /* SIF_* */
	xen_pfn_t store_mfn;  /* machine frame of the xenstore page */
	uint32_t store_evtchn;
	union {
		struct {
			xen_pfn_t mfn;
			uint32_t evtchn;
		} domU;
		struct {
			uint32_t info_off, info_size; /* dom0_vga_console_info in this page */
		} dom0;
	} console;
	uint64_t pt_base; /* virtual address of the L4 table */
	uint64_t nr_pt_frames;
	uint64_t mfn_list;  /* virtual address of the p2m list: nr_pages machine frames */
	uint64_t mod_start; /* ramdisk: virtual address, or frame with SIF_MOD_START_PFN; 0 none */
	uint64_t mod_len;   /* bytes */
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	uint64_t first_p2m_pfn, nr_p2m_frames; /* the list's own frames, with INIT_P2M */
};
_Static_assert(__builtin_offsetof(struct start_info, store_mfn) == 56, "store_mfn");
_Static_assert(__builtin_offsetof(struct start_info, pt_base) == 88, "pt_base");
_Static_assert(__builtin_offsetof(struct start_info, cmd_line) == 128, "cmd_line");
_Static_assert(sizeof(struct start_info) == 1168, "start_info");

/* Domain 0's screen as the boot loader left it. */
struct dom0_vga_console_info {
	uint8_t video_type; /* XEN_VGATYPE_* */
	union {
		struct {
			uint16_t font_height, cursor_x, cursor_y, rows, columns;
		} text_mode_3;
		struct {
			uint16_t width, height, bytes_per_line, bits_per_pixel;
			uint32_t lfb_base, lfb_size; /* size in units of 64 KiB */
			uint8_t red_pos, red_size, green_pos, green_size;
			uint8_t blue_pos, blue_size, rsvd_pos, rsvd_size;
			uint32_t gbl_caps;
			uint16_t mode_attrs, pad;
			uint32_t ext_lfb_base; /* upper half of lfb_base */
		} vesa_lfb;
	} u;
};
#define XEN_VGATYPE_TEXT_MODE_3 0x03
#define XEN_VGATYPE_VESA_LFB 0x23
#define XEN_VGATYPE_EFI_LFB 0x70
_Static_assert(sizeof(struct dom0_vga_console_info) == 40, "dom0_vga_console_info");

/* Times of a VCPU, ns; a copy in guest memory on request (vcpu.h). */
struct vcpu_runstate_info {
	int32_t state; /* RUNSTATE_* */
	uint32_t pad;
	uint64_t state_entry_time; /* top bit: being updated (VMASST_TYPE_runstate_update_flag) */
	uint64_t time[4];	   /* spent in each state */
};
#define XEN_RUNSTATE_UPDATE (1ull << 63)
_Static_assert(sizeof(struct vcpu_runstate_info) == 48, "vcpu_runstate_info");

#endif /* __ASSEMBLER__ */
#endif

/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 part of the guest ABI: selectors, registers, trap tables, the
 * context of a virtual CPU. Included by xen.h. 64-bit paravirtual guests only.
 */
#ifndef XENO_PUBLIC_ARCH_X86_H
#define XENO_PUBLIC_ARCH_X86_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

/*
 * A hypercall is the SYSCALL instruction executed by the guest kernel:
 * number in RAX, arguments 1 to 6 in RDI RSI RDX R10 R8 R9, result in RAX.
 * RCX and R11 are lost. Results from -4095 to -1 are negated Linux error numbers.
 * The hypercall page (XEN_ELFNOTE_HYPERCALL_PAGE) has 32 bytes of code per number.
 */

/*
 * Flat segments that lie in page 14 of every GDT, with or without a GDT of the
 * guest's own. Their indexes are ABI; the hypervisor corrects the RPL.
 */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_DS64 0x0000
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b
#define FLAT_KERNEL_DS64 FLAT_RING3_DS64
#define FLAT_KERNEL_DS32 FLAT_RING3_DS32
#define FLAT_KERNEL_DS FLAT_KERNEL_DS64
#define FLAT_KERNEL_CS64 FLAT_RING3_CS64
#define FLAT_KERNEL_CS32 FLAT_RING3_CS32
#define FLAT_KERNEL_CS FLAT_KERNEL_CS64
#define FLAT_KERNEL_SS64 FLAT_RING3_SS64
#define FLAT_KERNEL_SS32 FLAT_RING3_SS32
#define FLAT_KERNEL_SS FLAT_KERNEL_SS64
#define FLAT_USER_DS64 FLAT_RING3_DS64
#define FLAT_USER_DS32 FLAT_RING3_DS32
#define FLAT_USER_CS64 FLAT_RING3_CS64
#define FLAT_USER_CS32 FLAT_RING3_CS32
#define FLAT_USER_SS64 FLAT_RING3_SS64
#define FLAT_USER_SS32 FLAT_RING3_SS32

#define FIRST_RESERVED_GDT_PAGE 14
#define FIRST_RESERVED_GDT_BYTE (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/* Virtual addresses [start, end) no guest may use: top-level slots 256 to 271. */
#define HYPERVISOR_VIRT_START 0xffff800000000000
#define HYPERVISOR_VIRT_END 0xffff880000000000
/* The read-only table of 64-bit pseudo-physical frame numbers, indexed by machine frame. */
#define MACH2PHYS_VIRT_START 0xffff800000000000
#define MACH2PHYS_VIRT_END 0xffff804000000000
#define MACH2PHYS_NR_ENTRIES ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)

#define XEN_LEGACY_MAX_VCPUS 32 /* slots of vcpu_info in shared_info */

/* __HYPERVISOR_set_segment_base(which, base): 0, or -EINVAL for an unknown which or a bad base. */
#define SEGBASE_FS 0
#define SEGBASE_GS_USER 1
#define SEGBASE_GS_KERNEL 2
#define SEGBASE_GS_USER_SEL 3 /* loads the user's %gs with the selector in base[15:0] */

/* flags of struct iret_context */
#define VGCF_in_syscall (1 << 8) /* RCX, R11, CS and SS need not be restored: SYSRET will do */

/* flags of struct vcpu_guest_context */
#define VGCF_i387_valid (1 << 0)
#define VGCF_in_kernel (1 << 2)
#define VGCF_failsafe_disables_events (1 << 3)
#define VGCF_syscall_disables_events (1 << 4)
#define VGCF_online (1 << 5)

/* Placed before CPUID, asks for the hypervisor's view where the instruction does not trap. */
#define XEN_EMULATE_PREFIX_BYTES 0x0f, 0x0b, 0x78, 0x65, 0x6e

#ifndef __ASSEMBLER__

/* On the kernel stack at __HYPERVISOR_iret, lowest address first. Does not return on success. */
struct iret_context {
	uint64_t rax, r11, rcx;
	uint64_t flags; /* VGCF_in_syscall */
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct iret_context) == 72, "iret_context");

struct cpu_user_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code;   /* the hypervisor's */
	uint32_t entry_vector; /* the hypervisor's */
	uint64_t rip;
	uint16_t cs, pad0;
	uint8_t saved_upcall_mask;
	uint8_t pad1[3];
	uint64_t rflags;
	uint64_t rsp;
	uint16_t ss, pad2[3];
	uint16_t es, pad3[3];
	uint16_t ds, pad4[3];
	uint16_t fs, pad5[3];
	uint16_t gs, pad6[3];
};
_Static_assert(sizeof(struct cpu_user_regs) == 200, "cpu_user_regs");
_Static_assert(__builtin_offsetof(struct cpu_user_regs, rip) == 128, "cpu_user_regs.rip");

/*
 * __HYPERVISOR_set_trap_table(table): an array of these, ended by address 0; a
 * null table clears all. -EINVAL for an address in the hypervisor's range.
 */
struct trap_info {
	uint8_t vector;
	uint8_t flags; /* bits 0-1: lowest privilege that may raise it by INT; bit 2: mask events */
	uint16_t cs;
	uint64_t address;
};
_Static_assert(sizeof(struct trap_info) == 16, "trap_info");
#define TI_GET_DPL(ti) ((ti)->flags & 3)
#define TI_GET_IF(ti) ((ti)->flags & 4)
#define TI_SET_DPL(ti, dpl) ((ti)->flags |= (dpl))
#define TI_SET_IF(ti, on) ((ti)->flags |= (!!(on)) << 2)

/*
 * Start state of a virtual CPU: VCPUOP_initialise, and the domain builder.
 * Every selector, frame and address is checked; -EINVAL names nothing, so test
 * the parts one by one.
 */
struct vcpu_guest_context {
	struct {
		char x[512]; /* FXSAVE image, used with VGCF_i387_valid */
	} fpu_ctxt;
	uint64_t flags; /* VGCF_* */
	struct cpu_user_regs user_regs;
	struct trap_info trap_ctxt[256];
	uint64_t ldt_base, ldt_ents;	   /* guest address, number of descriptors */
	uint64_t gdt_frames[16], gdt_ents; /* machine frames */
	uint64_t kernel_ss, kernel_sp;
	uint64_t ctrlreg[8]; /* [1]: user root, [3]: kernel root, both as xen_pfn_to_cr3(mfn) */
	uint64_t debugreg[8];
	uint64_t event_callback_eip, failsafe_callback_eip, syscall_callback_eip;
	uint64_t vm_assist; /* bit n: VMASST_TYPE n */
	uint64_t fs_base, gs_base_kernel, gs_base_user;
};
_Static_assert(sizeof(struct vcpu_guest_context) == 5168, "vcpu_guest_context");
_Static_assert(__builtin_offsetof(struct vcpu_guest_context, ctrlreg) == 4984, "ctrlreg");

#define xen_pfn_to_cr3(pfn) ((uint64_t)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((uint64_t)(cr3) >> 12)

/* In shared_info, written by the guest; the hypervisor only reads nmi_reason's bits it set. */
struct arch_shared_info {
	uint64_t max_pfn;			     /* entries in the p2m list */
	uint64_t pfn_to_mfn_frame_list_list;	     /* 3-level p2m tree; 0 not set, ~0 unused */
	uint64_t nmi_reason;			     /* XEN_NMIREASON_* */
	uint64_t p2m_cr3, p2m_vaddr, p2m_generation; /* linear p2m list, valid when p2m_cr3 != 0 */
};

struct arch_vcpu_info {
	uint64_t cr2; /* fault address, written before a page fault is delivered */
	uint64_t pad;
};

#endif /* __ASSEMBLER__ */
#endif

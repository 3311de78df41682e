/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: vcpu_op(cmd, vcpu, arg). -ENOENT no such VCPU; -EINVAL a bad argument,
 * or an operation only a VCPU may do for itself (timers); -EEXIST initialised already.
 */
#ifndef XENO_PUBLIC_VCPU_H
#define XENO_PUBLIC_VCPU_H

#include "xen.h"

#define VCPUOP_initialise 0		       /* struct vcpu_guest_context */
#define VCPUOP_up 1			       /* no argument */
#define VCPUOP_down 2			       /* no argument */
#define VCPUOP_is_up 3			       /* no argument; returns 0 or 1 */
#define VCPUOP_get_runstate_info 4	       /* struct vcpu_runstate_info, OUT */
#define VCPUOP_register_runstate_memory_area 5 /* struct vcpu_register_runstate_memory_area */
#define VCPUOP_set_periodic_timer 6	       /* struct vcpu_set_periodic_timer */
#define VCPUOP_stop_periodic_timer 7	       /* no argument */
#define VCPUOP_set_singleshot_timer 8	       /* struct vcpu_set_singleshot_timer */
#define VCPUOP_stop_singleshot_timer 9	       /* no argument */
#define VCPUOP_register_vcpu_info 10	       /* struct vcpu_register_vcpu_info; once per VCPU */
#define VCPUOP_send_nmi 11		       /* no argument */
#define VCPUOP_get_physid 12 /* struct vcpu_get_physid; pinned VCPUs of domain 0 */
#define VCPUOP_register_vcpu_time_memory_area 13 /* struct vcpu_register_time_memory_area */

#define RUNSTATE_running 0
#define RUNSTATE_runnable 1 /* waits for a CPU */
#define RUNSTATE_blocked 2
#define RUNSTATE_offline 3 /* down or paused */

#ifndef __ASSEMBLER__

/* p: guest address kept up to date when the VCPU is scheduled; 0 ends it. */
struct vcpu_register_runstate_memory_area {
	union {
		uint64_t h;
		uint64_t p;
	} addr;
};

struct vcpu_register_time_memory_area {
	union {
		uint64_t h;
		uint64_t p;
	} addr;
};

struct vcpu_set_periodic_timer {
	uint64_t period_ns; /* >= 1 ms */
};

struct vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns; /* system time */
	uint32_t flags;		 /* VCPU_SSHOTTMR_* */
	uint32_t pad;
};
#define VCPU_SSHOTTMR_future (1u << 0) /* -ETIME when the time has passed */

/* Moves vcpu_info out of shared_info; the old content comes along. */
struct vcpu_register_vcpu_info {
	uint64_t mfn;	 /* a frame of the caller */
	uint32_t offset; /* within the page, multiple of 8, all 64 bytes inside */
	uint32_t rsvd;
};

struct vcpu_get_physid {
	uint64_t phys_id; /* low half APIC id, high half ACPI id */
};

#endif /* __ASSEMBLER__ */
#endif

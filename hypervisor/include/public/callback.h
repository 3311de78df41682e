/* SPDX-License-Identifier: MIT */
/* Entry points of the guest kernel: callback_op(cmd, struct *), for the calling VCPU. */
#ifndef XENO_PUBLIC_CALLBACK_H
#define XENO_PUBLIC_CALLBACK_H

#include "xen.h"

#define CALLBACKTYPE_event 0
#define CALLBACKTYPE_failsafe 1 /* a selector of the guest could not be loaded */
#define CALLBACKTYPE_syscall 2
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi 4
#define CALLBACKTYPE_sysenter 5	 /* 32-bit SYSENTER */
#define CALLBACKTYPE_syscall32 7 /* 32-bit SYSCALL */

#define CALLBACKF_mask_events (1 << 0) /* enter with upcalls masked */

#define CALLBACKOP_register 0	/* struct callback_register */
#define CALLBACKOP_unregister 1 /* struct callback_unregister */

#ifndef __ASSEMBLER__

typedef uint64_t xen_callback_t;

/* -EINVAL: address in the hypervisor's range; -ENOSYS: unknown type. */
struct callback_register {
	uint16_t type;	/* CALLBACKTYPE_* */
	uint16_t flags; /* CALLBACKF_* */
	uint32_t pad;
	xen_callback_t address;
};
_Static_assert(sizeof(struct callback_register) == 16, "callback_register");

struct callback_unregister {
	uint16_t type;
	uint16_t pad;
};

#endif /* __ASSEMBLER__ */
#endif

/* SPDX-License-Identifier: MIT */
/* Non-maskable interrupts: nmi_op(cmd, struct *). Reasons are in arch_shared_info.nmi_reason. */
#ifndef XENO_PUBLIC_NMI_H
#define XENO_PUBLIC_NMI_H

#include "xen.h"

#define XEN_NMIREASON_io_error (1 << 0)
#define XEN_NMIREASON_pci_serr (1 << 1)
#define XEN_NMIREASON_unknown (1 << 2)

#define XENNMI_register_callback 0   /* struct xennmi_callback; VCPU 0; -EINVAL bad address */
#define XENNMI_unregister_callback 1 /* no argument */

#ifndef __ASSEMBLER__

struct xennmi_callback {
	uint64_t handler_address;
	uint64_t pad;
};

#endif /* __ASSEMBLER__ */
#endif

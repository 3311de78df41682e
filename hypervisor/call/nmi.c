/* SPDX-License-Identifier: GPL-2.0-only */
/* nmi_op: the older way to register the NMI entry point of vcpu 0 (callback_op is the newer). */
#include <hyp/call.h>
#include <hyp/domain.h>
#include <public/nmi.h>

long hc_nmi_op(struct hc_args *a)
{
	struct xennmi_callback cb = { 0 };

	switch (a->arg[0]) {
	case XENNMI_register_callback:
		if (!guest_read(&cb, a->arg[1], sizeof(cb)))
			return -EFAULT;
		if (current->id != 0 || !guest_range_ok(cb.handler_address, 1))
			return -EINVAL;
		break;
	case XENNMI_unregister_callback:
		break;
	default:
		return -ENOSYS;
	}
	current->domain->vcpu[0]->x86.nmi_rip = cb.handler_address;
	return 0;
}

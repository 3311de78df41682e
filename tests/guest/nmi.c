/* SPDX-License-Identifier: GPL-2.0-only */
/* NMIs to a guest: registration, delivery in kernel and user mode, no nesting. */
#include <public/callback.h>
#include <public/nmi.h>
#include "lib/guest.h"

static volatile unsigned int seen;

static bool on_nmi(struct frame *f)
{
	if (f->vector != VEC_NMI)
		return false;
	seen++;
	return true;
}

void test(void)
{
	struct xennmi_callback cb = { .handler_address = A(entry_nmi) };
	long ret;

	trap_hook = on_nmi;
	ret = hc(nmi_op, XENNMI_register_callback, &cb);
	if (ret == -ENOSYS)
		skip("no NMIs for guests");
	EXPECT(ret, 0);
	REFUSED(hc(nmi_op, 99, &cb));
	ret = hc(vcpu_op, VCPUOP_send_nmi, 0, 0);
	if (ret == -ENOSYS)
		skip("no VCPUOP_send_nmi");
	EXPECT(ret, 0);
	for (int i = 0; i < 100; i++)
		EXPECT(hc(vcpu_op, VCPUOP_send_nmi, 0, 0), 0);
	CHECK(seen >= 1 && seen <= 101, "%u NMIs", seen);
	EXPECT(hc(nmi_op, XENNMI_unregister_callback, 0), 0);
	seen = 0;
	hc(vcpu_op, VCPUOP_send_nmi, 0, 0);
	hc(xen_version, XENVER_version, 0);
	EXPECT(seen, 0);
	REFUSED(hc(vcpu_op, VCPUOP_send_nmi, 77, 0));
}

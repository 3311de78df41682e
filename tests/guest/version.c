/* SPDX-License-Identifier: GPL-2.0-only */
/* xen_version: every query a kernel makes at start. */
#include <public/features.h>
#include "lib/guest.h"

void test(void)
{
	static char buf[1024];
	struct xen_platform_parameters pp = { 0 };
	struct xen_feature_info f = { .submap_idx = 0 };
	long v = hc(xen_version, XENVER_version, 0);

	CHECK(v >> 16 >= 4, "version %lx", v);
	EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	CHECK(hc(xen_version, XENVER_extraversion, buf) >= 0, "extraversion");
	CHECK(strlen(buf) < sizeof(xen_extraversion_t), "long extraversion");
	print("note: version %ld.%ld%s", v >> 16, v & 0xffff, buf);
	CHECK(hc(xen_version, XENVER_capabilities, buf) >= 0, "capabilities");
	CHECK(str_has(buf, "xen-3.0-x86_64"), "capabilities %s", buf);
	CHECK(hc(xen_version, XENVER_changeset, buf) >= 0, "changeset");
	CHECK(hc(xen_version, XENVER_compile_info, buf) >= 0, "compile_info");
	CHECK(hc(xen_version, XENVER_guest_handle, buf) >= 0, "guest_handle");
	EXPECT(hc(xen_version, XENVER_platform_parameters, &pp), 0);
	EXPECT(pp.virt_start, HYPERVISOR_VIRT_START);
	EXPECT(hc(xen_version, XENVER_get_features, &f), 0);
	CHECK(!(f.submap & 1 << XENFEAT_auto_translated_physmap), "features %x", f.submap);
	CHECK(!(f.submap & 1 << XENFEAT_supervisor_mode_kernel), "features %x", f.submap);
	CHECK(f.submap & 1 << XENFEAT_mmu_pt_update_preserve_ad, "features %x", f.submap);
	f.submap_idx = 77;
	EXPECT(hc(xen_version, XENVER_get_features, &f), -EINVAL);
}

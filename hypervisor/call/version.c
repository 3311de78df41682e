/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xen_version: what guests are told about what runs below them. The interface
 * version is that of the public ABI we speak; the extra version says who we are.
 */
#include <hyp/boot.h>
#include <hyp/call.h>
#include <hyp/domain.h>
#include <hyp/version.h>
#include <public/version.h>

/* hypervisor/Makefile defines both. */
#ifndef XENO_VERSION
#define XENO_VERSION "unversioned"
#define XENO_BUILD_DATE "unknown date"
#endif
const char xeno_version[] = XENO_VERSION, xeno_build_date[] = XENO_BUILD_DATE;

#define ENODATA 61
#define ABI_MAJOR 4
#define ABI_MINOR 17

#define FEATURES                                                                                   \
	((1u << XENFEAT_mmu_pt_update_preserve_ad) | (1u << XENFEAT_gnttab_map_avail_bits) |       \
	 (1u << XENFEAT_pae_pgdir_above_4gb) | (1u << XENFEAT_highmem_assist) |                    \
	 (1u << XENFEAT_not_direct_mapped))

static long copy_out(uint64_t gva, const void *p, size_t len)
{
	return guest_write(gva, p, len) ? 0 : -EFAULT;
}

/* Fixed-size string fields: zero padded, terminated. */
static long copy_string(uint64_t gva, const char *s, size_t size)
{
	static const char zeros[64];
	size_t len = min(strlen(s), size - 1), n;

	if (!guest_write(gva, s, len))
		return -EFAULT;
	for (; len < size; len += n) {
		n = min(size - len, sizeof(zeros));
		if (!guest_write(gva + len, zeros, n))
			return -EFAULT;
	}
	return 0;
}

static long compile_info(uint64_t gva)
{
	struct xen_compile_info ci = { { 0 }, { 0 }, { 0 }, { 0 } };

	strlcpy(ci.compiler, "gcc " __VERSION__, sizeof(ci.compiler));
	strlcpy(ci.compile_by, "xeno", sizeof(ci.compile_by));
	strlcpy(ci.compile_date, xeno_build_date, sizeof(ci.compile_date));
	return copy_out(gva, &ci, sizeof(ci));
}

static long get_features(uint64_t gva)
{
	struct xen_feature_info fi;

	if (!guest_read(&fi, gva, sizeof(fi)))
		return -EFAULT;
	if (fi.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	fi.submap = FEATURES | (is_dom0(current->domain) ? 1u << XENFEAT_dom0 : 0);
	return copy_out(gva, &fi, sizeof(fi));
}

long hc_xen_version(struct hc_args *a)
{
	static const struct xen_platform_parameters pp = { .virt_start = HYPERVISOR_VIRT_START };
	uint64_t gva = a->arg[1];

	switch (a->arg[0]) {
	case XENVER_version:
		return ABI_MAJOR << 16 | ABI_MINOR;
	case XENVER_extraversion:
		return copy_string(gva, ".0-xeno", sizeof(xen_extraversion_t));
	case XENVER_compile_info:
		return compile_info(gva);
	case XENVER_capabilities:
		return copy_string(gva, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return copy_string(gva, xeno_version, sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters:
		return copy_out(gva, &pp, sizeof(pp));
	case XENVER_get_features:
		return get_features(gva);
	case XENVER_pagesize:
		return PAGE_SIZE;
	case XENVER_guest_handle:
		return copy_out(gva, current->domain->uuid, sizeof(current->domain->uuid));
	case XENVER_commandline:
		return is_dom0(current->domain) ?
			       copy_string(gva, hyp_cmdline, sizeof(xen_commandline_t)) :
			       -EPERM;
	case XENVER_build_id:
		return -ENODATA;
	}
	return -ENOSYS;
}

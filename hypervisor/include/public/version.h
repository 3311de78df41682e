/* SPDX-License-Identifier: MIT */
/* What runs below: xen_version(cmd, buffer). Any guest, except where noted. */
#ifndef XENO_PUBLIC_VERSION_H
#define XENO_PUBLIC_VERSION_H

#include "features.h"
#include "xen.h"

#define XENVER_version 0	     /* no buffer; returns major << 16 | minor */
#define XENVER_extraversion 1	     /* xen_extraversion_t */
#define XENVER_compile_info 2	     /* struct xen_compile_info */
#define XENVER_capabilities 3	     /* xen_capabilities_info_t: "xen-3.0-x86_64 " */
#define XENVER_changeset 4	     /* xen_changeset_info_t */
#define XENVER_platform_parameters 5 /* struct xen_platform_parameters */
#define XENVER_get_features 6	     /* struct xen_feature_info */
#define XENVER_pagesize 7	     /* no buffer; returns 4096 */
#define XENVER_guest_handle 8	     /* xen_domain_handle_t: the domain's uuid */
#define XENVER_commandline 9	     /* xen_commandline_t; domain 0 */
#define XENVER_build_id 10	     /* struct xen_build_id */

#ifndef __ASSEMBLER__

typedef char xen_extraversion_t[16];
typedef char xen_capabilities_info_t[1024];
typedef char xen_changeset_info_t[64];
typedef char xen_commandline_t[1024];

struct xen_compile_info {
	char compiler[64];
	char compile_by[16];
	char compile_domain[32];
	char compile_date[32];
};

struct xen_platform_parameters {
	uint64_t virt_start; /* HYPERVISOR_VIRT_START */
};

struct xen_feature_info {
	uint32_t submap_idx; /* IN: < XENFEAT_NR_SUBMAPS, else -EINVAL */
	uint32_t submap;     /* OUT: bit n: XENFEAT n */
};

/* Null buffer: returns the length. */
struct xen_build_id {
	uint32_t len; /* IN: bytes of buf; -ENOBUFS when too small */
	uint8_t buf[];
};

#endif /* __ASSEMBLER__ */
#endif

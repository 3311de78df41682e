/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: grant_table_op(cmd, array, count). The call fails as a whole
 * with -Exxx only for a bad cmd, count or array; each element has its own status.
 */
#ifndef XENO_PUBLIC_GRANT_TABLE_H
#define XENO_PUBLIC_GRANT_TABLE_H

#include "xen.h"

#define GNTTABOP_map_grant_ref 0
#define GNTTABOP_unmap_grant_ref 1
#define GNTTABOP_setup_table 2
#define GNTTABOP_dump_table 3
#define GNTTABOP_transfer 4
#define GNTTABOP_copy 5
#define GNTTABOP_query_size 6
#define GNTTABOP_unmap_and_replace 7
#define GNTTABOP_set_version 8
#define GNTTABOP_get_status_frames 9
#define GNTTABOP_get_version 10
#define GNTTABOP_swap_grant_ref 11
#define GNTTABOP_cache_flush 12

/* flags of an entry */
#define GTF_invalid 0
#define GTF_permit_access 1
#define GTF_accept_transfer 2
#define GTF_transitive 3
#define GTF_type_mask 3
#define GTF_readonly (1 << 2)
#define GTF_reading (1 << 3) /* set by the hypervisor while mapped or copied */
#define GTF_writing (1 << 4)
#define GTF_PWT (1 << 5)
#define GTF_PCD (1 << 6)
#define GTF_PAT (1 << 7)
#define GTF_sub_page (1 << 8)
#define GTF_transfer_committed (1 << 2)
#define GTF_transfer_completed (1 << 3)

#define GNTTAB_NR_RESERVED_ENTRIES 8
#define GNTTAB_RESERVED_CONSOLE 0
#define GNTTAB_RESERVED_XENSTORE 1

#define GNTMAP_device_map (1 << 0) /* for DMA: dev_bus_addr */
#define GNTMAP_host_map (1 << 1)   /* into the caller's page tables */
#define GNTMAP_readonly (1 << 2)
#define GNTMAP_application_map (1 << 3) /* user-accessible */
#define GNTMAP_contains_pte (1 << 4)	/* host_addr: machine address of the L1 entry */
#define GNTMAP_guest_avail0 16		/* bits 16.. go to the entry's available bits */

#define GNTST_okay 0
#define GNTST_general_error (-1)
#define GNTST_bad_domain (-2)
#define GNTST_bad_gntref (-3)
#define GNTST_bad_handle (-4)
#define GNTST_bad_virt_addr (-5)
#define GNTST_bad_dev_addr (-6)
#define GNTST_no_device_space (-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page (-9)
#define GNTST_bad_copy_arg (-10)
#define GNTST_address_too_big (-11)
#define GNTST_eagain (-12)
#define GNTST_no_space (-13)

#define GNTCOPY_source_gref (1 << 0) /* source.u.ref, else source.u.gmfn of the caller */
#define GNTCOPY_dest_gref (1 << 1)

#ifndef __ASSEMBLER__

typedef uint32_t grant_ref_t;
typedef uint32_t grant_handle_t;

/* Write frame and domid, then a barrier, then flags. To revoke: clear flags by cmpxchg. */
struct grant_entry_v1 {
	uint16_t flags; /* GTF_* */
	domid_t domid;	/* who may use it */
	uint32_t frame; /* machine frame of the granter */
};
_Static_assert(sizeof(struct grant_entry_v1) == 8, "grant_entry_v1");

struct gnttab_map_grant_ref {
	uint64_t host_addr;    /* IN: virtual address, or of the entry with contains_pte */
	uint32_t flags;	       /* IN: GNTMAP_* */
	grant_ref_t ref;       /* IN */
	domid_t dom;	       /* IN: the granter */
	int16_t status;	       /* OUT: GNTST_* */
	grant_handle_t handle; /* OUT */
	uint64_t dev_bus_addr; /* OUT: machine address */
};
_Static_assert(sizeof(struct gnttab_map_grant_ref) == 32, "gnttab_map_grant_ref");

struct gnttab_unmap_grant_ref {
	uint64_t host_addr;    /* IN: as mapped; 0 leaves the host mapping */
	uint64_t dev_bus_addr; /* IN: as given; 0 leaves the device mapping */
	grant_handle_t handle; /* IN */
	int16_t status;	       /* OUT */
	uint16_t pad;
};
_Static_assert(sizeof(struct gnttab_unmap_grant_ref) == 24, "gnttab_unmap_grant_ref");

struct gnttab_setup_table {
	domid_t dom; /* IN: DOMID_SELF, or any for domain 0 */
	uint16_t pad0;
	uint32_t nr_frames; /* IN: frames of the table wanted; it grows */
	int16_t status;	    /* OUT */
	uint16_t pad[3];
	uint64_t frame_list; /* IN: address of xen_pfn_t[nr_frames], OUT content */
};
_Static_assert(sizeof(struct gnttab_setup_table) == 24, "gnttab_setup_table");

struct gnttab_dump_table {
	domid_t dom;
	int16_t status;
};

struct gnttab_transfer {
	uint64_t mfn;
	domid_t domid;
	uint16_t pad;
	grant_ref_t ref;
	int16_t status;
	uint16_t pad2[3];
};

struct gnttab_copy {
	struct gnttab_copy_ptr {
		union {
			grant_ref_t ref;
			uint64_t gmfn;
		} u;
		domid_t domid;
		uint16_t offset; /* bytes; offset + len within the page */
		uint32_t pad;
	} source, dest;
	uint16_t len;
	uint16_t flags; /* GNTCOPY_* */
	int16_t status; /* OUT */
	uint16_t pad;
};
_Static_assert(sizeof(struct gnttab_copy) == 40, "gnttab_copy");

struct gnttab_query_size {
	domid_t dom; /* IN */
	uint16_t pad0;
	uint32_t nr_frames;	/* OUT */
	uint32_t max_nr_frames; /* OUT */
	int16_t status;		/* OUT */
	uint16_t pad;
};
_Static_assert(sizeof(struct gnttab_query_size) == 16, "gnttab_query_size");

/* Unmaps host_addr and moves the mapping of new_addr there. */
struct gnttab_unmap_and_replace {
	uint64_t host_addr;
	uint64_t new_addr;
	grant_handle_t handle;
	int16_t status;
	uint16_t pad;
};

struct gnttab_set_version {
	uint32_t version; /* IN OUT: 1 is the one in use afterwards */
};

struct gnttab_get_version {
	domid_t dom; /* IN */
	uint16_t pad;
	uint32_t version; /* OUT */
};

struct gnttab_swap_grant_ref {
	grant_ref_t ref_a, ref_b;
	int16_t status;
	uint16_t pad;
};

#endif /* __ASSEMBLER__ */
#endif

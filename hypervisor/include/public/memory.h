/* SPDX-License-Identifier: MIT */
/*
 * Memory: memory_op(cmd, struct *). domid may be DOMID_SELF; another domain: domain 0
 * only. -ESRCH no such domain; -EINVAL a bad count, order or frame.
 */
#ifndef XENO_PUBLIC_MEMORY_H
#define XENO_PUBLIC_MEMORY_H

#include "xen.h"

#define XENMEM_increase_reservation 0 /* struct xen_memory_reservation; returns extents done */
#define XENMEM_decrease_reservation 1
#define XENMEM_maximum_ram_page 2    /* no argument; returns the highest frame number */
#define XENMEM_current_reservation 3 /* struct xen_memory_domain; returns frames */
#define XENMEM_maximum_reservation 4
#define XENMEM_machphys_mfn_list 5   /* struct xen_machphys_mfn_list */
#define XENMEM_populate_physmap 6    /* struct xen_memory_reservation; returns extents done */
#define XENMEM_add_to_physmap 7	     /* struct xen_add_to_physmap */
#define XENMEM_memory_map 9	     /* struct xen_memory_map: the domain's own */
#define XENMEM_machine_memory_map 10 /* struct xen_memory_map; domain 0 */
#define XENMEM_exchange 11	     /* struct xen_memory_exchange */
#define XENMEM_machphys_mapping 12   /* struct xen_machphys_mapping */
#define XENMEM_set_memory_map 13
#define XENMEM_maximum_gpfn 14	      /* struct xen_memory_domain */
#define XENMEM_remove_from_physmap 15 /* struct xen_remove_from_physmap */
#define XENMEM_add_to_physmap_batch 23
#define XENMEM_claim_pages 24
#define XENMEM_acquire_resource 28 /* struct xen_mem_acquire_resource */

#define XENMEMF_address_bits(x) (x)
#define XENMEMF_get_address_bits(x) ((x)&0xff)
#define XENMEMF_node(x) (((x) + 1) << 8)
#define XENMEMF_populate_on_demand (1 << 16)
#define XENMEMF_exact_node_request (1 << 17)
#define XENMEMF_vnode (1 << 18)

#define XENMAPSPACE_shared_info 0
#define XENMAPSPACE_grant_table 1
#define XENMAPSPACE_gmfn 2
#define XENMAPSPACE_gmfn_range 3
#define XENMAPSPACE_gmfn_foreign 4
#define XENMAPSPACE_dev_mmio 5

#define XENMEM_resource_ioreq_server 0
#define XENMEM_resource_grant_table 1
#define XENMEM_resource_grant_table_id_shared 0
#define XENMEM_resource_grant_table_id_status 1

#ifndef __ASSEMBLER__

/*
 * populate_physmap: extent_start holds pseudo-physical numbers IN and machine frames
 * OUT, and M2P entries are set. increase: OUT machine frames. decrease: IN machine frames.
 */
struct xen_memory_reservation {
	uint64_t extent_start; /* address of xen_pfn_t[nr_extents] */
	uint64_t nr_extents;
	uint32_t extent_order; /* frames per extent: 1 << order */
	uint32_t mem_flags;    /* XENMEMF_* */
	domid_t domid;
	uint16_t pad[3];
};
_Static_assert(sizeof(struct xen_memory_reservation) == 32, "xen_memory_reservation");

/* Gives in's frames for new ones; the totals are equal. in: machine frames; out: as populate. */
struct xen_memory_exchange {
	struct xen_memory_reservation in, out;
	uint64_t nr_exchanged; /* IN 0; OUT: input extents done */
};
_Static_assert(sizeof(struct xen_memory_exchange) == 72, "xen_memory_exchange");

struct xen_memory_domain {
	domid_t domid;
};

/* The machine frames of the M2P table, one per 2 MiB of it. */
struct xen_machphys_mfn_list {
	uint32_t max_extents; /* IN */
	uint32_t pad;
	uint64_t extent_start; /* address of xen_pfn_t[max_extents] */
	uint32_t nr_extents;   /* OUT */
	uint32_t pad2;
};
_Static_assert(sizeof(struct xen_machphys_mfn_list) == 24, "xen_machphys_mfn_list");

struct xen_machphys_mapping {
	uint64_t v_start, v_end; /* OUT: where the M2P table is mapped */
	uint64_t max_mfn;	 /* OUT: highest frame number with an entry */
};

struct xen_add_to_physmap {
	domid_t domid;
	uint16_t size;	/* gmfn_range */
	uint32_t space; /* XENMAPSPACE_* */
	uint64_t idx;
	uint64_t gpfn;
};
_Static_assert(sizeof(struct xen_add_to_physmap) == 24, "xen_add_to_physmap");

struct xen_remove_from_physmap {
	domid_t domid;
	uint16_t pad[3];
	uint64_t gpfn;
};

/* BIOS e820 layout. */
struct xen_memory_map_entry {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct xen_memory_map_entry) == 20, "xen_memory_map_entry");

struct xen_memory_map {
	uint32_t nr_entries; /* IN: room; OUT: stored */
	uint32_t pad;
	uint64_t buffer; /* address of struct xen_memory_map_entry[] */
};
_Static_assert(sizeof(struct xen_memory_map) == 16, "xen_memory_map");

/* Frames of the hypervisor that belong to a domain, for mapping. */
struct xen_mem_acquire_resource {
	domid_t domid;
	uint16_t type; /* XENMEM_resource_* */
	uint32_t id;
	uint32_t nr_frames; /* IN; 0 asks for the number there are (OUT) */
	uint32_t pad;
	uint64_t frame;	     /* first one */
	uint64_t frame_list; /* address of xen_pfn_t[nr_frames], OUT */
};
_Static_assert(sizeof(struct xen_mem_acquire_resource) == 32, "xen_mem_acquire_resource");

#endif /* __ASSEMBLER__ */
#endif

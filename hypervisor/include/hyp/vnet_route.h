/* SPDX-License-Identifier: GPL-2.0-only */
/* Routes by longest prefix. Pure (vnet/route.c); a compiled table never changes. */
#ifndef HYP_VNET_ROUTE_H
#define HYP_VNET_ROUTE_H

#include <hyp/types.h>

#define VNET_ROUTES_MAX 4000 /* in a table */

struct vnet_route_entry {
	uint32_t addr; /* bits behind the prefix are 0 */
	uint32_t gateway;
	uint16_t port; /* the caller's */
	uint8_t len;   /* 0..32 */
	uint8_t pad;
	uint16_t nth, parent; /* the table's */
};

struct vnet_routes;

/* Bytes that a table of nr <= VNET_ROUTES_MAX entries takes; at most 64 KiB. */
size_t vnet_routes_size(unsigned int nr);
/* Into mem of that size: sorts, nothing is allocated. Of equal prefixes the first given counts. */
struct vnet_routes *vnet_routes_init(void *mem, const struct vnet_route_entry *e, unsigned int nr);
/* The entry with the longest prefix of addr, NULL: none. */
const struct vnet_route_entry *vnet_routes_find(const struct vnet_routes *r, uint32_t addr);

#endif

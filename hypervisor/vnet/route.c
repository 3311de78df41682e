/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes by longest prefix. Two prefixes are disjoint, or one lies within the other. Sorted by
 * address, and shorter ones first, every prefix is followed by those within it; parent is the
 * smallest one around it. So of an address, the last prefix that begins at or before it is
 * the wanted one, or lies within that: one binary search, and a few steps up, at most 32.
 *
 * Not here: what a route leads to.
 */
#include <hyp/lib.h>
#include <hyp/vnet_pkt.h>
#include <hyp/vnet_route.h>

#define NONE 0xffff

struct vnet_routes {
	unsigned int nr;
	struct vnet_route_entry e[];
};

_Static_assert(sizeof(struct vnet_routes) + VNET_ROUTES_MAX * sizeof(struct vnet_route_entry) <=
		       65536,
	       "a table does not fit hyp_alloc()");
_Static_assert(VNET_ROUTES_MAX < NONE, "numbers of routes");

size_t vnet_routes_size(unsigned int nr)
{
	return sizeof(struct vnet_routes) + nr * sizeof(struct vnet_route_entry);
}

/* Address, length, place in the list, as one number. */
static uint64_t rank_of(const struct vnet_route_entry *e)
{
	return (uint64_t)e->addr << 32 | (uint64_t)e->len << 16 | e->nth;
}

static int by_order(const void *a, const void *b)
{
	uint64_t x = rank_of(a), y = rank_of(b);

	return x < y ? -1 : x > y;
}

static bool covers(const struct vnet_route_entry *e, uint32_t addr)
{
	return !((e->addr ^ addr) & ip4_mask(e->len));
}

/* The smallest prefix around addr among entry p and those around that. */
static uint16_t around(const struct vnet_routes *r, uint16_t p, uint32_t addr)
{
	while (p != NONE && !covers(&r->e[p], addr))
		p = r->e[p].parent;
	return p;
}

static void drop_doubles(struct vnet_routes *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->nr; i++)
		if (!n || rank_of(&r->e[i]) >> 16 != rank_of(&r->e[n - 1]) >> 16)
			r->e[n++] = r->e[i];
	r->nr = n;
}

struct vnet_routes *vnet_routes_init(void *mem, const struct vnet_route_entry *e, unsigned int nr)
{
	struct vnet_routes *r = mem;

	r->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		r->e[i] = e[i];
		r->e[i].nth = (uint16_t)i;
	}
	sort(r->e, nr, sizeof(*r->e), by_order);
	drop_doubles(r);
	for (unsigned int i = 0; i < r->nr; i++)
		r->e[i].parent = i ? around(r, (uint16_t)(i - 1), r->e[i].addr) : NONE;
	return r;
}

const struct vnet_route_entry *vnet_routes_find(const struct vnet_routes *r, uint32_t addr)
{
	unsigned int lo = 0, hi = r->nr; /* entries below lo begin at or before addr */
	uint16_t p;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (r->e[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	p = lo ? around(r, (uint16_t)(lo - 1), addr) : NONE;
	return p == NONE ? NULL : &r->e[p];
}

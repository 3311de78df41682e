/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/route.c hypervisor/lib/sort.c */
/*
 * Routes: against a plain search through the list as given, with random tables and a million
 * addresses; nests, doubles, edges; the largest table. argv[1]: tables of the comparison.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/vnet_pkt.h>
#include <hyp/vnet_route.h>
#include "test.h"

#define LOOKUPS 1000 /* in a table */

static unsigned long tables = 1000;

static uint32_t random32(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}

static struct vnet_routes *make(const struct vnet_route_entry *e, unsigned int nr)
{
	size_t size = vnet_routes_size(nr);
	void *mem = malloc(size);

	memset(mem, 0xee, size);
	return vnet_routes_init(mem, e, nr);
}

static struct vnet_route_entry entry(uint32_t addr, unsigned int len, unsigned int port)
{
	return (struct vnet_route_entry){ .addr = addr & ip4_mask(len),
					  .len = (uint8_t)len,
					  .port = (uint16_t)port,
					  .gateway = ~addr };
}

static const struct vnet_route_entry *plain_find(const struct vnet_route_entry *e, unsigned int nr,
						 uint32_t addr)
{
	const struct vnet_route_entry *best = NULL;

	for (unsigned int i = 0; i < nr; i++)
		if ((addr & ip4_mask(e[i].len)) == e[i].addr && (!best || e[i].len > best->len))
			best = &e[i];
	return best;
}

static bool same(const struct vnet_route_entry *a, const struct vnet_route_entry *b)
{
	if (!a || !b)
		return a == b;
	return a->addr == b->addr && a->len == b->len && a->port == b->port &&
	       a->gateway == b->gateway;
}

/* Prefixes near each other, so that they nest, touch and come twice. */
static uint32_t near(uint32_t bits)
{
	static const uint32_t anchor[] = { 0,	       0x0a000000, 0x0a0000ff, 0x7fffffff,
					   0x80000000, 0xffffff00, 0xffffffff };

	return (anchor[random32() % 7] ^ (random32() & bits)) + random32() % 3 - 1;
}

static void compare_table(void)
{
	struct vnet_route_entry e[200];
	unsigned int nr = random32() % 200, least = random32() % 33;
	uint32_t bits = (uint32_t)((1ull << random32() % 33) - 1);
	struct vnet_routes *r;

	for (unsigned int i = 0; i < nr; i++)
		e[i] = entry(near(bits), least + random32() % (33 - least), i);
	r = make(e, nr);
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		const struct vnet_route_entry *some = nr ? &e[random32() % nr] : NULL;
		uint32_t addr = near(bits);

		if (some && random32() & 1) /* its edges, and beside them */
			addr = (some->addr | (random32() & 1 ? ~ip4_mask(some->len) : 0)) +
			       random32() % 3 - 1;
		CHECK(same(vnet_routes_find(r, addr), plain_find(e, nr, addr)));
	}
	free(r);
}

static void route_random(void)
{
	for (unsigned long i = 0; i < tables; i++)
		compare_table();
}

static void route_empty(void)
{
	struct vnet_routes *r = make(NULL, 0);

	CHECK(!vnet_routes_find(r, 0) && !vnet_routes_find(r, 0xffffffff));
	free(r);
}

static void route_default(void)
{
	struct vnet_route_entry e[] = { entry(0, 0, 1), entry(0x0a000000, 8, 2) };
	struct vnet_routes *r = make(e, 2);

	CHECK(vnet_routes_find(r, 0x0affffff)->port == 2);
	CHECK(vnet_routes_find(r, 0x0b000000)->port == 1);
	CHECK(vnet_routes_find(r, 0x09ffffff)->port == 1);
	CHECK(vnet_routes_find(r, 0)->port == 1 && vnet_routes_find(r, 0xffffffff)->port == 1);
	free(r);
}

static void route_doubles_first_counts(void)
{
	struct vnet_route_entry e[100];
	struct vnet_routes *r;

	for (unsigned int i = 0; i < 100; i++)
		e[i] = entry(0x0a000000 + (i % 5 << 8), 24, i);
	r = make(e, 100);
	for (uint32_t i = 0; i < 5; i++)
		CHECK(vnet_routes_find(r, 0x0a000007 + (i << 8))->port == i);
	CHECK(!vnet_routes_find(r, 0x0a000500));
	free(r);
}

/* All 33 lengths around one address, and its neighbours. */
static void route_nest(void)
{
	struct vnet_route_entry e[33];
	struct vnet_routes *r;
	uint32_t addr = 0xa5c3960f;

	for (unsigned int len = 0; len <= 32; len++)
		e[(len * 7) % 33] = entry(addr, len, len);
	r = make(e, 33);
	CHECK(vnet_routes_find(r, addr)->port == 32);
	for (unsigned int bit = 0; bit < 32; bit++)
		CHECK(vnet_routes_find(r, addr ^ 1u << bit)->port == 31 - bit);
	free(r);
}

static void route_largest(void)
{
	static struct vnet_route_entry e[VNET_ROUTES_MAX];
	struct vnet_routes *r;

	CHECK(vnet_routes_size(VNET_ROUTES_MAX) <= 65536);
	for (unsigned int i = 0; i < VNET_ROUTES_MAX; i++)
		e[i] = entry(i % 4 ? random32() : i << 16, i % 4 ? 8 + random32() % 25 : 16, i);
	r = make(e, VNET_ROUTES_MAX);
	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t addr = i & 1 ? random32() : e[random32() % VNET_ROUTES_MAX].addr;

		CHECK(same(vnet_routes_find(r, addr), plain_find(e, VNET_ROUTES_MAX, addr)));
	}
	free(r);
}

int main(int argc, char **argv)
{
	static const struct test t[] = { TEST(route_empty),   TEST(route_default),
					 TEST(route_nest),    TEST(route_doubles_first_counts),
					 TEST(route_largest), TEST(route_random) };

	if (argc > 1)
		tables = strtoul(argv[1], NULL, 0);
	return TEST_RUN(t);
}

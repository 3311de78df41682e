/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/lists.c hypervisor/vnet/rules.c hypervisor/vnet/ct.c hypervisor/vnet/guard.c hypervisor/vnet/parse.c hypervisor/vnet/csum.c hypervisor/lib/sort.c */
/*
 * The lists of the router, with the locks, the clock and the caller's memory simulated: rules in
 * pieces, callers that get in each other's way, mistakes at every place, memory that is bad or
 * short. After each, the list in place is the old one or the new one, and no page is left over.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/timer.h>
#include <hyp/vnet_router.h>
#include "test.h"

#define PIECE (XENO_VNET_LIST_PIECE / sizeof(struct xeno_vnet_rule))

/* --- the world around */

struct vnet_router router = { .lock = SPINLOCK_INIT(RANK_ROUTER, "router") };
static s_time_t clock_now;
static unsigned int pages, nr_held, updates;
static bool bad_memory, no_memory;
static int update_error;

s_time_t now(void)
{
	return clock_now;
}

void panic(const char *fmt, ...)
{
	printf("panic: %s\n", fmt);
	abort();
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

void spin_lock(struct spinlock *l)
{
	static const uint16_t ranks[] = { RANK_CONTROL, RANK_ROUTER };

	if (nr_held == 2 || ranks[nr_held] != l->rank)
		panic("order of locks");
	nr_held++;
}

void spin_unlock(struct spinlock *l)
{
	nr_held--;
}

bool guest_read(void *dst, uint64_t gva, size_t len)
{
	if (nr_held != 1)
		panic("guest memory with the router locked");
	if (!bad_memory)
		memcpy(dst, (const void *)gva, len);
	return !bad_memory;
}

bool guest_write(uint64_t gva, const void *src, size_t len)
{
	return guest_read((void *)gva, (uint64_t)src, len);
}

void *hyp_page_alloc(unsigned int order)
{
	void *p;

	if (no_memory)
		return NULL;
	pages += 1u << order;
	p = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
	return memset(p, 0, PAGE_SIZE << order);
}

void hyp_page_free(void *p, unsigned int order)
{
	pages -= 1u << order;
	memset(p, 0xee, PAGE_SIZE << order);
	free(p);
}

int vnet_routes_update(void)
{
	if (nr_held != 2)
		panic("the router is not locked");
	updates++;
	return update_error;
}

/* --- calls */

static struct xeno_vnet_rule rules[XENO_VNET_RULES_MAX + 1];

/* nr rules; their ids begin with id. */
static void make_rules(unsigned int nr, uint32_t id)
{
	for (unsigned int i = 0; i < nr; i++)
		rules[i] = (struct xeno_vnet_rule){
			.id = id + i,
			.iface = XENO_VNET_VIF(i % 100, 0),
			.peer = XENO_VNET_ANY,
			.action = XENO_VNET_ACCEPT,
			.src = 0x0a000000 + i * 256,
			.src_len = 24,
			.sport_hi = 65535,
			.dport_hi = 65535,
			.icmp_type = XENO_VNET_ICMP_ANY,
			.icmp_code = XENO_VNET_ICMP_ANY,
		};
}

static struct xeno_ctl_vnet_list last; /* the last call and what came of it */

static int set(unsigned int list, uint32_t first, uint32_t nr, uint32_t total, const void *addr)
{
	last = (struct xeno_ctl_vnet_list){ .list = list,
					    .first = first,
					    .nr = nr,
					    .total = total,
					    .addr = (uint64_t)addr };
	return vnet_list_set(&last);
}

static int set_piece(uint32_t first, uint32_t nr, uint32_t total)
{
	return set(XENO_VNET_LIST_RULES, first, nr, total, rules + first);
}

/* As the tools do it. */
static int set_all(uint32_t total)
{
	uint32_t first = 0, nr;
	int err;

	do {
		nr = min((uint32_t)PIECE, total - first);
		while ((err = set_piece(first, nr, total)) == -EAGAIN)
			;
		first += nr;
	} while (!err && last.bad == XENO_VNET_GOOD && first < total);
	return err;
}

static uint32_t get(unsigned int list, uint32_t first, uint32_t nr, void *to)
{
	last = (struct xeno_ctl_vnet_list){ .list = list,
					    .first = first,
					    .nr = nr,
					    .addr = (uint64_t)to };
	CHECK(!vnet_list_get(&last));
	return last.nr;
}

/* The list in place is rules[0 .. nr), and no memory is used beside it. */
static bool in_place(uint32_t nr)
{
	static struct xeno_vnet_rule got[PIECE];
	uint32_t n, at = 0, order = 0;

	while ((n = get(XENO_VNET_LIST_RULES, at, 9999, got))) {
		if (last.total != nr || n > PIECE || at + n > nr ||
		    memcmp(got, rules + at, n * sizeof(*got)))
			return false;
		at += n;
	}
	while (PAGE_SIZE << order < vnet_rules_size(nr))
		order++;
	return at == nr && last.total == nr && pages == 1u << order && !nr_held;
}

static void settle(void) /* the list of 3 rules with ids from 1 on */
{
	clock_now += SECONDS(2);
	make_rules(3, 1);
	CHECK(!set_all(3) && in_place(3));
}

/* --- tests */

static void lists_begin_empty(void)
{
	vnet_lists_init();
	CHECK(in_place(0));
	CHECK(!get(XENO_VNET_LIST_NATS, 0, 9, rules) && !get(XENO_VNET_LIST_ROUTES, 0, 9, rules));
}

static void lists_rules(void)
{
	static const uint32_t sizes[] = { 1, 0, 511, 512, 513, 1024, XENO_VNET_RULES_MAX, 2, 0 };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_rules(sizes[i], i << 16);
		CHECK(!set_all(sizes[i]) && last.bad == XENO_VNET_GOOD && in_place(sizes[i]));
	}
}

static void lists_bad_numbers(void)
{
	settle();
	CHECK(set_piece(0, 1, XENO_VNET_RULES_MAX + 1) == -E2BIG);
	CHECK(set_piece(0, 0, 5) == -EINVAL);
	CHECK(set_piece(5, 0, 5) == -EINVAL);
	CHECK(set_piece(6, 0, 5) == -EINVAL);
	CHECK(set_piece(0, 6, 5) == -EINVAL);
	CHECK(set_piece(4, ~0u, 5) == -EINVAL);
	CHECK(set_piece(0, PIECE + 1, 1000) == -EINVAL);
	CHECK(set_piece(512, 100, 1000) == -EBUSY);
	CHECK(set(XENO_VNET_LIST_STATS, 0, 1, 1, rules) == -EINVAL);
	CHECK(set(XENO_VNET_NR_LISTS, 0, 1, 1, rules) == -EINVAL);
	CHECK(set(XENO_VNET_LIST_NATS, 0, 1, 2, rules) == -EINVAL);
	CHECK(set(XENO_VNET_LIST_NATS, 0, 257, 257, rules) == -E2BIG);
	last = (struct xeno_ctl_vnet_list){ .pad = 1 };
	CHECK(vnet_list_get(&last) == -EINVAL && vnet_list_set(&last) == -EINVAL);
	CHECK(in_place(3));
}

/* A mistake anywhere is named, and changes nothing; a new list can begin at once. */
static void lists_bad_rule(void)
{
	static const uint32_t at[] = { 0, 511, 512, 1300 };

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		settle();
		make_rules(1301, 5);
		rules[at[i]].dir = XENO_VNET_NR_DIRS;
		CHECK(!set_all(1301) && last.bad == at[i]);
		make_rules(3, 1);
		CHECK(in_place(3));
	}
	CHECK(!set_all(3) && in_place(3));
}

static void lists_out_of_memory(void)
{
	settle();
	no_memory = true;
	CHECK(set_piece(0, 3, 3) == -ENOMEM);
	no_memory = false;
	make_rules(513, 1);
	CHECK(!set_piece(0, 512, 513));
	no_memory = true; /* for the set */
	CHECK(set_piece(512, 1, 513) == -ENOMEM);
	no_memory = false;
	CHECK(in_place(3));
	bad_memory = true;
	CHECK(set_piece(0, 3, 3) == -EFAULT);
	CHECK(set(XENO_VNET_LIST_NATS, 0, 1, 1, rules) == -EFAULT);
	last = (struct xeno_ctl_vnet_list){ .nr = 1 };
	CHECK(vnet_list_get(&last) == -EFAULT);
	bad_memory = false;
	CHECK(in_place(3) && !set_all(513) && in_place(513));
}

/* Somebody else's pieces neither become part of a list nor stop it. */
static void lists_two_callers(void)
{
	settle();
	make_rules(2000, 1);
	CHECK(!set_piece(0, 512, 2000));
	CHECK(set_piece(0, 100, 100) == -EBUSY && set_piece(0, 512, 2000) == -EBUSY);
	CHECK(set_piece(500, 512, 2000) == -EBUSY && set_piece(512, 512, 1999) == -EBUSY);
	CHECK(!set_piece(512, 512, 2000) && !set_piece(1024, 512, 2000));
	CHECK(set_piece(1536, 464, 2000) == -EAGAIN);
	CHECK(set(XENO_VNET_LIST_RULES, 1536, 464, 2000, rules) == -EBUSY);
	CHECK(set_piece(0, 100, 100) == -EBUSY);
	while (set_piece(1536, 464, 2000) == -EAGAIN)
		;
	CHECK(in_place(2000));
	CHECK(set_piece(1536, 464, 2000) == -EBUSY);
}

/* Who goes away in the middle is in nobody's way a second later, whatever he left. */
static void lists_left_behind(void)
{
	settle();
	make_rules(2000, 1);
	CHECK(!set_piece(0, 512, 2000));
	clock_now += SECONDS(2);
	CHECK(!set_all(1500) && in_place(1500));
	for (uint32_t first = 0; first < 1536; first += 512)
		CHECK(!set_piece(first, 512, 2000));
	CHECK(set_piece(1536, 464, 2000) == -EAGAIN);
	clock_now += SECONDS(2);
	CHECK(!set_all(700) && in_place(700));
}

static void lists_stats_inherited(void)
{
	struct xeno_vnet_rule_stat s[4];

	settle();
	vnet_rules_take(router.rules, 2, 100, 0);
	make_rules(4, 2); /* ids 2 .. 5: what was third is second */
	CHECK(!set_all(4) && get(XENO_VNET_LIST_STATS, 0, 9, s) == 4 && last.total == 4);
	CHECK(!s[0].packets && s[1].packets == 1 && s[1].bytes == 100 && !s[2].packets);
	CHECK(get(XENO_VNET_LIST_STATS, 4, 9, s) == 0 && get(XENO_VNET_LIST_STATS, ~0u, 9, s) == 0);
}

static void lists_nats(void)
{
	struct xeno_vnet_nat n[XENO_VNET_NATS_MAX], got[XENO_VNET_NATS_MAX];

	for (uint32_t i = 0; i < XENO_VNET_NATS_MAX; i++)
		n[i] = (struct xeno_vnet_nat){ .iface = XENO_VNET_NIC(0),
					       .kind = XENO_VNET_FORWARD,
					       .proto = VNET_IP_TCP,
					       .to = 0x0a000001 + i,
					       .port_lo = (uint16_t)(i + 1),
					       .port_hi = (uint16_t)(i + 1),
					       .to_port = 80 };
	CHECK(!set(XENO_VNET_LIST_NATS, 0, 256, 256, n) && last.bad == XENO_VNET_GOOD);
	CHECK(get(XENO_VNET_LIST_NATS, 0, 999, got) == 256 && !memcmp(n, got, sizeof(n)));
	n[200].kind = XENO_VNET_NR_NAT_KINDS;
	CHECK(!set(XENO_VNET_LIST_NATS, 0, 256, 256, n) && last.bad == 200);
	CHECK(get(XENO_VNET_LIST_NATS, 255, 5, got) == 1 && got[0].to == 0x0a000100);
	CHECK(!set(XENO_VNET_LIST_NATS, 0, 0, 0, NULL) && !get(XENO_VNET_LIST_NATS, 0, 9, got));
}

static void lists_routes(void)
{
	const struct xeno_vnet_route good[] = {
		{ .addr = 0, .len = 0, .iface = XENO_VNET_NIC(7), .gateway = 5 },
		{ .addr = 0x0a000000, .len = 8, .iface = XENO_VNET_VIF(0x7fef, 255) },
	};
	const struct xeno_vnet_route bad[] = {
		{ .addr = 0x0a000001, .len = 31, .iface = XENO_VNET_NIC(0) },
		{ .len = 33, .iface = XENO_VNET_NIC(0) },
		{ .iface = XENO_VNET_NIC(8) },
		{ .iface = XENO_VNET_ANY },
		{ .iface = XENO_VNET_VIF(0x7ff0, 0) },
		{ .iface = XENO_VNET_VIF(1, 0), .gateway = 1 },
		{ .iface = XENO_VNET_NIC(0), .pad = { 0, 0, 1 } },
	};
	struct xeno_vnet_route got[3], two[2] = { good[1] };

	CHECK(!set(XENO_VNET_LIST_ROUTES, 0, 2, 2, good) && last.bad == XENO_VNET_GOOD);
	CHECK(updates == 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		two[1] = bad[i];
		CHECK(!set(XENO_VNET_LIST_ROUTES, 0, 2, 2, two) && last.bad == 1);
	}
	update_error = -E2BIG;
	CHECK(set(XENO_VNET_LIST_ROUTES, 0, 1, 1, good) == -E2BIG && updates == 2);
	update_error = 0;
	CHECK(get(XENO_VNET_LIST_ROUTES, 0, 3, got) == 2 && !memcmp(got, good, sizeof(good)));
}

static void lists_conns(void)
{
	enum { CONNS = 1000 };
	static const uint64_t seeds[VNET_CT_SEEDS] = { 1, 2, 3, 4, 5 };
	static struct vnet_port port;
	static struct xeno_vnet_conn got[XENO_VNET_LIST_PIECE / sizeof(struct xeno_vnet_conn)];
	static bool seen[CONNS];
	struct vnet_nat nat = { 0 };
	uint32_t first = 0, n, sum = 0;

	router.ct = vnet_ct_init(aligned_alloc(64, (vnet_ct_size(1024, VNET_PORTS) + 63) & ~63ul),
				 1024, VNET_PORTS, seeds);
	router.port[3] = &port;
	CHECK(!vnet_ct_limit(router.ct, 3, 1024));
	for (uint16_t i = 0; i < CONNS; i++) {
		struct vnet_pkt p = { .len = 60,
				      .kind = VNET_KIND_IP4,
				      .t = { 10, 20, i, 53, VNET_IP_UDP },
				      .has_l4 = true };
		struct vnet_ct_hit hit;

		CHECK(!vnet_ct_find(router.ct, &p, 100, 3, clock_now, &hit));
		CHECK(!vnet_ct_create(router.ct, &p, 100, 200, 3, 7, &nat, clock_now, &hit));
	}
	do {
		n = get(XENO_VNET_LIST_CONNS, first, 9999, got);
		CHECK(last.total == CONNS && n <= ARRAY_SIZE(got));
		for (uint32_t i = 0; i < n; i++) {
			CHECK(got[i].dport == 53 && got[i].reply_src == 20 && got[i].iface == 100 &&
			      got[i].reply_iface == 200 && got[i].rule == 7 && got[i].proto == 17 &&
			      got[i].expires_ms && !strcmp(got[i].phase, "unanswered"));
			CHECK(!seen[got[i].sport]);
			seen[got[i].sport] = true;
		}
		sum += n;
		first = last.first;
	} while (first);
	CHECK(sum == CONNS);
	free(router.ct);
}

int main(void)
{
	static const struct test t[] = { TEST(lists_begin_empty),   TEST(lists_rules),
					 TEST(lists_bad_numbers),   TEST(lists_bad_rule),
					 TEST(lists_out_of_memory), TEST(lists_two_callers),
					 TEST(lists_left_behind),   TEST(lists_stats_inherited),
					 TEST(lists_nats),	    TEST(lists_routes),
					 TEST(lists_conns) };

	return TEST_RUN(t);
}

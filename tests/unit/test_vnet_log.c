/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/vnet/log.c */
/*
 * Events and captures, with the locks, the clock and the caller's memory simulated: order,
 * room, what counts as lost, when domain 0 is told; records across the ring's end, cut
 * ones, and readers whose memory is bad.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <hyp/event.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/timer.h>
#include <hyp/vnet_router.h>
#include "test.h"

#define RING (256u << 10)

/* --- the world around */

struct domain *dom0;
static s_time_t clock_now;
static unsigned int interrupts, pages;
static uint16_t held[2]; /* ranks of locks, in order */
static unsigned int nr_held;
static bool bad_memory;

s_time_t now(void)
{
	return clock_now;
}

void panic(const char *fmt, ...)
{
	printf("panic: %s\n", fmt);
	abort();
}

void spin_lock(struct spinlock *l)
{
	if (nr_held == 2 || (nr_held && held[0] >= l->rank))
		panic("order of locks");
	held[nr_held++] = l->rank;
}

void spin_unlock(struct spinlock *l)
{
	if (!nr_held || held[--nr_held] != l->rank)
		panic("unlock");
}

static bool leaf_held(void)
{
	return nr_held && held[nr_held - 1] == RANK_LEAF;
}

void virq_send_global(struct domain *d, unsigned int virq)
{
	if (nr_held)
		panic("interrupt with a lock of the log held");
	interrupts += virq == VIRQ_XENO_NET;
}

bool guest_write(uint64_t gva, const void *src, size_t len)
{
	if (leaf_held())
		panic("guest memory with a leaf lock held");
	if (!bad_memory)
		memcpy((void *)gva, src, len);
	return !bad_memory;
}

void *hyp_page_alloc(unsigned int order)
{
	pages += 1u << order;
	return calloc(PAGE_SIZE, 1u << order);
}

void hyp_page_free(void *p, unsigned int order)
{
	pages -= 1u << order;
	free(p);
}

/* --- events */

static const struct vnet_pkt tcp = {
	.len = 60,
	.kind = VNET_KIND_IP4,
	.t = { 0x0a000001, 0x0a000002, 1000, 80, VNET_IP_TCP },
	.has_l4 = true,
	.tcp_flags = VNET_TCP_SYN,
};

static void event(unsigned int kind, uint32_t rule)
{
	vnet_event(kind, rule, 1, 2, &tcp, XENO_VNET_ACCEPT, XENO_VNET_NEW);
}

static struct xeno_vnet_event got[85];

static unsigned int take(unsigned int nr, uint64_t *lost)
{
	struct xeno_ctl_vnet_events u = { .addr = (uint64_t)got, .nr = nr };
	int err = vnet_events(&u);

	CHECK(!err);
	*lost = u.lost;
	return u.nr;
}

/* All of them; true: their rules go up from first. */
static unsigned int take_all(uint32_t first, uint64_t *lost)
{
	unsigned int n, sum = 0;
	uint64_t l;

	*lost = 0;
	while ((n = take(1000, &l))) {
		for (unsigned int i = 0; i < n; i++)
			CHECK(got[i].rule == first + sum + i);
		sum += n;
		*lost += l;
	}
	*lost += l;
	return sum;
}

static void log_fields(void)
{
	struct vnet_pkt icmp = { .len = 98,
				 .t = { 1, 2, 77, 0, VNET_IP_ICMP },
				 .has_l4 = true,
				 .icmp_type = 8,
				 .icmp_code = 3 };
	uint64_t lost;

	clock_now = 12345;
	vnet_event(XENO_VNET_EV_TRIGGER, 7, 0x100, XENO_VNET_ANY, &tcp, XENO_VNET_REJECT,
		   XENO_VNET_INVALID);
	vnet_event(XENO_VNET_EV_LOG, 8, 1, 2, &icmp, XENO_VNET_DROP, XENO_VNET_NEW);
	CHECK(take(85, &lost) == 2 && !lost);
	CHECK(got[0].time_ns == 12345 && got[0].rule == 7 && got[0].in == 0x100 &&
	      got[0].out == XENO_VNET_ANY && got[0].len == 60 && got[0].src == 0x0a000001 &&
	      got[0].dst == 0x0a000002 && got[0].sport == 1000 && got[0].dport == 80 &&
	      got[0].proto == 6 && got[0].tcp_flags == VNET_TCP_SYN &&
	      got[0].kind == XENO_VNET_EV_TRIGGER && got[0].action == XENO_VNET_REJECT &&
	      got[0].state == XENO_VNET_INVALID);
	CHECK(!got[1].sport && got[1].dport == 0x803 && got[1].proto == 1);
}

/* Told once, until it has looked; again even if it leaves some behind. */
static void log_interrupts(void)
{
	uint64_t lost;

	interrupts = 0;
	event(XENO_VNET_EV_LOG, 0);
	event(XENO_VNET_EV_LOG, 1);
	CHECK(interrupts == 1);
	CHECK(take(1, &lost) == 1);
	event(XENO_VNET_EV_LOG, 2);
	CHECK(interrupts == 2);
	CHECK(take_all(1, &lost) == 2 && !lost);
}

/* A flood of one kind leaves room for triggers; nothing is lost without being counted. */
static void log_room(void)
{
	uint64_t lost;

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 2000; i++)
			event(XENO_VNET_EV_LOG, i);
		for (unsigned int i = 0; i < 2000; i++)
			event(XENO_VNET_EV_TRIGGER, 768 + i);
		CHECK(take_all(0, &lost) == 1024 && lost == 4000 - 1024);
		CHECK(take_all(0, &lost) == 0 && !lost);
	}
}

static void log_refused_rate(void)
{
	unsigned int n = 0;
	uint64_t lost, all = 0;

	for (unsigned int s = 0; s < 3; s++) {
		clock_now += SECONDS(1);
		for (unsigned int i = 0; i < 1000; i++)
			event(XENO_VNET_EV_REFUSED, i < 200 ? i : 0);
		n += take_all(0, &lost);
		all += lost;
	}
	CHECK(n == 600 && all == 2400);
}

static void log_bad_memory(void)
{
	struct xeno_ctl_vnet_events u = { .nr = 5 };
	uint64_t lost;

	event(XENO_VNET_EV_LOG, 0);
	bad_memory = true;
	CHECK(vnet_events(&u) == -EFAULT);
	bad_memory = false;
	CHECK(take_all(0, &lost) == 1);
	u.pad = 1;
	CHECK(vnet_events(&u) == -EINVAL);
}

/* --- captures */

static uint8_t frame_bytes[65536];

static struct vnet_frame *frame(uint32_t len, uint8_t seed)
{
	static struct vnet_frame f;
	uint32_t at = 0;

	memset(&f, 0, sizeof(f));
	for (uint32_t i = 0; i < len; i++)
		frame_bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8));
	while (at < len) {
		struct nic_seg *s = &f.tx.segs[f.tx.nr_segs++];

		s->addr = MADDR((uint64_t)(frame_bytes + at) - DIRECT_MAP_VIRT);
		s->len = min(len - at, at ? 4096u : 54u);
		at += s->len;
	}
	f.tx.len = len;
	return &f;
}

static int command(unsigned int cmd, uint32_t iface, uint32_t snap)
{
	struct xeno_ctl_vnet_capture u = { .cmd = cmd, .iface = iface, .snap = snap };

	return vnet_capture(&u);
}

static uint8_t out[XENO_VNET_LIST_PIECE];

static uint32_t capture_take(uint32_t room, uint64_t *lost)
{
	struct xeno_ctl_vnet_capture u = { .cmd = XENO_VNET_CAPTURE_READ,
					   .len = room,
					   .addr = (uint64_t)out };

	CHECK(!vnet_capture(&u));
	*lost = u.lost;
	return u.len;
}

/* The record at *at is of a frame of len bytes with that seed; moves behind it. */
static void check_record(uint32_t *at, uint32_t len, uint32_t kept, uint8_t seed)
{
	struct xeno_vnet_captured r;

	memcpy(&r, out + *at, sizeof(r));
	CHECK(r.len == len && r.kept == kept && r.iface == seed && r.dir == (seed & 1) &&
	      r.why == seed % 3);
	frame(len, seed);
	CHECK(!memcmp(out + *at + sizeof(r), frame_bytes, kept));
	*at += (uint32_t)sizeof(r) + ((kept + 7) & ~7u);
}

static void put(uint32_t len, uint8_t seed)
{
	vnet_captured(seed, seed & 1, frame(len, seed), seed % 3);
}

static void capture_commands(void)
{
	CHECK(command(XENO_VNET_CAPTURE_STOP, 0, 0) == -ENOENT);
	CHECK(command(XENO_VNET_CAPTURE_READ, 0, 0) == -ENOENT);
	CHECK(command(XENO_VNET_CAPTURE_READ + 1, 0, 0) == -EINVAL);
	CHECK(command(XENO_VNET_CAPTURE_START, 0, 15) == -EINVAL);
	CHECK(command(XENO_VNET_CAPTURE_START, 0, 65536) == -EINVAL && !vnet_capturing);
	CHECK(!command(XENO_VNET_CAPTURE_START, 0, 16) && vnet_capturing && pages == 64);
	CHECK(command(XENO_VNET_CAPTURE_START, 0, 16) == -EBUSY);
	CHECK(command(XENO_VNET_CAPTURE_READ, 0, 0) == -EINVAL);
	CHECK(!command(XENO_VNET_CAPTURE_STOP, 0, 0) && !vnet_capturing && !pages);
	put(100, 1); /* as a CPU that saw vnet_capturing a moment ago */
}

static void capture_one_interface(void)
{
	uint64_t lost;
	uint32_t at = 0;

	command(XENO_VNET_CAPTURE_START, 5, 65535);
	put(60, 4);
	put(61, 5);
	put(62, 6);
	CHECK(capture_take(2048, &lost) == 24 + 64 && !lost);
	check_record(&at, 61, 61, 5);
	CHECK(!capture_take(2048, &lost));
	command(XENO_VNET_CAPTURE_STOP, 0, 0);
}

/* Often around the ring; readers fall behind. Every frame arrives or is counted. */
static void capture_stream(void)
{
	enum { FRAMES = 20000 };
	static uint32_t len[FRAMES];
	unsigned int in = 0, seen = 0, kept = 0;
	uint32_t snap = 3000, bytes = 0;
	uint64_t lost, lost_sum = 0, expected = 0;

	command(XENO_VNET_CAPTURE_START, XENO_VNET_ANY, snap);
	srand(1);
	while (in < FRAMES) {
		for (int burst = rand() % 300; burst && in < FRAMES; burst--, in++) {
			uint32_t l = (uint32_t)rand() % 4000 + 14, k = min(l, snap);
			uint32_t size = 24 + ((k + 7) & ~7u);

			put(l, (uint8_t)kept);
			if (bytes + size > RING) {
				expected++;
				continue;
			}
			len[kept++] = l;
			bytes += size;
		}
		for (int reads = rand() % 30; reads; reads--) {
			uint32_t n = capture_take(3072 + (uint32_t)rand() % 33000, &lost), at = 0;

			lost_sum += lost;
			bytes -= n;
			for (; at < n; seen++)
				check_record(&at, len[seen], min(len[seen], snap), (uint8_t)seen);
			CHECK(at == n);
		}
	}
	while (capture_take(sizeof(out), &lost))
		lost_sum += lost;
	CHECK(lost_sum + lost == expected && expected > 100 && seen > 1000);
	command(XENO_VNET_CAPTURE_STOP, 0, 0);
}

/* A frame that is larger than the reader's buffer is cut, and does not block what follows. */
static void capture_cut(void)
{
	struct xeno_ctl_vnet_capture u = { .cmd = XENO_VNET_CAPTURE_READ, .len = 2048 };
	uint64_t lost;
	uint32_t at = 0;

	command(XENO_VNET_CAPTURE_START, XENO_VNET_ANY, 65535);
	put(65535, 8);
	put(50, 9);
	bad_memory = true;
	CHECK(vnet_capture(&u) == -EFAULT);
	bad_memory = false;
	CHECK(capture_take(2049, &lost) == 2048);
	check_record(&at, 65535, 2024, 8);
	CHECK(at == 2048);
	CHECK(capture_take(2048, &lost) == 24 + 56);
	at = 0;
	check_record(&at, 50, 50, 9);
	command(XENO_VNET_CAPTURE_STOP, 0, 0);
	CHECK(!pages && !nr_held);
}

int main(void)
{
	static const struct test t[] = { TEST(log_fields),
					 TEST(log_interrupts),
					 TEST(log_room),
					 TEST(log_refused_rate),
					 TEST(log_bad_memory),
					 TEST(capture_commands),
					 TEST(capture_one_interface),
					 TEST(capture_stream),
					 TEST(capture_cut) };

	return TEST_RUN(t);
}

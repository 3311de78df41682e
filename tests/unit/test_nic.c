/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/dev/nic.c hypervisor/time/heap.c */
/*
 * The queues of network cards on a simulated card with simulated time. Each frame must have
 * exactly one end, frames leave in order, and the card is never called from two places at once,
 * reset while someone looks at its buffers, or forgotten while it rests.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <hyp/lib.h>
#include <hyp/nic.h>
#include "test.h"

#define DEPTH 8
#define MOST_WAITING (4 * DEPTH)
#define FRAMES 100
#define BUDGET 64

/* --- the world around */

static s_time_t clock_now;
static struct timer_heap heap;
static struct task *task;
static bool locked;

s_time_t now(void)
{
	return clock_now;
}

void printk(const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	abort();
}

void spin_lock(struct spinlock *l)
{
	if (locked)
		panic("lock taken twice");
	locked = true;
}

void spin_unlock(struct spinlock *l)
{
	if (!locked)
		panic("unlocked twice");
	locked = false;
}

bool spin_held(const struct spinlock *l)
{
	return locked;
}

void timer_init(struct timer *t, timer_fn *fn, void *data)
{
	*t = (struct timer){ .fn = fn, .data = data };
}

void timer_set(struct timer *t, s_time_t expires)
{
	if (t->rank)
		timer_heap_remove(&heap, t);
	t->expires = expires;
	timer_heap_insert(&heap, t);
}

void task_queue(struct task *t)
{
	task = t;
}

static uint64_t seed = 88172645463325252u;

static unsigned int rnd(unsigned int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)((seed >> 11) % n);
}

/* Time passes, and what is due then happens. */
static void pass(s_time_t t)
{
	s_time_t end = clock_now + t;

	while (heap.top && heap.top->expires <= end) {
		struct timer *timer = heap.top;

		clock_now = max(clock_now, timer->expires);
		timer_heap_remove(&heap, timer);
		timer->fn(timer->data);
	}
	clock_now = end;
}

static void run_task(void)
{
	struct task *t = task;

	task = NULL;
	if (t)
		t->fn(t->data);
}

/* --- the card: what it has, what comes, how it answers */

static struct nic *nic;
static struct nic_tx *ring[DEPTH];
static unsigned int nr_ring, most_ring, kicks, resets, deepest, depth_now;
static unsigned int incoming, in_poll, polled, frame_len, next_frame;
static bool looked_at; /* a receiver has the buffers */
static bool complete_at_poll;
static int send_result, reset_result;

static int sim_send(struct nic *n, struct nic_tx *t)
{
	if (!locked || n->dead || n->resetting || !n->link)
		panic("sent at a bad moment");
	if (send_result)
		return send_result;
	if (nr_ring == DEPTH)
		panic("more than it holds");
	ring[nr_ring++] = t;
	most_ring = max(most_ring, nr_ring);
	return 0;
}

static void sim_kick(struct nic *n)
{
	kicks++;
}

static void take_oldest(void)
{
	struct nic_tx *t = ring[0];

	if (!nr_ring)
		return;
	memmove(ring, ring + 1, --nr_ring * sizeof(*ring));
	nic_sent(nic, t, true);
}

static unsigned int sim_poll(struct nic *n, struct nic_rx *r, unsigned int max)
{
	static uint8_t frames[16][64];
	unsigned int nr = min(min(incoming, max), 16u);

	if (!locked || looked_at)
		panic("polled at a bad moment");
	in_poll = max;
	if (complete_at_poll)
		take_oldest();
	polled += nr;
	incoming -= nr;
	for (unsigned int i = 0; i < nr; i++) {
		frames[i][0] = (uint8_t)next_frame++;
		r[i] = (struct nic_rx){ .frame = frames[i], .len = frame_len, .sum_ok = true };
	}
	return nr;
}

static int sim_reset(struct nic *n)
{
	if (!locked || looked_at)
		panic("reset at a bad moment");
	resets++;
	if (reset_result != -EAGAIN)
		nr_ring = 0;
	return reset_result;
}

static const struct nic_ops sim_ops = { .send = sim_send,
					.kick = sim_kick,
					.poll = sim_poll,
					.reset = sim_reset };

/* The oldest n have left. */
static void complete(unsigned int n)
{
	nic_lock(nic);
	while (n--)
		take_oldest();
	nic_unlock(nic);
}

static void set_link(bool up)
{
	nic_lock(nic);
	nic_link(nic, up);
	nic_unlock(nic);
}

static void fault(void)
{
	nic_lock(nic);
	nic_fault(nic, "a test");
	nic_unlock(nic);
}

/* --- frames and who sends them */

static struct frame {
	struct nic_tx t;
	bool out, again;
	unsigned int ends, good;
} frames[FRAMES];
static struct frame *order[100000];
static unsigned int nr_order;

static void sent(struct nic_tx *t, bool ok);

static void send(struct frame *f)
{
	f->out = true;
	f->t.sent = sent;
	f->t.nr_segs = 1;
	f->t.segs[0].len = f->t.len;
	nic_send(nic, &f->t);
}

static void sent(struct nic_tx *t, bool ok)
{
	struct frame *f = container_of(t, struct frame, t);

	if (locked || !f->out)
		panic("an end that should not be");
	f->out = false;
	f->ends++;
	f->good += ok;
	if (ok && nr_order < ARRAY_SIZE(order))
		order[nr_order++] = f;
	if (f->again) {
		deepest = max(deepest, ++depth_now);
		send(f);
		depth_now--;
	}
}

/* Each test has a card of its own: there are as many as the core can have. */
static void new_card(void)
{
	static struct nic cards[NIC_MAX];
	static unsigned int nr;

	while (heap.top)
		timer_heap_remove(&heap, heap.top);
	nic = &cards[nr++];
	*nic = (struct nic){ .ops = &sim_ops,
			     .driver = "sim",
			     .can_csum = true,
			     .can_tso4 = true,
			     .depth = DEPTH,
			     .max_segs = 4 };
	memset(frames, 0, sizeof(frames));
	for (unsigned int i = 0; i < FRAMES; i++)
		frames[i].t.len = 60;
	nr_ring = most_ring = kicks = resets = nr_order = incoming = polled = next_frame = 0;
	send_result = reset_result = 0;
	frame_len = 60;
	nic_receiver = NULL;
	CHECK(!nic_add(nic));
	set_link(true);
}

static unsigned int ended(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FRAMES; i++)
		n += frames[i].ends;
	return n;
}

/* --- sending */

static void order_and_bounds(void)
{
	new_card();
	for (unsigned int i = 0; i < FRAMES; i++)
		send(&frames[i]);
	CHECK(nr_ring == DEPTH && nic->nr_waiting == MOST_WAITING);
	CHECK(ended() == FRAMES - DEPTH - MOST_WAITING && nic->tx_dropped == ended());
	for (unsigned int i = 0; i < 20; i++)
		complete(3);
	CHECK(ended() == FRAMES && most_ring == DEPTH && nr_order == DEPTH + MOST_WAITING);
	for (unsigned int i = 0; i < nr_order; i++)
		CHECK(order[i] == &frames[i]);
	CHECK(nic->tx_frames == nr_order && nic->tx_bytes == 60 * nr_order && !nic->in_flight);
}

/* Who sends from the end of a frame makes a loop, not a recursion, and that is bounded. */
static void endless_sender(void)
{
	unsigned int before;

	set_link(false);
	frames[0].again = true;
	frames[0].ends = 0;
	send(&frames[0]);
	CHECK(frames[0].ends > 1 && frames[0].ends < 10 && deepest == 1 && task);
	before = frames[0].ends;
	frames[0].again = false;
	run_task();
	CHECK(frames[0].ends == before + 1 && !frames[0].out && !task);
}

#define CSUM .csum = true, .csum_start = 34, .csum_offset = 16

static void refused(void)
{
	static const struct nic_tx bad[] = {
		{ .len = 13 },
		{ .len = NIC_FRAME + 1 },
		{ .len = 60, .csum = true, .csum_start = 13, .csum_offset = 6 },
		{ .len = 60, .csum = true, .csum_start = 34, .csum_offset = 25 },
		{ .len = 3000,
		  .gso_size = 1000,
		  .csum_start = 34,
		  .csum_offset = 16,
		  .head_len = 54 },
		{ .len = 3000, .gso_size = 1000, CSUM, .head_len = 51 },
		{ .len = 54, .gso_size = 1000, CSUM, .head_len = 54 },
		{ .len = 3000, .gso_size = 1000, CSUM, .head_len = 54, .gso_v6 = true },
	};
	struct frame *f = frames;

	new_card();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		frames[i].t = bad[i];
		send(&frames[i]);
		CHECK(frames[i].ends == 1 && !frames[i].good);
	}
	f->t = (struct nic_tx){ .len = 3000, .gso_size = 1000, CSUM, .head_len = 54 };
	send(f);
	CHECK(nr_ring == 1 && f->out);
	complete(1);
	CHECK(f->good == 1);
	send_result = -EINVAL; /* the driver cannot */
	send(&frames[10]);
	CHECK(frames[10].ends == 1 && !frames[10].good && !nic->in_flight);
	send_result = -EAGAIN; /* with an empty ring */
	send(&frames[11]);
	CHECK(frames[11].out && nic->nr_waiting == 1);
	send_result = 0;
	pass(MILLISECS(10));
	complete(1);
	CHECK(frames[11].good == 1);
	endless_sender();
}

/* --- failures */

static void link_down(void)
{
	for (unsigned int i = 20; i < 40; i++)
		send(&frames[i]);
	set_link(false);
	CHECK(nic->in_flight == DEPTH && !nic->nr_waiting && frames[39].ends == 1);
	send(&frames[40]);
	CHECK(frames[40].ends == 1 && !frames[40].good);
	set_link(true);
	complete(DEPTH);
	CHECK(frames[20].good == 1 && ended() == nic->tx_frames + nic->tx_dropped);
}

static void failures(void)
{
	new_card();
	send(&frames[0]);
	pass(SECONDS(3));
	for (unsigned int i = 1; i < 12; i++)
		send(&frames[i]);
	pass(SECONDS(1));
	CHECK(!resets);
	reset_result = -EAGAIN;
	pass(SECONDS(1));
	CHECK(resets == 1 && nic->timeouts == 1 && nic->resetting && frames[0].out);
	pass(MILLISECS(50));
	CHECK(resets >= 5 && resets <= 7);
	reset_result = 0;
	pass(MILLISECS(10));
	CHECK(nic->resets == 1 && !nic->resetting && frames[0].ends == 1 && !frames[0].good);
	CHECK(nr_ring == 4 && ended() == DEPTH); /* what waited goes on */
	complete(4);
	CHECK(frames[11].good == 1);
	pass(SECONDS(20));
	CHECK(nic->timeouts == 1);
	link_down();
}

static void death(void)
{
	new_card();
	for (unsigned int i = 0; i < 20; i++)
		send(&frames[i]);
	reset_result = -EIO;
	fault();
	CHECK(nic->dead && !nic->link && ended() == 20 && !nic->tx_frames && resets == 1);
	send(&frames[30]);
	fault();
	set_link(true);
	incoming = 5;
	nic_interrupt(nic);
	pass(SECONDS(10));
	CHECK(frames[30].ends == 1 && resets == 1 && !polled && nic->tx_dropped == 21);
}

/* --- receiving */

static unsigned int received, in_receiver;
static void (*meanwhile)(void);

static void receiver(struct nic *n, const void *frame, unsigned int len, bool sum_ok)
{
	CHECK(!locked && len == frame_len && sum_ok &&
	      *(const uint8_t *)frame == (uint8_t)received);
	if (in_receiver)
		panic("two at once");
	in_receiver++;
	looked_at = true;
	received++;
	if (meanwhile)
		meanwhile();
	looked_at = false;
	in_receiver--;
}

static void fault_at_3(void)
{
	if (received == 3)
		fault();
	CHECK(received < 3 || nic->resetting);
}

static void receiving(void)
{
	new_card();
	incoming = 40;
	nic_interrupt(nic); /* nobody there */
	CHECK(nic->rx_frames == 40 && nic->rx_dropped == 40 && nic->rx_bytes == 2400);
	nic_receiver = receiver;
	received = next_frame;
	incoming = 40;
	nic_interrupt(nic);
	CHECK(received == 80 && nic->rx_frames == 80 && nic->rx_dropped == 40 && in_poll);
	frame_len = 13;
	incoming = 1;
	nic_interrupt(nic);
	frame_len = NIC_FRAME + 5;
	incoming = 1;
	nic_interrupt(nic);
	CHECK(nic->rx_errors == 2 && nic->rx_frames == 80);
	frame_len = 60;
	next_frame = received = 0;
	incoming = 40;
	meanwhile = fault_at_3;
	nic_interrupt(nic);
	/* The batch is handed on; then the reset, and no more of it before. */
	CHECK(received == 16 && resets == 1 && !nic->resetting);
	meanwhile = NULL;
	nic_interrupt(nic);
	CHECK(received == 40);
}

/* Another CPU, while this one is in a receiver. */
static void other_cpu(void)
{
	incoming += received % 3 == 0;
	clock_now += MICROSECS(10);
	looked_at = false;
	nic_interrupt(nic);
	looked_at = true;
}

/* The rest ends while another CPU, which came during it, is still in nic_interrupt(). */
static s_time_t end_of_rest;

static void rest_ends(struct nic_tx *t, bool ok)
{
	sent(t, ok);
	incoming = 5;
	pass(end_of_rest - clock_now);
}

static void forgotten(void)
{
	pass(MILLISECS(2));
	received = next_frame;
	incoming = BUDGET;
	meanwhile = other_cpu;
	nic_interrupt(nic);
	meanwhile = NULL;
	end_of_rest = nic->rest_until;
	CHECK(end_of_rest > clock_now);
	received = next_frame;
	send(&frames[0]);
	frames[0].t.sent = rest_ends;
	complete_at_poll = true;
	nic_interrupt(nic);
	CHECK(frames[0].good == 1 && !incoming);
	complete_at_poll = false;
}

static void flood(void)
{
	new_card();
	nic_receiver = receiver;
	received = 0;
	incoming = 1000;
	meanwhile = other_cpu;
	nic_interrupt(nic);
	CHECK(received == BUDGET);
	nic_interrupt(nic);
	CHECK(received == BUDGET && !in_poll);
	pass(MICROSECS(10 * BUDGET / 2) - 1);
	CHECK(received == BUDGET);
	pass(1);
	CHECK(received >= 2 * BUDGET - 1 && in_poll);
	for (unsigned int i = 0; i < 100; i++)
		pass(MILLISECS(1));
	CHECK(!incoming && received > 1000);
	meanwhile = NULL;
	forgotten();
}

/* --- everything at once */

static void campaign(void)
{
	new_card();
	nic_receiver = receiver;
	received = 0;
	for (unsigned int i = 0; i < 300000 && !test_why; i++) {
		struct frame *f = &frames[rnd(FRAMES)];
		unsigned int what = rnd(100);

		reset_result = rnd(4) ? 0 : -EAGAIN;
		send_result = rnd(20) ? 0 : rnd(2) ? -EAGAIN : -EINVAL;
		f->again = !rnd(50);
		if (what < 50 && !f->out)
			send(f);
		else if (what < 75)
			complete(rnd(DEPTH + 1));
		else if (what < 85)
			pass(MICROSECS(rnd(2000)));
		else if (what < 97)
			incoming += rnd(40), nic_interrupt(nic);
		else if (what < 98)
			pass(rnd(10) ? 0 : SECONDS(6));
		else if (what < 99)
			set_link(rnd(3));
		else
			fault();
		run_task();
		CHECK(nic->in_flight == nr_ring && nic->nr_waiting <= MOST_WAITING);
		CHECK(ended() <= nic->tx_frames + nic->tx_dropped);
	}
	for (unsigned int i = 0; i < FRAMES; i++)
		frames[i].again = false;
	send_result = reset_result = 0;
	pass(SECONDS(10));
	run_task();
	for (unsigned int i = 0; i < FRAMES; i++)
		CHECK(!frames[i].out);
	CHECK(ended() == nic->tx_frames + nic->tx_dropped);
	CHECK(nic->tx_frames > 10000 && nic->resets > 100 && nic->rx_frames > 10000 && !nic->dead);
}

static void list_of_cards(void)
{
	static struct nic one_more;

	new_card();
	CHECK(nic_count() == NIC_MAX && nic_get(NIC_MAX - 1) == nic && !nic_get(NIC_MAX));
	one_more = (struct nic){ .ops = &sim_ops, .driver = "sim" };
	CHECK(nic_add(&one_more) == -ENOSPC && nic_count() == NIC_MAX);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(order_and_bounds), TEST(refused), TEST(failures), TEST(death),
		TEST(receiving),	TEST(flood),   TEST(campaign), TEST(list_of_cards),
	};

	return TEST_RUN(tests);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/time/heap.c */
/* The leftist heap of timers against a plain array, with removals from the middle. */
#include <stdio.h>
#include <stdlib.h>
#include <hyp/timer.h>

#define N 2000

static struct timer timers[N];
static struct timer_heap heap;
static int failures;

static void verdict(const char *name, const char *why)
{
	if (why)
		printf("FAIL %s: %s\n", name, why);
	else
		printf("ok %s\n", name);
	failures += why != NULL;
}

static uint64_t seed = 1;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Order, ranks, parents; returns the number of timers or -1. */
static int check_tree(const struct timer *t, const struct timer *parent)
{
	int l, r;

	if (!t)
		return 0;
	if (t->parent != parent || (parent && parent->expires > t->expires))
		return -1;
	l = check_tree(t->left, t);
	r = check_tree(t->right, t);
	if (l < 0 || r < 0)
		return -1;
	if ((t->left ? t->left->rank : 0) < (t->right ? t->right->rank : 0))
		return -1;
	if (t->rank != (t->right ? t->right->rank : 0) + 1)
		return -1;
	return l + r + 1;
}

static const char *random_operations(void)
{
	int armed = 0;

	for (int step = 0; step < 200000; step++) {
		struct timer *t = &timers[rnd() % N];

		if (t->rank) {
			timer_heap_remove(&heap, t);
			armed--;
		} else {
			t->expires = (s_time_t)(rnd() % 1000);
			timer_heap_insert(&heap, t);
			armed++;
		}
		if (step % 500 == 0 && check_tree(heap.top, NULL) != armed)
			return "the tree is out of order";
	}
	return NULL;
}

static const char *drains_in_order(void)
{
	s_time_t last = 0;
	int left = check_tree(heap.top, NULL);

	for (; heap.top; left--) {
		struct timer *t = heap.top;

		if (t->expires < last)
			return "out of order";
		last = t->expires;
		timer_heap_remove(&heap, t);
		if (t->rank || t->left || t->right || t->parent)
			return "a removed timer still has links";
	}
	return left ? "some were lost" : NULL;
}

/* Ascending and descending series must not make the right spine long. */
static const char *stays_shallow(void)
{
	for (int dir = 0; dir < 2; dir++) {
		int depth = 0;

		for (int i = 0; i < N; i++) {
			timers[i].expires = dir ? N - i : i;
			timer_heap_insert(&heap, &timers[i]);
		}
		for (const struct timer *t = heap.top; t; t = t->right)
			depth++;
		if (depth > 12)
			return "the right spine is long";
		if (check_tree(heap.top, NULL) != N)
			return "out of order";
		while (heap.top)
			timer_heap_remove(&heap, heap.top);
	}
	return NULL;
}

static const char *equal_times(void)
{
	for (int i = 0; i < 100; i++) {
		timers[i].expires = 7;
		timer_heap_insert(&heap, &timers[i]);
	}
	for (int i = 0; i < 100; i += 2)
		timer_heap_remove(&heap, &timers[i]);
	if (check_tree(heap.top, NULL) != 50)
		return "lost some";
	return drains_in_order();
}

int main(void)
{
	verdict("heap-random", random_operations());
	verdict("heap-drains-in-order", drains_in_order());
	verdict("heap-stays-shallow", stays_shallow());
	verdict("heap-equal-times", equal_times());
	return failures != 0;
}

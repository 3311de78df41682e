/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timers of a CPU: a leftist tree, ordered by expiry. Its links are inside
 * the timers, so that arming never allocates; every operation is O(log n), also
 * the removal from the middle. Pure.
 *
 * rank(t) is the length of the shortest way down to a missing child; of two
 * children the left one has the higher rank, so the right spine is short.
 */
#include <hyp/timer.h>

static uint32_t rank_of(const struct timer *t)
{
	return t ? t->rank : 0;
}

/* Puts the children of t and of its ancestors in order, stopping where no rank changes if it may. */
static void fix_up(struct timer *t, bool all_the_way)
{
	for (; t; t = t->parent) {
		uint32_t rank;

		if (rank_of(t->left) < rank_of(t->right)) {
			struct timer *l = t->left;

			t->left = t->right;
			t->right = l;
		}
		rank = rank_of(t->right) + 1;
		if (rank == t->rank && !all_the_way)
			return;
		t->rank = rank;
	}
}

/* Merges two trees along their right spines; the result's root has no parent. */
static struct timer *merge(struct timer *a, struct timer *b)
{
	struct timer *root = NULL, *last = NULL, **link = &root;

	while (a && b) {
		if (b->expires < a->expires) {
			struct timer *x = a;

			a = b;
			b = x;
		}
		*link = a;
		a->parent = last;
		last = a;
		link = &a->right;
		a = a->right;
	}
	*link = a ? a : b;
	if (*link)
		(*link)->parent = last;
	fix_up(last, true);
	return root;
}

void timer_heap_insert(struct timer_heap *h, struct timer *t)
{
	t->left = t->right = t->parent = NULL;
	t->rank = 1;
	h->top = merge(h->top, t);
}

void timer_heap_remove(struct timer_heap *h, struct timer *t)
{
	struct timer *parent = t->parent, *sub = merge(t->left, t->right);

	if (sub)
		sub->parent = parent;
	if (!parent)
		h->top = sub;
	else if (parent->left == t)
		parent->left = sub;
	else
		parent->right = sub;
	t->left = t->right = t->parent = NULL;
	t->rank = 0;
	fix_up(parent, false);
}

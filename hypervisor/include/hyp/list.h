/* SPDX-License-Identifier: GPL-2.0-only */
/* Circular doubly-linked lists with the links inside the elements. */
#ifndef HYP_LIST_H
#define HYP_LIST_H

#include <hyp/types.h>

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Inserts e behind pos (pos = head: at the front). */
static inline void list_add(struct list *pos, struct list *e)
{
	e->next = pos->next;
	e->prev = pos;
	pos->next->prev = e;
	pos->next = e;
}

/* Inserts e before pos (pos = head: at the back). */
static inline void list_add_tail(struct list *pos, struct list *e)
{
	list_add(pos->prev, e);
}

/* Leaves e as an empty list, so that removing it twice is harmless. */
static inline void list_del(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each(p, head) for (p = (head)->next; p != (head); p = p->next)
#define list_for_each_safe(p, n, head)                                                             \
	for (p = (head)->next, n = p->next; p != (head); p = n, n = p->next)

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of demos, /etc/xeno/demos, which explains itself: one line each, six fields. Pure.
 * What a line says is checked as far as the words go: that its guests, disks and cards are there
 * is for cmd_demo.c.
 */
#ifndef XENCTL_DEMOS_H
#define XENCTL_DEMOS_H

#include <stdbool.h>
#include <stddef.h>

#include "diskspec.h"
#include "guestcfg.h"

#define DEMO_WORD_MAX 32
#define DEMO_TEXT_MAX 192
#define DEMO_GUESTS 8
#define DEMO_LIMITS 8
#define DEMOS_MAX 64

struct demo_limit {
	unsigned int guest;	   /* of the demo's guests */
	char dev[DISK_NAME_MAX];   /* a disk, or "net": its first interface */
	char value[DEMO_WORD_MAX]; /* as xenctl net limit or block-set take it */
};

struct demo {
	unsigned int line;
	char name[DEMO_WORD_MAX];
	char guests[DEMO_GUESTS][GUEST_NAME_MAX];
	unsigned int nr_guests;
	bool needs_card;
	char disk[DEMO_WORD_MAX]; /* "": none */
	char disk_size[DEMO_WORD_MAX];
	bool disk_optional; /* for reading by all guests, if it can be had */
	struct demo_limit limits[DEMO_LIMITS];
	unsigned int nr_limits;
	char shows[DEMO_TEXT_MAX], look[DEMO_TEXT_MAX];
};

struct demos {
	struct demo *demos;
	unsigned int nr;
};

/* Each bad line is told to bad() and left out; the others stand. Returns how many those were. */
unsigned int demos_parse(struct demos *t, const char *text, size_t len,
			 void (*bad)(unsigned int line, const char *why, void *data), void *data);
void demos_free(struct demos *t);
/* NULL: there is none. */
const struct demo *demos_find(const struct demos *t, const char *name);

#endif

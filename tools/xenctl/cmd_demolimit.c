// SPDX-License-Identifier: GPL-2.0-only
/*
 * A demo with limits: what its guests send, read and write, and compute, first without the limits
 * of the table and then with them, from the hypervisor's counters. The limits are set by the
 * same commands that people use, while the guests run, and stay.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd_demo.h"
#include "cmd_net.h"
#include "hyp.h"

#define LOAD_SECONDS 120  /* until all guests have booted and begun */
#define LOAD_PACKETS 100  /* what no guest sends by booting */
#define LOAD_REQUESTS 20  /* of a disk */
#define SETTLE_US 2000000 /* after a change of limits */
#define WINDOW_US 4000000
#define TOLERANCE 10 /* percent above a limit, for the edges of the window */

enum counter { SENT, DISK, CPU, NR_COUNTERS };

struct reading {
	uint64_t ns; /* when */
	uint64_t n[NR_COUNTERS];
	uint64_t packets, requests;
	uint64_t limit[NR_COUNTERS]; /* in force, a second; 0: none */
	bool has[NR_COUNTERS];
};

struct guest_load {
	uint64_t before[NR_COUNTERS], after[NR_COUNTERS]; /* a second */
	struct reading r;				  /* the last one */
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The first interface and the first disk count. Dies when the guest has gone. */
static struct reading read_guest(const char *name)
{
	struct reading r = { .ns = clock_ns(), .has[CPU] = true };
	struct xeno_ctl_vnet_info net;
	struct xeno_ctl_vblk_info blk;
	struct xeno_ctl_info info;
	uint16_t domid;

	if (!demo_domain(name, &domid, &info))
		die("%s has gone; see xenctl list and /var/log/xenctl.log", name);
	if (info.flags & XENO_DOMF_SHUTDOWN)
		die("%s has stopped: %s", name, info.death[0] ? info.death : state_name(&info));
	r.n[CPU] = info.cpu_time_ns;
	if (!hyp_vnet_info(domid, 0, &net)) {
		r.has[SENT] = true;
		r.n[SENT] = net.stats.sent_bytes;
		r.packets = net.stats.sent_packets;
		r.limit[SENT] = net.bytes_limit;
	}
	if (!hyp_vblk_info(domid, 0, &blk, NULL)) {
		r.has[DISK] = true;
		r.n[DISK] = (blk.read_sectors + blk.written_sectors) * 512;
		r.requests = blk.reads + blk.writes;
		r.limit[DISK] = blk.bytes_limit;
	}
	return r;
}

static bool is_loading(const struct reading *r)
{
	return (!r->has[SENT] || r->packets >= LOAD_PACKETS) &&
	       (!r->has[DISK] || r->requests >= LOAD_REQUESTS);
}

static void wait_for_load(const struct demo *d)
{
	for (unsigned int i = 0; i < d->nr_guests; i++) {
		uint64_t end = clock_ns() + LOAD_SECONDS * 1000000000ull;
		struct reading r = read_guest(d->guests[i]);

		while (!is_loading(&r)) {
			if (clock_ns() > end)
				die("%s: there is no load from it within %d s; see xenctl console "
				    "%s",
				    d->guests[i], LOAD_SECONDS, d->guests[i]);
			usleep(200000);
			r = read_guest(d->guests[i]);
		}
	}
}

/* --- limits */

static enum counter limited(const struct demo_limit *l)
{
	return strcmp(l->dev, "net") ? DISK : SENT;
}

/* value NULL: none. A guest without the device has no limit of it. */
static void set_limit(const struct demo *d, const struct demo_limit *l, const char *value)
{
	const char *guest = d->guests[l->guest];
	const char *const net[] = { "limit", guest, value ? value : "none", NULL };
	const char *const disk[] = { "block-set", guest, l->dev, value ? value : "rate=0", NULL };
	bool on_net = limited(l) == SENT;

	if (!read_guest(guest).has[limited(l)])
		return;
	if (demo_run("xenctl: demo", on_net ? net_limit : cmd_block_set, true, on_net ? net : disk))
		exit(EXIT_FAILURE);
}

static void set_limits(const struct demo *d, bool on)
{
	for (unsigned int i = 0; i < d->nr_limits; i++)
		set_limit(d, &d->limits[i], on ? d->limits[i].value : NULL);
	usleep(SETTLE_US);
}

/* --- measuring */

static void measure(const struct demo *d, struct guest_load *loads, bool after)
{
	for (unsigned int i = 0; i < d->nr_guests; i++)
		loads[i].r = read_guest(d->guests[i]);
	usleep(WINDOW_US);
	for (unsigned int i = 0; i < d->nr_guests; i++) {
		struct reading now = read_guest(d->guests[i]);
		double seconds = (double)(now.ns - loads[i].r.ns) / 1e9;
		uint64_t *rate = after ? loads[i].after : loads[i].before;

		for (unsigned int c = 0; c < NR_COUNTERS; c++)
			rate[c] = (uint64_t)((double)(now.n[c] - loads[i].r.n[c]) / seconds);
		loads[i].r = now;
	}
}

static const struct {
	const char *heading, *key, *verb;
	double unit;
} counters[NR_COUNTERS] = {
	[SENT] = { "sent kB/s", "sent_bytes", "sends", 1e3 },
	[DISK] = { "disk kB/s", "disk_bytes", "moves to and from its disk", 1e3 },
	[CPU] = { "CPU %", "cpu_ns", "computes", 1e7 },
};

static void print_cell(const struct guest_load *g, enum counter c)
{
	char limit[32] = "-";

	if (!g->r.has[c]) {
		printf(" %9s %9s %9s", "-", "-", "-");
		return;
	}
	if (g->r.limit[c])
		snprintf(limit, sizeof(limit), "%.0f", (double)g->r.limit[c] / counters[c].unit);
	printf(" %9.0f %9.0f", (double)g->before[c] / counters[c].unit,
	       (double)g->after[c] / counters[c].unit);
	if (c != CPU)
		printf(" %9s", limit);
}

static void print_table(const struct demo *d, const struct guest_load *loads)
{
	printf("%-12s %29s %29s %19s\n", "", counters[SENT].heading, counters[DISK].heading,
	       counters[CPU].heading);
	printf("%-12s %9s %9s %9s %9s %9s %9s %9s %9s\n", "Guest", "before", "after", "limit",
	       "before", "after", "limit", "before", "after");
	for (unsigned int i = 0; i < d->nr_guests; i++) {
		printf("%-12s", d->guests[i]);
		for (unsigned int c = 0; c < NR_COUNTERS; c++)
			print_cell(&loads[i], c);
		printf("\n");
	}
}

static void print_json(const struct demo *d, const struct guest_load *loads)
{
	printf("[");
	for (unsigned int i = 0; i < d->nr_guests; i++) {
		const struct guest_load *g = &loads[i];

		printf("%s\n  {\"guest\": ", i ? "," : "");
		json_string(d->guests[i]);
		for (unsigned int c = 0; c < NR_COUNTERS; c++)
			if (g->r.has[c])
				printf(", \"%s\": {\"before\": %llu, \"after\": %llu, "
				       "\"limit\": %llu}",
				       counters[c].key, (unsigned long long)g->before[c],
				       (unsigned long long)g->after[c],
				       (unsigned long long)g->r.limit[c]);
		printf("}");
	}
	printf("\n]\n");
}

/* Says of one limit whether it holds. */
static bool judge(const char *guest, const struct guest_load *g, enum counter c, bool json)
{
	uint64_t most = g->r.limit[c] + g->r.limit[c] / 100 * TOLERANCE;
	double unit = counters[c].unit;

	if (!g->r.limit[c]) {
		report("%s: its limit is not in force", guest);
		return false;
	}
	if (g->before[c] <= most) {
		report("%s: without the limit it had %.0f kB/s, which the limit of %.0f allows",
		       guest, (double)g->before[c] / unit, (double)g->r.limit[c] / unit);
		return false;
	}
	if (g->after[c] > most) {
		report("%s: it has %.0f kB/s, and the limit is %.0f", guest,
		       (double)g->after[c] / unit, (double)g->r.limit[c] / unit);
		return false;
	}
	if (!json)
		printf("%s %s at most %.0f kB/s: the limit holds\n", guest, counters[c].verb,
		       (double)g->r.limit[c] / unit);
	return true;
}

int demo_measure(const struct demo *d, bool json)
{
	struct guest_load loads[DEMO_GUESTS] = { 0 };
	bool held = true;

	if (!json)
		printf("Measuring without limits and with them: about %u s\n",
		       2 * (SETTLE_US + WINDOW_US) / 1000000);
	fflush(stdout);
	set_limits(d, false);
	wait_for_load(d);
	measure(d, loads, false);
	set_limits(d, true);
	measure(d, loads, true);
	if (json)
		print_json(d, loads);
	else
		print_table(d, loads);
	for (unsigned int i = 0; i < d->nr_limits; i++) {
		const struct guest_load *g = &loads[d->limits[i].guest];

		if (g->r.has[limited(&d->limits[i])])
			held &= judge(d->guests[d->limits[i].guest], g, limited(&d->limits[i]),
				      json);
	}
	return held ? EXIT_SUCCESS : EXIT_FAILURE;
}

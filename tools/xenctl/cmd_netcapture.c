// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenctl net capture: frames as a pcap file (https://www.tcpdump.org/manpages/pcap-savefile.5.html,
 * nanoseconds, LINKTYPE_ETHERNET), until -c frames, Ctrl-C, or the reader of the pipe goes.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd_net.h"
#include "hyp.h"

#define PCAP_NS_MAGIC 0xa1b23c4d
#define LINKTYPE_ETHERNET 1
#define SNAP_MAX 65535
#define POLL_US 20000

struct pcap_head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[2], snap, linktype;
};

struct pcap_record {
	uint32_t seconds, ns, kept, len;
};

struct capture {
	FILE *out;
	uint64_t left; /* frames still wanted */
	uint64_t frames, lost;
	int64_t offset_ns; /* from time since boot to the wall clock */
};

static volatile sig_atomic_t stopped;

static void stop(int sig __attribute__((unused)))
{
	stopped = 1;
}

static int find_offset(struct capture *c)
{
	struct xeno_control x = { 0 };
	struct timespec now;
	int err = hyp_control(&x, XENO_CTL_PHYS_INFO, 0);

	clock_gettime(CLOCK_REALTIME, &now);
	c->offset_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)x.u.phys.uptime_ns;
	return err;
}

static int write_head(const struct capture *c, uint32_t snap)
{
	struct pcap_head h = { .magic = PCAP_NS_MAGIC,
			       .major = 2,
			       .minor = 4,
			       .snap = snap,
			       .linktype = LINKTYPE_ETHERNET };

	return fwrite(&h, sizeof(h), 1, c->out) == 1 && !fflush(c->out) ? 0 : -errno;
}

static int write_frame(struct capture *c, const struct xeno_vnet_captured *r)
{
	uint64_t ns = (uint64_t)((int64_t)r->time_ns + c->offset_ns);
	struct pcap_record p = { .seconds = (uint32_t)(ns / 1000000000),
				 .ns = (uint32_t)(ns % 1000000000),
				 .kept = r->kept,
				 .len = r->len };

	c->frames++;
	c->left--;
	return fwrite(&p, sizeof(p), 1, c->out) == 1 &&
			       fwrite(r + 1, 1, r->kept, c->out) == r->kept ?
		       0 :
		       -errno;
}

/* Records of one read, from the locked buffer. */
static int write_records(struct capture *c, const uint8_t *p, uint32_t len)
{
	while (c->left && len >= sizeof(struct xeno_vnet_captured)) {
		const struct xeno_vnet_captured *r = (const void *)p;
		size_t size = sizeof(*r) + ((r->kept + 7u) & ~7u);
		int err;

		if (size > len)
			return -EPROTO;
		err = write_frame(c, r);
		if (err)
			return err;
		p += size;
		len -= (uint32_t)size;
	}
	return fflush(c->out) ? -errno : 0;
}

static int run(struct capture *c)
{
	int err = 0;

	for (bool last = false; !err && c->left && !last;) {
		uint64_t lost;
		uint32_t len;

		last = stopped;
		err = hyp_vnet_capture_read(&len, &lost);
		if (err)
			break;
		c->lost += lost;
		err = write_records(c, hyp_data(), len);
		if (!len && !last)
			usleep(POLL_US);
		last = last && !len;
	}
	return err;
}

static int capture(struct capture *c, uint32_t iface, uint32_t snap, const char *name)
{
	struct sigaction on = { .sa_handler = stop };
	int err;

	sigaction(SIGINT, &on, NULL);
	sigaction(SIGTERM, &on, NULL);
	sigaction(SIGHUP, &on, NULL);
	signal(SIGPIPE, SIG_IGN);
	err = hyp_vnet_capture_start(iface, snap);
	if (err == -EBUSY)
		die("there is a capture already; `xenctl net capture stop` ends it");
	if (err)
		return net_error("capture", "frames", err);
	err = find_offset(c);
	if (!err)
		err = write_head(c, snap);
	if (!err)
		err = run(c);
	hyp_vnet_capture_stop();
	report("%llu frame%s, %llu lost", (unsigned long long)c->frames, c->frames == 1 ? "" : "s",
	       (unsigned long long)c->lost);
	if (err && err != -EPIPE)
		report("%s: %s", name, strerror(-err));
	return err && err != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int end_capture(void)
{
	int err = hyp_vnet_capture_stop();

	if (err == -ENOENT)
		die("there is no capture");
	return err ? net_error("end", "the capture", err) : EXIT_SUCCESS;
}

/* -c and -s, then words. False: something else. */
static bool read_options(int argc, char **argv, uint64_t *count, uint64_t *snap)
{
	int o;

	opterr = 0;
	while ((o = getopt(argc, argv, "c:s:")) != -1) {
		if (o == 'c' && (spec_number(optarg, UINT32_MAX, count) || !*count))
			die("-c '%s' is not a number of frames", optarg);
		if (o == 's' && (spec_number(optarg, SNAP_MAX, snap) || *snap < 16))
			die("-s '%s' is not a number of bytes, 16 to %u", optarg, SNAP_MAX);
		if (o == '?')
			return false;
	}
	return true;
}

int net_capture(int argc, char **argv)
{
	struct capture c = { .out = stdout };
	uint64_t count = UINT64_MAX, snap = SNAP_MAX;
	const char *name = "-";
	uint32_t iface;
	int ret;

	if (!read_options(argc, argv, &count, &snap))
		return EXIT_USAGE;
	argc -= optind;
	argv += optind;
	if (argc == 1 && !strcmp(argv[0], "stop"))
		return end_capture();
	if (argc < 1 || argc > 2)
		return EXIT_USAGE;
	iface = net_iface_named(argv[0]);
	if (argc == 2)
		name = argv[1];
	if (strcmp(name, "-"))
		c.out = fopen(name, "we");
	else if (isatty(STDOUT_FILENO))
		die("what is captured is no text: give a file, or a pipe to tcpdump -r -");
	if (!c.out)
		die("%s: %s", name, strerror(errno));
	c.left = count;
	ret = capture(&c, iface, (uint32_t)snap, name);
	if (c.out != stdout && fclose(c.out)) {
		report("%s: %s", name, strerror(errno));
		ret = EXIT_FAILURE;
	}
	return ret;
}

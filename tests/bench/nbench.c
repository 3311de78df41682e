/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Throughput and latency of a network path, from one thread against another machine's, or
 * another process's, `nbench serve`. A measurement is done once to warm up, then five times,
 * and the best is printed: `row net-NAME-TEST VALUE`.
 *   tcp, tcp-in	one stream to the server, from it: MB/s (10^6)
 *   rtt, udp-rtt	a request and its answer of one byte (UDP: some bytes): us
 *   pps		datagrams of 64 bytes that the server received per second while it was
 *			flooded
 * Each runs for a fixed time. With -i they do a fixed amount of work, and the values are
 * nanoseconds per KiB, round trip and datagram, which are instructions where the virtual clock
 * counts them. There each 64th datagram is answered before the next is sent, so none is lost.
 *
 * The datagrams are those of TFTP (RFC 1350), whose file is as short as its server likes: an
 * acknowledgement of a block is answered with the next. So a TFTP server will do as peer of
 * udp-rtt and of pps with -i; QEMU has one within its network card, so to speak.
 * usage: nbench serve [ADDRESS:]PORT
 *        nbench [-i] [-t MILLISECONDS] NAME ADDRESS[:PORT] [PATTERN...]: shell patterns of rows
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "rows.h"

#define KIB 1024
#define CHUNK (128 * KIB)
#define ROUNDS 16 /* in a chunk of round trips */
#define BURST 64  /* datagrams in a chunk; what lies between two looks at the clock */
#define PAYLOAD 64
#define BLOCK "8" /* bytes of the file in an answer */
#define PORT 5001
#define REPETITIONS 5
#define PATIENCE 60 /* s: until a server is there */

/* First byte on a stream: what the server shall do with it. */
enum { SINK = 's', SOURCE = 'o', ECHO = 'e' };

/* TFTP's operations, big-endian in the first two bytes, and two of ours that it ignores. */
enum { READ = 1, DATA = 3, ACK = 4, PLAIN = 64, RESULT = 65 };

struct result {
	uint16_t op, pad[3];
	uint64_t count, ns; /* datagrams, and the time in which all but the first of them came */
};

static char buffer[CHUNK];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	char host[64] = "0.0.0.0";
	const char *colon = strchr(text, ':');

	if (colon || strchr(text, '.'))
		snprintf(host, sizeof(host), "%.*s", (int)strcspn(text, ":"), text);
	if (colon || !strchr(text, '.'))
		a.sin_port = htons((uint16_t)atoi(colon ? colon + 1 : text));
	if (!inet_aton(host, &a.sin_addr))
		errx(2, "%s is no IPv4 address", text);
	return a;
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		err(1, "setsockopt");
}

/* --- the server */

static void serve_stream(int fd)
{
	ssize_t n;
	char mode;

	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (read(fd, &mode, 1) != 1)
		return;
	if (mode == SOURCE) {
		while (write(fd, buffer, CHUNK) > 0)
			;
		return;
	}
	while ((n = read(fd, buffer, CHUNK)) > 0) {
		if (mode == ECHO && write(fd, buffer, (size_t)n) != n)
			return;
	}
	if (!n && mode == SINK && write(fd, "", 1) != 1)
		warn("the end of a stream");
}

static void serve_streams(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			err(1, "accept");
		serve_stream(fd);
		close(fd);
	}
}

/* The clock may be slow, so only each BURSTth datagram is timed, and the last of these counts. */
static void count(struct result *r, uint64_t *seen, uint64_t *first)
{
	if ((*seen)++ % BURST)
		return;
	if (*seen == 1)
		*first = now();
	r->count = *seen - 1;
	r->ns = now() - *first;
}

static void serve_datagrams(int fd)
{
	struct result result = { .op = htons(RESULT) };
	uint64_t seen = 0, first = 0;

	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		uint16_t op;
		ssize_t n = recvfrom(fd, buffer, CHUNK, 0, (void *)&from, &size);

		if (n < (ssize_t)sizeof(op))
			continue;
		memcpy(&op, buffer, sizeof(op));
		op = ntohs(op);
		if (op == PLAIN) {
			count(&result, &seen, &first);
		} else if (op == RESULT) {
			sendto(fd, &result, sizeof(result), 0, (void *)&from, size);
		} else {
			if (op == READ)
				seen = result.count = result.ns = 0;
			sendto(fd, "\0\3\0\0", 5, 0, (void *)&from, size);
		}
	}
}

static int bound(int type, struct sockaddr_in *a)
{
	int fd = socket(AF_INET, type, 0);
	socklen_t size = sizeof(*a);

	if (fd < 0)
		err(1, "socket");
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (void *)a, sizeof(*a)))
		err(1, "bind");
	getsockname(fd, (void *)a, &size);
	return fd;
}

static int serve(const char *where)
{
	struct sockaddr_in a = address_of(where);
	int listener = bound(SOCK_STREAM, &a), datagrams = bound(SOCK_DGRAM, &a);
	int room = 8 << 20;

	/* Past the limit of the system, if we may. */
	if (setsockopt(datagrams, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		set(datagrams, SOL_SOCKET, SO_RCVBUF, room);
	if (listen(listener, 1))
		err(1, "listen");
	signal(SIGPIPE, SIG_IGN);
	printf("port %u\n", ntohs(a.sin_port));
	fflush(stdout);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_datagrams(datagrams);
	}
	serve_streams(listener);
	return 0;
}

/* --- streams */

static struct sockaddr_in peer;

/* A server that is just starting is waited for. */
static int stream(char mode)
{
	uint64_t start = now();

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (!connect(fd, (void *)&peer, sizeof(peer))) {
			set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
			if (write(fd, &mode, 1) != 1)
				err(1, "write");
			return fd;
		}
		if (now() - start > PATIENCE * 1000000000ull)
			err(1, "connect");
		close(fd);
		usleep(100000);
	}
}

static int begin_out(void)
{
	return stream(SINK);
}

static int begin_in(void)
{
	return stream(SOURCE);
}

static int begin_echo(void)
{
	return stream(ECHO);
}

static uint64_t send_chunk(int fd)
{
	for (ssize_t n, done = 0; done < CHUNK; done += n) {
		n = write(fd, buffer + done, (size_t)(CHUNK - done));
		if (n <= 0)
			err(1, "write");
	}
	return CHUNK / KIB;
}

static uint64_t receive_chunk(int fd)
{
	for (ssize_t n, done = 0; done < CHUNK; done += n) {
		n = read(fd, buffer + done, (size_t)(CHUNK - done));
		if (n <= 0)
			err(1, "read");
	}
	return CHUNK / KIB;
}

/* All has arrived when the server says so. */
static double end_out(int fd)
{
	char c;

	if (shutdown(fd, SHUT_WR) || read(fd, &c, 1) != 1)
		err(1, "the end of a stream");
	return 0;
}

static uint64_t echo_chunk(int fd)
{
	char c = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			err(1, "echo");
	}
	return ROUNDS;
}

/* --- datagrams */

static void give(int fd, const void *packet, size_t size)
{
	/* An error is that of an earlier one: nobody listened yet. */
	if (send(fd, packet, size, 0) != (ssize_t)size && send(fd, packet, size, 0) < 0)
		err(1, "send");
}

/* Send a datagram until it is answered. */
static void ask(int fd, const void *packet, size_t size)
{
	uint64_t start = now();

	do {
		give(fd, packet, size);
		if (recv(fd, buffer, CHUNK, 0) > 0)
			return;
	} while (now() - start < PATIENCE * 1000000000ull);
	errx(1, "no answer");
}

static int begin_datagrams(void)
{
	static const char request[] = "\0\1nbench\0octet\0blksize\0" BLOCK;
	struct timeval limit = { .tv_sec = 1 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (void *)&peer, sizeof(peer)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		err(1, "socket");
	ask(fd, request, sizeof(request));
	return fd;
}

static void acknowledge(int fd)
{
	ask(fd, "\0\4\0", 4);
}

static uint64_t acknowledge_chunk(int fd)
{
	for (int i = 0; i < ROUNDS; i++)
		acknowledge(fd);
	return ROUNDS;
}

static uint64_t flood_chunk(int fd)
{
	static const char packet[PAYLOAD] = { 0, PLAIN };

	for (int i = 0; i < BURST; i++)
		give(fd, packet, sizeof(packet));
	return BURST;
}

static uint64_t answered_chunk(int fd)
{
	static const char packet[PAYLOAD] = { 0, PLAIN };

	for (int i = 1; i < BURST; i++)
		give(fd, packet, sizeof(packet));
	acknowledge(fd);
	return BURST;
}

/* What the server counted, once it is quiet there; nanoseconds per datagram. */
static double end_flood(int fd)
{
	struct result result;

	usleep(300000);
	do
		ask(fd, "\0A", 2);
	while (memcpy(&result, buffer, sizeof(result)), result.op != htons(RESULT));
	if (!result.count)
		errx(1, "the server received too few datagrams");
	return (double)result.ns / (double)result.count;
}

/* --- the client */

static double megabytes(double ns)
{
	return KIB * 1e3 / ns;
}

static double microseconds(double ns)
{
	return ns / 1e3;
}

static double rate(double ns)
{
	return 1e9 / ns;
}

static const struct test {
	const char *name;
	int (*begin)(void);
	uint64_t (*chunk)(int fd); /* does some work, says how much */
	double (*end)(
		int fd); /* NULL; within the time; not 0: what a unit took, as the server says */
	double (*value)(double ns); /* of the time of a unit */
	uint64_t amount;	    /* of work with -i; 0: not with it */
} tests[] = {
	{ "tcp", begin_out, send_chunk, end_out, megabytes, 8 * KIB },
	{ "tcp-in", begin_in, receive_chunk, NULL, megabytes, 8 * KIB },
	{ "rtt", begin_echo, echo_chunk, NULL, microseconds, 512 },
	{ "udp-rtt", begin_datagrams, acknowledge_chunk, NULL, microseconds, 512 },
	{ "pps", begin_datagrams, flood_chunk, end_flood, rate, 0 },
	{ "pps", begin_datagrams, answered_chunk, NULL, NULL, 2048 },
};

/* Nanoseconds per unit of an amount of work, or of what is done in ns. */
static double measure(const struct test *test, uint64_t amount, uint64_t ns)
{
	int fd = test->begin();
	uint64_t start = now(), done = 0;
	double each = 0;

	while (ns ? now() - start < ns : done < amount)
		done += test->chunk(fd);
	if (test->end)
		each = test->end(fd);
	if (!each)
		each = (double)(now() - start) / (double)done;
	close(fd);
	return each;
}

static double best(const struct test *test, uint64_t ns)
{
	double least = 0;

	measure(test, test->amount / 4, ns / 4);
	for (int i = 0; i < REPETITIONS; i++) {
		double each = measure(test, test->amount, ns);

		if (!i || each < least)
			least = each;
	}
	return least;
}

int main(int argc, char **argv)
{
	uint64_t ns = 300000000;
	int c;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	while ((c = getopt(argc, argv, "it:")) > 0) {
		if (c == '?')
			return 2;
		ns = c == 'i' ? 0 : strtoull(optarg, NULL, 0) * 1000000;
	}
	if (argc - optind < 2)
		errx(2, "usage: nbench [-i] [-t MILLISECONDS] NAME ADDRESS[:PORT] [PATTERN...]");
	peer = address_of(argv[optind + 1]);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		const struct test *test = &tests[i];
		char row[64];
		double each;

		snprintf(row, sizeof(row), "net-%s-%s", argv[optind], test->name);
		if (!(ns ? test->value != NULL : test->amount) || !wanted(row, argv + optind + 2))
			continue;
		each = best(test, ns);
		printf("row %s %.2f\n", row, ns ? test->value(each) : each);
		fflush(stdout);
	}
	return 0;
}

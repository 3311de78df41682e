/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves numbers that can be checked between machines of the network tests; the same program
 * runs in guests, in domain 0 and beside QEMU. Every 64 bit word of a stream follows from the one
 * before: the receiver compares them all.
 *
 *   pump serve PORT            TCP and UDP, until it is killed
 *   pump give HOST PORT KIB    sends a stream; the server checks it
 *   pump take HOST PORT KIB    has one sent, and checks it
 *   pump ask HOST PORT COUNT   UDP: as many questions of all sizes, each answered
 *   pump hold DEVICE N USECS   what ethtool -C DEVICE rx-frames N rx-usecs USECS does
 *
 * Ends with one line that begins with ok or FAIL.
 */
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORDS 8192
#define UDP_MAX 1472 /* bytes that fit into a frame */

struct request {
	uint64_t give; /* the client sends; else the server */
	uint64_t bytes;
};

static void fail(const char *what)
{
	printf("FAIL: %s\n", what);
	exit(1);
}

static uint64_t next(uint64_t w)
{
	w ^= w << 13;
	w ^= w >> 7;
	return w ^ w << 17;
}

static bool all(int fd, void *buf, size_t len, ssize_t (*move)(int, void *, size_t))
{
	for (size_t done = 0; done < len;) {
		ssize_t n = move(fd, (char *)buf + done, len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static ssize_t put(int fd, void *buf, size_t len)
{
	return write(fd, buf, len);
}

/* Sends or checks a stream of so many bytes: NULL, or what went wrong. */
static const char *stream(int fd, uint64_t bytes, bool out)
{
	static uint64_t buf[WORDS];
	uint64_t w = 0x9e3779b97f4a7c15;

	for (uint64_t left = bytes; left;) {
		size_t n = left < sizeof(buf) ? left : sizeof(buf);

		if (!out && !all(fd, buf, n, read))
			return "the stream ended early";
		for (size_t i = 0; i < n / sizeof(*buf); i++) {
			w = next(w);
			if (out)
				buf[i] = w;
			else if (buf[i] != w)
				return "a word is wrong";
		}
		if (out && !all(fd, buf, n, put))
			return "the receiver went away";
		left -= n;
	}
	return NULL;
}

static int bound(int type, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		fail("the port cannot be had");
	return fd;
}

static void serve_stream(int fd)
{
	struct request q;
	char verdict;

	if (!all(fd, &q, sizeof(q), read))
		return;
	if (!q.give) {
		stream(fd, q.bytes, true);
		return;
	}
	verdict = stream(fd, q.bytes, false) ? 'n' : 'y';
	put(fd, &verdict, 1);
}

/* An answer is the question, every byte inverted. */
static void serve_udp(uint16_t port)
{
	int fd = bound(SOCK_DGRAM, port);
	struct sockaddr_in from;
	uint8_t buf[UDP_MAX];

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

		for (ssize_t i = 0; i < n; i++)
			buf[i] = (uint8_t)~buf[i];
		if (n > 0)
			sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, size);
	}
}

static void serve(uint16_t port)
{
	int fd = bound(SOCK_STREAM, port);

	signal(SIGCHLD, SIG_IGN);
	listen(fd, 16);
	if (!fork())
		serve_udp(port);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer >= 0 && !fork()) {
			serve_stream(peer);
			exit(0);
		}
		close(peer);
	}
}

static int connected(int type, const char *host, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0);

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		fail("that is no address");
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		fail("nobody answers there");
	return fd;
}

static const char *transfer(const char *host, uint16_t port, uint64_t kib, bool give)
{
	int fd = connected(SOCK_STREAM, host, port);
	struct request q = { .give = give, .bytes = kib << 10 };
	const char *wrong;
	char verdict = 0;

	if (!all(fd, &q, sizeof(q), put))
		return "the server went away";
	wrong = stream(fd, q.bytes, give);
	if (wrong || !give)
		return wrong;
	if (read(fd, &verdict, 1) != 1)
		return "no verdict";
	return verdict == 'y' ? NULL : "the server has got something else";
}

/* A lost question is asked again, twice; late answers to earlier ones are no answers. */
static bool ask(int fd, uint32_t nr)
{
	size_t size = sizeof(nr) + nr * 97 % (UDP_MAX - sizeof(nr));
	uint8_t question[UDP_MAX], answer[UDP_MAX];

	memset(question, (int)nr, size);
	memcpy(question, &nr, sizeof(nr));
	for (int tries = 0; tries < 3; tries++) {
		ssize_t n;

		if (send(fd, question, size, 0) < 0)
			continue;
		do {
			n = recv(fd, answer, sizeof(answer), 0);
			for (ssize_t i = 0; i < n; i++)
				answer[i] = (uint8_t)~answer[i];
		} while (n > 0 && ((size_t)n != size || memcmp(question, answer, size)));
		if (n > 0)
			return true;
	}
	return false;
}

static const char *ask_all(const char *host, uint16_t port, uint64_t count)
{
	int fd = connected(SOCK_DGRAM, host, port);
	struct timeval patience = { .tv_sec = 2 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (uint64_t nr = 0; nr < count; nr++)
		if (!ask(fd, (uint32_t)nr))
			return "a question was not answered";
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static const char *hold(const char *device, uint32_t frames, uint32_t usecs)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_SCOALESCE,
				      .rx_max_coalesced_frames = frames,
				      .rx_coalesce_usecs = usecs };
	struct ifreq r = { .ifr_data = (char *)&c };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(r.ifr_name, device, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCETHTOOL, &r))
		return "the device does not hold events back";
	c = (struct ethtool_coalesce){ .cmd = ETHTOOL_GCOALESCE };
	if (ioctl(fd, SIOCETHTOOL, &r) || c.rx_max_coalesced_frames != frames ||
	    c.rx_coalesce_usecs != usecs)
		return "the device does not say what it was told";
	return NULL;
}

int main(int argc, char **argv)
{
	const char *wrong;
	uint64_t start = now_ms(), n;
	uint16_t port;

	setlinebuf(stdout);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((uint16_t)atoi(argv[2]));
	if (argc != 5)
		fail("pump serve PORT | give|take HOST PORT KIB | ask HOST PORT COUNT | "
		     "hold DEVICE N USECS");
	port = (uint16_t)atoi(argv[3]);
	n = strtoull(argv[4], NULL, 10);
	if (!strcmp(argv[1], "hold"))
		wrong = hold(argv[2], (uint32_t)atoi(argv[3]), (uint32_t)n);
	else if (!strcmp(argv[1], "ask"))
		wrong = ask_all(argv[2], port, n);
	else
		wrong = transfer(argv[2], port, n, !strcmp(argv[1], "give"));
	if (wrong)
		fail(wrong);
	printf("ok: %s %llu in %llu ms\n", argv[1], (unsigned long long)n,
	       (unsigned long long)(now_ms() - start));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The device directory over its ring: reading, writing, listing; broken requests get errors. */
#include <public/io/xs_wire.h>
#include "lib/guest.h"

static volatile struct xenstore_domain_interface *ring;
static char reply[5000];
static struct xsd_sockmsg head;

static void kick(void)
{
	struct evtchn_send s = { .port = si->store_evtchn };

	hc(event_channel_op, EVTCHNOP_send, &s);
}

static void put(const void *data, size_t n)
{
	const char *p = data;
	uint64_t end = now() + 3000000000ul;

	for (; n; n--, p++) {
		while (ring->req_prod - ring->req_cons >= XENSTORE_RING_SIZE) {
			kick();
			CHECK(now() < end, "the request ring is stuck");
			sleep_ns(100000);
		}
		ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *p;
		ring->req_prod++;
	}
}

static void get(void *data, size_t n)
{
	char *p = data;
	uint64_t end = now() + 3000000000ul;

	for (; n; n--, p++) {
		while (ring->rsp_prod == ring->rsp_cons) {
			kick();
			CHECK(now() < end, "no reply");
			sleep_ns(100000);
		}
		*p = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
		ring->rsp_cons++;
	}
}

/* One request and its reply; watch events in between are dropped. The reply's type. */
static uint32_t ask(uint32_t type, const char *payload, uint32_t len)
{
	static uint32_t id = 100;
	struct xsd_sockmsg m = { .type = type, .req_id = ++id, .len = len };

	put(&m, sizeof(m));
	put(payload, len);
	kick();
	do {
		get(&head, sizeof(head));
		CHECK(head.len <= 4096, "reply of %u bytes", head.len);
		get(reply, head.len);
		reply[head.len] = 0;
	} while (head.type == XS_WATCH_EVENT);
	EXPECT(head.req_id, id);
	return head.type;
}
#define ASK(type, s) ask(type, s, sizeof(s))

static void normal(void)
{
	EXPECT(ASK(XS_READ, "domid"), XS_READ);
	CHECK(head.len >= 1 && reply[0] >= '0' && reply[0] <= '9', "domid %s", reply);
	EXPECT(ASK(XS_READ, "name"), XS_READ);
	print("note: I am %s", reply);
	EXPECT(ask(XS_WRITE, "data/x\0hello", 12), XS_WRITE);
	EXPECT(ASK(XS_READ, "data/x"), XS_READ);
	CHECK(head.len == 5 && !memcmp(reply, "hello", 5), "read back %s", reply);
	EXPECT(ASK(XS_DIRECTORY, "data"), XS_DIRECTORY);
	CHECK(!memcmp(reply, "x", 2), "directory %s", reply);
	EXPECT(ASK(XS_RM, "data/x"), XS_RM);
	EXPECT(ASK(XS_READ, "data/x"), XS_ERROR);
	CHECK(!memcmp(reply, "ENOENT", 7), "error %s", reply);
}

static void broken(void)
{
	static char big[4096];

	memset(big, 'a', sizeof(big));
	EXPECT(ASK(XS_READ, ""), XS_ERROR);
	EXPECT(ask(XS_READ, "domid", 5), XS_ERROR); /* no terminator */
	EXPECT(ask(XS_READ, "", 0), XS_ERROR);
	EXPECT(ask(XS_READ, big, sizeof(big)), XS_ERROR);
	EXPECT(ASK(XS_READ, "//"), XS_ERROR);
	EXPECT(ASK(XS_READ, "a/../domid"), XS_ERROR);
	EXPECT(ASK(XS_READ, "\xff\x01"), XS_ERROR);
	EXPECT(ASK(999, "x"), XS_ERROR);
	EXPECT(ask(XS_TRANSACTION_END, "X", 2), XS_ERROR);
	EXPECT(ask(XS_WRITE, "/", 2), XS_ERROR);
	EXPECT(ask(XS_WATCH, "data", 5), XS_ERROR);
	if (!is_dom0) {
		EXPECT(ask(XS_WRITE, "/local/domain/0/name\0evil", 25), XS_ERROR);
		EXPECT(ASK(XS_READ, "/local/domain/0/name"), XS_ERROR);
		EXPECT(ASK(XS_INTRODUCE, "1"), XS_ERROR);
	}
	EXPECT(ASK(XS_READ, "domid"), XS_READ);
}

/* Fill the quota; it ends with an error and can be freed. */
static void quota(void)
{
	char path[32] = "data/q0000\0vvvv";
	int n, writes = 0;

	for (n = 0; n < 5000; n++) {
		path[6] = (char)('0' + n / 1000);
		path[7] = (char)('0' + n / 100 % 10);
		path[8] = (char)('0' + n / 10 % 10);
		path[9] = (char)('0' + n % 10);
		if (ask(XS_WRITE, path, 15) == XS_ERROR)
			break;
		writes++;
	}
	print("note: %d nodes", writes);
	CHECK(n < 5000, "no end of nodes");
	EXPECT(ASK(XS_RM, "data"), XS_RM);
	EXPECT(ask(XS_WRITE, "data/x\0hello", 12), XS_WRITE);
}

void test(void)
{
	if (is_dom0 && !xeno)
		skip("no xenstore for domain 0");
	ring = mfn_to_virt(si->store_mfn);
	CHECK(ring, "no xenstore page");
	normal();
	broken();
	quota();
}

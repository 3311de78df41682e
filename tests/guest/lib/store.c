/* SPDX-License-Identifier: GPL-2.0-only */
/* The device directory, for tests: one request at a time over its ring. */
#include <public/io/xenbus.h>
#include <public/io/xs_wire.h>
#include "store.h"

static volatile struct xenstore_domain_interface *ring;
char store_reply[5000];
uint32_t store_len;
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

uint32_t store_ask(uint32_t type, const char *payload, uint32_t len)
{
	static uint32_t id = 100;
	struct xsd_sockmsg m = { .type = type, .req_id = ++id, .len = len };

	put(&m, sizeof(m));
	put(payload, len);
	kick();
	do {
		get(&head, sizeof(head));
		CHECK(head.len <= 4096, "reply of %u bytes", head.len);
		get(store_reply, head.len);
		store_reply[head.len] = 0;
	} while (head.type == XS_WATCH_EVENT);
	EXPECT(head.req_id, id);
	store_len = head.len;
	return head.type;
}

void store_open(void)
{
	ring = mfn_to_virt(si->store_mfn);
	CHECK(ring, "no xenstore page");
}

bool store_read(const char *path, uint64_t *n)
{
	uint64_t v = 0;

	if (store_ask(XS_READ, path, (uint32_t)strlen(path) + 1) != XS_READ || !store_len)
		return false;
	for (uint32_t i = 0; i < store_len; i++) {
		if (store_reply[i] < '0' || store_reply[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(store_reply[i] - '0');
	}
	*n = v;
	return true;
}

void store_write(const char *path, const char *value)
{
	char m[256];
	size_t p = strlen(path) + 1, v = strlen(value);

	CHECK(p + v < sizeof(m), "%s is too long", path);
	memcpy(m, path, p);
	memcpy(m + p, value, v);
	CHECK(store_ask(XS_WRITE, m, (uint32_t)(p + v)) == XS_WRITE, "%s: not written: %s", path,
	      store_reply);
}

void store_write_number(const char *path, uint64_t n)
{
	char digits[24];
	int i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	store_write(path, digits + i);
}

void store_leave(const char *kind, const char *state_node)
{
	static const uint8_t states[] = { XenbusStateClosing, XenbusStateInitialising,
					  XenbusStateClosed,  XenbusStateClosed,
					  XenbusStateUnknown, 77 };

	if (rnd() % 8 == 0)
		EXPECT(store_ask(XS_RM, kind, (uint32_t)strlen(kind) + 1), XS_RM);
	else
		store_write_number(state_node, states[rnd() % 6]);
	store_write_number(state_node, XenbusStateClosed);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The device directory over its ring: reading, writing, listing; broken requests get errors. */
#include <public/io/xs_wire.h>
#include "lib/store.h"

static void normal(void)
{
	EXPECT(STORE_ASK(XS_READ, "domid"), XS_READ);
	CHECK(store_len >= 1 && store_reply[0] >= '0' && store_reply[0] <= '9', "domid %s",
	      store_reply);
	EXPECT(STORE_ASK(XS_READ, "name"), XS_READ);
	print("note: I am %s", store_reply);
	EXPECT(store_ask(XS_WRITE, "data/x\0hello", 12), XS_WRITE);
	EXPECT(STORE_ASK(XS_READ, "data/x"), XS_READ);
	CHECK(store_len == 5 && !memcmp(store_reply, "hello", 5), "read back %s", store_reply);
	EXPECT(STORE_ASK(XS_DIRECTORY, "data"), XS_DIRECTORY);
	CHECK(!memcmp(store_reply, "x", 2), "directory %s", store_reply);
	EXPECT(STORE_ASK(XS_RM, "data/x"), XS_RM);
	EXPECT(STORE_ASK(XS_READ, "data/x"), XS_ERROR);
	CHECK(!memcmp(store_reply, "ENOENT", 7), "error %s", store_reply);
}

static void broken(void)
{
	static char big[4096];

	memset(big, 'a', sizeof(big));
	EXPECT(STORE_ASK(XS_READ, ""), XS_ERROR);
	EXPECT(store_ask(XS_READ, "domid", 5), XS_ERROR); /* no terminator */
	EXPECT(store_ask(XS_READ, "", 0), XS_ERROR);
	EXPECT(store_ask(XS_READ, big, sizeof(big)), XS_ERROR);
	EXPECT(STORE_ASK(XS_READ, "//"), XS_ERROR);
	EXPECT(STORE_ASK(XS_READ, "a/../domid"), XS_ERROR);
	EXPECT(STORE_ASK(XS_READ, "\xff\x01"), XS_ERROR);
	EXPECT(STORE_ASK(999, "x"), XS_ERROR);
	EXPECT(store_ask(XS_TRANSACTION_END, "X", 2), XS_ERROR);
	EXPECT(store_ask(XS_WRITE, "/", 2), XS_ERROR);
	EXPECT(store_ask(XS_WATCH, "data", 5), XS_ERROR);
	if (!is_dom0) {
		EXPECT(store_ask(XS_WRITE, "/local/domain/0/name\0evil", 25), XS_ERROR);
		EXPECT(STORE_ASK(XS_READ, "/local/domain/0/name"), XS_ERROR);
		EXPECT(STORE_ASK(XS_INTRODUCE, "1"), XS_ERROR);
	}
	EXPECT(STORE_ASK(XS_READ, "domid"), XS_READ);
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
		if (store_ask(XS_WRITE, path, 15) == XS_ERROR)
			break;
		writes++;
	}
	print("note: %d nodes", writes);
	CHECK(n < 5000, "no end of nodes");
	EXPECT(STORE_ASK(XS_RM, "data"), XS_RM);
	EXPECT(store_ask(XS_WRITE, "data/x\0hello", 12), XS_WRITE);
}

void test(void)
{
	if (is_dom0 && !xeno)
		skip("no xenstore for domain 0");
	store_open();
	normal();
	broken();
	quota();
}

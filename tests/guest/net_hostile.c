/* SPDX-License-Identifier: GPL-2.0-only */
/* VIFS: Virtual interfaces and a front end that lies: errors, a closed device, and nothing else. LIMIT: 120 */
#include "lib/net.h"

#define BUFFERS 32
#define PORT 7000

static struct net a, b;
static struct net_got got;
static uint8_t *guard;

/* The interface still works, or it was closed and works when it is opened again. */
static void alive(const char *what, unsigned long detail)
{
	if (net_state(&a) != XenbusStateConnected) {
		net_leave(&a);
		net_open(&a, BUFFERS);
	}
	CHECK(net_ping(&a), "%s %lx: the gateway no longer answers", what, detail);
	CHECK(net_ping(&b), "%s %lx: the other interface is dead", what, detail);
}

static void nothing_arrives(const char *what, unsigned long detail)
{
	if (is_dom0)
		CHECK(!net_recv_udp(&b, &got, PORT, 5), "%s %lx: a frame came through", what,
		      detail);
}

/*
 * Slots that make no frame: an error for each of them, or the end of the device. Not strict:
 * they make one, which the router then refuses.
 */
static void refused_by(bool strict, const union net_tx_slot *s, unsigned int n, const char *what,
		       unsigned long detail)
{
	union net_tx_slot r;

	for (unsigned int i = 0; i < n; i++)
		net_put(&a, s + i);
	net_kick(&a);
	for (unsigned int i = 0; i < n && net_state(&a) == XenbusStateConnected; i++) {
		if (a.tx->rsp_prod == a.tx_cons)
			sleep_ns(3000000);
		if (a.tx->rsp_prod == a.tx_cons)
			continue;
		CHECK(net_answer(&a, &r), "%s %lx: slot %u has no answer", what, detail, i);
		CHECK(r.rsp.status || !strict, "%s %lx: slot %u is said to be sent", what, detail,
		      i);
	}
	nothing_arrives(what, detail);
	if (net_state(&a) == XenbusStateConnected && a.tx->rsp_prod != a.tx_prod) {
		/* An unfinished frame: it waits for its rest. */
		net_leave(&a);
		net_open(&a, BUFFERS);
	}
	alive(what, detail);
}

static void refused(const union net_tx_slot *s, unsigned int n, const char *what,
		    unsigned long detail)
{
	refused_by(true, s, n, what, detail);
}

/* A good frame in one slot, to be spoilt. */
static union net_tx_slot good(unsigned int at, unsigned int size)
{
	unsigned int len = net_udp(a.out + at, &a, b.addr, 1, PORT, size);

	return (union net_tx_slot){ .req = { .gref = a.out_ref[at / PAGE_SIZE],
					     .offset = (uint16_t)(at % PAGE_SIZE),
					     .size = (uint16_t)len } };
}

static void sizes(void)
{
	static const uint16_t short_ones[] = { 0, 1, 13, 14, 15, 33, 34, 41 };
	static const uint16_t wide[][2] = { { 4095, 2 },    { 4000, 200 }, { 4096, 142 },
					    { 0, 4097 },    { 8192, 142 }, { 65535, 142 },
					    { 65535, 1 },   { 65535, 0 },  { 60000, 60000 },
					    { 1, 65535 },   { 0, 65535 },  { 4096, 65535 },
					    { 0x8000, 100 } };

	for (unsigned int i = 0; i < sizeof(short_ones) / sizeof(short_ones[0]); i++) {
		struct net_how how = { 0 };

		good(0, 100);
		CHECK(net_send_at(&a, short_ones[i] ? short_ones[i] : 1, how) != -100,
		      "a short frame has no answer");
		nothing_arrives("short frame", short_ones[i]);
		alive("short frame", short_ones[i]);
	}
	for (unsigned int i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		union net_tx_slot s = good(0, 100);

		s.req.offset = wide[i][0];
		s.req.size = wide[i][1];
		refused(&s, 1, "offset and size", wide[i][0] * 65536ul + wide[i][1]);
	}
}

/* The first slot's size is that of all: less, more, nothing left for itself. */
static void sums(void)
{
	static const uint16_t total[] = { 0, 1, 99, 100, 101, 199, 0x7fff, 65535 };
	union net_tx_slot s[3];

	for (unsigned int i = 0; i < sizeof(total) / sizeof(total[0]); i++) {
		s[0] = s[1] = s[2] = good(0, 100);
		s[0].req.size = total[i];
		s[0].req.flags = s[1].req.flags = NETTXF_MORE_DATA;
		s[1].req.size = 50;
		s[2].req.size = total[i] < 1000 ? 52 : 4096;
		if (total[i] <= 102 || total[i] > 1000)
			refused(s, 3, "sum", total[i]);
	}
	s[0] = s[1] = s[2] = good(0, 1000);
	s[0].req.flags = s[1].req.flags = NETTXF_MORE_DATA;
	s[1].req.size = 0;
	s[2].req.size = 65535;
	s[2].req.offset = 65535;
	refused(s, 3, "last slot", 65535);
	s[0].req.size = 65535;
	s[1].req.size = s[2].req.size = 40000;
	refused(s, 3, "sum beyond 64 KiB", 80000);
}

static void slots(void)
{
	static union net_tx_slot s[NET_SLOTS];
	static const uint16_t many[] = { 19, 20, 21, 22, 40, 64, 100, 255, 256 };

	for (unsigned int i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		for (unsigned int j = 0; j < many[i]; j++) {
			s[j] = good(0, 1400);
			s[j].req.size = j ? 1 : 1442;
			s[j].req.flags = j + 1 < many[i] ? NETTXF_MORE_DATA : 0;
		}
		refused(s, many[i], "slots", many[i]);
	}
	/* A chain that has no end: the ring is full of it. */
	for (unsigned int j = 0; j < NET_SLOTS; j++)
		s[j].req.flags = NETTXF_MORE_DATA;
	refused(s, NET_SLOTS, "slots without end", NET_SLOTS);
	refused(s, 3, "a frame without its end", 3);
}

static void extras(void)
{
	static union net_tx_slot s[NET_SLOTS];
	static const uint16_t many[] = { 2, 3, 17, 18, 30, 255 };

	s[0] = good(0, 1000);
	s[0].req.flags = NETTXF_EXTRA_INFO;
	for (unsigned int type = 0; type < 256; type++) {
		if (type == NETIF_EXTRA_GSO)
			continue;
		s[1] = (union net_tx_slot){ .extra = { .type = (uint8_t)type, .gso_size = 500 } };
		refused(s, 2, "extra info", type);
	}
	for (unsigned int i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		for (unsigned int j = 1; j <= many[i]; j++)
			s[j] = (union net_tx_slot){ .extra = { .type = NETIF_EXTRA_GSO,
							       .flags = j < many[i],
							       .gso_size = 500,
							       .gso_type = NETIF_GSO_TCPV4 } };
		refused_by(false, s, many[i] + 1u, "extra infos", many[i]);
	}
	for (unsigned int j = 1; j < NET_SLOTS; j++)
		s[j].extra.flags = NETIF_EXTRA_MORE;
	refused(s, NET_SLOTS, "extra infos without end", NET_SLOTS);
	refused(s, 1, "an extra info that is missing", 1);
}

/* Requests to segment what is not TCP, into nothing, into more than all, of unknown kinds. */
static void segmentation(void)
{
	static const struct {
		uint16_t size, features;
		uint8_t type;
		bool udp;
	} bad[] = { { 0, 0, 1, false },	    { 1, 0, 1, false },	  { 7, 0, 1, false },
		    { 500, 0, 0, false },   { 500, 0, 2, false }, { 500, 0, 3, false },
		    { 500, 0, 255, false }, { 500, 1, 1, false }, { 65535, 0, 1, false },
		    { 500, 0, 1, true },    { 0, 0, 0, true } };
	union net_tx_slot s[4];

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned int len = bad[i].udp ? net_udp(a.out, &a, b.addr, 1, PORT, 8000) :
						net_tcp(a.out, &a, b.addr, 1, PORT, 0x10, 8000);

		s[0] = (union net_tx_slot){ .req = { .gref = a.out_ref[0],
						     .flags = NETTXF_EXTRA_INFO | NETTXF_MORE_DATA |
							      NETTXF_CSUM_BLANK,
						     .size = (uint16_t)len } };
		s[1] = (union net_tx_slot){ .extra = { .type = NETIF_EXTRA_GSO,
						       .gso_size = bad[i].size,
						       .gso_type = bad[i].type,
						       .features = bad[i].features } };
		s[2] = (union net_tx_slot){
			.req = { .gref = a.out_ref[1], .flags = NETTXF_MORE_DATA, .size = 3900 }
		};
		s[3] = (union net_tx_slot){ .req = { .gref = a.out_ref[2],
						     .size = (uint16_t)(len - 3900 - 4096) } };
		if (s[3].req.size > 4096)
			s[3].req.size = 38;
		for (unsigned int j = 0; j < 4; j++)
			net_put(&a, s + j);
		net_kick(&a);
		for (unsigned int j = 0; j < 4 && net_answer(&a, s); j++)
			;
		net_drain(&b);
		alive("segmentation", i);
	}
}

static void grants(void)
{
	static const uint32_t wild[] = { 0, 7, 511, 512, 32767, 32768, 0x7fffffff, ~0u };
	union net_tx_slot s = good(0, 100);
	uint64_t *table = table_alloc();
	uint32_t ref;

	for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		s.req.gref = wild[i];
		refused(&s, 1, "reference", wild[i]);
	}
	s.req.gref = ref = grant_mfn(LARGE_MFN & 0xffffffff, true);
	refused(&s, 1, "no such frame", 0);
	CHECK(grant_end(ref), "in use after an error");
	s.req.gref = ref = grant_page(a.out, true);
	grant_table[ref].domid = 5;
	refused(&s, 1, "another domain's", 0);
	grant_table[ref].domid = DOMID_BACK;
	grant_table[ref].flags = GTF_accept_transfer;
	refused(&s, 1, "a transfer", 0);
	grant_table[ref].flags = GTF_permit_access;
	CHECK(grant_end(ref), "in use after an error");
	/* A page table may be sent: it is only read. */
	s.req.gref = ref = grant_page(table, true);
	net_put(&a, &s);
	net_kick(&a);
	CHECK(net_answer(&a, &s), "no answer");
	CHECK(grant_end(ref), "in use after the answer");
	alive("grants", 0);
}

/* --- buffers to receive into */

static void reopen(unsigned int buffers)
{
	net_leave(&a);
	net_open(&a, buffers);
}

/* A buffer that cannot be written loses its frame, and not the next. */
static void read_only_buffers(void)
{
	uint64_t *table = table_alloc();
	uint32_t bad[4];
	static uint8_t frame[64];

	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(table), 0), 0);
	bad[0] = grant_page(guard, true);
	bad[1] = grant_mfn(LARGE_MFN & 0xffffffff, false);
	bad[2] = grant_page(table, false);
	bad[3] = 511;
	for (unsigned int i = 0; i < 4; i++) {
		reopen(8);
		/* The slots wrap: every eighth of them is the bad one. */
		for (unsigned int n = 0; n < 3; n++) {
			uint32_t was = a.in_ref[5];

			a.in_ref[5] = bad[i];
			for (unsigned int k = 0; k < 16; k++) {
				unsigned int len = net_echo(frame, &a, NET_GATEWAY, k, 8);

				CHECK(net_send(&a, frame, len) != -100, "not taken");
				net_recv(&a, &got, 100);
			}
			a.in_ref[5] = was;
		}
		for (unsigned int k = 0; k < 16; k++)
			net_ping(&a);
		alive("bad buffer", i);
	}
	reopen(BUFFERS);
	for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
		CHECK(!table[i], "a page table was written");
	for (unsigned int i = 0; i < 3; i++)
		CHECK(grant_end(bad[i]), "bad buffer %u is in use", i);
	EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(table), 0), 0);
}

/* --- the rings themselves */

static void indices(void)
{
	static const uint32_t jump[] = { 257, 258, 512, 1000, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(jump) / sizeof(jump[0]); i++) {
		a.tx_prod = a.tx_cons + jump[i];
		net_kick(&a);
		sleep_ns(5000000);
		nothing_arrives("index", jump[i]);
		reopen(BUFFERS);
		alive("sender's index", jump[i]);
		a.rx->req_prod = a.rx_cons + jump[i];
		a.rx_prod = a.rx->req_prod;
		net_ping(&a);
		reopen(BUFFERS);
		alive("receiver's index", jump[i]);
	}
	/* What the back end writes, it does not read. */
	a.tx->rsp_prod = 0x12345678;
	a.rx->rsp_prod = 0x12345678;
	net_put(&a, &(union net_tx_slot){ .req = good(0, 100).req });
	net_kick(&a);
	sleep_ns(5000000);
	reopen(BUFFERS);
	alive("responses' index", 0);
}

/* The pages of the rings stay what they are, whatever we do with their grants. */
static void ring_pages(void)
{
	grant_table[a.tx_ref].flags = 0;
	grant_table[a.rx_ref].flags = 0;
	alive("no grant of the rings", 0);
	make_ro(a.tx);
	REFUSED(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(a.tx), 0));
	make_rw(a.tx);
	grant_table[a.tx_ref].flags = GTF_permit_access;
	grant_table[a.rx_ref].flags = GTF_permit_access;
	reopen(BUFFERS);
	alive("rings", 0);
}

static void offers(void)
{
	static const struct {
		const char *node, *value;
	} bad[] = { { "tx-ring-ref", "" },	     { "tx-ring-ref", "511" },
		    { "rx-ring-ref", "4294967295" }, { "rx-ring-ref", "99999999999999999999" },
		    { "tx-ring-ref", "abc" },	     { "event-channel", "0" },
		    { "event-channel", "4095" },     { "event-channel", "-1" },
		    { "event-channel", "1" },	     { "request-rx-copy", "0" },
		    { "request-rx-copy", "x" } };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		net_leave(&a);
		CHECK(net_wait_state(&a, XenbusStateInitWait), "does not wait");
		/* Nodes first, so that they are all there when the state says so. */
		net_offer(&a, BUFFERS);
		store_write_number(net_node(&a, false, "state"), XenbusStateClosed);
		CHECK(net_wait_state(&a, XenbusStateClosed), "%s: not closed", bad[i].node);
		store_write_number(net_node(&a, false, "state"), XenbusStateInitialising);
		CHECK(net_wait_state(&a, XenbusStateInitWait), "does not wait");
		store_write(net_node(&a, false, bad[i].node), bad[i].value);
		store_write_number(net_node(&a, false, "state"), XenbusStateConnected);
		CHECK(net_wait_state(&a, XenbusStateClosed), "%s %s is taken", bad[i].node,
		      bad[i].value);
	}
	for (unsigned int i = 0; i < 300; i++)
		store_write_number(net_node(&a, false, "state"), rnd() % 9);
	EXPECT(STORE_ASK(XS_RM, "device/vif"), XS_RM);
	reopen(BUFFERS);
	net_leave(&b);
	net_open(&b, BUFFERS);
	alive("offers", 0);
}

void test(void)
{
	net_both(&a, &b, BUFFERS);
	guard = page_alloc();
	memset(guard, 0xa5, PAGE_SIZE);
	alive("nothing yet", 0);
	sizes();
	sums();
	slots();
	extras();
	segmentation();
	grants();
	read_only_buffers();
	indices();
	ring_pages();
	offers();
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		CHECK(guard[i] == 0xa5, "a page that was not to be written has changed");
	net_close(&a);
	net_close(&b);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VIFS: Two VCPUs at one interface: one opens and closes it with frames in flight, the other kicks,
 * changes rings, frames and grants, and in domain 0 takes the interface away, makes it
 * again and changes the rules. ms=N, default 5000. LIMIT: 90
 */
#include "lib/net.h"

#define BUFFERS 32
#define MS 1000000ul

static struct net a, b;
static volatile uint32_t racing;
static volatile uint64_t counts[5];
enum { OPENED, CONNECTED, ASKED, ANSWERED, TAKEN };

/* --- the other VCPU */

static void control(void)
{
	long err;

	memset(&net_ctl, 0, sizeof(net_ctl));
	err = net_call(XENO_CTL_VNET_INFO, 0);
	CHECK(!err, "info: %ld", err);
	net_set(NET_A, XENO_VNETF_UPDATE);
	net_ctl.u.vnet_set.bytes_limit = rnd() % 3 ? 0 : 1 + rnd() % 1000000;
	net_ctl.u.vnet_set.packets_limit = rnd() % 3 ? 0 : 1 + rnd() % 5000;
	net_ctl.u.vnet_set.hold_packets = rnd() % 3 ? 0 : rnd() % 100;
	net_ctl.u.vnet_set.hold_ns = (uint32_t)(rnd() % 1000000);
	err = net_call(XENO_CTL_VNET_SET, 0);
	CHECK(!err || err == -ENOENT, "update: %ld", err);
	if (rnd() % 4 == 0)
		net_accept_all();
	if (rnd() % 16)
		return;
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_remove.handle = NET_A;
	net_ctl.u.vnet_remove.force = rnd() & 1;
	err = net_call(XENO_CTL_VNET_REMOVE, 0);
	CHECK(!err || err == -ENOENT || err == -EAGAIN, "remove: %ld", err);
	counts[TAKEN] += !err;
	if (rnd() % 4 == 0)
		sleep_ns(rnd() % MS);
	net_set(NET_A, 0);
	err = net_call(XENO_CTL_VNET_SET, 0);
	CHECK(!err || err == -EEXIST, "set: %ld", err);
}

/* The other interface sends to this one, whatever state that is in. */
static void from_the_other(void)
{
	struct evtchn_send s = { .port = b.port };
	unsigned int len;

	if (b.tx_prod - b.tx->rsp_prod >= NET_SLOTS)
		return;
	len = net_udp(b.out, &b, a.addr, 1, 2, 100);
	net_put(&b, &(union net_tx_slot){ .req = { .gref = b.out_ref[0], .size = (uint16_t)len } });
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	b.tx->req_prod = b.tx_prod;
	evtchn(EVTCHNOP_send, &s);
}

static void disturb(void)
{
	struct evtchn_send s = { .port = a.port };

	switch (rnd() % 9) {
	case 0:
		((volatile uint8_t *)a.tx)[64 + rnd() % 4032] = (uint8_t)rnd();
		break;
	case 1:
		((volatile uint8_t *)a.rx)[64 + rnd() % 4032] = (uint8_t)rnd();
		break;
	case 2:
		grant_table[a.out_ref[rnd() % NET_TX_PAGES]].flags =
			rnd() & 1 ? 0 : GTF_permit_access | GTF_readonly;
		break;
	case 3:
		grant_table[a.in_ref[rnd() % BUFFERS]].flags = rnd() & 1 ? 0 : GTF_permit_access;
		break;
	case 4:
		if (rnd() % 64 == 0)
			a.tx->req_prod = (uint32_t)rnd();
		if (rnd() % 64 == 0)
			a.rx->req_prod = (uint32_t)rnd();
		break;
	case 5:
		a.out[rnd() % (NET_TX_PAGES * PAGE_SIZE)] = (uint8_t)rnd();
		break;
	case 6:
		from_the_other();
		break;
	default:
		evtchn(EVTCHNOP_send, &s);
	}
}

static void racer(void)
{
	race_loop(&racing, disturb, control);
}

/* --- the front end */

static void put_random(void)
{
	unsigned int len = 0, at = (unsigned int)(rnd() % 4096);

	switch (rnd() % 4) {
	case 0:
		len = net_udp(a.out + at, &a, b.addr, 1, 2, (unsigned int)(rnd() % 1473));
		break;
	case 1:
		len = net_echo(a.out + at, &a, NET_GATEWAY, 1, (unsigned int)(rnd() % 1473));
		break;
	case 2:
		len = net_tcp(a.out + at, &a, b.addr, 1, 2, 2, (unsigned int)(rnd() % 1400));
		break;
	default:
		len = net_arp(a.out + at, &a, 1, a.addr, (uint32_t)rnd());
	}
	for (unsigned int end = at + len, first = 1; at < end; first = 0) {
		unsigned int n = (unsigned int)(PAGE_SIZE - at % PAGE_SIZE);

		n = n < end - at ? n : end - at;
		net_put(&a,
			&(union net_tx_slot){ .req = { .gref = a.out_ref[at / PAGE_SIZE],
						       .offset = (uint16_t)(at % PAGE_SIZE),
						       .flags = at + n < end ? NETTXF_MORE_DATA : 0,
						       .size = (uint16_t)(first ? len : n) } });
		at += n;
	}
}

static void some_frames(void)
{
	struct evtchn_send s = { .port = a.port };
	uint32_t had = a.tx->rsp_prod, room = NET_SLOTS - (a.tx_prod - had);
	uint32_t n = room <= NET_SLOTS && room > 4 ? (uint32_t)(rnd() % (room / 2 - 1)) : 0;

	counts[ASKED] += n;
	for (uint32_t i = 0; i < n; i++)
		put_random();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	a.tx->req_prod = a.tx_prod;
	a.rx_cons = a.rx->rsp_prod;
	if (a.rx_prod - a.rx_cons <= BUFFERS)
		net_refill(&a);
	evtchn(EVTCHNOP_send, &s);
	if (rnd() % 3 == 0)
		sleep_ns(rnd() % MS);
	counts[ANSWERED] += a.tx->rsp_prod - had;
}

/* Whatever happened to it, no page of ours stays in use. */
static void free_again(uint32_t ref, const char *what, uint64_t end)
{
	while (!grant_end(ref)) {
		if (!grant_table[ref].flags) /* the other VCPU has taken it back: again, for blk.c */
			grant_table[ref].flags = GTF_permit_access;
		CHECK(now() < end, "%s stays in use", what);
		sleep_ns(100000);
	}
}

static void all_free(void)
{
	struct evtchn_close close = { .port = a.port };
	uint64_t end = now() + 5000 * MS;

	free_again(a.tx_ref, "the sender's ring", end);
	free_again(a.rx_ref, "the receiver's ring", end);
	for (unsigned int i = 0; i < NET_TX_PAGES; i++)
		free_again(a.out_ref[i], "a page that was sent", end);
	for (unsigned int i = 0; i < BUFFERS; i++)
		free_again(a.in_ref[i], "a buffer", end);
	evtchn(EVTCHNOP_close, &close);
}

static void once(void)
{
	uint64_t end = now() + 20 * MS, n = 0;

	store_write_number(net_node(&a, false, "state"), XenbusStateInitialising);
	while (net_state(&a) != XenbusStateInitWait && now() < end)
		;
	net_offer(&a, BUFFERS);
	counts[OPENED]++;
	for (unsigned int i = (unsigned int)(rnd() % 4); i; i--)
		n = net_state(&a);
	counts[CONNECTED] += n == XenbusStateConnected;
	for (unsigned int i = (unsigned int)(rnd() % 30); i; i--)
		some_frames();
	store_leave("device/vif", net_node(&a, false, "state"));
	all_free();
}

void test(void)
{
	uint64_t end;

	net_both(&a, &b, BUFFERS);
	net_leave(&a);
	racing = 1;
	if (vcpu_boot(1, racer))
		skip("one VCPU only");
	for (end = now() + option("ms", 5000) * MS; now() < end;)
		once();
	racing = 0;
	CHECK(wait_for(&racing, 2, 3000), "the other VCPU does not end");
	print("note: %lu times opened, %lu connected, %lu frames, %lu answers, %lu taken away",
	      counts[OPENED], counts[CONNECTED], counts[ASKED], counts[ANSWERED], counts[TAKEN]);
	for (unsigned int i = 0; i < NET_TX_PAGES; i++)
		check_page_free(a.out + i * PAGE_SIZE);
	for (unsigned int i = 0; i < BUFFERS; i++)
		check_page_free(a.in[i]);
	check_page_free(a.tx);
	check_page_free(a.rx);
	if (is_dom0) {
		net_unplug(NET_A);
		net_plug(NET_A);
	}
	store_write_number(net_node(&a, false, "state"), XenbusStateInitialising);
	net_open(&a, BUFFERS);
	CHECK(net_ping(&a), "the gateway no longer answers");
	/* Its nodes went with those of the other. */
	net_leave(&b);
	net_open(&b, BUFFERS);
	CHECK(net_ping(&b), "the other interface is dead");
	net_close(&a);
	net_close(&b);
}

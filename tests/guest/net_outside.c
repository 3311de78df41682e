/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine on a wire with tests/boot/netpeer.py: an uplink with an address of its own, and a guest
 * behind it, whose address is translated. Only a few things may come in; whatever else reaches
 * an interface has leaked, and is told. Without a card there is nothing to do. LIMIT: 60
 *
 * Told to port 9 of the uplink by the peer: "report NAME": a line with the counters since the last
 * report; "begin": the guest pings the peer, and asks its port 7; "end".
 */
#include "lib/net.h"

#define OWN 0xc000020fu	 /* 192.0.2.15 */
#define PEER 0xc0000201u /* 192.0.2.1 */
#define ECHO 7
#define COMMAND 9
#define WEB 80
#define WEB_OUTSIDE 8080
#define BUFFERS 128

static struct net up, guest;
static struct net_got got;
static uint8_t frame[2048];
static uint64_t leaked, taken, asked, old_sent, old_refused, old_errors;
static bool ended;

/* --- the configuration */

static struct xeno_vnet_rule *accept(struct xeno_vnet_rule *r, unsigned int dir, uint32_t iface,
				     uint8_t states)
{
	*r = net_rule(dir, XENO_VNET_ACCEPT);
	r->iface = iface;
	r->states = states;
	if (states == XENO_VNET_NEW)
		r->flags = XENO_VNETRF_KEEP;
	return r;
}

static void to_port(struct xeno_vnet_rule *r, uint8_t proto, uint16_t port, uint32_t peer)
{
	r->proto = proto;
	r->dport_lo = r->dport_hi = port;
	r->peer = peer;
}

static void rules(void)
{
	const uint32_t nic = XENO_VNET_NIC(0), out = XENO_VNET_VIF(0, NET_A),
		       in = XENO_VNET_VIF(0, NET_B);
	static struct xeno_vnet_rule r[9];

	accept(r, XENO_VNET_IN, XENO_VNET_ANY, XENO_VNET_ESTABLISHED | XENO_VNET_RELATED);
	accept(r + 1, XENO_VNET_OUT, XENO_VNET_ANY, XENO_VNET_ESTABLISHED | XENO_VNET_RELATED);
	to_port(accept(r + 2, XENO_VNET_IN, nic, XENO_VNET_NEW), 17, ECHO, out);
	to_port(accept(r + 3, XENO_VNET_IN, nic, XENO_VNET_NEW), 17, COMMAND, out);
	to_port(accept(r + 4, XENO_VNET_IN, nic, XENO_VNET_NEW), 6, WEB, in);
	accept(r + 5, XENO_VNET_IN, in, XENO_VNET_NEW);
	accept(r + 6, XENO_VNET_IN, out, XENO_VNET_NEW);
	accept(r + 7, XENO_VNET_OUT, XENO_VNET_ANY, XENO_VNET_NEW);
	EXPECT(net_rules(r, 8), -1);
}

static void lists(void)
{
	struct xeno_vnet_nat nat[2] = { { .iface = XENO_VNET_NIC(0),
					  .src = NET_ADDR(NET_B),
					  .src_len = 32,
					  .port_lo = 30000,
					  .port_hi = 31000 },
					{ .iface = XENO_VNET_NIC(0),
					  .kind = XENO_VNET_FORWARD,
					  .proto = 6,
					  .to = NET_ADDR(NET_B),
					  .port_lo = WEB_OUTSIDE,
					  .port_hi = WEB_OUTSIDE,
					  .to_port = WEB } };
	struct xeno_vnet_route route[2] = {
		{ .addr = OWN & ~255u, .len = 24, .iface = XENO_VNET_NIC(0) },
		{ .iface = XENO_VNET_NIC(0), .gateway = PEER }
	};

	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), -1);
	EXPECT(net_list(XENO_VNET_LIST_ROUTES, route, 2, sizeof(route[0])), -1);
}

static void uplink(void)
{
	net_set(NET_A, XENO_VNETF_UPLINK);
	memset(net_ctl.u.vnet_set.mac, 0, 6);
	net_ctl.u.vnet_set.gateway = 0;
	net_ctl.u.vnet_set.addr[0].addr = OWN;
	EXPECT(net_call(XENO_CTL_VNET_SET, 0), 0);
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_nic.addr = OWN;
	EXPECT(net_call(XENO_CTL_VNET_NIC_SET, 0), 0);
	CHECK(net_find(&up, NET_A), "no uplink");
	up.addr = OWN;
	net_open(&up, BUFFERS);
}

/* --- counters of the card */

static uint64_t refused(const char *print_as)
{
	uint64_t n = 0;

	for (uint32_t why = 1;; why++) {
		struct xeno_ctl_vnet_refusals *u = &net_ctl.u.vnet_refusals;

		memset(&net_ctl, 0, sizeof(net_ctl));
		u->iface = XENO_VNET_NIC(0);
		u->reason = why;
		if (net_call(XENO_CTL_VNET_REFUSALS, 0))
			return n;
		n += u->frames;
		if (print_as && u->frames)
			print("%s: %lu %s", print_as, u->frames, u->name);
	}
}

static void report(const char *name)
{
	const struct xeno_ctl_vnet_nic *u = &net_ctl.u.vnet_nic;
	uint64_t sent, errors, no;

	no = refused(NULL);
	memset(&net_ctl, 0, sizeof(net_ctl));
	EXPECT(net_call(XENO_CTL_VNET_NIC_INFO, 0), 0);
	sent = u->stats.sent_packets;
	errors = u->errors;
	EXPECT(u->stats.refused, no);
	print("outside: %s: arrived %lu refused %lu taken %lu asked %lu errors %lu leaked %lu",
	      name, sent - old_sent, no - old_refused, taken, asked, errors - old_errors, leaked);
	old_sent = sent;
	old_refused = no;
	old_errors = errors;
	taken = leaked = asked = 0;
}

/* --- what comes */

static bool text_is(const uint8_t *p, unsigned int len, const char *text)
{
	return len >= strlen(text) && !memcmp(p, text, strlen(text));
}

static void answer_udp(unsigned int data)
{
	const uint8_t *f = got.data;
	unsigned int len = net_udp(frame, &up, get32(f + 26), get16(f + 36), get16(f + 34), data);

	memcpy(frame + 42, f + 42, data);
	net_fix_l4(frame);
	CHECK(net_send(&up, frame, len) != -100, "the uplink does not send");
}

static void begin(void)
{
	unsigned int len = net_echo(frame, &guest, PEER, 4711, 56);

	CHECK(net_send(&guest, frame, len) != -100, "the guest does not send");
	len = net_udp(frame, &guest, PEER, 4712, ECHO, 56);
	CHECK(net_send(&guest, frame, len) != -100, "the guest does not send");
}

static void command(const uint8_t *p, unsigned int len)
{
	static char name[40];

	memset(name, 0, sizeof(name));
	if (text_is(p, len, "report "))
		memcpy(name, p + 7, len - 7 < 39 ? len - 7 : 39);
	if (*name)
		report(name);
	if (text_is(p, len, "begin"))
		begin();
	ended = ended || text_is(p, len, "end");
}

static void leak(const struct net *n)
{
	const uint8_t *f = got.data;

	if (leaked++ < 20)
		print("outside: leak to %s: %u bytes, type %x, protocol %u, %x to %x, ports %u to %u",
		      n == &up ? "the uplink" : "the guest", got.len, get16(f + 12), f[23],
		      get32(f + 26), get32(f + 30), get16(f + 34), get16(f + 36));
}

static void at_uplink(void)
{
	const uint8_t *f = got.data;
	bool udp = get16(f + 12) == 0x800 && f[14] == 0x45 && f[23] == 17 && got.len >= 42 &&
		   get32(f + 30) == OWN && !(get16(f + 20) & 0x3fff);
	unsigned int port = udp ? get16(f + 36) : 0, len = udp ? get16(f + 38) - 8u : 0;

	if (get16(f + 12) == 0x806)
		return;
	if (port == COMMAND)
		asked++;
	else
		taken++;
	if (port != ECHO && port != COMMAND) {
		leak(&up);
		return;
	}
	CHECK(len <= got.len - 42, "%u bytes of UDP in %u", len, got.len);
	if (port == COMMAND)
		command(f + 42, len);
	answer_udp(len);
}

/* A connection is taken, and its data answered, by the simplest server there is. */
static void serve(void)
{
	const uint8_t *f = got.data;
	unsigned int data = get16(f + 16) - 20u - (f[46] >> 4) * 4u, flags = f[47], len;

	if (flags & 4 || (flags == 0x10 && !data))
		return;
	len = net_tcp(frame, &guest, get32(f + 26), get16(f + 36), get16(f + 34),
		      flags & 2 ? 0x12 : 0x10 | (flags & 1), 0);
	put32(frame + 38, flags & 2 ? 1000 : get32(f + 42));
	put32(frame + 42, get32(f + 38) + data + !!(flags & 3));
	net_fix_l4(frame);
	CHECK(net_send(&guest, frame, len) != -100, "the guest does not send");
}

static void at_guest(void)
{
	const uint8_t *f = got.data;

	if (get16(f + 12) == 0x806)
		return;
	taken++;
	if (get16(f + 12) != 0x800 || f[14] != 0x45 || get32(f + 30) != guest.addr)
		leak(&guest);
	else if (f[23] == 6 && get16(f + 36) == WEB)
		serve();
	else if (f[23] == 1 && !f[34] && get16(f + 38) == 4711 && get32(f + 26) == PEER)
		print("outside: the guest's ping is answered");
	else if (f[23] == 17 && get16(f + 36) == 4712 && get32(f + 26) == PEER)
		print("outside: the guest's question is answered");
	else
		leak(&guest);
}

void test(void)
{
	if (!xeno || !is_dom0)
		skip("domain 0 of Xeno only");
	memset(&net_ctl, 0, sizeof(net_ctl));
	if (net_call(XENO_CTL_VNET_NIC_INFO, 0))
		skip("no card");
	store_open();
	grants_init();
	uplink();
	net_plug(NET_B);
	CHECK(net_find(&guest, NET_B), "no interface");
	net_open(&guest, BUFFERS);
	lists();
	rules();
	print("outside: ready");
	while (!ended) {
		while (net_recv(&up, &got, 0))
			at_uplink();
		while (net_recv(&guest, &got, 0))
			at_guest();
		sleep_ns(200000);
	}
	refused("outside: refused");
	net_close(&up);
	net_close(&guest);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Control operations on the network: each error that public/vnet.h promises, and what is stored. */
#include "lib/net.h"

static domid_t dom[2];
static struct xeno_vnet_rule rules[XENO_VNET_RULES_MAX / 8];

static struct xeno_ctl_vnet_set *set(unsigned int handle, uint32_t flags)
{
	net_set(handle, flags);
	return &net_ctl.u.vnet_set;
}

static long do_set(domid_t d)
{
	return net_call(XENO_CTL_VNET_SET, d);
}

static void not_allowed(void)
{
	for (uint32_t op = XENO_CTL_VNET_SET; op <= XENO_CTL_VNET_EXPLAIN; op++) {
		memset(&net_ctl, 0, sizeof(net_ctl));
		EXPECT(net_call(op, DOMID_SELF), -EPERM);
		EXPECT(net_call(op, 0), -EPERM);
	}
}

static void domains(bool make)
{
	for (unsigned int i = 0; i < 2; i++) {
		long err;

		memset(&net_ctl, 0, sizeof(net_ctl));
		if (make) {
			net_ctl.u.create.max_vcpus = 1;
			net_ctl.u.create.max_pages = 100;
			memcpy(net_ctl.u.create.name, i ? "net-b" : "net-a", 6);
			EXPECT(net_call(XENO_CTL_DOMAIN_CREATE, 0), 0);
			dom[i] = net_ctl.domid;
			continue;
		}
		while ((err = net_call(XENO_CTL_DOMAIN_DESTROY, dom[i])) == -EAGAIN)
			memset(&net_ctl, 0, sizeof(net_ctl));
		EXPECT(err, 0);
	}
}

/* --- VNET_SET: one value out of range each */

struct poke {
	uint16_t at, size;
	uint64_t value;
};

static void poke(void *object, const struct poke *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		memcpy((char *)object + p[i].at, &p[i].value, p[i].size);
}

#define S(field, value)                                                                            \
	{                                                                                          \
		offsetof(struct xeno_ctl_vnet_set, field),                                         \
			sizeof(((struct xeno_ctl_vnet_set *)0)->field), value                      \
	}
static const struct poke bad_sets[][3] = {
	{ S(handle, 256) },
	{ S(handle, ~0u) },
	{ S(flags, XENO_VNETF_ALL + 1) },
	{ S(flags, 0x80000000) },
	{ S(mac[0], 1) },
	{ S(mac, 0xfffffffffffe) }, /* the router's */
	{ S(nr_addrs, XENO_VNET_MAX_ADDRS + 1) },
	{ S(nr_addrs, ~0u) },
	{ S(addr[0].len, 33) },
	{ S(addr[0].len, 0) },
	{ S(addr[0].len, 24) }, /* bits behind it */
	{ S(addr[0].pad[1], 1) },
	{ S(bytes_limit, (1ul << 40) + 1) },
	{ S(packets_limit, ~0ul) },
	{ S(hold_packets, 1), S(hold_ns, 1000000000) },
	{ S(pad, 1) },
	{ S(label[0], 'a'), S(label[XENO_VNET_LABEL_MAX - 1], 'a') },
	{ S(nic, 1) },
	{ S(symmetry.ratio, 2), S(symmetry.window_ms, 99) },
	{ S(symmetry.ratio, 2), S(symmetry.window_ms, 3600001) },
	{ S(symmetry.ratio, 2), S(symmetry.window_ms, 100), S(symmetry.flags, 2) },
	{ S(symmetry.flags, 0x80000000) },
};

static void interfaces(void)
{
	for (unsigned int n = 0; n < sizeof(bad_sets) / sizeof(bad_sets[0]); n++) {
		struct xeno_ctl_vnet_set *s = set(3, 0);
		long err;

		memset(s->label, 'a', sizeof(s->label) - 1);
		poke(s, bad_sets[n], 3);
		err = do_set(dom[0]);
		CHECK(err == -EINVAL, "bad value %u: %ld", n, err);
	}
	set(3, XENO_VNETF_UPDATE);
	EXPECT(do_set(dom[0]), -ENOENT);
	set(3, XENO_VNETF_UPLINK);
	net_ctl.u.vnet_set.nic = 7;
	memset(net_ctl.u.vnet_set.mac, 0, 6);
	EXPECT(do_set(0), -ENODEV);
	set(3, 0);
	EXPECT(do_set(999), -ESRCH);
	EXPECT(do_set(dom[0]), 0);
	EXPECT(do_set(dom[0]), -EEXIST);
	EXPECT(do_set(dom[1]), -EEXIST); /* the MAC, the address */
	net_ctl.u.vnet_set.mac[5] ^= 0x80;
	EXPECT(do_set(dom[1]), -EEXIST); /* the address */
	net_ctl.u.vnet_set.addr[0] = (struct xeno_vnet_prefix){ .addr = 0x0a000000, .len = 24 };
	EXPECT(do_set(dom[1]), -EEXIST); /* a prefix with it */
	net_ctl.u.vnet_set.addr[0] = (struct xeno_vnet_prefix){ .addr = 0x0a010000, .len = 24 };
	EXPECT(do_set(dom[1]), 0);
	set(4, 0);
	net_ctl.u.vnet_set.addr[0] = (struct xeno_vnet_prefix){ .addr = 0x0a0100fe, .len = 32 };
	EXPECT(do_set(dom[0]), -EEXIST); /* within another's prefix */
	set(4, 0);
	put48(net_ctl.u.vnet_set.mac, NET_MAC(3));
	EXPECT(do_set(dom[0]), -EEXIST);
	set(5, XENO_VNETF_SERVER);
	EXPECT(do_set(0), 0);
	set(6, XENO_VNETF_SERVER);
	EXPECT(do_set(0), -EBUSY);
	net_unplug(5);
}

static struct xeno_ctl_vnet_info *info(domid_t d, unsigned int handle)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_info.handle = handle;
	EXPECT(net_call(XENO_CTL_VNET_INFO, d), 0);
	return &net_ctl.u.vnet_info;
}

static void stored(void)
{
	struct xeno_ctl_vnet_info *i = info(dom[0], 0);

	EXPECT(i->handle, 3);
	EXPECT(i->nr_addrs, 1);
	EXPECT(i->addr[0].addr, NET_ADDR(3));
	EXPECT(i->gateway, NET_GATEWAY);
	CHECK(i->conns >= 64 && i->conns <= 1024, "%u connections by default", i->conns);
	CHECK(!memcmp(i->label, "test", 5) && i->mac[5] == (uint8_t)NET_MAC(3), "label, MAC");
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_info.handle = 4;
	EXPECT(net_call(XENO_CTL_VNET_INFO, dom[0]), -ENOENT);
	set(3, XENO_VNETF_UPDATE);
	net_ctl.u.vnet_set.bytes_limit = 1ul << 40;
	net_ctl.u.vnet_set.packets_limit = 5;
	net_ctl.u.vnet_set.conns = 9;
	net_ctl.u.vnet_set.hold_packets = 3;
	net_ctl.u.vnet_set.hold_ns = 999999999;
	net_ctl.u.vnet_set.addr[1] = (struct xeno_vnet_prefix){ .addr = 0x0a020000, .len = 16 };
	net_ctl.u.vnet_set.nr_addrs = 2;
	EXPECT(do_set(dom[0]), 0);
	i = info(dom[0], 3);
	EXPECT(i->bytes_limit, 1ul << 40);
	EXPECT(i->packets_limit, 5);
	EXPECT(i->conns, 9);
	EXPECT(i->hold_ns, 999999999);
	EXPECT(i->nr_addrs, 2);
	EXPECT(i->addr[1].addr, 0x0a020000);
	/* Nothing of a refused change stays. */
	set(3, XENO_VNETF_UPDATE);
	net_ctl.u.vnet_set.addr[0] = (struct xeno_vnet_prefix){ .addr = 0x0a010005, .len = 32 };
	EXPECT(do_set(dom[0]), -EEXIST);
	i = info(dom[0], 3);
	EXPECT(i->packets_limit, 5);
	EXPECT(i->addr[0].addr, NET_ADDR(3));
}

/* More than a domain may have; more connections than there can be. */
static void too_many(void)
{
	unsigned int n;
	long err = 0;

	for (n = 0; n < 2 * XENO_VNET_MAX_VIFS; n++) {
		set(100 + n, 0)->conns = 16;
		err = do_set(dom[1]);
		if (err)
			break;
	}
	EXPECT(err, -ENOSPC);
	EXPECT(n, XENO_VNET_MAX_VIFS - 1);
	set(100, XENO_VNETF_UPDATE);
	net_ctl.u.vnet_set.conns = 65537; /* more than there can be */
	EXPECT(do_set(dom[1]), -ENOSPC);
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_remove.handle = 99;
	EXPECT(net_call(XENO_CTL_VNET_REMOVE, dom[1]), -ENOENT);
	net_ctl.u.vnet_remove.force = 2;
	net_ctl.u.vnet_remove.handle = 100;
	EXPECT(net_call(XENO_CTL_VNET_REMOVE, dom[1]), -EINVAL);
}

static void cards_and_reasons(void)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	EXPECT(net_call(XENO_CTL_VNET_NIC_INFO, 0), -ENOENT);
	EXPECT(net_call(XENO_CTL_VNET_NIC_SET, 0), -ENODEV);
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_refusals.iface = XENO_VNET_ANY;
	net_ctl.u.vnet_refusals.reason = 1;
	EXPECT(net_call(XENO_CTL_VNET_REFUSALS, 0), 0);
	CHECK(net_ctl.u.vnet_refusals.name[0], "a reason without a name");
	net_ctl.u.vnet_refusals.reason = 1000;
	EXPECT(net_call(XENO_CTL_VNET_REFUSALS, 0), -ENOENT);
	net_ctl.u.vnet_refusals.reason = ~0u;
	EXPECT(net_call(XENO_CTL_VNET_REFUSALS, 0), -ENOENT);
}

/* --- lists */

#define R(field, value)                                                                            \
	{                                                                                          \
		offsetof(struct xeno_vnet_rule, field),                                            \
			sizeof(((struct xeno_vnet_rule *)0)->field), value                         \
	}
static const struct poke bad_rules[][3] = {
	{ R(dir, XENO_VNET_NR_DIRS) },
	{ R(action, XENO_VNET_NR_ACTIONS) },
	{ R(flags, XENO_VNETRF_ALL + 1) },
	{ R(src_len, 33) },
	{ R(dst_len, 255) },
	{ R(src, 1) }, /* bits behind a prefix of none */
	{ R(dst, 0x0a000001), R(dst_len, 31) },
	{ R(states, XENO_VNET_STATES + 1) },
	{ R(dport_lo, 80) }, /* ports without a protocol */
	{ R(proto, 1), R(sport_hi, 80) },
	{ R(proto, 6), R(dport_lo, 81), R(dport_hi, 80) },
	{ R(icmp_type, 8) }, /* without the protocol */
	{ R(proto, 1), R(icmp_type, 257) },
	{ R(proto, 1), R(icmp_code, 1) }, /* a code without a type */
	{ R(proto, 1), R(icmp_type, 3), R(icmp_code, 300) },
	{ R(copy_to, 1) }, /* without COPY */
	{ R(pad, 1) },
	{ R(packets_limit, (1ul << 40) + 1) },
	{ R(bytes_limit, ~0ul) },
	{ R(proto, 17), R(tcp_mask, 2), R(tcp_value, 2) },
	{ R(proto, 6), R(tcp_mask, 1), R(tcp_value, 2) },
};

static void rule_list(void)
{
	const unsigned int many = sizeof(rules) / sizeof(rules[0]);

	for (unsigned int n = 0; n < many; n++)
		rules[n] = net_rule(n & 1, XENO_VNET_ACCEPT);
	for (unsigned int n = 0; n < sizeof(bad_rules) / sizeof(bad_rules[0]); n++) {
		struct xeno_vnet_rule was = rules[n % 5];
		long bad;

		poke(rules + n % 5, bad_rules[n], 3);
		bad = net_rules(rules, 7);
		CHECK(bad == (long)n % 5, "bad rule %u is said to be %ld", n, bad);
		rules[n % 5] = was;
	}
	EXPECT(net_rules(rules, many), -1);
	memset(rules, 0, sizeof(rules));
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_list =
		(struct xeno_ctl_vnet_list){ .first = 700, .nr = 500, .addr = A(rules) };
	EXPECT(net_call(XENO_CTL_VNET_LIST_GET, 0), 0);
	EXPECT(net_ctl.u.vnet_list.nr, 500);
	EXPECT(net_ctl.u.vnet_list.total, many);
	EXPECT(rules[499].dir, 1);
	EXPECT(rules[499].id - rules[0].id, 499);
	EXPECT(rules[500].id, 0);
	net_ctl.u.vnet_list.first = many;
	EXPECT(net_call(XENO_CTL_VNET_LIST_GET, 0), 0);
	EXPECT(net_ctl.u.vnet_list.nr, 0);
}

static long list_op(uint32_t op, uint32_t list, uint32_t first, uint32_t nr, uint32_t total,
		    uint64_t addr)
{
	long err;

	do {
		memset(&net_ctl, 0, sizeof(net_ctl));
		net_ctl.u.vnet_list = (struct xeno_ctl_vnet_list){ .list = list,
								   .first = first,
								   .nr = nr,
								   .total = total,
								   .addr = addr };
		err = net_call(op, 0);
	} while (err == -EAGAIN);
	return err;
}

static void list_errors(void)
{
	const uint32_t SET = XENO_CTL_VNET_LIST_SET, GET = XENO_CTL_VNET_LIST_GET;

	EXPECT(list_op(SET, XENO_VNET_NR_LISTS, 0, 0, 0, A(rules)), -EINVAL);
	EXPECT(list_op(GET, XENO_VNET_NR_LISTS, 0, 0, 0, A(rules)), -EINVAL);
	EXPECT(list_op(SET, XENO_VNET_LIST_STATS, 0, 0, 0, A(rules)), -EINVAL);
	EXPECT(list_op(SET, XENO_VNET_LIST_CONNS, 0, 0, 0, A(rules)), -EINVAL);
	EXPECT(list_op(SET, XENO_VNET_LIST_RULES, 0, 1, XENO_VNET_RULES_MAX + 1, A(rules)), -E2BIG);
	EXPECT(list_op(SET, XENO_VNET_LIST_NATS, 0, XENO_VNET_NATS_MAX + 1, XENO_VNET_NATS_MAX + 1,
		       A(rules)),
	       -E2BIG);
	EXPECT(list_op(SET, XENO_VNET_LIST_ROUTES, 0, XENO_VNET_ROUTES_MAX + 1,
		       XENO_VNET_ROUTES_MAX + 1, A(rules)),
	       -E2BIG);
	REFUSED(list_op(SET, XENO_VNET_LIST_RULES, 0, 2, 1, A(rules)));
	REFUSED(list_op(SET, XENO_VNET_LIST_RULES, 0, XENO_VNET_LIST_PIECE / 72 + 1, 10000,
			A(rules)));
	REFUSED(list_op(SET, XENO_VNET_LIST_RULES, 0xfffffff0, 0x20, 0x10, A(rules)));
	EXPECT(list_op(SET, XENO_VNET_LIST_RULES, 5, 2, 7, A(rules)), -EBUSY);
	EXPECT(list_op(SET, XENO_VNET_LIST_RULES, 0, 1, 1, BAD_HYP), -EFAULT);
	EXPECT(list_op(SET, XENO_VNET_LIST_RULES, 0, 1, 1, BAD_UNMAPPED), -EFAULT);
	EXPECT(list_op(GET, XENO_VNET_LIST_RULES, 0, 10, 0, BAD_HYP), -EFAULT);
	EXPECT(list_op(GET, XENO_VNET_LIST_RULES, 0, 10, 0, BAD_NONCANON), -EFAULT);
	EXPECT(list_op(GET, XENO_VNET_LIST_CONNS, ~0u, 10, 0, A(rules)), 0);
	EXPECT(net_ctl.u.vnet_list.nr, 0);
}

static void other_lists(void)
{
	struct xeno_vnet_nat nat[3] = {
		{ .iface = XENO_VNET_NIC(0), .port_lo = 1024, .port_hi = 65535 },
		{ .iface = XENO_VNET_NIC(0),
		  .kind = XENO_VNET_FORWARD,
		  .proto = 6,
		  .to = NET_ADDR(0),
		  .port_lo = 80,
		  .port_hi = 80,
		  .to_port = 80 },
	}, n2;
	struct xeno_vnet_route route[2] = { { .iface = XENO_VNET_NIC(0), .gateway = 0xc0000201 } };

	n2 = nat[1];
	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), -1);
	nat[1].proto = 1;
	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), 1);
	nat[1] = n2;
	nat[1].kind = XENO_VNET_NR_NAT_KINDS;
	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), 1);
	nat[1] = n2;
	nat[1].port_hi = 79;
	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), 1);
	nat[1] = n2;
	nat[1].pad = 1;
	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), 1);
	nat[0].to = 5;
	EXPECT(net_list(XENO_VNET_LIST_NATS, nat, 2, sizeof(nat[0])), 0);
	route[1] = (struct xeno_vnet_route){ .addr = 1, .len = 31, .iface = XENO_VNET_NIC(0) };
	EXPECT(net_list(XENO_VNET_LIST_ROUTES, route, 2, sizeof(route[0])), 1);
	route[1] = (struct xeno_vnet_route){ .addr = 0x0a020000,
					     .len = 33,
					     .iface = XENO_VNET_NIC(0) };
	EXPECT(net_list(XENO_VNET_LIST_ROUTES, route, 2, sizeof(route[0])), 1);
	route[1] = (struct xeno_vnet_route){ .addr = 0x0a020000,
					     .len = 16,
					     .iface = XENO_VNET_VIF(5, 0) };
	EXPECT(net_list(XENO_VNET_LIST_ROUTES, route, 2, sizeof(route[0])), -1);
	EXPECT(net_list(XENO_VNET_LIST_ROUTES, NULL, 0, sizeof(route[0])), -1);
	EXPECT(net_list(XENO_VNET_LIST_NATS, NULL, 0, sizeof(nat[0])), -1);
}

/* --- events, captures */

static long capture(uint32_t cmd, uint32_t iface, uint32_t snap, uint32_t len, uint64_t addr)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_capture = (struct xeno_ctl_vnet_capture){ .cmd = cmd,
								 .iface = iface,
								 .snap = snap,
								 .len = len,
								 .addr = addr };
	return net_call(XENO_CTL_VNET_CAPTURE, 0);
}

static void captures(void)
{
	EXPECT(capture(XENO_VNET_CAPTURE_READ, 0, 0, 4096, A(rules)), -ENOENT);
	EXPECT(capture(XENO_VNET_CAPTURE_STOP, 0, 0, 0, 0), -ENOENT);
	EXPECT(capture(3, 0, 0, 0, 0), -EINVAL);
	EXPECT(capture(XENO_VNET_CAPTURE_START, XENO_VNET_ANY, 15, 0, 0), -EINVAL);
	EXPECT(capture(XENO_VNET_CAPTURE_START, XENO_VNET_ANY, 65536, 0, 0), -EINVAL);
	EXPECT(capture(XENO_VNET_CAPTURE_START, XENO_VNET_ANY, 96, 0, 0), 0);
	EXPECT(capture(XENO_VNET_CAPTURE_START, XENO_VNET_ANY, 96, 0, 0), -EBUSY);
	EXPECT(capture(XENO_VNET_CAPTURE_READ, 0, 0, 2047, A(rules)), -EINVAL);
	EXPECT(capture(XENO_VNET_CAPTURE_READ, 0, 0, XENO_VNET_LIST_PIECE + 1, A(rules)), -EINVAL);
	EXPECT(capture(XENO_VNET_CAPTURE_READ, 0, 0, 4096, A(rules)), 0);
	EXPECT(net_ctl.u.vnet_capture.len, 0);
	EXPECT(capture(XENO_VNET_CAPTURE_STOP, 0, 0, 0, 0), 0);
	EXPECT(capture(XENO_VNET_CAPTURE_STOP, 0, 0, 0, 0), -ENOENT);
}

static void event_errors(void)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_events.addr = A(rules);
	net_ctl.u.vnet_events.nr = 86;
	EXPECT(net_call(XENO_CTL_VNET_EVENTS, 0), 0);
	CHECK(net_ctl.u.vnet_events.nr <= 85, "%u events", net_ctl.u.vnet_events.nr);
	net_ctl.u.vnet_events.pad = 1;
	EXPECT(net_call(XENO_CTL_VNET_EVENTS, 0), -EINVAL);
}

static void explain(void)
{
	struct xeno_ctl_vnet_explain *e = &net_ctl.u.vnet_explain;

	memset(&net_ctl, 0, sizeof(net_ctl));
	e->iface = XENO_VNET_VIF(999, 1);
	EXPECT(net_call(XENO_CTL_VNET_EXPLAIN, 0), -ENODEV);
	memset(&net_ctl, 0, sizeof(net_ctl));
	*e = (struct xeno_ctl_vnet_explain){ .iface = XENO_VNET_VIF(dom[0], 3),
					     .src = NET_ADDR(3),
					     .dst = 0x0a010005,
					     .sport = 1,
					     .dport = 2,
					     .proto = 17 };
	EXPECT(net_call(XENO_CTL_VNET_EXPLAIN, 0), 0);
	EXPECT(e->out, XENO_VNET_VIF(dom[1], 3));
	EXPECT(e->action, XENO_VNET_ACCEPT);
	CHECK(!memcmp(e->why, "ok", 3), "why: %s", e->why);
	memset(&net_ctl, 0, sizeof(net_ctl));
	*e = (struct xeno_ctl_vnet_explain){ .iface = XENO_VNET_VIF(dom[0], 3),
					     .src = 0x0a010005,
					     .dst = NET_ADDR(3),
					     .proto = 17 };
	EXPECT(net_call(XENO_CTL_VNET_EXPLAIN, 0), 0);
	CHECK(e->action != XENO_VNET_ACCEPT && str_has(e->why, "forged"), "why: %s", e->why);
}

static void all(void)
{
	domains(true);
	interfaces();
	stored();
	too_many();
	cards_and_reasons();
	rule_list();
	list_errors();
	other_lists();
	captures();
	event_errors();
	explain();
	domains(false);
	EXPECT(net_rules(NULL, 0), -1);
}

void test(void)
{
	uint64_t before, end;

	if (!xeno)
		skip("an operation of Xeno's");
	if (!is_dom0) {
		not_allowed();
		return;
	}
	/* The hypervisor's heap grows the first time. */
	all();
	before = net_free_pages();
	all();
	for (end = now() + 3000000000ul; net_free_pages() != before;)
		CHECK(now() < end, "%ld pages lost", (long)(before - net_free_pages()));
}

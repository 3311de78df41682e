/* SPDX-License-Identifier: GPL-2.0-only */
/* What domain 0 asks of the router, for tests. */
#include "net.h"

struct xeno_control net_ctl;

long net_call(uint32_t op, uint16_t domid)
{
	net_ctl.version = XENO_CONTROL_VERSION;
	net_ctl.op = op;
	net_ctl.domid = domid;
	return hc(xeno_control, &net_ctl);
}

void net_set(unsigned int handle, uint32_t flags)
{
	struct xeno_ctl_vnet_set *s = &net_ctl.u.vnet_set;

	memset(&net_ctl, 0, sizeof(net_ctl));
	s->handle = handle;
	s->flags = flags;
	put48(s->mac, NET_MAC(handle));
	s->gateway = NET_GATEWAY;
	s->nr_addrs = 1;
	s->addr[0] = (struct xeno_vnet_prefix){ .addr = NET_ADDR(handle), .len = 32 };
	memcpy(s->label, "test", 5);
}

void net_plug(unsigned int handle)
{
	net_set(handle, 0);
	EXPECT(net_call(XENO_CTL_VNET_SET, 0), 0);
}

void net_unplug(unsigned int handle)
{
	uint64_t end = now() + 5000000000ul;
	long err;

	do {
		CHECK(now() < end, "vif %u does not go", handle);
		memset(&net_ctl, 0, sizeof(net_ctl));
		net_ctl.u.vnet_remove.handle = handle;
		net_ctl.u.vnet_remove.force = 1;
		err = net_call(XENO_CTL_VNET_REMOVE, 0);
	} while (err == -EAGAIN);
	CHECK(!err || err == -ENOENT, "vif %u: %ld", handle,
	      err); /* asked before, it may have gone */
}

/* Brings elements [first, first + nr) of total. */
static long piece(unsigned int list, const char *array, unsigned int first, unsigned int nr,
		  unsigned int total, unsigned int size)
{
	uint64_t end = now() + 10000000000ul;
	long err;

	do {
		CHECK(now() < end, "list %u is not put in place", list);
		memset(&net_ctl, 0, sizeof(net_ctl));
		net_ctl.u.vnet_list =
			(struct xeno_ctl_vnet_list){ .list = list,
						     .first = first,
						     .nr = nr,
						     .total = total,
						     .addr = A(array) + first * size };
		err = net_call(XENO_CTL_VNET_LIST_SET, 0);
	} while (err == -EAGAIN);
	if (err)
		return err - 1;
	return net_ctl.u.vnet_list.bad == XENO_VNET_GOOD ? -1 : (long)net_ctl.u.vnet_list.bad;
}

long net_list(unsigned int list, const void *array, unsigned int nr, unsigned int size)
{
	unsigned int most = XENO_VNET_LIST_PIECE / size, first = 0;
	long bad;

	do {
		unsigned int n = nr - first < most ? nr - first : most;

		bad = piece(list, array, first, n, nr, size);
		first += n;
	} while (bad == -1 && first < nr);
	return bad;
}

struct xeno_vnet_rule net_rule(unsigned int dir, unsigned int action)
{
	static uint32_t id;

	return (struct xeno_vnet_rule){ .id = ++id,
					.iface = XENO_VNET_ANY,
					.peer = XENO_VNET_ANY,
					.dir = (uint8_t)dir,
					.action = (uint8_t)action,
					.sport_hi = 65535,
					.dport_hi = 65535,
					.icmp_type = XENO_VNET_ICMP_ANY,
					.icmp_code = XENO_VNET_ICMP_ANY };
}

long net_rules(const struct xeno_vnet_rule *rules, unsigned int nr)
{
	return net_list(XENO_VNET_LIST_RULES, rules, nr, sizeof(*rules));
}

void net_accept_all(void)
{
	struct xeno_vnet_rule r[2] = { net_rule(XENO_VNET_IN, XENO_VNET_ACCEPT),
				       net_rule(XENO_VNET_OUT, XENO_VNET_ACCEPT) };

	EXPECT(net_rules(r, 2), -1);
}

struct xeno_vnet_stats net_stats(unsigned int handle)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	net_ctl.u.vnet_info.handle = handle;
	EXPECT(net_call(XENO_CTL_VNET_INFO, 0), 0);
	EXPECT(net_ctl.u.vnet_info.handle, handle);
	return net_ctl.u.vnet_info.stats;
}

uint64_t net_refused(unsigned int handle, const char *reason)
{
	uint64_t n = 0;

	for (uint32_t why = 1;; why++) {
		long err;

		memset(&net_ctl, 0, sizeof(net_ctl));
		net_ctl.u.vnet_refusals.iface = XENO_VNET_VIF(0, handle);
		net_ctl.u.vnet_refusals.reason = why;
		err = net_call(XENO_CTL_VNET_REFUSALS, 0);
		if (err == -ENOENT)
			return n;
		EXPECT(err, 0);
		if (!*reason || str_has(net_ctl.u.vnet_refusals.name, reason))
			n += net_ctl.u.vnet_refusals.frames;
	}
}

uint64_t net_free_pages(void)
{
	memset(&net_ctl, 0, sizeof(net_ctl));
	EXPECT(net_call(XENO_CTL_PHYS_INFO, 0), 0);
	return net_ctl.u.phys.free_pages;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of a frame: the way that hyp/vnet_pkt.h tells, for frames that domains send and
 * frames that arrive at cards.
 *
 * A frame is decided on as a whole with the router locked, and copied or handed to a card when it
 * is not any more. What is looked at is the copy of its head alone; with translation and new
 * MACs it is that copy which goes on.
 *
 * Everything is refused that nothing allows. What is refused is counted at the interface
 * it came from, and told to domain 0, a few a second.
 *
 * DHCP is not routed: a domain's requests go to the interface with SERVER, or for a card's
 * UPLINK to that card, answers to whom they name; no rule is asked. So a domain asks for
 * itself only, and not often.
 */
#include <hyp/bits.h>
#include <hyp/lib.h>
#include <hyp/vif.h>

#define COPIES 2 /* of a packet, to domains that may see it */
#define DHCP_SERVER 67
#define DHCP_CLIENT 68
#define DHCP_REQUEST 1 /* a message's first byte */
#define DHCP_GIADDR 24 /* in a message: a relay's address */
#define DHCP_CHADDR 28 /* the client's MAC */

struct vnet_router router = { .lock = SPINLOCK_INIT(RANK_ROUTER, "router") };

/* A packet on its way through the router, which is locked. */
struct trip {
	struct vnet_port *in, *out;
	struct vnet_frame *f;
	struct vnet_pkt *p;
	uint8_t *h;
	s_time_t now;
	bool dry;   /* nothing is counted or begun */
	bool known; /* belongs to a connection from the start: what it began by, applies */
	struct vnet_ct_hit hit;
	struct vnet_nat nat;
	uint32_t dst, next_hop;
	uint16_t dport;
	uint8_t state;
	unsigned int nth[XENO_VNET_NR_DIRS]; /* rules */
	const struct xeno_vnet_rule *rule[XENO_VNET_NR_DIRS];
	uint8_t action;
	struct vnet_port *copy[COPIES];
	unsigned int nr_copies;
	/* What the sender is told, != 0 */
	uint8_t icmp_type, icmp_code;
	/* A frame back to `in`, instead of p */
	struct vnet_frame *answer;
	bool wait, ask;
	struct list ready; /* frames that have waited for what has come */
	uint64_t mac;	   /* of the receiver */
};

static bool is_card(const struct vnet_port *p)
{
	return p->nic;
}

static enum vnet_why unreachable(struct trip *t, unsigned int code, enum vnet_why why)
{
	t->icmp_type = VNET_ICMP_UNREACHABLE;
	t->icmp_code = (uint8_t)code;
	return why;
}

/* --- DHCP */

static struct vnet_port *client_with(uint64_t mac)
{
	for (unsigned int i = 0; i < VNET_PORTS; i++) {
		struct vnet_port *p = router.port[i];

		if (p && !p->going && p->vif && p->who.mac == mac &&
		    (p->flags & (XENO_VNETF_DHCP | XENO_VNETF_UPLINK)) == XENO_VNETF_DHCP)
			return p;
	}
	return NULL;
}

/* Who gets p, when it is DHCP's; NULL: it is not, or there is nobody. */
static struct vnet_port *dhcp_receiver(const struct vnet_port *in, const struct vnet_pkt *p,
				       const uint8_t *h)
{
	bool to_server = p->t.sport == DHCP_CLIENT && p->t.dport == DHCP_SERVER;
	bool to_client = p->t.sport == DHCP_SERVER && p->t.dport == DHCP_CLIENT;
	const struct vnet_port *client = is_card(in) ? in->uplink : in;
	bool all = p->t.dst == ~0u;

	if (p->t.proto != VNET_IP_UDP || !p->has_l4 || p->fragment)
		return NULL;
	if (to_client && in == router.server && p->data + DHCP_CHADDR + 6u <= p->head)
		return client_with(get48(h + p->data + DHCP_CHADDR));
	if (!client || !(client->flags & XENO_VNETF_DHCP))
		return NULL;
	if (is_card(in))
		return to_client ? in->uplink : NULL;
	if (to_server && in->flags & XENO_VNETF_UPLINK)
		return all ? in->uplink : NULL;
	if (to_server && router.server)
		return all || vnet_is_own(&router.server->who, p->t.dst) ? router.server : NULL;
	return NULL;
}

/* A request of the domain's own: others' leases are not its business, nor whom a relay serves. */
static bool dhcp_asks(const struct vnet_port *in, const struct vnet_pkt *p, const uint8_t *h)
{
	const uint8_t *m = h + p->data;

	return p->data + DHCP_CHADDR + 6u <= p->head && m[0] == DHCP_REQUEST &&
	       !get32(m + DHCP_GIADDR) && get48(m + DHCP_CHADDR) == in->who.mac;
}

static enum vnet_why to_dhcp(struct trip *t, struct vnet_port *to)
{
	bool to_dom0 = to == router.server || is_card(t->in);

	if (to == router.server && !dhcp_asks(t->in, t->p, t->h))
		return VNET_FORGED_MAC;
	if (to_dom0 && !vnet_bucket_take(&t->in->dhcp, 1, t->now))
		return VNET_LIMIT;
	t->out = to;
	t->mac = is_card(to) ? VNET_MAC_BROADCAST : to->who.mac;
	return VNET_OK;
}

/* --- ARP */

/* The address of an interface that is a domain's. */
static bool is_inside(uint32_t addr)
{
	const struct vnet_route_entry *e = vnet_routes_find(router.routes, addr);

	return e && (e->port == VNET_NOWHERE || !is_card(router.port[e->port]));
}

/* What a card is known by: its own address, and those that translation gives it. */
static bool is_address_of(const struct vnet_port *card, uint32_t addr)
{
	bool is = addr == card->addr;

	for (unsigned int i = 0; i < router.nr_nat && !is; i++)
		is = router.nat[i].iface == card->id && router.nat[i].addr == addr;
	return is && addr;
}

/* A card's wire is asked for an address that is ours, or behind us and on its own network. */
static bool answers_for(const struct vnet_port *card, uint32_t addr)
{
	if (is_address_of(card, addr))
		return true;
	if (!is_inside(addr))
		return false;
	for (unsigned int i = 0; i < router.nr_route; i++) {
		const struct xeno_vnet_route *r = &router.route[i];

		if (r->iface == card->id && !r->gateway && r->len &&
		    (addr & ip4_mask(r->len)) == r->addr)
			return true;
	}
	return false;
}

static void answer(struct trip *t, const uint8_t *frame, unsigned int len)
{
	t->answer = vnet_own_get(frame, len);
}

static enum vnet_why arp_sent(struct trip *t)
{
	uint8_t out[VNET_ARP_LEN];

	if (vnet_arp_answer(&t->in->who, t->p, t->in->addr, true, XENO_VNET_ROUTER_MAC, out))
		answer(t, out, sizeof(out));
	return VNET_OK;
}

/* What comes over a wire has an address of the domains or of the card as its source. */
static bool claims_ours(const struct trip *t)
{
	uint32_t src = t->p->t.src;

	return src && (src == t->in->addr || is_inside(src));
}

static enum vnet_why arp_arrived(struct trip *t, struct vnet_batch *b)
{
	uint8_t out[VNET_ARP_LEN];
	bool ask;

	if (claims_ours(t))
		return VNET_FORGED_ARP;
	if (vnet_neigh_learn(t->in->neighs, t->p, t->now, &ask))
		vnet_card_release(t->in, t->p->t.src, t->p->sha, &t->ready);
	if (ask)
		vnet_card_ask(t->in, t->p->t.src, b);
	if (t->p->arp_op == 1 && answers_for(t->in, t->p->t.dst)) {
		vnet_arp_build(out, 2, t->in->who.mac, t->p->t.dst, t->p->sha, t->p->t.src);
		answer(t, out, sizeof(out));
	}
	return VNET_OK;
}

/* --- the steps of a packet */

/* Which connection, and where it really goes. */
static enum vnet_why track(struct trip *t)
{
	enum vnet_why why;

	why = vnet_ct_find(router.ct, t->p, t->in->id, t->in->owner, t->now, &t->hit);
	if (why)
		return why;
	t->state = t->hit.state;
	t->known = t->hit.e;
	if (t->state == XENO_VNET_NEW)
		vnet_nat_find(router.nat, router.nr_nat, XENO_VNET_FORWARD, t->in->id, t->in->addr,
			      t->p, &t->nat);
	vnet_ct_dest(&t->hit, &t->nat, t->p, &t->dst, &t->dport);
	return VNET_OK;
}

static enum vnet_why find_way(struct trip *t)
{
	const struct vnet_route_entry *e = vnet_routes_find(router.routes, t->dst);
	struct vnet_port *out = e && e->port != VNET_NOWHERE ? router.port[e->port] : NULL;

	if (t->dst == ~0u || ip4_is_multicast(t->dst))
		return VNET_DEST;
	if (!out || out->going)
		return is_card(t->in) ? VNET_NO_ROUTE : unreachable(t, 0, VNET_NO_ROUTE);
	if (out == t->in)
		return VNET_NO_ROUTE;
	/* A connection does not move to who has got the address, or to another card. */
	if (t->hit.e && out->id != t->hit.e->iface[!t->hit.dir])
		return VNET_CT_MOVED;
	t->out = out;
	t->next_hop = e->gateway ? e->gateway : t->dst;
	return VNET_OK;
}

static void add_copy(struct trip *t, unsigned int domid)
{
	struct vnet_port *p = vnet_port_find(XENO_VNET_VIF(domid, 0));

	if (p && !p->going && t->nr_copies < COPIES)
		t->copy[t->nr_copies++] = p;
}

/* What a rule that matches asks for beyond its action. */
static void rule_effects(struct trip *t, const struct xeno_vnet_rule *r)
{
	const struct {
		uint32_t flag;
		unsigned int kind;
	} tell[] = { { XENO_VNETRF_LOG, XENO_VNET_EV_LOG },
		     { XENO_VNETRF_TRIGGER, XENO_VNET_EV_TRIGGER } };

	for (unsigned int i = 0; i < ARRAY_SIZE(tell); i++)
		if (r->flags & tell[i].flag)
			vnet_event(tell[i].kind, r->id, t->in->id, t->out->id, t->p, r->action,
				   t->state);
	if (r->flags & XENO_VNETRF_COPY)
		add_copy(t, r->copy_to);
}

static enum vnet_why ask_rules(struct trip *t, struct vnet_key *key, enum xeno_vnet_dir dir)
{
	struct vnet_port *at = dir == XENO_VNET_IN ? t->in : t->out;
	const struct xeno_vnet_rule *r;
	unsigned int nth;

	key->v[VNET_D_PEER] = dir == XENO_VNET_IN ? t->out->id : t->in->id;
	nth = vnet_rules_find(router.rules, key, at->id, dir);
	if (nth == VNET_NO_RULE)
		return VNET_NO_RULE_ACCEPTS;
	r = vnet_rules_get(router.rules, nth);
	t->nth[dir] = nth;
	t->rule[dir] = r;
	t->action = r->action;
	if (!t->dry) {
		if (!vnet_rules_take(router.rules, nth, t->p->len, t->now))
			return VNET_LIMIT;
		if (r->flags)
			rule_effects(t, r);
	}
	if (r->action == XENO_VNET_REJECT)
		return unreachable(t, 3, VNET_RULE);
	return r->action == XENO_VNET_ACCEPT ? VNET_OK : VNET_RULE;
}

static enum vnet_why allowed(struct trip *t)
{
	struct vnet_key key;
	enum vnet_why why;

	vnet_rules_key(&key, t->p, t->dst, t->dport, t->state);
	why = ask_rules(t, &key, XENO_VNET_IN);
	return why ? why : ask_rules(t, &key, XENO_VNET_OUT);
}

/* The source that the world sees; and the connection that remembers it. */
static enum vnet_why begin_connection(struct trip *t)
{
	const struct xeno_vnet_rule *in = t->rule[XENO_VNET_IN], *out = t->rule[XENO_VNET_OUT];
	const struct xeno_vnet_rule *keeper = in->flags & XENO_VNETRF_KEEP ? in : out;
	bool masked;

	if (t->known)
		return VNET_OK;
	masked = vnet_nat_find(router.nat, router.nr_nat, XENO_VNET_MASQUERADE, t->out->id,
			       t->out->addr, t->p, &t->nat);
	/* Without an address or a connection a source cannot be hidden, so it does not leave. */
	if (masked && !t->nat.from)
		return VNET_NO_ADDRESS;
	if (t->dry)
		return VNET_OK;
	if (t->state != XENO_VNET_NEW)
		return !masked || t->p->t.src == t->nat.from ? VNET_OK :
		       t->p->fragment			     ? VNET_CT_FRAGMENT :
							       VNET_NO_CONNECTION;
	if (!masked && !t->nat.to && !((in->flags | out->flags) & XENO_VNETRF_KEEP))
		return VNET_OK;
	return vnet_ct_create(router.ct, t->p, t->in->id, t->out->id, t->in->owner, keeper->id,
			      &t->nat, t->now, &t->hit);
}

static enum vnet_why within_symmetry(struct trip *t)
{
	bool event = false, drop;

	if (t->in->symmetry.set.ratio) {
		drop = vnet_symmetry_sent(&t->in->symmetry, t->now, &event);
		if (event)
			vnet_event(XENO_VNET_EV_SYMMETRY, 0, t->in->id, t->out->id, t->p,
				   drop ? XENO_VNET_DROP : XENO_VNET_ACCEPT, t->state);
		if (drop)
			return VNET_SYMMETRY;
	}
	if (t->out->symmetry.set.ratio)
		vnet_symmetry_received(&t->out->symmetry, t->now);
	return VNET_OK;
}

static enum vnet_why age(struct trip *t)
{
	enum vnet_why why = vnet_ttl_dec(t->h, t->p);

	if (why == VNET_TTL && !is_card(t->in))
		t->icmp_type = VNET_ICMP_TIME;
	return why;
}

static enum vnet_why find_receiver(struct trip *t)
{
	if (!is_card(t->out)) {
		t->mac = t->out->who.mac;
		return VNET_OK;
	}
	switch (vnet_neigh_find(t->out->neighs, t->next_hop, t->in->owner, t->now, &t->mac)) {
	case VNET_NEIGH_SEND_ASK:
		t->ask = true;
		return VNET_OK;
	case VNET_NEIGH_SEND:
		return VNET_OK;
	case VNET_NEIGH_WAIT_ASK:
		t->ask = true;
		t->wait = true;
		return VNET_OK;
	case VNET_NEIGH_WAIT:
		t->wait = true;
		return VNET_OK;
	default:
		return unreachable(t, 1, VNET_NO_NEIGHBOUR);
	}
}

/* Nothing that a card cannot send; the sender learns how large it may be. */
static enum vnet_why fits(struct trip *t)
{
	uint32_t len = t->f->tx.gso_size ? t->p->data + t->f->tx.gso_size + 0u : t->p->len;

	if (!is_card(t->out) || len <= NIC_FRAME)
		return VNET_OK;
	return unreachable(t, 4, VNET_LONG);
}

static enum vnet_why decide(struct trip *t)
{
	static enum vnet_why (*const steps[])(struct trip * t) = {
		track,		 find_way, allowed,	  fits,
		within_symmetry, age,	   find_receiver, begin_connection,
	};
	enum vnet_why why = VNET_OK;

	for (unsigned int i = 0; i < ARRAY_SIZE(steps) && !why; i++)
		why = steps[i](t);
	if (why)
		return why;
	vnet_ct_commit(router.ct, &t->hit, t->p, t->in->owner, t->now);
	vnet_ct_rewrite(&t->hit, t->h, t->p);
	return VNET_OK;
}

/* --- frames */

static uint64_t mac_of(const struct vnet_port *p)
{
	return is_card(p) ? p->who.mac : XENO_VNET_ROUTER_MAC;
}

/* What the front end or the card said about checksums and cutting is right, and is noted in f. */
static enum vnet_why check_offload(struct vnet_frame *f)
{
	const struct vnet_pkt *p = &f->p;
	enum vnet_why why = VNET_OK;

	if (f->tx.csum)
		why = vnet_csum_partial(f->h, &f->p);
	if (why || !f->tx.gso_size)
		return why;
	if (!p->partial || p->t.proto != VNET_IP_TCP || p->l3 + p->total != p->len + 0u)
		return VNET_OFFLOAD;
	if (p->len - p->data <= f->tx.gso_size)
		f->tx.gso_size = 0;
	return VNET_OK;
}

static enum vnet_why packet_sent(struct trip *t)
{
	struct vnet_port *dhcp = dhcp_receiver(t->in, t->p, t->h);

	if (dhcp)
		return to_dhcp(t, dhcp);
	if (t->in->addr && t->p->t.dst == t->in->addr) {
		if (!vnet_icmp_echo(t->h, t->p))
			return unreachable(t, 3, VNET_NO_ROUTE);
		t->out = t->in;
		t->mac = t->in->who.mac;
		return VNET_OK;
	}
	return decide(t);
}

static enum vnet_why sent(struct trip *t)
{
	enum vnet_why why = vnet_guard_sent(&t->in->who, t->p);

	if (!why && t->p->kind == VNET_KIND_ARP)
		return arp_sent(t);
	if (!why)
		why = check_offload(t->f);
	return why ? why : packet_sent(t);
}

static enum vnet_why arrived(struct trip *t, struct vnet_batch *b)
{
	enum vnet_why why = vnet_guard_arrived(&t->in->who, t->p);
	struct vnet_port *dhcp;

	if (why)
		return why;
	if (t->p->kind == VNET_KIND_ARP)
		return arp_arrived(t, b);
	if (claims_ours(t))
		return VNET_FORGED_IP;
	dhcp = dhcp_receiver(t->in, t->p, t->h);
	if (dhcp)
		return to_dhcp(t, dhcp);
	if (t->p->dmac & VNET_MAC_GROUP)
		return VNET_DEST;
	return decide(t);
}

/* An error for the sender, as a frame of our own. */
static void send_error(struct trip *t)
{
	uint8_t out[VNET_HEAD];
	unsigned int len;

	if (!t->icmp_type || !t->in->addr || t->dry)
		return;
	len = vnet_icmp_error(t->h, t->p, t->icmp_type, t->icmp_code,
			      t->icmp_code == 4 ? NIC_FRAME - 14 : 0, t->in->addr, &t->in->icmp,
			      t->now, out);
	if (len)
		answer(t, out, len);
}

static void count_refusal(struct trip *t, enum vnet_why why)
{
	static const uint64_t by_policy = BIT(VNET_RULE) | BIT(VNET_NO_RULE_ACCEPTS) |
					  BIT(VNET_LIMIT) | BIT(VNET_SYMMETRY);

	t->in->refused[why]++;
	t->in->stats.refused++;
	if (by_policy & BIT(why))
		return; /* rules have events of their own */
	vnet_event(XENO_VNET_EV_REFUSED, why, t->in->id, t->out ? t->out->id : XENO_VNET_ANY, t->p,
		   XENO_VNET_DROP, t->state);
}

static bool deliver(struct vnet_port *to, struct vnet_frame *f, struct vnet_batch *b)
{
	return is_card(to) ? vnet_card_send(to, f, b) : vnet_guest_send(to, f, b);
}

static void deliver_own(struct vnet_port *to, struct vnet_frame *f, struct vnet_batch *b)
{
	if (f && !deliver(to, f, b))
		vnet_own_put(f);
}

/* Copies are not kept: who is slow to look does not hold others up. */
static void deliver_copies(struct trip *t, struct vnet_port *const *to, unsigned int nr,
			   struct vnet_batch *b)
{
	bool lent = t->f->lent;

	t->f->lent = true;
	for (unsigned int i = 0; i < nr; i++)
		vnet_guest_send(to[i], t->f, b);
	t->f->lent = lent;
}

/*
 * Ports stay while a frame is on its way: vnet_port_stop() makes new ones impossible with the
 * router locked, and who frees a port waits until `users` is 0.
 */
static void use(struct vnet_port *p, int n)
{
	if (p)
		__atomic_fetch_add(&p->users, (uint32_t)n, __ATOMIC_SEQ_CST);
}

/* The lock is dropped. True: f is kept. */
static bool conclude(struct trip *t, enum vnet_why why, struct vnet_batch *b)
{
	struct vnet_port *out = t->out;
	bool kept = false;

	if (why) {
		count_refusal(t, why);
		send_error(t);
		out = NULL;
	}
	if (t->answer)
		out = t->in;
	if (!why && out && is_card(out) && t->ask)
		vnet_card_ask(out, t->next_hop, b);
	if (!why && out && !t->answer) {
		put48(t->h, t->mac);
		put48(t->h + 6, mac_of(out));
		t->f->next_hop = t->next_hop;
		if (t->wait) {
			kept = vnet_card_wait(out, t->f);
			out = NULL;
		}
	}
	use(out, 1);
	for (unsigned int i = 0; i < t->nr_copies; i++)
		use(t->copy[i], 1);
	router_unlock();
	if (t->nr_copies)
		deliver_copies(t, t->copy, t->nr_copies, b);
	if (t->answer)
		deliver_own(out, t->answer, b);
	else if (!why && out)
		kept = deliver(out, t->f, b);
	use(out, -1);
	for (unsigned int i = 0; i < t->nr_copies; i++)
		use(t->copy[i], -1);
	return kept;
}

static void start(struct trip *t, struct vnet_port *in, struct vnet_frame *f)
{
	*t = (struct trip){ .in = in, .f = f, .p = &f->p, .h = f->h, .now = now() };
	t->dst = f->p.t.dst;
	t->dport = f->p.t.dport;
	list_init(&t->ready);
}

bool vnet_route_sent(struct vif *v, struct vnet_frame *f, struct vnet_batch *b)
{
	enum vnet_why why = vnet_parse(f->h, f->tx.len, false, &f->p);
	struct trip t;

	if (vnet_capturing)
		vnet_captured(v->port->id, XENO_VNET_IN, f, why);
	router_lock();
	start(&t, v->port, f);
	if (v->port->going)
		why = VNET_NO_ROUTE;
	if (!why)
		why = sent(&t);
	return conclude(&t, why, b);
}

void vnet_route_arrived(struct vnet_port *p, struct vnet_frame *f, struct vnet_batch *b)
{
	enum vnet_why why = vnet_parse(f->h, f->tx.len, false, &f->p);
	struct trip t;

	if (vnet_capturing)
		vnet_captured(p->id, XENO_VNET_IN, f, why);
	router_lock();
	start(&t, p, f);
	if (!why)
		why = arrived(&t, b);
	conclude(&t, why, b);
	vnet_card_send_ready(p, &t.ready, b);
}

/* --- explaining */

static void packet_of(const struct xeno_ctl_vnet_explain *u, struct vnet_pkt *p)
{
	bool tcp = u->proto == VNET_IP_TCP, icmp = u->proto == VNET_IP_ICMP;

	*p = (struct vnet_pkt){
		.len = 60,
		.kind = VNET_KIND_IP4,
		.t = { u->src, u->dst, u->sport, u->dport, u->proto },
		.has_l4 = tcp || icmp || u->proto == VNET_IP_UDP,
		.tcp_flags = tcp ? (u->tcp_flags ? u->tcp_flags : VNET_TCP_SYN) : 0,
		.icmp_type = icmp ? (uint8_t)(u->dport >> 8) : 0,
		.icmp_code = icmp ? (uint8_t)u->dport : 0,
		.ttl = 64,
	};
	if (!p->has_l4)
		p->t.sport = p->t.dport = 0;
	if (icmp) {
		/* The identifier is the port of the side that asks. */
		p->t.sport = p->icmp_type == 8 ? u->sport : 0;
		p->t.dport = p->icmp_type == 0 ? u->sport : 0;
		p->untracked = p->icmp_type != 8 && p->icmp_type != 0;
	}
}

/* What the domain behind an interface may not send, nobody need look up rules for. */
static enum vnet_why explain_guard(const struct trip *t)
{
	if (is_card(t->in))
		return claims_ours(t) ? VNET_FORGED_IP : VNET_OK;
	return vnet_is_own(&t->in->who, t->p->t.src) ? VNET_OK : VNET_FORGED_IP;
}

static enum vnet_why explain_steps(struct trip *t)
{
	enum vnet_why why = explain_guard(t);

	if (!why)
		why = track(t);
	if (!why)
		why = find_way(t);
	if (!why)
		why = allowed(t);
	return why ? why : begin_connection(t);
}

static void explain_end(const struct trip *t, struct xeno_ctl_vnet_explain *u, enum vnet_why why)
{
	uint32_t *const id[] = { &u->rule_in, &u->rule_out };
	uint32_t *const nth[] = { &u->nth_in, &u->nth_out };

	u->out = t->out ? t->out->id : XENO_VNET_ANY;
	u->next_hop = t->out && is_card(t->out) ? t->next_hop : 0;
	u->new_dst = t->dst;
	u->new_dport = t->p->t.proto == VNET_IP_ICMP ? u->dport : t->dport;
	u->new_src = t->nat.from ? t->nat.from : u->src;
	u->new_sport = t->nat.from && t->nat.from != u->src ? 0 : u->sport;
	if (t->hit.e) {
		u->new_src = t->hit.e->t[!t->hit.dir].dst;
		u->new_sport = t->hit.e->t[!t->hit.dir].dport;
	}
	for (unsigned int i = 0; i < 2; i++) {
		*id[i] = t->rule[i] ? t->rule[i]->id : XENO_VNET_ANY;
		*nth[i] = t->rule[i] ? t->nth[i] : XENO_VNET_ANY;
	}
	u->state = t->state;
	u->action = why ? (t->icmp_type ? XENO_VNET_REJECT : XENO_VNET_DROP) : XENO_VNET_ACCEPT;
	strlcpy(u->why, vnet_why_name(why), sizeof(u->why));
}

int vnet_explain(struct xeno_ctl_vnet_explain *u)
{
	struct vnet_frame f;
	struct trip t;
	int err = 0;

	if (u->pad[0] || u->pad[1])
		return -EINVAL;
	packet_of(u, &f.p);
	router_lock();
	start(&t, vnet_port_find(u->iface), &f);
	t.dry = true;
	if (t.in)
		explain_end(&t, u, explain_steps(&t));
	else
		err = -ENODEV;
	router_unlock();
	return err;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces as the router sees them: who they are, which addresses lead to them, how many
 * connections they may have. And the router's start.
 */
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/vif.h>

#define CT_SHARE 8 /* pages of memory for a connection that can be tracked, all in all */
#define CT_LEAST 4096u
#define CT_MOST 65536u
#define FORGET 16384 /* connections looked at in one go */
#define TICK SECONDS(1)
#define EXPIRE 2048	  /* connections looked at in a tick */
#define ICMP_RATE 100	  /* errors per second for an interface */
#define DHCP_RATE 50	  /* messages per second from an interface to domain 0 */
#define RDRAND (1u << 30) /* cpuid(1).ecx */

static struct timer tick_timer;

struct vnet_port *vnet_port_find(uint32_t id)
{
	for (unsigned int i = 0; i < VNET_PORTS; i++)
		if (router.port[i] && router.port[i]->id == id && !router.port[i]->going)
			return router.port[i];
	return NULL;
}

/* --- routes */

static unsigned int collect(struct vnet_route_entry *e)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < VNET_PORTS; i++) {
		const struct vnet_port *p = router.port[i];

		for (unsigned int a = 0; p && !p->going && a < p->who.nr; a++)
			if (e)
				e[n++] = (struct vnet_route_entry){
					.addr = p->who.addr[a].addr,
					.len = (uint8_t)ip4_mask_len(p->who.addr[a].mask),
					.port = (uint16_t)i,
				};
			else
				n++;
	}
	for (unsigned int i = 0; i < router.nr_route; i++) {
		const struct xeno_vnet_route *r = &router.route[i];
		const struct vnet_port *p = vnet_port_find(r->iface);

		if (e)
			e[n] = (struct vnet_route_entry){
				.addr = r->addr,
				.len = r->len,
				.gateway = r->gateway,
				.port = (uint16_t)(p ? p->owner : VNET_NOWHERE),
			};
		n++;
	}
	return n;
}

int vnet_routes_update(void)
{
	unsigned int nr = collect(NULL);
	struct vnet_route_entry *e;
	void *mem;

	if (nr > VNET_ROUTES_MAX)
		return -E2BIG;
	e = hyp_alloc((nr + 1) * sizeof(*e));
	mem = hyp_alloc(vnet_routes_size(nr));
	if (!e || !mem) {
		hyp_free(e);
		hyp_free(mem);
		return -ENOMEM;
	}
	collect(e);
	hyp_free(router.routes);
	router.routes = vnet_routes_init(mem, e, nr);
	hyp_free(e);
	return 0;
}

/* --- ports. Router locked. */

static bool overlap(const struct vnet_prefix *a, const struct vnet_prefix *b)
{
	uint32_t both = a->mask & b->mask;

	return (a->addr & both) == (b->addr & both);
}

static bool shares_address(const struct vnet_identity *a, const struct vnet_identity *b)
{
	for (unsigned int i = 0; i < a->nr; i++)
		for (unsigned int j = 0; j < b->nr; j++)
			if (overlap(&a->addr[i], &b->addr[j]))
				return true;
	return false;
}

/* who is somebody else already, but for a card and the domain whose place it is. */
static bool is_taken(const struct vnet_identity *who, const struct vnet_port *except)
{
	for (unsigned int i = 0; i < VNET_PORTS; i++) {
		const struct vnet_port *p = router.port[i];

		if (!p || p == except || p->going)
			continue;
		if ((p->vif && p->who.mac == who->mac) || shares_address(&p->who, who))
			return true;
	}
	return false;
}

static struct vnet_identity identity_of(const struct xeno_ctl_vnet_set *u, uint64_t mac)
{
	struct vnet_identity who = { .mac = mac,
				     .nr = u->nr_addrs,
				     .dhcp = u->flags & XENO_VNETF_DHCP };

	for (unsigned int i = 0; i < u->nr_addrs; i++)
		who.addr[i] = (struct vnet_prefix){ u->addr[i].addr, ip4_mask(u->addr[i].len) };
	return who;
}

static struct vnet_port *card_of(const struct xeno_ctl_vnet_set *u)
{
	return u->flags & XENO_VNETF_UPLINK ? vnet_port_find(XENO_VNET_NIC(u->nic)) : NULL;
}

/* The MAC that the interface is to have. */
static int choose_mac(const struct xeno_ctl_vnet_set *u, uint64_t *mac)
{
	const struct vnet_port *card = card_of(u);

	*mac = get48(u->mac);
	if (card && (!*mac || *mac == card->who.mac)) {
		*mac = card->who.mac;
		return 0;
	}
	return card || !*mac || *mac & VNET_MAC_GROUP || *mac == XENO_VNET_ROUTER_MAC ? -EINVAL : 0;
}

static int place_free(const struct xeno_ctl_vnet_set *u)
{
	const struct vnet_port *card = card_of(u);

	if (u->flags & XENO_VNETF_UPLINK && !card)
		return -ENODEV;
	if (card && card->uplink)
		return -EBUSY;
	return u->flags & XENO_VNETF_SERVER && router.server ? -EBUSY : 0;
}

static void init_port(struct vnet_port *p)
{
	list_init(&p->waiting);
	vnet_bucket_init(&p->icmp, ICMP_RATE, ICMP_RATE, now());
	vnet_bucket_init(&p->dhcp, DHCP_RATE, DHCP_RATE, now());
}

static int install(struct vnet_port *p, unsigned int conns)
{
	int err;

	while (p->owner < VNET_PORTS && router.port[p->owner])
		p->owner++;
	if (p->owner == VNET_PORTS)
		return -ENOSPC;
	err = vnet_ct_limit(router.ct, p->owner, conns);
	if (err)
		return err;
	router.port[p->owner] = p;
	err = vnet_routes_update();
	if (err) {
		router.port[p->owner] = NULL;
		vnet_ct_limit(router.ct, p->owner, 0);
	}
	p->conns = conns;
	return err;
}

static void set_values(struct vnet_port *p, const struct xeno_ctl_vnet_set *u)
{
	p->addr = u->gateway;
	p->symmetry = (struct vnet_symmetry){ .set = u->symmetry };
	p->flags = u->flags & ~(uint32_t)XENO_VNETF_UPDATE;
	if (u->flags & XENO_VNETF_SERVER)
		router.server = p;
	else if (router.server == p)
		router.server = NULL;
}

static int add_locked(struct vnet_port *p, const struct xeno_ctl_vnet_set *u)
{
	int err = place_free(u);
	uint64_t mac;

	if (!err)
		err = choose_mac(u, &mac);
	if (err)
		return err;
	p->who = identity_of(u, mac);
	p->vif->mac = mac;
	if (is_taken(&p->who, NULL))
		return -EEXIST;
	err = install(p, u->conns);
	if (err)
		return err;
	set_values(p, u);
	p->uplink = card_of(u);
	if (p->uplink)
		p->uplink->uplink = p;
	return 0;
}

int vnet_port_add(struct vif *v, const struct xeno_ctl_vnet_set *u)
{
	struct vnet_port *p = hyp_alloc(sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->id = XENO_VNET_VIF(v->d->id, v->handle);
	p->vif = v;
	init_port(p);
	v->port = p; /* once others see the port, frames come */
	router_lock();
	err = add_locked(p, u);
	router_unlock();
	if (err) {
		v->port = NULL;
		hyp_free(p);
	}
	return err;
}

static int change_locked(struct vnet_port *p, const struct xeno_ctl_vnet_set *u)
{
	struct vnet_identity old = p->who;
	uint64_t mac = get48(u->mac);
	int err;

	if ((mac && mac != old.mac) || (u->flags ^ p->flags) & XENO_VNETF_UPLINK ||
	    (p->uplink && XENO_VNET_NIC(u->nic) != p->uplink->id))
		return -EINVAL;
	if (u->flags & XENO_VNETF_SERVER && router.server && router.server != p)
		return -EBUSY;
	p->who = identity_of(u, old.mac);
	err = is_taken(&p->who, p) ? -EEXIST : 0;
	if (!err && u->conns && u->conns != p->conns) {
		err = vnet_ct_limit(router.ct, p->owner, u->conns);
		p->conns = err ? p->conns : u->conns;
	}
	if (!err)
		err = vnet_routes_update();
	if (err)
		p->who = old;
	else
		set_values(p, u);
	return err;
}

int vnet_port_change(struct vif *v, const struct xeno_ctl_vnet_set *u)
{
	int err;

	router_lock();
	err = change_locked(v->port, u);
	router_unlock();
	return err;
}

void vnet_port_stop(struct vnet_port *p)
{
	router_lock();
	if (!p->going) {
		p->going = true;
		if (router.server == p)
			router.server = NULL;
		if (p->uplink)
			p->uplink->uplink = NULL;
		vnet_routes_update(); /* without memory they lead to who is going: nowhere */
	}
	router_unlock();
}

/*
 * Others' connections to it go, too: its number may be somebody else's one day. Old routes may
 * still lead to it: find_way() looks at `going`, and freeing needs new ones.
 */
bool vnet_port_remove(struct vnet_port *p)
{
	bool gone;

	router_lock();
	gone = !__atomic_load_n(&p->users, __ATOMIC_SEQ_CST) &&
	       vnet_ct_forget(router.ct, p->id, &p->forgotten, FORGET) && !vnet_routes_update();
	if (gone) {
		vnet_ct_limit(router.ct, p->owner, 0);
		router.port[p->owner] = NULL;
		for (unsigned int i = 0; i < VNET_NR_WHYS; i++)
			router.gone[i] += p->refused[i];
	}
	router_unlock();
	if (gone)
		hyp_free(p);
	return gone;
}

void vnet_port_tell(const struct vnet_port *p, struct xeno_ctl_vnet_info *u)
{
	router_lock();
	u->flags = p->flags;
	u->nic = p->uplink ? (uint16_t)p->uplink->nic->nr : 0;
	u->gateway = p->addr;
	u->nr_addrs = p->who.nr;
	for (unsigned int i = 0; i < p->who.nr; i++) {
		u->addr[i].addr = p->who.addr[i].addr;
		u->addr[i].len = (uint8_t)ip4_mask_len(p->who.addr[i].mask);
	}
	u->conns = p->conns;
	u->conns_now = vnet_ct_count(router.ct, p->owner);
	u->symmetry = p->symmetry.set;
	u->stats = p->stats;
	router_unlock();
}

/* --- counters */

static uint64_t refused(uint32_t iface, unsigned int why)
{
	uint64_t n = iface == XENO_VNET_ANY ? router.gone[why] : 0;

	for (unsigned int i = 0; i < VNET_PORTS; i++)
		if (router.port[i] && (iface == XENO_VNET_ANY || router.port[i]->id == iface))
			n += router.port[i]->refused[why];
	return n;
}

int vnet_refusals(struct xeno_ctl_vnet_refusals *u)
{
	if (!u->reason || u->reason >= VNET_NR_WHYS)
		return -ENOENT;
	router_lock();
	u->frames = refused(u->iface, u->reason);
	router_unlock();
	strlcpy(u->name, vnet_why_name(u->reason), sizeof(u->name));
	return 0;
}

/* --- cards, for the tools */

static void tell_card(struct vnet_port *p, struct xeno_ctl_vnet_nic *u)
{
	struct nic *n = p->nic;

	*u = (struct xeno_ctl_vnet_nic){ .nic = n->nr, .addr = p->addr, .stats = p->stats };
	memcpy(u->mac, n->mac, sizeof(u->mac));
	strlcpy(u->driver, n->driver, sizeof(u->driver));
	memcpy(u->where, n->where, sizeof(u->where));
	nic_lock(n);
	u->flags = (n->link ? XENO_VNET_NICF_LINK : 0) | (n->dead ? XENO_VNET_NICF_DEAD : 0) |
		   (n->can_csum ? XENO_VNET_NICF_CSUM : 0) | (n->can_tso4 ? XENO_VNET_NICF_TSO : 0);
	u->stats.lost = n->tx_dropped + p->stats.lost;
	u->errors = n->rx_errors;
	u->timeouts = n->timeouts;
	u->resets = n->resets;
	nic_unlock(n);
}
_Static_assert(sizeof(((struct nic *)0)->where) == sizeof(((struct xeno_ctl_vnet_nic *)0)->where),
	       "where a card is");

int vnet_nic_info(struct xeno_ctl_vnet_nic *u)
{
	struct vnet_port *p;

	if (u->nic >= nic_count())
		return -ENOENT;
	router_lock();
	p = vnet_port_find(XENO_VNET_NIC(u->nic));
	router_unlock();
	if (!p)
		return -ENOENT;
	tell_card(p, u);
	return 0;
}

int vnet_nic_set(const struct xeno_ctl_vnet_nic *u)
{
	struct vnet_port *p;

	router_lock();
	p = vnet_port_find(XENO_VNET_NIC(u->nic));
	if (p)
		p->addr = u->addr;
	router_unlock();
	return p ? 0 : -ENODEV;
}

/* --- time */

static void ask_again(struct vnet_port *p, struct vnet_batch *b)
{
	uint32_t ask[VNET_NEIGHS / 4];
	unsigned int nr = vnet_neigh_tick(p->neighs, now(), ask, ARRAY_SIZE(ask));

	for (unsigned int i = 0; i < nr; i++)
		vnet_card_ask(p, ask[i], b);
	vnet_card_expire(p, b);
}

static void tick(void *unused)
{
	struct vnet_batch b;

	vnet_batch_init(&b);
	router_lock();
	vnet_ct_expire(router.ct, now(), EXPIRE);
	for (unsigned int i = 0; i < VNET_PORTS; i++)
		if (router.port[i] && router.port[i]->nic)
			ask_again(router.port[i], &b);
	router_unlock();
	vnet_batch_run(&b);
	timer_set(&tick_timer, now() + TICK);
}

/* --- the start */

/* The CPU's generator where there is one, and how long things take. */
static uint64_t random64(void)
{
	static uint64_t state;
	uint64_t hardware = 0;
	uint32_t r[4];

	cpuid(1, 0, r);
	if (r[2] & RDRAND)
		__asm__ volatile("rdrand %0" : "+r"(hardware)::"cc");
	for (unsigned int i = 0; i < 64; i++) {
		cpuid(0, 0, r); /* takes a varying time */
		state = (state << 7 | state >> 57) ^ rdtsc() * 0x9e3779b97f4a7c15ull;
	}
	return state ^ hardware;
}

static unsigned int power_of_two(uint64_t n)
{
	return 1u << (63 - __builtin_clzll(n));
}

static bool ct_init(void)
{
	uint64_t wanted = max(mm_total_pages() / CT_SHARE, (uint64_t)CT_LEAST);
	unsigned int nr = power_of_two(min(wanted, (uint64_t)CT_MOST));
	uint64_t seeds[VNET_CT_SEEDS];
	void *mem = hyp_page_alloc(order_of(vnet_ct_size(nr, VNET_PORTS)));

	if (!mem)
		return false;
	for (unsigned int i = 0; i < VNET_CT_SEEDS; i++)
		seeds[i] = random64();
	router.ct = vnet_ct_init(mem, nr, VNET_PORTS, seeds);
	router.conns = nr;
	return true;
}

/* A card has no memory of its own: what is in front of it is the world. */
static void add_card(struct nic *n)
{
	struct vnet_port *p = hyp_alloc(sizeof(*p));
	int err = -ENOMEM;

	if (p)
		p->neighs = hyp_alloc(sizeof(*p->neighs));
	if (p && p->neighs) {
		p->id = XENO_VNET_NIC(n->nr);
		p->nic = n;
		p->who.mac = get48(n->mac);
		p->neighs->key = random64() | 1;
		init_port(p);
		router_lock();
		err = install(p, router.conns / 4 / nic_count());
		router_unlock();
	}
	if (err)
		printk(LOG_WARN "nic %u: not used (%d)\n", n->nr, err);
}

void vnet_init(void)
{
	if (!ct_init() || vnet_routes_update())
		panic("no memory for the router");
	vnet_lists_init();
	for (unsigned int i = 0; i < nic_count(); i++)
		add_card(nic_get(i));
	vnet_cards_init();
	timer_init(&tick_timer, tick, NULL);
	timer_set(&tick_timer, now() + TICK);
	printk("vnet: %u connections, %u cards\n", router.conns, nic_count());
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lists of the router, as domain 0 reads and replaces them (public/vnet.h): rules, address
 * translation, routes; and, to be read only, counters of rules and connections.
 *
 * A list is always whole: the router sees the old one or the new one. Rules come in pieces
 * into a draft; the last piece makes a set of it (hyp/vnet_rules.h), in slices, beside the one in
 * use, and then the pointer is swapped. Sets are used with the router locked only, so the
 * old one can be freed afterwards. A draft that nobody goes on with stays until the next
 * one; for a second it keeps others out, so that two callers do not make one list together.
 *
 * Elements are read from the caller into memory of ours, once, and checked there.
 */
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/timer.h>
#include <hyp/vnet_router.h>

#define BUILD_SLICE 10000 /* of vnet_rules_build(): 0.2 ms */
#define DRAFT_HOLDS SECONDS(1)

/* One operation at a time; taken before router.lock. */
static struct spinlock lists_lock = SPINLOCK_INIT(RANK_CONTROL, "vnet lists");

/* --- protected by lists_lock */
static uint8_t buf[XENO_VNET_LIST_PIECE] __aligned(8); /* elements on their way */
static struct {
	struct xeno_vnet_rule *rules; /* NULL: there is none */
	uint32_t nr, total;	      /* that have come, that will have */
	struct vnet_rules *set;	      /* once all are here: being built */
	struct xeno_ctl_vnet_list last;
	s_time_t touched;
} draft;

static unsigned int set_order(unsigned int nr)
{
	return order_of(vnet_rules_size(nr));
}

static void set_free(struct vnet_rules *set)
{
	if (set)
		hyp_page_free(set, set_order(vnet_rules_count(set)));
}

void vnet_lists_init(void)
{
	void *mem = hyp_page_alloc(set_order(0));

	BUG_ON(!mem);
	router.rules = vnet_rules_begin(mem, NULL, 0, now());
	BUG_ON(vnet_rules_build(router.rules, BUILD_SLICE));
}

/* --- getting: the element at or behind *pos, which moves behind it. False: the end */

static bool get_rule(void *to, uint32_t *pos)
{
	const struct xeno_vnet_rule *r = vnet_rules_get(router.rules, *pos);

	if (r)
		*(struct xeno_vnet_rule *)to = *r;
	*pos += !!r;
	return r;
}

static bool get_stat(void *to, uint32_t *pos)
{
	if (*pos >= vnet_rules_count(router.rules))
		return false;
	vnet_rules_stat(router.rules, (*pos)++, to);
	return true;
}

static bool get_nat(void *to, uint32_t *pos)
{
	if (*pos >= router.nr_nat)
		return false;
	*(struct xeno_vnet_nat *)to = router.nat[(*pos)++];
	return true;
}

static bool get_route(void *to, uint32_t *pos)
{
	if (*pos >= router.nr_route)
		return false;
	*(struct xeno_vnet_route *)to = router.route[(*pos)++];
	return true;
}

static bool get_conn(void *to, uint32_t *pos)
{
	static const char *const phase[VNET_CT_NR_PHASES] = {
		[VNET_CT_UDP_NEW] = "unanswered", [VNET_CT_UDP] = "answered",
		[VNET_CT_ICMP] = "echo",	  [VNET_CT_OTHER] = "other",
		[VNET_CT_SYN_SENT] = "SYN sent",  [VNET_CT_SYN_RECEIVED] = "SYN received",
		[VNET_CT_TCP] = "established",	  [VNET_CT_FIN] = "closing",
		[VNET_CT_CLOSED] = "closed",
	};
	const struct vnet_ct_entry *e = vnet_ct_next(router.ct, pos);
	struct xeno_vnet_conn *c = to;

	if (!e)
		return false;
	*c = (struct xeno_vnet_conn){
		.src = e->t[0].src,
		.dst = e->t[0].dst,
		.reply_src = e->t[1].src,
		.reply_dst = e->t[1].dst,
		.sport = e->t[0].sport,
		.dport = e->t[0].dport,
		.reply_sport = e->t[1].sport,
		.reply_dport = e->t[1].dport,
		.iface = e->iface[0],
		.reply_iface = e->iface[1],
		.rule = e->rule,
		.expires_ms = (uint32_t)(max(e->expires - now(), (s_time_t)0) / MILLISECS(1)),
		.packets = { e->packets[0], e->packets[1] },
		.bytes = { e->bytes[0], e->bytes[1] },
		.proto = (uint8_t)e->t[0].proto,
		.assured = e->assured,
	};
	strlcpy(c->phase, phase[e->phase], sizeof(c->phase));
	return true;
}

static uint32_t count_rules(void)
{
	return vnet_rules_count(router.rules);
}

static uint32_t count_nats(void)
{
	return router.nr_nat;
}

static uint32_t count_routes(void)
{
	return router.nr_route;
}

static uint32_t count_conns(void)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < VNET_PORTS; i++)
		n += router.port[i] ? vnet_ct_count(router.ct, i) : 0;
	return n;
}

/* --- setting: u's numbers have been checked, u->bad is XENO_VNET_GOOD */

static void draft_drop(void)
{
	set_free(draft.set);
	if (draft.rules)
		hyp_page_free(draft.rules, order_of(draft.total * sizeof(*draft.rules)));
	memset(&draft, 0, sizeof(draft));
}

static int draft_begin(uint32_t total)
{
	if (draft.rules && now() - draft.touched < DRAFT_HOLDS)
		return -EBUSY;
	draft_drop();
	draft.rules = hyp_page_alloc(order_of(total * sizeof(*draft.rules)));
	draft.total = total;
	return draft.rules ? 0 : -ENOMEM;
}

/* The next piece. -EINVAL: rule u->bad is wrong. */
static int draft_add(struct xeno_ctl_vnet_list *u)
{
	struct xeno_vnet_rule *r = draft.rules + draft.nr;

	if (u->nr && !guest_read(r, u->addr, u->nr * sizeof(*r)))
		return -EFAULT;
	for (uint32_t i = 0; i < u->nr; i++) {
		if (vnet_rule_check(&r[i])) {
			u->bad = u->first + i;
			return -EINVAL;
		}
	}
	draft.nr += u->nr;
	return 0;
}

/* A slice of making the set; 0: it is in place. */
static int draft_build(void)
{
	struct vnet_rules *old;
	void *mem;

	if (!draft.set) {
		mem = hyp_page_alloc(set_order(draft.nr));
		if (!mem)
			return -ENOMEM;
		draft.set = vnet_rules_begin(mem, draft.rules, draft.nr, now());
	}
	if (vnet_rules_build(draft.set, BUILD_SLICE) == -EAGAIN)
		return -EAGAIN;
	router_lock();
	old = router.rules;
	vnet_rules_inherit(draft.set, old);
	router.rules = draft.set;
	router_unlock();
	draft.set = old;
	draft_drop();
	return 0;
}

/* The call that brought the last piece, again. */
static bool is_repeated(const struct xeno_ctl_vnet_list *u)
{
	return draft.set && u->first == draft.last.first && u->nr == draft.last.nr &&
	       u->total == draft.last.total && u->addr == draft.last.addr;
}

static int draft_piece(struct xeno_ctl_vnet_list *u)
{
	int err = 0;

	if (!u->first)
		err = draft_begin(u->total);
	else if (!draft.rules || draft.set || u->first != draft.nr || u->total != draft.total)
		err = -EBUSY;
	return err ? err : draft_add(u);
}

static int set_rules(struct xeno_ctl_vnet_list *u)
{
	int err = is_repeated(u) ? 0 : draft_piece(u);

	if (err == -EBUSY)
		return err;
	draft.last = *u;
	draft.touched = now();
	if (!err && draft.nr == draft.total)
		err = draft_build();
	if (err && err != -EAGAIN)
		draft_drop();
	return u->bad == XENO_VNET_GOOD ? err : 0;
}

/* A list that comes in one piece, into buf. */
static int read_whole(const struct xeno_ctl_vnet_list *u, size_t size)
{
	if (u->first || u->nr != u->total)
		return -EINVAL;
	return !u->nr || guest_read(buf, u->addr, u->nr * size) ? 0 : -EFAULT;
}

static int set_nats(struct xeno_ctl_vnet_list *u)
{
	const struct xeno_vnet_nat *n = (const void *)buf;
	int err = read_whole(u, sizeof(*n));

	if (err)
		return err;
	for (uint32_t i = 0; i < u->nr; i++) {
		if (vnet_nat_check(&n[i])) {
			u->bad = i;
			return 0;
		}
	}
	router_lock();
	memcpy(router.nat, n, u->nr * sizeof(*n));
	router.nr_nat = u->nr;
	router_unlock();
	return 0;
}

static bool route_ok(const struct xeno_vnet_route *r)
{
	bool nic = r->iface >= XENO_VNET_NIC(0);
	bool iface = nic ? r->iface < XENO_VNET_NIC(NIC_MAX) :
			   r->iface <= XENO_VNET_VIF(DOMID_MAX, 0xff);

	return iface && r->len <= 32 && !(r->addr & ~ip4_mask(r->len)) && (nic || !r->gateway) &&
	       !r->pad[0] && !r->pad[1] && !r->pad[2];
}

static void swap_routes(struct xeno_vnet_route *with, uint32_t *nr)
{
	uint32_t n = router.nr_route;

	for (unsigned int i = 0; i < XENO_VNET_ROUTES_MAX; i++) {
		struct xeno_vnet_route r = router.route[i];

		router.route[i] = with[i];
		with[i] = r;
	}
	router.nr_route = *nr;
	*nr = n;
}

static int set_routes(struct xeno_ctl_vnet_list *u)
{
	struct xeno_vnet_route *r = (void *)buf;
	uint32_t nr = u->nr;
	int err = read_whole(u, sizeof(*r));

	if (err)
		return err;
	for (uint32_t i = 0; i < nr; i++) {
		if (!route_ok(&r[i])) {
			u->bad = i;
			return 0;
		}
	}
	router_lock();
	swap_routes(r, &nr);
	err = vnet_routes_update();
	if (err)
		swap_routes(r, &nr);
	router_unlock();
	return err;
}

/* --- the operations */

static const struct list_kind {
	uint16_t size;			      /* of an element */
	uint16_t max;			      /* of them */
	bool open_ended;		      /* u->first says where to go on */
	bool (*get)(void *to, uint32_t *pos); /* router locked */
	uint32_t (*count)(void);	      /* router locked */
	int (*set)(struct xeno_ctl_vnet_list *u);
} kinds[XENO_VNET_NR_LISTS] = {
	[XENO_VNET_LIST_RULES] = { .size = sizeof(struct xeno_vnet_rule),
				   .max = XENO_VNET_RULES_MAX,
				   .get = get_rule,
				   .count = count_rules,
				   .set = set_rules },
	[XENO_VNET_LIST_NATS] = { .size = sizeof(struct xeno_vnet_nat),
				  .max = XENO_VNET_NATS_MAX,
				  .get = get_nat,
				  .count = count_nats,
				  .set = set_nats },
	[XENO_VNET_LIST_ROUTES] = { .size = sizeof(struct xeno_vnet_route),
				    .max = XENO_VNET_ROUTES_MAX,
				    .get = get_route,
				    .count = count_routes,
				    .set = set_routes },
	[XENO_VNET_LIST_STATS] = { .size = sizeof(struct xeno_vnet_rule_stat),
				   .get = get_stat,
				   .count = count_rules },
	[XENO_VNET_LIST_CONNS] = { .size = sizeof(struct xeno_vnet_conn),
				   .open_ended = true,
				   .get = get_conn,
				   .count = count_conns },
};
_Static_assert(XENO_VNET_NATS_MAX * sizeof(struct xeno_vnet_nat) <= sizeof(buf) &&
		       XENO_VNET_ROUTES_MAX * sizeof(struct xeno_vnet_route) <= sizeof(buf),
	       "lists in one piece");

static const struct list_kind *kind_of(const struct xeno_ctl_vnet_list *u)
{
	return u->list < XENO_VNET_NR_LISTS && !u->pad ? &kinds[u->list] : NULL;
}

int vnet_list_get(struct xeno_ctl_vnet_list *u)
{
	const struct list_kind *k = kind_of(u);
	uint32_t room, n = 0, pos = u->first;
	bool more = true;
	int err = 0;

	if (!k)
		return -EINVAL;
	room = min(u->nr, (uint32_t)(sizeof(buf) / k->size));
	spin_lock(&lists_lock);
	router_lock();
	u->total = k->count();
	while (n < room && (more = k->get(buf + n * k->size, &pos)))
		n++;
	router_unlock();
	if (n && !guest_write(u->addr, buf, n * k->size))
		err = -EFAULT;
	spin_unlock(&lists_lock);
	u->nr = n;
	if (k->open_ended)
		u->first = more ? pos : 0;
	return err;
}

int vnet_list_set(struct xeno_ctl_vnet_list *u)
{
	const struct list_kind *k = kind_of(u);
	int err;

	if (!k || !k->set)
		return -EINVAL;
	if (u->total > k->max)
		return -E2BIG;
	if (u->first > u->total || u->nr > u->total - u->first || (u->total && !u->nr) ||
	    u->nr > sizeof(buf) / k->size)
		return -EINVAL;
	u->bad = XENO_VNET_GOOD;
	spin_lock(&lists_lock);
	err = k->set(u);
	spin_unlock(&lists_lock);
	return err;
}

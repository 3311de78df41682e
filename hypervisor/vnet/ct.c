/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections: a table of fixed size, found by either direction's tuple; translation is the
 * difference between one direction's tuple and the other's turned round.
 *
 * Invariants: a used entry is in two hash chains and in one of its owner's two lists, of
 * connections that both sides have agreed to and of others, least recently used first. The
 * sum of the owners' limits is at most the size, so a free entry is there for who is
 * below its limit. At the limit the owner's own oldest that is not agreed to is given up
 * for the new one, else its oldest if that is UDP's or has expired, else the new one is
 * refused: strangers who flood a forwarded port cannot end TCP connections, nor keep the
 * domain from new ones.
 *
 * Hashing is multilinear with secret keys, so that nobody can aim at a chain. Tuples may be in
 * the table once. Expired entries are free to be removed by who meets them; a sweep over
 * the table finds the rest.
 *
 * TCP: state by flags; a reset ends an established connection only with a sequence number
 * near the last acknowledged. Later fragments have their first one's translation, by a small
 * table per sender; they must come behind it.
 *
 * Not here: windows, helpers for protocols that speak of addresses, reassembly.
 */
#include <hyp/lib.h>
#include <hyp/vnet_ct.h>

#define SEC 1000000000ll
#define PORT_TRIES 64
#define RST_WINDOW (1u << 20)

static const s_time_t timeout[VNET_CT_NR_PHASES] = {
	[VNET_CT_UDP_NEW] = 30 * SEC,  [VNET_CT_UDP] = 180 * SEC,
	[VNET_CT_ICMP] = 30 * SEC,     [VNET_CT_OTHER] = 120 * SEC,
	[VNET_CT_SYN_SENT] = 60 * SEC, [VNET_CT_SYN_RECEIVED] = 60 * SEC,
	[VNET_CT_TCP] = 7200 * SEC,    [VNET_CT_FIN] = 120 * SEC,
	[VNET_CT_CLOSED] = 10 * SEC,
};

struct frag {
	uint32_t src, dst;
	uint16_t id;
	uint8_t proto, dir;
	uint32_t entry, serial;
	s_time_t expires;
};

struct owner {
	uint32_t first[2], last[2]; /* lists by assured; index + 1 */
	uint32_t count, limit;
	struct frag frag[VNET_CT_FRAGS];
};

struct vnet_ct {
	uint64_t seeds[VNET_CT_SEEDS];
	unsigned int nr, nr_owners, promised;
	uint32_t free; /* list by next; index + 1 */
	uint32_t sweep, serial;
	struct vnet_ct_entry *e;
	uint32_t *chains; /* 2 * nr */
	struct owner *owners;
};

static uint8_t *lay_out(struct vnet_ct *ct, uint8_t *at, unsigned int nr, unsigned int nr_owners)
{
	at += (sizeof(*ct) + 63) & ~63ul;
	ct->e = (struct vnet_ct_entry *)at;
	at += nr * sizeof(*ct->e);
	ct->owners = (struct owner *)at;
	at += nr_owners * sizeof(*ct->owners);
	ct->chains = (uint32_t *)at;
	return at + 2 * nr * sizeof(*ct->chains);
}

size_t vnet_ct_size(unsigned int nr, unsigned int nr_owners)
{
	struct vnet_ct ct;

	return (size_t)lay_out(&ct, NULL, nr, nr_owners);
}

struct vnet_ct *vnet_ct_init(void *mem, unsigned int nr, unsigned int nr_owners,
			     const uint64_t seeds[VNET_CT_SEEDS])
{
	struct vnet_ct *ct = mem;

	memset(mem, 0, vnet_ct_size(nr, nr_owners));
	lay_out(ct, mem, nr, nr_owners);
	ct->nr = nr;
	ct->nr_owners = nr_owners;
	memcpy(ct->seeds, seeds, sizeof(ct->seeds));
	for (unsigned int i = nr; i > 0; i--) {
		ct->e[i - 1].next = ct->free;
		ct->free = i;
	}
	return ct;
}

int vnet_ct_limit(struct vnet_ct *ct, unsigned int owner, unsigned int limit)
{
	struct owner *o = &ct->owners[owner];

	/* What an owner has above a lower limit stays promised until it is gone. */
	if (limit > ct->nr ||
	    ct->promised - max(o->limit, o->count) + max(limit, o->count) > ct->nr)
		return -ENOSPC;
	ct->promised = ct->promised - max(o->limit, o->count) + max(limit, o->count);
	o->limit = limit;
	return 0;
}

unsigned int vnet_ct_count(const struct vnet_ct *ct, unsigned int owner)
{
	return ct->owners[owner].count;
}

const struct vnet_ct_entry *vnet_ct_next(const struct vnet_ct *ct, unsigned int *nr)
{
	while (*nr < ct->nr)
		if (ct->e[(*nr)++].used)
			return &ct->e[*nr - 1];
	return NULL;
}

/* --- tuples and chains */

static struct vnet_tuple turned(const struct vnet_tuple *t)
{
	return (struct vnet_tuple){ t->dst, t->src, t->dport, t->sport, t->proto };
}

static bool same(const struct vnet_tuple *a, const struct vnet_tuple *b)
{
	return a->src == b->src && a->dst == b->dst && a->sport == b->sport &&
	       a->dport == b->dport && a->proto == b->proto;
}

static uint32_t *chain_of(const struct vnet_ct *ct, const struct vnet_tuple *t)
{
	uint64_t h = ct->seeds[0] + ct->seeds[1] * t->src + ct->seeds[2] * t->dst +
		     ct->seeds[3] * ((uint32_t)t->sport << 16 | t->dport) + ct->seeds[4] * t->proto;

	return &ct->chains[h >> 32 & (2 * ct->nr - 1)];
}

static struct vnet_ct_entry *linked(const struct vnet_ct *ct, uint32_t link, unsigned int *dir)
{
	*dir = (link - 1) & 1;
	return &ct->e[(link - 1) >> 1];
}

static uint32_t index_of(const struct vnet_ct *ct, const struct vnet_ct_entry *e)
{
	return (uint32_t)(e - ct->e);
}

static void chain_add(struct vnet_ct *ct, struct vnet_ct_entry *e, unsigned int dir)
{
	uint32_t *chain = chain_of(ct, &e->t[dir]);

	e->hash_next[dir] = *chain;
	*chain = index_of(ct, e) * 2 + dir + 1;
}

static void chain_remove(struct vnet_ct *ct, struct vnet_ct_entry *e, unsigned int dir)
{
	uint32_t *link = chain_of(ct, &e->t[dir]), self = index_of(ct, e) * 2 + dir + 1;
	unsigned int d;

	while (*link != self) {
		struct vnet_ct_entry *other = linked(ct, *link, &d);

		link = &other->hash_next[d];
	}
	*link = e->hash_next[dir];
}

/* --- owners' lists */

static void list_remove(struct vnet_ct *ct, struct vnet_ct_entry *e)
{
	struct owner *o = &ct->owners[e->owner];

	*(e->prev ? &ct->e[e->prev - 1].next : &o->first[e->assured]) = e->next;
	*(e->next ? &ct->e[e->next - 1].prev : &o->last[e->assured]) = e->prev;
}

static void list_append(struct vnet_ct *ct, struct vnet_ct_entry *e)
{
	struct owner *o = &ct->owners[e->owner];
	uint32_t self = index_of(ct, e) + 1;

	e->prev = o->last[e->assured];
	e->next = 0;
	*(e->prev ? &ct->e[e->prev - 1].next : &o->first[e->assured]) = self;
	o->last[e->assured] = self;
}

static void entry_free(struct vnet_ct *ct, struct vnet_ct_entry *e)
{
	struct owner *o = &ct->owners[e->owner];

	chain_remove(ct, e, 0);
	chain_remove(ct, e, 1);
	list_remove(ct, e);
	ct->promised -= o->count > o->limit;
	o->count--;
	e->used = false;
	e->serial = 0;
	e->next = ct->free;
	ct->free = index_of(ct, e) + 1;
}

void vnet_ct_expire(struct vnet_ct *ct, s_time_t now, unsigned int budget)
{
	while (budget--) {
		struct vnet_ct_entry *e = &ct->e[ct->sweep++ & (ct->nr - 1)];

		if (e->used && e->expires <= now)
			entry_free(ct, e);
	}
}

bool vnet_ct_forget(struct vnet_ct *ct, uint32_t iface, unsigned int *pos, unsigned int budget)
{
	for (; *pos < ct->nr && budget; budget--) {
		struct vnet_ct_entry *e = &ct->e[(*pos)++];

		if (e->used && (e->iface[0] == iface || e->iface[1] == iface))
			entry_free(ct, e);
	}
	return *pos == ct->nr;
}

/* Makes room for one more of the owner, at most by giving up one of its own. */
static bool make_room(struct vnet_ct *ct, unsigned int owner, s_time_t now)
{
	struct owner *o = &ct->owners[owner];
	struct vnet_ct_entry *e;

	if (o->count < o->limit)
		return true;
	if (o->count > o->limit || !o->limit)
		return false;
	e = &ct->e[(o->first[0] ? o->first[0] : o->first[1]) - 1];
	if (o->first[0] || e->expires <= now || e->phase == VNET_CT_UDP)
		entry_free(ct, e);
	else
		vnet_ct_expire(ct, now, 16);
	return o->count < o->limit;
}

/* --- finding */

static struct vnet_ct_entry *find(struct vnet_ct *ct, const struct vnet_tuple *t, s_time_t now,
				  unsigned int *dir)
{
	for (uint32_t link = *chain_of(ct, t); link;) {
		struct vnet_ct_entry *e = linked(ct, link, dir);

		if (same(&e->t[*dir], t)) {
			if (e->expires > now)
				return e;
			entry_free(ct, e);
			return NULL;
		}
		link = e->hash_next[*dir];
	}
	return NULL;
}

static struct frag *frag_slot(struct vnet_ct *ct, unsigned int by, const struct vnet_pkt *p)
{
	uint64_t h = ct->seeds[0] + ct->seeds[1] * p->t.src + ct->seeds[2] * p->t.dst +
		     ct->seeds[3] * (p->t.proto << 16 | p->frag_id);

	return &ct->owners[by].frag[h >> 32 & (VNET_CT_FRAGS - 1)];
}

static enum vnet_why find_frag(struct vnet_ct *ct, const struct vnet_pkt *p, uint32_t in,
			       unsigned int by, s_time_t now, struct vnet_ct_hit *hit)
{
	struct frag *f = frag_slot(ct, by, p);
	struct vnet_ct_entry *e = &ct->e[f->entry];

	if (f->expires <= now || f->src != p->t.src || f->dst != p->t.dst || f->id != p->frag_id ||
	    f->proto != p->t.proto || e->serial != f->serial || e->iface[f->dir] != in)
		return VNET_CT_FRAGMENT;
	*hit = (struct vnet_ct_hit){ .e = e, .dir = f->dir, .state = XENO_VNET_ESTABLISHED };
	return VNET_OK;
}

/* Can p begin a connection? */
static bool begins(const struct vnet_pkt *p)
{
	if (p->t.proto == VNET_IP_TCP)
		return (p->tcp_flags & (VNET_TCP_SYN | VNET_TCP_ACK | VNET_TCP_RST |
					VNET_TCP_FIN)) == VNET_TCP_SYN;
	return p->t.proto != VNET_IP_ICMP || p->icmp_type == 8;
}

/* A ping goes one way, its answer the other. */
static bool wrong_way(const struct vnet_pkt *p, unsigned int dir)
{
	return p->t.proto == VNET_IP_ICMP && !p->icmp_error && (p->icmp_type == 8) == dir;
}

/* A TCP connection that is over, and a packet that begins the next one. */
static bool begins_again(const struct vnet_ct_entry *e, const struct vnet_pkt *p)
{
	return e->phase == VNET_CT_CLOSED && p->t.proto == VNET_IP_TCP && begins(p);
}

enum vnet_why vnet_ct_find(struct vnet_ct *ct, const struct vnet_pkt *p, uint32_t in,
			   unsigned int by, s_time_t now, struct vnet_ct_hit *hit)
{
	struct vnet_tuple t = p->icmp_error ? turned(&p->it) : p->t;
	struct vnet_ct_entry *e;
	unsigned int dir;

	*hit = (struct vnet_ct_hit){ .state = XENO_VNET_INVALID };
	vnet_ct_expire(ct, now, 2);
	if (p->frag_off)
		return find_frag(ct, p, in, by, now, hit);
	if (p->untracked || (p->icmp_error && p->it.src != p->t.dst))
		return VNET_OK;
	e = find(ct, &t, now, &dir);
	if (e && begins_again(e, p)) {
		entry_free(ct, e);
		e = NULL;
	}
	if (!e) {
		if (!p->icmp_error && begins(p))
			hit->state = XENO_VNET_NEW;
	} else if (e->iface[dir] == in && !wrong_way(p, dir)) {
		hit->e = e;
		hit->dir = (uint8_t)dir;
		hit->state = p->icmp_error ? XENO_VNET_RELATED : XENO_VNET_ESTABLISHED;
	}
	return VNET_OK;
}

void vnet_ct_dest(const struct vnet_ct_hit *hit, const struct vnet_nat *nat,
		  const struct vnet_pkt *p, uint32_t *dst, uint16_t *dport)
{
	*dst = p->t.dst;
	*dport = p->t.dport;
	if (hit->e) {
		*dst = hit->e->t[!hit->dir].src;
		*dport = hit->e->t[!hit->dir].sport;
	} else if (nat && nat->to) {
		*dst = nat->to;
		*dport = nat->to_port;
	}
}

/* --- beginning */

static bool taken(struct vnet_ct *ct, const struct vnet_tuple *t, s_time_t now)
{
	unsigned int dir;

	return find(ct, t, now, &dir);
}

static bool has_ports(unsigned int proto)
{
	return proto == VNET_IP_TCP || proto == VNET_IP_UDP || proto == VNET_IP_ICMP;
}

/* Gives the answers' tuple a destination port that nobody else has. */
static bool find_port(struct vnet_ct *ct, struct vnet_tuple *back, const struct vnet_nat *nat,
		      s_time_t now)
{
	uint32_t range = nat->port_hi - nat->port_lo + 1u;
	uint64_t at;

	if (!has_ports(back->proto))
		return !taken(ct, back, now);
	if (back->dport >= nat->port_lo && back->dport <= nat->port_hi && !taken(ct, back, now))
		return true;
	at = ct->seeds[0] * (back->src + (uint64_t)++ct->serial) + ct->seeds[1] * back->dport;
	for (unsigned int i = 0; i < PORT_TRIES && i < range; i++) {
		back->dport = (uint16_t)(nat->port_lo + ((at >> 32) + i) % range);
		if (!taken(ct, back, now))
			return true;
	}
	return false;
}

static uint8_t first_phase(const struct vnet_pkt *p)
{
	return p->t.proto == VNET_IP_TCP  ? VNET_CT_SYN_SENT :
	       p->t.proto == VNET_IP_UDP  ? VNET_CT_UDP_NEW :
	       p->t.proto == VNET_IP_ICMP ? VNET_CT_ICMP :
					    VNET_CT_OTHER;
}

enum vnet_why vnet_ct_create(struct vnet_ct *ct, const struct vnet_pkt *p, uint32_t in,
			     uint32_t out, unsigned int owner, uint32_t rule,
			     const struct vnet_nat *nat, s_time_t now, struct vnet_ct_hit *hit)
{
	struct vnet_tuple back = turned(&p->t);
	struct vnet_ct_entry *e;

	if (nat->to) {
		back.src = nat->to;
		back.sport = has_ports(p->t.proto) ? nat->to_port : 0;
	}
	if (nat->from)
		back.dst = nat->from;
	if (nat->from ? !find_port(ct, &back, nat, now) : taken(ct, &back, now))
		return VNET_CT_PORTS;
	if (!make_room(ct, owner, now) || taken(ct, &p->t, now))
		return VNET_CT_LIMIT;
	e = &ct->e[ct->free - 1];
	ct->free = e->next;
	if (!++ct->serial)
		ct->serial++;
	*e = (struct vnet_ct_entry){
		.t = { p->t, back },
		.iface = { in, out },
		.expires = now + timeout[first_phase(p)],
		.rule = rule,
		.serial = ct->serial,
		.owner = (uint16_t)owner,
		.phase = first_phase(p),
		.used = true,
	};
	ct->owners[owner].count++;
	chain_add(ct, e, 0);
	chain_add(ct, e, 1);
	list_append(ct, e);
	*hit = (struct vnet_ct_hit){ .e = e, .state = XENO_VNET_ESTABLISHED };
	return VNET_OK;
}

/* --- going on */

static uint8_t tcp_phase(struct vnet_ct_entry *e, unsigned int dir, const struct vnet_pkt *p)
{
	unsigned int flags = p->tcp_flags;

	if (flags & VNET_TCP_RST) {
		bool begun = e->phase == VNET_CT_TCP || e->phase == VNET_CT_FIN;
		bool near = p->seq - e->ack[!dir] + 1 < RST_WINDOW;

		return begun && !near ? e->phase : VNET_CT_CLOSED;
	}
	if (flags & VNET_TCP_ACK)
		e->ack[dir] = p->ack;
	switch (e->phase) {
	case VNET_CT_SYN_SENT:
		return dir && (flags & VNET_TCP_SYN) && (flags & VNET_TCP_ACK) ?
			       VNET_CT_SYN_RECEIVED :
			       VNET_CT_SYN_SENT;
	case VNET_CT_SYN_RECEIVED:
		if (dir || !(flags & VNET_TCP_ACK))
			return VNET_CT_SYN_RECEIVED;
		break;
	case VNET_CT_CLOSED:
		return VNET_CT_CLOSED;
	default:
		break;
	}
	if (flags & VNET_TCP_FIN)
		e->fins |= (uint8_t)(1u << dir);
	return e->fins == 3 ? VNET_CT_CLOSED : e->fins ? VNET_CT_FIN : VNET_CT_TCP;
}

static uint8_t next_phase(struct vnet_ct_entry *e, unsigned int dir, const struct vnet_pkt *p)
{
	if (p->t.proto == VNET_IP_TCP && p->has_l4)
		return tcp_phase(e, dir, p);
	return e->phase == VNET_CT_UDP_NEW && dir ? VNET_CT_UDP : e->phase;
}

static void note_fragment(struct vnet_ct *ct, const struct vnet_ct_hit *hit,
			  const struct vnet_pkt *p, unsigned int by, s_time_t now)
{
	*frag_slot(ct, by, p) = (struct frag){
		.src = p->t.src,
		.dst = p->t.dst,
		.id = p->frag_id,
		.proto = (uint8_t)p->t.proto,
		.dir = hit->dir,
		.entry = index_of(ct, hit->e),
		.serial = hit->e->serial,
		.expires = now + 30 * SEC,
	};
}

void vnet_ct_commit(struct vnet_ct *ct, const struct vnet_ct_hit *hit, const struct vnet_pkt *p,
		    unsigned int by, s_time_t now)
{
	struct vnet_ct_entry *e = hit->e;
	uint8_t before;

	if (!e || hit->state == XENO_VNET_RELATED)
		return;
	before = e->phase;
	e->packets[hit->dir]++;
	e->bytes[hit->dir] += p->len;
	if (p->fragment && !p->frag_off)
		note_fragment(ct, hit, p, by, now);
	e->phase = next_phase(e, hit->dir, p);
	if (e->phase != VNET_CT_CLOSED || before != VNET_CT_CLOSED)
		e->expires = now + timeout[e->phase];
	list_remove(ct, e);
	e->assured = e->phase != VNET_CT_CLOSED &&
		     (e->assured || e->phase == VNET_CT_TCP ||
		      (e->phase == VNET_CT_UDP && !hit->dir && before == VNET_CT_UDP));
	list_append(ct, e);
}

/* --- rewriting */

/* Checksums over a field: offsets in h, 0 = none. */
struct sums {
	uint16_t at[2];
};

static void set_field(uint8_t *h, unsigned int at, uint16_t to, struct sums sums)
{
	uint16_t from = get16(h + at);

	put16(h + at, to);
	for (unsigned int i = 0; i < 2; i++)
		if (sums.at[i])
			vnet_csum_change16(h + sums.at[i], from, to);
}

/* As set_field() for a field that one checksum covers, which lies in what another covers. */
static void set_covered(uint8_t *h, unsigned int at, uint16_t to, unsigned int sum,
			unsigned int outer)
{
	uint16_t before = sum ? get16(h + sum) : 0;

	set_field(h, at, to, (struct sums){ { (uint16_t)sum, (uint16_t)outer } });
	if (sum && outer)
		vnet_csum_change16(h + outer, before, get16(h + sum));
}

/* A header's addresses become t's. sum: of the IP header; l4: another that covers them. */
static void set_addresses(uint8_t *h, unsigned int ip, const struct vnet_tuple *t, unsigned int l4)
{
	const uint32_t to[] = { t->src, t->dst };

	for (unsigned int i = 0; i < 4; i++)
		set_covered(h, ip + 12 + 2 * i, (uint16_t)(to[i / 2] >> (i % 2 ? 0 : 16)), ip + 10,
			    l4);
}

/*
 * The same for TCP's and UDP's checksum, of which addresses are a part by the pseudo header. A
 * partial one is a sum, not the complement of one: the update is done on the complement.
 */
static void pseudo_change(uint8_t *sum, const struct vnet_tuple *from, const struct vnet_tuple *to,
			  bool partial)
{
	if (partial)
		put16(sum, (uint16_t)~get16(sum));
	vnet_csum_change32(sum, from->src, to->src);
	vnet_csum_change32(sum, from->dst, to->dst);
	if (partial)
		put16(sum, (uint16_t)~get16(sum));
}

/* Offset of the port or identifier of a side in the header of TCP, UDP or ICMP; 0: it has none. */
static unsigned int port_at(unsigned int l4, unsigned int proto, unsigned int type, bool dst)
{
	if (proto != VNET_IP_ICMP)
		return l4 + 2 * dst;
	return type == (dst ? 0 : 8) ? l4 + 4 : 0;
}

static void rewrite_l4(uint8_t *h, struct vnet_pkt *p, const struct vnet_tuple *t)
{
	unsigned int sum = p->l4 + vnet_csum_offset(p->t.proto);
	bool udp = p->t.proto == VNET_IP_UDP, icmp = p->t.proto == VNET_IP_ICMP;
	bool none = udp && !get16(h + sum) && !p->partial;

	if (!icmp && !none)
		pseudo_change(h + sum, &p->t, t, p->partial);
	for (unsigned int dst = 0; dst < 2; dst++) {
		unsigned int at = port_at(p->l4, p->t.proto, p->icmp_type, dst);

		if (at)
			set_covered(h, at, dst ? t->dport : t->sport, none || p->partial ? 0 : sum,
				    0);
	}
	if (udp && !none && !p->partial && !get16(h + sum))
		put16(h + sum, 0xffff);
}

/* The packet in an error becomes what its sender had sent. */
static void rewrite_inner(uint8_t *h, struct vnet_pkt *p, const struct vnet_tuple *t)
{
	unsigned int outer = p->l4 + 2u, l4 = p->inner_l4, offset = vnet_csum_offset(p->it.proto);
	unsigned int sum = offset && l4 + offset + 2 <= p->inner + p->inner_len + 0u ? l4 + offset :
										       0;

	if (sum && p->it.proto == VNET_IP_UDP && !get16(h + sum))
		sum = 0;
	if (sum && p->it.proto != VNET_IP_ICMP) {
		uint16_t before = get16(h + sum);

		pseudo_change(h + sum, &p->it, t, false);
		vnet_csum_change16(h + outer, before, get16(h + sum));
	}
	set_addresses(h, p->inner, t, outer);
	for (unsigned int dst = 0; dst < 2 && offset; dst++) {
		unsigned int at = port_at(l4, p->it.proto, h[l4], dst);

		if (at)
			set_covered(h, at, dst ? t->dport : t->sport, sum, outer);
	}
	p->it = *t;
}

void vnet_ct_rewrite(const struct vnet_ct_hit *hit, uint8_t *h, struct vnet_pkt *p)
{
	const struct vnet_ct_entry *e = hit->e;
	struct vnet_tuple t, here;

	if (!e)
		return;
	t = turned(&e->t[!hit->dir]);
	here = e->t[hit->dir];
	if (same(&t, &here))
		return;
	if (p->icmp_error) {
		rewrite_inner(h, p, &e->t[!hit->dir]);
		/* A router on the way may have sent it: what hides the end hides that router. */
		if (t.src == here.src)
			t.src = p->t.src;
		t.proto = p->t.proto;
		t.sport = t.dport = 0;
	} else if (p->has_l4) {
		rewrite_l4(h, p, &t);
	} else {
		t.sport = t.dport = 0;
	}
	set_addresses(h, p->l3, &t, 0);
	p->t = t;
}

/* --- which translation */

int vnet_nat_check(const struct xeno_vnet_nat *n)
{
	bool forward = n->kind == XENO_VNET_FORWARD;
	bool ok = n->kind < XENO_VNET_NR_NAT_KINDS && n->src_len <= 32 &&
		  !(n->src & ~ip4_mask(min(n->src_len, (uint8_t)32))) && !n->pad && !n->pad2 &&
		  n->port_lo && n->port_lo <= n->port_hi &&
		  (forward ?
			   n->to && n->to_port && n->to_port + (n->port_hi - n->port_lo) <= 65535 &&
				   (n->proto == VNET_IP_TCP || n->proto == VNET_IP_UDP) :
			   !n->to && !n->to_port && !n->proto);

	return ok ? 0 : -EINVAL;
}

static bool nat_fits(const struct xeno_vnet_nat *n, uint32_t addr, const struct vnet_pkt *p)
{
	if ((p->t.src & ip4_mask(n->src_len)) != n->src)
		return false;
	return n->kind == XENO_VNET_MASQUERADE ||
	       (addr && p->has_l4 && p->t.proto == n->proto && p->t.dst == addr &&
		p->t.dport >= n->port_lo && p->t.dport <= n->port_hi);
}

bool vnet_nat_find(const struct xeno_vnet_nat *list, unsigned int nr, enum xeno_vnet_nat_kind kind,
		   uint32_t iface, uint32_t iface_addr, const struct vnet_pkt *p,
		   struct vnet_nat *nat)
{
	for (const struct xeno_vnet_nat *n = list; n < list + nr; n++) {
		uint32_t addr = n->addr ? n->addr : iface_addr;

		if (n->kind != kind || n->iface != iface || !nat_fits(n, addr, p))
			continue;
		if (kind == XENO_VNET_FORWARD) {
			nat->to = n->to;
			nat->to_port = (uint16_t)(n->to_port + (p->t.dport - n->port_lo));
		} else {
			nat->from = addr;
			nat->port_lo = n->port_lo;
			nat->port_hi = n->port_hi;
		}
		return true;
	}
	return false;
}

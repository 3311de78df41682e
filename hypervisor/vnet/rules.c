/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classifier. A rule is a box in six dimensions (addresses, ports, protocol, the other
 * interface), and two small tests more (TCP flags, state); a packet is a point, and wanted
 * is the first box around it.
 *
 * Rules of one interface and direction are a group, found by a hash: others cost nothing. In a
 * group, rules are parted by which dimensions they leave (nearly) open, since boxes that
 * are wide in different dimensions cut each other into too many pieces; small parts are put
 * together. Each part is a binary tree: a node halves its box at an edge of a rule; a leaf
 * lists the few rules that reach into its box, in order, up to the first that covers it
 * whole. Trees are searched in order of their first rules, until what was found is before.
 *
 * Memory is bounded: a tree of n rules may use 5(n + 2) units, shared out to its branches; a
 * leaf with k rules costs k + 2; a branch that cannot pay for a cut is a leaf, however
 * long. So bad sets of rules cost time, not memory, and nothing at all to other interfaces.
 * A bit vector would take n bits for each of 2n edges of a dimension, 25 MB for 10,000 rules.
 *
 * Building is cut into slices. Searching reads only, and needs no lock. CPUs may race for a
 * bucket: then a few packets more pass.
 *
 * Not here: what actions mean, and connections.
 */
#include <hyp/lib.h>
#include <hyp/vnet_rules.h>

#define LEAF 6	     /* rules that are not worth a cut */
#define SMALL 16     /* rules that are not worth a tree of their own */
#define MAX_DEPTH 40 /* of a tree */
#define SAMPLES 64   /* edges of which the middle one is taken */
#define SHARE 5	     /* units of a tree, per rule */
#define EXTRA 0x80   /* in masks of dimensions: flags or state are tested too */
#define IS_LEAF 0xff

struct box {
	uint32_t lo[VNET_DIMS], hi[VNET_DIMS];
};

struct compiled {
	struct box box;
	uint16_t tcp_mask, tcp_value;
	uint8_t states, wide, extra;
};

struct state {
	uint64_t packets, bytes, over;
	struct vnet_bucket packets_bucket, bytes_bucket;
};

struct node {
	uint32_t split; /* v[dim] > split: the second child */
	uint32_t at;	/* of the first child; leaf: in refs */
	uint16_t nr;	/* leaf: rules */
	uint8_t dim;	/* or IS_LEAF */
};

struct tree {
	uint32_t root;
	uint16_t first;	 /* rule: the lowest */
	uint16_t at, nr; /* its rules in lists */
};

struct group {
	uint64_t id; /* iface << 1 | dir */
	uint16_t tree, nr_trees;
};

struct work { /* a branch to build; its rules are list[off .. off + nr) */
	struct box box;
	uint32_t node, units, off;
	uint16_t nr, depth;
};

struct vnet_rules {
	unsigned int nr, nr_groups, nr_trees, nr_slots; /* slots: power of two */
	uint32_t nr_nodes, nr_refs;
	struct xeno_vnet_rule *rules;
	struct compiled *c;
	struct state *state;
	struct group *groups; /* nr */
	uint16_t *slots;      /* index into groups + 1 */
	struct tree *trees;   /* nr */
	struct node *nodes;
	uint16_t *refs;
	/* while it is built */
	uint64_t *order;
	uint16_t *lists; /* rules of the trees */
	uint16_t *list, *tmp;
	uint8_t *mask; /* of tmp: dimensions in which the rule does not cover the box */
	struct work *work;
	unsigned int nr_work, next_tree;
};

/* --- checking and compiling one rule */

static bool prefix_ok(uint32_t addr, unsigned int len)
{
	return len <= 32 && !(addr & ~ip4_mask(len));
}

static bool ports_any(const struct xeno_vnet_rule *r)
{
	return !r->sport_lo && r->sport_hi == 65535 && !r->dport_lo && r->dport_hi == 65535;
}

static bool limit_ok(uint64_t limit, uint32_t burst)
{
	return limit ? limit <= 1ull << 40 : !burst;
}

int vnet_rule_check(const struct xeno_vnet_rule *r)
{
	bool ports = r->proto == VNET_IP_TCP || r->proto == VNET_IP_UDP;
	bool ok = prefix_ok(r->src, r->src_len) && prefix_ok(r->dst, r->dst_len) &&
		  r->dir < XENO_VNET_NR_DIRS && r->action < XENO_VNET_NR_ACTIONS &&
		  !(r->flags & ~XENO_VNETRF_ALL) && !(r->states & ~XENO_VNET_STATES) && !r->pad &&
		  (!(r->flags & XENO_VNETRF_KEEP) || r->action == XENO_VNET_ACCEPT) &&
		  (r->flags & XENO_VNETRF_COPY || !r->copy_to) && !(r->tcp_value & ~r->tcp_mask) &&
		  (!r->tcp_mask || r->proto == VNET_IP_TCP) && r->sport_lo <= r->sport_hi &&
		  r->dport_lo <= r->dport_hi && (ports || ports_any(r)) &&
		  r->icmp_type <= XENO_VNET_ICMP_ANY && r->icmp_code <= XENO_VNET_ICMP_ANY &&
		  (r->icmp_type < XENO_VNET_ICMP_ANY ? r->proto == VNET_IP_ICMP :
						       r->icmp_code == XENO_VNET_ICMP_ANY) &&
		  limit_ok(r->packets_limit, r->packets_burst) &&
		  limit_ok(r->bytes_limit, r->bytes_burst);

	return ok ? 0 : -EINVAL;
}

static void set_range(struct box *b, unsigned int dim, uint32_t lo, uint32_t hi)
{
	b->lo[dim] = lo;
	b->hi[dim] = hi;
}

static void set_ports(struct box *b, unsigned int dim, uint16_t lo, uint16_t hi)
{
	set_range(b, dim, lo, !lo && hi == 65535 ? VNET_NO_PORT : hi);
}

static const struct box all = {
	.hi = { [VNET_D_SRC] = ~0u,
		[VNET_D_DST] = ~0u,
		[VNET_D_PEER] = ~0u,
		[VNET_D_SPORT] = VNET_NO_PORT,
		[VNET_D_DPORT] = VNET_NO_PORT,
		[VNET_D_PROTO] = 255 },
};

static uint8_t wide_dims(const struct box *b)
{
	uint8_t wide = 0;

	for (unsigned int d = 0; d < VNET_D_PROTO; d++)
		wide |= (uint8_t)((b->hi[d] - b->lo[d] >= all.hi[d] / 2) << d);
	return wide;
}

static void compile(struct compiled *c, const struct xeno_vnet_rule *r)
{
	*c = (struct compiled){ .box = all };
	set_range(&c->box, VNET_D_SRC, r->src, r->src | ~ip4_mask(r->src_len));
	set_range(&c->box, VNET_D_DST, r->dst, r->dst | ~ip4_mask(r->dst_len));
	if (r->peer != XENO_VNET_ANY)
		set_range(&c->box, VNET_D_PEER, r->peer, r->peer);
	set_ports(&c->box, VNET_D_SPORT, r->sport_lo, r->sport_hi);
	set_ports(&c->box, VNET_D_DPORT, r->dport_lo, r->dport_hi);
	if (r->icmp_type < XENO_VNET_ICMP_ANY) {
		uint32_t code = r->icmp_code & 0xffu;
		uint32_t last = r->icmp_code < XENO_VNET_ICMP_ANY ? code : 255;

		set_range(&c->box, VNET_D_DPORT, r->icmp_type << 8 | code,
			  r->icmp_type << 8 | last);
	}
	if (r->proto)
		set_range(&c->box, VNET_D_PROTO, r->proto, r->proto);
	if (r->tcp_mask) {
		c->tcp_mask = 0x100 | r->tcp_mask;
		c->tcp_value = 0x100 | r->tcp_value;
	}
	c->states = r->states ? r->states : XENO_VNET_STATES;
	c->extra = r->tcp_mask || c->states != XENO_VNET_STATES ? EXTRA : 0;
	c->wide = wide_dims(&c->box);
}

static void set_bucket(struct vnet_bucket *b, uint64_t limit, uint32_t burst, uint32_t least,
		       s_time_t now)
{
	if (!burst)
		burst = (uint32_t)min(limit / 10, 0xfffffffful);
	vnet_bucket_init(b, limit, max(burst, least), now);
}

/* --- building */

static unsigned int slots_for(unsigned int nr)
{
	unsigned int n = 4;

	while (n < 2 * nr)
		n *= 2;
	return n;
}

/* Units of all trees of nr rules: those of more than LEAF are less than nr / LEAF. */
static size_t units_for(unsigned int nr)
{
	return SHARE * (nr + 2 * (nr / LEAF) + 2) + nr;
}

static void *carve(uint8_t **at, size_t size)
{
	void *p = *at;

	*at += (size + 7) & ~7ul;
	return p;
}

/* Lays set out at mem, of which only what is returned matters when set is NULL: the size. */
static size_t lay_out(struct vnet_rules *s, uint8_t *mem, unsigned int nr)
{
	size_t units = units_for(nr);
	uint8_t *at = mem;

	carve(&at, (sizeof(*s) + 63) & ~63ul);
	s->c = carve(&at, nr * sizeof(*s->c));
	s->rules = carve(&at, nr * sizeof(*s->rules));
	s->state = carve(&at, nr * sizeof(*s->state));
	s->groups = carve(&at, nr * sizeof(*s->groups));
	s->slots = carve(&at, slots_for(nr) * sizeof(*s->slots));
	s->trees = carve(&at, nr * sizeof(*s->trees));
	s->nodes = carve(&at, units * sizeof(*s->nodes));
	s->refs = carve(&at, units * sizeof(*s->refs));
	s->order = carve(&at, nr * sizeof(*s->order));
	s->lists = carve(&at, nr * sizeof(*s->lists));
	s->list = carve(&at, units * sizeof(*s->list));
	s->tmp = carve(&at, nr * sizeof(*s->tmp));
	s->mask = carve(&at, nr);
	s->work = carve(&at, (MAX_DEPTH + 2) * sizeof(*s->work));
	return (size_t)(at - mem);
}

size_t vnet_rules_size(unsigned int nr)
{
	struct vnet_rules s;

	return lay_out(&s, NULL, nr);
}

static unsigned int slot_of(const struct vnet_rules *s, uint64_t id)
{
	return (unsigned int)(id * 0x9e3779b97f4a7c15ull >> 40) & (s->nr_slots - 1);
}

static const struct group *group_find(const struct vnet_rules *s, uint64_t id)
{
	for (unsigned int i = slot_of(s, id); s->slots[i]; i = (i + 1) & (s->nr_slots - 1))
		if (s->groups[s->slots[i] - 1].id == id)
			return &s->groups[s->slots[i] - 1];
	return NULL;
}

static void group_add(struct vnet_rules *s, uint64_t id, unsigned int tree)
{
	unsigned int i = slot_of(s, id);

	while (s->slots[i])
		i = (i + 1) & (s->nr_slots - 1);
	s->groups[s->nr_groups] = (struct group){ .id = id, .tree = (uint16_t)tree };
	s->slots[i] = (uint16_t)++s->nr_groups;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static int by_edge(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int by_first(const void *a, const void *b)
{
	return ((const struct tree *)a)->first - ((const struct tree *)b)->first;
}

/* Order of rules: group (33 bits), wide dimensions (5), position (14). */
static uint64_t rank_of(const struct xeno_vnet_rule *r, const struct compiled *c, unsigned int i)
{
	return ((uint64_t)r->iface << 1 | r->dir) << 19 | (uint64_t)c->wide << 14 | i;
}

static void tree_add(struct vnet_rules *s, unsigned int at, unsigned int nr)
{
	s->trees[s->nr_trees++] =
		(struct tree){ .first = s->lists[at], .at = (uint16_t)at, .nr = (uint16_t)nr };
}

/* Parts the group whose rules are order[from .. to) into trees. */
static void part_group(struct vnet_rules *s, unsigned int from, unsigned int to)
{
	unsigned int put = from, small = 0, first = s->nr_trees, end;

	group_add(s, s->order[from] >> 19, first);
	for (unsigned int i = from; i < to; i = end) {
		for (end = i + 1; end < to && s->order[end] >> 14 == s->order[i] >> 14;)
			end++;
		if (end - i <= SMALL) { /* gathered in tmp */
			while (i < end)
				s->tmp[small++] = s->order[i++] & 0x3fff;
			continue;
		}
		for (unsigned int k = i; k < end; k++)
			s->lists[put + k - i] = s->order[k] & 0x3fff;
		tree_add(s, put, end - i);
		put += end - i;
	}
	sort(s->tmp, small, sizeof(*s->tmp), by_number);
	for (unsigned int i = 0; i < small; i++)
		s->lists[put + i] = s->tmp[i];
	if (small)
		tree_add(s, put, small);
	s->groups[s->nr_groups - 1].nr_trees = (uint16_t)(s->nr_trees - first);
	sort(s->trees + first, s->nr_trees - first, sizeof(*s->trees), by_first);
}

struct vnet_rules *vnet_rules_begin(void *mem, const struct xeno_vnet_rule *rules, unsigned int nr,
				    s_time_t now)
{
	struct vnet_rules *s = mem;
	unsigned int end;

	*s = (struct vnet_rules){ .nr = nr, .nr_slots = slots_for(nr) };
	lay_out(s, mem, nr);
	memset(s->slots, 0, s->nr_slots * sizeof(*s->slots));
	for (unsigned int i = 0; i < nr; i++) {
		s->rules[i] = rules[i];
		compile(&s->c[i], &rules[i]);
		s->state[i] = (struct state){ 0 };
		set_bucket(&s->state[i].packets_bucket, rules[i].packets_limit,
			   rules[i].packets_burst, rules[i].packets_burst ? 1 : 16, now);
		set_bucket(&s->state[i].bytes_bucket, rules[i].bytes_limit, rules[i].bytes_burst,
			   rules[i].bytes_burst ? 1 : 65536, now);
		s->order[i] = rank_of(&rules[i], &s->c[i], i);
	}
	sort(s->order, nr, sizeof(*s->order), by_value);
	for (unsigned int i = 0; i < nr; i = end) {
		for (end = i + 1; end < nr && s->order[end] >> 19 == s->order[i] >> 19;)
			end++;
		part_group(s, i, end);
	}
	return s;
}

static void make_leaf(struct vnet_rules *s, const struct work *w)
{
	s->nodes[w->node] = (struct node){ .dim = IS_LEAF, .at = s->nr_refs, .nr = w->nr };
	for (unsigned int i = 0; i < w->nr; i++)
		s->refs[s->nr_refs++] = s->list[w->off + i];
}

/* The middle of the edges of the rules in tmp within the box, if there is one. */
static bool middle_edge(const struct vnet_rules *s, const struct work *w, unsigned int d,
			uint32_t *v)
{
	uint32_t edges[SAMPLES];
	unsigned int nr = 0, step = 1, skip = 0;

	for (unsigned int i = 0; i < 2u * w->nr; i++) {
		const struct box *b = &s->c[s->tmp[i / 2]].box;
		bool low = i & 1;
		uint32_t edge = low ? b->lo[d] - 1 : b->hi[d];

		if (low ? b->lo[d] <= w->box.lo[d] : b->hi[d] >= w->box.hi[d])
			continue;
		if (skip++ % step)
			continue;
		if (nr == SAMPLES) { /* keep every other one */
			for (nr = 0; nr < SAMPLES / 2; nr++)
				edges[nr] = edges[2 * nr];
			step *= 2;
		}
		edges[nr++] = edge;
	}
	if (!nr)
		return false;
	sort(edges, nr, sizeof(*edges), by_edge);
	*v = edges[nr / 2];
	return true;
}

static bool in_half(const struct box *b, unsigned int d, uint32_t v, bool upper)
{
	return upper ? b->hi[d] > v : b->lo[d] <= v;
}

/*
 * Rules of tmp that reach into one half of the box, cut at v of d, up to the first
 * that covers it; into out unless that is NULL. Their number.
 */
static unsigned int half(const struct vnet_rules *s, const struct work *w, unsigned int d,
			 uint32_t v, bool upper, uint16_t *out)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < w->nr; i++) {
		const struct box *b = &s->c[s->tmp[i]].box;

		if (!in_half(b, d, v, upper))
			continue;
		if (out)
			out[n] = s->tmp[i];
		n++;
		if (!(s->mask[i] & ~(1u << d)) &&
		    (upper ? b->lo[d] <= v + 1 && b->hi[d] >= w->box.hi[d] :
			     b->lo[d] <= w->box.lo[d] && b->hi[d] >= v))
			break;
	}
	return n;
}

static uint8_t open_dims(const struct compiled *c, const struct box *box)
{
	uint8_t mask = c->extra;

	for (unsigned int d = 0; d < VNET_DIMS; d++)
		mask |= (uint8_t)((c->box.lo[d] > box->lo[d] || c->box.hi[d] < box->hi[d]) << d);
	return mask;
}

struct cut {
	unsigned int dim, lower, upper;
	uint32_t v;
};

/* The cut that leaves least: in the larger half, then in both. */
static bool best_cut(const struct vnet_rules *s, const struct work *w, uint8_t dims,
		     struct cut *best)
{
	unsigned int least = ~0u;

	for (unsigned int d = 0; d < VNET_DIMS; d++) {
		struct cut c = { .dim = d };
		unsigned int score;

		if (!(dims & 1u << d) || !middle_edge(s, w, d, &c.v))
			continue;
		c.lower = half(s, w, d, c.v, false, NULL);
		c.upper = half(s, w, d, c.v, true, NULL);
		score = 2 * max(c.lower, c.upper) + c.lower + c.upper;
		if (score < least) {
			least = score;
			*best = c;
		}
	}
	return least != ~0u && w->units >= best->lower + best->upper + 4;
}

static void build_one(struct vnet_rules *s)
{
	struct work *w = &s->work[s->nr_work - 1], *lower = w + 1;
	uint32_t at = s->nr_nodes, spare;
	uint8_t dims = 0;
	struct cut c;

	for (unsigned int i = 0; i < w->nr; i++) {
		s->tmp[i] = s->list[w->off + i];
		s->mask[i] = open_dims(&s->c[s->tmp[i]], &w->box);
		dims |= s->mask[i];
	}
	if (w->nr <= LEAF || w->depth == MAX_DEPTH || !best_cut(s, w, dims, &c)) {
		make_leaf(s, w);
		s->nr_work--;
		return;
	}
	s->nodes[w->node] = (struct node){ .dim = (uint8_t)c.dim, .split = c.v, .at = at };
	s->nr_nodes += 2;
	/* The upper half takes the place of the whole, the lower one is built first. */
	half(s, w, c.dim, c.v, true, s->list + w->off);
	half(s, w, c.dim, c.v, false, s->list + w->off + c.upper);
	spare = w->units - (c.lower + c.upper + 4);
	*lower = *w;
	lower->units =
		c.lower + 2 + (uint32_t)((uint64_t)spare * (c.lower + 2) / (c.lower + c.upper + 4));
	w->units -= lower->units;
	w->node = at + 1;
	lower->node = at;
	w->box.lo[c.dim] = c.v + 1;
	lower->box.hi[c.dim] = c.v;
	lower->off += c.upper;
	w->nr = (uint16_t)c.upper;
	lower->nr = (uint16_t)c.lower;
	lower->depth = ++w->depth;
	s->nr_work++;
}

static void begin_tree(struct vnet_rules *s)
{
	struct tree *t = &s->trees[s->next_tree++];

	t->root = s->nr_nodes++;
	for (unsigned int i = 0; i < t->nr; i++)
		s->list[i] = s->lists[t->at + i];
	s->work[s->nr_work++] = (struct work){ .box = all,
					       .node = t->root,
					       .nr = t->nr,
					       .units = SHARE * (t->nr + 2u) };
}

int vnet_rules_build(struct vnet_rules *s, unsigned int budget)
{
	while (s->nr_work || s->next_tree < s->nr_trees) {
		unsigned int cost;

		if (!s->nr_work)
			begin_tree(s);
		cost = 8 + 12 * s->work[s->nr_work - 1].nr;
		build_one(s);
		if (budget <= cost)
			return -EAGAIN;
		budget -= cost;
	}
	return 0;
}

/* --- searching */

void vnet_rules_key(struct vnet_key *key, const struct vnet_pkt *p, uint32_t dst, uint16_t dport,
		    unsigned int state)
{
	bool ports = p->has_l4 && p->t.proto != VNET_IP_ICMP;

	*key = (struct vnet_key){
		.v = { [VNET_D_SRC] = p->t.src,
		       [VNET_D_DST] = dst,
		       [VNET_D_PEER] = XENO_VNET_ANY,
		       [VNET_D_SPORT] = ports ? p->t.sport : VNET_NO_PORT,
		       [VNET_D_DPORT] = ports ? dport : VNET_NO_PORT,
		       [VNET_D_PROTO] = p->t.proto },
		.state = (uint8_t)state,
	};
	if (p->has_l4 && !ports)
		key->v[VNET_D_DPORT] = (uint32_t)(p->icmp_type << 8 | p->icmp_code);
	if (p->has_l4 && p->t.proto == VNET_IP_TCP)
		key->tcp_flags = 0x100 | p->tcp_flags;
}

static bool matches(const struct compiled *c, const struct vnet_key *k)
{
	for (unsigned int d = 0; d < VNET_DIMS; d++)
		if (k->v[d] < c->box.lo[d] || k->v[d] > c->box.hi[d])
			return false;
	return (k->tcp_flags & c->tcp_mask) == c->tcp_value && c->states & k->state;
}

static unsigned int search_tree(const struct vnet_rules *s, const struct tree *t,
				const struct vnet_key *k, unsigned int best)
{
	const struct node *n = &s->nodes[t->root];

	while (n->dim != IS_LEAF)
		n = &s->nodes[n->at + (k->v[n->dim] > n->split)];
	for (unsigned int i = 0; i < n->nr; i++) {
		unsigned int nr = s->refs[n->at + i];

		if (nr >= best)
			break;
		if (matches(&s->c[nr], k))
			return nr;
	}
	return best;
}

unsigned int vnet_rules_find(const struct vnet_rules *s, const struct vnet_key *key, uint32_t iface,
			     enum xeno_vnet_dir dir)
{
	const uint32_t ifaces[] = { iface, XENO_VNET_ANY };
	unsigned int best = VNET_NO_RULE;

	for (unsigned int i = 0; i < 2; i++) {
		const struct group *g = group_find(s, (uint64_t)ifaces[i] << 1 | dir);

		for (unsigned int t = 0; g && t < g->nr_trees; t++) {
			const struct tree *tree = &s->trees[g->tree + t];

			if (tree->first >= best)
				break;
			best = search_tree(s, tree, key, best);
		}
	}
	return best;
}

unsigned int vnet_rules_longest(const struct vnet_rules *s)
{
	unsigned int longest = 0;

	for (unsigned int i = 0; i < s->nr_nodes; i++)
		if (s->nodes[i].dim == IS_LEAF)
			longest = max(longest, s->nodes[i].nr + 0u);
	return longest;
}

/* --- what a rule does */

const struct xeno_vnet_rule *vnet_rules_get(const struct vnet_rules *s, unsigned int nr)
{
	return nr < s->nr ? &s->rules[nr] : NULL;
}

unsigned int vnet_rules_count(const struct vnet_rules *s)
{
	return s->nr;
}

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

bool vnet_rules_take(struct vnet_rules *s, unsigned int nr, uint32_t len, s_time_t now)
{
	struct state *st = &s->state[nr];

	count(&st->packets, 1);
	count(&st->bytes, len);
	if (vnet_bucket_take(&st->packets_bucket, 1, now) &&
	    vnet_bucket_take(&st->bytes_bucket, len, now))
		return true;
	count(&st->over, 1);
	return false;
}

void vnet_rules_stat(const struct vnet_rules *s, unsigned int nr, struct xeno_vnet_rule_stat *st)
{
	*st = (struct xeno_vnet_rule_stat){ READ_ONCE(s->state[nr].packets),
					    READ_ONCE(s->state[nr].bytes),
					    READ_ONCE(s->state[nr].over) };
}

static bool same_limits(const struct xeno_vnet_rule *a, const struct xeno_vnet_rule *b)
{
	return a->packets_limit == b->packets_limit && a->bytes_limit == b->bytes_limit &&
	       a->packets_burst == b->packets_burst && a->bytes_burst == b->bytes_burst;
}

/* Of the first rule with this id in the hash that is in `list`, or of a free slot. */
static unsigned int find_id(const struct vnet_rules *s, uint32_t id)
{
	unsigned int slot = slot_of(s, id);

	while (s->list[slot] && s->rules[s->list[slot] - 1].id != id)
		slot = (slot + 1) & (s->nr_slots - 1);
	return slot;
}

/* A hash of the new ids in `list`, which building needs no more: units_for(nr) > slots_for(nr). */
void vnet_rules_inherit(struct vnet_rules *s, const struct vnet_rules *old)
{
	unsigned int slot;

	memset(s->list, 0, s->nr_slots * sizeof(*s->list));
	for (unsigned int i = 0; i < s->nr; i++) {
		slot = find_id(s, s->rules[i].id);
		if (!s->list[slot])
			s->list[slot] = (uint16_t)(i + 1);
	}
	for (unsigned int o = 0; o < old->nr; o++) {
		unsigned int i;

		slot = find_id(s, old->rules[o].id);
		if (!s->list[slot])
			continue;
		i = s->list[slot] - 1u;
		s->state[i].packets = old->state[o].packets;
		s->state[i].bytes = old->state[o].bytes;
		s->state[i].over = old->state[o].over;
		if (same_limits(&s->rules[i], &old->rules[o]))
			s->state[i] = old->state[o];
	}
}

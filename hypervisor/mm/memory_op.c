/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_op: domains give pages back and get them again (balloon), exchange them for
 * contiguous ones (domain 0's DMA), and ask about memory.
 *
 * Lists of extents restart where they were: the first extent still to do is kept in the
 * upper bits of the command, as the ABI has it; exchange keeps it in its own structure.
 * An extent is done whole or not at all, except that giving back stops at the first frame
 * that is not the domain's.
 *
 * Not here: translated guests, populate-on-demand, NUMA nodes (hints are ignored), claims.
 */
#include <hyp/call.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <public/memory.h>

#define CMD_BITS 6
#define CMD_MASK ((1u << CMD_BITS) - 1)
#define MAX_EXTENTS (1ul << 40)
#define ORDER_DOMU 9
#define ORDER_DOM0 10

static unsigned int max_order(void)
{
	return is_dom0(current->domain) ? ORDER_DOM0 : ORDER_DOMU;
}

/* A reference to the domain meant; others than the caller: domain 0 only. */
static int target_get(domid_t id, struct domain **d)
{
	if (id != DOMID_SELF && id != current->domain->id && !is_dom0(current->domain))
		return -EPERM;
	*d = domain_find_self(id);
	return *d ? 0 : -ESRCH;
}

/* --- lists of extents */

struct extents {
	struct domain *d;
	uint64_t list;
	unsigned int order, bits;
	bool set_m2p; /* populate: the list holds pseudo-physical numbers */
};

static bool extent_take(const struct extents *x, uint64_t i)
{
	uint64_t at = x->list + i * sizeof(xen_pfn_t), pfn = 0;
	mfn_t mfn;

	if (x->set_m2p && !guest_read(&pfn, at, sizeof(pfn)))
		return false;
	mfn = domain_pages_alloc(x->d, x->order, x->bits);
	if (mfn_eq(mfn, INVALID_MFN))
		return false;
	for (uint64_t n = 0; n < 1ul << x->order; n++) {
		if (x->set_m2p)
			m2p_set(MFN(mfn.n + n), pfn + n);
	}
	if (guest_write(at, &mfn.n, sizeof(mfn.n)))
		return true;
	for (uint64_t n = 0; n < 1ul << x->order; n++)
		domain_page_release(x->d, MFN(mfn.n + n));
	return false;
}

static bool extent_give(const struct extents *x, uint64_t i)
{
	uint64_t mfn;

	if (!guest_read(&mfn, x->list + i * sizeof(mfn), sizeof(mfn)))
		return false;
	for (uint64_t n = 0; n < 1ul << x->order; n++)
		if (domain_page_release(x->d, MFN(mfn + n)))
			return false;
	return true;
}

/* increase, decrease, populate: the number of extents done. */
static long op_reservation(struct hc_args *a, unsigned int cmd, uint64_t start)
{
	bool (*step)(const struct extents *x, uint64_t i) =
		cmd == XENMEM_decrease_reservation ? extent_give : extent_take;
	struct xen_memory_reservation r;
	struct extents x;
	uint64_t i = start;
	long ret;

	if (!guest_read(&r, a->arg[1], sizeof(r)))
		return -EFAULT;
	if (r.extent_order > max_order() || r.nr_extents > MAX_EXTENTS)
		return (long)start;
	if (!guest_range_ok(r.extent_start, r.nr_extents * sizeof(xen_pfn_t)))
		return -EFAULT;
	ret = target_get(r.domid, &x.d);
	if (ret)
		return ret;
	x.list = r.extent_start;
	x.order = r.extent_order;
	x.bits = XENMEMF_get_address_bits(r.mem_flags);
	x.set_m2p = cmd == XENMEM_populate_physmap;
	while (i < r.nr_extents && step(&x, i)) {
		i++;
		if (i < r.nr_extents &&
		    hc_preempt_due((unsigned int)((i - start) << r.extent_order))) {
			a->arg[0] = i << CMD_BITS | cmd;
			domain_put(x.d);
			return HC_RESTART;
		}
	}
	domain_put(x.d);
	return (long)i;
}

/* --- exchange: chunk by chunk of the larger order; frames in hand are chained by link */

struct chain {
	uint32_t head; /* FRAME_INDEX_NONE: empty */
	unsigned int order;
};

static void chain_push(struct chain *c, mfn_t mfn)
{
	frame_table[mfn.n].link = c->head;
	c->head = (uint32_t)mfn.n;
}

static bool chain_pop(struct chain *c, mfn_t *mfn)
{
	if (c->head == FRAME_INDEX_NONE)
		return false;
	*mfn = MFN(c->head);
	c->head = frame_table[c->head].link;
	return true;
}

/* Takes n frames from the domain: extents of 2^order from number i of the list on. */
static int take_in(struct domain *d, const struct xen_memory_reservation *in, uint64_t i,
		   uint64_t n, struct chain *c)
{
	uint64_t mfn = 0;
	int err = 0;

	for (uint64_t k = 0; k < n && !err; k++) {
		uint64_t within = k & ((1ul << in->extent_order) - 1);

		if (!within && !guest_read(&mfn, in->extent_start + i++ * sizeof(mfn), sizeof(mfn)))
			err = -EFAULT;
		else
			err = frame_steal(d, MFN(mfn + within));
		if (!err)
			chain_push(c, MFN(mfn + within));
	}
	return err;
}

static bool alloc_out(struct chain *c, uint64_t n, unsigned int bits)
{
	for (uint64_t k = 0; k < n; k += 1ul << c->order) {
		mfn_t mfn = heap_alloc(c->order, bits);

		if (mfn_eq(mfn, INVALID_MFN))
			return false;
		chain_push(c, mfn);
	}
	return true;
}

/* The new frames become the domain's, and extents i... of the list tell which. */
static int give_out(struct domain *d, const struct xen_memory_reservation *out, uint64_t i,
		    struct chain *c)
{
	int err = 0;
	mfn_t mfn;

	for (; chain_pop(c, &mfn); i++) {
		uint64_t at = out->extent_start + i * sizeof(xen_pfn_t), pfn = M2P_INVALID;

		memset(mfn_to_virt(mfn), 0, PAGE_SIZE << c->order);
		if (!guest_read(&pfn, at, sizeof(pfn)))
			err = -EFAULT;
		for (uint64_t n = 0; n < 1ul << c->order; n++) {
			frame_assign(d, MFN(mfn.n + n));
			m2p_set(MFN(mfn.n + n), pfn + n);
		}
		if (!guest_write(at, &mfn.n, sizeof(mfn.n)))
			err = -EFAULT;
	}
	return err;
}

static int exchange_chunk(struct domain *d, const struct xen_memory_exchange *x, uint64_t done,
			  unsigned int order)
{
	struct chain in = { .head = FRAME_INDEX_NONE };
	struct chain out = { .head = FRAME_INDEX_NONE, .order = x->out.extent_order };
	uint64_t pages = done << x->in.extent_order;
	int err = take_in(d, &x->in, done, 1ul << order, &in);
	mfn_t mfn;

	if (!err && !alloc_out(&out, 1ul << order, XENMEMF_get_address_bits(x->out.mem_flags)))
		err = -ENOMEM;
	if (err) {
		while (chain_pop(&out, &mfn))
			heap_free(mfn, out.order);
		while (chain_pop(&in, &mfn))
			frame_assign(d, mfn);
		return err;
	}
	err = give_out(d, &x->out, pages >> out.order, &out);
	while (chain_pop(&in, &mfn))
		frame_discard(mfn);
	return err;
}

static bool exchange_ok(const struct xen_memory_exchange *x)
{
	if (x->in.extent_order > ORDER_DOM0 || x->out.extent_order > ORDER_DOM0 ||
	    x->in.nr_extents > MAX_EXTENTS || x->out.nr_extents > MAX_EXTENTS)
		return false;
	return x->in.nr_extents << x->in.extent_order == x->out.nr_extents << x->out.extent_order &&
	       x->nr_exchanged <= x->in.nr_extents;
}

/* Whole chunks only: the rest of the lists must make some. */
static long exchange_all(struct domain *d, struct xen_memory_exchange *x, bool *more)
{
	unsigned int order = max(x->in.extent_order, x->out.extent_order);
	uint64_t step = 1ul << (order - x->in.extent_order);
	unsigned int chunks = 0;
	int err = 0;

	if (x->nr_exchanged % step || x->in.nr_extents % step)
		return -EINVAL;
	while (x->nr_exchanged < x->in.nr_extents) {
		if (hc_preempt_due(chunks++ << order)) {
			*more = true;
			break;
		}
		err = exchange_chunk(d, x, x->nr_exchanged, order);
		if (err)
			break;
		x->nr_exchanged += step;
	}
	return err;
}

static long op_exchange(uint64_t arg)
{
	struct xen_memory_exchange x;
	bool more = false;
	struct domain *d = current->domain;
	long ret;

	if (!is_dom0(d))
		return -EPERM; /* nobody else does DMA */
	if (!guest_read(&x, arg, sizeof(x)))
		return -EFAULT;
	if (!exchange_ok(&x) || x.in.domid != x.out.domid ||
	    (x.in.domid != DOMID_SELF && x.in.domid != d->id))
		return -EINVAL;
	if (!guest_range_ok(x.in.extent_start, x.in.nr_extents * sizeof(xen_pfn_t)) ||
	    !guest_range_ok(x.out.extent_start, x.out.nr_extents * sizeof(xen_pfn_t)))
		return -EFAULT;
	ret = exchange_all(d, &x, &more);
	if (!guest_write(arg + offsetof(struct xen_memory_exchange, nr_exchanged), &x.nr_exchanged,
			 sizeof(x.nr_exchanged)))
		return -EFAULT;
	return more ? HC_RESTART : ret;
}

/* --- questions */

static long op_count(unsigned int cmd, uint64_t arg)
{
	struct xen_memory_domain m;
	struct domain *d;
	long ret;

	if (!guest_read(&m, arg, sizeof(m)))
		return -EFAULT;
	ret = target_get(m.domid, &d);
	if (ret)
		return ret;
	ret = (long)(cmd == XENMEM_current_reservation ? d->tot_pages : d->max_pages);
	domain_put(d);
	return ret;
}

/* The machine's map for domain 0; other domains have one range of RAM. */
static long op_memory_map(uint64_t arg, bool machine)
{
	const struct mem_range own = { .end = current->domain->max_pages << PAGE_SHIFT,
				       .type = MEM_RAM };
	const struct mem_range *r = machine ? mem_map : &own;
	uint32_t n = machine ? nr_mem_ranges : 1;
	struct xen_memory_map m;

	if (!guest_read(&m, arg, sizeof(m)))
		return -EFAULT;
	m.nr_entries = min(m.nr_entries, n);
	for (uint32_t i = 0; i < m.nr_entries; i++) {
		struct xen_memory_map_entry e = { .addr = r[i].start,
						  .size = r[i].end - r[i].start,
						  .type = r[i].type };

		if (!guest_write(m.buffer + i * sizeof(e), &e, sizeof(e)))
			return -EFAULT;
	}
	return guest_write(arg, &m.nr_entries, sizeof(m.nr_entries)) ? 0 : -EFAULT;
}

static long op_m2p_place(uint64_t arg)
{
	struct xen_machphys_mapping m = { .v_start = MACH2PHYS_VIRT_START,
					  .v_end = MACH2PHYS_VIRT_END,
					  .max_mfn = max_mfn - 1 };

	return guest_write(arg, &m, sizeof(m)) ? 0 : -EFAULT;
}

long hc_memory_op(struct hc_args *a)
{
	unsigned int cmd = a->arg[0] & CMD_MASK;

	switch (cmd) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return op_reservation(a, cmd, a->arg[0] >> CMD_BITS);
	case XENMEM_exchange:
		return op_exchange(a->arg[1]);
	case XENMEM_maximum_ram_page:
		return (long)max_mfn - 1;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
		return op_count(cmd, a->arg[1]);
	case XENMEM_memory_map:
		return op_memory_map(a->arg[1], false);
	case XENMEM_machine_memory_map:
		return is_dom0(current->domain) ? op_memory_map(a->arg[1], true) : -EPERM;
	case XENMEM_machphys_mapping:
		return op_m2p_place(a->arg[1]);
	default:
		return -ENOSYS;
	}
}

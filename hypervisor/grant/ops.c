/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * grant_table_op: a list of operations of one kind, each read, checked, done and answered
 * before the next. Before anything is done, writing the answer is tried.
 *
 * A page is mapped by putting it into an entry of a page table: named by its machine address
 * (GNTMAP_contains_pte), or by the virtual address it serves, which is looked up at once; from
 * then on the entry is meant. There is no I/O MMU: GNTMAP_device_map only holds the page.
 *
 * Not here: transfers, exchanging references, replacing a mapping, flushing caches, the
 * second version: -ENOSYS. Copies do not cross pages.
 */
#include <hyp/call.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/grant.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>

#define MAX_COUNT 0x7fffffffu
#define AVAIL_SHIFT 9 /* the bits of an entry that are the guest's: 9 to 11 */
#define AVAIL_MASK 7u

union grant_op {
	struct gnttab_map_grant_ref map;
	struct gnttab_unmap_grant_ref unmap;
	struct gnttab_setup_table setup;
	struct gnttab_copy copy;
	struct gnttab_query_size query;
	struct gnttab_set_version set_version;
	struct gnttab_get_version get_version;
};

/* The domain whose table is meant, with a reference; others than the caller's: domain 0 only. */
static int16_t target_get(domid_t id, struct domain **d)
{
	if (id != DOMID_SELF && id != current->domain->id && !is_dom0(current->domain))
		return GNTST_permission_denied;
	*d = domain_find_self(id);
	return *d ? GNTST_okay : GNTST_bad_domain;
}

/* --- mapping */

static int map_host(struct grant_mapping *m, uint32_t flags)
{
	uint64_t bits = PTE_P | (uint64_t)(flags >> GNTMAP_guest_avail0 & AVAIL_MASK)
					<< AVAIL_SHIFT;
	mfn_t l1 = INVALID_MFN;

	m->pte = m->host_addr;
	if (!(flags & GNTMAP_contains_pte)) {
		pt_walk(current, m->host_addr, &l1);
		m->pte = l1.n << PAGE_SHIFT | (m->host_addr >> PAGE_SHIFT & 511) << 3;
	}
	if (!(flags & GNTMAP_readonly))
		bits |= PTE_RW;
	if (flags & GNTMAP_application_map)
		bits |= PTE_US;
	return pt_map_foreign(current->domain, m->pte, m->mfn, bits);
}

/* m is new, and gets its parts when all goes well. */
static long map_page(struct grant_mapping *m, struct gnttab_map_grant_ref *op)
{
	bool ro = op->flags & GNTMAP_readonly;
	int err = 0;

	op->status = grant_pin(m->granter, m->ref, current->domain->id, ro, &m->mfn);
	if (op->status)
		return 0;
	if (op->flags & GNTMAP_host_map)
		err = map_host(m, op->flags);
	if (err) {
		grant_unpin(m->granter, m->ref, ro, m->mfn);
		op->status = err == -EINVAL ? GNTST_bad_virt_addr : GNTST_general_error;
		return err == -EAGAIN ? HC_RESTART : 0;
	}
	op->dev_bus_addr = mfn_to_maddr(m->mfn).a;
	m->state |= (op->flags & GNTMAP_host_map ? GM_HOST : 0) |
		    (op->flags & GNTMAP_device_map ? GM_DEV : 0) | (ro ? GM_RO : 0);
	return 0;
}

static long op_map(union grant_op *u)
{
	struct gnttab_map_grant_ref *op = &u->map;
	struct domain *d = current->domain, *granter;
	struct grant_mapping *m;
	grant_handle_t handle;
	long ret;

	op->status = GNTST_general_error;
	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
		return 0;
	op->status = GNTST_bad_domain;
	granter = domain_find_self(op->dom);
	if (!granter)
		return 0;
	op->status = GNTST_no_device_space;
	m = grant_mapping_new(d, &handle);
	if (!m) {
		domain_put(granter);
		return 0;
	}
	m->granter = granter;
	m->host_addr = op->host_addr;
	m->ref = op->ref;
	ret = map_page(m, op);
	if (m->state == GM_BUSY)
		domain_put(granter);
	else
		op->handle = handle;
	grant_mapping_done(d, handle);
	return ret;
}

static int16_t unmap_check(const struct gnttab_unmap_grant_ref *op, const struct grant_mapping *m)
{
	if (op->host_addr && (!(m->state & GM_HOST) || op->host_addr != m->host_addr))
		return GNTST_bad_virt_addr;
	if (op->dev_bus_addr && op->dev_bus_addr != mfn_to_maddr(m->mfn).a)
		return GNTST_bad_dev_addr;
	return GNTST_okay;
}

static long op_unmap(union grant_op *u)
{
	struct gnttab_unmap_grant_ref *op = &u->unmap;
	struct domain *d = current->domain;
	struct grant_mapping *m = grant_mapping_claim(d, op->handle);
	unsigned int parts = (op->host_addr ? GM_HOST : 0) | (op->dev_bus_addr ? GM_DEV : 0);
	int err = 0;

	op->status = GNTST_bad_handle;
	if (!m)
		return 0;
	op->status = unmap_check(op, m);
	if (!op->status && parts)
		err = grant_unmap(d, m, parts);
	grant_mapping_done(d, op->handle);
	return err ? HC_RESTART : 0;
}

/* --- copying */

struct end {
	struct domain *d;
	grant_ref_t ref;
	bool by_ref, ro;
	mfn_t mfn;
};

static int16_t end_get(struct end *e, const struct gnttab_copy_ptr *p, bool by_ref, bool ro)
{
	struct domain *self = current->domain;
	int16_t status = GNTST_okay;

	*e = (struct end){ .ref = p->u.ref, .by_ref = by_ref, .ro = ro, .mfn = MFN(p->u.gmfn) };
	if (!by_ref && p->domid != DOMID_SELF && p->domid != self->id)
		return GNTST_permission_denied;
	e->d = domain_find_self(p->domid);
	if (!e->d)
		return GNTST_bad_domain;
	if (by_ref)
		status = grant_pin(e->d, e->ref, self->id, ro, &e->mfn);
	else if (ro ? !frame_get(e->mfn, self) : frame_get_and_type(e->mfn, self, FT_WRITABLE))
		status = GNTST_bad_page;
	if (status)
		domain_put(e->d);
	return status;
}

static void end_put(const struct end *e)
{
	if (e->by_ref)
		grant_unpin(e->d, e->ref, e->ro, e->mfn);
	else if (e->ro)
		frame_put(e->mfn);
	else
		frame_put_and_type(e->mfn);
	domain_put(e->d);
}

static long op_copy(union grant_op *u)
{
	struct gnttab_copy *op = &u->copy;
	struct end from, to;

	op->status = GNTST_bad_copy_arg;
	if ((unsigned int)op->source.offset + op->len > PAGE_SIZE ||
	    (unsigned int)op->dest.offset + op->len > PAGE_SIZE)
		return 0;
	op->status = end_get(&from, &op->source, op->flags & GNTCOPY_source_gref, true);
	if (op->status)
		return 0;
	op->status = end_get(&to, &op->dest, op->flags & GNTCOPY_dest_gref, false);
	if (!op->status) {
		memmove((char *)mfn_to_virt(to.mfn) + op->dest.offset,
			(char *)mfn_to_virt(from.mfn) + op->source.offset, op->len);
		end_put(&to);
	}
	end_put(&from);
	return 0;
}

/* --- tables */

static long op_setup(union grant_op *u)
{
	struct gnttab_setup_table *op = &u->setup;
	struct domain *d;
	long ret = 0;

	op->status = target_get(op->dom, &d);
	if (op->status)
		return 0;
	if (grant_grow(d, op->nr_frames))
		op->status = GNTST_general_error;
	for (unsigned int i = 0; !op->status && i < op->nr_frames; i++) {
		xen_pfn_t mfn = grant_frame(d, i).n;

		if (!guest_write(op->frame_list + i * sizeof(mfn), &mfn, sizeof(mfn))) {
			op->status = GNTST_bad_virt_addr;
			ret = -EFAULT;
		}
	}
	domain_put(d);
	return ret;
}

static long op_query(union grant_op *u)
{
	struct gnttab_query_size *op = &u->query;
	struct domain *d;

	op->status = target_get(op->dom, &d);
	if (op->status)
		return 0;
	op->nr_frames = grant_nr_frames(d);
	op->max_nr_frames = GRANT_MAX_FRAMES;
	domain_put(d);
	return 0;
}

static long op_set_version(union grant_op *u)
{
	uint32_t asked = u->set_version.version;

	u->set_version.version = 1;
	return asked == 1 ? 0 : asked == 2 ? -ENOSYS : -EINVAL;
}

static long op_get_version(union grant_op *u)
{
	struct domain *d;
	int16_t status = target_get(u->get_version.dom, &d);

	if (status)
		return status == GNTST_permission_denied ? -EPERM : -ESRCH;
	u->get_version.version = 1;
	domain_put(d);
	return 0;
}

/* --- the call. fn: 0, HC_RESTART: nothing done; -Exxx ends the list. */

static const struct {
	long (*fn)(union grant_op *u);
	uint8_t size;
} ops[] = {
	[GNTTABOP_map_grant_ref] = { op_map, sizeof(struct gnttab_map_grant_ref) },
	[GNTTABOP_unmap_grant_ref] = { op_unmap, sizeof(struct gnttab_unmap_grant_ref) },
	[GNTTABOP_setup_table] = { op_setup, sizeof(struct gnttab_setup_table) },
	[GNTTABOP_copy] = { op_copy, sizeof(struct gnttab_copy) },
	[GNTTABOP_query_size] = { op_query, sizeof(struct gnttab_query_size) },
	[GNTTABOP_set_version] = { op_set_version, sizeof(struct gnttab_set_version) },
	[GNTTABOP_get_version] = { op_get_version, sizeof(struct gnttab_get_version) },
};

static long one_op(unsigned int cmd, uint64_t at)
{
	size_t size = ops[cmd].size;
	union grant_op op;
	long ret;

	if (!guest_read(&op, at, size) || !guest_write(at, &op, size))
		return -EFAULT;
	ret = ops[cmd].fn(&op);
	if (ret != HC_RESTART && !guest_write(at, &op, size))
		return -EFAULT;
	return ret;
}

long hc_grant_table_op(struct hc_args *a)
{
	unsigned int cmd = (unsigned int)a->arg[0], count = (unsigned int)a->arg[2], i;
	long ret = 0;

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -ENOSYS;
	if (count > MAX_COUNT)
		return -EINVAL;
	for (i = 0; !ret && i < count; i += !ret)
		ret = hc_preempt_due(i) ? HC_RESTART : one_op(cmd, a->arg[1] + i * ops[cmd].size);
	if (ret == HC_RESTART) {
		a->arg[1] += (uint64_t)i * ops[cmd].size;
		a->arg[2] = count - i;
	}
	return ret;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page-table hypercalls: mmu_update, update_va_mapping, mmuext_op; roots of vcpus; and
 * the mappings grants make. They check who may do what to whose tables, and leave the rest
 * to pt_table.c. This is the report's pt_update (3.3.2).
 *
 * A batch stops at the first request that fails; `done` says how many succeeded. Preempted,
 * it restarts with the rest: bit 31 of the count then says that `done` already holds the
 * number completed before.
 *
 * This CPU's own TLB needs no flush for the guest's sake: its roots are reloaded on the way
 * out. Other CPUs are flushed when the guest asks, and by tlb_sync() for our own safety.
 *
 * Not here: large pages, linear page tables, translated (auto-translated) guests.
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame_state.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/pt_table.h>
#include <hyp/smp.h>

#define CHUNK 16 /* requests read at once */
#define RESUMED 0x80000000ul

/* --- batches: args are list, count, address of done */

struct batch {
	uint64_t list, count, before, done;
};

static bool batch_start(struct batch *b, const struct hc_args *a)
{
	uint32_t before = 0;

	if (a->arg[2] && !guest_range_ok(a->arg[2], sizeof(before)))
		return false;
	if ((a->arg[1] & RESUMED) && a->arg[2] && !guest_read(&before, a->arg[2], sizeof(before)))
		return false;
	*b = (struct batch){ .list = a->arg[0],
			     .count = a->arg[1] & ~RESUMED & 0xffffffff,
			     .before = before };
	return true;
}

static long batch_end(const struct batch *b, struct hc_args *a, size_t size, long err)
{
	uint32_t done = (uint32_t)(b->before + b->done);

	if (a->arg[2] && !guest_write(a->arg[2], &done, sizeof(done)))
		return -EFAULT;
	if (err != HC_RESTART)
		return err;
	a->arg[0] += b->done * size;
	a->arg[1] = (b->count - b->done) | RESUMED;
	return err;
}

/* --- whose tables, whose frames */

static struct domain *self_get(void)
{
	return domain_get(current->domain) ? current->domain : NULL;
}

static int domain_by_id(domid_t id, struct domain **d)
{
	if (id == DOMID_SELF || id == current->domain->id)
		*d = self_get();
	else if (!is_dom0(current->domain))
		return -EPERM;
	else if (id == DOMID_IO)
		*d = domain_get(idle_domain) ? idle_domain : NULL; /* owns no frame */
	else
		*d = domain_find(id);
	return *d ? 0 : -ESRCH;
}

/* foreigndom of mmu_update: see public/xen.h. Two references. */
static int owners_get(uint64_t foreigndom, struct domain **tables, struct domain **frames)
{
	uint16_t high = (uint16_t)(foreigndom >> 16);
	int err = domain_by_id(high ? (domid_t)(high - 1) : DOMID_SELF, tables);

	if (err)
		return err;
	err = *tables == idle_domain ? -EINVAL : domain_by_id((domid_t)foreigndom, frames);
	if (err)
		domain_put(*tables);
	return err;
}

/* --- mmu_update */

/* Not a table yet: stock kernels prepare tables with this call, too. */
static int plain_write(const struct pt_ctx *c, mfn_t mfn, unsigned int index, uint64_t val)
{
	int err = -EBUSY;

	if (!frame_get(mfn, c->d))
		return -EINVAL;
	if (frame_get_writable(mfn)) {
		WRITE_ONCE(((uint64_t *)mfn_to_virt(mfn))[index], val);
		frame_drop_type(mfn);
		err = 0;
	}
	frame_put(mfn);
	return err;
}

static int machphys_update(const struct pt_ctx *c, mfn_t mfn, uint64_t pfn)
{
	if (!frame_get(mfn, c->from))
		return -EINVAL;
	m2p_set(mfn, pfn);
	frame_put(mfn);
	return 0;
}

static int update_one(struct pt_ctx *c, const struct mmu_update *u)
{
	unsigned int cmd = u->ptr & 3, index = (u->ptr & ~PAGE_MASK) >> 3;
	mfn_t mfn = MFN(u->ptr >> PAGE_SHIFT);
	uint64_t old;

	if (cmd == MMU_MACHPHYS_UPDATE)
		return machphys_update(c, mfn, u->val);
	if (u->ptr & 4)
		return -EINVAL;
	if (!pt_level(c, mfn))
		return plain_write(c, mfn, index, u->val);
	return pt_change(c, mfn, index, u->val,
			 cmd == MMU_PT_UPDATE_PRESERVE_AD ? PT_KEEP_AD : PT_STORE, &old);
}

static long update_batch(struct pt_ctx *c, struct batch *b)
{
	struct mmu_update u[CHUNK];
	int err;

	while (b->done < b->count) {
		uint64_t n = min(b->count - b->done, (uint64_t)CHUNK);

		if (!guest_read(u, b->list + b->done * sizeof(*u), n * sizeof(*u)))
			return -EFAULT;
		for (uint64_t i = 0; i < n; i++) {
			if (pt_preempt(c))
				return HC_RESTART;
			err = update_one(c, &u[i]);
			if (err)
				return err == -EAGAIN ? HC_RESTART : err;
			b->done++;
			if (!pt_drain(c))
				return HC_RESTART;
		}
	}
	return 0;
}

long hc_mmu_update(struct hc_args *a)
{
	struct domain *tables, *frames;
	struct pt_ctx c;
	struct batch b;
	long ret;

	if (!batch_start(&b, a))
		return -EFAULT;
	ret = owners_get(a->arg[3], &tables, &frames);
	if (ret)
		return ret;
	if (pt_begin(&c, tables)) {
		c.from = frames;
		ret = update_batch(&c, &b);
		pt_end(&c);
	} else {
		ret = HC_RESTART;
	}
	domain_put(frames);
	domain_put(tables);
	return batch_end(&b, a, sizeof(struct mmu_update), ret);
}

/* --- flushes of other CPUs for the guest */

static void flush_all(const struct domain *d)
{
	cpumask_t mask = d->dirty_cpus;

	cpumask_clear(&mask, smp_id());
	tlb_flush_mask(&mask);
}

/* The CPUs of the vcpus in a bitmap at guest address gva. */
static long flush_vcpus(const struct domain *d, uint64_t gva)
{
	cpumask_t mask = { { 0 } };
	uint64_t vcpus;

	_Static_assert(MAX_VCPUS <= 64, "one word of the bitmap");
	if (!guest_read(&vcpus, gva, sizeof(vcpus)))
		return -EFAULT;
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if ((vcpus >> i & 1) && cpumask_test(&d->dirty_cpus, d->vcpu[i]->cpu))
			cpumask_set(&mask, d->vcpu[i]->cpu);
	cpumask_clear(&mask, smp_id());
	tlb_flush_mask(&mask);
	return 0;
}

/* --- update_va_mapping */

static long va_mapping(struct domain *frames, uint64_t va, uint64_t val, uint64_t flags)
{
	struct domain *d = current->domain;
	unsigned int index;
	struct pt_ctx c;
	uint64_t old;
	long ret = -EINVAL;
	mfn_t l1;

	if (!pt_begin(&c, d))
		return HC_RESTART;
	c.from = frames;
	if (pt_find(current->x86.root, va, &l1, &index))
		ret = pt_change(&c, l1, index, val, PT_STORE, &old);
	pt_end(&c);
	if (ret || !(flags & UVMF_FLUSHTYPE_MASK))
		return ret;
	flags &= ~(uint64_t)UVMF_FLUSHTYPE_MASK;
	if (flags == UVMF_ALL)
		flush_all(d);
	else if (flags != UVMF_LOCAL)
		ret = flush_vcpus(d, flags);
	return ret;
}

long hc_update_va_mapping(struct hc_args *a)
{
	return va_mapping(current->domain, a->arg[0], a->arg[1], a->arg[2]);
}

long hc_update_va_mapping_otherdomain(struct hc_args *a)
{
	struct domain *frames;
	long ret = domain_by_id((domid_t)a->arg[3], &frames);

	if (ret)
		return ret;
	ret = va_mapping(frames, a->arg[0], a->arg[1], a->arg[2]);
	domain_put(frames);
	return ret;
}

/* --- roots */

static int set_root(struct pt_ctx *c, struct vcpu *v, mfn_t l4, bool user)
{
	mfn_t *root = user ? &v->x86.user_root : &v->x86.root, old = *root;
	bool none = !l4.n || mfn_eq(l4, INVALID_MFN);
	int err = -EINVAL;

	if (!none)
		err = pt_get(c, l4, FT_L4);
	else if (user)
		err = 0;
	if (err)
		return err;
	*root = none ? INVALID_MFN : l4;
	if (v == current && (!user || v->domain->split))
		context_reload_roots();
	if (old.n && !mfn_eq(old, INVALID_MFN))
		pt_put(c, old);
	return 0;
}

int vcpu_set_root(struct vcpu *v, mfn_t l4, bool user)
{
	struct pt_ctx c;
	int err;

	if (!pt_begin(&c, v->domain))
		return -EAGAIN;
	err = set_root(&c, v, l4, user);
	pt_end(&c);
	return err;
}

void vcpu_put_roots(struct vcpu *v)
{
	mfn_t *roots[] = { &v->x86.root, &v->x86.user_root };
	struct pt_ctx c;

	ASSERT(v != current);
	pt_enter(&c, v->domain);
	for (unsigned int i = 0; i < ARRAY_SIZE(roots); i++) {
		if (roots[i]->n && !mfn_eq(*roots[i], INVALID_MFN))
			pt_put(&c, *roots[i]);
		*roots[i] = INVALID_MFN;
	}
	pt_drain(&c); /* the rest, if any, with the next operation */
	pt_end(&c);
}

/* --- mmuext_op: one operation each, c->d is the owner of the frames */

static int pin(struct pt_ctx *c, mfn_t mfn, enum frame_type t)
{
	int err = pt_get(c, mfn, t);

	if (err)
		return err;
	if (frame_pin(mfn))
		return 0;
	pt_put(c, mfn);
	return -EINVAL;
}

int mm_pin_l4(struct domain *d, mfn_t l4)
{
	struct pt_ctx c;
	int err = -EAGAIN;

	if (!pt_begin(&c, d))
		return err;
	err = pin(&c, l4, FT_L4);
	pt_drain(&c);
	pt_end(&c);
	return err;
}

static long ext_pin(struct pt_ctx *c, const struct mmuext_op *op)
{
	return pin(c, MFN(op->arg1.mfn), FT_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE));
}

static long ext_unpin(struct pt_ctx *c, const struct mmuext_op *op)
{
	mfn_t mfn = MFN(op->arg1.mfn);

	if (!pt_level(c, mfn) || !frame_unpin(mfn))
		return -EINVAL;
	pt_put(c, mfn);
	return 0;
}

static long ext_new_root(struct pt_ctx *c, const struct mmuext_op *op)
{
	return set_root(c, current, MFN(op->arg1.mfn), op->cmd == MMUEXT_NEW_USER_BASEPTR);
}

static long ext_nothing(struct pt_ctx *c, const struct mmuext_op *op)
{
	return 0; /* this CPU's roots are reloaded on the way out */
}

static long ext_flush_all(struct pt_ctx *c, const struct mmuext_op *op)
{
	flush_all(c->d);
	return 0;
}

static long ext_flush_vcpus(struct pt_ctx *c, const struct mmuext_op *op)
{
	return flush_vcpus(c->d, op->arg2.vcpumask);
}

static long ext_set_ldt(struct pt_ctx *c, const struct mmuext_op *op)
{
	return vcpu_set_ldt(current, op->arg1.linear_addr, op->arg2.nr_ents);
}

/* Both pages; src may be none. */
static long fill_page(struct pt_ctx *c, mfn_t dst, const void *src)
{
	if (!frame_get(dst, c->d))
		return -EINVAL;
	if (!frame_get_writable(dst)) {
		frame_put(dst);
		return -EBUSY;
	}
	if (src)
		memcpy(mfn_to_virt(dst), src, PAGE_SIZE);
	else
		memset(mfn_to_virt(dst), 0, PAGE_SIZE);
	frame_put_and_type(dst);
	return 0;
}

static long ext_clear_page(struct pt_ctx *c, const struct mmuext_op *op)
{
	return fill_page(c, MFN(op->arg1.mfn), NULL);
}

static long ext_copy_page(struct pt_ctx *c, const struct mmuext_op *op)
{
	mfn_t src = MFN(op->arg2.src_mfn);
	long ret;

	if (!frame_get(src, c->d))
		return -EINVAL;
	ret = fill_page(c, MFN(op->arg1.mfn), mfn_to_virt(src));
	frame_put(src);
	return ret;
}

#define EXT_SELF 1   /* for the caller only */
#define EXT_NOLOCK 2 /* takes pt_lock itself, or needs none */

static const struct {
	long (*fn)(struct pt_ctx *c, const struct mmuext_op *op);
	uint8_t flags;
} ext_ops[] = {
	[MMUEXT_PIN_L1_TABLE] = { ext_pin, 0 },
	[MMUEXT_PIN_L2_TABLE] = { ext_pin, 0 },
	[MMUEXT_PIN_L3_TABLE] = { ext_pin, 0 },
	[MMUEXT_PIN_L4_TABLE] = { ext_pin, 0 },
	[MMUEXT_UNPIN_TABLE] = { ext_unpin, 0 },
	[MMUEXT_NEW_BASEPTR] = { ext_new_root, EXT_SELF },
	[MMUEXT_NEW_USER_BASEPTR] = { ext_new_root, EXT_SELF },
	[MMUEXT_TLB_FLUSH_LOCAL] = { ext_nothing, EXT_NOLOCK },
	[MMUEXT_INVLPG_LOCAL] = { ext_nothing, EXT_NOLOCK },
	[MMUEXT_TLB_FLUSH_MULTI] = { ext_flush_vcpus, EXT_NOLOCK },
	[MMUEXT_INVLPG_MULTI] = { ext_flush_vcpus, EXT_NOLOCK },
	[MMUEXT_TLB_FLUSH_ALL] = { ext_flush_all, EXT_NOLOCK },
	[MMUEXT_INVLPG_ALL] = { ext_flush_all, EXT_NOLOCK },
	[MMUEXT_SET_LDT] = { ext_set_ldt, EXT_SELF | EXT_NOLOCK },
	[MMUEXT_CLEAR_PAGE] = { ext_clear_page, EXT_NOLOCK },
	[MMUEXT_COPY_PAGE] = { ext_copy_page, EXT_NOLOCK },
};

static long ext_one(struct domain *d, const struct mmuext_op *op)
{
	struct pt_ctx c = { .d = d };
	long ret;

	if (op->cmd >= ARRAY_SIZE(ext_ops) || !ext_ops[op->cmd].fn)
		return -ENOSYS;
	if ((ext_ops[op->cmd].flags & EXT_SELF) && d != current->domain)
		return -EPERM;
	if (ext_ops[op->cmd].flags & EXT_NOLOCK)
		return ext_ops[op->cmd].fn(&c, op);
	if (!pt_begin(&c, d))
		return -EAGAIN;
	ret = ext_ops[op->cmd].fn(&c, op);
	pt_drain(&c); /* what it does not finish, the next one does */
	pt_end(&c);
	return ret;
}

/* A slice of what an earlier operation left to be done; false: not finished. */
static bool finish_pending(struct domain *d)
{
	struct pt_ctx c;

	if (!READ_ONCE(d->pt_dying))
		return true;
	if (!pt_begin(&c, d))
		return false;
	pt_end(&c);
	return true;
}

long hc_mmuext_op(struct hc_args *a)
{
	struct mmuext_op op;
	struct domain *d;
	struct batch b;
	long ret;

	if (!batch_start(&b, a))
		return -EFAULT;
	ret = domain_by_id((domid_t)a->arg[3], &d);
	if (ret)
		return ret;
	if (!finish_pending(d))
		ret = HC_RESTART;
	for (; !ret && b.done < b.count; b.done += !ret) {
		if (hc_preempt_due((unsigned int)b.done))
			ret = HC_RESTART;
		else if (!guest_read(&op, b.list + b.done * sizeof(op), sizeof(op)))
			ret = -EFAULT;
		else
			ret = ext_one(d, &op);
	}
	if (ret == -EAGAIN || (!ret && READ_ONCE(d->pt_dying)))
		ret = HC_RESTART;
	domain_put(d);
	return batch_end(&b, a, sizeof(op), ret);
}

/* --- for the rest of the hypervisor */

uint64_t pt_walk(const struct vcpu *v, uint64_t va, mfn_t *mfn_of_table)
{
	struct spinlock *lock = &v->domain->pt_lock;
	bool held = spin_held(lock);
	unsigned int index;
	uint64_t e = 0;
	mfn_t l1;

	if (!held)
		spin_lock(lock);
	if (pt_find(v->x86.root, va, &l1, &index)) {
		e = ((uint64_t *)mfn_to_virt(l1))[index];
		if (mfn_of_table)
			*mfn_of_table = l1;
	}
	if (!held)
		spin_unlock(lock);
	return e & PTE_P ? e : 0;
}

/* The L1 entry at a machine address. */
static bool find_entry(const struct pt_ctx *c, uint64_t where, mfn_t *l1, unsigned int *index)
{
	*l1 = MFN(where >> PAGE_SHIFT);
	*index = (where & ~PAGE_MASK) >> 3;
	return !(where & 7) && pt_level(c, *l1) == 1;
}

int pt_map_foreign(struct domain *d, uint64_t where, mfn_t mfn, uint64_t flags)
{
	unsigned int index;
	struct pt_ctx c;
	uint64_t old;
	int err = -EINVAL;
	mfn_t l1;

	if (!pt_begin(&c, d))
		return -EAGAIN;
	c.from = NULL;
	if (find_entry(&c, where, &l1, &index))
		err = pt_change(&c, l1, index, mfn_to_maddr(mfn).a | (flags & ~PTE_ADDR), PT_STORE,
				&old);
	pt_end(&c);
	return err;
}

int pt_unmap_foreign(struct domain *d, uint64_t where, mfn_t mfn)
{
	unsigned int index;
	struct pt_ctx c;
	uint64_t old;
	int err = -ENOENT;
	mfn_t l1;

	if (!pt_begin(&c, d))
		return -EAGAIN;
	if (find_entry(&c, where, &l1, &index)) {
		old = ((uint64_t *)mfn_to_virt(l1))[index];
		if (pt_same_frame(old, mfn_to_maddr(mfn).a | PTE_P))
			err = pt_change(&c, l1, index, 0, PT_STORE, &old);
	}
	pt_end(&c);
	tlb_sync(d);
	return err;
}

long hc_vm_assist(struct hc_args *a)
{
	const uint64_t known = BIT(VMASST_TYPE_4gb_segments) |
			       BIT(VMASST_TYPE_writable_pagetables) |
			       BIT(VMASST_TYPE_runstate_update_flag);
	struct domain *d = current->domain;

	if (a->arg[1] >= 64 || !(known >> a->arg[1] & 1))
		return -EINVAL;
	if (a->arg[0] == VMASST_CMD_enable)
		test_and_set_atomic(&d->vm_assist, (unsigned int)a->arg[1]);
	else if (a->arg[0] == VMASST_CMD_disable)
		test_and_clear_atomic(&d->vm_assist, (unsigned int)a->arg[1]);
	else
		return -ENOSYS;
	return 0;
}

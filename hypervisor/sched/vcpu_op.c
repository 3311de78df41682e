/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu_op: a domain's operations on its own vcpus, by table: starting and stopping
 * them, the areas where they find runstate, time and events, and their timers.
 * A vcpu may act on any vcpu of its domain, except for timers, which are its own.
 */
#include <hyp/bits.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/frame.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <public/sched.h>
#include <public/vcpu.h>

#define MIN_PERIOD MILLISECS(1)

/* --- up and down */

static bool init_state_move(struct vcpu *v, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&sched_vcpu(v->sched_priv)->init_state, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static long op_initialise(struct vcpu *v, uint64_t arg)
{
	struct vcpu_guest_context *c = hyp_alloc(sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	err = guest_read(c, arg, sizeof(*c)) ? 0 : -EFAULT;
	if (!err && !init_state_move(v, VCPU_NEW, VCPU_BEING_MADE))
		err = -EEXIST;
	if (!err) {
		err = vcpu_set_context(v, c);
		init_state_move(v, VCPU_BEING_MADE, err ? VCPU_NEW : VCPU_INITIALISED);
	}
	hyp_free(c);
	return err == -EAGAIN ? HC_RESTART : err;
}

static long op_up(struct vcpu *v, uint64_t arg)
{
	if (READ_ONCE(sched_vcpu(v->sched_priv)->init_state) != VCPU_INITIALISED)
		return -EINVAL;
	vcpu_online(v);
	return 0;
}

static bool all_down(const struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (!(__atomic_load_n(&d->vcpu[i]->pause_flags, __ATOMIC_SEQ_CST) & VPF_DOWN))
			return false;
	return true;
}

/* A domain without a vcpu that is up could never do anything again. */
static long op_down(struct vcpu *v, uint64_t arg)
{
	__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
	vcpu_sleep(v);
	if (all_down(v->domain))
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
	return 0;
}

static long op_is_up(struct vcpu *v, uint64_t arg)
{
	return !(READ_ONCE(v->pause_flags) & VPF_DOWN);
}

static long op_send_nmi(struct vcpu *v, uint64_t arg)
{
	if (!READ_ONCE(v->x86.nmi_rip))
		return 0; /* it would wait for a handler for ever, and keep v from blocking */
	__atomic_store_n(&v->x86.nmi_pending, true, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
	return 0;
}

/* Only where it is constant and the caller can do something with it. */
static long op_get_physid(struct vcpu *v, uint64_t arg)
{
	uint64_t mask = v->affinity.bits[0];
	struct vcpu_get_physid p;

	if (!is_dom0(v->domain) || !mask || mask & (mask - 1))
		return -EINVAL;
	p.phys_id = cpus[find_first_set(mask)]->apic_id | 0xffffffffull
								  << 32; /* ACPI id: unknown */
	return guest_write(arg, &p, sizeof(p)) ? 0 : -EFAULT;
}

/* --- areas in guest memory */

/* v is current. A guest that unmaps the area loses the news, nothing else. */
static void runstate_write(struct vcpu *v)
{
	struct vcpu_runstate_info r = v->runstate;
	uint64_t gva = v->runstate_gva;
	uint64_t when = gva + offsetof(struct vcpu_runstate_info, state_entry_time);
	bool flag = v->domain->vm_assist >> VMASST_TYPE_runstate_update_flag & 1;

	if (flag) {
		r.state_entry_time |= XEN_RUNSTATE_UPDATE;
		guest_write(when, &r.state_entry_time, sizeof(r.state_entry_time));
	}
	guest_write(gva, &r, sizeof(r));
	if (flag) {
		r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
		guest_write(when, &r.state_entry_time, sizeof(r.state_entry_time));
	}
}

void vcpu_update_guest_areas(struct vcpu *v)
{
	struct sched_vcpu *sv = sched_vcpu(v->sched_priv);

	if (v->is_idle)
		return;
	if (time_update_vcpu(v))
		sv->time_stale = true;
	if (sv->time_stale && v->time_gva) {
		time_write_copy(v);
		sv->time_stale = false;
	}
	if (v->runstate_gva)
		runstate_write(v);
}

static long op_get_runstate_info(struct vcpu *v, uint64_t arg)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return guest_write(arg, &r, sizeof(r)) ? 0 : -EFAULT;
}

static long op_register_runstate(struct vcpu *v, uint64_t arg)
{
	struct vcpu_register_runstate_memory_area r;

	if (!guest_read(&r, arg, sizeof(r)))
		return -EFAULT;
	if (r.addr.p && !guest_range_ok(r.addr.p, sizeof(struct vcpu_runstate_info)))
		return -EFAULT;
	WRITE_ONCE(v->runstate_gva, r.addr.p);
	if (v == current && r.addr.p)
		runstate_write(v);
	return 0;
}

static long op_register_time(struct vcpu *v, uint64_t arg)
{
	struct vcpu_register_time_memory_area r;

	if (!guest_read(&r, arg, sizeof(r)))
		return -EFAULT;
	if (r.addr.p && !guest_range_ok(r.addr.p, sizeof(struct vcpu_time_info)))
		return -EFAULT;
	WRITE_ONCE(v->time_gva, r.addr.p);
	sched_vcpu(v->sched_priv)->time_stale = true; /* v reads it on its way in */
	if (v == current && r.addr.p)
		time_write_copy(v);
	return 0;
}

/*
 * v->info moves to the guest's frame. d->evt_lock holds off senders of events, so none is lost
 * between the two places; what was sent in the past is covered by telling the guest to look
 * everywhere.
 */
static bool info_move(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
	struct domain *d = v->domain;
	struct vcpu_info *to = (void *)((uint8_t *)mfn_to_virt(mfn) + offset);
	bool first;

	spin_lock(&d->evt_lock);
	first = mfn_eq(v->info_mfn, virt_to_mfn(d->shared));
	if (first) {
		*to = *v->info;
		to->evtchn_pending_sel = ~0ull;
		to->evtchn_upcall_pending = 1;
		v->info = to;
		v->info_mfn = mfn;
		v->info_offset = offset;
	}
	spin_unlock(&d->evt_lock);
	return first;
}

/* Its own, or one that is not up: nobody else reads v->info meanwhile. */
static long op_register_vcpu_info(struct vcpu *v, uint64_t arg)
{
	struct vcpu_register_vcpu_info r;
	int err;

	if (!guest_read(&r, arg, sizeof(r)))
		return -EFAULT;
	/* shared_info itself would be no move: the reference could never be told from none. */
	if (r.offset > PAGE_SIZE - sizeof(struct vcpu_info) || r.offset % 8 ||
	    mfn_eq(MFN(r.mfn), virt_to_mfn(v->domain->shared)))
		return -EINVAL;
	if (v != current && (!(READ_ONCE(v->pause_flags) & VPF_DOWN) || READ_ONCE(v->running)))
		return -EBUSY;
	if (!mfn_eq(v->info_mfn, virt_to_mfn(v->domain->shared)))
		return -EINVAL;
	err = frame_get_and_type(MFN(r.mfn), v->domain, FT_WRITABLE);
	if (err)
		return err == -EAGAIN ? HC_RESTART : -EINVAL;
	if (!info_move(v, MFN(r.mfn), r.offset)) {
		frame_put_and_type(MFN(r.mfn));
		return -EINVAL;
	}
	if (v == current)
		context_refresh_vinfo(v);
	return 0;
}

/* --- timers: the caller's own */

static long op_set_periodic(struct vcpu *v, uint64_t arg)
{
	struct vcpu_set_periodic_timer p;

	if (!guest_read(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.period_ns < MIN_PERIOD || p.period_ns > INT64_MAX / 4)
		return -EINVAL;
	WRITE_ONCE(v->periodic_period, (s_time_t)p.period_ns);
	timer_set(&v->periodic, now() + (s_time_t)p.period_ns);
	return 0;
}

static long op_stop_periodic(struct vcpu *v, uint64_t arg)
{
	WRITE_ONCE(v->periodic_period, 0);
	timer_stop(&v->periodic);
	return 0;
}

static long op_set_singleshot(struct vcpu *v, uint64_t arg)
{
	struct vcpu_set_singleshot_timer s;

	if (!guest_read(&s, arg, sizeof(s)))
		return -EFAULT;
	if ((s.flags & VCPU_SSHOTTMR_future) && s.timeout_abs_ns < (uint64_t)now())
		return -ETIME;
	if (s.timeout_abs_ns > INT64_MAX)
		timer_stop(&v->singleshot);
	else
		timer_set(&v->singleshot, max((s_time_t)s.timeout_abs_ns, (s_time_t)1));
	return 0;
}

static long op_stop_singleshot(struct vcpu *v, uint64_t arg)
{
	timer_stop(&v->singleshot);
	return 0;
}

/* --- dispatch */

static const struct {
	long (*fn)(struct vcpu *v, uint64_t arg);
	bool own; /* for the calling vcpu only */
} vcpu_ops[] = {
	[VCPUOP_initialise] = { op_initialise, false },
	[VCPUOP_up] = { op_up, false },
	[VCPUOP_down] = { op_down, false },
	[VCPUOP_is_up] = { op_is_up, false },
	[VCPUOP_get_runstate_info] = { op_get_runstate_info, false },
	[VCPUOP_register_runstate_memory_area] = { op_register_runstate, false },
	[VCPUOP_set_periodic_timer] = { op_set_periodic, true },
	[VCPUOP_stop_periodic_timer] = { op_stop_periodic, true },
	[VCPUOP_set_singleshot_timer] = { op_set_singleshot, true },
	[VCPUOP_stop_singleshot_timer] = { op_stop_singleshot, true },
	[VCPUOP_register_vcpu_info] = { op_register_vcpu_info, false },
	[VCPUOP_send_nmi] = { op_send_nmi, false },
	[VCPUOP_get_physid] = { op_get_physid, false },
	[VCPUOP_register_vcpu_time_memory_area] = { op_register_time, false },
};

long hc_vcpu_op(struct hc_args *a)
{
	uint64_t cmd = a->arg[0], id = a->arg[1];
	struct domain *d = current->domain;

	if (id >= d->max_vcpus)
		return -ENOENT;
	if (cmd >= ARRAY_SIZE(vcpu_ops) || !vcpu_ops[cmd].fn)
		return -ENOSYS;
	if (vcpu_ops[cmd].own && d->vcpu[id] != current)
		return -EINVAL;
	return vcpu_ops[cmd].fn(d->vcpu[id], a->arg[2]);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls of a vcpu about its own running: yield, block, poll, shut down,
 * watchdogs, and the one-shot and virtual-time alarms.
 */
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/sched.h>
#include <public/sched.h>
#include <public/xeno.h>

#define POLL_MAX 128
#define NR_PORTS (sizeof(((struct shared_info *)0)->evtchn_pending) * 8)
#define VTIMER_MAX (1ull << 62)

/* --- waiting */

/*
 * The flag is set first and the events are looked at then; who sends an event sets
 * it pending first and looks at the flag then. One of the two sees the other.
 */
void vcpu_block(void)
{
	struct vcpu *v = current;

	WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
	__atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
	if (vcpu_event_pending(v) || READ_ONCE(v->x86.nmi_pending))
		__atomic_fetch_and(&v->pause_flags, ~(uint64_t)VPF_BLOCKED, __ATOMIC_SEQ_CST);
	else
		softirq_raise(smp_id(), SOFTIRQ_SCHED);
}

static long op_yield(uint64_t arg)
{
	vcpu_yield();
	return 0;
}

static long op_block(uint64_t arg)
{
	vcpu_block();
	return 0;
}

/* Reads the caller's list: the number pending (> 0), 0 or -Exxx. *port: the last one. */
static long ports_pending(const struct sched_poll *p, uint32_t *port)
{
	const struct shared_info *s = current->domain->shared;
	long n = 0;

	for (unsigned int i = 0; i < p->nr_ports; i++) {
		if (!guest_read(port, p->ports + i * sizeof(*port), sizeof(*port)))
			return -EFAULT;
		if (*port >= NR_PORTS)
			return -EINVAL;
		n += test_bit(s->evtchn_pending, *port);
	}
	return n;
}

/* Possibly of an earlier poll that an event ended: then the guest looks once more. */
static void poll_over(void *data)
{
	struct vcpu *v = data;

	if (__atomic_fetch_and(&v->pause_flags, ~(uint64_t)VPF_POLL, __ATOMIC_SEQ_CST) & VPF_POLL)
		vcpu_wake(v);
}

/* v->poll_port: the one port waited for, 0 = any event of the domain ends the wait. */
static long op_poll(uint64_t arg)
{
	struct vcpu *v = current;
	struct sched_poll p;
	uint32_t port = 0;
	long n;

	if (!guest_read(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.nr_ports > POLL_MAX)
		return -EINVAL;
	n = ports_pending(&p, &port);
	if (n)
		return n < 0 ? n : 0;
	if (p.timeout && p.timeout <= (uint64_t)now())
		return 0;
	v->poll_port = p.nr_ports == 1 ? port : 0;
	__atomic_fetch_or(&v->pause_flags, VPF_POLL, __ATOMIC_SEQ_CST);
	if (ports_pending(&p, &port) || READ_ONCE(v->x86.nmi_pending)) { /* see vcpu_block */
		__atomic_fetch_and(&v->pause_flags, ~(uint64_t)VPF_POLL, __ATOMIC_SEQ_CST);
		return 0;
	}
	if (p.timeout && p.timeout <= INT64_MAX)
		timer_set(&sched_vcpu(v->sched_priv)->poll, (s_time_t)p.timeout);
	softirq_raise(smp_id(), SOFTIRQ_SCHED);
	return 0;
}

/* --- ending */

static long read_reason(uint64_t arg, uint32_t *reason)
{
	struct sched_shutdown s;

	if (!guest_read(&s, arg, sizeof(s)))
		return -EFAULT;
	*reason = s.reason;
	return s.reason > SHUTDOWN_MAX ? -EINVAL : 0;
}

static long op_shutdown(uint64_t arg)
{
	uint32_t reason;
	long err = read_reason(arg, &reason);

	if (!err)
		domain_shutdown(current->domain, reason);
	return err;
}

static long op_shutdown_code(uint64_t arg)
{
	uint32_t reason;
	long err = read_reason(arg, &reason);

	if (!err)
		WRITE_ONCE(current->domain->shutdown_code, reason);
	return err;
}

static long op_remote_shutdown(uint64_t arg)
{
	struct sched_remote_shutdown s;
	struct domain *d;

	if (!is_dom0(current->domain))
		return -EPERM;
	if (!guest_read(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.reason > SHUTDOWN_MAX)
		return -EINVAL;
	d = domain_find_self(s.domain_id);
	if (!d)
		return -ESRCH;
	domain_shutdown(d, s.reason);
	domain_put(d);
	return 0;
}

/* --- watchdogs: per domain, kept with its vcpu 0 */

static void watchdog_barks(void *data)
{
	struct domain *d = data;

	domain_shutdown(d, SHUTDOWN_watchdog);
}

static long watchdog_new(struct sched_vcpu *sv)
{
	for (unsigned int i = 0; i < SCHED_WATCHDOGS; i++)
		if (!test_and_set_atomic(&sv->watchdogs, i))
			return i + 1;
	return -ENOSPC;
}

static long op_watchdog(uint64_t arg)
{
	struct sched_vcpu *sv = sched_vcpu(current->domain->vcpu[0]->sched_priv);
	struct sched_watchdog w;
	long id;

	if (!guest_read(&w, arg, sizeof(w)))
		return -EFAULT;
	id = w.id;
	if (w.id > SCHED_WATCHDOGS || (!w.id && !w.timeout))
		return -EINVAL;
	if (!w.id)
		id = watchdog_new(sv);
	else if (!test_bit(&sv->watchdogs, w.id - 1))
		return -EINVAL;
	if (id < 0)
		return id;
	if (w.timeout) {
		timer_set(&sv->watchdog[id - 1], now() + SECONDS(w.timeout));
	} else {
		timer_stop(&sv->watchdog[id - 1]);
		test_and_clear_atomic(&sv->watchdogs, (unsigned int)id - 1);
	}
	return w.id ? 0 : id;
}

/* --- dispatch */

static long (*const sched_ops_table[])(uint64_t arg) = {
	[SCHEDOP_yield] = op_yield,
	[SCHEDOP_block] = op_block,
	[SCHEDOP_shutdown] = op_shutdown,
	[SCHEDOP_poll] = op_poll,
	[SCHEDOP_remote_shutdown] = op_remote_shutdown,
	[SCHEDOP_shutdown_code] = op_shutdown_code,
	[SCHEDOP_watchdog] = op_watchdog,
};

long hc_sched_op(struct hc_args *a)
{
	uint64_t cmd = a->arg[0];

	if (cmd >= ARRAY_SIZE(sched_ops_table) || !sched_ops_table[cmd])
		return -ENOSYS;
	return sched_ops_table[cmd](a->arg[1]);
}

/* The older form: the argument of a shutdown is the reason itself. */
long hc_sched_op_compat(struct hc_args *a)
{
	if (a->arg[0] == SCHEDOP_yield || a->arg[0] == SCHEDOP_block)
		return hc_sched_op(a);
	if (a->arg[0] != SCHEDOP_shutdown)
		return -ENOSYS;
	if (a->arg[1] > SHUTDOWN_MAX)
		return -EINVAL;
	domain_shutdown(current->domain, (uint32_t)a->arg[1]);
	return 0;
}

/* --- alarms */

static void singleshot_fires(void *data)
{
	virq_send(data, VIRQ_TIMER);
}

/* Missed periods are not made up for. */
static void periodic_fires(void *data)
{
	struct vcpu *v = data;
	s_time_t period = READ_ONCE(v->periodic_period), t = now(), next;

	virq_send(v, VIRQ_TIMER);
	if (!period)
		return;
	next = v->periodic.expires + period;
	timer_set(&v->periodic, next > t ? next : t + period);
}

static void vtimer_fires(void *data)
{
	struct vcpu *v = data;

	WRITE_ONCE(v->vtimer_deadline, 0);
	virq_send(v, VIRQ_XENO_VTIMER);
}

void vcpu_timers_init(struct vcpu *v)
{
	struct sched_vcpu *sv = sched_vcpu(v->sched_priv);

	timer_init(&v->singleshot, singleshot_fires, v);
	timer_init(&v->periodic, periodic_fires, v);
	timer_init(&v->vtimer, vtimer_fires, v);
	timer_init(&sv->poll, poll_over, v);
	for (unsigned int i = 0; i < SCHED_WATCHDOGS; i++)
		timer_init(&sv->watchdog[i], watchdog_barks, v->domain);
}

void vcpu_timers_stop(struct vcpu *v)
{
	struct sched_vcpu *sv = sched_vcpu(v->sched_priv);

	WRITE_ONCE(v->periodic_period, 0);
	timer_stop(&v->singleshot);
	timer_stop(&v->periodic);
	timer_stop(&v->vtimer);
	timer_stop(&sv->poll);
	for (unsigned int i = 0; i < SCHED_WATCHDOGS; i++)
		timer_stop(&sv->watchdog[i]);
}

/* Times no clock will show, such as ~0, mean never. */
long hc_set_timer_op(struct hc_args *a)
{
	uint64_t t = a->arg[0];

	if (!t || t > INT64_MAX)
		timer_stop(&current->singleshot);
	else
		timer_set(&current->singleshot, (s_time_t)t);
	return 0;
}

static s_time_t virtual_now(const struct vcpu *v)
{
	return v->virtual_time + (now() - v->run_start);
}

long hc_vtimer_op(struct hc_args *a)
{
	struct vcpu *v = current;
	uint64_t t = a->arg[1];

	if (a->arg[0] == XENO_VTIMER_NOW)
		return (long)virtual_now(v);
	if (a->arg[0] != XENO_VTIMER_SET || t > VTIMER_MAX)
		return -EINVAL;
	timer_stop(&v->vtimer);
	v->vtimer_deadline = (s_time_t)t;
	if (t)
		timer_set(&v->vtimer, now() + max((s_time_t)t - virtual_now(v), (s_time_t)0));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/sched/bvt.c hypervisor/sched/atropos.c hypervisor/sched/rr.c */
/*
 * sched/core.c under fire: threads are CPUs, which run vcpus that block, yield, wake, pause and
 * pin each other at random. A vcpu must never be on two CPUs, nor run before its state was
 * saved; in the end every wake-up must have counted, and pinned vcpus be where they belong.
 */
#define _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The CPU is known by thread, not by stack. */
#define this_cpu real_this_cpu
#define smp_id real_smp_id
#include <hyp/cpu.h>
#undef this_cpu
#undef smp_id
static __thread struct cpu *me;
#define this_cpu() me
#define smp_id() (me->id)
#include "../../hypervisor/sched/core.c"

#define CPUS 4
#define VCPUS 10

struct cpu *cpus[MAX_CPUS];
unsigned int nr_cpus = CPUS;
struct cpu boot_cpu;
struct domain *idle_domain;
static struct domain dom, idle_dom;
static struct cpu cpu_store[CPUS];
static s_time_t slice_at[CPUS];
static int on_cpu[VCPUS]; /* CPU + 1 whose registers hold it, 0 = saved */
static uint32_t paused[VCPUS];
static uint64_t turns[VCPUS], wrong_cpu;
static int stop, calm;
static const char *broken;

static void complain(const char *what)
{
	__atomic_store_n(&broken, what, __ATOMIC_SEQ_CST);
}

/* --- the hypervisor around it */

s_time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec;
}

static __thread int locks_held;

void spin_lock(struct spinlock *l)
{
	if (locks_held++)
		complain("two run queues locked at once");
	while (__atomic_exchange_n(&l->owner, 1, __ATOMIC_SEQ_CST))
		sched_yield();
}

void spin_unlock(struct spinlock *l)
{
	locks_held--;
	__atomic_store_n(&l->owner, 0, __ATOMIC_SEQ_CST);
}

void softirq_raise(unsigned int cpu, unsigned int nr)
{
	test_and_set_atomic(&cpus[cpu]->softirq, nr);
}

void smp_mailbox_poll(void)
{
	sched_yield();
}

void timer_init(struct timer *t, timer_fn *fn, void *data)
{
	*t = (struct timer){ .fn = fn, .data = data };
}

void timer_set(struct timer *t, s_time_t expires)
{
	slice_at[me->id] = expires;
	t->rank = 1;
}

void timer_stop(struct timer *t)
{
	slice_at[me->id] = 0;
	t->rank = 0;
}

bool time_tsc_stable(void)
{
	return true;
}

void vcpu_update_guest_areas(struct vcpu *v)
{
}

void vcpu_timers_init(struct vcpu *v)
{
}

void vcpu_timers_stop(struct vcpu *v)
{
}

bool domain_get(struct domain *d)
{
	return true;
}

void domain_put(struct domain *d)
{
}

void *hyp_alloc(size_t size)
{
	return calloc(1, size);
}

void hyp_free(void *p)
{
	free(p);
}

void panic(const char *fmt, ...)
{
	printf("FAIL schedsmp: panic %s\n", fmt);
	abort();
}

void printk(const char *fmt, ...)
{
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

static __thread uint64_t seed;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % n;
}

struct vcpu *vcpu_alloc(struct domain *d, unsigned int id)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	v->domain = d;
	v->id = id;
	v->is_idle = d == &idle_dom;
	v->pause_flags = v->is_idle ? 0 : VPF_DOWN;
	v->runstate.state = v->is_idle ? RUNSTATE_running : RUNSTATE_offline;
	v->affinity.bits[0] = BIT(CPUS) - 1;
	return v;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	if (!prev->is_idle) {
		if (rnd(4) == 0)
			sched_yield(); /* a window for others to take it too early */
		if (__atomic_exchange_n(&on_cpu[prev->id], 0, __ATOMIC_SEQ_CST) != (int)me->id + 1)
			complain("somebody else saved it");
	}
	if (!next->is_idle) {
		if (__atomic_exchange_n(&on_cpu[next->id], (int)me->id + 1, __ATOMIC_SEQ_CST))
			complain("a vcpu on two CPUs");
		turns[next->id]++;
		if (!cpumask_test(&next->affinity, me->id))
			wrong_cpu++;
	}
	current = next;
	__atomic_store_n(&prev->running, false, __ATOMIC_SEQ_CST);
}

/* --- what vcpus do */

static void pause_other(struct vcpu *v)
{
	if (v == current || __atomic_exchange_n(&paused[v->id], 1, __ATOMIC_SEQ_CST))
		return;
	__atomic_fetch_or(&v->pause_flags, VPF_DOM_PAUSED, __ATOMIC_SEQ_CST);
	if (rnd(2)) {
		vcpu_sleep(v);
	} else {
		/* Two that wait for each other would wait for ever: the hypervisor forbids it too. */
		vcpu_sleep(v);
		for (int i = 0; i < 100 && READ_ONCE(v->running); i++)
			sched_yield();
		if (!READ_ONCE(v->running) && __atomic_load_n(&on_cpu[v->id], __ATOMIC_SEQ_CST))
			complain("a paused vcpu is on a CPU");
	}
	__atomic_fetch_and(&v->pause_flags, ~(uint64_t)VPF_DOM_PAUSED, __ATOMIC_SEQ_CST);
	vcpu_wake(v);
	__atomic_store_n(&paused[v->id], 0, __ATOMIC_SEQ_CST);
}

static void live(struct vcpu *v)
{
	struct vcpu *other = dom.vcpu[rnd(VCPUS)];
	cpumask_t mask = { { 1 + rnd(BIT(CPUS) - 1) } };

	switch (__atomic_load_n(&calm, __ATOMIC_SEQ_CST) ? 7 : rnd(8)) {
	case 0:
		__atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
		softirq_raise(me->id, SOFTIRQ_SCHED);
		break;
	case 1:
		vcpu_yield();
		break;
	case 2:
		if (rnd(8) == 0)
			sched_set_affinity(other, &mask);
		break;
	case 3:
		pause_other(other);
		break;
	case 4:
	case 5:
	case 6:
		vcpu_unblock(other);
		break;
	default:
		break;
	}
}

static void *cpu_thread(void *arg)
{
	me = arg;
	seed = me->id + 1;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		if (slice_at[me->id] && now() >= slice_at[me->id]) {
			slice_at[me->id] = 0;
			softirq_raise(me->id, SOFTIRQ_SCHED);
		}
		if (test_and_clear_atomic(&me->softirq, SOFTIRQ_SCHED))
			schedule();
		if (!current->is_idle)
			live(current);
		else
			sched_yield();
	}
	return NULL;
}

static const char *every_one_runs(void)
{
	uint64_t before[VCPUS];

	for (int i = 0; i < VCPUS; i++)
		before[i] = __atomic_load_n(&turns[i], __ATOMIC_SEQ_CST);
	for (int tries = 0; tries < 100; tries++) {
		int waiting = 0;

		usleep(50000);
		for (int i = 0; i < VCPUS; i++) /* running throughout counts as well */
			waiting += __atomic_load_n(&turns[i], __ATOMIC_SEQ_CST) == before[i] &&
				   !__atomic_load_n(&on_cpu[i], __ATOMIC_SEQ_CST);
		if (!waiting)
			return NULL;
	}
	return "a runnable vcpu is never run";
}

static const char *books_balance(void)
{
	for (int i = 0; i < VCPUS; i++) {
		struct vcpu_runstate_info r;
		uint64_t sum = 0;

		vcpu_runstate_get(dom.vcpu[i], &r);
		for (int s = 0; s < 4; s++)
			sum += r.time[s];
		if (sum > (uint64_t)now() || r.time[RUNSTATE_running] > sum)
			return "the times of a vcpu's states do not add up";
	}
	return NULL;
}

static void start_vcpus(void)
{
	for (unsigned int i = 0; i < VCPUS; i++) {
		dom.vcpu[i] = vcpu_alloc(&dom, i);
		if (sched_vcpu_init(dom.vcpu[i]))
			complain("no room for a vcpu");
		dom.vcpu[i]->pause_flags = 0;
		vcpu_wake(dom.vcpu[i]);
	}
}

static const char *storm(const char *policy)
{
	pthread_t threads[CPUS];
	cpumask_t one = { { 2 } }, all = { { BIT(CPUS) - 1 } };
	const char *why = NULL;

	stop = calm = 0;
	memset(on_cpu, 0, sizeof(on_cpu));
	memset(slice_at, 0, sizeof(slice_at));
	idle_cpus.bits[0] = 0;
	idle_domain = &idle_dom;
	dom.max_vcpus = VCPUS;
	for (unsigned int i = 0; i < CPUS; i++) {
		cpu_store[i] = (struct cpu){ .id = i };
		cpus[i] = me = &cpu_store[i];
		if (!i)
			sched_init(policy);
		sched_cpu_init(me);
	}
	me = &cpu_store[0];
	start_vcpus();
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_create(&threads[i], NULL, cpu_thread, cpus[i]);
	/* This thread is no CPU, but borrows the number of one. */
	for (int i = 0; i < 40; i++) {
		usleep(10000);
		vcpu_unblock(dom.vcpu[i % VCPUS]);
	}
	__atomic_store_n(&calm, 1, __ATOMIC_SEQ_CST);
	usleep(20000);
	for (int i = 0; i < VCPUS; i++) {
		vcpu_unblock(dom.vcpu[i]);
		sched_set_affinity(dom.vcpu[i], &all);
	}
	why = every_one_runs();
	for (int i = 0; i < VCPUS && !why; i++)
		if (sched_set_affinity(dom.vcpu[i], &one))
			why = "affinity refused";
	usleep(100000);
	__atomic_store_n(&wrong_cpu, 0, __ATOMIC_SEQ_CST);
	if (!why)
		why = every_one_runs();
	if (!why && __atomic_load_n(&wrong_cpu, __ATOMIC_SEQ_CST))
		why = "a pinned vcpu ran elsewhere";
	if (!why)
		why = books_balance();
	stop = 1;
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < CPUS; i++)
		free(cpu_store[i].idle);
	for (unsigned int i = 0; i < VCPUS; i++) {
		free(dom.vcpu[i]->sched_priv);
		free(dom.vcpu[i]);
	}
	return broken ? broken : why;
}

int main(void)
{
	static const char *const names[] = { "bvt", "atropos", "rr" };
	int failures = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		const char *why = storm(names[i]);

		broken = NULL;
		if (why)
			printf("FAIL schedsmp-%s: %s\n", names[i], why);
		else
			printf("ok schedsmp-%s\n", names[i]);
		failures += why != NULL;
	}
	return failures != 0;
}

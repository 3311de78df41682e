/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System time and wall clock.
 *
 * While the TSCs agree, there is one scale, made at boot: now() is a
 * multiplication, vcpu_time_info never changes, and guests read the time without
 * our help. Processors promise agreement by CPUID, but virtual machines seldom do
 * where it holds, so we look for ourselves: CPU 0 asks each other CPU in turn for
 * its TSC, which must lie between the moments of asking and answering.
 *
 * After one answer that does not, every CPU keeps an own offset, renewed
 * by CPU 0 every second from such a question; now() is then kept from going
 * back by a common floor, and guests lose XEN_PVCLOCK_TSC_STABLE_BIT.
 *
 * The rate is constant. Domain 0's NTP client steers its own clock, and steps the wall
 * clock by XENPF_settime. Not here: TSCs that change frequency (before 2008).
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/spinlock.h>
#include <hyp/timer.h>

#define CHECK_EVERY SECONDS(1)
#define CHECK_ROUNDS 8

uint64_t tsc_khz;
static struct time_scale common;	/* never changes after time_init */
static bool unstable;			/* set once */
static struct time_scale own[MAX_CPUS]; /* when unstable; each written by its CPU only */
static s_time_t floor_time;		/* when unstable: the latest time told, atomics */
static struct timer check_timer;

static s_time_t now_unstable(void)
{
	s_time_t t = time_scale_at(&own[smp_id()], rdtsc());
	s_time_t seen = __atomic_load_n(&floor_time, __ATOMIC_RELAXED);

	while (t > seen)
		if (__atomic_compare_exchange_n(&floor_time, &seen, t, true, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return t;
	return seen;
}

s_time_t now(void)
{
	if (unlikely(READ_ONCE(unstable)))
		return now_unstable();
	return time_scale_at(&common, rdtsc());
}

bool time_tsc_stable(void)
{
	return !READ_ONCE(unstable);
}

void udelay(unsigned int us)
{
	/* Before calibration: long enough on anything. */
	uint64_t cycles = us * (tsc_khz ? tsc_khz : 5000000) / 1000;

	for (uint64_t start = rdtsc(); rdtsc() - start < cycles;)
		cpu_relax();
}

/* --- agreement of the TSCs */

/* On the CPU asked. */
static void tell_tsc(void *arg)
{
	__atomic_store_n((uint64_t *)arg, rdtsc(), __ATOMIC_SEQ_CST);
}

struct answer {
	uint64_t asked, told, answered; /* TSC of CPU 0, the other's, CPU 0's */
};

static struct answer ask(unsigned int cpu)
{
	cpumask_t mask = { { 0 } };
	struct answer a;

	cpumask_set(&mask, cpu);
	a.asked = rdtsc();
	smp_call(&mask, tell_tsc, &a.told);
	a.answered = rdtsc();
	return a;
}

static bool agrees(unsigned int cpu)
{
	for (unsigned int i = 0; i < CHECK_ROUNDS; i++) {
		struct answer a = ask(cpu);

		if (a.told < a.asked || a.told > a.answered) {
			printk(LOG_WARN "time: the TSC of CPU %u is off by %ld cycles\n", cpu,
			       (long)(a.told - a.asked));
			return false;
		}
	}
	return true;
}

/* On the CPU concerned: arg is its new scale, by time of CPU 0. */
static void take_scale(void *arg)
{
	struct cpu *c = this_cpu();

	own[c->id] = *(const struct time_scale *)arg;
	softirq_raise(c->id, SOFTIRQ_SCHED); /* tells the vcpu that runs here */
}

static void resync(unsigned int cpu)
{
	struct time_scale s = common;
	cpumask_t mask = { { 0 } };
	struct answer best = ask(cpu);

	for (unsigned int i = 1; i < CHECK_ROUNDS; i++) {
		struct answer a = ask(cpu);

		if (a.answered - a.asked < best.answered - best.asked)
			best = a;
	}
	s.tsc = best.told;
	s.time = time_scale_at(&common, best.asked + (best.answered - best.asked) / 2);
	cpumask_set(&mask, cpu);
	smp_call(&mask, take_scale, &s);
}

static void go_unstable(void)
{
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		own[i] = common;
	for (unsigned int i = 1; i < nr_cpus; i++)
		resync(i);
	__atomic_store_n(&floor_time, time_scale_at(&common, rdtsc()), __ATOMIC_SEQ_CST);
	__atomic_store_n(&unstable, true, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < nr_cpus; i++)
		softirq_raise(i, SOFTIRQ_SCHED);
	printk(LOG_WARN "time: the TSCs differ; each CPU keeps its own offset\n");
}

/* All CPUs the first time, before domain 0's first instruction; then one in turn. */
static void check(void *data)
{
	static unsigned int turn;
	bool all = turn == 0 || unstable;

	turn = turn + 1 < nr_cpus ? turn + 1 : 1;
	for (unsigned int i = all ? 1 : turn; i < nr_cpus && (all || i == turn); i++) {
		if (unstable)
			resync(i);
		else if (!agrees(i))
			go_unstable();
	}
	if (nr_cpus > 1)
		timer_set(&check_timer, now() + CHECK_EVERY);
}

void time_init(void)
{
	uint64_t hz = tsc_calibrate();

	tsc_khz = hz / 1000;
	time_scale_init(&common, hz);
	common.tsc = rdtsc();
	common.time = 1; /* 0 means "none" in many places */
}

/* CPU 0 does all the work once every CPU is up; see check(). */
void time_cpu_init(void)
{
	own[smp_id()] = common;
}

/* --- what guests see */

static void time_info(struct vcpu_time_info *i)
{
	const struct time_scale *s = unstable ? &own[smp_id()] : &common;

	*i = (struct vcpu_time_info){ .tsc_timestamp = s->tsc,
				      .system_time = (uint64_t)s->time,
				      .tsc_to_system_mul = s->mul,
				      .tsc_shift = s->shift,
				      .flags = unstable ? 0 : XEN_PVCLOCK_TSC_STABLE_BIT };
}

bool time_update_vcpu(struct vcpu *v)
{
	struct vcpu_time_info n, *i = &v->info->time;
	uint32_t version = READ_ONCE(i->version) | 1;

	time_info(&n);
	/* Compared with what the guest could change: it would only deceive itself. */
	if (i->tsc_timestamp == n.tsc_timestamp && i->system_time == n.system_time &&
	    i->tsc_to_system_mul == n.tsc_to_system_mul && i->flags == n.flags)
		return false;
	n.version = version;
	WRITE_ONCE(i->version, version);
	barrier();
	*i = n;
	barrier();
	WRITE_ONCE(i->version, version + 1);
	return true;
}

bool time_write_copy(struct vcpu *v)
{
	struct vcpu_time_info n;
	uint32_t version;

	if (!guest_read(&version, v->time_gva, sizeof(version)))
		return false;
	version |= 1;
	time_info(&n);
	n.version = version++;
	return guest_write(v->time_gva, &n, sizeof(n)) &&
	       guest_write(v->time_gva, &version, sizeof(version));
}

/* --- wall clock */

static struct spinlock wc_lock = SPINLOCK_INIT(RANK_LEAF, "wallclock");
static s_time_t wc_base; /* Unix time at system time 0, ns; wc_lock, as all wc_* of shared pages */

void wallclock_update_domain(struct domain *d)
{
	struct shared_info *s = d->shared;
	s_time_t base;
	uint32_t version;

	spin_lock(&wc_lock);
	base = wc_base + SECONDS(d->time_offset);
	version = READ_ONCE(s->wc_version) | 1;
	WRITE_ONCE(s->wc_version, version);
	barrier();
	s->wc_sec = (uint32_t)(base / SECONDS(1));
	s->wc_sec_hi = (uint32_t)(base / SECONDS(1) >> 32);
	s->wc_nsec = (uint32_t)(base % SECONDS(1));
	barrier();
	WRITE_ONCE(s->wc_version, version + 1);
	spin_unlock(&wc_lock);
}

static void wallclock_store(s_time_t base)
{
	spin_lock(&wc_lock);
	wc_base = base;
	spin_unlock(&wc_lock);
}

void wallclock_init(void)
{
	int64_t secs = rtc_read();

	if (!secs)
		printk(LOG_WARN "time: the machine's clock is not set\n");
	wallclock_store(SECONDS(secs) - (secs ? now() : 0));
	timer_init(&check_timer, check, NULL);
	timer_set(&check_timer, now());
}

int wallclock_set(uint64_t secs, uint32_t nsecs, s_time_t system_time)
{
	struct domain *d;

	/* Until the year 2242; the clock does not start before 1970. */
	if (secs >> 33 || nsecs >= SECONDS(1) || system_time < 0 ||
	    system_time > SECONDS(secs) + nsecs)
		return -EINVAL;
	wallclock_store(SECONDS(secs) + nsecs - system_time);
	for (d = domain_next(DOMID_BEFORE_FIRST); d;) {
		domid_t id = d->id;

		if (d->shared)
			wallclock_update_domain(d);
		domain_put(d);
		d = domain_next(id);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Event channels and time of a test kernel. */
#include "guest.h"

volatile uint32_t events[4096];
void (*event_hook)(unsigned int port);

static bool test_and_clear(volatile uint64_t *words, unsigned int bit)
{
	bool old;

	__asm__ volatile("lock btr %2, %0; setc %1"
			 : "+m"(words[bit / 64]), "=q"(old)
			 : "r"((uint64_t)bit % 64)
			 : "cc");
	return old;
}

static void one_word(unsigned int word)
{
	uint64_t ready;

	while ((ready = shared->evtchn_pending[word] & ~shared->evtchn_mask[word])) {
		unsigned int port = word * 64 + (unsigned int)__builtin_ctzl(ready);

		test_and_clear(shared->evtchn_pending, port);
		__atomic_add_fetch(&events[port], 1, __ATOMIC_SEQ_CST);
		if (event_hook)
			event_hook(port);
	}
}

void event_upcall(struct frame *f)
{
	struct vcpu_info *v = vcpu_info();
	uint64_t sel;

	(void)f;
	while (__atomic_exchange_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
		sel = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
		for (; sel; sel &= sel - 1)
			one_word((unsigned int)__builtin_ctzl(sel));
	}
}

void events_on(void)
{
	*(volatile uint8_t *)&vcpu_info()->evtchn_upcall_mask = 0;
	__asm__ volatile("" ::: "memory");
	if (*(volatile uint8_t *)&vcpu_info()->evtchn_upcall_pending)
		hc(xen_version, XENVER_version, 0);
}

void events_off(void)
{
	*(volatile uint8_t *)&vcpu_info()->evtchn_upcall_mask = 1;
	__asm__ volatile("" ::: "memory");
}

void port_unmask(unsigned int port)
{
	struct evtchn_unmask u = { .port = port };

	EXPECT(evtchn(EVTCHNOP_unmask, &u), 0);
}

long evtchn(int cmd, void *arg)
{
	return hc(event_channel_op, cmd, arg);
}

unsigned int bind_virq(unsigned int virq)
{
	struct evtchn_bind_virq b = { .virq = virq, .vcpu = this_vcpu()->id };

	EXPECT(evtchn(EVTCHNOP_bind_virq, &b), 0);
	return b.port;
}

unsigned int bind_ipi(unsigned int vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	EXPECT(evtchn(EVTCHNOP_bind_ipi, &b), 0);
	return b.port;
}

uint64_t now(void)
{
	volatile struct vcpu_time_info *t = &vcpu_info()->time;
	uint64_t delta, base, mul;
	uint32_t version;

	do {
		version = t->version;
		__asm__ volatile("" ::: "memory");
		delta = rdtsc() - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		base = t->system_time;
		mul = t->tsc_to_system_mul;
		__asm__ volatile("" ::: "memory");
	} while ((version & 1) || version != t->version);
	__asm__("mul %1; shrd $32, %%rdx, %0" : "+a"(delta) : "r"(mul) : "rdx", "cc");
	return base + delta;
}

void sleep_ns(uint64_t ns)
{
	struct sched_poll p = { .timeout = now() + ns };
	uint64_t end = p.timeout;

	hc(sched_op, SCHEDOP_poll, &p);
	while (now() < end)
		hc(sched_op, SCHEDOP_yield, 0);
}

bool wait_for(volatile uint32_t *p, uint32_t value, unsigned int ms)
{
	uint64_t end = now() + ms * 1000000ul;

	while (*p < value) {
		if (now() > end)
			return false;
		hc(sched_op, SCHEDOP_yield, 0);
	}
	return true;
}

void race_loop(volatile uint32_t *go, void (*disturb)(void), void (*control)(void))
{
	for (unsigned int n = 0; *go; n++) {
		disturb();
		if (is_dom0 && n % 64 == 0)
			control();
	}
	*go = 2;
	for (;;)
		sleep_ns(1000000000ul);
}

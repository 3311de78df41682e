/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC (Intel SDM volume 3, chapter 10): xAPIC, or x2APIC when the
 * firmware left it on. Interrupts between CPUs, and the one-shot timer.
 */
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>
#include <hyp/timer.h>

/* Registers, as xAPIC offsets; x2APIC MSRs are 0x800 + offset / 16. */
enum {
	APIC_ID = 0x20,
	APIC_TPR = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPIV = 0xf0,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERF = 0x340,
	APIC_LVT0 = 0x350,
	APIC_LVT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TMICT = 0x380,
	APIC_TMCCT = 0x390,
	APIC_TDCR = 0x3e0,
};
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define SPIV_ENABLE 0x100
#define ICR_BUSY 0x1000
#define BASE_ENABLE 0x800ul
#define BASE_X2APIC 0x400ul
#define DIVIDE_BY_1 0xb
#define SEND_PATIENCE 100000
#define CALIBRATE_US 20000

static volatile uint32_t *regs; /* xAPIC */
static bool x2apic;
static uint64_t timer_khz;

static uint32_t apic_read(unsigned int reg)
{
	return x2apic ? (uint32_t)rdmsr(0x800 + reg / 16) : regs[reg / 4];
}

static void apic_write(unsigned int reg, uint32_t v)
{
	if (x2apic)
		wrmsr(0x800 + reg / 16, v);
	else
		regs[reg / 4] = v;
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return x2apic ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_reaches(uint32_t id)
{
	return x2apic || id < 255;
}

void apic_send(uint32_t dest, uint32_t icr)
{
	if (x2apic) {
		__asm__ volatile("mfence; lfence" ::: "memory"); /* not serialising otherwise */
		wrmsr(0x800 + APIC_ICR / 16, (uint64_t)dest << 32 | icr);
		return;
	}
	for (unsigned int i = 0; i < SEND_PATIENCE && apic_read(APIC_ICR) & ICR_BUSY; i++)
		cpu_relax();
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, icr);
}

/* The mode is the boot CPU's; another CPU is brought to it. */
static void apic_enable(bool boot_cpu_too)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (boot_cpu_too) {
		x2apic = base & BASE_ENABLE && base & BASE_X2APIC;
		if (!x2apic)
			regs = mmio_map(MADDR(base & 0xffffff000ul), PAGE_SIZE);
		if (!x2apic && !regs)
			panic("apic: cannot be mapped");
		mmio_deny(base & 0xffffff000ul, PAGE_SIZE);
	}
	if (!(base & BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
	if (x2apic && !(base & BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
}

static void check_apic(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[3] & 1u << 9))
		panic("apic: this processor has none, or the firmware hides it");
}

/* The PICs are moved off the exceptions' vectors, for a spurious one, and masked. */
static void pic_disable(void)
{
	static const uint8_t init[][3] = { /* command, then vector base, cascade, mode */
					   { 0x20, 0x20, 4 },
					   { 0xa0, 0x28, 2 }
	};

	for (unsigned int i = 0; i < 2; i++) {
		uint16_t port = init[i][0];

		outb(port, 0x11);
		outb(port + 1, init[i][1]);
		outb(port + 1, init[i][2]);
		outb(port + 1, 1);
		outb(port + 1, 0xff);
	}
}

void apic_init(bool boot)
{
	if (boot) {
		check_apic();
		pic_disable();
	}
	apic_enable(boot);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_LVT_THERMAL, LVT_MASKED);
	apic_write(APIC_LVT_PERF, LVT_MASKED);
	apic_write(APIC_LVT0, LVT_MASKED);
	apic_write(APIC_LVT1, boot ? LVT_NMI : LVT_MASKED);
	apic_write(APIC_LVT_ERROR, VEC_ERROR);
	apic_write(APIC_SPIV, SPIV_ENABLE | VEC_SPURIOUS);
	apic_write(APIC_ESR, 0);
	apic_eoi(); /* one the firmware may have left */
	apic_write(APIC_TDCR, DIVIDE_BY_1);
	if (boot)
		this_cpu()->apic_id = apic_id();
	else
		apic_write(APIC_LVT_TIMER, VEC_TIMER);
	if (boot)
		printk("apic: %s, boot CPU has id %u\n", x2apic ? "x2APIC" : "xAPIC", apic_id());
}

/* --- timer */

void apic_timer_calibrate(void)
{
	s_time_t start = now(), took;
	uint32_t left;

	apic_write(APIC_TMICT, ~0u);
	udelay(CALIBRATE_US);
	left = apic_read(APIC_TMCCT);
	took = now() - start;
	apic_write(APIC_TMICT, 0);
	timer_khz = (uint64_t)(~0u - left) * 1000000 / (uint64_t)max(took, (s_time_t)1);
	if (timer_khz < 100)
		panic("apic: the timer does not count");
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
	printk("apic: timer at %llu.%03llu MHz\n", (unsigned long long)timer_khz / 1000,
	       (unsigned long long)timer_khz % 1000);
}

/* Far deadlines come early, with the longest count there is, and are set again. */
void apic_timer_set(s_time_t deadline)
{
	s_time_t delta;
	uint64_t ticks;

	if (!deadline) {
		apic_write(APIC_TMICT, 0);
		return;
	}
	delta = min(deadline - now(), (s_time_t)1000000000000);
	ticks = delta > 0 ? (uint64_t)delta * timer_khz / 1000000 + 1 : 1;
	apic_write(APIC_TMICT, (uint32_t)min(ticks, (uint64_t)~0u));
}

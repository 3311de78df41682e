/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast the TSC runs: counted against the best reference clock there is, HPET, the
 * ACPI power-management timer, or channel 2 of the PIT, which every PC has.
 *
 * A reading of the reference takes its time (a trip to a south bridge, or an
 * exit of the virtual machine we run in). It is bracketed by two TSC readings,
 * the tightest of several counts, and the measurement goes on until the brackets
 * are small against it or it has lasted long enough.
 */
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>
#include <hyp/timer.h>
#include <hyp/x86.h>

#define PM_TIMER_HZ 3579545
#define PIT_HZ 1193182
#define PIT_CH2 0x42
#define PIT_MODE 0x43
#define PIT_GATE 0x61

struct ref_clock {
	const char *name;
	uint64_t hz;
	uint32_t mask;		/* of the counter's bits */
	uint32_t (*read)(void); /* counts up */
};

static volatile uint32_t *hpet;
static uint16_t pm_port;

/* --- HPET (IA-PC HPET specification 1.0a) */

#define HPET_PERIOD 1 /* in 32-bit words: femtoseconds per count */
#define HPET_CONFIG 4
#define HPET_COUNTER 60

static uint32_t hpet_read(void)
{
	return hpet[HPET_COUNTER];
}

static bool hpet_open(struct ref_clock *r)
{
	const uint8_t *table = acpi_find("HPET");
	uint64_t base;
	uint32_t period;

	if (!table || le32(table + 4) < 56 || table[40] != 0)
		return false;
	base = le64(table + 44);
	hpet = base ? mmio_map(MADDR(base), 1024) : NULL;
	if (!hpet)
		return false;
	period = hpet[HPET_PERIOD];
	if (period < 100000 || period > 100000000) /* 10 GHz .. 10 MHz, the specification's limit */
		return false;
	hpet[HPET_CONFIG] = hpet[HPET_CONFIG] | 1;
	*r = (struct ref_clock){ "HPET", 1000000000000000ull / period, 0xffffffff, hpet_read };
	return true;
}

/* --- ACPI power-management timer */

static uint32_t pm_read(void)
{
	return inl(pm_port);
}

static bool pm_open(struct ref_clock *r)
{
	const uint8_t *fadt = acpi_find("FACP");
	uint32_t len = fadt ? le32(fadt + 4) : 0;
	uint32_t a, b;

	if (len < 116)
		return false;
	pm_port = (uint16_t)le32(fadt + 76);
	if (len >= 220 && fadt[208] == 1 && le32(fadt + 212))
		pm_port = (uint16_t)le32(fadt + 212);
	if (!pm_port)
		return false;
	a = pm_read();
	for (unsigned int i = 0; i < 1000; i++) {
		b = pm_read();
		if (a != b)
			break;
	}
	*r = (struct ref_clock){ "PM timer", PM_TIMER_HZ, 0xffffff, pm_read };
	return a != b;
}

/* --- PIT channel 2: counts down from 65536, again and again, in mode 0 */

static uint32_t pit_read(void)
{
	uint32_t v;

	outb(PIT_MODE, 0x80); /* latch channel 2 */
	v = inb(PIT_CH2);
	v |= (uint32_t)inb(PIT_CH2) << 8;
	return 0u - v;
}

static bool pit_open(struct ref_clock *r)
{
	outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1); /* speaker off, gate on */
	outb(PIT_MODE, 0xb0);			  /* channel 2, low then high byte, mode 0 */
	outb(PIT_CH2, 0);
	outb(PIT_CH2, 0);
	*r = (struct ref_clock){ "PIT", PIT_HZ, 0xffff, pit_read };
	return true;
}

static bool (*const sources[])(struct ref_clock *r) = { hpet_open, pm_open, pit_open };

/* --- the measurement */

struct sample {
	uint64_t tsc, width; /* the reading happened within tsc .. tsc + width */
	uint32_t count;
};

static struct sample sample(const struct ref_clock *r)
{
	struct sample best = { .width = ~0ull };

	for (unsigned int i = 0; i < 8; i++) {
		struct sample s = { .tsc = rdtsc() };

		s.count = r->read();
		s.width = rdtsc() - s.tsc;
		if (s.width < best.width)
			best = s;
	}
	return best;
}

/* Waits without bothering the reference clock; counts well below 2^32. */
static void spin(uint64_t cycles)
{
	for (uint64_t start = rdtsc(); rdtsc() - start < cycles;)
		cpu_relax();
}

uint64_t tsc_calibrate(void)
{
	struct ref_clock r;
	struct sample a, b;
	uint64_t dtsc, dref, hz, least, most;
	unsigned int i = 0;

	while (!sources[i](&r))
		i++;
	/* 5 ms at least, 45 ms at most: the PIT wraps after 54. */
	least = r.hz / 200;
	most = r.hz * 9 / 200;
	a = sample(&r);
	do {
		spin(1000000);
		b = sample(&r);
		dref = (b.count - a.count) & r.mask;
		dtsc = b.tsc + b.width / 2 - (a.tsc + a.width / 2);
		if (dtsc > 10 * 1000000000ull)
			panic("the %s does not count", r.name);
	} while (dref < least || (dref < most && (a.width + b.width) / 2 > dtsc / 50000));
	hz = dtsc * r.hz / dref;
	if (hz < 1000000 || hz >> 36)
		panic("TSC of %lu Hz by the %s", hz, r.name);
	printk("time: TSC of %lu.%03lu MHz, by the %s\n", hz / 1000000, hz / 1000 % 1000, r.name);
	return hz;
}

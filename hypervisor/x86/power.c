/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Restart and power off (ACPI 6.4, 4.8). Domain 0 does both itself as a rule, being
 * the one that runs AML; this is for panics and for when domain 0 only asks.
 */
#include <hyp/console.h>
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>
#include <hyp/timer.h>

/* Offsets in the FADT. */
enum {
	F_SMI = 48,
	F_ENABLE = 52,
	F_PM1A = 64,
	F_PM1B = 68,
	F_FLAGS = 112,
	F_RESET = 116,
	F_VALUE = 128
};
#define FLAG_RESET (1u << 10)
#define SCI_EN 1
#define SLP_EN 0x2000

static void pause_ms(unsigned int ms)
{
	while (tsc_khz && ms--)
		udelay(1000);
}

/* A CPU that stops may hold the console's lock. */
static void stop_all(void)
{
	irq_disable();
	smp_stop_others();
	console_panic();
}

static void reset_acpi(void)
{
	const uint8_t *f = acpi_find("FACP");
	uint64_t addr;
	volatile uint8_t *p;

	if (!f || le32(f + 4) < F_VALUE + 1 || !(le32(f + F_FLAGS) & FLAG_RESET))
		return;
	addr = le64(f + F_RESET + 4);
	if (f[F_RESET] == 1) {
		outb((uint16_t)addr, f[F_VALUE]);
	} else if (f[F_RESET] == 0) {
		p = mmio_map(MADDR(addr), 1);
		if (p)
			*p = f[F_VALUE];
	}
}

static void reset_pci(void)
{
	uint8_t v = inb(0xcf9) & (uint8_t)~6;

	outb(0xcf9, v | 2);
	pause_ms(1);
	outb(0xcf9, v | 6);
}

static void reset_keyboard(void)
{
	for (unsigned int i = 0; i < 10000 && inb(0x64) & 2; i++)
		cpu_relax();
	outb(0x64, 0xfe);
}

static void reset_triple_fault(void)
{
	struct __packed {
		uint16_t limit;
		uint64_t base;
	} none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" ::"m"(none));
}

void machine_reboot(void)
{
	static void (*const ways[])(void) = { reset_acpi, reset_pci, reset_keyboard,
					      reset_triple_fault };

	stop_all();
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		ways[i]();
		pause_ms(50);
	}
	for (;;)
		__asm__ volatile("hlt");
}

/*
 * The sleep types of \_S5: Name(_S5, Package() { a, b, .. }) as the compiler encodes
 * it. A search, not an interpreter; false when it does not look like that.
 */
static bool find_s5(unsigned int type[2])
{
	const uint8_t *d = acpi_find("DSDT");
	uint32_t len = d ? le32(d + 4) : 0, pos;

	for (pos = 36; pos + 16 <= len; pos++)
		if (!memcmp(d + pos, "_S5_\x12", 5) && (d[pos - 1] == 8 || d[pos - 2] == 8))
			break;
	if (pos + 16 > len)
		return false;
	pos += 5 + (d[pos + 5] >> 6) + 1 + 1; /* package length, number of elements */
	for (unsigned int i = 0; i < 2 && pos + 2 <= len; i++) {
		if (d[pos] == 0x0a)
			pos++;
		type[i] = d[pos++] & 7; /* also of the constants Zero and One */
	}
	return true;
}

static void acpi_enable(const uint8_t *f, uint16_t pm1a)
{
	if (inw(pm1a) & SCI_EN || !le32(f + F_SMI) || !f[F_ENABLE])
		return;
	outb((uint16_t)le32(f + F_SMI), f[F_ENABLE]);
	for (unsigned int i = 0; i < 300 && !(inw(pm1a) & SCI_EN); i++)
		pause_ms(10);
}

/* Writes the sleep registers with these sleep types; returns when there are none, or they do nothing. */
static void sleep_acpi(const uint8_t *f, unsigned int type_a, unsigned int type_b)
{
	uint16_t pm1a = (uint16_t)le32(f + F_PM1A), pm1b = (uint16_t)le32(f + F_PM1B);

	acpi_enable(f, pm1a);
	outw(pm1a, (uint16_t)((inw(pm1a) & 0xe3ff & ~SLP_EN) | type_a << 10 | SLP_EN));
	if (pm1b)
		outw(pm1b, (uint16_t)((inw(pm1b) & 0xe3ff & ~SLP_EN) | type_b << 10 | SLP_EN));
	pause_ms(1000);
}

void machine_sleep(uint16_t pm1a, uint16_t pm1b)
{
	const uint8_t *f = acpi_find("FACP");

	if (!f || le32(f + 4) < F_PM1B + 4)
		return;
	stop_all();
	sleep_acpi(f, pm1a >> 10 & 7, pm1b >> 10 & 7);
	machine_poweroff();
}

void machine_poweroff(void)
{
	const uint8_t *f = acpi_find("FACP");
	unsigned int type[2] = { 0, 0 };

	stop_all();
	if (f && le32(f + 4) >= F_PM1B + 4 && find_s5(type))
		sleep_acpi(f, type[0], type[1]);
	printk("power: the machine can be switched off now\n");
	for (;;)
		__asm__ volatile("hlt");
}

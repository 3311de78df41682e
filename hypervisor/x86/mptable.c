/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs, IOAPICs and ISA interrupts from the MultiProcessor Specification's table
 * (version 1.4, chapter 4), for machines without usable ACPI and for `noacpi`.
 * Not handled: its default configurations, PCI interrupts.
 */
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>

#define MAX_BUSES 64
enum { MP_CPU, MP_BUS, MP_IOAPIC, MP_INT };

static uint64_t isa_buses; /* bit n: bus n is ISA */
static unsigned int gsi_next;
static struct {
	uint8_t id;
	unsigned int base;
} mp_ioapics[16];
static unsigned int nr_mp_ioapics;

static bool sum_ok(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return sum == 0;
}

static uint64_t scan(uint64_t start, uint64_t len)
{
	const uint8_t *p = mmio_map(MADDR(start), len);

	for (uint64_t i = 0; p && i + 16 <= len; i += 16)
		if (!memcmp(p + i, "_MP_", 4) && sum_ok(p + i, 16))
			return le32(p + i + 4);
	return 0;
}

/* The configuration table's address; 0 = none. */
static uint64_t find_table(void)
{
	const uint8_t *bda = mmio_map(MADDR(0), PAGE_SIZE);
	uint64_t ebda = bda ? (uint64_t)(bda[0x40e] | bda[0x40f] << 8) << 4 : 0, found = 0;

	if (ebda >= 0x80000 && ebda <= 0x9fc00)
		found = scan(ebda, 1024);
	if (!found)
		found = scan(0x9fc00, 1024);
	return found ? found : scan(0xf0000, 0x10000);
}

/* Inputs are numbered on, in the order of the table; each has 24 unless it is the last. */
static void add_ioapic(const uint8_t *e)
{
	if (!(e[3] & 1) || nr_mp_ioapics == ARRAY_SIZE(mp_ioapics))
		return;
	mp_ioapics[nr_mp_ioapics].id = e[1];
	mp_ioapics[nr_mp_ioapics++].base = gsi_next;
	ioapic_add(MADDR(le32(e + 4)), gsi_next);
	gsi_next += 24;
}

/* An I/O interrupt of the type INT, from an ISA bus. */
static void add_int(const uint8_t *e)
{
	unsigned int polarity = e[2] & 3, trigger = e[2] >> 2 & 3;

	if (e[1] != 0 || e[4] >= MAX_BUSES || !(isa_buses >> e[4] & 1))
		return;
	for (unsigned int i = 0; i < nr_mp_ioapics; i++)
		if (mp_ioapics[i].id == e[6])
			ioapic_add_override(e[5], mp_ioapics[i].base + e[7], trigger == 3,
					    polarity == 3);
}

static void add_entry(const uint8_t *e)
{
	switch (e[0]) {
	case MP_CPU:
		if (e[3] & 1)
			smp_add_cpu(e[1]);
		break;
	case MP_BUS:
		if (e[1] < MAX_BUSES && !memcmp(e + 2, "ISA", 3))
			isa_buses |= 1ull << e[1];
		break;
	case MP_IOAPIC:
		add_ioapic(e);
		break;
	case MP_INT:
		add_int(e);
		break;
	}
}

bool mptable_init(void)
{
	uint64_t addr = find_table();
	const uint8_t *p = addr ? mmio_map(MADDR(addr), 44) : NULL;
	uint32_t len = p && !memcmp(p, "PCMP", 4) ? le32(p + 4) & 0xffff : 0;
	unsigned int count;

	p = len >= 44 ? mmio_map(MADDR(addr), len) : NULL;
	if (!p || !sum_ok(p, len))
		return false;
	count = p[34] | (unsigned int)p[35] << 8;
	for (uint32_t pos = 44; count-- && pos + 8 <= len;) {
		uint32_t step = p[pos] == MP_CPU ? 20 : 8;

		if (pos + step > len)
			break;
		add_entry(p + pos);
		pos += step;
	}
	printk("mptable: CPUs and interrupts from the MultiProcessor table\n");
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Message-signalled interrupts: the address and data that make a device raise a vector on
 * a CPU (PCI 3.0, 6.8; Intel SDM volume 3, 10.11), written into its capability or its MSI-X
 * table. Switching the capability on is left to the device's driver in domain 0.
 *
 * Domain 0 and the hypervisor share ports 0xcf8 and 0xcfc. Domain 0's accesses come through
 * x86/emulate.c, which takes the lock; the address register is put back after ours.
 */
#include <hyp/cpu.h>
#include <hyp/frame.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pci.h>
#include <hyp/spinlock.h>

#define CONF_ADDRESS 0xcf8
#define CONF_DATA 0xcfc
#define CONF_ENABLE 0x80000000u

#define REG_STATUS 0x04
#define STATUS_CAPABILITIES (1u << 20)
#define REG_BAR0 0x10
#define REG_CAPABILITIES 0x34
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define MAX_CAPABILITIES 48

#define MSI_CTRL_64BIT (1u << 23)
#define MSIX_TABLE_SIZE 0x7ff
#define MSIX_ENTRY 16 /* bytes */
#define BAR_IO 1u
#define BAR_64BIT 4u
#define MSI_ADDRESS 0xfee00000u

static struct spinlock lock = SPINLOCK_INIT(RANK_IRQCHIP, "pci");

/* MSI-X tables that are mapped; mappings are never undone. Protected by lock. */
#define MAX_TABLES 64
static struct {
	uint64_t addr;
	volatile uint32_t *p;
} tables[MAX_TABLES];

void pci_ports_lock(void)
{
	spin_lock(&lock);
}

void pci_ports_unlock(void)
{
	spin_unlock(&lock);
}

static uint32_t access(uint16_t bdf, unsigned int reg, const uint32_t *v)
{
	uint32_t was, read = 0;

	spin_lock(&lock);
	was = inl(CONF_ADDRESS);
	outl(CONF_ADDRESS, CONF_ENABLE | (uint32_t)bdf << 8 | (reg & 0xfc));
	if (v)
		outl(CONF_DATA, *v);
	else
		read = inl(CONF_DATA);
	outl(CONF_ADDRESS, was);
	spin_unlock(&lock);
	return read;
}

uint32_t pci_read(uint16_t bdf, unsigned int reg)
{
	return access(bdf, reg, NULL);
}

void pci_write(uint16_t bdf, unsigned int reg, uint32_t v)
{
	access(bdf, reg, &v);
}

/* Where in configuration space; 0: the device has no such capability. */
static unsigned int capability(uint16_t bdf, unsigned int id)
{
	unsigned int pos, n = 0;

	if (pci_read(bdf, 0) == ~0u || !(pci_read(bdf, REG_STATUS) & STATUS_CAPABILITIES))
		return 0;
	for (pos = pci_read(bdf, REG_CAPABILITIES) & 0xfc; pos && n < MAX_CAPABILITIES; n++) {
		uint32_t v = pci_read(bdf, pos);

		if ((v & 0xff) == id)
			return pos;
		pos = v >> 8 & 0xfc;
	}
	return 0;
}

/* Machine address of an MSI-X entry, 0 when the table is nowhere. */
static uint64_t entry_address(const struct msi *m, unsigned int cap)
{
	uint32_t where = pci_read(m->bdf, cap + 4), bar;
	unsigned int reg = REG_BAR0 + (where & 7) * 4;
	uint64_t base;

	bar = pci_read(m->bdf, reg);
	if ((where & 7) > 5 || (bar & BAR_IO))
		return 0;
	base = bar & ~0xfu;
	if (bar & BAR_64BIT)
		base |= (uint64_t)pci_read(m->bdf, reg + 4) << 32;
	return base ? base + (where & ~7u) + m->entry * MSIX_ENTRY : 0;
}

static volatile uint32_t *map_entry(const struct msi *m)
{
	unsigned int cap = capability(m->bdf, CAP_MSIX), i;
	uint64_t addr = cap ? entry_address(m, cap) : 0, page = addr & PAGE_MASK;
	volatile uint32_t *p = NULL;

	/* A table that is said to be in memory, or in what domain 0 may not have, is a lie. */
	if (!addr || mfn_valid(maddr_to_mfn(MADDR(addr))) || mmio_denied(maddr_to_mfn(MADDR(addr))))
		return NULL;
	spin_lock(&lock);
	for (i = 0; i < MAX_TABLES && tables[i].p && tables[i].addr != page; i++)
		;
	if (i < MAX_TABLES)
		p = tables[i].p;
	spin_unlock(&lock);
	if (p || i == MAX_TABLES)
		return p ? p + (addr - page) / 4 : NULL;
	p = mmio_map(MADDR(page), PAGE_SIZE);
	spin_lock(&lock);
	for (i = 0; p && i < MAX_TABLES && tables[i].p; i++)
		;
	if (p && i < MAX_TABLES) {
		tables[i].addr = page;
		tables[i].p = p;
	}
	spin_unlock(&lock);
	return p ? p + (addr - page) / 4 : NULL;
}

int msi_check(const struct msi *m)
{
	unsigned int cap = capability(m->bdf, m->x ? CAP_MSIX : CAP_MSI);

	if (!cap || pci_hidden(m->bdf))
		return -ENODEV;
	if (m->x && (m->entry > (pci_read(m->bdf, cap) >> 16 & MSIX_TABLE_SIZE) || !map_entry(m)))
		return -EINVAL;
	return 0;
}

static void write_msi(uint16_t bdf, uint32_t addr, uint32_t data)
{
	unsigned int cap = capability(bdf, CAP_MSI), reg;

	if (!cap)
		return;
	pci_write(bdf, cap + 4, addr);
	reg = cap + 8;
	if (pci_read(bdf, cap) & MSI_CTRL_64BIT) {
		pci_write(bdf, reg, 0);
		reg += 4;
	}
	pci_write(bdf, reg, (pci_read(bdf, reg) & 0xffff0000u) | data);
}

static void write_msix(const struct msi *m, uint32_t addr, uint32_t data)
{
	volatile uint32_t *e = map_entry(m);

	if (!e)
		return;
	e[3] |= 1; /* masked while it changes */
	e[0] = addr;
	e[1] = 0;
	e[2] = data;
	e[3] &= ~1u;
}

void msi_write(const struct msi *m, unsigned int vector, unsigned int cpu)
{
	uint32_t addr = MSI_ADDRESS | cpus[cpu]->apic_id << 12;

	if (m->x)
		write_msix(m, addr, vector);
	else
		write_msi(m->bdf, addr, vector);
}

void msi_mask(const struct msi *m)
{
	volatile uint32_t *e = m->x ? map_entry(m) : NULL;

	if (e)
		e[3] |= 1;
}

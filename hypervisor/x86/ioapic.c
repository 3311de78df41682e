/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOAPICs (Intel 82093AA data sheet): which global system interrupt raises which
 * vector on which CPU. Physical destinations; CPUs with an APIC id over 254 cannot
 * be reached without interrupt remapping, which is not handled.
 */
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>
#include <hyp/spinlock.h>

#define MAX_IOAPICS 16
#define ISA_IRQS 16
#define DEFAULT_IOAPIC 0xfec00000
enum { IO_VERSION = 1, IO_ENTRY = 0x10 };
#define RTE_MASKED 0x10000u
#define RTE_LEVEL 0x8000u
#define RTE_LOW 0x2000u

static struct ioapic {
	maddr_t addr;
	unsigned int base, nr; /* GSIs base .. base + nr - 1 */
	volatile uint32_t *regs;
} ioapics[MAX_IOAPICS];
static unsigned int nr_ioapics;

static struct {
	unsigned int gsi;
	bool set, level, low;
} isa[ISA_IRQS];

/* Protects the index register and what is written through it. */
static struct spinlock lock = SPINLOCK_INIT(RANK_IRQCHIP, "ioapic");

static uint32_t io_read(const struct ioapic *io, unsigned int reg)
{
	io->regs[0] = reg;
	return io->regs[4];
}

static void io_write(const struct ioapic *io, unsigned int reg, uint32_t v)
{
	io->regs[0] = reg;
	io->regs[4] = v;
}

void ioapic_add(maddr_t addr, unsigned int base)
{
	if (nr_ioapics < MAX_IOAPICS)
		ioapics[nr_ioapics++] = (struct ioapic){ .addr = addr, .base = base };
}

void ioapic_add_override(unsigned int irq, unsigned int gsi, bool level, bool low)
{
	if (irq >= ISA_IRQS)
		return;
	isa[irq].set = true;
	isa[irq].gsi = gsi;
	isa[irq].level = level;
	isa[irq].low = low;
}

unsigned int isa_irq_to_gsi(unsigned int irq, bool *level, bool *low)
{
	bool set = irq < ISA_IRQS && isa[irq].set;

	*level = set && isa[irq].level;
	*low = set && isa[irq].low;
	return set ? isa[irq].gsi : irq;
}

static struct ioapic *find(unsigned int gsi, unsigned int *entry)
{
	for (unsigned int i = 0; i < nr_ioapics; i++) {
		struct ioapic *io = &ioapics[i];

		if (gsi - io->base < io->nr) {
			*entry = IO_ENTRY + 2 * (gsi - io->base);
			return io;
		}
	}
	return NULL;
}

/* All inputs off. False when nothing answers at the address. */
static bool start(struct ioapic *io)
{
	uint32_t version;

	io->regs = mmio_map(io->addr, PAGE_SIZE);
	if (!io->regs)
		return false;
	version = io_read(io, IO_VERSION);
	if (version == ~0u)
		return false;
	mmio_deny(io->addr.a & PAGE_MASK, PAGE_SIZE);
	io->nr = (version >> 16 & 0xff) + 1;
	for (unsigned int i = 0; i < io->nr; i++) {
		io_write(io, IO_ENTRY + 2 * i, RTE_MASKED);
		io_write(io, IO_ENTRY + 2 * i + 1, 0);
	}
	printk("ioapic: %u inputs from GSI %u\n", io->nr, io->base);
	return true;
}

/* Without tables: where PCs have had it, wired as it is named. */
void ioapic_init(void)
{
	if (!nr_ioapics)
		ioapic_add(MADDR(DEFAULT_IOAPIC), 0);
	for (unsigned int i = 0; i < nr_ioapics; i++)
		if (!start(&ioapics[i]))
			printk(LOG_WARN "ioapic: none at %llx\n",
			       (unsigned long long)ioapics[i].addr.a);
}

unsigned int ioapic_nr_gsis(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr_ioapics; i++)
		if (ioapics[i].nr)
			n = max(n, ioapics[i].base + ioapics[i].nr);
	return n;
}

/* A new route starts masked; a changed one keeps its mask. */
int ioapic_route(unsigned int gsi, unsigned int vector, unsigned int cpu, bool level, bool low)
{
	unsigned int entry;
	const struct ioapic *io = find(gsi, &entry);
	uint32_t dest, masked;

	if (!io)
		return -ENODEV;
	if (cpu >= nr_cpus || cpus[cpu]->apic_id > 254)
		return -EINVAL;
	dest = cpus[cpu]->apic_id << 24;
	spin_lock(&lock);
	masked = io_read(io, entry) & RTE_MASKED;
	io_write(io, entry, RTE_MASKED);
	io_write(io, entry + 1, dest);
	io_write(io, entry, vector | (level ? RTE_LEVEL : 0) | (low ? RTE_LOW : 0) | masked);
	spin_unlock(&lock);
	return 0;
}

void ioapic_mask(unsigned int gsi, bool masked)
{
	unsigned int entry;
	const struct ioapic *io = find(gsi, &entry);
	uint32_t v;

	if (!io)
		return;
	spin_lock(&lock);
	v = io_read(io, entry) & ~RTE_MASKED;
	io_write(io, entry, v | (masked ? RTE_MASKED : 0));
	if (masked) /* the chip has seen it before we go on */
		(void)io_read(io, entry);
	spin_unlock(&lock);
}

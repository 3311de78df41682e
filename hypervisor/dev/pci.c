/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions of our own: found, offered to the drivers of the table, and hidden from domain
 * 0 when a driver has taken them. All of this is done before domain 0 exists.
 *
 * The bridges on the way to a hidden function stay as they are, whatever domain 0 writes to them: it
 * would put a port behind which it sees nothing to sleep, or give the bus another number.
 *
 * Hidden means: its configuration space reads as absent through ports 0xcf8 to 0xcff
 * (x86/emulate.c asks pci_hidden()), its memory BARs cannot be mapped, its I/O BARs are not in
 * domain 0's bitmap, its MSIs cannot be taken (event/msi.c). Memory-mapped configuration space
 * would be a way around the first: so once something is hidden, the ACPI table that announces it
 * is made unreadable for domain 0, which then goes by the ports, and the space cannot be mapped.
 *
 * Not here: a hidden function 0 takes the others of its device out of domain 0's sight, too, as
 * nobody looks for functions of an absent device. Segments other than 0. BARs that share a page
 * with another device's: domain 0 loses both.
 */
#include <hyp/cpu.h>
#include <hyp/drivers.h>
#include <hyp/frame.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pci.h>
#include <hyp/smp.h>
#include <hyp/timer.h>

#define REG_COMMAND 0x04
#define COMMAND_IO 1u
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
#define COMMAND_NO_INTX 0x400u
#define COMMAND_MASK 0xffffu /* above is the status, where ones clear */
#define STATUS_CAPABILITIES (1u << 20)
#define REG_CLASS 0x08
#define REG_HEADER 0x0c
#define HEADER_TYPE(v) ((v) >> 16 & 0x7f)
#define HEADER_MULTI (1u << 23)
#define REG_BAR0 0x10
#define REG_BUSES 0x18 /* of a bridge */
#define REG_CAPABILITIES 0x34
#define BAR_IO 1u
#define BAR_TYPE 6u
#define BAR_64BIT 4u
#define NR_BARS 6
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define MSI_ENABLE (1u << 16)
#define MSI_MANY (7u << 20)
#define MSIX_ENABLE (1u << 31)
#define MSIX_MASK_ALL (1u << 30)
#define MAX_CAPABILITIES 48
#define NR_BUSES 256
#define NR_PORTS 0x10000
#define MAX_MAPPED (1ul << 20) /* of a BAR */
#define MAX_POLLED 8
#define POLL_TIME MILLISECS(1)
#define MEM_RESERVED 2

static const struct pci_driver *const drivers[] = { &virtio_blk_driver, &ahci_driver,
						    &ide_driver,	&nvme_driver,
						    &virtio_net_driver, &e1000_driver };

static uint64_t hidden[NR_PORTS / 64], kept[NR_PORTS / 64], denied_ports[NR_PORTS / 64];
static uint16_t bridges[NR_BUSES]; /* to each bus, from a lower one; 0: it is a root */

bool pci_hidden(uint16_t bdf)
{
	return test_bit(hidden, bdf);
}

/* BARs of its own may be sized and moved. */
bool pci_kept(uint16_t bdf, unsigned int reg)
{
	return test_bit(kept, bdf) && (reg < REG_BAR0 || reg >= REG_BUSES);
}

void ioport_deny(unsigned int first, unsigned int n)
{
	for (; n && first < NR_PORTS; first++, n--)
		set_bit(denied_ports, first);
}

const void *ioports_denied(void)
{
	return denied_ports;
}

/* --- for probes */

/* A device may link its capabilities in a circle: the number of steps is bounded. */
unsigned int pci_capability(uint16_t bdf, unsigned int id, unsigned int after)
{
	unsigned int pos = 0;

	if (pci_read(bdf, REG_COMMAND) & STATUS_CAPABILITIES)
		pos = after ? pci_read(bdf, after) >> 8 & 0xfc :
			      pci_read(bdf, REG_CAPABILITIES) & 0xfc;
	for (unsigned int n = 0; pos && n < MAX_CAPABILITIES; n++) {
		uint32_t v = pci_read(bdf, pos);

		if ((v & 0xff) == id)
			return pos;
		pos = v >> 8 & 0xfc;
	}
	return 0;
}

static void change_command(uint16_t bdf, uint32_t clear, uint32_t set)
{
	uint32_t v = pci_read(bdf, REG_COMMAND) & COMMAND_MASK;

	pci_write(bdf, REG_COMMAND, (v & ~clear) | set);
}

/* The bridges on the way, too: firmware opens those only for what it boots from. */
void pci_enable(const struct pci_func *f)
{
	const uint32_t access = COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER;

	change_command(f->bdf, 0, access | COMMAND_NO_INTX);
	for (uint16_t b = f->bdf; (b = bridges[b >> 8]);)
		change_command(b, 0, access);
}

void pci_cut_off(uint16_t bdf)
{
	change_command(bdf, COMMAND_MASTER, 0);
}

void pci_where(uint16_t bdf, char *where, size_t size)
{
	snprintf(where, size, "pci %02x:%02x.%x", bdf >> 8, bdf >> 3 & 31, bdf & 7);
}

/* A BAR lies where the processor can get to, and there is no memory. */
static bool bar_ok(uint64_t addr, uint64_t len)
{
	uint32_t r[4];
	uint64_t a = addr;

	cpuid(0x80000008, 0, r); /* bits of an address */
	if (addr + len < addr || (addr + len - 1) >> (r[0] & 63))
		return false;
	while (a < addr + len && !mfn_valid(maddr_to_mfn(MADDR(a))))
		a += PAGE_SIZE;
	return a >= addr + len;
}

void *pci_map_bar(const struct pci_func *f, unsigned int n)
{
	uint64_t addr, len;

	if (n >= NR_BARS || f->bar[n].io || !f->bar[n].len || !f->bar[n].addr)
		return NULL;
	addr = f->bar[n].addr;
	len = min(f->bar[n].len, MAX_MAPPED);
	return bar_ok(addr, len) ? mmio_map(MADDR(addr), len) : NULL;
}

/* --- interrupts */

static int new_vector(irq_fn *fn, void *data)
{
	int vector = irq_vector_alloc();

	if (vector >= 0)
		irq_set_handler((unsigned int)vector, fn, data);
	return vector;
}

int isa_irq_own(unsigned int irq, irq_fn *fn, void *data)
{
	bool level, low;
	unsigned int gsi = isa_irq_to_gsi(irq, &level, &low);
	int vector = new_vector(fn, data), err;

	if (vector < 0)
		return vector;
	err = ioapic_route(gsi, (unsigned int)vector, 0, level, low);
	if (err) {
		irq_vector_free((unsigned int)vector);
		return err;
	}
	pirq_keep_gsi(gsi);
	ioapic_mask(gsi, false);
	return 0;
}

/*
 * A function without messages is looked at by a timer. Where its line goes only AML knows, which
 * is domain 0's to run, and which switches lines off that nobody there uses; other devices on
 * the line are domain 0's, and would lose their interrupt to us.
 */
static struct poll {
	struct timer timer;
	irq_fn *fn;
	void *data;
} polls[MAX_POLLED];

static void look(void *data)
{
	struct poll *p = data;

	p->fn(p->data);
	timer_set(&p->timer, now() + POLL_TIME);
}

static int poll(irq_fn *fn, void *data)
{
	static unsigned int n;
	struct poll *p = &polls[n];

	if (n == MAX_POLLED)
		return -ENOSPC;
	n++;
	p->fn = fn;
	p->data = data;
	timer_init(&p->timer, look, p);
	timer_set(&p->timer, now() + POLL_TIME);
	return 0;
}

/* One CPU after the other, as far as a message can name them. */
static unsigned int next_cpu(void)
{
	static unsigned int n;
	unsigned int cpu = n++ % nr_cpus;

	return cpus[cpu]->apic_id > 254 ? 0 : cpu;
}

static int message(const struct msi *m, unsigned int cap, irq_fn *fn, void *data)
{
	uint32_t v;
	int vector = new_vector(fn, data);

	if (vector < 0)
		return vector;
	msi_write(m, (unsigned int)vector, next_cpu());
	v = pci_read(m->bdf, cap);
	v = m->x ? (v | MSIX_ENABLE) & ~MSIX_MASK_ALL : (v | MSI_ENABLE) & ~MSI_MANY;
	pci_write(m->bdf, cap, v);
	return 0;
}

int pci_irq(const struct pci_func *f, unsigned int n, irq_fn *fn, void *data)
{
	struct msi m = { .bdf = f->bdf, .x = true, .entry = (uint16_t)n };

	if (!f->no_msix && !msi_check(&m))
		return message(&m, pci_capability(f->bdf, CAP_MSIX, 0), fn, data);
	m.x = false;
	if (n)
		return -ENODEV;
	if (!msi_check(&m))
		return message(&m, pci_capability(f->bdf, CAP_MSI, 0), fn, data);
	return poll(fn, data);
}

/* --- the scan */

/* What a register holds after all ones were written; it is put back. */
static uint32_t size_mask(uint16_t bdf, unsigned int reg)
{
	uint32_t was = pci_read(bdf, reg), mask;

	pci_write(bdf, reg, ~0u);
	mask = pci_read(bdf, reg);
	pci_write(bdf, reg, was);
	return mask;
}

/* One BAR, or two registers of a wide one; returns how many. */
static unsigned int read_bar(struct pci_func *f, unsigned int n)
{
	unsigned int reg = REG_BAR0 + 4 * n;
	uint32_t v = pci_read(f->bdf, reg), low = size_mask(f->bdf, reg);
	bool io = v & BAR_IO, wide = !io && (v & BAR_TYPE) == BAR_64BIT && n + 1 < NR_BARS;
	uint64_t flags = io ? 3 : 15, addr = v & ~flags, mask = low & ~flags;

	if (wide) {
		addr |= (uint64_t)pci_read(f->bdf, reg + 4) << 32;
		mask |= (uint64_t)size_mask(f->bdf, reg + 4) << 32;
	}
	f->bar[n].io = io;
	f->bar[n].addr = addr;
	f->bar[n].len = mask & -mask; /* the lowest bit that can be set */
	return wide ? 2 : 1;
}

/* The function answers nowhere while its BARs are tried. */
static void read_bars(struct pci_func *f)
{
	uint32_t command = pci_read(f->bdf, REG_COMMAND) & COMMAND_MASK;

	pci_write(f->bdf, REG_COMMAND, command & ~(COMMAND_IO | COMMAND_MEMORY));
	for (unsigned int n = 0; n < NR_BARS;)
		n += read_bar(f, n);
	pci_write(f->bdf, REG_COMMAND, command);
}

/*
 * Domain 0 finds the range reserved in the machine's map, and so does not put the BAR of another
 * device there, as it would in the hole that a function leaves that it cannot see.
 */
static void reserve(uint64_t start, uint64_t end)
{
	unsigned int i = nr_mem_ranges;

	start &= PAGE_MASK;
	end = (end + PAGE_SIZE - 1) & PAGE_MASK;
	for (unsigned int j = 0; j < nr_mem_ranges; j++)
		if (mem_map[j].start < end && start < mem_map[j].end)
			return;
	if (i == MAX_MEM_RANGES)
		return;
	for (nr_mem_ranges++; i && mem_map[i - 1].start > start; i--)
		mem_map[i] = mem_map[i - 1];
	mem_map[i] = (struct mem_range){ .start = start, .end = end, .type = MEM_RESERVED };
}

static void hide(const struct pci_func *f)
{
	set_bit(hidden, f->bdf);
	for (uint16_t b = f->bdf; (b = bridges[b >> 8]);)
		set_bit(kept, b);
	for (unsigned int n = 0; n < NR_BARS; n++) {
		if (!f->bar[n].len || !f->bar[n].addr)
			continue;
		if (f->bar[n].io) {
			ioport_deny((unsigned int)f->bar[n].addr, (unsigned int)f->bar[n].len);
			continue;
		}
		mmio_deny(f->bar[n].addr, f->bar[n].len);
		reserve(f->bar[n].addr, f->bar[n].addr + f->bar[n].len);
	}
}

/* A driver that gives up may have switched things on. */
static void undo(uint16_t bdf, uint32_t command)
{
	unsigned int msi = pci_capability(bdf, CAP_MSI, 0), msix = pci_capability(bdf, CAP_MSIX, 0);

	pci_write(bdf, REG_COMMAND, command);
	if (msi)
		pci_write(bdf, msi, pci_read(bdf, msi) & ~MSI_ENABLE);
	if (msix)
		pci_write(bdf, msix, pci_read(bdf, msix) & ~MSIX_ENABLE);
}

static bool offer(uint16_t bdf, uint32_t id)
{
	uint32_t command = pci_read(bdf, REG_COMMAND) & COMMAND_MASK;
	struct pci_func f = { .bdf = bdf, .vendor = (uint16_t)id, .device = (uint16_t)(id >> 16) };
	bool sized = false;

	f.class = pci_read(bdf, REG_CLASS) >> 8;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		int err;

		if (!drivers[i]->match(&f))
			continue;
		if (!sized)
			read_bars(&f);
		sized = true;
		err = drivers[i]->probe(&f);
		if (!err) {
			hide(&f);
			return true;
		}
		undo(bdf, command);
		printk("%spci: %02x:%02x.%x: %s: %s (%d), left to domain 0\n",
		       err == -ENODEV ? LOG_INFO : LOG_WARN, bdf >> 8, bdf >> 3 & 31, bdf & 7,
		       drivers[i]->name, err == -ENODEV ? "nothing to drive" : "cannot drive it",
		       err);
	}
	return false;
}

/* --- memory-mapped configuration space (PCI firmware specification 3.0, 4.1.2) */

#define MCFG_FIRST 44 /* allocations of 16 bytes: base, segment, first bus, last bus */
#define TABLE_LENGTH 4
#define TABLE_SUM 9

static void hide_mcfg(void)
{
	uint8_t *p = (uint8_t *)acpi_find("MCFG");
	uint32_t len = p ? le32(p + TABLE_LENGTH) : 0;

	for (uint32_t pos = MCFG_FIRST; pos + 16 <= len; pos += 16) {
		uint64_t base = le64(p + pos), first = p[pos + 10], last = p[pos + 11];

		if (first <= last)
			mmio_deny(base + (first << 20), (last - first + 1) << 20);
	}
	if (p) {
		/* A valid name that means nothing: the table is skipped. */
		p[TABLE_SUM] += p[0] - 'X';
		p[0] = 'X';
	}
}

/* --- all functions */

static unsigned int scan_function(uint16_t bdf, uint64_t *buses, bool *multi)
{
	uint32_t id = pci_read(bdf, 0), header;

	*multi = false;
	if ((id & 0xffff) == 0xffff || !(id & 0xffff))
		return 0;
	header = pci_read(bdf, REG_HEADER);
	*multi = header & HEADER_MULTI;
	if (HEADER_TYPE(header) == 1) {
		unsigned int bus = pci_read(bdf, REG_BUSES) >> 8 & 0xff;

		if (bus > bdf >> 8) {
			set_bit(buses, bus);
			bridges[bus] = bdf;
		}
	}
	return HEADER_TYPE(header) == 0 && offer(bdf, id);
}

static unsigned int scan_bus(unsigned int bus, uint64_t *buses)
{
	unsigned int claimed = 0;

	for (unsigned int dev = 0; dev < 32; dev++) {
		uint16_t bdf = (uint16_t)(bus << 8 | dev << 3);
		bool multi, unused;

		claimed += scan_function(bdf, buses, &multi);
		for (unsigned int fn = 1; multi && fn < 8; fn++)
			claimed += scan_function((uint16_t)(bdf | fn), buses, &unused);
		if (multi && pci_hidden(bdf))
			printk(LOG_WARN "pci: %02x:%02x: domain 0 sees none of its functions\n",
			       bus, dev);
	}
	return claimed;
}

/* Buses: those behind bridges, and other roots, if they have a device 0. */
void pci_probe_all(void)
{
	uint64_t buses[NR_BUSES / 64] = { 1 };
	unsigned int claimed = 0;

	for (unsigned int bus = 0; bus < NR_BUSES; bus++)
		if (test_bit(buses, bus) || (pci_read((uint16_t)(bus << 8), 0) & 0xffff) != 0xffff)
			claimed += scan_bus(bus, buses);
	if (claimed)
		hide_mcfg();
}

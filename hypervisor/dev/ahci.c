/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SATA drives behind an AHCI controller (AHCI 1.3.1): disks and CD drives.
 *
 * A port has 32 slots; bit n of each mask is slot n, and a queued command's tag is its slot.
 * Queued commands (NCQ) are never mixed with others, which run one at a time. Whatever is repeated
 * runs unqueued if it can, so an error then has one culprit; the error of a queued command ends
 * all of them (disk_fault()), and COMRESET clears the drive's mind.
 *
 * start() only fills slots, kick() gives all of them (`fresh`) to the port. One interrupt
 * serves all ports, each under its drive's lock.
 *
 * A CD drive without a medium at boot is not offered. A medium that is changed later is
 * reported as an error of one read; the size stays what it was.
 *
 * Not here: port multipliers, hot plug (a drive that is unplugged dies), power management,
 * controllers with 32-bit addresses on machines with memory above (left to domain 0).
 */
#include <hyp/bits.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pci.h>
#include <hyp/x86.h>

#include "ata.h"

#define CLASS_AHCI 0x010601
#define ABAR 5
#define NR_PORTS 32
#define NR_SLOTS 32

/* Registers of the controller, and their bits. */
enum {
	HBA_CAP = 0x00,
	HBA_GHC = 0x04,
	HBA_IS = 0x08,
	HBA_PI = 0x0c,
	HBA_CAP2 = 0x24,
	HBA_BOHC = 0x28
};
#define CAP_64BIT BIT(31)
#define CAP_NCQ BIT(30)
#define CAP_SLOTS(cap) (((cap) >> 8 & 31) + 1)
#define GHC_RESET BIT(0)
#define GHC_INTERRUPTS BIT(1)
#define GHC_AHCI BIT(31)
#define CAP2_HANDOFF BIT(0)
#define BOHC_BIOS BIT(0)
#define BOHC_OS BIT(1)
#define BOHC_BUSY BIT(4)

/* Registers of a port. */
#define PORT(n) (0x100 + 0x80 * (n))
enum {
	PX_CLB = 0x00,
	PX_FB = 0x08,
	PX_IS = 0x10,
	PX_IE = 0x14,
	PX_CMD = 0x18,
	PX_TFD = 0x20,
	PX_SIG = 0x24,
	PX_SSTS = 0x28,
	PX_SCTL = 0x2c,
	PX_SERR = 0x30,
	PX_SACT = 0x34,
	PX_CI = 0x38,
};
#define CMD_START BIT(0)
#define CMD_SPIN_UP BIT(1)
#define CMD_POWER BIT(2)
#define CMD_CLO BIT(3)
#define CMD_FIS_ENABLE BIT(4)
#define CMD_FIS_RUNNING BIT(14)
#define CMD_RUNNING BIT(15)
#define CMD_ATAPI BIT(24)
#define CMD_ACTIVE (1u << 28)
#define SSTS_DETECT 0xf
#define SSTS_PRESENT 3
#define SCTL_NO_SLEEP 0x300
#define SCTL_COMRESET 1
#define SIG_ATA 0x00000101
#define SIG_ATAPI 0xeb140101
/* Interrupts: of ends of commands, task file errors; of the link, the bus. */
#define IS_DONE 0x0f
#define IS_TASK_FILE BIT(30)
#define IS_BROKEN 0x39400050u /* host bus and interface errors, overflow, unknown FIS, link */

#define FIS_RECEIVED_SIZE 256
#define COMREST_MS 1
#define LINK_TIME MILLISECS(50) /* until something shows up on a port */
#define READY_TIME SECONDS(1)	/* at boot, until it is ready */
#define RESET_TIME SECONDS(10)	/* later: a disk may have to spin up */
#define STOP_TIME MILLISECS(500)
#define SPIN_TIME MILLISECS(2) /* with a domain waiting for us */

struct header {
	uint32_t flags; /* 4 to 0 FIS length in words, 5 ATAPI, 6 write; 31 to 16 PRDT entries */
	uint32_t moved; /* bytes */
	uint64_t table;
	uint32_t reserved[4];
};
#define HEADER_ATAPI 0x20
#define HEADER_WRITE 0x40

/* What the controller reads and writes; see struct disk_seg for DISK_MAX_SEGS. */
struct memory {
	struct header headers[NR_SLOTS];
	uint8_t received[FIS_RECEIVED_SIZE];
	uint8_t pad[768];
	uint8_t buffer[2048]; /* small transfers of our own; a TRIM's ranges */
	struct table {
		uint8_t fis[64], cdb[64];
		struct ahci_prd prdt[DISK_MAX_SEGS];
	} tables[NR_SLOTS];
};
#define MEMORY_ORDER 4
_Static_assert(offsetof(struct memory, tables) == PAGE_SIZE, "tables are aligned to 128");
_Static_assert(sizeof(struct memory) <= PAGE_SIZE << MEMORY_ORDER, "size");

enum reset_step { WORKING, STOPPING, RESETTING, WAITING };

struct port {
	struct disk disk;
	struct ahci *hba;
	unsigned int nr;
	struct memory *mem;
	struct ata_info info;

	/* protected by disk.lock, from disk_add() on */
	uint32_t issued, fresh;
	bool queued; /* what is issued is */
	bool failed; /* the last one that was not queued: QEMU reports that with queued ones again */
	bool changed; /* the medium: one read fails for good */
	enum reset_step step;
	s_time_t deadline;
	struct disk_req *reqs[NR_SLOTS];
};

struct ahci {
	volatile uint32_t *regs;
	uint16_t bdf;
	unsigned int nr_ports; /* that its registers have room for */
	uint32_t cap, present; /* ports */
	struct port *ports[NR_PORTS];
};

static uint32_t hba_read(const struct ahci *h, unsigned int reg)
{
	return h->regs[reg / 4];
}

static void hba_write(const struct ahci *h, unsigned int reg, uint32_t v)
{
	h->regs[reg / 4] = v;
}

static uint32_t px_read(const struct port *p, unsigned int reg)
{
	return p->hba->regs[(PORT(p->nr) + reg) / 4];
}

static void px_write(const struct port *p, unsigned int reg, uint32_t v)
{
	p->hba->regs[(PORT(p->nr) + reg) / 4] = v;
}

static void px_write64(const struct port *p, unsigned int reg, uint64_t v)
{
	px_write(p, reg, (uint32_t)v);
	px_write(p, reg + 4, (uint32_t)(v >> 32));
}

/* Until (read & mask) == value. */
static bool px_wait(const struct port *p, unsigned int reg, uint32_t mask, uint32_t value,
		    s_time_t time)
{
	s_time_t end = now() + time;

	while ((px_read(p, reg) & mask) != value) {
		if (now() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/* --- slots */

static void fill_slot(struct port *p, unsigned int slot, const struct ata_regs *regs,
		      const uint8_t *cdb, const struct disk_seg *segs, unsigned int n, bool write)
{
	struct table *t = &p->mem->tables[slot];
	uint32_t flags = 5; /* words of the FIS */

	ata_fis(regs, t->fis);
	if (cdb) {
		memcpy(t->cdb, cdb, ATAPI_CDB);
		memset(t->cdb + ATAPI_CDB, 0, 16 - ATAPI_CDB);
		flags |= HEADER_ATAPI;
	}
	if (write)
		flags |= HEADER_WRITE;
	flags |= ahci_prdt_build(t->prdt, segs, n) << 16;
	p->mem->headers[slot].flags = flags;
	p->mem->headers[slot].moved = 0;
	barrier();
}

static bool is_transfer(const struct disk_req *r)
{
	return r->op == DISK_READ || r->op == DISK_WRITE;
}

static void fill_request(struct port *p, unsigned int slot, const struct disk_req *r, bool queued)
{
	struct disk_seg trim = { virt_to_maddr(p->mem->buffer), SECTOR_SIZE };
	uint8_t cdb[ATAPI_CDB];
	struct ata_regs regs;

	if (p->info.atapi) {
		ata_packet(&p->info, r->sectors * SECTOR_SIZE, true, &regs);
		atapi_read(r, cdb);
		fill_slot(p, slot, &regs, cdb, r->segs, r->nr_segs, false);
		return;
	}
	ata_command(&p->info, r, queued ? (int)slot : -1, &regs, p->mem->buffer);
	if (is_transfer(r))
		fill_slot(p, slot, &regs, NULL, r->segs, r->nr_segs, r->op == DISK_WRITE);
	else
		fill_slot(p, slot, &regs, NULL, &trim, r->op == DISK_DISCARD, true);
}

/* FUA is a queued command's for certain, but not all drives have it elsewhere. */
static bool may_queue(const struct port *p, const struct disk_req *r)
{
	bool must = r->op == DISK_WRITE && r->fua && !p->info.fua;

	return p->info.queue_depth && is_transfer(r) && (must || !(r->tries || p->failed));
}

static int ahci_start(struct disk *disk, struct disk_req *r)
{
	struct port *p = disk->priv;
	bool queued = may_queue(p, r);
	uint32_t free = ~p->issued;
	unsigned int slot;

	if (p->info.atapi && (r->op != DISK_READ || p->changed)) {
		p->changed = false;
		return -EIO;
	}
	if (p->issued && (!queued || !p->queued))
		return -EAGAIN;
	if (disk->depth < NR_SLOTS)
		free &= (1u << disk->depth) - 1;
	if (!free)
		return -EAGAIN;
	slot = find_first_set(free);
	fill_request(p, slot, r, queued);
	p->reqs[slot] = r;
	p->queued = queued;
	p->issued |= 1u << slot;
	p->fresh |= 1u << slot;
	return 0;
}

static void ahci_kick(struct disk *disk)
{
	struct port *p = disk->priv;

	if (!p->fresh)
		return;
	if (p->queued)
		px_write(p, PX_SACT, p->fresh);
	px_write(p, PX_CI, p->fresh);
	p->fresh = 0;
}

/* --- stopping and starting a port */

static void stop(const struct port *p)
{
	px_write(p, PX_CMD, px_read(p, PX_CMD) & ~CMD_START);
}

/* It is stopped. False: the drive is busy with something. */
static bool start(const struct port *p)
{
	px_write(p, PX_SERR, ~0u);
	px_write(p, PX_IS, ~0u);
	if (px_read(p, PX_TFD) & (ATA_BSY | ATA_DRQ))
		return false;
	px_write(p, PX_CMD, px_read(p, PX_CMD) | CMD_START);
	return true;
}

static bool restart(const struct port *p)
{
	stop(p);
	return px_wait(p, PX_CMD, CMD_RUNNING, 0, SPIN_TIME) && start(p);
}

/*
 * One command of our own, with nothing else in flight, up to 2 KiB into mem->buffer. Waits. 0 or
 * -EIO; after a command that failed the port works again, if it can.
 */
static int command(struct port *p, const struct ata_regs *regs, const uint8_t *cdb, uint32_t len,
		   s_time_t time)
{
	struct disk_seg seg = { virt_to_maddr(p->mem->buffer), len };
	s_time_t end = now() + time;
	uint32_t is = 0;

	px_write(p, PX_IE, 0);
	fill_slot(p, 0, regs, cdb, &seg, len != 0, false);
	px_write(p, PX_CI, 1);
	while ((px_read(p, PX_CI) & 1) && !(is & (IS_TASK_FILE | IS_BROKEN)) && now() < end) {
		cpu_relax();
		is = px_read(p, PX_IS);
	}
	is = px_read(p, PX_IS) & (IS_TASK_FILE | IS_BROKEN);
	if (is || (px_read(p, PX_CI) & 1) || (px_read(p, PX_TFD) & (ATA_ERR | ATA_DF))) {
		restart(p);
		return -EIO;
	}
	px_write(p, PX_IS, ~0u);
	return 0;
}

static int packet(void *port, uint8_t opcode, uint8_t len, s_time_t time)
{
	struct port *p = port;
	uint8_t cdb[ATAPI_CDB];
	struct ata_regs regs;

	atapi_command(&p->info, opcode, len, cdb, &regs);
	memset(p->mem->buffer, 0, ATAPI_SENSE_LEN);
	return command(p, &regs, cdb, len, time);
}

/* --- ends of requests */

static void end_request(struct port *p, unsigned int slot, int error)
{
	struct disk_req *r = p->reqs[slot];

	if (p->info.atapi && p->mem->headers[slot].moved != r->sectors * SECTOR_SIZE)
		error = -EIO;
	p->issued &= ~(1u << slot);
	p->reqs[slot] = NULL;
	disk_complete(&p->disk, r, error);
}

static void finish(struct port *p)
{
	uint32_t busy = px_read(p, p->queued ? PX_SACT : PX_CI);
	uint32_t done = p->issued & ~p->fresh & ~busy;

	for (; done; done &= done - 1) {
		p->failed &= p->queued;
		end_request(p, find_first_set(done), 0);
	}
}

/*
 * A CD drive has something to say before it works on, mostly that it was reset: hears it, and
 * the read in the slot goes on; false: it shall fail.
 */
static bool attention(struct port *p, unsigned int slot)
{
	if (packet(p, ATAPI_REQUEST_SENSE, ATAPI_SENSE_LEN, SPIN_TIME))
		return false;
	p->changed = atapi_other_medium(p->mem->buffer);
	if (p->changed)
		return false;
	fill_request(p, slot, p->reqs[slot], false);
	px_write(p, PX_IE, IS_DONE | IS_TASK_FILE | IS_BROKEN);
	px_write(p, PX_CI, 1u << slot);
	return true;
}

static void end_failed(struct port *p)
{
	uint8_t error = (uint8_t)(px_read(p, PX_TFD) >> 8);
	unsigned int slot = find_first_set(p->issued);

	if (!restart(p)) {
		disk_fault(&p->disk, "busy after an error");
		return;
	}
	if (p->info.atapi && error >> 4 == ATAPI_UNIT_ATTENTION && attention(p, slot))
		return;
	px_write(p, PX_IE, IS_DONE | IS_TASK_FILE | IS_BROKEN);
	p->failed = true;
	end_request(p, slot, -EIO);
}

static void port_interrupt(struct port *p)
{
	uint32_t is;

	disk_lock(&p->disk);
	is = px_read(p, PX_IS);
	px_write(p, PX_IS, is);
	if (p->step == WORKING && p->issued) {
		if (p->queued || !(is & (IS_TASK_FILE | IS_BROKEN)))
			finish(p);
		if (is & IS_BROKEN)
			disk_fault(&p->disk, "bus or link error");
		else if ((is & IS_TASK_FILE) && p->issued && p->queued)
			disk_fault(&p->disk, "a queued command failed");
		else if ((is & IS_TASK_FILE) && p->issued)
			end_failed(p);
	}
	disk_unlock(&p->disk);
}

static void ahci_interrupt(void *data)
{
	struct ahci *h = data;
	uint32_t is = hba_read(h, HBA_IS);

	for (uint32_t left = is & h->present; left; left &= left - 1)
		port_interrupt(h->ports[find_first_set(left)]);
	hba_write(h, HBA_IS, is);
}

/* --- reset of a port, in steps */

static int step_stop(struct port *p)
{
	if (!(px_read(p, PX_CMD) & CMD_RUNNING)) {
		px_write(p, PX_SCTL, SCTL_NO_SLEEP | SCTL_COMRESET);
		p->step = RESETTING; /* at least 1 ms: until the next call */
	} else if (now() > p->deadline) {
		return -EIO;
	}
	return -EAGAIN;
}

static int step_reset(struct port *p)
{
	px_write(p, PX_SCTL, SCTL_NO_SLEEP);
	p->deadline = now() + RESET_TIME;
	p->step = WAITING;
	return -EAGAIN;
}

static int step_wait(struct port *p)
{
	px_write(p, PX_SERR, ~0u); /* the drive's first FIS is not taken before */
	if ((px_read(p, PX_SSTS) & SSTS_DETECT) != SSTS_PRESENT || !start(p))
		return now() > p->deadline ? -EIO : -EAGAIN;
	px_write(p, PX_IE, IS_DONE | IS_TASK_FILE | IS_BROKEN);
	p->step = WORKING;
	return 0;
}

/* The last resort against DMA nobody wants: takes the whole controller off the bus. */
static void give_up(struct port *p)
{
	stop(p);
	if (!px_wait(p, PX_CMD, CMD_RUNNING, 0, SPIN_TIME))
		pci_cut_off(p->hba->bdf);
}

static int ahci_reset(struct disk *disk)
{
	static int (*const steps[])(struct port * p) = {
		[STOPPING] = step_stop,
		[RESETTING] = step_reset,
		[WAITING] = step_wait,
	};
	struct port *p = disk->priv;
	int err;

	if (p->step == WORKING) {
		p->issued = p->fresh = 0;
		px_write(p, PX_IE, 0);
		stop(p);
		p->step = STOPPING;
		p->deadline = now() + STOP_TIME;
	}
	err = steps[p->step](p);
	if (err == -EIO)
		give_up(p);
	return err;
}

/* --- finding drives */

static const struct disk_ops ahci_ops = {
	.start = ahci_start,
	.kick = ahci_kick,
	.reset = ahci_reset,
};

static bool identify(struct port *p)
{
	struct ata_regs regs = { .command = ATA_IDENTIFY };
	bool atapi = px_read(p, PX_SIG) == SIG_ATAPI;

	if (atapi) {
		regs.command = ATA_IDENTIFY_PACKET;
		px_write(p, PX_CMD, px_read(p, PX_CMD) | CMD_ATAPI);
	} else if (px_read(p, PX_SIG) != SIG_ATA) {
		return false;
	}
	return !command(p, &regs, NULL, SECTOR_SIZE, READY_TIME) &&
	       !ata_identify_parse((const uint16_t *)p->mem->buffer, atapi, &p->info);
}

static bool describe(struct port *p)
{
	struct disk *d = &p->disk;
	char where[16];

	ata_describe(&p->info, d);
	if (p->info.atapi)
		d->sectors = atapi_medium_size(packet, p, p->mem->buffer);
	if (!d->sectors)
		return false;
	if (!(p->hba->cap & CAP_NCQ))
		p->info.queue_depth = 0;
	if (p->info.queue_depth) {
		d->depth = (uint16_t)min(p->info.queue_depth, CAP_SLOTS(p->hba->cap));
		d->can_fua = true;
	}
	d->ops = &ahci_ops;
	d->priv = p;
	d->driver = "ahci";
	pci_where(p->hba->bdf, where, sizeof(where));
	snprintf(d->where, sizeof(d->where), "%s port %u", where, p->nr);
	return true;
}

/* Gives the port its memory and resets the link. NULL: no memory. */
static struct port *open_port(struct ahci *h, unsigned int nr)
{
	struct port *p = hyp_alloc(sizeof(*p));

	if (!p)
		return NULL;
	p->mem = hyp_page_alloc(MEMORY_ORDER);
	if (!p->mem) {
		hyp_free(p);
		return NULL;
	}
	p->hba = h;
	p->nr = nr;
	for (unsigned int i = 0; i < NR_SLOTS; i++)
		p->mem->headers[i].table = virt_to_maddr(&p->mem->tables[i]).a;
	px_write64(p, PX_CLB, virt_to_maddr(p->mem->headers).a);
	px_write64(p, PX_FB, virt_to_maddr(p->mem->received).a);
	px_write(p, PX_IE, 0);
	px_write(p, PX_CMD, CMD_ACTIVE | CMD_FIS_ENABLE | CMD_POWER | CMD_SPIN_UP);
	px_write(p, PX_SCTL, SCTL_NO_SLEEP | SCTL_COMRESET);
	return p;
}

/* The port does no more DMA, or all of its controller neither. */
static void close_port(struct port *p)
{
	give_up(p);
	px_write(p, PX_CMD, px_read(p, PX_CMD) & ~CMD_FIS_ENABLE);
	if (!px_wait(p, PX_CMD, CMD_FIS_RUNNING, 0, STOP_TIME))
		return; /* the memory is lost */
	hyp_page_free(p->mem, MEMORY_ORDER);
	hyp_free(p);
}

/* Something is connected: waits until it is ready, finds out what it is. */
static bool try_port(struct port *p)
{
	s_time_t end = now() + READY_TIME;

	if (!(px_read(p, PX_SSTS) & SSTS_DETECT))
		return false;
	do {
		px_write(p, PX_SERR, ~0u);
		if ((px_read(p, PX_SSTS) & SSTS_DETECT) == SSTS_PRESENT && start(p))
			return identify(p) && describe(p);
		cpu_relax();
	} while (now() < end);
	return false;
}

static void wait_for_links(const struct ahci *h)
{
	s_time_t end = now() + LINK_TIME;
	bool all = false;

	while (!all && now() < end) {
		all = true;
		for (unsigned int i = 0; i < NR_PORTS; i++)
			all &= !h->ports[i] ||
			       (px_read(h->ports[i], PX_SSTS) & SSTS_DETECT) == SSTS_PRESENT;
	}
}

static void find_drives(struct ahci *h)
{
	uint32_t implemented = hba_read(h, HBA_PI);

	for (unsigned int i = 0; i < h->nr_ports; i++)
		if (implemented >> i & 1)
			h->ports[i] = open_port(h, i);
	udelay(COMREST_MS * 1000);
	for (unsigned int i = 0; i < NR_PORTS; i++)
		if (h->ports[i])
			px_write(h->ports[i], PX_SCTL, SCTL_NO_SLEEP);
	wait_for_links(h);
	for (unsigned int i = 0; i < NR_PORTS; i++) {
		if (!h->ports[i])
			continue;
		if (try_port(h->ports[i])) {
			h->present |= 1u << i;
			continue;
		}
		close_port(h->ports[i]);
		h->ports[i] = NULL;
	}
}

/* --- the controller */

static bool hba_wait(const struct ahci *h, unsigned int reg, uint32_t mask, s_time_t time)
{
	s_time_t end = now() + time;

	while (hba_read(h, reg) & mask) {
		if (now() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/* From the firmware (10.6.3): 25 ms to let go, 2 s if it says that it is busy. */
static void take_over(const struct ahci *h)
{
	if (!(hba_read(h, HBA_CAP2) & CAP2_HANDOFF) || !(hba_read(h, HBA_BOHC) & BOHC_BIOS))
		return;
	hba_write(h, HBA_BOHC, hba_read(h, HBA_BOHC) | BOHC_OS);
	if (!hba_wait(h, HBA_BOHC, BOHC_BIOS, MILLISECS(25)) && (hba_read(h, HBA_BOHC) & BOHC_BUSY))
		hba_wait(h, HBA_BOHC, BOHC_BIOS, SECONDS(2));
}

static bool reset_controller(struct ahci *h)
{
	uint32_t implemented = hba_read(h, HBA_PI);

	take_over(h);
	hba_write(h, HBA_GHC, GHC_AHCI);
	hba_write(h, HBA_GHC, GHC_AHCI | GHC_RESET);
	if (!hba_wait(h, HBA_GHC, GHC_RESET, SECONDS(1)))
		return false;
	hba_write(h, HBA_GHC, GHC_AHCI);
	if (!hba_read(h, HBA_PI))
		hba_write(h, HBA_PI, implemented); /* firmware's, lost on some */
	h->cap = hba_read(h, HBA_CAP);
	return true;
}

static void offer_drives(struct ahci *h)
{
	for (unsigned int i = 0; i < NR_PORTS; i++) {
		struct port *p = h->ports[i];

		if (!p || disk_add(&p->disk))
			continue;
		px_write(p, PX_IS, ~0u);
		px_write(p, PX_IE, IS_DONE | IS_TASK_FILE | IS_BROKEN);
	}
	hba_write(h, HBA_IS, ~0u);
	hba_write(h, HBA_GHC, GHC_AHCI | GHC_INTERRUPTS);
}

static int bring_up(struct ahci *h, const struct pci_func *f)
{
	int err;

	if (!reset_controller(h))
		return -EIO;
	find_drives(h);
	if (!h->present)
		return -ENODEV;
	err = pci_irq(f, 0, ahci_interrupt, h);
	if (err < 0) {
		for (unsigned int i = 0; i < NR_PORTS; i++)
			if (h->ports[i])
				close_port(h->ports[i]);
		return err;
	}
	offer_drives(h);
	return 0;
}

static int ahci_probe(const struct pci_func *f)
{
	struct ahci *h = hyp_alloc(sizeof(*h));
	int err = -ENOMEM;

	if (!h)
		return -ENOMEM;
	h->bdf = f->bdf;
	err = -ENODEV;
	if (f->bar[ABAR].len < PORT(1))
		goto out_free;
	h->nr_ports = (unsigned int)min((f->bar[ABAR].len - PORT(0)) / (PORT(1) - PORT(0)),
					(uint64_t)NR_PORTS);
	h->regs = pci_map_bar(f, ABAR);
	if (!h->regs)
		goto out_free;
	pci_enable(f);
	err = -EOPNOTSUPP;
	if (!(hba_read(h, HBA_CAP) & CAP_64BIT) && max_mfn > 1ull << (32 - PAGE_SHIFT))
		goto out_free;
	err = bring_up(h, f);
	if (!err)
		return 0;
out_free:
	hyp_free(h);
	return err;
}

static bool ahci_match(const struct pci_func *f)
{
	return f->class == CLASS_AHCI;
}

const struct pci_driver ahci_driver = {
	.name = "ahci",
	.match = ahci_match,
	.probe = ahci_probe,
};

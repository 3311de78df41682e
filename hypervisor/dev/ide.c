/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drives behind an IDE controller with bus mastering (PCI class 01.01; Intel PIIX data sheet,
 * "Programming Interface for Bus Master IDE Controller" 1.0, ATA8-ACS): disks and CD drives.
 *
 * Two channels of two drives; a channel does one thing at a time: ch->user says whose. A drive
 * that finds the channel taken says that it `wants` it, and is called when the other has ended;
 * who used it last lets the other go first. Each drive's state is its own lock's, the channel's
 * lock is taken inside it.
 *
 * Bus masters of this kind reach 4 GiB: requests with memory above go through ch->bounce.
 * Transfer modes are the firmware's; what it chose for a drive is set again after a reset.
 *
 * A CD drive without a medium at boot is not offered. A medium that is changed later is
 * reported as an error of one read; the size stays what it was.
 *
 * Not here: PIO for transfers, drives without 48-bit addresses (dev/ata.c), hot plug, the ISA
 * controllers from before PCI, controllers without bus mastering (left to domain 0).
 */
#include <hyp/bits.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pci.h>
#include <hyp/x86.h>

#include "ata.h"

#define CLASS_IDE 0x0101
#define INTERFACE_NATIVE(n) (1u << 2 * (n)) /* channel n at its BARs, not where PCs had it */
#define INTERFACE_MASTER 0x80u
#define BAR_MASTER 4
#define MASTER_SIZE 8 /* ports of a channel */
#define NR_CHANNELS 2
#define NR_DRIVES 2

/* Ports of a channel, from `command`; `control` is one port. */
enum {
	P_DATA = 0,
	P_ERROR = 1, /* read */
	P_FEATURES = 1,
	P_COUNT = 2,
	P_LBA0 = 3,
	P_LBA1 = 4,
	P_LBA2 = 5,
	P_DEVICE = 6,
	P_STATUS = 7, /* read: and the interrupt is acknowledged */
	P_COMMAND = 7,
	NR_PORTS = 8,
};
#define CONTROL_RESET 4
#define CONTROL_NO_IRQ 2
#define DEVICE_FIXED 0xa0 /* ones by tradition */
#define DEVICE_SECOND 0x10

/* Ports of its bus master. */
enum { M_COMMAND = 0, M_STATUS = 2, M_TABLE = 4 };
#define M_START 1
#define M_TO_MEMORY 8
#define M_ACTIVE 1
#define M_ERROR 2
#define M_INTERRUPT 4
#define M_CAPABLE 0x60 /* of DMA, by drive: the firmware's */

#define SIGNATURE_ATA 0x0000
#define SIGNATURE_ATAPI 0xeb14
#define SIGNATURE_NONE 0xffff

#define SET_FEATURES 0xef
#define FEATURE_MODE 3

#define SELECT_TIME MILLISECS(1)
#define PACKET_TIME MILLISECS(3) /* until it takes the packet */
#define SPIN_TIME MILLISECS(2)	 /* with a domain waiting for us */
#define READY_TIME SECONDS(2)	 /* at boot, until it is ready */
#define RESET_TIME SECONDS(10)	 /* later: a disk may have to spin up */
#define MAX_PIO 1024		 /* words of an answer */

#define BOUNCE_ORDER 6
#define LOW_BITS 32
_Static_assert(DISK_MAX_SEGS *PAGE_SIZE == PAGE_SIZE << BOUNCE_ORDER, "a page for each segment");

struct memory {
	struct ide_prd prdt[DISK_MAX_SEGS];
	uint8_t trim[SECTOR_SIZE];
	uint8_t buffer[2 * SECTOR_SIZE]; /* answers to commands of our own */
};
_Static_assert(sizeof(struct memory) <= PAGE_SIZE, "size");

enum reset_step { WORKING, RESETTING, WAITING };

struct drive {
	struct disk disk;
	struct channel *ch;
	unsigned int nr;
	bool present;
	bool changed; /* the medium: one read fails for good; disk.lock */
	bool wants;   /* the channel; ch->lock */
	struct ata_info info;
};

struct channel {
	uint16_t command, control, master;
	struct memory *mem;
	uint8_t *bounce; /* NULL: all memory can be reached */
	struct drive drives[NR_DRIVES];

	struct spinlock lock; /* RANK_DISK + 1; protects the ports and: */
	struct drive *user, *last;
	struct disk_req *req; /* user's */
	bool dma, bounced;    /* of req */
	enum reset_step step; /* user's */
	s_time_t deadline;
};

struct ide {
	struct channel channels[NR_CHANNELS];
};

/* --- ports */

static uint8_t status(const struct channel *ch)
{
	return inb(ch->control);
}

/* Not before the drive had the 400 ns that it may take to update it. */
static uint8_t settled(const struct channel *ch)
{
	for (unsigned int i = 0; i < 4; i++)
		(void)inb(ch->control);
	return inb(ch->control);
}

/*
 * Until it is not busy, and (status & mask) == value. Looks less and less often: QEMU's devices do
 * not get to work while a CPU is at their ports all the time.
 */
static bool wait(const struct channel *ch, uint8_t mask, uint8_t value, s_time_t until)
{
	unsigned int us = 1;
	uint8_t s = settled(ch);

	while ((s & ATA_BSY) || (s & mask) != value) {
		if (now() > until)
			return false;
		udelay(us);
		us = min(2 * us, 1000u);
		s = status(ch);
	}
	return true;
}

/* Talks to this drive from now on. False: it does not listen. */
static bool select(const struct drive *d)
{
	s_time_t until = now() + SELECT_TIME;

	if (!wait(d->ch, ATA_DRQ, 0, until))
		return false;
	outb((uint16_t)(d->ch->command + P_DEVICE),
	     (uint8_t)(DEVICE_FIXED | (d->nr ? DEVICE_SECOND : 0)));
	return wait(d->ch, ATA_DRQ, 0, until);
}

static void put_regs(const struct drive *d, const struct ata_regs *regs)
{
	const uint16_t p = d->ch->command;

	/* 48 bits: the high halves first */
	outb(p + P_FEATURES, (uint8_t)(regs->features >> 8));
	outb(p + P_COUNT, (uint8_t)(regs->count >> 8));
	for (unsigned int i = 0; i < 3; i++)
		outb((uint16_t)(p + P_LBA0 + i), (uint8_t)(regs->lba >> (24 + 8 * i)));
	outb(p + P_FEATURES, (uint8_t)regs->features);
	outb(p + P_COUNT, (uint8_t)regs->count);
	for (unsigned int i = 0; i < 3; i++)
		outb((uint16_t)(p + P_LBA0 + i), (uint8_t)(regs->lba >> 8 * i));
	outb(p + P_DEVICE, (uint8_t)(regs->device | DEVICE_FIXED | (d->nr ? DEVICE_SECOND : 0)));
	outb(p + P_COMMAND, regs->command);
}

/* Starts a command, with a packet if there is one. False: the drive is not ready for it. */
static bool put_command(const struct drive *d, const struct ata_regs *regs, const uint8_t *cdb)
{
	const struct channel *ch = d->ch;

	if (!select(d))
		return false;
	put_regs(d, regs);
	if (!cdb)
		return true;
	if (!wait(ch, ATA_DRQ, ATA_DRQ, now() + PACKET_TIME))
		return false;
	for (unsigned int i = 0; i < ATAPI_CDB; i += 2)
		outw(ch->command + P_DATA, (uint16_t)(cdb[i] | cdb[i + 1] << 8));
	return true;
}

/* --- commands of our own, by PIO, with nothing else under way and interrupts off */

/* Takes words as long as the drive has some; keeps len bytes. How many there were. */
static uint32_t take_words(struct channel *ch, uint32_t len, s_time_t until)
{
	uint32_t got = 0;

	while (got < 2 * MAX_PIO && wait(ch, 0, 0, until) && (status(ch) & ATA_DRQ)) {
		uint16_t w = inw(ch->command + P_DATA);

		if (got + 2 <= len)
			memcpy(ch->mem->buffer + got, &w, 2);
		got += 2;
	}
	return got;
}

/* At least len bytes of an answer into mem->buffer. 0 or -EIO. */
static int pio(struct drive *d, const struct ata_regs *regs, const uint8_t *cdb, uint32_t len,
	       s_time_t time)
{
	struct channel *ch = d->ch;
	s_time_t until = now() + time;
	uint32_t got;

	outb(ch->control, CONTROL_NO_IRQ);
	memset(ch->mem->buffer, 0, sizeof(ch->mem->buffer));
	if (!put_command(d, regs, cdb))
		return -EIO;
	got = take_words(ch, len, until);
	if (inb(ch->command + P_STATUS) & (ATA_BSY | ATA_DRQ | ATA_ERR | ATA_DF))
		return -EIO;
	return got >= len ? 0 : -EIO;
}

static int packet(void *drive, uint8_t opcode, uint8_t len, s_time_t time)
{
	struct drive *d = drive;
	uint8_t cdb[ATAPI_CDB];
	struct ata_regs regs;

	atapi_command(&d->info, opcode, len, cdb, &regs);
	return pio(d, &regs, cdb, len, time);
}

static void restore_mode(struct drive *d)
{
	struct ata_regs regs = { .command = SET_FEATURES,
				 .features = FEATURE_MODE,
				 .count = d->info.mode };

	if (d->present && d->info.mode)
		pio(d, &regs, NULL, 0, SPIN_TIME);
}

/* --- requests; ch->lock held */

static void copy_bounced(const struct channel *ch, const struct disk_req *r)
{
	for (unsigned int i = 0; i < r->nr_segs; i++) {
		void *data = maddr_to_virt(r->segs[i].addr), *low = ch->bounce + i * PAGE_SIZE;

		if (r->op == DISK_WRITE)
			memcpy(low, data, r->segs[i].len);
		else
			memcpy(data, low, r->segs[i].len);
	}
}

static bool must_bounce(const struct channel *ch, const struct disk_req *r)
{
	bool high = false;

	for (unsigned int i = 0; i < r->nr_segs; i++)
		high |= (r->segs[i].addr.a + r->segs[i].len - 1) >> LOW_BITS != 0;
	return high && ch->bounce;
}

/* Tells the bus master what to move. */
static void prepare_dma(struct channel *ch, const struct disk_req *r)
{
	struct disk_seg trim = { virt_to_maddr(ch->mem->trim), SECTOR_SIZE };
	const struct disk_seg *segs = r->nr_segs ? r->segs : &trim;
	unsigned int n = r->nr_segs ? r->nr_segs : 1, used = 0;

	ch->bounced = must_bounce(ch, r);
	if (ch->bounced && r->op == DISK_WRITE)
		copy_bounced(ch, r);
	for (unsigned int i = 0; i < n; i++) {
		maddr_t at = ch->bounced ? virt_to_maddr(ch->bounce + i * PAGE_SIZE) : segs[i].addr;

		used = ide_prd_add(ch->mem->prdt, used, at, segs[i].len);
	}
	ch->mem->prdt[used - 1].count |= IDE_PRD_LAST;
	barrier();
	outl(ch->master + M_TABLE, (uint32_t)virt_to_maddr(ch->mem->prdt).a);
}

static void clear_master(const struct channel *ch)
{
	uint8_t capable = inb(ch->master + M_STATUS) & M_CAPABLE;

	outb(ch->master + M_COMMAND, 0);
	outb(ch->master + M_STATUS, capable | M_INTERRUPT | M_ERROR);
}

/* Starts ch->req. False: the drive does not take it. */
static bool issue(struct drive *d)
{
	struct channel *ch = d->ch;
	const struct disk_req *r = ch->req;
	uint8_t cdb[ATAPI_CDB], direction = r->op == DISK_READ ? M_TO_MEMORY : 0;
	struct ata_regs regs;

	if (d->info.atapi) {
		ata_packet(&d->info, r->sectors * SECTOR_SIZE, true, &regs);
		atapi_read(r, cdb);
	} else {
		ata_command(&d->info, r, -1, &regs, ch->mem->trim);
	}
	clear_master(ch);
	outb(ch->control, 0);
	ch->dma = r->op != DISK_FLUSH;
	if (ch->dma) {
		prepare_dma(ch, r);
		outb(ch->master + M_COMMAND, direction);
	}
	if (!put_command(d, &regs, d->info.atapi ? cdb : NULL))
		return false;
	if (ch->dma)
		outb(ch->master + M_COMMAND, direction | M_START);
	return true;
}

static int ide_start(struct disk *disk, struct disk_req *r)
{
	struct drive *d = disk->priv, *other;
	struct channel *ch = d->ch;
	bool ready = true, wait_turn;

	if (d->info.atapi && (r->op != DISK_READ || d->changed)) {
		d->changed = false;
		return -EIO;
	}
	other = &ch->drives[!d->nr];
	spin_lock(&ch->lock);
	wait_turn = ch->user || (ch->last == d && other->wants);
	d->wants = wait_turn;
	if (!wait_turn) {
		ch->user = ch->last = d;
		ch->req = r;
		ready = issue(d);
	}
	spin_unlock(&ch->lock);
	if (!ready)
		disk_fault(disk, "not ready for a command");
	return wait_turn ? -EAGAIN : 0;
}

/*
 * A CD drive has something to say before it works on, mostly that it was reset: hears it, and
 * the read goes on. False: it shall fail.
 */
static bool attention(struct drive *d)
{
	if (packet(d, ATAPI_REQUEST_SENSE, ATAPI_SENSE_LEN, SPIN_TIME))
		return false;
	d->changed = atapi_other_medium(d->ch->mem->buffer);
	return !d->changed && issue(d);
}

/* What became of the request under way: 0, -EIO, or -EAGAIN: nothing yet. */
static int result(struct drive *d)
{
	struct channel *ch = d->ch;
	uint8_t m = inb(ch->master + M_STATUS), s;

	if (!(m & M_INTERRUPT) || (status(ch) & ATA_BSY))
		return -EAGAIN;
	s = inb(ch->command + P_STATUS);
	clear_master(ch);
	if (d->info.atapi && (s & ATA_ERR) &&
	    inb(ch->command + P_ERROR) >> 4 == ATAPI_UNIT_ATTENTION && attention(d))
		return -EAGAIN;
	/* still active: the drive ended before the memory did */
	if ((s & (ATA_ERR | ATA_DF | ATA_DRQ)) || (ch->dma && (m & (M_ERROR | M_ACTIVE))))
		return -EIO;
	if (ch->bounced && ch->req->op == DISK_READ)
		copy_bounced(ch, ch->req);
	return 0;
}

/* The channel is free: calls those who wait for it. */
static void call_waiting(struct channel *ch)
{
	for (unsigned int i = 0; i < NR_DRIVES; i++) {
		struct drive *d = &ch->drives[i];
		bool wants;

		spin_lock(&ch->lock);
		wants = d->wants;
		d->wants = false;
		spin_unlock(&ch->lock);
		if (!wants)
			continue;
		disk_lock(&d->disk);
		disk_unlock(&d->disk);
	}
}

/* Nobody waits for this; acknowledged all the same, as a line stays active. */
static void unexpected(const struct channel *ch)
{
	if (!(inb(ch->master + M_STATUS) & M_INTERRUPT))
		return;
	(void)inb(ch->command + P_STATUS);
	clear_master(ch);
}

static void channel_interrupt(void *data)
{
	struct channel *ch = data;
	struct drive *d = READ_ONCE(ch->user);
	struct disk_req *r = NULL;
	int err = -EAGAIN;

	if (d)
		disk_lock(&d->disk);
	spin_lock(&ch->lock);
	if (!ch->user || ch->step != WORKING)
		unexpected(ch);
	else if (ch->user == d && !d->disk.resetting)
		err = result(d);
	if (err != -EAGAIN) {
		r = ch->req;
		ch->user = NULL;
	}
	spin_unlock(&ch->lock);
	if (r)
		disk_complete(&d->disk, r, err);
	if (d)
		disk_unlock(&d->disk);
	if (r)
		call_waiting(ch);
}

static void ide_interrupt(void *data)
{
	struct ide *ide = data;

	for (unsigned int i = 0; i < NR_CHANNELS; i++)
		if (ide->channels[i].mem)
			channel_interrupt(&ide->channels[i]);
}

/* --- reset of a channel, in steps; its user, who is being reset, keeps it until the end */

static int step_begin(struct drive *d)
{
	clear_master(d->ch);
	outb(d->ch->control, CONTROL_RESET | CONTROL_NO_IRQ);
	d->ch->step = RESETTING; /* at least 5 us: until the next call */
	return -EAGAIN;
}

static int step_release(struct drive *d)
{
	outb(d->ch->control, CONTROL_NO_IRQ);
	d->ch->deadline = now() + RESET_TIME;
	d->ch->step = WAITING; /* at least 2 ms */
	return -EAGAIN;
}

static int step_wait(struct drive *d)
{
	struct channel *ch = d->ch;

	if ((status(ch) & ATA_BSY) || !select(d))
		return now() > ch->deadline ? -EIO : -EAGAIN;
	for (unsigned int i = 0; i < NR_DRIVES; i++)
		restore_mode(&ch->drives[i]);
	clear_master(ch);
	outb(ch->control, 0);
	return 0;
}

static int ide_reset(struct disk *disk)
{
	static int (*const steps[])(struct drive * d) = {
		[WORKING] = step_begin,
		[RESETTING] = step_release,
		[WAITING] = step_wait,
	};
	struct drive *d = disk->priv;
	struct channel *ch = d->ch;
	int err;

	spin_lock(&ch->lock);
	err = steps[ch->step](d);
	if (err != -EAGAIN) {
		ch->step = WORKING;
		ch->user = NULL;
	}
	spin_unlock(&ch->lock);
	return err;
}

/* --- finding drives */

static const struct disk_ops ide_ops = { .start = ide_start, .reset = ide_reset };

/* False: there is no drive, or none that gets ready. */
static bool reset_at_boot(const struct channel *ch)
{
	if (status(ch) == 0xff)
		return false;
	clear_master(ch);
	/* The firmware may have looked at a second drive that is not there: never busy. */
	outb(ch->command + P_DEVICE, DEVICE_FIXED);
	outb(ch->control, CONTROL_RESET | CONTROL_NO_IRQ);
	udelay(10);
	outb(ch->control, CONTROL_NO_IRQ);
	udelay(2000);
	return wait(ch, ATA_DRQ, 0, now() + READY_TIME);
}

/* What a reset leaves in the registers, until they are written: both drives hear that. */
static unsigned int signature(const struct drive *d)
{
	if (!select(d))
		return SIGNATURE_NONE;
	return inb(d->ch->command + P_LBA1) | (unsigned int)inb(d->ch->command + P_LBA2) << 8;
}

static bool identify(struct drive *d, unsigned int sig)
{
	bool atapi = sig == SIGNATURE_ATAPI;
	struct ata_regs regs = { .command = atapi ? ATA_IDENTIFY_PACKET : ATA_IDENTIFY };

	return (sig == SIGNATURE_ATA || atapi) && !pio(d, &regs, NULL, SECTOR_SIZE, READY_TIME) &&
	       !ata_identify_parse((const uint16_t *)d->ch->mem->buffer, atapi, &d->info);
}

static bool describe(struct drive *d, uint16_t bdf, unsigned int channel)
{
	char where[16];
	struct disk *disk = &d->disk;

	ata_describe(&d->info, disk);
	if (d->info.atapi)
		disk->sectors = atapi_medium_size(packet, d, d->ch->mem->buffer);
	disk->ops = &ide_ops;
	disk->priv = d;
	disk->driver = "ide";
	pci_where(bdf, where, sizeof(where));
	snprintf(disk->where, sizeof(disk->where), "%s drive %u.%u", where, channel, d->nr);
	return disk->sectors != 0;
}

static void *alloc_low(unsigned int order)
{
	mfn_t mfn = heap_alloc(order, LOW_BITS);

	return mfn_eq(mfn, INVALID_MFN) ? NULL : memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order);
}

static void free_memory(struct channel *ch)
{
	if (ch->bounce)
		heap_free(virt_to_mfn(ch->bounce), BOUNCE_ORDER);
	if (ch->mem)
		heap_free(virt_to_mfn(ch->mem), 0);
	ch->bounce = NULL;
	ch->mem = NULL;
}

static bool alloc_memory(struct channel *ch)
{
	bool bounce = max_mfn > 1ull << (LOW_BITS - PAGE_SHIFT);

	ch->mem = alloc_low(0);
	if (bounce)
		ch->bounce = alloc_low(BOUNCE_ORDER);
	if (ch->mem && (ch->bounce || !bounce))
		return true;
	free_memory(ch);
	return false;
}

static bool find_drives(struct channel *ch, uint16_t bdf, unsigned int channel)
{
	unsigned int signatures[NR_DRIVES];
	bool any = false;

	if (!reset_at_boot(ch))
		return false;
	for (unsigned int i = 0; i < NR_DRIVES; i++) {
		ch->drives[i].ch = ch;
		ch->drives[i].nr = i;
		signatures[i] = signature(&ch->drives[i]);
	}
	for (unsigned int i = 0; i < NR_DRIVES; i++) {
		struct drive *d = &ch->drives[i];

		d->present = identify(d, signatures[i]) && describe(d, bdf, channel);
		any |= d->present;
	}
	outb(ch->control, 0);
	return any;
}

/* True: the channel has drives. Its memory is there then, and nothing of it else. */
static bool open_channel(struct channel *ch, uint16_t bdf, unsigned int nr)
{
	if (!ch->command || !ch->control || !alloc_memory(ch))
		return false;
	spin_init(&ch->lock, RANK_DISK + 1, "ide");
	if (find_drives(ch, bdf, nr))
		return true;
	free_memory(ch);
	return false;
}

/* --- the controller */

static const struct {
	uint16_t command, control;
	unsigned int irq;
} legacy[NR_CHANNELS] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

static bool is_native(const struct pci_func *f, unsigned int n)
{
	return f->class & INTERFACE_NATIVE(n);
}

static void find_ports(struct channel *ch, const struct pci_func *f, unsigned int n)
{
	ch->master = (uint16_t)(f->bar[BAR_MASTER].addr + n * MASTER_SIZE);
	if (!is_native(f, n)) {
		ch->command = legacy[n].command;
		ch->control = legacy[n].control;
	} else if (f->bar[2 * n].io && f->bar[2 * n].len >= NR_PORTS && f->bar[2 * n + 1].io &&
		   f->bar[2 * n + 1].len >= 4) {
		ch->command = (uint16_t)f->bar[2 * n].addr;
		ch->control = (uint16_t)(f->bar[2 * n + 1].addr + 2);
	}
}

/* Both channels, or the one that has drives, get their interrupts. */
static int get_interrupts(struct ide *ide, const struct pci_func *f)
{
	bool native = false;
	int err = 0;

	for (unsigned int n = 0; n < NR_CHANNELS && !err; n++) {
		if (!ide->channels[n].mem)
			continue;
		if (is_native(f, n))
			native = true;
		else
			err = isa_irq_own(legacy[n].irq, channel_interrupt, &ide->channels[n]);
	}
	return !err && native ? pci_irq(f, 0, ide_interrupt, ide) : err;
}

/* The function is ours, with the channels that have no drives. */
static void offer_drives(struct ide *ide, const struct pci_func *f)
{
	for (unsigned int n = 0; n < NR_CHANNELS; n++) {
		struct channel *ch = &ide->channels[n];

		if (!is_native(f, n)) {
			ioport_deny(legacy[n].command, NR_PORTS);
			ioport_deny(legacy[n].control, 1);
		}
		for (unsigned int i = 0; i < NR_DRIVES; i++)
			if (ch->drives[i].present)
				disk_add(&ch->drives[i].disk);
	}
}

static int ide_probe(const struct pci_func *f)
{
	struct ide *ide;
	bool any = false;
	int err;

	if (!(f->class & INTERFACE_MASTER) || !f->bar[BAR_MASTER].io || !f->bar[BAR_MASTER].addr ||
	    f->bar[BAR_MASTER].len < NR_CHANNELS * MASTER_SIZE)
		return -ENODEV;
	ide = hyp_alloc(sizeof(*ide));
	if (!ide)
		return -ENOMEM;
	pci_enable(f);
	for (unsigned int n = 0; n < NR_CHANNELS; n++) {
		find_ports(&ide->channels[n], f, n);
		any |= open_channel(&ide->channels[n], f->bdf, n);
	}
	if (!any) {
		hyp_free(ide);
		return -ENODEV;
	}
	err = get_interrupts(ide, f);
	if (err)
		return err; /* an interrupt may know ide: it stays */
	offer_drives(ide, f);
	return 0;
}

static bool ide_match(const struct pci_func *f)
{
	return f->class >> 8 == CLASS_IDE;
}

const struct pci_driver ide_driver = { .name = "ide", .match = ide_match, .probe = ide_probe };

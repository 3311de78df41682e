/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drives: what the drivers in dev/ offer and vblk/ uses. Report section 3.5.
 *
 * A request goes from disk_submit() into its client's queue, from there to the driver when it
 * is that client's turn and the driver has room, and comes back through r->done exactly
 * once. The core (dev/disk.c) owns time-outs, resets and retries: a driver only says
 * what became of what it was given. All memory of a request stays the caller's, and the
 * frames of its segments must stay referenced, until done: a device may write to them.
 *
 * Locking: RANK_DISK, a lock per drive, protects queues and everything a driver keeps for
 * that drive. Drivers are called with it held and call disk_complete() with it held;
 * done functions are called without locks.
 */
#ifndef HYP_DISK_H
#define HYP_DISK_H

#include <hyp/list.h>
#include <hyp/sched.h>
#include <hyp/spinlock.h>
#include <hyp/timer.h>
#include <hyp/types.h>

#define SECTOR_SHIFT 9
#define SECTOR_SIZE 512u
#define DISK_MAX_SEGS 64 /* of one request; each within one page */
#define DISK_MAX_DRIVES 32
#define DISK_MODEL_MAX 48
#define DISK_SERIAL_MAX 24

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,   /* everything written and completed before is on stable storage */
	DISK_DISCARD, /* the content of the sectors does not matter any more */
};

/* Memory of a transfer: within one page, address and length multiples of 512. */
struct disk_seg {
	maddr_t addr;
	uint32_t len;
};

struct disk;
struct disk_client;

struct disk_req {
	/* the caller's; not changed until done */
	enum disk_op op;
	bool fua;	  /* WRITE: on stable storage when done */
	uint16_t nr_segs; /* 0 for FLUSH and DISCARD */
	uint32_t sectors; /* of 512 bytes; the sum of the segments for READ and WRITE */
	uint64_t sector;  /* first one, in units of 512 bytes */
	const struct disk_seg *segs;
	struct disk_client *client;
	/*
	 * 0, or -EIO: it failed for good; the content of a READ's memory and of a WRITE's sectors
	 * is then undefined. Interrupt, softirq or hypercall context, no locks held, this CPU or
	 * another; may call disk_submit().
	 */
	void (*done)(struct disk_req *r, int error);

	/* the core's and, between submit and disk_complete(), the driver's */
	struct list link;
	s_time_t deadline;
	unsigned int tries; /* that failed */
	uint32_t tag;	    /* free for the driver; 0 at first */
	int error;
	uint16_t held_segs; /* != 0: a FUA write that is done, and is being flushed */
};

/* Who competes for a drive: one per virtual block device. Fields are set before disk_client_add(). */
struct disk_client {
	struct disk *disk;
	unsigned int weight;  /* share of the drive, 1..1000, default 100 */
	uint32_t iops_limit;  /* requests per second, 0 = none */
	uint64_t bytes_limit; /* bytes per second, 0 = none */

	/* protected by disk->lock */
	struct list link, queue; /* in disk->clients; requests waiting */
	int credit;		 /* <= 0: the turn is over */
	bool stopped;		 /* nothing is started or repeated for it */
	unsigned int waiting, in_flight;
	s_time_t not_before; /* the limits hold it back until then */
	uint64_t reads, writes, read_sectors, written_sectors, errors;
};

struct disk_ops {
	/*
	 * Starts r. 0; -EAGAIN: no room, the core tries again after the next completion; -EIO: the
	 * device cannot do this. r->tries tells a repeated attempt. disk->lock held.
	 */
	int (*start)(struct disk *disk, struct disk_req *r);
	/*
	 * Tells the device about everything started since the last call (a doorbell for the batch).
	 * NULL: start() does. disk->lock held.
	 */
	void (*kick)(struct disk *disk);
	/*
	 * After a time-out or a fault: makes the device forget everything it was given and ready
	 * for more. Bounded, at most some milliseconds: may be entered again through -EAGAIN, which
	 * the core answers by another call 10 ms later. No DMA of old requests takes place after it has
	 * returned 0 or -EIO (-EIO: the device is dead; the core fails all requests from then
	 * on). The core repeats or fails what was in flight. disk->lock held.
	 */
	int (*reset)(struct disk *disk);
};

struct disk {
	/* set by the driver before disk_add() */
	const struct disk_ops *ops;
	void *priv;
	const char *driver; /* "virtio-blk", "ahci", "ide", "nvme", "ram" */
	char where[24];	    /* "pci 00:04.0", "pci 00:1f.2 port 0", "" */
	char model[DISK_MODEL_MAX], serial[DISK_SERIAL_MAX]; /* printable ASCII, trimmed */
	uint64_t sectors;				     /* of 512 bytes */
	uint32_t block_size; /* unit of its requests: 512, 2048 or 4096; sectors and segments obey it */
	bool read_only, cdrom, rotational;
	bool can_flush, can_fua, can_discard; /* no flush: writes are stable when done */
	uint16_t depth;			      /* requests it can hold */
	uint16_t max_segs;		      /* of a request, <= DISK_MAX_SEGS */
	uint32_t max_sectors;		      /* of a request; the core's users split */
	uint32_t max_discard;		      /* the same of a DISCARD; 0: max_sectors */
	s_time_t timeout;		      /* of a request, 0 = 30 s; option disk_timeout */

	/* the core's */
	unsigned int nr; /* place in the list of drives, never reused */
	struct spinlock lock;
	struct list clients, started; /* started: in the driver's hands, oldest first */
	unsigned int in_flight;
	bool resetting, dead;
	bool busy; /* a CPU is in disk_unlock() and will look again before it leaves */
	struct list finished;
	s_time_t reset_at;
	struct timer timer; /* the oldest deadline, a reset, or a limit */
	struct task later;  /* what was too much for one disk_unlock() */
	uint64_t errors, timeouts, resets, retries;
};

/* --- for drivers (dev/disk.c). Boot only. disk stays for ever. -ENOSPC: too many drives. */
int disk_add(struct disk *disk);
/* r, started before, has ended: 0 or -EIO. disk->lock held; done runs after disk_unlock(). */
void disk_complete(struct disk *disk, struct disk_req *r, int error);
/* Interrupt handlers: around their work. Unlocking dispatches what can go, and calls done functions. */
void disk_lock(struct disk *disk);
void disk_unlock(struct disk *disk);
/* With locks held that done functions take: a task does what disk_unlock() would. */
void disk_unlock_later(struct disk *disk);
/* The device reports a fault that needs a reset (disk->lock held): all in flight is repeated after it. */
void disk_fault(struct disk *disk, const char *what);

/* --- for vblk/ and control operations */
unsigned int disk_count(void);
struct disk *disk_get(unsigned int nr); /* NULL: none. Drives never go away */
void disk_client_init(struct disk_client *c, struct disk *disk);
void disk_client_add(struct disk_client *c);
/* Has nothing queued or in flight (the caller saw to it). */
void disk_client_remove(struct disk_client *c);
/*
 * Its requests fail from now on, those that wait for their turn or a repetition too: only what the
 * driver has takes its time. Or no longer so. Any locks below RANK_DISK held.
 */
void disk_client_stop(struct disk_client *c, bool stop);
/* Queues requests; done of each is called some time later, maybe before this returns. */
void disk_submit(struct disk_req *r);
/* Several of one client at once: they reach the device in one batch. */
void disk_submit_list(struct list *reqs, struct disk *disk);

/* --- the drivers' probes, tried by pci_probe_all() (dev/pci.c) on every PCI function; dev/ramdrive.c by option */
void disk_init(void); /* boot, before dom0_build(): finds all drives */

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network cards: what the drivers in dev/ offer and vnet/ uses. Report section 3.4.
 *
 * Sending is scatter-gather: a frame's first bytes, which were copied and checked, and pieces
 * of guests' pages, which stay referenced until nic_sent(). Receiving is into the driver's own
 * buffers: vnet/ copies what it wants of them before nic_received() returns.
 *
 * Locking: RANK_NIC, a lock per card, protects its rings and all that a driver keeps.
 * Drivers are called with it held, and call nic_sent(), nic_link() with it held; it is not
 * held when nic_received() is called, nor are sent functions.
 */
#ifndef HYP_NIC_H
#define HYP_NIC_H

#include <hyp/list.h>
#include <hyp/sched.h>
#include <hyp/spinlock.h>
#include <hyp/timer.h>
#include <hyp/types.h>

#define NIC_MAX 8
#define NIC_MAX_SEGS 20 /* of a frame: its head, and a 64 KiB payload that begins anywhere */
#define NIC_FRAME 1514 /* bytes of a frame that is not to be cut, without the checksum at its end */
#define NIC_HEAD 256

struct nic;

struct nic_seg { /* within one page */
	maddr_t addr;
	uint32_t len;
};

/* A frame that has come, in the driver's own memory. */
struct nic_rx {
	const void *frame;
	unsigned int len;
	bool sum_ok;
};

/* A frame to send. The caller's, and unchanged, until sent is called. */
struct nic_tx {
	struct list link; /* whose turn it is: the owner's at the moment */
	uint16_t nr_segs;
	uint32_t len; /* sum of the segments */
	struct nic_seg segs[NIC_MAX_SEGS];
	/*
	 * csum: the 16 bits at csum_start + csum_offset hold the sum of the pseudo header; the device
	 * completes them with the sum from csum_start to the end. Offsets from the frame's begin.
	 */
	bool csum;
	uint16_t csum_start, csum_offset;
	/* != 0: a TCP frame (gso_v6: in IPv6) to be cut into frames with so much payload; csum is set. */
	uint16_t gso_size;
	bool gso_v6;
	uint16_t head_len; /* of all headers, with gso_size */
	/* Once, in any context without locks; ok false: it was not sent. */
	void (*sent)(struct nic_tx *t, bool ok);

	/* the core's and the driver's */
	s_time_t deadline;
	uint32_t tag;
	bool failed;
};

struct nic_ops {
	/*
	 * Puts t into the ring. 0; -EAGAIN: no room, again after the next nic_sent(); -EINVAL: the
	 * device cannot do this. lock held.
	 */
	int (*send)(struct nic *n, struct nic_tx *t);
	/* Tells the device about all sent since the last call. lock held. */
	void (*kick)(struct nic *n);
	/*
	 * Looks at the device: nic_sent(), nic_link(), nic_fault() for what has happened. Puts frames
	 * that have come into r, at most max, and says how many; their memory is left alone until the
	 * next call. 0 with max != 0: nothing is left, and there is an interrupt for more. lock held.
	 */
	unsigned int (*poll)(struct nic *n, struct nic_rx *r, unsigned int max);
	/*
	 * After a time-out: makes the device forget what it had and ready again. Bounded to a few
	 * milliseconds; -EAGAIN: call again in 10 ms; -EIO: dead. No DMA of old frames afterwards.
	 * The core drops what was in the ring. lock held.
	 */
	int (*reset)(struct nic *n);
	/* Interrupts at most every so many microseconds, 0 = at once. NULL: cannot. lock held. */
	void (*moderate)(struct nic *n, unsigned int us);
};

struct nic {
	/* set by the driver before nic_add() */
	const struct nic_ops *ops;
	void *priv;
	const char *driver; /* "virtio-net", "e1000", "e1000e" */
	char where[24];	    /* "pci 00:04.0" */
	uint8_t mac[6];
	bool can_csum, can_tso4, can_tso6;
	uint16_t depth;	   /* frames its ring holds */
	uint16_t max_segs; /* of a frame, <= NIC_MAX_SEGS */

	/* the core's */
	unsigned int nr;
	struct spinlock lock;
	struct list waiting, started, finished; /* of struct nic_tx */
	unsigned int nr_waiting, in_flight;
	bool link, dead, resetting, busy;
	bool receiving, again;	       /* a CPU is in nic_interrupt(), and will look again */
	s_time_t reset_at, rest_until; /* nothing is received until then */
	unsigned int messages;
	struct timer timer;
	struct task later;
	uint64_t tx_frames, tx_bytes, rx_frames, rx_bytes;
	uint64_t tx_dropped, rx_dropped, rx_errors, timeouts, resets;
};

/* --- for drivers. Boot only. n stays for ever. -ENOSPC. */
int nic_add(struct nic *n);
/* What an interrupt handler calls: polls, hands on what has come. No locks held. */
void nic_interrupt(struct nic *n);
/* Around everything else; unlocking sends what can go. */
void nic_lock(struct nic *n);
void nic_unlock(struct nic *n);
/* t has left, or not. lock held. */
void nic_sent(struct nic *n, struct nic_tx *t, bool ok);
/* The state of the link, at the start and when it changes. lock held. */
void nic_link(struct nic *n, bool up);
/* The device reports a fault: it is reset. lock held. */
void nic_fault(struct nic *n, const char *what);
/*
 * For the core: a frame has come, without the checksum at its end; sum_ok: the device has found the
 * checksums of TCP or UDP right. One after the other for a card, interrupt or task
 * context, no locks held. At most NIC_FRAME bytes (VLAN tag: 4 more).
 */
void nic_received(struct nic *n, const void *frame, unsigned int len, bool sum_ok);

/* --- for vnet/ */
unsigned int nic_count(void);
struct nic *nic_get(unsigned int nr); /* NULL: none. Cards never go away */
/* Sends frames in order; each has an end by its sent function. Drops when too many wait. */
void nic_send(struct nic *n, struct nic_tx *t);
void nic_send_list(struct nic *n, struct list *frames); /* by their links */
/* Set once at boot: where frames go. NULL frames are dropped and counted. */
extern void (*nic_receiver)(struct nic *n, const void *frame, unsigned int len, bool sum_ok);

#endif

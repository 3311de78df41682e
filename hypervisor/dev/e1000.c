/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intel's gigabit cards 82540EM and 82574L (their software developer's manuals): one ring each
 * way, legacy descriptors for receiving, extended ones for sending. The core (nic.c) has the lock
 * that protects all of this.
 *
 * A frame to send is a context descriptor, if something is to be computed, and one for each
 * segment; the last one's index is the frame's tag. Headers of frames to be cut are changed as
 * the card wants them, in a copy: there is one place for it per descriptor.
 *
 * The 82540EM has no messages: its interrupts stay masked, and a timer asks (hyp/pci.h).
 *
 * Not here: setting up PHYs (they negotiate by themselves), MSI-X with its three vectors,
 * several queues, filters for multicast, VLANs, wake on LAN, frames of more than 1518 bytes.
 */
#include <hyp/bits.h>
#include <hyp/boot.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/nic.h>
#include <hyp/timer.h>

#define VENDOR 0x8086
#define REG_SUBSYSTEM 0x2c
#define QEMU_82574 0x00008086 /* QEMU's; it makes IP fragments where it should cut TCP (7.2) */
#define CAP_MSI 0x05
#define MSI_ENABLE (1u << 16)

enum {
	R_CTRL = 0x0000,
	R_STATUS = 0x0008,
	R_ICR = 0x00c0,
	R_ITR = 0x00c4,
	R_IMS = 0x00d0,
	R_IMC = 0x00d8,
	R_RCTL = 0x0100,
	R_TCTL = 0x0400,
	R_TIPG = 0x0410,
	R_RX = 0x2800, /* a ring: RX or TX + R_BASE ... */
	R_TX = 0x3800,
	R_BASE = 0x00,
	R_LENGTH = 0x08,
	R_HEAD = 0x10,
	R_TAIL = 0x18,
	R_TXDCTL = 0x3828,
	R_RXCSUM = 0x5000,
	R_MTA = 0x5200, /* 128 registers */
	R_RAL0 = 0x5400,
	R_RAH0 = 0x5404,
	R_END = 0x10000,
};
#define CTRL_ASDE BIT(5)
#define CTRL_SLU BIT(6)						    /* set link up */
#define CTRL_FORCED (BIT(3) | BIT(7) | BIT(11) | BIT(12) | BIT(31)) /* link, speed ...: not ours */
#define CTRL_RST BIT(26)
#define STATUS_LU BIT(1)
#define INT_TXDW BIT(0)
#define INT_LSC BIT(2)
#define INT_RXDMT0 BIT(4)
#define INT_RXO BIT(6)
#define INT_RXT0 BIT(7)
#define INTERRUPTS (INT_TXDW | INT_LSC | INT_RXDMT0 | INT_RXO | INT_RXT0)
#define RCTL_EN BIT(1)
#define RCTL_BAM BIT(15)   /* broadcasts, too; buffers of 2 KiB */
#define RCTL_SECRC BIT(26) /* without the checksum at the end */
#define TCTL (BIT(1) | BIT(3) | 15 << 4 | 64 << 12 | BIT(24)) /* enabled, padding, full duplex */
#define TCTL_MULR BIT(28)
#define TIPG (8 | 8 << 10 | 6 << 20)
#define TXDCTL_AT_ONCE (BIT(24) | BIT(16)) /* each descriptor is written back */
#define TXDCTL_BIT22 BIT(22)		   /* "must be one" */
#define RXCSUM_IP_TCP_UDP (BIT(8) | BIT(9))
#define RAH_VALID BIT(31)
#define ITR_NS 256
#define DEFAULT_ITR_US 20

struct rx_desc {
	uint64_t addr;
	uint16_t len, sum;
	uint8_t status, errors;
	uint16_t special;
};
#define RX_DONE BIT(0)
#define RX_END BIT(1)
#define RX_NO_SUM BIT(2)
#define RX_SUM_SEEN (BIT(4) | BIT(5)) /* UDP, TCP */
#define RX_SUM_BAD (BIT(5) | BIT(6))
#define RX_BAD (BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(7))

struct tx_desc {
	uint64_t addr; /* or offsets, in a context */
	uint32_t cmd, status;
};
#define TX_DATA BIT(20)
#define TX_END BIT(24)
#define TX_FCS BIT(25)
#define TX_CUT BIT(26)
#define TX_REPORT BIT(27)
#define TX_EXTENDED BIT(29)
#define TX_TCP BIT(24) /* these two in a context */
#define TX_IPV4 BIT(25)
#define TX_DONE BIT(0)
#define TX_SUM_IP BIT(8)
#define TX_SUM_TCP BIT(9)

#define RING 256u
#define BUFFER 2048u
#define BUFFERS_ORDER 7
#define MOST_NEEDED (NIC_MAX_SEGS + 2u) /* descriptors of a frame */
#define MOST_HEAD 240u
#define TCP_SUM 16 /* where the header has it */

static const struct model {
	const char *name;
	uint16_t device;
	bool tso6;
	uint32_t tctl, txdctl;
} models[] = {
	{ "e1000", 0x100e, false, TCTL, TXDCTL_AT_ONCE },
	{ "e1000e", 0x10d3, true, TCTL | TCTL_MULR, TXDCTL_AT_ONCE | TXDCTL_BIT22 },
};

struct e1000 {
	struct nic nic;
	struct pci_func pci;
	const struct model *model;
	volatile uint8_t *regs;
	bool ready, msi, link_changed;
	unsigned int stage; /* of a reset */
	uint32_t itr;
	struct rx_desc *rx;
	struct tx_desc *tx;
	uint8_t *buffers;
	uint8_t (*heads)[NIC_HEAD];
	unsigned int rx_next, rx_given; /* to look at; the first not given back */
	unsigned int tx_next, tx_clean; /* to fill; the first not known to be done */
	bool skip;			/* up to the end of this frame */
};

static uint32_t get(const struct e1000 *e, unsigned int reg)
{
	return *(volatile uint32_t *)(e->regs + reg);
}

static void put(const struct e1000 *e, unsigned int reg, uint64_t val)
{
	*(volatile uint32_t *)(e->regs + reg) = (uint32_t)val;
}

static void put_tail(const struct e1000 *e, unsigned int ring, unsigned int val)
{
	barrier();
	put(e, ring + R_TAIL, val % RING);
}

/* --- sending */

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The card computes the lengths of the frames it cuts: they are neither in the header nor in sums. */
static void take_lengths_out(uint8_t *head, uint8_t *ip, const struct nic_tx *t)
{
	uint8_t *field = head + t->csum_start + t->csum_offset;
	uint32_t sum = get16(field) + (~(t->len - t->csum_start) & 0xffff);

	put16(field, (sum & 0xffff) + (sum >> 16));
	if (t->gso_v6) {
		put16(ip + 4, 0);
	} else {
		put16(ip + 2, 0);
		put16(ip + 10, 0);
	}
}

static struct tx_desc *next_desc(struct e1000 *e)
{
	return &e->tx[e->tx_next++ % RING];
}

/* What is computed; returns the status word of the frame's other descriptors. */
static uint32_t put_context(struct e1000 *e, const struct nic_tx *t, uint64_t ip)
{
	uint64_t tcp = t->csum_start, field = tcp + t->csum_offset;
	struct tx_desc *d = next_desc(e);

	d->addr = ip | (ip + 10) << 8 | (tcp - 1) << 16 | tcp << 32 | field << 40;
	d->cmd = TX_EXTENDED | (t->csum_offset == TCP_SUM ? TX_TCP : 0);
	d->status = 0;
	if (t->gso_size) {
		d->cmd |= TX_CUT | (t->gso_v6 ? 0 : TX_IPV4) | (t->len - t->head_len);
		d->status = (uint32_t)t->head_len << 8 | (uint32_t)t->gso_size << 16;
	}
	return TX_SUM_TCP | (t->gso_size && !t->gso_v6 ? TX_SUM_IP : 0);
}

static void put_data(struct e1000 *e, uint64_t addr, uint32_t len, uint32_t flags, uint32_t status)
{
	*next_desc(e) = (struct tx_desc){ .addr = addr,
					  .cmd = len | TX_DATA | TX_EXTENDED | flags,
					  .status = status };
}

static bool can_do(const struct nic_tx *t)
{
	if (t->csum && t->csum_start + t->csum_offset > 0xff)
		return false;
	return !t->gso_size || (t->head_len <= MOST_HEAD && t->head_len <= t->segs[0].len &&
				t->csum_start + t->csum_offset + 2 <= t->head_len);
}

static int e1000_send(struct nic *n, struct nic_tx *t)
{
	struct e1000 *e = n->priv;
	const uint8_t *head = maddr_to_virt(t->segs[0].addr);
	uint32_t flags = TX_FCS | (t->gso_size ? TX_CUT : 0), status = 0, done = 0;
	unsigned int ip = get16(head + 12) == 0x8100 ? 18 : 14;

	if (!can_do(t))
		return -EINVAL;
	if (e->tx_clean + RING - 1 - e->tx_next < MOST_NEEDED)
		return -EAGAIN;
	if (t->csum)
		status = put_context(e, t, ip);
	if (t->gso_size) {
		uint8_t *copy = e->heads[e->tx_next % RING];

		done = t->head_len;
		memcpy(copy, head, done);
		take_lengths_out(copy, copy + ip, t);
		put_data(e, virt_to_maddr(copy).a, done, flags, status);
	}
	for (unsigned int i = 0; i < t->nr_segs; i++, done = 0)
		if (t->segs[i].len > done)
			put_data(e, t->segs[i].addr.a + done, t->segs[i].len - done, flags, status);
	t->tag = (e->tx_next - 1) % RING;
	e->tx[t->tag].cmd |= TX_END | TX_REPORT;
	return 0;
}

static void e1000_kick(struct nic *n)
{
	struct e1000 *e = n->priv;

	put_tail(e, R_TX, e->tx_next);
}

static void take_sent(struct e1000 *e)
{
	struct nic *n = &e->nic;

	while (!list_empty(&n->started)) {
		struct nic_tx *t = list_entry(n->started.next, struct nic_tx, link);

		if (!(READ_ONCE(e->tx[t->tag].status) & TX_DONE))
			return;
		e->tx_clean += (t->tag + 1 - e->tx_clean) % RING;
		nic_sent(n, t, true);
	}
}

/* --- receiving */

/* What poll() handed out last time. One descriptor stays ours: a full ring is no empty one. */
static void give_back(struct e1000 *e)
{
	if (e->rx_given == e->rx_next)
		return;
	for (; e->rx_given != e->rx_next; e->rx_given++)
		e->rx[e->rx_given % RING].status = 0;
	put_tail(e, R_RX, e->rx_next - 1);
}

/* Length 0: the core counts it as an error. */
static struct nic_rx frame_of(struct e1000 *e, unsigned int i, uint8_t status)
{
	const volatile struct rx_desc *d = &e->rx[i];
	bool whole = status & RX_END && !e->skip && !(d->errors & RX_BAD) && d->len <= BUFFER;

	e->skip = !(status & RX_END);
	return (struct nic_rx){ .frame = e->buffers + i * BUFFER,
				.len = whole ? d->len : 0,
				.sum_ok = !(status & RX_NO_SUM) && status & RX_SUM_SEEN &&
					  !(d->errors & RX_SUM_BAD) };
}

static unsigned int e1000_poll(struct nic *n, struct nic_rx *r, unsigned int max)
{
	struct e1000 *e = n->priv;
	unsigned int nr = 0;

	if (READ_ONCE(e->link_changed)) {
		e->link_changed = false;
		nic_link(n, get(e, R_STATUS) & STATUS_LU);
	}
	take_sent(e);
	if (!max)
		return 0;
	give_back(e);
	for (; nr < min(max, RING / 2); e->rx_next++) {
		unsigned int i = e->rx_next % RING;
		uint8_t status = __atomic_load_n(&e->rx[i].status, __ATOMIC_ACQUIRE);

		if (!(status & RX_DONE))
			break;
		r[nr++] = frame_of(e, i, status);
	}
	return nr;
}

/* The causes are told once, and forgotten by this: what comes later makes another interrupt. */
static void e1000_irq(void *data)
{
	struct e1000 *e = data;
	uint32_t causes;

	if (!__atomic_load_n(&e->ready, __ATOMIC_ACQUIRE))
		return;
	causes = get(e, R_ICR);
	if (causes & INT_LSC)
		WRITE_ONCE(e->link_changed, true);
	if (causes & INTERRUPTS)
		nic_interrupt(&e->nic);
}

static void e1000_moderate(struct nic *n, unsigned int us)
{
	struct e1000 *e = n->priv;

	e->itr = (uint32_t)min(us, 16000u) * 1000 / ITR_NS;
	put(e, R_ITR, e->itr);
}

/* --- starting, for the first time or after a reset */

static void start_ring(struct e1000 *e, unsigned int reg, const void *ring)
{
	uint64_t a = virt_to_maddr(ring).a;

	put(e, reg + R_BASE, a);
	put(e, reg + R_BASE + 4, a >> 32);
	put(e, reg + R_LENGTH, RING * sizeof(struct rx_desc));
	put(e, reg + R_HEAD, 0);
	put(e, reg + R_TAIL, 0);
}

static void set_address(struct e1000 *e)
{
	const uint8_t *m = e->nic.mac;

	put(e, R_RAL0, m[0] | m[1] << 8 | m[2] << 16 | (uint64_t)m[3] << 24);
	put(e, R_RAH0, m[4] | m[5] << 8 | RAH_VALID);
	for (unsigned int i = 0; i < 128; i++)
		put(e, R_MTA + 4 * i, 0);
}

static void start(struct e1000 *e)
{
	memset(e->tx, 0, RING * sizeof(*e->tx));
	for (unsigned int i = 0; i < RING; i++)
		e->rx[i] = (struct rx_desc){ .addr = virt_to_maddr(e->buffers + i * BUFFER).a };
	e->rx_next = e->rx_given = e->tx_next = e->tx_clean = 0;
	e->skip = false;
	set_address(e);
	start_ring(e, R_RX, e->rx);
	start_ring(e, R_TX, e->tx);
	put(e, R_RXCSUM, RXCSUM_IP_TCP_UDP);
	put(e, R_TIPG, TIPG);
	put(e, R_TXDCTL, e->model->txdctl);
	put(e, R_ITR, e->itr);
	put(e, R_CTRL, (get(e, R_CTRL) & ~CTRL_FORCED) | CTRL_SLU | CTRL_ASDE);
	put(e, R_TCTL, e->model->tctl);
	put(e, R_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
	put_tail(e, R_RX, RING - 1);
	get(e, R_ICR);
	if (e->msi)
		put(e, R_IMS, INTERRUPTS);
}

/* In steps 10 ms apart: what is going on ends; the reset; the start. */
static int restart(struct e1000 *e)
{
	switch (e->stage++) {
	case 0:
		put(e, R_IMC, ~0u);
		put(e, R_RCTL, 0);
		put(e, R_TCTL, 0);
		return -EAGAIN;
	case 1:
		put(e, R_CTRL, get(e, R_CTRL) | CTRL_RST);
		return -EAGAIN;
	}
	e->stage = 0;
	put(e, R_IMC, ~0u);
	return get(e, R_CTRL) & CTRL_RST ? -EIO : 0;
}

static int e1000_reset(struct nic *n)
{
	struct e1000 *e = n->priv;
	int err = restart(e);

	if (err == -EIO)
		pci_cut_off(e->pci.bdf);
	if (err)
		return err;
	start(e);
	nic_link(n, get(e, R_STATUS) & STATUS_LU);
	return 0;
}

static const struct nic_ops e1000_ops = { .send = e1000_send,
					  .kick = e1000_kick,
					  .poll = e1000_poll,
					  .reset = e1000_reset,
					  .moderate = e1000_moderate };

/* --- probe */

/* What the card has read from its EEPROM at the reset. */
static int read_address(struct e1000 *e)
{
	uint32_t low = get(e, R_RAL0), high = get(e, R_RAH0);

	for (unsigned int i = 0; i < 6; i++)
		e->nic.mac[i] = (uint8_t)((i < 4 ? low : high) >> 8 * (i & 3));
	return high & RAH_VALID && !(low & 1) && (low || high & 0xffff) ? 0 : -ENODEV;
}

static void describe(struct e1000 *e)
{
	struct nic *n = &e->nic;

	n->ops = &e1000_ops;
	n->priv = e;
	n->driver = e->model->name;
	pci_where(e->pci.bdf, n->where, sizeof(n->where));
	n->can_csum = true;
	n->can_tso4 = pci_read(e->pci.bdf, REG_SUBSYSTEM) != QEMU_82574;
	n->can_tso6 = n->can_tso4 && e->model->tso6;
	n->depth = RING / 2;
	n->max_segs = NIC_MAX_SEGS;
	e->itr = DEFAULT_ITR_US * 1000 / ITR_NS;
}

static int set_up(struct e1000 *e)
{
	unsigned int cap = pci_capability(e->pci.bdf, CAP_MSI, 0);
	int err;

	e->rx = hyp_page_alloc(0);
	e->tx = hyp_page_alloc(0);
	e->heads = hyp_alloc(RING * NIC_HEAD);
	e->buffers = hyp_page_alloc(BUFFERS_ORDER);
	if (!e->rx || !e->tx || !e->heads || !e->buffers)
		return -ENOMEM;
	pci_enable(&e->pci);
	while ((err = restart(e)) == -EAGAIN)
		udelay(10000);
	if (!err)
		err = read_address(e);
	if (!err)
		err = pci_irq(&e->pci, 0, e1000_irq, e);
	e->msi = cap && pci_read(e->pci.bdf, cap) & MSI_ENABLE;
	if (err)
		return err;
	describe(e);
	return nic_add(&e->nic);
}

/* After a failure e and its memory are not given back: the interrupt may know it. */
static int probe(const struct pci_func *f)
{
	struct e1000 *e = hyp_alloc(sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->pci = *f;
	e->pci.no_msix = true;
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (models[i].device == f->device)
			e->model = &models[i];
	e->regs = f->bar[0].len < R_END ? NULL : pci_map_bar(f, 0);
	err = e->regs ? set_up(e) : -ENODEV;
	if (err)
		return err;
	start(e);
	__atomic_store_n(&e->ready, true, __ATOMIC_RELEASE);
	e->link_changed = true;
	nic_interrupt(&e->nic);
	return 0;
}

static bool match(const struct pci_func *f)
{
	if (opt.nics && f->vendor == VENDOR)
		for (size_t i = 0; i < ARRAY_SIZE(models); i++)
			if (models[i].device == f->device)
				return true;
	return false;
}

const struct pci_driver e1000_driver = { .name = "e1000", .match = match, .probe = probe };

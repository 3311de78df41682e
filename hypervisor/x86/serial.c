/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The serial line: a 16550 UART at its ISA addresses, polled for output, with
 * interrupts for input. A line without a UART, or one that has stopped taking
 * characters, is given up instead of waited for.
 *
 * Not handled: flow control, other frames than 8n1, PCI and MMIO UARTs.
 */
#include <hyp/boot.h>
#include <hyp/console.h>
#include <hyp/lib.h>
#include <hyp/pirq.h>
#include <hyp/smp.h>
#include <hyp/x86.h>

enum { DATA, IER, FCR, LCR, MCR, LSR, MSR, SCRATCH };
#define LSR_DR 0x01
#define LSR_THRE 0x20
#define FIFO 16
#define TX_PATIENCE 200000 /* port reads; a character at 9600 baud takes about 1 ms */
#define RX_BURST 64

static struct com_options com;
static bool present;
static unsigned int room; /* characters the transmit FIFO takes without asking */

static bool serial_probe(uint16_t port)
{
	outb(port + SCRATCH, 0x5a);
	if (inb(port + SCRATCH) != 0x5a)
		return false;
	outb(port + SCRATCH, 0xa5);
	return inb(port + SCRATCH) == 0xa5;
}

void serial_init(const struct com_options *c)
{
	uint32_t divisor = 115200 / c->baud;

	com = *c;
	present = serial_probe(c->port);
	if (!present)
		return;
	outb(c->port + IER, 0);
	outb(c->port + LCR, 0x83);
	outb(c->port + DATA, (uint8_t)divisor);
	outb(c->port + IER, (uint8_t)(divisor >> 8));
	outb(c->port + LCR, 0x03);
	outb(c->port + FCR, 0x07); /* FIFOs on and empty; interrupt at every character */
	outb(c->port + MCR, 0x0b); /* DTR RTS OUT2, which lets the interrupt through */
	room = 0;
}

static bool tx_wait(void)
{
	for (unsigned int i = 0; i < TX_PATIENCE; i++) {
		if (inb(com.port + LSR) & LSR_THRE) {
			room = FIFO;
			return true;
		}
		cpu_relax();
	}
	return false;
}

void serial_write(const char *s, size_t len)
{
	for (; present && len; s++, len--) {
		if (!room && !tx_wait()) {
			present = false;
			return;
		}
		outb(com.port + DATA, (uint8_t)*s);
		room--;
	}
}

static void serial_interrupt(void *unused)
{
	for (unsigned int i = 0; i < RX_BURST && inb(com.port + LSR) & LSR_DR; i++)
		conring_machine_input(inb(com.port + DATA));
}

void serial_irq_init(void)
{
	bool level, low;
	unsigned int gsi = isa_irq_to_gsi(com.irq, &level, &low);
	int vector;

	if (!present)
		return;
	vector = irq_vector_alloc();
	if (vector < 0 || irq_set_handler((unsigned int)vector, serial_interrupt, NULL) ||
	    ioapic_route(gsi, (unsigned int)vector, 0, level, low)) {
		printk(LOG_WARN "com1: no interrupt, so no input\n");
		return;
	}
	pirq_keep_gsi(gsi);
	ioapic_mask(gsi, false);
	serial_interrupt(NULL);
	outb(com.port + IER, 1);
}

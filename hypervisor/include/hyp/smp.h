/* SPDX-License-Identifier: GPL-2.0-only */
/* Other CPUs: bring-up, mailbox, TLB flushes; local APIC and IOAPIC. */
#ifndef HYP_SMP_H
#define HYP_SMP_H

#include <hyp/bits.h>
#include <hyp/types.h>

/* Interrupt vectors of our own. Devices get 0x30..0xdf. */
#define VEC_FIRST_DEV 0x30
#define VEC_INT80 0x80 /* the guests' INT instruction; never an interrupt */
#define VEC_LAST_DEV 0xdf
#define VEC_KICK 0xf0 /* look at softirqs and events */
#define VEC_MAILBOX 0xf1
#define VEC_TIMER 0xf2
#define VEC_ERROR 0xfe
#define VEC_SPURIOUS 0xff

/* --- CPUs (x86/smp.c) */
/* A processor the firmware's tables list; before smp_init(). */
void smp_add_cpu(uint32_t apic_id);
/* Starts them all, up to maxcpus=. Each ends in exit_to_guest(), idle. Sets nr_cpus. */
void smp_init(void);
void ap_main(void); /* from x86/smpboot.S */
/* x86/entry.S: enters the exit path on this CPU's stack; never returns. */
void exit_to_guest(void) __attribute__((noreturn));

/* --- mailbox (x86/mailbox.c) */
/* Interrupts the CPU, which may be this one. It looks at its softirqs on its way out. */
void smp_send_kick(unsigned int cpu);

/*
 * Runs fn(arg) on every other CPU of the mask and waits. CPUs answer on the
 * interrupt or while they spin for a lock: fn takes no locks and is short.
 */
void smp_call(const cpumask_t *mask, void (*fn)(void *), void *arg);
void smp_mailbox_poll(void); /* from spin loops and the VEC_MAILBOX handler */
/* Drops guest translations from the TLBs of the CPUs in the mask (this one included when in it); waits. */
void tlb_flush_mask(const cpumask_t *mask);
/* NMI; for panic and reboot. Waits a little for them to stop. */
void smp_stop_others(void);
/* From the NMI handler, first thing: does not return when this CPU is to stop. */
void smp_nmi_stop(void);

/* --- local APIC (x86/apic.c). The timer: apic_timer_set() in hyp/timer.h. */
void apic_init(bool boot_cpu);
void apic_timer_calibrate(void); /* once, after time_init() */
void apic_eoi(void);
uint32_t apic_id(void);
#define ICR_NMI 0x400
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600
#define ICR_ASSERT 0x4000
/* False: the CPU has a number that only x2APIC can name, which is off. */
bool apic_reaches(uint32_t id);
/* icr: delivery mode and vector. */
void apic_send(uint32_t dest, uint32_t icr);

/*
 * --- interrupts (x86/ioapic.c, x86/irq.c). Level-triggered ones: the handler, which
 * runs before the acknowledgement, silences the device or masks the input.
 */
void ioapic_init(void);
void ioapic_add(maddr_t addr, unsigned int gsi_base); /* from the tables, before ioapic_init() */
/* An ISA interrupt that is not where it would be by default; from the tables. */
void ioapic_add_override(unsigned int irq, unsigned int gsi, bool level, bool low);
/* Routes a global system interrupt to a vector on a CPU; x86/ioapic.c. 0 or -Exxx. */
int ioapic_route(unsigned int gsi, unsigned int vector, unsigned int cpu, bool level, bool low);
void ioapic_mask(unsigned int gsi, bool masked);
unsigned int ioapic_nr_gsis(void);
/* ISA interrupt to GSI with the MADT's overrides. */
unsigned int isa_irq_to_gsi(unsigned int irq, bool *level, bool *low);
int irq_vector_alloc(void); /* a free device vector or -ENOSPC */
void irq_vector_free(unsigned int vector);
/* Handler for one of our own devices' vectors; interrupt context. */
typedef void irq_fn(void *data);
int irq_set_handler(unsigned int vector, irq_fn *fn, void *data);
/* From the entry code for vectors >= 0x30. */
void irq_dispatch(unsigned int vector);

/* ACPI (x86/acpi.c): tables by signature, mapped; NULL = none. */
const void *acpi_find(const char sig[4]);
extern uint64_t acpi_rsdp; /* machine address, 0 = none */
void acpi_init(void);	   /* finds CPUs and IOAPICs, too, or else: */
bool mptable_init(void);   /* x86/mptable.c: the MultiProcessor Specification's table */
/* Little-endian reads of tables, which need not be aligned. */
static inline uint32_t le32(const void *p)
{
	const uint8_t *b = p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t le64(const void *p)
{
	return le32(p) | (uint64_t)le32((const uint8_t *)p + 4) << 32;
}

/* --- x86/power.c */
void machine_reboot(void) __attribute__((noreturn));
/* Power off with the values for the PM1 control registers that domain 0 found; returns when there are no such registers. */
void machine_sleep(uint16_t pm1a, uint16_t pm1b);
void machine_poweroff(void) __attribute__((noreturn)); /* halts when the platform cannot */

#endif

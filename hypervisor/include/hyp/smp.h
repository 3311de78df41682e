/* SPDX-License-Identifier: GPL-2.0-only */
/* Other CPUs: bring-up, mailbox, TLB flushes; local APIC and IOAPIC. */
#ifndef HYP_SMP_H
#define HYP_SMP_H

#include <hyp/bits.h>
#include <hyp/types.h>

/* Interrupt vectors of our own. Devices get 0x30..0xdf. */
#define VEC_FIRST_DEV 0x30
#define VEC_LAST_DEV 0xdf
#define VEC_KICK 0xf0	/* look at softirqs and events */
#define VEC_MAILBOX 0xf1
#define VEC_TIMER 0xf2
#define VEC_ERROR 0xfe
#define VEC_SPURIOUS 0xff

void smp_init(void); /* starts all CPUs the MADT lists, up to maxcpus= */
void smp_send_kick(unsigned int cpu);

/*
 * Runs fn(arg) on every other CPU of the mask and waits. CPUs answer on the
 * interrupt or while they spin for a lock: fn takes no locks and is short.
 */
void smp_call(const cpumask_t *mask, void (*fn)(void *), void *arg);
void smp_mailbox_poll(void); /* from spin loops and the VEC_MAILBOX handler */
/* Drops guest translations from the TLBs of the CPUs in the mask (this one included when in it); waits. */
void tlb_flush_mask(const cpumask_t *mask);
void smp_stop_others(void); /* NMI; for panic and reboot */

void apic_init(bool boot_cpu);
void apic_eoi(void);
uint32_t apic_id(void);

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
void acpi_init(void);

void machine_reboot(void) __attribute__((noreturn));
void machine_poweroff(void) __attribute__((noreturn)); /* halts when the platform cannot */

#endif

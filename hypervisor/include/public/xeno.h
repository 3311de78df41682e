/* SPDX-License-Identifier: MIT */
/*
 * For people who port an operating system: hypercalls as inline functions, with the names of
 * the 2003 report ("Xen 2002") where it has one (DESIGN section 9), and Xeno's own calls.
 * Kernel mode of a 64-bit guest; no C library. Each function returns what the hypercall
 * returns: 0 or a result, or a negated Linux error number.
 */
#ifndef XENO_PUBLIC_XENO_H
#define XENO_PUBLIC_XENO_H

#include "event_channel.h"
#include "memory.h"
#include "sched.h"
#include "vcpu.h"
#include "version.h"
#include "xen.h"

/*
 * Domain virtual time advances only while the VCPU runs.
 *	xeno_vtimer(XENO_VTIMER_SET, t)	sends VIRQ_XENO_VTIMER when this VCPU's virtual time
 *					reaches t ns; at once when it has; 0 stops it
 *	xeno_vtimer(XENO_VTIMER_NOW, 0)	returns this VCPU's virtual time, ns
 * -EINVAL: another operation, t above 2^62.
 */
#define XENO_VTIMER_SET 0
#define XENO_VTIMER_NOW 1

#ifndef __ASSEMBLER__

static inline long xeno_hypercall5(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				   uint64_t a5)
{
	register uint64_t r10 __asm__("r10") = a4;
	register uint64_t r8 __asm__("r8") = a5;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
			 : "0"(nr)
			 : "rcx", "r11", "r9", "memory");
	return ret;
}

static inline long xeno_hypercall3(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return xeno_hypercall5(nr, a1, a2, a3, 0, 0);
}

/* Halts this VCPU until an event arrives; unmasks upcalls. */
static inline long sched_halt(void)
{
	return xeno_hypercall3(__HYPERVISOR_sched_op, SCHEDOP_block, 0, 0);
}

static inline long xeno_yield(void)
{
	return xeno_hypercall3(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

/* VIRQ_TIMER when system time reaches t ns; 0 stops it. */
static inline long sched_timer(uint64_t t)
{
	return xeno_hypercall3(__HYPERVISOR_set_timer_op, t, 0, 0);
}

/* VIRQ_XENO_VTIMER when virtual time reaches t ns; 0 stops it. */
static inline long sched_vtimer(uint64_t t)
{
	return xeno_hypercall3(__HYPERVISOR_xeno_vtimer, XENO_VTIMER_SET, t, 0);
}

static inline long sched_vtime(void)
{
	return xeno_hypercall3(__HYPERVISOR_xeno_vtimer, XENO_VTIMER_NOW, 0, 0);
}

/* Ends this domain with SHUTDOWN_*. */
static inline long sched_exit(uint32_t reason)
{
	struct sched_shutdown s = { .reason = reason };

	return xeno_hypercall3(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&s, 0);
}

/* Loads the page table with root frame mfn for kernel mode. */
static inline long pt_set_pagetable(uint64_t mfn)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = mfn };

	return xeno_hypercall5(__HYPERVISOR_mmuext_op, (uint64_t)&op, 1, 0, DOMID_SELF, 0);
}

static inline long pt_update(const struct mmu_update *list, uint32_t count, uint32_t *done)
{
	return xeno_hypercall5(__HYPERVISOR_mmu_update, (uint64_t)list, count, (uint64_t)done,
			       DOMID_SELF, 0);
}

static inline long xeno_pt_ext(const struct mmuext_op *list, uint32_t count, uint32_t *done)
{
	return xeno_hypercall5(__HYPERVISOR_mmuext_op, (uint64_t)list, count, (uint64_t)done,
			       DOMID_SELF, 0);
}

/* The L1 entry that maps va becomes val; flags: UVMF_*. */
static inline long pt_update_va(uint64_t va, uint64_t val, uint64_t flags)
{
	return xeno_hypercall3(__HYPERVISOR_update_va_mapping, va, val, flags);
}

static inline long xeno_event_op(uint32_t cmd, void *arg)
{
	return xeno_hypercall3(__HYPERVISOR_event_channel_op, cmd, (uint64_t)arg, 0);
}

static inline long xeno_event_send(evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	return xeno_event_op(EVTCHNOP_send, &s);
}

/* The network and disk rings of the report: "look at your ring" is its channel's event. */
static inline long net_update(evtchn_port_t port)
{
	return xeno_event_send(port);
}

static inline long bd_update(evtchn_port_t port)
{
	return xeno_event_send(port);
}

static inline long xeno_vcpu_op(uint32_t cmd, uint32_t vcpu, void *arg)
{
	return xeno_hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, (uint64_t)arg);
}

static inline long xeno_memory_op(uint32_t cmd, void *arg)
{
	return xeno_hypercall3(__HYPERVISOR_memory_op, cmd, (uint64_t)arg, 0);
}

/* Writes to the hypervisor's log; domain 0 and debug builds. */
static inline long xeno_console_write(const char *s, uint64_t len)
{
	return xeno_hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, len, (uint64_t)s);
}

#endif /* __ASSEMBLER__ */
#endif

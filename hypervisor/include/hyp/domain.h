/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and their virtual CPUs. Structures only live while referenced:
 * domain_get/put. Fields are grouped by what protects them (LOCKING).
 */
#ifndef HYP_DOMAIN_H
#define HYP_DOMAIN_H

#include <hyp/bits.h>
#include <hyp/list.h>
#include <hyp/spinlock.h>
#include <hyp/timer.h>
#include <hyp/types.h>
#include <hyp/x86.h>
#include <public/xen.h>

#define DOMID_HYP 0x7ffe    /* back-end domid shown to guests for our own devices */
#define DOMID_NOBODY 0x7fff /* frame_owner() of free and hypervisor frames */
#define DOMID_MAX 0x7fef
#define NR_TRAPS 256
#define DOM_NAME_MAX 64

struct domain;
struct hc_args;
struct evtchn_domain;
struct grant_table;
struct xs_conn;
struct console_ring;
struct vblk_domain;
struct vnet_domain;

/* Architecture part of a vcpu, owned by x86/ (struct fields: hyp/vcpu_x86.h). */
#include <hyp/vcpu_x86.h>

/* Why a vcpu does not run; it is runnable when all are clear. Set and cleared with atomics. */
#define VPF_DOWN 0x1	   /* never initialised, or VCPUOP_down */
#define VPF_BLOCKED 0x2	   /* waits for an event */
#define VPF_DOM_PAUSED 0x4 /* d->pause_count > 0 */
#define VPF_POLL 0x8	   /* SCHEDOP_poll */

struct vcpu {
	struct domain *domain;
	unsigned int id;
	unsigned int cpu; /* runs here; changed by the scheduler only */
	bool is_idle;
	uint64_t pause_flags; /* VPF_*, atomics */
	bool running;	      /* it is some CPU's current; written by context_switch */
	cpumask_t affinity;
	void *sched_priv; /* owned by the scheduler */

	/* The vcpu_info in use: hypervisor alias (direct map) and its frame; dummy page before registration. */
	struct vcpu_info *info;
	mfn_t info_mfn;
	uint32_t info_offset; /* of the struct within its page */

	uint32_t virq_port[NR_VIRQS]; /* 0 = unbound; protected by d->evt_lock */
	uint32_t poll_port;

	/* Runstate, written at switches; guest copies at these guest addresses (0 = none). */
	struct vcpu_runstate_info runstate;
	uint64_t runstate_gva;
	uint64_t time_gva; /* VCPUOP_register_vcpu_time_memory_area */

	struct timer singleshot; /* VCPUOP_set_singleshot_timer, set_timer_op */
	struct timer periodic;
	s_time_t periodic_period;
	struct timer vtimer;	  /* armed while running; domain virtual time */
	s_time_t vtimer_deadline; /* in this vcpu's virtual time, 0 = off */
	s_time_t virtual_time;	  /* ns run so far, up to run_start */
	s_time_t run_start;

	struct vcpu_x86 x86;
};

enum domain_state {
	DS_BUILDING, /* being made by dom0: paused, may be written to */
	DS_RUNNING,
	DS_SHUTDOWN, /* SCHEDOP_shutdown; reason in d->shutdown_code; kept for the tools */
	DS_DYING,    /* being torn down, bounded slices */
};

struct domain {
	domid_t id;
	bool is_dom0;  /* may use control, platform and physical devices */
	uint32_t refs; /* atomics; the list holds one */
	enum domain_state
		state; /* moves by compare-and-exchange, so that any context may end a domain */
	uint32_t shutdown_code; /* SHUTDOWN_* */
	char death[128];	/* first reason given to domain_kill(), for the tools */
	uint32_t killed;	/* atomics: death is, or is being, written */
	uint8_t uuid[16];
	char name[DOM_NAME_MAX];
	struct domain *next; /* sorted by id; domain list lock */

	/* protected by pause_lock (a leaf) */
	struct spinlock pause_lock;
	uint32_t pause_count;

	/* protected by ctl_lock (RANK_CONTROL): held by control operations on this domain */
	struct spinlock ctl_lock;
	bool tools_paused;
	unsigned int teardown; /* subsystems left to give up their pages, see domain.c */
	bool gone;	       /* torn down and off the list; only references keep it */

	unsigned int max_vcpus;
	struct vcpu *vcpu[MAX_VCPUS]; /* set once, before the domain runs */

	struct shared_info *shared; /* hypervisor's page shared with the guest */
	bool split;   /* user mode has its own root (DESIGN section 4); never cleared */
	bool no_smep; /* its kernel runs in user-accessible pages (x86/traps.c); implies split */
	uint64_t vm_assist;
	uint64_t features; /* hypervisor-defined, see x86 */

	/* protected by pt_lock (rank RANK_PT): all page-table updates of this domain */
	struct spinlock pt_lock;
	cpumask_t dirty_cpus; /* CPUs whose TLB may hold this domain's entries */
	uint32_t pt_dying;    /* tables being taken apart (mm/pt_table.c), 0 = none */
	/* Mappings taken away, and those no TLB holds any more: see hyp/frame.h tlb_sync(). */
	uint64_t tlb_dirty, tlb_clean;

	/* protected by mem_lock */
	struct spinlock mem_lock;
	uint32_t page_list; /* circular; frame numbers, FRAME_INDEX_NONE = empty */
	uint64_t tot_pages, max_pages;

	struct spinlock evt_lock;
	struct evtchn_domain *evt; /* owned by event/ */
	struct spinlock grant_lock;
	struct grant_table *grant; /* owned by grant/ */
	struct xs_conn *xs;	   /* owned by xenstore/ */
	struct vblk_domain *vblk;  /* owned by vblk/ */
	struct vnet_domain *vnet;  /* owned by vnet/ */
	struct console_ring *cons; /* owned by domain/conring.c; NULL for dom0 */

	uint32_t console_port, xenstore_port; /* guest-side ports handed to the builder */
	mfn_t console_mfn, xenstore_mfn;

	int64_t time_offset; /* wall clock offset, seconds */
	uint32_t *config;    /* configuration kept for the tools, hyp_alloc'ed; NULL = none */
	uint32_t config_len;

	/* physical devices: dom0 only */
	uint8_t *io_bitmap; /* 8 KiB, bit set = refused (TSS format); NULL = none allowed */
	void *pirq;	    /* owned by event/pirq.c */
};

extern struct domain *dom0;
extern struct domain *idle_domain; /* one idle vcpu per CPU, id DOMID_NOBODY */

/* --- lookup and lifetime */
struct domain *domain_find(domid_t id); /* takes a reference; NULL = no such domain */
bool domain_get(struct domain *d);
void domain_put(struct domain *d);
/* Resolves DOMID_SELF; takes a reference. */
struct domain *domain_find_self(domid_t id);
/* Takes the domain-list lock while iterating: domain_first/next take and drop references. */
struct domain *domain_next(domid_t after); /* first domain with id > after; reference taken */
#define DOMID_BEFORE_FIRST 0xffff	   /* domain_next() starts at the lowest id */

/* --- life cycle (domain/domain.c). Control operations call these. */
struct domain_new {
	bool dom0; /* number 0; otherwise the next free one */
	bool split;
	unsigned int max_vcpus;
	uint64_t max_pages;
	const char *name;
	uint8_t uuid[16];
};
/* Boot: makes idle_domain; before sched_cpu_init(). */
void domain_init(void);
/* A domain with all its vcpus down, paused once, without memory. Takes no reference for the caller. */
struct domain *domain_create(const struct domain_new *n, int *err);
/* Ends the domain: first reason kept; it is stopped at once, torn down by the tools or as on_crash says. Any context. */
void domain_kill(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* SHUTDOWN_*; of dom0: ends the machine. Any context. */
void domain_shutdown(struct domain *d, uint32_t reason);
void domain_pause(
	struct domain
		*d); /* counts; returns when no vcpu of d runs any more (not for current's own) */
void domain_unpause(struct domain *d);
/* One bounded slice of the teardown; 0 when done, -EAGAIN when not. d->ctl_lock held; not dom0. */
int domain_destroy_slice(struct domain *d);

static inline bool domain_is_dying(const struct domain *d)
{
	return READ_ONCE(d->state) == DS_DYING;
}

static inline bool is_dom0(const struct domain *d)
{
	return d->is_dom0;
}

/* Domains that exist. */
unsigned int domain_count(void);

/* --- virtual CPUs (domain/vcpu.c) */
/* Down, and not runnable before domain_unpause(). For idle_domain: id is the CPU, not entered in d->vcpu. */
struct vcpu *vcpu_alloc(struct domain *d, unsigned int id);
/* It has a context: may run. */
void vcpu_online(struct vcpu *v);
/* Drops every frame it holds; it runs nowhere and never will again. */
void vcpu_relinquish(struct vcpu *v);
void vcpu_free(struct vcpu *v);
/* Its registers to the log: the caller's when it is current, else as saved. */
void vcpu_dump(struct vcpu *v);

/* --- what control operations need of sched/ and mm/, beyond their headers */
struct xeno_ctl_sched;
int sched_set_affinity(struct vcpu *v,
		       const cpumask_t *mask); /* mask not empty, CPUs that are up */
int sched_get_params(struct domain *d, struct xeno_ctl_sched *p); /* p zeroed */
int sched_set_params(struct domain *d, const struct xeno_ctl_sched *p);
const char *sched_name(void);
/* Validates and pins an L4 of d, as MMUEXT_PIN_L4_TABLE. 0, -EINVAL, -EAGAIN: call again. */
int mm_pin_l4(struct domain *d, mfn_t l4);

/* --- dom0 (domain/dom0_build.c) */
struct boot_module;
void dom0_build(const struct boot_module *kernel, const struct boot_module *initrd);

#endif

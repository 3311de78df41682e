/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a domain: made from a table of subsystems, run forward to build
 * and in reverse to unwind; found by number; paused; ended.
 *
 * References: the list holds one, domain_find() and friends give out more. The
 * structure and its vcpus live until the last is put; its memory, ports and pages
 * go earlier, in the slices of domain_destroy_slice(), in an order that lets each
 * step find what it needs:
 *   vcpus (page-table roots, descriptor frames) - mappings of others' grants - virtual
 *   devices - memory - the pages the hypervisor shares with it, its grant table first - ports.
 * Frames that others still map (domain 0 looking at a dead guest) delay the step.
 *
 * States move by compare-and-exchange only: BUILDING -> RUNNING -> SHUTDOWN, and
 * any of them -> DYING. Whoever wins the move does its work, once.
 *
 * Not here: what becomes of a domain that shut down (the tools decide, told by
 * VIRQ_DOM_EXC), and domain 0 ending without the machine.
 */
#include <hyp/boot.h>
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/frame.h>
#include <hyp/grant.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/vblk.h>
#include <hyp/vnet.h>
#include <public/sched.h>

struct domain *dom0;
struct domain *idle_domain;

static struct spinlock create_lock = SPINLOCK_INIT(RANK_DOMLIST, "domcreate");
static struct spinlock list_lock = SPINLOCK_INIT(RANK_LEAF, "domlist"); /* lists, next_id */
static struct domain *list;
static struct domain *dead; /* without references, to be freed */
static domid_t next_id = 1;

/* --- subsystems */

/* Peers must see the ports close now, not when the last reference goes. */
static bool evtchn_relinquish(struct domain *d)
{
	evtchn_domain_destroy(d);
	return true;
}

static int shared_init(struct domain *d)
{
	d->shared = hyp_page_alloc(0);
	if (!d->shared)
		return -ENOMEM;
	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	frame_share(d, d->shared, true);
	wallclock_update_domain(d);
	return 0;
}

static bool shared_relinquish(struct domain *d)
{
	return frame_unshare(d->shared);
}

static void shared_destroy(struct domain *d)
{
	hyp_page_free(d->shared, 0);
	d->shared = NULL;
}

static void vcpus_destroy(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i])
			vcpu_free(d->vcpu[i]);
		d->vcpu[i] = NULL;
	}
}

static bool vcpus_relinquish(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		vcpu_relinquish(d->vcpu[i]);
	return true;
}

static int vcpus_init(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		d->vcpu[i] = vcpu_alloc(d, i);
		if (!d->vcpu[i]) {
			vcpus_destroy(d);
			return -ENOMEM;
		}
	}
	return 0;
}

/*
 * init undoes itself when it fails; relinquish is repeated until true, last to
 * first; destroy frees what others may still look at, with the last reference.
 */
static const struct domain_part {
	int (*init)(struct domain *d);
	bool (*relinquish)(struct domain *d);
	void (*destroy)(struct domain *d);
} parts[] = {
	{ evtchn_domain_init, evtchn_relinquish, NULL },
	{ shared_init, shared_relinquish, shared_destroy },
	{ conring_init, conring_relinquish, conring_destroy },
	{ vblk_domain_init, NULL, vblk_domain_destroy }, /* told by xenstore to the end */
	{ vnet_domain_init, NULL, vnet_domain_destroy },
	{ xenstore_domain_init, xenstore_domain_relinquish, xenstore_domain_destroy },
	{ grant_domain_init, grant_table_relinquish, grant_domain_destroy },
	{ NULL, domain_memory_relinquish, NULL },
	{ NULL, vblk_relinquish, NULL },
	{ NULL, vnet_relinquish, NULL },
	{ NULL, grant_mappings_relinquish, NULL },
	{ vcpus_init, vcpus_relinquish, vcpus_destroy },
};
#define NR_PARTS ARRAY_SIZE(parts)

/* --- list and references */

bool domain_get(struct domain *d)
{
	uint32_t n = READ_ONCE(d->refs);

	while (n)
		if (__atomic_compare_exchange_n(&d->refs, &n, n + 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return true;
	return false;
}

static void domain_free(struct domain *d)
{
	for (size_t i = NR_PARTS; i-- > 0;)
		if (parts[i].destroy)
			parts[i].destroy(d);
	hyp_free(d->config);
	hyp_free(d);
}

/* Frees one domain per call. */
static bool bury(void *data)
{
	struct domain *d;
	bool more;

	spin_lock(&list_lock);
	d = dead;
	dead = d ? d->next : NULL;
	more = dead != NULL;
	spin_unlock(&list_lock);
	if (d)
		domain_free(d);
	return more;
}

/* A task, since the last reference may be dropped with any lock held. */
static struct task bury_task = { .fn = bury };

void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST))
		return;
	spin_lock(&list_lock);
	d->next = dead;
	dead = d;
	spin_unlock(&list_lock);
	task_queue(&bury_task);
}

struct domain *domain_find(domid_t id)
{
	struct domain *d;

	spin_lock(&list_lock);
	for (d = list; d && d->id < id; d = d->next)
		;
	if (d && (d->id != id || !domain_get(d)))
		d = NULL;
	spin_unlock(&list_lock);
	return d;
}

struct domain *domain_find_self(domid_t id)
{
	if (id != DOMID_SELF)
		return domain_find(id);
	return domain_get(current->domain) ? current->domain : NULL;
}

struct domain *domain_next(domid_t after)
{
	struct domain *d;

	spin_lock(&list_lock);
	for (d = list; d && after != DOMID_BEFORE_FIRST && d->id <= after; d = d->next)
		;
	while (d && !domain_get(d))
		d = d->next;
	spin_unlock(&list_lock);
	return d;
}

unsigned int domain_count(void)
{
	unsigned int n = 0;

	spin_lock(&list_lock);
	for (struct domain *d = list; d; d = d->next)
		n++;
	spin_unlock(&list_lock);
	return n;
}

/* A number nobody has, not used again soon; 0 when all are taken. list_lock held. */
static domid_t id_choose(void)
{
	for (unsigned int tries = 0; tries <= DOMID_MAX; tries++) {
		domid_t id = next_id;
		struct domain *d = list;

		next_id = id >= DOMID_MAX ? 1 : id + 1;
		while (d && d->id != id)
			d = d->next;
		if (!d)
			return id;
	}
	return 0;
}

/* Checks the name and reserves a number; create_lock keeps both free. */
static int name_and_number(struct domain *d, const struct domain_new *n)
{
	int err = 0;

	spin_lock(&list_lock);
	for (struct domain *o = list; o && !err; o = o->next)
		if (!strcmp(o->name, n->name))
			err = -EEXIST;
	d->id = n->dom0 || err ? 0 : id_choose();
	if (!err && !n->dom0 && !d->id)
		err = -ENOSPC;
	spin_unlock(&list_lock);
	return err;
}

static void list_insert(struct domain *d)
{
	struct domain **p = &list;

	spin_lock(&list_lock);
	while (*p && (*p)->id < d->id)
		p = &(*p)->next;
	d->next = *p;
	*p = d;
	spin_unlock(&list_lock);
}

static void list_remove(struct domain *d)
{
	struct domain **p = &list;

	spin_lock(&list_lock);
	while (*p && *p != d)
		p = &(*p)->next;
	if (*p)
		*p = d->next;
	spin_unlock(&list_lock);
}

/* --- making */

static struct domain *domain_alloc(const struct domain_new *n)
{
	struct domain *d = hyp_alloc(sizeof(*d));

	if (!d)
		return NULL;
	d->refs = 1;
	d->is_dom0 = n->dom0;
	d->split = n->split || opt.split;
	d->max_vcpus = n->max_vcpus;
	d->max_pages = n->max_pages;
	d->page_list = FRAME_INDEX_NONE;
	d->pause_count = 1;
	d->tools_paused = !n->dom0; /* its first pause ends at boot */
	d->teardown = NR_PARTS;
	d->console_mfn = d->xenstore_mfn = INVALID_MFN;
	memcpy(d->uuid, n->uuid, sizeof(d->uuid));
	strlcpy(d->name, n->name, sizeof(d->name));
	spin_init(&d->pause_lock, RANK_LEAF, "pause");
	spin_init(&d->ctl_lock, RANK_CONTROL, "control");
	spin_init(&d->pt_lock, RANK_PT, "pt");
	spin_init(&d->mem_lock, RANK_MEM, "mem");
	spin_init(&d->evt_lock, RANK_EVENT, "evt");
	spin_init(&d->grant_lock, RANK_GRANT, "grant");
	return d;
}

void domain_init(void)
{
	struct domain_new n = { .name = "idle" };

	idle_domain = domain_alloc(&n);
	BUG_ON(!idle_domain);
	idle_domain->id = DOMID_NOBODY;
	idle_domain->state = DS_RUNNING;
	idle_domain->pause_count = 0;
	idle_domain->shared = hyp_page_alloc(0);
	BUG_ON(!idle_domain->shared);
}

/* Undoes the first n inits. Nobody has seen the domain: relinquishing cannot be delayed. */
static void parts_unwind(struct domain *d, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (parts[i].relinquish)
			BUG_ON(!parts[i].relinquish(d));
	for (size_t i = n; i-- > 0;)
		if (parts[i].destroy)
			parts[i].destroy(d);
}

struct domain *domain_create(const struct domain_new *n, int *err)
{
	struct domain *d = domain_alloc(n);
	size_t i = 0;

	*err = -ENOMEM;
	if (!d)
		return NULL;
	spin_lock(&create_lock);
	*err = name_and_number(d, n);
	for (; !*err && i < NR_PARTS; i++)
		if (parts[i].init)
			*err = parts[i].init(d);
	if (*err)
		goto out_unwind;
	list_insert(d);
	if (n->dom0)
		dom0 = d;
	spin_unlock(&create_lock);
	return d;

out_unwind:
	parts_unwind(d, i ? i - 1 : 0);
	spin_unlock(&create_lock);
	hyp_free(d);
	return NULL;
}

/* --- pausing */

/* Counts; sets or clears the reason on all vcpus when the count leaves or reaches 0. */
static bool pause_adjust(struct domain *d, int by)
{
	bool edge;

	spin_lock(&d->pause_lock);
	d->pause_count += (uint32_t)by;
	edge = by > 0 ? d->pause_count == 1 : d->pause_count == 0;
	for (unsigned int i = 0; edge && i < d->max_vcpus; i++) {
		if (by > 0)
			__atomic_fetch_or(&d->vcpu[i]->pause_flags, VPF_DOM_PAUSED,
					  __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(&d->vcpu[i]->pause_flags, ~(uint64_t)VPF_DOM_PAUSED,
					   __ATOMIC_SEQ_CST);
	}
	spin_unlock(&d->pause_lock);
	return edge;
}

static void pause_nosync(struct domain *d)
{
	pause_adjust(d, 1);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		vcpu_sleep(d->vcpu[i]);
}

void domain_pause(struct domain *d)
{
	pause_adjust(d, 1);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] == current)
			vcpu_sleep(d->vcpu[i]);
		else
			vcpu_sleep_sync(d->vcpu[i]);
	}
}

void domain_unpause(struct domain *d)
{
	enum domain_state building = DS_BUILDING;

	__atomic_compare_exchange_n(&d->state, &building, DS_RUNNING, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	if (!pause_adjust(d, -1))
		return;
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		vcpu_wake(d->vcpu[i]);
}

/* --- ending */

static bool tell_dom0(void *data)
{
	if (dom0)
		virq_send_global(dom0, VIRQ_DOM_EXC);
	return false;
}

/* A task, since domains may end with any lock held. */
static struct task exc_task = { .fn = tell_dom0 };

static const char *const reasons[] = {
	[SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
	[SHUTDOWN_suspend] = "suspend",	  [SHUTDOWN_crash] = "crash",
	[SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft reset",
};

static const char *reason_name(uint32_t reason)
{
	return reason < ARRAY_SIZE(reasons) ? reasons[reason] : "unknown";
}

/* Domain 0 ends and the machine with it. */
static void __attribute__((noreturn)) machine_end(uint32_t reason)
{
	printk("domain 0: %s\n", reason_name(reason));
	if (reason == SHUTDOWN_poweroff)
		machine_poweroff();
	if (reason != SHUTDOWN_reboot && opt.noreboot) {
		printk("noreboot: the machine is halted\n");
		smp_stop_others();
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	machine_reboot();
}

/* The first one to give a reason writes it. */
static bool death_claim(struct domain *d)
{
	return !__atomic_exchange_n(&d->killed, 1, __ATOMIC_SEQ_CST);
}

static void death_show(struct domain *d)
{
	printk(LOG_ERR "d%d (%s): %s\n", d->id, d->name, d->death);
	if (current && current->domain == d)
		vcpu_dump(current);
}

static bool state_move(struct domain *d, enum domain_state from, enum domain_state to)
{
	return __atomic_compare_exchange_n(&d->state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

void domain_shutdown(struct domain *d, uint32_t reason)
{
	bool bad = reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog;

	if (bad && death_claim(d)) {
		snprintf(d->death, sizeof(d->death), "%s, by the guest's own report",
			 reason_name(reason));
		death_show(d);
	}
	if (is_dom0(d))
		machine_end(reason);
	if (!state_move(d, DS_RUNNING, DS_SHUTDOWN) && !state_move(d, DS_BUILDING, DS_SHUTDOWN))
		return;
	d->shutdown_code = reason;
	pause_nosync(d);
	task_queue(&exc_task);
}

void domain_kill(struct domain *d, const char *fmt, ...)
{
	va_list ap;

	if (death_claim(d)) {
		va_start(ap, fmt);
		vsnprintf(d->death, sizeof(d->death), fmt, ap);
		va_end(ap);
		death_show(d);
	}
	domain_shutdown(d, SHUTDOWN_crash);
}

int domain_destroy_slice(struct domain *d)
{
	enum domain_state old = __atomic_exchange_n(&d->state, DS_DYING, __ATOMIC_SEQ_CST);

	ASSERT(!is_dom0(d) && spin_held(&d->ctl_lock));
	if (old != DS_DYING)
		domain_pause(d);
	while (d->teardown) {
		const struct domain_part *p = &parts[d->teardown - 1];

		if (p->relinquish && !p->relinquish(d))
			return -EAGAIN;
		d->teardown--;
	}
	d->gone = true;
	list_remove(d);
	task_queue(&exc_task);
	domain_put(d); /* the list's; the caller has its own */
	return 0;
}

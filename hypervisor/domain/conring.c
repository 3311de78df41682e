/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Consoles of domains. A guest's output ring ends in a buffer of 16 KiB that
 * keeps the latest output, from before the tools attach until the domain is
 * gone; bytes are numbered from 0 so that readers can resume. Input goes straight
 * into the guest's ring, as far as there is room.
 *
 * Domain 0 has no ring: console_io writes to the machine's console and reads what
 * was typed there.
 *
 * Ring indices are read once and used modulo the ring's size; senseless distances
 * are taken as an empty (output) or full (input) ring, so a guest can garble
 * nothing but its own console.
 */
#include <hyp/call.h>
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/frame.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <public/io/console.h>

#define KEEP_ORDER 2
#define KEEP (4096u << KEEP_ORDER) /* bytes of output */
#define TYPED 1024u		   /* input for domain 0 */
#define WRITE_SLICE 64u		   /* bytes to the machine console per hypercall slice */

struct console_ring {
	struct spinlock lock;
	struct xencons_interface *page; /* NULL once given up */
	uint64_t written;		/* bytes ever printed */
	char *kept;			/* KEEP bytes */
};

static struct spinlock typed_lock = SPINLOCK_INIT(RANK_CONSRING, "typed");
static char typed[TYPED];
static uint32_t typed_head, typed_tail;

static void keep(struct console_ring *cr, char c)
{
	cr->kept[cr->written++ % KEEP] = c;
}

/* The guest has written, or read: take what is in its ring. */
static void conring_notified(struct domain *d, uint32_t port, void *data)
{
	struct console_ring *cr = data;
	struct xencons_interface *r;
	uint32_t cons, prod;

	spin_lock(&cr->lock);
	r = cr->page;
	if (!r) {
		spin_unlock(&cr->lock);
		return;
	}
	cons = READ_ONCE(r->out_cons);
	prod = __atomic_load_n(&r->out_prod, __ATOMIC_ACQUIRE);
	if (prod - cons > sizeof(r->out))
		cons = prod;
	for (uint32_t i = cons; i != prod; i++)
		keep(cr, r->out[MASK_XENCONS_IDX(i, r->out)]);
	__atomic_store_n(&r->out_cons, prod, __ATOMIC_SEQ_CST);
	spin_unlock(&cr->lock);
	if (cons != prod)
		evtchn_notify(d, port);
}

int conring_init(struct domain *d)
{
	struct console_ring *cr;
	int err;

	if (is_dom0(d))
		return 0;
	cr = hyp_alloc(sizeof(*cr));
	if (!cr)
		return -ENOMEM;
	spin_init(&cr->lock, RANK_CONSRING, "conring");
	d->cons = cr;
	cr->kept = hyp_page_alloc(KEEP_ORDER);
	cr->page = cr->kept ? hyp_page_alloc(0) : NULL;
	err = -ENOMEM;
	if (!cr->page)
		goto out_destroy;
	frame_share(d, cr->page, true);
	d->console_mfn = virt_to_mfn(cr->page);
	err = evtchn_alloc_hyp(d, conring_notified, cr, &d->console_port);
	if (!err)
		return 0;
	conring_relinquish(d);
out_destroy:
	conring_destroy(d);
	return err;
}

bool conring_relinquish(struct domain *d)
{
	struct console_ring *cr = d->cons;
	void *page = cr ? cr->page : NULL;

	if (!page)
		return true;
	if (!frame_unshare(page))
		return false;
	spin_lock(&cr->lock);
	cr->page = NULL;
	spin_unlock(&cr->lock);
	hyp_page_free(page, 0);
	return true;
}

void conring_destroy(struct domain *d)
{
	if (d->cons && d->cons->kept)
		hyp_page_free(d->cons->kept, KEEP_ORDER);
	hyp_free(d->cons);
	d->cons = NULL;
}

size_t conring_read(struct domain *d, uint64_t *pos, char *buf, size_t len)
{
	struct console_ring *cr = d->cons;
	size_t n = 0;

	if (!cr)
		return 0;
	spin_lock(&cr->lock);
	if (*pos > cr->written)
		*pos = cr->written;
	if (cr->written - *pos > KEEP)
		*pos = cr->written - KEEP;
	while (n < len && *pos < cr->written)
		buf[n++] = cr->kept[(*pos)++ % KEEP];
	spin_unlock(&cr->lock);
	return n;
}

size_t conring_write(struct domain *d, const char *buf, size_t len)
{
	struct console_ring *cr = d->cons;
	struct xencons_interface *r;
	uint32_t cons, prod;
	size_t n = 0;

	if (!cr)
		return 0;
	spin_lock(&cr->lock);
	r = cr->page;
	if (r) {
		prod = READ_ONCE(r->in_prod);
		cons = READ_ONCE(r->in_cons);
		while (n < len && prod - cons < sizeof(r->in))
			r->in[MASK_XENCONS_IDX(prod++, r->in)] = buf[n++];
		__atomic_store_n(&r->in_prod, prod, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&cr->lock);
	if (n)
		evtchn_notify(d, d->console_port);
	return n;
}

void conring_append(struct domain *d, const char *buf, size_t len)
{
	struct console_ring *cr = d->cons;

	if (!cr)
		return;
	spin_lock(&cr->lock);
	while (len--)
		keep(cr, *buf++);
	spin_unlock(&cr->lock);
}

/* --- the machine console */

static void typed_put(char c)
{
	spin_lock(&typed_lock);
	if (typed_head - typed_tail < TYPED)
		typed[typed_head++ % TYPED] = c;
	spin_unlock(&typed_lock);
	if (dom0)
		virq_send_global(dom0, VIRQ_CONSOLE);
}

/* Three Ctrl-a in a row switch between domain 0 and the hypervisor; fewer reach their reader. */
void conring_machine_input(int c)
{
	static bool to_hyp;
	static unsigned int ctrl_a;

	ctrl_a = c == 1 ? ctrl_a + 1 : 0;
	if (ctrl_a == 3) {
		ctrl_a = 0;
		to_hyp = !to_hyp;
		printk("console: input goes to %s (3 times Ctrl-a switches)%s\n",
		       to_hyp ? "the hypervisor" : "domain 0", to_hyp ? "; h for help" : "");
	} else if (!to_hyp) {
		typed_put((char)c);
	} else if (c != 1 && !debug_key((char)c)) {
		printk("no such key; h for help\n");
	}
}

/* Bounded slices: serial lines are slow, and interrupts are off. */
static long console_io_write(struct hc_args *a)
{
	uint64_t count = (uint32_t)a->arg[1], gva = a->arg[2];
	size_t n = min(count, (uint64_t)WRITE_SLICE);
	char buf[WRITE_SLICE];

	if (!guest_read(buf, gva, n))
		return -EFAULT;
	if (is_dom0(current->domain))
		console_write(buf, n);
	else
		conring_append(current->domain, buf, n);
	a->arg[1] = count - n;
	a->arg[2] = gva + n;
	return count > n ? HC_RESTART : 0;
}

static long console_io_read(struct hc_args *a)
{
	uint64_t count = (uint32_t)a->arg[1], gva = a->arg[2];
	char buf[WRITE_SLICE];
	size_t n = 0;

	if (!is_dom0(current->domain))
		return -EPERM;
	spin_lock(&typed_lock);
	while (n < min(count, (uint64_t)WRITE_SLICE) && typed_tail != typed_head)
		buf[n++] = typed[typed_tail++ % TYPED];
	spin_unlock(&typed_lock);
	return guest_write(gva, buf, n) ? (long)n : -EFAULT;
}

/* Domain 0: the machine's console. Others may print, before they have found their ring. */
long hc_console_io(struct hc_args *a)
{
	switch (a->arg[0]) {
	case CONSOLEIO_write:
		return console_io_write(a);
	case CONSOLEIO_read:
		return console_io_read(a);
	}
	return -ENOSYS;
}

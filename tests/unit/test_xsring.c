/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/xenstore/ring.c hypervisor/xenstore/tree.c hypervisor/xenstore/wire.c */
/*
 * The device directory's rings, as a guest sees them: messages cut by the ring's
 * end, answers longer than the ring, watch events between domains, and hostile
 * indices. The hypervisor's services are small stand-ins below.
 */
#include <stdarg.h>
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/event.h>
#include <hyp/frame.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/xenstore.h>

int printf(const char *fmt, ...);
void *calloc(size_t n, size_t size);
void free(void *p);

static long blocks;
static unsigned int notified;
static int held;
static struct task *queued;
static evtchn_hyp_fn *port_fn[4];
static void *port_data[4];
static unsigned int nr_ports;

void *hyp_alloc(size_t size)
{
	blocks++;
	return calloc(1, size);
}

void hyp_free(void *p)
{
	blocks -= p != NULL;
	free(p);
}

void *hyp_page_alloc(unsigned int order)
{
	return hyp_alloc(4096ul << order);
}

void hyp_page_free(void *p, unsigned int order)
{
	hyp_free(p);
}

maddr_t virt_to_maddr(const void *p)
{
	return MADDR((uint64_t)p);
}

void frame_share(struct domain *d, void *page, bool w)
{
}

bool frame_unshare(void *page)
{
	return true;
}

int evtchn_alloc_hyp(struct domain *d, evtchn_hyp_fn *fn, void *data, uint32_t *port)
{
	port_fn[nr_ports] = fn;
	port_data[nr_ports] = data;
	*port = ++nr_ports;
	return 0;
}

void evtchn_notify(struct domain *d, uint32_t port)
{
	notified++;
}

void vblk_directory_changed(struct domain *d)
{
}

void vnet_directory_changed(struct domain *d)
{
}

void spin_lock(struct spinlock *l)
{
	held++;
}

void spin_unlock(struct spinlock *l)
{
	held--;
}

void task_queue(struct task *t)
{
	queued = t;
}

void printk(const char *fmt, ...)
{
}

void gprintk(const struct domain *d, const char *fmt, ...)
{
}

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			printf("FAIL %s: %s (line %d)\n", test, #c, __LINE__);                     \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static struct domain d0 = { .is_dom0 = true, .name = "zero", .max_vcpus = 1 };
static struct domain d1 = { .id = 1, .name = "one", .max_vcpus = 2, .console_port = 9 };

static struct xenstore_domain_interface *ring(struct domain *d)
{
	return d->xs->page;
}

/* The guest's event: its sends, and whatever was left to the task. */
static void kick(struct domain *d)
{
	uint32_t p = d->xenstore_port - 1;

	port_fn[p](d, d->xenstore_port, port_data[p]);
	while (queued) {
		struct task *t = queued;

		queued = NULL;
		if (t->fn(t->data))
			queued = t;
	}
}

static char in_buf[8192];
static size_t in_len;

static void drain(struct domain *d)
{
	struct xenstore_domain_interface *r = ring(d);

	while (r->rsp_cons != r->rsp_prod && in_len < sizeof(in_buf))
		in_buf[in_len++] = r->rsp[MASK_XENSTORE_IDX(r->rsp_cons++)];
}

static void put(struct domain *d, const void *p, size_t len)
{
	struct xenstore_domain_interface *r = ring(d);

	for (size_t i = 0; i < len; i++) {
		while (r->req_prod - r->req_cons == XENSTORE_RING_SIZE) {
			kick(d);
			drain(d);
		}
		r->req[MASK_XENSTORE_IDX(r->req_prod++)] = ((const char *)p)[i];
	}
}

/* Sends a message and collects the answer; returns its type. */
static uint32_t ask(struct domain *d, uint32_t type, const void *p, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = 3, .len = (uint32_t)len };

	in_len = 0;
	put(d, &h, sizeof(h));
	put(d, p, len);
	for (int i = 0; i < 10; i++) {
		kick(d);
		drain(d);
	}
	memcpy(&h, in_buf, sizeof(h));
	return in_len == sizeof(h) + h.len ? h.type : ~0u;
}

#define ASK(d, type, lit) ask(d, type, lit, sizeof(lit) - 1)
#define BODY (in_buf + sizeof(struct xsd_sockmsg))

static bool test_entries(const char *test)
{
	CHECK(ASK(&d1, XS_READ, "domid\0") == XS_READ && BODY[0] == '1');
	CHECK(ASK(&d1, XS_READ, "console/port\0") == XS_READ && BODY[0] == '9');
	CHECK(ASK(&d1, XS_READ, "cpu/1/availability\0") == XS_READ && !memcmp(BODY, "online", 6));
	CHECK(ASK(&d1, XS_DIRECTORY, "device\0") == XS_DIRECTORY);
	CHECK(ASK(&d1, XS_WRITE, "control/shutdown\0") == XS_WRITE);
	CHECK(ASK(&d1, XS_WRITE, "memory/target\0001") == XS_ERROR);
	CHECK(ASK(&d0, XS_READ, "/local/domain/1/name\0") == XS_READ && !memcmp(BODY, "one", 3));
	CHECK(notified && !held);
	return true;
}

/* Sizes that move the ring's end through every part of a message. */
static bool test_wrap(const char *test)
{
	static char msg[4000], back[4000];

	for (unsigned int size = 20; size < sizeof(msg); size += 37) {
		memset(msg, 'a' + size % 26, size);
		memcpy(msg, "data/x", 7);
		memcpy(back, msg, size);
		CHECK(ask(&d1, XS_WRITE, msg, size) == XS_WRITE);
		CHECK(ASK(&d1, XS_READ, "data/x\0") == XS_READ);
		CHECK(in_len == sizeof(struct xsd_sockmsg) + size - 7);
		CHECK(!memcmp(BODY, back + 7, size - 7));
	}
	return true;
}

static bool test_tools(const char *test)
{
	char buf[64];

	ASK(&d1, XS_WATCH, "control/shutdown\0t\0"); /* the answer, and the first event */
	CHECK(in_len == 16 + 3 + 16 + 19);
	in_len = 0;
	notified = 0;
	CHECK(xenstore_ctl_write(&d1, "/control/shutdown", "poweroff", 8) == 0 && notified);
	drain(&d1);
	CHECK(in_len == 16 + 19 && !memcmp(BODY, "control/shutdown\0t\0", 19));
	CHECK(xenstore_ctl_read(&d1, "/control/shutdown", buf, sizeof(buf)) == 8);
	CHECK(xenstore_ctl_read(&d1, "/control/shutdown", buf, 3) == 8);
	CHECK(xenstore_ctl_read(&d1, "control", buf, 3) == -EINVAL);
	CHECK(xenstore_ctl_read(&d1, "/nothing", buf, 3) == -ENOENT);
	CHECK(xenstore_ctl_list(&d1, "/cpu", buf, sizeof(buf)) == 4 && !memcmp(buf, "0\0001\0", 4));
	CHECK(xenstore_ctl_rm(&d1, "/") == -EACCES && xenstore_ctl_rm(&d1, "/cpu/1") == 0);
	CHECK(xenstore_ctl_rm(&d1, "/cpu/1") == -ENOENT);
	return true;
}

static bool test_hostile(const char *test)
{
	struct xenstore_domain_interface *r = ring(&d1);
	uint64_t seed = 7;

	for (unsigned int i = 0; i < 20000; i++) {
		for (unsigned int n = 0; n < 40; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			r->req[seed >> 33 & 1023] = (char)(seed >> 20 & 31);
		}
		switch (seed >> 40 & 3) {
		case 0:
			r->req_prod = r->req_cons + (seed >> 45 & 1023);
			break;
		case 1:
			r->req_cons = (uint32_t)(seed >> 30);
			r->req_prod = r->req_cons + (seed >> 45 & 1023);
			break;
		case 2:
			r->rsp_cons = r->rsp_prod;
			break;
		default:
			r->rsp_prod = (uint32_t)(seed >> 30);
			r->rsp_cons = r->rsp_prod - (seed >> 45 & 1023);
		}
		kick(&d1);
		d1.xs->broken = false;
		CHECK(!held);
	}
	r->req_cons = 0;
	r->req_prod = XENSTORE_RING_SIZE + 1;
	r->rsp_cons = r->rsp_prod;
	kick(&d1);
	CHECK(d1.xs->broken && r->error != XENSTORE_ERROR_NONE);
	CHECK(ASK(&d0, XS_READ, "domid\0") == XS_READ && BODY[0] == '0');
	return true;
}

int main(void)
{
	static const struct {
		const char *name;
		bool (*fn)(const char *test);
	} tests[] = { { "xsring-entries", test_entries },
		      { "xsring-wrap", test_wrap },
		      { "xsring-tools", test_tools },
		      { "xsring-hostile", test_hostile } };
	int ret = 0;

	if (xenstore_domain_init(&d0) || xenstore_domain_init(&d1))
		ret = 1;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (tests[i].fn(tests[i].name))
			printf("ok %s\n", tests[i].name);
		else
			ret = 1;
	}
	xenstore_domain_relinquish(&d1);
	xenstore_domain_destroy(&d1);
	xenstore_domain_relinquish(&d0);
	xenstore_domain_destroy(&d0);
	if (blocks) {
		printf("FAIL xsring-teardown: %ld blocks left\n", blocks);
		ret = 1;
	}
	return ret;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* A front end of virtual block devices, for tests: everything is done by hand and in order. */
#include "blk.h"

#define FIRST_REF 8
#define NR_REFS 512

struct grant_entry_v1 *grant_table;
static uint8_t taken[NR_REFS];

void grants_init(void)
{
	static uint64_t frame;
	struct gnttab_setup_table s = { .dom = DOMID_SELF,
					.nr_frames = 1,
					.frame_list = A(&frame) };

	EXPECT(hc(grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
	EXPECT(s.status, GNTST_okay);
	grant_table = page_alloc();
	EXPECT(map_page(grant_table, frame, PTE_KERNEL), 0);
}

uint32_t grant_mfn(uint64_t mfn, bool ro)
{
	uint32_t ref = FIRST_REF;

	while (ref < NR_REFS && taken[ref])
		ref++;
	CHECK(ref < NR_REFS, "no reference left");
	taken[ref] = 1;
	grant_table[ref].frame = (uint32_t)mfn;
	grant_table[ref].domid = DOMID_BACK;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	grant_table[ref].flags = GTF_permit_access | (ro ? GTF_readonly : 0);
	return ref;
}

uint32_t grant_page(const void *page, bool ro)
{
	return grant_mfn(mfn_of(page), ro);
}

bool grant_end(uint32_t ref)
{
	uint16_t was = GTF_permit_access, ro = GTF_permit_access | GTF_readonly;

	if (!__atomic_compare_exchange_n(&grant_table[ref].flags, &was, 0, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST) &&
	    !__atomic_compare_exchange_n(&grant_table[ref].flags, &ro, 0, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	taken[ref] = 0;
	return true;
}

/* --- the directory */

static char *add(char *p, const char *s)
{
	memcpy(p, s, strlen(s) + 1);
	return p + strlen(s);
}

static char *add_number(char *p, uint64_t n)
{
	if (n >= 10)
		p = add_number(p, n / 10);
	*p++ = (char)('0' + n % 10);
	*p = 0;
	return p;
}

const char *blk_node(const struct blk *b, bool back, const char *name)
{
	static char path[128];
	char *p = add(path, back ? "hyp/vbd/" : "device/vbd/");

	p = add_number(p, b->dev);
	if (*name)
		add(add(p, "/"), name);
	return path;
}

bool blk_find(struct blk *b, unsigned int dev)
{
	uint64_t n;

	memset(b, 0, sizeof(*b));
	b->dev = dev;
	return store_read(blk_node(b, false, "virtual-device"), &n) && n == dev;
}

bool blk_wait_state(const struct blk *b, unsigned int state)
{
	uint64_t end = now() + 5000000000ul, n = 0;

	while (!store_read(blk_node(b, true, "state"), &n) || n != state) {
		if (now() > end) {
			print("note: the back end is in state %lu, not %u", n, state);
			return false;
		}
		sleep_ns(1000000);
	}
	return true;
}

void blk_offer(struct blk *b, unsigned int order)
{
	struct evtchn_alloc_unbound u = { .dom = DOMID_SELF, .remote_dom = DOMID_BACK };
	char name[16] = "ring-ref0";

	b->pages = 1u << order;
	for (unsigned int i = 0; i < b->pages; i++) {
		b->ring[i] = b->ring[i] ? b->ring[i] : page_alloc();
		memset(b->ring[i], 0, PAGE_SIZE);
		b->ref[i] = grant_page(b->ring[i], false);
		name[8] = (char)('0' + i);
		store_write_number(blk_node(b, false, order ? name : "ring-ref"), b->ref[i]);
	}
	store_write_number(blk_node(b, false, "ring-page-order"), order);
	for (b->slots = 1; b->slots * 2 * 112 <= b->pages * PAGE_SIZE - 64;)
		b->slots *= 2;
	b->head = b->ring[0];
	b->head->req_event = b->head->rsp_event = 1;
	b->req_prod = b->rsp_cons = 0;
	EXPECT(evtchn(EVTCHNOP_alloc_unbound, &u), 0);
	b->port = u.port;
	store_write_number(blk_node(b, false, "event-channel"), b->port);
	store_write(blk_node(b, false, "protocol"), "x86_64-abi");
	store_write_number(blk_node(b, false, "state"), XenbusStateInitialised);
}

void blk_open(struct blk *b, unsigned int order)
{
	CHECK(blk_wait_state(b, XenbusStateInitWait), "the back end does not wait");
	blk_offer(b, order);
	CHECK(blk_wait_state(b, XenbusStateConnected), "not connected");
	CHECK(store_read(blk_node(b, true, "sectors"), &b->sectors), "no sectors");
	CHECK(store_read(blk_node(b, true, "sector-size"), &b->sector_size), "no sector-size");
	CHECK(store_read(blk_node(b, true, "info"), &b->info), "no info");
	store_write_number(blk_node(b, false, "state"), XenbusStateConnected);
}

void blk_close(struct blk *b)
{
	struct evtchn_close c = { .port = b->port };

	store_write_number(blk_node(b, false, "state"), XenbusStateClosing);
	CHECK(blk_wait_state(b, XenbusStateClosing), "not closing");
	store_write_number(blk_node(b, false, "state"), XenbusStateClosed);
	CHECK(blk_wait_state(b, XenbusStateClosed), "not closed");
	EXPECT(evtchn(EVTCHNOP_close, &c), 0);
	for (unsigned int i = 0; i < b->pages; i++)
		CHECK(grant_end(b->ref[i]), "page %u of the ring is still in use", i);
	store_write_number(blk_node(b, false, "state"), XenbusStateInitialising);
}

/* --- the ring. A slot may lie across two pages, which are not neighbours. */

static void copy(const struct blk *b, uint32_t index, union blk_slot *s, size_t n, bool out)
{
	size_t off = 64 + (index & (b->slots - 1)) * 112;

	for (size_t i = 0; i < n; i++, off++) {
		volatile uint8_t *p = (uint8_t *)b->ring[off / PAGE_SIZE] + off % PAGE_SIZE;

		if (out)
			*p = s->bytes[i];
		else
			s->bytes[i] = *p;
	}
}

void blk_put(struct blk *b, const union blk_slot *request)
{
	union blk_slot s = *request;

	copy(b, b->req_prod, &s, sizeof(s), true);
	b->req_prod++;
}

void blk_kick(struct blk *b)
{
	struct evtchn_send s = { .port = b->port };

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	b->head->req_prod = b->req_prod;
	EXPECT(evtchn(EVTCHNOP_send, &s), 0);
}

bool blk_get(struct blk *b, struct blkif_response *rsp)
{
	uint64_t end = now() + 5000000000ul;
	union blk_slot s;

	while (b->head->rsp_prod == b->rsp_cons) {
		if (now() > end)
			return false;
		sleep_ns(100000);
	}
	copy(b, b->rsp_cons++, &s, sizeof(s.rsp), false);
	b->head->rsp_event = b->rsp_cons + 1;
	*rsp = s.rsp;
	return true;
}

int blk_do(struct blk *b, const union blk_slot *request)
{
	struct blkif_response rsp;

	blk_put(b, request);
	blk_kick(b);
	if (!blk_get(b, &rsp))
		return -100;
	CHECK(rsp.id == request->rw.id, "response to %lx, not %lx", rsp.id, request->rw.id);
	return rsp.status;
}

int blk_pages(struct blk *b, unsigned int op, uint64_t sector, void *const *pages, unsigned int n)
{
	union blk_slot s = { .rw = { .operation = (uint8_t)op,
				     .nr_segments = (uint8_t)n,
				     .id = rnd(),
				     .sector_number = sector } };
	int status;

	for (unsigned int i = 0; i < n; i++)
		s.rw.seg[i] = (struct blkif_request_segment){
			.gref = grant_page(pages[i], op != BLKIF_OP_READ),
			.last_sect = 7
		};
	status = blk_do(b, &s);
	for (unsigned int i = 0; i < n; i++)
		CHECK(grant_end(s.rw.seg[i].gref), "a page is still in use after the answer");
	return status;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Grant tables: setup, mapping one's own grants, copies, wrong references and handles. */
#include "lib/guest.h"

#define FAR 0x5000001000ul
#define FIRST 20 /* references used here */

static struct grant_entry_v1 *table;
static uint8_t *page;
static domid_t self;

static void allow(unsigned int ref, domid_t who, uint64_t mfn, uint16_t flags)
{
	table[ref].frame = (uint32_t)mfn;
	table[ref].domid = who;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[ref].flags = flags;
}

static int map(uint64_t ref, uint32_t flags, uint64_t va, uint32_t *handle)
{
	struct gnttab_map_grant_ref m = { .host_addr = va,
					  .flags = flags,
					  .ref = (uint32_t)ref,
					  .dom = self,
					  .status = 99 };

	EXPECT(hc(grant_table_op, GNTTABOP_map_grant_ref, &m, 1), 0);
	*handle = m.handle;
	return m.status;
}

static int unmap(uint64_t va, uint32_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = va, .handle = handle, .status = 99 };

	EXPECT(hc(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

static void setup(void)
{
	static uint64_t frames[64];
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_setup_table s = { .dom = DOMID_SELF,
					.nr_frames = 1,
					.frame_list = A(frames) };
	struct gnttab_set_version v = { .version = 1 };

	EXPECT(hc(grant_table_op, GNTTABOP_query_size, &q, 1), 0);
	EXPECT(q.status, GNTST_okay);
	CHECK(q.max_nr_frames >= 1, "%u frames at most", q.max_nr_frames);
	hc(grant_table_op, GNTTABOP_set_version, &v, 1);
	EXPECT(v.version, 1);
	EXPECT(hc(grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
	EXPECT(s.status, GNTST_okay);
	table = page_alloc();
	EXPECT(map_page(table, frames[0], PTE_KERNEL), 0);
	s.nr_frames = q.max_nr_frames + 1;
	if (hc(grant_table_op, GNTTABOP_setup_table, &s, 1) == 0)
		CHECK(s.status < 0, "more frames than there are");
	s = (struct gnttab_setup_table){ .dom = 0x1234, .nr_frames = 1, .frame_list = A(frames) };
	EXPECT(hc(grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
	CHECK(s.status < 0, "the table of a domain that is not there");
	/* Granting the page tables or the grant table itself: below. */
	s = (struct gnttab_setup_table){ .dom = DOMID_SELF,
					 .nr_frames = ~0u,
					 .frame_list = A(frames) };
	hc(grant_table_op, GNTTABOP_setup_table, &s, 1);
}

static void bad_references(void)
{
	static const uint32_t bad[] = { 100, 511, 512, 10000, 0x7fffffff, 0x80000000, 0xffffffff };
	uint32_t h;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(map(bad[i], GNTMAP_host_map, FAR, &h) < 0, "reference %x", bad[i]);
		CHECK(unmap(FAR, bad[i]) < 0, "handle %x", bad[i]);
	}
	allow(FIRST, 0x1234, mfn_of(page), GTF_permit_access);
	CHECK(map(FIRST, GNTMAP_host_map, FAR, &h) < 0, "a grant to another domain");
	allow(FIRST, self, LARGE_MFN, GTF_permit_access);
	CHECK(map(FIRST, GNTMAP_host_map, FAR, &h) < 0, "a frame that is not there");
	allow(FIRST, self, root, GTF_permit_access);
	CHECK(map(FIRST, GNTMAP_host_map, FAR, &h) < 0, "the root granted writable");
	allow(FIRST, self, mfn_of(page), GTF_permit_access | GTF_readonly);
	CHECK(map(FIRST, GNTMAP_host_map, FAR, &h) < 0, "a read-only grant mapped writable");
	allow(FIRST, self, mfn_of(page), GTF_permit_access);
	CHECK(map(FIRST, GNTMAP_host_map, 0xffff830000000000, &h) < 0, "into the hypervisor");
	CHECK(map(FIRST, GNTMAP_host_map, 0xffff808000009000, &h) < 0, "into the trampoline");
	CHECK(map(FIRST, GNTMAP_host_map, BAD_NONCANON, &h) < 0, "at a non-canonical address");
	CHECK(map(FIRST, GNTMAP_host_map, 0x3000000000, &h) < 0, "where there is no table");
	CHECK(map(FIRST, 0, FAR, &h) < 0, "neither host nor device");
	CHECK(map(FIRST, GNTMAP_host_map | GNTMAP_contains_pte, LARGE_MFN << 12, &h) < 0, "pte");
	CHECK(map(FIRST, GNTMAP_host_map | GNTMAP_contains_pte, mfn_of(page) << 12, &h) < 0,
	      "an entry in a page that is no table");
	EXPECT(table[FIRST].flags, GTF_permit_access);
}

static void good(uint32_t flags)
{
	uint64_t where = flags & GNTMAP_contains_pte ? pte_maddr(FAR, 1) : FAR;
	bool ro = flags & GNTMAP_readonly;
	uint32_t h;

	allow(FIRST, self, mfn_of(page), GTF_permit_access | (ro ? GTF_readonly : 0));
	page[5] = 0x77;
	EXPECT(map(FIRST, flags | GNTMAP_host_map, where, &h), GNTST_okay);
	EXPECT(*(volatile uint8_t *)(FAR + 5), 0x77);
	EXPECT(probe_write(FAR + 6), ro ? X86_PF : -1);
	CHECK(table[FIRST].flags & GTF_reading, "flags %x", table[FIRST].flags);
	EXPECT(!!(table[FIRST].flags & GTF_writing), !ro);
	/* In use: it cannot become a table. */
	if (!ro) {
		make_ro(page);
		REFUSED(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0));
		make_rw(page);
	}
	CHECK(unmap(where, h + 1000) < 0, "a wrong handle");
	CHECK(unmap(where + 8 * PAGE_SIZE, h) < 0, "a wrong address");
	EXPECT(unmap(where, h), GNTST_okay);
	CHECK(unmap(where, h) < 0, "unmapped twice");
	EXPECT(probe_read(FAR), X86_PF);
	CHECK(!(table[FIRST].flags & (GTF_reading | GTF_writing)), "flags %x", table[FIRST].flags);
}

static void copies(void)
{
	uint8_t *to = page_alloc();
	struct gnttab_copy c = { .len = 100, .flags = GNTCOPY_source_gref };

	allow(FIRST, self, mfn_of(page), GTF_permit_access | GTF_readonly);
	memset(page, 0x3c, PAGE_SIZE);
	c.source.u.ref = FIRST;
	c.source.domid = self;
	c.source.offset = 8;
	c.dest.u.gmfn = mfn_of(to);
	c.dest.domid = DOMID_SELF;
	c.dest.offset = 16;
	EXPECT(hc(grant_table_op, GNTTABOP_copy, &c, 1), 0);
	EXPECT(c.status, GNTST_okay);
	CHECK(to[15] == 0 && to[16] == 0x3c && to[115] == 0x3c && to[116] == 0, "copied wrong");
	static const uint16_t bad[][3] = {
		{ 4000, 0, 100 }, { 0, 4000, 100 },    { 0, 0, 4097 },
		{ 65535, 0, 2 },  { 0, 65535, 65535 }, { 4096, 4096, 1 }
	};
	for (unsigned int i = 0; i < 6; i++) {
		c.source.offset = bad[i][0];
		c.dest.offset = bad[i][1];
		c.len = bad[i][2];
		c.status = 0;
		hc(grant_table_op, GNTTABOP_copy, &c, 1);
		CHECK(c.status < 0, "copy %u: status %d", i, c.status);
	}
	c.source.offset = c.dest.offset = 0;
	c.len = 8;
	c.dest.u.gmfn = root;
	hc(grant_table_op, GNTTABOP_copy, &c, 1);
	CHECK(c.status < 0, "copied over the root");
	c.dest.u.gmfn = LARGE_MFN;
	hc(grant_table_op, GNTTABOP_copy, &c, 1);
	CHECK(c.status < 0, "copied to nowhere");
	/* Writing through a read-only grant */
	c.flags = GNTCOPY_dest_gref;
	c.source.u.gmfn = mfn_of(to);
	c.source.domid = DOMID_SELF;
	c.dest.u.ref = FIRST;
	c.dest.domid = self;
	hc(grant_table_op, GNTTABOP_copy, &c, 1);
	CHECK(c.status < 0, "copied into a read-only grant");
}

/* A domain may not name itself by number in every place; learn ours. */
static void learn_self(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status s = { .dom = DOMID_SELF };

	EXPECT(evtchn(EVTCHNOP_alloc_unbound, &a), 0);
	s.port = a.port;
	EXPECT(evtchn(EVTCHNOP_status, &s), 0);
	self = s.u.unbound.dom == DOMID_SELF ? 0 : s.u.unbound.dom;
}

void test(void)
{
	learn_self();
	setup();
	page = page_alloc();
	map_far(FAR, mfn_of(page), PTE_KERNEL);
	EXPECT(hc(update_va_mapping, FAR, 0, UVMF_INVLPG), 0);
	bad_references();
	for (int i = 0; i < 50; i++) {
		good(0);
		good(GNTMAP_readonly);
		good(GNTMAP_contains_pte);
		good(GNTMAP_contains_pte | GNTMAP_readonly);
	}
	copies();
	REFUSED(hc(grant_table_op, 99, 0, 0));
	/* No reference is left: the page can become a table. */
	memset(page, 0, PAGE_SIZE);
	make_ro(page);
	EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0), 0);
}

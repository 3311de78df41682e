/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/grant/entry.c hypervisor/grant/table.c hypervisor/grant/ops.c hypervisor/mm/pt_table.c hypervisor/mm/pt_update.c hypervisor/mm/frame.c hypervisor/mm/frame_state.c hypervisor/mm/heap.c hypervisor/mm/buddy.c */
/* FLAGS: -include host_layout.h */
/*
 * Grant tables. Entries and their marks by themselves; then domains that grant, map, unmap
 * and copy at random in simulated memory, honest ones and hostile ones, preempted at random,
 * dying one after the other. After each step all references are counted again.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/frame_state.h>
#include <hyp/grant.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/pt_check.h>
#include <hyp/smp.h>
#include "test.h"

#define FIRST 256u
#define LAST 1024u
#define NR_DOMS 3u
#define PAGES 24u /* of data, mapped from entry OWN on */
#define SLOTS 32u /* entries for grants: 0 ... */
#define OWN 64u
#define REFS 12u
#define NR_HELD 600u
#define STEPS 60000u

/* --- the world around */

uint64_t max_mfn = LAST, pt_reserved_bits = PTE_ADDR & ~((1ul << 40) - 1);
uint64_t *hyp_l4;
unsigned int nr_cpus = 1;
struct domain *dom0, *idle_domain;
static struct domain doms[NR_DOMS];
static struct vcpu vcpus[NR_DOMS];
static struct cpu cpu0;
static unsigned int preempt_rate;

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("FAIL panic: ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	abort();
}

void spin_lock(struct spinlock *l)
{
	BUG_ON(l->owner);
	l->owner = 1;
}

void spin_unlock(struct spinlock *l)
{
	BUG_ON(!l->owner);
	l->owner = 0;
}

bool spin_held(const struct spinlock *l)
{
	return l->owner;
}

static unsigned int rnd(unsigned int n)
{
	return (unsigned int)rand() % n;
}

bool hc_preempt_due(unsigned int done)
{
	return done && (done % 64 == 0 || (preempt_rate && !rnd(preempt_rate)));
}

bool domain_get(struct domain *d)
{
	d->refs++;
	return true;
}

void domain_put(struct domain *d)
{
	BUG_ON(!d->refs);
	d->refs--;
}

struct domain *domain_find(domid_t id)
{
	if (id >= NR_DOMS || doms[id].gone)
		return NULL;
	doms[id].refs++;
	return &doms[id];
}

struct domain *domain_find_self(domid_t id)
{
	return domain_find(id == DOMID_SELF ? current->domain->id : id);
}

maddr_t virt_to_maddr(const void *p)
{
	return MADDR((uint64_t)p - DIRECT_MAP_VIRT);
}

bool mmio_denied(mfn_t mfn)
{
	return true;
}

int desc_page_validate(void *page)
{
	return -EINVAL;
}

int vcpu_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
	return -EINVAL;
}

bool guest_range_ok(uint64_t gva, uint64_t len)
{
	return true;
}

bool guest_read(void *dst, uint64_t gva, size_t len)
{
	if (gva >= 4096)
		memcpy(dst, (void *)gva, len);
	return gva >= 4096;
}

bool guest_write(uint64_t gva, const void *src, size_t len)
{
	if (gva >= 4096)
		memcpy((void *)gva, src, len);
	return gva >= 4096;
}

void tlb_flush_mask(const cpumask_t *mask)
{
}

void context_l4_changed(struct domain *d, mfn_t l4, unsigned int slot, uint64_t entry)
{
}

void context_reload_roots(void)
{
}

/* --- domains */

static uint32_t tables[NR_DOMS][4], data[NR_DOMS][PAGES]; /* tables: L1 first */
static struct grant_entry_v1 *entries[NR_DOMS];
static bool honest; /* entries in use are not changed */

/* What is mapped, as far as the domains know. */
static struct held {
	bool used, ro, host, dev;
	grant_handle_t handle;
	unsigned int granter, ref;
	uint64_t host_addr, mfn;
} held[NR_DOMS][NR_HELD];
static unsigned int count_maps, count_copies, count_restarts, count_waits;

static uint64_t *page(uint32_t mfn)
{
	return mfn_to_virt(MFN(mfn));
}

static long call(unsigned int cmd, void *list, unsigned int n)
{
	struct hc_args a = { { cmd, (uint64_t)list, n } };
	long ret;

	while ((ret = hc_grant_table_op(&a)) == HC_RESTART)
		count_restarts++;
	return ret;
}

static void new_domain(unsigned int id)
{
	struct domain *d = &doms[id];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
	uint64_t frame = 0;

	*d = (struct domain){ .id = (domid_t)id,
			      .is_dom0 = !id,
			      .state = DS_RUNNING,
			      .max_vcpus = 1,
			      .max_pages = PAGES + 4,
			      .page_list = FRAME_INDEX_NONE };
	vcpus[id] = (struct vcpu){ .domain = d };
	d->vcpu[0] = &vcpus[id];
	vcpus[id].x86.root = vcpus[id].x86.user_root = INVALID_MFN;
	for (unsigned int i = 0; i < 4; i++)
		tables[id][i] = (uint32_t)domain_page_alloc(d).n;
	for (unsigned int i = 3; i; i--)
		page(tables[id][i])[0] = (uint64_t)tables[id][i - 1] << 12 | PTE_P | PTE_RW;
	for (unsigned int i = 0; i < PAGES; i++) {
		data[id][i] = (uint32_t)domain_page_alloc(d).n;
		page(tables[id][0])[OWN + i] = (uint64_t)data[id][i] << 12 | PTE_P | PTE_RW;
	}
	current = &vcpus[id];
	while (vcpu_set_root(current, MFN(tables[id][3]), false) == -EAGAIN)
		;
	BUG_ON(grant_domain_init(d));
	setup.frame_list = (uint64_t)&frame;
	BUG_ON(call(GNTTABOP_setup_table, &setup, 1) || setup.status);
	entries[id] = mfn_to_virt(MFN(frame));
	/* As guests do, so that the frame is in use when they die. */
	while (hc_update_va_mapping(&(struct hc_args){
		       { 100 << 12, frame << 12 | PTE_P | PTE_RW, 0 } }) == HC_RESTART)
		;
	BUG_ON((page(tables[id][0])[100] & PTE_ADDR) >> 12 != frame);
	memset(held[id], 0, sizeof(held[id]));
}

static bool in_use(unsigned int granter, unsigned int ref, bool writing)
{
	for (unsigned int d = 0; d < NR_DOMS; d++)
		for (struct held *h = held[d]; h < &held[d][NR_HELD]; h++)
			if (h->used && h->granter == granter && h->ref == ref &&
			    (!writing || !h->ro))
				return true;
	return false;
}

/* Entries of a table that hold references. */
static unsigned int held_entries(uint32_t table)
{
	uint64_t s = frame_table[table].state;

	return fs_is_table(s) ? PT_ENTRIES : s & FS_PARTIAL ? frame_table[table].aux : 0;
}

static void count_refs(unsigned int d, uint32_t *refs, uint32_t *types)
{
	for (unsigned int i = 0; !doms[d].gone && i < held_entries(tables[d][0]); i++) {
		uint64_t e = page(tables[d][0])[i];

		if (!(e & PTE_P))
			continue;
		refs[(e & PTE_ADDR) >> 12]++;
		types[(e & PTE_ADDR) >> 12] += !!(e & PTE_RW);
	}
	for (struct held *h = held[d]; h < &held[d][NR_HELD]; h++) {
		refs[h->mfn] += h->used;
		types[h->mfn] += h->used && !h->ro;
	}
}

static void check_all(void)
{
	uint32_t refs[LAST] = { 0 }, types[LAST] = { 0 };

	for (unsigned int d = 0; d < NR_DOMS; d++)
		count_refs(d, refs, types);
	for (unsigned int d = 0; d < NR_DOMS; d++) {
		if (doms[d].state == DS_DYING)
			continue;
		for (unsigned int i = 0; i < PAGES; i++) {
			uint64_t s = frame_table[data[d][i]].state;

			CHECK(fs_refs(s) == refs[data[d][i]] + 1);
			CHECK(fs_types(s) == types[data[d][i]]);
		}
		for (unsigned int ref = 0; honest && ref < REFS; ref++) {
			CHECK(!(entries[d][ref].flags & GTF_reading) == !in_use(d, ref, false));
			CHECK(!(entries[d][ref].flags & GTF_writing) == !in_use(d, ref, true));
		}
	}
}

/* --- what domains do */

static void do_grant(unsigned int id)
{
	unsigned int ref = rnd(REFS), kind = rnd(30);
	uint64_t frame = data[id][rnd(PAGES)];

	if (honest && in_use(id, ref, false))
		return;
	if (kind == 0)
		frame = tables[id][rnd(4)];
	else if (kind == 1)
		frame = data[(id + 1) % NR_DOMS][0];
	else if (kind == 2)
		frame = virt_to_mfn(entries[id]).n;
	else if (kind == 3)
		frame = (uint32_t)rand();
	entries[id][ref] = (struct grant_entry_v1){
		.flags = (uint16_t)(rnd(8) ? GTF_permit_access | (rnd(2) ? GTF_readonly : 0) :
				    honest ? 0 :
					     rnd(512)),
		.domid = (domid_t)(NR_DOMS - 1 - rnd(NR_DOMS) * rnd(2)),
		.frame = (uint32_t)frame,
	};
}

static void do_map(unsigned int id)
{
	struct gnttab_map_grant_ref op[3];
	unsigned int n = 1 + rnd(3), slot[3];

	for (unsigned int i = 0; i < n; i++) {
		uint64_t l1 = (uint64_t)tables[id][0] << 12;

		slot[i] = rnd(SLOTS);
		op[i] = (struct gnttab_map_grant_ref){
			.dom = (domid_t)rnd(NR_DOMS + 1),
			.ref = rnd(20) ? rnd(REFS) : (uint32_t)rand(),
			.flags = rnd(32) | (rnd(4) ? GNTMAP_host_map : 0) |
				 rnd(8) << GNTMAP_guest_avail0,
		};
		op[i].host_addr = op[i].flags & GNTMAP_contains_pte ? l1 | slot[i] << 3 :
								      slot[i] << 12;
		if (!rnd(20))
			op[i].host_addr ^= 1ul << rnd(48);
	}
	CHECK(call(GNTTABOP_map_grant_ref, op, n) == 0);
	for (unsigned int i = 0; i < n; i++) {
		struct held *h = held[id];

		if (op[i].status)
			continue;
		count_maps++;
		while (h->used)
			h++;
		*h = (struct held){ true,
				    op[i].flags & GNTMAP_readonly,
				    op[i].flags & GNTMAP_host_map,
				    op[i].flags & GNTMAP_device_map,
				    op[i].handle,
				    op[i].dom,
				    op[i].ref,
				    op[i].host_addr,
				    op[i].dev_bus_addr >> 12 };
		CHECK(frame_owner(MFN(h->mfn)) == op[i].dom);
	}
}

static void do_unmap(unsigned int id)
{
	struct held *h = &held[id][rnd(20)];
	struct gnttab_unmap_grant_ref op = { .handle = h->handle };
	bool host = rnd(4), dev = rnd(4), good;

	op.host_addr = !host ? 0 : rnd(10) ? h->host_addr : h->host_addr + 4096;
	op.dev_bus_addr = !dev ? 0 : rnd(10) ? h->mfn << 12 : 4096;
	good = h->used && (!op.host_addr || (h->host && op.host_addr == h->host_addr)) &&
	       (!op.dev_bus_addr || op.dev_bus_addr == h->mfn << 12);
	CHECK(call(GNTTABOP_unmap_grant_ref, &op, 1) == 0);
	if (!h->used) { /* of another mapping now, or of none */
		for (h = held[id]; h < &held[id][NR_HELD] && !(h->used && h->handle == op.handle);)
			h++;
		if (h == &held[id][NR_HELD])
			CHECK(op.status == GNTST_bad_handle);
		if (op.status)
			return;
	} else {
		CHECK(good == !op.status);
	}
	if (op.status)
		return;
	h->host &= !op.host_addr;
	h->dev &= !op.dev_bus_addr;
	h->used = h->host || h->dev;
}

static void do_copy(unsigned int id)
{
	struct gnttab_copy op = { .len = (uint16_t)(rnd(4) ? rnd(4096) : rnd(65536)),
				  .flags = (uint16_t)rnd(4) };
	struct gnttab_copy_ptr *p[2] = { &op.source, &op.dest };

	for (unsigned int i = 0; i < 2; i++) {
		if (op.flags >> i & 1) {
			p[i]->u.ref = rnd(REFS);
			p[i]->domid = (domid_t)rnd(NR_DOMS);
		} else {
			p[i]->u.gmfn = rnd(10) ? data[id][rnd(PAGES)] : tables[id][rnd(4)];
			p[i]->domid = DOMID_SELF;
		}
		p[i]->offset = (uint16_t)(rnd(2) ? 0 : rnd(4) ? rnd(4096) : rnd(65536));
	}
	CHECK(call(GNTTABOP_copy, &op, 1) == 0);
	count_copies += !op.status;
	CHECK(op.status || (op.source.offset + op.len <= 4096 && op.dest.offset + op.len <= 4096));
}

/* Overwrites an entry, which may be a grant's. */
static void do_own_entry(unsigned int id)
{
	uint64_t own = (uint64_t)data[id][rnd(PAGES)] << 12 | PTE_P | (rnd(2) ? PTE_RW : 0);
	struct hc_args a = { { rnd(SLOTS) << 12, rnd(2) ? own : 0, 0 } };

	while (hc_update_va_mapping(&a) == HC_RESTART)
		;
}

static bool die(unsigned int id)
{
	struct domain *d = &doms[id];

	d->state = DS_DYING;
	current = NULL;
	vcpu_put_roots(&vcpus[id]);
	while (!grant_mappings_relinquish(d))
		;
	memset(held[id], 0, sizeof(held[id]));
	if (!domain_memory_relinquish(d) || d->tot_pages) {
		count_waits++;
		return false;
	}
	if (!grant_table_relinquish(d))
		return false;
	CHECK(!d->refs);
	grant_domain_destroy(d);
	d->gone = true;
	return true;
}

static void step(unsigned int alive)
{
	static void (*const acts[])(unsigned int) = { do_grant, do_map,	 do_map,
						      do_unmap, do_copy, do_own_entry };
	unsigned int id = rnd(NR_DOMS);

	if (id < NR_DOMS - alive) {
		if (!doms[id].gone)
			die(id);
	} else {
		current = &vcpus[id];
		acts[rnd(6)](id);
	}
	check_all();
}

static void histories(void)
{
	uint64_t before = mm_free_pages();

	for (unsigned int round = 0; round < 10; round++) {
		srand(round + 1);
		honest = round % 2;
		preempt_rate = round % 3 * 3;
		for (unsigned int id = 0; id < NR_DOMS; id++)
			new_domain(id);
		for (unsigned int i = 0; i < STEPS / 10; i++)
			step(NR_DOMS - i / (STEPS / 10 / NR_DOMS + 1));
		for (unsigned int tries = 0; tries < 1000; tries++)
			for (unsigned int id = 0; id < NR_DOMS; id++)
				if (!doms[id].gone)
					die(id);
		CHECK(doms[0].gone && doms[1].gone && doms[2].gone);
		CHECK(mm_free_pages() == before);
	}
	CHECK(count_maps > 3000 && count_copies > 500 && count_restarts > 500 && count_waits > 20);
	if (getenv("V"))
		printf("maps %u copies %u restarts %u waits %u\n", count_maps, count_copies,
		       count_restarts, count_waits);
}

/* More mappings than there are handles for; all come back. */
static void limits(void)
{
	struct gnttab_map_grant_ref op = { .flags = GNTMAP_device_map, .dom = 1, .ref = 1 };
	struct gnttab_unmap_grant_ref un = { .dev_bus_addr = (uint64_t)data[1][0] << 12 };
	struct gnttab_setup_table setup = { .dom = 1, .nr_frames = GRANT_MAX_FRAMES + 1 };
	struct gnttab_query_size q = { .dom = 0 };
	uint64_t before = mm_free_pages(), list[GRANT_MAX_FRAMES];
	unsigned int n = 0;

	preempt_rate = 0;
	for (unsigned int id = 0; id < 2; id++)
		new_domain(id);
	un.dev_bus_addr = (uint64_t)data[1][0] << 12;
	entries[1][1] = (struct grant_entry_v1){ GTF_permit_access, 1, data[1][0] };
	for (;; n++) {
		CHECK(call(GNTTABOP_map_grant_ref, &op, 1) == 0);
		if (op.status)
			break;
		CHECK(op.handle == n);
	}
	CHECK(op.status == GNTST_no_device_space && n > 4000 && n < 6000);
	CHECK(frame_get_and_type(MFN(data[1][0]), &doms[1], FT_L4) == -EBUSY);
	for (unsigned int i = 0; i < n; i++) {
		un.handle = i;
		CHECK(call(GNTTABOP_unmap_grant_ref, &un, 1) == 0 && !un.status);
		CHECK(!(entries[1][1].flags & GTF_writing) == (i + 1 == n));
	}
	CHECK(call(GNTTABOP_query_size, &q, 1) == 0 && q.status == GNTST_permission_denied);
	setup.frame_list = (uint64_t)list;
	CHECK(call(GNTTABOP_setup_table, &setup, 1) == 0 && setup.status == GNTST_general_error);
	setup.nr_frames = GRANT_MAX_FRAMES;
	CHECK(call(GNTTABOP_setup_table, &setup, 1) == 0 && !setup.status);
	for (unsigned int i = 0; i < GRANT_MAX_FRAMES; i++)
		CHECK(frame_owner(MFN(list[i])) == 1);
	CHECK(call(GNTTABOP_setup_table, (void *)16, 1) == -EFAULT);
	CHECK(call(GNTTABOP_transfer, &setup, 1) == -ENOSYS);
	for (unsigned int tries = 0; tries < 100; tries++)
		for (unsigned int id = 0; id < 2; id++)
			if (!doms[id].gone)
				die(id);
	CHECK(doms[0].gone && doms[1].gone && mm_free_pages() == before);
}

static void *flipper(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED))
		for (unsigned int i = 0; i < 2; i++)
			WRITE_ONCE(entries[1][1].frame, data[1][i]);
	return NULL;
}

/* The granter names another frame while its grant is being taken. */
static void changing_entry(void)
{
	struct gnttab_map_grant_ref op = { .flags = GNTMAP_device_map, .dom = 1, .ref = 1 };
	struct gnttab_unmap_grant_ref un = { 0 };
	unsigned int given[2] = { 0 };
	pthread_t thread;
	int stop = 0;

	preempt_rate = 0;
	new_domain(1);
	entries[1][1] = (struct grant_entry_v1){ GTF_permit_access, 1, data[1][0] };
	CHECK(!pthread_create(&thread, NULL, flipper, &stop));
	for (unsigned int n = 0; n < 100000; n++) {
		CHECK(call(GNTTABOP_map_grant_ref, &op, 1) == 0);
		if (op.status) {
			CHECK(op.status == GNTST_general_error);
			continue;
		}
		for (unsigned int i = 0; i < 2; i++) {
			unsigned int it = op.dev_bus_addr >> 12 == data[1][i] ? 1 : 0;

			CHECK(fs_refs(frame_table[data[1][i]].state) - it == 2);
			given[i] += it;
		}
		un.handle = op.handle;
		un.dev_bus_addr = op.dev_bus_addr;
		CHECK(call(GNTTABOP_unmap_grant_ref, &un, 1) == 0 && !un.status);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK(given[0] > 100 && given[1] > 100);
	for (unsigned int tries = 0; tries < 100 && !doms[1].gone; tries++)
		die(1);
	CHECK(doms[1].gone);
}

/* --- entries */

static void entry_use(void)
{
	static const struct {
		uint16_t flags;
		domid_t domid;
		bool ro;
		int16_t status;
	} cases[] = {
		{ GTF_permit_access, 5, false, GNTST_okay },
		{ GTF_permit_access, 5, true, GNTST_okay },
		{ GTF_permit_access | GTF_reading, 5, false, GNTST_okay },
		{ GTF_permit_access | GTF_readonly, 5, true, GNTST_okay },
		{ GTF_permit_access | GTF_readonly, 5, false, GNTST_permission_denied },
		{ GTF_permit_access, 6, true, GNTST_permission_denied },
		{ GTF_permit_access | GTF_sub_page, 5, true, GNTST_bad_gntref },
		{ GTF_invalid, 5, true, GNTST_bad_gntref },
		{ GTF_accept_transfer, 5, false, GNTST_bad_gntref },
		{ GTF_transitive, 5, true, GNTST_bad_gntref },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct grant_entry_v1 e = { cases[i].flags, cases[i].domid, 0x1234 };
		uint16_t mark = cases[i].ro ? GTF_reading : GTF_reading | GTF_writing;

		CHECK(grant_entry_use(&e, 5, cases[i].ro) == cases[i].status);
		CHECK(e.flags == (cases[i].status ? cases[i].flags : cases[i].flags | mark));
		CHECK(e.domid == cases[i].domid && e.frame == 0x1234);
	}
}

static void entry_pins(void)
{
	struct grant_pins p = { 0 };

	grant_pins_add(&p, true);
	grant_pins_add(&p, false);
	grant_pins_add(&p, false);
	CHECK(p.all == 3 && p.write == 2);
	CHECK(grant_pins_drop(&p, false) == 0);
	CHECK(grant_pins_drop(&p, false) == GTF_writing);
	grant_pins_add(&p, false);
	CHECK(grant_pins_drop(&p, true) == 0);
	CHECK(grant_pins_drop(&p, false) == (GTF_reading | GTF_writing));
	CHECK(p.all == 0 && p.write == 0);
}

/* --- */

static void simulate_memory(void)
{
	static const struct {
		uint64_t at, size;
	} maps[] = {
		{ DIRECT_MAP_VIRT, LAST * PAGE_SIZE },
		{ FRAME_TABLE_VIRT, LAST * sizeof(struct frame) },
		{ RW_M2P_VIRT, LAST * 8 },
	};

	for (unsigned int i = 0; i < 3; i++)
		if (mmap((void *)maps[i].at, maps[i].size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0) != (void *)maps[i].at)
			abort();
	for (uint32_t n = FIRST; n < LAST; n++)
		frame_table[n] = (struct frame){ .state = FS_RAM, .owner = FRAME_OWNER_NONE };
	heap_init();
	heap_add(FIRST, LAST);
	hyp_l4 = hyp_page_alloc(0);
}

static int result;
static ucontext_t main_context, test_context;

/* On a stack of its own, since the hypervisor finds its CPU through the stack pointer. */
static void run_all(void)
{
	static const struct test t[] = { TEST(entry_use), TEST(entry_pins), TEST(histories),
					 TEST(limits), TEST(changing_entry) };

	stack_top()->cpu = &cpu0;
	result = TEST_RUN(t);
}

int main(void)
{
	char *stack = aligned_alloc(STACK_SIZE, STACK_SIZE);

	setvbuf(stdout, NULL, _IOLBF, 0);
	simulate_memory();
	getcontext(&test_context);
	test_context.uc_stack.ss_sp = stack;
	test_context.uc_stack.ss_size = STACK_SIZE - sizeof(struct stack_top) - 64;
	test_context.uc_link = &main_context;
	makecontext(&test_context, run_all, 0);
	swapcontext(&main_context, &test_context);
	free(stack);
	return result;
}

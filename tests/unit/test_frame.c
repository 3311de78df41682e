/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/mm/frame_state.c */
/*
 * The state word of a frame: each rule of the essay in mm/frame.c, then random histories
 * of a frame compared with a plain model that keeps a list of its users.
 */
#include <stdlib.h>
#include <hyp/frame_state.h>
#include <hyp/lib.h>
#include "test.h"

void panic(const char *fmt, ...)
{
	printf("FAIL panic: %s\n", fmt);
	abort();
}

static uint64_t s, n;

static bool get(void)
{
	if (fs_get(s, &n) != FS_OK)
		return false;
	s = n;
	return fs_sane(s);
}

static enum fs_result put(void)
{
	enum fs_result r = fs_put(s, &n);

	s = n;
	return r;
}

/* Reference and type. */
static enum fs_result use(enum frame_type t)
{
	enum fs_result r;

	if (!get())
		return FS_REFUSED;
	r = fs_get_type(s, t, &n);
	if (r == FS_REFUSED)
		put();
	else
		s = n;
	return r;
}

static enum fs_result unuse(void)
{
	enum fs_result r = fs_put_type(s, &n);

	s = n;
	put();
	return r;
}

static void fresh_page(void)
{
	s = FS_RAM;
	CHECK(!get());
	s = 0;
	CHECK(!get());
	s = fs_allocated();
	CHECK(fs_sane(s) && fs_refs(s) == 1 && fs_type(s) == FT_NONE);
	CHECK(use(FT_WRITABLE) == FS_OK && (s & FS_VALID));
	CHECK(use(FT_WRITABLE) == FS_OK && fs_types(s) == 2 && fs_refs(s) == 3);
	CHECK(unuse() == FS_OK && unuse() == FS_OK);
	CHECK(fs_release(s, &n) == FS_OK);
	s = n;
	CHECK(put() == FS_LAST && s == FS_RAM);
}

/* Writable excludes every other type, and the other way round. */
static void exclusion(void)
{
	static const enum frame_type types[] = { FT_WRITABLE, FT_L1, FT_L2, FT_L3, FT_L4, FT_DESC };

	for (unsigned int i = 0; i < 6; i++)
		for (unsigned int j = 0; j < 6; j++) {
			enum fs_result r;

			s = fs_allocated();
			r = use(types[i]);
			CHECK(r == (i ? FS_NEW : FS_OK));
			s |= FS_VALID;
			r = use(types[j]);
			CHECK(r == (i == j ? FS_OK : FS_REFUSED));
			CHECK(fs_types(s) == (i == j ? 2 : 1) && fs_sane(s));
		}
}

static void type_change_needs_sync(void)
{
	s = fs_allocated();
	use(FT_WRITABLE);
	unuse();
	CHECK(use(FT_WRITABLE) == FS_OK); /* the same as before */
	unuse();
	CHECK(use(FT_DESC) == FS_NEW && !(s & FS_VALID));
	s |= FS_VALID;
	CHECK(unuse() == FS_OK && !(s & FS_VALID));
	CHECK(use(FT_WRITABLE) == FS_NEW); /* was something else */
	CHECK(use(FT_WRITABLE) == FS_NEW); /* and is not synced yet */
	s |= FS_VALID;
	CHECK(use(FT_WRITABLE) == FS_OK);
}

static void table_life(void)
{
	s = fs_allocated();
	CHECK(use(FT_L2) == FS_NEW && !fs_is_table(s));
	CHECK(use(FT_L2) == FS_REFUSED); /* being validated by somebody */
	s = fs_make_partial(s);		 /* preempted: owns itself */
	put();
	CHECK(fs_sane(s) && fs_refs(s) == 2 && fs_types(s) == 1);
	CHECK(use(FT_WRITABLE) == FS_REFUSED && use(FT_L1) == FS_REFUSED);
	CHECK(use(FT_L2) == FS_RESUME && !(s & FS_PARTIAL) && fs_refs(s) == 2);
	s |= FS_VALID;
	CHECK(fs_is_table(s) && use(FT_L2) == FS_OK);
	CHECK(fs_pin(s, &n) == FS_OK);
	s = n; /* the second use's references are the pin's */
	CHECK(fs_pin(s, &n) == FS_REFUSED);
	CHECK(unuse() == FS_OK && fs_is_table(s));
	CHECK(fs_release(s, &n) == FS_OK);
	s = n;
	CHECK(fs_release(s, &n) == FS_REFUSED);
	CHECK(fs_unpin(s, &n) == FS_OK);
	s = n;
	CHECK(fs_unpin(s, &n) == FS_REFUSED);
	CHECK(unuse() == FS_TEARDOWN && (s & FS_PARTIAL) && !fs_is_table(s));
	CHECK(use(FT_WRITABLE) == FS_REFUSED && fs_pin(s, &n) == FS_REFUSED);
	s = fs_torn_down(s);
	CHECK(fs_sane(s) && fs_types(s) == 0);
	CHECK(put() == FS_OK && put() == FS_LAST); /* partial's, and the allocation's */
}

static void shared_pages(void)
{
	s = fs_shared(true);
	CHECK(use(FT_WRITABLE) == FS_OK && fs_type(s) == FT_SHARED && fs_types(s) == 1);
	CHECK(use(FT_L1) == FS_REFUSED && use(FT_DESC) == FS_REFUSED);
	CHECK(fs_unshare(s, &n) == FS_REFUSED);
	CHECK(unuse() == FS_OK && fs_unshare(s, &n) == FS_OK && n == FS_RAM);
	CHECK(fs_release(s, &n) == FS_REFUSED && fs_steal(s, &n) == FS_REFUSED);
	s = fs_shared(false);
	CHECK(use(FT_WRITABLE) == FS_REFUSED && get());
	CHECK(fs_unshare(s, &n) == FS_REFUSED);
	CHECK(put() == FS_OK && fs_unshare(s, &n) == FS_OK);
}

static void stealing(void)
{
	s = fs_allocated();
	CHECK(fs_steal(s, &n) == FS_REFUSED); /* without a reference */
	get();
	CHECK(fs_steal(s, &n) == FS_OK && n == FS_RAM);
	get();
	CHECK(fs_steal(s, &n) == FS_REFUSED); /* somebody else has one, too */
	put();
	use(FT_WRITABLE);
	CHECK(fs_steal(s, &n) == FS_REFUSED);
}

static void limits(void)
{
	s = fs_allocated();
	use(FT_WRITABLE);
	s |= FS_REFS_MASK;
	CHECK(fs_get(s, &n) == FS_REFUSED);
	s = (s | FS_TYPES_MASK);
	CHECK(fs_get_type(s, FT_WRITABLE, &n) == FS_REFUSED);
}

/* What the word stands for, counted one by one. */
struct model {
	unsigned int refs, writers, users; /* plain; FT_WRITABLE; of the table type */
	bool alloc, pinned, partial;
	int table; /* 0 none */
};

static unsigned int model_refs(const struct model *m)
{
	return m->refs + m->writers + m->users + m->alloc + m->pinned + m->partial;
}

static bool model_same(const struct model *m)
{
	unsigned int types = m->writers + m->users + m->pinned + m->partial;

	return fs_sane(s) && fs_refs(s) == model_refs(m) && fs_types(s) == types &&
	       !!(s & FS_ALLOC) == m->alloc && !!(s & FS_PINNED) == m->pinned &&
	       !!(s & FS_PARTIAL) == m->partial && (!m->writers || fs_type(s) == FT_WRITABLE) &&
	       (!m->users || (int)fs_type(s) == m->table);
}

static void step_table(struct model *m, int t)
{
	enum fs_result r = use((enum frame_type)t);
	bool busy = m->writers || ((m->users || m->pinned || m->partial) && m->table != t);

	CHECK((r == FS_REFUSED) == busy);
	if (r == FS_REFUSED)
		return;
	CHECK((r == FS_RESUME) == m->partial);
	m->table = t;
	m->partial = false;
	if (r != FS_OK && rand() % 3 == 0) { /* preempted, or refused content */
		s = fs_make_partial(s);
		put();
		m->partial = true;
		return;
	}
	s |= FS_VALID;
	m->users++;
}

static void step_drop(struct model *m)
{
	if (m->partial) {
		if (rand() % 2) {
			s = fs_torn_down(s);
			put();
			m->partial = false;
		}
	} else if (m->users) {
		enum fs_result r = unuse();

		CHECK((r == FS_TEARDOWN) == (m->users == 1 && !m->pinned));
		m->users--;
		m->partial = r == FS_TEARDOWN;
	} else if (m->writers) {
		CHECK(unuse() == FS_OK);
		m->writers--;
	} else if (m->refs) {
		put();
		m->refs--;
	}
}

static void step_pin(struct model *m)
{
	enum fs_result r;

	if (m->pinned) {
		CHECK(fs_unpin(s, &n) == FS_OK);
		s = n;
		m->pinned = false;
		m->users++;
		return;
	}
	r = fs_pin(s, &n);
	CHECK((r == FS_OK) == (m->users > 0));
	if (r != FS_OK)
		return;
	s = n;
	m->pinned = true;
	m->users--;
}

static void histories(void)
{
	for (unsigned int round = 0; round < 2000; round++) {
		struct model m = { .alloc = true };

		s = fs_allocated();
		for (unsigned int i = 0; i < 300 && model_refs(&m); i++) {
			switch (rand() % 8) {
			case 0:
				if (use(FT_WRITABLE) != FS_REFUSED) {
					CHECK(!m.users && !m.pinned && !m.partial);
					s |= FS_VALID;
					m.writers++;
				} else {
					CHECK(m.users || m.pinned || m.partial);
				}
				break;
			case 1:
				step_table(&m, FT_L1 + rand() % 4);
				break;
			case 2:
				step_pin(&m);
				break;
			case 3:
				m.refs += get();
				break;
			case 4:
				if (rand() % 20 == 0 && m.alloc) {
					CHECK(fs_release(s, &n) == FS_OK);
					s = n;
					put();
					m.alloc = false;
				}
				break;
			default:
				step_drop(&m);
			}
			if (model_refs(&m))
				CHECK(model_same(&m));
			else
				CHECK(s == FS_RAM);
		}
	}
}

int main(void)
{
	static const struct test t[] = {
		TEST(fresh_page), TEST(exclusion),    TEST(type_change_needs_sync),
		TEST(table_life), TEST(shared_pages), TEST(stealing),
		TEST(limits),	  TEST(histories),
	};

	return TEST_RUN(t);
}

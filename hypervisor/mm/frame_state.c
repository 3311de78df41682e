/* SPDX-License-Identifier: GPL-2.0-only */
/* Transitions of a frame's state word. The rules: essay in mm/frame.c. Pure. */
#include <hyp/frame_state.h>
#include <hyp/lib.h>

static uint64_t with_type(enum frame_type t)
{
	return (uint64_t)t << FS_TYPE_SHIFT;
}

bool fs_sane(uint64_t s)
{
	bool table = fs_type_is_table(fs_type(s));

	if (!(s & FS_RAM) || (s & FS_FREE))
		return s == 0 || s == (FS_RAM | FS_FREE);
	if (fs_types(s) > fs_refs(s) || (fs_type(s) == FT_NONE && fs_types(s)))
		return false;
	if (!fs_refs(s) && (s & ~FS_RAM))
		return false;
	if ((s & FS_PARTIAL) && (!table || (s & FS_VALID) || fs_types(s) != 1))
		return false;
	if ((s & FS_PINNED) && !fs_is_table(s))
		return false;
	return !table || !(s & FS_VALID) || fs_types(s) > 0;
}

uint64_t fs_allocated(void)
{
	return FS_RAM | FS_ALLOC | 1;
}

uint64_t fs_shared(bool writable)
{
	return FS_RAM | with_type(FT_SHARED) | (writable ? FS_VALID : 0) | 1;
}

enum fs_result fs_get(uint64_t s, uint64_t *n)
{
	if (!fs_refs(s) || fs_refs(s) == FS_REFS_MASK)
		return FS_REFUSED;
	*n = s + 1;
	return FS_OK;
}

enum fs_result fs_put(uint64_t s, uint64_t *n)
{
	ASSERT(fs_refs(s) > 0);
	*n = s - 1;
	if (fs_refs(*n))
		return FS_OK;
	ASSERT(!fs_types(s) && !(s & (FS_ALLOC | FS_PINNED | FS_PARTIAL)));
	*n = FS_RAM;
	return FS_LAST;
}

/* The type changes, or begins anew. */
static enum fs_result begin_type(uint64_t s, enum frame_type t, uint64_t *n)
{
	enum frame_type old = fs_type(s);
	uint64_t base = (s & ~(FS_TYPE_MASK | FS_VALID)) | with_type(t);

	ASSERT(!(s & (FS_PARTIAL | FS_PINNED)));
	*n = base + FS_TYPES_ONE;
	/* Fresh memory, or still writable: no TLB can hold anything that matters. */
	if (t == FT_WRITABLE && (old == FT_NONE || (old == t && (s & FS_VALID)))) {
		*n |= FS_VALID;
		return FS_OK;
	}
	return FS_NEW;
}

enum fs_result fs_get_type(uint64_t s, enum frame_type t, uint64_t *n)
{
	enum frame_type old = fs_type(s);

	ASSERT(fs_refs(s) > 0 && t != FT_NONE && t != FT_SHARED);
	if (old == FT_SHARED ? t != FT_WRITABLE || !(s & FS_VALID) : fs_types(s) && old != t)
		return FS_REFUSED;
	if (old != FT_SHARED && !fs_types(s))
		return begin_type(s, t, n);
	if (s & FS_PARTIAL) {
		ASSERT(fs_refs(s) > 1);
		*n = (s & ~FS_PARTIAL) - 1;
		return FS_RESUME;
	}
	if (fs_types(s) == FS_TYPES_MASK >> FS_TYPES_SHIFT)
		return FS_REFUSED;
	if (!(s & FS_VALID) && t != FT_WRITABLE)
		return FS_REFUSED;
	*n = s + FS_TYPES_ONE;
	return s & FS_VALID ? FS_OK : FS_NEW;
}

enum fs_result fs_put_type(uint64_t s, uint64_t *n)
{
	ASSERT(fs_types(s) > 0 && !(s & FS_PARTIAL));
	if (fs_types(s) == 1 && fs_is_table(s)) {
		*n = fs_make_partial(s & ~FS_VALID);
		return FS_TEARDOWN;
	}
	*n = s - FS_TYPES_ONE;
	if (!fs_types(*n) && fs_type(s) == FT_DESC)
		*n &= ~FS_VALID;
	return FS_OK;
}

uint64_t fs_make_partial(uint64_t s)
{
	ASSERT(fs_type_is_table(fs_type(s)) && fs_types(s) == 1 && !(s & (FS_VALID | FS_PINNED)));
	return (s | FS_PARTIAL) + 1;
}

uint64_t fs_torn_down(uint64_t s)
{
	ASSERT((s & FS_PARTIAL) && fs_types(s) == 1);
	return (s & ~FS_PARTIAL) - FS_TYPES_ONE;
}

enum fs_result fs_pin(uint64_t s, uint64_t *n)
{
	if (!fs_is_table(s) || (s & FS_PINNED))
		return FS_REFUSED;
	*n = s | FS_PINNED;
	return FS_OK;
}

enum fs_result fs_unpin(uint64_t s, uint64_t *n)
{
	if (!(s & FS_PINNED))
		return FS_REFUSED;
	*n = s & ~FS_PINNED;
	return FS_OK;
}

enum fs_result fs_release(uint64_t s, uint64_t *n)
{
	if (!(s & FS_ALLOC))
		return FS_REFUSED;
	*n = s & ~FS_ALLOC;
	return FS_OK;
}

enum fs_result fs_steal(uint64_t s, uint64_t *n)
{
	if (!(s & FS_ALLOC) || fs_refs(s) != 2 || fs_types(s) || (s & (FS_PINNED | FS_PARTIAL)))
		return FS_REFUSED;
	*n = FS_RAM;
	return FS_OK;
}

enum fs_result fs_unshare(uint64_t s, uint64_t *n)
{
	if (fs_type(s) != FT_SHARED || fs_refs(s) != 1 || fs_types(s))
		return FS_REFUSED;
	*n = FS_RAM;
	return FS_OK;
}

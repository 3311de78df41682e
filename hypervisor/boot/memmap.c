/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a firmware's memory map, which may overlap, repeat itself and be unsorted,
 * to one that is sorted and disjoint. Where ranges overlap the type with the higher
 * number holds: it is never wrong to take something for not being RAM. RAM is cut
 * to whole pages. Pure.
 */
#include <hyp/boot.h>
#include <hyp/lib.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The type that holds in [start, end), of which no range covers a part only; 0 = none. */
static uint32_t type_at(const struct mem_range *in, unsigned int n, uint64_t start)
{
	uint32_t type = 0;

	for (unsigned int i = 0; i < n; i++)
		if (in[i].start <= start && start < in[i].end)
			type = max(type, in[i].type);
	return type;
}

/* Appends a piece, joined to the last when they touch. False: no room. */
static bool append(struct mem_range *out, unsigned int *n, unsigned int most, struct mem_range r)
{
	struct mem_range *last = *n ? &out[*n - 1] : NULL;

	if (last && last->type == r.type && last->end == r.start) {
		last->end = r.end;
		return true;
	}
	if (*n == most)
		return false;
	out[(*n)++] = r;
	return true;
}

static unsigned int trim_ram(struct mem_range *r, unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct mem_range m = r[i];

		if (m.type == MEM_RAM) {
			m.start = (m.start + PAGE_SIZE - 1) & PAGE_MASK;
			m.end &= PAGE_MASK;
		}
		if (m.start < m.end)
			r[kept++] = m;
	}
	return kept;
}

/* The highest page-aligned place for size bytes of RAM beside the busy ranges; 0 = none. */
uint64_t memmap_find(const struct mem_range *map, unsigned int n, const struct mem_range *busy,
		     unsigned int nr_busy, uint64_t size)
{
	size = (size + PAGE_SIZE - 1) & PAGE_MASK;
	while (n--) {
		uint64_t end = map[n].end;

		for (unsigned int i = 0; map[n].type == MEM_RAM && i < nr_busy; i++) {
			if (end < size || end - size < map[n].start)
				break;
			if (busy[i].start < end && end - size < busy[i].end) {
				end = busy[i].start & PAGE_MASK;
				i = -1u; /* from the start again */
			}
		}
		if (map[n].type == MEM_RAM && end >= size && end - size >= map[n].start)
			return end - size;
	}
	return 0;
}

/*
 * edges: working space for 2 * n values. Returns the number of ranges in out, at
 * most `most`; *lost tells that the map had more.
 */
unsigned int memmap_normalise(const struct mem_range *in, unsigned int n, uint64_t *edges,
			      struct mem_range *out, unsigned int most, bool *lost)
{
	unsigned int nr_edges = 0, nr_out = 0;

	*lost = false;
	for (unsigned int i = 0; i < n; i++) {
		if (in[i].start >= in[i].end)
			continue;
		edges[nr_edges++] = in[i].start;
		edges[nr_edges++] = in[i].end;
	}
	sort(edges, nr_edges, sizeof(*edges), by_value);
	for (unsigned int i = 0; i + 1 < nr_edges; i++) {
		struct mem_range r = { edges[i], edges[i + 1], 0 };

		if (r.start == r.end)
			continue;
		r.type = type_at(in, n, r.start);
		if (r.type && !append(out, &nr_out, most, r)) {
			*lost = true;
			break;
		}
	}
	return trim_ram(out, nr_out);
}

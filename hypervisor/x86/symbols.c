/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of functions by address: a sorted table made from the link (lib/symbols.sh). */
#include <hyp/boot.h>
#include <hyp/lib.h>

extern const uint32_t symbol_count, symbol_offsets[], symbol_name_at[];
extern const char symbol_names[];

const char *symbol_name(uint64_t addr, char *buf, size_t size)
{
	uint64_t offset = addr - (uint64_t)image_start;
	uint32_t low = 0, high = symbol_count;

	if (addr < (uint64_t)image_start || addr >= (uint64_t)image_text_end || !high ||
	    offset < symbol_offsets[0]) {
		snprintf(buf, size, "%016llx", (unsigned long long)addr);
		return buf;
	}
	while (high - low > 1) { /* [low] <= offset < [high] */
		uint32_t mid = low + (high - low) / 2;

		if (symbol_offsets[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	snprintf(buf, size, "%s+%#llx", symbol_names + symbol_name_at[low],
		 (unsigned long long)(offset - symbol_offsets[low]));
	return buf;
}

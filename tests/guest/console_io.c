/* SPDX-License-Identifier: GPL-2.0-only */
/* The emergency console: odd lengths, odd bytes, wild counts. */
#include "lib/guest.h"

#define EDGE 0x6000000000ul

void test(void)
{
	char *page = page_alloc();
	char in[16];
	long ret;

	map_far(EDGE, mfn_of(page), PTE_KERNEL);
	if (!is_dom0) {
		/* Not ours to use; it must not hurt. */
		memset(page, 'x', PAGE_SIZE);
		hc(console_io, CONSOLEIO_write, PAGE_SIZE, page);
		CHECK(hc(console_io, CONSOLEIO_read, 16, in) <= 0, "a guest reads the console");
		return;
	}
	EXPECT(hc(console_io, CONSOLEIO_write, 0, page), 0);
	memcpy(page, "note: \x01\x7f\xff control bytes\n", 22);
	CHECK(hc(console_io, CONSOLEIO_write, 22, page) >= 0, "control bytes");
	memset(page, '.', PAGE_SIZE);
	page[PAGE_SIZE - 1] = '\n';
	CHECK(hc(console_io, CONSOLEIO_write, PAGE_SIZE, page) >= 0, "a long line");
	/* Starts in the last byte of the page; nothing follows. */
	ret = hc(console_io, CONSOLEIO_write, 0x7fffffff, EDGE + PAGE_SIZE - 1);
	CHECK(ret == -EFAULT || ret == 1, "wild count: %ld", ret);
	ret = hc(console_io, CONSOLEIO_write, 0xffffffff, EDGE + PAGE_SIZE - 1);
	CHECK(ret <= 1, "negative count: %ld", ret);
	CHECK(hc(console_io, CONSOLEIO_read, 16, in) <= 16, "read");
	CHECK(hc(console_io, CONSOLEIO_read, 16, BAD_HYP) <= 0, "read to a bad address");
	REFUSED(hc(console_io, 7, 16, in));
}

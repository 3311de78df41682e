/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text screen: a grid of cells that either the VGA's text mode or the
 * framebuffer (x86/fb.c) draws. Screen memory is slow, so a copy is kept, scrolling
 * goes by half screens and only cells that change are drawn. Newline, carriage
 * return, tab and backspace; no escape sequences: only our own messages come here.
 */
#include <hyp/console.h>
#include <hyp/lib.h>
#include <hyp/x86.h>

#define MAX_COLS 256
#define MAX_ROWS 128
#define VGA_CRTC 0x3d4
#define LIGHT_GREY 0x0700

static char cells[MAX_ROWS][MAX_COLS];
static const struct screen_ops *screen;
static unsigned int cols, rows, at_x, at_y;

static void cell_set(unsigned int x, unsigned int y, char c)
{
	if (cells[y][x] == c)
		return;
	cells[y][x] = c;
	screen->put(x, y, c);
}

static void scroll(void)
{
	unsigned int by = rows / 2;

	for (unsigned int y = 0; y < rows; y++)
		for (unsigned int x = 0; x < cols; x++)
			cell_set(x, y, y + by < rows ? cells[y + by][x] : ' ');
	at_y -= by;
}

static void newline(void)
{
	at_x = 0;
	if (++at_y == rows)
		scroll();
}

static void screen_char(char c)
{
	switch (c) {
	case '\n':
		newline();
		break;
	case '\r':
		at_x = 0;
		break;
	case '\b':
		at_x -= at_x > 0;
		break;
	case '\t':
		do
			screen_char(' ');
		while (at_x % 8);
		break;
	default:
		if ((unsigned char)c < ' ')
			break;
		cell_set(at_x, at_y, c);
		if (++at_x == cols)
			newline();
	}
}

void screen_write(const char *s, size_t len)
{
	if (!screen)
		return;
	while (len--)
		screen_char(*s++);
	if (screen->cursor)
		screen->cursor(at_x, at_y);
}

/* Cleared; whatever was there before is of no interest. */
void screen_start(const struct screen_ops *ops, unsigned int c, unsigned int r)
{
	screen = ops;
	cols = min(c, (unsigned int)MAX_COLS);
	rows = min(r, (unsigned int)MAX_ROWS);
	at_x = at_y = 0;
	memset(cells, 0, sizeof(cells));
	for (unsigned int y = 0; y < rows; y++)
		for (unsigned int x = 0; x < cols; x++)
			cell_set(x, y, ' ');
}

/* --- VGA text mode 3 */

static volatile uint16_t *vga_text;

static void vga_put(unsigned int x, unsigned int y, char c)
{
	vga_text[y * 80 + x] = LIGHT_GREY | (uint8_t)c;
}

static void vga_cursor(unsigned int x, unsigned int y)
{
	unsigned int pos = y * 80 + x;

	outb(VGA_CRTC, 14);
	outb(VGA_CRTC + 1, (uint8_t)(pos >> 8));
	outb(VGA_CRTC, 15);
	outb(VGA_CRTC + 1, (uint8_t)pos);
}

/* Also when the screen's memory is mapped at another address from now on. */
void vga_start(volatile uint16_t *text)
{
	static const struct screen_ops ops = { vga_put, vga_cursor };
	bool moved = vga_text != NULL;

	vga_text = text;
	if (!moved)
		screen_start(&ops, 80, 25);
}

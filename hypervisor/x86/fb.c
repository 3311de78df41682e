/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A linear framebuffer as text screen, light grey on black, with the 8x16 font of
 * the kernel's sources (made at build time). 16, 24 and 32 bits per pixel.
 */
#include <hyp/boot.h>
#include <hyp/console.h>
#include <hyp/mm.h>

#define FONT_W 8
#define FONT_H 16

extern const uint8_t font_8x16[256][FONT_H];

static volatile uint8_t *fb;
static uint32_t colour;
static unsigned int bytes;

static void put_pixel(volatile uint8_t *p, uint32_t c)
{
	if (bytes == 4) {
		*(volatile uint32_t *)(volatile void *)p = c;
		return;
	}
	for (unsigned int i = 0; i < bytes; i++, c >>= 8)
		p[i] = (uint8_t)c;
}

static void fb_put(unsigned int x, unsigned int y, char c)
{
	const uint8_t *glyph = font_8x16[(uint8_t)c];

	for (unsigned int r = 0; r < FONT_H; r++) {
		volatile uint8_t *p =
			fb + (uint64_t)(y * FONT_H + r) * boot_video.pitch + x * FONT_W * bytes;

		for (unsigned int i = 0; i < FONT_W; i++, p += bytes)
			put_pixel(p, glyph[r] & (0x80 >> i) ? colour : 0);
	}
}

static uint32_t part(unsigned int pos, unsigned int size)
{
	if (!size || size > 8 || pos > 24)
		return 0;
	return (0xaau >> (8 - size)) << pos;
}

bool fb_start(void)
{
	static const struct screen_ops ops = { fb_put, NULL };
	const struct boot_video *v = &boot_video;

	bytes = (v->bpp + 7) / 8;
	if (v->type != 2 || bytes < 2 || bytes > 4 || v->width < FONT_W || v->height < FONT_H)
		return false;
	fb = mmio_map(MADDR(v->fb_base), (size_t)v->pitch * v->height);
	if (!fb)
		return false;
	colour = part(v->red_pos, v->red_size) | part(v->green_pos, v->green_size) |
		 part(v->blue_pos, v->blue_size);
	screen_start(&ops, v->width / FONT_W, v->height / FONT_H);
	return true;
}

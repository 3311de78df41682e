/* SPDX-License-Identifier: GPL-2.0-only */
/* What the boot loader gave us, and the command line. */
#ifndef HYP_BOOT_H
#define HYP_BOOT_H

#include <hyp/mm.h>
#include <hyp/types.h>

struct boot_module {
	maddr_t start;
	uint64_t size;
	const char *cmdline; /* copied; never NULL. Without the module's file name */
};

#define MAX_MODULES 8
extern struct boot_module boot_modules[MAX_MODULES];
extern unsigned int nr_boot_modules;
extern char hyp_cmdline[2048];

/* Video mode for dom0's console (public/platform dom0_vga_console_info), and EFI system table if booted so. */
struct boot_video {
	uint8_t type; /* 0 none, 1 text, 2 linear framebuffer */
	uint16_t cols, rows;
	uint64_t fb_base;
	uint32_t width, height, pitch, bpp;
	uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};
extern struct boot_video boot_video;
extern uint64_t boot_efi_systab;

#define MAX_RAMDRIVES 8

/* Parsed options (boot/cmdline.c); an unknown option is named in the log. */
struct options {
	char console[64];	 /* com1,vga */
	char com1[64];		 /* 115200,8n1[,port[,irq]] */
	uint64_t dom0_mem_pages; /* 0 = default policy */
	uint64_t dom0_max_pages;
	uint64_t ramdrive_pages[MAX_RAMDRIVES]; /* up to the first 0 */
	unsigned int dom0_max_vcpus, maxcpus;	/* 0 = all */
	unsigned int disk_timeout;		/* seconds a request may take; 0 = 30 */
	char sched[16];
	unsigned int loglvl; /* 0 errors .. 3 debug */
	bool noreboot, noacpi, ignorebiostables;
	bool split, nosplit; /* neither: as the processor needs it */
};
extern struct options opt;

/*
 * Everything below is pure code of boot/, unit-tested on the host.
 * wrong() is called for each word that is unknown or has a bad value.
 */
void cmdline_parse(const char *line, struct options *o,
		   void (*wrong)(const char *word, const char *why));
/* A number with K, M, G or T (none: KiB), as pages; *end behind it. */
bool parse_size(const char *s, const char **end, uint64_t *pages);
/* True when the comma-separated list (console=) has the word. */
bool list_has(const char *list, const char *word);

struct com_options {
	uint32_t baud;
	uint16_t port;
	uint8_t irq;
};
/* The value of com1=; false when malformed. */
bool parse_com1(const char *s, struct com_options *c);

unsigned int memmap_normalise(const struct mem_range *in, unsigned int n, uint64_t *edges,
			      struct mem_range *out, unsigned int most, bool *lost);
uint64_t memmap_find(const struct mem_range *map, unsigned int n, const struct mem_range *busy,
		     unsigned int nr_busy, uint64_t size);

/*
 * Reads the boot information at machine address info; memory [0, limit) is seen at
 * base. Fills the variables above, mem_map and boot_reserved. NULL, or what is wrong.
 */
const char *multiboot_parse(uint32_t magic, uint64_t info, const char *base, uint64_t limit);
/* Keeps [start, end) out of the free list. */
void boot_reserve(uint64_t start, uint64_t end);
/* The loader's copy of the RSDP; size 0 = none. */
extern uint8_t boot_rsdp[36];
extern unsigned int boot_rsdp_size;
extern char boot_loader[64];

/* The image's parts (xeno.lds.S); each starts on a page. */
extern const char image_start[], image_text_end[], image_rodata_end[], image_load_end[],
	image_end[];
/* From boot/head.S, on the boot CPU's stack. */
void hyp_main(uint32_t magic, uint32_t info);

#endif

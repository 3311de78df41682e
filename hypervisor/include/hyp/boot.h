/* SPDX-License-Identifier: GPL-2.0-only */
/* What the boot loader gave us, and the command line. */
#ifndef HYP_BOOT_H
#define HYP_BOOT_H

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

/* Parsed options (boot/cmdline.c); an unknown option is named in the log. */
struct options {
	char console[64]; /* com1,vga */
	char com1[64];	  /* 115200,8n1[,port[,irq]] */
	uint64_t dom0_mem_pages; /* 0 = default policy */
	uint64_t dom0_max_pages;
	unsigned int dom0_max_vcpus, maxcpus; /* 0 = all */
	char sched[16];
	unsigned int loglvl; /* 0 errors .. 3 debug */
	bool noreboot, noacpi, ignorebiostables, split;
};
extern struct options opt;

#endif

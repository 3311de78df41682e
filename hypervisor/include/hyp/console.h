/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's console (serial, VGA, framebuffer; log ring) and the PV
 * console ring of each domain, which ends in a hypervisor buffer (DESIGN 5).
 */
#ifndef HYP_CONSOLE_H
#define HYP_CONSOLE_H

#include <hyp/types.h>

struct domain;

/*
 * --- machine console: x86/console.c
 * Order at boot: early_init (serial line as com1= says by default), init (options are
 * known), unmap_screen (before mm_init), map_screen (after it; the framebuffer too, with
 * what was printed so far), irq_init (the serial line's input), give_screen (it is domain 0's from now).
 */
void console_early_init(void);
void console_init(void);
void console_unmap_screen(void);
void console_map_screen(void);
void console_irq_init(void);
void console_give_screen(void);
/* Raw, to the serial line, and to the screen while it is ours. Any context. */
void console_write(const char *s, size_t len);
/* Takes over all consoles whoever holds their lock; the screen is ours again. */
void console_panic(void);
/* Log ring: copies from position *pos (monotonic; moved to the oldest kept), advances it, returns bytes. */
size_t log_read(uint64_t *pos, char *buf, size_t len);

/* x86/serial.c: a 16550. Input goes to conring_machine_input(), from its interrupt. */
struct com_options;
void serial_init(const struct com_options *c);
void serial_write(const char *s, size_t len);
void serial_irq_init(void);

/* x86/vga.c, x86/fb.c: a screen is a grid of cells, drawn by put(). */
struct screen_ops {
	void (*put)(unsigned int x, unsigned int y, char c);
	void (*cursor)(unsigned int x, unsigned int y); /* may be NULL */
};
void screen_start(const struct screen_ops *ops, unsigned int cols, unsigned int rows);
void screen_write(const char *s, size_t len);
void vga_start(volatile uint16_t *text);
bool fb_start(void); /* as boot_video says; after mm_init */

/*
 * --- PV console rings: domain/conring.c. Domain 0 has none: it writes to the
 * machine console by hypercall and reads what is typed there; three Ctrl-a switch
 * the keyboard to the hypervisor's keys and back.
 */
int conring_init(struct domain *d);	   /* allocates ring page, port, buffer */
bool conring_relinquish(struct domain *d); /* gives up the page; false: still mapped, try again */
void conring_destroy(struct domain *d);
/* Tools: output kept so far from *pos (moved to the oldest kept, then past what is read); returns bytes. */
size_t conring_read(struct domain *d, uint64_t *pos, char *buf, size_t len);
/* Input for the domain: returns how many bytes it had room for. */
size_t conring_write(struct domain *d, const char *buf, size_t len);
/* Output that came by hypercall, not through the ring (early messages of stock kernels). */
void conring_append(struct domain *d, const char *buf, size_t len);
void conring_machine_input(int c); /* a character typed at the machine console */
/* Runs a hypervisor key. False: there is none of that name. domain/debugkeys.c */
bool debug_key(char c);

/* --- device directory: xenstore/ring.c */
int xenstore_domain_init(struct domain *d); /* ring page, port, tree with the standard entries */
bool xenstore_domain_relinquish(struct domain *d);
void xenstore_domain_destroy(struct domain *d);
/* From control operations; path absolute within the domain's tree ("/name"); -ENOENT etc. */
int xenstore_ctl_read(struct domain *d, const char *path, char *buf, size_t len); /* full length */
int xenstore_ctl_list(struct domain *d, const char *path, char *buf, size_t len); /* full length */
int xenstore_ctl_write(struct domain *d, const char *path, const char *val, size_t len);
int xenstore_ctl_rm(struct domain *d, const char *path);

#endif

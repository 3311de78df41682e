/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's console (serial, VGA, framebuffer; log ring) and the PV
 * console ring of each domain, which ends in a hypervisor buffer (DESIGN 5).
 */
#ifndef HYP_CONSOLE_H
#define HYP_CONSOLE_H

#include <hyp/types.h>

struct domain;

/* --- machine console: x86/console.c */
void console_early_init(void); /* before paging: serial at its default */
void console_init(void);       /* after options are parsed */
void console_write(const char *s, size_t len); /* raw, all active consoles */
/* One received character or -1; serial input is interrupt driven once APICs run, polled before. */
int console_getc(void);
/* Log ring: copies from position *pos (monotonic), advances it, returns bytes. */
size_t log_read(uint64_t *pos, char *buf, size_t len);

/* --- PV console rings: domain/conring.c. dom0's is wired to the machine console, with
 * what is typed there; three Ctrl-a switch the keyboard to the hypervisor's keys and back. */
int conring_init(struct domain *d);   /* allocates ring page, port, buffer */
void conring_destroy(struct domain *d);
/* Tools: output kept so far from *pos; returns bytes. Input: accepted bytes. */
size_t conring_read(struct domain *d, uint64_t *pos, char *buf, size_t len);
size_t conring_write(struct domain *d, const char *buf, size_t len);
void conring_machine_input(int c); /* a character typed at the machine console */

/* --- device directory: xenstore/ */
int xenstore_domain_init(struct domain *d); /* ring page, port, tree with the standard entries */
void xenstore_domain_destroy(struct domain *d);
/* From control operations; path absolute; -ENOENT etc. */
int xenstore_ctl_read(struct domain *d, const char *path, char *buf, size_t len);
int xenstore_ctl_write(struct domain *d, const char *path, const char *val, size_t len);

#endif

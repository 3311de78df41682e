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
void console_early_init(void);		       /* before paging: serial at its default */
void console_init(void);		       /* after options are parsed */
void console_write(const char *s, size_t len); /* raw, all active consoles */
/* One received character or -1; serial input is interrupt driven once APICs run, polled before. */
int console_getc(void);
/* Log ring: copies from position *pos (monotonic), advances it, returns bytes. */
size_t log_read(uint64_t *pos, char *buf, size_t len);

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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a report of a fault must not have in it, and how it is packed: pure, tested on the host.
 *
 * Secrets are known by their form: keys of virtual disks (vd:NAME:KEY), values of words with
 * password, secret, ssh_key and the like in them, hashes of passwords ($6$...), private
 * keys between their BEGIN and END, and blobs of SSH keys. A secret in plain words is not
 * known: that is why nothing is packed that users write freely.
 */
#ifndef XENCTL_SUPPORT_H
#define XENCTL_SUPPORT_H

#include <stddef.h>

#define SUPPORT_HIDDEN "[left out]"

/*
 * A copy of text without its secrets, malloc'ed and terminated; *found grows by their number.
 * NULL: no memory. NULs in text become '?'.
 */
char *support_redact(const char *text, size_t len, size_t *out_len, unsigned int *found);

#define SUPPORT_TAR_BLOCK 512
/* The header of a plain file of len bytes in a tar archive. -1: the name is too long. */
int support_tar_header(char block[SUPPORT_TAR_BLOCK], const char *name, size_t len,
		       long long mtime);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names as distributions have them (choose.h): vmlinuz-VERSION with initrd.img-VERSION (Debian),
 * initramfs-VERSION.img (Fedora, Arch) or others, and plain vmlinuz with initrd.img, which are
 * links in Debian's root. Rescue kernels and old copies are left out.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "choose.h"

#define KERNEL "vmlinuz"

bool choose_wanted(const char *name, size_t len)
{
	if (len >= CHOOSE_NAME || (len >= 4 && !memcmp(name + len - 4, ".old", 4)))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._+~-", name[i]))
			return false;
	if (len >= strlen(KERNEL) && !memcmp(name, KERNEL, strlen(KERNEL)))
		return (len == strlen(KERNEL) || name[strlen(KERNEL)] == '-') &&
		       !memmem(name, len, "rescue", 6);
	return len >= 6 && !memcmp(name, "init", 4);
}

static bool exists(char (*names)[CHOOSE_NAME], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* version: what follows "vmlinuz-", or "" of a plain one. False: none fits. */
static bool find_ramdisk(char (*names)[CHOOSE_NAME], size_t n, const char *version,
			 char out[CHOOSE_NAME])
{
	static const struct {
		const char *before, *after;
	} forms[] = {
		{ "initrd.img", "" }, { "initramfs", ".img" }, { "initrd", ".img" },
		{ "initrd", "" },     { "initramfs", "" },
	};
	char name[2 * CHOOSE_NAME];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(name, sizeof(name), "%s%s%s%s", forms[i].before, *version ? "-" : "",
			 version, forms[i].after);
		if (strlen(name) >= CHOOSE_NAME || !exists(names, n, name))
			continue;
		strcpy(out, name);
		return true;
	}
	return false;
}

/* Numbers come behind words ("lts"), and words behind nothing. */
static int compare(const char *a, const char *b)
{
	bool da = isdigit((unsigned char)*a), db = isdigit((unsigned char)*b);

	return da != db ? (int)da - (int)db : strverscmp(a, b);
}

bool choose_kernel(char (*names)[CHOOSE_NAME], size_t n, struct choice *c)
{
	const char *best = NULL;
	bool best_has = false;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < n; i++) {
		const char *version = names[i] + strlen(KERNEL);
		char ramdisk[CHOOSE_NAME];
		bool has;

		if (strncmp(names[i], KERNEL, strlen(KERNEL)))
			continue;
		version += *version == '-';
		has = find_ramdisk(names, n, version, ramdisk);
		if (best && (has < best_has || (has == best_has && compare(version, best) <= 0)))
			continue;
		best = version;
		best_has = has;
		strcpy(c->kernel, names[i]);
		strcpy(c->ramdisk, has ? ramdisk : "");
	}
	return best;
}

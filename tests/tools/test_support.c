// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/support.c */
/* What a report of a fault leaves out, what it keeps, and heads of its archive. */
#include "../../tools/xenctl/support.h"

#include <stdlib.h>

#include "check.h"

#define H SUPPORT_HIDDEN

static const struct {
	const char *text, *clean;
} texts[] = {
	/* keys of virtual disks */
	{ "disk = [ 'vd:web:00ff,xvda,w' ]", "disk = [ 'vd:web:" H ",xvda,w' ]" },
	{ "vd:web", "vd:web" },
	{ "vd:web,xvda,w", "vd:web,xvda,w" },
	{ "vd:a:b vd:c:d", "vd:a:" H " vd:c:" H },
	{ "block-attach a vd:web:k:l", "block-attach a vd:web:" H },
	{ "vd:", "vd:" },
	{ "vd:a:", "vd:a:" },
	/* words with values */
	{ "a xeno.password=secret1 b", "a xeno.password=" H " b" },
	{ "xeno.password=\"one two\" b", "xeno.password=\"" H "\" b" },
	{ "\"xeno.ssh_key=one two\" b", "\"xeno.ssh_key=" H "\" b" },
	{ "root_password = one two\nb", "root_password = " H "\nb" },
	{ "password = \"one \\\" two\" # c", "password = \"" H "\" # c" },
	{ "{\"password\": \"x\", \"name\": \"y\"}", "{\"password\": \"" H "\", \"name\": \"y\"}" },
	{ "PASSWD=x", "PASSWD=" H },
	{ "ssh-key=x", "ssh-key=" H },
	{ "no password for root", "no password for root" },
	{ "invalid password for 'root'", "invalid password for 'root'" },
	{ "password=", "password=" },
	{ "password=\nroot=b", "password=\nroot=b" },
	{ "hostname = \"a\"", "hostname = \"a\"" },
	/* hashes, blobs, private keys */
	{ "root:$6$salt$0123456789:1", "root:" H ":1" },
	{ "cost $5 and $HOME", "cost $5 and $HOME" },
	{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabc me", "ssh-ed25519 " H " me" },
	{ "AAAA", "AAAA" },
	{ "a\n-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\nb",
	  "a\n" H "\nb" },
	{ "-----BEGIN PRIVATE KEY-----\nno end", H },
	{ "-----BEGIN CERTIFICATE-----\nx", "-----BEGIN CERTIFICATE-----\nx" },
	{ "", "" },
};

static void test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		unsigned int found = 0;
		size_t len;
		char *clean = support_redact(texts[i].text, strlen(texts[i].text), &len, &found);

		check(clean && !strcmp(clean, texts[i].clean), "'%s' became '%s'", texts[i].text,
		      clean);
		check(!strcmp(texts[i].text, texts[i].clean) == !found, "'%s': %u found",
		      texts[i].text, found);
		check(strlen(clean) == len, "'%s': its length", texts[i].text);
		free(clean);
	}
	verdict("support-secrets");
}

/* Pieces of secrets in any order: nothing is read or written behind an end. */
static void test_noise(void)
{
	static const char *const pieces[] = {
		"vd:", ":", "password", "=", "\"", "'", "$6$",	     "AAAA",  "-----BEGIN PRIVATE",
		"\n",  " ", "x",	",", "\\", "$", "-----END ", "token", ": ",
	};

	for (int round = 0; round < 20000; round++) {
		char text[200] = "";
		unsigned int found = 0;
		size_t len = 0, out_len, n;
		char *exact, *clean;

		for (int i = rnd() % 16; i > 0; i--) {
			const char *piece = pieces[rnd() % (sizeof(pieces) / sizeof(pieces[0]))];

			n = strlen(piece);
			memcpy(text + len, piece, n);
			len += n;
		}
		exact = malloc(len ? len : 1);
		memcpy(exact, text, len);
		clean = support_redact(exact, len, &out_len, &found);
		check(clean && strlen(clean) == out_len, "'%s'", text);
		free(clean);
		free(exact);
	}
	verdict("support-noise");
}

static void test_header(void)
{
	char block[SUPPORT_TAR_BLOCK], name[102];
	unsigned int sum = 0, told;

	check(!support_tar_header(block, "a/b", 1234, 1), "refused");
	told = (unsigned int)strtoul(block + 148, NULL, 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	check(sum == told, "sum %u, told %u", sum, told);
	check(strtoul(block + 124, NULL, 8) == 1234, "size %s", block + 124);
	check(!strcmp(block, "a/b") && !memcmp(block + 257, "ustar\00000", 8), "name or kind");
	memset(name, 'n', sizeof(name) - 1);
	name[101] = 0;
	check(support_tar_header(block, name, 0, 0), "a name that is too long");
	verdict("support-archive");
}

int main(void)
{
	test_texts();
	test_noise();
	test_header();
	return check_failed;
}

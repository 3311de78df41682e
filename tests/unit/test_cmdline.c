/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/boot/cmdline.c hypervisor/lib/number.c */
/* The command line: every option, sizes, and what is wrong named and without effect. */
#include <hyp/boot.h>
#include <hyp/lib.h>
#include "test.h"

static char wrong_words[512];
static struct options o;

static void wrong(const char *word, const char *why)
{
	size_t n = strlen(wrong_words);

	snprintf(wrong_words + n, sizeof(wrong_words) - n, "%s:%c;", word, why[0]);
}

/* Returns what was wrong. */
static const char *parse(const char *line)
{
	wrong_words[0] = '\0';
	cmdline_parse(line, &o, wrong);
	return wrong_words;
}

static void defaults(void)
{
	CHECK(!*parse(""));
	CHECK(!strcmp(o.console, "com1,vga") && !strcmp(o.com1, "115200,8n1"));
	CHECK(o.loglvl == 2 && !o.dom0_mem_pages && !o.maxcpus && !o.noacpi && !*o.sched);
}

static void all_options(void)
{
	CHECK(!*parse("  console=vga com1=9600,8n1,0x2f8,3 dom0_mem=64M dom0_max_vcpus=2 maxcpus=3"
		      " sched=rr loglvl=3\tnoreboot noacpi ignorebiostables split nosplit "));
	CHECK(!strcmp(o.console, "vga") && !strcmp(o.com1, "9600,8n1,0x2f8,3"));
	CHECK(o.dom0_mem_pages == 64 * 256 && o.dom0_max_pages == 0);
	CHECK(o.dom0_max_vcpus == 2 && o.maxcpus == 3 && !strcmp(o.sched, "rr"));
	CHECK(o.loglvl == 3 && o.noreboot && o.noacpi && o.ignorebiostables && o.split &&
	      o.nosplit);
}

static void wrong_ones_are_named(void)
{
	CHECK(!strcmp(parse("maxcpu=1"), "maxcpu=1:u;"));
	CHECK(!strcmp(parse("maxcpus=x split=1 maxcpus= noacpi console"),
		      "maxcpus=x:t;split=1:t;maxcpus=:t;console:t;"));
	CHECK(o.maxcpus == 0 && !o.split && o.noacpi);
	CHECK(!strcmp(parse("sched=a-name-that-is-too-long maxcpus=4294967296"),
		      "sched=a-name-that-is-too-long:t;maxcpus=4294967296:t;"));
	CHECK(!*o.sched);
}

static void a_long_word(void)
{
	char line[400];

	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	CHECK(strlen(parse(line)) == 127 + 3);
	memcpy(line + 390, " noacpi", 8);
	parse(line);
	CHECK(o.noacpi);
}

static void memory(void)
{
	CHECK(!*parse("dom0_mem=512M,max:1G"));
	CHECK(o.dom0_mem_pages == 512 * 256 && o.dom0_max_pages == 1024 * 256);
	CHECK(!*parse("dom0_mem=max:2g") && !o.dom0_mem_pages && o.dom0_max_pages == 2048 * 256);
	CHECK(!*parse("dom0_mem=65536") && o.dom0_mem_pages == 64 * 256); /* KiB */
	CHECK(*parse("dom0_mem="));
	CHECK(*parse("dom0_mem=0"));
	CHECK(*parse("dom0_mem=12Q"));
	CHECK(*parse("dom0_mem=1G,"));
	CHECK(*parse("dom0_mem=1G,max:"));
	CHECK(*parse("dom0_mem=1G,max:2Gx"));
	CHECK(*parse("dom0_mem=1G;max:2G"));
	CHECK(*parse("dom0_mem=99999999999999999999G"));
	CHECK(*parse("dom0_mem=9007199254740992K"));
	CHECK(o.dom0_mem_pages == 0 && o.dom0_max_pages == 0);
}

static void com1(void)
{
	struct com_options c;

	CHECK(parse_com1("115200", &c) && c.baud == 115200 && c.port == 0x3f8 && c.irq == 4);
	CHECK(parse_com1("9600,8n1,0x2f8,3", &c) && c.baud == 9600 && c.port == 0x2f8 &&
	      c.irq == 3);
	CHECK(!parse_com1("", &c));
	CHECK(!parse_com1("115201", &c));
	CHECK(!parse_com1("9600,7e1", &c));
	CHECK(!parse_com1("9600,8n1,0", &c));
	CHECK(!parse_com1("9600,8n1,0x3f8,16", &c));
	CHECK(!parse_com1("9600,8n1,0x3f8,4x", &c));
}

static void lists(void)
{
	CHECK(list_has("com1,vga", "com1") && list_has("com1,vga", "vga"));
	CHECK(!list_has("com10,vga2", "com1") && !list_has("com10,vga2", "vga"));
	CHECK(!list_has("", "vga"));
}

int main(void)
{
	static const struct test t[] = {
		TEST(defaults),	   TEST(all_options), TEST(wrong_ones_are_named),
		TEST(a_long_word), TEST(memory),      TEST(com1),
		TEST(lists),
	};

	return TEST_RUN(t);
}

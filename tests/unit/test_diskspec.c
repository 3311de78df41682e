/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: tools/xenctl/diskspec.c tools/xenctl/spec.c */
/* How a disk is written: xl's forms and ours, every mistake named, names, extents, hostile text. */
#include <stdlib.h>
#include <string.h>

#include "../../tools/xenctl/diskspec.h"
#include "hostile.h"
#include "test.h"

static struct disk_spec s;
static char err[SPEC_ERR];

/* From an exact copy, so that ASan sees a read behind the end. */
static int parse(const char *text)
{
	char *copy = strdup(text);
	int ret;

	err[0] = 0;
	ret = diskspec_parse(&s, copy, err);
	free(copy);
	return ret;
}

static int is(const char *text, const char *target, uint32_t dev, uint32_t flags)
{
	return !parse(text) && !strcmp(s.target, target) && s.dev == dev && s.flags == flags &&
	       !strcmp(s.text, text);
}

static int refused(const char *text, const char *why)
{
	if (parse(text) == -1 && !strcmp(err, why))
		return 1;
	printf("'%s': '%s'\n", text, err);
	return 0;
}

#define RO XENO_VBLKF_READ_ONLY
#define CD (XENO_VBLKF_CDROM | XENO_VBLKF_READ_ONLY)

static void diskspec_forms(void)
{
	CHECK(is("phy:/dev/xvdb3,xvda,w", "/dev/xvdb3", 51712, 0));
	CHECK(is("phy:xvdb3,xvda,r", "/dev/xvdb3", 51712, RO));
	CHECK(is("raw:/dev/xvdb,xvdc2", "/dev/xvdb", 51746, 0));
	CHECK(is("/dev/xvdb,raw,xvda,ro", "/dev/xvdb", 51712, RO));
	CHECK(is(" /dev/xvdb , , xvda\t, rw ", "/dev/xvdb", 51712, 0));
	CHECK(is("format=raw, vdev=xvda, access=rw, target=/dev/a,b c", "/dev/a,b c", 51712, 0));
	CHECK(is("vdev=xvda,access=r,target=phy:/dev/xvdb", "/dev/xvdb", 51712, RO));
	CHECK(is("/dev/xvdb,vdev=xvda,format=raw", "/dev/xvdb", 51712, 0));
	CHECK(is("phy:/dev/xvdb,format=raw,xvda,r", "/dev/xvdb", 51712, RO));
	CHECK(is("vd:web:0123,xvda,w", "vd:web:0123", 51712, 0));
	CHECK(is("/dev/xvdc,,xvdz,backendtype=phy,discard,direct-io-safe", "/dev/xvdc",
		 (1 << 28) + 25 * 256, 0));
}

static void diskspec_kinds(void)
{
	CHECK(is("/dev/xvdb,raw,xvdc:cdrom,r", "/dev/xvdb", 51744, CD));
	CHECK(is("/dev/xvdb,raw,xvdc,devtype=cdrom", "/dev/xvdb", 51744, CD));
	CHECK(is("cdrom,vdev=xvdc,access=ro,target=/dev/xvdb", "/dev/xvdb", 51744, CD));
	CHECK(is("phy:/dev/xvdb,xvda,w!", "/dev/xvdb", 51712, XENO_VBLKF_SHARED));
	CHECK(is("phy:/dev/xvdb,xvda,ro!,devtype=disk", "/dev/xvdb", 51712,
		 XENO_VBLKF_SHARED | RO));
	CHECK(is("phy:/dev/xvdb,xvda,persistent", "/dev/xvdb", 51712, XENO_VBLKF_PERSISTENT));
	CHECK(!s.limits.weight && !s.limits.iops && !s.limits.rate);
	CHECK(!parse("phy:/dev/xvdb,xvda,w,weight=300,iops=5000,rate=20MiB"));
	CHECK(s.limits.weight == 300 && s.limits.iops == 5000 && s.limits.rate == 20 << 20);
	CHECK(!parse("phy:/dev/xvdb,xvda,rate=512K") && s.limits.rate == 512 << 10);
	CHECK(!parse("phy:/dev/xvdb,xvda,rate=7") && s.limits.rate == 7);
	CHECK(!parse("phy:/dev/xvdb,xvda,rate=2TiB") && s.limits.rate == 2ull << 40);
}

static void diskspec_mistakes(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "the target is missing (phy:/dev/xvdb3,xvda,w)" },
		{ "vdev=xvda", "the target is missing (phy:/dev/xvdb3,xvda,w)" },
		{ "phy:/dev/xvdb", "vdev is missing (the name in the guest: xvda)" },
		{ "phy:/dev/xvdb,,w", "vdev is missing (the name in the guest: xvda)" },
		{ "/dev/xvdb,xvda,w", "'xvda' stands where the format is: TARGET,raw,xvda" },
		{ "/dev/xvdb,qcow2,xvda", "format 'qcow2': only raw disks exist here" },
		{ "xvdb3,raw,xvda", "target 'xvdb3' is neither a path (/dev/xvdb3) nor vd:NAME" },
		{ "vd:,xvda", "target 'vd:' is neither a path (/dev/xvdb3) nor vd:NAME" },
		{ "phy:,xvda", "target '' is neither a path (/dev/xvdb3) nor vd:NAME" },
		{ "file:/a.img,xvda,w", "target 'file:/a.img': a file cannot be a disk" },
		{ "phy:/dev/xvdb,hda,w", "vdev 'hda': disks of guests are called xvda" },
		{ "phy:/dev/xvdb,sdb1,w", "vdev 'sdb1': disks of guests are called xvdb1" },
		{ "phy:/dev/xvdb,xvd,w", "vdev 'xvd' is not a name like xvda or xvda1" },
		{ "phy:/dev/xvdb,xvda0", "vdev 'xvda0' is not a name like xvda or xvda1" },
		{ "phy:/dev/xvdb,xvda16", "vdev 'xvda16': xvda to xvdp have partitions 1 to 15" },
		{ "phy:/dev/xvdb,xvda,x", "access 'x' is none of r, ro, w, rw (! behind: shared)" },
		{ "phy:/dev/xvdb,xvda,w!!",
		  "access 'w!!' is none of r, ro, w, rw (! behind: shared)" },
		{ "phy:/dev/xvdb,xvda,!", "access '!' is none of r, ro, w, rw (! behind: shared)" },
		{ "phy:/dev/xvdb,xvda,w,more", "'more' is one word too many" },
		{ "phy:/dev/xvdb,xvda,w,r", "'r' is one word too many" },
		{ "phy:/dev/xvdb,xvda,w,vdev=xvdb", "vdev is given twice" },
		{ "phy:/dev/xvdb,xvda,size=3", "unknown key 'size'" },
		{ "phy:/dev/xvdb,xvda,script=x", "script is not supported here" },
		{ "phy:/dev/xvdb,xvda,no-discard", "no-discard is not supported here" },
		{ "phy:/dev/xvdb,xvda,devtype=tape", "devtype 'tape' is neither disk nor cdrom" },
		{ "phy:/dev/xvdb,xvda:cdrom,w", "a CD is read-only: access must be r" },
		{ "phy:/dev/xvdb,xvda,backendtype=qdisk",
		  "backendtype 'qdisk': only phy exists here" },
		{ "phy:/dev/xvdb,xvda,weight=0", "weight '0' is not 1 to 1000" },
		{ "phy:/dev/xvdb,xvda,weight=1001", "weight '1001' is not 1 to 1000" },
		{ "phy:/dev/xvdb,xvda,iops=4294967296",
		  "iops '4294967296' is not a number below 2^32" },
		{ "phy:/dev/xvdb,xvda,rate=10MB", "rate '10MB' is not a number of bytes (20MiB)" },
		{ "phy:/dev/xvdb,xvda,rate=17000000T",
		  "rate '17000000T' is not a number of bytes (20MiB)" },
		{ "phy:/dev/x\nb,xvda", "it holds a control character" },
	};
	char text[2 * SPEC_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(refused(cases[i].text, cases[i].why));
	snprintf(text, sizeof(text), "phy:/%0250d,xvda", 0);
	CHECK(refused(text, "it is longer than 255 characters"));
	snprintf(text, sizeof(text), "xvda,w,phy:%0247d", 0);
	CHECK(parse(text) == -1);
	snprintf(text, sizeof(text), "vdev=xvda,target=phy:%0234d", 0);
	CHECK(!parse(text));
}

static void diskspec_names(void)
{
	char name[DISK_NAME_MAX];
	uint32_t dev;

	for (uint32_t n = 0; n < 702 * 3; n++) {
		uint32_t d = n / 3, part = n % 3 * 5;
		uint32_t want = d < 16 ? 51712 + 16 * d + part : (1 << 28) + 256 * d + part;

		CHECK(!vdev_number(vdev_name(want, name), &dev, err) && dev == want);
	}
	CHECK(!strcmp(vdev_name(51712 + 16 * 15 + 15, name), "xvdp15"));
	CHECK(!strcmp(vdev_name((1 << 28) + 256 * 16 + 255, name), "xvdq255"));
	CHECK(!strcmp(vdev_name((1 << 28) + 256 * 26, name), "xvdaa"));
	/* Numbers without a name stand for themselves. */
	CHECK(!strcmp(vdev_name(768, name), "768"));
	CHECK(!strcmp(vdev_name(1 << 28, name), "268435456"));
	CHECK(!strcmp(vdev_name(0xffffffff, name), "4294967295"));
	CHECK(!vdev_number("768", &dev, err) && dev == 768);
	CHECK(vdev_number("2147483648", &dev, err) == -1);
	CHECK(vdev_number("xvdaaa", &dev, err) == -1 && vdev_number("", &dev, err) == -1);
	CHECK(vdev_number("xvda1x", &dev, err) == -1 && vdev_number("xvdq256", &dev, err) == -1);
}

static void diskspec_sizes(void)
{
	char buf[16];

	CHECK(!strcmp(size_text(64 << 20, buf), "64.0 MiB"));
	CHECK(!strcmp(size_text(512, buf), "0.5 KiB"));
	CHECK(!strcmp(size_text(3ull << 39, buf), "1.5 TiB"));
	CHECK(strlen(size_text(UINT64_MAX, buf)) < 16);
}

static void diskspec_limits(void)
{
	struct disk_limits l = { 1, 2, 3 };

	CHECK(!disk_limit_parse(&l, "weight=9", err) && !disk_limit_parse(&l, "rate=0", err));
	CHECK(l.weight == 9 && l.iops == 2 && l.rate == 0);
	CHECK(disk_limit_parse(&l, "vdev=xvda", err) == -1);
	CHECK(disk_limit_parse(&l, "weight", err) == -1);
	CHECK(!strcmp(err, "'weight' is none of weight=, iops=, rate="));
}

static void diskspec_extents(void)
{
	const struct xeno_vblk_extent x[] = { { 0, 0, 100, 10 }, { 1, 0, 0, 5 }, { 0, 0, 50, 10 } };
	struct xeno_vblk_extent out[3];

	CHECK(extents_cut(x, 3, 0, 25, out) == 3 && !memcmp(x, out, sizeof(x)));
	CHECK(extents_cut(x, 3, 12, 2, out) == 1 && out[0].drive == 1 && out[0].first == 2 &&
	      out[0].sectors == 2);
	CHECK(extents_cut(x, 3, 9, 7, out) == 3 && out[0].first == 109 && out[0].sectors == 1 &&
	      out[2].first == 50 && out[2].sectors == 1);
	CHECK(extents_cut(x, 3, 24, 2, out) == 0);
	CHECK(extents_cut(x, 3, 25, 1, out) == 0 && extents_cut(x, 3, UINT64_MAX, 1, out) == 0);
	CHECK(extents_cut(x, 3, 1, UINT64_MAX, out) == 0 && extents_cut(x, 0, 0, 1, out) == 0);
	CHECK(extents_overlap(x, 1, &(struct xeno_vblk_extent){ 0, 0, 109, 1 }, 1));
	CHECK(!extents_overlap(x, 3, &(struct xeno_vblk_extent){ 0, 0, 110, 9 }, 1));
	CHECK(!extents_overlap(x, 1, &(struct xeno_vblk_extent){ 1, 0, 100, 10 }, 1));
	CHECK(!extents_overlap(x, 3, &(struct xeno_vblk_extent){ 0, 0, 90, 10 }, 1));
}

/* Any bytes end in success or one message; ASan watches. */
static void diskspec_hostile(void)
{
	static const char seed[] = "phy:/dev/xvdb3,vdev=xvda1,access=w!,rate=1M,target=/a,b";
	uint64_t r = 88172645463325252ull;

	for (unsigned int round = 0; round < 100000; round++) {
		char text[sizeof(seed)];

		hostile_text(text, seed, sizeof(seed), round % 6, ",=:! \t!0xvr\0\xff/dw", &r);
		if (parse(text))
			CHECK(err[0]);
		else
			CHECK(s.target[0]);
	}
}

int main(void)
{
	static const struct test t[] = {
		TEST(diskspec_forms),	TEST(diskspec_kinds),	TEST(diskspec_mistakes),
		TEST(diskspec_names),	TEST(diskspec_sizes),	TEST(diskspec_limits),
		TEST(diskspec_extents), TEST(diskspec_hostile),
	};

	return TEST_RUN(t);
}

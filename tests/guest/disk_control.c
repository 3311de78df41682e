/* SPDX-License-Identifier: GPL-2.0-only */
/* DISKS: Control operations on drives and virtual block devices: what is refused, and who excludes whom. */
#include <public/control.h>
#include "lib/guest.h"

#define DRIVE_SECTORS (8ul << 11)
#define DEV 51712

static struct xeno_control c;
static struct xeno_vblk_extent x[XENO_VBLK_MAX_EXTENTS + 1];
static domid_t dom[3];

static long call(uint32_t op, uint16_t domid)
{
	c.version = XENO_CONTROL_VERSION;
	c.op = op;
	c.domid = domid;
	return hc(xeno_control, &c);
}

static uint64_t free_pages(void)
{
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_PHYS_INFO, 0), 0);
	return c.u.phys.free_pages;
}

static long set(domid_t d, uint32_t dev, uint32_t flags, unsigned int n)
{
	memset(&c, 0, sizeof(c));
	c.u.vblk_set.dev = dev;
	c.u.vblk_set.flags = flags;
	c.u.vblk_set.nr_extents = n;
	c.u.vblk_set.extents = A(x);
	memcpy(c.u.vblk_set.label, "test", 5);
	return call(XENO_CTL_VBLK_SET, d);
}

/* One extent of the first drive. */
static long set_one(domid_t d, uint32_t dev, uint32_t flags, uint64_t first, uint64_t sectors)
{
	x[0] = (struct xeno_vblk_extent){ .first = first, .sectors = sectors };
	return set(d, dev, flags, 1);
}

static long drop(domid_t d, uint32_t dev, uint32_t force)
{
	memset(&c, 0, sizeof(c));
	c.u.vblk_remove.dev = dev;
	c.u.vblk_remove.force = force;
	return call(XENO_CTL_VBLK_REMOVE, d);
}

static void drives(void)
{
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_DISK_INFO, 0), 0);
	EXPECT(c.u.disk.sectors, DRIVE_SECTORS);
	EXPECT(c.u.disk.block_size, 512);
	CHECK(!memcmp(c.u.disk.driver, "ram", 4), "driver %s", c.u.disk.driver);
	memset(&c, 0, sizeof(c));
	c.u.disk.drive = 2;
	EXPECT(call(XENO_CTL_DISK_INFO, 0), -ENOENT);
	c.u.disk.drive = ~0u;
	EXPECT(call(XENO_CTL_DISK_INFO, 0), -ENOENT);
}

static void refused(void)
{
	EXPECT(set(dom[0], DEV, 0, 0), -EINVAL);
	EXPECT(set(dom[0], DEV, 0, XENO_VBLK_MAX_EXTENTS + 1), -EINVAL);
	EXPECT(set_one(dom[0], 1u << 31, 0, 0, 8), -EINVAL);
	EXPECT(set_one(dom[0], DEV, 0x40, 0, 8), -EINVAL);
	EXPECT(set_one(dom[0], DEV, XENO_VBLKF_WHOLE, 0, 8), -EINVAL);
	EXPECT(set_one(dom[0], DEV, 0, 0, 0), -EINVAL);
	EXPECT(set_one(dom[0], DEV, 0, DRIVE_SECTORS, 1), -ERANGE);
	EXPECT(set_one(dom[0], DEV, 0, 1, DRIVE_SECTORS), -ERANGE);
	EXPECT(set_one(dom[0], DEV, 0, ~0ul, 2), -ERANGE);
	EXPECT(set_one(dom[0], DEV, 0, 2, ~0ul), -ERANGE);
	x[0].drive = 2;
	EXPECT(set(dom[0], DEV, 0, 1), -ENODEV);
	x[0] = (struct xeno_vblk_extent){ .first = 0, .sectors = 100 };
	x[1] = (struct xeno_vblk_extent){ .first = 99, .sectors = 8 };
	EXPECT(set(dom[0], DEV, 0, 2), -EINVAL);
	x[1].first = 100;
	x[1].pad = 1;
	EXPECT(set(dom[0], DEV, 0, 2), -EINVAL);
	memset(&c, 0, sizeof(c));
	c.u.vblk_set.nr_extents = 2;
	c.u.vblk_set.extents = BAD_HYP;
	EXPECT(call(XENO_CTL_VBLK_SET, dom[0]), -EFAULT);
	memset(&c, 0, sizeof(c));
	memset(c.u.vblk_set.label, 'a', XENO_NAME_MAX);
	c.u.vblk_set.nr_extents = 1;
	c.u.vblk_set.extents = A(x);
	EXPECT(call(XENO_CTL_VBLK_SET, dom[0]), -EINVAL);
	EXPECT(drop(dom[0], DEV, 0), -ENOENT);
	EXPECT(drop(dom[0], DEV, 1), -ENOENT);
	EXPECT(set_one(dom[0], DEV, XENO_VBLKF_UPDATE, 0, 8), -ENOENT);
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_VBLK_INFO, dom[0]), -ENOENT);
}

/* One writer, or readers; the whole drives of domain 0 do not count. */
static void exclusion(void)
{
	EXPECT(set_one(dom[0], DEV, 0, 1000, 1000), 0);
	EXPECT(set_one(dom[0], DEV, 0, 5000, 8), -EEXIST);
	EXPECT(set_one(dom[1], DEV, 0, 1999, 1), -EBUSY);
	EXPECT(set_one(dom[1], DEV, XENO_VBLKF_READ_ONLY, 900, 101), -EBUSY);
	EXPECT(set_one(dom[0], DEV + 16, 0, 1500, 1), -EBUSY);
	EXPECT(set_one(dom[1], DEV, 0, 2000, 8), 0);
	EXPECT(set_one(dom[1], DEV + 16, 0, 992, 8), 0);
	EXPECT(set_one(dom[1], DEV + 32, XENO_VBLKF_SHARED, 1000, 8), 0);
	EXPECT(set_one(dom[0], DEV + 16, XENO_VBLKF_READ_ONLY, 5000, 100), 0);
	EXPECT(set_one(dom[1], DEV + 48, XENO_VBLKF_READ_ONLY, 5050, 100), 0);
	EXPECT(set_one(dom[2], DEV, 0, 5149, 1), -EBUSY);
	/* Without a front end, a device is gone when it is asked to go. */
	EXPECT(drop(dom[1], DEV + 48, 1), 0);
	EXPECT(set_one(dom[2], DEV, 0, 5149, 1), 0);
}

static void changes(void)
{
	memset(&c, 0, sizeof(c));
	c.u.vblk_info.extents = A(x);
	c.u.vblk_info.room = 1;
	EXPECT(call(XENO_CTL_VBLK_INFO, dom[0]), 0);
	EXPECT(c.u.vblk_info.dev, DEV);
	EXPECT(c.u.vblk_info.sectors, 1000);
	EXPECT(c.u.vblk_info.nr_extents, 1);
	EXPECT(c.u.vblk_info.weight, 100);
	EXPECT(x[0].first, 1000);
	/* Longer at its end, but not into another's, and not shorter. */
	EXPECT(set_one(dom[0], DEV, XENO_VBLKF_UPDATE, 1000, 1001), -EBUSY);
	EXPECT(set_one(dom[0], DEV, XENO_VBLKF_UPDATE, 1000, 999), -EINVAL);
	EXPECT(set_one(dom[0], DEV, XENO_VBLKF_UPDATE, 1001, 999), -EINVAL);
	x[0] = (struct xeno_vblk_extent){ .first = 1000, .sectors = 1000 };
	x[1] = (struct xeno_vblk_extent){ .first = 9000, .sectors = 50 };
	EXPECT(set(dom[0], DEV, XENO_VBLKF_UPDATE, 2), 0);
	x[1].drive = 1;
	EXPECT(set(dom[0], DEV, XENO_VBLKF_UPDATE, 2), -EINVAL);
	memset(&c, 0, sizeof(c));
	c.u.vblk_info.extents = A(x);
	c.u.vblk_info.room = 2;
	EXPECT(call(XENO_CTL_VBLK_INFO, dom[0]), 0);
	EXPECT(c.u.vblk_info.sectors, 1050);
	EXPECT(x[1].first, 9000);
	/* Weight and limits only. */
	memset(&c, 0, sizeof(c));
	c.u.vblk_set.dev = DEV;
	c.u.vblk_set.flags = XENO_VBLKF_UPDATE;
	c.u.vblk_set.weight = 1000;
	c.u.vblk_set.iops_limit = 77;
	EXPECT(call(XENO_CTL_VBLK_SET, dom[0]), 0);
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_VBLK_INFO, dom[0]), 0);
	EXPECT(c.u.vblk_info.weight, 1000);
	EXPECT(c.u.vblk_info.iops_limit, 77);
	EXPECT(c.u.vblk_info.nr_extents, 2);
}

static void many(void)
{
	unsigned int n;

	for (n = 0; n < 200; n++) {
		long err = set_one(dom[2], 1000 + n, XENO_VBLKF_READ_ONLY, 12000, 8);

		if (err) {
			EXPECT(err, -ENOSPC);
			break;
		}
	}
	CHECK(n >= 32 && n < XENO_VBLK_MAX_DEVICES, "%u devices", n);
	for (n = 0; n < XENO_VBLK_MAX_EXTENTS; n++)
		x[n] = (struct xeno_vblk_extent){ .first = 13000 + 2 * n, .sectors = 1 };
	EXPECT(set(dom[1], 7, 0, XENO_VBLK_MAX_EXTENTS), 0);
	EXPECT(set_one(dom[0], 7, 0, 13000 + 2 * 255, 1), -EBUSY);
	EXPECT(set_one(dom[0], 7, 0, 13001, 1), 0);
}

void test(void)
{
	uint64_t before;

	if (!xeno || !is_dom0)
		skip("domain 0 only");
	before = free_pages();
	for (unsigned int i = 0; i < 3; i++) {
		memset(&c, 0, sizeof(c));
		c.u.create.max_vcpus = 1;
		c.u.create.max_pages = 100;
		memcpy(c.u.create.name, "disk-", 5);
		c.u.create.name[5] = (char)('a' + i);
		EXPECT(call(XENO_CTL_DOMAIN_CREATE, 0), 0);
		dom[i] = c.domid;
	}
	drives();
	refused();
	exclusion();
	changes();
	many();
	for (unsigned int i = 0; i < 3; i++) {
		long err;

		do {
			memset(&c, 0, sizeof(c));
			err = call(XENO_CTL_DOMAIN_DESTROY, dom[i]);
		} while (err == -EAGAIN);
		EXPECT(err, 0);
	}
	for (int i = 0; free_pages() != before; i++) {
		CHECK(i < 1000, "%lu pages lost", before - free_pages());
		sleep_ns(1000000);
	}
}

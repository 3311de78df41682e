/* SPDX-License-Identifier: GPL-2.0-only */
/* The control hypercall: versions, unknown operations, missing targets, who may call it. */
#include <public/control.h>
#include "lib/guest.h"

static struct xeno_control c;

static long call(uint32_t op, uint16_t domid)
{
	c.version = XENO_CONTROL_VERSION;
	c.op = op;
	c.domid = domid;
	return hc(xeno_control, &c);
}

static void refused(void)
{
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_NR_OPS, 0), -ENOSYS);
	EXPECT(call(9999, 0), -ENOSYS);
	EXPECT(call(~0u, 0), -ENOSYS);
	c.version = 99;
	c.op = XENO_CTL_PHYS_INFO;
	EXPECT(hc(xeno_control, &c), -EOPNOTSUPP);
	EXPECT(hc(xeno_control, BAD_UNMAPPED), -EFAULT);
	EXPECT(hc(xeno_control, BAD_HYP), -EFAULT);
	EXPECT(hc(xeno_control, BAD_NONCANON), -EFAULT);
	for (uint32_t op = XENO_CTL_DOMAIN_DESTROY; op < XENO_CTL_NR_OPS; op++) {
		if (op == XENO_CTL_DOMAIN_INFO || op == XENO_CTL_LOG_READ ||
		    op == XENO_CTL_PHYS_INFO || op == XENO_CTL_DEBUG_KEY ||
		    op == XENO_CTL_DISK_INFO || op >= XENO_CTL_VNET_NIC_INFO)
			continue;
		memset(&c, 0, sizeof(c));
		EXPECT(call(op, 0x1234), -ESRCH);
		memset(&c, 0, sizeof(c));
		REFUSED(call(op, 0xffff));
	}
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_DOMAIN_DESTROY, 0), -EPERM);
	EXPECT(call(XENO_CTL_DOMAIN_PAUSE, 0), -EPERM);
}

static long create(uint32_t vcpus, uint64_t pages, const char *name, size_t len)
{
	memset(&c, 0, sizeof(c));
	c.u.create.max_vcpus = vcpus;
	c.u.create.max_pages = pages;
	memcpy(c.u.create.name, name, len);
	return call(XENO_CTL_DOMAIN_CREATE, 0);
}

static uint64_t free_pages(void)
{
	memset(&c, 0, sizeof(c));
	EXPECT(call(XENO_CTL_PHYS_INFO, 0), 0);
	return c.u.phys.free_pages;
}

/* Empty domains come and go; nothing stays. */
static void create_destroy(void)
{
	static char full[XENO_NAME_MAX];
	uint64_t before = free_pages(), mfn[8];
	domid_t id;
	long ret;

	memset(full, 'x', sizeof(full));
	REFUSED(create(0, 100, "t", 2));
	REFUSED(create(33, 100, "t", 2));
	REFUSED(create(1, 0, "t", 2));
	REFUSED(create(1, 100, "", 1));
	REFUSED(create(1, 100, "123", 4));
	REFUSED(create(1, 100, "a b", 4));
	REFUSED(create(1, 100, full, sizeof(full)));
	REFUSED(create(1, 1ul << 60, "t", 2) ?: -EINVAL);
	for (int i = 0; i < 20; i++) {
		EXPECT(create(2, 100, "guest-test", 11), 0);
		id = c.domid;
		CHECK(id > 0 && id < DOMID_FIRST_RESERVED, "domain %u", id);
		EXPECT(create(2, 100, "guest-test", 11), -EEXIST);
		memset(&c, 0, sizeof(c));
		c.u.populate.count = 8;
		c.u.populate.mfns = A(mfn);
		EXPECT(call(XENO_CTL_MEM_POPULATE, id), 0);
		memset(&c, 0, sizeof(c));
		c.u.populate.count = 1000;
		c.u.populate.mfns = BAD_UNMAPPED;
		REFUSED(call(XENO_CTL_MEM_POPULATE, id));
		memset(&c, 0, sizeof(c));
		while ((ret = call(XENO_CTL_DOMAIN_DESTROY, id)) == -EAGAIN)
			;
		EXPECT(ret, 0);
		EXPECT(call(XENO_CTL_DOMAIN_DESTROY, id), -ESRCH);
		/* The hypervisor's own allocator keeps pages the first time. */
		if (!i) {
			sleep_ns(100000000);
			before = free_pages();
		}
	}
	sleep_ns(100000000);
	CHECK(free_pages() + 4 >= before, "%lu pages before, %lu now", before, free_pages());
}

void test(void)
{
	if (!xeno)
		skip("Xeno's own");
	if (!is_dom0) {
		for (uint32_t op = 0; op < XENO_CTL_NR_OPS + 3; op++)
			EXPECT(call(op, 0), -EPERM);
		EXPECT(hc(xeno_control, BAD_HYP), -EPERM);
		return;
	}
	refused();
	create_destroy();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls through Linux's privcmd (hyp.h). Layouts of its ioctls: Linux's
 * include/uapi/xen/privcmd.h. The call buffer is a locked, private mapping; every page of
 * it is written before each call, so that it is present and writable even after a fork.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hyp.h"
#include "xenctl.h"

#define PRIVCMD "/dev/xen/privcmd"

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};

struct privcmd_mmapbatch_v2 {
	uint32_t num;
	uint16_t dom;
	uint64_t addr;
	const uint64_t *arr;
	int *err;
};

#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define IOCTL_PRIVCMD_MMAPBATCH_V2 _IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_mmapbatch_v2))

#define PAGE 4096
#define BUF_BYTES (PAGE + HYP_DATA_BYTES) /* a page of arguments, then the data */

static int privcmd = -1;
static uint8_t *buf;

int hyp_open(void)
{
	if (privcmd >= 0)
		close(privcmd);
	privcmd = open(PRIVCMD, O_RDWR | O_CLOEXEC);
	if (privcmd < 0) {
		report("%s: %s; is this domain 0 of Xeno?", PRIVCMD, strerror(errno));
		return -1;
	}
	if (!buf) {
		buf = mmap(NULL, BUF_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);
		if (buf == MAP_FAILED)
			buf = NULL;
	}
	if (!buf || mlock(buf, BUF_BYTES)) {
		report("cannot lock memory for hypercalls: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static void need_open(void)
{
	if (privcmd < 0 && hyp_open())
		exit(EXIT_FAILURE);
}

void *hyp_data(void)
{
	need_open();
	return buf + PAGE;
}

static long call(uint64_t op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct privcmd_hypercall h = { op, { a1, a2, a3, a4, 0 } };
	long ret;

	for (size_t at = 0; at < BUF_BYTES; at += PAGE)
		((volatile uint8_t *)buf)[at] = buf[at];
	ret = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &h);
	return ret == -1 ? -errno : ret;
}

int hyp_control(struct xeno_control *c, enum xeno_control_op op, uint16_t domid)
{
	long ret;

	need_open();
	c->version = XENO_CONTROL_VERSION;
	c->op = op;
	c->domid = domid;
	memcpy(buf, c, sizeof(*c));
	ret = call(__HYPERVISOR_xeno_control, (uintptr_t)buf, 0, 0, 0);
	memcpy(c, buf, sizeof(*c));
	if (ret == -EOPNOTSUPP && c->version != XENO_CONTROL_VERSION)
		die("this xenctl speaks control version %u, the hypervisor %u",
		    XENO_CONTROL_VERSION, c->version);
	return ret < 0 ? (int)ret : 0;
}

int hyp_info(uint16_t domid, struct xeno_ctl_info *info)
{
	struct xeno_control c = { 0 };
	int ret = hyp_control(&c, XENO_CTL_DOMAIN_INFO, domid);

	if (ret)
		return ret;
	*info = c.u.info;
	return c.domid == domid ? 0 : -ESRCH;
}

long hyp_stream(enum xeno_control_op op, uint16_t domid, uint64_t *pos, void *data, size_t len)
{
	bool in = op == XENO_CTL_CONSOLE_WRITE || op == XENO_CTL_CONFIG_SET;
	struct xeno_control c = { 0 };
	uint8_t *p = hyp_data();
	int ret;

	len = len < HYP_DATA_BYTES ? len : HYP_DATA_BYTES;
	if (in)
		memcpy(p, data, len);
	c.u.stream = (struct xeno_ctl_stream){ .pos = *pos, .addr = (uintptr_t)p, .len = len };
	ret = hyp_control(&c, op, domid);
	if (ret)
		return ret;
	if (c.u.stream.done > len)
		return -EOVERFLOW;
	if (!in)
		memcpy(data, p, c.u.stream.done);
	*pos = c.u.stream.pos;
	return (long)c.u.stream.done;
}

long hyp_xs(enum xeno_control_op op, uint16_t domid, const char *path, void *data, size_t len)
{
	struct xeno_control c = { 0 };
	uint8_t *p = hyp_data();
	int ret;

	if (strlen(path) >= sizeof(c.u.xs.path) || len > HYP_DATA_BYTES)
		return -E2BIG;
	strcpy(c.u.xs.path, path);
	if (op == XENO_CTL_XS_WRITE)
		memcpy(p, data, len);
	c.u.xs.addr = (uintptr_t)p;
	c.u.xs.len = op == XENO_CTL_XS_READ && len ? len - 1 : len;
	ret = hyp_control(&c, op, domid);
	if (ret || op == XENO_CTL_XS_WRITE || op == XENO_CTL_XS_RM)
		return ret;
	if (c.u.xs.done > c.u.xs.len)
		c.u.xs.done = c.u.xs.len;
	memcpy(data, p, c.u.xs.done);
	if (op == XENO_CTL_XS_READ && len)
		((char *)data)[c.u.xs.done] = 0;
	return (long)c.u.xs.done;
}

int hyp_destroy(uint16_t domid)
{
	time_t end = time(NULL) + 30;
	int ret;

	for (unsigned int slices = 0;; slices++) {
		struct xeno_control c = { 0 };

		ret = hyp_control(&c, XENO_CTL_DOMAIN_DESTROY, domid);
		if (ret != -EAGAIN || time(NULL) > end)
			return ret;
		if (slices > 1000)
			usleep(10000);
	}
}

int hyp_disk_info(uint32_t nr, struct xeno_ctl_disk_info *info)
{
	struct xeno_control c = { .u.disk.drive = nr };
	int ret = hyp_control(&c, XENO_CTL_DISK_INFO, 0);

	*info = c.u.disk;
	return ret;
}

int hyp_vblk_set(uint16_t domid, struct xeno_ctl_vblk_set *u, const struct xeno_vblk_extent *x,
		 unsigned int n)
{
	struct xeno_control c = { .u.vblk_set = *u };
	void *p = hyp_data();

	if (n)
		memcpy(p, x, n * sizeof(*x));
	c.u.vblk_set.nr_extents = n;
	c.u.vblk_set.extents = (uintptr_t)p;
	return hyp_control(&c, XENO_CTL_VBLK_SET, domid);
}

int hyp_vblk_remove(uint16_t domid, uint32_t dev, bool force)
{
	struct xeno_control c = { .u.vblk_remove = { dev, force } };

	return hyp_control(&c, XENO_CTL_VBLK_REMOVE, domid);
}

int hyp_vblk_info(uint16_t domid, uint32_t dev, struct xeno_ctl_vblk_info *info,
		  struct xeno_vblk_extent *x)
{
	struct xeno_control c = { .u.vblk_info.dev = dev };
	void *p = hyp_data();
	int ret;

	c.u.vblk_info.room = x ? XENO_VBLK_MAX_EXTENTS : 0;
	c.u.vblk_info.extents = (uintptr_t)p;
	ret = hyp_control(&c, XENO_CTL_VBLK_INFO, domid);
	*info = c.u.vblk_info;
	if (!ret && info->nr_extents > XENO_VBLK_MAX_EXTENTS)
		return -EOVERFLOW;
	if (!ret && x)
		memcpy(x, p, info->nr_extents * sizeof(*x));
	return ret;
}

int hyp_set_m2p(uint16_t domid, const uint64_t *mfns, uint64_t first, uint64_t count)
{
	struct mmu_update *reqs = hyp_data();
	const uint64_t room = HYP_DATA_BYTES / sizeof(*reqs);

	for (uint64_t done = 0, n; done < count; done += n) {
		long ret;

		n = count - done < room ? count - done : room;
		for (uint64_t i = 0; i < n; i++)
			reqs[i] = (struct mmu_update){ mfns[done + i] << 12 | MMU_MACHPHYS_UPDATE,
						       first + done + i };
		ret = call(__HYPERVISOR_mmu_update, (uintptr_t)reqs, n, 0, domid);
		if (ret < 0)
			return (int)ret;
	}
	return 0;
}

int hyp_pin_l4(uint16_t domid, uint64_t mfn)
{
	struct mmuext_op *op = hyp_data();
	long ret;

	*op = (struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn };
	ret = call(__HYPERVISOR_mmuext_op, (uintptr_t)op, 1, 0, domid);
	return ret < 0 ? (int)ret : 0;
}

void *hyp_map(uint16_t domid, const uint64_t *mfns, size_t count, int *err)
{
	int errors[HYP_MAP_FRAMES];
	struct privcmd_mmapbatch_v2 m = { (uint32_t)count, domid, 0, mfns, errors };
	void *p;

	need_open();
	p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd, 0);
	if (p == MAP_FAILED) {
		*err = -errno;
		return NULL;
	}
	m.addr = (uintptr_t)p;
	*err = ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &m) ? -errno : 0;
	for (size_t i = 0; !*err && i < count; i++)
		*err = errors[i];
	if (!*err)
		return p;
	munmap(p, count * PAGE);
	return NULL;
}

void hyp_unmap(void *p, size_t count)
{
	munmap(p, count * PAGE);
}

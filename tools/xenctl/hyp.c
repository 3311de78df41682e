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

int hyp_vnet_set(uint16_t domid, const struct xeno_ctl_vnet_set *u)
{
	struct xeno_control c = { .u.vnet_set = *u };

	return hyp_control(&c, XENO_CTL_VNET_SET, domid);
}

int hyp_vnet_remove(uint16_t domid, uint32_t handle, bool force)
{
	struct xeno_control c = { .u.vnet_remove = { handle, force } };

	return hyp_control(&c, XENO_CTL_VNET_REMOVE, domid);
}

int hyp_vnet_info(uint16_t domid, uint32_t handle, struct xeno_ctl_vnet_info *info)
{
	struct xeno_control c = { .u.vnet_info.handle = handle };
	int ret = hyp_control(&c, XENO_CTL_VNET_INFO, domid);

	*info = c.u.vnet_info;
	return !ret && info->nr_addrs > XENO_VNET_MAX_ADDRS ? -EOVERFLOW : ret;
}

int hyp_vnet_nic_info(uint32_t nr, struct xeno_ctl_vnet_nic *nic)
{
	struct xeno_control c = { .u.vnet_nic.nic = nr };
	int ret = hyp_control(&c, XENO_CTL_VNET_NIC_INFO, 0);

	*nic = c.u.vnet_nic;
	return ret;
}

int hyp_vnet_nic_set(uint32_t nr, uint32_t addr)
{
	struct xeno_control c = { .u.vnet_nic = { .nic = nr, .addr = addr } };

	return hyp_control(&c, XENO_CTL_VNET_NIC_SET, 0);
}

int hyp_vnet_refusals(uint32_t iface, uint32_t reason, struct xeno_ctl_vnet_refusals *r)
{
	struct xeno_control c = { .u.vnet_refusals = { .iface = iface, .reason = reason } };
	int ret = hyp_control(&c, XENO_CTL_VNET_REFUSALS, 0);

	*r = c.u.vnet_refusals;
	return ret;
}

/* One piece of a list from element `first` on, again until it is in place. */
static int list_set_piece(struct xeno_ctl_vnet_list *u)
{
	int ret;

	for (unsigned int slices = 0;; slices++) {
		struct xeno_control c = { .u.vnet_list = *u };

		ret = hyp_control(&c, XENO_CTL_VNET_LIST_SET, 0);
		u->bad = ret ? XENO_VNET_GOOD : c.u.vnet_list.bad;
		if (ret != -EAGAIN || slices > 100000)
			return ret;
	}
}

int hyp_vnet_list_set(enum xeno_vnet_list list, const void *elements, size_t size, uint32_t nr,
		      uint32_t *bad)
{
	uint32_t room = (uint32_t)(XENO_VNET_LIST_PIECE / size);
	void *p = hyp_data();
	uint32_t first = 0;

	do {
		struct xeno_ctl_vnet_list u = { .list = list, .first = first, .total = nr };
		int ret;

		u.nr = nr - first < room ? nr - first : room;
		u.addr = (uintptr_t)p;
		if (u.nr)
			memcpy(p, (const uint8_t *)elements + first * size, u.nr * size);
		ret = list_set_piece(&u);
		*bad = u.bad;
		if (ret || u.bad != XENO_VNET_GOOD)
			return ret;
		first += u.nr;
	} while (first < nr);
	return 0;
}

int hyp_vnet_list_get(enum xeno_vnet_list list, size_t size, void **elements, uint32_t *nr)
{
	const uint32_t room = (uint32_t)(XENO_VNET_LIST_PIECE / size);
	bool conns = list == XENO_VNET_LIST_CONNS;
	uint8_t *all = NULL;
	uint32_t first = 0;
	int ret;

	for (*nr = 0;;) {
		struct xeno_control c = { .u.vnet_list = { .list = list, .first = first } };
		uint8_t *more = realloc(all, (*nr + (size_t)room) * size);
		void *p = hyp_data();

		ret = more ? 0 : -ENOMEM;
		all = more ? more : all;
		c.u.vnet_list.nr = room;
		c.u.vnet_list.addr = (uintptr_t)p;
		ret = ret ? ret : hyp_control(&c, XENO_CTL_VNET_LIST_GET, 0);
		if (!ret && c.u.vnet_list.nr > room)
			ret = -EOVERFLOW;
		if (ret)
			break;
		memcpy(all + *nr * size, p, c.u.vnet_list.nr * size);
		*nr += c.u.vnet_list.nr;
		first = conns ? c.u.vnet_list.first : *nr;
		if (conns ? !first : !c.u.vnet_list.nr || first >= c.u.vnet_list.total)
			break;
	}
	*elements = all;
	if (ret)
		free(all);
	return ret;
}

int hyp_vnet_events(struct xeno_vnet_event *events, uint32_t *nr, uint64_t *lost)
{
	struct xeno_control c = { .u.vnet_events = { .nr = *nr } };
	void *p = hyp_data();
	int ret;

	c.u.vnet_events.addr = (uintptr_t)p;
	ret = hyp_control(&c, XENO_CTL_VNET_EVENTS, 0);
	if (ret)
		return ret;
	if (c.u.vnet_events.nr > *nr)
		return -EOVERFLOW;
	*nr = c.u.vnet_events.nr;
	*lost = c.u.vnet_events.lost;
	memcpy(events, p, *nr * sizeof(*events));
	return 0;
}

int hyp_vnet_capture_start(uint32_t iface, uint32_t snap)
{
	struct xeno_control c = {
		.u.vnet_capture = { .cmd = XENO_VNET_CAPTURE_START, .iface = iface, .snap = snap }
	};

	return hyp_control(&c, XENO_CTL_VNET_CAPTURE, 0);
}

int hyp_vnet_capture_stop(void)
{
	struct xeno_control c = { .u.vnet_capture.cmd = XENO_VNET_CAPTURE_STOP };

	return hyp_control(&c, XENO_CTL_VNET_CAPTURE, 0);
}

int hyp_vnet_capture_read(uint32_t *len, uint64_t *lost)
{
	struct xeno_control c = { .u.vnet_capture = { .cmd = XENO_VNET_CAPTURE_READ,
						      .len = XENO_VNET_LIST_PIECE } };
	int ret;

	c.u.vnet_capture.addr = (uintptr_t)hyp_data();
	ret = hyp_control(&c, XENO_CTL_VNET_CAPTURE, 0);
	*len = c.u.vnet_capture.len;
	*lost = c.u.vnet_capture.lost;
	return !ret && *len > XENO_VNET_LIST_PIECE ? -EOVERFLOW : ret;
}

int hyp_vnet_explain(struct xeno_ctl_vnet_explain *e)
{
	struct xeno_control c = { .u.vnet_explain = *e };
	int ret = hyp_control(&c, XENO_CTL_VNET_EXPLAIN, 0);

	*e = c.u.vnet_explain;
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

/* --- devices of domains, taken away */

static int ask_disk(uint16_t domid, uint32_t dev)
{
	struct xeno_ctl_vblk_info v;
	int err = hyp_vblk_info(domid, dev, &v, NULL);

	return err ? err : v.dev == dev ? 0 : -ENOENT;
}

static int ask_vif(uint16_t domid, uint32_t handle)
{
	struct xeno_ctl_vnet_info v;
	int err = hyp_vnet_info(domid, handle, &v);

	return err ? err : v.handle == handle ? 0 : -ENOENT;
}

const struct hyp_kind hyp_disks = { hyp_vblk_remove, ask_disk };
const struct hyp_kind hyp_vifs = { hyp_vnet_remove, ask_vif };

/* With force again and again: what its requests still use stays until they have ended. */
int hyp_detach(const struct hyp_kind *kind, uint16_t domid, uint32_t nr, bool force)
{
	const unsigned int poll_ms = 50;

	for (unsigned int ms = 0; ms < HYP_WAIT_S * 1000; ms += poll_ms) {
		int err = !ms || force ? kind->remove(domid, nr, force) : 0;

		if (!err || err == -EAGAIN)
			err = kind->ask(domid, nr);
		if (err)
			return err == -ENOENT || err == -ESRCH ? 0 : err;
		usleep(poll_ms * 1000);
	}
	return -EBUSY;
}

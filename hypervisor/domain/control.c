/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control hypercall of domain 0 (public/control.h): one table of operations.
 * The structure is copied in whole, the operation runs on the copy, and on success
 * the part it may change is copied out. With a target the domain is referenced and
 * its ctl_lock held, so operations on one domain exclude each other.
 *
 * Every operation is bounded: buffers by XENO_BUF_SLICE, the rest by its nature or
 * by returning early, as the header says.
 */
#include <hyp/boot.h>
#include <hyp/call.h>
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/timer.h>
#include <hyp/vblk.h>
#include <hyp/version.h>
#include <hyp/vnet.h>
#include <public/control.h>
#include <public/vcpu.h>

_Static_assert(XENO_NAME_MAX == DOM_NAME_MAX, "name size");

#define POPULATE_SLICE 256
#define CHUNK 512 /* of a byte stream: fits the stack */

typedef int ctl_fn(struct xeno_control *c, struct domain *d);

/* --- life cycle */

static bool name_ok(const char name[XENO_NAME_MAX])
{
	size_t len = strnlen(name, XENO_NAME_MAX);
	bool digits = true;

	for (size_t i = 0; i < len; i++) {
		char ch = name[i];
		bool digit = ch >= '0' && ch <= '9';

		if (!digit && !(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') &&
		    !strchr("_.+-", ch))
			return false;
		digits = digits && digit;
	}
	return len && len < XENO_NAME_MAX && !digits;
}

static int ctl_domain_create(struct xeno_control *c, struct domain *unused)
{
	const struct xeno_ctl_create *u = &c->u.create;
	struct domain_new n = { .split = u->flags & XENO_CREATE_SPLIT,
				.max_vcpus = u->max_vcpus,
				.max_pages = u->max_pages,
				.name = u->name };
	struct domain *d;
	int err;

	if (u->flags & ~(uint32_t)XENO_CREATE_SPLIT || !name_ok(u->name) || !u->max_pages ||
	    !u->max_vcpus || u->max_vcpus > MAX_VCPUS)
		return -EINVAL;
	memcpy(n.uuid, u->uuid, sizeof(n.uuid));
	d = domain_create(&n, &err);
	if (!d)
		return err;
	c->domid = d->id;
	return 0;
}

static int ctl_domain_destroy(struct xeno_control *c, struct domain *d)
{
	return is_dom0(d) ? -EPERM : domain_destroy_slice(d);
}

static int ctl_domain_pause(struct xeno_control *c, struct domain *d)
{
	if (is_dom0(d))
		return -EPERM;
	if (d->tools_paused)
		return -EALREADY;
	d->tools_paused = true;
	domain_pause(d);
	return 0;
}

static int ctl_domain_unpause(struct xeno_control *c, struct domain *d)
{
	if (!d->tools_paused)
		return -EALREADY;
	d->tools_paused = false;
	domain_unpause(d);
	return 0;
}

static uint64_t vcpu_time(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

static uint32_t vcpu_flags(const struct vcpu *v)
{
	uint64_t f = READ_ONCE(v->pause_flags);

	return (f & VPF_DOWN ? 0 : XENO_VCPUF_ONLINE) |
	       (f & (VPF_BLOCKED | VPF_POLL) ? XENO_VCPUF_BLOCKED : 0) |
	       (READ_ONCE(v->running) ? XENO_VCPUF_RUNNING : 0);
}

static uint32_t state_flags(const struct domain *d)
{
	static const uint32_t of_state[] = { [DS_BUILDING] = XENO_DOMF_BUILDING,
					     [DS_RUNNING] = 0,
					     [DS_SHUTDOWN] = XENO_DOMF_SHUTDOWN,
					     [DS_DYING] = XENO_DOMF_DYING };
	uint32_t f = of_state[READ_ONCE(d->state)];

	if ((f & XENO_DOMF_SHUTDOWN) && d->killed)
		f |= XENO_DOMF_CRASHED;
	return f | (d->tools_paused ? XENO_DOMF_PAUSED : 0) | (is_dom0(d) ? XENO_DOMF_DOM0 : 0) |
	       (d->split ? XENO_DOMF_SPLIT : 0);
}

static void info_fill(struct xeno_ctl_info *i, const struct domain *d)
{
	uint32_t any = 0, all = ~0u;

	memset(i, 0, sizeof(*i));
	for (unsigned int n = 0; n < d->max_vcpus; n++) {
		uint32_t f = vcpu_flags(d->vcpu[n]);

		i->cpu_time_ns += vcpu_time(d->vcpu[n]);
		if (!(f & XENO_VCPUF_ONLINE))
			continue;
		i->online_vcpus++;
		any |= f;
		all &= f;
	}
	i->flags = state_flags(d) | (any & XENO_VCPUF_RUNNING ? XENO_DOMF_RUNNING : 0) |
		   (any & all & XENO_VCPUF_BLOCKED ? XENO_DOMF_BLOCKED : 0);
	i->shutdown_code = d->shutdown_code;
	i->max_vcpus = d->max_vcpus;
	i->tot_pages = d->tot_pages;
	i->max_pages = d->max_pages;
	memcpy(i->uuid, d->uuid, sizeof(i->uuid));
	memcpy(i->name, d->name, sizeof(i->name));
	strlcpy(i->death, d->death, sizeof(i->death));
}

/* The lowest number >= the given one, so it finds its domain itself. */
static int ctl_domain_info(struct xeno_control *c, struct domain *unused)
{
	struct domain *d = domain_next(c->domid ? c->domid - 1 : DOMID_BEFORE_FIRST);

	if (!d)
		return -ESRCH;
	c->domid = d->id;
	info_fill(&c->u.info, d);
	domain_put(d);
	return 0;
}

/* --- building */

static int ctl_domain_setup(struct xeno_control *c, struct domain *d)
{
	c->u.setup = (struct xeno_ctl_setup){ .shared_info_mfn = virt_to_mfn(d->shared).n,
					      .console_mfn = d->console_mfn.n,
					      .xenstore_mfn = d->xenstore_mfn.n,
					      .console_port = d->console_port,
					      .xenstore_port = d->xenstore_port };
	return 0;
}

static int ctl_mem_populate(struct xeno_control *c, struct domain *d)
{
	struct xeno_ctl_populate *u = &c->u.populate;
	uint64_t n = min(u->count, (uint64_t)POPULATE_SLICE);

	if (d->state != DS_BUILDING)
		return -EBUSY;
	if (!u->count)
		return -EINVAL;
	if (!guest_range_ok(u->mfns, n * sizeof(uint64_t)))
		return -EFAULT;
	for (u->done = 0; u->done < n; u->done++) {
		mfn_t mfn = domain_page_alloc(d);

		if (mfn_eq(mfn, INVALID_MFN))
			break;
		if (!guest_write(u->mfns + u->done * sizeof(mfn.n), &mfn.n, sizeof(mfn.n))) {
			domain_page_release(d, mfn);
			return -EFAULT;
		}
	}
	return u->done ? 0 : -ENOMEM;
}

static struct vcpu *target_vcpu(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static int ctl_vcpu_set_context(struct xeno_control *c, struct domain *d)
{
	struct vcpu *v = target_vcpu(d, c->u.vcpu_context.vcpu);
	struct vcpu_guest_context *ctx;
	int err = -EFAULT;

	if (d->state != DS_BUILDING)
		return -EBUSY;
	if (!v)
		return -ENOENT;
	ctx = hyp_alloc(sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	if (guest_read(ctx, c->u.vcpu_context.context, sizeof(*ctx)))
		err = v->pause_flags & VPF_DOWN ? vcpu_set_context(v, ctx) : -EBUSY;
	if (!err && (ctx->flags & VGCF_online))
		vcpu_online(v);
	hyp_free(ctx);
	return err;
}

static int ctl_vcpu_get_context(struct xeno_control *c, struct domain *d)
{
	struct vcpu *v = target_vcpu(d, c->u.vcpu_context.vcpu);
	struct vcpu_guest_context *ctx;
	int err = 0;

	if (!v)
		return -ENOENT;
	if (!d->tools_paused && d->state != DS_SHUTDOWN)
		return -EBUSY;
	ctx = hyp_alloc(sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	vcpu_sleep_sync(v);
	vcpu_get_context(v, ctx);
	if (!guest_write(c->u.vcpu_context.context, ctx, sizeof(*ctx)))
		err = -EFAULT;
	hyp_free(ctx);
	return err;
}

/* --- vcpus and scheduling */

static int ctl_vcpu_info(struct xeno_control *c, struct domain *d)
{
	struct xeno_ctl_vcpu_info *u = &c->u.vcpu_info;
	struct vcpu *v = target_vcpu(d, u->vcpu);

	if (!v)
		return -ENOENT;
	u->flags = vcpu_flags(v);
	u->cpu = v->cpu;
	u->cpu_time_ns = vcpu_time(v);
	u->affinity = v->affinity.bits[0];
	return 0;
}

static int ctl_vcpu_affinity(struct xeno_control *c, struct domain *d)
{
	struct vcpu *v = target_vcpu(d, c->u.affinity.vcpu);
	uint64_t up = nr_cpus == 64 ? ~0ull : BIT(nr_cpus) - 1;
	cpumask_t mask = { { c->u.affinity.mask & up } };

	if (!v)
		return -ENOENT;
	return cpumask_empty(&mask) ? -EINVAL : sched_set_affinity(v, &mask);
}

static int ctl_sched_get(struct xeno_control *c, struct domain *d)
{
	memset(&c->u.sched, 0, sizeof(c->u.sched));
	return sched_get_params(d, &c->u.sched);
}

static int ctl_sched_set(struct xeno_control *c, struct domain *d)
{
	c->u.sched.name[sizeof(c->u.sched.name) - 1] = 0;
	return sched_set_params(d, &c->u.sched);
}

/* --- byte streams */

typedef size_t stream_fn(struct domain *d, uint64_t *pos, char *buf, size_t len);

/* Moves at most a slice from get to the caller's buffer. */
static int stream_read(struct xeno_ctl_stream *u, struct domain *d, stream_fn *get)
{
	uint64_t want = min(u->len, (uint64_t)XENO_BUF_SLICE);
	char buf[CHUNK];
	size_t n;

	for (u->done = 0; u->done < want; u->done += n) {
		n = get(d, &u->pos, buf, min(want - u->done, (uint64_t)CHUNK));
		if (!guest_write(u->addr + u->done, buf, n))
			return -EFAULT;
		if (!n)
			break;
	}
	return 0;
}

static int ctl_console_read(struct xeno_control *c, struct domain *d)
{
	return stream_read(&c->u.stream, d, conring_read);
}

static int ctl_console_write(struct xeno_control *c, struct domain *d)
{
	struct xeno_ctl_stream *u = &c->u.stream;
	char buf[CHUNK];
	size_t n = min(u->len, (uint64_t)CHUNK);

	if (!guest_read(buf, u->addr, n))
		return -EFAULT;
	u->done = conring_write(d, buf, n);
	return 0;
}

static size_t log_get(struct domain *unused, uint64_t *pos, char *buf, size_t len)
{
	return log_read(pos, buf, len);
}

static int ctl_log_read(struct xeno_control *c, struct domain *unused)
{
	return stream_read(&c->u.stream, NULL, log_get);
}

static size_t config_get(struct domain *d, uint64_t *pos, char *buf, size_t len)
{
	size_t n = *pos < d->config_len ? min(len, (size_t)(d->config_len - *pos)) : 0;

	if (n)
		memcpy(buf, (const char *)d->config + *pos, n);
	*pos += n;
	return n;
}

static int ctl_config_get(struct xeno_control *c, struct domain *d)
{
	return stream_read(&c->u.stream, d, config_get);
}

static int ctl_config_set(struct xeno_control *c, struct domain *d)
{
	struct xeno_ctl_stream *u = &c->u.stream;
	void *config = NULL;

	if (u->len > XENO_CONFIG_MAX)
		return -E2BIG;
	if (u->pos)
		return -EINVAL;
	if (u->len) {
		config = hyp_alloc(u->len);
		if (!config)
			return -ENOMEM;
		if (!guest_read(config, u->addr, u->len)) {
			hyp_free(config);
			return -EFAULT;
		}
	}
	hyp_free(d->config);
	d->config = config;
	d->config_len = (uint32_t)u->len;
	u->done = u->len;
	return 0;
}

/* --- device directory */

typedef int xs_get_fn(struct domain *d, const char *path, char *buf, size_t len);

static int xs_get(struct xeno_ctl_xs *u, struct domain *d, xs_get_fn *get)
{
	size_t len = min(u->len, (uint64_t)XENO_BUF_SLICE);
	char *buf = hyp_alloc(XENO_BUF_SLICE);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = get(d, u->path, buf, len);
	if (ret >= 0 && !guest_write(u->addr, buf, min(len, (size_t)ret)))
		ret = -EFAULT;
	hyp_free(buf);
	if (ret < 0)
		return ret;
	u->done = (uint64_t)ret;
	return 0;
}

static int ctl_xs_read(struct xeno_control *c, struct domain *d)
{
	return xs_get(&c->u.xs, d, xenstore_ctl_read);
}

static int ctl_xs_list(struct xeno_control *c, struct domain *d)
{
	return xs_get(&c->u.xs, d, xenstore_ctl_list);
}

static int ctl_xs_write(struct xeno_control *c, struct domain *d)
{
	struct xeno_ctl_xs *u = &c->u.xs;
	char *buf;
	int err = -EFAULT;

	if (u->len > XENO_BUF_SLICE)
		return -E2BIG;
	buf = hyp_alloc(XENO_BUF_SLICE);
	if (!buf)
		return -ENOMEM;
	if (guest_read(buf, u->addr, u->len))
		err = xenstore_ctl_write(d, u->path, buf, u->len);
	hyp_free(buf);
	return err;
}

static int ctl_xs_rm(struct xeno_control *c, struct domain *d)
{
	return xenstore_ctl_rm(d, c->u.xs.path);
}

/* --- the machine */

static int ctl_phys_info(struct xeno_control *c, struct domain *unused)
{
	struct xeno_ctl_phys *u = &c->u.phys;

	*u = (struct xeno_ctl_phys){ .total_pages = mm_total_pages(),
				     .free_pages = mm_free_pages(),
				     .uptime_ns = (uint64_t)now(),
				     .tsc_khz = tsc_khz,
				     .nr_cpus = nr_cpus,
				     .nr_domains = domain_count() };
	snprintf(u->version, sizeof(u->version), "%s (%s)", xeno_version, xeno_build_date);
	strlcpy(u->scheduler, sched_name(), sizeof(u->scheduler));
	strlcpy(u->cmdline, hyp_cmdline, sizeof(u->cmdline));
	return 0;
}

static int ctl_debug_key(struct xeno_control *c, struct domain *unused)
{
	return c->u.key.key < 128 && debug_key((char)c->u.key.key) ? 0 : -EINVAL;
}

/* --- drives and virtual block devices */

static int ctl_disk_info(struct xeno_control *c, struct domain *unused)
{
	return vblk_disk_info(&c->u.disk);
}

static int ctl_vblk_set(struct xeno_control *c, struct domain *d)
{
	const struct xeno_ctl_vblk_set *u = &c->u.vblk_set;
	size_t size = u->nr_extents * sizeof(struct xeno_vblk_extent);
	struct xeno_vblk_extent *x = NULL;
	int err = -EFAULT;

	if (u->nr_extents > XENO_VBLK_MAX_EXTENTS ||
	    strnlen(u->label, sizeof(u->label)) == sizeof(u->label))
		return -EINVAL;
	if (size) {
		x = hyp_alloc(size);
		if (!x)
			return -ENOMEM;
	}
	if (!size || guest_read(x, u->extents, size))
		err = vblk_set(d, u, x);
	hyp_free(x);
	return err;
}

static int ctl_vblk_remove(struct xeno_control *c, struct domain *d)
{
	return vblk_remove(d, &c->u.vblk_remove);
}

static int ctl_vblk_info(struct xeno_control *c, struct domain *d)
{
	struct xeno_ctl_vblk_info *u = &c->u.vblk_info;
	struct xeno_vblk_extent *x = hyp_alloc(XENO_VBLK_MAX_EXTENTS * sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	err = vblk_info(d, u, x);
	if (!err && !guest_write(u->extents, x, min(u->room, u->nr_extents) * sizeof(*x)))
		err = -EFAULT;
	hyp_free(x);
	return err;
}

/* --- the network: buffers are read and written in vnet/ */

static int ctl_vnet_set(struct xeno_control *c, struct domain *d)
{
	return vnet_set(d, &c->u.vnet_set);
}

static int ctl_vnet_remove(struct xeno_control *c, struct domain *d)
{
	return vnet_remove(d, &c->u.vnet_remove);
}

static int ctl_vnet_info(struct xeno_control *c, struct domain *d)
{
	return vnet_info(d, &c->u.vnet_info);
}

static int ctl_vnet_nic_info(struct xeno_control *c, struct domain *unused)
{
	return vnet_nic_info(&c->u.vnet_nic);
}

static int ctl_vnet_nic_set(struct xeno_control *c, struct domain *unused)
{
	return vnet_nic_set(&c->u.vnet_nic);
}

static int ctl_vnet_refusals(struct xeno_control *c, struct domain *unused)
{
	return vnet_refusals(&c->u.vnet_refusals);
}

static int ctl_vnet_list_get(struct xeno_control *c, struct domain *unused)
{
	return vnet_list_get(&c->u.vnet_list);
}

static int ctl_vnet_list_set(struct xeno_control *c, struct domain *unused)
{
	return vnet_list_set(&c->u.vnet_list);
}

static int ctl_vnet_events(struct xeno_control *c, struct domain *unused)
{
	return vnet_events(&c->u.vnet_events);
}

static int ctl_vnet_capture(struct xeno_control *c, struct domain *unused)
{
	return vnet_capture(&c->u.vnet_capture);
}

static int ctl_vnet_explain(struct xeno_control *c, struct domain *unused)
{
	return vnet_explain(&c->u.vnet_explain);
}

/* --- dispatch */

#define F_TARGET 1 /* domid names a domain, referenced and locked */
#define F_DYING 2  /* works on a dying one too */
#define F_PATH 4   /* u.xs.path must be terminated */

static const struct {
	ctl_fn *fn;
	uint16_t size; /* of the operation's part of the union */
	uint8_t flags;
	const char *name;
} ops[XENO_CTL_NR_OPS] = {
#define OP(NR, fn, member, fl)                                                                     \
	[XENO_CTL_##NR] = { fn, sizeof(((struct xeno_control *)0)->u.member), fl, #fn }
#define OP_BARE(NR, fn, fl) [XENO_CTL_##NR] = { fn, 0, fl, #fn }
	OP(DOMAIN_CREATE, ctl_domain_create, create, 0),
	OP_BARE(DOMAIN_DESTROY, ctl_domain_destroy, F_TARGET | F_DYING),
	OP_BARE(DOMAIN_PAUSE, ctl_domain_pause, F_TARGET),
	OP_BARE(DOMAIN_UNPAUSE, ctl_domain_unpause, F_TARGET),
	OP(DOMAIN_INFO, ctl_domain_info, info, 0),
	OP(DOMAIN_SETUP, ctl_domain_setup, setup, F_TARGET),
	OP(MEM_POPULATE, ctl_mem_populate, populate, F_TARGET),
	OP(VCPU_SET_CONTEXT, ctl_vcpu_set_context, vcpu_context, F_TARGET),
	OP(VCPU_GET_CONTEXT, ctl_vcpu_get_context, vcpu_context, F_TARGET),
	OP(VCPU_INFO, ctl_vcpu_info, vcpu_info, F_TARGET),
	OP(VCPU_AFFINITY, ctl_vcpu_affinity, affinity, F_TARGET),
	OP(CONSOLE_READ, ctl_console_read, stream, F_TARGET | F_DYING),
	OP(CONSOLE_WRITE, ctl_console_write, stream, F_TARGET),
	OP(LOG_READ, ctl_log_read, stream, 0),
	OP(XS_READ, ctl_xs_read, xs, F_TARGET | F_DYING | F_PATH),
	OP(XS_WRITE, ctl_xs_write, xs, F_TARGET | F_PATH),
	OP(XS_RM, ctl_xs_rm, xs, F_TARGET | F_PATH),
	OP(XS_LIST, ctl_xs_list, xs, F_TARGET | F_DYING | F_PATH),
	OP(CONFIG_SET, ctl_config_set, stream, F_TARGET),
	OP(CONFIG_GET, ctl_config_get, stream, F_TARGET | F_DYING),
	OP(PHYS_INFO, ctl_phys_info, phys, 0),
	OP(SCHED_GET, ctl_sched_get, sched, F_TARGET),
	OP(SCHED_SET, ctl_sched_set, sched, F_TARGET),
	OP(DEBUG_KEY, ctl_debug_key, key, 0),
	OP(DISK_INFO, ctl_disk_info, disk, 0),
	OP(VBLK_SET, ctl_vblk_set, vblk_set, F_TARGET),
	OP(VBLK_REMOVE, ctl_vblk_remove, vblk_remove, F_TARGET),
	OP(VBLK_INFO, ctl_vblk_info, vblk_info, F_TARGET | F_DYING),
	OP(VNET_SET, ctl_vnet_set, vnet_set, F_TARGET),
	OP(VNET_REMOVE, ctl_vnet_remove, vnet_remove, F_TARGET),
	OP(VNET_INFO, ctl_vnet_info, vnet_info, F_TARGET | F_DYING),
	OP(VNET_NIC_INFO, ctl_vnet_nic_info, vnet_nic, 0),
	OP(VNET_NIC_SET, ctl_vnet_nic_set, vnet_nic, 0),
	OP(VNET_REFUSALS, ctl_vnet_refusals, vnet_refusals, 0),
	OP(VNET_LIST_GET, ctl_vnet_list_get, vnet_list, 0),
	OP(VNET_LIST_SET, ctl_vnet_list_set, vnet_list, 0),
	OP(VNET_EVENTS, ctl_vnet_events, vnet_events, 0),
	OP(VNET_CAPTURE, ctl_vnet_capture, vnet_capture, 0),
	OP(VNET_EXPLAIN, ctl_vnet_explain, vnet_explain, 0),
#undef OP
#undef OP_BARE
};

static int run_targeted(struct xeno_control *c)
{
	struct domain *d = domain_find(c->domid);
	int err;

	if (!d)
		return -ESRCH;
	spin_lock(&d->ctl_lock);
	if (d->gone || (domain_is_dying(d) && !(ops[c->op].flags & F_DYING)))
		err = -ESRCH;
	else
		err = ops[c->op].fn(c, d);
	spin_unlock(&d->ctl_lock);
	domain_put(d);
	return err;
}

static int control_run(struct xeno_control *c)
{
	if (c->op >= XENO_CTL_NR_OPS || !ops[c->op].fn)
		return -ENOSYS;
	if (c->pad[0] || c->pad[1] || c->pad[2])
		return -EINVAL;
	for (size_t i = ops[c->op].size; i < sizeof(c->u.size); i++)
		if (c->u.size[i])
			return -EINVAL;
	if ((ops[c->op].flags & F_PATH) &&
	    strnlen(c->u.xs.path, XENO_XS_PATH_MAX) == XENO_XS_PATH_MAX)
		return -EINVAL;
	return ops[c->op].flags & F_TARGET ? run_targeted(c) : ops[c->op].fn(c, NULL);
}

long hc_control(struct hc_args *a)
{
	struct xeno_control c;
	uint64_t gva = a->arg[0];
	size_t head = offsetof(struct xeno_control, u);
	int err;

	if (!guest_read(&c, gva, sizeof(c)))
		return -EFAULT;
	if (c.version != XENO_CONTROL_VERSION) {
		c.version = XENO_CONTROL_VERSION;
		return guest_write(gva, &c.version, sizeof(c.version)) ? -EOPNOTSUPP : -EFAULT;
	}
	/* OUT fields must be writable before anything is done. */
	if (!guest_write(gva, &c, head))
		return -EFAULT;
	err = control_run(&c);
	if (err)
		return err;
	return guest_write(gva, &c, head + ops[c.op].size) ? 0 : -EFAULT;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual block devices: made and ended by control operations, connected and disconnected as
 * the guest's front end wishes, which it says in its directory.
 *
 * The back end's nodes are in the guest's own tree, at hyp/vbd/<dev>, where the guest reads only.
 * A change below the guest's device/ makes the domain's task look at its devices: each goes
 * where its front end's state and its own leads it (look()). So nothing depends on the
 * order of events, and a front end that does nonsense only harms its own device.
 *
 * Locks: all_lock, then the lock of a domain's devices. The list of all devices and their
 * extents are changed with both held.
 */
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/vbd.h>

#define MAX_DEV (1u << 31)
#define FLAGS (XENO_VBLKF_READ_ONLY | XENO_VBLKF_SHARED | XENO_VBLKF_CDROM | XENO_VBLKF_PERSISTENT)
#define XVD_FIRST 51712u /* xvda: block major 202 */
#define XVD_NR 16u	 /* of those numbers */
#define XVD_EXT (1u << 28)

static struct spinlock all_lock = SPINLOCK_INIT(RANK_VBLK_ALL, "all vbds");
static struct list all = LIST_INIT(all);

/* --- the directory */

static struct device node(const struct vbd *v)
{
	return (struct device){ .d = v->b->d, .type = "vbd", .nr = v->dev };
}

static void set_state(struct vbd *v, unsigned int state)
{
	const struct device dev = node(v);

	if (v->state == state)
		return;
	v->state = state;
	device_put_number(&dev, "state", state);
}

static int put_features(struct vbd *v)
{
	bool cd = v->flags & XENO_VBLKF_CDROM;
	const struct device dev = node(v);
	const struct device_number nodes[] = {
		{ "frontend-id", v->b->d->id },
		{ "sectors", v->shape.sectors },
		{ "sector-size", v->shape.block * SECTOR_SIZE },
		{ "physical-sector-size", v->shape.block * SECTOR_SIZE },
		{ "info", (cd ? VDISK_CDROM : 0) | (v->shape.read_only ? VDISK_READONLY : 0) },
		{ "max-ring-page-order", VBD_RING_ORDER },
		{ "feature-max-indirect-segments", DISK_MAX_SEGS },
		{ "feature-flush-cache", 1 },
		{ "feature-barrier", 1 },
		{ "feature-persistent", !!(v->flags & XENO_VBLKF_PERSISTENT) },
		{ "feature-discard", v->shape.can_discard },
		{ "discard-granularity", v->shape.block * SECTOR_SIZE },
		{ "discard-alignment", 0 },
		{ "online", 1 },
		{ "state", XenbusStateInitWait },
	};
	int err = device_put(&dev, "mode", v->shape.read_only ? "r" : "w");

	return err ? err : device_put_numbers(&dev, nodes, ARRAY_SIZE(nodes));
}

/* The front end's nodes; its driver starts when it sees the last. */
static int put_front(struct vbd *v)
{
	const struct device dev = node(v);
	char nr[DEVICE_TEXT];
	int err;

	snprintf(nr, sizeof(nr), "%u", v->dev);
	err = device_put_front(&dev, "virtual-device", nr);
	if (!err)
		err = device_put_front(&dev, "device-type",
				       v->flags & XENO_VBLKF_CDROM ? "cdrom" : "disk");
	return err ? err : device_offer(&dev);
}

static void forget_nodes(const struct vbd *v)
{
	const struct device dev = node(v);

	device_remove_nodes(&dev);
}

/* --- following the front end */

static const char *read_ring(const struct device *dev, grant_ref_t *refs, unsigned int *nr,
			     uint32_t *port)
{
	uint32_t order = 0;
	char name[16];

	if (device_front_number(dev, "ring-page-order", &order) && order > VBD_RING_ORDER)
		return "ring-page-order is more than was offered";
	*nr = 1u << order;
	if (!device_front_number(dev, "event-channel", port))
		return "event-channel is no number";
	if (*nr == 1 && device_front_number(dev, "ring-ref", &refs[0]))
		return NULL;
	for (unsigned int i = 0; i < *nr; i++) {
		snprintf(name, sizeof(name), "ring-ref%u", i);
		if (!device_front_number(dev, name, &refs[i]))
			return "a ring-ref is no number";
	}
	return NULL;
}

static const char *check_protocol(const struct device *dev)
{
	char val[DEVICE_TEXT];

	return device_front_text(dev, "protocol", val) < 0 || !strcmp(val, "x86_64-abi") ?
		       NULL :
		       "protocol is not x86_64-abi";
}

static void connect(struct vbd *v)
{
	grant_ref_t refs[VBD_RING_PAGES];
	unsigned int nr = 0;
	uint32_t port = 0;
	const struct device dev = node(v);
	const char *why = check_protocol(&dev);

	if (!why)
		why = read_ring(&dev, refs, &nr, &port);
	if (!why)
		why = vbd_connect(v, refs, nr, port);
	if (!why) {
		set_state(v, XenbusStateConnected);
		return;
	}
	gprintk(v->b->d, LOG_WARN "vbd %u: %s\n", v->dev, why);
	device_put(&dev, "error", why);
	set_state(v, XenbusStateClosed);
}

static void vbd_free(struct vbd *v)
{
	for (unsigned int i = 0; i < v->nr_clients; i++)
		disk_client_remove(&v->clients[i]);
	if (!list_empty(&v->link)) { /* it had been inserted */
		v->b->slot[v->slot] = NULL;
		v->b->used &= ~BIT(v->slot);
	}
	list_del(&v->link);
	hyp_free(v->clients);
	hyp_free(v->limits);
	hyp_free(v->x);
	hyp_free(v);
}

/* Both locks held. */
static void look(struct vbd *v)
{
	const struct device dev = node(v);
	unsigned int front = device_front_state(&dev);
	bool none = front == XenbusStateUnknown || front == XenbusStateClosed ||
		    front == XenbusStateInitialising;

	if (v->nr_pages && (none || v->closing) && !vbd_disconnect(v))
		return; /* the last request brings us back */
	if (v->removing && none) {
		forget_nodes(v);
		vbd_free(v);
	} else if (v->removing || front == XenbusStateClosing) {
		set_state(v, XenbusStateClosing);
	} else if (front == XenbusStateInitialising) {
		set_state(v, XenbusStateInitWait);
	} else if (none || (v->state == XenbusStateConnected && !v->nr_pages)) {
		set_state(v, XenbusStateClosed);
	} else if (v->state == XenbusStateInitWait) {
		connect(v);
	}
}

static void look_at(struct slot_work *w, unsigned int i)
{
	struct vblk_domain *b = container_of(w, struct vblk_domain, work);

	spin_lock(&all_lock);
	spin_lock(&b->lock);
	if (b->slot[i] && !domain_is_dying(b->d))
		look(b->slot[i]);
	spin_unlock(&b->lock);
	spin_unlock(&all_lock);
	vbd_run(b, i);
}

/* Nothing to do before there are devices: the domain may still come to nothing then. */
void vblk_directory_changed(struct domain *d)
{
	struct vblk_domain *b = d->vblk;
	uint64_t used = READ_ONCE(b->used);

	if (used)
		slot_work_later(&b->work, used);
}

/* --- making */

static unsigned int client_of(struct vbd *v, struct disk *disk)
{
	unsigned int i = 0;

	while (i < v->nr_clients && v->clients[i].disk != disk)
		i++;
	if (i == v->nr_clients) {
		disk_client_init(&v->clients[i], disk);
		v->nr_clients++;
	}
	return i;
}

static int read_extent(struct vblk_extent *to, const struct xeno_vblk_extent *x, bool read_only)
{
	struct disk *disk = disk_get(x->drive);

	if (x->pad)
		return -EINVAL;
	if (!disk)
		return -ENODEV;
	if (disk->read_only && !read_only)
		return -EROFS;
	*to = (struct vblk_extent){ .drive = x->drive, .first = x->first, .sectors = x->sectors };
	return vblk_extent_check(to, disk->sectors, disk->block_size / SECTOR_SIZE);
}

static int read_extents(struct vbd *v, struct vblk_extent *to, const struct xeno_vblk_extent *x,
			unsigned int n, uint64_t *total)
{
	for (unsigned int i = 0; i < n; i++) {
		int err = read_extent(&to[i], &x[i], v->shape.read_only);

		if (err)
			return err;
	}
	return vblk_extents_place(to, n, total);
}

/* What the drives can do, all of them. */
static void take_shape(struct vbd *v)
{
	v->shape.can_discard = !v->shape.read_only;
	v->shape.block = 1;
	for (unsigned int i = 0; i < v->nr_clients; i++) {
		const struct disk *disk = v->clients[i].disk;

		v->shape.block = max(v->shape.block, disk->block_size / SECTOR_SIZE);
		v->shape.can_discard &= disk->can_discard;
		v->limits[i].max_sectors = disk->max_sectors;
		v->limits[i].max_segs = disk->max_segs;
	}
	for (unsigned int i = 0; i < v->nr_clients; i++) {
		const struct disk *disk = v->clients[i].disk;

		v->limits[v->nr_clients + i].max_sectors = disk->max_discard ? disk->max_discard :
									       disk->max_sectors;
	}
}

/* Where blocks of different sizes meet, every extent must suit the largest. */
static bool fits_block(const struct vblk_extent *x, unsigned int n, uint32_t block)
{
	for (unsigned int i = 0; i < n; i++)
		if (x[i].first % block || x[i].sectors % block)
			return false;
	return true;
}

static unsigned int count_drives(const struct xeno_vblk_extent *x, unsigned int n)
{
	unsigned int drives = 0;
	uint64_t seen = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t bit = BIT(x[i].drive % 64);

		drives += !(seen & bit);
		seen |= bit;
	}
	return drives;
}
_Static_assert(DISK_MAX_DRIVES <= 64, "drives in a word");

static void set_limits(struct vbd *v, const struct xeno_ctl_vblk_set *u)
{
	for (unsigned int i = 0; i < v->nr_clients; i++) {
		struct disk_client *c = &v->clients[i];

		disk_lock(c->disk);
		c->weight = u->weight ? u->weight : 100;
		c->iops_limit = (uint32_t)u->iops_limit;
		c->bytes_limit = u->bytes_limit;
		c->not_before = 0;
		disk_unlock_later(c->disk);
	}
}

static struct vbd *vbd_new(const struct xeno_ctl_vblk_set *u, const struct xeno_vblk_extent *x,
			   int *err)
{
	unsigned int drives = count_drives(x, u->nr_extents);
	struct vbd *v = hyp_alloc(sizeof(*v));

	*err = -ENOMEM;
	if (!v)
		return NULL;
	list_init(&v->link);
	v->dev = u->dev;
	v->flags = u->flags | (u->flags & XENO_VBLKF_CDROM ? XENO_VBLKF_READ_ONLY : 0);
	v->shape.read_only = v->flags & XENO_VBLKF_READ_ONLY;
	memcpy(v->label, u->label, sizeof(v->label));
	v->x = hyp_alloc(u->nr_extents * sizeof(*v->x));
	v->clients = hyp_alloc(drives * sizeof(*v->clients));
	v->limits = hyp_alloc(2 * drives * sizeof(*v->limits));
	if (v->x && v->clients && v->limits)
		*err = read_extents(v, v->x, x, u->nr_extents, &v->shape.sectors);
	if (!*err) {
		v->n = u->nr_extents;
		for (unsigned int i = 0; i < v->n; i++)
			v->x[i].client = client_of(v, disk_get(v->x[i].drive));
		take_shape(v);
		if (!fits_block(v->x, v->n, v->shape.block))
			*err = -EINVAL;
	}
	if (!*err)
		return v;
	hyp_free(v->x);
	hyp_free(v->clients);
	hyp_free(v->limits);
	hyp_free(v);
	return NULL;
}

static struct vblk_use use_of(const struct vbd *v)
{
	return (struct vblk_use){ .x = v->x,
				  .n = v->n,
				  .writes = !v->shape.read_only,
				  .shared = v->flags & XENO_VBLKF_SHARED,
				  .boot = v->flags & XENO_VBLKF_WHOLE };
}

/* Another device stands in the way of use; all_lock held. */
static bool conflicts(const struct vblk_use *use, const struct vbd *except)
{
	struct list *p;

	list_for_each(p, &all) {
		const struct vbd *o = list_entry(p, struct vbd, link);
		struct vblk_use other = use_of(o);

		if (o != except && vblk_conflict(use, &other))
			return true;
	}
	return false;
}

static struct vbd *find(const struct vblk_domain *b, uint32_t dev)
{
	for (unsigned int i = 0; i < XENO_VBLK_MAX_DEVICES; i++)
		if (b->slot[i] && b->slot[i]->dev == dev)
			return b->slot[i];
	return NULL;
}

/* Both locks held. */
static int insert(struct vblk_domain *b, struct vbd *v)
{
	struct vblk_use use = use_of(v);

	if (find(b, v->dev))
		return -EEXIST;
	if (conflicts(&use, NULL))
		return -EBUSY;
	while (v->slot < XENO_VBLK_MAX_DEVICES && b->slot[v->slot])
		v->slot++;
	if (v->slot == XENO_VBLK_MAX_DEVICES)
		return -ENOSPC;
	b->slot[v->slot] = v;
	b->used |= BIT(v->slot);
	list_add_tail(&all, &v->link);
	return 0;
}

static int make(struct domain *d, const struct xeno_ctl_vblk_set *u,
		const struct xeno_vblk_extent *x)
{
	struct vblk_domain *b = d->vblk;
	struct vbd *v;
	int err = -EINVAL;

	v = u->nr_extents ? vbd_new(u, x, &err) : NULL;
	if (!v)
		return err;
	v->b = b;
	v->state = XenbusStateInitWait;
	for (unsigned int i = 0; i < v->nr_clients; i++)
		disk_client_add(&v->clients[i]);
	set_limits(v, u);
	spin_lock(&all_lock);
	spin_lock(&b->lock);
	err = insert(b, v);
	if (!err) {
		err = put_features(v);
		if (!err)
			err = put_front(v);
		if (err)
			forget_nodes(v);
	}
	if (err)
		vbd_free(v);
	spin_unlock(&b->lock);
	spin_unlock(&all_lock);
	return err;
}

/* --- changing */

/* The new list begins with the old one, whose last extent may have grown. */
static bool extends(const struct vbd *v, const struct vblk_extent *x, unsigned int n)
{
	if (n < v->n)
		return false;
	for (unsigned int i = 0; i < v->n; i++)
		if (x[i].drive != v->x[i].drive || x[i].first != v->x[i].first ||
		    x[i].sectors < v->x[i].sectors ||
		    (i + 1 < v->n && x[i].sectors != v->x[i].sectors))
			return false;
	return fits_block(x, n, v->shape.block);
}

/* What the new list adds is somebody else's. */
static bool grows_into_others(const struct vbd *v, const struct vblk_extent *x, unsigned int n)
{
	for (unsigned int i = v->n - 1; i < n; i++) {
		uint64_t old = i < v->n ? v->x[i].sectors : 0;
		struct vblk_extent added = x[i];
		struct vblk_use use = use_of(v);

		added.first += old;
		added.sectors -= old;
		use.x = &added;
		use.n = 1;
		if (added.sectors && conflicts(&use, v))
			return true;
	}
	return false;
}

static int grow(struct vbd *v, struct vblk_extent *x, unsigned int n, uint64_t total)
{
	const struct device dev = node(v);

	if (!extends(v, x, n))
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int c = 0;

		while (c < v->nr_clients && v->clients[c].disk != disk_get(x[i].drive))
			c++;
		if (c == v->nr_clients)
			return -EINVAL; /* clients are in use where they are */
		x[i].client = c;
	}
	if (grows_into_others(v, x, n))
		return -EBUSY;
	hyp_free(v->x);
	v->x = x;
	v->n = n;
	v->shape.sectors = total;
	device_put_number(&dev, "sectors", total);
	device_put_number(&dev, "state", v->state); /* the front end looks again */
	return 0;
}

static int update(struct domain *d, const struct xeno_ctl_vblk_set *u,
		  const struct xeno_vblk_extent *x)
{
	struct vblk_domain *b = d->vblk;
	struct vblk_extent *new = NULL;
	uint64_t total = 0;
	struct vbd *v;
	int err = 0;

	if (u->nr_extents) {
		new = hyp_alloc(u->nr_extents * sizeof(*new));
		if (!new)
			return -ENOMEM;
	}
	spin_lock(&all_lock);
	spin_lock(&b->lock);
	v = find(b, u->dev);
	if (!v)
		err = -ENOENT;
	if (!err && new)
		err = read_extents(v, new, x, u->nr_extents, &total);
	if (!err && new)
		err = grow(v, new, u->nr_extents, total);
	if (!err) {
		new = NULL;
		set_limits(v, u);
	}
	spin_unlock(&b->lock);
	spin_unlock(&all_lock);
	hyp_free(new);
	return err;
}

int vblk_set(struct domain *d, const struct xeno_ctl_vblk_set *u, const struct xeno_vblk_extent *x)
{
	if (u->flags & ~(uint32_t)(FLAGS | XENO_VBLKF_UPDATE) || u->dev >= MAX_DEV ||
	    u->weight > 1000 || u->iops_limit > UINT32_MAX)
		return -EINVAL;
	return u->flags & XENO_VBLKF_UPDATE ? update(d, u, x) : make(d, u, x);
}

int vblk_remove(struct domain *d, const struct xeno_ctl_vblk_remove *u)
{
	struct vblk_domain *b = d->vblk;
	struct vbd *v;
	int err = 0;

	spin_lock(&all_lock);
	spin_lock(&b->lock);
	v = find(b, u->dev);
	if (!v) {
		err = -ENOENT;
	} else if (!u->force) {
		v->removing = true;
		slot_work_later(&b->work, BIT(v->slot));
	} else if (v->nr_pages && !vbd_disconnect(v)) {
		v->removing = true;
		err = -EAGAIN;
	} else {
		forget_nodes(v);
		vbd_free(v);
	}
	spin_unlock(&b->lock);
	spin_unlock(&all_lock);
	return err;
}

/* --- telling */

static void tell(const struct vbd *v, struct xeno_ctl_vblk_info *u, struct xeno_vblk_extent *x)
{
	u->dev = v->dev;
	u->nr_extents = v->n;
	u->flags = v->flags;
	u->state = v->state;
	u->sectors = v->shape.sectors;
	u->in_flight = v->in_flight;
	u->weight = v->clients[0].weight;
	u->iops_limit = v->clients[0].iops_limit;
	u->bytes_limit = v->clients[0].bytes_limit;
	memcpy(u->label, v->label, sizeof(u->label));
	for (unsigned int i = 0; i < v->nr_clients; i++) {
		const struct disk_client *c = &v->clients[i];

		spin_lock(&c->disk->lock); /* not disk_lock(): our lock is a done function's, too */
		u->reads += c->reads;
		u->writes += c->writes;
		u->read_sectors += c->read_sectors;
		u->written_sectors += c->written_sectors;
		u->errors += c->errors;
		spin_unlock(&c->disk->lock);
	}
	for (unsigned int i = 0; i < v->n; i++)
		x[i] = (struct xeno_vblk_extent){ .drive = v->x[i].drive,
						  .first = v->x[i].first,
						  .sectors = v->x[i].sectors };
}

int vblk_info(struct domain *d, struct xeno_ctl_vblk_info *u, struct xeno_vblk_extent *x)
{
	const struct xeno_ctl_vblk_info in = *u;
	struct vblk_domain *b = d->vblk;
	const struct vbd *best = NULL;

	*u = (struct xeno_ctl_vblk_info){ .room = in.room, .extents = in.extents };
	spin_lock(&b->lock);
	for (unsigned int i = 0; i < XENO_VBLK_MAX_DEVICES; i++) {
		const struct vbd *v = b->slot[i];

		if (v && v->dev >= in.dev && (!best || v->dev < best->dev))
			best = v;
	}
	if (best)
		tell(best, u, x);
	spin_unlock(&b->lock);
	return best ? 0 : -ENOENT;
}

int vblk_disk_info(struct xeno_ctl_disk_info *u)
{
	struct disk *disk = disk_get(u->drive);
	uint32_t nr = u->drive;
	struct list *p;

	if (!disk)
		return -ENOENT;
	*u = (struct xeno_ctl_disk_info){ .drive = nr,
					  .sectors = disk->sectors,
					  .block_size = disk->block_size,
					  .depth = disk->depth };
	u->flags = (disk->read_only ? XENO_DISKF_READ_ONLY : 0) |
		   (disk->cdrom ? XENO_DISKF_CDROM : 0) |
		   (disk->rotational ? XENO_DISKF_ROTATIONAL : 0) |
		   (disk->can_flush ? XENO_DISKF_FLUSH : 0) |
		   (disk->can_discard ? XENO_DISKF_DISCARD : 0);
	strlcpy(u->driver, disk->driver, sizeof(u->driver));
	memcpy(u->where, disk->where, sizeof(u->where));
	memcpy(u->model, disk->model, sizeof(u->model));
	memcpy(u->serial, disk->serial, sizeof(u->serial));
	disk_lock(disk);
	u->flags |= disk->dead ? XENO_DISKF_DEAD : 0;
	u->errors = disk->errors;
	u->timeouts = disk->timeouts;
	u->resets = disk->resets;
	u->retries = disk->retries;
	list_for_each(p, &disk->clients) {
		const struct disk_client *c = list_entry(p, struct disk_client, link);

		u->reads += c->reads;
		u->writes += c->writes;
		u->read_sectors += c->read_sectors;
		u->written_sectors += c->written_sectors;
	}
	disk_unlock(disk);
	return 0;
}
_Static_assert(sizeof(((struct disk *)0)->where) == 24 && DISK_MODEL_MAX == 48 &&
		       DISK_SERIAL_MAX == 24,
	       "names of drives");

/* --- domains */

int vblk_domain_init(struct domain *d)
{
	struct vblk_domain *b = hyp_alloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->d = d;
	slot_work_init(&b->work, d, look_at);
	spin_init(&b->lock, RANK_VBLK, "vbds");
	d->vblk = b;
	return 0;
}

bool vblk_relinquish(struct domain *d)
{
	struct vblk_domain *b = d->vblk;
	bool done = true;

	spin_lock(&all_lock);
	spin_lock(&b->lock);
	for (unsigned int i = 0; i < XENO_VBLK_MAX_DEVICES; i++) {
		if (!b->slot[i])
			continue;
		if (b->slot[i]->nr_pages && !vbd_disconnect(b->slot[i]))
			done = false;
		else
			vbd_free(b->slot[i]);
	}
	spin_unlock(&b->lock);
	spin_unlock(&all_lock);
	return done;
}

void vblk_domain_destroy(struct domain *d)
{
	hyp_free(d->vblk);
	d->vblk = NULL;
}

/* Linux's names: xvda to xvdp have numbers of their own, the others follow the extended scheme. */
static uint32_t xvd_number(unsigned int n)
{
	return n < XVD_NR ? XVD_FIRST + 16 * n : XVD_EXT + 256 * n;
}

void vblk_boot(void)
{
	for (unsigned int i = 0; i < disk_count(); i++) {
		const struct disk *disk = disk_get(i);
		struct xeno_vblk_extent x = { .drive = i, .sectors = disk->sectors };
		struct xeno_ctl_vblk_set u = { .dev = xvd_number(i),
					       .nr_extents = 1,
					       .flags = XENO_VBLKF_WHOLE };
		int err;

		u.flags |= disk->read_only ? XENO_VBLKF_READ_ONLY : 0;
		u.flags |= disk->cdrom ? XENO_VBLKF_CDROM : 0;
		strlcpy(u.label, "whole drive", sizeof(u.label));
		err = make(dom0, &u, &x);
		if (err)
			printk(LOG_WARN "disk %u: domain 0 cannot have it (%d)\n", i, err);
	}
}

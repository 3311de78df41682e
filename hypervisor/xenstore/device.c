/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes of a device in its domain's directory: see hyp/device.h. */
#include <hyp/console.h>
#include <hyp/device.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/xenstore.h>

#define PATH 80

static const char *node(const struct device *v, const char *base, const char *name, char path[PATH])
{
	snprintf(path, PATH, "/%s/%s/%u%s%s", base, v->type, v->nr, *name ? "/" : "", name);
	return path;
}

static int put(const struct device *v, const char *base, const char *name, const char *val)
{
	char path[PATH];

	return xenstore_ctl_write(v->d, node(v, base, name, path), val, strlen(val));
}

int device_put(const struct device *v, const char *name, const char *val)
{
	return put(v, "hyp", name, val);
}

int device_put_number(const struct device *v, const char *name, uint64_t n)
{
	char val[DEVICE_TEXT];

	snprintf(val, sizeof(val), "%llu", (unsigned long long)n);
	return device_put(v, name, val);
}

int device_put_numbers(const struct device *v, const struct device_number *n, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++)
		err = device_put_number(v, n[i].name, n[i].n);
	return err;
}

int device_put_front(const struct device *v, const char *name, const char *val)
{
	return put(v, "device", name, val);
}

int device_offer(const struct device *v)
{
	char val[PATH];
	int err;

	snprintf(val, sizeof(val), "/local/domain/%u/hyp/%s/%u", v->d->id, v->type, v->nr);
	err = device_put_front(v, "backend", val);
	snprintf(val, sizeof(val), "%u", DOMID_HYP);
	if (!err)
		err = device_put_front(v, "backend-id", val);
	snprintf(val, sizeof(val), "%u", XenbusStateInitialising);
	return err ? err : device_put_front(v, "state", val);
}

void device_remove_nodes(const struct device *v)
{
	char path[PATH];

	xenstore_ctl_rm(v->d, node(v, "device", "", path));
	xenstore_ctl_rm(v->d, node(v, "hyp", "", path));
}

int device_front_text(const struct device *v, const char *name, char val[DEVICE_TEXT])
{
	char path[PATH];
	int len = xenstore_ctl_read(v->d, node(v, "device", name, path), val, DEVICE_TEXT - 1);

	if (len >= 0)
		val[min(len, DEVICE_TEXT - 1)] = 0;
	return len;
}

bool device_front_number(const struct device *v, const char *name, uint32_t *n)
{
	char val[DEVICE_TEXT], *end;
	int len = device_front_text(v, name, val);
	unsigned long long wide;

	if (len <= 0 || len >= DEVICE_TEXT)
		return false;
	wide = strtoull(val, &end, 10);
	*n = (uint32_t)wide;
	return !*end && wide <= UINT32_MAX;
}

bool device_front_flag(const struct device *v, const char *name)
{
	uint32_t n;

	return device_front_number(v, name, &n) && n;
}

unsigned int device_front_state(const struct device *v)
{
	uint32_t n;

	return device_front_number(v, "state", &n) ? n : XenbusStateUnknown;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network as it runs (nets.h). The text of the rules is the truth: every change goes through
 * the text, is checked whole, compiled for the domains there are and put in place list by
 * list; only then does the new text replace the old one. Domains that come and go have it compiled
 * again, before a new one gets an interface, so that no domain ever meets rules of an older one
 * with its number.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hyp.h"
#include "nets.h"
#include "xenctl.h"

#define NET_LOCK NET_RUN_DIR "/net.lock"
#define CONF_BYTES 65536

int net_error(const char *what, const char *name, int err)
{
	if (err == -ENOSYS)
		report("cannot %s %s: this hypervisor is older than xenctl and has no network",
		       what, name);
	else
		report_error(what, name, err);
	return EXIT_FAILURE;
}

int net_lock(void)
{
	int fd;

	mkdir(NET_RUN_DIR, 0755);
	fd = open(NET_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return fd;
	report("%s: %s", NET_LOCK, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void net_unlock(int lock)
{
	close(lock);
}

/* --- names of domains and interfaces */

static struct {
	struct known {
		char name[XENO_NAME_MAX];
		uint16_t domid;
	} * domains;
	size_t nr;
	bool loaded;
} known;

const char *net_domain_name(uint16_t domid, const struct xeno_ctl_info *info)
{
	return domid ? info->name : "dom0";
}

static void know(uint16_t domid, const struct xeno_ctl_info *info,
		 void *data __attribute__((unused)))
{
	struct known *more;

	if (info->flags & XENO_DOMF_DYING)
		return;
	more = reallocarray(known.domains, known.nr + 1, sizeof(*more));
	if (!more)
		die("out of memory");
	known.domains = more;
	more[known.nr].domid = domid;
	strcpy(more[known.nr++].name, net_domain_name(domid, info));
}

static void know_domains(bool again)
{
	if (known.loaded && !again)
		return;
	known.nr = 0;
	known.loaded = true;
	each_domain(know, NULL);
}

int net_find_domain(const char *name, void *unused __attribute__((unused)))
{
	know_domains(false);
	for (size_t i = 0; i < known.nr; i++)
		if (!strcmp(known.domains[i].name, name))
			return known.domains[i].domid;
	return -1;
}

const char *net_iface_name(uint32_t iface, char buf[NET_NAME_MAX])
{
	if (iface & XENO_VNET_NIC(0))
		return net_iface_text(NULL, iface, buf);
	know_domains(false);
	for (size_t i = 0; i < known.nr; i++)
		if (known.domains[i].domid == iface >> 8)
			return net_iface_text(known.domains[i].name, iface & 255, buf);
	snprintf(buf, NET_NAME_MAX, "domain %u.%u", iface >> 8, iface & 255);
	return buf;
}

uint32_t net_iface_named(const char *word)
{
	struct net_iface i;
	char why[SPEC_ERR];
	uint32_t nr;

	if (net_iface_parse(&i, word, why))
		die("%s", why);
	if (net_iface_number(&i, net_find_domain, NULL, &nr))
		die("no domain is called '%s'; see xenctl list", i.domain);
	return nr;
}

uint16_t net_find_vif(const char *word, struct xeno_ctl_vnet_info *v)
{
	size_t len = strcspn(word, ".");
	uint64_t handle = 0, number;
	struct net_iface i = { 0 };
	char name[XENO_NAME_MAX], why[SPEC_ERR];
	uint16_t domid;
	int err;

	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : 0), word);
	if (!spec_number(name, DOMID_FIRST_RESERVED - 1, &number) &&
	    (!word[len] || !spec_number(word + len + 1, 255, &handle))) {
		domid = (uint16_t)number;
	} else {
		if (net_iface_parse(&i, word, why))
			die("%s", why);
		if (!i.domain[0])
			die("'%s' is not an interface of a domain", word);
		domid = (uint16_t)(net_iface_named(word) >> 8);
		handle = i.nr;
	}
	err = hyp_vnet_info(domid, (uint32_t)handle, v);
	if (err && err != -ENOENT)
		exit(net_error("ask for the interface", word, err));
	if (err || v->handle != handle)
		die("there is no interface %s; see xenctl net list", word);
	return domid;
}

/* --- files */

int net_text_read(struct net_text *t, const char *path, bool absent)
{
	char why[SPEC_ERR];
	size_t len = 0;
	int err = 0;

	*t = (struct net_text){ 0 };
	t->text = (char *)read_file(path, NETRULES_TEXT_MAX, &len, &err);
	if (!t->text && err == -ENOENT && absent)
		t->text = calloc(1, 1);
	if (!t->text) {
		report("%s: %s", path, strerror(err ? -err : ENOMEM));
		return -1;
	}
	if (!netrules_parse(&t->rules, t->text, len, why))
		return 0;
	report("%s:%s", path, why);
	net_text_free(t);
	return -1;
}

void net_text_free(struct net_text *t)
{
	netrules_free(&t->rules);
	free(t->text);
	t->text = NULL;
}

/* PATH.new, complete. */
static int write_new(const char *path, const char *text, size_t len, char *new, size_t size)
{
	FILE *f;

	snprintf(new, size, "%s.new", path);
	f = fopen(new, "we");
	if (f && fwrite(text, 1, len, f) == len && !fflush(f) && !fsync(fileno(f)) && !fclose(f))
		return 0;
	report("%s: %s", new, strerror(errno));
	unlink(new);
	return -1;
}

static int put_in_place(const char *new, const char *path)
{
	if (!rename(new, path))
		return 0;
	report("%s: %s", path, strerror(errno));
	unlink(new);
	return -1;
}

int net_write_file(const char *path, const char *text, size_t len)
{
	char new[256];

	return write_new(path, text, len, new, sizeof(new)) || put_in_place(new, path) ? -1 : 0;
}

const char *net_uplink_path(uint32_t nic)
{
	static char path[64];

	snprintf(path, sizeof(path), NET_RUN_DIR "/uplink%u.rules", nic);
	return path;
}

int net_conf_read(struct net_conf *n)
{
	struct xlcfg c = { 0 };
	char why[XLCFG_ERR];
	size_t len;
	int err;
	char *text = (char *)read_file(NET_CONF, CONF_BYTES, &len, &err);

	if (!text && err != -ENOENT) {
		report("%s: %s", NET_CONF, strerror(-err));
		return -1;
	}
	err = (text && xlcfg_parse(&c, text, len, why)) || netconf_from(n, &c, why) ? -1 : 0;
	if (err)
		report("%s: %s", NET_CONF, why);
	free(text);
	xlcfg_free(&c);
	return err;
}

/* --- from text to the hypervisor */

/* The text's own routes come first. */
static void add_route(struct netlists *l, const struct xeno_vnet_route *r)
{
	for (unsigned int i = 0; i < l->nr_routes; i++)
		if (l->routes[i].addr == r->addr && l->routes[i].len == r->len)
			return;
	if (l->nr_routes < XENO_VNET_ROUTES_MAX) {
		l->route_line[l->nr_routes] = 0;
		l->routes[l->nr_routes++] = *r;
	}
}

bool net_overlaps(const struct net_conf *n, uint32_t addr, unsigned int len)
{
	unsigned int shorter = len < n->network_len ? len : n->network_len;

	return len && !((addr ^ n->network) & net_mask(shorter));
}

/*
 * What is for nobody in the guests' network ends at domain 0, and not on the outer wire; but not
 * when a card's own network has such addresses, too: the router would take them for its own.
 */
static int add_network(struct netlists *l)
{
	struct xeno_vnet_route r = { .iface = XENO_VNET_VIF(0, NET_INNER) };
	struct net_conf n;

	if (net_conf_read(&n))
		return -1;
	for (unsigned int i = 0; i < l->nr_routes; i++)
		if (l->routes[i].iface & XENO_VNET_NIC(0) && !l->routes[i].gateway &&
		    net_overlaps(&n, l->routes[i].addr, l->routes[i].len))
			return 0;
	r.addr = n.network;
	r.len = n.network_len;
	add_route(l, &r);
	return 0;
}

static int add_uplinks(struct netlists *l)
{
	struct netlists up;
	struct net_text t;

	for (uint32_t nic = 0; nic < NET_UPLINKS; nic++) {
		if (net_text_read(&t, net_uplink_path(nic), true))
			return -1;
		if (netrules_compile(&t.rules, net_find_domain, NULL, &up)) {
			net_text_free(&t);
			return -1;
		}
		for (unsigned int i = 0; i < up.nr_routes; i++)
			add_route(l, &up.routes[i]);
		netlists_free(&up);
		net_text_free(&t);
	}
	return 0;
}

static int put_list(const struct netrules *r, const char *path, enum xeno_vnet_list list,
		    const void *elements, size_t size, unsigned int nr, const size_t *lines)
{
	static const char *const names[] = { "rules", "translations", "routes" };
	uint32_t bad;
	int err = hyp_vnet_list_set(list, elements, size, nr, &bad);

	if (err) {
		net_error("put in place the", names[list], err);
		return -1;
	}
	if (bad == XENO_VNET_GOOD)
		return 0;
	if (bad < nr && lines[bad] < r->nr)
		report("%s:%u: the hypervisor refuses this line", path, r->lines[lines[bad]].line);
	else
		report("%s: the hypervisor refuses the %s", path, names[list]);
	return -1;
}

/* -1: nothing has changed; -2: some lists have. */
static int put_lists(const struct netrules *r, const char *path, const struct netlists *l)
{
	if (put_list(r, path, XENO_VNET_LIST_NATS, l->nats, sizeof(l->nats[0]), l->nr_nats,
		     l->nat_line))
		return -1;
	return put_list(r, path, XENO_VNET_LIST_ROUTES, l->routes, sizeof(l->routes[0]),
			l->nr_routes, l->route_line) ||
			       put_list(r, path, XENO_VNET_LIST_RULES, l->rules,
					sizeof(l->rules[0]), l->nr_rules, l->rule_line) ?
		       -2 :
		       0;
}

void net_update_from(struct xeno_ctl_vnet_set *u, const struct xeno_ctl_vnet_info *v)
{
	*u = (struct xeno_ctl_vnet_set){ .handle = v->handle,
					 .flags = (v->flags & XENO_VNETF_ALL) | XENO_VNETF_UPDATE,
					 .nic = v->nic,
					 .gateway = v->gateway,
					 .nr_addrs = v->nr_addrs,
					 .bytes_limit = v->bytes_limit,
					 .packets_limit = v->packets_limit,
					 .hold_packets = v->hold_packets,
					 .hold_ns = v->hold_ns,
					 .conns = v->conns,
					 .symmetry = v->symmetry };
	memcpy(u->mac, v->mac, sizeof(u->mac));
	memcpy(u->addr, v->addr, v->nr_addrs * sizeof(u->addr[0]));
	memcpy(u->label, v->label, sizeof(u->label));
}

struct guard {
	const struct netrules *r;
	int err;
};

static void put_symmetry(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	const char *name = net_domain_name(domid, info);
	struct xeno_ctl_vnet_info v;
	struct xeno_ctl_vnet_set u;
	struct guard *g = data;

	for (uint32_t h = 0; !g->err && !hyp_vnet_info(domid, h, &v); h = v.handle + 1) {
		struct xeno_vnet_symmetry want = netrules_symmetry(g->r, name, v.handle);

		if (want.ratio == v.symmetry.ratio &&
		    (!want.ratio || !memcmp(&want, &v.symmetry, sizeof(want))))
			continue;
		net_update_from(&u, &v);
		u.symmetry = want;
		g->err = hyp_vnet_set(domid, &u);
		if (g->err == -ESRCH || g->err == -ENOENT)
			g->err = 0;
	}
}

int net_put(const struct net_text *t, const char *path)
{
	struct guard g = { &t->rules, 0 };
	struct netlists l;
	int ret;

	know_domains(true);
	if (netrules_compile(&t->rules, net_find_domain, NULL, &l)) {
		report("%s: out of memory", path);
		return -1;
	}
	ret = add_uplinks(&l) || add_network(&l) ? -1 : put_lists(&t->rules, path, &l);
	netlists_free(&l);
	if (ret)
		return ret;
	each_domain(put_symmetry, &g);
	if (g.err)
		net_error("set the symmetry guard of", "an interface", g.err);
	return g.err ? -2 : 0;
}

int net_put_again(void)
{
	struct net_text t;
	int ret;

	if (net_text_read(&t, NET_RULES, true))
		return -1;
	ret = net_put(&t, NET_RULES);
	net_text_free(&t);
	return ret;
}

/* Writes, puts in place, makes it the running one. */
static int replace(const struct net_text *t, const char *name)
{
	char new[256];
	int ret;

	if (write_new(NET_RULES, t->rules.text, t->rules.len, new, sizeof(new)))
		return -1;
	ret = net_put(t, name);
	if (!ret)
		return put_in_place(new, NET_RULES);
	unlink(new);
	if (ret == -2)
		net_put_again();
	return -1;
}

int net_replace(const char *text, size_t len, const char *name)
{
	struct net_text t = { 0 };
	char why[SPEC_ERR];
	int ret = -1;

	if (netrules_parse(&t.rules, text, len, why))
		report("%s:%s", name, why);
	else
		ret = replace(&t, name);
	netrules_free(&t.rules);
	return ret;
}

/* --- interfaces of domains */

/* Addresses that are somebody's. */
struct taken {
	uint32_t addr;
	uint8_t len;
	const uint8_t *mac; /* NULL: not looked for */
	bool found;
	char who[NET_NAME_MAX];
};

static void look_taken(uint16_t domid, const struct xeno_ctl_info *info, void *data)
{
	struct taken *t = data;
	struct xeno_ctl_vnet_info v;

	for (uint32_t h = 0; !t->found && !hyp_vnet_info(domid, h, &v); h = v.handle + 1) {
		for (uint32_t i = 0; i < v.nr_addrs; i++) {
			uint8_t len = t->len < v.addr[i].len ? t->len : v.addr[i].len;

			t->found |= !((t->addr ^ v.addr[i].addr) & net_mask(len)) && t->len;
		}
		t->found |= t->mac && !memcmp(t->mac, v.mac, sizeof(v.mac));
		if (t->found)
			net_iface_text(net_domain_name(domid, info), v.handle, t->who);
	}
}

static bool addr_free(const struct net_conf *n, uint32_t addr)
{
	struct taken t = { .addr = addr, .len = 32 };
	uint32_t host = addr & ~net_mask(n->network_len);

	if (addr == n->gateway || addr == n->dom0 || !host ||
	    host == (uint32_t)~net_mask(n->network_len))
		return false;
	each_domain(look_taken, &t);
	return !t.found;
}

/* The one it had, or the lowest of the pool that is free. 0: there is none. */
static uint32_t choose_addr(const struct net_conf *n, uint32_t had)
{
	if (had && addr_free(n, had))
		return had;
	for (uint64_t a = n->pool_first; a <= n->pool_last; a++)
		if (addr_free(n, (uint32_t)a))
			return (uint32_t)a;
	return 0;
}

static int attach_exists(const struct xeno_ctl_vnet_set *u, char *err)
{
	struct taken t = { .mac = u->mac };
	char text[NET_ADDR_MAX];

	each_domain(look_taken, &t);
	if (t.found)
		return spec_fail(err, "the MAC is that of %s; mac= gives another", t.who);
	for (uint32_t i = 0; i < u->nr_addrs; i++) {
		t = (struct taken){ .addr = u->addr[i].addr, .len = u->addr[i].len };
		each_domain(look_taken, &t);
		if (t.found)
			return spec_fail(err, "%s is an address of %s",
					 net_prefix_text(t.addr, t.len, text), t.who);
	}
	return spec_fail(err, "the domain has an interface %u", u->handle);
}

static int attach_failed(const struct xeno_ctl_vnet_set *u, int error, char *err)
{
	static const struct {
		int error;
		const char *what;
	} table[] = {
		{ -ENOSYS, "this hypervisor is older than xenctl and has no network" },
		{ -ENOSPC,
		  "too many interfaces or connections promised (conns=), or its device directory is full" },
		{ -ESRCH, "the domain is gone" },
	};

	if (error == -EEXIST)
		return attach_exists(u, err);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == error)
			return spec_fail(err, "%s", table[i].what);
	return spec_fail(err, "%s", strerror(-error));
}

int net_attach(uint16_t domid, const char *domain, uint32_t handle, struct vif_spec *s,
	       char err[SPEC_ERR])
{
	static const uint8_t no_mac[6];
	struct xeno_ctl_vnet_set u = { .handle = handle,
				       .flags = XENO_VNETF_DHCP,
				       .nr_addrs = s->nr_addrs,
				       .bytes_limit = s->bytes_limit,
				       .packets_limit = s->packets_limit,
				       .conns = s->conns };
	char name[NET_NAME_MAX];
	struct net_conf conf;
	int error;

	if (net_conf_read(&conf))
		return spec_fail(err, "%s is wrong", NET_CONF);
	memcpy(u.addr, s->addr, sizeof(u.addr));
	for (uint32_t i = 0; i < s->nr_addrs; i++)
		if (!((s->addr[i].addr ^ conf.gateway) & net_mask(s->addr[i].len)))
			return spec_fail(err, "ip= takes the router's address, gateway in %s",
					 NET_CONF);
	if (!s->nr_addrs) {
		s->chosen = choose_addr(&conf, s->chosen);
		if (!s->chosen)
			return spec_fail(err, "no address of the pool in %s is free", NET_CONF);
		u.addr[u.nr_addrs++] = (struct xeno_vnet_prefix){ .addr = s->chosen, .len = 32 };
	}
	u.gateway = s->gateway ? s->gateway : conf.gateway;
	memcpy(u.mac, s->mac, sizeof(u.mac));
	if (!memcmp(u.mac, no_mac, sizeof(no_mac)))
		vif_default_mac(domain, handle, u.mac);
	snprintf(u.label, sizeof(u.label), "%.63s", net_iface_text(domain, handle, name));
	error = hyp_vnet_set(domid, &u);
	return error ? attach_failed(&u, error, err) : 0;
}

bool net_has_vifs(uint16_t domid)
{
	struct xeno_ctl_vnet_info v;

	return !hyp_vnet_info(domid, 0, &v);
}

/* What it prints goes nowhere, so that a daemon it starts holds no pipe of ours open. */
void net_changed(void)
{
	static char *const argv[] = { (char *)NET_CHANGED, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int status = 0, err;
	pid_t pid;

	if (access(NET_CHANGED, X_OK))
		return;
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 0, 1);
	posix_spawn_file_actions_adddup2(&files, 0, 2);
	err = posix_spawn(&pid, NET_CHANGED, &files, &attr, argv, environ);
	if (err)
		report("%s: %s", NET_CHANGED, strerror(err));
	else if (waitpid(pid, &status, 0) == pid && status)
		report("%s failed", NET_CHANGED);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
}

int nets_check(const struct guest_cfg *g)
{
	struct net_conf conf;

	if (g->nr_vifs && net_conf_read(&conf))
		return -1;
	for (unsigned int i = 0; i < g->nr_vifs; i++)
		if (g->vifs[i].ignored[0])
			report("%s: vif[%u]: means nothing here: %s", g->name, i,
			       g->vifs[i].ignored);
	return 0;
}

int nets_attach(uint16_t domid, struct guest_cfg *g)
{
	char why[SPEC_ERR];
	int lock, err;

	if (!g->nr_vifs)
		return 0;
	lock = net_lock();
	if (lock < 0)
		return -1;
	err = net_put_again();
	for (unsigned int i = 0; i < g->nr_vifs && !err; i++) {
		err = net_attach(domid, g->name, i, &g->vifs[i], why);
		if (err)
			report("%s: vif[%u]: %s", g->name, i, why);
	}
	if (!err)
		err = net_put_again(); /* symmetry guards */
	net_unlock(lock);
	if (!err)
		net_changed();
	return err;
}

void nets_gone(void)
{
	int lock = net_lock();

	if (lock < 0)
		return;
	net_put_again();
	net_unlock(lock);
	net_changed();
}

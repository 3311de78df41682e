// SPDX-License-Identifier: GPL-2.0-only
/*
 * The domain builder (builder.h), in domain 0's user space. The layout is bootplan.c's; this
 * file moves the bytes: frames are allocated, mapped through privcmd a megabyte at a time,
 * filled and unmapped again, so that domain 0 needs little memory. Frames come zeroed.
 * All mappings are gone before the page tables are pinned, for a frame mapped writable
 * cannot become a table. Any failure destroys the half-made domain.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder.h"
#include "disks.h"
#include "guest_boot.h"
#include "hyp.h"
#include "nets.h"
#include "xenctl.h"

#define MIB_PAGES 256

/* --- files */

static int load_kernel(struct guest_files *f, const struct guest_cfg *g, const char *path)
{
	char why[KERN_ERR];
	size_t len;
	int err;

	f->file = read_file(path, KERN_MAX_BYTES, &len, &err);
	if (!f->file) {
		report("%s: kernel %s: %s", g->name, f->kernel_name, strerror(-err));
		return -1;
	}
	if (kern_unpack(f->file, len, &f->unpacked, &f->elf_len, why)) {
		report("%s: kernel %s: %s", g->name, f->kernel_name, why);
		return -1;
	}
	f->elf = f->unpacked ? f->unpacked : f->file;
	if (f->unpacked) {
		free(f->file);
		f->file = NULL;
	}
	if (kern_parse(&f->kernel, f->elf, f->elf_len, why)) {
		report("%s: kernel %s: %s", g->name, f->kernel_name, why);
		return -1;
	}
	return 0;
}

static int open_ramdisk(struct guest_files *f, const struct guest_cfg *g)
{
	struct stat st;

	if (!g->ramdisk[0])
		return 0;
	f->ramdisk = open(g->ramdisk, O_RDONLY | O_CLOEXEC);
	if (f->ramdisk < 0 || fstat(f->ramdisk, &st)) {
		report("%s: ramdisk %s: %s", g->name, g->ramdisk, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		report("%s: ramdisk %s: %s", g->name, g->ramdisk,
		       S_ISREG(st.st_mode) ? "the file is empty" : "not a file");
		return -1;
	}
	f->ramdisk_len = (uint64_t)st.st_size;
	return 0;
}

static int load_files(struct guest_files *f, const struct guest_cfg *g)
{
	snprintf(f->kernel_name, sizeof(f->kernel_name), "%s", g->kernel);
	return load_kernel(f, g, g->kernel) || open_ramdisk(f, g) ? -1 : 0;
}

/* bootloader = "disk": what the guest has on its first disk, or else the files of the configuration. */
static int load_from_disk(struct guest_files *f, const struct guest_cfg *g)
{
	char why[SPEC_ERR], path[32];
	struct guest_boot b;
	struct stat st;
	int ret = guest_boot_read(&g->disks[0], true, &b, why);

	if (ret < 0 || (ret && !g->kernel[0])) {
		report("%s: disk[0]: %s", g->name, ret < 0 ? why : "there is no kernel on it");
		return -1;
	}
	if (ret)
		return load_files(f, g);
	if (b.unclean)
		report("%s: disk[0] was not unmounted: what the guest changed last in /boot may be "
		       "missing",
		       g->name);
	snprintf(f->kernel_name, sizeof(f->kernel_name), "%s of its disk", b.kernel_path);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b.kernel);
	ret = load_kernel(f, g, path);
	if (!ret && !fstat(b.ramdisk, &st) && st.st_size) {
		f->ramdisk = b.ramdisk;
		f->ramdisk_len = (uint64_t)st.st_size;
		b.ramdisk = -1;
	}
	guest_boot_free(&b);
	return ret;
}

int guest_load(struct guest_files *f, const struct guest_cfg *g)
{
	char why[KERN_ERR];

	memset(f, 0, sizeof(*f));
	f->ramdisk = -1;
	if (g->bootloader[0] ? load_from_disk(f, g) : load_files(f, g))
		goto out_unload;
	if (boot_plan(&f->plan, &f->kernel, g->memory * MIB_PAGES, f->ramdisk_len, why)) {
		report("%s: %s", g->name, why);
		goto out_unload;
	}
	return 0;

out_unload:
	guest_unload(f);
	return -1;
}

void guest_unload(struct guest_files *f)
{
	free(f->file);
	free(f->unpacked);
	if (f->ramdisk >= 0)
		close(f->ramdisk);
	memset(f, 0, sizeof(*f));
	f->ramdisk = -1;
}

/* --- memory of the new domain */

struct build {
	const struct guest_files *f;
	const struct guest_cfg *g;
	const struct boot_plan *plan;
	uint16_t domid;
	uint64_t *p2m; /* machine frame of each pseudo-physical frame */
	struct xeno_ctl_setup setup;
};

static int __attribute__((format(printf, 3, 4)))
step_failed(const struct build *b, int err, const char *fmt, ...)
{
	char what[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	report("%s: cannot %s: %s", b->g->name, what, strerror(-err));
	return -1;
}

/*
 * Copies into pseudo-physical memory from byte address `to`: from src, or, when that is
 * NULL, from the ramdisk's file at offset.
 */
static int put(struct build *b, uint64_t to, const void *src, uint64_t len, uint64_t offset)
{
	int err = 0;

	for (uint64_t done = 0, n; done < len && !err; done += n) {
		uint64_t at = (to + done) % PAGE_BYTES;
		uint64_t room = HYP_MAP_FRAMES * PAGE_BYTES - at;
		uint64_t frame = (to + done) / PAGE_BYTES;
		size_t count;
		uint8_t *p;

		n = len - done < room ? len - done : room;
		count = (size_t)((at + n + PAGE_BYTES - 1) / PAGE_BYTES);
		p = hyp_map(b->domid, b->p2m + frame, count, &err);
		if (!p)
			break;
		errno = 0;
		if (src)
			memcpy(p + at, (const uint8_t *)src + done, n);
		else if (pread(b->f->ramdisk, p + at, n, (off_t)(offset + done)) != (ssize_t)n)
			err = errno ? -errno : -EIO;
		hyp_unmap(p, count);
	}
	return err;
}

static int populate_slice(struct build *b, uint64_t *out, uint64_t want, uint64_t *got)
{
	const uint64_t room = HYP_DATA_BYTES / sizeof(uint64_t);
	struct xeno_control c = { 0 };
	int err;

	c.u.populate.count = want < room ? want : room;
	c.u.populate.mfns = (uintptr_t)hyp_data();
	err = hyp_control(&c, XENO_CTL_MEM_POPULATE, b->domid);
	if (err)
		return err;
	if (!c.u.populate.done || c.u.populate.done > c.u.populate.count)
		return -EIO;
	memcpy(out, hyp_data(), c.u.populate.done * sizeof(uint64_t));
	*got = c.u.populate.done;
	return 0;
}

/* Allocates frames [from, to) of the domain. */
static int populate(struct build *b, uint64_t from, uint64_t to)
{
	int err = 0;

	for (uint64_t got = 0; from < to && !err; from += got)
		err = populate_slice(b, b->p2m + from, to - from, &got);
	return err;
}

/* All frames but the two the hypervisor made; these take their place in the list. */
static int get_memory(struct build *b)
{
	const struct boot_plan *p = b->plan;
	struct xeno_control c = { 0 };
	int err = hyp_control(&c, XENO_CTL_DOMAIN_SETUP, b->domid);

	if (err)
		return step_failed(b, err, "ask for its shared pages");
	b->setup = c.u.setup;
	b->p2m[p->xenstore] = b->setup.xenstore_mfn;
	b->p2m[p->console] = b->setup.console_mfn;
	err = populate(b, 0, p->xenstore); /* the console page is the next one */
	if (!err)
		err = populate(b, p->console + 1, p->nr_pages);
	if (err)
		return step_failed(b, err, "allocate %llu MiB", (unsigned long long)b->g->memory);
	err = hyp_set_m2p(b->domid, b->p2m, 0, p->nr_pages);
	return err ? step_failed(b, err, "enter its frames") : 0;
}

/* --- contents */

/* 32 bytes per hypercall; RCX and R11 survive. iret finds the frame of struct iret_context. */
static void fill_hypercall_page(uint8_t page[PAGE_BYTES])
{
	static const uint8_t stub[] = { 0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
					0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret,
					0,    0,    0,	  0x0f, 0x05 };

	memset(page, 0xcc, PAGE_BYTES);
	for (unsigned int nr = 0; nr < PAGE_BYTES / 32; nr++) {
		memcpy(page + nr * 32, stub, sizeof(stub));
		page[nr * 32 + 4] = (uint8_t)nr;
	}
	memcpy(page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}

static int put_kernel(struct build *b)
{
	const struct kern_image *k = &b->f->kernel;
	uint8_t page[PAGE_BYTES];
	int err = 0;

	for (unsigned int i = 0; i < k->nr_segments && !err; i++)
		err = put(b, k->segments[i].vaddr - k->virt_base,
			  b->f->elf + k->segments[i].file_offset, k->segments[i].file_size, 0);
	if (!err && k->hypercall_page != KERN_NONE) {
		fill_hypercall_page(page);
		err = put(b, k->hypercall_page - k->virt_base, page, sizeof(page), 0);
	}
	return err;
}

static int put_start_info(struct build *b)
{
	const struct boot_plan *p = b->plan;
	struct start_info si = {
		.magic = "xen-3.0-x86_64",
		.nr_pages = p->nr_pages,
		.shared_info = b->setup.shared_info_mfn * PAGE_BYTES,
		.flags = SIF_VIRT_P2M_4TOOLS,
		.store_mfn = b->setup.xenstore_mfn,
		.store_evtchn = b->setup.xenstore_port,
		.console.domU = { b->setup.console_mfn, b->setup.console_port },
		.pt_base = boot_vaddr(p, p->tables.first),
		.nr_pt_frames = p->tables.count,
		.mfn_list = p->p2m_vaddr,
		.mod_len = p->ramdisk_len,
	};

	if (p->ramdisk_len && p->ramdisk_mapped) {
		si.mod_start = boot_vaddr(p, p->ramdisk.first);
	} else if (p->ramdisk_len) {
		si.mod_start = p->ramdisk.first;
		si.flags |= SIF_MOD_START_PFN;
	}
	if (!p->p2m_mapped) {
		si.first_p2m_pfn = p->p2m_tables.first;
		si.nr_p2m_frames = p->p2m_tables.count + p->p2m.count;
	}
	memcpy(si.cmd_line, b->g->cmdline, strlen(b->g->cmdline) + 1);
	return put(b, p->start_info * PAGE_BYTES, &si, sizeof(si), 0);
}

static int put_tables(struct build *b)
{
	uint64_t entries[512];
	int err = 0;

	for (uint64_t n = 0; n < boot_plan_tables(b->plan) && !err; n++) {
		uint64_t frame = boot_plan_table(b->plan, n, b->p2m, entries);

		err = put(b, frame * PAGE_BYTES, entries, sizeof(entries), 0);
	}
	return err;
}

static int put_contents(struct build *b)
{
	const struct boot_plan *p = b->plan;
	int err = put_kernel(b);

	if (err)
		return step_failed(b, err, "load the kernel");
	err = put(b, p->ramdisk.first * PAGE_BYTES, NULL, p->ramdisk_len, 0);
	if (err)
		return step_failed(b, err, "load the ramdisk");
	err = put(b, p->p2m.first * PAGE_BYTES, b->p2m, p->nr_pages * 8, 0);
	if (!err)
		err = put_start_info(b);
	if (!err)
		err = put_tables(b);
	if (err)
		return step_failed(b, err, "write its start-up pages");
	err = hyp_pin_l4(b->domid, b->p2m[p->tables.first]);
	return err ? step_failed(b, err, "validate its page tables") : 0;
}

/* --- the rest */

static int set_context(struct build *b)
{
	const struct boot_plan *p = b->plan;
	struct vcpu_guest_context *ctx = hyp_data();
	struct xeno_control c = { 0 };
	int err;

	memset(ctx, 0, sizeof(*ctx));
	ctx->flags = VGCF_in_kernel | VGCF_online;
	ctx->user_regs.rip = b->f->kernel.entry;
	ctx->user_regs.rsp = boot_vaddr(p, p->stack + 1);
	ctx->user_regs.rsi = boot_vaddr(p, p->start_info);
	ctx->user_regs.rflags = 0x202; /* interrupts on: the upcall mask is what holds events */
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS64;
	ctx->kernel_ss = FLAT_KERNEL_SS64;
	ctx->kernel_sp = ctx->user_regs.rsp;
	ctx->ctrlreg[3] = xen_pfn_to_cr3(b->p2m[p->tables.first]);
	c.u.vcpu_context.context = (uintptr_t)ctx;
	do
		err = hyp_control(&c, XENO_CTL_VCPU_SET_CONTEXT, b->domid);
	while (err == -EAGAIN); /* page tables of b are still being taken apart */
	return err ? step_failed(b, err, "set the start state of its first VCPU") : 0;
}

/* The configuration stays with the domain; a balloon driver learns its target. */
static int set_records(struct build *b)
{
	char text[XENO_CONFIG_MAX];
	int len = guestcfg_print(b->g, text, sizeof(text));
	uint64_t pos = 0;
	long ret;

	ret = hyp_stream(XENO_CTL_CONFIG_SET, b->domid, &pos, text, (size_t)len);
	if (ret < 0)
		return step_failed(b, (int)ret, "keep its configuration");
	if (b->g->maxmem == b->g->memory)
		return 0;
	len = snprintf(text, sizeof(text), "%llu", (unsigned long long)b->g->memory * 1024);
	ret = hyp_xs(XENO_CTL_XS_WRITE, b->domid, "/memory/target", text, (size_t)len);
	return ret < 0 ? step_failed(b, (int)ret, "write its memory target") : 0;
}

static int check_free(const struct guest_cfg *g)
{
	struct xeno_control c = { 0 };
	int err = hyp_control(&c, XENO_CTL_PHYS_INFO, 0);

	if (err) {
		report("cannot ask the hypervisor for its free memory: %s", strerror(-err));
		return -1;
	}
	if (c.u.phys.free_pages >= g->memory * MIB_PAGES)
		return 0;
	report("%s: not enough free memory: it needs %llu MiB, %llu MiB are free", g->name,
	       (unsigned long long)g->memory, (unsigned long long)c.u.phys.free_pages / MIB_PAGES);
	return -1;
}

static int create_domain(struct guest_cfg *g, uint16_t *domid)
{
	struct xeno_control c = { 0 };
	int err;

	if (!g->has_uuid && getrandom(g->uuid, sizeof(g->uuid), 0) != sizeof(g->uuid)) {
		report("%s: no random numbers for a uuid: %s", g->name, strerror(errno));
		return -1;
	}
	if (!g->has_uuid) { /* version 4, RFC 4122 */
		g->uuid[6] = (uint8_t)((g->uuid[6] & 0x0f) | 0x40);
		g->uuid[8] = (uint8_t)((g->uuid[8] & 0x3f) | 0x80);
	}
	g->has_uuid = true;
	c.u.create.flags = g->split ? XENO_CREATE_SPLIT : 0;
	c.u.create.max_vcpus = (uint32_t)g->vcpus;
	c.u.create.max_pages = g->maxmem * MIB_PAGES;
	memcpy(c.u.create.uuid, g->uuid, sizeof(g->uuid));
	memcpy(c.u.create.name, g->name, sizeof(c.u.create.name));
	err = hyp_control(&c, XENO_CTL_DOMAIN_CREATE, 0);
	if (err == -EEXIST)
		report("%s: a domain of this name exists already", g->name);
	else if (err)
		report("%s: cannot create the domain: %s", g->name, strerror(-err));
	*domid = c.domid;
	return err ? -1 : 0;
}

int guest_build(const struct guest_files *f, struct guest_cfg *g, uint16_t *domid)
{
	struct build b = { .f = f, .g = g, .plan = &f->plan };
	int err;

	if (check_free(g))
		return -1;
	b.p2m = calloc(f->plan.nr_pages, sizeof(*b.p2m));
	if (!b.p2m) {
		report("%s: out of memory", g->name);
		return -1;
	}
	err = create_domain(g, &b.domid);
	if (err)
		goto out_free;
	err = get_memory(&b) || put_contents(&b) || set_context(&b) || set_records(&b) ||
			      disks_attach(b.domid, g) || nets_attach(b.domid, g) ?
		      -1 :
		      0;
	if (err && hyp_destroy(b.domid))
		report("%s: domain %u is left behind; try xenctl destroy %u", g->name, b.domid,
		       b.domid);
	*domid = b.domid;
out_free:
	free(b.p2m);
	return err;
}

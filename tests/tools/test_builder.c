// SPDX-License-Identifier: GPL-2.0-only
/* SOURCES: tools/xenctl/builder.c tools/xenctl/bootplan.c tools/xenctl/kernimage.c tools/xenctl/unpack.c tools/xenctl/guestcfg.c tools/xenctl/diskspec.c tools/xenctl/netspec.c tools/xenctl/spec.c tools/xenctl/xlcfg.c tools/xenctl/util.c */
/* LIBS: -lz -llzma -lzstd -llz4 */
/*
 * The domain builder against a hypervisor made of arrays (it stands in for hyp.c): what a
 * guest would find through its page tables, and that any failure leaves no domain behind.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <public/elfnote.h>

#include "../../tools/xenctl/builder.h"
#include "../../tools/xenctl/disks.h"
#include "../../tools/xenctl/guest_boot.h"
#include "../../tools/xenctl/hyp.h"
#include "../../tools/xenctl/xenctl.h"
#include "check.h"

#define FRAMES 8192
#define CONSOLE_MFN 5
#define XENSTORE_MFN 6
#define VIRT_BASE 0xffffffff80000000ull
#define TEXT 0x200000ull

/* --- the hypervisor */

static uint8_t (*ram)[PAGE_BYTES];
static uint64_t m2p[FRAMES + 16];
static uint64_t next_mfn, pinned;
static int domains, mapped, calls, fail_at;
static struct vcpu_guest_context context;
static uint8_t data[HYP_DATA_BYTES];
static char config[XENO_CONFIG_MAX];

/* The n-th call fails, when a test says so. */
static bool fails(void)
{
	return ++calls == fail_at;
}

void *hyp_data(void)
{
	return data;
}

static int populate(struct xeno_ctl_populate *p)
{
	uint64_t *out = (uint64_t *)(uintptr_t)p->mfns;

	for (p->done = 0; p->done < p->count && p->done < 100; p->done++)
		out[p->done] = next_mfn++ * 5 % FRAMES + 16;
	return 0;
}

int hyp_control(struct xeno_control *c, enum xeno_control_op op, uint16_t domid)
{
	if (fails())
		return -ENOMEM;
	switch (op) {
	case XENO_CTL_PHYS_INFO:
		c->u.phys.free_pages = FRAMES;
		return 0;
	case XENO_CTL_DOMAIN_CREATE:
		check(domid == 0 && !domains, "create");
		domains++;
		c->domid = 7;
		return 0;
	case XENO_CTL_DOMAIN_SETUP:
		c->u.setup = (struct xeno_ctl_setup){ 9, CONSOLE_MFN, XENSTORE_MFN, 2, 1 };
		return 0;
	case XENO_CTL_MEM_POPULATE:
		return populate(&c->u.populate);
	case XENO_CTL_VCPU_SET_CONTEXT:
		check(domid == 7 && pinned && !mapped, "context before pinning");
		context = *(struct vcpu_guest_context *)(uintptr_t)c->u.vcpu_context.context;
		return 0;
	default:
		check(0, "operation %d", op);
		return -ENOSYS;
	}
}

long hyp_stream(enum xeno_control_op op, uint16_t domid, uint64_t *pos, void *buf, size_t len)
{
	if (fails())
		return -ENOMEM;
	check(op == XENO_CTL_CONFIG_SET && domid == 7 && !*pos, "stream");
	memset(config, 0, sizeof(config));
	memcpy(config, buf, len);
	return (long)len;
}

long hyp_xs(enum xeno_control_op op, uint16_t domid, const char *path, void *buf, size_t len)
{
	if (fails())
		return -ENOMEM;
	check(op == XENO_CTL_XS_WRITE && domid == 7 && !strcmp(path, "/memory/target"), "xs");
	check(len == 5 && !memcmp(buf, "16384", 5), "target");
	return 0;
}

int hyp_destroy(uint16_t domid)
{
	check(domid == 7 && domains == 1, "destroy");
	domains--;
	return 0;
}

int hyp_info(uint16_t domid __attribute__((unused)),
	     struct xeno_ctl_info *info __attribute__((unused)))
{
	return -ESRCH;
}

int hyp_set_m2p(uint16_t domid __attribute__((unused)), const uint64_t *mfns, uint64_t first,
		uint64_t count)
{
	if (fails())
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++)
		m2p[mfns[i]] = first + i;
	return 0;
}

int hyp_pin_l4(uint16_t domid __attribute__((unused)), uint64_t mfn)
{
	if (fails())
		return -EINVAL;
	check(!mapped, "pages are still mapped");
	pinned = mfn;
	return 0;
}

/* Stand in for disks.c and nets.c: the last steps. */
int disks_attach(uint16_t domid, const struct guest_cfg *g)
{
	check(domid == 7 && config[0] && !g->nr_disks, "disks before the rest");
	return fails() ? -1 : 0;
}

int nets_attach(uint16_t domid, struct guest_cfg *g)
{
	check(domid == 7 && config[0] && !g->nr_vifs, "interfaces before the rest");
	return fails() ? -1 : 0;
}

static uint64_t map_mfns[HYP_MAP_FRAMES];

void *hyp_map(uint16_t domid, const uint64_t *mfns, size_t count, int *err)
{
	uint8_t *p;

	*err = fails() ? -EFAULT : 0;
	if (*err)
		return NULL;
	check(domid == 7 && count <= HYP_MAP_FRAMES && !mapped, "map");
	p = malloc(count * PAGE_BYTES);
	for (size_t i = 0; i < count; i++)
		memcpy(p + i * PAGE_BYTES, ram[mfns[i]], PAGE_BYTES);
	memcpy(map_mfns, mfns, count * sizeof(*mfns));
	mapped++;
	return p;
}

void hyp_unmap(void *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		memcpy(ram[map_mfns[i]], (uint8_t *)p + i * PAGE_BYTES, PAGE_BYTES);
	free(p);
	mapped--;
}

/* --- a guest's view */

static uint64_t pte(uint64_t va)
{
	uint64_t mfn = pinned;

	for (unsigned int shift = 39;; shift -= 9) {
		uint64_t e = ((uint64_t *)ram[mfn])[va >> shift & 511];

		if (!(e & 1) || shift == 12)
			return e;
		mfn = e >> 12 & 0xffffffff;
	}
}

static void *at(uint64_t va)
{
	uint64_t e = pte(va);

	check(e & 1, "%#llx is not mapped", (unsigned long long)va);
	return ram[e >> 12 & 0xffffffff] + va % PAGE_BYTES;
}

static void read_va(uint64_t va, void *dst, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)dst)[i] = *(uint8_t *)at(va + i);
}

/* --- files */

static char dir[] = "/tmp/xeno-test-XXXXXX", kernel[64], ramdisk[64];
static uint8_t kernel_bytes[0x3000], ramdisk_bytes[123456];

static size_t note(uint8_t *p, size_t off, uint32_t type, uint64_t value)
{
	uint32_t head[3] = { 4, 8, type };

	memcpy(p + off, head, 12);
	memcpy(p + off + 12, "Xen", 4);
	memcpy(p + off + 16, &value, 8);
	return off + 24;
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	check(f && fwrite(bytes, 1, len, f) == len, "%s", path);
	if (f)
		fclose(f);
}

/* One segment of the whole file at 2 MiB + 0x123; INIT_P2M and friends when modern. */
static void make_files(bool modern)
{
	Elf64_Phdr ph[2] = { { .p_type = PT_LOAD,
			       .p_paddr = TEXT + 0x123,
			       .p_filesz = sizeof(kernel_bytes),
			       .p_memsz = 0x9000 },
			     { .p_type = PT_NOTE, .p_offset = 0x200 } };
	Elf64_Ehdr eh = { .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_phoff = 64,
			  .e_phnum = 2,
			  .e_phentsize = sizeof(ph[0]),
			  .e_entry = VIRT_BASE + TEXT + 0x200 };
	size_t off = 0x200;

	for (size_t i = 0; i < sizeof(kernel_bytes); i++)
		kernel_bytes[i] = (uint8_t)rnd();
	for (size_t i = 0; i < sizeof(ramdisk_bytes); i++)
		ramdisk_bytes[i] = (uint8_t)rnd();
	off = note(kernel_bytes, off, XEN_ELFNOTE_VIRT_BASE, VIRT_BASE);
	off = note(kernel_bytes, off, XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + TEXT + 0x2000);
	if (modern) {
		off = note(kernel_bytes, off, XEN_ELFNOTE_INIT_P2M, 1ull << 39);
		off = note(kernel_bytes, off, XEN_ELFNOTE_MOD_START_PFN, 1);
	}
	ph[1].p_filesz = off - 0x200;
	memcpy(eh.e_ident, ELFMAG "\2\1\1", 7);
	memcpy(kernel_bytes, &eh, sizeof(eh));
	memcpy(kernel_bytes + 64, ph, sizeof(ph));
	write_file(kernel, kernel_bytes, sizeof(kernel_bytes));
	write_file(ramdisk, ramdisk_bytes, sizeof(ramdisk_bytes));
}

/* Stands in for guest_boot.c: a disk with these two files, an empty one, or a damaged one. */
static int on_disk;

int guest_boot_read(const struct disk_spec *s, bool copy, struct guest_boot *b, char err[SPEC_ERR])
{
	check(copy && !strcmp(s->target, "vd:t"), "which disk");
	*b = (struct guest_boot){ .kernel = -1, .ramdisk = -1 };
	if (on_disk)
		return on_disk < 0 ? spec_fail(err, "damaged") : 1;
	b->kernel = open(kernel, O_RDONLY);
	b->ramdisk = open(ramdisk, O_RDONLY);
	strcpy(b->kernel_path, "/boot/vmlinuz-1");
	return 0;
}

void guest_boot_free(struct guest_boot *b)
{
	if (b->kernel >= 0)
		close(b->kernel);
	if (b->ramdisk >= 0)
		close(b->ramdisk);
}

static struct guest_cfg make_cfg(void)
{
	struct guest_cfg g = { .name = "t", .memory = 16, .maxmem = 20, .vcpus = 2 };

	snprintf(g.kernel, sizeof(g.kernel), "%s", kernel);
	snprintf(g.ramdisk, sizeof(g.ramdisk), "%s", ramdisk);
	strcpy(g.cmdline, "a b=c");
	return g;
}

static int build(void)
{
	struct guest_cfg g = make_cfg();
	struct guest_files f;
	uint16_t domid = 0;
	int err;

	memset(ram, 0, FRAMES * PAGE_BYTES + 65536);
	next_mfn = pinned = 0;
	calls = 0;
	if (guest_load(&f, &g))
		return -1;
	err = guest_build(&f, &g, &domid);
	guest_unload(&f);
	check(err || domid == 7, "domid");
	return err;
}

static void check_start_info(const struct start_info *si, bool modern)
{
	uint64_t mfn;

	check(!strcmp(si->magic, "xen-3.0-x86_64") && si->nr_pages == 4096, "magic, pages");
	check(si->shared_info == 9 * PAGE_BYTES && !strcmp((char *)si->cmd_line, "a b=c"),
	      "shared");
	check(si->store_mfn == XENSTORE_MFN && si->store_evtchn == 1, "store");
	check(si->console.domU.mfn == CONSOLE_MFN && si->console.domU.evtchn == 2, "console");
	check(at(si->pt_base) == ram[pinned] && !(pte(si->pt_base) & 2), "pt_base");
	check(si->mod_len == sizeof(ramdisk_bytes), "mod_len");
	check(!!(si->flags & SIF_MOD_START_PFN) == modern && !!si->first_p2m_pfn == modern,
	      "flags");
	check(modern ? si->mfn_list == 1ull << 39 : si->mfn_list > VIRT_BASE, "mfn_list");
	for (uint64_t i = 0; i < si->nr_pages; i++) {
		read_va(si->mfn_list + i * 8, &mfn, 8);
		check(m2p[mfn] == i, "frame %llu", (unsigned long long)i);
	}
}

static void check_ramdisk(const struct start_info *si, bool modern)
{
	static uint8_t copy[sizeof(ramdisk_bytes)];

	for (size_t i = 0; i < sizeof(copy); i += PAGE_BYTES) {
		size_t n = sizeof(copy) - i < PAGE_BYTES ? sizeof(copy) - i : PAGE_BYTES;
		uint64_t mfn;

		if (modern) {
			read_va(si->mfn_list + (si->mod_start + i / PAGE_BYTES) * 8, &mfn, 8);
			memcpy(copy + i, ram[mfn], n);
		} else {
			read_va(si->mod_start + i, copy + i, n);
		}
	}
	check(!memcmp(copy, ramdisk_bytes, sizeof(copy)), "ramdisk");
}

static void test_contents(bool modern)
{
	static uint8_t text[0x9000], stub[32];
	struct guest_cfg g, kept;
	char err[XLCFG_ERR] = "";
	struct start_info si;
	struct xlcfg c = { 0 };

	make_files(modern);
	fail_at = 0;
	check(!build() && domains == 1, "build");
	check(context.user_regs.rip == VIRT_BASE + TEXT + 0x200, "entry");
	check(context.ctrlreg[3] == pinned << 12, "root");
	read_va(context.user_regs.rsi, &si, sizeof(si));
	check_start_info(&si, modern);
	check_ramdisk(&si, modern);
	read_va(VIRT_BASE + TEXT + 0x123, text, sizeof(text));
	check(!memcmp(text, kernel_bytes, 0x1edd), "kernel, up to its hypercall page");
	check(!memcmp(text + 0x2edd, kernel_bytes + 0x2edd, sizeof(kernel_bytes) - 0x2edd), "rest");
	check(!text[0x3000] && !text[0x8fff], "bss");
	read_va(VIRT_BASE + TEXT + 0x2000 + 29 * 32, stub, sizeof(stub));
	check(stub[3] == 0xb8 && stub[4] == 29 && stub[8] == 0x0f, "stub");
	check(at(context.user_regs.rsp - 8) && pte(context.user_regs.rsp - 8) & 2, "stack");
	g = make_cfg();
	check(!xlcfg_parse(&c, config, strlen(config), err) && !guestcfg_from(&kept, &c, "", err) &&
		      !strcmp(kept.kernel, g.kernel) && kept.memory == 16,
	      "config: %s", err);
	xlcfg_free(&c);
	domains = 0;
	verdict(modern ? "builder-contents" : "builder-contents-old-abi");
}

/* bootloader = "disk": the disk's files, or those of the configuration when it has none. */
static void test_bootloader(void)
{
	struct guest_cfg g = make_cfg();
	struct guest_files f;

	make_files(true);
	strcpy(g.bootloader, "disk");
	strcpy(g.disks[0].target, "vd:t");
	g.nr_disks = 1;
	g.kernel[0] = g.ramdisk[0] = 0;
	on_disk = 0;
	check(!guest_load(&f, &g) && f.ramdisk_len == sizeof(ramdisk_bytes) && f.ramdisk >= 0 &&
		      f.elf_len == sizeof(kernel_bytes) &&
		      !strcmp(f.kernel_name, "/boot/vmlinuz-1 of its disk"),
	      "from the disk");
	guest_unload(&f);
	for (on_disk = -1; on_disk <= 1; on_disk += 2)
		check(guest_load(&f, &g), "neither on the disk (%d) nor named", on_disk);
	snprintf(g.kernel, sizeof(g.kernel), "%s", kernel);
	on_disk = -1;
	check(guest_load(&f, &g), "a damaged disk is no empty one");
	on_disk = 1;
	check(!guest_load(&f, &g) && f.ramdisk < 0 && !strcmp(f.kernel_name, kernel), "fallback");
	guest_unload(&f);
	verdict("builder-bootloader");
}

static void test_failures(void)
{
	int total;

	make_files(true);
	fail_at = 0;
	check(!build(), "build");
	total = calls;
	domains = 0;
	check(freopen("/dev/null", "w", stderr) != NULL, "stderr");
	for (fail_at = 1; fail_at <= total; fail_at++) {
		check(build() && !domains && !mapped, "call %d of %d", fail_at, total);
		domains = mapped = 0;
	}
	fail_at = 0;
	verdict("builder-failures");
}

int main(void)
{
	ram = calloc(1, FRAMES * PAGE_BYTES + 65536);
	check(mkdtemp(dir) != NULL, "%s", dir);
	snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
	snprintf(ramdisk, sizeof(ramdisk), "%s/ramdisk", dir);
	test_contents(true);
	test_contents(false);
	test_failures();
	test_bootloader();
	unlink(kernel);
	unlink(ramdisk);
	rmdir(dir);
	free(ram);
	return check_failed;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builds domain 0 from the boot modules: kernel (ELF, or a bzImage around one) and
 * initial ramdisk. Layout of its pseudo-physical memory, in frame order:
 *
 *   kernel image                    at the addresses its segments say
 *   [ramdisk]                       unless it is passed by frame number, below
 *   [p2m list]                      unless the kernel asks for it elsewhere, below
 *   start_info (and screen info), xenstore page, page tables, one page of stack
 *   padding: 512 KiB at least, to a multiple of 4 MiB
 *   --- end of the initial mapping, which starts at the kernel's VIRT_BASE
 *   [p2m list and the tables that map it at INIT_P2M]
 *   [ramdisk, not mapped]
 *   the rest of its memory
 *
 * Everything is written through the direct map before the tables become tables:
 * they are validated and pinned like a guest's own. Runs once, at boot; what goes
 * wrong here ends in a panic with the reason, since nothing else could go on.
 */
#include <hyp/boot.h>
#include <hyp/call.h>
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/elf.h>
#include <hyp/frame.h>
#include <hyp/mm.h>
#include <hyp/pci.h>
#include <hyp/sched.h>
#include <hyp/unpack.h>

#define MIB_PAGES(n) ((n)*256ull)
#define PADDING (512 * 1024ull)
#define REGION_ALIGN (4ull << 20)
#define CHUNK_ORDER 9
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)
#define PTES 512

struct build {
	struct domain *d;
	struct elf_image elf;
	const struct boot_module *initrd; /* NULL = none */
	uint64_t nr_pages;
	/* pfns */
	uint64_t initrd_pfn, initrd_pages;
	uint64_t p2m_pfn, p2m_pages;
	uint64_t info_pfn, store_pfn, pt_pfn, nr_pt, stack_pfn, region_end;
	uint64_t p2m_pt_pfn, p2m_pt_pages; /* tables of the list's own mapping */
	uint64_t used_end;		   /* behind everything above */
	uint64_t p2m_va;
	uint64_t pt_next, pt_limit; /* pool table pages are taken from */
	uint64_t **p2m;		    /* [pfn >> 18][pfn >> 9 & 511] -> the list's page */
};

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static uint64_t *p2m_entry(const struct build *b, uint64_t pfn)
{
	uint64_t *page = (uint64_t *)b->p2m[pfn >> 18][pfn >> 9 & 511];

	return page + (pfn & 511);
}

static void *pfn_ptr(const struct build *b, uint64_t pfn)
{
	return mfn_to_virt(MFN(*p2m_entry(b, pfn)));
}

/* Copies to pseudo-physical memory. */
static void copy_in(const struct build *b, uint64_t addr, const void *src, uint64_t len)
{
	while (len) {
		uint64_t off = addr & (PAGE_SIZE - 1), n = min(len, PAGE_SIZE - off);

		memcpy((char *)pfn_ptr(b, addr >> PAGE_SHIFT) + off, src, n);
		addr += n;
		src = (const char *)src + n;
		len -= n;
	}
}

/* --- sizes */

/*
 * Half of what is free, so that guests have room without ballooning, but not less
 * than 160 MiB (or all but 46 MiB and our reserve, a small guest, of a small machine: its
 * root is there twice while it is unpacked), nor more than 4 GiB.
 */
static uint64_t choose_pages(void)
{
	uint64_t free = mm_free_pages(), reserve = max(MIB_PAGES(16), free / 64);
	uint64_t most = free > reserve ? free - reserve : 0;
	uint64_t small = min(MIB_PAGES(160), most > MIB_PAGES(46) ? most - MIB_PAGES(46) : most);
	uint64_t n = max(free / 2, small);

	n = opt.dom0_mem_pages ? opt.dom0_mem_pages : min(n, MIB_PAGES(4096));
	if (n > most) {
		printk(LOG_WARN "dom0_mem: only %llu MiB are free\n",
		       (unsigned long long)most >> 8);
		n = most;
	}
	return n;
}

/* Tables below the L4 that a mapping needs. */
static uint64_t tables_for(uint64_t va, uint64_t len)
{
	uint64_t n = 0;

	for (unsigned int shift = 21; shift <= 39; shift += 9)
		n += ((va + len - 1) >> shift) - (va >> shift) + 1;
	return n;
}

/* Places everything; the tables have to map themselves, so their number is searched. */
static void layout(struct build *b)
{
	uint64_t pfn = pages(b->elf.end), end;

	b->p2m_pages = pages(b->nr_pages * 8);
	if (b->initrd && !b->elf.mod_start_pfn) {
		b->initrd_pfn = pfn;
		pfn += b->initrd_pages;
	}
	if (!b->elf.has_init_p2m) {
		b->p2m_pfn = pfn;
		b->p2m_va = b->elf.virt_base + (pfn << PAGE_SHIFT);
		pfn += b->p2m_pages;
	}
	b->info_pfn = pfn;
	b->store_pfn = pfn + 1;
	b->pt_pfn = pfn + 2;
	do {
		b->nr_pt++;
		b->stack_pfn = b->pt_pfn + b->nr_pt;
		end = ((b->stack_pfn + 1) << PAGE_SHIFT) + PADDING;
		end = (end + REGION_ALIGN - 1) & ~(REGION_ALIGN - 1);
		if (b->elf.virt_base + end - 1 < b->elf.virt_base)
			panic("dom0: the kernel's base leaves no room");
	} while (1 + tables_for(b->elf.virt_base, end) > b->nr_pt);
	pfn = b->region_end = end >> PAGE_SHIFT;
	if (b->elf.has_init_p2m) {
		b->p2m_pfn = pfn;
		b->p2m_va = b->elf.init_p2m;
		b->p2m_pt_pfn = pfn + b->p2m_pages;
		b->p2m_pt_pages = tables_for(b->p2m_va, b->p2m_pages << PAGE_SHIFT);
		pfn = b->p2m_pt_pfn + b->p2m_pt_pages;
	}
	if (b->initrd && b->elf.mod_start_pfn) {
		b->initrd_pfn = pfn;
		pfn += b->initrd_pages;
	}
	b->used_end = pfn;
	if (b->used_end > b->nr_pages)
		panic("dom0: kernel and ramdisk need %llu MiB, it has %llu MiB",
		      (unsigned long long)b->used_end >> 8, (unsigned long long)b->nr_pages >> 8);
}

/* --- memory */

static void *must(void *p)
{
	if (!p)
		panic("dom0: out of memory while building it");
	return p;
}

static void p2m_set(const struct build *b, uint64_t pfn, mfn_t mfn)
{
	*p2m_entry(b, pfn) = mfn.n;
	m2p_set(mfn, pfn);
}

/* The list's own frames come first, since all others are noted in it. */
static void alloc_p2m(struct build *b)
{
	uint64_t n = (b->p2m_pages + PTES - 1) / PTES;

	b->p2m = must(hyp_alloc(n * sizeof(*b->p2m)));
	for (uint64_t i = 0; i < n; i++)
		b->p2m[i] = must(hyp_page_alloc(0));
	for (uint64_t i = 0; i < b->p2m_pages; i++) {
		mfn_t mfn = domain_page_alloc(b->d);

		if (mfn_eq(mfn, INVALID_MFN))
			must(NULL);
		b->p2m[i / PTES][i % PTES] = (uint64_t)mfn_to_virt(mfn);
	}
	for (uint64_t i = 0; i < b->p2m_pages; i++)
		p2m_set(b, b->p2m_pfn + i, virt_to_mfn((void *)b->p2m[i / PTES][i % PTES]));
	p2m_set(b, b->store_pfn, b->d->xenstore_mfn);
}

/*
 * Fills pfns [pfn, end) with frames, in chunks as large as there are. Memory that is not
 * built in is left as the firmware left it: a gigabyte takes a second to clear.
 */
static void alloc_range(const struct build *b, uint64_t pfn, uint64_t end)
{
	unsigned int order = CHUNK_ORDER;

	while (pfn < end) {
		mfn_t mfn = INVALID_MFN;

		while ((1ull << order) > end - pfn)
			order--;
		mfn = domain_pages_alloc_raw(b->d, order, 0);
		if (mfn_eq(mfn, INVALID_MFN)) {
			if (!order--)
				must(NULL);
			continue;
		}
		if (pfn < b->used_end)
			memset(mfn_to_virt(mfn), 0, PAGE_SIZE << order);
		for (uint64_t i = 0; i < 1ull << order; i++)
			p2m_set(b, pfn + i, MFN(mfn.n + i));
		pfn += 1ull << order;
	}
}

static void alloc_memory(struct build *b)
{
	uint64_t low = min(b->p2m_pfn, b->store_pfn), p2m_end = b->p2m_pfn + b->p2m_pages;

	alloc_p2m(b);
	alloc_range(b, 0, low);
	if (b->p2m_pfn < b->store_pfn) {
		alloc_range(b, p2m_end, b->store_pfn);
		alloc_range(b, b->store_pfn + 1, b->nr_pages);
	} else {
		alloc_range(b, b->store_pfn + 1, b->p2m_pfn);
		alloc_range(b, p2m_end, b->nr_pages);
	}
}

/* --- contents */

static void load_kernel(const struct build *b, const void *file)
{
	for (unsigned int i = 0; i < b->elf.nr_segments; i++) {
		const struct elf_segment *s = &b->elf.seg[i];

		copy_in(b, s->addr, (const char *)file + s->offset, s->file_size);
	}
	if (b->elf.hypercall_page)
		hypercall_page_fill(
			pfn_ptr(b, (b->elf.hypercall_page - b->elf.virt_base) >> PAGE_SHIFT));
}

static uint32_t fill_vga(struct dom0_vga_console_info *v)
{
	const struct boot_video *bv = &boot_video;

	if (bv->type == 1) {
		v->video_type = XEN_VGATYPE_TEXT_MODE_3;
		v->u.text_mode_3.font_height = 16;
		v->u.text_mode_3.rows = bv->rows;
		v->u.text_mode_3.columns = bv->cols;
		v->u.text_mode_3.cursor_y = bv->rows ? bv->rows - 1 : 0;
		return sizeof(*v);
	}
	if (bv->type != 2)
		return 0;
	v->video_type = boot_efi_systab ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
	v->u.vesa_lfb.width = (uint16_t)bv->width;
	v->u.vesa_lfb.height = (uint16_t)bv->height;
	v->u.vesa_lfb.bytes_per_line = (uint16_t)bv->pitch;
	v->u.vesa_lfb.bits_per_pixel = (uint16_t)bv->bpp;
	v->u.vesa_lfb.lfb_base = (uint32_t)bv->fb_base;
	v->u.vesa_lfb.ext_lfb_base = (uint32_t)(bv->fb_base >> 32);
	v->u.vesa_lfb.lfb_size = (uint32_t)(((uint64_t)bv->pitch * bv->height + 0xffff) >> 16);
	v->u.vesa_lfb.red_pos = bv->red_pos;
	v->u.vesa_lfb.red_size = bv->red_size;
	v->u.vesa_lfb.green_pos = bv->green_pos;
	v->u.vesa_lfb.green_size = bv->green_size;
	v->u.vesa_lfb.blue_pos = bv->blue_pos;
	v->u.vesa_lfb.blue_size = bv->blue_size;
	v->u.vesa_lfb.mode_attrs = 0x9b; /* supported, colour, graphics, linear */
	return sizeof(*v);
}

static uint64_t region_va(const struct build *b, uint64_t pfn)
{
	return b->elf.virt_base + (pfn << PAGE_SHIFT);
}

static void fill_start_info(const struct build *b, const char *cmdline)
{
	struct start_info *si = pfn_ptr(b, b->info_pfn);

	strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
	si->nr_pages = b->nr_pages;
	si->shared_info = virt_to_maddr(b->d->shared).a;
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si->store_mfn = b->d->xenstore_mfn.n;
	si->store_evtchn = b->d->xenstore_port;
	si->console.dom0.info_off = sizeof(*si);
	si->console.dom0.info_size = fill_vga((void *)(si + 1));
	si->pt_base = region_va(b, b->pt_pfn);
	si->nr_pt_frames = b->nr_pt;
	si->mfn_list = b->p2m_va;
	if (b->elf.has_init_p2m) {
		si->first_p2m_pfn = b->p2m_pfn;
		si->nr_p2m_frames = b->p2m_pages + b->p2m_pt_pages;
	}
	if (b->initrd) {
		si->mod_len = b->initrd->size;
		si->mod_start = b->elf.mod_start_pfn ? b->initrd_pfn : region_va(b, b->initrd_pfn);
		si->flags |= b->elf.mod_start_pfn ? SIF_MOD_START_PFN : 0;
	}
	strlcpy((char *)si->cmd_line, cmdline, sizeof(si->cmd_line));
}

/* --- page tables */

/* The entry's table, made from the pool when there is none. */
static uint64_t *next_table(struct build *b, uint64_t *entry)
{
	if (!*entry) {
		BUG_ON(b->pt_next == b->pt_limit);
		*entry = *p2m_entry(b, b->pt_next++) << PAGE_SHIFT | TABLE_FLAGS;
	}
	return maddr_to_virt(MADDR(*entry & PTE_ADDR));
}

static void map(struct build *b, uint64_t va, uint64_t pfn, uint64_t flags)
{
	uint64_t *t = pfn_ptr(b, b->pt_pfn);

	for (unsigned int shift = 39; shift > 12; shift -= 9)
		t = next_table(b, &t[va >> shift & (PTES - 1)]);
	t[va >> 12 & (PTES - 1)] = *p2m_entry(b, pfn) << PAGE_SHIFT | flags;
}

static void build_tables(struct build *b)
{
	b->pt_next = b->pt_pfn + 1;
	b->pt_limit = b->pt_pfn + b->nr_pt;
	for (uint64_t pfn = 0; pfn < b->region_end; pfn++) {
		bool table = pfn >= b->pt_pfn && pfn < b->pt_pfn + b->nr_pt;

		map(b, region_va(b, pfn), pfn, table ? PTE_P | PTE_A : TABLE_FLAGS);
	}
	if (!b->elf.has_init_p2m)
		return;
	b->pt_next = b->p2m_pt_pfn;
	b->pt_limit = b->p2m_pt_pfn + b->p2m_pt_pages;
	for (uint64_t i = 0; i < b->p2m_pages; i++)
		map(b, b->p2m_va + (i << PAGE_SHIFT), b->p2m_pfn + i, TABLE_FLAGS | PTE_NX);
}

/* --- the first vcpu */

static void start_vcpu(const struct build *b)
{
	struct vcpu_guest_context *c = must(hyp_alloc(sizeof(*c)));
	mfn_t l4 = MFN(*p2m_entry(b, b->pt_pfn));
	struct vcpu *v = b->d->vcpu[0];
	int err;

	do {
		err = mm_pin_l4(b->d, l4);
	} while (err == -EAGAIN);
	if (err)
		panic("dom0: its page tables are refused (%d)", err);
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->elf.entry;
	c->user_regs.rsp = region_va(b, b->stack_pfn + 1);
	c->user_regs.rsi = region_va(b, b->info_pfn);
	c->user_regs.rflags = RFLAGS_IF | RFLAGS_FIXED;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(l4.n);
	err = vcpu_set_context(v, c);
	if (err)
		panic("dom0: its first context is refused (%d)", err);
	vcpu_online(v);
	hyp_free(c);
}

/* --- physical devices */

/* Domain 0 gets every port but those the hypervisor drives itself. */
static void grant_ports(struct domain *d)
{
	static const struct {
		uint16_t first, last;
	} ours[] = { { 0x20, 0x21 }, { 0x40, 0x43 }, { 0xa0, 0xa1 } };
	struct com_options com;

	d->io_bitmap = must(hyp_page_alloc(1));
	memcpy(d->io_bitmap, ioports_denied(), 65536 / 8);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		for (unsigned int p = ours[i].first; p <= ours[i].last; p++)
			set_bit(d->io_bitmap, p);
	if (list_has(opt.console, "com1") && parse_com1(opt.com1, &com))
		for (unsigned int p = com.port, end = p + 8; p < end && p < 65536; p++)
			set_bit(d->io_bitmap, p);
}

/* --- all of it */

static void free_index(struct build *b)
{
	for (uint64_t i = 0; i < (b->p2m_pages + PTES - 1) / PTES; i++)
		hyp_page_free(b->p2m[i], 0);
	hyp_free(b->p2m);
}

static void create(struct build *b)
{
	char target[24];
	struct domain_new n = { .dom0 = true, .name = "Domain-0", .max_pages = b->nr_pages };
	int err;

	n.max_vcpus = opt.dom0_max_vcpus ? opt.dom0_max_vcpus : nr_cpus;
	n.max_vcpus = min(n.max_vcpus, (unsigned int)MAX_VCPUS);
	n.max_pages = max(n.max_pages, opt.dom0_max_pages);
	b->d = domain_create(&n, &err);
	if (!b->d)
		panic("dom0: cannot be created (%d)", err);
	snprintf(target, sizeof(target), "%llu", (unsigned long long)b->nr_pages * 4);
	xenstore_ctl_write(b->d, "/memory/target", target, strlen(target));
}

void dom0_build(const struct boot_module *kernel, const struct boot_module *initrd)
{
	static struct build b;
	const void *packed = maddr_to_virt(kernel->start), *file;
	const char *why;
	size_t size;

	file = unpack_kernel(packed, kernel->size, &size, &why);
	if (!file)
		panic("dom0: the kernel cannot be unpacked: %s", why);
	if (elf_parse(file, size, &b.elf, &why))
		panic("dom0: the kernel cannot be used: %s", why);
	if (initrd) {
		b.initrd = initrd;
		b.initrd_pages = pages(initrd->size);
	}
	b.nr_pages = choose_pages();
	layout(&b);
	create(&b);
	printk("dom0: %s %s, %llu MiB, %u vcpus, entry %llx\n", b.elf.guest_os, b.elf.guest_version,
	       (unsigned long long)b.nr_pages >> 8, b.d->max_vcpus,
	       (unsigned long long)b.elf.entry);
	alloc_memory(&b);
	load_kernel(&b, file);
	unpack_free(file, packed, kernel->size, size);
	if (initrd)
		copy_in(&b, b.initrd_pfn << PAGE_SHIFT, maddr_to_virt(initrd->start), initrd->size);
	fill_start_info(&b, kernel->cmdline);
	build_tables(&b);
	start_vcpu(&b);
	free_index(&b);
	grant_ports(b.d);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order in which the hypervisor comes up, on the boot CPU. From here on reads
 * like the table of contents; it ends in domain 0.
 */
#include <hyp/boot.h>
#include <hyp/console.h>
#include <hyp/cpu.h>
#include <hyp/disk.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/timer.h>
#include <hyp/unpack.h>
#include <hyp/vblk.h>
#include <hyp/vnet.h>
#include <hyp/version.h>

#define LOW_MEMORY 0x100000ul

struct options opt = { .console = "com1", .com1 = "115200,8n1", .loglvl = 2 };

/* --- exceptions before traps_init() */

extern const char early_vectors[];
void early_fault(const struct cpu_regs *r) __attribute__((noreturn));

void early_fault(const struct cpu_regs *r)
{
	panic_regs(r, "exception %u (error code %x) while booting", r->vector, r->error_code);
}

static void early_traps(void)
{
	static struct {
		uint16_t offset_low, cs, flags, offset_mid;
		uint32_t offset_high, zero;
	} idt[32];
	struct __packed {
		uint16_t limit;
		uint64_t base;
	} idtr = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned int i = 0; i < ARRAY_SIZE(idt); i++) {
		uint64_t fn = (uint64_t)early_vectors + 16 * i;

		idt[i].offset_low = (uint16_t)fn;
		idt[i].offset_mid = (uint16_t)(fn >> 16);
		idt[i].offset_high = (uint32_t)(fn >> 32);
		idt[i].cs = 0x08;
		idt[i].flags = 0x8e00;
	}
	__asm__ volatile("lidt %0" ::"m"(idtr));
}

/* --- what the loader said */

static void wrong_option(const char *word, const char *why)
{
	printk(LOG_WARN "command line: %s: %s\n", word, why);
}

static void show_memory(void)
{
	static const char *const types[] = { "?", "usable", "reserved", "ACPI", "ACPI NVS", "bad" };
	uint64_t pages = 0;

	for (unsigned int i = 0; i < nr_mem_ranges; i++) {
		const struct mem_range *r = &mem_map[i];

		printk("  %012llx-%012llx %s\n", (unsigned long long)r->start,
		       (unsigned long long)r->end - 1, types[r->type]);
		if (r->type == MEM_RAM)
			pages += (r->end - r->start) >> PAGE_SHIFT;
	}
	printk("memory: %llu MiB usable\n", (unsigned long long)pages >> 8);
}

/* The image must lie in usable memory: a loader that ignored the map is caught here. */
static bool is_ram(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < nr_mem_ranges; i++)
		if (mem_map[i].type == MEM_RAM && mem_map[i].start <= start &&
		    end <= mem_map[i].end)
			return true;
	return false;
}

static void read_boot_info(uint32_t magic, uint32_t info)
{
	uint64_t start = (uint64_t)image_start - HYP_IMAGE_VIRT;
	uint64_t end = (uint64_t)image_end - HYP_IMAGE_VIRT;
	const char *why = multiboot_parse(magic, info, (char *)DIRECT_MAP_VIRT, 1ull << 32);

	cmdline_parse(hyp_cmdline, &opt, wrong_option);
	console_init();
#ifdef DEBUG
	printk("Xeno %s (debug), built %s\n", XENO_VERSION, XENO_BUILD_DATE);
#else
	printk("Xeno %s (release), built %s\n", XENO_VERSION, XENO_BUILD_DATE);
#endif
	if (why)
		panic("boot: %s", why);
	printk("started by %s%s, command line:%s%s\n", boot_loader[0] ? boot_loader : "?",
	       boot_efi_systab ? " on UEFI" : "", hyp_cmdline[0] == ' ' ? "" : " ", hyp_cmdline);
	show_memory();
	if (!is_ram(start, end))
		panic("boot: the image at %llx-%llx is not in usable memory",
		      (unsigned long long)start, (unsigned long long)end);
	boot_reserve(0, LOW_MEMORY); /* firmware's data, and the page other CPUs start in */
	boot_reserve(start, end);
	if (nr_boot_modules)
		unpack_reserve(maddr_to_virt(boot_modules[0].start), boot_modules[0].size);
	for (unsigned int i = 0; i < nr_boot_modules; i++)
		printk("module %u: %llx, %llu KiB: %s\n", i,
		       (unsigned long long)boot_modules[i].start.a,
		       (unsigned long long)boot_modules[i].size >> 10, boot_modules[i].cmdline);
}

/* Guests whose programs run on their kernel's root rely on the user bit. */
static void choose_split(void)
{
	if (opt.split || opt.nosplit || !cpu_has_meltdown())
		return;
	opt.split = true;
	printk("split mode: this processor has the Meltdown bug (nosplit: without)\n");
}

static void start_dom0(void)
{
	if (!nr_boot_modules)
		panic("boot: no kernel for domain 0: the first module must be one");
	vnet_init();
	dom0_build(&boot_modules[0], nr_boot_modules > 1 ? &boot_modules[1] : NULL);
	for (unsigned int i = 0; i < nr_boot_modules; i++) {
		const struct boot_module *m = &boot_modules[i];
		uint64_t end = m->start.a + m->size;

		if (end > LOW_MEMORY)
			mm_free_boot_range(MADDR(max(m->start.a, LOW_MEMORY)), MADDR(end));
	}
	vblk_boot();
	console_give_screen();
	domain_unpause(dom0);
}

void hyp_main(uint32_t magic, uint32_t info)
{
	boot_cpu.stack = (void *)((uint64_t)stack_top() & ~(uint64_t)(STACK_SIZE - 1));
	early_traps();
	console_early_init();
	read_boot_info(magic, info);

	console_unmap_screen();
	mm_init();
	console_map_screen();
	traps_init();
	if (cpu_area_alloc(&boot_cpu))
		panic("boot: no memory for the boot CPU");
	cpu_area_load(&boot_cpu);
	fpu_init(true);
	acpi_init();
	apic_init(true);
	ioapic_init();
	time_init();
	apic_timer_calibrate();
	timer_cpu_init();
	wallclock_init();
	domain_init();
	sched_init(opt.sched);
	sched_cpu_init(&boot_cpu);
	smp_init();
	console_irq_init();
	disk_init();
	choose_split();
	start_dom0();
	exit_to_guest();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end, after a mistake of our own: all other CPUs stop, the registers and the
 * way here are shown. Whatever is printed is read carefully: memory may be spoiled.
 */
#include <hyp/boot.h>
#include <hyp/console.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/smp.h>
#include <hyp/timer.h>

#define MAX_CALLS 24
#define REBOOT_DELAY 5 /* seconds: time to read a screen */

static uint32_t panicking; /* CPU + 1 of the first */

static void show_registers(const struct cpu_regs *r)
{
	char name[64];

	printk("rip %04llx:%016llx %s\n", (unsigned long long)r->cs, (unsigned long long)r->rip,
	       symbol_name(r->rip, name, sizeof(name)));
	printk("rsp %04llx:%016llx flags %08llx vector %x error %x\n", (unsigned long long)r->ss,
	       (unsigned long long)r->rsp, (unsigned long long)r->rflags, r->vector, r->error_code);
	printk("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	printk("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	printk("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
	printk("cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx\n", read_cr0(), read_cr2(), read_cr3(),
	       read_cr4());
}

/* A return address may lie behind its function's end: the call is what counts. */
static void show_call(uint64_t addr)
{
	char name[64];

	printk("  %016llx %s\n", (unsigned long long)addr,
	       symbol_name(addr - 1, name, sizeof(name)));
}

/* Frames are followed inside this CPU's stack block only, upwards. */
static void show_calls(uint64_t rip, uint64_t rbp)
{
	uint64_t top = (uint64_t)stack_top(), low = (uint64_t)__builtin_frame_address(0);

	low &= ~(uint64_t)(STACK_SIZE - 1);
	printk("called from:\n");
	if (rip)
		show_call(rip + 1);
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (rbp % 8 || rbp < low || rbp > top - 16)
			break;
		show_call(frame[1]);
		low = rbp + 16;
		rbp = frame[0];
	}
}

static void show_place(void)
{
	const struct vcpu *v = this_cpu()->curr;

	printk("CPU %u", smp_id());
	if (v && !v->is_idle)
		printk(", for d%uv%u, which entered at %llx", v->domain->id, v->id,
		       (unsigned long long)guest_regs()->rip);
	printk(", %s%s\n", boot_loader, opt.split ? ", split mode" : "");
}

static void __attribute__((noreturn)) panic_end(void)
{
	if (opt.noreboot) {
		printk("halted\n");
	} else {
		printk("reboot in %u s\n", REBOOT_DELAY);
		for (unsigned int i = 0; tsc_khz && i < REBOOT_DELAY * 1000; i++)
			udelay(1000);
		machine_reboot();
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* Of several CPUs the first goes on; a panic inside a panic ends at once. */
static void panic_begin(const char *fmt, va_list ap)
{
	static char reason[256];
	uint32_t expected = 0;

	irq_disable();
	if (!__atomic_compare_exchange_n(&panicking, &expected, smp_id() + 1, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (expected == smp_id() + 1)
			serial_write("\r\n*** and again\r\n", 17);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	vsnprintf(reason, sizeof(reason), fmt, ap);
	smp_stop_others();
	console_panic();
	printk(LOG_ERR "\n");
	printk(LOG_ERR "*** panic: %s\n", reason);
	show_place();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_begin(fmt, ap);
	va_end(ap);
	show_calls(0, (uint64_t)__builtin_frame_address(0));
	panic_end();
}

void panic_regs(const struct cpu_regs *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_begin(fmt, ap);
	va_end(ap);
	show_registers(r);
	show_calls(r->rip, r->rbp);
	panic_end();
}

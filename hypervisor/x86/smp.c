/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's CPUs: who there is, starting them one after the other (Intel SDM
 * volume 3, 8.4: INIT, STARTUP, STARTUP), stopping them. A CPU that does not answer
 * is named in the log and left alone: the machine runs without it.
 */
#include <hyp/boot.h>
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <hyp/smp.h>
#include <hyp/timer.h>

#define STACK_ORDER (STACK_SHIFT - PAGE_SHIFT)
#define START_PATIENCE 2000 /* ms */

struct cpu boot_cpu;
struct cpu *cpus[MAX_CPUS] = { &boot_cpu };
unsigned int nr_cpus = 1;

static uint32_t found[MAX_CPUS]; /* APIC ids */
static unsigned int nr_found;
static unsigned int nr_too_many;

/* What a starting CPU takes along (x86/smpboot.S); one at a time. */
extern const char ap_start[], ap_end[];
extern uint64_t ap_stack, ap_cr3;
uint64_t ap_stack, ap_cr3;
static uint32_t ap_online; /* CPU number it reports */

static uint32_t stopping; /* set once, for good */
static uint32_t nr_stopped;

void smp_add_cpu(uint32_t id)
{
	for (unsigned int i = 0; i < nr_found; i++)
		if (found[i] == id)
			return;
	if (nr_found == MAX_CPUS)
		nr_too_many++;
	else
		found[nr_found++] = id;
}

static bool in_module(uint64_t page)
{
	for (unsigned int i = 0; i < nr_boot_modules; i++) {
		const struct boot_module *m = &boot_modules[i];

		if (m->start.a < page + PAGE_SIZE && page < m->start.a + m->size)
			return true;
	}
	return false;
}

/* A usable page below 1 MiB, which is all kept out of the free list; 0 = none. */
static uint64_t find_low_page(void)
{
	for (unsigned int i = 0; i < nr_mem_ranges; i++) {
		const struct mem_range *r = &mem_map[i];
		uint64_t page = max(r->start, (uint64_t)0x1000);

		for (; r->type == MEM_RAM && page + PAGE_SIZE <= r->end && page < 0x9f000;
		     page += PAGE_SIZE)
			if (!in_module(page))
				return page;
	}
	return 0;
}

/* The second half of a CPU's start, on its own stack. */
void ap_main(void)
{
	struct cpu *c = this_cpu();

	cpu_area_load(c);
	fpu_init(false);
	apic_init(false);
	time_cpu_init();
	timer_cpu_init();
	sched_cpu_init(c);
	__atomic_store_n(&ap_online, c->id, __ATOMIC_SEQ_CST);
	/* Not before the boot CPU knows: it sets nr_cpus, which calls rely on. */
	while (READ_ONCE(nr_cpus) <= c->id)
		cpu_relax();
	exit_to_guest();
}

static struct cpu *cpu_alloc(unsigned int id, uint32_t lapic)
{
	struct cpu *c = hyp_alloc(sizeof(*c));
	struct stack_top *top;

	if (!c)
		return NULL;
	c->id = id;
	c->apic_id = lapic;
	c->stack = hyp_page_alloc(STACK_ORDER);
	if (!c->stack || cpu_area_alloc(c)) {
		if (c->stack)
			hyp_page_free(c->stack, STACK_ORDER);
		hyp_free(c);
		return NULL;
	}
	BUG_ON((uint64_t)c->stack & (STACK_SIZE - 1));
	top = (struct stack_top *)((char *)c->stack + STACK_SIZE) - 1;
	top->cpu = c;
	ap_stack = (uint64_t)top;
	return c;
}

static bool wait_online(unsigned int id, unsigned int ms)
{
	for (unsigned int i = 0; i < ms * 10; i++) {
		if (__atomic_load_n(&ap_online, __ATOMIC_SEQ_CST) == id)
			return true;
		udelay(100);
	}
	return false;
}

static bool start_cpu(struct cpu *c, uint64_t page)
{
	apic_send(c->apic_id, ICR_INIT | ICR_ASSERT);
	udelay(10000);
	apic_send(c->apic_id, ICR_STARTUP | ICR_ASSERT | (uint32_t)(page >> PAGE_SHIFT));
	if (wait_online(c->id, 1))
		return true;
	apic_send(c->apic_id, ICR_STARTUP | ICR_ASSERT | (uint32_t)(page >> PAGE_SHIFT));
	return wait_online(c->id, START_PATIENCE);
}

/* One after the other. A CPU that is late could still come up with another's stack: then we stop. */
static void start_all(uint64_t page, unsigned int most)
{
	for (unsigned int i = 0; i < nr_found && nr_cpus < most; i++) {
		unsigned int id = nr_cpus;

		if (found[i] == boot_cpu.apic_id || !apic_reaches(found[i]))
			continue;
		cpus[id] = cpu_alloc(id, found[i]);
		if (!cpus[id]) {
			printk(LOG_WARN "smp: no memory for CPU %u\n", id);
			return;
		}
		if (!start_cpu(cpus[id], page)) {
			printk(LOG_WARN "smp: the CPU with APIC id %u does not come up; "
					"going on with %u\n",
			       found[i], nr_cpus);
			apic_send(found[i], ICR_INIT | ICR_ASSERT);
			cpus[id] = NULL;
			return;
		}
		WRITE_ONCE(nr_cpus, id + 1);
	}
}

void smp_init(void)
{
	uint64_t page = find_low_page();
	unsigned int most = opt.maxcpus ? min(opt.maxcpus, (unsigned int)MAX_CPUS) : MAX_CPUS;

	if (nr_too_many)
		printk(LOG_WARN "smp: %u CPUs more than the %u that can be used\n", nr_too_many,
		       MAX_CPUS);
	if (!page && nr_found > 1) {
		printk(LOG_WARN "smp: no memory below 1 MiB to start other CPUs in\n");
	} else if (nr_found > 1) {
		memcpy(maddr_to_virt(MADDR(page)), ap_start, (size_t)(ap_end - ap_start));
		ap_cr3 = virt_to_maddr(hyp_l4).a;
		start_all(page, most);
	}
	printk("smp: %u of %u CPUs are up\n", nr_cpus, max(nr_found, 1u));
}

void smp_nmi_stop(void)
{
	if (likely(!READ_ONCE(stopping)) || READ_ONCE(stopping) == smp_id() + 1)
		return;
	__atomic_fetch_add(&nr_stopped, 1, __ATOMIC_SEQ_CST);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void smp_stop_others(void)
{
	uint32_t nobody = 0;

	if (nr_cpus == 1 || !__atomic_compare_exchange_n(&stopping, &nobody, smp_id() + 1, false,
							 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	for (unsigned int i = 0; i < nr_cpus; i++)
		if (i != smp_id())
			apic_send(cpus[i]->apic_id, ICR_NMI | ICR_ASSERT);
	for (unsigned int i = 0; i < 10000 && READ_ONCE(nr_stopped) < nr_cpus - 1; i++)
		udelay(10);
}

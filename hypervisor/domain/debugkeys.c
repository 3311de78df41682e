/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's keys: after three Ctrl-a at the machine console, or by the
 * control operation. They look; only R and P act. Output is for people: what is
 * shown of running vcpus is read without stopping them.
 */
#include <hyp/call.h>
#include <hyp/console.h>
#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>

static void key_help(void);

static void key_registers(void)
{
	struct domain *d = domain_next(DOMID_BEFORE_FIRST), *next;

	for (; d; d = next) {
		for (unsigned int i = 0; i < d->max_vcpus; i++)
			if (!(READ_ONCE(d->vcpu[i]->pause_flags) & VPF_DOWN))
				vcpu_dump(d->vcpu[i]);
		next = domain_next(d->id);
		domain_put(d);
	}
}

static void key_domains(void)
{
	static const char *const states[] = { "building", "running", "shutdown", "dying" };
	struct domain *d = domain_next(DOMID_BEFORE_FIRST), *next;

	for (; d; d = next) {
		printk("d%d %s: %s, pauses %u, refs %u, pages %llu of %llu, ports %u %u %s\n",
		       d->id, d->name, states[d->state], d->pause_count, d->refs,
		       (unsigned long long)d->tot_pages, (unsigned long long)d->max_pages,
		       d->console_port, d->xenstore_port, d->death);
		for (unsigned int i = 0; i < d->max_vcpus; i++)
			if (!(d->vcpu[i]->pause_flags & VPF_DOWN))
				printk("  v%u cpu %u flags %llx pending %u mask %u\n", i,
				       d->vcpu[i]->cpu, (unsigned long long)d->vcpu[i]->pause_flags,
				       d->vcpu[i]->info->evtchn_upcall_pending,
				       d->vcpu[i]->info->evtchn_upcall_mask);
		next = domain_next(d->id);
		domain_put(d);
	}
}

static void key_queues(void)
{
	for (unsigned int i = 0; i < nr_cpus; i++) {
		const struct vcpu *v = cpus[i]->curr;

		printk("CPU %u: d%dv%u, softirqs %lx\n", i, v ? v->domain->id : -1, v ? v->id : 0,
		       cpus[i]->softirq);
	}
}

static void key_memory(void)
{
	printk("memory: %llu of %llu pages free\n", (unsigned long long)mm_free_pages(),
	       (unsigned long long)mm_total_pages());
}

static void key_reboot(void)
{
	machine_reboot();
}

static void key_panic(void)
{
	panic("asked for at the console");
}

static const struct {
	char key;
	void (*fn)(void);
	const char *help;
} keys[] = {
	{ 'h', key_help, "this list" },
	{ 'd', key_registers, "registers of all vcpus that are up" },
	{ 'q', key_domains, "domains and their vcpus" },
	{ 'r', key_queues, "what runs on each CPU" },
	{ 'm', key_memory, "free memory" },
	{ 'c', hypercall_show, "hypercalls so far" },
	{ 'R', key_reboot, "reboot the machine now" },
	{ 'P', key_panic, "panic" },
};

static void key_help(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		printk("  %c  %s\n", keys[i].key, keys[i].help);
}

bool debug_key(char c)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key != c)
			continue;
		keys[i].fn();
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs: allocation and release. All vcpus of a domain exist from its
 * creation to its last reference; being "up" is a flag. What a vcpu does is
 * sched/'s and x86/'s business.
 *
 * v->info always points to memory of the hypervisor's: the vcpu's slot of the
 * shared_info page, or the frame the guest registered, with a reference held.
 */
#include <hyp/domain.h>
#include <hyp/frame.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/sched.h>
#include <public/vcpu.h>

static void info_reset(struct vcpu *v)
{
	struct shared_info *s = v->domain->shared;
	unsigned int slot = v->id % XEN_LEGACY_MAX_VCPUS;

	v->info = &s->vcpu_info[slot];
	v->info_mfn = virt_to_mfn(s);
	v->info_offset = slot * sizeof(struct vcpu_info);
}

struct vcpu *vcpu_alloc(struct domain *d, unsigned int id)
{
	struct vcpu *v = hyp_alloc(sizeof(*v));

	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	v->is_idle = d == idle_domain;
	v->pause_flags = v->is_idle ? 0 : VPF_DOWN | VPF_DOM_PAUSED;
	v->runstate.state = v->is_idle ? RUNSTATE_running : RUNSTATE_offline;
	info_reset(v);
	for (unsigned int i = 0; i < nr_cpus; i++)
		cpumask_set(&v->affinity, i);
	if (vcpu_x86_init(v))
		goto out_free;
	if (!v->is_idle && sched_vcpu_init(v))
		goto out_x86;
	return v;
out_x86:
	vcpu_x86_free(v);
out_free:
	hyp_free(v);
	return NULL;
}

void vcpu_online(struct vcpu *v)
{
	__atomic_store_n(&sched_vcpu(v->sched_priv)->init_state, VCPU_INITIALISED,
			 __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&v->pause_flags, ~(uint64_t)VPF_DOWN, __ATOMIC_SEQ_CST);
	vcpu_wake(v);
}

void vcpu_relinquish(struct vcpu *v)
{
	mfn_t mfn = v->info_mfn;

	v->runstate_gva = v->time_gva = 0;
	if (!mfn_eq(mfn, virt_to_mfn(v->domain->shared))) {
		spin_lock(&v->domain->evt_lock); /* senders use v->info */
		info_reset(v);
		spin_unlock(&v->domain->evt_lock);
		frame_put_and_type(mfn);
	}
	vcpu_x86_free(v);
}

void vcpu_free(struct vcpu *v)
{
	sched_vcpu_destroy(v);
	hyp_free(v);
}

static void dump_stack(const struct cpu_regs *r)
{
	uint64_t word;

	printk("stack:");
	for (unsigned int i = 0; i < 12 && guest_read(&word, r->rsp + i * 8, 8); i++)
		printk(" %016lx", word);
	printk("\n");
}

void vcpu_dump(struct vcpu *v)
{
	const struct cpu_regs *r = v == current ? guest_regs() : &v->x86.regs;

	printk("d%dv%u on CPU %u, %s mode, flags %lx, upcall mask %u\n", v->domain->id, v->id,
	       v->cpu, v->x86.user_mode ? "user" : "kernel", v->pause_flags,
	       v->info->evtchn_upcall_mask);
	printk("rip %04lx:%016lx rsp %04lx:%016lx rflags %08lx\n", r->cs & 0xffff, r->rip,
	       r->ss & 0xffff, r->rsp, r->rflags);
	printk("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	printk("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	printk("r13 %016lx r14 %016lx r15 %016lx cr2 %016lx\n", r->r13, r->r14, r->r15,
	       v->info->arch.cr2);
	printk("vector %x error %x root %lx user root %lx\n", r->vector, r->error_code,
	       v->x86.root.n, v->x86.user_root.n);
	if (v == current)
		dump_stack(r);
}

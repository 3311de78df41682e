/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traps, user mode and VCPUs. A trap goes to trap_hook, else ends the user_run()
 * or catch() in progress, else fails the test.
 */
#include "guest.h"

#include <public/callback.h>

extern uint8_t stacks[][KSTACK_SIZE];
struct percpu percpu[MAX_TEST_VCPUS];
bool (*trap_hook)(struct frame *f);
unsigned int debug_hits;
void (*trap_early)(void);
static struct vcpu_guest_context context;

void trap_entry(struct frame *f);
void lib_start(void);
long catch_asm(long (*fn)(void *), void *arg, struct jump *j);

static uint64_t stack_top(unsigned int n)
{
	return A(stacks[n]) + KSTACK_SIZE;
}

uint64_t entry_stack(unsigned int id)
{
	return stack_top(2 * id + 1);
}

uint64_t spare_stack(void)
{
	unsigned int n = 2 * MAX_TEST_VCPUS - 1;

	*(struct percpu **)stacks[n] = this_vcpu();
	return stack_top(n);
}

static void describe(struct frame *f)
{
	print("note: trap %lu error %lx cs:rip %lx:%lx ss:rsp %lx:%lx rflags %lx cr2 %lx vcpu %u",
	      f->vector, f->error, f->cs, f->rip, f->ss, f->rsp, f->rflags, this_vcpu()->cr2,
	      this_vcpu()->id);
	print("note: rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx r11 %lx", f->rax, f->rbx,
	      f->rcx, f->rdx, f->rsi, f->rdi, f->r11);
}

void trap_entry(struct frame *f)
{
	struct percpu *p;
	bool user = (f->cs & 3) == 3;

	if (trap_early)
		trap_early();
	p = this_vcpu();
	if (f->vector == X86_PF)
		p->cr2 = vcpu_info()->arch.cr2;
	if (f->vector == VEC_EVENT) {
		event_upcall(f);
		return;
	}
	if (trap_hook && trap_hook(f))
		return;
	p->last = *f;
	p->caught = (long)f->vector;
	if (user && p->user.rsp)
		jump_back(&p->user, (long)f->vector);
	if (!p->catch.rsp) {
		describe(f);
		fail("unexpected trap %lu at %lx", f->vector, f->rip);
	}
	vcpu_info()->evtchn_upcall_mask = p->mask;
	jump_back(&p->catch, (long)f->vector);
}

struct call {
	void (*fn)(uint64_t);
	uint64_t arg;
};

static long do_call(void *arg)
{
	struct call *c = arg;

	c->fn(c->arg);
	return -1;
}

long catch (void (*fn)(uint64_t), uint64_t arg)
{
	struct call c = { fn, arg };
	struct percpu *p = this_vcpu();

	p->caught = -1;
	p->mask = vcpu_info()->evtchn_upcall_mask;
	return catch_asm(do_call, &c, &p->catch);
}

void catch_abort(long value)
{
	struct percpu *p = this_vcpu();

	if (p->user.rsp)
		jump_back(&p->user, value);
	if (!p->catch.rsp)
		return;
	vcpu_info()->evtchn_upcall_mask = p->mask;
	jump_back(&p->catch, value);
}

static void do_read(uint64_t va)
{
	(void)*(volatile uint8_t *)va;
}

static void do_write(uint64_t va)
{
	*(volatile uint8_t *)va = 0x5a;
}

static void do_exec(uint64_t va)
{
	((void (*)(void))va)();
}

long probe_read(uint64_t va)
{
	return catch (do_read, va);
}

long probe_write(uint64_t va)
{
	return catch (do_write, va);
}

long probe_exec(uint64_t va)
{
	return catch (do_exec, va);
}

static void do_regs(uint64_t arg)
{
	struct regs *r = ((struct regs **)arg)[0];
	void *code = ((void **)arg)[1];

	__asm__ volatile("push %%rbp; call *%6; pop %%rbp; cld"
			 : "+a"(r->rax), "+b"(r->rbx), "+c"(r->rcx), "+d"(r->rdx), "+S"(r->rsi),
			   "+D"(r->rdi)
			 : "r"(code)
			 : "r8", "r9", "r10", "r11", "memory", "cc");
}

long exec(const void *bytes, size_t len, struct regs *r)
{
	static uint8_t *code;
	struct regs none = { .rax = 0 };
	void *args[2];

	if (!code)
		code = page_alloc();
	memcpy(code, bytes, len);
	code[len] = 0xc3;
	args[0] = r ? r : &none;
	args[1] = code;
	return catch (do_regs, A(args));
}

static struct trap_info table[33];

void traps_install(void)
{
	struct callback_register syscall32 = { .type = CALLBACKTYPE_syscall32,
					       .address = A(entry_syscall32) };

	for (unsigned int i = 0; i < 32; i++) {
		table[i].vector = i;
		table[i].cs = FLAT_KERNEL_CS64;
		table[i].flags = i == X86_BP || i == X86_OF ? 3 : 0;
		table[i].address = A(trap_stubs + 32 * i);
	}
	EXPECT(hc(set_trap_table, table), 0);
	EXPECT(hc(set_callbacks, entry_event, entry_failsafe, entry_syscall), 0);
	hc(callback_op, CALLBACKOP_register, &syscall32);
	EXPECT(hc(stack_switch, FLAT_KERNEL_SS64, entry_stack(this_vcpu()->id)), 0);
}

static void map_shared_info(void)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));

	shared = (struct shared_info *)page;
	/* A failure cannot be printed yet: the trap that follows says it. */
	map_page(page, si->shared_info >> 12, PTE_KERNEL);
}

void lib_start(void)
{
	for (unsigned int i = 0; i < 2 * MAX_TEST_VCPUS; i++)
		*(struct percpu **)stacks[i] = &percpu[i / 2];
	for (unsigned int i = 0; i < MAX_TEST_VCPUS; i++)
		percpu[i].id = i;
	map_shared_info();
	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		shared->vcpu_info[i].evtchn_upcall_mask = 1;
	memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
	traps_install();
	root = mfn_of((void *)si->pt_base);
	EXPECT(hc(vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
}

struct vcpu_guest_context *vcpu_context(unsigned int id)
{
	struct vcpu_guest_context *c = &context;

	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = A(vcpu_start);
	c->user_regs.rsp = stack_top(2 * id);
	c->user_regs.cs = FLAT_KERNEL_CS64;
	c->user_regs.ss = FLAT_KERNEL_SS64;
	c->kernel_ss = FLAT_KERNEL_SS64;
	c->kernel_sp = entry_stack(id);
	memcpy(c->trap_ctxt, table, 32 * sizeof(table[0]));
	c->ctrlreg[3] = xen_pfn_to_cr3(root);
	c->event_callback_eip = A(entry_event);
	c->failsafe_callback_eip = A(entry_failsafe);
	c->syscall_callback_eip = A(entry_syscall);
	return c;
}

void vcpu_main(void)
{
	this_vcpu()->main();
	fail("vcpu %u came back", this_vcpu()->id);
}

long vcpu_boot(unsigned int id, void (*fn)(void))
{
	long ret;

	percpu[id].main = fn;
	ret = hc(vcpu_op, VCPUOP_initialise, id, vcpu_context(id));
	return ret ? ret : hc(vcpu_op, VCPUOP_up, id, 0);
}

struct entry {
	struct frame *f;
	uint64_t flags;
};

static long do_enter(void *arg)
{
	struct entry *e = arg;

	iret_frame(e->f, e->flags);
}

long user_run(struct frame *f, uint64_t iret_flags)
{
	struct frame copy = *f; /* consumed by the pops: below the stack pointer afterwards */
	struct entry e = { &copy, iret_flags };
	struct percpu *p = this_vcpu();
	uint8_t mask = vcpu_info()->evtchn_upcall_mask;
	struct jump saved = p->user;
	long vector;

	copy.cs = f->cs ? f->cs : USER_CS;
	copy.ss = f->ss ? f->ss : USER_SS;
	p->caught = -1;
	/* An upcall while the stack pointer is in copy would overwrite what lies below it. */
	vcpu_info()->evtchn_upcall_mask = 1;
	vector = catch_asm(do_enter, &e, &p->user);
	p->user = saved;
	vcpu_info()->evtchn_upcall_mask = mask;
	*f = p->last;
	return vector;
}

bool count_debug(struct frame *f)
{
	if (f->vector != X86_DB)
		return false;
	debug_hits++;
	CHECK(f->rip < HYPERVISOR_VIRT_START || f->rip >= HYPERVISOR_VIRT_END,
	      "#DB inside the hypervisor at %lx", f->rip);
	return true;
}

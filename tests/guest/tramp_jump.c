/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring 1 jumps to every byte of the trampoline's code. Each ends in a trap of ours, or
 * comes back, or spins until the timer; or kills the domain, when it had moved the stack
 * pointer. VARIANTS: 0 1 2 3 4 5 6 7 */
#include "lib/tramp.h"

#if defined(VARIANT_0)
#define PART 0
#elif defined(VARIANT_1)
#define PART 1
#elif defined(VARIANT_2)
#define PART 2
#elif defined(VARIANT_3)
#define PART 3
#elif defined(VARIANT_4)
#define PART 4
#elif defined(VARIANT_5)
#define PART 5
#elif defined(VARIANT_6)
#define PART 6
#else
#define PART 7
#endif

void came_back(void);
void jump_there(uint64_t va, uint64_t stack);
__asm__(".pushsection .text\n"
	"jump_there:\n"
	"	mov %rsi, %rsp\n"
	"	mov %rdi, %r15\n"
	"	mov %rsi, %rax; mov %rsi, %rbx; mov %rsi, %rcx; mov %rsi, %rdx\n"
	"	mov %rsi, %rdi; mov %rsi, %rbp; mov %rsi, %r8; mov %rsi, %r9\n"
	"	mov %rsi, %r10; mov %rsi, %r11; mov %rsi, %r12; mov %rsi, %r13\n"
	"	mov %rsi, %r14\n"
	"	jmp *%r15\n"
	".popsection");

void came_back(void)
{
	catch_abort(1000);
}

static void on_timer(unsigned int port)
{
	catch_abort(1001);
}

static void jump(uint64_t va)
{
	uint64_t top = spare_stack() - 2048;

	/* Whatever returns lands in came_back; alignment does not matter to it. */
	for (uint64_t *p = (uint64_t *)top; p < (uint64_t *)(top + 2048); p++)
		*p = A(came_back);
	jump_there(va, top);
}

void test(void)
{
	unsigned int count[3] = { 0 }, timer;
	const unsigned int size = CA_CODE_PAGES * 4096 / 8;

	if (!xeno)
		skip("Xeno's trampoline");
	timer = bind_virq(VIRQ_TIMER);
	port_unmask(timer);
	event_hook = on_timer;
	may_die("a trap on the trampoline's stack");
	for (unsigned int off = PART * size; off < (PART + 1) * size; off++) {
		unsigned int cpu = my_cpu();
		long v;

		hc(set_timer_op, now() + 20000000);
		events_on();
		v = catch (jump, ca_page(cpu, CA_CODE) + off);
		events_off();
		if (v == 1001)
			print("note: +%x spins or took long", off);
		count[v == 1000 ? 1 : v == 1001 ? 2 : 0]++;
		kernel_mode();
		EXPECT(hc(xen_version, XENVER_pagesize, 0), 4096);
	}
	hc(set_timer_op, 0);
	print("note: %u trapped, %u came back, %u spun", count[0], count[1], count[2]);
}

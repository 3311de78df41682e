/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library of the test kernels. A test is one C file with
 *
 *	void test(void);	returns = passed; or ends by fail() or skip()
 *
 * The last line it prints is the verdict; a kernel that prints none has crashed.
 * Everything runs on one address space, events masked until events_on(). Traps that nobody
 * expects end the test as failed. Tests also run on real Xen, where xeno is false.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <public/xen.h>
#include <public/event_channel.h>
#include <public/grant_table.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/version.h>
#include "errno.h"
#include "layout.h"

#define PAGE_SIZE 4096ul
#define PTE_P 0x1ul
#define PTE_RW 0x2ul
#define PTE_US 0x4ul
#define PTE_PWT 0x8ul
#define PTE_PCD 0x10ul
#define PTE_A 0x20ul
#define PTE_D 0x40ul
#define PTE_PS 0x80ul
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul
#define PTE_KERNEL (PTE_P | PTE_RW | PTE_A | PTE_D) /* writable kernel page */
#define PTE_KERNEL_RO (PTE_P | PTE_A | PTE_D)
#define PTE_TABLE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D) /* entry that points to a table */
#define PTE_USER (PTE_KERNEL | PTE_US)

#define X86_DE 0
#define X86_DB 1
#define X86_BP 3
#define X86_OF 4
#define X86_BR 5
#define X86_UD 6
#define X86_NM 7
#define X86_TS 10
#define X86_NP 11
#define X86_SS 12
#define X86_GP 13
#define X86_PF 14
#define X86_MF 16
#define X86_AC 17
#define X86_XM 19
#define PF_P 1
#define PF_W 2
#define PF_U 4
#define PF_I 16
#define RFLAGS_TF 0x100ul
#define RFLAGS_IF 0x200ul
#define RFLAGS_DF 0x400ul
#define RFLAGS_IOPL 0x3000ul
#define RFLAGS_NT 0x4000ul
#define RFLAGS_VM 0x20000ul
#define RFLAGS_AC 0x40000ul

/* Kernel selectors as frames show them (RPL 0), and the user's. */
#define KERNEL_CS (FLAT_KERNEL_CS64 & ~3)
#define KERNEL_SS (FLAT_KERNEL_SS64 & ~3)
#define USER_CS FLAT_USER_CS64
#define USER_SS FLAT_USER_SS64

/* Addresses that no hypercall may accept as a buffer. */
#define BAD_UNMAPPED 0x7000000000ul
#define BAD_NONCANON 0x8000000000000000ul
#define BAD_HYP 0xffff830000100000ul /* direct map of the hypervisor */
#define BAD_TOP 0xfffffffffffff000ul

#define LARGE_MFN ((1ul << 40) - 1) /* no machine has this frame */

/* Built by head.S on the stack. */
struct frame {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct jump {
	uint64_t rsp; /* 0 = not armed */
};

struct percpu {
	unsigned int id;
	struct jump catch, user;
	uint8_t mask;	   /* upcall mask when caught */
	long caught;	   /* vector, -1 = none */
	struct frame last; /* the frame that was caught */
	uint64_t cr2;
	void (*main)(void);
};

extern struct start_info *si;
extern struct shared_info *shared;
extern bool xeno; /* on Xeno, not on the reference */
extern bool is_dom0;
extern uint64_t *p2m;
extern uint8_t trap_stubs[], hypercall_page[];
extern uint64_t root; /* machine frame of the kernel L4 */

static inline struct percpu *this_vcpu(void)
{
	uint64_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return *(struct percpu **)(sp & ~(KSTACK_SIZE - 1ul));
}

static inline struct vcpu_info *vcpu_info(void)
{
	return &shared->vcpu_info[this_vcpu()->id];
}

/* --- hypercalls: number and up to five arguments; addresses are cast by A(). */
#define A(x) ((uint64_t)(x))

static inline long hcall5(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
			 : "0"(nr)
			 : "rcx", "r11", "r9", "memory", "cc");
	return ret;
}

#define HC_PICK(_0, _1, _2, _3, _4, _5, n, ...) n
#define HC0(n) hcall5(n, 0, 0, 0, 0, 0)
#define HC1(n, a) hcall5(n, A(a), 0, 0, 0, 0)
#define HC2(n, a, b) hcall5(n, A(a), A(b), 0, 0, 0)
#define HC3(n, a, b, c) hcall5(n, A(a), A(b), A(c), 0, 0)
#define HC4(n, a, b, c, d) hcall5(n, A(a), A(b), A(c), A(d), 0)
#define HC5(n, a, b, c, d, e) hcall5(n, A(a), A(b), A(c), A(d), A(e))
/* hc(name, args...): name without the __HYPERVISOR_ prefix. */
#define hc(name, ...) hcnr(__HYPERVISOR_##name, ##__VA_ARGS__)
#define hcnr(...) HC_PICK(__VA_ARGS__, HC5, HC4, HC3, HC2, HC1, HC0)(__VA_ARGS__)

/* --- output and verdicts. print() knows %s %c %d %u %x %lx %ld %lu %%, widths with 0. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void pass(void);
/* From here on the domain's clean death counts as success. */
void may_die(const char *how);

#define CHECK(cond, fmt, ...)                                                                      \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail("line %d: " fmt, __LINE__, ##__VA_ARGS__);                            \
	} while (0)
/* The expression must have this value; both are longs. */
#define EXPECT(expr, value)                                                                        \
	do {                                                                                       \
		long got_ = (long)(expr), want_ = (long)(value);                                   \
		if (got_ != want_)                                                                 \
			fail("line %d: " #expr " = %ld, not %ld", __LINE__, got_, want_);          \
	} while (0)
/* The expression must be an error number. */
#define REFUSED(expr)                                                                              \
	do {                                                                                       \
		long got_ = (long)(expr);                                                          \
		if (got_ >= 0 || got_ < -4095)                                                     \
			fail("line %d: " #expr " = %ld, not refused", __LINE__, got_);             \
	} while (0)

/* --- small C library */
void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
bool str_has(const char *s, const char *part);
uint64_t rnd(void); /* pseudo-random, the same sequence in every run */
/* For fuzzers: one of n values, any number, or (half of the time) one below 200. */
uint64_t rnd_wild(const uint64_t *values, unsigned int n);
/* key=NUMBER on the kernel's command line. */
uint64_t option(const char *key, uint64_t otherwise);

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* --- traps */
/* fn(arg); returns the vector of the trap that ended it, or -1. */
long catch (void (*fn)(uint64_t), uint64_t arg);
void catch_abort(long value); /* from an event handler: ends the current user_run() or catch() */
_Noreturn void iret_frame(struct frame *f, uint64_t flags);
void jump_back(struct jump *j, long value);
/* Sees every trap first; true = handled, continue at the frame. */
extern bool (*trap_hook)(struct frame *f);
/* A hook that counts #DB, wherever the kernel or a program is; in the hypervisor it is a failure. */
bool count_debug(struct frame *f);
extern unsigned int debug_hits;
/* Called before anything else in a trap, on the stack it came on. */
extern void (*trap_early)(void);
long probe_read(uint64_t va);
long probe_write(uint64_t va);
long probe_exec(uint64_t va);
/* Bytes run as a subroutine in the kernel; registers in regs go in and out. Vector or -1. */
struct regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi;
};
long exec(const void *bytes, size_t len, struct regs *r);
#define EXEC(bytes, r) exec(bytes, sizeof(bytes) - 1, r)
void traps_install(void); /* the standard trap table, callbacks and kernel stack */
/* The context all VCPUs start with, for VCPUOP_initialise. */
struct vcpu_guest_context *vcpu_context(unsigned int id);
/* Starts VCPU id in fn, which must not return. 0 or the hypercall's error. */
long vcpu_boot(unsigned int id, void (*fn)(void));
/*
 * What the other VCPU of a race does: disturb() again and again, and in domain 0 sometimes
 * control(), until *go is 0. Then it is 2, and the VCPU sleeps for ever.
 */
void race_loop(volatile uint32_t *go, void (*disturb)(void), void (*control)(void));
void vcpu_main(void);
void vcpu_start(void);
void entry_event(void);
void entry_event2(void);
void entry_failsafe(void);
void entry_syscall(void);
void entry_syscall32(void);
void entry_nmi(void);
uint64_t entry_stack(unsigned int id);
uint64_t spare_stack(void); /* top of another stack this VCPU may take traps on */

/* --- memory. Heap pages are zeroed, never freed; kernel addresses of the initial mapping. */
void *page_alloc(void);
uint64_t mfn_of(const void *page);
void *mfn_to_virt(uint64_t mfn); /* own frame in the initial mapping, else NULL */
uint64_t m2p(uint64_t mfn);
/* The entry of level 1..4 that maps va, in its (read-only) table; NULL when absent. */
volatile uint64_t *pte_of(uint64_t va, int level);
uint64_t pte_maddr(uint64_t va, int level);
long set_pte(const void *va, uint64_t pte);
long map_page(const void *va, uint64_t mfn, uint64_t flags); /* update_va_mapping */
long mmu_write(uint64_t maddr_cmd, uint64_t val);	     /* mmu_update of one entry */
long mmuext(uint32_t cmd, uint64_t arg1, uint64_t arg2);
void make_ro(void *page);
/* No reference to the page is left: it may become a page table. Clears it. */
void check_page_free(void *page);
void make_rw(void *page);
void *table_alloc(void); /* zeroed and mapped read-only */
/* Maps mfn at any guest address, making tables as needed. */
void map_far(uint64_t va, uint64_t mfn, uint64_t flags);

/* --- user mode */
extern uint8_t *user_text, *user_data; /* kernel's view of the pages at USER_TEXT, USER_DATA */
extern uint64_t user_root;
void user_init(void);
/* Enters ring 3 with f (rip, rsp, rflags, registers; cs and ss set here) and returns the
 * vector that left it; *f is the state then. */
long user_run(struct frame *f, uint64_t iret_flags);
void user_code(const void *bytes, size_t len); /* copies to USER_TEXT */

/* --- events and time */
extern volatile uint32_t events[4096]; /* upcalls handled per port, all VCPUs */
extern void (*event_hook)(unsigned int port);
void events_on(void); /* unmask upcalls of this VCPU, deliver what is pending */
void events_off(void);
void event_upcall(struct frame *f); /* handles what is pending */
void port_unmask(unsigned int port);
long evtchn(int cmd, void *arg);
unsigned int bind_virq(unsigned int virq);
unsigned int bind_ipi(unsigned int vcpu);
uint64_t now(void);	    /* system time, ns */
void sleep_ns(uint64_t ns); /* SCHEDOP_poll; events masked or not */
/* Waits until *p >= value, up to ms; false = time-out. */
bool wait_for(volatile uint32_t *p, uint32_t value, unsigned int ms);

#endif

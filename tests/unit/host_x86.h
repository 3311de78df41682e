/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of code that uses privileged instructions: the inlines of hyp/x86.h become
 * functions of the test, and current a variable. Included first (FLAGS: -include host_x86.h).
 */
#include <hyp/cpu.h>
#include <hyp/x86.h>

extern struct vcpu *test_current;
uint64_t test_rdmsr(uint32_t msr);
void test_wrmsr(uint32_t msr, uint64_t v);
uint64_t test_read_cr2(void);
uint64_t test_read_cr4(void);
uint32_t test_in(uint16_t port, unsigned int size);
void test_out(uint16_t port, unsigned int size, uint32_t v);
void test_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]);

#undef current
#define current test_current
#define rdmsr test_rdmsr
#define wrmsr test_wrmsr
#define read_cr2 test_read_cr2
#define read_cr4 test_read_cr4
#define cpuid test_cpuid
#define inb(p) ((uint8_t)test_in(p, 1))
#define inw(p) ((uint16_t)test_in(p, 2))
#define inl(p) test_in(p, 4)
#define outb(p, v) test_out(p, 1, v)
#define outw(p, v) test_out(p, 2, v)
#define outl(p, v) test_out(p, 4, v)

/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants shared by head.S and C. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define VIRT_BASE 0xffffffff80000000
#define KSTACK_SIZE 16384
#define MAX_TEST_VCPUS 4

/* Pseudo vectors of struct frame: callbacks. */
#define VEC_EVENT 256
#define VEC_FAILSAFE 257
#define VEC_SYSCALL 258
#define VEC_SYSCALL32 259
#define VEC_NMI 260
#define VEC_EVENT2 261

/* User space of a test: text (read-only, executable), data and stack. */
#define USER_TEXT 0x400000
#define USER_DATA 0x410000
#define USER_STACK 0x420000 /* one page */
#define USER_STACK_TOP (USER_STACK + 4096)

#endif

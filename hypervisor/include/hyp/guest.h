/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one accessor of guest memory by guest virtual address: the current
 * vcpu's kernel address space, as far as ring 1 could access it itself. The
 * addresses are checked against the hypervisor's slots and faults are caught
 * (x86/uaccess.S). Guest data is read once into a local and then checked.
 */
#ifndef HYP_GUEST_H
#define HYP_GUEST_H

#include <hyp/types.h>

/* True when [gva, gva+len) is canonical and outside the hypervisor's slots. */
bool guest_range_ok(uint64_t gva, uint64_t len);
/* False on a bad address; then dst may be partly written. */
bool guest_read(void *dst, uint64_t gva, size_t len);
bool guest_write(uint64_t gva, const void *src, size_t len);
/* Atomic compare-and-exchange of 1, 2, 4 or 8 bytes; false on a fault. *old receives the previous value. */
bool guest_cmpxchg64(uint64_t gva, uint64_t *old, uint64_t val);

/* Same for hypervisor addresses that may fault (MSR, stack walks): */
bool safe_read(void *dst, const void *src, size_t len);
bool safe_rdmsr(uint32_t msr, uint64_t *v);
bool safe_wrmsr(uint32_t msr, uint64_t v);

#endif

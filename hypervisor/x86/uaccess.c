/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to memory and MSRs that may not be there (hyp/guest.h).
 *
 * The full root of the current vcpu is loaded, so guest memory is at its own addresses and
 * only the hypervisor's slots must be kept out. What is reached then is what ring 1
 * could reach: supervisor rights, bound by CR0.WP, with SMAP off.
 */
#include <hyp/guest.h>
#include <hyp/trap.h>

#define LOW_HALF_END 0x0000800000000000ul

bool guest_range_ok(uint64_t gva, uint64_t len)
{
	uint64_t last = gva + (len ? len - 1 : 0);

	return last >= gva && (last < LOW_HALF_END || gva >= HYP_VIRT_END);
}

bool guest_read(void *dst, uint64_t gva, size_t len)
{
	return guest_range_ok(gva, len) && !copy_checked(dst, (const void *)gva, len);
}

bool guest_write(uint64_t gva, const void *src, size_t len)
{
	return guest_range_ok(gva, len) && !copy_checked((void *)gva, src, len);
}

bool guest_cmpxchg64(uint64_t gva, uint64_t *old, uint64_t val)
{
	return guest_range_ok(gva, sizeof(val)) && !cmpxchg_checked((uint64_t *)gva, old, val);
}

bool safe_read(void *dst, const void *src, size_t len)
{
	return !copy_checked(dst, src, len);
}

bool safe_rdmsr(uint32_t msr, uint64_t *v)
{
	return !rdmsr_checked(msr, v);
}

bool safe_wrmsr(uint32_t msr, uint64_t v)
{
	return !wrmsr_checked(msr, v);
}

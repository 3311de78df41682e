/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * multicall(entries, count): many hypercalls in one entry. Each entry is read
 * once into a local; its result is stored before the next begins. A call that
 * restarts leaves its changed arguments in its entry, and the multicall restarts
 * from there. Calls that act on the caller's frame (iret) and further multicalls
 * are refused in the entry's result.
 */
#include <hyp/call.h>
#include <public/xen.h>

/* The results of the entries done so far are stored; describe the rest. */
static long restart_at(struct hc_args *a, uint64_t gva, uint64_t left)
{
	a->arg[0] = gva;
	a->arg[1] = left;
	return HC_RESTART;
}

long hc_multicall(struct hc_args *a)
{
	uint64_t gva = a->arg[0], left = (uint32_t)a->arg[1];
	struct multicall_entry e;
	struct hc_args sub;
	int64_t ret;

	if (!guest_range_ok(gva, left * sizeof(e)))
		return -EFAULT;
	for (unsigned int done = 0; left; done++, left--, gva += sizeof(e)) {
		if (hc_preempt_due(done))
			return restart_at(a, gva, left);
		if (!guest_read(&e, gva, sizeof(e)))
			return -EFAULT;
		memcpy(sub.arg, e.args, sizeof(sub.arg));
		ret = hypercall_from_multicall(e.op, &sub);
		if (ret == HC_RESTART) {
			if (!guest_write(gva + offsetof(struct multicall_entry, args), sub.arg,
					 sizeof(sub.arg)))
				return -EFAULT;
			return restart_at(a, gva, left);
		}
		if (!guest_write(gva + offsetof(struct multicall_entry, result), &ret, sizeof(ret)))
			return -EFAULT;
	}
	return 0;
}

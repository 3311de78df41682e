/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plain writes to page tables: stock kernels change L1 entries in place, with the
 * instructions of decode.c, and count on the hypervisor to notice. The write faults because
 * every mapping of a table is read-only; it is carried out here as the equivalent update,
 * under the same checks. A write that would be refused is the guest's page fault.
 *
 * The processor may set accessed and dirty bits of the entry at any time, so the new value
 * is stored by compare-and-exchange with the one it was computed from.
 *
 * Not here: tables of higher levels (kernels use hypercalls there), writes across two
 * entries, user mode.
 */
#include <hyp/cpu.h>
#include <hyp/decode.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/pt.h>
#include <hyp/pt_table.h>

#define ARITH_FLAGS 0x8d5ul
#define TRIES 8

static uint64_t *reg_ptr(struct cpu_regs *r, unsigned int n)
{
	static const uint8_t offset[16] = {
#define REG(x) offsetof(struct cpu_regs, x)
		REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
		REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
#undef REG
	};

	return (uint64_t *)((char *)r + offset[n]);
}

/* As the processor does: 32-bit results clear the upper half, smaller ones leave the rest. */
static void reg_write(uint64_t *reg, const struct insn *i, bool high, uint64_t v)
{
	unsigned int shift = high ? 8 : 0;
	uint64_t mask = i->size == 1 ? 0xfful : 0xfffful;

	if (i->size >= 4)
		*reg = i->size == 4 ? (uint32_t)v : v;
	else
		*reg = (*reg & ~(mask << shift)) | (v & mask) << shift;
}

/* The bytes at rip; the page behind may not be there. */
static bool fetch(uint64_t rip, struct insn *i)
{
	uint64_t room = PAGE_SIZE - (rip & ~PAGE_MASK);
	uint8_t code[INSN_MAX];
	size_t n = sizeof(code);

	if (!guest_read(code, rip, n)) {
		n = min(room, n);
		if (!guest_read(code, rip, n))
			return false;
	}
	return insn_decode(code, n, i);
}

struct target {
	mfn_t table;
	unsigned int index, shift; /* of the operand's first byte within the entry */
};

/* Changes the entry and then the registers. 0, -EINVAL, -EBUSY; -EAGAIN: from the start. */
static int carry_out(struct pt_ctx *c, const struct target *t, const struct insn *i,
		     struct cpu_regs *regs)
{
	uint64_t *entry = (uint64_t *)mfn_to_virt(t->table) + t->index, old = READ_ONCE(*entry);
	uint64_t mask = i->size == 8 ? ~0ul : (1ul << (8 * i->size)) - 1;
	uint64_t *reg = i->has_imm ? NULL : reg_ptr(regs, i->reg), flags = regs->rflags, v;
	uint64_t src = reg ? *reg >> (i->high_byte ? 8 : 0) : i->imm, mem = old >> t->shift;
	bool write = insn_compute(i, mem, src, regs->rax, &v, &flags);
	int err = 0;

	if (write)
		err = pt_change(c, t->table, t->index,
				(old & ~(mask << t->shift)) | (v & mask) << t->shift, PT_COMPARE,
				&old);
	if (err)
		return err;
	regs->rflags = (regs->rflags & ~ARITH_FLAGS) | (flags & ARITH_FLAGS);
	if (i->op == OP_XCHG && reg)
		reg_write(reg, i, i->high_byte, mem);
	if (i->op == OP_CMPXCHG && !write)
		reg_write(&regs->rax, i, false, mem);
	regs->rip += i->len;
	return 0;
}

/* What the fault is about. False: no L1 table of ours, or not read-only (any more). */
static bool find_target(struct pt_ctx *c, uint64_t va, struct target *t, bool *retry)
{
	unsigned int index;
	uint64_t e;
	mfn_t l1;

	if (!pt_find(current->x86.root, va, &l1, &index))
		return false;
	e = ((uint64_t *)mfn_to_virt(l1))[index];
	*retry = (e & PTE_P) && (e & PTE_RW);
	if (!(e & PTE_P) || *retry)
		return false;
	t->table = MFN((e & PTE_ADDR) >> PAGE_SHIFT);
	t->index = (va & ~PAGE_MASK) / sizeof(uint64_t);
	t->shift = (va & 7) * 8;
	return pt_level(c, t->table) == 1;
}

bool pt_emulate_write(struct cpu_regs *regs, uint64_t va, uint32_t ec)
{
	bool retry = false;
	struct target t;
	struct pt_ctx c;
	struct insn i;
	int err = -EINVAL;

	if ((ec & (PF_P | PF_W | PF_U | PF_RSVD | PF_I)) != (PF_P | PF_W))
		return false;
	if (!pt_begin(&c, current->domain))
		return true;
	if (find_target(&c, va, &t, &retry) && fetch(regs->rip, &i) && t.shift + 8 * i.size <= 64) {
		unsigned int tries = 0;

		do {
			err = carry_out(&c, &t, &i, regs);
		} while (err == -EAGAIN && ++tries < TRIES);
	}
	pt_end(&c);
	return !err || retry || err == -EAGAIN;
}

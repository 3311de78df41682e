/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Privileged instructions of guest kernels, which fault in ring 1: control and debug
 * registers, MSRs, INVLPG, XSETBV, CLI and STI, and the I/O instructions. One instruction per
 * fault; what is not in the table, and what would be wrong, is the guest's #GP.
 *
 * All port I/O comes here, for the TSS grants no port: IOPL and the TSS cannot tell ring 1
 * from ring 3, and the trampoline changes between them without us. Ring 1 of domain 0 has the
 * ports of d->io_bitmap; its ring 3 has those of them that PHYSDEVOP_set_iobitmap names, or all
 * with PHYSDEVOP_set_iopl(3). Other ports, and all ports of other domains, read as ones in
 * ring 1 and writes vanish: Linux probes PCI early on, whatever it runs on.
 *
 * Not here: HLT (SCHEDOP_block is meant for it), descriptor tables, code that is not 64-bit,
 * string I/O of ring 3 (its memory would be accessed with the rights of ring 1).
 */
#include <hyp/cpu.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lib.h>
#include <hyp/pci.h>
#include <hyp/pt.h>
#include <hyp/trap.h>

#define INSN_MAX 15
#define REX_W 8
#define REX_R 4
#define REX_B 1
#define IO_BATCH 256 /* elements of a string instruction per fault */
#define NR_IO_PORTS 0x10000
#define DR6_BS 0x4000ul
#define CR0_SHOWN (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
#define CR4_SHOWN (CR4_DE | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE)
#define CR4_ACCEPTED (0x7fful | CR4_OSXSAVE) /* ... when written; nothing changes */

enum outcome {
	DONE,	/* go on behind it */
	REFUSE, /* #GP */
	AGAIN,	/* the same instruction once more, or an exception has been delivered */
};

struct insn {
	struct cpu_regs *regs;
	uint8_t code[INSN_MAX];
	unsigned int n, pos; /* bytes there are, bytes decoded */
	uint8_t rex, segment, opcode, modrm;
	bool size16, addr32, rep;
};

unsigned int guest_fetch(const struct cpu_regs *regs, uint8_t *buf, unsigned int n)
{
	unsigned int room = PAGE_SIZE - (regs->rip & ~PAGE_MASK);

	if (guest_read(buf, regs->rip, n))
		return n;
	return room < n && guest_read(buf, regs->rip, room) ? room : 0;
}

static uint64_t *reg(struct insn *i, unsigned int n)
{
	static const uint8_t offset[16] = {
#define REG(x) offsetof(struct cpu_regs, x)
		REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
		REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
#undef REG
	};

	return (uint64_t *)((char *)i->regs + offset[n]);
}

static uint64_t edx_eax(const struct cpu_regs *r)
{
	return (uint32_t)r->rax | r->rdx << 32;
}

/* ModRM's two registers; REX extends them. */
static unsigned int modrm_reg(const struct insn *i)
{
	return (i->modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0);
}

static uint64_t *modrm_rm(struct insn *i)
{
	return reg(i, (i->modrm & 7) | (i->rex & REX_B ? 8 : 0));
}

/* --- control and debug registers */

static enum outcome from_cr(struct insn *i)
{
	const struct vcpu *v = current;
	uint64_t *to = modrm_rm(i);

	switch (modrm_reg(i)) {
	case 0:
		*to = CR0_SHOWN | v->x86.cr0_ts;
		return DONE;
	case 2:
		*to = v->info->arch.cr2;
		return DONE;
	case 3:
		*to = xen_pfn_to_cr3(v->x86.root.n);
		return DONE;
	case 4:
		*to = read_cr4() & CR4_SHOWN;
		return DONE;
	}
	return REFUSE;
}

/* TS is all that can be changed in CR0, and nothing can in CR4. */
static enum outcome to_cr(struct insn *i)
{
	struct vcpu *v = current;
	uint64_t val = *modrm_rm(i);
	int err;

	switch (modrm_reg(i)) {
	case 0:
		fpu_set_ts(v, val & CR0_TS);
		return DONE;
	case 2:
		v->info->arch.cr2 = val;
		return DONE;
	case 3:
		err = vcpu_set_root(v, MFN(xen_cr3_to_pfn(val)), false);
		return err == -EAGAIN ? AGAIN : err ? REFUSE : DONE;
	case 4:
		return val & ~CR4_ACCEPTED ? REFUSE : DONE;
	}
	return REFUSE;
}

static enum outcome from_dr(struct insn *i)
{
	unsigned int n = modrm_reg(i);

	if (n > 7 || n == 4 || n == 5)
		return REFUSE;
	*modrm_rm(i) = debugreg_get(current, n);
	return DONE;
}

static enum outcome to_dr(struct insn *i)
{
	return debugreg_set(current, modrm_reg(i), *modrm_rm(i)) ? REFUSE : DONE;
}

static enum outcome clts(struct insn *i)
{
	fpu_set_ts(current, false);
	return DONE;
}

/* Caches are the machine's: only domain 0, which drives devices, may hold it up. */
static enum outcome wbinvd(struct insn *i)
{
	if (is_dom0(current->domain))
		__asm__ volatile("wbinvd" ::: "memory");
	return DONE;
}

/* INVLPG: this fault has dropped all translations. XSETBV: of XCR0. */
static enum outcome group_0f01(struct insn *i)
{
	struct vcpu *v = current;
	uint64_t val = edx_eax(i->regs), allowed = guest_xcr0_allowed();

	if ((i->modrm & 0x38) == 0x38 && i->modrm < 0xc0)
		return DONE;
	if (i->modrm != 0xd1 || (uint32_t)i->regs->rcx || val & ~allowed || xsetbv_checked(val))
		return REFUSE;
	v->x86.xcr0 = val;
	return DONE;
}

static enum outcome cli(struct insn *i)
{
	WRITE_ONCE(current->info->evtchn_upcall_mask, 1);
	return DONE;
}

/* The exit path looks for events that are pending. */
static enum outcome sti(struct insn *i)
{
	WRITE_ONCE(current->info->evtchn_upcall_mask, 0);
	return DONE;
}

/* --- MSRs */

#define M_HW 1	  /* reads the processor's, as far as mask goes */
#define M_CONST 2 /* reads mask */
#define M_BASE 4  /* a segment base of ring 1: in hardware while current */
#define M_WRITE 8 /* writes are ignored; without it they are #GP */

static const struct msr_rule {
	uint32_t msr, flags;
	uint64_t mask;
} msr_rules[] = {
	{ 0x10, M_HW, ~0ul },				    /* time stamp */
	{ 0x17, M_HW, ~0ul },				    /* platform identifier */
	{ MSR_APIC_BASE, M_HW | M_WRITE, ~0x400ul },	    /* not in x2APIC mode */
	{ 0x8b, M_HW | M_WRITE, ~0ul },			    /* microcode revision */
	{ 0x1a0, M_HW | M_WRITE, 0x400000801ul },	    /* what the processor can do */
	{ MSR_PAT, M_CONST | M_WRITE, 0x0000050100070406 }, /* x86/cpu_area.c */
	{ MSR_EFER, M_HW | M_WRITE, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE },
	{ MSR_FS_BASE, M_BASE, 0 },
	{ MSR_GS_BASE, M_BASE, 0 },
	{ MSR_KERNEL_GS_BASE, M_BASE, 0 },
	{ MSR_SYSENTER_CS, M_CONST | M_WRITE, 0 }, /* entries are callbacks instead */
	{ MSR_SYSENTER_CS + 1, M_CONST | M_WRITE, 0 },
	{ MSR_SYSENTER_CS + 2, M_CONST | M_WRITE, 0 },
	{ MSR_STAR, M_CONST | M_WRITE, 0 },
	{ MSR_LSTAR, M_CONST | M_WRITE, 0 },
	{ MSR_CSTAR, M_CONST | M_WRITE, 0 },
	{ MSR_FMASK, M_CONST | M_WRITE, 0 },
	{ 0xc0010015, M_HW | M_WRITE, ~0ul }, /* AMD: configuration */
	{ 0xc0011029, M_HW | M_WRITE, ~0ul }, /* AMD: whether LFENCE serialises */
};

static const struct msr_rule *find_msr(uint32_t msr)
{
	for (size_t i = 0; i < ARRAY_SIZE(msr_rules); i++)
		if (msr_rules[i].msr == msr)
			return &msr_rules[i];
	return NULL;
}

static enum outcome read_msr(struct insn *i)
{
	const struct msr_rule *r = find_msr((uint32_t)i->regs->rcx);
	uint64_t v;

	if (!r)
		return REFUSE;
	if (r->flags & M_CONST)
		v = r->mask;
	else if (!safe_rdmsr(r->msr, &v))
		return REFUSE;
	else if (r->flags & M_HW)
		v &= r->mask;
	i->regs->rax = (uint32_t)v;
	i->regs->rdx = v >> 32;
	return DONE;
}

static enum outcome write_msr(struct insn *i)
{
	const struct msr_rule *r = find_msr((uint32_t)i->regs->rcx);
	uint64_t v = edx_eax(i->regs);

	if (!r || !(r->flags & (M_BASE | M_WRITE)) || (r->flags & M_BASE && !is_canonical(v)))
		return REFUSE;
	if (r->flags & M_BASE)
		wrmsr(r->msr, v);
	return DONE;
}

/* --- ports */

/* A clear bit of the guest's own bitmap allows. */
static bool user_may_use(const struct vcpu *v, unsigned int port, unsigned int size)
{
	uint8_t bits;

	if (v->x86.iopl == 3)
		return true;
	for (; size; port++, size--)
		if (!v->x86.user_ports || port >= v->x86.nr_user_ports ||
		    !guest_read(&bits, v->x86.user_ports + port / 8, 1) || bits >> port % 8 & 1)
			return false;
	return true;
}

/* The machine's port is the domain's to use. */
static bool port_granted(const struct domain *d, unsigned int port, unsigned int size)
{
	for (; size; port++, size--)
		if (!d->io_bitmap || port >= NR_IO_PORTS || test_bit(d->io_bitmap, port))
			return false;
	return true;
}

/* The hypervisor uses these too, and puts back what it changes: not in the middle of it. */
static bool is_pci_port(unsigned int port, unsigned int size)
{
	return port + size > PCI_PORT_FIRST && port <= PCI_PORT_LAST;
}

/* The access is to the configuration of what the hypervisor drives or needs (dev/pci.c). */
static bool is_hidden(unsigned int port, unsigned int size, bool write)
{
	uint32_t where;
	uint16_t bdf;

	if (port + size <= PCI_PORT_DATA || port > PCI_PORT_LAST)
		return false;
	where = inl(PCI_PORT_FIRST);
	bdf = (uint16_t)(where >> 8);
	return pci_hidden(bdf) || (write && pci_kept(bdf, where & 0xfc));
}

/*
 * Counters of the PIT, which is ours, stand still at zero. Linux calibrates by them when they
 * are at their maximum, which an absent port seems to be, and reads that 100,000 times.
 */
static bool is_pit_counter(unsigned int port)
{
	return port >= 0x40 && port <= 0x42;
}

static uint32_t port_in(unsigned int port, unsigned int size)
{
	bool pci = is_pci_port(port, size);
	uint32_t v = ~0u;

	if (!port_granted(current->domain, port, size))
		return is_pit_counter(port) ? 0 : ~0u;
	if (pci)
		pci_ports_lock();
	if (!pci || !is_hidden(port, size, false))
		v = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	if (pci)
		pci_ports_unlock();
	return v;
}

static void port_out(unsigned int port, unsigned int size, uint32_t v)
{
	bool pci = is_pci_port(port, size);

	if (!port_granted(current->domain, port, size))
		return;
	if (pci)
		pci_ports_lock();
	if (pci && is_hidden(port, size, true))
		; /* it is not there */
	else if (size == 1)
		outb(port, v);
	else if (size == 2)
		outw(port, v);
	else
		outl(port, v);
	if (pci)
		pci_ports_unlock();
}

/* Even opcodes are byte-sized. */
static unsigned int io_size(const struct insn *i)
{
	return !(i->opcode & 1) ? 1 : i->size16 ? 2 : 4;
}

static bool may_do_io(const struct insn *i, unsigned int port)
{
	const struct vcpu *v = current;

	return !regs_user(i->regs) || (v->domain->io_bitmap && user_may_use(v, port, io_size(i)));
}

static enum outcome in_out(struct insn *i)
{
	/* e4..e7: the port is the byte behind. Bit 1 of the opcode: out. */
	unsigned int port = i->opcode & 8 ? i->regs->rdx & 0xffff : i->modrm, size = io_size(i);
	uint64_t mask = (1ul << size * 8) - 1, *rax = &i->regs->rax;

	if (!may_do_io(i, port))
		return REFUSE;
	if (i->opcode & 2)
		port_out(port, size, *rax & mask);
	else if (size == 4)
		*rax = port_in(port, size);
	else
		*rax = (*rax & ~mask) | (port_in(port, size) & mask);
	return DONE;
}

static uint64_t segment_base(uint8_t prefix)
{
	return prefix == 0x64 ? rdmsr(MSR_FS_BASE) : prefix == 0x65 ? rdmsr(MSR_GS_BASE) : 0;
}

static void memory_fault(struct cpu_regs *regs, uint64_t va, uint32_t write)
{
	if (guest_range_ok(va, sizeof(uint32_t)))
		va = read_cr2(); /* the access was tried */
	guest_page_fault(regs, va, write | (pt_walk(current, va, NULL) & PTE_P ? PF_P : 0));
}

/* INS and OUTS, as many elements as a fault may take. */
static enum outcome string_io(struct insn *i)
{
	bool out = i->opcode & 2;
	unsigned int port = i->regs->rdx & 0xffff, size = io_size(i), budget = IO_BATCH;
	uint64_t mask = i->addr32 ? 0xffffffff : ~0ul, *count = &i->regs->rcx;
	uint64_t *ptr = out ? &i->regs->rsi : &i->regs->rdi;
	uint64_t base = out ? segment_base(i->segment) : 0;
	int64_t step = i->regs->rflags & RFLAGS_DF ? -(int64_t)size : (int64_t)size;

	if (regs_user(i->regs) || !may_do_io(i, port))
		return REFUSE;
	for (; !i->rep || *count & mask; budget--) {
		uint64_t va = base + (*ptr & mask);
		uint32_t v = 0;

		if (!budget)
			return AGAIN;
		/* Before the port is read, for it may not say the same twice. */
		if (!guest_read(&v, va, size) || (!out && !guest_write(va, &v, size))) {
			memory_fault(i->regs, va, out ? 0 : PF_W);
			return AGAIN;
		}
		if (out) {
			port_out(port, size, v);
		} else {
			v = port_in(port, size);
			guest_write(va, &v, size);
		}
		*ptr = (*ptr + (uint64_t)step) & mask;
		if (!i->rep)
			break;
		*count = (*count & mask) - 1;
	}
	return DONE;
}

/* --- decoding */

#define TWO 1	/* behind 0f */
#define MODRM 2 /* a ModRM byte follows, with all that belongs to it */
#define REGS 4	/* ... and names registers, whatever its mode says */
#define IMM8 8	/* one byte follows */
#define USER 16 /* ring 3, too */

static const struct op {
	uint8_t first, last, flags;
	enum outcome (*fn)(struct insn *i);
} ops[] = {
	{ 0x6c, 0x6f, 0, string_io },
	{ 0xe4, 0xe7, IMM8 | USER, in_out },
	{ 0xec, 0xef, USER, in_out },
	{ 0xfa, 0xfa, 0, cli },
	{ 0xfb, 0xfb, 0, sti },
	{ 0x01, 0x01, TWO | MODRM, group_0f01 },
	{ 0x06, 0x06, TWO, clts },
	{ 0x09, 0x09, TWO, wbinvd },
	{ 0x20, 0x20, TWO | MODRM | REGS, from_cr },
	{ 0x21, 0x21, TWO | MODRM | REGS, from_dr },
	{ 0x22, 0x22, TWO | MODRM | REGS, to_cr },
	{ 0x23, 0x23, TWO | MODRM | REGS, to_dr },
	{ 0x30, 0x30, TWO, write_msr },
	{ 0x32, 0x32, TWO, read_msr },
};

static bool next(struct insn *i, uint8_t *b)
{
	*b = i->pos < i->n ? i->code[i->pos] : 0;
	return i->pos++ < i->n;
}

/* Prefixes and REX; the opcode's first byte is in i->opcode then. LOCK is none of ours. */
static bool prefixes(struct insn *i)
{
	uint8_t *b = &i->opcode;

	while (next(i, b)) {
		if (*b == 0x66)
			i->size16 = true;
		else if (*b == 0x67)
			i->addr32 = true;
		else if (*b == 0xf2 || *b == 0xf3)
			i->rep = true;
		else if ((*b & 0xe7) == 0x26 || (*b & 0xfe) == 0x64)
			i->segment = *b;
		else if ((*b & 0xf0) == 0x40)
			i->rex = *b;
		else
			return true;
		if ((*b & 0xf0) != 0x40)
			i->rex = 0; /* counts right before the opcode only */
	}
	return false;
}

/* The ModRM byte, SIB and displacement. */
static bool operands(struct insn *i, bool registers)
{
	uint8_t mod, rm, sib = 0;

	if (!next(i, &i->modrm))
		return false;
	mod = registers ? 3 : i->modrm >> 6;
	rm = i->modrm & 7;
	if (mod == 3)
		return true;
	if (rm == 4 && !next(i, &sib))
		return false;
	if (mod == 1)
		i->pos += 1;
	else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		i->pos += 4;
	return i->pos <= i->n;
}

static const struct op *decode(struct insn *i)
{
	uint8_t two = 0;

	if (!prefixes(i))
		return NULL;
	if (i->opcode == 0x0f) {
		two = TWO;
		if (!next(i, &i->opcode))
			return NULL;
	}
	if (i->rex & REX_W)
		i->size16 = false;
	for (const struct op *o = ops; o < ops + ARRAY_SIZE(ops); o++) {
		if (i->opcode < o->first || i->opcode > o->last || (o->flags & TWO) != two)
			continue;
		if ((o->flags & MODRM && !operands(i, o->flags & REGS)) ||
		    (o->flags & IMM8 && !next(i, &i->modrm)))
			return NULL;
		return o;
	}
	return NULL;
}

/* Past the instruction, and to what follows each of them: the trap of single-stepping. */
static void retire(struct cpu_regs *regs, unsigned int len)
{
	regs->rip += len;
	regs->rflags &= ~RFLAGS_RF;
	if (regs->rflags & RFLAGS_TF) {
		current->x86.dr6 |= DR6_BS;
		guest_trap(regs, X86_DB, 0);
	}
}

bool emulate_privileged(struct cpu_regs *regs)
{
	struct insn i = { .regs = regs };
	const struct op *o;
	enum outcome r;

	i.n = guest_fetch(regs, i.code, INSN_MAX);
	o = decode(&i);
	if (!o || (regs_user(regs) && !(o->flags & USER)))
		return false;
	r = o->fn(&i);
	if (r == DONE)
		retire(regs, i.pos);
	return r != REFUSE;
}

bool emulate_forced_cpuid(struct cpu_regs *regs)
{
	static const uint8_t insn[] = { XEN_EMULATE_PREFIX_BYTES, 0x0f, 0xa2 };
	uint8_t code[sizeof(insn)];
	uint32_t r[4];

	if (guest_fetch(regs, code, sizeof(code)) != sizeof(code) ||
	    memcmp(code, insn, sizeof(insn)))
		return false;
	guest_cpuid(current, (uint32_t)regs->rax, (uint32_t)regs->rcx, r);
	regs->rax = r[0];
	regs->rbx = r[1];
	regs->rcx = r[2];
	regs->rdx = r[3];
	retire(regs, sizeof(insn));
	return true;
}

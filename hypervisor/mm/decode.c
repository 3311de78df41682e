/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A decoder for stores to page-table entries, as compilers and Linux's atomics emit them:
 * MOV, XCHG, CMPXCHG, AND, OR, XOR, BTS, BTR, BTC with the destination in memory. Pure.
 * Opcodes and encodings: Intel SDM volume 2, chapter 2 and appendix A.
 *
 * The operand's address is not computed: the page fault told it. So the addressing form
 * only matters for its length. Refused: string instructions, LOCK where it is undefined,
 * REP prefixes, 32-bit addressing, anything with registers only, VEX.
 */
#include <hyp/decode.h>
#include <hyp/x86.h>

#define REX_W 8
#define REX_R 4
#define RFLAGS_PF 0x4ul
#define RFLAGS_SF 0x80ul
#define RFLAGS_OF 0x800ul
#define ARITH_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Where the source is. */
enum form {
	F_NONE,
	F_REG,	 /* ModRM.reg */
	F_IMM,	 /* immediate of the operand size, at most 4 bytes; ModRM.reg selects */
	F_IMM8,	 /* one byte; ModRM.reg selects */
	F_MOFFS, /* accumulator, to an absolute address */
};

struct opcode {
	uint8_t code;
	uint8_t form;
	uint8_t select; /* ModRM.reg, for F_IMM and F_IMM8 */
	uint8_t op;
	bool byte;   /* operand size 1 */
	bool locked; /* LOCK is allowed */
};

static const struct opcode one_byte[] = {
	{ 0x88, F_REG, 0, OP_MOV, true, false },   { 0x89, F_REG, 0, OP_MOV, false, false },
	{ 0xc6, F_IMM8, 0, OP_MOV, true, false },  { 0xc7, F_IMM, 0, OP_MOV, false, false },
	{ 0xa2, F_MOFFS, 0, OP_MOV, true, false }, { 0xa3, F_MOFFS, 0, OP_MOV, false, false },
	{ 0x86, F_REG, 0, OP_XCHG, true, true },   { 0x87, F_REG, 0, OP_XCHG, false, true },
	{ 0x20, F_REG, 0, OP_AND, true, true },	   { 0x21, F_REG, 0, OP_AND, false, true },
	{ 0x08, F_REG, 0, OP_OR, true, true },	   { 0x09, F_REG, 0, OP_OR, false, true },
	{ 0x30, F_REG, 0, OP_XOR, true, true },	   { 0x31, F_REG, 0, OP_XOR, false, true },
	{ 0x80, F_IMM8, 4, OP_AND, true, true },   { 0x81, F_IMM, 4, OP_AND, false, true },
	{ 0x83, F_IMM8, 4, OP_AND, false, true },  { 0x80, F_IMM8, 1, OP_OR, true, true },
	{ 0x81, F_IMM, 1, OP_OR, false, true },	   { 0x83, F_IMM8, 1, OP_OR, false, true },
	{ 0x80, F_IMM8, 6, OP_XOR, true, true },   { 0x81, F_IMM, 6, OP_XOR, false, true },
	{ 0x83, F_IMM8, 6, OP_XOR, false, true },
};

static const struct opcode two_bytes[] = {
	/* behind 0f */
	{ 0xb0, F_REG, 0, OP_CMPXCHG, true, true }, { 0xb1, F_REG, 0, OP_CMPXCHG, false, true },
	{ 0xab, F_REG, 0, OP_BTS, false, true },    { 0xb3, F_REG, 0, OP_BTR, false, true },
	{ 0xbb, F_REG, 0, OP_BTC, false, true },    { 0xba, F_IMM8, 5, OP_BTS, false, true },
	{ 0xba, F_IMM8, 6, OP_BTR, false, true },   { 0xba, F_IMM8, 7, OP_BTC, false, true },
};

struct cursor {
	const uint8_t *p;
	size_t left;
	uint8_t rex;
	bool size16, lock;
};

static bool next(struct cursor *c, uint8_t *b)
{
	if (!c->left)
		return false;
	*b = *c->p++;
	c->left--;
	return true;
}

static bool skip(struct cursor *c, size_t n)
{
	if (c->left < n)
		return false;
	c->p += n;
	c->left -= n;
	return true;
}

/* Prefixes; *b is the first byte behind them. */
static bool prefixes(struct cursor *c, uint8_t *b)
{
	while (next(c, b)) {
		switch (*b) {
		case 0x66:
			c->size16 = true;
			break;
		case 0xf0:
			c->lock = true;
			break;
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x26:
		case 0x64:
		case 0x65:
			break;
		default:
			if ((*b & 0xf0) != 0x40)
				return true;
			c->rex = *b; /* counts right before the opcode only */
			return next(c, b) && (*b & 0xf0) != 0x40;
		}
	}
	return false;
}

/* The ModRM byte's reg field; SIB and displacement are skipped. False: no memory operand. */
static bool modrm(struct cursor *c, uint8_t *reg)
{
	uint8_t m, sib = 0, mod, rm;
	size_t disp = 0;

	if (!next(c, &m))
		return false;
	mod = m >> 6;
	rm = m & 7;
	*reg = m >> 3 & 7;
	if (mod == 3)
		return false;
	if (rm == 4 && !next(c, &sib))
		return false;
	if (mod == 1)
		disp = 1;
	else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		disp = 4;
	return skip(c, disp);
}

static bool immediate(struct cursor *c, unsigned int bytes, uint64_t *v)
{
	uint8_t b = 0;

	*v = 0;
	for (unsigned int i = 0; i < bytes; i++) {
		if (!next(c, &b))
			return false;
		*v |= (uint64_t)b << (8 * i);
	}
	if (b & 0x80)
		*v |= ~0ull << (8 * bytes - 1);
	return true;
}

static const struct opcode *find(const struct opcode *t, size_t n, uint8_t code, uint8_t select)
{
	for (; n; t++, n--)
		if (t->code == code &&
		    ((t->form != F_IMM && t->form != F_IMM8) || t->select == select))
			return t;
	return NULL;
}

static bool operands(struct cursor *c, const struct opcode *o, uint8_t reg, struct insn *i)
{
	i->op = o->op;
	i->size = o->byte ? 1 : c->rex & REX_W ? 8 : c->size16 ? 2 : 4;
	if (c->lock && !o->locked)
		return false;
	if (o->form == F_IMM || o->form == F_IMM8) {
		i->has_imm = true;
		return immediate(c, o->form == F_IMM8 ? 1 : min(i->size, 4), &i->imm);
	}
	if (o->form == F_MOFFS)
		return true; /* reg 0 */
	i->reg = reg | (c->rex & REX_R ? 8 : 0);
	if (o->byte && !c->rex && i->reg >= 4) {
		i->high_byte = true;
		i->reg -= 4;
	}
	return true;
}

bool insn_decode(const uint8_t *code, size_t n, struct insn *i)
{
	struct cursor c = { .p = code, .left = n < INSN_MAX ? n : INSN_MAX };
	const struct opcode *t = one_byte, *o;
	size_t nt = ARRAY_SIZE(one_byte);
	uint8_t b, reg = 0;

	*i = (struct insn){ 0 };
	if (!prefixes(&c, &b))
		return false;
	if (b == 0x0f) {
		t = two_bytes;
		nt = ARRAY_SIZE(two_bytes);
		if (!next(&c, &b))
			return false;
	}
	if (t == one_byte && (b == 0xa2 || b == 0xa3) ? !skip(&c, 8) : !modrm(&c, &reg))
		return false;
	o = find(t, nt, b, reg);
	if (!o || !operands(&c, o, reg, i))
		return false;
	i->len = (uint8_t)(c.p - code);
	return true;
}

/* --- effects */

static uint64_t size_mask(const struct insn *i)
{
	return i->size == 8 ? ~0ull : (1ull << (8 * i->size)) - 1;
}

/* ZF, SF and PF of a value of the operand's size. */
static uint64_t value_flags(const struct insn *i, uint64_t v)
{
	uint64_t f = v & size_mask(i) ? 0 : RFLAGS_ZF;

	if (v >> (8 * i->size - 1) & 1)
		f |= RFLAGS_SF;
	if (!__builtin_parity(v & 0xff))
		f |= RFLAGS_PF;
	return f;
}

/* CMP acc, mem */
static uint64_t compare_flags(const struct insn *i, uint64_t acc, uint64_t mem)
{
	uint64_t diff = acc - mem, f = value_flags(i, diff & size_mask(i));

	if (acc < mem)
		f |= RFLAGS_CF;
	if (((acc ^ mem) & (acc ^ diff)) >> (8 * i->size - 1) & 1)
		f |= RFLAGS_OF;
	return f;
}

bool insn_compute(const struct insn *i, uint64_t mem, uint64_t src, uint64_t acc, uint64_t *result,
		  uint64_t *flags)
{
	uint64_t mask = size_mask(i), bit = 1ull << (src & (8u * i->size - 1)), v = src & mask;

	mem &= mask;
	acc &= mask;
	switch (i->op) {
	case OP_CMPXCHG:
		*flags = (*flags & ~ARITH_FLAGS) | compare_flags(i, acc, mem);
		if (acc != mem)
			return false;
		break;
	case OP_MOV:
	case OP_XCHG:
		break;
	case OP_AND:
	case OP_OR:
	case OP_XOR:
		v = i->op == OP_AND ? mem & v : i->op == OP_OR ? mem | v : mem ^ v;
		*flags = (*flags & ~ARITH_FLAGS) | value_flags(i, v);
		break;
	case OP_BTS:
	case OP_BTR:
	case OP_BTC:
		v = i->op == OP_BTS ? mem | bit : i->op == OP_BTR ? mem & ~bit : mem ^ bit;
		*flags = (*flags & ~RFLAGS_CF) | (mem & bit ? RFLAGS_CF : 0);
		break;
	}
	*result = v;
	return true;
}

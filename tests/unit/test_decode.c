/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/mm/decode.c */
/*
 * The decoder of in-place table writes. Every instruction it knows, in every size and many
 * addressing forms, is run on this machine's processor and compared with the computed
 * effect; then what compilers emit for Linux's helpers, cut instructions, and random bytes.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <hyp/decode.h>
#include <hyp/x86.h>
#include "test.h"

#define ARITH 0x8c5ul /* CF PF ZF SF OF */

struct state {
	uint64_t rax, rcx, flags, mem[3];
};

/* Runs code (which may use rax, rcx, and rdi = the memory operand) and stores everything. */
static void run(const uint8_t *code, size_t n, struct state *st)
{
	static uint8_t *buf;
	void (*fn)(void);
	uint64_t a = st->rax, c = st->rcx, f = st->flags;

	if (!buf)
		buf = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(buf, code, n);
	buf[n] = 0xc3;
	memcpy(&fn, &buf, sizeof(fn));
	__asm__ volatile(
		"sub $128, %%rsp; push %2; popfq; call *%4; pushfq; pop %2; add $128, %%rsp"
		: "+a"(a), "+c"(c), "+r"(f)
		: "D"(&st->mem[1]), "r"(fn)
		: "memory", "cc");
	st->rax = a;
	st->rcx = c;
	st->flags = f;
}

/* What the emulation would do; as mm/pt_emulate.c. */
static void emulate(const struct insn *i, struct state *st)
{
	uint64_t *reg = i->reg ? &st->rcx : &st->rax, mem = st->mem[1], v = 0;
	uint64_t mask = i->size == 8 ? ~0ul : (1ul << 8 * i->size) - 1;
	uint64_t src = i->has_imm ? i->imm : *reg >> (i->high_byte ? 8 : 0);
	unsigned int shift = i->high_byte ? 8 : 0;
	bool write = insn_compute(i, mem, src, st->rax, &v, &st->flags);

	if (write)
		st->mem[1] = (mem & ~mask) | (v & mask);
	if (i->op == OP_CMPXCHG && !write)
		reg = &st->rax;
	else if (i->op != OP_XCHG)
		return;
	if (i->op == OP_CMPXCHG)
		shift = 0;
	if (i->size == 4)
		*reg = (uint32_t)mem;
	else
		*reg = (*reg & ~(mask << shift)) | (mem & mask) << shift;
}

static uint64_t value(void)
{
	static const uint64_t some[] = { 0, 1, 0x80, 0xff, 0x7fff, 0x80000000, ~0ull, 1ull << 63 };

	if (rand() % 4 == 0)
		return some[rand() % 8];
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

static void compare(const uint8_t *code, size_t n)
{
	struct insn i;

	if (!insn_decode(code, n, &i) || i.len != n) {
		printf("note: %02x %02x %02x %02x is not decoded\n", code[0], code[1], code[2],
		       code[3]);
		CHECK(!"decoded");
		return;
	}
	for (unsigned int k = 0; k < 30; k++) {
		struct state real = { .rax = value(),
				      .rcx = value(),
				      .flags = 0x202 | (rand() & ARITH),
				      .mem = { value(), value(), value() } },
			     mine;
		bool bits = i.op >= OP_BTS && !i.has_imm;

		if (bits) /* stays within the entry */
			real.rcx &= i.size * 8 - 1;
		if (k % 3 == 0)
			real.rax = real.mem[1]; /* so that CMPXCHG succeeds */
		mine = real;
		run(code, n, &real);
		emulate(&i, &mine);
		CHECK(real.mem[0] == mine.mem[0] && real.mem[1] == mine.mem[1] &&
		      real.mem[2] == mine.mem[2]);
		CHECK(real.rax == mine.rax && real.rcx == mine.rcx);
		if (i.op < OP_BTS)
			CHECK((real.flags & ARITH) == (mine.flags & ARITH));
		else
			CHECK((real.flags & 1) == (mine.flags & 1));
	}
}

/* Memory operand [rdi], [rdi + disp8 0], [rdi + disp32 0], SIB [rdi]. */
static size_t put_modrm(uint8_t *p, unsigned int form, unsigned int reg)
{
	static const uint8_t forms[][6] = {
		{ 0x07 },	{ 0x47, 0 },	   { 0x87, 0, 0, 0, 0 },
		{ 0x04, 0x27 }, { 0x44, 0x27, 0 }, { 0x84, 0x27, 0, 0, 0, 0 },
	};
	static const size_t len[] = { 1, 2, 5, 2, 3, 6 };

	memcpy(p, forms[form], len[form]);
	p[0] |= (uint8_t)(reg << 3);
	return len[form];
}

static void one_form(const uint8_t *opcode, size_t nop, unsigned int reg, unsigned int imm,
		     bool byte, bool lock)
{
	for (unsigned int size = byte ? 1 : 2; size <= (byte ? 1 : 8); size *= 2)
		for (unsigned int form = 0; form < 6; form++) {
			uint8_t code[INSN_MAX + 1];
			size_t n = 0;
			unsigned int bytes = imm == 99 ? (size > 4 ? 4 : size) : imm;

			if (lock)
				code[n++] = 0xf0;
			if (size == 2)
				code[n++] = 0x66;
			if (size == 8)
				code[n++] = 0x48;
			memcpy(code + n, opcode, nop);
			n += nop;
			n += put_modrm(code + n, form, reg);
			for (unsigned int k = 0; k < bytes; k++)
				code[n++] = (uint8_t)rand();
			compare(code, n);
		}
}

static void against_the_processor(void)
{
	static const struct {
		uint8_t op[2], nop;
		uint8_t reg; /* 8: any of rax, rcx (and ah, ch) */
		uint8_t imm; /* bytes; 99: of the operand size */
		bool byte, lock;
	} all[] = {
		{ { 0x88 }, 1, 8, 0, true, false },	  { { 0x89 }, 1, 8, 0, false, false },
		{ { 0xc6 }, 1, 0, 1, true, false },	  { { 0xc7 }, 1, 0, 99, false, false },
		{ { 0x86 }, 1, 8, 0, true, true },	  { { 0x87 }, 1, 8, 0, false, true },
		{ { 0x20 }, 1, 8, 0, true, true },	  { { 0x21 }, 1, 8, 0, false, true },
		{ { 0x08 }, 1, 8, 0, true, true },	  { { 0x09 }, 1, 8, 0, false, true },
		{ { 0x30 }, 1, 8, 0, true, true },	  { { 0x31 }, 1, 8, 0, false, true },
		{ { 0x80 }, 1, 4, 1, true, true },	  { { 0x81 }, 1, 4, 99, false, true },
		{ { 0x83 }, 1, 4, 1, false, true },	  { { 0x80 }, 1, 1, 1, true, true },
		{ { 0x81 }, 1, 1, 99, false, true },	  { { 0x83 }, 1, 1, 1, false, true },
		{ { 0x80 }, 1, 6, 1, true, true },	  { { 0x81 }, 1, 6, 99, false, true },
		{ { 0x83 }, 1, 6, 1, false, true },	  { { 0x0f, 0xb0 }, 2, 8, 0, true, true },
		{ { 0x0f, 0xb1 }, 2, 8, 0, false, true }, { { 0x0f, 0xab }, 2, 1, 0, false, true },
		{ { 0x0f, 0xb3 }, 2, 1, 0, false, true }, { { 0x0f, 0xbb }, 2, 1, 0, false, true },
		{ { 0x0f, 0xba }, 2, 5, 1, false, true }, { { 0x0f, 0xba }, 2, 6, 1, false, true },
		{ { 0x0f, 0xba }, 2, 7, 1, false, true },
	};

	for (unsigned int k = 0; k < ARRAY_SIZE(all); k++)
		for (unsigned int lock = 0; lock <= all[k].lock; lock++)
			for (unsigned int reg = 0; reg < 8; reg++) {
				bool any = all[k].reg == 8 &&
					   (reg < 2 || (all[k].byte && (reg == 4 || reg == 5)));

				if (any || reg == all[k].reg)
					one_form(all[k].op, all[k].nop, reg, all[k].imm,
						 all[k].byte, lock);
			}
}

static void lengths(void)
{
	static const struct {
		uint8_t code[12], len, reg;
		enum insn_op op;
		uint8_t size;
	} c[] = {
		{ { 0x48, 0x87, 0x03 }, 3, 0, OP_XCHG, 8 },	   /* xchg (rbx), rax */
		{ { 0x4c, 0x87, 0x24, 0xc8 }, 4, 12, OP_XCHG, 8 }, /* xchg (rax,rcx,8), r12 */
		{ { 0xf0, 0x48, 0x0f, 0xb1, 0x17 },
		  5,
		  2,
		  OP_CMPXCHG,
		  8 }, /* lock cmpxchg (rdi), rdx */
		{ { 0xf0, 0x48, 0x0f, 0xba, 0x37, 1 }, 6, 0, OP_BTR, 8 }, /* lock btr (rdi), 1 */
		{ { 0xf0, 0x80, 0x27, 0xdf }, 4, 0, OP_AND, 1 }, /* lock andb (rdi), 0xdf */
		{ { 0x48, 0xc7, 0x04, 0x25, 1, 2, 3, 4, 5, 6, 7, 8 }, 12, 0, OP_MOV, 8 },
		{ { 0x48, 0x89, 0x05, 1, 2, 3, 4 }, 7, 0, OP_MOV, 8 }, /* mov x(rip), rax */
		{ { 0x49, 0x89, 0x45, 0x00 }, 4, 0, OP_MOV, 8 },       /* mov (r13), rax */
		{ { 0x65, 0x48, 0x89, 0x07 }, 4, 0, OP_MOV, 8 },
		{ { 0x40, 0x88, 0x37 }, 3, 6, OP_MOV, 1 }, /* mov (rdi), sil */
		{ { 0x48, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8 }, 10, 0, OP_MOV, 8 },
	};

	for (unsigned int k = 0; k < ARRAY_SIZE(c); k++) {
		struct insn i;

		CHECK(insn_decode(c[k].code, sizeof(c[k].code), &i));
		CHECK(i.len == c[k].len && i.op == c[k].op && i.size == c[k].size);
		CHECK(i.has_imm || i.reg == c[k].reg);
		for (unsigned int n = 0; n < c[k].len; n++)
			CHECK(!insn_decode(c[k].code, n, &i));
	}
}

static void refused(void)
{
	static const uint8_t c[][8] = {
		{ 0x48, 0x89, 0xc3 },		  /* registers only */
		{ 0x48, 0xab },			  /* stosq */
		{ 0xf3, 0x48, 0xab },		  /* rep stosq */
		{ 0xf0, 0x48, 0x89, 0x07 },	  /* lock mov: #UD */
		{ 0xf2, 0x48, 0x87, 0x07 },	  /* xacquire */
		{ 0x67, 0x48, 0x89, 0x07 },	  /* 32-bit address */
		{ 0x48, 0x48, 0x89, 0x07 },	  /* two REX */
		{ 0x48, 0x8b, 0x07 },		  /* a load */
		{ 0x48, 0xc7, 0x0f, 1, 2, 3, 4 }, /* C7 /1 */
		{ 0x0f, 0xba, 0x27, 1 },	  /* bt: does not write */
		{ 0x48, 0x01, 0x07 },		  /* add */
		{ 0xc5, 0xf8, 0x11, 0x07 },	  /* vmovups */
	};
	struct insn i;

	for (unsigned int k = 0; k < ARRAY_SIZE(c); k++)
		CHECK(!insn_decode(c[k], sizeof(c[k]), &i));
}

/* The sanitizers watch; a length never exceeds what was given. */
static void random_bytes(void)
{
	for (unsigned int k = 0; k < 2000000; k++) {
		size_t n = (size_t)rand() % 17;
		uint8_t *code = malloc(n ? n : 1);
		uint64_t v, f = 0;
		struct insn i;

		for (size_t j = 0; j < n; j++)
			code[j] = (uint8_t)(rand() >> 8);
		if (insn_decode(code, n, &i)) {
			CHECK(i.len <= n && i.len <= INSN_MAX && i.reg < 16);
			CHECK(i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8);
			insn_compute(&i, value(), value(), value(), &v, &f);
		}
		free(code);
	}
}

int main(void)
{
	static const struct test t[] = { TEST(against_the_processor), TEST(lengths), TEST(refused),
					 TEST(random_bytes) };

	return TEST_RUN(t);
}

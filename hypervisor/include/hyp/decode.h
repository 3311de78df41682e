/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instructions with which kernels write page-table entries in place: decoded and
 * computed here, applied by mm/pt_emulate.c. Pure. mm/decode.c
 */
#ifndef HYP_DECODE_H
#define HYP_DECODE_H

#include <hyp/types.h>

#define INSN_MAX 15

enum insn_op {
	OP_MOV,
	OP_XCHG,
	OP_CMPXCHG,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_BTS,
	OP_BTR,
	OP_BTC,
};

struct insn {
	enum insn_op op;
	uint8_t len;	/* bytes */
	uint8_t size;	/* of the memory operand: 1, 2, 4, 8 */
	bool has_imm;	/* the source is imm, sign-extended; else register reg */
	bool high_byte; /* the source is AH, CH, DH or BH: reg 0..3 */
	uint8_t reg;	/* hardware number 0..15 */
	uint64_t imm;
};

/* code holds n bytes from the instruction on. False: none of ours, or cut off. */
bool insn_decode(const uint8_t *code, size_t n, struct insn *i);

/*
 * What it does to the size bytes mem with source src and accumulator acc: returns true when
 * memory is written, with *result. *flags: arithmetic flags in, out (CF, PF, ZF, SF, OF).
 */
bool insn_compute(const struct insn *i, uint64_t mem, uint64_t src, uint64_t acc, uint64_t *result,
		  uint64_t *flags);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoded instructions: what the interpreter's loop switches on. */
#ifndef FAKE_INSN_H
#define FAKE_INSN_H

#include <stdint.h>

/*
 * Branches come in two kinds: _NEAR stay in their page and count in instructions
 * (imm = target - branch - 1), the others leave it and count in bytes.
 */
enum fake_op {
	FAKE_UNDECODED = 0, /* fresh cache entries are all zero */
	FAKE_PAGE_END,	    /* after the last instruction of a page */
	FAKE_ILLEGAL,
	FAKE_NOP, /* fences: this host runs one instruction after the other */
	FAKE_LUI,
	FAKE_AUIPC,
	FAKE_JAL,
	FAKE_JAL_NEAR,
	FAKE_JALR,
	FAKE_BEQ, /* the order of funct3, with a gap of two */
	FAKE_BNE,
	FAKE_BLT,
	FAKE_BGE,
	FAKE_BLTU,
	FAKE_BGEU,
	FAKE_BEQ_NEAR,
	FAKE_BNE_NEAR,
	FAKE_BLT_NEAR,
	FAKE_BGE_NEAR,
	FAKE_BLTU_NEAR,
	FAKE_BGEU_NEAR,
	FAKE_LB, /* the order of funct3 */
	FAKE_LH,
	FAKE_LW,
	FAKE_LD,
	FAKE_LBU,
	FAKE_LHU,
	FAKE_LWU,
	FAKE_SB,
	FAKE_SH,
	FAKE_SW,
	FAKE_SD,
	FAKE_ADDI,
	FAKE_SLLI,
	FAKE_SLTI,
	FAKE_SLTIU,
	FAKE_XORI,
	FAKE_SRLI,
	FAKE_SRAI,
	FAKE_ORI,
	FAKE_ANDI,
	FAKE_ADDIW,
	FAKE_SLLIW,
	FAKE_SRLIW,
	FAKE_SRAIW,
	FAKE_ADD,
	FAKE_SUB,
	FAKE_SLL,
	FAKE_SLT,
	FAKE_SLTU,
	FAKE_XOR,
	FAKE_SRL,
	FAKE_SRA,
	FAKE_OR,
	FAKE_AND,
	FAKE_ADDW,
	FAKE_SUBW,
	FAKE_SLLW,
	FAKE_SRLW,
	FAKE_SRAW,
	FAKE_MUL, /* the order of funct3 */
	FAKE_MULH,
	FAKE_MULHSU,
	FAKE_MULHU,
	FAKE_DIV,
	FAKE_DIVU,
	FAKE_REM,
	FAKE_REMU,
	FAKE_MULW,
	FAKE_DIVW,
	FAKE_DIVUW,
	FAKE_REMW,
	FAKE_REMUW,
	FAKE_LR,   /* imm = bytes */
	FAKE_SC,   /* imm = bytes */
	FAKE_AMO,  /* imm = funct5 << 4 | bytes */
	FAKE_CSR,  /* imm = number << 3 | funct3; rs1 = register or immediate, rd as encoded */
	FAKE_CBO_ZERO,
	FAKE_ECALL,
	FAKE_EBREAK,
	FAKE_MRET,
	FAKE_WFI,
	FAKE_OPS,
};

/* x0 as a destination: a register that nobody reads. */
#define FAKE_X_SINK 32
#define FAKE_X_COUNT 33

struct fake_insn {
	uint8_t op; /* enum fake_op */
	uint8_t rd; /* FAKE_X_SINK for x0 */
	uint8_t rs1, rs2;
	int32_t imm;
};

/* Decode *word*, the instruction at *index* of its page. What is no instruction is FAKE_ILLEGAL. */
struct fake_insn fake_decode(uint32_t word, unsigned index);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoder of RV64IMA, Zicsr, Zifencei and cbo.zero. Tables and field layouts follow
 * "The RISC-V Instruction Set Manual, Volume I", chapter "RV32/64G Instruction Set Listings".
 */
#include <stdbool.h>
#include <stddef.h>

#include "insn.h"

#define PAGE_INSNS 1024

static unsigned bits(uint32_t word, unsigned at, unsigned n)
{
	return word >> at & ((1u << n) - 1);
}

static int32_t imm_i(uint32_t w)
{
	return (int32_t)w >> 20;
}

static int32_t imm_s(uint32_t w)
{
	return (int32_t)((uint32_t)((int32_t)w >> 25) << 5 | bits(w, 7, 5));
}

static int32_t imm_b(uint32_t w)
{
	return (int32_t)((uint32_t)((int32_t)w >> 31) << 12 | bits(w, 7, 1) << 11 |
			 bits(w, 25, 6) << 5 | bits(w, 8, 4) << 1);
}

static int32_t imm_j(uint32_t w)
{
	return (int32_t)((uint32_t)((int32_t)w >> 31) << 20 | bits(w, 12, 8) << 12 |
			 bits(w, 20, 1) << 11 | bits(w, 21, 10) << 1);
}

/* A target in the same page becomes a distance in instructions. */
static bool near(struct fake_insn *i, unsigned index)
{
	int32_t target = (int32_t)index * 4 + i->imm;

	if (target < 0 || target >= PAGE_INSNS * 4 || target % 4)
		return false;
	i->imm = target / 4 - (int32_t)index - 1;
	return true;
}

static unsigned load(uint32_t w, struct fake_insn *i)
{
	unsigned funct3 = bits(w, 12, 3);

	i->imm = imm_i(w);
	return funct3 == 7 ? FAKE_ILLEGAL : FAKE_LB + funct3;
}

static unsigned store(uint32_t w, struct fake_insn *i)
{
	unsigned funct3 = bits(w, 12, 3);

	i->imm = imm_s(w);
	return funct3 > 3 ? FAKE_ILLEGAL : FAKE_SB + funct3;
}

static unsigned branch(uint32_t w, struct fake_insn *i, unsigned index)
{
	static const uint8_t ops[8] = { FAKE_BEQ, FAKE_BNE, FAKE_ILLEGAL, FAKE_ILLEGAL,
					FAKE_BLT, FAKE_BGE, FAKE_BLTU,	  FAKE_BGEU };
	unsigned op = ops[bits(w, 12, 3)];

	i->imm = imm_b(w);
	if (op != FAKE_ILLEGAL && near(i, index))
		op += FAKE_BEQ_NEAR - FAKE_BEQ;
	return op;
}

/* Shifts have a shorter immediate, and its upper bits choose the kind. */
static unsigned shift_imm(uint32_t w, struct fake_insn *i, unsigned amount_bits, unsigned left,
			  unsigned logical, unsigned arithmetic)
{
	unsigned funct = w >> (20 + amount_bits);
	unsigned sra = 1u << (10 - amount_bits);

	i->imm = (int32_t)bits(w, 20, amount_bits);
	if (bits(w, 12, 3) == 1)
		return funct == 0 ? left : FAKE_ILLEGAL;
	return funct == 0 ? logical : funct == sra ? arithmetic : FAKE_ILLEGAL;
}

static unsigned op_imm(uint32_t w, struct fake_insn *i)
{
	static const uint8_t ops[8] = { FAKE_ADDI, 0, FAKE_SLTI, FAKE_SLTIU,
					FAKE_XORI, 0, FAKE_ORI,	 FAKE_ANDI };
	unsigned funct3 = bits(w, 12, 3);

	if (funct3 == 1 || funct3 == 5)
		return shift_imm(w, i, 6, FAKE_SLLI, FAKE_SRLI, FAKE_SRAI);
	i->imm = imm_i(w);
	return ops[funct3];
}

static unsigned op_imm_32(uint32_t w, struct fake_insn *i)
{
	unsigned funct3 = bits(w, 12, 3);

	if (funct3 == 1 || funct3 == 5)
		return shift_imm(w, i, 5, FAKE_SLLIW, FAKE_SRLIW, FAKE_SRAIW);
	i->imm = imm_i(w);
	return funct3 == 0 ? FAKE_ADDIW : FAKE_ILLEGAL;
}

static unsigned op(uint32_t w)
{
	static const uint8_t plain[8] = { FAKE_ADD, FAKE_SLL, FAKE_SLT, FAKE_SLTU,
					  FAKE_XOR, FAKE_SRL, FAKE_OR,	FAKE_AND };
	unsigned funct3 = bits(w, 12, 3);

	switch (bits(w, 25, 7)) {
	case 0x00:
		return plain[funct3];
	case 0x01:
		return FAKE_MUL + funct3;
	case 0x20:
		return funct3 == 0 ? FAKE_SUB : funct3 == 5 ? FAKE_SRA : FAKE_ILLEGAL;
	default:
		return FAKE_ILLEGAL;
	}
}

static unsigned op_32(uint32_t w)
{
	static const struct {
		uint8_t funct7, funct3, op;
	} table[] = {
		{ 0x00, 0, FAKE_ADDW }, { 0x20, 0, FAKE_SUBW },	 { 0x00, 1, FAKE_SLLW },
		{ 0x00, 5, FAKE_SRLW }, { 0x20, 5, FAKE_SRAW },	 { 0x01, 0, FAKE_MULW },
		{ 0x01, 4, FAKE_DIVW }, { 0x01, 5, FAKE_DIVUW }, { 0x01, 6, FAKE_REMW },
		{ 0x01, 7, FAKE_REMUW },
	};

	for (size_t n = 0; n < sizeof(table) / sizeof(table[0]); n++)
		if (table[n].funct7 == bits(w, 25, 7) && table[n].funct3 == bits(w, 12, 3))
			return table[n].op;
	return FAKE_ILLEGAL;
}

static unsigned atomic(uint32_t w, struct fake_insn *i)
{
	unsigned funct3 = bits(w, 12, 3), funct5 = bits(w, 27, 5);

	if (funct3 != 2 && funct3 != 3)
		return FAKE_ILLEGAL;
	i->imm = 1 << funct3;
	if (funct5 == 0x02)
		return i->rs2 == 0 ? FAKE_LR : FAKE_ILLEGAL;
	if (funct5 == 0x03)
		return FAKE_SC;
	i->imm |= (int32_t)funct5 << 4;
	return funct5 == 0x01 || (funct5 & 3) == 0 ? FAKE_AMO : FAKE_ILLEGAL;
}

static unsigned misc_mem(uint32_t w)
{
	switch (bits(w, 12, 3)) {
	case 0:
	case 1:
		return FAKE_NOP;
	case 2:
		return bits(w, 20, 12) == 4 && bits(w, 7, 5) == 0 ? FAKE_CBO_ZERO : FAKE_ILLEGAL;
	default:
		return FAKE_ILLEGAL;
	}
}

static unsigned system(uint32_t w, struct fake_insn *i)
{
	unsigned funct3 = bits(w, 12, 3);

	if (funct3 == 4)
		return FAKE_ILLEGAL;
	if (funct3 != 0) {
		i->imm = (int32_t)(bits(w, 20, 12) << 3 | funct3);
		return FAKE_CSR;
	}
	switch (w) {
	case 0x00000073:
		return FAKE_ECALL;
	case 0x00100073:
		return FAKE_EBREAK;
	case 0x30200073:
		return FAKE_MRET;
	case 0x10500073:
		return FAKE_WFI;
	default:
		return FAKE_ILLEGAL;
	}
}

static unsigned decode_op(uint32_t w, struct fake_insn *i, unsigned index)
{
	switch (bits(w, 0, 7)) {
	case 0x03:
		return load(w, i);
	case 0x0f:
		return misc_mem(w);
	case 0x13:
		return op_imm(w, i);
	case 0x17:
		i->imm = (int32_t)(w & 0xfffff000);
		return FAKE_AUIPC;
	case 0x1b:
		return op_imm_32(w, i);
	case 0x23:
		return store(w, i);
	case 0x2f:
		return atomic(w, i);
	case 0x33:
		return op(w);
	case 0x37:
		i->imm = (int32_t)(w & 0xfffff000);
		return FAKE_LUI;
	case 0x3b:
		return op_32(w);
	case 0x63:
		return branch(w, i, index);
	case 0x67:
		i->imm = imm_i(w);
		return bits(w, 12, 3) == 0 ? FAKE_JALR : FAKE_ILLEGAL;
	case 0x6f:
		i->imm = imm_j(w);
		return near(i, index) ? FAKE_JAL_NEAR : FAKE_JAL;
	case 0x73:
		return system(w, i);
	default:
		return FAKE_ILLEGAL;
	}
}

struct fake_insn fake_decode(uint32_t word, unsigned index)
{
	unsigned rd = bits(word, 7, 5);
	struct fake_insn i = {
		.rd = (uint8_t)(rd ? rd : FAKE_X_SINK),
		.rs1 = (uint8_t)bits(word, 15, 5),
		.rs2 = (uint8_t)bits(word, 20, 5),
	};

	i.op = (uint8_t)decode_op(word, &i, index);
	return i;
}

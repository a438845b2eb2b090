/* SPDX-License-Identifier: BSD-3-Clause */
/* RISC-V instructions as numbers: the tests need no assembler. */
#ifndef TEST_FAKE_ASM_H
#define TEST_FAKE_ASM_H

#include <stdint.h>

enum { X0, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7, S2, S3, S4, S5, S6,
       S7, S8, S9, S10, S11, T3, T4, T5, T6 };

/* Formats; opcodes and functions as in the manual's listing. */
static inline uint32_t rv_r(unsigned opcode, unsigned funct3, unsigned funct7, unsigned rd,
			    unsigned rs1, unsigned rs2)
{
	return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (uint32_t)funct7 << 25;
}

static inline uint32_t rv_i(unsigned opcode, unsigned funct3, unsigned rd, unsigned rs1, int imm)
{
	return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | ((uint32_t)imm & 0xfff) << 20;
}

static inline uint32_t rv_s(unsigned funct3, unsigned rs2, int imm, unsigned rs1)
{
	uint32_t u = (uint32_t)imm;

	return 0x23 | (u & 0x1f) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (u >> 5 & 0x7f) << 25;
}

static inline uint32_t rv_b(unsigned funct3, unsigned rs1, unsigned rs2, int offset)
{
	uint32_t u = (uint32_t)offset;

	return 0x63 | (u >> 11 & 1) << 7 | (u >> 1 & 0xf) << 8 | funct3 << 12 | rs1 << 15 |
	       rs2 << 20 | (u >> 5 & 0x3f) << 25 | (u >> 12 & 1) << 31;
}

static inline uint32_t rv_u(unsigned opcode, unsigned rd, uint32_t imm)
{
	return opcode | rd << 7 | (imm & 0xfffff000);
}

static inline uint32_t rv_jal(unsigned rd, int offset)
{
	uint32_t u = (uint32_t)offset;

	return 0x6f | rd << 7 | (u >> 12 & 0xff) << 12 | (u >> 11 & 1) << 20 |
	       (u >> 1 & 0x3ff) << 21 | (u >> 20 & 1) << 31;
}

#define RV_LUI(rd, imm) rv_u(0x37, rd, imm)
#define RV_AUIPC(rd, imm) rv_u(0x17, rd, imm)
#define RV_JALR(rd, rs1, imm) rv_i(0x67, 0, rd, rs1, imm)
#define RV_BEQ(rs1, rs2, offset) rv_b(0, rs1, rs2, offset)
#define RV_BNE(rs1, rs2, offset) rv_b(1, rs1, rs2, offset)

#define RV_LB(rd, imm, rs1) rv_i(0x03, 0, rd, rs1, imm)
#define RV_LW(rd, imm, rs1) rv_i(0x03, 2, rd, rs1, imm)
#define RV_LD(rd, imm, rs1) rv_i(0x03, 3, rd, rs1, imm)
#define RV_SB(rs2, imm, rs1) rv_s(0, rs2, imm, rs1)
#define RV_SW(rs2, imm, rs1) rv_s(2, rs2, imm, rs1)
#define RV_SD(rs2, imm, rs1) rv_s(3, rs2, imm, rs1)

#define RV_ADDI(rd, rs1, imm) rv_i(0x13, 0, rd, rs1, imm)
#define RV_SLLI(rd, rs1, n) rv_i(0x13, 1, rd, rs1, n)
#define RV_ADD(rd, rs1, rs2) rv_r(0x33, 0, 0, rd, rs1, rs2)
#define RV_XOR(rd, rs1, rs2) rv_r(0x33, 4, 0, rd, rs1, rs2)

/* size: 2 for words, 3 for doublewords */
#define RV_LR(size, rd, rs1) rv_r(0x2f, size, 0x02 << 2, rd, rs1, 0)
#define RV_SC(size, rd, rs2, rs1) rv_r(0x2f, size, 0x03 << 2, rd, rs1, rs2)
#define RV_AMO(funct5, size, rd, rs2, rs1) rv_r(0x2f, size, (funct5) << 2, rd, rs1, rs2)
#define RV_AMOADD 0x00

#define RV_CSRRW(rd, csr, rs1) rv_i(0x73, 1, rd, rs1, csr)
#define RV_CSRRS(rd, csr, rs1) rv_i(0x73, 2, rd, rs1, csr)
#define RV_CSRRC(rd, csr, rs1) rv_i(0x73, 3, rd, rs1, csr)

#define RV_NOP RV_ADDI(X0, X0, 0)
#define RV_SPIN rv_jal(X0, 0)
#define RV_FENCE 0x0ff0000fu
#define RV_FENCE_I 0x0000100fu
#define RV_CBO_ZERO(rs1) rv_i(0x0f, 2, 0, rs1, 4)
#define RV_ECALL 0x00000073u
#define RV_EBREAK 0x00100073u
#define RV_MRET 0x30200073u
#define RV_WFI 0x10500073u

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Control and status registers, as far as a program in machine mode without interrupts needs them. */
#include "hart.h"

#define MSTATUS_WRITABLE 0x88u	/* MIE, MPIE */
#define MSTATUS_MPP 0x1800u	/* always machine mode */
#define MISA 0x8000000000001101u /* RV64 with A, I, M */

enum {
	CSR_MSTATUS = 0x300,
	CSR_MISA = 0x301,
	CSR_MIE = 0x304,
	CSR_MTVEC = 0x305,
	CSR_MCOUNTINHIBIT = 0x320,
	CSR_MSCRATCH = 0x340,
	CSR_MEPC = 0x341,
	CSR_MCAUSE = 0x342,
	CSR_MTVAL = 0x343,
	CSR_MIP = 0x344,
	CSR_MCYCLE = 0xb00,
	CSR_MINSTRET = 0xb02,
	CSR_CYCLE = 0xc00,
	CSR_TIME = 0xc01,
	CSR_INSTRET = 0xc02,
	CSR_MVENDORID = 0xf11,
	CSR_MARCHID = 0xf12,
	CSR_MIMPID = 0xf13,
	CSR_MHARTID = 0xf14,
	CSR_MCONFIGPTR = 0xf15,
};

static bool csr_read(const struct fake_hart *hart, unsigned number, uint64_t *value)
{
	const struct fake_csrs *csr = &hart->csr;

	switch (number) {
	case CSR_MSTATUS:
		*value = csr->mstatus | MSTATUS_MPP;
		return true;
	case CSR_MISA:
		*value = MISA;
		return true;
	case CSR_MIE:
		*value = csr->mie;
		return true;
	case CSR_MTVEC:
		*value = csr->mtvec;
		return true;
	case CSR_MSCRATCH:
		*value = csr->mscratch;
		return true;
	case CSR_MEPC:
		*value = csr->mepc;
		return true;
	case CSR_MCAUSE:
		*value = csr->mcause;
		return true;
	case CSR_MTVAL:
		*value = csr->mtval;
		return true;
	case CSR_MCYCLE:
	case CSR_CYCLE:
		*value = hart->retired + csr->cycle_offset;
		return true;
	case CSR_MINSTRET:
	case CSR_INSTRET:
		*value = hart->retired + csr->instret_offset;
		return true;
	case CSR_TIME:
		*value = hart->now;
		return true;
	case CSR_MHARTID:
		*value = hart->id;
		return true;
	case CSR_MCOUNTINHIBIT:
	case CSR_MIP:
	case CSR_MVENDORID:
	case CSR_MARCHID:
	case CSR_MIMPID:
	case CSR_MCONFIGPTR:
		*value = 0;
		return true;
	default:
		return false;
	}
}

/* What csr_read() knows and isn't here keeps its value: the fields are WARL. */
static void csr_write(struct fake_hart *hart, unsigned number, uint64_t value)
{
	struct fake_csrs *csr = &hart->csr;

	switch (number) {
	case CSR_MSTATUS:
		csr->mstatus = value & MSTATUS_WRITABLE;
		break;
	case CSR_MIE:
		csr->mie = value;
		break;
	case CSR_MTVEC:
		csr->mtvec = value & ~(uint64_t)3;
		break;
	case CSR_MSCRATCH:
		csr->mscratch = value;
		break;
	case CSR_MEPC:
		csr->mepc = value & ~(uint64_t)3;
		break;
	case CSR_MCAUSE:
		csr->mcause = value;
		break;
	case CSR_MTVAL:
		csr->mtval = value;
		break;
	case CSR_MCYCLE: /* the next instruction reads what this one wrote */
		csr->cycle_offset = value - (hart->retired + 1);
		break;
	case CSR_MINSTRET:
		csr->instret_offset = value - (hart->retired + 1);
		break;
	default:
		break;
	}
}

bool fake_csr(struct fake_hart *hart, const struct fake_insn *insn)
{
	unsigned number = (unsigned)insn->imm >> 3, funct3 = (unsigned)insn->imm & 7;
	uint64_t source = funct3 & 4 ? insn->rs1 : hart->x[insn->rs1];
	bool writes = (funct3 & 3) == 1 || insn->rs1 != 0;
	bool read_only = number >> 10 == 3;
	uint64_t old;

	if (!csr_read(hart, number, &old) || (writes && read_only))
		return false;
	if (writes) {
		uint64_t value = (funct3 & 3) == 1 ? source :
				 (funct3 & 3) == 2 ? old | source :
						     old & ~source;

		csr_write(hart, number, value);
	}
	hart->x[insn->rd] = old;
	return true;
}

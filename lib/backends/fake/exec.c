/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interpreter's loop. `i` walks over the decoded instructions of one page; pc is
 * computed from it when something asks. x0 is never written: as a destination it was
 * decoded to FAKE_X_SINK.
 */
#include "bytes.h"
#include "mem.h"

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

static uint64_t sext32(uint64_t v)
{
	return (uint64_t)(int64_t)(int32_t)(uint32_t)v;
}

/* The M extension defines division by zero and overflow: nothing traps. */
static uint64_t div64(uint64_t a, uint64_t b)
{
	if (b == 0)
		return UINT64_MAX;
	if (b == UINT64_MAX)
		return -a;
	return (uint64_t)((int64_t)a / (int64_t)b);
}

static uint64_t rem64(uint64_t a, uint64_t b)
{
	if (b == 0)
		return a;
	if (b == UINT64_MAX)
		return 0;
	return (uint64_t)((int64_t)a % (int64_t)b);
}

/* Words: as 64-bit numbers no quotient overflows; truncation does the rest. */
static uint64_t div32(uint64_t a, uint64_t b)
{
	return sext32(div64(sext32(a), sext32(b)));
}

static uint64_t rem32(uint64_t a, uint64_t b)
{
	return sext32(rem64(sext32(a), sext32(b)));
}

static uint64_t divu32(uint64_t a, uint64_t b)
{
	return (uint32_t)b ? sext32((uint32_t)a / (uint32_t)b) : UINT64_MAX;
}

static uint64_t remu32(uint64_t a, uint64_t b)
{
	return (uint32_t)b ? sext32((uint32_t)a % (uint32_t)b) : sext32(a);
}

static uint64_t mulh(uint64_t a, uint64_t b)
{
	return (uint64_t)((int128)(int64_t)a * (int64_t)b >> 64);
}

static uint64_t mulhsu(uint64_t a, uint64_t b)
{
	return (uint64_t)((int128)(int64_t)a * (int128)(uint128)b >> 64);
}

static uint64_t mulhu(uint64_t a, uint64_t b)
{
	return (uint64_t)((uint128)a * b >> 64);
}

/* Decode on first use; the cache is cleared only when the bytes change. */
static void decode_at(struct fake_code *code, struct fake_insn *i)
{
	uint32_t index = (uint32_t)(i - code->insn);

	*i = fake_decode(fake_get32(code->bytes + index * 4), index);
}

/* The instruction itself, for mtval. */
static uint32_t word_at(const struct fake_code *code, const struct fake_insn *i)
{
	return fake_get32(code->bytes + (i - code->insn) * 4);
}

/* Fetch from *pc*: by the TLB if it knows. */
static enum fake_outcome code_at(struct fake_mem *mem, struct fake_hart *hart, uint64_t pc,
				 struct fake_code **code)
{
	const struct fake_tlb *tlb = fake_tlb_at(mem, pc);

	if (tlb->read != (pc & FAKE_PAGE_MASK) || !tlb->code)
		return fake_fetch(mem, hart, pc, code);
	*code = tlb->code;
	return FAKE_OK;
}

#define A x[i->rs1]
#define B x[i->rs2]
#define IMM ((uint64_t)(int64_t)i->imm)
#define PC (page + (uint64_t)(i - code->insn) * 4)

/* Instructions done since the last count; the one at hand was taken from `left` as well. */
#define COUNT(n)                                     \
	do {                                         \
		hart->retired += counted - left - (n); \
		counted = left;                      \
	} while (0)

#define OP(name, expr)              \
	case FAKE_##name:           \
		x[i->rd] = (expr);  \
		continue

#define BRANCH(name, cond)                 \
	case FAKE_##name##_NEAR:           \
		if (cond)                  \
			i += i->imm;       \
		continue;                  \
	case FAKE_##name:                  \
		if (!(cond))               \
			continue;          \
		target = PC + IMM;         \
		goto jump

/* An aligned access to a page that the TLB knows; everything else is slow. */
#define TAG(addr, n) ((addr) & (FAKE_PAGE_MASK | ((n) - 1)))

#define LOAD(name, n, extend)                                             \
	case FAKE_##name: {                                                   \
		uint64_t addr = A + IMM;                                      \
		const struct fake_tlb *tlb = fake_tlb_at(mem, addr);          \
                                                                              \
		if (tlb->read == TAG(addr, n)) {                          \
			value = fake_get(tlb->bytes + addr % TIDAL_PAGE_SIZE, n); \
		} else {                                                      \
			outcome = fake_load(mem, hart, addr, n, &value);  \
			if (outcome != FAKE_OK)                               \
				goto no_load;                                 \
		}                                                             \
		x[i->rd] = extend(value, n);                              \
	}                                                                     \
		continue
#define KEEP(v, n) (v)

#define STORE(name, n)                                                    \
	case FAKE_##name: {                                                   \
		uint64_t addr = A + IMM;                                      \
		const struct fake_tlb *tlb = fake_tlb_at(mem, addr);          \
                                                                              \
		if (tlb->write == (TAG(addr, n) | guard)) {               \
			fake_put(tlb->bytes + addr % TIDAL_PAGE_SIZE, n, B); \
			continue;                                             \
		}                                                             \
		outcome = fake_store(mem, hart, addr, n, B);              \
	}                                                                     \
		if (outcome != FAKE_OK)                                       \
			goto trouble;                                         \
		continue

/* One long switch on purpose: each case is one instruction, and all share the registers above. */
enum fake_exit fake_exec(struct fake_mem *mem, struct fake_hart *hart, uint32_t budget)
{
	const uint64_t guard = fake_reserved_elsewhere(mem, hart) ? FAKE_TLB_GUARD : 0;
	uint64_t *const x = hart->x;
	uint32_t left = budget, counted = budget;
	uint64_t target = hart->pc, page, value;
	enum fake_outcome outcome;
	struct fake_code *code;
	struct fake_insn *i;

fetch:
	if (left == 0) {
		hart->pc = target;
		COUNT(0);
		return FAKE_EXIT_BUDGET;
	}
	outcome = code_at(mem, hart, target, &code);
	if (outcome != FAKE_OK) {
		hart->pc = target;
		COUNT(0);
		if (outcome == FAKE_STALL)
			return FAKE_EXIT_STALL;
		left--;
		counted--;
		goto trap;
	}
	page = target & FAKE_PAGE_MASK;
	i = &code->insn[target % TIDAL_PAGE_SIZE / 4];
	for (;; i++) {
		if (left == 0) {
			hart->pc = PC;
			COUNT(0);
			return FAKE_EXIT_BUDGET;
		}
		left--;
again:
		switch (i->op) {
		case FAKE_UNDECODED:
			decode_at(code, i);
			goto again;
		case FAKE_PAGE_END:
			left++;
			target = PC;
			goto fetch;
		case FAKE_NOP:
			continue;

		OP(LUI, IMM);
		OP(AUIPC, PC + IMM);
		OP(ADDI, A + IMM);
		OP(SLTI, (int64_t)A < i->imm);
		OP(SLTIU, A < IMM);
		OP(XORI, A ^ IMM);
		OP(ORI, A | IMM);
		OP(ANDI, A & IMM);
		OP(SLLI, A << i->imm);
		OP(SRLI, A >> i->imm);
		OP(SRAI, (uint64_t)((int64_t)A >> i->imm));
		OP(ADDIW, sext32(A + IMM));
		OP(SLLIW, sext32(A << i->imm));
		OP(SRLIW, sext32((uint32_t)A >> i->imm));
		OP(SRAIW, (uint64_t)(int64_t)((int32_t)A >> i->imm));
		OP(ADD, A + B);
		OP(SUB, A - B);
		OP(SLL, A << (B & 63));
		OP(SLT, (int64_t)A < (int64_t)B);
		OP(SLTU, A < B);
		OP(XOR, A ^ B);
		OP(SRL, A >> (B & 63));
		OP(SRA, (uint64_t)((int64_t)A >> (B & 63)));
		OP(OR, A | B);
		OP(AND, A & B);
		OP(ADDW, sext32(A + B));
		OP(SUBW, sext32(A - B));
		OP(SLLW, sext32(A << (B & 31)));
		OP(SRLW, sext32((uint32_t)A >> (B & 31)));
		OP(SRAW, (uint64_t)(int64_t)((int32_t)A >> (B & 31)));
		OP(MUL, A * B);
		OP(MULH, mulh(A, B));
		OP(MULHSU, mulhsu(A, B));
		OP(MULHU, mulhu(A, B));
		OP(DIV, div64(A, B));
		OP(DIVU, B ? A / B : UINT64_MAX);
		OP(REM, rem64(A, B));
		OP(REMU, B ? A % B : A);
		OP(MULW, sext32(A * B));
		OP(DIVW, div32(A, B));
		OP(DIVUW, divu32(A, B));
		OP(REMW, rem32(A, B));
		OP(REMUW, remu32(A, B));

		LOAD(LB, 1, fake_sign);
		LOAD(LH, 2, fake_sign);
		LOAD(LW, 4, fake_sign);
		LOAD(LD, 8, KEEP);
		LOAD(LBU, 1, KEEP);
		LOAD(LHU, 2, KEEP);
		LOAD(LWU, 4, KEEP);
		STORE(SB, 1);
		STORE(SH, 2);
		STORE(SW, 4);
		STORE(SD, 8);

		BRANCH(BEQ, A == B);
		BRANCH(BNE, A != B);
		BRANCH(BLT, (int64_t)A < (int64_t)B);
		BRANCH(BGE, (int64_t)A >= (int64_t)B);
		BRANCH(BLTU, A < B);
		BRANCH(BGEU, A >= B);
		case FAKE_JAL_NEAR:
			x[i->rd] = PC + 4;
			i += i->imm;
			continue;
		case FAKE_JAL:
			target = PC + IMM;
			goto link;
		case FAKE_JALR:
			target = (A + IMM) & ~(uint64_t)1;
			goto link;

		case FAKE_LR:
			outcome = fake_load_reserved(mem, hart, i);
			break;
		case FAKE_SC:
			outcome = fake_store_conditional(mem, hart, i);
			break;
		case FAKE_AMO:
			outcome = fake_amo(mem, hart, i);
			break;
		case FAKE_CBO_ZERO:
			outcome = fake_zero_block(mem, hart, A);
			break;
		case FAKE_CSR:
			COUNT(1);
			counted++;
			if (fake_csr(hart, i))
				continue;
			outcome = fake_hart_except(hart, FAKE_CAUSE_ILLEGAL, word_at(code, i));
			break;
		case FAKE_ECALL:
			outcome = fake_hart_except(hart, FAKE_CAUSE_ECALL, 0);
			break;
		case FAKE_EBREAK:
			outcome = fake_hart_except(hart, FAKE_CAUSE_BREAKPOINT, PC);
			break;
		case FAKE_MRET:
			fake_hart_mret(hart);
			target = hart->pc;
			goto fetch;
		case FAKE_WFI:
			hart->pc = PC + 4;
			COUNT(0);
			return FAKE_EXIT_WFI;
		default: /* FAKE_ILLEGAL */
			outcome = fake_hart_except(hart, FAKE_CAUSE_ILLEGAL, word_at(code, i));
			break;
		}
		if (outcome != FAKE_OK)
			goto trouble;
		continue;

link:
		if (target % 4 == 0)
			x[i->rd] = PC + 4;
jump:
		if (target % 4 == 0)
			goto fetch;
		outcome = fake_hart_except(hart, FAKE_CAUSE_FETCH_MISALIGNED, target);
		goto trouble;
no_load:
		hart->stall.rd = i->rd;
		hart->stall.sign = i->op <= FAKE_LD;
trouble:
		hart->pc = PC;
		COUNT(1);
		if (outcome == FAKE_STALL)
			return FAKE_EXIT_STALL;
trap:
		if (!fake_hart_trap(hart))
			return FAKE_EXIT_OFF;
		target = hart->pc;
		goto fetch;
	}
}

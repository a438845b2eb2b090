/* SPDX-License-Identifier: BSD-3-Clause */
/* Random programs. x28 counts loops, x29 holds addresses, x30 scratch, x31 the block: never targets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_asm.h"
#include "program.h"

#define COUNTER 28u
#define ADDRESS 29u
#define SCRATCH 30u
#define BLOCK 31u
#define SCRATCH_BYTES (BLOCK_BYTES - BLOCK_SCRATCH)

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)((rng_next(rng) >> 32) * n >> 32);
}

/* Jumps to units that don't exist yet. */
struct jump {
	size_t at;     /* word of a branch or jal, or of the auipc before a jalr */
	unsigned unit; /* where to */
	enum { JUMP_BRANCH, JUMP_JAL, JUMP_JALR } kind;
};

struct maker {
	struct program *p;
	struct rng rng;
	int lr_sc;
	unsigned units;
	size_t *unit_at; /* by unit, the end included */
	struct jump *jumps;
	unsigned njumps;
};

static void *get(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		perror("calloc");
		exit(99);
	}
	return p;
}

static void emit(struct maker *m, uint32_t insn)
{
	if (m->p->words == m->p->room) {
		m->p->room *= 2;
		m->p->text = realloc(m->p->text, m->p->room * sizeof(uint32_t));
		if (!m->p->text) {
			perror("realloc");
			exit(99);
		}
	}
	m->p->text[m->p->words++] = insn;
}

static unsigned pick(struct maker *m, unsigned n)
{
	return rng_below(&m->rng, n);
}

static unsigned target(struct maker *m)
{
	return pick(m, COUNTER);
}

static unsigned source(struct maker *m)
{
	return pick(m, 32);
}

static void emit_register_op(struct maker *m)
{
	static const struct {
		uint8_t opcode, funct7, funct3;
	} ops[] = {
		{ 0x33, 0, 0 },	   { 0x33, 0x20, 0 }, { 0x33, 0, 1 },	 { 0x33, 0, 2 },
		{ 0x33, 0, 3 },	   { 0x33, 0, 4 },    { 0x33, 0, 5 },	 { 0x33, 0x20, 5 },
		{ 0x33, 0, 6 },	   { 0x33, 0, 7 },    { 0x3b, 0, 0 },	 { 0x3b, 0x20, 0 },
		{ 0x3b, 0, 1 },	   { 0x3b, 0, 5 },    { 0x3b, 0x20, 5 }, { 0x33, 1, 0 },
		{ 0x33, 1, 1 },	   { 0x33, 1, 2 },    { 0x33, 1, 3 },	 { 0x33, 1, 4 },
		{ 0x33, 1, 5 },	   { 0x33, 1, 6 },    { 0x33, 1, 7 },	 { 0x3b, 1, 0 },
		{ 0x3b, 1, 4 },	   { 0x3b, 1, 5 },    { 0x3b, 1, 6 },	 { 0x3b, 1, 7 },
	};
	unsigned i = pick(m, sizeof(ops) / sizeof(ops[0]));

	emit(m, rv_r(ops[i].opcode, ops[i].funct3, ops[i].funct7, target(m), source(m),
		     source(m)));
}

static void emit_immediate_op(struct maker *m)
{
	unsigned word = pick(m, 3) == 0, bits = word ? 5 : 6, funct3 = pick(m, 8);
	int imm = (int)pick(m, 4096);

	if (word && funct3 != 1 && funct3 != 5)
		funct3 = 0;
	if (funct3 == 1 || funct3 == 5)
		imm = (int)pick(m, 1u << bits) | (funct3 == 5 && pick(m, 2) ? 0x400 : 0);
	emit(m, rv_i(word ? 0x1b : 0x13, funct3, target(m), source(m), imm));
}

static void emit_upper(struct maker *m)
{
	emit(m, rv_u(pick(m, 2) ? 0x37 : 0x17, target(m), (uint32_t)rng_next(&m->rng)));
}

/* Anywhere in the scratch area, also misaligned, also into the next block (or page). */
static void emit_load(struct maker *m)
{
	emit(m, rv_i(0x03, pick(m, 7), target(m), SCRATCH, (int)pick(m, SCRATCH_BYTES)));
}

static void emit_store(struct maker *m)
{
	emit(m, rv_s(pick(m, 4), source(m), (int)pick(m, SCRATCH_BYTES), SCRATCH));
}

static void emit_address(struct maker *m, unsigned size)
{
	emit(m, RV_ADDI(ADDRESS, SCRATCH, (int)(pick(m, SCRATCH_BYTES >> size) << size)));
}

static void emit_amo(struct maker *m)
{
	static const uint8_t ops[] = { 0x00, 0x01, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c };
	unsigned size = 2 + pick(m, 2);

	emit_address(m, size);
	emit(m, RV_AMO(ops[pick(m, 9)], size, target(m), source(m), ADDRESS) | pick(m, 4) << 25);
}

/* One in four without its reservation: used up by another SC, or never made. */
static void emit_lr_sc(struct maker *m)
{
	unsigned size = 2 + pick(m, 2), kind = pick(m, 4);

	emit_address(m, size);
	if (kind != 0)
		emit(m, RV_LR(size, target(m), ADDRESS) | pick(m, 4) << 25);
	emit(m, RV_SC(size, target(m), source(m), ADDRESS) | pick(m, 4) << 25);
	if (kind == 1)
		emit(m, RV_SC(size, target(m), source(m), ADDRESS));
}

static void emit_jump(struct maker *m, unsigned unit)
{
	static const uint8_t conditions[] = { 0, 1, 4, 5, 6, 7 };
	struct jump *jump = &m->jumps[m->njumps++];
	unsigned to = unit + 1 + pick(m, 6), rs1 = source(m);

	*jump = (struct jump){ m->p->words, to < m->units ? to : m->units, JUMP_BRANCH };
	switch (pick(m, 4)) {
	case 0:
		jump->kind = JUMP_JAL;
		emit(m, rv_jal(target(m), 0));
		break;
	case 1:
		jump->kind = JUMP_JALR;
		emit(m, RV_AUIPC(ADDRESS, 0));
		emit(m, RV_JALR(target(m), ADDRESS, 0));
		break;
	default:
		emit(m, rv_b(conditions[pick(m, 6)], rs1, pick(m, 4) ? source(m) : rs1, 0));
		break;
	}
}

static void emit_simple(struct maker *m)
{
	switch (pick(m, 10)) {
	case 0:
		emit_upper(m);
		break;
	case 1:
	case 2:
		emit_load(m);
		break;
	case 3:
	case 4:
		emit_store(m);
		break;
	case 5:
	case 6:
		emit_immediate_op(m);
		break;
	default:
		emit_register_op(m);
		break;
	}
}

static void emit_loop(struct maker *m)
{
	size_t body;

	emit(m, RV_ADDI(COUNTER, X0, (int)pick(m, 5) + 1));
	body = m->p->words;
	for (unsigned n = pick(m, 4) + 1; n > 0; n--)
		emit_simple(m);
	emit(m, RV_ADDI(COUNTER, COUNTER, -1));
	emit(m, RV_BNE(COUNTER, X0, -(int)(m->p->words - body) * 4));
}

static void emit_unit(struct maker *m, unsigned unit)
{
	switch (pick(m, 20)) {
	case 0:
	case 1:
		emit_amo(m);
		break;
	case 2:
		if (m->lr_sc)
			emit_lr_sc(m);
		else
			emit_amo(m);
		break;
	case 3:
	case 4:
	case 5:
		emit_jump(m, unit);
		break;
	case 6:
		emit_loop(m);
		break;
	case 7:
		emit(m, pick(m, 2) ? RV_FENCE : RV_FENCE_I);
		break;
	default:
		emit_simple(m);
		break;
	}
}

static void patch_jumps(struct maker *m)
{
	for (unsigned i = 0; i < m->njumps; i++) {
		const struct jump *jump = &m->jumps[i];
		uint32_t *at = &m->p->text[jump->at];
		int offset = (int)(m->unit_at[jump->unit] - jump->at) * 4;

		switch (jump->kind) {
		case JUMP_BRANCH:
			*at |= rv_b(0, 0, 0, offset);
			break;
		case JUMP_JAL:
			*at |= rv_jal(0, offset);
			break;
		case JUMP_JALR:
			at[1] |= rv_i(0, 0, 0, 0, offset);
			break;
		}
	}
	m->njumps = 0;
}

static void emit_constant(struct maker *m, unsigned rd, uint32_t value)
{
	emit(m, RV_LUI(rd, value + 0x800));
	emit(m, RV_ADDI(rd, rd, (int)(value & 0xfff)));
}

static void emit_sequence(struct maker *m, unsigned n)
{
	m->p->start[n] = m->p->words;
	emit_constant(m, BLOCK, PROGRAM_DATA + n * BLOCK_BYTES);
	for (unsigned i = 1; i < BLOCK_REGS; i++)
		emit(m, RV_LD(i, (int)(8 * i), BLOCK));
	for (unsigned unit = 0; unit < m->units; unit++) {
		m->unit_at[unit] = m->p->words;
		emit_unit(m, unit);
	}
	m->unit_at[m->units] = m->p->words;
	patch_jumps(m);
	for (unsigned i = 1; i < BLOCK_REGS; i++)
		emit(m, RV_SD(i, (int)(BLOCK_AFTER + 8 * i), BLOCK));
}

static void emit_end(struct maker *m)
{
	m->p->start[m->p->sequences] = m->p->words;
	emit_constant(m, A7, 64); /* write */
	emit_constant(m, A0, 1);
	emit_constant(m, A1, PROGRAM_DATA);
	emit_constant(m, A2, (uint32_t)m->p->data_bytes);
	emit(m, RV_ECALL);
	emit_constant(m, A7, 93); /* exit */
	emit_constant(m, A0, 0);
	emit(m, RV_ECALL);
}

/* Numbers near the edges of something, more often than chance would give. */
static uint64_t value(struct rng *rng)
{
	static const uint64_t edges[] = { 0,	      1,	  UINT64_MAX, 0x8000000000000000u,
					  0x7fffffff, 0x80000000, 0xffffffff, 0xffffffff80000000u };
	uint64_t random = rng_next(rng);

	switch (rng_below(rng, 4)) {
	case 0:
		return edges[random % 8];
	case 1:
		return edges[random % 8] + random % 7 - 3;
	case 2:
		return random >> random % 64;
	default:
		return random;
	}
}

static void put(uint8_t *at, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static void fill_data(struct maker *m)
{
	for (unsigned n = 0; n <= m->p->sequences; n++) {
		uint8_t *block = m->p->data + n * BLOCK_BYTES;

		for (unsigned i = 0; i < BLOCK_BYTES / 8; i++)
			put(block + 8 * i, 8, value(&m->rng));
		put(block + 8 * SCRATCH, 8, PROGRAM_DATA + n * BLOCK_BYTES + BLOCK_SCRATCH);
	}
}

struct program *program_make(uint64_t seed, unsigned sequences, unsigned units, int lr_sc)
{
	struct program *p = get(1, sizeof(*p));
	struct maker m = { .p = p, .rng = { seed }, .lr_sc = lr_sc, .units = units };

	p->room = 4096;
	p->text = get(p->room, sizeof(uint32_t));
	p->sequences = sequences;
	p->data_bytes = ((size_t)sequences + 1) * BLOCK_BYTES; /* the last one is written behind */
	p->data = get(p->data_bytes, 1);
	p->start = get(sequences + 1, sizeof(size_t));
	m.unit_at = get(units + 1, sizeof(size_t));
	m.jumps = get(units, sizeof(struct jump));
	for (unsigned n = 0; n < sequences; n++)
		emit_sequence(&m, n);
	emit_end(&m);
	fill_data(&m);
	free(m.unit_at);
	free(m.jumps);
	return p;
}

void program_free(struct program *p)
{
	free(p->text);
	free(p->data);
	free(p->start);
	free(p);
}

static void put_segment(uint8_t *at, unsigned flags, uint64_t offset, uint64_t address,
			uint64_t bytes)
{
	put(at, 4, 1);
	put(at + 4, 4, flags);
	put(at + 8, 8, offset);
	put(at + 16, 8, address);
	put(at + 24, 8, address);
	put(at + 32, 8, bytes);
	put(at + 40, 8, bytes);
	put(at + 48, 8, 4096);
}

uint8_t *program_elf(const struct program *p, size_t *len)
{
	size_t text_bytes = p->words * 4;
	size_t data_at = 4096 + (text_bytes + 4095) / 4096 * 4096;
	uint8_t *file = get(data_at + p->data_bytes, 1);

	memcpy(file, "\177ELF\2\1\1", 7);
	put(file + 16, 2, 2);	 /* ET_EXEC */
	put(file + 18, 2, 243);	 /* EM_RISCV */
	put(file + 20, 4, 1);
	put(file + 24, 8, PROGRAM_TEXT);
	put(file + 32, 8, 64);	 /* program headers */
	put(file + 52, 2, 64);
	put(file + 54, 2, 56);
	put(file + 56, 2, 2);
	put_segment(file + 64, 5, 4096, PROGRAM_TEXT, text_bytes);
	put_segment(file + 64 + 56, 6, data_at, PROGRAM_DATA, p->data_bytes);
	for (size_t i = 0; i < p->words; i++)
		put(file + 4096 + 4 * i, 4, p->text[i]);
	memcpy(file + data_at, p->data, p->data_bytes);
	*len = data_at + p->data_bytes;
	return file;
}

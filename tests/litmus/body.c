/* SPDX-License-Identifier: BSD-3-Clause */
/* See body.h. */
#include "body.h"

#include <string.h>

#include "../unit/fake_asm.h"

#define AMO_SWAP 0x01
#define DOUBLE 3

static unsigned here(const struct body *b)
{
	return b->words * 4;
}

static void emit(struct body *b, uint32_t word)
{
	if (b->words < BODY_WORDS)
		b->word[b->words] = word;
	b->words++;
}

static void detour(struct body *b)
{
	emit(b, RV_LD(T2, 0, A0 + BODY_DETOUR));
}

/* Count down from the argument, between two instructions of a test. */
static void pause_here(struct body *b)
{
	emit(b, RV_ADDI(T1, A0 + BODY_PAUSE, 0));
	emit(b, RV_BEQ(T1, X0, 12));
	emit(b, RV_ADDI(T1, T1, -1));
	emit(b, rv_jal(X0, -8));
}

static void end(struct body *b)
{
	emit(b, RV_LD(T2, 0, A0 + BODY_GATE));
	emit(b, RV_SPIN); /* not reached */
}

/* What is learnt goes to *to*. */
static void emit_op(struct body *b, const struct op *op, unsigned to)
{
	unsigned var = A0 + op->var;
	unsigned begin;

	if (op->kind != OP_LOAD && op->kind != OP_LR && op->kind != OP_ZERO)
		emit(b, RV_ADDI(T0, X0, op->value));
	switch (op->kind) {
	case OP_LOAD:
		emit(b, RV_LD(to, 0, var));
		break;
	case OP_STORE:
		emit(b, RV_SD(T0, 0, var));
		break;
	case OP_SWAP:
		emit(b, RV_AMO(AMO_SWAP, DOUBLE, to, T0, var));
		break;
	case OP_ADD:
		emit(b, RV_AMO(RV_AMOADD, DOUBLE, to, T0, var));
		break;
	case OP_LR:
		emit(b, RV_LR(DOUBLE, to, var));
		break;
	case OP_SC:
		emit(b, RV_SC(DOUBLE, to, T0, var));
		break;
	case OP_LRSC:
		begin = here(b);
		emit(b, RV_LR(DOUBLE, to, var));
		emit(b, RV_SC(DOUBLE, T1, T0, var));
		emit(b, RV_BNE(T1, X0, (int)begin - (int)here(b)));
		break;
	case OP_ZERO:
		emit(b, RV_CBO_ZERO(var));
		break;
	default:
		break;
	}
}

static void emit_test(struct body *b, const struct shape *shape, unsigned hart, unsigned detours)
{
	unsigned learnt = 0;

	b->test[hart][detours] = here(b);
	for (unsigned i = 0; i < shape_ops(shape, hart); i++) {
		const struct op *op = &shape->op[hart][i];

		emit_op(b, op, BODY_LEARNT + learnt);
		learnt += op_observes(op->kind);
		if (detours >> i & 1)
			detour(b);
		if (i + 1 < shape_ops(shape, hart))
			pause_here(b);
	}
	end(b);
}

static void emit_touch(struct body *b, unsigned var, enum touch touch)
{
	if (touch == TOUCH_LOAD)
		emit(b, RV_LD(T0, 0, A0 + var));
	else if (touch == TOUCH_STORE)
		emit(b, RV_SD(A0, 0, A0 + var));
}

static void emit_touches(struct body *b, enum way way, enum touch first, enum touch second)
{
	b->touch[way][first][second] = here(b);
	if (way == WAY_BEFORE)
		detour(b);
	emit_touch(b, 0, first);
	emit_touch(b, 1, second);
	if (way == WAY_AFTER)
		detour(b);
	end(b);
}

int body_make(struct body *b, const struct shape *shape)
{
	memset(b, 0, sizeof(*b));
	b->gate = here(b);
	end(b);
	for (unsigned h = 0; h < shape->harts; h++)
		for (unsigned set = 0; set < 1u << shape_ops(shape, h); set++)
			emit_test(b, shape, h, set);
	b->look = here(b);
	for (unsigned v = 0; v < shape->vars; v++)
		emit(b, RV_LD(BODY_LEARNT + v, 0, A0 + v));
	end(b);
	for (unsigned n = 0; n <= LITMUS_VARS; n++) {
		b->zero[n] = here(b);
		for (unsigned v = 0; v < n; v++)
			emit(b, RV_CBO_ZERO(A0 + v));
		end(b);
	}
	for (unsigned way = 0; way < WAYS; way++)
		for (unsigned i = 0; i < TOUCH_KINDS; i++)
			for (unsigned k = 0; k < TOUCH_KINDS; k++)
				emit_touches(b, (enum way)way, (enum touch)i, (enum touch)k);
	return b->words > BODY_WORDS ? -1 : 0;
}

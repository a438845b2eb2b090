/* SPDX-License-Identifier: BSD-3-Clause */
/* The shapes: what each hart does to which variable. All variables are 0 at first. */
#ifndef LITMUS_SHAPES_H
#define LITMUS_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

#define LITMUS_HARTS 4
#define LITMUS_OPS 4
#define LITMUS_VARS 3

enum op_kind {
	OP_NONE = 0,
	OP_LOAD,
	OP_STORE,
	OP_SWAP,   /* amoswap */
	OP_ADD,	   /* amoadd */
	OP_LR,	   /* lr alone: a load, or the first half of what OP_SC ends */
	OP_SC,	   /* sc alone, which may fail */
	OP_LRSC,   /* lr and sc until it succeeds: a swap */
	OP_ZERO,   /* cbo.zero: the whole page */
};

struct op {
	uint8_t kind, var, value;
};

struct shape {
	char name[16];
	unsigned harts, vars;
	struct op op[LITMUS_HARTS][LITMUS_OPS];
	bool ends;   /* the variables at the end are part of the outcome */
	bool apart;  /* no two variables may share a page */
	bool ahead; /* forbidden outcomes need a value from the future, an old one won't do */
};

/* Does the hart learn a value by it? */
bool op_observes(enum op_kind kind);
unsigned shape_ops(const struct shape *shape, unsigned hart);

/* Every shape, and those with atomics instead of loads and stores; NULL when there are no more. */
const struct shape *shape_next(unsigned *at, struct shape *room);

#endif

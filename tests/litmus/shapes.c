/* SPDX-License-Identifier: BSD-3-Clause */
/* See shapes.h. Names are those that the literature uses. */
#include "shapes.h"

#include <stddef.h>
#include <stdio.h>

enum { X, Y, Z };
#define R(v) { OP_LOAD, v, 0 }
#define W(v, n) { OP_STORE, v, n }

/* Of these there are variants with atomics. */
static const struct shape classic[] = {
	{ "SB", 2, 2, { { W(X, 1), R(Y) }, { W(Y, 1), R(X) } }, 0, 0, 0 },
	{ "MP", 2, 2, { { W(X, 1), W(Y, 1) }, { R(Y), R(X) } }, 0, 0, 0 },
	{ "LB", 2, 2, { { R(X), W(Y, 1) }, { R(Y), W(X, 1) } }, 0, 0, 1 },
	{ "S", 2, 2, { { W(X, 2), W(Y, 1) }, { R(Y), W(X, 1) } }, 1, 0, 0 },
	{ "R", 2, 2, { { W(X, 1), W(Y, 1) }, { W(Y, 2), R(X) } }, 1, 0, 0 },
	{ "2+2W", 2, 2, { { W(X, 1), W(Y, 2) }, { W(Y, 1), W(X, 2) } }, 1, 0, 0 },
	{ "IRIW", 4, 2, { { W(X, 1) }, { W(Y, 1) }, { R(X), R(Y) }, { R(Y), R(X) } }, 0, 0, 0 },
	{ "WRC", 3, 2, { { W(X, 1) }, { R(X), W(Y, 1) }, { R(Y), R(X) } }, 0, 0, 0 },
	{ "RWC", 3, 2, { { W(X, 1) }, { R(X), R(Y) }, { W(Y, 1), R(X) } }, 0, 0, 0 },
	{ "ISA2", 3, 3, { { W(X, 1), W(Y, 1) }, { R(Y), W(Z, 1) }, { R(Z), R(X) } }, 0, 0, 0 },
	{ "3.SB", 3, 3, { { W(X, 1), R(Y) }, { W(Y, 1), R(Z) }, { W(Z, 1), R(X) } }, 0, 0, 0 },
	{ "CoRR", 2, 1, { { W(X, 1) }, { R(X), R(X) } }, 0, 0, 0 },
	{ "CoRR2", 4, 1, { { W(X, 1) }, { W(X, 2) }, { R(X), R(X) }, { R(X), R(X) } }, 0, 0, 0 },
	{ "CoWW", 2, 1, { { W(X, 1), W(X, 2) }, { R(X) } }, 1, 0, 0 },
	{ "CoWR", 2, 1, { { W(X, 1), R(X) }, { W(X, 2) } }, 1, 0, 0 },
	{ "CoRW", 2, 1, { { R(X), W(X, 1) }, { W(X, 2) } }, 1, 0, 0 },
};

/* These are what they are. */
static const struct shape special[] = {
	{ "count", 3, 1, { { { OP_ADD, X, 1 }, { OP_ADD, X, 1 } }, { { OP_ADD, X, 1 } },
			   { { OP_ADD, X, 1 } } }, 1, 0, 0 },
	{ "tickets", 2, 2, { { { OP_ADD, X, 1 }, W(Y, 1) }, { { OP_ADD, X, 1 }, R(Y) } }, 1, 0, 0 },
	{ "sc-once", 2, 1, { { { OP_LR, X, 0 }, { OP_SC, X, 1 } }, { W(X, 2) } }, 1, 0, 0 },
	{ "sc-race", 2, 1, { { { OP_LR, X, 0 }, { OP_SC, X, 1 } },
			     { { OP_LR, X, 0 }, { OP_SC, X, 2 } } }, 1, 0, 0 },
	{ "MP+zero", 2, 2, { { W(X, 1), { OP_ZERO, X, 0 }, W(Y, 1) }, { R(X), R(Y), R(X) } }, 0, 1, 0 },
	{ "SB+zero", 2, 2, { { W(X, 1), { OP_ZERO, X, 0 }, R(Y) }, { W(Y, 1), R(X) } }, 0, 1, 0 },
	{ "CoWW+zero", 2, 1, { { W(X, 1), { OP_ZERO, X, 0 }, W(X, 2) }, { R(X), R(X) } }, 1, 1, 0 },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Which atomic stands for what in which variant. */
static const struct variant {
	const char *suffix;
	enum op_kind load, store;
} variants[] = {
	{ "", OP_LOAD, OP_STORE },
	{ "+amo", OP_ADD, OP_SWAP }, /* a load is an amoadd of 0 */
	{ "+lrsc", OP_LR, OP_LRSC },
};

bool op_observes(enum op_kind kind)
{
	return kind != OP_NONE && kind != OP_STORE && kind != OP_ZERO;
}

unsigned shape_ops(const struct shape *shape, unsigned hart)
{
	unsigned n = 0;

	while (n < LITMUS_OPS && shape->op[hart][n].kind != OP_NONE)
		n++;
	return n;
}

static void vary(struct shape *shape, const struct variant *variant)
{
	for (unsigned h = 0; h < shape->harts; h++) {
		for (unsigned i = 0; i < LITMUS_OPS; i++) {
			struct op *op = &shape->op[h][i];

			if (op->kind == OP_LOAD)
				op->kind = (uint8_t)variant->load;
			else if (op->kind == OP_STORE)
				op->kind = (uint8_t)variant->store;
		}
	}
}

const struct shape *shape_next(unsigned *at, struct shape *room)
{
	unsigned n = (*at)++;
	const struct variant *variant = &variants[n % COUNT(variants)];

	if (n >= COUNT(classic) * COUNT(variants)) {
		n -= (unsigned)(COUNT(classic) * COUNT(variants));
		return n < COUNT(special) ? &special[n] : NULL;
	}
	*room = classic[n / COUNT(variants)];
	vary(room, variant);
	snprintf(room->name, sizeof(room->name), "%s%s", classic[n / COUNT(variants)].name,
		 variant->suffix);
	return room;
}

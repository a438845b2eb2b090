/* SPDX-License-Identifier: BSD-3-Clause */
/* See outcomes.h. */
#include "outcomes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS 4
#define VALUE_MAX 15

struct machine {
	const struct shape *shape;
	struct outcomes *all;
	bool unlucky; /* an SC may fail without a reason */
	unsigned pc[LITMUS_HARTS];
	uint8_t mem[LITMUS_VARS];
	bool reserved[LITMUS_HARTS][LITMUS_VARS];
	uint8_t learnt[LITMUS_HARTS][LITMUS_OPS];
};

void outcome_add(uint64_t *code, unsigned *n, uint64_t value)
{
	*code |= (value > VALUE_MAX ? VALUE_MAX : value) << BITS * (*n)++;
}

static int find(const struct outcomes *all, uint64_t code)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->of[i].code == code)
			return (int)i;
	return -1;
}

bool outcomes_has(const struct outcomes *all, uint64_t code)
{
	return find(all, code) >= 0;
}

bool outcomes_see(struct outcomes *all, uint64_t code)
{
	int i = find(all, code);

	if (i >= 0)
		all->of[i].seen++;
	return i >= 0;
}

unsigned outcomes_missing(const struct outcomes *all)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all->n; i++)
		n += all->of[i].seen == 0 && !all->of[i].may;
	return n;
}

static void collect(struct machine *m)
{
	uint64_t code = 0;
	unsigned n = 0;

	for (unsigned h = 0; h < m->shape->harts; h++)
		for (unsigned i = 0; i < shape_ops(m->shape, h); i++)
			if (op_observes(m->shape->op[h][i].kind))
				outcome_add(&code, &n, m->learnt[h][i]);
	for (unsigned v = 0; m->shape->ends && v < m->shape->vars; v++)
		outcome_add(&code, &n, m->mem[v]);
	if (outcomes_has(m->all, code))
		return;
	if (m->all->n == OUTCOMES) {
		fprintf(stderr, "%s: more than %d outcomes\n", m->shape->name, OUTCOMES);
		exit(99);
	}
	m->all->of[m->all->n++] = (struct outcome){ .code = code, .may = m->unlucky };
}

static void put(struct machine *m, unsigned hart, uint8_t var, unsigned value)
{
	m->mem[var] = (uint8_t)value;
	for (unsigned h = 0; h < LITMUS_HARTS; h++)
		if (h != hart)
			m->reserved[h][var] = false;
}

/* An atomic step; what the hart learns by it. */
static unsigned perform(struct machine *m, unsigned hart, const struct op *op, bool unlucky)
{
	unsigned old = m->mem[op->var];

	switch (op->kind) {
	case OP_STORE:
	case OP_SWAP:
	case OP_LRSC:
	case OP_ZERO:
		put(m, hart, op->var, op->value);
		return old;
	case OP_ADD:
		put(m, hart, op->var, old + op->value);
		return old;
	case OP_LR:
		m->reserved[hart][op->var] = true;
		return old;
	case OP_SC:
		if (!m->reserved[hart][op->var] || unlucky)
			return 1;
		put(m, hart, op->var, op->value);
		return 0;
	default:
		return old;
	}
}

static void explore(const struct machine *from)
{
	bool over = true;

	for (unsigned h = 0; h < from->shape->harts; h++) {
		const struct op *op = &from->shape->op[h][from->pc[h]];

		if (from->pc[h] == shape_ops(from->shape, h))
			continue;
		over = false;
		for (int unlucky = 0; unlucky <= (from->unlucky && op->kind == OP_SC); unlucky++) {
			struct machine m = *from;

			m.learnt[h][m.pc[h]++] = (uint8_t)perform(&m, h, op, unlucky);
			explore(&m);
		}
	}
	if (over) {
		struct machine m = *from;

		collect(&m);
	}
}

void outcomes_allowed(struct outcomes *all, const struct shape *shape)
{
	struct machine m = { .shape = shape, .all = all };

	memset(all, 0, sizeof(*all));
	explore(&m);
	m.unlucky = true;
	explore(&m);
}

static void append(char *text, size_t room, size_t *at, int hart, unsigned var, uint64_t value)
{
	int n = hart < 0 ? snprintf(text + *at, room - *at, " %c=%llu", "xyz"[var],
				    (unsigned long long)value)
			 : snprintf(text + *at, room - *at, " %d:%c=%llu", hart, "xyz"[var],
				    (unsigned long long)value);

	if (n > 0)
		*at = *at + (size_t)n < room ? *at + (size_t)n : room;
}

void outcome_text(char *text, size_t room, const struct shape *shape, uint64_t code)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned h = 0; h < shape->harts; h++) {
		for (unsigned i = 0; i < shape_ops(shape, h); i++) {
			if (!op_observes(shape->op[h][i].kind))
				continue;
			append(text, room, &at, (int)h, shape->op[h][i].var, code & VALUE_MAX);
			code >>= BITS;
		}
	}
	for (unsigned v = 0; shape->ends && v < shape->vars; v++, code >>= BITS)
		append(text, room, &at, -1, v, code & VALUE_MAX);
}

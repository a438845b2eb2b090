/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's code, made from a shape: RV64IMA, one page. Each piece begins with its arguments
 * in a0.. and ends with a load from the gate, where the hart is given its next piece.
 */
#ifndef LITMUS_BODY_H
#define LITMUS_BODY_H

#include "shapes.h"

#define BODY_WORDS 1024 /* a page */
#define BODY_LEARNT 18	/* first register of what a hart learns: s2 */
/* arguments: a0-a2 the variables, and */
#define BODY_PAUSE 3	/* how long to wait between two instructions */
#define BODY_DETOUR 4	/* address that a detour touches */
#define BODY_GATE 5	/* the gate */

enum touch { TOUCH_NONE, TOUCH_LOAD, TOUCH_STORE, TOUCH_KINDS };
enum way { WAY_STRAIGHT, WAY_BEFORE, WAY_AFTER, WAYS }; /* when a detour is made */

struct body {
	uint32_t word[BODY_WORDS];
	unsigned words;
	/* offsets in bytes */
	unsigned gate;	/* only waits */
	unsigned test[LITMUS_HARTS][1u << LITMUS_OPS]; /* by instructions before a detour */
	unsigned look;	/* learn all variables */
	unsigned zero[LITMUS_VARS + 1];			/* cbo.zero of a0, a1.. */
	unsigned touch[WAYS][TOUCH_KINDS][TOUCH_KINDS];	/* of a0, a1 */
};

/* 0, or -1: too long for a page. */
int body_make(struct body *body, const struct shape *shape);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * script - everything that a run was free to choose: the instructions of the guest, what became
 * of packets, what meddlers did and when. A setting and a script make a run; one from a failure
 * can be shortened (shrink.h), and be kept in a file.
 */
#ifndef TIDAL_TESTS_SCRIPT_H
#define TIDAL_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*	name, text of a, b, x, y */
#define CHOICES(X)                                                                            \
	X(OP, op, "at: its number; a: vCPU; b: access and flags; x: page; y: page of code")    \
	X(LOSE, lose, "at: the number of the packet from a to b")                             \
	X(TWICE, twice, "likewise; x: delay of the second")                                   \
	X(LATE, late, "likewise; x: by so much")                                              \
	X(CUT, cut, "at: virtual time; x: set of nodes cut off, b: 1 out, 2 in, 3; y: how long") \
	X(SLOW, slow, "a: node; x: times slower; y: how long")                                \
	X(HALT, halt, "a: node whose host does nothing; y: how long")                         \
	X(LAG, lag, "a: node whose clock is x slow; y: how long")                             \
	X(MOVE, move, "a: node; b: to which; x: vCPU")                                        \
	X(EVICT, evict, "a: node; x: page")                                                   \
	X(POLICY, policy, "a: node; x: enum setting_policy")                                  \
	X(WEIGHTS, weights, "a: node; x: seed")                                               \
	X(TOUCH, touch, "a: node of a VMM thread; x: page; b: access")                        \
	X(PIN, pin, "a: node; x: page; y: how long")                                          \
	X(PAUSE, pause, "a: node; y: how long")                                               \
	X(RESTART, restart, "a: node")                                                        \
	X(WAKE, wake, "at: number of the instruction; a: vCPU; x: after so long")

#define CHOICE_ENUM(NAME, name, text) CHOICE_##NAME,
enum choice_kind { CHOICES(CHOICE_ENUM) CHOICE_KINDS };
#undef CHOICE_ENUM

struct choice {
	uint64_t at, x, y;
	uint16_t a, b;
	uint8_t kind; /* enum choice_kind */
};

/* b of CHOICE_OP, besides the access. */
#define OP_CROSSING 16u
#define OP_FETCH 32u

struct script {
	struct choice *choice;
	size_t count, room;
};

const char *choice_name(unsigned kind);
static inline bool choice_is_packet(unsigned kind)
{
	return kind >= CHOICE_LOSE && kind <= CHOICE_LATE;
}
static inline bool choice_is_timed(unsigned kind)
{
	return kind >= CHOICE_CUT && kind <= CHOICE_RESTART;
}

void script_add(struct script *s, const struct choice *c);
void script_free(struct script *s);
void script_write(const struct script *s, FILE *f);
/* One line that script_write() wrote; false: it isn't one. */
bool script_read(struct script *s, const char *line);

#endif

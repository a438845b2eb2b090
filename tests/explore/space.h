/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * space - all states of a subject, breadth first, and how they are connected. States with the
 * same digest (64 bits) count once: among ten million the odds that any two of them are
 * confused are about one to 400,000.
 */
#ifndef TIDAL_TESTS_SPACE_H
#define TIDAL_TESTS_SPACE_H

#include "snapshots.h"

struct bounds {
	double seconds;
	size_t bytes;
	unsigned depth; /* steps from the first state; 0: any */
	bool way;	/* print how the last state was reached */
	uint32_t audit; /* of states that are met again every so manieth is audited; 0: none */
};

struct state {
	uint64_t digest;
	void *snapshot; /* until it is expanded */
	uint32_t parent;
	uint32_t edges; /* expanded: the first of its edges; they end where the next one's begin */
	struct step step; /* from the parent to here */
	bool quiet;
};

/* A state that was met again, to be audited: what it looks like now, and how it was reached. */
struct again {
	void *snapshot;
	uint32_t to, from;
	struct step step;
};

struct space {
	const struct subject_ops *ops;
	void *subject;
	struct snapshots *snapshots;
	struct state *state;
	uint32_t states, room;
	uint32_t *bucket; /* of the hash table: state + 1 */
	uint32_t buckets;
	uint32_t *edge; /* to which state */
	uint32_t edges, edges_room;
	uint32_t expanded;
	unsigned depth; /* of the states that are being expanded: steps from the first */
	size_t snapshot_bytes, most_bytes;
	struct again *again;
	uint32_t agains, agains_room, audit, met;
	const char *found; /* what is wrong; NULL: nothing */
	uint32_t at;	   /* in this state, or after this step from it */
	struct step step;
	bool by_step;
};

/* false: the subject does not start. */
bool space_open(struct space *x, const struct subject_ops *ops, const void *config);
void space_close(struct space *x);

/* Until everything is known, a bound is met, or something is found to be wrong. */
void space_explore(struct space *x, const struct bounds *bounds);

static inline bool space_closed(const struct space *x)
{
	return x->expanded == x->states;
}

/* The state with this digest; x->states: none. */
uint32_t space_find(const struct space *x, uint64_t digest);
/* Another list of answers for the policy; false: all have been tried. */
bool space_next_answers(struct step *step, unsigned questions);

/* The steps that lead to what was found, or to this state. */
void space_print_way(struct space *x, uint32_t to, const struct step *last);
uint32_t space_way_length(const struct space *x, uint32_t to);

/*
 * space_audit.c: compare what follows the states that were to be audited with what followed those
 * with the same digest that were met first. Notes a difference as found; returns how many were.
 */
uint32_t space_audit(struct space *x);

/*
 * space_quiet.c: the number of states from which no quiet one can be reached, by the graph
 * backwards; those that were not expanded count as if they were quiet. *example: the first.
 */
uint32_t space_stuck(const struct space *x, uint32_t *example);
uint32_t space_quiet(const struct space *x);
/*
 * What the graph can't tell of states that were not expanded: drain at most *most* of them, evenly
 * chosen, by a fair way of at most *steps* steps. Notes the first that does not become quiet as
 * found; returns how many were tried.
 */
uint32_t space_drain(struct space *x, uint32_t most, unsigned steps);

#endif

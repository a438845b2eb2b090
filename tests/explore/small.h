/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * small - a small pod whose every step is chosen from outside: two or three cores,
 * as many vCPUs, one page, an ideal wire without order, hosts that take their time. All of its state lies in
 * one block of memory, so that a copy of the block is a snapshot.
 *
 * The values in the page are numbers; what a vCPU reads must be what was written last. Mapping
 * and unmapping take effect some time after the core asks for them, and the core hears of it
 * some time after that: both are steps.
 */
#ifndef TIDAL_TESTS_SMALL_H
#define TIDAL_TESTS_SMALL_H

#include <stdbool.h>
#include <tidal/core.h>

#define SMALL_NODES 3 /* at most */
#define SMALL_VCPUS 3

/* What may happen besides reads, writes, messages, completions and timers. */
enum small_features {
	SMALL_ZERO = 1,	   /* vCPUs zero the page */
	SMALL_EXEC = 2,	   /* and fetch code from it */
	SMALL_POLICY = 4,  /* every decision goes either way */
	SMALL_MOVE = 8,	   /* commands to move a vCPU */
	SMALL_EVICT = 16,  /* commands to evict the page */
	SMALL_VMM = 32,	   /* VMM threads touch the page */
	SMALL_PIN = 64,	   /* and pin it */
	SMALL_FAIL = 128,  /* the host fails to map or unmap */
	SMALL_SLOW_ZERO = 256, /* zeroing in the background takes time */
	SMALL_STARVE = 1024, /* vCPUs may starve, and nodes search for the owner */
	SMALL_FICKLE = 512, /* after a stall a vCPU may do something else first: an interrupt */
};

struct small_config {
	unsigned features;
	unsigned flight;  /* with so many things under way nothing new is begun */
	bool no_retire;	  /* the host can't tell retired instructions */
	bool together;	  /* all vCPUs start on node 0 */
	unsigned nodes, vcpus; /* 0: 2 */
};

enum small_kind {
	STEP_DELIVER, /* a message, or the host's "done" */
	STEP_EFFECT,  /* mapping or unmapping takes effect */
	STEP_FAIL,    /* or fails */
	STEP_ACCESS,  /* an instruction */
	STEP_SKIP,    /* a zeroing instruction that needs not be carried out any more */
	STEP_STOP,    /* a vCPU that was asked to stop does */
	STEP_TICK,    /* at the deadline */
	STEP_LATE,    /* long after it */
	STEP_MOVE,
	STEP_EVICT,
	STEP_VMM,
	STEP_PIN,
	STEP_UNPIN,
};

struct small_step {
	uint8_t kind;
	uint8_t node;
	uint8_t vcpu;
	uint8_t what;	/* enum tidal_access; things under way: their number; moves: where to */
	uint8_t policy; /* answers of the policy, a bit for each question */
};
#define SMALL_STEPS 128

struct small;

/* A pod that has started; NULL: the cores refused. */
struct small *small_open(const struct small_config *config);
void small_close(struct small *s);

/* The block of memory with all of the state, a multiple of 4096. */
void *small_memory(struct small *s, size_t *bytes);

/* All steps that may be possible now. */
unsigned small_steps(const struct small *s, struct small_step *steps);
/* Take a step. false: not possible now; the state may be damaged then. *questions: asked of the policy. */
bool small_do(struct small *s, const struct small_step *step, unsigned *questions);

/* Equal for states that can't be told apart; see digest.h. */
uint64_t small_digest(const struct small *s);
/* What is broken in this state, NULL: nothing. Static, until the next call. */
const char *small_violation(struct small *s);
/* What has gone wrong in the last step, NULL: nothing. */
const char *small_trouble(const struct small *s);
/* Nothing is under way and nobody waits. */
bool small_is_quiet(const struct small *s);

/* For people. */
void small_print_step(const struct small *s, const struct small_step *step);
void small_print(const struct small *s);

#endif

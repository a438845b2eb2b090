/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subject - what can be explored: a small system whose every step is chosen from outside. All of
 * its state lies in one block of memory, so that a copy of the block is a snapshot.
 */
#ifndef TIDAL_TESTS_SUBJECT_H
#define TIDAL_TESTS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One step. What the fields mean is the subject's affair; policy: answers to its questions. */
struct step {
	uint8_t kind, node, vcpu, what, page;
	uint8_t policy; /* a bit for each question */
};
#define STEPS 160

/* Part of the memory that no step is expected to change; that is made sure of in the end. */
struct constant {
	size_t at, bytes;
};
#define CONSTANTS 16

struct memory {
	unsigned char *at;
	size_t bytes; /* a multiple of 4096 */
	struct constant constant[CONSTANTS];
};

struct subject_ops {
	/* In its first state; NULL: it does not start. */
	void *(*open)(const void *config);
	void (*close)(void *);
	void (*memory)(void *, struct memory *m);
	/* All steps that may be possible now; returns how many. */
	unsigned (*steps)(const void *, struct step *steps);
	/* Take a step. false: not possible now, the state may be damaged. *questions: asked. */
	bool (*take)(void *, const struct step *step, unsigned *questions);
	/* Equal for states that no future can tell apart. */
	uint64_t (*digest)(const void *);
	/* What is broken in this state, NULL: nothing. */
	const char *(*violation)(void *);
	/* What has gone wrong in the last step, NULL: nothing. */
	const char *(*trouble)(const void *);
	/* Nothing is under way and nobody waits. */
	bool (*is_quiet)(const void *);
	/* The next step of a fair way to a quiet state, on which nothing new begins; or false. */
	bool (*drain)(const void *, struct step *step);
	/* For people. */
	void (*print_step)(const void *, const struct step *step);
	void (*print)(const void *);
};

#endif

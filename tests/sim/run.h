/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run - one simulated pod from start to quiescence: a setting, and a script or the draws of its
 * seed instead. The same setting and script give the same run, event by event.
 */
#ifndef TIDAL_TESTS_RUN_H
#define TIDAL_TESTS_RUN_H

#include <tidal/base.h>

#include "script.h"
#include "setting.h"

struct outcome {
	char violation[256]; /* empty: none */
	bool full;	     /* stuck because the pod or a table is full, and says so */
	unsigned lost;	     /* pages and vCPUs that were lost to restarts, and reported */
	uint64_t events;     /* pushed */
	uint64_t checks;     /* pages looked at */
	uint64_t digest;     /* of everything that happened */
	uint64_t choices;    /* that weren't the plain course of things: faults, meddling */
	tidal_time time;     /* virtual */
	tidal_time longest;  /* time that a vCPU that wanted to run retired nothing */
};

struct run_how {
	const struct script *script; /* NULL: draw from the seed */
	struct script *record;	     /* NULL, or gets what was chosen */
	FILE *trace;		     /* NULL, or gets what happens */
	uint64_t most_events;	     /* give up after; 0: no limit */
};

void run_setting(const struct setting *s, const struct run_how *how, struct outcome *out);

/* Do two violations look like the same fault? (Their words are the same, numbers apart.) */
bool run_alike(const char *a, const char *b);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* replay - feed a recorded event log to a fresh core and compare what it does. */
#ifndef TIDAL_NODE_REPLAY_H
#define TIDAL_NODE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eventlog.h"

enum replay_verdict {
	REPLAY_EQUAL = 0,
	REPLAY_DIFFERENT = 1,
	REPLAY_BAD = 2, /* the log can't be read, or not by this build */
};

struct replay {
	enum replay_verdict verdict;
	uint64_t events;  /* compared so far */
	bool ended;	  /* by a digest; else the log was not closed */
	const char *what; /* static: what differs, or is wrong */
	int error;	  /* BAD: TIDAL_E*, or 0 */
	size_t offset;	  /* BAD: in the log */
	/* DIFFERENT: the event after which, or whose result, differs; number 0: before the first */
	uint64_t number;
	uint32_t kind;
	tidal_time now;
	uint64_t recorded, replayed; /* the two values */
	/* Called for every event before it is compared; may be NULL. */
	void (*visit)(void *arg, uint64_t number, const struct eventlog_record *record);
	void *arg;
};

/* Set visit and arg; everything else is filled in. */
enum replay_verdict replay_run(struct replay *r, const void *log, size_t len);

#endif

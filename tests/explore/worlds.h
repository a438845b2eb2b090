/* SPDX-License-Identifier: BSD-3-Clause */
/* worlds - what is explored. */
#ifndef TIDAL_TESTS_WORLDS_H
#define TIDAL_TESTS_WORLDS_H

#include "subject.h"

struct world {
	const char *name;
	const struct subject_ops *ops;
	const void *config;
	bool quick;	/* part of make check */
	unsigned depth; /* how far; 0: to the end */
	const char *planted; /* what must be found there, because it was planted */
};

extern const struct world worlds[]; /* the last one has no name */

#endif

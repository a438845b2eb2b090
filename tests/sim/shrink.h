/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shrink - makes a failing run shorter: leaves out what it fails without (delta debugging), and
 * takes settings back to what is plain.
 */
#ifndef TIDAL_TESTS_SHRINK_H
#define TIDAL_TESTS_SHRINK_H

#include "run.h"

/*
 * *s and *script fail with *violation*. Shortens both for so many seconds of processor time at
 * most; they go on failing with a violation of the same words. Returns the number of runs made.
 */
unsigned shrink(struct setting *s, struct script *script, const char *violation, double seconds);

/* A failure in a file. write: false: it can't be written; read: not such a file. */
bool failure_write(const char *path, const struct setting *s, const struct script *script,
		   const char *violation);
bool failure_read(const char *path, struct setting *s, struct script *script, char violation[256]);

#endif

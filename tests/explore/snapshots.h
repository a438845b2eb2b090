/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshots - copies of a subject's memory, as differences from the first. */
#ifndef TIDAL_TESTS_SNAPSHOTS_H
#define TIDAL_TESTS_SNAPSHOTS_H

#include "subject.h"

struct snapshots;

/* The state of the memory now is the first. */
struct snapshots *snapshots_open(const struct memory *m);
/* false: something that was said to be constant has changed. */
bool snapshots_close(struct snapshots *x);

/* Keep the present state; until it is left it may not change. Adds what that takes to *bytes. */
void *snapshot_take(struct snapshots *x, size_t *bytes);
/* Go back to it, or to the first. */
void snapshot_restore(struct snapshots *x, const void *snapshot);
void snapshot_first(struct snapshots *x);
/* Returns how many bytes it took. */
size_t snapshot_free(void *snapshot);

#endif

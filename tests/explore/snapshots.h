/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshots - copies of a pod's memory, as differences from the first. */
#ifndef TIDAL_TESTS_SNAPSHOTS_H
#define TIDAL_TESTS_SNAPSHOTS_H

#include <stddef.h>

struct small;
struct snapshots;

/* The state of the pod now is the first. */
struct snapshots *snapshots_open(struct small *s);
void snapshots_close(struct snapshots *x);

/* Keep the present state; adds what that takes to *bytes. */
void *snapshot_take(struct snapshots *x, size_t *bytes);
/* Go back to it, or to the first. */
void snapshot_restore(struct snapshots *x, const void *snapshot);
void snapshot_first(struct snapshots *x);
/* Returns how many bytes it took. */
size_t snapshot_free(void *snapshot);

#endif

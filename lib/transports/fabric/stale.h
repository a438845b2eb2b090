/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stale - names of "shm" endpoints, and files of those whose process is gone: the provider leaves
 * them in /dev/shm when a process is killed.
 */
#ifndef TIDAL_TRANSPORTS_FABRIC_STALE_H
#define TIDAL_TRANSPORTS_FABRIC_STALE_H

#include <stddef.h>

/* A name that only this process gives out, "tidal-NAMESPACE-PID"; the provider adds ":USER:NUMBER". */
void stale_name(char *name, size_t size);
/*
 * Remove such files of this user in *folder* whose process, of this pid namespace, has ended; returns
 * how many.
 */
unsigned stale_remove(const char *folder);

#endif

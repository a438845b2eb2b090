/* SPDX-License-Identifier: BSD-3-Clause */
/* topology - is a topology a tree that the scheduler can use? */
#ifndef TIDAL_CORE_TOPOLOGY_H
#define TIDAL_CORE_TOPOLOGY_H

#include <tidal/topology.h>

/* 0, or TIDAL_EINVAL/TIDAL_ERANGE with *why (static text). */
int topology_check(const struct tidal_topology *topology, const char **why);

#endif

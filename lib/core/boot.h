/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boot - how a pod starts: the master has the initial virtual map and tells it to all
 * others, a piece per message; whoever has all of it marks its part of memory dormant (a few extents,
 * however large the guest is), makes its vCPUs ready, and reports that it is ready.
 */
#ifndef TIDAL_CORE_BOOT_H
#define TIDAL_CORE_BOOT_H

#include "engine.h"

/* Has this node room for what a (checked) map gives it: its extents, its vCPUs? */
bool boot_fits(const struct engine *e, const struct tidal_vmap *map);
/* The master's own start. */
void boot_master(struct engine *e, const struct tidal_vmap *map);
/* All know of this node: it takes part from now on. */
void boot_joined(struct engine *e);
/* All others: let the master know that this node is there. */
void boot_join(struct engine *e);
/* Master: send what is still to be told, as far as there is room. */
void boot_tell(struct engine *e);
/* A peer died, or lives anew: it is to be told again; or it was the master. */
void boot_peer_lost(struct engine *e, tidal_nodeid n);
int boot_on_map(struct engine *e, tidal_nodeid from, const struct wire_map *m);

#endif

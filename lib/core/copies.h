/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copies - the copyset of a page in eight bytes: which nodes may have a copy.
 *
 * Up to 64 nodes it is a bitmap. In larger pods it names up to five nodes, and
 * from the sixth on it is a coarse vector of 60 groups: a superset. A superset is
 * harmless, since a node without a copy acknowledges an invalidation too.
 */
#ifndef TIDAL_CORE_COPIES_H
#define TIDAL_CORE_COPIES_H

#include "nodeset.h"

typedef uint64_t copies;

/* c with node n in it, in a pod of that many nodes. */
copies copies_add(copies c, unsigned n, unsigned nodes);
/* c without node n, as far as that can be told. */
copies copies_del(copies c, unsigned n, unsigned nodes);
/* Every node that may be in c, except a and b (the pages' old and new owner). */
void copies_expand(copies c, unsigned nodes, unsigned a, unsigned b, struct tidal_nodeset *set);
/* Could this have been made by the functions here? To be asked of what a message brings. */
bool copies_sound(copies c, unsigned nodes);
/* The set of all nodes. */
copies copies_all(unsigned nodes);

#endif

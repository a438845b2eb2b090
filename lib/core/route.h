/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * route - where a request goes next. A hint is followed only if it is newer than what
 * led the request here, the home is asked at most once without newer news, and after
 * ROUTE_HOPS forwards the requester is told to ask again: a chain can neither run
 * in a circle nor get long.
 */
#ifndef TIDAL_CORE_ROUTE_H
#define TIDAL_CORE_ROUTE_H

#include "engine.h"

#define ROUTE_HOPS 4

struct hop {
	tidal_nodeid node; /* NONE: nobody better is known here */
	uint64_t lead;	   /* epoch + 1 of the knowledge that points there; 0: none */
	bool home_asked;
};

/* Also for a request that starts here (r->node is this node, lead 0). */
struct hop route_next(const struct engine *e, const struct wire_request *r,
		      struct whereabouts hint);

#endif

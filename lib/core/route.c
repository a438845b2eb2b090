/* SPDX-License-Identifier: BSD-3-Clause */
/* route - see route.h. */
#include "route.h"

/* Who owned it when the pod started. */
static tidal_nodeid initial_owner(const struct engine *e, tidal_gfn gfn)
{
	const struct tidal_vmap *map = &e->guest->map;

	for (uint32_t i = 0; i < map->memory_runs; i++)
		if (gfn - map->memory[i].first < map->memory[i].pages)
			return map->memory[i].node;
	return TIDAL_NODE_NONE;
}

static bool newer_than_lead(uint64_t epoch, uint64_t lead)
{
	return lead == 0 || epoch_newer(epoch, lead - 1);
}

static bool useful(const struct engine *e, const struct wire_request *r, tidal_nodeid n)
{
	return n != TIDAL_NODE_NONE && n != e->self && n != r->node && n < e->nodes &&
	       !link_is_down(e->link, n);
}

/* What the home knows; without a record the page is still where it started. */
static struct hop by_record(const struct engine *e, const struct wire_request *r)
{
	struct whereabouts w = owners_recorded(e->owners, r->gfn);

	if (w.node == TIDAL_NODE_NONE)
		w = (struct whereabouts){ initial_owner(e, r->gfn), 0 };
	if (!useful(e, r, w.node))
		return (struct hop){ TIDAL_NODE_NONE, 0, true };
	if (r->flags & WIRE_VIA_HOME && !newer_than_lead(w.epoch, r->lead))
		return (struct hop){ TIDAL_NODE_NONE, 0, true };
	return (struct hop){ w.node, newer_than_lead(w.epoch, r->lead) ? w.epoch + 1 : r->lead,
			     true };
}

struct hop route_next(const struct engine *e, const struct wire_request *r,
		      struct whereabouts hint)
{
	tidal_nodeid home = owners_home(e->owners, r->gfn);
	bool asked = r->flags & WIRE_VIA_HOME;
	struct hop by_hint = { hint.node, hint.epoch + 1, asked };
	bool hinted = useful(e, r, hint.node) && newer_than_lead(hint.epoch, r->lead);

	if (home == e->self) {
		struct hop hop = by_record(e, r);

		if (hop.node == TIDAL_NODE_NONE || (hinted && hop.lead < by_hint.lead &&
						    epoch_newer(hint.epoch, hop.lead - 1)))
			return hinted ? by_hint : hop;
		return hop;
	}
	if (hinted)
		return by_hint;
	if (!asked && useful(e, r, home))
		return (struct hop){ home, r->lead, false };
	return (struct hop){ TIDAL_NODE_NONE, 0, asked };
}

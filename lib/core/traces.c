/* SPDX-License-Identifier: BSD-3-Clause */
/* traces - see traces.h. */
#include "traces.h"

void traces_init(struct traces *t, struct arena *a, uint32_t room)
{
	struct tidal_trace *ring = arena_take(a, (size_t)room * sizeof(*ring), 64);

	if (!a->base)
		return;
	t->room = room;
	t->ring = rel_to(t, ring);
}

void traces_add(struct traces *t, const struct tidal_trace *record)
{
	struct tidal_trace *ring = REL(t, ring);

	if (t->used == t->room)
		t->dropped++;
	else
		ring[t->used++] = *record;
}

bool traces_take(struct traces *t, struct tidal_trace *record)
{
	const struct tidal_trace *ring = REL(t, ring);

	if (t->taken < t->used) {
		*record = ring[t->taken++];
		return true;
	}
	if (t->dropped == 0) {
		t->taken = t->used = 0;
		return false;
	}
	*record = (struct tidal_trace){ .what = TIDAL_TRACE_DROPPED, .gfn = TIDAL_GFN_NONE,
					.pages = t->dropped, .node = TIDAL_NODE_NONE,
					.vcpu = TIDAL_VCPU_NONE };
	t->dropped = 0;
	return true;
}

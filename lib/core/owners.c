/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owners - see owners.h. Layout of an entry, in tables and caches:
 *	a: key + 1 (pages: gfn; extents: first << 5 | order) (35 bits), owner (16 from bit 40)
 *	b: epoch
 */
#include "owners.h"

#include "bits.h"

#define KEY_BITS 35
#define KEY_MASK ((UINT64_C(1) << KEY_BITS) - 1)
#define OWNER_SHIFT 40
#define GIB_ORDER 9 /* the caches know extents by 2 MiB and by 1 GiB */

static struct entry pack(uint64_t key, struct whereabouts w)
{
	return (struct entry){ (key + 1) | (uint64_t)w.node << OWNER_SHIFT, w.epoch };
}

static struct whereabouts unpack(const struct entry *e)
{
	return (struct whereabouts){ (tidal_nodeid)(e->a >> OWNER_SHIFT), e->b };
}

static const struct whereabouts unknown = { TIDAL_NODE_NONE, 0 };

static struct whereabouts newest(struct whereabouts a, struct whereabouts b)
{
	if (a.node == TIDAL_NODE_NONE)
		return b;
	if (b.node == TIDAL_NODE_NONE || !epoch_newer(b.epoch, a.epoch))
		return a;
	return b;
}

static uint64_t extent_key(uint64_t first, uint32_t order)
{
	return first << 5 | order;
}

void owners_init(struct owners *o, struct arena *a, const struct owners_config *config)
{
	struct entry *hints, *range_hints;

	table_init(&o->pages, a, config->homes, KEY_BITS);
	table_init(&o->ranges, a, config->homes / 4 + 4, KEY_BITS);
	hints = arena_take(a, (size_t)config->hints * sizeof(*hints), 64);
	range_hints = arena_take(a, (size_t)config->hints * sizeof(*hints), 64);
	if (!a->base)
		return;
	o->hints = rel_to(o, hints);
	o->range_hints = rel_to(o, range_hints);
	o->hints_size = o->range_hints_size = config->hints;
	o->nodes = config->nodes;
	o->self = config->self;
}

tidal_nodeid owners_home(const struct owners *o, tidal_gfn gfn)
{
	return (tidal_nodeid)spread(mix64(gfn >> TIDAL_RANGE_SHIFT), o->nodes);
}

/* Store unless the table knows something newer. 1: a new entry, 0: replaced or ignored, -1: no room. */
static int note(struct owners *o, struct table *t, uint64_t key, struct whereabouts w)
{
	struct entry old, e = pack(key, w);
	bool had = table_get(t, key + 1, &old);

	if (had && !epoch_newer(w.epoch, old.b))
		return 0;
	if (!table_put(t, &e)) {
		o->overflow++;
		return -1;
	}
	return !had;
}

bool owners_note_page(struct owners *o, tidal_gfn gfn, struct whereabouts w)
{
	return note(o, &o->pages, gfn, w) >= 0;
}

bool owners_note_extent(struct owners *o, uint64_t first, uint32_t order, struct whereabouts w)
{
	int got = note(o, &o->ranges, extent_key(first, order), w);

	if (got > 0)
		o->of_order[order]++;
	return got >= 0;
}

static void remember(struct entry *cache, uint32_t size, uint64_t key, struct whereabouts w)
{
	struct entry *e = &cache[spread(mix64(key), size)];

	if ((e->a & KEY_MASK) == key + 1 && !epoch_newer(w.epoch, e->b))
		return;
	*e = pack(key, w);
}

static struct whereabouts recall(const struct entry *cache, uint32_t size, uint64_t key)
{
	const struct entry *e = &cache[spread(mix64(key), size)];

	return (e->a & KEY_MASK) == key + 1 ? unpack(e) : unknown;
}

void owners_hint_page(struct owners *o, tidal_gfn gfn, struct whereabouts w)
{
	remember(REL(o, hints), o->hints_size, gfn, w);
}

void owners_hint_extent(struct owners *o, uint64_t first, uint32_t order, struct whereabouts w)
{
	uint32_t as = order >= GIB_ORDER ? GIB_ORDER : 0;

	o->large_hints |= as != 0;
	remember(REL(o, range_hints), o->range_hints_size, extent_key(first >> as << as, as), w);
}

struct whereabouts owners_hinted(const struct owners *o, tidal_gfn gfn)
{
	const struct entry *pages = (const struct entry *)((const char *)o + o->hints);
	const struct entry *ranges = (const struct entry *)((const char *)o + o->range_hints);
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT, gib = range >> GIB_ORDER << GIB_ORDER;
	struct whereabouts w = recall(pages, o->hints_size, gfn);

	w = newest(w, recall(ranges, o->range_hints_size, extent_key(range, 0)));
	if (!o->large_hints)
		return w;
	return newest(w, recall(ranges, o->range_hints_size, extent_key(gib, GIB_ORDER)));
}

struct whereabouts owners_recorded(const struct owners *o, tidal_gfn gfn)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;
	struct whereabouts w = unknown;
	struct entry e;

	if (table_get(&o->pages, gfn + 1, &e))
		w = unpack(&e);
	for (uint32_t k = 0; k <= TIDAL_ORDER_MAX; k++)
		if (o->of_order[k] &&
		    table_get(&o->ranges, extent_key(range >> k << k, k) + 1, &e))
			w = newest(w, unpack(&e));
	return w;
}

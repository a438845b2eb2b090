/* SPDX-License-Identifier: BSD-3-Clause */
/* boot - see boot.h. */
#include "boot.h"

/* The extents that make up a run of memory, the largest that are aligned: call with *at = its
 * first range until it returns false. */
static bool next_extent(const struct tidal_vmap_memory *run, uint64_t *at, struct extent *x)
{
	uint64_t end = (run->first + run->pages + TIDAL_RANGE_PAGES - 1) >> TIDAL_RANGE_SHIFT;

	if (*at >= end)
		return false;
	*x = (struct extent){ *at, 0, 0 };
	while (x->order < TIDAL_ORDER_MAX && (*at & (UINT64_C(1) << x->order)) == 0 &&
	       *at + (UINT64_C(2) << x->order) <= end)
		x->order++;
	*at += UINT64_C(1) << x->order;
	return true;
}

static void own_extents(struct engine *e, const struct tidal_vmap_memory *run)
{
	uint64_t at = run->first >> TIDAL_RANGE_SHIFT;
	struct extent x;

	while (next_extent(run, &at, &x))
		(void)ranges_add(e->ranges, &x); /* the map's runs don't overlap */
}

bool boot_fits(const struct engine *e, const struct tidal_vmap *map)
{
	uint32_t extents = 0, vcpus = 0;
	struct extent x;

	for (uint32_t i = 0; i < map->memory_runs; i++) {
		uint64_t at = map->memory[i].first >> TIDAL_RANGE_SHIFT;

		while (map->memory[i].node == e->self && next_extent(&map->memory[i], &at, &x))
			extents++;
	}
	for (uint32_t i = 0; i < map->vcpu_runs; i++)
		vcpus += map->vcpu[i].node == e->self ? map->vcpu[i].count : 0;
	return table_room(&e->ranges->table, extents + RANGES_SPLIT) && vcpus <= e->vcpus->slots &&
	       tidal_vmap_vcpus(map) <= e->vcpus->count;
}

static void place_vcpus(struct engine *e, const struct tidal_vmap_vcpus *run, bool again)
{
	for (unsigned i = 0; i < run->count; i++) {
		tidal_vcpuid v = (tidal_vcpuid)(run->first + i);
		struct vcpu *vcpu = vcpus_at(e->vcpus, v);

		vcpu->node = vcpu->ran_on = run->node;
		vcpu->dest = TIDAL_NODE_NONE;
		if (run->node != e->self)
			continue;
		if (again) {
			vcpu->state = TIDAL_VCPU_LOST;
			continue;
		}
		vcpu->state = TIDAL_VCPU_READY;
		e->vcpus->here++;
		sched_ready(e->sched, e->now, v, vcpu->priority);
	}
}

void boot_joined(struct engine *e)
{
	e->guest->joined = true;
	engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_READY,
						     .gfn = TIDAL_GFN_NONE,
						     .vcpu = TIDAL_VCPU_NONE,
						     .node = e->self,
						     .text = "the guest may start" });
}

/*
 * Whoever thinks that this node is dead would not wait for it to drop its copy of a page, nor tell it
 * that another node has. So it gets none before all know that it lives. That holds as well for a node
 * whose earlier life was told nothing: others may have heard of that death, the master not.
 */
static void join_again(struct engine *e, enum wire_here_as as)
{
	struct losses *l = e->losses;

	l->ever = true;
	l->here_as = (uint8_t)as;
	l->here_tell = 1;
	copies_expand(copies_all(e->nodes), e->nodes, e->self, TIDAL_NODE_NONE, &l->here_wait);
}

/* again: this node lived before. What the map puts here was lost with that life. */
static void start(struct engine *e, bool again)
{
	struct guest *g = e->guest;

	g->known = true;
	g->pages = tidal_vmap_pages(&g->map);
	g->vcpus = tidal_vmap_vcpus(&g->map);
	for (uint32_t i = 0; !again && i < g->map.memory_runs; i++)
		if (g->map.memory[i].node == e->self)
			own_extents(e, &g->map.memory[i]);
	for (uint32_t i = 0; i < g->map.vcpu_runs; i++)
		place_vcpus(e, &g->map.vcpu[i], again);
	if (again || e->params->incarnation > 1)
		join_again(e, again ? HERE_AGAIN : HERE_LATER);
	else
		boot_joined(e);
}

void boot_master(struct engine *e, const struct tidal_vmap *map)
{
	e->guest->map = *map;
	e->guest->total = map->memory_runs + map->vcpu_runs + map->devices;
	for (unsigned n = 1; n < e->nodes; n++)
		nodeset_add(&e->guest->tell, n);
	e->guest->to_tell = e->nodes > 1;
	start(e, false);
}

void boot_join(struct engine *e)
{
	const struct wire m = { .kind = MSG_HERE,
				.u.here = { .incarnation = e->params->incarnation } };

	if (e->self != 0)
		engine_send(e, 0, &m, NULL, 0);
}

static void piece(const struct tidal_vmap *map, uint32_t i, struct wire_map *m)
{
	m->index = (uint8_t)i;
	if (i < map->memory_runs) {
		m->kind = MAP_MEMORY;
		m->first = map->memory[i].first;
		m->count = map->memory[i].pages;
		m->node = map->memory[i].node;
	} else if (i - map->memory_runs < map->vcpu_runs) {
		const struct tidal_vmap_vcpus *run = &map->vcpu[i - map->memory_runs];

		m->kind = MAP_VCPUS;
		m->first = run->first;
		m->count = run->count;
		m->node = run->node;
	} else {
		const struct tidal_vmap_device *d =
			&map->device[i - map->memory_runs - map->vcpu_runs];

		m->kind = MAP_DEVICE;
		m->first = d->base;
		m->count = d->bytes;
		m->node = d->node;
	}
}

/* Whom to tell next; false: all have been told. */
static bool next_to_tell(struct engine *e)
{
	struct guest *g = e->guest;

	if (g->telling_piece > 0)
		return true;
	g->telling = (tidal_nodeid)nodeset_next(&g->tell, 0);
	while (g->telling < e->nodes && link_is_down(e->link, g->telling))
		g->telling = (tidal_nodeid)nodeset_next(&g->tell, g->telling + 1u);
	if (g->telling >= e->nodes)
		return false;
	g->telling_again = nodeset_has(&g->told, g->telling);
	nodeset_add(&g->told, g->telling);
	return true;
}

void boot_tell(struct engine *e)
{
	struct guest *g = e->guest;
	struct wire m = { .kind = MSG_MAP };

	while (link_room(e->link, LINK_REQUEST, 1) && next_to_tell(e)) {
		piece(&g->map, g->telling_piece, &m.u.map);
		m.u.map.total = (uint8_t)g->total;
		m.u.map.again = g->telling_again;
		engine_send(e, g->telling, &m, NULL, 0);
		if (++g->telling_piece == g->total) {
			g->telling_piece = 0;
			nodeset_del(&g->tell, g->telling);
		}
	}
	g->to_tell = !nodeset_empty(&g->tell);
}

void boot_peer_lost(struct engine *e, tidal_nodeid n)
{
	struct guest *g = e->guest;

	if (e->self == 0) {
		if (g->telling_piece > 0 && g->telling == n)
			g->telling_piece = 0;
		nodeset_add(&g->tell, n);
		g->to_tell = true;
	} else if (n == 0 && !g->known) {
		memset(g, 0, sizeof(*g)); /* of a map that nobody will complete */
	}
}

/* Pieces come in any order: they are kept by kind, sorted by what they begin with. */
static bool keep(struct tidal_vmap *map, const struct wire_map *m)
{
	uint32_t i;

	switch (m->kind) {
	case MAP_MEMORY:
		if (map->memory_runs == TIDAL_VMAP_RUNS)
			return false;
		for (i = map->memory_runs++; i > 0 && map->memory[i - 1].first > m->first; i--)
			map->memory[i] = map->memory[i - 1];
		map->memory[i] = (struct tidal_vmap_memory){ m->first, m->count, m->node };
		return true;
	case MAP_VCPUS:
		if (map->vcpu_runs == TIDAL_VMAP_RUNS || m->first > UINT16_MAX ||
		    m->count > UINT16_MAX)
			return false;
		for (i = map->vcpu_runs++; i > 0 && map->vcpu[i - 1].first > m->first; i--)
			map->vcpu[i] = map->vcpu[i - 1];
		map->vcpu[i] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)m->first,
							  (uint16_t)m->count, m->node };
		return true;
	case MAP_DEVICE:
		if (map->devices == TIDAL_VMAP_DEVICES)
			return false;
		map->device[map->devices++] =
			(struct tidal_vmap_device){ m->first, m->count, m->node };
		return true;
	default:
		return false;
	}
}

static bool is_usable(const struct engine *e, const struct tidal_vmap *map)
{
	const char *why;

	return tidal_vmap_check(map, e->nodes, &why) == 0 && boot_fits(e, map);
}

int boot_on_map(struct engine *e, tidal_nodeid from, const struct wire_map *m)
{
	struct guest *g = e->guest;

	/* nobody hears itself: this is not the master */
	if (from != 0 || g->known || m->index >= m->total ||
	    m->index >= 192 || g->have[m->index / 64] >> (m->index % 64) & 1 ||
	    (g->total && g->total != m->total))
		return TIDAL_EPROTO;
	g->map.size = sizeof(g->map);
	if (!keep(&g->map, m))
		return TIDAL_EPROTO;
	g->have[m->index / 64] |= UINT64_C(1) << (m->index % 64);
	g->total = m->total;
	if (++g->got < g->total)
		return 0;
	if (is_usable(e, &g->map)) {
		start(e, m->again);
		return 0;
	}
	engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_BAD_PEER,
						     .error = TIDAL_EINVAL,
						     .gfn = TIDAL_GFN_NONE,
						     .vcpu = TIDAL_VCPU_NONE,
						     .node = from,
						     .text = "the master's map does not fit this node" });
	return 0;
}

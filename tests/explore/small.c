/* SPDX-License-Identifier: BSD-3-Clause */
/* small - see small.h. Here: making one. */
#include "small.h"

#include <stdlib.h>
#include <string.h>

#include "link_look.h"
#include "small_state.h"

/* ---- a policy that is told its answers: weights point to the pod ---- */

static unsigned next_answer(const void *weights)
{
	struct small *s = (struct small *)(uintptr_t)weights;

	return s->script >> s->asked++ & 1;
}

static enum tidal_choice choose(const struct tidal_factors *f, const void *weights)
{
	(void)f;
	return next_answer(weights) ? TIDAL_CHOOSE_VCPU : TIDAL_CHOOSE_PAGE;
}

static enum tidal_full_choice choose_full(const struct tidal_full_factors *f, const void *weights)
{
	(void)f;
	return next_answer(weights) ? TIDAL_FULL_SEND_VCPU : TIDAL_FULL_WAIT;
}

static const struct tidal_policy_ops scripted = {
	.size = sizeof(scripted), .name = "scripted",
	.request = choose, .answer = choose, .full = choose_full,
};

/* ---- the cores ---- */

static void make_params(const struct small *s, unsigned node, struct tidal_params *p)
{
	bool tells = !(s->config.features & SMALL_NO_RETIRE);

	tidal_params_init(p, sizeof(*p), SMALL_FRAMES);
	p->node = (tidal_nodeid)node;
	p->nodes = (uint16_t)s->config.nodes;
	p->flags = (s->config.link ? 0 : TIDAL_PARAM_IDEAL_LINK) |
		   (tells ? TIDAL_PARAM_RETIRE_EVENTS : 0);
	p->landing = 2;
	p->reserve = 1;
	p->low = p->high = 0;
	p->vcpus = p->vcpu_slots = (uint16_t)s->config.vcpus;
	p->slice_ns = 60 * UINT64_C(1000000000); /* the scheduler is explored elsewhere */
	p->transits = 4;
	p->messages = s->config.link ? 128 : 8u * s->config.nodes + 96;
	p->ranges = p->homes = p->hints = 4;
	p->policy = s->config.features & SMALL_POLICY ? &scripted : tidal_policy_page();
	p->policy_data = s;
}

static bool make_topology(const struct small *s, struct tidal_topology *topo,
			  struct tidal_topo_object objects[3 + SMALL_VCPUS])
{
	return tidal_topology_regular(topo, objects, 3 + SMALL_VCPUS, 1, 1, s->config.vcpus) == 0;
}

static bool make_core(struct small *s, unsigned node, const struct tidal_vmap *map)
{
	struct tidal_topo_object objects[3 + SMALL_VCPUS];
	struct tidal_topology topo;
	struct tidal_params p;

	make_params(s, node, &p);
	if (!make_topology(s, &topo, objects))
		return false;
	p.topology = &topo;
	p.vmap = node == 0 ? map : NULL;
	return tidal_core_init((char *)s->memory + s->offset[node],
			       s->offset[node + 1] - s->offset[node], &p, &s->core[node]) == 0;
}

/* One on each node; where there are more nodes than vCPUs node 0 has memory only. */
static unsigned node_of_vcpu(const struct small *s, unsigned v)
{
	if (s->config.features & SMALL_TOGETHER)
		return 0;
	return (v + (s->config.nodes > s->config.vcpus)) % s->config.nodes;
}

/* All memory starts at node 0. */
static bool make_map(const struct small *s, struct tidal_vmap *map)
{
	tidal_gfn last = s->gfn[0];

	if (s->config.pages > 1 && s->gfn[1] > last)
		last = s->gfn[1];
	if (tidal_vmap_init(map, sizeof(*map), last + 1, s->config.vcpus))
		return false;
	map->vcpu_runs = s->config.vcpus;
	for (unsigned v = 0; v < s->config.vcpus; v++)
		map->vcpu[v] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)v, 1,
							  (tidal_nodeid)node_of_vcpu(s, v) };
	return true;
}

static bool lay_out(struct small *s, const struct tidal_vmap *map)
{
	struct tidal_topo_object objects[3 + SMALL_VCPUS];
	struct tidal_topology topo;
	size_t at = (sizeof(struct model) + 63) & ~(size_t)63;

	if (!make_topology(s, &topo, objects))
		return false;
	for (unsigned n = 0; n < s->config.nodes; n++) {
		struct tidal_params p;
		size_t bytes;

		make_params(s, n, &p);
		p.topology = &topo;
		p.vmap = n == 0 ? map : NULL;
		bytes = tidal_core_footprint(&p);
		if (bytes == 0)
			return false;
		s->offset[n] = at;
		at += (bytes + 63) & ~(size_t)63;
	}
	s->offset[s->config.nodes] = (at + 4095) & ~(size_t)4095;
	return true;
}

/* ---- the pages ---- */

/* The first page from *from* on, in a new range, that has this home. */
static tidal_gfn page_with_home(const struct small *s, tidal_gfn from, unsigned home)
{
	const struct owners all = { .nodes = (uint16_t)s->config.nodes };

	while (owners_home(&all, from) != home)
		from += TIDAL_RANGE_PAGES;
	return from;
}

static void choose_pages(struct small *s)
{
	unsigned other = (s->config.home + 1) % s->config.nodes;

	s->gfn[0] = page_with_home(s, 0, s->config.home);
	s->gfn[1] = s->gfn[0] + 1;
	if (s->config.features & SMALL_APART)
		s->gfn[1] = page_with_home(s, 0, other);
}

unsigned small_page(const struct small *s, tidal_gfn gfn)
{
	for (unsigned p = 0; p < s->config.pages; p++)
		if (s->gfn[p] == gfn)
			return p;
	return SMALL_PAGES;
}

/* ---- open and close ---- */

void small_violate(struct small *s, const char *text)
{
	if (!s->m->violation)
		s->m->violation = text;
}

/* What is under way arrives at once, in order. false: that does not come to an end. */
static bool settle(struct small *s)
{
	unsigned questions;
	struct step step;

	for (unsigned n = 0; n < 500 && !small_is_quiet(s); n++)
		if (!small_drain(s, &step) || !small_take(s, &step, &questions))
			return false;
	return small_is_quiet(s);
}

/* A thread of node 0's VMM writes zeroes. */
static bool warm(struct small *s, unsigned page)
{
	const struct step step = { .kind = STEP_VMM, .what = TIDAL_WRITE, .page = (uint8_t)page };
	unsigned questions;

	return small_take(s, &step, &questions) && settle(s);
}

/* Everybody may run; the map is told. */
static bool start(struct small *s)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };

	ev.u.command.command = TIDAL_CMD_CONTINUE;
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (small_push(s, n, 0, &ev))
			return false;
	if (!settle(s))
		return false;
	for (unsigned p = 0; s->config.features & SMALL_WARM && p < s->config.pages; p++)
		if (!warm(s, p))
			return false;
	return !small_violation(s);
}

static void furnish(struct small *s)
{
	for (unsigned v = 0; v < s->config.vcpus; v++)
		s->m->host[node_of_vcpu(s, v)].vcpu[v].here = true;
	for (unsigned n = 0; n < s->config.nodes; n++)
		for (unsigned i = 0; i < SMALL_FRAMES; i++)
			s->m->host[n].frame[i] = GARBAGE; /* never used, never zeroed */
}

static bool build(struct small *s)
{
	struct tidal_vmap map;

	choose_pages(s);
	if (!make_map(s, &map) || !lay_out(s, &map))
		return false;
	s->memory = aligned_alloc(4096, s->offset[s->config.nodes]);
	if (!s->memory)
		return false;
	memset(s->memory, 0, s->offset[s->config.nodes]);
	s->m = s->memory;
	furnish(s);
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (!make_core(s, n, &map))
			return false;
	if (!start(s))
		return false;
	s->m->losses = (uint8_t)s->config.losses;
	s->m->repeats = (uint8_t)s->config.repeats;
	return true;
}

static void small_close(void *small)
{
	struct small *s = small;

	free(s->memory);
	free(s);
}

static void *small_open(const void *config)
{
	struct small *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *(const struct small_config *)config;
	if (build(s))
		return s;
	small_close(s);
	return NULL;
}

/* Most of a core is tables that a pod of this size never fills. */
#define ACTIONS_USED 24
#define MESSAGES_USED 40
#define MESSAGES_USED_IDEAL 12
#define WAITERS_USED 2
#define THINGS_USED 24

static void note_constants(const struct small *s, unsigned node, struct constant c[4])
{
	struct tidal_core *core = s->core[node];
	const struct link *l = small_link(s, node);
	size_t at = s->offset[node];

	c[0] = (struct constant){ at + offsetof(struct tidal_core, decider.tables),
				  sizeof(core->decider.tables) };
	c[1] = (struct constant){ at + offsetof(struct tidal_core, actq.ring[ACTIONS_USED]),
				  (ACTQ_SIZE - ACTIONS_USED) * sizeof(core->actq.ring[0]) };
	link_entries(l, s->config.link ? MESSAGES_USED : MESSAGES_USED_IDEAL, &c[2].at,
		     &c[2].bytes);
	c[2].at += at + (size_t)core->link;
	c[3] = (struct constant){ at + offsetof(struct tidal_core, vmm.waiter[WAITERS_USED]),
				  (VMM_WAITERS - WAITERS_USED) * sizeof(core->vmm.waiter[0]) };
}

static void small_memory(void *small, struct memory *m)
{
	const struct small *s = small;

	*m = (struct memory){ .at = s->memory, .bytes = s->offset[s->config.nodes] };
	m->constant[CONSTANTS - 1] =
		(struct constant){ offsetof(struct model, thing[THINGS_USED]),
				   (THINGS - THINGS_USED) * sizeof(struct thing) };
	for (unsigned n = 0; n < s->config.nodes; n++)
		note_constants(s, n, &m->constant[4 * n]);
}

static const char *small_trouble(const void *small)
{
	const struct small *s = small;

	return s->m->violation;
}

const struct subject_ops small_ops = {
	.open = small_open,
	.close = small_close,
	.memory = small_memory,
	.steps = small_steps,
	.take = small_take,
	.digest = small_digest,
	.violation = small_violation,
	.trouble = small_trouble,
	.is_quiet = small_is_quiet,
	.drain = small_drain,
	.print_step = small_print_step,
	.print = small_print,
};
